//! What agents do in submodules: it lies in another repository, or in none, and is brought back or said to be somewhere.

use crate::custody::{assert_review, assert_sound, deeds, of_the_user, repo, run};
use crate::support::{TestRepo, of_kind, task};
use serde_json::{Value, json};

/// A repository with the submodule `lib`, which is not checked out in work trees.
fn with_library() -> TestRepo {
    let repo = repo();
    // Git clones from a folder only where that is allowed.
    std::fs::write(repo.home.join(".gitconfig"), "[protocol \"file\"]\n\tallow = always\n").expect("a file");
    let library = repo.beside("library");
    let at = library.to_str().expect("a path");
    repo.git(&["init", "-q", "-b", "main", at]);
    std::fs::write(library.join("l"), "one\n").expect("a file");
    repo.git(&["-C", at, "add", "-A"]);
    repo.git(&["-C", at, "commit", "-q", "-m", "library"]);
    repo.git(&["submodule", "--quiet", "add", at, "lib"]);
    repo.commit("with a submodule");
    repo
}

fn row(repo: &TestRepo, id: &str) -> Value {
    let listed = repo.crew(["worktree", "--json"]).exits(0).json();
    let rows = listed["data"].as_array().expect("a list");
    rows.iter().find(|row| row["task"] == id).unwrap_or_else(|| panic!("{listed:#}")).clone()
}

#[test]
fn what_lies_in_a_submodules_folder_is_on_no_branch_and_kept_all_the_same() {
    let repo = with_library();
    let inside = "git submodule --quiet update --init; echo changed >lib/l";
    deeds(
        &repo,
        &[
            ("below", "", "mkdir -p lib/deep; echo w >lib/deep/file; echo i >lib/ignored"),
            ("inside", "", inside),
            ("nothing", "", "echo n >n; echo i >lib/ignored"),
        ],
    );
    let before = of_the_user(&repo);
    let run = run(&repo, 1);
    let why = "what it left in the submodule lib is on no branch: crew restore brings it back";
    for id in ["below", "inside"] {
        assert_review(&run, id, why);
        assert_ne!(row(&repo, id)["work"], "empty");
    }
    assert_eq!(task(&run, "nothing")["state"], "completed");
    assert_eq!(row(&repo, "below")["uncommitted"], json!(1));
    let id = run["run"].as_str().expect("an id");
    let kept = |id: &str| {
        let events = repo.events();
        let of_task = of_kind(&events, "work_kept").into_iter().find(|event| event["task"] == id).cloned();
        of_task.expect("it is kept")
    };
    let reference = format!("refs/crew/keep/{id}/below/1");
    assert_eq!(kept("below")["set_aside"], json!([reference]));
    assert_eq!(kept("below")["astray"], json!(["lib"]));
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", &reference]), "deep/file\n");
    assert_eq!(repo.git(&["show", &format!("refs/crew/keep/{id}/inside/1:l")]), "changed\n");
    let events = repo.crew(["events", "last"]).exits(0).out;
    assert!(events.contains(&format!("on no branch: {reference}")), "{events}");
    let diff = repo.crew(["diff", "last", "below"]).exits(0);
    assert!(diff.err.contains("in no commit of its submodule: lib/deep/file"), "{}", diff.err);

    let folder = repo.root.join(task(&run, "below")["worktree"]["path"].as_str().expect("a path"));
    let pruned = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(pruned.err.contains("below  1 file not committed"), "{}", pruned.err);
    assert!(folder.join("lib/deep/file").exists());
    std::fs::write(folder.join("lib/late"), "late\n").expect("a file");
    repo.crew(["worktree", "remove", "last", "below"]).exits(0);
    assert!(!folder.exists());
    let out = repo.beside("out");
    repo.crew(["restore", &format!("{id}/below"), "--to", out.to_str().expect("a path")]).exits(0);
    assert_eq!(std::fs::read_to_string(out.join("deep/file")).expect("it is back"), "w\n");
    assert_eq!(std::fs::read_to_string(out.join("late")).expect("it is back"), "late\n");
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}
