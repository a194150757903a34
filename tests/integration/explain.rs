//! `crew explain`: why something is where it is, what proves it, and commands that work as they are printed.

use crate::support::{CREW, Ran, TestRepo, run_command, wait_until};
use crew::domain::error_kind::ErrorKind;
use serde_json::{Value, json};
use std::path::Path;

/// Explains as data and as text, which say the same, and whose evidence is in the record.
#[track_caller]
fn explain(repo: &TestRepo, what: &[&str]) -> Value {
    let said = repo.crew(["explain", "--json"].iter().chain(what)).exits(0).json();
    let text = repo.crew(["explain"].iter().chain(what)).exits(0);
    for sentence in said["because"].as_array().expect("sentences") {
        let sentence = sentence.as_str().expect("a text");
        assert!(sentence.ends_with('.') && !sentence.contains(".."), "{sentence}");
        // What is counted in seconds goes on.
        assert!(sentence.contains(" s ") || text.out.contains(sentence), "{sentence}\n{}", text.out);
    }
    for step in said["next"].as_array().expect("steps") {
        assert!(text.err.contains(step["command"].as_str().expect("a command")), "{step}\n{}", text.err);
    }
    let events = repo.events();
    for proof in said["evidence"].as_array().expect("events") {
        let recorded = events.iter().find(|event| event["seq"] == proof["seq"]);
        let recorded = recorded.unwrap_or_else(|| panic!("{proof} is not in the record"));
        assert_eq!((&recorded["kind"], &recorded["at"]), (&proof["kind"], &proof["at"]));
        assert!(text.out.contains(proof["at"].as_str().expect("a time")), "{proof}\n{}", text.out);
    }
    for log in said["logs"].as_array().expect("logs") {
        assert!(repo.root.join(log.as_str().expect("a path")).is_file(), "{log}");
    }
    said
}

#[track_caller]
fn says(said: &Value, words: &str) {
    let because = said["because"].as_array().expect("sentences");
    assert!(
        because.iter().any(|line| line.as_str().is_some_and(|line| line.contains(words))),
        "{words}: {said:#}"
    );
}

