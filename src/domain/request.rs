//! What another process asks of the owner of a run, and what it is answered.

use super::event::Event;
use super::id::TaskId;
use super::person::PersonAsk;
use super::submission::{HandedIn, Kind};
use super::task::{Attempt, AttemptState, Task, Work};
use super::words::clean_line;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request, as it lies in the inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Made up by whoever asks; the same id twice is applied once.
    pub id: String,
    /// Proves which attempt asks; in a request of a person, that a person does.
    pub token: String,
    pub ask: Ask,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Take this in.
    Submit(Submission),
    /// The agent wants to end: may it?
    Stop,
    /// A person decides.
    Person(PersonAsk),
}

/// What is handed in. The body is checked by the owner of the run, not by whoever sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    pub kind: Kind,
    pub body: Value,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is taken in, the agent may end, or the decision holds. The attempt is 0 where it is about none.
    Accepted {
        task: String,
        attempt: u32,
    },
    Refused {
        code: Code,
        message: String,
        hint: String,
    },
}

/// Why a request is refused, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The token belongs to no attempt of this run.
    UnknownToken,
    /// The attempt has ended.
    Late,
    /// Something else was handed in before.
    Conflict,
    /// A field is missing, unknown or wrong.
    Invalid,
    /// The agent may not end: it has handed in nothing.
    NotSubmitted,
    /// A decision that no person signed.
    NotAPerson,
    UnknownGate,
    UnknownTask,
    /// The gate was decided before.
    Decided,
    /// The gate's time is over.
    TimedOut,
    /// The gate wants another kind of decision.
    NotFitting,
    /// The task does not need review.
    NotNeedsReview,
}

impl Code {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Code::UnknownToken => "unknown_token",
            Code::Late => "late",
            Code::Conflict => "conflict",
            Code::Invalid => "invalid",
            Code::NotSubmitted => "not_submitted",
            Code::NotAPerson => "not_a_person",
            Code::UnknownGate => "unknown_gate",
            Code::UnknownTask => "unknown_task",
            Code::Decided => "decided",
            Code::TimedOut => "timed_out",
            Code::NotFitting => "not_fitting",
            Code::NotNeedsReview => "not_needs_review",
        }
    }
}

/// What to type, as a hint for an agent.
pub const HOW_TO_SUBMIT: &str = "crew submit result --summary \"...\" --confidence 0.0-1.0 --rationale \"...\"   (or --json FILE, --json -)";

/// What an agent is told that ends, or wants to end, without having handed in anything.
pub fn reminder(task: &TaskId) -> String {
    format!(
        "You have not handed in anything for the task {task}, so it does not count as done. Hand it in now, from your \
         shell, and do not end before that was accepted:\n\n    {HOW_TO_SUBMIT}\n\nIf there was nothing to do: crew submit \
         noop --reason \"...\". If you cannot do it: crew submit blocked --reason \"...\"."
    )
}

/// The most characters of a message.
const MAX_MESSAGE: usize = 4_000;

/// Refuses a request.
pub fn refused(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Answer {
    // A name that it made up may stand in the message.
    Answer::Refused { code, message: clean_line(&message.into(), MAX_MESSAGE), hint: hint.into() }
}

/// Decides about a request. `asker` is the attempt that its token belongs to, open or ended.
///
/// Returns what has to be recorded, which is nothing for something handed in twice, and the answer.
pub fn receive(asker: Option<(&Task, &Attempt)>, request: &Request) -> (Option<Event>, Answer) {
    let Some((task, attempt)) = asker else {
        let answer = refused(
            Code::UnknownToken,
            "the token belongs to no attempt of this run",
            "submit from the agent's own shell",
        );
        return (Some(refusal(None, request, &answer)), answer);
    };
    let accepted = Answer::Accepted { task: task.spec.id.to_string(), attempt: attempt.number };
    match &request.ask {
        Ask::Stop if may_stop(task, attempt) => (None, accepted),
        Ask::Stop => {
            let event = Event::AgentNudged { task: task.spec.id.clone(), attempt: attempt.number };
            (Some(event), refused(Code::NotSubmitted, reminder(&task.spec.id), HOW_TO_SUBMIT))
        }
        // A person has no attempt.
        Ask::Person(_) => {
            let (event, answer) = refuse_stranger(request);
            (Some(event), answer)
        }
        Ask::Submit(submission) => match check(task, attempt, submission) {
            Ok(handed_in) if attempt.submission.as_deref() == Some(&handed_in) => (None, accepted),
            Ok(handed_in) => {
                let event = Event::SubmissionAccepted {
                    task: task.spec.id.clone(),
                    attempt: attempt.number,
                    request: request.id.clone(),
                    handed_in,
                };
                (Some(event), accepted)
            }
            Err(answer) => (Some(refusal(Some((task, attempt)), request, &answer)), answer),
        },
    }
}

/// Refuses a decision that no person of this account signed.
pub fn refuse_stranger(request: &Request) -> (Event, Answer) {
    let answer = refused(
        Code::NotAPerson,
        "only a person decides, and this request is not signed by one",
        "type it in your own shell, as the user that the run belongs to",
    );
    (refusal(None, request, &answer), answer)
}

/// Tells whether an agent may end. It is held back once, so that it cannot be held for ever.
fn may_stop(task: &Task, attempt: &Attempt) -> bool {
    let free = matches!(task.spec.work, Work::Agent { submit_optional: true, .. });
    free || attempt.submission.is_some() || attempt.nudged || !takes_requests(attempt)
}

fn takes_requests(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Starting | AttemptState::Running)
}

