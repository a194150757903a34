//! What of a run's work a branch would be given, worked out as things stand: which tasks, as which commits, and what has
//! to pass before the branch moves. Nothing here moves it.

use super::branch_work::{Since, strayed_into};
use super::marks;
use super::process;
use crate::domain::conflict::Clash;
use crate::domain::event::Event;
use crate::domain::id::{RunId, TaskId};
use crate::domain::merging::{self, Choice, How, MergedTask, Merging, NotMergeable};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::words::clean_line;
use crate::domain::worktree::{Base, TaskTree};
use crate::store::StoreError;
use crate::store::lock::{self, RunLock};
use crate::workspace::git::{Git, GitError};
use crate::workspace::merging::compose::{self, Manner, Meeting, Outcome, Resolved, Stat, Work};
use crate::workspace::merging::freshness::{self, Freshness, State};
use crate::workspace::merging::landing::{self, Journal, Move};
use crate::workspace::merging::put_right::{self, PutRight};
use crate::workspace::merging::scratch::Scratch;
use crate::workspace::merging::{MergeError, Repository, reference};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The most files of a folder that are named.
const SHOWN: usize = 5;

/// What becomes of one task.
pub struct Step {
    /// Its place in the run.
    pub place: usize,
    pub outcome: Outcome,
    pub stat: Stat,
    /// The conflicts of it that an agent has resolved.
    pub resolved: Vec<Resolved>,
}

/// What a merge would be.
pub struct Plan {
    pub into: String,
    pub how: How,
    pub from: String,
    pub to: String,
    pub freshness: Freshness,
    pub choice: Choice,
    /// What came to branches of it after the last attempts.
    pub since: Vec<Since>,
    /// In the order in which the tasks are merged.
    pub steps: Vec<Step>,
    /// The first conflict, with the place of its step.
    pub stuck: Option<(usize, Meeting)>,
}

impl Plan {
    /// Makes a plan that moves nothing yet.
    fn of(into: &str, how: How, from: String, freshness: Freshness, choice: Choice) -> Plan {
        let (into, to, steps) = (into.to_owned(), from.clone(), Vec::new());
        Plan { into, how, to, from, freshness, choice, since: Vec::new(), steps, stuck: None }
    }

    /// Tells whether nothing would be merged, and nothing stands against it.
    pub fn is_empty(&self) -> bool {
        self.to == self.from && !self.has_conflicts()
    }

    /// Tells whether there is anything that git cannot merge alone.
    pub fn has_conflicts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.outcome, Outcome::Conflict { .. }))
    }

    /// Returns what was found of tasks that do not go together.
    fn clashes(&self, run: &Run) -> Vec<Clash> {
        let id = |at: usize| run.tasks[self.steps[at].place].spec.id.clone();
        let mut found = Vec::new();
        for (at, step) in self.steps.iter().enumerate() {
            let Outcome::Conflict { conflicts, with, .. } = &step.outcome else { continue };
            found.extend(with.iter().map(|other| Clash {
                tasks: (id(*other), id(at)),
                conflicts: conflicts.clone(),
                touched: Vec::new(),
                more_conflicts: 0,
                more_touched: 0,
            }));
        }
        found
    }

    /// Returns the tasks that are merged, each with the commit that holds it.
    pub fn merged<'r>(&self, run: &'r Run) -> impl Iterator<Item = (&'r Task, &str)> {
        self.steps.iter().filter_map(|step| match &step.outcome {
            Outcome::In { commit, .. } => Some((&run.tasks[step.place], commit.as_str())),
            _ => None,
        })
    }

    /// Returns the commands that verify the merged work, each once, with the task whose step has it: those of the steps,
    /// and `everywhere` after them.
    pub fn commands<'r>(&self, run: &'r Run, everywhere: Vec<String>) -> Vec<(Option<&'r Task>, String)> {
        let of_steps = self
            .merged(run)
            .flat_map(|(task, _)| task.spec.verify.iter().map(move |line| (Some(task), line.clone())));
        let mut commands: Vec<(Option<&Task>, String)> = Vec::new();
        for (task, line) in of_steps.chain(everywhere.into_iter().map(|line| (None, line))) {
            if !commands.iter().any(|(_, known)| *known == line) {
                commands.push((task, line));
            }
        }
        commands
    }

    /// Returns the move of the branch.
    pub fn moved(&self, run: &Run) -> Move {
        Move {
            run: run.id.to_string(),
            branch: self.into.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
        }
    }

    /// Returns what is recorded of it. `by` is who asked for it.
    pub fn merging(&self, run: &Run, by: String) -> Merging {
        let tasks = self.merged(run).map(|(task, commit)| MergedTask {
            task: task.spec.id.clone(),
            tip: task.tree.as_ref().map(|tree| tree.head().to_owned()).unwrap_or_default(),
            commit: commit.to_owned(),
        });
        Merging {
            tasks: tasks.collect(),
            into: self.into.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            how: self.how,
            by,
        }
    }
}

