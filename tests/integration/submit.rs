//! `crew submit`: what an agent hands in is checked, applied once, and answered.

use crate::support::{Ran, TestRepo, of_kind, task, wait_until};
use serde_json::{Value, json};

/// Returns the environment that an agent kept with `keep-env`.
fn kept_environment(repo: &TestRepo, name: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repo.beside(name)).expect("an environment");
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Submits from outside in the name of an attempt.
fn submit_as(repo: &TestRepo, environment: &[(String, String)], summary: &str) -> Ran {
    let mut command = repo.command(["submit", "result", "--summary", summary]);
    command.args(["--confidence", "0.5", "--rationale", "late"]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.output().expect("crew runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { exit: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

fn result_of(repo: &TestRepo, task: &str) -> Value {
    serde_json::from_str(&repo.artifact(&format!("results/{task}.1.json"))).expect("a result")
}

#[test]
fn every_flag_arrives() {
    let repo = TestRepo::new();
    repo.one_step("", "submit-args:--summary\\ short\\ --confidence\\ 0.25\\ --rationale\\ looked\\ --no-change-reason\\ none");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "short");
    assert_eq!(
        result_of(&repo, "work"),
        json!({"summary": "short", "confidence": 0.25, "rationale": "looked", "no_change_reason": "none"})
    );
    assert!(repo.log("work", 1).contains("accepted: the result of work, attempt 1"));
}

#[test]
fn a_result_can_be_a_file() {
    let repo = TestRepo::new();
    let body = json!({"summary": "s", "confidence": 1.0, "rationale": "r", "details": "# At length",
        "no_change_reason": "n"});
    repo.write("body.json", &body.to_string());
    repo.one_step("", "submit-args:--json\\ body.json");
    repo.run_json("one", 0);
    assert_eq!(result_of(&repo, "work"), body);
    assert!(repo.artifact("results/work.1.md").contains("# At length"));
}

#[test]
fn a_result_can_come_on_standard_input() {
    let repo = TestRepo::new();
    repo.one_step("", r#"'submit-json:{"summary":"s","confidence":0.5,"rationale":"r","no_change_reason":"n","checks":[{"command":"make","exit":0}]}'"#);
    repo.run_json("one", 0);
    assert_eq!(result_of(&repo, "work")["checks"][0]["command"], "make");
}

/// Runs an agent that submits once, and asserts that it was refused with these words.
#[track_caller]
fn assert_refused(role: &str, script: &str, words: &str) {
    let repo = TestRepo::new();
    repo.agent("fake", script);
    repo.workflow("one", &format!("## work\nrole: {role}\nagent: fake\n\nDo it."));
    let run = repo.run_json("one", 1);
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!("invalid_submission")));
    assert!(work["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{work:#}");
    let log = repo.log("work", 1);
    assert!(log.contains("submit: exit 4") && log.contains(words), "{log}");
    assert!(log.contains("hint: crew submit result --summary"), "{log}");
    let events = repo.events();
    let refused = of_kind(&events, "submission_refused");
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!((&refused[0]["task"], &refused[0]["submission"]), (&json!("work"), &json!("result")));
    assert_eq!(refused[0]["code"], "invalid");
    assert!(refused[0]["reason"].as_str().is_some_and(|reason| reason.contains(words)), "{:#}", refused[0]);
}

#[test]
fn an_unknown_field_is_named_to_the_agent() {
    let body = r#"'submit-json:{"summary":"s","confidence":1,"rationale":"r","sumary":"x"}'"#;
    assert_refused("executor", body, "unknown field `sumary`");
}

#[test]
fn a_missing_field_is_named_to_the_agent() {
    assert_refused("executor", "submit-args:--summary\\ s\\ --rationale\\ r", "confidence is missing");
    assert_refused("executor", r#"'submit-json:{"confidence":1,"rationale":"r"}'"#, "summary is missing");
}

#[test]
fn a_wrong_value_is_named_to_the_agent() {
    let body = r#"'submit-json:{"summary":"s","confidence":1.5,"rationale":"r"}'"#;
    assert_refused("executor", body, "confidence 1.5 is not between 0 and 1");
}

#[test]
fn a_verifier_has_to_give_its_verdict() {
    assert_refused("verifier", "submit:fine", "verdict is missing");
}

#[test]
fn an_agent_that_was_refused_may_hand_in_again() {
    let repo = TestRepo::new();
    repo.one_step("", "submit-args:--summary\\ s submit:better");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "better");
    let log = repo.log("work", 1);
    assert!(log.contains("submit: exit 4") && log.contains("submit: exit 0"), "{log}");
}

#[test]
fn what_is_no_json_is_refused() {
    let repo = TestRepo::new();
    repo.one_step("", "submit-json:{summary");
    repo.run_json("one", 1);
    let log = repo.log("work", 1);
    assert!(log.contains("submit: exit 4") && log.contains("- is not JSON"), "{log}");
}

#[test]
fn the_same_twice_is_accepted_twice_and_recorded_once() {
    let repo = TestRepo::new();
    repo.one_step("", "submit:same submit:same");
    repo.run_json("one", 0);
    assert_eq!(repo.log("work", 1).matches("submit: exit 0").count(), 2);
    let events = repo.events();
    assert_eq!(of_kind(&events, "submission_accepted").len(), 1);
    assert_eq!(of_kind(&events, "submission_refused").len(), 0);
}

#[test]
fn something_else_after_the_first_is_a_conflict_that_shows_the_first() {
    let repo = TestRepo::new();
    repo.one_step("", "'submit:the first' 'submit:the second'");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "the first");
    let log = repo.log("work", 1);
    assert!(log.contains("refused: a different result was handed in before: \"the first\""), "{log}");
    assert_eq!(of_kind(&repo.events(), "submission_refused").len(), 1);
}

#[test]
fn after_the_run_a_result_is_too_late_refused_and_recorded() {
    let repo = TestRepo::new();
    let kept = repo.beside("environment");
    repo.one_step("", &format!("keep-env:{} submit:done", kept.display()));
    repo.run_json("one", 0);
    let environment = kept_environment(&repo, "environment");
    let late = submit_as(&repo, &environment, "late").exits(4);
    assert!(late.err.contains("refused: attempt 1 of work has ended"), "{}", late.err);
    let events = repo.events();
    let last = events.last().expect("an event");
    assert_eq!((&last["kind"], &last["task"]), (&json!("submission_refused"), &json!("work")));
    // Nothing else has changed.
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(status["status"], "completed");
    assert_eq!(result_of(&repo, "work")["summary"], "done");
    let inbox = std::fs::read_dir(repo.run_folder().join("inbox")).expect("an inbox").count();
    assert_eq!(inbox, 0, "something is left in the inbox");
}

#[test]
fn after_its_attempt_a_result_is_too_late_although_the_run_goes_on() {
    let repo = TestRepo::new();
    let (gate, kept) = (repo.gate("on"), repo.beside("environment"));
    repo.agent("early", &format!("keep-env:{} submit:early", kept.display()));
    repo.agent("long", &format!("wait-gone:{} submit:long", gate.display()));
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: {id}\n\nDo it.\n\n");
    repo.workflow("one", &(step("early") + &step("long")));
    let running = repo.start_run("one");
    repo.wait_for_event("early has ended", |event| event["kind"] == "attempt_ended");
    let late = submit_as(&repo, &kept_environment(&repo, "environment"), "late").exits(4);
    assert!(late.err.contains("attempt 1 of early has ended"), "{}", late.err);
    repo.open("on");
    let run = running.ends().exits(0).json();
    assert_eq!(task(&run, "early")["summary"], "early");
}

#[test]
fn an_attempt_that_was_tried_again_hands_in_nothing_more() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    let (gate, kept) = (repo.gate("second"), repo.beside("environment"));
    let error = r#"'1?say:{"crew":"error","kind":"overloaded","message":"busy"}'"#;
    let end = r#"'say:{"crew":"end","ok":true}'"#;
    let script = format!(
        "1?keep-env:{} {error} 1?exit:0 wait-gone:{} submit:second {end}",
        kept.display(),
        gate.display()
    );
    repo.one_step_in_protocol("", &script);
    let running = repo.start_run("one");
    repo.wait_for_event("the second attempt runs", |event| {
        event["kind"] == "process_started" && event["attempt"] == 2
    });
    let late = submit_as(&repo, &kept_environment(&repo, "environment"), "first").exits(4);
    assert!(late.err.contains("attempt 1 of work has ended"), "{}", late.err);
    repo.open("second");
    let run = running.ends().exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "second");
}

