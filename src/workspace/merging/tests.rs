//! Tests of bringing work back: what is composed, what is in the way, and what a crash leaves.

use super::compose::{Composed, Manner, Outcome, Work, compose, stats};
use super::freshness::{self, State};
use super::landing::{Move, check, land};
use super::put_right::put_right;
use super::scratch::Scratch;
use super::*;
use crate::domain::conflict::ConflictKind;
use crate::domain::merging::How;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};

struct Place {
    _all: tempfile::TempDir,
    tree: PathBuf,
}

impl Place {
    /// A repository on `main` with `kept`, `lines`, `gone`, `run` (which can be started) and `dir/a`.
    fn new() -> Place {
        Place::with(&[])
    }

    fn with(options: &[&str]) -> Place {
        let all = tempfile::tempdir().unwrap();
        let place = Place { tree: all.path().canonicalize().unwrap().join("tree"), _all: all };
        std::fs::create_dir(&place.tree).unwrap();
        place.git(&[&["init", "-q", "-b", "main"], options].concat());
        place.git(&["config", "user.name", "Person"]);
        place.git(&["config", "user.email", "person@example.com"]);
        for (path, content) in [
            ("kept", "before\n"),
            ("lines", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
            ("gone", "x\n"),
            ("run", "#!\n"),
            ("dir/a", "a\n"),
            (".gitignore", "*.ign\n"),
        ] {
            place.write(path, content);
        }
        place.permit("run", 0o755);
        place.commit("begin");
        place
    }

    fn git(&self, args: &[&str]) -> String {
        Git::at(&self.tree).text(args).unwrap()
    }

    fn repository(&self) -> Repository {
        Repository::of(&self.tree).unwrap()
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.tree.join(path)).unwrap()
    }

