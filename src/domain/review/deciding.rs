//! What persons decide about findings, and reviewers who look again: one that is dismissed stays quiet in later reviews, until somebody takes that back.

use super::passes;
use crate::domain::event::Event;
use crate::domain::finding::Finding;
use crate::domain::id::RunId;
use crate::domain::request::{Answer, Code, refused};
use crate::domain::run::Run;
use crate::domain::submission::{Resolved, ReviewBody};
use crate::domain::task::Task;
use crate::domain::time::Time;
use crate::domain::words::{clean_line, clean_text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most findings that are decided about at once.
const MAX_FINDINGS: usize = 5_000;
/// The most bytes of a reason, and of what proves it.
const MAX_WHY: usize = 4_000;

/// What is decided about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is nothing, and is not to be listed any more.
    Dismissed,
    /// It was right, and is put right.
    Resolved,
    /// What was decided before does not hold any more.
    Reopened,
}

impl Decision {
    /// Returns the word used in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Dismissed => "dismissed",
            Decision::Resolved => "resolved",
            Decision::Reopened => "reopened",
        }
    }
}

/// Why it was decided so, in one of a few words that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// Dismissed: it is not about this change.
    WrongScope,
    /// Dismissed: it asks for more than is worth it.
    TooBroad,
    /// Dismissed: another one says the same.
    Duplicate,
    /// Dismissed: it is wrong, or says nothing.
    LowQuality,
    /// Dismissed: something else.
    Other,
    /// Resolved as the finding said.
    GoodFit,
    /// Resolved in another way.
    Modified,
    /// Resolved by going round it.
    Fallback,
}

impl Feedback {
    /// Every kind.
    pub const ALL: [Feedback; 8] = [
        Feedback::WrongScope,
        Feedback::TooBroad,
        Feedback::Duplicate,
        Feedback::LowQuality,
        Feedback::Other,
        Feedback::GoodFit,
        Feedback::Modified,
        Feedback::Fallback,
    ];

    /// Returns the word used in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Feedback::WrongScope => "wrong_scope",
            Feedback::TooBroad => "too_broad",
            Feedback::Duplicate => "duplicate",
            Feedback::LowQuality => "low_quality",
            Feedback::Other => "other",
            Feedback::GoodFit => "good_fit",
            Feedback::Modified => "modified",
            Feedback::Fallback => "fallback",
        }
    }

    /// Returns the decision that it is a reason for.
    pub fn decision(self) -> Decision {
        match self {
            Feedback::GoodFit | Feedback::Modified | Feedback::Fallback => Decision::Resolved,
            _ => Decision::Dismissed,
        }
    }
}

/// A decision as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
    pub by: String,
    pub why: String,
    /// What proves it: a commit, a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    pub at: Time,
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// At least one, whole.
    pub fingerprints: Vec<String>,
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// Returns what was found in a run, in any attempt: the fingerprints with the task or the person who found it first.
pub fn found(run: &Run) -> BTreeMap<String, &str> {
    let mut found = BTreeMap::new();
    for task in run.tasks.iter().filter(|task| task.spec.reviews.is_some()) {
        for finding in task.attempts.iter().flat_map(|attempt| passes::found_in(task, attempt)) {
            found.entry(finding.fingerprint).or_insert(task.spec.id.as_str());
        }
    }
    for person in &run.person_reviews {
        for finding in person.findings() {
            found.entry(finding.fingerprint).or_insert(person.by.as_str());
        }
    }
    found
}

/// Decides about findings because a person says so, about all of them or none. `who` is their name and why.
pub fn decide(run: &Run, order: &Order, (by, why): (&str, &str)) -> Result<Vec<Event>, Answer> {
    let (by, why) = (by.to_owned(), clean_text(why.trim(), MAX_WHY));
    if why.is_empty() {
        let message = "a decision about a finding needs a reason, and none is given";
        return Err(refused(Code::Invalid, message, "--why TEXT says it"));
    }
    if order.fingerprints.is_empty() || order.fingerprints.len() > MAX_FINDINGS {
        let message = format!("{} findings are named; 1 to {MAX_FINDINGS} may be", order.fingerprints.len());
        return Err(refused(Code::Invalid, message, "crew review show lists them"));
    }
    if let Some(feedback) = order.feedback.filter(|feedback| feedback.decision() != order.decision) {
        let message = format!("`{}` is no reason for {}", feedback.name(), order.decision.name());
        return Err(refused(Code::NotFitting, message, kinds_of(order.decision)));
    }
    let evidence = order.evidence.as_deref().map(|text| clean_text(text.trim(), MAX_WHY));
    let evidence = evidence.filter(|text| !text.is_empty());
    let (found, mut events) = (found(run), Vec::new());
    for fingerprint in &order.fingerprints {
        if !found.contains_key(fingerprint) {
            let message = format!("no reviewer of this run found {}", clean_line(fingerprint, 64));
            return Err(refused(Code::UnknownFinding, message, "crew review show lists what was found"));
        }
        match run.decisions.get(fingerprint).filter(|before| before.decision == order.decision) {
            // Said twice in the same words, it is said once.
            Some(before) if before.by == by && before.why == why => continue,
            Some(before) => return Err(decided(fingerprint, before, &run.id)),
            None => {}
        }
        events.push(Event::FindingDecided {
            fingerprint: fingerprint.clone(),
            decision: order.decision,
            feedback: order.feedback,
            by: by.clone(),
            why: why.clone(),
            evidence: evidence.clone(),
        });
    }
    Ok(events)
}

