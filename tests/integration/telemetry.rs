//! What becomes of a run's numbers and of its trace: sent to a collector, served, written to files; and nothing of that
//! disturbs a run.

use crate::support::collector::{Collector, Manner, Message, Taken};
use crate::support::{PATIENCE, TestRepo, left_out, run_command, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An agent that calls a tool and hands in a result.
const SCRIPT: &str = r#"'say:{"crew":"tool","id":"1","name":"shell"}' 'say:{"crew":"tool_end","id":"1","ok":true}' submit:done 'say:{"crew":"end","ok":true}'"#;

fn sends_to(repo: &TestRepo, collector: &Collector) {
    repo.set("otlp", "export", json!(true));
    repo.set("otlp", "endpoint", json!(collector.url()));
}

/// Lets the run be one of an agent with a verification command, and a command that has to wait for it.
fn prepare(repo: &TestRepo) {
    repo.crew_agent("mine", SCRIPT);
    let check = format!("echo $TRACEPARENT >{}", repo.beside("place").display());
    repo.workflow(
        "one",
        &format!("## work\nrole: executor\nagent: mine\nverify: {check}\n\nDo it.\n\n## after\nrun: true\ndependsOn: work"),
    );
}

fn names(spans: &[Message]) -> Vec<String> {
    let mut names: Vec<String> = spans.iter().map(|span| span.text(5)).collect();
    names.sort();
    names
}

/// Returns the attributes of who sent a request.
fn resource(request: &Message) -> BTreeMap<String, String> {
    request.all(&[1, 1])[0].attributes(1)
}

/// Returns a metric of a request, by its name.
fn metric(request: &Message, name: &str) -> Message {
    let all = request.all(&[1, 2, 2]);
    all.into_iter().find(|metric| metric.text(1) == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn a_run_is_sent_as_a_trace_with_all_metrics() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    prepare(&repo);
    let mut command = repo.command(["run", "the s3cret goal", "--workflow", "one"]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2");
    let ran = run_command(command).exits(0);
    assert!(!ran.err.contains("telemetry"), "{}", ran.err);

    let requests = collector.requests();
    for Taken { headers, .. } in &requests {
        assert_eq!(
            (headers["content-type"].as_str(), headers["authorization"].as_str()),
            ("application/x-protobuf", "Bearer hunter2")
        );
        assert_eq!(headers.get("content-encoding"), None);
    }
    let spans = collector.spans();
    assert_eq!(
        names(&spans),
        [
            "command",
            "execute_tool shell",
            "invoke_agent mine",
            "invoke_workflow one",
            "task after",
            "task work",
            "verify"
        ]
    );
    let by_name = |name: &str| spans.iter().find(|span| span.text(5) == name).expect("a span");
    let place = std::fs::read_to_string(repo.beside("place")).expect("it was told its place");
    let attempt = by_name("invoke_agent mine");
    assert_eq!(format!("00-{}-{}-01", attempt.hex(1), attempt.hex(2)), place.trim());
    assert!(spans.iter().all(|span| span.hex(1) == attempt.hex(1) && span.number(7) <= span.number(8)));
    let parent_of =
        |name: &str, parent: &str| assert_eq!(by_name(name).hex(4), by_name(parent).hex(2), "{name}");
    parent_of("execute_tool shell", "invoke_agent mine");
    parent_of("verify", "invoke_agent mine");
    parent_of("invoke_agent mine", "task work");
    parent_of("command", "task after");
    parent_of("task after", "invoke_workflow one");
    assert_eq!(by_name("invoke_workflow one").hex(4), "");
    assert_eq!(by_name("task after").all(&[13])[0].hex(2), by_name("task work").hex(2), "it waited for that");
    let attributes = attempt.attributes(9);
    assert_eq!(
        (attributes["gen_ai.operation.name"].as_str(), attributes["crew.attempt.number"].as_str()),
        ("invoke_agent", "1")
    );

    let traces = collector.messages("/v1/traces");
    let [metrics] = &collector.messages("/v1/metrics")[..] else { panic!("they are sent once") };
    for request in traces.iter().chain([metrics]) {
        let who = resource(request);
        assert_eq!((who["service.name"].as_str(), who["vcs.repository.name"].as_str()), ("crew", "repo"));
        assert_eq!(who["service.instance.id"].len(), 32);
    }
    let runs = metric(metrics, "crew.run.count");
    let sum = &runs.all(&[7])[0];
    // It is cumulative and only ever grows.
    assert_eq!((sum.number(2), sum.number(3)), (2, 1));
    let point = &sum.all(&[1])[0];
    assert_eq!((point.number(6), point.attributes(7)["status"].as_str()), (1, "completed"));
    let (begin, at) = (point.number(2), point.number(3));
    assert!(begin > 0 && begin <= by_name("invoke_workflow one").number(7) && at > begin, "{begin} {at}");
    let durations = metric(metrics, "crew.run.duration_ms");
    let histogram = &durations.all(&[9])[0];
    assert_eq!(histogram.number(2), 2);
    let point = &histogram.all(&[1])[0];
    // One bucket more than there are bounds, eight bytes each.
    assert_eq!((point.number(4), point.bytes(6).len()), (1, point.bytes(7).len() + 8));
    let all: Vec<u8> = requests.iter().flat_map(|taken| taken.body.clone()).collect();
    let all = String::from_utf8_lossy(&all);
    assert!(!all.contains("s3cret goal") && !all.contains("hunter2"), "goals and secrets stay here");
}

/// A Python with OpenTelemetry's own definitions, which `.ci/opentelemetry` installs.
fn opentelemetry() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/opentelemetry");
    let found = folder.join("whole").exists().then(|| folder.join("bin/python"));
    if found.is_none() {
        left_out(
            "OpenTelemetry's definitions are not here, so what they say of crew is left out: .ci/opentelemetry",
        );
    }
    found
}

#[test]
fn what_is_sent_is_what_opentelemetrys_own_definitions_say() {
    let Some(python) = opentelemetry() else { return };
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    prepare(&repo);
    repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0);
    repo.workflow(
        "bad",
        "## a\nrun: exit 3\n\n## b\nrun: true\ndependsOn: a\n\n## c\nrun: true\ngate: before",
    );
    repo.crew(["run", "g", "--workflow", "bad", "--quiet"]).exits(3);
    repo.crew(["approve", "g1", "--by", "Ann"]).exits(0);
    repo.crew(["resume", "last", "--quiet"]).exits(1);
    let mut read = Command::new(python);
    read.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/otlp.py"));
    for (number, Taken { path, body, .. }) in collector.requests().iter().enumerate() {
        let file = repo.beside(&format!("{number}.{}", path.rsplit('/').next().expect("a name")));
        std::fs::write(&file, body).expect("a file");
        read.arg(file);
    }
    let output = read.output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(said["wrong"], json!([]), "{said:#}");
    assert!(
        said["senders"].as_array().expect("a list").iter().all(|sender| sender["service.name"] == "crew")
    );
    let spans = said["spans"].as_array().expect("a list");
    let named = |name: &str| spans.iter().find(|span| span["name"] == name).expect("a span");
    assert_eq!(spans.len(), 7 + 7, "{spans:#?}");
    let of_a = named("task a");
    assert_eq!((&of_a["status"], &of_a["kind"]), (&json!("STATUS_CODE_ERROR"), &json!("SPAN_KIND_INTERNAL")));
    assert_eq!(of_a["attributes"]["error.type"], "verify_failed");
    assert_eq!(named("execute_tool shell")["status"], "STATUS_CODE_UNSET");
    let attempts = &said["metrics"]["crew.attempt.count"];
    assert_eq!((&attempts["kind"], &attempts["unit"]), (&json!("sum"), &json!("1")));
    let points = |name: &str| said["metrics"][name]["points"].as_array().expect("points").clone();
    let total = |name: &str, key: &str| {
        points(name).iter().map(|point| point[key].as_u64().expect("a number")).sum::<u64>()
    };
    assert_eq!((total("crew.attempt.count", "value"), total("crew.attempt.duration_ms", "count")), (4, 4));
    assert_eq!(said["metrics"]["crew.run.duration_ms"]["kind"], "histogram");
    assert!(points("crew.store.size_bytes")[0]["value"].as_u64().is_some_and(|size| size > 10_000));
}

#[test]
fn past_runs_are_sent_with_the_same_ids_when_somebody_asks_for_it() {
    let repo = TestRepo::new();
    let live = Collector::start(Manner::Takes);
    sends_to(&repo, &live);
    prepare(&repo);
    repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0);
    repo.set("otlp", "export", json!(false));
    repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0);
    let ids = |collector: &Collector, name: &str| -> Vec<(String, String)> {
        let spans = collector.spans();
        spans.iter().filter(|span| span.text(5) == name).map(|span| (span.hex(1), span.hex(2))).collect()
    };
    let sent = ids(&live, "invoke_agent mine");
    assert_eq!(sent.len(), 1, "the second run was not to be sent");

    let later = Collector::start(Manner::Takes);
    repo.set("otlp", "endpoint", json!(later.url()));
    let told = repo.crew(["metrics", "--otlp", "--window", "1d", "--json"]).exits(0).json();
    assert_eq!((&told["runs"], &told["spans"], &told["dropped"]), (&json!(2), &json!(14), &json!(0)));
    assert!(told["series"].as_u64().is_some_and(|series| series > 10), "{told}");
    let again = ids(&later, "invoke_agent mine");
    assert_eq!((again.len(), again.contains(&sent[0])), (2, true));

    let nothing_but_metrics = Collector::start(Manner::Takes);
    repo.set("otlp", "endpoint", json!(nothing_but_metrics.url()));
    let told = repo.crew(["metrics", "--otlp"]).exits(0).out;
    assert!(
        told.starts_with("0 spans of 0 runs and ") && told.contains(&nothing_but_metrics.url()),
        "{told}"
    );
    assert_eq!(nothing_but_metrics.messages("/v1/metrics").len(), 1);
    let one = Collector::start(Manner::Takes);
    repo.set("otlp", "endpoint", json!(one.url()));
    repo.crew(["metrics", "--otlp", "--run", "last"]).exits(0);
    assert_eq!(one.spans().len(), 7);
}

