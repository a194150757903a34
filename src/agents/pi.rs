//! Pi (`pi`).
//!
//! The prompt goes to standard input. Pi has a list of tools and nothing finer: its shell is there or not, and without
//! it nothing could be handed in. It ends with exit code 0 whatever happened, so the stream alone tells.
//!
//! Pi reads the `AGENTS.md` or `CLAUDE.md` of each folder above its own, and has no setting by which to leave some of
//! them out. In a work tree below the user's it would read them twice, once as the user has them now. An extension takes
//! those of the user's folder out of its system prompt.

use super::event::{dollars, is_true, owned, says_something, sum, text, text_blocks, tokens, typed, written};
use super::{
    Access, Agent, Assignment, CommandSpec, Companion, Said, Stdin, Unsupported, UsageKind, add, args,
    cannot, failure, pass, tool_ended,
};
use crate::domain::error_kind::{ErrorClass, ErrorKind};
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde_json::Value;

/// How Pi is spoken to.
pub struct Pi;

/// The variables that sign it in, at one provider or another.
pub(super) const KEYS: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_OAUTH_TOKEN",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "OPENROUTER_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY",
    "XAI_API_KEY",
    "ZAI_API_KEY",
    "CEREBRAS_API_KEY",
    "AI_GATEWAY_API_KEY",
];

/// The variables that say where its files are, and how it behaves.
const PLACES: &[&str] = &["PI_CODING_AGENT_DIR", "PI_CODING_AGENT_SESSION_DIR", "PI_OFFLINE"];

/// Takes the instructions of the folders around its own out of the system prompt, as far as they are the user's tree.
/// `CREW_REPOSITORY` is its top.
const OWN_INSTRUCTIONS: Companion =
    Companion { name: "pi-own-instructions.js", content: include_str!("pi_own_instructions.js") };

const TOOLS: &[(&str, &str)] = &[
    ("read", "read"),
    ("grep", "grep"),
    ("find", "find"),
    ("ls", "ls"),
    ("bash", "bash"),
    ("edit", "edit"),
    ("write", "write"),
];

impl Agent for Pi {
    fn name(&self) -> &str {
        "pi"
    }

    fn program(&self) -> &str {
        "pi"
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
        assignment.refuse_max_turns(self)?;
        if !assignment.allows("bash") {
            return Err(cannot(
                self,
                "hand in a result without its shell; add `bash` to the tools".to_owned(),
            ));
        }
        let mut args = args(&["--mode", "json"]);
        add(&mut args, "--tools", &assignment.tools_as(TOOLS).join(","));
        if let Some(model) = assignment.model {
            add(&mut args, "--model", model);
        }
        match assignment.thinking {
            None => {}
            Some(level @ ("off" | "minimal" | "low" | "medium" | "high" | "xhigh")) => {
                add(&mut args, "--thinking", level);
            }
            Some(level) => {
                return Err(cannot(self, format!("think at level `{level}`; it has off, minimal to xhigh")));
            }
        }
        if let Some(system_prompt) = assignment.system_prompt() {
            add(&mut args, "--append-system-prompt", system_prompt);
        }
        if let Some(apart) = assignment.apart {
            let companion = apart.companions.join(OWN_INSTRUCTIONS.name);
            add(&mut args, "--extension", &companion.to_string_lossy());
        }
        if let Some(session) = assignment.session {
            add(&mut args, "--session", session);
        }
        // It would take a word after `-p` for the prompt, so nothing may follow.
        args.push("-p".to_owned());
        let stdin = Stdin::File(assignment.prompt_file.to_owned());
        Ok(CommandSpec {
            program: self.program().to_owned(),
            args,
            env: Vec::new(),
            pass_env: pass(&[KEYS, PLACES].concat()),
            stdin,
        })
    }

