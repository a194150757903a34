//! A review in an answer's own words: an agent that cannot, or does not, hand it in may still have written it down.

use super::placing::WHOLE_CHANGE;
use crate::domain::finding::{Finding, Severity, Standing, fingerprint};
use crate::domain::submission::{HandedIn, Kind, ReviewBody, ReviewVerdict, Statement, Terms};
use crate::domain::words::clean_text;
use serde_json::Value;

/// The most blocks of an answer that are looked at, the last ones.
const MAX_BLOCKS: usize = 20;

/// Why an answer is no review.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("it holds no JSON object")]
    NoObject,
    #[error("the JSON in it is no review: {0}")]
    NoReview(String),
}

/// The category of what is made of an answer that is no review.
pub const UNPARSABLE: &str = "unparsable-review";
/// The most characters of such an answer that are kept as a finding.
const MAX_WORDS: usize = 8_000;

/// Makes a review of an answer that is none, so that its words are seen. It is never clean: see [`is_unparsable`].
pub fn unparsable(words: &str, why: &NoAnswer) -> ReviewBody {
    let said: String = clean_text(words.trim(), usize::MAX).chars().take(MAX_WORDS).collect();
    let finding = Finding {
        severity: Severity::Warning,
        category: UNPARSABLE.into(),
        file: WHOLE_CHANGE.into(),
        start_line: 0,
        end_line: 0,
        quote: String::new(),
        title: "the reviewer's answer is no review".into(),
        fingerprint: fingerprint(UNPARSABLE, WHOLE_CHANGE, &said, 0),
        body: said,
        suggestion: None,
        confidence: 1.0,
        standing: Some(Standing::Whole),
    };
    ReviewBody {
        verdict: ReviewVerdict::ChangesRequested,
        body: format!("its answer could not be read as a review: {why}"),
        findings: vec![finding],
    }
}

/// Tells whether a review was made of an answer that is none.
pub fn is_unparsable(review: &ReviewBody) -> bool {
    review.findings.iter().any(|finding| finding.category == UNPARSABLE)
}

/// Reads a review out of an answer: in a block of code, or from the first brace to the last one. What comes last counts.
pub fn read_answer(text: &str) -> Result<ReviewBody, NoAnswer> {
    let mut why = NoAnswer::NoObject;
    for candidate in candidates(text) {
        let Ok(object @ Value::Object(_)) = serde_json::from_str::<Value>(candidate.trim()) else { continue };
        match read_object(&object) {
            Ok(review) => return Ok(review),
            Err(wrong) => why = NoAnswer::NoReview(wrong),
        }
    }
    Err(why)
}

/// Returns the parts of an answer that may be JSON, the likeliest first.
fn candidates(text: &str) -> impl Iterator<Item = &str> {
    // Between each odd fence and the next lies a block, behind the name of its language.
    let fenced = text.split("```").skip(1).step_by(2).collect::<Vec<_>>();
    let blocks = fenced.into_iter().rev().take(MAX_BLOCKS);
    let blocks = blocks.map(|block| block.find(['{', '\n']).map_or(block, |at| &block[at..]));
    let all = text.find('{').zip(text.rfind('}')).filter(|(first, last)| first < last);
    blocks.chain(all.map(|(first, last)| &text[first..=last]))
}

fn read_object(object: &Value) -> Result<ReviewBody, String> {
    let terms = Terms { role: "reviewer".into(), ..Terms::default() };
    match Statement::read(Kind::Review, object, &terms) {
        Ok(Statement::Conclusion(HandedIn::Review(review))) => Ok(review),
        Ok(_) => Err("it is something else".into()),
        Err(refusal) => Err(refusal.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVIEW: &str = r#"{"verdict": "changes_requested", "body": "", "findings": [{"severity": "error",
        "category": "race", "file": "a.rs", "start_line": 3, "end_line": 3, "quote": "lock()", "title": "a { in it"}]}"#;

    #[test]
    fn a_review_is_found_among_words() {
        let alone = read_answer(REVIEW).unwrap();
        assert_eq!((alone.verdict, alone.findings.len()), (ReviewVerdict::ChangesRequested, 1));
        let draft = r#"{"verdict": "approved"}"#;
        for text in [
            format!("I looked at it.\n\n```json\n{REVIEW}\n```\nThat is all."),
            format!("First I thought\n```\n{draft}\n```\nbut then:\n```json\n{REVIEW}\n```"),
            format!("Here: {REVIEW} - done."),
            format!("```json {REVIEW}```"),
        ] {
            assert_eq!(read_answer(&text).as_ref(), Ok(&alone), "{text}");
        }
    }

    #[test]
    fn words_that_are_no_review_become_one_that_is_never_clean() {
        let review = unparsable("All good!\u{1b}[2J\n", &NoAnswer::NoObject);
        assert!(is_unparsable(&review) && review.verdict == ReviewVerdict::ChangesRequested);
        assert_eq!(review.findings[0].body, "All good!");
        assert_eq!(review.body, "its answer could not be read as a review: it holds no JSON object");
        assert!(!is_unparsable(&read_answer(REVIEW).unwrap()));
    }

    #[test]
    fn what_is_no_review_says_why() {
        let no = |text: &str| read_answer(text).unwrap_err().to_string();
        assert_eq!(no("I submitted the review."), "it holds no JSON object");
        assert_eq!(no("} and {"), "it holds no JSON object");
        assert_eq!(no("{ not json }"), "it holds no JSON object");
        assert_eq!(no(r#"{"findings": []}"#), "the JSON in it is no review: verdict is missing");
        let silent = r#"{"verdict": "changes_requested"}"#;
        assert!(no(silent).ends_with("changes_requested needs a reason: a body or a finding"));
        assert_eq!(read_answer(&"{".repeat(100_000)), Err(NoAnswer::NoObject));
    }
}
