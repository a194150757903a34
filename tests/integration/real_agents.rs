//! The agent CLIs that crew knows, as scripts that replay what the real programs printed.

use crate::support::{Ran, TestRepo, processes_with, run_command, task, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn transcript(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/agent-output/{name}.jsonl"))
}

/// What a transcript tells, looked up by hand.
struct Recorded {
    agent: &'static str,
    /// Where its first line that has one names the session.
    session: &'static str,
    tool: &'static str,
    cost: Option<f64>,
}

const RECORDED: [Recorded; 5] = [
    Recorded { agent: "claude", session: "/session_id", tool: "Bash", cost: Some(0.0029) },
    Recorded { agent: "codex", session: "/thread_id", tool: "shell", cost: None },
    Recorded { agent: "gemini", session: "/session_id", tool: "run_shell_command", cost: None },
    Recorded { agent: "opencode", session: "/sessionID", tool: "bash", cost: Some(0.0) },
    Recorded { agent: "pi", session: "/id", tool: "bash", cost: Some(0.0) },
];

fn session_in(name: &str, pointer: &str) -> String {
    let text = std::fs::read_to_string(transcript(name)).expect("a transcript");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.into_iter().find_map(|line| Some(line.pointer(pointer)?.as_str()?.to_owned())).expect("a session")
}

/// Installs an agent that takes its prompt, hands in a result, replays a transcript and leaves.
fn install_good(repo: &TestRepo, agent: &str) {
    repo.link_programs(&["cat"]);
    repo.program(
        agent,
        &format!(
            "[ \"$1\" = --version ] && echo 1.2.3 && exit 0\n\
             printf '%s\\n' \"$@\" >\"$HOME/{agent}.arguments\"\ncat >\"$HOME/{agent}.prompt\"\n\
             crew submit result --summary 'made by {agent}' --confidence 0.9 --rationale 'it was replayed' --no-change-reason n >&2 || exit 9\n\
             cat '{}'",
            transcript(&format!("{agent}-ok")).display()
        ),
    );
}

/// Installs an agent that prints the first `lines` of a transcript and then goes on for minutes.
fn install_stuck(repo: &TestRepo, agent: &str, transcript_name: &str, lines: usize) {
    repo.link_programs(&["head", "sleep"]);
    repo.program(
        agent,
        &format!("head -n {lines} '{}'\nexec sleep 600", transcript(transcript_name).display()),
    );
}

fn run(repo: &TestRepo, more: &[&str]) -> Ran {
    repo.workflow("one", "## work\nrole: executor\n\nDo it.");
    run_command(repo.alone(["run", "the goal", "--workflow", "one", "--json"].iter().chain(more)))
}

#[test]
fn a_session_of_each_agent_is_recorded_as_its_stream_told_it() {
    for recorded in RECORDED {
        let agent = recorded.agent;
        let repo = TestRepo::new();
        install_good(&repo, agent);
        let run = run(&repo, &["--agent", agent]).exits(0).json();
        let work = task(&run, "work");
        assert_eq!((&work["state"], &work["agent"]), (&json!("completed"), &json!(agent)));
        assert_eq!(work["summary"], format!("made by {agent}"));
        let usage = &work["usage"];
        // The two answers of the recorded sessions took 240 tokens in and 68 out.
        assert_eq!(
            (&usage["input_tokens"], &usage["output_tokens"]),
            (&json!(240), &json!(68)),
            "{agent}: {usage}"
        );
        assert_eq!(usage["cost_usd"], json!(recorded.cost), "{agent}: {usage}");
        let events = repo.events();
        let of =
            |kind: &str| -> Vec<&Value> { events.iter().filter(|event| event["kind"] == kind).collect() };
        let sessions = of("session_started");
        assert_eq!(sessions.len(), 1, "{agent}: {sessions:#?}");
        assert_eq!(sessions[0]["session"], session_in(&format!("{agent}-ok"), recorded.session));
        let tools = of("tool_invoked");
        assert_eq!(tools.len(), 1, "{agent}: {tools:#?}");
        assert_eq!(
            (&tools[0]["tool"], &tools[0]["result"]),
            (&json!(recorded.tool), &json!("ok")),
            "{agent}"
        );
        assert!(
            tools[0]["arguments"].as_str().expect("arguments").contains("echo hello-from-tool"),
            "{agent}"
        );
        // The log has the stream as it was.
        let stream = std::fs::read_to_string(transcript(&format!("{agent}-ok"))).expect("a transcript");
        assert!(repo.log("work", 1).contains(stream.trim_end()), "{agent}: {}", repo.log("work", 1));
        let text = repo.crew(["status", "last"]).exits(0).out;
        assert!(text.contains("308"), "{agent}: {text}");
    }
}

#[test]
fn each_agent_gets_its_whole_prompt_on_standard_input() {
    for Recorded { agent, .. } in RECORDED {
        let repo = TestRepo::new();
        install_good(&repo, agent);
        let long = format!("{} the end", "0123456789 äöü 🦀 ".repeat(15_000));
        repo.workflow("one", &format!("## work\nrole: executor\n\n{long}"));
        let plan = ["run", "the goal", "--workflow", "one", "--agent", agent];
        run_command(repo.alone(plan)).exits(0);
        let got = std::fs::read_to_string(repo.home.join(format!("{agent}.prompt"))).expect("a prompt");
        assert!(got.contains(&long), "{agent} got {} bytes", got.len());
        assert_eq!(got, repo.crew(["artifacts", "last", "prompts/work.1.md"]).exits(0).out, "{agent}");
    }
}

#[test]
fn each_agent_is_started_as_the_dry_run_said() {
    for Recorded { agent, .. } in RECORDED {
        let repo = TestRepo::new();
        install_good(&repo, agent);
        let plan =
            run(&repo, &["--agent", agent, "--model", "provider/some-model", "--dry-run"]).exits(0).json();
        let command = task(&plan, "work")["command"].as_array().expect("a command line").clone();
        assert_eq!(command[0], agent);
        run(&repo, &["--agent", agent, "--model", "provider/some-model"]).exits(0);
        let got = std::fs::read_to_string(repo.home.join(format!("{agent}.arguments"))).expect("arguments");
        let said: Vec<&str> = command[1..].iter().map(|word| word.as_str().expect("a word")).collect();
        // The run has a folder of its own, whose name a dry run cannot know.
        let forget_run = |text: &str| {
            let mut parts = text.split("/.crew/runs/");
            let mut known = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let rest =
                    part.find(|c: char| c != '-' && !c.is_ascii_alphanumeric()).map_or("", |at| &part[at..]);
                known.push_str("/.crew/runs/RUN");
                known.push_str(rest);
            }
            known
        };
        assert_eq!(
            forget_run(got.trim_end_matches('\n')),
            forget_run(said.join("\n").trim_end_matches('\n')),
            "{agent}"
        );
        assert!(said.contains(&"provider/some-model"), "{agent}: {said:?}");
    }
}

