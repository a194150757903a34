//! A model test: random histories of a run, legal and illegal, against the rules that always hold.
//!
//! A history is a list of [`Step`]s. Most of them do what the dispatcher does, with the decisions of this room: what comes
//! next (`schedule`), what becomes of a request (`request`), how an attempt ended (`judgement`), whether it is retried
//! (`retry`). What crew decides so has to be legal. The others throw any event at the run, whether it fits or not.
//!
//! A new command or event gets a variant of `Step` with its line in `steps` and its arm in `World::take`. Where it may
//! take a task out of a settled state, `is_explicit` names it; where it completes one without a success, `is_acceptance`.

use super::error_kind::ErrorKind;
use super::event::{Again, Ending, Event, Outcome};
use super::gate::Gate;
use super::id::TaskId;
use super::judgement::{self, Evidence, StopReason};
use super::merging::How;
use super::request::{self, Answer, Ask, Code, Request, Submission};
use super::retry::{self, RetryPolicy};
use super::review::rounds;
use super::review::target::Reviews;
use super::run::tests::{ended, run_of, spec, started};
use super::run::{Counts, Illegal, Run, RunStatus, Touched};
use super::schedule::{Schedule, Skip};
use super::submission::{HandedIn, Kind, Statement, Terms};
use super::task::{Attempt, AttemptState, Task, TaskSpec, TaskState, Work};
use super::time::Time;
use super::when::When;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

/// Something that happens. The numbers choose among what is there at the moment.
#[derive(Clone, Debug)]
enum Step {
    TimePasses {
        millis: i64,
    },
    /// Crew starts the task that comes next.
    Start,
    /// The stream of an open attempt tells something.
    Hear {
        which: usize,
        what: usize,
    },
    /// Somebody hands in something for an attempt, open or ended, or for none.
    HandIn {
        which: usize,
        body: usize,
    },
    /// An agent asks whether it may end.
    AskToStop {
        which: usize,
    },
    /// The child of an open attempt ends; what it did is checked where that is asked for, and judged.
    ChildEnds {
        which: usize,
        how: usize,
        check_fails: bool,
    },
    /// The crew process dies, and another one takes the run over.
    OwnerDies,
    /// A person stops the run, and resumes it.
    StopAndResume,
    /// Whatever has not begun is given up.
    GiveUpTheRest,
    /// Any event at all.
    Anything {
        kind: usize,
        task: usize,
        attempt: u32,
        dice: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 0..64_usize;
    let step = prop_oneof![
        2 => (0..2_000_i64).prop_map(|millis| Step::TimePasses { millis }),
        8 => Just(Step::Start),
        6 => (n(), n()).prop_map(|(which, what)| Step::Hear { which, what }),
        8 => (n(), n()).prop_map(|(which, body)| Step::HandIn { which, body }),
        2 => n().prop_map(|which| Step::AskToStop { which }),
        6 => (n(), n(), any::<bool>())
            .prop_map(|(which, how, check_fails)| Step::ChildEnds { which, how, check_fails }),
        1 => Just(Step::OwnerDies),
        1 => Just(Step::StopAndResume),
        1 => Just(Step::GiveUpTheRest),
        8 => (n(), 0..9_usize, 0..4_u32, n())
            .prop_map(|(kind, task, attempt, dice)| Step::Anything { kind, task, attempt, dice }),
    ];
    proptest::collection::vec(step, STEPS)
}

const CASES: u32 = 1_000;
const STEPS: usize = 100;

/// Tells whether an event is a person's or a command's explicit word, which may take a task out of a settled state.
fn is_explicit(event: &Event) -> bool {
    matches!(event, Event::TaskAccepted { .. } | Event::TaskRequeued { .. } | Event::GateDecided { .. })
}

/// Tells whether an event puts a task back to the queue because a review of it, or its own review, goes into another round.
fn sends_back(event: &Event, id: &TaskId) -> bool {
    matches!(event, Event::ReviewRoundBegun { task, reviewers, .. } if task == id || reviewers.contains(id))
}

/// Tells whether an event completes a task on a person's word, without a success.
fn is_acceptance(event: &Event) -> bool {
    matches!(event, Event::TaskAccepted { .. })
}

/// What lets an event happen to a run: `Run::apply`, or a broken one that has to be found out.
type Apply = fn(&mut Run, Time, &Event) -> Result<Touched, Illegal>;

/// A run with all that is around it.
struct World {
    apply: Apply,
    run: Run,
    /// The same run, from the record alone: each event has been to JSON and back.
    replayed: Run,
    schedule: Schedule,
    now: Time,
    /// Requests so far.
    requests: usize,
    /// Tasks that were completed by a person's word.
    accepted: Vec<usize>,
    /// States of tasks, and answers, that came about.
    seen: BTreeSet<&'static str>,
}

const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    transient: true,
    checks: true,
    low_confidence: 0.4,
    backoff: Duration::from_millis(300),
    factor: 2.0,
    jitter: 0.3,
};

type Checked<T = ()> = Result<T, TestCaseError>;

impl World {
    fn new(apply: Apply, specs: Vec<TaskSpec>) -> World {
        let mut run = run_of(specs);
        // In every other run the folder is no reason to wait, so that a schedule is just what its run says.
        let dependencies: usize = run.tasks.iter().map(|task| task.spec.depends_on.len()).sum();
        run.limits.shared_writers = if dependencies.is_multiple_of(2) { 0 } else { run.tasks.len() as u32 };
        let schedule = Schedule::of(&run);
        let replayed = run.clone();
        World {
            apply,
            run,
            replayed,
            schedule,
            now: Time(1),
            requests: 0,
            accepted: vec![],
            seen: BTreeSet::new(),
        }
    }

