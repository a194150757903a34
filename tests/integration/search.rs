//! `crew search`: what was said in runs is found, where it was said.

use crate::support::TestRepo;
use serde_json::{Value, json};

fn found(repo: &TestRepo, args: &[&str]) -> Vec<(String, String)> {
    let json = repo.crew(["search", "--json"].iter().chain(args)).exits(0).json();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let hits = json["data"].as_array().expect("a list").iter();
    hits.map(|hit| (format!("{} {}", word(&hit["task"]), word(&hit["place"])), word(&hit["text"]))).collect()
}

#[test]
fn what_was_said_is_found_where_it_was_said() {
    let repo = TestRepo::new();
    assert!(repo.crew(["search", "anything"]).exits(4).err.contains("no runs"));
    repo.write("a", "one line\n");
    repo.commit("a file");
    let finding = json!([{"severity": "error", "category": "limits", "file": "a", "start_line": 1, "end_line": 1,
        "quote": "one line", "title": "Needle one", "body": "first\nthe needle again"}]);
    std::fs::write(repo.beside("findings.json"), finding.to_string()).expect("a file");
    let submit = format!(
        "review submit --verdict changes_requested --findings {}",
        repo.beside("findings.json").display()
    );
    repo.program("says", &format!("echo '{{\"text\": \"a \\\"needle\\\" in JSON\"}}'; crew {submit} >&2"));
    let says = repo.programs().join("says");
    repo.set("agents", "says", json!({"command": says, "prompt": "stdin", "writes": false}));
    repo.workflow(
        "w",
        "## fails\nrun: echo 'a NEEDLE in a haystack'; exit 3\nretries: 0\n\n## looks\nrole: reviewer\nagent: says\n\nLook for the needle.\n",
    );
    repo.crew(["run", "find the Needle", "--workflow", "w"]).exits(1);
    repo.crew(["run", "nothing", "--workflow", "w", "--dry-run"]).exits(0);

    let everywhere = found(&repo, &["needle"]);
    for expected in [
        ("- goal", "find the Needle"),
        ("looks task", "Look for the needle."),
        ("looks finding", "error limits a:1 Needle one"),
        ("looks finding", "the needle again"),
        ("fails log", "a NEEDLE in a haystack"),
        ("looks log", "a \"needle\" in JSON"),
    ] {
        let expected = (expected.0.to_owned(), expected.1.to_owned());
        assert!(everywhere.contains(&expected), "{expected:?} is missing in {everywhere:#?}");
    }
    assert_eq!(
        found(&repo, &["Needle", "--in", "goal", "--in", "log"]),
        [("- goal".into(), "find the Needle".into())]
    );
    assert_eq!(
        found(&repo, &["a", "needle", "in", "a", "--in", "log"]),
        [("fails log".into(), "a NEEDLE in a haystack".into())]
    );
    assert_eq!(found(&repo, &["^a needle.*stack$", "--regex", "--run", "last"]).len(), 1);
    assert!(found(&repo, &["^a needle.*stack$", "--in", "log"]).is_empty());
    assert_eq!(found(&repo, &["exit code 3"]), found(&repo, &["exit code 3", "--in", "error"]));

    let shown = repo.crew(["search", "haystack"]).exits(0);
    assert!(shown.out.contains("find the Needle\n") && shown.out.contains("fails.1  log:"), "{}", shown.out);
    assert!(shown.err.contains("in 1 run of 1"), "{}", shown.err);
    let few = repo.crew(["search", "needle", "--limit", "1"]).exits(0);
    assert!(few.err.contains("1 of ") && few.err.contains("--limit shows more"), "{}", few.err);
    assert!(repo.crew(["search", "no such words"]).exits(0).err.contains("nothing in 1 run"));

    for (args, words) in [
        (vec!["(", "--regex"], "is no regular expression"),
        (vec![" "], "nothing to look for"),
        (vec!["x", "--in", "gaol"], "did you mean `goal`?"),
        (vec!["x", "--limit", "0"], "0 is not in 1..=100000"),
    ] {
        let wrong = repo.crew(["search"].into_iter().chain(args)).exits(2);
        assert!(wrong.err.contains(words), "{}", wrong.err);
    }
    repo.crew(["search", "x", "--run", "zzz"]).exits(4);
}

#[test]
fn what_an_agent_wrote_with_escapes_is_found_as_it_is_read() {
    let repo = TestRepo::new();
    let secret = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let hidden = secret.replacen('p', "\\u0070", 1);
    let line = format!(r#"{{"text": "caf\u00e9 is at src\/main.rs, {hidden}"}}"#);
    let file = repo.beside("line");
    std::fs::write(&file, line + "\n").expect("a file");
    repo.workflow("w", &format!("## says\nrun: cat '{}'\n", file.display()));
    repo.crew(["run", "g", "--workflow", "w"]).exits(0);
    for words in ["café", "src/main.rs"] {
        let hits = found(&repo, &[words, "--in", "log"]);
        assert_eq!(hits.len(), 1, "{words}: {hits:?}");
        assert!(hits[0].1.contains("café is at src/main.rs") && !hits[0].1.contains("a1B2c3"), "{hits:?}");
    }
    assert!(found(&repo, &["a1B2c3D4", "--in", "log"]).is_empty());
}

#[test]
fn a_secret_is_not_found_and_neither_is_it_shown() {
    let repo = TestRepo::new();
    // Put together here, so that this file holds none.
    let secret = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    repo.workflow("w", &format!("## leaks\nrun: echo 'the token is {secret} indeed'\n"));
    repo.crew(["run", "g", "--workflow", "w"]).exits(0);
    assert!(found(&repo, &[&secret]).is_empty());
    assert!(found(&repo, &["a1B2c3D4"]).is_empty());
    let line = found(&repo, &["the token is", "--in", "log"]);
    assert_eq!(line, [("leaks log".into(), "the token is [redacted] indeed".into())]);
}
