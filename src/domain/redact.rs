//! Secrets in other people's words, taken out before the words are kept.
//!
//! Only what is a secret by its form, or stands where a secret does, is found; the review's list is longer, because it
//! reports where this one only has to hide.

use super::words::clean_line;
use regex::Regex;
use std::sync::LazyLock;

/// Stands where a secret was.
const HIDDEN: &str = "[redacted]";

/// The most characters of a secret, which may lie across the place where a text is cut.
const LONGEST: usize = 4_096;

/// The secret is the group `s`, or all of the match.
const FORMS: &[&str] = &[
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bgl(?:pat|dt|rt|ptt|ft|soat|cbt)-[A-Za-z0-9_-]{20,}",
    r"\bxox[abeoprs]-[0-9A-Za-z-]{20,}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bAIza[A-Za-z0-9_-]{35}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.)*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)",
    r"\b(?i-u:bearer|basic)\s+(?<s>[A-Za-z0-9._~+/-]{8,}=*)",
    r#"\b(?i-u:x-api-key)\\?["']?\s*[:=]\s*\\?["']?(?<s>[^\s"'\\]{8,})"#,
    r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s/@:'"]{0,100}:(?<s>[^\s/@'"]{3,200})@"#,
    // `NAME=value`, as in a shell; `$NAME` and what only speaks of a secret stay.
    r#"\b[A-Z0-9_]{0,60}(?:TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|ACCESS_KEY|PRIVATE_KEY)=\\?["']?(?<s>[^\s"'\\$;&|]{6,})"#,
];

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| FORMS.iter().map(|form| Regex::new(form).expect("a fixed pattern")).collect());

/// Any of these makes a text worth a closer look.
static WORTH: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"sk-|k_live_|gh[pousr]_|github_pat_|\bgl[a-z]{2,4}-|xox|npm_|AIza|AKIA|ASIA|eyJ|PRIVATE|(?i-u:bearer|basic|x-api-key)|://|TOKEN|SECRET|PASSW|_KEY";
    Regex::new(words).expect("a fixed pattern")
});

/// Returns `text` as one harmless line of at most `max_chars` characters, without secrets. `known` are secrets whose
/// value is known; an empty one is none.
pub fn safe_line(text: &str, known: &[&str], max_chars: usize) -> String {
    // What is cut first could leave the beginning of a secret behind.
    let line = clean_line(text, max_chars + LONGEST);
    clean_line(&without_secrets(line, known), max_chars)
}

fn without_secrets(mut text: String, known: &[&str]) -> String {
    for secret in known.iter().filter(|secret| !secret.is_empty()) {
        if text.contains(secret) {
            text = text.replace(secret, HIDDEN);
        }
    }
    if !WORTH.is_match(&text) {
        return text;
    }
    for pattern in PATTERNS.iter() {
        let spots: Vec<_> = pattern
            .captures_iter(&text)
            .filter_map(|found| found.name("s").or_else(|| found.get(0)).map(|spot| spot.range()))
            .collect();
        spots.into_iter().rev().for_each(|spot| text.replace_range(spot, HIDDEN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up, and put together so that no line of this file looks like a secret.
    fn made_up(prefix: &str, length: usize) -> String {
        format!("{prefix}{}", "a8Kx2Qz7".repeat(length.div_ceil(8)).chars().take(length).collect::<String>())
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_stays() {
        let aws = format!("AKIA{}", "Q7RZ".repeat(4));
        let key = format!("-----{} RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "BEGIN");
        for secret in [
            made_up("sk-", 40),
            made_up("sk-ant-api03-", 40),
            made_up("ghp_", 36),
            made_up("github_pat_", 50),
            made_up("xoxb-", 40),
            aws,
            key,
        ] {
            let line = safe_line(&format!("{{\"command\":\"run '{secret}' now\"}}"), &[], 500);
            assert_eq!(line, r#"{"command":"run '[redacted]' now"}"#);
        }
        let value = made_up("", 20);
        for (before, after) in [
            ("curl -H 'Authorization: Bearer ", "' x"),
            ("curl -H \"x-api-key: ", "\" x"),
            ("git clone https://me:", "@host/x"),
            ("DB_PASSWORD=", " make"),
        ] {
            let line = safe_line(&format!("{before}{value}{after}"), &[], 500);
            assert_eq!(line, format!("{before}[redacted]{after}"));
        }
    }

    #[test]
    fn what_only_speaks_of_secrets_stays() {
        for text in [
            "git show sk-learn; grep -r TOKEN= src",
            "echo $API_KEY; export API_KEY=$OTHER_KEY",
            "the basic idea: https://host/a:b@c",
            "cargo test task-with-a-long-name-that-is-no-key",
        ] {
            assert_eq!(safe_line(text, &[], 500), text);
        }
    }

    #[test]
    fn a_known_secret_is_hidden_wherever_it_stands() {
        assert_eq!(safe_line("a5f0b1 xa5f0b1y", &["a5f0b1", ""], 500), "[redacted] x[redacted]y");
    }

    #[test]
    fn a_secret_at_the_place_of_the_cut_does_not_show_its_beginning() {
        let text = format!("{} {}", "x".repeat(90), made_up("sk-", 40));
        let line = safe_line(&text, &[], 100);
        assert!(line.chars().count() <= 100 && !line.contains("sk-"), "{line}");
    }
}
