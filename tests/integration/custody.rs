//! Whatever an agent does to its work tree, its branch or the repository: what it left is in a commit or said to be
//! missing, and nothing of the user's or of another task's is touched.

use crate::support::{Ran, TestRepo, of_kind, run_command, start_command, task};
use crate::worktree_kills::copy;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const SUBMIT: &str = "crew submit result --summary done --confidence 0.9 --rationale r";
/// git as an agent calls it.
const GIT: &str = "git -c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";

/// A task: its name, further keys of its step, and what its agent does before it says that it is done.
pub type Deed<'a> = (&'a str, &'a str, &'a str);

/// Makes a workflow in which each agent does one deed; `GIT` in it stands for git with a name.
pub fn deeds(repo: &TestRepo, deeds: &[Deed]) {
    let mut text = String::new();
    for (id, keys, script) in deeds {
        let path = repo.beside(&format!("{id}.sh"));
        let script = script.replace("GIT ", &format!("{GIT} "));
        std::fs::write(&path, format!("{script}\ncd /; {SUBMIT}\n")).expect("a script");
        let command = format!("sh '{}' ", path.display());
        repo.set("agents", id, json!({"command": command, "prompt": "stdin", "writes": true}));
        text.push_str(&format!("## {id}\nrole: executor\nagent: {id}\n{keys}\n\nDo it.\n\n"));
    }
    repo.workflow("deeds", &text);
}

#[track_caller]
pub fn run(repo: &TestRepo, exit: i32) -> Value {
    repo.crew(["run", "the goal", "--workflow", "deeds", "--worktree", "--jobs", "4", "--json"])
        .exits(exit)
        .json()
}

/// All of the user's that no agent and no crew has any business with.
pub fn of_the_user(repo: &TestRepo) -> [String; 6] {
    [
        &["rev-parse", "HEAD"][..],
        &["symbolic-ref", "HEAD"],
        &["status", "--porcelain"],
        &["ls-files", "--stage", "-v"],
        &["stash", "list", "--format=%H"],
        &["for-each-ref", "refs/heads/main", "refs/heads/other", "refs/tags"],
    ]
    .map(|words| repo.git(words))
}

/// A repository with something of each kind that could get lost: a stash, a branch, a tag, a file that git ignores.
pub fn repo() -> TestRepo {
    let repo = TestRepo::new();
    repo.write(".gitignore", "ignored\n");
    repo.write("kept", "one\n");
    repo.commit("files");
    repo.git(&["branch", "other"]);
    repo.git(&["tag", "v1"]);
    repo.write("stashed", "x\n");
    repo.git(&["stash", "--include-untracked", "-q"]);
    repo.write("ignored", "precious\n");
    // Later ones would be a change of ours that is told apart from none.
    repo.crew(["init"]).exits(0);
    repo.commit("crew");
    repo
}

#[track_caller]
pub fn assert_sound(repo: &TestRepo) {
    let said = repo.git(&["fsck", "--strict", "--no-dangling", "--no-progress"]);
    assert_eq!(said, "");
}

/// What a path holds on the branch of a task.
pub fn on_branch(repo: &TestRepo, run: &Value, id: &str, path: &str) -> String {
    repo.git(&["show", &format!("crew/{}/{id}:{path}", run["run"].as_str().expect("an id"))])
}

#[track_caller]
pub fn assert_review(run: &Value, id: &str, why: &str) -> String {
    let task = task(run, id);
    let reason = task["reason"].as_str().unwrap_or_default();
    assert!(task["state"] == "needs_review" && reason.contains(why), "{id}: {task:#}");
    reason.to_owned()
}

