//! The files by which a work tree and its repository find each other.

use super::{COMMON, look};
use std::path::{Path, PathBuf};

/// The longest such file that is read, in bytes: each holds one path.
const MAX_LINK: u64 = 64 * 1024;

/// What they say at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// What `.git` says.
    gitfile: Vec<u8>,
    admin: PathBuf,
    /// What the admin folder says of the repository and of the work tree.
    back: [Option<Vec<u8>>; 2],
}

impl Links {
    /// Reads those of the work tree at `folder`; nothing where its `.git` is not what git made.
    pub fn of(folder: &Path) -> Option<Links> {
        let gitfile = read(&folder.join(".git"))?;
        let leads_to = std::str::from_utf8(&gitfile).ok()?.strip_prefix("gitdir: ")?;
        let admin = folder.join(leads_to.trim_end_matches(['\n', '\r']));
        let back = [COMMON, "gitdir"].map(|name| read(&admin.join(name)));
        Some(Links { gitfile, admin, back })
    }

    /// Tells whether the repository still knows the work tree.
    pub fn admin_is_there(&self) -> bool {
        self.admin.is_dir()
    }
}

/// Reads a plain file of a sensible length: whoever worked there may have put a pipe in its place.
fn read(path: &Path) -> Option<Vec<u8>> {
    let kind = look(path).ok()??;
    (kind.is_file() && kind.len() <= MAX_LINK).then(|| std::fs::read(path).ok()).flatten()
}