/// Returns what is decided about findings by a review that a reviewer of a run hands in, which goes with its acceptance.
/// What it calls resolved, and neither it nor another reviewer of the same round finds again, is resolved, where a pass of
/// the same run had found it and no person has decided about it. What a reviewer had called resolved and this one finds
/// again is open again.
pub fn by_review(run: &Run, reviewer: &Task, review: &ReviewBody) -> Vec<Event> {
    let name = reviewer.spec.reviewer().unwrap_or_else(|| reviewer.spec.id.to_string());
    let of_reviewer = |by: &String| run.tasks.iter().any(|task| task.spec.reviewer().as_ref() == Some(by));
    let found_before = found(run);
    let beside = run
        .tasks
        .iter()
        .filter(|task| task.spec.id != reviewer.spec.id && task.reviewed_task() == reviewer.reviewed_task());
    let beside: Vec<String> = beside
        .filter_map(|task| Some(&task.pass()?.findings))
        .flatten()
        .map(|one| one.fingerprint.clone())
        .collect();
    let decided =
        |fingerprint: &String, decision, why: &str, evidence: Option<&String>| Event::FindingDecided {
            fingerprint: fingerprint.clone(),
            decision,
            feedback: None,
            by: name.clone(),
            why: why.to_owned(),
            evidence: evidence.cloned(),
        };
    let mut events = Vec::new();
    let mut closed: Vec<&String> = Vec::new();
    for Resolved { fingerprint, evidence } in review.closes() {
        let is_open = run.decisions.get(fingerprint).is_none_or(|last| last.decision == Decision::Reopened);
        let is_theirs = found_before.contains_key(fingerprint) && !beside.contains(fingerprint);
        if is_open && is_theirs && !closed.contains(&fingerprint) {
            closed.push(fingerprint);
            events.push(decided(
                fingerprint,
                Decision::Resolved,
                "put right in a later round",
                Some(evidence),
            ));
        }
    }
    let mut again: Vec<&String> = Vec::new();
    for Finding { fingerprint, .. } in &review.findings {
        let resolved = run.decisions.get(fingerprint).filter(|last| last.decision == Decision::Resolved);
        if resolved.is_some_and(|last| of_reviewer(&last.by)) && !again.contains(&fingerprint) {
            again.push(fingerprint);
            events.push(decided(fingerprint, Decision::Reopened, "found again", None));
        }
    }
    events
}

/// Says that there is nothing left to decide.
pub fn decided(fingerprint: &str, before: &Decided, run: &RunId) -> Answer {
    let (decision, by, at) = (before.decision.name(), &before.by, before.at);
    let message =
        format!("finding {fingerprint} is {decision}, by {by} at {at}: {}", clean_line(&before.why, 200));
    let hint = match before.decision {
        Decision::Reopened => format!("crew review show {run} {fingerprint} shows what was said about it"),
        _ => format!("crew review reopen {run} {fingerprint} --why TEXT takes that back"),
    };
    refused(Code::Decided, message, hint)
}

/// Names the kinds of reasons for a decision.
pub fn kinds_of(decision: Decision) -> String {
    let kinds: Vec<&str> =
        Feedback::ALL.into_iter().filter(|kind| kind.decision() == decision).map(Feedback::name).collect();
    match kinds.is_empty() {
        true => format!("what is {} has no kind; --why says all", decision.name()),
        false => format!("what is {} is one of {}", decision.name(), kinds.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::review::row::tests::{passes, review_events};

    fn run() -> Run {
        let events = review_events("h", &["claude"], false);
        let mut run = Run::create(RunId::from_random(1), Time(1), &events[0]).unwrap();
        for event in events[1..].iter().chain(&passes("claude", 1, "changes_requested", &["f1", "f2"])) {
            run.apply(Time(2), event).unwrap();
        }
        run
    }

    fn order(decision: Decision, fingerprints: &[&str]) -> Order {
        let fingerprints = fingerprints.iter().map(|print| (*print).to_owned()).collect();
        Order { fingerprints, decision, feedback: None, evidence: None }
    }

    fn code(refused: Result<Vec<Event>, Answer>) -> Code {
        match refused {
            Err(Answer::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_decision_is_taken_once_with_a_reason_and_can_be_taken_back() {
        use Decision::{Dismissed, Reopened, Resolved};
        let mut run = run();
        let both = order(Dismissed, &["f1", "f2"]);
        let events = decide(&run, &both, ("Ann", " not here ")).unwrap();
        assert_eq!(events.len(), 2);
        for event in &events {
            run.apply(Time(3), event).unwrap();
        }
        assert_eq!(run.decisions["f1"].why, "not here");
        assert!(decide(&run, &both, ("Ann", "not here")).unwrap().is_empty(), "it is the same");
        assert_eq!(code(decide(&run, &both, ("Bob", "not here"))), Code::Decided);
        // What was thought to be nothing may turn out right.
        assert_eq!(decide(&run, &order(Resolved, &["f1"]), ("Bob", "done")).unwrap().len(), 1);
        assert_eq!(decide(&run, &order(Reopened, &["f2"]), ("Bob", "it is back")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_decision_is_refused_and_none_of_several_is_taken() {
        use Decision::{Dismissed, Reopened};
        let run = run();
        let refusal = |order: &Order, why| code(decide(&run, order, ("Ann", why)));
        assert_eq!(refusal(&order(Dismissed, &["f1"]), "  "), Code::Invalid);
        assert_eq!(refusal(&order(Dismissed, &[]), "w"), Code::Invalid);
        assert_eq!(refusal(&order(Dismissed, &["f1", "f3"]), "w"), Code::UnknownFinding);
        for (decision, feedback) in [(Dismissed, Feedback::GoodFit), (Reopened, Feedback::Other)] {
            let order = Order { feedback: Some(feedback), ..order(decision, &["f1"]) };
            assert_eq!(refusal(&order, "w"), Code::NotFitting);
        }
    }
}
