//! `crew metrics`: every metric is fed by runs of the binary, and what is printed is what happened.

use crate::support::mounts::{Mounted, skipped};
use crate::support::{TestRepo, of_kind, wait_until};
use crew::metrics::names::{Kind, Metric};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// Returns the names of all metrics that say more than zero.
fn fed(repo: &TestRepo) -> BTreeSet<String> {
    let all = repo.crew(["metrics", "*", "--json"]).exits(0).json();
    let says = |series: &&Value| {
        let amount = |name: &str| series[name].as_f64().unwrap_or_default();
        match series["kind"].as_str() {
            // That it was zero each time says nothing.
            Some("histogram") => amount("count") > 0.0 && amount("sum") > 0.0,
            _ => amount("value") > 0.0,
        }
    };
    let series = all["data"].as_array().expect("a list").iter().filter(says);
    series.map(|series| series["name"].as_str().expect("a name").to_owned()).collect()
}

/// An agent in the protocol of crew whose provider limits it once.
fn is_limited_once(repo: &TestRepo) {
    let told = repo.beside("limited").display().to_string();
    let limited = r#"{"crew":"error","kind":"rate_limited","message":"slow down"}"#;
    let script = format!(
        "if [ ! -e {told} ]; then touch {told}; echo '{limited}'; exit 1; fi\n\
         crew submit result --summary s --confidence 1 --rationale r >/dev/null; echo '{{\"crew\":\"end\",\"ok\":true}}'"
    );
    repo.program("once", &script);
    let once = repo.programs().join("once");
    repo.set("agents", "once", json!({"command": once, "prompt": "stdin", "output": "crew", "writes": true}));
    repo.workflow("once", "## a\nrole: explorer\nagent: once\n\nDo it.");
    let quick = ["--set", "retry.backoff_ms=100"];
    repo.crew(["run", "g", "--workflow", "once"].iter().chain(&quick)).exits(0);
}

/// An agent that calls more different tools than a metric has room for.
fn calls_a_thousand_tools(repo: &TestRepo) {
    let call = r#"{"crew":"tool","id":"t%s","name":"tool%s","arguments":{}}\n{"crew":"tool_end","id":"t%s","ok":true}\n"#;
    // What begins and ends in the same read took no time.
    let script = format!(
        "echo '{{\"crew\":\"tool\",\"id\":\"long\",\"name\":\"tool0\"}}'; sleep 0.05; \
         echo '{{\"crew\":\"tool_end\",\"id\":\"long\",\"ok\":true}}'\n\
         i=0; while [ $i -lt 1010 ]; do printf '{call}' $i $i $i; i=$((i+1)); done\n\
         crew submit result --summary s --confidence 1 --rationale r >/dev/null; echo '{{\"crew\":\"end\",\"ok\":true}}'"
    );
    repo.program("chatty", &script);
    let chatty = repo.programs().join("chatty");
    repo.set(
        "agents",
        "chatty",
        json!({"command": chatty, "prompt": "stdin", "output": "crew", "writes": true}),
    );
    repo.workflow("chatty", "## a\nrole: explorer\nagent: chatty\n\nDo it.");
    repo.crew(["run", "g", "--workflow", "chatty"]).exits(0);
}

#[test]
fn a_call_that_has_not_come_back_when_its_attempt_ends_is_told_and_counted() {
    let repo = TestRepo::new();
    repo.crew_agent(
        "hangs",
        r#"'say:{"crew":"tool","id":"t","name":"Bash","arguments":{"command":"sleep 99"}}' submit:done 'say:{"crew":"end","ok":true}'"#,
    );
    repo.workflow("w", "## a\nrole: explorer\nagent: hangs\n\nDo it.");
    repo.run_json("w", 0);
    let events = repo.events();
    let [call] = of_kind(&events, "tool_invoked")[..] else { panic!("{events:?}") };
    assert_eq!((&call["tool"], &call["result"]), (&json!("Bash"), &json!("unfinished")));
    let counted = repo.crew(["metrics", "crew.tool.call_total", "--json"]).exits(0).json();
    assert_eq!(counted["data"][0]["labels"]["result"], "unfinished", "{counted:#}");
    assert!(repo.crew(["events", "last"]).exits(0).out.contains("(did not come back) Bash"));
}

