//! Every kind of submission, by flags and as JSON: what becomes of it, who may hand it in, and whose it is.

use crate::support::{Ran, TestRepo, of_kind, run_command, task, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Makes a shell script the agent `worker`; it finds its task's name in `CREW_TASK`.
fn worker(repo: &TestRepo, script: &str) {
    worker_with(repo, "worker", script, json!({}));
}

fn worker_with(repo: &TestRepo, name: &str, script: &str, mut how: Value) {
    // To be refused is no crash.
    repo.program(name, &format!("{script}\nexit 0"));
    how["command"] = json!(repo.programs().join(name).display().to_string());
    how["writes"] = json!(true);
    repo.set("agents", name, how);
}

/// Writes a workflow of steps that the worker does: their names, roles and further lines.
fn steps(repo: &TestRepo, steps: &[(&str, &str, &str)]) {
    let step = |(id, role, keys): &(&str, &str, &str)| {
        format!("## {id}\nrole: {role}\nagent: worker\n{keys}\n\nDo it.\n\n")
    };
    repo.workflow("one", &steps.iter().map(step).collect::<String>());
}

/// Runs one step in which the worker does `script`.
fn one(role: &str, keys: &str, script: &str, exit: i32) -> (TestRepo, Value) {
    let repo = TestRepo::new();
    worker(&repo, script);
    steps(&repo, &[("work", role, keys)]);
    let run = repo.crew(["run", "g", "--workflow", "one", "--json", "--set", "roster=alice,bob"]);
    let work = task(&run.exits(exit).json(), "work").clone();
    (repo, work)
}

/// Quotes a word for the shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A kind, the role that hands it in, its flags, the same as JSON, and how the task ends: its state and what is said.
type Row = (&'static str, &'static str, &'static [&'static str], Value, &'static str, &'static str);

fn rows() -> Vec<Row> {
    vec![
        (
            "result",
            "executor",
            &[
                "--summary",
                "made",
                "--confidence",
                "0.5",
                "--rationale",
                "seen",
                "--details",
                "# All",
                "--test",
                "t1",
                "--test",
                "t2",
                "--risk",
                "slow",
                "--follow-up",
                "docs",
                "--no-change-reason",
                "there",
            ],
            json!({"summary": "made", "confidence": 0.5, "rationale": "seen", "details": "# All",
                "tests": ["t1", "t2"], "risks": ["slow"], "follow_ups": ["docs"], "no_change_reason": "there"}),
            "completed",
            "made",
        ),
        (
            "result",
            "verifier",
            &["--summary", "ran", "--confidence", "1", "--rationale", "seen", "--verdict", "fail"],
            json!({"summary": "ran", "confidence": 1.0, "rationale": "seen", "verdict": "fail"}),
            "failed",
            "its verdict is: fail",
        ),
        (
            "noop",
            "executor",
            &["--reason", "there"],
            json!({"reason": "there"}),
            "completed",
            "nothing to do: there",
        ),
        (
            "blocked",
            "executor",
            &["--reason", "no key"],
            json!({"reason": "no key"}),
            "needs_review",
            "it is blocked: no key",
        ),
        (
            "escalation",
            "executor",
            &["--to", "alice", "--reason", "money"],
            json!({"to": "alice", "reason": "money"}),
            "needs_review",
            "escalated to alice: money",
        ),
        (
            "plan",
            "planner",
            &[
                "--summary",
                "two",
                "--step",
                "Cut",
                "--step",
                "Test",
                "--risk",
                "old",
                "--confidence",
                "0.7",
                "--rationale",
                "read",
            ],
            json!({"summary": "two", "steps": [{"title": "Cut"}, {"title": "Test"}], "risks": ["old"],
                "confidence": 0.7, "rationale": "read"}),
            "completed",
            "two",
        ),
        (
            "question",
            "executor",
            &[
                "--question",
                "Which?",
                "--option",
                "a",
                "--option",
                "b",
                "--default",
                "a",
                "--deadline-seconds",
                "86400",
            ],
            json!({"question": "Which?", "options": ["a", "b"], "default": "a", "deadline_seconds": 86400}),
            "awaiting_input",
            "it asks: Which? (a, b; `a` is taken after 86400 s)",
        ),
    ]
}

