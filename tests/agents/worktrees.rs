//! Real agents in work trees of their own: their work is on their branches, and nowhere else.

use crate::authority::way_around;
use crate::play::{HAND_IN, Play, conversations, say, shell, texts, wait_for_turns};
use crate::support::{of_kind, run_command, start_command, task};
use crew::conformance::script::{Act, Script};
use serde_json::{Value, json};
use std::path::PathBuf;

/// git as an agent calls it that commits by itself.
const GIT: &str = "git -c user.name=Agent -c user.email=agent@example.com -c commit.gpgsign=false";

/// A model that calls a tool by its name.
fn call(name: &str, arguments: Value) -> Act {
    Act::Call { name: name.to_owned(), arguments }
}

/// Returns the calls by which an agent makes `made.txt` and changes `README.md` with its own tools, of names that do not
/// say where they are.
fn edits(cli: &str) -> Vec<Act> {
    let (made, readme) = ("made.txt", "README.md");
    let (old, new) = ("A repository", "An edited repository");
    match cli {
        "claude" => vec![
            call("Read", json!({"file_path": readme})),
            call("Edit", json!({"file_path": readme, "old_string": old, "new_string": new})),
            call("Write", json!({"file_path": made, "content": "made\n"})),
        ],
        "codex" => vec![shell(&format!(
            "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: {made}\n+made\n*** Update File: {readme}\n@@\n\
             -{old} for tests.\n+{new} for tests.\n*** End Patch\nEOF"
        ))],
        "gemini" => vec![
            call(
                "replace",
                json!({"file_path": readme, "old_string": old, "new_string": new, "instruction": "edit it"}),
            ),
            call("write_file", json!({"file_path": made, "content": "made\n"})),
        ],
        "opencode" => vec![
            call("read", json!({"filePath": readme})),
            call("edit", json!({"filePath": readme, "oldString": old, "newString": new})),
            call("write", json!({"filePath": made, "content": "made\n"})),
        ],
        _ => vec![
            call("edit", json!({"path": readme, "edits": [{"oldText": old, "newText": new}]})),
            call("write", json!({"path": made, "content": "made\n"})),
        ],
    }
}

/// What the user's own tree looks like; no run may change it.
fn users_tree(play: &Play) -> [String; 3] {
    let status = play.repo.git(&["status", "--porcelain"]);
    [play.repo.git(&["rev-parse", "HEAD"]), play.repo.git(&["symbolic-ref", "HEAD"]), status]
}

/// What the repository's instructions say, as they are committed.
const COMMITTED: &str = "These words are committed.";
/// What they say beside it in the user's own tree, which is the folder around the work trees.
const CHANGED: &str = "These words are the user's own.";

/// Writes instructions for any agent, and changes them in ways that git does not tell of.
fn instruct(play: &Play) {
    let shared = ["AGENTS.md", "CLAUDE.md", "GEMINI.md"];
    let personal = ["AGENTS.override.md", "CLAUDE.local.md"];
    for name in shared {
        play.repo.write(name, &format!("{COMMITTED}\n"));
    }
    play.repo.write(".gitignore", &format!("{}\n", personal.join("\n")));
    play.repo.commit("instructions");
    for name in shared {
        play.repo.git(&["update-index", "--skip-worktree", name]);
        play.repo.write(name, &format!("{COMMITTED}\n{CHANGED}\n"));
    }
    for name in personal {
        play.repo.write(name, &format!("{CHANGED}\n"));
    }
}

/// Returns the folder of a task's work tree in the newest run.
fn folder(play: &Play, run: &Value, id: &str) -> PathBuf {
    play.repo.root.join(task(run, id)["worktree"]["path"].as_str().expect("a path"))
}

/// Returns the branch of a task.
fn branch<'a>(run: &'a Value, id: &str) -> &'a str {
    task(run, id)["worktree"]["branch"].as_str().expect("a branch")
}

/// Returns what a task's branch adds to what it began from, as `git diff --name-status` says it.
fn added(play: &Play, run: &Value, id: &str) -> String {
    let base = task(run, id)["worktree"]["base"].as_str().expect("a commit");
    play.repo.git(&["diff", "--name-status", base, branch(run, id)])
}

/// Fails the test if anything lies in a task's folder that its branch does not hold, ignored or not.
#[track_caller]
fn assert_all_kept(play: &Play, run: &Value, id: &str) {
    let folder = folder(play, run, id);
    let status = play.repo.git(&[
        "-C",
        folder.to_str().expect("a name"),
        "status",
        "--porcelain",
        "--ignored",
        "--untracked-files=all",
    ]);
    assert_eq!(status, "", "{id}");
}

