//! A task's own work tree: made ready before its child, and kept after it. Both take git's time, so both are done in the
//! thread that waits for the child.

use super::child::Control;
use super::marks;
use super::worktree_setup::{self, NotReady, Preparation};
use crate::domain::conflict;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::id::{RunId, TaskId};
use crate::domain::judgement::StreamError;
use crate::domain::words::clean_line;
use crate::domain::worktree::{self, MovedReference, TaskTree};
use crate::workspace::git::GitError;
use crate::workspace::joining::{self, Joined};
use crate::workspace::witness::Changes;
use crate::workspace::worktree::detached;
use crate::workspace::worktree::references::References;
use crate::workspace::worktree::{self as workspace, Order, Owner, Work, Worktree, WorktreeError};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The most files that are named that could not be kept, and the most characters of each.
const MAX_MISSING: usize = 20;
const MAX_LINE: usize = 300;

/// A task's own work tree, for one attempt.
#[derive(Debug)]
pub struct OwnTree {
    /// The top of the user's work tree.
    pub repository: PathBuf,
    /// Where the task works; absolute.
    pub folder: PathBuf,
    /// The same, as it is recorded.
    pub path: String,
    pub run: RunId,
    pub task: TaskId,
    pub attempt: u32,
    /// Who works there, as the commit names it.
    pub agent: String,
    /// The commits that the work builds on, with the tasks they are of; see [`worktree::beginnings`].
    pub beginnings: Vec<(TaskId, String)>,
    /// What the run begins from.
    pub base: String,
    /// What makes a new one ready to be worked in.
    pub preparation: Preparation,
    /// It is only looked at: HEAD stands for the base itself, it is made anew for each attempt, and none stays.
    is_looked_at: bool,
    /// It was there before, and has been taken away.
    was_removed: bool,
    /// The newest commit of its branch that is recorded.
    tip: Option<String>,
    /// Where the work began, once that is known.
    begun_from: Mutex<Option<String>>,
    /// What was made or taken up for this attempt.
    placed: Mutex<Option<Worktree>>,
    /// What the references stood for just before its first child.
    references: Mutex<Option<References>>,
}

/// All that an attempt's folder holds, as it was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub commit: String,
    pub reference: String,
    pub files: u64,
    pub insertions: u64,
    pub deletions: u64,
    /// References that hold what the branch does not.
    pub set_aside: Vec<String>,
    /// Submodules in whose folders files lie that are in no commit of theirs; some of the references hold them.
    pub astray: Vec<String>,
    /// What could not be kept, and why.
    pub missing: Vec<String>,
}

impl Kept {
    /// Returns the event that says so.
    pub fn into_event(self, task: TaskId, attempt: u32) -> Event {
        let Kept { commit, reference, files, insertions, deletions, set_aside, astray, missing } = self;
        Event::WorkKept {
            task,
            attempt,
            commit,
            reference,
            files,
            insertions,
            deletions,
            set_aside,
            astray,
            missing,
        }
    }
}

impl From<workspace::Kept> for Kept {
    fn from(kept: workspace::Kept) -> Kept {
        let line = |text: &str| clean_line(text, MAX_LINE);
        Kept {
            commit: kept.commit,
            reference: kept.reference,
            files: kept.difference.files.len() as u64,
            insertions: kept.difference.insertions,
            deletions: kept.difference.deletions,
            set_aside: kept.set_aside,
            astray: kept.astray.iter().map(|path| line(&path.display().to_string())).collect(),
            missing: kept.left.iter().take(MAX_MISSING).map(|left| line(left)).collect(),
        }
    }
}

