//! `crew requeue`: what is over and did not do is done again, because a person says so, once; and `crew show RUN TASK`.

use crate::support::{FAKE_AGENT, Ran, TestRepo, of_kind, run_command, task, wait_until};
use serde_json::{Value, json};

/// A run whose first step meets a limit in its first attempt, with a step behind it and one that asks how it went.
fn limited_once() -> TestRepo {
    let repo = TestRepo::new();
    repo.set("retry", "max_attempts", json!(1));
    let said = r#"'1?say:{"crew":"error","kind":"rate_limited","message":"slow down"}' 1?exit:1"#;
    repo.crew_agent("fake", &format!(r#"{said} submit:done 'say:{{"crew":"end","ok":true}}'"#));
    let behind = "## after\nrun: true\ndependsOn: fix\n\n## if-good\nrun: true\ndependsOn: fix\nwhen: fix.state == completed\n";
    repo.workflow("w", &format!("## fix\nrole: executor\nagent: fake\n\nDo it.\n\n{behind}"));
    repo.run_json("w", 1);
    repo
}

fn status(repo: &TestRepo) -> Value {
    repo.crew(["status", "last", "--json"]).exits(0).json()
}

fn state(repo: &TestRepo, id: &str) -> String {
    task(&status(repo), id)["state"].as_str().expect("a state").to_owned()
}

fn code(ran: &Ran) -> String {
    ran.json_error()["code"].as_str().expect("a code").to_owned()
}

/// Asks for something that is refused, and returns the code.
#[track_caller]
fn refused(repo: &TestRepo, args: &[&str]) -> String {
    code(&repo.crew(["requeue", "--json"].iter().chain(args)).exits(4))
}

/// Puts a request of a person into the inbox of the newest run and dies there: somebody else holds the run meanwhile.
fn dies_after_asking(repo: &TestRepo, args: &[&str]) {
    let folder = repo.run_folder();
    let lock = std::fs::File::options().write(true).open(folder.join("lock")).expect("a lock");
    lock.try_lock().expect("nobody works on it");
    let crew = repo.start(args);
    let waits = || {
        let inbox = std::fs::read_dir(folder.join("inbox")).expect("an inbox");
        inbox.flatten().any(|entry| entry.path().extension().is_some_and(|ending| ending == "request"))
    };
    wait_until("it has asked", waits);
    crew.kill();
}

#[test]
fn what_failed_is_done_again_with_what_was_skipped_because_of_it() {
    let repo = limited_once();
    let events = repo.events();
    assert_eq!(of_kind(&events, "task_skipped").len(), 2);
    let asked = repo.crew(["requeue", "fix", "--by", "Ann", "--json"]).exits(0).json();
    let names: Vec<&str> = asked["requeued"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|task| task["task"].as_str())
        .collect();
    assert_eq!((names, &asked["status"]), (vec!["fix", "after", "if-good"], &json!("queued")));
    assert_eq!(refused(&repo, &["fix"]), "not_failed");
    repo.crew(["resume", "last"]).exits(0);
    for id in ["fix", "after", "if-good"] {
        assert_eq!(state(&repo, id), "completed", "{id}");
    }
    let events = repo.events();
    let requeued = of_kind(&events, "task_requeued");
    assert_eq!((requeued.len(), &requeued[0]["by"]), (3, &json!("Ann")));
    assert_eq!(refused(&repo, &["fix"]), "not_failed", "it is completed");
    // An attempt that ended is never changed.
    let ended = of_kind(&events, "attempt_ended");
    let of_fix = ended.iter().filter(|event| event["task"] == "fix").map(|event| &event["outcome"]);
    assert_eq!(of_fix.collect::<Vec<_>>(), ["failed", "succeeded"]);
}

#[test]
fn each_mistake_has_an_error_of_its_own_and_changes_nothing() {
    let repo = TestRepo::new();
    repo.agent("mute", "say:hello");
    repo.workflow(
        "w",
        "## bad\nrun: false\n\n## worse\nrun: exit 3\n\n## after\nrun: true\ndependsOn: bad\n\n\
         ## talk\nrole: explorer\nagent: mute\n\nLook.\n",
    );
    repo.run_json("w", 1);
    let before = std::fs::read(repo.root.join(".crew/crew.db")).expect("a store");
    let rows: &[(&[&str], &str)] = &[
        (&["nobody"], "unknown_task"),
        (&["last", "nobody"], "unknown_task"),
        (&["zzz", "bad"], "unknown_run"),
        (&["last"], "ambiguous_task"),
        (&["bad"], "needs_force"),
        (&["last", "--failed"], "needs_force"),
        (&["last:after"], "would_be_skipped"),
        (&["last", "bad", "--agent", "mute", "--force", "r"], "not_fitting"),
    ];
    for (args, expected) in rows {
        assert_eq!(refused(&repo, args), *expected, "{args:?}");
    }
    for args in [["talk", "--agent", "nobody"], ["talk", "--agent", "codex"], ["bad", "--failed", "--quiet"]]
    {
        let mut command = repo.alone(["requeue", "--json"].iter().chain(&args));
        command.env("TERM", "dumb");
        run_command(command).exits(2);
    }
    // An agent asks, and does not decide.
    let mut command = repo.command(["requeue", "talk", "--json"]);
    command.env("CREW_TOKEN", "t");
    assert_eq!(code(&run_command(command).exits(4)), "not_a_person");
    // What would become of it is said, and nothing is written.
    let shown = repo.crew(["requeue", "last", "--failed", "--dry-run", "--json"]).exits(0).json();
    let bad = &shown["tasks"][0];
    assert_eq!(bad["automatic"]["reason"], "permanent_error");
    let manual = &bad["manual"];
    assert_eq!(
        (&bad["class"], &manual["allowed"], &manual["needs_force"]),
        (&json!("content"), &json!(false), &json!(true))
    );
    let forced = repo.crew(["requeue", "bad", "--force", "mended", "--dry-run", "--json"]).exits(0).json();
    assert_eq!((&forced["would_requeue"], &forced["comes_back"]), (&json!(true), &json!(["after"])));
    let talk = repo.crew(["requeue", "talk", "--dry-run"]).exits(0);
    assert!(talk.out.contains("needs review") && talk.err.contains("nothing is changed"), "{talk:?}");
    let after = std::fs::read(repo.root.join(".crew/crew.db")).expect("a store");
    assert!(before == after, "the store is another one");
}

#[test]
fn a_note_and_another_agent_reach_the_next_attempt() {
    let repo = limited_once();
    let command = format!("{FAKE_AGENT} say:model={{model}} say-prompt submit:otherwise --");
    repo.set(
        "agents",
        "other",
        json!({"command": command, "prompt": "argument", "output": "text", "writes": true}),
    );
    let note = "take the \u{1b}[31mother API";
    let args = [
        "requeue",
        "fix",
        "--agent",
        "other",
        "--model",
        "m2",
        "--with-note",
        note,
        "--by",
        "Ann",
        "--resume",
    ];
    repo.crew(args).exits(0);
    let prompt = repo.log("fix", 2);
    assert!(prompt.contains("failed (rate_limited). Ann says:") && prompt.contains("other API"), "{prompt}");
    assert!(prompt.contains("model=m2") && !prompt.contains('\u{1b}'), "{prompt:?}");
    let shown = repo.crew(["show", "last", "fix", "--json"]).exits(0).json();
    let second = &shown["attempts"][1];
    assert_eq!(
        (&second["agent"], &second["model"], &second["state"]),
        (&json!("other"), &json!("m2"), &json!("succeeded"))
    );
    let turns = shown["between"].as_array().expect("a list");
    let requeued =
        &turns.iter().find(|turn| turn["event"]["kind"] == "task_requeued").expect("a turn")["event"];
    assert_eq!((&requeued["agent"], &requeued["model"]), (&json!("other"), &json!("m2")));
    assert_eq!(task(&status(&repo), "fix")["agent"], "other");
    let listed = repo.crew(["show", "last:fix"]).exits(0);
    for part in [
        "not tried again (max_retries_exceeded)",
        "slow down",
        "fix.1.log",
        "agent other, model m2",
        "told: take the",
    ] {
        assert!(listed.out.contains(part), "{part}: {}", listed.out);
    }
    listed.shows_nothing_hostile();
    let hint = repo.crew(["show", "fix"]).exits(4);
    assert!(hint.err.contains("crew show last fix"), "{}", hint.err);
}

#[test]
fn of_many_who_ask_at_once_one_wins_and_the_others_are_told() {
    let repo = limited_once();
    let hands: Vec<_> =
        (0..5).map(|number| repo.start(["requeue", "fix", "--by", &format!("hand-{number}")])).collect();
    let ends: Vec<Ran> = hands.into_iter().map(|hand| hand.ends()).collect();
    assert_eq!(ends.iter().filter(|ran| ran.exit == 0).count(), 1, "{ends:?}");
    for lost in ends.iter().filter(|ran| ran.exit != 0) {
        assert_eq!(lost.exit, 4);
        assert!(lost.err.contains("requeued by hand-"), "{}", lost.err);
    }
    assert_eq!(of_kind(&repo.events(), "task_requeued").len(), 3);
}

#[test]
fn who_dies_after_asking_has_asked_once() {
    let repo = limited_once();
    dies_after_asking(&repo, &["requeue", "fix", "--by", "first"]);
    // Whichever of the two requests is settled first, the other is told.
    let again = repo.crew(["requeue", "fix", "--by", "second", "--json"]);
    assert!(again.exit == 0 || code(&again) == "not_failed", "{again:?}");
    assert_eq!(of_kind(&repo.events(), "task_requeued").len(), 3);
    repo.crew(["resume", "last"]).exits(0);
    let events = repo.events();
    let started = of_kind(&events, "attempt_started").into_iter().filter(|event| event["task"] == "fix");
    assert_eq!(started.count(), 2);
}

#[test]
fn a_living_run_takes_it_up_at_once_and_what_is_at_work_is_busy() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    let wait = format!("while [ -e {} ]; do sleep 0.02; done", gate.display());
    repo.workflow(
        "w",
        &format!("## slow\nrun: {wait}\n\n## bad\nrun: test -e mended\n\n## after\nrun: touch came\ndependsOn: bad\n"),
    );
    let running = repo.start_run("w");
    repo.wait_for_event("it is skipped", |event| event["kind"] == "task_skipped");
    assert_eq!(refused(&repo, &["slow"]), "busy");
    repo.write("mended", "");
    let asked = repo.crew(["requeue", "bad", "--force", "it is mended"]).exits(0);
    assert!(asked.err.contains("the run goes on with it"), "{}", asked.err);
    repo.wait_for_file("came");
    repo.open("on");
    let run = running.ends().exits(0).json();
    assert_eq!((&task(&run, "bad")["attempts"], &run["status"]), (&json!(2), &json!("completed")));
}

#[test]
fn a_run_alone_means_its_only_candidate_or_all_that_failed() {
    let repo = TestRepo::new();
    repo.agent("mute", "say:hello");
    repo.workflow(
        "w",
        "## one\nrun: test -e mended\n\n## two\nrun: test -e mended\n\n## talk\nrole: explorer\nagent: mute\n\nLook.\n",
    );
    repo.run_json("w", 1);
    let id = status(&repo)["id"].as_str().expect("an id").to_owned();
    repo.write("mended", "");
    repo.crew(["requeue", &id[..4], "--failed", "--force", "it is mended", "--resume"]).exits(1);
    assert_eq!(["one", "two", "talk"].map(|id| state(&repo, id)), ["completed", "completed", "needs_review"]);
    // It is the only one now.
    repo.agent("mute", "submit:done");
    repo.crew(["requeue", "last", "--resume"]).exits(0);
    assert_eq!(state(&repo, "talk"), "completed");
    assert_eq!(refused(&repo, &["last"]), "not_failed");
}

#[test]
fn what_lies_in_its_own_worktree_is_kept_and_gone_on_with() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: echo x >>tries; test -e mended\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--worktree"]).exits(1);
    let tree = status(&repo);
    let folder = task(&tree, "a")["worktree"]["path"].as_str().expect("a path").to_owned();
    repo.write(&format!("{folder}/mended"), "by hand\n");
    repo.crew(["requeue", "a", "--force", "mended by hand", "--resume"]).exits(0);
    let kinds = repo.kinds();
    let at = kinds.iter().position(|kind| kind == "task_requeued").expect("an event");
    assert_eq!(kinds[at - 1], "work_kept", "{kinds:?}");
    assert_eq!(std::fs::read_to_string(repo.root.join(&folder).join("tries")).expect("a file"), "x\nx\n");
    let shown = repo.crew(["show", "last", "a", "--json"]).exits(0).json();
    let kept: Vec<usize> = shown["attempts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|attempt| attempt["kept"].as_array().expect("a list").len())
        .collect();
    assert_eq!(kept, [2, 1], "what the first left, and what a person changed after it");
}

#[test]
fn what_was_kept_of_some_is_recorded_although_it_is_refused_for_all() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: test -e mended\n\n## b\nrun: test -e mended\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--worktree"]).exits(1);
    let folder = |id: &str| {
        let run = status(&repo);
        repo.root.join(task(&run, id)["worktree"]["path"].as_str().expect("a path"))
    };
    for id in ["a", "b"] {
        std::fs::write(folder(id).join("mended"), "by hand\n").expect("a file");
    }
    let admin = repo.git(&["-C", folder("b").to_str().expect("a path"), "rev-parse", "--absolute-git-dir"]);
    let left = std::path::Path::new(admin.trim()).join("index.lock");
    std::fs::write(&left, "").expect("a lock that somebody left");
    let before = repo.events().len();
    assert_eq!(refused(&repo, &["last", "--failed", "--force", "mended by hand"]), "not_kept");
    let events = repo.events();
    let kept: Vec<&Value> = events[before..].iter().collect();
    assert_eq!(kept.iter().map(|event| &event["kind"]).collect::<Vec<_>>(), ["work_kept"], "{kept:?}");
    let branch = task(&status(&repo), "a")["worktree"]["branch"].as_str().expect("a branch").to_owned();
    assert_eq!(kept[0]["commit"], repo.git(&["rev-parse", &branch]).trim());
    std::fs::remove_file(left).expect("it is gone");
    repo.crew(["requeue", "last", "--failed", "--force", "mended by hand", "--resume"]).exits(0);
}

