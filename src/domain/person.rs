//! What a person asks of the owner of a run, and the proof that it was a person of this account.
//!
//! A request of a person lies in the same inbox as those of agents, and an agent in a sandbox may write there. So it is
//! signed with a key that the user's configuration folder holds and no run hands to a child. An agent that runs without
//! any sandbox can do what its user can; crew then still refuses what is typed in an agent's shell (see `commands`).

use super::cancelling;
use super::dead_letter;
use super::event::Event;
use super::gate::{self, Decision, GateId};
use super::id::{RunId, TaskId};
use super::request::{Answer, Ask, Code, Request, refused};
use super::requeue::{self, Order};
use super::review::by_person;
use super::review::deciding;
use super::run::Run;
use super::signed;
use super::submission::ReviewBody;
use super::time::Time;
use super::words::clean_line;
use serde::{Deserialize, Serialize};

/// The most characters of a person's name.
const MAX_NAME: usize = 100;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonAsk {
    /// The run that is meant. It is signed with the rest: gates have the same names in every repository, so what was
    /// decided in one would else count in all of them.
    pub run: RunId,
    /// Who asks, as the record shows it.
    pub by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    pub what: What,
}

/// The matter of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Decide {
        gate: GateId,
        #[serde(flatten)]
        decision: Decision,
    },
    /// Let the work of a task that needs review count.
    Accept { task: TaskId },
    /// Do not do a task, or with none named the whole run.
    Cancel {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<TaskId>,
    },
    /// Put tasks back to the queue; the note is for their agents.
    Requeue(Box<Order>),
    /// Give a task up.
    GiveUp { task: TaskId },
    /// Let a dead letter go.
    DropDeadLetter { task: TaskId },
    /// Take in a review of what the run reviews.
    Review(Box<ReviewBody>),
    /// Say what becomes of findings; the note is why.
    DecideFinding(Box<deciding::Order>),
}

impl What {
    /// Returns the tasks whose folders may hold something that has to be kept before this is done.
    pub fn touches(&self) -> &[TaskId] {
        match self {
            What::Accept { task } => std::slice::from_ref(task),
            What::Requeue(order) => &order.tasks,
            What::Decide { .. }
            | What::Cancel { .. }
            | What::GiveUp { .. }
            | What::DropDeadLetter { .. }
            | What::Review(_)
            | What::DecideFinding(_) => &[],
        }
    }
}

/// Makes a request of a person; `key` is the secret of the account.
pub fn request(id: String, key: &str, ask: PersonAsk) -> Request {
    let ask = Ask::Person(ask);
    Request { token: signed::code_of(&id, &ask, key), id, ask }
}

/// Tells whether a request of a person was signed with the key, for this run.
pub fn is_signed(request: &Request, run: &RunId, key: &str) -> bool {
    let is_meant = matches!(&request.ask, Ask::Person(ask) if ask.run == *run);
    is_meant && signed::is_code_of(&request.token, &request.id, &request.ask, key)
}

/// Decides about what a person asks. Returns what has to be recorded, which is nothing for a decision taken before in
/// the same words, and the answer.
pub fn receive(run: &Run, ask: &PersonAsk, now: Time) -> (Vec<Event>, Answer) {
    let by = clean_line(&ask.by, MAX_NAME);
    if by.is_empty() {
        let answer = refused(Code::Invalid, "the name of who decides is missing", "--by NAME says it");
        return (Vec::new(), answer);
    }
    let who = (by.as_str(), ask.note.as_str());
    let decided = match &ask.what {
        What::Decide { gate, decision } => gate::decide(run, *gate, decision, who, now).map(|event| {
            let about = run.gate(*gate).map(|gate| (gate.task.to_string(), gate.attempt.unwrap_or(0)));
            (event.into_iter().collect(), about.unwrap_or_default())
        }),
        What::Accept { task } => gate::accept(run, task, who).map(|events| (events, newest(run, task))),
        What::Requeue(order) => requeue::requeue(run, order, who, now)
            .map(|events| (events, order.tasks.first().map(|task| newest(run, task)).unwrap_or_default())),
        What::GiveUp { task } => dead_letter::add(run, task, who).map(|events| (events, newest(run, task))),
        What::DropDeadLetter { task } => {
            dead_letter::drop_letter(run, task, who).map(|events| (events, newest(run, task)))
        }
        What::Review(review) => by_person::hand_in(run, review, &by).map(|events| (events, (by.clone(), 0))),
        What::DecideFinding(order) => deciding::decide(run, order, who).map(|events| {
            let who = order.fingerprints.first().and_then(|first| deciding::found(run).remove(first));
            (events, (who.unwrap_or_default().to_owned(), 0))
        }),
        What::Cancel { task } => {
            let name = task.as_ref().map(TaskId::to_string).unwrap_or_default();
            cancelling::cancel(run, task.as_ref(), who).map(|events| (events, (name, 0)))
        }
    };
    match decided {
        Ok((events, (task, attempt))) => (events, Answer::Accepted { task, attempt, ignored: vec![] }),
        Err(answer) => (Vec::new(), answer),
    }
}

/// Names a task and its newest attempt, 0 where it has none.
fn newest(run: &Run, task: &TaskId) -> (String, u32) {
    (task.to_string(), run.task(task).map_or(0, |task| task.attempts.len() as u32))
}
