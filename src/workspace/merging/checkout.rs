//! Where a branch is checked out, and whether that checkout can go with it.

use super::{MergeError, Repository, at, reference};
use crate::workspace::git::Git;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most paths in the way that are named.
const SHOWN: usize = 20;

/// A work tree in which a branch is checked out.
#[derive(Clone, Debug)]
pub struct Checkout {
    pub folder: PathBuf,
    /// Where git keeps what is this work tree's own: its index, its HEAD.
    pub own: PathBuf,
    pub git: Git,
}

/// What git does at the moment in a work tree, by the file that tells so.
const AT_WORK: &[(&str, &str)] = &[
    ("MERGE_HEAD", "a merge"),
    ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ("REVERT_HEAD", "a revert"),
    ("sequencer", "a cherry-pick or a revert"),
    ("rebase-merge", "a rebase"),
    ("rebase-apply", "a rebase"),
    ("BISECT_LOG", "a bisection"),
];

/// Returns what somebody has begun with git in the work tree of which this is the own folder, and not ended: `a rebase`.
pub fn at_work(own: &Path) -> Option<&'static str> {
    AT_WORK.iter().find(|(name, _)| own.join(name).exists()).map(|(_, what)| *what)
}

/// A work tree as git lists it.
#[derive(Debug, Default)]
struct Listed {
    folder: PathBuf,
    branch: Option<String>,
}

/// A path that differs between two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Relative to the top of the work tree.
    pub path: Vec<u8>,
    pub before: Option<Version>,
    pub after: Option<Version>,
}

/// What a commit holds at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub mode: u32,
    pub id: String,
}

impl Version {
    /// Tells whether it is a commit of a submodule.
    pub fn is_submodule(&self) -> bool {
        self.mode == 0o160000
    }
}

