//! Full disks, folders that may not be written, too few files, a store that somebody holds or that is damaged, a clock that
//! went back: crew says what is wrong and where, does nothing by halves, and goes on when that is over.

use crate::support::mounts::{Mounted, skipped};
use crate::support::{Running, TestRepo, run_command, start_command, task, wait_until};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Stdio;

fn database(repo: &TestRepo) -> PathBuf {
    repo.root.join(".crew/crew.db")
}

fn one_run(repo: &TestRepo) -> String {
    repo.workflow("one", "## a\nrun: echo worked");
    repo.crew(["run", "the goal", "--workflow", "one"]).exits(0);
    newest(repo)
}

fn newest(repo: &TestRepo) -> String {
    repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn check<'a>(json: &'a Value, name: &str) -> &'a Value {
    let found = json["data"].as_array().expect("a list").iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name} in {json:#}"))
}

#[test]
fn a_full_disk_ends_the_agents_and_resume_goes_on_once_there_is_room() {
    let repo = TestRepo::new();
    let small = match Mounted::small(&repo.root.join(".crew"), 1_500_000) {
        Ok(small) => small,
        Err(lacks) => return skipped("a_full_disk_ends_the_agents", &lacks),
    };
    let gate = repo.gate("hang");
    repo.agent("fake", "1?flood:3 submit:done");
    repo.workflow(
        "fills",
        &format!(
            "## fill\nrole: executor\nagent: fake\n\nDo it.\n\n## other\nrun: while [ -e {} ]; do sleep 0.02; done",
            gate.display()
        ),
    );
    let ran = repo.crew(["run", "the goal", "--workflow", "fills"]).exits(1);
    assert!(ran.err.contains("disk is full") || ran.err.contains("No space left"), "{}", ran.err);
    assert!(ran.err.contains(".crew/") && ran.err.contains("free some space"), "{}", ran.err);
    repo.leaves_no_process();
    // What can be read is told on a full disk too, and nothing is half there.
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(status["status"], "interrupted");
    let doctor = repo.crew(["doctor", "--json"]).exits(1).json();
    assert_eq!(check(&doctor, "disk")["level"], "fail", "{doctor:#}");
    assert!(repo.crew(["resume", "last"]).exits(1).err.contains("free some space"));
    repo.open("hang");
    small.grow(60_000_000);
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    assert_eq!((&run["status"], &task(&run, "fill")["state"]), (&"completed".into(), &"completed".into()));
    let faults = Connection::open(database(&repo))
        .and_then(|store| store.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)));
    assert_eq!(faults.expect("an answer"), "ok");
    repo.leaves_no_process();
}

#[test]
fn a_folder_that_may_not_be_written_can_be_read_and_nothing_begins_there() {
    let repo = TestRepo::new();
    one_run(&repo);
    let _held = match Mounted::read_only(&repo.root.join(".crew")) {
        Ok(held) => held,
        Err(lacks) => return skipped("a_folder_that_may_not_be_written", &lacks),
    };
    for command in [["status", "last"], ["logs", "last"], ["events", "last"], ["prune", "--dry-run"]] {
        repo.crew(command).exits(0);
    }
    for command in [&["run", "g", "--workflow", "one"][..], &["prune", "last", "--yes"]] {
        let refused = repo.crew(command).exits(1);
        assert!(refused.err.contains("Read-only file system"), "{}", refused.err);
        assert!(refused.err.contains(".crew: look at who owns it, and how it is mounted"), "{}", refused.err);
        let json = repo.crew(command.iter().chain(&["--json"])).exits(1).json_error();
        assert_eq!(json["code"], "read_only");
    }
    let doctor = repo.crew(["doctor", "--json"]).exits(1).json();
    assert!(
        check(&doctor, "store")["detail"].as_str().is_some_and(|text| text.contains("cannot be written"))
    );
}

