//! OpenCode (`opencode run`).
//!
//! The prompt goes to standard input. What the agent may do is set up as an agent of its own in a variable that OpenCode
//! adds to its configuration, so that the user's files stay as they are. OpenCode retries without a word in its stream;
//! its log on standard error has the reason.

use super::event::{dollars, owned, sum, text, tokens, typed, written};
use super::{
    Access, Agent, Assignment, CommandSpec, Said, Stdin, Unsupported, UsageKind, add, args, cannot, failure,
    pass, tool_ended,
};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::usage::Usage;
use serde_json::Value;
use std::time::Duration;

/// How OpenCode is spoken to.
pub struct Opencode;

/// The variables that sign it in, at one provider or another.
pub(super) const KEYS: &[&str] = &[
    "OPENCODE_API_KEY",
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "OPENROUTER_API_KEY",
    "GROQ_API_KEY",
    "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY",
    "XAI_API_KEY",
];

/// The variables that say where its files are.
const PLACES: &[&str] = &[
    "OPENCODE_CONFIG",
    "OPENCODE_CONFIG_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
];

/// How it words that another opencode of the same user held its database, which ends the one that comes late: at the first
/// start of all, when both set it up, and whenever one waits for more than five seconds.
const LOCKED: &[&str] =
    &["database is locked", "Failed query:", "Failed to execute statement", "LockTimeoutError"];

/// What handing in takes. Of rules that match, the last one counts.
const SUBMITTING: &[(&str, &str)] =
    &[("printf *", "allow"), ("crew submit *", "allow"), ("crew review submit *", "allow")];
const READING: &[(&str, &str)] = &[
    ("cat *", "allow"),
    ("grep *", "allow"),
    ("head *", "allow"),
    ("ls", "allow"),
    ("ls *", "allow"),
    ("tail *", "allow"),
    ("wc *", "allow"),
    ("git blame *", "allow"),
    ("git diff", "allow"),
    ("git diff *", "allow"),
    ("git log", "allow"),
    ("git log *", "allow"),
    ("git show", "allow"),
    ("git show *", "allow"),
    ("git status", "allow"),
    ("git status *", "allow"),
    ("git *--output*", "deny"),
    ("*>*", "deny"),
];

impl Agent for Opencode {
    fn name(&self) -> &str {
        "opencode"
    }

    fn program(&self) -> &str {
        "opencode"
    }

    fn promises_final(&self) -> bool {
        true
    }

    fn resumes_sessions(&self) -> bool {
        true
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        assignment.check(self)?;
        let mut args = args(&["run", "--format", "json", "--print-logs", "--log-level", "ERROR"]);
        add(&mut args, "--agent", "crew");
        // Without a title it asks the model for one.
        add(&mut args, "--title", "crew");
        match assignment.model {
            None => {}
            Some(model) if model.contains('/') => add(&mut args, "--model", model),
            Some(model) => {
                return Err(cannot(self, format!("use the model `{model}`; it wants PROVIDER/MODEL")));
            }
        }
        match assignment.thinking {
            None => {}
            Some(level @ ("minimal" | "low" | "medium" | "high" | "xhigh")) => {
                add(&mut args, "--variant", level)
            }
            Some(level) => {
                return Err(cannot(self, format!("think at level `{level}`; it has minimal to xhigh")));
            }
        }
        if let Some(session) = assignment.session {
            add(&mut args, "--session", session);
        }
        let env = [
            ("OPENCODE_CONFIG_CONTENT", configuration(assignment)),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1".into()),
        ];
        Ok(CommandSpec {
            program: self.program().to_owned(),
            args,
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            pass_env: pass(&[KEYS, PLACES].concat()),
            stdin: Stdin::File(assignment.prompt_file.to_owned()),
        })
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        let (kind, event) = typed(line)?;
        let session = Said::Session(owned(&event, "/sessionID"));
        Some(match kind.as_str() {
            "step_start" => vec![session],
            "text" if event.pointer("/part/synthetic").is_none() => {
                vec![Said::Message(owned(&event, "/part/text"))]
            }
            "tool_use" => tool_call(&event),
            "step_finish" => step_finish(&event),
            "error" => vec![session, error(&event)],
            _ => Vec::new(),
        })
    }

