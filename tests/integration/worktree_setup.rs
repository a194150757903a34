//! What makes a new worktree ready: links to the user's folders, and a command.

use crate::support::{TestRepo, of_kind, start_command, task, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The worktree of a task in the newest run.
fn worktree(repo: &TestRepo, task: &str) -> PathBuf {
    let run = repo.run_folder().file_name().expect("an id").to_owned();
    repo.root.join(".crew/worktrees").join(run).join(task)
}

/// Carries out the workflow `one` with a worktree for each task.
#[track_caller]
fn run(repo: &TestRepo, exit: i32, more: &[&str]) -> Value {
    repo.crew(["run", "g", "--workflow", "one", "--worktree", "--json"].iter().chain(more)).exits(exit).json()
}

/// The paths of a commit's tree.
fn files(repo: &TestRepo, commit: &str) -> Vec<String> {
    repo.git(&["ls-tree", "-r", "--name-only", commit]).lines().map(str::to_owned).collect()
}

/// The commit that was made of a task's work.
fn kept(repo: &TestRepo, task: &str) -> String {
    let events = repo.events();
    let kept = of_kind(&events, "work_kept").into_iter().find(|event| event["task"] == task);
    kept.expect("kept work")["commit"].as_str().expect("a commit").to_owned()
}

#[test]
fn a_linked_folder_is_there_for_the_task_and_in_nobodys_commit() {
    let repo = TestRepo::new();
    // A pattern for folders does not hide a link.
    repo.write(".gitignore", "node_modules/\n");
    repo.commit("ignore");
    repo.write("node_modules/left-pad/index.js", "pad\n");
    repo.write("big file/here", "big\n");
    repo.write(".git/info/exclude", "/big file/\n");
    let ignore = repo.beside("my ignore");
    std::fs::write(&ignore, "*.mine").expect("a file");
    repo.git(&["config", "core.excludesFile", &ignore.display().to_string()]);
    let script = "cat node_modules/left-pad/index.js 'big file/here' >seen; echo x >x.mine\n\
                  git status --porcelain >>seen; git ls-files --others --exclude-standard >>seen";
    repo.workflow("one", "## a\nlink: node_modules, big file\nrun: sh \"$CREW_VAR_script\"");
    let file = repo.beside("script");
    std::fs::write(&file, script).expect("a script");
    run(&repo, 0, &["--set", &format!("vars.script={}", file.display())]);
    let commit = kept(&repo, "a");
    assert_eq!(files(&repo, &commit), [".gitignore", "README.md", "seen"]);
    assert_eq!(repo.git(&["show", &format!("{commit}:seen")]), "pad\nbig\n?? seen\nseen\n");
    let link = std::fs::read_link(worktree(&repo, "a").join("node_modules")).expect("a link");
    assert_eq!(link, repo.root.join("node_modules"));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn what_a_task_makes_in_the_place_of_a_link_is_its_work() {
    let repo = TestRepo::new();
    repo.write("made/by-hand", "mine\n");
    repo.write(".git/info/exclude", "/made/by-hand\n");
    let first = "rm made; mkdir made; echo a >made/by-a";
    repo.workflow(
        "one",
        &format!("## a\nlink: made\nrun: {first}\n\n## b\nlink: made\ndependsOn: a\nrun: echo b >made/by-b"),
    );
    run(&repo, 0, &[]);
    assert_eq!(files(&repo, &kept(&repo, "b")), ["README.md", "made/by-a", "made/by-b"]);
    assert!(
        repo.log("b", 1).contains("crew: link made: the worktree has one of its own"),
        "{}",
        repo.log("b", 1)
    );
    assert_eq!(std::fs::read_to_string(repo.root.join("made/by-hand")).expect("the user's file"), "mine\n");
    assert!(!repo.root.join("made/by-a").exists());
}

#[test]
fn a_folder_that_the_user_does_not_have_is_told_of() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let told = repo
        .crew(["run", "g", "--workflow", "one", "--worktree", "--set", "worktrees.link=target,README.md"])
        .exits(0)
        .err;
    assert!(told.contains("not linked unless it is there by then: target"), "{told}");
    assert!(
        told.contains("not linked, since git tracks it and each worktree has its own: README.md"),
        "{told}"
    );
    assert_eq!(repo.log("a", 1), "crew: link target: there is none in your folder\n");
}

#[test]
fn the_command_of_the_settings_makes_a_worktree_ready_once() {
    let repo = TestRepo::new();
    repo.write(".gitignore", "ready\n");
    repo.commit("ignore");
    let line = "echo \"$CREW_TASK in $(basename \"$PWD\")\" >>ready; git rev-parse --abbrev-ref HEAD; echo x >>\"$HOME/count\"";
    repo.set("worktrees", "setup", json!(line));
    repo.workflow(
        "one",
        "## a\nretries: 1\nrun: cat ready; test -e \"$HOME/again\" || { touch \"$HOME/again\"; exit 1; }",
    );
    let run = run(&repo, 0, &[]);
    assert_eq!(task(&run, "a")["attempts"], 2);
    let id = repo.run_folder().file_name().expect("an id").display().to_string();
    assert_eq!(repo.log("a", 1), format!("crew/{id}/a\na in a\n"));
    assert_eq!(repo.log("a", 2), "a in a\n");
    assert_eq!(std::fs::read_to_string(repo.home.join("count")).expect("a count"), "x\n");
}

#[test]
fn where_the_command_fails_the_task_does_not_begin() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch \"$HOME/began\"");
    let line = "worktrees.setup=echo half >made; echo some words; echo no network >&2; exit 7";
    let run = run(&repo, 1, &["--set", line]);
    let a = task(&run, "a");
    assert_eq!(a["reason"], "the set-up of its worktree (worktrees.setup) failed: exit 7: no network");
    assert_eq!(repo.log("a", 1), "some words\nno network\n");
    assert!(!repo.home.join("began").exists());
    // The worktree is the task's own all the same, and goes as any other does, with what it holds kept.
    let id = repo.run_folder().file_name().expect("an id").display().to_string();
    let shown = repo.crew(["worktree", "list", "--json"]).exits(0).out;
    assert!(shown.contains(&format!("crew/{id}/a")) && !shown.contains("no run here knows"), "{shown}");
    repo.crew(["worktree", "remove", "last", "a", "--branch"]).exits(0);
    assert!(!repo.root.join(".crew/worktrees").join(&id).join("a").exists());
    let kept = repo.git(&["for-each-ref", "--format=%(refname)", "refs/crew/keep/"]);
    assert_eq!(repo.git(&["show", &format!("{}:made", kept.trim())]), "half\n");
}

