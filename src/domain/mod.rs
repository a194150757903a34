//! What crew knows and decides.
//!
//! Plain functions and values: `now` is an argument, and nothing here touches files, the clock, processes or the
//! environment. That is what lets every rule be tested in a few lines.
#![deny(clippy::disallowed_methods)]

pub mod error_kind;
pub mod finding;
pub mod submission;
pub mod usage;
