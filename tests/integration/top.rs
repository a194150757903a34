//! `crew top`: what it shows, what its keys do, and that the terminal is given back however it ends.

use crate::support::terminal::Terminal;
use crate::support::{Running, TestRepo, left_out, of_kind, program_for, task, wait_until};
use serde_json::{Value, json};

/// One task is worked on until the gate `hang` is opened, one waits for a person, and one for both.
const STEPS: &str = "## slow\nrole: executor\nagent: mine\n\nDo it.\n\n## deploy\nrun: touch deployed\naction: deploy\n\n\
    ## last\nrun: true\ndependsOn: slow, deploy\n";

/// Starts a run of which something waits for a person, and something is at work.
fn busy(repo: &TestRepo, said: &str) -> Running {
    let gate = repo.gate("hang");
    repo.agent("mine", &format!("say:{said} touch:@task.runs wait-gone:{} submit:done", gate.display()));
    repo.workflow("w", STEPS);
    let running = repo.start([
        "run",
        "add rate limiting",
        "--workflow",
        "w",
        "--json",
        "--set",
        "limits.grace_seconds=0",
    ]);
    repo.wait_for_file("slow.runs");
    repo.wait_for_event("a gate", |event| event["kind"] == "gate_opened");
    running
}

/// How every question ends.
const ASKED: &str = "?  y yes";

fn top(repo: &TestRepo) -> Terminal {
    repo.terminal(&["top", "--interval", "0.2"], 100, 24)
}

fn snapshot(repo: &TestRepo) -> Value {
    repo.crew(["top", "--json"]).exits(0).json()
}

#[test]
fn without_a_terminal_it_is_told_once() {
    let repo = TestRepo::new();
    let nothing = snapshot(&repo);
    assert_eq!((&nothing["runs"], &nothing["totals"]["working"]), (&json!([]), &json!(0)));
    assert!(repo.crew(["top"]).exits(0).out.starts_with("0 working\n"));
    let running = busy(&repo, "reading");
    let seen = snapshot(&repo);
    let run = &seen["runs"][0];
    assert_eq!((&run["status"], &run["health"]["state"]), (&json!("running"), &json!("alive")));
    assert_eq!(run["health"]["pid"], running.pid());
    let standing = |id: &str| task(run, id)["standing"].clone();
    assert_eq!([standing("slow"), standing("deploy")], ["working", "waits_for_person"]);
    assert_eq!(task(run, "slow")["words"], "reading");
    assert_eq!((&seen["gates"][0]["id"], &seen["totals"]["waiting_for_person"]), (&json!("g1"), &json!(1)));
    for args in [&["top"][..], &["top", "--once"]] {
        let out = repo.crew(args).exits(0).out;
        assert!(out.starts_with("1 working  1 for you\n"), "{out}");
        assert!(out.contains(":deploy") && out.contains("g1 start: may it start: deploy"), "{out}");
    }
    running.kill();
    let left = snapshot(&repo);
    assert_eq!(
        (&left["runs"][0]["status"], &left["runs"][0]["health"]["state"]),
        (&json!("interrupted"), &json!("dead"))
    );
    assert_eq!(left["totals"]["interrupted"], 1);
    let wrong = repo.crew(["top", "--interval", "0"]).exits(2);
    assert!(wrong.err.contains("seconds from 0.1 to 3600"), "{}", wrong.err);
}