#[track_caller]
fn proves(said: &Value, kinds: &[&str]) {
    let evidence = said["evidence"].as_array().expect("events").iter().map(|proof| &proof["kind"]);
    assert_eq!(
        evidence.collect::<Vec<_>>(),
        kinds.iter().map(|kind| json!(kind)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
}

/// Types a command as it is printed, and returns what it did.
#[track_caller]
fn type_it(repo: &TestRepo, command: &str) -> Ran {
    let mut shell = repo.plain("sh");
    let folder = Path::new(CREW).parent().expect("a folder").display();
    shell.env("PATH", format!("{folder}:/usr/local/bin:/usr/bin:/bin")).args(["-c", command]);
    let ran = run_command(shell);
    assert!(
        ![2, 4, 126, 127].contains(&ran.exit),
        "`{command}` ends with {}: {}{}",
        ran.exit,
        ran.out,
        ran.err
    );
    ran
}

/// Types all that is proposed, in its order; the last one may end what the others need.
#[track_caller]
fn all_work(repo: &TestRepo, said: &Value) -> Vec<String> {
    let steps = said["next"].as_array().expect("steps");
    assert!(!steps.is_empty(), "{said:#}");
    let commands: Vec<String> =
        steps.iter().map(|step| step["command"].as_str().expect("a command").to_owned()).collect();
    commands.iter().for_each(|command| drop(type_it(repo, command)));
    commands
}

#[test]
fn a_task_that_failed_says_with_what_and_why_it_was_not_tried_again() {
    let repo = TestRepo::new();
    repo.agent("fake", "touch:made submit:done");
    repo.workflow(
        "one",
        "## fix\nrole: executor\nagent: fake\nverify: echo broken; exit 101\n\nDo it.\n\n## ship\nrun: true\ndependsOn: fix\n\n\
         ## tell\nrun: true\ndependsOn: ship",
    );
    repo.run_json("one", 1);
    let said = explain(&repo, &["fix"]);
    assert_eq!((&said["state"], &said["error_kind"]), (&json!("failed"), &json!("verify_failed")));
    says(&said, "Attempt 1 of fake ended with verify_failed: ");
    says(
        &said,
        "It was not tried again, because nothing says that it goes away by itself (permanent_error).",
    );
    says(
        &said,
        "The command of a step, or one that checks its work, did not exit with 0: the work itself was wrong",
    );
    says(
        &said,
        "What helps: the log has the output of what failed; mend that by hand, or say in a note what is wrong, and requeue it.",
    );
    proves(
        &said,
        &[
            "attempt_started",
            "submission_accepted",
            "tree_checked",
            "work_kept",
            "verification_ended",
            "attempt_ended",
        ],
    );
    assert_eq!(said["logs"].as_array().expect("logs").len(), 2, "{said:#}");
    let last = explain(&repo, &["last", "tell"]);
    says(&last, "It was skipped: it depends on ship, which was skipped.");
    says(&last, "All of that follows from fix, which failed.");
    proves(&last, &["task_skipped"]);
    assert!(last["next"][0]["command"].as_str().is_some_and(|command| command.ends_with(" fix")), "{last:#}");
    all_work(&repo, &last);
    let whole = explain(&repo, &["last"]);
    says(&whole, "Nothing of it goes on by itself: 1 failed, 0 in need of a review, of 3 tasks.");
    let ways: Vec<&Value> =
        whole["in_the_way"].as_array().expect("tasks").iter().map(|way| &way["task"]).collect();
    assert_eq!(ways, ["fix", "ship", "tell"]);
    assert!(all_work(&repo, &said).iter().any(|command| command.contains("--force")));
    let queued = explain(&repo, &["fix"]);
    says(&queued, "Nobody carries the run out");
    says(&queued, "It was put back to the queue: ");
    assert_eq!(explain(&repo, &["ship"])["because"][1], "It waits for fix (queued).");
    all_work(&repo, &queued);
    says(
        &explain(&repo, &["fix"]),
        "Attempt 1 of fake ended with verify_failed, and the task was put back later.",
    );
}

#[test]
fn a_task_that_waits_says_for_whom() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.agent("waits", &format!("touch:@task.runs wait-gone:{} submit:done", gate.display()));
    repo.workflow(
        "w",
        "## slow\nrole: executor\nagent: waits\n\nDo it.\n\n## also\nrole: executor\nagent: waits\n\nDo it.\n\n\
         ## after\nrun: true\ndependsOn: slow",
    );
    let running = repo.start(["run", "g", "--workflow", "w", "--json", "--jobs", "1"]);
    repo.wait_for_file("slow.runs");
    repo.wait_for_event("it runs", |event| event["kind"] == "process_started");
    let also = explain(&repo, &["also"]);
    says(&also, "It waits for the folder: slow is at work there.");
    says(&also, "As many tasks are worked on as may be at once (--jobs 1): slow.");
    all_work(&repo, &also);
    let after = explain(&repo, &["after"]);
    says(&after, "It waits for slow (running).");
    proves(&after, &[]);
    all_work(&repo, &after);
    let slow = explain(&repo, &["slow"]);
    says(&slow, "Attempt 1 of waits is at work, since ");
    proves(&slow, &["attempt_started"]);
    let whole = explain(&repo, &["last"]);
    says(&whole, "A crew process carries it out: 0 of 3 tasks are settled.");
    all_work(&repo, &whole);
    let cancel = all_work(&repo, &slow);
    assert!(cancel.iter().any(|command| command.starts_with("crew cancel ")), "{cancel:?}");
    repo.open("on");
    running.ends().exits(1);
    let slow = explain(&repo, &["slow"]);
    says(&slow, "It is cancelled because ");
    says(&slow, " cancelled it at ");
    let proof = slow["evidence"].as_array().expect("events");
    assert!(proof.iter().any(|event| event["kind"] == "cancel_asked"), "{slow:#}");
    all_work(&repo, &slow);
}

#[test]
fn a_back_off_says_until_when_and_because_of_which_attempt() {
    let repo = TestRepo::new();
    let limit = r#"'say:{"crew":"error","kind":"rate_limited","message":"429","retry_after_s":600}' exit:1"#;
    repo.crew_agent("limits", limit);
    let gate = repo.gate("u");
    let step = |id: &str| format!("## {id}\nrole: explorer\nagent: limits\n\nLook.\n\n");
    let waits = format!("## u\nrun: while [ -e {} ]; do sleep 0.02; done\n", gate.display());
    repo.workflow("w", &(step("a") + &step("b") + &waits));
    let running = repo.start(["run", "g", "--workflow", "w", "--json", "--jobs", "1"]);
    repo.wait_for_event("the limit is met", |event| event["kind"] == "attempt_ended");
    wait_until("b waits for the provider", || {
        explain(&repo, &["b"])["because"].to_string().contains("waits for limits: rate limited")
    });
    let first = explain(&repo, &["a"]);
    says(&first, "Attempt 1 ended with rate_limited and is followed by another one, not before 20");
    says(&first, "It waits for limits: rate limited, ");
    proves(&first, &["attempt_started", "tree_checked", "attempt_ended"]);
    running.signal(libc::SIGINT);
    repo.open("u");
    running.ends().exits(130);
    let whole = explain(&repo, &["last"]);
    says(&whole, "Nobody carries it out: it was stopped; ");
    assert_eq!(
        whole["next"][0]["command"].as_str().map(|command| command.starts_with("crew resume ")),
        Some(true)
    );
    let kind = explain(&repo, &["rate_limited"]);
    says(&kind, "It was met once here.");
    says(&kind, "It is tried again: up to 3 attempts in all, the second after 1000 ms");
    all_work(&repo, &kind);
}

#[test]
fn what_waits_for_a_person_says_at_which_gate_and_what_follows() {
    let repo = TestRepo::new();
    repo.workflow("w", "## build\nrun: true\n\n## deploy\nrun: true\naction: deploy\ndependsOn: build\n");
    repo.crew(["run", "g", "--workflow", "w"]).exits(3);
    let task = explain(&repo, &["deploy"]);
    says(&task, "deploy waits for a person's word before it starts, at gate g1, since ");
    says(&task, "may it start: deploy (leaves the repository or cannot be undone)");
    says(&task, ", it counts as refused.");
    proves(&task, &["gate_opened"]);
    let whole = explain(&repo, &["last"]);
    says(&whole, "It waits for a person, and for nothing else.");
    assert_eq!(whole["in_the_way"][0]["task"], "deploy");
    let gate = explain(&repo, &["g1"]);
    assert_eq!((&gate["state"], &gate["kind"]), (&json!("open"), &json!("gate")));
    assert_eq!(gate["because"], task["because"]);
    type_it(&repo, gate["next"][1]["command"].as_str().expect("to refuse it"));
    let refused = explain(&repo, &["deploy"]);
    says(&refused, "It failed with gate_rejected: ");
    proves(&refused, &["gate_opened", "gate_decided"]);
    let gate = explain(&repo, &["g1"]);
    says(&gate, "It was rejected by ");
    all_work(&repo, &gate);
    says(&explain(&repo, &["gate_rejected"]), "It was met once here.");
    all_work(&repo, &refused);
    assert_eq!(repo.crew(["explain", "g7", "--json"]).exits(4).json_error()["code"], "unknown_gate");
}

#[test]
fn what_is_called_like_a_gate_is_explained_and_what_may_be_both_is_asked_about() {
    let repo = TestRepo::new();
    repo.workflow("named", "## g1\nrun: true\n");
    repo.run_json("named", 0);
    assert_eq!(explain(&repo, &["g1"])["kind"], "task");
    repo.workflow("gated", "## g1\nrun: true\naction: deploy\n\n## g2\nrun: true\ndependsOn: g1\n");
    repo.crew(["run", "g", "--workflow", "gated", "--json"]).exits(3);
    let refused = repo.crew(["explain", "g1", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "ambiguous_name");
    let hint = refused["hint"].as_str().expect("a hint");
    assert!(hint.contains("last g1") && hint.contains("crew gates g1"), "{hint}");
    assert_eq!(explain(&repo, &["last", "g1"])["kind"], "task");
    assert!(repo.crew(["gates", "g1"]).exits(0).out.contains("deploy"));
    assert_eq!(explain(&repo, &["g2"])["task"], "g2", "no gate is called so");
}

#[test]
fn a_question_with_options_is_answered_by_what_is_printed() {
    let repo = TestRepo::new();
    let asked = json!({"question": "Which one?", "options": ["left", "right"]});
    repo.program(
        "asks",
        &format!(
            "if [ $CREW_ATTEMPT = 1 ]; then crew submit question --json - <<'E'\n{asked}\nE\nelse \
        crew submit result --summary s --confidence 1 --rationale r --no-change-reason n; fi"
        ),
    );
    let command = repo.programs().join("asks").display().to_string();
    repo.set("agents", "asks", json!({"command": command, "writes": true}));
    repo.workflow("one", "## a\nrole: executor\nagent: asks\n\nDo it.");
    repo.run_json("one", 3);
    let said = explain(&repo, &["a"]);
    says(&said, "a waits for a person's word after attempt 1, at gate g1, since ");
    says(&said, "Which one?");
    all_work(&repo, &said);
    says(&explain(&repo, &["g1"]), "It was answered by ");
    repo.crew(["resume", "last"]).exits(0);
    let done = explain(&repo, &["a"]);
    says(&done, "Attempt 2 of asks is done: \"s\".");
    all_work(&repo, &done);
}

#[test]
fn what_is_not_believed_says_what_was_seen_and_a_person_can_say_so() {
    let repo = TestRepo::new();
    repo.one_step("", "say:All-tests-pass touch:made");
    repo.run_json("one", 1);
    let said = explain(&repo, &["work"]);
    assert_eq!(said["state"], "needs_review");
    says(&said, "Attempt 1 of fake ended, and a person has to look at it: ");
    says(&said, "It said \"All-tests-pass\" (exit 0), which proves nothing.");
    let accept = said["next"][1]["command"].as_str().expect("to accept it");
    type_it(&repo, accept);
    let done = explain(&repo, &["work"]);
    says(&done, "It is completed because ");
    says(&done, " accepted its work at ");
    let whole = explain(&repo, &["last"]);
    says(&whole, "Nothing of it is open");
    assert_eq!(whole["in_the_way"], json!([]));
    all_work(&repo, &whole);
}

#[test]
fn what_ends_with_others_says_with_whom_and_a_budget_what_is_used_up() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: exit 3\n\n## b\nrun: true\ndependsOn: c\n\n## c\nrun: sleep 300");
    repo.crew(["run", "g", "--workflow", "w", "--fail-fast"]).exits(1);
    says(
        &explain(&repo, &["b"]),
        "It was given up because a did not succeed, and the run ends everything then (--fail-fast).",
    );
    says(&explain(&repo, &["last"]), "It ends everything at the first failure (--fail-fast).");
    let usage = r#"'say:{"crew":"usage","input_tokens":1000}'"#;
    let gate = repo.gate("hang");
    repo.crew_agent("fake", &format!("touch:made {usage} wait-gone:{}", gate.display()));
    repo.workflow("one", "## a\nrole: executor\nagent: fake\n\nDo it.\n\n## b\nrole: executor\nagent: fake\ndependsOn: a\n\nDo it.");
    repo.crew(["run", "g", "--workflow", "one", "--max-tokens", "900"]).exits(1);
    let whole = explain(&repo, &["last"]);
    let first = whole["in_the_way"][0]["task"].as_str().expect("a task").to_owned();
    let said = explain(&repo, &[&first]);
    says(&said, "budget_exceeded");
    let next = said["next"][0]["command"].as_str().expect("a command");
    assert!(next.ends_with(" --max-tokens 1800"), "{next}");
    type_it(&repo, next);
    // What the workflow itself allows, no command makes more.
    repo.workflow("two", "## a\nrun: sleep 300\nmaxTime: 1s");
    repo.crew(["run", "g", "--workflow", "two"]).exits(1);
    let said = explain(&repo, &["a"]);
    says(&said, "budget_exceeded");
    all_work(&repo, &said);
    repo.crew(["requeue", "last", "a"]).exits(4);
}

#[test]
fn every_kind_of_error_is_explained_and_an_unknown_word_names_the_nearest() {
    let repo = TestRepo::new();
    for kind in ErrorKind::ALL {
        let said = repo.crew(["explain", kind.name(), "--json"]).exits(0).json();
        assert_eq!((&said["class"], &said["count"]), (&json!(kind.class().name()), &json!(0)));
        assert_eq!(said["because"].as_array().expect("sentences").len(), 5, "{said:#}");
    }
    repo.set("retries", "verify_failed", json!({"max_attempts": 2}));
    let said = repo.crew(["explain", "verify_failed", "--json"]).exits(0).json();
    says(&said, "It is tried again: up to 2 attempts in all");
    let hint = |words: &[&str]| {
        let error = repo.crew(["explain", "--json"].iter().chain(words)).exits(4).json_error();
        error["hint"].as_str().expect("a hint").to_owned()
    };
    assert_eq!(hint(&["rate_limitd"]), "did you mean `rate_limited`?");
    repo.workflow("one", "## exekute\nrun: true");
    repo.run_json("one", 0);
    assert_eq!(hint(&["execute"]), "did you mean `exekute`?");
    assert_eq!(hint(&["last", "execute"]), "did you mean `exekute`?");
    assert_eq!(hint(&["netwrok"]), "did you mean `network`?");
    assert!(hint(&["qqqqqqqqqqqqqq"]).contains("crew status lists the runs"));
}

fn commands(said: &Value) -> Vec<String> {
    let steps = said["next"].as_array().expect("steps").iter();
    steps.map(|step| step["command"].as_str().expect("a command").to_owned()).collect()
}

#[test]
fn a_gate_whose_time_is_over_is_not_told_to_wait_for_anybody() {
    let repo = TestRepo::new();
    repo.set("gates", "timeout_seconds", json!(4));
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "g", "--workflow", "w"]).exits(3);
    wait_until("its time is over", || {
        repo.crew(["gates", "--json"]).exits(0).json()["data"][0]["overdue"] == true
    });
    let whole = explain(&repo, &["last"]);
    says(&whole, "It waited for a person, and the time for that is over");
    let resume = commands(&whole);
    assert!(matches!(&resume[..], [only] if only.starts_with("crew resume ")), "{resume:?}");
    for what in ["deploy", "g1"] {
        assert_eq!(commands(&explain(&repo, &[what])), resume);
    }
    for told in [repo.crew(["status", "last"]).exits(0), repo.crew(["gates", "g1"]).exits(0)] {
        assert!(told.err.contains(&resume[0]) && !told.err.contains("crew approve"), "{}", told.err);
    }
    let top = repo.crew(["top", "--json"]).exits(0).json();
    assert_eq!(top["runs"][0]["tasks"][0]["standing"], "timed_out", "{top:#}");
    type_it(&repo, &resume[0]);
    says(&explain(&repo, &["deploy"]), "It failed with gate_timeout: ");
}

