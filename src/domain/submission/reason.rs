//! Statements that are not a delivery: nothing to do, cannot be done, somebody else has to see it.

use super::checks::{check_words, refuse, refuse_with};
use super::{Refusal, Terms};
use crate::domain::nearest::nearest;
use crate::domain::words::clean_text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why there is nothing to do, or why it cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Why; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub reason: String,
}

impl Reason {
    pub(super) fn cleaned(self) -> Reason {
        Reason { reason: clean_text(&self.reason, usize::MAX) }
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        check_words("reason", &self.reason)
    }
}

/// A task that is handed to a person by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// A name of the roster.
    pub to: String,
    /// Why this person has to see it; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub reason: String,
}

impl Escalation {
    pub(super) fn cleaned(self) -> Escalation {
        Escalation { reason: clean_text(&self.reason, usize::MAX), ..self }
    }

    pub(super) fn check(&self, terms: &Terms) -> Result<(), Refusal> {
        check_words("reason", &self.reason)?;
        if terms.roster.is_empty() {
            return refuse_with(
                "to",
                "there is nobody to escalate to: this run has no roster",
                "crew submit blocked --reason \"...\"   (a person names the roster before a run: crew config set roster alice,bob)",
            );
        }
        if terms.roster.contains(&self.to) {
            return Ok(());
        }
        let known = terms.roster.join(", ");
        match nearest(&self.to, terms.roster.iter().map(String::as_str)) {
            Some(near) => refuse("to", format!("`{}` is not in the roster: did you mean `{near}`?", self.to)),
            None => refuse("to", format!("`{}` is not in the roster, which is {known}", self.to)),
        }
    }
}
