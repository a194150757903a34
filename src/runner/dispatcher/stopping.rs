//! Ends children: because a person says so, or because they are over one of their limits.

use super::{Dispatcher, Effect, KeepsFirst, LOOK};
use crate::domain::budget::{Closeness, Notice, Standing, What};
use crate::domain::conflict::Clash;
use crate::domain::event::Event;
use crate::domain::judgement::{self, StopReason};
use crate::domain::task::TaskState;
use crate::runner::clock;
use crate::runner::process::{self, Among, GroupSignal};
use crate::runner::signals;
use crate::runner::slots::{Errand, Message};
use crate::store::StoreError;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// What came in while something was done that may take a grace.
#[derive(Debug, Default)]
pub(super) struct Heard {
    level: u32,
    by: &'static str,
    clashes: Option<Vec<Clash>>,
}

impl Dispatcher<'_> {
    /// Asks a child's group to end; it is killed after the grace.
    pub(super) fn stop_child(&mut self, place: usize, reason: StopReason) {
        if let Some(open) = self.open.get_mut(&place) {
            open.stop(reason, self.setup.limits.grace);
        }
    }

    pub(super) fn stop_on_request(&mut self, level: u32, by: &str) -> Result<(), StoreError> {
        if level <= self.stop_level {
            return Ok(());
        }
        self.stop_level = level;
        self.record(Event::StopAsked { level, by: by.into() })?;
        if level == 1 {
            return self.stop_all(StopReason::Interrupted);
        }
        self.open.values().for_each(|open| open.control.signal(GroupSignal::Kill));
        Ok(())
    }

    pub(super) fn stop_all(&mut self, reason: StopReason) -> Result<(), StoreError> {
        if self.stopping.is_some() {
            return Ok(());
        }
        self.stopping = Some(reason);
        for place in self.open.keys().copied().collect::<Vec<_>>() {
            self.stop_child(place, reason);
        }
        if reason == StopReason::FailFast {
            for place in 0..self.run.tasks.len() {
                if self.run.tasks[place].state == TaskState::Queued {
                    let task = self.run.tasks[place].spec.id.clone();
                    let reason = judgement::FAIL_FAST.into();
                    self.record(Event::TaskCancelled { task, reason, fail_fast: true })?;
                }
            }
        }
        Ok(())
    }

    /// Ends what a command has put aside: it belongs to the run, and ends with it, as does whatever else has come to us.
    /// Nobody is at work any more.
    pub(super) fn end_what_was_put_aside(&mut self) -> Result<(), StoreError> {
        let mark = self.marks_of_run();
        let heard = self.listening(|is_hurried| {
            process::end_marked(&mark, Among::OurOrphans, self.setup.limits.grace, is_hurried);
            process::end_orphans(self.setup.limits.grace, is_hurried);
        });
        self.heed(heard)
    }

    /// Does what may take a grace while no slot is at work, and is hurried as soon as a person asks for the second time.
    /// Returns what was heard meanwhile; the inbox is looked into after this.
    pub(super) fn listening(&self, work: impl FnOnce(&dyn Fn() -> bool)) -> Heard {
        let heard = RefCell::new(Heard { level: self.stop_level, ..Heard::default() });
        work(&|| {
            let mut heard = heard.borrow_mut();
            while let Ok(message) = self.messages.try_recv() {
                match message {
                    Message::Stop { level, by } => (heard.level, heard.by) = (heard.level.max(level), by),
                    Message::Clashes(clashes) => heard.clashes = Some(clashes),
                    _ => {}
                }
            }
            heard.level >= 2
        });
        heard.into_inner()
    }

    /// Does what was asked for while we listened.
    pub(super) fn heed(&mut self, heard: Heard) -> Result<(), StoreError> {
        heard.clashes.map_or(Ok(()), |clashes| self.note_clashes(clashes))?;
        // The first one ends what begins after it, and the second one does not.
        (1..=heard.level).try_for_each(|level| self.stop_on_request(level, heard.by))
    }

    /// Lets whoever does something after us know that a person waits for the end: one who asked twice, or when we did not
    /// listen any more.
    pub(super) fn hand_on_hurry(&self) {
        let unheard = self.messages.try_iter().any(|message| matches!(message, Message::Stop { .. }));
        if unheard || self.stop_level >= 2 {
            signals::note_hurry();
        }
    }

    /// Ends all children at once, when the record cannot be kept any more.
    pub(super) fn kill_everything(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::Start(errand) = effect {
                match (errand.place(), errand) {
                    (Some(place), _) => drop(self.open.remove(&place)),
                    (None, Errand::KeepFirst { .. }) => self.keeps_first = KeepsFirst::Nothing,
                    (None, _) => {}
                }
            }
        }
        self.open.values().for_each(|open| open.control.signal(GroupSignal::Kill));
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut left = self.open.len() + usize::from(self.keeps_first.is_under_way());
        while left > 0 && Instant::now() < deadline {
            let heard = self.messages.recv_timeout(LOOK);
            if matches!(
                heard,
                Ok(Message::Ended { .. }
                    | Message::AdoptedEnded { .. }
                    | Message::Kept { .. }
                    | Message::KeptFirst { .. }
                    | Message::ReadWritten { .. }
                    | Message::Merge { .. }
                    | Message::Unplaced { .. })
            ) {
                left -= 1;
            }
        }
    }

    /// Ends children that are over one of their limits.
    pub(super) fn look_after_limits(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        for place in self.open.keys().copied().collect::<Vec<_>>() {
            // What has ended is over no limit, however long it takes to read what it said.
            let Some(open) = self.open.get_mut(&place).filter(|_| !self.reading.has_ended(place)) else {
                continue;
            };
            open.kill_when_due(now);
            if let Some(reason) = open.over_limit(now, &self.setup.limits) {
                self.stop_child(place, reason);
            }
        }
        self.look_after_budgets()
    }

    /// Warns of budgets that come to their end, and ends what spends of those that have.
    pub(super) fn look_after_budgets(&mut self) -> Result<(), StoreError> {
        if !self.ledger.has_limits() {
            return Ok(());
        }
        for notice in self.ledger.check(clock::now()) {
            let Notice { standing, place } = &notice;
            let Standing { level, what, spent, limit } = *standing;
            if self.ledger.warn(&notice) {
                let task = place.map(|place| self.run.tasks[place].spec.id.clone());
                let (spent, limit) = (what.number(spent), what.number(limit));
                self.record(Event::BudgetWarned { level, task, what, spent, limit })?;
            }
            if standing.closeness() == Closeness::Over {
                self.stop_spenders(&notice);
            }
        }
        Ok(())
    }

    pub(super) fn stop_spenders(&mut self, notice: &Notice) {
        let what = notice.standing.what;
        for place in self.ledger.spenders(notice) {
            if let Some(open) = self.open.get_mut(&place) {
                open.note_over(notice.standing, Instant::now(), self.setup.limits.grace);
            }
        }
        if what == What::Seconds && notice.place.is_none() {
            // No pause before a further attempt makes that good.
            self.schedule.hurry();
        }
    }
}
