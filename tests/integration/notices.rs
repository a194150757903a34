//! People who do not watch are told what becomes of a run, and nothing of that disturbs it.

use crate::support::{Ran, Running, Sweep, TestRepo, processes_with, run_command, wait_until};
use serde_json::{Value, json};

/// Lets each notice be a line of a file.
pub fn told_to_a_file(repo: &TestRepo) {
    let command = format!("{{ cat; echo; }} >>'{}'", repo.beside("told").display());
    repo.set("notify", "command", json!(command));
}

/// Returns what was told, in its order.
pub fn told(repo: &TestRepo) -> Vec<Value> {
    let text = std::fs::read_to_string(repo.beside("told")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Carries out a run of one step that ends well, or not.
#[track_caller]
fn run(repo: &TestRepo, step: &str, exit: i32) -> Ran {
    repo.workflow("one", step);
    repo.crew(["run", "the goal", "--workflow", "one"]).exits(exit)
}

pub fn command_is_told() {
    let repo = TestRepo::new();
    told_to_a_file(&repo);
    run(&repo, "## a\nrun: true", 0);
    let told = told(&repo);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["kind"], &told[0]["state"]), (&json!("settled"), &json!("completed")));
    assert_eq!(told[0]["text"], "the goal");
    assert!(repo.crew(["doctor"]).out.lines().any(|line| line.starts_with("notify") && line.ends_with("ok")));
}

pub fn desktop_is_told() {
    let repo = TestRepo::new();
    let out = repo.beside("shown");
    let script = format!("for word; do echo \"$word\"; done >'{}'", out.display());
    repo.program("notify-send", &script);
    repo.program("osascript", &script);
    repo.set("notify", "desktop", json!(true));
    repo.workflow("one", "## a\nrun: true");
    run_command(repo.alone(["run", "a <b> & c", "--workflow", "one"])).exits(0);
    let shown = std::fs::read_to_string(out).expect("something is shown");
    let text = if cfg!(target_os = "macos") { "a <b> & c" } else { "a &lt;b&gt; &amp; c" };
    assert!(shown.contains(" completed\n") && shown.contains(text), "{shown}");
}

pub fn webhook_is_sent_to() {
    let repo = TestRepo::new();
    repo.link_programs(&["cat"]);
    let out = repo.beside("sent");
    repo.program("curl", &format!("{{ echo \"$*\"; cat; }} >'{}'", out.display()));
    repo.set("notify", "webhook", json!("https://chat.example/hook/s3cret"));
    repo.workflow("one", "## a\nrun: true");
    run_command(repo.alone(["run", "g", "--workflow", "one"])).exits(0);
    let sent = std::fs::read_to_string(out).expect("something is sent");
    let (arguments, settings) = sent.split_once('\n').expect("two parts");
    assert!(!arguments.contains("s3cret"), "everybody sees the arguments of a process: {arguments}");
    assert!(settings.starts_with("url = \"https://chat.example/hook/s3cret\"\n"), "{settings}");
}

/// Two gates that open at once.
const GATES: &str = "## a\nrun: true\ngate: before\n\n## b\nrun: true\ngate: before";

fn kinds(repo: &TestRepo) -> Vec<String> {
    told(repo).iter().map(|told| told["kind"].as_str().expect("a kind").to_owned()).collect()
}

pub fn kinds_are_what_is_told() {
    let repo = TestRepo::new();
    told_to_a_file(&repo);
    repo.set("notify", "kinds", json!(["waiting"]));
    run(&repo, "## a\nrun: true", 0);
    run(&repo, GATES, 3);
    assert_eq!(kinds(&repo), ["waiting"]);
}

pub fn least_is_what_is_told() {
    let repo = TestRepo::new();
    told_to_a_file(&repo);
    repo.set("notify", "least", json!("warning"));
    run(&repo, "## a\nrun: true", 0);
    run(&repo, "## a\nrun: false", 1);
    let told = told(&repo);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["state"], "failed");
}

pub fn dedup_seconds_tell_the_same_once() {
    for (seconds, expected) in [(30, 1), (0, 2)] {
        let repo = TestRepo::new();
        told_to_a_file(&repo);
        repo.set("notify", "dedup_seconds", json!(seconds));
        run(&repo, GATES, 3);
        assert_eq!(kinds(&repo).len(), expected, "{seconds}");
    }
}

pub fn quiet_hours_are_quiet() {
    let repo = TestRepo::new();
    told_to_a_file(&repo);
    repo.workflow("one", "## a\nrun: false");
    let now = jiff::Timestamp::now().as_second();
    let at = |minutes: i64| {
        let minute = (now / 60 + minutes).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    };
    for (hours, expected) in [((-60, 60), 0), ((60, 120), 1)] {
        repo.set("notify", "quiet_hours", json!(format!("{}-{}", at(hours.0), at(hours.1))));
        let mut command = repo.command(["run", "g", "--workflow", "one"]);
        run_command({
            command.env("TZ", "UTC0");
            command
        })
        .exits(1);
        assert_eq!(told(&repo).len(), expected);
    }
}

