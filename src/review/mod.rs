//! Who checks the work.
//!
//! The built-in reviewer examines a diff or a tree for what a program can know for certain, and leaves judgement to
//! agents and people. It decides nothing: what follows from its findings is up to the caller.
//!
//! # How it works
//!
//! Files are read one at a time, as git names them, so a change of any size is examined in the memory of one file. A
//! check gets the whole text of a file, because only that tells code from comments, and speaks about changed lines only.
//! A finding never holds a secret, and a comment `crew:allow CATEGORY` silences that category on its line and the next.

mod checks;
mod examiner;
mod file;
pub mod formats;
mod language;
mod paths;
mod remark;
mod rust_tests;
mod scan;
mod source;
mod target;

pub use examiner::examine;
pub use target::{Target, choose_target};

use crate::domain::finding::Finding;

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RuleSet {
    #[default]
    All,
    /// Secrets, private keys, files that leak.
    Security,
}

/// What an examination found.
#[derive(Clone, Debug, PartialEq)]
pub struct Examination {
    pub target: Target,
    /// How many files were looked at; of a diff, how many it names.
    pub files: usize,
    /// Lines added and removed; zeros where a tree was examined.
    pub added: usize,
    pub removed: usize,
    /// Worst first, then by file and line; at most 1,000.
    pub findings: Vec<Finding>,
    /// Sentences on what could not be examined, and on findings that are not listed.
    pub skipped: Vec<String>,
}

#[cfg(test)]
mod tests;
