//! What was handed in by a task in its own work tree when crew was killed is judged by the next crew as by the first.

use crate::support::{Running, TestRepo, of_kind, processes_with, run_command, task, wait_until};
use crate::worktrees::{SUBMIT, agent, branch};
use serde_json::{Value, json};

/// Makes a workflow of one step with further lines, and one that depends on it. Its agent does what `script` says, hands in
/// and stays.
fn stays(repo: &TestRepo, lines: &str, script: &str, submit: &str) {
    let gate = repo.gate("stay");
    let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
    agent(repo, "stays", &format!("{script}\n{submit}\n{wait}"));
    agent(repo, "follows", &format!("echo n >next\n{SUBMIT}"));
    let role = if lines.contains("role:") { "" } else { "role: executor\n" };
    let next = "## next\nrole: executor\nagent: follows\ndependsOn: work\n\nDo it.\n";
    repo.workflow("stays", &format!("## work\n{role}agent: stays\n{lines}\n\nDo it.\n\n{next}"));
}

/// Kills crew once an event has happened, and goes on with the run.
fn killed_after(repo: &TestRepo, kind: &str, exit: i32) -> Value {
    killed_in(repo, &["--worktree"], kind, exit, || {})
}

/// The same in the folder that all share; `meanwhile` happens while no crew lives.
fn killed_in_shared(repo: &TestRepo, exit: i32, meanwhile: impl FnOnce()) -> Value {
    killed_in(repo, &[], "submission_accepted", exit, meanwhile)
}

fn killed_in(repo: &TestRepo, flags: &[&str], kind: &str, exit: i32, meanwhile: impl FnOnce()) -> Value {
    let words = ["run", "g", "--workflow", "stays", "--json", "--quiet"];
    let crew = repo.start(words.iter().chain(flags));
    repo.wait_for_event("the moment", |event| event["kind"] == kind);
    crew.kill();
    meanwhile();
    let resumed = repo.crew(["resume", "last", "--json"]).exits(exit).json();
    repo.leaves_no_process();
    resumed
}

#[test]
fn what_was_handed_in_is_verified_and_completed_and_others_build_on_it() {
    let repo = TestRepo::new();
    stays(&repo, "verify: test -f w", "echo w >w", SUBMIT);
    let run = killed_after(&repo, "submission_accepted", 0);
    for id in ["work", "next"] {
        assert_eq!((&task(&run, id)["state"], &task(&run, id)["attempts"]), (&json!("completed"), &json!(1)));
    }
    assert_eq!(repo.git(&["show", &format!("{}:w", branch(&repo, "next"))]), "w\n");
    let events = repo.events();
    assert_eq!(of_kind(&events, "verification_ended").len(), 1);
    let ended = of_kind(&events, "attempt_ended");
    let work = ended.iter().find(|event| event["task"] == "work").expect("its end");
    assert_eq!(
        (&work["ending"]["unwatched"], &work["ending"]["exit"]),
        (&json!(true), &Value::Null),
        "{work:#}"
    );
    assert_eq!(task(&run, "work")["tree"]["files"], json!(["w"]));
}

