//! What an attempt found and what it left: files, the index, HEAD and the references, the repository's own settings.
//!
//! # How it works
//!
//! The files are compared by git's own trees (see `snapshot`), which costs a look at each file's times, and reads only
//! what has changed. An agent may have changed how git behaves here; the settings are read first, without git, and
//! where one has changed, no command that they name is run.

mod kept;

pub use kept::{kept, sweep};

use super::git::{Git, GitError};
use super::snapshot::{Difference, ENTRIES, LOOK, Snapshot, SnapshotError, open_file};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// References of our own, which may come and go beside any attempt. What is on the branch of a task, the record tells, and
/// not the branch.
const OURS: [&str; 2] = ["refs/crew/", "refs/heads/crew/"];
/// Files of a repository by which git, or whoever uses it, does something else than before. Hooks come on top.
const SETTINGS: [&str; 4] = ["config", "config.worktree", "info/attributes", "info/exclude"];

/// What stands for the content of something that is no file.
const NO_FILE: &str = "not a file";

/// All that is to be the same after an attempt that only reads.
#[derive(Debug)]
pub struct Witness {
    snapshot: Snapshot,
    /// Git that goes by where the repository was, whatever its settings say now.
    git: Git,
    places: Places,
    before: Repository,
    /// Of the index as a file, in hex: where that is the same, its entries are.
    index_file: String,
    /// Repositories that lie in this one, submodules say, by their paths.
    inside: BTreeMap<String, Witness>,
    /// Numbers for the files in folders of submodules that are not checked out, by their paths.
    astray: BTreeMap<PathBuf, String>,
}

/// Where a repository keeps what is not its files.
#[derive(Debug)]
struct Places {
    /// This work tree's own folder.
    own: PathBuf,
    /// That of all its work trees.
    common: PathBuf,
    index: PathBuf,
    /// The one branch that is looked at, where others are others' business.
    only: Option<String>,
}

/// Which references belong to what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum References {
    All,
    /// HEAD and the branch that it is on: in a task's own work tree, the rest belongs to those who work elsewhere.
    OfHead,
}

/// A repository beside its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Repository {
    /// By name: HEAD, `refs/heads/main`; what it stands for.
    refs: BTreeMap<String, String>,
    /// Of the entries with their flags, in hex; refreshing the index does not change it.
    index: String,
    /// Of each file of settings and each hook, in hex.
    settings: BTreeMap<String, String>,
}

/// What has changed since the witness was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The tree as it is now; empty where that could not be found out.
    pub tree: String,
    pub files: Difference,
    /// Paths that the commit which HEAD stands for has in a state that was neither committed nor in the folder before,
    /// and that are not in the folder now.
    pub committed: Vec<String>,
    /// One line for each that came, went or moved.
    pub refs: Vec<String>,
    /// Something was staged, unstaged or flagged.
    pub index: bool,
    /// Files by which git behaves in another way: `.git/config`, `.git/hooks/pre-commit`.
    pub settings: Vec<String>,
    /// Files of repositories that lie in this one, or should and are not checked out; they are in no patch of this one.
    pub inside: Vec<String>,
    /// Why not all of it could be seen; empty where it could.
    pub unseen: String,
}

impl Witness {
    /// Takes a witness of the repository whose work tree has its top at `folder`; see [`Snapshot::take`].
    pub fn take(
        folder: &Path,
        leave_out: &[&Path],
        scratch: &Path,
        references: References,
    ) -> Result<Witness, SnapshotError> {
        let snapshot = Snapshot::take(folder, leave_out, scratch)?;
        let own = snapshot.places().repository.clone();
        let common = common_of(&own).map_err(in_folder(&own))?;
        let mut places = Places { own, common, index: snapshot.places().index.clone(), only: None };
        let git = git_of(folder, &places.own);
        if references == References::OfHead {
            places.only = Some(places.head(&git));
        }
        let before = Repository {
            refs: places.refs(&git)?,
            index: entries_of(snapshot.entries()),
            settings: places.settings().map_err(in_folder(&places.common))?,
        };
        let index_file =
            file_of(&snapshot.scratch().join("index.before")).map_err(in_folder(&places.index))?;
        let mut inside = BTreeMap::new();
        let links = snapshot.links()?;
        for path in snapshot.inside(&links) {
            let witness = Witness::take(&folder.join(&path), leave_out, scratch, References::All)?;
            inside.insert(path, witness);
        }
        let astray = astray(&snapshot, &links)?;
        Ok(Witness { snapshot, git, places, before, index_file, inside, astray })
    }