    fn permit(&self, path: &str, mode: u32) {
        std::fs::set_permissions(self.tree.join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A", "-f"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Makes a branch of one commit, and comes back to main. An empty content takes the file away.
    fn branch(&self, name: &str, from: &str, files: &[(&str, &str)]) -> String {
        self.git(&["checkout", "-q", "-b", name, from]);
        self.fill(files);
        let tip = self.commit(&format!("work of {name}"));
        self.git(&["checkout", "-q", "main"]);
        tip
    }

    fn fill(&self, files: &[(&str, &str)]) {
        for (path, content) in files {
            match content.is_empty() {
                true => std::fs::remove_file(self.tree.join(path)).unwrap(),
                false => self.write(path, content),
            }
        }
    }

    fn tip(&self, branch: &str) -> String {
        self.git(&["rev-parse", branch])
    }

    fn work(&self, name: &str, base: &str, builds_on: &[usize]) -> Work {
        let message = format!("Merge task {name}\n\nCrew-Task: {name}\n");
        let (name, tip, base) = (name.to_owned(), self.tip(name), self.tip(base));
        Work { name, base, tip, builds_on: builds_on.to_vec(), message }
    }

    fn compose(&self, works: &[Work], how: How) -> Composed {
        compose(&self.repository(), &self.tip("main"), works, Manner { how, signed: false }).unwrap()
    }

    /// What git and the folder say of the checkout.
    fn state(&self) -> (String, String, String) {
        let status =
            ["status", "--porcelain=v1", "--untracked-files=all", "--ignored=matching", "--no-renames"];
        (self.tip("main"), self.git(&status), self.git(&["ls-files", "--stage"]))
    }

    /// Nothing of ours is left behind in git's folder.
    #[track_caller]
    fn is_clean(&self) {
        for name in
            ["crew-merge", "index.lock", "HEAD.lock", "refs/heads/main.lock", "reftable/tables.list.lock"]
        {
            assert!(!self.tree.join(".git").join(name).exists(), "{name}");
        }
        self.git(&["fsck", "--no-dangling"]);
    }

    fn move_to(&self, to: &str) -> Move {
        Move { run: "7k2aaaaaaaaa".into(), branch: "main".into(), from: self.tip("main"), to: to.to_owned() }
    }

    fn land(&self, to: &str) -> Result<(), MergeError> {
        land(&self.repository(), &self.move_to(to), &mut |_| {}).map(drop)
    }

    /// Lands what has to be refused, and returns why, after a look that nothing has changed.
    #[track_caller]
    fn refusal(&self, to: &str) -> String {
        let before = self.state();
        let planned = check(&self.repository(), &self.move_to(to)).expect_err("it is refused").to_string();
        let why = self.land(to).expect_err("it is refused").to_string();
        assert_eq!(planned, why);
        assert_eq!(self.state(), before, "{why}");
        self.is_clean();
        why
    }
}

/// Every kind of change.
const CHANGES: &[(&str, &str)] =
    &[("kept", "after\n"), ("gone", ""), ("made/deep/new", "new\n"), ("dir/a", ""), ("dir/a/b", "b\n")];

fn is_in(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::In { .. })
}

#[test]
fn each_task_gets_a_merge_commit_and_what_it_builds_on_is_merged_once() {
    let place = Place::new();
    place.branch("a", "main", &[("a", "a\n")]);
    place.branch("b", "a", &[("b", "b\n")]);
    place.branch("c", "main", &[("c", "c\n")]);
    let works = [place.work("a", "main", &[]), place.work("b", "a", &[0]), place.work("c", "main", &[])];
    let composed = place.compose(&works, How::Merge);
    assert!(composed.outcomes.iter().all(is_in), "{:?}", composed.outcomes);
    let log = place.git(&[
        "log",
        "--first-parent",
        "--format=%s|%(trailers:key=Crew-Task,valueonly,separator=)",
        &composed.head,
    ]);
    assert_eq!(log, "Merge task c|c\nMerge task b|b\nMerge task a|a\nbegin|");
    assert_eq!(place.git(&["log", "--format=%s", "--no-merges", &composed.head]).lines().count(), 4);
    // Once more there is nothing to do.
    place.git(&["update-ref", "refs/heads/main", &composed.head]);
    let again = place.compose(&works, How::Merge);
    assert_eq!((again.outcomes, again.head), (vec![Outcome::Nothing; 3], composed.head));
}

#[test]
fn a_task_that_joined_two_others_is_merged_after_them_without_a_conflict() {
    let place = Place::new();
    place.branch("a", "main", &[("lines", "A\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("b", "main", &[("lines", "1\n2\n3\n4\n5\n6\n7\n8\nB\n")]);
    // Other messages: merges that are the same to the byte and the second would be the same commits.
    let before = |name: &str| Work { message: format!("Join {name}\n"), ..place.work(name, "main", &[]) };
    let joined = place.compose(&[before("a"), before("b")], How::Merge).head;
    place.git(&["branch", "joined", &joined]);
    place.branch("c", "joined", &[("lines", "A\n2\n3\n4\nC\n6\n7\n8\nB\n")]);
    let works =
        [place.work("a", "main", &[]), place.work("b", "main", &[]), place.work("c", "joined", &[0, 1])];
    for how in How::ALL {
        let composed = place.compose(&works, how);
        assert!(composed.outcomes.iter().all(is_in), "{how} {:?}", composed.outcomes);
        assert_eq!(place.git(&["show", &format!("{}:lines", composed.head)]), "A\n2\n3\n4\nC\n6\n7\n8\nB");
        let merges = place.git(&["rev-list", "--merges", "--count", &format!("main..{}", composed.head)]);
        let expected = if how == How::Merge { 3 + 2 } else { 0 };
        assert_eq!(merges, expected.to_string(), "{how}");
    }
}

#[test]
fn what_was_squashed_is_not_brought_again_with_what_builds_on_it() {
    let place = Place::new();
    place.branch("a", "main", &[("lines", "A\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("b", "a", &[("lines", "A\n2\n3\n4\n5\n6\n7\n8\nB\n")]);
    let squashed = place.compose(&[place.work("a", "main", &[])], How::Squash).head;
    place.git(&["reset", "-q", "--hard", &squashed]);
    // The same lines go on being changed.
    place.write("lines", "A again\n2\n3\n4\n5\n6\n7\n8\n9\n");
    place.commit("more");
    for how in How::ALL {
        let composed = place.compose(&[place.work("b", "a", &[])], how);
        assert!(composed.outcomes.iter().all(is_in), "{how} {:?}", composed.outcomes);
        assert_eq!(
            place.git(&["show", &format!("{}:lines", composed.head)]),
            "A again\n2\n3\n4\n5\n6\n7\n8\nB",
            "{how}"
        );
    }
}

#[test]
fn own_commits_are_replayed_with_their_authors_words_and_trailers() {
    let place = Place::new();
    place.git(&["checkout", "-q", "-b", "a"]);
    for (at, author) in ["Ann <ann@example.com>", "Zoë Ł <z@example.com>"].into_iter().enumerate() {
        place.write(&format!("a{at}"), "a\n");
        place.git(&["add", "-A"]);
        let date = format!("2001-02-0{} 03:04:05 +0330", at + 1);
        place.git(&[
            "commit",
            "-q",
            "--author",
            author,
            "--date",
            &date,
            "-m",
            &format!("Step {at}\n\nWhy.\n\nCrew-Task: a"),
        ]);
    }
    place.git(&["commit", "-q", "--allow-empty", "-m", "nothing"]);
    place.git(&["checkout", "-q", "main"]);
    let fast = place.compose(&[place.work("a", "main", &[])], How::Rebase);
    assert_eq!(fast.head, place.tip("a"), "what fits as it is stays as it is");
    place.write("main", "m\n");
    place.commit("moved on");
    let composed = place.compose(&[place.work("a", "main~1", &[])], How::Rebase);
    assert!(matches!(composed.outcomes[0], Outcome::In { commits: 2, .. }), "{:?}", composed.outcomes);
    let told = |range: &str| place.git(&["log", "--format=%an %ae %aI%n%B", range]);
    assert_eq!(told(&format!("main..{}", composed.head)), told("main~1..a~1"));
    let committer = place.git(&["log", "-1", "--format=%cn", &composed.head]);
    assert_eq!(committer, "Person");
}

#[test]
fn a_merge_among_a_tasks_own_commits_is_not_replayed() {
    let place = Place::new();
    place.branch("side", "main", &[("s", "s\n")]);
    place.branch("a", "main", &[("a", "a\n")]);
    place.git(&["checkout", "-q", "a"]);
    place.git(&["merge", "-q", "--no-ff", "--no-edit", "side"]);
    place.git(&["checkout", "-q", "main"]);
    let manner = Manner { how: How::Rebase, signed: false };
    let refused = compose(&place.repository(), &place.tip("main"), &[place.work("a", "main", &[])], manner);
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("is a merge; --squash takes it over as one"), "{why}");
    for how in [How::Merge, How::Squash] {
        let composed = place.compose(&[place.work("a", "main", &[])], how);
        assert_eq!(place.git(&["show", &format!("{}:s", composed.head)]), "s");
    }
}

#[test]
fn a_conflict_names_its_files_and_the_task_that_it_is_with_and_the_rest_is_tried() {
    let place = Place::new();
    place.branch("a", "main", &[("lines", "A\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("b", "main", &[("lines", "B\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("c", "b", &[("c", "c\n")]);
    place.branch("d", "main", &[("d", "d\n")]);
    let works = [
        place.work("a", "main", &[]),
        place.work("b", "main", &[]),
        place.work("c", "b", &[1]),
        place.work("d", "main", &[]),
    ];
    for how in How::ALL {
        let composed = place.compose(&works, how);
        assert!(composed.has_conflicts());
        let Outcome::Conflict { conflicts, with, commit } = &composed.outcomes[1] else {
            panic!("{composed:?}")
        };
        assert_eq!(conflicts[0].kind, ConflictKind::Content);
        assert_eq!(
            (conflicts[0].paths.as_slice(), with.as_slice()),
            (["lines".to_owned()].as_slice(), [0].as_slice())
        );
        assert_eq!(commit.is_some(), how == How::Rebase);
        assert_eq!(composed.outcomes[2], Outcome::Waits(1));
        assert!(is_in(&composed.outcomes[0]) && is_in(&composed.outcomes[3]));
    }
    place.write("lines", "M\n2\n3\n4\n5\n6\n7\n8\n9\n");
    place.commit("main is at odds itself");
    let composed =
        place.compose(&[place.work("d", "main~1", &[]), place.work("b", "main~1", &[])], How::Squash);
    assert!(
        matches!(&composed.outcomes[1], Outcome::Conflict { with, .. } if with.is_empty()),
        "{composed:?}"
    );
}

#[test]
fn how_much_each_step_changes_is_counted() {
    let place = Place::new();
    let begin = place.tip("main");
    let one = place.branch("a", "main", &[("kept", "x\ny\n"), ("n", "n\n")]);
    let same = place.branch("b", "main", &[]);
    let found =
        stats(&place.repository(), &[(begin.clone(), one), (begin.clone(), same), (begin, place.tip("a"))]);
    let found: Vec<(u64, u64, u64)> =
        found.unwrap().iter().map(|stat| (stat.files, stat.insertions, stat.deletions)).collect();
    assert_eq!(found, [(2, 3, 1), (0, 0, 0), (2, 3, 1)]);
}

#[test]
fn a_branch_is_fresh_stale_or_diverged_and_the_runs_own_work_does_not_count() {
    let place = Place::new();
    let base = place.tip("main");
    let fresh = |own: &[(&str, &str)]| freshness::of(&place.repository(), &base, "main", own).unwrap();
    assert_eq!((fresh(&[]).state, fresh(&[]).commits), (State::Fresh, 0));
    place.branch("a", "main", &[("a", "a\n")]);
    let merged = place.compose(&[place.work("a", "main", &[])], How::Merge).head;
    place.git(&["reset", "-q", "--hard", &merged]);
    assert_eq!(fresh(&[(&base, &merged)]).state, State::Fresh);
    assert_eq!(fresh(&[]).commits, 2);
    // What git says of signatures is no commit.
    sign(&place);
    place.git(&["config", "log.showSignature", "true"]);
    let manner = Manner { how: How::Squash, signed: true };
    let signed = compose(&place.repository(), &base, &[place.work("a", "main~1", &[])], manner).unwrap().head;
    place.git(&["reset", "-q", "--hard", &signed]);
    assert_eq!(fresh(&[(&base, &signed)]).state, State::Fresh);
    place.git(&["reset", "-q", "--hard", &merged]);
    place.commit("somebody else");
    let stale = fresh(&[(&base, &merged)]);
    assert_eq!((stale.state, stale.commits), (State::Stale, 1));
    assert!(stale.subjects[0].ends_with(" somebody else"), "{stale:?}");
    place.git(&["checkout", "-q", "--orphan", "other"]);
    place.commit("rewritten");
    place.git(&["branch", "-f", "main", "other"]);
    let diverged = fresh(&[]);
    assert_eq!((diverged.state, diverged.commits, diverged.missing), (State::Diverged, 1, 1));
}

#[test]
fn a_branch_that_is_checked_out_nowhere_moves_alone() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.git(&["checkout", "-q", "--detach"]);
    let status = place.git(&["status", "--porcelain"]);
    place.land(&to).unwrap();
    assert_eq!((place.tip("main"), place.git(&["status", "--porcelain"])), (to, status));
    assert_eq!(place.read("kept"), "before\n");
    assert!(place.git(&["reflog", "main"]).contains("crew merge 7k2aaaaaaaaa"));
    place.is_clean();
}

#[test]
fn the_checkout_goes_with_its_branch_and_what_is_not_committed_stays() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.write("lines", "staged\n");
    place.git(&["add", "lines"]);
    place.write("lines", "staged\nand not\n");
    place.write("run", "mine\n");
    place.write("mine", "untracked\n");
    place.write("x.ign", "ignored\n");
    place.write("made/other", "beside\n");
    assert_eq!(check(&place.repository(), &place.move_to(&to)).unwrap(), Some(place.tree.clone()));
    place.land(&to).unwrap();
    assert_eq!(place.tip("HEAD"), to);
    let status = place.git(&["status", "--porcelain=v1", "--untracked-files=all"]);
    assert_eq!(status, "MM lines\n M run\n?? made/other\n?? mine");
    assert_eq!(place.git(&["show", ":lines"]), "staged");
    assert_eq!(
        ["kept", "made/deep/new", "dir/a/b", "lines", "x.ign"].map(|path| place.read(path)),
        ["after\n", "new\n", "b\n", "staged\nand not\n", "ignored\n"]
    );
    assert!(!place.tree.join("gone").exists());
    assert!(place.git(&["reflog", "HEAD"]).lines().next().unwrap().contains("crew merge"));
    place.is_clean();
}

#[test]
fn a_linked_work_tree_goes_with_its_branch() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.git(&["checkout", "-q", "--detach"]);
    // It lies in the other one, so that git would find that if it looked for a repository.
    place.git(&["worktree", "add", "-q", "linked", "main"]);
    let linked = place.tree.join("linked");
    std::fs::write(linked.join("mine"), "x").unwrap();
    place.land(&to).unwrap();
    assert_eq!(std::fs::read_to_string(linked.join("kept")).unwrap(), "after\n");
    let said = Git::at(&linked).text(&["status", "--porcelain"]).unwrap();
    assert_eq!(said, "?? mine");
    assert_eq!(place.read("kept"), "before\n");
    // Where it has lost its `.git`, nothing else is taken for it.
    std::fs::remove_file(linked.join(".git")).unwrap();
    place.git(&["update-ref", "refs/heads/main", &format!("{to}~1")]);
    assert!(place.refusal(&to).contains("is no work tree of this repository any more"));
}

#[test]
fn a_name_that_stands_for_another_branch_moves_that_one_and_its_checkout() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.git(&["symbolic-ref", "refs/heads/trunk", "refs/heads/main"]);
    let moved = Move { branch: "trunk".into(), ..place.move_to(&to) };
    assert_eq!(check(&place.repository(), &moved).unwrap(), Some(place.tree.clone()));
    land(&place.repository(), &moved, &mut |_| {}).unwrap();
    assert_eq!((place.tip("main"), place.git(&["status", "--porcelain"])), (to.clone(), String::new()));
    assert_eq!(place.git(&["symbolic-ref", "refs/heads/trunk"]), "refs/heads/main");
    // Nothing but branches of the user's is moved.
    for other in ["refs/heads/crew/run/task", "refs/tags/v1"] {
        place.git(&["update-ref", other, &place.tip("a~1")]);
        place.git(&["symbolic-ref", "refs/heads/trunk", other]);
        let why = land(&place.repository(), &moved, &mut |_| {}).unwrap_err().to_string();
        assert!(why.contains(&format!("the branch trunk stands for {other}")), "{why}");
    }
    place.is_clean();
}

#[test]
fn whoever_checks_the_branch_out_in_the_last_moment_has_it_as_it_was_moved() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.git(&["checkout", "-q", "--detach"]);
    let mut switch = |step: &str| {
        if step == "branch" && place.git(&["branch", "--show-current"]).is_empty() {
            place.git(&["switch", "-q", "main"]);
        }
    };
    land(&place.repository(), &place.move_to(&to), &mut switch).unwrap();
    assert_eq!((place.tip("main"), place.git(&["status", "--porcelain"])), (to, String::new()));
    assert_eq!(place.read("kept"), "after\n");
    place.is_clean();
}

#[test]
fn a_repository_whose_own_folder_lies_elsewhere_is_merged_in() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.git(&["init", "-q", "--separate-git-dir", "../apart"]);
    place.write("lines", "staged\n");
    place.git(&["add", "lines"]);
    assert_eq!(check(&place.repository(), &place.move_to(&to)).unwrap(), Some(place.tree.clone()));
    // It is found again after a crash too.
    for at in ["branch", "index"] {
        assert!(killed_before(&place, &to, at, |_| {}));
        put_right(&place.repository(), &mut |_| {}).unwrap();
    }
    assert_eq!((place.tip("main"), place.git(&["status", "--porcelain"])), (to, "M  lines".into()));
}

#[test]
fn a_submodule_is_merged_in_as_a_repository_of_its_own() {
    let place = Place::new();
    let around = Place::new();
    place.branch("a", "main", CHANGES);
    let from = place.tree.display().to_string();
    around.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &from, "inner"]);
    let inner = Place { tree: around.tree.join("inner"), _all: tempfile::tempdir().unwrap() };
    inner.git(&["branch", "-q", "a", "origin/a"]);
    let to = inner.tip("a");
    inner.land(&to).unwrap();
    assert_eq!((inner.tip("main"), inner.git(&["status", "--porcelain"])), (to, String::new()));
    assert_eq!(inner.read("kept"), "after\n");
}

#[test]
fn a_repository_that_was_moved_after_a_crash_is_put_right_where_it_is() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    let before = place.state();
    assert!(killed_before(&place, &to, "branch", |_| {}));
    let elsewhere = place.tree.with_file_name("elsewhere");
    std::fs::rename(&place.tree, &elsewhere).unwrap();
    let place = Place { tree: elsewhere, ..place };
    let right = put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap();
    assert!(!right.landed);
    assert_eq!(place.state(), before);
    place.is_clean();
    // Of a work tree that is not where it was, nothing is said before it is found again.
    place.git(&["checkout", "-q", "--detach"]);
    place.git(&["worktree", "add", "-q", "../linked", "main"]);
    assert!(killed_before(&place, &to, "index", |_| {}));
    let (linked, moved) = (place.tree.with_file_name("linked"), place.tree.with_file_name("moved"));
    std::fs::rename(&linked, &moved).unwrap();
    let why = put_right(&place.repository(), &mut |_| {}).unwrap_err().to_string();
    assert!(why.contains("linked, which is not there any more: git worktree repair"), "{why}");
    place.git(&["worktree", "repair", "../moved"]);
    assert!(put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap().landed);
    assert_eq!(Git::at(&moved).text(&["status", "--porcelain"]).unwrap(), "");
}

