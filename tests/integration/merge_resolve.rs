//! Conflicts that an agent is given: what is taken of it, what is not, and that nothing moves meanwhile.

use crate::merging::repo;
use crate::support::{Ran, TestRepo, of_kind, processes_with, task, wait_until};
use crate::worktrees::{agent, branch, run, steps};
use serde_json::{Value, json};

/// Takes the lines of both sides.
const RESOLVES: &str = "sed -i -e '/^<<<<<<</d' -e '/^=======/d' -e '/^>>>>>>>/d' lines";

/// Carries out `a` and `b`, which are at odds, `c` that builds on `b`, and `d`; and makes the agent that is given conflicts.
fn at_odds(script: &str) -> TestRepo {
    let repo = repo();
    steps(
        &repo,
        "odd",
        &[
            ("a", "", "sed -i s/1/A/ lines; echo a >a"),
            ("b", "", "sed -i s/1/B/ lines; echo b >b"),
            ("c", "b", "echo c >c"),
            ("d", "", "echo d >d"),
        ],
    );
    run(&repo, "odd", 0);
    agent(&repo, "fixer", script);
    repo
}

/// What git, the folder and the branches of crew say.
fn state(repo: &TestRepo) -> [String; 5] {
    let status = ["status", "--porcelain=v1", "--untracked-files=all", "--no-renames"];
    let refs = ["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"];
    let at = ["symbolic-ref", "HEAD"];
    [
        repo.git(&refs),
        repo.git(&["rev-parse", "HEAD"]),
        repo.git(&at),
        repo.git(&status),
        repo.git(&["ls-files", "--stage"]),
    ]
}

/// Nothing of it is left but what is kept on purpose.
#[track_caller]
fn is_clean(repo: &TestRepo) {
    let worktrees = repo.git(&["worktree", "list", "--porcelain"]);
    let run =
        repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned();
    for line in worktrees.lines().filter_map(|line| line.strip_prefix("worktree ")).skip(1) {
        assert!(line.contains(&run) && !line.ends_with(".merge"), "{worktrees}");
    }
    let folders = std::fs::read_dir(repo.root.join(".crew/worktrees")).expect("a folder");
    assert_eq!(folders.count(), 1);
    repo.git(&["fsck", "--strict"]);
    repo.leaves_no_process();
}

fn resolve(repo: &TestRepo, more: &[&str]) -> Ran {
    repo.crew(["merge", "last", "--resolve", "fixer"].iter().chain(more))
}

/// Merges in vain, and sees that nothing has moved. Returns what was said and the newest `conflict_left`.
#[track_caller]
fn in_vain(repo: &TestRepo, exit: i32, more: &[&str]) -> (Ran, Value) {
    let before = state(repo);
    let ran = resolve(repo, more).exits(exit);
    assert_eq!(state(repo), before, "{}", ran.err);
    is_clean(repo);
    let left =
        of_kind(&repo.events(), "conflict_left").last().expect("a conflict is left").to_owned().clone();
    assert_eq!((&left["task"], &left["agent"]), (&json!("b"), &json!("fixer")));
    (ran, left)
}

fn lines(repo: &TestRepo) -> String {
    std::fs::read_to_string(repo.root.join("lines")).expect("lines")
}