impl OwnTree {
    /// Speaks of the work tree of a task's attempt. `known` is what is recorded of it.
    #[allow(clippy::too_many_arguments, reason = "each is one thing that stands in the commit or the record")]
    pub fn new(
        (repository, folder, path): (PathBuf, PathBuf, String),
        (run, task, attempt): (RunId, TaskId, u32),
        agent: String,
        beginnings: Vec<(TaskId, String)>,
        base: String,
        known: Option<&TaskTree>,
        preparation: Preparation,
    ) -> OwnTree {
        OwnTree {
            repository,
            folder,
            path,
            run,
            task,
            attempt,
            agent,
            beginnings,
            base,
            preparation,
            is_looked_at: false,
            was_removed: known.is_some_and(|tree| tree.removed),
            tip: known.map(|tree| tree.head().to_owned()),
            begun_from: Mutex::new(known.map(|tree| tree.base.clone())),
            placed: Mutex::default(),
            references: Mutex::default(),
        }
    }

    /// Lets it be one in which somebody only looks.
    pub fn to_be_looked_at(mut self) -> OwnTree {
        self.is_looked_at = true;
        if self.was_removed {
            // The next one begins from whatever is to be looked at by then.
            self.begun_from = Mutex::default();
        }
        self
    }

    fn owner(&self) -> Owner {
        Owner { run: self.run.to_string(), task: self.task.to_string() }
    }

    /// Returns the variables by which what is at work for this task is known, should crew die.
    fn marks(&self) -> Vec<(String, String)> {
        let repository = self.repository.display().to_string();
        let marks = [("CREW_RUN", self.run.as_str()), ("CREW_TASK", self.task.as_str())];
        let marks = marks.into_iter().chain([(marks::REPOSITORY, repository.as_str())]);
        marks.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn branch(&self) -> String {
        worktree::branch_of(&self.run, &self.task)
    }

    /// Makes the work tree, or takes up the one that is there, and makes it ready. Where it is new, `tell` is given the
    /// event that says so before anything runs in it: one whose set-up fails is known too. Who is stopped before it
    /// is ready gets none, without a reason.
    pub fn prepare(&self, control: &Control, tell: impl Fn(Event)) -> Result<(), Option<StreamError>> {
        if self.is_looked_at {
            self.clear_for_next().map_err(|why| Some(no_place(why)))?;
        }
        let known = self.begun_from();
        let base = match &known {
            Some(base) => base.clone(),
            None => self.join().map_err(Some)?,
        };
        let (branch, owner) = (self.branch(), self.owner());
        let behalf = control.behalf(self.marks());
        let order = Order {
            repository: &self.repository,
            folder: &self.folder,
            branch: &branch,
            base: &base,
            owner: &owner,
            behalf: Some(&behalf),
        };
        let was_there = known.is_some() && !self.was_removed && !self.is_gone();
        let placed = match Worktree::add(&order) {
            Ok(placed) => placed,
            // However that went: nobody wants it any more.
            Err(_) if control.is_to_end() => return Err(None),
            Err(error) => return Err(Some(unplaced(&error))),
        };
        if self.is_looked_at {
            placed.detach(&base).map_err(|error| Some(unplaced(&error)))?;
        }
        if was_there {
            self.keep_before().map_err(Some)?.into_iter().for_each(&tell);
        }
        let noted = References::note(&placed, self.attempt, self.is_looked_at);
        let noted = noted.map_err(|error| Some(unplaced(&error)))?;
        *self.references.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted);
        *self.placed.lock().unwrap_or_else(PoisonError::into_inner) = Some(placed);
        // One that was taken away and is there again is as bare as a new one.
        let is_new = known.is_none() || self.was_removed;
        *self.begun_from.lock().unwrap_or_else(PoisonError::into_inner) = Some(base.clone());
        if is_new {
            tell(self.added(base));
        }
        match worktree_setup::make_ready(&self.preparation, is_new, control) {
            Err(NotReady::Failed(message)) => {
                Err(Some(StreamError { kind: ErrorKind::WorktreeFailed, message }))
            }
            Err(NotReady::Stopped(_)) => Err(None),
            Ok(()) => Ok(()),
        }
    }

    fn added(&self, base: String) -> Event {
        Event::WorktreeAdded {
            task: self.task.clone(),
            attempt: self.attempt,
            path: self.path.clone(),
            branch: self.branch(),
            base,
            from: self.beginnings.iter().map(|(task, _)| task.clone()).collect(),
        }
    }