fn named(files: &[String]) -> String {
    let first: Vec<String> = files.iter().take(SHOWN).map(|file| clean_line(file, 200)).collect();
    match files.len().saturating_sub(SHOWN) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Why there is no plan. Nothing has been touched.
#[derive(Debug, thiserror::Error)]
pub enum Hindrance {
    #[error("there is no branch `{branch}`")]
    UnknownBranch {
        branch: String,
        /// The user's own commit that the run began from.
        began_from: String,
    },
    #[error(transparent)]
    NotMergeable(#[from] NotMergeable),
    /// What is not the run's work would come into the history of the branch.
    #[error("{0}")]
    ForeignHistory(String),
    /// Somebody has gone on in a task's folder, and committed nothing of that.
    #[error("task {task} has what is not committed in {}: {}", .folder.display(), named(.files))]
    Uncommitted { task: String, branch: String, folder: PathBuf, files: Vec<String> },
    /// Somebody has reset or rebased a task's branch.
    #[error("the branch {branch} does not hold any more what task {task} left there: that is {}, and the branch is at {}", compose::short(.recorded), compose::short(.found))]
    Rewritten { task: String, branch: String, recorded: String, found: String },
    /// It takes others longer than it should.
    #[error("another crew process moves a branch of this repository just now, and does not come to an end")]
    Busy,
    #[error("git does not know who commits here: {0}")]
    NoIdentity(MergeError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GitError> for Hindrance {
    fn from(error: GitError) -> Hindrance {
        Hindrance::Merge(error.into())
    }
}

/// The work of a run, and the branch that is to be given it.
#[derive(Clone, Debug)]
pub struct MergeWork {
    pub repository: Repository,
    /// The top of the user's work tree.
    pub top: PathBuf,
    /// The run's id as people see it.
    pub short: String,
    pub base: Base,
    /// The branch.
    pub into: String,
    pub manner: Manner,
    /// Tasks that are asked for; all that completed where there are none.
    pub named: Vec<TaskId>,
    /// What was found of the tasks' branches before it is planned.
    pub since: Vec<Since>,
    /// For how long it waits for others that move a branch of the repository.
    pub patience: Duration,
}

impl MergeWork {
    /// Refuses where git does not know who commits.
    pub fn refuse_nobody(&self) -> Result<(), Hindrance> {
        self.repository.committer().map(drop).map_err(Hindrance::NoIdentity)
    }

    /// Works out what would be merged, as things stand. Where there are conflicts that nobody knew of, it is tried once
    /// more in the order that follows from them, and what lets more tasks in is taken.
    pub fn plan(&self, run: &Run) -> Result<Plan, Hindrance> {
        let plan = self.plan_with(run, &[])?;
        if !plan.has_conflicts() {
            return Ok(plan);
        }
        let mut conflicts = run.conflicts_ahead();
        for found in plan.clashes(run) {
            let is_known = |clash: &Clash| clash.concerns(&found.tasks.0) && clash.concerns(&found.tasks.1);
            if !conflicts.iter().any(is_known) {
                conflicts.push(found);
            }
        }
        let other = self.plan_in_order(run, &[], &conflicts)?;
        Ok(if other.merged(run).count() > plan.merged(run).count() { other } else { plan })
    }

    /// Works out the same, with conflicts as they were resolved that are known. The order stays the same, whatever is
    /// resolved.
    pub fn plan_with(&self, run: &Run, known: &[Resolved]) -> Result<Plan, Hindrance> {
        self.plan_in_order(run, known, &run.conflicts_ahead())
    }

    fn plan_in_order(&self, run: &Run, known: &[Resolved], conflicts: &[Clash]) -> Result<Plan, Hindrance> {
        let from = self.repository.tip(&self.into)?;
        let Some(from) = from else {
            let began_from = self.beginning()?;
            return Err(Hindrance::UnknownBranch { branch: self.into.clone(), began_from });
        };
        let failed = std::cell::Cell::new(None);
        let is_in = |task: &Task| match self.is_in(task, &from) {
            Ok(is_in) => is_in,
            Err(error) => {
                failed.set(Some(error));
                false
            }
        };
        let choice = merging::choose(run, &self.short, &self.named, conflicts, is_in);
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
        let freshness = self.freshness(run, &from)?;
        let mut choice = choice?;
        self.tell_strayed(run, &from, &mut choice)?;
        let mut plan = Plan::of(&self.into, self.manner.how, from.clone(), freshness, choice);
        plan.since.clone_from(&self.since);
        if plan.choice.places.is_empty() {
            return Ok(plan);
        }
        self.refuse_foreign_history(&plan)?;
        let works = self.works(run, &plan.choice.places, &from)?;
        let composed = compose::compose_with(&self.repository, &from, &works, self.manner, known)?;
        let mut at = from;
        let mut pairs = Vec::new();
        for outcome in &composed.outcomes {
            let before = at.clone();
            if let Outcome::In { commit, .. } = outcome {
                at.clone_from(commit);
            }
            pairs.push((before, at.clone()));
        }
        let stats = compose::stats(&self.repository, &pairs)?;
        let steps = plan.choice.places.iter().zip(composed.outcomes).zip(stats).zip(composed.resolved);
        let step = |(((place, outcome), stat), resolved): (((&usize, _), _), _)| {
            let place = *place;
            Step { place, outcome, stat, resolved }
        };
        plan.steps = steps.map(step).collect();
        plan.stuck = composed.stuck;
        plan.to = composed.head;
        Ok(plan)
    }

    /// Names the tasks whose work is on the branch because whoever did it brought it there, past all that verifies it.
    fn tell_strayed(&self, run: &Run, from: &str, choice: &mut Choice) -> Result<(), MergeError> {
        for task in &run.tasks {
            let id = &task.spec.id;
            let is_asked_for = self.named.is_empty() || self.named.contains(id);
            let strayed = strayed_into(&self.repository.git, task, &self.into).filter(|_| is_asked_for);
            if let Some(strayed) = strayed
                && self.repository.is_ancestor(&strayed.to, from).unwrap_or(false)
                && self.is_in(task, from)?
            {
                choice.left_out.retain(|(left, _)| left != id);
                choice.left_out.push((id.clone(), strayed.words()));
            }
        }
        Ok(())
    }

    /// Tells whether a task's work is on the branch: as it is, or as other commits that are recorded.
    fn is_in(&self, task: &Task, branch: &str) -> Result<bool, MergeError> {
        let Some(tip) = task.tree.as_ref().and_then(|tree| tree.tip.as_ref()) else { return Ok(false) };
        if self.repository.is_ancestor(tip, branch)? {
            return Ok(true);
        }
        let landed = task.landed.iter().filter(|landed| landed.into == self.into && landed.tip == *tip);
        for landed in landed {
            // The branch may have been moved back since.
            if self.repository.is_ancestor(&landed.commit, branch).unwrap_or(false) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn freshness(&self, run: &Run, from: &str) -> Result<Freshness, MergeError> {
        let landed = run.tasks.iter().flat_map(|task| &task.landed).filter(|landed| landed.into == self.into);
        let mut own: Vec<(&str, &str)> =
            landed.map(|landed| (landed.from.as_str(), landed.to.as_str())).collect();
        own.dedup();
        freshness::of(&self.repository, &self.beginning()?, from, &own)
    }

    /// Returns the user's own commit that the run began from.
    fn beginning(&self) -> Result<String, MergeError> {
        match self.base.snapshot {
            false => Ok(self.base.commit.clone()),
            true => {
                Ok(self.repository.git.text(&["rev-parse", "--verify", &format!("{}^", self.base.commit)])?)
            }
        }
    }

    /// Refuses merge commits where they would bring what is not the run's work into the history of the branch.
    fn refuse_foreign_history(&self, plan: &Plan) -> Result<(), Hindrance> {
        if self.manner.how != How::Merge {
            return Ok(());
        }
        let why = match plan.freshness.state {
            _ if self.base.snapshot => {
                "the run began from what was not committed then, and a merge commit would bring that into the history"
                    .to_owned()
            }
            State::Diverged => {
                let lacking = match plan.freshness.missing {
                    1 => "1 commit with it that is not there".to_owned(),
                    more => format!("{more} commits with it that are not there"),
                };
                format!(
                    "{} does not hold what the run began from: a merge commit would bring {lacking}",
                    self.into
                )
            }
            _ => return Ok(()),
        };
        Err(Hindrance::ForeignHistory(why))
    }

    fn works(&self, run: &Run, places: &[usize], branch: &str) -> Result<Vec<Work>, MergeError> {
        let mut works = Vec::with_capacity(places.len());
        for place in places {
            let task = &run.tasks[*place];
            // Only tasks with work are chosen.
            let Some(tree) = &task.tree else { continue };
            let mut base = self.begins_after(tree, branch)?;
            // What came to the branch before is not brought again with what was done since.
            for landed in task.landed.iter().rev().filter(|landed| landed.into == self.into) {
                let is_there = self.repository.is_ancestor(&landed.commit, branch).unwrap_or(false);
                if is_there && self.repository.is_ancestor(&landed.tip, tree.head()).unwrap_or(false) {
                    if !self.repository.is_ancestor(&landed.tip, &base)? {
                        base.clone_from(&landed.tip);
                    }
                    break;
                }
            }
            let under = merging::under(run, *place);
            works.push(Work {
                name: task.spec.id.to_string(),
                base,
                tip: tree.head().to_owned(),
                builds_on: (0..places.len()).filter(|at| under.contains(&places[*at])).collect(),
                message: merging::message(self.manner.how, &run.id, &self.short, task),
            });
        }
        Ok(works)
    }

    /// Returns the commit after which a task's own work begins. Where somebody has brought its branch up to date, what
    /// came with that is not its own; where somebody has set it back, it begins where it leaves the branch.
    fn begins_after(&self, tree: &TaskTree, branch: &str) -> Result<String, MergeError> {
        let (base, tip) = (&tree.base, tree.head());
        // They may have nothing in common.
        let Ok(met) = self.repository.git.text(&["merge-base", branch, tip]) else { return Ok(base.clone()) };
        if met == *base
            || self.repository.is_ancestor(base, &met)?
            || !self.repository.is_ancestor(base, tip)?
        {
            return Ok(met);
        }
        Ok(base.clone())
    }

    /// Lets no other crew process move branches of this repository meanwhile. Others hold that for as long as it takes to
    /// move one; `waits` is called once, where it takes longer than a second.
    pub fn alone(&self, waits: impl FnOnce()) -> Result<RunLock, Hindrance> {
        let folder = beside(&self.repository);
        let lock = lock::take_beside_within(&folder, self.patience, waits)?.ok_or(Hindrance::Busy)?;
        // A git that outlives us may still be writing.
        lock.share_with_children().map_err(StoreError::file(&folder))?;
        Ok(lock)
    }

    /// Looks whether the branch can be moved just now, while no other crew process moves one.
    pub fn check(&self, moved: &Move, waits: impl FnOnce()) -> Result<(), Hindrance> {
        let _alone = self.alone(waits)?;
        Ok(landing::check(&self.repository, moved).map(drop)?)
    }

    /// Tells whether the branch stands elsewhere than at `from` because crew has moved it, each time: git's log of the
    /// branch says so.
    pub fn is_moved_by_crew(&self, from: &str) -> bool {
        let branch = reference(&self.into);
        let asked = ["log", "-g", "-z", "-n", "1000", "--format=%H %gs", &branch, "--"];
        // Where no log is kept, nobody knows.
        let moves = self.repository.git.entries(&asked).unwrap_or_default();
        let since: Vec<&String> = moves.iter().take_while(|line| !line.starts_with(from)).collect();
        let is_crews = |line: &&String| {
            line.split_once(' ').is_some_and(|(_, why)| why.starts_with(put_right::MOVED_BY))
        };
        !since.is_empty() && since.len() < moves.len() && since.iter().all(is_crews)
    }

    /// Puts right what an earlier merge has left when it was cut off. Returns what was found, and what is to be recorded:
    /// the merge that was begun came about all the same, or is given up.
    pub fn put_right(
        &self,
        run: &Run,
        waits: impl FnOnce(),
    ) -> Result<(Vec<PutRight>, Option<Event>), Hindrance> {
        let _alone = self.alone(waits)?;
        let found = put_right::put_right(&self.repository, &mut |_| {})?;
        let Some(merging) = run.merging.as_deref().cloned() else { return Ok((found, None)) };
        let became = match self.is_on(&merging.into, &merging.to)? {
            true => Event::WorkMerged { merging },
            false => Event::MergeGivenUp { into: merging.into, to: merging.to, why: String::new() },
        };
        Ok((found, Some(became)))
    }

    /// Tells whether a move that failed has come to nothing: the branch holds nothing of it, and nothing is half done that
    /// would have to be put right first.
    pub fn is_undone(&self, moved: &Move) -> bool {
        let is_of_it = |journal: &Journal| journal.moved.run == moved.run;
        let half_done = put_right::begun(&self.repository).map(|begun| begun.iter().any(is_of_it));
        matches!((half_done, self.is_on(&moved.branch, &moved.to)), (Ok(false), Ok(false)))
    }

    fn is_on(&self, branch: &str, commit: &str) -> Result<bool, MergeError> {
        let Some(tip) = self.repository.tip(branch)? else { return Ok(false) };
        Ok(self.repository.is_ancestor(commit, &tip).unwrap_or(false))
    }
}

/// Whoever moves branches holds the lock beside it.
fn beside(repository: &Repository) -> PathBuf {
    repository.common().join("crew-merge")
}

/// Tells of the moves of branches that were cut off: they are half done, and whoever made them is gone.
pub fn cut_off(repository: &Repository) -> Result<Vec<Journal>, Hindrance> {
    let found = put_right::begun(repository)?;
    if found.is_empty() || lock::is_held_beside(&beside(repository))? {
        return Ok(Vec::new());
    }
    // One that was at work when we first looked may be over by now.
    Ok(put_right::begun(repository)?)
}

/// For how long others that move a branch of the repository are waited for at least. That takes git moments; with very
/// many files, seconds.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How often a merge is made anew because its branch was moved meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    left: u32,
    /// Somebody else than crew has moved it once.
    by_others: bool,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { left: 100, by_others: false }
    }
}

impl Turns {
    /// Tells whether it is made once more. Of several merges at once each time one comes through, so where crew has moved
    /// the branch it is; somebody else is not chased.
    pub fn once_more(&mut self, by_crew: bool) -> bool {
        let may = self.left > 0 && (by_crew || !self.by_others);
        self.left = self.left.saturating_sub(1);
        self.by_others |= !by_crew;
        may
    }
}

/// Ends what a merge that was killed has left running, and takes away where it tried its work. Tells whether there was
/// anything. The caller holds the run's lock, so no merge is at work.
pub fn clear_left(scratch: &Scratch, run: &RunId, grace: Duration) -> Result<bool, MergeError> {
    if !scratch.is_there()? {
        return Ok(false);
    }
    // Where we were given it ourselves, those around us have it too.
    if std::env::var("CREW_RUN").is_ok_and(|ours| ours == run.as_str()) {
        scratch.clear()?;
        return Ok(true);
    }
    process::end_left(None, &marks::of_run(scratch.top(), run), grace);
    scratch.clear()?;
    Ok(true)
}

/// Tells whether the user has git sign what they commit.
pub fn signs(repository: &Path) -> bool {
    let asked = ["config", "--type=bool", "commit.gpgSign"];
    Git::at(repository).text(&asked).is_ok_and(|said| said == "true")
}
