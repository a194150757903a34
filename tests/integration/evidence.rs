//! What crew itself sees of an attempt: the folder before and after it, who had the folder meanwhile, and what its own
//! verification commands say.

use crate::support::{FAKE_AGENT, TestRepo, of_kind, run_command, start_command, task, wait_until};
use serde_json::{Value, json};

const SUBMIT: &str = "crew submit result --summary done --confidence 0.9 --rationale r";

/// Makes an agent of a shell script; it may be given any role.
fn agent(repo: &TestRepo, name: &str, script: &str) {
    let path = repo.beside(&format!("{name}.sh"));
    std::fs::write(&path, format!("set -e\n{script}\n")).expect("a script");
    repo.set(
        "agents",
        name,
        json!({"command": format!("sh {} ", path.display()), "prompt": "stdin", "writes": true}),
    );
}

/// Carries out one step of a role by a shell script and returns its task.
fn one(repo: &TestRepo, role: &str, keys: &str, script: &str) -> Value {
    agent(repo, "one", script);
    repo.workflow("one", &format!("## work\nrole: {role}\nagent: one\n{keys}\n\nDo it."));
    let run = repo.crew(["run", "the goal", "--workflow", "one", "--json"]).json();
    task(&run, "work").clone()
}

#[track_caller]
fn ended(work: &Value, state: &str, kind: Option<&str>) {
    assert_eq!((&work["state"], &work["error_kind"]), (&json!(state), &json!(kind)), "{work:#}");
}

