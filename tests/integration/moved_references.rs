//! A branch of the user's that an agent moves to its own work from its work tree: nobody has verified what is there then.

use crate::reviews::{APPROVES, reviewer, with_branch};
use crate::support::{TestRepo, of_kind, task};
use crate::worktrees::{SUBMIT, agent, branch, run, steps};
use serde_json::json;

/// git as an agent calls it.
const GIT: &str = "git -c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";

fn commits(file: &str) -> String {
    format!("echo {file} >{file}; {GIT} add -A; {GIT} commit -qm {file}")
}

/// Does what a user does in their own folder, while an agent is at work.
fn user_commits(file: &str) -> String {
    format!("(cd \"$CREW_REPOSITORY\"; echo {file} >{file}; {GIT} add {file}; {GIT} commit -qm {file})")
}

fn tip(repo: &TestRepo, of: &str) -> String {
    repo.git(&["rev-parse", of]).trim().to_owned()
}

#[test]
fn a_branch_that_an_agent_moved_to_its_work_is_told_and_counts_for_no_merge() {
    let repo = TestRepo::new();
    let moves = format!("{}; git update-ref refs/heads/main HEAD", commits("mine"));
    steps(&repo, "moves", &[("a", "", &moves), ("after", "a", "true")]);
    let before = tip(&repo, "main");
    let result = run(&repo, "moves", 1);
    let after = tip(&repo, "main");
    let a = task(&result, "a");
    assert_eq!(a["state"], "needs_review", "{a:#}");
    let reason = a["reason"].as_str().expect("a reason");
    let back = format!("git update-ref refs/heads/main {before} {after}");
    let told =
        format!("refs/heads/main was moved to its unverified work, {} -> {}", &before[..7], &after[..7]);
    assert!(before != after && reason.contains(&told) && reason.contains(&back), "{reason}");
    assert_eq!(task(&result, "after")["state"], "skipped");
    let events = repo.events();
    let moved = &of_kind(&events, "references_moved")[0]["moved"];
    assert_eq!(*moved, json!([{"reference": "refs/heads/main", "from": before, "to": after}]));

    // What is there is not taken for merged, nor may its branch go.
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    let merge = repo.crew(["merge", "last"]).exits(0);
    assert!(!merge.out.contains("holds the work") && merge.err.contains(&back), "{}{}", merge.out, merge.err);
    let list = repo.crew(["worktree", "list", "--json"]).exits(0).json();
    let listed = list["data"].as_array().expect("trees").iter().find(|tree| tree["task"] == "a").expect("a");
    assert_eq!((&listed["work"], &listed["unmerged_commits"]), (&json!("not_merged"), &json!(1)), "{list:#}");
    assert_eq!(listed["prunable"], false);

    // Set back as it says, all is as ever.
    let words: Vec<&str> = back.split(' ').skip(1).collect();
    repo.git(&words);
    assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=no"]), "");
    repo.crew(["accept", "a"]).exits(0);
    repo.crew(["merge", "last"]).exits(0);
    assert_eq!(repo.git(&["show", "main:mine"]), "mine\n");
    let list = repo.crew(["worktree", "list", "--json"]).exits(0).json();
    let listed = list["data"].as_array().expect("trees").iter().find(|tree| tree["task"] == "a").expect("a");
    assert_eq!(listed["work"], "merged");
}

