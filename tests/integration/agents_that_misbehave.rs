//! Agents that lie, hang, flood, crash, and leave processes behind.

use crate::support::{FAKE_AGENT, TestRepo, of_kind, processes_with, task};
use serde_json::{Value, json};

/// The last line that the protocol of crew promises.
const END: &str = r#"'say:{"crew":"end","ok":true}'"#;
/// What the crew process may hold in memory, whatever an agent prints.
const MEMORY_KIB: u64 = 60 * 1024;

/// Asserts how the one task of a run ended.
#[track_caller]
fn assert_ended(run: &Value, state: &str, error_kind: Option<&str>, reason: &str) {
    let work = task(run, "work");
    let seen = (work["state"].as_str(), work["error_kind"].as_str(), work["reason"].as_str());
    assert_eq!(seen, (Some(state), error_kind, Some(reason)), "{work:#}");
}

#[test]
fn an_agent_that_says_it_is_done_and_hands_in_nothing_needs_review() {
    let repo = TestRepo::new();
    repo.one_step("", "'say:All tests pass, everything is done'");
    let run = repo.run_json("one", 1);
    assert_ended(&run, "needs_review", None, "it ended without a submission");
}

#[test]
fn an_agent_that_hands_in_is_completed() {
    let repo = TestRepo::new();
    repo.one_step("", "say:working submit:finished");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "finished");
    assert!(repo.log("work", 1).contains("submit: exit 0"));
}

#[test]
fn plain_output_is_enough_where_the_step_says_so() {
    let repo = TestRepo::new();
    repo.one_step("submit: optional", "touch:made say:first 'say:the last words'");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "the last words");
    assert!(repo.artifact("results/work.1.md").contains("the last words"));
}

#[test]
fn an_agent_without_a_word_needs_review_even_where_plain_output_is_enough() {
    let repo = TestRepo::new();
    repo.one_step("submit: optional", "exit:0");
    assert_ended(&repo.run_json("one", 1), "needs_review", None, "it ended without a word");
}

#[test]
fn an_agent_that_crashes_where_plain_output_is_enough_has_failed() {
    let repo = TestRepo::new();
    repo.one_step("submit: optional", "say:half exit:3");
    assert_ended(&repo.run_json("one", 1), "failed", Some("unknown"), "it crashed: exit 3");
}

// Hanging

#[test]
fn an_agent_that_hangs_is_ended_at_the_timeout_of_its_step() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("timeout: 1s", &format!("say:working wait-gone:{}", gate.display()));
    assert_ended(&repo.run_json("one", 1), "failed", Some("attempt_timeout"), "its time was used up");
    repo.leaves_no_process();
}

#[test]
fn an_agent_that_hangs_is_ended_at_the_limit_of_the_settings() {
    let repo = TestRepo::new();
    repo.set("limits", "attempt_seconds", json!(1));
    let gate = repo.gate("hang");
    repo.one_step("", &format!("wait-gone:{}", gate.display()));
    assert_ended(&repo.run_json("one", 1), "failed", Some("attempt_timeout"), "its time was used up");
}

#[test]
fn an_agent_that_hangs_after_it_handed_in_needs_review() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("timeout: 8s", &format!("submit:done wait-gone:{}", gate.display()));
    let reason = "it handed in a result, but then its time was used up";
    assert_ended(&repo.run_json("one", 1), "needs_review", None, reason);
}

#[test]
fn a_command_that_hangs_is_ended_at_its_timeout() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.workflow("one", &format!("## work\nrun: {FAKE_AGENT} wait-gone:{}\ntimeout: 1s\n", gate.display()));
    assert_ended(&repo.run_json("one", 1), "failed", Some("attempt_timeout"), "its time was used up");
    repo.leaves_no_process();
}

#[test]
fn a_check_that_hangs_is_ended_and_fails_the_task() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let keys = format!("timeout: 8s\nverify: {FAKE_AGENT} wait-gone:{}", gate.display());
    repo.one_step(&keys, "submit:done");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["state"], "failed");
    assert_eq!(task(&run, "work")["error_kind"], "verify_failed");
    repo.leaves_no_process();
}

