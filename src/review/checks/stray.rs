//! Files that tools leave lying about, and that nobody means to keep.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths::{self, Place};
use crate::review::remark::Remark;
use crate::workspace::diff::Change;
use regex::Regex;
use std::sync::LazyLock;

/// What `git mergetool` calls the sides of a conflict: `name_LOCAL_1234.ext`.
static SIDE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"_(?:BASE|LOCAL|REMOTE|BACKUP)_[0-9]+(?:\.[^.]+)?$").expect("a fixed pattern")
});

const MERGE: &str = "A merge or a patch left it behind, and what it holds is half of a change or the state before one. Take \
                     over what is needed and delete it.";
const EDITOR: &str =
    "An editor or the desktop wrote it, for itself and for one machine. Delete it, and ignore its kind.";
const CRASH: &str = "A program wrote it when something went wrong, with paths and at times with secrets of one machine. \
                     Delete it, and ignore its kind.";

/// Reports a new file by its name.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let new = !matches!(file.origin.change, Some(Change::Modified | Change::Unmerged | Change::Deleted));
    if !new || file.place == Place::Vendored || paths::is_fixture(file.path()) {
        return Vec::new();
    }
    let Some((title, body)) = kind(paths::name(file.path())) else { return Vec::new() };
    vec![Remark::on_file("stray", Severity::Warning, title, body).sure(0.9)]
}

fn kind(name: &str) -> Option<(&'static str, &'static str)> {
    let ends =
        |endings: &[&str]| endings.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending));
    let is_dump = name.strip_prefix("hs_err_pid").is_some() || ends(&[".stackdump"]);
    if ends(&[".orig", ".rej"]) || SIDE.is_match(name) {
        Some(("Leftover of a merge or a patch", MERGE))
    } else if ends(&["~", ".swp", ".swo"]) || [".DS_Store", "Thumbs.db", "desktop.ini"].contains(&name) {
        Some(("Leftover of an editor or a desktop", EDITOR))
    } else if is_dump || ["npm-debug.log", "yarn-error.log", "erl_crash.dump"].contains(&name) {
        Some(("Leftover of a crash", CRASH))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_known_by_their_names() {
        for name in [
            "a.rs.orig",
            "a.rej",
            "a_LOCAL_4711.rs",
            "Makefile_BASE_1",
            "a.c~",
            ".a.swp",
            ".DS_Store",
            "hs_err_pid1.log",
        ] {
            assert!(kind(name).is_some(), "{name}");
        }
        for name in ["orig", "original.rs", "LOCAL_1.rs", "a_LOCAL.rs", "~", ".rej", "debug.log"] {
            assert!(kind(name).is_none(), "{name}");
        }
    }
}
