//! `crew prune`: what nobody needs any more goes whole, everything else stays, and the history's numbers stay right.

#[cfg(target_os = "linux")]
use crate::support::faults::{Fault, Then};
use crate::support::{Ran, Running, TestRepo, run_command};
use rusqlite::Connection;
use serde_json::Value;

const DAY: i64 = 24 * 3600 * 1000;

/// A repository with the workflow `one`, a command that writes a file.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.write(".gitignore", "made.txt\n");
    repo.commit("ignore");
    repo.workflow("one", "## a\nrun: echo x >made.txt; echo worked");
    repo
}

fn database(repo: &TestRepo) -> Connection {
    Connection::open(repo.root.join(".crew/crew.db")).expect("the store")
}

/// Carries out a workflow and returns the run's id.
#[track_caller]
fn run(repo: &TestRepo, workflow: &str, exit: i32, more: &[&str]) -> String {
    let args = ["run", "the goal", "--workflow", workflow, "--json"];
    repo.crew(args.iter().chain(more)).exits(exit);
    newest(repo)
}

/// Starts a workflow whose task waits, and returns its run once that is at work.
fn start(repo: &TestRepo, workflow: &str) -> (Running, String) {
    let before = newest(repo);
    let running = repo.start_run(workflow);
    repo.wait_for_event("it runs", |event| event["kind"] == "process_started" && event["run"] != before);
    (running, newest(repo))
}

fn newest(repo: &TestRepo) -> String {
    repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned()
}

/// Lets a run, or all of them, have happened some days ago.
fn grow_old(repo: &TestRepo, run: &str, days: i64) {
    let which = "(SELECT no FROM runs WHERE id LIKE ?2)";
    let store = database(repo);
    let by = days * DAY;
    let events = format!("UPDATE events SET at = at - ?1 WHERE run IN {which}");
    store.execute(&events, rusqlite::params![by, run]).expect("older events");
    let runs =
        format!("UPDATE runs SET created_at = created_at - ?1, ended_at = ended_at - ?1 WHERE no IN {which}");
    store.execute(&runs, rusqlite::params![by, run]).expect("older runs");
}

#[track_caller]
fn prune(repo: &TestRepo, exit: i32, args: &[&str]) -> Ran {
    repo.crew(["prune"].iter().chain(args)).exits(exit)
}

/// Tells whether a run is there; all of it has to be there, or none.
#[track_caller]
fn is_whole(repo: &TestRepo, run: &str) -> bool {
    let store = database(repo);
    let count = |sql: &str| store.query_row(sql, [run], |row| row.get::<_, i64>(0)).expect("a count");
    let rows = ["events", "tasks"].map(|table| {
        count(&format!("SELECT count(*) FROM {table} WHERE run = (SELECT no FROM runs WHERE id = ?)"))
    });
    let is_there = count("SELECT count(*) FROM runs WHERE id = ?") == 1;
    let is_pruned = count("SELECT count(*) FROM tombstones WHERE id = ?") == 1;
    assert!(is_there != is_pruned, "{run} is there: {is_there}, pruned: {is_pruned}");
    let folder = repo.root.join(".crew/runs").join(run);
    let files = ["manifest.json", "logs/a.1.log"].map(|file| folder.join(file).exists());
    assert!(!is_there || (!rows.contains(&0) && files == [true, true]), "{run}: {rows:?} {files:?}");
    is_there
}

/// Fails the test unless the run stays for this reason, whoever asks in general.
#[track_caller]
fn stays(repo: &TestRepo, run: &str, code: &str) {
    let json = prune(repo, 0, &["--keep", "0", "--dry-run", "--json"]).json();
    let rows = json["meta"]["stays"].as_array().expect("a list");
    let row = rows.iter().find(|row| row["run"] == run).unwrap_or_else(|| panic!("{run} goes: {json:#}"));
    assert_eq!(row["code"], code, "{row:#}");
    assert!(row["why"].as_str().is_some_and(|why| !why.is_empty()), "{row:#}");
}