#[test]
fn a_result_that_nobody_was_there_to_take_is_applied_by_the_next_crew() {
    let repo = TestRepo::new();
    let kept = repo.beside("who");
    stays(
        &repo,
        "",
        &format!("echo w >w; env | grep '^CREW_' >'{0}.new'; mv '{0}.new' '{0}'", kept.display()),
        "true",
    );
    let crew = repo.start(["run", "g", "--workflow", "stays", "--worktree", "--json", "--quiet"]);
    wait_until("the agent runs", || kept.exists());
    repo.wait_for_event("crew knows that it runs", |event| event["kind"] == "process_started");
    crew.kill();
    let who = std::fs::read_to_string(&kept).expect("a file");
    let value = |name: &str| who.lines().find_map(|line| line.strip_prefix(name)).expect("a variable");
    // It lies there while crew dies, and so does whoever wrote it.
    let result = json!({"summary": "made", "confidence": 1.0, "rationale": "r"});
    let ask = json!({"submit": {"kind": "result", "body": result}});
    let request = json!({"id": "r1", "token": value("CREW_TOKEN="), "ask": ask});
    let inbox = std::path::Path::new(value("CREW_INBOX="));
    std::fs::write(inbox.join("r1.request"), request.to_string()).expect("a request");
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["attempts"], &work["summary"]),
        (&json!("completed"), &json!(1), &json!("made"))
    );
    let events = repo.events();
    assert_eq!(of_kind(&events, "submission_accepted").len(), 2, "its own, and that of the one after it");
    assert!(of_kind(&events, "submission_refused").is_empty());
    assert!(inbox.join("r1.answer").exists() && !inbox.join("r1.request").exists());
    repo.leaves_no_process();
}

#[test]
fn files_of_the_result_are_applied_and_a_check_that_fails_fails() {
    let repo = TestRepo::new();
    let files = r#"printf %s '{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"made","mode":"new","contents":"x\n"}]}' | crew submit result --json -"#;
    stays(&repo, "verify: test -f made", "true", files);
    let run = killed_after(&repo, "submission_accepted", 0);
    assert_eq!(task(&run, "work")["state"], "completed", "{run:#}");
    assert_eq!(repo.git(&["show", &format!("{}:made", branch(&repo, "work"))]), "x\n");

    let repo = TestRepo::new();
    stays(&repo, "verify: test -f missing", "echo w >w", SUBMIT);
    let run = killed_after(&repo, "submission_accepted", 1);
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["error_kind"]),
        (&json!("failed"), &json!("verify_failed")),
        "{work:#}"
    );
    assert_eq!(task(&run, "next")["state"], "skipped");
}

#[test]
fn what_a_verification_had_left_when_crew_was_killed_is_no_work() {
    let repo = TestRepo::new();
    let once = repo.beside("once");
    let verify =
        format!("verify: mkdir '{}' 2>/dev/null && echo half >half && sleep 60 || test -f w", once.display());
    stays(&repo, &verify, "echo w >w", SUBMIT);
    repo.open("stay");
    let crew = repo.start(["run", "g", "--workflow", "stays", "--worktree", "--json", "--quiet"]);
    let trees = repo.root.join(".crew/worktrees");
    wait_until("it verifies", || {
        let mut runs = std::fs::read_dir(&trees).into_iter().flatten().flatten();
        runs.any(|run| run.path().join("work/half").exists())
    });
    crew.kill();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(task(&run, "work")["state"], "completed");
    assert_eq!(repo.git(&["ls-tree", "--name-only", &branch(&repo, "work")]), "README.md\nw\n");
    repo.leaves_no_process();
}

#[test]
fn what_it_may_not_do_is_seen_by_whoever_takes_it_over() {
    let commit = "git -c user.name=A -c user.email=a@e -c commit.gpgsign=false commit -qm w";
    let moves = format!("echo w >w; git add w; {commit}; git update-ref refs/heads/main HEAD");
    let hides = format!("echo w >w; git add w; {commit}; git reset -q --hard HEAD~1; echo d >docs");
    for (lines, script, state, kind, reason) in [
        ("role: reviewer", "echo w >w", "failed", json!("read_only_violated"), "a read-only role changed: w"),
        ("role: reviewer", "true", "completed", Value::Null, ""),
        ("writes: docs", "echo w >w; echo d >docs", "failed", json!("unsafe_path"), "it changed w"),
        ("writes: docs", &hides, "completed", Value::Null, ""),
        ("role: executor", "true", "failed", json!("no_change"), "it changed no file"),
        ("role: executor", &moves, "needs_review", Value::Null, "refs/heads/main was moved"),
    ] {
        let repo = TestRepo::new();
        stays(&repo, lines, script, SUBMIT);
        let exit = if state == "completed" { 0 } else { 1 };
        let run = killed_after(&repo, "submission_accepted", exit);
        let work = task(&run, "work");
        assert_eq!((&work["state"], &work["error_kind"]), (&json!(state), &kind), "{script}: {work:#}");
        assert!(work["reason"].as_str().is_some_and(|said| said.starts_with(reason)), "{script}: {work:#}");
    }
}

