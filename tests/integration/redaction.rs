//! How much the redactor works, how often it hides what is no secret, and that none of a corpus leaves in any form.

use crate::support::collector::{Collector, Manner};
use crate::support::{TestRepo, run_command, task};
use crew::domain::redact::{HIDDEN, Redactor, SafeStream};
use crew::export::Format;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Texts that are made to cost much, each as a piece that is repeated.
const COSTLY: &[&str] = &[
    "_",
    "-",
    "a",
    "token_",
    "token=",
    "token=\"",
    "password: \"token: ",
    "Authorization: ",
    "Authorization: Bearer ",
    "Authorization: Bearer",
    "Bearer ",
    "pass=",
    "-pass ",
    "sig=",
    "Cookie: ",
    "cookie: a=b; ",
    "curl -u a:",
    "-u a:",
    "sshpass -p ",
    "mysql",
    "mysql -p",
    "machine a login b password ",
    "-----BEGIN",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnopqrst\n",
    "-----BEGIN PRIVATE KEY----- ",
    "://",
    "://a:",
    "://a:b@",
    "eyJ",
    "eyJaaaaaaaa.",
    "eyJaaaaaaaa.e.",
    "sk-",
    "sk-a1B2c3D4e5F6g7H8i9",
    "AKIA",
    "SK0",
    "hf_a",
    ":AA",
    "1234567890:AA",
    "xoxb-",
    "crew-request:1:",
    "\\",
    "token\\",
    "\\\"token\\\":\\\"",
    "\"token\":\"\\\\",
    "\\\\\\\"",
    "token   ",
    "\"token\"",
    "api_key",
    "\u{1b}[31",
    "\u{1b}]0;",
    "ü",
    "\u{202e}",
];

/// Returns the time that this thread has worked; what else the machine does is no part of it.
fn worked() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns how much work a text of about `bytes` is.
fn time(piece: &str, bytes: usize) -> Duration {
    let text = piece.repeat(bytes / piece.len());
    let begun = worked();
    let redactor = Redactor::knowing(["0123456789abcdef0123456789abcdef", "aaaaaaaaaaaaaaab"]);
    std::hint::black_box(redactor.text(&text).len());
    let mut stream = SafeStream::default();
    for chunk in text.as_bytes().chunks(64 * 1024) {
        std::hint::black_box(stream.take(&redactor, chunk).len());
    }
    std::hint::black_box(stream.close(&redactor).len());
    worked() - begun
}

#[test]
fn the_work_grows_with_the_length_of_the_text_whatever_it_says() {
    let (small, factor) = (16 * 1024, 8);
    let mut slow = Vec::new();
    for piece in COSTLY {
        let first = time(piece, small).min(time(piece, small));
        // Were it the square, it would be 64 times as much. There is room on both sides.
        let most = first * 32 + Duration::from_millis(200);
        let mut second = time(piece, small * factor);
        if second > most {
            second = second.min(time(piece, small * factor));
        }
        if second > most {
            slow.push(format!("{piece:?}: {first:?}, then {second:?}"));
        }
    }
    assert_eq!(slow, [""; 0]);
}

fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn ordinary_source_is_left_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = vec![root.join("README.md")];
    files(&root.join("src"), &mut all);
    let (mut lines, mut changed) = (0, Vec::new());
    for file in &all {
        // These hold what looks like secrets, to test that it is found.
        let of_secrets = ["redact", "secret", "/tests.rs", "key.rs"];
        if of_secrets.into_iter().any(|part| file.display().to_string().contains(part)) {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a source file");
        for line in text.lines() {
            lines += 1;
            if Redactor::default().text(line) != line && !line.contains(HIDDEN) {
                changed.push(format!("{}: {line}", file.display()));
            }
        }
    }
    println!("{} of {lines} lines", changed.len());
    assert!(changed.len() * 2_000 < lines, "{} of {lines}:\n{}", changed.len(), changed.join("\n"));
}

#[path = "../../fixtures/redaction/made_up.rs"]
mod made_up;