#[track_caller]
fn fails_with_a_dead_key(repo: &TestRepo, agent: &str) {
    let began = Instant::now();
    let run = run(repo, &["--agent", agent]).exits(1).json();
    // The agent would have gone on for ten minutes, and a retry would have doubled that.
    assert!(began.elapsed() < Duration::from_secs(60), "{agent}: {:?}", began.elapsed());
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["error_kind"]),
        (&json!("failed"), &json!("auth_failed")),
        "{agent}: {work:#}"
    );
    assert_eq!(work["attempts"], 1, "{agent}: a dead key is not tried again");
    assert!(!work["reason"].as_str().expect("a reason").is_empty(), "{agent}");
    let folder = repo.root.clone();
    wait_until("the agent is gone", || processes_with(&folder).is_empty());
    let told = repo.crew(["status", "last"]).exits(0).err;
    assert!(told.contains("auth_failed; sign the agent in, or check its API key"), "{agent}: {told}");
}

#[test]
fn a_dead_key_fails_the_attempt_and_ends_the_agent() {
    for Recorded { agent, .. } in RECORDED {
        let repo = TestRepo::new();
        install_stuck(&repo, agent, &format!("{agent}-http401"), 10_000);
        fails_with_a_dead_key(&repo, agent);
    }
}

#[test]
fn an_agent_that_tries_a_dead_key_again_and_again_is_ended_at_once() {
    // Up to the first retry of each; the real ones go on for minutes.
    for (agent, lines) in [("claude", 2), ("codex", 4)] {
        let repo = TestRepo::new();
        install_stuck(&repo, agent, &format!("{agent}-http401"), lines);
        fails_with_a_dead_key(&repo, agent);
    }
}

#[test]
fn an_agent_that_exits_with_zero_after_an_error_has_failed() {
    for Recorded { agent, .. } in RECORDED {
        let repo = TestRepo::new();
        repo.link_programs(&["cat"]);
        let stream = transcript(&format!("{agent}-http401"));
        repo.program(agent, &format!("cat '{}'; exit 0", stream.display()));
        let run = run(&repo, &["--agent", agent]).exits(1).json();
        assert_eq!(task(&run, "work")["error_kind"], "auth_failed", "{agent}");
    }
}

