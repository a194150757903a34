//! Bringing work back: what is merged, what is refused, and that nothing is lost whenever somebody is killed.

use crate::support::{Ran, TestRepo, of_kind, run_command, start_command, task, wait_until};
use crate::worktrees::{SUBMIT, agent, branch, run, steps};
use serde_json::{Value, json};

/// Makes a repository whose user git knows, with a file of nine lines.
pub fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    repo.write("lines", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    repo.write(".gitignore", ".crew/\n*.ign\n");
    repo.commit("lines");
    repo
}

/// Carries out `a`, `b` that builds on it, and `c`, and returns the run's id.
pub fn three(repo: &TestRepo) -> String {
    steps(
        repo,
        "three",
        &[
            ("a", "", "sed -i s/1/A/ lines; echo a >a"),
            ("b", "a", "sed -i s/9/B/ lines; echo b >b"),
            ("c", "", "mkdir -p deep; echo c >deep/c; git mv README.md READ.md"),
        ],
    );
    run(repo, "three", 0)["run"].as_str().expect("an id").to_owned()
}

fn merge_json(repo: &TestRepo, exit: i32, more: &[&str]) -> Value {
    repo.crew(["merge", "last", "--json"].iter().chain(more)).exits(exit).json()
}

pub fn tip(repo: &TestRepo, name: &str) -> String {
    repo.git(&["rev-parse", name]).trim().to_owned()
}

/// What git and the folder say of the user's checkout.
pub fn state(repo: &TestRepo) -> [String; 4] {
    let status = ["status", "--porcelain=v1", "--untracked-files=all", "--no-renames"];
    let refs = ["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/main", "refs/heads/other"];
    [repo.git(&refs), repo.git(&["rev-parse", "HEAD"]), repo.git(&status), repo.git(&["ls-files", "--stage"])]
}

/// Nothing of a merge is left behind but what it has brought.
#[track_caller]
pub fn is_clean(repo: &TestRepo) {
    for name in ["crew-merge", "index.lock", "HEAD.lock", "refs/heads/main.lock"] {
        assert!(!repo.root.join(".git").join(name).exists(), "{name}");
    }
    let branches = repo.git(&["branch", "--list", "crew/*"]);
    assert!(!branches.contains("+merge"), "{branches}");
    assert!(!repo.git(&["worktree", "list"]).contains(".merge"));
    repo.git(&["fsck", "--strict"]);
    repo.leaves_no_process();
}

/// Runs a merge that is refused, and sees that nothing has changed.
#[track_caller]
fn refused(repo: &TestRepo, more: &[&str]) -> Ran {
    let before = state(repo);
    let ran = repo.crew(["merge", "last"].iter().chain(more)).exits(4);
    assert_eq!(state(repo), before, "{}", ran.err);
    is_clean(repo);
    ran
}

#[test]
fn work_comes_back_in_the_order_in_which_it_depends_on_each_other() {
    let repo = repo();
    let id = three(&repo);
    repo.write("mine", "untracked\n");
    repo.write("x.ign", "ignored\n");
    let shown = repo.crew(["merge", "last", "--dry-run"]).exits(0);
    assert!(shown.out.contains("fresh: main is where the run began"), "{}", shown.out);
    assert!(
        shown.out.contains("3 tasks, a merge commit each") && shown.out.contains("cleanly"),
        "{}",
        shown.out
    );
    let before = tip(&repo, "main");
    let merged = merge_json(&repo, 0, &[]);
    assert_eq!((&merged["status"], &merged["from"]), (&json!("merged"), &json!(before)));
    let log = repo.git(&[
        "log",
        "--first-parent",
        "--format=%s|%(trailers:key=Crew-Task,valueonly,separator=)",
        "main",
    ]);
    let subjects: Vec<&str> =
        log.lines().map(|line| line.split(" of run").next().expect("a subject")).collect();
    assert_eq!(subjects.len(), 5, "{log}");
    assert!(log.contains("|c\n") && log.contains(": done|b\n"), "{log}");
    let place = |name: &str| log.find(&format!("Merge task {name} ")).expect(name);
    assert!(place("b") < place("a"), "{log}");
    assert_eq!(
        std::fs::read_to_string(repo.root.join("lines")).expect("lines"),
        "A\n2\n3\n4\n5\n6\n7\n8\nB\n"
    );
    assert_eq!(repo.git(&["status", "--porcelain"]), "?? mine\n");
    assert!(repo.root.join("x.ign").exists() && repo.root.join("deep/c").exists());
    let events = repo.events();
    let kinds: Vec<&Value> = events.iter().rev().take(2).map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["work_merged", "merge_begun"]);
    assert_eq!(of_kind(&events, "work_merged")[0]["by"], "Person");
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(task(&status, "a")["merged"][0]["into"], "main");
    let commit = task(&status, "a")["merged"][0]["commit"].as_str().expect("a commit").to_owned();
    assert!(
        repo.git(&["log", "-1", "--format=%B", &commit]).contains(&format!("Crew-Run: {id}\nCrew-Task: a"))
    );
    is_clean(&repo);
    assert_eq!(merge_json(&repo, 0, &[])["status"], "nothing");
    assert!(repo.crew(["merge", "last"]).exits(0).out.contains("nothing to merge into main"));
    assert_eq!(repo.events().len(), events.len());
}

