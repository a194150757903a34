//! What it takes to measure: one number, a snapshot, and a record of a million events, the first time and from what is kept.

use super::again;
use super::support::TestRepo;
use crew::domain::event::Event;
use crew::domain::time::Time;
use crew::metrics::names::{Kind, Metric};
use crew::metrics::reading::{Window, of_store};
use crew::metrics::registry::Registry;
use crew::store::database::Store;
use crew::store::layout::Layout;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::{Duration, Instant};

const RUNS: usize = 6_250;
const TASKS: usize = 9;
/// Calls of tools in each attempt.
const CALLS: usize = 8;

/// How often a part of the rounds is measured by itself.
const PARTS: u32 = 20;

/// Prints what each of many takes on average, beside what such things may take: in the part of the rounds that went best, since
/// others work on the same machine.
fn each(name: &str, rounds: u32, limit: Duration, mut what: impl FnMut()) {
    let mut part = || {
        let rounds = rounds.div_ceil(PARTS);
        let began = Instant::now();
        (0..rounds).for_each(|_| what());
        began.elapsed() / rounds
    };
    let took = (0..PARTS.min(rounds)).map(|_| part()).min().unwrap_or_default();
    let ratio = took.as_secs_f64() / limit.as_secs_f64();
    println!("{name:24} {took:>12.2?}   {ratio:>6.2}x of {limit:?}");
}

/// Counting, observing, a snapshot; then a store with a million events.
pub fn metrics() {
    let mut registry = Registry::default();
    let labels = ["default", "executor", "claude", "opus", "completed", "first"];
    each("counter", 5_000_000, Duration::from_nanos(100), || {
        registry.add(Metric::TaskSettled, black_box(&labels), 1);
    });
    let mut millis = 0;
    each("histogram", 5_000_000, Duration::from_nanos(200), || {
        millis = (millis + 7_919) % 1_000_000;
        registry.observe(Metric::TaskDuration, black_box(&labels[..5]), millis);
    });
    for metric in Metric::ALL {
        for agent in ["claude", "codex"] {
            let labels = vec![agent; metric.spec().labels.len()];
            match metric.spec().kind {
                Kind::Counter => registry.add(*metric, &labels, 1),
                Kind::Gauge => registry.set(*metric, &labels, 1),
                Kind::Histogram => registry.observe(*metric, &labels, 1_000),
            }
        }
    }
    println!("{} series", registry.snapshot(Time(0)).series.len());
    each("snapshot", 2_000, Duration::from_millis(1), || drop(black_box(registry.snapshot(Time(0)))));
    million();
}

fn million() {
    let repo = TestRepo::new();
    let layout = Layout::of(&repo.root);
    drop(Store::open(&layout).expect("a store"));
    let events = fill(&layout);
    println!("{events} events, {} runs", RUNS);
    let now = Time(100 * DAY);
    let read = |name: &str, limit, window: Window| {
        let mut store = Store::open(&layout).expect("a store");
        let began = Instant::now();
        let snapshot = of_store(&mut store, window, now).expect("it is read");
        let took = began.elapsed();
        let ratio = took.as_secs_f64() / f64::from(limit) * 1e3;
        println!("{name:24} {took:>12.2?}   {ratio:>6.2}x of {limit} ms   {} series", snapshot.series.len());
    };
    for _ in 0..FIRST_TIMES {
        forget(&layout);
        read("the first time", 1_000, Window::ALL);
    }
    read("from what is kept", 50, Window::ALL);
    read("the last week", 50, Window { from: Some(Time(83 * DAY)), to: None });
    let command = repo.command(["metrics", "--json"]);
    each("crew metrics", 5, Duration::from_millis(50), || {
        assert!(again(&command).output().expect("crew runs").status.success());
    });
}

/// How often the first reading is measured: others work on the same machine.
const FIRST_TIMES: usize = 5;

