//! Claude Code (`claude`).
//!
//! The prompt goes to standard input. A read-only role runs in the permission mode `default`, in which Claude Code lets
//! through the commands that it knows to only read (`ls`, `git diff`, pipes of them) after looking at their options and
//! redirections, and refuses everything else that is not allowed by name.

use super::event::{believable, dollars, is_true, list, owned, printed, sum, text, tokens, typed, written};
use super::{
    Access, Agent, Assignment, CommandSpec, Said, Stdin, Unsupported, UsageKind, add, args, cannot, failure,
    pass, tool_ended,
};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde_json::Value;

/// How Claude Code is spoken to.
pub struct Claude;

const ENV: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_MODEL",
    "CLAUDE_CONFIG_DIR",
];

// A rule such as `Bash(git diff:*)` would also let `git diff --output=FILE` through, which writes; without the rule
// Claude Code decides by itself, and rightly.
const SUBMITTING: &str = "Bash(crew submit:*),Bash(crew review submit:*)";

/// A setting for this one call, on top of the user's own: the agent may not end before crew lets it.
const STOP_HOOK: &str =
    r#""hooks":{"Stop":[{"hooks":[{"type":"command","command":"crew hook stop","timeout":60}]}]}"#;

/// The instructions of a folder that it reads where it works below it, its rules among them. Those that are tracked it
/// leaves out by itself where its own folder is another work tree of the same repository.
const INSTRUCTIONS: &[&str] = &["CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/rules/**"];

impl Agent for Claude {
    fn name(&self) -> &str {
        "claude"
    }

    fn program(&self) -> &str {
        "claude"
    }

    fn obeys_slash(&self) -> bool {
        true
    }

    fn takes_system_prompt(&self) -> bool {
        true
    }

    fn promises_final(&self) -> bool {
        true
    }

