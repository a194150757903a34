//! Tells people who do not watch what they want to know: on the desktop, by a command of theirs, by a webhook.
//!
//! A thread of its own does it, one notice after the other, each way with a time limit of its own. Nothing of that ever
//! stops or slows a run: a notice for which there is no room is dropped, and the end of a run is held up for one time limit
//! at most. What went wrong is told once, at the end.

use super::clock;
use super::process::{self, Within};
use crate::domain::notice::{self, Notice, Policy, Severity, Told};
use crate::domain::words::clean_line;
use crate::store::lock;
use serde_json::json;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most notices that wait to be told.
const QUEUE: usize = 64;
/// How much longer the end of a run waits than each way to tell may take.
const MARGIN: Duration = Duration::from_millis(100);
/// How often it is looked whether somebody is in a hurry.
const LOOK: Duration = Duration::from_millis(10);
/// The most characters of what went wrong.
const MAX_WRONG: usize = 300;

/// A way to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Desktop,
    Command,
    Webhook,
}

impl Way {
    const ALL: [Way; 3] = [Way::Desktop, Way::Command, Way::Webhook];

    /// Returns the setting that turns it on.
    fn key(self) -> &'static str {
        match self {
            Way::Desktop => "notify.desktop",
            Way::Command => "notify.command",
            Way::Webhook => "notify.webhook",
        }
    }

    fn is_on(self, policy: &Policy) -> bool {
        match self {
            Way::Desktop => policy.desktop,
            Way::Command => !policy.command.is_empty(),
            Way::Webhook => !policy.webhook.is_empty(),
        }
    }
}

/// What went wrong, by the way to tell; the first of each.
#[derive(Clone, Debug, Default)]
struct Wrong(Arc<Mutex<Vec<(Way, String)>>>);

impl Wrong {
    fn note(&self, way: Way, why: &str) {
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wrong.iter().any(|(known, _)| *known == way) {
            wrong.push((way, clean_line(why, MAX_WRONG)));
        }
    }

    fn lines(&self) -> Vec<String> {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.iter().map(|(way, why)| format!("{}: {why}", way.key())).collect()
    }
}

/// Tells notices while a run goes on.
pub struct Notifier {
    notices: SyncSender<Notice>,
    /// Gone when the last notice was told.
    done: Receiver<()>,
    thread: JoinHandle<()>,
    /// There is no more time to tell anything.
    over: Arc<AtomicBool>,
    wrong: Wrong,
    policy: Policy,
    told: Told,
}

impl Notifier {
    /// Begins to tell, where there is a way to. What tells is given `marks`, variables by which it is known should we die.
    pub fn start(policy: &Policy, marks: Vec<(String, String)>) -> io::Result<Option<Notifier>> {
        if !policy.tells() {
            return Ok(None);
        }
        let (notices, queue) = sync_channel(QUEUE);
        let (alive, done) = channel();
        let wrong = Wrong::default();
        let over = Arc::new(AtomicBool::new(false));
        let (ours, wrongs) = (over.clone(), wrong.clone());
        let worker = Worker { policy: policy.clone(), marks, wrong: wrongs, over: ours, _alive: alive };
        let thread = std::thread::Builder::new().name("notices".into());
        let thread = thread.spawn(move || worker.work(&queue))?;
        Ok(Some(Notifier {
            notices,
            done,
            thread,
            over,
            wrong,
            policy: policy.clone(),
            told: Told::default(),
        }))
    }

    /// Tells a notice, unless the settings say not to.
    pub fn tell(&mut self, notice: Notice) {
        let now = clock::now();
        let (awake, minute) = (clock::clocks().awake, clock::minute_of_day(now));
        if !notice::is_told(&self.policy, &notice, &mut self.told, awake, minute) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.notices.try_send(notice) {
            for way in Way::ALL.into_iter().filter(|way| way.is_on(&self.policy)) {
                self.wrong.note(way, "too many notices at once; some were left out");
            }
        }
    }

