//! Any program as an agent: how it gets its prompt, what its output means, and what it sees of the world.

use crate::support::{CREW, FAKE_AGENT, TestRepo, run_command, task};
use crew::domain::words::clean_text;
use serde_json::{Value, json};

/// Words of every kind: other scripts, right to left, combining, hidden, astral, quotes, braces, shell signs.
const ANY_WORDS: &str = "Größe 日本語 عربى e\u{301} 🦀 \u{202e}\u{200b}\u{feff} \u{1}\u{7f} 'a' \"b\" `c` $HOME \\ {x} {prompt} %s ~ # ; & | > *";

/// What an agent gets: its whole prompt, as it is kept.
fn kept_prompt(repo: &TestRepo) -> String {
    repo.crew(["artifacts", "last", "prompts/work.1.md"]).exits(0).out
}

fn run_one(repo: &TestRepo, agent: &str, text: &str) -> Value {
    repo.workflow("one", &format!("## work\nrole: executor\nagent: {agent}\n\n{text}"));
    repo.run_json("one", 0)
}

#[test]
fn a_prompt_reaches_the_program_as_it_is_by_each_way() {
    for (way, action) in [("argument", "say-prompt"), ("stdin", "say-stdin"), ("file", "say-file")] {
        let repo = TestRepo::new();
        repo.agent_with("mine", &format!("{action} submit:done"), json!({"prompt": way, "output": "text"}));
        run_one(&repo, "mine", ANY_WORDS);
        let prompt = kept_prompt(&repo);
        assert!(prompt.contains(ANY_WORDS), "{prompt}");
        // What cannot be seen does not get into the log.
        let shown = clean_text(&prompt, usize::MAX);
        assert!(repo.log("work", 1).contains(&shown), "{way}: {}", repo.log("work", 1));
    }
}

#[test]
fn a_prompt_of_any_size_goes_to_standard_input_and_to_a_file() {
    let long = format!("{} the end", "0123456789 äöü ".repeat(20_000));
    assert!(long.len() > 300_000);
    for (way, action) in [("stdin", "say-stdin"), ("file", "say-file")] {
        let repo = TestRepo::new();
        repo.agent_with("mine", &format!("{action} submit:done"), json!({"prompt": way, "output": "text"}));
        run_one(&repo, "mine", &long);
        let prompt = kept_prompt(&repo);
        assert!(prompt.contains(&long) && repo.log("work", 1).contains(&prompt), "{way}");
    }
}

#[test]
fn a_prompt_that_no_argument_can_hold_is_refused_before_the_start() {
    let repo = TestRepo::new();
    repo.agent("mine", "say-prompt submit:done");
    repo.workflow(
        "one",
        &format!("## work\nrole: executor\nagent: mine\n\n{}", "0123456789 ".repeat(30_000)),
    );
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("step work: mine cannot take a prompt of"), "{}", ran.err);
    assert!(ran.err.contains("`prompt = \"stdin\"`"), "{}", ran.err);
    repo.assert_no_run();
}

#[test]
fn a_nul_character_is_refused_as_an_argument_and_taken_on_standard_input() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nBefore\0after.");
    let ran = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("step work: mine cannot take a prompt with a NUL character"), "{}", ran.err);
    repo.assert_no_run();
    repo.agent_with("mine", "say-stdin submit:done", json!({"prompt": "stdin"}));
    repo.run_json("one", 0);
    let sent = kept_prompt(&repo);
    assert!(sent.contains("Before\0after."), "{sent}");
    let log = repo.log("work", 1);
    assert!(log.contains(&format!("stdin: {} bytes", sent.len())) && log.contains("Beforeafter."), "{log}");
}

