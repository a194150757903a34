//! What several reviewers found, as one list: the same place is one finding, with all who agree on it.

use super::report::Agreed;
use crate::domain::finding::{Finding, MAX_BODY, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Two titles of one place that share so much of their words speak of the same thing, whatever their categories.
const ALIKE: f64 = 0.5;
/// As many lines are one spot.
const SPOT: u32 = 5;

/// Brings the findings of several reviewers together, worst first, then by file and line.
///
/// Two findings are one where they are in the same file, their lines overlap, and their category or the words of their
/// titles are the same, or they are of like gravity and about a few lines. The gravest remark stands for all of them, the
/// surest of equally grave ones, and its body says what the others said in other words; nothing depends on who came first.
/// A reviewer's own findings are never taken for one another.
pub fn agree(found: impl IntoIterator<Item = (String, Finding)>) -> Vec<Agreed> {
    let mut all: Vec<Agreed> =
        found.into_iter().map(|(reviewer, finding)| Agreed::alone(finding, reviewer)).collect();
    // What is kept of a place comes before what joins it.
    all.sort_by(|a, b| {
        let confidence = b.finding.confidence.total_cmp(&a.finding.confidence);
        let place = |agreed: &Agreed| (agreed.finding.file.clone(), agreed.finding.start_line);
        b.finding
            .severity
            .cmp(&a.finding.severity)
            .then(confidence)
            .then_with(|| place(a).cmp(&place(b)))
            .then_with(|| a.reviewers.cmp(&b.reviewers))
            .then_with(|| a.finding.fingerprint.cmp(&b.finding.fingerprint))
    });
    let mut kept: Vec<Agreed> = Vec::new();
    // The words of their titles.
    let mut titles: Vec<BTreeSet<String>> = Vec::new();
    let mut by_file: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for one in all {
        let of_file = by_file.entry(one.finding.file.clone()).or_default();
        let said = words(&one.finding.title);
        let is_same = |at: &usize| is_same((&kept[*at].finding, &titles[*at]), (&one.finding, &said));
        let is_own = |at: &usize| kept[*at].reviewers.contains(&one.reviewers[0]);
        // Said twice in the same words by the same one, it is said once.
        if of_file.iter().any(|at| is_own(at) && says_the_same(&kept[*at].finding, &one.finding)) {
            continue;
        }
        let same = of_file.iter().copied().find(|at| !is_own(at) && is_same(at));
        match same {
            Some(at) => {
                add_words(&mut kept[at].finding, &one);
                let print = one.finding.fingerprint;
                if kept[at].fingerprints().all(|known| *known != print) {
                    kept[at].also.push(print);
                }
                kept[at].reviewers.extend(one.reviewers);
            }
            None => {
                of_file.push(kept.len());
                titles.push(said);
                kept.push(one);
            }
        }
    }
    kept.iter_mut().for_each(|agreed| agreed.reviewers.sort());
    kept.sort_by(|a, b| key(&a.finding).cmp(&key(&b.finding)));
    kept
}

fn key(finding: &Finding) -> (std::cmp::Reverse<Severity>, &str, u32, &str) {
    (std::cmp::Reverse(finding.severity), &finding.file, finding.start_line, &finding.fingerprint)
}

/// Adds what another reviewer says of the same, as far as there is room.
fn add_words(finding: &mut Finding, other: &Agreed) {
    if finding.title == other.finding.title {
        return;
    }
    let said = format!("{}: {}", other.reviewers.join(", "), other.finding.title);
    let between = if finding.body.is_empty() { "" } else { "\n\n" };
    if finding.body.chars().count() + between.len() + said.chars().count() <= MAX_BODY {
        finding.body.push_str(between);
        finding.body.push_str(&said);
    }
}

fn says_the_same(a: &Finding, b: &Finding) -> bool {
    let place = |finding: &Finding| (finding.start_line, finding.end_line);
    place(a) == place(b) && (&a.file, &a.category, &a.title) == (&b.file, &b.category, &b.title)
}

fn is_same((a, said): (&Finding, &BTreeSet<String>), (b, also): (&Finding, &BTreeSet<String>)) -> bool {
    let overlap =
        a.start_line <= b.end_line.max(b.start_line) && b.start_line <= a.end_line.max(a.start_line);
    overlap && (a.category == b.category || alike(said, also) || is_same_spot(a, b))
}

/// Tells whether two remarks of like gravity are about the same few lines. Reviewers seldom use the same words.
fn is_same_spot(a: &Finding, b: &Finding) -> bool {
    let is_spot = |finding: &Finding| {
        finding.start_line > 0 && finding.end_line.saturating_sub(finding.start_line) < SPOT
    };
    is_spot(a) && is_spot(b) && (a.severity as u8).abs_diff(b.severity as u8) <= 1
}

/// Tells whether two titles share enough of their words.
fn alike(a: &BTreeSet<String>, b: &BTreeSet<String>) -> bool {
    let shared = a.intersection(b).count();
    let all = a.len() + b.len() - shared;
    all > 0 && shared as f64 / all as f64 >= ALIKE
}

fn words(title: &str) -> BTreeSet<String> {
    let words = title.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| word.chars().count() > 2).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        who: &str,
        severity: Severity,
        category: &str,
        lines: (u32, u32),
        title: &str,
    ) -> (String, Finding) {
        let finding = Finding {
            severity,
            category: category.to_owned(),
            file: "a.rs".to_owned(),
            start_line: lines.0,
            end_line: lines.1,
            quote: String::new(),
            title: title.to_owned(),
            body: who.to_owned(),
            suggestion: None,
            confidence: 0.8,
            fingerprint: format!("{category}{lines:?}"),
            standing: None,
        };
        (who.to_owned(), finding)
    }

    fn seen(agreed: &[Agreed]) -> Vec<(Severity, u32, Vec<&str>)> {
        agreed
            .iter()
            .map(|one| {
                let who = one.reviewers.iter().map(String::as_str).collect();
                (one.finding.severity, one.finding.start_line, who)
            })
            .collect()
    }

    #[test]
    fn the_same_place_is_one_finding_in_the_words_of_the_gravest() {
        let all = vec![
            found("claude", Severity::Warning, "race", (10, 12), "lock is held across an await"),
            found("codex", Severity::Error, "deadlock", (12, 12), "the lock is held across await"),
            found("pi", Severity::Info, "style", (11, 11), "a name is short"),
            found("gemini", Severity::Warning, "panic", (12, 12), "foo may be missing"),
            found("claude", Severity::Warning, "race", (40, 41), "another one"),
        ];
        let expected = vec![
            (Severity::Error, 12, vec!["claude", "codex", "gemini"]),
            (Severity::Warning, 40, vec!["claude"]),
            (Severity::Info, 11, vec!["pi"]),
        ];
        let agreed = agree(all.clone());
        assert_eq!(seen(&agreed), expected);
        let words = "codex\n\nclaude: lock is held across an await\n\ngemini: foo may be missing";
        assert_eq!(
            (agreed[0].finding.body.as_str(), &*agreed[0].also),
            (words, &["race(10, 12)".to_owned(), "panic(12, 12)".to_owned()][..])
        );
        let backwards = agree(all.into_iter().rev());
        assert_eq!(backwards, agreed);
    }

    #[test]
    fn what_one_reviewer_says_twice_in_the_same_words_is_said_once() {
        let one = found("claude", Severity::Error, "race", (10, 12), "one");
        assert_eq!(agree([one.clone(), one]).len(), 1);
    }

    #[test]
    fn two_of_one_reviewer_stay_two() {
        let two = [
            found("claude", Severity::Error, "race", (10, 12), "one"),
            found("claude", Severity::Error, "race", (11, 11), "two"),
        ];
        assert_eq!(agree(two).len(), 2);
    }
}
