//! What waits for a person: gates are recorded, nothing stays alive for them, and only a person decides, once.

use crate::support::{Ran, Running, TestRepo, of_kind, run_command, task, wait_until};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The end of what is asked at a terminal.
const ASKED: &str = "nothing leaves it for later:";

const DEPLOY: &str =
    "## build\nrun: true\n\n## deploy\nrun: touch deployed\naction: deploy\ndependsOn: build\n";

fn run(repo: &TestRepo, steps: &str) -> Ran {
    repo.workflow("w", steps);
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3)
}

fn status(repo: &TestRepo) -> Value {
    repo.crew(["status", "last", "--json"]).exits(0).json()
}

fn state(repo: &TestRepo, id: &str) -> String {
    task(&status(repo), id)["state"].as_str().expect("a state").to_owned()
}

fn gates(repo: &TestRepo) -> Vec<Value> {
    let listed = repo.crew(["gates", "--all", "--json"]).exits(0).json();
    listed["data"].as_array().expect("a list").clone()
}

#[test]
fn a_run_that_only_waits_ends_with_exit_3_and_says_what_continues_it() {
    let repo = TestRepo::new();
    repo.workflow("w", DEPLOY);
    let ran = repo.crew(["run", "the goal", "--workflow", "w"]).exits(3);
    assert!(ran.err.contains("crew approve g1") && ran.err.contains("crew resume"), "{}", ran.err);
    repo.leaves_no_process();
    assert_eq!(
        (status(&repo)["status"].as_str(), state(&repo, "deploy").as_str()),
        (Some("awaiting_input"), "awaiting_input")
    );
    // Waiting changes nothing, however often one goes on.
    repo.crew(["resume", "last"]).exits(3);
    assert!(!repo.root.join("deployed").exists());
    repo.crew(["approve", "g1", "--by", "Ann", "--note", "seen"]).exits(0);
    repo.crew(["resume", "last"]).exits(0);
    assert!(repo.root.join("deployed").exists());
    let decided = &gates(&repo)[0]["decided"];
    assert_eq!((&decided["by"], &decided["note"]), (&json!("Ann"), &json!("seen")));
    let kinds = repo.kinds();
    let at = |kind: &str| kinds.iter().position(|known| known == kind).expect(kind);
    assert!(at("gate_opened") < at("run_ended") && at("gate_opened") < at("gate_decided"));
}

#[test]
fn a_decision_can_go_on_with_the_run_at_once() {
    let repo = TestRepo::new();
    run(&repo, DEPLOY);
    repo.crew(["approve", "g1", "--resume"]).exits(0);
    assert_eq!(state(&repo, "deploy"), "completed");
}

#[test]
fn what_is_rejected_fails_with_its_reason() {
    let repo = TestRepo::new();
    run(&repo, &format!("{DEPLOY}\n## tell\nrun: true\ndependsOn: deploy\n"));
    repo.crew(["reject", "g1", "--by", "Ann", "--note", "not on a friday"]).exits(0);
    repo.crew(["resume", "last"]).exits(1);
    let run = status(&repo);
    let deploy = task(&run, "deploy");
    assert_eq!((&deploy["state"], &deploy["error_kind"]), (&json!("failed"), &json!("gate_rejected")));
    assert_eq!(deploy["reason"], "Ann rejected it: not on a friday");
    assert_eq!(task(&run, "tell")["state"], "skipped");
    assert!(!repo.root.join("deployed").exists());
}

#[test]
fn a_gate_that_nobody_decides_in_time_counts_as_refused() {
    let repo = TestRepo::new();
    repo.set("gates", "timeout_seconds", json!(4));
    run(&repo, DEPLOY);
    wait_until("the gate is overdue", || gates(&repo)[0]["overdue"] == json!(true));
    let late = repo.crew(["approve", "g1"]).exits(4);
    assert!(late.err.contains("timed out"), "{}", late.err);
    repo.crew(["resume", "last"]).exits(1);
    assert_eq!(task(&status(&repo), "deploy")["error_kind"], "gate_timeout");
    assert_eq!(gates(&repo)[0]["decided"]["by"], "crew");
}

