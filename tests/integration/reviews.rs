//! `crew review`: what is reviewed, by whom, and what the exit code says of it.

use crate::support::{Ran, Running, TestRepo, of_kind, wait_until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

/// Hands in a finding of a severity on the line that was added to `a.txt`.
pub fn finds(severity: &str) -> String {
    let finding = json!([{"severity": severity, "category": "bug", "file": "a.txt", "start_line": 2, "end_line": 2,
        "quote": "two", "title": "two is wrong", "confidence": 0.8}]);
    format!("printf '%s' '{finding}' | crew review submit --verdict changes_requested --body no --findings -")
}

pub const APPROVES: &str = "crew review submit --verdict approved --body fine";

/// Makes a reviewer that types a line in its shell.
pub fn reviewer(repo: &TestRepo, name: &str, line: &str) {
    types(repo, name, line, false);
}

/// Makes a worker that types a line in its shell.
fn worker(repo: &TestRepo, name: &str, line: &str) {
    types(repo, name, line, true);
}

fn types(repo: &TestRepo, name: &str, line: &str, writes: bool) {
    let program = repo.beside(name);
    std::fs::write(&program, format!("#!/bin/sh\n{line}\n")).expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it runs");
    repo.set("agents", name, json!({"command": program, "prompt": "argument", "writes": writes}));
}

/// A repository on a branch that adds a line to what `main` has.
pub fn with_branch() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("a.txt", "one\n");
    repo.commit("one");
    repo.git(&["switch", "-q", "-c", "feature"]);
    repo.write("a.txt", "one\ntwo\n");
    repo.commit("two");
    repo
}

#[track_caller]
fn review(repo: &TestRepo, args: &[&str], exit: i32) -> Ran {
    repo.crew(["review"].iter().chain(args)).exits(exit)
}

#[track_caller]
fn report(repo: &TestRepo, args: &[&str], exit: i32) -> Value {
    review(repo, &[args, &["--json"]].concat(), exit).json()
}

#[test]
fn the_exit_code_says_what_a_review_came_to() {
    let repo = with_branch();
    reviewer(&repo, "strict", &finds("error"));
    reviewer(&repo, "mild", &finds("warning"));
    reviewer(&repo, "kind", APPROVES);
    reviewer(&repo, "mute", "true");
    let found = review(&repo, &["--reviewer", "strict,kind"], 5);
    assert!(found.out.contains("main...feature  1 file, +1 -0   2 reviewers: strict, kind"), "{}", found.out);
    assert!(found.out.contains("error  a.txt:2  two is wrong  strict"), "{}", found.out);
    assert!(found.out.contains("1 error   changes requested"), "{}", found.out);
    let agreed = report(&repo, &["--reviewer", "strict,mild"], 5);
    assert_eq!(agreed["findings"][0]["reviewers"], json!(["mild", "strict"]));
    assert_eq!((&agreed["result"], agreed["findings"].as_array().unwrap().len()), (&json!("findings"), 1));
    // A branch is all that the default one has not, wherever one is.
    repo.write("b.txt", "later\n");
    repo.commit("later");
    repo.git(&["switch", "-q", "main"]);
    let there = report(&repo, &["feature", "--reviewer", "kind"], 0);
    assert_eq!(there["reviewed"]["files"], json!(2), "{there}");
    repo.git(&["switch", "-q", "feature"]);
    repo.git(&["reset", "-q", "--hard", "HEAD^"]);
    for (args, exit) in [
        (vec!["--reviewer", "mild"], 0),
        (vec!["--reviewer", "mild", "--fail-on", "warning"], 5),
        (vec!["--reviewer", "strict", "--fail-on", "none"], 0),
        (vec!["--reviewer", "strict", "--min-confidence", "0.9"], 0),
        (vec!["--reviewer", "strict,kind", "--agree", "2"], 0),
        (vec!["--reviewer", "kind"], 0),
        (vec!["--reviewer", "mute"], 6),
        (vec!["--reviewer", "mute,strict"], 6),
        (vec!["--reviewer", "kind", "--agree", "2"], 2),
        (vec!["--reviewer", "nobody"], 2),
        (vec!["nowhere"], 4),
        (vec!["^main"], 4),
        (vec!["--fail-on", "none", "list"], 2),
        (vec![":/two", "--reviewer", "kind"], 0),
        (vec!["--reviewer", "builtin"], 0),
    ] {
        review(&repo, &args, exit);
    }
    // What repeats what it was shown has found nothing, and one program has one voice, whatever its roles.
    reviewer(&repo, "echoes", "printf '%s' \"$*\"");
    let echoed = report(&repo, &["--reviewer", "echoes"], 6);
    let files = echoed["findings"].as_array().expect("findings").iter().map(|finding| &finding["file"]);
    assert_eq!(files.collect::<Vec<_>>(), ["."], "{echoed}");
    let one_voice = review(&repo, &["--reviewer", "builtin,builtin:security", "--agree", "2"], 2);
    assert!(one_voice.err.contains("there is 1 reviewer"), "{}", one_voice.err);
    for place in [".crew/crew.db", ".git/index", ".crew/new"] {
        let refused = review(&repo, &["--reviewer", "kind", "--format", "json", "-o", place], 2);
        assert!(refused.err.contains("lies among the files of git or of crew"), "{}", refused.err);
    }
    assert_eq!(review(&repo, &["main..main"], 0).out, "main..main  0 files, +0 -0\nnothing to review\n");
    assert_eq!(report(&repo, &["main..main"], 0)["result"], "nothing_to_review");
    review(&repo, &["show", "last", "--agree", "2"], 2);
    repo.leaves_no_process();
}