#[test]
fn a_prompt_that_begins_with_a_dash_is_a_prompt_and_no_option() {
    for (way, action) in [("argument", "say-prompt"), ("stdin", "say-stdin"), ("file", "say-file")] {
        let repo = TestRepo::new();
        repo.put_user("agents/dashing.md", "---\ndescription: A dash\n---\n--version is my name\n");
        repo.agent_with("mine", &format!("{action} submit:done"), json!({"prompt": way, "output": "text"}));
        repo.workflow("one", "## work\nrole: dashing\n\nDo it.");
        repo.crew(["run", "g", "--workflow", "one", "--agent", "mine"]).exits(0);
        let prompt = kept_prompt(&repo);
        assert!(prompt.starts_with("--version is my name"), "{prompt}");
        assert!(repo.log("work", 1).contains(&prompt), "{way}: {}", repo.log("work", 1));
    }
}

#[test]
fn placeholders_stand_where_the_command_has_them() {
    let repo = TestRepo::new();
    repo.set(
        "agents",
        "mine",
        json!({"command": format!("{FAKE_AGENT} 'say:model={{model}}' submit:done -- {{prompt}} after"), "writes": true}),
    );
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let refused = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(refused.err.contains("cannot start without a model"), "{}", refused.err);
    repo.assert_no_run();
    let plan =
        repo.crew(["run", "g", "--workflow", "one", "--model", "m 1", "--dry-run", "--json"]).exits(0).json();
    let command = task(&plan, "work")["command"].clone();
    let prompt = task(&plan, "work")["prompt"].clone();
    assert_eq!(command, json!([FAKE_AGENT, "say:model=m 1", "submit:done", "--", prompt, "after"]));
    repo.crew(["run", "g", "--workflow", "one", "--model", "m 1"]).exits(0);
    assert!(repo.log("work", 1).contains("model=m 1\n"), "{}", repo.log("work", 1));
    let odd = repo.crew(["run", "g", "--workflow", "one", "--model=--yolo"]).exits(2);
    assert!(odd.err.contains("is no name of a model"), "{}", odd.err);
}

#[test]
fn a_model_for_a_program_that_takes_none_is_refused() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let refused = repo.crew(["run", "g", "--workflow", "one", "--model", "big"]).exits(2);
    assert!(
        refused.err.contains("mine cannot choose a model: its command has no {model}"),
        "{}",
        refused.err
    );
    repo.assert_no_run();
}

#[test]
fn the_path_of_the_prompt_file_stands_where_the_command_has_it() {
    let repo = TestRepo::new();
    repo.program(
        "reader",
        "cat \"$2\"; echo \"[$1 $3]\"; crew submit result --summary s --confidence 1 --rationale r --no-change-reason n",
    );
    repo.set(
        "agents",
        "mine",
        json!({"command": format!("{} -f {{prompt_file}} -q", repo.programs().join("reader").display()),
               "prompt": "file", "writes": true}),
    );
    run_one(&repo, "mine", "Do it.");
    let log = repo.log("work", 1);
    assert!(log.contains(&kept_prompt(&repo)) && log.contains("[-f -q]"), "{log}");
}

#[test]
fn words_of_a_plain_program_are_its_result_where_the_step_says_so() {
    let repo = TestRepo::new();
    repo.agent("mine", "say:first 'say:the last words'");
    repo.workflow("one", "## work\nrole: explorer\nagent: mine\nsubmit: optional\n\nDo it.");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "the last words");
}