    fn companion(&self) -> Option<Companion> {
        Some(OWN_INSTRUCTIONS)
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        let (kind, event) = typed(line)?;
        Some(match kind.as_str() {
            "session" => vec![Said::Session(owned(&event, "/id"))],
            "message_end" => message(&event),
            "tool_execution_start" => vec![Said::ToolStarted {
                id: owned(&event, "/toolCallId"),
                name: owned(&event, "/toolName"),
                arguments: written(&event, "/args"),
            }],
            "tool_execution_end" => {
                let result = ToolResult::of(!is_true(&event, "/isError"));
                vec![tool_ended(owned(&event, "/toolCallId"), result)]
            }
            "auto_retry_start" => vec![retry(&event)],
            "auto_retry_end" if !is_true(&event, "/success") => {
                vec![
                    failure::failed(None, &owned(&event, "/finalError")),
                    Said::Final { ok: false, text: None },
                ]
            }
            "agent_end" => agent_end(&event),
            _ => Vec::new(),
        })
    }

    fn read_stderr_line(&self, line: &str) -> Vec<Said> {
        let no_key = line.starts_with("No API key found");
        let no_model = line.starts_with("Error: Model ");
        let no_session = line.starts_with("No session found");
        if no_key || no_model || no_session { vec![failure::failed(None, line)] } else { Vec::new() }
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        let mut caveats = Vec::new();
        if assignment.access == Access::ReadOnly {
            caveats.push("pi's shell can write files".to_owned());
        }
        if assignment.thinking.is_some_and(|level| level != "off") {
            caveats.push("pi ignores a thinking level that the model does not have".to_owned());
        }
        caveats
    }
}

fn message(event: &Value) -> Vec<Said> {
    if text(event, "/message/role") != Some("assistant")
        || text(event, "/message/stopReason") == Some("error")
    {
        return Vec::new();
    }
    let words = text_blocks(event, "/message/content").collect::<String>();
    let usage = usage(event);
    let words = (!words.is_empty()).then_some(Said::Message(words));
    let usage = says_something(&usage).then_some(Said::Usage(usage, UsageKind::Step));
    words.into_iter().chain(usage).collect()
}

fn usage(event: &Value) -> Usage {
    let figure = |pointer| tokens(event, pointer);
    Usage {
        input_tokens: figure("/message/usage/input"),
        output_tokens: figure("/message/usage/output"),
        cached_tokens: sum(figure("/message/usage/cacheRead"), figure("/message/usage/cacheWrite")),
        cost_usd: dollars(event, "/message/usage/cost/total"),
    }
}

fn retry(event: &Value) -> Said {
    let count = |pointer| event.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let (attempt, most) = (count("/attempt"), count("/maxAttempts"));
    let (delay, error) = (count("/delayMs") / 1000, owned(event, "/errorMessage"));
    failure::retrying(None, &format!("{error} (retry {attempt} of {most} in {delay} s)"))
}