#[test]
fn whatever_is_not_committed_and_in_the_way_is_named_and_nothing_happens() {
    type Meddle = fn(&Place);
    let rows: &[(Meddle, &str)] = &[
        (|place| place.write("kept", "mine\n"), "kept is not committed"),
        (
            |place| {
                place.write("kept", "mine\n");
                place.git(&["add", "kept"]);
            },
            "kept is not committed",
        ),
        (
            |place| {
                place.write("kept", "mine\n");
                place.git(&["add", "kept"]);
                place.write("kept", "before\n");
            },
            "kept is not committed",
        ),
        (|place| std::fs::remove_file(place.tree.join("kept")).unwrap(), "kept is not committed"),
        (|place| place.write("gone", "mine\n"), "gone is not committed"),
        (|place| place.write("made/deep/new", "mine\n"), "made/deep/new is not committed"),
        (|place| place.write("made", "a file\n"), "made is not committed"),
        (|place| symlink("/tmp", place.tree.join("made")).unwrap(), "made is not committed"),
        (|place| place.write("made/deep/new/inside", "mine\n"), "made/deep/new/inside is not committed"),
        (|place| place.permit("kept", 0o755), "kept is not committed"),
        // Git overwrites what is ignored.
        (
            |place| {
                place.write(".git/info/exclude", "made\n");
                place.write("made/deep/new", "mine\n");
            },
            "made/deep/new is not committed",
        ),
        // Git has been told not to look.
        (
            |place| {
                place.git(&["update-index", "--assume-unchanged", "kept"]);
                place.write("kept", "mine\n");
            },
            "kept is not committed",
        ),
        (
            |place| {
                place.git(&["update-index", "--skip-worktree", "kept"]);
                place.write("kept", "mine\n");
            },
            "kept is not committed",
        ),
        (|place| drop(std::fs::write(place.tree.join(".git/index.lock"), "")), "another git is at work"),
        (|place| drop(std::fs::write(place.tree.join(".git/MERGE_HEAD"), "")), "a merge is going on"),
        (|place| drop(place.git(&["bisect", "start"])), "a bisection of the branch main is going on"),
        (
            |place| {
                std::fs::create_dir(place.tree.join(".git/rebase-merge")).unwrap();
                place.write(".git/rebase-merge/head-name", "refs/heads/main\n");
            },
            "a rebase of the branch main is going on",
        ),
        (
            |place| {
                place.git(&["worktree", "add", "-q", "--force", "../twice", "main"]);
            },
            "the branch main is checked out twice",
        ),
    ];
    for (meddle, expected) in rows {
        let place = Place::new();
        let to = place.branch("a", "main", CHANGES);
        meddle(&place);
        let lock = place.tree.join(".git/index.lock");
        let (locked, why) = (
            lock.exists(),
            match lock.exists() {
                // A lock of somebody else stays where it is.
                true => {
                    let why = place.land(&to).unwrap_err().to_string();
                    assert!(lock.exists());
                    why
                }
                false => place.refusal(&to),
            },
        );
        assert!(why.contains(expected), "{locked} {why}");
    }
}

