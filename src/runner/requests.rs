//! Settles a request of another process, on behalf of whoever owns the run.

use super::accepted_work;
use super::dead_letters;
use super::environment;
use super::handed_in_files;
use super::left_at_work;
use super::reviewing::{self, Reading};
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::person::{self, PersonAsk, What};
use crate::domain::redact::Redactor;
use crate::domain::request::{self, Answer, Ask, Code, Read, Request};
use crate::domain::requeue;
use crate::domain::review::rounds;
use crate::domain::run::Run;
use crate::domain::submission::ReviewBody;
use crate::domain::task::{Attempt, Task};
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::artifacts::sha256;
use crate::store::database::{Answered, Applied, Store};
use crate::store::inbox::Incoming;
use std::path::Path;

/// What came of a request: what to write, and what to answer.
#[derive(Debug)]
pub struct Settled {
    pub applied: Vec<Applied>,
    /// The answer as JSON; kept with the request's id, so that the same request is answered the same.
    pub answered: Answered,
}

/// What was done for a person's request before it is decided about: what lay in the folders of tasks that it is about is
/// on their branches, and what they found has its places.
#[derive(Debug, Default)]
pub struct KeptFirst {
    /// What is to be recorded of that, whatever becomes of the request: the branches have moved.
    pub events: Vec<Event>,
    /// Their review, with places.
    review: Option<Box<ReviewBody>>,
    /// Why nothing else is done.
    refused: Option<Answer>,
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
    let kept = match keeps_first(store, run, incoming, person_key, now)? {
        Some(ask) => keep_first(store.layout().repository(), run, ask),
        None => KeptFirst::default(),
    };
    settle_after(store, run, incoming, (kept, None), person_key, words, now)
}

/// Does the same where git has done its part already, which may take long; what an agent hands in may have been read.
pub fn settle_after(
    store: &Store,
    run: &mut Run,
    incoming: &Incoming,
    (kept_first, read): (KeptFirst, Option<Read>),
    person_key: Option<&str>,
    words: &Redactor,
    now: Time,
) -> Result<Settled, StoreError> {
    let kept = |answer: String| Answered { request: incoming.id.clone(), answer };
    if let Some(answer) = store.answer_to(&incoming.id)? {
        tracing::info!(request = incoming.id, "a request that was answered before is answered the same");
        return Ok(Settled { applied: Vec::new(), answered: kept(answer) });
    }
    let (events, answer) = match &incoming.request {
        Ok(request @ Request { ask: Ask::Person(ask), .. }) => {
            if person_key.is_some_and(|key| person::is_signed(request, &run.id, key)) {
                let KeptFirst { events: kept, review, refused } = kept_first;
                let (events, answer) = match refused {
                    Some(answer) => (Vec::new(), answer),
                    None => {
                        let mut seen = run.clone();
                        for kept in &kept {
                            // What was kept just now is what the word is about.
                            let _ = seen.apply(now, kept);
                        }
                        let mut ask = ask.clone();
                        if let Some(placed) = review {
                            ask.what = What::Review(placed);
                        }
                        let (events, answer) = person::receive(&seen, &ask, now);
                        (complete(store, run, events, now)?, answer)
                    }
                };
                (kept.into_iter().chain(events).collect(), answer)
            } else {
                let (event, answer) = request::refuse_stranger(request);
                (vec![event], answer)
            }
        }
        Ok(request) => {
            let asker = asker_of(store, run, request)?;
            let paths = store.paths(&run.id);
            let repository = store.layout().repository();
            let received = request::receive_read(asker, request, |asker, submission| {
                read.unwrap_or_else(|| Reading::of(repository, run, asker).read(submission, words))
            });
            let tree = asker.map_or(repository.to_owned(), |(_, attempt)| attempt.folder(repository));
            let (event, answer) = handed_in_files::take_in(&tree, &paths, received)?;
            (event.into_iter().flat_map(|event| reviewing::with_decisions(run, event)).collect(), answer)
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
    let applied: Result<Vec<Applied>, _> =
        events.into_iter().map(|event| Applied::to(run, now, event)).collect();
    let mut applied = applied?;
    if matches!(&incoming.request, Ok(Request { ask: Ask::Person(_), .. })) {
        // Where a review has come to its verdict by a person's word, what follows from that is said with it.
        for begun in rounds::due(run) {
            applied.push(Applied::to(run, now, begun)?);
        }
    }
    let kinds: Vec<&str> = applied.iter().map(|applied| applied.event().kind()).collect();
    match &answer {
        Answer::Accepted { task, .. } => {
            tracing::info!(request = incoming.id, task, records = kinds.join(","), "a request is accepted")
        }
        Answer::Refused { code, message, .. } => {
            let records = kinds.join(",");
            tracing::info!(
                request = incoming.id,
                code = code.name(),
                why = message,
                records,
                "a request is refused"
            )
        }
    }
    let answer = serde_json::to_string(&answer).unwrap_or_default();
    Ok(Settled { applied, answered: kept(answer) })
}

/// Returns the attempt of a run that a request comes from, by its token.
fn asker_of<'a>(
    store: &Store,
    run: &'a Run,
    request: &Request,
) -> Result<Option<(&'a Task, &'a Attempt)>, StoreError> {
    let owner = store.attempt_of_token(&sha256(request.token.as_bytes()))?;
    Ok(owner.filter(|(of, ..)| *of == run.id).and_then(|(_, task, number)| {
        let task = run.tasks.iter().find(|known| known.spec.id.as_str() == task)?;
        Some((task, task.attempts.get(number as usize - 1)?))
    }))
}

/// Returns what it takes to read a request of an agent, where files have to be read for it, and whose task it is for. What
/// was answered before is not read again.
pub fn reads_first(
    store: &Store,
    run: &Run,
    incoming: &Incoming,
) -> Result<Option<(TaskId, Reading)>, StoreError> {
    let Ok(request @ Request { ask: Ask::Submit(submission), .. }) = &incoming.request else {
        return Ok(None);
    };
    if !reviewing::reads_files(submission) || store.answer_to(&incoming.id)?.is_some() {
        return Ok(None);
    }
    let asker = asker_of(store, run, request)?.filter(|(_, attempt)| request::takes_requests(attempt));
    let repository = store.layout().repository();
    Ok(asker.map(|asker| (asker.0.spec.id.clone(), Reading::of(repository, run, asker))))
}

/// Returns what a person asks for, where something may have to be kept before that is done ([`keep_first`]).
pub fn keeps_first<'a>(
    store: &Store,
    run: &Run,
    incoming: &'a Incoming,
    person_key: Option<&str>,
    now: Time,
) -> Result<Option<&'a PersonAsk>, StoreError> {
    let Ok(request @ Request { ask: Ask::Person(ask), .. }) = &incoming.request else { return Ok(None) };
    let is_persons = person_key.is_some_and(|key| person::is_signed(request, &run.id, key));
    let is_refused = || matches!(&ask.what, What::Requeue(order) if requeue::check(run, order, now).is_err());
    // What is refused changes nothing, nor does what was answered before.
    let finds = matches!(&ask.what, What::Review(review) if !review.findings.is_empty());
    let keeps = (finds || !ask.what.touches().is_empty()) && is_persons && !is_refused();
    Ok((keeps && store.answer_to(&incoming.id)?.is_none()).then_some(ask))
}