    fn take(&mut self, step: &Step) -> Checked {
        self.now = self.now.plus(Duration::from_millis(1));
        match *step {
            Step::TimePasses { millis } => self.now = self.now.plus(Duration::from_millis(millis as u64)),
            Step::Start => self.start()?,
            Step::Hear { which, what } => self.hear(which, what)?,
            Step::HandIn { which, body } => self.hand_in(which, body)?,
            Step::AskToStop { which } => self.ask_to_stop(which)?,
            Step::ChildEnds { which, how, check_fails } => self.child_ends(which, how, check_fails)?,
            Step::OwnerDies => self.owner_dies()?,
            Step::StopAndResume => self.stop_and_resume()?,
            Step::GiveUpTheRest => self.give_up_the_rest()?,
            Step::Anything { kind, task, attempt, dice } => {
                let event = self.any_event(kind, task, attempt, dice);
                if !self.waits_for_others(&event) && self.try_event(&event)?.is_ok() {
                    if let Event::GateOpened { task, attempt: Some(number), .. } = &event {
                        // Both are recorded in one transaction.
                        self.happen(ended(task.as_str(), *number, Outcome::Succeeded, None))?;
                    }
                    // Nobody told the schedule.
                    self.schedule = Schedule::of(&self.run);
                    self.skip_impossible()?;
                    self.begin_rounds()?;
                }
            }
        }
        Ok(())
    }

    // Events

    /// Lets an event happen that has to be legal.
    fn happen(&mut self, event: Event) -> Checked {
        let happened = self.try_event(&event)?;
        prop_assert!(happened.is_ok(), "crew decided what is illegal: {happened:?}\n{event:?}");
        Ok(())
    }

    /// Lets an event happen, legal or not, and holds the run to its rules. The replayed run is still as it was before.
    fn try_event(&mut self, event: &Event) -> Checked<Result<(), Illegal>> {
        let happened = (self.apply)(&mut self.run, self.now, event);
        if let Err(illegal) = happened {
            self.seen.insert("illegal");
            prop_assert!(self.run == self.replayed, "an illegal event changed something: {illegal}");
            return Ok(Err(illegal));
        }
        self.check_change(event)?;
        let text = serde_json::to_string(event).expect("JSON");
        let read: Event = serde_json::from_str(&text).expect("an event");
        prop_assert_eq!(&read, event, "an event is not what was recorded: {}", text);
        let replayed = (self.apply)(&mut self.replayed, self.now, &read);
        prop_assert!(replayed.is_ok(), "what happened cannot be replayed: {replayed:?}");
        prop_assert!(self.run == self.replayed, "the replayed run is another one after {text}");
        self.check_run()?;
        self.seen.extend(self.run.tasks.iter().map(|task| task.state.name()));
        Ok(Ok(()))
    }

    /// Holds what an event may change, beside the run as it was.
    fn check_change(&mut self, event: &Event) -> Checked {
        prop_assert!(self.run.tasks.len() >= self.replayed.tasks.len(), "a task is gone");
        for (place, (before, after)) in self.replayed.tasks.iter().zip(&self.run.tasks).enumerate() {
            let id = &before.spec.id;
            if before == after {
                continue;
            }
            if let Event::WorkMerged { merging } = event {
                // Work of several tasks lands at once, and nothing of a task but that changes.
                prop_assert!(merging.tasks.iter().any(|merged| merged.task == *id), "{id} was not merged");
                let mut without = after.clone();
                without.landed.truncate(before.landed.len());
                prop_assert!(without == *before, "a merge changed more of {id} than where its work landed");
                continue;
            }
            if matches!(event, Event::ClockJumped { .. }) {
                let mut without = after.clone();
                without.not_before = before.not_before;
                prop_assert!(without == *before, "a clock changed more of {id} than when it may start");
                continue;
            }
            if matches!(event, Event::RunImported(_)) {
                let mut without = after.clone();
                without.attempts.iter_mut().for_each(|attempt| attempt.elsewhere = false);
                let mut as_before = before.clone();
                as_before.attempts.iter_mut().for_each(|attempt| attempt.elsewhere = false);
                prop_assert!(without == as_before, "an import changed more of {id} than where it began");
                continue;
            }
            if sends_back(event, id) {
                let is_back = after.state == TaskState::Queued && after.attempts == before.attempts;
                prop_assert!(is_back && after.version > before.version, "{id} was not put back: {after:?}");
                prop_assert!(
                    !before.state.is_settled() || before.lets_dependents_go(),
                    "{id} was {}",
                    before.state
                );
                self.seen.insert("sent back");
                continue;
            }
            prop_assert_eq!(event.task(), Some(id), "an event changed the task of another one");
            let is_as_asked = match event {
                // A person may give it to another agent, and changes nothing else of it.
                Event::TaskRequeued { asked, .. } => {
                    let mut wished = before.spec.clone();
                    asked.change(&mut wished.work);
                    wished == after.spec
                }
                _ => before.spec == after.spec,
            };
            prop_assert!(is_as_asked, "the task {id} became another one");
            prop_assert!(after.version > before.version, "{id} changed and its version did not grow");
            prop_assert!(after.attempts.len() >= before.attempts.len(), "an attempt of {id} is gone");
            for (old, new) in before.attempts.iter().zip(&after.attempts) {
                check_attempt(id, old, new)?;
            }
            if before.state != after.state {
                let (from, to) = (before.state, after.state);
                let settled = from.is_settled() && !is_explicit(event);
                prop_assert!(!settled, "{id} left its settled state: {from} -> {to}");
                prop_assert!(from.may_become(to), "{id} may not go from {from} to {to}");
                if is_acceptance(event) {
                    self.accepted.push(place);
                }
            }
        }
        Ok(())
    }

