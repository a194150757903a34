//! Any program as an agent, from settings alone.

use super::event::{dollars, is_true, says_something, sum, text, text_blocks, tokens};
use super::{
    Access, Agent, Assignment, CommandSpec, MAX_ARGUMENT, Said, Stdin, Unsupported, UsageKind, cannot,
    failure, pass, protocol,
};
use crate::domain::usage::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a program gets its prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptBy {
    /// In place of `{prompt}`, or as the last argument; at most [`MAX_ARGUMENT`] bytes.
    Argument,
    /// On standard input.
    Stdin,
    /// As a file, whose path stands in place of `{prompt_file}` or is the last argument.
    File,
}

/// What a program's output means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// Each line is words of the agent.
    Text,
    /// JSON objects, in which texts, session ids, usage and errors are looked for under their usual names.
    Jsonl,
    /// The line protocol of crew.
    Crew,
}

/// A program made an agent by settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct CustomAgent {
    settings: Settings,
    words: Vec<Word>,
}

/// The settings that make a program an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name used with `--agent`.
    pub name: String,
    /// The program and its arguments, in words as a shell splits them: spaces, quotes, backslashes, nothing else.
    ///
    /// `{prompt}`, `{prompt_file}` and `{model}` stand for what they say.
    pub command: String,
    pub prompt: PromptBy,
    pub output: OutputFormat,
    /// Names of the caller's variables that the program needs.
    #[serde(default)]
    pub pass_env: Vec<String>,
    /// Whether the program may be given a role that changes files.
    #[serde(default)]
    pub writes: bool,
}

/// Why settings make no agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the agent has no name")]
    NoName,
    #[error("the command is empty")]
    Empty,
    #[error("the command has a {0} without its partner")]
    UnbalancedQuote(char),
    #[error("the command ends with a backslash")]
    LoneBackslash,
    #[error("the command has {{{0}}}; there are {{prompt}}, {{prompt_file}} and {{model}}")]
    UnknownPlaceholder(String),
    #[error("the command begins with {{{0}}}, but a program has to stand there")]
    NoProgram(&'static str),
    #[error("the command has {{prompt}}, which needs `prompt = \"argument\"`")]
    PromptElsewhere,
    #[error("the command has {{prompt_file}}, which needs `prompt = \"file\"`")]
    PromptFileElsewhere,
}

/// A word of the command, in pieces.
type Word = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Prompt,
    PromptFile,
    Model,
}

impl Placeholder {
    const ALL: [Placeholder; 3] = [Placeholder::Prompt, Placeholder::PromptFile, Placeholder::Model];

    fn name(self) -> &'static str {
        match self {
            Placeholder::Prompt => "prompt",
            Placeholder::PromptFile => "prompt_file",
            Placeholder::Model => "model",
        }
    }
}

impl CustomAgent {
    /// Makes a program an agent, or says what is wrong with its settings.
    pub fn new(settings: Settings) -> Result<CustomAgent, SettingsError> {
        if settings.name.trim().is_empty() {
            return Err(SettingsError::NoName);
        }
        let words = split(&settings.command)?;
        let words = words.iter().map(|word| pieces(word)).collect::<Result<Vec<Word>, _>>()?;
        let agent = CustomAgent { settings, words };
        match agent.words.first().map(Vec::as_slice) {
            None | Some([]) => return Err(SettingsError::Empty),
            Some(program) => {
                let placeholder = program.iter().find_map(|piece| match piece {
                    Piece::Placeholder(placeholder) => Some(placeholder.name()),
                    Piece::Text(_) => None,
                });
                if let Some(placeholder) = placeholder {
                    return Err(SettingsError::NoProgram(placeholder));
                }
            }
        }
        if agent.has(Placeholder::Prompt) && agent.settings.prompt != PromptBy::Argument {
            return Err(SettingsError::PromptElsewhere);
        }
        if agent.has(Placeholder::PromptFile) && agent.settings.prompt != PromptBy::File {
            return Err(SettingsError::PromptFileElsewhere);
        }
        Ok(agent)
    }

