//! Files in a result: checked when they are handed in, applied by crew as a whole or not at all, whatever happens.

use crate::support::{Ran, TestRepo, of_kind, run_command, task};
use serde_json::{Value, json};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// A repository with `kept` and `gone`, and an agent that is a shell script.
fn repo(role: &str, keys: &str, script: &str) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("kept", "before\n");
    repo.write("gone", "x\n");
    repo.commit("files");
    repo.program("mine", script);
    let command = repo.programs().join("mine").display().to_string();
    repo.set("agents", "mine", json!({"command": command, "writes": true}));
    repo.workflow("one", &format!("## work\nrole: {role}\nagent: mine\n{keys}\n\nDo it."));
    repo
}

/// Writes what is handed in beside the repository, and returns the command that hands it in and keeps its answer.
fn submit(repo: &TestRepo, name: &str, files: &Value) -> String {
    let body = json!({"summary": "made", "confidence": 0.9, "rationale": "r", "files": files});
    std::fs::write(repo.beside(name), body.to_string()).expect("a body");
    answer(&format!("crew submit result --json ../{name}"))
}

fn answer(command: &str) -> String {
    format!("{{ {command}; echo \"exit $?\"; }} >>../answers 2>&1")
}

fn answers(repo: &TestRepo) -> String {
    std::fs::read_to_string(repo.beside("answers")).unwrap_or_default()
}

fn new(path: &str, contents: &str) -> Value {
    json!({"path": path, "mode": "new", "contents": contents})
}

/// One of each kind.
fn some() -> Value {
    json!([
        "README.md",
        new("src/made", "made\n"),
        {"path": "run", "mode": "new", "contents": "#!/bin/sh\n", "executable": true},
        {"path": "./kept", "mode": "modify", "contents": "YWZ0ZXIK", "encoding": "base64"},
        {"path": "gone", "mode": "delete"},
    ])
}

/// An agent that hands in `files` and then does `after`.
fn hands_in(keys: &str, files: &Value, after: &str) -> TestRepo {
    let repo = repo("executor", keys, "");
    let submit = submit(&repo, "body.json", files);
    repo.program("mine", &format!("{submit}\n{after}"));
    repo
}

fn run_command_of(repo: &TestRepo) -> Command {
    repo.command(["run", "the goal", "--workflow", "one", "--json"])
}

fn run(repo: &TestRepo, exit: i32) -> Value {
    let run = run_command(run_command_of(repo)).exits(exit).json();
    task(&run, "work").clone()
}

fn read(repo: &TestRepo, path: &str) -> Option<String> {
    std::fs::read_to_string(repo.root.join(path)).ok()
}

/// Tells whether nothing of `some` was done; anything between that and all of it fails the test.
#[track_caller]
fn is_untouched(repo: &TestRepo) -> bool {
    let seen = ["src/made", "run", "kept", "gone"].map(|path| read(repo, path));
    let told = |texts: [Option<&str>; 4]| texts.map(|text| text.map(str::to_owned));
    let before = told([None, None, Some("before\n"), Some("x\n")]);
    let after = told([Some("made\n"), Some("#!/bin/sh\n"), Some("after\n"), None]);
    assert!(seen == before || seen == after, "half of it was done: {seen:?}");
    assert_eq!(repo.root.join("src").exists(), seen == after);
    let applying = repo.run_folder().join("applying");
    let stages = std::fs::read_dir(applying).map_or(0, Iterator::count);
    assert_eq!(stages, 0, "a stage is left");
    seen == before
}

#[test]
fn files_are_applied_after_the_agent_has_ended_and_before_anything_is_checked() {
    let verify = "verify: test -x run && test \"$(cat src/made kept)\" = \"$(printf 'made\\nafter')\"";
    let repo = hands_in(verify, &some(), "cat kept >>../answers; ls >>../answers");
    let work = run(&repo, 0);
    assert_eq!((&work["state"], &work["summary"]), (&json!("completed"), &json!("made")));
    assert!(!is_untouched(&repo));
    let said = answers(&repo);
    assert!(said.contains("accepted: the result of work") && said.contains("exit 0\nbefore\n"), "{said}");
    assert!(!said.contains("src") && said.contains("gone"), "{said}");
    let mode = repo.root.join("run").metadata().expect("it is there").permissions().mode();
    assert_eq!(mode & 0o100, 0o100);

    let events = repo.events();
    let applied = of_kind(&events, "files_applied");
    let told: Vec<(&str, &str, bool, bool)> = applied[0]["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| {
            let text = |name: &str| file[name].as_str().expect("a text");
            (text("path"), text("mode"), file["before"].is_string(), file["after"].is_string())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("src/made", "new", false, true),
            ("run", "new", false, true),
            ("kept", "modify", true, true),
            ("gone", "delete", true, false),
        ]
    );
    // SHA-256 of `before\n` and of `after\n`.
    let kept = &applied[0]["files"][2];
    assert_eq!(kept["before"], "9160d4be34c8695bd172a76c7c7966587ea5a4d991ad22c87b2b91af54aa9ebb");
    assert_eq!(kept["after"], "7b9a72466d3960eb2aacccfc848939453490db0678bd4725def3f789b891c919");
    let kinds = repo.kinds();
    let at = |kind: &str| kinds.iter().position(|known| known == kind).expect("it happened");
    assert!(
        at("submission_accepted") < at("files_applied") && at("files_applied") < at("verification_started")
    );
}

