//! What another process asks of the owner of a run, and what it is answered.

use super::error_kind::ErrorKind;
use super::event::Event;
use super::person::PersonAsk;
use super::result_files::{self, ResultFile};
use super::submission::{HandedIn, IDENTITY, Kind, MAX_NOTES, Refusal, Statement, Terms};
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
        /// Names of values that crew knows by itself; what the agent gave for them counts for nothing.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    Refused {
        code: Code,
        message: String,
        hint: String,
    },
}

/// Why a request is refused, for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The token belongs to no attempt of this run.
    UnknownToken,
    /// The attempt has ended.
    Late,
    /// Something else was handed in before.
    Conflict,
    /// A field is missing, unknown or wrong.
    #[default]
    Invalid,
    /// The attempt has handed in as many notes as it may.
    TooMany,
    /// A path in `files` leads where nothing of an agent may go.
    UnsafePath,
    /// The agent may not end: it has handed in nothing.
    NotSubmitted,
    /// A decision that no person signed.
    NotAPerson,
    UnknownGate,
    UnknownTask,
    /// No reviewer of the run found that.
    UnknownFinding,
    /// The gate, or what becomes of the finding, was decided before.
    Decided,
    /// The gate's time is over.
    TimedOut,
    /// The gate wants another kind of decision.
    NotFitting,
    /// The task does not need review.
    NotNeedsReview,
    /// There is nothing left of it that could be cancelled.
    Settled,
    /// The task is in no state from which it could go back to the queue.
    NotFailed,
    /// An attempt is at work on the task.
    Busy,
    /// The task goes back only for a reason.
    NeedsForce,
    /// The task would be skipped at once.
    WouldBeSkipped,
    /// No budget is left for the task.
    BudgetExceeded,
    /// The task was given up before.
    DeadLettered,
    /// The task was not given up.
    NoDeadLetter,
    /// What the task did could not be kept, or what lies in its folder cannot be put on its branch.
    NotKept,
}

impl Code {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Code::UnknownToken => "unknown_token",
            Code::Late => "late",
            Code::Conflict => "conflict",
            Code::Invalid => "invalid",
            Code::TooMany => "too_many",
            Code::UnsafePath => "unsafe_path",
            Code::NotSubmitted => "not_submitted",
            Code::NotAPerson => "not_a_person",
            Code::UnknownGate => "unknown_gate",
            Code::UnknownTask => "unknown_task",
            Code::UnknownFinding => "unknown_finding",
            Code::Decided => "decided",
            Code::TimedOut => "timed_out",
            Code::NotFitting => "not_fitting",
            Code::NotNeedsReview => "not_needs_review",
            Code::Settled => "settled",
            Code::NotFailed => "not_failed",
            Code::Busy => "busy",
            Code::NeedsForce => "needs_force",
            Code::WouldBeSkipped => "would_be_skipped",
            Code::BudgetExceeded => "budget_exceeded",
            Code::DeadLettered => "dead_lettered",
            Code::NoDeadLetter => "no_dead_letter",
            Code::NotKept => "not_kept",
        }
    }

    /// Returns as what an attempt fails that ends with such a refusal and nothing that was taken in.
    pub fn fails_as(self) -> Option<ErrorKind> {
        match self {
            Code::Invalid => Some(ErrorKind::InvalidSubmission),
            Code::UnsafePath => Some(ErrorKind::UnsafePath),
            _ => None,
        }
    }
}

/// What to type, as a hint for an agent.
pub const HOW_TO_SUBMIT: &str = "crew submit result --summary \"...\" --confidence 0.0-1.0 --rationale \"...\"   (or --json FILE, --json -)";

/// What a reviewer is to type.
pub const HOW_TO_REVIEW: &str =
    "crew review submit --verdict approved|changes_requested --body \"...\" --findings FILE|-";

/// What to do about files that are refused, as a hint for an agent.
pub const HOW_TO_CORRECT_FILES: &str = "correct files and submit again; nothing has been changed   (crew submit result --dry-run --json FILE tries it)";