#[test]
fn every_kind_can_be_typed_and_can_be_json() {
    let repo = TestRepo::new();
    let (mut script, mut named) = (String::from("case $CREW_TASK in\n"), Vec::new());
    for (at, (kind, role, flags, body, ..)) in rows().iter().enumerate() {
        let flags: Vec<String> = flags.iter().map(|word| quoted(word)).collect();
        let body = quoted(&body.to_string());
        // Both are the same, so the second one is fine, whichever way it comes.
        let typed = format!("crew submit {kind} {}", flags.join(" "));
        let piped = format!("printf %s {body} | crew submit {kind} --json -");
        let file =
            format!("printf %s {body} >\"$HOME/{at}.json\"; crew submit {kind} --json \"$HOME/{at}.json\"");
        script.push_str(&format!("typed{at}) {typed}; {piped} ;;\njson{at}) {file}; {typed} ;;\n"));
        named.push((format!("typed{at}"), *role));
        named.push((format!("json{at}"), *role));
    }
    worker(&repo, &(script + "esac"));
    let named: Vec<(&str, &str, &str)> = named.iter().map(|(id, role)| (id.as_str(), *role, "")).collect();
    steps(&repo, &named);
    let words = ["run", "g", "--workflow", "one", "--json", "--set", "roster=alice,bob"];
    let run = repo.crew(words).exits(3).json();
    let events = repo.events();
    assert!(of_kind(&events, "submission_refused").is_empty(), "{events:#?}");
    for (at, (kind, _, _, body, state, says)) in rows().iter().enumerate() {
        for id in [format!("typed{at}"), format!("json{at}")] {
            let done = task(&run, &id);
            let said = if done["reason"] == "" { &done["summary"] } else { &done["reason"] };
            assert_eq!((done["state"].as_str(), said.as_str()), (Some(*state), Some(*says)), "{kind}");
            assert_eq!(repo.log(&id, 1).matches("accepted: the ").count(), 2, "{kind}");
            let accepted: Vec<&Value> = events
                .iter()
                .filter(|event| event["kind"] == "submission_accepted" && event["task"] == id)
                .collect();
            assert_eq!(accepted.len(), 1, "{kind}");
            assert_eq!(&accepted[0][kind], body, "{kind}");
        }
    }
}

#[test]
fn a_second_conclusion_of_another_kind_is_a_conflict_that_shows_the_first() {
    let script = "crew submit blocked --reason 'no key'; crew submit result --summary s --confidence 1 --rationale r; \
                  crew submit escalation --to bob --reason r; crew submit blocked --reason other; crew submit blocked --reason 'no key'";
    let (repo, work) = one("executor", "", script, 1);
    assert_eq!(work["reason"], "it is blocked: no key");
    let log = repo.log("work", 1);
    assert_eq!(
        log.matches("refused: a blocked was handed in before: \"blocked: no key\"").count(),
        2,
        "{log}"
    );
    assert!(log.contains("refused: a different blocked was handed in before"), "{log}");
    assert_eq!(log.matches("accepted: the blocked of work").count(), 2, "{log}");
}

#[test]
fn a_plan_is_kept_like_a_result_and_told_to_those_who_follow() {
    let repo = TestRepo::new();
    let plan = r#"{"summary":"two steps","steps":[{"title":"Cut it","detail":"At the seam","files":["a.rs"]}],"confidence":0.8,"rationale":"r"}"#;
    worker(
        &repo,
        &format!(
            "case $CREW_TASK in plan) printf %s '{plan}' | crew submit plan --json - ;;\n\
             *) cat; cat \"$CREW_CONTEXT\"; crew submit noop --reason fine ;; esac"
        ),
    );
    repo.set(
        "agents",
        "worker",
        json!({"command": repo.programs().join("worker"), "prompt": "stdin", "writes": true}),
    );
    steps(&repo, &[("plan", "planner", ""), ("fix", "executor", "dependsOn: plan")]);
    repo.run_json("one", 0);
    assert!(repo.artifact("results/plan.1.md").contains("1. Cut it\n   At the seam\n   files: a.rs"));
    let kept: Value = serde_json::from_str(&repo.artifact("results/plan.1.json")).expect("a plan");
    assert_eq!(kept, serde_json::from_str::<Value>(plan).expect("a plan"));
    let told = repo.log("fix", 1);
    assert!(told.contains("1. Cut it") && told.contains(r#""title": "Cut it""#), "{told}");
}

#[test]
fn who_has_to_do_the_work_is_not_done_with_a_plan() {
    let script = "crew submit plan --summary s --step a --confidence 1 --rationale r";
    let (repo, work) = one("executor", "", script, 1);
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("failed"), &json!("invalid_submission")));
    let log = repo.log("work", 1);
    assert!(log.contains("refused: a plan alone does not do what the role executor is asked for"), "{log}");
    assert!(log.contains("hint: do the work"), "{log}");
}

