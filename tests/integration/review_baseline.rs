//! Findings that are put up with, in a file that people read, merge and commit.

use crate::reviews::{reviewer, with_branch};
use crate::support::{TestRepo, run_command};
use serde_json::{Value, json};

const FILE: &str = ".crew/baseline.json";

/// A repository with a review of two findings, in files of their own, and their fingerprints.
fn reviewed() -> (TestRepo, [String; 2]) {
    let repo = with_branch();
    repo.write("b.txt", "new\n");
    repo.commit("three");
    let finding = |fingerprint: &str, file: &str, line: u32, quote: &str| {
        json!({"severity": "error", "category": "race", "file": file, "start_line": line, "end_line": line,
            "quote": quote, "title": format!("{quote} is wrong"), "fingerprint": fingerprint})
    };
    let findings = json!([finding("aa11", "a.txt", 2, "two"), finding("bb22", "b.txt", 1, "new")]);
    let submit = "crew review submit --verdict changes_requested --body Two. --findings -";
    reviewer(&repo, "strict", &format!("printf '%s' '{findings}' | {submit}"));
    let found = review(&repo, &[], 5);
    let print = |at: usize| found["findings"][at]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let prints = [print(0), print(1)];
    (repo, prints)
}

/// Has the same reviewed once more, and returns the report.
#[track_caller]
fn review(repo: &TestRepo, args: &[&str], exit: i32) -> Value {
    repo.crew(["review", "--reviewer", "strict", "--json"].iter().chain(args)).exits(exit).json()
}

#[track_caller]
fn baseline(repo: &TestRepo, args: &str, exit: i32) -> crate::support::Ran {
    repo.crew(["review", "baseline"].into_iter().chain(args.split_whitespace())).exits(exit)
}

/// Returns the fingerprints that a command names.
#[track_caller]
fn named(repo: &TestRepo, args: &str) -> Vec<String> {
    let list = baseline(repo, &format!("{args} --json"), 0).json();
    assert_eq!(list["meta"]["count"], list["data"].as_array().expect("a list").len());
    let entries = list["data"].as_array().expect("a list").iter();
    entries.map(|entry| entry["fingerprint"].as_str().expect("a fingerprint").to_owned()).collect()
}

