//! Tasks with a work tree of their own: where they begin, what is kept of them, and that the user's tree stays as it is.

use crate::support::{TestRepo, of_kind, start_command, task, wait_until};
use serde_json::{Value, json};
use std::path::Path;

pub const SUBMIT: &str = "crew submit result --summary done --confidence 0.9 --rationale r";
/// git as an agent calls it.
const GIT: &str = "git -c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";

/// Makes an agent of a shell script; it may be given any role.
pub fn agent(repo: &TestRepo, name: &str, script: &str) {
    let path = repo.beside(&format!("{name}.sh"));
    std::fs::write(&path, format!("set -e\n{script}\n")).expect("a script");
    repo.set(
        "agents",
        name,
        json!({"command": format!("sh {} ", path.display()), "prompt": "stdin", "writes": true}),
    );
}

/// Makes a workflow of steps in work trees, each a name, those it depends on, and a shell script that does it.
pub fn steps(repo: &TestRepo, name: &str, steps: &[(&str, &str, &str)]) {
    let mut text = String::new();
    for (id, after, script) in steps {
        agent(repo, &format!("does-{id}"), &format!("{script}\n{SUBMIT}"));
        let after = if after.is_empty() { String::new() } else { format!("dependsOn: {after}\n") };
        text.push_str(&format!("## {id}\nrole: executor\nagent: does-{id}\n{after}\nDo it.\n\n"));
    }
    repo.workflow(name, &text);
}

#[track_caller]
pub fn run(repo: &TestRepo, name: &str, exit: i32) -> Value {
    repo.crew(["run", "the goal", "--workflow", name, "--worktree", "--json"]).exits(exit).json()
}

/// Returns the branch of a task of the newest run.
pub fn branch(repo: &TestRepo, id: &str) -> String {
    let kept = repo.events();
    let added = of_kind(&kept, "worktree_added");
    let found = added.iter().find(|event| event["task"] == id).expect("a work tree");
    found["branch"].as_str().expect("a branch").to_owned()
}

fn show(repo: &TestRepo, what: &str) -> String {
    repo.git(&["show", what])
}