#[test]
fn an_agent_that_streams_and_falls_silent_is_ended() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(1));
    let gate = repo.gate("hang");
    let mut steps = String::new();
    for output in ["crew", "jsonl"] {
        let how = json!({"prompt": "argument", "output": output});
        repo.agent_with(output, &format!("'say:{{}}' wait-gone:{}", gate.display()), how);
        steps.push_str(&format!("## in-{output}\nrole: executor\nagent: {output}\n\nDo it.\n\n"));
    }
    repo.workflow("one", &steps);
    let run = repo.run_json("one", 1);
    for id in ["in-crew", "in-jsonl"] {
        assert_eq!(task(&run, id)["error_kind"], "silent");
        assert_eq!(task(&run, id)["reason"], "it printed nothing for too long");
    }
    repo.leaves_no_process();
}

#[test]
fn silence_means_nothing_for_an_agent_that_streams_nothing() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(1));
    repo.one_step("", "sleep:2500 submit:done");
    repo.run_json("one", 0);
}

#[test]
fn an_agent_that_streams_slowly_is_left_alone() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(5));
    let slow = r#"'say:{"crew":"waiting","reason":"busy"}' sleep:1500 "#.repeat(4);
    repo.one_step_in_protocol("", &format!("{slow} submit:done {END}"));
    repo.run_json("one", 0);
}

// Printing

/// Carries out a step that prints `megabytes` and looks at the memory of crew while the agent still lives.
fn flood(script: &str, megabytes: u64) {
    let repo = TestRepo::new();
    let gate = repo.gate("flooded");
    let flooded = repo.beside("flooded");
    let (gate, mark) = (gate.display(), flooded.display());
    repo.one_step("", &format!("{script}:{megabytes} touch:{mark} wait-gone:{gate} submit:done"));
    let running = repo.start_run("one");
    crate::support::wait_until("all is printed", || flooded.exists());
    let peak = running.peak_memory();
    repo.open("flooded");
    let run = running.ends().exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "done");
    let log = std::fs::metadata(repo.run_folder().join("logs/work.1.log")).expect("a log").len();
    assert!(log >= megabytes << 20, "the log has only {log} bytes");
    if cfg!(target_os = "linux") {
        let peak = peak.expect("crew still ran");
        assert!(peak < MEMORY_KIB, "crew held {peak} KiB");
    }
}

#[test]
fn a_flood_of_64_megabytes_is_kept_in_the_log_and_not_in_memory() {
    flood("flood", 64);
}

#[test]
fn a_line_of_50_megabytes_is_kept_in_the_log_and_not_in_memory() {
    flood("long-line", 50);
}

#[test]
#[ignore = "a gigabyte takes its time"]
fn a_flood_of_a_gigabyte_is_kept_in_the_log_and_not_in_memory() {
    flood("flood", 1024);
}

#[test]
fn a_command_that_floods_goes_straight_to_its_log() {
    let repo = TestRepo::new();
    repo.workflow("one", &format!("## work\nrun: {FAKE_AGENT} flood:64\n"));
    repo.run_json("one", 0);
    let log = std::fs::metadata(repo.run_folder().join("logs/work.1.log")).expect("a log").len();
    assert_eq!(log, 64 << 20);
}

#[test]
fn an_agent_that_prints_more_than_is_allowed_is_ended() {
    let repo = TestRepo::new();
    repo.set("limits", "output_mb", json!(1));
    let gate = repo.gate("hang");
    repo.one_step("", &format!("flood:8 wait-gone:{}", gate.display()));
    let reason = "it printed more than is allowed";
    assert_ended(&repo.run_json("one", 1), "failed", Some("output_too_large"), reason);
    repo.leaves_no_process();
}