#[test]
fn where_too_few_files_may_be_open_it_is_said_and_the_run_goes_on_later() {
    let repo = TestRepo::new();
    one_run(&repo);
    let mut said = 0;
    for files in [6, 8, 10, 12, 14, 16] {
        let mut command = repo.plain("/bin/sh");
        command.args(["-c", "ulimit -n $0; exec \"$@\""]).arg(files.to_string());
        command.arg(crate::support::CREW).args(["run", "the goal", "--workflow", "one", "--json"]);
        command.args(["--set", "retry.backoff_ms=1"]);
        let ran = run_command(command);
        assert!(ran.exit == 0 || ran.exit == 1, "{files}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{files}: {}", ran.err);
        let told = ran.err.contains("too_many_files") && ran.err.contains("ulimit -n");
        said += usize::from(told);
        repo.leaves_no_process();
        let status = repo.crew(["status", "last", "--json"]).exits(0).json();
        if status["status"] == "interrupted" {
            assert!(told, "{files}: {}", ran.err);
            let has_failed = task(&status, "a")["state"] == "failed";
            assert!(!has_failed || task(&status, "a")["error_kind"] == "agent_busy", "{files}: {status:#}");
            repo.crew(["resume", "last"]).exits(i32::from(has_failed));
        }
    }
    assert!(said > 1, "it never was told");
}

#[test]
fn a_store_that_another_process_holds_is_waited_for_with_a_sign_after_a_second() {
    let repo = TestRepo::new();
    one_run(&repo);
    let holder = Connection::open(database(&repo)).expect("the store");
    holder.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let said = repo.beside("said");
    let mut command = repo.command(["run", "the goal", "--workflow", "one"]);
    command.stderr(std::fs::File::create(&said).expect("a file")).stdout(Stdio::null());
    let running = Running::of(command.spawn().expect("crew starts"));
    let text = || std::fs::read_to_string(&said).unwrap_or_default();
    wait_until("it says that it waits", || text().contains("another process writes to the store"));
    holder.execute_batch("COMMIT").expect("the lock is given back");
    running.ends().exits(0);
    assert_eq!(text().matches("another process writes").count(), 1, "{}", text());
}

#[test]
fn a_store_that_is_held_for_too_long_ends_the_run_and_nothing_is_half_written() {
    let repo = TestRepo::new();
    let gate = repo.gate("a");
    let waits = format!("touch begun; while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    repo.workflow("two", &format!("## a\nrun: {waits}\n\n## b\nrun: true\ndependsOn: a\n"));
    let mut command = repo.command(["run", "the goal", "--workflow", "two"]);
    // Thirty seconds, for a test.
    let running = start_command({
        command.env("STORE_BUSY_MS", "300");
        command
    });
    repo.wait_for_event("it is at work", |event| event["kind"] == "process_started");
    let holder = Connection::open(database(&repo)).expect("the store");
    holder.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    repo.open("a");
    let ended = running.ends().exits(4);
    assert!(ended.err.contains("is writing there all the time"), "{}", ended.err);
    holder.execute_batch("COMMIT").expect("the lock is given back");
    repo.leaves_no_process();
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(status["status"], "interrupted");
    repo.crew(["resume", "last"]).exits(0);
    let kinds = repo.kinds();
    let of = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((of("attempt_started"), of("attempt_ended"), of("run_ended")), (3, 3, 1), "{kinds:?}");
}

#[test]
fn a_clock_that_went_back_is_said_and_changes_nothing() {
    let repo = TestRepo::new();
    let id = one_run(&repo);
    let store = Connection::open(database(&repo)).expect("the store");
    let hours = 3 * 3600 * 1000;
    // The second half of the run came when the clock was right again.
    store
        .execute("UPDATE events SET at = at + ?1 WHERE seq < (SELECT max(seq) - 3 FROM events)", [hours])
        .expect("events");
    store.execute("UPDATE runs SET created_at = created_at + ?1", [hours]).expect("a run");
    drop(store);
    let doctor = repo.crew(["doctor", "--json"]).json();
    let clock = check(&doctor, "clock");
    assert!(
        clock["detail"].as_str().is_some_and(|text| text.contains("behind the newest event")),
        "{clock:#}"
    );
    let shown = repo.crew(["status", &id]).exits(0);
    assert!(shown.out.contains("completed"), "{}", shown.out);
    repo.crew(["status"]).exits(0);
    // Not even what is named by an age goes: it has not happened yet.
    repo.crew(["prune", "--older-than", "1h", "--yes"]).exits(0);
    repo.crew(["status", &id]).exits(0);
    repo.crew(["run", "the goal", "--workflow", "one"]).exits(0);
    assert_ne!(newest(&repo), id);
    let store = Connection::open(database(&repo)).expect("the store");
    store.execute("UPDATE events SET at = at - ?1", [2 * hours]).expect("events");
    drop(store);
    let doctor = repo.crew(["doctor", "--json"]).json();
    let clock = check(&doctor, "clock");
    assert!(
        clock["level"] == "ok"
            && clock["detail"].as_str().is_some_and(|text| text.contains("was set back once")),
        "{clock:#}"
    );
}

/// Writes over a page of the store, counted from 1.
fn damage(repo: &TestRepo, page: i64) {
    let mut file = std::fs::File::options().write(true).open(database(repo)).expect("the store");
    file.seek(SeekFrom::Start((page as u64 - 1) * 4096)).expect("a page");
    file.write_all(&[0xa5; 4096]).expect("a page");
}

fn bytes(repo: &TestRepo) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(database(repo)).expect("the store").read_to_end(&mut bytes).expect("the store");
    bytes
}