#[test]
fn a_dry_run_changes_nothing() {
    let repo = repo();
    three(&repo);
    let (before, events) = (state(&repo), repo.events().len());
    let everything = repo.git(&["for-each-ref"]);
    let plan = merge_json(&repo, 0, &["--dry-run"]);
    assert_eq!((&plan["status"], &plan["freshness"]["state"]), (&json!("planned"), &json!("fresh")));
    let a =
        plan["tasks"].as_array().expect("tasks").iter().find(|task| task["task"] == "a").expect("a").clone();
    assert_eq!((&a["files"], &a["insertions"], &a["deletions"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!(
        (state(&repo), repo.events().len(), repo.git(&["for-each-ref"])),
        (before, events, everything)
    );
}

#[test]
fn work_comes_back_as_one_commit_each_or_as_the_tasks_own_commits() {
    for how in ["--squash", "--rebase"] {
        let repo = repo();
        three(&repo);
        repo.write("other", "o\n");
        repo.commit("somebody else");
        let merged = merge_json(&repo, 0, &[how]);
        assert_eq!(merged["freshness"]["commits"], 1);
        assert_eq!(repo.git(&["rev-list", "--merges", "main"]), "");
        let log = repo.git(&["log", "--format=%s|%(trailers:key=Crew-Task,valueonly,separator=)", "-3"]);
        let subject = if how == "--squash" { "done|b" } else { "b: done|b" };
        assert!(log.lines().any(|line| line == subject), "{how} {log}");
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(merge_json(&repo, 0, &[how])["status"], "nothing");
        assert_eq!(
            merge_json(&repo, 0, &[])["status"],
            "nothing",
            "it counts as merged, as whatever it came"
        );
    }
}

/// Carries out two tasks that are at odds, and a third.
pub fn at_odds(repo: &TestRepo) {
    steps(
        repo,
        "odd",
        &[
            ("a", "", "sed -i s/1/A/ lines"),
            ("b", "", "sed -i s/1/B/ lines"),
            ("c", "b", "echo c >c"),
            ("d", "", "echo d >d"),
        ],
    );
    run(repo, "odd", 0);
}

#[test]
fn a_conflict_moves_nothing_and_says_what_to_do() {
    let repo = repo();
    at_odds(&repo);
    let ran = refused(&repo, &[]);
    assert!(ran.out.contains("conflict with a") && ran.out.contains("builds on b"), "{}", ran.out);
    assert!(ran.out.contains("content        lines  lines 1"), "{}", ran.out);
    let b = branch(&repo, "b");
    assert!(
        [" a d ", " d a "].iter().any(|order| ran.err.contains(&format!("{order}   merges what fits")))
            && ran.err.contains(&format!("git switch main && git merge {b}")),
        "{}",
        ran.err
    );
    let ran = refused(&repo, &["--json"]);
    let plan: Value = serde_json::from_str(&ran.out).expect("a plan");
    assert_eq!(plan["status"], "conflict");
    let of_b =
        plan["tasks"].as_array().expect("tasks").iter().find(|task| task["task"] == "b").expect("b").clone();
    assert_eq!((&of_b["with"], &of_b["conflicts"][0]["paths"]), (&json!(["a"]), &json!(["lines"])));
    assert_eq!(ran.json_error()["code"], "conflict");
    assert_eq!(refused(&repo, &["--dry-run"]).exit, 4);
    repo.crew(["merge", "last", "a", "d"]).exits(0);
    let ran = refused(&repo, &[]);
    assert!(ran.out.contains("conflict with main") && ran.out.contains("builds on b"), "{}", ran.out);
    assert!(repo.crew(["status", "last"]).exits(0).out.contains("1 pair of tasks will conflict"));
    // By hand, as it said.
    let by_hand =
        repo.plain("git").args(["merge", "-q", "-X", "ours", "--no-edit", &b]).output().expect("git");
    assert!(by_hand.status.success());
    let events = repo.events().len();
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(!status.contains("will conflict"), "{status}");
    assert_eq!(status.matches("merged into main").count(), 3, "{status}");
    assert_eq!(repo.events().len(), events, "a look records nothing");
    repo.crew(["merge", "last"]).exits(0);
    assert!(repo.root.join("c").exists());
    let events = repo.events();
    let by_hand: Vec<&Value> =
        of_kind(&events, "work_merged").into_iter().filter(|event| event["by"] == "by hand").collect();
    assert_eq!((by_hand.len(), &by_hand[0]["tasks"][0]["task"]), (1, &json!("b")));
    assert_eq!(merge_json(&repo, 0, &[])["status"], "nothing");
    assert_eq!(repo.events().len(), events.len());
    is_clean(&repo);
}

/// Carries out a task that changes three lines, and three that change one of them each.
fn one_against_three(repo: &TestRepo) {
    steps(
        repo,
        "star",
        &[
            ("one", "", "sed -i 's/[159]/X/' lines"),
            ("two", "", "sed -i s/1/A/ lines"),
            ("three", "", "sed -i s/5/B/ lines"),
            ("four", "", "sed -i s/9/C/ lines"),
        ],
    );
    run(repo, "star", 0);
}

#[track_caller]
fn is_proposed(ran: &Ran) {
    assert!(ran.err.contains(" two three four    merges what fits"), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("1 of 4 tasks conflicts"), "{}", ran.err);
}

#[test]
fn what_conflicts_with_many_comes_last_and_holds_up_none_of_them() {
    let repo = repo();
    one_against_three(&repo);
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(status.contains("merge order  two, three, four, one"), "{status}");
    is_proposed(&refused(&repo, &["--dry-run"]));
    repo.crew(["merge", "last", "two", "three", "four"]).exits(0);
    assert!(refused(&repo, &[]).out.contains("conflict with main"));
}

#[test]
fn conflicts_that_no_forecast_has_seen_change_the_order_too() {
    let repo = repo();
    let plain = [("one", "", "echo one >one"), ("two", "", "sed -i s/1/A/ lines")];
    let more = [("three", "", "sed -i s/5/B/ lines"), ("four", "", "sed -i s/9/C/ lines")];
    steps(&repo, "late", &[plain, more].concat());
    run(&repo, "late", 0);
    assert!(!repo.crew(["status", "last"]).exits(0).out.contains("will conflict"));
    // A person goes on with one of them.
    let one = repo.crew(["worktree", "path", "last", "one"]).exits(0).out;
    std::fs::write(format!("{}/lines", one.trim_end()), "X\n2\n3\n4\nX\n6\n7\n8\nX\n").expect("lines");
    repo.git(&["-C", one.trim_end(), "commit", "-q", "-a", "-m", "by hand"]);
    is_proposed(&refused(&repo, &[]));
}

#[test]
fn what_a_task_builds_on_comes_with_it_and_work_that_does_not_count_stays_away() {
    let repo = repo();
    three(&repo);
    let ran = repo.crew(["merge", "last", "b"]).exits(0);
    assert!(ran.err.contains("with it  a, which b builds on"), "{}", ran.err);
    assert!(repo.root.join("a").exists() && !repo.root.join("deep/c").exists());
    repo.crew(["merge", "last", "nobody"]).exits(4);
    let repo = self::repo();
    agent(&repo, "shy", "echo x >x; crew submit result --summary unsure --confidence 0.1 --rationale r");
    agent(&repo, "does", &format!("echo y >y\n{SUBMIT}"));
    repo.workflow(
        "shy",
        "## x\nrole: executor\nagent: shy\nconfidence: 0.9\n\nDo it.\n\n## y\nrole: executor\nagent: does\n\nDo it.",
    );
    let carried = repo.crew(["run", "the goal", "--workflow", "shy", "--worktree", "--json"]);
    assert_ne!(carried.exit, 0, "{}", carried.out);
    let ran = refused(&repo, &["x"]);
    assert!(ran.err.contains("task x is not merged: it"), "{}", ran.err);
    let ran = repo.crew(["merge", "last"]).exits(0);
    assert!(ran.err.contains("left out  x: it") && repo.root.join("y").exists(), "{}", ran.err);
    assert!(!repo.root.join("x").exists());
}

#[test]
fn merged_work_is_verified_before_the_branch_moves() {
    let repo = repo();
    let check =
        "test -f a && test -f deep/c && test -z \"$(git status --porcelain)\" && pwd && echo $CREW_TASK";
    agent(&repo, "does-a", &format!("echo a >a\n{SUBMIT}"));
    agent(&repo, "does-c", &format!("mkdir deep; echo c >deep/c\n{SUBMIT}"));
    // In the tasks' own trees it does not see the other's work.
    let verify = format!("verify: test ! -d ../.merge || {{ {check}; }}");
    repo.workflow(
        "both",
        &format!("## a\nrole: executor\nagent: does-a\n{verify}\n\nDo it.\n\n## c\nrole: executor\nagent: does-c\n{verify}\n\nDo it."),
    );
    let id = run(&repo, "both", 0)["run"].as_str().expect("an id").to_owned();
    // Whatever it leaves behind there goes.
    let leaves = "merge.verify=[\"echo left >left; (setsid sleep 300 &) ; test ! -e no\"]";
    let before = tip(&repo, "main");
    let failing = "merge.verify=[\"true\", \"echo it is bad; exit 7\"]";
    let ran = repo.crew(["merge", "last", "--set", failing]).exits(1);
    assert!(ran.err.contains("`echo it is bad; exit 7` failed on the merged work"), "{}", ran.err);
    assert!(
        ran.err.contains("it is bad; main has not moved") && ran.err.contains("+merge.1.log"),
        "{}",
        ran.err
    );
    assert_eq!(tip(&repo, "main"), before);
    is_clean(&repo);
    let log = std::fs::read_to_string(repo.run_folder().join("logs/+merge.1.log")).expect("a log");
    assert!(log.contains("$ true\n") && log.contains("it is bad\n"), "{log}");
    assert!(log.contains(&format!(".crew/worktrees/{id}/.merge\na\n")), "{log}");
    let merged = merge_json(&repo, 0, &["--set", leaves]);
    assert_eq!(merged["verified"].as_array().expect("a list").len(), 2, "{merged:#}");
    assert_eq!(merged["verified"][1]["passed"], true);
    is_clean(&repo);
    assert!(!repo.root.join(".crew/worktrees").join(&id).join(".merge").exists());
}

#[test]
fn what_is_interrupted_while_it_is_verified_moves_nothing_and_leaves_nothing() {
    let repo = repo();
    three(&repo);
    let before = state(&repo);
    let there = repo.beside("there");
    let hangs = format!("merge.verify=[\"touch {}; sleep 300 & sleep 300\"]", there.display());
    let running = repo.start(["merge", "last", "--set", &hangs]);
    wait_until("the command runs", || there.exists());
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    assert_eq!(state(&repo), before);
    is_clean(&repo);
    let running = repo.start(["merge", "last", "--set", &hangs]);
    wait_until("the work tree is there", || repo.git(&["worktree", "list"]).contains(".merge"));
    running.kill();
    let late = repo.crew([
        "merge",
        "last",
        "--set",
        "merge.verify=[\"sleep 300\"]",
        "--set",
        "limits.attempt_seconds=1",
    ]);
    assert!(late.exits(1).err.contains("it did not end within 1.0s"));
    assert_eq!(state(&repo), before);
    for pid in std::fs::read_dir("/proc").expect("processes").flatten() {
        let left = std::fs::read(pid.path().join("environ")).unwrap_or_default();
        let mark = format!("CREW_REPOSITORY={}\0", repo.root.display());
        if String::from_utf8_lossy(&left).contains(&mark) {
            // What outlived the crew that was killed is ours to end.
            let pid: i32 = pid.file_name().to_string_lossy().parse().expect("a pid");
            // SAFETY: a signal to a process of this test.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
    repo.crew(["merge", "last"]).exits(0);
    is_clean(&repo);
}

#[test]
fn a_branch_that_moves_meanwhile_is_taken_into_account_once() {
    let repo = repo();
    three(&repo);
    let moves = "git -C $CREW_REPOSITORY commit -q --allow-empty -m meanwhile";
    let once = format!(
        "merge.verify=[\"test -e {0} || {{ touch {0}; {moves}; }}\"]",
        repo.beside("moved").display()
    );
    let ran = repo.crew(["merge", "last", "a", "--set", &once]).exits(0);
    assert!(ran.err.contains("main has been moved meanwhile; the merge is made once more"), "{}", ran.err);
    let log = repo.git(&["log", "--first-parent", "--format=%s", "-2"]);
    assert!(log.starts_with("Merge task a") && log.ends_with("meanwhile\n"), "{log}");
    let ran = repo.crew(["merge", "last", "--set", &format!("merge.verify=[\"{moves}\"]")]).exits(4);
    assert!(ran.err.contains("the branch main has been moved by somebody else"), "{}", ran.err);
    assert!(!repo.root.join("b").exists());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
    is_clean(&repo);
}

#[test]
fn what_is_not_committed_is_never_overwritten() {
    let repo = repo();
    three(&repo);
    repo.write("b", "mine\n");
    let ran = refused(&repo, &[]);
    assert!(ran.err.contains("b is not committed in ") && ran.err.contains("git stash -u"), "{}", ran.err);
    refused(&repo, &["--dry-run"]);
    assert_eq!(std::fs::read_to_string(repo.root.join("b")).expect("b"), "mine\n");
    repo.crew(["merge", "last", "a"]).exits(0);
    std::fs::write(repo.root.join(".git/index.lock"), "").expect("a lock");
    let ran = repo.crew(["merge", "last", "c"]).exits(4);
    assert!(ran.err.contains("another git is at work"), "{}", ran.err);
    assert!(repo.root.join(".git/index.lock").exists());
}

#[test]
fn a_rewritten_branch_gets_the_tasks_own_work_only() {
    let repo = repo();
    three(&repo);
    repo.git(&["commit", "-q", "--amend", "-m", "lines, and better"]);
    let ran = refused(&repo, &[]);
    assert!(ran.err.contains("main does not hold what the run began from"), "{}", ran.err);
    let merged = merge_json(&repo, 0, &["--squash"]);
    assert_eq!(merged["freshness"]["state"], "diverged");
    let log = repo.git(&["log", "--format=%s", "main"]);
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(!log.lines().any(|line| line == "lines"), "{log}");
}

#[test]
fn what_was_not_committed_when_the_run_began_never_enters_the_history() {
    let repo = repo();
    repo.write("secret", "s\n");
    repo.write("lines", "1\n2\n3\n4\n5 mine\n6\n7\n8\n9\n");
    steps(&repo, "dirty", &[("a", "", "test -f secret; echo a >a")]);
    repo.crew(["run", "the goal", "--workflow", "dirty", "--worktree", "--include-dirty"]).exits(0);
    let ran = refused(&repo, &[]);
    assert!(ran.err.contains("the run began from what was not committed then"), "{}", ran.err);
    let status = repo.git(&["status", "--porcelain"]);
    repo.crew(["merge", "last", "--squash"]).exits(0);
    assert_eq!(repo.git(&["ls-tree", "--name-only", "main"]), ".gitignore\nREADME.md\na\nlines\n");
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    assert!(repo.git(&["show", "main:lines"]).contains("\n5\n"));
}

#[test]
fn another_branch_is_named_and_moves_alone() {
    let repo = repo();
    repo.git(&["checkout", "-q", "--detach"]);
    three(&repo);
    let ran = refused(&repo, &[]);
    assert!(ran.err.contains("began from no branch") && ran.err.contains("--into BRANCH"), "{}", ran.err);
    repo.crew(["merge", "last", "--into", "nowhere"]).exits(4);
    repo.crew(["merge", "last", "--into", "no..name"]).exits(2);
    let own = branch(&repo, "a");
    repo.crew(["merge", "last", "--into", &own]).exits(4);
    let before = state(&repo)[2..].to_vec();
    repo.git(&["branch", "other"]);
    repo.crew(["merge", "last", "--into", "other"]).exits(0);
    assert_eq!(state(&repo)[2..], before);
    assert_eq!(repo.git(&["show", "other:b"]), "b\n");
    repo.git(&["checkout", "-q", "main"]);
    repo.crew(["merge", "last", "--into", "main", "--squash"]).exits(0);
    assert!(repo.root.join("b").exists());
}

#[test]
fn a_run_at_work_and_an_agent_merge_nothing() {
    let repo = repo();
    let gate = repo.gate("hang");
    let waits = format!("echo x >x; while test -e {}; do sleep 0.05; done", gate.display());
    steps(&repo, "slow", &[("x", "", &waits)]);
    let mut command = repo.command(["run", "the goal", "--workflow", "slow", "--worktree"]);
    command.stdin(std::process::Stdio::null());
    let running = start_command(command);
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    let ran = repo.crew(["merge", "last"]).exits(4);
    assert!(ran.err.contains("is being carried out by another crew process"), "{}", ran.err);
    repo.crew(["merge", "last", "--dry-run"]).exits(0);
    repo.open("hang");
    running.ends().exits(0);
    let mut typed = repo.command(["merge", "last"]);
    typed.env("CREW_TOKEN", "t");
    assert!(run_command(typed).exits(4).err.contains("an agent cannot decide for a person"));
    repo.crew(["merge", "last"]).exits(0);
}

#[test]
fn commits_are_signed_where_the_user_signs_and_nobody_commits_for_nobody() {
    let repo = repo();
    three(&repo);
    repo.git(&["config", "user.name", ""]);
    let ran = refused(&repo, &[]);
    assert!(ran.err.contains("git does not know who commits here"), "{}", ran.err);
    repo.git(&["config", "user.name", "Person"]);
    repo.program("gpg", "cat >/dev/null; echo '[GNUPG:] SIG_CREATED ' >&2; echo SIGNED");
    repo.git(&["config", "commit.gpgsign", "true"]);
    repo.git(&["config", "gpg.program", &repo.programs().join("gpg").display().to_string()]);
    repo.crew(["merge", "last", "--no-verify"]).exits(0);
    assert!(repo.git(&["cat-file", "commit", "main"]).contains("SIGNED"));
}

/// The proof of `merge.how`.
pub fn how_the_work_comes_back_is_set() {
    let repo = repo();
    three(&repo);
    repo.set("merge", "how", json!("squash"));
    repo.crew(["merge", "last"]).exits(0);
    assert_eq!(repo.git(&["rev-list", "--merges", "main"]), "");
    assert!(
        repo.crew(["merge", "last", "--set", "merge.how=octopus"])
            .exits(2)
            .err
            .contains("merge, squash or rebase")
    );
}

/// The proof of `merge.verify`.
pub fn verify_runs_on_the_merged_work() {
    let repo = repo();
    three(&repo);
    repo.set("merge", "verify", json!(["test -e a", "test ! -e deep"]));
    assert!(repo.crew(["merge", "last"]).exits(1).err.contains("`test ! -e deep` failed"));
    repo.crew(["merge", "last", "a"]).exits(0);
}
