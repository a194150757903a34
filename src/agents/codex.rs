//! Codex (`codex exec`).
//!
//! The prompt goes to standard input. The sandbox of Codex is the operating system's: in `read-only` nothing at all can
//! be written, in `workspace-write` the working directory, `/tmp` and the inbox can. Its shell is its only way to look
//! at files, so a list of tools can take nothing away from it that the sandbox does not.

use super::event::{owned, text, tokens, typed, without_cached, written};
use super::{
    Access, Agent, Assignment, CommandSpec, Said, Stdin, Unsupported, UsageKind, add, args, cannot, failure,
    pass, tool_ended,
};
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde_json::Value;

/// How Codex is spoken to.
pub struct Codex;

const ENV: &[&str] = &["OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL", "CODEX_HOME"];

impl Agent for Codex {
    fn name(&self) -> &str {
        "codex"
    }

    fn program(&self) -> &str {
        "codex"
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

    fn usage_spans_session(&self) -> bool {
        true
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        assignment.check(self)?;
        assignment.refuse_max_turns(self)?;
        if assignment.access == Access::Write && !assignment.allows("bash") {
            return Err(cannot(self, "write without its shell; add `bash` to the tools".to_owned()));
        }
        let mut args = args(&["exec", "--json", "--skip-git-repo-check"]);
        // A login shell starts over with the system's PATH, in which `crew` is another one or none.
        add(&mut args, "-c", "allow_login_shell=false");
        add_sandbox(&mut args, assignment);
        if let Some(model) = assignment.model {
            add(&mut args, "--model", model);
        }
        if let Some(level) = assignment.thinking {
            add(&mut args, "-c", &format!("model_reasoning_effort={}", toml_string(self.effort(level)?)));
        }
        if let Some(system_prompt) = assignment.system_prompt() {
            let setting = format!("developer_instructions={}", toml_string(system_prompt));
            if setting.len() > super::MAX_ARGUMENT {
                let bytes = system_prompt.len();
                return Err(cannot(
                    self,
                    format!("take a system prompt of {bytes} bytes with so much to escape"),
                ));
            }
            add(&mut args, "-c", &setting);
        }
        // Options belong to `exec`; its subcommand has no `--sandbox` of its own and obeys this one.
        if let Some(session) = assignment.session {
            add(&mut args, "resume", session);
        }
        args.push("-".to_owned());
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
            "thread.started" => vec![Said::Session(owned(&event, "/thread_id"))],
            "item.started" => item_started(&event).into_iter().collect(),
            "item.completed" => item_completed(&event).into_iter().collect(),
            "error" => vec![error(&owned(&event, "/message"))],
            "turn.failed" => {
                vec![
                    failure::failed(None, &owned(&event, "/error/message")),
                    Said::Final { ok: false, text: None },
                ]
            }
            "turn.completed" => {
                vec![Said::Usage(usage(&event), UsageKind::Total), Said::Final { ok: true, text: None }]
            }
            _ => Vec::new(),
        })
    }

    fn read_stderr_line(&self, line: &str) -> Vec<Said> {
        let resuming = line.starts_with("Error: thread/resume");
        if resuming { vec![failure::failed(None, line)] } else { Vec::new() }
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        if assignment.tools.is_empty() {
            return Vec::new();
        }
        vec![
            "codex keeps its shell and all its other tools; only its sandbox limits what they change"
                .to_owned(),
        ]
    }
}

impl Codex {
    fn effort<'l>(&self, level: &'l str) -> Result<&'l str, Unsupported> {
        match level {
            "off" => Ok("none"),
            "minimal" | "low" | "medium" | "high" | "xhigh" => Ok(level),
            _ => Err(cannot(self, format!("think at level `{level}`; it has off, minimal to xhigh"))),
        }
    }
}

fn add_sandbox(args: &mut Vec<String>, assignment: &Assignment<'_>) {
    match assignment.access {
        Access::ReadOnly => add(args, "--sandbox", "read-only"),
        Access::Write => {
            add(args, "--sandbox", "workspace-write");
            add(args, "--add-dir", &assignment.inbox.to_string_lossy());
        }
    }
}

