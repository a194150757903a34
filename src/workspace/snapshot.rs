//! What a folder's files were at one moment, and what changed since.
//!
//! Nothing of the user's is touched: git works on a copy of the index, and writes new objects to a folder of our own.

use super::checkout;
use super::git::{Git, GitError};
use super::gitlinks;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Why there is no snapshot, or no patch.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// A folder's tracked and untracked files, without those that git ignores.
///
/// What git evens out is not seen: line ends that it normalises, what a filter takes out, and empty folders. Of a
/// repository that lies in this one its commit is seen, and not its files.
#[derive(Debug)]
pub struct Snapshot {
    git: Git,
    /// Id of the tree.
    tree: String,
    /// Relative to the folder.
    leave_out: Vec<String>,
    /// Repositories without a commit, which are left out too.
    unborn: Vec<String>,
    places: Places,
    entries: Vec<u8>,
    /// Goes with us.
    scratch: TempDir,
}

/// Where a repository keeps what is not its files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Places {
    /// The folder of this work tree.
    pub repository: PathBuf,
    pub index: PathBuf,
    objects: PathBuf,
}

/// What another process has to know to look again at a folder of which a snapshot was taken, and whose own folder lies
/// there still.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Noted {
    /// The name of its own folder.
    own: String,
    places: Places,
    tree: String,
    leave_out: Vec<String>,
    unborn: Vec<String>,
}

/// How much two trees differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Paths that were added, changed or taken away, in the order of their names.
    pub files: Vec<String>,
    /// Lines; those of binary files are not counted.
    pub insertions: u64,
    pub deletions: u64,
}

/// How long git may take for one step of a look. A large folder takes minutes the first time; an agent that left a pipe
/// where git reads its settings makes it wait for ever.
pub const LOOK: Duration = Duration::from_secs(15 * 60);

/// What the names of our folders begin with.
const PREFIX: &str = ".snapshot-";

/// The folder for new objects, beside those of the snapshots that share it: a file that git does not know yet is copied
/// once, however many snapshots there are.
const OBJECTS: &str = ".snapshot-objects";

/// Settings that would change what is read or written, or would start something. What is written here is soon gone, so
/// it is neither compressed nor synced.
const SETTINGS: &[&str] = &[
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.splitIndex=false",
    "-c",
    "core.safecrlf=false",
    "-c",
    "core.trustctime=true",
    "-c",
    "core.checkStat=default",
    "-c",
    "core.ignoreStat=false",
    // What the user keeps out of the folder may be in it all the same.
    "-c",
    "core.sparseCheckout=false",
    "-c",
    "core.looseCompression=0",
    "-c",
    "core.fsync=none",
];

/// How git is asked for the entries of an index with all their flags. Where only a part of the repository is checked out,
/// it would not tell of flags that it does not go by just now.
pub const ENTRIES: &[&str] = &["-c", "core.sparseCheckout=false", "ls-files", "--stage", "-v", "-z"];

impl Snapshot {
    /// Takes a snapshot of the work tree that `folder` is the top of. `leave_out` are folders that do not belong to it,
    /// wherever they are; `scratch` is where what git needs for this is kept meanwhile.
    pub fn take(folder: &Path, leave_out: &[&Path], scratch: &Path) -> Result<Snapshot, SnapshotError> {
        let plain = Git::at(folder).apart().within(LOOK);
        let words = ["rev-parse", "--absolute-git-dir", "--git-path", "index", "--git-path", "objects"];
        let dirs = plain.text(&words)?;
        let mut dirs = dirs.lines().map(|path| folder.join(path));
        let mut next = || dirs.next().unwrap_or_default();
        let (repository, index, objects) = (next(), next(), next());
        let own = TempDir::with_prefix_in(PREFIX, scratch).map_err(at(scratch))?;
        let own_index = own.path().join("index");
        copy_index(&index, &own_index).map_err(at(&own_index))?;
        copy_index(&own_index, &own.path().join("index.before")).map_err(at(&own_index))?;
        let places = Places { repository, index, objects };
        let git = git_of(folder, &places, own.path(), scratch)?;
        let inside = leave_out.iter().filter_map(|path| path.strip_prefix(folder).ok());
        let mut leave_out: Vec<String> = inside.map(|path| path.display().to_string()).collect();
        // What git ignores is left out anyway, and git refuses to be told so.
        let asked: Vec<&str> =
            ["check-ignore", "--"].into_iter().chain(leave_out.iter().map(String::as_str)).collect();
        let ignored = git.text(&asked).unwrap_or_default();
        leave_out.retain(|path| !ignored.lines().any(|line| line == path));
        let entries = git.run(ENTRIES)?;
        look_at_every_file(&git, &entries)?;
        let (tree, unborn) = (String::new(), Vec::new());
        let mut snapshot = Snapshot { git, tree, leave_out, unborn, places, entries, scratch: own };
        snapshot.tree = snapshot.first_look()?;
        Ok(snapshot)
    }