#[test]
fn a_command_that_prints_more_than_is_allowed_is_ended() {
    let repo = TestRepo::new();
    repo.set("limits", "output_mb", json!(1));
    let gate = repo.gate("hang");
    repo.workflow("one", &format!("## work\nrun: {FAKE_AGENT} flood:8 wait-gone:{}\n", gate.display()));
    let reason = "it printed more than is allowed";
    assert_ended(&repo.run_json("one", 1), "failed", Some("output_too_large"), reason);
    repo.leaves_no_process();
}

#[test]
fn an_agent_that_prints_too_much_after_it_handed_in_needs_review() {
    let repo = TestRepo::new();
    repo.set("limits", "output_mb", json!(1));
    repo.one_step("", "submit:done flood:8");
    let run = repo.run_json("one", 1);
    let reason = "it handed in a result, but then it printed more than is allowed";
    assert_ended(&run, "needs_review", None, reason);
}

#[test]
fn bytes_that_are_no_text_do_no_harm_in_the_log() {
    let repo = TestRepo::new();
    repo.one_step("submit: optional", "touch:made garbage");
    let run = repo.run_json("one", 0);
    assert_eq!(repo.log("work", 1), "\u{fffd}\u{fffd}\u{fffd}(\n\u{fffd}\u{fffd}\n");
    let summary = task(&run, "work")["summary"].as_str().expect("a summary").to_owned();
    assert!(summary.chars().all(|c| !c.is_control()), "{summary:?}");
    let result = repo.artifact("results/work.1.md");
    assert!(result.chars().all(|c| !c.is_control() || c == '\n'), "{result:?}");
}

#[test]
fn lines_that_are_not_of_the_protocol_are_counted_and_passed_over() {
    let repo = TestRepo::new();
    repo.one_step_in_protocol("", &format!("garbage 'say:{{\"crew\":\"dance\"}}' submit:done {END}"));
    repo.run_json("one", 0);
    let ended = of_kind(&repo.events(), "attempt_ended")[0].clone();
    assert!(ended["ending"]["odd_lines"].as_u64() >= Some(3), "{ended:#}");
}

// Ending

#[test]
fn an_agent_that_ignores_term_is_killed_after_the_grace() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(1));
    let gate = repo.gate("hang");
    repo.one_step("timeout: 4s", &format!("ignore-term wait-gone:{}", gate.display()));
    let run = repo.run_json("one", 1);
    assert_ended(&run, "failed", Some("attempt_timeout"), "its time was used up");
    assert_eq!(task(&run, "work")["signal"], 9);
    repo.leaves_no_process();
}

#[test]
fn a_grandchild_that_ignores_term_is_gone_when_the_run_ends() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(1));
    repo.one_step("", "grandchild submit:done");
    repo.run_json("one", 0);
    let ended = of_kind(&repo.events(), "attempt_ended")[0].clone();
    assert_eq!(ended["ending"]["left_behind"], true, "{ended:#}");
    repo.leaves_no_process();
}

#[test]
#[cfg(target_os = "linux")]
fn a_grandchild_that_left_the_group_is_gone_when_the_run_ends() {
    let repo = TestRepo::new();
    let gate = repo.gate("hold");
    repo.one_step("", &format!("leave-group:{} submit:done", gate.display()));
    repo.run_json("one", 0);
    repo.leaves_no_process();
    assert!(gate.exists(), "the grandchild was ended and did not end by itself");
}

#[test]
fn a_grandchild_without_marks_that_holds_the_output_delays_the_end_for_a_bounded_time() {
    let repo = TestRepo::new();
    repo.set("limits", "drain_seconds", json!(1));
    let gate = repo.gate("hold");
    repo.one_step("", &format!("hide:{} say:before submit:done", gate.display()));
    // It ends although the grandchild holds the pipe until the gate is opened, which nobody does.
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "done");
    assert!(repo.log("work", 1).contains("before"));
    // Linux gives orphans to crew, with marks or without; elsewhere nobody knows of this one.
    assert_eq!(processes_with(&gate).is_empty(), cfg!(target_os = "linux"));
    assert!(gate.exists(), "it did not end by itself");
    repo.open("hold");
    repo.leaves_no_process();
}

