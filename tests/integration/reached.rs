//! Every setting and every flag of `crew run` changes what a run does. One that nothing reaches has no place here.

use crate::support::{FAKE_AGENT, TestRepo, run_command, start_command, task, wait_until};
use crate::{
    budgets, detached, gates, interruption, liveness, logging, merging, notices, review_voices, reviews,
    taken_up, telemetry, worktree_setup,
};
use crew::domain::settings::{self, Setting};
use serde_json::{Value, json};

/// Carries out the workflow `one` with more arguments.
#[track_caller]
fn run(repo: &TestRepo, exit: i32, more: &[&str]) -> Value {
    repo.crew(["run", "the goal", "--workflow", "one", "--json"].iter().chain(more)).exits(exit).json()
}

/// Puts a value to the test by the flag.
fn set(setting: &Setting, value: impl std::fmt::Display) -> [String; 2] {
    ["--set".to_owned(), format!("{}={value}", setting.key)]
}

#[track_caller]
fn run_set(repo: &TestRepo, exit: i32, setting: &Setting, value: impl std::fmt::Display) -> Value {
    let set = set(setting, value);
    run(repo, exit, &[&set[0], &set[1]])
}

/// Two steps that each wait for the other: they come to their ends only side by side.
const TOGETHER: &str = "## a\nrun: touch a; while [ ! -e b ]; do sleep 0.02; done\ntimeout: 50s\n\n\
    ## b\nrun: touch b; while [ ! -e a ]; do sleep 0.02; done\ntimeout: 50s";

/// Tells whether one attempt began while another one was open.
fn overlaps(repo: &TestRepo) -> bool {
    let mut open = 0;
    repo.kinds().iter().any(|kind| {
        match kind.as_str() {
            "attempt_started" => open += 1,
            "attempt_ended" => open -= 1,
            _ => {}
        }
        open > 1
    })
}

fn jobs_are_tasks_at_once() {
    let repo = TestRepo::new();
    repo.workflow("one", TOGETHER);
    run_set(&repo, 0, &settings::JOBS, 2);
    assert!(overlaps(&repo));
    repo.workflow("one", "## a\nrun: true\n\n## b\nrun: true\n\n## c\nrun: true");
    run_set(&repo, 0, &settings::JOBS, 1);
    assert!(!overlaps(&repo));
}

fn attempt_seconds_end_an_attempt() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: sleep 300");
    let run = run_set(&repo, 1, &settings::ATTEMPT_SECONDS, 1);
    assert_eq!(task(&run, "a")["error_kind"], "attempt_timeout");
}

fn silence_seconds_end_an_agent_that_streams() {
    let repo = TestRepo::new();
    repo.agent_with("quiet", "sleep:300000", json!({"output": "crew"}));
    repo.workflow("one", "## a\nrole: executor\nagent: quiet\n\nDo it.");
    let run = run_set(&repo, 1, &settings::SILENCE_SECONDS, 1);
    assert_eq!(task(&run, "a")["error_kind"], "silent");
}

fn silence_of_zero_seconds_ends_nobody() {
    let repo = TestRepo::new();
    repo.agent_with(
        "quiet",
        "wait-gone:still submit:done 'say:{\"crew\":\"end\",\"ok\":true}'",
        json!({"output": "crew"}),
    );
    repo.workflow("one", "## a\nrole: executor\nagent: quiet\n\nDo it.\n\n## b\nrun: sleep 2; rm still");
    repo.write("still", "");
    repo.set("limits", "silence_seconds", json!(1));
    run_set(&repo, 0, &settings::SILENCE_SECONDS, 0);
}

fn grace_seconds_are_between_asking_and_killing() {
    let repo = TestRepo::new();
    repo.workflow(
        "one",
        "## a\nrun: trap 'sleep 3; exit 7' TERM; while true; do sleep 0.05; done\ntimeout: 1s",
    );
    let asked = run_set(&repo, 1, &settings::GRACE_SECONDS, 60);
    assert_eq!((&task(&asked, "a")["exit"], &task(&asked, "a")["signal"]), (&json!(7), &Value::Null));
    let killed = run_set(&repo, 1, &settings::GRACE_SECONDS, 0);
    assert_eq!(task(&killed, "a")["signal"], 9);
}