#[test]
fn a_run_goes_after_a_word_and_its_numbers_stay() {
    let repo = repo();
    let (old, new) = (run(&repo, "one", 0, &[]), run(&repo, "one", 0, &[]));
    grow_old(&repo, &old, 40);
    let shown = prune(&repo, 0, &["--dry-run"]);
    assert!(shown.err.contains("40d ago") && shown.err.contains("\"the goal\""), "{}", shown.err);
    assert!(shown.err.contains("stay    1 run: younger than 30d"), "{}", shown.err);
    let asked = prune(&repo, 3, &[]);
    assert!(
        asked.err.contains("needs a person's word") && asked.err.contains("crew prune --yes"),
        "{}",
        asked.err
    );
    for (args, typed) in [
        (["last", "--json"].as_slice(), format!("crew prune {} --yes", &new[..3])),
        (["--older-than", "36h"].as_slice(), "crew prune --older-than 36h --yes does it".into()),
        (["--keep", "0"].as_slice(), "crew prune --keep 0 --yes does it".into()),
    ] {
        let asked = prune(&repo, 3, args);
        assert!(asked.err.contains(&typed), "{typed} {}", asked.err);
    }
    let (exit, shown) = repo.at_terminal(&["prune"], &[("[y/N] ", "n")]);
    assert!(exit == Some(0) && shown.contains("nothing was removed"), "{shown}");
    assert!(is_whole(&repo, &old) && is_whole(&repo, &new));
    let token = repo.command(["prune", "--yes"]).env("CREW_TOKEN", "t").output().expect("crew runs");
    assert_eq!(token.status.code(), Some(4), "an agent prunes nothing");

    let (exit, shown) = repo.at_terminal(&["prune"], &[("remove 1 run, ", "y")]);
    assert!(exit == Some(0) && shown.contains("1 run removed"), "{shown}");
    assert!(!is_whole(&repo, &old) && is_whole(&repo, &new));
    assert!(!repo.root.join(".crew/runs").join(&old).exists());
    let stone = repo.crew(["status", &old, "--json"]).exits(0).json();
    assert_eq!((&stone["outcome"], &stone["goal"]), (&"completed".into(), &"the goal".into()));
    assert_eq!((&stone["attempts"], &stone["tasks"]["completed"]), (&1.into(), &1.into()));
    assert!(stone["pruned_at"].is_string() && stone["bytes"].as_u64() > Some(0), "{stone:#}");
    for shown in [repo.crew(["status", &old]), repo.crew(["show", &old]), repo.crew(["status", "--pruned"])] {
        let shown = shown.exits(0);
        assert!(shown.out.contains("the goal") && shown.out.contains("completed"), "{shown:?}");
    }
    for command in [["logs", &old], ["events", &old], ["resume", &old], ["requeue", &old], ["prune", &old]] {
        let refused = repo.crew(command).exits(4);
        assert!(refused.err.contains(" was pruned on 20"), "{}", refused.err);
    }
    let list = repo.crew(["status", "--json"]).exits(0).json();
    assert_eq!((&list["meta"]["total"], &list["meta"]["pruned"]), (&1.into(), &1.into()));
    let faults: i64 = database(&repo)
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .expect("a count");
    assert_eq!(faults, 0);
    run(&repo, "one", 0, &[]);
}

