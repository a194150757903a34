//! What leaves: a run as a file, for people and programs that have no store at hand.
//!
//! An [`account::Account`] is all that is told of one run, gathered from the record and from git, without secrets and with
//! bounded texts. What people and programs read is a plain function from it to text.

pub mod account;
pub mod adapters;
pub mod bundle;
mod csv;
pub mod events;
mod format;
mod gather;
mod hiding;
pub mod html;
mod junit;
mod markdown;

pub use format::Format;
pub use gather::{Limits, gather};

use crate::domain::id::RunId;
use crate::domain::redact::Redactor;
use crate::domain::words::visible_json;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::workspace::changes::TellError;
use crate::workspace::git::GitError;

/// What keeps a run from being told.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Change(#[from] TellError),
    #[error("what is told of the run cannot be put into JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl Limits {
    /// Returns how much a form tells.
    pub fn of(format: Format) -> Limits {
        match format {
            Format::Html => Limits::PAGE,
            Format::Json | Format::Markdown | Format::Junit => Limits::WHOLE,
            Format::Csv | Format::Events | Format::Bundle => Limits::FIGURES,
        }
    }
}

/// Puts a run into a form that is text, which a bundle is not; none where there is no such run. `words` hides the secrets that are known beside
/// those that look like one.
pub fn written(
    store: &Store,
    id: &RunId,
    format: Format,
    words: &Redactor,
) -> Result<Option<String>, ExportError> {
    if format == Format::Events {
        return Ok(Some(events::lines(store, id, words)?).filter(|lines| !lines.is_empty()));
    }
    let Some(account) = gather(store, id, &Limits::of(format), words)? else { return Ok(None) };
    Ok(Some(match format {
        Format::Events | Format::Bundle => return Ok(None),
        Format::Html => html::html(&account)?,
        Format::Markdown => markdown::markdown(&account),
        Format::Junit => junit::junit(&account),
        Format::Csv => csv::csv(&account),
        Format::Json => format!("{}\n", visible_json(&serde_json::to_string_pretty(&account)?)),
    }))
}
