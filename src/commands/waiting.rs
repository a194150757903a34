//! Taking a run's lock for a command: at once, or after a wait that the user asked for.

use super::context::{Context, pruned_away};
use super::exit::Problem;
use crate::domain::id::RunId;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::lock::{self, RunLock};
use crate::ui::words;
use anyhow::Result;
use std::time::Duration;

/// How long a command waits for a run that another crew process owns.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct WaitArgs {
    /// Wait up to this long while another crew process owns the run; without it, refuse at once
    #[arg(long, value_name = "SECS", default_value_t = 0, hide_default_value = true)]
    wait: u64,
}

impl WaitArgs {
    /// Returns how long that is.
    pub fn patience(self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

impl Context {
    /// Takes a run's lock, or says who holds it.
    pub fn take_lock(&self, store: &Store, run: &RunId, wait: WaitArgs) -> Result<RunLock> {
        let (paths, short) = (store.paths(run), store.short(run)?);
        let owner = || match lock::owner(&paths) {
            Some(owner) => {
                format!(" (pid {}, for {})", owner.pid, words::duration(clock::now().since(owner.since)))
            }
            None => String::new(),
        };
        let message = || match lock::owner(&paths).and_then(|owner| owner.doing) {
            Some(doing) => {
                let doing = clean_line(&doing, 200);
                format!("another crew process is at work on run {short}: {doing}{}", owner())
            }
            None => format!("run {short} is being carried out by another crew process{}", owner()),
        };
        let patience = wait.patience();
        let waits =
            || self.printer.tell(&format!("{}; waiting for up to {}", message(), words::duration(patience)));
        let taken = lock::take_within(&paths, patience, waits)?;
        let or_wait = if wait.wait == 0 { "; --wait SECS waits for its end" } else { "" };
        let hint = format!("crew status {short} shows how it goes{or_wait}");
        let lock = taken.ok_or_else(|| Problem::refused("busy", message()).hint(hint))?;
        // While we waited it may have gone, and its lock was made anew.
        match store.tombstones(run.as_str(), 1)?.first() {
            Some(stone) => Err(pruned_away(stone, &short).into()),
            None => Ok(lock),
        }
    }
}