    /// Holds what is true of a run at any time.
    fn check_run(&self) -> Checked {
        for (place, task) in self.run.tasks.iter().enumerate() {
            let id = &task.spec.id;
            let open = task.attempts.iter().filter(|attempt| attempt.is_open()).count();
            prop_assert!(open <= 1, "{id} has {open} open attempts");
            let last_is_open = task.last().is_some_and(|attempt| attempt.is_open());
            prop_assert_eq!(open == 1, last_is_open, "another attempt of {} than the last is open", id);
            let runs = task.state == TaskState::Running;
            prop_assert_eq!(runs, last_is_open, "{} is {}, attempts open: {}", id, task.state, open);
            let numbers: Vec<u32> = task.attempts.iter().map(|attempt| attempt.number).collect();
            prop_assert!(
                numbers.iter().copied().eq(1..=numbers.len() as u32),
                "attempts {numbers:?} of {id}"
            );
            let succeeded = |attempt: &Attempt| attempt.state == AttemptState::Ended(Outcome::Succeeded);
            if task.state == TaskState::Completed && !self.accepted.contains(&place) {
                prop_assert!(task.last().is_some_and(succeeded), "{id} is completed without a success");
            }
            let waits = task.state == TaskState::AwaitingInput;
            prop_assert!(!waits || task.waits_for.is_some(), "{id} waits for a person, and for no gate");
            let open = |gate: &Gate| gate.task == *id && gate.decided.is_none();
            let gate = self.run.gates.iter().find(|gate| open(gate)).map(|gate| gate.id);
            prop_assert_eq!(task.waits_for, gate, "{} does not wait for its open gate", id);
        }
        prop_assert_eq!(self.run.counts, recount(&self.run), "the counts are not those of the tasks");
        for owned in [true, false] {
            prop_assert_eq!(self.run.status(owned), status_of(&self.run, owned), "owned: {}", owned);
        }
        Ok(())
    }

    /// Records what has become impossible, as the dispatcher does.
    fn skip_impossible(&mut self) -> Checked {
        while let Some(Skip { task, reason, by_condition }) = self.schedule.next_skip() {
            let place = self.run.place(&task).expect("a task of the run");
            self.happen(Event::TaskSkipped { task, reason, by_condition })?;
            self.schedule.note_settled(&self.run, place);
        }
        Ok(())
    }

    // What crew does

    fn start(&mut self) -> Checked {
        // A dispatcher that takes over now has to come to the same.
        let mut fresh = Schedule::of(&self.run);
        prop_assert_eq!(fresh.next_skip(), None, "the schedule has forgotten to skip");
        let next = self.schedule.next_start(self.now);
        if self.run.limits.shared_writers > 0 {
            prop_assert_eq!(next, fresh.next_start(self.now), "a fresh schedule starts another task");
        }
        let Some(place) = next else { return Ok(()) };
        let task = &self.run.tasks[place];
        let in_folder = |other: &&Task| {
            let reviews = other.spec.reviews.is_some();
            other.state == TaskState::Running && other.spec.is_for_agent() && !reviews
        };
        let mut others = self.run.tasks.iter().filter(in_folder);
        let is_alone = !task.spec.is_for_agent()
            || task.spec.reviews.is_some()
            || !others.any(|other| task.may_write() || other.may_write());
        prop_assert!(
            is_alone || self.run.limits.shared_writers > 0,
            "{} writes beside another",
            task.spec.id
        );
        prop_assert!(!task.is_unasked(), "{} starts although nobody has asked for it", task.spec.id);
        for dependency in task.spec.waits_on().filter_map(|id| self.run.task(id)) {
            prop_assert!(
                dependency.state.is_settled() || dependency.is_unasked(),
                "{} starts before {}",
                task.spec.id,
                dependency.spec.id
            );
            let let_go = dependency.lets_dependents_go() || task.spec.when.is_some();
            prop_assert!(let_go, "{} starts although {} did not", task.spec.id, dependency.spec.id);
        }
        let early = task.not_before.is_some_and(|at| at > self.now);
        prop_assert!(!early, "{} starts before its time", task.spec.id);
        self.happen(started(task.spec.id.as_str(), task.attempts.len() as u32 + 1))
    }

    /// Returns one of the open attempts, as its task's place and its number.
    fn open(&self, which: usize) -> Option<(usize, u32)> {
        let open: Vec<(usize, u32)> = (self.run.tasks.iter().enumerate())
            .filter_map(|(place, task)| Some((place, task.last().filter(|last| last.is_open())?.number)))
            .collect();
        (!open.is_empty()).then(|| open[which % open.len()])
    }

    fn hear(&mut self, which: usize, what: usize) -> Checked {
        let Some((place, number)) = self.open(which) else { return Ok(()) };
        let task = &self.run.tasks[place];
        let is_checked = task.last().is_some_and(|last| last.state == AttemptState::Verifying);
        let kinds = ["process_started", "session_started", "tool_invoked", "agent_waited"];
        // Nobody starts an agent whose work is being checked.
        let kind = kinds[if is_checked { 1 + what % 3 } else { what % 4 }];
        let id = task.spec.id.clone();
        self.happen(event_of(kind, Some(&id), number, what))
    }

    /// Returns an attempt, open or ended, and some of the time none.
    fn asker(&self, which: usize) -> Option<(&Task, &Attempt)> {
        // A command has no token to ask with.
        let agents = self.run.tasks.iter().filter(|task| matches!(task.spec.work, Work::Agent { .. }));
        let attempts = agents.flat_map(|task| task.attempts.iter().map(move |attempt| (task, attempt)));
        let attempts: Vec<(&Task, &Attempt)> = attempts.collect();
        // Of many, the newest are the ones that most happens to.
        attempts.iter().rev().nth(which % 8).copied()
    }

