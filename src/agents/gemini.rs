//! Gemini CLI (`gemini`).
//!
//! The prompt goes to standard input. Without a terminal, Gemini CLI refuses every tool call that would need a person's
//! consent: in the approval mode `default` that is everything that writes, and every command of the shell that is not
//! allowed by how it begins. In `auto_edit` files of the working directory may be edited, others not.

use super::event::{is_true, owned, text, tokens, typed, without_cached, written};
use super::{
    Access, Agent, Assignment, CommandSpec, Said, Stdin, Unsupported, UsageKind, add, args, cannot, failure,
    pass, tool_ended,
};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde_json::Value;

/// How Gemini CLI is spoken to.
pub struct Gemini;

const ENV: &[&str] = &[
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GEMINI_CLI_HOME",
];

/// What handing in takes: a request is piped into `crew` by `printf`.
const SUBMITTING: &[&str] = &["crew submit", "crew review submit", "printf"];
const READING: &[&str] = &[
    "cat",
    "echo",
    "git blame",
    "git diff",
    "git log",
    "git show",
    "git status",
    "grep",
    "head",
    "ls",
    "tail",
    "wc",
];

impl Agent for Gemini {
    fn name(&self) -> &str {
        "gemini"
    }

    fn program(&self) -> &str {
        "gemini"
    }

    fn promises_final(&self) -> bool {
        true
    }

    fn resumes_sessions(&self) -> bool {
        true
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        assignment.check(self)?;
        assignment.refuse_max_turns(self)?;
        if let Some(level) = assignment.thinking {
            return Err(cannot(
                self,
                format!("think at level `{level}`: its model decides; leave out thinking"),
            ));
        }
        let mut args = args(&["--output-format", "stream-json", "--skip-trust"]);
        let mode = if assignment.allows_editing() { "auto_edit" } else { "default" };
        add(&mut args, "--approval-mode", mode);
        add(&mut args, "--allowed-tools", &shell_rules(assignment));
        if let Some(model) = assignment.model {
            add(&mut args, "--model", model);
        }
        if let Some(session) = assignment.session {
            add(&mut args, "--resume", session);
        }
        let stdin = Stdin::File(assignment.prompt_file.to_owned());
        Ok(CommandSpec {
            program: self.program().to_owned(),
            args,
            env: Vec::new(),
            pass_env: pass(ENV),
            stdin,
        })
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        let (kind, event) = typed(line)?;
        Some(match kind.as_str() {
            "init" => vec![Said::Session(owned(&event, "/session_id"))],
            "message" => message(&event).into_iter().collect(),
            "tool_use" => vec![Said::ToolStarted {
                id: owned(&event, "/tool_id"),
                name: owned(&event, "/tool_name"),
                arguments: written(&event, "/parameters"),
            }],
            "tool_result" => {
                vec![tool_ended(owned(&event, "/tool_id"), tool_result(&event))]
            }
            // Why a `result` without a message is bad stands in the line before it.
            "error" if text(&event, "/severity") == Some("error") => {
                vec![failure::failed(None, &owned(&event, "/message"))]
            }
            "result" => result(&event),
            _ => Vec::new(),
        })
    }

    fn read_stderr_line(&self, line: &str) -> Vec<Said> {
        // Nothing about these reaches the stream: it is silent while it tries again, and empty where it cannot start.
        if line.starts_with("Attempt ") && line.contains(" failed") {
            return vec![failure::retrying(None, line)];
        }
        if line.starts_with("Suggested retry after ") {
            let reason = format!("the provider limits requests. {line}");
            return vec![failure::waiting(Some(ErrorKind::RateLimited), &reason)];
        }
        let no_key = line.contains("must specify the GEMINI_API_KEY");
        let no_sign_in = line.contains("set an Auth method") || line.starts_with("Invalid auth method");
        let no_session = line.starts_with("Error resuming session");
        if no_key || no_sign_in || no_session { vec![failure::failed(None, line)] } else { Vec::new() }
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        let mut caveats = Vec::new();
        if ["read", "grep", "find", "ls"].iter().any(|tool| !assignment.allows(tool)) {
            caveats.push("gemini keeps its web search, and all its tools that only read".to_owned());
        }
        if assignment.access == Access::ReadOnly {
            caveats.push("gemini lets `git diff --output` write".to_owned());
        }
        caveats
    }
}