/// Returns the pages of the store on which a table's rows lie, once all of it is in the one file.
fn pages_of(repo: &TestRepo, table: &str) -> Vec<i64> {
    let store = Connection::open(database(repo)).expect("the store");
    store.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("all in one file");
    let sql = "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path";
    let mut statement = store.prepare(sql).expect("SQLite tells of pages");
    let pages = statement.query_map([table], |row| row.get(0)).expect("pages");
    pages.collect::<Result<_, _>>().expect("pages")
}

#[test]
fn a_damaged_store_is_named_not_written_to_and_what_can_be_read_comes_into_a_new_one() {
    let repo = TestRepo::new();
    let ids: Vec<String> = (0..3).map(|_| one_run(&repo)).collect();
    damage(&repo, pages_of(&repo, "tasks")[0]);
    let before = bytes(&repo);
    for command in [&["status"][..], &["run", "the goal", "--workflow", "one"]] {
        let failed = repo.crew(command.iter().chain(&["--json"])).exits(1).json_error();
        assert_eq!(failed["code"], "store_damaged", "{failed:#}");
        assert!(failed["hint"].as_str().is_some_and(|hint| hint.contains("nothing more is written to it")));
    }
    let doctor = repo.crew(["doctor", "--json"]).exits(1).json();
    let store = check(&doctor, "store");
    assert!(
        store["level"] == "fail" && store["hint"].as_str().is_some_and(|hint| hint.contains("--fix")),
        "{store:#}"
    );
    assert_eq!(bytes(&repo), before, "it is as it was found");
    for id in &ids {
        let copy = std::fs::read_to_string(repo.root.join(".crew/runs").join(id).join("tasks.json"));
        let copy: Value = serde_json::from_str(&copy.expect("a copy")).expect("JSON");
        assert_eq!(copy["tasks"][0]["status"], json!("completed"));
    }
    // What a newer crew wrote is left to it.
    let mut newer = before.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    let path = repo.root.join(".crew/crew.db");
    std::fs::write(&path, &newer).expect("the store");
    let left = repo.crew(["doctor", "--fix", "--json"]).exits(1).json();
    let store = check(&left, "store");
    assert!(store["level"] == "fail" && store.to_string().contains("newer crew"), "{store:#}");
    assert!(bytes(&repo) == newer && !repo.root.join(".crew/set-aside").exists());
    std::fs::write(&path, &before).expect("the store");
    // Tables follow from events, so nothing is lost with one of them.
    let fixed = repo.crew(["doctor", "--fix", "--json"]).json();
    let store = check(&fixed, "store");
    let detail = store["detail"].as_str().expect("a detail");
    assert!(store["level"] == "fixed" && detail.contains("3 runs are in a new one;"), "{store:#}");
    let aside = detail.rsplit_once("is at ").expect("where it is").1;
    assert!(std::fs::read(repo.root.join(aside)).expect("the damaged one") == before);
    for id in &ids {
        let status = repo.crew(["status", id, "--json"]).exits(0).json();
        assert_eq!((&status["status"], &task(&status, "a")["attempts"]), (&"completed".into(), &1.into()));
        repo.crew(["events", id]).exits(0);
    }
    assert_eq!(check(&repo.crew(["doctor", "--json"]).json(), "store")["level"], "ok");

    // What is lost with events is named, and the rest goes on.
    let mut last = one_run(&repo);
    while pages_of(&repo, "events").len() < 4 {
        last = one_run(&repo);
    }
    let pages = pages_of(&repo, "events");
    damage(&repo, *pages.last().expect("a page"));
    let fixed = repo.crew(["doctor", "--fix", "--json"]).json();
    let store = check(&fixed, "store");
    let detail = store["detail"].as_str().expect("a detail");
    assert!(store["level"] == "warn" && detail.contains("could not be read"), "{store:#}");
    assert_eq!(repo.crew(["status", &ids[0], "--json"]).exits(0).json()["status"], "completed");
    assert!(detail.contains(&format!("; of {last} ")), "the newest run has lost its end: {detail}");
    one_run(&repo);
    assert_eq!(check(&repo.crew(["doctor", "--json"]).json(), "store")["level"], "ok");
}

