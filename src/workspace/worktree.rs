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

mod adding;
pub mod detached;
pub mod links;
mod loose;
pub mod references;
#[cfg(test)]
mod tests;

use super::changes::Now;
use super::custody;
use super::git::{Behalf, Git, GitError};
use super::snapshot::{self, Difference, LOOK};
use super::staging::{self, Place, Staged, StagingError, settled};
use super::witness::Changes;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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
    /// For whom it is made; without, nobody ends it before it is done.
    pub behalf: Option<&'a Behalf>,
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
    /// Submodules in whose folders files lie that are in no commit of theirs; some of these references hold them.
    pub astray: Vec<PathBuf>,
    /// What could not be kept, with git's reason.
    pub left: Vec<String>,
}

/// Returns those of the names at which a folder holds crew's own links into the user's tree. What else has one of these
/// names is work like any other.
pub fn own_links<'a>(repository: &Path, folder: &Path, names: &'a [String]) -> Vec<&'a Path> {
    let is_ours = |name: &&Path| {
        std::fs::read_link(folder.join(name)).is_ok_and(|target| target == repository.join(name))
    };
    names.iter().map(Path::new).filter(is_ours).collect()
}

/// What is held of what lies in a work tree and cannot be on its branch.
#[derive(Debug, Default)]
struct Inside {
    references: Vec<String>,
    /// Submodules in whose folders files lie that are in no commit of theirs.
    astray: Vec<PathBuf>,
    /// What could not be held, and why.
    left: Vec<String>,
}

impl Inside {
    fn note(&mut self, held: loose::Held) {
        self.references.push(held.reference);
        self.astray.extend(held.astray);
    }
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
    #[error("the branch `{0}` is not what crew made it: the work tree leads git to another repository")]
    BranchElsewhere(String),
    #[error("a git that has outlived its crew process still makes the work tree, and could not be ended ({})", .0.display())]
    AtWork(PathBuf),
    #[error("all of it is at {reference}, and not on its branch: {source}")]
    NotOnBranch { reference: String, source: GitError },
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
    #[error("it belongs to another repository, or this one was moved: git worktree repair FOLDER")]
    OtherRepository,
    #[error("its folder in the repository says that it belongs to another one")]
    LedAway,
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
    /// What crew put there itself, relative to the work tree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leave_out: Vec<PathBuf>,
    /// It is only looked at: HEAD stands for a commit, and for no branch.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    detached: bool,
    /// It did not lead to the repository any more, and crew put that right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    repaired: bool,
    /// The work tree is being taken away, and the commit with this id holds all that was in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removing: Option<String>,
}

const MARKER: &str = "crew.json";
/// The file of git in the admin folder that says which repository it is part of.
const COMMON: &str = "commondir";
/// How often all of a work tree is read where what was written of it is gone again: somebody else may clear away at that
/// very moment what no reference holds yet.
const READINGS: u32 = 3;

/// A work tree that crew has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Where git has it, whether it is there or not.
    pub folder: PathBuf,
    pub owner: Owner,
    pub branch: String,
}

/// Returns the work trees of a repository that crew has registered, by their markers.
pub fn marked(repository: &Path) -> Result<Vec<Marked>, WorktreeError> {
    let all = common_of(repository)?.join("worktrees");
    let mut found = Vec::new();
    for admin in std::fs::read_dir(&all).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let Ok(Some(Marker { run, task, branch, .. })) = marker(&admin) else { continue };
        let gitfile = std::fs::read_to_string(admin.join("gitdir")).unwrap_or_default();
        let gitfile = admin.join(gitfile.trim_end_matches('\n'));
        let folder = gitfile.parent().map(Path::to_owned).unwrap_or_default();
        found.push(Marked { folder, owner: Owner { run, task }, branch });
    }
    Ok(found)
}

impl Worktree {
    /// Makes a work tree, or takes up the one that is there; what a killed process left half done is put right. A folder
    /// or a branch that is not the task's own stays as it is.
    pub fn add(order: &Order) -> Result<Worktree, WorktreeError> {
        adding::add(order)
    }