pub fn timeout_seconds_end_one_that_hangs() {
    let repo = TestRepo::new();
    // Told while others are at work: at its end, a run waits hardly longer than that itself. One follows the other, so the
    // second is told when the first, which hangs, has been ended and that is noted; and only a second is told at all.
    let second = repo.beside("second").display().to_string();
    let hangs = format!("case $CREW_NOTICE_TEXT in *' of a:'*) exec sleep 300;; esac; touch {second}");
    repo.set("notify", "command", json!(hangs));
    repo.set("notify", "timeout_seconds", json!(1));
    repo.set("notify", "dedup_seconds", json!(0));
    let steps = format!(
        "## a\nrun: true\ngate: before\n\n## between\nrun: true\n\n## b\nrun: true\ngate: before\ndependsOn: between\n\n\
         ## work\nrun: for i in $(seq 1000); do if [ -e {second} ]; then break; fi; sleep 0.02; done"
    );
    let ran = run(&repo, &steps, 3);
    assert!(ran.err.contains("notifications: notify.command: sh took longer than 1 s"), "{}", ran.err);
    repo.leaves_no_process();
}

#[test]
fn one_that_fails_is_told_once_and_by_the_doctor_until_it_works() {
    let repo = TestRepo::new();
    repo.set("notify", "command", json!("echo no such chat >&2; exit 3"));
    repo.set("notify", "dedup_seconds", json!(0));
    repo.set("notify", "webhook", json!("http://127.0.0.1:1/"));
    let ran = run(&repo, GATES, 3);
    let told = "notifications: notify.command: sh ended with exit status: 3: no such chat";
    assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    let doctor = repo.crew(["doctor"]).out;
    let line = doctor.lines().find(|line| line.starts_with("notify")).expect("a line");
    assert!(line.contains("no such chat") && line.ends_with("warn"), "{line}");
    assert!(line.contains("notify.webhook: "), "each way that fails is named: {line}");
    repo.set("notify", "command", json!("true"));
    repo.set("notify", "webhook", json!(""));
    run(&repo, "## a\nrun: true", 0);
    assert!(!repo.crew(["doctor"]).out.contains("no such chat"));
}

#[test]
fn where_crew_itself_cannot_go_on_that_is_told_and_why() {
    let repo = TestRepo::new();
    told_to_a_file(&repo);
    // From then on nothing is written to the store.
    let ran = run(&repo, "## a\nrun: touch .crew/crew.db.new", 4);
    let told = told(&repo);
    let of = |key: &str| told.iter().map(|told| told[key].clone()).collect::<Vec<_>>();
    assert_eq!((of("kind"), of("state")), (vec![json!("settled")], vec![json!("interrupted")]), "{told:?}");
    let why = "crew.db";
    assert!(ran.err.contains(why) && told[0]["text"].as_str().expect("a text").contains(why), "{}", ran.err);
}

#[test]
fn a_project_lets_nobody_be_told_until_it_is_trusted() {
    let repo = TestRepo::new();
    let command = format!("touch '{}'", repo.beside("told").display());
    repo.write(".crew/config.json", &json!({"notify": {"command": command}}).to_string());
    run(&repo, "## a\nrun: true", 0);
    assert!(!repo.beside("told").exists());
    repo.crew(["run", "g", "--workflow", "one", "--trust-project"]).exits(0);
    assert!(repo.beside("told").exists());
}

/// Carries out a run whose notice hangs, up to there.
fn hanging(repo: &TestRepo, step: &str, out: &str) -> Running {
    let began = repo.beside("began");
    repo.set("notify", "command", json!(format!("touch '{}'; exec sleep 300", began.display())));
    repo.set("notify", "timeout_seconds", json!(60));
    repo.workflow("one", step);
    let running = repo.start_into(["run", "the goal", "--workflow", "one"], &repo.beside(out));
    wait_until("somebody is told", || began.exists());
    std::fs::remove_file(began).expect("it is there");
    running
}

#[test]
fn what_became_of_a_run_is_said_before_the_last_notice_and_a_signal_ends_the_wait_for_that() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let running = hanging(&repo, "## a\nrun: true", "out");
    let out = || std::fs::read_to_string(repo.beside("out")).unwrap_or_default();
    wait_until("it is said", || out().contains("completed"));
    running.signal(libc::SIGTERM);
    let ran = running.ends().exits(0);
    assert!(ran.err.contains("notify.command: the run ended before all was told"), "{}", ran.err);
    repo.leaves_no_process();
}

#[test]
#[cfg(target_os = "linux")]
fn what_tells_when_crew_is_killed_is_ended_by_whoever_comes_next() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    let killed = || {
        hanging(&repo, "## a\nrun: true\ngate: before", "out").kill();
        assert!(!processes_with(&repo.home).is_empty(), "it goes on alone");
        repo.set("notify", "command", json!("true"));
    };
    killed();
    repo.crew(["approve", "g1"]).exits(0);
    repo.crew(["resume", "last"]).exits(0);
    assert_eq!(processes_with(&repo.home), Vec::<String>::new());
    killed();
    let doctor = repo.crew(["doctor", "--fix"]).out;
    assert!(doctor.contains("1 process ended"), "{doctor}");
    assert_eq!(processes_with(&repo.home), Vec::<String>::new());
}