fn drain_seconds_are_read_after_the_end() {
    if !cfg!(target_os = "linux") {
        return; // Nothing else has setsid.
    }
    // Outside of the group, without the variables by which crew would know it, with our output in its hands, and later
    // than the default would wait for.
    let repo = TestRepo::new();
    repo.program(
        "leaver",
        "setsid env -i PATH=\"$PATH\" sh -c 'touch out; sleep 5; echo late' &\nwhile [ ! -e out ]; do sleep 0.02; done\n\
         crew submit result --summary s --confidence 1 --rationale r --no-change-reason n",
    );
    let command = repo.programs().join("leaver").display().to_string();
    repo.set("agents", "leaver", json!({"command": command, "writes": true}));
    repo.workflow("one", "## a\nrole: executor\nagent: leaver\n\nDo it.");
    run_set(&repo, 0, &settings::DRAIN_SECONDS, 60);
    assert!(repo.log("a", 1).contains("late"), "{}", repo.log("a", 1));
}

fn output_mb_end_a_flood() {
    let repo = TestRepo::new();
    repo.agent("flood", "flood:8 sleep:300000");
    repo.workflow("one", "## a\nrole: executor\nagent: flood\n\nDo it.");
    let run = run_set(&repo, 1, &settings::OUTPUT_MB, 1);
    assert_eq!(task(&run, "a")["error_kind"], "output_too_large");
}

/// Two agents that write and each wait for the other.
fn shared_writers_write_at_once() {
    let repo = TestRepo::new();
    let script = "touch $CREW_TASK; while [ ! -e a ] || [ ! -e b ]; do sleep 0.02; done\n\
                  crew submit result --summary s --confidence 1 --rationale r";
    repo.program("both", script);
    let command = repo.programs().join("both").display().to_string();
    repo.set("agents", "both", json!({"command": command, "writes": true}));
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: both\n\nDo it.\n\n");
    repo.workflow("one", &(step("a") + &step("b")));
    run_set(&repo, 0, &settings::SHARED_WRITERS, 2);
}

/// Two steps that verify the same on the same tree; the command counts beside the repository.
fn verified_twice() -> TestRepo {
    let repo = TestRepo::new();
    let keys = format!("run: true\nverify: echo x >>{}", repo.beside("count").display());
    repo.workflow("one", &format!("## a\n{keys}\n\n## b\ndependsOn: a\n{keys}"));
    repo
}

fn counted(repo: &TestRepo) -> usize {
    std::fs::read_to_string(repo.beside("count")).expect("a count").lines().count()
}

fn cache_minutes_believe_what_passed() {
    for (minutes, expected) in [(0, 2), (5, 1)] {
        let repo = verified_twice();
        run_set(&repo, 0, &settings::VERIFY_CACHE_MINUTES, minutes);
        assert_eq!(counted(&repo), expected);
    }
}

fn no_verify_cache_runs_each_command() {
    let repo = verified_twice();
    run(&repo, 0, &["--no-verify-cache"]);
    assert_eq!(counted(&repo), 2);
}

/// An agent that always meets an error that goes away by itself.
fn limited() -> TestRepo {
    let repo = TestRepo::new();
    let said = r#"'say:{"crew":"error","kind":"rate_limited","message":"slow down"}' exit:1"#;
    repo.agent_with("limited", said, json!({"output": "crew"}));
    repo.workflow("one", "## a\nrole: executor\nagent: limited\n\nDo it.");
    repo
}

fn max_attempts_are_attempts_in_all() {
    for attempts in [1, 4] {
        let repo = limited();
        repo.set("retry", "backoff_ms", json!(0));
        let run = run_set(&repo, 1, &settings::RETRY_ATTEMPTS, attempts);
        assert_eq!(task(&run, "a")["attempts"], attempts);
    }
}

