//! Looks for signs of life, says that the dispatcher itself lives, and sees what time went by without it.

use super::Dispatcher;
use crate::domain::clocks::{self, Clocks, Gap};
use crate::domain::event::Event;
use crate::domain::liveness::{self, Heartbeat, Level, Pulse, Sign, Watch};
use crate::domain::task::AttemptState;
use crate::domain::usage::Usage;
use crate::runner::clock;
use crate::store::StoreError;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How often signs of life are looked at; a level is a matter of many seconds.
const LIFE_LOOK: Duration = Duration::from_secs(1);
/// The most characters of what an agent is doing, in a heartbeat.
const MAX_DOING: usize = 200;

/// What the dispatcher knows of who is alive.
pub(super) struct Life {
    watch: Watch,
    looked: Option<Instant>,
    clocks: Clocks,
    /// What the open attempts had told of their usage, all together, when it was said last.
    told: Usage,
}

impl Life {
    pub(super) fn new() -> Life {
        Life { watch: Watch::default(), looked: None, clocks: clock::clocks(), told: Usage::default() }
    }

    /// Takes note that the time since the last look at the clocks was work of our own, however long that took.
    pub(super) fn note_own_work(&mut self) {
        self.clocks = self.clocks.after_own_work(&clock::clocks());
    }
}

impl Dispatcher<'_> {
    /// Sees whether time went by without us, and lets all that is to happen at a time move along.
    pub(super) fn look_at_clocks(&mut self) -> Result<(), StoreError> {
        let now = clock::clocks();
        let before = std::mem::replace(&mut self.life.clocks, now);
        let Some(gap) = clocks::gap(&before, &now, self.setup.limits.clock_gap) else { return Ok(()) };
        let Gap { asleep, held_up, set_millis } = gap;
        self.open.values_mut().for_each(|open| open.move_times(held_up));
        self.ledger.move_times(gap.shift_millis());
        self.schedule.move_times(gap.shift_millis());
        self.life.watch.beat_soon();
        self.life.looked = None;
        self.record(Event::ClockJumped {
            asleep: asleep.as_millis() as u64,
            held_up: held_up.as_millis() as u64,
            set: set_millis,
        })
    }

    /// Looks at the signs of life of all open attempts, and says that we live where that is due.
    pub(super) fn look_for_life(&mut self) -> Result<(), StoreError> {
        if self.life.looked.is_some_and(|looked| looked.elapsed() < LIFE_LOOK) {
            return Ok(());
        }
        self.life.looked = Some(Instant::now());
        self.look_for_strays(None);
        let signs = self.signs();
        let look = self.life.watch.look(clock::clocks().awake, &signs, &self.setup.limits.liveness);
        let mut told = Usage::default();
        self.open.values().for_each(|open| told.add(&open.priced_usage()));
        if look.beats || told != self.life.told {
            self.life.told = told;
            self.beat(&signs);
        }
        for sign in &signs {
            if look.dead.contains(&sign.place) {
                self.file_lifeless(sign.place, sign.quiet)?;
            } else if sign.is_of_agent()
                && liveness::level(sign.occupied, sign.quiet, &self.setup.limits.liveness) != Level::Dead
            {
                self.unfile_lifeless(sign.place, "it shows signs of life again")?;
            }
        }
        Ok(())
    }

    /// Returns what is seen of the open attempts.
    pub(super) fn signs(&self) -> Vec<Sign> {
        let now = Instant::now();
        let sign = |(place, open): (&usize, &super::OpenAttempt)| Sign {
            place: *place,
            attempt: open.number,
            occupied: open.occupied(self.is_starting(*place)),
            quiet: open.quiet(now),
        };
        self.open.iter().map(sign).collect()
    }

    /// Tells whether the child of an open attempt is still to be started.
    pub(super) fn is_starting(&self, place: usize) -> bool {
        self.run.tasks[place].last().is_some_and(|attempt| attempt.state == AttemptState::Starting)
    }

    fn beat(&mut self, signs: &[Sign]) {
        let Some(process) = self.run.dispatcher.clone() else { return };
        let at = clock::now();
        let pulse = |sign: &Sign| {
            let open = self.open.get(&sign.place)?;
            let doing = open.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Some(Pulse {
                task: self.run.tasks[sign.place].spec.id.clone(),
                attempt: sign.attempt,
                last_sign: at.moved(-i64::try_from(sign.quiet.as_millis()).unwrap_or(i64::MAX)),
                level: liveness::level(sign.occupied, sign.quiet, &self.setup.limits.liveness),
                doing: open.safe(&doing, MAX_DOING),
                usage: open.priced_usage(),
            })
        };
        let heartbeat = Heartbeat { process, at, attempts: signs.iter().filter_map(pulse).collect() };
        // Nothing depends on it. Where the store cannot be written, the next event says so.
        if self.store.beat(&self.run.id, &heartbeat).is_err_and(|error| error.is_busy()) {
            self.life.watch.beat_soon();
        }
    }
}