/// What an agent is told that ends, or wants to end, without having handed in anything.
pub fn reminder(task: &Task, attempt: &Attempt) -> String {
    let refused = match &attempt.refusal {
        Some(refusal) => format!(" What you tried was refused: {}.", refusal.message),
        None => String::new(),
    };
    let (how, nothing) = match task.spec.reviews.is_some() {
        true => (HOW_TO_REVIEW, ""),
        false => (HOW_TO_SUBMIT, "If there was nothing to do: crew submit noop --reason \"...\". "),
    };
    format!(
        "You have not handed in anything for the task {}, so it does not count as done.{refused} Hand it in now, from your \
         shell, and do not end before that was accepted:\n\n    {how}\n\n{nothing}If you cannot do it: crew submit blocked \
         --reason \"...\".",
        task.spec.id
    )
}

/// The most characters of a message.
const MAX_MESSAGE: usize = 4_000;

/// Refuses a request.
pub fn refused(code: Code, message: impl Into<String>, hint: impl Into<String>) -> Answer {
    // A name that it made up may stand in the message.
    Answer::Refused { code, message: clean_line(&message.into(), MAX_MESSAGE), hint: hint.into() }
}

/// Decides about a request. `asker` is the attempt that its token belongs to, open or ended; `roster` are the persons
/// that the run knows.
///
/// Returns what has to be recorded, which is nothing for something handed in twice, and the answer.
pub fn receive(
    asker: Option<(&Task, &Attempt)>,
    request: &Request,
    roster: &[String],
) -> (Option<Event>, Answer) {
    receive_read(asker, request, |(task, _), submission| Read::of(submission, &Terms::of(task, roster), Ok))
}

/// What was handed in, read and checked as far as nothing that happens meanwhile changes that.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    statement: Result<Statement, Answer>,
    /// Names of values that crew knows by itself.
    ignored: Vec<String>,
}

impl Read {
    /// Reads a submission. `look` looks at it in the repository; the same thing handed in twice has to come out the same.
    pub fn of(
        submission: &Submission,
        terms: &Terms,
        look: impl FnOnce(HandedIn) -> Result<HandedIn, Answer>,
    ) -> Read {
        let (body, ignored) = without_identity(&submission.body);
        let statement = read(submission.kind, &body, terms).and_then(|statement| {
            may_change(&statement, terms)?;
            match statement {
                Statement::Conclusion(handed_in) => look(handed_in).map(Statement::Conclusion),
                note @ Statement::Note(_) => Ok(note),
            }
        });
        Read { statement, ignored }
    }
}

/// Does the same as [`receive`] where what is handed in is read by `read`, or was before. Of an attempt that has ended
/// nothing is.
pub fn receive_read(
    asker: Option<(&Task, &Attempt)>,
    request: &Request,
    read: impl FnOnce((&Task, &Attempt), &Submission) -> Read,
) -> (Option<Event>, Answer) {
    let Some((task, attempt)) = asker else {
        let answer = refused(
            Code::UnknownToken,
            "the token belongs to no attempt of this run",
            "submit from the agent's own shell",
        );
        return (Some(refusal(None, request, &answer, vec![])), answer);
    };
    let (id, number) = (task.spec.id.clone(), attempt.number);
    let accepted = |ignored: &[String]| Answer::Accepted {
        task: id.to_string(),
        attempt: number,
        ignored: ignored.to_vec(),
    };
    let submission = match &request.ask {
        Ask::Stop if may_stop(task, attempt) => return (None, accepted(&[])),
        Ask::Stop => {
            let message = reminder(task, attempt);
            let event = Event::AgentNudged { task: id.clone(), attempt: number };
            let how = if task.spec.reviews.is_some() { HOW_TO_REVIEW } else { HOW_TO_SUBMIT };
            return (Some(event), refused(Code::NotSubmitted, message, how));
        }
        // A person has no attempt.
        Ask::Person(_) => {
            let (event, answer) = refuse_stranger(request);
            return (Some(event), answer);
        }
        Ask::Submit(submission) => submission,
    };
    let Read { statement, ignored } = match takes_requests(attempt) {
        true => read((task, attempt), submission),
        false => Read { statement: Err(late(task, attempt)), ignored: without_identity(&submission.body).1 },
    };
    let answer = accepted(&ignored);
    let request_id = request.id.clone();
    match statement.and_then(|statement| unless_it_is_another(attempt, statement)) {
        Ok(Statement::Note(note)) => {
            let event = Event::NoteTaken { task: id, attempt: number, request: request_id, note, ignored };
            (Some(event), answer)
        }
        Ok(Statement::Conclusion(same)) if attempt.submission.as_deref() == Some(&same) => (None, answer),
        Ok(Statement::Conclusion(handed_in)) => {
            let event = Event::SubmissionAccepted {
                task: id,
                attempt: number,
                request: request_id,
                handed_in,
                ignored,
            };
            (Some(event), answer)
        }
        Err(answer) => (Some(refusal(Some((task, attempt)), request, &answer, ignored)), answer),
    }
}

