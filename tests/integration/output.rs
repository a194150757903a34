//! What commands print, where, and how they end.

use crate::support::{CREW, Ran, TestRepo, run_command, start_command, task, wait_until};
use serde_json::{Value, json};
use std::fs::File;
use std::process::{Command, Stdio};

/// A run of two steps that completes, with an agent that says something.
fn good() -> TestRepo {
    let repo = TestRepo::new();
    repo.agent("mine", "say:working submit:finished");
    repo.workflow(
        "one",
        "## work\nrole: executor\nagent: mine\n\nDo it.\n\n## test\nrun: true\ndependsOn: work",
    );
    repo
}

/// A run whose command fails.
fn failing() -> TestRepo {
    let repo = TestRepo::new();
    repo.workflow("one", "## test\nrun: exit 3");
    repo
}

const RUN: [&str; 4] = ["run", "the goal", "--workflow", "one"];

#[test]
fn in_a_pipe_data_goes_to_stdout_and_everything_else_to_stderr() {
    let repo = good();
    let ran = repo.crew(RUN).exits(0);
    let out: Vec<&str> = ran.out.lines().collect();
    assert!(out[0].starts_with("task ") && out[0].contains("outcome"), "{}", ran.out);
    assert!(
        out[1].starts_with("work ") && out[1].contains("completed") && out[1].ends_with("finished"),
        "{}",
        ran.out
    );
    assert!(out[2].starts_with("test ") && out[2].contains("completed"), "{}", ran.out);
    assert!(out.last().expect("a line").contains(" completed in "), "{}", ran.out);
    assert!(!ran.out.contains("event=") && !ran.out.contains("next "), "{}", ran.out);
    // One line each, in the order in which it happened.
    let events: Vec<&str> = ran.err.lines().filter(|line| line.starts_with("run=")).collect();
    let short = events[0].split([' ', '=']).nth(1).expect("an id");
    let expected = [
        format!("run={short} task=work attempt=1 agent=mine event=started"),
        format!("run={short} task=work attempt=1 event=submitted result confidence=0.9"),
        format!("run={short} task=work attempt=1 event=succeeded "),
        format!("run={short} task=test attempt=1 agent=sh event=started"),
        format!("run={short} task=test attempt=1 event=succeeded "),
        format!("run={short} event=ended state=completed"),
    ];
    assert_eq!(events.len(), expected.len(), "{}", ran.err);
    assert!(events.iter().zip(&expected).all(|(line, start)| line.starts_with(start)), "{}", ran.err);
    assert!(ran.err.contains(&format!("next  crew status {short}")), "{}", ran.err);
    assert!(!ran.err.contains("outcome"), "{}", ran.err);
}

#[test]
fn the_next_command_that_is_named_works() {
    for (repo, exit) in [(good(), 0), (failing(), 1)] {
        let ran = repo.crew(RUN).exits(exit);
        let next = ran.err.lines().find_map(|line| line.strip_prefix("next  ")).expect("a next command");
        let commands: Vec<&str> = next.split("    ").filter(|part| part.starts_with("crew ")).collect();
        assert!(!commands.is_empty(), "{next}");
        for command in commands {
            repo.crew(command.split(' ').skip(1)).exits(0);
        }
    }
}

#[test]
fn with_json_stdout_is_one_object() {
    for (repo, exit) in [(good(), 0), (failing(), 1)] {
        let ran = repo.crew(RUN.iter().chain(&["--json"])).exits(exit);
        assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
        let run = ran.json();
        let keys: Vec<&String> = run.as_object().expect("an object").keys().collect();
        let work = ["findings", "millis", "run", "status", "summary", "tasks"];
        let spent = ["budget", "cost_unknown", "cost_usd", "tokens_unknown", "usage"];
        let ahead = ["clashes", "merge_order", "more_clashes"];
        let mut all = [&work[..], &spent, &ahead].concat();
        all.sort_unstable();
        assert_eq!(keys, all);
        assert!(!ran.err.contains(" completed in ") && !ran.err.contains("outcome"), "{}", ran.err);
    }
    let repo = good();
    repo.crew(RUN).exits(0);
    for args in [
        vec!["status"],
        vec!["status", "last"],
        vec!["events", "last"],
        vec!["artifacts", "last"],
        vec!["list"],
        vec!["show", "review"],
        vec!["validate"],
        vec!["config", "list"],
        vec!["config", "get", "run.team"],
        vec!["config", "schema"],
        vec!["doctor"],
        vec!["trust", "--revoke"],
        vec!["init"],
    ] {
        let ran = repo.crew(args.iter().chain(&["--json"])).exits(0);
        assert!(ran.json().is_object(), "{args:?}: {}", ran.out);
        assert!(ran.err.is_empty(), "{args:?}: {}", ran.err);
    }
    for args in [
        vec!["status"],
        vec!["events", "last"],
        vec!["artifacts", "last"],
        vec!["list"],
        vec!["show", "review"],
        vec!["config", "list"],
        vec!["doctor"],
    ] {
        let list = repo.crew(args.iter().chain(&["--json"])).exits(0).json();
        assert!(list["data"].is_array() && list["meta"].is_object(), "{args:?}: {list}");
    }
}

