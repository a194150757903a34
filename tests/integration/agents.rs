//! `crew agents list`, with programs of ours under the names of the agent CLIs.

use crate::support::{TestRepo, run_command};
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
