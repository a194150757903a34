//! A plan: the steps that somebody else is to carry out.

use super::checks::{
    check_confidence, check_count, check_texts, check_words, cleaned_texts, refuse, refuse_with,
};
use super::{MAX_TEXTS, Refusal, Terms};
use crate::domain::words::{clean_line, clean_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most steps that a plan may have.
pub const MAX_STEPS: usize = 200;

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanBody {
    /// What the plan comes to, in a sentence or two; at most 4,000 characters.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub summary: String,
    /// In the order in which they are to be taken.
    #[schemars(length(min = 1, max = MAX_STEPS))]
    pub steps: Vec<PlanStep>,
    /// From 0 to 1: how sure the agent is that this reaches the goal.
    #[schemars(range(min = 0, max = 1))]
    pub confidence: f64,
    /// Why it is as sure as that.
    #[schemars(length(min = 1))]
    pub rationale: String,
    /// What could go wrong, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TEXTS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub risks: Vec<String>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanStep {
    /// What is to be done, as one line.
    #[schemars(length(min = 1, max = super::MAX_SUMMARY))]
    pub title: String,
    /// How, at length, as Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The files that it is about, as paths relative to the repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TEXTS), inner(length(min = 1, max = super::MAX_SUMMARY)))]
    pub files: Vec<String>,
}

impl PlanBody {
    pub(super) fn cleaned(self) -> PlanBody {
        let step = |step: PlanStep| PlanStep {
            title: clean_line(&step.title, usize::MAX),
            detail: step.detail.map(|detail| clean_text(&detail, usize::MAX)),
            files: step.files.iter().map(|file| clean_line(file, usize::MAX)).collect(),
        };
        PlanBody {
            summary: clean_text(&self.summary, usize::MAX),
            rationale: clean_text(&self.rationale, usize::MAX),
            steps: self.steps.into_iter().map(step).collect(),
            risks: cleaned_texts(self.risks),
            ..self
        }
    }

    pub(super) fn check(&self, terms: &Terms) -> Result<(), Refusal> {
        if !terms.may_plan() {
            return refuse_with(
                "kind",
                format!("a plan alone does not do what the role {} is asked for", terms.role),
                "do the work, then: crew submit result --summary \"...\" --confidence 0.0-1.0 --rationale \"...\"",
            );
        }
        check_words("summary", &self.summary)?;
        check_confidence(self.confidence)?;
        if self.rationale.trim().is_empty() {
            return refuse("rationale", "rationale is empty");
        }
        check_count("steps", self.steps.len(), (1, MAX_STEPS))?;
        for (at, step) in self.steps.iter().enumerate() {
            check_words(&format!("steps[{at}].title"), &step.title)?;
            check_texts(&format!("steps[{at}].files"), &step.files)?;
            let length = step.detail.as_ref().map_or(0, String::len);
            if length > super::MAX_DETAILS {
                let field = format!("steps[{at}].detail");
                return refuse(field.clone(), format!("{field} is longer than {} bytes", super::MAX_DETAILS));
            }
        }
        check_texts("risks", &self.risks)
    }

    /// Returns the plan as Markdown, for people and for the tasks that follow.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("{}\n\n## Steps\n", self.summary.trim());
        for (at, step) in self.steps.iter().enumerate() {
            text.push_str(&format!("\n{}. {}\n", at + 1, step.title.trim()));
            let detail = step.detail.as_deref().unwrap_or_default().trim();
            detail.lines().for_each(|line| text.push_str(&format!("   {line}\n")));
            if !step.files.is_empty() {
                text.push_str(&format!("   files: {}\n", step.files.join(", ")));
            }
        }
        if !self.risks.is_empty() {
            text.push_str("\n## Risks\n\n");
            self.risks.iter().for_each(|risk| text.push_str(&format!("- {}\n", risk.trim())));
        }
        text
    }
}
