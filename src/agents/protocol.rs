//! crew's own line protocol: one JSON object a line, with the key `crew`.
//!
//! The built-in agent speaks it, and any program may that is made an agent with `output = "crew"`. It promises a final
//! event: `{"crew":"end","ok":true}`.

use super::event::{believable, says_something};
use super::{Said, UsageKind, failure, tool_ended};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "crew", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// The agent's own session id, by which it can be continued.
    Session { id: String },
    /// Words of the agent.
    Message { text: String },
    /// A tool was called.
    Tool {
        id: String,
        name: String,
        /// Any JSON.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        arguments: Value,
    },
    /// A tool call came back.
    ToolEnd { id: String, ok: bool },
    /// What was used, by this step or, with `total`, so far.
    Usage {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input_tokens: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output_tokens: Option<u64>,
        /// Tokens read from and written to the provider's cache; not counted as input again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cached_tokens: Option<u64>,
        /// US dollars.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cost_usd: Option<f64>,
        #[serde(default)]
        total: bool,
    },
    /// The agent waits or tries again by itself.
    Waiting {
        reason: String,
        /// Why, where the provider is the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ErrorKind>,
    },
    /// Something went wrong for good.
    Error {
        kind: ErrorKind,
        message: String,
        /// Seconds that the provider asks to wait.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<f64>,
    },
    /// The agent is done; always the last line.
    End {
        ok: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
}

/// Writes a line, without the line feed at its end.
pub fn line(line: &Line) -> String {
    serde_json::to_string(line).expect("a line has no maps with odd keys and no fallible parts")
}

/// Tells what a line means; `None` for a line that is not of the protocol.
pub fn read_line(line: &str) -> Option<Vec<Said>> {
    Some(vec![match serde_json::from_str(line).ok()? {
        Line::Session { id } => Said::Session(id),
        Line::Message { text } => Said::Message(text),
        Line::Tool { id, name, arguments } => Said::ToolStarted { id, name, arguments: written(arguments) },
        Line::ToolEnd { id, ok } => tool_ended(id, ToolResult::of(ok)),
        Line::Usage { input_tokens, output_tokens, cached_tokens, cost_usd, total } => {
            let usage = Usage {
                input_tokens: input_tokens.and_then(believable),
                output_tokens: output_tokens.and_then(believable),
                cached_tokens: cached_tokens.and_then(believable),
                cost_usd: cost_usd.filter(|amount| amount.is_finite() && *amount >= 0.0),
            };
            if !says_something(&usage) {
                return Some(Vec::new());
            }
            Said::Usage(usage, if total { UsageKind::Total } else { UsageKind::Step })
        }
        Line::Waiting { reason, error } => failure::waiting(error, &reason),
        Line::Error { kind, message, retry_after_s } => {
            let retry_after = retry_after_s.and_then(failure::wait);
            Said::Failed { kind, message: failure::shortened(&message), retry_after }
        }
        Line::End { ok, text } => Said::Final { ok, text },
    }])
}

fn written(arguments: Value) -> String {
    match arguments {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn every_line_reads_back_as_what_was_meant() {
        let lines = [
            (
                Line::Session { id: "s1".into() },
                r#"{"crew":"session","id":"s1"}"#,
                Said::Session("s1".into()),
            ),
            (
                Line::Message { text: "ü\n".into() },
                r#"{"crew":"message","text":"ü\n"}"#,
                Said::Message("ü\n".into()),
            ),
            (
                Line::Tool { id: "1".into(), name: "bash".into(), arguments: json!({"command": "ls"}) },
                r#"{"crew":"tool","id":"1","name":"bash","arguments":{"command":"ls"}}"#,
                Said::ToolStarted {
                    id: "1".into(),
                    name: "bash".into(),
                    arguments: r#"{"command":"ls"}"#.into(),
                },
            ),
            (
                Line::ToolEnd { id: "1".into(), ok: false },
                r#"{"crew":"tool_end","id":"1","ok":false}"#,
                tool_ended("1".into(), ToolResult::Error),
            ),
            (
                Line::Usage {
                    input_tokens: Some(5),
                    output_tokens: None,
                    cached_tokens: None,
                    cost_usd: Some(0.5),
                    total: true,
                },
                r#"{"crew":"usage","input_tokens":5,"cost_usd":0.5,"total":true}"#,
                Said::Usage(
                    Usage { input_tokens: Some(5), cost_usd: Some(0.5), ..Usage::default() },
                    UsageKind::Total,
                ),
            ),
            (
                Line::Waiting { reason: "429".into(), error: None },
                r#"{"crew":"waiting","reason":"429"}"#,
                Said::Waiting { reason: "429".into(), error: None, retry_after: None },
            ),
            (
                Line::Error { kind: ErrorKind::RateLimited, message: "no".into(), retry_after_s: Some(1.5) },
                r#"{"crew":"error","kind":"rate_limited","message":"no","retry_after_s":1.5}"#,
                Said::Failed {
                    kind: ErrorKind::RateLimited,
                    message: "no".into(),
                    retry_after: Some(Duration::from_millis(1500)),
                },
            ),
            (
                Line::End { ok: true, text: None },
                r#"{"crew":"end","ok":true}"#,
                Said::Final { ok: true, text: None },
            ),
        ];
        for (value, text, said) in lines {
            assert_eq!(line(&value), text);
            assert_eq!(serde_json::from_str::<Line>(text).unwrap(), value);
            assert_eq!(read_line(text), Some(vec![said]));
        }
    }

    #[test]
    fn lines_of_another_kind_are_not_of_the_protocol() {
        let strange = [
            "hello",
            "{}",
            r#"{"crew":"dance"}"#,
            r#"{"crew":"end"}"#,
            r#"{"crew":"end","ok":true,"okay":true}"#,
            r#"{"crew":"error","kind":"bad_luck","message":""}"#,
            r#"{"crew":"usage","input_tokens":-1}"#,
        ];
        for text in strange {
            assert_eq!(read_line(text), None, "{text}");
        }
    }

    #[test]
    fn figures_beyond_belief_say_nothing() {
        let absurd = format!(r#"{{"crew":"usage","input_tokens":{},"cost_usd":-1}}"#, u64::MAX);
        assert_eq!(read_line(&absurd), Some(Vec::new()));
        let endless = r#"{"crew":"error","kind":"rate_limited","message":"","retry_after_s":1e300}"#;
        assert!(matches!(read_line(endless).unwrap()[0], Said::Failed { retry_after: None, .. }));
    }

    proptest! {
        #[test]
        fn any_words_survive_the_way_through_a_line(text in any::<String>()) {
            let written = line(&Line::Message { text: text.clone() });
            prop_assert!(!written.contains('\n'));
            prop_assert_eq!(read_line(&written), Some(vec![Said::Message(text)]));
        }
    }
}