#[test]
fn less_confidence_in_a_plan_than_the_step_asks_for_needs_review() {
    let script = "crew submit plan --summary s --step a --confidence 0.5 --rationale r";
    let (_, work) = one("planner", "confidence: 0.8", script, 1);
    assert_eq!(work["reason"], "confidence 0.5 is below the 0.8 that the step asks for");
}

#[test]
fn one_escalates_to_the_roster_that_the_run_was_made_with() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    let submit = "crew submit escalation --to";
    worker(
        &repo,
        &format!(
            "while [ -e '{}' ]; do sleep 0.02; done\n{submit} mallory --reason x; {submit} alice --reason money",
            gate.display()
        ),
    );
    steps(&repo, &[("work", "executor", "")]);
    let running = repo.start(["run", "g", "--workflow", "one", "--json", "--set", "roster=alice,bob"]);
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    // What is set later changes nothing for this run.
    repo.crew(["config", "set", "roster", "mallory"]).exits(0);
    repo.open("on");
    let run = running.ends().exits(1).json();
    assert_eq!(task(&run, "work")["reason"], "escalated to alice: money");
    assert!(repo.log("work", 1).contains("refused: `mallory` is not in the roster, which is alice, bob"));
    assert_eq!(of_kind(&repo.events(), "run_created")[0]["roster"], json!(["alice", "bob"]));
}

#[test]
fn without_a_roster_nobody_is_escalated_to_and_a_project_names_none() {
    let repo = TestRepo::new();
    repo.write(".crew/config.json", r#"{"roster": ["mallory"]}"#);
    worker(&repo, "crew submit escalation --to mallory --reason x");
    steps(&repo, &[("work", "executor", "")]);
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "invalid_submission");
    let log = repo.log("work", 1);
    assert!(
        log.contains("there is nobody to escalate to") && log.contains("crew config set roster alice,bob"),
        "{log}"
    );
    assert!(!repo.artifact("prompts/work.1.md").contains("crew submit escalation"));
    repo.crew(["trust"]).exits(0);
    assert_eq!(task(&repo.run_json("one", 1), "work")["reason"], "escalated to mallory: x");
}

#[test]
fn notes_are_recorded_and_shown_and_conclude_nothing() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    worker(
        &repo,
        &format!(
            "crew submit progress --message 'reading'; crew submit progress --message reading\n\
             crew submit hypothesis --statement 'the cache is stale' --confidence 0.4 --rationale 'an old date'\n\
             printf '%s' '{{\"message\":\"half way\",\"percent\":50,\"run\":\"x\"}}' | crew submit progress --json -\n\
             while [ -e '{}' ]; do sleep 0.02; done",
            gate.display()
        ),
    );
    steps(&repo, &[("work", "executor", "")]);
    let running = repo.start(["run", "g", "--workflow", "one"]);
    repo.wait_for_event("the last note", |event| event["progress"]["message"] == "half way");
    let shown = repo.crew(["status", "last"]).exits(0);
    assert!(shown.out.contains("half way (50 %)"), "{}", shown.out);
    assert!(shown.err.contains("work  hypothesis: the cache is stale (confidence 0.4)"), "{}", shown.err);
    repo.open("on");
    let ran = running.ends().exits(1);
    for line in [
        "event=progress \"reading\"",
        "event=hypothesis \"the cache is stale (confidence 0.4)\"",
        "event=progress \"half way (50 %)\"",
    ] {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
    let events = repo.events();
    let notes = of_kind(&events, "note_taken");
    assert_eq!(notes.len(), 4, "{notes:#?}");
    assert_eq!((&notes[0]["task"], &notes[0]["attempt"]), (&json!("work"), &json!(1)));
    assert_eq!(notes[3]["ignored"], json!(["run"]));
    let work = task(&repo.crew(["status", "last", "--json"]).exits(0).json(), "work").clone();
    // Nothing was handed in, and what was said does not change that.
    assert_eq!(
        (&work["state"], &work["reason"]),
        (&json!("needs_review"), &json!("it ended without a submission"))
    );
    assert_eq!(work["notes"][2]["hypothesis"]["statement"], "the cache is stale");
}