#[test]
fn what_was_interrupted_is_sent_as_unfinished_and_who_fails_to_send_is_told() {
    let repo = TestRepo::new();
    repo.workflow("two", "## a\nrun: true\n\n## b\nrun: true\ngate: before");
    repo.crew(["run", "g", "--workflow", "two", "--quiet"]).exits(3);
    let collector = Collector::start(Manner::Takes);
    repo.set("otlp", "endpoint", json!(collector.url()));
    repo.crew(["metrics", "--otlp", "--run", "last"]).exits(0);
    let open: Vec<String> = collector
        .spans()
        .iter()
        .filter(|span| span.attributes(9).contains_key("crew.unfinished"))
        .map(|span| span.text(5))
        .collect();
    assert_eq!(open, ["gate start", "task b", "invoke_workflow two"]);

    let refuses = Collector::start(Manner::Refuses(401, None));
    repo.set("otlp", "endpoint", json!(refuses.url()));
    let failed = repo.crew(["metrics", "--otlp", "--run", "last"]).exits(1);
    assert!(failed.err.contains("401") && failed.err.contains("not sent"), "{}", failed.err);
    let mut command = repo.command(["metrics", "--otlp"]);
    command.env("OTEL_EXPORTER_OTLP_HEADERS", "authorization: hunter2");
    let refused = run_command(command).exits(2);
    assert!(
        refused.err.contains("OTEL_EXPORTER_OTLP_HEADERS") && !refused.err.contains("hunter2"),
        "{}",
        refused.err
    );
}