#[test]
fn with_json_every_error_is_an_object_on_stderr() {
    let repo = TestRepo::new();
    for (args, exit, code) in [
        (vec!["run", "g", "--team", "nobody"], 4, "unknown_name"),
        (vec!["run", " "], 2, "no_goal"),
        (vec!["status", "last"], 4, "no_runs"),
        (vec!["logs", "last"], 4, "no_runs"),
        (vec!["resume", "last"], 4, "no_runs"),
        (vec!["show", "nobody"], 4, "unknown_name"),
        (vec!["config", "get", "no.such"], 2, "setting"),
        (vec!["config", "get", "vars.none"], 4, "not_set"),
        (vec!["-C", "/nonexistent", "status"], 2, "no_folder"),
    ] {
        let ran = repo.crew(args.iter().chain(&["--json"])).exits(exit);
        assert!(ran.out.is_empty(), "{args:?}: {}", ran.out);
        assert_eq!(ran.json_error()["code"], code, "{args:?}");
    }
    repo.workflow("one", "## a\nrun: true");
    repo.crew(RUN).exits(0);
    for (args, exit, code) in [
        (vec!["status", "zzz"], 4, "unknown_run"),
        (vec!["logs", "last", "none"], 4, "unknown_task"),
        (vec!["artifacts", "last", "none"], 4, "unknown_artifact"),
        (vec!["resume", "last"], 4, "not_interrupted"),
    ] {
        assert_eq!(
            repo.crew(args.iter().chain(&["--json"])).exits(exit).json_error()["code"],
            code,
            "{args:?}"
        );
    }
}

#[test]
fn with_json_a_mistake_on_the_command_line_is_an_object_too() {
    let repo = TestRepo::new();
    for args in [
        vec!["run", "--json"],
        vec!["run", "g", "--bogus", "--json"],
        vec!["run", "g", "--jobs", "0", "--json"],
        vec!["status", "--json", "a", "b"],
    ] {
        let ran = repo.crew(&args).exits(2);
        assert!(ran.out.is_empty(), "{args:?}: {}", ran.out);
        assert_eq!(ran.json_error()["code"], "usage", "{args:?}");
    }
}

#[test]
fn quiet_leaves_data_and_errors() {
    let ran = good().crew(RUN.iter().chain(&["--quiet"])).exits(0);
    assert!(ran.err.is_empty(), "{}", ran.err);
    assert!(ran.out.starts_with("task "), "{}", ran.out);
    let repo = failing();
    let ran = repo.crew(["-q"].iter().chain(&RUN)).exits(1);
    assert!(ran.err.is_empty() && ran.out.contains("exit 3"), "{ran:?}");
    let ran = repo.crew(["run", "g", "--team", "nobody", "-q"]).exits(4);
    assert!(ran.err.starts_with("refused: there is no team `nobody`"), "{}", ran.err);
    assert!(repo.crew(["init", "-q"]).exits(0).err.is_empty());
    assert!(repo.crew(["config", "set", "limits.jobs", "2", "-q"]).exits(0).err.is_empty());
}

#[test]
fn in_a_pipe_there_is_no_escape_sequence() {
    for (repo, exit) in [(good(), 0), (failing(), 1)] {
        let mut command = repo.command(RUN);
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor");
        let ran = run_command(command).exits(exit);
        ran.shows_nothing_hostile();
        for args in [
            vec!["status"],
            vec!["status", "last"],
            vec!["events", "last"],
            vec!["artifacts", "last"],
            vec!["doctor"],
            vec!["list"],
        ] {
            repo.crew(&args).exits(0).shows_nothing_hostile();
        }
        repo.crew(["run", "g", "--team", "nobody"]).exits(4).shows_nothing_hostile();
        repo.crew(["run", "--help"]).exits(0).shows_nothing_hostile();
        repo.crew(["run", "--bogus"]).exits(2).shows_nothing_hostile();
    }
}

// Hostile words.

