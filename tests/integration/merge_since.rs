//! What a person has made of a task's branch after its attempt comes back with the work, or is named; never is it left
//! behind without a word.

use crate::merging::{is_clean, repo, state, three, tip};
use crate::support::{TestRepo, of_kind};
use crate::worktrees::branch;
use serde_json::json;
use std::path::PathBuf;

fn folder(repo: &TestRepo, task: &str) -> PathBuf {
    repo.crew(["worktree", "path", "last", task]).exits(0).out.trim_end().into()
}

/// Commits a file in a task's folder, as a person does who opened it.
fn goes_on(repo: &TestRepo, task: &str, file: &str) {
    let folder = folder(repo, task);
    std::fs::write(folder.join(file), "by hand\n").expect("a file");
    let folder = folder.to_str().expect("a path");
    repo.git(&["-C", folder, "add", "-A"]);
    repo.git(&["-C", folder, "commit", "-q", "-m", "by hand"]);
}

#[test]
fn what_a_person_commits_on_a_tasks_branch_is_merged_with_it() {
    let repo = repo();
    three(&repo);
    goes_on(&repo, "a", "fixed");
    let shown = repo.crew(["merge", "last", "--dry-run"]).exits(0);
    assert!(
        shown.err.contains("with it  1 commit by Test on the branch of a, after its attempt"),
        "{}",
        shown.err
    );
    let kept = of_kind(&repo.events(), "work_kept").len();
    repo.crew(["merge", "last"]).exits(0);
    assert!(repo.root.join("fixed").exists() && repo.root.join("b").exists());
    let events = repo.events();
    let kept = &of_kind(&events, "work_kept")[kept..];
    assert_eq!((kept.len(), &kept[0]["commit"]), (1, &json!(tip(&repo, &branch(&repo, "a")))));
    // Once more, when it is there already.
    goes_on(&repo, "a", "once-more");
    let merged = repo.crew(["merge", "last", "--squash", "--json"]).exits(0).json();
    assert_eq!((&merged["status"], &merged["since"][0]["by"]), (&json!("merged"), &json!(["Test"])));
    assert!(repo.root.join("once-more").exists());
    let list = repo.crew(["worktree", "--json"]).exits(0).json();
    let rows = list["data"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["work"] == "merged"), "{list:#}");
    assert_eq!(repo.crew(["merge", "last", "--json"]).exits(0).json()["status"], "nothing");
    is_clean(&repo);
}

#[test]
fn what_is_not_committed_in_a_tasks_folder_is_named_and_nothing_is_merged() {
    let repo = repo();
    three(&repo);
    let a = folder(&repo, "a");
    std::fs::write(a.join("more.txt"), "more\n").expect("a file");
    let before = state(&repo);
    for more in [&["--dry-run"][..], &[], &["b"]] {
        let ran = repo.crew(["merge", "last"].iter().chain(more)).exits(4);
        assert!(
            ran.err.contains("task a has what is not committed in") && ran.err.contains("more.txt"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("stash -u"), "{}", ran.err);
    }
    let ran = repo.crew(["pr", "last", "--dry-run"]).exits(4);
    assert!(ran.err.contains("more.txt"), "{}", ran.err);
    assert_eq!(state(&repo), before);
    // Who names others is not held up by it.
    repo.crew(["merge", "last", "c"]).exits(0);
    repo.git(&["-C", a.to_str().expect("a path"), "stash", "-u", "-q"]);
    repo.crew(["merge", "last"]).exits(0);
    assert!(repo.root.join("b").exists() && !repo.root.join("more.txt").exists());
    is_clean(&repo);
}

#[test]
fn what_verification_leaves_in_a_tasks_folder_holds_nobody_up() {
    let repo = repo();
    repo.workflow("leaves", "## a\nrun: echo a >a\nverify: echo cache >cache; rm README.md\n");
    repo.crew(["run", "the goal", "--workflow", "leaves", "--worktree"]).exits(0);
    assert!(folder(&repo, "a").join("cache").exists());
    repo.crew(["merge", "last", "--no-verify"]).exits(0);
    assert!(repo.root.join("a").exists() && repo.root.join("README.md").exists());
    assert!(!repo.root.join("cache").exists());
}

#[test]
fn a_branch_that_was_reset_or_rebased_is_taken_only_when_somebody_says_so() {
    let repo = repo();
    three(&repo);
    let (left, name) = (tip(&repo, &branch(&repo, "c")), branch(&repo, "c"));
    let c = folder(&repo, "c");
    repo.git(&["-C", c.to_str().expect("a path"), "reset", "-q", "--hard", "HEAD^"]);
    goes_on(&repo, "c", "another");
    let before = state(&repo);
    for more in [&["--dry-run"][..], &[]] {
        let ran = repo.crew(["merge", "last"].iter().chain(more)).exits(4);
        let now = tip(&repo, &name);
        for told in [name.as_str(), &left[..10], &now[..10], "--rewritten"] {
            assert!(ran.err.contains(told), "{told}: {}", ran.err);
        }
    }
    assert_eq!(state(&repo), before);
    let ran = repo.crew(["merge", "last", "--rewritten"]).exits(0);
    assert!(ran.err.contains("the branch of c as it is now: rewritten, 1 commit by Test"), "{}", ran.err);
    assert!(repo.root.join("another").exists() && !repo.root.join("deep/c").exists());
    is_clean(&repo);
}

#[test]
fn a_conflict_resolved_on_the_tasks_own_branch_comes_back_in_every_manner() {
    for how in ["--merge", "--squash"] {
        let repo = repo();
        three(&repo);
        repo.write("lines", "mine\n2\n3\n4\n5\n6\n7\n8\n9\n");
        repo.commit("mine");
        repo.crew(["merge", "last", "a", how]).exits(4);
        let a = folder(&repo, "a");
        let a = a.to_str().expect("a path");
        repo.git(&["-C", a, "merge", "-q", "-X", "ours", "--no-edit", "main"]);
        std::fs::write(format!("{a}/lines"), "both\n2\n3\n4\n5\n6\n7\n8\n9\n").expect("a file");
        repo.git(&["-C", a, "commit", "-q", "-a", "-m", "both"]);
        repo.crew(["merge", "last", "a", how]).exits(0);
        assert!(std::fs::read_to_string(repo.root.join("lines")).expect("lines").starts_with("both\n2"));
        is_clean(&repo);
    }
}
