//! The record of a run: what the commands show of it, what lies in its folder, and what happens to a store that is not
//! as it should be.

use crate::support::{TestRepo, of_kind, task, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Carries out a run of an agent step and a command step.
fn a_run() -> TestRepo {
    let repo = TestRepo::new();
    repo.agent("fake", "say:thinking submit:drawn");
    repo.workflow(
        "two",
        "## map\nrole: explorer\nagent: fake\n\nDraw a map.\n\n## test\nrun: echo tested\ndependsOn: map\n",
    );
    repo.run_json("two", 0);
    repo
}

fn id_of_last(repo: &TestRepo) -> String {
    repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned()
}

// Status

#[test]
fn status_lists_the_newest_runs_first() {
    let repo = a_run();
    let first = id_of_last(&repo);
    repo.workflow("fails", "## a\nrun: false\n");
    repo.crew(["run", "another goal", "--workflow", "fails"]).exits(1);
    let second = id_of_last(&repo);
    let listed = repo.crew(["status", "--json"]).exits(0).json();
    let runs: Vec<_> =
        listed["data"].as_array().expect("a list").iter().map(|run| run["id"].clone()).collect();
    assert_eq!(runs, [json!(second), json!(first)]);
    assert_eq!(listed["meta"], json!({"count": 2, "total": 2, "pruned": 0}));
    assert_eq!(listed["data"][0]["status"], "failed");
    assert_eq!(listed["data"][0]["goal"], "another goal");
    assert_eq!((&listed["data"][1]["tasks"], &listed["data"][1]["settled"]), (&json!(2), &json!(2)));
    let shown = repo.crew(["status"]).exits(0);
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(lines[1].contains("failed") && lines[1].contains("another goal"), "{}", shown.out);
    assert!(lines[2].contains("completed") && lines[2].contains("2/2"), "{}", shown.out);
    let one = repo.crew(["status", "-n", "1"]).exits(0);
    assert!(one.err.contains("1 run older"), "{}", one.err);
}

#[test]
fn status_shows_each_task_of_a_run() {
    let repo = a_run();
    let id = id_of_last(&repo);
    let run = repo.crew(["status", &id[..6], "--json"]).exits(0).json();
    assert_eq!(
        (&run["id"], &run["status"], &run["goal"]),
        (&json!(id), &json!("completed"), &json!("the goal"))
    );
    assert_eq!(task(&run, "map")["summary"], "drawn");
    assert_eq!(task(&run, "map")["agent"], "fake");
    assert_eq!(task(&run, "test")["depends_on"], json!(["map"]));
    let shown = repo.crew(["status", &id]).exits(0);
    assert!(shown.out.contains("completed") && shown.out.contains("drawn"), "{}", shown.out);
}

#[test]
fn without_a_run_there_is_a_hint_and_no_store_is_made() {
    let repo = TestRepo::new();
    let listed = repo.crew(["status"]).exits(0);
    assert!(listed.err.contains("crew run"), "{}", listed.err);
    assert_eq!(repo.crew(["status", "--json"]).exits(0).json()["data"], json!([]));
    for command in ["status", "logs", "events", "artifacts", "resume"] {
        let ran = repo.crew([command, "last"]).exits(4);
        assert!(ran.err.contains("there are no runs") && ran.err.contains("hint: "), "{}", ran.err);
    }
    assert!(!repo.root.join(".crew").exists());
}

#[test]
fn an_unknown_run_is_refused_by_every_command() {
    let repo = a_run();
    for command in ["status", "logs", "events", "artifacts", "resume"] {
        for typed in ["zzzzzzzzzzzz", "../..", "", "LAST"] {
            let ran = repo.crew([command, typed]).exits(4);
            assert!(
                ran.err.contains(&format!("there is no run `{typed}`")),
                "{command} {typed}: {}",
                ran.err
            );
        }
    }
    let ran = repo.crew(["status", "zzzzzzzzzzzz", "--json"]).exits(4);
    let error: Value = serde_json::from_str(&ran.err).expect("an error as JSON");
    assert_eq!(error["error"]["code"], "unknown_run");
    assert_eq!(ran.out, "");
}

#[test]
fn an_ambiguous_prefix_names_what_it_may_mean() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n");
    let mut ids: Vec<String> = Vec::new();
    // There are 32 first characters, so two of 33 runs share one.
    let (first, second) = loop {
        repo.run_json("one", 0);
        let id = id_of_last(&repo);
        if let Some(twin) = ids.iter().find(|known| known[..1] == id[..1]) {
            break (twin.clone(), id);
        }
        ids.push(id);
    };
    let ran = repo.crew(["status", &first[..1]]).exits(4);
    assert!(ran.err.contains(&first) && ran.err.contains(&second), "{}", ran.err);
    repo.crew(["status", &first]).exits(0);
}