#[test]
fn a_run_that_goes_on_sends_what_ended_since() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    repo.workflow("two", "## a\nrun: true\n\n## b\nrun: true\ngate: before\ndependsOn: a");
    repo.crew(["run", "g", "--workflow", "two", "--quiet"]).exits(3);
    assert_eq!(names(&collector.spans()), ["command", "task a"]);
    repo.crew(["approve", "g1", "--by", "Ann"]).exits(0);
    repo.crew(["resume", "last", "--quiet"]).exits(0);
    let spans = collector.spans();
    assert_eq!(
        names(&spans),
        ["command", "command", "gate start", "invoke_workflow two", "task a", "task b"]
    );
    assert!(spans.iter().all(|span| span.hex(1) == spans[0].hex(1)), "it is one trace");
}

#[test]
fn what_ended_just_before_crew_was_killed_is_in_the_trace() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    let gate = repo.gate("stay");
    let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
    repo.workflow("two", &format!("## a\nrun: true\n\n## b\nrun: {wait}\ndependsOn: a"));
    let crew = repo.start(["run", "g", "--workflow", "two", "--quiet"]);
    repo.wait_for_event("b is at work", |event| event["kind"] == "process_started" && event["task"] == "b");
    crew.kill();
    repo.open("stay");
    repo.crew(["resume", "last", "--quiet"]).exits(0);
    let spans = collector.spans();
    let mut found = names(&spans);
    found.dedup();
    assert_eq!(found, ["command", "invoke_workflow two", "task a", "task b"]);
    // Of each attempt there is one span, however often it came.
    let mut attempts: Vec<String> =
        spans.iter().filter(|span| span.text(5) == "command").map(|span| span.hex(2)).collect();
    attempts.sort();
    attempts.dedup();
    assert!((2..=3).contains(&attempts.len()), "{attempts:?}");
    repo.leaves_no_process();
}

