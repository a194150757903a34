//! What is looked for. Each check reads one file and says what it found; it knows nothing of git.

pub mod change_set;
pub mod conflict;
pub mod data;
pub mod debug;
pub mod duplicate;
pub mod generated;
pub mod hidden;
pub mod key;
pub mod secret;
pub mod size;
pub mod skipped;
pub mod stray;
pub mod todo;
pub mod whitespace;

use super::file::FileUnderReview;
use super::remark::Remark;

/// One check: the category of its findings, and what it says about a file.
pub struct Check {
    pub category: &'static str,
    /// Whether it looks for what must not leak.
    pub security: bool,
    pub run: fn(&FileUnderReview<'_>) -> Vec<Remark>,
}

const fn check(category: &'static str, run: fn(&FileUnderReview<'_>) -> Vec<Remark>) -> Check {
    Check { category, security: false, run }
}

const fn guard(category: &'static str, run: fn(&FileUnderReview<'_>) -> Vec<Remark>) -> Check {
    Check { category, security: true, run }
}

/// Every check of a single file.
pub const CHECKS: [Check; 15] = [
    guard("secret", secret::check),
    guard("private-key", key::check),
    guard("private-key", key::check_env),
    check("conflict-marker", conflict::check),
    check("broken-data", data::check),
    check("duplicate-key", duplicate::check),
    check("hidden-character", hidden::check),
    check("debug-leftover", debug::check),
    check("skipped-test", skipped::check),
    check("todo-without-owner", todo::check),
    check("whitespace-error", whitespace::check),
    check("large-file", size::check_large),
    check("binary-file", size::check_binary),
    check("stray-file", stray::check),
    check("generated-merge", generated::check),
];
