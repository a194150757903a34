//! What is not to be done any more, because a person says so.
//!
//! Who is at work ends first, so a task that is worked on is only marked: whoever owns the run ends its attempt as cancelled,
//! and so does the next owner where that one dies. What has not begun is given up at once. What is settled stays what it is.

use super::event::Event;
use super::gate::{Decision, MAX_NOTE};
use super::id::TaskId;
use super::request::{Answer, Code, refused};
use super::run::Run;
use super::task::{Task, TaskState};
use super::words::{clean_line, clean_text};

/// The most characters of a reason that the line of a task shows.
const MAX_SHOWN: usize = 200;

/// Says who wants something not to be done, and why.
pub fn words(by: &str, reason: &str) -> String {
    match clean_line(reason, MAX_SHOWN).as_str() {
        "" => format!("{by} cancelled it"),
        reason => format!("{by} cancelled it: {reason}"),
    }
}

/// Decides about the wish that a task, or the whole run, is not done. Returns what has to be recorded: nothing, where that
/// was asked for before.
pub fn cancel(run: &Run, task: Option<&TaskId>, (by, reason): (&str, &str)) -> Result<Vec<Event>, Answer> {
    let reason = clean_text(reason, MAX_NOTE);
    let asked = |task: Option<&TaskId>| Event::CancelAsked {
        task: task.cloned(),
        by: by.to_owned(),
        reason: reason.clone(),
    };
    let Some(id) = task else {
        let open: Vec<&Task> = run.tasks.iter().filter(|task| is_to_be_cancelled(task)).collect();
        if !open.is_empty() {
            let running = open.iter().filter(|task| task.state == TaskState::Running);
            let marks = running.map(|task| asked(Some(&task.spec.id)));
            let ends = open.iter().filter_map(|task| end_of(task, by, &reason));
            return Ok(std::iter::once(asked(None)).chain(marks).chain(ends).collect());
        }
        let was_asked = run.tasks.iter().any(|task| !task.state.is_settled());
        return match was_asked || run.counts.of(TaskState::Cancelled) > 0 {
            true => Ok(Vec::new()),
            false => {
                let message = format!("there is nothing to cancel: the run is {}", run.status(false).words());
                Err(refused(Code::Settled, message, "crew status shows what became of it"))
            }
        };
    };
    let Some(task) = run.task(id) else {
        let message = format!("there is no task {id} in this run");
        return Err(refused(Code::UnknownTask, message, "crew status shows them"));
    };
    match task.state {
        TaskState::Cancelled => Ok(Vec::new()),
        state if state.is_settled() => {
            let message = format!("there is nothing to cancel: task {id} is {state}");
            Err(refused(Code::Settled, message, "what is settled stays as it is"))
        }
        _ if !is_to_be_cancelled(task) => Ok(Vec::new()),
        _ => Ok(std::iter::once(asked(Some(id))).chain(end_of(task, by, &reason)).collect()),
    }
}

fn is_to_be_cancelled(task: &Task) -> bool {
    !task.state.is_settled() && task.cancel.is_none()
}

/// Returns what ends a task on which nobody works.
fn end_of(task: &Task, by: &str, reason: &str) -> Option<Event> {
    let id = task.spec.id.clone();
    match (task.state, task.waits_for) {
        (TaskState::AwaitingInput, Some(gate)) => Some(Event::GateDecided {
            gate,
            task: id,
            decision: Decision::Cancelled,
            by: by.to_owned(),
            note: reason.to_owned(),
        }),
        (TaskState::Queued, _) => {
            Some(Event::TaskCancelled { task: id, reason: words(by, reason), fail_fast: false })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Outcome;
    use crate::domain::run::RunStatus;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::time::Time;

    fn id(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn cancel_in(run: &mut Run, task: Option<&str>) -> Result<usize, Answer> {
        let events = cancel(run, task.map(id).as_ref(), ("Ann", "the wrong goal"))?;
        events.iter().for_each(|event| {
            run.apply(Time(9), event).unwrap();
        });
        Ok(events.len())
    }

    /// One that is done, one that is worked on, one that waits for a person, one that is queued.
    fn a_run() -> Run {
        let mut run = run_of(["done", "runs", "waits", "queued"].map(|name| spec(name, &[])).into());
        run.apply(Time(1), &started("done", 1)).unwrap();
        run.apply(Time(2), &ended("done", 1, Outcome::Succeeded, None)).unwrap();
        run.apply(Time(3), &started("runs", 1)).unwrap();
        let gate = r#"{"kind":"gate_opened","gate":7,"task":"waits","about":"start","action":"deploy"}"#;
        run.apply(Time(4), &serde_json::from_str(gate).unwrap()).unwrap();
        run
    }

    #[test]
    fn a_run_is_cancelled_once_those_at_work_have_ended_and_what_is_settled_stays() {
        let mut run = a_run();
        assert_eq!(cancel_in(&mut run, None), Ok(4));
        assert_eq!(cancel_in(&mut run, None), Ok(0), "the same once more changes nothing");
        let states: Vec<TaskState> = run.tasks.iter().map(|task| task.state).collect();
        use TaskState::*;
        assert_eq!(states, [Completed, Running, Cancelled, Cancelled]);
        assert_eq!(run.open_gates().count(), 0, "nobody is asked any more");
        assert_eq!(run.tasks[2].reason, "Ann cancelled it: the wrong goal");
        let again = crate::domain::event::Again { not_before: Time(9), reason: "auto_retry".into() };
        assert!(run.apply(Time(9), &ended("runs", 1, Outcome::Failed, Some(again))).is_err());
        run.apply(Time(9), &ended("runs", 1, Outcome::Cancelled, None)).unwrap();
        assert_eq!(run.status(true), RunStatus::Cancelled);
        assert_eq!(cancel_in(&mut run, None), Ok(0));
    }

    #[test]
    fn one_task_is_cancelled_and_the_others_go_on() {
        let mut run = a_run();
        assert_eq!(cancel_in(&mut run, Some("queued")), Ok(2));
        assert_eq!(cancel_in(&mut run, Some("queued")), Ok(0));
        assert_eq!(cancel_in(&mut run, Some("runs")), Ok(1));
        assert_eq!(cancel_in(&mut run, Some("runs")), Ok(0));
        assert_eq!(cancel_in(&mut run, Some("waits")), Ok(2));
        for (task, code) in [("done", Code::Settled), ("nobody", Code::UnknownTask)] {
            match cancel_in(&mut run, Some(task)) {
                Err(Answer::Refused { code: found, .. }) => assert_eq!(found, code),
                other => panic!("{task}: {other:?}"),
            }
        }
        assert_eq!(run.tasks[0].state, TaskState::Completed);
    }

    #[test]
    fn a_run_that_is_over_has_nothing_to_cancel() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        assert!(matches!(cancel_in(&mut run, None), Err(Answer::Refused { code: Code::Settled, .. })));
    }
}