    fn resumes_sessions(&self) -> bool {
        true
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        assignment.check(self)?;
        let mut args = args(&["-p", "--output-format", "stream-json", "--verbose"]);
        add_permissions(&mut args, assignment);
        if let Some(model) = assignment.model {
            add(&mut args, "--model", model);
        }
        // Without this it may replace itself while others of it are at work.
        let mut env = vec![("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned())];
        match assignment.thinking {
            None => {}
            Some("off") => env.push(("MAX_THINKING_TOKENS".to_owned(), "0".to_owned())),
            Some(level @ ("low" | "medium" | "high" | "xhigh")) => add(&mut args, "--effort", level),
            Some(level) => {
                return Err(cannot(self, format!("think at level `{level}`; it has off, low to xhigh")));
            }
        }
        if let Some(turns) = assignment.max_turns {
            add(&mut args, "--max-turns", &turns.to_string());
        }
        // It tells what it has cost when it is done; till then only it knows.
        if let Some(dollars) = assignment.max_cost_usd {
            add(&mut args, "--max-budget-usd", &dollars.to_string());
        }
        if let Some(system_prompt) = assignment.system_prompt() {
            add(&mut args, "--append-system-prompt", system_prompt);
        }
        if let Some(settings) = settings(assignment) {
            add(&mut args, "--settings", &settings);
        }
        if let Some(session) = assignment.session {
            add(&mut args, "--resume", session);
        }
        let stdin = Stdin::File(assignment.prompt_file.to_owned());
        Ok(CommandSpec { program: self.program().to_owned(), args, env, pass_env: pass(ENV), stdin })
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        let (kind, event) = typed(line)?;
        Some(match (kind.as_str(), text(&event, "/subtype")) {
            ("system", Some("init")) => vec![Said::Session(owned(&event, "/session_id"))],
            ("system", Some("api_retry")) => vec![retry(&event)],
            ("assistant", _) => assistant(&event),
            ("user", _) => tool_results(&event),
            ("result", subtype) => result(&event, subtype.unwrap_or_default()),
            _ => Vec::new(),
        })
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        if assignment.allows("bash") {
            return Vec::new();
        }
        vec!["claude keeps its shell for `crew submit`, and for commands that only read".to_owned()]
    }
}

/// Returns the settings for this one call, as JSON, unless there are none.
fn settings(assignment: &Assignment<'_>) -> Option<String> {
    let mut settings = Vec::new();
    if assignment.must_submit {
        settings.push(STOP_HOOK.to_owned());
    }
    if let Some(apart) = assignment.apart {
        let folder = as_pattern(&apart.repository.to_string_lossy());
        let patterns: Vec<String> = INSTRUCTIONS.iter().map(|name| format!("{folder}/{name}")).collect();
        settings.push(format!("\"claudeMdExcludes\":{}", Value::from(patterns)));
    }
    (!settings.is_empty()).then(|| format!("{{{}}}", settings.join(",")))
}

/// Makes a path into a pattern. A character that means something there becomes one that stands for any, because a
/// backslash is read as a slash.
fn as_pattern(path: &str) -> String {
    path.chars().map(|c| if r"*?[]{}()!+@|\".contains(c) { '?' } else { c }).collect()
}

fn add_permissions(args: &mut Vec<String>, assignment: &Assignment<'_>) {
    let mut tools = assignment.tools_as(&[("read", "Read"), ("grep", "Grep"), ("find", "Glob")]);
    // An edit outside the working directory is refused only as long as no rule allows edits by name.
    let mut allowed = tools.clone();
    // Without its shell the agent could not hand anything in.
    tools.push("Bash");
    tools.extend(assignment.tools_as(&[("edit", "Edit"), ("edit", "NotebookEdit"), ("write", "Write")]));
    let (mode, shell) = match assignment.access {
        Access::Write if assignment.allows("bash") => ("acceptEdits", "Bash"),
        Access::Write => ("acceptEdits", SUBMITTING),
        Access::ReadOnly => ("default", SUBMITTING),
    };
    allowed.push(shell);
    add(args, "--permission-mode", mode);
    add(args, "--tools", &tools.join(","));
    add(args, "--allowedTools", &allowed.join(","));
    if assignment.access == Access::ReadOnly {
        add(args, "--disallowedTools", "Edit,Write,NotebookEdit");
    }
}

fn retry(event: &Value) -> Said {
    let status = event.pointer("/error_status").and_then(Value::as_u64);
    // Where the connection itself failed there is no status, and the error is "unknown".
    let error = text(event, "/error").filter(|error| *error != "unknown").unwrap_or("connection error");
    let count = |pointer| event.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let status_words = status.map(|status| format!("status {status}, ")).unwrap_or_default();
    let (attempt, most) = (count("/attempt"), count("/max_retries"));
    let delay = event.pointer("/retry_delay_ms").and_then(Value::as_f64).unwrap_or_default() / 1000.0;
    let reason = format!("{error} ({status_words}retry {attempt} of {most} in {delay:.0} s)");
    match failure::retrying(status, &reason) {
        // Its delay is the one that the provider asked for, where it asked for one.
        Said::Waiting { reason, error: error @ Some(ErrorKind::RateLimited), .. } => {
            Said::Waiting { reason, error, retry_after: failure::wait(delay) }
        }
        said => said,
    }
}

fn assistant(event: &Value) -> Vec<Said> {
    // What the program itself says about an API error is worded as a message; `result` says it again.
    let is_message = event.get("error").is_none_or(Value::is_null) && event["parent_tool_use_id"].is_null();
    let said = |block: &Value| match text(block, "/type") {
        Some("text") if is_message => Some(Said::Message(owned(block, "/text"))),
        Some("tool_use") => Some(Said::ToolStarted {
            id: owned(block, "/id"),
            name: owned(block, "/name"),
            arguments: written(block, "/input"),
        }),
        _ => None,
    };
    list(event, "/message/content").iter().filter_map(said).collect()
}

fn tool_results(event: &Value) -> Vec<Said> {
    let blocks = list(event, "/message/content").iter();
    let results = blocks.filter(|block| text(block, "/type") == Some("tool_result"));
    results
        .map(|block| {
            let shown = printed(block, "/content");
            let result = match is_true(block, "/is_error") {
                false => ToolResult::Ok,
                true if is_refusal(&shown) => ToolResult::Denied,
                true => ToolResult::Error,
            };
            tool_ended(owned(block, "/tool_use_id"), result)
        })
        .collect()
}

/// Tells whether an error of a tool call is Claude Code's own refusal. What a command printed follows its exit code.
fn is_refusal(error: &str) -> bool {
    const REFUSALS: &[&str] = &[
        "requires approval",
        "was blocked. For security",
        "haven't granted it yet",
        "has been denied",
        "is not enabled in this context",
    ];
    !error.starts_with("Exit code ") && REFUSALS.iter().any(|refusal| error.contains(refusal))
}

fn result(event: &Value, subtype: &str) -> Vec<Said> {
    let mut said = vec![Said::Usage(usage(event), UsageKind::Total)];
    let words = text(event, "/result").map(str::to_owned);
    // `success` stands there too when the API refused every request, so the flag has the last word.
    let ok = subtype == "success" && !is_true(event, "/is_error");
    if !ok {
        let errors = list(event, "/errors").iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ");
        let message = words.clone().filter(|words| !words.is_empty()).unwrap_or(errors);
        said.push(failed(event, subtype, if message.is_empty() { subtype } else { &message }));
    }
    said.push(Said::Final { ok, text: words });
    said
}

fn failed(event: &Value, subtype: &str, message: &str) -> Said {
    match (subtype, text(event, "/terminal_reason")) {
        ("error_max_turns" | "error_max_budget_usd", _) => {
            failure::failed_as(ErrorKind::BudgetExceeded, message)
        }
        (_, Some("prompt_too_long")) => failure::failed_as(ErrorKind::ContextOverflow, message),
        _ => failure::failed(event.pointer("/api_error_status").and_then(Value::as_u64), message),
    }
}

/// Returns the usage of all models together; `usage` leaves out what subagents used.
fn usage(event: &Value) -> Usage {
    let cost_usd = dollars(event, "/total_cost_usd");
    let models = event.get("modelUsage").and_then(Value::as_object).filter(|models| !models.is_empty());
    let Some(models) = models else {
        let cached = ["/usage/cache_read_input_tokens", "/usage/cache_creation_input_tokens"];
        return Usage {
            input_tokens: tokens(event, "/usage/input_tokens"),
            output_tokens: tokens(event, "/usage/output_tokens"),
            cached_tokens: cached.iter().fold(None, |known, pointer| sum(known, tokens(event, pointer))),
            cost_usd,
        };
    };
    let total = |pointer: &str| {
        let figures = models.values().map(|model| tokens(model, pointer));
        figures.fold(None, sum).and_then(believable)
    };
    Usage {
        input_tokens: total("/inputTokens"),
        output_tokens: total("/outputTokens"),
        cached_tokens: sum(total("/cacheReadInputTokens"), total("/cacheCreationInputTokens")),
        cost_usd,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reading, apart, assignment, read, tokens};
    use super::*;

    const BASE: [&str; 4] = ["-p", "--output-format", "stream-json", "--verbose"];
    const SYSTEM: [&str; 2] = ["--append-system-prompt", "You review \"code\".\nWell."];

    #[test]
    fn in_a_work_tree_of_its_own_it_leaves_out_the_instructions_around_it() {
        let settings = |asked: Assignment<'_>| {
            let args = Claude.command(&asked).unwrap().args;
            let at = args.iter().position(|arg| arg == "--settings")?;
            serde_json::from_str::<Value>(&args[at + 1]).ok()
        };
        let patterns = ["CLAUDE.md", "CLAUDE.local.md", ".claude/CLAUDE.md", ".claude/rules/**"]
            .map(|name| format!("/home/?me?/repo/{name}"));
        let alone = Assignment { apart: Some(apart()), ..assignment(Access::Write) };
        assert_eq!(settings(alone.clone()), Some(serde_json::json!({"claudeMdExcludes": patterns})));
        let both = settings(Assignment { must_submit: true, ..alone }).unwrap();
        assert_eq!(both["claudeMdExcludes"], serde_json::json!(patterns));
        assert_eq!(both["hooks"]["Stop"][0]["hooks"][0]["command"], "crew hook stop");
        assert_eq!(settings(assignment(Access::Write)), None);
    }

    #[test]
    fn a_reviewer_may_only_read_and_submit() {
        let spec = Claude.command(&assignment(Access::ReadOnly)).unwrap();
        let rules = "Read,Grep,Glob,Bash(crew submit:*),Bash(crew review submit:*)";
        let permissions =
            ["--permission-mode", "default", "--tools", "Read,Grep,Glob,Bash", "--allowedTools", rules];
        let denied = ["--disallowedTools", "Edit,Write,NotebookEdit"];
        assert_eq!(spec.args, [&BASE[..], &permissions, &denied, &SYSTEM].concat());
        assert_eq!(spec.env, [("DISABLE_AUTOUPDATER".to_owned(), "1".to_owned())]);
    }

    #[test]
    fn an_executor_edits_in_its_directory_and_has_a_shell() {
        let asked = Assignment {
            model: Some("opus"),
            thinking: Some("xhigh"),
            max_turns: Some(7),
            max_cost_usd: Some(2.5),
            session: Some("5-a"),
            ..assignment(Access::Write)
        };
        let tools = "Read,Grep,Glob,Bash,Edit,NotebookEdit,Write";
        let permissions =
            ["--permission-mode", "acceptEdits", "--tools", tools, "--allowedTools", "Read,Grep,Glob,Bash"];
        let more = ["--model", "opus", "--effort", "xhigh", "--max-turns", "7", "--max-budget-usd", "2.5"];
        let all = [&BASE[..], &permissions, &more, &SYSTEM, &["--resume", "5-a"]].concat();
        assert_eq!(Claude.command(&asked).unwrap().args, all);
    }

    #[test]
    fn without_a_shell_it_still_can_submit() {
        let tools = ["read".to_owned(), "edit".to_owned()];
        let asked = Assignment { tools: &tools, ..assignment(Access::Write) };
        let args = Claude.command(&asked).unwrap().args;
        assert_eq!(args[7], "Read,Bash,Edit,NotebookEdit");
        assert_eq!(args[9], "Read,Bash(crew submit:*),Bash(crew review submit:*)");
        assert_eq!(Claude.caveats(&asked).len(), 1);
    }

    #[test]
    fn it_is_held_back_until_it_has_submitted_where_it_has_to() {
        let asked = Assignment { must_submit: true, ..assignment(Access::ReadOnly) };
        let args = Claude.command(&asked).unwrap().args;
        let at = args.iter().position(|arg| arg == "--settings").unwrap();
        let settings: Value = serde_json::from_str(&args[at + 1]).unwrap();
        assert_eq!(settings["hooks"]["Stop"][0]["hooks"][0]["command"], "crew hook stop");
        assert!(!Claude.command(&assignment(Access::Write)).unwrap().args.contains(&"--settings".to_owned()));
    }

    #[test]
    fn thinking_goes_off_by_a_variable_and_minimal_is_refused() {
        let at = |level| Claude.command(&Assignment { thinking: Some(level), ..assignment(Access::Write) });
        assert!(at("off").unwrap().env.contains(&("MAX_THINKING_TOKENS".to_owned(), "0".to_owned())));
        assert!(at("minimal").unwrap_err().to_string().contains("claude cannot think at level `minimal`"));
    }

    #[test]
    fn a_prompt_that_it_would_run_as_a_command_begins_with_a_line_end() {
        assert_eq!(super::super::prompt_text(&Claude, "You are", "/help me"), "\n/help me");
        assert_eq!(super::super::prompt_text(&Claude, "", "help me"), "help me");
    }

    #[test]
    fn a_good_stream_is_understood() {
        let reading = read(&Claude, include_str!("../../fixtures/agent-output/claude-ok.jsonl"));
        let arguments = r#"{"command":"echo hello-from-tool","description":"run"}"#;
        let expected = Reading {
            session: Some("114e5e51-f431-48f1-b6b0-45cb4e915f84".to_owned()),
            words: "All done.".to_owned(),
            tools: vec![("Bash".to_owned(), arguments.to_owned(), Some(ToolResult::Ok))],
            usage: Usage { cost_usd: Some(0.0029), ..tokens(240, 68, 0) },
            end: Some((true, Some("All done.".to_owned()))),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn a_dead_key_fails_at_the_first_retry() {
        let stream = include_str!("../../fixtures/agent-output/claude-http401.jsonl");
        let second = Claude.read_line(stream.lines().nth(1).unwrap()).unwrap();
        assert!(matches!(&second[..], [Said::Failed { kind: ErrorKind::AuthFailed, .. }]), "{second:?}");
        let reading = read(&Claude, stream);
        assert_eq!(reading.failures, [ErrorKind::AuthFailed; 11]);
        assert_eq!(reading.end, Some((false, Some("Invalid API key · Fix external API key".to_owned()))));
        assert_eq!(reading.words, "");
    }

    #[test]
    fn a_limited_rate_is_waited_for() {
        let reading = read(&Claude, include_str!("../../fixtures/agent-output/claude-http429.jsonl"));
        assert_eq!(reading.waits, [Some(ErrorKind::RateLimited); 7]);
        assert_eq!((reading.failures.len(), reading.end), (0, None));
    }

    #[test]
    fn what_went_wrong_is_named() {
        use ErrorKind::*;
        let seen = [
            (
                r#""subtype":"error_max_turns","is_error":true,"errors":["Reached maximum number of turns (1)"]"#,
                BudgetExceeded,
            ),
            (
                r#""subtype":"success","is_error":true,"result":"Not logged in · Please run /login""#,
                AuthFailed,
            ),
            (
                r#""subtype":"success","is_error":true,"result":"x","terminal_reason":"prompt_too_long""#,
                ContextOverflow,
            ),
            (r#""subtype":"success","is_error":true,"result":"x","api_error_status":404"#, ModelNotAvailable),
            (
                r#""subtype":"success","is_error":true,"result":"API Error: Repeated 529 Overloaded errors.""#,
                Overloaded,
            ),
            (
                r#""subtype":"error_during_execution","is_error":true,"errors":["No conversation found"]"#,
                Unknown,
            ),
        ];
        for (fields, expected) in seen {
            let said = Claude.read_line(&format!(r#"{{"type":"result",{fields}}}"#)).unwrap();
            assert!(matches!(&said[1], Said::Failed { kind, .. } if *kind == expected), "{said:?}");
            assert!(matches!(said[2], Said::Final { ok: false, .. }));
        }
        let cut = r#"{"type":"system","subtype":"api_retry","error_status":null,"error":"unknown"}"#;
        assert!(matches!(Claude.read_line(cut).unwrap()[0], Said::Waiting { error: Some(Network), .. }));
    }

    #[test]
    fn the_usage_of_subagents_counts() {
        let models =
            r#"{"a":{"inputTokens":1,"outputTokens":2},"b":{"inputTokens":10,"cacheReadInputTokens":5}}"#;
        let line = format!(
            r#"{{"type":"result","subtype":"success","usage":{{"input_tokens":1}},"modelUsage":{models}}}"#
        );
        let said = Claude.read_line(&line).unwrap();
        assert_eq!(said[0], Said::Usage(tokens(11, 2, 5), UsageKind::Total));
    }
}