    /// Returns the id of the tree that was there when the witness was taken.
    pub fn tree(&self) -> &str {
        self.snapshot.tree()
    }

    /// Looks again, and tells what is not as it was.
    pub fn compare(&self) -> Changes {
        let mut changes = Changes::default();
        match self.places.settings() {
            Ok(now) => {
                let names = self.before.settings.keys().chain(now.keys());
                let differs = |name: &&String| self.before.settings.get(*name) != now.get(*name);
                changes.settings = names.filter(differs).map(|name| format!(".git/{name}")).collect();
                changes.settings.sort_unstable();
                changes.settings.dedup();
                // git would wait for ever for what comes out of a pipe.
                let pipe = |name: &&String| now.get(*name).is_some_and(|content| content == NO_FILE);
                let pipe = SETTINGS.map(str::to_owned).iter().find(pipe).cloned();
                changes.unseen = pipe.map(|name| format!(".git/{name} is not a file")).unwrap_or_default();
            }
            Err(error) => changes.unseen = format!("{}: {error}", self.places.common.display()),
        }
        if changes.unseen.is_empty()
            && let Err(error) = self.compare_by_git(&mut changes)
        {
            changes.unseen = error.to_string();
        }
        for (path, witness) in &self.inside {
            match self.git.dir().join(path).join(".git").exists() {
                true => changes.take_in(path, witness.compare()),
                false => changes.note_gone(path),
            }
        }
        changes
    }

    fn compare_by_git(&self, changes: &mut Changes) -> Result<(), SnapshotError> {
        let now = self.places.refs(&self.git)?;
        changes.refs = moved(&self.before.refs, &now);
        changes.index = self.index()? != self.before.index;
        changes.tree = self.look_at(!changes.settings.is_empty())?;
        changes.files = self.snapshot.difference(self.snapshot.tree(), &changes.tree)?;
        changes.committed = self.committed(&now, &changes.tree)?;
        let astray = astray(&self.snapshot, &self.snapshot.links()?)?;
        let mut paths: Vec<&PathBuf> = self.astray.keys().chain(astray.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.retain(|path| self.astray.get(*path) != astray.get(*path));
        changes.inside.extend(paths.into_iter().map(|path| path.display().to_string()));
        Ok(())
    }

    fn committed(&self, now: &BTreeMap<String, String>, tree: &str) -> Result<Vec<String>, GitError> {
        let (before, now) = (commit_of(&self.before.refs), commit_of(now));
        let Some(now) = now.filter(|now| Some(*now) != before) else { return Ok(Vec::new()) };
        let mut committed = self.snapshot.difference(self.snapshot.tree(), now)?.files;
        for other in [before, Some(tree)].into_iter().flatten() {
            let differs: HashSet<String> = self.snapshot.difference(other, now)?.files.into_iter().collect();
            committed.retain(|path| differs.contains(path));
        }
        Ok(committed)
    }

    /// Returns the id of the tree that is there now.
    pub fn look(&self) -> Result<String, SnapshotError> {
        let settings = self.places.settings().map_err(in_folder(&self.places.common))?;
        self.look_at(settings != self.before.settings)
    }

    fn look_at(&self, settings_changed: bool) -> Result<String, SnapshotError> {
        let mut settings = Vec::new();
        if settings_changed {
            // Somebody may have had git run another command; it is not we who do.
            let filters = self.git.text(&["config", "--name-only", "--get-regexp", r"^filter\."]);
            for name in filters.unwrap_or_default().lines() {
                let off = if name.ends_with(".required") { "false" } else { "" };
                settings.extend(["-c".to_owned(), format!("{name}={off}")]);
            }
        }
        Ok(self.snapshot.look(&settings)?)
    }

    /// Returns a number for the repository beside its files, in hex: its references, its index and its settings, and all of
    /// the repositories that lie in it.
    pub fn state(&self) -> Result<String, SnapshotError> {
        let settings = self.places.settings().map_err(in_folder(&self.places.common))?;
        let all = Repository { refs: self.places.refs(&self.git)?, index: self.index()?, settings };
        let mut all = format!("{all:?}");
        for (path, witness) in &self.inside {
            all.push_str(&format!(" {path:?} {} {}", witness.look()?, witness.state()?));
        }
        Ok(digest(all.as_bytes()))
    }

    /// Returns a number for the entries of the index as it is now. A copy is read: git may write to the one it reads.
    fn index(&self) -> Result<String, SnapshotError> {
        let copy = self.snapshot.scratch().join("index-to-read");
        match copy_file(&self.places.index, &copy) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            Err(source) => return Err(SnapshotError::File { path: self.places.index.clone(), source }),
        }
        if file_of(&copy).map_err(in_folder(&copy))? == self.index_file {
            return Ok(self.before.index.clone());
        }
        let git = self.git.clone().with("GIT_INDEX_FILE", &copy);
        Ok(entries_of(&git.run(ENTRIES)?))
    }