    /// Returns the event that says that it was made for this attempt, where whoever made it died before that was recorded.
    pub fn added_untold(&self) -> Option<Event> {
        let noted = References::noted(&self.repository, &self.owner(), self.attempt);
        noted.ok().flatten()?;
        let known = self.begun_from();
        // The same commits give the same one again.
        Some(self.added(known.or_else(|| self.join().ok())?))
    }

    /// Takes away what was left half made, where nobody ever worked there.
    pub fn clear_half_made(&self) -> Result<(), WorktreeError> {
        let (branch, owner) = (self.branch(), self.owner());
        let base = match self.beginnings.is_empty() {
            true => self.base.clone(),
            // The same commits give the same one again.
            false => self.join().unwrap_or_else(|_| self.base.clone()),
        };
        Worktree::clear_half_made(&Order {
            repository: &self.repository,
            folder: &self.folder,
            branch: &branch,
            base: &base,
            owner: &owner,
            behalf: None,
        })
    }

    /// Returns the commit that holds the work of all tasks that this one builds on.
    fn join(&self) -> Result<String, StreamError> {
        let failed =
            |error: GitError| StreamError { kind: ErrorKind::WorktreeFailed, message: error.to_string() };
        let commits: Vec<&str> = self.beginnings.iter().map(|(_, commit)| commit.as_str()).collect();
        let [] = commits[..] else {
            let tasks: Vec<&str> = self.beginnings.iter().map(|(task, _)| task.as_str()).collect();
            let message = format!("Work of {}", tasks.join(" and "));
            return match joining::join(&self.repository, &commits, &message).map_err(failed)? {
                Joined::Commit(commit) => Ok(commit),
                Joined::Conflict { at, conflicts } => {
                    let (last, before) = (tasks[at], tasks[..at].join(", "));
                    let files = conflict::in_words(&conflicts);
                    let message = format!("what {last} changed does not go together with {before}: {files}");
                    Err(StreamError { kind: ErrorKind::MergeConflict, message })
                }
            };
        };
        Ok(self.base.clone())
    }

    /// Tells why the folder is not the task's own work tree any more, where it cannot be made that again. Whoever worked
    /// there can put a link to another one in its place, where nothing of the task's may be written or run.
    pub fn wrong(&self) -> Option<String> {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        if placed.as_ref().is_some_and(|tree| tree.check().is_ok()) {
            return None;
        }
        let found = Worktree::recover(&self.repository, &self.folder, &self.branch(), &self.owner());
        found.err().map(|error| error.to_string())
    }

