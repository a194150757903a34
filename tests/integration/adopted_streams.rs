//! Agents that say what they do while they work, and whose crew process is killed: the next one goes on hearing them.

use crate::support::{Running, TestRepo, of_kind, start_command, task, wait_until};
use crew::domain::request::Request;
use crew::domain::signed;
use serde_json::{Value, json};

const END: &str = r#"'say:{"crew":"end","ok":true}'"#;

fn call(id: u32) -> String {
    format!(
        r#"'say:{{"crew":"tool","id":"{id}","name":"shell"}}' 'say:{{"crew":"tool_end","id":"{id}","ok":true}}'"#
    )
}

fn usage(input: u32) -> String {
    format!(r#"'say:{{"crew":"usage","input_tokens":{input},"output_tokens":1}}'"#)
}

/// Starts a run of the workflow `one`, whose agents are to go on when crew dies.
fn start(repo: &TestRepo) -> Running {
    // It is said to this run alone; whoever takes it over does not say it again.
    let adopts = ["--set", "recovery.living=adopt"];
    repo.start(["run", "g", "--workflow", "one", "--json", "--quiet"].iter().chain(&adopts))
}

fn pids(events: &[Value], kind: &str) -> Vec<Value> {
    of_kind(events, kind).iter().map(|event| event["process"]["pid"].clone()).collect()
}

#[test]
fn an_agent_that_streams_goes_on_without_crew_and_with_the_next_one_as_if_nothing_had_been() {
    let repo = TestRepo::new();
    let (first, second) = (repo.gate("first"), repo.gate("second"));
    let flooded = repo.beside("flooded");
    // It is killed in the middle of a line; what follows fills any pipe while nobody reads.
    let script = [
        r#"'say:{"crew":"session","id":"s0"}' 'say:{"crew":"session","id":"s1"}'"#,
        r#"'say:{"crew":"waiting","reason":"the limit"}'"#,
        r#"'say:{"crew":"message","text":"on"}' 'err:a warning'"#,
        &format!("{} {} 'begin:{{\"crew\":\"usage\",\"input_tok'", call(1), usage(10)),
        &format!("wait-gone:{} 'say:ens\":200}}' flood:3 err:another", first.display()),
        &format!("touch:{} wait-gone:{}", flooded.display(), second.display()),
        &format!("{} {} submit:done {END}", call(2), usage(3_000)),
    ];
    repo.one_step_in_protocol("", &script.join(" "));
    let crew = start(&repo);
    repo.wait_for_event("its first call", |event| event["kind"] == "tool_invoked");
    crew.kill();
    repo.open("first");
    wait_until("it says more than a pipe holds", || flooded.exists());
    let adopts = |times| {
        let crew = repo.start(["resume", "last", "--json"]);
        wait_until("it is adopted", || of_kind(&repo.events_so_far(), "attempt_adopted").len() == times);
        crew
    };
    // The next one dies too, perhaps before it has caught up.
    adopts(1).kill();
    let crew = adopts(2);
    repo.open("second");
    let run = crew.ends().exits(0).json();
    let work = task(&run, "work");
    assert_eq!((&work["state"], &work["attempts"]), (&json!("completed"), &json!(1)), "{run:#}");
    let told = json!({"input_tokens": 3_210, "output_tokens": 2});
    assert_eq!(
        (&work["usage"]["input_tokens"], &work["usage"]["output_tokens"]),
        (&told["input_tokens"], &told["output_tokens"])
    );
    assert!(work["millis"].as_u64().is_some_and(|millis| millis > 0), "{work:#}");

    let events = repo.events();
    let pid = pids(&events, "process_started")[0].clone();
    assert_eq!(pids(&events, "attempt_adopted"), [pid.clone(), pid]);
    let counts = ["session_started", "agent_waited", "tool_invoked"].map(|kind| of_kind(&events, kind).len());
    assert_eq!(counts, [2, 2, 2], "what had been recorded is not recorded again");
    let log = repo.log("work", 1);
    let flood = format!("{}\n", "x".repeat((1 << 20) - 1));
    let mut said: Vec<&str> = log.split_inclusive('\n').collect();
    said.retain(|line| !line.starts_with("submit: ") && !line.starts_with("accepted"));
    for line in ["a warning\n", "another\n"] {
        let at = said.iter().position(|said| *said == line).expect("what it said on standard error");
        said.remove(at);
    }
    let expected = [
        "{\"crew\":\"session\",\"id\":\"s0\"}\n",
        "{\"crew\":\"session\",\"id\":\"s1\"}\n",
        "{\"crew\":\"waiting\",\"reason\":\"the limit\"}\n",
        "{\"crew\":\"message\",\"text\":\"on\"}\n",
        "{\"crew\":\"tool\",\"id\":\"1\",\"name\":\"shell\"}\n",
        "{\"crew\":\"tool_end\",\"id\":\"1\",\"ok\":true}\n",
        "{\"crew\":\"usage\",\"input_tokens\":10,\"output_tokens\":1}\n",
        "{\"crew\":\"usage\",\"input_tokens\":200}\n",
        &flood,
        &flood,
        &flood,
        "{\"crew\":\"tool\",\"id\":\"2\",\"name\":\"shell\"}\n",
        "{\"crew\":\"tool_end\",\"id\":\"2\",\"ok\":true}\n",
        "{\"crew\":\"usage\",\"input_tokens\":3000,\"output_tokens\":1}\n",
        "{\"crew\":\"end\",\"ok\":true}\n",
    ];
    let short = |line: &str| line.chars().take(200).collect::<String>();
    assert!(
        said == expected,
        "{:#?}\n{} bytes",
        said.iter().map(|line| short(line)).collect::<Vec<_>>(),
        log.len()
    );
    assert!(!repo.run_folder().join("output").exists(), "what it said as it said it is kept no longer");
    repo.leaves_no_process();
}

#[test]
fn one_that_ended_while_nobody_was_there_is_judged_by_what_it_handed_in_and_said() {
    let repo = TestRepo::new();
    let gate = repo.gate("go");
    let after = |script: &str| format!("{} wait-gone:{} {script}", usage(10), gate.display());
    let ended = repo.beside("ended");
    repo.crew_agent("hands", &format!("submit:done {}", after(&format!("{} {END}", usage(500)))));
    let last = r#"'say:{"crew":"end","ok":true,"text":"the last words"}'"#;
    repo.crew_agent("says", &after(&format!("{} {last} touch:{}", usage(500), ended.display())));
    repo.crew_agent("late", &after(&format!("{} {last}", usage(500))));
    let error = r#"'say:{"crew":"error","kind":"context_overflow","message":"too long"}'"#;
    repo.crew_agent("fails", &after(&format!("{} {error} exit:1", usage(500))));
    let step =
        |name: &str, keys: &str| format!("## {name}\nrole: reviewer\nagent: {name}\n{keys}\n\nDo it.\n");
    let steps = [step("hands", ""), step("says", "submit: optional"), step("fails", "retries: 0")];
    let late = step("late", "submit: optional\nretries: 0");
    repo.set("limits", "jobs", json!(4));
    repo.workflow("one", &format!("{}\n{late}", steps.join("\n")));
    let crew = start(&repo);
    wait_until("all are at work", || {
        let events = repo.events_so_far();
        let are = |kind, count| of_kind(&events, kind).len() == count;
        are("submission_accepted", 1) && are("process_started", 4)
    });
    crew.kill();
    repo.open("go");
    repo.leaves_no_process();
    // Its time was over long before it said its last words.
    let said = repo.run_folder().join("output/late.1.1.out");
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(30 * 86_400);
    std::fs::File::options().append(true).open(said).unwrap().set_modified(later).unwrap();
    let run = repo.crew(["resume", "last", "--json"]).exits(1).json();
    for (name, state, kind) in [
        ("hands", "completed", Value::Null),
        ("says", "completed", Value::Null),
        ("fails", "failed", json!("context_overflow")),
        ("late", "failed", json!("attempt_timeout")),
    ] {
        let task = task(&run, name);
        let seen = (&task["state"], &task["error_kind"], &task["attempts"], &task["usage"]["input_tokens"]);
        assert_eq!(seen, (&json!(state), &kind, &json!(1), &json!(510)), "{task:#}");
    }
    assert_eq!(task(&run, "says")["summary"], "the last words");
    let events = repo.events();
    assert!(of_kind(&events, "attempt_adopted").is_empty(), "nobody was there to be adopted");
    for ended in of_kind(&events, "attempt_ended") {
        let ending = &ended["ending"];
        assert_eq!((&ending["unwatched"], &ending["exit"]), (&json!(true), &Value::Null), "{ended:#}");
        assert!(ending["millis"].as_u64().is_some_and(|millis| millis > 0), "{ended:#}");
    }
}

#[test]
fn one_that_was_being_reminded_goes_on_and_what_its_first_child_used_counts_too() {
    let repo = TestRepo::new();
    let gate = repo.gate("go");
    let result = |tokens: u32| {
        format!(
            r#"echo '{{"type":"result","subtype":"success","is_error":false,"result":"so","session_id":"s-1","usage":{{"input_tokens":{tokens},"output_tokens":1}}}}'"#
        )
    };
    let submit = "crew submit result --summary made --confidence 0.9 --rationale r --no-change-reason n >&2";
    let wait = format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    let again = format!("{wait}; {submit}; {}", result(30));
    repo.link_programs(&["cat", "sleep"]);
    repo.program(
        "claude",
        &format!(
            "cat >/dev/null\necho '{{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s-1\"}}'\n\
             case \"$*\" in *resume*) {again} ;; *) {} ;; esac",
            result(10)
        ),
    );
    repo.set("recovery", "living", json!("adopt"));
    repo.workflow("one", "## work\nrole: executor\n\nDo it.");
    let words = ["run", "the goal", "--workflow", "one", "--agent", "claude"];
    let crew = start_command(repo.alone(words));
    wait_until("it is reminded", || {
        let kinds = repo.events_so_far().into_iter().map(|event| event["kind"].clone());
        // Its first child may have ended before it was seen.
        kinds.skip_while(|kind| kind != "agent_nudged").any(|kind| kind == "process_started")
    });
    crew.kill();
    let crew = start_command(repo.alone(["resume", "last", "--json"]));
    repo.wait_for_event("it is adopted", |event| event["kind"] == "attempt_adopted");
    repo.open("go");
    let run = crew.ends().exits(0).json();
    let work = task(&run, "work");
    let seen = (&work["state"], &work["attempts"], &work["usage"]["input_tokens"]);
    assert_eq!(seen, (&json!("completed"), &json!(1), &json!(40)), "{run:#}");
    let kinds = repo.kinds();
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("agent_nudged"), count("session_started")), (1, 1));
    repo.leaves_no_process();
}

