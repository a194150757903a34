//! Settles a request of another process, on behalf of whoever owns the run.

use crate::domain::event::Event;
use crate::domain::request::{self, Answer, Code};
use crate::domain::run::Run;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::database::{Answered, Applied, Store};
use crate::store::inbox::Incoming;

/// What came of a request: what to write, and what to answer.
#[derive(Debug)]
pub struct Settled {
    pub applied: Option<Applied>,
    /// The answer as JSON; kept with the request's id, so that the same request is answered the same.
    pub answered: Answered,
}

/// Decides about a request and applies it to the run in memory. The caller owns the run and writes what comes of it.
pub fn settle(store: &Store, run: &mut Run, incoming: &Incoming, now: Time) -> Result<Settled, StoreError> {
    let kept = |answer: String| Answered { request: incoming.id.clone(), answer };
    if let Some(answer) = store.answer_to(&incoming.id)? {
        return Ok(Settled { applied: None, answered: kept(answer) });
    }
    let (event, answer) = match &incoming.request {
        Ok(request) => {
            let owner = store.attempt_of_token(&sha256(request.token.as_bytes()))?;
            let asker = owner.filter(|(of, ..)| *of == run.id).and_then(|(_, task, number)| {
                let task = run.tasks.iter().find(|known| known.spec.id.as_str() == task)?;
                Some((task, task.attempts.get(number as usize - 1)?))
            });
            request::receive(asker, request)
        }
        Err(why) => {
            let event = Event::SubmissionRefused {
                task: None,
                attempt: None,
                request: incoming.id.clone(),
                reason: why.clone(),
            };
            let hint = request::HOW_TO_SUBMIT.to_owned();
            (Some(event), Answer::Refused { code: Code::Invalid, message: why.clone(), hint })
        }
    };
    let applied = event.map(|event| Applied::to(run, now, event)).transpose()?;
    let answer = serde_json::to_string(&answer).unwrap_or_default();
    Ok(Settled { applied, answered: kept(answer) })
}
