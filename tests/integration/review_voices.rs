//! Who reviews, by what rules, and in whose words the answers may come.

use crate::support::{FAKE_AGENT, TestRepo};
use serde_json::{Value, json};

/// Returns the row of one reviewer, as the list tells it.
#[track_caller]
fn listed(repo: &TestRepo, name: &str) -> Value {
    let list = repo.crew(["review", "reviewers", "--json"]).exits(0).json();
    let rows = list["data"].as_array().expect("a list");
    rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name} is not in {list:#}")).clone()
}

pub fn default_is_who_reviews_where_nobody_is_named() {
    let repo = TestRepo::new();
    assert_eq!(
        (&listed(&repo, "builtin")["default"], &listed(&repo, "builtin:security")["default"]),
        (&json!(true), &json!(false))
    );
    repo.crew(["config", "set", "review.default", "builtin:security"]).exits(0);
    assert_eq!(
        (&listed(&repo, "builtin")["default"], &listed(&repo, "builtin:security")["default"]),
        (&json!(false), &json!(true))
    );
    repo.crew(["config", "set", "review.default", "biltin"]).exits(0);
    let told = repo.crew(["review", "reviewers"]).exits(0).err;
    assert!(told.contains("there is no reviewer `biltin`"), "{told}");
}

pub fn reviewers_of_the_settings_review_and_do_nothing_else() {
    let repo = TestRepo::new();
    let lint =
        json!({"command": format!("{FAKE_AGENT} say:fine --"), "role": "security-reviewer", "minutes": 3});
    repo.crew(["config", "set", "review.reviewers.lint", &lint.to_string()]).exits(0);
    let row = listed(&repo, "lint");
    assert_eq!(
        (&row["program"], &row["role"], &row["minutes"], &row["path"]),
        (&json!("lint"), &json!("security-reviewer"), &json!(3), &json!(FAKE_AGENT))
    );
    // It is kept where people look for it, and can be taken out again.
    let kept = std::fs::read_to_string(repo.home.join(".config/crew/config.json")).expect("settings");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept, json!({"review": {"reviewers": {"lint": lint}}}));
    assert_eq!(
        repo.crew(["config", "get", "review.reviewers.lint", "--json"]).exits(0).json()["value"],
        lint
    );
    // Whoever only reviews is nobody's worker.
    repo.workflow("one", "## a\nrole: reviewer\n\nLook.");
    for args in [["--agent", "lint"], ["--set", "run.agent=lint"]] {
        let refused = repo.crew(["run", "g", "--workflow", "one"].iter().chain(&args)).exits(2);
        assert!(refused.err.contains("there is no agent `lint`"), "{}", refused.err);
    }
    repo.workflow("two", "## a\nrole: reviewer\nagent: lint\n\nLook.");
    let refused = repo.crew(["run", "g", "--workflow", "two"]).exits(2);
    assert!(refused.err.contains("lint"), "{}", refused.err);
    repo.assert_no_run();
    repo.crew(["config", "unset", "review.reviewers.lint"]).exits(0);
    assert!(!repo.crew(["review", "reviewers"]).exits(0).out.contains("lint"));
}

#[test]
fn a_reviewer_that_could_not_be_started_is_not_set() {
    let repo = TestRepo::new();
    for (name, value, why) in [
        ("lint", r#"{"command": ""}"#, "the command is empty"),
        ("lint", r#"{"command": "x", "writes": true}"#, "writes"),
        ("lint", r#"{"agent": "clod"}"#, "there is no agent `clod`"),
        ("lint", r#"{}"#, "it needs a command, or an agent"),
        ("claude", r#"{"command": "x"}"#, "there is an agent of that name already"),
        ("a:b", r#"{"command": "x"}"#, "cannot be the name of a reviewer"),
    ] {
        let ran = repo.crew(["config", "set", &format!("review.reviewers.{name}"), value]).exits(2);
        assert!(ran.err.contains("review.reviewers") && ran.err.contains(why), "{value}: {}", ran.err);
        assert!(!repo.home.join(".config/crew/config.json").exists());
    }
    // A project supplies no command until it is trusted.
    repo.write(".crew/config.json", r#"{"review": {"reviewers": {"lint": {"command": "rm -rf /"}}}}"#);
    let told = repo.crew(["review", "reviewers"]).exits(0);
    assert!(!told.out.contains("lint"), "{}", told.out);
}
