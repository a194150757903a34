//! Looks after what a dead owner's children still do, instead of ending it.
//!
//! # How it works
//!
//! A slot waits for the end of such a child, which is nobody's child any more. What it hands in comes through the inbox,
//! what it says is read from where it is kept (see `kept_output`), and its limits hold as for any other. What it had said
//! before is told once more, so that all is known of it that the dead owner knew; what that one has recorded of it is not
//! recorded again.
//!
//! Nobody sees how it ends, so it is judged by what it handed in and said, as one is that had ended before, also while
//! nobody was there. One that did neither is lost.

use super::reading::Reader;
use super::{Dispatcher, Effect};
use crate::domain::budget::Reservation;
use crate::domain::event::{Ending, Event};
use crate::domain::id::TaskId;
use crate::domain::judgement::StopReason;
use crate::domain::recovery::{Verdict, verdict};
use crate::domain::redact::Redactor;
use crate::domain::task::{AttemptState, TaskState};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::runner::adopted::{Adopted, AfterAdoption};
use crate::runner::attempt::{Closing, OpenAttempt, RecordedBefore};
use crate::runner::child::Control;
use crate::runner::clock;
use crate::runner::environment::hiding_ours;
use crate::runner::kept_output::{KeptOutput, LeftOutput};
use crate::runner::launch;
use crate::runner::process;
use crate::runner::slots::{self, Errand, Heard, Message, Part};
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::layout;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// How much of what a child said is read before what came first is taken in.
const MAX_UNHEARD: usize = 64;

