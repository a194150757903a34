//! ctrl-C, SIGTERM and sudden death: nothing is lost, and `crew resume` goes on.

use crate::support::{Ran, Running, Sweep, TestRepo, of_kind, processes_with, task, wait_until};
use crate::worktrees::{SUBMIT, agent};
use serde_json::{Value, json};
use std::process::Stdio;

/// Two steps: one that is soon done, and one whose agent does the given script in its first attempt.
fn two_steps(repo: &TestRepo, first_attempt: &str) {
    repo.agent("fake", &format!("{first_attempt} submit:done"));
    repo.workflow(
        "two",
        "## quick\nrun: echo ran >> quick.txt\n\n## slow\nrole: executor\nagent: fake\ndependsOn: quick\n\nDo it.\n\n## last\nrun: true\ndependsOn: slow\n",
    );
}

#[track_caller]
fn wait_until_the_agent_runs(repo: &TestRepo, attempt: u32) {
    repo.wait_for_event("the agent runs", |event| {
        event["kind"] == "process_started" && event["task"] == "slow" && event["attempt"] == attempt
    });
}

#[track_caller]
fn wait_until_level(repo: &TestRepo, level: u32) {
    repo.wait_for_event(&format!("level {level} is recorded"), |event| {
        event["kind"] == "stop_asked" && event["level"] == level
    });
}

fn status(repo: &TestRepo) -> Value {
    repo.crew(["status", "last", "--json"]).exits(0).json()
}

/// Resumes the newest run, and asserts that it completes and that what was finished before is not done again.
#[track_caller]
fn resume_completes(repo: &TestRepo) {
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(run["status"], "completed");
    assert_eq!(task(&run, "quick")["attempts"], 1);
    assert_eq!(std::fs::read_to_string(repo.root.join("quick.txt")).expect("a file"), "ran\n");
    assert_eq!(task(&run, "slow")["state"], "completed");
    assert_eq!(task(&run, "last")["state"], "completed");
    assert_never_again_after_success(&repo.events());
    repo.leaves_no_process();
    let again = repo.crew(["resume", "last"]).exits(4);
    assert!(again.err.contains("is not interrupted, it is completed"), "{}", again.err);
}

/// Asserts that no task has an attempt after one that succeeded.
#[track_caller]
fn assert_never_again_after_success(events: &[Value]) {
    let mut done = Vec::new();
    for event in events {
        if event["kind"] == "attempt_ended" && event["outcome"] == "succeeded" {
            done.push(&event["task"]);
        }
        assert!(event["kind"] != "attempt_started" || !done.contains(&&event["task"]), "{event:#}");
    }
}

#[test]
fn the_first_signal_ends_the_agents_and_resume_goes_on() {
    for (signal, name) in [(libc::SIGINT, "ctrl-C"), (libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP")] {
        let repo = TestRepo::new();
        let gate = repo.gate("hang");
        two_steps(&repo, &format!("1?wait-gone:{}", gate.display()));
        let running = repo.start_run("two");
        wait_until_the_agent_runs(&repo, 1);
        running.signal(signal);
        let ran = running.ends().exits(130);
        assert_eq!(ran.json()["status"], "interrupted");
        repo.leaves_no_process();
        let status = status(&repo);
        assert_eq!(status["status"], "interrupted");
        assert_eq!(task(&status, "quick")["state"], "completed");
        assert_eq!(task(&status, "slow")["state"], "queued");
        let events = repo.events();
        assert_eq!(of_kind(&events, "stop_asked")[0]["by"], name);
        let ended = of_kind(&events, "attempt_ended");
        assert_eq!(ended[1]["outcome"], "cancelled");
        assert_eq!(ended[1]["ending"]["signal"], libc::SIGTERM);
        assert_eq!(events.last().expect("an event")["kind"], "run_ended");
        resume_completes(&repo);
    }
}

#[test]
fn a_person_is_told_how_to_go_on() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?wait-gone:{}", gate.display()));
    let running = repo.start(["run", "the goal", "--workflow", "two"]);
    wait_until_the_agent_runs(&repo, 1);
    running.signal(libc::SIGINT);
    let ran = running.ends().exits(130);
    assert!(ran.err.contains("crew resume "), "{}", ran.err);
    let shown = repo.crew(["status", "last"]).exits(0);
    assert!(shown.out.contains("interrupted") && shown.err.contains("next  crew resume "), "{shown:?}");
}