/// Quotes a text as a TOML string, which JSON's quoting is but for the one control character that JSON lets through.
fn toml_string(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Returns the name and arguments of a tool, where an item is a tool call.
fn tool(item: &Value) -> Option<(String, String)> {
    Some(match text(item, "/type")? {
        "command_execution" => ("shell".to_owned(), written(item, "/command")),
        "file_change" => ("apply_patch".to_owned(), written(item, "/changes")),
        "web_search" => ("web_search".to_owned(), written(item, "/query")),
        "mcp_tool_call" => {
            (format!("{}.{}", owned(item, "/server"), owned(item, "/tool")), written(item, "/arguments"))
        }
        _ => return None,
    })
}

fn item_started(event: &Value) -> Option<Said> {
    let item = event.get("item")?;
    let (name, arguments) = tool(item)?;
    Some(Said::ToolStarted { id: owned(item, "/id"), name, arguments })
}

fn item_completed(event: &Value) -> Option<Said> {
    let item = event.get("item")?;
    if text(item, "/type") == Some("agent_message") {
        return Some(Said::Message(owned(item, "/text")));
    }
    // An item of type `error` is a warning: the turn goes on.
    tool(item)?;
    // A command that the sandbox has stopped is told to the model alone: the stream does not mention it at all.
    let result = match text(item, "/status") {
        Some("declined") => ToolResult::Denied,
        Some("failed") => ToolResult::Error,
        _ => ToolResult::Ok,
    };
    Some(tool_ended(owned(item, "/id"), result))
}

fn error(message: &str) -> Said {
    if message.starts_with("Reconnecting") {
        failure::retrying(None, message)
    } else {
        failure::failed(None, message)
    }
}

fn usage(event: &Value) -> Usage {
    let cached = tokens(event, "/usage/cached_input_tokens");
    Usage {
        input_tokens: without_cached(tokens(event, "/usage/input_tokens"), cached),
        output_tokens: tokens(event, "/usage/output_tokens"),
        cached_tokens: cached,
        cost_usd: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reading, assignment, read, tokens};
    use super::*;
    use crate::domain::error_kind::ErrorKind;

    const BASE: [&str; 5] = ["exec", "--json", "--skip-git-repo-check", "-c", "allow_login_shell=false"];
    const SYSTEM: &str = r#"developer_instructions="You review \"code\".\nWell.""#;

    #[test]
    fn a_reviewer_is_in_the_read_only_sandbox() {
        let args = Codex.command(&assignment(Access::ReadOnly)).unwrap().args;
        assert_eq!(args, [&BASE[..], &["--sandbox", "read-only", "-c", SYSTEM, "-"]].concat());
    }

    #[test]
    fn an_executor_writes_in_its_directory_and_in_the_inbox() {
        let asked = Assignment {
            model: Some("gpt"),
            thinking: Some("off"),
            session: Some("01a1"),
            ..assignment(Access::Write)
        };
        let sandbox = ["--sandbox", "workspace-write", "--add-dir", "/run/inbox"];
        let more =
            ["--model", "gpt", "-c", "model_reasoning_effort=\"none\"", "-c", SYSTEM, "resume", "01a1", "-"];
        let all = [&BASE[..], &sandbox, &more].concat();
        assert_eq!(Codex.command(&asked).unwrap().args, all);
    }

    #[test]
    fn the_system_prompt_reads_back_from_toml() {
        let text = "a\"b\\c\n\t\r\u{1}\u{7f}\u{2028}ü🦀 '''";
        let table: toml::Table = toml::from_str(&format!("a = {}", toml_string(text))).unwrap();
        assert_eq!(table["a"].as_str(), Some(text));
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let turns = Assignment { max_turns: Some(3), ..assignment(Access::Write) };
        let tools = ["read".to_owned(), "edit".to_owned()];
        let no_shell = Assignment { tools: &tools, ..assignment(Access::Write) };
        let thinking = Assignment { thinking: Some("huge"), ..assignment(Access::Write) };
        for asked in [turns, no_shell, thinking] {
            assert!(Codex.command(&asked).is_err());
        }
        let reading = Assignment { tools: &tools, ..assignment(Access::ReadOnly) };
        assert!(Codex.command(&reading).is_ok());
        assert_eq!(Codex.caveats(&reading).len(), 1);
    }

    #[test]
    fn a_good_stream_is_understood() {
        let reading = read(&Codex, include_str!("../../fixtures/agent-output/codex-ok.jsonl"));
        let arguments = "/bin/bash -lc 'echo hello-from-tool'".to_owned();
        let expected = Reading {
            session: Some("01a1fb82-0ab9-70d3-91f5-fa12d5ac4221".to_owned()),
            words: "All done.".to_owned(),
            tools: vec![("shell".to_owned(), arguments, Some(ToolResult::Ok))],
            usage: tokens(240, 68, 0),
            end: Some((true, None)),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn failures_end_the_turn_with_their_kind() {
        let dead_key = read(&Codex, include_str!("../../fixtures/agent-output/codex-http401.jsonl"));
        assert_eq!(dead_key.failures, [ErrorKind::AuthFailed; 7]);
        assert_eq!((dead_key.waits.len(), dead_key.end), (0, Some((false, None))));
        let limited = read(&Codex, include_str!("../../fixtures/agent-output/codex-http429.jsonl"));
        assert_eq!((limited.failures, limited.end), (vec![ErrorKind::RateLimited; 2], Some((false, None))));
    }

    #[test]
    fn reconnecting_is_a_sign_of_life() {
        let line = r#"{"type":"error","message":"Reconnecting... waiting for network (Connection failed: error sending request)"}"#;
        let said = Codex.read_line(line).unwrap();
        assert!(matches!(&said[..], [Said::Waiting { error: Some(ErrorKind::Network), .. }]), "{said:?}");
    }

    #[test]
    fn a_failed_command_and_a_patch_are_tool_calls() {
        let failed = r#"{"type":"item.completed","item":{"id":"i","type":"command_execution","command":"x","status":"failed"}}"#;
        assert_eq!(Codex.read_line(failed), Some(vec![tool_ended("i".into(), ToolResult::Error)]));
        let patch = r#"{"type":"item.started","item":{"id":"j","type":"file_change","changes":[{"path":"a","kind":"add"}]}}"#;
        let arguments = r#"[{"kind":"add","path":"a"}]"#.to_owned();
        let started = Said::ToolStarted { id: "j".into(), name: "apply_patch".into(), arguments };
        assert_eq!(Codex.read_line(patch), Some(vec![started]));
    }

    #[test]
    fn cached_tokens_are_not_counted_twice() {
        let line = r#"{"type":"turn.completed","usage":{"input_tokens":120,"cached_input_tokens":20,"output_tokens":34}}"#;
        assert_eq!(Codex.read_line(line).unwrap()[0], Said::Usage(tokens(100, 34, 20), UsageKind::Total));
    }

    #[test]
    fn a_session_that_is_gone_is_told_on_standard_error() {
        let line =
            "Error: thread/resume: thread/resume failed: no rollout found for thread id x (code -32600)";
        assert!(matches!(Codex.read_stderr_line(line)[..], [Said::Failed { .. }]));
        assert_eq!(Codex.read_stderr_line("WARNING: could not create PATH aliases"), []);
    }
}