    /// Returns the settings that it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn has(&self, placeholder: Placeholder) -> bool {
        self.words.iter().flatten().any(|piece| *piece == Piece::Placeholder(placeholder))
    }

    fn refuse_what_nobody_can_tell_it(&self, assignment: &Assignment<'_>) -> Result<(), Unsupported> {
        assignment.check(self)?;
        assignment.refuse_max_turns(self)?;
        let what = match assignment.model {
            Some(_) if !self.has(Placeholder::Model) => "choose a model: its command has no {model}",
            None if self.has(Placeholder::Model) => "start without a model: its command has {model}",
            _ if assignment.thinking.is_some() => "choose how hard to think; leave out thinking",
            _ if assignment.session.is_some() => "continue a session",
            _ if assignment.access == Access::Write && !self.settings.writes => {
                "write; set `writes = true` for it"
            }
            _ => return Ok(()),
        };
        Err(cannot(self, what.to_owned()))
    }

    /// Returns what goes in place of the prompt, as an argument.
    fn prompt_argument(&self, assignment: &Assignment<'_>) -> Result<Option<String>, Unsupported> {
        match self.settings.prompt {
            PromptBy::Stdin => Ok(None),
            PromptBy::File => Ok(Some(assignment.prompt_file.to_string_lossy().into_owned())),
            PromptBy::Argument if assignment.prompt.len() > MAX_ARGUMENT => {
                let bytes = assignment.prompt.len();
                let what = format!(
                    "take a prompt of {bytes} bytes as an argument, where {MAX_ARGUMENT} are the most; \
                     set `prompt = \"stdin\"` or `prompt = \"file\"` for it"
                );
                Err(cannot(self, what))
            }
            PromptBy::Argument if assignment.prompt.contains('\0') => {
                let what =
                    "take a prompt with a NUL character as an argument; set `prompt = \"stdin\"` for it";
                Err(cannot(self, what.to_owned()))
            }
            PromptBy::Argument => Ok(Some(assignment.prompt.to_owned())),
        }
    }
}

impl TryFrom<Settings> for CustomAgent {
    type Error = SettingsError;

    fn try_from(settings: Settings) -> Result<CustomAgent, SettingsError> {
        CustomAgent::new(settings)
    }
}

impl From<CustomAgent> for Settings {
    fn from(agent: CustomAgent) -> Settings {
        agent.settings
    }
}

impl Agent for CustomAgent {
    fn name(&self) -> &str {
        &self.settings.name
    }

    fn program(&self) -> &str {
        match self.words.first().map(Vec::as_slice) {
            Some([Piece::Text(program)]) => program,
            // `new` lets no other command through.
            _ => "",
        }
    }

    fn streams(&self) -> bool {
        self.settings.output != OutputFormat::Text
    }

    fn promises_final(&self) -> bool {
        self.settings.output == OutputFormat::Crew
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        self.refuse_what_nobody_can_tell_it(assignment)?;
        let prompt = self.prompt_argument(assignment)?;
        let model = assignment.model.unwrap_or_default();
        let filled = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Placeholder(Placeholder::Model) => model.to_owned(),
            Piece::Placeholder(_) => prompt.clone().unwrap_or_default(),
        };
        let mut args: Vec<String> =
            self.words[1..].iter().map(|word| word.iter().map(filled).collect()).collect();
        if !self.has(Placeholder::Prompt) && !self.has(Placeholder::PromptFile) {
            args.extend(prompt);
        }
        let stdin = match self.settings.prompt {
            PromptBy::Stdin => Stdin::File(assignment.prompt_file.to_owned()),
            PromptBy::Argument | PromptBy::File => Stdin::Null,
        };
        let own: Vec<&str> = self.settings.pass_env.iter().map(String::as_str).collect();
        Ok(CommandSpec {
            program: self.program().to_owned(),
            args,
            env: Vec::new(),
            pass_env: pass(&own),
            stdin,
        })
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        match self.settings.output {
            OutputFormat::Text if line.trim().is_empty() => Some(Vec::new()),
            OutputFormat::Text => Some(vec![Said::Message(line.to_owned())]),
            OutputFormat::Jsonl => read_json(line),
            OutputFormat::Crew => protocol::read_line(line),
        }
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        let mut caveats = Vec::new();
        if assignment.access == Access::ReadOnly {
            caveats.push(format!("{} is not kept from writing", self.name()));
        }
        if !assignment.tools.is_empty() {
            caveats.push(format!("{} cannot be told which tools to use", self.name()));
        }
        caveats
    }
}