    /// Waits for the last notice to be told, for one time limit at most and as long as nobody is in a hurry, and says what
    /// went wrong. `waits` is called once, where it takes a second or more.
    pub fn finish(self, is_hurried: &AtomicBool, waits: impl FnOnce()) -> Vec<String> {
        let Notifier { notices, done, thread, over, wrong, policy, .. } = self;
        drop(notices);
        let (began, mut waits) = (Instant::now(), Some(waits));
        // It never sends; it is gone when all is told.
        while let Err(RecvTimeoutError::Timeout) = done.recv_timeout(LOOK) {
            if began.elapsed() >= policy.timeout + MARGIN || is_hurried.load(Ordering::Relaxed) {
                let on = Way::ALL.into_iter().filter(|way| way.is_on(&policy));
                on.for_each(|way| wrong.note(way, "the run ended before all was told"));
                over.store(true, Ordering::Relaxed);
                break;
            }
            if let Some(waits) = waits.take_if(|_| began.elapsed() >= lock::SIGN_AFTER) {
                waits();
            }
        }
        // What tells is killed by now; nothing is left behind.
        let _ = thread.join();
        wrong.lines()
    }
}

/// What is done in the thread.
struct Worker {
    policy: Policy,
    marks: Vec<(String, String)>,
    wrong: Wrong,
    over: Arc<AtomicBool>,
    _alive: Sender<()>,
}

impl Worker {
    fn work(self, queue: &Receiver<Notice>) {
        for notice in queue {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            // Side by side, so that one that hangs holds up none of the others.
            std::thread::scope(|scope| {
                for way in Way::ALL.into_iter().filter(|way| way.is_on(&self.policy)) {
                    let (ours, notice) = (&self, &notice);
                    scope.spawn(move || {
                        if let Err(why) = ours.tell(way, notice) {
                            ours.wrong.note(way, &why);
                        }
                    });
                }
            });
        }
    }

    fn tell(&self, way: Way, notice: &Notice) -> Result<(), String> {
        let policy = &self.policy;
        let (mut command, input) = match way {
            Way::Desktop => (desktop(notice)?, Vec::new()),
            Way::Command => (by_command(notice, &policy.command), json(notice)),
            Way::Webhook => (webhook(policy)?, webhook_words(notice, &policy.webhook)),
        };
        command.envs(self.marks.iter().map(|(name, value)| (name, value)));
        carry_out(&mut command, &input, policy.timeout, &self.over)
    }
}

/// Returns a notice as it is told by a command and by a webhook.
fn json(notice: &Notice) -> Vec<u8> {
    let mut told = json!(notice);
    told["crew"] = json!(env!("CARGO_PKG_VERSION"));
    // What people see in the chats that take such a thing.
    told["message"] = json!(format!("{}: {}", notice.title, notice.text));
    serde_json::to_vec(&told).unwrap_or_default()
}

/// The variable by which what tells of a run is known; its value is the run's id.
pub const MARK: &str = "CREW_NOTICE_RUN";

fn by_command(notice: &Notice, command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]);
    shell.env("CREW_NOTICE", notice.kind.name()).env("CREW_NOTICE_SEVERITY", notice.severity.name());
    shell.env("CREW_NOTICE_TITLE", &notice.title).env("CREW_NOTICE_TEXT", &notice.text);
    shell.env("CREW_NOTICE_AT", notice.at.to_string());
    shell.env(MARK, &notice.run);
    shell
}

/// Returns the program that shows something on this desktop, where there is one.
pub fn desktop_program() -> Option<PathBuf> {
    which::which(if cfg!(target_os = "macos") { "osascript" } else { "notify-send" }).ok()
}

/// Returns the program that speaks to a webhook, where there is one. It knows the proxies and certificates of this machine.
pub fn webhook_program() -> Option<PathBuf> {
    which::which("curl").ok()
}

