//! Which tasks get a worktree, what it begins from, and what is refused before anything starts.

use crate::support::{TestRepo, run_command, task};
use serde_json::{Value, json};

/// A step that looks, one that writes, one that depends on it, and one apart from them.
const STEPS: &str = "## look\nrole: explorer\nagent: mine\n\nLook.\n\n\
    ## change\nrole: executor\nagent: mine\ndependsOn: look\n\nWrite.\n\n\
    ## check\nrun: true\ndependsOn: change\n\n\
    ## other\nrun: true";

/// A repository whose workflow `one` has these steps and whose agents do nothing.
fn repo(steps: &str) -> TestRepo {
    let repo = TestRepo::new();
    repo.agent("mine", "submit:done");
    repo.workflow("one", steps);
    repo
}

fn dry(repo: &TestRepo, exit: i32, more: &[&str]) -> crate::support::Ran {
    repo.crew(["run", "the goal", "--workflow", "one", "--dry-run"].iter().chain(more)).exits(exit)
}

#[track_caller]
fn plan(repo: &TestRepo, more: &[&str]) -> Value {
    dry(repo, 0, &[&["--json"], more].concat()).json()
}

/// The tasks that work in a worktree.
fn apart(plan: &Value) -> Vec<&str> {
    let tasks = plan["tasks"].as_array().expect("tasks").iter();
    tasks.filter(|task| task["worktree"] == true).map(|task| task["id"].as_str().expect("an id")).collect()
}

/// What a refusal says, as one text.
#[track_caller]
fn refused(repo: &TestRepo, exit: i32, more: &[&str]) -> String {
    // Really run, it ends the same, and nothing is there afterwards.
    let ran = repo.crew(["run", "the goal", "--workflow", "one"].iter().chain(more)).exits(exit);
    assert_eq!(dry(repo, exit, more).err, ran.err);
    repo.assert_no_run();
    ran.err
}

/// Everything that git knows of: references and what is not committed.
fn state(repo: &TestRepo) -> String {
    [repo.git(&["for-each-ref"]), repo.git(&["status", "--porcelain"]), repo.git(&["count-objects"])].concat()
}

#[test]
fn the_users_own_settings_of_git_count_for_crew_too() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: test -e new && test ! -e key.secret && test ! -e key.private");
    for name in ["new", "key.secret", "key.private"] {
        repo.write(name, "x\n");
    }
    std::fs::write(repo.home.join("ignored"), "*.secret\n").expect("a file");
    let ignored = repo.home.join("ignored");
    std::fs::write(repo.home.join("gitconfig"), format!("[core]\n  excludesFile = {}\n", ignored.display()))
        .expect("a file");
    let mut command = repo.command(["run", "g", "--workflow", "one", "--worktree", "--include-dirty"]);
    command.env("GIT_CONFIG_GLOBAL", repo.home.join("gitconfig"));
    // These are one more, and do not lead crew to another repository.
    command
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "user.name")
        .env("GIT_CONFIG_VALUE_0", "Ann");
    command.env("GIT_COMMITTER_EMAIL", "ann@example.org").env("GIT_AUTHOR_EMAIL", "ann@example.org");
    command.env("GIT_DIR", "/nowhere").env("GIT_INDEX_FILE", "/nowhere");
    repo.write(".git/info/exclude", "*.private\n");
    run_command(command).exits(0);
    let id = repo.run_folder().file_name().expect("an id").display().to_string();
    let seen = repo.git(&["log", "-1", "--format=%an <%ae>", &format!("refs/crew/base/{id}")]);
    assert_eq!(seen.trim(), "Ann <ann@example.org>");
}

