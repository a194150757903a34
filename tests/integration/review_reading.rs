//! What reviewers hand in is read beside the loop that owns the run: others do not wait for it, and it counts once.

use crate::reviews::{APPROVES, finds, reviewer, with_branch};
use crate::support::{Running, TestRepo, of_kind, start_command, wait_until};
use crew::domain::request::{Ask, Request};
use crew::store::inbox;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many findings a review has, and over how many files.
const FINDINGS: usize = 1_000;
const FILES: usize = 200;
/// How many lines each file has.
const LINES: usize = 300;

/// Makes git wait, as long as a gate is closed, before it says how large the files are that findings name.
fn slow_git(repo: &TestRepo) -> PathBuf {
    let gate = repo.gate("git");
    repo.link_programs(&["touch", "sleep", "rm"]);
    let script = format!(
        "case \"$*\" in *objectsize*) while [ -e {0} ]; do touch {0}.on; sleep 0.02; done;; esac\n\
         PATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"",
        gate.display()
    );
    repo.program("git", &script);
    gate
}

/// Starts a review whose reviewer types a line, and waits until what it hands in is being read.
fn start_reading(repo: &TestRepo, line: &str) -> Running {
    let gate = slow_git(repo);
    reviewer(repo, "slow", &line.replace("GATE", &gate.display().to_string()));
    let running = start_command(repo.alone(["review", "--base", "main", "--reviewer", "slow", "--json"]));
    wait_until("files are being read", || repo.beside("gate-git.on").exists());
    running
}

#[test]
fn while_files_are_read_others_are_answered_and_whatever_else_the_reviewer_asks_waits() {
    let repo = with_branch();
    // The second one comes first to its end, were it not to wait; and the reviewer ends before it has an answer.
    let line = format!(
        "({}) &\nwhile ! [ -e GATE.on ]; do sleep 0.02; done\n{APPROVES} >/dev/null 2>&1 &\n\
         while ! [ -e GATE.end ]; do sleep 0.02; done",
        finds("error")
    );
    let running = start_reading(&repo, &line);
    let inbox = repo.run_folder().join("inbox");
    let is_whole = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|end| end == "request");
    let waiting = || inbox.read_dir().expect("the inbox").flatten().filter(is_whole).count();
    wait_until("both wait", || waiting() >= 2);
    ask(&inbox, 0);
    std::fs::write(repo.beside("gate-git.end"), "").expect("a file");
    ask(&inbox, 1);
    assert_eq!(of_kind(&repo.events(), "submission_accepted").len(), 0, "it is being read");
    repo.open("git");
    let report = running.ends().exits(5).json();
    assert_eq!(report["findings"][0]["start_line"], 2, "{report}");
    let events = repo.events();
    assert_eq!(of_kind(&events, "submission_accepted").len(), 1, "{events:#?}");
    let refused = of_kind(&events, "submission_refused");
    assert!(refused.iter().any(|event| event["code"] == "conflict"), "{refused:#?}");
    repo.leaves_no_process();
}

#[test]
fn what_is_refused_after_its_files_were_read_is_corrected_by_whoever_asked() {
    let repo = with_branch();
    let wrong = finds("error").replace("\"quote\":\"two\"", "\"quote\":\"nowhere\"");
    let running = start_reading(&repo, &format!("({wrong}) && exit 1\n{}", finds("warning")));
    repo.open("git");
    let report = running.ends().exits(0).json();
    assert_eq!(report["findings"][0]["severity"], "warning", "{report}");
    let events = repo.events();
    let refused = of_kind(&events, "submission_refused");
    assert!(refused[0]["reason"].to_string().contains("its quote does not stand in commit"), "{refused:#?}");
}

#[test]
fn what_was_being_read_when_crew_was_killed_counts_once() {
    let repo = with_branch();
    let running = start_reading(&repo, &finds("error"));
    running.kill();
    repo.open("git");
    // The same request once more is nothing new, and neither is it for whoever goes on.
    let report = repo.crew(["review", "--base", "main", "--reviewer", "slow", "--json"]).exits(5).json();
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(of_kind(&repo.events(), "submission_accepted").len(), 1);
    repo.leaves_no_process();
}

