//! A task whose work tree is being made, which takes minutes where a filter of the user's is slow: whoever stops it is not
//! kept waiting for that, and what was made of it is gone or put right.

use crate::support::{Running, Sweep, TestRepo, of_kind, processes_with, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A repository whose only large file is checked out as soon as a gate is open.
fn slow(repo: &TestRepo) -> PathBuf {
    let gate = repo.gate("filter");
    let script = format!("touch '{0}.on'; while [ -e '{0}' ]; do sleep 0.02; done; exec cat", gate.display());
    repo.git(&["config", "filter.slow.smudge", &script]);
    repo.git(&["config", "filter.slow.clean", "cat"]);
    repo.write(".gitattributes", "big filter=slow\n");
    repo.write("big", "large\n");
    repo.commit("a large file");
    repo.agent("fake", "touch:did submit:done");
    repo.workflow(
        "w",
        "## work\nrole: executor\nagent: fake\nworktree: true\n\nDo it.\n\n## beside\nrun: true\n",
    );
    gate
}

fn wait_for_filter(gate: &Path) {
    let on = PathBuf::from(format!("{}.on", gate.display()));
    wait_until("files are checked out", || on.exists());
    std::fs::remove_file(on).expect("it is there");
}

fn state(repo: &TestRepo) -> Value {
    let run = repo.crew(["status", "last", "--json"]).exits(0).json();
    json!([run["status"], run["tasks"][0]["state"]])
}

fn trees(repo: &TestRepo) -> usize {
    repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count() - 1
}

/// Nothing of the work tree is left, and no git works on it.
#[track_caller]
fn nothing_is_left(repo: &TestRepo, gate: &Path) {
    assert_eq!(processes_with(gate), Vec::<String>::new());
    assert_eq!(trees(repo), 0);
    assert_eq!(repo.git(&["branch", "--list", "crew/*"]), "");
    assert!(!repo.root.join(".crew/worktrees").read_dir().is_ok_and(|mut inside| inside.next().is_some()));
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

fn start(repo: &TestRepo, args: &[&str], gate: &Path) -> Running {
    let running = repo.start(args);
    wait_for_filter(gate);
    running
}

#[test]
fn whoever_stops_it_waits_for_no_git_and_the_next_one_makes_it_whole() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = slow(&repo);
    let running = start(&repo, &["run", "the goal", "--workflow", "w", "--json"], &gate);
    running.signal(libc::SIGTERM);
    running.ends().exits(130);
    nothing_is_left(&repo, &gate);
    assert_eq!(state(&repo)[0], "interrupted");

    // A task, by another process.
    let running = start(&repo, &["resume", "last"], &gate);
    repo.crew(["cancel", "last", "work"]).exits(0);
    running.ends().exits(1);
    nothing_is_left(&repo, &gate);
    assert_eq!(state(&repo)[1], "cancelled");

    // What a dead one has left is found by its marks.
    repo.crew(["requeue", "last", "work"]).exits(0);
    start(&repo, &["resume", "last"], &gate).kill();
    assert!(!processes_with(&gate).is_empty() || !cfg!(target_os = "linux"), "git goes on alone");
    repo.crew(["cancel", "last"]).exits(0);
    nothing_is_left(&repo, &gate);

    // Or is put right by whoever goes on.
    repo.crew(["requeue", "last", "work"]).exits(0);
    start(&repo, &["resume", "last"], &gate).kill();
    assert_eq!(trees(&repo), 1);
    let doctor = repo.crew(["doctor"]);
    assert!(!doctor.out.contains("that no run here knows"), "{}", doctor.out);
    repo.open("filter");
    repo.crew(["resume", "last"]).exits(0);
    assert_eq!(state(&repo), json!(["completed", "completed"]));
    let branch = repo.git(&["branch", "--list", "--format=%(refname)", "crew/*"]);
    assert_eq!(repo.git(&["show", &format!("{}:big", branch.trim())]), "large\n");
    assert_eq!(
        repo.git(&["for-each-ref", "refs/crew/keep"]),
        "",
        "nothing was lost, so nothing had to be held"
    );
    repo.leaves_no_process();
}

#[test]
fn a_result_from_a_work_tree_that_did_not_come_into_the_record_is_taken_up() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = slow(&repo);
    let running = start(&repo, &["run", "the goal", "--workflow", "w"], &gate);
    repo.wait_for_event("nobody else is at work", |event| {
        event["kind"] == "attempt_ended" && event["task"] == "beside"
    });
    let inbox = repo.run_folder().join("inbox");
    // From here on crew gets nothing into the record. Its child is started as soon as its work tree is ready.
    let holder = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    holder.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    repo.open("filter");
    let asks = |name: std::ffi::OsString| name.to_string_lossy().ends_with(".request");
    wait_until("the agent hands in", || {
        inbox.read_dir().expect("the inbox").flatten().any(|entry| asks(entry.file_name()))
    });
    running.kill();
    drop(holder);
    repo.crew(["resume", "last"]).exits(0);
    assert_eq!(state(&repo), json!(["completed", "completed"]));
    let events = repo.events();
    let of_work = |kind: &str| of_kind(&events, kind).iter().filter(|event| event["task"] == "work").count();
    assert_eq!((of_work("attempt_started"), of_work("worktree_added")), (1, 1), "{events:#?}");
    let branch = repo.git(&["branch", "--list", "--format=%(refname)", "crew/*"]);
    repo.git(&["cat-file", "-e", &format!("{}:did", branch.trim())]);
    repo.leaves_no_process();
}
