//! The recording of an attempt: what its lines hold, and what must not be in them.
//!
//! A recording is a text file of JSON objects, one a line: a [`Head`], then an [`Entry`] for each line that the child
//! printed and each request it made, and at last how it ended. Where that is missing, the crew process that wrote it
//! died, or could not write on. A child that was reminded to submit follows in the same way, with its own time. Lines
//! are recorded as crew's reader hands them on: cut after 1 MiB, and with U+FFFD for what is not UTF-8.

use super::request::Ask;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;

/// The version of the format.
pub const VERSION: u32 = 1;
/// What stands in a recording where an attempt's token was.
const IN_PLACE_OF_A_TOKEN: &[u8] = b"[token]";
/// The length of a token: hexadecimal digits in small letters.
const TOKEN_LENGTH: usize = 32;

/// The first line: what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The version of the format.
    pub recording: u32,
    /// The agent whose output it is.
    pub agent: String,
    pub task: String,
    pub attempt: u32,
    pub role: String,
    pub crew_version: String,
}

/// Which of a child's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Output,
    Error,
}

/// Every line after the first. `at_ms` counts milliseconds since the child was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Entry {
    /// The child printed a line.
    Line { at_ms: u64, stream: Stream, line: String },
    /// It handed something in, or asked to stop; what it was answered is not recorded, because that is decided anew.
    Ask { at_ms: u64, ask: Ask },
    /// It ended; always its last line.
    End { end: End },
}

/// How the child ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub exit: Option<i32>,
    pub signal: Option<i32>,
    pub at_ms: u64,
    /// Why it never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_started: Option<String>,
}

/// Reads the first line of a recording.
pub fn read_head(line: &str) -> Result<Head, String> {
    #[derive(Deserialize)]
    struct Version {
        recording: u32,
    }
    let no_head = "this is not the first line of a recording";
    let Version { recording } = serde_json::from_str(line).map_err(|_| no_head)?;
    if recording != VERSION {
        return Err(format!("the recording has version {recording}; this crew reads {VERSION}"));
    }
    serde_json::from_str(line).map_err(|error| format!("{no_head}: {error}"))
}

/// Reads any other line.
pub fn read_entry(line: &str) -> Result<Entry, String> {
    serde_json::from_str(line).map_err(|_| "this is no line of a recording".to_owned())
}

/// The tokens of the attempts that are recorded.
#[derive(Debug, Default)]
pub struct Tokens {
    known: HashSet<Vec<u8>>,
}

impl Tokens {
    /// Takes in a token that must not be recorded.
    pub fn add(&mut self, token: &str) {
        self.known.insert(token.as_bytes().to_vec());
    }

    /// Takes every token out of a text.
    pub fn taken_out<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut kept = Vec::new();
        let (mut from, mut digits) = (0, 0);
        for (at, byte) in text.iter().enumerate() {
            digits = if matches!(byte, b'0'..=b'9' | b'a'..=b'f') { digits + 1 } else { 0 };
            // A longer number may hold a token at any place.
            if digits >= TOKEN_LENGTH && self.known.contains(&text[at + 1 - TOKEN_LENGTH..=at]) {
                kept.extend_from_slice(&text[from..at + 1 - TOKEN_LENGTH]);
                kept.extend_from_slice(IN_PLACE_OF_A_TOKEN);
                (from, digits) = (at + 1, 0);
            }
        }
        if from == 0 {
            return Cow::Borrowed(text);
        }
        kept.extend_from_slice(&text[from..]);
        Cow::Owned(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Submission;
    use super::super::submission::Kind;
    use super::*;
    use serde_json::json;

    #[test]
    fn every_line_is_written_as_documented_and_reads_back() {
        let head = r#"{"recording":1,"agent":"claude","task":"a","attempt":1,"role":"executor","crew_version":"0.1.0"}"#;
        assert_eq!(serde_json::to_string(&read_head(head).unwrap()).unwrap(), head);
        let noop = Submission { kind: Kind::Noop, body: json!({"reason": "r"}) };
        let entries = [
            (
                Entry::Line { at_ms: 12, stream: Stream::Error, line: "ä\"".into() },
                r#"{"at_ms":12,"stream":"error","line":"ä\""}"#,
            ),
            (
                Entry::Ask { at_ms: 5, ask: Ask::Submit(noop) },
                r#"{"at_ms":5,"ask":{"submit":{"kind":"noop","body":{"reason":"r"}}}}"#,
            ),
            (Entry::Ask { at_ms: 6, ask: Ask::Stop }, r#"{"at_ms":6,"ask":"stop"}"#),
            (
                Entry::End { end: End { exit: Some(0), signal: None, at_ms: 7, not_started: None } },
                r#"{"end":{"exit":0,"signal":null,"at_ms":7}}"#,
            ),
        ];
        for (entry, text) in entries {
            assert_eq!(serde_json::to_string(&entry).unwrap(), text);
            assert_eq!(read_entry(text), Ok(entry));
        }
    }

    #[test]
    fn what_is_not_of_a_recording_is_refused() {
        for line in ["", "{}", r#"{"at_ms":1}"#, r#"{"at_ms":1,"stream":"output","line":"x","more":1}"#] {
            assert!(read_entry(line).is_err(), "{line}");
        }
        assert!(read_head(r#"{"recording":2,"agents":[]}"#).unwrap_err().contains("version 2"));
        assert!(read_head(r#"{"type":"system"}"#).is_err() && read_head("").is_err());
    }

    #[test]
    fn a_token_is_taken_out_wherever_it_stands() {
        let token = "0123456789abcdef0123456789abcdef";
        let mut tokens = Tokens::default();
        tokens.add(token);
        let cleaned = |text: &str| String::from_utf8(tokens.taken_out(text.as_bytes()).into_owned()).unwrap();
        assert_eq!(cleaned(&format!("ff{token}{token}0 {token}")), "ff[token][token]0 [token]");
        let other = "1123456789abcdef0123456789abcde";
        assert_eq!(cleaned(other), other);
        assert!(matches!(tokens.taken_out(other.as_bytes()), Cow::Borrowed(_)));
    }
}
