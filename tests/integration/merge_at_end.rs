//! `onSuccess: merge`: the work comes back at the end of a run, when a person lets it, and never half.

use crate::merging::{is_clean, repo, state, tip};
use crate::support::{TestRepo, of_kind, run_command, task, wait_until};
use crate::worktree_kills::{DeadlyGit, Who, assert_no_trace, copy, moments};
use crate::worktrees::{SUBMIT, agent};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// By default it is risky, so both have to be said.
const ALLOWED: &[&str] = &["--set", "gates.risky_actions=deploy", "--set", "gates.allowed_actions=merge"];

/// Writes a workflow whose work is to be merged at its end: of steps, each a name, further lines, and a shell script.
fn workflow(repo: &TestRepo, steps: &[(&str, &str, &str)]) {
    let mut text = "---\nname: w\ndescription: A test\nonSuccess: merge\n---\n\n".to_owned();
    for (id, keys, script) in steps {
        agent(repo, &format!("does-{id}"), &format!("{script}\n{SUBMIT}"));
        text.push_str(&format!(
            "## {id}\nrole: executor\nagent: does-{id}\nworktree: true\n{keys}\nDo it.\n\n"
        ));
    }
    repo.workflow("w", "");
    let path = repo.home.join(".config/crew/workflows/w.workflow.md");
    std::fs::write(path, text).expect("a workflow");
}

/// Two steps, of which the second builds on the first.
fn two(repo: &TestRepo) {
    let b = "dependsOn: a\nverify: test -f b || test ! -d ../.merge\n";
    workflow(repo, &[("a", "", "sed -i s/1/A/ lines; echo a >a"), ("b", b, "echo b >b")]);
}

/// Two steps that change the same line.
fn at_odds(repo: &TestRepo) {
    workflow(repo, &[("a", "", "sed -i s/1/A/ lines"), ("b", "", "sed -i s/1/B/ lines")]);
}

#[track_caller]
fn run(repo: &TestRepo, exit: i32, more: &[&str]) -> Value {
    let args = ["run", "the goal", "--workflow", "w", "--json"];
    repo.crew(args.iter().chain(more)).exits(exit).json()
}

fn status(repo: &TestRepo) -> Value {
    repo.crew(["status", "last", "--json"]).exits(0).json()
}

/// Returns the state of the merge, its error kind and its reason.
fn merge_of(run: &Value) -> (String, Value, String) {
    let merge = task(run, "merge");
    let text = |name: &str| merge[name].as_str().expect(name).to_owned();
    (text("state"), merge["error_kind"].clone(), text("reason"))
}

/// The branch stands where it stood, and all the work is on branches of its own.
#[track_caller]
fn nothing_has_moved(repo: &TestRepo, before: &[String; 4]) {
    assert_eq!(state(repo), *before);
    let branches = repo.git(&["branch", "--list", "crew/*/a"]);
    assert!(!branches.is_empty());
    is_clean(repo);
}

#[test]
fn a_person_lets_the_work_come_back_at_the_end() {
    let repo = repo();
    two(&repo);
    let before = state(&repo);
    let ran = repo.crew(["run", "the goal", "--workflow", "w"]).exits(3);
    assert!(ran.err.contains("gate g1  merge  may it start: merge into main"), "{}", ran.err);
    assert!(ran.err.contains("crew approve g1") && ran.err.contains("crew resume"), "{}", ran.err);
    nothing_has_moved(&repo, &before);
    repo.crew(["resume", "last"]).exits(3);
    let ran = repo.crew(["approve", "g1", "--by", "Ann", "--resume"]).exits(0);
    assert!(ran.out.contains("holds a, b") && !ran.err.contains("crew merge"), "{} {}", ran.out, ran.err);
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), ".gitignore\nREADME.md\na\nb\nlines\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    assert!(repo.root.join("b").exists());
    let events = repo.events();
    let merged = of_kind(&events, "work_merged");
    assert_eq!((merged.len(), &merged[0]["by"], &merged[0]["into"]), (1, &json!("Ann"), &json!("main")));
    let kinds = repo.kinds();
    let at = |kind: &str| kinds.iter().rposition(|known| known == kind).expect(kind);
    let order = ["gate_decided", "verification_ended", "merge_begun", "work_merged", "run_ended"].map(at);
    assert!(order.is_sorted(), "{kinds:?}");
    let status = status(&repo);
    assert_eq!(
        (&status["status"], &task(&status, "b")["merged"][0]["into"]),
        (&json!("completed"), &json!("main"))
    );
    assert!(repo.log("merge", 1).contains("b merges cleanly\nmain  "), "{}", repo.log("merge", 1));
    let again = repo.crew(["merge", "last"]).exits(0);
    assert!(again.out.contains("nothing to merge into main: it holds the work already"), "{}", again.out);
    is_clean(&repo);
}