#[test]
fn a_wrong_token_is_refused_and_recorded() {
    let repo = TestRepo::new();
    repo.one_step("", "env:CREW_TOKEN=guessed submit:done");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["state"], "needs_review");
    let log = repo.log("work", 1);
    assert!(log.contains("refused: the token belongs to no attempt of this run"), "{log}");
    let events = repo.events();
    let refused = of_kind(&events, "submission_refused");
    assert_eq!((refused.len(), refused[0].get("task")), (1, None), "{refused:#?}");
}

#[test]
fn a_token_counts_for_its_own_run_alone() {
    let repo = TestRepo::new();
    repo.one_step("", &format!("keep-env:{} submit:done", repo.beside("first").display()));
    repo.run_json("one", 0);
    repo.one_step("", &format!("keep-env:{} submit:done", repo.beside("second").display()));
    repo.run_json("one", 0);
    let first = kept_environment(&repo, "first");
    let token = first.into_iter().filter(|(name, _)| name == "CREW_TOKEN");
    let others = kept_environment(&repo, "second").into_iter().filter(|(name, _)| name != "CREW_TOKEN");
    let mixed: Vec<_> = others.chain(token).collect();
    let refused = submit_as(&repo, &mixed, "mixed").exits(4);
    assert!(refused.err.contains("the token belongs to no attempt of this run"), "{}", refused.err);
}