fn agent_end(event: &Value) -> Vec<Said> {
    let last = event.get("messages").and_then(Value::as_array).and_then(|messages| messages.last());
    let Some(last) = last else { return vec![Said::Final { ok: false, text: None }] };
    if !matches!(text(last, "/stopReason"), Some("error" | "aborted")) {
        let words = text_blocks(last, "/content").collect::<String>();
        return vec![Said::Final { ok: true, text: Some(words) }];
    }
    let message = text(last, "/errorMessage").unwrap_or("the request was aborted");
    let kind = failure::kind(None, message);
    // It says that it is done before it tries again, or makes its context smaller and tries again.
    if kind.class() == ErrorClass::Transient || kind == ErrorKind::ContextOverflow {
        return vec![failure::waiting(Some(kind), message)];
    }
    vec![failure::failed_as(kind, message), Said::Final { ok: false, text: None }]
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reading, apart, assignment, read, tokens};
    use super::*;

    const SYSTEM: [&str; 2] = ["--append-system-prompt", "You review \"code\".\nWell."];

    #[test]
    fn a_reviewer_has_no_tools_that_edit() {
        let spec = Pi.command(&assignment(Access::ReadOnly)).unwrap();
        let all = [&["--mode", "json", "--tools", "read,grep,find,ls,bash"], &SYSTEM[..], &["-p"]].concat();
        assert_eq!(spec.args, all);
        assert_eq!(Pi.caveats(&assignment(Access::ReadOnly)).len(), 1);
    }

    #[test]
    fn an_executor_has_all_tools() {
        let asked = Assignment {
            model: Some("m/M"),
            thinking: Some("xhigh"),
            session: Some("01a1"),
            ..assignment(Access::Write)
        };
        let first = ["--mode", "json", "--tools", "read,grep,find,ls,bash,edit,write"];
        let more = ["--model", "m/M", "--thinking", "xhigh"];
        let all = [&first[..], &more, &SYSTEM, &["--session", "01a1", "-p"]].concat();
        assert_eq!(Pi.command(&asked).unwrap().args, all);
        assert_eq!(Pi.caveats(&asked), ["pi ignores a thinking level that the model does not have"]);
    }

    #[test]
    fn in_a_work_tree_of_its_own_it_leaves_out_the_instructions_around_it() {
        let asked = Assignment { apart: Some(apart()), ..assignment(Access::Write) };
        let spec = Pi.command(&asked).unwrap();
        let last = ["--extension", "/run/companions/pi-own-instructions.js", "-p"];
        assert_eq!(spec.args[spec.args.len() - 3..], last);
        assert!(OWN_INSTRUCTIONS.content.contains("CREW_REPOSITORY"));
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let tools = ["read".to_owned()];
        for asked in [
            Assignment { max_turns: Some(3), ..assignment(Access::Write) },
            Assignment { thinking: Some("max"), ..assignment(Access::Write) },
            Assignment { tools: &tools, ..assignment(Access::ReadOnly) },
        ] {
            assert!(Pi.command(&asked).is_err());
        }
    }

    #[test]
    fn a_good_stream_is_understood() {
        let reading = read(&Pi, include_str!("../../fixtures/agent-output/pi-ok.jsonl"));
        let arguments = r#"{"command":"echo hello-from-tool","description":"run"}"#.to_owned();
        let expected = Reading {
            session: Some("01a1fb82-2ce1-7eae-817f-8e4c97d558f0".to_owned()),
            words: "All done.".to_owned(),
            tools: vec![("bash".to_owned(), arguments, Some(ToolResult::Ok))],
            usage: Usage { cost_usd: Some(0.0), ..tokens(240, 68, 0) },
            end: Some((true, Some("All done.".to_owned()))),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn a_dead_key_is_a_failure() {
        let reading = read(&Pi, include_str!("../../fixtures/agent-output/pi-http401.jsonl"));
        assert_eq!((reading.failures, reading.end), (vec![ErrorKind::AuthFailed], Some((false, None))));
    }

    #[test]
    fn a_limited_rate_is_waited_for_until_it_gives_up() {
        let stream = include_str!("../../fixtures/agent-output/pi-http429.jsonl");
        let reading = read(&Pi, stream);
        assert_eq!(reading.waits, [Some(ErrorKind::RateLimited); 7]);
        assert_eq!((reading.failures, reading.end), (vec![ErrorKind::RateLimited], Some((false, None))));
        let before_giving_up: Vec<&str> =
            stream.lines().filter(|line| !line.contains("auto_retry_end")).collect();
        assert_eq!(read(&Pi, &before_giving_up.join("\n")).end, None);
    }

    #[test]
    fn what_keeps_it_from_starting_is_told_on_standard_error() {
        let kind = |line| match Pi.read_stderr_line(line).pop() {
            Some(Said::Failed { kind, .. }) => Some(kind),
            _ => None,
        };
        assert_eq!(kind("No API key found for the selected model."), Some(ErrorKind::AuthFailed));
        let model = "Error: Model \"nope\" not found. Use --list-models to see available models.";
        assert_eq!(kind(model), Some(ErrorKind::ModelNotAvailable));
        assert_eq!(kind("No session found matching 'x'"), Some(ErrorKind::Unknown));
        assert_eq!(
            kind("Warning: Model \"nope\" not found for provider \"m\". Using custom model id."),
            None
        );
    }
}