/// Blinking, a title, a cleared screen, a turn of direction, something hidden, new lines, a carriage return.
const HOSTILE: &str = "\u{1b}[5mBLINK\u{1b}]0;TITLE\u{7}\u{1b}[2J\u{9b}31m\u{202e}drow\u{200b}\u{2066}\r\nrun=000 event=ended state=completed\u{8}\u{0}";

/// What of it has to be nowhere on a terminal.
fn holds_hostile(text: &str) -> Option<&'static str> {
    let signs = [
        "\u{1b}[5m",
        "\u{1b}]0;",
        "\u{1b}[2J",
        "\u{9b}",
        "\u{202e}",
        "\u{200b}",
        "\u{2066}",
        "\u{7}",
        "\u{8}",
        "\u{0}",
    ];
    signs.into_iter().find(|sign| text.contains(sign))
}

/// An agent that uses hostile words wherever it can: what it says, its tools, what it hands in and what is refused.
fn hostile() -> TestRepo {
    let repo = TestRepo::new();
    let line = |value: Value| format!("printf '%s\\n' '{value}'");
    let submit = |value: Value| format!("printf '%s' '{value}' | crew submit result --json - >&2");
    let result = json!({"summary": HOSTILE, "confidence": 0.9, "rationale": HOSTILE, "details": HOSTILE,
        "no_change_reason": HOSTILE});
    let unknown = json!({"summary": "x", "confidence": 0.9, "rationale": "y", (HOSTILE): 1});
    let other = json!({"summary": "another", "confidence": 0.9, "rationale": "y"});
    let script = [
        line(json!({"crew": "session", "id": HOSTILE})),
        line(json!({"crew": "message", "text": HOSTILE})),
        line(json!({"crew": "tool", "id": "1", "name": HOSTILE, "arguments": HOSTILE})),
        line(json!({"crew": "tool_end", "id": "1", "ok": false})),
        line(json!({"crew": "waiting", "reason": HOSTILE})),
        // Somebody who watches has the time to see it.
        "while [ -e hold ]; do sleep 0.02; done".to_owned(),
        submit(unknown),
        submit(result),
        submit(other),
        line(json!({"crew": "end", "ok": true, "text": HOSTILE})),
    ];
    repo.program("hostile", &script.join("\n"));
    let command = repo.programs().join("hostile").display().to_string();
    repo.set("agents", "hostile", json!({"command": command, "output": "crew", "writes": true}));
    repo.workflow(
        "one",
        "## work\nrole: executor\nagent: hostile\n\nDo it.\n\n## plain\nrole: executor\nagent: plain\n\nDo it.\n\n\
         ## broken\nrole: executor\nagent: broken\n\nDo it.",
    );
    let words = HOSTILE.replace('\u{0}', "");
    repo.set("agents", "plain", json!({"command": format!("printf %s \"{words}\""), "writes": true}));
    let error = json!({"crew": "error", "kind": "network", "message": HOSTILE});
    repo.program("broken", &line(error));
    let command = repo.programs().join("broken").display().to_string();
    repo.set("agents", "broken", json!({"command": command, "output": "crew", "writes": true}));
    repo.set("retry", "max_attempts", json!(1));
    repo
}

#[test]
fn hostile_words_of_an_agent_are_never_shown_raw() {
    let repo = hostile();
    let ran = repo.crew(RUN).exits(1);
    ran.shows_nothing_hostile();
    assert!(ran.out.contains("BLINK"), "what can be read is shown: {}", ran.out);
    // Words of an agent do not make a line of their own.
    assert!(!ran.err.lines().any(|line| line.starts_with("run=000")), "{}", ran.err);
    assert_eq!(ran.out.lines().filter(|line| line.starts_with("run=")).count(), 0, "{}", ran.out);
    for args in [vec!["status"], vec!["status", "last"], vec!["events", "last"], vec!["artifacts", "last"]] {
        repo.crew(&args).exits(0).shows_nothing_hostile();
    }
    let refusals = repo.kinds().iter().filter(|kind| *kind == "submission_refused").count();
    assert_eq!(refusals, 2, "the two bad submissions were refused");
    for args in [vec!["status", "last", "--json"], vec!["events", "last", "--json"]] {
        let out = repo.crew(&args).exits(0).out;
        assert_eq!(out.lines().count(), 1);
        // JSON writes control characters as escapes by itself.
        assert!(!out.trim_end().chars().any(char::is_control), "{out}");
    }
    // What is kept for people to read is harmless as well.
    let summary = repo.crew(["artifacts", "last", "summary.md"]).exits(0);
    summary.shows_nothing_hostile();
    let result = repo.crew(["artifacts", "last", "results/work.1.md"]).exits(0);
    result.shows_nothing_hostile();
}