impl Repository {
    /// Returns every folder of git's own that belongs to one work tree, the shared one first.
    pub fn own_folders(&self) -> Result<Vec<PathBuf>, MergeError> {
        let mut folders = vec![self.common.clone()];
        let linked = self.common.join("worktrees");
        let entries = match std::fs::read_dir(&linked) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(folders),
            Err(error) => return Err(at(&linked)(error)),
        };
        for entry in entries {
            folders.push(entry.map_err(at(&linked))?.path());
        }
        folders[1..].sort();
        Ok(folders)
    }

    /// Returns the folder that git shares among all work trees.
    pub fn common(&self) -> &Path {
        &self.common
    }

    /// Finds the work tree in which a branch is checked out. It is refused where git is at work on the branch, or where
    /// more than one checkout would have to go with it.
    pub fn checkout_of(&self, branch: &str) -> Result<Option<Checkout>, MergeError> {
        self.refuse_claimed(branch)?;
        let wanted = reference(branch);
        let all = self.listed()?;
        let mut found = all.into_iter().filter(|listed| listed.branch.as_ref() == Some(&wanted));
        let Some(listed) = found.next() else { return Ok(None) };
        if let Some(second) = found.next() {
            let (one, other) = (listed.folder.display(), second.folder.display());
            let why = format!("the branch {branch} is checked out twice, at {one} and {other}");
            return Err(MergeError::Refused(why));
        }
        let own = self.own_of(&listed.folder)?;
        let own = own.filter(|_| listed.folder.is_dir()).ok_or_else(|| {
            MergeError::Refused(format!(
                "the branch {branch} is checked out at {}, which is not there or is no work tree of this repository \
                 any more (git worktree list, git worktree prune)",
                listed.folder.display()
            ))
        })?;
        Ok(Some(self.checkout(listed.folder, own)))
    }

    /// Speaks of a work tree by its folder and git's own folder for it.
    pub fn checkout(&self, folder: PathBuf, own: PathBuf) -> Checkout {
        let git = self.git.clone().with("GIT_DIR", &own).with("GIT_WORK_TREE", &folder);
        Checkout { git: git.in_folder(&folder), folder, own }
    }

    fn listed(&self) -> Result<Vec<Listed>, MergeError> {
        let mut all: Vec<Listed> = Vec::new();
        for line in self.git.run(&["worktree", "list", "--porcelain", "-z"])?.split(|byte| *byte == 0) {
            if let Some(folder) = line.strip_prefix(b"worktree ") {
                all.push(Listed { folder: Path::new(OsStr::from_bytes(folder)).into(), branch: None });
            } else if let (Some(branch), Some(listed)) = (line.strip_prefix(b"branch "), all.last_mut()) {
                listed.branch = Some(String::from_utf8_lossy(branch).into_owned());
            }
        }
        // Git lists the main one first.
        if let (Some(listed), Some(main)) = (all.first_mut(), &self.main) {
            listed.folder.clone_from(main);
        }
        Ok(all)
    }

    /// Finds the work tree that a folder of git's own belongs to; `None` where there is none that says the same.
    pub fn folder_of(&self, own: &Path) -> Result<Option<PathBuf>, MergeError> {
        let folder = match own == self.common {
            true => self.listed()?.into_iter().next().map(|listed| listed.folder),
            false => {
                let named = std::fs::read_to_string(own.join("gitdir")).unwrap_or_default();
                own.join(named.trim_end_matches('\n')).parent().map(Path::to_owned)
            }
        };
        let Some(folder) = folder else { return Ok(None) };
        Ok((self.own_of(&folder)?.as_deref() == Some(own)).then_some(folder))
    }

    /// Finds git's own folder of a work tree; both have to name each other, as a folder whose `.git` is gone belongs to
    /// whatever lies around it.
    fn own_of(&self, folder: &Path) -> Result<Option<PathBuf>, MergeError> {
        let link = folder.join(".git");
        if link.canonicalize().ok() == self.common.canonicalize().ok() {
            return Ok(Some(self.common.clone()));
        }
        let Ok(text) = std::fs::read_to_string(&link) else { return Ok(None) };
        let Some(named) = text.strip_prefix("gitdir: ") else { return Ok(None) };
        let named = folder.join(named.trim_end_matches('\n')).canonicalize().ok();
        let own =
            self.own_folders()?.into_iter().find(|own| own.canonicalize().ok() == named && named.is_some());
        let points_back = |own: &PathBuf| {
            // The folder of a repository that was made apart from its work tree says nothing of it.
            *own == self.common
                || std::fs::read_to_string(own.join("gitdir")).is_ok_and(|text| {
                    own.join(text.trim_end_matches('\n')).canonicalize().ok() == link.canonicalize().ok()
                })
        };
        Ok(own.filter(points_back))
    }

    /// Refuses a branch that a rebase or a bisection anywhere will move, or go back to.
    fn refuse_claimed(&self, branch: &str) -> Result<(), MergeError> {
        let names = [
            ("rebase-merge/head-name", "a rebase"),
            ("rebase-apply/head-name", "a rebase"),
            ("BISECT_START", "a bisection"),
        ];
        for own in self.own_folders()? {
            for (name, what) in names {
                let text = std::fs::read_to_string(own.join(name)).unwrap_or_default();
                if text.trim() == branch || text.trim() == reference(branch) {
                    let why =
                        format!("{what} of the branch {branch} is going on; finish it first, or end it");
                    return Err(MergeError::Refused(why));
                }
            }
        }
        Ok(())
    }

    /// Returns the paths that differ between two commits.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<Changed>, MergeError> {
        let asked = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", from, to, "--"];
        // Git reads the index for it, which may be damaged, and needs nothing of it.
        let nothing = self.common.join("crew-merge/no-index");
        let said = self.git.clone().with("GIT_INDEX_FILE", nothing).run(&asked)?;
        let mut words = said.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let mut changed = Vec::new();
        while let (Some(meta), Some(path)) = (words.next(), words.next()) {
            let meta = String::from_utf8_lossy(meta).into_owned();
            let parts: Vec<&str> = meta.trim_start_matches(':').split(' ').collect();
            let [old_mode, new_mode, old_id, new_id, _status] = parts.as_slice() else { continue };
            let version = |mode: &str, id: &str| {
                let mode = u32::from_str_radix(mode, 8).unwrap_or_default();
                (mode != 0).then(|| Version { mode, id: id.to_owned() })
            };
            let (before, after) = (version(old_mode, old_id), version(new_mode, new_id));
            changed.push(Changed { path: path.to_vec(), before, after });
        }
        Ok(changed)
    }
}

impl Checkout {
    /// Speaks to git with another index.
    pub fn with_index(&self, index: &Path) -> Checkout {
        Checkout { git: self.git.clone().with("GIT_INDEX_FILE", index), ..self.clone() }
    }

    /// Refuses a work tree in which git is at work, or was when it was ended.
    pub fn refuse_busy(&self) -> Result<(), MergeError> {
        match at_work(&self.own) {
            None => Ok(()),
            Some(what) => {
                let folder = self.folder.display();
                let why = format!("{what} is going on in {folder}; finish it first, or end it");
                Err(MergeError::Refused(why))
            }
        }
    }

    /// Refuses a work tree whose index somebody is writing.
    pub fn refuse_locked(&self) -> Result<(), MergeError> {
        let lock = self.own.join("index.lock");
        match lock.symlink_metadata().is_ok() {
            false => Ok(()),
            true => Err(MergeError::Refused(format!(
                "another git is at work in {}, or has left {} behind when it was killed: look at what runs, and only \
                 then take that file away",
                self.folder.display(),
                lock.display()
            ))),
        }
    }

    /// Refuses a move that would overwrite what is not committed here. Git is asked about the index that it was given,
    /// in which every file has been looked at.
    pub fn refuse_in_the_way(&self, from: &str, changed: &[Changed]) -> Result<(), MergeError> {
        let mut found = self.uncommitted(from, changed)?;
        found.extend(self.untracked(changed));
        if found.is_empty() {
            return Ok(());
        }
        let mut paths: Vec<String> =
            found.iter().take(SHOWN).map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        if found.len() > SHOWN {
            paths.push(format!("and {} more", found.len() - SHOWN));
        }
        Err(MergeError::InTheWay { folder: self.folder.clone(), paths })
    }