    /// Returns how much a commit differs from what was there when the witness was taken.
    pub fn difference_to(&self, commit: &str) -> Result<Difference, GitError> {
        self.snapshot.difference(self.snapshot.tree(), commit)
    }

    /// Hands on, line by line, the patch from one tree to another; see [`Snapshot::patch`].
    pub fn patch(
        &self,
        from: &str,
        to: &str,
        take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), SnapshotError> {
        self.snapshot.patch(from, to, take)
    }
}

impl Changes {
    /// Takes in what changed in a repository that lies in this one.
    fn take_in(&mut self, path: &str, of: Changes) {
        let below =
            |names: Vec<String>| names.into_iter().map(|name| format!("{path}/{name}")).collect::<Vec<_>>();
        self.inside.extend(below(of.files.files));
        self.inside.extend(below(of.inside));
        self.files.insertions += of.files.insertions;
        self.files.deletions += of.files.deletions;
        self.committed.extend(below(of.committed));
        self.settings.extend(below(of.settings));
        self.refs.extend(of.refs.into_iter().map(|line| format!("{path}: {line}")));
        self.index |= of.index;
        if self.unseen.is_empty() && !of.unseen.is_empty() {
            self.unseen = format!("{path}: {}", of.unseen);
        }
    }

    /// Takes in that a repository that lay in this one does so no more.
    fn note_gone(&mut self, path: &str) {
        // Where it had a commit, the tree tells.
        if !self.files.files.iter().any(|known| known == path) {
            self.inside.push(path.to_owned());
        }
    }

    /// Tells whether nothing has changed, as far as it could be seen.
    pub fn is_empty(&self) -> bool {
        let files = self.files.files.len() + self.inside.len();
        files == 0 && self.refs.is_empty() && !self.index && self.settings.is_empty()
    }
}

impl Places {
    fn refs(&self, git: &Git) -> Result<BTreeMap<String, String>, GitError> {
        let all = git.text(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"])?;
        let head = self.head(git);
        let is_looked_at = |name: &str| name == head || self.only.as_deref() == Some(name);
        let is_ours = |name: &str| !is_looked_at(name) && OURS.iter().any(|ours| name.starts_with(ours));
        let mut refs: BTreeMap<String, String> = all
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| !is_ours(name))
            .map(|(name, value)| (name.to_owned(), value.trim_end().to_owned()))
            .collect();
        if let Some(only) = &self.only {
            refs.retain(|name, _| name == only || *name == head);
        }
        refs.insert("HEAD".into(), head);
        Ok(refs)
    }

