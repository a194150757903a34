//! Recordings: what a run with agents was, a replay without them is.

use crate::support::{Ran, TestRepo, run_command, task, wait_until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const CLIS: [&str; 5] = ["claude", "codex", "gemini", "opencode", "pi"];

fn transcript(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/agent-output/{name}.jsonl"))
}

/// Where a test records to.
fn folder(repo: &TestRepo) -> String {
    repo.beside("recorded").display().to_string()
}

fn with<'a>(workflow: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "the goal", "--workflow", workflow, "--json"], more].concat()
}

#[track_caller]
fn record(repo: &TestRepo, workflow: &str, exit: i32) -> Value {
    repo.crew(with(workflow, &["--record", &folder(repo)])).exits(exit).json()
}

#[track_caller]
fn replay(repo: &TestRepo, workflow: &str, exit: i32) -> Value {
    repo.crew(with(workflow, &["--replay", &folder(repo)])).exits(exit).json()
}

/// Takes the programs of all agents of the settings away; what they print can still be read.
fn without_agents(repo: &TestRepo, names: &[&str], output: &str) {
    for name in names {
        let gone = json!({"command": "/nowhere/agent", "output": output, "writes": true});
        repo.set("agents", name, gone);
    }
}

/// What is the same in a replay: how the tasks of the newest run ended, and what was recorded of their agents.
fn essence(repo: &TestRepo, run: &Value) -> Value {
    let tasks = run["tasks"].as_array().expect("tasks").iter().map(|task| {
        let of = |key: &str| task[key].clone();
        json!([
            of("id"),
            of("state"),
            of("reason"),
            of("summary"),
            of("error_kind"),
            of("exit"),
            of("signal"),
            of("attempts"),
            of("usage")
        ])
    });
    let told = [
        "tool_invoked",
        "session_started",
        "agent_waited",
        "submission_accepted",
        "submission_refused",
        "agent_nudged",
    ];
    let mut events: Vec<String> = Vec::new();
    for event in repo.events().iter().filter(|event| told.iter().any(|kind| event["kind"] == *kind)) {
        let keys =
            ["kind", "task", "attempt", "tool", "arguments", "result", "session", "reason", "handed_in"];
        events.push(keys.map(|key| event[key].to_string()).join(" "));
    }
    for event in repo.events().iter().filter(|event| event["kind"] == "attempt_ended") {
        let keys =
            ["/task", "/attempt", "/outcome", "/error_kind", "/reason", "/summary", "/ending/odd_lines"];
        let told = keys.map(|key| event.pointer(key).unwrap_or(&Value::Null).to_string());
        events.push(format!("ended {}", told.join(" ")));
    }
    // Tasks that run side by side have an order only among their own.
    events.sort();
    json!({"tasks": tasks.collect::<Vec<_>>(), "events": events, "findings": run["findings"]})
}