#[test]
fn the_record_holds_hashes_and_the_run_keeps_the_contents() {
    let repo = hands_in("", &json!([new("made", "a secret of the file\n")]), "");
    run(&repo, 0);
    let record = repo.crew(["events", "last", "--json"]).exits(0).out;
    assert!(!record.contains("a secret") && record.contains("\"bytes\":21"), "{record}");
    assert!(!repo.artifact("results/work.1.json").contains("a secret"));
    let events = repo.events();
    let hash = of_kind(&events, "submission_accepted")[0]["result"]["files"][0]["sha256"].as_str();
    let kept = repo.run_folder().join("files/work.1").join(hash.expect("a hash"));
    assert_eq!(std::fs::read_to_string(kept).expect("it is kept"), "a secret of the file\n");
}

#[test]
fn an_agent_is_told_what_is_wrong_and_can_correct_it() {
    let repo = repo("executor", "", "");
    repo.write("folder/a", "x");
    symlink(&repo.home, repo.root.join("out")).expect("a link");
    symlink("../../home/x", repo.root.join("folder/link")).expect("a link");
    let wrong = [
        (
            json!([new("fine", "x"), new("../x", "x")]),
            "files[1] (../x): the path leads out with `..`",
            "unsafe_path",
        ),
        (json!([new("/etc/x", "x")]), "files[0] (/etc/x): the path is absolute", "unsafe_path"),
        (json!([new(".git/hooks/pre-commit", "x")]), "`.git` belongs to git", "unsafe_path"),
        (json!([new(".crew/config.json", "x")]), "`.crew` belongs to crew", "unsafe_path"),
        (json!([new("out/x", "x")]), "files[0] (out/x): `out` is a symbolic link", "unsafe_path"),
        (json!([new("folder/link", "x")]), "`folder/link` is a symbolic link", "unsafe_path"),
        (json!([new("fine", "x"), new("kept", "x")]), "files[1] (kept): it is there already", "invalid"),
        (
            json!([{"path": "no", "mode": "modify", "contents": ""}]),
            "files[0] (no): it is not there",
            "invalid",
        ),
        (
            json!([{"path": "kept", "mode": "modify"}]),
            "files[0] (kept): mode modify needs contents",
            "invalid",
        ),
        (
            json!([new("a.txt", "x"), new("./a.txt", "y")]),
            "files[1] (a.txt): files[0] names the same",
            "invalid",
        ),
        (json!(["never"]), "files[0] (never): it is not there; a bare path has to exist", "invalid"),
        (json!((0..51).map(|at| new(&format!("f{at}"), "")).collect::<Vec<_>>()), "at most 50", "invalid"),
        (json!([new("big", &"x".repeat(1024 * 1024 + 1))]), "1048577 bytes; at most 1048576", "invalid"),
    ];
    let mut script: Vec<String> = wrong
        .iter()
        .enumerate()
        .map(|(at, (files, ..))| submit(&repo, &format!("{at}.json"), files))
        .collect();
    script.push(submit(&repo, "right.json", &json!([new("..foo", "x"), "kept", "folder/"])));
    repo.program("mine", &script.join("\n"));
    let work = run(&repo, 0);
    assert_eq!(work["state"], "completed");
    let said = answers(&repo);
    for (_, expected, _) in &wrong {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert_eq!(said.matches("exit 4").count(), wrong.len(), "{said}");
    assert_eq!(of_kind(&repo.events(), "submission_refused").len(), wrong.len());
    assert_eq!(read(&repo, "..foo").as_deref(), Some("x"));
    let untouched = [read(&repo, "fine"), read(&repo, "a.txt"), read(&repo, ".git/hooks/pre-commit")];
    assert_eq!(untouched, [None, None, None]);
    assert!(!repo.home.join("x").exists() && !repo.beside("x").exists());
}

#[test]
fn one_whose_files_were_refused_to_the_end_fails_as_unsafe() {
    let repo = hands_in("", &json!([new("fine", "x"), new("../x", "x")]), "");
    let work = run(&repo, 1);
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!("unsafe_path")));
    let reason = work["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("what it handed in was refused: files[1] (../x): the path leads out"),
        "{reason}"
    );
    assert!(!repo.root.join("fine").exists());
    // A link is only seen in the tree.
    let repo = hands_in("", &json!([new("out/x", "x")]), "");
    symlink(&repo.home, repo.root.join("out")).expect("a link");
    assert_eq!(run(&repo, 1)["error_kind"], "unsafe_path");
    let repo = hands_in("", &json!([new("kept", "x")]), "");
    assert_eq!(run(&repo, 1)["error_kind"], "invalid_submission");
}