    /// Says what another process has to know to look again.
    pub fn noted(&self) -> Noted {
        let own = self.scratch.path().file_name().unwrap_or_default();
        Noted {
            own: own.to_string_lossy().into_owned(),
            places: self.places.clone(),
            tree: self.tree.clone(),
            leave_out: self.leave_out.clone(),
            unborn: self.unborn.clone(),
        }
    }

    /// Takes up a snapshot that another process took. Its own folder stays as it is, for whoever comes after us.
    pub fn restore(folder: &Path, noted: &Noted, scratch: &Path) -> Result<Snapshot, SnapshotError> {
        let own = TempDir::with_prefix_in(PREFIX, scratch).map_err(at(scratch))?;
        let (index, own_index) = (scratch.join(&noted.own).join("index"), own.path().join("index"));
        // Without it, all that git ignores and tracks all the same would be gone.
        index.symlink_metadata().map_err(at(&index))?;
        copy_index(&index, &own_index).map_err(at(&own_index))?;
        let Noted { places, tree, leave_out, unborn, .. } = noted.clone();
        let git = git_of(folder, &places, own.path(), scratch)?;
        Ok(Snapshot { git, tree, leave_out, unborn, places, entries: Vec::new(), scratch: own })
    }

    /// Decides whether what it has on the disk stays there when it goes.
    pub fn set_lasting(&mut self, lasting: bool) {
        self.scratch.disable_cleanup(lasting);
    }

    /// Looks, and leaves out repositories without a commit, which git cannot take into a tree.
    fn first_look(&mut self) -> Result<String, GitError> {
        loop {
            let looked = self.look(&[]);
            let Err(GitError::Failed { message, .. }) = &looked else { return looked };
            let Some(path) = without_commit(message).filter(|path| !self.leave_out.contains(path)) else {
                return looked;
            };
            self.leave_out.push(path.clone());
            self.unborn.push(path);
        }
    }

    /// Returns the paths of the commits of other repositories that the snapshot holds.
    pub fn links(&self) -> Result<Vec<PathBuf>, GitError> {
        Ok(gitlinks::links(&self.git.run(&["ls-files", "--stage", "-z"])?))
    }

    /// Returns the paths of the repositories that lie in this one, of whose files nothing else is seen; `links` are those of
    /// the snapshot.
    pub fn inside(&self, links: &[PathBuf]) -> Vec<String> {
        let is_there = |path: &String| {
            let own = self.git.dir().join(path).join(".git");
            own.is_file() || own.join("HEAD").is_file()
        };
        let links = links.iter().map(|path| path.display().to_string());
        links.chain(self.unborn.iter().cloned()).filter(is_there).collect()
    }

    /// Returns the files in folders of submodules that are not checked out, of which git sees nothing.
    pub fn astray(&self, links: &[PathBuf]) -> Result<Vec<PathBuf>, GitError> {
        let no_index = self.scratch.path().join("no-index");
        let mut files = Vec::new();
        for link in links {
            files.extend(gitlinks::files_below(&self.git, self.git.dir(), link, &no_index)?.files);
        }
        Ok(files)
    }

    /// Returns where the repository keeps what is not its files.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Returns the entries of the user's index with their flags, as they were when the snapshot was taken.
    pub fn entries(&self) -> &[u8] {
        &self.entries
    }

    /// Returns the id of the tree that was there when the snapshot was taken.
    pub fn tree(&self) -> &str {
        &self.tree
    }