fn backoff_is_the_wait_before_the_next_attempt() {
    let wait_of = |millis: u64| {
        let repo = limited();
        repo.set("retry", "max_attempts", json!(2));
        run_set(&repo, 1, &settings::RETRY_BACKOFF_MS, millis);
        let events = repo.events();
        let first = events.iter().find(|event| event["kind"] == "attempt_ended").expect("an end").clone();
        let time =
            |value: &Value| value.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
        (time(&first["again"]["not_before"]) - time(&first["at"]))
            .total(jiff::Unit::Millisecond)
            .expect("a span")
    };
    // A die makes it up to a third more or less.
    assert!((1000.0..=2000.0).contains(&wait_of(1500)));
    // The two times are read one after the other; the default would be at least 700.
    assert!(wait_of(0).abs() < 500.0);
}

/// Returns how long it was waited before each further attempt, in milliseconds, and how many attempts there were.
fn paces(sets: &[&str], keys: &str) -> (Vec<u64>, u64) {
    let repo = limited();
    repo.workflow("one", &format!("## a\nrole: executor\nagent: limited\n{keys}\nDo it."));
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let run = run(&repo, 1, &sets);
    let events = repo.events();
    let ends = events.iter().filter(|event| event["kind"] == "attempt_ended");
    let paces = ends.map(|end| end["limited"]["pace_millis"].as_u64().expect("a pace")).collect();
    (paces, task(&run, "a")["attempts"].as_u64().expect("attempts"))
}

fn factor_is_by_what_the_wait_grows() {
    let sets = ["retry.factor=3", "retry.backoff_ms=4", "retry.jitter=0"];
    assert_eq!(paces(&sets, ""), (vec![4, 12, 36], 3));
}

fn jitter_is_by_how_much_a_wait_is_off() {
    assert_eq!(paces(&["retry.backoff_ms=8", "retry.jitter=0"], "").0, [8, 16, 32]);
    // By more than the default would.
    let off = |_: usize| {
        let (paces, _) = paces(&["retry.backoff_ms=100", "retry.jitter=1", "retry.max_attempts=2"], "");
        !(70..=130).contains(&paces[0])
    };
    assert!((0..12).any(off));
}

fn retries_say_it_for_one_kind_of_error() {
    let more = r#"retries.rate_limited={"max_attempts":4,"backoff_ms":1,"factor":2,"jitter":0}"#;
    assert_eq!(paces(&[more], ""), (vec![1, 2, 4, 8], 4));
    // What a step says counts more.
    assert_eq!(paces(&[more], "retries: 1\nbackoff: 1ms\n").1, 2);
    assert_eq!(paces(&[r#"retries.network={"max_attempts":4}"#, "retry.max_attempts=1"], "").1, 1);
}

fn run_agent_works_where_nobody_is_named() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", "## a\nrole: executor\n\nDo it.");
    let run = run_set(&repo, 0, &settings::RUN_AGENT, "mine");
    assert_eq!(task(&run, "a")["agent"], "mine");
}

fn run_team_is_taken_where_none_is_named() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrole: explorer\n\nLook.");
    repo.put_user(
        "teams/mine.team.md",
        "---\ndescription: A team\ndefaultWorkflow: one\n---\n- explorer: agent=explorer looks\n",
    );
    let set = set(&settings::RUN_TEAM, "mine");
    repo.crew(["run", "g", "--agent", "builtin", &set[0], &set[1]]).exits(0);
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["team"], "mine");
}

fn roster_is_whom_tasks_are_escalated_to() {
    let repo = TestRepo::new();
    repo.program("caller", "crew submit escalation --to alice --reason money; exit 0");
    let command = repo.programs().join("caller").display().to_string();
    repo.set("agents", "caller", json!({"command": command, "writes": true}));
    repo.workflow("one", "## a\nrole: executor\nagent: caller\n\nDo it.");
    let named = run_set(&repo, 1, &settings::ROSTER, "bob,alice");
    assert_eq!(task(&named, "a")["reason"], "escalated to alice: money");
    let other = run_set(&repo, 1, &settings::ROSTER, "bob");
    assert_eq!(task(&other, "a")["error_kind"], "invalid_submission");
}

fn env_pass_names_reach_a_child() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: test \"$MY_OWN\" = here");
    let command = |pass: &str| {
        let set = set(&settings::ENV_PASS, pass);
        let mut command = repo.command(["run", "g", "--workflow", "one", &set[0], &set[1]]);
        command.env("MY_OWN", "here");
        command
    };
    run_command(command("MY_OTHER")).exits(1);
    run_command(command("MY_OTHER,MY_OWN")).exits(0);
}