#[test]
fn json_lines_are_read_under_their_usual_names() {
    let repo = TestRepo::new();
    repo.program(
        "talker",
        r#"cat <<'END'
{"type":"start","session_id":"s-77"}
{"type":"message","role":"user","content":"an echo of the prompt"}
{"type":"message","role":"assistant","content":"It is done."}
this line is no JSON
{"type":"result","usage":{"input_tokens":120,"output_tokens":30,"cost_usd":0.25}}
END
crew submit result --summary finished --confidence 1 --rationale r --no-change-reason n >&2"#,
    );
    let command = repo.programs().join("talker").display().to_string();
    repo.set("agents", "mine", json!({"command": command, "output": "jsonl", "writes": true}));
    let run = run_one(&repo, "mine", "Do it.");
    let usage = &task(&run, "work")["usage"];
    assert_eq!((&usage["input_tokens"], &usage["output_tokens"]), (&json!(120), &json!(30)), "{usage}");
    assert_eq!(usage["cost_usd"], 0.25);
    let events = repo.events();
    let session = events.iter().find(|event| event["kind"] == "session_started").expect("a session");
    assert_eq!(session["session"], "s-77");
    let ended = events.iter().find(|event| event["kind"] == "attempt_ended").expect("an end");
    assert_eq!(ended["ending"]["odd_lines"], 1, "{ended}");
}

