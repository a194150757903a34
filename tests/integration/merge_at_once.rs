//! Several merges into one branch at once: each comes through, one after the other.

use crate::merging::{is_clean, repo, three};
use crate::support::{Running, TestRepo, wait_until};
use crate::worktrees::{SUBMIT, agent, run, steps};
use std::fs::File;

/// Carries out a run of one task that adds a file, and returns its id.
fn adds(repo: &TestRepo, file: &str) -> String {
    steps(repo, file, &[(file, "", &format!("echo {file} >{file}"))]);
    run(repo, file, 0)["run"].as_str().expect("an id").to_owned()
}

#[test]
fn four_merges_at_once_all_come_through() {
    // With nothing to verify they meet where the branch moves; else they meet after that took its time.
    for verify in ["merge.verify=[]", "merge.verify=[\"sleep 0.5\"]"] {
        let repo = repo();
        let ids: Vec<String> = ["one", "two", "three", "four"].map(|file| adds(&repo, file)).to_vec();
        let started: Vec<Running> = ids.iter().map(|id| repo.start(["merge", id, "--set", verify])).collect();
        for running in started {
            running.ends().exits(0);
        }
        for file in ["one", "two", "three", "four"] {
            assert!(repo.root.join(file).exists(), "{file}");
        }
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(repo.git(&["rev-list", "--count", "--merges", "main"]).trim(), "4");
        is_clean(&repo);
    }
}

#[test]
fn runs_that_merge_at_their_end_do_not_hold_each_other_up() {
    let repo = repo();
    let names = ["one", "two", "three"];
    for name in names {
        agent(&repo, &format!("does-{name}"), &format!("echo {name} >{name}\n{SUBMIT}"));
        repo.workflow(name, "");
        let text = format!(
            "---\nname: {name}\ndescription: A test\nonSuccess: merge\n---\n\n## {name}\nrole: executor\n\
             agent: does-{name}\nworktree: true\n\nDo it.\n"
        );
        let path = repo.home.join(format!(".config/crew/workflows/{name}.workflow.md"));
        std::fs::write(path, text).expect("a workflow");
    }
    let set = ["gates.risky_actions=deploy", "gates.allowed_actions=merge", "merge.verify=[\"sleep 1\"]"];
    let started: Vec<Running> = names
        .iter()
        .map(|name| {
            let args =
                ["run", "the goal", "--workflow", name, "--set", set[0], "--set", set[1], "--set", set[2]];
            repo.start(args)
        })
        .collect();
    for running in started {
        running.ends().exits(0);
    }
    assert!(names.iter().all(|name| repo.root.join(name).exists()));
    is_clean(&repo);
}

#[test]
fn who_waits_for_another_merge_says_so() {
    let repo = repo();
    three(&repo);
    let held = File::open(repo.root.join(".git")).expect("git's folder");
    held.lock().expect("the lock of merges");
    let said = repo.beside("said");
    let mut command = repo.command(["merge", "last"]);
    command.stderr(File::create(&said).expect("a file")).stdout(std::process::Stdio::null());
    let running = Running::of(command.spawn().expect("crew starts"));
    wait_until("it says that it waits", || {
        std::fs::read_to_string(&said).expect("what it said").contains("waiting for it")
    });
    held.unlock().expect("the lock of merges");
    running.ends().exits(0);
    assert!(repo.root.join("b").exists());
    is_clean(&repo);
}
