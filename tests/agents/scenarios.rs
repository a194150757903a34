//! What each agent CLI is put through.

use crate::authority;
use crate::play::{ALL, HAND_IN, Play, answer, conversations, limited, say, shell, texts, wait_for_turns};
use crate::reviews;
use crate::support::{of_kind, run_command, start_command, task, wait_until};
use crate::worktrees;
use crew::conformance::script::{Act, Script};
use serde_json::{Value, json};

/// A scenario by its name, and the agents that go through it.
type Scenario = (&'static str, fn(&'static str), &'static [&'static str]);

/// Those that are up within a second or two, and the others. What a provider answers is read from recordings of all of them.
const QUICK: [&str; 3] = ["claude", "codex", "pi"];
const LATE: [&str; 2] = ["gemini", "opencode"];

pub const EACH: &[Scenario] = &[
    ("an_executor_writes_and_a_reviewer_looks", an_executor_writes_and_a_reviewer_looks, &ALL),
    ("an_invalid_submission_is_corrected", an_invalid_submission_is_corrected, &ALL),
    ("a_person_answers_it_and_sends_it_back", authority::a_person_answers_it_and_sends_it_back, &QUICK),
    ("a_session_that_is_gone_is_begun_anew", authority::a_session_that_is_gone_is_begun_anew, &QUICK),
    ("its_plan_is_approved_before_it_writes", authority::its_plan_is_approved_before_it_writes, &QUICK),
    ("a_read_only_role_is_held_to_it", authority::a_read_only_role_is_held_to_it, &ALL),
    ("it_reviews_a_commit", reviews::it_reviews_a_commit, &ALL),
    ("a_dead_key_is_told_at_once", a_dead_key_is_told_at_once, &ALL),
    ("a_limited_rate_is_got_over", a_limited_rate_is_got_over, &QUICK),
    ("a_rate_limited_for_ever_is_told", a_rate_limited_for_ever_is_told, &QUICK),
    ("an_overloaded_provider_is_told", an_overloaded_provider_is_told, &QUICK),
    ("an_unknown_model_is_told", an_unknown_model_is_told, &QUICK),
    ("too_long_a_prompt_is_told", too_long_a_prompt_is_told, &QUICK),
    ("a_provider_that_is_not_there_is_told", a_provider_that_is_not_there_is_told, &QUICK),
    ("a_model_that_says_nothing_is_told", a_model_that_says_nothing_is_told, &QUICK),
    ("an_agent_that_is_killed_has_not_done_it", an_agent_that_is_killed_has_not_done_it, &QUICK),
    ("a_cut_connection_is_no_success", a_cut_connection_is_no_success, &QUICK),
    ("garbage_is_no_success", garbage_is_no_success, &QUICK),
    ("a_refusal_is_no_success", a_refusal_is_no_success, &QUICK),
    ("one_that_forgets_to_hand_in_is_reminded", one_that_forgets_to_hand_in_is_reminded, &ALL),
    ("one_that_is_cut_off_goes_on_in_its_session", one_that_is_cut_off_goes_on_in_its_session, &QUICK),
    ("one_that_lost_its_crew_goes_on_with_the_next", one_that_lost_its_crew_goes_on_with_the_next, &QUICK),
    ("each_works_on_its_own_branch", worktrees::each_works_on_its_own_branch, &QUICK),
    ("it_goes_on_where_it_was", worktrees::it_goes_on_where_it_was, &QUICK),
    ("doctor_finds_it_as_expected", doctor_finds_it_as_expected, &["claude"]),
    ("a_probe_is_answered", a_probe_is_answered, &QUICK),
];