/// Every file that was recorded, as text.
fn recorded(repo: &TestRepo) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(repo.beside("recorded")).expect("recordings");
    let mut files: Vec<(String, String)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
            (path.file_name().expect("a name").to_string_lossy().into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

fn names(repo: &TestRepo) -> Vec<String> {
    recorded(repo).into_iter().map(|(name, _)| name).collect()
}

/// Writes a recording by hand.
fn put(repo: &TestRepo, task: &str, agent: &str, lines: &[Value]) {
    let head = json!({"recording": 1, "agent": agent, "task": task, "attempt": 1, "role": "executor", "crew_version": "0"});
    let lines = std::iter::once(&head).chain(lines).map(|line| format!("{line}\n"));
    let path = repo.beside("recorded").join(format!("{task}.1.jsonl"));
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    std::fs::write(path, lines.collect::<String>()).expect("a recording");
}

fn handed_in(at_ms: u64) -> Value {
    let result =
        json!({"summary": "done", "confidence": 0.9, "rationale": "as it was", "no_change_reason": "n"});
    json!({"at_ms": at_ms, "ask": {"submit": {"kind": "result", "body": result}}})
}

fn ended(at_ms: u64) -> Value {
    json!({"end": {"exit": 0, "signal": null, "at_ms": at_ms}})
}

/// A workflow of one step whose agent prints plain text, and is not there.
fn one_plain_step(repo: &TestRepo, keys: &str) {
    repo.one_step(keys, "");
    without_agents(repo, &["fake"], "text");
}

#[test]
fn a_replay_is_what_the_recorded_run_was() {
    let repo = TestRepo::new();
    let words = [
        r#"{"crew":"session","id":"s1"}"#,
        r#"{"crew":"tool","id":"t1","name":"shell","arguments":{"command":"ls"}}"#,
        r#"{"crew":"waiting","reason":"the provider is busy"}"#,
        r#"{"crew":"tool_end","id":"t1","ok":false}"#,
        r#"{"crew":"usage","input_tokens":11,"output_tokens":7,"cost_usd":0.25}"#,
    ];
    let words: String = words.iter().map(|line| format!("'say:{line}' ")).collect();
    let limited = r#"{"crew":"error","kind":"rate_limited","message":"429","retry_after_s":0.1}"#;
    let end = r#"'say:{"crew":"end","ok":true}'"#;
    repo.crew_agent(
        "good",
        &format!("{words} 'err:a warning' '1?say:{limited}' 1?exit:1 submit-args:--summary\\ s submit:done garbage {end}"),
    );
    repo.crew_agent("cut", "submit:done say:no-end");
    repo.workflow(
        "three",
        "## good\nrole: executor\nagent: good\n\nDo it.\n\n\
         ## cut\nrole: executor\nagent: cut\ndependsOn: good\n\nDo it.\n\n\
         ## later\nrole: planner\nagent: good\ndependsOn: cut\n\nDo it.\n\n\
         ## check\nrun: echo checked\ndependsOn: good",
    );
    repo.set("retry", "backoff_ms", json!(1));
    let first = record(&repo, "three", 1);
    assert_eq!(task(&first, "good")["attempts"], 2);
    let first = essence(&repo, &first);
    let text = first.to_string();
    assert!(
        text.contains("shell") && text.contains("provider is busy") && text.contains("submission_refused")
    );
    assert_eq!(names(&repo), ["cut.1.jsonl", "good.1.jsonl", "good.2.jsonl", "later.skipped"]);

    without_agents(&repo, &["good", "cut"], "crew");
    let again = replay(&repo, "three", 1);
    assert!(again["tasks"].as_array().expect("tasks").iter().all(|task| task["agent"] != "good"));
    assert_eq!(essence(&repo, &again), first);
}

#[test]
fn plain_words_signals_and_long_lines_are_as_they_were() {
    let repo = TestRepo::new();
    repo.agent("talks", "say:one say:two garbage long-line:2 say:three");
    repo.agent("dies", "say:so-far signal:9");
    repo.workflow(
        "two",
        "## talks\nrole: explorer\nagent: talks\nsubmit: optional\n\nSay it.\n\n\
         ## dies\nrole: explorer\nagent: dies\n\nSay it.",
    );
    let first = record(&repo, "two", 1);
    let (first, words) = (essence(&repo, &first), repo.artifact("results/talks.1.md"));
    assert!(words.len() > 60_000, "{}", words.len());
    without_agents(&repo, &["talks", "dies"], "text");
    let again = replay(&repo, "two", 1);
    assert_eq!(task(&again, "dies")["signal"], 9);
    assert_eq!(essence(&repo, &again), first);
    assert!(repo.artifact("results/talks.1.md") == words);
}

#[test]
fn a_review_by_the_built_in_agent_replays_with_its_findings() {
    let repo = TestRepo::new();
    repo.write("Makefile", "test:\n\t@true\n");
    repo.commit("something to test");
    repo.write("src/a.py", "password = 'hunter2hunter2'\nprint('debug')  \n<<<<<<< HEAD\n");
    let recorded = folder(&repo);
    let review = |more: &[&str]| {
        let plain = ["run", "g", "--team", "review", "--json"];
        repo.crew(plain.iter().chain(more)).exits(0).json()
    };
    let first = review(&["--agent", "builtin", "--record", &recorded]);
    assert!(!first["findings"].as_array().expect("findings").is_empty());
    let first = essence(&repo, &first);
    let again = review(&["--replay", &recorded]);
    assert_eq!(essence(&repo, &again), first);
}

/// Installs a script in the place of a CLI, which hands in and prints a recorded stream.
fn install(repo: &TestRepo, agent: &str) {
    repo.link_programs(&["cat"]);
    let stream = transcript(&format!("{agent}-ok"));
    repo.program(
        agent,
        &format!(
            "cat >/dev/null\n[ \"$CREW_TASK\" = write ] && echo 'by {agent}' >made\n\
             crew submit result --summary \"$CREW_TASK by {agent}\" --confidence 0.9 --rationale r --no-change-reason n >&2 || exit 9\n\
             cat '{}'",
            stream.display()
        ),
    );
}

#[test]
fn two_steps_of_each_cli_replay_on_a_machine_without_it() {
    for agent in CLIS {
        let repo = TestRepo::new();
        install(&repo, agent);
        repo.workflow(
            "two",
            "## write\nrole: executor\nverify: grep -q 'by ' made\n\nWrite.\n\n\
             ## look\nrole: reviewer\ndependsOn: write\n\nLook.",
        );
        repo.link_programs(&["grep"]);
        let folder = folder(&repo);
        let record = repo.alone(with("two", &["--agent", agent, "--record", &folder]));
        let first = run_command(record).exits(0).json();
        let first = essence(&repo, &first);
        assert_eq!(names(&repo), ["look.1.jsonl", "write.1.jsonl", "write.1.patch"], "{agent}");

        std::fs::remove_file(repo.programs().join(agent)).expect("the program");
        std::fs::remove_file(repo.root.join("made")).expect("what it made");
        let again = run_command(repo.alone(with("two", &["--replay", &folder]))).exits(0).json();
        assert_eq!(essence(&repo, &again), first, "{agent}");
        assert_eq!(task(&again, "write")["usage"]["output_tokens"], 68, "{agent}");
        assert_eq!(std::fs::read_to_string(repo.root.join("made")).expect("a file"), format!("by {agent}\n"));
        assert!(first.to_string().contains("hello-from-tool"), "{agent}: {first}");
        assert_eq!(repo.git(&["diff", "--cached", "--name-only"]), "", "the index is as it was");
    }
}

#[test]
fn an_agent_that_was_reminded_is_reminded_again() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let stream = transcript("claude-ok");
    // In its session it is reminded by a second child; by its hook, in the first one.
    let script = format!(
        "cat >/dev/null\nhand_in() {{ crew submit noop --reason \"$1\" >&2 || exit 9; }}\n\
         case \"$CREW_TASK $*\" in\n\
         *--resume*) echo 2 >second; hand_in 'in its session' ;;\n\
         one*) echo 1 >first ;;\n\
         *) crew hook stop >&2; crew hook stop >&2; hand_in 'by its hook' ;;\n\
         esac\ncat '{}'",
        stream.display()
    );
    repo.program("claude", &script);
    repo.workflow(
        "two",
        "## one\nrole: executor\n\nDo it.\n\n## two\nrole: executor\ndependsOn: one\n\nDo it.",
    );
    let folder = folder(&repo);
    let args = with("two", &["--agent", "claude", "--record", &folder]);
    let first = run_command(repo.alone(args)).exits(0).json();
    assert_eq!(repo.kinds().iter().filter(|kind| *kind == "agent_nudged").count(), 2);
    let first = essence(&repo, &first);
    assert_eq!(names(&repo), ["one.1.jsonl", "one.1.patch", "one.1.reminded.patch", "two.1.jsonl"]);
    std::fs::remove_file(repo.programs().join("claude")).expect("the program");
    for made in ["first", "second"] {
        std::fs::remove_file(repo.root.join(made)).expect("it was made");
    }
    let again = run_command(repo.alone(with("two", &["--replay", &folder]))).exits(0).json();
    assert_eq!(essence(&repo, &again), first);
    assert!(repo.root.join("first").exists() && repo.root.join("second").exists());
}

