//! What applying files would change, as a unified diff.

use super::{ApplyError, at, plan, tree};
use crate::domain::result_files::ResultFile;
use crate::workspace::git::Git;
use crate::workspace::scratch::Scratch;
use rustix::fs::Mode as Permissions;
use std::borrow::Cow;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tree::{Found, Tree};

/// Checks files against a tree and returns the unified diff of what they would change, where their contents are at
/// hand. Nothing in the tree is touched.
pub fn preview(tree: &Path, files: &[ResultFile]) -> Result<String, ApplyError> {
    let plan = plan(tree, files)?;
    let top = Tree::open(tree).map_err(at(tree))?;
    let scratch = Scratch::new("crew-preview-").map_err(at(&std::env::temp_dir()))?;
    for side in ["a", "b"] {
        let folder = scratch.path().join(side);
        std::fs::create_dir(&folder).map_err(at(&folder))?;
    }
    for change in &plan.changes {
        let path = &change.file.path;
        if let Found::File(mut there) = top.look(path).map_err(|obstacle| obstacle.at(&change.place))? {
            let bytes = there.read().map_err(at(Path::new(path)))?;
            put(&scratch.path().join("a").join(path), &bytes, change.permissions.is_some_and(starts))?;
        }
        if let Some(bytes) = change.file.contents.as_ref().and_then(|contents| contents.held()) {
            let starts = change.permissions.map_or(change.file.executable, starts);
            put(&scratch.path().join("b").join(path), bytes, starts)?;
        }
    }
    let words =
        ["diff", "--no-index", "--no-prefix", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"];
    let diff = Git::at(scratch.path()).differences(&[&words[..], &["a", "b"]].concat())?;
    let diff = String::from_utf8_lossy(&diff);
    Ok(diff.split_inclusive('\n').map(with_both_sides).collect())
}

/// Returns a line of the diff as git writes it inside of a repository. Between two folders, the head of a file that only
/// one of them has names that side twice.
fn with_both_sides(line: &str) -> Cow<'_, str> {
    // Every line of contents begins with another character.
    let Some(names) = line.strip_prefix("diff --git ") else { return line.into() };
    let (first, second) = names.trim_end().split_at_checked(names.trim_end().len() / 2).unwrap_or_default();
    match second.strip_prefix(' ') {
        Some(second) if first == second => {
            let quote = if first.starts_with('"') { "\"" } else { "" };
            // Both have the side and a slash before the name itself.
            let name = first.get(quote.len() + 2..).unwrap_or_default();
            format!("diff --git {quote}a/{name} {quote}b/{name}\n").into()
        }
        _ => line.into(),
    }
}

fn starts(permissions: Permissions) -> bool {
    permissions.contains(Permissions::XUSR)
}

/// Writes a side of the diff, which shows of the permissions whether the file can be started.
fn put(path: &Path, bytes: &[u8], starts: bool) -> Result<(), ApplyError> {
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        std::fs::write(path, bytes)?;
        let mode = if starts { 0o755 } else { 0o644 };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
    };
    write().map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_file_names_both_sides() {
        let rows = [
            ("diff --git b/bin/go b/bin/go\n", "diff --git a/bin/go b/bin/go\n"),
            ("diff --git a/a b a/a b\n", "diff --git a/a b b/a b\n"),
            ("diff --git \"b/x\\\\y\" \"b/x\\\\y\"\n", "diff --git \"a/x\\\\y\" \"b/x\\\\y\"\n"),
            ("diff --git a/kept b/kept\n", "diff --git a/kept b/kept\n"),
            ("+diff --git b/x b/x\n", "+diff --git b/x b/x\n"),
        ];
        for (line, expected) in rows {
            assert_eq!(with_both_sides(line), expected);
        }
    }
}
