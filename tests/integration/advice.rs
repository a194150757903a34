//! What crew says to type next works as it stands, and does what is said of it.

use crate::merging::{at_odds, repo, three, tip};
use crate::support::{CREW, Ran, TestRepo, run_command, wait_until};
use crate::worktrees::steps;
use serde_json::Value;
use std::path::Path;

/// Types a line into a shell.
fn types(repo: &TestRepo, line: &str) -> Ran {
    let mut shell = repo.plain("/bin/sh");
    let folder = Path::new(CREW).parent().expect("a folder");
    shell.args(["-ec", line]).env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display()));
    run_command(shell)
}

/// Returns the command with these words that a line names.
#[track_caller]
fn named(said: &str, words: &str) -> String {
    let parts =
        said.lines().filter(|line| line.starts_with("next  ")).flat_map(|line| line[6..].split("    "));
    let found = parts.map(str::trim).find(|part| part.contains(words));
    found.unwrap_or_else(|| panic!("no {words}: {said}")).to_owned()
}

#[test]
fn work_of_a_run_that_began_from_what_was_not_committed_comes_back_as_it_is_said() {
    let repo = repo();
    repo.write("secret", "s\n");
    steps(&repo, "dirty", &[("a", "", "echo a >a")]);
    let ended = repo.crew(["run", "g", "--workflow", "dirty", "--worktree", "--include-dirty"]).exits(0);
    let status = repo.crew(["status", "last"]).exits(0);
    assert_eq!(named(&status.err, "crew merge"), named(&ended.err, "crew merge"));
    types(&repo, &named(&ended.err, "crew merge")).exits(0);
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), ".gitignore\nREADME.md\na\nlines\n");
    assert!(!repo.crew(["status", "last"]).exits(0).err.contains("crew merge"));
}

#[test]
fn work_of_a_run_that_began_from_no_branch_comes_back_as_it_is_said() {
    for dirty in [false, true] {
        let repo = repo();
        repo.git(&["checkout", "-q", "--detach"]);
        if dirty {
            repo.write("secret", "s\n");
        }
        steps(&repo, "two", &[("a", "", "echo a >a"), ("b", "", "echo b >b")]);
        let mut ran = vec!["run", "g", "--workflow", "two", "--worktree"];
        ran.extend(dirty.then_some("--include-dirty"));
        let ended = repo.crew(ran).exits(0);
        let command = named(&ended.err, "crew merge");
        let refused = repo.crew(["merge", "last"]).exits(4);
        assert!(refused.err.contains(&command), "{command}: {}", refused.err);
        types(&repo, &command).exits(0);
        let made = repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads/work-*"]);
        assert_eq!(
            repo.git(&["ls-tree", "--name-only", made.trim()]),
            ".gitignore\nREADME.md\na\nb\nlines\n",
            "{command}"
        );
    }
}

#[test]
fn a_dry_run_names_the_command_that_does_just_that() {
    let repo = repo();
    three(&repo);
    repo.git(&["branch", "rel"]);
    let flags = ["merge", "last", "a", "--into", "rel", "--squash", "--no-verify", "--by", "Ann B", "--set"];
    let set = "merge.verify=[\"test -e 'a'\"]";
    let shown = repo.crew(flags.iter().chain(&[set, "--dry-run"])).exits(0);
    let command = named(&shown.err, "crew merge");
    let main = tip(&repo, "main");
    types(&repo, &command).exits(0);
    assert_eq!(repo.git(&["log", "--format=%p", "-1", "rel"]).split_whitespace().count(), 1, "{command}");
    let files = repo.git(&["ls-tree", "-r", "--name-only", "rel"]);
    assert!(files.contains("a\n") && !files.contains("deep/c"), "{command}: {files}");
    assert_eq!(tip(&repo, "main"), main);
    assert_eq!(repo.events().last().expect("events")["by"], "Ann B");
}

