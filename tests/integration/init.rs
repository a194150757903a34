//! `crew init`: what it makes, and what it leaves alone.

use crate::support::TestRepo;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

const MADE: [&str; 5] = [
    ".crew/.gitignore",
    ".crew/config.json",
    ".crew/agents/example.md",
    ".crew/teams/example.team.md",
    ".crew/workflows/example.workflow.md",
];

/// Every file below `.crew` that is no state, with its content and when it was last written.
fn files(root: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    MADE.iter()
        .filter_map(|path| {
            let content = std::fs::read(root.join(path)).ok()?;
            let changed =
                std::fs::metadata(root.join(path)).and_then(|meta| meta.modified()).expect("a time");
            Some(((*path).to_owned(), (content, changed)))
        })
        .collect()
}

#[test]
fn init_makes_examples_that_are_valid_and_work() {
    let repo = TestRepo::new();
    let made = repo.crew(["init", "--json"]).exits(0).json();
    assert_eq!(made, json!({"made": MADE}));
    repo.crew(["validate"]).exits(0);
    let list = repo.crew(["list"]).exits(0).out;
    assert_eq!(list.lines().filter(|line| line.contains("example")).count(), 3, "{list}");
    // What it says to type next works.
    repo.agent("good", "submit:notes");
    repo.crew(["run", "g", "--workflow", "example", "--dry-run", "--trust-project", "--agent", "good"])
        .exits(0);
    repo.crew(["run", "g", "--workflow", "example", "--trust-project", "--agent", "good"]).exits(0);
}

#[test]
fn a_second_init_changes_nothing() {
    let repo = TestRepo::new();
    let first = repo.crew(["init"]).exits(0);
    assert!(MADE.iter().all(|path| first.out.contains(&format!("made  {path}"))), "{}", first.out);
    let before = files(&repo.root);
    assert_eq!(before.len(), MADE.len());
    let second = repo.crew(["init"]).exits(0);
    assert_eq!(second.out, "everything is there already; nothing was changed\n");
    assert_eq!(files(&repo.root), before);
    assert_eq!(repo.crew(["init", "--json"]).exits(0).json(), json!({"made": []}));
}

#[test]
fn init_never_overwrites_a_file() {
    for path in MADE {
        let repo = TestRepo::new();
        repo.write(path, "mine\n");
        repo.crew(["init"]).exits(0);
        assert_eq!(std::fs::read_to_string(repo.root.join(path)).expect("a file"), "mine\n", "{path}");
        assert_eq!(files(&repo.root).len(), MADE.len(), "the others are made");
    }
}

#[test]
fn init_does_not_replace_a_link_either() {
    let repo = TestRepo::new();
    std::fs::create_dir_all(repo.root.join(".crew")).expect("a folder");
    let link = repo.root.join(".crew/config.json");
    std::os::unix::fs::symlink("../not-checked-out/config.json", &link).expect("a link");
    repo.crew(["init"]).exits(0);
    assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
}

#[test]
fn resources_are_tracked_and_state_is_ignored() {
    let repo = TestRepo::new();
    repo.crew(["init"]).exits(0);
    repo.write(".crew/agents/deep/er.md", "not read, but tracked\n");
    repo.write(".crew/skills/mine/SKILL.md", "a skill\n");
    repo.write(".crew/baseline.json", "{}\n");
    let untracked = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    let mut shown: Vec<&str> = untracked.lines().map(|line| line.trim_start_matches("?? ")).collect();
    shown.sort_unstable();
    let mut expected = MADE.to_vec();
    expected.extend([".crew/agents/deep/er.md", ".crew/skills/mine/SKILL.md", ".crew/baseline.json"]);
    expected.sort_unstable();
    assert_eq!(shown, expected);
    repo.commit("crew");
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one", "--worktree"]).exits(0);
    assert!(repo.root.join(".crew/crew.db").exists() && repo.root.join(".crew/worktrees").exists());
    assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=all"]), "");
    repo.git(&["add", "-A"]);
    assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "", "state is not added");
}

#[test]
fn a_run_before_init_keeps_git_clean_and_init_takes_over() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=all"]), "");
    let made = repo.crew(["init", "--json"]).exits(0).json();
    assert_eq!(made, json!({"made": MADE}));
    let untracked = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(untracked.lines().count(), MADE.len(), "{untracked}");
    // The run is still known.
    assert_eq!(repo.crew(["status", "--json"]).exits(0).json()["meta"]["total"], 1);
}

#[test]
fn a_run_does_not_replace_what_is_ignored() {
    let repo = TestRepo::new();
    repo.write(".crew/.gitignore", "mine\n");
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    assert_eq!(std::fs::read_to_string(repo.root.join(".crew/.gitignore")).expect("a file"), "mine\n");
}

#[test]
fn init_from_a_folder_inside_works_on_the_whole_repository() {
    let repo = TestRepo::new();
    repo.write("src/deep/file.txt", "x\n");
    let mut command = repo.command(["init"]);
    command.current_dir(repo.root.join("src/deep"));
    crate::support::run_command(command).exits(0);
    assert_eq!(files(&repo.root).len(), MADE.len());
    assert!(!repo.root.join("src/deep/.crew").exists());
}