// Logs

#[test]
fn logs_show_every_attempt_of_every_task_or_one() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    repo.agent("fake", "1?say:once 2?say:twice 2?touch:made submit:done");
    repo.workflow(
        "two",
        "## work\nrole: executor\nagent: fake\nretries: 1\nverify: test -f made\n\nDo it.\n\n## test\nrun: echo tested; echo warned >&2\ndependsOn: work\n",
    );
    repo.run_json("two", 0);
    let all = repo.crew(["logs", "last"]).exits(0).out;
    let places: Vec<_> = [
        "== work attempt 1 (fake)",
        "once",
        "== work attempt 2 (fake)",
        "twice",
        "== test attempt 1",
        "tested",
        "warned",
    ]
    .map(|words| all.find(words).unwrap_or_else(|| panic!("no `{words}` in {all}")))
    .into();
    assert!(places.is_sorted(), "{all}");
    let first = repo.crew(["logs", "last", "work", "--attempt", "1"]).exits(0).out;
    assert!(first.contains("once") && !first.contains("twice") && !first.contains("tested"), "{first}");
    assert_eq!(repo.crew(["logs", "last", "test"]).exits(0).out, "tested\nwarned\n");
    let wrong = repo.crew(["logs", "last", "wrok"]).exits(4);
    assert!(
        wrong.err.contains("has no task `wrok`") && wrong.err.contains("did you mean `work`?"),
        "{}",
        wrong.err
    );
}

#[test]
fn an_attempt_that_is_not_there_is_refused() {
    let repo = a_run();
    let ran = repo.crew(["logs", "last", "map", "--attempt", "7"]).exits(4);
    assert!(ran.err.contains("map has no attempt 7"), "{}", ran.err);
    let ran = repo.crew(["logs", "last", "--attempt", "7"]).exits(4);
    assert!(ran.err.contains("no task has attempt 7"), "{}", ran.err);
}

#[test]
fn followed_logs_show_what_is_printed_meanwhile_and_end_with_the_run() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.agent("fake", &format!("say:before wait-gone:{} say:after submit:done", gate.display()));
    repo.workflow(
        "two",
        "## work\nrole: executor\nagent: fake\n\nDo it.\n\n## test\nrun: echo tested\ndependsOn: work\n",
    );
    let running = repo.start_run("two");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    let (all, one) = (repo.beside("all.log"), repo.beside("one.log"));
    let follow_all = repo.start_into(["logs", "last", "-f"], &all);
    let follow_one = repo.start_into(["logs", "last", "work", "--follow"], &one);
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("a file");
    wait_until("both have begun", || read(&all).contains("before") && read(&one).contains("before"));
    assert!(!read(&all).contains("after"));
    repo.open("on");
    running.ends().exits(0);
    follow_all.ends().exits(0);
    follow_one.ends().exits(0);
    assert_eq!(read(&one), repo.log("work", 1));
    for words in ["before", "after", "tested", "== work attempt 1", "== test attempt 1"] {
        assert_eq!(read(&all).matches(words).count(), 1, "{words} in {}", read(&all));
    }
}

