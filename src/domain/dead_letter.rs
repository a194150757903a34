//! Tasks that were given up: what nobody tries again by itself lies where a person finds it, with what went wrong last.
//!
//! A dead letter changes nothing about its task. It goes when a person puts the task back, accepts its work, or does not
//! want to see it any more; the record keeps all of that. One of an agent that shows no sign of life is written while the
//! agent is still there, and goes by itself where that comes to life again.

use super::error_kind::ErrorKind;
use super::event::{Event, Recorded};
use super::id::{RunId, TaskId};
use super::request::{Answer, Code, refused};
use super::retry::RetryReason;
use super::run::Run;
use super::task::Task;
use super::time::Time;
use super::words::clean_line;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most bytes of a log's end that are kept with a dead letter.
pub const MAX_TAIL: usize = 4096;
/// The most characters of the last error, and of what a person says.
const MAX_LINE: usize = 400;
/// As many within [`WINDOW`] are nothing unusual.
const USUAL: usize = 3;
/// The time over which dead letters are counted, and within which it is told once that there are too many.
pub const WINDOW: Duration = Duration::from_secs(60 * 60);

/// Why a task was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was tried as often as it may be.
    Exhausted,
    /// Its agent showed no sign of life, several looks in a row.
    DeadLooks,
    /// A person said so.
    ByHand,
}

impl Why {
    /// Returns the word used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Why::Exhausted => "exhausted",
            Why::DeadLooks => "dead_looks",
            Why::ByHand => "by_hand",
        }
    }

    /// Returns the words that people read.
    pub fn words(self) -> &'static str {
        match self {
            Why::Exhausted => "retries exhausted",
            Why::DeadLooks => "no sign of life",
            Why::ByHand => "by hand",
        }
    }
}

/// A task that was given up, with what went wrong last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// The newest attempt; 0 where there was none.
    pub attempt: u32,
    pub why: Why,
    pub by: String,
    /// What a person said about it.
    pub note: String,
    pub last_error: String,
    /// The end of the attempt's log, without secrets.
    pub tail: String,
    pub at: Time,
}

/// Decides whether a task is given up whose newest attempt has failed and is not tried again: it was tried as often as it
/// may be, with all models that it has. An error that no retry helps against is not a matter of how often.
pub fn after_end(task: &Task, kind: Option<ErrorKind>, not_again: Option<RetryReason>) -> Option<Why> {
    let out_of_models = kind == Some(ErrorKind::ModelNotAvailable) && task.tried_all_models();
    let exhausted = not_again == Some(RetryReason::MaxRetriesExceeded) || out_of_models;
    exhausted.then_some(Why::Exhausted)
}

/// Returns the event that tells of a task whose agent has been quiet for so long; it is not ended for that.
pub fn lifeless(task: &Task, quiet: Duration) -> Event {
    let mut event = letter(task, Why::DeadLooks, ("crew", ""));
    if let Event::TaskDeadLettered { last_error, .. } = &mut event {
        *last_error = format!("no sign of life for {} s", quiet.as_secs());
    }
    event
}

/// Returns the event by which a letter of an agent goes that was thought to be dead, where there is one.
pub fn revived(task: &Task, reason: &str) -> Option<Event> {
    let is_it = task.dead_letter.as_ref().is_some_and(|letter| letter.why == Why::DeadLooks);
    let (task, by) = (task.spec.id.clone(), "crew".into());
    is_it.then(|| Event::DeadLetterDropped { task, by, reason: reason.into() })
}

/// Returns the event that gives a task up; the end of its log is put in by whoever can read it.
pub fn letter(task: &Task, why: Why, (by, note): (&str, &str)) -> Event {
    let kind = task.error_kind().map(|kind| kind.name());
    let words = [kind.unwrap_or_default(), task.reason.as_str()];
    let words: Vec<&str> = words.into_iter().filter(|words| !words.is_empty()).collect();
    Event::TaskDeadLettered {
        task: task.spec.id.clone(),
        attempt: task.attempts.len() as u32,
        why,
        by: by.to_owned(),
        note: clean_line(note, MAX_LINE),
        last_error: clean_line(&words.join(": "), MAX_LINE),
        tail: String::new(),
    }
}

fn find<'a>(run: &'a Run, task: &TaskId) -> Result<&'a Task, Answer> {
    let message = || format!("there is no task {task} in this run");
    run.task(task).ok_or_else(|| refused(Code::UnknownTask, message(), "crew status shows them"))
}