#[test]
fn an_edit_in_the_moment_in_which_the_index_was_written_is_seen() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    // The index takes it for what is committed: its size and its times are those that git has noted.
    let file = place.tree.join("kept");
    std::fs::write(&file, "mine!!\n").unwrap();
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    let set = |path: &Path| {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    };
    set(&file);
    place.git(&["add", "kept"]);
    let raw = |spec: &str| {
        let id = place.git(&["rev-parse", spec]);
        (0..id.len() / 2)
            .map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let (edited, committed) = (raw(":kept"), raw("HEAD:kept"));
    let index = place.tree.join(".git/index");
    let mut bytes = std::fs::read(&index).unwrap();
    let found = bytes.windows(edited.len()).position(|part| part == edited).unwrap();
    bytes[found..found + committed.len()].copy_from_slice(&committed);
    // Without a checksum, git asks for none.
    let end = bytes.len() - committed.len();
    bytes[end..].fill(0);
    std::fs::write(&index, bytes).unwrap();
    set(&index);
    assert_eq!(place.git(&["status", "--porcelain"]), " M kept");
    assert!(place.refusal(&to).contains("kept is not committed"));
    assert_eq!(place.read("kept"), "mine!!\n");
}

#[test]
fn a_branch_that_somebody_else_moves_is_not_moved() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    let other = place.branch("other", "main", &[("other", "o\n")]);
    let moved = place.move_to(&to);
    place.git(&["reset", "-q", "--hard", &other]);
    let before = place.state();
    let why = land(&place.repository(), &moved, &mut |_| {}).unwrap_err();
    assert!(matches!(why, MergeError::Moved(_)), "{why}");
    assert_eq!(place.state(), before);
    place.is_clean();
    // In the last moment too, when the files have been written already.
    let moved = place.move_to(&place.compose(&[place.work("a", "main~1", &[])], How::Merge).head);
    let third = place.git(&["commit-tree", "-p", &other, "-m", "x", &format!("{other}^{{tree}}")]);
    let mut meddle = |step: &str| {
        if step == "branch" {
            place.git(&["update-ref", "refs/heads/main", &third]);
        }
    };
    let why = land(&place.repository(), &moved, &mut meddle).unwrap_err();
    assert!(matches!(why, MergeError::Moved(_)), "{why}");
    assert_eq!((place.tip("main"), place.read("kept")), (third, "before\n".to_owned()));
    assert_eq!(place.git(&["status", "--porcelain"]), "");
    place.is_clean();
}

