//! What the wire formats have in common: which one a request speaks, the tools it offers, and the figures in answers.

use super::anthropic::Anthropic;
use super::chat::Chat;
use super::gemini::Gemini;
use super::responses::Responses;
use serde_json::{Map, Value, json};

/// Tokens that every answer claims the request had, the cached ones among them.
pub const INPUT_TOKENS: u64 = 120;
/// Tokens of the request that came from the provider's cache.
pub const CACHED_TOKENS: u64 = 20;
/// Tokens that every answer claims to have, the thoughts among them.
pub const OUTPUT_TOKENS: u64 = 34;
/// Tokens of an answer that the model thought and did not say.
pub const THOUGHT_TOKENS: u64 = 4;

/// What a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<'a> {
    Text(&'a str),
    Refusal(&'a str),
    Call { name: &'a str, arguments: Value },
}

/// What an answer answers.
pub struct Asked<'a> {
    /// The model's name, as the request has it.
    pub model: &'a str,
    /// Counts the answers of a server, for ids that never repeat.
    pub number: u64,
}

/// What a provider says when it does not answer.
pub struct Refused<'a> {
    pub status: u16,
    /// The words of the script, or else the provider's own.
    pub message: Option<&'a str>,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub model: &'a str,
}

impl Refused<'_> {
    /// Returns the words of the script where there are any, else those given.
    pub fn words(&self, own: &str) -> String {
        self.message.unwrap_or(own).to_owned()
    }
}

/// A tool that a request offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool<'a> {
    pub name: &'a str,
    /// The JSON Schema of its arguments.
    pub schema: &'a Value,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamEvent {
    pub name: Option<&'static str>,
    pub data: String,
}

impl StreamEvent {
    /// Returns an event whose name stands in its data as `type` too.
    pub fn typed(name: &'static str, mut data: Value) -> StreamEvent {
        data["type"] = json!(name);
        StreamEvent { name: Some(name), data: data.to_string() }
    }

    /// Returns an event without a name.
    pub fn plain(data: Value) -> StreamEvent {
        StreamEvent { name: None, data: data.to_string() }
    }

    /// Returns it as it is sent.
    pub fn frame(&self) -> String {
        let name = self.name.map(|name| format!("event: {name}\n")).unwrap_or_default();
        format!("{name}data: {}\n\n", self.data)
    }
}

/// A wire format.
pub trait Wire: Sync {
    /// Returns the tools that a request offers.
    fn tools<'a>(&self, request: &'a Value) -> Vec<Tool<'a>>;

    /// Returns an answer as the events of a stream; the first of them begin it, and the last one ends it.
    fn stream(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Vec<StreamEvent>;

    /// Returns an answer in one piece.
    fn whole(&self, asked: &Asked<'_>, answer: &Answer<'_>) -> Value;

    /// Returns the body of an error.
    fn error(&self, refused: &Refused<'_>) -> Value;
}

/// What a request wants.
pub enum Wanted<'a> {
    /// An answer of the model.
    Answer { wire: &'static dyn Wire, model: &'a str, streams: bool },
    /// Something that costs no turn, and what it gets.
    Aside(Value),
    /// Nothing that a provider of models has.
    Unknown,
}

/// Finds out what a request wants, by its path and body.
pub fn wanted<'a>(path: &'a str, request: &'a Value) -> Wanted<'a> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let model = request["model"].as_str().unwrap_or("unknown");
    let streams = request["stream"] == true;
    let answer = |wire| Wanted::Answer { wire, model, streams };
    if let Some((model, method)) = path.rsplit('/').next().and_then(|last| last.split_once(':')) {
        return match method {
            "generateContent" => Wanted::Answer { wire: &Gemini, model, streams: false },
            // Without `alt=sse` it is a JSON list, which no agent asks for.
            "streamGenerateContent" if query.contains("alt=sse") => {
                Wanted::Answer { wire: &Gemini, model, streams: true }
            }
            "countTokens" => Wanted::Aside(json!({"totalTokens": INPUT_TOKENS})),
            _ => Wanted::Unknown,
        };
    }
    match path {
        _ if path.ends_with("/messages") => answer(&Anthropic),
        _ if path.ends_with("/messages/count_tokens") => Wanted::Aside(json!({"input_tokens": INPUT_TOKENS})),
        _ if path.ends_with("/responses") => answer(&Responses),
        _ if path.ends_with("/chat/completions") => answer(&Chat),
        // Anthropic and OpenAI list models as `data`, Gemini and Codex's own endpoint as `models`.
        _ if path.ends_with("/models") => Wanted::Aside(json!({"object": "list", "data": [], "models": []})),
        _ => Wanted::Unknown,
    }
}

