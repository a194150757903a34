//! A provider that limits requests: those who use it wait together, and nobody fails for it.

use crate::support::{TestRepo, of_kind, task, wait_until};
use serde_json::{Value, json};

const RESULT: &str = "crew submit result --summary s --confidence 1 --rationale r";
const END: &str = r#"echo '{"crew":"end","ok":true}'"#;

/// Makes an agent of a shell script that speaks the line protocol; `more` follows the command.
fn agent(repo: &TestRepo, name: &str, more: &str, script: &str) {
    let path = repo.beside(&format!("{name}.sh"));
    std::fs::write(&path, format!("cat >/dev/null\n{script}\n")).expect("a script");
    let command = format!("sh {} {more}", path.display());
    repo.set(
        "agents",
        name,
        json!({"command": command, "prompt": "stdin", "output": "crew", "writes": true}),
    );
}

fn limited(after: f64) -> String {
    format!(
        r#"echo '{{"crew":"error","kind":"rate_limited","message":"429","retry_after_s":{after}}}'; exit 1"#
    )
}

/// Steps that only read, each with its agent.
fn steps<'a>(steps: impl IntoIterator<Item = (String, &'a str)>) -> String {
    let text = |(id, agent): (String, &str)| format!("## {id}\nrole: explorer\nagent: {agent}\n\nLook.\n\n");
    steps.into_iter().map(text).collect()
}

fn millis(value: &Value) -> i64 {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
}

#[test]
fn ten_agents_of_one_limited_provider_wait_together_and_none_of_them_fails() {
    let repo = TestRepo::new();
    let calls = repo.beside("calls");
    std::fs::create_dir(&calls).expect("a folder");
    // The first three calls meet the limit.
    let count = format!("n=0; while ! mkdir {}/$n 2>/dev/null; do n=$((n+1)); done", calls.display());
    let limit = limited(0.2);
    agent(&repo, "limits", "", &format!("{count}\nif [ $n -lt 3 ]; then {limit}; fi\n{RESULT}\n{END}"));
    agent(&repo, "free", "", &format!("{RESULT}\n{END}"));
    let of_one = (0..10).map(|at| (format!("t{at}"), "limits"));
    repo.workflow("many", &steps(of_one.chain([("other".to_owned(), "free")])));
    let sets = ["--jobs", "3", "--set", "retry.backoff_ms=50"];
    let run =
        repo.crew(["run", "the goal", "--workflow", "many", "--json"].iter().chain(&sets)).exits(0).json();
    for at in 0..10 {
        let task = task(&run, &format!("t{at}"));
        let attempts = if at < 3 { 2 } else { 1 };
        assert_eq!((&task["state"], &task["attempts"]), (&json!("completed"), &json!(attempts)), "{task:#}");
    }
    assert_eq!(std::fs::read_dir(&calls).expect("calls").count(), 13);
    let events = repo.events();
    let ended = of_kind(&events, "attempt_ended");
    let until = ended.iter().map(|end| &end["limited"]["until"]).filter(|until| !until.is_null());
    let until: Vec<i64> = until.map(millis).collect();
    let first = millis(&ended.iter().find(|end| !end["limited"].is_null()).expect("an end")["at"]);
    let last = until.iter().copied().max().expect("a time");
    assert!(until.len() == 3 && last >= first + 200, "the server is honoured: {ended:#?}");
    let started = of_kind(&events, "attempt_started");
    let later: Vec<&&Value> = started.iter().filter(|start| start["agent"] == "limits").skip(3).collect();
    let place = |event: &Value| events.iter().position(|other| other == event).expect("an event");
    for start in &later {
        // The third may have met the limit only when the first had waited for long enough.
        let told = ended.iter().filter(|end| !end["limited"].is_null() && place(end) < place(start));
        let after = told.map(|end| millis(&end["limited"]["until"])).max().expect("one was told");
        assert!(millis(&start["at"]) >= after, "{after}: {later:#?}");
    }
    let met = ["t0", "t1", "t2"].map(Value::from);
    assert!(met.contains(&later[0]["task"]), "those that were there first: {later:#?}");
    // One goes first, and the others follow when it has come through, or well apart from it.
    let between = &events[place(later[0])..place(later[1])];
    let apart = millis(&later[1]["at"]) - millis(&later[0]["at"]);
    assert!(apart >= 30 || between.iter().any(|event| event["outcome"] == "succeeded"), "{between:#?}");
    let other = started.iter().find(|start| start["task"] == "other").expect("a start");
    assert!(place(other) < place(later[0]), "another provider is not held up");
}