// Events

#[test]
fn events_can_be_read_from_any_place_on() {
    let repo = a_run();
    let all = repo.events();
    let seqs: Vec<i64> = all.iter().map(|event| event["seq"].as_i64().expect("a number")).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    let middle = seqs[seqs.len() / 2];
    let rest = repo.crew(["events", "last", "--since", &middle.to_string(), "--json"]).exits(0).json();
    assert_eq!(rest["data"].as_array().expect("a list")[..], all[seqs.len() / 2 + 1..]);
    assert_eq!(rest["meta"]["last_seq"], json!(seqs.last()));
    let none = repo.crew(["events", "last", "--since", "1000000", "--json"]).exits(0).json();
    assert_eq!(none["data"], json!([]));
    let shown = repo.crew(["events", "last"]).exits(0).out;
    assert_eq!(shown.lines().count(), all.len());
    assert!(
        shown.lines().last().is_some_and(|line| line.contains("run_ended") && line.ends_with("completed")),
        "{shown}"
    );
    let id = id_of_last(&repo);
    for event in &all {
        let at = event["at"].as_str().expect("a time");
        assert!(at.len() == 24 && at.ends_with('Z') && at.as_bytes()[19] == b'.', "{at}");
        assert_eq!(event["run"], json!(id));
    }
}

#[test]
fn followed_events_replay_and_go_live_without_a_gap_or_a_duplicate() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    let mut steps = format!("## first\nrun: while [ -e {} ]; do sleep 0.01; done\n\n", gate.display());
    // More than a page of events, so that pages are read while others are written.
    for at in 0..400 {
        steps.push_str(&format!("## t{at}\nrun: true\ndependsOn: first\n\n"));
    }
    repo.workflow("many", &steps);
    let running = repo.start(["run", "the goal", "--workflow", "many", "--jobs", "4", "--json"]);
    repo.wait_for_event("the first task runs", |event| event["kind"] == "process_started");
    let live = repo.beside("live");
    let follower = repo.start_into(["events", "last", "--follow", "--json"], &live);
    let lines = || -> Vec<Value> {
        let text = std::fs::read_to_string(&live).expect("a file");
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).expect("an event"))
            .collect()
    };
    wait_until("the past is replayed", || lines().iter().any(|event| event["kind"] == "process_started"));
    repo.open("on");
    running.ends().exits(0);
    follower.ends().exits(0);
    let (seen, all) = (lines(), repo.events());
    assert!(all.len() > 1000, "{}", all.len());
    assert_eq!(seen.len(), all.len());
    assert_eq!(seen, all);
    assert_eq!(seen.last().expect("an event")["kind"], "run_ended");
}

#[test]
fn followed_events_of_a_run_whose_crew_died_end() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.workflow("one", &format!("## work\nrun: while [ -e {} ]; do sleep 0.01; done\n", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the command runs", |event| event["kind"] == "process_started");
    let follower = repo.start_into(["events", "last", "--follow", "--json"], &repo.beside("live"));
    running.kill();
    follower.ends().exits(0);
    repo.open("on");
    repo.leaves_no_process();
}

// Artifacts and copies

#[test]
fn artifacts_are_listed_and_printed() {
    let repo = a_run();
    let listed = repo.crew(["artifacts", "last", "--json"]).exits(0).json();
    let kept: Vec<(String, String)> = listed["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            (
                row["path"].as_str().expect("a path").to_owned(),
                row["kind"].as_str().expect("a kind").to_owned(),
            )
        })
        .collect();
    for (path, kind) in [
        ("goal.md", "goal"),
        ("prompts/map.1.md", "prompt"),
        ("contexts/map.1.json", "context"),
        ("results/map.1.json", "result"),
        ("results/map.1.md", "result"),
        ("summary.md", "summary"),
    ] {
        assert!(kept.contains(&(path.into(), kind.into())), "no {path} in {kept:?}");
        assert!(repo.run_folder().join("artifacts").join(path).is_file(), "{path}");
    }
    let shown = repo.crew(["artifacts", "last"]).exits(0);
    assert!(shown.out.contains("prompts/map.1.md"), "{}", shown.out);
    assert_eq!(repo.crew(["artifacts", "last", "goal.md"]).exits(0).out, "the goal");
    let wrong = repo.crew(["artifacts", "last", "gaol.md"]).exits(4);
    assert!(wrong.err.contains("did you mean `goal.md`?"), "{}", wrong.err);
    repo.crew(["artifacts", "last", "../manifest.json"]).exits(4);
}