/// Those that take their minutes, for `cargo test --test agents -- --include-ignored`.
pub const SLOW: &[Scenario] = &[
    ("a_probe_is_answered", a_probe_is_answered, &LATE),
    ("an_overloaded_provider_is_told", an_overloaded_provider_is_told, &LATE),
    ("an_unknown_model_is_told", an_unknown_model_is_told, &LATE),
    ("too_long_a_prompt_is_told", too_long_a_prompt_is_told, &LATE),
    ("a_cut_connection_is_no_success", a_cut_connection_is_no_success, &LATE),
    ("garbage_is_no_success", garbage_is_no_success, &LATE),
    ("a_refusal_is_no_success", a_refusal_is_no_success, &LATE),
    ("its_plan_is_approved_before_it_writes", authority::its_plan_is_approved_before_it_writes, &LATE),
    ("a_rate_limited_for_ever_is_told", a_rate_limited_for_ever_is_told, &LATE),
    ("a_model_that_says_nothing_is_told", a_model_that_says_nothing_is_told, &LATE),
    ("a_session_that_is_gone_is_begun_anew", authority::a_session_that_is_gone_is_begun_anew, &LATE),
    ("a_limited_rate_is_got_over", a_limited_rate_is_got_over, &LATE),
    ("an_agent_that_is_killed_has_not_done_it", an_agent_that_is_killed_has_not_done_it, &LATE),
    ("it_goes_on_where_it_was", worktrees::it_goes_on_where_it_was, &LATE),
    ("a_provider_that_is_not_there_is_told", a_provider_that_is_not_there_is_told, &LATE),
    ("one_that_is_cut_off_goes_on_in_its_session", one_that_is_cut_off_goes_on_in_its_session, &LATE),
    ("a_person_answers_it_and_sends_it_back", authority::a_person_answers_it_and_sends_it_back, &LATE),
    ("each_works_on_its_own_branch", worktrees::each_works_on_its_own_branch, &LATE),
    ("doctor_finds_it_as_expected", doctor_finds_it_as_expected, &["codex", "gemini", "opencode", "pi"]),
    // Claude and codex keep it from editing, as `a_read_only_role_is_held_to_it` shows.
    (
        "a_reviewer_that_edits_is_found_out",
        reviews::a_reviewer_that_edits_is_found_out,
        &["gemini", "opencode", "pi"],
    ),
    (
        "a_thousand_tool_calls_are_followed",
        a_thousand_tool_calls_are_followed,
        // Gemini CLI was not seen to come to the end of them in ten minutes.
        &["claude", "codex", "opencode", "pi"],
    ),
];

/// What each answer of the model counts, in crew's words: tokens in (without the cached ones), out, cached.
pub const PER_ANSWER: [u64; 3] = [100, 34, 20];

pub fn usage_of(task: &Value) -> [u64; 3] {
    let figure = |name: &str| task["usage"][name].as_u64().unwrap_or_default();
    [figure("input_tokens"), figure("output_tokens"), figure("cached_tokens")]
}

/// Crew examines the agent before a model server of its own, whatever the user's configuration says.
fn doctor_finds_it_as_expected(cli: &'static str) {
    let play = Play::of(cli, [say("Nobody asks me.")]);
    let ran = run_command(play.crew(["doctor", "--agents", cli, "--json"]));
    let report = ran.json();
    let checks = report["data"].as_array().expect("a list");
    let wrong: Vec<&Value> = checks.iter().filter(|check| check["level"] != "ok").collect();
    assert!(wrong.is_empty() && ran.exit == 0, "exit {}: {wrong:#?}", ran.exit);
    assert_eq!(checks.len(), crew::conformance::checks::ALL.len());
    assert_eq!(play.turns().len(), 0, "the user's provider was asked");
    play.leaves_nothing();
}

fn a_probe_is_answered(cli: &'static str) {
    let play = Play::of(cli, [say("pong")]);
    let mut args = vec!["doctor", "--json", "--probe", cli];
    args.extend(play.own_model().into_iter().flat_map(|model| ["--model", model]));
    let ran = run_command(play.crew(args)).exits(0);
    let answer = ran.json();
    assert_eq!(answer["answer"], "pong", "{answer:#}");
    assert_eq!(usage_of(&answer), PER_ANSWER, "{answer:#}");
    assert_eq!(play.turns().len(), 1);
    play.leaves_nothing();
}

