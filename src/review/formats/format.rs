//! The names of the forms, and what may be chosen about them.

use crate::domain::finding::Severity;
use crate::domain::nearest::named;
use std::str::FromStr;

/// A form in which a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    Text,
    Json,
    Sarif,
    Github,
    Gitlab,
    Rdjson,
    Checkstyle,
    Junit,
    Markdown,
}

impl Format {
    pub const ALL: [Format; 9] = [
        Format::Text,
        Format::Json,
        Format::Sarif,
        Format::Github,
        Format::Gitlab,
        Format::Rdjson,
        Format::Checkstyle,
        Format::Junit,
        Format::Markdown,
    ];

    /// Returns the name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Sarif => "sarif",
            Format::Github => "github",
            Format::Gitlab => "gitlab",
            Format::Rdjson => "rdjson",
            Format::Checkstyle => "checkstyle",
            Format::Junit => "junit",
            Format::Markdown => "markdown",
        }
    }

    /// Tells whether it does its work on standard output alone: GitHub's runner reads commands there, and in no file.
    pub fn is_for_stdout(self) -> bool {
        self == Format::Github
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Format, String> {
        named("no such format", word, &Format::ALL, Format::name)
    }
}

/// The gravest level that a SARIF result may have. GitHub's own check fails for a new `error`, whatever crew's gate says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Note,
    Warning,
    #[default]
    Error,
}

impl Level {
    pub const ALL: [Level; 3] = [Level::Note, Level::Warning, Level::Error];

    pub fn name(self) -> &'static str {
        match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(word: &str) -> Result<Level, String> {
        named("no such level", word, &Level::ALL, Level::name)
    }
}

/// What forms are told beside the report.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// crew's version.
    pub version: &'a str,
    /// Tells SARIF reports of one commit apart that are made by different teams.
    pub category: &'a str,
    pub max_level: Level,
    /// What is at least as grave is a failure in JUnit.
    pub fail_on: Option<Severity>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_a_slip_is_told() {
        for format in Format::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!("sariff".parse::<Format>(), Err("no such format; did you mean `sarif`?".into()));
        let all = "no such format; there are text, json, sarif, github, gitlab, rdjson, checkstyle, junit, markdown";
        assert_eq!("pdf".parse::<Format>(), Err(all.into()));
        assert_eq!("warning".parse(), Ok(Level::Warning));
        assert_eq!("warn".parse::<Level>(), Err("no such level; there are note, warning, error".into()));
    }
}