/// Names that shell tools have, in the order in which they are looked for.
const SHELLS: &[&str] = &["Bash", "bash", "run_shell_command", "exec_command", "shell_command", "shell"];

/// Returns the call that runs a command in the shell tool of those offered, with the arguments which its schema names.
pub fn shell_call<'a>(tools: &[Tool<'a>], command: &str) -> Option<(&'a str, Value)> {
    let named = SHELLS.iter().find_map(|name| tools.iter().find(|tool| tool.name == *name));
    let tool = named.or_else(|| tools.iter().find(|tool| command_argument(tool.schema).is_some()))?;
    let argument = command_argument(tool.schema).unwrap_or("command");
    let takes_list = has_type(&tool.schema["properties"][argument], "array");
    let command = if takes_list { json!(["bash", "-c", command]) } else { json!(command) };
    let mut arguments = Map::from_iter([(argument.to_owned(), command)]);
    for required in tool.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // Some want to be told in words what the command does.
        if has_type(&tool.schema["properties"][required], "string") {
            arguments.entry(required).or_insert(json!("Run the command of the script"));
        }
    }
    Some((tool.name, Value::Object(arguments)))
}

fn command_argument(schema: &Value) -> Option<&'static str> {
    ["command", "cmd"].into_iter().find(|name| schema["properties"].get(name).is_some())
}

fn has_type(schema: &Value, kind: &str) -> bool {
    // Gemini's own schemas have types in capitals.
    schema["type"].as_str().is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_called_with_the_arguments_that_it_has() {
        let claude =
            json!({"properties": {"command": {"type": "string"}, "timeout": {}}, "required": ["command"]});
        let opencode = json!({"properties": {"command": {"type": "string"}, "description": {"type": "string"}},
            "required": ["command", "description"]});
        let codex = json!({"properties": {"cmd": {"type": "string"}}, "required": ["cmd"]});
        let list = json!({"properties": {"command": {"type": "ARRAY"}}});
        let read = json!({"properties": {"path": {"type": "string"}}});
        let seen = [
            ("Bash", &claude, json!({"command": "ls"})),
            ("bash", &opencode, json!({"command": "ls", "description": "Run the command of the script"})),
            ("exec_command", &codex, json!({"cmd": "ls"})),
            ("shell", &list, json!({"command": ["bash", "-c", "ls"]})),
            ("terminal", &codex, json!({"cmd": "ls"})),
        ];
        for (name, schema, arguments) in seen {
            let tools = [Tool { name: "read", schema: &read }, Tool { name, schema }];
            assert_eq!(shell_call(&tools, "ls"), Some((name, arguments)));
        }
        assert_eq!(shell_call(&[Tool { name: "read", schema: &read }], "ls"), None);
    }

    #[test]
    fn a_path_tells_what_is_wanted() {
        let body = json!({"model": "m", "stream": true});
        let wanted = |path: &str| match wanted(path, &body) {
            Wanted::Answer { model, streams, .. } => format!("{model} {streams}"),
            Wanted::Aside(value) => value.to_string(),
            Wanted::Unknown => "nothing".into(),
        };
        assert_eq!(wanted("/v1/messages?beta=true"), "m true");
        assert_eq!(wanted("/v1beta/models/flash:streamGenerateContent?alt=sse"), "flash true");
        assert_eq!(wanted("/v1beta/models/flash:generateContent"), "flash false");
        assert_eq!(wanted("/v1beta/models/flash:countTokens"), r#"{"totalTokens":120}"#);
        assert_eq!(wanted("/v1/messages/count_tokens"), r#"{"input_tokens":120}"#);
        assert!(wanted("/v1/models?client_version=1").contains("models"));
        for path in ["", "/", "*", "/v1/messages/batches", "/a:b:c"] {
            assert_eq!(wanted(path), "nothing", "{path}");
        }
    }
}