#[test]
fn a_review_that_is_cancelled_while_it_is_read_ends_cancelled() {
    let repo = with_branch();
    let running = start_reading(&repo, &finds("error"));
    let asked = repo.start(["review", "cancel", "last"]);
    repo.wait_for_event("it is asked for", |event| event["kind"] == "cancel_asked");
    repo.open("git");
    asked.ends().exits(0);
    assert_ne!(running.ends().exit, 0);
    let ended = repo.events();
    let ended = of_kind(&ended, "attempt_ended");
    assert_eq!((ended.len(), &ended[0]["outcome"]), (1, &json!("cancelled")), "{ended:#?}");
    repo.leaves_no_process();
}

/// A branch that changes every file, and what a reviewer finds in them.
fn much_to_find() -> (TestRepo, Value) {
    let repo = TestRepo::new();
    let write = |version: usize| {
        for at in 0..FILES {
            let lines: String =
                (0..LINES).map(|line| format!("let value_{line} = {at} + {line} * {version};\n")).collect();
            repo.write(&format!("src/{at:03}.rs"), &lines);
        }
        repo.commit("all");
    };
    write(1);
    repo.git(&["switch", "-q", "-c", "feature"]);
    write(2);
    let finding = |at: usize| {
        let (file, line) = (at % FILES, (at * 7) % LINES);
        json!({"severity": "warning", "category": "bug", "file": format!("src/{file:03}.rs"), "start_line": 1,
            "end_line": 1, "quote": format!("let value_{line} = {file} + {line} * 2;"), "title": "wrong", "body": "mend it"})
    };
    let findings = (0..FINDINGS).map(finding).collect();
    (repo, findings)
}

/// Asks the owner of a run something small, and waits for the answer.
fn ask(inbox_folder: &Path, number: usize) -> Duration {
    let id = format!("small-{number}");
    let began = Instant::now();
    inbox::put(inbox_folder, &Request { id: id.clone(), token: "nobody".into(), ask: Ask::Stop })
        .expect("it is asked");
    while inbox::take_answer(inbox_folder, &id).expect("the inbox").is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "nobody answers");
        std::thread::sleep(Duration::from_millis(1));
    }
    began.elapsed()
}

#[test]
#[ignore = "measures: run it alone, with --nocapture"]
fn nobody_waits_while_a_thousand_findings_are_placed() {
    let (repo, findings) = much_to_find();
    let (file, gate) = (repo.beside("findings.json"), repo.gate("quiet"));
    std::fs::write(&file, findings.to_string()).expect("a file");
    let line = format!(
        "while [ -e {0} ]; do sleep 0.02; done; crew review submit --verdict changes_requested --findings {1}\n\
         touch {0}.answered; while ! [ -e {0}.end ]; do sleep 0.02; done",
        gate.display(),
        file.display()
    );
    reviewer(&repo, "thorough", &line);
    let running = repo.start(["review", "main..feature", "--reviewer", "thorough", "--json"]);
    repo.wait_for_event("the reviewer works", |event| event["kind"] == "process_started");
    let inbox = repo.run_folder().join("inbox");
    let mut waits: Vec<Duration> = (0..20).map(|number| ask(&inbox, number)).collect();
    let quiet = *waits.iter().max().expect("some");
    repo.open("quiet");
    waits.clear();
    let answered = repo.beside("gate-quiet.answered");
    while !answered.exists() || waits.len() < 20 {
        waits.push(ask(&inbox, 20 + waits.len()));
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::write(repo.beside("gate-quiet.end"), "").expect("a file");
    running.ends().exits(0);
    let longest = *waits.iter().max().expect("some");
    println!("longest answer before: {quiet:?}; while findings are placed: {longest:?}, of {}", waits.len());
    let events = repo.events();
    let accepted = of_kind(&events, "submission_accepted");
    assert_eq!(accepted[0]["review"]["findings"].as_array().map(Vec::len), Some(FINDINGS));
    assert!(longest < quiet + Duration::from_millis(100), "{longest:?}");
}
