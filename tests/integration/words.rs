//! What agents say reaches no file and no screen with a secret in it, or anything that acts on a terminal.

use crate::support::{Ran, TestRepo, of_kind, run_command};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A variable that the agents are given, whose value is a word like any other.
const GIVEN: (&str, &str) = ("MY_API_KEY", "correcthorsebattery");

/// Made up, and put together so that no line of this file looks like a secret.
struct Secrets {
    by_form: String,
    by_name: &'static str,
}

impl Secrets {
    fn new() -> Secrets {
        Secrets { by_form: format!("gh{}_{}", "p", "a8Kx2Qz7".repeat(5)), by_name: "zq81pplnn24wx9" }
    }

    /// Everything that an agent should not say, in one line.
    fn words(&self) -> String {
        let (first, second) = self.by_form.split_at(20);
        format!(
            "it \u{1b}]8;;http://evil\u{7}link\u{1b}]8;;\u{7}\u{1b}]52;c;aGk=\u{7}\u{1b}]0;title\u{1b}\\\u{1b}[2J\u{1b}[1;1H\
             \u{9b}31m\u{202e}{first}\u{1b}[0m{second} and API_KEY={} or {} end",
            self.by_name, GIVEN.1
        )
    }

    fn pem(&self) -> String {
        format!(
            "-----{} PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n",
            "BEGIN",
            "Qm9zc1".repeat(10),
            "Qm9zc1".repeat(4)
        )
    }

    /// Says what of it stands in a text; `binary` files hold bytes that only look like the beginning of an escape sequence.
    fn found_in(&self, bytes: &[u8], binary: bool) -> Vec<&'static str> {
        let holds = |part: &str| bytes.windows(part.len()).any(|at| at == part.as_bytes());
        let escapes: &[&str] = if binary {
            &["\u{1b}]8", "\u{1b}]52", "\u{1b}]0;", "\u{1b}[2J", "\u{1b}[1;1H"]
        } else {
            &["\u{1b}"]
        };
        let all = [
            ("a token", holds(&self.by_form) || holds("a8Kx2Qz7")),
            ("a named value", holds(self.by_name)),
            ("a known value", holds(GIVEN.1)),
            ("a private key", holds("Qm9zc1Qm9zc1")),
            ("an escape sequence", escapes.iter().any(|escape| holds(escape))),
            ("a character that acts", !binary && (holds("\u{9b}") || holds("\u{202e}"))),
        ];
        all.into_iter().filter(|(_, found)| *found).map(|(what, _)| what).collect()
    }
}

/// Makes a shell script an agent of the user that is given a secret.
fn agent(repo: &TestRepo, name: &str, output: &str, script: &str) {
    let path = repo.beside(&format!("{name}.sh"));
    std::fs::write(&path, script).expect("a script");
    let how = json!({"command": format!("/bin/sh {}", path.display()), "prompt": "stdin", "output": output,
        "writes": true, "pass_env": [GIVEN.0]});
    repo.set("agents", name, how);
}

/// Returns shell commands that print lines as they are.
fn print(lines: &[String]) -> String {
    format!("cat <<'END_OF_LINES'\n{}\nEND_OF_LINES\n", lines.join("\n"))
}

/// Returns shell commands that hand in JSON.
fn hand_in(body: &Value) -> String {
    hand_in_as("result", body)
}

fn hand_in_as(kind: &str, body: &Value) -> String {
    format!("crew submit {kind} --json - >&2 <<'END_OF_BODY'\n{body}\nEND_OF_BODY\n")
}

fn talkative(secrets: &Secrets) -> String {
    let (words, token) = (secrets.words(), &secrets.by_form);
    let line = |value: Value| value.to_string();
    let result = json!({"summary": words, "confidence": 0.9, "rationale": words, "details": format!("{words}\n{}", secrets.pem()),
        "checks": [{"command": words, "note": words}]});
    [
        print(&[
            line(json!({"crew": "session", "id": words})),
            words.clone(),
            secrets.pem(),
            line(json!({"crew": "message", "text": words})),
            line(json!({"crew": "tool", "id": "1", "name": words, "arguments": {"command": words, "password": secrets.by_name}})),
            line(json!({"crew": "tool_end", "id": "1", "ok": true})),
            line(json!({"crew": "waiting", "reason": words})),
            line(json!({"text": secrets.pem(), "api_key": secrets.by_name})),
        ]),
        format!("cat >&2 <<'END_OF_LINES'\n{words}\n{}END_OF_LINES\n", secrets.pem()),
        "printf '%s' \"$CREW_TOKEN\" >\"$HOME/token\"; echo \"mine is $CREW_TOKEN\"; env\n".to_owned(),
        format!("echo x >\"$(printf 'odd \\033[31m{token}.txt')\"; git branch 'b-{token}'\n"),
        hand_in_as("progress", &json!({"message": words})),
        hand_in(&json!({"summary": "s", "confidence": 1, "rationale": "r", words.as_str(): 1})),
        hand_in(&json!({"summary": words, "confidence": words, "rationale": "r"})),
        format!("echo '{{\"id\":\"odd\",\"{token}\":1}}' >\"$CREW_INBOX/odd.tmp\"; mv \"$CREW_INBOX/odd.tmp\" \"$CREW_INBOX/odd.request\"\n"),
        hand_in(&result),
        hand_in(&result),
        hand_in(&json!({"summary": format!("else {words}"), "confidence": 1, "rationale": "r"})),
        "while [ -e \"$CREW_INBOX/odd.request\" ]; do sleep 0.05; done\n".to_owned(),
        print(&[line(json!({"crew": "end", "ok": true, "text": words}))]),
    ]
    .concat()
}

