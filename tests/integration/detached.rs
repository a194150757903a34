//! `crew run --detach`, `crew attach`, `crew wait`: a run without a terminal, and those who look on.

use crate::support::{
    Sweep, TestRepo, of_kind, processes_with, run_command, start_command, task, wait_until,
};
use serde_json::{Value, json};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

/// A run of which the first step waits at a gate.
fn held(repo: &TestRepo, more: &str) -> PathBuf {
    let gate = repo.gate("on");
    repo.agent("waits", &format!("say:at-work touch:@task.runs wait-gone:{} submit:done", gate.display()));
    repo.workflow("w", &format!("## slow\nrole: executor\nagent: waits\n\nDo it.\n\n{more}"));
    gate
}

fn detach(repo: &TestRepo, more: &[&str]) -> String {
    let ran = repo.crew(["run", "the goal", "--workflow", "w", "--detach"].iter().chain(more)).exits(0);
    assert!(ran.err.contains("next  crew attach "), "{}", ran.err);
    ran.out.trim().to_owned()
}

fn dispatcher(repo: &TestRepo) -> i32 {
    let events = repo.events();
    of_kind(&events, "dispatcher_started")[0]["process"]["pid"].as_i64().expect("a pid") as i32
}

#[test]
fn a_detached_run_goes_on_by_itself_and_others_look_on_and_wait() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    repo.workflow("quick", "## a\nrun: true\n");
    repo.run_json("quick", 0);
    let quick = repo.events()[0]["run"].as_str().expect("an id").to_owned();
    held(&repo, "## last\nrun: echo $CREW_VAR_WORD >last\ndependsOn: slow\n");
    let short = detach(&repo, &["--set", "vars.WORD=hello", "--max-time", "10m"]);
    let pid = dispatcher(&repo);
    // SAFETY: only asks.
    assert_eq!(unsafe { libc::getsid(pid) }, pid, "it has a session of its own");
    repo.wait_for_file("slow.runs");
    // SAFETY: a signal to a process of this test.
    unsafe { libc::kill(pid, libc::SIGHUP) };
    let busy = repo.crew(["resume", &short, "--json"]).exits(4).json_error();
    assert!(busy["message"].as_str().is_some_and(|why| why.contains(&format!("(pid {pid}, for"))), "{busy}");
    let late = repo.crew(["wait", &short, "--timeout", "0"]).exits(124);
    assert!(late.err.contains(&format!("1 run still at work: {short}")), "{}", late.err);
    // One that has ended is told of, although another is named before it that has not.
    let late = repo.crew(["wait", &short, &quick, "--timeout", "0", "--json"]).exits(124).json();
    assert_eq!(late["data"][1], json!({"run": quick, "status": "completed", "exit": 0}));
    assert_eq!(
        [&late["data"][0]["status"], &late["data"][0]["exit"], &late["meta"]["timed_out"]],
        [&json!("running"), &Value::Null, &json!(true)]
    );
    // Who looks on leaves, and the run goes on.
    let looking = repo.start(["attach", "--json"]);
    let seen = start_command(repo.command(["attach", &short]));
    let waiting = repo.start(["wait", &short, &short, "--json"]);
    looking.catches_ctrl_c();
    looking.signal(libc::SIGINT);
    let left = looking.ends().exits(130);
    assert!(left.err.contains(&format!("run {short} goes on without this view")), "{}", left.err);
    let state = left.json();
    let tasks = [&state["tasks"][0]["state"], &state["tasks"][1]["state"]];
    assert_eq!(
        (&state["status"], tasks),
        (&json!("running"), [&json!("running"), &json!("queued")]),
        "{state:#}"
    );
    repo.open("on");
    let waited = waiting.ends().exits(0).json();
    assert_eq!(waited["data"], json!([{"run": repo.events()[0]["run"], "status": "completed", "exit": 0}]));
    let seen = seen.ends().exits(0);
    assert!(seen.out.contains(&format!("{short} completed in ")), "{}", seen.out);
    assert!(seen.err.contains("task=slow attempt=1 agent=waits event=started"), "{}", seen.err);
    assert!(seen.err.contains("task=last attempt=1 event=succeeded"), "{}", seen.err);
    assert_eq!(std::fs::read_to_string(repo.root.join("last")).expect("a file"), "hello\n");
    // It says so after the end is recorded, which is what the others wait for.
    let log = || std::fs::read_to_string(repo.run_folder().join("dispatcher.log")).unwrap_or_default();
    wait_until("its log tells of the end", || log().contains(&format!("{short} completed in ")));
    assert_eq!(of_kind(&repo.events(), "stop_asked").len(), 0);
    repo.crew(["attach", &short]).exits(0);
    repo.leaves_no_process();
}

pub fn flag_lets_another_process_carry_it_out() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    repo.workflow("w", "## a\nrun: true\n");
    detach(&repo, &[]);
    repo.crew(["wait", "last"]).exits(0);
    assert!(repo.run_folder().join("dispatcher.log").exists());
}