fn vars_fill_texts_and_decide_conditions() {
    let repo = TestRepo::new();
    repo.agent("mine", "say-prompt submit:done");
    repo.workflow(
        "one",
        "## a\nrole: executor\nagent: mine\n\nGo to {place}.\n\n## b\nwhen: vars.place == \"moon\"\nrun: true\n\n\
         ## c\nwhen: vars.place != \"moon\"\nrun: true",
    );
    let run = run(&repo, 0, &["--set", "vars.place=moon"]);
    assert!(repo.log("a", 1).contains("Go to moon."), "{}", repo.log("a", 1));
    assert_eq!(
        (&task(&run, "b")["state"], &task(&run, "c")["state"]),
        (&json!("completed"), &json!("skipped"))
    );
}

fn agents_are_programs_that_work() {
    let repo = TestRepo::new();
    let agent = json!({"command": format!("{FAKE_AGENT} submit:mine --"), "writes": true});
    repo.workflow("one", "## a\nrole: executor\nagent: mine\n\nDo it.");
    // By the flag as well as from a file.
    let set = format!("agents.mine={agent}");
    assert_eq!(task(&run(&repo, 0, &["--set", &set]), "a")["summary"], "mine");
    repo.set("agents", "mine", agent);
    assert_eq!(task(&run(&repo, 0, &[]), "a")["summary"], "mine");
}

/// Returns what proves that a setting is honoured.
fn proof_of(setting: &Setting) -> fn() {
    match setting.key {
        "limits.jobs" => jobs_are_tasks_at_once,
        "limits.attempt_seconds" => attempt_seconds_end_an_attempt,
        "limits.silence_seconds" => || {
            silence_seconds_end_an_agent_that_streams();
            silence_of_zero_seconds_ends_nobody();
        },
        "limits.grace_seconds" => grace_seconds_are_between_asking_and_killing,
        "limits.drain_seconds" => drain_seconds_are_read_after_the_end,
        "limits.output_mb" => output_mb_end_a_flood,
        "limits.shared_writers" => shared_writers_write_at_once,
        "liveness.warn_seconds" => liveness::warn_seconds_make_an_agent_quiet,
        "liveness.stale_seconds" => liveness::stale_seconds_make_it_stale,
        "liveness.dead_seconds" => liveness::dead_seconds_make_it_dead,
        "liveness.gap_seconds" => liveness::gap_seconds_are_told_and_count_for_no_limit,
        "recovery.living" => taken_up::an_agent_that_still_works_is_adopted,
        "recovery.look_seconds" => taken_up::where_nothing_is_sure_a_person_is_asked,
        "notify.desktop" => notices::desktop_is_told,
        "notify.command" => notices::command_is_told,
        "notify.webhook" => notices::webhook_is_sent_to,
        "notify.kinds" => notices::kinds_are_what_is_told,
        "notify.least" => notices::least_is_what_is_told,
        "notify.dedup_seconds" => notices::dedup_seconds_tell_the_same_once,
        "notify.quiet_hours" => notices::quiet_hours_are_quiet,
        "notify.timeout_seconds" => notices::timeout_seconds_end_one_that_hangs,
        "otlp.export" => telemetry::export_is_off_unless_asked_for,
        "otlp.endpoint" => telemetry::endpoint_is_where_it_is_sent,
        "otlp.timeout_seconds" => telemetry::timeout_seconds_end_one_that_hangs,
        "otlp.gzip" => telemetry::gzip_is_what_is_sent,
        "metrics.textfile" => telemetry::textfile_is_written_at_each_runs_end,
        "metrics.jsonl" => telemetry::jsonl_has_a_line_for_each_run,
        "verify.cache_minutes" => cache_minutes_believe_what_passed,
        "retry.max_attempts" => max_attempts_are_attempts_in_all,
        "retry.backoff_ms" => backoff_is_the_wait_before_the_next_attempt,
        "retry.factor" => factor_is_by_what_the_wait_grows,
        "retry.jitter" => jitter_is_by_how_much_a_wait_is_off,
        "retries" => retries_say_it_for_one_kind_of_error,
        "run.agent" => run_agent_works_where_nobody_is_named,
        "run.team" => run_team_is_taken_where_none_is_named,
        "gates.confidence_threshold" => gates::confidence_setting_gates_an_action,
        "gates.environments" => gates::environments_setting_gates_what_changes_there,
        "gates.risky_actions" => gates::risky_setting_gates_an_action,
        "gates.allowed_actions" => gates::allowed_setting_lets_an_action_go,
        "gates.timeout_seconds" => gates::a_gate_waits_for_ever_where_the_settings_say_so,
        "merge.how" => merging::how_the_work_comes_back_is_set,
        "merge.verify" => merging::verify_runs_on_the_merged_work,
        "worktrees.enabled" => worktree_setup::enabled_gives_each_task_a_worktree,
        "worktrees.folder" => worktree_setup::folder_holds_the_worktrees,
        "worktrees.setup" => worktree_setup::setup_runs_in_a_new_worktree,
        "worktrees.setup_seconds" => worktree_setup::setup_seconds_end_the_command,
        "worktrees.link" => worktree_setup::link_is_made_in_every_worktree,
        "worktrees.include_dirty" => worktree_setup::include_dirty_setting_begins_from_all_of_it,
        "roster" => roster_is_whom_tasks_are_escalated_to,
        "env.pass" => env_pass_names_reach_a_child,
        "vars" => vars_fill_texts_and_decide_conditions,
        "agents" => agents_are_programs_that_work,
        "review.default" => review_voices::default_is_who_reviews_where_nobody_is_named,
        "review.fail_on" => reviews::fail_on_setting_is_the_bar_of_a_review,
        "review.minutes" => reviews::minutes_setting_bounds_a_pass,
        "review.reviewers" => review_voices::reviewers_of_the_settings_review_and_do_nothing_else,
        "budget.cost_usd" => budgets::cost_setting_ends_an_agent,
        "budget.tokens" => budgets::tokens_setting_ends_an_agent,
        "budget.seconds" => budgets::time_setting_ends_a_run,
        "budget.attempts" => budgets::attempts_are_counted_over_all_tasks,
        "budget.tool_calls" => budgets::tool_calls_end_an_agent,
        "prices" => budgets::prices_make_costs_of_tokens,
        other => panic!("the setting {other} has no proof that a run honours it: add one here"),
    }
}

