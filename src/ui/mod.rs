//! What people see: data on standard output, everything else on standard error.

pub mod full_screen;
pub mod keys;
pub mod pager;
pub mod printer;
pub mod progress;
pub mod screen;
pub mod table;
pub mod top;
pub mod words;