fn an_executor_writes_and_a_reviewer_looks(cli: &'static str) {
    // More than a pipe takes in one piece.
    let review = "It looks right. ".repeat(500);
    let script = conversations([
        (
            "Your task: check".to_owned(),
            vec![
                shell("git status --short"),
                shell(&format!("printf '%s' '{review}' | crew review submit --verdict approved --body -")),
                say("Reviewed."),
            ],
        ),
        (
            "Your task: build".to_owned(),
            vec![shell("echo 'made by the agent' >> README.md"), shell(HAND_IN), say("Done.")],
        ),
    ]);
    let play = Play::with(&[cli], script);
    play.repo.workflow(
        "play",
        "## build\nrole: executor\n\nAdd a line to README.md.\n\n## check\nrole: reviewer\ndependsOn: build\n\nLook at it.",
    );
    let run = play.completes(&[]);
    let readme = std::fs::read_to_string(play.repo.root.join("README.md")).expect("a file");
    assert!(readme.ends_with("made by the agent\n"), "{readme}");
    assert_eq!(task(&run, "build")["summary"], "it is done");
    let verdict = task(&run, "check")["summary"].as_str().expect("a summary");
    assert!(verdict.starts_with("approved: It looks right."), "{verdict}");
    assert!(play.repo.artifact("results/check.1.md").contains(review.trim()));
    let events = play.repo.events();
    for id in ["build", "check"] {
        let of =
            |kind| of_kind(&events, kind).into_iter().filter(|event| event["task"] == id).collect::<Vec<_>>();
        assert_eq!(of("session_started").len(), 1, "{events:#?}");
        let tools = of("tool_invoked");
        assert_eq!(tools.len(), 2, "{tools:#?}");
        let submitted = tools[1]["arguments"].as_str().expect("arguments");
        // Long arguments are cut, so a review shows its beginning.
        assert!(
            submitted.contains("crew submit result") || submitted.contains("It looks right."),
            "{tools:#?}"
        );
        assert!(tools.iter().all(|tool| tool["result"] == "ok"), "{tools:#?}");
        assert_eq!(usage_of(task(&run, id)), PER_ANSWER.map(|tokens| 3 * tokens), "{run:#}");
    }
}

fn an_invalid_submission_is_corrected(cli: &'static str) {
    let play = Play::of(
        cli,
        [
            shell("crew submit result --summary 'it is done' --rationale 'seen to work'"),
            shell("crew submit result --summary 'it is done' --confidence 0.9"),
            shell(HAND_IN),
            say("Done."),
        ],
    );
    let run = play.completes(&[]);
    assert_eq!(task(&run, "work")["summary"], "it is done");
    let events = play.repo.events();
    assert_eq!(of_kind(&events, "submission_refused").len(), 2, "{events:#?}");
    // The agent has the reason before its eyes when it tries again.
    let turns = play.turns();
    for (turn, reason) in [(1, "confidence is missing"), (2, "rationale is missing")] {
        let asked = texts(&turns[turn]);
        assert!(asked.contains(reason), "{asked}");
    }
}

fn one_that_forgets_to_hand_in_is_reminded(cli: &'static str) {
    let play = Play::of(cli, [say("All is done."), shell(HAND_IN), say("Done.")]);
    let run = play.completes(&[]);
    let events = play.repo.events();
    assert_eq!(of_kind(&events, "agent_nudged").len(), 1, "{events:#?}");
    // What it said before and what it is told stand in one conversation.
    let second = play.turns()[1].to_string();
    assert!(
        second.contains("All is done.") && second.contains("You have not handed in anything"),
        "{second}"
    );
    assert_eq!(usage_of(task(&run, "work")), PER_ANSWER.map(|tokens| 3 * tokens), "{run:#}");
}