#[test]
fn every_setting_changes_what_a_run_does() {
    let proofs: Vec<_> = settings::ALL.iter().map(|setting| (setting.key, proof_of(setting))).collect();
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = proofs.iter().map(|(key, proof)| (*key, scope.spawn(proof))).collect();
        running.into_iter().filter_map(|(key, proof)| proof.join().is_err().then_some(key)).collect()
    });
    assert!(failed.is_empty(), "not honoured, see above: {failed:?}");
}

#[test]
fn the_variable_of_a_setting_changes_what_a_run_does() {
    let repo = TestRepo::new();
    repo.workflow("one", TOGETHER);
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    command.env("CREW_LIMITS_JOBS", "1").env("CREW_LIMITS_ATTEMPT_SECONDS", "50");
    // Alone, `a` waits for `b` in vain, so the second one has to be started by us.
    let crew = start_command(command);
    repo.wait_for_file("a");
    assert!(!repo.root.join("b").exists());
    repo.write("b", "");
    crew.ends().exits(0);
    assert!(!overlaps(&repo));
}

// The flags.

fn team_is_taken() {
    let repo = TestRepo::new();
    repo.write("Makefile", "test:\n\t@true\n");
    repo.commit("something to test");
    let plan = repo.crew(["run", "g", "--team", "review", "--agent", "builtin", "--json"]).exits(0).json();
    assert_eq!(plan["tasks"].as_array().expect("tasks").len(), 5);
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["team"], "review");
}

fn workflow_is_carried_out() {
    let repo = TestRepo::new();
    repo.workflow("one", "## only-here\nrun: true");
    assert_eq!(task(&run(&repo, 0, &[]), "only-here")["state"], "completed");
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["workflow"], "one");
}