    fn hand_in(&mut self, which: usize, body: usize) -> Checked {
        self.requests += 1;
        let reviews = self.asker(which).is_some_and(|(task, _)| task.reviewed_task().is_some());
        // Most of what a reviewer hands in is a review.
        let body = body_of(if reviews && !body.is_multiple_of(4) { 7 + body % 3 } else { body });
        let request =
            Request { id: format!("r{}", self.requests), token: "t".into(), ask: Ask::Submit(body) };
        let asker = self.asker(which);
        let (event, answer) = request::receive(asker, &request, &[]);
        let expected = expected_answer(asker, &request);
        prop_assert_eq!(code_of(&answer), expected, "{:?} of {:?}", request, asker);
        let before = asker.and_then(|(_, attempt)| attempt.submission.clone());
        let place = asker.and_then(|(task, attempt)| Some((self.run.place(&task.spec.id)?, attempt.number)));
        match (&event, expected) {
            (Some(Event::SubmissionRefused { request: id, task, attempt, .. }), Some(_)) => {
                let named = (task.as_ref(), *attempt);
                let of = asker.map(|(task, attempt)| (&task.spec.id, attempt.number)).unzip();
                prop_assert_eq!((id, named), (&request.id, of), "a refusal is recorded of another attempt");
            }
            (Some(Event::SubmissionAccepted { request: id, .. }), None) => {
                prop_assert_eq!(id, &request.id);
                prop_assert_eq!(before, None, "a second submission was taken in");
            }
            (None, None) => prop_assert!(before.is_some(), "nothing is recorded of the first submission"),
            (event, expected) => {
                prop_assert!(false, "{event:?} is recorded of what was answered {expected:?}")
            }
        }
        self.seen.insert(expected.map_or("accepted", Code::name));
        let Some(event) = event else { return Ok(()) };
        self.happen(event)?;
        if let (None, Some((place, number))) = (expected, place) {
            let task = &self.run.tasks[place];
            let again = Request { id: "again".into(), ..request };
            let second = request::receive(Some((task, &task.attempts[number as usize - 1])), &again, &[]);
            prop_assert_eq!(second, (None, answer), "the same twice is not one");
        }
        Ok(())
    }

    fn ask_to_stop(&mut self, which: usize) -> Checked {
        let request = Request { id: "stop".into(), token: "t".into(), ask: Ask::Stop };
        let (event, answer) = request::receive(self.asker(which), &request, &[]);
        if let Some(event) = event {
            prop_assert!(
                matches!(answer, Answer::Refused { .. }),
                "it was let go, and {event:?} is recorded"
            );
            self.happen(event)?;
            let held = self.asker(which).is_some();
            let (_, second) = request::receive(self.asker(which), &request, &[]);
            prop_assert!(!held || code_of(&second).is_none(), "an agent is held back for ever");
        }
        Ok(())
    }

    fn child_ends(&mut self, which: usize, how: usize, check_fails: bool) -> Checked {
        let Some((place, number)) = self.open(which) else { return Ok(()) };
        let task = &self.run.tasks[place];
        let id = task.spec.id.clone();
        let ending = match how % 4 {
            0 | 1 => Ending { exit: Some(0), ..Ending::default() },
            2 => Ending { exit: Some(3), ..Ending::default() },
            _ => Ending { signal: Some(9), ..Ending::default() },
        };
        let stops = [StopReason::OutOfTime, StopReason::Silent, StopReason::FailFast, StopReason::Lingering];
        let stopped = (how / 4).checked_sub(8).and_then(|at| stops.get(at)).copied();
        let checked = !task.spec.verify.is_empty() && ending.exit == Some(0) && stopped.is_none();
        let submission = task.last().and_then(|attempt| attempt.submission.clone());
        if checked {
            let is_checked = task.last().is_some_and(|last| last.state == AttemptState::Verifying);
            if !is_checked {
                self.happen(event_of("verification_started", Some(&id), number, how))?;
            }
            self.happen(event_of("verification_ended", Some(&id), number, how))?;
        }
        let failed_check = (checked && check_fails).then_some(("cargo test", "exit 1"));
        let unverified = !self.run.tasks[place].spec.verify.is_empty() && !checked;
        let is_merge = matches!(self.run.tasks[place].spec.work, Work::Merge { .. });
        let evidence = Evidence {
            ending: ending.clone(),
            merged: is_merge && how.is_multiple_of(3) && failed_check.is_none() && !unverified,
            stopped,
            submission: submission.as_deref(),
            last_words: how.is_multiple_of(2).then_some("done"),
            failed_check,
            unverified,
            ..Evidence::default()
        };
        let spec = &self.run.tasks[place].spec;
        let judgement = judgement::judge(spec, &evidence);
        if judgement.outcome == Outcome::Succeeded {
            let enough = match &spec.work {
                Work::Command { .. } => ending.exit == Some(0),
                Work::Agent { submit_optional, .. } => submission.is_some() || *submit_optional,
                Work::Merge { .. } => evidence.merged,
            };
            let good = enough && failed_check.is_none() && !unverified;
            prop_assert!(good, "completed by default: {spec:?} {evidence:?}");
            let is_agent = matches!(spec.work, Work::Agent { .. });
            let blocked = is_agent && matches!(submission.as_deref(), Some(HandedIn::Blocked(_)));
            prop_assert!(!blocked, "a task that is blocked is completed");
        }
        let confidence = submission.as_ref().and_then(|handed_in| handed_in.confidence());
        let retried =
            judgement.error_kind.filter(|_| judgement.outcome == Outcome::Failed).is_some_and(|kind| {
                // What a stream would have told.
                let kind = if how % 8 == 2 { ErrorKind::RateLimited } else { kind };
                retry::should_retry(number, kind, confidence, &POLICY).0
            });
        let delay = retry::delay(&POLICY, number, 0.5, None);
        let again = retried.then(|| Again { not_before: self.now.plus(delay), reason: "auto_retry".into() });
        self.end(place, number, judgement.outcome, again)
    }