#[test]
fn without_an_attempt_there_is_nothing_to_hand_in() {
    let repo = TestRepo::new();
    let ran =
        repo.crew(["submit", "result", "--summary", "s", "--confidence", "1", "--rationale", "r"]).exits(4);
    assert!(ran.err.contains("CREW_INBOX is not set"), "{}", ran.err);
    assert!(ran.err.contains("hint: "), "{}", ran.err);
    assert!(!repo.root.join(".crew").exists());
}

#[test]
fn flags_and_a_file_exclude_each_other() {
    let repo = TestRepo::new();
    repo.crew(["submit", "result", "--summary", "s", "--json", "-"]).exits(2);
}

#[test]
fn long_results_arrive_whole() {
    for (bytes, action) in
        [(8 << 10, "submit-args:--json\\ "), (1 << 20, "submit-stdin:"), (1 << 20, "submit-args:--json\\ ")]
    {
        let repo = TestRepo::new();
        let details = "abcdefgh".repeat(bytes / 8);
        let body = json!({"summary": "s", "confidence": 1.0, "rationale": "r", "details": details,
            "no_change_reason": "n"});
        let file = repo.beside("body.json");
        std::fs::write(&file, body.to_string()).expect("a file");
        repo.one_step("", &format!("{action}{}", file.display()));
        repo.run_json("one", 0);
        assert_eq!(result_of(&repo, "work"), body);
    }
}