#[test]
fn what_was_approved_is_answered_from_the_record() {
    let repo = with_branch();
    reviewer(&repo, "kind", &format!("echo x >> {}; {APPROVES}", repo.beside("asked").display()));
    let asked = || std::fs::read_to_string(repo.beside("asked")).unwrap_or_default().lines().count();
    let first = report(&repo, &["--reviewer", "kind"], 0);
    let second = review(&repo, &["--reviewer", "kind", "--json"], 0);
    assert!(second.err.contains("reviewed already"), "{}", second.err);
    assert_eq!((second.json()["review"].clone(), asked()), (first["review"].clone(), 1));
    report(&repo, &["--reviewer", "kind", "--again"], 0);
    assert_eq!(asked(), 2);
    // A reviewer that is asked for the first time is started alone, and both are told of.
    reviewer(&repo, "strict", &finds("error"));
    let both = report(&repo, &["--reviewer", "kind,strict"], 5);
    assert_eq!((asked(), both["reviewers"].as_array().unwrap().len()), (2, 2));
    repo.write("a.txt", "one\ntwo\nthree\n");
    repo.commit("three");
    report(&repo, &["--reviewer", "kind"], 0);
    assert_eq!(asked(), 3);
}

#[test]
fn what_is_staged_or_not_committed_is_reviewed_at_a_commit_of_its_own() {
    let repo = with_branch();
    reviewer(&repo, "kind", APPROVES);
    repo.write("a.txt", "one\ntwo\nthree\n");
    repo.git(&["add", "a.txt"]);
    repo.write("b.txt", "new\n");
    let staged = report(&repo, &["--reviewer", "kind", "--staged"], 0);
    assert_eq!(
        (&staged["reviewed"]["words"], &staged["reviewed"]["files"]),
        (&json!("what is staged"), &json!(1))
    );
    let all = report(&repo, &["--reviewer", "kind"], 0);
    assert_eq!(
        (&all["reviewed"]["words"], &all["reviewed"]["files"]),
        (&json!("what is not committed"), &json!(2))
    );
    assert_eq!(repo.git(&["status", "--porcelain"]).lines().count(), 2);
    // What is staged and taken back in the folder changes nothing, and does not stand before what the branch adds.
    repo.write("a.txt", "one\ntwo\n");
    std::fs::rename(repo.root.join("b.txt"), repo.beside("b")).expect("it goes");
    let taken_back = review(&repo, &["--reviewer", "kind", "--json"], 0);
    assert_eq!(taken_back.json()["reviewed"]["words"], "main...feature", "{}", taken_back.err);
    assert!(taken_back.err.contains("crew review --staged"), "{}", taken_back.err);
    repo.write("a.txt", "one\ntwo\nthree\n");
    std::fs::rename(repo.beside("b"), repo.root.join("b.txt")).expect("it comes back");
    let again = review(&repo, &["--reviewer", "kind"], 0);
    assert!(again.err.contains("reviewed already"), "{}", again.err);
    let bases = repo.git(&["for-each-ref", "refs/crew/base"]);
    assert_eq!(bases.lines().count(), 2, "{bases}");
}

#[test]
fn files_that_lie_about_do_not_stand_in_the_way_of_the_branch() {
    let repo = with_branch();
    reviewer(&repo, "kind", APPROVES);
    let reviewed = |args: &[&str]| {
        let ran = review(&repo, &[&["--reviewer", "kind", "--json"], args].concat(), 0);
        (ran.json()["reviewed"]["words"].as_str().expect("words").to_owned(), ran.err)
    };
    repo.write("notes/a", "a\n");
    repo.write("notes/b", "b\n");
    let (words, told) = reviewed(&[]);
    assert_eq!(words, "main...feature");
    let line = "2 untracked files are left out: crew review --worktree reviews what is not committed\n";
    assert!(told.contains(line), "{told}");
    assert_eq!(reviewed(&["--worktree"]).0, "what is not committed");
    // What is changed, or staged, is somebody's work, and untracked files are part of it.
    repo.write("a.txt", "one\n2\n");
    let (words, told) = reviewed(&[]);
    assert!(words == "what is not committed" && !told.contains("left out"), "{told}");
    repo.git(&["checkout", "-q", "a.txt"]);
    repo.git(&["add", "notes/a"]);
    assert_eq!(reviewed(&[]).0, "what is not committed");
    // Where the branch adds nothing, they are all there is.
    repo.git(&["reset", "-q"]);
    repo.git(&["switch", "-q", "main"]);
    assert_eq!(reviewed(&[]).0, "what is not committed");
}

