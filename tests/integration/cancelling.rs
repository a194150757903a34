//! `crew cancel`: whole process trees end, what they did is kept, and what is settled stays.

use crate::support::{Running, Sweep, TestRepo, of_kind, processes_with, run_command, task, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;

fn status(repo: &TestRepo) -> Value {
    repo.crew(["status", "last", "--json"]).exits(0).json()
}

fn state(repo: &TestRepo, id: &str) -> String {
    task(&status(repo), id)["state"].as_str().expect("a state").to_owned()
}

/// An agent that changes a file, leaves processes in its group and outside of it, and does not listen to TERM.
fn stubborn(repo: &TestRepo) -> PathBuf {
    let gate = repo.gate("hang");
    let script = format!(
        "touch:changed ignore-term grandchild leave-group:{0} touch:@task.runs wait-gone:{0} submit:done",
        gate.display()
    );
    repo.agent("stubborn", &script);
    gate
}

const STEPS: &str = "## first\nrun: true\n\n## deploy\nrun: touch deployed\naction: deploy\n\n\
    ## slow\nrole: executor\nagent: stubborn\ndependsOn: first\n\nDo it.\n\n## later\nrun: touch later\ndependsOn: slow\n";

fn start(repo: &TestRepo, steps: &str, more: &[&str]) -> Running {
    repo.workflow("w", steps);
    let args = ["run", "the goal", "--workflow", "w", "--json", "--set", "limits.grace_seconds=0"];
    repo.start(args.iter().chain(more))
}

#[test]
fn a_run_ends_with_all_its_processes_and_what_was_done_is_kept() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    let running = start(&repo, STEPS, &[]);
    repo.wait_for_file("slow.runs");
    let told = repo.crew(["cancel", "last", "--reason", "the wrong goal", "--by", "Ann"]).exits(0);
    assert_eq!(processes_with(&gate), Vec::<String>::new(), "all have ended when the command has");
    let (out, err) = (&told.out, &told.err);
    assert!(out.contains("  cancelled\n") && out.contains("kept: 2 files, +2 -0, refs/crew/keep/"), "{out}");
    assert!(out.contains("later  cancelled  it had not begun") && out.contains("gate g1 is closed"), "{out}");
    assert!(err.contains("next  crew restore "), "{err}");
    let run = running.ends().exits(1).json();
    assert_eq!(run["status"], "cancelled");
    let states: Vec<&Value> =
        ["first", "deploy", "slow", "later"].iter().map(|id| &task(&run, id)["state"]).collect();
    assert_eq!(states, ["completed", "cancelled", "cancelled", "cancelled"]);
    assert_eq!(task(&run, "slow")["reason"], "Ann cancelled it: the wrong goal");
    assert_eq!(repo.crew(["gates", "--json"]).exits(0).json()["meta"]["count"], 0);
    assert!(repo.crew(["restore"]).exits(0).out.contains("/slow/1"));
    repo.leaves_no_process();

    let before = repo.events();
    assert_eq!(of_kind(&before, "cancel_asked").len(), 2, "of the run, and of the task that was worked on");
    assert_eq!(before.last().expect("an event")["kind"], "run_ended");
    assert_eq!(of_kind(&before, "run_ended").len(), 1, "its owner ended it, and nobody else");
    let again = repo.crew(["cancel", "last"]).exits(0);
    assert!(again.out.contains("cancelled already"), "{}", again.out);
    assert!(again.out.contains("kept: 2 files, +2 -0, refs/crew/keep/"), "{}", again.out);
    repo.crew(["cancel", "last", "slow"]).exits(0);
    assert!(repo.crew(["cancel", "first"]).exits(4).err.contains("task first is completed"));
    assert!(repo.crew(["approve", "g1"]).exits(4).err.contains("is decided: cancelled by Ann"));
    assert_eq!(repo.events(), before);
    repo.crew(["resume", "last"]).exits(4);
    assert!(!repo.root.join("deployed").exists() && !repo.root.join("later").exists());
}