#[test]
fn a_dead_key_is_a_dead_key_again() {
    for (agent, lines) in CLIS.map(|agent| (agent, if agent == "claude" { 4 } else { 1000 })) {
        let repo = TestRepo::new();
        repo.link_programs(&["head", "sleep"]);
        let stream = transcript(&format!("{agent}-http401"));
        let script =
            format!("head -n {lines} '{}'\n[ {agent} = claude ] && exec sleep 600", stream.display());
        repo.program(agent, &script);
        repo.workflow("one", "## work\nrole: executor\n\nDo it.");
        let folder = folder(&repo);
        let record = repo.alone(with("one", &["--agent", agent, "--record", &folder]));
        let first = run_command(record).exits(1).json();
        assert_eq!(task(&first, "work")["error_kind"], "auth_failed", "{agent}");
        let first = essence(&repo, &first);
        std::fs::remove_file(repo.programs().join(agent)).expect("the program");
        let again = run_command(repo.alone(with("one", &["--replay", &folder]))).exits(1).json();
        assert_eq!(essence(&repo, &again), first, "{agent}");
        repo.leaves_no_process();
    }
}

#[test]
fn a_replay_takes_no_time_or_the_time_it_took() {
    let repo = TestRepo::new();
    one_plain_step(&repo, "");
    let hours = 3 * 3600 * 1000;
    put(
        &repo,
        "work",
        "fake",
        &[json!({"at_ms": 5, "stream": "output", "line": "x"}), handed_in(hours), ended(hours)],
    );
    assert_eq!(task(&replay(&repo, "one", 0), "work")["state"], "completed");
    put(&repo, "work", "fake", &[handed_in(700), ended(1400)]);
    let millis = |speed: &str| {
        let args = ["--replay", &folder(&repo), "--replay-speed", speed];
        let run = repo.crew(with("one", &args)).exits(0).json();
        task(&run, "work")["millis"].as_u64().expect("a time")
    };
    assert!(millis("1") >= 1400);
    assert!(millis("2") >= 700);
}