#[test]
fn several_forms_are_written_at_once() {
    let repo = with_branch();
    reviewer(&repo, "strict", &finds("error"));
    let files = ["--format", "sarif=out.sarif", "--format", "gitlab", "-o", "out.json", "--format", "github"];
    let told = review(&repo, &[&["--reviewer", "strict"][..], &files].concat(), 5);
    assert!(told.out.starts_with("::error file=a.txt,line=2,"), "{}", told.out);
    let read = |path: &str| -> Value {
        serde_json::from_slice(&std::fs::read(repo.root.join(path)).expect("a file")).expect("JSON")
    };
    assert_eq!(read("out.sarif")["runs"][0]["results"][0]["ruleId"], "bug");
    assert_eq!(read("out.json")[0]["location"]["path"], "a.txt");
    for args in [["--format", "sarif", "--format", "gitlab"], ["--format", "github=x", "--staged", "--json"]]
    {
        review(&repo, &args, 2);
    }
    for args in [
        &["--format", "sarif=none/x"][..],
        &["--format", "json="],
        &["--format", "json=x", "--format", "sarif=./x"],
        &["--format", "json", "-o", "x", "-o", "y"],
        &["--format", "json=/dev/stdout", "--format", "sarif"],
    ] {
        review(&repo, args, 2);
    }
    // What is shown again goes through a link, to its file, and a device stays one.
    std::os::unix::fs::symlink("out.json", repo.root.join("link")).expect("a link");
    let links = ["show", "last", "--format", "sarif=link", "--format", "json=/dev/null"];
    let shown = review(&repo, &links, 5);
    assert!(shown.out.contains("1 error"), "{}", shown.out);
    assert!(read("out.json")["runs"].is_array() && repo.root.join("link").is_symlink());
    assert!(!std::fs::metadata("/dev/null").expect("a device").is_file());
}

#[test]
fn where_nothing_has_changed_each_form_says_so() {
    let repo = with_branch();
    let written = |form: &str| review(&repo, &["main..main", "--format", form], 0).out;
    assert_eq!(written("github"), "\n");
    let said = "## crew review: nothing to review\n\n`main..main` changes no file.\n";
    assert_eq!(written("markdown"), said);
    for form in ["sarif", "gitlab", "rdjson"] {
        let json: Value = serde_json::from_str(&written(form)).expect("JSON");
        let found = [&json, &json["runs"][0]["results"], &json["diagnostics"]];
        let found = found.iter().find_map(|found| found.as_array());
        assert_eq!(found.map(Vec::len), Some(0), "{form}: {json}");
    }
    for form in ["checkstyle", "junit"] {
        let xml = written(form);
        assert!(xml.starts_with("<?xml") && !xml.contains("<error") && !xml.contains("<testcase"), "{xml}");
    }
}

#[test]
fn what_is_staged_in_a_merge_that_is_not_settled_is_refused() {
    let repo = with_branch();
    repo.git(&["switch", "-q", "main"]);
    repo.write("a.txt", "one\nthree\n");
    repo.commit("three");
    repo.git(&["config", "alias.try-merge", "!git merge -q feature >&2 || true"]);
    repo.git(&["try-merge"]);
    let refused = review(&repo, &["--staged"], 4);
    assert!(
        refused.err.contains("a.txt is unmerged") && refused.err.contains("--worktree"),
        "{}",
        refused.err
    );
    review(&repo, &["--worktree", "--dry-run"], 0);
}

pub fn fail_on_setting_is_the_bar_of_a_review() {
    let repo = with_branch();
    reviewer(&repo, "mild", &finds("warning"));
    review(&repo, &["--reviewer", "mild"], 0);
    repo.crew(["config", "set", "review.fail_on", "warning"]).exits(0);
    review(&repo, &["--reviewer", "mild"], 5);
    repo.crew(["config", "set", "review.fail_on", "grave"]).exits(0);
    review(&repo, &["--reviewer", "mild"], 2);
}