#[test]
fn worktrees_are_asked_for_by_a_step_a_team_a_flag_or_a_setting() {
    let asked = STEPS.replace("dependsOn: look", "dependsOn: look\nworktree: true\nlink: target");
    let repo = repo(&asked);
    repo.write("target/x", "");
    repo.write(".gitignore", "target\n");
    repo.commit("something to ignore");
    let by_step = plan(&repo, &[]);
    assert_eq!(apart(&by_step), ["change", "check"]);
    assert_eq!(task(&by_step, "change")["link"], json!(["target"]));
    assert_eq!(
        (&task(&by_step, "check")["link"], &task(&by_step, "other")["link"]),
        (&json!([]), &json!([]))
    );
    repo.workflow("one", STEPS);
    assert!(apart(&plan(&repo, &[])).is_empty());
    let all = ["look", "change", "check", "other"];
    assert_eq!(apart(&plan(&repo, &["--worktree"])), all);
    assert_eq!(apart(&plan(&repo, &["--set", "worktrees.enabled=true"])), all);
    repo.put_user(
        "teams/mine.team.md",
        "---\ndescription: A team\ndefaultWorkflow: one\nworkspaceMode: worktree\nlink: target\n---\n\
         - explorer: agent=explorer\n- executor: agent=executor\n",
    );
    let by_team = plan(&repo, &["--team", "mine"]);
    assert_eq!((apart(&by_team), &task(&by_team, "other")["link"]), (all.to_vec(), &json!(["target"])));
}

#[test]
fn what_files_say_of_worktrees_is_shown() {
    let repo = repo(&STEPS.replace("dependsOn: look", "dependsOn: look\nworktree: true\nlink: target/, b"));
    repo.put_user(
        "teams/one.team.md",
        "---\ndescription: A team\nworktree: false\nlink: c\n---\n- explorer:\n- executor:\n",
    );
    let shown = repo.crew(["show", "one"]).exits(0).out;
    assert!(
        shown.contains("## change  role executor  after look\nworktree: true\nlink: target, b\n"),
        "{shown}"
    );
    assert!(shown.contains("\nworktree: false\nlink: c\n- explorer"), "{shown}");
}

#[test]
fn a_dry_run_shows_where_tasks_work_and_what_they_begin_from() {
    let repo = repo(&STEPS.replace("dependsOn: look", "dependsOn: look\nworktree: true"));
    let before = state(&repo);
    let head = repo.git(&["rev-parse", "HEAD"]);
    let out = dry(&repo, 0, &[]).out;
    assert!(out.contains(&format!("\nworktrees on  base main {}\n", &head[..7])), "{out}");
    let rows: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "task role agent works in gates after",
        "look explorer mine folder - -",
        "change executor mine worktree - look",
    ] {
        assert!(rows.iter().any(|line| line == row), "{row}: {out}");
    }
    let base = json!({"commit": head.trim(), "branch": "main", "uncommitted": 0});
    assert_eq!(plan(&repo, &[])["base"], base);
    repo.git(&["checkout", "-q", "--detach"]);
    assert!(dry(&repo, 0, &[]).out.contains("base a detached HEAD "));
    assert_eq!(state(&repo), before);
    repo.assert_no_run();
}

#[test]
fn a_tree_that_is_not_committed_is_refused_or_taken_as_it_is() {
    let repo = repo(STEPS);
    repo.write(".crew/agents/mine-too.md", "---\ndescription: d\n---\nYou help.\n");
    repo.write("README.md", "Changed.\n");
    assert_eq!(
        refused(&repo, 4, &["--worktree"]),
        "refused: 1 path in this folder is not committed, and worktrees begin from a commit: README.md\n\
         hint: git commit, git stash --include-untracked, or --include-dirty, which lets the work begin from all of it\n"
    );
    for name in ["a", "b", "c", "d", "e", "ü"] {
        repo.write(name, "new");
    }
    let told = refused(&repo, 4, &["--worktree"]);
    assert!(told.contains("7 paths in this folder are not committed"), "{told}");
    assert!(told.contains(": README.md, a, b, c, d and 2 more\n"), "{told}");
    let before = state(&repo);
    let plan = plan(&repo, &["--worktree", "--include-dirty"]);
    assert_eq!(plan["base"]["uncommitted"], 7);
    assert!(
        dry(&repo, 0, &["--worktree", "--set", "worktrees.include_dirty=true"])
            .out
            .contains(" with 7 files not committed")
    );
    assert_eq!(state(&repo), before);
    // Where no task works apart, all of it is seen anyway.
    dry(&repo, 0, &[]);
    assert!(refused(&repo, 2, &["--include-dirty"]).contains("no task works in one"));
}