#[test]
fn each_task_works_on_its_own_branch_and_the_users_tree_stays_as_it_is() {
    let repo = TestRepo::new();
    steps(
        &repo,
        "two",
        &[
            ("left", "", "echo left >>README.md; mkdir deep; echo new >'deep/ü x'; pwd >&2"),
            ("right", "", "echo right >>README.md; rm -f gone; chmod +x README.md"),
        ],
    );
    let (head, status) = (repo.git(&["rev-parse", "HEAD"]), repo.git(&["status", "--porcelain"]));
    let run = run(&repo, "two", 0);
    assert_eq!(repo.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(repo.git(&["status", "--porcelain"]), status);
    let left = branch(&repo, "left");
    assert_eq!(left, format!("crew/{}/left", run["run"].as_str().expect("an id")));
    assert_eq!(show(&repo, &format!("{left}:deep/ü x")), "new\n");
    assert!(show(&repo, &format!("{left}:README.md")).ends_with("left\n"));
    let right = branch(&repo, "right");
    assert!(show(&repo, &format!("{right}:README.md")).ends_with("right\n"));
    assert!(repo.git(&["ls-tree", &right, "README.md"]).starts_with("100755"));
    let message = repo.git(&["log", "-1", "--format=%B", &left]);
    for line in ["left: done", "Crew-Task: left", "Crew-Attempt: 1", "Crew-Agent: does-left"] {
        assert!(message.contains(line), "{message}");
    }
    let worktree = &task(&run, "left")["worktree"];
    assert_eq!((&worktree["base"], &worktree["branch"]), (&json!(head.trim()), &json!(left)));
    assert_eq!(worktree["tip"], repo.git(&["rev-parse", &left]).trim());
    assert_eq!(worktree["path"], format!(".crew/worktrees/{}/left", run["run"].as_str().expect("an id")));
    let folder = repo.root.join(worktree["path"].as_str().expect("a path"));
    assert!(repo.log("left", 1).contains(&folder.display().to_string()));
    repo.git(&["fsck", "--strict"]);
}

#[test]
fn a_task_begins_with_the_work_of_those_it_depends_on() {
    let repo = TestRepo::new();
    steps(
        &repo,
        "chain",
        &[
            ("a", "", "echo a >a"),
            ("b", "", "echo b >b"),
            ("next", "a", "test -f a; test ! -f b; echo next >next"),
            ("both", "next, b", "test -f a; test -f b; test -f next; echo both >both"),
        ],
    );
    let run = run(&repo, "chain", 0);
    let both = branch(&repo, "both");
    assert_eq!(repo.git(&["ls-tree", "--name-only", &both]), "README.md\na\nb\nboth\nnext\n");
    assert_eq!(task(&run, "both")["worktree"]["from"], json!(["next", "b"]));
    let next = task(&run, "next")["worktree"].clone();
    assert_eq!(next["base"], task(&run, "a")["worktree"]["tip"]);
}

#[test]
fn predecessors_that_do_not_go_together_fail_the_task_and_nothing_is_dropped() {
    let repo = TestRepo::new();
    steps(
        &repo,
        "clash",
        &[("a", "", "echo a >README.md"), ("b", "", "echo b >README.md"), ("both", "a, b", "true")],
    );
    let run = run(&repo, "clash", 1);
    let both = task(&run, "both");
    assert_eq!(
        (&both["state"], &both["error_kind"]),
        (&json!("failed"), &json!("merge_conflict")),
        "{both:#}"
    );
    let said = repo.crew(["explain", "last", "both", "--json"]).exits(0).json();
    let next: Vec<&str> =
        said["next"].as_array().expect("steps").iter().filter_map(|step| step["command"].as_str()).collect();
    assert!(next[0].ends_with(" a") && next[1].ends_with(" b"), "{next:?}");
    assert!(
        next.iter().all(|command| !command.contains("crew logs") && !command.contains("requeue")),
        "{next:?}"
    );
    for command in &next {
        assert!([0, 1].contains(&repo.crew(command.split(' ').skip(1)).exit), "{command}");
    }
    let reason = both["reason"].as_str().expect("a reason");
    assert!(
        reason.contains("what b changed does not go together with a") && reason.contains("README.md"),
        "{reason}"
    );
    assert_eq!(show(&repo, &format!("{}:README.md", branch(&repo, "a"))), "a\n");
    assert_eq!(show(&repo, &format!("{}:README.md", branch(&repo, "b"))), "b\n");
}

#[test]
fn all_that_an_agent_leaves_is_kept_also_where_it_failed_or_committed_itself() {
    let repo = TestRepo::new();
    repo.write(".gitignore", "target\n");
    repo.commit("ignore");
    steps(
        &repo,
        "kept",
        &[
            ("fails", "", "echo half >half; mkdir target; echo x >target/x; exit 3"),
            ("commits", "", &format!("echo c >c; {GIT} add -A; {GIT} commit -qm mine; echo more >more")),
            (
                "moves",
                "",
                &format!("git checkout -q -b elsewhere; echo m >m; {GIT} add -A; {GIT} commit -qm there"),
            ),
            ("detached", "", "git checkout -q --detach; echo d >d"),
        ],
    );
    let run = run(&repo, "kept", 1);
    let fails = task(&run, "fails");
    assert_eq!(fails["state"], "failed");
    let failed = branch(&repo, "fails");
    assert_eq!(repo.git(&["ls-tree", "-r", "--name-only", &failed]), ".gitignore\nREADME.md\nhalf\n");
    let commits = branch(&repo, "commits");
    assert_eq!(repo.git(&["log", "--format=%s", "-2", &commits]), "commits: done\nmine\n");
    assert_eq!(show(&repo, &format!("{commits}:more")), "more\n");
    assert_eq!(show(&repo, &format!("{}:m", branch(&repo, "moves"))), "m\n");
    assert_eq!(show(&repo, &format!("{}:d", branch(&repo, "detached"))), "d\n");
}

#[test]
fn a_second_attempt_goes_on_in_the_folder_of_the_first() {
    let repo = TestRepo::new();
    agent(
        &repo,
        "again",
        &format!("if test -f first; then echo second >second; else echo first >first; fi; {SUBMIT}"),
    );
    repo.workflow(
        "again",
        "## work\nrole: executor\nagent: again\nretries: 1\nverify: test -f second\n\nDo it.",
    );
    let run = run(&repo, "again", 0);
    let work = task(&run, "work");
    assert_eq!((&work["attempts"], &work["state"]), (&json!(2), &json!("completed")));
    let branch = branch(&repo, "work");
    assert_eq!(repo.git(&["ls-tree", "--name-only", &branch]), "README.md\nfirst\nsecond\n");
    let events = repo.events();
    assert_eq!((of_kind(&events, "worktree_added").len(), of_kind(&events, "work_kept").len()), (1, 2));
}

#[test]
fn one_that_only_reads_is_judged_by_its_own_tree_and_not_by_what_others_do_meanwhile() {
    let repo = TestRepo::new();
    let gate = repo.gate("reading");
    let wait = format!("while test -e {}; do sleep 0.05; done", gate.display());
    agent(&repo, "reads", &format!("{wait}\n{SUBMIT}"));
    let open = format!("echo w >w; {GIT} add -A; {GIT} commit -qm w; rm {}", gate.display());
    agent(&repo, "writes", &format!("{open}\n{SUBMIT}"));
    repo.workflow(
        "both",
        "## look\nrole: explorer\nagent: reads\n\nLook.\n\n## work\nrole: executor\nagent: writes\n\nDo it.",
    );
    let run = run(&repo, "both", 0);
    assert_eq!(task(&run, "look")["state"], "completed");
    let look = task(&run, "look")["worktree"].clone();
    assert_eq!(look["tip"], look["base"], "nothing of it is to be merged");
}

#[test]
fn verification_runs_in_the_tasks_own_tree_and_its_files_go_there() {
    let repo = TestRepo::new();
    let handed_in = r#"{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"made","mode":"new","contents":"by json\n"}]}"#;
    agent(&repo, "hands-in", &format!("printf '%s' '{handed_in}' | crew submit result --json -"));
    repo.workflow(
        "one",
        "## work\nrole: executor\nagent: hands-in\nverify: test -f made && pwd >&2\n\nDo it.",
    );
    let run = run(&repo, "one", 0);
    assert_eq!(task(&run, "work")["state"], "completed");
    assert_eq!(show(&repo, &format!("{}:made", branch(&repo, "work"))), "by json\n");
    assert!(!repo.root.join("made").exists());
}

#[test]
fn what_is_typed_in_a_tasks_work_tree_is_about_its_run() {
    let repo = TestRepo::new();
    steps(&repo, "one", &[("work", "", "echo w >w; crew status --json last >&2")]);
    let run = run(&repo, "one", 0);
    let id = run["run"].as_str().expect("an id");
    assert!(repo.log("work", 1).contains(id), "{}", repo.log("work", 1));
    for folder in [format!(".crew/worktrees/{id}/work"), "outside/here".to_owned()] {
        if folder.starts_with("outside") {
            repo.set("worktrees", "folder", json!(repo.beside("outside")));
            repo.crew(["run", "the goal", "--workflow", "one", "--worktree"]).exits(0);
        }
        let tree = task(&repo.crew(["status", "last", "--json"]).json(), "work")["worktree"]["path"].clone();
        let folder = repo.root.join(tree.as_str().expect("a path"));
        let shown =
            repo.crew(["-C", &folder.display().to_string(), "status", "--json", "last"]).exits(0).json();
        assert_eq!(task(&shown, "work")["state"], "completed");
        assert!(!folder.join(".crew").exists());
    }
}

#[test]
fn what_cannot_be_kept_is_said_and_a_person_looks_at_it() {
    let repo = TestRepo::new();
    steps(&repo, "one", &[("work", "", "echo w >w; rm README.md; mkfifo README.md")]);
    let run = run(&repo, "one", 1);
    let work = task(&run, "work");
    assert_eq!(work["state"], "needs_review", "{work:#}");
    let reason = work["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("its work could not be kept: ") && reason.contains("README.md"), "{reason}");
    let events = repo.events();
    let kept = of_kind(&events, "work_kept")[0];
    assert!(kept["missing"][0].as_str().expect("a file").contains("README.md"), "{kept:#}");
    // What can be kept is.
    assert_eq!(show(&repo, &format!("{}:w", branch(&repo, "work"))), "w\n");
}

#[test]
fn commits_that_the_branch_no_longer_holds_are_held_beside_it() {
    let repo = TestRepo::new();
    let commit = |name: &str| format!("echo {name} >{name}; {GIT} add -A; {GIT} commit -qm {name}");
    let script = format!("{}; git checkout -q -b other HEAD~1; {}", commit("a"), commit("b"));
    steps(&repo, "one", &[("work", "", &script)]);
    let run = run(&repo, "one", 0);
    let aside = format!("refs/crew/keep/{}/work/1", run["run"].as_str().expect("an id"));
    let events = repo.events();
    assert_eq!(of_kind(&events, "work_kept")[0]["set_aside"], json!([aside]));
    assert_eq!(repo.git(&["ls-tree", "--name-only", &branch(&repo, "work")]), "README.md\nb\n");
    assert_eq!(show(&repo, &format!("{aside}:a")), "a\n");
}

/// Waits until the newest run's agent has begun, and kills crew without warning.
fn kill_at_work(repo: &TestRepo, running: crate::support::Running) {
    repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
    running.kill();
}

#[test]
fn what_an_agent_had_done_when_crew_was_killed_is_kept_and_gone_on_with() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let wait =
        format!("echo half >half; touch {0}.there; while test -e {0}; do sleep 0.05; done", gate.display());
    let script = format!("if test -f half; then echo rest >rest; {SUBMIT}; else {wait}; fi");
    agent(&repo, "slow", &script);
    repo.workflow("slow", "## work\nrole: executor\nagent: slow\nworktree: true\n\nDo it.");
    let running = repo.start_run("slow");
    wait_until("the agent has begun", || gate.with_extension("there").exists());
    kill_at_work(&repo, running);
    let before = repo.crew(["status", "last", "--json"]).json();
    assert_eq!(before["status"], "interrupted");
    repo.crew(["resume", "last"]).exits(0);
    let branch = branch(&repo, "work");
    assert_eq!(repo.git(&["ls-tree", "--name-only", &branch]), "README.md\nhalf\nrest\n");
    assert_eq!(repo.git(&["log", "--format=%s", "-2", &branch]), "work: done\nwork: what attempt 1 left\n");
    let events = repo.events();
    assert_eq!(of_kind(&events, "worktree_added").len(), 1);
    repo.leaves_no_process();
}

#[test]
fn work_in_the_shared_folder_is_kept_before_it_is_tried_again() {
    let repo = TestRepo::new();
    agent(
        &repo,
        "again",
        &format!(
            "if test -f first; then rm first; echo second >second; else echo precious >first; fi; {SUBMIT}"
        ),
    );
    repo.workflow(
        "again",
        "## work\nrole: executor\nagent: again\nretries: 1\nverify: test -f second\n\nDo it.",
    );
    let run = repo.crew(["run", "the goal", "--workflow", "again", "--json"]).exits(0).json();
    let id = run["run"].as_str().expect("an id");
    assert!(!repo.root.join("first").exists());
    assert_eq!(show(&repo, &format!("refs/crew/keep/{id}/work/1:first")), "precious\n");
    let events = repo.events();
    let kept = of_kind(&events, "work_kept");
    assert_eq!((kept.len(), &kept[0]["files"]), (2, &json!(1)), "{kept:?}");
}

/// A shell script that leaves work in its folder of which git cannot make a commit.
const UNKEEPABLE: &str = "echo precious >>README.md; index=$(git rev-parse --git-path index); \
     rm \"$index\"; mkdir \"$index\"";
/// One that puts that right and begins anew.
const ANEW: &str = "rmdir \"$(git rev-parse --git-path index)\"; git reset -q --hard; echo 2 >second";

#[track_caller]
fn waits_with_its_work(repo: &TestRepo, shown: &Value, attempts: usize) {
    let work = task(shown, "work");
    assert_eq!(
        (&work["state"], of_kind(&repo.events(), "attempt_started").len()),
        (&json!("needs_review"), attempts)
    );
    let reason = work["reason"].as_str().expect("a reason");
    assert!(reason.contains("its work could not be kept: ") && reason.contains("index"), "{reason}");
    let folder = work["worktree"]["path"].as_str().expect("a path");
    let left = std::fs::read_to_string(repo.root.join(folder).join("README.md")).expect("a file");
    assert!(left.contains("precious"), "{left}");
}

#[test]
fn nobody_begins_anew_where_the_work_before_could_not_be_kept() {
    let repo = TestRepo::new();
    let script =
        format!("if test -d \"$(git rev-parse --git-path index)\"; then {ANEW}; else {UNKEEPABLE}; fi");
    agent(&repo, "again", &format!("{script}\n{SUBMIT}"));
    let step = "## work\nrole: executor\nagent: again\nworktree: true\nretries: 1\nverify: test -f second\n";
    repo.workflow("again", &format!("{step}\nDo it."));
    let shown = repo.crew(["run", "the goal", "--workflow", "again", "--json"]).exits(1).json();
    waits_with_its_work(&repo, &shown, 1);
}

#[test]
fn what_a_killed_crew_left_and_cannot_be_kept_waits_for_a_person() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let wait =
        format!("{UNKEEPABLE}; touch {0}.there; while test -e {0}; do sleep 0.05; done", gate.display());
    let script =
        format!("if test -d \"$(git rev-parse --git-path index)\"; then {ANEW}; {SUBMIT}; else {wait}; fi");
    agent(&repo, "slow", &script);
    repo.workflow("slow", "## work\nrole: executor\nagent: slow\nworktree: true\n\nDo it.");
    let running = repo.start_run("slow");
    wait_until("the agent has begun", || gate.with_extension("there").exists());
    kill_at_work(&repo, running);
    let shown = repo.crew(["resume", "last", "--json"]).exits(1).json();
    waits_with_its_work(&repo, &shown, 1);
    repo.leaves_no_process();
}