pub fn minutes_setting_bounds_a_pass() {
    let repo = with_branch();
    reviewer(&repo, "kind", APPROVES);
    review(&repo, &["--reviewer", "kind", "--set", "review.minutes=7"], 0);
    let events = repo.events();
    assert_eq!(of_kind(&events, "task_created")[0]["spec"]["timeout_millis"], 420_000);
}

#[test]
fn a_person_reviews_beside_the_reviewers() {
    let repo = with_branch();
    reviewer(&repo, "kind", APPROVES);
    review(&repo, &["--reviewer", "kind"], 0);
    let submit = |by: &str, words: &[&str]| {
        let named = ["review", "submit", "--review", "last", "--by", by];
        repo.crew(named.iter().chain(words))
    };
    let no = ["--verdict", "changes_requested", "--body", "It leaks."];
    assert_eq!(submit("Ann", &no).exits(0).out, submit("Ann", &no).exits(0).out);
    assert!(submit("Ann", &["--verdict", "approved"]).exits(4).err.contains("a different review of Ann"));
    repo.write(
        "found",
        r#"[{"severity": "error", "category": "bug", "file": "a.txt", "quote": "three", "title": "t"}]"#,
    );
    let nowhere = submit("Cy", &["--verdict", "changes_requested", "--findings", "found"]).exits(4);
    assert!(nowhere.err.contains("a.txt"), "{}", nowhere.err);
    assert!(submit("Bob", &["--verdict", "changes_requested"]).exits(4).err.contains("needs a reason"));
    assert_eq!(repo.kinds().iter().filter(|kind| *kind == "person_reviewed").count(), 1);
    // The list names all who reviewed.
    let list = review(&repo, &["list"], 0).out;
    assert!(list.contains("kind approved, Ann changes requested"), "{list}");
    let list = review(&repo, &["list", "--json"], 0).json();
    let by = |at: usize| &list["data"][0]["reviewers"][at];
    assert_eq!((&by(0)["reviewer"], &by(0)["person"]), (&json!("kind"), &json!(false)));
    assert_eq!(
        (&by(1)["reviewer"], &by(1)["person"], &by(1)["state"], &by(1)["task"]),
        (&json!("Ann"), &json!(true), &json!("changes_requested"), &Value::Null)
    );
}

#[test]
fn a_person_who_asks_for_changes_sends_the_work_back_within_the_rounds() {
    let repo = with_branch();
    let gate = repo.gate("look");
    let looks = format!("while [ -e {} ]; do sleep 0.02; done; {APPROVES}", gate.display());
    reviewer(&repo, "kind", &looks);
    worker(
        &repo,
        "fixer",
        "date +%N >>b.txt; crew submit result --summary done --confidence 1 --rationale r",
    );
    let asks = |by: &str, body: &str| {
        let named = ["review", "submit", "--review", "last", "--by", by, "--verdict", "changes_requested"];
        repo.crew(named.iter().chain(&["--body", body])).exits(0)
    };
    let until =
        ["review", "--reviewer", "kind", "--until", "approved", "--rounds", "2", "--fix-with", "fixer"];
    let running = repo.start(until);
    repo.wait_for_event("the reviewer looks", |event| event["kind"] == "process_started");
    let early = asks("Ann", "It leaks.").err;
    assert!(early.contains("fix is sent back as soon as all reviewers have come to a verdict"), "{early}");
    repo.open("look");
    let told = running.ends().exits(0);
    // What she said is of work that was sent back since.
    assert!(told.out.contains("no findings   approved"), "{}", told.out);
    assert!(repo.artifact("prompts/fix.1.md").contains("It leaks."));
    let rounds = || of_kind(&repo.events(), "review_round_begun").len();
    assert_eq!(rounds(), 1);

    let late = asks("Ann", "It leaks elsewhere.").err;
    assert!(late.contains("fix is sent back: round 2 of 2; next  crew resume"), "{late}");
    repo.crew(["resume", "last"]).exits(0);
    assert!(repo.artifact("prompts/fix.2.md").contains("It leaks elsewhere."));
    let json = repo.crew([
        "review",
        "submit",
        "--review",
        "last",
        "--by",
        "Bo",
        "--verdict",
        "changes_requested",
        "--body",
        "No.",
        "--json",
    ]);
    assert_eq!(json.exits(0).json()["follows"], "no_round_left");
    let left = asks("Ann", "Still.").err;
    assert!(left.contains("fix is not sent back, no round of 2 is left: crew review send"), "{left}");
    repo.crew(["review", "send", "last"]).exits(0);
    assert_eq!(rounds(), 2);
    repo.leaves_no_process();
}

/// Returns the kinds of events that only reviews have.
pub fn kinds_of_events() -> Vec<String> {
    let repo = with_branch();
    reviewer(&repo, "kind", APPROVES);
    review(&repo, &["--reviewer", "kind"], 0);
    repo.crew(["review", "submit", "--review", "last", "--by", "Ann", "--verdict", "approved"]).exits(0);
    repo.kinds()
}

