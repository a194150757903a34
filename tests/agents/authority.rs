//! Real agents before gates, questions and corrections: a person decides, and crew holds the agent to it.

use crate::play::{HAND_IN, Play, say, shell, texts};
use crate::scenarios::{PER_ANSWER, usage_of};
use crate::support::{of_kind, run_command, task};
use crew::conformance::script::Script;
use serde_json::{Value, json};

/// Hands in files, as JSON, from the agent's shell.
const HAND_IN_FILES: &str = r#"printf '%s' '{"summary": "made", "confidence": 0.9, "rationale": "seen to work", "files": [{"path": "src/made.txt", "mode": "new", "contents": "made by crew\n"}]}' | crew submit result --json -"#;

fn content(play: &Play, path: &str) -> String {
    std::fs::read_to_string(play.repo.root.join(path)).expect("a file")
}

/// Lets a person decide something, with which the run has to come to its end, and returns its JSON.
#[track_caller]
fn completes_after(play: &Play, decision: &[&str]) -> Value {
    let ran = run_command(play.crew(decision));
    assert_eq!(ran.exit, 0, "{}\n{}\n{}", ran.out, ran.err, play.logs());
    let run = run_command(play.crew(["status", "last", "--json"])).exits(0).json();
    assert_eq!(run["status"], "completed", "{run:#}");
    play.leaves_nothing();
    run
}

/// Fails the test unless each attempt of the one task went on in the session of the first.
#[track_caller]
fn assert_one_session(play: &Play, attempts: usize) {
    let events = play.repo.events();
    let sessions: Vec<&Value> =
        of_kind(&events, "session_started").into_iter().map(|event| &event["session"]).collect();
    assert_eq!(sessions.len(), attempts, "{events:#?}");
    assert!(sessions.iter().all(|session| *session == sessions[0]), "{sessions:?}");
}

pub fn a_person_answers_it_and_sends_it_back(cli: &'static str) {
    let ask = "crew submit question --question 'Which port?' --option 80 --option 8080";
    let step = "## work\nrole: executor\ngate: after\n\nDo it.";
    let play = Play::at(cli, step, [shell(ask), say("I wait for a word about the port.")]);
    let run = play.waits_after(play.command(&[])).json();
    assert_eq!(
        (&run["status"], &task(&run, "work")["state"]),
        (&json!("awaiting_input"), &json!("awaiting_input"))
    );

    let known = play.turns().len();
    play.server().play(Script::of([shell(HAND_IN), say("It listens on that port.")]));
    play.waits_after(play.crew(["answer", "g1", "2", "--by", "Ann", "--resume"]));
    let asked = texts(&play.turns()[known]);
    // What it said when it asked, and what it is told now.
    assert!(asked.contains("I wait for a word about the port."), "{asked}");
    assert!(asked.contains("Ann says to your question \"Which port?\":\n\n  8080\n"), "{asked}");

    let known = play.turns().len();
    play.server().play(Script::of([shell(HAND_IN_FILES), say("It is written down.")]));
    let note = "write down which one";
    play.waits_after(play.crew(["reject", "g2", "--send-back", "--by", "Ann", "--note", note, "--resume"]));
    let asked = texts(&play.turns()[known]);
    for words in
        ["I wait for a word about the port.", "It listens on that port.", "Ann says to your result", note]
    {
        assert!(asked.contains(words), "{words} is missing in {asked}");
    }

    let shown = run_command(play.crew(["gates", "g3"])).exits(0).out;
    for words in ["confidence 0.9: seen to work", "changed 1 file: src/made.txt"] {
        assert!(shown.contains(words), "{shown}");
    }
    let run = completes_after(&play, &["approve", "g3", "--by", "Ann", "--resume"]);
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["summary"], &work["attempts"]),
        (&json!("completed"), &json!("made"), &json!(3))
    );
    assert_eq!(content(&play, "src/made.txt"), "made by crew\n");
    assert_one_session(&play, 3);
    // Each attempt asked the model for two turns.
    assert_eq!(play.turns().len(), 6);
    assert_eq!(usage_of(&run), PER_ANSWER.map(|tokens| 6 * tokens), "{run:#}");
}

pub fn a_session_that_is_gone_is_begun_anew(cli: &'static str) {
    let ask = "crew submit question --question 'Which port?' --default 8080";
    let play = Play::of(cli, [shell(ask), say("I wait for a word about the port.")]);
    play.waits_after(play.command(&[]));
    play.forget_sessions();

    let known = play.turns().len();
    play.server().play(Script::of([shell(HAND_IN), say("Done.")]));
    completes_after(&play, &["answer", "g1", "80", "--by", "Ann", "--resume"]);
    let asked = texts(&play.turns()[known]);
    assert!(!asked.contains("I wait for a word about the port."), "{asked}");
    assert!(asked.contains("Ann says to your question \"Which port?\":\n\n  80\n"), "{asked}");
    let events = play.repo.events();
    let ends = of_kind(&events, "attempt_ended");
    let outcomes: Vec<&Value> = ends.iter().map(|end| &end["outcome"]).collect();
    // The second one only found out.
    assert_eq!(outcomes, ["succeeded", "failed", "succeeded"], "{ends:#?}");
    assert_eq!(ends[1]["again"]["reason"], "fresh_session");
}

