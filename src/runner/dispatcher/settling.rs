//! What follows when a child has ended: its files, its checks, the judgement, and whether it is tried again.

use super::{Dispatcher, Effect, cancelling};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, Ending, Event, Limited, Outcome};
use crate::domain::gate;
use crate::domain::judgement::{Judgement, StopReason, StreamError};
use crate::domain::provider::{self, Providers};
use crate::domain::retry::{self, RetryPolicy, RetryReason};
use crate::domain::review::rounds;
use crate::domain::schedule::Skip;
use crate::domain::submission;
use crate::domain::task::{Task, TaskState, Work};
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::runner::attempt::{MAX_SUMMARY_LINE, OpenAttempt};
use crate::runner::clock;
use crate::runner::folder::Seen;
use crate::runner::handed_in_files;
use crate::runner::launch::{self, AttemptIdentity, LaunchError, Prepared};
use crate::runner::slots::{Errand, Heard, Job, Part};
use crate::store::StoreError;
use crate::store::layout;
use crate::store::verified::{Pass, Question};
use std::io::Write;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

impl Dispatcher<'_> {
    /// Lets follow what follows from a task that has settled.
    pub(super) fn note_settled(&mut self, place: usize, is_good: bool) -> Result<(), StoreError> {
        // Whoever waits for a review is not let go where that goes into another round.
        if self.run.tasks[place].spec.reviews.is_some() && self.begin_rounds()? {
            return Ok(());
        }
        self.schedule.note_settled(&self.run, place);
        self.skip_impossible()?;
        let lenient = self.run.tasks[place].spec.continue_on_error;
        if !is_good && !lenient && self.run.limits.fail_fast {
            self.stop_all(StopReason::FailFast)?;
        }
        Ok(())
    }

    /// Takes in that a child has ended: its work is checked next, or judged.
    pub(super) fn note_end(
        &mut self,
        place: usize,
        part: Part,
        (ending, heard, seen): (Ending, Heard, Option<Seen>),
    ) -> Result<(), StoreError> {
        self.look_for_strays(None);
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.kill_at = None;
        open.final_at = None;
        let (task, attempt) = (self.run.tasks[place].spec.id.clone(), open.number);
        match part {
            Part::Work | Part::Reminder => {
                if let Some(recorder) = &open.recorder {
                    recorder.end(&ending);
                }
                let words = heard.last_words.clone();
                open.note_end(&self.run.tasks[place], ending, heard, &self.setup.limits);
                open.note_seen(seen);
                if self.reads_written_review(place, &words) {
                    return Ok(());
                }
                return self.go_on_after_words(place);
            }
            Part::Check(at) if open.merge.is_one() => return self.note_merge_check(place, at, ending),
            Part::Check(at) => {
                let command = self.run.tasks[place].spec.verify[at].clone();
                let passed = ending.exit == Some(0) && open.stopped.is_none();
                if passed {
                    open.checks_passed += 1;
                } else {
                    open.failed_check = Some((command.clone(), open.how_a_check_failed(&ending)));
                }
                let answered = open.take_answer(seen).filter(|_| passed);
                if let Some(question) = answered.filter(|_| self.is_alone(place)) {
                    self.keep_pass(place, &question, &ending)?;
                }
                let cached = false;
                self.record(Event::VerificationEnded { task, attempt, command, ending, cached })?;
                let more = passed && at + 1 < self.run.tasks[place].spec.verify.len();
                if more && self.stopping.is_none() {
                    return self.check(place, at + 1);
                }
            }
        }
        self.settle(place)
    }

    /// Goes on with an attempt whose child has ended, and whose words are read: it is reminded of handing something in, or
    /// what it left is kept.
    pub(super) fn go_on_after_words(&mut self, place: usize) -> Result<(), StoreError> {
        let has_budget = self.ledger.may_go_on(place, &self.run.tasks[place].spec, clock::now());
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let session = open.forgot_to_submit(&self.run.tasks[place]).filter(|_| !open.is_misplaced());
        if let Some(session) = session.filter(|_| self.stopping.is_none() && has_budget) {
            return self.remind(place, session);
        }
        self.take_other_words(place)?;
        self.apply_files(place)?;
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let (checked, kept) = open.tell_seen(&self.run.tasks[place]);
        checked.into_iter().chain(kept).try_for_each(|event| self.record(event))?;
        self.keep_work(place)
    }

    /// Goes on with an attempt whose work is kept: it is checked, or judged.
    pub(super) fn check_or_settle(&mut self, place: usize) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let (task, attempt) = (self.run.tasks[place].spec.id.clone(), open.number);
        if open.is_worth_checking(&self.run.tasks[place]) {
            self.record(Event::VerificationStarted { task, attempt })?;
            return self.check(place, 0);
        }
        self.settle(place)
    }

    /// Puts the files into the tree that an attempt handed in, where it has to be judged by them.
    pub(super) fn apply_files(&mut self, place: usize) -> Result<(), StoreError> {
        let (task, Some(open)) = (&self.run.tasks[place], self.open.get_mut(&place)) else { return Ok(()) };
        let (Some(files), number) = (open.files_to_apply(task), open.number) else { return Ok(()) };
        if let Some(message) = open.tree.as_ref().and_then(|tree| tree.wrong()) {
            open.files_refused = Some(StreamError { kind: ErrorKind::WorktreeFailed, message });
            return Ok(());
        }
        if let Some(why) = open.refuses_files(task, files) {
            open.files_refused = Some(why);
            return Ok(());
        }
        let tree = self.setup.folder_of(&self.run, task);
        match handed_in_files::apply(&tree, &self.paths, task, number, files)? {
            Ok(applied) => {
                open.note_files(files);
                self.record_applied(place, number, applied)
            }
            Err(why) => {
                open.files_refused = Some(why);
                Ok(())
            }
        }
    }

    /// Records that files were applied. Until that is on the disk, whoever comes next takes them back.
    pub(super) fn record_applied(
        &mut self,
        place: usize,
        number: u32,
        applied: Event,
    ) -> Result<(), StoreError> {
        self.record(applied)?;
        self.flush()?;
        handed_in_files::settle(&self.paths, &self.run.tasks[place], number)
    }

    /// Starts the agent once more in its session, to remind it of handing something in.
    pub(super) fn remind(&mut self, place: usize, session: String) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let Some(agent) = open.agent.clone() else { return self.settle(place) };
        let max_cost_usd = self.ledger.cost_left(place, &task.spec, clock::now());
        let identity = AttemptIdentity { number: open.number, token: &open.token, max_cost_usd };
        let reminder =
            launch::prepare_reminder(self.setup, &self.run, &self.paths, task, identity, (agent, session));
        let Prepared { child, agent, kept, .. } = match reminder {
            Ok(reminder) => reminder,
            Err(LaunchError::Store(error)) => return Err(error),
            Err(LaunchError::Agent(_)) => return self.settle(place),
        };
        open.begin_reminder();
        open.kept.clone_from(&child.kept);
        let (part, control, doing) = (open.part, open.control.clone(), open.doing.clone());
        let nudged = Event::AgentNudged { task: task.spec.id.clone(), attempt: open.number };
        let (recorder, folder) = (open.recorder.clone(), open.folder.clone());
        let job = Job { place, part, child, control, agent, doing, recorder, folder, tree: None };
        self.effects.push(Effect::Start(Errand::Run(Box::new(job))));
        self.record(nudged)?;
        kept.into_iter().try_for_each(|event| self.record(event))
    }

    /// Runs a verification command in the slot of its attempt.
    pub(super) fn check(&mut self, place: usize, at: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let command = &task.spec.verify[at];
        let child = launch::prepare_check(self.setup, &self.run, &self.paths, task, open.number, command);
        // Whoever else is at work may change the folder meanwhile.
        let (alone, since) = (self.is_alone(place), self.believed_since());
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let key = open.seen.as_ref().and_then(|seen| seen.key.clone()).filter(|_| alone);
        let environment = launch::environment_of(&child, &self.paths);
        open.question = key.map(|folder| Question { folder, command: command.clone(), environment });
        if let Some(question) = &open.question
            && let Some(pass) = self.store.pass_of(question, since)?
        {
            return self.believe(place, at, pass);
        }
        open.part = Part::Check(at);
        open.log.clone_from(&child.log);
        open.control = Arc::default();
        open.deadline = Instant::now() + open.limit;
        open.silence = None;
        *open.doing.lock().unwrap_or_else(PoisonError::into_inner) = command.clone();
        let (control, doing) = (open.control.clone(), open.doing.clone());
        let part = open.part;
        let folder = open.folder.clone().filter(|folder| folder.looks.keys);
        let job = Job { place, part, child, control, agent: None, doing, recorder: None, folder, tree: None };
        self.effects.push(Effect::Start(Errand::Run(Box::new(job))));
        Ok(())
    }

    /// Tells whether nobody else is at work in the folder of a task.
    fn is_alone(&self, place: usize) -> bool {
        let own = self.open.get(&place).is_some_and(|open| open.tree.is_some());
        own || self.open.iter().all(|(at, open)| *at == place || open.tree.is_some())
    }

    /// Takes a verification command for passed that has passed before on the same tree.
    pub(super) fn believe(&mut self, place: usize, at: usize, pass: Pass) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.checks_passed += 1;
        let (id, attempt, command) = (task.spec.id.clone(), open.number, task.spec.verify[at].clone());
        let more = at + 1 < task.spec.verify.len();
        let told = format!(
            "`{command}` was not run: it passed on the same tree {}, as .crew/{} shows\n",
            pass.at, pass.log
        );
        let log = self.paths.root().join(layout::verification_log_of(&id, attempt));
        let opened = std::fs::File::options().create(true).append(true).open(&log);
        opened.and_then(|mut file| file.write_all(told.as_bytes())).map_err(StoreError::file(&log))?;
        let ending = Ending { exit: Some(0), millis: pass.millis, ..Ending::default() };
        let cached = true;
        self.record(Event::VerificationEnded { task: id, attempt, command, ending, cached })?;
        if more { self.check(place, at + 1) } else { self.settle(place) }
    }

    /// Keeps that a verification command passed and left the folder as it was.
    pub(super) fn keep_pass(
        &self,
        place: usize,
        question: &Question,
        ending: &Ending,
    ) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let log = layout::verification_log_of(&task.spec.id, task.attempts.len() as u32);
        let log = format!("runs/{}/{log}", self.run.id);
        let pass = Pass { at: clock::now(), millis: ending.millis, log };
        self.store.keep_pass(question, &pass, self.believed_since())
    }

    /// Returns since when a verification command that passed is believed.
    pub(super) fn believed_since(&self) -> Time {
        Time(clock::now().0.saturating_sub(self.setup.limits.verify_cache.as_millis() as i64))
    }

    /// Judges an attempt whose children have all ended, and records what follows.
    pub(super) fn settle(&mut self, place: usize) -> Result<(), StoreError> {
        let Some(mut open) = self.open.remove(&place) else { return Ok(()) };
        self.note_gone(place, &open);
        let task = &self.run.tasks[place];
        let usage = open.priced_usage();
        // Until its end it may have told of more.
        open.over_budget = open.over_budget.map(|budget| self.ledger.again(&budget, place, clock::now()));
        let submission = task.last().and_then(|attempt| attempt.submission.clone());
        let judgement = open.judge(task, submission.as_deref());
        let judgement = cancelling::unless_it_would_wait(task, submission.as_deref(), judgement);
        let judgement = rounds::unless_no_round_is_left(&self.run, task, submission.as_deref(), judgement);
        let again = self.again(
            task,
            &open,
            &judgement,
            submission.as_ref().and_then(|handed_in| handed_in.confidence()),
        );
        let (again, not_again) = match again {
            Ok(again) => (Some(again), None),
            Err(why) => (None, why),
        };
        if let Some(kind) = judgement.error_kind {
            let (made, kind) = (retry::attempts_counted(task), kind.name());
            let because =
                again.as_ref().map(|again| again.reason.as_str()).or(not_again.map(RetryReason::name));
            let not_before = again.as_ref().map(|again| again.not_before.to_string());
            tracing::info!(task = %task.spec.id, kind, made, again = again.is_some(), because, not_before, "retried or not");
        }
        let plain_result =
            judgement.outcome == Outcome::Succeeded && matches!(task.spec.work, Work::Agent { .. });
        if submission.is_some() || plain_result {
            let words = &open.heard.last_words;
            let words = open.words.lines(words, submission::MAX_DETAILS);
            let kept = launch::keep_result(&self.paths, task, open.number, submission.as_deref(), &words)?;
            kept.into_iter().try_for_each(|event| self.record(event))?;
        }
        let task = &self.run.tasks[place];
        let summary = match &submission {
            Some(handed_in) => clean_line(&handed_in.summary(), MAX_SUMMARY_LINE),
            None => open.last_line(),
        };
        let reason = open.safe(&judgement.reason, MAX_SUMMARY_LINE);
        let pauses = again.is_none() && judgement.outcome == Outcome::Succeeded;
        let about = pauses.then(|| gate::after_attempt(task, submission.as_deref(), &summary)).flatten();
        if let Some((about, time)) = about {
            self.open_gate(place, Some(open.number), about, time.or(self.setup.limits.gate))?;
        }
        let task = &self.run.tasks[place];
        let limited = self.limited(task, &judgement, open.retry_after)?;
        if judgement.outcome == Outcome::Succeeded {
            self.unfile_lifeless(place, "its attempt has succeeded")?;
        }
        for call in open.unfinished_calls(&self.run.tasks[place].spec.id.clone()) {
            self.record(call)?;
        }
        let task = &self.run.tasks[place];
        self.record(Event::AttemptEnded {
            task: task.spec.id.clone(),
            attempt: open.number,
            outcome: judgement.outcome,
            error_kind: judgement.error_kind,
            reason,
            ending: open.ending,
            usage,
            summary,
            again: again.clone(),
            limited,
            not_again,
            unkept: open.unkept.unwrap_or_default(),
        })?;
        self.effects.extend(open.folder.map(Effect::Forget));
        self.give_up_where_exhausted(place, judgement.error_kind, not_again, &open.words)?;
        self.tell_who_share_the_provider(place)?;
        if again.is_some() {
            self.schedule.note_queued(&self.run, place);
            return Ok(());
        }
        if self.run.tasks[place].state == TaskState::AwaitingInput {
            return Ok(());
        }
        self.note_settled(place, matches!(judgement.outcome, Outcome::Succeeded | Outcome::Cancelled))
    }

    /// Takes note that an attempt is open no more: others may have its place, and what it did not spend.
    pub(super) fn note_gone(&mut self, place: usize, open: &OpenAttempt) {
        self.look_for_strays(Some((place, open)));
        self.over.extend(self.asked.remove(&place).map(|asked| (Instant::now(), asked)));
        self.schedule.note_ended(place);
        self.ledger.note_ended(place, &self.run.tasks[place].spec, open.spent(), clock::now());
        for place in std::mem::take(&mut self.waiting) {
            // A person may have changed what becomes of it meanwhile.
            if self.run.tasks[place].state == TaskState::Queued {
                self.schedule.put_back(place);
            }
        }
    }

    /// Decides whether a task goes back to the queue; where not, says why retries did not help, if that was asked.
    pub(super) fn again(
        &self,
        task: &Task,
        open: &OpenAttempt,
        judgement: &Judgement,
        confidence: Option<f64>,
    ) -> Result<Again, Option<RetryReason>> {
        if task.cancel.is_some() {
            return Err(None);
        }
        if judgement.outcome == Outcome::Cancelled && open.why_stopped() == Some(StopReason::Interrupted) {
            return Ok(Again { not_before: clock::now(), reason: "interrupted".into() });
        }
        let kind = judgement.error_kind.filter(|_| judgement.outcome == Outcome::Failed).ok_or(None)?;
        let place = self.run.place(&task.spec.id).ok_or(None)?;
        if let Some(budget) = self.ledger.used_up(place, &task.spec, clock::now()) {
            // What went wrong is told, and not that it cannot be tried again; but one that would have been was tried as
            // often as it may be.
            let would = retry::should_retry(0, kind, confidence, &self.policy(task, kind)).0;
            return Err((would && budget.is_of_attempts()).then_some(RetryReason::MaxRetriesExceeded));
        }
        if kind == ErrorKind::ModelNotAvailable && task.has_another_model() && self.stopping.is_none() {
            return Ok(Again { not_before: clock::now(), reason: "model_fallback".into() });
        }
        if kind == ErrorKind::Unknown && open.resumed && !open.acted && self.stopping.is_none() {
            // Its session may be gone; a child that begins anew does not need it.
            return Ok(Again { not_before: clock::now(), reason: "fresh_session".into() });
        }
        let policy = self.policy(task, kind);
        let made = retry::attempts_counted(task);
        let (retry, reason) = retry::should_retry(made, kind, confidence, &policy);
        if !retry {
            return Err(Some(reason));
        }
        if self.stopping == Some(StopReason::FailFast) {
            return Err(None);
        }
        let delay = retry::delay(&policy, made, clock::dice(), open.retry_after);
        Ok(Again { not_before: clock::now().plus(delay), reason: reason.name().into() })
    }

    fn policy(&self, task: &Task, kind: ErrorKind) -> RetryPolicy {
        let backoff = task.spec.backoff_millis.map(Duration::from_millis);
        self.setup.retries.policy(kind, task.spec.retries, backoff)
    }

    /// Returns for how long others keep away from the provider whose limit an attempt met.
    fn limited(
        &self,
        task: &Task,
        judgement: &Judgement,
        retry_after: Option<Duration>,
    ) -> Result<Option<Limited>, StoreError> {
        let is_limit = |kind: &ErrorKind| task.spec.is_for_agent() && provider::is_limit(*kind);
        let (Some(kind), Some(attempt)) = (judgement.error_kind.filter(is_limit), task.last()) else {
            return Ok(None);
        };
        // What a single step says is for itself alone.
        let policy = self.setup.retries.policy(kind, None, None);
        let (providers, now) = (self.store.providers()?, clock::now());
        Ok(Some(providers.limit(attempt, &policy, clock::dice(), retry_after, now)))
    }

    /// Tells all who share the provider of an attempt that has ended, in other runs too, how it fared there; those of this
    /// run that waited for it go on where it is free again.
    fn tell_who_share_the_provider(&mut self, place: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(attempt) = task.last().filter(|_| task.spec.is_for_agent()) else { return Ok(()) };
        self.providers = self.store.providers()?;
        let mut after = self.providers.clone();
        after.note_ended(attempt);
        if after == self.providers {
            return Ok(());
        }
        let (free, providers) = self.store.change_providers(|providers| providers.note_ended(attempt))?;
        self.providers = providers;
        if let Some(free) = free {
            self.schedule.put_on(&self.run, |task| Providers::is_for(task, &free));
        }
        Ok(())
    }

    pub(super) fn skip_impossible(&mut self) -> Result<(), StoreError> {
        while let Some(Skip { task, reason, by_condition }) = self.schedule.next_skip() {
            let place = self.run.place(&task);
            if let Some(recordings) = &self.setup.recordings {
                recordings.skip(task.as_str(), &reason);
            }
            self.record(Event::TaskSkipped { task, reason, by_condition })?;
            if let Some(place) = place {
                self.schedule.note_settled(&self.run, place);
            }
        }
        Ok(())
    }
}
