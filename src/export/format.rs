//! The names of the forms.

use crate::domain::nearest::named;
use std::str::FromStr;

/// A form in which a run leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The account, for programs.
    Json,
    /// A page for a browser.
    Html,
    /// For a pull request or a ticket.
    Markdown,
    /// A suite for the run, a case for each task.
    Junit,
    /// A row for each attempt.
    Csv,
    /// The record, an event a line.
    Events,
    /// One file that another crew can take in.
    Bundle,
}

impl Format {
    pub const ALL: [Format; 7] = [
        Format::Bundle,
        Format::Html,
        Format::Json,
        Format::Markdown,
        Format::Junit,
        Format::Csv,
        Format::Events,
    ];

    /// Returns the name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Csv => "csv",
            Format::Events => "events",
            Format::Bundle => "bundle",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Format, String> {
        named("no such format", word, &Format::ALL, Format::name)
    }
}