#[test]
fn hostile_words_of_an_agent_do_not_reach_the_next_agent_raw() {
    let repo = TestRepo::new();
    repo.agent_with("mine", "say:x 'submit-json:{\"summary\":\"\\\\u001b]0;T\\\\u0007 \\\\u202e end\",\"confidence\":1,\"rationale\":\"r\",\"no_change_reason\":\"n\"}'", json!({}));
    repo.agent("next", "submit:done");
    repo.workflow("one", "## a\nrole: executor\nagent: mine\n\nDo it.\n\n## b\nrole: executor\nagent: next\ndependsOn: a\n\nDo it.");
    repo.run_json("one", 0);
    let prompt = repo.crew(["artifacts", "last", "prompts/b.1.md"]).exits(0);
    assert!(prompt.out.contains(" end"), "{}", prompt.out);
    prompt.shows_nothing_hostile();
}

#[test]
fn hostile_words_in_files_of_the_project_are_never_shown_raw() {
    let repo = TestRepo::new();
    repo.write(
        ".crew/agents/evil.md",
        "---\ndescription: \"\\e[5mBLINK\\e]0;TITLE\\a \\u202Edrow\\nrun=000\"\ntools: read\n---\nYou \u{1b}[5m.\n",
    );
    for args in [vec!["list"], vec!["show", "evil"], vec!["validate"], vec!["doctor"]] {
        let ran = repo.crew(&args).exits(0);
        ran.shows_nothing_hostile();
        // Shown whole, a file has its own lines.
        let forged = ran.out.lines().any(|line| line.starts_with("run=000"));
        assert!(!forged || args[0] == "show", "{}", ran.out);
    }
    repo.write(".crew/agents/\u{1b}[5mname.md", "---\ndescription: x\n---\nYou.\n");
    repo.crew(["validate"]).exits(2).shows_nothing_hostile();
    repo.crew(["doctor"]).exits(1).shows_nothing_hostile();
    std::fs::remove_dir_all(repo.root.join(".crew/agents")).expect("it goes away");
    for settings in [
        json!({"\u{1b}[5mkey": 1}),
        json!({"limits": {"\u{1b}]0;TITLE\u{7}": 1}}),
        json!({"limits": {"jobs": "\u{1b}[5m\u{202e}"}}),
        json!({"run": {"agent": "\u{1b}[5m\u{202e}"}}),
        json!({"run": {"team": "\u{1b}[5m\u{202e}"}}),
    ] {
        repo.write(".crew/config.json", &settings.to_string());
        for args in [
            vec!["run", "g"],
            vec!["run", "g", "--team", "review"],
            vec!["validate"],
            vec!["doctor"],
            vec!["config", "list"],
        ] {
            repo.crew(&args).shows_nothing_hostile();
        }
    }
    repo.write(
        ".crew/config.json",
        &json!({"vars": {"\u{1b}[5mname": "\u{1b}[5m\u{202e}value\nnext"}}).to_string(),
    );
    repo.crew(["config", "list"]).exits(0).shows_nothing_hostile();
}

// A terminal.

/// What is on a terminal's screen after all that was written to it.
struct Screen {
    width: usize,
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn after(text: &str, width: usize) -> Screen {
        let mut screen = Screen { width, lines: vec![Vec::new()], row: 0, column: 0 };
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' => screen.column = 0,
                '\n' => screen.down(1),
                '\u{1b}' if chars.peek() == Some(&'[') => {
                    chars.next();
                    let mut parameters = String::new();
                    let last = loop {
                        match chars.next() {
                            Some(c @ '@'..='~') => break c,
                            Some(c) => parameters.push(c),
                            None => return screen,
                        }
                    };
                    screen.obey(&parameters, last);
                }
                c if c.is_control() => {}
                c => screen.put(c),
            }
        }
        screen
    }

    fn obey(&mut self, parameters: &str, command: char) {
        let count = parameters.parse().unwrap_or(1).max(1);
        match command {
            'A' => self.row = self.row.saturating_sub(count),
            'B' => self.down(count),
            'G' => self.column = count - 1,
            'D' => self.column = self.column.saturating_sub(count),
            'K' if parameters == "2" => self.lines[self.row].clear(),
            'K' => self.lines[self.row].truncate(self.column),
            'J' => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            'm' | 'h' | 'l' => {}
            other => panic!("the screen does not know CSI {parameters} {other}"),
        }
    }

    fn down(&mut self, by: usize) {
        self.row += by;
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
    }

    fn put(&mut self, c: char) {
        if self.column == self.width {
            self.column = 0;
            self.down(1);
        }
        let line = &mut self.lines[self.row];
        while line.len() <= self.column {
            line.push(' ');
        }
        line[self.column] = c;
        self.column += 1;
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
    }
}

