//! Budgets: what a run, a team and a step may use up, held across agents that run side by side, and across a resume.

use crate::support::{Ran, TestRepo, of_kind, run_command, task, wait_until};
use serde_json::{Value, json};

/// A line of usage in the protocol of crew, as an action of the fake agent.
fn usage(figures: &str) -> String {
    format!(r#"'say:{{"crew":"usage",{figures}}}'"#)
}

fn costs(dollars: f64) -> String {
    usage(&format!(r#""input_tokens":1000,"cost_usd":{dollars}"#))
}

const END: &str = r#"submit:done 'say:{"crew":"end","ok":true}'"#;

/// Hands in, and tells of usage in its last words, as most CLIs do.
fn ends_with(usage: &str) -> String {
    format!(r#"submit:done {usage} 'say:{{"crew":"end","ok":true}}'"#)
}

#[track_caller]
fn run(repo: &TestRepo, exit: i32, more: &[&str]) -> Value {
    told(repo, more).exits(exit).json()
}

fn told(repo: &TestRepo, more: &[&str]) -> Ran {
    repo.crew(["run", "the goal", "--workflow", "one", "--json"].iter().chain(more))
}

#[track_caller]
fn is_over(run: &Value, id: &str, reason: &str) {
    let task = task(run, id);
    assert_eq!(
        (&task["state"], &task["error_kind"]),
        (&json!("failed"), &json!("budget_exceeded")),
        "{task}"
    );
    assert_eq!(task["reason"], reason);
}

/// Steps of agents with these ids and further keys.
fn steps(steps: &[(&str, &str)]) -> String {
    let step =
        |(id, keys): &(&str, &str)| format!("## {id}\nrole: executor\nagent: {id}\n{keys}\n\nDo it.\n\n");
    steps.iter().map(step).collect()
}

#[test]
fn an_agent_that_uses_up_the_run_is_ended_and_its_work_stays() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let script = format!("touch:made.txt {} {} wait-gone:{}", costs(1.25), costs(1.28), gate.display());
    repo.one_step_in_protocol("", &script);
    is_over(&run(&repo, 1, &["--max-cost", "2.50"]), "work", "run budget of $2.50 is used up: $2.53 spent");
    assert!(repo.root.join("made.txt").exists());
    repo.leaves_no_process();
    let status = repo.crew(["status", "last"]).exits(0);
    assert!(status.out.contains("\nbudget  $2.53 of $2.50\n"), "{}", status.out);
    assert!(status.err.contains("--max-cost DOLLARS    goes on with a larger budget"), "{}", status.err);
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(status["budget"]["run"]["cost_usd"], json!({"spent": 2.53, "limit": 2.5}));
    assert_eq!((&status["cost_usd"], &status["cost_unknown"]), (&json!(2.53), &json!([])));
}

#[test]
fn what_was_handed_in_before_that_is_kept_for_a_person_to_look_at() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("submit:made {} wait-gone:{}", costs(3.0), gate.display()));
    let run = run(&repo, 1, &["--max-cost", "2.50"]);
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["summary"]), (&json!("needs_review"), &json!("made")));
    let reason = "it handed in a result, but was then stopped: run budget of $2.50 is used up: $3.00 spent";
    assert_eq!(work["reason"], reason);
    assert!(repo.artifact("results/work.1.json").contains("made"));
}

#[test]
fn one_that_told_its_cost_at_its_end_is_done_and_nothing_more_starts() {
    let repo = TestRepo::new();
    repo.crew_agent("first", &ends_with(&costs(3.0)));
    repo.crew_agent("second", END);
    let more = "## check\nrun: true\ndependsOn: first\n\n## report\nrun: touch reported\ndependsOn: second\nwhen: always";
    repo.workflow("one", &format!("{}{more}", steps(&[("first", ""), ("second", "dependsOn: first")])));
    let run = run(&repo, 1, &["--max-cost", "2.50"]);
    assert_eq!(task(&run, "first")["state"], "completed");
    is_over(&run, "second", "run budget of $2.50 is used up: $3.00 spent");
    assert_eq!(task(&run, "second")["attempts"], 0);
    // A command spends nothing of it.
    assert_eq!([&task(&run, "check")["state"], &task(&run, "report")["state"]], ["completed", "completed"]);
    let status = repo.crew(["status", "last"]).exits(0);
    assert!(status.err.contains("second  budget_exceeded; raise the budget"), "{}", status.err);
}

