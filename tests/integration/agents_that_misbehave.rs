//! Agents that lie, hang, flood, crash, and leave processes behind.

use crate::support::{TestRepo, processes_with, task, wait_until};

#[test]
fn an_agent_that_says_it_is_done_and_hands_in_nothing_needs_review() {
    let repo = TestRepo::new();
    repo.agent("liar", "'say:All tests pass, everything is done'");
    repo.workflow("one", "## work\nrole: executor\nagent: liar\n\nDo it.");
    let run = repo.run_json("one", 1);
    assert_eq!(task(&run, "work")["state"], "needs_review");
    assert_eq!(task(&run, "work")["reason"], "it ended without a submission");
}

#[test]
fn an_agent_that_hands_in_is_completed() {
    let repo = TestRepo::new();
    repo.agent("good", "say:working submit:finished");
    repo.workflow("one", "## work\nrole: executor\nagent: good\n\nDo it.");
    let run = repo.run_json("one", 0);
    assert_eq!(task(&run, "work")["summary"], "finished");
    assert!(repo.log("work", 1).contains("submit: exit 0"));
}

#[test]
fn a_grandchild_that_ignores_term_is_gone_when_the_run_ends() {
    let repo = TestRepo::new();
    repo.agent("parent", "grandchild submit:done");
    repo.workflow("one", "## work\nrole: executor\nagent: parent\n\nDo it.");
    repo.run_json("one", 0);
    let folder = repo.root.clone();
    wait_until("no process is left", || processes_with(&folder).is_empty());
}
