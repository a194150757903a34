//! What a review found, as it is shown and judged: the findings of all reviewers, brought together.

use crate::domain::finding::{Finding, Severity};
use crate::domain::task::{Attempt, BUILT_IN};
use crate::domain::worktree::MovedReference;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A finding with those who agree on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreed {
    #[serde(flatten)]
    pub finding: Finding,
    /// Those who found it, by name; at least one.
    pub reviewers: Vec<String>,
    /// Fingerprints of what others said of the same, where they differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

impl Agreed {
    /// Returns what one reviewer found.
    pub fn alone(finding: Finding, reviewer: String) -> Agreed {
        Agreed { finding, reviewers: vec![reviewer], also: Vec::new() }
    }

    /// Returns how many speak for it. The built-in reviewer says the same in each of its roles, so it is one.
    pub fn voices(&self) -> usize {
        voices(self.reviewers.iter().map(String::as_str))
    }

    /// Returns the fingerprints by which it is known, its own first.
    pub fn fingerprints(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.finding.fingerprint).chain(&self.also)
    }
}

/// Returns how many of several reviewers can agree, by their names.
pub fn voices<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let program = |name: &'a str| match name.split_once(':') {
        Some((BUILT_IN, _)) => BUILT_IN,
        _ => name,
    };
    names.map(program).collect::<BTreeSet<_>>().len()
}

/// What became of one reviewer's pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Pass {
    Approved,
    ChangesRequested,
    /// It has not come to a verdict: why.
    Incomplete {
        why: String,
    },
}

/// One reviewer's pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewer {
    pub name: String,
    #[serde(flatten)]
    pub pass: Pass,
}

/// A branch or tag that was moved while reviewers were at work who may change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Those who were at work, by name: one of them has done it, if nobody else did.
    pub reviewers: Vec<String>,
    #[serde(flatten)]
    pub moved: MovedReference,
    /// The command that sets it back.
    pub back: String,
}

impl Moved {
    /// Says what became of it, and while who was at work.
    pub fn words(&self) -> String {
        let held = self.moved.held.as_ref().map(|held| format!(", kept at {held}")).unwrap_or_default();
        format!("while {} reviewed, {}{held}", self.reviewers.join(" and "), self.moved.deed())
    }
}

/// Findings that are not listed, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// In the baseline, or in what `--new-only` compares with.
    pub known: usize,
    /// Dismissed by a person.
    pub dismissed: usize,
    /// Said by a person to be put right, or by a reviewer that looked again.
    #[serde(default)]
    pub resolved: usize,
    /// Less sure than `--min-confidence`, or found by fewer than `--agree`.
    pub unsure: usize,
}

/// What was reviewed, and how it was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// In words: `origin/main...1a2b3c4`, `the index`.
    pub words: String,
    /// The commits' full ids.
    pub base: String,
    pub head: String,
    pub files: usize,
    /// Lines added and removed.
    pub added: usize,
    pub removed: usize,
    /// What was reviewed last is not what was asked about: somebody has put right since what was found in that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_right: Option<PutRight>,
}

/// Where the work is that puts right what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutRight {
    /// The id of the commit that the review was asked for; it stands as it was.
    pub asked: String,
    /// The branch whose commit is the head that was reviewed: `crew/RUN/TASK`.
    pub branch: String,
    /// How often the work went back.
    pub rounds: u32,
}

/// What a review found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run that it is.
    pub review: String,
    pub reviewed: Reviewed,
    pub reviewers: Vec<Reviewer>,
    /// Worst first, then by file and line.
    pub findings: Vec<Agreed>,
    pub hidden: Hidden,
    /// What reviewers changed in the repository, who may only look.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// Sentences on what could not be examined.
    pub skipped: Vec<String>,
    /// For how long its agents were at work, milliseconds; see [`at_work`].
    pub millis: u64,
}

/// Returns for how long agents were at work, in milliseconds: what several did at the same time counts once, and while nobody
/// was at it, because crew was interrupted or a person had to decide, nothing does. So it is the same whoever tells it, and
/// whoever brought the review to its end.
pub fn at_work<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> u64 {
    let ended = attempts.filter(|attempt| attempt.ended_at.is_some());
    let mut spans: Vec<(i64, i64)> = ended
        .map(|attempt| {
            let began = attempt.started_at.0;
            (began, began.saturating_add(i64::try_from(attempt.ending.millis).unwrap_or(i64::MAX)))
        })
        .collect();
    spans.sort_unstable();
    let (mut total, mut until) = (0, i64::MIN);
    for (began, ended) in spans {
        total += ended.saturating_sub(began.max(until)).max(0);
        until = until.max(ended);
    }
    total.unsigned_abs()
}

impl Report {
    /// Returns the names and reasons of those that came to no verdict.
    pub fn incomplete(&self) -> impl Iterator<Item = (&str, &str)> {
        self.reviewers.iter().filter_map(|reviewer| match &reviewer.pass {
            Pass::Incomplete { why } => Some((reviewer.name.as_str(), why.as_str())),
            Pass::Approved | Pass::ChangesRequested => None,
        })
    }

    /// Tells whether nobody reviewed anything, since nothing has changed.
    pub fn is_of_nothing(&self) -> bool {
        self.reviewed.files == 0 && self.reviewers.is_empty()
    }

    /// Counts the findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|agreed| agreed.finding.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::run::tests::{agent_spec, ended, run_of, started};
    use crate::domain::time::Time;

    #[test]
    fn work_counts_once_where_several_were_at_it_and_nothing_while_nobody_was() {
        let mut run = run_of(["a", "b", "c"].map(|name| agent_spec(name, "pi")).to_vec());
        for (task, began, millis) in
            [("a", 0, Some(10)), ("b", 5, Some(10)), ("b", 1_000, Some(7)), ("c", 2, None)]
        {
            let number = if began == 1_000 { 2 } else { 1 };
            run.apply(Time(began), &started(task, number)).unwrap();
            let Some(millis) = millis else { continue };
            let outcome = if number == 1 && task == "b" { Outcome::Lost } else { Outcome::Succeeded };
            let mut end = ended(task, number, outcome, None);
            if let Event::AttemptEnded { ending, again, .. } = &mut end {
                ending.millis = millis;
                *again = (outcome == Outcome::Lost)
                    .then(|| crate::domain::event::Again { not_before: Time(0), reason: "r".into() });
            }
            // When it was settled tells nothing: the crew process that should have done it may have been dead for a day.
            run.apply(Time(began + 900), &end).unwrap();
        }
        assert_eq!(at_work(run.tasks.iter().flat_map(|task| &task.attempts)), 15 + 7);
        assert_eq!(at_work(std::iter::empty()), 0);
    }
}
