//! What people see: data on standard output, everything else on standard error.

pub mod pager;
pub mod printer;
pub mod progress;
pub mod screen;
pub mod table;
pub mod words;