fn check(task: &Task, attempt: &Attempt, submission: &Submission) -> Result<HandedIn, Answer> {
    if !takes_requests(attempt) {
        let message = format!("attempt {} of {} has ended", attempt.number, task.spec.id);
        return Err(refused(Code::Late, message, "nothing more can be handed in for it"));
    }
    let handed_in = read(submission, task.spec.role())?;
    match attempt.submission.as_deref() {
        Some(first) if *first != handed_in => {
            let (kind, summary) = (first.kind().name(), clean_line(&first.summary(), 200));
            let message = format!("a different {kind} was handed in before: \"{summary}\"");
            Err(refused(Code::Conflict, message, "one attempt hands in one thing"))
        }
        _ => Ok(handed_in),
    }
}

/// Reads and checks what a role hands in, or says what is wrong with it.
pub fn read(submission: &Submission, role: &str) -> Result<HandedIn, Answer> {
    HandedIn::read(submission.kind, &submission.body, role)
        .map_err(|wrong| refused(Code::Invalid, wrong.message, how_to_submit(submission.kind)))
}

/// Returns what to type to hand in something of a kind.
pub fn how_to_submit(kind: Kind) -> &'static str {
    match kind {
        Kind::Result => HOW_TO_SUBMIT,
        Kind::Review => {
            "crew review submit --verdict approved|changes_requested --body \"...\" --findings FILE|-"
        }
        Kind::Noop => "crew submit noop --reason \"...\"",
        Kind::Blocked => "crew submit blocked --reason \"...\"",
    }
}

fn refusal(asker: Option<(&Task, &Attempt)>, request: &Request, answer: &Answer) -> Event {
    let reason = match answer {
        Answer::Refused { message, .. } => message.clone(),
        Answer::Accepted { .. } => String::new(),
    };
    Event::SubmissionRefused {
        task: asker.map(|(task, _)| task.spec.id.clone()),
        attempt: asker.map(|(_, attempt)| attempt.number),
        request: request.id.clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Outcome;
    use crate::domain::run::Run;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::time::Time;
    use serde_json::json;

    fn request(result: Value) -> Request {
        let submission = Submission { kind: Kind::Result, body: result };
        Request { id: "r1".into(), token: "t".into(), ask: Ask::Submit(submission) }
    }

    fn ask(run: &Run, result: Value) -> (Option<Event>, Answer) {
        let task = &run.tasks[0];
        receive(Some((task, task.last().unwrap())), &request(result))
    }

    fn good() -> Value {
        json!({"summary": "done", "confidence": 0.9, "rationale": "tests pass"})
    }

    fn code(answer: Answer) -> Option<Code> {
        match answer {
            Answer::Refused { code, .. } => Some(code),
            Answer::Accepted { .. } => None,
        }
    }

    #[test]
    fn the_same_twice_is_fine_and_something_else_is_a_conflict() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let (event, answer) = ask(&run, good());
        assert_eq!(answer, Answer::Accepted { task: "a".into(), attempt: 1 });
        run.apply(Time(2), &event.unwrap()).unwrap();
        assert_eq!(ask(&run, good()), (None, answer));
        let (event, other) = ask(&run, json!({"summary": "else", "confidence": 0.9, "rationale": "r"}));
        assert!(matches!(&other, Answer::Refused { message, .. } if message.contains("\"done\"")));
        assert_eq!(code(other), Some(Code::Conflict));
        assert!(matches!(event, Some(Event::SubmissionRefused { .. })));
    }

    #[test]
    fn an_ended_attempt_hands_in_nothing() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::NeedsReview, None)).unwrap();
        assert_eq!(code(ask(&run, good()).1), Some(Code::Late));
    }

    #[test]
    fn a_missing_field_is_named_as_the_agent_knows_it() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let (_, answer) = ask(&run, json!({"summary": "done", "rationale": "r"}));
        assert!(matches!(answer, Answer::Refused { message, .. } if message == "confidence is missing"));
    }

    #[test]
    fn a_strangers_token_is_refused_and_recorded() {
        let (event, answer) = receive(None, &request(good()));
        assert_eq!(code(answer), Some(Code::UnknownToken));
        assert!(matches!(event, Some(Event::SubmissionRefused { task: None, .. })));
    }
}
