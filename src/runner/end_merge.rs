//! The merge at the end of a run, as far as it takes git's time: that is done in the thread of a slot, so the dispatcher
//! goes on listening.

use super::branch_work::Looked;
use super::child::Control;
use super::clock;
use super::left_resolvers;
use super::merge_work::{self, Hindrance, MergeWork, Plan, Step, Turns};
use super::worktree_setup::{self, NotReady, Preparation};
use crate::domain::conflict;
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::merging::{How, Merging, Unmerged};
use crate::domain::run::Run;
use crate::domain::worktree::Base;
use crate::store::layout::RunPaths;
use crate::workspace::merging::compose::{Manner, Outcome, short};
use crate::workspace::merging::landing::{self, Move};
use crate::workspace::merging::put_right::PutRight;
use crate::workspace::merging::scratch::Scratch;
use crate::workspace::merging::submodules;
use crate::workspace::merging::{MergeError, Repository};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How far the merge of an open attempt has come; nothing of it where the attempt is no merge.
#[derive(Default)]
pub struct MergeInHand {
    /// What is merged, once that is known.
    pub composed: Option<Box<Composed>>,
    /// The commands that verify it.
    pub commands: Vec<String>,
    /// How often it may be made anew where somebody has moved the branch meanwhile.
    pub turns: Turns,
    /// The move of the branch that is going on.
    pub landing: Option<Merging>,
    /// The branch holds the work.
    pub merged: bool,
    /// Why it does not.
    pub unmerged: Option<Unmerged>,
    /// What was achieved, in a line.
    pub summary: String,
}

impl MergeInHand {
    /// Tells whether it is about a merge, and has come as far as to know of what.
    pub fn is_one(&self) -> bool {
        self.composed.is_some()
    }
}

/// What is merged, and where.
pub struct Composed {
    pub work: MergeWork,
    pub plan: Plan,
    /// What a person is to know of the submodules that go with it.
    pub submodules: Vec<String>,
}

/// Where the merge of a run is worked on.
#[derive(Clone, Debug)]
pub struct Place {
    /// The top of the user's work tree.
    pub repository: PathBuf,
    /// Where the work trees of the run's tasks are.
    pub worktrees: PathBuf,
    /// Of the run.
    pub paths: RunPaths,
    /// The id of the run.
    pub run: String,
    /// What was found is told there.
    pub log: PathBuf,
    /// For how long what is ended may go on.
    pub grace: Duration,
}

impl Place {
    /// Speaks of the work tree in which merged work is tried.
    pub fn scratch<'a>(&'a self, repository: &'a Repository) -> Scratch<'a> {
        Scratch::of(repository, &self.repository, &self.worktrees, &self.run)
    }

    fn note(&self, line: &str) {
        // What it says is told in the record too, as far as it matters.
        if let Ok(mut log) = std::fs::OpenOptions::new().create(true).append(true).open(&self.log) {
            let _ = writeln!(log, "{line}");
        }
    }
}

/// A part of the merge.
pub enum Chore {
    /// Put right what was cut off before, and put the work together in the object store.
    Compose { place: Place, run: Box<Run>, short: String, base: Base, into: String, how: How },
    /// Check the merged work out, where it can be tried.
    Fill {
        place: Place,
        repository: Repository,
        commit: String,
        preparation: Box<Preparation>,
        control: Arc<Control>,
    },
    /// Take that away, and move the branch where all is well.
    Finish { place: Place, work: Box<MergeWork>, moved: Option<Move> },
}

/// What came of it.
pub enum Done {
    Composed {
        /// What is to be recorded first: what became of a merge that was cut off, or that somebody has gone on with the
        /// work of a task.
        found_out: Vec<Event>,
        composed: Result<Box<Composed>, Unmerged>,
    },
    Filled(Result<(), Unmerged>),
    Finished(Result<(), NotLanded>),
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Done::Composed { .. } => "Composed",
            Done::Filled(_) => "Filled",
            Done::Finished(_) => "Finished",
        })
    }
}

/// Why a branch has not moved although all was well.
#[derive(Debug)]
pub struct NotLanded {
    pub why: Unmerged,
    /// Somebody has moved it, and whether that was crew.
    pub moved_by_crew: Option<bool>,
    /// Nothing is left of the move that was begun.
    pub undone: bool,
}