/// Lets a store keep nothing of what its events came to.
fn forget(layout: &Layout) {
    let connection = Connection::open(layout.database()).expect("a store");
    connection
        .execute_batch("DELETE FROM figures_of_days; DELETE FROM figures_head")
        .expect("nothing is kept");
}

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// Fills a store with runs over three months, and returns how many events they have.
fn fill(layout: &Layout) -> usize {
    let mut connection = Connection::open(layout.database()).expect("a store");
    let one = events_of_a_run();
    let transaction = connection.transaction().expect("a transaction");
    for run in 0..RUNS {
        let begin = 90 * DAY / RUNS as i64 * run as i64;
        // An id is made of the lowest 60 bits, and an odd factor makes another of each.
        let id = crew::domain::id::RunId::from_random((run as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let sql = "INSERT INTO runs (id, goal, team, workflow, created_at, ended_at, started) VALUES (?, 'g', 't', 'w', ?, ?, 1)";
        transaction.execute(sql, params![id.as_str(), begin, begin + 1]).expect("a run");
        let number = transaction.last_insert_rowid();
        let sql = "INSERT INTO events (run, at, kind, data) VALUES (?, ?, ?, ?)";
        let mut statement = transaction.prepare_cached(sql).expect("a statement");
        for (at, (kind, data)) in one.iter().enumerate() {
            statement.execute(params![number, begin + at as i64 * 500, kind, data]).expect("an event");
        }
        let sql = "INSERT INTO tasks (run, place, id, role, program, state, lenient, reason, version)
                   VALUES (?, ?, ?, 'executor', 'claude', 'completed', 0, '', 1)";
        let mut statement = transaction.prepare_cached(sql).expect("a statement");
        (0..TASKS).for_each(|task| {
            statement.execute(params![number, task as i64, format!("t{task}")]).expect("a task");
        });
    }
    transaction.commit().expect("it is written");
    RUNS * one.len()
}

/// Returns the kinds and the JSON of what happens in a run like many.
fn events_of_a_run() -> Vec<(String, String)> {
    let process = json!({"pid": 4_711, "start": 8_150_000, "boot": "2f1c6f5e-7f0a-4b5e-9d8f-0a1b2c3d4e5f"});
    let mut events =
        vec![json!({"kind": "run_created", "goal": "Add a rate limit to the API", "team": "default",
        "workflow": "default", "limits": {"jobs": 4, "fail_fast": false}, "crew_version": "0.1.0"})];
    let text = "Read what is there, change what has to be changed, and say what you did.\n".repeat(12);
    for task in 0..TASKS {
        let agent = json!({"role": "executor", "program": "claude", "persona": "executor", "task": text,
            "model": "opus", "writes": true});
        let spec = json!({"id": format!("t{task}"), "work": {"agent": agent}, "verify": ["cargo test"]});
        events.push(json!({"kind": "task_created", "spec": spec}));
    }
    events.push(json!({"kind": "dispatcher_started", "process": process}));
    for task in (0..TASKS).map(|task| format!("t{task}")) {
        let mut add = |kind: &str, more: Value| {
            let mut event = json!({"kind": kind, "task": task, "attempt": 1});
            event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            events.push(event);
        };
        add(
            "attempt_started",
            json!({"agent": "claude", "model": "opus", "log": "logs/t.log",
            "token_hash": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"}),
        );
        add("process_started", json!({"process": process}));
        add("session_started", json!({"session": "5f0c9d5e-3a0a-4b1e-8d8f-0a1b2c3d4e5f"}));
        for call in 0..CALLS {
            let arguments = format!(
                "{{\"command\":\"cargo test --lib -- limit {call}\",\"description\":\"Run the tests\"}}"
            );
            add(
                "tool_invoked",
                json!({"tool": "Bash", "arguments": arguments, "result": "ok", "millis": 800 + call}),
            );
        }
        add("verification_started", json!({}));
        add(
            "verification_ended",
            json!({"command": "cargo test",
            "ending": {"exit": 0, "millis": 9_000, "cpu_millis": 8_000, "max_rss_kib": 90_000, "output_bytes": 4_000}}),
        );
        add(
            "attempt_ended",
            json!({"outcome": "succeeded", "summary": "the limit is there",
            "ending": {"exit": 0, "millis": 60_000, "cpu_millis": 9_000, "max_rss_kib": 300_000, "output_bytes": 90_000},
            "usage": {"input_tokens": 70_000, "output_tokens": 5_000, "cached_tokens": 60_000, "cost_usd": 0.14}}),
        );
        events.push(json!({"kind": "artifact_kept", "task": task, "attempt": 1, "artifact": "result",
            "path": "results/t.md", "bytes": 900, "sha256": "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"}));
    }
    events.push(json!({"kind": "run_ended", "state": "completed"}));
    // As crew writes them.
    let events = events.into_iter().map(|event| serde_json::from_value::<Event>(event).expect("an event"));
    let text = |event: &Event| serde_json::to_string(event).expect("its text");
    events.map(|event| (event.kind().to_owned(), text(&event))).collect()
}