fn has_script() -> bool {
    let version = Command::new("script").arg("--version").stdin(Stdio::null()).output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("util-linux"))
}

/// Runs crew on a terminal of `width` columns, shows `watch` what the terminal has been sent so far, until it says that
/// it has seen enough, and returns all that was sent.
fn on_a_terminal(
    repo: &TestRepo,
    width: usize,
    environment: &[(&str, &str)],
    args: &[&str],
    mut watch: impl FnMut(&str) -> bool,
) -> (i32, String) {
    let sent = repo.home.parent().expect("a parent").join("sent");
    let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
    let line = format!("stty cols {width} rows 30 && exec '{CREW}' {}", quoted.join(" "));
    let mut command = repo.plain("script");
    command
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh");
    command.envs(environment.iter().copied()).stdin(Stdio::piped());
    command.stdout(File::create(&sent).expect("a file"));
    let mut child = command.spawn().expect("script starts");
    let read = || String::from_utf8_lossy(&std::fs::read(&sent).expect("a file")).into_owned();
    let mut ended = None;
    wait_until("the terminal shows what is waited for", || {
        let enough = watch(&read());
        ended = child.try_wait().expect("a child");
        enough || ended.is_some()
    });
    let seen = watch(&read());
    wait_until("crew ends", || {
        ended = ended.or(child.try_wait().expect("a child"));
        ended.is_some()
    });
    let all = read();
    assert!(seen, "it never showed what was waited for: {all:?}");
    (ended.and_then(|status| status.code()).unwrap_or(-1), all)
}

#[test]
fn on_a_terminal_a_running_task_has_a_line_that_changes_and_goes_away() {
    if !has_script() {
        return;
    }
    for width in [100, 40] {
        let repo = TestRepo::new();
        let long = "thinking very hard about something that takes far more room than there is ".repeat(4);
        let hold = repo.gate("hold");
        repo.agent("mine", &format!("'say:{long}' wait-gone:{} submit:finished", hold.display()));
        repo.workflow(
            "one",
            "## work\nrole: executor\nagent: mine\n\nDo it.\n\n## test\nrun: true\ndependsOn: work",
        );
        let mut held = true;
        let (exit, sent) = on_a_terminal(&repo, width, &[], &RUN, |sent| {
            let screen = Screen::after(sent, width).text();
            let live = screen.lines().position(|line| line.contains("running"));
            let line = live.and_then(|at| screen.lines().nth(at)).unwrap_or_default();
            let seen =
                line.contains("work") && line.contains("mine") && (width < 80 || line.contains("thinking"));
            if seen && held {
                // It is cut, and not wrapped: nothing stands below it.
                let below: String = screen.lines().skip(live.expect("a line") + 1).collect();
                assert_eq!(below.trim(), "", "{width}: {screen}");
                held = false;
                repo.open("hold");
            }
            !held
        });
        assert_eq!(exit, 0, "{sent}");
        let text = Screen::after(&sent, width).text();
        // Live lines were redrawn in place and are gone.
        assert!(!text.contains("running"), "{text}");
        assert!(text.contains("done") && text.contains("outcome") && text.contains("completed in"), "{text}");
        assert_eq!(
            sent.matches("\u{1b}[?25l").count(),
            sent.matches("\u{1b}[?25h").count(),
            "the cursor is back"
        );
        // Nothing that crew prints is cut by the terminal in the middle of a word.
        let words = ["outcome", "completed", "finished", "work", "test"];
        let table =
            &text[text.find("outcome").map_or(0, |at| text[..at].rfind("task ").expect("a heading"))..];
        assert!(words.iter().all(|word| table.contains(word)), "{width}: {text}");
    }
}

#[test]
fn on_a_terminal_colours_are_a_second_signal_that_can_be_turned_off() {
    if !has_script() {
        return;
    }
    let repo = good();
    let (_, coloured) = on_a_terminal(&repo, 100, &[], &RUN, |_| true);
    assert!(coloured.contains("\u{1b}[32m"), "{coloured:?}");
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (exit, sent) = on_a_terminal(&repo, 100, &[environment], &RUN, |_| true);
        assert_eq!(exit, 0);
        let colours = sent.split("\u{1b}[").skip(1).filter(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
        });
        assert_eq!(colours.count(), 0, "{environment:?}: {sent:?}");
        assert!(sent.contains("completed"), "{sent:?}");
        let (_, refused) =
            on_a_terminal(&repo, 100, &[environment], &["run", "g", "--team", "nobody"], |_| true);
        assert!(!refused.contains("\u{1b}[3"), "{environment:?}: {refused:?}");
    }
    let (exit, sent) = on_a_terminal(&repo, 100, &[], &[&RUN[..], &["--json"]].concat(), |_| true);
    assert_eq!(exit, 0);
    assert!(!sent.contains('\u{1b}'), "{sent:?}");
    let (exit, sent) = on_a_terminal(&repo, 100, &[], &[&RUN[..], &["--quiet"]].concat(), |_| true);
    assert_eq!(exit, 0);
    assert!(!sent.contains("running") && !sent.contains("next "), "{sent:?}");
}

