//! Conflicts between tasks in work trees are told before anybody merges, and looking for them disturbs nothing.

use crate::support::{TestRepo, of_kind, run_command, wait_until};
use serde_json::{Value, json};

const SUBMIT: &str = "crew submit result --summary done --confidence 0.9 --rationale r";
/// git as an agent calls it.
const GIT: &str = "git -c user.name=A -c user.email=a@example.com -c commit.gpgsign=false";
const TEXT: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// A repository with a file of nine lines, and a workflow whose steps are shell scripts.
fn repo_with(steps: impl FnOnce(&TestRepo) -> Vec<(&'static str, &'static str, String)>) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("src/lib.rs", TEXT);
    repo.write("docs.md", TEXT);
    repo.commit("text");
    let mut text = String::new();
    for (id, after, script) in steps(&repo) {
        let path = repo.beside(&format!("{id}.sh"));
        std::fs::write(&path, format!("set -e\n{script}\n{SUBMIT}\n")).expect("a script");
        let command = format!("sh {} ", path.display());
        repo.set(
            "agents",
            &format!("does-{id}"),
            json!({"command": command, "prompt": "stdin", "writes": true}),
        );
        let after = if after.is_empty() { String::new() } else { format!("dependsOn: {after}\n") };
        text.push_str(&format!("## {id}\nrole: executor\nagent: does-{id}\n{after}\nDo it.\n\n"));
    }
    repo.workflow("apart", &text);
    repo
}

const RUN: [&str; 5] = ["run", "the goal", "--workflow", "apart", "--worktree"];

fn change(file: &str, line: u32, to: &str) -> String {
    format!("sed -i.old 's/^{line}$/{to}/' {file}; rm {file}.old")
}

/// A step that depends on no other.
fn step(id: &'static str, script: String) -> (&'static str, &'static str, String) {
    (id, "", script)
}

/// What a script does until the test opens a gate.
fn wait_at(repo: &TestRepo, gate: &str) -> String {
    format!("while [ -e {} ]; do sleep 0.05; done", repo.gate(gate).display())
}

#[test]
fn what_will_conflict_is_told_with_its_lines_and_an_order() {
    let lib = "src/lib.rs";
    let repo = repo_with(|_| {
        vec![
            step("fix", format!("{}; {}", change(lib, 5, "five"), change(lib, 6, "six"))),
            step("docs", format!("{}; rm docs.md", change(lib, 6, "VI"))),
            step("style", format!("{}; {}", change("docs.md", 1, "one"), change(lib, 1, "one"))),
            ("more", "fix", "echo more >more".into()),
        ]
    });
    let ran = repo.crew(RUN).exits(0);
    assert_eq!(ran.err.matches("tasks=fix,docs event=conflict_ahead").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("\"fix and docs both change src/lib.rs:5-6\""), "{}", ran.err);
    let shown = repo.crew(["status", "last"]).exits(0).out;
    let expected = [
        "2 pairs of tasks will conflict; 1 more pair changes the same files, which git can merge",
        "  fix, docs    content        src/lib.rs:5-6",
        "  docs, style  delete/modify  docs.md",
        "  fix, style   git can merge  src/lib.rs",
        "  merge order  fix, style, docs",
    ];
    for line in expected {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
        assert!(ran.out.contains(line), "the end of a run says it too: {line:?}\n{}", ran.out);
    }
    let json = repo.crew(["status", "last", "--json"]).exits(0).json();
    let seen = &json["clashes"][0];
    assert_eq!(seen["tasks"], json!(["fix", "docs"]));
    assert_eq!(seen["conflicts"], json!([{"kind": "content", "paths": [lib], "lines": [[5, 6]]}]));
    assert!(repo.crew(["events", "last"]).exits(0).out.contains("fix and docs both change src/lib.rs:5-6; "));
    assert_eq!(repo.git(&["fsck", "--unreachable"]), "", "a forecast leaves nothing in the repository");
}

#[test]
fn commits_that_agents_make_while_they_work_are_seen_and_so_is_the_repair() {
    let commit = format!("{GIT} commit -qam mine");
    let repo = repo_with(|repo| {
        let lib = "src/lib.rs";
        let (one, other) = (change(lib, 5, "five"), change(lib, 5, "FIVE"));
        let repair = "sed -i.old s/FIVE/five/ src/lib.rs; rm src/lib.rs.old";
        let (stay, repaired) = (wait_at(repo, "stay"), wait_at(repo, "repair"));
        vec![
            step("fix", format!("{one}; {commit}; {stay}")),
            step("docs", format!("{other}; {commit}; {repaired}; {repair}; {commit}; {stay}")),
        ]
    });
    let running = repo.start(RUN);
    let seen = |events: &[Value]| -> Vec<usize> {
        let seen = of_kind(events, "conflicts_seen");
        seen.iter().map(|event| event["clashes"].as_array().expect("clashes").len()).collect()
    };
    repo.wait_for_event("a conflict is seen", |event| event["kind"] == "conflicts_seen");
    assert!(repo.crew(["status", "last"]).exits(0).out.contains("  fix, docs  content        src/lib.rs:5"));
    repo.open("repair");
    wait_until("the repair is seen", || seen(&repo.events_so_far()) == [1, 0]);
    repo.open("stay");
    running.ends().exits(0);
    assert_eq!(seen(&repo.events()), [1, 0], "only what changes is recorded");
    assert!(!repo.crew(["status", "last"]).exits(0).out.contains("conflict"));
}

#[test]
fn a_git_that_hangs_over_a_forecast_keeps_nothing_waiting_for_long_and_is_ended() {
    let repo = repo_with(|_| {
        let lib = "src/lib.rs";
        vec![step("fix", change(lib, 5, "five")), step("docs", change(lib, 5, "FIVE"))]
    });
    repo.link_programs(&["git", "sh", "sed", "rm", "sleep"]);
    std::fs::rename(repo.programs().join("git"), repo.programs().join("real-git")).expect("git elsewhere");
    let hung = repo.beside("hung");
    let script =
        "case \"$*\" in *--stdin*--messages*) echo >'HUNG'; exec sleep 600;; esac\nexec real-git \"$@\"";
    repo.program("git", &script.replace("HUNG", &hung.display().to_string()));
    let mut command = repo.command(RUN);
    command.env("PATH", repo.programs());
    let began = std::time::Instant::now();
    run_command(command).exits(0);
    assert!(hung.exists(), "it was asked");
    assert!(began.elapsed().as_secs() < 300, "the run waited for it");
    assert_eq!(of_kind(&repo.events(), "conflicts_seen").len(), 0);
    repo.leaves_no_process();
}

#[test]
fn the_live_view_has_a_line_for_the_conflict_that_lies_ahead() {
    let commit = format!("{GIT} commit -qam mine");
    let repo = repo_with(|_| {
        let lib = "src/lib.rs";
        // Until it is recorded, and some looks of the live view longer.
        let until = "crew -C \"$CREW_REPOSITORY\" events last";
        let seen = format!("while ! {until} | grep -q 'conflicts_seen'; do sleep 0.2; done; sleep 1");
        vec![
            step("fix", format!("{}; {commit}; {seen}", change(lib, 5, "five"))),
            step("docs", format!("{}; {commit}; {seen}", change(lib, 5, "FIVE"))),
        ]
    });
    let (exit, shown) = repo.at_terminal(&RUN, &[]);
    assert_eq!(exit, Some(0), "{shown}");
    assert!(shown.contains("conflict ahead"), "{shown}");
    assert!(shown.contains("fix and docs both change src/lib.rs:5"), "{shown}");
}