#[test]
fn the_second_signal_kills_an_agent_that_ignores_the_first() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(300));
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?ignore-term 1?touch:deaf 1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    repo.wait_for_file("deaf");
    running.signal(libc::SIGINT);
    wait_until_level(&repo, 1);
    assert!(!processes_with(&gate).is_empty(), "the agent ignores the first signal");
    running.signal(libc::SIGTERM);
    running.ends().exits(130);
    repo.leaves_no_process();
    let events = repo.events();
    let ended = of_kind(&events, "attempt_ended");
    assert_eq!(ended[1]["ending"]["signal"], libc::SIGKILL);
    resume_completes(&repo);
}

#[test]
#[cfg(target_os = "linux")]
fn the_second_signal_kills_a_grandchild_that_ignores_the_first() {
    for how in ["grandchild", "leave-group"] {
        let repo = TestRepo::new();
        repo.set("limits", "grace_seconds", json!(300));
        let gate = repo.gate("hang");
        let grandchild = if how == "grandchild" { how.into() } else { format!("{how}:{}", gate.display()) };
        two_steps(
            &repo,
            &format!("1?ignore-term 1?{grandchild} 1?heed-term 1?touch:began 1?wait-gone:{}", gate.display()),
        );
        let running = repo.start_run("two");
        repo.wait_for_file("began");
        running.signal(libc::SIGINT);
        wait_until_level(&repo, 1);
        running.signal(libc::SIGINT);
        running.ends().exits(130);
        repo.leaves_no_process();
    }
}

#[test]
fn the_first_signal_kills_an_agent_that_ignores_it_after_the_grace() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(1));
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?ignore-term 1?touch:deaf 1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    repo.wait_for_file("deaf");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    resume_completes(&repo);
}

#[test]
fn the_third_signal_leaves_at_once_and_the_store_is_whole() {
    let repo = TestRepo::new();
    // The agent can be killed; a grandchild outside of its group keeps crew waiting for the rest of its output.
    repo.set("limits", "drain_seconds", json!(60));
    let gate = repo.gate("hold");
    two_steps(&repo, &format!("1?hide:{0} 1?touch:held 1?wait-gone:{0}", gate.display()));
    let mut running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    repo.wait_for_file("held");
    running.signal(libc::SIGINT);
    wait_until_level(&repo, 1);
    running.signal(libc::SIGINT);
    wait_until_level(&repo, 2);
    assert!(!running.has_ended(), "it waits for the grandchild");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    assert!(repo.beside("gate-hold").exists(), "it did not wait");
    let status = status(&repo);
    assert_eq!(status["status"], "interrupted");
    assert_integrity(&repo);
    repo.open("hold");
    resume_completes(&repo);
}

#[track_caller]
fn assert_integrity(repo: &TestRepo) {
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store");
    let found: String = store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(found, "ok");
}

#[test]
fn an_interrupted_command_step_is_done_again() {
    let repo = TestRepo::new();
    repo.workflow(
        "one",
        "## work\nrun: echo began >> began; test -e second || { touch second; exec sleep 300; }\n",
    );
    let running = repo.start_run("one");
    repo.wait_for_file("second");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    repo.leaves_no_process();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 2);
}

// Sudden death