#[test]
fn a_detached_run_is_cancelled_interrupted_and_resumed_as_any_other() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = held(&repo, "## after\nrun: true\ndependsOn: slow\n");
    let answer = repo.crew(["run", "the goal", "--workflow", "w", "--detach", "--json"]).exits(0).json();
    let short = answer["short"].as_str().expect("an id").to_owned();
    assert_eq!(answer["pid"].as_i64(), Some(dispatcher(&repo).into()));
    repo.wait_for_file("slow.runs");
    // SAFETY: a signal to a process of this test.
    unsafe { libc::kill(dispatcher(&repo), libc::SIGKILL) };
    let waited = repo.crew(["wait", &short]).exits(130);
    assert!(waited.out.contains("interrupted") && waited.err.contains("next  crew resume "), "{waited:?}");
    let seen = repo.crew(["attach", &short]).exits(130);
    assert!(seen.err.contains("crew resume "), "{}", seen.err);
    repo.crew(["resume", &short, "--detach"]).exits(0);
    repo.wait_for_event("it runs again", |event| event["kind"] == "process_started" && event["attempt"] == 2);
    let waiting = repo.start(["wait", &short]);
    repo.crew(["cancel", &short, "--by", "Ann"]).exits(0);
    assert_eq!(processes_with(&gate), Vec::<String>::new());
    assert!(waiting.ends().exits(1).out.contains("cancelled"));
    repo.crew(["attach", &short]).exits(1);
    repo.leaves_no_process();
}

#[test]
fn what_is_wrong_is_told_where_it_was_typed() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let run =
        |more: &[&str]| repo.crew(["run", "the goal", "--workflow", "w", "--detach"].iter().chain(more));
    run(&[]).exits(4);
    repo.assert_no_run();
    repo.workflow("w", "## a\nrun: true\ngate: before\n\n## b\nrun: true\n");
    run(&["--set", "limits.jobz=1"]).exits(2);
    run(&["--dry-run"]).exits(0);
    repo.assert_no_run();
    // It waits for a person, so nothing stays alive.
    let short = run(&["--quiet"]).exits(0).out.trim().to_owned();
    let waited = repo.crew(["wait", &short]).exits(3);
    assert!(waited.err.contains("crew gates"), "{}", waited.err);
    repo.crew(["attach", &short]).exits(3);
    repo.leaves_no_process();
    // Several: the worst counts, and one that failed is worse than one that waits.
    repo.workflow("fails", "## a\nrun: false\n");
    repo.run_json("fails", 1);
    let both: Value = repo.crew(["wait", "last", &short, "--json"]).exits(1).json();
    let exits: Vec<&Value> =
        both["data"].as_array().expect("a list").iter().map(|run| &run["exit"]).collect();
    assert_eq!(exits, [1, 3]);
    repo.crew(["wait", "last", "--timeout", "soon"]).exits(2);
    // Nobody but crew itself takes a lock over: who holds it could set aside what waits for a person.
    let held = std::fs::File::open(repo.run_folder().join("lock")).expect("the lock");
    held.try_lock().expect("nobody holds it");
    let mut typed = repo.command(["carry-out", "last", "--json"]);
    typed.arg(format!("--lock={}", held.as_raw_fd()));
    // SAFETY: fcntl is allowed between fork and exec.
    unsafe { typed.pre_exec(move || Ok(rustix::io::fcntl_setfd(&held, rustix::io::FdFlags::empty())?)) };
    assert_eq!(run_command(typed).exits(4).json_error()["code"], "not_for_people");
    // What an agent starts ends with its attempt.
    let mut by_agent = repo.command(["run", "g", "--workflow", "w", "--detach", "--json"]);
    by_agent.env("CREW_TOKEN", "x");
    assert_eq!(run_command(by_agent).exits(4).json_error()["code"], "not_a_person");
}

#[test]
fn a_process_that_does_not_begin_says_why() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let record = repo.beside("recorded").display().to_string();
    held(&repo, "");
    repo.open("on");
    // What the process needs is handed on: agents are recorded, and played back.
    detach(&repo, &["--record", &record]);
    repo.crew(["wait", "last"]).exits(0);
    std::fs::remove_file(repo.root.join("slow.runs")).expect("what is changed once more");
    detach(&repo, &["--replay", &record]);
    repo.crew(["wait", "last"]).exits(0);
    let run = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "slow")["agent"], "replay");
    // A file where the folder of its logs should be.
    repo.workflow("w", "## a\nrun: true\ngate: before\n");
    let short = detach(&repo, &[]);
    repo.crew(["wait", "last"]).exits(3);
    let logs = repo.run_folder().join("logs");
    let away = logs.with_file_name("logs-away");
    std::fs::rename(&logs, &away).expect("a folder");
    std::fs::write(&logs, "").expect("a file");
    let refused = repo.crew(["resume", "last", "--detach", "--json"]).exits(1).json_error();
    assert_eq!(refused["code"], "not_started");
    let message = refused["message"].as_str().expect("a message");
    assert!(
        message.contains("ended before it began (exit status: 1)") && message.contains("logs"),
        "{message}"
    );
    std::fs::remove_file(&logs).expect("a file");
    std::fs::rename(&away, &logs).expect("a folder");
    repo.crew(["resume", &short, "--detach"]).exits(0);
    repo.crew(["wait", "last"]).exits(3);
}