#[test]
fn an_agent_resolves_a_conflict_and_the_merge_goes_on_with_it() {
    for how in ["--merge", "--squash", "--rebase"] {
        let words = "cat >told; git rev-parse HEAD~0 >&2; git status --porcelain >&2; rm told";
        let repo = at_odds(&format!("{words}; {RESOLVES}; echo I am done"));
        let check = "merge.verify=[\"test -f a -a -f b -a -f c -a -f d && ! grep -q '<<<' lines\"]";
        let ran = resolve(&repo, &[how, "--set", check]).exits(0);
        assert_eq!(lines(&repo), "A\nB\n2\n3\n4\n5\n6\n7\n8\n9\n", "{how}");
        for name in ["a", "b", "c", "d"] {
            assert!(repo.root.join(name).exists(), "{how} {name}");
        }
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        let log = repo.git(&[
            "log",
            "--first-parent",
            "--format=%(trailers:key=Crew-Task,valueonly,separator=) %(trailers:key=Crew-Resolved-By,valueonly,separator=)",
            "-4",
        ]);
        let by: Vec<&str> = log.lines().filter(|line| line.contains("fixer")).collect();
        assert_eq!(by, ["b fixer"], "{how} {log}");
        assert!(
            ran.err.contains("is given to fixer") && ran.err.contains("no marker is left"),
            "{}",
            ran.err
        );
        assert!(ran.out.contains("resolved by fixer"), "{}", ran.out);
        let events = repo.events();
        let kinds = ["conflict_given", "conflict_resolved", "merge_begun", "work_merged"];
        let seen: Vec<&str> = events
            .iter()
            .filter_map(|event| event["kind"].as_str())
            .filter(|kind| kinds.contains(kind))
            .collect();
        assert_eq!(seen, kinds, "{how}");
        let given = of_kind(&events, "conflict_given")[0];
        assert_eq!(
            (&given["files"], &given["by"], &given["into"]),
            (&json!(["lines"]), &json!("Person"), &json!("main"))
        );
        let resolved = of_kind(&events, "conflict_resolved")[0];
        let kept = resolved["reference"].as_str().expect("a reference");
        assert_eq!(repo.git(&["rev-parse", kept]).trim(), resolved["commit"]);
        assert!(repo.git(&["show", &format!("{kept}:lines")]).starts_with("A\nB\n"));
        // The prompt tells both sides, the tasks and the file; and it is recorded.
        let inside = given["inside"].as_str().expect("an id");
        let folder = repo.run_folder().join("conflicts/.crew/runs").join(inside);
        let prompt = std::fs::read_to_string(folder.join("artifacts/prompts/b.1.md")).expect("a prompt");
        let theirs = given["sides"]["theirs"].as_str().expect("a commit");
        for part in ["- lines (content)", "<task name=\"a\">", "<task name=\"b\">", theirs, "the goal"] {
            assert!(prompt.contains(part), "{part}: {prompt}");
        }
        let said = std::fs::read_to_string(folder.join("logs/b.1.log")).expect("a log");
        assert!(said.contains("I am done"), "{said}");
        let status = repo.crew(["status", "last", "--json"]).exits(0).json();
        assert_eq!(task(&status, "b")["merged"][0]["into"], "main");
        assert!(repo.crew(["events", "last"]).exits(0).out.contains("lines by fixer"));
        is_clean(&repo);
        assert_eq!(resolve(&repo, &[how, "--json"]).exits(0).json()["status"], "nothing");
    }
}

#[test]
fn an_agent_that_leaves_markers_or_does_nothing_moves_nothing() {
    let repo = at_odds("sed -i '/^<<<<<<</d' lines; echo done");
    let (ran, left) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("needs review"), "{}", ran.err);
    assert!(ran.err.contains("lines still has conflict markers (lines 2, 4)"), "{}", ran.err);
    let kept = left["reference"].as_str().expect("a reference");
    assert!(ran.err.contains(kept) && ran.err.contains("log: .crew/runs/"), "{}", ran.err);
    assert!(repo.git(&["show", &format!("{kept}:lines")]).starts_with("A\n=======\nB\n"));
    agent(
        &repo,
        "fixer",
        "echo all is resolved; crew submit result --summary resolved --confidence 1 --rationale r",
    );
    let (ran, left) = in_vain(&repo, 4, &["--json"]);
    let plan: Value = serde_json::from_str(&ran.out).expect("a plan");
    assert_eq!(plan["status"], "needs_review");
    assert_eq!(ran.json_error()["code"], "needs_review");
    assert_eq!(left["number"], 2);
    assert!(
        left["reasons"].to_string().contains("lines still has conflict markers (lines 1, 3, 5)"),
        "{left}"
    );
    // Another agent does it, with the same command.
    agent(&repo, "fixer", RESOLVES);
    resolve(&repo, &[]).exits(0);
    is_clean(&repo);
}