#[test]
fn a_limit_of_the_provider_is_tried_again_and_then_told() {
    // What gemini says about it stands on its standard error, which is not recorded here.
    for agent in ["claude", "codex", "pi"] {
        let repo = TestRepo::new();
        repo.link_programs(&["cat"]);
        let stream = transcript(&format!("{agent}-http429"));
        repo.program(agent, &format!("cat '{}'; exit 1", stream.display()));
        let sets = ["--set", "retry.max_attempts=2", "--set", "retry.backoff_ms=0"];
        let run = run(&repo, &[&["--agent", agent][..], &sets].concat()).exits(1).json();
        let work = task(&run, "work");
        assert_eq!(
            (&work["error_kind"], &work["attempts"]),
            (&json!("rate_limited"), &json!(2)),
            "{agent}: {work:#}"
        );
    }
}

#[test]
fn a_good_stream_without_a_submission_needs_review() {
    for Recorded { agent, .. } in RECORDED {
        let repo = TestRepo::new();
        repo.link_programs(&["cat"]);
        let stream = transcript(&format!("{agent}-ok"));
        repo.program(agent, &format!("cat '{}'", stream.display()));
        let run = run(&repo, &["--agent", agent]).exits(1).json();
        let work = task(&run, "work");
        assert_eq!(work["state"], "needs_review", "{agent}: {work:#}");
        assert_eq!(work["reason"], "it ended without a submission, though it was reminded", "{agent}");
        assert_eq!(work["summary"], "All done.", "{agent}: its last words are kept");
    }
}

#[test]
fn auto_takes_the_first_agent_that_is_installed() {
    let repo = TestRepo::new();
    let agent_of = |repo: &TestRepo| {
        let plan = run(repo, &["--dry-run"]).exits(0).json();
        task(&plan, "work")["agent"].as_str().expect("an agent").to_owned()
    };
    // One of the settings has to be named, because nobody knows what it can do.
    repo.program("mine", "exit 0");
    repo.set("agents", "mine", json!({"command": "mine", "writes": true}));
    assert_eq!(run(&repo, &["--dry-run"]).exits(2).json_error()["code"], "no_agent_for_role");
    repo.set("run", "agent", json!("mine"));
    assert_eq!(agent_of(&repo), "mine");
    repo.set("run", "agent", json!("auto"));
    for agent in ["pi", "opencode", "gemini", "codex", "claude"] {
        install_good(&repo, agent);
        assert_eq!(agent_of(&repo), agent);
    }
    let run = run(&repo, &[]).exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "made by claude");
    let plan =
        run_command(repo.alone(["run", "g", "--agent", "auto", "--dry-run", "--json"])).exits(0).json();
    assert!(
        plan["tasks"].as_array().expect("tasks").iter().all(|task| task["agent"] == "claude"),
        "{plan:#}"
    );
}

#[test]
fn an_agent_that_is_not_installed_is_refused_by_name() {
    let repo = TestRepo::new();
    for Recorded { agent, .. } in RECORDED {
        let error = run(&repo, &["--agent", agent]).exits(2).json_error();
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!("agent_not_found"), &json!(format!("`{agent}` is not on PATH")))
        );
    }
    repo.assert_no_run();
}

#[test]
fn a_team_works_with_a_real_agent_from_end_to_end() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let stream = transcript("claude-ok");
    repo.program(
        "claude",
        &format!(
            "cat >/dev/null\n[ \"$CREW_TASK\" = verify ] && verdict=', \"verdict\": \"pass\"'\n\
             printf '{{\"summary\": \"done by %s\", \"confidence\": 0.9, \"rationale\": \"r\", \"no_change_reason\": \"n\"%s}}' \"$CREW_TASK\" \"$verdict\" | crew submit result --json - >&2\ncat '{}'",
            stream.display()
        ),
    );
    let run = run_command(repo.alone(["run", "the goal", "--json"])).exits(0).json();
    assert_eq!(run["status"], "completed");
    let done: Vec<&str> = run["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| task["summary"].as_str().expect("words"))
        .collect();
    assert_eq!(done, ["done by explore", "done by plan", "done by execute", "done by verify"]);
    let cost = run["usage"]["cost_usd"].as_f64().expect("a cost");
    assert!((cost - 4.0 * 0.0029).abs() < 1e-9, "{cost}");
}
