//! What applying files would change, as a unified diff.

use super::{ApplyError, at, plan, tree};
use crate::domain::result_files::ResultFile;
use crate::workspace::git::Git;
use rustix::fs::Mode as Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tree::{Found, Tree};

/// Checks files against a tree and returns the unified diff of what they would change, where their contents are at
/// hand. Nothing in the tree is touched.
pub fn preview(tree: &Path, files: &[ResultFile]) -> Result<String, ApplyError> {
    let plan = plan(tree, files)?;
    let top = Tree::open(tree).map_err(at(tree))?;
    let scratch = tempfile::tempdir().map_err(at(&std::env::temp_dir()))?;
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
    Ok(String::from_utf8_lossy(&diff).into_owned())
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