/// Splits a command into words as a shell does, without expanding anything.
fn split(command: &str) -> Result<Vec<String>, SettingsError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' | '"' => quoted(c, &mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next().ok_or(SettingsError::LoneBackslash)?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Reads up to the closing quote.
fn quoted(quote: char, chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), SettingsError> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => {
                let escaped = chars.next().ok_or(SettingsError::UnbalancedQuote(quote))?;
                if !matches!(escaped, '"' | '\\') {
                    word.push('\\');
                }
                word.push(escaped);
            }
            c => word.push(c),
        }
    }
    Err(SettingsError::UnbalancedQuote(quote))
}

/// Finds the placeholders in a word. Braces around anything but a name, as in JSON, are just braces.
fn pieces(word: &str) -> Result<Word, SettingsError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('{') {
        literal.push_str(before);
        let name = &after[..after.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(after.len())];
        if name.is_empty() || !after[name.len()..].starts_with('}') {
            literal.push('{');
            rest = after;
            continue;
        }
        let placeholder = Placeholder::ALL.into_iter().find(|placeholder| placeholder.name() == name);
        let placeholder = placeholder.ok_or_else(|| SettingsError::UnknownPlaceholder(name.to_owned()))?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Placeholder(placeholder));
        rest = &after[name.len() + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// Reads a JSON object by the names that agents commonly use.
fn read_json(line: &str) -> Option<Vec<Said>> {
    let event: Value = serde_json::from_str(line).ok()?;
    event.as_object()?;
    let session =
        ["/session_id", "/sessionId", "/thread_id"].iter().find_map(|pointer| text(&event, pointer));
    let usage = json_usage(&event);
    let mut said: Vec<Said> = session.map(|id| Said::Session(id.to_owned())).into_iter().collect();
    said.extend(json_words(&event).map(Said::Message));
    if says_something(&usage) {
        said.push(Said::Usage(usage, UsageKind::Total));
    }
    said.extend(json_error(&event));
    Some(said)
}

/// Finds the words of an object. What is not the agent's own, such as an echo of the prompt, is left out.
fn json_words(event: &Value) -> Option<String> {
    let role = text(event, "/role").or_else(|| text(event, "/message/role"));
    if role.is_some_and(|role| role != "assistant") || text(event, "/type") == Some("error") {
        return None;
    }
    let places =
        ["/text", "/message", "/content", "/result", "/response", "/message/content", "/message/text"];
    places.iter().filter_map(|pointer| words_at(event, pointer)).find(|words| !words.is_empty())
}

fn words_at(event: &Value, pointer: &str) -> Option<String> {
    match event.pointer(pointer)? {
        Value::String(words) => Some(words.clone()),
        Value::Array(_) => Some(text_blocks(event, pointer).collect()),
        _ => None,
    }
}

fn json_usage(event: &Value) -> Usage {
    let places = ["/usage", "/tokenUsage", "/tokens", "/stats", "/message/usage", ""];
    let found = places.iter().filter_map(|place| event.pointer(place)).map(usage_in);
    found.into_iter().find(says_something).unwrap_or_default()
}

fn usage_in(place: &Value) -> Usage {
    let first = |names: [&str; 3]| names.iter().find_map(|name| tokens(place, name));
    let read = first(["/cacheRead", "/cacheReadTokens", "/cache_read_input_tokens"]);
    let written = first(["/cacheWrite", "/cacheWriteTokens", "/cache_creation_input_tokens"]);
    let costs = ["/cost", "/costUsd", "/cost_usd", "/cost/total"];
    Usage {
        input_tokens: first(["/input", "/inputTokens", "/input_tokens"]),
        output_tokens: first(["/output", "/outputTokens", "/output_tokens"]),
        cached_tokens: sum(read, written),
        cost_usd: costs.iter().find_map(|name| dollars(place, name)),
    }
}

fn json_error(event: &Value) -> Option<Said> {
    let error = event.get("error").filter(|error| !error.is_null() && *error != &Value::Bool(false));
    let Some(error) = error else {
        let is_error = text(event, "/type") == Some("error") || is_true(event, "/is_error");
        let message = text(event, "/message").or_else(|| text(event, "/result")).unwrap_or("error");
        return is_error.then(|| failure::failed(None, message));
    };
    let codes = ["/status", "/statusCode", "/code"];
    let status = codes.iter().find_map(|code| error.pointer(code)?.as_u64());
    let whole = error.to_string();
    let message = error.as_str().or_else(|| text(error, "/message")).unwrap_or(&whole);
    Some(failure::failed(status, message))
}

#[cfg(test)]
mod tests {
    use super::super::testing::assignment;
    use super::*;
    use crate::domain::error_kind::ErrorKind;

    fn settings(command: &str, prompt: PromptBy, output: OutputFormat) -> Settings {
        let (name, command) = ("mine".to_owned(), command.to_owned());
        Settings { name, command, prompt, output, pass_env: vec!["MY_KEY".to_owned()], writes: true }
    }

    fn agent(command: &str, prompt: PromptBy) -> CustomAgent {
        CustomAgent::new(settings(command, prompt, OutputFormat::Text)).unwrap()
    }

    fn reader(output: OutputFormat) -> CustomAgent {
        CustomAgent::new(settings("mine", PromptBy::Stdin, output)).unwrap()
    }

    #[test]
    fn a_command_is_split_as_a_shell_splits_it() {
        let agent = agent(
            r#"'/opt/my tool/run'  --say "it's \"so\" \n" a\ b '' x'y'z {"k":{prompt}}"#,
            PromptBy::Argument,
        );
        let spec = agent.command(&assignment(Access::Write)).unwrap();
        assert_eq!(agent.program(), "/opt/my tool/run");
        assert_eq!(spec.program, "/opt/my tool/run");
        assert_eq!(spec.args, ["--say", r#"it's "so" \n"#, "a b", "", "xyz", "{k:-do it}"]);
        assert_eq!(spec.pass_env[0], "MY_KEY");
    }

    #[test]
    fn the_prompt_goes_where_the_settings_say() {
        let assignment = assignment(Access::Write);
        let command = |command, prompt| agent(command, prompt).command(&assignment).unwrap();
        assert_eq!(command("a -q", PromptBy::Argument).args, ["-q", "-do it"]);
        assert_eq!(command("a --message={prompt} -q", PromptBy::Argument).args, ["--message=-do it", "-q"]);
        assert_eq!(command("a -q", PromptBy::File).args, ["-q", "/run/prompt.md"]);
        assert_eq!(command("a -f {prompt_file} -q", PromptBy::File).args, ["-f", "/run/prompt.md", "-q"]);
        let piped = command("a -q", PromptBy::Stdin);
        assert_eq!((piped.args, piped.stdin), (vec!["-q".to_owned()], Stdin::File("/run/prompt.md".into())));
        assert_eq!(command("a", PromptBy::Argument).stdin, Stdin::Null);
    }

    #[test]
    fn a_placeholder_in_a_prompt_stays_what_it_is() {
        let prompt = "explain {model} and {prompt}";
        let spec = agent("a {prompt}", PromptBy::Argument)
            .command(&Assignment { prompt, ..assignment(Access::Write) })
            .unwrap();
        assert_eq!(spec.args, [prompt]);
    }

    #[test]
    fn a_prompt_too_long_for_an_argument_is_refused_with_the_way_out() {
        let prompt = "x".repeat(300_000);
        let long = Assignment { prompt: &prompt, ..assignment(Access::Write) };
        let refused = agent("a", PromptBy::Argument).command(&long).unwrap_err().to_string();
        assert!(refused.contains("stdin") && refused.contains("file"), "{refused}");
        assert!(agent("a", PromptBy::Stdin).command(&long).is_ok());
        assert!(agent("a", PromptBy::File).command(&long).is_ok());
    }

    #[test]
    fn what_a_program_cannot_be_told_is_refused() {
        let plain = agent("a", PromptBy::Stdin);
        let with_model = agent("a -m {model}", PromptBy::Stdin);
        let base = assignment(Access::Write);
        let model = Assignment { model: Some("big"), ..base.clone() };
        assert_eq!(with_model.command(&model).unwrap().args, ["-m", "big"]);
        assert!(plain.command(&model).unwrap_err().what.contains("{model}"));
        assert!(with_model.command(&base).unwrap_err().what.contains("{model}"));
        for asked in [
            Assignment { thinking: Some("high"), ..base.clone() },
            Assignment { max_turns: Some(3), ..base.clone() },
            Assignment { session: Some("s"), ..base.clone() },
        ] {
            assert!(plain.command(&asked).is_err());
        }
        let reads = Settings { writes: false, ..settings("a", PromptBy::Stdin, OutputFormat::Text) };
        let reads = CustomAgent::new(reads).unwrap();
        assert!(reads.command(&base).unwrap_err().what.contains("writes = true"));
        assert!(reads.command(&assignment(Access::ReadOnly)).is_ok());
        assert_eq!(reads.caveats(&assignment(Access::ReadOnly)).len(), 1);
    }

    #[test]
    fn settings_that_make_no_agent_are_refused_with_the_reason() {
        let wrong = [
            ("", PromptBy::Stdin, "the command is empty"),
            ("  ", PromptBy::Stdin, "the command is empty"),
            ("'' a", PromptBy::Stdin, "the command is empty"),
            ("a 'b", PromptBy::Stdin, "the command has a ' without its partner"),
            ("a \"b\\", PromptBy::Stdin, "the command has a \" without its partner"),
            ("a b\\", PromptBy::Stdin, "the command ends with a backslash"),
            (
                "a {promt}",
                PromptBy::Argument,
                "the command has {promt}; there are {prompt}, {prompt_file} and {model}",
            ),
            (
                "{model} a",
                PromptBy::Stdin,
                "the command begins with {model}, but a program has to stand there",
            ),
            ("a {prompt}", PromptBy::Stdin, "the command has {prompt}, which needs `prompt = \"argument\"`"),
            (
                "a {prompt_file}",
                PromptBy::Argument,
                "the command has {prompt_file}, which needs `prompt = \"file\"`",
            ),
        ];
        for (command, prompt, reason) in wrong {
            let refused = CustomAgent::new(settings(command, prompt, OutputFormat::Text)).unwrap_err();
            assert_eq!(refused.to_string(), reason);
        }
    }

    #[test]
    fn settings_are_checked_as_they_are_read() {
        let read = |text: &str| serde_json::from_str::<CustomAgent>(text).map_err(|error| error.to_string());
        let good = r#"{"name":"a","command":"a {prompt}","prompt":"argument","output":"jsonl"}"#;
        assert_eq!(read(good).unwrap().settings().pass_env, Vec::<String>::new());
        assert!(read(&good.replace("{prompt}", "{x}")).unwrap_err().contains("the command has {x}"));
        assert!(read(&good.replace("\"name\"", "\"nmae\"")).unwrap_err().contains("nmae"));
        assert!(read(&good.replace("jsonl", "xml")).unwrap_err().contains("xml"));
    }

    #[test]
    fn each_line_of_plain_text_is_a_message() {
        let agent = reader(OutputFormat::Text);
        assert_eq!(agent.read_line("{\"a\":1}"), Some(vec![Said::Message("{\"a\":1}".into())]));
        assert_eq!(agent.read_line(" "), Some(Vec::new()));
        assert!(!agent.promises_final());
    }

    #[test]
    fn json_lines_are_read_by_the_usual_names() {
        let agent = reader(OutputFormat::Jsonl);
        let message = |words: &str| Said::Message(words.to_owned());
        let usage = |input, output, cached, cost| {
            let usage =
                Usage { input_tokens: input, output_tokens: output, cached_tokens: cached, cost_usd: cost };
            Said::Usage(usage, UsageKind::Total)
        };
        let seen = [
            (r#"{"session_id":"s","text":"hi"}"#, vec![Said::Session("s".into()), message("hi")]),
            (
                r#"{"content":[{"type":"text","text":"a"},{"type":"tool"},{"type":"text","text":"b"}]}"#,
                vec![message("ab")],
            ),
            (
                r#"{"message":{"role":"assistant","content":"x","usage":{"input":3}}}"#,
                vec![message("x"), usage(Some(3), None, None, None)],
            ),
            (r#"{"message":{"role":"user","content":"echo"}}"#, vec![]),
            (
                r#"{"result":"done","tokenUsage":{"inputTokens":1,"outputTokens":2,"cacheRead":3,"cacheWrite":4,"cost":0.5}}"#,
                vec![message("done"), usage(Some(1), Some(2), Some(7), Some(0.5))],
            ),
            (r#"{"output_tokens":9,"cost_usd":1}"#, vec![usage(None, Some(9), None, Some(1.0))]),
            (r#"{"type":"progress"}"#, vec![]),
        ];
        for (line, said) in seen {
            assert_eq!(agent.read_line(line), Some(said), "{line}");
        }
        for line in ["hello", "[1]", "3", ""] {
            assert_eq!(agent.read_line(line), None, "{line}");
        }
    }

    #[test]
    fn errors_in_json_lines_are_failures() {
        let agent = reader(OutputFormat::Jsonl);
        let seen = [
            (r#"{"error":{"statusCode":429,"message":"slow down, retry after 7s"}}"#, ErrorKind::RateLimited),
            (r#"{"error":"invalid API key"}"#, ErrorKind::AuthFailed),
            (r#"{"error":{"odd":1}}"#, ErrorKind::Unknown),
            (r#"{"type":"error","message":"connection refused"}"#, ErrorKind::Network),
        ];
        for (line, expected) in seen {
            let said = agent.read_line(line).unwrap();
            assert!(
                matches!(&said[..], [Said::Failed { kind, .. }] if *kind == expected),
                "{line}: {said:?}"
            );
        }
        let result =
            agent.read_line(r#"{"type":"result","is_error":true,"result":"quota exceeded"}"#).unwrap();
        assert!(matches!(result[1], Said::Failed { kind: ErrorKind::RateLimited, .. }), "{result:?}");
        assert_eq!(agent.read_line(r#"{"error":null}"#), Some(Vec::new()));
    }

    #[test]
    fn the_protocol_of_crew_is_read_where_the_settings_say_so() {
        let agent = reader(OutputFormat::Crew);
        assert_eq!(
            agent.read_line(r#"{"crew":"end","ok":true}"#),
            Some(vec![Said::Final { ok: true, text: None }])
        );
        assert!(agent.promises_final());
    }
}