fn file(repo: &TestRepo) -> Value {
    let text = std::fs::read_to_string(repo.root.join(FILE)).expect("the baseline");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_finding_is_put_up_with_for_a_reason_and_a_time() {
    let (repo, [a, b]) = reviewed();
    let (near, begins) = (format!("{a}x"), a[..4].to_owned());
    assert_eq!(named(&repo, "list"), [""; 0]);
    for (args, exit, told) in [
        ("add last --reason x", 2, "<FINGERPRINT>"),
        (&format!("add last {a} --all --reason x"), 2, "--all"),
        (&format!("add last {a}"), 2, "--reason"),
        (&format!("add last {a} --reason \u{1b}[31m"), 2, "--reason is empty"),
        (&format!("add last {near} --reason x"), 4, &format!("did you mean `{a}`?")),
        (&format!("add last {a} --reason x --expires soon"), 2, "`soon` is no day"),
        (&format!("add last {a} --reason x --expires 2001-01-31"), 2, "2001-01-31 is over"),
        (&format!("remove {a}"), 4, "there is no finding `"),
    ] {
        let refused = baseline(&repo, args, exit);
        assert!(refused.err.contains(told), "{args}: {}", refused.err);
    }
    assert!(!repo.root.join(FILE).exists());

    assert_eq!(
        named(&repo, &format!("add last {begins} --reason one-writer --by Ann --expires 90d")),
        [a.as_str()]
    );
    let entry = &file(&repo)["findings"][0];
    for (key, value) in [
        ("category", "race"),
        ("file", "a.txt"),
        ("title", "two is wrong"),
        ("reason", "one-writer"),
        ("by", "Ann"),
    ] {
        assert_eq!(entry[key], value);
    }
    assert!(entry["expires"].as_str() > entry["added"].as_str(), "{entry}");
    // Said again, it holds as it was said last.
    assert_eq!(named(&repo, "add last --all --reason later"), [a.as_str(), &b]);
    assert!(
        file(&repo)["findings"].as_array().expect("a list").iter().all(|entry| entry["expires"].is_null())
    );
    let shown = baseline(&repo, "list", 0);
    assert!(shown.out.contains("a.txt") && shown.out.contains("later"), "{}", shown.out);
    assert_eq!(shown.err, "2 findings put up with\n");
    // What is about a file that is gone goes.
    std::fs::remove_file(repo.root.join("b.txt")).expect("it was there");
    assert_eq!(named(&repo, "prune"), [b.as_str()]);
    assert_eq!(named(&repo, "prune"), [""; 0]);
    assert_eq!(named(&repo, &format!("remove {begins}")), [a.as_str()]);
    assert_eq!(file(&repo), json!({"version": 1, "findings": []}));
}

#[test]
fn two_who_add_at_once_both_get_their_way_and_no_agent_does() {
    let (repo, [a, b]) = reviewed();
    let add = |print: &str| repo.start(["review", "baseline", "add", "last", print, "--reason", "r"]);
    for one in [add(&a), add(&b)] {
        one.ends().exits(0);
    }
    assert_eq!(named(&repo, "list"), [a.as_str(), &b]);
    for args in [&["add", "last", "--all", "--reason", "r"][..], &["remove", &a], &["prune"]] {
        let mut command = repo.command(["review", "baseline"].iter().chain(args));
        command.env("CREW_TOKEN", "t");
        run_command(command).exits(4);
    }
    assert_eq!(named(&repo, "list"), [a.as_str(), &b]);
}

#[test]
fn what_is_known_is_hidden_and_counted() {
    let (repo, [a, b]) = reviewed();
    let counts = |report: &Value| {
        let listed = report["findings"].as_array().expect("a list").len();
        (listed, report["hidden"]["known"].as_u64().expect("a count"))
    };
    // An earlier review, and what one wrote.
    review(&repo, &["--format", "sarif=known.sarif"], 5);
    assert_eq!(counts(&review(&repo, &["--new-only=known.sarif"], 0)), (0, 2));
    assert_eq!(counts(&review(&repo, &["--new-only=last"], 0)), (0, 2));
    // Another tool's: by rule, file and line.
    let place =
        json!({"physicalLocation": {"artifactLocation": {"uri": "b.txt"}, "region": {"startLine": 1}}});
    let result = json!({"ruleId": "race", "message": {"text": "m"}, "locations": [place]});
    let runs = json!([{"tool": {"driver": {"name": "other"}}, "results": [result]}]);
    repo.write("other.sarif", &json!({"version": "2.1.0", "runs": runs}).to_string());
    assert_eq!(counts(&review(&repo, &["--new-only=other.sarif"], 5)), (1, 1));
    for (what, exit, told) in [
        ("--new-only=none.sarif", 2, "none.sarif cannot be read"),
        ("--new-only=a.txt", 2, "a.txt cannot be compared with: it is not JSON"),
        ("--new-only=zzz", 4, "zzz"),
    ] {
        let refused = repo.crew(["review", "--reviewer", "strict", what]).exits(exit);
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    // The baseline counts always, until it expires.
    baseline(&repo, &format!("add last {a} --reason r"), 0);
    assert_eq!(counts(&review(&repo, &[], 5)), (1, 1));
    assert_eq!(counts(&review(&repo, &["--new-only"], 5)), (1, 1));
    let expired =
        json!({"fingerprint": b, "reason": "r", "by": "b", "added": "2001-01-01", "expires": "2001-01-31"});
    repo.write(FILE, &json!({"findings": [expired]}).to_string());
    let shown = repo.crew(["review", "--reviewer", "strict"]).exits(5);
    assert!(
        shown.err.contains("put up with `new is wrong` until 2001-01-31, and no longer does"),
        "{}",
        shown.err
    );
    repo.write(FILE, "{\"findings\": [\n<<<<<<< HEAD\n");
    let refused = repo.crew(["review", "--reviewer", "strict"]).exits(2);
    assert!(refused.err.contains("a merge left a conflict"), "{}", refused.err);
}

#[test]
fn what_people_make_of_the_file_is_told_with_its_line() {
    let repo = TestRepo::new();
    let entry =
        |more: &str| format!("{{\"fingerprint\": \"aa11\", \"reason\": \"r\", \"by\": \"b\", {more}}}");
    let whole = |entry: &str| format!("{{\"version\": 1, \"findings\": [\n{entry}\n]}}\n");
    repo.write(FILE, &whole(&entry("\"added\": \"2001-01-01\", \"expires\": \"2001-01-31\"")));
    let list = baseline(&repo, "list --json", 0).json();
    assert_eq!((&list["meta"]["expired"], &list["data"][0]["expired"]), (&json!(1), &json!(true)));
    for (text, line, told) in [
        (whole("<<<<<<< HEAD\n"), ":2", "a merge left a conflict in it"),
        (
            whole(&entry("\"added\": \"2001-01-01\", \"resaon\": \"\\u001b[31m\"")),
            ":2",
            "unknown field `resaon`",
        ),
        ("{\"version\": 7, \"rules\": {}}".to_owned(), "", "it is of version 7, of a newer crew"),
    ] {
        repo.write(FILE, &text);
        for args in ["list", "prune"] {
            let refused = baseline(&repo, args, 2);
            assert!(
                refused.err.contains(told) && refused.err.contains(&format!("{FILE}{line}")),
                "{}",
                refused.err
            );
        }
        assert_eq!(std::fs::read_to_string(repo.root.join(FILE)).expect("the baseline"), text);
    }
    repo.write(FILE, &whole(&entry("\"added\": \"2001-01-01\", \"expires\": \"2001-01-31\"")));
    assert_eq!(named(&repo, "prune"), ["aa11"]);
}
