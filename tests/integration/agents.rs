//! `crew agents list` and `crew doctor --agents`, with programs of ours under the names of the agent CLIs.

use crate::support::{Ran, TestRepo, processes_with, run_command, start_command, wait_until};
use serde_json::{Value, json};

#[track_caller]
fn agent<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list["data"].as_array().expect("a list").iter().find(|agent| agent["agent"] == name);
    found.unwrap_or_else(|| panic!("no agent {name} in {list:#}"))
}

#[test]
fn the_list_says_what_is_installed_and_what_each_can_do() {
    let repo = TestRepo::new();
    repo.program("codex", "echo codex-cli 0.169.0");
    repo.program("gemini", "echo broken >&2; exit 3");
    repo.put_user("config.json", &json!({"agents": {"mine": {"command": "my-agent"}}}).to_string());
    let list = run_command(repo.alone(["agents", "list", "--json"])).exits(0).json();
    assert_eq!(list["meta"], json!({"count": 7, "installed": 3}));
    let codex = agent(&list, "codex");
    assert_eq!(codex["version"], "0.169.0");
    assert_eq!(codex["path"], repo.programs().join("codex").display().to_string());
    assert_eq!((&codex["read_only_by"], &codex["prices"]), (&json!("sandbox"), &json!(false)));
    assert_eq!(codex["signed_in"], "no");
    assert!(agent(&list, "gemini")["problem"].as_str().expect("a problem").contains("exit status: 3"));
    assert_eq!(agent(&list, "claude")["path"], Value::Null);
    assert_eq!(agent(&list, "claude")["thinking"], json!(["off", "low", "medium", "high", "xhigh"]));
    assert_eq!(agent(&list, "builtin")["signed_in"], "not needed");
    assert_eq!(agent(&list, "mine")["signed_in"], "unknown");
    let text = run_command(repo.alone(["agents", "list"])).exits(0).out;
    assert!(text.lines().next().expect("a heading").starts_with("agent "), "{text}");
    assert_eq!(text.lines().count(), 8, "{text}");
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    assert!(line("claude").ends_with("not installed"), "{text}");
    assert!(line("gemini").contains("does not run"), "{text}");
}

#[test]
fn a_key_is_named_by_its_variable_and_never_shown() {
    let repo = TestRepo::new();
    repo.program("claude", "echo 2.1.329");
    let ask = |json: bool| {
        let mut command = repo.alone(["agents", "list"].into_iter().chain(json.then_some("--json")));
        command.env("ANTHROPIC_API_KEY", "sk-ant-a-secret");
        run_command(command).exits(0)
    };
    let list = ask(true).json();
    assert_eq!(agent(&list, "claude")["signed_in"], "yes");
    assert_eq!(agent(&list, "claude")["signed_in_by"], "ANTHROPIC_API_KEY");
    for ran in [ask(true), ask(false)] {
        assert!(!ran.out.contains("a-secret") && !ran.err.contains("a-secret"), "{}", ran.out);
    }
}

/// Examines agents that are scripts of ours, with little patience.
#[track_caller]
fn examine(repo: &TestRepo, names: &[&str], exit: i32) -> (Ran, Value) {
    let args = ["doctor", "--patience", "3", "--json", "--agents"];
    let ran = run_command(repo.alone(args.iter().chain(names))).exits(exit);
    let report = ran.json();
    nothing_is_left(repo);
    (ran, report)
}

