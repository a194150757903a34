//! What people write for crew: three layers, strict reading, and the trust that a repository has to earn.

use crate::support::{TestRepo, run_command, task};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Bad files: where each goes wrong, and words of the hint or the message that help.
#[rustfmt::skip]
const BAD: &[(&str, usize, &str, &str)] = &[
    ("agents/no-front-matter.md", 1, "the file has no front matter", "start it with `---`"),
    ("agents/front-matter-never-closed.md", 1, "the front matter is never closed", "put a line `---`"),
    ("agents/invalid-yaml.md", 3, "not valid YAML", "double quotes"),
    ("agents/key-twice.md", 4, "`model` stands here twice", ""),
    ("agents/unknown-key.md", 3, "unknown key `tool`", "did you mean `tools`?"),
    ("agents/unknown-tool.md", 3, "there is no tool `grpe`", "did you mean `grep`?"),
    ("agents/text-for-number.md", 3, "`maxTurns` has to be a whole number from 1 to 10000", ""),
    ("agents/description-missing.md", 1, "`description` is missing", "description: ..."),
    ("agents/prompt-missing.md", 3, "the agent has no prompt", "write below the front matter"),
    ("agents/name-with-capitals.md", 3, "`Helper` cannot be the name of an agent", "small letters"),
    ("agents/named-like-a-program.md", 3, "`codex` is the name of a program", "another name"),
    ("agents/shadows-a-built-in.md", 3, "`critic` is built in", "another name"),
    ("teams/no-roles.team.md", 4, "the team has no roles", "- ROLE: agent=NAME"),
    ("teams/role-twice.team.md", 10, "already stands in line 9", ""),
    ("teams/unknown-agent.team.md", 10, "there is no agent `citric`", "did you mean `critic`?"),
    ("teams/unknown-role-key.team.md", 10, "unknown key `agnet`", "did you mean `agent`?"),
    ("teams/unknown-workflow.team.md", 3, "there is no workflow `reveiw`", "did you mean `review`?"),
    ("teams/role-missing-for-its-workflow.team.md", 3, "needs the role `writer`", "- writer: agent=NAME"),
    ("workflows/unknown-step-key.workflow.md", 12, "unknown key `dependOn`", "did you mean `dependsOn`?"),
    ("workflows/unknown-dependency.workflow.md", 12, "depends on `exlpore`, which is no step", "did you mean `explore`?"),
    ("workflows/depends-on-itself.workflow.md", 12, "depends on itself", "take it out"),
    ("workflows/cycle.workflow.md", 12, "steps wait for each other: a -> b -> a", "take one of these dependencies out"),
    ("workflows/step-twice.workflow.md", 10, "already stands in line 4", "another id"),
    ("workflows/unknown-agent.workflow.md", 12, "there is no agent `cluade`", "did you mean `claude`?"),
    ("workflows/command-and-task.workflow.md", 5, "has both a command and a task", "make two steps"),
    ("workflows/timeout-over-a-day.workflow.md", 12, "is not between 1s and 24h", ""),
    ("workflows/when-one-equals-sign.workflow.md", 12, "unexpected `=`", "write `==`"),
    ("workflows/reads-unknown-output.workflow.md", 12, "which no step puts out", "did you mean `map.md`?"),
];

fn bad_resources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/bad-resources")
}

fn every_bad_file() -> Vec<String> {
    let mut found = Vec::new();
    for kind in ["agents", "teams", "workflows"] {
        for entry in std::fs::read_dir(bad_resources().join(kind)).expect("a folder") {
            found.push(format!("{kind}/{}", entry.expect("an entry").file_name().to_string_lossy()));
        }
    }
    found.sort();
    found
}