#[test]
fn one_task_is_cancelled_and_the_rest_of_the_run_goes_on() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let hang = stubborn(&repo);
    let more = "## other\nrun: while [ ! -e on ]; do sleep 0.02; done\n\n## after\nrun: touch after\ndependsOn: other\n\n";
    let running = start(&repo, &format!("{more}{STEPS}"), &["--jobs", "4"]);
    repo.wait_for_file("slow.runs");
    let told = repo.crew(["cancel", "slow", "--json"]).exits(0).json();
    assert_eq!((&told["task"], &told["status"]), (&json!("slow"), &json!("running")));
    let tasks: Vec<&Value> =
        told["tasks"].as_array().expect("a list").iter().map(|task| &task["id"]).collect();
    assert_eq!(tasks[0], "slow");
    assert!(task(&told, "slow")["kept"][0]["reference"].as_str().is_some_and(|at| at.ends_with("/slow/1")));
    assert_eq!(processes_with(&hang), Vec::<String>::new());
    wait_until("what depends on it is skipped", || state(&repo, "later") == "skipped");
    repo.crew(["cancel", "last", "deploy"]).exits(0);
    repo.write("on", "");
    let run = running.ends().exits(1).json();
    let ends = ["other", "after", "slow", "later", "deploy"].map(|id| task(&run, id)["state"].clone());
    assert_eq!(ends, ["completed", "completed", "cancelled", "skipped", "cancelled"]);
    repo.leaves_no_process();
}

#[test]
fn what_a_dead_crew_process_left_is_ended_and_kept() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    let other = repo.gate("other");
    repo.agent("patient", &format!("touch:@task.runs wait-gone:{} submit:done", other.display()));
    let steps = format!("{STEPS}\n## beside\nrole: executor\nagent: patient\nworktree: true\n\nDo it.\n");
    repo.commit("clean");
    let running = start(&repo, &steps, &[]);
    repo.wait_for_file("slow.runs");
    repo.wait_for_event("the other runs", |event| {
        event["kind"] == "process_started" && event["task"] == "beside"
    });
    running.kill();
    // One task: the other one is none of its business.
    let told = repo.crew(["cancel", "last", "slow"]).exits(0);
    assert!(told.out.contains("kept: 2 files, +2 -0, ") && processes_with(&gate).is_empty(), "{}", told.out);
    assert_eq!([state(&repo, "slow"), state(&repo, "later")], ["cancelled", "skipped"]);
    assert_eq!((state(&repo, "beside").as_str(), processes_with(&other).is_empty()), ("running", false));
    let left = status(&repo);
    assert_eq!(left["status"], "interrupted");
    assert!(left["left_running"].as_array().is_some_and(|pids| !pids.is_empty()), "{left}");
    // The run, which no broken file keeps from that.
    std::fs::write(repo.root.join(".crew/config.json"), [0xff]).expect("a file");
    let told = repo.crew(["cancel", "last"]).exits(0).err;
    assert!(
        told.contains("built-in limits count: ") && told.contains("config.json: it is not UTF-8"),
        "{told}"
    );
    assert_eq!(status(&repo)["status"], "cancelled");
    assert_eq!(processes_with(&other), Vec::<String>::new());
    assert_eq!([state(&repo, "beside"), state(&repo, "deploy")], ["cancelled", "cancelled"]);
    assert_eq!(repo.kinds().iter().filter(|kind| *kind == "run_ended").count(), 1);
    repo.leaves_no_process();
}