/// Lands, and is killed before a step; `half` does what git may have done of it.
fn killed_before(place: &Place, to: &str, at: &str, half: impl FnOnce(&Place)) -> bool {
    let moved = place.move_to(to);
    let mut step = |step: &str| {
        if step == at {
            // Not caught anywhere below: nothing is tidied up, as when the process is killed.
            std::panic::resume_unwind(Box::new("killed"));
        }
    };
    let killed = catch_unwind(AssertUnwindSafe(|| land(&place.repository(), &moved, &mut step))).is_err();
    if killed {
        half(place);
    }
    killed
}

#[test]
fn a_crash_at_any_step_is_put_right_and_it_can_be_done_again() {
    for at in ["journal", "lock", "look", "files", "written", "branch", "index", "unlock", "clear"] {
        let place = Place::new();
        let to = place.branch("a", "main", CHANGES);
        place.write("mine", "untracked\n");
        place.write("lines", "staged\n");
        place.git(&["add", "lines"]);
        let before = place.state();
        assert!(killed_before(&place, &to, at, |_| {}), "{at}");
        // Killed once more while it is put right.
        for again in ["keep", "back", "restore", "index", "unlock"] {
            let mut step = |step: &str| {
                if step == again {
                    std::panic::resume_unwind(Box::new("killed"));
                }
            };
            let _ = catch_unwind(AssertUnwindSafe(|| put_right(&place.repository(), &mut step)));
        }
        let right = put_right(&place.repository(), &mut |_| {}).unwrap();
        assert!(right.iter().all(|right| right.left.is_empty()), "{at} {right:?}");
        place.is_clean();
        if place.tip("main") == to {
            assert!(["index", "unlock", "clear"].contains(&at), "{at}");
        } else {
            assert_eq!(place.state(), before, "{at}");
            place.land(&to).unwrap();
        }
        assert_eq!(place.git(&["status", "--porcelain", "-uall"]), "M  lines\n?? mine", "{at}");
        assert_eq!(place.read("dir/a/b"), "b\n");
        place.is_clean();
    }
}

