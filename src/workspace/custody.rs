//! What is kept of work that is on no branch, at references of crew's own, and how it comes back.

use super::git::{Git, GitError};
use super::snapshot;
use super::staging::{Place, StagingError};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Below which references all of it is: the work of tasks, and what was not committed when runs were made.
const KEEP: &str = "refs/crew/keep/";
const BASES: &str = "refs/crew/base/";

/// Something that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `refs/crew/keep/RUN/TASK/1`.
    pub reference: String,
    pub run: String,
    /// None where it is what was not committed when the run was made.
    pub task: Option<String>,
    /// What follows the task: `1`, `1.2`.
    pub number: Option<String>,
    pub commit: String,
    /// Seconds since 1970.
    pub at: i64,
    /// The first line of the commit's message.
    pub subject: String,
}

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    #[error("some files could not be kept: {}", .0.join("; "))]
    Left(Vec<String>),
    #[error("there is a branch `{0}` already, which holds something else")]
    BranchTaken(String),
    #[error("`{0}` is no name for a branch")]
    NoBranchName(String),
    #[error("{} is not an empty folder", .0.display())]
    FolderTaken(PathBuf),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Makes a commit of all that lies in the work tree which `folder` is the top of, on top of HEAD, and holds it at
/// `reference`, or at the next name where that is taken. Returns its id; nothing where HEAD holds it all.
///
/// The folder, its index and its branch stay as they are.
pub fn keep(
    folder: &Path,
    leave_out: &[&Path],
    reference: &str,
    message: &str,
) -> Result<Option<String>, CustodyError> {
    let place = Place::at(folder)?;
    let staged = place.stage(leave_out)?;
    if !staged.left.is_empty() {
        return Err(CustodyError::Left(staged.left));
    }
    let head = place.git.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]).ok();
    let parents: Vec<&str> = head.as_deref().into_iter().collect();
    if let Some(head) = &head
        && place.git.text(&["rev-parse", &format!("{head}^{{tree}}")])? == staged.tree
    {
        return Ok(None);
    }
    hold_tree(&place, &staged.tree, &parents, reference, message)
        .map(|(_, commit)| Some(commit))
        .map_err(Into::into)
}

/// Makes a commit and holds it at `reference`, or at the next name that is free; one that is held there already serves as
/// well. Returns the name and the commit's id.
pub fn hold_tree(
    place: &Place,
    tree: &str,
    parents: &[&str],
    reference: &str,
    message: &str,
) -> Result<(String, String), GitError> {
    if let Some(there) = same(&place.git, reference, tree, parents)? {
        return Ok(there);
    }
    let commit = place.commit(tree, parents, message)?;
    Ok((hold(&place.git, reference, &commit)?, commit))
}

/// Finds a commit of the same tree with the same parents among those that are held at `reference` and the names that
/// follow it.
pub fn same(
    git: &Git,
    reference: &str,
    tree: &str,
    parents: &[&str],
) -> Result<Option<(String, String)>, GitError> {
    let format = "--format=%(refname) %(objectname) %(tree) %(parent)";
    let held = git.text(&["for-each-ref", format, reference, &format!("{reference}.*")])?;
    let wanted: Vec<&str> = [&[tree], parents].concat();
    let mut found = held.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = found.find(|words| words.len() > 2 && words[2..] == wanted);
    Ok(found.map(|words| (words[0].to_owned(), words[1].to_owned())))
}

/// Holds a commit at `reference`, or at the next name that is free, and returns that name.
pub fn hold(git: &Git, reference: &str, commit: &str) -> Result<String, GitError> {
    let mut name = reference.to_owned();
    for number in 2.. {
        match git.text(&["rev-parse", "--verify", "-q", &name]) {
            Ok(there) if there == commit => break,
            Ok(_) => name = format!("{reference}.{number}"),
            Err(_) => {
                create(git, &name, commit)?;
                break;
            }
        }
    }
    Ok(name)
}

/// Lets go of what is held at a reference, unless it is something else by now.
pub fn let_go(git: &Git, reference: &str, commit: &str) -> Result<(), GitError> {
    git.run(&["update-ref", "--no-deref", "-d", reference, commit]).map(drop)
}

/// Returns all that is kept, the newest first.
pub fn list(repository: &Path) -> Result<Vec<Entry>, GitError> {
    let format = "--format=%(refname)%00%(objectname)%00%(creatordate:unix)%00%(contents:subject)";
    let listed = Git::at(repository).text(&["for-each-ref", format, "--sort=-creatordate", KEEP, BASES])?;
    Ok(listed.lines().filter_map(entry).collect())
}

fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split('\0').map(str::to_owned);
    let (reference, commit, at, subject) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let at = at.parse().unwrap_or_default();
    let (run, task, number) = match reference.strip_prefix(KEEP) {
        Some(rest) => {
            let mut words = rest.splitn(3, '/').map(str::to_owned);
            (words.next()?, words.next(), words.next())
        }
        None => (reference.strip_prefix(BASES)?.to_owned(), None, None),
    };
    Some(Entry { reference, run, task, number, commit, at, subject })
}