#[test]
pub fn a_gate_waits_for_ever_where_the_settings_say_so() {
    let repo = TestRepo::new();
    repo.set("gates", "timeout_seconds", json!(0));
    run(&repo, DEPLOY);
    assert_eq!(gates(&repo)[0]["expires_at"], Value::Null);
}

#[test]
fn of_many_who_decide_at_once_one_wins_and_the_others_see_it() {
    let repo = TestRepo::new();
    run(&repo, DEPLOY);
    let hands: Vec<_> = (0..8)
        .map(|number| {
            let by = format!("hand-{number}");
            let word = if number % 2 == 0 { "approve" } else { "reject" };
            repo.start([word, "g1", "--by", &by])
        })
        .collect();
    let ends: Vec<Ran> = hands.into_iter().map(|hand| hand.ends()).collect();
    let won = ends.iter().filter(|ran| ran.exit == 0).count();
    assert_eq!(won, 1, "{ends:?}");
    let winner = gates(&repo)[0]["decided"]["by"].as_str().expect("a name").to_owned();
    for lost in ends.iter().filter(|ran| ran.exit != 0) {
        assert_eq!(lost.exit, 4);
        assert!(lost.err.contains(&winner), "{}", lost.err);
    }
    assert_eq!(of_kind(&repo.events(), "gate_decided").len(), 1);
}

#[test]
fn a_living_run_takes_a_decision_in_and_goes_on() {
    let repo = TestRepo::new();
    let hang = repo.gate("hang");
    repo.agent("fake", &format!("wait-gone:{} submit:done", hang.display()));
    let other = "## other\nrole: executor\nagent: fake\n\nLook.\n";
    repo.workflow("w", &format!("{DEPLOY}\n{other}"));
    let running = repo.start_run("w");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    let shown = repo.crew(["status", "last"]).exits(0);
    assert!(shown.err.contains("crew approve g1"), "{}", shown.err);
    repo.crew(["approve", "g1", "--by", "Ann"]).exits(0);
    wait_until("it is deployed", || repo.root.join("deployed").exists());
    repo.open("hang");
    running.ends().exits(0);
    assert_eq!(state(&repo, "deploy"), "completed");
}

#[test]
fn a_result_is_sent_back_to_its_agent_with_the_note() {
    let repo = TestRepo::new();
    repo.agent("fake", "say-prompt submit:made");
    run(&repo, "## work\nrole: executor\nagent: fake\ngate: after\n\nDo it.\n");
    let refused = repo.crew(["reject", "g1", "--send-back"]).exits(4);
    assert!(refused.err.contains("needs a note"), "{}", refused.err);
    repo.crew(["reject", "g1", "--send-back", "--by", "Ann", "--note", "use fewer words"]).exits(0);
    repo.crew(["resume", "last"]).exits(3);
    let prompt = repo.artifact("prompts/work.2.md");
    assert!(prompt.contains("Ann says to your result") && prompt.contains("use fewer words"), "{prompt}");
    repo.crew(["approve", "g2", "--resume"]).exits(0);
    assert_eq!(state(&repo, "work"), "completed");
}

