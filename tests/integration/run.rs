//! `crew run` on its good path.

use crate::support::{TestRepo, run_command, task};

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

#[test]
fn the_review_team_leaves_a_crate_without_a_lock_file_as_it_was() {
    let repo = TestRepo::new();
    repo.write("Cargo.toml", "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
    repo.write("src/lib.rs", "//! Small.\n\n#[test]\nfn adds() {\n    assert_eq!(1 + 1, 2);\n}\n");
    repo.write(".gitignore", "target\n");
    repo.commit("a crate");
    // Like the real one, it writes the lock file that is missing, whatever it is asked to do.
    repo.program("cargo", "echo locked >Cargo.lock\necho 'test result: ok. 1 passed; 0 failed'");
    let run =
        run_command(repo.alone(["run", "review it", "--team", "review", "--agent", "builtin", "--json"]));
    let run = run.exits(0).json();
    assert_eq!(run["status"], "completed");
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}
