//! Agents that wait and agents that are at work are told apart from agents that hang.

use crate::support::{TestRepo, task, wait_until};
use serde_json::{Value, json};

const END: &str = r#"'say:{"crew":"end","ok":true}'"#;
const TOOL: &str = r#"'say:{"crew":"tool","id":"1","name":"bash","arguments":"make all"}'"#;
const TOOL_END: &str = r#"'say:{"crew":"tool_end","id":"1","ok":true}'"#;

fn waiting(reason: &str) -> String {
    format!(r#"'say:{{"crew":"waiting","reason":"{reason}","error":"rate_limited"}}'"#)
}

fn work(repo: &TestRepo) -> Value {
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    task(&status, "work").clone()
}

#[test]
fn a_tool_at_work_is_no_silence() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(1));
    repo.one_step_in_protocol("", &format!("{TOOL} sleep:2500 {TOOL_END} submit:done {END}"));
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["state"], "completed");
    let events = repo.events();
    let tool = events.iter().find(|event| event["kind"] == "tool_invoked").expect("a tool call");
    assert!(tool["millis"].as_u64().expect("a time") >= 2_400, "{tool}");
}

#[test]
fn silence_counts_anew_when_the_tool_has_come_back() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(1));
    let gate = repo.gate("hang");
    let script = format!("{TOOL} sleep:1500 {TOOL_END} wait-gone:{}", gate.display());
    repo.one_step_in_protocol("", &script);
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "silent");
    let events = repo.events();
    assert!(events.iter().any(|event| event["kind"] == "tool_invoked"), "{events:#?}");
    repo.leaves_no_process();
}

#[test]
fn a_tool_that_never_comes_back_is_ended_by_the_time_of_the_attempt() {
    let repo = TestRepo::new();
    repo.set("limits", "silence_seconds", json!(1));
    let gate = repo.gate("hang");
    repo.one_step_in_protocol("timeout: 3", &format!("{TOOL} wait-gone:{}", gate.display()));
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "attempt_timeout");
    repo.leaves_no_process();
}

#[test]
fn what_an_agent_waits_for_is_shown_to_others_until_it_goes_on() {
    let repo = TestRepo::new();
    let (held, working) = (repo.gate("held"), repo.gate("working"));
    let script = format!(
        r#"{} wait-gone:{} 'say:{{"crew":"message","text":"here we go"}}' wait-gone:{} submit:done {END}"#,
        waiting("429, retry 3 of 10 in 20 s"),
        held.display(),
        working.display()
    );
    repo.one_step_in_protocol("", &script);
    let run = repo.start_run("one");
    repo.wait_for_event("it waits", |event| event["kind"] == "agent_waited");
    assert_eq!(work(&repo)["waiting"], "429, retry 3 of 10 in 20 s");
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains("waits: 429, retry 3 of 10 in 20 s"), "{shown}");
    repo.open("held");
    wait_until("it goes on", || work(&repo)["waiting"].is_null());
    assert!(!repo.crew(["status", "last"]).exits(0).out.contains("waits:"));
    repo.open("working");
    assert_eq!(run.ends().exits(0).json()["status"], "completed");
}

#[test]
fn time_used_up_by_waiting_for_the_provider_is_told_as_such() {
    for (sets, words) in [
        (
            ["limits.attempt_seconds=2", "limits.silence_seconds=0"],
            "its time was used up while it waited: 429",
        ),
        (
            ["limits.attempt_seconds=60", "limits.silence_seconds=1"],
            "it printed nothing for too long while it waited: 429",
        ),
    ] {
        let repo = TestRepo::new();
        let gate = repo.gate("hang");
        repo.one_step_in_protocol("", &format!("{} wait-gone:{}", waiting("429"), gate.display()));
        let plan = ["run", "the goal", "--workflow", "one", "--json", "--set", "retry.max_attempts=1"];
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let run = repo.crew(plan.into_iter().chain(sets)).exits(1).json();
        let work = task(&run, "work");
        assert_eq!(
            (&work["error_kind"], &work["reason"]),
            (&json!("rate_limited"), &json!(words)),
            "{work:#}"
        );
        repo.leaves_no_process();
    }
}

#[test]
fn secrets_in_the_arguments_of_a_tool_are_not_kept() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let key = format!("ghp_{}", "a8Kx2Qz7".repeat(4));
    repo.program(
        "leaky",
        &format!(
            "printf '{{\"crew\":\"tool\",\"id\":\"1\",\"name\":\"bash\",\"arguments\":\"run {key} with %s\"}}\\n' \"$CREW_TOKEN\"\n\
             echo '{{\"crew\":\"tool_end\",\"id\":\"1\",\"ok\":true}}'\n\
             crew submit result --summary done --confidence 0.9 --rationale r --no-change-reason n >&2\n\
             echo '{{\"crew\":\"end\",\"ok\":true}}'"
        ),
    );
    let command = repo.programs().join("leaky").display().to_string();
    repo.set("agents", "leaky", json!({"command": command, "output": "crew", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: leaky\n\nDo it.");
    repo.run_json("one", 0);
    let events = repo.events();
    let tool = events.iter().find(|event| event["kind"] == "tool_invoked").expect("a tool call");
    assert_eq!(tool["arguments"], "run [redacted] with [redacted]");
}