#[test]
fn names_that_are_no_branch_of_the_users_are_answered_with_what_works() {
    let repo = repo();
    three(&repo);
    let refused = |name: &str| repo.crew(["merge", "last", "--into", name, "--no-verify"]).exits(4).err;
    let base = tip(&repo, "main");
    repo.git(&["remote", "add", "origin", "."]);
    for name in ["main", "feature"] {
        repo.git(&["update-ref", &format!("refs/remotes/origin/{name}"), &base]);
    }
    for name in ["origin/main", "refs/remotes/origin/main"] {
        let said = refused(name);
        assert!(said.contains("a branch of a remote") && said.contains("--into main --no-verify"), "{said}");
    }
    let said = refused("origin/feature");
    let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
    types(&repo, hint.strip_suffix(" makes yours of it").expect(hint)).exits(0);
    assert!(repo.git(&["ls-tree", "-r", "--name-only", "feature"]).contains("deep/c"));
    assert!(refused("mian").contains("did you mean `main`?"));
    // What is deleted comes back where the run began, whatever is checked out.
    repo.git(&["checkout", "-q", "-b", "other"]);
    repo.commit("mine");
    repo.git(&["branch", "-q", "-D", "main"]);
    let said = repo.crew(["merge", "last"]).exits(4).err;
    let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
    types(&repo, hint.split(" makes it").next().expect("a command")).exits(0);
    assert_eq!(tip(&repo, "main"), base);
    // A whole name is a name.
    repo.crew(["merge", "last", "--into", "refs/heads/main"]).exits(0);
    assert!(repo.git(&["ls-tree", "-r", "--name-only", "main"]).contains("deep/c"));
    let said = repo.crew(["merge", "last", "nope"]).exits(4).err;
    let hint = said.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
    types(&repo, hint.strip_suffix(" lists its tasks").expect(hint)).exits(0);
}

#[test]
fn programs_are_told_what_a_conflict_leaves_to_be_done() {
    let repo = repo();
    at_odds(&repo);
    let refused = repo.crew(["merge", "last", "--no-verify", "--json"]).exits(4);
    let plan = refused.json();
    let outcomes: Vec<&str> =
        plan["tasks"].as_array().expect("tasks").iter().filter_map(|task| task["outcome"].as_str()).collect();
    assert!(outcomes.contains(&"would_merge") && !outcomes.contains(&"merged"), "{plan:#}");
    let error: Value = serde_json::from_str(&refused.err).expect("an error");
    let command = plan["next"][0]["command"].as_str().expect("a command");
    let hint = error["error"]["hint"].as_str().expect("a hint");
    assert!(hint.contains(command) && command.ends_with(" --no-verify"), "{hint}");
    types(&repo, command).exits(0);
    types(&repo, plan["next"][1]["command"].as_str().expect("a command")).exits(1);
    repo.git(&["merge", "--abort"]);
    let merged = repo.crew(["merge", "last", "a", "--json"]).exits(0).json();
    assert_eq!(merged["status"], "nothing");
}

#[test]
fn work_that_does_not_count_yet_is_no_success() {
    let repo = repo();
    steps(&repo, "bad", &[("a", "", "echo a >a; exit 3")]);
    repo.crew(["run", "g", "--workflow", "bad", "--worktree"]).exits(1);
    let before = tip(&repo, "main");
    for args in [&["merge", "last"][..], &["merge", "last", "--quiet"], &["merge", "last", "--dry-run"]] {
        let ran = repo.crew(args).exits(1);
        assert!(ran.err.contains("nothing was merged; a: it is failed"), "{args:?}: {}", ran.err);
    }
    assert_eq!(repo.crew(["merge", "last", "--json"]).exits(1).json()["status"], "nothing");
    assert_eq!(tip(&repo, "main"), before);
}

