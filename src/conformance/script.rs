//! What the scripted model does, turn by turn.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that a model server plays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The first one that a request is about is played.
    pub conversations: Vec<Conversation>,
}

/// One agent's talk with the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// Words that stand anywhere in the request's text; `None` fits every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// In their order; the last one is played again and again.
    pub turns: Vec<Turn>,
}

/// One answer of the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// How long the answer takes to begin, milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    pub act: Act,
}

/// What the model, or the provider in front of it, does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// Says something and is done.
    Say(String),
    /// Calls the agent's shell tool, whatever that is named, with a command.
    Shell(String),
    /// Calls a tool by its name.
    Call { name: String, arguments: Value },
    /// Refuses to go on, in the words of the model.
    Refuse(String),
    /// The provider answers with an error, worded as it words it where `message` is absent.
    Answer {
        status: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// Seconds after which the provider asks to be tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u64>,
    },
    /// The stream begins well and then holds bytes that are no event.
    Garbage,
    /// The stream begins well, then the connection is cut.
    Cut,
    /// Nothing comes until the client or the server goes.
    Hang,
}

impl Script {
    /// Returns a script of one conversation that fits every request.
    pub fn of(acts: impl IntoIterator<Item = Act>) -> Script {
        Script { conversations: vec![Conversation::of(None, acts)] }
    }
}

impl Conversation {
    /// Returns a conversation without delays.
    pub fn of(about: Option<&str>, acts: impl IntoIterator<Item = Act>) -> Conversation {
        let turns = acts.into_iter().map(|act| Turn { delay_ms: 0, act });
        Conversation { about: about.map(str::to_owned), turns: turns.collect() }
    }

    /// Tells whether a request is about it.
    pub fn fits(&self, request: &Value) -> bool {
        self.about.as_ref().is_none_or(|words| mentions(request, words))
    }
}

/// Tells whether words stand in any text of a JSON value.
fn mentions(value: &Value, words: &str) -> bool {
    match value {
        Value::String(text) => text.contains(words),
        Value::Array(items) => items.iter().any(|item| mentions(item, words)),
        Value::Object(members) => members.values().any(|member| mentions(member, words)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_script_is_a_file_that_people_can_write() {
        let file = json!({"conversations": [{"about": "the API", "turns": [
            {"act": {"shell": "ls"}},
            {"delay_ms": 5, "act": {"answer": {"status": 429, "retry_after": 2}}},
            {"act": {"call": {"name": "read", "arguments": {"path": "a"}}}},
            {"act": "cut"},
            {"act": {"say": "done"}},
        ]}]});
        let script: Script = serde_json::from_value(file).unwrap();
        let turns = &script.conversations[0].turns;
        assert_eq!(
            (&turns[0].act, turns[1].delay_ms, &turns[3].act),
            (&Act::Shell("ls".into()), 5, &Act::Cut)
        );
        let again: Script = serde_json::from_value(serde_json::to_value(&script).unwrap()).unwrap();
        assert_eq!(again, script);
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        for wrong in [
            json!({"conversations": [{"abuot": "x", "turns": []}]}),
            json!({"conversations": [{"turns": [{"act": "cut", "delay": 1}]}]}),
            json!({"conversations": [{"turns": [{"act": {"answer": {"status": 1, "retry": 1}}}]}]}),
            json!({"conversations": [{"turns": [{"act": "cuts"}]}]}),
        ] {
            assert!(serde_json::from_value::<Script>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_conversation_is_found_by_words_anywhere_in_a_request() {
        let about = Conversation::of(Some("\"the\" API"), []);
        assert!(about.fits(&json!({"messages": [{"content": [{"text": "mend \"the\" API now"}]}]})));
        assert!(!about.fits(&json!({"messages": [{"content": "the API"}]})));
        assert!(Conversation::of(None, []).fits(&Value::Null));
    }
}
