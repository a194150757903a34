//! Which findings are known already: what the baseline lists, and what `--new-only` compares with.

use super::baseline;
use super::named;
use crate::commands::context::Context;
use crate::commands::exit::Problem;
use crate::domain::finding::Finding;
use crate::domain::id::RunId;
use crate::domain::review::baseline::{Baseline, day_of};
use crate::domain::review::known::Known;
use crate::domain::review::passes;
use crate::domain::review::target::{ReviewTarget, TargetKind};
use crate::domain::submission::HandedIn;
use crate::domain::task::Task;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};
use std::io::Read;
use std::path::Path;

/// The most bytes of a SARIF file that are read.
const MAX_SARIF: u64 = 256 * 1024 * 1024;

/// What is hidden beside the baseline.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct NewOnlyArgs {
    /// List only what is new: not in the baseline, in an earlier review (its id) or in a SARIF file (its path)
    ///
    /// The baseline always counts; without a name, nothing else does.
    #[arg(long, value_name = "REVIEW|FILE", num_args = 0..=1, require_equals = true, default_missing_value = "baseline")]
    new_only: Option<String>,
}

impl NewOnlyArgs {
    /// Reads all that is known of a change.
    pub fn known(&self, cx: &Context, layout: &Layout, target: &ReviewTarget) -> Result<Known> {
        let mut known = Known::default();
        take_baseline(&mut known, layout, target)?;
        match self.new_only.as_deref() {
            None | Some("baseline") => {}
            Some(named) if is_file(&cx.folder, named) => take_sarif(&mut known, &cx.folder, named)?,
            Some(named) => {
                let store = cx.store()?;
                let review = named::find_id(cx, &store, named)?;
                known.take_findings(&found_in(&store, &review)?);
            }
        }
        Ok(known)
    }
}

/// Takes in the baseline that holds for a change: the one from before it, as with the rules of a repository. What the change
/// writes into the file holds after it, since nobody hides what is found in his own work. Of what is not committed it is the
/// one in the folder: whoever edits that sees what is found there.
fn take_baseline(known: &mut Known, layout: &Layout, target: &ReviewTarget) -> Result<()> {
    let today = day_of(clock::now());
    if matches!(target.kind, TargetKind::Index | TargetKind::Worktree) {
        known.take_baseline(&baseline::read(layout)?, today);
        return Ok(());
    }
    let git = Git::at(layout.repository());
    let (before, after) =
        (baseline::text_at(layout, &git, &target.base), baseline::text_at(layout, &git, &target.head));
    let before = before.map(|text| baseline::read_text(layout, &text, &target.base)).transpose()?;
    let before = before.unwrap_or_default();
    known.take_baseline(&before, today);
    // One that cannot be read there puts up with nothing.
    let after = after.and_then(|text| Baseline::read(&text).ok()).unwrap_or_default();
    known.note_later(&before, &after, today);
    Ok(())
}

/// Tells whether a name means a file. A name that looks like one is told to be missing, and not to be no review.
fn is_file(folder: &Path, named: &str) -> bool {
    named.contains(['/', '.']) || folder.join(named).is_file()
}

fn take_sarif(known: &mut Known, folder: &Path, named: &str) -> Result<()> {
    let shown = clean_line(named, 300);
    let mut text = String::new();
    let read = std::fs::File::open(folder.join(named));
    let read = read.and_then(|file| file.take(MAX_SARIF).read_to_string(&mut text));
    read.map_err(|error| {
        let problem = Problem::usage("new_only", format!("{shown} cannot be read: {error}"));
        problem.hint("--new-only=FILE takes a SARIF file, --new-only=REVIEW the id of a review")
    })?;
    known.take_sarif(&text).map_err(|why| {
        let problem = Problem::usage("new_only", format!("{shown} cannot be compared with: {why}"));
        problem.hint("crew review --format sarif -o FILE writes one")
    })?;
    Ok(())
}

/// Returns what the reviewers of a review found.
pub fn found_in(store: &Store, id: &RunId) -> Result<Vec<Finding>> {
    let run = store.load_run(id)?.context("the run is recorded")?;
    let of_persons = run.standing_reviews().flat_map(|one| one.findings());
    let mut found: Vec<Finding> = run.tasks.iter().flat_map(passes::findings).chain(of_persons).collect();
    let reviews = |task: &Task| {
        let handed_in = task.last().and_then(|attempt| attempt.submission.as_deref());
        task.spec.reviewer().is_some() || matches!(handed_in, Some(HandedIn::Review(_)))
    };
    let answered = run.review.as_ref().map(|order| order.answered.clone()).unwrap_or_default();
    if answered.is_empty() && !run.tasks.iter().any(reviews) {
        let message = format!("run {} is no review", store.short(id)?);
        return Err(Problem::refused("no_review", message).hint("crew review list").into());
    }
    for (earlier, task) in answered {
        // One that was pruned since is not known any more.
        let Some(run) = store.load_run(&earlier)? else { continue };
        found.extend(run.tasks.iter().filter(|known| known.spec.id == task).flat_map(passes::findings));
    }
    // One without a name could not be known again.
    found.retain(|finding| !finding.fingerprint.is_empty());
    Ok(found)
}