#[test]
fn a_run_in_which_something_failed_names_how_the_rest_comes_back() {
    let repo = repo();
    steps(&repo, "half", &[("a", "", "echo a >a"), ("b", "", "echo b >b; exit 3")]);
    let ended = repo.crew(["run", "g", "--workflow", "half", "--worktree"]).exits(1);
    let status = repo.crew(["status", "last"]).exits(0);
    assert_eq!(named(&status.err, "crew merge"), named(&ended.err, "crew merge"));
    types(&repo, &named(&ended.err, "crew merge")).exits(0);
    assert!(repo.root.join("a").exists() && !repo.root.join("b").exists());
    // All that counts is there.
    assert!(!repo.crew(["status", "last"]).exits(0).err.contains("crew merge"));
    repo.crew(["merge", "last"]).exits(1);
}

#[test]
fn where_git_cannot_sign_it_is_said_how_to_go_on() {
    let repo = repo();
    three(&repo);
    repo.program("gpg", "cat >/dev/null; echo 'gpg: no secret key' >&2; exit 2");
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", &repo.programs().join("gpg").display().to_string()]);
    let before = tip(&repo, "main");
    let said = repo.crew(["merge", "last", "--no-verify"]).exits(4).err;
    assert!(said.contains("git could not sign") && said.contains("no secret key"), "{said}");
    assert!(!said.contains("commit-tree") && tip(&repo, "main") == before, "{said}");
    let at = said.find("git config commit.gpgSign false").expect(&said);
    types(&repo, said[at..].lines().next().expect("a line")).exits(0);
    repo.crew(["merge", "last", "--no-verify"]).exits(0);
}

#[test]
fn several_files_in_the_way_are_several() {
    let repo = repo();
    three(&repo);
    for name in ["a", "b"] {
        repo.write(name, "mine\n");
    }
    let said = repo.crew(["merge", "last", "--no-verify"]).exits(4).err;
    assert!(said.contains("a, b are not committed in "), "{said}");
}

#[test]
fn a_bare_repository_is_called_one() {
    let repo = repo();
    steps(&repo, "one", &[("a", "", "echo a >a")]);
    let bare = repo.beside("bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().expect("a path")]);
    // With the name of a repository around it, only git knows.
    let hidden = repo.beside("hidden");
    std::fs::create_dir(&hidden).expect("a folder");
    repo.git(&["clone", "-q", "--bare", ".", hidden.join(".git").to_str().expect("a path")]);
    for (folder, exit, what) in [(&bare, 2, "is a bare repository"), (&hidden, 4, "has no work tree")] {
        let folder = folder.to_str().expect("a path");
        let ran = repo.crew(["-C", folder, "run", "g", "--workflow", "one", "--worktree"]).exits(exit);
        assert!(ran.err.contains(what) && !ran.err.contains("git init"), "{}", ran.err);
        let hint = ran.err.lines().find_map(|line| line.strip_prefix("hint: ")).expect("a hint");
        let (make, there) = hint.split_once(" makes a work tree of it: ").expect("a command");
        types(&repo, make).exits(0);
        let there = there.replace("...", "run g --workflow one --worktree");
        types(&repo, &there).exits(0);
    }
}

#[test]
fn a_task_at_work_shows_how_long_it_has_been() {
    let repo = repo();
    let gate = repo.gate("hang");
    let waits = format!("while test -e {}; do sleep 0.05; done; echo x >x", gate.display());
    steps(&repo, "slow", &[("x", "", &waits)]);
    let running = repo.start(["run", "g", "--workflow", "slow", "--worktree", "--json"]);
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    wait_until("time goes by", || {
        let shown = repo.crew(["status", "last"]).exits(0).out;
        let row = shown.lines().find(|line| line.starts_with("x ")).expect("a row").to_owned();
        // Seconds, with one digit behind the point.
        row.split_whitespace().nth(2).is_some_and(|time| time.ends_with('s') && !time.ends_with("ms"))
    });
    repo.open("hang");
    running.ends().exits(0);
}