#[test]
fn a_crew_process_that_dies_while_it_cancels_is_followed_by_the_command() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    repo.workflow("w", STEPS);
    repo.set("limits", "grace_seconds", json!(300));
    let running = repo.start(["run", "the goal", "--workflow", "w"]);
    repo.wait_for_file("slow.runs");
    repo.set("limits", "grace_seconds", json!(0));
    let cancelling = repo.start(["cancel", "last"]);
    repo.wait_for_event("it is asked for", |event| event["kind"] == "cancel_asked");
    assert!(!processes_with(&gate).is_empty(), "they do not listen");
    running.kill();
    cancelling.ends().exits(0);
    assert_eq!(processes_with(&gate), Vec::<String>::new());
    assert_eq!(
        (status(&repo)["status"].as_str(), state(&repo, "slow").as_str()),
        (Some("cancelled"), "cancelled")
    );
}

#[test]
fn nobody_is_asked_to_end_before_the_wish_is_recorded() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let running =
        start(&repo, "## slow\nrun: trap 'touch asked; exit 1' TERM; touch began; sleep 300 & wait\n", &[]);
    repo.wait_for_file("began");
    // It takes long enough for a child that was asked already to say so.
    let refuses = "CREATE TRIGGER refuses BEFORE INSERT ON events WHEN NEW.kind = 'cancel_asked' BEGIN
                   SELECT length(hex(zeroblob(20000000))); SELECT RAISE(ABORT, 'not this one'); END";
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    store.execute_batch(refuses).expect("a trigger");
    let told = repo.crew(["cancel", "last"]);
    assert!(told.exit != 0 && running.ends().exit != 0, "{told:?}");
    assert!(!repo.root.join("asked").exists(), "it was asked to end, and nobody knows why");
    repo.leaves_no_process();
    store.execute_batch("DROP TRIGGER refuses").expect("none");
    repo.crew(["cancel", "last"]).exits(0);
    assert_eq!(status(&repo)["status"], "cancelled");
}

#[test]
#[cfg(target_os = "linux")]
fn a_crew_process_that_does_not_answer_is_killed_only_if_that_is_asked_for() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    let running = start(&repo, STEPS, &[]);
    repo.wait_for_file("slow.runs");
    repo.set("limits", "grace_seconds", json!(0));
    running.signal(libc::SIGSTOP);
    let before = repo.events();
    let refused = repo.crew(["cancel", "last", "--wait", "0", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "busy");
    let message = refused["message"].as_str().expect("a message");
    assert!(message.contains("it is stopped; nothing was cancelled"), "{message}");
    let hint = refused["hint"].as_str().expect("a hint");
    assert!(hint.contains("--force") && hint.contains(&format!("kill -CONT {}", running.pid())), "{hint}");
    assert_eq!(repo.events(), before);
    assert!(!processes_with(&gate).is_empty());
    let forced = repo.crew(["cancel", "last", "--wait", "0", "--force"]).exits(0);
    assert!(forced.err.contains("does not answer; it is killed"), "{}", forced.err);
    assert_eq!(processes_with(&gate), Vec::<String>::new());
    assert_eq!(status(&repo)["status"], "cancelled");
    assert_eq!(running.ends().exit, -1);
}

#[test]
#[cfg(target_os = "linux")]
fn who_kills_crew_for_one_task_is_told_what_becomes_of_the_others() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    let step = |id: &str| format!("## {id}\nrole: reviewer\nagent: stubborn\n\nLook.\n\n");
    let running = start(&repo, &(step("one") + &step("two")), &[]);
    repo.wait_for_file("one.runs");
    repo.wait_for_file("two.runs");
    repo.set("limits", "grace_seconds", json!(0));
    running.signal(libc::SIGSTOP);
    let refused = repo.crew(["cancel", "last", "one", "--wait", "0", "--json"]).exits(4).json_error();
    let hint = refused["hint"].as_str().expect("a hint");
    assert!(
        hint.contains("and ends this task; the run's other tasks are interrupted: crew resume "),
        "{hint}"
    );
    let forced = repo.crew(["cancel", "last", "one", "--wait", "0", "--force"]).exits(0);
    let said = "is interrupted: no crew process carries it out; still at work without one: two (pid ";
    assert!(forced.err.contains(said) && forced.err.contains("next  crew resume "), "{}", forced.err);
    assert!(!processes_with(&gate).is_empty());
    assert_eq!(running.ends().exit, -1);
    repo.crew(["cancel", "last"]).exits(0);
    assert_eq!(processes_with(&gate), Vec::<String>::new());
}

