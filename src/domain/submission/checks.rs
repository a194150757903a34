//! The rules that several kinds share, and how JSON becomes one of their types.

use super::{MAX_SUMMARY, MAX_TEXTS, Refusal};
use crate::domain::finding::{Finding, MAX_BODY, MAX_FINDINGS, MAX_TITLE};
use crate::domain::nearest::nearest;
use crate::domain::words::{clean_line, clean_text};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(super) fn refuse<T>(field: impl Into<String>, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { field: field.into(), message: message.into(), hint: None })
}

pub(super) fn refuse_with<T>(
    field: &str,
    message: impl Into<String>,
    hint: impl Into<String>,
) -> Result<T, Refusal> {
    Err(Refusal { field: field.into(), message: message.into(), hint: Some(hint.into()) })
}

/// Reads a body as what its kind is, or says which field is wrong.
pub(super) fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    if !body.is_object() {
        return refuse("json", "what is handed in has to be a JSON object");
    }
    serde_path_to_error::deserialize(body).or_else(|error| {
        let at = error.path().to_string();
        let text = error.into_inner().to_string();
        let inside = |field: &str| if at == "." { field.to_owned() } else { format!("{at}.{field}") };
        if let Some(field) = quoted(&text, "missing field `") {
            let field = inside(field);
            return refuse(field.clone(), format!("{field} is missing"));
        }
        if let Some(field) = quoted(&text, "unknown field `") {
            let known = text.split('`').skip(3).step_by(2);
            // The path ends in the unknown field itself.
            return unknown_field(field, known);
        }
        // It quotes what the agent wrote, and names our own types.
        let (wrong, expected) = text.rsplit_once("expected struct ").unwrap_or((&text, ""));
        let object = if expected.is_empty() { "" } else { "expected an object" };
        let at = if at == "." { "json".to_owned() } else { at };
        refuse(at.clone(), clean_line(&format!("{at}: {wrong}{object}"), 300))
    })
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split_once('`').map(|(name, _)| name)
}

/// Refuses a field that there is not, with the one that was probably meant.
pub(super) fn unknown_field<'a, T>(
    field: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<T, Refusal> {
    let shown = clean_line(field, 100);
    let message = match nearest(field, known.clone()) {
        Some(near) => format!("unknown field `{shown}`: did you mean `{near}`?"),
        None => format!("unknown field `{shown}`: there are {}", known.collect::<Vec<_>>().join(", ")),
    };
    refuse(shown, message)
}

pub(super) fn check_words(field: &str, words: &str) -> Result<(), Refusal> {
    if words.trim().is_empty() {
        return refuse(field, format!("{field} is empty"));
    }
    if words.chars().count() > MAX_SUMMARY {
        return refuse(field, format!("{field} is longer than {MAX_SUMMARY} characters"));
    }
    Ok(())
}

pub(super) fn check_texts(field: &str, texts: &[String]) -> Result<(), Refusal> {
    check_count(field, texts.len(), (0, MAX_TEXTS))?;
    texts.iter().enumerate().try_for_each(|(at, text)| check_words(&format!("{field}[{at}]"), text))
}

/// Checks how many there are against bounds that are both included.
pub(super) fn check_count(field: &str, count: usize, (least, most): (usize, usize)) -> Result<(), Refusal> {
    if (least..=most).contains(&count) {
        return Ok(());
    }
    refuse(field, format!("{field} has {count} entries; {least} to {most} are allowed"))
}

pub(super) fn check_confidence(confidence: f64) -> Result<(), Refusal> {
    if (0.0..=1.0).contains(&confidence) {
        return Ok(());
    }
    refuse("confidence", format!("confidence {confidence} is not between 0 and 1"))
}

pub(super) fn check_findings(findings: &[Finding]) -> Result<(), Refusal> {
    check_count("findings", findings.len(), (0, MAX_FINDINGS))?;
    for (at, finding) in findings.iter().enumerate() {
        let title = finding.title.chars().count();
        if title == 0 || title > MAX_TITLE {
            return refuse(
                "findings",
                format!("findings[{at}].title has {title} characters; 1 to {MAX_TITLE} are allowed"),
            );
        }
        if finding.body.chars().count() > MAX_BODY {
            return refuse("findings", format!("findings[{at}].body is longer than {MAX_BODY} characters"));
        }
        let suggestion = finding.suggestion.as_deref().unwrap_or_default();
        let texts = [("quote", finding.quote.as_str()), ("suggestion", suggestion)];
        if let Some((name, _)) = texts.into_iter().find(|(_, text)| text.chars().count() > MAX_BODY) {
            return refuse("findings", format!("findings[{at}].{name} is longer than {MAX_BODY} characters"));
        }
        if !(0.0..=1.0).contains(&finding.confidence) {
            return refuse("findings", format!("findings[{at}].confidence is not between 0 and 1"));
        }
        if finding.end_line < finding.start_line {
            return refuse("findings", format!("findings[{at}] ends before it starts"));
        }
    }
    Ok(())
}

pub(super) fn cleaned_finding(finding: Finding) -> Finding {
    let lines = |text: String| clean_text(&text, usize::MAX);
    let line = |text: String| clean_line(&text, usize::MAX);
    Finding {
        category: line(finding.category),
        // A file may be called anything; what names none is cleaned when it gets its place.
        file: finding.file,
        quote: lines(finding.quote),
        title: line(finding.title),
        body: lines(finding.body),
        suggestion: finding.suggestion.map(lines),
        fingerprint: line(finding.fingerprint),
        // Who names one line means that one.
        end_line: if finding.end_line == 0 { finding.start_line } else { finding.end_line },
        ..finding
    }
}

pub(super) fn cleaned_texts(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().map(|text| clean_text(&text, usize::MAX)).collect()
}