#[test]
fn a_folder_that_no_longer_leads_to_its_repository_is_kept_all_the_same() {
    let repo = repo();
    let ways = [
        ("gone", "", "echo new >new; rm .git"),
        ("own", "", "echo new >new; rm .git; git init -q; GIT add -A; GIT commit -qm mine"),
        ("link", "", "echo new >new; rm .git; ln -s \"$CREW_REPOSITORY/.git\" .git"),
        ("main", "", "echo new >new; echo \"gitdir: $CREW_REPOSITORY/.git\" >.git"),
        ("others", "", "echo new >new; echo \"gitdir: $CREW_REPOSITORY/.git/worktrees/innocent\" >.git"),
    ];
    deeds(&repo, &[&ways[..], &[("innocent", "", "echo fine >fine")]].concat());
    let before = of_the_user(&repo);
    let run = run(&repo, 0);
    for (id, ..) in ways {
        assert_eq!(on_branch(&repo, &run, id, "new"), "new\n", "{id}");
        assert_eq!(on_branch(&repo, &run, id, "kept"), "one\n", "{id}");
    }
    assert_eq!(on_branch(&repo, &run, "innocent", "fine"), "fine\n");
    let reference = format!("refs/crew/keep/{}/own/1", run["run"].as_str().expect("an id"));
    assert_eq!(repo.git(&["log", "--format=%s", &reference]), "mine\n", "its private history");
    let told = repo.crew(["events", "last"]).exits(0).out;
    assert_eq!(told.matches("on no branch: ").count(), 1, "{told}");
    assert!(told.contains(&format!("on no branch: {reference}")), "{told}");
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn what_is_put_in_the_place_of_the_folder_is_never_taken_for_it() {
    let repo = repo();
    let by_json = r#"{"summary":"s","confidence":1,"rationale":"r","files":[{"path":"by-json","mode":"new","contents":"x"}]}"#;
    let hands_in = format!(
        "d=$PWD; printf '%s' '{by_json}' | crew submit result --json -; cd /; mv \"$d\" \"$d.away\"; \
         ln -s \"$CREW_REPOSITORY\" \"$d\"; exit 0"
    );
    let checked = "verify: touch made-by-verify";
    deeds(
        &repo,
        &[
            ("linked", checked, "d=$PWD; cd /; mv \"$d\" \"$d.away\"; ln -s \"$CREW_REPOSITORY\" \"$d\""),
            ("hands-in", checked, &hands_in),
            ("gone", checked, "d=$PWD; cd /; rm -rf \"$d\""),
            (
                "removed",
                checked,
                "d=$PWD; cd /; git -C \"$CREW_REPOSITORY\" worktree remove --force --force \"$d\"",
            ),
            (
                "again",
                "retries: 1\nverify: test -f second",
                "if test -f first; then echo x >second; else echo first >first; d=$PWD; cd /; mv \"$d\" \"$d.away\"; ln -s \"$CREW_REPOSITORY\" \"$d\"; exit 3; fi",
            ),
            ("innocent", checked, "echo fine >fine"),
        ],
    );
    let before = of_the_user(&repo);
    let run = run(&repo, 1);
    for (id, why) in [("linked", "it is a link"), ("gone", "it is not there"), ("removed", "it is not there")]
    {
        let said = task(&run, id)["reason"].as_str().unwrap_or_default().to_owned();
        assert!(task(&run, id)["state"] != "completed" && said.contains(why), "{id}: {said}");
    }
    let hands_in = task(&run, "hands-in");
    let said = hands_in["reason"].as_str().unwrap_or_default();
    assert!(
        hands_in["state"] == "needs_review" && said.contains("its files were not applied"),
        "{hands_in:#}"
    );
    let again = task(&run, "again");
    assert!(again["state"] != "completed", "{again:#}");
    assert_eq!(on_branch(&repo, &run, "innocent", "fine"), "fine\n");
    assert!(!repo.root.join("made-by-verify").exists() && !repo.root.join("by-json").exists());
    // Nobody has tidied up what was moved away.
    let away = repo.root.join(".crew/worktrees").join(run["run"].as_str().expect("an id"));
    assert!(away.join("linked.away/kept").exists() && away.join("again.away/first").exists());
    assert!(!repo.root.join("second").exists());
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn however_git_was_left_all_of_the_work_is_on_the_branch() {
    let repo = repo();
    let diverge = "git checkout -q -b side-$CREW_TASK; echo a >kept; GIT commit -qam side; git checkout -q -; \
                   echo b >kept; GIT commit -qam mine-$CREW_TASK";
    let (merge, rebase) = (
        format!("{diverge}; GIT merge side-merge; echo w >w"),
        format!(
            "{diverge}; GIT rebase side-rebase; touch \"$(git rev-parse --git-dir)/index.lock\"; echo w >w"
        ),
    );
    let all: [Deed; 16] = [
        ("merge", "", &merge),
        ("rebase", "", &rebase),
        ("reset", "", "echo a >a; git add -A; GIT commit -qm a; git reset -q --hard HEAD~1; echo w >w"),
        (
            "deleted",
            "",
            "b=$(git symbolic-ref --short HEAD); git checkout -q --detach; git branch -qD \"$b\"; echo w >w",
        ),
        ("renamed", "", "git branch -m renamed; echo w >w"),
        (
            "orphan",
            "",
            "git checkout -q --orphan nothing; git rm -rqf .; echo w >w; GIT add -A; GIT commit -qm o",
        ),
        ("cleaned", "", "echo a >a; git clean -fdxq; echo w >w"),
        (
            "broken",
            "",
            "echo w >w; b=$(git symbolic-ref HEAD); \
             echo 1111111111111111111111111111111111111111 >\"$(git rev-parse --git-common-dir)/$b\"",
        ),
        ("no-index", "", "echo w >w; rm \"$(git rev-parse --git-dir)/index\""),
        ("odd-index", "", "echo w >w; echo odd >\"$(git rev-parse --git-dir)/index\""),
        ("overlooked", "", "git update-index --assume-unchanged kept; echo changed >kept; echo w >w"),
        ("skipped", "", "git update-index --skip-worktree kept; echo changed >kept; echo w >w"),
        ("ignored-now", "", "echo changed >kept; printf 'kept\\n' >.gitignore; echo w >w"),
        (
            "own-branch",
            "",
            "git switch -qc mine; echo w >w; git add w; GIT commit -qm mine; touch \"$(git rev-parse --git-dir)/index.lock\"",
        ),
        ("pipe", "", "echo w >w; mkfifo pipe"),
        (
            "inside",
            "",
            "echo w >w; git init -q sub; cd sub; echo s >s; git add s; GIT commit -qm sub; echo u >u; \
             printf 'x\\n' >.gitignore; echo i >x",
        ),
    ];
    deeds(&repo, &all);
    let before = of_the_user(&repo);
    let run = run(&repo, 1);
    for (id, ..) in all {
        match id {
            // What it changed is kept, and who can say what it was.
            "broken" | "odd-index" => drop(assert_review(&run, id, "crew could not see what it changed")),
            _ => assert_eq!(task(&run, id)["state"], "completed", "{id}: {:#}", task(&run, id)),
        }
        assert_eq!(on_branch(&repo, &run, id, "w"), "w\n", "{id}");
        let folder = repo.root.join(task(&run, id)["worktree"]["path"].as_str().expect("a path"));
        let here = |words: &[&str]| repo.git(&[&["-C", folder.to_str().expect("a path")], words].concat());
        if id != "inside" {
            assert_eq!(here(&["status", "--porcelain"]), "", "{id}");
        }
        let branch = task(&run, id)["worktree"]["branch"].as_str().expect("a branch").to_owned();
        assert_eq!(here(&["symbolic-ref", "--short", "HEAD"]).trim(), branch, "{id}");
    }
    for id in ["overlooked", "skipped", "ignored-now"] {
        assert_eq!(on_branch(&repo, &run, id, "kept"), "changed\n", "{id}");
    }
    assert_eq!(
        repo.git(&["rev-parse", "mine"]),
        repo.git(&["rev-parse", &format!("crew/{}/own-branch", run["run"].as_str().expect("an id"))])
    );
    let inside = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        &format!("crew/{}/inside", run["run"].as_str().expect("an id")),
    ]);
    assert!(inside.contains("sub/s\nsub/u\n") && !inside.contains("sub/x"), "{inside}");
    // The agent's own commits are not lost with the rebase that it did not finish.
    let kept = format!("refs/crew/keep/{}/rebase/1", run["run"].as_str().expect("an id"));
    assert_eq!(repo.git(&["log", "-1", "--format=%s", &kept]), "mine-rebase\n");
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn locks_that_a_dead_git_left_do_not_keep_the_work_from_its_branch() {
    let repo = repo();
    let lock = "echo w >w; g=$(git rev-parse --git-common-dir); b=$(git symbolic-ref HEAD)";
    let (branch, head, detached) = (
        format!("{lock}; touch \"$g/$b.lock\""),
        format!("{lock}; touch \"$(git rev-parse --git-dir)/HEAD.lock\""),
        format!(
            "{lock}; git checkout -q --detach; touch \"$(git rev-parse --git-dir)/HEAD.lock\" \"$g/packed-refs.lock\""
        ),
    );
    deeds(&repo, &[("branch", "", &branch), ("head", "", &head), ("detached", "", &detached)]);
    let run = run(&repo, 0);
    for id in ["branch", "head", "detached"] {
        assert_eq!(on_branch(&repo, &run, id, "w"), "w\n");
    }
    let left = std::fs::read_dir(repo.root.join(".git/worktrees/head")).expect("an admin folder");
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".lock")));
}