#[test]
fn what_a_person_ends_while_nobody_carries_it_out_is_sent_too() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    repo.workflow("two", "## a\nrun: true\n\n## b\nrun: true\ngate: before\ndependsOn: a");
    repo.crew(["run", "g", "--workflow", "two", "--quiet"]).exits(3);
    repo.crew(["cancel", "last", "--by", "Ann"]).exits(0);
    let cancelled = ["command", "gate start", "invoke_workflow two", "task a", "task b"];
    assert_eq!(names(&collector.spans()), cancelled);
    assert_eq!(collector.messages("/v1/metrics").len(), 2);
}

#[test]
fn a_collector_that_was_not_there_for_several_runs_is_not_waited_for_by_the_next() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Refuses(503, None));
    sends_to(&repo, &collector);
    repo.workflow("one", "## a\nrun: true");
    let run = || repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0).err;
    let mut asked = 0;
    let untried = (0..8).find_map(|_| {
        let said = run();
        let before = std::mem::replace(&mut asked, collector.requests().len());
        (asked == before).then_some(said)
    });
    let untried = untried.expect("in the end nothing is tried");
    assert!(untried.contains("nothing is tried") && untried.contains("not sent"), "{untried}");
    assert!(repo.crew(["doctor"]).out.contains("nothing is tried"));
    assert!(asked >= 5, "{asked}");

    // What it says of one says nothing of another, and whoever asks for it is not put off.
    let other = Collector::start(Manner::Takes);
    repo.set("otlp", "endpoint", json!(other.url()));
    assert!(!run().contains("telemetry") && !other.spans().is_empty());
    repo.set("otlp", "endpoint", json!(collector.url()));
    repo.crew(["metrics", "--otlp"]).exits(1);
    assert!(collector.requests().len() > asked);
}

#[test]
fn a_caller_that_does_not_want_the_trace_kept_gets_metrics_only() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    repo.workflow("one", "## a\nrun: true");
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    command.env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    run_command(command).exits(0);
    assert!(collector.spans().is_empty());
    assert_eq!(collector.messages("/v1/metrics").len(), 1);
}