#[test]
fn an_agent_that_ends_by_a_signal_has_failed() {
    for signal in [9, 15] {
        let repo = TestRepo::new();
        repo.one_step("", &format!("say:working signal:{signal}"));
        let run = repo.run_json("one", 1);
        let reason = format!("it crashed: ended by signal {signal}");
        assert_ended(&run, "failed", Some("unknown"), &reason);
        assert_eq!(task(&run, "work")["signal"], signal);
    }
}

#[test]
fn an_agent_that_crashes_after_it_handed_in_needs_review() {
    let repo = TestRepo::new();
    repo.one_step("", "submit:done exit:3");
    let run = repo.run_json("one", 1);
    let reason = "it handed in a result, but then ended badly: exit 3";
    assert_ended(&run, "needs_review", None, reason);
    assert_eq!(task(&run, "work")["exit"], 3);
}

#[test]
fn a_missing_program_is_said_before_anything_starts() {
    let repo = TestRepo::new();
    repo.set("agents", "gone", json!({"command": "no-such-program --fast", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: gone\n\nDo it.");
    let ran = repo.crew(["run", "the goal", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("`no-such-program` is not on PATH"), "{}", ran.err);
    assert!(!repo.root.join(".crew/crew.db").exists(), "something was recorded");
}

#[test]
fn a_program_that_goes_while_the_run_is_on_fails_its_own_task_alone() {
    let repo = TestRepo::new();
    let program = repo.beside("program");
    std::os::unix::fs::symlink(FAKE_AGENT, &program).expect("a link");
    repo.set(
        "agents",
        "brief",
        json!({"command": format!("{} submit:done --", program.display()), "writes": true}),
    );
    let steps = format!(
        "## remove\nrun: rm {}\n\n## work\nrole: executor\nagent: brief\ndependsOn: remove\n\nDo it.\n\n## other\nrun: true\ndependsOn: remove\n",
        program.display()
    );
    repo.workflow("one", &steps);
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["state"], "failed");
    assert_eq!(task(&run, "work")["error_kind"], "agent_not_found");
    assert_eq!(task(&run, "other")["state"], "completed");
}

// Saying

#[test]
fn an_agent_of_the_protocol_that_ends_without_its_final_event_has_failed() {
    let repo = TestRepo::new();
    let said = r#"'say:{"crew":"message","text":"All done"}'"#;
    repo.one_step_in_protocol("submit: optional", said);
    let reason = "its output stopped without a final event";
    assert_ended(&repo.run_json("one", 1), "failed", Some("protocol_error"), reason);
}

#[test]
fn an_agent_that_told_its_final_event_and_lingers_is_ended_and_has_succeeded() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(1));
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("submit:done {END} wait-gone:{}", gate.display()));
    repo.run_json("one", 0);
    repo.leaves_no_process();
}

#[test]
fn an_error_event_is_believed_and_exit_0_is_not() {
    let repo = TestRepo::new();
    let said = r#"'say:{"crew":"error","kind":"model_not_available","message":"no such model"}' exit:0"#;
    repo.one_step_in_protocol("", said);
    let run = repo.run_json("one", 1);
    assert_ended(&run, "failed", Some("model_not_available"), "no such model");
    assert_eq!(task(&run, "work")["attempts"], 1);
}

#[test]
fn an_agent_that_goes_on_with_a_dead_key_is_ended_at_once() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let said = r#"'say:{"crew":"error","kind":"auth_failed","message":"bad key"}'"#;
    repo.one_step_in_protocol("", &format!("{said} wait-gone:{}", gate.display()));
    assert_ended(&repo.run_json("one", 1), "failed", Some("auth_failed"), "bad key");
    repo.leaves_no_process();
}

