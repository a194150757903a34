//! What persons do with reviews that were made: they are listed, decided about, counted and cancelled.

use crate::support::{TestRepo, run_command};
use crew::domain::event::Event;
use crew::domain::id::RunId;
use crew::runner::clock;
use crew::store::database::{Applied, Store};
use crew::store::layout::Layout;
use serde_json::{Value, json};

/// A finding of a reviewer: its fingerprint and how grave it is.
pub type Finding<'a> = (&'a str, &'a str);

fn event(value: Value) -> Event {
    serde_json::from_value(value).expect("an event")
}

/// Records a review as one that crew made, by reviewers who have found something, and returns its id. `more` are the commands
/// of tasks that are still to be done.
pub fn a_review(repo: &TestRepo, head: &str, found: &[(&str, &[Finding<'_>])], more: &[&str]) -> String {
    a_review_of(repo, "range:refs/heads/feature", head, found, more)
}

/// Does the same with a review of something that is known by `key`.
fn a_review_of(
    repo: &TestRepo,
    key: &str,
    head: &str,
    found: &[(&str, &[Finding<'_>])],
    more: &[&str],
) -> String {
    let target = json!({"kind": "range", "words": "main...feature", "key": key, "base": "b", "head": head, "tree": "t"});
    let mut events =
        vec![event(json!({"kind": "run_created", "goal": "review", "team": "t", "workflow": "w",
        "limits": {"jobs": 1, "fail_fast": false}, "crew_version": "0",
        "review": {"target": target, "change": {"files": 1, "added": 1, "removed": 0}}}))];
    for (name, _) in found {
        let work = json!({"agent": {"role": "reviewer", "program": "builtin", "persona": "reviewer", "task": "t",
            "writes": false}});
        let spec = json!({"id": name, "work": work, "reviews": {"name": name}});
        events.push(event(json!({"kind": "task_created", "spec": spec})));
    }
    for (at, run) in more.iter().enumerate() {
        let spec = json!({"id": format!("more-{at}"), "work": {"command": {"run": run}}});
        events.push(event(json!({"kind": "task_created", "spec": spec})));
    }
    let mut store = Store::open(&Layout::of(&repo.root)).expect("a store");
    let id = RunId::from_random(head.bytes().fold(7, |bits, byte| bits << 7 | u128::from(byte)) * 977);
    let (mut run, _) = store.create_run(id.clone(), clock::now(), events).expect("a run");
    for (name, findings) in found {
        let verdict = if findings.is_empty() { "approved" } else { "changes_requested" };
        let finding = |(print, severity): &Finding<'_>| {
            json!({"severity": severity, "category": "race", "file": "src/a.rs", "start_line": 3, "end_line": 3,
                "title": format!("about {print}"), "fingerprint": print})
        };
        let findings: Vec<Value> = findings.iter().map(finding).collect();
        let ending = json!({"exit": 0, "millis": 1, "cpu_millis": 1, "max_rss_kib": 1, "output_bytes": 0});
        let passes = [
            json!({"kind": "attempt_started", "agent": "builtin", "log": "l"}),
            json!({"kind": "submission_accepted", "request": format!("r-{head}-{name}"),
                "review": {"verdict": verdict, "findings": findings}}),
            json!({"kind": "attempt_ended", "outcome": "succeeded", "ending": ending, "usage": {}}),
        ];
        for mut happened in passes {
            happened["task"] = json!(name);
            happened["attempt"] = json!(1);
            let applied = Applied::to(&mut run, clock::now(), event(happened)).expect("it follows");
            store.append(&mut run, vec![applied], &[]).expect("it is recorded");
        }
    }
    id.to_string()
}

/// Says something about findings, and returns what is told.
#[track_caller]
fn say(repo: &TestRepo, exit: i32, words: &str) -> String {
    let args = ["review"].into_iter().chain(words.split(' '));
    let ran = repo.crew(args).exits(exit);
    format!("{}{}", ran.out, ran.err)
}

fn list(repo: &TestRepo) -> Value {
    repo.crew(["review", "list", "--json"]).exits(0).json()["data"].take()
}

#[test]
fn no_title_of_a_finding_that_is_decided_about_is_a_command_to_a_runner() {
    let repo = TestRepo::new();
    let bad = "##[error]x ##vso[task.complete]y";
    a_review(&repo, "v1", &[("claude", &[(bad, "error")])], &[]);
    let decide = |word: &str, more: &[&str]| {
        let ran = repo
            .crew(["review", word, "last", "##", "--why", "w", "--by", "Ann"].iter().chain(more))
            .exits(0);
        assert!(ran.out.contains("[error]x"), "{word}: {}", ran.out);
        ran.out
    };
    let shown = |args: &[&str]| repo.crew(["review"].iter().chain(args)).exits(0).out;
    let json: &[&str] = &["--json"];
    let told = [
        decide("dismiss", &[]),
        decide("reopen", json),
        decide("dismiss", json),
        decide("reopen", &[]),
        decide("resolve", &[]),
        decide("reopen", &[]),
        decide("resolve", json),
        shown(&["show", "last", "##"]),
        shown(&["show", "last", "##", "--json"]),
        shown(&["baseline", "add", "last", "##", "--reason", "r", "--by", "Ann"]),
        shown(&["baseline", "list"]),
        shown(&["baseline", "list", "--json"]),
    ];
    for told in told {
        assert!(!told.contains("##[") && !told.contains("##vso"), "{told}");
    }
}

#[test]
fn findings_are_decided_about_once_by_a_person_and_what_is_dismissed_is_counted_everywhere() {
    let repo = TestRepo::new();
    assert!(say(&repo, 0, "list").contains("there are no reviews"));
    assert!(say(&repo, 0, "stats").contains("nothing was reviewed within 7d"));
    let first: &[Finding<'_>] = &[("aa11", "error"), ("aa22", "warning"), ("bb33", "info")];
    let one = a_review(&repo, "v1", &[("claude", first), ("codex", &[("aa11", "error")])], &[]);
    let review = &list(&repo)[0];
    assert_eq!(review["open"], json!({"error": 1, "warning": 1, "info": 1}));
    assert_eq!(review["reviewers"][1]["state"], "changes_requested");

    // What does not say which, or why, or is not there.
    assert!(say(&repo, 4, "dismiss last aa --why wrong").contains("may be any of aa11 (about aa11), aa22"));
    assert!(say(&repo, 4, "dismiss last cc --why wrong").contains("has no finding `cc`"));
    assert!(say(&repo, 4, "reopen last aa11 --why wrong").contains("nothing was decided about it"));
    assert!(say(&repo, 2, "resolve last aa11").contains("--why"));
    assert!(say(&repo, 2, "resolve last aa11 --why w --kind too_broad").contains("good_fit"));
    let mut agent = repo.command(["review", "dismiss", "last", "aa11", "--why", "w"]);
    agent.env("CREW_TOKEN", "t");
    assert!(run_command(agent).exits(4).err.contains("an agent cannot decide for a person"));

    say(&repo, 0, "dismiss last aa1 bb --why nothing --kind low_quality --by Ann");
    let again = say(&repo, 4, "dismiss last aa1 --why other --by Bob");
    assert!(again.contains("finding aa11 is dismissed, by Ann"), "{again}");
    say(&repo, 0, "resolve last aa2 --why done --kind good_fit --evidence c0ffee");
    assert_eq!(list(&repo)[0]["open"], json!({}));

    // A later review of something else: it stays quiet there, and can be taken back from there.
    let two = a_review(&repo, "v2", &[("claude", &[("aa11", "error"), ("dd44", "error")]), ("pi", &[])], &[]);
    assert_eq!(list(&repo)[0]["open"], json!({"error": 1}));
    assert!(list(&repo)[1]["superseded"].as_bool().expect("a word"));
    let elsewhere = say(&repo, 4, &format!("dismiss {two} aa11 --why w"));
    assert!(elsewhere.contains(&format!("crew review reopen {one} aa11")), "{elsewhere}");
    let claude = |repo: &TestRepo| repo.crew(["review", "stats", "--json"]).exits(0).json()["data"][0].take();
    let stats = claude(&repo);
    assert_eq!((&stats["reviews"], &stats["findings"]["error"]), (&json!(2), &json!(2)));
    assert_eq!(
        (&stats["accepted"], &stats["dismissed"], &stats["pending"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert_eq!(stats["kinds"], json!({"good_fit": 1, "low_quality": 2}));
    let shown = say(&repo, 0, "stats --window 1h");
    assert!(
        shown.contains("33 %") && shown.lines().any(|line| line.starts_with("pi") && line.contains(" - "))
    );
    let whole = say(&repo, 0, &format!("show {one} aa11"));
    for words in
        ["src/a.rs:3", "about aa11", "claude, codex agree", "dismissed by Ann", "(low_quality): nothing"]
    {
        assert!(whole.contains(words), "{words}: {whole}");
    }
    let report = repo.crew(["review", "show", &two, "--json"]).exits(5).json();
    assert_eq!(
        (&report["hidden"]["dismissed"], report["findings"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    say(&repo, 0, &format!("show {two} --fail-on blocker"));
    let nobody = say(&repo, 4, &format!("send {two}"));
    assert!(
        nobody.contains("main...feature, which is no task's work") && nobody.contains("--fix-with AGENT")
    );
    say(&repo, 0, &format!("reopen {two} aa11 --why back"));
    assert_eq!(list(&repo)[0]["open"], json!({"error": 2}));
    assert_eq!(claude(&repo)["pending"], 2);
}

#[test]
fn a_review_that_is_at_work_takes_decisions_and_one_without_an_owner_is_interrupted_until_it_is_cancelled() {
    let repo = TestRepo::new();
    let gate = repo.gate("review");
    let waits = format!("while [ -e {} ]; do sleep 0.02; done", gate.display());
    let id = a_review(&repo, "v1", &[("claude", &[("aa11", "error")])], &[&waits]);
    let running = repo.start(["resume", &id]);
    repo.wait_for_event("it is at work", |event| event["kind"] == "process_started");
    say(&repo, 0, "dismiss last aa11 --why nothing");
    assert!(repo.kinds().contains(&"finding_decided".to_owned()));
    assert_eq!(list(&repo)[0]["open"], json!({}));
    repo.open("review");
    running.ends().exits(0);

    // Nobody has begun with this one.
    let mut store = Store::open(&Layout::of(&repo.root)).expect("a store");
    let mut run =
        store.load_run(&RunId::parse(&id).expect("an id")).expect("it is read").expect("it is there");
    let task = json!({"id": "late", "work": {"command": {"run": "true"}}, "reviews": {"name": "late"}});
    let late = event(json!({"kind": "task_created", "spec": task}));
    store.record(&mut run, clock::now(), late).expect("it is recorded");
    assert_eq!(list(&repo)[0]["reviewers"][1]["state"], "interrupted");
    say(&repo, 0, &format!("cancel {id} --reason enough"));
    assert_eq!(list(&repo)[0]["reviewers"][1]["state"], "cancelled");
    assert!(say(&repo, 0, "cancel last").contains("cancelled already"));
}

#[test]
fn what_was_found_goes_back_to_the_agent_whose_finished_work_was_reviewed() {
    let repo = TestRepo::new();
    let words = [r#"{"crew":"session","id":"s1"}"#, r#"{"crew":"end","ok":true}"#];
    let [session, end] = words.map(|line| format!("'say:{line}'"));
    repo.crew_agent("worker", &format!("{session} submit:done {end}"));
    repo.workflow("one", "## work\nrole: executor\nagent: worker\nsubmit: optional\n\nDo it.");
    repo.run_json("one", 0);
    let newest = repo.crew(["status", "last", "--json"]).exits(0).json();
    let worked = newest["id"].as_str().expect("an id");
    let key = format!("task:{worked}/work");
    let injected: &[Finding<'_>] = &[("aa11", "error"), ("aa22", "info")];
    a_review_of(&repo, &key, "v1", &[("claude", injected)], &[]);
    assert!(say(&repo, 4, "send last other").contains("is not of the work of `other`"));
    assert!(say(&repo, 4, "send last --severity blocker").contains("no open finding at or above blocker"));
    say(&repo, 0, "send last work --resume");
    let run = repo.crew(["status", worked, "--json"]).exits(0).json();
    assert_eq!(crate::support::task(&run, "work")["state"], "completed", "{run:#}");
    let prompt = repo.root.join(".crew/runs").join(worked).join("artifacts/prompts/work.2.md");
    let prompt = std::fs::read_to_string(prompt).expect("the prompt of a second attempt");
    assert!(
        prompt.contains("What you made was reviewed") && prompt.contains("error aa11 src/a.rs:3  about aa11")
    );
    assert!(!prompt.contains("aa22"), "{prompt}");
}