/// Takes out of a body what crew knows by itself, and returns the names of what was taken out.
pub fn without_identity(body: &Value) -> (Value, Vec<String>) {
    let mut body = body.clone();
    let mut ignored = Vec::new();
    if let Some(fields) = body.as_object_mut() {
        ignored.extend(
            IDENTITY.iter().filter(|name| fields.remove(**name).is_some()).map(|name| (*name).into()),
        );
    }
    (body, ignored)
}

/// Refuses a decision that no person of this account signed.
pub fn refuse_stranger(request: &Request) -> (Event, Answer) {
    let answer = refused(
        Code::NotAPerson,
        "only a person decides, and this request is not signed by one",
        "type it in your own shell, as the user that the run belongs to",
    );
    (refusal(None, request, &answer, vec![]), answer)
}

/// Tells whether an agent may end. It is held back once, so that it cannot be held for ever.
fn may_stop(task: &Task, attempt: &Attempt) -> bool {
    let free = matches!(task.spec.work, Work::Agent { submit_optional: true, .. });
    free || attempt.submission.is_some() || attempt.nudged || !takes_requests(attempt)
}

/// Tells whether an attempt may hand in anything.
pub fn takes_requests(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Starting | AttemptState::Running)
}

fn late(task: &Task, attempt: &Attempt) -> Answer {
    let message = format!("attempt {} of {} has ended", attempt.number, task.spec.id);
    refused(Code::Late, message, "nothing more can be handed in for it")
}

/// Refuses what an attempt hands in beside something else, and more notes than it may.
fn unless_it_is_another(attempt: &Attempt, statement: Statement) -> Result<Statement, Answer> {
    match (&statement, attempt.submission.as_deref()) {
        (Statement::Conclusion(handed_in), Some(first)) if first != handed_in => {
            Err(conflict(first, handed_in))
        }
        (Statement::Note(_), _) if attempt.notes.len() >= MAX_NOTES => {
            let message = format!("{MAX_NOTES} notes have been handed in, and no more are taken");
            Err(refused(Code::TooMany, message, "go on with the task, and hand in what it comes to"))
        }
        _ => Ok(statement),
    }
}

fn conflict(first: &HandedIn, second: &HandedIn) -> Answer {
    let (kind, summary) = (first.kind().name(), clean_line(&first.summary(), 200));
    let different = if first.kind() == second.kind() { "different " } else { "" };
    let message = format!("a {different}{kind} was handed in before: \"{summary}\"");
    refused(Code::Conflict, message, "one attempt hands in one thing")
}

/// Reads and checks what a role hands in, or says what is wrong with it.
pub fn read(kind: Kind, body: &Value, terms: &Terms) -> Result<Statement, Answer> {
    Statement::read(kind, body, terms).map_err(|wrong| refused_for(wrong, kind))
}

fn refused_for(wrong: Refusal, kind: Kind) -> Answer {
    let (code, how) = match wrong.field.as_str() {
        result_files::UNSAFE_PATH => (Code::UnsafePath, HOW_TO_CORRECT_FILES),
        result_files::FILES => (Code::Invalid, HOW_TO_CORRECT_FILES),
        _ => (Code::Invalid, how_to_submit(kind)),
    };
    refused(code, wrong.message, wrong.hint.unwrap_or_else(|| how.to_owned()))
}

/// Refuses files to be changed that a role hands in which may not write.
pub fn may_change(statement: &Statement, terms: &Terms) -> Result<(), Answer> {
    let Statement::Conclusion(handed_in) = statement else { return Ok(()) };
    if terms.writes || !handed_in.files().iter().any(ResultFile::is_change) {
        return Ok(());
    }
    let role = &terms.role;
    let message = format!("the role {role} is read-only: in files it may only name paths that exist");
    Err(refused(Code::Invalid, message, "put what should be changed into details, in words"))
}

