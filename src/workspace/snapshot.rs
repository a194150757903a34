//! What a folder's files were at one moment, and what changed since.
//!
//! Nothing of the user's is touched: git works on a copy of the index, and writes new objects to a folder of our own.

use super::git::{Git, GitError};
use std::fs::File;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
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
#[derive(Debug)]
pub struct Snapshot {
    git: Git,
    /// Id of the tree.
    tree: String,
    leave_out: Option<String>,
    /// Goes with us.
    _scratch: TempDir,
}

/// What the names of our folders begin with.
const PREFIX: &str = ".snapshot-";

/// Settings that would change what is read or written, or would start something.
const SETTINGS: [&str; 6] =
    ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false"];

impl Snapshot {
    /// Takes a snapshot of the work tree that `folder` is the top of. `leave_out` is a folder that does not belong to
    /// it, wherever that is; `scratch` is where what git needs for this is kept meanwhile.
    pub fn take(folder: &Path, leave_out: &Path, scratch: &Path) -> Result<Snapshot, SnapshotError> {
        let plain = Git::at(folder);
        let inside =
            |name: &str| plain.text(&["rev-parse", "--git-path", name]).map(|path| folder.join(path));
        let (index, objects) = (inside("index")?, inside("objects")?);
        let own = TempDir::with_prefix_in(PREFIX, scratch).map_err(at(scratch))?;
        let own_objects = own.path().join("objects");
        std::fs::create_dir(&own_objects).map_err(at(&own_objects))?;
        let own_index = own.path().join("index");
        copy_index(&index, &own_index).map_err(at(&own_index))?;
        let git = plain
            .with("GIT_INDEX_FILE", &own_index)
            .with("GIT_OBJECT_DIRECTORY", &own_objects)
            .with("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects);
        let inside = leave_out.strip_prefix(folder).ok().map(|path| path.display().to_string());
        // What git ignores is left out anyway, and git refuses to be told so.
        let is_ignored = |path: &String| git.run(&["check-ignore", "-q", "--", path]).is_ok();
        let leave_out = inside.filter(|path| !is_ignored(path));
        let leave_out = leave_out.map(|path| format!(":(top,exclude,literal){path}"));
        let mut snapshot = Snapshot { git, tree: String::new(), leave_out, _scratch: own };
        snapshot.tree = snapshot.current_tree()?;
        Ok(snapshot)
    }

    fn current_tree(&self) -> Result<String, GitError> {
        let mut args = SETTINGS.to_vec();
        args.extend(["add", "--all", "--", "."]);
        args.extend(self.leave_out.as_deref());
        self.git.run(&args)?;
        self.git.text(&["write-tree"])
    }

    /// Hands on, line by line, the patch that makes the work tree of then into that of now; nothing where both are the
    /// same.
    pub fn changes(&self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), SnapshotError> {
        let now = self.current_tree()?;
        // Every setting a user may have that changes the format is named here.
        let mut args =
            vec!["-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--binary"];
        args.extend(["--full-index", "--no-renames", "--no-color", "--no-ext-diff", "--no-textconv"]);
        args.extend(["--no-relative", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/"]);
        args.extend([self.tree.as_str(), now.as_str(), "--"]);
        let mut stream = self.git.stream(&args)?;
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

/// Takes away what snapshots of a process that was killed left in their scratch folder.
pub fn sweep(scratch: &Path) {
    let Ok(entries) = std::fs::read_dir(scratch) else { return };
    let left = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(PREFIX);
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

/// Copies the index with its time, by which git knows which of its entries it cannot rely on.
fn copy_index(from: &Path, to: &Path) -> io::Result<()> {
    let written = match std::fs::metadata(from) {
        Ok(index) => index.modified()?,
        // Nothing was ever added.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    std::fs::copy(from, to)?;
    File::options().write(true).open(to)?.set_modified(written)
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
            Snapshot::take(&self.tree, &self.tree.join("rec"), &self.scratch).unwrap()
        }
    }

    fn patch(snapshot: &Snapshot) -> Vec<u8> {
        let mut patch = Vec::new();
        let keep = |line: &[u8]| {
            patch.extend_from_slice(line);
            Ok(())
        };
        snapshot.changes(keep).unwrap();
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
        let snapshot = Snapshot::take(&place.tree, &place.tree.join("target/rec"), &place.scratch).unwrap();
        place.write("made", "x\n");
        place.write("target/rec/a.2.jsonl", "x");
        let changes = patch(&snapshot);
        let text = String::from_utf8_lossy(&changes);
        assert!(text.contains("+++ b/made") && !text.contains("jsonl"), "{text}");
    }

    #[test]
    fn a_repository_without_any_commit_has_changes_too() {
        let place = Place::new();
        let snapshot = place.snapshot();
        place.write("first", "x\n");
        assert!(String::from_utf8_lossy(&patch(&snapshot)).contains("+++ b/first"));
    }
}