/// Nobody is connected to unless the settings say so, whatever the environment says.
pub fn export_is_off_unless_asked_for() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    repo.workflow("one", "## a\nrun: true");
    let run = |variables: &[(&str, &str)]| {
        let mut command = repo.command(["run", "g", "--workflow", "one"]);
        command.envs(variables.iter().copied());
        run_command(command).exits(0)
    };
    let endpoint = [("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())];
    let endpoint = endpoint.each_ref().map(|(name, value)| (*name, value.as_str()));
    run(&endpoint);
    assert!(collector.requests().is_empty());
    run(&[endpoint[0], ("CREW_OTLP_EXPORT", "true")]);
    assert_eq!(names(&collector.spans()).len(), 3);
}

#[test]
fn no_proxy_is_asked_for_a_collector_of_this_machine() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    repo.workflow("one", "## a\nrun: true");
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        // Nobody listens there.
        command.env(name, "http://127.0.0.1:9");
    }
    let ran = run_command(command).exits(0);
    assert!(!ran.err.contains("telemetry") && !collector.spans().is_empty(), "{}", ran.err);
}

pub fn endpoint_is_where_it_is_sent() {
    let repo = TestRepo::new();
    let (ours, theirs) = (Collector::start(Manner::Takes), Collector::start(Manner::Takes));
    sends_to(&repo, &ours);
    repo.workflow("one", "## a\nrun: true");
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", theirs.url());
    run_command(command).exits(0);
    assert!(!ours.requests().is_empty() && theirs.requests().is_empty());
    let doctor = repo.crew(["doctor"]).out;
    let line = doctor.lines().find(|line| line.starts_with("telemetry")).expect("it is told");
    assert!(line.contains(&ours.url()) && line.ends_with("ok"), "{line}");
}

#[test]
fn a_project_neither_turns_it_on_nor_says_where_it_goes() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    let file = repo.beside("project.prom");
    repo.write(
        ".crew/config.json",
        &json!({"otlp": {"export": true, "endpoint": collector.url()},
            "metrics": {"textfile": file, "jsonl": true}})
        .to_string(),
    );
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    repo.set("otlp", "export", json!(true));
    // Nobody listens there.
    repo.set("otlp", "endpoint", json!("http://127.0.0.1:9"));
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    assert!(
        collector.requests().is_empty() && !file.exists() && !repo.root.join(".crew/logs/metrics").exists()
    );
}

/// Carries out a run with a collector of some manner; returns what is said about that, and how long it took.
#[track_caller]
fn disturbed(manner: Manner, seconds: u64) -> (String, Duration, usize) {
    let repo = TestRepo::new();
    let collector = Collector::start(manner);
    sends_to(&repo, &collector);
    repo.set("otlp", "timeout_seconds", json!(seconds));
    repo.workflow("one", "## a\nrun: true");
    let began = Instant::now();
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let took = began.elapsed();
    let said: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("telemetry: ")).collect();
    let doctor = repo.crew(["doctor"]).out;
    let line = doctor.lines().find(|line| line.starts_with("telemetry")).expect("it is told");
    assert_eq!(line.contains("last time: "), !said.is_empty(), "{line}");
    (said.join("\n"), took, collector.requests().len())
}

#[test]
fn a_collector_that_behaves_badly_fails_no_run_and_is_told_once() {
    let rows = [
        (Manner::Refuses(500, None), "500"),
        (Manner::Refuses(404, None), "404"),
        (Manner::Refuses(503, None), "503"),
        (Manner::Refuses(429, Some("3600")), "429"),
        (Manner::Redirects, "302"),
        (Manner::Garbage, ""),
        (Manner::Page, "what no collector says"),
        (Manner::Closes, ""),
        (Manner::TakesInPart(1), "did not want 1 of "),
    ];
    let began: Vec<_> = rows
        .into_iter()
        .map(|(manner, expected)| (manner, expected, std::thread::spawn(move || disturbed(manner, 10))))
        .collect();
    for (manner, expected, thread) in began {
        let (said, took, _) = thread.join().expect("the run went well");
        assert!(said.contains(expected) && said.contains("not sent"), "{manner:?}: {said}");
        assert!(said.lines().count() == 1 && took < PATIENCE, "{manner:?}: {said}");
    }
}