#[test]
fn a_damaged_artifact_is_printed_with_a_warning() {
    let repo = a_run();
    std::fs::write(repo.run_folder().join("artifacts/goal.md"), "another goal").expect("a file");
    let ran = repo.crew(["artifacts", "last", "goal.md", "--quiet"]).exits(0);
    assert_eq!(ran.out, "another goal");
    assert!(ran.err.contains("warning: goal.md is not as it was when it was kept"), "{}", ran.err);
}

#[test]
fn an_artifact_that_is_gone_is_an_error() {
    let repo = a_run();
    std::fs::remove_file(repo.run_folder().join("artifacts/goal.md")).expect("a file");
    let ran = repo.crew(["artifacts", "last", "goal.md"]).exits(1);
    assert!(ran.err.contains("goal.md"), "{}", ran.err);
}

fn copy_of(repo: &TestRepo, name: &str) -> Value {
    let text = std::fs::read_to_string(repo.run_folder().join(name)).expect("a copy");
    serde_json::from_str(&text).expect("JSON")
}

#[track_caller]
fn assert_names(value: &Value, names: &[&str]) {
    let missing: Vec<_> = names.iter().filter(|name| value.get(**name).is_none_or(Value::is_null)).collect();
    assert!(missing.is_empty(), "no {missing:?} in {value:#}");
}

#[test]
fn the_manifest_is_json_with_the_names_that_readers_know() {
    let repo = a_run();
    let manifest = copy_of(&repo, "manifest.json");
    assert_names(
        &manifest,
        &[
            "schemaVersion",
            "runId",
            "team",
            "workflow",
            "goal",
            "status",
            "workspaceMode",
            "createdAt",
            "updatedAt",
            "endedAt",
            "artifacts",
        ],
    );
    assert_eq!(manifest["schemaVersion"], 1);
    assert_eq!(manifest["runId"], json!(id_of_last(&repo)));
    assert_eq!(manifest["status"], "completed");
    let artifacts = manifest["artifacts"].as_array().expect("a list");
    let listed = repo.crew(["artifacts", "last", "--json"]).exits(0).json();
    assert_eq!(artifacts.len(), listed["data"].as_array().expect("a list").len());
    for artifact in artifacts {
        assert_names(
            artifact,
            &["kind", "path", "createdAt", "producer", "sizeBytes", "contentHash", "retention"],
        );
        let path = artifact["path"].as_str().expect("a path");
        let file = std::fs::read(repo.run_folder().join(path)).expect("an artifact");
        assert_eq!(artifact["sizeBytes"], json!(file.len()), "{path}");
        assert_eq!(
            artifact["contentHash"],
            json!(format!("sha256:{}", crew::store::artifacts::sha256(&file))),
            "{path}"
        );
    }
}

