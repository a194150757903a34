//! What crew says of its own doing: `-v`, `CREW_LOG`, `CREW_LOG_FILE`, and the logs of detached runs.

use crate::support::{Ran, Sweep, TestRepo, run_command, wait_until};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Returns the lines of a text that were logged: time, process, level, room, and what is said. That a transaction was slow is
/// said where the machine is busy, and left out.
fn logged(text: &str) -> Vec<(String, String, String)> {
    let of_line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (at, pid) = (words.next()?, words.next()?);
        let is_logged = at.len() == 24 && at.ends_with('Z') && pid.parse::<u32>().is_ok();
        let (level, room) = (words.next()?.to_owned(), words.next()?.to_owned());
        is_logged.then(|| (level, room, words.collect::<Vec<_>>().join(" ")))
    };
    text.lines().filter_map(of_line).filter(|(.., said)| !said.starts_with("a slow transaction ")).collect()
}

#[track_caller]
fn says<'a>(lines: &'a [(String, String, String)], room: &str, words: &str) -> &'a str {
    let found = lines.iter().find(|(_, in_room, said)| in_room == room && said.contains(words));
    &found.unwrap_or_else(|| panic!("{room} did not say `{words}`: {lines:#?}")).2
}

fn one(repo: &TestRepo) {
    repo.workflow("one", "## a\nrun: exit 3\n\n## b\nrun: true\ndependsOn: a");
}

fn run(repo: &TestRepo, more: &[&str]) -> Command {
    repo.command(["run", "g", "--workflow", "one", "--json"].iter().chain(more))
}

fn with_log(mut command: Command, filter: &str) -> Ran {
    command.env("CREW_LOG", filter);
    run_command(command)
}

#[test]
pub fn what_is_decided_and_done_is_said_beside_the_data_and_only_where_somebody_asks() {
    let repo = TestRepo::new();
    one(&repo);
    let plain = run_command(run(&repo, &[])).exits(1);
    assert!(logged(&plain.err).is_empty() && !repo.root.join(".crew/logs").exists(), "{}", plain.err);
    let told = run_command(run(&repo, &["-v"])).exits(1);
    assert_eq!(told.json()["status"], "failed", "data stays data");
    let lines = logged(&told.err);
    says(&lines, "commands", "begins version=");
    let started = says(&lines, "runner", "a child started program=/bin/sh pid=");
    assert!(started.contains("logs/a.1.log"), "{started}");
    says(&lines, "runner", "a child ended program=/bin/sh exit=3 ms=");
    let retried = says(&lines, "runner", "retried or not");
    assert!(
        retried.contains("task=a kind=verify_failed made=1 again=false because=permanent_error"),
        "{retried}"
    );
    says(&lines, "runner", "kind=task_skipped task=b reason=\"depends on a, which failed\"");
    says(&lines, "commands", "ends command=run exit=1 ms=");
    assert!(lines.iter().all(|(level, ..)| level == "INFO"), "{lines:#?}");
    let more = logged(&run_command(run(&repo, &["-vv"])).exits(1).err);
    says(&more, "workspace", "git command=\"rev-parse ");
    says(&more, "store", "took a lock lock=");
    says(&more, "store", "a transaction run=");
    says(&more, "runner", "recorded events=");
    assert!(more.iter().any(|(level, ..)| level == "DEBUG"));
    let both = repo.crew(["status", "-v", "-q"]).exits(2);
    assert!(both.err.contains("cannot be used with"), "{}", both.err);
}

#[test]
fn a_room_can_be_asked_alone_and_the_flag_speaks_for_the_others() {
    let repo = TestRepo::new();
    one(&repo);
    let rooms = |ran: &Ran| {
        let mut rooms: Vec<String> = logged(&ran.err).into_iter().map(|(_, room, _)| room).collect();
        rooms.sort();
        rooms.dedup();
        rooms
    };
    assert_eq!(rooms(&with_log(run(&repo, &[]), "store=debug").exits(1)), ["store"]);
    assert_eq!(rooms(&with_log(run(&repo, &[]), "info,runner=off").exits(1)), ["commands"]);
    let both = with_log(run(&repo, &["-v"]), "workspace=debug").exits(1);
    assert_eq!(rooms(&both), ["commands", "runner", "workspace"]);
    assert_eq!(rooms(&with_log(run(&repo, &[]), "off").exits(1)), [""; 0]);
    for (wrong, hint) in [("debgu", "did you mean `debug`?"), ("runer=info", "did you mean `runner`?")] {
        let error = with_log(run(&repo, &[]), wrong).exits(2).json_error();
        assert_eq!((error["code"].as_str(), error["hint"].as_str()), (Some("log_filter"), Some(hint)));
        assert_eq!(error["details"]["at"], "$CREW_LOG");
    }
}