/// Has git write down in the index what it has seen of the files.
fn look(place: &Place) {
    std::fs::remove_file(place.tree.join(".git/index.lock")).unwrap();
    let index = || std::fs::read(place.tree.join(".git/index")).unwrap();
    let (before, run) = (index(), std::fs::File::options().write(true).open(place.tree.join("run")));
    run.unwrap().set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    Git::at(&place.tree).with("GIT_OPTIONAL_LOCKS", "1").run(&["status"]).unwrap();
    assert_ne!(index(), before);
}

#[test]
fn an_index_that_somebody_has_used_since_the_crash_follows_the_branch() {
    type Meddle = fn(&Place);
    let rows: &[(Meddle, &str, &[&str])] = &[
        (look, "M  lines\n?? mine", &[]),
        (
            |place| {
                look(place);
                place.git(&["add", "mine"]);
            },
            "M  lines\nA  mine",
            &[],
        ),
        (
            |place| {
                look(place);
                place.write("kept", "since\n");
                place.git(&["add", "kept"]);
            },
            "M  kept\nM  lines\n?? mine",
            &["kept"],
        ),
        (
            |place| {
                look(place);
                place.git(&["read-tree", "HEAD"]);
            },
            " M lines\n?? mine",
            &[],
        ),
        // The machine has lost what was not on the disk.
        (
            |place| std::fs::write(place.tree.join(".git/crew-merge/index"), "").unwrap(),
            "M  lines\n?? mine",
            &[],
        ),
        (|place| std::fs::write(place.tree.join(".git/index"), "").unwrap(), "M  lines\n?? mine", &[]),
    ];
    for (meddle, expected, left) in rows {
        let place = Place::new();
        let to = place.branch("a", "main", CHANGES);
        place.write("mine", "untracked\n");
        place.write("lines", "staged\n");
        place.git(&["add", "lines"]);
        assert!(killed_before(&place, &to, "index", meddle));
        let right = put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap();
        assert!(right.landed);
        assert_eq!(right.left, *left);
        assert_eq!(place.git(&["status", "--porcelain", "-uall"]), *expected);
        place.is_clean();
    }
}

