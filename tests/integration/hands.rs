//! Many processes at one run: one owns it, the others are refused, wait, or hand in their requests.

use crate::support::crowd::Crowd;
use crate::support::{Running, TestRepo, of_kind, task, wait_until};
use serde_json::json;
use std::path::PathBuf;

/// A run of one step whose agent waits at the gate `on` in its first attempt.
fn held_run(repo: &TestRepo) -> Running {
    let gate = repo.gate("on");
    repo.one_step("", &format!("1?wait-gone:{} submit:done", gate.display()));
    let running = repo.start_run("one");
    wait_for_the_agent(repo, 1);
    running
}

fn wait_for_the_agent(repo: &TestRepo, attempt: u32) {
    repo.wait_for_event("the agent runs", |event| {
        event["kind"] == "process_started" && event["attempt"] == attempt
    });
}

// One owner

#[test]
fn a_run_that_somebody_owns_is_refused_at_once_with_its_owner() {
    let repo = TestRepo::new();
    let running = held_run(&repo);
    let refused = repo.crew(["resume", "last", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "busy");
    let message = refused["message"].as_str().expect("a message");
    assert!(message.contains(&format!("(pid {}, for ", running.pid())), "{message}");
    assert!(refused["hint"].as_str().expect("a hint").contains("--wait SECS"), "{refused}");
    repo.open("on");
    running.ends().exits(0);
}

#[test]
fn who_waits_says_so_after_a_second_and_gives_up_in_the_end() {
    let repo = TestRepo::new();
    let running = held_run(&repo);
    let refused = repo.crew(["resume", "last", "--wait", "2"]).exits(4);
    let told: Vec<&str> = refused.err.lines().collect();
    assert!(told[0].ends_with("; waiting for up to 2.0s"), "{told:?}");
    assert!(told[1].starts_with("refused: ") && told[1].contains("(pid "), "{told:?}");
    let quiet = repo.crew(["resume", "last", "--wait", "2", "--quiet"]).exits(4);
    assert!(!quiet.err.contains("waiting for"), "{}", quiet.err);
    repo.open("on");
    running.ends().exits(0);
}

#[test]
fn who_waits_goes_on_with_the_run_when_its_owner_is_gone() {
    let repo = TestRepo::new();
    let running = held_run(&repo);
    let waiting = repo.start(["resume", "last", "--wait", "60", "--json"]);
    running.kill();
    wait_for_the_agent(&repo, 2);
    let run = waiting.ends().exits(0).json();
    assert_eq!((task(&run, "work")["attempts"].as_u64(), &run["status"]), (Some(2), &"completed".into()));
    repo.leaves_no_process();
}

#[test]
fn of_two_who_resume_at_once_one_is_refused() {
    let repo = TestRepo::new();
    held_run(&repo).kill();
    let gate = repo.gate("two");
    repo.agent("fake", &format!("wait-gone:{} submit:done", gate.display()));
    let mut both = [repo.start(["resume", "last", "--json"]), repo.start(["resume", "last", "--json"])];
    wait_until("one is refused", || both.iter_mut().any(|one| one.has_ended()));
    repo.open("two");
    let mut ended = both.map(Running::ends);
    ended.sort_by_key(|ran| ran.exit);
    assert_eq!(ended.each_ref().map(|ran| ran.exit), [0, 4], "{ended:?}");
    assert_eq!(ended[1].json_error()["code"], "busy");
    assert_eq!(of_kind(&repo.events(), "dispatcher_started").len(), 2);
    repo.leaves_no_process();
}

// Many requests

#[test]
fn of_64_processes_that_hand_in_at_once_none_is_lost_and_none_counts_twice() {
    let repo = TestRepo::new();
    let crowd =
        Crowd { tasks: 64, open_at_once: 16, hands: 64, each: 20, kill_one_of: 20, owner_dies: false };
    let (account, ran) = crowd.carry_out(&repo, |running| running);
    assert_eq!(account.wrong, Vec::<String>::new());
    assert_eq!(account.requests, 64 * 20);
    for class in ["accepted", "conflict", "invalid", "unknown_token", "late"] {
        assert!(account.told.contains_key(class), "{:?}", account.told);
    }
    assert!(account.killed > 0);
    assert!(account.left_in_inbox <= account.killed, "{} files are left", account.left_in_inbox);
    // Whoever could not hand in because all of its requests were killed would need review; with 20 each that is nobody.
    ran.exits(0);
    repo.leaves_no_process();
}

#[test]
fn none_is_lost_either_when_the_owner_dies_and_another_one_takes_over() {
    let repo = TestRepo::new();
    let crowd = Crowd { tasks: 24, open_at_once: 8, hands: 32, each: 16, kill_one_of: 20, owner_dies: true };
    let (account, ran) = crowd.carry_out(&repo, |running| {
        running.kill();
        repo.start(["resume", "last", "--wait", "60", "--json", "--quiet"])
    });
    assert_eq!(account.wrong, Vec::<String>::new());
    assert_eq!(account.requests, 24 * 16);
    // What had handed in when the owner died is judged by the next one.
    ran.exits(0);
    assert_eq!(of_kind(&repo.events(), "dispatcher_started").len(), 2);
    repo.leaves_no_process();
}

#[test]
fn an_answer_that_nobody_takes_goes_with_its_attempt() {
    let repo = TestRepo::new();
    let kept = repo.beside("who");
    let gate = repo.gate("on");
    repo.one_step("", &format!("keep-env:{} wait-gone:{}", kept.display(), gate.display()));
    let running = repo.start_run("one");
    wait_until("the agent runs", || kept.exists());
    let who = std::fs::read_to_string(&kept).expect("what the agent wrote down");
    let value = |name: &str| {
        let line = who.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.expect("a variable").to_owned()
    };
    let inbox = PathBuf::from(value("CREW_INBOX"));
    let body = json!({"summary": "done", "confidence": 1.0, "rationale": "r", "no_change_reason": "none was asked for"});
    let ask = json!({"submit": {"kind": "result", "body": body}});
    let request = json!({"id": "r1", "token": value("CREW_TOKEN"), "ask": ask});
    std::fs::write(inbox.join("r1.new"), request.to_string()).expect("a request");
    std::fs::rename(inbox.join("r1.new"), inbox.join("r1.request")).expect("a request");
    wait_until("there is an answer", || inbox.join("r1.answer").exists());
    repo.open("on");
    running.ends().exits(0);
    assert_eq!(std::fs::read_dir(&inbox).expect("an inbox").count(), 0);
}