#[test]
fn what_the_set_up_left_is_not_held_against_a_reader_whose_beginning_nobody_saw() {
    let repo = TestRepo::new();
    repo.set("worktrees", "setup", json!("echo s >set-up"));
    stays(&repo, "role: reviewer", "true", SUBMIT);
    let run = killed_after(&repo, "submission_accepted", 1);
    let work = task(&run, "work");
    assert_eq!(work["state"], "needs_review", "{work:#}");
    assert!(work["reason"].as_str().is_some_and(|said| said.contains("set-up had left")), "{work:#}");
}

/// What is kept in the run's folder for looking at the folder that all share.
fn kept_looks(repo: &TestRepo) -> Vec<std::path::PathBuf> {
    let runs = std::fs::read_dir(repo.root.join(".crew/runs")).expect("runs").flatten();
    let logs =
        runs.flat_map(|run| std::fs::read_dir(run.path().join("logs")).into_iter().flatten().flatten());
    let ours = logs.filter(|entry| entry.file_name().to_string_lossy().starts_with(".snapshot-"));
    ours.map(|entry| entry.path()).collect()
}

#[test]
fn in_the_shared_folder_it_is_verified_and_completed_too() {
    let repo = TestRepo::new();
    let submit = r#"printf %s '{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"made","mode":"new","contents":"x\n"}]}' | crew submit result --json -"#;
    stays(&repo, "verify: test -f w && test -f made", "echo w >w", submit);
    repo.write("theirs", "by the user, before\n");
    let run = killed_in_shared(&repo, 0, || assert!(!kept_looks(&repo).is_empty()));
    for id in ["work", "next"] {
        assert_eq!((&task(&run, id)["state"], &task(&run, id)["attempts"]), (&json!("completed"), &json!(1)));
    }
    assert_eq!(task(&run, "work")["tree"]["files"], json!(["w", "made"]));
    assert_eq!(task(&run, "next")["tree"]["files"], json!(["next"]), "what was there before is not its own");
    let events = repo.events();
    assert_eq!(of_kind(&events, "verification_ended").len(), 1);
    assert_eq!(of_kind(&events, "files_applied").len(), 1);
    assert!(kept_looks(&repo).is_empty());

    let repo = TestRepo::new();
    let once = repo.beside("once");
    let verify =
        format!("verify: mkdir '{}' 2>/dev/null && echo half >half && sleep 60 || test -f w", once.display());
    stays(&repo, &verify, "echo w >w", SUBMIT);
    repo.open("stay");
    let crew = repo.start(["run", "g", "--workflow", "stays", "--json", "--quiet"]);
    wait_until("it verifies", || repo.root.join("half").exists());
    crew.kill();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!(
        (&task(&run, "work")["state"], &task(&run, "work")["attempts"]),
        (&json!("completed"), &json!(1))
    );
    assert_eq!(task(&run, "work")["tree"]["files"], json!(["w"]));
    repo.leaves_no_process();
}