#[test]
fn where_there_is_no_commit_nothing_can_begin() {
    let repo = repo(STEPS);
    repo.git(&["checkout", "-q", "--orphan", "empty"]);
    assert!(refused(&repo, 4, &["--worktree"]).contains("no commit yet"));
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["config", "core.bare", "true"]);
    assert!(refused(&repo, 4, &["--worktree"]).contains("has no work tree"));
}

#[test]
fn steps_that_would_not_see_each_others_work_are_refused_with_their_lines() {
    let stays =
        STEPS.replace("run: true\ndependsOn: change", "run: true\ndependsOn: change\nworktree: false");
    let repo = repo(&stays);
    let told = refused(&repo, 2, &["--worktree"]);
    assert!(told.contains("step `check` says `worktree: false`, but depends on `change`"), "{told}");
    assert!(told.contains("one.workflow.md:22\n"), "{told}");
    repo.workflow(
        "one",
        &STEPS.replace("run: true\ndependsOn: change", "run: true\ndependsOn: change\nworktree: true"),
    );
    let told = refused(&repo, 2, &[]);
    assert!(
        told.contains("step `change` writes in your own folder, but `check` works in a worktree"),
        "{told}"
    );
    assert!(told.contains("one.workflow.md:12\nhint: say `worktree: true` in `change`\n"), "{told}");
    // The same is found without a run.
    repo.put_user(
        "teams/one.team.md",
        "---\ndescription: A team\n---\n- explorer: agent=explorer\n- executor: agent=executor\n",
    );
    let told = repo.crew(["validate"]).exits(2).err;
    assert!(told.contains("step `change` writes in your own folder"), "{told}");
}

#[test]
fn a_folder_for_worktrees_is_nobody_elses() {
    let repo = repo(STEPS);
    repo.git(&["config", "core.excludesFile", "/dev/null"]);
    std::os::unix::fs::symlink(&repo.home, repo.root.join("out")).expect("a link");
    repo.write(".gitignore", "/ignored/\n");
    repo.commit("a link that leads out");
    for (folder, words) in [
        (".", "the repository lies in it"),
        ("..", "the repository lies in it"),
        ("~/trees", "`~` means nothing here"),
        (".git/worktrees", "it is git's own"),
        ("x/../.GIT", "it is git's own"),
        (".crew/runs", "it is crew's own"),
        ("out/trees", "a link leads out of the repository"),
        ("a:b", "no search path can hold it"),
        (
            "trees",
            "git does not ignore it, so each worktree would be a change of yours\nhint: add the line /trees/ to .gitignore",
        ),
    ] {
        let told = refused(&repo, 2, &["--worktree", "--set", &format!("worktrees.folder={folder}")]);
        assert!(told.contains(words), "{folder}: {told}");
    }
    let outside = repo.beside("trees").display().to_string();
    for folder in ["ignored/trees", ".crew/worktrees/mine", outside.as_str()] {
        dry(&repo, 0, &["--worktree", "--set", &format!("worktrees.folder={folder}")]);
    }
    // A file of the project's own in .crew may say nothing of them.
    repo.write(".crew/.gitignore", "runs/\n");
    let told = dry(&repo, 2, &["--worktree"]).err;
    assert!(told.contains("hint: add the line /worktrees/ to .crew/.gitignore"), "{told}");
}

