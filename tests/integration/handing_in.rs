//! Agents that forget to hand in are reminded, those that were cut off go on in their session, and what they hand in gets
//! through whatever their sandbox forbids.

use crate::support::{Ran, TestRepo, of_kind, run_command, start_command, task};
use serde_json::{Value, json};

/// What a session of the fake Codex prints that ends well, with the total of `tokens` for the whole session.
fn turn(tokens: u32) -> String {
    format!(
        r#"echo '{{"type":"turn.completed","usage":{{"input_tokens":{tokens},"cached_input_tokens":0,"output_tokens":1}}}}'"#
    )
}

const SESSION: &str = r#"echo '{"type":"thread.started","thread_id":"t-1"}'"#;
const SUBMIT: &str =
    "crew submit result --summary made --confidence 0.9 --rationale r --no-change-reason n >&2";

/// Makes a Codex of a shell script, which keeps its arguments and prompts beside the repository.
fn codex(repo: &TestRepo, script: &str) {
    repo.link_programs(&["cat", "sleep", "rm", "mkdir"]);
    repo.program(
        "codex",
        &format!("printf '%s\\n' \"$*\" >>\"$HOME/arguments\"\ncat >>\"$HOME/prompts\"\n{SESSION}\n{script}"),
    );
}

fn kept(repo: &TestRepo, name: &str) -> String {
    std::fs::read_to_string(repo.home.join(name)).expect("what the fake Codex kept")
}

fn run_with(repo: &TestRepo, role: &str, more: &[&str]) -> Ran {
    repo.workflow("one", &format!("## work\nrole: {role}\n\nDo it."));
    let words = ["run", "the goal", "--workflow", "one", "--agent", "codex", "--json"];
    run_command(repo.alone(words.iter().chain(more)))
}

fn run(repo: &TestRepo, exit: i32) -> Value {
    run_with(repo, "executor", &[]).exits(exit).json()
}

#[test]
fn an_agent_that_forgot_to_hand_in_is_reminded_once_in_its_session() {
    let repo = TestRepo::new();
    let second = format!("case \"$*\" in *'resume t-1'*) {SUBMIT}; {} ;; *) {} ;; esac", turn(30), turn(10));
    codex(&repo, &second);
    let run = run(&repo, 0);
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["summary"]), (&json!("completed"), &json!("made")));
    // The second total counts the first turn too.
    assert_eq!(work["usage"]["input_tokens"], 30);
    assert_eq!(work["attempts"], 1);
    let kinds = repo.kinds();
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("agent_nudged"), count("attempt_started")), (1, 1));
    // Each child may have ended before it was seen.
    assert!(count("process_started") <= 2, "{kinds:?}");
    let prompts = kept(&repo, "prompts");
    assert_eq!(prompts.matches("You have not handed in anything for the task work").count(), 1);
    assert!(prompts.contains("crew submit blocked"), "{prompts}");
    assert!(repo.artifact("prompts/work.1.reminder.md").contains("crew submit result"));
    repo.leaves_no_process();
}

#[test]
fn one_that_is_reminded_in_vain_needs_review_however_the_reminder_ended() {
    let ends = [turn(30), "exit 3".to_owned(), format!("{}; exit 1", turn(30)), "kill -9 $$".to_owned()];
    for end in ends {
        let repo = TestRepo::new();
        codex(&repo, &format!("case \"$*\" in *resume*) {end} ;; *) {} ;; esac", turn(10)));
        let run = run(&repo, 1);
        let work = task(&run, "work");
        assert_eq!(work["state"], "needs_review", "{end}");
        assert_eq!(work["reason"], "it ended without a submission, though it was reminded", "{end}");
        assert_eq!(of_kind(&repo.events(), "agent_nudged").len(), 1);
        repo.leaves_no_process();
    }
}

#[test]
fn one_that_gets_over_a_refusal_is_checked_all_the_same() {
    let repo = TestRepo::new();
    let refused = r#"echo '{"type":"error","message":"unexpected status 401 Unauthorized: bad key"}'"#;
    codex(&repo, &format!("trap '' TERM\n{SUBMIT}\n{refused}\n{}\nexit 0", turn(1)));
    repo.workflow("one", "## work\nrole: executor\nverify: test -f never\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "one", "--agent", "codex", "--json"];
    let run = run_command(repo.alone(words)).exits(1).json();
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!("verify_failed")));
}

