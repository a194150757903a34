//! Every kind of event is produced by the binary: what is declared and reached by nothing is a promise that is not kept.

use crate::support::{TestRepo, run_command};
use crew::domain::event::Event;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn every_kind_of_event_is_produced() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    everything_happens_in(&TestRepo::new(), |repo| seen.extend(repo.kinds()));
    seen.extend(crate::reviews::kinds_of_events());

    let declared: BTreeSet<String> = Event::KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    let missing: Vec<&String> = declared.difference(&seen).collect();
    assert!(missing.is_empty(), "nothing produces {missing:?}; extend this test with a run that does");
    let undeclared: Vec<&String> = seen.difference(&declared).collect();
    assert!(undeclared.is_empty(), "{undeclared:?} are not in Event::KINDS");
}

/// Lets everything happen to runs of a repository that can, but for what takes a repository of its own; each time with what was
/// done last as the newest run.
pub fn everything_happens_in(repo: &TestRepo, mut look: impl FnMut(&TestRepo)) {
    let gate = repo.gate("hang");
    repo.set("liveness", "gap_seconds", json!(1));
    repo.one_step("", &format!("wait-gone:{}", gate.display()));
    let running = repo.start_run("one");
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    crate::liveness::hold_up(repo, &running);
    repo.set("liveness", "gap_seconds", json!(20));
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    look(repo);

    let words = [
        r#"{"crew":"session","id":"s1"}"#,
        r#"{"crew":"tool","id":"t1","name":"shell","arguments":{"command":"ls"}}"#,
        r#"{"crew":"tool_end","id":"t1","ok":true}"#,
        r#"{"crew":"waiting","reason":"the provider is busy"}"#,
    ];
    let words: String = words.iter().map(|line| format!("'say:{line}' ")).collect();
    let end = r#"'say:{"crew":"end","ok":true}'"#;
    repo.one_step_in_protocol(
        "verify: test -f README.md",
        &format!("{words} progress:half submit-args:--summary\\ s submit:done {end}"),
    );
    repo.run_json("one", 0);
    look(repo);

    repo.one_step(
        "",
        r#"'submit-json:{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"a","mode":"new","contents":""}]}'"#,
    );
    repo.run_json("one", 0);
    look(repo);

    repo.workflow("fails", "## a\nrun: false\n\n## b\nrun: true\ndependsOn: a\n");
    repo.run_json("fails", 1);
    look(repo);

    repo.workflow("fast", "## a\nrun: false\n\n## b\nrun: true\n");
    repo.crew(["run", "the goal", "--workflow", "fast", "--fail-fast", "--jobs", "1"]).exits(1);
    look(repo);

    repo.link_programs(&["cat", "sed"]);
    let forgetful =
        r#"echo '{"type":"thread.started","thread_id":"t"}{"type":"turn.completed"}' | sed 's/}{/}\n{/'"#;
    repo.program("codex", &format!("cat >/dev/null\n{forgetful}"));
    repo.workflow("forgets", "## a\nrole: executor\nagent: codex\n\nDo it.");
    run_command(repo.alone(["run", "the goal", "--workflow", "forgets"])).exits(1);
    look(repo);

    repo.workflow("gated", "## a\nrun: true\ngate: before\n");
    repo.crew(["run", "the goal", "--workflow", "gated"]).exits(3);
    repo.crew(["approve", "g1", "--resume"]).exits(0);
    look(repo);

    repo.crew(["run", "the goal", "--workflow", "gated"]).exits(3);
    repo.crew(["cancel", "last"]).exits(0);
    look(repo);

    repo.agent("mute", "say:done");
    repo.workflow(
        "accepted",
        "## a\nrole: executor\nagent: mute\n\nDo it.\n\n## b\nrun: true\ndependsOn: a\n",
    );
    repo.crew(["run", "the goal", "--workflow", "accepted"]).exits(1);
    repo.crew(["accept", "a", "--resume"]).exits(0);
    look(repo);

    repo.one_step_in_protocol(
        "",
        r#"'say:{"crew":"usage","input_tokens":90}' submit:done 'say:{"crew":"end","ok":true}'"#,
    );
    repo.crew(["run", "the goal", "--workflow", "one", "--max-tokens", "100"]).exits(0);
    look(repo);

    repo.workflow("dear", "## a\nrun: true\n\n## b\nrun: true\n");
    repo.crew(["run", "the goal", "--workflow", "dear", "--set", "budget.attempts=1"]).exits(1);
    repo.crew(["resume", "last", "--set", "budget.attempts=2"]).exits(0);
    look(repo);

    repo.commit("what the others left");
    repo.program(
        "changes",
        "echo $$ >README.md; crew submit result --summary s --confidence 1 --rationale r",
    );
    let changes = repo.programs().join("changes");
    repo.set("agents", "changes", json!({"command": changes, "prompt": "stdin", "writes": true}));
    let step = |id| format!("## {id}\nrole: executor\nagent: changes\n\nDo it.\n\n");
    repo.workflow("apart", &(step("a") + &step("b")));
    repo.crew(["run", "the goal", "--workflow", "apart", "--worktree"]).exits(0);
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    repo.crew(["merge", "last", "a"]).exits(0);
    // The other one is at odds with it: an agent resolves that, first in vain and then well.
    let gives_up = "echo nothing; crew submit noop --reason r";
    for (script, exit) in [(gives_up, 4), ("echo both >README.md; echo done", 0)] {
        repo.program("fixes", script);
        let fixes = repo.programs().join("fixes");
        repo.set("agents", "fixes", json!({"command": fixes, "prompt": "stdin", "writes": true}));
        repo.crew(["merge", "last", "b", "--resolve", "fixes"]).exits(exit);
    }
    repo.crew(["worktree", "remove", "last", "a"]).exits(0);
    look(repo);

    repo.workflow("branches", "## a\nrun: git commit -q --allow-empty -m x && git branch own\n");
    repo.crew(["run", "the goal", "--workflow", "branches", "--worktree"]).exits(0);
    look(repo);

    // Somebody moves the branch between the merge and its landing.
    let moved = repo.beside("moved").display().to_string();
    let moves = format!(
        "test -e {moved} || {{ touch {moved}; git -C $CREW_REPOSITORY commit -q --allow-empty -m x; }}"
    );
    repo.workflow("lands", "## a\nrun: date >made\nworktree: true\n");
    let path = repo.home.join(".config/crew/workflows/lands.workflow.md");
    let text = std::fs::read_to_string(&path).expect("a workflow");
    std::fs::write(path, text.replacen("---\n", "---\nonSuccess: merge\n", 1)).expect("a workflow");
    let sets = [
        "gates.risky_actions=deploy".to_owned(),
        "gates.allowed_actions=merge".to_owned(),
        format!("merge.verify={}", json!([moves])),
    ];
    let sets = sets.iter().flat_map(|set| ["--set", set.as_str()]);
    repo.crew(["run", "the goal", "--workflow", "lands"].into_iter().chain(sets)).exits(0);
    look(repo);

    crate::taken_up::an_agent_that_still_works_is_adopted_in(repo);
    look(repo);

    // More than three tasks that are given up within an hour are too many.
    let said = r#"'say:{"crew":"error","kind":"rate_limited","message":"slow down"}' exit:1"#;
    repo.agent_with("limited", said, json!({"prompt": "argument", "output": "crew"}));
    let step = |id| format!("## {id}\nrole: explorer\nagent: limited\n\nLook.\n\n");
    repo.workflow("limited", &["a", "b", "c", "d"].map(step).concat());
    repo.crew(["run", "g", "--workflow", "limited", "--set", "retry.max_attempts=1"]).exits(1);
    repo.crew(["deadletter", "drop", "a", "--reason", "seen"]).exits(0);
    look(repo);

    crate::review_decisions::a_review(repo, "v1", &[("claude", &[("aa11", "error")])], &[]);
    repo.crew(["review", "resolve", "last", "aa11", "--why", "done"]).exits(0);
    repo.crew(["review", "reopen", "last", "aa11", "--why", "not quite"]).exits(0);
    look(repo);
    crate::review_rounds::a_round_in(repo);
    look(repo);

    let (file, there) = (repo.beside("run.tar.gz"), TestRepo::new());
    let file = file.to_str().expect("UTF-8");
    repo.crew(["export", "last", "--history", "-o", file]).exits(0);
    there.crew(["import", file]).exits(0);
    look(&there);
}