#[test]
fn a_pause_before_another_attempt_is_played_as_fast_as_the_rest() {
    let repo = TestRepo::new();
    let limited = r#"{"crew":"error","kind":"rate_limited","message":"429","retry_after_s":600}"#;
    repo.crew_agent("fake", "");
    repo.workflow("one", "## work\nrole: executor\nagent: fake\n\nDo it.");
    repo.set("retry", "backoff_ms", json!(60_000));
    put(&repo, "work", "fake", &[json!({"at_ms": 5, "stream": "output", "line": limited}), ended(9)]);
    let first = std::fs::read_to_string(repo.beside("recorded/work.1.jsonl")).expect("a recording");
    let end = json!({"at_ms": 1, "stream": "output", "line": r#"{"crew":"end","ok":true}"#});
    put(&repo, "work", "fake", &[handed_in(1), end, ended(2)]);
    let second = std::fs::read_to_string(repo.beside("recorded/work.1.jsonl")).expect("a recording");
    let second = second.replace("\"attempt\":1", "\"attempt\":2");
    std::fs::write(repo.beside("recorded/work.1.jsonl"), first).expect("a recording");
    std::fs::write(repo.beside("recorded/work.2.jsonl"), second).expect("a recording");
    let run = repo.start(with("one", &["--replay", &folder(&repo)])).ends().exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 2);
}

#[test]
fn a_crew_process_that_is_killed_leaves_what_it_heard() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step("", &format!("say:heard wait-gone:{}", gate.display()));
    let crew = repo.start(with("one", &["--record", &folder(&repo)]));
    let file = repo.beside("recorded/work.1.jsonl");
    wait_until("the line is recorded", || {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("heard"))
    });
    crew.kill();
    repo.open("hang");
    repo.leaves_no_process();
    let text = std::fs::read_to_string(&file).expect("a recording");
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
    let run = replay(&repo, "one", 1);
    let work = task(&run, "work");
    assert_eq!(work["state"], "failed");
    assert!(work["reason"].as_str().expect("a reason").contains("the recording has no end"), "{work}");
    assert!(repo.log("work", 1).contains("heard"));
}

/// Records two steps that are open at the same time.
fn record_side_by_side(repo: &TestRepo, role: &str) -> Ran {
    let (left, right) = (repo.gate("left"), repo.gate("right"));
    repo.agent("left", &format!("say:left wait-gone:{} submit:left", left.display()));
    repo.agent("right", &format!("say:right wait-gone:{} submit:right", right.display()));
    repo.workflow(
        "both",
        &format!(
            "## left\nrole: {role}\nagent: left\n\nDo it.\n\n## right\nrole: {role}\nagent: right\n\nDo it."
        ),
    );
    let crew = repo
        .start(with("both", &["--jobs", "2", "--set", "limits.shared_writers=2", "--record", &folder(repo)]));
    for side in ["left", "right"] {
        let file = repo.beside(&format!("recorded/{side}.1.jsonl"));
        wait_until("both are heard", || {
            std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"line\""))
        });
    }
    repo.open("left");
    repo.open("right");
    crew.ends().exits(0)
}

#[test]
fn two_at_once_are_kept_apart() {
    let repo = TestRepo::new();
    let ran = record_side_by_side(&repo, "explorer");
    assert!(!ran.err.contains("recording:"), "{}", ran.err);
    let first = essence(&repo, &ran.json());
    without_agents(&repo, &["left", "right"], "text");
    let again = repo.crew(with("both", &["--jobs", "2", "--replay", &folder(&repo)])).exits(0).json();
    assert_eq!(essence(&repo, &again), first);
    for (name, text) in recorded(&repo) {
        let other = if name.starts_with("left") { "right" } else { "left" };
        assert!(!text.contains(other), "{name}: {text}");
    }
}

