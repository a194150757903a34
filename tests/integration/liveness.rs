//! Agents that wait and agents that are at work are told apart from agents that hang.

use crate::support::{Running, TestRepo, task, wait_until};
use serde_json::{Value, json};
use std::time::Duration;

const END: &str = r#"'say:{"crew":"end","ok":true}'"#;
const TOOL: &str = r#"'say:{"crew":"tool","id":"1","name":"bash","arguments":"make all"}'"#;
const TOOL_END: &str = r#"'say:{"crew":"tool_end","id":"1","ok":true}'"#;

fn waiting(reason: &str) -> String {
    format!(r#"'say:{{"crew":"waiting","reason":"{reason}","error":"rate_limited"}}'"#)
}

fn work(repo: &TestRepo) -> Value {
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    task(&status, "work").clone()
}

#[test]
fn a_tool_at_work_is_no_silence() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(3));
    repo.one_step_in_protocol("", &format!("{TOOL} sleep:5000 {TOOL_END} submit:done {END}"));
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["state"], "completed");
    let events = repo.events();
    let tool = events.iter().find(|event| event["kind"] == "tool_invoked").expect("a tool call");
    assert!(tool["millis"].as_u64().expect("a time") >= 4_900, "{tool}");
}

#[test]
fn silence_counts_anew_when_the_tool_has_come_back() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(3));
    let gate = repo.gate("hang");
    let script = format!("{TOOL} sleep:4000 {TOOL_END} wait-gone:{}", gate.display());
    repo.one_step_in_protocol("", &script);
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "silent");
    let events = repo.events();
    assert!(events.iter().any(|event| event["kind"] == "tool_invoked"), "{events:#?}");
    repo.leaves_no_process();
}

#[test]
fn a_tool_that_never_comes_back_is_ended_by_the_time_of_the_attempt() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(3));
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("timeout: 7", &format!("{TOOL} wait-gone:{}", gate.display()));
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "attempt_timeout");
    repo.leaves_no_process();
}

#[test]
fn what_an_agent_waits_for_is_shown_to_others_until_it_goes_on() {
    let repo = TestRepo::new();
    let (held, working) = (repo.gate("held"), repo.gate("working"));
    let script = format!(
        r#"{} wait-gone:{} 'say:{{"crew":"message","text":"here we go"}}' wait-gone:{} submit:done {END}"#,
        waiting("429, retry 3 of 10 in 20 s"),
        held.display(),
        working.display()
    );
    repo.one_step_in_protocol("", &script);
    let run = repo.start_run("one");
    repo.wait_for_event("it waits", |event| event["kind"] == "agent_waited");
    assert_eq!(work(&repo)["waiting"], "429, retry 3 of 10 in 20 s");
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains("waits: 429, retry 3 of 10 in 20 s"), "{shown}");
    repo.open("held");
    wait_until("it goes on", || work(&repo)["waiting"].is_null());
    assert!(!repo.crew(["status", "last"]).exits(0).out.contains("waits:"));
    repo.open("working");
    assert_eq!(run.ends().exits(0).json()["status"], "completed");
}

#[test]
fn time_used_up_by_waiting_for_the_provider_is_told_as_such() {
    for (sets, words) in [
        (
            ["limits.attempt_seconds=6", "limits.silence_seconds=0"],
            "its time was used up while it waited: 429",
        ),
        (
            ["limits.attempt_seconds=60", "limits.silence_seconds=4"],
            "it printed nothing for too long while it waited: 429",
        ),
    ] {
        let repo = TestRepo::new();
        let gate = repo.gate("hang");
        repo.one_step_in_protocol("", &format!("{} wait-gone:{}", waiting("429"), gate.display()));
        let plan = ["run", "the goal", "--workflow", "one", "--json", "--set", "retry.max_attempts=1"];
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let run = repo.crew(plan.into_iter().chain(sets)).exits(1).json();
        let work = task(&run, "work");
        assert_eq!(
            (&work["error_kind"], &work["reason"]),
            (&json!("rate_limited"), &json!(words)),
            "{work:#}"
        );
        repo.leaves_no_process();
    }
}