#[test]
fn one_that_may_end_without_a_word_or_ended_badly_is_not_reminded() {
    let repo = TestRepo::new();
    codex(&repo, &format!("{}; exit 3", turn(10)));
    assert_eq!(task(&run(&repo, 1), "work")["state"], "failed");
    assert!(of_kind(&repo.events(), "agent_nudged").is_empty());
    let said = r#"echo '{"type":"item.completed","item":{"type":"agent_message","text":"all is well"}}'"#;
    codex(&repo, &format!("{said}; {}", turn(10)));
    repo.workflow("free", "## work\nrole: explorer\nsubmit: optional\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "free", "--agent", "codex", "--json"];
    let run = run_command(repo.alone(words)).exits(0).json();
    assert_eq!(task(&run, "work")["state"], "completed");
    assert!(of_kind(&repo.events(), "agent_nudged").is_empty());
}

#[test]
fn an_attempt_that_was_cut_off_goes_on_in_its_session() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let wait = format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    codex(&repo, &format!("case \"$*\" in *'resume t-1'*) {SUBMIT} ;; *) {wait} ;; esac; {}", turn(10)));
    repo.workflow("one", "## work\nrole: executor\n\nDo it.");
    let running = start_command(repo.alone(["run", "the goal", "--workflow", "one", "--agent", "codex"]));
    repo.wait_for_event("the session is known", |event| event["kind"] == "session_started");
    running.kill();
    run_command(repo.alone(["resume", "last"])).exits(0);
    let lost = of_kind(&repo.events(), "attempt_ended")[0]["outcome"].clone();
    assert_eq!(lost, "lost");
    let arguments = kept(&repo, "arguments");
    assert_eq!(arguments.lines().filter(|line| line.contains("resume t-1")).count(), 1, "{arguments}");
    let resumed = repo.artifact("prompts/work.2.md");
    assert!(resumed.starts_with("Your work on this task was interrupted"), "{resumed}");
    assert!(resumed.contains("# Goal\n\nthe goal"), "{resumed}");
    repo.leaves_no_process();
}

#[test]
fn the_session_of_an_attempt_stays_where_it_was_when_its_run_is_taken_elsewhere() {
    let here = TestRepo::new();
    let gate = here.gate("hang");
    codex(&here, &format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display()));
    here.workflow("one", "## work\nrole: executor\n\nDo it.");
    let running = start_command(here.alone(["run", "the goal", "--workflow", "one", "--agent", "codex"]));
    here.wait_for_event("the session is known", |event| event["kind"] == "session_started");
    running.kill();
    here.open("hang");
    let file = here.beside("run.tar.gz");
    let file = file.to_str().expect("UTF-8");
    run_command(here.alone(["export", "last", "-o", file])).exits(0);
    let there = crate::imports::other_machine(&here);
    let gone = "echo 'Error: thread/resume: no rollout found for thread id t-1' >&2; exit 1";
    codex(&there, &format!("case \"$*\" in *resume*) {gone} ;; esac\n{SUBMIT}\n{}", turn(1)));
    run_command(there.alone(["import", file])).exits(0);
    run_command(there.alone(["resume", "last", "--trust-project"])).exits(0);
    let events = there.events();
    let told: Vec<&Value> = of_kind(&events, "attempt_ended").iter().map(|end| &end["outcome"]).collect();
    assert_eq!(told, ["lost", "succeeded"]);
    assert!(!kept(&there, "arguments").contains("resume"));
    assert!(!there.artifact("prompts/work.2.md").starts_with("Your work on this task was interrupted"));
    here.leaves_no_process();
    there.leaves_no_process();
}

#[test]
fn where_the_session_is_gone_a_fresh_child_begins() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let wait = format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    let gone = "echo 'Error: thread/resume: no rollout found for thread id t-1' >&2; exit 1";
    let script = format!(
        "case \"$*\" in *resume*) {gone} ;; esac\n[ \"$CREW_ATTEMPT\" = 1 ] && {wait}\n{SUBMIT}\n{}",
        turn(1)
    );
    codex(&repo, &script);
    repo.workflow("one", "## work\nrole: executor\n\nDo it.");
    let running = start_command(repo.alone(["run", "the goal", "--workflow", "one", "--agent", "codex"]));
    repo.wait_for_event("the session is known", |event| event["kind"] == "session_started");
    running.kill();
    run_command(repo.alone(["resume", "last"])).exits(0);
    let events = repo.events();
    let ends = of_kind(&events, "attempt_ended");
    let told: Vec<&Value> = ends.iter().map(|end| &end["outcome"]).collect();
    assert_eq!(told, ["lost", "failed", "succeeded"]);
    assert_eq!(ends[1]["again"]["reason"], "fresh_session");
    let arguments = kept(&repo, "arguments");
    let resumed: Vec<bool> = arguments.lines().map(|line| line.contains("resume")).collect();
    assert_eq!(resumed, [false, true, false]);
}