    /// Speaks to git with the snapshot's own index and objects.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// Returns a folder that goes with the snapshot.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Returns the id of the tree that is there now. `settings` are further options of git.
    pub fn look(&self, settings: &[String]) -> Result<String, GitError> {
        let all: Vec<&String> = self.leave_out.iter().collect();
        let added = self.add(settings, &all).or_else(|error| {
            // One of them may be ignored by now.
            let is_ignored = |path: &&String| self.git.run(&["check-ignore", "-q", "--", path]).is_ok();
            let (ignored, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ignored);
            if ignored.is_empty() { Err(error) } else { self.add(settings, &rest) }
        });
        added?;
        // It writes the index too, and may read files again for that.
        let mut args = options(settings);
        args.push("write-tree".to_owned());
        self.git.text(&args)
    }

    fn add(&self, settings: &[String], leave_out: &[&String]) -> Result<(), GitError> {
        let mut args = options(settings);
        args.extend(["add", "--all", "--no-warn-embedded-repo", "--", "."].map(str::to_owned));
        args.extend(leave_out.iter().map(|path| format!(":(top,exclude,literal){path}")));
        self.git.run(&args).map(drop)
    }

    /// Returns how much two trees differ.
    pub fn difference(&self, from: &str, to: &str) -> Result<Difference, GitError> {
        difference(&self.git, from, to)
    }

    /// Hands on, line by line, the patch that makes one tree into the other; nothing where both are the same.
    pub fn patch(
        &self,
        from: &str,
        to: &str,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), SnapshotError> {
        // Every setting a user may have that changes the format is named here.
        let options = ["-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--binary"];
        let format = ["--full-index", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"];
        let mut stream = self.git.stream(&[&options[..], &format, PLAIN, &[from, to, "--"]].concat())?;
        let mut line = Vec::new();
        loop {
            line.clear();
            match stream.read_until(b'\n', &mut line).map_err(|error| stream.unreadable(error))? {
                0 => break,
                _ => take(&line).map_err(at(Path::new("the patch")))?,
            }
        }
        Ok(stream.finish()?)
    }
}

impl Noted {
    /// Returns the name of its own folder.
    pub fn own(&self) -> &str {
        &self.own
    }
}

/// Speaks to git with the index in `own` and objects of our own. What the settings say of where the work tree is may
/// change while we look.
fn git_of(folder: &Path, places: &Places, own: &Path, scratch: &Path) -> Result<Git, SnapshotError> {
    let objects = scratch.join(OBJECTS);
    std::fs::create_dir_all(&objects).map_err(at(&objects))?;
    let plain = checkout::as_noted(Git::at(folder).apart().within(LOOK), &places.repository);
    let git = plain
        .with("GIT_DIR", &places.repository)
        .with("GIT_WORK_TREE", folder)
        .with("GIT_INDEX_FILE", own.join("index"))
        .with("GIT_OBJECT_DIRECTORY", objects)
        // Nobody tells us to take one tree for another.
        .with("GIT_NO_REPLACE_OBJECTS", "1");
    Ok(git.with("GIT_ALTERNATE_OBJECT_DIRECTORIES", &places.objects))
}

/// Returns how much two trees differ.
pub fn difference(git: &Git, from: &str, to: &str) -> Result<Difference, GitError> {
    if from == to {
        return Ok(Difference::default());
    }
    // A large file is not looked into just to count its lines.
    let options = ["-c", "core.bigFileThreshold=16m", "diff", "--numstat", "-z"];
    let output = git.run(&[&options[..], PLAIN, &[from, to, "--"]].concat())?;
    let mut difference = Difference::default();
    for entry in output.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        let entry = String::from_utf8_lossy(entry);
        let mut fields = entry.splitn(3, '\t');
        let mut lines = || fields.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        difference.insertions += lines();
        difference.deletions += lines();
        difference.files.extend(fields.next().map(str::to_owned));
    }
    Ok(difference)
}

/// Finds out of git's words which folder is a repository that has no commit yet.
fn without_commit(message: &str) -> Option<String> {
    let said = message.lines().find_map(|line| line.strip_suffix("' does not have a commit checked out"))?;
    Some(said.strip_prefix("error: '")?.trim_end_matches('/').to_owned())
}

fn options(settings: &[String]) -> Vec<String> {
    SETTINGS.iter().map(|setting| (*setting).to_owned()).chain(settings.iter().cloned()).collect()
}

