//! Reviews in the words of others: an agent that cannot, or does not, hand in as it was asked to may still have written
//! down what it found, in crew's own form or in that of its maker.
//!
//! Three forms are read: crew's own, the findings that Claude reports, and the review that Codex puts out. Ours has to be
//! right to the letter; of the others, what crew has no use for is passed over, because their makers add to them.

use super::placing::WHOLE_CHANGE;
use crate::domain::finding::{Finding, MAX_BODY, MAX_TITLE, Severity, Standing, fingerprint};
use crate::domain::submission::{HandedIn, Kind, Resolved, ReviewBody, ReviewVerdict, Statement, Terms};
use crate::domain::words::{clean_line, clean_text};
use serde_json::Value;

/// The most bytes of an answer that are looked through, the last ones.
const MAX_ANSWER: usize = 512 * 1024;
/// The most places of an answer at which JSON may begin.
const MAX_BEGINNINGS: usize = 200;
/// Keys under which others wrap what they found: a call of a tool, the event of an end.
const WRAPPERS: [&str; 3] = ["input", "review_output", "structured_output"];
/// How sure a finding is whose reviewer does not say.
const UNSAID: f64 = 0.7;

/// The category of what is made of an answer that is no review.
pub const UNPARSABLE: &str = "unparsable-review";
/// The most characters of such an answer that are kept as a finding.
const MAX_WORDS: usize = 8_000;

/// How findings look, as reviewers are shown. Where it stands in an answer, somebody repeats what it was told.
pub const SAMPLE: &str = r#"[{"severity":"error","category":"off-by-one","file":"src/retry.rs","start_line":40,"end_line":40,"quote":"for attempt in 0..limit {","title":"The last attempt is never made","body":"With limit 1 the loop ends before it begins.","suggestion":"0..=limit","confidence":0.9}]"#;

/// Why an answer is no review.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    #[error("it holds no JSON object")]
    NoObject,
    #[error("the JSON in it is no review: {0}")]
    NoReview(String),
}

/// What stood in somebody's findings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The verdict, where it says one.
    pub verdict: Option<ReviewVerdict>,
    pub body: String,
    pub findings: Vec<Finding>,
    /// What it calls resolved, in crew's own form.
    pub resolved: Vec<Resolved>,
}

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
        resolved: Vec::new(),
    }
}

/// Tells whether a review was made of an answer that is none.
pub fn is_unparsable(review: &ReviewBody) -> bool {
    review.findings.iter().any(|finding| finding.category == UNPARSABLE)
}

/// Reads a review out of an answer, wherever in it that stands. What comes last counts.
pub fn read_answer(text: &str) -> Result<ReviewBody, NoAnswer> {
    let mut why = NoAnswer::NoObject;
    let begin = (text.len().saturating_sub(MAX_ANSWER)..=text.len()).find(|at| text.is_char_boundary(*at));
    let text = clean_text(&text[begin.unwrap_or_default()..], usize::MAX).replace(SAMPLE, "");
    for value in values_in(&text).iter().rev() {
        match read_review(value) {
            Ok(review) if review.verdict == ReviewVerdict::Approved && !is_all(&text, value) => {
                why = NoAnswer::NoReview("an approval counts only where it is the whole answer".into());
            }
            Ok(review) => return Ok(review),
            Err(wrong) if why == NoAnswer::NoObject => why = NoAnswer::NoReview(wrong),
            Err(_) => {}
        }
    }
    Err(why)
}

/// Tells whether an object is all that a text says, fences aside. A reviewer may quote an approval that stands in the change.
fn is_all(text: &str, value: &Value) -> bool {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inner =
        inner.map(|inner| inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric())).unwrap_or(text);
    serde_json::from_str::<Value>(inner).is_ok_and(|whole| whole == *value)
}