#[test]
fn who_stops_a_run_does_not_wait_for_the_command() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let line = "touch begun; sleep 300 & sleep 300";
    let mut command = repo.command(["run", "g", "--workflow", "one", "--worktree"]);
    command.env("CREW_WORKTREES_SETUP", line).env("CREW_WORKTREES_SETUP_SECONDS", "3600");
    let crew = start_command(command);
    wait_until("the command has begun", || {
        let runs = std::fs::read_dir(repo.root.join(".crew/worktrees")).into_iter().flatten().flatten();
        runs.map(|run| run.path().join("a/begun")).any(|begun| begun.exists())
    });
    crew.signal(libc::SIGINT);
    crew.ends().exits(130);
    repo.leaves_no_process();
}

#[test]
fn a_projects_command_runs_only_where_the_user_trusts_it() {
    let repo = TestRepo::new();
    let settings = json!({"worktrees": {"enabled": true, "setup": "touch \"$HOME/ran\""}});
    repo.write(".crew/config.json", &settings.to_string());
    repo.workflow("one", "## a\nrun: true");
    let ran = |home: &Path| home.join("ran").exists();
    let told = repo.crew(["run", "g", "--workflow", "one"]).exits(0).err;
    assert!(
        told.contains("worktrees.setup in .crew/config.json has no effect: only you may set it"),
        "{told}"
    );
    assert!(!ran(&repo.home));
    repo.crew(["run", "g", "--workflow", "one", "--trust-project"]).exits(0);
    assert!(ran(&repo.home));
}

// What `reached` holds each setting to.

pub fn enabled_gives_each_task_a_worktree() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch here");
    repo.crew(["run", "g", "--workflow", "one", "--set", "worktrees.enabled=true"]).exits(0);
    assert!(worktree(&repo, "a").join("here").exists() && !repo.root.join("here").exists());
}

pub fn flag_gives_each_task_a_worktree() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch here");
    run(&repo, 0, &[]);
    assert!(worktree(&repo, "a").join("here").exists() && !repo.root.join("here").exists());
}

pub fn folder_holds_the_worktrees() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: pwd");
    for folder in [repo.beside("trees"), repo.root.join(".crew/worktrees/mine")] {
        run(&repo, 0, &["--set", &format!("worktrees.folder={}", folder.display())]);
        let id = repo.run_folder().file_name().expect("an id").to_owned();
        assert_eq!(repo.log("a", 1).trim(), folder.join(id).join("a").display().to_string());
    }
}

pub fn setup_runs_in_a_new_worktree() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: test -e made-ready");
    run(&repo, 1, &[]);
    run(&repo, 0, &["--set", "worktrees.setup=touch made-ready"]);
}

pub fn setup_seconds_end_the_command() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let sets = ["--set", "worktrees.setup=sleep 300", "--set", "worktrees.setup_seconds=1"];
    let run = run(&repo, 1, &sets);
    assert!(
        task(&run, "a")["reason"].as_str().expect("a reason").contains("did not end within 1 s"),
        "{run}"
    );
}

pub fn link_is_made_in_every_worktree() {
    let repo = TestRepo::new();
    repo.write("target/x", "");
    repo.write(".git/info/exclude", "target\n");
    repo.workflow("one", "## a\nrun: test -L target && test -e target/x");
    run(&repo, 1, &[]);
    run(&repo, 0, &["--set", "worktrees.link=target"]);
}

/// A tree that is not committed, and a task that needs all of it.
fn dirty() -> TestRepo {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: test -e new && grep -q Changed README.md");
    repo.write("README.md", "Changed.\n");
    repo.write("new", "");
    repo
}

pub fn include_dirty_setting_begins_from_all_of_it() {
    run(&dirty(), 0, &["--set", "worktrees.include_dirty=true"]);
}

pub fn include_dirty_flag_begins_from_all_of_it() {
    run(&dirty(), 0, &["--include-dirty"]);
}

#[test]
fn a_run_goes_on_in_the_worktrees_that_it_has_although_the_settings_name_another_folder() {
    let repo = TestRepo::new();
    repo.workflow(
        "one",
        "## a\nrun: pwd; test -e here && exit 0; touch here; echo x >>\"$HOME/begun\"; sleep 300",
    );
    let folder = repo.beside("trees").display().to_string();
    let crew = repo.start([
        "run",
        "g",
        "--workflow",
        "one",
        "--worktree",
        "--set",
        &format!("worktrees.folder={folder}"),
    ]);
    wait_until("the task has begun", || repo.home.join("begun").exists());
    crew.signal(libc::SIGINT);
    crew.ends().exits(130);
    repo.crew(["resume", "last"]).exits(0);
    assert!(repo.log("a", 2).starts_with(&folder), "{}", repo.log("a", 2));
}