#[test]
fn what_a_person_does_on_a_branch_before_it_is_let_comes_back_too() {
    let repo = repo();
    two(&repo);
    let before = state(&repo);
    run(&repo, 3, &[]);
    let b = repo.crew(["worktree", "path", "last", "b"]).exits(0).out;
    let b = b.trim_end();
    std::fs::write(format!("{b}/by-hand"), "by hand\n").expect("a file");
    repo.crew(["approve", "g1", "--resume"]).exits(1);
    let (_, _, reason) = merge_of(&status(&repo));
    assert!(reason.contains("task b has what is not committed in") && reason.contains("by-hand"), "{reason}");
    nothing_has_moved(&repo, &before);
    repo.git(&["-C", b, "add", "by-hand"]);
    repo.git(&["-C", b, "commit", "-q", "-m", "by hand"]);
    repo.crew(["merge", "last"]).exits(0);
    assert!(repo.root.join("by-hand").exists());
    is_clean(&repo);

    let repo = self::repo();
    two(&repo);
    run(&repo, 3, &[]);
    let b = repo.crew(["worktree", "path", "last", "b"]).exits(0).out;
    std::fs::write(format!("{}/in-time", b.trim_end()), "by hand\n").expect("a file");
    repo.git(&["-C", b.trim_end(), "add", "-A"]);
    repo.git(&["-C", b.trim_end(), "commit", "-q", "-m", "by hand"]);
    let ran = repo.crew(["approve", "g1", "--resume"]).exits(0);
    assert!(repo.root.join("in-time").exists(), "{} {}", ran.out, ran.err);
    assert!(repo.log("merge", 1).contains("1 commit by Test"), "{}", repo.log("merge", 1));
    let events = repo.events();
    let kept = of_kind(&events, "work_kept");
    assert_eq!(kept.last().expect("one")["commit"], tip(&repo, &crate::worktrees::branch(&repo, "b")));
    is_clean(&repo);
}

#[test]
fn where_the_settings_allow_it_nobody_is_asked() {
    let repo = repo();
    two(&repo);
    repo.set("merge", "how", json!("squash"));
    let done = run(&repo, 0, ALLOWED);
    assert_eq!((done["status"].as_str(), merge_of(&done).0.as_str()), (Some("completed"), "completed"));
    assert_eq!(repo.git(&["rev-list", "--merges", "main"]), "");
    assert_eq!(repo.git(&["rev-list", "--count", "HEAD"]).trim(), "4");
    assert_eq!(of_kind(&repo.events(), "work_merged")[0]["by"], "crew");
    is_clean(&repo);
}

#[test]
fn nobody_is_asked_at_the_terminal_for_a_key_while_a_run_is_at_work() {
    let repo = repo();
    two(&repo);
    let (sign, noted) = (repo.beside("sign"), repo.beside("noted"));
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\nps -o sess= -p $$ >{}\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\necho x\n",
        noted.display()
    );
    std::fs::write(&sign, script).expect("a program that signs");
    std::fs::set_permissions(&sign, std::fs::Permissions::from_mode(0o755)).expect("it may be started");
    repo.git(&["config", "gpg.program", sign.to_str().expect("a path")]);
    repo.git(&["config", "commit.gpgSign", "true"]);
    assert_eq!(merge_of(&run(&repo, 0, ALLOWED)).0, "completed");
    assert!(repo.git(&["cat-file", "commit", "main"]).contains("\ngpgsig "));
    let session: i32 = std::fs::read_to_string(noted).expect("a session").trim().parse().expect("a number");
    // SAFETY: it only tells a number.
    assert_ne!(session, unsafe { libc::getsid(0) });
    is_clean(&repo);
}

#[test]
fn what_a_person_refuses_stays_on_its_branches() {
    let repo = repo();
    two(&repo);
    let before = state(&repo);
    run(&repo, 3, &[]);
    let ran = repo.crew(["reject", "g1", "--by", "Ann", "--note", "not now", "--resume"]).exits(0);
    assert!(ran.err.contains("crew merge") && ran.err.contains("nothing was merged"), "{}", ran.err);
    let (state, kind, reason) = merge_of(&status(&repo));
    assert_eq!((state.as_str(), kind), ("failed", json!("gate_rejected")));
    assert_eq!(reason, "Ann rejected it: not now");
    assert_eq!(status(&repo)["status"], "failed");
    assert!(repo.crew(["status", "last"]).exits(0).err.contains("nothing was merged"));
    nothing_has_moved(&repo, &before);
    repo.crew(["merge", "last"]).exits(0);
    assert!(repo.root.join("b").exists());
    assert!(!repo.crew(["status", "last"]).exits(0).err.contains("nothing was merged"));
}

