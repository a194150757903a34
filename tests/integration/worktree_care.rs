//! `crew diff` and `crew worktree`: what tasks changed is seen whole, and nothing of it is lost when it is tidied up.

use crate::support::{TestRepo, of_kind, run_command, wait_until};
use serde_json::Value;
use std::path::PathBuf;

/// A run whose tasks each have a work tree: a name, those it depends on, and what its shell does there.
fn repo_with(steps: &[(&str, &str, &str)]) -> TestRepo {
    let repo = TestRepo::new();
    repo.write(".gitignore", "target\n");
    repo.write("other.txt", "1\n2\n3\n4\n5\n");
    repo.commit("files");
    carry_out(&repo, steps, 0);
    repo
}

fn carry_out(repo: &TestRepo, steps: &[(&str, &str, &str)], exit: i32) {
    let mut text = String::new();
    for (id, after, script) in steps {
        let path = repo.beside(&format!("{id}.sh"));
        std::fs::write(&path, format!("set -e\n{script}\n")).expect("a script");
        let after = if after.is_empty() { String::new() } else { format!("dependsOn: {after}\n") };
        text.push_str(&format!("## {id}\nrun: sh {}\n{after}\n", path.display()));
    }
    repo.workflow("care", &text);
    repo.crew(["run", "the goal", "--workflow", "care", "--worktree", "--json"]).exits(exit);
}

/// One task that wrote a file.
fn one() -> TestRepo {
    repo_with(&[("fix", "", "echo new >new.txt")])
}

fn run_id(repo: &TestRepo) -> String {
    repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned()
}

fn folder(repo: &TestRepo, task: &str) -> PathBuf {
    repo.root.join(".crew/worktrees").join(run_id(repo)).join(task)
}

fn branch(repo: &TestRepo, task: &str) -> String {
    format!("crew/{}/{task}", run_id(repo))
}

fn keep(repo: &TestRepo, task: &str) -> String {
    format!("refs/crew/keep/{}/{task}/1", run_id(repo))
}

fn merge(repo: &TestRepo, task: &str) {
    repo.git(&["merge", "-q", "--no-edit", &branch(repo, task)]);
}

fn has(repo: &TestRepo, name: &str) -> bool {
    repo.git(&["for-each-ref", "--format=%(refname)"]).lines().any(|known| known == name)
}

fn has_branch(repo: &TestRepo, task: &str) -> bool {
    has(repo, &format!("refs/heads/{}", branch(repo, task)))
}

/// Returns the row of a task in the list.
#[track_caller]
fn row(repo: &TestRepo, task: &str) -> Value {
    let list = repo.crew(["worktree", "--json"]).exits(0).json();
    let rows = list["data"].as_array().expect("a list");
    rows.iter().find(|row| row["task"] == task).unwrap_or_else(|| panic!("no {task} in {list:#}")).clone()
}

/// Fails the test unless prune leaves the task alone, and says this.
#[track_caller]
fn stays(repo: &TestRepo, task: &str, why: &str) {
    let said = repo.crew(["worktree", "prune", "--yes"]).exits(0).err;
    let line = said.lines().find(|line| line.starts_with("stays ") && line.contains(task));
    assert!(line.is_some_and(|line| line.contains(why)), "{said}");
    assert!(folder(repo, task).symlink_metadata().is_ok() && has_branch(repo, task));
}