#[test]
fn hostile_words_of_an_agent_are_not_obeyed_by_a_terminal() {
    if !has_script() {
        return;
    }
    let repo = hostile();
    repo.write("hold", "");
    let mut held = true;
    let (exit, sent) = on_a_terminal(&repo, 100, &[], &RUN, |sent| {
        if held && sent.contains("running") && sent.contains("BLINK") {
            held = false;
            std::fs::remove_file(repo.root.join("hold")).expect("it goes away");
        }
        !held
    });
    assert_eq!(exit, 1, "{sent}");
    assert_eq!(holds_hostile(&sent), None, "{sent:?}");
    for args in [
        &["status", "last"][..],
        &["events", "last"],
        &["logs", "last"],
        &["artifacts", "last", "results/work.1.md"],
    ] {
        let (_, sent) = on_a_terminal(&repo, 100, &[], args, |_| true);
        assert_eq!(holds_hostile(&sent), None, "{args:?}: {sent:?}");
    }
}

// How commands end.

#[test]
fn exit_codes_mean_what_the_table_says() {
    let repo = good();
    repo.crew(RUN).exits(0);
    repo.workflow("failing", "## test\nrun: exit 3");
    repo.crew(["run", "g", "--workflow", "failing"]).exits(1);
    repo.agent("liar", "'say:all done'");
    repo.workflow("doubtful", "## work\nrole: executor\nagent: liar\n\nDo it.");
    assert_eq!(repo.run_json("doubtful", 1)["status"], "needs_review");
    repo.crew(["run"]).exits(2);
    repo.crew(["run", ""]).exits(2);
    repo.crew(["run", "g", "--jobs", "0"]).exits(2);
    repo.crew(["run", "g", "--set", "limits.jobs=0"]).exits(2);
    repo.crew(["run", "g", "--workflow", "nobody"]).exits(4);
    repo.crew(["status", "zzzz"]).exits(4);
    repo.workflow("slow", "## a\nrun: touch begun; sleep 300");
    let crew = repo.start(["run", "g", "--workflow", "slow"]);
    repo.wait_for_file("begun");
    // Somebody else owns it.
    repo.crew(["resume", "last"]).exits(4);
    crew.signal(libc::SIGINT);
    let ended = crew.ends().exits(130);
    assert!(ended.err.contains("next  crew resume "), "{}", ended.err);
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["status"], "interrupted");
}

#[test]
fn who_stops_reading_does_not_turn_a_failure_into_a_success() {
    for (repo, exit) in [(good(), 0), (failing(), 1)] {
        for json in [&[][..], &["--json"]] {
            let mut command = repo.command(RUN.iter().chain(json));
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            command.stdout(writer).stderr(Stdio::piped());
            let child = command.spawn().expect("crew starts");
            drop(command);
            let output = child.wait_with_output().expect("crew ends");
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(exit), "{err}");
            assert!(!err.contains("panicked") && !err.contains("roken pipe"), "{err}");
        }
    }
}

#[test]
fn who_stops_reading_is_told_no_more() {
    let repo = TestRepo::new();
    for args in [
        "list",
        "show review",
        "config list",
        "config schema",
        "list --json",
        "doctor",
        "completions bash",
        "--help",
    ] {
        let mut shell = repo.plain("/bin/sh");
        shell.args(["-c", &format!("{{ '{CREW}' {args}; echo \"exit $?\" >&2; }} | true")]);
        let ran = run_command(shell);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("roken pipe"), "{args}: {}", ran.err);
        assert!(ran.err.ends_with("exit 0\n"), "{args}: {}", ran.err);
    }
}

#[test]
fn a_run_whose_stderr_nobody_reads_goes_on() {
    let repo = good();
    let mut command = repo.command(RUN.iter().chain(&["--json"]));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stderr(writer).stdout(Stdio::piped());
    let child = command.spawn().expect("crew starts");
    drop(command);
    let output = child.wait_with_output().expect("crew ends");
    assert_eq!(output.status.code(), Some(0));
    let run: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(run["status"], "completed");
}