fn agent_works_in_every_step() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:mine");
    repo.agent("other", "submit:other");
    repo.workflow("one", "## a\nrole: executor\nagent: other\n\nDo it.\n\n## b\nrole: planner\n\nPlan it.");
    let run = run(&repo, 0, &["--agent", "mine"]);
    assert_eq!([&task(&run, "a")["summary"], &task(&run, "b")["summary"]], ["mine", "mine"]);
}

fn model_is_told_to_the_agent() {
    let repo = TestRepo::new();
    let command = format!("{FAKE_AGENT} say:model={{model}} submit:done --");
    repo.set("agents", "mine", json!({"command": command, "writes": true}));
    repo.workflow("one", "## a\nrole: executor\nagent: mine\nmodel: small\n\nDo it.");
    run(&repo, 0, &[]);
    assert!(repo.log("a", 1).contains("model=small"));
    run(&repo, 0, &["--model", "large"]);
    assert!(repo.log("a", 1).contains("model=large"));
    let events = repo.events();
    let started = events.iter().find(|event| event["kind"] == "attempt_started").expect("a start");
    assert_eq!(started["model"], "large");
}

fn jobs_flag_is_tasks_at_once() {
    let repo = TestRepo::new();
    repo.set("limits", "jobs", json!(1));
    repo.workflow("one", TOGETHER);
    run(&repo, 0, &["--jobs", "2"]);
    assert!(overlaps(&repo));
    repo.workflow("one", "## a\nrun: true\n\n## b\nrun: true\n\n## c\nrun: true");
    run(&repo, 0, &["-j1"]);
    assert!(!overlaps(&repo));
}

fn fail_fast_stops_the_others() {
    let repo = TestRepo::new();
    let steps = |other: &str| {
        format!(
            "## bad\nrun: while [ ! -e begun ]; do sleep 0.02; done; exit 3\n\n## other\nrun: touch begun; {other}\n\n## later\nrun: true\ndependsOn: other"
        )
    };
    repo.workflow("one", &steps("sleep 300"));
    let stopped = run(&repo, 1, &["--fail-fast"]);
    let states = |run: &Value| {
        ["bad", "other", "later"].map(|id| task(run, id)["state"].as_str().expect("a state").to_owned())
    };
    assert_eq!(states(&stopped), ["failed", "cancelled", "cancelled"]);
    std::fs::remove_file(repo.root.join("begun")).expect("it began");
    repo.workflow("one", &steps("true"));
    assert_eq!(states(&run(&repo, 1, &[])), ["failed", "completed", "completed"]);
}

fn dry_run_starts_nothing() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch ran");
    run(&repo, 0, &["--dry-run"]);
    assert!(!repo.root.join("ran").exists() && !repo.root.join(".crew").exists());
}

fn recordings_are_made_and_played() {
    let repo = TestRepo::new();
    repo.agent("mine", "sleep:1000 submit:mine");
    repo.workflow("one", "## a\nrole: executor\nagent: mine\n\nDo it.");
    run(&repo, 0, &["--record", "recorded"]);
    repo.agent("mine", "exit:9");
    assert_eq!(task(&run(&repo, 0, &["--replay", "recorded"]), "a")["summary"], "mine");
    let slow = run(&repo, 0, &["--replay", "recorded", "--replay-speed", "1"]);
    assert!(task(&slow, "a")["millis"].as_u64().expect("a time") >= 1000);
}

fn set_is_for_one_run() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nwhen: vars.x == \"1\"\nrun: true");
    assert_eq!(task(&run(&repo, 0, &["--set", "vars.x=1"]), "a")["state"], "completed");
    assert_eq!(task(&run(&repo, 0, &["--set", "vars.x=2"]), "a")["state"], "skipped");
}

fn trust_project_lets_its_commands_run() {
    let repo = TestRepo::new();
    repo.write(".crew/workflows/one.workflow.md", "---\ndescription: A flow\n---\n\n## a\nrun: touch ran\n");
    repo.crew(["run", "g", "--workflow", "one"]).exits(4);
    run(&repo, 0, &["--trust-project"]);
    assert!(repo.root.join("ran").exists());
}