#[test]
fn every_bad_file_is_refused_with_its_line_before_anything_starts() {
    let repo = TestRepo::new();
    let all = every_bad_file();
    assert!(all.len() >= 20, "only {} bad files", all.len());
    for (path, ..) in BAD {
        assert!(all.iter().any(|known| known == path), "there is no {path} any more");
    }
    for path in &all {
        let text = std::fs::read_to_string(bad_resources().join(path)).expect("a bad file");
        repo.write(&format!(".crew/{path}"), &text);
        let checked = repo.crew(["validate"]).exits(2);
        let place = format!("  --> .crew/{path}:");
        let places: Vec<&str> = checked.err.lines().filter_map(|line| line.strip_prefix(&place)).collect();
        assert_eq!(places.len(), 1, "{path} has one defect:\n{}", checked.err);
        assert!(checked.out.is_empty(), "{}", checked.out);
        if let Some((_, line, message, help)) = BAD.iter().find(|(known, ..)| known == path) {
            assert_eq!(places[0], line.to_string(), "{path}: {}", checked.err);
            assert!(checked.err.contains(&format!("error: {}", first_word(&checked.err, message))));
            assert!(checked.err.contains(help), "{path}: {}", checked.err);
        }
        // Any run is refused, also one that has nothing to do with the file.
        let run = repo.crew(["run", "the goal", "--team", "review"]).exits(2);
        assert_eq!(run.err, checked.err, "{path}");
        let run = repo.crew(["run", "the goal", "--team", "review", "--json"]).exits(2);
        let at = run.json_error()["details"]["at"].as_str().expect("a place").to_owned();
        assert_eq!(at, format!(".crew/{path}:{}", places[0]));
        assert!(run.out.is_empty(), "{}", run.out);
        repo.assert_no_run();
        std::fs::remove_file(repo.root.join(".crew").join(path)).expect("it goes away");
    }
    repo.crew(["validate"]).exits(0);
}

/// Returns the message that holds `words`, so that a failure shows all of it.
fn first_word<'a>(errors: &'a str, words: &str) -> &'a str {
    let found =
        errors.lines().filter_map(|line| line.strip_prefix("error: ")).find(|line| line.contains(words));
    found.unwrap_or_else(|| panic!("`{words}` is not said in:\n{errors}"))
}

#[test]
fn several_bad_files_are_told_all_at_once() {
    let repo = TestRepo::new();
    for path in ["agents/unknown-key.md", "teams/no-roles.team.md", "workflows/cycle.workflow.md"] {
        repo.write(
            &format!(".crew/{path}"),
            &std::fs::read_to_string(bad_resources().join(path)).expect("a bad file"),
        );
    }
    let errors = repo.crew(["validate", "--json"]).exits(2).json_errors();
    let at: Vec<&str> =
        errors.iter().map(|error| error["details"]["at"].as_str().expect("a place")).collect();
    assert_eq!(
        at,
        [
            ".crew/agents/unknown-key.md:3",
            ".crew/teams/no-roles.team.md:4",
            ".crew/workflows/cycle.workflow.md:12"
        ]
    );
    // What is right is still listed.
    let listed = repo.crew(["list", "agents"]).exits(2);
    assert!(listed.out.contains("critic") && listed.err.contains("unknown key `tool`"), "{listed:?}");
}

#[test]
fn a_file_that_is_not_text_is_a_problem_of_its_own() {
    let repo = TestRepo::new();
    repo.write(".crew/agents/good.md", "---\ndescription: Good\n---\nYou are good.\n");
    std::fs::write(repo.root.join(".crew/agents/latin.md"), b"---\ndescription: \xfcber\n---\nYou.\n")
        .expect("bytes");
    let ran = repo.crew(["validate"]).exits(2);
    assert!(ran.err.contains(".crew/agents/latin.md") && ran.err.contains("not UTF-8"), "{}", ran.err);
}

const AGENT: &str = "---\ndescription: An agent of NAME\ntools: read\n---\nI come from NAME.\n";

fn agent_of(layer: &str) -> String {
    AGENT.replace("NAME", layer)
}

fn layers_of(list: &Value, kind: &str, name: &str) -> Vec<String> {
    let rows = list["data"].as_array().expect("a list").iter();
    rows.filter(|row| row["kind"] == kind && row["name"] == name)
        .map(|row| row["layer"].as_str().expect("a layer").to_owned())
        .collect()
}