#[test]
#[cfg(target_os = "linux")]
fn a_crew_process_that_does_not_come_to_an_end_is_killed_only_if_that_is_asked_for() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let gate = stubborn(&repo);
    repo.workflow("w", STEPS);
    repo.set("limits", "grace_seconds", json!(300));
    let running = repo.start(["run", "the goal", "--workflow", "w"]);
    repo.wait_for_file("slow.runs");
    // It answers, and gives them a time that nobody wants to wait for.
    repo.set("limits", "grace_seconds", json!(0));
    repo.set("limits", "drain_seconds", json!(0));
    let forced = repo.crew(["cancel", "last", "--wait", "1", "--force"]).exits(0);
    assert!(forced.err.contains("does not come to an end; it is killed"), "{}", forced.err);
    assert_eq!(processes_with(&gate), Vec::<String>::new());
    assert_eq!(status(&repo)["status"], "cancelled");
    assert_eq!(running.ends().exit, -1);
}

#[test]
fn an_agent_that_was_about_to_start_never_does() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let hold = repo.gate("hold");
    repo.set(
        "worktrees",
        "setup",
        json!(format!("touch {0}.on; while [ -e {0} ]; do sleep 0.02; done", hold.display())),
    );
    repo.one_step("worktree: true", &format!("touch:{}", repo.beside("ran").display()));
    let running = repo.start_run("one");
    wait_until("the worktree is being made ready", || hold.with_file_name("gate-hold.on").exists());
    repo.crew(["cancel", "work"]).exits(0);
    assert_eq!(running.ends().exits(1).json()["status"], "cancelled");
    assert!(!repo.beside("ran").exists());
    let events = repo.events();
    let ended = &of_kind(&events, "attempt_ended")[0]["ending"];
    assert!(ended["signal"].is_null(), "it was started to be ended: {ended}");
    repo.leaves_no_process();
}

#[test]
fn what_is_over_waits_or_is_not_there() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: true\n");
    repo.run_json("w", 0);
    let before = repo.events();
    for target in [["cancel", "last"], ["cancel", "a"]] {
        assert_eq!(repo.crew(target.iter().chain(&["--json"])).exits(4).json_error()["code"], "settled");
    }
    assert_eq!(repo.events(), before);
    let unknown = [
        ("nobody", "unknown_task"),
        ("nobody:a", "unknown_run"),
        ("last:b", "unknown_task"),
        ("last:a", "settled"),
    ];
    for (name, code) in unknown {
        assert_eq!(repo.crew(["cancel", name, "--json"]).exits(4).json_error()["code"], code, "{name}");
    }
    assert_eq!(repo.crew(["cancel", "last", "b", "--json"]).exits(4).json_error()["code"], "unknown_task");
    repo.crew(["cancel"]).exits(2);
    repo.workflow("gated", "## a\nrun: true\ngate: before\n\n## b\nrun: true\ndependsOn: a\n");
    repo.crew(["run", "the goal", "--workflow", "gated"]).exits(3);
    let mut agent = repo.command(["cancel", "last"]);
    agent.env("CREW_TOKEN", "t");
    assert!(run_command(agent).exits(4).err.contains("an agent cannot decide for a person"));
    repo.crew(["cancel", "last", "--quiet"]).exits(0);
    assert_eq!(status(&repo)["status"], "cancelled");
    assert_eq!([state(&repo, "a"), state(&repo, "b")], ["cancelled", "cancelled"]);
    assert_eq!(repo.crew(["gates", "--json"]).exits(0).json()["meta"]["count"], 0);
}
