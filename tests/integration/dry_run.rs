//! `crew run --dry-run`: everything is shown, nothing is started and nothing is written.

use crate::support::{FAKE_AGENT, TestRepo, run_command, task};
use serde_json::json;

const STEPS: &str = "## prepare\nrun: echo \"it's\" ready > ran\naction: deploy\n\n## work\nrole: executor\nagent: mine\ndependsOn: prepare\nverify: touch ran\ngate: plan, after\n\nReach {goal} in {place}.\n\n## look\nrole: reviewer\nagent: builtin\ndependsOn: prepare, work\n\nLook.";

fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.agent_with("mine", "touch:ran submit:done", json!({"prompt": "stdin"}));
    repo.workflow("three", STEPS);
    repo
}

fn everything_below(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        found.push(entry.path().display().to_string());
        if entry.file_type().expect("a type").is_dir() {
            found.extend(everything_below(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_writes_nothing_and_starts_nothing() {
    let repo = repo();
    let home = repo.home.parent().expect("a parent").to_owned();
    let before = everything_below(&home);
    for args in [vec!["--workflow", "three"], vec!["--workflow", "three", "--json"], vec!["--team", "review"]]
    {
        let run = ["run", "the goal", "--dry-run", "--set", "vars.place=the tree"];
        repo.crew(run.iter().chain(&args)).exits(0);
    }
    assert_eq!(everything_below(&home), before);
    assert!(!repo.root.join(".crew").exists());
}

#[test]
fn a_dry_run_shows_the_graph_the_prompts_and_the_command_lines() {
    let repo = repo();
    let ran = repo
        .crew(["run", "the goal", "--workflow", "three", "--dry-run", "--set", "vars.place=the tree"])
        .exits(0);
    let out = &ran.out;
    assert!(
        out.starts_with(
            "three team  three workflow  3 tasks  up to 4 at once  (dry run: nothing is started)\n"
        ),
        "{out}"
    );
    let row = |first: &str| {
        let line = out.lines().find(|line| line.split_whitespace().next() == Some(first));
        line.unwrap_or_else(|| panic!("no row {first} in {out}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("task"), "task role agent gates after");
    assert_eq!(row("prepare"), "prepare command sh before -");
    assert_eq!(row("work"), "work executor mine plan, after prepare");
    assert_eq!(row("look"), "look reviewer builtin - prepare, work");
    assert!(out.contains("\n== prepare\n$ /bin/sh -c 'echo \"it'\\''s\" ready > ran'\n"), "{out}");
    assert!(out.contains(&format!("\n== work\n$ {FAKE_AGENT} touch:ran submit:done --\n")), "{out}");
    assert!(out.contains("    Reach the goal in the tree.\n"), "{out}");
    assert!(out.contains("    - crew runs `touch ran` afterwards; it has to exit with 0.\n"), "{out}");
    let line = out.lines().find(|line| line.ends_with(" builtin-agent reviewer")).expect("a command line");
    assert!(line.starts_with("$ /"), "{line}");
    assert!(ran.err.is_empty(), "{}", ran.err);
}

#[test]
fn a_command_line_that_is_shown_can_be_typed() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: printf '%s|' \"it's\" 'two  words' $((1+1)) \"\"");
    let out = repo.crew(["run", "g", "--workflow", "one", "--dry-run"]).exits(0).out;
    let line = out.lines().find_map(|line| line.strip_prefix("$ ")).expect("a command line").to_owned();
    let mut shell = repo.plain("/bin/sh");
    shell.args(["-c", &line]);
    assert_eq!(run_command(shell).exits(0).out, "it's|two  words|2||");
}

#[test]
fn a_dry_run_as_data_has_the_same_facts() {
    let repo = repo();
    let plan = repo
        .crew(["run", "the goal", "--workflow", "three", "--dry-run", "--json", "--jobs", "3", "--fail-fast"])
        .exits(0)
        .json();
    let keys: Vec<&String> = plan.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["base", "limits", "notes", "tasks", "team", "workflow"]);
    assert_eq!(plan["base"], json!(null));
    assert_eq!(plan["limits"], json!({"jobs": 3, "fail_fast": true}));
    assert_eq!((&plan["team"], &plan["workflow"]), (&json!("three"), &json!("three")));
    let prepare = json!({
        "id": "prepare", "role": "command", "agent": "sh", "depends_on": [], "prompt": null,
        "gates": ["before"], "worktree": false, "link": [], "command": ["/bin/sh", "-c", "echo \"it's\" ready > ran"],
    });
    assert_eq!(*task(&plan, "prepare"), prepare);
    let work = task(&plan, "work");
    assert_eq!(work["command"], json!([FAKE_AGENT, "touch:ran", "submit:done", "--"]));
    assert_eq!(work["depends_on"], json!(["prepare"]));
    // What no variable fills stays as it stands.
    assert!(work["prompt"].as_str().expect("a prompt").contains("Reach the goal in {place}."), "{work}");
}

#[test]
fn a_dry_run_says_which_agent_would_work_where_none_is_installed() {
    let repo = TestRepo::new();
    let ran = run_command(repo.alone(["run", "g", "--team", "review", "--dry-run"])).exits(0);
    assert!(ran.out.contains("no agent CLI is installed here: the built-in agent works"), "{}", ran.out);
    let plan =
        run_command(repo.alone(["run", "g", "--team", "review", "--dry-run", "--json"])).exits(0).json();
    assert_eq!(plan["notes"].as_array().expect("notes").len(), 1);
    assert!(plan["tasks"].as_array().expect("tasks").iter().all(|task| task["agent"] == "builtin"));
}

#[test]
fn a_dry_run_of_something_wrong_ends_like_the_run_would() {
    let repo = TestRepo::new();
    repo.crew(["run", "g", "--team", "reveiw", "--dry-run"]).exits(4);
    repo.crew(["run", "g", "--agent", "builtin", "--dry-run"]).exits(2);
    repo.crew(["run", "", "--dry-run"]).exits(2);
    assert!(!repo.root.join(".crew").exists());
}

#[test]
fn hostile_words_in_a_task_are_shown_harmless() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nRed \u{1b}[31m and \u{202e}back\u{7}.");
    repo.crew(["run", "a \u{1b}]0;title\u{7} goal", "--workflow", "one", "--dry-run"])
        .exits(0)
        .shows_nothing_hostile();
}