#[test]
fn the_tasks_are_json_with_the_names_that_readers_know() {
    let repo = a_run();
    let tasks = copy_of(&repo, "tasks.json");
    assert_eq!(tasks["schemaVersion"], 1);
    for (at, id) in ["map", "test"].into_iter().enumerate() {
        let task = &tasks["tasks"][at];
        assert_names(
            task,
            &[
                "id",
                "runId",
                "stepId",
                "role",
                "agent",
                "status",
                "dependsOn",
                "logArtifact",
                "startedAt",
                "finishedAt",
                "exitCode",
                "attempts",
            ],
        );
        assert_eq!(
            (&task["id"], &task["status"], &task["exitCode"]),
            (&json!(id), &json!("completed"), &json!(0))
        );
        assert_names(&task["attempts"][0], &["attemptId", "status", "startedAt", "endedAt"]);
        let log = task["logArtifact"].as_str().expect("a path");
        assert!(repo.run_folder().join(log).is_file(), "{log}");
    }
    assert_eq!(tasks["tasks"][1]["dependsOn"], json!(["map"]));
    assert_eq!(tasks["tasks"][0]["summary"], "drawn");
}

#[test]
fn the_copies_follow_the_run_while_it_goes_on() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.workflow("one", &format!("## work\nrun: while [ -e {} ]; do sleep 0.01; done\n", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the command runs", |event| event["kind"] == "process_started");
    let folder = repo.run_folder();
    let read = |name: &str| -> Option<Value> {
        serde_json::from_str(&std::fs::read_to_string(folder.join(name)).ok()?).expect("never a half file")
    };
    wait_until("the copies say so", || {
        let status = |value: Option<Value>, path: &str| {
            value.is_some_and(|value| value.pointer(path) == Some(&json!("running")))
        };
        status(read("manifest.json"), "/status") && status(read("tasks.json"), "/tasks/0/status")
    });
    repo.open("on");
    running.ends().exits(0);
    assert_eq!(copy_of(&repo, "manifest.json")["status"], "completed");
}

#[test]
fn the_summary_names_every_task_and_what_came_of_it() {
    let repo = a_run();
    let summary = repo.artifact("summary.md");
    for words in ["the goal", "map", "test", "drawn", "completed"] {
        assert!(summary.contains(words), "no `{words}` in {summary}");
    }
}

#[test]
fn the_record_leaves_no_trace_in_git() {
    let repo = a_run();
    assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=all"]), "");
}

// Places and stores

#[test]
fn a_repository_that_is_moved_keeps_its_history_and_goes_on() {
    let mut repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.agent("fake", &format!("1?wait-gone:{} submit:done", gate.display()));
    repo.workflow(
        "two",
        "## quick\nrun: echo tested\n\n## slow\nrole: executor\nagent: fake\ndependsOn: quick\n\nDo it.",
    );
    let running = repo.start_run("two");
    repo.wait_for_event("the agent runs", |event| {
        event["kind"] == "process_started" && event["task"] == "slow"
    });
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    let (before, id) = (repo.events(), id_of_last(&repo));
    let moved = repo.beside("moved");
    std::fs::rename(&repo.root, &moved).expect("a move");
    repo.root = moved;
    assert_eq!(id_of_last(&repo), id);
    assert_eq!(repo.events(), before);
    assert_eq!(repo.crew(["logs", "last", "quick"]).exits(0).out, "tested\n");
    assert_eq!(repo.crew(["artifacts", "last", "goal.md"]).exits(0).out, "the goal");
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "slow")["state"], "completed");
    assert!(!repo.beside("repo").exists(), "something went to the old place");
}

#[test]
fn a_command_works_from_a_folder_below_and_with_c() {
    let repo = a_run();
    repo.write("deep/er/file", "");
    let mut below = repo.command(["status", "last", "--json"]);
    below.current_dir(repo.root.join("deep/er"));
    assert!(below.output().expect("crew runs").status.success());
    let mut outside = repo.command(["-C", &repo.root.display().to_string(), "status", "last", "--json"]);
    outside.current_dir(&repo.home);
    assert!(outside.output().expect("crew runs").status.success());
}