#[test]
fn an_attempt_that_failed_is_retried_without_its_session() {
    let repo = TestRepo::new();
    let limited = r#"echo '{"type":"turn.failed","error":{"message":"exceeded retry limit, last status: 429 Too Many Requests"}}'; exit 1"#;
    codex(&repo, &format!("[ \"$CREW_ATTEMPT\" = 1 ] && {{ {limited}; }}\n{SUBMIT}\n{}", turn(1)));
    run_with(&repo, "executor", &["--set", "retry.backoff_ms=1"]).exits(0);
    assert!(!kept(&repo, "arguments").contains("resume"));
}

/// A Claude that asks its stop hook before it ends, `asks` times, as the real one does.
fn claude(repo: &TestRepo, before: &str, asks: u32) {
    repo.link_programs(&["cat", "sed"]);
    let asked = "hook=$(printf '%s' \"$settings\" | sed 's/.*\"command\":\"\\([^\"]*\\)\".*/\\1/'); echo '{}' | sh -c \"$hook\" >>\"$HOME/hook\"";
    repo.program(
        "claude",
        &format!(
            "cat >/dev/null\nwhile [ $# -gt 0 ]; do [ \"$1\" = --settings ] && settings=$2; shift; done\n\
             echo '{{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s-1\"}}'\n{before}\n{}\n\
             echo '{{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false,\"result\":\"done\"}}'",
            vec![asked; asks as usize].join("\n")
        ),
    );
}

fn run_claude(repo: &TestRepo, exit: i32) -> Value {
    repo.workflow("one", "## work\nrole: executor\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "one", "--agent", "claude", "--json"];
    run_command(repo.alone(words)).exits(exit).json()
}

#[test]
fn a_stop_hook_holds_an_agent_back_once_and_never_twice() {
    let repo = TestRepo::new();
    claude(&repo, "", 3);
    let run = run_claude(&repo, 1);
    assert_eq!(task(&run, "work")["state"], "needs_review");
    let hook = kept(&repo, "hook");
    let held: Value = serde_json::from_str(hook.lines().next().expect("one answer")).expect("JSON");
    assert_eq!((&held["decision"], hook.lines().count()), (&json!("block"), 1));
    assert!(held["reason"].as_str().expect("a reason").contains("crew submit noop"));
    // It has been reminded by then, and is not started again for that.
    assert!(of_kind(&repo.events(), "process_started").len() <= 1);
}

#[test]
fn a_stop_hook_lets_go_who_has_handed_in() {
    let repo = TestRepo::new();
    claude(&repo, SUBMIT, 2);
    assert_eq!(task(&run_claude(&repo, 0), "work")["state"], "completed");
    assert_eq!(kept(&repo, "hook"), "");
    assert!(of_kind(&repo.events(), "agent_nudged").is_empty());
}

#[test]
fn a_hook_outside_of_an_attempt_holds_nobody_back() {
    let ran = TestRepo::new().crew(["hook", "stop"]).exits(0);
    assert_eq!(ran.out, "");
}

/// Runs a workflow of one step in which the agent does `commands` in its shell.
fn in_shell(role: &str, commands: &str, exit: i32) -> (TestRepo, Value) {
    let repo = TestRepo::new();
    codex(&repo, &format!("{{ {commands} ; }} >>\"$HOME/answers\" 2>&1\n{}", turn(1)));
    let run = run_with(&repo, role, &[]).exits(exit).json();
    let work = task(&run, "work").clone();
    (repo, work)
}

#[test]
fn noop_and_blocked_are_honest_ways_out() {
    let (repo, work) = in_shell("executor", "crew submit noop --reason 'it is there'", 0);
    assert_eq!(
        (&work["state"], &work["summary"]),
        (&json!("completed"), &json!("nothing to do: it is there"))
    );
    assert_eq!(repo.artifact("results/work.1.md"), "nothing to do: it is there\n");
    let (_, work) = in_shell("executor", "crew submit blocked --reason 'no key'", 1);
    assert_eq!((&work["state"], &work["reason"]), (&json!("needs_review"), &json!("it is blocked: no key")));
    let (repo, work) = in_shell("verifier", "crew submit noop --reason 'looks fine'", 1);
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!("invalid_submission")));
    // The reminder says what was wrong.
    assert!(kept(&repo, "prompts").contains("What you tried was refused: a verifier hands in a result"));
    assert!(kept(&repo, "answers").contains("pass, fail or inconclusive"));
}