/// Options by which a difference is what it is, whatever the user's settings say.
const PLAIN: &[&str] = &[
    "--no-renames",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--submodule=short",
    "--ignore-submodules=none",
];

/// Takes away what snapshots of a process that was killed left in their scratch folder.
pub fn sweep(scratch: &Path) {
    sweep_but(scratch, &[]);
}

/// Takes away what snapshots left, but for those whose own folders are named, which need their objects.
pub fn sweep_but(scratch: &Path, spared: &[String]) {
    let Ok(entries) = std::fs::read_dir(scratch) else { return };
    let is_spared =
        |name: &str| spared.iter().any(|own| own == name) || (name == OBJECTS && !spared.is_empty());
    let left = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        name.starts_with(PREFIX) && !is_spared(&name)
    };
    for entry in entries.flatten().filter(|entry| left(&entry.file_name())) {
        // What cannot be removed takes some space and is in nobody's way.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

/// Applies a patch to the work tree that `folder` is the top of; all of it, or nothing.
pub fn apply(folder: &Path, patch: &Path) -> Result<(), GitError> {
    let patch = patch.as_os_str();
    let options = ["apply", "--binary", "--whitespace=nowarn", "--"].map(std::ffi::OsStr::new);
    Git::at(folder).run(&[&options[..], &[patch]].concat()).map(drop)
}

/// Takes the marks out of our index by which git is told to overlook that a file has changed.
fn look_at_every_file(git: &Git, entries: &[u8]) -> Result<(), GitError> {
    take_out(git, entries, u8::is_ascii_lowercase, "--no-assume-unchanged")?;
    take_out(git, entries, |mark| mark.eq_ignore_ascii_case(&b'S'), "--no-skip-worktree")
}

/// Takes one mark out of all entries that have it; git takes one at a time.
pub(super) fn take_out(
    git: &Git,
    entries: &[u8],
    has_it: fn(&u8) -> bool,
    option: &str,
) -> Result<(), GitError> {
    let marked = entries.split(|byte| *byte == 0).filter(|entry| entry.first().is_some_and(has_it));
    let names = marked.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
    let names: Vec<u8> = names.flat_map(|name| [name, b"\0"].concat()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut update = git.stream(&["update-index", "-z", option, "--stdin"])?;
    update.ask(&names)?;
    update.finish()
}

/// Opens a file for reading; a pipe in its place is not waited for.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = File::from(rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a file")),
    }
}