#[test]
fn a_run_that_lost_a_page_in_the_middle_is_cut_there_and_no_number_of_an_attempt_is_used_again() {
    let repo = TestRepo::new();
    let before = one_run(&repo);
    let step = |name: &str| format!("## {name}\nrun: echo {}\n", "long ".repeat(600));
    repo.workflow("wide", &["a", "b", "c"].map(step).join("\n"));
    repo.crew(["run", "the goal", "--workflow", "wide"]).exits(0);
    let wide = newest(&repo);
    // A long note fills a page, so that each attempt is on pages of its own.
    repo.workflow("fails", "## work\nrun: echo \"attempt $(ls .crew/runs/*/logs | grep -c work)\"; false");
    repo.crew(["run", "the goal", "--workflow", "fails"]).exits(1);
    let id = newest(&repo);
    let note = "page ".repeat(700);
    for _ in 0..2 {
        repo.crew(["requeue", &id, "work", "--force", "again", "--with-note", &note]).exits(0);
        repo.crew(["resume", &id]).exits(1);
    }
    let logs = repo.root.join(".crew/runs").join(&id).join("logs");
    let log = |number: u32| std::fs::read_to_string(logs.join(format!("work.{number}.log")));
    let written: Vec<String> = (1..=3).map(|number| log(number).expect("a log")).collect();
    let pages = pages_of(&repo, "events");
    let bytes = bytes(&repo);
    let holding = |text: &str| -> Vec<i64> {
        let page = |number: i64| &bytes[(number as usize - 1) * 4096..][..4096];
        let holds = |number: &i64| page(*number).windows(text.len()).any(|part| part == text.as_bytes());
        pages.iter().copied().filter(holds).collect()
    };
    let (steps, notes) = (holding("long long"), holding("page page"));
    assert!(steps.len() > 1 && notes.len() > 1, "{steps:?} {notes:?} of {pages:?}");
    damage(&repo, steps[1]);
    notes.iter().for_each(|page| damage(&repo, *page));
    let whole = std::fs::read(repo.root.join(".crew/runs").join(&id).join("tasks.json")).expect("a copy");

    let fixed = repo.crew(["doctor", "--fix", "--json"]).json();
    let store = check(&fixed, "store");
    let detail = store["detail"].as_str().expect("a detail");
    assert_eq!(store["level"], "warn", "{store:#}");
    let cut = format!("; of {id} only the beginning, up to event ");
    assert!(detail.contains(&cut) && detail.contains(" behind the gap would not follow"), "{detail}");
    assert!(!detail.contains(&before), "it is whole: {detail}");
    let lost = format!("; of {wide} nothing but .crew/runs/{wide}");
    assert!(detail.contains(&lost), "without some of its tasks it is none: {detail}");
    repo.crew(["status", &wide]).exits(4);
    let aside = detail.rsplit_once("is at ").expect("where it is").1;
    let aside = repo.root.join(aside).parent().expect("a folder").join("runs").join(&id).join("tasks.json");
    assert!(std::fs::read(aside).expect("the copy") == whole, "what the copy said is kept");
    let status = repo.crew(["status", &id, "--json"]).exits(0).json();
    assert_ne!(status["status"], "completed");
    assert_eq!(task(&status, "work")["attempts"], 1, "{status:#}");

    // What it did meanwhile is nowhere but in its logs and in what was kept, which stay.
    repo.git(&["update-ref", &format!("refs/crew/keep/{id}/work/4.2"), "HEAD"]);
    if status["status"] == "failed" {
        repo.crew(["requeue", &id, "work", "--force", "again"]).exits(0);
    }
    repo.crew(["resume", &id]).exits(1);
    let after: Vec<String> = (1..=3).map(|number| log(number).expect("a log")).collect();
    assert_eq!(after, written);
    assert!(log(4).is_err() && log(5).is_ok());
    let shown = repo.crew(["show", &id, "work", "--json"]).exits(0).json();
    let outcomes: Vec<&Value> =
        shown["attempts"].as_array().expect("a list").iter().map(|attempt| &attempt["state"]).collect();
    assert_eq!(outcomes, ["failed", "lost", "lost", "lost", "failed"], "{shown:#}");
    assert_eq!(check(&repo.crew(["doctor", "--json"]).json(), "store")["level"], "ok");
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_that_is_put_right_loses_nothing_to_a_kill() {
    use crate::support::faults::{Fault, Then};
    let repo = TestRepo::new();
    let first = one_run(&repo);
    let page = pages_of(&repo, "tombstones")[0];
    let path = database(&repo);
    let log = PathBuf::from(format!("{}-wal", path.display()));
    // As long as somebody has the store open, what the second run says is in the log alone.
    let read = || {
        let store = Connection::open(&path).expect("the store");
        store.query_row("SELECT count(*) FROM runs", [], |_| Ok(())).expect("runs");
        store
    };
    let reader = read();
    let second = one_run(&repo);
    damage(&repo, page);
    let files = [&path, &log].map(|file| (file, std::fs::read(file).expect("a file")));
    assert!(files[1].1.len() > 32, "a log");
    drop(reader);
    let (made, old) = (format!("{}.new", path.display()), path.display().to_string());
    let log_path = log.display().to_string();
    for (call, path, at, then, is_made) in [
        ("rename", &made, 1, Then::KillBefore, false),
        ("rename", &made, 1, Then::KillAfter, true),
        ("unlink", &log_path, 1, Then::KillAfter, true),
        ("rename", &old, 2, Then::KillBefore, true),
    ] {
        for (file, bytes) in &files {
            std::fs::write(file, bytes).expect("as it was");
        }
        let reader = read();
        let fault = Fault { calls: &[call], path, ..Fault::kill(at, then) };
        assert_eq!(run_command(repo.faulty(["doctor", "--fix"], &fault)).exit, -1, "{fault:?}");
        if is_made {
            let refused = repo.crew(["status", "--json"]).exits(4).json_error();
            assert_eq!(refused["code"], "store_replaced", "{refused:#}");
        }
        let fixed = repo.crew(["doctor", "--fix", "--json"]).json();
        assert_eq!(check(&fixed, "store")["level"], "fixed", "{fault:?} {fixed:#}");
        drop(reader);
        for id in [&first, &second] {
            let status = repo.crew(["status", id, "--json"]).exits(0).json();
            assert_eq!(status["status"], "completed", "{fault:?}");
        }
        assert!(!repo.root.join(".crew/salvage").exists() && !std::path::Path::new(&made).exists());
    }
}

#[test]
fn what_is_no_store_at_all_is_set_aside_too() {
    let repo = TestRepo::new();
    let id = one_run(&repo);
    for name in ["crew.db-wal", "crew.db-shm"] {
        let _ = std::fs::remove_file(repo.root.join(".crew").join(name));
    }
    std::fs::write(database(&repo), "this is no database, and never was one\n".repeat(300)).expect("a file");
    let failed = repo.crew(["status", "--json"]).exits(1).json_error();
    assert_eq!(failed["code"], "store_damaged", "{failed:#}");
    let fixed = repo.crew(["doctor", "--fix", "--json"]).json();
    let store = check(&fixed, "store");
    assert!(store.to_string().contains("0 runs are in a new one"), "{store:#}");
    let lost = format!("of {id} nothing but .crew/runs/{id}");
    assert!(store["level"] == "warn" && store.to_string().contains(&lost), "{store:#}");
    repo.crew(["status", &id]).exits(4);
    assert!(repo.root.join(".crew/runs").join(&id).join("tasks.json").exists());
    one_run(&repo);
}
