//! A crew process that somebody has stopped: its run stays its own, and nothing of it goes on.

use crate::domain::id::RunId;
use crate::domain::run::Run;
use crate::runner::process;
use crate::store::database::Store;
use crate::store::lock::{self, Owner};
use anyhow::Result;

/// What is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standstill {
    pid: u32,
}

impl Standstill {
    /// Tells whether who owns a run is stopped, where the system says so.
    pub fn of(run: &Run, owner: Option<&Owner>) -> Option<Standstill> {
        let owner = owner?;
        // Who merges is no dispatcher. Of a dispatcher it is known which process has that number.
        let is_it = match &run.dispatcher {
            Some(dispatcher) if owner.doing.is_none() => {
                dispatcher.pid == owner.pid && process::is_alive(dispatcher)
            }
            _ => owner.doing.is_some(),
        };
        (is_it && process::is_stopped(owner.pid)).then_some(Standstill { pid: owner.pid })
    }

    /// Says it, and what can be done about it.
    pub fn words(&self) -> String {
        format!("its crew process is stopped (pid {0}): kill -CONT {0} lets it go on", self.pid)
    }
}

/// Tells each time when a crew process was stopped, and when it goes on.
#[derive(Debug, Default)]
pub struct Watch {
    told: Option<Standstill>,
}

impl Watch {
    /// Looks again at whoever owns a run, and returns what is new.
    pub fn look(&mut self, store: &Store, run: &RunId) -> Result<Option<String>> {
        let owner = lock::owner(&store.paths(run)).filter(|owner| process::is_stopped(owner.pid));
        let known = self.told.filter(|told| owner.as_ref().is_some_and(|owner| owner.pid == told.pid));
        // The record is read once each time, of one that may be meant.
        let seen = match (known, &owner) {
            (None, Some(_)) => store.load_run(run)?.and_then(|run| Standstill::of(&run, owner.as_ref())),
            (known, _) => known,
        };
        let before = std::mem::replace(&mut self.told, seen);
        Ok(match (before, seen) {
            (None, Some(seen)) => Some(format!("run {} stands still: {}", store.short(run)?, seen.words())),
            (Some(_), None) => Some(format!("run {} goes on", store.short(run)?)),
            _ => None,
        })
    }
}