/// Writes a file for an agent, outside of the repository, and returns its path.
fn beside(repo: &TestRepo, name: &str, text: &str) -> String {
    let path = repo.beside(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn no_commit_leaves_with_a_secret_unless_somebody_says_so() {
    let repo = TestRepo::new();
    let mut lines: Vec<String> = made_up::made_up()
        .iter()
        .map(|secret| if secret.by_form { secret.text.clone() } else { format!("api_key={}", secret.text) })
        .collect();
    lines.push("AWS_SECRET_ACCESS_KEY=aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b".into());
    let words = beside(&repo, "words", &lines.join("\n"));
    // One is gone from the work's end, and not from its history.
    let git = "git -c user.name=A -c user.email=a@example.com";
    let script = format!(
        "cp {words} .envx; {git} add .; {git} commit -qm x; {git} rm -q .envx; {git} commit -qm y; echo b >b"
    );
    crate::worktrees::steps(&repo, "two", &[("plain", "", "echo a >a"), ("leaks", "plain", &script)]);
    crate::worktrees::run(&repo, "two", 0);
    let file = repo.beside("run.tar.gz");
    let path = file.to_str().expect("UTF-8");
    let refused = repo.crew(["export", "last", "-o", path, "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "secrets");
    assert!(
        refused["message"].as_str().expect("words").contains("the commits of leaks (.envx)"),
        "{refused}"
    );
    assert!(!file.exists());
    let there = || {
        let there = crate::imports::other_machine(&repo);
        there.crew(["import", path]).exits(0);
        there.git(&["log", "--all", "-p"])
    };
    repo.crew(["export", "last", "-o", path, "--no-branches"]).exits(0);
    assert!(!there().contains("aB3dE5fG7hI9"));
    let told =
        repo.crew(["export", "last", "-o", path, "--force", "--with-secrets", "--json"]).exits(0).json();
    assert!(told["notes"].to_string().contains("leaks (.envx)"), "{told:#}");
    assert!(there().contains("aB3dE5fG7hI9"));
    repo.crew(["export", "last", "--format", "csv", "--with-secrets"]).exits(2);
}

#[test]
fn no_secret_of_the_corpus_leaves_in_any_form() {
    let mut secrets = made_up::made_up();
    assert!(secrets.len() >= 200, "{}", secrets.len());
    let repo = TestRepo::new();
    let collector = Collector::start(Manner::Takes);
    repo.set("otlp", "export", json!(true));
    repo.set("otlp", "endpoint", json!(collector.url()));
    repo.set("metrics", "jsonl", json!(true));
    let on_branch =
        secrets.iter().find(|secret| secret.text.starts_with("ghp_")).expect("a token").text.clone();
    repo.git(&["checkout", "-q", "-b", &on_branch]);
    // Known by nothing but the name of a variable.
    let known = "onlythevariabletells";
    secrets.push(made_up::MadeUp { text: known.into(), random: known.into(), by_form: true });
    let crew = |words: &[&str]| {
        let mut command = repo.command(words);
        command.env("MY_SERVICE_TOKEN", known);
        run_command(command)
    };
    // One that shows by nothing but its randomness is known by what stands before it.
    let named = |secret: &made_up::MadeUp| match secret.by_form {
        true => format!("see {} there", secret.text),
        false => format!("api_key={}", secret.text),
    };
    let lines: Vec<String> = secrets.iter().map(named).collect();
    let all = lines.join("\n");
    let tools: String = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            let (call, command) = (format!("t{at}"), json!({"command": format!("echo '{line}'")}));
            let begun = json!({"crew": "tool", "id": call, "name": "shell", "arguments": command});
            let ended = json!({"crew": "tool_end", "id": call, "ok": true});
            format!("{begun}\n{ended}\n")
        })
        .collect();
    let findings: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| {
            json!({"severity": "warning", "category": "secret", "file": "README.md", "start_line": 1, "end_line": 1,
                   "title": format!("number {at}: {line}"), "body": line})
        })
        .collect();
    let result = json!({"summary": lines[..20].join(" "), "confidence": 0.9, "rationale": lines[20..40].join(" "),
        "details": all, "risks": lines[..150]});
    let review = json!({"summary": "looked", "confidence": 0.9, "rationale": "r", "findings": findings});
    let (tools, words) = (beside(&repo, "tools", &tools), beside(&repo, "words", &all));
    let (result, review) =
        (beside(&repo, "result", &result.to_string()), beside(&repo, "review", &review.to_string()));
    let end = r#"echo '{"crew":"end","ok":true}'"#;
    let script = |name: &str, text: String| beside(&repo, name, &text);
    let works = script(
        "works.sh",
        format!(
            "cat {tools} {words}\ncat {words} >&2\necho w >w\ncrew submit result --json {result}\n{end}\n"
        ),
    );
    let looks = script("looks.sh", format!("crew submit result --json {review}\n{end}\n"));
    let broken = json!({"crew": "error", "kind": "auth_failed", "message": lines[..30].join(" ")});
    let broken = beside(&repo, "broken", &broken.to_string());
    let breaks = script("breaks.sh", format!("cat {broken}; echo; exit 1\n"));
    for (name, path) in [("works", works), ("looks", looks), ("breaks", breaks)] {
        repo.set(
            "agents",
            name,
            json!({"command": format!("sh {path}"), "output": "crew", "prompt": "stdin", "writes": true}),
        );
    }
    repo.workflow(
        "corpus",
        &format!(
            "## work\nrole: executor\nagent: works\nverify: cat {words}\n\n{all}\n\n\
             ## look\nrole: critic\nagent: looks\ndependsOn: work\n\nLook.\n\n\
             ## says\nrun: cat {words}; false\n\n\
             ## breaks\nrole: explorer\nagent: breaks\n\nLook.\n\n\
             ## asked\nrole: executor\nagent: works\ngate: before\n\nDo it.\n"
        ),
    );
    let goal = format!("reach it with {}", lines.join(" "));
    crew(&["run", &goal, "--workflow", "corpus", "--worktree"]).exits(3);
    let note: String = lines.join(" ").chars().take(16_000).collect();
    crew(&["reject", "g1", "--note", &note]).exits(0);
    let tasks = crew(&["status", "last", "--json"]).json();
    assert_eq!(task(&tasks, "work")["state"], "completed", "{tasks:#}");
    assert_eq!(task(&tasks, "look")["state"], "completed", "{tasks:#}");
    assert_eq!(task(&tasks, "breaks")["error_kind"], "auth_failed", "{tasks:#}");
    let mut texts: Vec<(String, String)> = Vec::new();
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Bundle) {
        let told = crew(&["export", "last", "--format", format.name(), "-o", "-"]).exits(0).out;
        texts.push((format.name().to_owned(), told));
    }
    texts.sort_by_key(|(name, _)| name != "json");
    for words in [["metrics", "--format", "prometheus"], ["metrics", "*", "--json"]] {
        texts.push((words.join(" "), crew(&words).exits(0).out));
    }
    let report = repo.beside("report");
    crew(&["doctor", "--bundle", "-o", report.to_str().expect("UTF-8")]);
    texts.push(("crew doctor --bundle".into(), std::fs::read_to_string(&report).expect("a report")));
    crew(&["metrics", "--otlp", "--run", "last"]).exits(0);
    let requests = collector.requests();
    assert!(!requests.is_empty(), "it was sent");
    for sent in requests {
        texts.push((sent.path.clone(), String::from_utf8_lossy(&sent.body).into_owned()));
    }
    let mut kept = Vec::new();
    files(&repo.root.join(".crew/logs/metrics"), &mut kept);
    for path in kept {
        texts.push((path.display().to_string(), std::fs::read_to_string(&path).expect("lines")));
    }
    let file = repo.beside("corpus.tar.gz");
    crew(&["export", "last", "-o", file.to_str().expect("UTF-8")]).exits(0);
    for (name, content) in crate::imports::entries(&file) {
        texts.push((name, String::from_utf8_lossy(&content).into_owned()));
    }
    let names: Vec<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "manifest.json",
        "events.jsonl",
        "logs/work.1.log",
        "logs/work.1.verify.log",
        "diffs/work.patch",
        "git/run.bundle",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    // What git holds of the run is not packed as text: it is looked at as somebody does who took it in.
    let there = TestRepo::new();
    there.git(&["fetch", "-q", repo.root.to_str().expect("UTF-8"), "HEAD"]);
    there.crew(["import", file.to_str().expect("UTF-8")]).exits(0);
    texts.push(("commits".into(), there.git(&["log", "--all", "-p", "--format=fuller"])));
    let mut shown: Vec<String> = Vec::new();
    for (name, text) in &texts {
        assert!(!text.is_empty() || name.starts_with("diffs/"), "{name}");
        let left = secrets.iter().filter(|secret| text.contains(&secret.random));
        shown.extend(left.map(|secret| format!("{name}: {}", secret.text)));
    }
    assert!(shown.is_empty(), "{} got out:\n{}", shown.len(), shown.join("\n"));
    let json = &texts[0].1;
    assert!(json.matches(HIDDEN).count() > 200, "what was taken out is marked");
}
