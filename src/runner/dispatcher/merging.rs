//! The merge at the end of a run: an attempt whose work crew does itself.
//!
//! # How it works
//!
//! A slot puts the work together in git's store. Where that goes, it is checked out in a work tree of its own, and the
//! verification commands run there as those of any attempt do. Then it is recorded that the branch is about to move, and
//! only when that is on the disk, a slot moves it. Whoever dies in between is followed by one that puts right what git
//! was doing, and begins anew with what is still to be merged.

use super::{Dispatcher, Effect};
use crate::domain::budget::Reservation;
use crate::domain::event::{Ending, Event};
use crate::domain::gate::Decision;
use crate::domain::id::TaskId;
use crate::domain::merging::Unmerged;
use crate::domain::task::{Task, Work};
use crate::domain::words::clean_line;
use crate::runner::attempt::{MAX_SUMMARY_LINE, OpenAttempt};
use crate::runner::clock;
use crate::runner::end_merge::{Chore, Composed, Done, NotLanded, Place};
use crate::runner::launch::{self, MergePlace};
use crate::runner::merge_work::Plan;
use crate::runner::slots::{Errand, Job, Part};
use crate::store::StoreError;
use crate::store::layout;
use crate::workspace::merging::compose::short;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

impl Dispatcher<'_> {
    /// Records the start of a merge; a slot begins with it after that is written.
    pub(super) fn start_merge(&mut self, place: usize, reserved: Reservation) -> Result<(), StoreError> {
        let number = self.next_number(place)?;
        let task = &self.run.tasks[place];
        let id = task.spec.id.clone();
        self.record(Event::AttemptStarted {
            task: id.clone(),
            attempt: number,
            agent: task.spec.program().to_owned(),
            model: None,
            token_hash: String::new(),
            log: layout::log_of(&id, number),
            folder: None,
        })?;
        let task = &self.run.tasks[place];
        self.ledger.note_started(place, &task.spec, reserved, clock::now());
        let log = self.paths.root().join(layout::log_of(&id, number));
        let open = OpenAttempt::new(task, (number, String::new()), log, self.setup.limits.attempt);
        self.open.insert(place, open);
        self.compose(place)
    }

    fn compose(&mut self, place: usize) -> Result<(), StoreError> {
        let short = self.store.short(&self.run.id)?;
        let (Work::Merge { into, how }, Some(base)) = (&self.run.tasks[place].spec.work, &self.run.base)
        else {
            return self.give_up_merge(place, Unmerged { kind: None, why: "there is no base".into() });
        };
        let chore = Chore::Compose {
            short,
            base: base.clone(),
            into: into.clone(),
            how: *how,
            run: Box::new(self.run.clone()),
            place: self.place_of_merge(place),
        };
        self.push_chore(place, chore);
        Ok(())
    }

    fn push_chore(&mut self, place: usize, chore: Chore) {
        self.effects.push(Effect::Start(Errand::Merge { place, chore: Box::new(chore) }));
    }

    fn place_of_merge(&self, place: usize) -> Place {
        let task = &self.run.tasks[place];
        let log = layout::log_of(&task.spec.id, task.attempts.len() as u32);
        Place {
            repository: self.setup.repository.clone(),
            worktrees: self.setup.worktrees.folder.join(self.run.id.as_str()),
            paths: self.paths.clone(),
            run: self.run.id.to_string(),
            log: self.paths.root().join(log),
            grace: self.setup.limits.grace,
        }
    }

    /// Takes in that a slot has done its part.
    pub(super) fn note_merge(&mut self, place: usize, done: Done) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.note_stop_meanwhile();
        let is_stopped = open.work_stopped.is_some();
        match done {
            Done::Composed { found_out, composed } => {
                found_out.into_iter().try_for_each(|event| self.record(event))?;
                match composed {
                    Err(unmerged) => self.give_up_merge(place, unmerged),
                    Ok(_) if is_stopped => self.settle(place),
                    Ok(composed) => self.note_composed(place, composed),
                }
            }
            Done::Filled(Ok(())) if !is_stopped => {
                let (task, attempt) = self.attempt_of(place);
                self.record(Event::VerificationStarted { task, attempt })?;
                self.check_merge(place, 0)
            }
            Done::Filled(filled) => {
                if let Some(open) = self.open.get_mut(&place) {
                    open.merge.unmerged = filled.err();
                }
                self.finish_merge(place, false)
            }
            Done::Finished(Ok(())) => self.note_finished(place),
            Done::Finished(Err(not_landed)) => self.note_not_landed(place, is_stopped, not_landed),
        }
    }

    /// Begins anew where others have moved the branch, or gives up.
    fn note_not_landed(
        &mut self,
        place: usize,
        is_stopped: bool,
        not_landed: NotLanded,
    ) -> Result<(), StoreError> {
        let NotLanded { why, moved_by_crew, undone } = not_landed;
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let begun = open.merge.landing.take();
        if let Some(merging) = begun.filter(|_| undone) {
            let (into, to, why) = (merging.into, merging.to, clean_line(&why.why, MAX_SUMMARY_LINE));
            self.record(Event::MergeGivenUp { into, to, why })?;
        }
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        match moved_by_crew {
            Some(by_crew) if !is_stopped && open.merge.turns.once_more(by_crew) => {
                open.merge.composed = None;
                open.checks_passed = 0;
                self.compose(place)
            }
            _ => self.give_up_merge(place, why),
        }
    }

    fn attempt_of(&self, place: usize) -> (TaskId, u32) {
        let task = &self.run.tasks[place];
        (task.spec.id.clone(), task.attempts.len() as u32)
    }

    /// Settles a merge that has not come about.
    fn give_up_merge(&mut self, place: usize, why: Unmerged) -> Result<(), StoreError> {
        if let Some(open) = self.open.get_mut(&place) {
            open.merge.unmerged = Some(why);
        }
        self.settle(place)
    }

    fn note_composed(&mut self, place: usize, composed: Box<Composed>) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let plan = &composed.plan;
        let commands = plan.commands(&self.run, task.spec.verify.clone());
        let commands: Vec<String> = commands.into_iter().map(|(_, command)| command).collect();
        let (is_empty, summary) = (plan.is_empty(), self.summary_of_merge(plan));
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        if is_empty {
            open.merge.summary = summary;
            open.merge.merged = true;
            return self.settle(place);
        }
        let nothing_to_verify = commands.is_empty();
        open.merge.commands = commands;
        open.merge.composed = Some(composed);
        if nothing_to_verify { self.finish_merge(place, true) } else { self.fill(place) }
    }

    fn summary_of_merge(&self, plan: &Plan) -> String {
        let tasks: Vec<&str> = plan.merged(&self.run).map(|(task, _)| task.spec.id.as_str()).collect();
        let into = clean_line(&plan.into, 100);
        let said = match tasks.is_empty() {
            true => format!("nothing to merge into {into}"),
            false => {
                format!("{into} {} -> {} holds {}", short(&plan.from), short(&plan.to), tasks.join(", "))
            }
        };
        clean_line(&said, MAX_SUMMARY_LINE)
    }

    /// Has the merged work checked out where it can be tried.
    fn fill(&mut self, place: usize) -> Result<(), StoreError> {
        let told = self.place_of_merge(place);
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let Some(composed) = &open.merge.composed else { return self.settle(place) };
        open.control = Arc::default();
        let folder = told.scratch(&composed.work.repository).folder().to_owned();
        let tasks: Vec<&Task> = composed.plan.merged(&self.run).map(|(task, _)| task).collect();
        let merge_place = MergePlace { folder: &folder, log: &told.log, tasks: &tasks };
        let merge = &self.run.tasks[place];
        let preparation =
            launch::prepare_merge(self.setup, &self.run, &self.paths, &merge_place, Some(merge));
        let chore = Chore::Fill {
            repository: composed.work.repository.clone(),
            commit: composed.plan.to.clone(),
            preparation: Box::new(preparation),
            control: open.control.clone(),
            place: told,
        };
        let made = self.paths.root().join("worktrees");
        std::fs::create_dir_all(&made).map_err(StoreError::file(&made))?;
        self.push_chore(place, chore);
        Ok(())
    }

    /// Runs a verification command on the merged work.
    fn check_merge(&mut self, place: usize, at: usize) -> Result<(), StoreError> {
        let told = self.place_of_merge(place);
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let Some(composed) = &open.merge.composed else { return self.settle(place) };
        let merge = &self.run.tasks[place];
        let log = self.paths.root().join(layout::verification_log_of(&merge.spec.id, open.number));
        let folder = told.scratch(&composed.work.repository).folder().to_owned();
        let tasks: Vec<&Task> = composed.plan.merged(&self.run).map(|(task, _)| task).collect();
        let merge_place = MergePlace { folder: &folder, log: &log, tasks: &tasks };
        let command = &open.merge.commands[at];
        let what = (Some(merge), command.as_str());
        let child = launch::prepare_merge_check(self.setup, &self.run, &self.paths, &merge_place, what);
        open.part = Part::Check(at);
        open.log.clone_from(&child.log);
        open.control = Arc::default();
        open.deadline = Instant::now() + open.limit;
        open.doing.lock().unwrap_or_else(PoisonError::into_inner).clone_from(command);
        let (part, control, doing) = (open.part, open.control.clone(), open.doing.clone());
        let job =
            Job { place, part, child, control, agent: None, doing, recorder: None, folder: None, tree: None };
        self.effects.push(Effect::Start(Errand::Run(Box::new(job))));
        Ok(())
    }

    /// Takes in that a verification command on the merged work has ended.
    pub(super) fn note_merge_check(
        &mut self,
        place: usize,
        at: usize,
        ending: Ending,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let command = open.merge.commands[at].clone();
        let passed = ending.exit == Some(0) && open.stopped.is_none();
        let is_last = at + 1 == open.merge.commands.len();
        if passed {
            open.checks_passed += 1;
        } else {
            open.failed_check = Some((command.clone(), open.how_a_check_failed(&ending)));
        }
        let (task, attempt) = self.attempt_of(place);
        self.record(Event::VerificationEnded { task, attempt, command, ending, cached: false })?;
        match passed && self.stopping.is_none() {
            true if !is_last => self.check_merge(place, at + 1),
            goes_on => self.finish_merge(place, goes_on),
        }
    }

    /// Has the branch moved, or only taken away what the work was tried in.
    fn finish_merge(&mut self, place: usize, land: bool) -> Result<(), StoreError> {
        let told = self.place_of_merge(place);
        let Some(composed) = self.open.get(&place).and_then(|open| open.merge.composed.as_ref()) else {
            return self.settle(place);
        };
        let work = Box::new(composed.work.clone());
        let moved = land.then(|| composed.plan.moved(&self.run));
        let merging = land.then(|| composed.plan.merging(&self.run, self.who_approved(place)));
        if let Some(merging) = merging {
            if let Some(open) = self.open.get_mut(&place) {
                open.merge.landing = Some(merging.clone());
            }
            self.record(Event::MergeBegun { merging })?;
            // It is on the disk before anything is done that could be cut off.
            self.flush()?;
        }
        self.push_chore(place, Chore::Finish { place: told, work, moved });
        Ok(())
    }

    /// Returns who let the merge begin.
    fn who_approved(&self, place: usize) -> String {
        let id = &self.run.tasks[place].spec.id;
        let decided = self.run.gates.iter().rev().filter(|gate| gate.task == *id);
        let approved = decided
            .filter_map(|gate| gate.decided.as_ref())
            .find(|decided| decided.decision == Decision::Approved);
        approved.map_or_else(|| "crew".to_owned(), |decided| decided.by.clone())
    }

    fn note_finished(&mut self, place: usize) -> Result<(), StoreError> {
        let Some(open) = self.open.get(&place) else { return Ok(()) };
        let composed = open.merge.composed.as_ref();
        let summary = composed.map(|composed| {
            let told = [&[self.summary_of_merge(&composed.plan)], composed.submodules.as_slice()].concat();
            clean_line(&told.join("; "), MAX_SUMMARY_LINE)
        });
        let summary = summary.unwrap_or_default();
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        if let Some(merging) = open.merge.landing.take() {
            open.merge.merged = true;
            open.merge.summary = summary;
            self.record(Event::WorkMerged { merging })?;
        }
        self.settle(place)
    }
}