fn one_that_is_cut_off_goes_on_in_its_session(cli: &'static str) {
    let play = Play::of(cli, [shell("git status --short"), Act::Hang]);
    let running = play.start(&[]);
    wait_for_turns(&play, 2);
    running.kill();
    play.server().play(Script::of([shell(HAND_IN), say("Done.")]));
    run_command(play.crew(["resume", "last"])).exits(0);
    let events = play.repo.events();
    let ends = of_kind(&events, "attempt_ended");
    assert_eq!((&ends[0]["outcome"], &ends[1]["outcome"]), (&json!("lost"), &json!("succeeded")));
    let sessions = of_kind(&events, "session_started");
    assert_eq!(sessions[0]["session"], sessions[1]["session"]);
    let asked = play.turns()[2].to_string();
    // Both prompts stand in one conversation. What came between them is not looked for: an agent that is killed may not
    // have kept its last turn yet.
    assert_eq!(asked.matches("# Your task: work").count(), 2, "{asked}");
    assert!(asked.contains("was interrupted"), "{asked}");
    play.leaves_nothing();
}

fn one_that_lost_its_crew_goes_on_with_the_next(cli: &'static str) {
    let play = Play::of(cli, []);
    let gate = play.repo.gate("on");
    let waits = shell(&format!("while test -e '{}'; do sleep 0.1; done; echo on", gate.display()));
    play.server().play(Script::of([waits, shell(HAND_IN), say("Done.")]));
    let adopts = ["--set", "recovery.living=adopt"];
    let running = play.start(&adopts);
    play.repo.wait_for_event("its session", |event| event["kind"] == "session_started");
    wait_for_turns(&play, 1);
    running.kill();
    let resumed = start_command(play.crew(["resume", "last", "--json"].iter().chain(&adopts)));
    play.repo.wait_for_event("it is adopted", |event| event["kind"] == "attempt_adopted");
    play.repo.open("on");
    let run = resumed.ends().exits(0).json();
    assert_eq!(task(&run, "work")["attempts"], 1, "{run:#}");
    assert_eq!(usage_of(task(&run, "work")), PER_ANSWER.map(|tokens| 3 * tokens), "{run:#}");
    let events = play.repo.events();
    let counts =
        ["session_started", "tool_invoked", "attempt_ended"].map(|kind| of_kind(&events, kind).len());
    assert_eq!(counts, [1, 2, 1], "{events:#?}");
    assert_eq!(of_kind(&events, "attempt_ended")[0]["ending"]["odd_lines"], Value::Null);
    play.leaves_nothing();
}

fn a_dead_key_is_told_at_once(cli: &'static str) {
    let play = Play::of(cli, [answer(401)]);
    let work = play.fails_with("auth_failed", &[]);
    assert_eq!(work["attempts"], 1);
    // Some would ask for minutes; each is ended at its first refusal, and may have asked once more by then.
    let asked = play.turns().len();
    assert!(asked <= 3, "it asked {asked} times");
}

fn a_limited_rate_is_got_over(cli: &'static str) {
    let play = Play::of(cli, [limited(1), shell(HAND_IN), say("Done.")]);
    let run = play.completes(&["--set", "retry.max_attempts=3"]);
    assert_eq!(task(&run, "work")["summary"], "it is done");
}

fn a_rate_limited_for_ever_is_told(cli: &'static str) {
    Play::of(cli, [limited(1)]).fails_in_time_with("rate_limited");
}

fn an_overloaded_provider_is_told(cli: &'static str) {
    // Anthropic has a status of its own for it.
    let status = if cli == "claude" { 529 } else { 503 };
    Play::of(cli, [answer(500), answer(status)]).fails_in_time_with("overloaded");
}

fn an_unknown_model_is_told(cli: &'static str) {
    Play::of(cli, [answer(404)]).fails_with("model_not_available", &[]);
}

fn too_long_a_prompt_is_told(cli: &'static str) {
    Play::of(cli, [answer(400)]).fails_with("context_overflow", &[]);
}

fn a_provider_that_is_not_there_is_told(cli: &'static str) {
    let mut play = Play::of(cli, []);
    // The port is free again; nobody listens there.
    play.server = None;
    play.fails_in_time_with("network");
}