#[test]
fn a_copy_of_the_index_that_the_machine_has_lost_is_made_again() {
    type Meddle = fn(&Place);
    let rows: &[Meddle] = &[|_| {}, |place| std::fs::write(place.tree.join(".git/index"), "").unwrap()];
    for meddle in rows {
        let place = Place::new();
        let to = place.branch("a", "main", CHANGES);
        let before = place.state();
        let lost = |place: &Place| {
            std::fs::write(place.tree.join(".git/crew-merge/before"), "").unwrap();
            meddle(place);
        };
        assert!(killed_before(&place, &to, "branch", lost));
        let right = put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap();
        assert_eq!((right.landed, right.left.len(), place.read("kept")), (false, 0, "before\n".into()));
        std::fs::remove_file(place.tree.join(".git/index")).unwrap();
        place.git(&["reset", "-q"]);
        assert_eq!(place.state(), before);
        place.is_clean();
    }
}

#[test]
fn files_that_a_killed_git_left_half_written_go_back_after_the_folder_was_kept() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    place.write("mine", "untracked\n");
    let before = place.state();
    let half = |place: &Place| {
        std::fs::remove_file(place.tree.join("gone")).unwrap();
        place.write("kept", "aft");
        place.write("made/deep/new", "");
        std::fs::remove_file(place.tree.join("dir/a")).unwrap();
        place.write("dir/a/b", "b\n");
    };
    assert!(killed_before(&place, &to, "files", half));
    let right = put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap();
    assert_eq!((right.landed, right.left.len()), (false, 0));
    assert_eq!(place.state(), before);
    assert_eq!(
        (place.read("kept"), place.read("dir/a"), place.tree.join("made").exists()),
        ("before\n".into(), "a\n".into(), false)
    );
    let kept = right.kept.unwrap();
    assert!(kept.starts_with("refs/crew/keep/7k2aaaaaaaaa/merge/"), "{kept}");
    assert_eq!(place.git(&["show", &format!("{kept}:kept")]), "aft");
    // Whatever else is in the folder is none of its business, and may not even be readable.
    let status = ["diff-tree", "-r", "--name-status", "--no-renames", &format!("{kept}~1"), &kept];
    assert_eq!(place.git(&status), "D\tdir/a\nA\tdir/a/b\nD\tgone\nM\tkept\nA\tmade/deep/new");
    place.is_clean();
    place.land(&to).unwrap();
}

#[test]
fn what_somebody_has_written_since_the_crash_stays() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    let half = |place: &Place| {
        place.write("kept", "after\n");
        place.write("made/deep/new", "mine, since then\n");
    };
    assert!(killed_before(&place, &to, "files", half));
    let right = put_right(&place.repository(), &mut |_| {}).unwrap().pop().unwrap();
    assert_eq!(right.left, ["made/deep/new"]);
    assert_eq!(
        (place.read("kept"), place.read("made/deep/new")),
        ("before\n".into(), "mine, since then\n".into())
    );
    assert!(place.refusal(&to).contains("made/deep/new is not committed"));
}

#[test]
fn locks_that_a_killed_git_left_on_the_branch_go_and_those_of_others_stay() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    let left = |place: &Place| {
        place.write(".git/refs/heads/main.lock", &format!("{to}\n"));
        place.write(".git/HEAD.lock", "");
    };
    assert!(killed_before(&place, &to, "branch", left));
    put_right(&place.repository(), &mut |_| {}).unwrap();
    place.is_clean();
    let theirs = |place: &Place| place.write(".git/refs/heads/main.lock", "somebody else's\n");
    assert!(killed_before(&place, &to, "branch", theirs));
    put_right(&place.repository(), &mut |_| {}).unwrap();
    assert_eq!(place.read(".git/refs/heads/main.lock"), "somebody else's\n");
    let why = place.land(&to).unwrap_err().to_string();
    assert!(why.contains("main.lock"), "{why}");
    assert_eq!(
        (place.read("kept"), place.git(&["status", "--porcelain"])),
        ("before\n".into(), String::new())
    );
}

#[test]
fn the_lock_that_a_killed_git_left_on_all_branches_goes() {
    let place = Place::with(&["--ref-format=reftable"]);
    let to = place.branch("a", "main", CHANGES);
    let left = |place: &Place| place.write(".git/reftable/tables.list.lock", "0x1-0x2-3.ref\n");
    assert!(killed_before(&place, &to, "branch", left));
    put_right(&place.repository(), &mut |_| {}).unwrap();
    place.is_clean();
    place.land(&to).unwrap();
    assert_eq!((place.tip("main"), place.git(&["status", "--porcelain"])), (to, String::new()));
}