// Where a command is.

#[test]
fn outside_of_a_repository_every_command_that_needs_one_says_so() {
    let repo = TestRepo::new();
    let outside = |args: &[&str]| {
        let mut command = repo.command(args);
        command.current_dir("/");
        run_command(command)
    };
    for args in [
        &["run", "g"][..],
        &["resume", "last"],
        &["status"],
        &["status", "last"],
        &["logs", "last"],
        &["events", "last"],
        &["artifacts", "last"],
        &["list"],
        &["show", "critic"],
        &["validate"],
        &["trust"],
        &["init"],
        &["config", "list"],
    ] {
        let ran = outside(args).exits(2);
        assert!(
            ran.err.starts_with("error: ") && ran.err.contains("is not in a git repository"),
            "{args:?}: {}",
            ran.err
        );
        assert!(ran.err.contains("hint: git init, or crew -C FOLDER"), "{args:?}: {}", ran.err);
        assert_eq!(outside(&[args, &["--json"]].concat()).exits(2).json_error()["code"], "no_repository");
    }
    // An empty `.git` is no repository, as for git.
    let within = repo.beside("no-repository/within").display().to_string();
    std::fs::create_dir_all(&within).expect("a folder");
    std::fs::create_dir(repo.beside("no-repository/.git")).expect("a folder");
    let ran = outside(&["-C", &within, "status"]).exits(2);
    assert!(ran.err.contains("within is not in a git repository"), "{}", ran.err);
    outside(&["--version"]).exits(0);
    outside(&["--help"]).exits(0);
    outside(&["completions", "bash"]).exits(0);
    outside(&["config", "schema"]).exits(0);
}

#[test]
fn a_setting_of_the_user_needs_no_repository() {
    let repo = TestRepo::new();
    let mut command = repo.command(["config", "set", "limits.jobs", "2"]);
    command.current_dir("/");
    run_command(command).exits(0);
    assert_eq!(repo.crew(["config", "get", "limits.jobs"]).exits(0).out, "2\n");
}

#[test]
fn a_folder_may_be_named_before_and_after_the_command() {
    let repo = good();
    repo.write("src/deep/file", "");
    let folder = repo.root.display().to_string();
    for args in [
        vec!["-C".to_owned(), folder.clone(), "validate".to_owned()],
        vec!["validate".to_owned(), "-C".to_owned(), folder.clone()],
        vec!["validate".to_owned(), format!("--folder={folder}/src/deep")],
    ] {
        let mut command = repo.command(&args);
        command.current_dir(&repo.home);
        run_command(command).exits(0);
    }
    // From a folder inside, the run is the whole repository's.
    let mut command = repo.command(RUN);
    command.current_dir(repo.root.join("src/deep"));
    run_command(command).exits(0);
    assert!(repo.root.join(".crew/crew.db").exists() && !repo.root.join("src/deep/.crew").exists());
    let ran = repo.crew(["-C", "no/such/folder", "status"]).exits(2);
    assert!(ran.err.contains("no/such/folder") && ran.err.contains("hint: -C takes a folder"), "{}", ran.err);
    let ran = repo.crew(["-C", "README.md", "status"]).exits(2);
    assert!(ran.err.contains("README.md"), "{}", ran.err);
}

#[test]
fn an_unknown_command_or_flag_is_answered_with_the_nearest() {
    let repo = TestRepo::new();
    for (args, near) in [
        (vec!["stauts"], "status"),
        (vec!["validte"], "validate"),
        (vec!["run", "g", "--tem", "x"], "--team"),
        (vec!["config", "shcema"], "schema"),
    ] {
        let ran = repo.crew(&args).exits(2);
        assert!(ran.out.is_empty(), "{}", ran.out);
        assert!(ran.err.contains("similar") && ran.err.contains(near), "{args:?}: {}", ran.err);
    }
    let ran = repo.crew::<&str>([]).exits(2);
    assert!(ran.err.contains("Usage: crew"), "{}", ran.err);
}

/// Every command with the words that name it: `config get`.
fn commands_of(tree: &clap::Command, names: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    found.push((names.to_vec(), tree.clone()));
    for command in tree.get_subcommands().filter(|command| command.get_name() != "help") {
        let mut names = names.to_vec();
        names.push(command.get_name().to_owned());
        commands_of(command, &names, found);
    }
}

