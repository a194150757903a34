//! `crew doctor`: each check is broken once, and has to see it.

use crate::support::{Ran, TestRepo, processes_with, run_command, wait_until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Runs doctor as text and as JSON; both have to end in the same way.
#[track_caller]
fn doctor(repo: &TestRepo, exit: i32) -> (Ran, Value) {
    let text = run_command(repo.alone(["doctor"])).exits(exit);
    let json = run_command(repo.alone(["doctor", "--json"])).exits(exit).json();
    let failed = text.out.lines().filter(|line| line.ends_with("FAIL")).count();
    assert_eq!(json["meta"]["failed"], failed, "{}", text.out);
    assert_eq!(failed > 0, exit == 1, "{}", text.out);
    (text, json)
}

#[track_caller]
fn check<'a>(json: &'a Value, name: &str) -> &'a Value {
    let found = json["data"].as_array().expect("a list").iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {json:#}"))
}

/// Asserts that one check alone failed, with words of its detail and a hint.
#[track_caller]
fn only_fails(repo: &TestRepo, name: &str, words: &str) {
    let (text, json) = doctor(repo, 1);
    let failed = check(&json, name);
    assert_eq!(failed["level"], "fail", "{json:#}");
    assert!(failed["detail"].as_str().expect("a detail").contains(words), "{failed:#}");
    assert!(failed["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{failed:#}");
    assert_eq!(json["meta"]["failed"], 1, "{json:#}");
    let line = text.out.lines().find(|line| line.starts_with(name)).expect("a line");
    assert!(line.contains(words) && line.ends_with("FAIL"), "{line}");
    assert!(text.err.contains("hint: "), "{}", text.err);
}

fn with_a_run(repo: &TestRepo) {
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
}

#[test]
fn a_whole_machine_passes() {
    let repo = TestRepo::new();
    repo.program("claude", "echo '2.1.329 (Claude Code)'");
    let (text, json) = doctor(&repo, 0);
    for name in ["git", "store", "settings", "resources", "agents"] {
        assert_eq!(check(&json, name)["level"], "ok", "{json:#}");
    }
    assert!(check(&json, "git")["detail"].as_str().expect("a version").starts_with(char::is_numeric));
    assert!(check(&json, "disk")["detail"].as_str().expect("space").ends_with(" free"));
    let agents = check(&json, "agents")["detail"].as_str().expect("agents").to_owned();
    assert!(agents.starts_with("claude 2.1.329") && agents.contains(" · codex - · "), "{agents}");
    assert!(check(&json, "store")["detail"].as_str().expect("a store").contains("not there yet"));
    assert!(text.out.lines().count() >= 6, "{}", text.out);
    assert!(!repo.root.join(".crew").exists(), "doctor makes nothing");
    with_a_run(&repo);
    let (_, json) = doctor(&repo, 0);
    let store = check(&json, "store")["detail"].as_str().expect("a store").to_owned();
    assert!(store.starts_with(".crew/crew.db  schema ") && store.contains("  1 run  "), "{store}");
}

#[test]
fn agents_that_are_signed_in_are_told_from_those_that_are_not() {
    let repo = TestRepo::new();
    repo.program("codex", "echo codex-cli 0.169.0");
    repo.program("pi", "echo 0.74.2 >&2");
    std::fs::create_dir_all(repo.home.join(".codex")).expect("a folder");
    std::fs::write(repo.home.join(".codex/auth.json"), r#"{"tokens": {"id": "a-secret"}}"#).expect("a file");
    let (text, json) = doctor(&repo, 0);
    let agents = check(&json, "agents")["detail"].as_str().expect("agents").to_owned();
    assert!(agents.contains("codex 0.169.0 signed in · "), "{agents}");
    assert!(agents.contains("pi 0.74.2 not signed in · "), "{agents}");
    assert!(!text.out.contains("a-secret"), "{}", text.out);
}

#[test]
fn a_machine_without_any_agent_is_warned_about_and_passes() {
    let repo = TestRepo::new();
    let (_, json) = doctor(&repo, 0);
    assert_eq!(check(&json, "agents")["level"], "warn");
    assert!(check(&json, "agents")["hint"].as_str().expect("a hint").contains("does not write code"));
}

#[test]
fn git_that_is_not_there_is_a_failure() {
    let repo = TestRepo::new();
    repo.link_programs(&["sh"]);
    let mut command = repo.command(["doctor", "--json"]);
    command.env("PATH", repo.programs());
    let json = run_command(command).exits(1).json();
    assert_eq!(check(&json, "git")["level"], "fail");
    assert!(check(&json, "git")["hint"].as_str().expect("a hint").contains("install git"), "{json:#}");
    assert_eq!(json["meta"]["failed"], 1, "{json:#}");
}

#[test]
fn a_store_that_is_not_a_database_is_a_failure_and_stays_as_it_is() {
    let repo = TestRepo::new();
    with_a_run(&repo);
    let path = repo.root.join(".crew/crew.db");
    for garbage in [b"this was never a database, whatever its name says".to_vec(), vec![0; 8192]] {
        std::fs::write(&path, &garbage).expect("garbage");
        let (_, json) = doctor(&repo, 1);
        assert_eq!(check(&json, "store")["level"], "fail", "{json:#}");
        assert_eq!(std::fs::read(&path).expect("the file"), garbage, "nothing is deleted to repair it");
    }
}

#[test]
fn a_store_with_a_damaged_page_is_a_failure() {
    let repo = TestRepo::new();
    with_a_run(&repo);
    let path = repo.root.join(".crew/crew.db");
    let mut bytes = std::fs::read(&path).expect("the store");
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    // Every page but the first, which says what kind of file it is.
    bytes[page..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).expect("damage");
    let (_, json) = doctor(&repo, 1);
    assert_eq!(check(&json, "store")["level"], "fail", "{json:#}");
}

#[test]
fn a_store_of_a_newer_crew_is_a_failure_and_is_not_written() {
    let repo = TestRepo::new();
    with_a_run(&repo);
    let database = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    database.pragma_update(None, "user_version", 9_999).expect("a version");
    drop(database);
    only_fails(&repo, "store", "newer crew");
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(4);
    assert!(ran.err.contains("newer") && ran.err.contains("hint: update crew"), "{}", ran.err);
    let error = repo.crew(["run", "g", "--workflow", "one", "--json"]).exits(4).json_error();
    assert_eq!(error["code"], "newer_store");
}

#[test]
fn bad_settings_are_a_failure() {
    let repo = TestRepo::new();
    let user = repo.put_user("config.json", r#"{"limits": {"jobs": 0}}"#);
    only_fails(&repo, "settings", &format!("{}: limits.jobs has to be", user.display()));
    repo.put_user("config.json", "{");
    only_fails(&repo, "settings", "not a JSON object");
    repo.put_user("config.json", r#"{"agents": {"mine": {"command": "{prompt}"}}}"#);
    only_fails(&repo, "settings", "agents.mine");
}

#[test]
fn a_setting_of_the_project_without_effect_is_a_warning() {
    let repo = TestRepo::new();
    repo.write(".crew/config.json", r#"{"limits": {"jobs": 1024}}"#);
    let (_, json) = doctor(&repo, 0);
    assert_eq!(check(&json, "settings")["level"], "warn");
    assert!(check(&json, "settings")["hint"].as_str().expect("a hint").contains("limits.jobs"));
}

#[test]
fn a_bad_resource_is_a_failure_with_its_place() {
    let repo = TestRepo::new();
    repo.write(".crew/agents/bad.md", "---\ndescription: x\ntool: read\n---\nYou.\n");
    only_fails(&repo, "resources", ".crew/agents/bad.md:3");
    let (text, _) = doctor(&repo, 1);
    assert!(text.err.contains("crew validate"), "{}", text.err);
}

#[test]
fn an_agent_that_does_not_run_is_a_failure() {
    let repo = TestRepo::new();
    repo.program("claude", "echo broken >&2; exit 7");
    repo.program("codex", "echo codex-cli 0.169.0");
    only_fails(&repo, "agents", "claude does not run: ");
    let (text, _) = doctor(&repo, 1);
    assert!(text.out.contains("codex 0.169.0"), "{}", text.out);
}

#[test]
fn an_agent_that_hangs_is_a_failure_and_is_not_left_behind() {
    let repo = TestRepo::new();
    repo.link_programs(&["sleep"]);
    repo.program("codex", "trap '' TERM; sleep 300 & sleep 300");
    let json = run_command(repo.alone(["doctor", "--json"])).exits(1).json();
    assert_eq!(check(&json, "agents")["level"], "fail", "{json:#}");
    let detail = check(&json, "agents")["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains("codex does not run: no version within"), "{detail}");
    let folder = repo.programs();
    wait_until("nothing is left", || processes_with(&folder).is_empty());
}

#[test]
fn an_agent_that_prints_escape_sequences_for_a_version_is_not_obeyed() {
    let repo = TestRepo::new();
    repo.program("claude", "printf '\\033[31m1.0\\033]0;title\\007\\342\\200\\256\\n'");
    let (text, json) = doctor(&repo, 0);
    text.shows_nothing_hostile();
    assert_eq!(check(&json, "agents")["level"], "ok");
}

#[test]
fn an_agent_of_the_settings_is_looked_for_and_not_started() {
    let repo = TestRepo::new();
    repo.put_user("config.json", &json!({"agents": {"mine": {"command": "my-agent"}}}).to_string());
    let (_, json) = doctor(&repo, 0);
    assert!(check(&json, "agents")["detail"].as_str().expect("a detail").contains("mine -"), "{json:#}");
    // Nobody knows how such a program is asked for its version, and what it does instead.
    repo.program("my-agent", "echo started >\"$HOME/started\"; exit 3");
    let (_, json) = doctor(&repo, 0);
    assert_eq!(check(&json, "agents")["level"], "ok");
    assert!(check(&json, "agents")["detail"].as_str().expect("a detail").contains("mine found"), "{json:#}");
    assert!(!repo.home.join("started").exists());
}

#[test]
fn a_folder_for_runs_that_cannot_be_written_is_a_failure() {
    let repo = TestRepo::new();
    with_a_run(&repo);
    let runs = repo.root.join(".crew/runs");
    std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o555)).expect("permissions");
    // The system's first user writes everywhere.
    let refused = std::fs::write(runs.join("probe"), "").is_err();
    if refused {
        only_fails(&repo, "store", ".crew/runs cannot be written");
    }
    std::fs::set_permissions(&runs, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    // Where it is not a folder at all, nobody can write into it.
    std::fs::rename(&runs, repo.root.join("moved")).expect("it moves");
    std::fs::write(&runs, "a file").expect("a file");
    only_fails(&repo, "store", ".crew/runs cannot be written");
}

#[test]
fn a_list_of_trust_that_cannot_be_read_is_a_failure() {
    let repo = TestRepo::new();
    repo.put_user("trusted.json", "[");
    let (_, json) = doctor(&repo, 1);
    assert_eq!(check(&json, "trust")["level"], "fail", "{json:#}");
}

#[test]
fn a_folder_outside_of_any_repository_is_a_failure() {
    let repo = TestRepo::new();
    let mut command: Command = repo.alone(["doctor"]);
    command.current_dir("/");
    let ran = run_command(command).exits(1);
    let line = ran.out.lines().find(|line| line.starts_with("repository")).expect("a line");
    assert!(line.contains("is not in a git repository") && line.ends_with("FAIL"), "{line}");
    assert!(ran.err.contains("hint: git init"), "{}", ran.err);
}

#[test]
fn a_lock_that_a_killed_git_has_left_is_warned_about_and_one_that_is_held_is_not() {
    let repo = TestRepo::new();
    with_a_run(&repo);
    let lock = repo.root.join(".git/index.lock");
    let file = std::fs::File::create(&lock).expect("a lock");
    let (_, json) = doctor(&repo, 0);
    assert!(!json.to_string().contains("index.lock"), "{json:#}");
    let hour = std::time::Duration::from_secs(3600);
    file.set_modified(std::time::SystemTime::now() - hour).expect("an age");
    let (_, json) = doctor(&repo, 0);
    let found = check(&json, "locks");
    assert_eq!(found["level"], "warn");
    assert!(found["detail"].as_str().is_some_and(|detail| detail.ends_with("/.git/index.lock")), "{found}");
    let hint = found["hint"].as_str().expect("a hint").to_owned();
    let command = hint.split(": ").nth(1).expect("a command").to_owned();
    let mut shell = repo.plain("sh");
    shell.args(["-c", &command]);
    run_command(shell).exits(0);
    let (_, json) = doctor(&repo, 0);
    assert!(!json.to_string().contains("\"locks\""), "{json:#}");
}

#[test]
fn a_reference_of_a_run_that_no_record_knows_is_warned_about() {
    let repo = TestRepo::new();
    repo.agent("fake", "touch:made submit:done");
    repo.workflow("w", "## a\nrole: executor\nagent: fake\nverify: exit 1\n\nDo it.");
    repo.run_json("w", 1);
    let (_, json) = doctor(&repo, 0);
    assert!(!json.to_string().contains("\"references\""), "{json:#}");
    let kept = repo.git(&["for-each-ref", "--format=%(refname)", "refs/crew"]);
    assert!(!kept.trim().is_empty(), "the work was kept");
    std::fs::remove_dir_all(repo.root.join(".crew")).expect("the folder");
    let (_, json) = doctor(&repo, 0);
    let found = check(&json, "references");
    assert!(
        found["level"] == "warn"
            && found["detail"].as_str().is_some_and(|detail| detail.contains(kept.trim())),
        "{found}"
    );
    assert!(
        found["hint"].as_str().is_some_and(|hint| hint.contains("git update-ref -d refs/crew/keep/")),
        "{found}"
    );
}
