//! Real agents as reviewers of a commit, each in its own read-only mode.

use crate::authority::way_around;
use crate::play::{Play, say, shell, texts};
use crate::support::{of_kind, run_command};
use crew::conformance::script::{Act, Script};
use serde_json::{Value, json};

const BEFORE: &str =
    "fn tries(limit: u32) {\n    for attempt in 0..limit {\n        send(attempt);\n    }\n}\n";

/// A finding at a wrong line that quotes something.
fn hand_in(quote: &str) -> Act {
    let finding = json!([{"severity": "error", "category": "off-by-one", "file": "src/retry.rs", "start_line": 40,
        "end_line": 40, "quote": quote, "title": "The first attempt is never made", "confidence": 0.9}]);
    shell(&format!(
        "printf '%s' '{finding}' | crew review submit --verdict changes_requested --body 'One bug.' --findings -"
    ))
}

/// Lets an agent review the last commit, while the user goes on in the folder; returns its own files' commits.
fn on_stage(cli: &'static str) -> (Play, String, String) {
    let play = Play::with(&[cli], Script::of([]));
    let reviewer = match play.own_model() {
        Some(model) => json!({"agent": cli, "model": model}),
        None => json!({"agent": cli}),
    };
    play.repo.set("review", "reviewers", json!({"it": reviewer}));
    play.repo.write("src/retry.rs", BEFORE);
    play.repo.commit("before");
    play.repo.write("src/retry.rs", &BEFORE.replace("0..limit", "1..limit"));
    play.repo.commit("after");
    let commit = |name: &str| play.repo.git(&["rev-parse", name]).trim().to_owned();
    let (base, head) = (commit("HEAD~1"), commit("HEAD"));
    play.repo.write("src/retry.rs", "what nobody is to see\n");
    (play, base, head)
}

fn review(play: &Play, exit: i32) -> Value {
    let args = ["review", "HEAD~1..HEAD", "--reviewer", "it", "--json", "--set", "limits.grace_seconds=2"];
    let ran = run_command(play.crew(args));
    assert_eq!(ran.exit, exit, "{}\n{}\n{}", ran.out, ran.err, play.logs());
    play.leaves_nothing();
    ran.json()
}

pub fn it_reviews_a_commit(cli: &'static str) {
    let (play, base, head) = on_stage(cli);
    let diff = format!("git diff --no-ext-diff {base} {head}");
    let wrong = hand_in("for attempt in 0..=limit {");
    play.server().play(Script::of([
        shell(&diff),
        wrong,
        hand_in("for attempt in 1..limit {"),
        say("Reviewed."),
    ]));
    let report = review(&play, 5);
    let found = &report["findings"][0];
    assert_eq!(
        (&found["file"], &found["start_line"], &found["standing"], &found["reviewers"]),
        (&json!("src/retry.rs"), &json!(2), &json!("in_diff"), &json!(["it"])),
        "{report:#}"
    );
    let turns = play.turns();
    let told = texts(&turns[0]);
    assert!(told.contains(&diff) && told.contains("crew review submit"), "{told}");
    assert!(!told.contains("crew submit result"), "{told}");
    // It sees the commit, not what the user has made of it meanwhile, and why its first quote did not do.
    let (seen, refused) = (texts(&turns[1]), texts(&turns[2]));
    assert!(seen.contains("for attempt in 1..limit {"), "{seen}");
    assert!(!refused.contains("what nobody is to see"), "{refused}");
    let events = play.repo.events();
    let refusals = of_kind(&events, "submission_refused");
    assert_eq!(refusals.len(), 1, "{events:#?}");
    let reason = refusals[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("src/retry.rs") && refused.contains(reason), "{reason} is missing in {refused}");
}

/// What its own mode does not keep it from is found out: its review does not count.
pub fn a_reviewer_that_edits_is_found_out(cli: &'static str) {
    let (play, ..) = on_stage(cli);
    let slip = way_around(cli).expect("one that can");
    play.server().play(Script::of([
        shell(slip),
        shell("crew review submit --verdict approved --body fine"),
        say("Reviewed."),
    ]));
    let report = review(&play, 6);
    let events = play.repo.events();
    let ended = of_kind(&events, "attempt_ended");
    assert_eq!(ended[0]["error_kind"], "read_only_violated", "{report:#} {ended:#?}");
}