    fn read_stderr_line(&self, line: &str) -> Vec<Said> {
        if let Some((_, error)) = line.split_once("message=\"stream error\"") {
            let error = error.split_once("error.error=").map_or(error, |(_, error)| error);
            return vec![failure::retrying(
                None,
                error.trim_matches('"').trim_start_matches("AI_APICallError: "),
            )];
        }
        if let Some((_, model)) = line.split_once("ProviderModelNotFoundError: ") {
            let message = model.split('"').next().unwrap_or(model);
            return vec![failure::failed_as(ErrorKind::ModelNotAvailable, message)];
        }
        if is_locked(line) {
            return vec![locked()];
        }
        let no_session = line.contains("Session not found");
        if no_session {
            vec![failure::failed_as(ErrorKind::Unknown, "Session not found")]
        } else {
            Vec::new()
        }
    }

    fn caveats(&self, assignment: &Assignment<'_>) -> Vec<String> {
        let mut caveats = Vec::new();
        if assignment.access == Access::ReadOnly {
            let sentence = "opencode lets `printf` and `crew` write into files";
            caveats.push(sentence.to_owned());
        }
        if assignment.thinking.is_some() {
            caveats.push("opencode ignores a thinking level that the model does not have".to_owned());
        }
        caveats
    }
}

/// Writes the configuration that defines the agent `crew`, as JSON.
fn configuration(assignment: &Assignment<'_>) -> String {
    let mut permission = vec![("*", quoted("deny"))];
    let reading = [("read", "read"), ("grep", "grep"), ("find", "glob"), ("ls", "list")];
    permission.extend(assignment.tools_as(&reading).into_iter().map(|tool| (tool, quoted("allow"))));
    if assignment.allows_editing() {
        permission.push(("edit", quoted("allow")));
    }
    permission.push(("bash", shell_rules(assignment)));
    if assignment.access == Access::Write {
        let inbox = format!("{}/*", assignment.inbox.to_string_lossy());
        permission.push(("external_directory", object(&[("*", quoted("deny")), (&inbox, quoted("allow"))])));
    }
    let mut agent = vec![("mode", quoted("primary")), ("permission", object(&permission))];
    if let Some(turns) = assignment.max_turns {
        agent.push(("steps", turns.to_string()));
    }
    object(&[("agent", object(&[("crew", object(&agent))]))])
}

fn shell_rules(assignment: &Assignment<'_>) -> String {
    let rules: Vec<(&str, &str)> = match assignment.access {
        _ if !assignment.allows("bash") => SUBMITTING.to_vec(),
        Access::ReadOnly => [READING, SUBMITTING].concat(),
        Access::Write => return quoted("allow"),
    };
    let rules = std::iter::once(&("*", "deny")).chain(&rules);
    object(&rules.map(|(pattern, action)| (*pattern, quoted(action))).collect::<Vec<_>>())
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Writes a JSON object whose members keep their order, which counts among permissions.
fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    format!("{{{}}}", members.join(","))
}

/// How OpenCode words that its permissions refused a tool call.
const REFUSALS: &[&str] = &["a rule which prevents you", "The user rejected permission"];

/// Reads a tool call, which is printed once, when it is over.
fn tool_call(event: &Value) -> Vec<Said> {
    let state = |name: &str| written(event, &format!("/part/state/{name}"));
    let number = |name: &str| event.pointer(&format!("/part/state/{name}")).and_then(Value::as_i64);
    let error = state("error");
    let result = match state("status").as_str() {
        "completed" => ToolResult::of(number("metadata/exit").unwrap_or(0) == 0),
        _ if REFUSALS.iter().any(|refusal| error.contains(refusal)) => ToolResult::Denied,
        _ => ToolResult::Error,
    };
    let id = owned(event, "/part/callID");
    let started =
        Said::ToolStarted { id: id.clone(), name: owned(event, "/part/tool"), arguments: state("input") };
    let mut ended = tool_ended(id, result);
    if let (Said::ToolEnded { took, .. }, Some(start), Some(end)) =
        (&mut ended, number("time/start"), number("time/end"))
    {
        *took = u64::try_from(end.saturating_sub(start)).ok().map(Duration::from_millis);
    }
    vec![started, ended]
}

fn step_finish(event: &Value) -> Vec<Said> {
    let mut said = vec![Said::Usage(usage(event), UsageKind::Step)];
    let reason = text(event, "/part/reason").unwrap_or_default();
    match reason {
        // The model wants the results of its tools: another step follows.
        "tool-calls" => {}
        // The answer broke off, and OpenCode asks again, as often as it takes.
        "unknown" => said
            .push(failure::waiting(Some(ErrorKind::Network), "the model's answer broke off; it asks again")),
        "content-filter" | "error" => {
            said.push(failure::failed(None, &format!("the model stopped: {reason}")));
            said.push(Said::Final { ok: false, text: None });
        }
        _ => said.push(Said::Final { ok: true, text: None }),
    }
    said
}