#[test]
fn secrets_in_the_arguments_of_a_tool_are_not_kept() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let key = format!("ghp_{}", "a8Kx2Qz7".repeat(4));
    repo.program(
        "leaky",
        &format!(
            "printf '{{\"crew\":\"tool\",\"id\":\"1\",\"name\":\"bash\",\"arguments\":\"run {key} with %s\"}}\\n' \"$CREW_TOKEN\"\n\
             echo '{{\"crew\":\"tool_end\",\"id\":\"1\",\"ok\":true}}'\n\
             crew submit result --summary done --confidence 0.9 --rationale r --no-change-reason n >&2\n\
             echo '{{\"crew\":\"end\",\"ok\":true}}'"
        ),
    );
    let command = repo.programs().join("leaky").display().to_string();
    repo.set("agents", "leaky", json!({"command": command, "output": "crew", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: leaky\n\nDo it.");
    repo.run_json("one", 0);
    let events = repo.events();
    let tool = events.iter().find(|event| event["kind"] == "tool_invoked").expect("a tool call");
    assert_eq!(tool["arguments"], "run [redacted] with [redacted]");
}

/// Starts an agent that streams and says nothing until it may go on, and waits until its level is as expected.
fn quiet_until(expected: &str, sets: &[&str]) -> TestRepo {
    quiet_until_seen(expected, sets, |_| {})
}

/// The same, with something to see while it is quiet.
fn quiet_until_seen(expected: &str, sets: &[&str], see: impl FnOnce(&TestRepo)) -> TestRepo {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("wait-gone:{} submit:done {END}", gate.display()));
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let run = repo.start(["run", "the goal", "--workflow", "one", "--json"].into_iter().chain(sets));
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    wait_until("its level is reached", || work(&repo)["liveness"]["level"] == expected);
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains("work  quiet for ") && shown.contains(&format!("({expected})")), "{shown}");
    see(&repo);
    repo.open("hang");
    assert_eq!(run.ends().exits(0).json()["status"], "completed", "a level ends nobody");
    repo
}

pub fn warn_seconds_make_an_agent_quiet() {
    quiet_until("warn", &["liveness.warn_seconds=1"]);
}

pub fn stale_seconds_make_it_stale() {
    quiet_until("stale", &["liveness.warn_seconds=1", "liveness.stale_seconds=2"]);
}

pub fn dead_seconds_make_it_dead() {
    let sets = ["liveness.warn_seconds=1", "liveness.stale_seconds=2", "liveness.dead_seconds=3"];
    // Three looks in a row, and a person finds it among the dead letters until it comes to life again.
    let repo = quiet_until_seen("dead", &sets, |repo| {
        repo.wait_for_event("it is told", |event| event["kind"] == "task_dead_lettered");
        let listed = repo.crew(["deadletter", "list", "--json"]).exits(0).json();
        let letter = &listed["data"][0];
        assert_eq!((&letter["task"], &letter["why"]), (&json!("work"), &json!("dead_looks")), "{listed}");
        assert!(letter["last_error"].as_str().is_some_and(|told| told.starts_with("no sign of life for")));
        let refused = repo.crew(["requeue", "last", "work", "--json"]).exits(4);
        assert_eq!(refused.json_error()["code"], "busy");
    });
    assert_eq!(repo.crew(["deadletter", "list", "--json"]).exits(0).json()["data"], json!([]));
    let kinds = repo.kinds();
    let told = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((told("task_dead_lettered"), told("dead_letter_dropped")), (1, 1));
}

/// Stops crew for longer than a gap of a second, and lets it go on.
pub fn hold_up(repo: &TestRepo, run: &Running) {
    run.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1_200));
    run.signal(libc::SIGCONT);
    repo.wait_for_event("the gap is told", |event| event["kind"] == "clock_jumped");
}

pub fn gap_seconds_are_told_and_count_for_no_limit() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.agent("fake", &format!("wait-gone:{} submit:done", gate.display()));
    repo.workflow(
        "one",
        "## work\nrole: executor\nagent: fake\n\nDo it.\n\n## asked\nrun: true\ngate: before",
    );
    repo.set("liveness", "gap_seconds", json!(1));
    let run = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    let expires = || {
        let gates = repo.crew(["gates", "--json"]).exits(0).json();
        gates["data"][0]["expires_at"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time")
    };
    let told = || repo.events().iter().filter_map(|event| event["held_up"].as_u64()).sum::<u64>() as f64;
    // On a busy machine there may be other gaps: before, afterwards, and while it is looked.
    let looked = || (told(), expires(), told());
    let (least_before, before, most_before) = looked();
    run.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1_200));
    run.signal(libc::SIGCONT);
    wait_until("the gap is told", || told() >= most_before + 1_000.0);
    let (least_after, after, most_after) = looked();
    let (least, most) = (least_after - most_before, most_after - least_before);
    let moved = (after - before).total(jiff::Unit::Millisecond).expect("a span");
    assert!((least - 500.0..=most + 500.0).contains(&moved), "{least} {moved} {most}");
    repo.open("hang");
    run.ends().exits(3);
}

