//! A task's own work tree: made, recognised, its work kept in commits, taken away.
//!
//! # How it works
//!
//! Git registers each work tree in a folder of its own below `worktrees/` of the repository, the admin folder. There lies
//! a marker that names run and task, out of reach for whatever happens in the work tree. A folder is a task's own only
//! where its `.git` leads to an admin folder that leads back and whose marker names the task; that is looked at before
//! each commit and each removal. From then on git is told where both are and looks for nothing: where `.git` is gone, it
//! would find the user's repository around it and commit there.
//!
//! The work tree is locked, so `git worktree prune` leaves it alone where its folder cannot be reached for a while. The
//! lock's reason names the task before anything else is made, so what a killed `add` left is known for what it is.

use super::custody;
use super::git::{Git, GitError};
use super::snapshot::{self, Difference, LOOK};
use super::staging::{Place, StagingError, settled};
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whose a work tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    pub run: String,
    pub task: String,
}

/// A work tree that shall be there.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The top of the user's work tree.
    pub repository: &'a Path,
    /// Where it shall be; absolute.
    pub folder: &'a Path,
    /// `crew/RUN/TASK`.
    pub branch: &'a str,
    /// Id of the commit that the branch begins with.
    pub base: &'a str,
    pub owner: &'a Owner,
}

/// A folder that was found to be a task's own work tree.
#[derive(Clone, Debug)]
pub struct Worktree {
    place: Place,
    common: PathBuf,
    branch: String,
    owner: Owner,
}

/// How the work in a work tree is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Work<'a> {
    pub message: &'a str,
    /// Id of the commit that the branch began with.
    pub base: &'a str,
    /// What crew put there itself, relative to the folder or absolute.
    pub leave_out: &'a [&'a Path],
    /// Where commits are held that would be lost; where it is taken, the names that follow it.
    pub keep_ref: &'a str,
}

/// What a work tree held when it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Id of the branch's tip, which holds all of it.
    pub commit: String,
    /// The branch's reference.
    pub reference: String,
    /// The commit was made just now.
    pub is_new: bool,
    /// From the base to the commit.
    pub difference: Difference,
    /// The references that hold what the branch no longer does.
    pub set_aside: Vec<String>,
    /// What could not be kept, with git's reason.
    pub left: Vec<String>,
}

/// What became of a work tree that was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The references that hold what was not on the branch.
    pub set_aside: Vec<String>,
}

/// Why there is no work tree, or why nothing was done with it.
#[derive(Debug, thiserror::Error)]
pub enum WorktreeError {
    #[error("{} is not the task's own work tree: {wrong}", .folder.display())]
    NotOwn { folder: PathBuf, wrong: Wrong },
    #[error("the branch `{branch}` is there already, and does not come from {base}")]
    BranchTaken { branch: String, base: String },
    #[error("{} has what cannot be kept, so it stays: {}", .folder.display(), .left.join("; "))]
    Unkeepable { folder: PathBuf, left: Vec<String> },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Staging(#[from] StagingError),
    #[error(transparent)]
    Git(#[from] GitError),
}

/// What is wrong with a folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("it is not there")]
    Missing,
    #[error("it is a link")]
    Symlink,
    #[error("it is not a folder")]
    NotAFolder,
    #[error("it holds files that are not a task's")]
    Foreign,
    #[error("its `.git` is gone")]
    GitGone,
    #[error("its `.git` is not what `git worktree add` made")]
    GitReplaced,
    #[error("it belongs to another repository")]
    OtherRepository,
    #[error("git has it registered at {}", .0.display())]
    Elsewhere(PathBuf),
    #[error("crew has not made it")]
    Unmarked,
    #[error("it is of task {task} of run {run}")]
    Others { run: String, task: String },
    #[error("it was made for the branch `{0}`")]
    OtherBranch(String),
}

/// What stands in the admin folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    run: String,
    task: String,
    branch: String,
}

const MARKER: &str = "crew.json";
/// How often a step is tried again that found another process's lock, and for how long it waits the first time.
const TRIES: u32 = 8;
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// What is registered for a task.
enum Registered {
    /// Whoever works may have been there.
    Whole(PathBuf),
    /// Nobody was told of it yet.
    Half(PathBuf),
}

impl Worktree {
    /// Makes a work tree, or takes up the one that is there; what a killed process left half done is put right. A folder
    /// or a branch that is not the task's own stays as it is.
    pub fn add(order: &Order) -> Result<Worktree, WorktreeError> {
        let common = common_of(order.repository)?;
        let mut wait = FIRST_WAIT;
        for _ in 1..TRIES {
            match add_once(order, &common) {
                Err(WorktreeError::Git(error)) if is_locked(&error) => std::thread::sleep(wait),
                done => return done,
            }
            wait *= 2;
        }
        add_once(order, &common)
    }