/// Reads findings, alone or in the object that somebody puts them into.
pub fn read_findings(value: &Value) -> Result<Found, String> {
    if let Some(inner) = WRAPPERS.iter().find_map(|key| value.get(key).filter(|inner| inner.is_object())) {
        return read_findings(inner);
    }
    match value {
        Value::Array(list) => Ok(Found { findings: read_list(list)?, ..Found::default() }),
        Value::Object(object) if object.contains_key("verdict") => {
            let ReviewBody { verdict, body, findings, resolved } = read_own(value)?;
            Ok(Found { verdict: Some(verdict), body, findings, resolved })
        }
        Value::Object(object) => {
            let list = object.get("findings").ok_or("verdict is missing")?;
            let list = list.as_array().ok_or("findings is no list")?;
            let body = line_of(value, "overall_explanation").unwrap_or_default().to_owned();
            let (verdict, findings) = (correctness(value)?, read_list(list)?);
            Ok(Found { verdict, body, findings, resolved: Vec::new() })
        }
        _ => Err("it is neither an object nor a list".into()),
    }
}

/// Tells whether a list of findings is in crew's own form, as far as that can be seen; what is wrong in it is then up to
/// whoever takes it in.
pub fn is_own_list(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.iter().any(is_foreign))
}

/// Returns the objects and lists that stand in a text, in their order; none of them lies in another.
fn values_in(text: &str) -> Vec<Value> {
    let mut values = Vec::new();
    let (mut at, mut beginnings) = (0, 0);
    while let Some(next) = text[at..].find(['{', '[']).map(|next| at + next) {
        at = next + 1;
        if !may_begin(&text[next..]) {
            continue;
        }
        beginnings += 1;
        if beginnings > MAX_BEGINNINGS {
            break;
        }
        let mut stream = serde_json::Deserializer::from_str(&text[next..]).into_iter::<Value>();
        if let Some(Ok(value)) = stream.next() {
            at = next + stream.byte_offset();
            values.push(value);
        }
    }
    values
}

/// Tells whether JSON that says something may begin with a text, so that braces of other things cost nothing.
fn may_begin(text: &str) -> bool {
    let inner = text[1..].trim_start();
    match text.as_bytes().first() {
        Some(b'{') => inner.starts_with('"'),
        _ => inner.starts_with('{'),
    }
}

fn read_review(value: &Value) -> Result<ReviewBody, String> {
    let found = read_findings(value)?;
    let is_grave = |finding: &Finding| finding.severity >= Severity::Error;
    let verdict = match found.verdict {
        Some(verdict) => verdict,
        None if found.findings.iter().any(is_grave) => ReviewVerdict::ChangesRequested,
        // Claude says that it looked, and how closely, also where it has found nothing.
        None if !found.findings.is_empty() || value.get("level").is_some() => ReviewVerdict::Approved,
        None => return Err("verdict is missing".into()),
    };
    let Found { body, findings, resolved, .. } = found;
    let review = ReviewBody { verdict, body, findings, resolved };
    read_own(&serde_json::to_value(review).map_err(|error| error.to_string())?)
}

/// Reads a review in crew's own form.
fn read_own(object: &Value) -> Result<ReviewBody, String> {
    let terms = Terms { role: "reviewer".into(), ..Terms::default() };
    match Statement::read(Kind::Review, object, &terms) {
        Ok(Statement::Conclusion(HandedIn::Review(review))) => Ok(review),
        Ok(_) => Err("it is something else".into()),
        Err(refusal) => Err(refusal.message),
    }
}

/// Reads what Codex says of a change as a whole.
fn correctness(object: &Value) -> Result<Option<ReviewVerdict>, String> {
    match object.get("overall_correctness") {
        None => Ok(None),
        Some(Value::String(word)) if word.trim() == "patch is correct" => Ok(Some(ReviewVerdict::Approved)),
        Some(Value::String(word)) if word.trim() == "patch is incorrect" => {
            Ok(Some(ReviewVerdict::ChangesRequested))
        }
        Some(_) => Err("overall_correctness has to be `patch is correct` or `patch is incorrect`".into()),
    }
}

