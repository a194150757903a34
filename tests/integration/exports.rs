//! A run as a file: all that is told of it in each form, and that nothing is overwritten or let out.

use crate::support::{Ran, TestRepo};
use crate::worktrees::{agent, branch, run, steps};
use serde_json::{Value, json};

/// Carries out a run with work on two branches, a check that fails once, and a tool call.
pub fn made(repo: &TestRepo) -> String {
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    steps(repo, "made", &[("a", "", "echo a >>README.md; echo said it"), ("b", "a", "echo b >b")]);
    run(repo, "made", 0)["run"].as_str().expect("an id").to_owned()
}

fn export(repo: &TestRepo, more: &[&str]) -> Ran {
    repo.crew(["export", "last"].iter().chain(more))
}

pub fn account(repo: &TestRepo) -> Value {
    export(repo, &["--format", "json"]).exits(0).json()
}

#[test]
fn the_account_tells_all_of_a_run_from_its_prompt_to_its_patch() {
    let repo = TestRepo::new();
    let id = made(&repo);
    let told = account(&repo);
    assert_eq!((&told["schema_version"], &told["run"]["id"]), (&json!(1), &json!(id)));
    assert_eq!((&told["run"]["status"], &told["run"]["goal"]), (&json!("completed"), &json!("the goal")));
    assert_eq!(told["run"]["counts"], json!([["completed", 2]]));
    let (a, b) = (&told["tasks"][0], &told["tasks"][1]);
    assert_eq!((&b["depends_on"], &b["tree"]["from"]), (&json!(["a"]), &json!(["a"])));
    let attempt = &a["attempts"][0];
    assert_eq!((&attempt["state"], &attempt["ended"]), (&json!("succeeded"), &json!("exit 0")));
    assert_eq!(attempt["submission"]["result"]["summary"], "done");
    for (name, words) in [("prompt", "Do it."), ("result", "done"), ("log", "said it")] {
        let text = attempt[name]["text"].as_str().unwrap_or_else(|| panic!("{name}: {attempt:#}"));
        assert!(text.contains(words), "{name}: {text}");
    }
    assert!(a["diff"]["patch"]["text"].as_str().expect("a patch").contains("+a"), "{a:#}");
    assert_eq!((&b["diff"]["insertions"], &b["diff"]["files"][0]["path"]), (&json!(1), &json!("b")));
    assert_eq!(told["run"]["events"], repo.events().len());
}

#[test]
fn the_record_leaves_event_by_event_as_it_stands() {
    let repo = TestRepo::new();
    made(&repo);
    let lines = export(&repo, &["--format", "events"]).exits(0).out;
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(events, repo.events());
}

#[test]
fn a_file_that_is_there_is_left_alone_and_a_strange_form_is_told() {
    let repo = TestRepo::new();
    made(&repo);
    repo.write("out.json", "mine\n");
    let to_file = ["--format", "json", "-o", "out.json"];
    let refused = export(&repo, &[&to_file[..], &["--json"]].concat()).exits(4).json_error();
    assert_eq!(refused["code"], "file_exists");
    assert_eq!(std::fs::read_to_string(repo.root.join("out.json")).expect("a file"), "mine\n");
    let written = export(&repo, &[&to_file[..], &["--force", "--json"]].concat()).exits(0).json();
    assert_eq!((&written["file"], &written["format"]), (&json!("out.json"), &json!("json")));
    let text = std::fs::read_to_string(repo.root.join("out.json")).expect("a file");
    assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), account(&repo));
    assert!(export(&repo, &["--format", "json", "-o", "-"]).exits(0).out == text);
    assert!(export(&repo, &["--format", "jsn"]).exits(2).err.contains("did you mean `json`"));
    export(&repo, &["--format", "json", "-o", "no/such/folder"]).exits(2);
    // What git and crew keep is needed, and is no place for anything else.
    for kept in [".crew/crew.db", ".git/config", ".crew/runs/new.json", ".git/new"] {
        let before = std::fs::read(repo.root.join(kept)).ok();
        for form in ["json", "bundle"] {
            let refused = export(&repo, &["--format", form, "-o", kept, "--force"]).exits(2);
            assert!(
                refused.err.contains("lies among the files of git or of crew"),
                "{kept}: {}",
                refused.err
            );
        }
        assert!(std::fs::read(repo.root.join(kept)).ok() == before, "{kept}");
    }
    let none = repo.crew(["export", "zzz", "--format", "json"]).exits(4);
    assert!(none.err.contains("there is no run"), "{}", none.err);
}

#[test]
fn what_is_not_there_any_more_is_said() {
    let repo = TestRepo::new();
    made(&repo);
    let branch = branch(&repo, "b");
    let folder =
        repo.root.join(".crew/worktrees").join(branch.strip_prefix("crew/").expect("a branch of crew"));
    repo.git(&["worktree", "remove", "-f", "-f", folder.to_str().expect("UTF-8")]);
    repo.git(&["branch", "-D", &branch]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    let told = account(&repo);
    assert!(told["tasks"][1]["diff"].is_null(), "{told:#}");
    assert!(told["notes"][0].as_str().expect("a note").contains("the work of b is not"), "{told:#}");
}

/// Returns a part of an XML document by its names.
fn elements<'a>(document: &'a roxmltree::Document<'_>, name: &'static str) -> Vec<roxmltree::Node<'a, 'a>> {
    document.descendants().filter(move |node| node.has_tag_name(name)).collect()
}