    /// Opens one that is there, and is all that a task's own work tree has to be.
    pub fn open(
        repository: &Path,
        folder: &Path,
        branch: &str,
        owner: &Owner,
    ) -> Result<Worktree, WorktreeError> {
        let common = common_of(repository)?;
        open_at(&common, folder, branch, owner)
    }

    /// Returns the top of the work tree.
    pub fn folder(&self) -> &Path {
        &self.place.folder
    }

    /// Returns its admin folder.
    pub fn admin(&self) -> &Path {
        &self.place.own
    }

    /// Returns the folder that all work trees of the repository share.
    pub fn common(&self) -> &Path {
        &self.common
    }

    /// Returns the task's branch.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// Returns whose it is.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Speaks to git about this work tree and no other, with no hooks.
    pub fn git(&self) -> Git {
        self.place.git.clone()
    }

    fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }

    /// Returns the id of the branch's newest commit.
    pub fn tip(&self) -> Result<String, GitError> {
        self.place.git.text(&["rev-parse", "--verify", &self.reference()])
    }

    /// Tells whether the work tree holds something that its branch does not.
    pub fn is_dirty(&self) -> Result<bool, WorktreeError> {
        self.check()?;
        let head = self.place.git.text(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
        let options =
            ["status", "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=none"];
        Ok(head != self.reference() || !self.place.git.run(&options)?.is_empty())
    }

    fn check(&self) -> Result<(), WorktreeError> {
        open_at(&self.common, &self.place.folder, &self.branch, &self.owner).map(drop)
    }

    /// Commits all that the work tree holds on the task's branch: what is not tracked too, what is ignored not. Whoever
    /// worked there may have committed, switched, reset or stopped in the middle of a merge; their commits stay, and what
    /// the branch no longer holds is held beside it. Twice is the same as once.
    pub fn keep(&self, work: &Work) -> Result<Kept, WorktreeError> {
        self.check()?;
        let git = &self.place.git;
        let staged = self.place.stage(work.leave_out)?;
        let reference = self.reference();
        let head = self.commit_at("HEAD");
        let tip = self.commit_at(&reference);
        let parent = self.parent(head.as_deref(), tip.as_deref(), work.base)?;
        let is_new = git.text(&["rev-parse", &format!("{parent}^{{tree}}")])? != staged.tree;
        let commit = match is_new {
            true => self.place.commit(&staged.tree, &[&parent], work.message)?,
            false => parent,
        };
        let set_aside = self.set_aside([head, tip.clone()].into_iter().flatten(), &commit, work)?;
        let difference = snapshot::difference(git, work.base, &commit)?;
        if tip.as_deref() != Some(&commit) {
            git.run(&["update-ref", "-m", "crew: keep", &reference, &commit, tip.as_deref().unwrap_or("")])?;
        }
        self.settle(staged.index)?;
        Ok(Kept { commit, reference, is_new, difference, set_aside, left: staged.left })
    }

    fn commit_at(&self, name: &str) -> Option<String> {
        self.place.git.text(&["rev-parse", "--verify", "-q", &format!("{name}^{{commit}}")]).ok()
    }

    fn descends(&self, from: &str, commit: &str) -> bool {
        from == commit || self.place.git.run(&["merge-base", "--is-ancestor", from, commit]).is_ok()
    }

    /// Finds the newest commit of the task's own; failing that, the one that it began with.
    fn parent(&self, head: Option<&str>, tip: Option<&str>, base: &str) -> Result<String, GitError> {
        let own = |commit: &&str| self.descends(base, commit);
        let (head, tip) = (head.filter(own), tip.filter(own));
        let parent = match (head, tip) {
            (Some(head), Some(tip)) if self.descends(head, tip) => tip,
            (Some(head), _) => head,
            (None, Some(tip)) => tip,
            (None, None) => base,
        };
        Ok(parent.to_owned())
    }

    /// Holds the commits that are about to be on no branch.
    fn set_aside(
        &self,
        commits: impl Iterator<Item = String>,
        commit: &str,
        work: &Work,
    ) -> Result<Vec<String>, WorktreeError> {
        let mut held = Vec::new();
        let mut lost: Vec<String> = commits.filter(|other| !self.descends(other, commit)).collect();
        lost.sort_unstable();
        lost.dedup();
        for lost in lost {
            held.push(custody::hold(&self.place, work.keep_ref, &lost)?);
        }
        Ok(held)
    }

    /// Lets HEAD, the index and git's notes be as after a commit on the branch.
    fn settle(&self, index: tempfile::TempPath) -> Result<(), WorktreeError> {
        let git = &self.place.git;
        if git.text(&["symbolic-ref", "-q", "HEAD"]).ok() != Some(self.reference()) {
            git.run(&["symbolic-ref", "-m", "crew: keep", "HEAD", &self.reference()])?;
        }
        for name in UNFINISHED {
            let path = self.place.own.join(name);
            let gone = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
                _ => {}
            }
        }
        let own = self.place.own.join("index");
        index.persist(&own).map_err(|error| at(&own)(error.error))
    }

    /// Takes the work tree away. What its branch does not hold is kept first; the branch stays.
    pub fn remove(self, work: &Work) -> Result<Removed, WorktreeError> {
        self.check()?;
        let staged = self.place.stage(work.leave_out)?;
        if !staged.left.is_empty() {
            return Err(WorktreeError::Unkeepable { folder: self.place.folder, left: staged.left });
        }
        let git = &self.place.git;
        let tip = self.tip()?;
        let head = self.commit_at("HEAD");
        let mut set_aside = self.set_aside(head.clone().into_iter(), &tip, work)?;
        if git.text(&["rev-parse", &format!("{tip}^{{tree}}")])? != staged.tree {
            let parent = head.unwrap_or(tip);
            let commit = self.place.commit(&staged.tree, &[&parent], work.message)?;
            set_aside.push(custody::hold(&self.place, work.keep_ref, &commit)?);
        }
        drop(staged.index);
        let common = Git::at(&self.common).apart().within(LOOK);
        let args = ["worktree", "remove", "--force", "--force", "--"].map(std::ffi::OsStr::new);
        common.run(&[&args[..], &[self.place.folder.as_os_str()]].concat())?;
        Ok(Removed { set_aside })
    }
}