#[test]
fn a_log_file_holds_what_is_said_and_stays_below_its_bound() {
    let repo = TestRepo::new();
    one(&repo);
    let file = repo.beside("crew.log");
    let into = |more: &[&str], bytes: &str, file: &Path| {
        let mut command = run(&repo, more);
        command.env("CREW_LOG_FILE", file).env("LOG_FILE_BYTES", bytes);
        run_command(command)
    };
    let ran = into(&[], "1000000", &file).exits(1);
    assert!(logged(&ran.err).is_empty(), "{}", ran.err);
    let text = || std::fs::read_to_string(&file).expect("a log");
    says(&logged(&text()), "runner", "a child ended");
    let before = text().len();
    into(&["-vv"], "1000000", &file).exits(1);
    assert!(text().len() > before, "a second process adds to it");
    says(&logged(&text()), "store", "a transaction");
    for _ in 0..3 {
        into(&["-vv"], "3000", &file).exits(1);
    }
    let aside = std::fs::read_to_string(repo.beside("crew.log.1")).expect("what was put aside");
    for part in [text(), aside] {
        assert!(part.len() < 3_500 && logged(&part).len() == part.lines().count(), "{part}");
    }
    let error = into(&[], "3000", &repo.root).exits(2).json_error();
    assert_eq!(error["code"], "log_file", "{error}");
    assert_eq!(
        repo.crew(["status", "--json"]).exits(0).json()["meta"]["total"],
        5,
        "nothing was begun without its log"
    );
}

#[test]
fn a_log_among_the_files_that_agents_work_on_is_refused_and_one_below_logs_is_no_change_of_theirs() {
    let repo = TestRepo::new();
    repo.agent("reads", "submit:done");
    repo.workflow("w", "## a\nrole: explorer\nagent: reads\n\nLook.");
    let into = |file: &str| {
        let mut command = repo.command(["run", "g", "--workflow", "w", "--json"]);
        command.current_dir(&repo.root).env("CREW_LOG_FILE", file).env("CREW_LOG", "debug");
        run_command(command)
    };
    std::fs::create_dir(repo.root.join(".crew")).expect("a folder");
    for place in ["crew.log", ".crew/crew.log", ".git/../crew.log"] {
        let error = into(place).exits(2).json_error();
        assert_eq!((&error["code"], &error["details"]["at"]), (&json!("log_file"), &json!("$CREW_LOG_FILE")));
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains(".crew/logs/crew.log")), "{error}");
    }
    assert!(!repo.root.join("crew.log").exists(), "nothing was made");
    assert_eq!(into(".crew/logs/crew.log").exits(0).json()["status"], "completed");
    says(
        &logged(&std::fs::read_to_string(repo.root.join(".crew/logs/crew.log")).expect("a log")),
        "runner",
        "recorded",
    );
    std::fs::write(repo.root.join(".git/info/exclude"), "*.log\n").expect("a file");
    into("mine.log").exits(2);
    std::fs::write(repo.root.join(".git/info/exclude"), "*.log\n*.log.1\n").expect("a file");
    assert_eq!(into("mine.log").exits(0).json()["status"], "completed");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_detached_run_always_logs_below_crews_own_folder_and_as_much_as_was_asked_for() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    one(&repo);
    let detach = |more: &[&str]| {
        let run = run_command(run(&repo, &[&["--detach"], more].concat())).exits(0).json();
        let id = run["run"].as_str().expect("an id").to_owned();
        repo.crew(["wait", &id]).exits(1);
        let log = repo.root.join(format!(".crew/logs/{id}.log"));
        wait_until("it says that it ends", || {
            std::fs::read_to_string(&log).is_ok_and(|text| text.contains(" ends command=carry-out"))
        });
        logged(&std::fs::read_to_string(&log).expect("a log"))
    };
    let plain = detach(&[]);
    says(&plain, "runner", "carries the run out tasks=2");
    // A busy machine may be slow.
    let expected =
        |(level, _, words): &(String, String, String)| level == "INFO" || words.starts_with("a slow");
    assert!(plain.iter().all(expected), "{plain:#?}");
    let more = detach(&["-vv"]);
    says(&more, "store", "synced");
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "nobody commits a log by mistake");
    let logs = || std::fs::read_dir(repo.root.join(".crew/logs")).expect("logs").count();
    assert_eq!(logs(), 2);
    repo.crew(["prune", "last", "--yes"]).exits(0);
    assert_eq!(logs(), 1, "the log of a run goes with it");
}