#[test]
fn resume_ends_the_agent_that_a_killed_crew_left_behind() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?ignore-term 1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    running.kill();
    assert!(!processes_with(&gate).is_empty(), "the agent outlives crew");
    let found = status(&repo);
    assert_eq!(found["status"], "interrupted");
    assert_eq!(task(&found, "slow")["state"], "running");
    let listed = repo.crew(["status", "--json"]).exits(0).json();
    assert_eq!(listed["data"][0]["status"], "interrupted");
    resume_completes(&repo);
    let events = repo.events();
    let lost: Vec<&Value> = events.iter().filter(|event| event["outcome"] == "lost").collect();
    assert_eq!((lost.len(), &lost[0]["error_kind"]), (1, &json!("owner_lost")));
    assert!(gate.exists(), "the agent was ended and did not end by itself");
}

#[test]
#[cfg(target_os = "linux")]
fn resume_ends_an_agent_whose_start_nobody_could_record() {
    let repo = TestRepo::new();
    repo.set("limits", "grace_seconds", json!(1));
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?ignore-term 1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    running.kill();
    // As if crew had died between starting the agent and writing down which process it is.
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store");
    let sql = "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events WHERE kind = 'process_started')";
    assert_eq!(store.execute(sql, []), Ok(1));
    drop(store);
    resume_completes(&repo);
    assert!(gate.exists(), "the agent was ended and did not end by itself");
}

#[test]
fn resume_ends_what_a_killed_crew_left_of_a_check() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.agent("fake", "submit:done");
    let check = format!(
        "test -e checked || {{ touch checked; while [ -e {} ]; do sleep 0.05; done; }}",
        gate.display()
    );
    repo.workflow("one", &format!("## work\nrole: executor\nagent: fake\nverify: {check}\n\nDo it."));
    let running = repo.start_run("one");
    repo.wait_for_file("checked");
    running.kill();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["state"], "completed", "it is checked once more");
    repo.leaves_no_process();
    assert!(gate.exists(), "the check was ended and did not end by itself");
}

#[test]
fn a_crew_that_is_killed_between_two_attempts_is_resumed() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(2000));
    let error = r#"'1?say:{"crew":"error","kind":"network","message":"connection refused"}'"#;
    repo.crew_agent("fake", &format!("{error} 1?exit:0 submit:done 'say:{{\"crew\":\"end\",\"ok\":true}}'"));
    repo.workflow(
        "two",
        "## quick\nrun: echo ran >> quick.txt\n\n## slow\nrole: executor\nagent: fake\ndependsOn: quick\n\nDo it.\n\n## last\nrun: true\ndependsOn: slow\n",
    );
    let running = repo.start_run("two");
    repo.wait_for_event("the first attempt has ended", |event| {
        event["kind"] == "attempt_ended" && event["task"] == "slow"
    });
    running.kill();
    assert_eq!(status(&repo)["status"], "interrupted");
    resume_completes(&repo);
    assert_eq!(of_kind(&repo.events(), "attempt_started").len(), 4);
}

#[test]
fn a_crew_that_is_killed_at_any_moment_completes_in_the_end() {
    // Twice each: a task that is lost three times in a row is given up.
    for moments in [[4, 14], [16, 10], [18, 17], [20, 12]] {
        let repo = TestRepo::new();
        let step = |at: usize| {
            let after = if at < 3 { String::new() } else { format!("dependsOn: t{}\n", at - 3) };
            format!("## t{at}\nrun: sleep 0.02; echo {at} >> done.txt\n{after}\n")
        };
        repo.workflow("many", &(0..12).map(step).collect::<String>());
        let mut crew = repo.start_run("many");
        for more in moments {
            let seen = repo.events_so_far().len();
            wait_until("something has happened", || {
                repo.events_so_far().len() >= seen + more || crew.has_ended()
            });
            crew.kill();
            assert_integrity(&repo);
            crew = repo.start(["resume", "last", "--json"]);
        }
        crew.ends();
        let run = status(&repo);
        assert_eq!(run["status"], "completed", "{run:#}");
        assert_never_again_after_success(&repo.events());
        repo.leaves_no_process();
    }
}

