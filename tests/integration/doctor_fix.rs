//! `crew doctor --fix`: what is not as it should be is put right once, and is said; a second time there is nothing to do.

use crate::support::{TestRepo, processes_with, wait_until};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::PathBuf;

#[track_caller]
fn doctor(repo: &TestRepo, args: &[&str]) -> (i32, Vec<Value>) {
    let ran = repo.crew(["doctor", "--json"].iter().chain(args));
    let json = ran.json();
    let rows = json["data"].as_array().expect("a list").clone();
    let failed = rows.iter().filter(|row| row["level"] == "fail").count();
    assert_eq!(
        (json["meta"]["failed"].as_u64(), ran.exit),
        (Some(failed as u64), i32::from(failed > 0)),
        "{json:#}"
    );
    (ran.exit, rows)
}

/// Returns what is said under a name: the levels, with the details.
fn about(rows: &[Value], name: &str) -> Vec<(String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let rows = rows.iter().filter(|row| row["check"] == name);
    rows.map(|row| (text(row, "level"), text(row, "detail"))).collect()
}

fn run_folder(repo: &TestRepo) -> PathBuf {
    repo.run_folder()
}

fn killed_with_its_child_alive(repo: &TestRepo) -> PathBuf {
    let gate = repo.gate("hang");
    repo.workflow(
        "hangs",
        &format!(
            "## a\nrun: while [ -e {} ]; do sleep 0.02; done\n\n## b\nrun: true\ndependsOn: a",
            gate.display()
        ),
    );
    let running = repo.start_run("hangs");
    repo.wait_for_event("it runs", |event| event["kind"] == "process_started");
    let folder = run_folder(repo);
    running.kill();
    folder
}

#[test]
fn what_a_dead_crew_has_left_is_ended_answered_and_written_anew_once() {
    let repo = TestRepo::new();
    let folder = killed_with_its_child_alive(&repo);
    std::fs::write(folder.join("inbox/bad.request"), "{\"id\": \"bad\", garbage").expect("a request");
    std::fs::write(folder.join("inbox/half.request"), "").expect("a request");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("inbox/link.request")).expect("a link");
    std::fs::write(folder.join("inbox/zz.json"), "{}").expect("a file");
    let crew = repo.root.join(".crew");
    for odd in ["runs/garbage", "worktrees/odd"] {
        std::fs::create_dir_all(crew.join(odd)).expect("a folder");
    }
    std::fs::write(crew.join("runs/plain"), "").expect("a file");
    let tasks = std::fs::read(folder.join("tasks.json")).expect("a copy");
    std::fs::write(folder.join("tasks.json"), &tasks[..tasks.len() / 2]).expect("half of it");

    let (exit, before) = doctor(&repo, &[]);
    assert_eq!(exit, 1);
    for (name, words) in [
        ("processes", "left behind (pid "),
        ("requests", "2 requests that nobody has answered"),
        ("files", "inbox/link.request is no file that crew reads"),
        ("leftovers", "inbox/zz.json is no request"),
        ("leftovers", ".crew/runs/garbage is of no run"),
        ("leftovers", ".crew/runs/plain is of no run"),
        ("worktrees", ".crew/worktrees/odd is no work tree of git's"),
        ("copies", "tasks.json is cut off or garbled"),
        ("copies", "manifest.json is older than the store"),
        ("runs", "was interrupted: its crew process is gone"),
    ] {
        assert!(about(&before, name).iter().any(|(_, detail)| detail.contains(words)), "{name} {before:#?}");
    }
    assert!(about(&before, "leftovers").iter().all(|(level, _)| level == "warn"), "{before:#?}");
    let hints = before.iter().filter_map(|row| row["hint"].as_str());
    assert!(hints.filter(|hint| hint.starts_with("crew doctor --fix ")).count() >= 4, "{before:#?}");
    assert!(
        std::fs::symlink_metadata(folder.join("inbox/link.request")).is_ok(),
        "without --fix nothing is done"
    );
    assert!(!processes_with(&folder).is_empty(), "it is still at work");

    let agent = repo.command(["doctor", "--fix"]).env("CREW_TOKEN", "t").output().expect("crew runs");
    assert_eq!(agent.status.code(), Some(4), "an agent repairs nothing");
    let (_, fixed) = doctor(&repo, &["--fix"]);
    repo.open("hang");
    for (name, words) in [
        ("processes", " ended; next: crew resume "),
        ("requests", "2 requests applied or refused"),
        ("files", "it is at .crew/set-aside/"),
        ("copies", "the copies were written anew; what could not be read is in .crew/set-aside"),
    ] {
        let found = about(&fixed, name);
        assert!(
            found.iter().any(|(level, detail)| level == "fixed" && detail.contains(words)),
            "{name} {fixed:#?}"
        );
    }
    repo.leaves_no_process();
    let copy: Value =
        serde_json::from_slice(&std::fs::read(folder.join("tasks.json")).expect("a copy")).expect("JSON");
    assert_eq!(copy["tasks"].as_array().map(Vec::len), Some(2));
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).expect("a copy")).expect("JSON");
    assert_eq!(manifest["status"], "interrupted");
    let aside = walk(&repo.root.join(".crew/set-aside"));
    for name in ["tasks.json", "link.request", "zz.json", "plain", "NOTE.txt"] {
        assert!(aside.iter().any(|path| path.ends_with(name)), "{name} {aside:?}");
    }

    let (exit, after) = doctor(&repo, &["--fix"]);
    let left: Vec<&Value> =
        after.iter().filter(|row| row["level"] == "fixed" || row["level"] == "fail").collect();
    assert!(left.is_empty() && exit == 0, "{left:#?}");
    assert_eq!(about(&after, "runs").len(), 1, "that is for a person");
    assert!(
        about(&after, "leftovers").is_empty()
            && aside.len() == walk(&repo.root.join(".crew/set-aside")).len()
    );
    assert!(!crew.join("runs/garbage").exists() && crew.join("worktrees/odd").exists(), "no work is touched");
    repo.crew(["resume", "last"]).exits(0);
    let (_, after) = doctor(&repo, &["--fix"]);
    assert!(
        ["runs", "copies", "processes", "requests"].iter().all(|name| about(&after, name).is_empty()),
        "{after:#?}"
    );
}

