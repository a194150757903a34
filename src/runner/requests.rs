//! Settles a request of another process, on behalf of whoever owns the run.

use super::accepted_work;
use super::handed_in_files;
use crate::domain::event::Event;
use crate::domain::person::{self, PersonAsk, What};
use crate::domain::redact::Redactor;
use crate::domain::request::{self, Answer, Ask, Code, Request};
use crate::domain::run::Run;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::database::{Answered, Applied, Store};
use crate::store::inbox::Incoming;
use serde_json::Value;

/// What came of a request: what to write, and what to answer.
#[derive(Debug)]
pub struct Settled {
    pub applied: Vec<Applied>,
    /// The answer as JSON; kept with the request's id, so that the same request is answered the same.
    pub answered: Answered,
}

/// Decides about a request and applies it to the run in memory. The caller owns the run and writes what comes of it.
/// `person_key` is the secret by which a person is known; without one, no person is.
///
/// `words` hides the secrets of whoever asks: what is handed in is made safe before anything looks at it, so that
/// nothing else is ever recorded, compared or answered.
pub fn settle(
    store: &Store,
    run: &mut Run,
    incoming: &Incoming,
    person_key: Option<&str>,
    words: &Redactor,
    now: Time,
) -> Result<Settled, StoreError> {
    let kept = |answer: String| Answered { request: incoming.id.clone(), answer };
    if let Some(answer) = store.answer_to(&incoming.id)? {
        return Ok(Settled { applied: Vec::new(), answered: kept(answer) });
    }
    let (events, answer) = match &incoming.request {
        Ok(request @ Request { ask: Ask::Person(ask), .. }) => {
            if person_key.is_some_and(|key| person::is_signed(request, &run.id, key)) {
                match keep_accepted(store, run, ask) {
                    Ok(kept) => {
                        let mut seen = run.clone();
                        if let Some(kept) = &kept {
                            // What was kept just now is what the word is about.
                            let _ = seen.apply(now, kept);
                        }
                        let (events, answer) = person::receive(&seen, ask, now);
                        (kept.into_iter().chain(events).collect(), answer)
                    }
                    Err(answer) => (Vec::new(), answer),
                }
            } else {
                let (event, answer) = request::refuse_stranger(request);
                (vec![event], answer)
            }
        }
        Ok(request) => {
            let owner = store.attempt_of_token(&sha256(request.token.as_bytes()))?;
            let asker = owner.filter(|(of, ..)| *of == run.id).and_then(|(_, task, number)| {
                let task = run.tasks.iter().find(|known| known.spec.id.as_str() == task)?;
                Some((task, task.attempts.get(number as usize - 1)?))
            });
            let received = request::receive(asker, &made_safe(request, words), &run.roster);
            let paths = store.paths(&run.id);
            let repository = store.layout().repository();
            let tree = asker.map_or(repository.to_owned(), |(_, attempt)| attempt.folder(repository));
            let (event, answer) = handed_in_files::take_in(&tree, &paths, received)?;
            (event.into_iter().collect(), answer)
        }
        Err(why) => {
            let event = Event::SubmissionRefused {
                task: None,
                attempt: None,
                request: incoming.id.clone(),
                submission: None,
                code: Code::Invalid,
                reason: words.line(why, MAX_REASON),
                ignored: vec![],
            };
            let hint = request::HOW_TO_SUBMIT.to_owned();
            (vec![event], Answer::Refused { code: Code::Invalid, message: words.line(why, MAX_REASON), hint })
        }
    };
    let applied: Result<_, _> = events.into_iter().map(|event| Applied::to(run, now, event)).collect();
    let answer = serde_json::to_string(&answer).unwrap_or_default();
    Ok(Settled { applied: applied?, answered: kept(answer) })
}

/// Puts on a task's branch what lies in its folder, where a person accepts it; what is accepted is what they see there.
fn keep_accepted(store: &Store, run: &Run, ask: &PersonAsk) -> Result<Option<Event>, Answer> {
    let What::Accept { task } = &ask.what else { return Ok(None) };
    accepted_work::keep(store.layout().repository(), run, task).map_err(|why| {
        let message = format!("what lies in the folder of {task} could not be kept: {why}");
        request::refused(Code::NotKept, message, "put that right in its folder, and accept it again")
    })
}

/// The most characters of what is told about a request that cannot be understood.
const MAX_REASON: usize = 1_000;

fn made_safe(request: &Request, words: &Redactor) -> Request {
    let mut safe = request.clone();
    if let Ask::Submit(submission) = &mut safe.ask {
        // Files are what the agent makes, and no words: they go into the tree as they are, and stay out of the record.
        let files = submission.body.get_mut("files").map(Value::take);
        words.value(&mut submission.body);
        if let Some(files) = files {
            submission.body["files"] = files;
        }
    }
    safe
}