#[test]
fn a_task_that_is_lost_three_times_in_a_row_is_given_up() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("", &format!("wait-gone:{}", gate.display()));
    let mut crew = repo.start_run("one");
    for attempt in 1..=3 {
        repo.wait_for_event("the agent runs", |event| {
            event["kind"] == "process_started" && event["attempt"] == attempt
        });
        crew.kill();
        crew = repo.start(["resume", "last", "--json"]);
    }
    let run = crew.ends().exits(1).json();
    assert_eq!(
        (&task(&run, "work")["state"], &task(&run, "work")["attempts"]),
        (&json!("failed"), &json!(3))
    );
    let events = repo.events();
    let letters = of_kind(&events, "task_dead_lettered");
    assert_eq!((letters.len(), &letters[0]["why"]), (1, &json!("exhausted")));
    repo.leaves_no_process();
}

#[test]
fn a_crew_that_is_killed_before_anything_started_is_resumed() {
    let repo = TestRepo::new();
    repo.workflow("one", "## work\nrun: true\n");
    repo.run_json("one", 0);
    // As if it had died after the first commit: the run and its tasks are recorded, and nothing else is.
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store");
    store
        .execute_batch(
            "DELETE FROM attempts; DELETE FROM artifacts; UPDATE tasks SET state = 'queued', version = 1;
             UPDATE runs SET ended_at = NULL, started = 0;
             DELETE FROM events WHERE kind NOT IN ('run_created', 'task_created');",
        )
        .expect("a store");
    drop(store);
    assert_eq!(status(&repo)["status"], "queued");
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 1);
}

#[test]
fn an_agent_that_outlives_its_crew_still_gets_an_answer() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.agent("fake", &format!("1?wait-gone:{} submit:done", gate.display()));
    repo.workflow("one", "## slow\nrole: executor\nagent: fake\n\nDo it.");
    let running = repo.start_run("one");
    wait_until_the_agent_runs(&repo, 1);
    running.kill();
    repo.open("on");
    repo.wait_for_event("its result is taken in", |event| event["kind"] == "submission_accepted");
    repo.leaves_no_process();
    assert_eq!(status(&repo)["status"], "interrupted");
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "slow")["state"], "completed", "what it handed in is judged");
    assert_eq!(
        (&task(&run, "slow")["summary"], &task(&run, "slow")["attempts"]),
        (&json!("done"), &json!(1))
    );
}

#[test]
fn a_plan_that_was_handed_in_when_crew_died_is_put_before_a_person() {
    let repo = TestRepo::new();
    let gate = repo.gate("stay");
    let plan = "crew submit plan --summary 'in one step' --step a --confidence 1 --rationale r";
    let stay = format!("{plan}; while test -e '{}'; do sleep 0.05; done", gate.display());
    agent(&repo, "plans", &format!("if test $CREW_ATTEMPT = 1; then {stay}; else echo w >w; {SUBMIT}; fi"));
    repo.workflow("one", "## work\nrole: executor\nagent: plans\ngate: plan\n\nDo it.");
    let running = repo.start_run("one");
    repo.wait_for_event("the plan is taken in", |event| event["kind"] == "submission_accepted");
    running.kill();
    let run = repo.crew(["resume", "last", "--json"]).exits(3).json();
    assert_eq!(
        (&task(&run, "work")["state"], &task(&run, "work")["attempts"]),
        (&json!("awaiting_input"), &json!(1))
    );
    repo.leaves_no_process();
    assert!(repo.crew(["gates"]).exits(0).out.contains("in one step"));
    repo.crew(["approve", "g1", "--resume"]).exits(0);
    assert_eq!(task(&status(&repo), "work")["state"], "completed");
}

