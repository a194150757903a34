//! The faults that other tests make: they meet the process that is meant, at the call that is meant, and nobody else.
#![cfg(target_os = "linux")]

use crate::support::faults::{self, Fault, Then, noted, notes};
use crate::support::{TestRepo, run_command};

/// A step that tells what it was given, with a verification by git.
fn tells_its_environment(repo: &TestRepo) {
    repo.agent("fake", "say-env submit:done");
    repo.workflow("one", "## work\nrole: explorer\nagent: fake\nverify: git status\n\nDo it.");
}

#[test]
fn calls_are_noted_of_crew_alone_and_its_children_get_nothing() {
    let repo = TestRepo::new();
    tells_its_environment(&repo);
    let list = repo.beside("list");
    let mut command = repo.command(["run", "g", "--workflow", "one", "--json"]);
    notes(&mut command, &list);
    run_command(command).exits(0);
    let log = repo.log("work", 1);
    assert!(log.contains("CREW_TASK=work"), "{log}");
    assert!(!log.contains("LD_PRELOAD") && !log.contains("FAULTS_"), "{log}");
    let calls = noted(&list);
    for (name, path) in [
        ("open64", "/.crew/runs/"),
        ("pwrite64", "crew.db-wal"),
        ("fdatasync", "crew.db-wal"),
        ("mkdir", "/.crew/runs"),
        ("posix_spawnp", "fake-agent"),
    ] {
        assert!(calls.iter().any(|call| call.name == name && call.path.contains(path)), "{name} of {path}");
    }
    let commits = calls.iter().filter(|call| call.commits).count();
    assert!((4..40).contains(&commits), "{commits} commits");
    assert!(!calls.iter().any(|call| call.path.contains("/.git/")), "git was met too");
}

#[test]
fn a_fault_meets_the_call_that_is_meant() {
    let repo = TestRepo::new();
    tells_its_environment(&repo);
    let words = ["run", "g", "--workflow", "one", "--json"];
    let commit = Fault { calls: &["pwrite64"], path: "crew.db-wal", ..Fault::kill(1, Then::KillHalf) };
    assert_eq!(run_command(repo.faulty(words, &commit)).exit, -1);
    assert!(repo.root.join(".crew/crew.db-wal").metadata().expect("the log").len() < 32, "half of its head");
    // The third and all later calls that make something fail; those before do not.
    let full =
        Fault { path: "/runs/", times: 0, then: Then::Fail(libc::ENOSPC), ..Fault::kill(3, Then::KillAfter) };
    let ran = run_command(repo.faulty(words, &full));
    assert!(ran.exit > 0 && ran.err.contains("No space left on device"), "{ran:?}");
    let mut command = repo.command(words);
    faults::meets(&mut command, &Fault::kill(10_000, Then::KillBefore));
    run_command(command).exits(0);
}