/// Puts on the tasks' branches what lies in their folders: what a person accepts is what they see there, and what is done
/// again is not lost, and never beside an attempt that may still be at work. Gives what they found its places.
pub fn keep_first(repository: &Path, run: &Run, ask: &PersonAsk) -> KeptFirst {
    if let What::Review(review) = &ask.what {
        return match reviewing::of_person(repository, run, review) {
            Ok(placed) => KeptFirst { review: Some(Box::new(placed)), ..KeptFirst::default() },
            Err(refused) => KeptFirst { refused: Some(refused), ..KeptFirst::default() },
        };
    }
    if let What::Requeue(order) = &ask.what {
        let mut tasks = order.tasks.iter().filter_map(|task| run.task(task));
        let refuse = |task| left_at_work::refuse_beside(repository, run, task, order.force.is_some()).err();
        if let Some(refused) = tasks.find_map(refuse) {
            return KeptFirst { refused: Some(refused), ..KeptFirst::default() };
        }
    }
    let keep = |task: &TaskId| {
        accepted_work::keep(repository, run, task, &ask.what).map_err(|why| {
            let message = format!("what lies in the folder of {task} could not be kept: {why}");
            let hint = match &ask.what {
                What::Accept { .. } => "put that right in its folder, and accept it again",
                _ => "put that right in its folder, and try again",
            };
            request::refused(Code::NotKept, message, hint)
        })
    };
    let mut events = Vec::new();
    for task in ask.what.touches() {
        match keep(task) {
            Ok(event) => events.extend(event),
            Err(refused) => return KeptFirst { events, refused: Some(refused), ..KeptFirst::default() },
        }
    }
    KeptFirst { events, ..KeptFirst::default() }
}

/// Puts into what a person asked for what only the world around knows: the end of a log, and that there are too many dead
/// letters.
fn complete(store: &Store, run: &Run, events: Vec<Event>, now: Time) -> Result<Vec<Event>, StoreError> {
    let (paths, words) = (store.paths(&run.id), environment::hiding_ours(&[]));
    let mut completed = Vec::with_capacity(events.len());
    for event in events {
        let task = event.task().and_then(|task| run.task(task));
        let piles_up = matches!(event, Event::TaskDeadLettered { .. });
        completed.push(match task {
            Some(task) => dead_letters::with_tail(event, task, &paths, &words),
            None => event,
        });
        if piles_up {
            completed.extend(dead_letters::piled_up(store, 1, now)?);
        }
    }
    Ok(completed)
}

/// The most characters of what is told about a request that cannot be understood.
const MAX_REASON: usize = 1_000;