/// Fails the test if a process or a folder of the examination is still there.
#[track_caller]
fn nothing_is_left(repo: &TestRepo) {
    let folder = repo.programs();
    wait_until("no process is left", || processes_with(&folder).is_empty());
    let beside = std::fs::read_dir(repo.home.parent().expect("a parent")).expect("a folder");
    let left: Vec<_> = beside
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("crew-conformance-") || name.starts_with("crew-probe-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[track_caller]
fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let found = report["data"].as_array().expect("a list").iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {report:#}"))
}

#[track_caller]
fn fails(report: &Value, name: &str, words: &str) {
    let found = check(report, name);
    assert_eq!(found["level"], "fail", "{found:#}");
    assert!(found["detail"].as_str().expect("a detail").contains(words), "{found:#}");
}

#[test]
fn agents_that_are_not_installed_are_no_failure_unless_they_are_named() {
    let repo = TestRepo::new();
    let (_, report) = examine(&repo, &[], 0);
    assert_eq!(report["data"].as_array().expect("a list").len(), 5, "{report:#}");
    assert_eq!(check(&report, "installed")["detail"], "not installed");
    let text = run_command(repo.alone(["doctor", "--agents", "pi"])).exits(1);
    assert_eq!(text.out, "pi          not installed\n");
    assert!(text.err.contains("hint: install pi"), "{}", text.err);
}

#[test]
fn an_agent_that_nobody_knows_is_a_usage_error_with_the_nearest_name() {
    let repo = TestRepo::new();
    let error = run_command(repo.alone(["doctor", "--json", "--agents", "codx"])).exits(2).json_error();
    assert_eq!((&error["code"], &error["hint"]), (&json!("unknown_agent"), &json!("did you mean `codex`?")));
    let error = run_command(repo.alone(["doctor", "--json", "--agents", "builtin"])).exits(2).json_error();
    assert!(error["hint"].as_str().expect("a hint").contains("claude, codex"), "{error}");
}

#[test]
fn an_agent_that_crashes_at_its_start_fails_and_is_tried_no_further() {
    let repo = TestRepo::new();
    repo.program("codex", "echo 'a library is missing' >&2; exit 127");
    let (_, report) = examine(&repo, &["codex"], 1);
    fails(&report, "version", "exit status: 127");
    fails(&report, "flags", "the model was never asked; exit 127: a library is missing");
    fails(&report, "end", "no final event");
    assert_eq!(check(&report, "submit")["level"], "skipped");
    assert_eq!(report["meta"]["agents"][0]["failed"], report["meta"]["failed"]);
}

#[test]
fn an_agent_that_refuses_our_options_fails() {
    let repo = TestRepo::new();
    let script = "[ \"$1\" = --version ] && { echo 9.0.0; exit 0; }\necho \"error: unknown option '--mode'\" >&2; exit 2";
    repo.program("pi", script);
    let (_, report) = examine(&repo, &["pi"], 1);
    assert_eq!(check(&report, "version")["detail"], "9.0.0");
    fails(&report, "flags", "unknown option '--mode'");
}

#[test]
fn an_agent_that_prints_garbage_fails_and_nothing_of_it_reaches_the_terminal() {
    let repo = TestRepo::new();
    repo.program("claude", "printf '\\033[31mhello\\n\\377\\376 world\\n{\"type\":\\n'");
    let (ran, report) = examine(&repo, &["claude"], 1);
    ran.shows_nothing_hostile();
    fails(&report, "version", "it names no version");
    fails(&report, "stream", "3 of 3 lines are not in its format");
    run_command(repo.alone(["doctor", "--agents", "claude"])).exits(1).shows_nothing_hostile();
}

#[test]
fn an_agent_that_hangs_is_ended_whether_it_heeds_signals_or_not() {
    let repo = TestRepo::new();
    repo.link_programs(&["sleep"]);
    repo.program("opencode", "[ \"$1\" = --version ] && { echo 1.0.0; exit 0; }\nsleep 300");
    let stubborn =
        "[ \"$1\" = --version ] && { echo 1.0.0; exit 0; }\ntrap '' TERM INT; sleep 300 & sleep 300";
    repo.program("gemini", stubborn);
    let (_, report) = examine(&repo, &["opencode", "gemini"], 1);
    for agent in ["opencode", "gemini"] {
        let of_agent =
            report["data"].as_array().expect("a list").iter().filter(|check| check["agent"] == agent);
        let end = of_agent.clone().find(|check| check["check"] == "end").expect("a check");
        assert!(end["detail"].as_str().expect("a detail").contains("did not end within 3 s"), "{end:#}");
        assert_eq!(of_agent.filter(|check| check["level"] == "skipped").count(), 9, "{report:#}");
    }
}

#[test]
fn ctrl_c_ends_an_examination_and_leaves_nothing() {
    let repo = TestRepo::new();
    repo.link_programs(&["sleep", "touch"]);
    let there = repo.beside("there");
    let script = format!(
        "[ \"$1\" = --version ] && {{ echo 1.0.0; exit 0; }}\ntrap '' TERM INT; touch '{}'; sleep 300",
        there.display()
    );
    repo.program("pi", &script);
    let running = start_command(repo.alone(["doctor", "--agents", "pi"]));
    wait_until("the agent runs", || there.exists());
    running.signal(libc::SIGINT);
    let ran = running.ends().exits(130);
    assert!(ran.out.contains("interrupted"), "{}", ran.out);
    nothing_is_left(&repo);
}

/// Asks an agent that is a script of ours for one word.
#[track_caller]
fn probe(repo: &TestRepo, agent: &str, exit: i32) -> Ran {
    let ran = run_command(repo.alone(["doctor", "--probe", agent, "--patience", "3", "--json"])).exits(exit);
    nothing_is_left(repo);
    ran
}

#[test]
fn a_probe_tells_what_the_model_answered_and_how_long_it_took() {
    let repo = TestRepo::new();
    // What Claude Code prints, and a word on what it was given.
    repo.program(
        "claude",
        r#"read -r prompt
[ -z "$(ls)" ] && [ "$HOME" != "" ] && case "$prompt $*" in *pong*default*) ;; *) exit 9;; esac
echo '{"type":"system","subtype":"init","session_id":"s","model":"claude-x"}'
echo '{"type":"assistant","message":{"content":[{"type":"text","text":"pong"}]}}'
echo '{"type":"result","subtype":"success","is_error":false,"result":"pong","total_cost_usd":0.25,"usage":{"input_tokens":7,"output_tokens":2}}'"#,
    );
    repo.link_programs(&["ls"]);
    let answer = probe(&repo, "claude", 0).json();
    assert_eq!((&answer["answer"], &answer["model"]), (&json!("pong"), &json!("claude-x")));
    assert_eq!(answer["usage"], json!({"input_tokens": 7, "output_tokens": 2, "cost_usd": 0.25}));
    assert!(
        answer["first_words_millis"].as_u64().expect("a time") <= answer["millis"].as_u64().expect("a time")
    );
    let text = run_command(repo.alone(["doctor", "--probe", "claude"])).exits(0).out;
    assert!(text.contains("answer     pong\n") && text.contains("usage      9 tokens, $0.25"), "{text}");
}