#[test]
fn in_the_shared_folder_it_is_held_to_what_it_did_before_crew_died() {
    let failed = |kind: &'static str| ("failed", json!(kind));
    let clear: &[(&str, &str, (&str, Value), &str)] = &[
        ("role: reviewer", "echo w >w", failed("read_only_violated"), "a read-only role changed: w"),
        (
            "role: reviewer",
            "rm README.md",
            failed("read_only_violated"),
            "a read-only role changed: README.md",
        ),
        ("role: reviewer", "true", ("completed", Value::Null), ""),
        ("writes: docs", "echo w >w; echo d >docs", failed("unsafe_path"), "it changed w; "),
        ("role: executor", "true", failed("no_change"), "it changed no file"),
        ("verify: test -f missing", "echo w >w", failed("verify_failed"), "`test -f missing` failed"),
    ];
    for (lines, script, (state, kind), reason) in clear {
        let repo = TestRepo::new();
        stays(&repo, lines, script, SUBMIT);
        let run = killed_in_shared(&repo, i32::from(*state != "completed"), || {});
        let work = task(&run, "work");
        assert_eq!((&work["state"], &work["error_kind"]), (&json!(state), kind), "{script}: {work:#}");
        assert!(work["reason"].as_str().is_some_and(|said| said.starts_with(reason)), "{script}: {work:#}");
        let diffs = of_kind(&repo.events(), "artifact_kept")
            .iter()
            .filter(|event| event["artifact"] == "diff")
            .count();
        let is_forbidden = kind == "read_only_violated" || kind == "unsafe_path";
        assert_eq!(diffs, usize::from(is_forbidden), "{script}");
    }
}

#[test]
fn what_a_person_did_in_the_shared_folder_while_crew_was_dead_is_not_held_against_a_reader() {
    let theirs: [fn(&TestRepo); 3] = [
        |repo| repo.write("w", "by a person\n"),
        |repo| std::fs::remove_file(repo.root.join("README.md")).expect("a file"),
        |repo| repo.git(&["branch", "theirs"]).clear(),
    ];
    for (at, does) in theirs.into_iter().enumerate() {
        let repo = TestRepo::new();
        stays(&repo, "role: reviewer", "true", SUBMIT);
        let run = killed_in_shared(&repo, 1, || does(&repo));
        let work = task(&run, "work");
        assert_eq!(work["state"], "needs_review", "{at}: {work:#}");
        let reason = work["reason"].as_str().expect("a reason");
        assert!(reason.contains("(whoever changed the folder while crew was dead)"), "{at}: {reason}");
        assert_eq!(work["tree"]["shared"], true, "{at}");
    }
}

#[test]
fn where_it_is_gone_what_the_shared_folder_was_a_person_is_asked() {
    type Takes = fn(&std::path::Path);
    let gone: [(Takes, &str); 3] = [
        (
            |look| std::fs::remove_dir_all(look).expect("a folder"),
            "it had handed in something when the crew process died",
        ),
        (
            |look| drop(std::fs::write(look.join("witness.json"), "{\"of\"")),
            "it had handed in something when the crew process died",
        ),
        (|look| drop(std::fs::remove_file(look.join("index"))), "crew could not see what it changed: "),
    ];
    for (takes, reason) in gone {
        let repo = TestRepo::new();
        stays(&repo, "", "echo w >w", SUBMIT);
        let run = killed_in_shared(&repo, 1, || kept_looks(&repo).iter().for_each(|look| takes(look)));
        let work = task(&run, "work");
        assert_eq!(work["state"], "needs_review", "{work:#}");
        assert!(work["reason"].as_str().is_some_and(|said| said.starts_with(reason)), "{work:#}");
    }
}

#[test]
fn whatever_step_of_applying_files_crew_is_killed_at_the_task_completes() {
    let files = r#"printf %s '{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"one","mode":"new","contents":"1\n"},{"path":"two","mode":"new","contents":"2\n"}]}' | crew submit result --json -"#;
    let mut kills = 0;
    for step in 1.. {
        let repo = TestRepo::new();
        stays(&repo, "verify: test -f two", "echo w >w", files);
        repo.open("stay");
        let mut command =
            repo.command(["run", "g", "--workflow", "stays", "--worktree", "--json", "--quiet"]);
        command.env("KILL_AT_STEP", step.to_string());
        if run_command(command).exit != -1 {
            break;
        }
        kills += 1;
        let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
        assert_eq!(task(&run, "work")["attempts"], 1, "step {step}");
        assert_eq!(
            repo.git(&["ls-tree", "--name-only", &branch(&repo, "work")]),
            "README.md\none\ntwo\nw\n",
            "step {step}"
        );
        assert_eq!(of_kind(&repo.events(), "files_applied").len(), 1, "step {step}");
    }
    assert!(kills > 3, "killed {kills} times");
}

