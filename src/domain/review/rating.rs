//! What became of what each reviewer found, so that noise is seen.

use super::deciding::{Decided, Decision, Feedback};
use super::row::RowState;
use crate::domain::finding::Severity;
use std::collections::{BTreeMap, HashMap};

/// What is known of one reviewer's pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub reviewer: String,
    pub state: RowState,
    /// Wall time of its newest attempt, milliseconds.
    pub millis: Option<u64>,
    /// The fingerprints and severities of what it found, in any of its attempts.
    pub found: Vec<(String, Severity)>,
}

/// What a reviewer's passes come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rating {
    pub reviewer: String,
    /// Passes that came to an end; cancelled ones are none.
    pub reviews: usize,
    /// Those of them that came to no verdict.
    pub incomplete: usize,
    /// Different findings, by their severities.
    pub found: BTreeMap<Severity, usize>,
    /// Findings that were put right.
    pub accepted: usize,
    pub dismissed: usize,
    /// Findings about which nobody has decided.
    pub pending: usize,
    /// What was said of those that somebody decided about.
    pub kinds: BTreeMap<Feedback, usize>,
    /// Median wall time of the passes that came to a verdict, milliseconds.
    pub median_millis: Option<u64>,
}

impl Rating {
    /// Returns which part of what was decided about was right; nothing where nothing was decided.
    pub fn acceptance(&self) -> Option<f64> {
        let decided = self.accepted + self.dismissed;
        (decided > 0).then(|| self.accepted as f64 / decided as f64)
    }
}

/// Rates reviewers by their passes, in the order of their names. `decisions` are the last about each fingerprint, in any run.
/// The same finding of one reviewer in several passes counts once, as grave as it was last.
pub fn rate(passes: &[Passed], decisions: &HashMap<String, Decided>) -> Vec<Rating> {
    let mut by_name: BTreeMap<&str, Vec<&Passed>> = BTreeMap::new();
    let ended = |pass: &&Passed| !matches!(pass.state, RowState::Running | RowState::Cancelled);
    for pass in passes.iter().filter(ended) {
        by_name.entry(&pass.reviewer).or_default().push(pass);
    }
    by_name.into_iter().map(|(name, passes)| of_one(name, &passes, decisions)).collect()
}

fn of_one(name: &str, passes: &[&Passed], decisions: &HashMap<String, Decided>) -> Rating {
    let has_verdict = |pass: &&&Passed| pass.state != RowState::Failed;
    let mut millis: Vec<u64> = passes.iter().filter(has_verdict).filter_map(|pass| pass.millis).collect();
    millis.sort_unstable();
    let found: BTreeMap<&str, Severity> = passes
        .iter()
        .flat_map(|pass| &pass.found)
        .map(|(print, severity)| (print.as_str(), *severity))
        .collect();
    let mut rating = Rating {
        reviewer: name.to_owned(),
        reviews: passes.len(),
        incomplete: passes.len() - passes.iter().filter(has_verdict).count(),
        median_millis: millis.get(millis.len() / 2).copied(),
        ..Rating::default()
    };
    for (print, severity) in found {
        *rating.found.entry(severity).or_default() += 1;
        let decided = decisions.get(print).filter(|decided| decided.decision != Decision::Reopened);
        match decided.map(|decided| decided.decision) {
            Some(Decision::Resolved) => rating.accepted += 1,
            Some(Decision::Dismissed) => rating.dismissed += 1,
            Some(Decision::Reopened) | None => rating.pending += 1,
        }
        if let Some(feedback) = decided.and_then(|decided| decided.feedback) {
            *rating.kinds.entry(feedback).or_default() += 1;
        }
    }
    rating
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    fn passed(reviewer: &str, state: RowState, millis: u64, found: &[&str]) -> Passed {
        let found = found.iter().map(|print| ((*print).to_owned(), Severity::Error)).collect();
        Passed { reviewer: reviewer.into(), state, millis: Some(millis), found }
    }

    fn decided(decision: Decision, feedback: Option<Feedback>) -> Decided {
        Decided { decision, feedback, by: "Ann".into(), why: "w".into(), evidence: None, at: Time(1) }
    }

    #[test]
    fn what_nobody_decided_about_counts_for_no_rate() {
        use RowState::*;
        let passes = [
            passed("claude", ChangesRequested, 300, &["a", "b"]),
            // The same once more, and a new one.
            passed("claude", ChangesRequested, 100, &["b", "c", "d"]),
            passed("claude", Failed, 9_000, &[]),
            passed("claude", Approved, 200, &[]),
            passed("claude", Cancelled, 1, &["x"]),
            passed("pi", Running, 1, &["x"]),
            passed("codex", Approved, 50, &["e"]),
        ];
        let decisions = HashMap::from([
            ("a".to_owned(), decided(Decision::Resolved, Some(Feedback::GoodFit))),
            ("b".to_owned(), decided(Decision::Dismissed, Some(Feedback::LowQuality))),
            ("c".to_owned(), decided(Decision::Dismissed, None)),
            ("d".to_owned(), decided(Decision::Reopened, None)),
        ]);
        let rated = rate(&passes, &decisions);
        let [claude, codex] = rated.as_slice() else { panic!("{rated:?}") };
        assert_eq!((claude.reviews, claude.incomplete, claude.median_millis), (4, 1, Some(200)));
        assert_eq!(claude.found, BTreeMap::from([(Severity::Error, 4)]));
        assert_eq!((claude.accepted, claude.dismissed, claude.pending), (1, 2, 1));
        assert_eq!(claude.acceptance(), Some(1.0 / 3.0));
        assert_eq!(claude.kinds, BTreeMap::from([(Feedback::GoodFit, 1), (Feedback::LowQuality, 1)]));
        assert_eq!((codex.pending, codex.acceptance()), (1, None), "that is not 0 %");
    }
}