#[test]
fn what_an_earlier_attempt_left_outlives_a_later_one_that_throws_it_away() {
    let repo = repo();
    let again =
        "if test -f first; then git reset -q --hard HEAD~1; echo second >second; else echo first >first; fi";
    deeds(&repo, &[("again", "retries: 1\nverify: test -f second", again)]);
    let run = run(&repo, 0);
    let id = run["run"].as_str().expect("an id");
    assert_eq!(on_branch(&repo, &run, "again", "second"), "second\n");
    let events = repo.events();
    let first = of_kind(&events, "work_kept")[0]["commit"].as_str().expect("a commit").to_owned();
    assert_eq!(repo.git(&["rev-parse", &format!("refs/crew/keep/{id}/again/2")]).trim(), first);
    assert_eq!(repo.git(&["show", &format!("{first}:first")]), "first\n");
}

#[test]
fn settings_and_hooks_of_the_repository_keep_nothing_from_its_branch() {
    let repo = repo();
    let hooks = repo.beside("hooks");
    let names = [
        "pre-commit",
        "commit-msg",
        "prepare-commit-msg",
        "post-commit",
        "post-checkout",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
    ];
    let one = "mkdir -p \"$1\" && cd \"$1\" && printf '#!/bin/sh\\necho \"$0\" >>%s\\nexit 1\\n' \"$2\" >hook && \
               chmod 755 hook && shift 2 && for name; do cp hook \"$name\"; done";
    let mut shell = repo.plain("/bin/sh");
    shell.args(["-c", one, "sh"]).arg(&hooks).arg(repo.beside("hooked")).args(names);
    assert!(shell.status().expect("a shell").success());
    deeds(&repo, &[("work", "", "echo w >w"), ("next", "dependsOn: work", "test -f w; echo n >n")]);
    for (name, value) in [
        ("core.hooksPath", hooks.to_str().expect("a path")),
        ("commit.gpgsign", "true"),
        ("gpg.program", "/nonexistent"),
        ("user.useConfigOnly", "true"),
        ("core.fsmonitor", "/nonexistent"),
        ("core.logAllRefUpdates", "false"),
        ("core.splitIndex", "true"),
        ("status.showUntrackedFiles", "no"),
        ("checkout.defaultRemote", "nowhere"),
        ("alias.add", "!false"),
        ("core.excludesFile", "/nonexistent"),
        ("core.quotePath", "true"),
    ] {
        repo.git(&["config", name, value]);
    }
    let before = of_the_user(&repo);
    let _ = std::fs::remove_file(repo.beside("hooked"));
    let run = run(&repo, 0);
    assert_eq!(on_branch(&repo, &run, "work", "w"), "w\n");
    assert_eq!(on_branch(&repo, &run, "next", "n"), "n\n");
    assert!(!repo.beside("hooked").exists(), "{:?}", std::fs::read_to_string(repo.beside("hooked")));
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn where_the_environment_leads_git_elsewhere_nobody_works_or_commits_there() {
    let repo = repo();
    let other = TestRepo::new();
    // The agent does so too, from its own folder and from the user's.
    let script = "git rev-parse --show-toplevel >top; export GIT_DIR=\"$CREW_REPOSITORY/.git\" \
                  GIT_WORK_TREE=\"$PWD\" GIT_INDEX_FILE=\"$PWD/.own-index\"; git add top; echo w >w";
    deeds(&repo, &[("work", "", script)]);
    let before = (of_the_user(&repo), of_the_user_of_another(&other));
    let mut command = repo.command(["run", "g", "--workflow", "deeds", "--worktree", "--json"]);
    command.env("GIT_DIR", other.root.join(".git")).env("GIT_WORK_TREE", &other.root);
    command.env("GIT_INDEX_FILE", repo.beside("index")).env("GIT_OBJECT_DIRECTORY", repo.beside("objects"));
    let run = run_command(command).exits(0).json();
    assert_eq!(on_branch(&repo, &run, "work", "w"), "w\n");
    let folder = repo.root.join(task(&run, "work")["worktree"]["path"].as_str().expect("a path"));
    assert_eq!(on_branch(&repo, &run, "work", "top"), format!("{}\n", folder.display()));
    assert_eq!((of_the_user(&repo), of_the_user_of_another(&other)), before);
    assert!(!repo.beside("index").exists() && !repo.beside("objects").exists());
    assert_sound(&repo);
}

pub fn of_the_user_of_another(repo: &TestRepo) -> [String; 3] {
    [&["rev-parse", "HEAD"][..], &["status", "--porcelain"], &["for-each-ref"]].map(|words| repo.git(words))
}

#[test]
fn all_that_git_clears_away_on_demand_was_never_the_only_place_of_anything() {
    let repo = repo();
    let collect = "git -C \"$CREW_REPOSITORY\" worktree prune --expire=now; git reflog expire --expire=now --all; \
                   git gc -q --prune=now; git prune --expire=now";
    let staged = format!("echo w >w; git add w; echo kept >>kept; {collect}; echo v >v");
    deeds(
        &repo,
        &[
            ("staged", "", &staged),
            ("beside", "", "echo b >b"),
            ("next", "dependsOn: staged, beside", &staged),
        ],
    );
    repo.write("mine", "not committed\n");
    let before = [repo.git(&["status", "--porcelain"]), repo.git(&["rev-parse", "HEAD"])];
    let args = ["run", "g", "--workflow", "deeds", "--worktree", "--include-dirty", "--jobs", "1", "--json"];
    let run = repo.crew(args).exits(0).json();
    for (path, content) in [("w", "w\n"), ("v", "v\n"), ("b", "b\n"), ("mine", "not committed\n")] {
        assert_eq!(on_branch(&repo, &run, "next", path), content);
    }
    assert_eq!([repo.git(&["status", "--porcelain"]), repo.git(&["rev-parse", "HEAD"])], before);
    assert_sound(&repo);
}

#[test]
fn the_work_of_a_task_outlives_its_branch_and_its_folder() {
    let repo = repo();
    // They are done by then; one branch goes back, one goes away, and both folders with them.
    let thief = "b=$(git symbolic-ref --short HEAD); p=${b%/*}; \
                 for id in first second; do \
                   until crew events \"$CREW_RUN\" | grep -q \"succeeded.*$id\\|$id.*succeeded\"; do sleep 0.05; done; \
                   rm -rf \"../$id\"; \
                 done; \
                 git update-ref \"refs/heads/$p/first\" main; git update-ref -d \"refs/heads/$p/second\"; echo t >t";
    deeds(&repo, &[("first", "", "echo 1 >1"), ("second", "", "echo 2 >2"), ("thief", "", thief)]);
    run(&repo, 0);
    let args = ["worktree", "remove", "last", "first", "second", "--branch", "--force"];
    repo.crew(args).exits(0);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    repo.git(&["config", "user.name", "Person"]);
    repo.git(&["config", "user.email", "person@example.com"]);
    repo.git(&["reset", "-q", "--hard"]);
    repo.crew(["merge", "last"]).exits(0);
    for (name, content) in [("1", "1\n"), ("2", "2\n"), ("t", "t\n")] {
        assert_eq!(std::fs::read_to_string(repo.root.join(name)).expect(name), content);
    }
    assert_sound(&repo);
}

#[test]
fn what_an_agent_has_git_ignore_stays_in_its_folder_until_somebody_removes_it_knowingly() {
    let repo = repo();
    let hides = "echo w >w; echo h >hidden; printf 'hidden\\n' >.gitignore";
    deeds(&repo, &[("hides", "", hides)]);
    let run = run(&repo, 0);
    let folder = repo.root.join(task(&run, "hides")["worktree"]["path"].as_str().expect("a path"));
    assert_eq!(on_branch(&repo, &run, "hides", ".gitignore"), "hidden\n");
    assert_eq!(std::fs::read_to_string(folder.join("hidden")).expect("it is there"), "h\n");
    repo.git(&["merge", "-q", "--no-edit", &format!("crew/{}/hides", run["run"].as_str().expect("an id"))]);
    let plan = repo.crew(["worktree", "prune", "--dry-run"]).exits(0);
    assert!(plan.err.contains("of it ignored by git"), "{}", plan.err);
    assert!(folder.join("hidden").exists());
}

#[test]
fn nobody_can_hide_work_by_a_file_of_excludes_that_git_is_told_of() {
    let repo = repo();
    let mine = repo.beside("mine");
    std::fs::write(&mine, "notes\n").expect("a file");
    repo.git(&["config", "core.excludesFile", mine.to_str().expect("a path")]);
    let hides = "echo '*' >\"$CREW_REPOSITORY/../all\"; git config core.excludesFile \"$CREW_REPOSITORY/../all\"; \
                 echo w >w; echo n >notes; echo '*' >>\"$CREW_REPOSITORY/../mine\"";
    deeds(&repo, &[("hides", "", hides), ("later", "dependsOn: hides", "echo l >l; echo n >notes")]);
    let run = run(&repo, 0);
    let id = run["run"].as_str().expect("an id");
    for (task, of_task) in [("hides", "w"), ("later", "l")] {
        let changed =
            repo.git(&["diff", "--name-only", &format!("crew/{id}/{task}^"), &format!("crew/{id}/{task}")]);
        assert_eq!(changed.trim(), of_task, "{task}");
    }
    let shown = repo.crew(["status", "last"]).exits(0).out;
    assert!(shown.contains("1 file, +1 -0, .git/config changed"), "{shown}");
    assert_sound(&repo);
}

#[test]
fn nobody_can_hide_the_work_of_others_from_git() {
    let repo = repo();
    repo.write(".git/info/exclude", "notes\n");
    let hides = "echo '*' >>\"$(git rev-parse --git-path info/exclude)\"; echo w >w; mkdir d; echo x >d/x; echo n >notes";
    let text = "## hides\nrun: sh HIDES\n\n## later\nrun: sh LATER\ndependsOn: hides\n";
    let script = |name: &str| repo.beside(&format!("{name}.sh")).display().to_string();
    for (id, script) in
        [("hides", hides), ("later", "test -f d/x; echo l >l; echo i >ignored; echo n >notes")]
    {
        std::fs::write(repo.beside(&format!("{id}.sh")), script).expect("a script");
    }
    repo.workflow("deeds", &text.replace("HIDES", &script("hides")).replace("LATER", &script("later")));
    let run = run(&repo, 0);
    let id = run["run"].as_str().expect("an id");
    let files = |task: &str| {
        let listed = repo.git(&["ls-tree", "-r", "--name-only", &format!("crew/{id}/{task}")]);
        let of_tasks = listed.lines().filter(|name| !name.starts_with(".crew/")).map(str::to_owned);
        of_tasks.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(files("hides"), ".gitignore README.md d/x kept w");
    assert_eq!(files("later"), ".gitignore README.md d/x kept l w");
    assert_sound(&repo);
}

#[test]
fn what_an_agent_did_without_its_git_is_kept_by_whoever_takes_the_run_over() {
    let repo = repo();
    let gate = repo.gate("wait");
    let script = format!(
        "echo w >>w; rm -f .git; touch '{}'; while test -e '{}'; do sleep 0.05; done",
        repo.beside("ready").display(),
        gate.display()
    );
    deeds(&repo, &[("work", "", &script)]);
    let before = of_the_user(&repo);
    let crew = repo.start(["run", "g", "--workflow", "deeds", "--worktree", "--json", "--quiet"]);
    crate::support::wait_until("the agent is at work", || repo.beside("ready").exists());
    // What no record tells of would be taken up as it is, and kept with what comes after.
    repo.wait_for_event("its tree is in the record", |event| event["kind"] == "worktree_added");
    crew.kill();
    repo.open("wait");
    let run = repo.crew(["resume", "last", "--json"]).json();
    let events = repo.events();
    let kept = of_kind(&events, "work_kept");
    assert!(!kept.is_empty(), "{run:#}");
    let first = kept[0]["commit"].as_str().expect("a commit");
    assert_eq!(repo.git(&["show", &format!("{first}:w")]), "w\n");
    assert!(on_branch(&repo, &run, "work", "w").starts_with("w\n"));
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn what_is_cleared_away_while_it_is_being_kept_is_read_again() {
    let repo = repo();
    deeds(&repo, &[("work", "", "echo w >w; mkdir d; echo x >d/x")]);
    // What no reference holds yet is gone just before the commit of it is made.
    let script = "for word in \"$@\"; do if test \"$word\" = commit-tree && mkdir ../pruned 2>/dev/null; then \
                  /usr/bin/git prune --expire=now; fi; done; exec /usr/bin/git \"$@\"";
    repo.link_programs(&["sh", "mkdir", "cat", "touch"]);
    repo.program("git", &script.replace("../pruned", &repo.beside("pruned").display().to_string()));
    let command = repo.alone(["run", "g", "--workflow", "deeds", "--worktree", "--json"]);
    let run = run_command(command).exits(0).json();
    assert!(repo.beside("pruned").exists(), "nothing was cleared away");
    assert_eq!(on_branch(&repo, &run, "work", "d/x"), "x\n");
    assert_sound(&repo);
}

#[test]
fn what_git_does_not_take_is_said() {
    let repo = repo();
    // Git refuses this name, because on other systems it would be `.git`.
    deeds(&repo, &[("odd", "", "echo w >w; echo x >'git~1'")]);
    repo.workflow("odd", "## odd\nrun: echo w >w; echo x >'git~1'\n\n");
    let run = run(&repo, 1);
    assert_review(&run, "odd", "invalid path 'git~1'");
    assert_eq!(on_branch(&repo, &run, "odd", "w"), "w\n");
    let run = repo.crew(["run", "g", "--workflow", "odd", "--worktree", "--json"]).exits(1).json();
    assert_review(&run, "odd", "its work could not be kept: error: invalid path 'git~1'");
    assert_eq!(on_branch(&repo, &run, "odd", "w"), "w\n");
}

#[test]
fn what_an_agent_does_to_the_users_tree_is_neither_committed_nor_undone() {
    let repo = repo();
    deeds(
        &repo,
        &[
            ("commits", "", "cd \"$CREW_REPOSITORY\"; echo evil >evil; git add evil; GIT commit -qm evil"),
            ("stashes", "", "echo w >w; GIT stash -qu; echo v >v"),
            ("moves", "", "echo w >w; git add -A; GIT commit -qm w; git update-ref refs/heads/other HEAD"),
            ("innocent", "", "echo fine >fine"),
        ],
    );
    let stash = repo.git(&["rev-parse", "refs/stash"]);
    let run = run(&repo, 1);
    assert_eq!(task(&run, "commits")["error_kind"], "no_change");
    assert_eq!(repo.git(&["log", "-1", "--format=%s"]), "evil\n");
    assert_eq!(on_branch(&repo, &run, "stashes", "v"), "v\n");
    // The user's own stash has only moved down.
    assert_eq!(repo.git(&["rev-parse", "stash@{1}"]), stash);
    assert_eq!(
        repo.git(&["rev-parse", "other"]),
        repo.git(&["rev-parse", &format!("crew/{}/moves", run["run"].as_str().expect("an id"))])
    );
    let files = repo.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        &format!("crew/{}/innocent", run["run"].as_str().expect("an id")),
    ]);
    assert!(files.contains("fine\n") && !files.contains("evil"), "{files}");
    assert_sound(&repo);
}

#[test]
fn names_modes_links_and_line_ends_are_kept_whatever_the_repository_is_called() {
    let mut repo = repo();
    let odd = repo.beside("mein Repo \u{e4}\u{f6} 'x' $y");
    std::fs::rename(&repo.root, &odd).expect("another name");
    repo.root = odd;
    repo.write("type", "a file\n");
    repo.write("folder/a", "x\n");
    repo.write("crlf", "one\ntwo\n");
    repo.commit("more");
    repo.git(&["config", "core.autocrlf", "true"]);
    let script = "printf n >'new\nline'; printf d >-dash; printf s >' sp ace '; printf u >'\u{fc}'; \
        printf z >\"$(printf '\\377\\376')\"; mkdir -p '\u{65e5}\u{672c}/-x'; printf j >'\u{65e5}\u{672c}/-x/\u{1f600}'; \
        : >empty; chmod +x kept; ln -s /nowhere dangling; ln -s folder to-folder; rm type; ln -s kept type; \
        rm -r folder; printf f >folder; printf 'one\\r\\ntwo\\r\\nthree\\r\\n' >crlf; printf q >'a\"b\\c'; \
        printf g >':(glob)*'; printf h >'#x'; printf i >'!y'; printf k >'\u{e9}'; printf l >'e\u{301}'; \
        mkdir nothing-in-it";
    deeds(&repo, &[("names", "", script)]);
    let before = of_the_user(&repo);
    let run = run(&repo, 0);
    let branch = format!("crew/{}/names", run["run"].as_str().expect("an id"));
    for (name, content) in [
        ("new\nline", "n"),
        ("-dash", "d"),
        (" sp ace ", "s"),
        ("\u{fc}", "u"),
        ("\u{65e5}\u{672c}/-x/\u{1f600}", "j"),
        ("empty", ""),
        ("folder", "f"),
        ("a\"b\\c", "q"),
        (":(glob)*", "g"),
        ("#x", "h"),
        ("!y", "i"),
        // One letter, and a letter with an accent of its own.
        ("\u{e9}", "k"),
        ("e\u{301}", "l"),
        ("dangling", "/nowhere"),
        ("type", "kept"),
        ("crlf", "one\ntwo\nthree\n"),
    ] {
        assert_eq!(repo.git(&["show", &format!("{branch}:{name}")]), content, "{name:?}");
    }
    let listed = repo.git(&["ls-tree", "-r", &branch]);
    assert!(listed.contains("\\377\\376"), "{listed}");
    for (mode, name) in [
        ("100755", "kept"),
        ("120000", "dangling"),
        ("120000", "type"),
        ("120000", "to-folder"),
        ("100644", "folder"),
    ] {
        let line = listed.lines().find(|line| line.ends_with(&format!("\t{name}"))).unwrap_or_default();
        assert!(line.starts_with(mode), "{name}: {line}");
    }
    let folder = repo.root.join(task(&run, "names")["worktree"]["path"].as_str().expect("a path"));
    assert_eq!(std::fs::read(folder.join("crlf")).expect("a file"), b"one\r\ntwo\r\nthree\r\n");
    assert_eq!(folder.join("kept").metadata().expect("a file").permissions().mode() & 0o111, 0o111);
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

#[test]
fn a_large_file_is_kept() {
    let repo = repo();
    deeds(&repo, &[("large", "", "truncate -s 100M large; printf end >>large")]);
    let run = run(&repo, 0);
    let branch = format!("crew/{}/large:large", run["run"].as_str().expect("an id"));
    assert_eq!(repo.git(&["cat-file", "-s", &branch]).trim(), (100 * 1024 * 1024 + 3).to_string());
}

#[test]
fn a_folder_that_cannot_be_had_fails_the_task_and_nobody_works_elsewhere() {
    let repo = repo();
    deeds(&repo, &[("work", "", "echo w >w"), ("innocent", "", "echo fine >fine")]);
    // Of all that git is asked to do, it only refuses to make one work tree.
    repo.link_programs(&["sh", "cat", "mkdir"]);
    repo.program(
        "git",
        "case \"$*\" in *'worktree add'*'task work of'*) echo 'fatal: could not create leading directories: No space left on device' >&2; exit 128;; esac; exec /usr/bin/git \"$@\"",
    );
    let before = of_the_user(&repo);
    let command = repo.alone(["run", "g", "--workflow", "deeds", "--worktree", "--json"]);
    let run = run_command(command).exits(1).json();
    let work = task(&run, "work");
    assert_eq!(
        (&work["state"], &work["error_kind"]),
        (&json!("failed"), &json!("worktree_failed")),
        "{work:#}"
    );
    assert!(work["reason"].as_str().is_some_and(|why| why.contains("No space left on device")), "{work:#}");
    assert_eq!(on_branch(&repo, &run, "innocent", "fine"), "fine\n");
    assert!(!repo.root.join("w").exists());
    assert_eq!(of_the_user(&repo), before);
}

#[test]
fn a_full_disk_while_the_work_is_kept_is_said_and_the_folder_holds_it() {
    let repo = repo();
    deeds(&repo, &[("work", "", "echo w >w")]);
    repo.link_programs(&["sh", "cat", "mkdir"]);
    repo.program(
        "git",
"case \"$GIT_INDEX_FILE $*\" in *crew-index-*' write-tree') echo 'error: unable to write file: No space left on device' >&2; exit 128;; esac; exec /usr/bin/git \"$@\"",
    );
    let before = of_the_user(&repo);
    let command = repo.alone(["run", "g", "--workflow", "deeds", "--worktree", "--json"]);
    let run = run_command(command).exits(1).json();
    assert_review(&run, "work", "No space left on device");
    let folder = repo.root.join(".crew/worktrees").join(run["run"].as_str().expect("an id")).join("work");
    assert_eq!(std::fs::read_to_string(folder.join("w")).expect("it is there"), "w\n");
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}

/// Makes git a program that does something of `what` the first time that it is called with words that fit a pattern of
/// the shell, before it does what it is asked or after.
fn git_that(repo: &TestRepo, pattern: &str, after: bool, what: &str) {
    repo.link_programs(&["sh", "cat", "mkdir"]);
    let once = repo.beside("once").display().to_string();
    let first = if after { "/usr/bin/git \"$@\" >/dev/null 2>&1;" } else { "" };
    repo.program(
        "git",
        &format!(
            "case \"$* \" in {pattern}) if mkdir '{once}' 2>/dev/null; then {first} {what}; fi;; esac; \
             exec /usr/bin/git \"$@\""
        ),
    );
}

/// What git does while a task's work tree is made and its work is kept.
const STEPS: [&str; 7] = [
    "*'worktree add'*",
    "*' add --all --sparse '*",
    "*'commit-tree '*",
    "*'update-ref '*",
    "*'symbolic-ref -m'*",
    "*'rev-list --objects'*",
    "*'diff '*numstat*",
];

fn run_with_git(repo: &TestRepo) -> Ran {
    run_command(repo.alone(["run", "g", "--workflow", "deeds", "--worktree", "--json"]))
}

/// Nothing is left of what was begun: one work tree, no lock, no half index, no process.
#[track_caller]
fn assert_nothing_stray(repo: &TestRepo, about: &str) {
    let listed = repo.git(&["worktree", "list", "--porcelain"]);
    assert_eq!(listed.lines().filter(|line| line.starts_with("worktree ")).count(), 2, "{about}: {listed}");
    let mut folders = vec![repo.root.join(".git")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            assert!(
                !name.ends_with(".lock") && !name.starts_with("crew-index-"),
                "{about}: {:?}",
                entry.path()
            );
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != "objects" {
                folders.push(entry.path());
            }
        }
    }
    repo.leaves_no_process();
    assert_sound(repo);
}

#[test]
fn whenever_crew_is_killed_all_of_the_work_is_there_after_the_next_one() {
    let repo = repo();
    deeds(&repo, &[("work", "", "echo w >w; git checkout -q --detach")]);
    let before = of_the_user(&repo);
    let saved = repo.beside("saved");
    copy(&repo.root, &saved);
    let mut kills = 0;
    for (pattern, after) in STEPS.into_iter().flat_map(|step| [(step, false), (step, true)]) {
        copy(&saved, &repo.root);
        let _ = std::fs::remove_dir(repo.beside("once"));
        git_that(&repo, pattern, after, "kill -9 $PPID");
        let about = format!("{pattern} after: {after}");
        let ran = run_with_git(&repo);
        if ran.exit != -1 {
            assert!(!repo.beside("once").exists(), "{about}: {ran:?}");
            continue;
        }
        kills += 1;
        let resumed = repo.crew(["resume", "last", "--json"]);
        assert_eq!(resumed.exit, 0, "{about}: {resumed:?}");
        let run = resumed.json();
        let work = task(&run, "work");
        // What it had handed in before counts; what had not begun is done now.
        assert_eq!(work["state"], "completed", "{about}: {work:#}");
        assert_eq!(on_branch(&repo, &run, "work", "w"), "w\n", "{about}");
        assert_eq!(
            work["worktree"]["tip"],
            repo.git(&["rev-parse", &format!("crew/{}/work", run["run"].as_str().expect("an id"))]).trim(),
            "{about}"
        );
        assert_eq!(of_the_user(&repo), before, "{about}");
        assert_nothing_stray(&repo, &about);
    }
    assert!(kills >= 12, "crew was killed {kills} times");
}

#[test]
fn a_git_that_is_killed_loses_nothing() {
    let repo = repo();
    deeds(&repo, &[("work", "", "echo w >w; git checkout -q --detach")]);
    let before = of_the_user(&repo);
    let saved = repo.beside("saved");
    copy(&repo.root, &saved);
    for (pattern, after) in STEPS.into_iter().flat_map(|step| [(step, false), (step, true)]) {
        copy(&saved, &repo.root);
        let _ = std::fs::remove_dir(repo.beside("once"));
        git_that(&repo, pattern, after, "kill -9 $$");
        let about = format!("{pattern} after: {after}");
        let ran = run_with_git(&repo);
        assert!([0, 1].contains(&ran.exit), "{about}: {ran:?}");
        let run = ran.json();
        let work = task(&run, "work");
        if work["state"] != "completed" {
            assert!(work["reason"].as_str().is_some_and(|why| !why.is_empty()), "{about}: {work:#}");
        }
        if work["error_kind"] != "worktree_failed" {
            assert_eq!(on_branch(&repo, &run, "work", "w"), "w\n", "{about}: {work:#}");
            assert_nothing_stray(&repo, &about);
        } else {
            assert_sound(&repo);
        }
        assert!(!repo.root.join("w").exists());
        assert_eq!(of_the_user(&repo), before, "{about}");
    }
}

/// What git does while the work of two tasks is joined for a third one. It says `Work of` and their names.
const JOINING: [&str; 2] = ["*'merge-tree '*", "*'commit-tree '*'Work of '*"];

#[test]
fn whoever_is_killed_while_the_work_of_others_is_joined_the_next_one_has_it_all() {
    for (pattern, after, who) in JOINING
        .into_iter()
        .flat_map(|step| [(step, false, "$$"), (step, false, "$PPID"), (step, true, "$PPID")])
    {
        let repo = repo();
        deeds(
            &repo,
            &[
                ("left", "", "echo l >l; echo leftone >kept"),
                ("right", "", "echo r >r"),
                ("both", "dependsOn: left, right", "test -f l; test -f r; echo b >b"),
            ],
        );
        let before = of_the_user(&repo);
        git_that(&repo, pattern, after, &format!("kill -9 {who}"));
        let about = format!("{pattern} after: {after} {who}");
        let ran = run_with_git(&repo);
        assert!(repo.beside("once").exists(), "{about}: {ran:?}");
        let resumed = if ran.exit == -1 { repo.crew(["resume", "last", "--json"]) } else { ran };
        let run = resumed.json();
        for (id, path, content) in
            [("left", "l", "l\n"), ("right", "r", "r\n"), ("left", "kept", "leftone\n")]
        {
            assert_eq!(task(&run, id)["state"], "completed", "{about}: {run:#}");
            assert_eq!(on_branch(&repo, &run, id, path), content, "{about}");
        }
        let both = task(&run, "both");
        if who == "$PPID" {
            assert_eq!(both["state"], "completed", "{about}: {both:#}");
            for (path, content) in [("l", "l\n"), ("r", "r\n"), ("b", "b\n"), ("kept", "leftone\n")] {
                assert_eq!(on_branch(&repo, &run, "both", path), content, "{about}");
            }
        } else {
            // A git that was killed has said nothing of the work: nobody works on a part of it.
            assert!(
                both["state"] == "completed" || both["error_kind"] == "worktree_failed",
                "{about}: {both:#}"
            );
        }
        assert_eq!(of_the_user(&repo), before, "{about}");
        repo.leaves_no_process();
        assert_sound(&repo);
    }
}

/// Kills crew at random moments of a run of several tasks, as often as that takes, and goes on after each.
#[test]
#[ignore = "takes a minute"]
fn thirty_kills_at_random_moments_lose_nothing() {
    use std::time::{Duration, SystemTime};
    for round in 0..30 {
        let repo = repo();
        let before = of_the_user(&repo);
        let script = "echo w >>w; echo more >more; git checkout -q --detach";
        deeds(
            &repo,
            &[("work", "", script), ("beside", "", script), ("next", "dependsOn: work, beside", "echo n >n")],
        );
        let dice = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").subsec_nanos();
        let crew = repo.start(["run", "g", "--workflow", "deeds", "--worktree", "--json", "--quiet"]);
        std::thread::sleep(Duration::from_millis(u64::from(dice / 1000 % 1500)));
        crew.kill();
        let about = format!("round {round}, {} ms", dice / 1000 % 1500);
        let so_far = repo.events_so_far();
        if so_far.is_empty() {
            assert_eq!(of_the_user(&repo), before, "{about}");
            continue;
        }
        // One that had just ended is not resumed.
        let resumed = repo.crew(["resume", "last", "--json"]);
        assert!([0, 4].contains(&resumed.exit), "{about}: {resumed:?}");
        let run = repo.crew(["status", "last", "--json"]).exits(0).json();
        let handed_in: Vec<&str> = of_kind(&so_far, "submission_accepted")
            .into_iter()
            .filter_map(|event| event["task"].as_str())
            .collect();
        for id in ["work", "beside", "next"] {
            assert_eq!(task(&run, id)["state"], "completed", "{about}: {run:#}");
            if handed_in.contains(&id) {
                let begun = of_kind(&so_far, "attempt_started");
                let begun = begun.iter().filter(|event| event["task"] == id).count();
                assert_eq!(task(&run, id)["attempts"], begun, "{about}: {id} had handed in");
            }
        }
        for id in ["work", "beside"] {
            let branch = format!("crew/{}/{id}:more", run["id"].as_str().expect("an id"));
            assert_eq!(repo.git(&["show", &branch]), "more\n", "{about}");
        }
        assert_eq!(of_the_user(&repo), before, "{about}");
        repo.leaves_no_process();
        assert_sound(&repo);
    }
}

#[test]
fn two_runs_at_once_and_whoever_wants_to_take_one_over_are_in_nobodys_way() {
    let repo = repo();
    let gate = repo.gate("wait");
    let script = format!("echo w >w; while test -e '{}'; do sleep 0.05; done", gate.display());
    deeds(&repo, &[("one", "", &script), ("two", "", &script)]);
    let before = of_the_user(&repo);
    let start = || {
        start_command(repo.command(["run", "g", "--workflow", "deeds", "--worktree", "--json", "--quiet"]))
    };
    let (first, second) = (start(), start());
    let begun = || repo.git(&["for-each-ref", "refs/heads/crew"]).lines().count();
    crate::support::wait_until("both are at work", || begun() == 4);
    repo.crew(["resume", "last"]).exits(4);
    repo.open("wait");
    for run in [first, second] {
        let run = run.ends().exits(0).json();
        for id in ["one", "two"] {
            assert_eq!(on_branch(&repo, &run, id, "w"), "w\n");
        }
    }
    assert_eq!(of_the_user(&repo), before);
    assert_sound(&repo);
}
