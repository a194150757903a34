//! Reads what a store comes to: one run, or all runs within a time.

use super::current;
use super::measure::Meter;
use super::names::Metric;
use super::registry::{Registry, Sink, Snapshot};
use crate::domain::event::{Event, Recorded};
use crate::domain::id::RunId;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::figures::RawEvent;

/// The time that is asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From here on; from the beginning where it is absent.
    pub from: Option<Time>,
    /// Up to here; up to now where it is absent.
    pub to: Option<Time>,
}

impl Window {
    /// All that was ever recorded.
    pub const ALL: Window = Window { from: None, to: None };

    fn holds(&self, at: Time) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

/// Counts nothing: what was counted before only leads to the state that later events begin from.
struct Nothing;

impl Sink for Nothing {
    fn take(&mut self, _: Metric, _: &[&str], _: u64) {}
}

/// Measures all runs of a store, with what stands open now where the window goes up to now.
pub fn of_store(store: &mut Store, window: Window, now: Time) -> Result<Snapshot, StoreError> {
    let mut registry = Registry::default();
    for (number, run) in store.runs_with_events_behind(0)? {
        measure(store, (number, &run), |at| window.holds(at), &mut registry)?;
    }
    if window.to.is_none() {
        current::put_into(&mut registry, store, now)?;
    }
    Ok(Snapshot { since: window.from, ..registry.snapshot(now) })
}

/// Measures one run; nothing where it is not there.
pub fn of_run(store: &Store, run: &RunId, now: Time) -> Result<Snapshot, StoreError> {
    let mut registry = Registry::default();
    let mut meter = Meter::default();
    store.each_event(run, 0, usize::MAX, |recorded| {
        meter.take(&recorded, &mut registry);
        Ok(())
    })?;
    Ok(registry.snapshot(now))
}

fn measure(
    store: &Store,
    (number, run): (i64, &RunId),
    counts: impl Fn(Time) -> bool,
    sink: &mut dyn Sink,
) -> Result<(), StoreError> {
    let mut meter = Meter::default();
    store.each_raw_event(number, |raw| {
        // What cannot be read is left out: what is measured stays true of the rest.
        if let Some(event) = read(&raw) {
            let recorded = Recorded { seq: raw.seq, run: run.clone(), at: raw.at, event };
            match counts(raw.at) {
                true => meter.take(&recorded, sink),
                false => meter.take(&recorded, &mut Nothing),
            }
        }
    })
}

fn read(raw: &RawEvent<'_>) -> Option<Event> {
    serde_json::from_str(raw.data).ok()
}