/// Two that write at once, each on its own branch; then one that may only look, at the work of both.
pub fn each_works_on_its_own_branch(cli: &'static str) {
    let commit =
        format!("echo right > right.txt && git add right.txt && {GIT} commit -q -m 'its own commit'");
    let look = "cat made.txt right.txt later.txt";
    let slip = way_around(cli).unwrap_or("echo slipped > README.md");
    let approve = "crew review submit --verdict approved --body 'It looks right.'";
    let script = conversations([
        ("Your task: look".into(), vec![shell(look), shell(slip), shell(approve), say("Reviewed.")]),
        ("Your task: left".into(), [edits(cli), vec![shell(HAND_IN), say("Done.")]].concat()),
        (
            "Your task: right".into(),
            vec![shell(&commit), shell("echo later > later.txt"), shell(HAND_IN), say("Done.")],
        ),
    ]);
    let play = Play::with(&[cli], script);
    play.repo.workflow(
        "play",
        "## left\nrole: executor\n\nDo it.\n\n## right\nrole: executor\n\nDo it.\n\n\
         ## look\nrole: reviewer\ndependsOn: left, right\n\nLook at it.",
    );
    let before = users_tree(&play);
    // Two opencodes that start for the first time may meet in their database.
    let busy = r#"retries.agent_busy={"max_attempts": 4, "backoff_ms": 1000}"#;
    let limit = "limits.attempt_seconds=100";
    let ran = play.run(&["--worktree", "--jobs", "2", "--set", limit, "--set", busy]);
    play.leaves_nothing();
    let run = ran.json();
    let slips = way_around(cli).is_some();
    assert_eq!(ran.exit, i32::from(slips), "{}\n{}", ran.err, play.logs());
    for id in ["left", "right"] {
        assert_eq!(task(&run, id)["state"], "completed", "{run:#}\n{}", play.logs());
    }

    let left = play.repo.git(&["show", &format!("{}:README.md", branch(&run, "left"))]);
    assert_eq!(left, "An edited repository for tests.\n", "{}", play.logs());
    assert_eq!(added(&play, &run, "left"), "M\tREADME.md\nA\tmade.txt\n");
    assert_eq!(added(&play, &run, "right"), "A\tlater.txt\nA\tright.txt\n");
    let subjects = play.repo.git(&["log", "--format=%s", &format!("HEAD..{}", branch(&run, "right"))]);
    let own = match commits(cli) {
        true => "its own commit\n",
        false => "",
    };
    assert_eq!(subjects, format!("right: it is done\n{own}"), "{}", play.logs());

    // It sees the work of both, and what it writes is on no branch but its own.
    let looking: Vec<Value> =
        play.turns().into_iter().filter(|turn| turn.to_string().contains("Your task: look")).collect();
    assert!(texts(&looking[1]).contains("made\nright\nlater"), "{}", texts(&looking[1]));
    let (state, kind) = match slips {
        true => (json!("failed"), json!("read_only_violated")),
        false => (json!("completed"), Value::Null),
    };
    let looked = task(&run, "look");
    assert_eq!((&looked["state"], &looked["error_kind"]), (&state, &kind), "{looked:#}");
    assert_eq!(added(&play, &run, "look"), if slips { "M\tREADME.md\n" } else { "" });

    for id in ["left", "right", "look"] {
        assert_all_kept(&play, &run, id);
    }
    assert_eq!(users_tree(&play), before);
    play.repo.git(&["fsck", "--strict"]);
}

/// Tells whether an agent can commit: codex's sandbox keeps it from writing into the repository of a work tree.
fn commits(cli: &str) -> bool {
    cli != "codex"
}

/// One that asks, is answered, and whose crew is killed while it works goes on in the same folder and session.
pub fn it_goes_on_where_it_was(cli: &'static str) {
    let ask =
        "echo begun > begun.txt; crew submit question --question 'Which port?' --option 80 --option 8080";
    let step = "## work\nrole: executor\nworktree: true\n\nDo it.";
    let play = Play::at(cli, step, [shell(ask), say("I wait for a word about the port.")]);
    instruct(&play);
    let before = users_tree(&play);
    play.waits_after(play.command(&[]));
    let asked = texts(&play.turns()[0]);
    assert_eq!(asked.matches(COMMITTED).count(), 1, "{asked}");
    assert!(!asked.contains(CHANGED), "{asked}");

    let known = play.turns().len();
    play.server().play(Script::of([shell("cat begun.txt; echo more > more.txt"), Act::Hang]));
    let answered = start_command(play.crew(["answer", "g1", "2", "--by", "Ann", "--resume"]));
    wait_for_turns(&play, known + 2);
    answered.kill();
    let asked = texts(&play.turns()[known]);
    // What it called in its first attempt; it may not have kept what it said last.
    assert!(asked.contains("--option 80 --option 8080"), "{asked}");
    assert!(asked.contains("Ann says to your question \"Which port?\":\n\n  8080\n"), "{asked}");
    let asked = texts(&play.turns()[known + 1]);
    assert!(asked.contains("begun\n"), "{asked}");

    let known = play.turns().len();
    play.server().play(Script::of([shell("cat begun.txt more.txt; pwd"), shell(HAND_IN), say("Done.")]));
    run_command(play.crew(["resume", "last"])).exits(0);
    let asked = texts(&play.turns()[known]);
    assert!(asked.contains("--option 80 --option 8080"), "{asked}");
    assert!(asked.contains("was interrupted"), "{asked}");
    let run = run_command(play.crew(["status", "last", "--json"])).exits(0).json();
    assert_eq!(added(&play, &run, "work"), "A\tbegun.txt\nA\tmore.txt\n");
    let asked = texts(&play.turns()[known + 1]);
    let folder = folder(&play, &run, "work");
    assert!(asked.contains("begun\nmore\n") && asked.contains(&folder.display().to_string()), "{asked}");

    let events = play.repo.events();
    assert_eq!(of_kind(&events, "worktree_added").len(), 1, "{events:#?}");
    let sessions: Vec<&Value> =
        of_kind(&events, "session_started").into_iter().map(|event| &event["session"]).collect();
    assert_eq!(sessions, [sessions[0]; 3]);
    assert_all_kept(&play, &run, "work");
    assert_eq!(users_tree(&play), before);
    play.leaves_nothing();
}