/// Turns an acceptance into a refusal, for a reason that only the owner of the run can see in the tree.
pub fn refuse_accepted(event: Event, code: Code, message: String) -> (Event, Answer) {
    let answer = refused(code, message, HOW_TO_CORRECT_FILES);
    let Answer::Refused { message: reason, .. } = &answer else { return (event, answer) };
    let event = match event {
        Event::SubmissionAccepted { task, attempt, request, handed_in, ignored } => {
            let (task, attempt, reason) = (Some(task), Some(attempt), reason.clone());
            let submission = Some(handed_in.kind());
            Event::SubmissionRefused { task, attempt, request, submission, code, reason, ignored }
        }
        other => other,
    };
    (event, answer)
}

/// Returns what to type to hand in something of a kind.
pub fn how_to_submit(kind: Kind) -> &'static str {
    match kind {
        Kind::Result => HOW_TO_SUBMIT,
        Kind::Review => HOW_TO_REVIEW,
        Kind::Noop => "crew submit noop --reason \"...\"",
        Kind::Blocked => "crew submit blocked --reason \"...\"",
        Kind::Escalation => "crew submit escalation --to NAME --reason \"...\"",
        Kind::Plan => {
            "crew submit plan --summary \"...\" --step \"...\" --step \"...\" --confidence 0.0-1.0 --rationale \"...\"   (or --json FILE, --json -)"
        }
        Kind::Question => {
            "crew submit question --question \"...\" --option A --option B --default A --deadline-seconds 600"
        }
        Kind::Hypothesis => {
            "crew submit hypothesis --statement \"...\" --confidence 0.0-1.0 --rationale \"...\""
        }
        Kind::Progress => "crew submit progress --message \"...\" --percent 40",
    }
}