#[test]
fn what_an_agent_changes_elsewhere_or_drops_moves_nothing() {
    let repo = at_odds(&format!("{RESOLVES}; echo more >>b; echo new >'deep x'"));
    let (ran, _) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("it also changed b, deep x"), "{}", ran.err);
    for (script, said) in [
        // One side is dropped in silence: the whole of theirs.
        ("git checkout -q HEAD~1 -- . ; git rm -q -f b; git commit -q -m mine", "it also changed b"),
        ("rm lines", "lines is gone, and both sides have it"),
        ("git reset -q --hard HEAD~1", "it also changed b"),
    ] {
        agent(
            &repo,
            "fixer",
            &format!(
                "export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b\n{script}"
            ),
        );
        let (ran, _) = in_vain(&repo, 4, &[]);
        assert!(ran.err.contains(said), "{script}: {}", ran.err);
    }
    // Where all that the task did is in the file in conflict, nothing of it would be left.
    let repo = self::repo();
    steps(&repo, "two", &[("a", "", "sed -i s/1/A/ lines"), ("b", "", "sed -i s/1/B/ lines")]);
    run(&repo, "two", 0);
    agent(&repo, "fixer", "git checkout -q HEAD~1 -- .");
    let (ran, _) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("nothing of the task's work is left"), "{}", ran.err);
    // The other side alone may be what is wanted; it is told.
    agent(&repo, "fixer", "git checkout -q HEAD^2 -- lines");
    let ran = resolve(&repo, &[]).exits(0);
    assert!(ran.err.contains("as one side had it: lines (theirs)"), "{}", ran.err);
    assert!(lines(&repo).starts_with("B\n2\n"));
    is_clean(&repo);
}

#[test]
fn what_breaks_the_verification_is_not_merged_and_not_taken_again() {
    let repo = at_odds(RESOLVES);
    let breaks = "merge.verify=[\"echo it is bad; ! grep -q A lines\"]";
    let (ran, left) = in_vain(&repo, 1, &["--set", breaks]);
    assert!(ran.err.contains("failed on the merged work") && ran.err.contains("needs review"), "{}", ran.err);
    let kept = left["reference"].as_str().expect("a reference");
    assert!(ran.err.contains(kept) && ran.err.contains("+merge.1.log"), "{}", ran.err);
    agent(&repo, "fixer", "sed -i -e '/^<<<<<<</,/^=======/d' -e '/^>>>>>>>/d' lines");
    resolve(&repo, &["--set", breaks]).exits(0);
    assert_eq!(of_kind(&repo.events(), "conflict_given").len(), 2);
    assert!(lines(&repo).starts_with("B\n2\n"));
    is_clean(&repo);
}

#[test]
fn an_agent_that_hangs_or_fails_is_ended_and_moves_nothing() {
    let repo = at_odds("sleep 300 & sleep 300");
    let short = ["--set", "limits.attempt_seconds=1", "--set", "limits.grace_seconds=1"];
    let (ran, _) = in_vain(&repo, 4, &short);
    assert!(ran.err.contains("its attempt failed"), "{}", ran.err);
    agent(&repo, "fixer", &format!("{RESOLVES}; exit 3"));
    let (ran, _) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("its attempt failed") && ran.err.contains("exit 3"), "{}", ran.err);
    let there = repo.beside("there");
    agent(&repo, "fixer", &format!("touch {}; sleep 300 & sleep 300", there.display()));
    let before = state(&repo);
    let running = repo.start(["merge", "last", "--resolve", "fixer"]);
    wait_until("the agent works", || there.exists());
    running.signal(libc::SIGINT);
    let ran = running.ends().exits(130);
    assert!(ran.err.contains("interrupted: main has not moved"), "{}", ran.err);
    assert_eq!(state(&repo), before);
    is_clean(&repo);
}