#[track_caller]
fn checked(repo: &TestRepo) -> Value {
    let events = repo.events();
    let found = of_kind(&events, "tree_checked");
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// git as an agent calls it.
const GIT: &str = "git -c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";

#[test]
fn who_only_reads_beside_a_work_tree_is_not_blamed_for_its_branch() {
    let repo = TestRepo::new();
    let gate = repo.gate("reads");
    let gate = gate.display();
    agent(&repo, "reads", &format!("while [ -e {gate} ]; do sleep 0.02; done\n{SUBMIT}"));
    agent(&repo, "edits", &format!("echo x >>README.md\n{SUBMIT}"));
    repo.workflow(
        "w",
        "## reads\nrole: explorer\nagent: reads\n\nLook.\n\n\
         ## edits\nrole: executor\nagent: edits\nworktree: true\n\nDo it.\n",
    );
    let running = repo.start(["run", "the goal", "--workflow", "w", "--json"]);
    let ended = |task: &str, event: &Value| event["kind"] == "attempt_ended" && event["task"] == task;
    repo.wait_for_event("the work is on its branch", |event| ended("edits", event));
    repo.open("reads");
    let run = running.ends().exits(0).json();
    for id in ["reads", "edits"] {
        assert_eq!(task(&run, id)["state"], "completed", "{run:#}");
    }
}

#[test]
fn whatever_a_read_only_agent_changes_fails_its_attempt_although_it_handed_in() {
    let rows = [
        ("echo x >>README.md", "README.md", "A repository"),
        ("echo x >loose", "loose", "+++ b/loose"),
        ("rm README.md", "README.md", "deleted file"),
        ("mkdir -p a/b && echo x >a/b/c", "a/b/c", "+++ b/a/b/c"),
        ("git rm -q --cached README.md", "index", "changed: the index"),
        ("echo x >loose; git add loose", "loose, index", "changed: the index"),
        ("$GIT commit -q --allow-empty -m mine", "refs", "changed: refs/heads/main: "),
        ("git branch mine", "refs", "changed: refs/heads/mine: nothing -> "),
        ("git checkout -q -b mine", "refs", "changed: HEAD: refs/heads/main -> refs/heads/mine"),
        ("git config user.name mine", ".git/config", "changed: .git/config"),
        ("echo exit 1 >.git/hooks/pre-commit", ".git/hooks/pre-commit", "changed: .git/hooks/pre-commit"),
    ];
    for (script, named, diff) in rows {
        let repo = TestRepo::new();
        let script = format!("GIT='{GIT}'\n{script}\n{SUBMIT}");
        let work = one(&repo, "explorer", "verify: touch verified", &script);
        ended(&work, "failed", Some("read_only_violated"));
        assert_eq!(work["reason"], format!("a read-only role changed: {named}"), "{script}");
        let kept = repo.artifact("diffs/work.1.patch");
        assert!(kept.contains(diff), "{script}: {kept}");
        // What is refuted already is not verified, and nothing is undone.
        assert!(!repo.root.join("verified").exists());
        assert!(of_kind(&repo.events(), "verification_started").is_empty());
    }
}

#[test]
fn crew_undoes_nothing_and_names_five_files_at_most() {
    let repo = TestRepo::new();
    let work =
        one(&repo, "explorer", "", &format!("for at in 1 2 3 4 5 6 7; do echo x >f$at; done\n{SUBMIT}"));
    ended(&work, "failed", Some("read_only_violated"));
    assert_eq!(work["reason"], "a read-only role changed: f1, f2, f3, f4, f5 and 2 more");
    assert_eq!(work["tree"]["changed"], 7);
    assert!(repo.root.join("f7").exists());
    let text = repo.crew(["status", "last"]).exits(0);
    assert!(text.out.contains("7 files, +7 -0"), "{}", text.out);
    assert!(text.err.contains("read_only_violated"), "{}", text.err);
    // The diff is one that git applies.
    let diff = repo.run_folder().join("artifacts/diffs/work.1.patch");
    std::fs::remove_file(repo.root.join("f1")).expect("it is there");
    repo.git(&["apply", "--include=f1", &diff.display().to_string()]);
    assert!(repo.root.join("f1").exists());
}

#[test]
fn what_git_ignores_and_what_only_looks_different_is_no_change() {
    let repo = TestRepo::new();
    repo.write(".gitignore", "target\n");
    repo.commit("ignore");
    repo.write("loose", "x");
    let script =
        format!("mkdir target; echo x >target/a; touch README.md; git status >&2; cat loose >&2\n{SUBMIT}");
    ended(&one(&repo, "explorer", "", &script), "completed", None);
    let check = checked(&repo);
    assert_eq!((&check["changed"], &check["refs_changed"]), (&json!(0), &json!(false)));
    let left: Vec<_> = std::fs::read_dir(repo.run_folder().join("logs")).expect("logs").flatten().collect();
    assert!(left.iter().all(|file| !file.file_name().to_string_lossy().starts_with(".snapshot")), "{left:?}");
}

#[test]
fn a_repository_without_commits_and_one_without_a_branch_are_looked_at_too() {
    let bare = || {
        let repo = TestRepo::new();
        std::fs::remove_dir_all(repo.root.join(".git")).expect("it is there");
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    };
    ended(&one(&bare(), "explorer", "", SUBMIT), "completed", None);
    let commits = format!("{GIT} add -A; {GIT} commit -q -m first\n{SUBMIT}");
    let work = one(&bare(), "explorer", "", &commits);
    assert_eq!(work["reason"], "a read-only role changed: refs, index");
    ended(&one(&bare(), "executor", "", &commits), "completed", None);

    let detached = || {
        let repo = TestRepo::new();
        repo.git(&["checkout", "-q", "--detach"]);
        repo
    };
    ended(&one(&detached(), "explorer", "", SUBMIT), "completed", None);
    let work = one(&detached(), "explorer", "", &format!("{GIT} commit -q --allow-empty -m x\n{SUBMIT}"));
    assert_eq!(work["reason"], "a read-only role changed: refs");
}

#[test]
fn a_writing_agent_that_changes_nothing_has_to_say_why() {
    let repo = TestRepo::new();
    let work = one(&repo, "executor", "verify: touch verified", SUBMIT);
    ended(&work, "failed", Some("no_change"));
    assert_eq!(work["reason"], "it changed no file, and did not say why");
    assert!(!repo.root.join("verified").exists());

    let reason = format!("{SUBMIT} --no-change-reason 'it was there'");
    ended(&one(&TestRepo::new(), "executor", "", &reason), "completed", None);
    let noop = "crew submit noop --reason 'it was there'";
    ended(&one(&TestRepo::new(), "executor", "", noop), "completed", None);
    ended(&one(&TestRepo::new(), "executor", "submit: optional", "echo done"), "failed", Some("no_change"));
    let ignored = format!("echo x >.git/x\n{SUBMIT}");
    ended(&one(&TestRepo::new(), "executor", "", &ignored), "failed", Some("no_change"));

    let repo = TestRepo::new();
    ended(&one(&repo, "executor", "", &format!("echo x >>README.md\n{SUBMIT}")), "completed", None);
    let check = checked(&repo);
    assert_eq!((&check["files"], &check["insertions"]), (&json!(["README.md"]), &json!(1)));
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(status.contains("1 file, +1 -0; done"), "{status}");
    let empty = format!("{GIT} commit -q --allow-empty -m x\n{SUBMIT}");
    ended(&one(&TestRepo::new(), "executor", "", &empty), "completed", None);
}

#[test]
fn work_that_an_earlier_attempt_did_counts() {
    let repo = TestRepo::new();
    let script = format!("[ \"$CREW_ATTEMPT\" = 1 ] && echo x >made\n{SUBMIT}");
    let work =
        one(&repo, "executor", "retries: 1\nverify: [ -e verified ] || { touch verified; false; }", &script);
    ended(&work, "completed", None);
    assert_eq!(work["attempts"], 2);
}

#[test]
fn a_step_may_touch_only_what_its_globs_say() {
    let keys = "writes: src/**, *.md";
    let inside = format!("mkdir -p src/a; echo x >src/a/b; echo x >>README.md\n{SUBMIT}");
    ended(&one(&TestRepo::new(), "executor", keys, &inside), "completed", None);

    let repo = TestRepo::new();
    let outside = format!("mkdir src docs; echo x >src/a; echo x >docs/a; echo x >b\n{SUBMIT}");
    let work = one(&repo, "executor", keys, &outside);
    ended(&work, "failed", Some("unsafe_path"));
    assert_eq!(work["reason"], "it changed b, docs/a; `writes` allows src/**, *.md");
    assert_eq!(work["tree"]["outside_files"], json!(["b", "docs/a"]));
    assert!(repo.artifact("diffs/work.1.patch").contains("+++ b/docs/a"));

    repo.workflow("command", "## work\nrun: echo x >made\nwrites: src/**\n");
    let run = repo.run_json("command", 1);
    ended(task(&run, "work"), "failed", Some("unsafe_path"));
    repo.workflow("command", "## work\nrun: echo x >src/made\nwrites: src/\n");
    repo.run_json("command", 0);
}

#[test]
fn globs_bind_hooks_settings_and_what_is_committed_too() {
    let ended_with = |script: &str, reason: &str| {
        let script = format!("mkdir src; echo x >src/a; {script}\n{SUBMIT}");
        let work = one(&TestRepo::new(), "executor", "writes: src/**", &script);
        ended(&work, "failed", Some("unsafe_path"));
        assert_eq!(work["reason"], format!("it changed {reason}; `writes` allows src/**"));
    };
    ended_with("echo exit 1 >.git/hooks/pre-commit", ".git/hooks/pre-commit");
    ended_with("echo hidden >.git/info/exclude; echo x >hidden", ".git/info/exclude");
    let commit = format!("{GIT} commit -q -a -m mine");
    ended_with(
        &format!("cp README.md ../was; echo x >>README.md; {commit}; cp ../was README.md"),
        "README.md",
    );

    let allowed = format!("mkdir src; echo x >src/a; git config user.name mine\n{SUBMIT}");
    let keys = "writes: src/**, .git/config";
    ended(&one(&TestRepo::new(), "executor", keys, &allowed), "completed", None);
    // What the user had not committed yet is nothing that the step has changed.
    let repo = TestRepo::new();
    repo.write("README.md", "the user's");
    let all = format!("mkdir src; echo x >src/a; git add -A; {commit}\n{SUBMIT}");
    ended(&one(&repo, "executor", "writes: src/**", &all), "completed", None);
}

#[test]
fn settings_and_hooks_that_were_changed_are_told_where_people_look() {
    let repo = TestRepo::new();
    let sets = "echo x >made; git config core.fsmonitor false; echo exit 1 >.git/hooks/pre-commit";
    ended(&one(&repo, "executor", "", &format!("{sets}\n{SUBMIT}")), "completed", None);
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(status.contains("1 file, +1 -0, .git/config changed, .git/hooks changed; done"), "{status}");
    std::fs::write(repo.root.join(".git/hooks/pre-commit"), "").expect("a hook");
    let ran = repo.crew(["run", "the goal", "--workflow", "one"]);
    assert!(ran.err.contains(" settings=.git/hooks/pre-commit"), "{}", ran.err);
}

#[test]
fn what_people_write_for_crew_is_looked_at_as_well() {
    let repo = TestRepo::new();
    repo.crew(["init"]).exits(0);
    repo.commit("init");
    ended(&one(&repo, "explorer", "", SUBMIT), "completed", None);
    let script = format!("echo '{{\"limits\": {{\"jobs\": 1}}}}' >.crew/config.json\n{SUBMIT}");
    let work = one(&repo, "explorer", "", &script);
    ended(&work, "failed", Some("read_only_violated"));
    assert_eq!(work["reason"], "a read-only role changed: .crew/config.json");
}

#[test]
fn globs_that_mean_nothing_are_told_with_their_line() {
    let repo = TestRepo::new();
    repo.agent("fake", "submit:done");
    repo.workflow("one", "## work\nrole: executor\nagent: fake\nwrites: ../x\n\nDo it.");
    let ran = repo.crew(["run", "the goal", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("one.workflow.md:9") && ran.err.contains("`../x` is not a glob"), "{}", ran.err);
    repo.workflow("one", "## work\nrole: explorer\nagent: fake\nwrites: src/**\n\nDo it.");
    let ran = repo.crew(["run", "the goal", "--workflow", "one"]).exits(2);
    assert!(ran.err.contains("one.workflow.md:9") && ran.err.contains("reads only"), "{}", ran.err);
    repo.assert_no_run();
}

#[test]
fn where_a_command_ran_beside_it_nobody_knows_who_it_was() {
    let repo = TestRepo::new();
    let gate = repo.gate("beside");
    let begun = repo.beside("begun");
    let wait = format!("touch {}; while [ -e '{}' ]; do sleep 0.02; done", begun.display(), gate.display());
    agent(&repo, "one", &format!("{wait}\n{SUBMIT}"));
    let wait = format!("until [ -e {} ]; do sleep 0.02; done", begun.display());
    let build = format!("{wait}; echo x >built; rm {}", gate.display());
    repo.workflow(
        "one",
        &format!("## look\nrole: explorer\nagent: one\n\nLook.\n\n## build\nrun: {build}\n"),
    );
    let run = repo.run_json("one", 1);
    let look = task(&run, "look");
    ended(look, "needs_review", None);
    let reason = look["reason"].as_str().expect("a reason");
    assert_eq!(reason, "changed, and nobody knows by whom, because it was not alone (build): built");
    assert_eq!(checked(&repo)["shared"], true);
    assert!(repo.artifact("diffs/look.1.patch").contains("+++ b/built"));
}

/// Returns which of two tasks' attempts were open at the same time.
fn overlap(events: &[Value], a: &str, b: &str) -> bool {
    let at = |kind: &str, id: &str| {
        let fits = |event: &&Value| event["kind"] == kind && event["task"] == id;
        events.iter().find(fits).map(|event| event["seq"].as_i64().expect("a number")).expect("it is there")
    };
    at("attempt_started", a) < at("attempt_ended", b) && at("attempt_started", b) < at("attempt_ended", a)
}

#[test]
fn two_that_write_come_one_after_the_other_and_those_that_read_go_together() {
    let repo = TestRepo::new();
    agent(&repo, "writes", &format!("echo x >$CREW_TASK; sleep 0.2\n{SUBMIT}"));
    // Each waits for the other, so they have to be there together.
    let both = "touch ../$CREW_TASK.here; until [ -e ../r1.here ] && [ -e ../r2.here ]; do sleep 0.02; done";
    agent(&repo, "reads", &format!("{both}\n{SUBMIT}"));
    let step =
        |id: &str, role: &str, agent: &str| format!("## {id}\nrole: {role}\nagent: {agent}\n\nDo it.\n\n");
    let steps = [("w1", "executor", "writes"), ("r1", "explorer", "reads"), ("r2", "explorer", "reads")];
    let steps: String = steps.into_iter().map(|(id, role, agent)| step(id, role, agent)).collect();
    let command = format!("## c\nrun: {FAKE_AGENT} sleep:1\n");
    repo.workflow("all", &format!("{steps}{}{command}", step("w2", "executor", "writes")));
    repo.run_json("all", 0);
    let events = repo.events();
    assert!(overlap(&events, "r1", "r2") && overlap(&events, "w1", "c"));
    for (a, b) in [("w1", "w2"), ("w1", "r1"), ("w1", "r2"), ("w2", "r1"), ("w2", "r2")] {
        assert!(!overlap(&events, a, b), "{a} {b}");
    }
}

#[test]
fn a_ready_task_says_whom_it_waits_for() {
    let repo = TestRepo::new();
    let gate = repo.gate("fix");
    agent(
        &repo,
        "writes",
        &format!("while [ -e '{}' ]; do sleep 0.02; done; echo x >$CREW_TASK\n{SUBMIT}", gate.display()),
    );
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: writes\n\nDo it.\n\n");
    repo.workflow("two", &(step("fix") + &step("more")));
    let running = repo.start_run("two");
    repo.wait_for_event("the first works", |event| event["kind"] == "process_started");
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(status.contains("waits for the folder: fix is at work there"), "{status}");
    repo.open("fix");
    running.ends().exits(0);
    let status = repo.crew(["status", "last"]).exits(0).out;
    assert!(!status.contains("waits for"), "{status}");
}

#[test]
fn where_writers_share_the_folder_crew_says_that_it_cannot_tell_them_apart() {
    let repo = TestRepo::new();
    let both = "touch ../$CREW_TASK.here; until [ -e ../a.here ] && [ -e ../b.here ]; do sleep 0.02; done";
    agent(&repo, "writes", &format!("{both}; echo x >$CREW_TASK\n{SUBMIT}"));
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: writes\n\nDo it.\n\n");
    repo.workflow("two", &(step("a") + &step("b")));
    let words = ["run", "the goal", "--workflow", "two", "--set", "limits.shared_writers=2"];
    let ran = repo.crew(words).exits(0);
    assert!(ran.err.contains("crew cannot tell whose change it is"), "{}", ran.err);
    assert!(ran.out.contains("not alone in the folder"), "{}", ran.out);
    let shared = of_kind(&repo.events(), "tree_checked").iter().all(|check| check["shared"] == true);
    assert!(shared);
    // A project may not say so for whoever clones it.
    repo.write(".crew/config.json", r#"{"limits": {"shared_writers": 2}}"#);
    let refused = repo.crew(["config", "get", "limits.shared_writers"]).exits(0);
    assert_eq!(refused.out, "0\n");
}

#[test]
fn one_that_waits_for_a_person_keeps_nobody_out_of_the_folder() {
    let repo = TestRepo::new();
    agent(&repo, "writes", &format!("echo x >$CREW_TASK\n{SUBMIT}"));
    let step = |id: &str, keys: &str| format!("## {id}\nrole: executor\nagent: writes\n{keys}\n\nDo it.\n\n");
    repo.workflow("two", &(step("asks", "gate: before") + &step("works", "timeout: 60s")));
    let run = repo.run_json("two", 3);
    assert_eq!(task(&run, "works")["state"], "completed");
}

#[test]
fn files_of_a_result_are_changes_and_are_bound_by_the_globs() {
    let with = |keys: &str, path: &str| {
        let body = format!(
            r#"{{"summary":"s","confidence":1,"rationale":"r","files":[{{"path":"{path}","mode":"new","contents":"x"}}]}}"#
        );
        let repo = TestRepo::new();
        let work = one(&repo, "executor", keys, &format!("printf %s '{body}' | crew submit result --json -"));
        (repo, work)
    };
    let (repo, work) = with("", "src/a");
    ended(&work, "completed", None);
    assert_eq!((&checked(&repo)["files"], repo.root.join("src/a").exists()), (&json!(["src/a"]), true));
    let (_, work) = with("writes: src/**", "src/a");
    ended(&work, "completed", None);
    let (repo, work) = with("writes: src/**", "docs/a");
    ended(&work, "failed", Some("unsafe_path"));
    assert_eq!(work["reason"], "its files were not applied: `writes` does not allow docs/a");
    assert!(!repo.root.join("docs").exists());
}

/// How often a verification command was run, which counts beside the repository.
fn runs(repo: &TestRepo) -> usize {
    std::fs::read_to_string(repo.beside("count")).map_or(0, |count| count.lines().count())
}

#[test]
fn the_same_command_on_the_same_tree_is_run_once() {
    let repo = TestRepo::new();
    agent(&repo, "writes", &format!("echo x >made\n{SUBMIT}"));
    agent(&repo, "reads", SUBMIT);
    let count = format!("verify: echo x >>{}; test -e made", repo.beside("count").display());
    repo.workflow(
        "two",
        &format!("## fix\nrole: executor\nagent: writes\n{count}\n\nDo it.\n\n## look\nrole: explorer\nagent: reads\ndependsOn: fix\n{count}\n\nLook."),
    );
    let ran = repo.crew(["run", "the goal", "--workflow", "two"]).exits(0);
    assert_eq!(runs(&repo), 1);
    assert!(ran.err.contains("from the record"), "{}", ran.err);
    let cached: Vec<Value> =
        of_kind(&repo.events(), "verification_ended").iter().map(|event| event["cached"].clone()).collect();
    assert_eq!(cached, [Value::Null, json!(true)]);
    let log = std::fs::read_to_string(repo.run_folder().join("logs/look.1.verify.log")).expect("a log");
    assert!(log.contains("was not run: it passed on the same tree"), "{log}");

    // Nothing of the tree has changed since, but it may be wanted anew each time.
    std::fs::remove_file(repo.root.join("made")).expect("it is there");
    repo.crew(["run", "the goal", "--workflow", "two", "--set", "verify.cache_minutes=0"]).exits(0);
    assert_eq!(runs(&repo), 3);
    std::fs::remove_file(repo.root.join("made")).expect("it is there");
    repo.crew(["run", "the goal", "--workflow", "two", "--no-verify-cache"]).exits(0);
    assert_eq!(runs(&repo), 5);
}

#[test]
fn another_tree_another_commit_a_failure_and_a_command_that_changes_the_tree_are_verified_anew() {
    let counted = |more: &str, second: &str| {
        let repo = TestRepo::new();
        let verify = format!("verify: echo x >>{}; {more}", repo.beside("count").display());
        agent(&repo, "first", &format!("echo x >made\n{SUBMIT}"));
        agent(&repo, "second", &format!("{second}\n{SUBMIT} --no-change-reason r"));
        let step = |id: &str, agent: &str, keys: &str| {
            format!(
                "## {id}\nrole: executor\nagent: {agent}\ncontinueOnError: true\n{keys}\n{verify}\n\nDo it.\n\n"
            )
        };
        repo.workflow("two", &(step("a", "first", "timeout: 60s") + &step("b", "second", "dependsOn: a")));
        repo.crew(["run", "the goal", "--workflow", "two"]).exits(0);
        runs(&repo)
    };
    assert_eq!(counted("true", ":"), 1);
    assert_eq!(counted("true", "echo y >made"), 2);
    assert_eq!(counted("true", &format!("{GIT} commit -q --allow-empty -m x")), 2);
    assert_eq!(counted("false", ":"), 2);
    assert_eq!(counted("date +%N >stamp", ":"), 2);
}

#[test]
fn time_that_crew_needs_to_look_is_not_the_agents() {
    let repo = TestRepo::new();
    // The first git after the agent takes longer than the agent had.
    let (working, real) = (repo.beside("working"), "/usr/local/bin:/usr/bin:/bin");
    let slow = format!(
        "if rm {} 2>/dev/null; then touch {}; sleep 12; fi\nPATH={real} exec git \"$@\"",
        working.display(),
        repo.beside("slept").display()
    );
    repo.link_programs(&["rm", "sleep", "touch", "seq"]);
    repo.program("git", &slow);
    let script =
        format!("for at in $(seq 1 60); do echo $at >f$at; done\n{SUBMIT}\ntouch {}", working.display());
    agent(&repo, "one", &script);
    repo.workflow("one", "## work\nrole: executor\nagent: one\ntimeout: 10s\n\nDo it.");
    let run = run_command(repo.alone(["run", "the goal", "--workflow", "one", "--json"])).json();
    let work = task(&run, "work").clone();
    ended(&work, "completed", None);
    assert!(repo.beside("slept").exists());
    assert_eq!(work["tree"]["changed"], 60);
    assert_eq!(work["tree"]["files"].as_array().expect("a list").len(), 50);
}

#[test]
fn a_replay_is_looked_at_in_the_same_way() {
    let repo = TestRepo::new();
    agent(&repo, "one", &format!("echo x >made\n{SUBMIT}"));
    repo.workflow("one", "## work\nrole: executor\nagent: one\n\nDo it.");
    let folder = repo.beside("recorded").display().to_string();
    repo.crew(["run", "the goal", "--workflow", "one", "--record", &folder]).exits(0);
    std::fs::remove_file(repo.root.join("made")).expect("it is there");
    repo.crew(["run", "the goal", "--workflow", "one", "--replay", &folder]).exits(0);
    assert_eq!(checked(&repo)["files"], json!(["made"]));
    std::fs::remove_file(repo.root.join("made")).expect("it is there");
    std::fs::remove_file(repo.beside("recorded").join("work.1.patch")).expect("it is there");
    let run =
        repo.crew(["run", "the goal", "--workflow", "one", "--replay", &folder, "--json"]).exits(1).json();
    ended(task(&run, "work"), "failed", Some("no_change"));
}

#[test]
fn where_crew_cannot_look_nothing_is_completed() {
    let repo = TestRepo::new();
    // git refuses to look into a repository without a commit that lies in this one.
    let makes_one = format!("git init -q inner; echo x >inner/file\n{SUBMIT}");
    let work = one(&repo, "explorer", "", &makes_one);
    ended(&work, "needs_review", None);
    let reason = work["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("crew could not see what it changed: ") && reason.contains("inner"),
        "{reason}"
    );
    let repo = TestRepo::new();
    ended(&one(&repo, "executor", "", &makes_one), "needs_review", None);
    // One that was there before is looked into by itself.
    ended(&one(&repo, "explorer", "", SUBMIT), "completed", None);
    let work = one(&repo, "explorer", "", &format!("echo y >inner/file\n{SUBMIT}"));
    assert_eq!(work["reason"], "a read-only role changed: inner/file");
}

#[test]
fn a_second_writer_goes_on_when_the_first_is_interrupted() {
    let repo = TestRepo::new();
    let gate = repo.gate("hang");
    let script =
        format!("while [ -e '{}' ]; do sleep 0.02; done; echo x >$CREW_TASK\n{SUBMIT}", gate.display());
    agent(&repo, "writes", &script);
    let step = |id: &str| format!("## {id}\nrole: executor\nagent: writes\n\nDo it.\n\n");
    repo.workflow("two", &(step("a") + &step("b")));
    let running = start_command(repo.command(["run", "the goal", "--workflow", "two"]));
    repo.wait_for_event("the first works", |event| event["kind"] == "process_started");
    running.signal(libc::SIGINT);
    running.ends().exits(130);
    repo.open("hang");
    repo.crew(["resume", "last"]).exits(0);
    wait_until("both wrote", || repo.root.join("a").exists() && repo.root.join("b").exists());
    repo.leaves_no_process();
}