#[test]
fn two_who_ask_at_once_get_one_review() {
    let repo = with_branch();
    let (asked, gate) = (repo.beside("asked"), repo.beside("gate"));
    let waits = format!("echo x >>{}; until [ -e {} ]; do sleep 0.02; done", asked.display(), gate.display());
    reviewer(&repo, "slow", &format!("{waits}; {}", finds("error")));
    let first = repo.start(["review", "--reviewer", "slow", "--json"]);
    wait_until("the reviewer is asked", || asked.exists());
    let told = repo.beside("told");
    let mut command = repo.command(["review", "--reviewer", "slow", "--json"]);
    command.stdout(Stdio::piped()).stderr(std::fs::File::create(&told).expect("a file"));
    let second = Running::of(command.spawn().expect("crew starts"));
    // Whoever comes when changes have been asked for asks once more.
    let waits = || std::fs::read_to_string(&told).is_ok_and(|told| told.contains("waiting for it"));
    wait_until("the second one waits for the first", waits);
    std::fs::write(&gate, "").expect("a file");
    let [first, second] = [first, second].map(|running| running.ends().exits(5));
    assert_eq!(first.json()["review"], second.json()["review"]);
    assert_eq!(std::fs::read_to_string(asked).expect("asked").lines().count(), 1);
}