fn shell_rules(assignment: &Assignment<'_>) -> String {
    let allowed: Vec<&str> = match assignment.access {
        _ if !assignment.allows("bash") => SUBMITTING.to_vec(),
        Access::ReadOnly => [SUBMITTING, READING].concat(),
        Access::Write => return "run_shell_command".to_owned(),
    };
    let rules: Vec<String> = allowed.iter().map(|start| format!("run_shell_command({start})")).collect();
    rules.join(",")
}

fn message(event: &Value) -> Option<Said> {
    let content = owned(event, "/content");
    match text(event, "/role") {
        Some("assistant") if is_true(event, "/delta") => Some(Said::MessagePart(content)),
        Some("assistant") => Some(Said::Message(content)),
        _ => None,
    }
}

/// Reads how a tool call came back. A command of the shell comes back with `success` whatever its exit code.
fn tool_result(event: &Value) -> ToolResult {
    let message = text(event, "/error/message").unwrap_or_default();
    let refused = text(event, "/error/type") == Some("policy_violation")
        || message.contains("requires user confirmation")
        || message.starts_with("Path not in workspace");
    match text(event, "/status") {
        Some("success") => ToolResult::Ok,
        _ if refused => ToolResult::Denied,
        _ => ToolResult::Error,
    }
}

fn result(event: &Value) -> Vec<Said> {
    let ok = text(event, "/status") == Some("success");
    let mut said = vec![Said::Usage(usage(event), UsageKind::Total)];
    if !ok {
        let message = text(event, "/error/message").unwrap_or("its result is an error");
        said.push(failure::failed(None, message));
    }
    said.push(Said::Final { ok, text: None });
    said
}

