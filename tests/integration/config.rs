//! Settings: four layers and the flags, what each may do, and what is said about mistakes.

use crate::support::{TestRepo, run_command};
use crew::domain::settings::{self, Kind};
use serde_json::{Value, json};

fn get(repo: &TestRepo, key: &str) -> Value {
    repo.crew(["config", "get", key, "--json"]).exits(0).json()["value"].clone()
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

#[test]
fn a_setting_is_set_and_read_and_taken_out_again() {
    let repo = TestRepo::new();
    let file = repo
        .put_user("config.json", r#"{"$schema": "x", "run": {"team": "review"}, "vars": {"colour": "red"}}"#);
    assert_eq!(repo.crew(["config", "get", "limits.jobs"]).exits(0).out, "4\n");
    repo.crew(["config", "set", "limits.jobs", "2"]).exits(0);
    assert_eq!(repo.crew(["config", "get", "limits.jobs"]).exits(0).out, "2\n");
    repo.crew(["config", "set", "env.pass", "A, B"]).exits(0);
    assert_eq!(get(&repo, "env.pass"), json!(["A", "B"]));
    repo.crew(["config", "set", "vars.place", "the moon"]).exits(0);
    assert_eq!(repo.crew(["config", "get", "vars.place"]).exits(0).out, "the moon\n");
    repo.crew(["config", "set", "run.agent", "builtin"]).exits(0);
    // What stood in the file before is still there.
    let expected = json!({
        "$schema": "x", "run": {"team": "review", "agent": "builtin"}, "vars": {"colour": "red", "place": "the moon"},
        "limits": {"jobs": 2}, "env": {"pass": ["A", "B"]},
    });
    assert_eq!(read(&file), expected);
    let unset = repo.crew(["config", "unset", "limits.jobs"]).exits(0);
    assert!(unset.err.starts_with("unset limits.jobs in "), "{}", unset.err);
    assert_eq!(repo.crew(["config", "get", "limits.jobs"]).exits(0).out, "4\n");
    repo.crew(["config", "unset", "vars.place"]).exits(0);
    let gone = repo.crew(["config", "get", "vars.place"]).exits(4);
    assert!(gone.err.contains("`vars.place` is not set"), "{}", gone.err);
    let gone = repo.crew(["config", "unset", "limits.jobs"]).exits(4);
    assert!(gone.err.contains("`limits.jobs` is not set in"), "{}", gone.err);
    assert!(!repo.root.join(".crew").exists(), "the project is not touched");
}

#[test]
fn a_setting_of_the_project_goes_into_its_tracked_file() {
    let repo = TestRepo::new();
    repo.crew(["init"]).exits(0);
    repo.crew(["config", "set", "limits.jobs", "1", "--project"]).exits(0);
    assert_eq!(read(&repo.root.join(".crew/config.json")), json!({"limits": {"jobs": 1}}));
    assert!(!repo.home.join(".config/crew/config.json").exists());
    assert_eq!(get(&repo, "limits.jobs"), 1);
    repo.commit("crew");
    repo.crew(["config", "set", "limits.jobs", "2", "--project"]).exits(0);
    assert_eq!(repo.git(&["status", "--porcelain", "-uall"]), " M .crew/config.json\n");
    repo.crew(["config", "set", "limits.jobs", "1", "--project"]).exits(0);
    repo.crew(["config", "unset", "limits.jobs", "--project"]).exits(0);
    assert_eq!(get(&repo, "limits.jobs"), 4);
}

#[test]
fn a_setting_of_the_project_leaves_nothing_else_behind() {
    let repo = TestRepo::new();
    repo.crew(["config", "set", "limits.jobs", "1", "--project"]).exits(0);
    assert_eq!(repo.git(&["status", "--porcelain", "-uall"]), "?? .crew/config.json\n");
}

#[test]
fn each_value_tells_where_it_comes_from() {
    let repo = TestRepo::new();
    let user = repo.put_user("config.json", r#"{"limits": {"grace_seconds": 3}, "vars": {"a": "1"}}"#);
    repo.write(".crew/config.json", r#"{"limits": {"jobs": 3}}"#);
    let mut command = repo.command(["config", "list", "--origin", "--json"]);
    command.env("CREW_RETRY_BACKOFF_MS", "7");
    let list = run_command(command).exits(0).json();
    let origin = |key: &str| {
        let row = list["data"].as_array().expect("a list").iter().find(|row| row["key"] == key);
        row.unwrap_or_else(|| panic!("no {key}"))["origin"].as_str().expect("an origin").to_owned()
    };
    assert_eq!(origin("run.team"), "built in");
    assert_eq!(origin("limits.grace_seconds"), user.display().to_string());
    assert_eq!(origin("vars.a"), user.display().to_string());
    assert_eq!(origin("limits.jobs"), ".crew/config.json");
    assert_eq!(origin("retry.backoff_ms"), "$CREW_RETRY_BACKOFF_MS");
    let text = repo.crew(["config", "list", "--origin"]).exits(0).out;
    let line = text.lines().find(|line| line.starts_with("limits.jobs")).expect("a line");
    assert!(line.contains('3') && line.ends_with(".crew/config.json"), "{line}");
    let single = repo.crew(["config", "get", "limits.jobs", "--json"]).exits(0).json();
    assert_eq!(single, json!({"key": "limits.jobs", "value": 3, "origin": ".crew/config.json"}));
}

#[test]
fn the_list_has_every_setting_with_its_help() {
    let repo = TestRepo::new();
    let text = repo.crew(["config", "list"]).exits(0).out;
    for setting in settings::ALL.iter().filter(|setting| setting.kind != Kind::Table) {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(setting.key));
        assert!(line.is_some_and(|line| line.ends_with(setting.help)), "{}: {line:?}", setting.key);
    }
}

#[test]
fn the_schema_knows_every_setting_and_nothing_else() {
    let repo = TestRepo::new();
    let schema = repo.crew(["config", "schema"]).exits(0).json();
    for setting in settings::ALL {
        let pointer = match setting.key.split_once('.') {
            Some((section, name)) => format!("/properties/{section}/properties/{name}"),
            None => format!("/properties/{}", setting.key),
        };
        let shape =
            schema.pointer(&pointer).unwrap_or_else(|| panic!("{} is not in the schema", setting.key));
        assert_eq!(shape["description"], setting.help);
        if let Kind::Number { default, least, most } = setting.kind {
            assert_eq!([&shape["default"], &shape["minimum"], &shape["maximum"]], [default, least, most]);
        }
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["limits"]["additionalProperties"], false);
    let json = repo.crew(["config", "schema", "--json"]).exits(0).json();
    assert_eq!(json, schema);
}

#[test]
fn a_later_layer_wins() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    let jobs = |variable: Option<&str>, flags: &[&str]| {
        let run = ["run", "g", "--workflow", "one", "--dry-run", "--json"];
        let mut command = repo.command(run.iter().chain(flags));
        if let Some(value) = variable {
            command.env("CREW_LIMITS_JOBS", value);
        }
        run_command(command).exits(0).json()["limits"]["jobs"].as_u64().expect("a number")
    };
    assert_eq!(jobs(None, &[]), 4);
    repo.set("limits", "jobs", json!(30));
    assert_eq!(jobs(None, &[]), 30);
    repo.write(".crew/config.json", r#"{"limits": {"jobs": 20}}"#);
    assert_eq!(jobs(None, &[]), 20);
    assert_eq!(jobs(Some("40"), &[]), 40);
    assert_eq!(jobs(Some("40"), &["--set", "limits.jobs=50"]), 50);
    assert_eq!(jobs(Some("40"), &["--set", "limits.jobs=50", "--set", "limits.jobs=51"]), 51);
    assert_eq!(jobs(Some("40"), &["--set", "limits.jobs=50", "--jobs", "60"]), 60);
}

#[test]
fn xdg_config_home_is_where_the_users_files_are() {
    let repo = TestRepo::new();
    let folder = repo.home.join("elsewhere");
    std::fs::create_dir_all(folder.join("crew")).expect("a folder");
    std::fs::write(folder.join("crew/config.json"), r#"{"limits": {"jobs": 9}}"#).expect("a file");
    let mut command = repo.command(["config", "get", "limits.jobs"]);
    command.env("XDG_CONFIG_HOME", &folder);
    assert_eq!(run_command(command).exits(0).out, "9\n");
}

#[test]
fn every_plain_setting_can_be_set_by_its_variable() {
    let repo = TestRepo::new();
    for setting in settings::ALL.iter().filter(|setting| setting.kind != Kind::Table) {
        let (text, value) = match setting.kind {
            Kind::Number { least, .. } => ((least + 1).to_string(), json!(least + 1)),
            Kind::Fraction { .. } => ("0.25".to_owned(), json!(0.25)),
            Kind::Dollars | Kind::Decimal { .. } => ("2.50".to_owned(), json!(2.5)),
            Kind::Text { .. } if setting.key == settings::MERGE_HOW.key => {
                ("squash".to_owned(), json!("squash"))
            }
            Kind::Text { .. } if setting.key == settings::RECOVERY_LIVING.key => {
                ("adopt".to_owned(), json!("adopt"))
            }
            Kind::Text { .. } if setting.key == settings::NOTIFY_LEAST.key => {
                ("urgent".to_owned(), json!("urgent"))
            }
            Kind::Names { .. } if setting.key == settings::NOTIFY_KINDS.key => {
                ("settled,waiting".to_owned(), json!(["settled", "waiting"]))
            }
            Kind::Optional { .. } if setting.key == settings::NOTIFY_WEBHOOK.key => {
                ("https://host/path".to_owned(), json!("https://host/path"))
            }
            Kind::Optional { .. } if setting.key == settings::OTLP_ENDPOINT.key => {
                ("https://host/path".to_owned(), json!("https://host/path"))
            }
            Kind::Optional { .. } if setting.key == settings::METRICS_TEXTFILE.key => {
                ("/a/crew.prom".to_owned(), json!("/a/crew.prom"))
            }
            Kind::Optional { .. } => ("22:00-07:00".to_owned(), json!("22:00-07:00")),
            Kind::Text { .. } | Kind::Command => ("review".to_owned(), json!("review")),
            Kind::Flag { default } => ((!default).to_string(), json!(!default)),
            _ => ("X,Y".to_owned(), json!(["X", "Y"])),
        };
        let mut command = repo.command(["config", "get", setting.key, "--json"]);
        command.env(setting.variable(), text);
        let found = run_command(command).exits(0).json();
        assert_eq!(found["value"], value, "{}", setting.key);
        assert_eq!(found["origin"], format!("${}", setting.variable()));
    }
}

/// Ways to set one setting, each with what is run and the place that an error names.
fn every_way(repo: &TestRepo, key: &str, value: &Value, check: impl Fn(&str, crate::support::Ran)) {
    let (section, name) = key.split_once('.').expect("a section");
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    check("", repo.crew(["config", "set", key, &text]));
    assert!(!repo.home.join(".config/crew/config.json").exists(), "a refused value is not written");
    check("", repo.crew(["config", "set", key, &text, "--project"]));
    assert!(!repo.root.join(".crew").exists(), "a refused value is not written");
    let set = format!("{key}={text}");
    check("--set", repo.crew(["run", "g", "--team", "review", "--agent", "builtin", "--set", &set]));
    let file = json!({section: {name: value}}).to_string();
    let user = repo.put_user("config.json", &file);
    check(&user.display().to_string(), repo.crew(["run", "g", "--team", "review", "--agent", "builtin"]));
    std::fs::remove_file(user).expect("it goes away");
    repo.write(".crew/config.json", &file);
    check(".crew/config.json", repo.crew(["run", "g", "--team", "review", "--agent", "builtin"]));
    repo.assert_no_run();
    std::fs::remove_dir_all(repo.root.join(".crew")).expect("it goes away");
}

#[test]
fn an_unknown_key_is_an_error_with_the_nearest_name_wherever_it_stands() {
    let repo = TestRepo::new();
    every_way(&repo, "limits.job", &json!(2), |place, ran| {
        let ran = ran.exits(2);
        assert!(ran.err.contains("error: there is no setting `limits.job`"), "{}", ran.err);
        assert!(ran.err.contains("hint: did you mean `limits.jobs`?"), "{}", ran.err);
        assert!(place.is_empty() || ran.err.contains(&format!("--> {place}")), "{place}: {}", ran.err);
    });
    let ran = repo.crew(["config", "get", "run.taem"]).exits(2);
    assert!(ran.err.contains("did you mean `run.team`?"), "{}", ran.err);
    let error = repo.crew(["config", "get", "run.taem", "--json"]).exits(2).json_error();
    assert_eq!(error["hint"], "did you mean `run.team`?");
    let ran = repo.crew(["config", "unset", "run.taem"]).exits(2);
    assert!(ran.err.contains("did you mean `run.team`?"), "{}", ran.err);
}

#[test]
fn a_value_out_of_bounds_says_the_bounds_wherever_it_stands() {
    let repo = TestRepo::new();
    for value in [json!(0), json!(1025), json!(-1), json!(1.5), json!("many"), json!(null)] {
        every_way(&repo, "limits.jobs", &value, |place, ran| {
            let ran = ran.exits(2);
            assert!(ran.err.contains("limits.jobs has to be a whole number from 1 to 1024"), "{}", ran.err);
            assert!(place.is_empty() || ran.err.contains(&format!("--> {place}")), "{place}: {}", ran.err);
        });
    }
    every_way(&repo, "run.team", &json!(""), |_, ran| {
        assert!(ran.exits(2).err.contains("run.team has to be a text"));
    });
    let mut command = repo.command(["run", "g", "--team", "review"]);
    command.env("CREW_LIMITS_JOBS", "lots");
    let ran = run_command(command).exits(2);
    assert!(ran.err.contains("--> $CREW_LIMITS_JOBS"), "{}", ran.err);
    let ran = repo.crew(["run", "g", "--set", "limits.jobs"]).exits(2);
    assert!(ran.err.contains("`limits.jobs` is not KEY=VALUE"), "{}", ran.err);
}

#[test]
fn a_broken_file_is_named_and_left_as_it_is() {
    let repo = TestRepo::new();
    for broken in ["{\"limits\": {", "[]", "not json", ""] {
        let user = repo.put_user("config.json", broken);
        let named = format!("--> {}", user.display());
        for args in [
            vec!["run", "g", "--team", "review"],
            vec!["config", "list"],
            vec!["config", "get", "limits.jobs"],
            vec!["validate"],
        ] {
            let ran = repo.crew(&args).exits(2);
            assert!(
                ran.err.contains("not a JSON object") && ran.err.contains(&named),
                "{args:?}: {}",
                ran.err
            );
        }
        for args in [vec!["config", "set", "limits.jobs", "2"], vec!["config", "unset", "limits.jobs"]] {
            let ran = repo.crew(&args).exits(2);
            assert!(ran.err.contains(&user.display().to_string()), "{args:?}: {}", ran.err);
            assert_eq!(std::fs::read_to_string(&user).expect("the file"), broken);
        }
        std::fs::remove_file(&user).expect("it goes away");
    }
    repo.write(".crew/config.json", "{");
    let ran = repo.crew(["run", "g", "--team", "review"]).exits(2);
    assert!(ran.err.contains("--> .crew/config.json"), "{}", ran.err);
    repo.assert_no_run();
}

#[test]
fn a_project_may_lower_a_limit_and_nothing_else() {
    let repo = TestRepo::new();
    repo.put_user("config.json", r#"{"limits": {"jobs": 3, "silence_seconds": 50}}"#);
    repo.write(
        ".crew/config.json",
        r#"{
            "limits": {"jobs": 8, "silence_seconds": 0, "grace_seconds": 1, "attempt_seconds": 86400},
            "retry": {"max_attempts": 10, "backoff_ms": 5},
            "run": {"team": "review"}, "vars": {"a": "b"},
            "env": {"pass": ["SECRET"]},
            "agents": {"theirs": {"command": "touch stolen"}}
        }"#,
    );
    for (key, value) in [
        ("limits.jobs", json!(3)),
        ("limits.silence_seconds", json!(50)),
        ("limits.grace_seconds", json!(1)),
        ("limits.attempt_seconds", json!(3600)),
        ("retry.max_attempts", json!(3)),
        ("retry.backoff_ms", json!(5)),
        ("run.team", json!("review")),
        ("vars.a", json!("b")),
        ("env.pass", json!([])),
    ] {
        assert_eq!(get(&repo, key), value, "{key}");
    }
    repo.crew(["config", "get", "agents.theirs"]).exits(4);
    let told = repo.crew(["run", "g", "--agent", "builtin", "--dry-run"]).exits(0);
    for key in [
        "limits.jobs",
        "limits.silence_seconds",
        "limits.attempt_seconds",
        "retry.max_attempts",
        "env.pass",
        "agents.theirs",
    ] {
        let note = format!("{key} in .crew/config.json has no effect");
        assert!(told.out.contains(&note) || told.err.contains(&note), "{key}: {told:?}");
    }
    repo.crew(["trust"]).exits(0);
    for (key, value) in [
        ("limits.jobs", json!(8)),
        ("limits.silence_seconds", json!(0)),
        ("retry.max_attempts", json!(10)),
        ("env.pass", json!(["SECRET"])),
        ("agents.theirs", json!({"command": "touch stolen"})),
    ] {
        assert_eq!(get(&repo, key), value, "{key}");
    }
}

#[test]
fn no_file_of_the_project_raises_how_many_tasks_the_user_allows_at_once() {
    let repo = TestRepo::new();
    repo.set("limits", "jobs", json!(2));
    repo.write(
        ".crew/workflows/greedy.workflow.md",
        "---\ndescription: A flow\nmaxConcurrency: 50\n---\n\n## look\nrole: explorer\n\nLook.\n",
    );
    repo.write(
        ".crew/teams/greedy.team.md",
        "---\ndescription: A team\ndefaultWorkflow: greedy\nmaxConcurrency: 50\n---\n- explorer: agent=explorer looks\n",
    );
    for args in [["--workflow", "greedy"], ["--team", "greedy"]] {
        let run = ["run", "g", "--agent", "builtin", "--dry-run", "--json"];
        let plan = repo.crew(run.iter().chain(&args)).exits(0).json();
        assert_eq!(plan["limits"]["jobs"], 2, "{args:?}");
    }
    // A lower number of theirs holds, and the command line has the last word.
    repo.set("limits", "jobs", json!(100));
    let plan = repo
        .crew(["run", "g", "--agent", "builtin", "--team", "greedy", "--dry-run", "--json"])
        .exits(0)
        .json();
    assert_eq!(plan["limits"]["jobs"], 50);
    let plan = repo
        .crew(["run", "g", "--agent", "builtin", "--team", "greedy", "--jobs", "70", "--dry-run", "--json"])
        .exits(0)
        .json();
    assert_eq!(plan["limits"]["jobs"], 70);
}

#[test]
fn a_built_in_team_does_not_raise_how_many_tasks_the_user_allows_at_once() {
    let repo = TestRepo::new();
    repo.set("limits", "jobs", json!(1));
    for team in ["default", "fast-fix", "implementation", "review", "research"] {
        repo.agent("good", "submit:done");
        let plan =
            repo.crew(["run", "g", "--team", team, "--agent", "good", "--dry-run", "--json"]).exits(0).json();
        assert_eq!(plan["limits"]["jobs"], 1, "{team}");
    }
}

#[test]
fn an_agent_that_could_not_be_started_is_not_set() {
    let repo = TestRepo::new();
    for (value, why) in [
        (r#"{"command": ""}"#, "the command is empty"),
        (r#"{"command": "say 'unbalanced"}"#, "without its partner"),
        (r#"{"command": "say {promt}"}"#, "{promt}"),
        (r#"{"command": "say", "prompt": "telepathy"}"#, "telepathy"),
        (r#"{"command": "say", "outptu": "text"}"#, "outptu"),
        (r#"{}"#, "command"),
        ("say", "agents.mine"),
    ] {
        let ran = repo.crew(["config", "set", "agents.mine", value]).exits(2);
        assert!(ran.err.contains("agents.mine") && ran.err.contains(why), "{value}: {}", ran.err);
        assert!(!repo.home.join(".config/crew/config.json").exists());
    }
    let ran = repo.crew(["config", "set", "agents.claude", r#"{"command": "say"}"#]).exits(2);
    assert!(ran.err.contains("there is an agent of that name already"), "{}", ran.err);
}

#[test]
fn a_variable_is_a_text_whatever_it_looks_like() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nwhen: vars.version == \"1.10\"\nrun: true");
    for text in ["1.10", "007", "true", "null", "{\"a\": 1}", "1e5"] {
        repo.crew(["config", "set", "vars.version", text]).exits(0);
        assert_eq!(repo.crew(["config", "get", "vars.version"]).exits(0).out, format!("{text}\n"));
    }
    repo.crew(["config", "set", "vars.version", "1.10"]).exits(0);
    assert_eq!(crate::support::task(&repo.run_json("one", 0), "a")["state"], "completed");
}

#[test]
fn a_table_is_not_replaced_by_something_else() {
    let repo = TestRepo::new();
    repo.put_user("config.json", r#"{"vars": "x"}"#);
    let ran = repo.crew(["config", "set", "vars.a", "b"]).exits(2);
    assert!(ran.err.contains("vars"), "{}", ran.err);
    repo.put_user("config.json", r#"{"limits": 3}"#);
    let ran = repo.crew(["validate"]).exits(2);
    assert!(ran.err.contains("`limits`") && ran.err.contains("config.json"), "{}", ran.err);
}
