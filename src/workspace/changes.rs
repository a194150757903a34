//! What a task changed: from the commit that it began from to the tip of its branch, or to what lies in its folder.

use super::git::{Git, GitError, GitStream};
use super::inner::Inner;
use super::inventory::tree_of;
use super::scratch::Scratch;
use super::snapshot::difference;
use super::staging::{Place, Staged, StagingError};
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

/// What lies in a folder just now, as a tree of git that goes when this is dropped.
///
/// Neither the folder nor its index nor the repository is touched: what git writes for this goes to a place of our own.
#[derive(Debug)]
pub struct Now {
    pub git: Git,
    /// Id of the tree; only `git` of this can look into it.
    pub tree: String,
    /// What could not be read, with git's reason.
    pub left: Vec<String>,
    /// Files in folders of submodules that no commit there has, whether the submodule is checked out or not. They are not in
    /// the tree.
    pub astray: Vec<String>,
    _objects: Scratch,
}

impl Now {
    /// Looks at a work tree. `leave_out` are names in it that do not belong to it.
    pub fn of(place: &Place, leave_out: &[&Path]) -> Result<Now, StagingError> {
        let objects = place.git.text(&["rev-parse", "--git-path", "objects"])?;
        let objects = place.folder.join(objects);
        let own = Scratch::new("crew-look-");
        let own = own.map_err(|source| StagingError::File { path: std::env::temp_dir(), source })?;
        let git = place.git.clone().with("GIT_OBJECT_DIRECTORY", own.path());
        let git = git.with("GIT_ALTERNATE_OBJECT_DIRECTORIES", &objects);
        let apart = Place { git: git.clone(), ..place.clone() };
        let staged = apart.stage(leave_out)?;
        let mut astray = Vec::new();
        look_astray(&apart, Path::new(""), &staged, &mut astray)?;
        Ok(Now { git, tree: staged.tree, left: staged.left, astray, _objects: own })
    }

    /// Returns the paths in which the folder differs from a commit.
    pub fn beside(&self, commit: &str) -> Result<Vec<String>, GitError> {
        let mut files = difference(&self.git, &tree_of(&self.git, commit)?, &self.tree)?.files;
        files.extend(self.astray.iter().cloned());
        Ok(files)
    }
}

/// Finds the files in submodules that no commit there has, all the way down. `path` is where the work tree lies.
fn look_astray(
    place: &Place,
    path: &Path,
    staged: &Staged,
    all: &mut Vec<String>,
) -> Result<(), StagingError> {
    let files = staged.astray.iter().flat_map(|astray| &astray.files);
    all.extend(files.map(|file| path.join(file).display().to_string()));
    for inside in staged.inside.iter().filter(|inside| inside.is_submodule) {
        let (path, folder) = (path.join(&inside.path), place.folder.join(&inside.path));
        let repository = Inner::at(&folder, &std::env::temp_dir())?;
        let inner = &repository.place;
        let staged = inner.stage(&[])?;
        let head = inner.git.text(&["rev-parse", "--verify", "-q", "HEAD^{tree}"]);
        let empty = || inner.git.text(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
        let files = difference(&inner.git, &head.or_else(|_| empty())?, &staged.tree)?.files;
        all.extend(files.iter().map(|file| path.join(file).display().to_string()));
        look_astray(inner, &path, &staged, all)?;
    }
    Ok(())
}

/// A change, from one tree or commit to another.
#[derive(Debug)]
pub struct Span {
    git: Git,
    pub from: String,
    pub to: String,
    /// Holds what is only there for us.
    _now: Option<Now>,
}

/// How a change is put into words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines as people read them.
    Patch,
    /// One that can be applied, whatever is in the files.
    WholePatch,
    /// A line for each file, in so many columns.
    Stat {
        width: u16,
    },
    Names,
}

/// One file of a change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileChange {
    pub path: String,
    /// What it was called before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `added`, `modified`, `deleted`, `renamed`, `copied` or `type_changed`.
    pub change: &'static str,
    /// Lines; none where git takes it for binary.
    pub insertions: Option<u64>,
    pub deletions: Option<u64>,
}

impl Span {
    /// Speaks of the change from one commit to another.
    pub fn between(git: Git, from: &str, to: &str) -> Span {
        Span { git, from: from.to_owned(), to: to.to_owned(), _now: None }
    }

    /// Speaks of the change from a commit to what lies in a folder.
    pub fn up_to(now: Now, from: &str) -> Span {
        Span { git: now.git.clone(), from: from.to_owned(), to: now.tree.clone(), _now: Some(now) }
    }

    /// Hands on, line by line, what git says of the change. With `paths` only of what they fit, from the top on.
    pub fn tell(
        &self,
        form: Form,
        paths: &[PathBuf],
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), TellError> {
        let stat = match form {
            Form::Stat { width } => format!("--stat={width}"),
            _ => String::new(),
        };
        let options: &[&str] = match form {
            Form::Patch => &["--patch"],
            Form::WholePatch => &["--patch", "--binary", "--full-index"],
            Form::Stat { .. } => &[&stat],
            Form::Names => &["--name-only"],
        };
        let mut stream = self.stream(options, paths)?;
        let mut line = Vec::new();
        loop {
            line.clear();
            match stream.read_until(b'\n', &mut line).map_err(|error| stream.unreadable(error))? {
                0 => return Ok(stream.finish()?),
                _ => take(&line)?,
            }
        }
    }