#[test]
fn two_runs_in_one_repository_at_once_do_not_disturb_each_other() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.agent("fake", &format!("wait-gone:{} submit:done", gate.display()));
    repo.workflow(
        "two",
        "## a\nrole: executor\nagent: fake\n\nDo it.\n\n## b\nrole: executor\nagent: fake\n\nDo it.\n\n## c\nrun: true\ndependsOn: a, b\n",
    );
    let runs = [repo.start_run("two"), repo.start_run("two")];
    wait_until("both run", || {
        let listed = repo.crew(["status", "--json"]).exits(0).json();
        let runs = listed["data"].as_array().expect("a list");
        runs.iter().filter(|run| run["status"] == "running").count() == 2
    });
    repo.open("on");
    let ids: Vec<String> = runs
        .into_iter()
        .map(|run| {
            let run = run.ends().exits(0).json();
            assert_eq!(run["status"], "completed");
            run["run"].as_str().expect("an id").to_owned()
        })
        .collect();
    assert_ne!(ids[0], ids[1]);
    let mut seqs = Vec::new();
    for id in &ids {
        let events = repo.crew(["events", id, "--json"]).exits(0).json();
        let events = events["data"].as_array().expect("a list").clone();
        assert_eq!(of_kind(&events, "attempt_ended").len(), 3);
        assert_eq!(of_kind(&events, "submission_accepted").len(), 2);
        seqs.extend(events.iter().map(|event| event["seq"].as_i64().expect("a number")));
    }
    seqs.sort_unstable();
    let count = seqs.len();
    seqs.dedup();
    assert_eq!(seqs.len(), count, "a sequence number was used twice");
}

fn store_of(repo: &TestRepo) -> rusqlite::Connection {
    rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store")
}

/// Makes the store look as if a later crew had written it.
fn make_newer(repo: &TestRepo) {
    store_of(repo).pragma_update(None, "user_version", 99).expect("a store");
}

#[test]
fn a_store_of_a_newer_crew_is_read_and_not_written() {
    let repo = a_run();
    make_newer(&repo);
    let before = std::fs::read(repo.root.join(".crew/crew.db")).expect("a store");
    let refused = repo.crew(["run", "the goal", "--workflow", "two"]).exits(4);
    assert!(refused.err.contains("was written by a newer crew (schema 99"), "{}", refused.err);
    assert!(refused.err.contains("hint: update crew"), "{}", refused.err);
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["status"], "completed");
    assert_eq!(std::fs::read(repo.root.join(".crew/crew.db")).expect("a store"), before);
    assert_eq!(store_of(&repo).query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)), Ok(1));
}

/// Begins a run, and interrupts it once its agent is at work; resumed, it completes at once.
pub fn is_interrupted(repo: &TestRepo) {
    let gate = repo.gate("hang");
    repo.one_step("", &format!("1?wait-gone:{} submit:done", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
}

#[test]
fn a_run_in_a_store_of_a_newer_crew_is_not_resumed() {
    let repo = TestRepo::new();
    is_interrupted(&repo);
    make_newer(&repo);
    let before = repo.events().len();
    let refused = repo.crew(["resume", "last"]).exits(4);
    assert!(refused.err.contains("was written by a newer crew (schema 99"), "{}", refused.err);
    assert_eq!(repo.events().len(), before);
}

#[test]
fn nothing_is_handed_in_to_a_store_of_a_newer_crew() {
    let repo = TestRepo::new();
    let kept = repo.beside("environment");
    repo.one_step("", &format!("keep-env:{} submit:done", kept.display()));
    repo.run_json("one", 0);
    make_newer(&repo);
    let before = repo.events().len();
    let environment = std::fs::read_to_string(&kept).expect("an environment");
    let mut late =
        repo.command(["submit", "result", "--summary", "s", "--confidence", "1", "--rationale", "r"]);
    late.envs(environment.lines().filter_map(|line| line.split_once('=')));
    let output = late.output().expect("crew runs");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("was written by a newer crew (schema 99"), "{err}");
    assert_eq!(repo.events().len(), before);
}

#[test]
fn a_damaged_store_is_an_error_and_stays_as_it_is() {
    let repo = a_run();
    let path = repo.root.join(".crew/crew.db");
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(repo.root.join(format!(".crew/crew.db{ending}")));
    }
    let damaged = vec![b'?'; 20_000];
    std::fs::write(&path, &damaged).expect("a file");
    for args in [
        vec!["status"],
        vec!["status", "last"],
        vec!["events", "last"],
        vec!["resume", "last"],
        vec!["run", "the goal", "--workflow", "two"],
    ] {
        let ran = repo.crew(&args).exits(1);
        assert!(ran.err.contains("crew.db") && ran.err.contains("not a database"), "{args:?}: {}", ran.err);
        assert!(ran.err.contains("crew doctor --fix"), "{args:?}: {}", ran.err);
        assert_eq!(std::fs::read(&path).expect("the store is there"), damaged, "{args:?} changed it");
    }
    let doctor = repo.crew(["doctor"]).exits(1);
    assert!(doctor.out.contains("FAIL"), "{}", doctor.out);
    assert_eq!(std::fs::read(&path).expect("the store is there"), damaged);
}