/// Gives a task up because a person says so.
pub fn add(run: &Run, task: &TaskId, who: (&str, &str)) -> Result<Vec<Event>, Answer> {
    let task = find(run, task)?;
    let (id, state) = (&task.spec.id, task.state);
    if let Some(letter) = &task.dead_letter {
        let (by, at) = (&letter.by, letter.at);
        let message = format!("task {id} was given up before, by {by} at {at}");
        let hint = format!("crew deadletter show {} {id} shows it", run.id);
        return Err(refused(Code::DeadLettered, message, hint));
    }
    if !task.may_be_given_up() {
        let code = if task.last().is_some_and(|last| last.is_open()) { Code::Busy } else { Code::NotFailed };
        let hint = "only what is over and not done is given up";
        return Err(refused(code, format!("task {id} is not failed, it is {state}"), hint));
    }
    Ok(vec![letter(task, Why::ByHand, who)])
}

/// Lets a dead letter go because a person has seen it.
pub fn drop_letter(run: &Run, task: &TaskId, (by, reason): (&str, &str)) -> Result<Vec<Event>, Answer> {
    let task = find(run, task)?;
    let id = &task.spec.id;
    if task.dead_letter.is_none() {
        let message = format!("task {id} is no dead letter");
        return Err(refused(Code::NoDeadLetter, message, "crew deadletter list shows those that there are"));
    }
    let reason = clean_line(reason, MAX_LINE);
    if reason.is_empty() {
        return Err(refused(
            Code::Invalid,
            "the reason is missing",
            "--reason says why nobody has to see it",
        ));
    }
    Ok(vec![Event::DeadLetterDropped { task: id.clone(), by: by.to_owned(), reason }])
}

/// Decides whether so many tasks were given up within the last hour that somebody has to look, and returns how many. `at`
/// are the times at which tasks of all runs of the repository were, `told` is when that was told last.
pub fn piled_up(at: &[Time], told: Option<Time>, now: Time) -> Option<u64> {
    // Where the clock moved back, what lies ahead counts as just now.
    let recent = |time: &Time| now.since(*time) < WINDOW;
    if told.is_some_and(|told| recent(&told)) {
        return None;
    }
    let count = at.iter().filter(|time| recent(time)).count();
    (count > USUAL).then_some(count as u64)
}

/// What became of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Standing,
    Requeued,
    Accepted,
    Dropped,
}

impl Fate {
    /// Returns the word used in JSON and tables.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Standing => "standing",
            Fate::Requeued => "requeued",
            Fate::Accepted => "accepted",
            Fate::Dropped => "dropped",
        }
    }
}

/// A dead letter with where it is, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    pub run: RunId,
    pub task: TaskId,
    pub letter: DeadLetter,
    pub fate: Fate,
    /// When and by whom, where it stands no more, and what was said.
    pub ended: Option<(Time, String, String)>,
}

/// Tells whether an event may change which dead letters stand.
pub fn concerns(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskDeadLettered { .. }
            | Event::TaskRequeued { .. }
            | Event::TaskAccepted { .. }
            | Event::DeadLetterDropped { .. }
    )
}