impl Chore {
    /// Does it.
    pub fn carry_out(self) -> Done {
        match self {
            Chore::Compose { place, mut run, short, base, into, how } => {
                let mut repository = match Repository::of(&place.repository) {
                    Ok(repository) => repository,
                    Err(error) => {
                        return Done::Composed { found_out: Vec::new(), composed: Err(plain(&error)) };
                    }
                };
                // Nobody is asked for a passphrase while a run is at work.
                repository.git = repository.git.unasking();
                let signed = merge_work::signs(&place.repository);
                let manner = Manner { how, signed };
                let work = MergeWork {
                    repository,
                    top: place.repository.clone(),
                    short,
                    base,
                    into,
                    manner,
                    named: Vec::new(),
                    since: Vec::new(),
                    patience: merge_work::PATIENCE,
                };
                compose(&place, &mut run, work)
            }
            Chore::Fill { place, repository, commit, preparation, control } => {
                Done::Filled(fill(&place, &repository, &commit, &preparation, &control))
            }
            Chore::Finish { place, work, moved } => Done::Finished(finish(&place, &work, moved.as_ref())),
        }
    }
}

fn compose(place: &Place, run: &mut Run, work: MergeWork) -> Done {
    let (found, became) = match work.put_right(run, || waits(place)) {
        Ok(right) => right,
        Err(why) => return Done::Composed { found_out: Vec::new(), composed: Err(hindered(&why)) },
    };
    tell_right(place, &found);
    let mut found_out: Vec<Event> = became.into_iter().collect();
    let composed = look(place, run, work, &mut found_out).and_then(|work| plan(place, run, work));
    Done::Composed { found_out, composed }
}

/// Brings the run up to date with what is there, and adds what is to be recorded of that.
fn look(
    place: &Place,
    run: &mut Run,
    work: MergeWork,
    found_out: &mut Vec<Event>,
) -> Result<MergeWork, Unmerged> {
    let apply = |run: &mut Run, event: &Event| match run.apply(clock::now(), event) {
        Ok(_) => Ok(()),
        Err(illegal) => Err(Unmerged { kind: None, why: illegal.to_string() }),
    };
    found_out.iter().try_for_each(|event| apply(run, event))?;
    for given in left_resolvers::given(run) {
        let places = left_resolvers::Places {
            top: &place.repository,
            repository: &work.repository,
            paths: &place.paths,
            worktrees: place.worktrees.parent().unwrap_or(&place.worktrees),
            grace: place.grace,
        };
        let ended = places.end(run, &given);
        let ended = ended.map_err(|error| Unmerged { kind: None, why: error.to_string() })?;
        ended.words.iter().for_each(|line| place.note(line));
        apply(run, &ended.event)?;
        found_out.push(ended.event);
    }
    // Nobody is there who could be asked about a branch that was rewritten.
    let looked: Looked = work.look_at_branches(run, false).map_err(|why| hindered(&why))?;
    for (task, why) in &looked.unseen {
        place.note(&format!("what is not committed of {task} is not seen: {why}"));
    }
    for since in &looked.since {
        place.note(&format!("with it  {}", since.words()));
    }
    looked.events.iter().try_for_each(|event| apply(run, event))?;
    found_out.extend(looked.events);
    Ok(MergeWork { since: looked.since, ..work })
}

fn plan(place: &Place, run: &Run, work: MergeWork) -> Result<Box<Composed>, Unmerged> {
    let scratch = place.scratch(&work.repository);
    merge_work::clear_left(&scratch, &run.id, place.grace).map_err(|error| plain(&error))?;
    work.refuse_nobody().map_err(|why| hindered(&why))?;
    let plan = plan_and_check(place, run, &work).map_err(|why| hindered(&why))?;
    for step in &plan.steps {
        place.note(&told(run, &plan, step));
    }
    for (task, why) in &plan.choice.left_out {
        place.note(&format!("left out  {task}: {why}"));
    }
    if plan.has_conflicts() {
        return Err(at_odds(run, &plan));
    }
    let mut submodules = Vec::new();
    if !plan.is_empty() {
        let moved = plan.moved(run);
        let linked = submodules::look(&work.repository, &moved).map_err(|error| plain(&error))?;
        submodules.extend(linked.into_iter().filter_map(|linked| linked.words()));
    }
    submodules.iter().for_each(|line| place.note(line));
    Ok(Box::new(Composed { work, plan, submodules }))
}