    /// Ends an attempt, and tells the schedule.
    fn end(&mut self, place: usize, number: u32, outcome: Outcome, again: Option<Again>) -> Checked {
        let again = again.filter(|_| self.run.tasks[place].cancel.is_none());
        let is_retried = again.is_some();
        let id = self.run.tasks[place].spec.id.clone();
        self.happen(ended(id.as_str(), number, outcome, again))?;
        self.schedule.note_ended(place);
        match is_retried {
            true => self.schedule.note_queued(&self.run, place),
            false => self.schedule.note_settled(&self.run, place),
        }
        self.skip_impossible()?;
        self.begin_rounds()
    }

    /// Sends back what reviews ask for changes of. Those that wait for these reviews have not been let go by then.
    fn begin_rounds(&mut self) -> Checked {
        for event in rounds::due(&self.run) {
            self.happen(event)?;
            self.schedule = Schedule::of(&self.run);
            self.skip_impossible()?;
        }
        prop_assert_eq!(rounds::due(&self.run), vec![], "a round begins twice");
        Ok(())
    }

    fn take_over(&mut self) -> Checked {
        self.happen(event_of("dispatcher_started", None, 0, 1))?;
        self.schedule = Schedule::of(&self.run);
        self.skip_impossible()?;
        self.begin_rounds()
    }

    fn owner_dies(&mut self) -> Checked {
        while let Some((place, number)) = self.open(0) {
            let handed_in = self.run.tasks[place].last().is_some_and(|attempt| attempt.submission.is_some());
            let lost = Again { not_before: self.now, reason: "owner_lost".into() };
            let (outcome, again) = match handed_in {
                true => (Outcome::NeedsReview, None),
                false => (Outcome::Lost, Some(lost)),
            };
            self.end(place, number, outcome, again)?;
        }
        self.take_over()
    }

    fn stop_and_resume(&mut self) -> Checked {
        self.happen(event_of("stop_asked", None, 0, 1))?;
        while let Some((place, number)) = self.open(0) {
            let again = Again { not_before: self.now, reason: "interrupted".into() };
            self.end(place, number, Outcome::Cancelled, Some(again))?;
        }
        self.happen(event_of("run_ended", None, 0, 1))?;
        self.take_over()
    }

    fn give_up_the_rest(&mut self) -> Checked {
        let queued = |task: &&Task| task.state == TaskState::Queued;
        let ids: Vec<TaskId> =
            self.run.tasks.iter().filter(queued).map(|task| task.spec.id.clone()).collect();
        for task in ids {
            self.happen(Event::TaskCancelled { task, reason: "given up".into(), fail_fast: false })?;
        }
        // The dispatcher starts nothing more after that; whoever takes the run over begins with a schedule of its own.
        self.take_over()
    }

    /// Tells whether an event starts a task before its time. Only the schedule knows that, not the run.
    fn waits_for_others(&self, event: &Event) -> bool {
        let Event::AttemptStarted { task, .. } = event else { return false };
        let Some(task) = self.run.task(task) else { return false };
        let mut dependencies = task.spec.depends_on.iter().filter_map(|id| self.run.task(id));
        dependencies.any(|dependency| !dependency.lets_dependents_go())
    }

    fn any_event(&self, kind: usize, task: usize, attempt: u32, dice: usize) -> Event {
        let unknown = TaskId::parse("nobody").expect("an id");
        let task = self.run.tasks.get(task).map_or(&unknown, |task| &task.spec.id);
        event_of(Event::KINDS[kind % Event::KINDS.len()], Some(task), attempt, dice)
    }
}

/// Holds what may become of an attempt that was there before.
fn check_attempt(id: &TaskId, old: &Attempt, new: &Attempt) -> Checked {
    if !old.is_open() {
        prop_assert!(old == new, "the ended attempt {} of {id} changed", old.number);
        return Ok(());
    }
    let rank = |attempt: &Attempt| match attempt.state {
        AttemptState::Starting => 0,
        AttemptState::Running => 1,
        AttemptState::Verifying => 2,
        AttemptState::Ended(_) => 3,
    };
    prop_assert!(
        rank(old) <= rank(new),
        "attempt {} of {id} went back: {:?} -> {:?}",
        old.number,
        old.state,
        new.state
    );
    let kept = old.submission.is_none() || old.submission == new.submission || !new.is_open();
    prop_assert!(kept, "what attempt {} of {id} handed in was replaced", old.number);
    Ok(())
}

fn recount(run: &Run) -> Counts {
    let mut counts = Counts::default();
    run.tasks.iter().for_each(|task| counts.add(task.state, task.spec.continue_on_error, 1));
    counts
}