#[test]
fn a_projects_file_may_ask_for_worktrees_but_not_for_a_folder_outside() {
    let repo = repo(STEPS);
    let settings = json!({"worktrees": {"enabled": true, "folder": "../trees", "setup": "touch /tmp/never"}});
    repo.write(".crew/config.json", &settings.to_string());
    let plan = plan(&repo, &[]);
    assert_eq!(apart(&plan).len(), 4);
    let notes = plan["notes"].to_string();
    assert!(
        notes.contains("worktrees.folder in .crew/config.json has no effect: a project may only name"),
        "{notes}"
    );
    assert!(
        notes.contains("worktrees.setup in .crew/config.json has no effect: only you may set it"),
        "{notes}"
    );
}

#[test]
fn what_a_worktree_will_lack_is_said_before() {
    let repo = repo(STEPS);
    repo.write(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n");
    repo.write(".gitattributes", "*.bin filter=lfs\n");
    repo.write(".gitignore", "out\n");
    repo.commit("what worktrees lack");
    repo.git(&["sparse-checkout", "set", "--cone", "docs"]);
    let notes = plan(&repo, &["--worktree", "--set", "worktrees.link=out,README.md"])["notes"].to_string();
    for words in [
        "1 submodule will be empty in worktrees: lib;",
        "kept in Git LFS, which is not set up here",
        "this checkout is sparse",
        "not linked, since git tracks it and each worktree has its own: README.md",
        "not linked unless it is there by then: out",
    ] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
}

#[test]
fn a_run_with_worktrees_says_so_and_keeps_what_it_begins_from() {
    let repo = repo("## look\nrun: true");
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let manifest = |repo: &TestRepo| -> Value {
        let text = std::fs::read(repo.run_folder().join("manifest.json")).expect("a manifest");
        serde_json::from_slice(&text).expect("JSON")
    };
    let told = repo.crew(["run", "g", "--workflow", "one", "--worktree"]).exits(0).err;
    assert!(told.contains("  one team  1 task  commands only  worktrees on\n"), "{told}");
    assert_eq!(repo.events()[0]["base"], json!({"commit": head, "branch": "main"}));
    assert_eq!(manifest(&repo)["workspaceMode"], "worktree");
    let told = repo.crew(["run", "g", "--workflow", "one"]).exits(0).err;
    assert!(!told.contains("worktrees on"), "{told}");
    assert_eq!(manifest(&repo)["workspaceMode"], "single");
}

#[test]
fn what_is_not_committed_is_kept_in_a_commit_that_only_the_run_knows() {
    let repo = repo("## look\nrun: true");
    repo.write("README.md", "Changed.\n");
    repo.write("new file", "new");
    repo.write(".gitignore", "secret\n");
    repo.write("secret", "s");
    repo.git(&["add", "README.md"]);
    let head = repo.git(&["rev-parse", "HEAD"]);
    let before = repo.git(&["status", "--porcelain"]);
    repo.crew(["run", "g", "--workflow", "one", "--worktree", "--include-dirty"]).exits(0);
    let base = repo.events()[0]["base"].clone();
    assert_eq!((&base["branch"], &base["snapshot"]), (&json!("main"), &json!(true)));
    let commit = base["commit"].as_str().expect("a commit");
    assert_eq!(repo.git(&["rev-parse", &format!("{commit}^")]), head);
    let files = repo.git(&["ls-tree", "--name-only", commit]);
    assert_eq!(files, ".gitignore\nREADME.md\nnew file\n");
    assert_eq!(repo.git(&["show", &format!("{commit}:README.md")]), "Changed.\n");
    assert_eq!((repo.git(&["status", "--porcelain"]), repo.git(&["rev-parse", "HEAD"])), (before, head));
    // The run's own reference holds it.
    assert!(repo.git(&["for-each-ref", "--contains", commit]).contains("refs/crew/base/"));
}