fn json_is_data() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    assert_eq!(run(&repo, 0, &[])["status"], "completed");
    assert!(repo.crew(["run", "g", "--workflow", "one"]).exits(0).out.starts_with("task "));
}

fn goal_reaches_the_agent() {
    let repo = TestRepo::new();
    repo.agent("mine", "say-prompt submit:done");
    repo.workflow("one", "## a\nrole: executor\nagent: mine\n\nReach: {goal}!");
    repo.crew(["run", "a better world", "--workflow", "one"]).exits(0);
    assert!(repo.log("a", 1).contains("Reach: a better world!"));
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["goal"], "a better world");
}

fn quiet_says_nothing_beside_the_data() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let ran = repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0);
    assert!(ran.err.is_empty() && ran.out.contains("completed"), "{ran:?}");
}

fn folder_is_where_the_run_is() {
    let (here, there) = (TestRepo::new(), TestRepo::new());
    here.workflow("one", "## a\nrun: touch ran");
    let folder = there.root.display().to_string();
    here.crew(["-C", &folder, "run", "g", "--workflow", "one"]).exits(0);
    assert!(there.root.join("ran").exists() && !here.root.join(".crew").exists());
}

#[test]
fn every_flag_of_run_changes_what_a_run_does() {
    let mut tree = crew::commands::command_tree();
    tree.build();
    let run = tree.find_subcommand("run").expect("crew run");
    let mut proofs: Vec<(String, fn())> = Vec::new();
    for argument in run.get_arguments() {
        let proof: fn() = match argument.get_id().as_str() {
            "goal" => goal_reaches_the_agent,
            "team" => team_is_taken,
            "workflow" => workflow_is_carried_out,
            "agent" => agent_works_in_every_step,
            "model" => model_is_told_to_the_agent,
            "jobs" => jobs_flag_is_tasks_at_once,
            "fail_fast" => fail_fast_stops_the_others,
            "dry_run" => dry_run_starts_nothing,
            "resume" => interruption::run_with_resume_is_another_word_for_resume,
            "detach" => detached::flag_lets_another_process_carry_it_out,
            "worktree" => worktree_setup::flag_gives_each_task_a_worktree,
            "include_dirty" => worktree_setup::include_dirty_flag_begins_from_all_of_it,
            "no_verify_cache" => no_verify_cache_runs_each_command,
            "record" | "replay" | "replay_speed" => recordings_are_made_and_played,
            "max_cost" => budgets::cost_flag_ends_an_agent,
            "max_tokens" => budgets::tokens_flag_ends_an_agent,
            "max_time" => budgets::time_flag_ends_a_run,
            "set" => set_is_for_one_run,
            "trust_project" => trust_project_lets_its_commands_run,
            "json" => json_is_data,
            "verbose" => {
                logging::what_is_decided_and_done_is_said_beside_the_data_and_only_where_somebody_asks
            }
            "quiet" => quiet_says_nothing_beside_the_data,
            "folder" => folder_is_where_the_run_is,
            "help" | "version" => continue,
            other => panic!("the argument {other} has no proof that a run honours it: add one here"),
        };
        proofs.push((argument.get_id().to_string(), proof));
    }
    assert!(proofs.len() >= 12, "{}", proofs.len());
    let failed: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = proofs.into_iter().map(|(name, proof)| (name, scope.spawn(proof))).collect();
        running.into_iter().filter_map(|(name, proof)| proof.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "not honoured, see above: {failed:?}");
}

#[test]
fn what_a_resumed_run_is_set_to_counts() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch begun; while [ -e wait ]; do sleep 0.02; done; sleep 300");
    repo.write("wait", "");
    let crew = repo.start(["run", "g", "--workflow", "one"]);
    repo.wait_for_file("begun");
    crew.signal(libc::SIGINT);
    crew.ends().exits(130);
    std::fs::remove_file(repo.root.join("wait")).expect("it goes away");
    wait_until("the run is free", || !repo.crew(["status", "last"]).exits(0).out.contains("running"));
    let run = repo.crew(["resume", "last", "--set", "limits.attempt_seconds=1", "--json"]).exits(1).json();
    assert_eq!(task(&run, "a")["error_kind"], "attempt_timeout");
}
