//! `crew pr`: what is pushed and opened, by whom, and that nobody else's commits are lost on the way. The remote is a
//! repository beside the test's, and `gh` and `glab` are scripts that write down what they are told.

use crate::support::{Ran, TestRepo, run_command, start_command, wait_until};
use serde_json::Value;
use std::path::PathBuf;

const GITHUB: &str = "https://github.com/a/b.git";

/// What `gh` and `glab` do here: a request is open once they have opened one.
const PROGRAM: &str = r#"
{
    echo "-- ${0##*/}"
    last=
    for word; do
        printf '[%s]\n' "$word"
        case $last in --body-file) cat "$word" ;; esac
        last=$word
    done
} >>"$HEARD"
case "$1 $2" in
"auth status") [ "$4" = "$SIGNED_IN" ] ;;
"pr list" | "mr list")
    if [ -f "$HEARD.open" ]; then printf '[{"url":"https://x/1","web_url":"https://x/1"}]'; else echo '[]'; fi ;;
*) : >"$HEARD.open"; printf 'https://x/1\033[31m\n' ;;
esac
"#;

/// Makes a bare repository that pushes go to, and that is called by a host's address.
fn with_remote(repo: &TestRepo, address: &str) {
    let bare = repo.beside("remote.git").display().to_string();
    repo.git(&["init", "-q", "--bare", "-b", "main", &bare]);
    repo.git(&["remote", "add", "origin", address]);
    repo.git(&["config", "user.name", "Test"]);
    repo.git(&["config", "user.email", "test@example.com"]);
    repo.git(&["config", "remote.origin.pushurl", &bare]);
    repo.git(&["push", "-q", "origin", "main"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
}

fn with_program(repo: &TestRepo, name: &str) {
    repo.link_programs(&["cat"]);
    repo.program(name, PROGRAM);
}

fn heard(repo: &TestRepo) -> String {
    std::fs::read_to_string(repo.beside("heard")).unwrap_or_default()
}

/// How often a request was opened.
fn opened(repo: &TestRepo) -> usize {
    heard(repo).matches("[create]").count()
}

/// Runs crew where only the programs of the test and git's are.
fn pr_with(repo: &TestRepo, environment: &[(&str, &str)], more: &[&str]) -> Ran {
    let mut command = repo.alone([&["pr", "last"], more].concat());
    command.env("HEARD", repo.beside("heard")).envs(environment.iter().copied());
    let ran = run_command(command);
    ran.shows_nothing_hostile();
    ran
}

fn pr(repo: &TestRepo, more: &[&str]) -> Ran {
    pr_with(repo, &[], more)
}

fn pr_json(repo: &TestRepo) -> Value {
    pr(repo, &["--yes", "--json"]).exits(0).json()
}

#[track_caller]
fn refused(repo: &TestRepo, more: &[&str], exit: i32, code: &str) -> String {
    let error = pr(repo, &[&["--yes", "--json"], more].concat()).exits(exit).json_error();
    assert_eq!(error["code"], code, "{error}");
    error["message"].as_str().expect("a message").to_owned()
}

fn remote(repo: &TestRepo, args: &[&str]) -> String {
    let bare = repo.beside("remote.git").display().to_string();
    repo.git(&[&["-C", &bare], args].concat()).trim().to_owned()
}

/// The commit that the remote has of the run's work.
fn pushed(repo: &TestRepo) -> Option<String> {
    let found = remote(repo, &["for-each-ref", "--format=%(objectname)", "refs/heads/crew/"]);
    found.lines().next().map(str::to_owned)
}

fn branch(repo: &TestRepo) -> String {
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    format!("crew/{}", status["id"].as_str().expect("an id"))
}

/// Puts a hook into a repository: `pre-push` here, `remote.git/hooks/pre-receive` there.
fn hook(repo: &TestRepo, path: PathBuf, script: &str) {
    repo.link_programs(&["chmod", "mkdir"]);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let mut command = repo.plain("/bin/sh");
    command
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(path)
        .arg(script);
    assert!(command.status().expect("a shell").success());
}

/// A run whose one task was done by an agent that has things to say.
fn done(goal: &str) -> TestRepo {
    let repo = TestRepo::new();
    let script = "echo made >made.txt; crew submit result --summary 'closes #1 `@all` |x' --confidence 1 --rationale r";
    std::fs::write(repo.beside("fake.sh"), script).expect("a script");
    let command = format!("sh {}", repo.beside("fake.sh").display());
    repo.set("agents", "fake", serde_json::json!({"command": command, "prompt": "stdin", "writes": true}));
    repo.workflow("one", "## work\nrole: executor\nagent: fake\nverify: test -f made.txt\n\nDo it.");
    repo.crew(["run", "--workflow", "one", "--worktree", "--", goal]).exits(0);
    repo
}

/// A run whose first task is done, and whose second one counts only after [`let_second`].
fn half_done() -> TestRepo {
    let repo = TestRepo::new();
    let second = "## second\nrun: echo second >second.txt\ngate: after";
    repo.workflow("two", &format!("## first\nrun: echo first >first.txt\n\n{second}"));
    repo.crew(["run", "the goal", "--workflow", "two", "--worktree"]).exits(3);
    with_remote(&repo, GITHUB);
    with_program(&repo, "gh");
    repo
}

fn let_second(repo: &TestRepo) {
    repo.crew(["approve", "g1", "--resume"]).exits(0);
}

#[test]
fn a_pull_request_is_opened_by_the_program_of_its_host() {
    for (address, program, named) in
        [(GITHUB, "gh", "github.com/a/b"), ("git@gitlab.com:a/g/b.git", "glab", "https://gitlab.com/a/g/b")]
    {
        let repo = done("Add a file\n\nas it should be");
        with_remote(&repo, address);
        with_program(&repo, program);
        let asked = pr(&repo, &[]).exits(3);
        assert!(asked.err.contains("needs a person's word") && pushed(&repo).is_none(), "{}", asked.err);
        let planned = pr(&repo, &["--dry-run"]).exits(0);
        assert!(planned.err.contains("to origin") && pushed(&repo).is_none(), "{}", planned.err);
        assert_eq!((opened(&repo), repo.git(&["for-each-ref", "refs/crew/pr"])), (0, String::new()));
        let answer = pr(&repo, &["--yes", "--draft"]).exits(0);
        assert_eq!(answer.out, "https://x/1\n");
        let commit = pushed(&repo).expect("it is pushed");
        assert_eq!(remote(&repo, &["show", &format!("{commit}:made.txt")]), "made");
        let heard = heard(&repo);
        for words in [
            "[--draft]",
            "[Add a file]",
            "as it should be",
            "`test -f made.txt` passed",
            "`closes #1 '@all' \\|x`",
            "[main]",
            &format!("[{}]", branch(&repo)),
            &format!("[--repo]\n[{named}]"),
        ] {
            assert!(heard.contains(words), "{program}: {words}: {heard}");
        }
        assert_eq!(repo.git(&["status", "--porcelain"]), "");
        assert_eq!(
            repo.git(&["rev-parse", "HEAD", "main"]).lines().next(),
            Some(repo.git(&["rev-parse", "main"]).trim())
        );
        let again = pr_json(&repo);
        assert_eq!((&again["status"], &again["url"]), (&"unchanged".into(), &"https://x/1".into()));
        assert_eq!((opened(&repo), pushed(&repo)), (1, Some(commit)), "once more is the same one");
        repo.git(&["fsck", "--strict"]);
    }
}

#[test]
fn new_work_comes_on_top_and_the_request_stays_the_one() {
    let repo = half_done();
    let first = pr_json(&repo);
    assert_eq!((&first["status"], &first["tasks"]), (&"opened".into(), &serde_json::json!(["first"])));
    assert!(first["notes"].to_string().contains("without second"), "{first}");
    let before = pushed(&repo).expect("it is pushed");
    let_second(&repo);
    let planned = pr(&repo, &["--dry-run"]).exits(0);
    assert!(planned.err.contains("on top of"), "{}", planned.err);
    let second = pr(&repo, &["--yes"]).exits(0);
    assert!(second.err.contains("it is open already") && second.out == "https://x/1\n", "{}", second.err);
    let after = pushed(&repo).expect("it is pushed");
    assert_ne!(before, after);
    remote(&repo, &["merge-base", "--is-ancestor", &before, &after]);
    assert_eq!(remote(&repo, &["ls-tree", "--name-only", &after]), "README.md\nfirst.txt\nsecond.txt");
    assert_eq!(opened(&repo), 1);
}

#[test]
fn what_crew_pushed_and_is_no_part_of_the_work_any_more_is_replaced() {
    let repo = half_done();
    pr_json(&repo);
    let name = branch(&repo);
    // As if an attempt that was thrown away had been pushed.
    let held = format!("refs/{}", name.replacen("crew/", "crew/pr/", 1));
    let tree = repo.git(&["rev-parse", &format!("{held}/1^{{tree}}")]);
    repo.write("thrown-away", "x");
    repo.git(&["add", "thrown-away"]);
    let other =
        repo.git(&["commit-tree", "-m", "thrown away", "-p", "main", repo.git(&["write-tree"]).trim()]);
    repo.git(&["rm", "-q", "-f", "thrown-away"]);
    repo.git(&["update-ref", &format!("{held}/2"), other.trim()]);
    repo.git(&["push", "-q", "-f", "origin", &format!("{}:refs/heads/{name}", other.trim())]);
    let planned = pr(&repo, &["--dry-run"]).exits(0);
    assert!(planned.err.contains("in place of what crew pushed"), "{}", planned.err);
    assert_eq!(pr_json(&repo)["status"], "updated");
    assert_eq!(remote(&repo, &["rev-parse", &format!("{name}^{{tree}}")]), tree.trim());
}

#[test]
fn commits_of_others_are_never_overwritten() {
    let repo = half_done();
    pr_json(&repo);
    let name = branch(&repo);
    let clone = repo.beside("clone").display().to_string();
    repo.git(&["clone", "-q", "-b", &name, &repo.beside("remote.git").display().to_string(), &clone]);
    repo.git(&["-C", &clone, "commit", "-q", "--allow-empty", "-m", "a remark"]);
    repo.git(&["-C", &clone, "push", "-q", "origin", &name]);
    let theirs = pushed(&repo);
    let nothing_new = pr_json(&repo);
    assert_eq!((&nothing_new["status"], pushed(&repo)), (&"unchanged".into(), theirs.clone()));
    assert!(nothing_new["notes"].to_string().contains("crew did not push"), "{nothing_new}");
    let_second(&repo);
    let message = refused(&repo, &[], 4, "foreign_commits");
    assert!(message.contains("crew did not push: it stays as it is"), "{message}");
    // Who comes between our look and our push is not run over either: here, the hook that runs in between.
    repo.git(&["push", "-q", "-f", "origin", &format!("refs/crew/pr/{}/1:refs/heads/{name}", &name[5..])]);
    hook(&repo, repo.root.join(".git/hooks/pre-push"), &format!("git -C '{clone}' push -q -f origin {name}"));
    refused(&repo, &[], 4, "foreign_commits");
    assert_eq!(pushed(&repo), theirs);
}

#[test]
fn a_push_that_is_refused_says_why_and_goes_on_later() {
    let repo = half_done();
    let here = repo.root.join(".git/hooks/pre-push");
    hook(&repo, here.clone(), "echo 'not on a Saturday' >&2; exit 1");
    let message = refused(&repo, &[], 1, "push_failed");
    assert!(message.contains("not on a Saturday") && pushed(&repo).is_none(), "{message}");
    let there = repo.beside("remote.git/hooks/pre-receive");
    hook(&repo, there.clone(), "printf 'protected \\033[31mbranch\\n' >&2; exit 1");
    let message = refused(&repo, &["--no-hooks"], 1, "push_refused");
    assert!(message.contains("protected branch"), "{message}");
    assert_eq!((pushed(&repo), opened(&repo)), (None, 0));
    std::fs::remove_file(there).expect("it goes");
    assert_eq!(pr(&repo, &["--yes", "--no-hooks", "--json"]).exits(0).json()["status"], "opened");
    // Crew was killed before it could tell: what is there is known to be its own.
    std::fs::remove_file(here).expect("it goes");
    let_second(&repo);
    assert_eq!(pr_json(&repo)["status"], "updated");
    std::fs::remove_dir_all(repo.beside("remote.git")).expect("it goes");
    refused(&repo, &[], 1, "push_failed");
}

#[test]
fn what_takes_too_long_is_ended_and_so_it_is_by_ctrl_c() {
    let repo = half_done();
    repo.link_programs(&["sleep"]);
    let interrupted = |what: &str| {
        let mut command = repo.alone(["pr", "last", "--yes", "--json"]);
        command.env("HEARD", repo.beside("heard")).env("GIT_SSH_COMMAND", what);
        let begun = repo.beside("begun");
        let _ = std::fs::remove_file(&begun);
        let running = start_command(command);
        wait_until("it has begun", || begun.exists());
        running.signal(libc::SIGINT);
        let ended = running.ends().exits(130);
        assert_eq!(ended.json_error()["code"], "interrupted");
        repo.leaves_no_process();
    };
    let waits = format!(": >'{}'; sleep 600", repo.beside("begun").display());
    // The remote does not answer.
    let bare = repo.git(&["config", "remote.origin.pushurl"]);
    repo.git(&["config", "remote.origin.pushurl", "ssh://git@x.invalid/a/b"]);
    let ssh = format!("sh -c '{}' #", waits.replace('\'', ""));
    let late = pr_with(&repo, &[("GIT_SSH_COMMAND", &ssh)], &["--yes", "--json", "--timeout", "1"]).exits(1);
    assert_eq!(late.json_error()["code"], "too_long");
    repo.leaves_no_process();
    interrupted(&ssh);
    repo.git(&["config", "remote.origin.pushurl", bare.trim()]);
    // The push does not end.
    let path = repo.root.join(".git/hooks/pre-push");
    hook(&repo, path.clone(), &waits);
    // On a busy machine what comes before the push takes a second, too.
    let late = pr(&repo, &["--yes", "--timeout", "5"]).exits(1);
    assert!(late.err.contains("pushing to origin") && late.err.contains("within 5.0s"), "{}", late.err);
    interrupted("");
    std::fs::remove_file(path).expect("it goes");
    assert!(pushed(&repo).is_none());
    // The host does not answer.
    repo.program("gh", &waits);
    refused(&repo, &["--timeout", "1"], 1, "too_long");
    interrupted("");
    with_program(&repo, "gh");
    assert_eq!(pr_json(&repo)["status"], "opened");
    assert!(pushed(&repo).is_some());
}

#[test]
fn who_is_not_signed_in_is_told_how_and_goes_on_then() {
    let repo = half_done();
    repo.program("gh", "echo 'To get started, please run:  gh auth login' >&2; exit 4");
    let error = pr(&repo, &["--yes", "--json"]).exits(1).json_error();
    assert_eq!(error["code"], "not_opened");
    assert!(
        error["hint"].as_str().expect("a hint").contains("gh auth login --hostname github.com"),
        "{error}"
    );
    assert!(pushed(&repo).is_some());
    with_program(&repo, "gh");
    assert_eq!(pr_json(&repo)["status"], "opened");
}

#[test]
fn without_a_program_the_command_that_is_printed_works() {
    let goal =
        "-e it's \"$(touch /tmp/crew-was-here)\" `id` \\ $HOME;\u{1b}[31m\n\n-- | \u{202e}x\nlast 'line";
    for (address, program) in [(GITHUB, "gh"), ("https://gitlab.com/a/b", "glab")] {
        let repo = done(goal);
        with_remote(&repo, address);
        let printed = pr(&repo, &["--yes"]).exits(0);
        assert!(printed.err.contains("is there; this opens the pull request:"), "{}", printed.err);
        assert!(printed.out.starts_with(program) && pushed(&repo).is_some(), "{}", printed.out);
        let told = pr(&repo, &["--dry-run", "--json"]).exits(0).json();
        with_program(&repo, program);
        let mut shell = repo.plain("sh");
        shell.env("PATH", repo.programs()).env("HEARD", repo.beside("heard"));
        assert!(shell.args(["-c", &printed.out]).status().expect("a shell").success());
        let heard = heard(&repo);
        let title = "-e it's \"$(touch /tmp/crew-was-here)\" `id` \\ $HOME;";
        assert_eq!(told["title"], title);
        assert!(heard.contains(&format!("[{title}]\n")), "{heard}");
        assert!(heard.contains(&format!("[{}]\n", told["text"].as_str().expect("a text"))), "{heard}");
        assert_eq!(pr_json(&repo)["status"], "unchanged", "what was opened so is found");
        let own = pr(&repo, &["--dry-run", "--json", "--title", "-x\ny"]).exits(0).json();
        assert_eq!(own["title"], "-x y");
        assert_eq!(pr(&repo, &["--dry-run", "--title", " "]).exits(2).out, "");
    }
}

#[test]
fn a_host_whose_name_says_nothing_is_asked_about() {
    let repo = half_done();
    repo.git(&["remote", "set-url", "origin", "ssh://git@code.example.org:22/a/b.git"]);
    let programs = |environment: &[(&str, &str)]| {
        let told = pr_with(&repo, environment, &["--dry-run", "--json"]).exits(0).json();
        (told["program"].clone(), told["commands"].as_array().expect("commands").len())
    };
    assert_eq!(programs(&[]), (Value::Null, 2));
    assert_eq!(programs(&[("SIGNED_IN", "code.example.org")]), ("gh".into(), 1));
    assert_eq!(programs(&[("GH_HOST", "Code.example.org")]), ("gh".into(), 1));
    assert_eq!(programs(&[("GITLAB_HOST", "https://code.example.org/")]), ("glab".into(), 1));
    assert_eq!(programs(&[("GH_HOST", "github.com")]), (Value::Null, 2));
}

#[test]
fn with_a_fork_the_branch_goes_there_and_the_request_to_the_other() {
    let repo = half_done();
    repo.git(&["config", "user.name", "Test"]);
    let bare = repo.beside("remote.git").display().to_string();
    repo.git(&["remote", "add", "mine", "git@github.com:me/b.git"]);
    repo.git(&["config", "remote.pushDefault", "mine"]);
    // Git's own rewriting, so that the push stays here.
    repo.git(&["config", &format!("url.{bare}.pushInsteadOf"), "git@github.com:me/b.git"]);
    let planned = pr(&repo, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(planned["remote"], "mine");
    assert!(pr(&repo, &["--yes"]).exits(0).err.contains("to mine"));
    assert!(pushed(&repo).is_some());
    let heard = heard(&repo);
    assert!(heard.contains("[--repo]\n[github.com/a/b]"), "{heard}");
}

#[test]
fn what_cannot_be_a_pull_request_is_refused() {
    let repo = TestRepo::new();
    let both = |left: &str| format!("## left\nrun: echo {left} >same\n\n## right\nrun: echo right >same");
    repo.workflow("two", &both("left"));
    let run = |workflow: &str| repo.crew(["run", "the goal", "--workflow", workflow, "--worktree"]).exits(0);
    run("two");
    let message = refused(&repo, &[], 4, "no_remote");
    assert!(message.contains("no remote"), "{message}");
    with_remote(&repo, "https://example.org/a/b.git");
    refused(&repo, &[], 4, "conflict");
    repo.git(&["config", "--unset", "user.name"]);
    repo.git(&["config", "user.useConfigOnly", "true"]);
    refused(&repo, &[], 4, "no_identity");
    repo.git(&["config", "user.name", "Test"]);
    repo.workflow("same", "## same\nrun: true");
    run("same");
    refused(&repo, &[], 4, "nothing");
    repo.workflow("two", &both("right"));
    run("two");
    let message = refused(&repo, &["--into", "elsewhere"], 4, "no_branch");
    assert_eq!(message, "origin has no branch elsewhere");
    repo.git(&["remote", "add", "other", "/nowhere"]);
    repo.git(&["remote", "rename", "origin", "upstream"]);
    refused(&repo, &[], 4, "no_remote");
    repo.git(&["remote", "rename", "upstream", "origin"]);
    repo.crew(["merge", "last"]).exits(0);
    repo.git(&["push", "-q", "origin", "main"]);
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    refused(&repo, &[], 4, "nothing");
    repo.git(&["checkout", "-q", "--detach"]);
    repo.workflow("two", &both("again"));
    repo.workflow("one", "## one\nrun: echo one >one");
    run("one");
    refused(&repo, &[], 4, "no_branch");
    repo.workflow("plain", "## a\nrun: true");
    repo.crew(["run", "the goal", "--workflow", "plain"]).exits(0);
    refused(&repo, &[], 4, "no_worktree");
    assert!(pushed(&repo).is_none());
}