#[test]
pub fn run_with_resume_is_another_word_for_resume() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    two_steps(&repo, &format!("1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    running.kill();
    let run = repo.crew(["run", "--resume", "last", "--json"]).exits(0).json();
    assert_eq!((&run["status"], &task(&run, "slow")["attempts"]), (&json!("completed"), &json!(2)));
    let refused = repo.crew(["run", "--resume", "last"]).exits(4);
    assert!(refused.err.contains("is not interrupted, it is completed"), "{}", refused.err);
    // It is no new run, so nothing can be said of what that would be.
    for more in [&["the goal"][..], &["--workflow", "two"], &["--jobs", "2"], &["--dry-run"]] {
        repo.crew(["run", "--resume", "last"].iter().chain(more)).exits(2);
    }
    repo.crew(["run"]).exits(2);
}

#[test]
fn a_run_whose_owner_died_before_it_could_say_that_all_is_done_is_closed_by_resume() {
    let repo = TestRepo::new();
    repo.workflow("one", "## work\nrun: echo ran >>ran\n");
    repo.run_json("one", 0);
    // As if it had died just after the last task.
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store");
    let sql = "UPDATE runs SET ended_at = NULL; DELETE FROM events WHERE kind = 'run_ended'";
    store.execute_batch(sql).expect("a store");
    drop(store);
    std::fs::remove_file(repo.run_folder().join("artifacts/summary.md")).expect("a summary");
    let seen = status(&repo);
    assert_eq!(
        (&seen["status"], &task(&seen, "work")["state"]),
        (&json!("interrupted"), &json!("completed"))
    );
    assert_eq!(repo.crew(["status", "--json"]).exits(0).json()["data"][0]["status"], "interrupted");
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 1);
    assert_eq!(status(&repo)["status"], "completed");
    assert!(repo.artifact("summary.md").contains("completed"));
    assert_eq!(std::fs::read_to_string(repo.root.join("ran")).expect("a file"), "ran\n");
}

// What is refused

#[test]
fn a_run_that_somebody_carries_out_cannot_be_resumed() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    two_steps(&repo, &format!("1?wait-gone:{}", gate.display()));
    let running = repo.start_run("two");
    wait_until_the_agent_runs(&repo, 1);
    let busy = repo.crew(["resume", "last"]).exits(4);
    assert!(busy.err.contains("is being carried out by another crew process"), "{}", busy.err);
    repo.open("on");
    running.ends().exits(0);
}

#[test]
fn a_failed_run_cannot_be_resumed() {
    let repo = TestRepo::new();
    repo.workflow("one", "## work\nrun: false\n");
    repo.run_json("one", 1);
    let refused = repo.crew(["resume", "last"]).exits(4);
    assert!(refused.err.contains("is not interrupted, it is failed"), "{}", refused.err);
}

// Readers that leave