/// Derives where a run stands, in other words than the run does.
fn status_of(run: &Run, owned: bool) -> RunStatus {
    let any = |state: TaskState| run.tasks.iter().any(|task| task.state == state);
    let strict = |state| run.tasks.iter().any(|task| task.state == state && !task.spec.continue_on_error);
    let open = any(TaskState::Queued) || any(TaskState::Running);
    let left = run.ended_at.is_some() && !owned && !any(TaskState::Running);
    // It had come to an end of its own.
    let put_back = left && !run.stopped;
    let rows = [
        // What is queued waits for the same person.
        (left && any(TaskState::AwaitingInput), RunStatus::AwaitingInput),
        (open && owned, RunStatus::Running),
        (open && run.dispatcher.is_some() && !put_back, RunStatus::Interrupted),
        (open, RunStatus::Queued),
        // Nobody has said how it ended.
        (run.dispatcher.is_some() && run.ended_at.is_none() && !owned, RunStatus::Interrupted),
        (any(TaskState::AwaitingInput), RunStatus::AwaitingInput),
        (strict(TaskState::Failed), RunStatus::Failed),
        (strict(TaskState::NeedsReview), RunStatus::NeedsReview),
        (any(TaskState::Cancelled), RunStatus::Cancelled),
    ];
    rows.into_iter().find(|(holds, _)| *holds).map_or(RunStatus::Completed, |(_, status)| status)
}