fn refusal(
    asker: Option<(&Task, &Attempt)>,
    request: &Request,
    answer: &Answer,
    ignored: Vec<String>,
) -> Event {
    let (code, reason) = match answer {
        Answer::Refused { code, message, .. } => (*code, message.clone()),
        Answer::Accepted { .. } => (Code::default(), String::new()),
    };
    let submission = match &request.ask {
        Ask::Submit(submission) => Some(submission.kind),
        Ask::Stop | Ask::Person(_) => None,
    };
    Event::SubmissionRefused {
        task: asker.map(|(task, _)| task.spec.id.clone()),
        attempt: asker.map(|(_, attempt)| attempt.number),
        request: request.id.clone(),
        submission,
        code,
        reason,
        ignored,
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
        receive(Some((task, task.last().unwrap())), &request(result), &[])
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
        assert_eq!(answer, Answer::Accepted { task: "a".into(), attempt: 1, ignored: vec![] });
        run.apply(Time(2), &event.unwrap()).unwrap();
        assert_eq!(ask(&run, good()), (None, answer));
        let (event, other) = ask(&run, json!({"summary": "else", "confidence": 0.9, "rationale": "r"}));
        assert!(matches!(&other, Answer::Refused { message, .. } if message.contains("\"done\"")));
        assert_eq!(code(other), Some(Code::Conflict));
        assert!(matches!(event, Some(Event::SubmissionRefused { .. })));
    }

    fn submit(run: &Run, kind: Kind, body: Value) -> (Option<Event>, Answer) {
        let task = &run.tasks[0];
        let ask = Ask::Submit(Submission { kind, body });
        let request = Request { id: "r".into(), token: "t".into(), ask };
        receive(Some((task, task.last().unwrap())), &request, &["alice".into()])
    }

    #[test]
    fn one_attempt_concludes_once_whatever_the_kind() {
        let first = json!({"question": "Which one?", "options": ["a", "b"]});
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let (event, _) = submit(&run, Kind::Question, first.clone());
        run.apply(Time(2), &event.unwrap()).unwrap();
        assert_eq!(submit(&run, Kind::Question, first).0, None);
        let others = [
            (Kind::Result, good(), "a question was handed in before: \"it asks: Which one? (a, b)\""),
            (Kind::Blocked, json!({"reason": "r"}), "a question was handed in before"),
            (Kind::Escalation, json!({"to": "alice", "reason": "r"}), "a question was handed in before"),
            (Kind::Question, json!({"question": "Or else?"}), "a different question was handed in before"),
        ];
        for (kind, body, expected) in others {
            let (event, answer) = submit(&run, kind, body);
            assert!(
                matches!(&answer, Answer::Refused { message, .. } if message.starts_with(expected)),
                "{answer:?}"
            );
            let Some(Event::SubmissionRefused { submission, code, .. }) = event else { panic!("{kind:?}") };
            assert_eq!((submission, code), (Some(kind), Code::Conflict));
            run.apply(Time(3), &submit(&run, kind, json!({})).0.unwrap()).unwrap();
        }
        // A note is none of it.
        assert_eq!(code(submit(&run, Kind::Progress, json!({"message": "m"})).1), None);
    }

    #[test]
    fn notes_are_taken_up_to_a_bound() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        for _ in 0..MAX_NOTES {
            let (event, answer) = submit(&run, Kind::Progress, json!({"message": "the same"}));
            assert_eq!(code(answer), None);
            run.apply(Time(2), &event.unwrap()).unwrap();
        }
        let (event, answer) = submit(&run, Kind::Progress, json!({"message": "the same"}));
        assert!(matches!(&answer, Answer::Refused { message, .. } if message.starts_with("200 notes")));
        assert_eq!(code(answer), Some(Code::TooMany));
        run.apply(Time(3), &event.unwrap()).unwrap();
        assert_eq!(run.tasks[0].last().unwrap().refusal, None);
        let (event, _) = ask(&run, good());
        assert!(matches!(event, Some(Event::SubmissionAccepted { .. })));
    }

    #[test]
    fn what_crew_knows_by_itself_is_ignored_and_noted() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let mut body = good();
        for name in IDENTITY {
            body[name] = json!("of another");
        }
        let (event, answer) = ask(&run, body.clone());
        let names: Vec<String> = IDENTITY.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(answer, Answer::Accepted { task: "a".into(), attempt: 1, ignored: names.clone() });
        let event = event.unwrap();
        let Event::SubmissionAccepted { task, attempt: 1, ignored, .. } = &event else { panic!("{event:?}") };
        assert_eq!((task.as_str(), ignored), ("a", &names));
        run.apply(Time(2), &event).unwrap();
        // Without them, it is the same.
        assert_eq!(ask(&run, good()).0, None);
        body["sumary"] = json!("x");
        let (event, _) = ask(&run, body);
        assert!(matches!(event, Some(Event::SubmissionRefused { ignored, .. }) if ignored == names));
    }

    #[test]
    fn the_last_refusal_is_kept_while_the_attempt_is_open() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        for (body, message) in
            [(json!({}), "summary is missing"), (json!({"summary": "s"}), "confidence is missing")]
        {
            let (event, _) = ask(&run, body);
            run.apply(Time(2), &event.unwrap()).unwrap();
            let refusal = run.tasks[0].last().unwrap().refusal.clone().unwrap();
            assert_eq!((refusal.code, refusal.message.as_str()), (Code::Invalid, message));
        }
        let attempt = run.tasks[0].last().unwrap();
        assert!(reminder(&run.tasks[0], attempt).contains("was refused: confidence is missing."));
        run.apply(Time(3), &ended("a", 1, Outcome::Failed, None)).unwrap();
        let (late, _) = ask(&run, good());
        run.apply(Time(4), &late.unwrap()).unwrap();
        // A note that is wrong is no attempt to deliver.
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &submit(&run, Kind::Progress, json!({})).0.unwrap()).unwrap();
        assert_eq!(run.tasks[0].last().unwrap().refusal, None);
    }

    #[test]
    fn refusals_of_the_first_records_are_read() {
        let text = r#"{"kind":"submission_refused","task":"a","attempt":1,"request":"r","reason":"why"}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert!(matches!(event, Event::SubmissionRefused { submission: None, code: Code::Invalid, .. }));
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
        let (event, answer) = receive(None, &request(good()), &[]);
        assert_eq!(code(answer), Some(Code::UnknownToken));
        assert!(matches!(event, Some(Event::SubmissionRefused { task: None, .. })));
    }
}