/// Names what git cannot merge alone, the first task of it in full.
fn at_odds(run: &Run, plan: &Plan) -> Unmerged {
    let conflicting = |step: &&Step| matches!(step.outcome, Outcome::Conflict { .. });
    let first = plan.steps.iter().find(conflicting).map(|step| told(run, plan, step)).unwrap_or_default();
    let more = match plan.steps.iter().filter(conflicting).count() {
        0 | 1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    Unmerged { kind: Some(ErrorKind::MergeConflict), why: format!("{first}{more}") }
}

/// Says what becomes of a task's work.
fn told(run: &Run, plan: &Plan, step: &Step) -> String {
    let id = &run.tasks[step.place].spec.id;
    let name = |at: &usize| run.tasks[plan.steps[*at].place].spec.id.to_string();
    match &step.outcome {
        Outcome::In { .. } => format!("{id} merges cleanly"),
        Outcome::Nothing => format!("{id} is in {} already", plan.into),
        Outcome::Waits(at) => format!("{id} builds on {}", name(at)),
        Outcome::Conflict { conflicts, with, .. } => {
            let with = match with.is_empty() {
                true => plan.into.clone(),
                false => with.iter().map(name).collect::<Vec<_>>().join(", "),
            };
            format!("{id} conflicts with {with}: {}", conflict::in_words(conflicts))
        }
    }
}

/// Works out what is merged, and looks whether the branch can be moved.
fn plan_and_check(place: &Place, run: &Run, work: &MergeWork) -> Result<Plan, Hindrance> {
    let mut turns = Turns::default();
    loop {
        let plan = work.plan(run)?;
        if plan.is_empty() || plan.has_conflicts() {
            return Ok(plan);
        }
        match work.check(&plan.moved(run), || waits(place)) {
            Err(Hindrance::Merge(MergeError::Moved(_)))
                if turns.once_more(work.is_moved_by_crew(&plan.from)) => {}
            checked => return checked.map(|()| plan),
        }
    }
}

fn fill(
    place: &Place,
    repository: &Repository,
    commit: &str,
    preparation: &Preparation,
    control: &Control,
) -> Result<(), Unmerged> {
    place.scratch(repository).fill(commit).map_err(|error| plain(&error))?;
    worktree_setup::make_ready(preparation, true, control).map_err(|not_ready| match not_ready {
        NotReady::Stopped(_) => Unmerged { kind: None, why: "it was stopped".into() },
        NotReady::Failed(why) => Unmerged { kind: Some(ErrorKind::WorktreeFailed), why },
    })
}

fn finish(place: &Place, work: &MergeWork, moved: Option<&Move>) -> Result<(), NotLanded> {
    let undone = || moved.is_some_and(|moved| work.is_undone(moved));
    let not_landed = |error: MergeError| {
        let is_moved = matches!(error, MergeError::Moved(_));
        let by_crew = moved.filter(|_| is_moved).map(|moved| work.is_moved_by_crew(&moved.from));
        NotLanded { why: plain(&error), moved_by_crew: by_crew, undone: undone() }
    };
    place.scratch(&work.repository).clear().map_err(not_landed)?;
    let Some(moved) = moved else { return Ok(()) };
    let _alone = work.alone(|| waits(place)).map_err(|why| NotLanded {
        why: hindered(&why),
        moved_by_crew: None,
        undone: undone(),
    })?;
    let left = landing::land(&work.repository, moved, &mut |_| {}).map_err(not_landed)?;
    tell_right(place, left.as_slice());
    place.note(&format!("{}  {} -> {}", moved.branch, short(&moved.from), short(&moved.to)));
    Ok(())
}

fn waits(place: &Place) {
    place.note("another crew process moves a branch; waiting for it");
}

fn plain(error: &MergeError) -> Unmerged {
    Unmerged { kind: None, why: error.to_string() }
}

fn hindered(why: &Hindrance) -> Unmerged {
    Unmerged { kind: None, why: why.to_string() }
}

/// Says what became of merges that were cut off.
fn tell_right(place: &Place, found: &[PutRight]) {
    found.iter().flat_map(PutRight::words).for_each(|line| place.note(&line));
}
