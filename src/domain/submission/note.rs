//! Notes: what an agent says on its way. They conclude nothing, and many are allowed.

use super::checks::{check_confidence, check_words, read, refuse};
use super::{Kind, Refusal};
use crate::domain::words::clean_line;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most notes that one attempt may hand in.
pub const MAX_NOTES: usize = 200;

/// Something that an agent says before it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    Hypothesis(Hypothesis),
    Progress(Progress),
}

/// What an agent takes for true while it looks further.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hypothesis {
    /// What it takes for true, as one line; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub statement: String,
    /// From 0 to 1: how sure the agent is.
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// Why it is as sure as that.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub rationale: String,
}

/// How far an agent has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// What it is doing, as one line; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub message: String,
    /// From 0 to 100: how much is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<f64>,
}

impl Note {
    pub(super) fn read(kind: Kind, body: &Value) -> Result<Note, Refusal> {
        let line = |text: String| clean_line(&text, usize::MAX);
        if kind == Kind::Hypothesis {
            let said = read::<Hypothesis>(body)?;
            let said =
                Hypothesis { statement: line(said.statement), rationale: line(said.rationale), ..said };
            check_words("statement", &said.statement)?;
            check_confidence(said.confidence)?;
            check_words("rationale", &said.rationale)?;
            return Ok(Note::Hypothesis(said));
        }
        let said = read::<Progress>(body)?;
        let said = Progress { message: line(said.message), ..said };
        check_words("message", &said.message)?;
        match said.percent {
            Some(percent) if !(0.0..=100.0).contains(&percent) => {
                refuse("percent", format!("percent {percent} is not between 0 and 100"))
            }
            _ => Ok(Note::Progress(said)),
        }
    }

    /// Returns what kind of statement it is.
    pub fn kind(&self) -> Kind {
        match self {
            Note::Hypothesis(_) => Kind::Hypothesis,
            Note::Progress(_) => Kind::Progress,
        }
    }

    /// Returns what it says, as one line.
    pub fn words(&self) -> String {
        match self {
            Note::Hypothesis(Hypothesis { statement, confidence, .. }) => {
                format!("{statement} (confidence {confidence})")
            }
            Note::Progress(Progress { message, percent: Some(percent) }) => {
                format!("{message} ({percent} %)")
            }
            Note::Progress(Progress { message, percent: None }) => message.clone(),
        }
    }
}