#[test]
fn notes_are_a_sign_of_life() {
    let repo = TestRepo::new();
    let script = |talks: bool| {
        let say = if talks { "crew submit progress --message on >/dev/null" } else { "true" };
        format!(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do {say}; sleep 0.5; done\ncrew submit noop --reason fine >/dev/null\necho '{{\"crew\":\"end\",\"ok\":true}}'"
        )
    };
    worker_with(&repo, "talks", &script(true), json!({"output": "crew"}));
    worker_with(&repo, "mute", &script(false), json!({"output": "crew"}));
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: {id}\n\nDo it.\n\n");
    repo.workflow("one", &(step("talks") + &step("mute")));
    repo.set("limits", "silence_seconds", json!(4));
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "talks")["state"], "completed");
    assert_eq!(task(&run, "mute")["error_kind"], "silent");
}

#[test]
fn a_step_asks_for_fields_of_its_own() {
    let repo = TestRepo::new();
    let common = "--summary s --confidence 1 --rationale r --no-change-reason n";
    let body = r#"{"summary":"s","confidence":1,"rationale":"r","no_change_reason":"n","endpoints":["/login"],"breaking":true,"notes":"5"}"#;
    worker(
        &repo,
        &format!(
            "case $CREW_TASK in\n\
             typed) crew submit --schema; crew submit result {common}; crew submit result {common} --field endpoints=x; \
             crew submit result {common} --field 'endpoints=[\"/login\"]' --field breaking=true --field notes=5 ;;\n\
             json) printf %s '{body}' | crew submit result --json - ;;\n\
             *) cat \"$CREW_CONTEXT\"; crew submit noop --reason fine ;; esac"
        ),
    );
    let keys = "fields: endpoints list!, breaking boolean, notes text";
    steps(
        &repo,
        &[("typed", "executor", keys), ("json", "executor", keys), ("next", "executor", "dependsOn: typed")],
    );
    repo.run_json("one", 0);
    for id in ["typed", "json"] {
        let kept: Value =
            serde_json::from_str(&repo.artifact(&format!("results/{id}.1.json"))).expect("a result");
        let expected = json!({"summary": "s", "confidence": 1.0, "rationale": "r", "no_change_reason": "n",
            "endpoints": ["/login"], "breaking": true, "notes": "5"});
        assert_eq!(kept, expected, "{id}");
    }
    let log = repo.log("typed", 1);
    assert!(log.contains("refused: endpoints is missing; the step asks for it, as a list"), "{log}");
    assert!(log.contains("refused: endpoints has to be a list, not text"), "{log}");
    let schema: Value = serde_json::from_str(log.split("\nrefused").next().expect("a schema")).expect("JSON");
    let result = &schema["properties"]["result"];
    assert_eq!(result["properties"]["endpoints"]["type"], "array");
    assert!(result["required"].as_array().expect("a list").contains(&json!("endpoints")));
    assert_eq!(result["properties"]["breaking"]["type"], "boolean");
    let prompt = repo.artifact("prompts/typed.1.md");
    assert!(prompt.contains("endpoints (list, required), breaking (boolean), notes (text)"), "{prompt}");
    // Those who follow are told, as text and as data.
    assert!(repo.artifact("prompts/next.1.md").contains("## endpoints\n\n[\"/login\"]"));
    assert!(repo.log("next", 1).contains(r#""endpoints": ["#));
}

#[test]
fn fields_that_mean_nothing_are_told_with_file_and_line() {
    let repo = TestRepo::new();
    for (fields, message, hint) in [
        ("a lst", "`fields`: `lst` is not a type of field", "did you mean `list`?"),
        ("summary text", "`fields`: every result has a field `summary` already", "give it another name"),
        ("token text", "`fields`: `token` is what crew knows by itself", ""),
        ("a", "`fields`: `a` is no field", "write NAME TYPE"),
    ] {
        repo.workflow("one", &format!("## work\nrole: executor\nfields: {fields}\n\nDo it."));
        let ran = repo.crew(["run", "g", "--workflow", "one", "--agent", "builtin"]).exits(2);
        assert!(ran.err.contains(message) && ran.err.contains(hint), "{}", ran.err);
        assert!(ran.err.contains("one.workflow.md:8"), "{}", ran.err);
    }
    repo.workflow("one", "## work\nrun: true\nfields: a text");
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("`fields` means nothing for a command step"), "{}", ran.err);
    repo.assert_no_run();
}

#[test]
fn schemas_are_printed_for_everybody_and_for_a_role() {
    let repo = TestRepo::new();
    let kinds = |words: &[&str]| -> BTreeMap<String, Value> {
        let schema = repo.crew(["submit", "--schema"].iter().chain(words)).exits(0).json();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        serde_json::from_value(schema["properties"].clone()).expect("kinds")
    };
    let names = |kinds: &BTreeMap<String, Value>| kinds.keys().cloned().collect::<Vec<_>>().join(" ");
    let all = "blocked escalation hypothesis noop plan progress question result review";
    assert_eq!(names(&kinds(&[])), all);
    // Nobody has been named whom it could escalate to.
    let executor = kinds(&["executor"]);
    assert_eq!(names(&executor), "blocked hypothesis noop progress question result");
    assert!(executor["result"]["properties"]["tests"].is_object());
    assert!(executor["result"]["properties"].get("findings").is_none());
    assert_eq!(names(&kinds(&["planner"])), "blocked hypothesis noop plan progress question result");
    repo.crew(["config", "set", "roster", "alice"]).exits(0);
    let reviewer = kinds(&["reviewer"]);
    assert_eq!(names(&reviewer), all);
    assert_eq!(reviewer["escalation"]["properties"]["to"]["enum"], json!(["alice"]));
    let verifier = kinds(&["verifier"]);
    assert!(verifier["result"]["required"].as_array().expect("a list").contains(&json!("verdict")));
    let ran = repo.crew(["submit", "--schema", "exectuor"]).exits(4);
    assert!(
        ran.err.contains("there is no role `exectuor`") && ran.err.contains("did you mean `executor`?"),
        "{}",
        ran.err
    );
    repo.assert_no_run();
    // Outside of a repository too.
    let mut command = repo.command(["submit", "--schema", "executor"]);
    command.current_dir(&repo.home);
    run_command(command).exits(0);
}

// Whose it is.

#[test]
fn what_an_agent_says_of_itself_is_ignored_and_noted() {
    let body = r#"{"summary":"s","confidence":1,"rationale":"r","no_change_reason":"n","run":"x","task":"other","attempt":9,"role":"admin","token":"t","environment":"prod"}"#;
    let script = format!("printf %s '{body}' | crew submit result --json -");
    let (repo, work) = one("executor", "", &script, 0);
    assert_eq!(work["state"], "completed");
    let log = repo.log("work", 1);
    assert!(log.contains("accepted: the result of work, attempt 1"), "{log}");
    assert!(log.contains("ignored: run, task, attempt, environment, role, token (crew knows them)"), "{log}");
    let events = repo.events();
    let accepted = of_kind(&events, "submission_accepted")[0];
    assert_eq!((&accepted["task"], &accepted["attempt"]), (&json!("work"), &json!(1)));
    assert_eq!(accepted["ignored"], json!(["run", "task", "attempt", "environment", "role", "token"]));
    assert_eq!(
        accepted["result"],
        json!({"summary": "s", "confidence": 1.0, "rationale": "r", "no_change_reason": "n"})
    );
}

#[test]
fn the_token_says_whose_it_is_whatever_the_environment_says() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    worker(
        &repo,
        &format!(
            "case $CREW_TASK in\n\
             a) while [ -e '{gate}' ]; do sleep 0.02; done; crew submit noop --reason 'of a' ;;\n\
             b) CREW_TASK=a CREW_RUN=00000000 CREW_ATTEMPT=7 CREW_REPOSITORY=/ crew submit noop --reason 'of b'; rm '{gate}' ;; esac",
            gate = gate.display()
        ),
    );
    steps(&repo, &[("a", "explorer", ""), ("b", "explorer", "")]);
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "a")["summary"], "nothing to do: of a");
    assert_eq!(task(&run, "b")["summary"], "nothing to do: of b");
    assert!(repo.log("b", 1).contains("accepted: the noop of b, attempt 1"));
}