#[test]
fn an_agent_that_commits_or_takes_its_git_away_is_judged_by_its_files() {
    let who = "-c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";
    let repo = at_odds(&format!("{RESOLVES}; git {who} commit -q -a -m mine; git switch -q -c elsewhere"));
    resolve(&repo, &["a", "b"]).exits(0);
    assert!(lines(&repo).starts_with("A\nB\n"));
    let b = branch(&repo, "b");
    assert!(repo.git(&["branch", "--list", &b]).contains(&b));
    repo.git(&["branch", "-D", "elsewhere"]);
    is_clean(&repo);
    let repo = at_odds("git reset -q --hard; echo done");
    let (ran, _) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("lines still has conflict markers"), "{}", ran.err);
    agent(&repo, "fixer", &format!("{RESOLVES}; rm .git"));
    resolve(&repo, &[]).exits(0);
    assert!(lines(&repo).starts_with("A\nB\n"));
    is_clean(&repo);
}

#[test]
fn what_a_crew_that_was_killed_has_left_is_ended_and_the_same_command_does_it() {
    let repo = at_odds("");
    let there = repo.beside("there");
    let hangs =
        format!("test -e {0} || {{ echo half >>lines; touch {0}; sleep 300; }}; {RESOLVES}", there.display());
    agent(&repo, "fixer", &hangs);
    let before = state(&repo);
    let running = repo.start(["merge", "last", "--resolve", "fixer"]);
    wait_until("the agent works", || there.exists());
    let agents = |at_work: bool| {
        let list = repo.crew(["worktree", "list", "--json"]).exits(0).json();
        let unrecorded =
            list["data"].as_array().expect("trees").iter().filter(|tree| tree["recorded"] == false);
        let said: Vec<[Value; 3]> =
            unrecorded.map(|tree| ["conflict", "at_work", "prunable"].map(|key| tree[key].clone())).collect();
        assert_eq!(said, [[json!("b"), json!(at_work), json!(!at_work)]]);
    };
    agents(true);
    let doctor = repo.crew(["doctor"]).out;
    assert!(!doctor.contains("no run here knows"), "{doctor}");
    running.kill();
    agents(false);
    assert_eq!(state(&repo)[1..], before[1..]);
    let pruned = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(pruned.err.contains("fixer on the conflict of b when its merge was killed"), "{}", pruned.err);
    is_clean(&repo);
    // The next merge does the same by itself.
    std::fs::remove_file(&there).expect("a mark");
    let running = repo.start(["merge", "last", "--resolve", "fixer"]);
    wait_until("the agent works", || there.exists());
    running.kill();
    let ran = resolve(&repo, &[]).exits(0);
    assert!(ran.err.contains("worked on the conflict of b when its crew process died"), "{}", ran.err);
    assert!(lines(&repo).starts_with("A\nB\n2\n"));
    let events = repo.events();
    let left = of_kind(&events, "conflict_left")[0];
    let kept = left["reference"].as_str().expect("a reference");
    assert!(repo.git(&["show", &format!("{kept}:lines")]).ends_with("half\n"));
    is_clean(&repo);
    // Killed after the agent, it is not asked twice.
    let repo = at_odds(RESOLVES);
    let there = repo.beside("there");
    let hangs = format!("merge.verify=[\"touch {}; sleep 300\"]", there.display());
    let running = repo.start(["merge", "last", "--resolve", "fixer", "--set", &hangs]);
    wait_until("the merge is verified", || there.exists());
    running.kill();
    // What verifies outlives it, and is ours to end.
    for process in processes_with(&repo.root) {
        let pid: i32 = process.split(' ').next().and_then(|pid| pid.parse().ok()).expect("a pid");
        // SAFETY: a signal to a process of this test.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    agent(&repo, "fixer", "exit 9");
    resolve(&repo, &[]).exits(0);
    assert!(lines(&repo).starts_with("A\nB\n2\n"));
    is_clean(&repo);
}

#[test]
fn a_file_that_one_side_deletes_is_given_with_markers_and_what_cannot_be_edited_is_not_given() {
    let repo = repo();
    steps(&repo, "gone", &[("a", "", "git rm -q lines"), ("b", "", "sed -i s/1/B/ lines")]);
    run(&repo, "gone", 0);
    agent(&repo, "fixer", "echo it is fine as it is");
    let (ran, _) = in_vain(&repo, 4, &[]);
    assert!(ran.err.contains("lines still has conflict markers"), "{}", ran.err);
    agent(&repo, "fixer", RESOLVES);
    resolve(&repo, &[]).exits(0);
    assert!(lines(&repo).starts_with("B\n2\n"));
    is_clean(&repo);
    let repo = self::repo();
    let bytes = |sign: &str| format!("printf '{sign}\\000x' >bin");
    steps(&repo, "binary", &[("a", "", &bytes("a")), ("b", "", &bytes("b"))]);
    run(&repo, "binary", 0);
    agent(&repo, "fixer", "touch $CREW_REPOSITORY/started");
    let before = state(&repo);
    let ran = resolve(&repo, &[]).exits(4);
    assert!(ran.err.contains("no agent is given bin (") && ran.err.contains("only a person"), "{}", ran.err);
    assert_eq!(state(&repo), before);
    assert!(of_kind(&repo.events(), "conflict_given").is_empty() && !repo.root.join("started").exists());
}

#[test]
fn an_agent_that_is_not_there_or_cannot_write_is_refused_and_a_dry_run_starts_none() {
    let repo = at_odds("touch $CREW_REPOSITORY/started");
    let before = state(&repo);
    let ran = resolve(&repo, &["--dry-run"]).exits(4);
    assert!(ran.err.contains("in a dry run no agent is started"), "{}", ran.err);
    let ran = repo.crew(["merge", "last", "--resolve", "fixr"]).exits(2);
    assert!(
        ran.err.contains("there is no agent `fixr`") && ran.err.contains("did you mean `fixer`?"),
        "{}",
        ran.err
    );
    let ran = repo.crew(["merge", "last", "--resolve", "zzzzzzzz"]).exits(2);
    assert!(ran.err.contains("builtin, claude"), "{}", ran.err);
    let ran = repo.crew(["merge", "last", "--resolve", "builtin"]).exits(2);
    assert!(
        ran.err.contains("no conflict is given to builtin") && ran.err.contains("it has no model"),
        "{}",
        ran.err
    );
    repo.set("agents", "reader", json!({"command": "sh -c true", "prompt": "stdin", "writes": false}));
    let ran = repo.crew(["merge", "last", "--resolve", "reader"]).exits(2);
    assert!(ran.err.contains("no conflict is given to reader"), "{}", ran.err);
    // What is not committed is in the way, before an agent is paid.
    repo.write("lines", "mine\n");
    let ran = resolve(&repo, &[]).exits(4);
    assert!(ran.err.contains("lines is not committed"), "{}", ran.err);
    repo.git(&["checkout", "-q", "--", "lines"]);
    assert_eq!(state(&repo), before);
    assert!(of_kind(&repo.events(), "conflict_given").is_empty() && !repo.root.join("started").exists());
    is_clean(&repo);
}

#[test]
fn the_conflicts_of_a_run_from_a_snapshot_are_given_too() {
    let repo = repo();
    repo.write("lines", "1\n2\n3\n4\n5\n6\n7\n8\nmine\n");
    steps(&repo, "odd", &[("a", "", "sed -i s/1/A/ lines"), ("b", "", "sed -i s/1/B/ lines")]);
    repo.crew(["run", "the goal", "--workflow", "odd", "--worktree", "--include-dirty"]).exits(0);
    agent(&repo, "fixer", RESOLVES);
    repo.git(&["stash", "-q"]);
    resolve(&repo, &["--squash"]).exits(0);
    assert_eq!(lines(&repo), "A\nB\n2\n3\n4\n5\n6\n7\n8\n9\n");
    is_clean(&repo);
}