#[test]
fn a_reviewer_hands_in_a_verdict_with_findings() {
    let finding = json!([{"severity": "error", "category": "logic", "file": "README.md", "start_line": 9,
        "end_line": 9, "quote": "A repository for",
        "title": "Off by one", "body": "It ends too early.", "confidence": 0.8}]);
    let submit = format!(
        "printf '%s' '{finding}' | crew review submit --verdict changes_requested --body 'One bug.' --findings -"
    );
    let again = submit.replace("One bug.", "Two bugs.");
    let empty = "crew review submit --verdict changes_requested";
    let (repo, work) = in_shell("reviewer", &format!("{empty}; {submit}; {submit}; {again}"), 0);
    assert_eq!(work["summary"], "changes requested, 1 finding: One bug.");
    let answers = kept(&repo, "answers");
    assert!(answers.contains("changes_requested needs a reason"), "{answers}");
    assert_eq!(answers.matches("accepted: the review of work, attempt 1").count(), 2, "{answers}");
    assert!(answers.contains("a different review was handed in before"), "{answers}");
    let (repo, _) = in_shell("executor", "crew review submit --verdict approved", 1);
    assert!(kept(&repo, "answers").contains("a review comes from a reviewer"));
}

/// Tells whether a process here may make its own view of the file system, as agents' sandboxes do.
fn has_sandboxes() -> bool {
    let made = std::process::Command::new("unshare").args(["-rm", "true"]).output();
    let has = made.is_ok_and(|made| made.status.success());
    if !has {
        eprintln!("not tried: unshare -rm does not work here");
    }
    has
}

/// Puts commands into a sandbox in which the inbox can only be read.
fn read_only_inbox(commands: &str) -> String {
    let commands = commands.replace('\'', "'\\''");
    format!(
        "unshare -rm sh -c 'mount --bind \"$CREW_INBOX\" \"$CREW_INBOX\" && \
         mount -o remount,bind,ro \"$CREW_INBOX\" && {commands}'"
    )
}

fn in_sandbox(before: &str, commands: &str, exit: i32) -> (TestRepo, Value) {
    let repo = TestRepo::new();
    repo.link_programs(&["unshare", "mount", "touch", "tr", "head", "rm"]);
    codex(
        &repo,
        &format!(
            "{before}\n{{ {} ; }} >\"$HOME/answers\" 2>&1\ncat \"$HOME/answers\"\n{}",
            read_only_inbox(commands),
            turn(1)
        ),
    );
    let run = run_with(&repo, "executor", &["--set", "limits.grace_seconds=1"]).exits(exit).json();
    let work = task(&run, "work").clone();
    repo.leaves_no_process();
    (repo, work)
}

#[test]
fn where_no_file_can_be_written_a_submission_comes_through_the_pipe() {
    if !has_sandboxes() {
        return;
    }
    let long = "details=$(head -c 300000 /dev/zero | tr '\\0' x); printf '{\"summary\":\"s\",\"confidence\":1,\"rationale\":\"r\",\"no_change_reason\":\"n\",\"details\":\"%s\"}' \"$details\" | crew submit result --json -";
    let (repo, work) =
        in_sandbox("", &format!("touch \"$CREW_INBOX/x\"; crew submit noop --reason ''; {long}"), 0);
    assert_eq!((&work["state"], &work["summary"]), (&json!("completed"), &json!("s")));
    let answers = kept(&repo, "answers");
    assert!(answers.contains("Read-only file system"), "{answers}");
    assert!(
        answers.contains("reason is empty") && answers.contains("accepted: the result of work"),
        "{answers}"
    );
    assert!(repo.artifact("results/work.1.md").len() > 300_000);
}