#[test]
fn while_git_keeps_what_a_person_accepts_the_owner_of_the_run_hears_others() {
    let repo = TestRepo::new();
    agent(&repo, "unsure", "echo wrong >w; crew submit blocked --reason 'is it right?'");
    let work = "## work\nrole: executor\nagent: unsure\nworktree: true\n\nDo it.";
    let waits = |file: &Path| format!("while [ -e '{}' ]; do sleep 0.02; done", file.display());
    let other = waits(&repo.gate("other"));
    repo.workflow("two", &format!("{work}\n\n## other\nrun: {other}\n"));
    let (slow, seen) = (repo.beside("gate-git"), repo.beside("git-waits"));
    let says = format!("if [ -e '{}' ]; then : >'{}'; fi", slow.display(), seen.display());
    repo.program("git", &format!("{says}\n{}\nexec /usr/bin/git \"$@\"", waits(&slow)));
    let mut command = repo.command(["run", "the goal", "--workflow", "two", "--json"]);
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", repo.programs().display()));
    let running = start_command(command);
    repo.wait_for_event("it needs review", |event| event["outcome"] == "needs_review");
    let status = || repo.crew(["status", "last", "--json"]).exits(0).json();
    let folder = repo.root.join(task(&status(), "work")["worktree"]["path"].as_str().expect("a path"));
    std::fs::write(folder.join("w"), "right\n").expect("a file");
    repo.gate("git");
    let accepts = repo.start(["accept", "last", "work"]);
    wait_until("git is at it", || seen.exists());
    repo.crew(["cancel", "last", "other"]).exits(0);
    let states = |run: &Value| ["work", "other"].map(|id| task(run, id)["state"].clone());
    assert_eq!(states(&status()), ["needs_review", "cancelled"]);
    repo.open("git");
    accepts.ends().exits(0);
    assert_eq!(states(&running.ends().json()), ["completed", "cancelled"]);
    assert_eq!(show(&repo, &format!("{}:w", branch(&repo, "work"))), "right\n");
    repo.leaves_no_process();
}