#[test]
fn what_an_agent_has_told_of_its_usage_is_seen_while_it_is_at_work_and_counts_once() {
    let repo = TestRepo::new();
    let gate = repo.gate("spends");
    let usage = r#"'say:{"crew":"usage","input_tokens":1000,"output_tokens":200,"cost_usd":0.25}'"#;
    let end = r#"submit:done 'say:{"crew":"end","ok":true}'"#;
    repo.crew_agent("spends", &format!("{usage} wait-gone:{} {usage} {end}", gate.display()));
    repo.workflow("w", "## a\nrole: explorer\nagent: spends\n\nDo it.");
    let running = repo.start(["run", "g", "--workflow", "w"]);
    let spent = || {
        let seen = snapshot(&repo);
        let figures = |of: &Value| (of["tokens"].clone(), of["cost_usd"].clone());
        let run = &seen["runs"][0];
        [figures(&seen["totals"]), figures(run), figures(task(run, "a"))]
    };
    let told = (json!(1200), json!(0.25));
    repo.wait_for_event("it works", |event| event["kind"] == "process_started");
    wait_until("what it has told is seen", || spent().iter().all(|figures| *figures == told));
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(task(&status, "a")["usage"]["cost_usd"], 0.25, "{status:#}");
    repo.open("spends");
    running.ends().exits(0);
    let status = repo.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(
        (&status["usage"]["cost_usd"], &task(&status, "a")["usage"]["cost_usd"]),
        (&json!(0.5), &json!(0.5))
    );
    let json = repo.crew(["metrics", "--json"]).exits(0).json();
    assert_eq!(json["meta"]["totals"]["cost_usd"], 0.5, "{json:#}");
}

#[test]
fn what_a_lost_attempt_had_told_of_its_usage_is_counted_too() {
    let repo = TestRepo::new();
    let usage = r#"'say:{"crew":"usage","input_tokens":1000,"output_tokens":200,"cost_usd":0.25}'"#;
    let gate = repo.gate("spends");
    let end = r#"submit:done 'say:{"crew":"end","ok":true}'"#;
    repo.crew_agent("spends", &format!("{usage} wait-gone:{} {end}", gate.display()));
    repo.workflow("w", "## a\nrole: explorer\nagent: spends\n\nDo it.");
    let running = repo.start(["run", "g", "--workflow", "w"]);
    repo.wait_for_event("it works", |event| event["kind"] == "process_started");
    wait_until("what it has told is seen", || snapshot(&repo)["totals"]["cost_usd"] == 0.25);
    running.kill();
    let resumed = repo.start(["resume", "last", "--json"]);
    repo.wait_for_event("it is lost", |event| event["kind"] == "attempt_ended");
    repo.open("spends");
    let run = resumed.ends().exits(0).json();
    let cost: Vec<Value> = of_kind(&repo.events(), "attempt_ended")
        .iter()
        .map(|ended| json!([ended["outcome"], ended["usage"]["cost_usd"], ended["usage"]["output_tokens"]]))
        .collect();
    assert_eq!(cost, [json!(["lost", 0.25, 200]), json!(["succeeded", 0.25, 200])]);
    assert_eq!(run["usage"]["cost_usd"], 0.5, "{run:#}");
    let json = repo.crew(["metrics", "--json"]).exits(0).json();
    assert_eq!(json["meta"]["totals"]["cost_usd"], 0.5, "{json:#}");
}

#[test]
fn a_gate_is_approved_and_the_run_is_seen_to_its_end() {
    let repo = TestRepo::new();
    let running = busy(&repo, "reading");
    let mut top = top(&repo);
    top.press_at("▸ ", "\r");
    // Its words come a little after it, and stand in the tail of its log too.
    top.shows_together(&["    slow", "mine", "running", "reading"]);
    assert!(top.shows("1 working").contains("1 for you"));
    top.press_at("    deploy", "jja");
    top.press_at("approve g1", "w");
    top.press_at("note for", "fine by me\r");
    assert!(top.shows("is approved").starts_with("g1 of "));
    repo.wait_for_event("the gate is decided", |event| event["kind"] == "gate_decided");
    let decided = repo.events_so_far();
    let decided = of_kind(&decided, "gate_decided");
    assert_eq!((&decided[0]["decision"], &decided[0]["note"]), (&json!("approved"), &json!("fine by me")));
    repo.open("hang");
    running.ends().exits(0);
    top.shows("1 ended");
    top.press_at("nothing is at work", "e");
    assert!(top.shows("completed 3/3").contains("add rate limiting"));
    top.press("q");
    assert_eq!((top.ends(), top.is_as_it_was()), (Some(0), true));
}

