//! What `crew status` shows of who is alive: agents that are quiet, and a dispatcher that does not answer.

use super::standstill::Standstill;
use crate::domain::id::TaskId;
use crate::domain::liveness::{Heartbeat, Pulse};
use crate::domain::run::Run;
use crate::domain::time::Time;
use crate::store::database::Store;
use crate::store::lock::Owner;
use crate::ui::words;
use serde_json::{Value, json};
use std::time::Duration;

/// What the dispatcher that owns a run has said last.
pub struct SignsOfLife {
    heartbeat: Heartbeat,
    now: Time,
    /// Why it does not answer, where that is known.
    standstill: Option<Standstill>,
}

impl SignsOfLife {
    /// Reads them where the run's owner has said any.
    pub fn of(store: &Store, run: &Run, owner: Option<&Owner>, now: Time) -> Option<SignsOfLife> {
        let heartbeat = store.heartbeat(&run.id).ok().flatten()?;
        // Who merges owns the run too, and what a dead dispatcher said last is not about them.
        let is_of_owner = owner?.pid == heartbeat.process.pid;
        let standstill = Standstill::of(run, owner);
        is_of_owner.then_some(SignsOfLife { heartbeat, now, standstill })
    }

    /// Returns for how long an attempt has been quiet, where people want to know that.
    pub fn quiet(&self, task: &TaskId, attempt: u32) -> Option<Duration> {
        // Of whom nobody has heard since, nothing is known.
        let heartbeat = Some(&self.heartbeat).filter(|heartbeat| !heartbeat.is_overdue(self.now));
        heartbeat?.pulse(task, attempt)?.quiet(self.now)
    }

    /// Returns the newest attempts that are open, as their dispatcher saw them, with the places of their tasks.
    fn pulses<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = (usize, &'a Pulse)> {
        let open = run.tasks.iter().enumerate().filter_map(|(place, task)| {
            let attempt = task.last().filter(|attempt| attempt.is_open())?;
            Some((place, self.heartbeat.pulse(&task.spec.id, attempt.number)?))
        });
        // Of whom nobody has heard since, nothing is known.
        open.filter(|_| !self.heartbeat.is_overdue(self.now))
    }

    /// Puts them into the JSON of a run, whose `tasks` are in the order of the workflow.
    pub fn put_into(&self, json: &mut Value, run: &Run) {
        json["at_work"]["last_beat"] = json!(self.heartbeat.at);
        let answers = !self.heartbeat.is_overdue(self.now) && self.standstill.is_none();
        json["at_work"]["answers"] = json!(answers);
        for (place, pulse) in self.pulses(run) {
            let quiet = pulse.quiet(self.now).map(|quiet| quiet.as_secs());
            json["tasks"][place]["liveness"] = json!({
                "level": pulse.level, "last_sign": pulse.last_sign, "quiet_seconds": quiet, "doing": pulse.doing,
            });
        }
    }

    /// Returns what people want to know, a line each.
    pub fn lines(&self, run: &Run) -> Vec<String> {
        let mut lines = Vec::new();
        if self.heartbeat.is_overdue(self.now) && self.standstill.is_none() {
            let since = words::duration(self.now.since(self.heartbeat.at));
            lines.push(format!(
                "at work  not answering since {since} ago (pid {}): it is stopped, or hangs; the run stays its own",
                self.heartbeat.process.pid
            ));
        }
        for (place, pulse) in self.pulses(run) {
            let Some(quiet) = pulse.quiet(self.now) else { continue };
            let (task, level) = (&run.tasks[place].spec.id, pulse.level.name());
            lines.push(format!("{task}  quiet for {} ({level})", words::duration(quiet)));
        }
        lines
    }
}