#[test]
fn what_a_person_puts_right_before_accepting_it_counts() {
    let repo = TestRepo::new();
    agent(&repo, "unsure", "echo wrong >w; crew submit blocked --reason 'is it right?'");
    repo.workflow("unsure", "## work\nrole: executor\nagent: unsure\nworktree: true\n\nDo it.");
    let shown = repo.crew(["run", "the goal", "--workflow", "unsure", "--json"]).exits(1).json();
    let work = task(&shown, "work");
    let folder = repo.root.join(work["worktree"]["path"].as_str().expect("a path"));
    std::fs::write(folder.join("w"), "right\n").expect("a file");
    let index = repo.git(&["-C", &folder.display().to_string(), "rev-parse", "--git-path", "index"]);
    let (index, aside) = (std::path::PathBuf::from(index.trim_end()), repo.beside("index"));
    std::fs::rename(&index, &aside).expect("an index");
    std::fs::create_dir(&index).expect("a folder");
    let refused = repo.crew(["accept", "last", "work"]).exits(4).err;
    assert!(refused.contains("could not be kept") && refused.contains("index"), "{refused}");
    let state = || task(&repo.crew(["status", "last", "--json"]).json(), "work")["state"].clone();
    assert_eq!(state(), "needs_review");
    std::fs::remove_dir(&index).expect("an empty folder");
    std::fs::rename(&aside, &index).expect("an index");
    // Half of what somebody does with git there is no work either.
    repo.git(&["config", "user.name", "T"]);
    repo.git(&["config", "user.email", "t@example.com"]);
    let there = |args: &[&str]| repo.git(&[&["-C", folder.to_str().expect("a path")], args].concat());
    there(&["checkout", "-qfb", "other", "HEAD~1"]);
    std::fs::write(folder.join("w"), "other\n").expect("a file");
    there(&["add", "w"]);
    there(&["commit", "-qm", "other"]);
    there(&["checkout", "-q", &branch(&repo, "work")]);
    let mut pick = repo.plain("git");
    pick.arg("-C").arg(&folder).args(["cherry-pick", "other"]);
    assert!(!pick.output().expect("git").status.success());
    let refused = repo.crew(["accept", "last", "work"]).exits(4).err;
    assert!(refused.contains("a cherry-pick is going on"), "{refused}");
    assert_eq!(state(), "needs_review");
    there(&["cherry-pick", "--abort"]);
    std::fs::write(folder.join("w"), "right\n").expect("a file");
    repo.crew(["accept", "last", "work"]).exits(0);
    assert_eq!(state(), "completed");
    let events = repo.events();
    let kept = of_kind(&events, "work_kept");
    let tip = repo.git(&["rev-parse", &branch(&repo, "work")]);
    assert_eq!((kept.len(), kept[1]["commit"].as_str()), (2, Some(tip.trim_end())), "{kept:?}");
    repo.crew(["merge", "last"]).exits(0);
    assert_eq!(std::fs::read_to_string(repo.root.join("w")).expect("a file"), "right\n");
}