#[test]
fn the_user_and_the_project_add_to_what_is_built_in() {
    let repo = TestRepo::new();
    repo.put_user("agents/of-user.md", &agent_of("the user"));
    repo.put_user(
        "teams/user-team.team.md",
        "---\ndescription: A team\ndefaultWorkflow: user-flow\n---\n- explorer: agent=of-user looks\n",
    );
    repo.workflow("user-flow", "## look\nrole: explorer\n\nLook at {goal}.");
    repo.write(".crew/agents/of-project.md", &agent_of("the project"));
    repo.write(
        ".crew/teams/project-team.team.md",
        "---\ndescription: A team\ndefaultWorkflow: project-flow\n---\n- explorer: agent=of-project looks\n",
    );
    repo.write(
        ".crew/workflows/project-flow.workflow.md",
        "---\ndescription: A flow\n---\n\n## look\nrole: explorer\n\nLook at {goal}.\n",
    );
    repo.crew(["validate"]).exits(0);
    let list = repo.crew(["list", "--json"]).exits(0).json();
    assert_eq!(layers_of(&list, "agent", "critic"), ["built in"]);
    assert_eq!(layers_of(&list, "agent", "of-user"), ["user"]);
    assert_eq!(layers_of(&list, "agent", "of-project"), ["project"]);
    assert_eq!(layers_of(&list, "team", "user-team"), ["user"]);
    assert_eq!(layers_of(&list, "team", "project-team"), ["project"]);
    assert_eq!(layers_of(&list, "workflow", "user-flow"), ["user"]);
    assert_eq!(layers_of(&list, "workflow", "project-flow"), ["project"]);
    assert_eq!(list["meta"]["count"], list["data"].as_array().expect("a list").len());
    for (team, words) in
        [("user-team", "I come from the user."), ("project-team", "I come from the project.")]
    {
        let plan = repo
            .crew(["run", "the goal", "--team", team, "--agent", "builtin", "--dry-run", "--json"])
            .exits(0)
            .json();
        let prompt = task(&plan, "look")["prompt"].as_str().expect("a prompt").to_owned();
        assert!(prompt.contains(words) && prompt.contains("Look at the goal."), "{prompt}");
    }
}

#[test]
fn every_built_in_resource_is_listed_and_can_be_shown() {
    let repo = TestRepo::new();
    let list = repo.crew(["list", "--json"]).exits(0).json();
    let names = |kind: &str| -> Vec<String> {
        let rows = list["data"].as_array().expect("a list").iter().filter(|row| row["kind"] == kind);
        rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
    };
    let agents = [
        "analyst",
        "critic",
        "executor",
        "explorer",
        "planner",
        "reviewer",
        "security-reviewer",
        "test-engineer",
        "verifier",
        "writer",
    ];
    assert_eq!(names("agent"), agents);
    assert_eq!(names("team"), ["default", "fast-fix", "implementation", "research", "review", "reviewed"]);
    assert_eq!(
        names("workflow"),
        ["default", "fast-fix", "implementation", "research", "review", "reviewed"]
    );
    for (kind, word) in [("agents", "agent"), ("teams", "team"), ("workflows", "workflow")] {
        let only = repo.crew(["list", kind, "--json"]).exits(0).json();
        assert_eq!(only["data"].as_array().expect("a list").len(), names(word).len());
        let text = repo.crew(["list", kind]).exits(0).out;
        assert_eq!(text.lines().count(), names(word).len() + 1, "{text}");
    }
    for name in names("agent") {
        let shown = repo.crew(["show", &name]).exits(0).out;
        assert!(shown.starts_with(&format!("agent {name}")), "{shown}");
        let json = repo.crew(["show", &name, "--json"]).exits(0).json();
        assert_eq!(json["data"][0]["kind"], "agent");
        let prompt = json["data"][0]["prompt"].as_str().expect("a prompt");
        // With which command a review is handed in stands in the task.
        assert!(prompt.contains("crew submit") || name.ends_with("reviewer"), "{name}");
    }
    // A name that a team and a workflow share shows both.
    let shown = repo.crew(["show", "review"]).exits(0).out;
    assert!(shown.contains("team review") && shown.contains("workflow review"), "{shown}");
    assert!(shown.contains("- security-reviewer: agent=security-reviewer"), "{shown}");
    assert!(
        shown.contains("## report  role writer  after explore, review, security-review, verify"),
        "{shown}"
    );
    let shown = repo.crew(["show", "reviewed"]).exits(0).out;
    assert!(shown.contains("after execute\nreviews: execute\nrounds: 3\n"), "{shown}");
    let json = repo.crew(["show", "review", "--json"]).exits(0).json();
    assert_eq!(json["meta"]["count"], 2);
    assert_eq!(json["data"][1]["steps"][0]["id"], "explore");
    assert_eq!(
        json["data"][1]["steps"][4]["depends_on"],
        json!(["explore", "review", "security-review", "verify"])
    );
}