#[test]
fn an_event_that_cannot_be_read_is_named() {
    let repo = a_run();
    let store = store_of(&repo);
    store
        .execute("UPDATE events SET data = '{\"kind\":\"unheard_of\"}' WHERE kind = 'attempt_ended'", [])
        .expect("a store");
    let ran = repo.crew(["status", "last"]).exits(1);
    assert!(ran.err.contains("cannot be read") && ran.err.contains("unheard_of"), "{}", ran.err);
}

#[test]
fn the_first_commands_in_a_repository_may_come_all_at_once() {
    for _ in 0..3 {
        let repo = TestRepo::new();
        repo.workflow("one", "## a\nrun: true\n");
        let (mut runs, mut readers) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            runs.push(repo.start_run("one"));
            readers.push(repo.start(["status", "--json"]));
        }
        for run in runs {
            assert_eq!(run.ends().exits(0).json()["status"], "completed");
        }
        for reader in readers {
            reader.ends().exits(0);
        }
        assert_eq!(repo.crew(["status", "--json"]).exits(0).json()["meta"]["total"], 5);
    }
}

#[test]
fn a_new_store_that_another_process_is_making_is_waited_for() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n");
    std::fs::create_dir_all(repo.root.join(".crew")).expect("a folder");
    let other = store_of(&repo);
    other.execute_batch("CREATE TABLE t (n); DROP TABLE t; BEGIN IMMEDIATE;").expect("a store");
    let running = repo.start_run("one");
    // However long the other one takes, crew has to wait and not to fail.
    std::thread::sleep(std::time::Duration::from_millis(500));
    other.execute_batch("COMMIT").expect("a store");
    running.ends().exits(0);
}

#[test]
fn a_run_goes_on_where_its_copies_cannot_be_written_and_says_so_once() {
    let repo = TestRepo::new();
    // It is written anew meanwhile.
    let spoil = "cd .crew/runs/$CREW_RUN && until mkdir manifest.json; do rm -f manifest.json; done";
    repo.workflow("two", &format!("## a\nrun: {spoil}\n\n## b\nrun: true\ndependsOn: a\n"));
    let ran = repo.crew(["run", "g", "--workflow", "two"]).exits(0);
    assert_eq!(ran.err.matches("the copies for programs cannot be written").count(), 1, "{}", ran.err);
    repo.crew(["doctor", "--fix"]);
    let manifest = std::fs::read(repo.run_folder().join("manifest.json")).expect("a copy");
    assert_eq!(serde_json::from_slice::<Value>(&manifest).expect("JSON")["status"], "completed");
}