#[test]
fn the_help_of_every_command_mentions_nothing_that_does_not_exist() {
    let repo = TestRepo::new();
    let mut tree = crew::commands::command_tree();
    tree.build();
    let mut all = Vec::new();
    commands_of(&tree, &[], &mut all);
    assert!(all.len() >= 20, "{}", all.len());
    let top: Vec<&str> = tree.get_subcommands().map(clap::Command::get_name).collect();
    let flags: Vec<String> = all
        .iter()
        .flat_map(|(_, command)| command.get_arguments())
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    for (names, _) in &all {
        let help = repo.crew(names.iter().map(String::as_str).chain(["--help"])).exits(0).out;
        let short = repo.crew(names.iter().map(String::as_str).chain(["-h"])).exits(0).out;
        for text in [&help, &short] {
            assert!(text.contains("Usage: crew"), "{names:?}: {text}");
            mentions_what_exists(text, &top, &flags);
        }
        // Nothing is without an explanation.
        for line in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            assert!(!line.contains("<>"), "{names:?}: {line}");
        }
    }
    let help = repo.crew(["help", "run"]).exits(0).out;
    assert!(help.contains("--dry-run"), "{help}");
}

/// Looks at each `crew WORD` and each `--flag` of a text.
fn mentions_what_exists(text: &str, commands: &[&str], flags: &[String]) {
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.windows(2) {
        let word = pair[1].trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let is_command = pair[0].trim_start_matches(['`', '(', '"']) == "crew" && pair[0].len() < 6;
        let prose = ["turns", "has", "verifies", "knows", "is", "runs", "process", "itself"].contains(&word);
        if is_command
            && !prose
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && !pair[1].starts_with('[')
        {
            assert!(commands.contains(&word) || word == "help", "`crew {word}` is no command:\n{text}");
        }
    }
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        if let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) {
            assert!(
                flags.iter().any(|known| known == flag) || flag == "help",
                "--{flag} is no flag:\n{text}"
            );
        }
    }
}

#[test]
fn the_hint_of_every_kind_of_error_mentions_what_exists() {
    let mut tree = crew::commands::command_tree();
    tree.build();
    let mut all = Vec::new();
    commands_of(&tree, &[], &mut all);
    let top: Vec<&str> = tree.get_subcommands().map(clap::Command::get_name).collect();
    let flags: Vec<String> = all
        .iter()
        .flat_map(|(_, command)| command.get_arguments())
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    for kind in crew::domain::error_kind::ErrorKind::ALL {
        mentions_what_exists(kind.hint(), &top, &flags);
        for word in kind.hint().split(|c: char| c.is_whitespace() || c == ';' || c == ',') {
            let is_setting =
                word.starts_with("limits.") || word.starts_with("retry.") || word.starts_with("run.");
            assert!(!is_setting || crew::domain::settings::find(word).is_some(), "{word} is no setting");
        }
    }
}

#[test]
fn what_a_run_is_called_may_be_shortened_to_what_is_unique() {
    let repo = good();
    let id =
        repo.crew(RUN.iter().chain(&["--json"])).exits(0).json()["run"].as_str().expect("an id").to_owned();
    for typed in [id.as_str(), &id[..4], "last"] {
        assert_eq!(repo.crew(["status", typed, "--json"]).exits(0).json()["id"], *id);
    }
    assert_eq!(task(&repo.crew(["status", &id, "--json"]).exits(0).json(), "work")["state"], "completed");
    let other = repo.crew(["status", "last", "zzz"]);
    assert_eq!(other.exit, 2, "{}", other.err);
}

#[test]
fn a_long_run_is_never_silent_in_a_pipe() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch begun; while [ -e hold ]; do sleep 0.02; done");
    repo.write("hold", "");
    let told = repo.home.join("told");
    let mut command = repo.command(RUN);
    command.stderr(File::create(&told).expect("a file")).stdout(Stdio::null());
    let mut child = command.spawn().expect("crew starts");
    repo.wait_for_file("begun");
    // It is told while it goes on, and not at the end.
    wait_until("the start is told", || {
        std::fs::read_to_string(&told).expect("text").contains("event=started")
    });
    std::fs::remove_file(repo.root.join("hold")).expect("it goes away");
    assert!(child.wait().expect("crew ends").success());
}

#[test]
fn events_can_be_followed_as_lines_of_json() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: touch begun; while [ -e hold ]; do sleep 0.02; done");
    repo.write("hold", "");
    let crew = repo.start(RUN);
    repo.wait_for_file("begun");
    let follower = start_command(repo.command(["events", "last", "--follow", "--json"]));
    std::fs::remove_file(repo.root.join("hold")).expect("it goes away");
    crew.ends().exits(0);
    let followed: Ran = follower.ends().exits(0);
    let lines: Vec<Value> =
        followed.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines, repo.events(), "no gap and nothing twice");
}