/// Returns the attempts of a run of which something is kept, by their tasks.
pub fn attempts_of(repository: &Path, run: &str) -> Result<Vec<(String, u32)>, GitError> {
    let all = format!("{KEEP}{run}/");
    let names = Git::at(repository).text(&["for-each-ref", "--format=%(refname)", &all])?;
    let attempt = |name: &str| {
        let (task, number) = name.strip_prefix(&all)?.split_once('/')?;
        // Where the name was taken, `.2` follows.
        Some((task.to_owned(), number.split('.').next()?.parse().ok()?))
    };
    Ok(names.lines().filter_map(attempt).collect())
}

/// Returns the paths in which a kept commit differs from where its task's branch, or its own parent, is.
pub fn changed(repository: &Path, entry: &Entry) -> Result<Vec<String>, GitError> {
    let git = Git::at(repository);
    let Entry { run, commit, .. } = entry;
    let branch = entry.task.as_ref().map(|task| format!("refs/heads/crew/{run}/{task}"));
    let common = branch.and_then(|branch| git.text(&["merge-base", &branch, commit]).ok());
    // What the branch has moved on to holds all of it, or it goes back before this.
    let common = common.filter(|common| common != commit);
    let parent = || git.text(&["rev-parse", "--verify", "-q", &format!("{commit}^")]).ok();
    match common.or_else(parent) {
        Some(from) => Ok(snapshot::difference(&git, &from, commit)?.files),
        None => git.entries(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit]),
    }
}

/// Returns in what a kept commit differs from the one that it was made beside; all of it where that was none.
pub fn beside_parent(repository: &Path, commit: &str) -> Result<snapshot::Difference, GitError> {
    let git = Git::at(repository);
    let parent = git.text(&["rev-parse", "--verify", "-q", &format!("{commit}^")]);
    // The tree that holds nothing, by the format of the repository's names.
    let parent = parent.or_else(|_| git.text(&["hash-object", "-t", "tree", "--stdin"]))?;
    snapshot::difference(&git, &parent, commit)
}

/// Makes a reference that is not there yet.
pub fn create(git: &Git, reference: &str, commit: &str) -> Result<(), GitError> {
    git.run(&["update-ref", "--no-deref", reference, commit, ""]).map(drop)
}

/// Makes a branch of a kept commit. One that is there is not moved.
pub fn to_branch(repository: &Path, commit: &str, name: &str) -> Result<(), CustodyError> {
    let place = Place::at(repository)?;
    if place.git.run(&["check-ref-format", "--branch", name]).is_err() {
        return Err(CustodyError::NoBranchName(name.to_owned()));
    }
    let reference = format!("refs/heads/{name}");
    match place.git.text(&["rev-parse", "--verify", "-q", &reference]) {
        Ok(there) if there == commit => Ok(()),
        Ok(_) => Err(CustodyError::BranchTaken(name.to_owned())),
        Err(_) => Ok(create(&place.git, &reference, commit)?),
    }
}

/// Puts the files of a kept commit into a folder that is not there yet or has nothing in it; all of them, or none.
pub fn to_folder(repository: &Path, commit: &str, folder: &Path) -> Result<(), CustodyError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CustodyError::File { path, source }
    };
    let is_free = match folder.symlink_metadata() {
        Ok(kind) => kind.is_dir() && std::fs::read_dir(folder).map_err(at(folder))?.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !is_free {
        return Err(CustodyError::FolderTaken(folder.to_owned()));
    }
    let above = folder.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(above).map_err(at(above))?;
    sweep(above);
    // Beside it, so that it takes its place in one step.
    let scratch = TempDir::with_prefix_in(SCRATCH, above).map_err(at(above))?;
    let _at_work = take(scratch.path()).map_err(at(scratch.path()))?;
    let files = scratch.path().join("files");
    std::fs::create_dir(&files).map_err(at(&files))?;
    let place = Place::of(&files, &Place::at(repository)?.own);
    let git = place.git.with("GIT_INDEX_FILE", scratch.path().join("index"));
    git.run(&["-c", "core.sparseCheckout=false", "read-tree", "--reset", "-u", commit])?;
    std::fs::rename(&files, folder).map_err(at(folder))
}

/// What the folders begin with in which files are put together.
const SCRATCH: &str = ".crew-restore-";
/// A file in them that is locked as long as somebody is at work there.
const AT_WORK: &str = "at-work";

fn take(scratch: &Path) -> io::Result<File> {
    let file = tempfile::NamedTempFile::new_in(scratch)?;
    file.as_file().try_lock()?;
    // Locked before it has its name, so nobody finds it free.
    Ok(file.persist(scratch.join(AT_WORK))?)
}

/// Takes away what was put together there by somebody who was killed over it. All of it is at a reference still.
fn sweep(above: &Path) {
    for entry in std::fs::read_dir(above).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(SCRATCH)
            && entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_left = || File::open(entry.path().join(AT_WORK)).is_ok_and(|file| file.try_lock().is_ok());
        if is_ours && is_left() {
            // What stays is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