#[test]
fn however_many_files_go_back_git_is_started_a_few_times() {
    let started = |count: usize| {
        let place = Place::new();
        let names: Vec<String> =
            (0..count).map(|at| format!("f{at}")).chain(["a\nb".into(), "\"c".into()]).collect();
        let files = |content| names.iter().map(|name| (name.as_str(), content)).collect::<Vec<_>>();
        place.fill(&files("before\n"));
        place.commit("many");
        let to = place.branch("a", "main", &files("after\n"));
        let before = place.state();
        assert!(killed_before(&place, &to, "branch", |_| {}));
        let (mut repository, trace) = (place.repository(), place.tree.with_file_name("trace"));
        repository.git = repository.git.with("GIT_TRACE", &trace);
        let right = put_right(&repository, &mut |_| {}).unwrap().pop().unwrap();
        assert_eq!((right.left.len(), place.state()), (0, before));
        let traced = std::fs::read_to_string(&trace).unwrap();
        traced.lines().filter(|line| line.contains("trace: built-in: git")).count()
    };
    assert_eq!(started(1), started(40));
}

/// Signs whatever it is given, and notes which process group and which session it does it in.
fn sign(place: &Place) -> PathBuf {
    let (program, noted) = (place.tree.with_file_name("sign"), place.tree.with_file_name("noted"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--verify*) echo 'gpg: it is good' >&2; exit 0;; esac\ncat >/dev/null\n\
         ps -o pgid=,sess= -p $$ >{}\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\n\
         printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'\n",
        noted.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    place.git(&["config", "gpg.program", &program.display().to_string()]);
    noted
}

#[test]
fn whoever_signs_can_ask_at_the_terminal_and_signs_every_commit() {
    let place = Place::new();
    place.branch("a", "main", &[("a", "a\n")]);
    let noted = sign(&place);
    let numbers = || -> Vec<i32> {
        let noted = std::fs::read_to_string(&noted).unwrap();
        noted.split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    // Zero is an answer too: the session of a container's processes can lie outside of it.
    // SAFETY: both calls take no pointer and only ask the kernel for a number.
    let [group, session] = unsafe { [libc::getpgrp(), libc::getsid(0)] };
    for how in How::ALL {
        let works = [place.work("a", "main", &[])];
        let manner = Manner { how, signed: true };
        let signed =
            |repository: &Repository| compose(repository, &place.tip("main"), &works, manner).unwrap();
        let head = signed(&place.repository()).head;
        assert_eq!(numbers(), [group, session], "{how}");
        assert!(place.git(&["cat-file", "commit", &head]).contains("\ngpgsig "), "{how}");
        // Where nobody is to be asked, there is no terminal.
        let mut repository = place.repository();
        repository.git = repository.git.unasking();
        signed(&repository);
        assert_ne!(numbers()[1], session, "{how}");
    }
}

#[test]
fn how_files_are_merged_is_said_by_the_branch_and_not_by_what_is_checked_out() {
    let place = Place::new();
    place.branch("a", "main", &[("lines", "A\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("b", "main", &[("lines", "B\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    place.branch("checked-out", "main", &[(".gitattributes", "lines merge=union\n")]);
    place.git(&["checkout", "-q", "checked-out"]);
    let works = [place.work("a", "main", &[]), place.work("b", "main", &[])];
    assert!(place.compose(&works, How::Merge).has_conflicts());
    place.git(&["branch", "-f", "main", "checked-out"]);
    place.git(&["checkout", "-q", "a"]);
    assert!(!place.compose(&works, How::Merge).has_conflicts());
}

#[test]
fn what_is_not_checked_out_stays_that_way() {
    let place = Place::new();
    place.write("out/side/f", "f\n");
    place.commit("more");
    let to =
        place.branch("a", "main", &[("out/side/f", "changed\n"), ("out/new", "n\n"), ("kept", "after\n")]);
    place.git(&["sparse-checkout", "set", "dir"]);
    let before = place.state();
    assert!(killed_before(&place, &to, "branch", |_| {}));
    put_right(&place.repository(), &mut |_| {}).unwrap();
    assert_eq!(place.state(), before);
    place.land(&to).unwrap();
    assert_eq!(
        (place.read("kept"), place.git(&["status", "--porcelain"])),
        ("after\n".into(), String::new())
    );
    assert!(!place.tree.join("out").exists());
    assert_eq!(place.git(&["show", ":out/side/f"]), "changed");
}

#[test]
fn a_scratch_that_is_reached_through_a_link_is_filled_and_cleared_again() {
    let place = Place::new();
    let to = place.branch("a", "main", CHANGES);
    let (real, link) = (place.tree.with_file_name("real"), place.tree.with_file_name("link"));
    std::fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let repository = place.repository();
    let scratch = Scratch::of(&repository, &place.tree, &link.join("7k2aaaaaaaaa"), "7k2aaaaaaaaa");
    for _ in 0..2 {
        scratch.fill(&to).unwrap();
        assert_eq!(std::fs::read_to_string(scratch.folder().join("kept")).unwrap(), "after\n");
    }
    // Its folder may be gone by then.
    std::fs::remove_dir_all(real.join("7k2aaaaaaaaa")).unwrap();
    scratch.clear().unwrap();
    assert_eq!(place.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(place.git(&["branch", "--list", "crew/*"]), "");
}