#[test]
fn a_decision_that_is_taken_back_counts_for_nothing() {
    let repo = TestRepo::new();
    let findings = &[("aa11", "error"), ("bb22", "error")];
    crate::review_decisions::a_review(&repo, "v1", &[("claude", findings)], &[]);
    let decide = |what: &[&str]| {
        repo.crew(["review", what[0], "last", what[1], "--why", "w"]).exits(0);
        let json = repo.crew(["metrics", "--json"]).exits(0).json();
        let found = &json["meta"]["totals"]["findings"];
        (found["resolved"].clone(), found["dismissed"].clone(), found["acceptance_rate"].clone())
    };
    assert_eq!(decide(&["dismiss", "aa11"]), (json!(0), json!(1), json!(0.0)));
    assert_eq!(decide(&["resolve", "bb22"]), (json!(1), json!(1), json!(0.5)));
    assert_eq!(decide(&["reopen", "aa11"]), (json!(1), json!(0), json!(1.0)));
    assert_eq!(decide(&["resolve", "aa11"]), (json!(2), json!(0), json!(1.0)));
    assert_eq!(decide(&["dismiss", "bb22"]), (json!(1), json!(1), json!(0.5)));
}

/// An agent that says what it used up.
fn says_what_it_cost(repo: &TestRepo, usage: &str) {
    let usage = format!(r#"'say:{{"crew":"usage",{usage}}}'"#);
    repo.crew_agent("dear", &format!(r#"{usage} submit:done 'say:{{"crew":"end","ok":true}}'"#));
    repo.workflow("dear", "## a\nrole: executor\nagent: dear\n\nDo it.");
    repo.crew(["run", "g", "--workflow", "dear"]).exits(0);
}

#[test]
fn every_metric_is_fed_by_a_run() {
    let repo = TestRepo::new();
    let mut seen = BTreeSet::new();
    crate::every_event::everything_happens_in(&repo, |repo| {
        if ["gate_opened", "task_dead_lettered"].iter().any(|kind| repo.kinds().contains(&(*kind).to_owned()))
        {
            seen.extend(fed(repo));
        }
    });
    is_limited_once(&repo);
    says_what_it_cost(&repo, r#""input_tokens":90,"output_tokens":5,"cached_tokens":7,"cost_usd":0.5"#);
    calls_a_thousand_tools(&repo);
    seen.extend(fed(&repo));

    repo.crew(["run", "the goal", "--workflow", "gated"]).exits(3);
    let gate = repo.gate("beats");
    repo.one_step("", &format!("wait-gone:{}", gate.display()));
    let running = repo.start_run("one");
    wait_until("it says that it lives", || {
        std::thread::sleep(Duration::from_millis(200));
        seen.extend(fed(&repo));
        seen.contains(Metric::Heartbeat.name()) && seen.contains(Metric::HeartbeatLevel.name())
    });
    repo.open("beats");
    running.ends().exits(1);

    let all: BTreeSet<String> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    let missing: Vec<&String> = all.difference(&seen).collect();
    assert!(missing.is_empty(), "no run feeds {missing:?}");
    what_is_written_for_prometheus_is_all_that_is_known(&repo);
}

/// Every metric that has a value now stands in both formats, with the same values.
fn what_is_written_for_prometheus_is_all_that_is_known(repo: &TestRepo) {
    let all = repo.crew(["metrics", "*", "--json"]).exits(0).json();
    let names: BTreeSet<&str> = all["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|series| series["name"].as_str().expect("a name"))
        .collect();
    let plain = repo.crew(["metrics", "--format", "prometheus"]).exits(0).out;
    let open = repo.crew(["metrics", "--format", "openmetrics"]).exits(0).out;
    for text in [&plain, &open] {
        let types = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
        assert_eq!(types, names.len(), "{text}");
    }
    assert!(open.ends_with("# EOF\n") && !plain.contains("# EOF"));
    // One agent alone calls ten tools more than have a series each.
    let cut = r#"crew_tool_call_total{agent="other",tool="other",result="other"} "#;
    let cut = plain.lines().find_map(|line| line.strip_prefix(cut)?.parse::<u32>().ok());
    assert!(cut.is_some_and(|cut| cut >= 10), "{cut:?}");
    // A label that a run or a task is known by has no end of values.
    let newest = repo.crew(["status", "--json"]).exits(0).json();
    let id = newest["data"][0]["id"].as_str().expect("an id");
    assert!(!plain.contains(id) && !open.contains(id), "{plain}");
}

#[test]
fn who_has_much_to_read_says_so_at_a_terminal_and_only_once() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: true\n");
    repo.crew(["run", "the goal", "--workflow", "w"]).exits(0);
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
                INSERT INTO events (run, at, kind, data) SELECT 1, 0, 'note_taken', '{}' FROM n";
    store.execute_batch(many).expect("events");
    drop(store);
    for is_said in [true, false] {
        let mut reads = repo.terminal(&["metrics", "crew.task.*"], 100, 24);
        assert_eq!(reads.ends(), Some(0));
        let told = reads.written();
        let words = "events that are not measured yet";
        assert_eq!(told.contains(words), is_said, "{told}");
        assert!(told.contains("crew.task.made_total"), "{told}");
    }
}

#[test]
fn each_agent_has_a_line_and_all_together_have_one() {
    let repo = TestRepo::new();
    assert!(repo.crew(["metrics"]).exits(0).out.contains("retries 0"));
    assert_eq!(repo.crew(["metrics", "--json"]).exits(0).json()["data"], json!([]));
    let refused = repo.crew(["metrics", "--run", "nope", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "no_runs", "there is no run that could be shown");
    says_what_it_cost(&repo, r#""input_tokens":90,"cost_usd":0.5"#);
    repo.agent("fails", "exit:1");
    repo.workflow("fails", "## a\nrole: executor\nagent: fails\n\nDo it.\n\n## b\nrun: true\n");
    repo.crew(["run", "g", "--workflow", "fails"]).exits(1);

    let ran = repo.crew(["metrics"]).exits(0);
    let words: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][..4], ["agent", "tasks", "first", "pass"], "{}", ran.out);
    assert_eq!(
        (words[1][0], words[1][1], &words[1][2..4], words[1][4]),
        ("dear", "1", &["100", "%"][..], "1.0")
    );
    assert_eq!(words[1].last(), Some(&"$0.50"), "{}", ran.out);
    assert_eq!((words[2][0], words[2][1], &words[2][2..4]), ("fails", "1", &["0", "%"][..]));
    // Nobody tells what it cost, and nothing of it completed.
    assert_eq!(words[2].last(), Some(&"~"), "{}", ran.out);
    assert_eq!(words.len(), 4, "a command is no agent: {}", ran.out);
    assert!(ran.out.ends_with("retries 0   dead letters 0   gates 0   findings 0\n"), "{}", ran.out);

    let json = repo.crew(["metrics", "--json"]).exits(0).json();
    let dear = &json["data"][0];
    assert_eq!((&dear["agent"], &dear["first_pass_rate"]), (&json!("dear"), &json!(1.0)), "{json:#}");
    assert_eq!((&dear["cost_per_completed_usd"], &dear["cost_known"]), (&json!(0.5), &json!("all")));
    assert_eq!(json["meta"]["totals"]["tasks"], 2, "{json:#}");
    let by_format = repo.crew(["metrics", "--format", "json"]).exits(0).json();
    assert_eq!(by_format["data"], json["data"]);
}

/// Returns the lines of the agents, as JSON, and what all come to.
fn agents(repo: &TestRepo) -> (Vec<Value>, Value) {
    let json = repo.crew(["metrics", "--json"]).exits(0).json();
    (json["data"].as_array().expect("a list").clone(), json["meta"]["totals"].clone())
}

#[test]
fn what_another_agent_takes_over_counts_for_each_by_what_each_did() {
    let repo = TestRepo::new();
    repo.crew_agent("bad", r#"'say:{"crew":"usage","cost_usd":0.05}' exit:1"#);
    repo.crew_agent("good", r#"submit:done 'say:{"crew":"end","ok":true}'"#);
    repo.workflow(
        "w",
        "## a\nrole: executor\nagent: bad\nretries: 0\n\nDo it.\n\n## b\nrole: executor\nagent: good\n\nDo it.",
    );
    repo.crew(["run", "g", "--workflow", "w"]).exits(1);
    repo.crew(["requeue", "a", "--agent", "good", "--resume"]).exits(0);
    let (data, totals) = agents(&repo);
    let of = |one: &Value| (one["tasks"].clone(), one["first_pass_rate"].clone(), one["rework"].clone());
    assert_eq!(of(&data[0]), (json!(1), json!(0.0), json!(1.0)), "{data:#?}");
    assert_eq!(of(&data[1]), (json!(2), json!(1.0), json!(1.0)), "{data:#?}");
    assert_eq!(of(&totals), (json!(2), json!(0.5), json!(1.5)), "{totals:#}");
    let table = repo.crew(["metrics"]).exits(0).out;
    let bad = table.lines().find(|line| line.starts_with("bad")).expect("a line");
    assert!(bad.ends_with("$0.05 / 0"), "{table}");
}

#[test]
fn ctrl_c_costs_no_agent_its_first_pass() {
    let repo = TestRepo::new();
    crate::record::is_interrupted(&repo);
    repo.crew(["resume", "last"]).exits(0);
    let (data, totals) = agents(&repo);
    let of = (&data[0]["tasks"], &data[0]["first_pass_rate"], &data[0]["rework"], &totals["retries"]);
    assert_eq!(of, (&json!(1), &json!(1.0), &json!(1.0), &json!(0)), "{data:#?}");
}

#[test]
fn the_reviewers_of_a_round_count_as_one_and_pay_for_no_round_of_the_worker() {
    let repo = TestRepo::new();
    crate::review_rounds::three_rounds_in_vain(&repo);
    let (data, totals) = agents(&repo);
    let of = |name: &str| data.iter().find(|one| one["agent"] == name).expect("a line").clone();
    let worker = of("never");
    assert_eq!((&worker["accepted"], &worker["rejected"]), (&json!(0), &json!(3)), "{worker:#}");
    assert_eq!((&worker["tasks"], &worker["rework"]), (&json!(1), &json!(3.0)), "{worker:#}");
    let nods = of("nods");
    assert_eq!((&nods["tasks"], &nods["first_pass_rate"]), (&json!(3), &json!(1.0)), "{nods:#}");
    assert_eq!(totals["findings"]["found"], 1, "{totals:#}");
}

#[test]
fn what_the_team_for_reviews_finds_is_counted() {
    let repo = TestRepo::new();
    repo.write("Makefile", "test:\n\t@true\n");
    repo.write("src/main.py", "def f():\n    breakpoint()\n");
    repo.commit("code");
    repo.crew(["run", "look at it", "--team", "review", "--agent", "builtin"]).exits(0);
    let events = repo.events();
    let results = of_kind(&events, "submission_accepted").into_iter();
    let found =
        results.filter_map(|event| event["result"]["findings"].as_array()).map(Vec::len).sum::<usize>();
    let totals = repo.crew(["metrics", "--json"]).exits(0).json()["meta"]["totals"].clone();
    assert!(found > 0 && totals["findings"]["found"] == found, "{found} {totals:#}");
    let by_whom = repo.crew(["metrics", "crew.review.finding_total", "--json"]).exits(0).json();
    assert!(by_whom.to_string().contains(r#""reviewer":"builtin""#), "{by_whom:#}");
}

#[test]
fn a_filter_a_run_and_a_window_choose_what_is_shown() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n\n## b\nrun: true\n");
    for _ in 0..2 {
        repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    }
    let value = |more: &[&str]| -> u64 {
        let args = ["metrics", "crew.task.count", "--json"];
        let json = repo.crew(args.iter().chain(more)).exits(0).json();
        json["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|series| series["value"].as_u64().expect("a number"))
            .sum()
    };
    let rows: [(&[&str], u64); 4] = [
        (&[], 4),
        (&["--run", "last"], 2),
        (&["--window", "7d"], 4),
        (&["--window", "1m", "--run", "last"], 0),
    ];
    for (more, expected) in &rows[..3] {
        assert_eq!(value(more), *expected, "{more:?}");
    }
    let both = repo.crew(["metrics", "--window", "1d", "--run", "last"]);
    assert!(both.exits(2).err.contains("cannot be used with"));

    let table = repo.crew(["metrics", "crew.task.*"]).exits(0).out;
    assert!(table.contains("crew.task.wait_ms") && !table.contains("crew.run."), "{table}");
    assert!(table.contains("team=one role=command agent=sh status=completed pass=first"), "{table}");
    let wrong = |args: &[&str]| repo.crew(["metrics"].iter().chain(args)).exits(2).err;
    assert!(wrong(&["crew.task.cuont"]).contains("did you mean crew.task.count?"));
    assert!(wrong(&["crew.[task"]).contains("is no glob"));
    assert!(wrong(&["--window", "soon"]).contains("is no age"));
    assert!(wrong(&["--format", "prometheus", "--json"]).contains("--json prints JSON"));
    assert!(wrong(&["--format", "openmetrics", "--watch"]).contains("--watch prints"));
    repo.crew(["metrics", "--run", "zzz"]).exits(4);
    let histogram = Metric::ALL.iter().find(|metric| metric.spec().kind == Kind::Histogram).expect("one");
    let json = repo.crew(["metrics", histogram.name(), "--json"]).exits(0).json();
    assert!(json["data"][0]["p95"].is_number(), "{json:#}");
}

#[test]
fn what_a_pruned_run_came_to_is_still_counted() {
    let repo = TestRepo::new();
    says_what_it_cost(&repo, r#""input_tokens":90,"cost_usd":0.5"#);
    let before = repo.crew(["metrics", "--json"]).exits(0).json();
    repo.crew(["prune", "last", "--yes"]).exits(0);
    let after = repo.crew(["metrics", "--json"]).exits(0).json();
    assert_eq!(after["data"], before["data"]);
    assert_eq!(after["meta"]["totals"], before["meta"]["totals"]);
    repo.crew(["metrics", "--run", "last"]).exits(4);
}

#[test]
fn a_store_that_may_not_be_written_is_measured_all_the_same() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let tasks = || repo.crew(["metrics", "crew.task.*", "--json"]).exits(0).json()["data"].clone();
    let before = tasks();
    let _held = match Mounted::read_only(&repo.root.join(".crew")) {
        Ok(held) => held,
        Err(lacks) => return skipped("a_store_that_may_not_be_written_is_measured", &lacks),
    };
    assert_eq!(tasks(), before);
}

/// Tells what a comparison printed of a measure.
fn verdict(json: &Value, measure: &str) -> String {
    let all = json["data"].as_array().expect("a list").iter();
    let mut found = all.filter(|change| change["measure"] == measure && change["agent"].is_null());
    found.next().map_or("missing".into(), |change| change["verdict"].as_str().expect("a word").to_owned())
}

#[test]
fn what_got_worse_is_said_with_the_rule_and_by_the_exit_code() {
    let repo = TestRepo::new();
    repo.agent("good", "submit:done");
    repo.workflow("one", "## a\nrole: executor\nagent: good\n\nDo it.");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let few = repo.crew(["metrics", "--compare", "14d..7d"]).exits(0);
    assert!(few.out.contains("too little to compare: 10 on both sides are enough"), "{}", few.out);

    // Another version made ten runs that failed, and this one ten that did not.
    let step = |id: usize| format!("## s{id}\nrole: executor\nagent: good\n\nDo it.\n\n");
    let steps = |count| (0..count).map(step).collect::<String>();
    repo.workflow("ten", &steps(10));
    repo.crew(["run", "g", "--workflow", "ten"]).exits(0);
    let version = env!("CARGO_PKG_VERSION");
    past_run(&repo, "0.0.1", 10);
    let better = repo.crew(["metrics", "--compare", &format!("0.0.1..{version}"), "--json"]).exits(0).json();
    assert_eq!(verdict(&better, "first_pass"), "better", "{better:#}");
    assert_eq!(better["meta"]["rule"]["enough"], 10);
    let worse = repo.crew(["metrics", "--compare", &format!("{version}..0.0.1")]).exits(1);
    assert!(
        worse.out.contains("got worse (by 10 points or 25 %, of 10 or more on both sides)"),
        "{}",
        worse.out
    );
    assert!(worse.out.contains("all first pass 100 % -> 0 %"), "{}", worse.out);
    // It was long ago.
    let since = repo.crew(["metrics", "--compare", "2020-01-01..2021-01-01", "--json"]).exits(0).json();
    assert_eq!(verdict(&since, "first_pass"), "better", "{since:#}");
    assert_eq!(
        since["meta"]["hours"],
        json!({"from": "2020-01-01T00:00:00.000Z", "middle": "2021-01-01T00:00:00.000Z"})
    );
    let rounded =
        repo.crew(["metrics", "--compare", "2020-01-01T10:40:00Z..2020-01-01T12:10:00Z"]).exits(0).out;
    let hours = "before: 2020-01-01 10:00 UTC to 2020-01-01 12:00 UTC; after: from then to now";
    assert!(rounded.contains(hours), "{rounded}");

    let wrong = |typed: &str| repo.crew(["metrics", "--compare", typed]).exits(2).err;
    assert!(wrong("7d").contains("is not A..B"));
    assert!(wrong("7d..14d").contains("has to be before"));
    let within_one_hour = wrong("2020-01-01T10:05:00Z..2020-01-01T10:35:00Z");
    assert!(
        within_one_hour.contains("the hour from 2020-01-01 10:00 UTC on") && within_one_hour.contains("hint"),
        "{within_one_hour}"
    );
    assert!(
        wrong("9.9.9..0.0.1").contains("no version that runs were made with (0.0.1"),
        "{}",
        wrong("9.9.9..0.0.1")
    );
}

/// Records a run of an older version, in 2020, whose tasks an agent failed at.
fn past_run(repo: &TestRepo, version: &str, tasks: usize) {
    use crew::domain::event::Event;
    use crew::domain::id::RunId;
    use crew::domain::time::Time;
    use crew::store::database::{Applied, Store};
    use crew::store::layout::Layout;
    let event = |value: Value| -> Event { serde_json::from_value(value).expect("an event") };
    let mut events = vec![event(json!({"kind": "run_created", "goal": "g", "team": "t", "workflow": "w",
        "limits": {"jobs": 1, "fail_fast": false}, "crew_version": version}))];
    let work = json!({"agent": {"role": "executor", "program": "old", "persona": "executor", "task": "t", "writes": true}});
    events
        .extend((0..tasks).map(|at| {
            event(json!({"kind": "task_created", "spec": {"id": format!("s{at}"), "work": work}}))
        }));
    let at = Time::parse("2020-06-01T12:00:00Z").expect("a time");
    let mut store = Store::open(&Layout::of(&repo.root)).expect("a store");
    let (mut run, _) = store.create_run(RunId::from_random(7), at, events).expect("a run");
    for task in (0..tasks).map(|at| format!("s{at}")) {
        let events = [
            json!({"kind": "attempt_started", "task": task, "attempt": 1, "agent": "old", "log": "l"}),
            json!({"kind": "attempt_ended", "task": task, "attempt": 1, "outcome": "failed"}),
        ];
        let applied = events.map(|value| Applied::to(&mut run, at, event(value)).expect("it follows"));
        store.append(&mut run, applied.into(), &[]).expect("it is written");
    }
    let ended = Applied::to(&mut run, at, event(json!({"kind": "run_ended", "state": "failed"})))
        .expect("it follows");
    store.append(&mut run, vec![ended], &[]).expect("it is written");
}

#[test]
fn whoever_watches_sees_what_changes_and_leaves_with_ctrl_c() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n");
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let seen = repo.beside("seen");
    let watching = repo.start_into(["metrics", "crew.run.count", "--watch", "--json"], &seen);
    let lines =
        || std::fs::read_to_string(&seen).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>();
    wait_until("it looks", || lines().len() == 1);
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    wait_until("it sees the second run", || lines().last().is_some_and(|line| line.contains(r#""value":2"#)));
    watching.signal(libc::SIGINT);
    watching.ends().exits(0);
    for line in lines() {
        serde_json::from_str::<Value>(&line).expect("each line is JSON");
    }
}

#[test]
fn whoever_watches_before_the_first_run_sees_it() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n");
    let seen = repo.beside("seen");
    let watching = repo.start_into(["metrics", "crew.run.count", "--watch", "--json"], &seen);
    let text = || std::fs::read_to_string(&seen).unwrap_or_default();
    wait_until("it says that there is nothing yet", || text().contains(r#""data":[]"#));
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    wait_until("it sees the first run", || {
        text().lines().last().is_some_and(|line| line.contains(r#""value":1"#))
    });
    watching.signal(libc::SIGINT);
    watching.ends().exits(0);
}

#[test]
fn a_run_of_commands_alone_has_figures_and_no_agents() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\nverify: test -e nothing\n");
    repo.crew(["run", "g", "--workflow", "one"]).exits(1);
    let json = repo.crew(["metrics", "crew.verify.command_total", "--json"]).exits(0).json();
    assert_eq!(
        json["data"][0]["labels"],
        json!({"team": "one", "role": "command", "result": "fail"}),
        "{json:#}"
    );
    assert_eq!(repo.crew(["metrics", "--json"]).exits(0).json()["data"], json!([]));
}

#[test]
fn the_end_of_a_long_run_leaves_its_figures_for_whoever_asks_later() {
    let repo = TestRepo::new();
    repo.workflow("one", &(0..80).map(|step| format!("## s{step}\nrun: true\n")).collect::<String>());
    repo.crew(["run", "g", "--workflow", "one"]).exits(0);
    let store = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("a store");
    let sql = "SELECT count(*) FROM figures_head WHERE seq = (SELECT max(seq) FROM events)";
    let kept: i64 = store.query_row(sql, [], |row| row.get(0)).expect("a number");
    assert_eq!(kept, 1);
}