/// Files and folders by which git knows that something was begun and not finished.
const UNFINISHED: &[&str] = &[
    "index.lock",
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "MERGE_AUTOSTASH",
    "AUTO_MERGE",
    "SQUASH_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "BISECT_NAMES",
    "BISECT_TERMS",
    "BISECT_EXPECTED_REV",
    "BISECT_ANCESTORS_OK",
    "sequencer",
    "rebase-merge",
    "rebase-apply",
];

fn add_once(order: &Order, common: &Path) -> Result<Worktree, WorktreeError> {
    match registered(common, order.owner)? {
        Some(Registered::Whole(_)) if order.folder.symlink_metadata().is_ok() => {
            return open_at(common, order.folder, order.branch, order.owner);
        }
        Some(Registered::Whole(admin)) => forget(order, common, &admin)?,
        Some(Registered::Half(admin)) => return finish(order, common, &admin),
        None => {}
    }
    if !is_free(order.folder)? {
        open_at(common, order.folder, order.branch, order.owner)?;
    }
    let git = settled(Git::at(order.repository).apart().within(LOOK));
    let reference = format!("refs/heads/{}", order.branch);
    let reason = reason(order.owner);
    let mut args = vec!["worktree", "add", "-q", "--lock", "--reason", &reason];
    let tip = git.text(&["rev-parse", "--verify", "-q", &format!("{reference}^{{commit}}")]).ok();
    let begin = match &tip {
        Some(tip) if git.run(&["merge-base", "--is-ancestor", order.base, tip]).is_err() => {
            let (branch, base) = (order.branch.to_owned(), order.base.to_owned());
            return Err(WorktreeError::BranchTaken { branch, base });
        }
        Some(_) => order.branch,
        None => {
            args.extend(["--no-track", "-b", order.branch]);
            order.base
        }
    };
    args.push("--");
    let mut args: Vec<&std::ffi::OsStr> = args.into_iter().map(std::ffi::OsStr::new).collect();
    args.extend([order.folder.as_os_str(), begin.as_ref()]);
    if let Err(error) = git.run(&args) {
        if tip.is_none() && !is_locked(&error) {
            // Git makes the branch first; nothing is on it.
            let _ = git.run(&["update-ref", "-d", &reference, order.base]);
        }
        return Err(error.into());
    }
    match registered(common, order.owner)? {
        Some(Registered::Half(admin)) => mark(order, common, &admin),
        _ => Err(wrong(order.folder, Wrong::Unmarked)),
    }
}