#[test]
fn two_writers_at_once_are_told_about() {
    let repo = TestRepo::new();
    let ran = record_side_by_side(&repo, "executor");
    assert!(ran.err.contains("recording:") && ran.err.contains("at the same time"), "{}", ran.err);
}

#[test]
fn no_token_is_recorded() {
    let repo = TestRepo::new();
    let script = "say-env keep-env:kept submit-args:--summary\\ s submit:done";
    repo.one_step("", script);
    // The second one prints and changes what the first one left.
    repo.agent("reads", "keep-env:kept submit:done say-env");
    repo.workflow(
        "two",
        "## one\nrole: executor\nagent: fake\n\nDo it.\n\n## two\nrole: executor\nagent: reads\ndependsOn: one\n\nDo it.",
    );
    record(&repo, "two", 0);
    let token_in = |text: String| -> String {
        let line = text.lines().find_map(|line| line.strip_prefix("CREW_TOKEN=").map(str::to_owned));
        line.expect("a token")
    };
    let tokens = [token_in(repo.log("one", 1)), token_in(repo.log("two", 1))];
    let files = recorded(&repo);
    assert_eq!(names(&repo), ["one.1.jsonl", "one.1.patch", "two.1.jsonl", "two.1.patch"]);
    for (name, text) in &files {
        assert!(tokens.iter().all(|token| !text.contains(token.as_str())), "{name}: {text}");
        assert!(text.contains("[token]"), "{name}: {text}");
    }
    // What stands in place of a token is the same in every patch, so they still fit on one another.
    without_agents(&repo, &["fake", "reads"], "text");
    std::fs::remove_file(repo.root.join("kept")).expect("it was made");
    replay(&repo, "two", 0);
}

#[test]
fn a_folder_that_cannot_be_recorded_into_is_told_before_anything_starts() {
    let repo = TestRepo::new();
    repo.one_step("", "submit:done");
    repo.write("file", "");
    let error = repo.crew(with("one", &["--record", "file/sub"])).exits(2).json_error();
    assert!(error["message"].as_str().expect("a message").starts_with("file/sub: "), "{error}");
    repo.assert_no_run();

    let error = repo.crew(with("one", &["--record", "."])).exits(2).json_error();
    assert!(error["message"].as_str().expect("a message").contains("a folder of their own"), "{error}");
    repo.assert_no_run();

    repo.crew(with("one", &["--dry-run", "--record", &folder(&repo)])).exits(0);
    assert!(!repo.beside("recorded").exists());
    put(&repo, "work", "fake", &[ended(1)]);
    for more in [&["--dry-run"][..], &[]] {
        let folder = folder(&repo);
        let args = [&["--record", folder.as_str()], more].concat();
        let error = repo.crew(with("one", &args)).exits(2).json_error();
        assert_eq!(error["code"], "recorded_before");
        assert!(error["details"]["at"].as_str().expect("a place").ends_with("work.1.jsonl"), "{error}");
    }
    repo.assert_no_run();
}

#[test]
fn a_recording_that_fails_disturbs_nothing() {
    let repo = TestRepo::new();
    repo.agent("fake", "say:words submit:done");
    repo.workflow(
        "two",
        &format!(
            "## away\nrun: rm -r '{}'\n\n## work\nrole: executor\nagent: fake\ndependsOn: away\n\nDo it.",
            folder(&repo)
        ),
    );
    let ran = repo.crew(with("two", &["--record", &folder(&repo)])).exits(0);
    assert_eq!(task(&ran.json(), "work")["state"], "completed");
    let told: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("recording: ")).collect();
    assert_eq!(told.len(), 1, "{}", ran.err);
    assert!(told[0].contains("work.1.jsonl"), "{told:?}");
}