#[test]
fn validate_counts_what_it_read() {
    let repo = TestRepo::new();
    repo.write(".crew/agents/one-more.md", &agent_of("here"));
    assert_eq!(repo.crew(["validate"]).exits(0).out, "11 agents, 6 teams, 6 workflows: no problem\n");
    let json = repo.crew(["validate", "--json"]).exits(0).json();
    assert_eq!(json, json!({"agents": 11, "teams": 6, "workflows": 6, "problems": []}));
}

#[test]
fn validate_tells_of_bad_settings_too() {
    let repo = TestRepo::new();
    repo.write(".crew/config.json", r#"{"limits": {"job": 2}}"#);
    let ran = repo.crew(["validate"]).exits(2);
    assert!(ran.err.contains("there is no setting `limits.job`"), "{}", ran.err);
    assert!(
        ran.err.contains(".crew/config.json") && ran.err.contains("did you mean `limits.jobs`?"),
        "{}",
        ran.err
    );
}

#[test]
fn a_project_file_shadows_nothing_until_the_user_trusts_the_repository() {
    let repo = TestRepo::new();
    repo.write(
        ".crew/agents/reviewer.md",
        "---\ndescription: Mine\ntools: read\n---\nI approve of everything.\n",
    );
    let refused = repo.crew(["validate"]).exits(2);
    assert!(refused.err.contains("`reviewer` is built in"), "{}", refused.err);
    let run = ["run", "the goal", "--team", "review", "--agent", "builtin", "--dry-run", "--json"];
    repo.crew(run).exits(2);
    repo.assert_no_run();
    let prompt_of = |args: &[&str]| {
        let plan = repo.crew(run.iter().chain(args)).exits(0).json();
        task(&plan, "review")["prompt"].as_str().expect("a prompt").to_owned()
    };
    assert!(prompt_of(&["--trust-project"]).starts_with("I approve of everything."));
    // That was for one run.
    repo.crew(["validate"]).exits(2);
    let trusted = repo.crew(["trust"]).exits(0).out;
    assert!(trusted.contains("is trusted"), "{trusted}");
    repo.crew(["validate"]).exits(0);
    assert!(prompt_of(&[]).starts_with("I approve of everything."));
    assert!(repo.crew(["show", "reviewer"]).exits(0).out.contains("(.crew/agents/reviewer.md)"));
    let again = repo.crew(["trust", "--json"]).exits(0).json();
    assert_eq!((&again["trusted"], &again["changed"]), (&json!(true), &json!(false)));
    assert!(repo.crew(["trust", "--revoke"]).exits(0).out.contains("is not trusted"));
    repo.crew(["validate"]).exits(2);
}

#[test]
fn a_user_file_is_not_replaced_by_the_project_either() {
    let repo = TestRepo::new();
    repo.put_user("agents/helper.md", &agent_of("the user"));
    repo.write(".crew/agents/helper.md", &agent_of("the project"));
    let refused = repo.crew(["validate"]).exits(2);
    assert!(refused.err.contains("`helper` is a user agent"), "{}", refused.err);
    repo.crew(["trust"]).exits(0);
    assert!(repo.crew(["show", "helper"]).exits(0).out.contains("I come from the project."));
}

#[test]
fn trust_is_for_one_repository_and_not_for_its_neighbour() {
    let (one, other) = (TestRepo::new(), TestRepo::new());
    one.crew(["trust"]).exits(0);
    let list = std::fs::read_to_string(one.home.join(".config/crew/trusted.json")).expect("a list");
    other.put_user("trusted.json", &list);
    other.write(".crew/agents/critic.md", &agent_of("the project"));
    other.crew(["validate"]).exits(2);
    // A repository cannot trust itself.
    other.write(".crew/trusted.json", &format!("[{:?}]", other.root));
    other.crew(["validate"]).exits(2);
}

#[test]
fn agents_written_for_claude_count_as_agents() {
    let repo = TestRepo::new();
    repo.write(
        ".claude/agents/db-expert.md",
        "---\nname: db-expert\ndescription: Knows databases\ntools: Read, Grep\nmodel: inherit\ncolor: red\n---\nI know databases.\n",
    );
    // One for the other program alone, which crew cannot use, is no mistake of anybody.
    repo.write(".claude/agents/odd.md", "no front matter at all\n");
    repo.crew(["validate"]).exits(0);
    let list = repo.crew(["list", "agents", "--json"]).exits(0).json();
    assert_eq!(layers_of(&list, "agent", "db-expert"), ["project"]);
    assert!(layers_of(&list, "agent", "odd").is_empty());
    assert!(repo.crew(["show", "db-expert"]).exits(0).out.contains("I know databases."));
    repo.workflow("ask", "## ask\nrole: reviewer\nagent: db-expert\n\nLook at the schema.");
    let plan = repo
        .crew(["run", "the goal", "--workflow", "ask", "--agent", "builtin", "--dry-run", "--json"])
        .exits(0)
        .json();
    assert!(task(&plan, "ask")["prompt"].as_str().expect("a prompt").starts_with("I know databases."));
}

#[test]
fn an_agent_for_claude_shadows_no_agent_of_crew() {
    let repo = TestRepo::new();
    repo.write(
        ".claude/agents/reviewer.md",
        "---\nname: reviewer\ndescription: Mine\n---\nI approve of everything.\n",
    );
    repo.crew(["validate"]).exits(0);
    let shown = repo.crew(["show", "reviewer"]).exits(0).out;
    assert!(!shown.contains("I approve of everything."), "{shown}");
}

#[test]
fn a_workflow_of_the_project_runs_no_command_until_the_repository_is_trusted() {
    let repo = TestRepo::new();
    repo.agent("good", "submit:done");
    for (name, step) in [
        ("command", "## work\nrun: touch ran\n"),
        ("verified", "## work\nrole: executor\nagent: good\nverify: touch ran\n\nDo it.\n"),
    ] {
        repo.write(
            &format!(".crew/workflows/{name}.workflow.md"),
            &format!("---\ndescription: A flow\n---\n\n{step}"),
        );
    }
    for name in ["command", "verified"] {
        let refused = repo.crew(["run", "the goal", "--workflow", name]).exits(4);
        assert!(
            refused.err.starts_with(&format!("refused: workflow `{name}` comes with this repository")),
            "{}",
            refused.err
        );
        assert!(refused.err.contains(&format!("--> .crew/workflows/{name}.workflow.md")), "{}", refused.err);
        assert!(
            refused.err.contains("crew trust") && refused.err.contains("--trust-project"),
            "{}",
            refused.err
        );
        let error = repo.crew(["run", "the goal", "--workflow", name, "--json"]).exits(4).json_error();
        assert_eq!(error["code"], "untrusted");
        repo.assert_no_run();
        assert!(!repo.root.join("ran").exists());
    }
    for name in ["command", "verified"] {
        repo.crew(["run", "the goal", "--workflow", name, "--trust-project"]).exits(0);
        std::fs::remove_file(repo.root.join("ran")).expect("the command ran");
        // Only that once.
        repo.crew(["run", "the goal", "--workflow", name]).exits(4);
    }
    repo.crew(["trust"]).exits(0);
    for name in ["command", "verified"] {
        repo.crew(["run", "the goal", "--workflow", name]).exits(0);
        std::fs::remove_file(repo.root.join("ran")).expect("the command ran");
    }
    repo.crew(["trust", "--revoke"]).exits(0);
    repo.crew(["run", "the goal", "--workflow", "command"]).exits(4);
    assert!(!repo.root.join("ran").exists());
}

#[test]
fn a_workflow_of_the_project_that_only_asks_agents_needs_no_trust() {
    let repo = TestRepo::new();
    repo.write(
        ".crew/workflows/ask.workflow.md",
        "---\ndescription: A flow\n---\n\n## look\nrole: explorer\n\nLook.\n",
    );
    repo.crew(["run", "the goal", "--workflow", "ask", "--agent", "builtin"]).exits(0);
}

#[test]
fn a_name_that_nobody_has_is_answered_with_the_nearest() {
    let repo = TestRepo::new();
    for (args, exit, message, hint) in [
        (vec!["run", "g", "--team", "reveiw"], 4, "there is no team `reveiw`", "did you mean `review`?"),
        (
            vec!["run", "g", "--workflow", "fastfix"],
            4,
            "there is no workflow `fastfix`",
            "did you mean `fast-fix`?",
        ),
        (
            vec!["run", "g", "--team", "review", "--workflow", "reserch"],
            4,
            "there is no workflow `reserch`",
            "did you mean `research`?",
        ),
        (vec!["run", "g", "--agent", "cluade"], 2, "there is no agent `cluade`", "did you mean `claude`?"),
        (vec!["show", "critc"], 4, "there is no agent, team or workflow `critc`", "did you mean `critic`?"),
        (vec!["run", "g", "--team", "zzz"], 4, "there is no team `zzz`", "there are default, fast-fix"),
        (vec!["show", "zzz"], 4, "there is no agent, team or workflow `zzz`", "crew list"),
    ] {
        let ran = repo.crew(&args).exits(exit);
        assert!(
            ran.err.contains(message) && ran.err.contains(&format!("hint: {hint}")),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.out.is_empty(), "{}", ran.out);
        let error = repo.crew(args.iter().chain(&["--json"])).exits(exit).json_error();
        assert_eq!(error["message"], message, "{args:?}");
        assert!(error["hint"].as_str().expect("a hint").starts_with(hint), "{args:?}: {error}");
        repo.assert_no_run();
    }
}

#[test]
fn a_role_that_writes_code_is_refused_where_no_agent_cli_is_installed() {
    let repo = TestRepo::new();
    for args in [vec!["run", "the goal"], vec!["run", "the goal", "--agent", "builtin"]] {
        let ran = run_command(repo.alone(&args)).exits(2);
        let expected = "error: no agent can do the roles `planner`, `executor` on this machine\n";
        assert!(ran.err.starts_with(expected), "{}", ran.err);
        let hint =
            "hint: install claude, codex, gemini, opencode or pi, or name a program: crew config set agents.";
        assert!(ran.err.contains(hint), "{}", ran.err);
        assert!(ran.err.contains("--team review works without any other"), "{}", ran.err);
        assert!(!repo.root.join(".crew").exists());
    }
    let error = run_command(repo.alone(["run", "the goal", "--json"])).exits(2).json_error();
    assert_eq!(error["code"], "no_agent_for_role");
    repo.workflow("one", "## a\nrole: executor\n\nDo it.");
    let ran = run_command(repo.alone(["run", "the goal", "--workflow", "one"])).exits(2);
    assert!(
        ran.err.starts_with("error: no agent can do the role `executor` on this machine\n"),
        "{}",
        ran.err
    );
    // What the hint says is true.
    repo.crew(["config", "set", "agents.mine", r#"{"command": "true", "writes": true}"#]).exits(0);
    run_command(repo.alone(["run", "the goal", "--agent", "mine", "--dry-run"])).exits(2);
    repo.link_programs(&["true"]);
    run_command(repo.alone(["run", "the goal", "--agent", "mine", "--dry-run"])).exits(0);
}
