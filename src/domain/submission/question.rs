//! A question to a person, on whose answer the task waits.

use super::Refusal;
use super::checks::{check_count, check_texts, check_words, refuse};
use crate::domain::words::{clean_line, clean_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most answers that a question may offer.
pub const MAX_OPTIONS: usize = 20;
/// The longest that a question may wait, in seconds: a week.
pub const MAX_DEADLINE: u64 = 7 * 24 * 60 * 60;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionBody {
    /// What a person has to say; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub question: String,
    /// Answers to choose from; without any, the answer is free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_OPTIONS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub options: Vec<String>,
    /// The answer that is taken at the deadline; one of the options where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Seconds to wait for an answer; then the default is taken, and without one the task needs review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MAX_DEADLINE))]
    pub deadline_seconds: Option<u64>,
}

impl QuestionBody {
    pub(super) fn cleaned(self) -> QuestionBody {
        let line = |text: &String| clean_line(text, usize::MAX);
        QuestionBody {
            question: clean_text(&self.question, usize::MAX),
            options: self.options.iter().map(line).collect(),
            default: self.default.as_ref().map(line),
            ..self
        }
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_words("question", &self.question)?;
        check_count("options", self.options.len(), (0, MAX_OPTIONS))?;
        check_texts("options", &self.options)?;
        for (at, option) in self.options.iter().enumerate() {
            if self.options[..at].contains(option) {
                return refuse("options", format!("options[{at}] stands there twice: `{option}`"));
            }
        }
        if let Some(default) = &self.default {
            check_words("default", default)?;
            if !self.options.is_empty() && !self.options.contains(default) {
                let options = self.options.join(", ");
                return refuse("default", format!("default `{default}` is none of the options: {options}"));
            }
        }
        match self.deadline_seconds {
            Some(seconds) if !(1..=MAX_DEADLINE).contains(&seconds) => {
                refuse("deadline_seconds", format!("deadline_seconds has to be from 1 to {MAX_DEADLINE}"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn summary(&self) -> String {
        let choices = (!self.options.is_empty()).then(|| self.options.join(", "));
        let more: Vec<String> = choices.into_iter().chain(self.at_deadline()).collect();
        match more.is_empty() {
            true => self.question.clone(),
            false => format!("{} ({})", self.question, more.join("; ")),
        }
    }

    /// Says what becomes of the question where nobody answers in time.
    pub fn at_deadline(&self) -> Option<String> {
        let seconds = self.deadline_seconds?;
        Some(match &self.default {
            Some(default) => format!("`{default}` is taken after {seconds} s"),
            None => format!("the task needs review after {seconds} s"),
        })
    }
}
