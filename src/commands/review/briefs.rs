//! What the reviewers of a change are told.

use super::reviewers::Reviewer;
use super::target::Resolved;
use crate::agents::review_prompt::{ReviewBrief, task_text};
use crate::commands::plan;
use crate::domain::event::Persona;
use crate::domain::resources::Library;
use crate::domain::review::earlier::earlier_words;
use crate::domain::review::row::RowState;
use crate::domain::review::target::ReviewTarget;
use crate::domain::submission::{HandedIn, ReviewBody};
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::workspace::git::Git;
use crate::workspace::{reviewed, rules};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;

/// What is handed to reviewers.
#[derive(Debug)]
pub struct Briefing {
    /// The text of each reviewer's task, in their order.
    pub texts: Vec<String>,
    pub personas: BTreeMap<String, Persona>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Writes what each of the reviewers is told about a target.
pub fn write(
    layout: &Layout,
    store: &Store,
    Resolved { target, change, .. }: &Resolved,
    reviewers: &[Reviewer],
    library: &Library,
) -> Result<Briefing> {
    let git = Git::at(layout.repository());
    let changed = reviewed::paths(&git, &target.base, &target.head).context("list the changed files")?;
    let rules = rules::read(&git, (&target.base, &target.head), &changed).context("read the rules for it")?;
    let earlier = earlier(store, target).context("read what was found before")?;
    let text = task_text(&ReviewBrief {
        words: &target.words,
        base: &target.base,
        head: &target.head,
        size: *change,
        changed: &changed,
        rules: &rules,
        earlier: Some(&earlier),
    });
    let files = reviewers.iter().filter_map(|one| library.agents.get(&one.persona));
    let personas = files.map(|file| (file.name.clone(), plan::persona_of(file))).collect();
    // The built-in reviewer has its own.
    let follow = reviewers.iter().any(|one| one.program != crate::agents::builtin::NAME);
    let notes = if follow { rules.notes } else { Vec::new() };
    Ok(Briefing { texts: reviewers.iter().map(|_| text.clone()).collect(), personas, notes })
}

/// Returns what the newest decided review of the same thing came to; empty where there is none.
fn earlier(store: &Store, target: &ReviewTarget) -> Result<String, StoreError> {
    let decided = |state| matches!(state, RowState::Approved | RowState::ChangesRequested);
    let mut rows = store.reviews_of(&target.key)?;
    rows.retain(|row| decided(row.state));
    let Some(newest) = rows.last().map(|row| row.version.clone()) else { return Ok(String::new()) };
    let mut reviews: BTreeMap<String, ReviewBody> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.version == newest) {
        let Some(run) = store.load_run(&row.run)? else { continue };
        let submission = run.task(&row.task).and_then(|task| task.last()?.submission.clone());
        if let Some(HandedIn::Review(review)) = submission.as_deref() {
            reviews.insert(row.reviewer.clone(), review.clone());
        }
    }
    Ok(earlier_words(reviews.iter().map(|(name, review)| (name.as_str(), review))))
}
