//! What the reviewers of a change are told.

use super::reviewers::Reviewer;
use crate::commands::plan;
use crate::domain::event::Persona;
use crate::domain::resources::Library;
use crate::domain::review::target::ReviewTarget;
use crate::store::database::Store;
use crate::store::layout::Layout;
use anyhow::Result;
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
    _layout: &Layout,
    _store: &Store,
    target: &ReviewTarget,
    reviewers: &[Reviewer],
    library: &Library,
) -> Result<Briefing> {
    let text = format!(
        "Review the change from commit {} to commit {} ({}).\nSee it with: git diff {} {}",
        target.base, target.head, target.words, target.base, target.head
    );
    let files = reviewers.iter().filter_map(|one| library.agents.get(&one.persona));
    let personas = files.map(|file| (file.name.clone(), plan::persona_of(file))).collect();
    Ok(Briefing { texts: reviewers.iter().map(|_| text.clone()).collect(), personas, notes: Vec::new() })
}