#[test]
fn an_agent_decides_nothing() {
    let repo = TestRepo::new();
    let hang = repo.gate("hang");
    repo.link_programs(&["cat", "sleep", "env"]);
    // It tries as it is, without what tells that it is an agent, and as a process of its own.
    let tries = "crew approve g1 --by Ann\nenv -u CREW_TOKEN -u CREW_RUN crew approve g1 --by Ann\n\
                 env -i PATH=\"$PATH\" HOME=\"$HOME\" sh -c 'crew approve g1 --by Ann & wait'";
    repo.program(
        "mine",
        &format!("until [ \"$(crew gates 2>/dev/null)\" ]; do sleep 0.1; done\n{tries}\nwhile [ -e {} ]; do sleep 0.05; done\ncrew submit result --summary s --confidence 0.9 --rationale r --no-change-reason n", hang.display()),
    );
    repo.set("agents", "mine", json!({"command": "mine", "prompt": "stdin", "writes": true}));
    repo.workflow("w", &format!("{DEPLOY}\n## try\nrole: executor\nagent: mine\n\nTry.\n"));
    let mut command = repo.alone(["run", "the goal", "--workflow", "w"]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let running = crate::support::start_command(command);
    repo.wait_for_event("it runs", |event| event["kind"] == "process_started" && event["task"] == "try");
    let log = repo.run_folder().join("logs/try.1.log");
    let tried = || String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
    wait_until("it has tried three times", || {
        tried().matches("an agent cannot decide for a person").count() == 3
    });
    repo.open("hang");
    running.ends().exits(3);
    assert_eq!(state(&repo, "deploy"), "awaiting_input");
    assert!(of_kind(&repo.events(), "gate_decided").is_empty());
}

#[test]
fn an_agent_loosens_nothing_and_decides_nothing_of_other_runs() {
    let repo = TestRepo::new();
    run(&repo, DEPLOY);
    // The last one has neither the environment nor the parents of an agent.
    let script = "crew config set gates.allowed_actions deploy\ncrew trust\ncrew resume last --set gates.allowed_actions=deploy\n\
                  (env -i PATH=\"$PATH\" HOME=\"$HOME\" setsid sh -c '(crew approve g1 2>&1; : >.tried) &' &) >&2\n\
                  until [ -e .tried ]; do sleep 0.05; done\n\
                  crew submit result --summary s --confidence 0.9 --rationale r --no-change-reason n";
    repo.program("mine", script);
    let mine = repo.programs().join("mine");
    repo.set("agents", "mine", json!({"command": mine, "prompt": "stdin", "writes": true}));
    repo.workflow("try", "## try\nrole: executor\nagent: mine\n\nTry.\n");
    repo.crew(["run", "the goal", "--workflow", "try"]).exits(0);
    let log = repo.log("try", 1);
    assert_eq!(log.matches("an agent cannot decide for a person").count(), 4, "{log}");
    assert!(gates(&repo)[0]["decided"].is_null());
    repo.crew(["approve", "g1"]).exits(0);
}

#[test]
fn a_decision_with_resume_prints_one_object() {
    let repo = TestRepo::new();
    run(&repo, DEPLOY);
    let printed = repo.crew(["approve", "g1", "--resume", "--json"]).exits(0).json();
    assert_eq!(printed["status"], "completed");
}

#[test]
fn a_decision_that_nobody_signed_is_refused_and_recorded() {
    let repo = TestRepo::new();
    run(&repo, DEPLOY);
    let forged = json!({"id": "f1", "token": "guessed", "ask": {"person": {
        "run": status(&repo)["id"], "by": "Ann", "what": {"decide": {"gate": 1, "decision": "approved"}}}}});
    let inbox = repo.run_folder().join("inbox");
    std::fs::write(inbox.join("f1.request"), forged.to_string()).expect("a request");
    repo.crew(["resume", "last"]).exits(3);
    assert!(of_kind(&repo.events(), "gate_decided").is_empty());
    let refused = repo.events();
    let refused = of_kind(&refused, "submission_refused");
    assert!(refused[0]["reason"].as_str().is_some_and(|why| why.contains("not signed")), "{refused:?}");
}

/// Returns a request that waits for the owner of the newest run.
fn request_in_inbox(repo: &TestRepo) -> Option<PathBuf> {
    let entries = std::fs::read_dir(repo.run_folder().join("inbox")).expect("the inbox");
    let mut paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    paths.find(|path| path.extension().is_some_and(|ending| ending == "request"))
}

/// Starts a run that waits for a person while a command works, until `hang` is opened.
fn waits_beside_work(repo: &TestRepo) -> Running {
    let hang = repo.gate("hang");
    let other = format!("## other\nrun: while [ -e {} ]; do sleep 0.05; done\n", hang.display());
    repo.workflow("w", &format!("{DEPLOY}\n{other}"));
    let running = repo.start_run("w");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    running
}

#[test]
fn a_decision_that_the_owner_does_not_answer_is_taken_back() {
    let repo = TestRepo::new();
    let running = waits_beside_work(&repo);
    running.signal(libc::SIGSTOP);
    let refused = repo.crew(["approve", "g1", "--wait", "1", "--json"]).exits(4);
    assert_eq!(refused.json_error()["code"], "busy", "{}", refused.err);
    assert_eq!(request_in_inbox(&repo), None);
    running.signal(libc::SIGCONT);
    repo.open("hang");
    running.ends().exits(3);
    assert!(of_kind(&repo.events(), "gate_decided").is_empty());
}

#[test]
fn what_a_person_signed_for_one_run_decides_nothing_in_another() {
    let repo = TestRepo::new();
    let running = waits_beside_work(&repo);
    // Its owner holds still, so that the request can be copied by whoever may read the inbox.
    running.signal(libc::SIGSTOP);
    let approving = repo.start(["approve", "g1"]);
    wait_until("the request is there", || request_in_inbox(&repo).is_some());
    let request = request_in_inbox(&repo).expect("a request");
    let copied = std::fs::read(&request).expect("it is read");
    running.signal(libc::SIGCONT);
    approving.ends().exits(0);
    repo.open("hang");
    running.ends().exits(0);

    let mut other = TestRepo::new();
    other.home.clone_from(&repo.home);
    run(&other, DEPLOY);
    let inbox = other.run_folder().join("inbox");
    std::fs::write(inbox.join(request.file_name().expect("a name")), copied).expect("a request");
    other.crew(["resume", "last"]).exits(3);
    assert!(of_kind(&other.events(), "gate_decided").is_empty(), "{:?}", other.kinds());
}

#[test]
fn a_crew_that_was_killed_while_a_gate_is_open_loses_nothing() {
    let repo = TestRepo::new();
    let hang = repo.gate("hang");
    repo.agent("fake", &format!("1?wait-gone:{} submit:done", hang.display()));
    // Not one that only reads: what appears while both are at work could be its doing.
    repo.workflow("w", &format!("{DEPLOY}\n## other\nrole: executor\nagent: fake\n\nLook.\n"));
    let running = repo.start_run("w");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    repo.wait_for_event("the agent runs", |event| {
        event["kind"] == "process_started" && event["task"] == "other"
    });
    running.kill();
    assert_eq!(status(&repo)["status"], "interrupted");
    repo.crew(["approve", "g1"]).exits(0);
    repo.crew(["resume", "last"]).exits(0);
    assert_eq!((state(&repo, "deploy").as_str(), state(&repo, "other").as_str()), ("completed", "completed"));
    assert_eq!(of_kind(&repo.events(), "gate_opened").len(), 1);
    repo.leaves_no_process();
}

#[test]
fn a_person_accepts_what_needs_review_and_the_rest_goes_on() {
    let repo = TestRepo::new();
    repo.agent("fake", "say:finished");
    repo.workflow(
        "w",
        "## work\nrole: executor\nagent: fake\n\nDo it.\n\n## tell\nrun: touch told\ndependsOn: work\n",
    );
    repo.crew(["run", "the goal", "--workflow", "w"]).exits(1);
    assert_eq!((state(&repo, "work").as_str(), state(&repo, "tell").as_str()), ("needs_review", "skipped"));
    repo.crew(["accept", "last", "tell"]).exits(4);
    repo.crew(["accept", "work", "--by", "Ann", "--note", "looked at it"]).exits(0);
    assert_eq!(task(&status(&repo), "work")["reason"], "accepted by Ann: looked at it");
    repo.crew(["accept", "work"]).exits(4);
    repo.crew(["resume", "last"]).exits(0);
    assert!(repo.root.join("told").exists());
}

#[test]
fn a_low_confidence_below_an_action_opens_a_gate() {
    let repo = TestRepo::new();
    repo.agent("fake", "submit-args:--summary\\ s\\ --confidence\\ 0.5\\ --rationale\\ r");
    repo.set("gates", "allowed_actions", json!(["notify"]));
    run(
        &repo,
        "## work\nrole: explorer\nagent: fake\n\nDo it.\n\n## tell\nrun: true\naction: notify\ndependsOn: work\n",
    );
    let gate = &gates(&repo)[0]["gate"];
    assert_eq!((&gate["policy"], &gate["confidence"]), (&json!("low_confidence"), &json!(0.5)));
}

/// Runs a step with an action, with and without a setting.
fn with_and_without(keys: &str, name: &str, value: Value, (with, without): (i32, i32)) {
    for (set, exit) in [(false, without), (true, with)] {
        let repo = TestRepo::new();
        if set {
            repo.set("gates", name, value.clone());
        }
        repo.workflow("w", &format!("## a\nrun: true\n{keys}\n"));
        repo.crew(["run", "the goal", "--workflow", "w"]).exits(exit);
    }
}

pub fn environments_setting_gates_what_changes_there() {
    with_and_without("environment: staging", "environments", json!(["staging"]), (3, 0));
}

pub fn risky_setting_gates_an_action() {
    with_and_without("action: build", "risky_actions", json!(["build"]), (3, 0));
}

pub fn allowed_setting_lets_an_action_go() {
    with_and_without("action: notify", "allowed_actions", json!(["notify"]), (0, 3));
}

pub fn confidence_setting_gates_an_action() {
    for (threshold, exit) in [(0.95, 3), (0.5, 0)] {
        let repo = TestRepo::new();
        repo.agent("fake", "submit:done");
        repo.set("gates", "allowed_actions", json!(["notify"]));
        repo.set("gates", "confidence_threshold", json!(threshold));
        let steps = "## work\nrole: explorer\nagent: fake\n\nLook.\n\n## tell\nrun: true\naction: notify\ndependsOn: work\n";
        repo.workflow("w", steps);
        repo.crew(["run", "the goal", "--workflow", "w"]).exits(exit);
    }
}

#[test]
fn an_agent_that_asks_again_and_again_is_stopped() {
    let repo = TestRepo::new();
    // Each time it takes its own default for an answer at once, and asks something else.
    let ask = "crew submit question --question \"Which one, $CREW_ATTEMPT?\" --default blue --deadline-seconds 1 >&2";
    codex(&repo, ask);
    let ran = run_codex(&repo, "", 1);
    assert_eq!(state(&repo, "work"), "needs_review", "{}", ran.err);
    let reason = task(&status(&repo), "work")["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("has asked 5 times"), "{reason}");
    assert_eq!(of_kind(&repo.events(), "gate_opened").len(), 5);
}

#[test]
fn explaining_writes_nothing() {
    let repo = TestRepo::new();
    for (args, gated, reason) in [
        (&["edit"][..], false, "auto"),
        (&["push"], true, "high_risk_action"),
        (&["unheard-of"], true, "high_risk_action"),
        (&["edit", "--environment", "production"], true, "gated_environment"),
    ] {
        let words = ["gate", "explain"].iter().chain(args).chain(&["--json"]);
        let said = repo.crew(words).exits(0).json();
        assert_eq!((&said["gated"], &said["reason"]), (&json!(gated), &json!(reason)), "{args:?}");
    }
    assert!(!repo.root.join(".crew/crew.db").exists());
    repo.crew(["gate", "explain", "edit", "--confidence", "7"]).exits(2);
    let unknown = repo.crew(["approve", "g9"]).exits(4);
    assert!(unknown.err.contains("no runs") || unknown.err.contains("no gate"), "{}", unknown.err);
    run_command(repo.command(["gates"])).exits(0);
}

/// Makes a Codex of a shell script whose sessions can be gone on with; it keeps its arguments and prompts.
fn codex(repo: &TestRepo, script: &str) {
    repo.link_programs(&["cat"]);
    let session = r#"echo '{"type":"thread.started","thread_id":"t-1"}'"#;
    let end = r#"echo '{"type":"turn.completed","usage":{"input_tokens":1,"cached_input_tokens":0,"output_tokens":1}}'"#;
    repo.program(
        "codex",
        &format!(
            "printf '%s\\n' \"$*\" >>\"$HOME/arguments\"\ncat >>\"$HOME/prompts\"\n{session}\n{script}\n{end}"
        ),
    );
}

fn kept(repo: &TestRepo, name: &str) -> String {
    std::fs::read_to_string(repo.home.join(name)).expect("what the fake Codex kept")
}

const RESULT: &str =
    "crew submit result --summary made --confidence 0.9 --rationale r --no-change-reason n >&2";

fn run_codex(repo: &TestRepo, keys: &str, exit: i32) -> Ran {
    repo.workflow("w", &format!("## work\nrole: executor\nagent: codex\n{keys}\n\nDo it."));
    run_command(repo.alone(["run", "the goal", "--workflow", "w"])).exits(exit)
}

fn alone(repo: &TestRepo, args: &[&str], exit: i32) -> Ran {
    run_command(repo.alone(args.iter().copied())).exits(exit)
}

#[test]
fn a_question_pauses_its_task_and_the_answer_goes_on_in_the_session() {
    let repo = TestRepo::new();
    let ask = "crew submit question --question 'Which port?' --option 80 --option 8080 --default 8080 >&2";
    codex(&repo, &format!("case \"$*\" in *'resume t-1'*) {RESULT} ;; *) {ask} ;; esac"));
    let ran = run_codex(&repo, "retries: 0", 3);
    assert!(ran.err.contains("crew answer g1"), "{}", ran.err);
    let shown = alone(&repo, &["gates", "g1"], 0);
    assert!(shown.out.contains("Which port?") && shown.out.contains("2  8080"), "{}", shown.out);
    alone(&repo, &["approve", "g1"], 4);
    alone(&repo, &["answer", "g1", "9"], 4);
    alone(&repo, &["answer", "g1", "2", "--by", "Ann", "--resume"], 0);
    let (arguments, prompts) = (kept(&repo, "arguments"), kept(&repo, "prompts"));
    assert!(arguments.lines().nth(1).is_some_and(|line| line.contains("resume t-1")), "{arguments}");
    assert!(
        prompts.contains("Ann says to your question \"Which port?\"") && prompts.contains("  8080\n"),
        "{prompts}"
    );
    assert!(!prompts.contains("was interrupted"), "{prompts}");
    assert_eq!(state(&repo, "work"), "completed");
    repo.leaves_no_process();
}

#[test]
fn where_the_session_is_gone_the_agent_goes_on_afresh_with_the_answer() {
    let repo = TestRepo::new();
    let ask = "crew submit question --question 'Which port?' >&2";
    // The first call asks, the second has lost its session, the third is told all.
    let script = format!(
        "case \"$*\" in *'resume t-1'*) echo 'no session' >&2; exit 1 ;; esac\n\
         if [ -e \"$HOME/asked\" ]; then {RESULT}; else : >\"$HOME/asked\"; {ask}; fi"
    );
    codex(&repo, &script);
    run_codex(&repo, "", 3);
    alone(&repo, &["answer", "g1", "8080", "--by", "Ann", "--resume"], 0);
    let prompt = repo.artifact("prompts/work.3.md");
    assert!(prompt.contains("Ann says to your question") && prompt.contains("8080"), "{prompt}");
}

#[test]
fn a_question_that_nobody_answers_takes_its_default_or_needs_review() {
    for (more, exit, expected) in [("--default blue", 0, "completed"), ("", 1, "needs_review")] {
        let repo = TestRepo::new();
        let ask = format!("crew submit question --question 'Which one?' {more} --deadline-seconds 1 >&2");
        codex(&repo, &format!("case \"$*\" in *resume*) {RESULT} ;; *) {ask} ;; esac"));
        // A default is worth staying for; without one, the run ends and says so later.
        run_codex(&repo, "", if exit == 0 { 0 } else { 3 });
        if exit != 0 {
            wait_until("the gate is overdue", || gates(&repo)[0]["overdue"] == json!(true));
            alone(&repo, &["resume", "last"], exit);
        }
        assert_eq!(state(&repo, "work"), expected, "{more}");
    }
}

#[test]
fn whoever_decides_about_a_result_sees_what_there_is_to_go_by() {
    for (script, changed) in [("", "changed nothing: n"), ("echo x >made", "changed 1 file, +1 -0: made")] {
        let repo = TestRepo::new();
        codex(&repo, &format!("{script}\n{RESULT}"));
        run_codex(&repo, "gate: after", 3);
        let shown = alone(&repo, &["gates", "g1"], 0).out;
        assert!(shown.contains("confidence 0.9: r\n") && shown.contains(changed), "{shown}");
        let told = alone(&repo, &["gates", "g1", "--json"], 0).json();
        let grounds = &told["grounds"];
        assert_eq!((&grounds["confidence"], &grounds["rationale"]), (&json!(0.9), &json!("r")));
        assert_eq!(grounds["tree"]["changed"], u64::from(!script.is_empty()), "{told:#}");
    }
}

#[test]
fn a_plan_is_approved_before_anything_is_changed() {
    let repo = TestRepo::new();
    let plan = "crew submit plan --summary 'in two steps' --step 'read it' --step 'write it' --confidence 0.9 --rationale r >&2";
    // It tries to skip the plan; later it corrects it; and at last it does the work.
    let script = format!(
        "case \"$(crew gates --all 2>/dev/null)\" in *approved*) : >done; {RESULT} ;; *) {RESULT} || {plan} ;; esac"
    );
    codex(&repo, &script);
    // What is verified is the work, and not the plan.
    run_codex(&repo, "gate: plan\nverify: test -e done", 3);
    assert!(
        repo.log("work", 1).contains("a person has to approve its plan first"),
        "{}",
        repo.log("work", 1)
    );
    // What may not write yet is started in its read-only mode.
    assert!(kept(&repo, "arguments").contains("read-only"), "{}", kept(&repo, "arguments"));
    let shown = alone(&repo, &["gates", "g1"], 0);
    assert!(shown.out.contains("in two steps") && shown.out.contains("write it"), "{}", shown.out);
    assert!(shown.out.contains("confidence 0.9: r\n") && !shown.out.contains("changed"), "{}", shown.out);
    alone(&repo, &["reject", "g1", "--send-back", "--by", "Ann", "--note", "test it too", "--resume"], 3);
    assert!(kept(&repo, "prompts").contains("test it too"));
    alone(&repo, &["approve", "g2", "--by", "Ann", "--note", "go", "--resume"], 0);
    assert_eq!(state(&repo, "work"), "completed");
    let prompts = kept(&repo, "prompts");
    assert!(prompts.contains("It is approved; carry it out. go"), "{prompts}");
    assert!(kept(&repo, "arguments").lines().last().is_some_and(|line| !line.contains("read-only")));
}

#[test]
fn at_a_terminal_the_run_asks_and_goes_on() {
    let repo = TestRepo::new();
    repo.agent("fake", "submit:made");
    let step = "## work\nrole: executor\nagent: fake\ngate: after\ndependsOn: deploy\n\nDo it.\n";
    repo.workflow("w", &format!("{DEPLOY}\n{step}"));
    let run = ["run", "the goal", "--workflow", "w"];
    let (exit, shown) = repo.at_terminal(&run, &[(ASKED, "y"), (ASKED, "fewer words"), (ASKED, "yes")]);
    assert_eq!(exit, Some(0), "{shown}");
    assert!(repo.artifact("prompts/work.2.md").contains("fewer words"));
    // Who has no time now is asked no more, and told what to type.
    let (exit, shown) = repo.at_terminal(&run, &[(ASKED, "")]);
    assert_eq!(exit, Some(3), "{shown}");
    assert!(shown.contains("crew approve g4"), "{shown}");
}

#[test]
fn what_is_refused_at_the_terminal_is_said_and_asked_again() {
    let repo = TestRepo::new();
    let ask = "crew submit question --question 'Which port?' --option 80 --option 8080";
    repo.program("mine", &format!("if [ -e asked ]; then {RESULT}; else : >asked; {ask}; fi"));
    let mine = repo.programs().join("mine");
    repo.set("agents", "mine", json!({"command": mine, "prompt": "stdin", "writes": true}));
    repo.workflow("w", "## work\nrole: executor\nagent: mine\n\nDo it.\n");
    let later = "leave it for later:";
    let (exit, shown) =
        repo.at_terminal(&["run", "the goal", "--workflow", "w"], &[(later, "9"), (later, "2")]);
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("there is no option 9"), "{shown}");
    assert!(repo.artifact("prompts/work.2.md").contains("8080"), "{shown}");
}

#[test]
fn what_is_approved_while_the_run_comes_to_its_end_is_done_by_it() {
    let repo = TestRepo::new();
    let hold = repo.gate("hold");
    repo.set("limits", "grace_seconds", json!(60));
    // It leaves the group of its step and does not end when asked to: the run waits for it at its end.
    let stays = format!("trap : TERM; : >stays; while [ -e {} ]; do sleep 0.05; done", hold.display());
    let aside = format!("setsid sh -c '{stays}' & until [ -e stays ]; do sleep 0.01; done");
    let deploy = "## deploy\nrun: touch deployed\naction: deploy\ndependsOn: aside\n";
    repo.workflow("w", &format!("## aside\nrun: {aside}\n\n{deploy}"));
    let running = repo.start_run("w");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    let approving = repo.start(["approve", "g1"]);
    wait_until("the request is there", || request_in_inbox(&repo).is_some());
    repo.open("hold");
    approving.ends().exits(0);
    running.ends().exits(0);
    assert_eq!(state(&repo, "deploy"), "completed");
    repo.leaves_no_process();
}

#[test]
fn a_rejected_gate_is_a_failure_for_fail_fast() {
    let repo = TestRepo::new();
    let hang = repo.gate("hang");
    repo.agent("fake", &format!("wait-gone:{} submit:done", hang.display()));
    let more =
        "## other\nrole: explorer\nagent: fake\n\nLook.\n\n## later\nrun: touch later\ndependsOn: other\n";
    repo.workflow("w", &format!("{DEPLOY}\n{more}"));
    let running = repo.start(["run", "the goal", "--workflow", "w", "--fail-fast"]);
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    repo.crew(["reject", "g1"]).exits(0);
    let ran = running.ends().exits(1);
    let states = ["deploy", "other", "later"].map(|id| state(&repo, id));
    assert_eq!(states, ["failed", "cancelled", "cancelled"], "{}", ran.err);
    assert!(!repo.root.join("later").exists());
}

#[test]
fn a_question_outlives_the_crew_that_was_killed_with_its_agent() {
    let repo = TestRepo::new();
    let ask = "crew submit question --question 'Which port?' --option 80 --option 8080";
    repo.program("mine", &format!("if [ -e asked ]; then {RESULT}; else : >asked; {ask}; sleep 600; fi"));
    let mine = repo.programs().join("mine");
    repo.set("agents", "mine", json!({"command": mine, "prompt": "stdin", "writes": true}));
    repo.workflow("w", "## work\nrole: executor\nagent: mine\n\nDo it.\n");
    let running = repo.start_run("w");
    repo.wait_for_event("it has asked", |event| event["kind"] == "submission_accepted");
    running.kill();
    repo.crew(["resume", "last"]).exits(3);
    repo.crew(["answer", "g1", "2", "--by", "Ann", "--resume"]).exits(0);
    assert!(repo.artifact("prompts/work.2.md").contains("8080"));
    let second = repo.crew(["answer", "g1", "1", "--by", "Bob"]).exits(4);
    assert!(second.err.contains("answered \"8080\" by Ann"), "{}", second.err);
    repo.leaves_no_process();
}

#[test]
fn a_run_that_is_interrupted_at_work_says_so_although_a_gate_is_open() {
    let repo = TestRepo::new();
    repo.workflow("w", &format!("{DEPLOY}\n## other\nrun: sleep 600\n"));
    let running = repo.start_run("w");
    repo.wait_for_event("the gate is open", |event| event["kind"] == "gate_opened");
    repo.wait_for_event("it works", |event| event["kind"] == "process_started" && event["task"] == "other");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    assert_eq!(
        (state(&repo, "deploy").as_str(), state(&repo, "other").as_str()),
        ("awaiting_input", "queued")
    );
    repo.leaves_no_process();
}