#[test]
fn the_schema_says_what_files_are_and_that_a_reader_only_names_them() {
    let items = |role: &str| {
        let repo = repo(role, "", "crew submit --schema >../schema");
        run(&repo, 1);
        let text = std::fs::read_to_string(repo.beside("schema")).expect("a schema");
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        schema["properties"]["result"]["properties"]["files"]["items"].clone()
    };
    assert_eq!(items("explorer"), json!({"type": "string"}));
    let file = items("executor")["anyOf"][1].clone();
    assert_eq!(file["required"], json!(["path", "mode"]), "{file}");
    assert_eq!(file["additionalProperties"], json!(false));
}

#[test]
fn the_same_files_twice_are_fine_and_others_are_a_conflict() {
    let repo = repo("executor", "", "");
    let first = submit(&repo, "a.json", &json!([new("made", "one\n")]));
    let other = submit(&repo, "b.json", &json!([new("made", "two\n")]));
    repo.program("mine", &[first.clone(), first, other].join("\n"));
    run(&repo, 0);
    let said = answers(&repo);
    assert_eq!((said.matches("exit 0").count(), said.matches("exit 4").count()), (2, 1), "{said}");
    assert!(said.contains("a different result was handed in before"), "{said}");
    assert_eq!(read(&repo, "made").as_deref(), Some("one\n"));
}

#[test]
fn what_is_refused_when_it_is_applied_fails_the_attempt_and_changes_nothing() {
    let rows = [
        ("echo theirs >kept", "invalid_submission", "(kept): it has been changed since it was handed in"),
        ("mkdir src; echo theirs >src/made", "invalid_submission", "(src/made): it is there already"),
        ("rm gone", "invalid_submission", "(gone): it is not there"),
        ("rm kept; ln -s ../home/x kept", "unsafe_path", "`kept` is a symbolic link"),
        ("ln -s ../home src", "unsafe_path", "`src` is a symbolic link"),
    ];
    for (after, kind, reason) in rows {
        let repo = hands_in("verify: touch ../verified", &some(), after);
        let work = run(&repo, 1);
        // What it changed itself is seen, and nothing else.
        assert_eq!(work["tree"]["changed"], 1, "{after}: {work:#}");
        assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!(kind)), "{after}");
        let told = work["reason"].as_str().expect("a reason");
        assert!(told.starts_with("its files were not applied: files[") && told.contains(reason), "{told}");
        assert!(answers(&repo).contains("exit 0"));
        assert!(!repo.root.join("run").exists() && !repo.beside("verified").exists(), "{after}");
        assert!(!repo.home.join("made").exists() && !repo.home.join("x").exists(), "{after}");
        assert!(of_kind(&repo.events(), "files_applied").is_empty());
    }
}

#[test]
fn a_read_only_role_may_name_files_and_not_change_them() {
    let repo = repo("explorer", "", "");
    let changes = submit(&repo, "a.json", &some());
    let names = submit(&repo, "b.json", &json!(["README.md", "kept"]));
    repo.program("mine", &[changes, names].join("\n"));
    let work = run(&repo, 0);
    assert_eq!(work["state"], "completed");
    let said = answers(&repo);
    assert!(
        said.contains("the role explorer is read-only: in files it may only name paths that exist"),
        "{said}"
    );
    assert!(is_untouched(&repo));
}

