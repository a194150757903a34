//! Takes a run over, and closes what a dead owner left open.

use super::stopping::Heard;
use super::{Dispatcher, Effect};
use crate::domain::budget::{Ledger, Reservation};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, Ending, Event, Outcome, ProcessId};
use crate::domain::gate;
use crate::domain::judgement::{self, StopReason};
use crate::domain::liveness::Pulse;
use crate::domain::retry::RetryReason;
use crate::domain::schedule::Schedule;
use crate::domain::submission::HandedIn;
use crate::domain::task::{Attempt, AttemptState, Task};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::runner::attempt::{Closing, MAX_SUMMARY_LINE, OpenAttempt};
use crate::runner::clock;
use crate::runner::environment::hiding_ours;
use crate::runner::folder;
use crate::runner::handed_in_files;
use crate::runner::kept_output;
use crate::runner::launch;
use crate::runner::marks;
use crate::runner::notifier;
use crate::runner::process;
use crate::runner::slots::{Errand, Heard as HeardOfAgent, Left, Part};
use crate::store::StoreError;
use crate::store::atomic_file;
use crate::store::inbox;
use crate::store::layout;
use crate::workspace::witness;
use std::path::Path;

/// How often in a row a task may be lost with its crew process before it counts as its own doing.
const MAX_LOST: usize = 3;

