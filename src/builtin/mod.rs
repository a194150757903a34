//! What the agent that ships inside the binary can do without any model.
//!
//! As explorer it maps a repository, as verifier it runs the test commands it finds and judges by their exit codes, as
//! writer it composes the report. Each is a plain function that returns what it found out; starting the process,
//! handing in the result and printing are left to the rooms above.
//!
//! Everything it reads in a repository, and every line a command prints, was written by somebody else: it is bounded,
//! cleaned by [`crate::domain::words`], and quoted so that no file name can break the Markdown around it.

pub mod explore;
mod languages;
mod process;
pub mod report;
mod runner_notes;
pub mod toolchain;
mod tree;
pub mod verify;
mod writing;