#[test]
fn a_final_event_that_is_not_ok_fails_the_attempt() {
    let repo = TestRepo::new();
    repo.one_step_in_protocol("submit: optional", r#"'say:{"crew":"end","ok":false,"text":"I gave up"}'"#);
    assert_ended(&repo.run_json("one", 1), "failed", Some("unknown"), "I gave up");
}

// Trying again

/// An agent whose first attempt meets a limit of the provider.
fn limited_once() -> String {
    let said = r#"'1?say:{"crew":"error","kind":"rate_limited","message":"429 slow down"}'"#;
    format!("{said} 1?exit:0 submit:done {END}")
}

#[test]
fn a_limit_of_the_provider_is_tried_again_and_the_second_attempt_counts() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    repo.one_step_in_protocol("", &limited_once());
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["attempts"], 2);
    let events = repo.events();
    let ended = of_kind(&events, "attempt_ended");
    assert_eq!(ended[0]["outcome"], "failed");
    assert_eq!(ended[0]["error_kind"], "rate_limited");
    assert_eq!(ended[0]["again"]["reason"], "auto_retry");
    assert_eq!(ended[1]["outcome"], "succeeded");
    assert!(repo.artifact("prompts/work.2.md").contains("429 slow down"), "the reason is passed on");
}

#[test]
fn no_retries_means_one_attempt() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    repo.one_step_in_protocol("retries: 0", &limited_once());
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["attempts"], 1);
    assert_eq!(task(&run, "work")["error_kind"], "rate_limited");
}

#[test]
fn retries_are_bounded() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    repo.one_step("retries: 2\nverify: test -f never", "submit:done");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["attempts"], 3);
    assert_eq!(task(&run, "work")["error_kind"], "verify_failed");
}

#[test]
fn a_failed_check_is_tried_again_where_the_step_asks_for_it() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(1));
    repo.one_step("retries: 1\nverify: test -f better", "2?touch:better submit:done");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["attempts"], 2);
}

#[test]
fn a_failed_check_is_final_where_the_step_asks_for_nothing() {
    let repo = TestRepo::new();
    repo.one_step("verify: test -f better", "2?touch:better submit:done");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["attempts"], 1);
}

// Being checked

#[test]
fn a_claim_that_the_checks_do_not_bear_out_has_failed() {
    let repo = TestRepo::new();
    repo.one_step("verify: test -f made\nverify: touch second-check-ran", "submit:done");
    let run = repo.run_json("one", 1);
    assert_ended(&run, "failed", Some("verify_failed"), "`test -f made` failed: exit 1");
    assert!(!repo.root.join("second-check-ran").exists(), "a check ran after one that failed");
    assert!(!repo.kinds().contains(&"submission_refused".to_owned()));
}

#[test]
fn every_check_has_to_pass_and_what_it_said_is_in_the_log() {
    let repo = TestRepo::new();
    repo.one_step("verify: test -f made\nverify: echo second check", "touch:made submit:done");
    repo.run_json("one", 0);
    let events = repo.events();
    assert_eq!(of_kind(&events, "verification_started").len(), 1);
    let commands: Vec<_> =
        of_kind(&events, "verification_ended").iter().map(|ended| ended["command"].clone()).collect();
    assert_eq!(commands, ["test -f made", "echo second check"]);
    let logs = repo.crew(["logs", "last", "work"]).exits(0);
    assert!(logs.out.contains("second check"), "{}", logs.out);
}

#[test]
fn less_confidence_than_the_step_asks_for_needs_review() {
    let repo = TestRepo::new();
    repo.one_step("confidence: 0.95", "submit:done");
    let reason = "confidence 0.9 is below the 0.95 that the step asks for";
    assert_ended(&repo.run_json("one", 1), "needs_review", None, reason);
    repo.one_step("confidence: 0.9", "submit:done");
    repo.run_json("one", 0);
}

#[test]
fn a_verifier_that_says_fail_fails_its_task() {
    let repo = TestRepo::new();
    repo.agent(
        "fake",
        r#"'submit-json:{"summary":"2 tests fail","confidence":1,"rationale":"ran them","verdict":"fail"}'"#,
    );
    repo.workflow("one", "## work\nrole: verifier\nagent: fake\n\nCheck it.");
    assert_ended(&repo.run_json("one", 1), "failed", Some("verify_failed"), "its verdict is: fail");
}