    /// Returns the branch that HEAD is on, or its commit.
    fn head(&self, git: &Git) -> String {
        let mut written = String::new();
        // What cannot be read is asked of git.
        let _ = open_file(&self.own.join("HEAD")).and_then(|mut head| head.read_to_string(&mut written));
        let written = written.trim_end();
        let known = written.strip_prefix("ref: ").unwrap_or(written);
        // Where references are not kept as files, something else stands there.
        if !known.is_empty() && !known.ends_with(".invalid") {
            return known.to_owned();
        }
        // Detached there is no name, and before the first commit there is nothing that it stands for.
        let branch = git.text(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
        if branch.is_empty() {
            git.text(&["rev-parse", "-q", "--verify", "HEAD"]).unwrap_or_default()
        } else {
            branch
        }
    }

    fn settings(&self) -> io::Result<BTreeMap<String, String>> {
        let mut settings = BTreeMap::new();
        for name in SETTINGS {
            let folder = if name == "config.worktree" { &self.own } else { &self.common };
            if let Some(content) = content(&folder.join(name))? {
                settings.insert(name.to_owned(), content);
            }
        }
        let hooks = match std::fs::read_dir(self.common.join("hooks")) {
            Ok(hooks) => hooks,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(settings),
            Err(error) => return Err(error),
        };
        for hook in hooks {
            let hook = hook?;
            if let Some(content) = content(&hook.path())? {
                settings.insert(format!("hooks/{}", hook.file_name().to_string_lossy()), content);
            }
        }
        Ok(settings)
    }
}

/// Speaks to git of where the repository was, whatever its settings say now.
fn git_of(folder: &Path, own: &Path) -> Git {
    Git::at(folder).apart().within(LOOK).with("GIT_DIR", own).with("GIT_WORK_TREE", folder)
}

/// Returns a number for a file's content and whether it can be run; `None` where there is no such file.
fn content(path: &Path) -> io::Result<Option<String>> {
    let kind = match std::fs::metadata(path) {
        Ok(kind) => kind,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !kind.is_file() {
        return Ok(Some(NO_FILE.into()));
    }
    let runs = kind.permissions().mode() & 0o111 != 0;
    Ok(Some(format!("{} {runs}", digest(&std::fs::read(path)?))))
}

/// Returns numbers for the files in folders of submodules that are not checked out, by their paths.
fn astray(snapshot: &Snapshot, links: &[PathBuf]) -> Result<BTreeMap<PathBuf, String>, SnapshotError> {
    let mut numbers = BTreeMap::new();
    for path in snapshot.astray(links)? {
        let file = snapshot.git().dir().join(&path);
        let number = match std::fs::read_link(&file) {
            Ok(to) => to.display().to_string(),
            // One that cannot be read may be readable later, which is a change.
            Err(_) => content(&file).ok().flatten().unwrap_or_default(),
        };
        numbers.insert(path, number);
    }
    Ok(numbers)
}

/// Returns the commit that HEAD stands for; `None` before the first one.
fn commit_of(refs: &BTreeMap<String, String>) -> Option<&str> {
    let head = refs.get("HEAD").filter(|head| !head.is_empty())?;
    match head.starts_with("refs/") {
        true => refs.get(head).map(String::as_str),
        false => Some(head),
    }
}

/// Says of each reference that is not as it was what it was and what it is.
fn moved(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let mut names: Vec<&String> = before.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let stands_for = |refs: &BTreeMap<String, String>, name: &str| {
        refs.get(name).filter(|value| !value.is_empty()).cloned().unwrap_or_else(|| "nothing".into())
    };
    let changed = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    changed.map(|name| format!("{name}: {} -> {}", stands_for(before, name), stands_for(now, name))).collect()
}

/// Returns the folder that the work trees of a repository have in common.
fn common_of(own: &Path) -> io::Result<PathBuf> {
    match std::fs::read_to_string(own.join("commondir")) {
        Ok(path) => Ok(own.join(path.trim_end_matches(['\n', '\r']))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(own.to_owned()),
        Err(error) => Err(error),
    }
}

/// Returns a number for the entries of an index with their flags; empty where it has none.
fn entries_of(entries: &[u8]) -> String {
    if entries.is_empty() { String::new() } else { digest(entries) }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut open_file(from)?, &mut File::create(to)?).map(drop)
}

/// Returns a number for a file's content; empty where it is not there.
fn file_of(path: &Path) -> io::Result<String> {
    match std::fs::read(path) {
        Ok(content) => Ok(digest(&content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn in_folder(path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    struct Place {
        _all: TempDir,
        tree: PathBuf,
        scratch: PathBuf,
    }

    impl Place {
        fn empty() -> Place {
            let all = tempfile::tempdir().unwrap();
            let base = all.path().canonicalize().unwrap();
            let place = Place { tree: base.join("tree"), scratch: base.join("scratch"), _all: all };
            std::fs::create_dir_all(&place.tree).unwrap();
            std::fs::create_dir_all(&place.scratch).unwrap();
            place.git(&["init", "-q", "-b", "main"]);
            place
        }

        fn new() -> Place {
            let place = Place::empty();
            place.write("kept", "one\ntwo\n");
            place.write(".gitignore", "ignored\n");
            place.git(&["add", "-A"]);
            place.git(&["commit", "-q", "-m", "begin"]);
            place
        }

        fn git(&self, args: &[&str]) -> String {
            let who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
            Git::at(&self.tree).text(&[&who[..], args].concat()).unwrap()
        }

        fn write(&self, path: &str, content: &str) {
            let path = self.tree.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        fn witness(&self) -> Witness {
            let leave_out = self.tree.join(".crew");
            Witness::take(&self.tree, &[&leave_out], &self.scratch, References::All).unwrap()
        }
    }

    #[test]
    fn whoever_only_reads_changes_nothing() {
        let place = Place::new();
        place.write("loose", "x\n");
        let witness = place.witness();
        place.git(&["status"]);
        place.git(&["gc", "-q"]);
        place.git(&["pack-refs", "--all"]);
        place.git(&["update-ref", "refs/crew/keep/a", "HEAD"]);
        place.git(&["branch", "crew/r1/another-task"]);
        place.git(&["update-index", "--refresh"]);
        place.write("kept", "one\ntwo\n");
        place.write("ignored", "x");
        place.write(".crew/crew.db", "x");
        let changes = witness.compare();
        assert!(changes.is_empty() && changes.unseen.is_empty(), "{changes:?}");
        assert_eq!(changes.tree, witness.tree());
    }

    #[test]
    fn each_thing_that_changes_is_told_by_its_name() {
        type Row = (&'static str, fn(&Place), fn(&Changes) -> bool);
        let rows: [Row; 14] = [
            (
                "a file",
                |place| place.write("kept", "one\nTWO\nthree\n"),
                |changes| {
                    let Difference { files, insertions, deletions } = &changes.files;
                    (files.as_slice(), *insertions, *deletions) == (&["kept".to_owned()], 2, 1)
                },
            ),
            ("a new file", |place| place.write("new", "x"), |changes| changes.files.files == ["new"]),
            (
                "one that git was told to overlook",
                |place| {
                    place.git(&["update-index", "--assume-unchanged", "kept"]);
                    place.write("kept", "changed\n");
                },
                |changes| changes.index,
            ),
            (
                "one with the same size and time",
                |place| {
                    let time = std::fs::metadata(place.tree.join("kept")).unwrap().modified().unwrap();
                    place.write("kept", "ONE\nTWO\n");
                    let file = File::options().write(true).open(place.tree.join("kept")).unwrap();
                    file.set_modified(time).unwrap();
                },
                |changes| changes.files.files == ["kept"],
            ),
            (
                "its mode",
                |place| {
                    let mode = std::fs::Permissions::from_mode(0o755);
                    std::fs::set_permissions(place.tree.join("kept"), mode).unwrap();
                },
                |changes| changes.files.files == ["kept"],
            ),
            (
                "the index",
                |place| {
                    place.git(&["rm", "-q", "--cached", "kept"]);
                },
                |changes| changes.index && changes.refs.is_empty(),
            ),
            (
                "a branch",
                |place| {
                    place.git(&["branch", "other"]);
                },
                |changes| changes.refs.len() == 1 && changes.refs[0].starts_with("refs/heads/other: nothing"),
            ),
            (
                "a commit on a branch of our own, where HEAD is",
                |place| {
                    place.git(&["checkout", "-q", "-b", "crew/r1/a"]);
                    place.git(&["commit", "-q", "--allow-empty", "-m", "one"]);
                },
                |changes| {
                    changes.refs.len() == 2 && changes.refs.iter().any(|line| line.contains("crew/r1/a: "))
                },
            ),
            (
                "HEAD",
                |place| {
                    place.git(&["checkout", "-q", "--detach"]);
                },
                |changes| changes.refs.len() == 1 && changes.refs[0].starts_with("HEAD: refs/heads/main -> "),
            ),
            (
                "the configuration",
                |place| {
                    place.git(&["config", "core.worktree", "/"]);
                },
                |changes| changes.settings == [".git/config"] && changes.unseen.is_empty(),
            ),
            (
                "a configuration that git cannot read",
                |place| place.write(".git/config", "[core"),
                |changes| changes.settings == [".git/config"] && !changes.unseen.is_empty(),
            ),
            (
                "a hook",
                |place| place.write(".git/hooks/pre-commit", "#!/bin/sh\n"),
                |changes| changes.settings == [".git/hooks/pre-commit"],
            ),
            (
                "settings that nobody can read to their end",
                |place| {
                    let exclude = place.tree.join(".git/info/exclude");
                    std::fs::remove_file(&exclude).unwrap();
                    assert!(std::process::Command::new("mkfifo").arg(exclude).status().unwrap().success());
                },
                |changes| changes.settings == [".git/info/exclude"] && changes.unseen.contains("not a file"),
            ),
            (
                "what is ignored, behind our back",
                |place| {
                    place.write(".git/info/exclude", "hidden\n");
                    place.write("hidden", "x");
                },
                |changes| changes.settings == [".git/info/exclude"],
            ),
        ];
        for (what, change, told) in rows {
            let place = Place::new();
            let witness = place.witness();
            change(&place);
            let changes = witness.compare();
            assert!(!changes.is_empty() && told(&changes), "{what}: {changes:?}");
        }
    }

    #[test]
    fn what_git_was_told_before_to_overlook_is_looked_at() {
        let marked = |place: &Place| {
            place.git(&["update-index", "--skip-worktree", "kept"]);
        };
        let sparse = |place: &Place| {
            place.git(&["sparse-checkout", "set", "--no-cone", "/.gitignore"]);
        };
        for prepare in [marked as fn(&Place), sparse] {
            let place = Place::new();
            prepare(&place);
            let witness = place.witness();
            assert!(witness.compare().is_empty());
            let before = witness.state().unwrap();
            place.write("kept", "changed\n");
            assert_eq!(witness.compare().files.files, ["kept"]);
            assert_eq!(witness.state().unwrap(), before);
        }
    }

    #[test]
    fn files_of_a_repository_that_lies_in_this_one_are_looked_at_too() {
        let place = Place::new();
        place.write("sub/a", "one\n");
        place.write("fresh/a", "one\n");
        let inside = |path: &str, args: &[&str]| place.git(&[&["-C", path][..], args].concat());
        inside("sub", &["init", "-q", "-b", "main"]);
        inside("sub", &["add", "-A"]);
        inside("sub", &["commit", "-q", "-m", "begin"]);
        inside("fresh", &["init", "-q", "-b", "main"]);
        let ignore = "[submodule \"sub\"]\n\tpath = sub\n\turl = ./sub\n\tignore = all\n";
        place.write(".gitmodules", ignore);
        place.git(&["add", "-A", "--", ".gitmodules", "sub"]);
        place.git(&["commit", "-q", "-m", "sub"]);
        place.write("sub/loose", "before\n");

        let witness = place.witness();
        let before = witness.state().unwrap();
        let same = witness.compare();
        assert!(same.is_empty() && same.unseen.is_empty(), "{same:?}");
        place.write("sub/a", "two\n");
        place.write("fresh/a", "two\n");
        let changes = witness.compare();
        assert_eq!(changes.inside, ["fresh/a", "sub/a"]);
        assert!(!changes.is_empty() && changes.files.files.is_empty());
        assert_ne!(witness.state().unwrap(), before);

        inside("sub", &["commit", "-q", "-a", "-m", "more"]);
        let changes = witness.compare();
        assert_eq!(changes.files.files, ["sub"]);
        assert!(changes.refs[0].starts_with("sub: refs/heads/main: "), "{:?}", changes.refs);
        std::fs::remove_dir_all(place.tree.join("fresh")).unwrap();
        assert_eq!(witness.compare().inside, ["fresh", "sub/a"]);
    }

    #[test]
    fn what_is_in_a_commit_alone_is_told_and_one_tree_is_not_taken_for_another() {
        let place = Place::new();
        place.write("dirty", "by the user\n");
        let witness = place.witness();
        place.git(&["add", "-A"]);
        place.git(&["commit", "-q", "-m", "what was there"]);
        assert!(witness.compare().committed.is_empty());
        place.write("kept", "changed\n");
        place.write("ignored", "x");
        place.git(&["add", "-f", "ignored"]);
        place.git(&["commit", "-q", "-a", "-m", "and more"]);
        assert_eq!(witness.compare().committed, ["ignored"]);
        place.write("kept", "one\ntwo\n");
        assert_eq!(witness.compare().committed, ["ignored", "kept"]);

        place.write("kept", "changed\n");
        let now = witness.compare();
        assert_eq!(now.files.files, ["kept"]);
        place.git(&["add", "-A"]);
        // Its own objects are elsewhere; the same tree is made here.
        place.git(&["rm", "-q", "--cached", "ignored"]);
        assert_eq!(place.git(&["write-tree"]), now.tree);
        place.git(&["replace", &now.tree, "HEAD~2^{tree}"]);
        assert_eq!(witness.compare().files.files, ["kept"]);
    }

    #[test]
    fn a_filter_that_was_set_meanwhile_is_not_run() {
        let place = Place::new();
        let witness = place.witness();
        let ran = place.scratch.join("ran");
        place.git(&["config", "filter.x.clean", &format!("touch {}; cat", ran.display())]);
        place.git(&["config", "filter.x.required", "true"]);
        place.write(".gitattributes", "* filter=x\n");
        place.write("kept", "changed\n");
        let changes = witness.compare();
        assert_eq!((changes.files.files.len(), changes.unseen.as_str()), (2, ""), "{changes:?}");
        assert!(!ran.exists());
    }

    #[test]
    fn a_repository_without_any_commit_has_a_witness_too() {
        let place = Place::empty();
        let witness = place.witness();
        assert!(witness.compare().is_empty());
        place.write("first", "x\n");
        place.git(&["add", "-A"]);
        place.git(&["commit", "-q", "-m", "begin"]);
        let changes = witness.compare();
        assert!(changes.index && changes.refs.len() == 1, "{changes:?}");
        assert_eq!(changes.files.files, ["first"]);
    }

    #[test]
    fn a_witness_that_was_kept_sees_what_the_one_sees_that_never_died() {
        let place = Place::new();
        place.write("ignored", "tracked all the same\n");
        place.git(&["add", "-f", "ignored"]);
        place.git(&["commit", "-q", "-m", "ignored"]);
        place.write("dirty", "by the user\n");
        place.write("fresh/a", "one\n");
        let inner = Git::at(place.tree.join("fresh"));
        inner.run(&["init", "-q"]).unwrap();
        let living = place.witness();
        let mut died = place.witness();
        died.keep("work.1").unwrap();
        let mut other = place.witness();
        other.keep("other.1").unwrap();
        assert!(kept(&place.scratch, "work.2").is_none());
        // What was never forgotten stays.
        drop((died, other));
        let taken_up =
            || Witness::restore(&place.tree, kept(&place.scratch, "work.1").unwrap(), &place.scratch);
        assert!(taken_up().unwrap().compare().is_empty());

        place.write("kept", "changed\n");
        place.write("ignored", "changed\n");
        place.write("fresh/a", "two\n");
        place.git(&["rm", "-q", "--cached", "ignored"]);
        place.git(&["branch", "more"]);
        place.git(&["config", "core.pager", "cat"]);
        let wanted = living.compare();
        assert_eq!((wanted.files.files.len(), wanted.index, wanted.refs.len()), (2, true, 1), "{wanted:?}");
        assert_eq!((&wanted.inside[..], wanted.unseen.as_str()), (&["fresh/a".to_owned()][..], ""));
        let state = living.state().unwrap();
        sweep(&place.scratch, &["work.1".to_owned()]);
        assert_eq!(taken_up().unwrap().compare(), wanted);
        assert!(kept(&place.scratch, "other.1").is_none());
        // Once more, since whoever took it up may die too.
        assert_eq!(taken_up().unwrap().state().unwrap(), state);
        drop(living);
        sweep(&place.scratch, &[]);
        assert_eq!(std::fs::read_dir(&place.scratch).unwrap().count(), 0);
        let mut forgotten = place.witness();
        forgotten.keep("work.1").unwrap();
        forgotten.forget();
        assert!(kept(&place.scratch, "work.1").is_none());
    }

    #[test]
    fn what_was_changed_later_is_not_taken_for_older() {
        let now = || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            i64::try_from(since.as_millis()).unwrap()
        };
        type Change = fn(&Place);
        let changes: [(Change, Change); 5] = [
            (|place| place.write("kept", "1\n"), |place| place.write("kept", "2\n")),
            (|place| place.write("new/a", "1\n"), |place| place.write("new/b", "2\n")),
            (
                |place| std::fs::remove_file(place.tree.join("kept")).unwrap(),
                |place| std::fs::remove_file(place.tree.join(".gitignore")).unwrap(),
            ),
            // A folder that is put in another's place is as new as that, whatever is in it.
            (
                |place| place.write("beside/a", "1\n"),
                |place| std::fs::rename(place.tree.join("beside"), place.tree.join("moved")).unwrap(),
            ),
            (|place| place.write("new", "1\n"), |place| drop(place.git(&["branch", "more"]))),
        ];
        for (at, (before, after)) in changes.into_iter().enumerate() {
            let place = Place::new();
            let witness = place.witness();
            before(&place);
            let moment = now();
            let changes = witness.compare();
            assert!(!changes.is_empty() && witness.changed_before(&changes, moment), "{at}: {changes:?}");
            now();
            after(&place);
            let changes = witness.compare();
            assert!(!witness.changed_before(&changes, moment), "{at}: {changes:?}");
            assert_eq!(witness.changed_before(&changes, now()), changes.refs.is_empty(), "{at}");
        }
    }

    #[test]
    fn a_file_that_git_does_not_know_is_copied_once() {
        let place = Place::new();
        place.write("large", &"x".repeat(1 << 20));
        let size = || {
            let folder = place.scratch.join(".snapshot-objects");
            let all = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
            all.filter(|path| path.is_dir())
                .flat_map(|folder| std::fs::read_dir(folder).unwrap())
                .map(|entry| entry.unwrap().metadata().unwrap().len())
                .sum::<u64>()
        };
        let first = place.witness();
        assert!(first.compare().is_empty());
        let once = size();
        let second = place.witness();
        assert!(second.compare().is_empty());
        assert_eq!((once, size()), (once, once));
        assert!(once > 1 << 20);
    }
}
