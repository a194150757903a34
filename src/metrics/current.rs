//! What stands open now: looked up in the store when somebody asks.

use super::names::Metric;
use super::registry::Registry;
use crate::domain::liveness::Heartbeat;
use crate::domain::run::RunStatus;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::database::Store;
use std::collections::BTreeMap;

/// Puts what stands open now into a registry.
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
    runs.into_iter().for_each(|(status, count)| registry.set(Metric::RunsOpen, &[status.name()], count));
    for (state, count) in store.open_tasks()? {
        registry.set(Metric::TasksOpen, &[&state], count);
    }
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
