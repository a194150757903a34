//! Crew's agents as files of other programs: what is written, and that nothing of somebody else's ever is.

use crate::support::{Ran, TestRepo};
use crew::store::artifacts::sha256;
use serde_json::{Value, json};

fn export(repo: &TestRepo, tool: &str, more: &[&str]) -> Ran {
    repo.crew(["export", "--agents", tool].iter().chain(more))
}

fn read(repo: &TestRepo, path: &str) -> String {
    std::fs::read_to_string(repo.root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns what becomes of a file.
fn change(repo: &TestRepo, tool: &str, path: &str, exit: i32) -> String {
    let planned = export(repo, tool, &["--dry-run", "--json"]).exits(exit).json();
    let files = planned["files"].as_array().expect("files");
    let found =
        files.iter().find(|file| file["path"] == path).unwrap_or_else(|| panic!("{path}: {planned:#}"));
    found["change"].as_str().expect("a word").to_owned()
}

/// Returns what doctor says of a program's files.
fn drift(repo: &TestRepo, tool: &str) -> Option<(String, String)> {
    let checks = repo.crew(["doctor", "--json"]).json();
    let of_tool = |check: &&Value| {
        check["check"] == "exported"
            && check["detail"].as_str().is_some_and(|words| words.contains(&format!("for {tool}")))
    };
    let found = checks["data"].as_array().expect("checks").iter().find(of_tool)?.clone();
    let text = |name: &str| found[name].as_str().expect("a text").to_owned();
    Some((text("level"), text("detail")))
}

#[test]
fn each_program_gets_its_own_files_and_the_same_again_changes_nothing() {
    for (tool, path, words) in [
        ("claude", ".claude/agents/crew-executor.md", "name: crew-executor"),
        ("codex", "AGENTS.md", "- `executor`: "),
        ("cursor", ".cursor/rules/crew-executor.mdc", "alwaysApply: false"),
        ("gemini", ".gemini/commands/crew/executor.toml", "prompt = "),
        ("opencode", ".opencode/agent/crew-executor.md", "mode: subagent"),
    ] {
        let repo = TestRepo::new();
        assert_eq!(change(&repo, tool, path, 0), "create");
        assert!(!repo.root.join(path).exists());
        assert_eq!(drift(&repo, tool), None, "nothing was asked for");
        export(&repo, tool, &[]).exits(0);
        let text = read(&repo, path);
        assert!(text.contains(words) && text.contains("crew:export"), "{text}");
        assert_eq!(change(&repo, tool, path, 0), "same");
        assert_eq!(drift(&repo, tool).expect("a check").0, "ok");
        let before = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
        assert!(export(&repo, tool, &[]).exits(0).err.contains("as crew would write it"));
        assert_eq!(repo.git(&["status", "--porcelain", "--untracked-files=all"]), before);
        assert_eq!(read(&repo, path), text);
        // What crew wrote for others is none of its own agents.
        let agents = repo.crew(["list", "--json"]).exits(0).out;
        assert!(!agents.contains("crew-executor"), "{agents}");
    }
    let repo = TestRepo::new();
    assert!(export(&repo, "claud", &[]).exits(2).err.contains("did you mean `claude`"));
    repo.crew(["export", "last", "--agents", "claude"]).exits(2);
    repo.crew(["export"]).exits(2);
}

#[test]
fn what_crew_did_not_write_is_never_touched_and_what_was_changed_only_by_a_persons_word() {
    let repo = TestRepo::new();
    let path = ".claude/agents/crew-critic.md";
    repo.write(path, "---\nname: crew-critic\n---\nMine.\n");
    for force in [&[][..], &["--force"]] {
        let refused = export(&repo, "claude", &[force, &["--json"]].concat()).exits(4).json_error();
        assert_eq!(refused["code"], "not_ours");
        assert!(refused["message"].as_str().expect("words").contains(path), "{refused}");
    }
    assert_eq!(read(&repo, path), "---\nname: crew-critic\n---\nMine.\n");
    assert!(!repo.root.join(".claude/agents/crew-executor.md").exists(), "all of them or none");
    std::fs::remove_file(repo.root.join(path)).expect("a file");
    export(&repo, "claude", &[]).exits(0);
    let edited = read(&repo, path) + "\nAnd be kind.\n";
    repo.write(path, &edited);
    assert_eq!(change(&repo, "claude", path, 4), "edited");
    let (level, detail) = drift(&repo, "claude").expect("a check");
    assert!(level == "warn" && detail.contains("crew-critic.md was changed since crew wrote it"), "{detail}");
    let refused = export(&repo, "claude", &["--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "edited");
    assert_eq!(read(&repo, path), edited);
    export(&repo, "claude", &["--force"]).exits(0);
    assert!(!read(&repo, path).contains("be kind"));
    // Behind a link lies what is not in the repository.
    let outside = repo.beside("outside");
    std::fs::create_dir_all(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, repo.root.join(".cursor")).expect("a link");
    export(&repo, "cursor", &["--force"]).exits(4);
    assert_eq!(std::fs::read_dir(&outside).expect("a folder").count(), 0);
}

#[test]
fn of_a_shared_file_only_what_stands_between_the_marks_is_written() {
    let repo = TestRepo::new();
    repo.write("AGENTS.md", "# Ours\n\nUse tabs.\n");
    export(&repo, "codex", &[]).exits(0);
    let text = read(&repo, "AGENTS.md");
    assert!(text.starts_with("# Ours\n\nUse tabs.\n\n<!-- crew:export codex"), "{text}");
    repo.write("AGENTS.md", &format!("{}\n## More of ours\n", text.replace("Use tabs.", "Use spaces.")));
    assert_eq!(change(&repo, "codex", "AGENTS.md", 0), "same");
    // A new agent of the project is told there too, and one that goes goes there.
    let mine = "---\nname: surveyor\ndescription: Measures what is there\n---\nMeasure.\n";
    repo.write(".crew/agents/surveyor.md", mine);
    let (level, detail) = drift(&repo, "codex").expect("a check");
    assert!(level == "warn" && detail.contains("not what crew would write now"), "{detail}");
    export(&repo, "codex", &[]).exits(0);
    let text = read(&repo, "AGENTS.md");
    assert!(
        text.contains("- `surveyor`: Measures")
            && text.contains("Use spaces.")
            && text.ends_with("## More of ours\n"),
        "{text}"
    );
    repo.write("AGENTS.md", &text.replace("- `surveyor`", "- `mine`"));
    assert_eq!(change(&repo, "codex", "AGENTS.md", 4), "edited");
    repo.write("AGENTS.md", &text.replace("<!-- crew:export end -->", ""));
    assert_eq!(change(&repo, "codex", "AGENTS.md", 4), "refuse");
}

#[test]
fn what_is_left_of_an_agent_that_is_gone_goes_too() {
    let repo = TestRepo::new();
    repo.write(".crew/agents/surveyor.md", "---\nname: surveyor\ndescription: Measures\n---\nMeasure.\n");
    // A person's own agents are no business of the repository's.
    repo.put_user("agents/private.md", "---\nname: private\ndescription: Mine\n---\nSecret ways.\n");
    export(&repo, "gemini", &[]).exits(0);
    let path = ".gemini/commands/crew/surveyor.toml";
    assert!(read(&repo, path).contains("Measure."));
    assert!(!repo.root.join(".gemini/commands/crew/private.toml").exists());
    std::fs::remove_file(repo.root.join(".crew/agents/surveyor.md")).expect("a file");
    assert_eq!(change(&repo, "gemini", path, 0), "remove");
    assert!(drift(&repo, "gemini").expect("a check").1.contains("of an agent that is not there any more"));
    export(&repo, "gemini", &[]).exits(0);
    assert!(!repo.root.join(path).exists() && repo.root.join(".gemini/commands/crew/executor.toml").exists());
    let text = export(&repo, "gemini", &["--dry-run"]).exits(0);
    assert_eq!(text.out.lines().filter(|line| line.starts_with("same")).count(), text.out.lines().count());
    assert_eq!(export(&repo, "gemini", &["--json"]).exits(0).json()["tool"], json!("gemini"));
}

#[test]
fn a_copy_of_a_file_and_one_that_only_speaks_of_its_mark_are_somebody_elses() {
    let repo = TestRepo::new();
    export(&repo, "claude", &[]).exits(0);
    let executor = read(&repo, ".claude/agents/crew-executor.md");
    let copy = ".claude/agents/my-executor.md";
    let prose = ".claude/agents/porter.md";
    repo.write(prose, "---\nname: porter\n---\nWhat has `crew:export claude sha256=` in it is crew's.\n");
    let edited = executor.replace("name: crew-executor", "name: my-executor");
    for text in [&executor, &edited, &format!("{edited}\nAnd be kind.\n")] {
        repo.write(copy, text);
        let planned = export(&repo, "claude", &["--dry-run", "--json"]).exits(0).out;
        assert!(!planned.contains("my-executor") && !planned.contains("porter"), "{planned}");
        for force in [&[][..], &["--force"]] {
            export(&repo, "claude", force).exits(0);
            assert_eq!(&read(&repo, copy), text);
            assert!(repo.root.join(prose).exists());
        }
        assert_eq!(drift(&repo, "claude").expect("a check").0, "ok");
    }
    // Neither is kept from those who work here.
    let agents = repo.crew(["list", "--json"]).exits(0).out;
    assert!(agents.contains("my-executor") && agents.contains("porter"), "{agents}");
    assert!(!agents.contains("crew-executor"), "{agents}");
}

#[test]
fn what_crew_wrote_before_its_mark_told_the_file_is_known_again() {
    let repo = TestRepo::new();
    export(&repo, "cursor", &[]).exits(0);
    let path = ".cursor/rules/crew-critic.mdc";
    let now = read(&repo, path);
    let sum = now.split("sha256=").nth(1).and_then(|rest| rest.get(..64)).expect("a sum");
    let (zeros, file) = ("0".repeat(64), format!(" file={path}"));
    let blank = now.replace(&file, "").replace(sum, &zeros).trim_end().to_owned() + "\n";
    let old = blank.replace(&zeros, &sha256(blank.as_bytes()));
    repo.write(path, &old);
    repo.write(".cursor/rules/mine.mdc", &old);
    assert_eq!(change(&repo, "cursor", path, 0), "update");
    repo.write(path, &old.replace("alwaysApply: false", "alwaysApply: true"));
    assert_eq!(change(&repo, "cursor", path, 4), "edited");
    export(&repo, "cursor", &["--force"]).exits(0);
    assert_eq!(read(&repo, path), now);
    assert_eq!(read(&repo, ".cursor/rules/mine.mdc"), old, "nobody knows who needs it");
}

#[test]
fn what_was_changed_of_an_agent_that_is_gone_is_told_and_left() {
    let repo = TestRepo::new();
    let agent = ".crew/agents/surveyor.md";
    repo.write(agent, "---\nname: surveyor\ndescription: Measures\n---\nMeasure.\n");
    export(&repo, "opencode", &[]).exits(0);
    let path = ".opencode/agent/crew-surveyor.md";
    let edited = read(&repo, path) + "\nTwice.\n";
    repo.write(path, &edited);
    std::fs::remove_file(repo.root.join(agent)).expect("a file");
    assert_eq!(change(&repo, "opencode", path, 0), "left");
    for force in [&[][..], &["--force"]] {
        assert!(export(&repo, "opencode", force).exits(0).out.contains("remove it yourself"));
        assert_eq!(read(&repo, path), edited);
    }
    let (level, detail) = drift(&repo, "opencode").expect("a check");
    assert!(level == "warn" && detail.contains("remove it if nobody needs it"), "{detail}");
}

#[test]
fn a_persons_own_agent_takes_no_place_of_the_teams() {
    let repo = TestRepo::new();
    repo.write(".crew/agents/surveyor.md", "---\nname: surveyor\ndescription: Measures\n---\nMeasure.\n");
    repo.crew(["trust"]).exits(0);
    for name in ["critic", "surveyor"] {
        repo.put_user(
            &format!("agents/{name}.md"),
            &format!("---\nname: {name}\ndescription: Mine\n---\nMy own ways.\n"),
        );
    }
    export(&repo, "claude", &[]).exits(0);
    let path = ".claude/agents/crew-critic.md";
    assert!(!read(&repo, path).contains("My own ways."));
    assert_eq!(change(&repo, "claude", path, 0), "same");
    assert!(read(&repo, ".claude/agents/crew-surveyor.md").contains("Measure."));
    assert_eq!(drift(&repo, "claude").expect("a check").0, "ok");
}

#[test]
fn files_that_git_checked_out_with_other_line_ends_are_as_crew_wrote_them() {
    let repo = TestRepo::new();
    for (tool, path) in [("claude", ".claude/agents/crew-critic.md"), ("codex", "AGENTS.md")] {
        export(&repo, tool, &[]).exits(0);
        let windows = read(&repo, path).replace('\n', "\r\n");
        repo.write(path, &windows);
        assert_eq!(change(&repo, tool, path, 0), "same", "{tool}");
        assert_eq!(drift(&repo, tool).expect("a check").0, "ok", "{tool}");
        export(&repo, tool, &[]).exits(0);
        assert_eq!(read(&repo, path), windows);
        repo.write(path, &windows.replace("plan", "plot"));
        assert_eq!(change(&repo, tool, path, 4), "edited", "{tool}");
        repo.write(path, windows.trim_end());
        assert_eq!(change(&repo, tool, path, 0), "same", "{tool}");
    }
    // A section has the line ends of the file that it comes into.
    repo.write("AGENTS.md", "# Ours\r\n\r\nUse tabs.\r\n");
    export(&repo, "codex", &[]).exits(0);
    let text = read(&repo, "AGENTS.md");
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
    assert!(text.starts_with("# Ours\r\n\r\nUse tabs.\r\n\r\n<!-- crew:export codex"), "{text:?}");
}

#[test]
fn a_mark_without_its_other_half_is_not_taken_for_none() {
    let repo = TestRepo::new();
    export(&repo, "codex", &[]).exits(0);
    let whole = read(&repo, "AGENTS.md");
    let end = "<!-- crew:export end -->\n";
    let (first, rest) = whole.split_once('\n').expect("lines");
    for broken in
        [rest.to_owned(), format!("{whole}{end}"), format!("{end}{whole}"), format!("{whole}{whole}")]
    {
        repo.write("AGENTS.md", &broken);
        assert_eq!(change(&repo, "codex", "AGENTS.md", 4), "refuse", "{broken}");
        export(&repo, "codex", &["--force"]).exits(4);
        assert_eq!(read(&repo, "AGENTS.md"), broken);
    }
    // A mark that somebody has changed is a change, and no reason for a second section.
    repo.write("AGENTS.md", &whole.replace("sha256=", "sum="));
    assert_eq!(change(&repo, "codex", "AGENTS.md", 4), "edited");
    // What only quotes a mark is none.
    let quoted = format!("Between `{first}` and `{}` is crew's.\n\n{whole}", end.trim());
    repo.write("AGENTS.md", &quoted);
    assert_eq!(change(&repo, "codex", "AGENTS.md", 0), "same");
}

#[test]
fn nobody_waits_for_a_pipe_in_the_folder_of_a_program() {
    let repo = TestRepo::new();
    export(&repo, "cursor", &[]).exits(0);
    for name in [".cursor/rules/crew.mdc", ".cursor/rules/pipe.mdc"] {
        let path = repo.root.join(name);
        let _ = std::fs::remove_file(&path);
        let path = std::ffi::CString::new(path.to_str().expect("UTF-8")).expect("no zero");
        // SAFETY: the path is a text that ends.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    }
    assert!(drift(&repo, "cursor").expect("a check").1.contains("crew.mdc"));
    assert_eq!(change(&repo, "cursor", ".cursor/rules/crew.mdc", 4), "refuse");
}