#[test]
fn a_run_in_which_something_failed_merges_nothing() {
    let repo = repo();
    workflow(&repo, &[("a", "", "echo a >a"), ("b", "", "echo b >b; exit 3")]);
    let before = state(&repo);
    let failed = run(&repo, 1, ALLOWED);
    assert_eq!(merge_of(&failed).0, "skipped");
    nothing_has_moved(&repo, &before);
}

#[test]
fn a_conflict_needs_review_and_is_resolved_by_hand() {
    let repo = repo();
    at_odds(&repo);
    let before = state(&repo);
    let ran = repo.crew(["run", "the goal", "--workflow", "w"].iter().chain(ALLOWED)).exits(1);
    assert!(ran.out.contains("b conflicts with a: lines (content, 1-1)"), "{}", ran.out);
    assert!(ran.err.contains("next  crew merge"), "{}", ran.err);
    let (state, kind, _) = merge_of(&status(&repo));
    assert_eq!((state.as_str(), kind), ("needs_review", json!("merge_conflict")));
    nothing_has_moved(&repo, &before);
    repo.crew(["merge", "last", "a"]).exits(0);
    assert_eq!(merge_of(&status(&repo)).0, "needs_review");
    let b = crate::worktrees::branch(&repo, "b");
    repo.git(&["merge", "-q", "-X", "ours", "--no-edit", &b]);
    repo.crew(["merge", "last", "--by", "Ann"]).exits(0);
    let now = status(&repo);
    assert_eq!(now["status"], "completed");
    assert_eq!(merge_of(&now).2, "accepted by Ann: crew merge");
    is_clean(&repo);
}

#[test]
fn work_that_fails_its_verification_together_needs_review() {
    let repo = repo();
    let check = "verify: test ! -d ../.merge || { echo together; test ! -f b; }\n";
    workflow(&repo, &[("a", check, "echo a >a"), ("b", "", "echo b >b")]);
    let before = state(&repo);
    let done = run(&repo, 1, ALLOWED);
    let (merge, kind, reason) = merge_of(&done);
    assert_eq!((merge.as_str(), kind), ("needs_review", json!("verify_failed")));
    assert!(reason.contains("failed on the merged work: exit 1"), "{reason}");
    nothing_has_moved(&repo, &before);
    let log = std::fs::read_to_string(repo.run_folder().join("logs/merge.1.verify.log")).expect("a log");
    assert!(log.contains("together"), "{log}");
    repo.crew(["merge", "last", "--no-verify"]).exits(0);
    assert_eq!(status(&repo)["status"], "completed");
}