/// Runs crew with a standard output that nobody reads.
fn unread<S: AsRef<str>>(repo: &TestRepo, args: impl IntoIterator<Item = S>) -> Ran {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = repo.command(args).stdout(writer).stderr(Stdio::piped()).output().expect("crew runs");
    Ran {
        exit: output.status.code().unwrap_or(-1),
        out: String::new(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let repo = TestRepo::new();
    repo.workflow("one", "## work\nrun: echo words\n");
    repo.run_json("one", 0);
    for args in [
        vec!["events", "last"],
        vec!["events", "last", "--json"],
        vec!["events", "last", "--follow", "--json"],
        vec!["logs", "last"],
        vec!["logs", "last", "work"],
        vec!["status", "last", "--quiet"],
        vec!["status", "--json"],
        vec!["artifacts", "last", "--quiet"],
        vec!["artifacts", "last", "goal.md"],
        vec!["list"],
        vec!["config", "list"],
        vec!["--help"],
    ] {
        let ran = unread(&repo, &args);
        assert_eq!((ran.exit, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn head_takes_the_first_event_and_no_complaint_follows() {
    let repo = TestRepo::new();
    // More than a pipe holds.
    let steps: String = (0..200).map(|at| format!("## t{at}\nrun: true\n\n")).collect();
    repo.workflow("many", &steps);
    repo.crew(["run", "the goal", "--workflow", "many", "--jobs", "4"]).exits(0);
    let script = format!("{} events last --json --follow | head -n 1", crate::support::CREW);
    let output = repo.plain("sh").args(["-c", &script]).output().expect("sh runs");
    let first: Value = serde_json::from_slice(&output.stdout).expect("one event");
    assert_eq!(first["kind"], "run_created");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_run_whose_reader_left_goes_on_and_still_says_how_it_ended() {
    let repo = TestRepo::new();
    repo.workflow("good", "## work\nrun: true\n");
    repo.workflow("bad", "## work\nrun: false\n");
    for (workflow, exit) in [("good", 0), ("bad", 1)] {
        for more in [None, Some("--json")] {
            let args = ["run", "the goal", "--workflow", workflow].into_iter().chain(more);
            let ran = unread(&repo, args);
            assert_eq!(ran.exit, exit, "{workflow} {more:?}: {}", ran.err);
            assert_eq!(repo.kinds().last().map(String::as_str), Some("run_ended"));
        }
    }
}

#[test]
fn a_run_whose_terminal_is_gone_ends_in_order() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    two_steps(&repo, &format!("1?wait-gone:{}", gate.display()));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = repo.command(["run", "the goal", "--workflow", "two"]);
    let child =
        command.stdout(writer.try_clone().expect("a pipe")).stderr(writer).spawn().expect("crew starts");
    drop(command);
    let running = Running::of(child);
    wait_until_the_agent_runs(&repo, 1);
    drop(reader);
    repo.open("on");
    running.ends().exits(0);
    assert_eq!(status(&repo)["status"], "completed");
}

#[test]
#[cfg(target_os = "linux")]
fn what_has_put_off_its_marks_ends_with_the_run_too() {
    let repo = TestRepo::new();
    let left = "setsid env -i sleep 600 </dev/null >/dev/null 2>&1 & echo $! >left";
    repo.workflow("w", &format!("## a\nrun: {left}\n"));
    repo.crew(["run", "the goal", "--workflow", "w"]).exits(0);
    let pid = std::fs::read_to_string(repo.root.join("left")).expect("its number");
    let command = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&command).contains("sleep"), "{pid} is still there");
}

#[test]
#[cfg(target_os = "linux")]
fn what_an_agent_leaves_without_marks_ends_before_the_run_does_and_what_a_command_leaves_with_it() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    repo.set("limits", "drain_seconds", json!(0));
    let (hold, next) = (repo.gate("hold"), repo.gate("next"));
    repo.agent("fake", &format!("hide:{} submit:done", hold.display()));
    let (served, begun, waits) = (repo.beside("served"), repo.beside("begun"), next.display());
    // Until it has left the group and put off its marks, it ends with its step.
    let serves = format!(
        "echo >{0}; setsid env -i tail -f {0} >{1} 2>&1 </dev/null & while [ ! -s {1} ]; do sleep 0.02; done",
        served.display(),
        begun.display()
    );
    let next_step = format!("touch next.on; while [ -e {waits} ]; do sleep 0.02; done");
    let steps = format!(
        "## work\nrole: executor\nagent: fake\n\nDo it.\n\n## serve\nrun: {serves}\ndependsOn: work\n\n\
         ## next\nrun: {next_step}\ndependsOn: serve\n"
    );
    repo.workflow("w", &steps);
    let running = repo.start_run("w");
    repo.wait_for_file("next.on");
    wait_until("what the agent left has ended", || processes_with(&hold).is_empty());
    assert!(!processes_with(&served).is_empty(), "a later step may need it");
    repo.open("next");
    running.ends().exits(0);
    repo.leaves_no_process();
}