#[test]
fn secrets_and_what_a_terminal_would_obey_are_in_no_log() {
    let repo = TestRepo::new();
    let secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    let words = format!("\u{1b}]0;title\u{7}\u{202e}my token={secret} and plainwordsofmine");
    let done = json!({"summary": words, "confidence": 0.9, "rationale": words, "no_change_reason": words});
    let bad = json!({"summary": words, "confidence": words, "rationale": words});
    repo.program("told", &format!("echo '{words}'; crew submit result --json - <<'E'\n{bad}\nE\ncrew submit result --json - <<'E'\n{done}\nE"));
    repo.set(
        "agents",
        "told",
        json!({"command": repo.programs().join("told").display().to_string(), "writes": true}),
    );
    repo.workflow("one", "## a\nrole: executor\nagent: told\n\nDo it.\n\n## b\nrun: echo $WORDS; exit 1");
    let mut command = run(&repo, &["-vvv", "--set", "env.pass=WORDS"]);
    command.env("MY_API_KEY", "plainwordsofmine").env("WORDS", &words);
    let ran = run_command(command).exits(1);
    ran.shows_nothing_hostile();
    let lines = logged(&ran.err);
    says(&lines, "runner", "a request is accepted");
    says(&lines, "runner", "a request is refused");
    assert!(!ran.err.contains(secret) && !ran.out.contains(secret), "{}", ran.err);
    // A child that was not given it may say it: who logs knows all of our own.
    let found: Vec<_> = lines.iter().filter(|(.., said)| said.contains("plainwordsofmine")).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn at_a_terminal_the_log_stands_above_what_changes_and_breaks_nothing() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: sleep 0.5\n\n## b\nrun: sleep 0.2\ndependsOn: a");
    let (exit, shown) = repo.at_terminal(&["run", "g", "--workflow", "one", "-v"], &[]);
    assert_eq!(exit, Some(0), "{shown}");
    // Each line that is logged is whole.
    let plain = |line: &str| {
        let mut plain = String::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.trim_start_matches(|c: char| c == '[' || c == '?' || c == ';' || c.is_ascii_digit());
            rest = rest.get(1..).unwrap_or_default();
        }
        plain + rest
    };
    // What is printed by the bars is filled up to the width of the terminal.
    let rows = shown.split(['\n', '\r']).flat_map(|line| line.split("        "));
    let lines: Vec<String> = rows.map(plain).collect();
    let log = logged(&lines.join("\n"));
    for kind in ["kind=attempt_started task=a", "kind=attempt_ended task=b", "kind=run_ended"] {
        says(&log, "runner", kind);
    }
    let stray: Vec<&String> =
        lines.iter().filter(|line| line.contains(" INFO ") && logged(line).is_empty()).collect();
    assert!(stray.is_empty(), "{stray:#?}\n{shown:?}");
}

#[test]
fn only_the_rooms_that_can_be_asked_log_and_each_of_them_does() {
    fn logs(folder: &Path) -> bool {
        std::fs::read_dir(folder).expect("a room").flatten().any(|entry| match entry.path() {
            path if path.is_dir() => logs(&path),
            path => std::fs::read_to_string(path).is_ok_and(|text| text.contains("tracing::")),
        })
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = std::fs::read_dir(&source).expect("the source").flatten();
    let rooms = entries.filter(|entry| entry.path().is_dir() && logs(&entry.path()));
    let mut rooms: Vec<String> = rooms.map(|room| room.file_name().to_string_lossy().into_owned()).collect();
    rooms.sort();
    assert_eq!(rooms, crew::domain::log_filter::ROOMS);
}