/// Says whose a work tree is that git has begun to make.
fn reason(owner: &Owner) -> String {
    format!("crew: task {} of run {}", owner.task, owner.run)
}

/// Finds what is registered for a task.
fn registered(common: &Path, owner: &Owner) -> Result<Option<Registered>, WorktreeError> {
    let all = common.join("worktrees");
    let entries = match std::fs::read_dir(&all) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&all)(error)),
    };
    for admin in entries.flatten().map(|entry| entry.path()) {
        match marker(&admin)? {
            Some(marker) if marker.run == owner.run && marker.task == owner.task => {
                return Ok(Some(Registered::Whole(admin)));
            }
            Some(_) => {}
            None => {
                let locked = std::fs::read_to_string(admin.join("locked")).unwrap_or_default();
                if locked.trim_end() == reason(owner) {
                    return Ok(Some(Registered::Half(admin)));
                }
            }
        }
    }
    Ok(None)
}

/// Reads the marker of an admin folder.
fn marker(admin: &Path) -> Result<Option<Marker>, WorktreeError> {
    let path = admin.join(MARKER);
    match std::fs::read(&path) {
        Ok(content) => Ok(serde_json::from_slice(&content).ok()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(at(&path)(error)),
    }
}

/// Writes the marker: from now on the work tree is whole.
fn mark(order: &Order, common: &Path, admin: &Path) -> Result<Worktree, WorktreeError> {
    let Owner { run, task } = order.owner.clone();
    let marker = Marker { run, task, branch: order.branch.to_owned() };
    let path = admin.join(MARKER);
    let text = serde_json::to_vec(&marker).map_err(|error| at(&path)(error.into()))?;
    let file = tempfile::NamedTempFile::new_in(admin).map_err(at(admin))?;
    std::fs::write(file.path(), text).map_err(at(file.path()))?;
    file.as_file().sync_all().map_err(at(&path))?;
    file.persist(&path).map_err(|error| at(&path)(error.error))?;
    open_at(common, order.folder, order.branch, order.owner)
}

/// Finishes a work tree whose making was stopped. Nobody has worked in it: it has no marker.
fn finish(order: &Order, common: &Path, admin: &Path) -> Result<Worktree, WorktreeError> {
    let is_begun = ["HEAD", "commondir", "gitdir"].iter().all(|name| admin.join(name).exists());
    let gitfile = order.folder.join(".git");
    if !is_begun || !gitfile.exists() {
        take_apart(order, admin)?;
        return add_once(order, common);
    }
    let place = Place::of(order.folder, admin);
    let reference = format!("refs/heads/{}", order.branch);
    if place.git.run(&["rev-parse", "--verify", "-q", &reference]).is_err() {
        place.create(&reference, order.base)?;
    }
    place.git.run(&["symbolic-ref", "HEAD", &reference])?;
    place.git.run(&["reset", "--hard", "-q"])?;
    mark(order, common, admin)
}

/// What `git worktree add` writes before it checks anything out.
const BEGINNINGS: &[&str] = &[
    "gitdir",
    "commondir",
    "HEAD",
    "HEAD.lock",
    "ORIG_HEAD",
    "index.lock",
    "config.worktree",
    "info/sparse-checkout",
    "logs/HEAD",
    "logs",
    "info",
    "refs",
    "locked",
];

/// Takes away the first files of a work tree that was hardly begun; anything else that lies there stays, with an error.
fn take_apart(order: &Order, admin: &Path) -> Result<(), WorktreeError> {
    let own = format!("gitdir: {}", admin.display());
    let gitfile = order.folder.join(".git");
    if std::fs::read_to_string(&gitfile).is_ok_and(|content| content.trim_end() == own) {
        std::fs::remove_file(&gitfile).map_err(at(&gitfile))?;
    }
    for name in BEGINNINGS {
        let path = admin.join(name);
        let gone = match path.is_dir() {
            true => std::fs::remove_dir(&path),
            false => std::fs::remove_file(&path),
        };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&path)(error)),
            _ => {}
        }
    }
    std::fs::remove_dir(admin).map_err(at(admin))
}

/// Takes away the registration of a work tree whose folder is gone.
fn forget(order: &Order, common: &Path, admin: &Path) -> Result<(), WorktreeError> {
    let gitdir = admin.join("gitdir");
    let registered = std::fs::read_to_string(&gitdir).map_err(at(&gitdir))?;
    let registered = PathBuf::from(registered.trim_end_matches('\n'));
    let folder = registered.parent().unwrap_or(&registered).to_owned();
    if real(&folder) != real(order.folder) {
        return Err(wrong(order.folder, Wrong::Elsewhere(folder)));
    }
    let args = ["worktree", "remove", "--force", "--force", "--"].map(std::ffi::OsStr::new);
    Git::at(common).apart().run(&[&args[..], &[folder.as_os_str()]].concat())?;
    Ok(())
}