#[test]
fn however_an_agent_moves_a_branch_it_is_seen() {
    let repo = TestRepo::new();
    repo.git(&["branch", "other"]);
    let ways = [
        ("resets", format!("{}; git branch -qf other HEAD", commits("b"))),
        ("pushes", format!("{}; git push -qf . HEAD:other", commits("c"))),
        ("merges", format!("{}; cd \"$CREW_REPOSITORY\"; {GIT} merge -q crew/$CREW_RUN/$CREW_TASK", commits("d"))),
        ("hides", "echo e >e; git add -A; c=$(git -c user.name=A -c user.email=a@e commit-tree -p HEAD -m x \"$(git write-tree)\"); \
             git update-ref HEAD $c; git update-ref refs/heads/main $c; rm -rf \"$(git rev-parse --git-dir)\"/logs".to_owned()),
        // It ends with nothing that could be kept, and would be tried again.
        ("leaves", format!("{}; git branch -qf other HEAD; rm -rf \"$PWD\"; cd /; exit 3", commits("f"))),
    ];
    for (name, script) in &ways {
        steps(&repo, name, &[("a", "", script)]);
        let result = run(&repo, name, 1);
        let a = task(&result, "a");
        let reason = a["reason"].as_str().expect("a reason");
        assert!(
            a["state"] == "needs_review" && reason.contains("was moved to its unverified work"),
            "{name}: {a:#}"
        );
        // The user's folder goes with what was moved under it.
        repo.git(&["reset", "-q", "--hard"]);
    }
}

#[test]
fn a_user_who_commits_meanwhile_is_not_taken_for_the_agent() {
    let repo = TestRepo::new();
    repo.git(&["branch", "side"]);
    let beside = user_commits("by-user");
    let branched = format!("(cd \"$CREW_REPOSITORY\"; {GIT} switch -q side)");
    let back = format!("(cd \"$CREW_REPOSITORY\"; {GIT} switch -q main; {GIT} merge -q side)");
    let ways = [
        ("beside", format!("{beside}; {}", commits("b"))),
        ("forward", format!("{}; {GIT} merge -q main; {}", user_commits("u1"), commits("c"))),
        ("rebases", format!("{}; {}; {GIT} rebase -q main", commits("d"), user_commits("u2"))),
        ("joins", format!("{}; {}; {GIT} merge -q --no-edit main", commits("e"), user_commits("u3"))),
        (
            "elsewhere",
            format!("{branched}; {}; {back}; {GIT} merge -q main; {}", user_commits("u4"), commits("f")),
        ),
    ];
    for (name, script) in &ways {
        steps(&repo, name, &[("a", "", script)]);
        let before = tip(&repo, "main");
        let result = run(&repo, name, 0);
        assert!(tip(&repo, "main") != before, "{name}");
        assert_eq!(task(&result, "a")["state"], "completed", "{name}");
        assert_eq!(of_kind(&repo.events(), "references_moved").len(), 0, "{name}");
    }
}

#[test]
fn a_branch_or_tag_that_an_agent_made_for_itself_is_told_and_not_held_against_it() {
    let repo = TestRepo::new();
    steps(
        &repo,
        "tags",
        &[("a", "", &format!("{}; git branch mine; {GIT} tag -m v v1; git tag v2 HEAD~1", commits("a")))],
    );
    run(&repo, "tags", 0);
    let events = repo.events();
    let moved = of_kind(&events, "references_moved")[0]["moved"].clone();
    let names: Vec<&str> =
        moved.as_array().expect("moved").iter().filter_map(|one| one["reference"].as_str()).collect();
    assert_eq!(names, ["refs/heads/mine", "refs/tags/v1"]);
    let told = repo.crew(["events", "last"]).exits(0).out;
    assert!(told.contains("refs/heads/mine is new, at"), "{told}");
    assert_eq!(tip(&repo, "mine"), tip(&repo, &branch(&repo, "a")));
}

