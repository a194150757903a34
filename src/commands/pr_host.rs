//! How `crew pr` speaks to what is outside: to the remote through git, and to its host through `gh` or `glab`.

use super::exit::{ExitStatus, Problem};
use crate::domain::publishing::{self, Opener, Place};
use crate::domain::review::host_api::complaint;
use crate::domain::words::{clean_line, clean_text};
use crate::runner::process::{self, Within};
use crate::runner::signals;
use crate::ui::printer::Printer;
use crate::ui::progress::Lines;
use crate::ui::words;
use crate::workspace::git::{Git, GitError};
use anyhow::{Context as _, Result};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The most bytes of what is shown of others' words, and of an answer of theirs.
const MAX_SAID: usize = 8_000;
const MAX_ANSWER: u64 = 16 << 20;

/// What the user has set up for git's way to the remote. Git's other variables would send it elsewhere.
const WAY: [&str; 8] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_NO_VERIFY",
];

/// The way to what is outside: for each step so much time, and ctrl-C ends it.
pub struct Outside<'a> {
    printer: &'a Printer,
    folder: PathBuf,
    lines: Lines,
    limit: Duration,
    stop: Arc<AtomicBool>,
}

/// How a program that was asked has ended.
pub struct Answer {
    pub exit: Option<i32>,
    pub out: String,
    pub err: String,
}

/// How many of its last lines tell why a program failed.
const LAST_LINES: usize = 3;
/// The most characters of that.
const MAX_REASON: usize = 400;

impl Answer {
    /// Says in one line why it is not what was asked for; something is always said.
    pub fn reason(&self) -> String {
        let last = |text: &str| {
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("; ");
            Some(clean_line(&last, MAX_REASON)).filter(|said| !said.is_empty())
        };
        let complaint = complaint(&self.out).and_then(|said| last(&said));
        let said = complaint.or_else(|| last(&self.err)).or_else(|| last(&self.out));
        match (self.exit, said) {
            (Some(0), Some(said)) => format!("its answer is not understood: {said}"),
            (_, Some(said)) => said,
            (Some(exit), None) => format!("it said nothing, and ended with exit {exit}"),
            (None, None) => "it said nothing, and was ended by a signal".into(),
        }
    }

    /// Says what to do about it: signing in helps only where the host does not know who asks, or does not let them.
    /// `by_hand` is what was asked.
    pub fn advice(&self, opener: Opener, host: Option<&str>, by_hand: &[String]) -> String {
        let said = format!("{} {}", self.err, self.out);
        match publishing::is_unknown(&said) {
            true => opener.sign_in(host),
            false => format!(
                "the same command once more tries it again; by hand: {}",
                publishing::in_shell(opener.program(), by_hand)
            ),
        }
    }
}

