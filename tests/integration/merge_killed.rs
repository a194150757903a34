//! What a merge leaves that is killed while it verifies: it is known for crew's own, and goes with the next merge or when
//! somebody tidies up.

use crate::merging::{is_clean, repo, state, three};
use crate::support::{Running, TestRepo, processes_with, wait_until};
use serde_json::Value;

/// Starts a merge whose verification hangs, and waits until it does. What it starts leaves its group.
fn hanging(repo: &TestRepo) -> Running {
    let there = repo.beside("there");
    let _ = std::fs::remove_file(&there);
    let hangs = format!("merge.verify=[\"setsid sleep 300 & touch {}; sleep 300\"]", there.display());
    let running = repo.start(["merge", "last", "--set", &hangs]);
    wait_until("the command runs", || there.exists());
    running
}

/// Kills a merge while it verifies; its commands live on.
fn killed(repo: &TestRepo) {
    hanging(repo).kill();
    assert!(!processes_with(&repo.root).is_empty());
    assert!(repo.git(&["worktree", "list"]).contains(".merge"));
}

fn row(repo: &TestRepo) -> Option<Value> {
    let listed = repo.crew(["worktree", "--json"]).exits(0).json();
    listed["data"].as_array().expect("rows").iter().find(|row| row["merge"] == true).cloned()
}

#[test]
fn the_next_merge_ends_and_takes_away_what_a_killed_one_left() {
    let repo = repo();
    three(&repo);
    killed(&repo);
    let ran = repo.crew(["merge", "last", "--no-verify"]).exits(0);
    assert!(ran.err.contains("what a merge that was killed had left"), "{}", ran.err);
    assert!(repo.root.join("b").exists());
    is_clean(&repo);
}

#[test]
fn prune_takes_away_what_a_killed_merge_left() {
    let repo = repo();
    three(&repo);
    let before = state(&repo);
    killed(&repo);
    let row = row(&repo).expect("it is listed");
    assert_eq!((&row["at_work"], &row["prunable"]), (&Value::from(false), &Value::from(true)));
    let said = repo.crew(["worktree"]).exits(0).out;
    assert!(
        said.contains("left by a merge that was killed") && !said.contains("no run here knows"),
        "{said}"
    );
    assert!(!repo.crew(["status", "last"]).exits(0).out.contains("at work"));
    assert!(repo.crew(["worktree", "prune", "--dry-run"]).exits(0).err.contains("remove "));
    assert!(repo.git(&["worktree", "list"]).contains(".merge"));
    let ran = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(ran.out.contains("removed what a merge that was killed had left"), "{}", ran.out);
    assert_eq!(state(&repo), before);
    is_clean(&repo);
    // The branch alone, too.
    let branch = format!(
        "crew/{}/+merge",
        repo.crew(["status", "last", "--json"]).json()["id"].as_str().expect("an id")
    );
    repo.git(&["branch", &branch]);
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    is_clean(&repo);
    repo.crew(["merge", "last"]).exits(0);
}

#[test]
fn a_merge_at_work_is_known_for_what_it_is_and_left_alone() {
    let repo = repo();
    three(&repo);
    let running = hanging(&repo);
    let said = repo.crew(["worktree"]).exits(0).out;
    assert!(said.contains("crew's own: a merge is at work") && !said.contains("no run here knows"), "{said}");
    let said = repo.crew(["worktree", "prune", "--yes"]).exits(0).err;
    assert!(
        said.contains("a merge is at work") && repo.git(&["worktree", "list"]).contains(".merge"),
        "{said}"
    );
    let refused = repo.crew(["merge", "last"]).exits(4).err;
    assert!(refused.contains("at work on run") && refused.contains("merge into main"), "{refused}");
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(status.contains("at work  merge into main, for "), "{status}");
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(status["at_work"]["doing"], "merge into main");
    assert_eq!(status["at_work"]["pid"], running.pid());
    running.signal(libc::SIGTERM);
    running.ends();
    is_clean(&repo);
    assert!(row(&repo).is_none());
    assert!(repo.crew(["status", "last", "--json"]).exits(0).json()["at_work"].is_null());
}
