//! Requests that a slot reads, because files have to be looked through before it is known what they come to.
//!
//! # How it works
//!
//! One request of an attempt is read at once. Until it is settled, whatever else that attempt asks for waits where it lies,
//! and its end is taken in later: what it handed in before counts first. A request that came as a file stays in the inbox
//! until it is answered, so that the next owner finds it; one that came in an agent's output is told once more.

use super::{Dispatcher, Effect};
use crate::domain::request::Read;
use crate::runner::requests::{self, KeptFirst};
use crate::runner::slots::{Errand, Message};
use crate::store::StoreError;
use crate::store::inbox;
use std::collections::BTreeMap;

/// Who reads what a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A slot, where it may take long.
    Slot,
    /// Whoever asks waits for it, and nothing else goes on.
    Here,
}

/// What is being read.
#[derive(Debug, Default)]
pub(super) struct BeingRead {
    /// By the place of the attempt's task.
    under_way: BTreeMap<usize, OfAttempt>,
}

#[derive(Debug)]
struct OfAttempt {
    /// The request; without one it is what an attempt only wrote down whose child has ended.
    request: Option<(String, Asker)>,
    /// What is taken in after that.
    held: Vec<Message>,
}

/// By whom, and how, a request was made.
#[derive(Debug)]
struct Asker {
    token: String,
    /// It came as a file, and whoever asked waits for the answer.
    is_awaited: bool,
}

impl BeingRead {
    pub fn count(&self) -> usize {
        self.under_way.len()
    }

    pub fn is_in_hand(&self, request: &str) -> bool {
        self.under_way.values().any(|of| of.request.as_ref().is_some_and(|(id, _)| id == request))
    }

    /// Tells whether the child of an attempt has ended, of which something is still being read.
    pub fn has_ended(&self, place: usize) -> bool {
        let is_end =
            |message: &Message| matches!(message, Message::Ended { .. } | Message::AdoptedEnded { .. });
        self.under_way.get(&place).is_some_and(|of| of.request.is_none() || of.held.iter().any(is_end))
    }

    pub fn hold(&mut self, place: usize, message: Message) {
        if let Some(of) = self.under_way.get_mut(&place) {
            of.held.push(message);
        }
    }

    /// Takes note that the last words of an attempt are being read.
    pub fn begin_words(&mut self, place: usize) {
        self.under_way.insert(place, OfAttempt { request: None, held: Vec::new() });
    }

    pub fn end(&mut self, place: usize) {
        self.under_way.remove(&place);
    }
}

impl Dispatcher<'_> {
    /// Tells whether a message of an attempt has to wait until what it asked for before is settled. What it handed in before
    /// it ended counts, although nobody has told us of it yet.
    pub(super) fn has_to_wait(&mut self, place: usize, message: &Message) -> Result<bool, StoreError> {
        let is_agents = self.open.get(&place).is_some_and(|open| open.agent.is_some() || open.adopted);
        if is_agents && !matches!(message, Message::Signed { .. }) {
            self.look_into_inbox()?;
        }
        Ok(self.reading.under_way.contains_key(&place))
    }

    /// Tells whether a request comes from an attempt of which another one is being read.
    pub(super) fn waits_its_turn(&self, incoming: &inbox::Incoming) -> bool {
        let Ok(request) = &incoming.request else { return false };
        let mut read = self.reading.under_way.values().filter_map(|of| of.request.as_ref());
        read.any(|(_, asker)| asker.token == request.token)
    }

    /// Has a request of an open attempt read where that may take long; returns any other.
    pub(super) fn give_to_read(
        &mut self,
        incoming: inbox::Incoming,
        is_awaited: bool,
    ) -> Result<Option<inbox::Incoming>, StoreError> {
        let read = requests::reads_first(self.store, &self.run, &incoming)?;
        let known = read.and_then(|(task, reading)| {
            let place = self.run.place(&task)?;
            Some((place, reading, self.open.get(&place)?))
        });
        let Some((place, reading, open)) = known else { return Ok(Some(incoming)) };
        let asker = Asker { token: open.token.clone(), is_awaited };
        let (words, reading) = (open.words.clone(), Box::new(reading));
        let request = Some((incoming.id.clone(), asker));
        self.reading.under_way.insert(place, OfAttempt { request, held: Vec::new() });
        let incoming = Box::new(incoming);
        self.effects.push(Effect::Start(Errand::Read { place, incoming, reading, words }));
        Ok(None)
    }

    /// Settles a request that was read, unless whoever asked has taken it back meanwhile, and takes in what waited for that.
    pub(super) fn note_read(
        &mut self,
        place: usize,
        incoming: inbox::Incoming,
        read: Read,
    ) -> Result<(), StoreError> {
        let Some(OfAttempt { request, held }) = self.reading.under_way.remove(&place) else { return Ok(()) };
        let is_awaited = request.is_some_and(|(_, asker)| asker.is_awaited);
        if !is_awaited || incoming.path.exists() {
            let words = self.open.get(&place).map(|open| open.words.clone());
            let before = (KeptFirst::default(), Some(read));
            self.settle_request((incoming, is_awaited), words, before)?;
        }
        // Others of the same attempt may have waited for this one.
        self.inbox_rang = true;
        held.into_iter().try_for_each(|message| self.handle(message))
    }
}