#[test]
fn a_task_is_cancelled_only_after_yes_and_put_back_after_that() {
    let repo = TestRepo::new();
    let running = busy(&repo, "reading");
    let mut top = top(&repo);
    top.press_at("▸ ", "\rj");
    // What is typed ahead of the question, or pasted, is no answer to it.
    top.press_at("    slow", "cy");
    top.press_at(ASKED, "n");
    top.shows("nothing was done");
    top.press("\u{1b}[200~cy\u{1b}[201~c");
    top.press_at(ASKED, "w");
    assert!(of_kind(&repo.events_so_far(), "cancel_asked").is_empty());
    top.press_at("why, for", "too slow\r");
    assert!(top.shows("slow: cancelled").contains("attempt 1 ended"));
    let asked = repo.events_so_far();
    let asked = of_kind(&asked, "cancel_asked");
    assert_eq!((&asked[0]["task"], &asked[0]["reason"]), (&json!("slow"), &json!("too slow")));
    // Only a person can go on with what is left, so whoever carried it out has ended.
    running.ends().exits(3);
    top.press_at("x put back", "x");
    top.press_at(ASKED, "y");
    assert!(top.shows("is queued").contains("g1 is still open"));
    assert_eq!(of_kind(&repo.events(), "task_requeued")[0]["task"], "slow");
    top.press("\u{1b}[D");
    top.shows_no_more("    deploy");
    top.press("c");
    top.press_at("and end all its agents?", "y");
    top.shows("cancelled: 3 tasks");
    assert_eq!(repo.crew(["status", "last", "--json"]).exits(0).json()["status"], "cancelled");
    top.press("\x03");
    assert_eq!((top.ends(), top.is_as_it_was()), (Some(0), true));
    repo.leaves_no_process();
}

#[test]
fn a_gate_is_rejected_with_a_note() {
    let repo = TestRepo::new();
    repo.workflow("v", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "v", "--json"]).exits(3);
    let mut top = top(&repo);
    top.press_at("waiting for you", "r");
    top.press_at("reject g1", "w");
    top.press_at("note for", "not on a friday\r");
    top.shows("is rejected");
    let decided = repo.events();
    let decided = of_kind(&decided, "gate_decided");
    assert_eq!(
        (&decided[0]["decision"], &decided[0]["note"]),
        (&json!("rejected"), &json!("not on a friday"))
    );
    top.shows("failed");
    top.press("q");
    assert_eq!(top.ends(), Some(0));
}