#[test]
fn what_whoever_resumes_looks_after_is_left_to_them_and_said_so_at_once() {
    let repo = TestRepo::new();
    let folder = killed_with_its_child_alive(&repo);
    repo.set("recovery", "living", json!("adopt"));
    for args in [&[][..], &["--fix"]] {
        let (_, rows) = doctor(&repo, args);
        let row = rows.iter().find(|row| row["check"] == "processes").expect("they are named");
        let hint = row["hint"].as_str().expect("a hint");
        assert!(
            row["level"] == "warn" && hint.contains("crew resume ") && hint.contains("is adopt"),
            "{row:#}"
        );
        assert!(!processes_with(&folder).is_empty());
    }
    repo.open("hang");
    repo.crew(["resume", "last"]).exits(0);
    repo.leaves_no_process();
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => found.extend(walk(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

#[test]
fn nothing_is_done_about_a_run_at_work_and_missing_copies_come_back() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let first = run_folder(&repo);
    let gate = repo.gate("hang");
    repo.workflow("hangs", &format!("## a\nrun: while [ -e {} ]; do sleep 0.02; done", gate.display()));
    let running = repo.start_run("hangs");
    repo.wait_for_event("it runs", |event| {
        event["kind"] == "process_started" && !first.ends_with(event["run"].as_str().expect("a run"))
    });
    let at_work = run_folder(&repo);
    std::fs::write(at_work.join("tasks.json"), "{").expect("a copy");
    let whole = std::fs::read(first.join("manifest.json")).expect("a copy");
    std::fs::remove_file(first.join("manifest.json")).expect("it goes away");
    let (exit, rows) = doctor(&repo, &["--fix"]);
    let copies = about(&rows, "copies");
    assert!(copies.len() == 1 && copies[0].1.contains("manifest.json is missing"), "{copies:?}");
    assert!(exit == 0 && about(&rows, "processes").is_empty(), "{rows:#?}");
    let again: Value =
        serde_json::from_slice(&std::fs::read(first.join("manifest.json")).expect("a copy")).expect("JSON");
    let before: Value = serde_json::from_slice(&whole).expect("JSON");
    assert_eq!((&again["status"], &again["artifacts"]), (&before["status"], &before["artifacts"]));
    repo.open("hang");
    running.ends().exits(0);
    wait_until("its copies are whole again", || doctor(&repo, &[]).0 == 0);
}

#[test]
fn a_work_tree_that_no_run_knows_goes_only_where_it_holds_nothing() {
    let repo = TestRepo::new();
    repo.workflow("tree", "## a\nrun: echo new >new.txt\n\n## b\nrun: echo new >new.txt");
    repo.crew(["run", "g", "--workflow", "tree", "--worktree"]).exits(0);
    let id = run_folder(&repo).file_name().expect("an id").to_str().expect("an id").to_owned();
    repo.git(&["branch", "kept", &format!("crew/{id}/a")]);
    // Somebody has thrown the record away.
    for name in ["crew.db", "crew.db-wal", "crew.db-shm"] {
        let _ = std::fs::remove_file(repo.root.join(".crew").join(name));
    }
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let trees = repo.root.join(".crew/worktrees").join(&id);
    let (_, rows) = doctor(&repo, &["--fix"]);
    let fixed = about(&rows, "worktrees");
    assert!(
        fixed.iter().any(|(level, detail)| level == "fixed" && detail.contains(&format!("{id}/a"))),
        "{fixed:?}"
    );
    assert!(!trees.join("a").exists() && trees.join("b/new.txt").exists());
    assert!(repo.git(&["for-each-ref", "refs/heads"]).contains(&format!("crew/{id}/b")));
    let (_, rows) = doctor(&repo, &["--fix"]);
    assert!(about(&rows, "worktrees").iter().all(|(level, _)| level == "warn"), "{rows:#?}");
    repo.git(&["fsck", "--no-dangling"]);
}

#[test]
fn rows_that_refer_to_nothing_are_named() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let store = Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    store
        .execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO requests VALUES ('r', 99, '')")
        .expect("a row");
    drop(store);
    let (exit, rows) = doctor(&repo, &[]);
    let found = about(&rows, "store");
    assert!(
        exit == 1 && found[0].1.contains("requests refers to rows of runs that are not there"),
        "{found:?}"
    );
    assert_eq!(json!(found[0].0), json!("fail"));
}

#[test]
fn a_run_that_cannot_be_looked_at_is_named_and_hinders_no_other() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let [file, locked, future, other] = [(); 4].map(|()| {
        repo.crew(["run", "g", "--workflow", "one"]).exits(0);
        run_folder(&repo)
    });
    std::fs::remove_dir_all(&file).expect("it goes away");
    std::fs::write(&file, "no folder").expect("a file");
    std::fs::remove_file(locked.join("lock")).expect("it goes away");
    std::fs::create_dir(locked.join("lock")).expect("a folder");
    std::fs::remove_file(other.join("manifest.json")).expect("it goes away");
    let said = std::fs::read_to_string(other.join("tasks.json")).expect("a copy");
    let mut changed: Value = serde_json::from_str(&said).expect("JSON");
    changed["tasks"][0]["attempts"] = json!([]);
    std::fs::write(other.join("tasks.json"), changed.to_string()).expect("a copy");
    let id = |folder: &PathBuf| folder.file_name().expect("an id").to_str().expect("an id").to_owned();
    let store = Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    let changed = store.execute(
        "UPDATE events SET data = replace(data, 'attempt_ended', 'from_the_future')
         WHERE kind = 'attempt_ended' AND run = (SELECT no FROM runs WHERE id = ?)",
        [id(&future)],
    );
    assert_eq!(changed.ok(), Some(1));
    let unknown = repo.root.join(".crew/runs/000000000000");
    std::fs::create_dir_all(unknown.join("logs")).expect("a folder");
    std::fs::write(unknown.join("logs/a.1.log"), "worked\n").expect("a log");

    let (exit, rows) = doctor(&repo, &["--fix"]);
    assert_eq!(exit, 1, "{rows:#?}");
    for (name, level, words) in [
        ("files", "fixed", format!("{} is not a folder: it is at .crew/set-aside/", id(&file))),
        ("files", "fixed", "/lock is no plain file: it is at .crew/set-aside/".into()),
        ("copies", "fixed", "manifest.json is missing, tasks.json is missing".into()),
        (
            "copies",
            "fixed",
            "manifest.json is missing, tasks.json says something else than the store: ".into(),
        ),
        ("record", "fail", "cannot be read: ".into()),
        ("runs", "warn", "1 run in .crew/runs is not recorded: 000000000000".into()),
    ] {
        let found = about(&rows, name);
        assert!(
            found.iter().any(|(is, detail)| is == level && detail.contains(&words)),
            "{name} {words} {rows:#?}"
        );
    }
    let (_, detail) = &about(&rows, "record")[0];
    assert!(detail.contains("`from_the_future`") && detail.len() < 200, "{detail}");
    assert_eq!(std::fs::read_to_string(other.join("tasks.json")).expect("a copy"), said);
    assert!(file.join("manifest.json").exists() && other.join("manifest.json").exists());
    let (_, again) = doctor(&repo, &["--fix"]);
    assert!(again.iter().all(|row| row["level"] != "fixed"), "{again:#?}");

    // A store that is gone, or knows nothing, is no new one.
    for name in ["crew.db", "crew.db-wal", "crew.db-shm"] {
        let _ = std::fs::remove_file(repo.root.join(".crew").join(name));
    }
    let (exit, rows) = doctor(&repo, &[]);
    assert!(
        exit == 1 && about(&rows, "store")[0].1.contains("is gone, and .crew/runs holds 5 runs"),
        "{rows:#?}"
    );
    std::fs::write(repo.root.join(".crew/crew.db"), "").expect("an empty one");
    let (exit, rows) = doctor(&repo, &[]);
    let found = about(&rows, "record");
    assert!(
        exit == 1 && found[0].1.contains("5 runs in .crew/runs are not recorded: 000000000000, "),
        "{rows:#?}"
    );
}
