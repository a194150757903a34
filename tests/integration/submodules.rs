//! What agents do in submodules: it lies in another repository, or in none, and is brought back or said to be somewhere.

use crate::custody::{assert_review, assert_sound, deeds, of_the_user, repo, run};
use crate::support::{TestRepo, of_kind, task};
use serde_json::{Value, json};

/// A repository with the submodule `lib`, which is not checked out in work trees.
fn with_library() -> TestRepo {
    let repo = repo();
    // Git clones from a folder only where that is allowed.
    std::fs::write(repo.home.join(".gitconfig"), "[protocol \"file\"]\n\tallow = always\n").expect("a file");
    let library = repo.beside("library");
    let at = library.to_str().expect("a path");
    repo.git(&["init", "-q", "-b", "main", at]);
    std::fs::write(library.join("l"), "one\n").expect("a file");
    repo.git(&["-C", at, "add", "-A"]);
    repo.git(&["-C", at, "commit", "-q", "-m", "library"]);
    repo.git(&["submodule", "--quiet", "add", at, "lib"]);
    repo.commit("with a submodule");
    repo
}

fn row(repo: &TestRepo, id: &str) -> Value {
    let listed = repo.crew(["worktree", "--json"]).exits(0).json();
    let rows = listed["data"].as_array().expect("a list");
    rows.iter().find(|row| row["task"] == id).unwrap_or_else(|| panic!("{listed:#}")).clone()
}