impl Dispatcher<'_> {
    /// Tells whether the child of an attempt that a dead owner left is looked after: it works and may go on, it cannot be
    /// told whether it does, or it has ended and what it said is still to be read.
    pub(super) fn may_adopt(&self, place: usize) -> bool {
        let left = self.run.tasks[place].last().filter(|left| left.state == AttemptState::Running);
        let Some(process) = left.and_then(|left| left.process.as_ref()) else { return false };
        match verdict(&process::sight(process)) {
            Verdict::Gone => self.goes_on(place) && self.left_output(place, &Arc::default()).is_some(),
            Verdict::Lives => self.goes_on(place) && !process::is_elsewhere(process, &self.marks_of_run()),
            Verdict::Unsure(_) => true,
        }
    }

    /// Tells whether a child that lives is left at work. How a command ends says all about it, and nobody would see that.
    fn goes_on(&self, place: usize) -> bool {
        let task = &self.run.tasks[place];
        self.setup.limits.adopts && task.spec.is_for_agent() && task.cancel.is_none()
    }

    /// Returns where the output of an attempt's children is kept, the first one's first.
    pub(super) fn output_of(&self, task: &TaskId, attempt: u32) -> Vec<KeptOutput> {
        let kept = |reminded| self.paths.root().join(layout::output_of(task, attempt, reminded));
        [false, true].map(kept).map(KeptOutput::at).into()
    }

    /// Returns the same for the newest attempt of a task.
    pub(super) fn output_of_last(&self, place: usize) -> Vec<KeptOutput> {
        let task = &self.run.tasks[place];
        task.last().map(|last| self.output_of(&task.spec.id, last.number)).unwrap_or_default()
    }

    /// Returns where the output of its newest child is kept, and that of the first one where this is the second.
    fn output_now(&self, place: usize) -> Option<(KeptOutput, Option<KeptOutput>)> {
        let mut kept = self.output_of_last(place).into_iter();
        let (first, second) = (kept.next()?, kept.next()?);
        Some(if second.is_there() { (second, Some(first)) } else { (first, None) })
    }

    /// Returns what the newest attempt's child has said, where that is kept and can be gone on with.
    fn left_output(&self, place: usize, words: &Arc<Redactor>) -> Option<LeftOutput> {
        let left = self.run.tasks[place].last().filter(|left| self.setup.agents.contains_key(&left.agent))?;
        let (kept, first) = self.output_now(place)?;
        let log = self.paths.root().join(&left.log);
        let (words, drain) = (words.clone(), self.setup.limits.drain);
        kept.is_known(&log).then_some(LeftOutput { kept, first, log, words, drain })
    }

    /// Returns what the dead owners have recorded of the newest attempt of each of these tasks. All events are read once.
    pub(super) fn recorded_of(&self, places: &[usize]) -> Result<Vec<RecordedBefore>, StoreError> {
        let mut recorded = vec![RecordedBefore::default(); places.len()];
        if places.is_empty() || !self.keeps_output {
            return Ok(recorded);
        }
        let newest = places.iter().enumerate().filter_map(|(at, place)| {
            let task = &self.run.tasks[*place];
            Some(((task.spec.id.clone(), task.last()?.number), at))
        });
        let newest: HashMap<(TaskId, u32), usize> = newest.collect();
        self.store.each_event(&self.run.id, 0, usize::MAX, |event| {
            let of = event.event.task().cloned().zip(event.event.attempt());
            if let Some(at) = of.and_then(|of| newest.get(&of)) {
                recorded[*at].count(&event);
            }
            Ok(())
        })?;
        Ok(recorded)
    }

    /// Looks after the child of an attempt that a dead owner left.
    pub(super) fn adopt(&mut self, place: usize, recorded: RecordedBefore) -> Result<(), StoreError> {
        let goes_on = self.goes_on(place);
        let task = &self.run.tasks[place];
        let Some((left, process)) = task.last().and_then(|left| Some((left, left.process.clone()?))) else {
            return Ok(());
        };
        let is_gone = verdict(&process::sight(&process)) == Verdict::Gone;
        let child_began = recorded.child_began.unwrap_or(left.started_at);
        let (number, lived) = (left.number, clock::now().since(child_began));
        let log = self.paths.root().join(layout::log_of(&task.spec.id, number));
        let (token, words) = self.secrets_of_left(place);
        let mut open = OpenAttempt::new(task, (number, token), log, self.setup.limits.attempt);
        open.adopted = true;
        open.found_at_work = !is_gone;
        // It began before we did.
        let now = Instant::now();
        open.began = now.checked_sub(lived).unwrap_or(now);
        // Of one that has ended, it is seen below.
        open.deadline = now + if is_gone { open.limit } else { open.limit.saturating_sub(lived) };
        open.control = Arc::new(Control::of_left(process.clone()));
        open.words = words;
        open.tree = self.own_tree(place, number);
        if is_gone {
            // While nobody owned the run, it used up nothing.
            self.ledger.note_started(place, &task.spec, Reservation::default(), clock::now());
        }
        let output = self.left_output(place, &open.words);
        if output.is_some() {
            open.recorded = recorded;
            self.hear_again(place, &mut open);
            open.silence = open.silence.filter(|_| !is_gone);
        } else {
            open.usage = self.last_told_usage(place);
        }
        open.kept = self.output_now(place).map(|(kept, _)| kept);
        if let Some(reason) = why_ended(&open, is_gone, child_began) {
            // It was on its way to its end already; one that is still there is asked once more.
            open.stop(reason, self.setup.limits.grace);
        }
        let adopted = Adopted {
            process: process.clone(),
            marks: self.marks_of(place),
            grace: self.setup.limits.grace,
            between_looks: self.setup.limits.between_looks,
            ends: !goes_on,
            output,
        };
        let (control, agent, doing) = (open.control.clone(), open.agent.clone(), open.doing.clone());
        self.open.insert(place, open);
        if self.run.tasks[place].cancel.is_some() {
            self.stop_child(place, StopReason::Cancelled);
        }
        let adopted = Box::new(adopted);
        self.effects.push(Effect::Start(Errand::Adopt { place, adopted, control, agent, doing }));
        if is_gone {
            return Ok(());
        }
        let task = self.run.tasks[place].spec.id.clone();
        self.record(Event::AttemptAdopted { task, attempt: number, process })
    }

    /// Returns the token of a task's newest attempt, and what hides the secrets that its children were given, as the system
    /// tells it of one that lives, and as it was kept for one that is gone.
    fn secrets_of_left(&self, place: usize) -> (String, Arc<Redactor>) {
        let left = self.run.tasks[place].last();
        let process = left.and_then(|left| left.process.as_ref());
        let mut given = process.map(process::given_to).unwrap_or_default();
        self.output_of_last(place).iter().for_each(|kept| given.extend(kept.given()));
        let is_its = |token: &&str| left.is_some_and(|left| sha256(token.as_bytes()) == left.token_hash);
        let mut tokens = given.iter().filter(|(name, _)| name == "CREW_TOKEN");
        let token = tokens.find_map(|(_, token)| token.to_str().filter(is_its));
        // Where nothing tells it, it is known to nobody until it asks for something.
        (token.map_or_else(clock::new_token, str::to_owned), Arc::new(hiding_ours(&given)))
    }

    /// Takes in what the child of an attempt has said that is gone and that nobody goes on with, before that is forgotten.
    /// Returns what it used, as far as that is known.
    pub(super) fn hear_out(&mut self, place: usize, recorded: RecordedBefore) -> Result<Usage, StoreError> {
        let (token, words) = self.secrets_of_left(place);
        let task = &self.run.tasks[place];
        let left = task.last().filter(|left| left.state == AttemptState::Running);
        let (Some(left), Some(output)) = (left, self.left_output(place, &words)) else {
            return Ok(self.last_told_usage(place));
        };
        let log = self.paths.root().join(&left.log);
        let mut open = OpenAttempt::new(task, (left.number, token), log, self.setup.limits.attempt);
        (open.adopted, open.words, open.recorded) = (true, words, recorded);
        self.hear_again(place, &mut open);
        let (agent, control) = (open.agent.clone(), open.control.clone());
        self.open.insert(place, open);
        let (sender, messages) = sync_channel(MAX_UNHEARD);
        std::thread::scope(|scope| {
            scope.spawn(move || slots::hear_left(place, &output, &control, agent, sender));
            // They are dropped with the first error, and then nobody has to wait for room.
            messages.into_iter().try_for_each(|message| match message {
                Message::Said { place, said } => self.listen(place, said),
                // Whatever it handed in is settled when it is heard out.
                Message::Signed { place, text } => self.take_signed(place, &text, Reader::Here),
                Message::FirstEnded { place, heard } => {
                    self.open
                        .get_mut(&place)
                        .into_iter()
                        .for_each(|open| open.note_first_ended(heard.clone()));
                    Ok(())
                }
                _ => Ok(()),
            })
        })?;
        Ok(self.open.remove(&place).map(|open| open.priced_usage()).unwrap_or_default())
    }

    /// Prepares an attempt to hear all that its agent has said, and what else it says.
    fn hear_again(&self, place: usize, open: &mut OpenAttempt) {
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return };
        let Some(agent) = self.setup.agents.get(&left.agent).cloned() else { return };
        let agent = agent.for_attempt(task.spec.id.as_str(), left.number).unwrap_or(agent);
        let before = task.attempts.iter().rev().nth(1);
        if let Some(session) = launch::session_after(task, before, &*agent) {
            open.resume(&*agent, &session, task);
        }
        open.price = self.setup.prices.find(left.model.as_deref(), &left.agent);
        open.silence = self.setup.limits.silence.filter(|_| agent.streams());
        open.streams = agent.streams();
        open.agent = Some(agent);
    }

    /// Takes note that all is told that an adopted agent had said.
    pub(super) fn note_caught_up(&mut self, place: usize) {
        let quiet = self.output_now(place).and_then(|(kept, _)| kept.quiet());
        if let (Some(open), Some(quiet)) = (self.open.get_mut(&place), quiet) {
            open.note_caught_up(quiet);
        }
    }

    /// Learns the token of an attempt that was adopted, when it is used.
    pub(super) fn learn_token(&mut self, token: &str) {
        if !self.open.values().any(|open| open.adopted) {
            return;
        }
        let hash = sha256(token.as_bytes());
        let tasks = &self.run.tasks;
        let is_its = |place: &usize| tasks[*place].last().is_some_and(|attempt| attempt.token_hash == hash);
        let mut adopted = self.open.iter_mut().filter(|(place, open)| open.adopted && is_its(place));
        if let Some((_, open)) = adopted.next().filter(|(_, open)| open.token != token) {
            open.token = token.to_owned();
            open.words = Arc::new(hiding_ours(&[("CREW_TOKEN".into(), token.into())]));
        }
    }

    /// Takes in that an adopted child has ended, or that it cannot be told whether it has.
    pub(super) fn note_adopted_end(
        &mut self,
        place: usize,
        after: AfterAdoption,
        heard: Heard,
    ) -> Result<(), StoreError> {
        // Its slot has ended what it had put aside.
        let Some(open) = self.open.remove(&place) else { return Ok(()) };
        let ending = Ending { odd_lines: heard.odd_lines, ..self.ending_of_left(place, open.found_at_work) };
        match after {
            AfterAdoption::Unsure(seen) => {
                let pid = self.run.tasks[place].last().and_then(|left| left.process.as_ref());
                let pid = pid.map_or(0, |process| process.pid);
                let why = format!("crew cannot tell whether its process {pid} still works: {seen}");
                self.close_adopted(place, open, (ending, Some(why)))
            }
            // What it says of its end is its own word only where crew did not ask for that end, or only after it.
            AfterAdoption::Ended if open.stopped.is_some_and(|reason| !reason.follows_its_word()) => {
                self.open.insert(place, open);
                self.note_end(place, Part::Work, (ending, heard, None))
            }
            AfterAdoption::Ended if self.is_worth_judging(place, &open)? => {
                self.look_at_left(place, open, (ending, heard))
            }
            AfterAdoption::Ended if open.stopped.is_some() => {
                self.open.insert(place, open);
                self.note_end(place, Part::Work, (ending, heard, None))
            }
            AfterAdoption::Ended => self.close_adopted(place, open, (ending, None)),
        }
    }

    /// Tells whether an adopted attempt that has ended is judged by what it handed in, or by what it said.
    fn is_worth_judging(&mut self, place: usize, open: &OpenAttempt) -> Result<bool, StoreError> {
        if open.agent.is_some() && open.has_said_how_it_ended(&self.run.tasks[place]) {
            return self.may_be_judged(place);
        }
        self.may_take_up(place)
    }

    /// Has kept what an adopted child left that is gone, and settles its attempt after that: git takes its time, and others
    /// are at work.
    fn close_adopted(
        &mut self,
        place: usize,
        open: OpenAttempt,
        (ending, unsure): (Ending, Option<String>),
    ) -> Result<(), StoreError> {
        let (files, usage) = (self.finish_files(place)?, open.priced_usage());
        let closing = Closing { unsure, files, ending, usage };
        let keeping = self.keeping_of_left(place);
        let open = self.open.entry(place).insert_entry(open).into_mut();
        let Some(keeping) = keeping else { return self.end_adopted(place, &closing, None) };
        open.closing = Some(closing);
        self.effects.push(Effect::Start(Errand::Keep { place, keeping }));
        Ok(())
    }

    /// Settles the attempt of an adopted child that is gone; `unkept` says why not all that it left could be kept.
    pub(super) fn end_adopted(
        &mut self,
        place: usize,
        closing: &Closing,
        unkept: Option<String>,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.remove(&place) else { return Ok(()) };
        self.note_gone(place, &open);
        self.close_kept(place, closing, unkept)?;
        match self.run.tasks[place].state {
            TaskState::Queued => self.schedule.note_queued(&self.run, place),
            TaskState::AwaitingInput => {}
            state => {
                let is_good = matches!(state, TaskState::Completed | TaskState::Cancelled);
                return self.note_settled(place, is_good);
            }
        }
        Ok(())
    }
}

/// Returns why an attempt that a dead owner left has been asked to end, or, where its child is gone, would have been: what it
/// said last it said when its time was over.
fn why_ended(open: &OpenAttempt, is_gone: bool, child_began: Time) -> Option<StopReason> {
    let kept = open.kept.as_ref()?;
    let is_late = || kept.said_last().is_some_and(|last| Time(last).since(child_began) > open.limit);
    kept.why_stopped().or_else(|| (is_gone && is_late()).then_some(StopReason::OutOfTime))
}