#[test]
fn a_dispatcher_that_is_stopped_does_not_answer_and_keeps_its_run() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("", &format!("wait-gone:{} submit:done", gate.display()));
    let run = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    let at_work = || repo.crew(["status", "last", "--json"]).exits(0).json()["at_work"].clone();
    wait_until("it beats", || at_work()["answers"] == true);
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    store.busy_timeout(Duration::from_secs(30)).expect("a time");
    let aged = "UPDATE heartbeats SET data = json_set(data, '$.at', '2026-01-01T00:00:00.000Z')";
    assert_eq!(store.execute(aged, []).expect("it is written"), 1);
    assert_eq!(at_work()["answers"], false);
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains("not answering since "), "{shown}");
    assert!(shown.contains("running"), "its work is not taken from it: {shown}");
    repo.crew(["resume", "last"]).exits(4);
    run.signal(libc::SIGSTOP);
    #[cfg(target_os = "linux")]
    what_is_stopped_is_told_at_once(&repo, &run);
    run.signal(libc::SIGCONT);
    repo.open("hang");
    assert_eq!(run.ends().exits(0).json()["status"], "completed");
    let left: i64 =
        store.query_row("SELECT count(*) FROM heartbeats", [], |row| row.get(0)).expect("a count");
    assert_eq!(left, 0, "an ended run has no beat");
}

#[cfg(target_os = "linux")]
fn what_is_stopped_is_told_at_once(repo: &TestRepo, run: &Running) {
    let words = format!("its crew process is stopped (pid {0}): kill -CONT {0} lets it go on", run.pid());
    let at_work = || repo.crew(["status", "last", "--json"]).exits(0).json()["at_work"].clone();
    wait_until("it is stopped", || at_work()["stopped"] == true);
    assert_eq!(at_work()["answers"], false);
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains(&format!("at work  {words}")) && !shown.contains("not answering"), "{shown}");
    assert!(shown.contains("running"), "{shown}");
    let listed = repo.crew(["status"]).exits(0);
    assert!(listed.err.contains(&words), "{listed:?}");
    let waited = repo.crew(["wait", "last", "--timeout", "0"]).exits(124);
    assert!(waited.err.contains(&format!("stands still: {words}")), "{}", waited.err);
    let looking = repo.start(["attach"]);
    looking.catches_ctrl_c();
    looking.signal(libc::SIGINT);
    let left = looking.ends().exits(130);
    assert!(left.err.contains(&format!("stands still: {words}")), "{}", left.err);
}

#[test]
fn levels_that_do_not_ascend_are_refused() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let ran = repo.crew(["run", "g", "--workflow", "one", "--set", "liveness.dead_seconds=60"]).exits(2);
    assert!(
        ran.err.contains("liveness.stale_seconds and liveness.dead_seconds have to ascend"),
        "{}",
        ran.err
    );
    repo.assert_no_run();
}

#[test]
fn a_run_that_has_ended_ends_well_although_its_signs_of_life_stay() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: touch began; while test -e hold; do sleep 0.01; done\n");
    repo.write("hold", "");
    let running = repo.start(["run", "the goal", "--workflow", "w", "--json"]);
    repo.wait_for_file("began");
    let refuses =
        "CREATE TRIGGER refuses BEFORE DELETE ON heartbeats BEGIN SELECT RAISE(ABORT, 'not now'); END";
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    store.execute_batch(refuses).expect("a trigger");
    wait_until("it has said that it lives", || {
        store.query_row("SELECT count(*) FROM heartbeats", [], |row| row.get::<_, i64>(0)) == Ok(1)
    });
    std::fs::remove_file(repo.root.join("hold")).expect("it goes on");
    assert_eq!(running.ends().exits(0).json()["status"], "completed");
    let copy = std::fs::read_to_string(repo.run_folder().join("manifest.json")).expect("the last copy");
    assert!(copy.contains("completed"), "{copy}");
}
