//! `crew doctor --bundle`: one file with what a report of a mistake needs, and no secret in it.

use crate::support::{CREW, TestRepo, run_command, wait_until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

const KINDS: &str = include_str!("../../fixtures/redaction/secrets.txt");

/// Numbers that look random and are always the same.
struct Dice(u64);

impl Dice {
    fn letters(&mut self, alphabet: &str, length: usize) -> String {
        let letters: Vec<char> = alphabet.chars().collect();
        let mut throw = || {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            letters[(self.0 >> 33) as usize % letters.len()]
        };
        let text: String = (0..length).map(|_| throw()).collect();
        // With a letter and a digit, as chance all but promises, and no sign at its end.
        let first = letters.iter().find(|letter| letter.is_ascii_alphabetic()).expect("a letter");
        format!("{first}7{first}{}42{first}", &text[3..length - 3])
    }
}

/// Makes up `each` secrets of every kind that is known by its form.
fn made_up(each: usize) -> Vec<String> {
    let mut dice = Dice(11);
    let alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut all = Vec::new();
    for line in KINDS.lines().filter(|line| !line.starts_with('|')) {
        let parts: Vec<&str> = line.split('|').collect();
        let [prefix, alphabet, length, suffix] = parts[..] else { panic!("{line}") };
        let length: usize = length.parse().expect("a length");
        for _ in 0..each {
            let random = match alphabet {
                "hex" => dice.letters("0123456789abcdef", length),
                "upper" => dice.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", length),
                "digitdash" => dice.letters("0123456789-abc", length),
                "sendgrid" => format!("{}.{}", dice.letters(alnum, length), dice.letters(alnum, 43)),
                "jwt" => format!(
                    "{}.eyJ{}.{}",
                    dice.letters(alnum, 33),
                    dice.letters(alnum, length),
                    dice.letters(alnum, 43)
                ),
                _ => dice.letters(alnum, length),
            };
            all.push(format!("{prefix}{random}{suffix}"));
        }
    }
    all
}

#[track_caller]
fn bundle(repo: &TestRepo, name: &str) -> (Value, String) {
    let path = repo.beside(name);
    let mut command = repo.alone(["doctor", "--bundle", "--output", &path.display().to_string(), "--json"]);
    command.env("MY_SERVICE_TOKEN", "onlythevariabletells").env("PLAIN_NAME", "plain");
    let said = run_command(command).exits(0).json();
    let text = std::fs::read_to_string(&path).expect("the bundle");
    assert_eq!((&said["file"], &said["bytes"]), (&json!(path), &json!(text.len())));
    (serde_json::from_str(&text).expect("JSON"), text)
}

#[test]
fn a_bundle_holds_what_a_report_needs_and_says_so() {
    let repo = TestRepo::new();
    repo.program("claude", "echo '2.1.329 (Claude Code)'");
    repo.workflow("bad", "## a\nrun: echo it broke; exit 3");
    repo.run_json("bad", 1);
    repo.set("limits", "jobs", json!(3));
    let (bundle, _) = bundle(&repo, "one.json");
    assert_eq!(bundle["versions"]["crew"], env!("CARGO_PKG_VERSION"));
    assert!(bundle["versions"]["git"].as_str().expect("git").starts_with("git version "));
    assert_eq!(bundle["versions"]["os"]["family"], std::env::consts::OS);
    let agents = bundle["versions"]["agents"].as_array().expect("agents");
    assert!(
        agents.iter().any(|agent| agent["name"] == "claude"
            && agent["version"].as_str().is_some_and(|v| v.starts_with("2.1.329"))),
        "{agents:#?}"
    );
    let settings = bundle["settings"].as_array().expect("settings");
    let jobs = settings.iter().find(|setting| setting["key"] == "limits.jobs").expect("limits.jobs");
    assert_eq!((&jobs["value"], &jobs["origin"]), (&json!(3), &json!("~/.config/crew/config.json")));
    assert!(bundle["doctor"].as_array().expect("findings").iter().any(|found| found["check"] == "agents"));
    let names: Vec<&str> =
        bundle["environment"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(
        names.contains(&"MY_SERVICE_TOKEN") && names.contains(&"PLAIN_NAME") && names.is_sorted(),
        "{names:?}"
    );
    assert_eq!(bundle["runs"][0]["status"], "failed");
    let kinds: Vec<&str> = bundle["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .collect();
    assert!(kinds.first() == Some(&"run_created") && kinds.last() == Some(&"run_ended"), "{kinds:?}");
    let logs = bundle["logs"].as_array().expect("logs");
    assert!(logs.iter().any(|log| log["tail"] == json!(["it broke"])), "{logs:#?}");
    assert_eq!(bundle["liveness"], json!([]));
    let metrics = bundle["metrics"].as_array().expect("series");
    assert!(metrics.iter().any(|series| series.to_string().contains("\"crew.")), "{metrics:#?}");
}

#[test]
fn a_bundle_overwrites_nothing_is_for_its_owner_alone_and_asks_to_be_looked_at() {
    let repo = TestRepo::new();
    let told = run_command(repo.alone(["doctor", "--bundle"])).exits(0);
    assert!(
        told.err.contains("look at it before you share it")
            && told.err.contains("variables, without a value"),
        "{}",
        told.err
    );
    let path = repo.root.join(told.out.trim());
    assert_eq!(std::fs::metadata(&path).expect("the bundle").permissions().mode() & 0o777, 0o600);
    assert!(!repo.root.join(".crew").exists(), "nothing else is made");
    let name = path.display().to_string();
    let before = std::fs::read(&path).expect("the bundle");
    let error = run_command(repo.alone(["doctor", "--bundle", "-o", &name, "--json"])).exits(4).json_error();
    assert_eq!(
        (&error["code"], std::fs::read(&path).expect("the bundle") == before),
        (&json!("exists"), true)
    );
    run_command(repo.alone(["doctor", "-o", &name])).exits(2);
    let bare = tempfile::tempdir().expect("a folder");
    let mut outside =
        repo.alone(["doctor", "--bundle", "-o", &repo.beside("outside.json").display().to_string()]);
    run_command({
        outside.current_dir(bare.path());
        outside
    })
    .exits(0);
}

#[test]
fn a_bundle_is_there_whole_or_not_at_all_or_goes_to_standard_output() {
    let repo = TestRepo::new();
    let path = repo.beside("small.json");
    let name = path.display().to_string();
    let mut short = repo.plain("sh");
    let script = format!(
        "ulimit -f 4; trap '' XFSZ; exec {} -C {} doctor --bundle -o {name}",
        CREW,
        repo.root.display()
    );
    short.args(["-c", &script]);
    let failed = run_command(short);
    assert!(failed.exit != 0 && failed.err.contains("small.json"), "{}", failed.err);
    assert!(!path.exists(), "nothing of it stands in the way");
    let held = std::fs::read_dir(path.parent().expect("a folder")).expect("a folder").count();
    run_command(repo.alone(["doctor", "--bundle", "-o", &name])).exits(0);
    let now = std::fs::read_dir(path.parent().expect("a folder")).expect("a folder").count();
    assert!(path.exists() && now <= held + 2, "nothing else is left: {held} {now}");
    let text = run_command(repo.alone(["doctor", "--bundle", "-o", "-"])).exits(0).out;
    let told: Value = serde_json::from_str(&text).expect("JSON");
    assert!(told["bundle"] == 1 && !repo.root.join("-").exists());
}

#[test]
fn what_cannot_be_read_is_said_and_why() {
    let repo = TestRepo::new();
    repo.workflow("one", "## a\nrun: true");
    repo.run_json("one", 0);
    let database = repo.root.join(".crew/crew.db");
    let store = rusqlite::Connection::open(&database).expect("the store");
    let strange = "INSERT INTO events (run, at, kind, data) VALUES (1, 2, 'of_a_later_crew', '{\"kind\":\"of_a_later_crew\"}')";
    store.execute(strange, []).expect("an event");
    drop(store);
    let (told, _) = bundle(&repo, "strange.json");
    let last = told["events"].as_array().and_then(|events| events.last()).expect("events");
    assert_eq!((&last["kind"], last["seq"].is_u64()), (&json!("of_a_later_crew"), true), "{last:#}");
    assert_eq!(last["run"], told["runs"][0]["id"]);
    assert!(last["error"].as_str().is_some_and(|why| why.contains("unknown variant")), "{last:#}");
    std::fs::write(&database, "this is no database, it is some text that took its place".repeat(40))
        .expect("a file");
    for name in ["crew.db-wal", "crew.db-shm"] {
        let _ = std::fs::remove_file(repo.root.join(".crew").join(name));
    }
    let (told, _) = bundle(&repo, "damaged.json");
    assert!(told.to_string().contains("not a database"), "{:#}", told["store"]);
    let (store, runs) = (told["store"].to_string(), told["runs"].to_string());
    assert!(store.contains("not a database") || runs.contains("not a database"), "{store} {runs}");
}

#[test]
fn what_is_written_without_a_place_of_its_own_is_no_change_of_who_is_at_work() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.agent("reads", &format!("wait-gone:{} submit:done", gate.display()));
    repo.workflow("w", "## a\nrole: explorer\nagent: reads\n\nLook.");
    let running = repo.start(["run", "g", "--workflow", "w", "--json"]);
    repo.wait_for_event("it is at work", |event| event["kind"] == "process_started");
    let mut command = repo.alone(["doctor", "--bundle", "--json"]);
    command.current_dir(&repo.root);
    let said = run_command(command).exits(0).json();
    assert!(said["file"].as_str().is_some_and(|file| file.contains("/.crew/exports/crew-bundle-")), "{said}");
    let exported = repo.crew(["export", "last", "--no-branches", "--json"]).exits(0).json();
    let file = exported["file"].as_str().expect("a file");
    assert!(file.contains("/.crew/exports/crew-") && std::path::Path::new(file).is_file(), "{file}");
    repo.crew(["export", "last", "--no-branches"]).exits(4);
    repo.open("on");
    assert_eq!(running.ends().exits(0).json()["status"], "completed");
}

#[test]
fn values_of_vars_are_nowhere_in_a_bundle() {
    let repo = TestRepo::new();
    repo.set("vars", "owner", json!("ada-of-the-hills"));
    repo.workflow("w", "## a\nrun: echo ada-of-the-hills; exit 1");
    repo.run_json("w", 1);
    let (told, text) = bundle(&repo, "vars.json");
    assert!(!text.contains("ada-of-the-hills"), "{text}");
    let created = &told["events"][0];
    assert_eq!(created["vars"]["owner"], "[redacted]", "{created:#}");
}

#[test]
fn of_addresses_and_commands_only_the_host_and_the_program_are_told() {
    let repo = TestRepo::new();
    repo.set("otlp", "endpoint", json!("https://otlp.example.com/hidden-in-the-path"));
    let command = "mine --who hidden-in-arguments {prompt}";
    repo.set("agents", "mine", json!({"command": command, "prompt": "argument", "output": "text"}));
    repo.set("notify", "command", json!("curl -H hidden-in-a-notice https://ntfy.example.com/t"));
    repo.set("worktrees", "setup", json!("KEY=hidden-in-a-setup make ready"));
    repo.set("merge", "verify", json!(["make hidden-in-a-check", "true"]));
    let (told, text) = bundle(&repo, "withheld.json");
    let settings = told["settings"].as_array().expect("settings");
    let value = |key: &str| {
        settings.iter().find(|setting| setting["key"] == key).map(|setting| setting["value"].clone())
    };
    assert_eq!(value("otlp.endpoint"), Some(json!("https://otlp.example.com/[redacted]")));
    assert_eq!(value("notify.command"), Some(json!("curl [redacted]")));
    assert_eq!(value("worktrees.setup"), Some(json!("[redacted]")));
    assert_eq!(value("merge.verify"), Some(json!(["make [redacted]", "true"])));
    assert_eq!(value("agents.mine").expect("an agent")["command"], "mine [redacted]");
    assert!(!text.contains("hidden-in-"), "{text}");
}

#[test]
fn who_is_alive_and_what_a_detached_run_logs_is_in_it() {
    let repo = TestRepo::new();
    let gate = repo.gate("on");
    repo.crew_agent(
        "waits",
        &format!(
            "touch:runs wait-gone:{} submit:done 'say:{{\"crew\":\"end\",\"ok\":true}}'",
            gate.display()
        ),
    );
    repo.workflow("w", "## a\nrole: explorer\nagent: waits\n\nLook.");
    let short = repo.crew(["run", "g", "--workflow", "w", "--detach"]).exits(0).out.trim().to_owned();
    repo.wait_for_file("runs");
    wait_until("there is a heartbeat", || {
        let name = format!("{}.json", crew::runner::clock::new_token());
        let (bundle, _) = bundle(&repo, &name);
        let alive = &bundle["liveness"][0];
        let logs = bundle["logs"].to_string();
        alive["owned"] == true
            && !alive["heartbeat"].is_null()
            && logs.contains(".crew/logs/")
            && logs.contains("carries the run out")
    });
    repo.open("on");
    repo.crew(["wait", &short]).exits(1);
}

#[test]
fn of_hundreds_of_secrets_that_were_put_everywhere_none_is_in_a_bundle() {
    let repo = TestRepo::new();
    let secrets = made_up(4);
    assert!(secrets.len() >= 200, "{}", secrets.len());
    let mut rest = secrets.iter();
    let mut some = |number: usize| rest.by_ref().take(number).cloned().collect::<Vec<String>>();
    // In what an agent hands in, says and prints, in what tools are told, and in what commands print.
    let (told, printed, noted, by_step) = (some(40), some(40), some(20), some(40));
    let lines = |secrets: &[String]| secrets.join(" and ");
    let handed_in = json!({"summary": lines(&told[..10]), "confidence": 0.9, "rationale": lines(&told[10..20]),
        "details": lines(&told[20..]), "no_change_reason": "none"});
    let tool = |secret: &String| {
        let command = format!("curl -H 'Authorization: Bearer {secret}'");
        let call = json!({"crew": "tool", "id": secret, "name": "bash", "arguments": {"command": command}});
        format!("{call}\n{}\n", json!({"crew": "tool_end", "id": secret, "ok": true}))
    };
    let tools: String = noted.iter().map(tool).collect();
    let saying = repo.beside("saying");
    std::fs::write(&saying, format!("{}\n{tools}", printed.join("\n"))).expect("a file");
    let body = repo.beside("body");
    std::fs::write(&body, handed_in.to_string()).expect("a file");
    repo.program(
        "tells",
        &format!(
            "cat {}; crew submit result --json {}; echo '{{\"crew\":\"end\",\"ok\":true}}'",
            saying.display(),
            body.display()
        ),
    );
    let command = repo.programs().join("tells").display().to_string();
    let flags = some(8);
    repo.set(
        "agents",
        "tells",
        json!({"command": format!("{command} --api-key={}", flags[0]), "output": "crew", "writes": true}),
    );
    let by_steps = repo.beside("by-steps");
    std::fs::write(
        &by_steps,
        format!(
            "{}\nexit 1\n",
            by_step.iter().map(|secret| format!("echo key {secret}\n")).collect::<String>()
        ),
    )
    .expect("a file");
    repo.workflow(
        "one",
        &format!(
            "## a\nrole: executor\nagent: tells\n\nUse {}.\n\n## b\nrun: sh {}\n",
            flags[1],
            by_steps.display()
        ),
    );
    repo.set("vars", "DEPLOY_PASSWORD", json!("onlythesettingtells"));
    repo.set("vars", "WORD", json!(flags[2]));
    repo.set("notify", "webhook", json!("https://hooks.example.com/services/T0000/onlytheaddresstells"));
    repo.set("notify", "kinds", json!([]));
    repo.set("prices", &flags[3], json!({"input": 1.0, "output": 1.0}));
    let goal = format!(
        "use {} with API_KEY=Only7The9GoalTells1x and the webhook https://joe:onlytheloginx7@example.com/",
        flags[4]
    );
    let mut run = repo.command(["run", &goal, "--workflow", "one", "--detach"]);
    run.env("MY_SERVICE_TOKEN", "onlythevariabletells").env("CREW_LOG", "trace");
    let short = run_command(run).exits(0).out.trim().to_owned();
    repo.crew(["wait", &short]).exits(1);
    // What is known for a secret is one in other people's words too.
    repo.workflow("two", "## c\nrun: echo onlythesettingtells onlythevariabletells https://hooks.example.com/services/T0000/onlytheaddresstells; exit 1");
    repo.run_json("two", 1);
    let rest: Vec<String> = some(1_000);
    let block = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUonlythekeytells\n".repeat(20)
    );
    let log = repo.run_folder().join("dispatcher.log");
    let kept = rest.iter().map(|secret| format!("{{\"token\":\"{secret}\"}}\n")).collect::<String>();
    std::fs::write(&log, format!("{block}\n{kept}")).expect("a log");
    let (held, text) = bundle(&repo, "all.json");
    assert!(
        held["events"].as_array().expect("events").len() > 20
            && held["logs"].as_array().expect("logs").len() >= 3
    );
    assert!(text.contains("tool_invoked") && text.matches("[redacted]").count() > 100, "{text}");
    let parts = |secret: &str| -> Vec<String> {
        secret.as_bytes().windows(12).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    };
    let shown = |secret: &&String| {
        // The form of a secret is no secret.
        let random = &secret[secret.len().min(secret.len() - 18)..];
        parts(random).iter().any(|part| text.contains(part))
    };
    let out: Vec<&String> = secrets.iter().filter(shown).collect();
    assert!(out.is_empty(), "{} got out: {out:#?}\n{text}", out.len());
    for plain in ["variable", "setting", "address", "login", "key"] {
        let words = [format!("onlythe{plain}tells"), format!("onlythe{plain}x7")];
        assert!(!words.iter().any(|words| text.contains(words)), "{plain}: {text}");
    }
    assert!(!text.contains("Only7The9GoalTells1x"), "{text}");
    assert!(!text.contains(&repo.home.display().to_string()), "the home folder tells who somebody is");
}