#[test]
fn what_an_agent_changed_is_changed_again() {
    let repo = TestRepo::new();
    repo.write(".gitignore", "ignored\n");
    repo.write("old", "before\n");
    repo.write("gone", "x\n");
    repo.commit("files");
    let elsewhere = repo.beside("made");
    std::fs::write(&elsewhere, b"\x00\x01\xff binary").expect("a file");
    let script = format!(
        "rm gone; echo after >>old; mkdir -p new; cp {} new/binary; echo x >ignored; ln -s old link; chmod 755 old; \
         crew submit result --summary s --confidence 1 --rationale r --no-change-reason n",
        elsewhere.display()
    );
    repo.set("agents", "shell", json!({"command": format!("/bin/sh -c '{script}'"), "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: shell\nverify: grep -q after old\n\nDo it.");
    // Recordings inside of the repository are not part of what the agent changed.
    let inside = ["--record", "tests/recorded"];
    repo.crew(with("one", &inside)).exits(0);
    let patch = std::fs::read_to_string(repo.root.join("tests/recorded/work.1.patch")).expect("a patch");
    assert!(!patch.contains("jsonl") && !patch.contains("ignored"), "{patch}");

    without_agents(&repo, &["shell"], "text");
    repo.git(&["checkout", "-q", "--", "old", "gone"]);
    for made in ["link", "ignored", "new/binary"] {
        std::fs::remove_file(repo.root.join(made)).expect("it was made");
    }
    repo.crew(with("one", &["--replay", "tests/recorded"])).exits(0);
    assert_eq!(std::fs::read_to_string(repo.root.join("old")).expect("a file"), "before\nafter\n");
    assert_eq!(std::fs::read(repo.root.join("new/binary")).expect("a file"), b"\x00\x01\xff binary");
    assert_eq!(std::fs::read_link(repo.root.join("link")).expect("a link"), Path::new("old"));
    assert!(!repo.root.join("gone").exists() && !repo.root.join("ignored").exists());

    // Once more, the files are no longer what they were.
    let run = repo.crew(with("one", &["--replay", "tests/recorded"])).exits(1).json();
    let work = task(&run, "work");
    let reason = work["reason"].as_str().expect("a reason");
    assert_eq!(work["state"], "failed");
    assert!(
        reason.contains("work.1.patch") && reason.contains("does not fit the files here: error:"),
        "{reason}"
    );
}

#[test]
fn an_attempt_that_was_not_recorded_says_so() {
    let repo = TestRepo::new();
    one_plain_step(&repo, "verify: test -e never\nretries: 1");
    put(&repo, "work", "fake", &[handed_in(1), ended(2)]);
    let run = replay(&repo, "one", 1);
    let work = task(&run, "work");
    assert_eq!((&work["attempts"], &work["exit"]), (&json!(2), &json!(1)));
    assert!(
        work["reason"].as_str().expect("a reason").contains("no recording of attempt 2 of work"),
        "{work}"
    );
}

#[test]
fn what_cannot_be_played_is_told_before_anything_starts() {
    let repo = TestRepo::new();
    one_plain_step(&repo, "");
    let errors = || {
        let ran = repo.crew(with("one", &["--replay", &folder(&repo)])).exits(2);
        repo.assert_no_run();
        ran.json_error()
    };
    assert!(errors()["message"].as_str().expect("a message").contains("recorded"));

    put(&repo, "other", "fake", &[ended(1)]);
    let error = errors();
    assert_eq!(error["code"], "no_recording");
    assert!(error["details"]["at"].as_str().expect("a place").ends_with("recorded/work.1.jsonl"), "{error}");
    assert_eq!(error["hint"], "it holds recordings of other");

    put(&repo, "work", "fake", &[ended(1), json!({"at_ms": 1})]);
    let error = errors();
    assert_eq!(error["code"], "damaged_recording");
    assert!(error["details"]["at"].as_str().expect("a place").ends_with("work.1.jsonl:3"), "{error}");

    put(&repo, "work", "stranger", &[ended(1)]);
    let error = errors();
    assert!(error["message"].as_str().expect("a message").contains("`stranger`"), "{error}");
}

#[test]
fn a_dry_run_shows_what_would_be_played() {
    let repo = TestRepo::new();
    one_plain_step(&repo, "");
    put(&repo, "work", "fake", &[ended(1)]);
    let args = ["--dry-run", "--replay", &folder(&repo), "--replay-speed", "10"];
    let shown = repo.crew(with("one", &args)).exits(0).json();
    assert_eq!(shown["tasks"][0]["agent"], "replay");
    let command = shown["tasks"][0]["command"].as_array().expect("a command");
    assert_eq!(command[1..], [json!("replay-agent"), json!(folder(&repo)), json!("--speed=10")]);
    assert!(shown["notes"][0].as_str().expect("a note").contains("played back from"), "{shown}");
    repo.assert_no_run();
}

#[test]
fn an_agent_of_the_settings_cannot_take_its_name() {
    let repo = TestRepo::new();
    repo.agent("replay", "submit:done");
    let ran = repo.crew(["run", "g", "--agent", "replay"]).exits(2);
    assert!(ran.err.contains("agents.replay: there is an agent of that name already"), "{}", ran.err);
}