#[test]
fn what_is_refused_for_a_moment_is_sent_again_and_nobody_hears_of_it() {
    let (said, _, requests) = disturbed(Manner::RefusesFirst(1), 10);
    assert_eq!((said.as_str(), requests), ("", 3));
    let (said, took, _) = disturbed(Manner::Slow(300), 10);
    assert_eq!(said, "");
    assert!(took < PATIENCE);
}

/// A request takes no longer than the setting says: with ten seconds each, five would take fifty.
pub fn timeout_seconds_end_one_that_hangs() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Hangs);
    sends_to(&repo, &collector);
    repo.set("otlp", "timeout_seconds", json!(1));
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let began = Instant::now();
    let told = repo.crew(["metrics", "--otlp", "--json"]).exits(1);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert_eq!(told.json()["failures"], 5);
    assert!(told.err.contains("after 5 failures in a row nothing is tried for a while"), "{}", told.err);
}

#[test]
fn a_collector_that_is_silent_is_given_up_after_five_requests_of_as_many_runs() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Hangs);
    sends_to(&repo, &collector);
    repo.set("otlp", "timeout_seconds", json!(60));
    repo.workflow("one", "## a\nrun: true");
    for run in 1..=5 {
        let began = Instant::now();
        let said = repo.crew(["run", "g", "--workflow", "one"]).exits(0).err;
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let is_over = said.contains("after 5 failures in a row nothing is tried for a while");
        assert_eq!(is_over, run == 5, "{run}: {said}");
        assert_eq!(collector.requests().len(), run);
    }
    let said = repo.crew(["run", "g", "--workflow", "one"]).exits(0).err;
    assert!(said.contains("nothing is tried for another") && collector.requests().len() == 5, "{said}");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_collector_that_hangs() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Hangs);
    sends_to(&repo, &collector);
    repo.set("otlp", "timeout_seconds", json!(60));
    repo.workflow("one", "## a\nrun: true");
    let began = Instant::now();
    let running = repo.start(["run", "g", "--workflow", "one"]);
    wait_until("the collector is asked", || !collector.requests().is_empty());
    // The run is over by then, or is about to be.
    repo.wait_for_event("the run ends", |event| event["kind"] == "run_ended");
    std::thread::sleep(Duration::from_millis(300));
    running.signal(libc::SIGINT);
    let ran = running.ends();
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert!(ran.exit == 0 || ran.exit == 130, "{} {}", ran.exit, ran.err);
}

pub fn gzip_is_what_is_sent() {
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    sends_to(&repo, &collector);
    repo.set("otlp", "gzip", json!(true));
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let requests = collector.requests();
    assert!(requests.len() >= 2, "{requests:?}");
    for Taken { headers, body, .. } in requests {
        assert_eq!(headers["content-encoding"], "gzip");
        let packed = repo.beside("body.gz");
        std::fs::write(&packed, body).expect("a file");
        let output = Command::new("gzip").args(["-dc"]).arg(&packed).output().expect("gzip runs");
        assert!(output.status.success());
        assert_eq!(resource(&Message::read(&output.stdout))["service.name"], "crew");
    }
}

pub fn textfile_is_written_at_each_runs_end() {
    let repo = TestRepo::new();
    let path = repo.beside("node/crew.prom");
    repo.set("metrics", "textfile", json!(path));
    repo.workflow("one", "## a\nrun: true");
    for runs in 1..=2 {
        repo.crew(["run", "g", "--workflow", "one"]).exits(0);
        let text = std::fs::read_to_string(&path).expect("a file");
        let of_runs: Vec<&str> = text.lines().filter(|line| line.starts_with("crew_run_total{")).collect();
        let [line] = of_runs[..] else { panic!("{of_runs:?}") };
        let label = format!("repository=\"{}\"", repo.root.display());
        assert!(line.contains(&label) && line.ends_with(&format!(" {runs}")), "{line}");
        checked_by_promtool(&text);
    }
    let (folder, other) = (repo.beside("each"), TestRepo::new());
    for repo in [&repo, &other] {
        repo.set("metrics", "textfile", json!(folder.join("crew-{repository}.prom")));
        repo.workflow("one", "## a\nrun: true");
        repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    }
    let files = std::fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(files, 2, "one does not take the other's away");
    repo.set("metrics", "textfile", json!("/proc/nowhere/crew.prom"));
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    assert!(ran.err.contains("telemetry: metrics.textfile: ") && ran.err.contains("os error"), "{}", ran.err);
}