/// Tells whether a work tree can be made there.
fn is_free(folder: &Path) -> Result<bool, WorktreeError> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(folder.symlink_metadata().is_err()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(at(folder)(error)),
    }
}

fn open_at(common: &Path, folder: &Path, branch: &str, owner: &Owner) -> Result<Worktree, WorktreeError> {
    let refuse = |why| Err(wrong(folder, why));
    match look(folder)? {
        None => return refuse(Wrong::Missing),
        Some(kind) if kind.is_symlink() => return refuse(Wrong::Symlink),
        Some(kind) if !kind.is_dir() => return refuse(Wrong::NotAFolder),
        Some(_) => {}
    }
    let gitfile = folder.join(".git");
    match look(&gitfile)? {
        None if is_free(folder)? => return refuse(Wrong::Missing),
        None => return refuse(Wrong::GitGone),
        Some(kind) if !kind.is_file() => return refuse(Wrong::GitReplaced),
        Some(_) => {}
    }
    let content = std::fs::read_to_string(&gitfile).map_err(at(&gitfile))?;
    let Some(leads_to) = content.strip_prefix("gitdir: ") else { return refuse(Wrong::GitReplaced) };
    let admin = real(&folder.join(leads_to.trim_end_matches(['\n', '\r'])));
    if admin.parent() != Some(&real(common).join("worktrees")) {
        return refuse(Wrong::OtherRepository);
    }
    let back = std::fs::read_to_string(admin.join("gitdir")).unwrap_or_default();
    let back = admin.join(back.trim_end_matches('\n'));
    if real(&back) != real(&gitfile) {
        let back = back.parent().unwrap_or(&back).to_owned();
        return refuse(Wrong::Elsewhere(back));
    }
    let Some(marker) = marker(&admin)? else { return refuse(Wrong::Unmarked) };
    if (&marker.run, &marker.task) != (&owner.run, &owner.task) {
        return refuse(Wrong::Others { run: marker.run, task: marker.task });
    }
    if marker.branch != branch {
        return refuse(Wrong::OtherBranch(marker.branch));
    }
    Ok(Worktree {
        place: Place::of(folder, &admin),
        common: common.to_owned(),
        branch: branch.to_owned(),
        owner: owner.clone(),
    })
}

/// Returns the top of the user's work tree to which a task's own work tree belongs; nothing where `folder` is not the top
/// of one that crew has made.
pub fn home_of(folder: &Path) -> Option<PathBuf> {
    let content = std::fs::read_to_string(folder.join(".git")).ok()?;
    let admin = folder.join(content.strip_prefix("gitdir: ")?.trim_end_matches(['\n', '\r']));
    marker(&admin).ok()??;
    // Whoever works in a linked work tree of their own has their state there, and not where the repository is.
    let around = folder.ancestors().find(|above| above.file_name().is_some_and(|name| name == ".crew"));
    let common = admin.parent()?.parent()?;
    let main = || common.file_name().is_some_and(|name| name == ".git").then(|| common.parent()).flatten();
    around.and_then(Path::parent).or_else(main).map(Path::to_owned)
}

fn look(path: &Path) -> Result<Option<Metadata>, WorktreeError> {
    match path.symlink_metadata() {
        Ok(kind) => Ok(Some(kind)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(at(path)(error)),
    }
}

/// Returns a path without links in it, as far as it is there.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Finds the folder that all work trees of a repository share.
fn common_of(repository: &Path) -> Result<PathBuf, GitError> {
    let words = ["rev-parse", "--path-format=absolute", "--git-common-dir"];
    Git::at(repository).text(&words).map(PathBuf::from)
}

/// Tells whether another process held a lock; it will have let go of it soon.
fn is_locked(error: &GitError) -> bool {
    let GitError::Failed { message, .. } = error else { return false };
    message.contains(".lock") && (message.contains("File exists") || message.contains("Unable to create"))
}

fn wrong(folder: &Path, wrong: Wrong) -> WorktreeError {
    WorktreeError::NotOwn { folder: folder.to_owned(), wrong }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WorktreeError {
    let path = path.to_owned();
    move |source| WorktreeError::File { path, source }
}

#[cfg(test)]
mod tests;