    /// Takes away what was left half made of a work tree that is not wanted any more, where there is something of that. One
    /// in which somebody may have worked stays as it is.
    pub fn clear_half_made(order: &Order) -> Result<(), WorktreeError> {
        adding::clear(order)
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

    /// Opens one that is there; where its `.git` is gone or leads elsewhere, it gets that back first. What lies in its
    /// place is moved beside the folder.
    pub fn recover(
        repository: &Path,
        folder: &Path,
        branch: &str,
        owner: &Owner,
    ) -> Result<Worktree, WorktreeError> {
        let common = common_of(repository)?;
        recover_at(&common, folder, branch, owner)
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

    /// Tells whether the work tree holds something that its branch does not, or stands elsewhere.
    pub fn is_dirty(&self) -> Result<bool, WorktreeError> {
        self.check()?;
        if !self.stands_right()? {
            return Ok(true);
        }
        let own = self.marker()?.leave_out;
        let options = ["status", "--porcelain=v1", "-z", "--no-renames", "--ignore-submodules=none"];
        let entries = self.place.git.run(&[&options[..], &["--untracked-files=normal"]].concat())?;
        let paths = entries.split(|byte| *byte == 0).filter_map(|entry| entry.get(3..));
        let mut paths = paths.map(|path| Path::new(OsStr::from_bytes(path)));
        Ok(paths.any(|path| !own.iter().any(|own| own == path)))
    }

    /// Tells whether HEAD stands where it belongs: on the branch, or, where all is only looked at, at the branch's commit.
    fn stands_right(&self) -> Result<bool, WorktreeError> {
        let on = self.place.git.text(&["symbolic-ref", "-q", "HEAD"]).unwrap_or_default();
        Ok(match self.marker()?.detached {
            true => on.is_empty() && self.commit_at("HEAD") == self.commit_at(&self.reference()),
            false => on == self.reference(),
        })
    }

    /// Tells what is not as it was in a commit from which somebody began to work there, where nobody looked at that moment.
    /// What the repository's own settings and hooks were then is not known.
    pub fn changes_since(&self, commit: &str, leave_out: &[&Path]) -> Result<Changes, WorktreeError> {
        self.check()?;
        let now = Now::of(&self.place, leave_out)?;
        let git = &now.git;
        let mut changes =
            Changes { files: snapshot::difference(git, commit, &now.tree)?, ..Changes::default() };
        let reference = self.reference();
        for name in [reference.as_str(), "HEAD"] {
            let stands = self.commit_at(name);
            if stands.as_deref() != Some(commit) {
                changes.refs.push(format!("{name}: {commit} -> {}", stands.as_deref().unwrap_or("nothing")));
            }
        }
        if !self.stands_right()? {
            let stood = if self.marker()?.detached { "detached" } else { &reference };
            changes.refs.push(format!("HEAD: no more {stood}"));
        }
        if let Some(head) = self.commit_at("HEAD").filter(|head| head != commit) {
            let lacks: HashSet<String> =
                snapshot::difference(git, &head, &now.tree)?.files.into_iter().collect();
            changes.committed = snapshot::difference(git, commit, &head)?.files;
            changes.committed.retain(|path| lacks.contains(path));
        }
        let marker = self.marker()?;
        if marker.detached && marker.repaired {
            changes.settings.push(".git".into());
        }
        changes.index =
            !git.differences(&["diff-index", "--cached", "--name-only", commit, "--"])?.is_empty();
        changes.unseen = now.left.join("; ");
        changes.tree = now.tree.clone();
        Ok(changes)
    }

    /// Looks whether it is still all that a task's own work tree has to be.
    pub fn check(&self) -> Result<(), WorktreeError> {
        open_at(&self.common, &self.place.folder, &self.branch, &self.owner).map(drop)
    }

    fn marker(&self) -> Result<Marker, WorktreeError> {
        marker(&self.place.own)?.ok_or_else(|| wrong(&self.place.folder, Wrong::Unmarked))
    }

    /// Commits all that the work tree holds on the task's branch: what is not tracked too, what is ignored not. Whoever
    /// worked there may have committed, switched, reset or stopped in the middle of a merge; their commits stay, and what
    /// no branch holds any more is held beside it. Twice is the same as once.
    pub fn keep(&self, work: &Work) -> Result<Kept, WorktreeError> {
        self.check()?;
        staging::sweep(&self.place.own);
        for _ in 1..READINGS {
            match self.keep_once(work) {
                Err(
                    WorktreeError::Git(GitError::Failed { .. })
                    | WorktreeError::Staging(StagingError::Git(GitError::Failed { .. })),
                ) => {}
                done => return done,
            }
        }
        self.keep_once(work)
    }

    fn keep_once(&self, work: &Work) -> Result<Kept, WorktreeError> {
        let git = &self.place.git;
        let staged = self.stage(work)?;
        let reference = self.reference();
        let known = git.commits(&["HEAD", &reference]);
        let (head, tip) = (known[0].as_deref(), known[1].as_deref());
        let parent = self.parent(head, tip, work.base)?;
        let is_new = git.text(&["rev-parse", &format!("{parent}^{{tree}}")])? != staged.tree;
        let commit = match is_new {
            true => self.place.commit(&staged.tree, &[&parent], work.message)?,
            false => parent,
        };
        let difference = snapshot::difference(git, work.base, &commit)?;
        let mut set_aside = self.set_aside(&commit, work)?;
        if tip != Some(commit.as_str())
            && let Err(source) = self.move_branch(&commit)
        {
            let reference = custody::hold(&self.place.git, work.keep_ref, &commit)?;
            return Err(WorktreeError::NotOnBranch { reference, source });
        }
        self.look_for_all(&commit, work.base)?;
        self.look_at_branch(&commit)?;
        let inside = self.set_inside_aside(&staged, work);
        set_aside.extend(inside.references);
        let (astray, left) = (inside.astray, [staged.left, inside.left].concat());
        self.settle(staged.index, &commit)?;
        Ok(Kept { commit, reference, is_new, difference, set_aside, astray, left })
    }

    /// Lets the branch stand for a commit, whatever it stood for.
    fn move_branch(&self, commit: &str) -> Result<(), GitError> {
        let (git, reference) = (&self.place.git, self.reference());
        // Not as a commit: what it stands for may not be there.
        let before = git.text(&["rev-parse", "--verify", "-q", &reference]).unwrap_or_default();
        let is_there = before.is_empty() || self.commit_at(&before).is_some();
        let stands_there = git.text(&["symbolic-ref", "-q", "HEAD"]).is_ok_and(|head| head == reference);
        // Somebody may have made it stand for another branch: that one stays where it is.
        self.insist(&["update-ref", "--no-deref", "-m", "crew: keep", &reference, commit, &before])?;
        if !is_there {
            // It was never a commit, and `git fsck` would call a log broken that names it. No work hangs on this.
            let logs = [Some(reference.as_str()), Some("HEAD").filter(|_| stands_there)];
            for name in logs.into_iter().flatten() {
                let _ = git.run(&["reflog", "delete", &format!("{name}@{{0}}")]);
            }
        }
        Ok(())
    }

    /// Runs git, and once more where that failed; where it has waited in vain for a lock of the branch or of HEAD, without
    /// that. Nobody but a task works on its branch, and all processes of the task have ended.
    fn insist(&self, words: &[&str]) -> Result<(), GitError> {
        let git = &self.place.git;
        let Err(error) = git.run(words) else { return Ok(()) };
        if adding::is_locked(&error) {
            for lock in
                [self.common.join(format!("{}.lock", self.reference())), self.place.own.join("HEAD.lock")]
            {
                // Where that is not possible, git will say so again.
                let _ = std::fs::remove_file(lock);
            }
        }
        git.run(words).map(drop)
    }

    /// Looks whether all is there that a commit holds and its base does not.
    fn look_for_all(&self, commit: &str, base: &str) -> Result<(), GitError> {
        if commit == base {
            return Ok(());
        }
        self.place.git.run(&["rev-list", "--objects", "--quiet", commit, &format!("^{base}"), "--"]).map(drop)
    }

    /// Looks whether the branch stands for a commit in the repository itself. For references git goes by what the work
    /// tree's own folder says of where it belongs, whatever it was told.
    fn look_at_branch(&self, commit: &str) -> Result<(), WorktreeError> {
        let git = self.place.git.clone().with("GIT_DIR", &self.common);
        match git.text(&["rev-parse", "--verify", "-q", &self.reference()]) {
            Ok(tip) if tip == commit => Ok(()),
            _ => Err(WorktreeError::BranchElsewhere(self.branch.clone())),
        }
    }

    /// Makes all that the folder holds into a tree, and notes what is left out of it.
    fn stage(&self, work: &Work) -> Result<Staged, WorktreeError> {
        let leave_out = self.place.names(work.leave_out);
        let marker = self.marker()?;
        if marker.leave_out != leave_out {
            let leave_out = leave_out.clone();
            mark(&self.place.own, &Marker { leave_out, ..marker })?;
        }
        Ok(self.place.stage(work.leave_out)?)
    }

    fn commit_at(&self, name: &str) -> Option<String> {
        self.place.git.text(&["rev-parse", "--verify", "-q", &format!("{name}^{{commit}}")]).ok()
    }

    fn descends(&self, from: &str, commit: &str) -> bool {
        from == commit || self.place.git.is_ancestor(from, commit).unwrap_or(false)
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

    /// Holds the commits that are on no branch once the task's is at `commit`.
    fn set_aside(&self, commit: &str, work: &Work) -> Result<Vec<String>, WorktreeError> {
        let lost = loose::commits(&self.place, &self.reference(), commit)?;
        match loose::joined(&self.place, lost, &self.owner)? {
            Some(lost) => Ok(vec![custody::hold(&self.place.git, work.keep_ref, &lost)?]),
            None => Ok(Vec::new()),
        }
    }

    /// Holds what the repositories have that lie in this one, or should, or lay in the place of its own `.git`. What of it
    /// cannot be had keeps nothing else from being kept.
    fn set_inside_aside(&self, staged: &Staged, work: &Work) -> Inside {
        let mut all = Inside::default();
        for aside in put_beside(&self.place.folder) {
            match loose::keep_aside(&self.place, &aside, work, &self.owner) {
                Ok(held) => all.references.extend(held),
                Err(error) => all.left.push(format!("{}: {error}", aside.display())),
            }
        }
        for inside in &staged.inside {
            match loose::keep_inside(&self.place, inside, work) {
                Ok(held) => held.into_iter().for_each(|held| all.note(held)),
                Err(error) => all.left.push(format!("{}: {error}", inside.path.display())),
            }
        }
        for astray in &staged.astray {
            match loose::keep_astray(&self.place, astray, work) {
                Ok(held) => all.note(held),
                Err(error) => all.left.push(format!("{}: {error}", astray.path.display())),
            }
        }
        all
    }

    /// Lets HEAD, the index and git's notes be as after a commit on the branch.
    fn settle(&self, index: tempfile::TempPath, commit: &str) -> Result<(), WorktreeError> {
        let git = &self.place.git;
        if self.marker()?.detached {
            self.insist(&["update-ref", "--no-deref", "-m", "crew: keep", "HEAD", commit])?;
        } else if git.text(&["symbolic-ref", "-q", "HEAD"]).ok() != Some(self.reference()) {
            self.insist(&["symbolic-ref", "-m", "crew: keep", "HEAD", &self.reference()])?;
        }
        for name in UNFINISHED {
            let path = self.place.own.join(name);
            let gone = match path.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            unless_missing(&path, gone)?;
        }
        let own = self.place.own.join("index");
        index.persist(&own).map_err(|error| at(&own)(error.error))
    }

    /// Keeps what the work tree holds and its branch does not, before it is taken away, and returns the references that
    /// hold it. Twice is the same as once.
    pub fn keep_for_removal(&self, work: &Work) -> Result<Vec<String>, WorktreeError> {
        self.check()?;
        let staged = self.stage(work)?;
        if !staged.left.is_empty() {
            return Err(WorktreeError::Unkeepable { folder: self.place.folder.clone(), left: staged.left });
        }
        let git = &self.place.git;
        let marker = self.marker()?;
        if let Some(held) = &marker.removing
            && self.only_lacks(held, &staged.tree)?
        {
            return Ok(Vec::new());
        }
        // Whoever worked there may have deleted the branch.
        let tip = self.commit_at(&self.reference()).unwrap_or_else(|| work.base.to_owned());
        let mut set_aside = self.set_aside(&tip, work)?;
        let inside = self.set_inside_aside(&staged, work);
        if !inside.left.is_empty() {
            return Err(WorktreeError::Unkeepable { folder: self.place.folder.clone(), left: inside.left });
        }
        set_aside.extend(inside.references);
        let mut holds_it = tip.clone();
        if git.text(&["rev-parse", &format!("{tip}^{{tree}}")])? != staged.tree {
            let parent = self.commit_at("HEAD").unwrap_or(tip);
            let (reference, commit) =
                custody::hold_tree(&self.place, &staged.tree, &[&parent], work.keep_ref, work.message)?;
            set_aside.push(reference);
            holds_it = commit;
        }
        mark(&self.place.own, &Marker { removing: Some(holds_it), ..marker })?;
        Ok(set_aside)
    }

    /// Takes the work tree away. What its branch does not hold is kept first; the branch stays. What git ignores goes.
    pub fn remove(self, work: &Work) -> Result<Removed, WorktreeError> {
        let set_aside = self.keep_for_removal(work)?;
        take_away(&self.common, &self.place.folder)?;
        Ok(Removed { set_aside })
    }

    /// Tells whether a tree holds nothing that a commit does not, as a half-removed folder does.
    fn only_lacks(&self, commit: &str, tree: &str) -> Result<bool, GitError> {
        let args = ["diff-tree", "-r", "--no-renames", "--name-only", "--diff-filter=d", commit, tree];
        Ok(self.place.git.run(&args)?.is_empty())
    }
}

/// Holds what only the registration of a task's work tree knows whose folder is gone: commits, and what was staged.
/// Returns the references that hold it.
pub fn keep_registered(
    repository: &Path,
    folder: &Path,
    branch: &str,
    owner: &Owner,
    work: &Work,
) -> Result<Vec<String>, WorktreeError> {
    let common = common_of(repository)?;
    use adding::Registered::{Half, Whole};
    match adding::registered(&common, owner)? {
        Some(Whole(admin) | Half(admin)) if adding::registered_at(&admin)? == real(folder) => {
            adding::hold_known(&place_of(&common, &common, &admin), branch, owner, work)
        }
        _ => Ok(Vec::new()),
    }
}

/// Lets git forget a work tree whose folder is gone. What it alone knows is held before; see [`keep_registered`].
pub fn forget(repository: &Path, folder: &Path) -> Result<(), WorktreeError> {
    if folder.symlink_metadata().is_ok() {
        return Err(wrong(folder, Wrong::Foreign));
    }
    Ok(take_away(&common_of(repository)?, folder)?)
}

/// Lets git take away a work tree, all of which is kept, or whose folder is gone.
fn take_away(common: &Path, folder: &Path) -> Result<(), GitError> {
    let args = ["worktree", "remove", "--force", "--force", "--"].map(OsStr::new);
    let git = settled(Git::at(common).apart().within(LOOK)).with("GIT_DIR", common);
    git.run(&[&args[..], &[folder.as_os_str()]].concat())?;
    // The run's own folder, where this was the last of its work trees.
    let _ = folder.parent().map(std::fs::remove_dir);
    Ok(())
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

/// Tells whether a work tree can be made there: nothing is, or a folder with nothing in it.
fn is_free(folder: &Path) -> Result<bool, WorktreeError> {
    match look(folder)? {
        None => Ok(true),
        Some(kind) if !kind.is_dir() => Ok(false),
        Some(_) => Ok(std::fs::read_dir(folder).map_err(at(folder))?.next().is_none()),
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
    // Git goes by it and would commit there; whoever works in the work tree may have to write to that folder.
    let leads_on = std::fs::read_to_string(admin.join(COMMON)).unwrap_or_default();
    if real(&admin.join(leads_on.trim_end_matches('\n'))) != real(common) {
        return refuse(Wrong::LedAway);
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
        place: place_of(common, folder, &admin),
        common: common.to_owned(),
        branch: branch.to_owned(),
        owner: owner.clone(),
    })
}

/// Speaks of a work tree of this repository, whatever its own folder there says of where it belongs.
fn place_of(common: &Path, folder: &Path, admin: &Path) -> Place {
    let place = Place::of(folder, admin);
    Place { git: place.git.with("GIT_COMMON_DIR", common), ..place }
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

fn recover_at(common: &Path, folder: &Path, branch: &str, owner: &Owner) -> Result<Worktree, WorktreeError> {
    let opened = open_at(common, folder, branch, owner);
    let Err(WorktreeError::NotOwn { wrong, .. }) = &opened else { return opened };
    use Wrong::{Elsewhere, GitGone, GitReplaced, LedAway, OtherRepository};
    if !matches!(wrong, GitGone | GitReplaced | OtherRepository | LedAway | Elsewhere(_)) {
        return opened;
    }
    let Some(adding::Registered::Whole(admin)) = adding::registered(common, owner)? else { return opened };
    // What git writes there.
    write_whole(&admin.join(COMMON), b"../..\n")?;
    if let Some(marker) = marker(&admin)? {
        mark(&admin, &Marker { repaired: true, ..marker })?;
    }
    if *wrong == LedAway {
        return open_at(common, folder, branch, owner);
    }
    let gitfile = folder.join(".git");
    if adding::registered_at(&admin)? != real(folder) {
        return opened;
    }
    if look(&gitfile)?.is_some() {
        let aside = beside(folder);
        std::fs::rename(&gitfile, &aside).map_err(at(&gitfile))?;
    }
    let file = tempfile::NamedTempFile::new_in(&admin).map_err(at(&admin))?;
    let line = [b"gitdir: ", admin.as_os_str().as_bytes(), b"\n"].concat();
    std::fs::write(file.path(), line).map_err(at(file.path()))?;
    // The folder may be on another file system than the repository.
    std::fs::copy(file.path(), &gitfile).map_err(at(&gitfile))?;
    open_at(common, folder, branch, owner)
}

/// Returns a name beside the folder that is free.
fn beside(folder: &Path) -> PathBuf {
    let last = put_beside(folder).pop();
    let mut name = last.unwrap_or_else(|| folder.to_owned()).into_os_string();
    name.push(if name == folder.as_os_str() { ".git" } else { "~" });
    name.into()
}

/// Returns what was in the place of a work tree's `.git` and is beside the folder now.
fn put_beside(folder: &Path) -> Vec<PathBuf> {
    let mut name = folder.as_os_str().to_owned();
    name.push(".git");
    let mut found = Vec::new();
    while Path::new(&name).symlink_metadata().is_ok() {
        found.push(PathBuf::from(&name));
        name.push("~");
    }
    found
}

/// Reads the marker of an admin folder. One that is there and says nothing is an error: without one, nobody would have
/// worked there.
fn marker(admin: &Path) -> Result<Option<Marker>, WorktreeError> {
    let path = admin.join(MARKER);
    match std::fs::read(&path) {
        Ok(content) => serde_json::from_slice(&content).map(Some).map_err(|error| {
            at(&path)(io::Error::other(format!("it no longer says whose work tree this is: {error}")))
        }),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(at(&path)(error)),
    }
}

/// Writes the marker, whole or not at all.
fn mark(admin: &Path, marker: &Marker) -> Result<(), WorktreeError> {
    let path = admin.join(MARKER);
    let text = serde_json::to_vec(marker).map_err(|error| at(&path)(error.into()))?;
    write_whole(&path, &text)
}

/// Writes a file of the admin folder, whole or not at all.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), WorktreeError> {
    let above = path.parent().unwrap_or(path);
    let file = tempfile::Builder::new().prefix(MARKER).tempfile_in(above).map_err(at(above))?;
    std::fs::write(file.path(), content).map_err(at(file.path()))?;
    file.as_file().sync_all().map_err(at(path))?;
    file.persist(path).map(drop).map_err(|error| at(path)(error.error))
}

fn unless_missing(path: &Path, done: io::Result<()>) -> Result<(), WorktreeError> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
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
pub(super) fn real(path: &Path) -> PathBuf {
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

fn wrong(folder: &Path, wrong: Wrong) -> WorktreeError {
    WorktreeError::NotOwn { folder: folder.to_owned(), wrong }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WorktreeError {
    let path = path.to_owned();
    move |source| WorktreeError::File { path, source }
}
