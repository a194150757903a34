//! A run is a trace: whoever works for it knows its place in it.

use crate::support::{TestRepo, run_command};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Carries out a run with an agent, its check and a command step, and returns the places that they were told, in this order,
/// and the run's own id.
fn places(repo: &TestRepo, caller: Option<&str>) -> (Vec<String>, String) {
    repo.agent("mine", "say-env submit:done");
    let check = format!("echo checks TRACEPARENT=$TRACEPARENT >>{}", repo.beside("checked").display());
    let _ = std::fs::remove_file(repo.beside("checked"));
    repo.workflow(
        "one",
        &format!("## a\nrun: env\n\n## work\nrole: executor\nagent: mine\nverify: {check}\n\nDo it."),
    );
    let mut command = repo.command(["run", "g", "--workflow", "one", "--no-verify-cache"]);
    command.envs(caller.map(|caller| ("TRACEPARENT", caller)));
    run_command(command).exits(0);
    let logs = [
        repo.log("work", 1),
        std::fs::read_to_string(repo.beside("checked")).expect("it was checked"),
        repo.log("a", 1),
    ];
    let place = |log: &String| {
        let (_, rest) = log.split_once("TRACEPARENT=").unwrap_or_else(|| panic!("no place in {log}"));
        rest.split_whitespace().next().expect("a value").to_owned()
    };
    let run = repo.crew(["status", "last", "--json"]).json()["id"].as_str().expect("an id").to_owned();
    (logs.iter().map(place).collect(), run)
}

#[test]
fn an_attempts_children_are_told_its_place_in_the_trace_of_the_run() {
    let repo = TestRepo::new();
    let (own, run) = places(&repo, None);
    let fields: Vec<Vec<&str>> = own.iter().map(|place| place.split('-').collect()).collect();
    let [agent, check, command] = &fields[..] else { panic!("{own:?}") };
    assert_eq!((agent[0], agent[1].len(), agent[2].len(), agent[3]), ("00", 32, 16, "01"), "{own:?}");
    assert_eq!(agent, check, "it is part of the attempt");
    assert_eq!((agent[1], command[0]), (command[1], "00"));
    assert_ne!(agent[2], command[2]);
    let (other, again) = places(&repo, None);
    assert!(run != again && other[0] != own[0], "each run has a trace of its own");
}

#[test]
fn a_run_that_is_called_from_a_trace_is_part_of_it_and_nonsense_is_no_trace() {
    let repo = TestRepo::new();
    let (places_of_called, run) = places(&repo, Some(CALLER));
    assert!(places_of_called.iter().all(|place| place.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")));
    assert!(!places_of_called.iter().any(|place| place.contains("00f067aa0ba902b7")));
    let events = repo.crew(["events", &run, "--json"]).json();
    assert_eq!(events["data"][0]["caller"], CALLER);
    let unsampled = CALLER.replace("-01", "-00");
    assert!(places(&repo, Some(&unsampled)).0.iter().all(|place| place.ends_with("-00")));
    for nonsense in ["", "hello", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let (own, run) = places(&repo, Some(nonsense));
        assert!(own.iter().all(|place| place.ends_with("-01") && !place.contains("4bf92f")), "{own:?}");
        assert!(repo.crew(["events", &run, "--json"]).json()["data"][0].get("caller").is_none());
    }
}

#[test]
fn what_a_caller_hands_on_reaches_the_children_in_its_trace_and_in_no_other() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: env");
    let state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    for (caller, arrives) in [(Some(CALLER), true), (None, false), (Some("nonsense"), false)] {
        let mut command = repo.command(["run", "g", "--workflow", "one"]);
        command.envs(caller.map(|caller| ("TRACEPARENT", caller))).env("TRACESTATE", state);
        run_command(command).exits(0);
        let log = repo.log("a", 1);
        assert_eq!(log.contains(&format!("TRACESTATE={state}\n")), arrives, "{caller:?}: {log}");
        assert_eq!(log.contains("TRACESTATE"), arrives, "{caller:?}: {log}");
    }
}