#[test]
fn what_somebody_needs_stays() {
    let repo = repo();
    repo.workflow("asks", "## a\nrun: true\ngate: before");
    repo.workflow("fails", "## a\nrun: echo half >half.txt; false");
    let gate = repo.gate("hang");
    repo.workflow("hangs", &format!("## a\nrun: while [ -e {} ]; do sleep 0.02; done", gate.display()));
    repo.agent("mute", "say:done");
    repo.workflow("mute", "## a\nrole: executor\nagent: mute\n\nDo it.");
    repo.workflow("tree", "## a\nrun: echo new >new.txt");

    let fresh = run(&repo, "one", 0, &[]);
    stays(&repo, &fresh, "fresh");
    let asks = run(&repo, "asks", 3, &[]);
    let reviewed = run(&repo, "mute", 1, &[]);
    let failed = run(&repo, "fails", 1, &[]);
    std::fs::remove_file(repo.root.join("half.txt")).expect("a file");
    let tree = run(&repo, "tree", 0, &["--worktree"]);
    let (running, killed) = start(&repo, "hangs");
    running.kill();
    grow_old(&repo, "%", 1);
    for (run, code) in
        [(&asks, "waits"), (&reviewed, "needs_review"), (&tree, "not_merged"), (&killed, "open")]
    {
        stays(&repo, run, code);
    }
    repo.open("hang");
    repo.crew(["resume", &killed]).exits(0);
    repo.gate("hang");
    let (owned, at_work) = start(&repo, "hangs");
    stays(&repo, &at_work, "busy");
    let named = prune(&repo, 4, &[&at_work, "--yes"]);
    assert!(named.err.contains("a crew process is at work on it"), "{}", named.err);
    repo.open("hang");
    owned.ends().exits(0);

    // What was kept of the failed one is on no branch.
    let kept = format!("refs/crew/keep/{failed}/a/1");
    let commit = repo.git(&["commit-tree", "-p", "HEAD", "-m", "kept", "HEAD^{tree}"]).trim().to_owned();
    repo.write("kept.txt", "what was kept\n");
    repo.git(&["add", "kept.txt"]);
    let work = repo.git(&["write-tree"]).trim().to_owned();
    repo.git(&["reset", "-q", "--hard"]);
    let work = repo.git(&["commit-tree", "-p", &commit, "-m", "kept", &work]).trim().to_owned();
    repo.git(&["update-ref", &kept, &work]);
    stays(&repo, &failed, "not_merged");
    let refused = prune(&repo, 4, &[&failed, "--yes"]).err;
    let hint = format!("crew restore {kept} brings it back; git update-ref -d {kept} lets go of it");
    assert!(refused.contains(&hint), "{refused}");
    repo.git(&["branch", "saved", &work]);
    prune(&repo, 0, &[&failed, "--yes"]);
    assert!(!repo.git(&["for-each-ref"]).contains(&kept), "it is on a branch");

    // A record that cannot be read goes only by its name, and is moved away as it is.
    let future = run(&repo, "one", 0, &[]);
    let changed = database(&repo).execute(
        "UPDATE events SET data = replace(data, 'attempt_ended', 'from_the_future')
         WHERE kind = 'attempt_ended' AND run = (SELECT no FROM runs WHERE id = ?)",
        [&future],
    );
    assert_eq!(changed.ok(), Some(1));
    stays(&repo, &future, "unreadable");
    let set_aside = prune(&repo, 0, &[&future, "--yes"]);
    let place =
        set_aside.out.split(" is at ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a place");
    let kept = std::fs::read_to_string(repo.root.join(place).join("events.jsonl")).expect("its events");
    assert!(kept.contains("from_the_future") && kept.lines().count() > 5, "{kept}");
    assert!(repo.root.join(place).join("logs/a.1.log").exists() && !is_whole(&repo, &future));
    assert!(!repo.root.join(".crew/runs").join(&future).exists());
    prune(&repo, 4, &[&future, "--yes"]);

    // One of which not even the first event can be read stays.
    database(&repo)
        .execute("UPDATE events SET data = '{' WHERE run = (SELECT no FROM runs WHERE id = ?)", [&fresh])
        .expect("an event");
    stays(&repo, &fresh, "unreadable");
    prune(&repo, 4, &[&fresh, "--yes"]);

    // Who names a run that was never accepted may have it away; once its work is merged, the other goes with its branch.
    prune(&repo, 0, &[&reviewed, "--yes"]);
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    repo.crew(["merge", &tree]).exits(0);
    stays(&repo, &tree, "fresh");
    grow_old(&repo, &tree, 1);
    let json = prune(&repo, 0, &["--older-than", "12h", "--yes", "--json"]).json();
    let removed = json["meta"]["removed"].as_array().expect("a list");
    assert!(removed.contains(&Value::from(tree.as_str())), "{json:#}");
    assert!(!removed.contains(&Value::from(at_work.as_str())), "{json:#}");
    assert_eq!(repo.git(&["for-each-ref", "refs/heads/crew", "refs/crew"]), "");
    assert!(!repo.root.join(".crew/worktrees").join(&tree).exists());
    assert_eq!(repo.git(&["show", "HEAD:new.txt"]), "new\n");
    stays(&repo, &asks, "waits");
}

/// Copies a run in the store as many times, each as old as it says.
fn copies(repo: &TestRepo, run: &str, count: usize, days: i64) {
    let mut store = database(repo);
    let transaction = store.transaction().expect("a transaction");
    for at in 0..count {
        let id = format!("{at:0>12}");
        let values = rusqlite::params![id, days * DAY, run];
        let sql = "INSERT INTO runs (id, goal, team, workflow, created_at, ended_at, started)
                   SELECT ?1, goal, team, workflow, created_at - ?2, ended_at - ?2, started FROM runs WHERE id = ?3";
        transaction.execute(sql, values).expect("a run");
        let new = transaction.last_insert_rowid();
        for (table, columns, values) in [
            ("events", "run, at, kind, data", "?1, at - ?2, kind, data"),
            (
                "tasks",
                "run, place, id, role, program, state, lenient, reason, version",
                "?1, place, id, role, program, state, lenient, reason, version + ?2 * 0",
            ),
        ] {
            let sql = format!(
                "INSERT INTO {table} ({columns}) SELECT {values} FROM {table}
                 WHERE run = (SELECT no FROM runs WHERE id = ?3)"
            );
            transaction.execute(&sql, rusqlite::params![new, days * DAY, run]).expect("rows");
        }
        let (from, to) = (repo.root.join(".crew/runs").join(run), repo.root.join(".crew/runs").join(&id));
        std::fs::create_dir_all(to.join("logs")).expect("a folder");
        for file in ["manifest.json", "logs/a.1.log"] {
            std::fs::copy(from.join(file), to.join(file)).expect("a copy");
        }
    }
    transaction.commit().expect("runs");
}