#[test]
fn who_takes_the_run_over_keeps_away_from_the_provider_too_and_says_so() {
    let repo = TestRepo::new();
    let gate = repo.gate("u");
    agent(&repo, "limits", "", &limited(600.0));
    let waits = format!("## u\nrun: touch begun; while [ -e {} ]; do sleep 0.02; done\n", gate.display());
    let of_one = ["t0", "t1"].map(|id| (id.to_owned(), "limits"));
    repo.workflow("two", &(steps(of_one) + &waits));
    let running = repo.start(["run", "the goal", "--workflow", "two", "--json", "--jobs", "1"]);
    repo.wait_for_file("begun");
    let told = |running: bool| {
        let status = repo.crew(["status", "last", "--json"]).exits(0).json();
        let waits = &task(&status, "t1")["waits_for"];
        assert_eq!((&waits["provider"], &waits["error_kind"]), (&json!("limits"), &json!("rate_limited")));
        let shown = repo.crew(["status", "last"]).exits(0).out;
        assert!(shown.matches("waits for limits: rate limited, ").count() == 2, "{running}: {shown}");
    };
    told(true);
    running.kill();
    told(false);
    let running = repo.start(["resume", "last", "--json"]);
    repo.wait_for_event("it was taken over", |event| {
        event["kind"] == "attempt_started" && event["attempt"] == 2
    });
    repo.open("u");
    repo.wait_for_event("the command has ended", |event| event["outcome"] == "succeeded");
    told(true);
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    let events = repo.events();
    let started = of_kind(&events, "attempt_started");
    let tasks: Vec<&str> = started.iter().filter_map(|start| start["task"].as_str()).collect();
    assert_eq!(tasks, ["t0", "u", "u"]);
}

#[test]
fn a_fallback_to_another_model_counts_as_an_attempt() {
    let repo = TestRepo::new();
    let gone = r#"echo '{"crew":"error","kind":"model_not_available","message":"no such model"}'; exit 1"#;
    agent(&repo, "picky", "{model}", &format!("if [ \"$1\" = first ]; then {gone}; fi\n{}", limited(0.0)));
    let file =
        "---\nname: careful\ndescription: A test\nmodel: first\nfallbackModels: second\n---\nLook well.\n";
    repo.put_user("agents/careful.md", file);
    repo.workflow("one", "## a\nrole: explorer\nagent: careful\n\nLook.");
    let sets = ["run.agent=picky", "retry.max_attempts=2", "retry.backoff_ms=1"];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let run =
        repo.crew(["run", "the goal", "--workflow", "one", "--json"].into_iter().chain(sets)).exits(1).json();
    let a = task(&run, "a");
    assert_eq!((&a["attempts"], &a["error_kind"]), (&json!(2), &json!("rate_limited")), "{a:#}");
    let events = repo.events();
    let models: Vec<&Value> =
        of_kind(&events, "attempt_started").into_iter().map(|start| &start["model"]).collect();
    assert_eq!(models, ["first", "second"]);
    assert_eq!(of_kind(&events, "attempt_ended")[0]["again"]["reason"], "model_fallback");
}

/// Returns when the attempts of a run's only task began and ended, in milliseconds, and what limited them.
fn attempts(repo: &TestRepo, run: &Value) -> Vec<(i64, i64, Option<i64>)> {
    let answer = repo.crew(["events", run["run"].as_str().expect("an id"), "--json"]).exits(0).json();
    let events = answer["data"].as_array().expect("a list");
    let (started, ended) = (of_kind(events, "attempt_started"), of_kind(events, "attempt_ended"));
    let until = |end: &Value| Some(&end["limited"]["until"]).filter(|until| !until.is_null()).map(millis);
    let of = |(start, end): (&&Value, &&Value)| (millis(&start["at"]), millis(&end["at"]), until(end));
    started.iter().zip(&ended).map(of).collect()
}

#[test]
fn two_runs_side_by_side_keep_away_from_what_one_has_met_and_one_of_them_tries_first() {
    let repo = TestRepo::new();
    agent(&repo, "never", "", &limited(600.0));
    repo.workflow("never", &steps([("a".to_owned(), "never")]));
    let is_limited = |event: &Value| event["kind"] == "attempt_ended" && !event["limited"].is_null();
    let one = repo.start(["run", "the goal", "--workflow", "never", "--json"]);
    repo.wait_for_event("the limit was met", is_limited);
    let other = repo.start(["run", "the other goal", "--workflow", "never", "--json"]);
    wait_until("the other one waits for it", || {
        let status = repo.crew(["status", "last", "--json"]).exits(0).json();
        status["goal"] == "the other goal" && task(&status, "a")["waits_for"]["provider"] == "never"
    });
    for running in [one, other] {
        running.signal(libc::SIGINT);
        running.ends().exits(130);
    }
    assert!(of_kind(&repo.events(), "attempt_started").is_empty(), "the other one never tried");

    let calls = repo.beside("calls");
    std::fs::create_dir(&calls).expect("a folder");
    let first = format!("if mkdir {}/first 2>/dev/null; then {}; fi", calls.display(), limited(0.5));
    agent(&repo, "soon", "", &format!("{first}\n{RESULT}\n{END}"));
    repo.workflow("soon", &steps([("a".to_owned(), "soon")]));
    let go = || repo.start(["run", "g", "--workflow", "soon", "--json", "--set", "retry.backoff_ms=50"]);
    let one = go();
    repo.wait_for_event("the limit was met", is_limited);
    let other = go();
    let one = attempts(&repo, &one.ends().exits(0).json());
    let other = attempts(&repo, &other.ends().exits(0).json());
    let [(.., Some(until)), again] = one[..] else { panic!("{one:?}") };
    let [theirs] = other[..] else { panic!("{other:?}") };
    let (first, second) = if again.0 <= theirs.0 { (again, theirs) } else { (theirs, again) };
    assert!(first.0 >= until, "{until}: {first:?} {second:?}");
    assert!(second.0 >= first.0 + 30 || second.0 >= first.1, "{first:?} {second:?}");
}