#[test]
fn where_nothing_else_gets_out_a_submission_stands_in_the_output() {
    if !has_sandboxes() {
        return;
    }
    let remove = "rm \"$CREW_INBOX/pipe\"";
    let commands = format!("crew submit noop --reason ''; {SUBMIT}").replace(" >&2", "");
    let (repo, work) = in_sandbox(remove, &commands, 0);
    assert_eq!((&work["state"], &work["summary"]), (&json!("completed"), &json!("made")));
    let answers = kept(&repo, "answers");
    assert!(answers.contains("reason is empty") && answers.contains("crew-request:1:"), "{answers}");
    assert!(answers.contains("crew reads the result from the line above"), "{answers}");
}

#[test]
fn every_kind_gets_out_of_a_sandbox() {
    if !has_sandboxes() {
        return;
    }
    let commands = "crew submit progress --message looking --percent 10; crew submit question --question Which? --option a --default b; \
                    crew submit question --question Which? --option a --default a";
    for before in ["", "rm \"$CREW_INBOX/pipe\""] {
        let (repo, work) = in_sandbox(before, commands, 3);
        assert_eq!(work["state"], "awaiting_input");
        assert_eq!(work["summary"], "it asks: Which? (a)");
        assert_eq!(work["notes"][0]["progress"]["message"], "looking");
        assert!(kept(&repo, "answers").contains("default `b` is none of the options: a"));
    }
}

#[test]
fn files_that_come_in_the_output_are_checked_where_they_come_from() {
    if !has_sandboxes() {
        return;
    }
    let file = |path: &str| {
        let files = json!([{"path": path, "mode": "new", "contents": "x"}]);
        let body = json!({"summary": "made", "confidence": 0.9, "rationale": "r", "files": files});
        format!("printf '%s' '{body}' | crew submit result --json -")
    };
    let commands = format!("{}; {}; {}", file("../x"), file("README.md"), file("made"));
    let (repo, work) = in_sandbox("rm \"$CREW_INBOX/pipe\"", &commands, 0);
    assert_eq!(work["summary"], "made");
    let answers = kept(&repo, "answers");
    assert!(answers.contains("the path leads out") && answers.contains("it is there already"), "{answers}");
    assert_eq!(answers.matches("crew-request:1:").count(), 1, "{answers}");
    assert_eq!(std::fs::read_to_string(repo.root.join("made")).expect("it is applied"), "x");
}

#[test]
fn a_signed_line_is_taken_without_an_inbox() {
    if !has_sandboxes() {
        return;
    }
    let repo = TestRepo::new();
    repo.link_programs(&["unshare", "mount", "rm"]);
    // Whoever makes the folder unusable must not end the run.
    let script = format!(
        "rm \"$CREW_INBOX/pipe\"\n{} >\"$HOME/line\" 2>&1\nrm -r \"$CREW_INBOX\"; : >\"$CREW_INBOX\"\n\
         cat \"$HOME/line\"\n{}",
        read_only_inbox(&SUBMIT.replace(" >&2", "")),
        turn(1)
    );
    codex(&repo, &script);
    let run = run_with(&repo, "executor", &["--set", "limits.grace_seconds=1"]).exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "made");
}

#[test]
fn a_line_that_another_attempt_signed_hands_nothing_in() {
    if !has_sandboxes() {
        return;
    }
    let (repo, _) = in_sandbox("rm \"$CREW_INBOX/pipe\"", &SUBMIT.replace(" >&2", ""), 0);
    let answers = kept(&repo, "answers");
    let line = answers.lines().find(|line| line.starts_with("crew-request:")).expect("a signed line");
    codex(&repo, &format!("echo '{line}'\n{}", turn(1)));
    let run = run_with(&repo, "executor", &[]).exits(1).json();
    assert_eq!(task(&run, "work")["state"], "needs_review");
    assert!(of_kind(&repo.events(), "submission_accepted").is_empty());
}

#[test]
fn what_anybody_writes_into_the_pipe_does_no_harm_and_the_pipe_goes_with_the_run() {
    let commands = "head -c 100000 /dev/urandom >\"$CREW_INBOX/pipe\"; printf 'x 0 9 {}\\n%s\\n' \"$(head -c 9000 /dev/zero | tr '\\0' y)\" >\"$CREW_INBOX/pipe\"; crew submit noop --reason fine";
    let repo = TestRepo::new();
    repo.link_programs(&["head", "tr"]);
    codex(&repo, &format!("{{ {commands} ; }} >&2\n{}", turn(1)));
    let run = run_with(&repo, "executor", &[]).exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "nothing to do: fine");
    assert!(!repo.run_folder().join("inbox/pipe").exists());
}