/// Makes an event of a kind, from the JSON that the record would have; `dice` chooses what it says.
fn event_of(kind: &str, task: Option<&TaskId>, attempt: u32, dice: usize) -> Event {
    let process = json!({"pid": dice, "start": 1, "boot": "b"});
    let outcomes = ["succeeded", "failed", "needs_review", "cancelled", "lost"];
    let decisions = ["approved", "rejected", "sent_back", "cancelled"];
    let again =
        dice.is_multiple_of(3).then(|| json!({"not_before": "2026-11-21T02:30:00.000Z", "reason": "r"}));
    let more = match kind {
        "run_created" => json!({"goal": "g", "team": "t", "workflow": "w", "crew_version": "0",
            "limits": {"jobs": 1, "fail_fast": false}}),
        // One that is there, and one that is new.
        "task_created" => json!({"spec": spec(&format!("t{}", dice % 16), &[])}),
        "dispatcher_started" | "process_started" | "attempt_adopted" => json!({"process": process}),
        "attempt_started" => json!({"agent": "sh", "log": ""}),
        "worktree_added" => json!({"path": "p", "branch": "crew/r/t", "base": "b"}),
        "work_kept" => json!({"commit": format!("c{dice}"), "reference": "refs/heads/crew/r/t",
            "files": 1, "insertions": 1, "deletions": 0}),
        "references_moved" => {
            json!({"moved": [{"reference": "refs/heads/main", "from": "a", "to": format!("c{dice}")}]})
        }
        "conflict_given" => json!({"number": 1 + dice % 3, "agent": "fixer", "files": ["a"], "into": "main",
            "sides": {"ours": "o", "theirs": "t", "bases": ["b"]}, "inside": "7k2aaaaaaaaa", "by": "p"}),
        "conflict_resolved" => {
            json!({"number": 1 + dice % 3, "agent": "fixer", "files": ["a"], "commit": "c",
            "reference": "r", "tree": "t"})
        }
        "conflict_left" => json!({"number": 1 + dice % 3, "agent": "fixer", "reasons": ["markers"]}),
        "merge_begun" | "work_merged" => {
            let tasks: Vec<Value> =
                task.iter().map(|id| json!({"task": id, "tip": "t", "commit": format!("c{dice}")})).collect();
            json!({"tasks": tasks, "into": "main", "from": "a", "to": "b", "how": "merge", "by": "p"})
        }
        "merge_given_up" => json!({"into": "main", "to": "b"}),
        "worktree_removed" => json!({"path": "p", "branch_deleted": dice.is_multiple_of(2), "by": "ann"}),
        "session_started" => json!({"session": format!("s{dice}")}),
        "tool_invoked" => json!({"tool": "bash", "arguments": "ls", "result": "ok", "millis": 3}),
        "agent_waited" => json!({"reason": if dice.is_multiple_of(2) { "rate limit" } else { "" }}),
        "submission_accepted" => {
            json!({"request": "r", "result": {"summary": format!("s{}", dice % 2), "confidence": 1.0, "rationale": "r"}})
        }
        "note_taken" => json!({"request": "r", "progress": {"message": "half"}}),
        "files_applied" => json!({"files": []}),
        "gate_opened" => match dice % 3 {
            0 => return start_gate(task, dice),
            _ => json!({"gate": dice, "about": "result", "summary": "s"}),
        },
        "gate_decided" => {
            json!({"gate": dice, "decision": decisions[dice % 4], "by": "ann"})
        }
        "task_accepted" => json!({"by": "ann"}),
        "task_requeued" => match dice % 3 {
            0 => json!({"by": "ann", "reason": "r", "agent": "y", "note": "otherwise"}),
            _ => json!({"by": "ann", "reason": "r"}),
        },
        "review_round_begun" => {
            json!({"reviewers": [format!("t{}", dice % 6)], "round": 1 + dice % 2, "note": "n"})
        }
        "task_dead_lettered" => {
            json!({"why": if dice.is_multiple_of(2) { "by_hand" } else { "dead_looks" }, "by": "ann", "last_error": "network: r"})
        }
        "dead_letter_dropped" => json!({"by": "ann", "reason": "seen"}),
        "person_reviewed" => json!({"by": "ann", "review": {"verdict": "approved"}}),
        "dead_letters_piled_up" => json!({"count": 4 + dice}),
        "submission_refused" => json!({"request": "r", "reason": "r"}),
        "verification_ended" => {
            json!({"command": "true", "ending": {"millis": 1, "cpu_millis": 1, "max_rss_kib": 1,
            "output_bytes": 0}})
        }
        "artifact_kept" => json!({"artifact": "result", "path": "p", "bytes": 1, "sha256": "00"}),
        "attempt_ended" => json!({"outcome": outcomes[dice % 5], "again": again, "ending": {"millis": 1,
            "cpu_millis": 1, "max_rss_kib": 1, "output_bytes": 0}, "usage": {}}),
        "task_skipped" | "task_cancelled" => json!({"reason": "r"}),
        "clock_jumped" => {
            json!({"asleep": dice, "held_up": dice % 7, "set": -2 * (dice as i64 % 50)})
        }
        "task_failed" => json!({"error_kind": "budget_exceeded", "reason": "r"}),
        "budget_warned" => {
            let level = ["run", "team", "task"][dice % 3];
            json!({"level": level, "what": "tokens", "spent": 8, "limit": 10})
        }
        "conflicts_seen" => {
            let conflict = json!({"kind": "content", "paths": ["a"], "lines": [[1, dice + 1]]});
            json!({"clashes": [{"tasks": ["t0", "t1"], "conflicts": [conflict]}], "more": dice})
        }
        "finding_decided" => {
            let (decision, why) = (["dismissed", "resolved", "reopened"][dice % 3], "w");
            json!({"fingerprint": format!("f{}", dice % 4), "decision": decision, "by": "ann", "why": why})
        }
        "budget_changed" => json!({"budget": {"tokens": dice + 1}}),
        "tree_checked" => json!({"changed": dice % 2, "unseen": ""}),
        "cancel_asked" => json!({"by": "ann", "reason": "r"}),
        "stop_asked" => json!({"level": 1, "by": "ctrl-C"}),
        "run_imported" => json!({"file": "f", "sha256": "s", "by": "ann", "exported_by": "bob",
            "exported_at": "2026-01-01T00:00:00.000Z", "repository": "r"}),
        "run_ended" => json!({"state": "completed"}),
        _ => json!({}),
    };
    let Value::Object(mut fields) = more else { unreachable!("an object") };
    fields.insert("kind".into(), kind.into());
    fields.insert("task".into(), json!(task));
    fields.insert("attempt".into(), attempt.into());
    let text = Value::Object(fields);
    serde_json::from_value(text.clone()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Opens a gate before a task's start; no attempt led to it.
fn start_gate(task: Option<&TaskId>, dice: usize) -> Event {
    let text =
        json!({"kind": "gate_opened", "task": task, "gate": dice, "about": "start", "action": "merge"});
    serde_json::from_value(text).expect("a gate")
}

/// Returns something to hand in.
fn body_of(choice: usize) -> Submission {
    let result = |summary: &str| json!({"summary": summary, "confidence": 0.9, "rationale": "r"});
    let (kind, body) = match choice % 10 {
        0..=2 => (Kind::Result, result("done")),
        3 => (Kind::Result, result("done otherwise")),
        4 => (Kind::Result, json!({"summary": "unsure", "confidence": 0.1, "rationale": "r"})),
        5 => (Kind::Result, json!({"summary": "done"})),
        6 => (Kind::Noop, json!({"reason": "it is there"})),
        7 | 8 => (Kind::Review, json!({"verdict": "changes_requested", "body": "b"})),
        _ => (Kind::Blocked, json!({"reason": "no key"})),
    };
    Submission { kind, body }
}

/// Returns why a submission has to be refused, in other words than `receive` decides it.
fn expected_answer(asker: Option<(&Task, &Attempt)>, request: &Request) -> Option<Code> {
    let Some((task, attempt)) = asker else { return Some(Code::UnknownToken) };
    if !matches!(attempt.state, AttemptState::Starting | AttemptState::Running) {
        return Some(Code::Late);
    }
    let Ask::Submit(submission) = &request.ask else { return None };
    let terms = Terms::of(task, &[]);
    let Ok(Statement::Conclusion(handed_in)) = request::read(submission.kind, &submission.body, &terms)
    else {
        return Some(Code::Invalid);
    };
    let first = attempt.submission.as_deref();
    first.is_some_and(|first| *first != handed_in).then_some(Code::Conflict)
}

fn code_of(answer: &Answer) -> Option<Code> {
    match answer {
        Answer::Accepted { .. } => None,
        Answer::Refused { code, .. } => Some(*code),
    }
}

/// Makes graphs of six tasks, agents and commands, that depend on earlier ones; the last may be a merge.
fn graphs() -> impl Strategy<Value = Vec<TaskSpec>> {
    proptest::collection::vec((0..64_usize, 0..64_usize), 6).prop_map(|dice| {
        let task = |(at, (depends, kind)): (usize, (usize, usize))| {
            let names: Vec<String> = (0..at).filter(|bit| depends >> bit & 1 == 1).map(|bit| format!("t{bit}")).collect();
            let mut spec = spec(&format!("t{at}"), &names.iter().map(String::as_str).collect::<Vec<_>>());
            if kind % 4 > 0 {
                let work = json!({"agent": {"role": "executor", "program": "x", "persona": "executor", "task": "t",
                    "writes": true, "submit_optional": kind % 4 == 3}});
                spec.work = serde_json::from_value(work).expect("an agent's work");
            }
            if at > 0 && depends / 16 > 0 && kind % 4 == 1 {
                // It reviews an earlier one, which may be one that waits until it is asked for.
                let work = json!({"agent": {"role": "reviewer", "program": "x", "persona": "reviewer", "task": "t",
                    "writes": false}});
                spec.work = serde_json::from_value(work).expect("an agent's work");
                let task = TaskId::parse(&format!("t{}", depends % at));
                spec.reviews = Some(Reviews { task, rounds: (kind / 4 % 3) as u32, ..Reviews::default() });
            }
            spec.on_request = kind % 4 == 2 && depends % 4 == 0;
            if at == 5 && kind % 8 == 0 {
                spec.work = Work::Merge { into: "main".into(), how: How::Merge };
            }
            spec.continue_on_error = kind / 4 % 4 == 0;
            spec.verify = if kind / 16 % 2 == 0 { vec![] } else { vec!["cargo test".into()] };
            if let Some(name) = names.first().filter(|_| kind / 32 == 1) {
                let conditions = [format!("{name}.state == failed"), "always".into()];
                spec.when = Some(When::parse(&conditions[depends % 2]).expect("a condition"));
            }
            spec
        };
        let mut specs: Vec<TaskSpec> = dice.into_iter().enumerate().map(task).collect();
        if specs.iter().any(|spec| spec.on_request) {
            // What becomes of a task that nobody has waited for is nothing to make a condition of.
            specs.iter_mut().for_each(|spec| spec.when = None);
        }
        specs
    })
}

/// Puts histories to the test; returns how many steps were taken and what came about in them, or what is wrong.
///
/// A history that breaks a rule is made shorter, in at most `shrink` tries.
fn try_histories(apply: Apply, cases: u32, shrink: u32) -> Result<(usize, BTreeSet<&'static str>), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: shrink, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let (taken, seen) = (Cell::new(0), RefCell::new(BTreeSet::new()));
    let tried = TestRunner::new_with_rng(config, rng).run(&(graphs(), steps()), |(specs, steps)| {
        let mut world = World::new(apply, specs);
        for step in &steps {
            world.take(step)?;
            taken.set(taken.get() + 1);
        }
        seen.borrow_mut().extend(world.seen);
        Ok(())
    });
    match tried {
        Ok(()) => Ok((taken.get(), seen.take())),
        Err(TestError::Fail(why, (specs, steps))) => Err(format!("{why}\nafter {steps:#?}\nof {specs:#?}")),
        Err(TestError::Abort(why)) => Err(why.to_string()),
    }
}

#[test]
fn a_hundred_thousand_random_steps_break_no_rule() {
    let (taken, seen) = try_histories(Run::apply, CASES, 2_000).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(taken, CASES as usize * STEPS);
    // Histories in which little happens would break no rule either.
    let states = TaskState::ALL.into_iter().filter(|state| *state != TaskState::AwaitingInput);
    let answers = ["accepted", "unknown_token", "late", "conflict", "invalid"];
    for expected in states.map(TaskState::name).chain(answers).chain(["illegal", "sent back"]) {
        assert!(seen.contains(expected), "nothing was ever {expected}: {seen:?}");
    }
}

/// Each of these lets one rule slip; a model test that does not notice holds nothing.
#[test]
fn a_run_that_breaks_a_rule_is_found_out() {
    fn spoilt(run: &mut Run, at: Time, event: &Event, spoil: fn(&mut Task)) -> Result<Touched, Illegal> {
        let touched = run.apply(at, event)?;
        let place = event.task().and_then(|task| run.place(task));
        if let (Some(place), false) = (place, matches!(event, Event::TaskCreated { .. })) {
            spoil(&mut run.tasks[place]);
            run.counts = recount(run);
        }
        Ok(touched)
    }
    let broken: [(&str, Apply); 10] = [
        ("an illegal event changed something", |run, at, event| {
            run.apply(at, event).inspect_err(|_| run.goal.push('!'))
        }),
        ("left its settled state", |run, at, event| {
            spoilt(run, at, event, |task| {
                if task.state == TaskState::NeedsReview && task.attempts.len() > 1 {
                    task.state = TaskState::Queued;
                }
            })
            .or_else(|illegal| {
                let place = event.task().and_then(|task| run.place(task)).ok_or(illegal)?;
                let task = &mut run.tasks[place];
                if !task.state.is_settled() {
                    return run.apply(at, event);
                }
                (task.state, task.version) = (TaskState::Queued, task.version + 1);
                run.counts = recount(run);
                Ok(Touched::Task(place))
            })
        }),
        ("the ended attempt", |run, at, event| {
            spoilt(run, at, event, |task| {
                if let [first, _, ..] = task.attempts.as_mut_slice() {
                    first.summary.push('!');
                }
            })
        }),
        ("open attempts", |run, at, event| {
            spoilt(run, at, event, |task| {
                let twice = task.last().filter(|last| last.is_open()).cloned();
                task.attempts.extend(twice);
            })
        }),
        ("without a success", |run, at, event| {
            spoilt(run, at, event, |task| {
                if task.state == TaskState::Failed {
                    task.state = TaskState::Completed;
                }
            })
        }),
        ("its version did not grow", |run, at, event| spoilt(run, at, event, |task| task.version = 1)),
        ("the counts are not those of the tasks", |run, at, event| {
            let touched = run.apply(at, event)?;
            run.counts.add(TaskState::Failed, true, 1);
            Ok(touched)
        }),
        ("the replayed run is another one", |run, at, event| {
            static CALLS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let touched = run.apply(at, event)?;
            run.goal = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
            Ok(touched)
        }),
        ("was replaced", |run, at, event| {
            let forgets = matches!(event, Event::AgentWaited { .. });
            let forget: fn(&mut Task) =
                |task| task.attempts.iter_mut().for_each(|attempt| attempt.submission = None);
            spoilt(run, at, event, if forgets { forget } else { |_| {} })
        }),
        ("the same twice is not one", |run, at, event| {
            let forgets = matches!(event, Event::SubmissionAccepted { .. });
            let forget: fn(&mut Task) =
                |task| task.attempts.iter_mut().for_each(|attempt| attempt.submission = None);
            spoilt(run, at, event, if forgets { forget } else { |_| {} })
        }),
    ];
    for (expected, apply) in broken {
        let found = try_histories(apply, 256, 0).expect_err(expected);
        let why = found.split("\nafter ").next().unwrap_or_default();
        assert!(why.contains(expected), "{expected}: found out for another reason: {why}");
    }
}