/// A run that waits, and the environment of its agent.
struct Waiting {
    repo: TestRepo,
    environment: BTreeMap<String, String>,
    running: crate::support::Running,
}

impl Waiting {
    fn begin() -> Waiting {
        Waiting::begin_in(TestRepo::new(), "environment")
    }

    fn begin_in(repo: TestRepo, name: &str) -> Waiting {
        let (gate, kept) = (repo.gate(name), repo.beside(name));
        repo.one_step("", &format!("keep-env:{} wait-gone:{} submit:own", kept.display(), gate.display()));
        let running = repo.start_run("one");
        let read = || std::fs::read_to_string(&kept).unwrap_or_default();
        wait_until("the agent runs", || read().lines().count() >= 7);
        let text = read();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Waiting { repo, environment, running }
    }

    /// Hands in with the token of this attempt, at the inbox of another one.
    fn hand_in_at(&self, inbox: &str) -> Ran {
        let mut command = self.repo.command(["submit", "noop", "--reason", "strange"]);
        command.envs(&self.environment).env("CREW_INBOX", inbox);
        run_command(command)
    }

    /// Lets the agent go on and asserts that what it handed in itself is what counts.
    fn ends_with_its_own(self, name: &str) {
        self.repo.open(name);
        let run = self.running.ends().exits(0).json();
        assert_eq!(task(&run, "work")["summary"], "own");
        assert_eq!(of_kind(&self.repo.events(), "submission_accepted").len(), 1);
    }
}