#[test]
fn a_reading_role_that_moves_a_branch_has_failed() {
    let repo = TestRepo::new();
    agent(&repo, "reads", &format!("{}; git update-ref refs/heads/main HEAD; {SUBMIT}", commits("a")));
    repo.workflow("reads", "## a\nrole: reviewer\nagent: reads\n\nDo it.\n");
    let result = run(&repo, "reads", 1);
    let a = task(&result, "a");
    assert_eq!((&a["state"], &a["error_kind"]), (&json!("failed"), &json!("read_only_violated")), "{a:#}");
    let reason = a["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("refs/heads/main was moved"), "{reason}");
}

#[test]
fn two_that_work_at_once_are_not_taken_for_each_other() {
    let repo = TestRepo::new();
    let gate = repo.gate("moved");
    let gate = gate.display();
    let moves = format!("{}; git update-ref refs/heads/main HEAD; touch {gate}.moved", commits("m"));
    let takes = format!(
        "while [ ! -e {gate}.moved ]; do sleep 0.05; done; {GIT} merge -q main; {}; touch {gate}.taken",
        commits("t")
    );
    steps(&repo, "both", &[("moves", "", &moves), ("takes", "", &takes)]);
    let result = run(&repo, "both", 1);
    assert_eq!(task(&result, "moves")["state"], "needs_review");
    assert_eq!(task(&result, "takes")["state"], "completed", "{:#}", task(&result, "takes"));
}

#[test]
fn what_an_agent_deletes_or_sets_back_is_kept_and_told_with_the_way_back() {
    let repo = TestRepo::new();
    let lost = ["refs/heads/back", "refs/heads/gone", "refs/heads/merged", "refs/tags/v1"];
    repo.git(&["branch", "merged"]);
    for name in ["gone", "back"] {
        repo.git(&["switch", "-qc", name, "main"]);
        repo.commit(name);
    }
    repo.git(&["switch", "-q", "main"]);
    repo.git(&["-c", "user.name=U", "-c", "user.email=u@e", "tag", "-a", "-m", "said", "v1"]);
    let before = lost.map(|name| tip(&repo, name));
    let deletes = "git branch -qD gone merged; git tag -d v1 >&2; git update-ref refs/heads/back main";
    steps(&repo, "deletes", &[("a", "", &format!("{}; {deletes}", commits("a")))]);
    let ran = repo.crew(["run", "the goal", "--workflow", "deletes", "--worktree"]).exits(0);
    let events = repo.events();
    let moved = of_kind(&events, "references_moved")[0]["moved"].as_array().expect("references").clone();
    assert_eq!(moved.len(), lost.len(), "{moved:#?}");
    assert!(repo.crew(["events", "last"]).exits(0).out.contains("refs/heads/back was set back or replaced"));
    for ((name, before), moved) in lost.iter().zip(&before).zip(&moved) {
        assert_eq!(
            (&moved["reference"], &moved["from"], &moved["lost"]),
            (&json!(name), &json!(before), &json!(true))
        );
        let now = if *name == "refs/heads/back" { tip(&repo, "main") } else { "\"\"".to_owned() };
        let back = format!("git update-ref {name} {before} {now}");
        assert!(ran.err.contains(&back), "{back}: {}", ran.err);
        // What another branch holds needs no holding.
        let held = moved["held"].as_str();
        assert_eq!(held.is_none(), *name == "refs/heads/merged", "{moved:#}");
        assert!(held.is_none_or(|held| tip(&repo, held) == *before && held.starts_with("refs/crew/keep/")));
        let mut shell = repo.plain("sh");
        assert!(shell.arg("-c").arg(&back).status().expect("a shell").success(), "{back}");
    }
    assert_eq!(lost.map(|name| tip(&repo, name)), before);
}

#[test]
fn a_branch_that_was_set_back_and_merged_by_hand_holds_the_work() {
    let repo = TestRepo::new();
    steps(&repo, "moves", &[("a", "", &format!("{}; git update-ref refs/heads/main HEAD", commits("mine")))]);
    let before = tip(&repo, "main");
    run(&repo, "moves", 1);
    repo.git(&["update-ref", "refs/heads/main", &before]);
    repo.git(&["merge", "-q", "--ff-only", &branch(&repo, "a")]);
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    repo.crew(["merge", "last"]).exits(0);
    let events = repo.events();
    let merged = of_kind(&events, "work_merged");
    assert_eq!((merged.len(), &merged[0]["by"]), (1, &json!("by hand")));
    let list = repo.crew(["worktree", "list", "--json"]).exits(0).json();
    assert_eq!(list["data"][0]["work"], "merged");
}

/// What a reviewer does in its work tree, and what becomes of the references that are looked at afterwards.
fn reviewed_by(repo: &TestRepo, name: &str, script: &str) {
    reviewer(repo, name, &format!("{script}\n{APPROVES}"));
}

#[test]
fn a_reviewer_that_moves_what_is_the_users_came_to_no_verdict_and_the_report_says_how_it_is_set_back() {
    let repo = with_branch();
    repo.git(&["branch", "gone"]);
    repo.git(&["branch", "ahead", "main"]);
    repo.git(&["branch", "a$(b)'c"]);
    repo.git(&["tag", "v1"]);
    let names = ["refs/heads/a$(b)'c", "refs/heads/ahead", "refs/heads/gone", "refs/tags/v1"];
    let before = names.map(|name| tip(&repo, name));
    let moves =
        "git branch -qD gone \"a\\$(b)'c\"; git tag -f v1 main >&2; git update-ref refs/heads/ahead HEAD";
    reviewed_by(&repo, "moves", moves);
    let forms = [
        "--format",
        "json=r.json",
        "--format",
        "markdown=r.md",
        "--format",
        "junit=r.xml",
        "--format",
        "gitlab=g",
    ];
    let told = repo.crew(["review", "--reviewer", "moves"].iter().chain(&forms)).exits(6);
    assert!(
        told.out.contains("incomplete  moves: it may change nothing, and while it reviewed"),
        "{}",
        told.out
    );
    let read = |name: &str| std::fs::read_to_string(repo.root.join(name)).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&read("r.json")).expect("JSON");
    assert_eq!(report["result"], "incomplete");
    let moved = report["moved"].as_array().expect("what was moved");
    assert_eq!(moved.len(), names.len(), "{moved:#?}");
    let summary = repo.crew(["review", "show", "last", "--format", "github"]).exits(6).out;
    for (name, before) in names.iter().zip(&before) {
        let moved = moved.iter().find(|moved| moved["reference"] == *name).expect("it is named");
        assert_eq!((&moved["reviewers"], &moved["from"]), (&json!(["moves"]), &json!(before)));
        let back = moved["back"].as_str().expect("a command");
        for text in [&told.out, &read("r.md")] {
            assert!(text.contains(back), "{back}: {text}");
        }
        // Some of these escape what is in it.
        let start = format!("git update-ref {}", if name.contains('$') { "" } else { name });
        for text in [&read("r.xml"), &read("g"), &summary] {
            assert!(text.contains(&start), "{start}: {text}");
        }
        let mut shell = repo.plain("sh");
        assert!(shell.arg("-c").arg(back).status().expect("a shell").success(), "{back}");
    }
    assert_eq!(names.map(|name| tip(&repo, name)), before);
    // Nobody has come to a verdict, so it is asked again; and one that moves nothing has nothing to set back.
    reviewed_by(&repo, "moves", "");
    let clean = repo.crew(["review", "--reviewer", "moves", "--json"]).exits(0).json();
    assert_eq!((&clean["moved"], &clean["result"]), (&json!([]), &json!("clean")));
}

#[test]
fn a_user_who_rebases_or_merges_meanwhile_is_not_taken_for_the_reviewer() {
    let repo = with_branch();
    repo.git(&["branch", "side", "main"]);
    let beside = repo.beside("linked");
    repo.git(&["worktree", "add", "-q", &beside.display().to_string(), "side"]);
    let amends = format!("(cd \"$CREW_REPOSITORY\"; {GIT} commit -q --amend -m other)");
    let merges = format!("(cd {}; {GIT} merge -q feature)", beside.display());
    for (name, script) in [("amends", &amends), ("merges", &merges)] {
        reviewed_by(&repo, name, script);
        let before = tip(&repo, "feature") + &tip(&repo, "side");
        let told = repo.crew(["review", "feature", "--reviewer", name, "--json"]).exits(0).json();
        assert_eq!((&told["moved"], &told["result"]), (&json!([]), &json!("clean")), "{name}");
        assert!(tip(&repo, "feature") + &tip(&repo, "side") != before, "{name}");
    }
}