#[test]
fn in_junit_a_task_that_was_repeated_is_flaky_and_one_that_failed_again_is_a_rerun() {
    let repo = TestRepo::new();
    repo.set("retry", "backoff_ms", json!(0));
    let limited = r#"'say:{"crew":"error","kind":"rate_limited","message":"slow <down> ]]>"}' exit:1"#;
    let once = limited.split(' ').map(|word| word.to_owned()).collect::<Vec<_>>().join(" ");
    repo.crew_agent("always", &once);
    let done = r#"submit:done 'say:{"crew":"end","ok":true}'"#;
    repo.crew_agent(
        "once",
        &format!(
            "'1?say:{{\"crew\":\"error\",\"kind\":\"overloaded\",\"message\":\"busy\"}}' '1?exit:1' {done}"
        ),
    );
    repo.workflow(
        "w",
        "## gives-up\nrole: explorer\nagent: always\n\nLook.\n\n## flaky\nrole: explorer\nagent: once\n\nLook.\n\n\
         ## checked\nrun: false\n\n## after\ndependsOn: checked\nrun: true\n",
    );
    repo.run_json("w", 1);
    let xml = export(&repo, &["--format", "junit"]).exits(0).out;
    let document = roxmltree::Document::parse(&xml).expect("XML");
    let suite = elements(&document, "testsuite")[0];
    let counts =
        ["tests", "failures", "errors", "skipped"].map(|name| suite.attribute(name).expect("a count"));
    assert_eq!((counts[0], counts[3]), ("4", "1"), "{xml}");
    let case = |name: &str| {
        let all = elements(&document, "testcase");
        *all.iter().find(|case| case.attribute("name") == Some(name)).expect("a case")
    };
    let names = |name: &str| -> Vec<String> {
        let children = case(name).children().filter(|child| child.is_element());
        children.map(|child| child.tag_name().name().to_owned()).collect()
    };
    assert_eq!(names("gives-up"), ["error", "rerunError", "rerunError", "system-out"]);
    assert_eq!(names("flaky"), ["flakyError", "system-out"]);
    assert!(names("checked")[0] == "failure" || names("checked")[0] == "error", "{xml}");
    assert_eq!(names("after")[0], "skipped");
    assert!(
        case("gives-up")
            .first_element_child()
            .expect("an error")
            .attribute("message")
            .expect("words")
            .contains("slow")
    );
}

#[test]
fn in_junit_a_run_that_is_not_completed_is_an_error_although_nothing_has_failed() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: true\n\n## b\ndependsOn: a\nrun: true\ngate: before\n");
    repo.run_json("w", 3);
    let counts = |status: &str| {
        let xml = export(&repo, &["--format", "junit"]).exits(0).out;
        let document = roxmltree::Document::parse(&xml).expect("XML");
        let suite = elements(&document, "testsuite")[0];
        assert!(xml.contains(&format!("the run is not completed: {status}")), "{xml}");
        ["tests", "failures", "errors"].map(|name| suite.attribute(name).expect("a count").to_owned())
    };
    assert_eq!(counts("awaiting input"), ["3", "0", "1"]);
    repo.crew(["cancel", "last"]).exits(0);
    assert_eq!(counts("cancelled"), ["3", "0", "1"]);
}

#[test]
fn the_other_forms_tell_the_same_for_people_and_for_spreadsheets() {
    let repo = TestRepo::new();
    made(&repo);
    let markdown = export(&repo, &["--format", "markdown"]).exits(0).out;
    for words in ["## crew run", "completed", "### a: completed", "| b |", "README.md", "the goal"] {
        assert!(markdown.contains(words), "{words}: {markdown}");
    }
    let csv = export(&repo, &["--format", "csv"]).exits(0).out;
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(rows[0].starts_with("run,task,role,attempt,agent"), "{csv}");
    assert!(rows[1].contains(",a,executor,1,does-a,") && rows[1].ends_with("done"), "{csv}");
    export(&repo, &["--format", "csv", "--no-branches"]).exits(2);
}

#[test]
fn markdown_fits_into_a_pull_request_whatever_was_asked() {
    let repo = TestRepo::new();
    let words = "why | `so` <b>bold</b>\n\n# no head\n@everyone ![x](http://example.com/x) ".repeat(40);
    let asked = json!({"question": words.trim(), "options": ["left", "right"]});
    let question = repo.beside("question");
    std::fs::write(&question, asked.to_string()).expect("a file");
    agent(&repo, "asks", &format!("crew submit question --json {}", question.display()));
    let step = |at: usize| format!("## t{at}\nrole: explorer\nagent: asks\n\nLook.\n\n");
    repo.workflow("asks", &(0..40).map(step).collect::<String>());
    repo.crew(["run", "the goal", "--workflow", "asks", "--json"]).exits(3);
    let markdown = export(&repo, &["--format", "markdown"]).exits(0).out;
    assert!(markdown.chars().count() < 65_536, "{}", markdown.chars().count());
    for raw in ["<b>", "\n# no head", "![x]", "http://example.com"] {
        assert!(!markdown.contains(raw), "{raw}: {markdown}");
    }
    let rows: Vec<&str> =
        markdown.lines().filter(|line| line.starts_with("| t") && !line.starts_with("| task")).collect();
    assert_eq!(rows.len(), 40, "{markdown}");
    assert!(rows.iter().all(|row| row.replace("\\|", "").matches('|').count() == 7), "{rows:?}");
    assert!(markdown.contains("gates are not listed here") || markdown.matches("- gate g").count() == 40);
}