#[test]
fn a_branch_that_moved_meanwhile_is_taken_into_account() {
    let repo = repo();
    two(&repo);
    run(&repo, 3, &[]);
    repo.write("other", "o\n");
    repo.commit("somebody else");
    // Once more while the work is verified.
    let once = format!(
        "merge.verify=[\"test -e {0} || {{ touch {0}; git -C $CREW_REPOSITORY commit -q --allow-empty -m meanwhile; }}\"]",
        repo.beside("moved").display()
    );
    repo.crew(["approve", "g1"]).exits(0);
    repo.crew(["resume", "last"]).exits(0);
    let log = repo.git(&["log", "--first-parent", "--format=%s", "-3"]);
    assert!(log.starts_with("Merge task b") && log.ends_with("somebody else\n"), "{log}");
    is_clean(&repo);
    two(&repo);
    repo.write("again", "x\n");
    repo.commit("so that there is something to do");
    workflow(&repo, &[("a", "", "echo c >c")]);
    run(&repo, 0, &[ALLOWED, &["--set", &once]].concat());
    let log = repo.git(&["log", "--first-parent", "--format=%s", "-2"]);
    assert!(log.starts_with("Merge task a") && log.ends_with("meanwhile\n"), "{log}");
    assert_eq!(of_kind(&repo.events(), "merge_begun").len(), 2);
    // Whoever moves it each time is not chased.
    workflow(&repo, &[("a", "", "echo d >d")]);
    let always = "merge.verify=[\"git -C $CREW_REPOSITORY commit -q --allow-empty -m always\"]";
    let done = run(&repo, 1, &[ALLOWED, &["--set", always]].concat());
    let (merge, _, reason) = merge_of(&done);
    assert_eq!(
        (merge.as_str(), reason.as_str()),
        ("needs_review", "the branch main has been moved by somebody else")
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    repo.crew(["merge", "last", "--no-verify"]).exits(0);
    assert!(repo.root.join("d").exists());
    is_clean(&repo);
}

#[test]
fn a_branch_that_was_rewritten_and_a_folder_in_the_way_need_review() {
    let repo = repo();
    two(&repo);
    run(&repo, 3, &[]);
    repo.write("b", "mine\n");
    let before = state(&repo);
    repo.crew(["approve", "g1", "--resume"]).exits(1);
    let (merge, _, reason) = merge_of(&status(&repo));
    assert!(merge == "needs_review" && reason.contains("b is not committed in "), "{reason}");
    assert_eq!(std::fs::read_to_string(repo.root.join("b")).expect("b"), "mine\n");
    nothing_has_moved(&repo, &before);

    let repo = self::repo();
    two(&repo);
    run(&repo, 3, &[]);
    repo.git(&["commit", "-q", "--amend", "-m", "lines, and better"]);
    let before = state(&repo);
    repo.crew(["approve", "g1", "--resume"]).exits(1);
    let (merge, _, reason) = merge_of(&status(&repo));
    assert!(
        merge == "needs_review" && reason.contains("main does not hold what the run began from"),
        "{reason}"
    );
    nothing_has_moved(&repo, &before);
    repo.crew(["merge", "last", "--squash"]).exits(0);
    assert_eq!(status(&repo)["status"], "completed");
}

/// Starts a run whose merge is being verified, by a command that hangs until `hang` is opened.
fn while_verified(repo: &TestRepo, more: &[&str]) -> crate::support::Running {
    two(repo);
    let (hang, there) = (repo.gate("hang"), repo.beside("there"));
    let hangs = format!(
        "merge.verify=[\"touch {}; sleep 300 & while test -e {}; do sleep 0.05; done\"]",
        there.display(),
        hang.display()
    );
    let args = ["run", "the goal", "--workflow", "w", "--json", "--set", &hangs];
    let mut running = repo.start(args.iter().chain(ALLOWED).chain(more));
    wait_until("the merged work is verified", || there.exists() || running.has_ended());
    if !there.exists() {
        let ended = running.ends();
        panic!("it ended before that: {}{}", ended.out, ended.err);
    }
    running
}

#[test]
fn what_is_interrupted_while_it_is_verified_is_merged_by_who_goes_on() {
    let repo = repo();
    let before = state(&repo);
    let running = while_verified(&repo, &[]);
    let ran = repo.crew(["merge", "last"]).exits(4);
    assert!(ran.err.contains("is being carried out by another crew process"), "{}", ran.err);
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    nothing_has_moved(&repo, &before);
    assert_eq!(status(&repo)["status"], "interrupted");
    repo.open("hang");
    repo.crew(["resume", "last"].iter().chain(ALLOWED)).exits(0);
    assert!(repo.root.join("b").exists());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    is_clean(&repo);
}

#[test]
fn whoever_is_killed_while_it_is_verified_leaves_nothing_that_the_next_one_does_not_end() {
    let repo = repo();
    let before = state(&repo);
    let running = while_verified(&repo, &[]);
    running.kill();
    assert_eq!(state(&repo), before);
    assert!(repo.git(&["worktree", "list"]).contains(".merge"));
    repo.open("hang");
    repo.crew(["resume", "last"].iter().chain(ALLOWED)).exits(0);
    assert!(repo.root.join("b").exists());
    assert_eq!(of_kind(&repo.events(), "work_merged").len(), 1);
    is_clean(&repo);
}

#[test]
fn a_verification_that_hangs_is_ended_and_the_merge_needs_review() {
    let repo = repo();
    let before = state(&repo);
    let running = while_verified(&repo, &["--set", "limits.attempt_seconds=10"]);
    let done = running.ends().exits(1).json();
    let (merge, kind, reason) = merge_of(&done);
    assert_eq!((merge.as_str(), kind), ("needs_review", json!("verify_failed")));
    assert!(reason.ends_with("it did not end within its time"), "{reason}");
    nothing_has_moved(&repo, &before);
}

#[test]
fn whoever_is_killed_at_whatever_call_of_git_the_end_is_the_same() {
    let repo = repo();
    // One task, of which no forecast is made: its calls of git would come as they like.
    workflow(&repo, &[("a", "", "sed -i s/1/A/ lines; echo a >a; git mv README.md READ.md")]);
    repo.write("mine", "untracked\n");
    repo.write(".git/info/exclude", "mine\n");
    run(&repo, 3, &[]);
    repo.crew(["approve", "g1"]).exits(0);
    let saved = repo.beside("saved");
    copy(&repo.root, &saved);
    let before = state(&repo);
    let git = DeadlyGit::new(&repo);
    let calls = git.calls(&repo, &["resume", "last"]);
    let (tree, porcelain) = (repo.git(&["rev-parse", "main^{tree}"]), repo.git(&["status", "--porcelain"]));
    assert_ne!(before[0], state(&repo)[0]);
    let moments = moments(&calls);
    assert!(moments.len() >= 10, "{} moments of {calls:#?}", moments.len());
    for (who, at) in moments {
        let about = format!("{who:?} is killed at call {at}, `{}`", calls[at - 1]);
        copy(&saved, &repo.root);
        run_command(git.command(&repo, &["resume", "last"], who, at));
        repo.leaves_no_process();
        if who == Who::Git {
            let is_whole = state(&repo) == before || repo.git(&["rev-parse", "main^{tree}"]) == tree;
            assert!(is_whole, "{about}: {:?}", state(&repo));
        }
        let stands = status(&repo)["status"].clone();
        let next = match stands.as_str() {
            // Git failed, and a person does it.
            Some("needs_review") => ["merge", "last"],
            _ => ["resume", "last"],
        };
        if stands != "completed" {
            repo.crew(next).exits(0);
        }
        assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), tree, "{about}");
        assert_eq!(repo.git(&["status", "--porcelain"]), porcelain, "{about}");
        let kinds = repo.kinds();
        assert_eq!(kinds.iter().filter(|kind| *kind == "work_merged").count(), 1, "{about} {kinds:?}");
        assert_eq!(status(&repo)["status"], "completed", "{about}");
        assert_no_trace(&repo, &about);
    }
    is_clean(&repo);
}