    /// Returns the files of the change, in the order of their names.
    pub fn files(&self, paths: &[PathBuf]) -> Result<Vec<FileChange>, GitError> {
        let kinds = self.fields(&["--name-status", "-z"], paths)?;
        let counts = self.fields(&["--numstat", "-z"], paths)?;
        let mut kinds = kinds.into_iter();
        let mut counts = counts.into_iter();
        let mut files = Vec::new();
        while let (Some(kind), Some(count)) = (kinds.next(), counts.next()) {
            let mut lines = count.splitn(3, '\t');
            let insertions = lines.next().and_then(|number| number.parse().ok());
            let deletions = lines.next().and_then(|number| number.parse().ok());
            let two_names = kind.starts_with(['R', 'C']);
            let first = kinds.next().unwrap_or_default();
            let (path, from) = match two_names {
                // Where a file has two names, its counts stand alone, and both names follow.
                true => {
                    counts.next();
                    counts.next();
                    (kinds.next().unwrap_or_default(), Some(first))
                }
                false => (first, None),
            };
            files.push(FileChange { path, from, change: change_of(&kind), insertions, deletions });
        }
        Ok(files)
    }

    fn fields(&self, options: &[&str], paths: &[PathBuf]) -> Result<Vec<String>, GitError> {
        let mut stream = self.stream(options, paths)?;
        let mut fields = Vec::new();
        loop {
            let mut field = Vec::new();
            match stream.read_until(0, &mut field).map_err(|error| stream.unreadable(error))? {
                0 => break,
                _ => fields.push(String::from_utf8_lossy(field.strip_suffix(b"\0").unwrap_or(&field)).into()),
            }
        }
        stream.finish()?;
        Ok(fields)
    }

    fn stream(&self, options: &[&str], paths: &[PathBuf]) -> Result<GitStream, GitError> {
        // What the repository's settings name is not started, and the form is the same for everybody.
        let set = ["-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "--find-renames"];
        let plain = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--submodule=short"];
        let ends = ["--ignore-submodules=none", "--end-of-options", &self.from, &self.to, "--"];
        let words = set.iter().chain(&plain).chain(options).chain(&ends);
        let mut args: Vec<std::ffi::OsString> = words.map(|word| (*word).into()).collect();
        args.extend(paths.iter().map(|path| path.clone().into_os_string()));
        self.git.stream(&args)
    }
}

/// Why a change could not be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error(transparent)]
    Git(#[from] GitError),
    /// Whoever was told could not take it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn change_of(kind: &str) -> &'static str {
    match kind.as_bytes().first() {
        Some(b'A') => "added",
        Some(b'D') => "deleted",
        Some(b'R') => "renamed",
        Some(b'C') => "copied",
        Some(b'T') => "type_changed",
        _ => "modified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn repository() -> (TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.run(&["init", "-q", "-b", "main"]).unwrap();
        std::fs::write(folder.path().join("kept"), "1\n2\n3\n").unwrap();
        std::fs::write(folder.path().join("moved"), "a\nb\nc\nd\ne\n").unwrap();
        std::fs::write(folder.path().join("gone"), "x\n").unwrap();
        git.run(&["add", "-A"]).unwrap();
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.com"];
        git.run(&[&who[..], &["commit", "-q", "-m", "begin"]].concat()).unwrap();
        let place = Place::at(folder.path()).unwrap();
        (folder, place)
    }

    #[test]
    fn what_lies_in_the_folder_is_seen_and_nothing_of_the_repository_is_touched() {
        let (folder, place) = repository();
        let top = folder.path();
        std::fs::write(top.join("kept"), "1\ntwo\n3\n").unwrap();
        std::fs::write(top.join("new \u{e4}"), "n\n").unwrap();
        std::fs::write(top.join("picture"), [0, 1, 2, 0]).unwrap();
        std::fs::rename(top.join("moved"), top.join("there")).unwrap();
        std::fs::remove_file(top.join("gone")).unwrap();
        let objects = || {
            let counted = place.git.text(&["count-objects"]).unwrap();
            (counted, std::fs::read(top.join(".git/index")).unwrap())
        };
        let before = objects();
        let now = Now::of(&place, &[]).unwrap();
        assert_eq!(now.beside("HEAD").unwrap().len(), 6);
        let span = Span::up_to(now, "HEAD");
        let files = span.files(&[]).unwrap();
        let told: Vec<(&str, &str, Option<u64>)> =
            files.iter().map(|file| (file.path.as_str(), file.change, file.insertions)).collect();
        assert_eq!(
            told,
            [
                ("gone", "deleted", Some(0)),
                ("kept", "modified", Some(1)),
                ("new \u{e4}", "added", Some(1)),
                ("picture", "added", None),
                ("there", "renamed", Some(0)),
            ]
        );
        assert_eq!(files[4].from.as_deref(), Some("moved"));
        let mut patch = Vec::new();
        let take = |line: &[u8]| {
            patch.extend_from_slice(line);
            Ok(())
        };
        span.tell(Form::WholePatch, &[], take).unwrap();
        let text = String::from_utf8_lossy(&patch);
        assert!(text.contains("+two") && text.contains("GIT binary patch"), "{text}");
        assert_eq!(span.files(&["kept".into()]).unwrap().len(), 1);
        assert_eq!(objects(), before);
    }
}