/// An agent in a work tree of its own that waits at a gate before it hands in, and has lost its crew.
fn left_at_work(repo: &TestRepo, lines: &str) {
    let gate = repo.gate("stay");
    let wait = format!(
        "touch '{}'
while test -e '{}'; do sleep 0.05; done",
        repo.beside("begun").display(),
        gate.display()
    );
    agent(
        repo,
        "stays",
        &format!(
            "{wait}
echo w >w
{SUBMIT}"
        ),
    );
    repo.workflow(
        "stays",
        &format!(
            "## work
role: executor
agent: stays
{lines}

Do it."
        ),
    );
    let crew = repo.start(["run", "left at work", "--workflow", "stays", "--worktree", "--json", "--quiet"]);
    let of_this = |events: &[Value]| events.first().is_some_and(|event| event["goal"] == "left at work");
    let runs = |events: &[Value]| !of_kind(events, "process_started").is_empty();
    wait_until("the child", || {
        Some(repo.events_so_far()).is_some_and(|events| of_this(&events) && runs(&events))
    });
    wait_until("it works", || repo.beside("begun").exists());
    crew.kill();
}

fn adopting(repo: &TestRepo) -> Running {
    let run = repo.start(["resume", "last", "--json", "--set", "recovery.living=adopt"]);
    repo.wait_for_event("it is adopted", |event| event["kind"] == "attempt_adopted");
    run
}

pub fn an_agent_that_still_works_is_adopted() {
    an_agent_that_still_works_is_adopted_in(&TestRepo::new());
}

pub fn an_agent_that_still_works_is_adopted_in(repo: &TestRepo) {
    left_at_work(repo, "verify: test -f w");
    let run = adopting(repo);
    repo.open("stay");
    let run = run.ends().exits(0).json();
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["attempts"]), (&json!("completed"), &json!(1)), "{run:#}");
    assert_eq!(work["tree"]["files"], json!(["w"]));
    repo.leaves_no_process();
}

#[test]
fn an_adopted_agent_is_ended_by_whoever_stops_the_run_and_by_its_time() {
    let repo = TestRepo::new();
    left_at_work(&repo, "");
    let run = adopting(&repo);
    run.signal(libc::SIGINT);
    run.ends().exits(130);
    repo.leaves_no_process();
    let repo = TestRepo::new();
    left_at_work(&repo, "timeout: 2");
    let work = adopting(&repo).ends().exits(1).json();
    assert_eq!(task(&work, "work")["error_kind"], "attempt_timeout", "{work:#}");
    repo.leaves_no_process();
}

#[test]
fn an_adopted_agent_that_hands_nothing_in_is_lost_and_its_task_is_done_again() {
    let repo = TestRepo::new();
    left_at_work(&repo, "");
    let run = adopting(&repo);
    let events = repo.events();
    let pid = of_kind(&events, "attempt_adopted")[0]["process"]["pid"].as_i64().expect("a pid");
    // SAFETY: the group of the agent that this test has started.
    unsafe { libc::kill(-(pid as i32), libc::SIGKILL) };
    repo.wait_for_event("it is begun again", |event| {
        event["kind"] == "process_started" && event["attempt"] == 2
    });
    repo.open("stay");
    let run = run.ends().exits(0).json();
    assert_eq!(
        (&task(&run, "work")["state"], &task(&run, "work")["attempts"]),
        (&json!("completed"), &json!(2))
    );
}