    /// Returns the commit that the work began from, once that is known.
    pub fn begun_from(&self) -> Option<String> {
        self.begun_from.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells whether there is no such folder any more.
    pub fn is_gone(&self) -> bool {
        self.folder.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// Returns the references outside the run's own branches that have come to hold what the attempt committed, or lost
    /// what they held. What nothing else holds of that is held.
    pub fn moved(&self) -> Result<Vec<MovedReference>, String> {
        let noted = self.references.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let noted = match noted {
            Some(noted) => Ok(Some(noted)),
            // Where the crew process died, what it noted lies beside the work tree.
            None => References::noted(&self.repository, &self.owner(), self.attempt),
        };
        let keep = worktree::keep_ref(&self.run, &self.task, self.attempt);
        let moved =
            noted.and_then(|noted| noted.map_or(Ok(Vec::new()), |noted| noted.moved(&self.owner(), &keep)));
        moved.map_err(|error| error.to_string())
    }

    /// Tells what an attempt changed whose crew process died with what it had noted. `head` is where the branch stood when
    /// it began, as far as the record says.
    pub fn changes_of_lost(&self, head: &str) -> Result<Changes, String> {
        let look = || {
            let (owner, branch) = (self.owner(), self.branch());
            let noted = References::noted(&self.repository, &owner, self.attempt)?;
            let began = noted.as_ref().and_then(|noted| noted.tip_before(&branch)).unwrap_or(head);
            let tree = Worktree::recover(&self.repository, &self.folder, &branch, &owner)?;
            let links = worktree_setup::links_in_place(&self.preparation);
            tree.changes_since(began, &links)
        };
        look().map_err(|error: WorktreeError| error.to_string())
    }

    /// Keeps what lies in a folder that was there before this attempt, and returns what is to be recorded of that: a person
    /// may have changed something since the one before, and the agent may throw it away.
    fn keep_before(&self) -> Result<Option<Event>, StreamError> {
        let before = self.attempt.saturating_sub(1);
        let subject = format!("{}: what was there before attempt {}", self.task, self.attempt);
        let kept = self.keep_as(&subject, before).map_err(|why| StreamError {
            kind: ErrorKind::WorktreeFailed,
            message: format!("what lies in its work tree could not be kept: {why}"),
        })?;
        let is_known = self.tip.as_ref() == Some(&kept.commit) && kept.set_aside.is_empty();
        Ok((!is_known).then(|| kept.into_event(self.task.clone(), before)))
    }

    /// Puts all that the folder holds into a commit on the task's branch. `summary` is what was achieved, in a line.
    pub fn keep(&self, summary: &str) -> Result<Kept, String> {
        let subject = match summary {
            "" => format!("{}: what attempt {} left", self.task, self.attempt),
            summary => format!("{}: {summary}", self.task),
        };
        self.keep_as(&subject, self.attempt)
    }

    /// Does that under a subject, for the attempt that it is of.
    fn keep_as(&self, subject: &str, attempt: u32) -> Result<Kept, String> {
        let known = self.begun_from();
        let base = known.ok_or("nobody knows what it began from")?;
        let branch = self.branch();
        let tree = Worktree::recover(&self.repository, &self.folder, &branch, &self.owner())
            .map_err(|error| error.to_string())?;
        let leave_out = worktree_setup::links_in_place(&self.preparation);
        let work = Work {
            message: &self.message(subject, attempt),
            base: &base,
            leave_out: &leave_out,
            keep_ref: &worktree::keep_ref(&self.run, &self.task, attempt),
        };
        let kept = tree.keep(&work).map_err(|error| error.to_string())?;
        Ok(kept.into())
    }

    /// Makes room for the next one: what an attempt has left there that nobody took away, and its branch.
    fn clear_for_next(&self) -> Result<(), String> {
        if self.base.is_empty() {
            return Err("there is nothing that it could review".into());
        }
        self.clear_away()?;
        *self.begun_from.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Takes it away, now that nobody looks there any more, and returns the event that says so. What lies there and was not
    /// to be looked at is held.
    pub fn leave(&self) -> Result<Event, String> {
        let kept = self.clear_away()?;
        Ok(Event::WorktreeRemoved {
            task: self.task.clone(),
            path: self.path.clone(),
            branch_deleted: true,
            kept,
            by: "crew".into(),
        })
    }

    fn clear_away(&self) -> Result<Vec<String>, String> {
        let known = self.begun_from();
        let begun_from = known.as_deref().unwrap_or(&self.base);
        let (branch, owner) = (self.branch(), self.owner());
        let order = Order {
            repository: &self.repository,
            folder: &self.folder,
            branch: &branch,
            base: &self.base,
            owner: &owner,
            behalf: None,
        };
        let work = Work {
            message: &self.message(&format!("{}: what lay in its folder", self.task), self.attempt),
            base: begun_from,
            leave_out: &[],
            keep_ref: &worktree::keep_ref(&self.run, &self.task, self.attempt),
        };
        detached::clear_away(&order, &work).map_err(|error| error.to_string())
    }

    fn message(&self, subject: &str, attempt: u32) -> String {
        let OwnTree { run, task, agent, .. } = self;
        format!(
            "{subject}\n\nCrew-Run: {run}\nCrew-Task: {task}\nCrew-Attempt: {attempt}\nCrew-Agent: {agent}\n"
        )
    }
}

fn unplaced(error: &WorktreeError) -> StreamError {
    no_place(error.to_string())
}

fn no_place(why: String) -> StreamError {
    StreamError { kind: ErrorKind::WorktreeFailed, message: format!("no work tree of its own: {why}") }
}