#[test]
fn what_cannot_be_merged_at_the_end_is_said_before_anything_starts() {
    let repo = repo();
    let before = tip(&repo, "main");
    let planned = |more: &[&str]| repo.crew(["run", "the goal", "--workflow", "w"].iter().chain(more));
    two(&repo);
    let shown = planned(&["--dry-run"]).exits(0);
    let line = shown.out.lines().find(|line| line.starts_with("merge ")).expect("the merge");
    for word in ["main", "before", "a, b"] {
        assert!(line.contains(word), "{}", shown.out);
    }
    let shown = planned(&["--dry-run", "--json"]).exits(0).json();
    let merge = shown["tasks"].as_array().expect("tasks").last().expect("one").clone();
    assert_eq!((&merge["id"], &merge["merge"]), (&json!("merge"), &json!({"into": "main", "how": "merge"})));
    repo.write("dirty", "d\n");
    let refused = planned(&["--include-dirty"]).exits(4);
    assert!(
        refused.err.contains("what is not committed") && refused.err.contains("merge.how=squash"),
        "{}",
        refused.err
    );
    std::fs::remove_file(repo.root.join("dirty")).expect("it goes");
    repo.git(&["checkout", "-q", "--detach"]);
    let refused = planned(&[]).exits(4);
    assert!(refused.err.contains("HEAD is detached"), "{}", refused.err);
    repo.git(&["checkout", "-q", "main"]);
    let path = repo.home.join(".config/crew/workflows/w.workflow.md");
    let text = std::fs::read_to_string(&path).expect("a workflow");
    std::fs::write(&path, text.replace("worktree: true\n", "")).expect("a workflow");
    let refused = planned(&[]).exits(2);
    assert!(
        refused.err.contains("no task works in one") && refused.err.contains("w.workflow.md"),
        "{}",
        refused.err
    );
    planned(&["--worktree", "--dry-run"]).exits(0);
    repo.assert_no_run();
    assert_eq!(tip(&repo, "main"), before);
}

#[test]
fn a_snapshot_comes_back_without_what_was_not_committed_and_the_merge_takes_a_free_name() {
    let repo = repo();
    repo.write("secret", "s\n");
    workflow(&repo, &[("a", "", "test -f secret; echo a >a"), ("merge", "dependsOn: a\n", "echo m >m")]);
    let more = [ALLOWED, &["--include-dirty", "--set", "merge.how=squash"]].concat();
    let done = run(&repo, 0, &more);
    assert_eq!(task(&done, "merge-2")["state"], "completed");
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), ".gitignore\nREADME.md\na\nlines\nm\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? secret\n");
    is_clean(&repo);
}