#[test]
fn an_error_in_json_lines_fails_the_attempt_with_its_kind() {
    let repo = TestRepo::new();
    repo.program("talker", r#"echo '{"type":"error","error":{"status":401,"message":"bad key"}}'; exit 0"#);
    let command = repo.programs().join("talker").display().to_string();
    repo.set("agents", "mine", json!({"command": command, "output": "jsonl", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "auth_failed");
}

#[test]
fn the_protocol_of_crew_tells_sessions_tools_usage_and_the_end() {
    let repo = TestRepo::new();
    let lines = [
        r#"say:{"crew":"session","id":"abc"}"#,
        r#"say:{"crew":"message","text":"working"}"#,
        r#"say:{"crew":"tool","id":"1","name":"bash","arguments":{"command":"ls"}}"#,
        r#"say:{"crew":"tool_end","id":"1","ok":true}"#,
        r#"say:{"crew":"usage","input_tokens":5,"output_tokens":7,"cached_tokens":1,"cost_usd":0.5}"#,
        r#"say:{"crew":"usage","input_tokens":5,"output_tokens":7,"cost_usd":0.25}"#,
        r#"say:{"crew":"waiting","reason":"a moment"}"#,
        "submit:done",
        r#"say:{"crew":"end","ok":true}"#,
    ];
    let script = lines.map(|line| format!("'{line}'")).join(" ");
    // Braces are placeholders in a command, unless something else than a name stands in them.
    repo.agent_with("mine", &script, json!({"output": "crew"}));
    let run = run_one(&repo, "mine", "Do it.");
    let expected = json!({"input_tokens": 10, "output_tokens": 14, "cached_tokens": 1, "cost_usd": 0.75});
    assert_eq!(task(&run, "work")["usage"], expected);
    let events = repo.events();
    let of =
        |kind: &str| events.iter().find(|event| event["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
    assert_eq!(of("session_started")["session"], "abc");
    assert_eq!((&of("tool_invoked")["tool"], &of("tool_invoked")["result"]), (&json!("bash"), &json!("ok")));
    assert_eq!(of("tool_invoked")["arguments"], r#"{"command":"ls"}"#);
    assert_eq!(of("agent_waited")["reason"], "a moment");
}

#[test]
fn the_protocol_of_crew_without_its_end_is_a_protocol_error() {
    let repo = TestRepo::new();
    repo.agent_with("mine", r#"'say:{"crew":"message","text":"working"}'"#, json!({"output": "crew"}));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["error_kind"], "protocol_error");
}

/// Runs an agent that prints its environment, with variables of the caller.
fn environment_of(repo: &TestRepo, ours: &[(&str, &str)]) -> Vec<String> {
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    command.envs(ours.iter().copied());
    run_command(command).exits(0);
    repo.log("work", 1).lines().map(str::to_owned).collect()
}

const CALLER: &[(&str, &str)] = &[
    ("MY_SECRET_KEY", "hunter2"),
    ("AWS_SECRET_ACCESS_KEY", "hunter2"),
    ("GIT_DIR", "/nonexistent/hunter2"),
    ("GIT_WORK_TREE", "/nonexistent/hunter2"),
    ("CLAUDECODE", "hunter2"),
    ("CLAUDE_CODE_ENTRYPOINT", "hunter2"),
    ("CLAUDE_CODE_X", "hunter2"),
    ("LD_PRELOAD_NOT", "hunter2"),
    ("CREW_TOKEN", "hunter2"),
    ("CREW_INBOX", "/nonexistent/hunter2"),
];

#[test]
fn nothing_of_the_caller_reaches_an_agent_that_is_not_on_the_list() {
    let repo = TestRepo::new();
    repo.agent("mine", "say-env submit:done");
    let seen = environment_of(&repo, CALLER);
    assert!(!seen.iter().any(|line| line.contains("hunter2")), "{seen:#?}");
    let names: Vec<&str> = seen.iter().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in [
        "HOME",
        "PATH",
        "LANG",
        "TMPDIR",
        "CREW_RUN",
        "CREW_TASK",
        "CREW_TOKEN",
        "CREW_INBOX",
        "CREW_ATTEMPT",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
}

#[test]
fn nothing_of_the_caller_reaches_a_command_step_or_a_check_either() {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", "## a\nrun: env\n\n## work\nrole: executor\nagent: mine\nverify: env; git rev-parse --git-dir\n\nDo it.");
    let mut command = repo.command(["run", "g", "--workflow", "one"]);
    command.envs(CALLER.iter().copied());
    run_command(command).exits(0);
    let logs = format!("{}{}", repo.log("a", 1), repo.crew(["logs", "last", "work"]).exits(0).out);
    assert!(logs.contains("HOME=") && !logs.contains("hunter2"), "{logs}");
    assert!(!logs.contains("CREW_TOKEN="), "a command gets no token: {logs}");
}

#[test]
fn env_pass_and_pass_env_let_a_variable_through_by_its_exact_name() {
    let repo = TestRepo::new();
    repo.agent("mine", "say-env submit:done");
    repo.set("env", "pass", json!(["MY_SECRET_KEY", "NOT_SET"]));
    let seen =
        environment_of(&repo, &[("MY_SECRET_KEY", "one"), ("MY_SECRET_KEY_2", "two"), ("OTHER", "three")]);
    assert!(seen.iter().any(|line| line == "MY_SECRET_KEY=one"), "{seen:#?}");
    assert!(
        !seen
            .iter()
            .any(|line| line.contains("two") || line.contains("three") || line.starts_with("NOT_SET"))
    );
    let repo = TestRepo::new();
    repo.agent_with("mine", "say-env submit:done", json!({"pass_env": ["OTHER"]}));
    let seen = environment_of(&repo, &[("MY_SECRET_KEY", "one"), ("OTHER", "three")]);
    assert!(seen.iter().any(|line| line == "OTHER=three"), "{seen:#?}");
    assert!(!seen.iter().any(|line| line.contains("one") && line.starts_with("MY_SECRET_KEY")));
}

#[test]
fn crew_on_the_path_of_an_agent_is_the_running_binary() {
    for pass in [json!([]), json!(["PATH"])] {
        let repo = TestRepo::new();
        // Another crew of the caller comes later.
        repo.program("crew", "echo an impostor; exit 1");
        repo.program(
            "asker",
            "readlink -f \"$(command -v crew)\"; crew submit result --summary s --confidence 1 --rationale r --no-change-reason n",
        );
        let command = repo.programs().join("asker").display().to_string();
        repo.set("agents", "mine", json!({"command": command, "writes": true, "pass_env": pass}));
        repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
        let mut command = repo.command(["run", "g", "--workflow", "one"]);
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", repo.programs().display()));
        let ran = run_command(command);
        let binary = std::fs::canonicalize(CREW).expect("the binary");
        assert!(
            repo.log("work", 1).starts_with(&binary.display().to_string()),
            "{pass}: {}",
            repo.log("work", 1)
        );
        ran.exits(0);
    }
}

#[test]
fn a_program_that_may_not_write_gets_no_role_that_writes() {
    let repo = TestRepo::new();
    repo.set("agents", "mine", json!({"command": format!("{FAKE_AGENT} submit:done --")}));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let refused = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(refused.err.contains("step work: mine cannot write"), "{}", refused.err);
    assert!(refused.err.contains("writes"), "{}", refused.err);
    repo.assert_no_run();
    repo.workflow("two", "## work\nrole: explorer\nagent: mine\n\nLook.");
    repo.run_json("two", 0);
}

#[test]
fn a_program_that_is_not_there_is_refused_before_the_start() {
    let repo = TestRepo::new();
    repo.set("agents", "mine", json!({"command": "not-on-this-machine", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: mine\n\nDo it.");
    let refused = repo.crew(["run", "g", "--workflow", "one"]).exits(2);
    assert!(refused.err.contains("`not-on-this-machine` is not on PATH"), "{}", refused.err);
    repo.assert_no_run();
}

#[test]
fn a_command_is_split_into_words_and_never_goes_through_a_shell() {
    let repo = TestRepo::new();
    let script = r#"'say:two  words' say:a\ b "say:it's" say:$HOME;touch>stolen submit:done"#;
    repo.agent("mine", script);
    run_one(&repo, "mine", "Do it.");
    let log = repo.log("work", 1);
    assert!(log.starts_with("two  words\na b\nit's\n$HOME;touch>stolen\n"), "{log}");
    assert!(!repo.root.join("stolen").exists());
}

#[test]
fn the_agents_of_the_readme_are_accepted_and_started_as_it_says() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README");
    let section =
        readme.split("## More agents").nth(1).expect("a section").split("\n## ").next().expect("text");
    let snippets: Vec<&str> =
        section.lines().filter_map(|line| line.strip_prefix("    crew config set agents.")).collect();
    let names: Vec<&str> = snippets.iter().filter_map(|snippet| snippet.split(' ').next()).collect();
    assert_eq!(names, ["aider", "cursor", "copilot", "goose", "qwen", "amp"]);
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    for (snippet, name) in snippets.iter().zip(names) {
        let value = snippet.split_once(' ').expect("a value").1.trim_matches('\'');
        repo.crew(["config", "set", &format!("agents.{name}"), value]).exits(0);
        let settings: Value = serde_json::from_str(value).expect("JSON");
        let words: Vec<&str> = settings["command"].as_str().expect("a command").split(' ').collect();
        repo.program(
            words[0],
            &format!(
                "printf '%s\\n' \"$@\" >\"$HOME/{name}.arguments\"\ncat >\"$HOME/{name}.prompt\"\necho '{{\"text\":\"done\"}}'"
            ),
        );
        repo.workflow("one", "## work\nrole: explorer\nsubmit: optional\n\nMake it ü.");
        let go = ["run", "the goal", "--workflow", "one", "--agent", name, "--json"];
        let plan = run_command(repo.alone(go.iter().chain(&["--dry-run"]))).exits(0).json();
        assert_eq!(task(&plan, "work")["command"][0], words[0]);
        run_command(repo.alone(go)).exits(0);
        let read =
            |what: &str| std::fs::read_to_string(repo.home.join(format!("{name}.{what}"))).expect(what);
        let (arguments, piped) = (read("arguments"), read("prompt"));
        let prompt = match settings["prompt"].as_str() {
            Some("stdin") => piped,
            Some("argument") => arguments.clone(),
            _ => std::fs::read_to_string(arguments.lines().last().expect("a path")).expect("a prompt file"),
        };
        assert!(prompt.contains("Make it ü."), "{name}: {prompt}");
        for word in words[1..].iter().filter(|word| !word.starts_with('{')) {
            assert!(arguments.lines().any(|argument| argument == *word), "{name}: {arguments}");
        }
    }
}