#[test]
fn nothing_is_pruned_unasked_and_a_prune_that_is_killed_ends_the_same_the_next_time() {
    let repo = repo();
    let first = run(&repo, "one", 0, &[]);
    copies(&repo, &first, 200, 900);
    let all = || repo.crew(["status", "--json"]).exits(0).json()["meta"]["total"].as_u64().expect("a count");
    assert_eq!(all(), 201);
    run(&repo, "one", 0, &[]);
    repo.crew(["doctor"]);
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    prune(&repo, 0, &["--dry-run"]);
    prune(&repo, 3, &[]);
    assert_eq!(all(), 202);
    assert_eq!(std::fs::read_dir(repo.root.join(".crew/runs")).expect("a folder").count(), 202);

    // Killed at any moment, each run is there whole or is pruned.
    let ids =
        ["000000000190", "000000000191", "000000000192", "000000000193", "000000000194", "000000000195"];
    #[cfg(target_os = "linux")]
    for (calls, path, at, then, gone) in [
        (&["pwrite64"][..], "crew.db-wal", 2, Then::KillHalf, 0),
        (&["fdatasync"], "crew.db-wal", 1, Then::KillBefore, 1),
        // The first is what the one before has left.
        (&["unlinkat"], "a.1.log", 2, Then::KillAfter, 2),
        (&["unlinkat"], "a.1.log", 2, Then::KillBefore, 4),
    ] {
        let fault = Fault { calls, path, ..Fault::kill(at, then) };
        let left: Vec<&str> = ids[..5].iter().copied().filter(|id| is_whole(&repo, id)).collect();
        let killed = run_command(repo.faulty(["prune", "--yes"].iter().chain(&left), &fault));
        assert_eq!(killed.exit, -1, "{fault:?} {killed:?}");
        assert_eq!(ids.iter().filter(|id| !is_whole(&repo, id)).count(), gone, "{fault:?}");
    }
    let rest: Vec<&str> = ids.into_iter().filter(|id| is_whole(&repo, id)).collect();
    prune(&repo, 0, &["--yes"].into_iter().chain(rest).collect::<Vec<_>>());
    // As one leaves it that was killed after its record had gone.
    let left = repo.root.join(".crew/runs").join(ids[0]);
    std::fs::create_dir_all(left.join("logs")).expect("a folder");
    let named = prune(&repo, 0, &[ids[0], "--yes"]);
    assert!(named.err.contains("pruned before; its files are still there"), "{}", named.err);
    assert!(!left.exists() && prune(&repo, 4, &[ids[0], "--yes"]).err.contains(" was pruned on 20"));
    std::fs::create_dir_all(left.join("logs")).expect("a folder");
    let again = prune(&repo, 0, &["--older-than", "5000d", "--yes"]);
    assert!(again.err.contains("pruned before; its files are still there"), "{}", again.err);

    // What hinders one is told, and the others go.
    let [strange, whole] = ["000000000001", "000000000002"];
    let folder = repo.root.join(".crew/runs").join(strange);
    std::fs::remove_dir_all(&folder).expect("it goes away");
    std::fs::write(&folder, "no folder").expect("a file");
    let one_failed = prune(&repo, 1, &[strange, whole, "--yes"]);
    assert!(
        one_failed.err.contains("1 run removed, ") && one_failed.err.contains("could not be removed: "),
        "{one_failed:?}"
    );
    assert!(!is_whole(&repo, whole) && folder.is_file());
    std::fs::remove_file(&folder).expect("it goes away");
    prune(&repo, 0, &[strange, "--yes"]);
    assert_eq!(all(), 194);
    for id in ids {
        assert!(!is_whole(&repo, id) && !repo.root.join(".crew/runs").join(id).exists(), "{id}");
    }
    assert!(is_whole(&repo, "000000000000"));
}