pub fn jsonl_has_a_line_for_each_run() {
    let repo = TestRepo::new();
    repo.set("metrics", "jsonl", json!(true));
    repo.workflow("one", "## a\nrun: true");
    let folder = repo.root.join(".crew/logs/metrics");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("2020-01-01.jsonl"), "{}\n").expect("a file");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    let lines: Vec<Value> = files
        .iter()
        .flat_map(|path| {
            std::fs::read_to_string(path).expect("a file").lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .map(|line| serde_json::from_str(&line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{files:?}");
    let of_runs = |line: &Value| {
        let all = line["snapshots"].as_array().expect("a list").clone();
        all.into_iter().find(|series| series["name"] == "crew.run.count").expect("it is counted")["value"]
            .clone()
    };
    assert_eq!(lines.iter().map(of_runs).collect::<Vec<_>>(), [json!(1), json!(2)]);
    assert!(lines[0]["exportedAt"].is_string());
}

#[test]
fn a_textfile_is_written_when_somebody_asks_for_it() {
    let repo = TestRepo::new();
    let path = repo.beside("crew.prom");
    let typed = path.display().to_string();
    let nothing = repo.crew(["metrics", "--textfile", &typed]).exits(0);
    assert!(nothing.out.starts_with("0 series written to "), "{}", nothing.out);
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let told = repo.crew(["metrics", "--textfile", &typed, "--json"]).exits(0).json();
    let text = std::fs::read_to_string(&path).expect("a file");
    assert!(
        told["series"].as_u64().is_some_and(|series| series > 5) && text.contains("crew_run_total{"),
        "{told}"
    );
    // Nothing is open, and that is said.
    for open in [
        "crew_run_open{status=\"running\"",
        "crew_task_open{status=\"queued\"",
        "crew_gate_open{about=\"question\"",
    ] {
        let (name, label) = open.split_once('{').expect("a label");
        let is_none = |line: &str| line.starts_with(name) && line.contains(label) && line.ends_with(" 0");
        assert!(text.lines().any(is_none), "{open}: {text}");
    }
    // As in the setting, each repository has a file of its own.
    let named = repo.beside("each/crew-{repository}.prom").display().to_string();
    let told = repo.crew(["metrics", "--textfile", &named, "--json"]).exits(0).json();
    let written = told["path"].as_str().expect("a path");
    assert!(written.contains("/crew-repo-") && !written.contains('{'), "{written}");
    assert_eq!(std::fs::read_to_string(written).expect("a file"), text);
    assert!(repo.crew(["metrics", "--textfile", "/tmp/metrics.txt"]).exits(2).err.contains(".prom"));
}

/// Prometheus, which `.ci/prometheus` unpacks.
fn prometheus(program: &str) -> Option<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/prometheus/usr/bin").join(program);
    let found = if ours.exists() { Some(ours) } else { which::which(program).ok() };
    if found.is_none() {
        left_out(&format!(
            "{program} is not here, so what it says of crew is left out: .ci/prometheus unpacks it"
        ));
    }
    found
}

fn checked_by_promtool(text: &str) {
    let Some(promtool) = prometheus("promtool") else { return };
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // 3 is for what it would name otherwise: a gauge that ends in `_count`.
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said}");
    assert!(!said.contains("error while linting"), "{said}");
}

/// A server of metrics that is ended with the test.
struct Served {
    running: Option<crate::support::Running>,
    address: String,
}

impl Served {
    fn start(repo: &TestRepo, address: &str) -> Served {
        let out = repo.beside("served");
        let running = repo.start_into(["metrics", "--serve", address], &out);
        let mut url = String::new();
        wait_until("it says where it listens", || {
            url = std::fs::read_to_string(&out).unwrap_or_default();
            url.ends_with('\n')
        });
        let address = url.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics"));
        Served { running: Some(running), address: address.expect("an address").to_owned() }
    }

    fn get(&self, path: &str, accept: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a stream");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n").expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

#[test]
fn metrics_are_served_until_ctrl_c() {
    let repo = TestRepo::new();
    let mut served = Served::start(&repo, "0");
    assert!(served.address.starts_with("127.0.0.1:"), "{}", served.address);
    assert!(served.get("/healthz", "*/*").starts_with("HTTP/1.1 200 "));
    assert!(served.get("/metrics", "*/*").starts_with("HTTP/1.1 200 "), "before the first run too");
    repo.workflow("one", "## a\nrun: true");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    wait_until("the run is counted", || served.get("/metrics", "*/*").contains("\ncrew_run_total{"));
    let open = served.get("/metrics", "application/openmetrics-text; version=1.0.0");
    assert!(open.contains("application/openmetrics-text") && open.ends_with("# EOF\n"), "{open}");
    assert!(served.get("/", "*/*").starts_with("HTTP/1.1 404 "));
    // As the browser of this machine asks for a page whose name suddenly means this machine.
    let elsewhere = served.get("/metrics", "*/*\r\nHost: evil.example");
    assert!(elsewhere.starts_with("HTTP/1.1 403 ") && !elsewhere.contains("crew_run"), "{elsewhere}");
    let second = repo.crew(["metrics", "--serve", &served.address]).exits(4);
    assert!(second.err.contains("nothing can listen at"), "{}", second.err);
    let running = served.running.take().expect("it runs");
    running.signal(libc::SIGINT);
    let ended = running.ends();
    assert_eq!(ended.exit, 0, "{}", ended.err);
    assert!(!ended.err.contains("warning"), "{}", ended.err);
}

#[test]
fn who_serves_everybody_is_warned() {
    let repo = TestRepo::new();
    let mut served = Served::start(&repo, "0.0.0.0:0");
    let running = served.running.take().expect("it runs");
    running.signal(libc::SIGTERM);
    let ended = running.ends();
    assert_eq!(ended.exit, 0);
    assert!(ended.err.contains("warning: everybody who can reach 0.0.0.0:"), "{}", ended.err);
    repo.crew(["metrics", "--serve", "example.org:1"]).exits(2);
}

#[test]
fn a_real_prometheus_reads_what_is_served() {
    let Some(program) = prometheus("prometheus") else { return };
    let repo = TestRepo::new();
    prepare(&repo);
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let served = Served::start(&repo, "0");
    checked_by_promtool(served.get("/metrics", "*/*").split_once("\r\n\r\n").expect("a body").1);
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let settings = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: crew\n    static_configs:\n      - targets: ['{}']\n",
        served.address
    );
    let config = repo.beside("prometheus.yml");
    std::fs::write(&config, settings).expect("a file");
    let mut prometheus = Command::new(program)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", repo.beside("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("prometheus starts");
    let ask = |query: &str| -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET /api/v1/query?query={query} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        body["data"]["result"].as_array()?.first().cloned()
    };
    let mut found = [None, None];
    let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_until("prometheus has read it", || {
            found = ["crew_run_total", "crew_task_duration_seconds_count"].map(ask);
            found.iter().all(Option::is_some)
        });
    }));
    let _ = prometheus.kill();
    let _ = prometheus.wait();
    let up = served.get("/healthz", "*/*");
    assert!(read.is_ok() && up.starts_with("HTTP/1.1 200 "), "{found:?}");
    let runs = found[0].as_ref().expect("it was read");
    assert_eq!((&runs["metric"]["status"], &runs["value"][1]), (&json!("completed"), &json!("1")));
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill();
        }
    }
}
