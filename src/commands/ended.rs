//! How runs have ended, for those who did not carry them out.

use super::context::Context;
use super::exit::ExitStatus;
use super::review;
use crate::domain::event::Event;
use crate::domain::run::{Run, RunStatus};
use crate::runner::dispatcher::Finished;
use crate::store::database::Store;
use anyhow::Result;

/// Returns how a command ends that carried a run out, looked on, or waited for it.
pub fn exit_status(finished: Finished) -> ExitStatus {
    match finished.status {
        RunStatus::Completed => ExitStatus::Done,
        // Whoever stopped it: there is nothing to go on with.
        RunStatus::Failed | RunStatus::NeedsReview | RunStatus::Cancelled => ExitStatus::Failed,
        // Work may have been stopped for which no person has to decide anything.
        RunStatus::AwaitingInput if !finished.interrupted => ExitStatus::Waiting,
        RunStatus::AwaitingInput | RunStatus::Interrupted | RunStatus::Queued | RunStatus::Running => {
            ExitStatus::Interrupted
        }
    }
}

/// Does the same for a run that may be a review, whose exit code says what it came to.
pub fn exit_of(cx: &Context, store: &Store, run: &Run, finished: Finished) -> Result<ExitStatus> {
    match exit_status(finished) {
        ExitStatus::Done | ExitStatus::Failed if run.review.is_some() => {
            review::exit_as_ordered(cx, store, run)
        }
        exit => Ok(exit),
    }
}

/// Returns how a run ended that nobody owns any more.
pub fn finished(store: &Store, run: &Run) -> Result<Finished> {
    let mut interrupted = false;
    for recorded in store.events(&run.id, 0, usize::MAX)? {
        note_stop(&recorded.event, &mut interrupted);
    }
    Ok(Finished { status: run.status(false), interrupted })
}

/// Takes note whether somebody has stopped the crew process that owned a run last. What was cancelled is not to be gone on
/// with.
pub fn note_stop(event: &Event, interrupted: &mut bool) {
    match event {
        Event::DispatcherStarted { .. } | Event::CancelAsked { task: None, .. } => *interrupted = false,
        Event::StopAsked { .. } => *interrupted = true,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stopped_a_run_counts_only_where_it_can_be_gone_on_with() {
        use RunStatus::*;
        for (status, by_itself, stopped) in [
            (Completed, ExitStatus::Done, ExitStatus::Done),
            (Failed, ExitStatus::Failed, ExitStatus::Failed),
            (NeedsReview, ExitStatus::Failed, ExitStatus::Failed),
            (Cancelled, ExitStatus::Failed, ExitStatus::Failed),
            (AwaitingInput, ExitStatus::Waiting, ExitStatus::Interrupted),
            (Interrupted, ExitStatus::Interrupted, ExitStatus::Interrupted),
        ] {
            let exits = [false, true].map(|interrupted| exit_status(Finished { status, interrupted }));
            assert_eq!(exits, [by_itself, stopped], "{status}");
        }
    }
}