pub fn where_nothing_is_sure_a_person_is_asked() {
    let repo = TestRepo::new();
    left_at_work(&repo, "");
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    let unknown =
        "UPDATE events SET data = json_set(data, '$.process.boot', '') WHERE kind = 'process_started'";
    assert_eq!(store.execute(unknown, []).expect("it is written"), 1);
    let run = repo.crew(["resume", "last", "--json", "--set", "recovery.look_seconds=1"]).exits(1).json();
    let work = task(&run, "work");
    assert_eq!(work["state"], "needs_review", "{work:#}");
    let reason = work["reason"].as_str().expect("a reason");
    assert!(reason.contains("crew cannot tell whether its process"), "{reason}");
    let events = repo.events();
    let ended = of_kind(&events, "attempt_ended");
    assert_eq!(ended.len(), 1, "a person is told once");
    let times: Vec<jiff::Timestamp> = ["attempt_adopted", "attempt_ended"]
        .map(|kind| of_kind(&events, kind)[0]["at"].as_str().expect("a time").parse().expect("a time"))
        .into();
    let looked = (times[1] - times[0]).total(jiff::Unit::Millisecond).expect("a span");
    assert!(looked >= 1_500.0, "three looks, a second apart: {looked}");
    let left = processes_with(repo.home.parent().expect("a folder"));
    assert!(!left.is_empty() || !cfg!(target_os = "linux"), "what may be a stranger's process was ended");
    // By its marks it is known, and no second agent comes beside it.
    if cfg!(target_os = "linux") {
        let refused = repo.crew(["requeue", "work", "--json"]).exits(4).json_error();
        assert!(
            refused["code"] == "busy" && refused["message"].to_string().contains("still at work"),
            "{refused}"
        );
        let shown = repo.crew(["requeue", "work", "--dry-run", "--json"]).exits(0).json();
        assert_eq!(shown["tasks"][0]["manual"]["code"], "busy", "{shown:#}");
        repo.crew(["doctor", "--fix"]);
        repo.leaves_no_process();
    }
    repo.crew(["requeue", "work", "--by", "Ann"]).exits(0);
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!((&status["status"], &task(&status, "work")["state"]), (&json!("queued"), &json!("queued")));
    let doctor = repo.crew(["doctor"]).out;
    assert!(doctor.contains("is queued again, and nobody carries it out"), "{doctor}");
    repo.open("stay");
    repo.leaves_no_process();
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_at_work_for_a_repository_is_none_of_a_copys_and_stays_its_own_where_it_is_moved() {
    let repo = TestRepo::new();
    stays(&repo, "", "touch began; (setsid sleep 300 &)", "true");
    let crew = repo.start(["run", "g", "--workflow", "stays"]);
    repo.wait_for_file("began");
    crew.kill();
    let at_work = || processes_with(&repo.home);
    let first = |words: &str| at_work().into_iter().find(|line| line.contains(words));
    wait_until("what it left aside is at work too", || first("sleep 300").is_some());
    // Its shell starts another process again and again, which is called like itself at first.
    let agents = [first("stays.sh"), first("sleep 300")].map(|line| line.expect("it is at work"));
    let beside = repo.beside("copy");
    let copied = repo.plain("cp").arg("-a").args([&repo.root, &beside]).status().expect("cp runs");
    assert!(copied.success());
    let there = |at: &std::path::Path, args: &[&str]| {
        let mut command = repo.command(args);
        command.current_dir(at);
        run_command(command)
    };
    there(&beside, &["doctor", "--fix"]);
    there(&beside, &["cancel", "last"]).exits(0);
    let left = at_work();
    assert!(agents.iter().all(|line| left.contains(line)), "they belong to the first one: {left:#?}");
    let is_of_them = |line: &String| {
        agents.contains(line) || ["stays.sh", "sleep 0.05"].iter().any(|words| line.contains(words))
    };
    assert!(left.iter().all(is_of_them), "and nothing else is at work: {left:#?}");
    let moved = repo.beside("moved");
    std::fs::rename(&repo.root, &moved).expect("it is moved");
    there(&moved, &["cancel", "last"]).exits(0);
    repo.leaves_no_process();
}
