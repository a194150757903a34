//! Files that a tool writes, changed all the same.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths::{self, Place};
use crate::review::remark::Remark;
use crate::workspace::diff::Change;

/// Reports a changed file whose head says that a tool writes it.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let changed = file.origin.change == Some(Change::Modified) && !file.stretches().is_empty();
    if !changed || !file.generated || paths::is_lock(file.path()) || file.place == Place::Vendored {
        return Vec::new();
    }
    let line = file.stretches().first().map_or(1, |(first, _)| *first);
    let body = "Its head says that a tool writes it, so a change by hand is lost the next time the tool runs. Change what \
                it is written from and run the tool; where that is what was done, nothing is left to do.";
    vec![Remark::at(line, Severity::Info, "Generated file was changed", body).sure(0.5)]
}