#[test]
fn a_dry_run_shows_the_diff_and_hands_in_nothing() {
    let repo = repo("executor", "", "");
    submit(&repo, "body.json", &some());
    submit(&repo, "wrong.json", &json!([new("a", ""), new("kept", "")]));
    submit(&repo, "names.json", &json!(["kept"]));
    let dry = |name: &str| answer(&format!("crew submit result --dry-run --json ../{name}"));
    let flags = answer("crew submit result --dry-run --summary s --confidence 2 --rationale r");
    let link = "ln -s kept link";
    submit(&repo, "link.json", &json!([new("link", "")]));
    let script =
        [dry("body.json"), dry("wrong.json"), dry("names.json"), flags, link.into(), dry("link.json")];
    repo.program("mine", &script.join("\n"));
    let work = run(&repo, 1);
    assert_eq!(work["reason"], "it ended without a submission");
    let said = answers(&repo);
    for expected in [
        "--- a/kept\n+++ b/kept\n@@ -1 +1 @@\n-before\n+after\n",
        "diff --git a/run b/run\nnew file mode 100755",
        "+++ b/src/made\n@@ -0,0 +1 @@\n+made\n",
        "deleted file mode 100644",
        "it would be accepted, and change 4 files; nothing was handed in",
        "files[1] (kept): it is there already",
        "it would be accepted, and change no files",
        "confidence 2 is not between 0 and 1",
        "`link` is a symbolic link",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert_eq!((said.matches("exit 0").count(), said.matches("exit 4").count()), (2, 3), "{said}");
    assert!(of_kind(&repo.events(), "submission_refused").is_empty());
    assert!(is_untouched(&repo));
}

/// Runs crew until it kills itself before a step of applying; `false` where there are fewer steps than that.
fn killed_at(repo: &TestRepo, step: u32) -> bool {
    let mut command = run_command_of(repo);
    let ran: Ran = run_command({
        command.env("KILL_AT_STEP", step.to_string());
        command
    });
    assert!([-1, 0].contains(&ran.exit), "{ran:?}");
    ran.exit == -1
}

#[test]
fn whatever_step_crew_is_killed_at_the_next_one_makes_it_whole() {
    let mut kills = 0;
    for step in 1.. {
        let repo = hands_in("", &some(), "");
        if !killed_at(&repo, step) {
            break;
        }
        kills += 1;
        let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
        let work = task(&run, "work");
        assert_eq!((&work["state"], &work["attempts"]), (&json!("completed"), &json!(1)), "step {step}");
        assert!(!is_untouched(&repo), "step {step}");
        assert_eq!(of_kind(&repo.events(), "files_applied").len(), 1, "step {step}");
        repo.leaves_no_process();
    }
    // Three are written, four are changed, two of them are put aside first, the end, and the record.
    assert_eq!(kills, 3 + 4 + 2 + 1 + 1);
}

#[test]
fn what_was_begun_is_taken_back_where_it_cannot_be_finished() {
    let repo = hands_in("", &some(), "");
    // Two are in place, and `kept` is aside.
    assert!(killed_at(&repo, 7));
    assert_eq!((read(&repo, "src/made").as_deref(), read(&repo, "kept")), (Some("made\n"), None));
    // Somebody else made it their own.
    repo.write("gone", "theirs\n");
    let run = repo.crew(["resume", "last", "--json"]).exits(1).json();
    let reason = task(&run, "work")["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("its files were not applied: files[4] (gone): it has been changed"), "{reason}");
    assert_eq!(
        (read(&repo, "kept").as_deref(), read(&repo, "gone").as_deref()),
        (Some("before\n"), Some("theirs\n"))
    );
    assert!(!repo.root.join("src").exists() && !repo.root.join("run").exists());
}

#[test]
fn an_interrupted_attempt_applies_nothing_and_the_next_one_does() {
    let repo = repo("executor", "", "");
    let submit = submit(&repo, "body.json", &some());
    let gate = repo.gate("hang");
    let wait = format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    repo.program("mine", &format!("{submit}\n[ \"$CREW_ATTEMPT\" = 1 ] && {wait}; exit 0"));
    let crew = repo.start_run("one");
    repo.wait_for_event("it has handed in", |event| event["kind"] == "submission_accepted");
    crew.signal(libc::SIGINT);
    crew.ends().exits(130);
    assert!(is_untouched(&repo));
    repo.crew(["resume", "last"]).exits(0);
    assert!(!is_untouched(&repo));
    let events = repo.events();
    assert_eq!(of_kind(&events, "files_applied")[0]["attempt"], 2);
}

#[test]
fn a_recording_of_files_replays() {
    let repo = hands_in("", &some(), "echo x >by-hand");
    run_command(repo.command(["run", "g", "--workflow", "one", "--record", "../recorded"])).exits(0);
    repo.git(&["checkout", "-q", "kept", "gone"]);
    repo.git(&["clean", "-qfd"]);
    repo.program("mine", "exit 9");
    run_command(repo.command(["run", "g", "--workflow", "one", "--replay", "../recorded"])).exits(0);
    assert!(!is_untouched(&repo) && repo.root.join("by-hand").exists());
}
