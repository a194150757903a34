//! Twenty agents that write at once in a large repository, and their work brought back together.

use crate::support::large::Large;
use crate::support::{TestRepo, task};
use std::time::Duration;

const WRITERS: usize = 20;
/// Between two looks at the user's folder.
const LOOK: Duration = Duration::from_millis(100);

/// What git says of the user's folder. It writes nothing meanwhile.
fn status(repo: &TestRepo) -> String {
    repo.git(&["--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=all"])
}

#[track_caller]
fn is_sound(repo: &TestRepo) {
    assert_eq!(repo.git(&["fsck", "--strict", "--no-dangling", "--no-progress"]), "");
}

/// Lets all write at once, brings their work back, and takes their folders away.
fn write_merge_and_prune(files: usize) {
    let large = Large::new(files, WRITERS);
    let repo = &large.repo;
    large.workflow();
    let before = status(repo);
    let answer = repo.beside("answer.json");
    let mut crew = repo.start_into(large.words(), &answer);
    let mut looks = 0;
    while !crew.has_ended() {
        assert_eq!(status(repo), before, "look {looks}");
        looks += 1;
        std::thread::sleep(LOOK);
    }
    assert!(looks > 0);
    crew.ends().exits(0);
    let run = std::fs::read_to_string(&answer).expect("an answer");
    let run = serde_json::from_str(&run).expect("JSON");
    for at in 0..WRITERS {
        assert_eq!(task(&run, &format!("w{at}"))["state"], "completed");
    }
    assert_eq!(status(repo), before);
    is_sound(repo);

    // The branch moves, and what is not committed in the folder is as it was.
    repo.write("mine", "not committed\n");
    repo.write("README.md", "changed and not committed\n");
    let before = status(repo);
    let merged = repo.crew(["merge", "last", "--json"]).exits(0).json();
    assert_eq!(merged["status"], "merged");
    let own =
        |status: &str| status.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let after = status(repo);
    assert_eq!(own(&after), own(&before));
    large.holds_all();
    is_sound(repo);

    let pruned = repo.crew(["worktree", "prune", "--yes", "--json"]).exits(0).json();
    assert_eq!(pruned["meta"]["removed"].as_array().expect("a list").len(), WRITERS, "{pruned:#}");
    assert_eq!(repo.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 1);
    assert_eq!(repo.git(&["for-each-ref", "refs/heads/crew", "refs/crew"]), "");
    assert_eq!(status(repo), after);
    large.holds_all();
    is_sound(repo);
    repo.leaves_no_process();
}

#[test]
fn twenty_writers_at_once_and_all_of_it_comes_back() {
    write_merge_and_prune(2_000);
}

#[test]
#[ignore = "20,000 files in each of 21 folders take a minute"]
fn twenty_writers_at_once_in_a_repository_of_twenty_thousand_files() {
    write_merge_and_prune(20_000);
}