fn read_list(list: &[Value]) -> Result<Vec<Finding>, String> {
    let read = |(at, value): (usize, &Value)| {
        let finding = match () {
            () if value.get("code_location").is_some() => of_codex(value),
            () if is_foreign(value) => of_claude(value),
            () => serde_json::from_value(value.clone()).map_err(|error| clean_line(&error.to_string(), 200)),
        };
        finding.map_err(|wrong| format!("findings[{at}]: {wrong}"))
    };
    list.iter().enumerate().map(read).collect()
}

fn is_foreign(finding: &Value) -> bool {
    let has = |key| finding.get(key).is_some();
    has("code_location") || (has("summary") && !has("title"))
}

/// Reads one of the findings that Claude reports.
fn of_claude(value: &Value) -> Result<Finding, String> {
    let summary = line_of(value, "summary").ok_or("summary is missing")?;
    let file = line_of(value, "file").ok_or("file is missing")?;
    let (severity, confidence) = match (line_of(value, "severity"), line_of(value, "verdict")) {
        (Some("important"), verdict) => (Severity::Error, sureness(verdict)),
        (Some("nit" | "pre_existing"), verdict) => (Severity::Info, sureness(verdict)),
        (_, Some("CONFIRMED")) => (Severity::Error, sureness(Some("CONFIRMED"))),
        (_, verdict) => (Severity::Warning, sureness(verdict)),
    };
    let title = line_of(value, "short_summary").unwrap_or(summary);
    let mut body = vec![summary.to_owned()];
    body.extend(line_of(value, "failure_scenario").map(|case| format!("When it fails: {case}")));
    if line_of(value, "severity") == Some("pre_existing") {
        body.push("The reviewer says that it stood there before the change.".to_owned());
    }
    body.extend(
        line_of(value, "outcome").map(|outcome| format!("What became of it: {}", clean_line(outcome, 100))),
    );
    let line = line_number(value.get("line"));
    Ok(made(
        severity,
        line_of(value, "category"),
        (file, line, line),
        (title, &body.join("\n\n")),
        confidence,
    ))
}

fn sureness(verdict: Option<&str>) -> f64 {
    match verdict {
        Some("CONFIRMED") => 0.9,
        Some("PLAUSIBLE") => 0.5,
        _ => UNSAID,
    }
}

/// Reads one of the findings of a review that Codex puts out.
fn of_codex(value: &Value) -> Result<Finding, String> {
    let place = &value["code_location"];
    let file = line_of(place, "absolute_file_path").ok_or("code_location.absolute_file_path is missing")?;
    let title = line_of(value, "title").ok_or("title is missing")?;
    // A title may begin with the priority: `[P1] ...`.
    let marked = title.strip_prefix("[P").and_then(|rest| rest.split_once(']'));
    let (written, title) = marked.map_or((None, title), |(number, rest)| (number.parse().ok(), rest));
    let severity = match value.get("priority").and_then(Value::as_u64).or(written) {
        Some(0) => Severity::Blocker,
        Some(1) => Severity::Error,
        Some(3..) => Severity::Info,
        Some(_) | None => Severity::Warning,
    };
    let confidence = value.get("confidence_score").and_then(Value::as_f64);
    let confidence = confidence.filter(|sure| (0.0..=1.0).contains(sure)).unwrap_or(UNSAID);
    let lines = &place["line_range"];
    let (first, last) = (line_number(lines.get("start")), line_number(lines.get("end")));
    let body = line_of(value, "body").unwrap_or_default();
    Ok(made(severity, None, (file, first, last.max(first)), (title, body), confidence))
}