fn desktop(notice: &Notice) -> Result<Command, String> {
    let program = desktop_program().ok_or("notify-send (on macOS: osascript) is not installed")?;
    let mut command = Command::new(program);
    if cfg!(target_os = "macos") {
        // Words are arguments, so that they are no part of the script.
        command.args(["-e", "on run argv"]);
        command.args(["-e", "display notification (item 2 of argv) with title (item 1 of argv)"]);
        command.args(["-e", "end run", "--", &notice.title, &notice.text]);
    } else {
        let urgency = match notice.severity {
            Severity::Info => "low",
            Severity::Warning => "normal",
            Severity::Urgent => "critical",
        };
        // The text is shown with markup.
        let text = notice.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        command.args(["--app-name=crew", &format!("--urgency={urgency}"), "--", &notice.title, &text]);
    }
    Ok(command)
}

fn webhook(policy: &Policy) -> Result<Command, String> {
    let program = webhook_program().ok_or("curl is not installed")?;
    let mut command = Command::new(program);
    // No settings of the user's, who may follow redirections or keep what comes; all else is said on standard input, where
    // nobody else sees the address, which often is a secret.
    command.args(["-q", "--silent", "--show-error", "--fail", "--proto", "=http,https"]);
    command.args([
        "--max-time",
        &policy.timeout.as_secs_f64().to_string(),
        "--output",
        "/dev/null",
        "--config",
        "-",
    ]);
    Ok(command)
}

/// Returns what curl is to do, as its settings.
fn webhook_words(notice: &Notice, url: &str) -> Vec<u8> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let json = String::from_utf8_lossy(&json(notice)).into_owned();
    let header = quoted("Content-Type: application/json");
    format!("url = {}\nheader = {header}\ndata-raw = {}\n", quoted(url), quoted(&json)).into_bytes()
}

/// Runs a command to its end, at most for so long, with something on its standard input.
fn carry_out(command: &mut Command, input: &[u8], most: Duration, over: &AtomicBool) -> Result<(), String> {
    let name =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let errors = tempfile::tempfile().map_err(|error| error.to_string())?;
    let their_errors = errors.try_clone().map_err(|error| error.to_string())?;
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(their_errors).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // It is shorter than a pipe is wide, so nobody has to read it; who does not want it leaves it there.
        let _ = stdin.write_all(input);
    }
    let how = process::end_within(&child, most, over);
    match child.wait() {
        Err(error) => Err(format!("{name}: {error}")),
        Ok(_) if how != Within::Ended => Err(format!("{name} took longer than {} s", most.as_secs_f64())),
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ended with {status}{}", last_words(errors))),
    }
}

