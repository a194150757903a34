//! A review's report in the forms that programs and people read.
//!
//! Each form is one plain function from the report to text. What a reader of the form drops in silence beyond a limit of
//! its own is left out here, the worst kept, and the text says how many more there are.
//!
//! # How it works
//!
//! All words come from agents, and whoever prints a form prints them. So they are cleaned once, before any form sees them,
//! and each form escapes them as its reader wants it: none of them becomes a command, a tag, a mention or a link. What
//! goes to the log of a pipeline is read by its runner as well: GitHub's takes every line that begins with `::name`, and
//! `##[name]` anywhere in a line, for a command (github.com/actions/runner, `ActionCommand.cs`); Azure's `##vso[`.

mod checkstyle;
mod format;
mod github;
mod gitlab;
mod junit;
mod markdown;
mod plain;
mod rdjson;
mod sarif;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod testing;
mod xml;

pub use format::{Format, Level, Options};
pub use github::step_summary;
pub use markdown::{block, code, line};
pub use plain::inert;
pub use xml::escaped;

use crate::domain::review::report::Report;

/// Writes a report in a form; nothing for the two that commands write themselves, `text` and `json`.
pub fn write(format: Format, report: &Report, options: &Options<'_>) -> Option<String> {
    let report = &plain::plain(report);
    Some(match format {
        Format::Text | Format::Json => return None,
        Format::Sarif => sarif::sarif(report, options),
        Format::Github => github::annotations(report),
        Format::Gitlab => gitlab::gitlab(report),
        Format::Rdjson => rdjson::rdjson(report),
        Format::Checkstyle => checkstyle::checkstyle(report),
        Format::Junit => junit::junit(report, options.fail_on),
        Format::Markdown => markdown::markdown(report),
    })
}