/// Hands in a plan.
const PLAN: &str = "crew submit plan --summary 'in two steps' --step 'read it' --step 'write it' --confidence 0.9 --rationale 'it is short'";

/// Returns what an agent's own read-only mode answers to `echo x > file`, where it refuses that.
fn refusal_to_write(cli: &str) -> Option<&'static str> {
    match cli {
        "claude" => Some("was blocked. For security"),
        // It is the system's own, and worded by the shell.
        "codex" => Some("exited with code 1"),
        "gemini" => Some("requires user confirmation"),
        "opencode" => Some("a rule which prevents you"),
        // Pi has nothing of the kind.
        _ => None,
    }
}

pub fn its_plan_is_approved_before_it_writes(cli: &'static str) {
    const STEP: &str = "## work\nrole: executor\ngate: plan\n\nDo it.";
    let early = "echo early > early.txt";
    let refusal = refusal_to_write(cli);
    if refusal.is_none() {
        // Nothing keeps it from writing, so crew has to see it.
        let play = Play::at(cli, STEP, [shell(early), shell(PLAN), say("That is my plan.")]);
        let work = play.fails_with("read_only_violated", &[]);
        assert_eq!(work["reason"], "before its plan was approved, it changed: early.txt");
    }
    let first = if refusal.is_some() { early } else { "ls" };
    let acts = [shell(first), shell(HAND_IN), shell(PLAN), say("That is my plan.")];
    let play = Play::at(cli, STEP, acts);
    let run = play.waits_after(play.command(&[])).json();
    assert_eq!(task(&run, "work")["state"], "awaiting_input", "{run:#}");
    assert!(!play.repo.root.join("early.txt").exists());
    if let Some(refusal) = refusal {
        let asked = texts(&play.turns()[1]);
        assert!(asked.contains(refusal), "{asked}");
    }
    let asked = texts(&play.turns()[2]);
    assert!(asked.contains("a person has to approve its plan first"), "{asked}");

    let known = play.turns().len();
    let write = "echo 'made by the agent' > made.txt";
    let hand_in = "crew submit result --summary 'it is done' --confidence 0.9 --rationale 'seen to work'";
    play.server().play(Script::of([shell(write), shell(hand_in), say("Done.")]));
    completes_after(&play, &["approve", "g1", "--by", "Ann", "--note", "go by it", "--resume"]);
    let asked = texts(&play.turns()[known]);
    for words in ["That is my plan.", "It is approved; carry it out. go by it"] {
        assert!(asked.contains(words), "{words} is missing in {asked}");
    }
    assert_eq!(content(&play, "made.txt"), "made by the agent\n");
    assert_one_session(&play, 2);
}

/// Returns a command that changes a file and that the agent's own read-only mode lets through, where there is one.
pub fn way_around(cli: &str) -> Option<&'static str> {
    match cli {
        "gemini" => Some("git diff --output=README.md"),
        "opencode" => Some("printf slipped > README.md"),
        "pi" => Some("echo slipped > README.md"),
        _ => None,
    }
}

pub fn a_read_only_role_is_held_to_it(cli: &'static str) {
    let slip = way_around(cli).unwrap_or("echo slipped > README.md");
    let approve = "crew review submit --verdict approved --body 'It looks right.'";
    let step = "## work\nrole: reviewer\n\nLook at it.";
    let play = Play::at(cli, step, [shell(HAND_IN_FILES), shell(slip), shell(approve), say("Reviewed.")]);
    let before = content(&play, "README.md");
    if way_around(cli).is_some() {
        let work = play.fails_with("read_only_violated", &[]);
        assert_eq!(work["reason"], "a read-only role changed: README.md");
        assert_ne!(before, content(&play, "README.md"));
    } else {
        let run = play.completes(&[]);
        assert_eq!(task(&run, "work")["summary"], "approved: It looks right.");
        assert_eq!(before, content(&play, "README.md"));
        let asked = texts(&play.turns()[2]);
        assert!(asked.contains(refusal_to_write(cli).expect("it refuses that")), "{asked}");
    }
    assert!(!play.repo.root.join("src").exists());
    let events = play.repo.events();
    let refused = of_kind(&events, "submission_refused");
    assert_eq!(refused.len(), 1, "{events:#?}");
    let reason = refused[0]["reason"].as_str().expect("a reason");
    let asked = texts(&play.turns()[1]);
    assert!(asked.contains(reason), "{reason} is missing in {asked}");
}