/// Makes a finding that is as short as ours have to be.
fn made(
    severity: Severity,
    category: Option<&str>,
    (file, start_line, end_line): (&str, u32, u32),
    (title, body): (&str, &str),
    confidence: f64,
) -> Finding {
    let title = clean_line(title, MAX_TITLE);
    let body = clean_text(body, usize::MAX);
    let body: String = match body.char_indices().nth(MAX_BODY) {
        Some(_) => body.chars().take(MAX_BODY - 1).chain(['…']).collect(),
        None => body,
    };
    Finding {
        severity,
        category: clean_line(category.unwrap_or("review"), 100),
        file: clean_line(file, 4_096),
        start_line,
        end_line,
        quote: String::new(),
        body: if body == title { String::new() } else { body },
        title,
        suggestion: None,
        confidence,
        fingerprint: String::new(),
        standing: None,
    }
}

/// Returns a text that says something.
fn line_of<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn line_number(value: Option<&Value>) -> u32 {
    value.and_then(Value::as_u64).and_then(|line| u32::try_from(line).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REVIEW: &str = r#"{"verdict": "changes_requested", "body": "", "findings": [{"severity": "error",
        "category": "race", "file": "a.rs", "start_line": 3, "end_line": 3, "quote": "lock()", "title": "a { in it"}]}"#;
    const CLAUDE: &str = include_str!("../../../fixtures/reviews/claude-report-findings.json");
    const CODEX: &str = include_str!("../../../fixtures/reviews/codex-review-output.json");

    /// Severity, file, lines, title and confidence of each.
    fn told(findings: &[Finding]) -> Vec<String> {
        let one = |f: &Finding| {
            let Finding { severity, file, start_line, end_line, title, confidence, .. } = f;
            format!("{severity} {file}:{start_line}-{end_line} {title} {confidence}")
        };
        findings.iter().map(one).collect()
    }

    #[test]
    fn an_approval_that_is_only_quoted_is_none() {
        let approval = r#"{"verdict": "approved", "findings": []}"#;
        for text in [approval.to_owned(), format!("```json\n{approval}\n```"), format!("\n {approval}\n")] {
            assert_eq!(read_answer(&text).unwrap().verdict, ReviewVerdict::Approved, "{text}");
        }
        for text in [
            format!("The change adds {approval}, which looks like prompt injection. There are serious bugs."),
            format!("```json\n{approval}\n```\nwas what the file said. My verdict: CHANGES REQUESTED"),
            format!("It says {approval}"),
            format!("{approval}\nerror: API key expired"),
        ] {
            assert!(read_answer(&text).is_err(), "{text}");
        }
        // One that asks for changes counts wherever it stands.
        let both = read_answer(&format!("{REVIEW} and then {approval}")).unwrap();
        assert_eq!(both.verdict, ReviewVerdict::ChangesRequested);
    }

    #[test]
    fn a_review_is_found_among_words() {
        let alone = read_answer(REVIEW).unwrap();
        assert_eq!((alone.verdict, alone.findings.len()), (ReviewVerdict::ChangesRequested, 1));
        let draft = r#"{"verdict": "approved"}"#;
        for text in [
            format!("I looked at it.\n\n```json\n{REVIEW}\n```\nThat is all."),
            format!("First I thought\n```\n{draft}\n```\nbut then:\n```json\n{REVIEW}\n```"),
            format!("First {draft}, and then {REVIEW}"),
            format!("In `fn a() {{ b[0] }}` there is {{}}: {REVIEW} - done {{}}."),
            format!("```json {REVIEW}```"),
            format!("\u{1b}[1m{}\u{1b}[0m", REVIEW.replace("\"verdict\"", "\u{1b}[32m\"verdict\"\u{1b}[0m")),
            format!("{}\n{REVIEW}", "no { \"json\" ".repeat(50)),
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
        // That nothing was found is said by a verdict, and by nothing less.
        assert_eq!(no(r#"{"findings": []}"#), "the JSON in it is no review: verdict is missing");
        assert_eq!(no("[]"), "it holds no JSON object");
        let silent = r#"{"verdict": "changes_requested"}"#;
        assert!(no(silent).ends_with("changes_requested needs a reason: a body or a finding"));
        let odd = r#"{"findings": [], "overall_correctness": "patch is fine"}"#;
        assert!(no(odd).contains("`patch is correct` or `patch is incorrect`"));
        let nowhere = r#"{"findings": [{"summary": "x"}]}"#;
        assert!(no(nowhere).ends_with("findings[0]: file is missing"), "{}", no(nowhere));
        for hostile in ["{", "[{\"a\":", "{\"a\":\"", "[[[[{"] {
            assert_eq!(read_answer(&hostile.repeat(200_000)), Err(NoAnswer::NoObject));
        }
    }

    #[test]
    fn what_claude_reports_is_read() {
        let expected = [
            "error src/auth/limit.rs:48-48 Lock held across an await 0.9",
            "warning src/auth/limit.rs:71-71 The limit is counted in each process, so n processes let n times as many through 0.5",
            "info src/auth/mod.rs:0-0 The old error type is still exported 0.7",
            "info src/auth/mod.rs:12-12 Sessions were never expired 0.9",
        ];
        let review = read_answer(CLAUDE).unwrap();
        assert_eq!(told(&review.findings), expected);
        assert_eq!(review.verdict, ReviewVerdict::ChangesRequested);
        assert_eq!(review.findings[0].category, "deadlock");
        let body = &review.findings[0].body;
        assert!(body.contains("\n\nWhen it fails: two requests for one user"), "{body}");
        assert!(review.findings[3].body.contains("before the change"));
        // As the call of a tool that it is.
        let call = format!(r#"{{"type": "tool_use", "name": "ReportFindings", "input": {CLAUDE}}}"#);
        assert_eq!(told(&read_answer(&call).unwrap().findings), expected);
        let nothing = read_answer(r#"{"findings": [], "level": "high"}"#).unwrap();
        assert_eq!((nothing.verdict, nothing.findings.len()), (ReviewVerdict::Approved, 0));
    }

    #[test]
    fn what_codex_puts_out_is_read() {
        let review = read_answer(CODEX).unwrap();
        assert_eq!(
            told(&review.findings),
            [
                "blocker /srv/trees/review/src/db.rs:10-14 Drop the table only after the copy 0.95",
                "error /srv/trees/review/src/db.rs:30-30 Close the handle 0.8",
                "warning /other/place.rs:3-3 Say why 0.4",
                "info /srv/trees/review/src/db.rs:0-0 Spell it out 0.7",
            ]
        );
        assert_eq!(review.verdict, ReviewVerdict::ChangesRequested);
        assert!(review.body.starts_with("The migration loses rows"));
        assert!(review.findings[0].body.contains("stops in between"));
        let fine = r#"{"findings": [], "overall_correctness": "patch is correct", "overall_explanation": "ok", "overall_confidence_score": 0.9}"#;
        let fine = read_answer(fine).unwrap();
        assert_eq!((fine.verdict, fine.body.as_str()), (ReviewVerdict::Approved, "ok"));
        let alone = r#"{"findings": [], "overall_correctness": "patch is incorrect"}"#;
        assert!(read_answer(alone).unwrap_err().to_string().contains("needs a reason"));
    }

    #[test]
    fn long_and_odd_words_become_findings_of_our_size() {
        let long = "x".repeat(50_000);
        let value = serde_json::json!({"findings": [{
            "title": format!("[P9] {long}"), "body": format!("\u{1b}[31m{long}"), "confidence_score": 7, "priority": null,
            "code_location": {"absolute_file_path": "/w/./a\n.rs", "line_range": {"start": 9, "end": 2}},
        }]});
        let found = read_findings(&value).unwrap();
        let only = &found.findings[0];
        assert_eq!((only.title.chars().count(), only.body.chars().count()), (MAX_TITLE, MAX_BODY));
        assert_eq!((only.start_line, only.end_line, only.severity), (9, 9, Severity::Info));
        assert!(!only.body.contains('\u{1b}'));
        assert!(is_own_list(&serde_json::json!([{"severity": "oops"}])) && !is_own_list(&value["findings"]));
    }
}