#[test]
fn a_token_gets_nowhere_in_another_repository() {
    let (here, there) = (Waiting::begin(), Waiting::begin());
    let refused = here.hand_in_at(&there.environment["CREW_INBOX"]).exits(4);
    assert!(refused.err.contains("the token belongs to no attempt of this run"), "{}", refused.err);
    let events = there.repo.events();
    let strange = of_kind(&events, "submission_refused");
    assert_eq!(
        (strange.len(), &strange[0]["code"], strange[0].get("task")),
        (1, &json!("unknown_token"), None)
    );
    assert!(of_kind(&here.repo.events(), "submission_refused").is_empty());
    here.ends_with_its_own("environment");
    there.ends_with_its_own("environment");
}

#[test]
fn a_token_gets_nowhere_in_another_run_that_goes_on_beside_its_own() {
    let first = Waiting::begin();
    let repo = &first.repo;
    let (gate, kept) = (repo.gate("second"), repo.beside("second"));
    repo.one_step("", &format!("keep-env:{} wait-gone:{} submit:second", kept.display(), gate.display()));
    let second = repo.start_run("one");
    let inbox = || {
        let text = std::fs::read_to_string(&kept).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("CREW_INBOX=").map(str::to_owned))
    };
    wait_until("the second agent runs", || inbox().is_some());
    let refused = first.hand_in_at(&inbox().expect("an inbox")).exits(4);
    assert!(refused.err.contains("the token belongs to no attempt of this run"), "{}", refused.err);
    repo.open("second");
    assert_eq!(task(&second.ends().exits(0).json(), "work")["summary"], "second");
    repo.open("environment");
    let run = first.running.ends().exits(0).json();
    assert_eq!(task(&run, "work")["summary"], "own");
}

#[test]
fn an_inbox_that_is_none_is_told() {
    let repo = TestRepo::new();
    let mut command = repo.command(["submit", "noop", "--reason", "r"]);
    command.env("CREW_INBOX", repo.beside("x")).env("CREW_TOKEN", "t");
    let ran = run_command(command).exits(4);
    assert!(ran.err.contains("is the inbox of no run") && ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn one_that_is_refused_to_the_end_fails_with_the_last_refusal() {
    let script = "crew submit result --summary s; crew submit question --question ''";
    let (_, work) = one("executor", "retries: 0", script, 1);
    assert_eq!(
        (&work["state"], &work["error_kind"], &work["reason"]),
        (
            &json!("failed"),
            &json!("invalid_submission"),
            &json!("what it handed in was refused: question is empty")
        )
    );
    // A note that is wrong is no attempt to deliver.
    let (_, work) = one("executor", "", "crew submit progress --message ''", 1);
    assert_eq!((&work["state"], &work["error_kind"]), (&json!("needs_review"), &Value::Null));
}