#[test]
fn one_that_crew_had_asked_to_end_before_it_died_is_not_believed_when_it_says_that_all_is_well() {
    let repo = TestRepo::new();
    let (gate, asked, at_work) = (repo.gate("go"), repo.beside("asked"), repo.beside("at-work"));
    let end = |text: &str| format!(r#"echo '{{"crew":"end","ok":true,"text":"{text}"}}'"#);
    let wait = format!("while [ -e '{}' ]; do sleep 0.02; done", gate.display());
    let asked_words = asked.display();
    repo.program(
        "mine",
        &format!(
            "[ -e '{asked_words}' ] && {{ {}; exit 0; }}\n\
             trap \": >'{asked_words}'; {wait}; stop\" TERM\n\
             stop() {{ {}; exit 0; }}\necho begun >&2\n: >'{}'\nwhile :; do sleep 0.02; done",
            end("done"),
            end("stopped"),
            at_work.display()
        ),
    );
    let command = repo.programs().join("mine").display().to_string();
    repo.set("agents", "mine", json!({"command": command, "writes": true, "output": "crew"}));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\nsubmit: optional\n\nDo it.");
    let crew = start(&repo);
    wait_until("it is at work", || at_work.exists());
    repo.wait_for_event("its process is known", |event| event["kind"] == "process_started");
    crew.signal(libc::SIGTERM);
    wait_until("it is asked to end", || asked.exists());
    crew.kill();
    repo.open("go");
    repo.leaves_no_process();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    let work = task(&run, "work");
    let seen = (&work["state"], &work["attempts"], &work["summary"]);
    assert_eq!(seen, (&json!("completed"), &json!(2), &json!("done")), "{run:#}");
    let events = repo.events();
    let first = of_kind(&events, "attempt_ended")[0];
    assert_eq!((&first["outcome"], &first["again"]["reason"]), (&json!("cancelled"), &json!("interrupted")));
}

#[test]
fn what_one_hands_in_and_prints_after_crew_died_is_known_by_its_token_and_shows_no_secret_of_it() {
    let repo = TestRepo::new();
    let (gate, told, line) = (repo.gate("go"), repo.beside("told"), repo.beside("line"));
    repo.program(
        "mine",
        &format!(
            "printf '%s' \"$CREW_TOKEN\" >'{0}.new'\nmv '{0}.new' '{0}'\n\
             while [ -e '{1}' ]; do sleep 0.02; done\ncat '{2}'\n\
             echo \"{{\\\"crew\\\":\\\"end\\\",\\\"ok\\\":true,\\\"text\\\":\\\"with $MY_API_KEY\\\"}}\"",
            told.display(),
            gate.display(),
            line.display()
        ),
    );
    let command = repo.programs().join("mine").display().to_string();
    let pass = ["MY_API_KEY"];
    repo.set(
        "agents",
        "mine",
        json!({"command": command, "writes": true, "output": "crew", "pass_env": pass}),
    );
    repo.set("recovery", "living", json!("adopt"));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let mut first = repo.command(["run", "g", "--workflow", "one", "--json", "--quiet"]);
    first.env("MY_API_KEY", "plain-words-of-mine");
    let crew = start_command(first);
    wait_until("it is at work", || told.exists());
    repo.wait_for_event("its process is known", |event| event["kind"] == "process_started");
    crew.kill();
    let token = std::fs::read_to_string(&told).unwrap();
    let body = json!({"summary": "made alone", "confidence": 0.9, "rationale": "r", "no_change_reason": "n"});
    let request = json!({"id": "0123456789abcdef0123456789abcdef", "token": token,
        "ask": {"submit": {"kind": "result", "body": body}}});
    let request: Request = serde_json::from_value(request).expect("a request");
    std::fs::write(&line, format!("{}\n", signed::sign(&request))).unwrap();
    repo.open("go");
    repo.leaves_no_process();
    let run = repo.crew(["resume", "last", "--json"]).exits(0).json();
    let work = task(&run, "work");
    let seen = (&work["state"], &work["attempts"], &work["summary"]);
    assert_eq!(seen, (&json!("completed"), &json!(1), &json!("made alone")), "{run:#}");
    let log = repo.log("work", 1);
    assert!(log.contains("with [redacted]") && !log.contains("plain-words-of-mine"), "{log}");
    let database = std::fs::read(repo.root.join(".crew/crew.db")).unwrap();
    let key: &[u8] = b"plain-words-of-mine";
    assert!(!database.windows(key.len()).any(|window| window == key), "the store knows no secret");
    assert!(!repo.run_folder().join("output").exists(), "nor is it kept any longer");
}

#[test]
fn what_an_agent_said_and_used_after_crew_died_counts_when_its_run_is_cancelled() {
    let repo = TestRepo::new();
    let (gate, more) = (repo.gate("go"), repo.beside("more"));
    let script = [
        &format!("{} {} wait-gone:{}", call(1), usage(10), gate.display()),
        r#"'say:{"crew":"session","id":"s1"}' err:later"#,
        &format!(
            "{} {} touch:{} wait-gone:{}",
            call(2),
            usage(500),
            more.display(),
            repo.gate("never").display()
        ),
    ];
    repo.one_step_in_protocol("", &script.map(String::from).join(" "));
    let crew = start(&repo);
    repo.wait_for_event("its first call", |event| event["kind"] == "tool_invoked");
    crew.kill();
    repo.open("go");
    wait_until("it has said more", || more.exists());
    repo.crew(["cancel", "last"]).exits(0);
    let run = repo.crew(["status", "last", "--json"]).exits(0).json();
    let work = task(&run, "work");
    let seen = (&work["state"], &work["usage"]["input_tokens"]);
    assert_eq!(seen, (&json!("cancelled"), &json!(510)), "{run:#}");
    let events = repo.events();
    let counts = ["session_started", "tool_invoked"].map(|kind| of_kind(&events, kind).len());
    assert_eq!((counts, repo.log("work", 1).contains("later")), ([1, 2], true));
    repo.leaves_no_process();
}