#[test]
fn what_was_cancelled_with_others_is_put_back_in_their_order() {
    let repo = TestRepo::new();
    repo.workflow(
        "w",
        "## a\nrun: true\naction: deploy\n\n## b\nrun: true\ndependsOn: a\n\n## c\nrun: true\ndependsOn: b",
    );
    repo.crew(["run", "g", "--workflow", "w"]).exits(3);
    repo.crew(["cancel", "last"]).exits(0);
    let said = explain(&repo, &["c"]);
    says(&said, " cancelled the run at ");
    let tasks: Vec<String> = commands(&said)
        .iter()
        .map(|command| command.split(' ').next_back().unwrap_or_default().into())
        .collect();
    assert_eq!(tasks, ["a", "b", "c"]);
    let refused = repo.crew(["requeue", "last", "c", "--json"]).exits(4).json_error();
    assert_eq!(
        refused["hint"],
        "requeue what it depends on first, and then c: it does not come back by itself"
    );
    all_work(&repo, &said);
    assert_eq!(explain(&repo, &["c"])["state"], "queued");
}

#[test]
fn where_the_budget_of_the_run_is_used_up_a_larger_one_comes_before_all_else() {
    let repo = TestRepo::new();
    let usage = r#"'say:{"crew":"usage","input_tokens":1000}'"#;
    let gate = repo.gate("hang");
    repo.crew_agent("fake", &format!("touch:made {usage} wait-gone:{}", gate.display()));
    repo.agent("quick", "touch:quick submit:done");
    repo.workflow("w", "## a\nrole: executor\nagent: quick\nverify: exit 3\n\nDo it.\n\n## b\nrole: executor\nagent: fake\n\nDo it.");
    repo.crew(["run", "g", "--workflow", "w", "--max-tokens", "900"]).exits(1);
    repo.crew(["requeue", "last", "a", "--force", "why"]).exits(4);
    let said = commands(&explain(&repo, &["a"]));
    let place = |words: &str| said.iter().position(|command| command.contains(words));
    assert!(
        place(" --max-tokens 1800") < place("crew requeue ") && place(" --max-tokens 1800").is_some(),
        "{said:?}"
    );
    let whole = commands(&explain(&repo, &["last"]));
    assert!(whole[0].ends_with(" --max-tokens 1800"), "{whole:?}");
}