impl<'a> Outside<'a> {
    pub fn new(printer: &'a Printer, folder: &Path, limit: Duration) -> Result<Outside<'a>> {
        let stop = signals::wish_to_stop().context("listen to signals")?;
        Ok(Outside { printer, folder: folder.to_owned(), lines: Lines::new(printer), limit, stop })
    }

    /// The same, where ctrl-C is left to what comes after: it ends crew, and what was asked ends by itself.
    pub fn in_passing(printer: &'a Printer, folder: &Path, limit: Duration) -> Outside<'a> {
        Outside {
            printer,
            folder: folder.to_owned(),
            lines: Lines::new(printer),
            limit,
            stop: Arc::default(),
        }
    }

    /// Speaks to git about a remote: with the user's own settings, hooks and credentials, but nobody is asked for any.
    fn git(&self) -> Git {
        let mut git = Git::at(&self.folder).unasking().within(self.limit).unless(self.stop.clone());
        for name in WAY {
            if let Some(value) = std::env::var_os(name) {
                git = git.with(name, value);
            }
        }
        git
    }

    /// Shows what goes on, as long as it does.
    fn while_shown<T>(&self, whom: &str, doing: &str, work: impl FnOnce() -> T) -> T {
        self.lines.show(whom, doing.to_owned());
        let done = work();
        self.lines.take_away(whom);
        done
    }

    /// Returns the commits that branches of a remote stand at; none for one that is not there.
    pub fn branches(&self, address: &str, remote: &str, names: [&str; 2]) -> Result<[Option<String>; 2]> {
        let references = names.map(|name| format!("refs/heads/{name}"));
        let args = ["ls-remote", "--refs", "--", address, &references[0], &references[1]];
        let said = self.while_shown(remote, "is asked for its branches", || self.git().text(&args));
        let said = said.map_err(|error| self.failed(error, &format!("git ls-remote {remote}")))?;
        let at = |reference: &String| {
            let line =
                said.lines().filter_map(|line| line.split_once('\t')).find(|(_, name)| name == reference);
            line.map(|(id, _)| id.to_owned())
        };
        Ok([at(&references[0]), at(&references[1])])
    }

    /// Returns the branch that a remote calls its default one.
    pub fn default_branch(&self, remote: &str) -> Result<String> {
        let args = ["ls-remote", "--symref", "--", remote, "HEAD"];
        let said = self.while_shown(remote, "is asked for its branches", || self.git().text(&args));
        let said = said.map_err(|error| self.failed(error, &format!("git ls-remote {remote}")))?;
        let named =
            said.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        named.map(str::to_owned).ok_or_else(|| {
            let problem = Problem::refused("no_branch", format!("{remote} has no default branch"));
            problem.hint("GITHUB_BASE_REF=BRANCH says for which branch it is, and so does gh or glab").into()
        })
    }

    /// Fetches references of a remote, and nothing beside them.
    pub fn fetch(&self, remote: &str, what: &[String]) -> Result<()> {
        let mut args = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--",
            remote,
        ];
        args.extend(what.iter().map(String::as_str));
        let fetched =
            self.while_shown(remote, "is fetched from", || self.git().hearing(MAX_SAID as u64).run(&args));
        let by_hand = format!("git fetch {remote} {}", what.join(" "));
        fetched.map(drop).map_err(|error| self.failed(error, &by_hand).into())
    }

    /// Makes a branch of a remote stand at a commit, if it stands at `before` still.
    pub fn push(
        &self,
        remote: &str,
        (commit, branch): (&str, &str),
        before: Option<&str>,
        hooks: bool,
    ) -> Result<()> {
        let lease = format!("--force-with-lease=refs/heads/{branch}:{}", before.unwrap_or_default());
        let what = format!("{commit}:refs/heads/{branch}");
        let mut args = vec!["push", "--no-follow-tags", "--no-progress", &lease];
        if !hooks {
            args.push("--no-verify");
        }
        args.extend(["--", remote, &what]);
        if !self.lines.is_live() && !self.printer.json {
            self.printer.tell(&format!("pushing to {remote} ..."));
        }
        let pushed =
            self.while_shown(remote, "is pushed to", || self.git().hearing(MAX_SAID as u64).run(&args));
        let by_hand = format!("git push {remote} {what}");
        pushed.map(drop).map_err(|error| self.failed(error, &by_hand).into())
    }

    /// Says what a call of git has come to, as a problem; `by_hand` shows what the remote says.
    fn failed(&self, error: GitError, by_hand: &str) -> Problem {
        let failed = |code, message: String, hint: &str| {
            let message = publishing::without_passwords(&clean_text(&message, MAX_SAID));
            Problem { exit: ExitStatus::Failed, ..Problem::refused(code, message) }.hint(hint)
        };
        match error {
            GitError::Unwanted { .. } => interrupted(),
            GitError::TooLong { .. } => too_long("the remote", self.limit),
            GitError::Failed { message, .. } if is_late(&message) => {
                let told = format!("somebody has pushed there meanwhile, and it stays as it is\n{message}");
                Problem {
                    exit: ExitStatus::Refused,
                    ..failed("foreign_commits", told, "the same command once more looks again")
                }
            }
            GitError::Failed { message, .. } if message.contains("[remote rejected]") => {
                let told = format!("the remote refuses it\n{message}");
                failed(
                    "push_refused",
                    told,
                    "nothing has changed there; once it is let in, the same command goes on",
                )
            }
            GitError::Failed { message, .. } => failed(
                "push_failed",
                message,
                &format!("{by_hand}    asks for what it needs; then the same command goes on"),
            ),
            error => failed("push_failed", error.to_string(), by_hand),
        }
    }

    /// Finds the program that opens pull requests at a host: by its name, by what the user has set, or by asking which of
    /// them is signed in there.
    pub fn opener(&self, at: Option<&Place>) -> Result<Option<Opener>> {
        let Some(host) = at.map(|at| at.host.as_str()) else { return Ok(None) };
        let set = |name| std::env::var(name).is_ok_and(|value| is_host(&value, host));
        if set("GH_HOST") {
            return Ok(Some(Opener::Gh));
        }
        if ["GITLAB_HOST", "GL_HOST", "GITLAB_URI"].into_iter().any(set) {
            return Ok(Some(Opener::Glab));
        }
        if let Some(opener) = publishing::opener_at(host) {
            return Ok(Some(opener));
        }
        for opener in Opener::ALL.into_iter().filter(|opener| is_installed(*opener)) {
            if self.ask(opener, &opener.knows(host))?.exit == Some(0) {
                return Ok(Some(opener));
            }
        }
        Ok(None)
    }

    /// Has a program do something, and hears it out.
    pub fn ask(&self, opener: Opener, arguments: &[String]) -> Result<Answer> {
        let program = opener.program();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        // Nobody is asked anything, and nothing is coloured.
        command.env("GH_PROMPT_DISABLED", "1").env("NO_PROMPT", "1").env("NO_COLOR", "1");
        command.env_remove("GH_FORCE_TTY").env_remove("CLICOLOR_FORCE");
        let mut child = command.spawn().with_context(|| format!("start {program}"))?;
        let (out, err) = (reader(child.stdout.take()), reader(child.stderr.take()));
        let what = arguments.iter().skip(1).find(|word| !word.starts_with('-'));
        let doing = format!("speaks to its host: {}", what.map_or("", String::as_str));
        // Whatever it has started goes with it, and lets go of the pipes.
        let how = self.while_shown(program, &doing, || process::end_within(&child, self.limit, &self.stop));
        let status = child.wait();
        let problem = match how {
            Within::Ended => None,
            Within::Stopped => Some(interrupted()),
            Within::TooLong => Some(too_long("its host", self.limit)),
        };
        if let Some(problem) = problem {
            return Err(Problem { message: format!("{program}: {}", problem.message), ..problem }.into());
        }
        let words = |reader: std::thread::JoinHandle<Vec<u8>>| {
            let bytes = reader.join().unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            publishing::without_passwords(&clean_text(&text, MAX_ANSWER as usize))
        };
        Ok(Answer { exit: status?.code(), out: words(out), err: words(err) })
    }
}

/// Tells whether a program is there to be started.
pub fn is_installed(opener: Opener) -> bool {
    which::which(opener.program()).is_ok()
}

/// Tells whether a setting names a host: `x.org`, `https://x.org/`.
fn is_host(set: &str, host: &str) -> bool {
    let bare = set.split_once("://").map_or(set, |(_, rest)| rest);
    bare.trim_end_matches('/').eq_ignore_ascii_case(host)
}

/// Tells whether a push came after somebody else's: git saw it before it sent anything, or the remote when it took it in.
fn is_late(message: &str) -> bool {
    ["(stale info)", "(failed to update ref)", "(fetch first)"].iter().any(|words| message.contains(words))
}

fn interrupted() -> Problem {
    Problem::interrupted("interrupted; what has reached the remote by now stays there")
        .hint("the same command looks at it and goes on")
}

fn too_long(whom: &str, limit: Duration) -> Problem {
    let message = format!("no answer of {whom} within {}", words::duration(limit));
    Problem { exit: ExitStatus::Failed, ..Problem::refused("too_long", message) }
        .hint("--timeout SECS waits longer; the same command looks at what is there and goes on")
}

fn reader(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = from.by_ref().take(MAX_ANSWER).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
        bytes
    })
}