#[test]
fn agents_side_by_side_pass_the_limit_by_no_more_than_a_turn_each() {
    let repo = TestRepo::new();
    repo.set("limits", "shared_writers", json!(4));
    let (second, never) = (repo.gate("second"), repo.gate("never"));
    let wait = |gate: &std::path::Path| format!("wait-gone:{}", gate.display());
    let script = format!("{0} {1} {0} {2}", costs(0.4), wait(&second), wait(&never));
    let names = ["a", "b", "c", "d"];
    names.iter().for_each(|name| repo.crew_agent(name, &script));
    repo.workflow("one", &steps(&names.map(|name| (name, ""))));
    let words = ["run", "the goal", "--workflow", "one", "--json", "--max-cost", "2.50", "--jobs", "4"];
    let running = repo.start(words);
    wait_until("all run", || of_kind(&repo.events_so_far(), "process_started").len() == 4);
    // The third of their second turns is too much, and by then the fourth is under way.
    repo.open("second");
    let run = running.ends().exits(1).json();
    let spent = run["cost_usd"].as_f64().expect("a cost");
    assert!((2.5..2.5 + 4.0 * 0.4 + 1e-6).contains(&spent), "{spent}");
    names.iter().for_each(|name| assert_eq!(task(&run, name)["error_kind"], "budget_exceeded"));
    repo.leaves_no_process();
}

#[test]
fn what_does_not_fit_beside_the_others_waits_for_them() {
    let repo = TestRepo::new();
    repo.set("limits", "shared_writers", json!(4));
    let names = ["a", "b", "c", "d"];
    // Like most CLIs, they tell what they have cost when they are done.
    names.iter().for_each(|name| repo.crew_agent(name, &format!("sleep:50 {}", ends_with(&costs(1.0)))));
    let after = "dependsOn: a";
    repo.workflow("one", &steps(&[("a", ""), ("b", after), ("c", after), ("d", after)]));
    let run = run(&repo, 1, &["--max-cost", "2.50", "--jobs", "4"]);
    // After a, 1.50 are left: b reserves 1.00, and the 0.50 beside it are not enough for c.
    let events = repo.events();
    let at = |kind: &str, id: &str| {
        let found = events.iter().position(|event| event["kind"] == kind && event["task"] == id);
        found.unwrap_or_else(|| panic!("no {kind} of {id}"))
    };
    assert!(at("attempt_started", "c") > at("attempt_ended", "b"));
    assert_eq!([&task(&run, "b")["state"], &task(&run, "c")["state"]], ["completed", "completed"]);
    is_over(&run, "d", "run budget of $2.50 is used up: $3.00 spent");
}

#[test]
fn a_step_with_a_budget_reserves_it_whole() {
    let repo = TestRepo::new();
    let names = ["a", "b"];
    names.iter().for_each(|name| repo.crew_agent(name, &format!("sleep:50 {} {END}", costs(0.5))));
    repo.workflow("one", &steps(&[("a", "maxCost: 2.00"), ("b", "maxCost: 2.00")]));
    run(&repo, 0, &["--max-cost", "2.50", "--jobs", "2"]);
    let kinds = repo.kinds();
    let starts: Vec<&String> = kinds.iter().filter(|kind| kind.starts_with("attempt_")).collect();
    assert_eq!(starts, ["attempt_started", "attempt_ended", "attempt_started", "attempt_ended"]);
}

#[test]
fn at_80_percent_people_are_warned_once() {
    let repo = TestRepo::new();
    repo.one_step_in_protocol("", &format!("{} sleep:50 {} sleep:50 {END}", costs(2.1), costs(0.1)));
    let ran = told(&repo, &["--max-cost", "2.50"]).exits(0);
    assert_eq!(ran.err.matches("event=budget_warned level=run what=cost_usd spent=2.1 limit=2.5").count(), 1);
    let events = repo.events();
    let warned = of_kind(&events, "budget_warned");
    assert_eq!(warned.len(), 1);
    assert_eq!(
        (&warned[0]["level"], &warned[0]["spent"], &warned[0]["limit"]),
        (&json!("run"), &json!(2.1), &json!(2.5))
    );
}