#[test]
fn a_question_is_answered_and_work_is_sent_back() {
    let repo = TestRepo::new();
    repo.agent("fake", "1?ask:Which-port 1?exit:0 submit:made");
    repo.workflow("w", "## work\nrole: executor\nagent: fake\ngate: after\n\nDo it.\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    let mut top = top(&repo);
    assert!(top.shows("g1 question of work").contains("Which-port"));
    top.press("a");
    top.press_at("answer to g1", "\r8080\r");
    top.shows("is answered; crew resume ");
    repo.crew(["resume", "last", "--json"]).exits(3);
    top.shows("g2 result of work");
    top.press("r");
    top.press_at("reject g2", "s");
    top.press_at("what is to be done, for g2", "fewer words\r");
    top.shows("is sent back");
    top.press("q");
    assert_eq!(top.ends(), Some(0));
    let events = repo.events();
    let decided = of_kind(&events, "gate_decided");
    let said = decided.iter().map(|event| [&event["decision"], &event["answer"], &event["note"]]);
    assert_eq!(
        said.collect::<Vec<_>>(),
        [
            [&json!("answered"), &json!("8080"), &Value::Null],
            [&json!("sent_back"), &Value::Null, &json!("fewer words")]
        ]
    );
}

#[test]
fn an_agent_decides_nothing_here_either() {
    let repo = TestRepo::new();
    repo.workflow("w", "## deploy\nrun: touch deployed\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    let mut command = repo.command(["top", "--interval", "0.2"]);
    command.env("CREW_TOKEN", "of-an-agent");
    let mut top = Terminal::of(command, 100, 24);
    for (key, question) in [("a", "approve g1"), ("c", "and end all its agents?")] {
        top.press_at("waiting for you", key);
        top.press_at(question, "y");
        top.shows("an agent cannot decide for a person");
        top.press("\x0c");
    }
    top.press("q");
    assert_eq!(top.ends(), Some(0));
    let events = repo.events();
    assert!(of_kind(&events, "gate_decided").is_empty() && of_kind(&events, "cancel_asked").is_empty());
}

#[test]
fn a_log_is_read_and_followed_and_nothing_in_it_acts_on_the_terminal() {
    let repo = TestRepo::new();
    let gate = repo.gate("more");
    let hostile = r"first \033]0;owned\007\033[2J\342\200\256red\n";
    let run =
        format!("printf '{hostile}'; while [ -e {} ]; do sleep 0.02; done; echo second", gate.display());
    repo.workflow("w", &format!("## talk\nrun: {run}\n"));
    let running = repo.start_run("w");
    let mut top = top(&repo);
    top.shows("first red");
    top.press("l");
    top.shows("follows");
    repo.open("more");
    top.shows("second");
    running.ends().exits(0);
    top.press("qq");
    assert_eq!(top.ends(), Some(0));
    let written = top.written();
    assert!(
        !written.contains("\u{1b}]") && !written.contains('\u{202e}') && !written.contains('\u{7}'),
        "{written:?}"
    );
}

#[test]
fn any_size_shows_what_matters_and_a_new_size_is_seen() {
    let repo = TestRepo::new();
    let running = busy(&repo, "reading");
    let mut top = top(&repo);
    top.press_at("add rate limiting", "\r");
    top.shows("tokens");
    top.resize(40, 5);
    top.shows_no_more("tokens");
    assert!(top.shows("    deploy").contains("waiting for you"));
    top.resize(120, 30);
    assert!(top.shows("g1 start: may it start: deploy").starts_with("    deploy"));
    top.press("?");
    top.press_at("an agent reports no price", "?");
    top.press_at("    deploy", "/nothing like it\r");
    top.press_at("nothing fits the filter", "\u{1b}");
    top.shows("    deploy");
    top.press("q");
    assert_eq!(top.ends(), Some(0));
    drop(running);
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let repo = TestRepo::new();
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    let ending = [libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1].map(|signal| (signal, 130));
    for (signal, exit) in ending.into_iter().chain([(libc::SIGINT, 0)]) {
        let mut top = top(&repo);
        top.shows("waiting for you");
        assert!(!top.is_as_it_was() && top.written().contains("\u{1b}[?1049h"));
        top.signal(signal);
        assert_eq!((top.ends(), top.is_as_it_was()), (Some(exit), true), "{signal}");
        assert!(top.written().ends_with("\u{1b}[?1049l"), "{signal}: {:?}", top.written());
    }
    // Stopped where no shell could let it go on, it goes on by itself, and draws anew.
    let mut top = top(&repo);
    for stop in ["\x1a", ""] {
        top.shows("waiting for you");
        let before = top.written().matches("\u{1b}[?1049h").count();
        if stop.is_empty() {
            top.signal(libc::SIGTSTP)
        } else {
            top.press(stop)
        }
        wait_until("it comes back", || top.written().matches("\u{1b}[?1049h").count() > before);
        top.shows("waiting for you");
        assert!(!top.is_as_it_was());
    }
    // A line that is lost leaves nobody behind.
    top.hang_up();
    assert_eq!(top.ends(), Some(130));
    let mut command = repo.command(["top"]);
    command.env("LOOK_BREAKS", "1");
    let mut broken = Terminal::of(command, 80, 24);
    assert_eq!((broken.ends(), broken.is_as_it_was()), (Some(1), true));
    let told = broken.written();
    let told = told.rsplit_once("\u{1b}[?1049l").expect("it was given back").1;
    assert!(told.contains("a test wants the look to break"), "{told}");
}

#[test]
fn colours_are_a_second_signal() {
    let repo = TestRepo::new();
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    for (name, value, coloured) in [("LANG", "C.UTF-8", true), ("NO_COLOR", "1", false)] {
        let mut command = repo.command(["top"]);
        command.env(name, value);
        let mut top = Terminal::of(command, 80, 24);
        top.press_at("waiting for you", "q");
        assert_eq!((top.ends(), top.written().contains(";33m")), (Some(0), coloured), "{name}");
    }
    let mut command = repo.command(["top"]);
    command.env("TERM", "dumb");
    let mut dumb = Terminal::of(command, 80, 24);
    assert_eq!(dumb.ends(), Some(0));
    let told = dumb.written();
    assert!(told.contains("waiting for you") && !told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn a_store_that_is_busy_is_said_and_keeps_nobody() {
    let repo = TestRepo::new();
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    let alone = rusqlite::Connection::open(repo.root.join(".crew/crew.db")).expect("the store");
    alone.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT").expect("a lock");
    let mut top = top(&repo);
    top.shows("store busy");
    drop(alone);
    top.shows("waiting for you");
    top.shows_no_more("store busy");
    top.press("q");
    assert_eq!(top.ends(), Some(0));
}

#[test]
fn what_could_not_be_read_is_said_and_not_told_as_nothing() {
    let repo = TestRepo::new();
    repo.workflow("w", "## a\nrun: true\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(0);
    std::fs::write(repo.root.join(".crew/crew.db"), "this is no database ".repeat(400)).expect("a file");
    for name in ["crew.db-wal", "crew.db-shm"] {
        let _ = std::fs::remove_file(repo.root.join(".crew").join(name));
    }
    let mut top = top(&repo);
    top.shows("not a database");
    // A key that does nothing makes no picture of it either.
    top.press("j");
    top.press_at("not a database", "?");
    top.press_at("leave; the runs go on", "?");
    top.shows("not a database");
    let screen = top.screen().join("\n");
    assert!(!screen.contains("no runs yet") && !screen.contains("0 working"), "{screen}");
    top.press("q");
    assert_eq!(top.ends(), Some(0));
}

#[test]
fn what_is_logged_stands_below_when_the_terminal_is_given_back() {
    let repo = TestRepo::new();
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "the goal", "--workflow", "w", "--json"]).exits(3);
    let mut command = repo.command(["top", "--interval", "0.2"]);
    command.env("CREW_LOG", "trace");
    let mut top = Terminal::of(command, 100, 24);
    top.press_at("waiting for you", "a");
    top.press_at(ASKED, "y");
    top.shows("is approved");
    let written = top.written();
    let drawn = written.split("\u{1b}[?1049h").nth(1).expect("a screen of its own");
    assert!(!drawn.contains(" TRACE ") && !drawn.contains(" DEBUG "), "{drawn:?}");
    top.press("q");
    assert_eq!((top.ends(), top.is_as_it_was()), (Some(0), true));
    let written = top.written();
    let after = written.rsplit("\u{1b}[?1049l").next().expect("the shell's screen");
    let lines: Vec<&str> =
        after.lines().filter(|line| line.contains(" DEBUG ") || line.contains(" INFO ")).collect();
    assert!(lines.iter().any(|line| line.contains("gate_decided")), "{after}");
}

/// A tmux of a test's own, in which a shell runs.
struct Tmux<'a> {
    repo: &'a TestRepo,
}

impl Tmux<'_> {
    fn run(&self, args: &[&str]) -> String {
        let mut command = self.repo.plain("tmux");
        command
            .env("TERM", "xterm-256color")
            .env("TMUX_TMPDIR", self.repo.beside(""))
            .args(["-f", "/dev/null"]);
        let output = command.args(args).output().expect("tmux runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    #[track_caller]
    fn shows(&self, words: &str) {
        wait_until(words, || self.run(&["capture-pane", "-p"]).contains(words));
    }

    fn types(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}

#[test]
fn in_tmux_it_stands_aside_for_the_shell_and_comes_back() {
    let repo = TestRepo::new();
    for program in ["tmux", "bash"] {
        if program_for(&[program], "no shell shares a terminal with crew").is_none() {
            return;
        }
    }
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "add rate limiting", "--workflow", "w", "--json"]).exits(3);
    let tmux = Tmux { repo: &repo };
    tmux.run(&["new-session", "-d", "-x", "90", "-y", "20", "bash --norc --noprofile"]);
    // What is typed does not hold what is waited for.
    tmux.types(&["PS1='re''ady> '", "Enter"]);
    tmux.shows("ready>");
    tmux.types(&[&format!("{} -C {} top", crate::support::CREW, repo.root.display()), "Enter"]);
    tmux.shows("waiting for you");
    tmux.types(&["C-z"]);
    tmux.shows("Stopped");
    assert!(!tmux.run(&["capture-pane", "-p"]).contains("waiting for you"), "the shell has its screen back");
    tmux.types(&["fg", "Enter"]);
    tmux.shows("waiting for you");
    tmux.types(&["?"]);
    tmux.shows("an agent reports no price");
    tmux.run(&["resize-window", "-x", "60", "-y", "8"]);
    tmux.types(&["x", "a"]);
    tmux.shows("approve g1 of");
    tmux.types(&["y"]);
    tmux.shows("is approved");
    tmux.types(&["q"]);
    tmux.shows("Stopped");
    tmux.types(&["stty -a | grep -o -- ' icanon' | tr a-z A-Z", "Enter"]);
    tmux.shows(" ICANON");
    assert_eq!(of_kind(&repo.events(), "gate_decided").len(), 1);
}

/// An ssh server of a test's own, which speaks to its client through a pipe: nothing listens.
struct Ssh<'a> {
    repo: &'a TestRepo,
    server: std::path::PathBuf,
}

impl Ssh<'_> {
    /// Finds the programs and makes the keys; nothing where there are none.
    fn of(repo: &TestRepo) -> Option<Ssh<'_>> {
        let nobody = "nobody looks from another machine";
        let server = program_for(&["sshd", "/usr/sbin/sshd"], nobody)?;
        let keys = program_for(&["ssh-keygen"], nobody)?;
        program_for(&["ssh"], nobody)?;
        // SAFETY: it takes nothing and cannot fail.
        if unsafe { libc::geteuid() } == 0 && !std::path::Path::new("/run/sshd").is_dir() {
            left_out("sshd of root wants /run/sshd, so nobody looks from another machine");
            return None;
        }
        for name in ["host", "mine"] {
            let mut command = repo.plain(keys.to_str().expect("a path"));
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(repo.beside(name));
            assert!(command.status().expect("keys").success());
        }
        let file = |name: &str| repo.beside(name).display().to_string();
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPermitUserRC no\nPrintMotd no\nPrintLastLog no\n",
            file("host"),
            file("mine.pub")
        );
        std::fs::write(repo.beside("sshd.conf"), settings).expect("settings");
        Some(Ssh { repo, server })
    }

    /// Starts `crew top` at the other end.
    fn top(&self) -> Terminal {
        let file = |name: &str| self.repo.beside(name).display().to_string();
        let server = format!("{} -i -e -f {}", self.server.display(), file("sshd.conf"));
        let mut command = self.repo.plain("ssh");
        command.args(["-F", "none", "-tt", "-i", &file("mine")]);
        for option in [
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            &format!("ProxyCommand={server} 2>{}", file("sshd.log")),
        ] {
            command.args(["-o", option]);
        }
        // The server knows the user's own home, and what a shell of theirs sets.
        let home = self.repo.home.display();
        command.args(["other-machine", &format!(
            "exec env -i PATH=/usr/bin:/bin HOME={home} LANG=C.UTF-8 TERM=\"$TERM\" {} -C {} top --interval 0.2",
            crate::support::CREW,
            self.repo.root.display()
        )]);
        Terminal::of(command, 100, 24)
    }
}

#[test]
fn over_ssh_it_is_steered_and_ends_with_the_line() {
    let repo = TestRepo::new();
    let Some(ssh) = Ssh::of(&repo) else { return };
    repo.workflow("w", "## deploy\nrun: true\naction: deploy\n");
    repo.crew(["run", "add rate limiting", "--workflow", "w", "--json"]).exits(3);
    let mut top = ssh.top();
    top.press_at("waiting for you", "?");
    top.shows("an agent reports no price");
    top.resize(60, 8);
    top.press_at("up down: more", "?");
    top.shows_no_more("up down: more");
    top.press_at("waiting for you", "a");
    top.press_at("approve g1 of", "y");
    top.shows("is approved");
    top.press("q");
    assert_eq!((top.ends(), top.is_as_it_was()), (Some(0), true));
    assert!(top.written().contains("\u{1b}[?1049l"), "the other screen is given back");
    assert_eq!(of_kind(&repo.events(), "gate_decided").len(), 1);
    // Whoever loses the line leaves nobody behind at the other end.
    let top = ssh.top();
    top.shows("add rate limiting");
    top.signal(libc::SIGKILL);
    repo.leaves_no_process();
}