/// A reviewer whose findings hold everything.
fn critical(secrets: &Secrets) -> String {
    let (words, token) = (secrets.words(), &secrets.by_form);
    let finding = json!({"severity": "error", "category": words, "file": words, "start_line": 1, "end_line": 2, "title": format!("t {token}"),
        "body": words, "suggestion": words, "confidence": 0.5});
    let result = json!({"summary": words, "confidence": 0.9, "rationale": words, "findings": [finding]});
    format!("{}{}", hand_in(&result), print(&[json!({"crew": "end", "ok": true}).to_string()]))
}

fn crew(repo: &TestRepo, args: &[&str]) -> Ran {
    let mut command = repo.command(args);
    command.env(GIVEN.0, GIVEN.1);
    run_command(command)
}

fn all_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            all_files(&entry.path(), into);
        } else if kind.is_file() {
            into.push(entry.path());
        }
    }
}

#[test]
fn nothing_that_agents_say_reaches_a_file_or_a_screen_as_it_was() {
    let (repo, secrets) = (TestRepo::new(), Secrets::new());
    agent(&repo, "talkative", "crew", &talkative(&secrets));
    agent(&repo, "critical", "crew", &critical(&secrets));
    agent(&repo, "plain", "text", &print(&[secrets.words(), secrets.pem(), secrets.words()]));
    let error = json!({"crew": "error", "kind": "auth_failed", "message": secrets.words()});
    agent(&repo, "failing", "crew", &print(&[secrets.words(), error.to_string()]));
    let noisy = repo.beside("noisy.sh");
    std::fs::write(&noisy, print(&[secrets.pem(), secrets.words()])).expect("a script");
    let noisy = noisy.display();
    repo.workflow(
        "all",
        &format!(
            "## work\nrole: executor\nagent: talkative\noutput: work.md\n\nDo it.\n\n\
             ## look\nrole: reviewer\nagent: critical\ndependsOn: work\n\nLook at it.\n\n\
             ## shell\nrun: /bin/sh {noisy}\ndependsOn: look\n\n\
             ## words\nrole: explorer\nagent: plain\nsubmit: optional\ndependsOn: work, shell\nverify: /bin/sh {noisy}\n\nSay it.\n\n\
             ## broken\nrole: executor\nagent: failing\ndependsOn: words\nretries: 0\n\nFail."
        ),
    );
    let ran = crew(&repo, &["run", "the goal", "--workflow", "all", "--json"]).exits(1);
    let mut shown = vec![("run".to_owned(), ran)];
    let events = repo.events();
    for kind in [
        "session_started",
        "tool_invoked",
        "agent_waited",
        "submission_accepted",
        "submission_refused",
        "note_taken",
    ] {
        assert!(!of_kind(&events, kind).is_empty(), "{kind}");
    }
    assert_eq!(of_kind(&events, "submission_refused").len(), 4, "{events:#?}");
    let ended = of_kind(&events, "attempt_ended");
    assert_eq!(ended.len(), 5, "{ended:#?}");

    let mut commands: Vec<Vec<String>> = [
        "status",
        "status last",
        "events last",
        "artifacts last",
        "logs last",
        "logs last work",
        "logs last --follow",
        "list",
        "doctor",
        "agents",
        "show agent executor",
        "resume last",
    ]
    .iter()
    .map(|words| words.split(' ').map(str::to_owned).collect())
    .collect();
    let mut artifacts = Vec::new();
    all_files(&repo.run_folder().join("artifacts"), &mut artifacts);
    for path in artifacts {
        let name =
            path.strip_prefix(repo.run_folder().join("artifacts")).expect("below").display().to_string();
        commands.push(vec!["artifacts".into(), "last".into(), name]);
    }
    for words in commands {
        for more in [&[][..], &["--json"]] {
            let args: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
            shown.push((args.join(" "), crew(&repo, &args)));
        }
    }
    let mut wrong = Vec::new();
    for (command, ran) in &shown {
        for (stream, text) in [("stdout", &ran.out), ("stderr", &ran.err)] {
            wrong.extend(
                secrets
                    .found_in(text.as_bytes(), false)
                    .iter()
                    .map(|what| format!("{what} on {stream} of {command}")),
            );
        }
    }
    let logs = &shown.iter().find(|(command, _)| command == "logs last").expect("it ran").1.out;
    assert!(
        logs.matches("[redacted]").count() > 20 && logs.contains(" and API_KEY=[redacted] or [redacted] end"),
        "{logs}"
    );

    let mut files = Vec::new();
    all_files(&repo.root.join(".crew"), &mut files);
    let token = std::fs::read_to_string(repo.home.join("token")).expect("the token");
    // Commands write their logs themselves.
    let by_command = ["shell.1.log", "words.1.verify.log"];
    for file in files.iter().filter(|file| !by_command.iter().any(|name| file.ends_with(name))) {
        let bytes = std::fs::read(file).expect("a file");
        let mut found = secrets.found_in(&bytes, file.display().to_string().contains("crew.db"));
        if bytes.windows(token.len()).any(|at| at == token.as_bytes()) {
            found.push("the attempt's own token");
        }
        wrong.extend(found.iter().map(|what| format!("{what} in {}", file.display())));
    }
    assert!(files.len() > 15, "{files:?}");
    assert_eq!(wrong, [""; 0], "\n{}", wrong.join("\n"));
    let made =
        of_kind(&events, "submission_accepted")[0]["result"]["details"].as_str().expect("details").to_owned();
    assert_eq!(made, "it link[redacted] and API_KEY=[redacted] or [redacted] end\n[redacted]\n");
    repo.leaves_no_process();
}