fn usage(event: &Value) -> Usage {
    let (input, cached) = (tokens(event, "/stats/input_tokens"), tokens(event, "/stats/cached"));
    // `output_tokens` leaves out what the model thought; the total has it.
    let thought_and_said = |input| Some(tokens(event, "/stats/total_tokens")?.saturating_sub(input));
    Usage {
        input_tokens: without_cached(input, cached),
        output_tokens: input.and_then(thought_and_said).max(tokens(event, "/stats/output_tokens")),
        cached_tokens: cached,
        cost_usd: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reading, assignment, read, tokens};
    use super::*;
    use std::time::Duration;

    const BASE: [&str; 3] = ["--output-format", "stream-json", "--skip-trust"];

    #[test]
    fn a_reviewer_has_commands_that_read_and_submit() {
        let args = Gemini.command(&assignment(Access::ReadOnly)).unwrap().args;
        assert_eq!(args[..6], [&BASE[..], &["--approval-mode", "default", "--allowed-tools"]].concat());
        let submitting =
            "run_shell_command(crew submit),run_shell_command(crew review submit),run_shell_command(printf)";
        assert!(args[6].starts_with(submitting), "{}", args[6]);
        assert!(args[6].ends_with("run_shell_command(tail),run_shell_command(wc)"), "{}", args[6]);
        assert_eq!(args.len(), 7);
    }

    #[test]
    fn an_executor_edits_in_its_directory_and_has_a_shell() {
        let asked = Assignment { model: Some("flash"), session: Some("9f97"), ..assignment(Access::Write) };
        let more = ["--approval-mode", "auto_edit", "--allowed-tools", "run_shell_command"];
        let all = [&BASE[..], &more, &["--model", "flash", "--resume", "9f97"]].concat();
        assert_eq!(Gemini.command(&asked).unwrap().args, all);
    }

    #[test]
    fn fewer_tools_mean_fewer_permissions() {
        let tools = ["read".to_owned(), "write".to_owned()];
        let asked = Assignment { tools: &tools, ..assignment(Access::Write) };
        let args = Gemini.command(&asked).unwrap().args;
        assert_eq!((args[4].as_str(), args[6].matches("run_shell_command(").count()), ("auto_edit", 3));
        let tools = ["read".to_owned(), "bash".to_owned()];
        let args = Gemini.command(&Assignment { tools: &tools, ..assignment(Access::Write) }).unwrap().args;
        assert_eq!((args[4].as_str(), args[6].as_str()), ("default", "run_shell_command"));
        assert!(Gemini.caveats(&asked)[0].contains("only read"));
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let thinking = Assignment { thinking: Some("low"), ..assignment(Access::Write) };
        let turns = Assignment { max_turns: Some(3), ..assignment(Access::Write) };
        assert!(Gemini.command(&thinking).is_err() && Gemini.command(&turns).is_err());
    }

    #[test]
    fn a_good_stream_is_understood() {
        let reading = read(&Gemini, include_str!("../../fixtures/agent-output/gemini-ok.jsonl"));
        let arguments = r#"{"command":"echo hello-from-tool"}"#.to_owned();
        let expected = Reading {
            session: Some("9f976390-8dce-4bea-8789-46f8f3f18cf6".to_owned()),
            words: "All done.".to_owned(),
            tools: vec![("run_shell_command".to_owned(), arguments, Some(ToolResult::Ok))],
            usage: tokens(240, 68, 0),
            end: Some((true, None)),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn a_dead_key_is_a_failure_and_a_limited_rate_is_silence() {
        let dead_key = read(&Gemini, include_str!("../../fixtures/agent-output/gemini-http401.jsonl"));
        assert_eq!((dead_key.failures, dead_key.end), (vec![ErrorKind::AuthFailed], Some((false, None))));
        let limited = read(&Gemini, include_str!("../../fixtures/agent-output/gemini-http429.jsonl"));
        assert_eq!((limited.failures.len(), limited.end), (0, None));
    }

    #[test]
    fn retries_are_told_on_standard_error() {
        let kind = |line| match Gemini.read_stderr_line(line).pop() {
            Some(Said::Waiting { error, .. }) => error,
            Some(Said::Failed { kind, .. }) => Some(kind),
            _ => None,
        };
        let quota =
            "Attempt 1 failed: You exceeded your current quota, please check your plan and billing details.";
        assert_eq!(kind(quota), Some(ErrorKind::RateLimited));
        let wait = Gemini.read_stderr_line("Suggested retry after 7s.. Retrying after 7867ms...").pop();
        let asked = Some(Duration::from_secs(7));
        assert!(matches!(wait, Some(Said::Waiting { retry_after, .. }) if retry_after == asked), "{wait:?}");
        let busy = "Attempt 1 failed with status 503. Retrying with backoff... _ApiError: {\"error\":{\"code\":503}}";
        assert_eq!(kind(busy), Some(ErrorKind::Overloaded));
        let offline = "Attempt 1 failed. Retrying with backoff... Error: exception TypeError: fetch failed";
        assert_eq!(kind(offline), Some(ErrorKind::Network));
        let no_key = "When using Gemini API, you must specify the GEMINI_API_KEY environment variable.";
        assert_eq!(kind(no_key), Some(ErrorKind::AuthFailed));
        assert_eq!(kind("YOLO mode is enabled. All tool calls will be automatically approved."), None);
    }

    #[test]
    fn the_wait_that_the_provider_asks_for_is_kept() {
        let message = r#"[API Error: {\"error\":{\"code\":429,\"details\":[{\"retryDelay\":\"7s\"}]}}]"#;
        let line = format!(r#"{{"type":"result","status":"error","error":{{"message":"{message}"}}}}"#);
        let said = Gemini.read_line(&line).unwrap();
        let Said::Failed { kind, retry_after, .. } = &said[1] else { panic!("{said:?}") };
        assert_eq!((*kind, *retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
    }

    #[test]
    fn thoughts_count_as_output_and_pieces_of_words_are_told_apart() {
        let stats = r#"{"total_tokens":154,"input_tokens":120,"output_tokens":30,"cached":20}"#;
        let said =
            Gemini.read_line(&format!(r#"{{"type":"result","status":"success","stats":{stats}}}"#)).unwrap();
        assert_eq!(said[0], Said::Usage(tokens(100, 34, 20), UsageKind::Total));
        let piece = r#"{"type":"message","role":"assistant","content":"a","delta":true}"#;
        assert_eq!(Gemini.read_line(piece), Some(vec![Said::MessagePart("a".into())]));
    }
}