#[test]
fn a_review_whose_process_died_is_gone_on_with_and_an_older_version_is_cancelled() {
    let repo = with_branch();
    let (asked, gate) = (repo.beside("asked"), repo.beside("gate"));
    let waits = format!("echo x >>{}; until [ -e {} ]; do sleep 0.02; done", asked.display(), gate.display());
    reviewer(&repo, "slow", &format!("{waits}; {APPROVES}"));
    let times = || std::fs::read_to_string(&asked).unwrap_or_default().lines().count();
    let dead = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the reviewer is asked", || times() == 1);
    dead.kill();
    let again = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the reviewer is asked again", || times() == 2);
    repo.write("a.txt", "one\ntwo\nthree\n");
    repo.commit("three");
    let newer = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the newer version is reviewed", || times() == 3);
    let overtaken = again.ends().exits(6);
    assert!(overtaken.err.contains("was interrupted: going on with it"), "{}", overtaken.err);
    assert!(overtaken.out.contains("incomplete  slow: cancelled"), "{}", overtaken.out);
    std::fs::write(&gate, "").expect("a file");
    newer.ends().exits(0);
    // Who looks on or waits is told what it came to as well.
    repo.crew(["wait", "last"]).exits(0);
    assert!(repo.crew(["attach", "last"]).exits(0).out.contains("no findings   approved"));
    // A dead process's review of an older version is ended and cleared away by whoever reviews the newer one.
    std::fs::remove_file(&gate).expect("a file");
    repo.git(&["commit", "-q", "--allow-empty", "-m", "four"]);
    let dead = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the reviewer is asked", || times() == 4);
    dead.kill();
    repo.git(&["commit", "-q", "--allow-empty", "-m", "five"]);
    std::fs::write(&gate, "").expect("a file");
    assert!(review(&repo, &["--reviewer", "slow"], 0).err.contains("of an older version is cancelled"));
    repo.leaves_no_process();
    assert_eq!(repo.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(repo.git(&["branch", "--list", "crew/*"]), "");
}

#[test]
fn what_is_being_put_right_is_not_begun_a_second_time() {
    let repo = with_branch();
    let (asked, gate) = (repo.beside("asked"), repo.beside("gate"));
    let strict = format!("if grep -q three a.txt; then {APPROVES}; else {}; fi", finds("error"));
    reviewer(&repo, "strict", &strict);
    reviewer(&repo, "mild", APPROVES);
    let waits = format!("echo x >>{}; until [ -e {} ]; do sleep 0.02; done", asked.display(), gate.display());
    let hands_in = "crew submit result --summary done --confidence 1 --rationale r";
    worker(&repo, "fixer", &format!("{waits}; sed -i 's/two/three/' a.txt; {hands_in}"));
    let until = ["review", "--reviewer", "strict", "--until", "approved", "--fix-with", "fixer"];
    let times = || std::fs::read_to_string(&asked).unwrap_or_default().lines().count();
    let runs =
        || repo.crew(["review", "list", "--json"]).exits(0).json()["data"].as_array().map_or(0, Vec::len);
    let dead = repo.start(until);
    wait_until("the fixer is asked", || times() == 1);
    dead.kill();
    // What would be done is told, and not done.
    let plan = repo.crew(until.iter().chain(&["--dry-run"])).exits(0);
    assert!(plan.out.contains("was interrupted: it would be gone on with"), "{}", plan.out);
    let plan = repo.crew(until.iter().chain(&["--dry-run", "--json"])).exits(0).json();
    assert_eq!(plan["would"], "go_on");
    // Of two who ask again, one goes on with it, and the other one waits for that.
    let again = [(); 2].map(|()| repo.start(until));
    std::fs::write(&gate, "").expect("a file");
    let again = again.map(|running| running.ends().exits(0));
    assert_eq!(again[0].out, again[1].out);
    assert!(again[0].out.contains("no findings   approved"), "{}", again[0].out);
    assert_eq!((runs(), of_kind(&repo.events(), "review_round_begun").len()), (1, 1));
    assert_eq!(repo.git(&["branch", "--list", "crew/*"]).lines().count(), 1);
    // One with other reviewers is another one.
    repo.crew(until.iter().chain(&["--reviewer", "mild"])).exits(0);
    assert_eq!(runs(), 2);
    repo.leaves_no_process();
}

#[test]
fn what_a_reviewer_calls_resolved_is_decided_and_what_was_dismissed_begins_no_round() {
    let repo = with_branch();
    let closes = r#"crew review submit --verdict approved --resolved "$print=line 2 says three""#;
    let print = r#"print=$(printf '%s' "$*" | sed -n 's/.*\[\([0-9a-f]*\)\]  two is wrong.*/\1/p')"#;
    reviewer(
        &repo,
        "closes",
        &format!("if grep -q three a.txt; then {print}; {closes}; else {}; fi", finds("error")),
    );
    let hands_in = "crew submit result --summary done --confidence 1 --rationale r";
    worker(&repo, "fixer", &format!("sed -i 's/two/three/' a.txt; {hands_in}"));
    let until = ["--reviewer", "closes", "--until", "approved", "--fix-with", "fixer"];
    let fixed = review(&repo, &until, 0);
    assert!(fixed.out.contains("no findings (not listed: 1 resolved)   approved"), "{}", fixed.out);
    let events = repo.events();
    let at = events.iter().position(|event| event["kind"] == "finding_decided").expect("a decision");
    let decided = &events[at];
    assert_eq!(events[at - 1]["kind"], "submission_accepted");
    assert_eq!(
        (&decided["decision"], &decided["by"], &decided["evidence"]),
        (&json!("resolved"), &json!("closes"), &json!("line 2 says three"))
    );
    let print = decided["fingerprint"].as_str().expect("a fingerprint");
    let shown = review(&repo, &["show", "last", print], 0).out;
    assert!(shown.contains("resolved by closes") && shown.contains("line 2 says three"), "{shown}");
    let stats = review(&repo, &["stats", "--json"], 0).json();
    assert_eq!(stats["data"][0]["accepted"], 1, "{stats}");
    // A person has the last word, in every review that follows.
    review(&repo, &["dismiss", "last", print, "--why", "two is right", "--by", "Ann"], 0);
    review(&repo, &[&["--again"][..], &until].concat(), 0);
    assert_eq!(of_kind(&repo.events(), "review_round_begun").len(), 0);
    repo.leaves_no_process();
}

#[test]
fn who_wants_it_put_right_is_not_answered_by_what_another_review_found() {
    let repo = with_branch();
    let (asked, gate) = (repo.beside("asked"), repo.beside("gate"));
    let waits = format!("echo x >>{}; until [ -e {} ]; do sleep 0.02; done", asked.display(), gate.display());
    let strict = format!("{waits}; if grep -q three a.txt; then {APPROVES}; else {}; fi", finds("error"));
    reviewer(&repo, "strict", &strict);
    let hands_in = "crew submit result --summary done --confidence 1 --rationale r";
    worker(&repo, "fixer", &format!("sed -i 's/two/three/' a.txt; {hands_in}"));
    let plain = repo.start(["review", "--reviewer", "strict"]);
    wait_until("the reviewer is asked", || asked.exists());
    let told = review(&repo, &["--reviewer", "strict", "--dry-run"], 0).out;
    assert!(told.contains("it would be waited for"), "{told}");
    let until = repo.start(["review", "--reviewer", "strict", "--until", "approved", "--fix-with", "fixer"]);
    std::fs::write(&gate, "").expect("a file");
    plain.ends().exits(5);
    assert!(until.ends().exits(0).out.contains("no findings   approved"));
}

#[test]
fn what_is_found_is_put_right_until_it_is_approved() {
    let repo = with_branch();
    let strict = format!("if grep -q three a.txt; then {APPROVES}; else {}; fi", finds("error"));
    reviewer(&repo, "strict", &strict);
    let hands_in = "crew submit result --summary done --confidence 1 --rationale r";
    worker(&repo, "fixer", &format!("sed -i 's/two/three/' a.txt; {hands_in}"));
    worker(&repo, "botcher", &format!("date +%N >>b.txt; {hands_in}"));
    let until = |fixer: &'static str| ["--until", "approved", "--rounds", "2", "--fix-with", fixer];
    let ask = |fixer, exit| {
        review(&repo, &[&["--reviewer", "strict", "--again"][..], &until(fixer)].concat(), exit)
    };
    let fixed = ask("fixer", 0);
    assert!(fixed.out.contains("no findings   approved"), "{}", fixed.out);
    assert!(fixed.err.contains("crew merge"), "{}", fixed.err);
    // What is approved is what was put right, and not what was asked about.
    let told = repo.crew(["review", "show", "last", "--json"]).exits(0).json();
    let (asked, now) = (repo.git(&["rev-parse", "feature"]), told["reviewed"]["head"].clone());
    let put_right = &told["reviewed"]["put_right"];
    let branch = put_right["branch"].as_str().expect("a branch");
    assert_eq!((&put_right["asked"], &put_right["rounds"]), (&json!(asked.trim()), &json!(1)));
    assert_eq!(now, json!(repo.git(&["rev-parse", branch]).trim()));
    let stands = format!("{} was found wanting and stands as it was", &asked[..10]);
    assert!(fixed.out.contains(&stands) && fixed.out.contains(branch), "{}", fixed.out);
    review(&repo, &[&["--post"][..], &until("fixer")].concat(), 2);
    let events = repo.events();
    assert_eq!(of_kind(&events, "review_round_begun").len(), 1);
    repo.git(&["config", "user.name", "Ann"]);
    repo.git(&["config", "user.email", "ann@example.com"]);
    repo.crew(["merge", "last"]).exits(0);
    assert_eq!(std::fs::read_to_string(repo.root.join("a.txt")).expect("a file"), "one\nthree\n");
    // What is approved already needs nobody to put it right.
    review(&repo, &[&["--reviewer", "strict"][..], &until("botcher")].concat(), 0);
    repo.write("a.txt", "one\ntwo\n");
    repo.commit("back");
    let left = ask("botcher", 1);
    assert!(left.out.contains("1 error   changes requested"), "{}", left.out);
    assert!(left.err.contains("crew accept") && !left.err.contains("crew merge"), "{}", left.err);
    let refused = repo.crew(["merge", "last"]).exits(1);
    assert!(
        refused.err.contains("strict has not approved it: changes are still requested"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("hint: crew accept"), "{}", refused.err);
    assert_eq!(of_kind(&repo.events(), "review_round_begun").len(), 2);
    review(&repo, &["--until", "approved", "--fix-with", "builtin"], 2);
    review(&repo, &["--until", "approved"], 2);
    repo.leaves_no_process();
}

#[cfg(target_os = "linux")]
#[test]
fn a_verdict_that_was_in_when_crew_was_killed_counts_whoever_reviewed() {
    use crate::support::faults::{Fault, Then};
    let repo = with_branch();
    repo.write("key.py", &format!("k = \"AKIA{}\"\n", "IOSFODNN7EXAMPLZ"));
    repo.commit("key");
    reviewer(&repo, "kind", APPROVES);
    for name in ["builtin", "kind"] {
        // It is written when the reviewer has ended, and before that is recorded.
        let fault = Fault { calls: &[], path: "artifacts/results", at: 1, times: 1, then: Then::KillBefore };
        let killed = crate::support::run_command(repo.faulty(["review", "--reviewer", name], &fault));
        assert_eq!(killed.exit, -1, "{killed:?}");
        let events = repo.events();
        assert_eq!(of_kind(&events, "submission_accepted").len(), 1, "{name}: {events:#?}");
        assert_eq!(of_kind(&events, "attempt_ended").len(), 0, "{name}: {events:#?}");
        let again = review(&repo, &["--reviewer", name], if name == "builtin" { 5 } else { 0 });
        assert!(again.err.contains("going on with it"), "{}", again.err);
        assert!(!again.out.contains("incomplete"), "{}", again.out);
        assert_eq!(of_kind(&repo.events(), "attempt_started").len(), 1);
    }
    repo.leaves_no_process();
}

#[test]
fn what_a_review_takes_away_of_its_own_is_no_loss_for_another_and_what_an_agent_deletes_is() {
    let repo = with_branch();
    repo.git(&["branch", "other", "main"]);
    repo.git(&["switch", "-q", "other"]);
    repo.git(&["commit", "-q", "--allow-empty", "-m", "other"]);
    repo.write("b.txt", "two\n");
    repo.commit("b");
    let beside = |name: &str| repo.beside(name).display().to_string();
    let waits = |name: &str| format!("touch {0}.on; until [ -e {0}.go ]; do sleep 0.02; done", beside(name));
    reviewer(&repo, "first", &format!("{}; {APPROVES}", waits("first")));
    reviewer(&repo, "second", &format!("{}; {APPROVES}", waits("second")));
    let deletes = "for one in $(git for-each-ref --format='%(refname)' refs/heads/crew/); do\n\
                   case $one in */third) ;; *) git update-ref -d $one ;; esac; done";
    reviewer(&repo, "third", &format!("{deletes}; {APPROVES}"));
    let begin = |branch: &str, name: &str| {
        let running = repo.start(["review", branch, "--reviewer", name, "--again"]);
        wait_until("the reviewer is at work", || repo.beside(&format!("{name}.on")).exists());
        running
    };
    let lets_go = |name: &str| std::fs::write(beside(name) + ".go", "").expect("a file");
    let first = begin("feature", "first");
    let second = begin("other", "second");
    lets_go("first");
    first.ends().exits(0);
    lets_go("second");
    let second = second.ends().exits(0);
    assert!(!second.err.contains("references_lost"), "{}", second.err);
    assert_eq!(of_kind(&repo.events(), "references_moved").len(), 0);
    assert_eq!(repo.git(&["for-each-ref", "refs/crew/keep"]), "");
    // The branch of one that is at work is nobody's to delete.
    for name in ["first.on", "first.go"] {
        std::fs::remove_file(beside(name)).expect("a file");
    }
    let first = begin("feature", "first");
    let third = review(&repo, &["other", "--reviewer", "third", "--again"], 0);
    assert!(third.err.contains("references_lost"), "{}", third.err);
    assert!(third.err.contains("/first is gone"), "{}", third.err);
    lets_go("first");
    first.ends();
    repo.leaves_no_process();
}

#[test]
fn how_long_a_review_took_is_the_same_in_all_forms_whoever_brought_it_to_its_end() {
    let repo = with_branch();
    let (asked, gate) = (repo.beside("asked"), repo.beside("gate"));
    let waits = format!("echo x >>{}; until [ -e {} ]; do sleep 0.02; done", asked.display(), gate.display());
    reviewer(&repo, "slow", &format!("{waits}; sleep 0.2; {}", finds("error")));
    let times = || std::fs::read_to_string(&asked).unwrap_or_default().lines().count();
    let dead = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the reviewer is asked", || times() == 1);
    dead.kill();
    let stopped = repo.start(["review", "--reviewer", "slow"]);
    wait_until("the reviewer is asked again", || times() == 2);
    stopped.catches_ctrl_c();
    stopped.signal(libc::SIGTERM);
    let stopped = stopped.ends().exits(130);
    assert!(stopped.err.contains("next  crew resume"), "{}", stopped.err);
    std::fs::write(&gate, "").expect("a file");
    let junit = format!("--format=junit={}", repo.beside("junit.xml").display());
    let ended = review(&repo, &["--reviewer", "slow", "--format=json", &junit], 5);
    assert!(ended.err.contains("going on with it"), "{}", ended.err);
    let millis = ended.json()["millis"].as_u64().expect("a number");
    assert!(millis >= 200, "{millis}");
    let junit = std::fs::read_to_string(repo.beside("junit.xml")).expect("a file");
    let time = format!("time=\"{}.{:03}\"", millis / 1000, millis % 1000);
    assert!(junit.contains(&time), "{time}: {junit}");
    let shown = repo.crew(["review", "show", "last", "--json"]).exits(5).json();
    assert_eq!(shown["millis"], json!(millis));
}

#[test]
fn what_is_no_range_is_told_apart_by_what_may_have_been_meant() {
    let repo = with_branch();
    let refused = |args: &[&str], exit: i32| review(&repo, args, exit).err;
    for (args, exit, meant) in [
        (&["lst"][..], 4, "did you mean `crew review list`?"),
        (&["featur"], 4, "did you mean `crew review feature`?"),
        (&["main..featur"], 4, "did you mean `feature`?"),
        (&["--base", "lst"], 4, "git log --oneline --all shows what there is"),
        (&["shw", "last"], 2, "did you mean `crew review show last`?"),
        (&["feature", "main"], 2, "`main` stands behind `feature`"),
        (&["feature", "main"], 2, "crew review A...B"),
        (&["a.txt"], 2, "`a.txt` is a path"),
        (&["."], 2, "`.` is a path"),
        (&["../nowhere"], 4, "there is no commit"),
        (&["nothing-like-it"], 4, "RANGE is A..B"),
    ] {
        let told = refused(args, exit);
        assert!(told.contains(meant), "{args:?}: {told}");
    }
    // A branch that is called like a file is a branch.
    repo.git(&["branch", "a.txt"]);
    assert!(!refused(&["a.txt", "--dry-run"], 0).contains("is a path"));
}