#[test]
fn what_a_person_changed_after_the_requeue_or_in_what_comes_back_is_kept_before_the_next_attempt() {
    let repo = TestRepo::new();
    let fails = "test -e again && exit; touch again; until test -e ../b/began; do sleep 0.02; done; exit 1";
    let given_up = "test -e user.txt && rm user.txt && exit; touch began; sleep 60";
    repo.workflow("w", &format!("## a\nrun: {fails}\n\n## b\nrun: {given_up}\n"));
    repo.crew(["run", "the goal", "--workflow", "w", "--worktree", "--fail-fast", "--jobs", "2"]).exits(1);
    repo.crew(["requeue", "a", "--force", "again"]).exits(0);
    let tree = status(&repo);
    let of_b = &task(&tree, "b")["worktree"];
    let folder = of_b["path"].as_str().expect("a path");
    repo.write(&format!("{folder}/user.txt"), "by hand\n");
    repo.crew(["resume", "last"]).exits(0);
    let all = repo.git(&["log", "--format=%s", "--name-only", of_b["branch"].as_str().expect("a branch")]);
    assert!(all.contains("b: what was there before attempt 2"), "{all}");
    assert!(all.contains("user.txt"), "{all}");
    assert!(!repo.root.join(folder).join("user.txt").exists(), "its command has deleted it");
}

#[test]
fn a_run_that_had_no_room_for_its_worktrees_is_tried_again() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: touch made\n");
    repo.write(".crew/worktrees", "in the way\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--worktree"]).exits(1);
    assert_eq!(task(&status(&repo), "a")["error_kind"], "worktree_failed");
    std::fs::remove_file(repo.root.join(".crew/worktrees")).expect("it goes away");
    repo.crew(["requeue", "last", "--resume"]).exits(0);
    assert_eq!(state(&repo, "a"), "completed");
}
