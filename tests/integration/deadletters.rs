//! Dead letters: what was tried as often as it may be lies where a person finds it, and the record keeps all of it.

use crate::notices;
use crate::support::{TestRepo, of_kind};
use serde_json::{Value, json};

const LIMITED: &str = r#"'say:{"crew":"error","kind":"rate_limited","message":"slow down"}'"#;

/// Steps that all meet a limit, again and again.
fn limited(steps: &[&str]) -> TestRepo {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(0));
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    repo.crew_agent("limited", &format!("err:token={secret} {LIMITED} exit:1"));
    let step = |id: &&str| format!("## {id}\nrole: explorer\nagent: limited\n\nLook.\n\n");
    repo.workflow("w", &steps.iter().map(step).collect::<String>());
    repo
}

fn list(repo: &TestRepo, more: &[&str]) -> Vec<Value> {
    let listed = repo.crew(["deadletter", "list", "--json"].iter().chain(more)).exits(0).json();
    listed["data"].as_array().expect("a list").clone()
}

#[test]
fn what_was_tried_as_often_as_it_may_be_is_listed_with_its_last_words_until_somebody_sees_to_it() {
    let repo = limited(&["a", "b"]);
    repo.crew(["deadletter", "list"]).exits(0);
    repo.run_json("w", 1);
    let events = repo.events();
    let letters = of_kind(&events, "task_dead_lettered");
    assert_eq!(letters.len(), 2);
    // Right behind the end of the attempt, in the same commit.
    let ended = events.iter().find(|event| event["not_again"] == "max_retries_exceeded").expect("an end");
    assert_eq!(ended["attempt"], 3);
    let listed = list(&repo, &[]);
    assert_eq!(listed.len(), 2);
    assert_eq!(
        (&listed[0]["why"], &listed[0]["attempt"], &listed[0]["last_error"]),
        (&json!("exhausted"), &json!(3), &json!("rate_limited: slow down"))
    );
    let shown = repo.crew(["deadletter", "show", "a", "--json"]).exits(0).json();
    let tail = shown["tail"].as_str().expect("a text");
    assert!(tail.contains("slow down") && !tail.contains("ghp_"), "{tail}");
    let text = repo.crew(["deadletter", "show", "last", "a"]).exits(0);
    assert!(text.out.contains("retries exhausted") && text.err.contains("crew requeue"), "{text:?}");
    // One is dropped, the other one is done again; neither leaves the record.
    repo.crew(["deadletter", "drop", "a"]).exits(2);
    repo.crew(["deadletter", "drop", "a", "--reason", "not worth it", "--by", "Ann"]).exits(0);
    let twice = repo.crew(["deadletter", "drop", "a", "--reason", "r", "--json"]).exits(4);
    assert_eq!(twice.json_error()["code"], "no_dead_letter");
    repo.crew_agent("limited", "submit:done 'say:{\"crew\":\"end\",\"ok\":true}'");
    repo.crew(["deadletter", "requeue", "b", "--resume"]).exits(1);
    assert!(list(&repo, &[]).is_empty());
    let fates: Vec<Value> = list(&repo, &["--all"]).iter().map(|letter| letter["fate"].clone()).collect();
    let mut fates: Vec<&str> = fates.iter().filter_map(Value::as_str).collect();
    fates.sort_unstable();
    assert_eq!(fates, ["dropped", "requeued"]);
    assert_eq!(of_kind(&repo.events(), "task_dead_lettered").len(), 2);
}

#[test]
fn a_person_gives_up_what_is_over_and_nothing_else() {
    let repo = TestRepo::new();
    repo.agent("mute", "'say:last words'");
    repo.workflow(
        "w",
        "## good\nrun: true\n\n## bad\nrun: false\n\n## talk\nrole: explorer\nagent: mute\n\nLook.\n",
    );
    repo.run_json("w", 1);
    let code = |args: &[&str]| {
        let ran = repo.crew(["deadletter", "add", "--json"].iter().chain(args)).exits(4);
        ran.json_error()["code"].as_str().expect("a code").to_owned()
    };
    assert_eq!(code(&["good"]), "not_failed");
    assert_eq!(code(&["last", "nobody"]), "unknown_task");
    assert_eq!(
        repo.crew(["deadletter", "show", "talk", "--json"]).exits(4).json_error()["code"],
        "no_dead_letter"
    );
    let added = repo
        .crew(["deadletter", "add", "talk", "--reason", "it only talks", "--by", "Ann", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&added["why"], &added["by"], &added["note"]),
        (&json!("by_hand"), &json!("Ann"), &json!("it only talks"))
    );
    assert_eq!(code(&["talk"]), "dead_lettered");
    let shown = repo.crew(["deadletter", "show", "talk", "--json"]).exits(0).json();
    assert_eq!(shown["tail"], "last words\n");
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(crate::support::task(&status, "talk")["state"], "needs_review", "it stays in its state");
    // Its work counts after all.
    repo.crew(["accept", "talk"]).exits(0);
    assert_eq!(list(&repo, &["--all"])[0]["fate"], "accepted");
    repo.crew(["deadletter", "add", "bad", "--reason", "enough"]).exits(0);
    let told = repo.crew(["deadletter", "list"]).exits(0).err;
    assert!(told.contains(" bad --force \"REASON\""), "it is done again only for a reason: {told}");
}

#[test]
fn more_than_three_within_an_hour_are_told_once() {
    let repo = limited(&["a", "b", "c", "d", "e"]);
    repo.set("retry", "max_attempts", json!(1));
    notices::told_to_a_file(&repo);
    let ran = repo.crew(["run", "the goal", "--workflow", "w"]).exits(1);
    let alerts: Vec<Value> =
        notices::told(&repo).into_iter().filter(|notice| notice["kind"] == "dead_letters").collect();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["title"], "4 tasks were given up within the hour");
    assert_eq!(ran.err.matches("event=dead_letters_piled_up count=4").count(), 1, "{}", ran.err);
    let again = repo.crew(["run", "the goal", "--workflow", "w"]).exits(1);
    assert!(again.err.contains("event=dead_letter ") && !again.err.contains("piled_up"), "{}", again.err);
    assert_eq!(list(&repo, &["last"]).len(), 5);
    assert_eq!(list(&repo, &["-n", "7"]).len(), 7);
}