#[track_caller]
fn is_sound(repo: &TestRepo) {
    repo.git(&["fsck", "--no-dangling"]);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

// crew diff

#[test]
fn the_diff_of_a_run_is_what_its_tasks_changed_together() {
    let repo = repo_with(&[
        ("left", "", "echo left >left.txt; printf 'one\\n2\\n3\\n4\\n5\\n' >other.txt"),
        ("right", "", "printf '1\\n2\\n3\\n4\\nfive\\n' >other.txt; printf 'a\\0b' >binary"),
        ("after", "right", "git rm -q README.md; mkdir deep; echo x >'deep/ü x'"),
    ]);
    let patch = repo.crew(["diff", "last"]).exits(0);
    assert!(patch.err.contains("5 files, +4 -3"), "{}", patch.err);
    // In a pipe it is a patch that can be applied, binary files too.
    let path = repo.beside("patch");
    std::fs::write(&path, &patch.out).expect("a patch");
    repo.git(&["apply", "--index", path.to_str().expect("a path")]);
    let tree = repo.git(&["write-tree"]);
    repo.git(&["reset", "-q", "--hard"]);
    for task in ["left", "after"] {
        merge(&repo, task);
    }
    assert_eq!(repo.git(&["rev-parse", "HEAD^{tree}"]), tree);

    let names = repo.crew(["diff", "last", "--name-only"]).exits(0).out;
    assert_eq!(names, "README.md\nbinary\ndeep/ü x\nleft.txt\nother.txt\n");
    let names = repo.crew(["diff", "last", "after", "--name-only"]).exits(0).out;
    assert_eq!(names, "README.md\ndeep/ü x\n", "its own change, and not its predecessor's");
    let stat = repo.crew(["diff", "last", "--stat", "--", "other.txt"]).exits(0).out;
    assert!(stat.contains("other.txt | 4 ++--") && stat.contains("1 file changed"), "{stat}");
    let json = repo.crew(["diff", "last", "--json"]).exits(0).json();
    assert_eq!(json["meta"]["together"], true);
    assert_eq!(json["data"][0]["files"].as_array().map(Vec::len), Some(5));
    assert_eq!(json["data"][0]["tasks"], serde_json::json!(["left", "right", "after"]));
}

#[test]
fn where_the_work_of_tasks_conflicts_each_ones_own_is_shown() {
    let repo = repo_with(&[("left", "", "echo left >other.txt"), ("right", "", "echo right >other.txt")]);
    repo.git(&["config", "--global", "core.pager", "cat"]);
    let (exit, shown) = repo.at_terminal(&["diff", "last"], &[]);
    for words in ["== left", "+left", "== right", "+right", "right conflicts with left: other.txt (content"] {
        assert!(exit == Some(0) && shown.contains(words), "{shown}");
    }
    // What would go into `git apply` is a patch that can be applied, or none.
    let refused = repo.crew(["diff", "last"]).exits(4);
    assert!(refused.out.is_empty(), "{}", refused.out);
    for words in ["no patch of the whole run", "right conflicts with left", "crew diff "] {
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    let stat = repo.crew(["diff", "last", "--stat"]).exits(0);
    assert!(stat.out.contains("== left") && stat.err.contains("right conflicts with left"), "{stat:?}");
    assert!(repo.crew(["diff", "last", "right"]).exits(0).out.contains("+right"));
    let json = repo.crew(["diff", "last", "--json"]).exits(0).json();
    let tasks: Vec<&Value> =
        json["data"].as_array().expect("a list").iter().map(|one| &one["task"]).collect();
    assert_eq!((tasks, &json["meta"]["together"]), (vec![&"left".into(), &"right".into()], &false.into()));
}

#[test]
fn a_task_at_work_shows_what_is_not_committed_and_its_index_stays_as_it_is() {
    let repo = TestRepo::new();
    let gate = repo.gate("hold");
    let script = format!(
        "echo staged >staged; git add staged; echo new >new; touch begun; while [ -e {} ]; do sleep 0.02; done",
        gate.display()
    );
    std::fs::write(repo.beside("fix.sh"), script).expect("a script");
    repo.workflow("care", &format!("## fix\nrun: sh {}\n", repo.beside("fix.sh").display()));
    let running = repo.start(["run", "the goal", "--workflow", "care", "--worktree", "--json"]);
    wait_until("it works", || {
        repo.crew(["worktree", "path", "last", "fix"]).exit == 0
            && folder(&repo, "fix").join("begun").exists()
    });
    let index = |repo: &TestRepo| {
        let admin = std::fs::read_to_string(folder(repo, "fix").join(".git")).expect("a file");
        std::fs::read(PathBuf::from(admin.trim().trim_start_matches("gitdir: ")).join("index"))
            .expect("an index")
    };
    let before = (index(&repo), repo.git(&["count-objects"]));
    let shown = repo.crew(["diff", "last", "fix"]).exits(0);
    assert!(shown.out.contains("+staged") && shown.out.contains("+new"), "{}", shown.out);
    assert!(shown.err.contains("3 files, +2 -0, 3 of them not committed"), "{}", shown.err);
    let listed = row(&repo, "fix");
    assert_eq!((&listed["uncommitted"], &listed["at_work"]), (&3.into(), &true.into()));
    assert!(!listed["used_by"].as_array().expect("a list").is_empty() || !cfg!(target_os = "linux"));
    assert_eq!((index(&repo), repo.git(&["count-objects"])), before);
    let refused = repo.crew(["worktree", "remove", "last", "fix"]).exits(4);
    assert!(refused.err.contains("is being carried out by another crew process"), "{}", refused.err);
    let said = repo.crew(["worktree", "prune", "--yes"]).exits(0).err;
    assert!(said.contains("its run is at work"), "{said}");
    repo.open("hold");
    running.ends().exits(0);
    assert_eq!(row(&repo, "fix")["uncommitted"], 0);
}

#[test]
fn without_a_work_tree_it_is_said_what_crew_saw() {
    let repo = TestRepo::new();
    repo.one_step("", "touch:seen.txt submit:done");
    repo.run_json("one", 0);
    let shown = repo.crew(["diff", "last"]).exits(0);
    assert!(
        shown.err.contains("worked in the folder itself") && shown.err.contains("git diff"),
        "{}",
        shown.err
    );
    assert!(shown.out.starts_with("work  1 file"), "{}", shown.out);
    let json = repo.crew(["diff", "last", "--json"]).exits(0).json();
    assert_eq!((&json["meta"]["shared_folder"], &json["data"][0]["task"]), (&true.into(), &"work".into()));
    let refused = repo.crew(["worktree", "path", "last", "work"]).exits(4);
    assert!(refused.err.contains("task work has no work tree of its own"), "{}", refused.err);
    assert!(repo.crew(["worktree"]).exits(0).err.contains("no task has a work tree of its own"));
}

#[test]
fn at_a_terminal_nothing_in_a_file_acts_and_the_users_pager_is_asked() {
    let repo = repo_with(&[("fix", "", "printf 'a\\033[31mred\\342\\200\\256\\r\\n' >evil.txt")]);
    let (exit, shown) = repo.at_terminal(&["diff", "last", "fix"], &[]);
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("+a<U+001B>[31mred<U+202E><U+000D>"), "{shown:?}");
    assert!(shown.contains("\u{1b}[32m+a"), "coloured by crew: {shown:?}");
    repo.git(&["config", "--global", "core.pager", "sed s/^/paged:/"]);
    let (_, shown) = repo.at_terminal(&["diff", "last", "fix", "--name-only"], &[]);
    assert!(shown.contains("paged:evil.txt"), "{shown:?}");
    // Whoever works in the repository could have set that one.
    repo.git(&["config", "core.pager", "sed s/^/theirs:/"]);
    let (_, shown) = repo.at_terminal(&["diff", "last", "fix", "--name-only"], &[]);
    assert!(!shown.contains("theirs:"), "{shown:?}");
    let raw = repo.crew(["diff", "last", "fix"]).exits(0).out;
    assert!(raw.contains("+a\u{1b}[31mred"), "in a pipe it is what it is");
}

#[test]
fn names_that_are_not_there_are_answered_with_the_nearest() {
    let repo = one();
    let refused = repo.crew(["diff", "last", "fxi"]).exits(4);
    assert!(
        refused.err.contains("has no task `fxi`") && refused.err.contains("did you mean `fix`?"),
        "{}",
        refused.err
    );
    assert_eq!(
        repo.crew(["worktree", "path", "last", "no", "--json"]).exits(4).json_error()["code"],
        "unknown_task"
    );
}

// crew worktree

#[test]
fn the_list_says_what_there_is() {
    let repo = repo_with(&[
        ("fix", "", "echo new >new.txt; mkdir target; head -c 300000 /dev/zero | tr '\\0' x >target/big"),
        ("same", "", "true"),
    ]);
    let fix = row(&repo, "fix");
    assert_eq!(
        (&fix["work"], &fix["unmerged_commits"], &fix["folder"]),
        (&"not_merged".into(), &1.into(), &"own".into())
    );
    assert!(fix["bytes"].as_u64().expect("a number") >= 300_000, "{fix}");
    assert_eq!(fix["branch"], branch(&repo, "fix"));
    assert_eq!(row(&repo, "same")["work"], "empty");
    merge(&repo, "fix");
    let fix = row(&repo, "fix");
    assert_eq!((&fix["work"], &fix["merged_into"]), (&"merged".into(), &"main".into()));
    let shown = repo.crew(["worktree", "list", "last"]).exits(0);
    assert!(shown.out.contains("merged into main") && shown.out.contains("empty"), "{}", shown.out);
    assert!(shown.err.contains("2 work trees") && shown.err.contains("crew worktree prune"), "{}", shown.err);
}

#[test]
fn the_folder_of_a_task_is_named_and_opened() {
    let repo = one();
    let path = repo.crew(["worktree", "path", "last", "fix"]).exits(0).out;
    assert_eq!(path, format!("{}\n", folder(&repo, "fix").display()));
    let mut command = repo.command(["worktree", "open", "last", "fix"]);
    command.env("EDITOR", "sh -c 'pwd; echo \"$1\"; exit 7' x");
    let opened = run_command(command).exits(7);
    let here = folder(&repo, "fix").display().to_string();
    assert_eq!(opened.out, format!("{here}\n{here}\n"));
    let mut command = repo.command(["worktree", "open", "last", "fix", "--shell"]);
    command.env("EDITOR", "false").env("SHELL", "/bin/pwd");
    assert_eq!(run_command(command).exits(0).out, format!("{here}\n"));
    std::fs::remove_dir_all(folder(&repo, "fix")).expect("it goes");
    let refused = repo.crew(["worktree", "path", "last", "fix"]).exits(4);
    assert!(refused.out.is_empty() && refused.err.contains("is not there any more"), "{}", refused.err);
}

#[test]
fn prune_takes_what_is_merged_or_empty_and_says_so_first() {
    let repo = repo_with(&[
        ("merged", "", "echo m >m.txt; mkdir target; head -c 300000 /dev/zero | tr '\\0' x >target/big"),
        ("squashed", "", "echo s >s.txt"),
        ("same", "", "true"),
        ("open", "", "echo o >o.txt"),
    ]);
    merge(&repo, "merged");
    repo.git(&["merge", "-q", "--squash", &branch(&repo, "squashed")]);
    repo.commit("squashed");
    let refs = repo.git(&["for-each-ref"]);
    let plan = repo.crew(["worktree", "prune", "--dry-run"]).exits(0).err;
    for words in [
        "remove  ",
        "merged  merged into main",
        "of it ignored by git",
        "same  empty",
        "open  1 commit not merged",
    ] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    assert!(["merged", "squashed", "same", "open"].iter().all(|task| folder(&repo, task).exists()));
    let squashed = repo.git(&["rev-parse", &branch(&repo, "squashed")]);
    let pruned = repo.crew(["worktree", "prune", "--yes", "--json"]).exits(0).json();
    assert_eq!(pruned["meta"]["removed"].as_array().map(Vec::len), Some(3), "{pruned:#}");
    assert!(
        ["merged", "squashed", "same"]
            .iter()
            .all(|task| !folder(&repo, task).exists() && !has_branch(&repo, task))
    );
    assert!(folder(&repo, "open").exists() && has_branch(&repo, "open"));
    // The commit itself is in no branch, so it is held.
    assert_eq!(repo.git(&["rev-parse", &keep(&repo, "squashed")]), squashed);
    assert_eq!(of_kind(&repo.events(), "worktree_removed").len(), 3);
    is_sound(&repo);
    let again = repo.crew(["worktree", "prune", "--yes", "--json"]).exits(0).json();
    assert_eq!(again["meta"]["count"], 0);
}

#[test]
fn at_a_terminal_prune_asks() {
    let repo = one();
    merge(&repo, "fix");
    let (_, shown) = repo.at_terminal(&["worktree", "prune"], &[("[y/N]", "n")]);
    assert!(shown.contains("nothing was removed") && folder(&repo, "fix").exists(), "{shown}");
    let (exit, shown) = repo.at_terminal(&["worktree", "prune"], &[("[y/N]", "y")]);
    assert!(exit == Some(0) && !folder(&repo, "fix").exists(), "{shown}");
}

#[test]
fn with_nobody_at_a_terminal_prune_shows_its_plan_and_takes_nothing_away() {
    let repo = one();
    merge(&repo, "fix");
    let refs = repo.git(&["for-each-ref"]);
    let said = repo.crew(["worktree", "prune"]).exits(3).err;
    for words in
        ["remove  ", "taking 1 work tree away needs a person's word", "crew worktree prune --yes does it"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let planned = repo.crew(["worktree", "prune", "--json"]).exits(3);
    assert_eq!(planned.json()["meta"]["count"], 1, "{}", planned.out);
    assert!(planned.err.contains("needs_a_word"), "{}", planned.err);
    assert!(folder(&repo, "fix").exists());
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    // A folder that is gone is none, whatever prune takes of it.
    std::fs::remove_dir_all(folder(&repo, "fix")).expect("a folder");
    let listed = repo.crew(["worktree"]).exits(0).err;
    assert!(
        listed.contains("0 work trees") && listed.contains("takes away 1 branch without a folder"),
        "{listed}"
    );
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(!has_branch(&repo, "fix"));
}

#[test]
fn remove_keeps_all_that_only_the_folder_has() {
    let repo = one();
    let fix = folder(&repo, "fix");
    std::fs::write(fix.join("new.txt"), "changed\n").expect("a file");
    std::fs::write(fix.join("untracked"), "precious\n").expect("a file");
    stays_dirty(&repo);
    let removed = repo.crew(["worktree", "remove", "last", "fix"]).exits(0);
    assert!(!fix.exists() && has_branch(&repo, "fix"));
    assert!(removed.err.contains(&keep(&repo, "fix")), "{}", removed.err);
    // What is told to be typed works as it stands.
    let typed =
        removed.err.lines().find_map(|line| line.split_once("    crew ")?.1.strip_suffix(" brings it back"));
    let typed: Vec<&str> = typed.expect("a command").split(' ').collect();
    let restored = repo.crew([typed, vec!["--json"]].concat()).exits(0).json();
    assert_eq!(restored["branch"], keep(&repo, "fix").replace("refs/crew/keep", "restored"));
    assert_eq!(repo.git(&["show", &format!("{}:untracked", keep(&repo, "fix"))]), "precious\n");
    assert_eq!(repo.git(&["show", &format!("{}:new.txt", keep(&repo, "fix"))]), "changed\n");
    let events = repo.events();
    let event = of_kind(&events, "worktree_removed")[0].clone();
    assert_eq!((&event["kept"][0], event["branch_deleted"].as_bool()), (&keep(&repo, "fix").into(), None));
    // Its branch can still be had, with the reason where it holds work of its own.
    let refused = repo.crew(["worktree", "remove", "last", "fix", "--branch"]).exits(4);
    assert!(refused.err.contains("not merged") && refused.err.contains("--force"), "{}", refused.err);
    let tip = repo.git(&["rev-parse", &branch(&repo, "fix")]);
    repo.crew(["worktree", "remove", "last", "fix", "--branch", "--force"]).exits(0);
    assert!(!has_branch(&repo, "fix"));
    repo.git(&["merge-base", "--is-ancestor", tip.trim(), &keep(&repo, "fix")]);
    let again = repo.crew(["worktree", "remove", "last", "fix", "--branch"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    is_sound(&repo);
}

fn stays_dirty(repo: &TestRepo) {
    merge(repo, "fix");
    stays(repo, "fix", "2 files not committed");
    repo.git(&["reset", "-q", "--hard", "HEAD^"]);
}

#[test]
fn a_change_that_git_was_told_to_overlook_is_seen() {
    let repo = one();
    merge(&repo, "fix");
    let fix = folder(&repo, "fix");
    repo.git(&["-C", fix.to_str().expect("a path"), "update-index", "--assume-unchanged", "README.md"]);
    repo.git(&["-C", fix.to_str().expect("a path"), "update-index", "--skip-worktree", "new.txt"]);
    std::fs::write(fix.join("README.md"), "hidden\n").expect("a file");
    std::fs::write(fix.join("new.txt"), "hidden too\n").expect("a file");
    stays(&repo, "fix", "2 files not committed");
    repo.crew(["worktree", "remove", "last", "fix"]).exits(0);
    assert_eq!(repo.git(&["show", &format!("{}:README.md", keep(&repo, "fix"))]), "hidden\n");
}

#[test]
fn commits_that_only_the_folder_has_are_kept() {
    let repo = repo_with(&[("detached", "", "echo d >d.txt"), ("switched", "", "echo s >s.txt")]);
    merge(&repo, "detached");
    merge(&repo, "switched");
    let at = |task: &str, args: &[&str]| {
        let path = folder(&repo, task).display().to_string();
        repo.git(&[&["-C", &path], args].concat())
    };
    at("detached", &["switch", "-q", "--detach"]);
    at("switched", &["switch", "-q", "-c", "mine"]);
    for task in ["detached", "switched"] {
        std::fs::write(folder(&repo, task).join("late"), task).expect("a file");
        at(task, &["add", "-A"]);
        at(task, &["commit", "-q", "-m", "late"]);
    }
    let lost = at("detached", &["rev-parse", "HEAD"]);
    std::fs::write(folder(&repo, "switched").join("late"), "stashed").expect("a file");
    at("switched", &["stash", "-q"]);
    assert_eq!(row(&repo, "detached")["unreferenced_commits"], 1);
    assert_eq!(row(&repo, "switched")["head"], "on mine");
    stays(&repo, "detached", "not committed");
    stays(&repo, "switched", "not committed");
    repo.crew(["worktree", "remove", "last", "detached", "switched", "--branch"]).exits(0);
    assert_eq!(repo.git(&["rev-parse", &keep(&repo, "detached")]), lost);
    assert_eq!(repo.git(&["show", "mine:late"]), "switched");
    assert_eq!(repo.git(&["show", "stash@{0}:late"]), "stashed", "a stash is the repository's");
    is_sound(&repo);
}

#[test]
fn a_repository_inside_stays_until_its_history_is_given_up() {
    let repo = one();
    merge(&repo, "fix");
    let fix = folder(&repo, "fix");
    // Where git itself does not look.
    let inner = fix.join("target/lib");
    std::fs::create_dir_all(&inner).expect("a folder");
    let inner = inner.display().to_string();
    repo.git(&["init", "-q", &inner]);
    repo.git(&["-C", &inner, "commit", "-q", "--allow-empty", "-m", "nowhere else"]);
    stays(&repo, "fix", "a repository of its own inside: target/lib");
    let refused = repo.crew(["worktree", "remove", "last", "fix"]).exits(4);
    assert!(refused.err.contains("target/lib") && refused.err.contains("--force"), "{}", refused.err);
    assert!(fix.exists());
    repo.crew(["worktree", "remove", "last", "fix", "--force"]).exits(0);
    assert!(!fix.exists());
}

#[test]
fn a_folder_that_is_not_the_tasks_own_is_never_touched() {
    for (what, words) in [
        ("git-of-main", "it belongs to another repository"),
        ("link-home", "it is a link"),
        ("link-main", "it is a link"),
        ("file", "it is not a folder"),
    ] {
        let repo = one();
        merge(&repo, "fix");
        let fix = folder(&repo, "fix");
        let precious = repo.home.join("precious");
        std::fs::write(&precious, "mine").expect("a file");
        let link = |to: &PathBuf| {
            std::fs::rename(&fix, repo.beside("moved")).expect("it moves");
            std::os::unix::fs::symlink(to, &fix).expect("a link");
        };
        match what {
            "git-of-main" => {
                let main = format!("gitdir: {}\n", repo.root.join(".git").display());
                std::fs::write(fix.join(".git"), main).expect("a file");
            }
            "link-home" => link(&repo.home),
            "link-main" => link(&repo.root),
            _ => {
                std::fs::rename(&fix, repo.beside("moved")).expect("it moves");
                std::fs::write(&fix, "a file").expect("a file");
            }
        }
        let refs = repo.git(&["for-each-ref"]);
        stays(&repo, "fix", words);
        for more in [&[][..], &["--force"], &["--branch", "--force"]] {
            let args = [&["worktree", "remove", "last", "fix"], more].concat();
            let refused = repo.crew(&args).exits(4);
            assert!(refused.err.contains(words), "{what}: {}", refused.err);
        }
        assert_eq!(repo.git(&["for-each-ref"]), refs, "{what}");
        assert_eq!(std::fs::read_to_string(&precious).expect("it is there"), "mine");
        assert!(repo.root.join("README.md").exists() && repo.root.join(".git/HEAD").exists(), "{what}");
        assert!(of_kind(&repo.events(), "worktree_removed").is_empty(), "{what}");
        assert_eq!(row(&repo, "fix")["folder"], "not_own");
        is_sound(&repo);
    }
}

#[test]
fn a_folder_that_has_lost_its_git_is_removed_by_name_with_all_of_it_kept() {
    let repo = one();
    merge(&repo, "fix");
    let fix = folder(&repo, "fix");
    std::fs::remove_file(fix.join(".git")).expect("it goes");
    std::fs::write(fix.join("late"), "late").expect("a file");
    let status = repo.git(&["status", "--porcelain"]);
    stays(&repo, "fix", "its `.git` is gone");
    repo.crew(["worktree", "remove", "last", "fix"]).exits(0);
    assert!(!fix.exists());
    assert_eq!(repo.git(&["show", &format!("{}:late", keep(&repo, "fix"))]), "late");
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    is_sound(&repo);
}

#[test]
fn what_is_locked_or_in_use_is_left_and_said() {
    let repo = one();
    merge(&repo, "fix");
    let fix = folder(&repo, "fix");
    let path = fix.display().to_string();
    let mut sleeper = repo.plain("sleep").arg("300").current_dir(&fix).spawn().expect("it starts");
    if cfg!(target_os = "linux") {
        stays(&repo, "fix", &format!("in use by sleep (pid {})", sleeper.id()));
        repo.crew(["worktree", "remove", "last", "fix", "--force"]).exits(4);
    }
    sleeper.kill().expect("it is ours");
    sleeper.wait().expect("it ends");
    repo.git(&["worktree", "unlock", &path]);
    repo.git(&["worktree", "lock", "--reason", "I need it", &path]);
    stays(&repo, "fix", "it is locked: I need it");
    repo.crew(["worktree", "remove", "last", "fix", "--force"]).exits(4);
    repo.git(&["worktree", "unlock", &path]);
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(!fix.exists());
}

#[test]
fn a_branch_that_is_checked_out_elsewhere_stays() {
    let repo = one();
    merge(&repo, "fix");
    let fix = folder(&repo, "fix").display().to_string();
    repo.git(&["-C", &fix, "switch", "-q", "--detach"]);
    let mine = repo.beside("mine").display().to_string();
    repo.git(&["worktree", "add", "-q", &mine, &branch(&repo, "fix")]);
    let pruned = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(pruned.err.contains("another work tree has it checked out"), "{}", pruned.err);
    assert!(!folder(&repo, "fix").exists() && has_branch(&repo, "fix"));
    assert_eq!(repo.git(&["-C", &mine, "status", "--porcelain"]), "");
}

#[test]
fn a_removal_that_was_killed_is_finished_by_the_same_command() {
    // What git is asked for when crew is killed, and what is done of it by then.
    let all = "/usr/bin/git \"$@\"; ";
    let half = "for folder; do :; done; rm \"$folder/.git\" \"$folder/README.md\"; ";
    for (asked, done) in [
        ("*commit-tree*", all),
        ("*update-ref*refs/crew/keep/*", ""),
        ("*update-ref*refs/crew/keep/*", all),
        ("*worktree?remove*", ""),
        ("*worktree?remove*", half),
        ("*worktree?remove*", all),
        ("*update-ref?-d*", ""),
        ("*update-ref?-d*", all),
    ] {
        let repo = one();
        let fix = folder(&repo, "fix");
        std::fs::write(fix.join("late"), "late").expect("a file");
        let tip = repo.git(&["rev-parse", &branch(&repo, "fix")]);
        repo.program(
            "git",
            &format!("case \"$*\" in {asked}) {done}kill -9 $PPID; exit 1;; esac\nexec /usr/bin/git \"$@\""),
        );
        let args = ["worktree", "remove", "last", "fix", "--branch", "--force"];
        let mut killed = repo.command(args);
        killed.env("PATH", format!("{}:/usr/bin:/bin", repo.programs().display()));
        assert_eq!(run_command(killed).exit, -1, "{asked}: it was killed");
        repo.crew(args).exits(0);
        assert!(!fix.exists() && !has_branch(&repo, "fix"), "{asked}");
        assert_eq!(repo.git(&["show", &format!("{}:late", keep(&repo, "fix"))]), "late", "{asked}");
        repo.git(&["merge-base", "--is-ancestor", tip.trim(), &keep(&repo, "fix")]);
        let kept = repo.git(&["for-each-ref", "--format=%(refname)", "refs/crew/keep/"]);
        assert_eq!(kept, format!("{}\n", keep(&repo, "fix")), "{asked}: once");
        assert!(!of_kind(&repo.events(), "worktree_removed").is_empty());
        is_sound(&repo);
        repo.crew(args).exits(0);
    }
}

#[test]
fn a_folder_that_is_gone_leaves_its_branch_and_prune_tidies_up() {
    let repo = repo_with(&[("fix", "", "echo new >new.txt"), ("open", "", "echo o >o.txt")]);
    merge(&repo, "fix");
    for task in ["fix", "open"] {
        std::fs::remove_dir_all(folder(&repo, task)).expect("it goes");
    }
    assert_eq!(row(&repo, "fix")["folder"], "gone");
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(!has_branch(&repo, "fix") && has_branch(&repo, "open"));
    assert_eq!(repo.crew(["diff", "last", "open", "--name-only"]).exits(0).out, "o.txt\n");
    repo.crew(["worktree", "remove", "last", "open"]).exits(0);
    assert!(has_branch(&repo, "open") && !repo.git(&["worktree", "list"]).contains("open"));
}

#[test]
fn commits_that_only_a_folder_had_which_is_gone_are_kept() {
    let repo = repo_with(&[("fix", "", "echo new >new.txt"), ("open", "", "echo o >o.txt")]);
    merge(&repo, "fix");
    let mut lost = Vec::new();
    for (task, detached) in [("fix", true), ("open", false)] {
        let path = folder(&repo, task).display().to_string();
        let at = |args: &[&str]| repo.git(&[&["-C", &path], args].concat());
        if detached {
            at(&["switch", "-q", "--detach"]);
        }
        at(&["commit", "-q", "--allow-empty", "-m", "late"]);
        lost.push(at(&["rev-parse", "HEAD"]));
        std::fs::remove_dir_all(folder(&repo, task)).expect("it goes");
    }
    repo.git(&["update-ref", "-d", &format!("refs/heads/{}", branch(&repo, "open"))]);
    let said = repo.crew(["worktree", "prune", "--yes"]).exits(0).err;
    assert!(said.contains(&keep(&repo, "fix")), "{said}");
    repo.crew(["worktree", "remove", "last", "open"]).exits(0);
    for (task, lost) in ["fix", "open"].into_iter().zip(lost) {
        assert_eq!(repo.git(&["rev-parse", &keep(&repo, task)]), lost, "{task}");
    }
    is_sound(&repo);
}

#[test]
fn what_no_record_knows_is_listed_and_left() {
    let repo = one();
    merge(&repo, "fix");
    let stray = repo.beside("stray").display().to_string();
    repo.git(&["worktree", "add", "-q", "-b", "crew/zzzzzzzzzzzz/lost", &stray]);
    repo.git(&["branch", "crew/yyyyyyyyyyyy/alone"]);
    repo.git(&["branch", "crew/mine"]);
    let listed = repo.crew(["worktree", "--json"]).exits(0).json();
    let rows = listed["data"].as_array().expect("a list");
    let strays: Vec<&Value> =
        rows.iter().filter(|row| row["recorded"] == false).map(|row| &row["branch"]).collect();
    assert_eq!(strays, ["crew/zzzzzzzzzzzz/lost", "crew/yyyyyyyyyyyy/alone"]);
    let said = repo.crew(["worktree", "prune", "--yes"]).exits(0).err;
    assert!(said.contains("no run here knows"), "{said}");
    assert!(PathBuf::from(&stray).exists() && has(&repo, "refs/heads/crew/yyyyyyyyyyyy/alone"));
}

#[test]
fn an_agent_removes_nothing() {
    let repo = one();
    merge(&repo, "fix");
    for args in [&["worktree", "remove", "last", "fix"][..], &["worktree", "prune", "--yes"]] {
        let mut command = repo.command(args);
        command.env("CREW_TOKEN", "t");
        let refused = run_command(command).exits(4);
        assert!(refused.err.contains("an agent cannot decide for a person"), "{}", refused.err);
    }
    assert!(folder(&repo, "fix").exists());
}

#[test]
fn work_that_could_not_be_kept_is_neither_empty_nor_accepted_nor_merged() {
    let repo = TestRepo::new();
    carry_out(
        &repo,
        &[
            ("lost", "", "echo w >w; d=$PWD; cd /; rm -rf \"$d\""),
            ("moved", "", "echo w >w; d=$PWD; cd /; mv \"$d\" \"$d.away\""),
        ],
        1,
    );
    let restore = repo.crew(["restore"]).exits(0);
    assert!(restore.err.contains("nothing is kept") && !restore.err.contains("danger"), "{}", restore.err);
    let list = repo.crew(["worktree", "list"]).exits(0);
    assert!(list.out.contains("not kept") && !list.out.contains("empty"), "{}", list.out);
    let prune = repo.crew(["worktree", "prune", "--yes"]).exits(0);
    assert!(
        prune.out.contains("not kept") || prune.err.contains("not be kept"),
        "{}{}",
        prune.out,
        prune.err
    );
    let refused = repo.crew(["accept", "lost"]).exits(4);
    assert!(
        refused.err.contains("could not be kept") && refused.err.contains("it is not there"),
        "{}",
        refused.err
    );
    // Where a person finds it again, it is work like any other.
    let away = folder(&repo, "moved").with_extension("away");
    std::fs::rename(&away, folder(&repo, "moved")).expect("a folder");
    repo.crew(["accept", "moved"]).exits(0);
    let list = repo.crew(["worktree", "list"]).exits(0).out;
    let moved = list.lines().find(|line| line.contains(" moved ")).expect("a line");
    assert!(!moved.contains("not kept"), "{list}");
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    let merge = repo.crew(["merge", "last"]).exits(0);
    assert!(
        merge.err.contains("lost") && merge.err.contains("could not be kept"),
        "{}{}",
        merge.out,
        merge.err
    );
    assert!(repo.git(&["for-each-ref", "refs/heads/crew"]).lines().count() == 2);
}