/// Copies the index with its time, by which git knows which of its entries it cannot rely on.
pub(super) fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    let mut index = match open_file(from) {
        Ok(index) => index,
        // Nothing was ever added.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut copy = File::create(to)?;
    io::copy(&mut index, &mut copy)?;
    copy.set_modified(index.metadata()?.modified()?)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        _all: TempDir,
        tree: PathBuf,
        scratch: PathBuf,
    }

    impl Place {
        fn new() -> Place {
            let all = tempfile::tempdir().unwrap();
            let base = all.path().canonicalize().unwrap();
            let place = Place { tree: base.join("tree"), scratch: base.join("scratch"), _all: all };
            std::fs::create_dir_all(&place.tree).unwrap();
            std::fs::create_dir_all(&place.scratch).unwrap();
            place.git(&["init", "-q", "-b", "main"]);
            place
        }

        fn git(&self, args: &[&str]) -> String {
            let who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
            Git::at(&self.tree).text(&[&who[..], args].concat()).unwrap()
        }

        fn write(&self, path: &str, content: impl AsRef<[u8]>) {
            let path = self.tree.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }

        fn read(&self, path: &str) -> Option<Vec<u8>> {
            std::fs::read(self.tree.join(path)).ok()
        }

        fn snapshot(&self) -> Snapshot {
            Snapshot::take(&self.tree, &[&self.tree.join("rec")], &self.scratch).unwrap()
        }
    }

    fn patch(snapshot: &Snapshot) -> Vec<u8> {
        let mut patch = Vec::new();
        let keep = |line: &[u8]| {
            patch.extend_from_slice(line);
            Ok(())
        };
        snapshot.patch(snapshot.tree(), &snapshot.look(&[]).unwrap(), keep).unwrap();
        patch
    }

    #[test]
    fn a_patch_takes_one_state_to_the_other_and_leaves_the_index_alone() {
        let place = Place::new();
        place.write("kept", "one\ntwo\n");
        place.write("gone", "x\n");
        place.write(".gitignore", "ignored\n");
        place.git(&["add", "-A"]);
        place.git(&["commit", "-q", "-m", "begin"]);
        place.write("staged", "by the user\n");
        place.git(&["add", "staged"]);
        place.write("loose", "before\n");
        let (index, objects) = (place.git(&["ls-files", "-s"]), place.git(&["count-objects"]));
        let snapshot = place.snapshot();
        assert!(patch(&snapshot).is_empty());

        place.write("kept", "one\ntwo and more\n");
        std::fs::remove_file(place.tree.join("gone")).unwrap();
        place.write("dir with space/ü", b"\x00\xff\x01binary".repeat(100));
        place.write("loose", "after\r\n");
        place.write("ignored", "x");
        place.write("rec/a.1.jsonl", "x");
        let changes = patch(&snapshot);
        assert_eq!((place.git(&["ls-files", "-s"]), place.git(&["count-objects"])), (index, objects));
        let text = String::from_utf8_lossy(&changes);
        assert!(!text.contains("ignored") && !text.contains("jsonl") && !text.contains("staged"), "{text}");

        place.write("kept", "one\ntwo\n");
        place.write("gone", "x\n");
        place.write("loose", "before\n");
        std::fs::remove_dir_all(place.tree.join("dir with space")).unwrap();
        let file = place.scratch.join("p");
        std::fs::write(&file, &changes).unwrap();
        apply(&place.tree, &file).unwrap();
        assert_eq!(place.read("kept").unwrap(), b"one\ntwo and more\n");
        assert_eq!(place.read("loose").unwrap(), b"after\r\n");
        assert_eq!(place.read("dir with space/ü").unwrap(), b"\x00\xff\x01binary".repeat(100));
        assert_eq!(place.read("gone"), None);
        let refused = apply(&place.tree, &file).unwrap_err().to_string();
        assert!(refused.contains("does not apply") || refused.contains("No such file"), "{refused}");
        drop(snapshot);
        sweep(&place.scratch);
        assert_eq!(std::fs::read_dir(&place.scratch).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_away() {
        let place = Place::new();
        std::mem::forget(place.snapshot());
        place.write("../scratch/work.1.log", "x");
        sweep(&place.scratch);
        let left: Vec<_> =
            std::fs::read_dir(&place.scratch).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["work.1.log"]);
    }

    #[test]
    fn a_folder_that_git_ignores_can_be_left_out_too() {
        let place = Place::new();
        place.write(".gitignore", "target\n");
        place.write("target/rec/a.1.jsonl", "x");
        let snapshot =
            Snapshot::take(&place.tree, &[&place.tree.join("target/rec")], &place.scratch).unwrap();
        place.write("made", "x\n");
        place.write("target/rec/a.2.jsonl", "x");
        let changes = patch(&snapshot);
        let text = String::from_utf8_lossy(&changes);
        assert!(text.contains("+++ b/made") && !text.contains("jsonl"), "{text}");
    }

    #[test]
    fn a_folder_that_comes_to_be_ignored_is_left_out_as_before() {
        let place = Place::new();
        place.write("rec/a.1.jsonl", "x");
        let snapshot = place.snapshot();
        place.write(".gitignore", "rec\n");
        let difference = snapshot.difference(snapshot.tree(), &snapshot.look(&[]).unwrap()).unwrap();
        assert_eq!((difference.files, difference.insertions), (vec![".gitignore".to_owned()], 1));
    }

    #[test]
    fn a_file_that_git_was_told_to_overlook_is_looked_at() {
        let place = Place::new();
        place.write("kept", "one\n");
        place.git(&["add", "-A"]);
        place.git(&["update-index", "--assume-unchanged", "kept"]);
        let snapshot = place.snapshot();
        place.write("kept", "two\n");
        assert!(!patch(&snapshot).is_empty());
    }

    #[test]
    fn a_repository_without_any_commit_has_changes_too() {
        let place = Place::new();
        let snapshot = place.snapshot();
        place.write("first", "x\n");
        assert!(String::from_utf8_lossy(&patch(&snapshot)).contains("+++ b/first"));
    }
}