impl Dispatcher<'_> {
    /// Records that the run is ours, and closes what a dead owner left open.
    pub(super) fn take_over(&mut self) -> Result<(), StoreError> {
        inbox::sweep(&self.paths.inbox(), clock::now());
        atomic_file::sweep(&self.paths.artifacts());
        let pid = std::process::id();
        let process = process::identify(pid).unwrap_or(ProcessId { pid, start: 0, boot: String::new() });
        let is_new = self.run.dispatcher.is_none();
        self.find_used_numbers();
        self.record(Event::DispatcherStarted { process })?;
        let left_open = |task: &Task| task.last().is_some_and(|attempt| attempt.is_open());
        let places: Vec<usize> =
            (0..self.run.tasks.len()).filter(|at| left_open(&self.run.tasks[*at])).collect();
        let names = places.iter().filter_map(|place| {
            let task = &self.run.tasks[*place];
            Some(folder::name_of(&task.spec.id, task.last()?.number))
        });
        witness::sweep(&self.paths.logs(), &names.collect::<Vec<_>>());
        let (adopted, places): (Vec<usize>, Vec<usize>) =
            places.into_iter().partition(|place| self.may_adopt(*place));
        let lives = self.living(&places);
        if !is_new {
            let alive = lives.iter().filter(|lives| **lives).count();
            tracing::info!(left_open = places.len(), alive, adopted = adopted.len(), "takes the run over");
        }
        let heard = if is_new { Heard::default() } else { self.end_left(&places) };
        // What they handed in, and nobody was there to take, is theirs: it is applied before anything is closed as lost.
        self.look_into_inbox()?;
        let mut taken_up = Vec::new();
        let recorded = self.recorded_of(&places)?;
        for ((place, lived), recorded) in places.into_iter().zip(lives).zip(recorded) {
            let ending = self.ending_of_left(place, lived);
            let usage = self.hear_out(place, recorded)?;
            match self.may_take_up(place)? {
                true => taken_up.push((place, ending, usage)),
                false => self.close_lost(place, None, (ending, usage))?,
            }
        }
        let kept: Vec<_> = adopted.iter().flat_map(|place| self.output_of_last(*place)).collect();
        kept_output::sweep(&self.paths.output(), &kept);
        self.close_overdue_gates()?;
        self.schedule = Schedule::of(&self.run);
        self.ledger = Ledger::of(&self.run);
        taken_up.into_iter().try_for_each(|(place, ending, usage)| self.take_up(place, (ending, usage)))?;
        let recorded = self.recorded_of(&adopted)?;
        adopted.into_iter().zip(recorded).try_for_each(|(place, recorded)| self.adopt(place, recorded))?;
        self.skip_impossible()?;
        self.leave_trees();
        self.begin_rounds()?;
        // Now that all are there who are to be asked to end.
        self.heed(heard)
    }

    /// Tells whether an attempt that a dead owner left is judged by what it handed in: it did, and what it changed can be
    /// known, because its folder is its own or what was there before is kept. What was half applied is taken back.
    pub(super) fn may_take_up(&mut self, place: usize) -> Result<bool, StoreError> {
        let has_handed_in = |attempt: &Attempt| attempt.submission.is_some();
        Ok(self.run.tasks[place].last().is_some_and(has_handed_in) && self.may_be_judged(place)?)
    }

    /// Tells whether it can be known what an attempt changed that a dead owner left.
    pub(super) fn may_be_judged(&mut self, place: usize) -> Result<bool, StoreError> {
        self.find_tree_untold(place)?;
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return Ok(false) };
        match self.own_tree(place, left.number) {
            Some(_) if task.tree.is_none() => return Ok(false),
            // Nothing of the task's is in another folder that may be there.
            Some(tree) if tree.wrong().is_some() => return Ok(true),
            Some(_) => {}
            // Nothing depends on the folder.
            None if task.spec.reads_objects() => {}
            None => {
                let name = folder::name_of(&task.spec.id, left.number);
                let was_seen = left.state == AttemptState::Verifying && left.tree.is_some();
                if !was_seen && witness::kept(&self.paths.logs(), &name).is_none() {
                    return Ok(false);
                }
            }
        }
        let folder = left.folder(&self.setup.repository);
        Ok(handed_in_files::recover(&folder, &self.paths, task, left)?.is_none())
    }

    /// Records the work tree that a dead owner had made for an attempt, where it did not come to that: its child is started
    /// as soon as the tree is ready, and may hand in before it is in the record.
    fn find_tree_untold(&mut self, place: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let is_told = task.tree.as_ref().is_some_and(|tree| !tree.removed);
        let tree = task.last().filter(|_| !is_told).and_then(|left| self.own_tree(place, left.number));
        tree.and_then(|tree| tree.added_untold()).map_or(Ok(()), |added| self.record(added))
    }

    /// Goes on with an attempt that a dead owner left, from where its child had ended.
    fn take_up(&mut self, place: usize, (ending, usage): (Ending, Usage)) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return Ok(()) };
        let (number, was_kept) = (left.number, left.state == AttemptState::Verifying);
        // While nobody owned the run, it used up nothing.
        self.ledger.note_started(place, &task.spec, Reservation::default(), clock::now());
        let log = self.paths.root().join(layout::log_of(&task.spec.id, number));
        // Its own token is known to nobody any more.
        let mut open = OpenAttempt::new(task, (number, clock::new_token()), log, self.setup.limits.attempt);
        open.usage = usage;
        open.work_stopped = task.cancel.is_some().then_some(StopReason::Cancelled);
        open.tree = self.own_tree(place, number);
        if was_kept {
            open.folder = self.folder_watch(place, &open);
            self.company_of(place, left).for_each(|name| open.note_beside(name));
            // What its verification commands have left there since is no work of its own.
            open.note_taken_up(&task.spec, left, ending, task.tree.as_deref());
            let is_misplaced = open.is_misplaced();
            self.open.insert(place, open);
            return if is_misplaced { self.settle(place) } else { self.check_or_settle(place) };
        }
        self.look_at_left(place, open, (ending, HeardOfAgent::default()))
    }

    /// Goes on with an attempt whose child has ended and of which crew has not seen how it left the folder.
    pub(super) fn look_at_left(
        &mut self,
        place: usize,
        mut open: OpenAttempt,
        ended: (Ending, HeardOfAgent),
    ) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let head = task.tree.as_ref().map(|tree| tree.head().to_owned()).unwrap_or_default();
        open.folder = self.folder_watch(place, &open);
        if let Some(left) = task.last() {
            self.company_of(place, left).for_each(|name| open.note_beside(name));
        }
        let (folder, tree) = (open.folder.clone(), open.tree.clone());
        let left = match tree {
            Some(tree) => Left::Own { tree, head: head.into() },
            None => Left::Shared,
        };
        self.open.insert(place, open);
        let Some(folder) = folder else {
            // Nothing depends on the folder; how it ended is known all the same.
            return self.note_end(place, Part::Work, (ended.0, ended.1, None));
        };
        self.effects.push(Effect::Start(Errand::TakeUp { place, folder, left, ended: Box::new(ended) }));
        Ok(())
    }

    /// Returns the tasks that were worked on in the shared folder while an attempt was that a dead owner left.
    fn company_of<'a>(&'a self, place: usize, left: &'a Attempt) -> impl Iterator<Item = &'a str> {
        let since = left.started_at;
        let was_there = move |attempt: &Attempt| {
            attempt.folder.is_none() && attempt.ended_at.is_none_or(|ended| ended > since)
        };
        let may_write = |task: &Task| !task.spec.reads_objects();
        let others =
            self.run.tasks.iter().enumerate().filter(move |(at, _)| *at != place && left.folder.is_none());
        others
            .filter(move |(_, task)| may_write(task) && task.attempts.iter().any(was_there))
            .map(|(_, task)| task.spec.id.as_str())
    }

    /// Tells of each of these whether the child lives that a dead owner left.
    pub(super) fn living(&self, places: &[usize]) -> Vec<bool> {
        let process = |place: &usize| self.run.tasks[*place].last().and_then(|left| left.process.as_ref());
        places.iter().map(|place| process(place).is_some_and(process::is_alive)).collect()
    }

    /// Returns what is known of how the child of an attempt ended that a dead owner left: it lived until now, or for as long
    /// as something tells of it.
    pub(super) fn ending_of_left(&self, place: usize, lived: bool) -> Ending {
        let task = &self.run.tasks[place];
        // Whoever died with it may not have come to recording that its child ran.
        let Some(left) = task.last() else { return Ending::default() };
        let log = self.paths.root().join(&left.log);
        let now = clock::now();
        let until = if lived { now } else { self.last_trace(task, left, &log).min(now) };
        Ending {
            unwatched: true,
            millis: until.since(left.started_at).as_millis() as u64,
            output_bytes: std::fs::metadata(&log).map_or(0, |log| log.len()),
            ..Ending::default()
        }
    }

    /// Returns when something last told of an attempt: its log, what is kept of its output, or a crew process that saw it.
    fn last_trace(&self, task: &Task, left: &Attempt, log: &Path) -> Time {
        let beat = self.last_pulse(task, left).map(|(at, _)| at);
        let logged = log.metadata().ok().and_then(|log| log.modified().ok());
        let logged = logged.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let kept = self.output_of(&task.spec.id, left.number).into_iter().filter_map(|kept| kept.touched());
        let traces = logged.map(|at| at.as_millis() as i64).into_iter().chain(kept);
        traces.map(Time).chain(beat).max().unwrap_or(left.started_at)
    }

    /// Returns how a crew process saw an attempt that was open when it last told of the run, and when that was.
    fn last_pulse(&self, task: &Task, attempt: &Attempt) -> Option<(Time, Pulse)> {
        let beat = self.store.heartbeat(&self.run.id).ok().flatten()?;
        Some((beat.at, beat.pulse(&task.spec.id, attempt.number)?.clone()))
    }

    /// Returns what the newest attempt of a task had used up when a crew process last told of it: all that is known where
    /// what it said is not kept.
    pub(super) fn last_told_usage(&self, place: usize) -> Usage {
        let task = &self.run.tasks[place];
        let pulse = task.last().and_then(|left| self.last_pulse(task, left));
        pulse.map(|(_, pulse)| pulse.usage).unwrap_or_default()
    }

    /// Ends what a dead owner's attempts left running, wherever that went, and what told of the run, all at once.
    pub(super) fn end_left(&self, places: &[usize]) -> Heard {
        let process = |place: usize| self.run.tasks[place].last().and_then(|left| left.process.as_ref());
        let marks: Vec<Vec<String>> = places.iter().map(|place| self.marks_of(*place)).collect();
        let left = places.iter().zip(&marks).map(|(place, marks)| (process(*place), marks.as_slice()));
        let mut tells = self.marks_of_run();
        tells.push(format!("{}={}", notifier::MARK, self.run.id));
        let left: Vec<_> = left.chain([(None, tells.as_slice())]).collect();
        self.listening(|is_hurried| process::end_all_left(&left, self.setup.limits.grace, is_hurried))
    }

    /// Settles an attempt of a dead owner, of which nothing runs any more: a result that was accepted is not lost. `unsure`
    /// says why it cannot be told whether it has ended; then a person has to see to it.
    pub(super) fn close_lost(
        &mut self,
        place: usize,
        unsure: Option<&str>,
        (ending, usage): (Ending, Usage),
    ) -> Result<(), StoreError> {
        let (unsure, files) = (unsure.map(str::to_owned), self.finish_files(place)?);
        let unkept = self.keep_left(place)?;
        self.close_kept(place, &Closing { unsure, files, ending, usage }, unkept)
    }

    /// Does the same once what it left is kept; `unkept` says why not all of it is.
    pub(super) fn close_kept(
        &mut self,
        place: usize,
        closing: &Closing,
        unkept: Option<String>,
    ) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return Ok(()) };
        let (id, number, submission) = (task.spec.id.clone(), left.number, left.submission.clone());
        let (unsure, files) = (closing.unsure.as_deref(), &closing.files);
        let lost = |attempt: &&Attempt| {
            attempt.state == AttemptState::Ended(Outcome::Lost)
                && attempt.error_kind == Some(ErrorKind::OwnerLost)
        };
        let often =
            task.attempts_of_this_round().iter().rev().skip(1).take_while(lost).count() + 1 >= MAX_LOST;
        let summary = submission.as_deref().map(HandedIn::summary).unwrap_or_default();
        let summary = clean_line(&summary, MAX_SUMMARY_LINE);
        // It waited for nothing but a person's word, so nothing of it has to be checked.
        let asked = submission.as_deref().filter(|handed_in| match handed_in {
            _ if task.cancel.is_some() => false,
            HandedIn::Question(_) => task.unanswered < judgement::MAX_UNANSWERED,
            HandedIn::Plan(_) => task.wants_plan(),
            _ => false,
        });
        let asked = asked
            .filter(|_| unsure.is_none())
            .and_then(|question| gate::after_attempt(task, Some(question), &summary));
        let cancel = task.cancel.clone();
        let (outcome, reason) = match submission.as_deref() {
            _ if unsure.is_some() => (Outcome::NeedsReview, unsure.unwrap_or_default()),
            _ if unkept.is_none() && cancel.is_some() => {
                (Outcome::Cancelled, cancel.as_deref().unwrap_or_default())
            }
            Some(HandedIn::Plan(_)) if asked.is_some() => {
                (Outcome::Succeeded, "it had handed in its plan when the crew process died")
            }
            Some(_) if asked.is_some() => (Outcome::Succeeded, "it had asked when the crew process died"),
            Some(_) => (Outcome::NeedsReview, "it had handed in something when the crew process died"),
            // Whoever works there next may throw away what is nowhere else.
            None if unkept.is_some() => (Outcome::NeedsReview, "the crew process that owned it died"),
            None if often => (Outcome::Lost, "the crew process died with it several times in a row"),
            None => (Outcome::Lost, "the crew process that owned it died"),
        };
        if let Some(result) = &submission {
            let kept = launch::keep_result(&self.paths, task, number, Some(result), "")?;
            kept.into_iter().try_for_each(|event| self.record(event))?;
        }
        let is_lost = outcome == Outcome::Lost && cancel.is_none();
        let again = is_lost && !often;
        let not_again = (is_lost && often).then_some(RetryReason::MaxRetriesExceeded);
        let lacks =
            unkept.as_ref().map(|why| format!("; its work could not be kept: {why}")).unwrap_or_default();
        if let Some((about, time)) = asked {
            self.open_gate(place, Some(number), about, time.or(self.setup.limits.gate))?;
        }
        self.record(Event::AttemptEnded {
            task: id,
            attempt: number,
            outcome,
            error_kind: (outcome == Outcome::Lost).then_some(ErrorKind::OwnerLost),
            reason: clean_line(&format!("{reason}{files}{lacks}"), MAX_SUMMARY_LINE),
            ending: closing.ending.clone(),
            usage: closing.usage,
            summary,
            limited: None,
            again: again.then(|| Again { not_before: clock::now(), reason: "owner_lost".into() }),
            not_again,
            unkept: unkept.unwrap_or_default(),
        })?;
        self.give_up_where_exhausted(place, Some(ErrorKind::OwnerLost), not_again, &hiding_ours(&[]))
    }

    /// Takes back what a dead owner had begun to apply, and applies it as a whole. Returns what to say where that fails.
    pub(super) fn finish_files(&mut self, place: usize) -> Result<String, StoreError> {
        let task = &self.run.tasks[place];
        let Some(attempt) = task.last() else { return Ok(String::new()) };
        let tree = &attempt.folder(&self.setup.repository);
        let number = attempt.number;
        if attempt.files_to_apply().is_some()
            && let Some(why) = self.own_tree(place, number).and_then(|tree| tree.wrong())
        {
            // Another folder may be where its own was.
            return Ok(format!("; its files were not applied: {why}"));
        }
        if let Some(left) = handed_in_files::recover(tree, &self.paths, task, attempt)? {
            return Ok(format!("; {left}"));
        }
        let Some(files) = attempt.files_to_apply().filter(|_| task.cancel.is_none()) else {
            return Ok(String::new());
        };
        match handed_in_files::apply(tree, &self.paths, task, number, files)? {
            Ok(applied) => self.record_applied(place, number, applied).map(|()| String::new()),
            Err(why) => Ok(format!("; its files were not applied: {}", why.message)),
        }
    }

    /// Returns the variables by which the processes of a task are known, wherever they went.
    pub(super) fn marks_of(&self, place: usize) -> Vec<String> {
        marks::of_task(&self.setup.repository, &self.run.id, &self.run.tasks[place].spec.id)
    }

    /// Returns those by which all of the run's processes are known.
    pub(super) fn marks_of_run(&self) -> Vec<String> {
        marks::of_run(&self.setup.repository, &self.run.id)
    }
}
