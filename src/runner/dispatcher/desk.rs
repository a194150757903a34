//! Takes in what other processes ask for, through the inbox or in an agent's output.

use super::reading::Reader;
use super::{Dispatcher, Effect, KeepsFirst};
use crate::domain::event::Event;
use crate::domain::redact::Redactor;
use crate::domain::request::Read;
use crate::domain::signed;
use crate::domain::submission::HandedIn;
use crate::runner::clock;
use crate::runner::environment;
use crate::runner::requests::{self, KeptFirst};
use crate::runner::slots::Errand;
use crate::store::StoreError;
use crate::store::inbox;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most requests of an attempt whose answers are taken away with it; others grow old first.
const MAX_ASKED: usize = 10_000;

/// How long an agent that has asked a question may take to end.
const AFTER_QUESTION: Duration = Duration::from_secs(60);

impl Dispatcher<'_> {
    /// Takes in the requests that wait. Agents write to that folder: nothing that lies there may end the run.
    pub(super) fn look_into_inbox(&mut self) -> Result<(), StoreError> {
        self.inbox_looked = Instant::now();
        self.inbox_rang = false;
        let is_in_hand = |id: &str| {
            self.reading.is_in_hand(id) || matches!(&self.keeps_first, KeepsFirst::UnderWay(of) if of == id)
        };
        let waiting = inbox::waiting_except(&self.paths.inbox(), is_in_hand);
        if !waiting.is_empty() {
            tracing::debug!(requests = waiting.len(), "received requests");
        }
        waiting.into_iter().try_for_each(|incoming| self.take_request(incoming, true, Reader::Slot))
    }

    pub(super) fn take_request(
        &mut self,
        incoming: inbox::Incoming,
        is_awaited: bool,
        reader: Reader,
    ) -> Result<(), StoreError> {
        let in_work = |effect: &Effect| matches!(effect, Effect::Answer { incoming: known, .. } if known.id == incoming.id);
        if self.unanswerable.contains(&incoming.id) || self.effects.iter().any(in_work) {
            return Ok(());
        }
        if self.waits_its_turn(&incoming) {
            return Ok(());
        }
        let Some(kept_first) = self.kept_first(&incoming)? else { return Ok(()) };
        let mut words = None;
        if let Ok(request) = &incoming.request {
            self.learn_token(&request.token);
            let asker = self.open.values_mut().find(|open| open.token == request.token);
            words = asker.map(|open| {
                open.note_alive();
                if let Some(folder) = &open.folder {
                    folder.note_crew_lives(clock::now());
                }
                open.words.clone()
            });
            let recorders = self.open.values().filter_map(|open| open.recorder.as_ref());
            recorders
                .filter(|recorder| recorder.is_of(&request.token))
                .for_each(|recorder| recorder.ask(&request.ask));
            let mut open = self.open.iter();
            if let Some((place, _)) =
                open.find(|(_, open)| open.token == request.token).filter(|_| is_awaited)
            {
                let asked = self.asked.entry(*place).or_default();
                if asked.len() < MAX_ASKED {
                    asked.push(incoming.id.clone());
                }
            }
        }
        let incoming = match reader {
            Reader::Slot => match self.give_to_read(incoming, is_awaited)? {
                Some(incoming) => incoming,
                None => return Ok(()),
            },
            Reader::Here => incoming,
        };
        self.settle_request((incoming, is_awaited), words, (kept_first, None))
    }

    /// Settles a request. `words` hide the secrets of whoever asks; what was done for it before comes with it.
    pub(super) fn settle_request(
        &mut self,
        (incoming, is_awaited): (inbox::Incoming, bool),
        words: Option<Arc<Redactor>>,
        before: (KeptFirst, Option<Read>),
    ) -> Result<(), StoreError> {
        let key = self.setup.person_key.as_deref();
        // Nobody knows any more what an attempt was given that an earlier crew process began; most of it was ours.
        let words = words.unwrap_or_else(|| Arc::new(environment::hiding_ours(&[])));
        let (run, now) = (&mut self.run, clock::now());
        let settled = requests::settle_after(self.store, run, &incoming, before, key, &words, now)?;
        let events: Vec<Event> = settled.applied.iter().map(|applied| applied.event().clone()).collect();
        for event in &events {
            let place = event.task().and_then(|task| self.run.place(task));
            if let (Event::TaskRequeued { .. }, Some(place)) = (event, place) {
                self.ledger.begin_round(place);
            }
            self.note_round(event);
            let Some(open) = place.and_then(|place| self.open.get_mut(&place)) else { continue };
            match event {
                Event::NoteTaken { note, .. } => open.note(note),
                // What it does while it waits for an answer is done without it.
                Event::SubmissionAccepted { handed_in: HandedIn::Question(_), .. } => {
                    open.end_soon(AFTER_QUESTION)
                }
                _ => {}
            }
        }
        self.batch.extend(settled.applied);
        // The answer is written with what it is about, in one transaction.
        let answer = settled.answered.answer.clone();
        self.effects.push(Effect::Answer { incoming, answer, is_awaited });
        self.answered.push(settled.answered);
        if events.iter().any(|event| matches!(event, Event::CancelAsked { .. })) {
            self.follow_cancel(&events)?;
        } else {
            // The schedule is made anew once for all that go back to the queue together.
            let makes_anew = |event: &Event| {
                use Event::{ReviewRoundBegun, TaskAccepted, TaskRequeued};
                matches!(event, TaskAccepted { .. } | TaskRequeued { .. } | ReviewRoundBegun { .. })
            };
            let last = events.iter().rposition(makes_anew);
            for (at, event) in events.iter().enumerate() {
                if !makes_anew(event) || last == Some(at) {
                    self.follow(event)?;
                }
            }
        }
        Ok(())
    }

    /// Returns what was kept before a request is settled, which is nothing for most; none while that is to be done, and the
    /// request waits for it.
    fn kept_first(&mut self, incoming: &inbox::Incoming) -> Result<Option<KeptFirst>, StoreError> {
        if let kept @ Some(_) = self.take_kept_first(&incoming.id) {
            return Ok(kept);
        }
        let key = self.setup.person_key.as_deref();
        let Some(ask) = requests::keeps_first(self.store, &self.run, incoming, key, clock::now())? else {
            return Ok(Some(KeptFirst::default()));
        };
        if matches!(self.keeps_first, KeepsFirst::Nothing) {
            self.keeps_first = KeepsFirst::UnderWay(incoming.id.clone());
            self.effects.push(Effect::Start(Errand::KeepFirst {
                request: incoming.id.clone(),
                repository: self.setup.repository.clone(),
                run: Box::new(self.run.clone()),
                ask: Box::new(ask.clone()),
            }));
        }
        Ok(None)
    }

    fn take_kept_first(&mut self, request: &str) -> Option<KeptFirst> {
        match std::mem::replace(&mut self.keeps_first, KeepsFirst::Nothing) {
            KeepsFirst::Done(done, kept) if done == request => Some(kept),
            other => {
                self.keeps_first = other;
                None
            }
        }
    }

    /// Takes in what was kept for a request, and settles that. Whoever asked may have taken it back meanwhile: what was kept
    /// stays kept.
    pub(super) fn note_kept_first(&mut self, request: String, kept: KeptFirst) -> Result<(), StoreError> {
        self.keeps_first = KeepsFirst::Done(request.clone(), kept);
        self.look_into_inbox()?;
        if let Some(kept) = self.take_kept_first(&request) {
            kept.events.into_iter().try_for_each(|event| self.record(event))?;
        }
        // Others may have waited for this one.
        self.inbox_rang = true;
        Ok(())
    }

    /// Takes away answers of attempts that ended `age` ago: with their processes went whoever could take them. A stranger
    /// who asked in their name and still waits then finds the answer in the store, once the run is over.
    pub(super) fn forget_answers(&mut self, age: Duration) {
        while let Some((_, asked)) = self.over.pop_front_if(|(ended, _)| ended.elapsed() >= age) {
            inbox::forget(&self.paths.inbox(), asked.iter().map(String::as_str));
        }
    }

    /// Takes in a request that came in an agent's output. What another token signed is nothing.
    ///
    /// It needs no file: whatever the agent did to the inbox may not end the run.
    pub(super) fn take_signed(&mut self, place: usize, text: &str, reader: Reader) -> Result<(), StoreError> {
        let Some(open) = self.open.get(&place) else { return Ok(()) };
        let Some(request) = signed::read(text, &open.token) else { return Ok(()) };
        let Some(incoming) = inbox::incoming(&self.paths.inbox(), request) else { return Ok(()) };
        if self.store.answer_to(&incoming.id)?.is_none() {
            self.take_request(incoming, false, reader)?;
        }
        Ok(())
    }
}