#[test]
fn what_lies_in_a_submodules_folder_is_on_no_branch_and_kept_all_the_same() {
    let repo = with_library();
    let inside = "git submodule --quiet update --init; echo changed >lib/l";
    deeds(
        &repo,
        &[
            ("below", "", "mkdir -p lib/deep; echo w >lib/deep/file; echo i >lib/ignored"),
            ("inside", "", inside),
            ("nothing", "", "echo n >n; echo i >lib/ignored"),
        ],
    );
    let before = of_the_user(&repo);
    let run = run(&repo, 1);
    let why = "what it left in the submodule lib is on no branch: crew restore brings it back";
    for id in ["below", "inside"] {
        assert_review(&run, id, why);
        assert_ne!(row(&repo, id)["work"], "empty");
    }
    assert_eq!(task(&run, "nothing")["state"], "completed");
    assert_eq!(row(&repo, "below")["uncommitted"], json!(1));
    let id = run["run"].as_str().expect("an id");
    let kept = |id: &str| {
        let events = repo.events();
        let of_task = of_kind(&events, "work_kept").into_iter().find(|event| event["task"] == id).cloned();
        of_task.expect("it is kept")
    };
    let reference = format!("refs/crew/keep/{id}/below/1");
    assert_eq!(kept("below")["set_aside"], json!([reference]));
    assert_eq!(kept("below")["astray"], json!(["lib"]));
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", &reference]), "deep/file\n");
    assert_eq!(repo.git(&["show", &format!("refs/crew/keep/{id}/inside/1:l")]), "changed\n");
    let events = repo.crew(["events", "last"]).exits(0).out;
    assert!(events.contains(&format!("on no branch: {reference}")), "{events}");
    let diff = repo.crew(["diff", "last", "below"]).exits(0);
    assert!(diff.err.contains("in no commit of its submodule: lib/deep/file"), "{}", diff.err);

    let folder = repo.root.join(task(&run, "below")["worktree"]["path"].as_str().expect("a path"));
    let pruned = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(pruned.err.contains("below  1 file not committed"), "{}", pruned.err);
    assert!(folder.join("lib/deep/file").exists());
    std::fs::write(folder.join("lib/late"), "late\n").expect("a file");
    repo.crew(["worktree", "remove", "last", "below"]).exits(0);
    assert!(!folder.exists());
    let out = repo.beside("out");
    repo.crew(["restore", &format!("{id}/below"), "--to", out.to_str().expect("a path")]).exits(0);
    assert_eq!(std::fs::read_to_string(out.join("deep/file")).expect("it is back"), "w\n");
    assert_eq!(std::fs::read_to_string(out.join("late")).expect("it is back"), "late\n");
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

/// Runs one agent that does something in the submodule, which it checks out first, and returns the run's id.
fn in_library(repo: &TestRepo, script: &str) -> String {
    deeds(repo, &[("work", "", &format!("git submodule --quiet update --init; cd lib; {script}"))]);
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    run(repo, 0)["run"].as_str().expect("an id").to_owned()
}

const COMMIT: &str = "echo two >>l; GIT commit -qam two";

#[test]
fn a_commit_in_a_submodule_comes_to_the_users_repository_of_it_before_the_branch_moves() {
    let repo = with_library();
    let id = in_library(&repo, COMMIT);
    let in_lib = |args: &[&str]| repo.git(&[&["-C", "lib"][..], args].concat());
    let heads = in_lib(&["for-each-ref", "refs/heads", "refs/remotes"]);
    let commit = repo.git(&["rev-parse", &format!("crew/{id}/work:lib")]);
    let commit = commit.trim();
    let said =
        format!("submodule lib goes to {}, a commit that only this repository holds; push it", &commit[..10]);

    let planned = repo.crew(["merge", "last", "--dry-run"]).exits(0);
    assert!(planned.err.contains(&said), "{}", planned.err);
    assert_eq!(in_lib(&["for-each-ref", "refs/crew"]), "", "a look moves nothing");
    let planned = repo.crew(["merge", "last", "--dry-run", "--json"]).exits(0).json();
    assert_eq!(planned["submodules"], json!([{"path": "lib", "commit": commit, "published": false}]));
    let merged = repo.crew(["merge", "last"]).exits(0);
    assert!(merged.err.contains(&said), "{}", merged.err);

    assert_eq!(in_lib(&["for-each-ref", "refs/heads", "refs/remotes"]), heads);
    let held = in_lib(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/crew"]);
    assert_eq!(held.trim(), format!("refs/crew/keep/{id}/work/1 {commit}"));
    in_lib(&["reflog", "expire", "--expire=now", "--all"]);
    in_lib(&["gc", "-q", "--prune=now"]);
    repo.git(&["submodule", "--quiet", "update"]);
    assert_eq!(std::fs::read_to_string(repo.root.join("lib/l")).expect("a file"), "one\ntwo\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert_eq!(in_lib(&["fsck", "--strict", "--no-dangling", "--no-progress"]), "");
    assert_sound(&repo);
}

#[test]
fn a_branch_does_not_move_to_a_commit_of_a_submodule_that_the_user_cannot_check_out() {
    let repo = with_library();
    in_library(&repo, COMMIT);
    let before = repo.git(&["rev-parse", "main"]);
    repo.git(&["submodule", "--quiet", "deinit", "-f", "lib"]);
    let modules = repo.root.join(".git/modules");
    std::fs::rename(&modules, repo.beside("modules")).expect("it moves");
    for args in [&["merge", "last", "--dry-run"][..], &["merge", "last"]] {
        let refused = repo.crew(args).exits(4);
        assert!(refused.err.contains("the submodule lib would be at "), "{}", refused.err);
        assert!(refused.err.contains("git submodule update --init -- lib"), "{}", refused.err);
    }
    assert_eq!(repo.git(&["rev-parse", "main"]), before);
    repo.git(&["submodule", "--quiet", "update", "--init", "--", "lib"]);
    repo.crew(["merge", "last"]).exits(0);
    repo.git(&["submodule", "--quiet", "update"]);
    assert_eq!(std::fs::read_to_string(repo.root.join("lib/l")).expect("a file"), "one\ntwo\n");

    let nowhere = "cd ..; git update-index --cacheinfo 160000,1111111111111111111111111111111111111111,lib; rm -rf lib; mkdir lib; GIT commit -qm bump";
    in_library(&repo, nowhere);
    let refused = repo.crew(["merge", "last"]).exits(4);
    assert!(refused.err.contains("1111111111, a commit that no repository here holds"), "{}", refused.err);
}

#[test]
fn a_commit_of_a_submodule_that_was_published_is_no_news() {
    let repo = with_library();
    in_library(&repo, &format!("{COMMIT}; git push -q origin HEAD:refs/heads/next; git fetch -q"));
    repo.git(&["submodule", "--quiet", "deinit", "-f", "lib"]);
    std::fs::remove_dir_all(repo.root.join(".git/modules")).expect("it goes");
    let merged = repo.crew(["merge", "last"]).exits(0);
    assert!(!merged.err.contains("submodule lib"), "{}", merged.err);
    repo.git(&["submodule", "--quiet", "update", "--init"]);
    assert_eq!(std::fs::read_to_string(repo.root.join("lib/l")).expect("a file"), "one\ntwo\n");
}

#[test]
fn a_merge_at_the_end_of_a_run_brings_it_and_says_so_too() {
    let repo = with_library();
    deeds(&repo, &[("work", "", &format!("git submodule --quiet update --init; cd lib; {COMMIT}"))]);
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    let workflow = repo.home.join(".config/crew/workflows/deeds.workflow.md");
    let text = std::fs::read_to_string(&workflow).expect("a workflow");
    std::fs::write(&workflow, text.replacen("\n---", "\nonSuccess: merge\n---", 1)).expect("a workflow");
    let allowed = ["--set", "gates.risky_actions=deploy", "--set", "gates.allowed_actions=merge"];
    let run = ["run", "g", "--workflow", "deeds", "--worktree"];
    let ran = repo.crew(run.iter().chain(&allowed)).exits(0);
    assert!(ran.out.contains("submodule lib goes to "), "{}\n{}", ran.out, ran.err);
    assert!(repo.log("merge", 1).contains("a commit that only this repository holds; push it"));
    repo.git(&["submodule", "--quiet", "update"]);
    assert_eq!(std::fs::read_to_string(repo.root.join("lib/l")).expect("a file"), "one\ntwo\n");
}
