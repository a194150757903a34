//! Mistakes that programs of this kind make again and again, as far as no other test looks for them.

use crate::support::{TestRepo, of_kind, processes_with, task};
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;

/// Kills a crew whose agent waits, and returns what it waits for.
fn killed(repo: &TestRepo) -> std::path::PathBuf {
    let gate = repo.gate("hang");
    repo.one_step("", &format!("1?wait-gone:{} 1?exit:0 submit:done", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    running.kill();
    gate
}

fn store(repo: &TestRepo) -> rusqlite::Connection {
    rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store")
}

#[test]
#[cfg(target_os = "linux")]
fn a_stranger_who_was_given_the_pid_of_a_dead_agent_is_left_alone() {
    let repo = TestRepo::new();
    killed(&repo);
    repo.open("hang");
    repo.leaves_no_process();
    let mut stranger = repo.plain("sleep").arg("300").process_group(0).spawn().expect("a stranger");
    let sql = "UPDATE events SET data = json_set(data, '$.process.pid', ?) WHERE kind = 'process_started'";
    assert_eq!(store(&repo).execute(sql, [stranger.id()]), Ok(1));
    let events = repo.events();
    assert_eq!(of_kind(&events, "process_started")[0]["process"]["pid"], stranger.id());
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 2);
    assert_eq!(stranger.try_wait().expect("it is ours"), None, "the stranger was ended");
    stranger.kill().expect("it is ours");
    stranger.wait().expect("it ends");
}

/// All that a run has on the disk, and all that is recorded.
fn everything(repo: &TestRepo) -> BTreeMap<String, Vec<u8>> {
    let mut seen = BTreeMap::new();
    let mut folders = vec![repo.root.join(".crew/runs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
            if kind.is_dir() {
                folders.push(path);
            } else {
                let content = if kind.is_file() { std::fs::read(&path).expect("a file") } else { Vec::new() };
                seen.insert(path.display().to_string(), content);
            }
        }
    }
    let store = store(repo);
    for table in ["runs", "events", "tasks", "attempts", "artifacts", "gates"] {
        let mut statement = store.prepare(&format!("SELECT * FROM {table}")).expect("a table");
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((0..columns).map(|at| format!("{:?} ", row.get_ref(at).expect("a value"))).collect::<String>())
        };
        let rows: Vec<String> = statement.query_map([], row).expect("rows").flatten().collect();
        seen.insert(table.to_owned(), rows.join("\n").into_bytes());
    }
    seen
}

#[test]
fn who_only_looks_changes_nothing_of_an_interrupted_run_and_ends_nobody() {
    let repo = TestRepo::new();
    let gate = killed(&repo);
    let before = everything(&repo);
    for words in [
        &["status"][..],
        &["status", "last"],
        &["status", "last", "--json"],
        &["events", "last"],
        &["logs", "last"],
        &["artifacts", "last"],
        &["gates", "--all"],
        &["worktree"],
        &["diff", "last"],
        &["restore"],
        &["list"],
    ] {
        let ran = repo.crew(words);
        assert!(ran.exit == 0, "{words:?}: {ran:?}");
        let after = everything(&repo);
        let changed: Vec<_> = before.iter().filter(|(name, was)| after.get(*name) != Some(was)).collect();
        assert!(changed.is_empty() && after.len() == before.len(), "{words:?} changed {changed:?}");
    }
    if Path::new("/proc/self/environ").exists() {
        assert!(!processes_with(&gate).is_empty(), "the agent of the dead crew was ended");
    }
    repo.open("hang");
    repo.leaves_no_process();
}

#[test]
fn whoever_is_refused_leaves_the_run_to_its_owner() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("", &format!("wait-gone:{} submit:done", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    for _ in 0..3 {
        repo.crew(["resume", "last"]).exits(4);
        assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["status"], json!("running"));
    }
    repo.open("hang");
    running.ends().exits(0);
    assert_eq!(of_kind(&repo.events(), "dispatcher_started").len(), 1);
}
