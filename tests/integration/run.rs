//! `crew run` on its good path.

use crate::support::{TestRepo, task};

#[test]
fn the_built_in_team_reviews_a_repository_without_any_agent_cli() {
    let repo = TestRepo::new();
    repo.write("Makefile", "test:\n\t@echo checked\n");
    repo.write("src/main.py", "def f():\n    breakpoint()\n");
    repo.commit("code");
    let ran = repo.crew(["run", "look at it", "--team", "review"]).exits(0);
    assert!(ran.err.contains("no agent CLI is installed here"), "{}", ran.err);
    assert!(ran.out.contains("src/main.py:2"), "{}", ran.out);
    assert!(ran.out.contains("`make test`"), "{}", ran.out);
    assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=all"]), "");
}

#[test]
fn failing_tests_fail_the_run() {
    let repo = TestRepo::new();
    repo.write("Makefile", "test:\n\tfalse\n");
    repo.commit("code");
    let run = repo.crew(["run", "look at it", "--team", "review", "--json"]).exits(1).json();
    assert_eq!(task(&run, "verify")["state"], "failed");
    assert_eq!(task(&run, "verify")["error_kind"], "verify_failed");
    assert_eq!(task(&run, "report")["state"], "completed");
}