#[test]
fn a_result_that_is_too_long_is_refused_with_the_limit() {
    let repo = TestRepo::new();
    let body = json!({"summary": "s", "confidence": 1.0, "rationale": "r", "details": "x".repeat(5 << 20)});
    let file = repo.beside("body.json");
    std::fs::write(&file, body.to_string()).expect("a file");
    repo.one_step("", &format!("submit-args:--json\\ {}", file.display()));
    repo.run_json("one", 1);
    let log = repo.log("work", 1);
    assert!(log.contains("details is longer than 4194304 bytes"), "{log}");
}

#[test]
fn a_file_beyond_all_bounds_is_refused_for_its_length_and_not_for_its_json() {
    let repo = TestRepo::new();
    let body = json!({"summary": "s", "confidence": 1.0, "rationale": "r", "details": "x".repeat(17 << 20)});
    let file = repo.beside("body.json");
    std::fs::write(&file, body.to_string()).expect("a file");
    repo.one_step("", &format!("submit-args:--json\\ {}", file.display()));
    repo.run_json("one", 1);
    let log = repo.log("work", 1);
    assert!(log.contains("submit: exit 4"), "{log}");
    assert!(!log.contains("is not JSON"), "{log}");
}

#[test]
fn twenty_agents_hand_in_at_once() {
    let repo = TestRepo::new();
    let gate = repo.gate("all");
    repo.agent("fake", &format!("wait-gone:{} submit:done", gate.display()));
    let step = |at: usize| format!("## t{at}\nrole: explorer\nagent: fake\n\nDo it.\n\n");
    repo.workflow("many", &(0..20).map(step).collect::<String>());
    let running = repo.start(["run", "the goal", "--workflow", "many", "--jobs", "20", "--json"]);
    wait_until("all twenty run", || of_kind(&repo.events_so_far(), "process_started").len() == 20);
    repo.open("all");
    let run = running.ends().exits(0).json();
    for at in 0..20 {
        assert_eq!(task(&run, &format!("t{at}"))["summary"], "done");
    }
    let events = repo.events();
    assert_eq!(of_kind(&events, "submission_accepted").len(), 20);
    assert_eq!(of_kind(&events, "submission_refused").len(), 0);
    let inbox = std::fs::read_dir(repo.run_folder().join("inbox")).expect("an inbox").count();
    assert_eq!(inbox, 0, "something is left in the inbox");
}

#[test]
fn a_request_that_comes_twice_is_applied_once_and_answered_the_same() {
    let repo = TestRepo::new();
    let (gate, kept) = (repo.gate("on"), repo.beside("environment"));
    repo.one_step("", &format!("keep-env:{} wait-gone:{}", kept.display(), gate.display()));
    let running = repo.start_run("one");
    wait_until("the agent runs", || {
        kept.exists() && std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("CREW_TOKEN="))
    });
    let environment = kept_environment(&repo, "environment");
    let value =
        |name: &str| environment.iter().find(|(known, _)| known == name).expect("a variable").1.clone();
    let inbox = std::path::PathBuf::from(value("CREW_INBOX"));
    let result = json!({"summary": "once", "confidence": 1.0, "rationale": "r", "no_change_reason": "n"});
    let request = json!({"id": "r1", "token": value("CREW_TOKEN"), "ask": {"submit": {"kind": "result", "body": result}}});
    let mut answers = Vec::new();
    for _ in 0..2 {
        std::fs::write(inbox.join("r1.tmp"), request.to_string()).expect("a request");
        std::fs::rename(inbox.join("r1.tmp"), inbox.join("r1.request")).expect("a request");
        let answer = inbox.join("r1.answer");
        wait_until("there is an answer", || answer.exists() && !inbox.join("r1.request").exists());
        answers.push(std::fs::read_to_string(&answer).expect("an answer"));
        std::fs::remove_file(&answer).expect("an answer");
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("accepted"), "{}", answers[0]);
    repo.open("on");
    running.ends().exits(0);
    assert_eq!(of_kind(&repo.events(), "submission_accepted").len(), 1);
}