fn a_model_that_says_nothing_is_told(cli: &'static str) {
    let play = Play::of(cli, [Act::Hang]);
    play.fails_with("silent", &["--set", "limits.silence_seconds=8"]);
    if play.turns().is_empty() {
        // A busy machine takes all of that time to bring an agent up.
        play.fails_with("silent", &["--set", "limits.silence_seconds=60"]);
    }
    assert_eq!(play.turns().len(), 1, "the model was asked");
}

fn an_agent_that_is_killed_has_not_done_it(cli: &'static str) {
    let play = Play::of(cli, [shell("echo hello"), Act::Hang]);
    let running = play.start(&[]);
    wait_for_turns(&play, 2);
    let pid = || {
        let events = play.repo.events_so_far();
        of_kind(&events, "process_started").first().and_then(|event| event["process"]["pid"].as_i64())
    };
    wait_until("the agent's process is known", || pid().is_some());
    let pid = pid().expect("it is known");
    // SAFETY: a signal to the child of the crew that we have started, which has not been waited for.
    unsafe { libc::kill(pid as i32, libc::SIGKILL) };
    let run = running.ends().exits(1).json();
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["reason"]),
        (&json!("failed"), &json!("it crashed: ended by signal 9"))
    );
    play.leaves_nothing();
}

/// Lets an agent meet a model that never gets anywhere.
fn never_completes(cli: &'static str, act: Act) {
    let play = Play::of(cli, [act]);
    let mut ran = play.run(&["--set", "limits.attempt_seconds=12"]).exits(1);
    if play.turns().is_empty() {
        ran = play.run(&["--set", "limits.attempt_seconds=120"]).exits(1);
    }
    play.leaves_nothing();
    let run = ran.json();
    let state = task(&run, "work")["state"].as_str().expect("a state");
    assert!(["failed", "needs_review"].contains(&state), "{run:#}");
    assert!(!play.turns().is_empty(), "the model was asked");
}

fn a_cut_connection_is_no_success(cli: &'static str) {
    never_completes(cli, Act::Cut);
}

fn garbage_is_no_success(cli: &'static str) {
    never_completes(cli, Act::Garbage);
}

fn a_refusal_is_no_success(cli: &'static str) {
    never_completes(cli, Act::Refuse("I will not help with that.".to_owned()));
}

fn a_thousand_tool_calls_are_followed(cli: &'static str) {
    const CALLS: usize = 1_000;
    // Some take the same call again and again for a loop that leads nowhere, and end it.
    let calls = (0..CALLS).map(|number| shell(&format!("true {number}")));
    let play = Play::of(cli, calls.chain([shell(HAND_IN), say("Done.")]));
    let run = play.completes(&["--set", "limits.attempt_seconds=600"]);
    let events = play.repo.events();
    assert_eq!(of_kind(&events, "tool_invoked").len(), CALLS + 1);
    assert_eq!(usage_of(task(&run, "work")), PER_ANSWER.map(|tokens| (CALLS as u64 + 2) * tokens));
}

pub fn five_agents_at_once() {
    let script: Script = conversations(ALL.map(|cli| {
        let write = format!("echo made > {cli}.txt");
        (format!("Your task: {cli} "), vec![shell(&write), shell(HAND_IN), say("Done.")])
    }));
    let play = Play::with(&ALL, script);
    let step = |cli: &str| {
        let model = play.model(cli).map(|model| format!("model: {model}\n")).unwrap_or_default();
        format!("## {cli}\nrole: executor\nagent: {cli}\n{model}\nWrite {cli}.txt.\n\n")
    };
    play.repo.workflow("play", &ALL.map(step).concat());
    let run = play.completes(&["--jobs", "5", "--set", "limits.shared_writers=5"]);
    for cli in ALL {
        let made = std::fs::read_to_string(play.repo.root.join(format!("{cli}.txt"))).expect("a file");
        assert_eq!(made, "made\n", "{cli}");
        assert_eq!(usage_of(task(&run, cli)), PER_ANSWER.map(|tokens| 3 * tokens), "{run:#}");
    }
}