#[test]
fn a_probe_that_fails_says_why_and_what_to_do() {
    let repo = TestRepo::new();
    repo.link_programs(&["sleep"]);
    let error = probe(&repo, "pi", 1).json_error();
    assert_eq!(error["code"], "agent_not_found");
    repo.program("pi", "echo 'No API key found for the selected model.' >&2; exit 1");
    let error = probe(&repo, "pi", 1).json_error();
    assert_eq!(
        (&error["code"], &error["hint"]),
        (&json!("auth_failed"), &json!("sign the agent in, or check its API key"))
    );
    repo.program("pi", "trap '' TERM; sleep 300");
    assert_eq!(probe(&repo, "pi", 1).json_error()["code"], "agent_timeout");
    repo.program("pi", "exit 0");
    assert_eq!(probe(&repo, "pi", 1).json_error()["code"], "protocol_error");
}

#[test]
fn a_probe_refuses_whom_it_cannot_ask() {
    let repo = TestRepo::new();
    let error = probe(&repo, "clade", 2).json_error();
    assert_eq!((&error["code"], &error["hint"]), (&json!("unknown_agent"), &json!("did you mean `claude`?")));
    assert_eq!(probe(&repo, "builtin", 2).json_error()["code"], "no_model");
    repo.program("opencode", "exit 0");
    let command = repo.alone(["doctor", "--json", "--probe", "opencode", "--model", "no-provider"]);
    assert_eq!(run_command(command).exits(2).json_error()["code"], "unsupported");
    run_command(repo.alone(["doctor", "--model", "m"])).exits(2);
    run_command(repo.alone(["doctor", "--probe", "pi", "--agents"])).exits(2);
}
