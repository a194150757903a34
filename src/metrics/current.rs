//! What stands open now: looked up in the store when somebody asks.

use super::names::Metric;
use super::registry::Registry;
use crate::domain::gate::About;
use crate::domain::liveness::Heartbeat;
use crate::domain::run::RunStatus;
use crate::domain::task::TaskState;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::database::Store;
use std::collections::BTreeMap;

/// What a run may be that is not done.
const OPEN_RUNS: [RunStatus; 4] =
    [RunStatus::Queued, RunStatus::Running, RunStatus::AwaitingInput, RunStatus::Interrupted];

/// Puts what stands open now into a registry; where nothing does, that it is none.
pub fn put_into(registry: &mut Registry, store: &Store, now: Time) -> Result<(), StoreError> {
    let mut runs: BTreeMap<RunStatus, i64> = BTreeMap::new();
    let mut beats: Vec<Heartbeat> = Vec::new();
    for row in store.open_runs()? {
        let status = store.status(&row)?;
        *runs.entry(status).or_default() += 1;
        if status == RunStatus::Running {
            beats.extend(store.heartbeat(&row.id)?);
        }
    }
    // A series that goes away when there is nothing to count would say nothing, and not that there is nothing.
    let at_first = |registry: &mut Registry, metric, label: &str| registry.set(metric, &[label], 0);
    OPEN_RUNS.iter().for_each(|status| at_first(registry, Metric::RunsOpen, status.name()));
    runs.into_iter().for_each(|(status, count)| registry.set(Metric::RunsOpen, &[status.name()], count));
    let open_states = TaskState::ALL.into_iter().filter(|state| !state.is_settled());
    open_states.for_each(|state| at_first(registry, Metric::TasksOpen, state.name()));
    for (state, count) in store.open_tasks()? {
        registry.set(Metric::TasksOpen, &[&state], count);
    }
    About::NAMES.iter().for_each(|about| at_first(registry, Metric::GatesOpen, about));
    for (about, count) in store.open_gates()? {
        registry.set(Metric::GatesOpen, &[&about], count);
    }
    registry.set(Metric::DeadLettersOpen, &[], store.open_dead_letters()?);
    registry.set(Metric::StoreSize, &[], store.room()?.bytes as i64);
    let quiet = beats.iter().map(|beat| now.since(beat.at).as_millis() as i64).max();
    quiet.into_iter().for_each(|millis| registry.set(Metric::Heartbeat, &[], millis));
    let mut levels: BTreeMap<&str, i64> = BTreeMap::new();
    for pulse in beats.iter().flat_map(|beat| &beat.attempts) {
        *levels.entry(pulse.level.name()).or_default() += 1;
    }
    levels.into_iter().for_each(|(level, count)| registry.set(Metric::HeartbeatLevel, &[level], count));
    Ok(())
}