/// Returns the last line of what a child said went wrong.
fn last_words(mut errors: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut text = Vec::new();
    let read = errors.rewind().and_then(|()| errors.take(4096).read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    match crate::domain::words::last_line(&text) {
        "" => String::new(),
        _ if read.is_err() => String::new(),
        line => format!(": {}", crate::domain::redact::Redactor::default().line(line, MAX_WRONG)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::notice::Kind;
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpListener;

    fn notice() -> Notice {
        Notice {
            kind: Kind::Waiting,
            severity: Severity::Warning,
            run: "7k2aaaaaaaaa".into(),
            repository: "/repo".into(),
            at: crate::domain::time::Time(0),
            title: "run 7k2 waits for you".into(),
            text: "g1 of a: may it \"start\": \\merge <b>".into(),
            state: None,
            gate: Some("g1".into()),
        }
    }

    fn policy() -> Policy {
        let policy = Policy::of(&crate::domain::settings::Settings::default());
        Policy { timeout: Duration::from_secs(20), ..policy }
    }

    fn finish(notifier: Notifier) -> Vec<String> {
        notifier.finish(&AtomicBool::new(false), || {})
    }

    #[test]
    fn a_command_gets_the_notice_as_json_and_in_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let command = format!(
            "cat >'{0}'; echo \"$CREW_NOTICE $CREW_NOTICE_TITLE $CREW_NOTICE_AT\" >>'{0}'",
            out.display()
        );
        let mut notifier = Notifier::start(&Policy { command, ..policy() }, Vec::new()).unwrap().unwrap();
        notifier.tell(notice());
        notifier.tell(notice());
        assert_eq!(finish(notifier), Vec::<String>::new());
        let text = std::fs::read_to_string(out).unwrap();
        let (told, environment) = text.split_at(text.rfind('}').unwrap() + 1);
        let told: serde_json::Value = serde_json::from_str(told).unwrap();
        assert_eq!(
            (&told["kind"], &told["gate"], &told["severity"]),
            (&json!("waiting"), &json!("g1"), &json!("warning"))
        );
        assert_eq!((&told["repository"], &told["at"]), (&json!("/repo"), &json!("1970-01-01T00:00:00.000Z")));
        let expected = "waiting run 7k2 waits for you 1970-01-01T00:00:00.000Z\n";
        assert_eq!(environment, expected, "the same is told once");
    }

    #[test]
    fn a_webhook_gets_the_notice_and_one_that_says_no_is_told() {
        assert!(webhook_program().is_some(), "this needs curl, as telling a webhook does");
        for (answer, expected) in [("200 OK", None), ("500 No", Some("notify.webhook: curl ended with"))] {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let webhook = format!("http://{}/secret-path", server.local_addr().unwrap());
            let served = std::thread::spawn(move || {
                let (mut stream, _) = server.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = Vec::new();
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    head.push(line.trim().to_ascii_lowercase());
                }
                let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                let mut body = vec![0; length.parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    .unwrap();
                (head, serde_json::from_slice::<serde_json::Value>(&body).unwrap())
            });
            let mut notifier = Notifier::start(&Policy { webhook, ..policy() }, Vec::new()).unwrap().unwrap();
            notifier.tell(notice());
            let wrong = finish(notifier);
            let (head, told) = served.join().unwrap();
            assert_eq!(head[0], "post /secret-path http/1.1");
            assert!(head.contains(&"content-type: application/json".to_owned()), "{head:?}");
            assert_eq!(told["text"], notice().text);
            match expected {
                None => assert_eq!(wrong, Vec::<String>::new()),
                Some(words) => {
                    assert!(wrong[0].starts_with(words) && !wrong[0].contains("secret"), "{wrong:?}")
                }
            }
        }
    }

    #[test]
    fn one_that_hangs_or_is_not_there_is_told_and_holds_up_nothing_for_longer_than_its_time() {
        let command = "trap '' TERM; sleep 300".to_owned();
        let hangs = Policy { command, timeout: Duration::from_millis(200), ..policy() };
        let mut notifier = Notifier::start(&hangs, Vec::new()).unwrap().unwrap();
        for number in 0..QUEUE * 2 {
            notifier.tell(Notice { title: number.to_string(), ..notice() });
        }
        // It comes to an end at all: the command itself would take minutes for each of them.
        let wrong = finish(notifier);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        let mut notifier =
            Notifier::start(&Policy { command: "exit 3".into(), ..policy() }, Vec::new()).unwrap().unwrap();
        notifier.tell(notice());
        assert_eq!(finish(notifier), ["notify.command: sh ended with exit status: 3"]);
    }

    #[test]
    fn whoever_is_in_a_hurry_waits_for_nobody_and_who_waits_is_told() {
        let command = "sleep 300".to_owned();
        let mut notifier = Notifier::start(&Policy { command, ..policy() }, Vec::new()).unwrap().unwrap();
        notifier.tell(notice());
        let hurry = AtomicBool::new(false);
        let wrong = notifier.finish(&hurry, || hurry.store(true, Ordering::Relaxed));
        assert_eq!(wrong, ["notify.command: the run ended before all was told"]);
    }

    #[test]
    fn nobody_is_started_where_there_is_no_way_to_tell() {
        assert!(Notifier::start(&policy(), Vec::new()).unwrap().is_none());
    }
}