    /// Looks at every file, so that git knows which ones are as they were.
    pub fn refresh(&self) -> Result<(), MergeError> {
        // It fails where files have changed, which is asked for later.
        self.git.fed(&["update-index", "-q", "--really-refresh"], &[])?;
        Ok(())
    }

    /// Returns the changed paths that hold something else than the commit, in the index or in the folder.
    fn uncommitted(&self, from: &str, changed: &[Changed]) -> Result<BTreeSet<Vec<u8>>, MergeError> {
        let touched: HashSet<&[u8]> = changed.iter().map(|one| one.path.as_slice()).collect();
        let staged = [
            "diff-index",
            "--cached",
            "--name-only",
            "-z",
            "--no-renames",
            "--ignore-submodules=none",
            from,
            "--",
        ];
        let unstaged = ["diff-files", "--name-only", "-z", "--no-renames", "--ignore-submodules=dirty", "--"];
        let mut found = BTreeSet::new();
        for said in [self.git.run(&staged)?, self.git.run(&unstaged)?] {
            let paths = said.split(|byte| *byte == 0).filter(|path| touched.contains(path));
            found.extend(paths.map(<[u8]>::to_vec));
        }
        // Git takes these for unchanged without a look.
        for (path, id) in self.overlooked()? {
            if touched.contains(path.as_slice()) && self.is_other(&path, &id)? {
                found.insert(path);
            }
        }
        Ok(found)
    }

    /// Returns the entries of the index that git has been told not to look at.
    fn overlooked(&self) -> Result<BTreeMap<Vec<u8>, String>, MergeError> {
        let said = self.git.run(&["-c", "core.sparseCheckout=false", "ls-files", "--stage", "-v", "-z"])?;
        let entry = |line: &[u8]| {
            let (tag, tab) = (*line.first()?, line.iter().position(|byte| *byte == b'\t')?);
            let meta = String::from_utf8_lossy(&line[..tab]).into_owned();
            let id = meta.split(' ').nth(2)?.to_owned();
            (tag.is_ascii_lowercase() || tag == b'S').then(|| (line[tab + 1..].to_vec(), id))
        };
        Ok(said.split(|byte| *byte == 0).filter_map(entry).collect())
    }

    /// Tells whether something is there that is not what the index says.
    fn is_other(&self, path: &[u8], id: &str) -> Result<bool, MergeError> {
        let file = self.folder.join(OsStr::from_bytes(path));
        match file.symlink_metadata() {
            Err(_) => Ok(false),
            Ok(meta) if meta.is_file() => {
                let hashed =
                    self.git.run(&[OsStr::new("hash-object"), OsStr::new("--"), OsStr::from_bytes(path)])?;
                Ok(String::from_utf8_lossy(&hashed).trim() != id)
            }
            Ok(_) => Ok(true),
        }
    }

    /// Returns what nobody has told git of and what stands where the move puts something, ignored files too: git itself
    /// would overwrite those.
    fn untracked(&self, changed: &[Changed]) -> BTreeSet<Vec<u8>> {
        let gone: HashSet<&[u8]> =
            changed.iter().filter(|one| one.before.is_some()).map(|one| one.path.as_slice()).collect();
        let mut found = BTreeSet::new();
        for one in changed.iter().filter(|one| one.before.is_none()) {
            if let Some(above) = self.above(&one.path) {
                if !gone.contains(above.as_slice()) {
                    found.insert(above);
                }
                continue;
            }
            let file = self.folder.join(OsStr::from_bytes(&one.path));
            match file.symlink_metadata() {
                Err(_) => {}
                Ok(meta) if meta.is_dir() => files_below(&file, &one.path, &gone, &mut found),
                Ok(_) => drop(found.insert(one.path.clone())),
            }
        }
        found
    }

    /// Returns what stands on the way to a path and is no folder.
    fn above(&self, path: &[u8]) -> Option<Vec<u8>> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let mut parents = ends.map(|end| path[..end].to_vec());
        parents.find(|parent| {
            let meta = self.folder.join(OsStr::from_bytes(parent)).symlink_metadata();
            meta.is_ok_and(|meta| !meta.is_dir())
        })
    }
}

/// Collects everything below a folder but what goes away by itself.
fn files_below(folder: &Path, name: &[u8], gone: &HashSet<&[u8]>, found: &mut BTreeSet<Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        found.insert(name.to_vec());
        return;
    };
    for entry in entries.flatten() {
        let path = [name, b"/", entry.file_name().as_bytes()].concat();
        if gone.contains(path.as_slice()) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_below(&entry.path(), &path, gone, found),
            _ => drop(found.insert(path)),
        }
    }
}