#[test]
fn what_nobody_told_is_unknown_and_is_said() {
    let repo = TestRepo::new();
    repo.crew_agent("known", &format!("{} {END}", costs(0.25)));
    repo.crew_agent("unknown", &format!("{} {END}", usage(r#""input_tokens":1000"#)));
    repo.workflow("one", &steps(&[("known", ""), ("unknown", "")]));
    let json = run(&repo, 0, &["--max-cost", "2.50"]);
    assert_eq!((&json["cost_usd"], &json["cost_unknown"]), (&json!(0.25), &json!(["unknown"])));
    assert_eq!((&json["usage"]["input_tokens"], &json["tokens_unknown"]), (&json!(2000), &json!([])));
    let out = repo.crew(["run", "the goal", "--workflow", "one", "--max-cost", "2.50"]).exits(0).out;
    assert!(out.contains("2.0k tokens   $0.25 + unknown (reports no price)\n"), "{out}");
    assert!(out.contains("budget  $0.25 of $2.50 + unknown (reports no price)\n"), "{out}");
    // One that says nothing at all.
    repo.one_step("", "submit:done");
    let json = run(&repo, 0, &[]);
    assert_eq!((&json["cost_usd"], &json["tokens_unknown"]), (&Value::Null, &json!(["fake"])));
}

#[test]
fn that_a_limit_does_not_hold_for_an_agent_is_said_before_it_starts() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let turn = r#"echo '{"type":"turn.completed","usage":{"input_tokens":1000000,"output_tokens":1}}'"#;
    repo.program("codex", &format!("cat >/dev/null\ncrew submit noop --reason r >&2\n{turn}"));
    repo.workflow("one", "## work\nrole: executor\nagent: codex\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "one", "--json"];
    let with = |more: &[&str]| run_command(repo.alone(words.iter().chain(more)));
    let note = "codex reports no price: the limit on cost does not hold for it";
    let ran = with(&["--max-cost", "2.50"]).exits(0);
    assert_eq!(ran.err.matches(note).count(), 1, "{}", ran.err);
    assert_eq!(ran.json()["cost_unknown"], json!(["codex"]));
    assert!(!with(&["--max-tokens", "2M"]).exits(0).err.contains(note));
    // With a price for its default model, crew knows.
    repo.set("prices", "codex", json!({"input": 2.0, "output": 10.0}));
    let ran = with(&["--max-cost", "2.50"]).exits(0);
    assert!(!ran.err.contains(note), "{}", ran.err);
    assert_eq!((&ran.json()["cost_usd"], &ran.json()["cost_unknown"]), (&json!(2.00001), &json!([])));
}

#[test]
fn claude_which_tells_its_cost_at_its_end_is_told_what_it_may_cost() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let result = r#"{"type":"result","subtype":"error_max_budget_usd","is_error":true,"total_cost_usd":2.52,"usage":{"input_tokens":5},"errors":["Reached maximum budget ($2.5)"]}"#;
    repo.program(
        "claude",
        &format!("echo \"$*\" >>\"$HOME/arguments\"\ncat >/dev/null\necho '{result}'\nexit 1"),
    );
    repo.workflow("one", "## work\nrole: executor\nagent: claude\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "one", "--json", "--max-cost", "2.50"];
    let run = run_command(repo.alone(words)).exits(1).json();
    assert_eq!(task(&run, "work")["error_kind"], "budget_exceeded");
    assert_eq!(run["cost_usd"], 2.52);
    let arguments = std::fs::read_to_string(repo.home.join("arguments")).expect("its arguments");
    assert!(arguments.contains("--max-budget-usd 2.5 "), "{arguments}");
}

/// A price in the table makes a cost of tokens.
pub fn prices_make_costs_of_tokens() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let script = format!("{} wait-gone:{}", usage(r#""input_tokens":1000000"#), gate.display());
    repo.one_step_in_protocol("model: small", &script);
    // What stands behind `--` is nothing to the fake agent.
    let command = format!("{} {script} -- {{model}}", crate::support::FAKE_AGENT);
    repo.set("agents", "fake", json!({"command": command, "output": "crew", "writes": true}));
    let price = r#"prices.small={"input": 3, "output": 9}"#;
    let json = run(&repo, 1, &["--max-cost", "2.50", "--set", price]);
    is_over(&json, "work", "run budget of $2.50 is used up: $3.00 spent");
    let wrong = repo.crew(["config", "set", "prices.small", r#"{"input": 3}"#]).exits(2);
    assert!(wrong.err.contains("prices.small: a price has to be"), "{}", wrong.err);
}

/// Ends an agent by a limit that `limit` sets to 1500, in tokens.
fn tokens_end_an_agent(limit: &[&str]) {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("{0} {0} wait-gone:{1}", costs(0.0), gate.display()));
    is_over(&run(&repo, 1, limit), "work", "run budget of 1.5k tokens is used up: 2k tokens spent");
}

pub fn tokens_flag_ends_an_agent() {
    tokens_end_an_agent(&["--max-tokens", "1.5k"]);
}

pub fn tokens_setting_ends_an_agent() {
    tokens_end_an_agent(&["--set", "budget.tokens=1500"]);
}

/// Ends an agent by a limit that `limit` sets to $0.50.
fn cost_ends_an_agent(limit: &[&str]) {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("{} wait-gone:{}", costs(0.5), gate.display()));
    is_over(&run(&repo, 1, limit), "work", "run budget of $0.50 is used up: $0.50 spent");
}

pub fn cost_flag_ends_an_agent() {
    cost_ends_an_agent(&["--max-cost", "0.5"]);
}

pub fn cost_setting_ends_an_agent() {
    cost_ends_an_agent(&["--set", "budget.cost_usd=0.50"]);
}

/// Ends a command by a limit that `limit` sets to a second.
fn time_ends_a_run(limit: &[&str]) {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: sleep 300\n\n## b\nrun: true\ndependsOn: a\nwhen: always");
    let run = run(&repo, 1, limit);
    let a = task(&run, "a");
    assert_eq!(a["error_kind"], "budget_exceeded");
    let reason = a["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("run budget of 1s is used up: ") && reason.ends_with(" worked"), "{reason}");
    assert_eq!(task(&run, "b")["error_kind"], "budget_exceeded");
    repo.leaves_no_process();
}

pub fn time_flag_ends_a_run() {
    time_ends_a_run(&["--max-time", "1s"]);
}

pub fn time_setting_ends_a_run() {
    time_ends_a_run(&["--set", "budget.seconds=1"]);
}

pub fn attempts_are_counted_over_all_tasks() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\n\n## b\nrun: true\n\n## c\nrun: true");
    let run = run(&repo, 1, &["--set", "budget.attempts=2", "--jobs", "1"]);
    is_over(&run, "c", "run budget of 2 attempts is used up: 2 attempts made");
    assert_eq!(task(&run, "b")["state"], "completed");
}

pub fn tool_calls_end_an_agent() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let call = |id: u32| {
        let line = format!(r#"{{"crew":"tool","id":"{id}","name":"ls"}}"#);
        format!(r#"'say:{line}' 'say:{{"crew":"tool_end","id":"{id}","ok":true}}'"#)
    };
    let script = format!("{} {} {} wait-gone:{}", call(1), call(2), call(3), gate.display());
    repo.one_step_in_protocol("", &script);
    let run = run(&repo, 1, &["--set", "budget.tool_calls=2"]);
    is_over(&run, "work", "run budget of 2 tool calls is used up: 3 tool calls made");
}

#[test]
fn a_step_has_a_budget_of_its_own_for_all_its_attempts() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.crew_agent("dear", &format!("{} wait-gone:{}", costs(0.6), gate.display()));
    repo.crew_agent("cheap", &format!("{} {END}", costs(0.6)));
    repo.workflow("one", &steps(&[("dear", "maxCost: 0.50"), ("cheap", "")]));
    let json = run(&repo, 1, &[]);
    is_over(&json, "dear", "task budget of $0.50 is used up: $0.60 spent");
    assert_eq!(task(&json, "dear")["budget"]["cost_usd"], json!({"spent": 0.6, "limit": 0.5}));
    assert_eq!(task(&json, "cheap")["state"], "completed");
    // A further attempt is not begun: what went wrong is told.
    repo.workflow("one", "## a\nrun: false\nverify: true && true\nretries: 5\nmaxAttempts: 2");
    let json = run(&repo, 1, &[]);
    assert_eq!(
        (&task(&json, "a")["attempts"], &task(&json, "a")["error_kind"]),
        (&json!(2), &json!("verify_failed"))
    );
}

#[test]
fn a_team_has_a_budget_for_all_of_its_run() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("", &format!("{} wait-gone:{}", costs(0.6), gate.display()));
    repo.put_user(
        "teams/small.team.md",
        "---\nname: small\ndescription: d\nworkflow: one\nmaxCost: 0.50\n---\n\n- executor: agent=executor\n",
    );
    let ran = repo.crew(["run", "the goal", "--team", "small", "--json", "--max-cost", "2"]).exits(1).json();
    is_over(&ran, "work", "team budget of $0.50 is used up: $0.60 spent");
    let status = repo.crew(["status", "last"]).exits(0);
    assert!(status.out.contains("\nbudget  $0.60 of $2.00\nteam budget  $0.60 of $0.50\n"), "{}", status.out);
}

#[test]
fn a_wrong_budget_is_told_with_file_and_line() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true\nmaxTime: soon\n\n## b\nrun: true\nmaxCost: 1");
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(
        ran.err.contains("`maxTime`: `soon` is no time") && ran.err.contains("one.workflow.md:8"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("`maxCost` means nothing for a command step"), "{}", ran.err);
    repo.workflow("one", "## a\nrun: true");
    repo.put_user(
        "teams/small.team.md",
        "---\nname: small\ndescription: d\nworkflow: one\nmaxTokens: -5\n---\n\n- executor: agent=executor\n",
    );
    let ran = repo.crew(["run", "g", "--team", "small"]).exits(2);
    assert!(
        ran.err.contains("`maxTokens`: `-5` is no count") && ran.err.contains("small.team.md:5"),
        "{}",
        ran.err
    );
    for wrong in [["--max-cost", "much"], ["--max-tokens", "-1"], ["--max-time", "1d"]] {
        repo.crew(["run", "g"].iter().chain(&wrong)).exits(2);
    }
}

#[test]
fn a_project_may_lower_a_budget_and_not_raise_it_or_make_prices() {
    let repo = TestRepo::new();
    repo.put_user("config.json", r#"{"budget": {"cost_usd": 2.5, "tokens": 1000}}"#);
    repo.write(
        ".crew/config.json",
        r#"{"budget": {"cost_usd": 0, "tokens": 500}, "prices": {"x": {"input": 0, "output": 0}}}"#,
    );
    let value = |key: &str| repo.crew(["config", "get", key]).exits(0).out.trim().to_owned();
    assert_eq!([value("budget.cost_usd"), value("budget.tokens")], ["2.5", "500"]);
    repo.crew(["config", "get", "prices.x"]).exits(4);
}

#[test]
fn a_resumed_run_goes_on_with_what_it_has_spent_and_with_a_larger_budget_where_it_is_given_one() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    repo.crew_agent("first", &format!("{} {END}", costs(2.0)));
    let wait = format!("wait-gone:{}", gate.display());
    let second = format!(
        r#"1?{wait} '2?say:{{"crew":"usage","cost_usd":0.6,"input_tokens":1}}' 2?{wait} submit:done 'say:{{"crew":"end","ok":true}}'"#
    );
    repo.crew_agent("second", &second);
    repo.workflow(
        "one",
        &format!(
            "{}## third\nrun: true\ndependsOn: second",
            steps(&[("first", ""), ("second", "dependsOn: first")])
        ),
    );
    let running = repo.start(["run", "the goal", "--workflow", "one", "--json", "--max-cost", "2.50"]);
    repo.wait_for_event("the second one runs", |event| {
        event["kind"] == "process_started" && event["task"] == "second"
    });
    running.kill();
    let json = repo.crew(["resume", "last", "--json"]).exits(1).json();
    is_over(&json, "second", "run budget of $2.50 is used up: $2.60 spent");
    assert_eq!(task(&json, "third")["state"], "skipped");
    // Nobody knows what the attempt used that was lost.
    assert_eq!(json["cost_unknown"], json!(["second"]));
    let refused = repo.crew(["resume", "last", "--max-cost", "2.55"]).exits(4);
    assert!(
        refused.err.contains("is failed: run budget of $2.55 is used up: $2.60 spent"),
        "{}",
        refused.err
    );
    assert!(refused.err.contains("--max-cost DOLLARS    goes on with a larger budget"), "{}", refused.err);
    let json = repo.crew(["resume", "last", "--max-cost", "5", "--json"]).exits(0).json();
    assert_eq!(
        (&task(&json, "second")["state"], &task(&json, "third")["state"]),
        (&json!("completed"), &json!("completed"))
    );
    assert_eq!(json["budget"]["run"]["cost_usd"], json!({"spent": 2.6, "limit": 5.0}));
    repo.crew(["resume", "last", "--max-cost", "6"]).exits(4);
}