fn usage(event: &Value) -> Usage {
    let figure = |pointer| tokens(event, pointer);
    Usage {
        input_tokens: figure("/part/tokens/input"),
        output_tokens: sum(figure("/part/tokens/output"), figure("/part/tokens/reasoning")),
        cached_tokens: sum(figure("/part/tokens/cache/read"), figure("/part/tokens/cache/write")),
        cost_usd: dollars(event, "/part/cost"),
    }
}

/// Tells whether a line reports that its database was locked.
fn is_locked(line: &str) -> bool {
    LOCKED.iter().any(|words| line.contains(words))
}

fn locked() -> Said {
    failure::failed_as(ErrorKind::AgentBusy, "opencode found its own database locked by another opencode")
}

fn error(event: &Value) -> Said {
    let name = text(event, "/error/name").unwrap_or("error");
    let message = text(event, "/error/data/message").unwrap_or(name);
    if is_locked(message) {
        return locked();
    }
    let kind = match name {
        "ContextOverflowError" => ErrorKind::ContextOverflow,
        "ProviderAuthError" => ErrorKind::AuthFailed,
        "ProviderModelNotFoundError" => ErrorKind::ModelNotAvailable,
        _ => failure::kind(event.pointer("/error/data/statusCode").and_then(Value::as_u64), message),
    };
    let asked =
        text(event, "/error/data/responseHeaders/retry-after").and_then(|seconds| seconds.parse().ok());
    match failure::failed_as(kind, message) {
        Said::Failed { kind, message, retry_after } => {
            Said::Failed { kind, message, retry_after: asked.and_then(failure::wait).or(retry_after) }
        }
        said => said,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Reading, assignment, read, tokens};
    use super::*;

    const BASE: [&str; 10] = [
        "run",
        "--format",
        "json",
        "--print-logs",
        "--log-level",
        "ERROR",
        "--agent",
        "crew",
        "--title",
        "crew",
    ];

    #[test]
    fn a_reviewer_has_tools_that_read_and_submit() {
        let spec = Opencode.command(&assignment(Access::ReadOnly)).unwrap();
        assert_eq!(spec.args, BASE);
        let (name, configuration) = &spec.env[0];
        assert_eq!(name, "OPENCODE_CONFIG_CONTENT");
        let start = r#"{"agent":{"crew":{"mode":"primary","permission":{"*":"deny","read":"allow","grep":"allow","glob":"allow","list":"allow","bash":{"*":"deny","cat *":"allow","#;
        assert!(configuration.starts_with(start), "{configuration}");
        let end = r#""git *--output*":"deny","*>*":"deny","printf *":"allow","crew submit *":"allow","crew review submit *":"allow"}}}}}"#;
        assert!(configuration.ends_with(end), "{configuration}");
        serde_json::from_str::<Value>(configuration).unwrap();
    }

    #[test]
    fn an_executor_edits_in_its_directory_and_has_a_shell() {
        let asked = Assignment {
            model: Some("m/M"),
            thinking: Some("high"),
            max_turns: Some(7),
            session: Some("ses_1"),
            ..assignment(Access::Write)
        };
        let spec = Opencode.command(&asked).unwrap();
        let more = ["--model", "m/M", "--variant", "high", "--session", "ses_1"];
        assert_eq!(spec.args, [&BASE[..], &more].concat());
        let configuration = r#"{"agent":{"crew":{"mode":"primary","permission":{"*":"deny","read":"allow","grep":"allow","glob":"allow","list":"allow","edit":"allow","bash":"allow","external_directory":{"*":"deny","/run/inbox/*":"allow"}},"steps":7}}}"#;
        assert_eq!(spec.env[0].1, configuration);
        assert_eq!(Opencode.caveats(&asked).len(), 1);
    }

    #[test]
    fn what_it_cannot_do_is_refused() {
        let model = Assignment { model: Some("sonnet"), ..assignment(Access::Write) };
        let thinking = Assignment { thinking: Some("off"), ..assignment(Access::Write) };
        assert!(Opencode.command(&model).unwrap_err().what.contains("PROVIDER/MODEL"));
        assert!(Opencode.command(&thinking).is_err());
    }

    #[test]
    fn a_good_stream_is_understood() {
        let reading = read(&Opencode, include_str!("../../fixtures/agent-output/opencode-ok.jsonl"));
        let arguments = r#"{"command":"echo hello-from-tool","description":"run"}"#.to_owned();
        let expected = Reading {
            session: Some("ses_e047de266ffeP9Aojt3LqCMR1T".to_owned()),
            words: "All done.".to_owned(),
            tools: vec![("bash".to_owned(), arguments, Some(ToolResult::Ok))],
            usage: Usage { cost_usd: Some(0.0), ..tokens(240, 68, 0) },
            end: Some((true, None)),
            ..Reading::default()
        };
        assert_eq!(reading, expected);
    }

    #[test]
    fn a_dead_key_is_a_failure_without_a_final_event() {
        let reading = read(&Opencode, include_str!("../../fixtures/agent-output/opencode-http401.jsonl"));
        assert_eq!((reading.failures, reading.end), (vec![ErrorKind::AuthFailed], None));
        assert_eq!(reading.session.as_deref(), Some("ses_e047c6dd3ffe202wnydHelWGsV"));
    }

    #[test]
    fn errors_are_named_and_keep_the_wait_asked_for() {
        let limited = r#"{"type":"error","error":{"name":"APIError","data":{"message":"x","statusCode":429,"responseHeaders":{"retry-after":"7"}}}}"#;
        let said = Opencode.read_line(limited).unwrap();
        let Said::Failed { kind, retry_after, .. } = &said[1] else { panic!("{said:?}") };
        assert_eq!((*kind, *retry_after), (ErrorKind::RateLimited, Some(Duration::from_secs(7))));
        let long = r#"{"type":"error","error":{"name":"ContextOverflowError","data":{"message":"x"}}}"#;
        assert!(matches!(
            Opencode.read_line(long).unwrap()[1],
            Said::Failed { kind: ErrorKind::ContextOverflow, .. }
        ));
    }

    #[test]
    fn one_that_finds_its_database_locked_may_try_again() {
        let is_busy = |said: &[Said]| {
            matches!(said, [Said::Failed { kind: ErrorKind::AgentBusy, retry_after: None, .. }])
        };
        for line in ["database is locked", "Failed query: "] {
            assert!(is_busy(&Opencode.read_stderr_line(line)), "{line}");
        }
        let event = r#"{"type":"error","error":{"name":"UnknownError","data":{"message":"Failed to execute statement"}}}"#;
        assert!(is_busy(&Opencode.read_line(event).unwrap()[1..]));
    }

    #[test]
    fn a_step_that_calls_tools_is_not_the_last() {
        let step = |reason: &str| {
            let line = format!(r#"{{"type":"step_finish","part":{{"reason":"{reason}"}}}}"#);
            Opencode.read_line(&line).unwrap().split_off(1)
        };
        assert_eq!(step("tool-calls"), []);
        assert!(matches!(step("unknown")[..], [Said::Waiting { error: Some(ErrorKind::Network), .. }]));
        assert_eq!(step("stop"), [Said::Final { ok: true, text: None }]);
        assert_eq!(step("content-filter")[1], Said::Final { ok: false, text: None });
    }

    #[test]
    fn its_log_tells_what_the_stream_keeps_quiet() {
        let log = |words: &str| Opencode.read_stderr_line(&format!("timestamp=x level=ERROR run=1 {words}"));
        let limited = log(
            r#"message="stream error" mode=primary error.error="AI_APICallError: Rate limit reached. Please try again in 7s.""#,
        );
        let reason = "Rate limit reached. Please try again in 7s.".to_owned();
        assert_eq!(
            limited,
            [Said::Waiting {
                reason,
                error: Some(ErrorKind::RateLimited),
                retry_after: Some(Duration::from_secs(7))
            }]
        );
        let offline =
            log(r#"message="stream error" error.error="AI_APICallError: Cannot connect to API: closed""#);
        assert!(matches!(offline[..], [Said::Waiting { error: Some(ErrorKind::Network), .. }]));
        let model =
            log(r#"message=failed error="ProviderModelNotFoundError: Model not found: m/nope." cause="x""#);
        let message = "Model not found: m/nope.".to_owned();
        assert_eq!(model, [Said::Failed { kind: ErrorKind::ModelNotAvailable, message, retry_after: None }]);
        assert_eq!(log(r#"message="Failed to fetch models.dev" cause="Transport error""#), []);
    }
}