/// Returns all dead letters that a record tells of, the oldest first. It takes the events of any runs in their order.
pub fn filed(events: impl IntoIterator<Item = Recorded>) -> Vec<Filed> {
    let mut all: Vec<Filed> = Vec::new();
    for Recorded { run, at, event, .. } in events {
        let (fate, task, by, said) = match event {
            Event::TaskDeadLettered { task, attempt, why, by, note, last_error, tail } => {
                let letter = DeadLetter { attempt, why, by, note, last_error, tail, at };
                all.push(Filed { run, task, letter, fate: Fate::Standing, ended: None });
                continue;
            }
            Event::TaskRequeued { task, by, reason, .. } => (Fate::Requeued, task, by, reason),
            Event::TaskAccepted { task, by, note } => (Fate::Accepted, task, by, note),
            Event::DeadLetterDropped { task, by, reason } => (Fate::Dropped, task, by, reason),
            _ => continue,
        };
        let meant =
            |filed: &&mut Filed| filed.fate == Fate::Standing && filed.run == run && filed.task == task;
        if let Some(filed) = all.iter_mut().rev().find(meant) {
            filed.fate = fate;
            filed.ended = Some((at, by, said));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Outcome;
    use crate::domain::requeue::Asked;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::task::Work;

    #[test]
    fn a_task_is_given_up_when_it_was_tried_as_often_as_it_may_be() {
        use ErrorKind::*;
        use RetryReason::*;
        let mut run = run_of(vec![spec("a", &[])]);
        let rows = [
            (Network, Some(MaxRetriesExceeded), Some(Why::Exhausted)),
            (Network, Some(TransientDisabled), None),
            (Network, None, None),
            (VerifyFailed, Some(MaxRetriesExceeded), Some(Why::Exhausted)),
            (VerifyFailed, Some(PermanentError), None),
            (VerifyFailed, Some(LowConfidenceNoRetry), None),
            (ModelNotAvailable, Some(PermanentError), None),
        ];
        for (kind, reason, expected) in rows {
            assert_eq!(after_end(&run.tasks[0], Some(kind), reason), expected, "{kind} {reason:?}");
        }
        run.tasks[0].spec.work = Work::Agent {
            role: "r".into(),
            program: "p".into(),
            persona: String::new(),
            task: "t".into(),
            model: Some("first".into()),
            fallback_models: vec!["second".into()],
            thinking: None,
            writes: false,
            submit_optional: false,
        };
        for (attempt, expected) in [(1, None), (2, Some(Why::Exhausted))] {
            run.apply(Time(1), &started("a", attempt)).unwrap();
            let mut end = ended("a", attempt, Outcome::Failed, None);
            if let Event::AttemptEnded { error_kind, again, .. } = &mut end {
                *error_kind = Some(ModelNotAvailable);
                *again = Some(crate::domain::event::Again { not_before: Time(1), reason: "r".into() });
            }
            run.apply(Time(2), &end).unwrap();
            assert_eq!(
                after_end(&run.tasks[0], Some(ModelNotAvailable), Some(PermanentError)),
                expected,
                "{attempt}"
            );
        }
    }

    #[test]
    fn more_than_three_within_an_hour_are_told_once() {
        let minutes = |minutes: i64| Time(minutes * 60_000);
        let now = minutes(100);
        let rows: [(&[i64], Option<i64>, Option<u64>); 6] = [
            (&[98, 99, 100], None, None),
            (&[70, 98, 99, 100], None, Some(4)),
            (&[40, 98, 99, 100], None, None),
            (&[70, 98, 99, 100], Some(80), None),
            (&[70, 98, 99, 100], Some(40), Some(4)),
            (&[70, 98, 99, 200], None, Some(4)),
        ];
        for (at, told, expected) in rows {
            let times: Vec<Time> = at.iter().copied().map(minutes).collect();
            assert_eq!(piled_up(&times, told.map(minutes), now), expected, "{at:?} {told:?}");
        }
    }

    #[test]
    fn a_letter_stands_until_somebody_requeues_accepts_or_drops_it() {
        let a = TaskId::parse("a").unwrap();
        let who = ("Ann", "seen");
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        let code = |refused: Result<Vec<Event>, Answer>| match refused {
            Err(Answer::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(add(&run, &a, who)), Code::NotFailed);
        run.apply(Time(1), &started("a", 1)).unwrap();
        assert_eq!(code(add(&run, &a, who)), Code::Busy);
        run.apply(Time(2), &ended("a", 1, Outcome::NeedsReview, None)).unwrap();
        assert_eq!(code(drop_letter(&run, &a, who)), Code::NoDeadLetter);
        let events = add(&run, &a, who).unwrap();
        run.apply(Time(3), &events[0]).unwrap();
        assert!(run.apply(Time(3), &events[0]).is_err());
        assert_eq!(run.tasks[0].state.name(), "needs_review");
        assert_eq!(code(add(&run, &a, who)), Code::DeadLettered);
        let dropped = drop_letter(&run, &a, who).unwrap();
        let requeued = Event::TaskRequeued {
            task: a.clone(),
            by: "Ann".into(),
            reason: "r".into(),
            asked: Asked::default(),
        };
        let accepted = Event::TaskAccepted { task: a.clone(), by: "Ann".into(), note: String::new() };
        for (event, fate) in
            [(dropped[0].clone(), Fate::Dropped), (requeued, Fate::Requeued), (accepted, Fate::Accepted)]
        {
            let mut run = run.clone();
            run.apply(Time(4), &event).unwrap();
            assert_eq!(run.tasks[0].dead_letter, None, "{fate:?}");
            let recorded = |(seq, event): (i64, &Event)| Recorded {
                seq,
                run: run.id.clone(),
                at: Time(seq),
                event: event.clone(),
            };
            let found = filed([(1, &events[0]), (2, &event)].map(recorded));
            assert_eq!((found.len(), found[0].fate, found[0].letter.at), (1, fate, Time(1)));
        }
    }
}
