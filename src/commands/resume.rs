//! `crew resume`: go on with a run that was interrupted.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::run;
use crate::domain::run::RunStatus;
use crate::store::lock;
use anyhow::{Context as _, Result};

/// Go on with an interrupted run
///
/// Finished tasks are not run again. What its dead owner left running is ended first.
#[derive(Debug, clap::Args)]
pub struct ResumeArgs {
    /// Run to go on with: the beginning of its id, or `last`
    run: String,

    /// Set a setting for this run
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Goes on with a run.
pub fn resume(cx: &Context, args: &ResumeArgs) -> Result<ExitStatus> {
    let mut store = cx.store()?;
    let layout = store.layout().clone();
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    let paths = store.paths(&id);
    let Some(lock) = lock::try_take(&paths)? else {
        let problem =
            Problem::refused("busy", format!("run {short} is being carried out by another crew process"));
        return Err(problem.hint(format!("crew status {short} shows how it goes")).into());
    };
    let loaded = store.load_run(&id)?.context("the run is recorded")?;
    let status = loaded.status(false);
    if !matches!(status, RunStatus::Interrupted | RunStatus::Queued) {
        let message = format!("run {short} is not interrupted, it is {}", status.words());
        return Err(Problem::refused("not_interrupted", message).hint(format!("crew status {short}")).into());
    }
    let settings = cx.settings(&layout, &args.set, cx.trusts(&layout)?)?;
    let registry = run::registry(&settings)?;
    let setup = run::setup(&layout, &settings, &registry, &paths);
    run::carry_out(cx, &mut store, loaded, lock, &setup)
}
