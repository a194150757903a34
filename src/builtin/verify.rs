//! Runs the test commands that were found, and judges by their exit codes alone.

use super::process::{self, End, Output};
use super::runner_notes::RunnerNotes;
use super::toolchain::{FoundCommand, Needs, Purpose};
use super::writing::{code, counted, fence, prose, size, span};
use crate::domain::submission::{Check, MAX_SUMMARY, ResultBody, Verdict};
use crate::domain::words::{clean_line, clean_text};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use super::process::Limits;

/// How many of a command's last lines are shown.
const SHOWN_LINES: usize = 40;
/// The most characters of each of them.
const SHOWN_WIDTH: usize = 400;
/// How much of the end of the output is read for a summary.
const READ_FOR_NOTE: u64 = 16 * 1024 * 1024;
/// Output is read in pieces of this size.
const PIECE: u64 = 256 * 1024;
/// The most characters of a command or a folder that are shown.
const MAX_COMMAND: usize = 200;

/// What running the tests showed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    pub verdict: Verdict,
    /// One for each test command, whether it ran or not.
    pub checks: Vec<Check>,
    /// Each command with its last lines, as Markdown.
    pub details: String,
    summary: String,
}

/// What one command showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotRun,
}

/// Runs the test commands among `commands`, one after the other, in the repository at `root`.
///
/// They inherit the environment as it is. Each runs in its own process group, and none of them outlives this call. When
/// the process is asked to end, its signal handler sets `stop`; the running command is then ended within a second or
/// so, and the rest is not started. `progress` is called about once a second, also while a command is silent.
pub fn verify(
    root: &Path,
    commands: &[FoundCommand],
    limits: &Limits,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&str),
) -> Verification {
    let tests: Vec<&FoundCommand> =
        commands.iter().filter(|command| command.purpose == Purpose::Test).collect();
    let missing = missing_locks(root, &tests);
    let tried: Vec<Tried> =
        tests.iter().map(|test| try_command(root, test, limits, stop, progress)).collect();
    // A role that only reads leaves nothing behind that was not there. What cannot be taken away, crew will see.
    missing.iter().for_each(|made| drop(std::fs::remove_file(made)));
    let verdict = judge(tried.iter().map(|tried| tried.outcome));
    let summary = summarise(verdict, &tried);
    let mut details = format!("# Verification: {}\n\n{}\n", verdict.name(), prose(&summary, MAX_SUMMARY));
    for tried in &tried {
        details.push('\n');
        details.push_str(&tried.page);
    }
    Verification { verdict, checks: tried.into_iter().map(|tried| tried.check).collect(), details, summary }
}

/// Returns the lock files that cargo writes where there is none, whatever it is asked to do.
fn missing_locks(root: &Path, tests: &[&FoundCommand]) -> BTreeSet<PathBuf> {
    let dirs: Vec<PathBuf> = tests.iter().map(|test| root.join(&test.dir)).collect();
    // Of a workspace, it is the one at the top.
    let folders = dirs.iter().flat_map(|dir| dir.ancestors().take_while(|folder| folder.starts_with(root)));
    let locks = folders.filter(|folder| folder.join("Cargo.toml").exists());
    locks.map(|folder| folder.join("Cargo.lock")).filter(|lock| lock.symlink_metadata().is_err()).collect()
}

/// Fails where anything failed, passes where everything ran and passed, and otherwise knows nothing.
fn judge(outcomes: impl Iterator<Item = Outcome>) -> Verdict {
    let outcomes: Vec<_> = outcomes.collect();
    if outcomes.contains(&Outcome::Failed) {
        Verdict::Fail
    } else if outcomes.is_empty() || outcomes.contains(&Outcome::NotRun) {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

/// A command that was run, or was not, with what there is to say about it.
struct Tried {
    outcome: Outcome,
    check: Check,
    page: String,
}

fn try_command(
    root: &Path,
    test: &FoundCommand,
    limits: &Limits,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&str),
) -> Tried {
    let dir = root.join(&test.dir);
    let shown = clean_line(&test.command, MAX_COMMAND);
    if let Some(reason) = why_not_run(root, &dir, test, stop) {
        let tried = not_run(test, &reason);
        progress(&format!("{shown}: {}", tried.check.note));
        return tried;
    }
    progress(&format!("{shown}: started"));
    let mut told = |gone: Duration, output: &Output| {
        progress(&format!("{shown}: {}, {}", span(gone), last_words(output)));
    };
    let tried = match process::run(&test.command, &dir, limits, stop, &mut told) {
        Ok(ran) => tell(test, &ran),
        Err(error) => not_run(test, &format!("it could not be started: {error}")),
    };
    progress(&format!("{shown}: {}", tried.check.note));
    tried
}

/// Returns what keeps a command from being run at all.
fn why_not_run(root: &Path, dir: &Path, test: &FoundCommand, stop: &AtomicBool) -> Option<String> {
    if stop.load(Ordering::Relaxed) {
        return Some("the verification was asked to end".to_owned());
    }
    if which::which_in(&test.program, std::env::var_os("PATH"), dir).is_err() {
        let place = if test.program.contains('/') { "no program that can be run" } else { "not on PATH" };
        return Some(format!("{} is {place}", test.program));
    }
    let is_missing = |needs: &&Needs| !needs.any_of.iter().any(|path| root.join(path).exists());
    let missing = test.needs.as_ref().filter(is_missing);
    missing.map(|needs| format!("dependencies are not installed ({})", needs.install))
}

fn not_run(test: &FoundCommand, reason: &str) -> Tried {
    let note = clean_line(&format!("not run: {reason}"), MAX_COMMAND);
    let page = format!("{}{}\n", heading(test), prose(&note, MAX_COMMAND));
    Tried {
        outcome: Outcome::NotRun,
        check: Check { command: named(test), exit: None, millis: 0, note },
        page,
    }
}

fn tell(test: &FoundCommand, ran: &process::Ran) -> Tried {
    let said = read_notes(&ran.output);
    let took = span(ran.took);
    let (outcome, exit, note) = match ran.end {
        End::Exited(0) => (Outcome::Passed, Some(0), said.note),
        End::Exited(code) => match nothing_was_tested(test, code, &said.last_line) {
            Some(reason) => (Outcome::NotRun, Some(code), format!("not run: {reason}")),
            None => (Outcome::Failed, Some(code), said.note),
        },
        End::Signalled(signal) => (Outcome::Failed, None, format!("ended by signal {signal}: {}", said.note)),
        End::OutOfTime => (Outcome::Failed, None, format!("stopped after {took}: time limit")),
        End::TooMuchOutput => {
            (Outcome::Failed, None, format!("stopped after {} of output: too much", size(ran.output.len())))
        }
        End::Stopped => (Outcome::NotRun, None, format!("not run to its end: stopped after {took}")),
    };
    let note = clean_line(&note, MAX_COMMAND);
    let exit_words = exit.map_or("no exit code".to_owned(), |code| format!("exit {code}"));
    let mut page = format!("{}{exit_words} after {took}; {}\n", heading(test), prose(&note, MAX_COMMAND));
    let tail = last_lines(&ran.output);
    if !tail.is_empty() {
        page.push('\n');
        page.push_str(&fence(&tail));
    }
    let millis = u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX);
    Tried { outcome, check: Check { command: named(test), exit, millis, note }, page }
}

/// Tells a runner that found nothing to run from one that saw a test fail.
fn nothing_was_tested(test: &FoundCommand, code: i32, last_line: &str) -> Option<&'static str> {
    if !test.command.starts_with("python3 -m ") {
        return None;
    }
    match code {
        1 if last_line.ends_with("No module named pytest") => Some("pytest is not installed"),
        // Both pytest and unittest keep this code for it.
        5 => Some("no tests were found"),
        _ => None,
    }
}

/// Returns a command with the folder it runs in, as one line.
fn named(test: &FoundCommand) -> String {
    let command = clean_line(&test.command, MAX_COMMAND);
    match clean_line(&test.dir, MAX_COMMAND) {
        dir if dir.is_empty() => command,
        dir => format!("{command} (in {dir})"),
    }
}

fn heading(test: &FoundCommand) -> String {
    let place =
        if test.dir.is_empty() { String::new() } else { format!(" in {}", code(&test.dir, MAX_COMMAND)) };
    format!("## {}{place}\n\n", code(&test.command, MAX_COMMAND))
}

/// What the end of the output says.
struct Said {
    note: String,
    last_line: String,
}

fn read_notes(output: &Output) -> Said {
    let len = output.len();
    let mut at = len.saturating_sub(READ_FOR_NOTE);
    let is_all = at == 0;
    let mut notes = RunnerNotes::new();
    let mut open_line = Vec::new();
    while at < len {
        let piece = output.read(at, PIECE);
        if piece.is_empty() {
            break;
        }
        at += piece.len() as u64;
        // A line that is longer than a piece is read in parts; it sums nothing up anyway.
        let whole = piece.iter().rposition(|byte| *byte == b'\n').map_or(piece.len(), |end| end + 1);
        open_line.extend_from_slice(&piece[..whole]);
        notes.read(&open_line);
        open_line.clear();
        open_line.extend_from_slice(&piece[whole..]);
    }
    notes.read(&open_line);
    Said { note: notes.note(is_all), last_line: notes.last_line().to_owned() }
}

/// Returns the last line that is not empty, for a glance at a running command.
fn last_words(output: &Output) -> String {
    let mut notes = RunnerNotes::new();
    notes.read(&output.tail(4 * 1024));
    let line = clean_line(notes.last_line(), 120);
    if line.is_empty() { "no output yet".to_owned() } else { line }
}

fn last_lines(output: &Output) -> String {
    let tail = output.tail(PIECE);
    let text = clean_text(&String::from_utf8_lossy(&tail), usize::MAX);
    let mut lines: Vec<&str> = text.trim_end().rsplit('\n').take(SHOWN_LINES).collect();
    lines.reverse();
    lines.iter().map(|line| cut_line(line)).collect::<Vec<_>>().join("\n")
}

/// Cuts a line, keeping its indentation.
fn cut_line(line: &str) -> String {
    match line.char_indices().nth(SHOWN_WIDTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn summarise(verdict: Verdict, tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "Inconclusive: no test command was found, so nothing was run.".to_owned();
    }
    let of = |outcome| tried.iter().filter(move |tried| tried.outcome == outcome);
    let named = |outcome| {
        // A summary is plain text; whoever puts it into a page escapes it there.
        let each = of(outcome)
            .map(|tried| format!("{} ({})", code(&tried.check.command, MAX_COMMAND), tried.check.note));
        each.collect::<Vec<_>>().join(", ")
    };
    let word = match verdict {
        Verdict::Pass => "Pass",
        Verdict::Fail => "Fail",
        Verdict::Inconclusive => "Inconclusive",
    };
    let mut parts = Vec::new();
    for (outcome, words) in
        [(Outcome::Failed, "failed"), (Outcome::Passed, "passed"), (Outcome::NotRun, "did not run")]
    {
        let count = of(outcome).count();
        if count > 0 {
            parts.push(format!("{} {words}: {}", counted(count, "command"), named(outcome)));
        }
    }
    clean_line(&format!("{word}: {}.", parts.join("; ")), MAX_SUMMARY)
}

impl Verification {
    /// Returns the verification as a verifier's result.
    pub fn to_result(&self) -> ResultBody {
        let (confidence, rationale) = match self.verdict {
            Verdict::Pass => (1.0, "Every test command that was found ran and exited with 0."),
            Verdict::Fail => (
                1.0,
                "At least one test command failed, by its own exit code or because it had to be stopped.",
            ),
            Verdict::Inconclusive if self.checks.is_empty() => {
                (0.2, "Nothing in the repository names a test command.")
            }
            Verdict::Inconclusive => {
                (0.4, "No command failed, but not every one was run, so nothing is proved.")
            }
        };
        ResultBody {
            summary: self.summary.clone(),
            confidence,
            rationale: rationale.to_owned(),
            details: Some(self.details.clone()),
            verdict: Some(self.verdict),
            checks: self.checks.clone(),
            ..ResultBody::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::Terms;
    use tempfile::TempDir;

    fn test(command: &str) -> FoundCommand {
        FoundCommand {
            purpose: Purpose::Test,
            command: command.to_owned(),
            program: "sh".to_owned(),
            why: "Makefile".to_owned(),
            dir: String::new(),
            needs: None,
        }
    }

    fn verify_in(dir: &TempDir, commands: &[FoundCommand]) -> Verification {
        verify(dir.path(), commands, &Limits::default(), &AtomicBool::new(false), &mut |_| {})
    }

    fn verified(commands: &[FoundCommand]) -> Verification {
        verify_in(&tempfile::tempdir().unwrap(), commands)
    }

    fn notes(verification: &Verification) -> Vec<&str> {
        verification.checks.iter().map(|check| check.note.as_str()).collect()
    }

    #[test]
    fn only_what_ran_as_a_whole_can_pass() {
        use Outcome::{Failed, NotRun, Passed};
        let table = [
            (vec![], Verdict::Inconclusive),
            (vec![Passed, Passed], Verdict::Pass),
            (vec![Passed, NotRun], Verdict::Inconclusive),
            (vec![NotRun], Verdict::Inconclusive),
            (vec![Passed, Failed, NotRun], Verdict::Fail),
        ];
        for (outcomes, verdict) in table {
            assert_eq!(judge(outcomes.iter().copied()), verdict, "{outcomes:?}");
        }
    }

    #[test]
    fn passing_commands_pass() {
        let verification = verified(&[test("echo 5 passed in 0.12s"), test("true")]);
        assert_eq!(verification.verdict, Verdict::Pass);
        assert_eq!(notes(&verification), ["5 passed", "no output"]);
        assert!(verification.checks.iter().all(|check| check.exit == Some(0)));
        assert_eq!(
            verification.to_result().summary,
            "Pass: 2 commands passed: `echo 5 passed in 0.12s` (5 passed), `true` (no output)."
        );
    }

    #[test]
    fn one_failing_command_fails() {
        let verification = verified(&[test("true"), test("echo broken >&2; exit 7")]);
        assert_eq!((verification.verdict, verification.checks[1].exit), (Verdict::Fail, Some(7)));
        assert!(
            verification.details.contains("exit 7 after 0.0 s; broken\n\n```text\nbroken\n```\n"),
            "{}",
            verification.details
        );
        assert_eq!(verification.to_result().check(&Terms::of_role("verifier")), Ok(()));
    }

    #[test]
    fn what_is_missing_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let needs = Needs { any_of: vec!["node_modules".to_owned()], install: "npm ci".to_owned() };
        let commands = [
            FoundCommand { program: "surely-not-installed".to_owned(), ..test("touch ran") },
            FoundCommand { program: "./gradlew".to_owned(), ..test("touch ran") },
            FoundCommand { needs: Some(needs), ..test("touch ran") },
            FoundCommand { dir: "gone".to_owned(), ..test("touch ran") },
        ];
        let verification = verify_in(&dir, &commands);
        assert_eq!(verification.verdict, Verdict::Inconclusive);
        assert_eq!(
            notes(&verification)[..3],
            [
                "not run: surely-not-installed is not on PATH",
                "not run: ./gradlew is no program that can be run",
                "not run: dependencies are not installed (npm ci)"
            ]
        );
        assert!(
            verification.checks[3].note.starts_with("not run: it could not be started"),
            "{verification:?}"
        );
        assert!(!dir.path().join("ran").exists());

        std::fs::create_dir(dir.path().join("node_modules")).unwrap();
        assert_eq!(verify_in(&dir, &commands[2..3]).verdict, Verdict::Pass);
    }

    #[test]
    fn a_build_is_no_test() {
        let build = FoundCommand { purpose: Purpose::Build, ..test("true") };
        let verification = verified(&[build]);
        assert_eq!((verification.verdict, verification.checks.len()), (Verdict::Inconclusive, 0));
        let result = verification.to_result();
        assert_eq!(result.summary, "Inconclusive: no test command was found, so nothing was run.");
        assert_eq!(result.check(&Terms::of_role("verifier")), Ok(()));
    }

    #[test]
    fn a_command_runs_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("web")).unwrap();
        let verification =
            verify_in(&dir, &[FoundCommand { dir: "web".to_owned(), ..test("basename \"$PWD\"") }]);
        assert_eq!(notes(&verification), ["web"]);
        assert_eq!(verification.checks[0].command, "basename \"$PWD\" (in web)");
    }

    #[test]
    fn a_command_out_of_time_has_failed() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            time: Duration::from_millis(200),
            grace: Duration::from_millis(100),
            ..Limits::default()
        };
        let verification =
            verify(dir.path(), &[test("sleep 60")], &limits, &AtomicBool::new(false), &mut |_| {});
        assert_eq!((verification.verdict, verification.checks[0].exit), (Verdict::Fail, None));
        assert!(verification.checks[0].note.ends_with(": time limit"), "{verification:?}");
    }

    #[test]
    fn nothing_starts_once_it_was_asked_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let stop = AtomicBool::new(true);
        let verification = verify(dir.path(), &[test("touch ran")], &Limits::default(), &stop, &mut |_| {});
        assert_eq!(notes(&verification), ["not run: the verification was asked to end"]);
        assert!(!dir.path().join("ran").exists());
    }

    #[test]
    fn python_without_tests_or_pytest_is_not_run() {
        let pytest = FoundCommand { command: "python3 -m pytest -q".to_owned(), ..test("") };
        let line = "/usr/bin/python3: No module named pytest";
        assert_eq!(nothing_was_tested(&pytest, 1, line), Some("pytest is not installed"));
        assert_eq!(nothing_was_tested(&pytest, 5, ""), Some("no tests were found"));
        assert_eq!(nothing_was_tested(&pytest, 1, "1 failed"), None);
        assert_eq!(nothing_was_tested(&test("make test"), 5, line), None);
    }

    #[test]
    fn a_silent_command_is_told_about() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { every: Duration::from_millis(50), ..Limits::default() };
        let mut told = Vec::new();
        let mut progress = |phrase: &str| told.push(phrase.to_owned());
        let command = "sleep 1; printf 'half \\033[31mred'; sleep 1";
        verify(dir.path(), &[test(command)], &limits, &AtomicBool::new(false), &mut progress);
        assert!(told.iter().any(|phrase| phrase.ends_with(" s, no output yet")), "{told:?}");
        assert!(told.iter().any(|phrase| phrase.ends_with(" s, half red")), "{told:?}");
    }

    #[test]
    fn hostile_output_stays_in_its_fence() {
        let command = "printf '\\033]0;x\\007````\\n# no heading\\n\\0\\377'; yes x | head -c 5000; exit 1";
        let verification = verified(&[test(command)]);
        let details = &verification.details;
        assert!(!details.contains(['\u{1b}', '\0']), "{details}");
        assert!(details.lines().count() < SHOWN_LINES + 15, "{details}");
        let fenced = verified(&[test("echo '````'; exit 1")]).details;
        assert!(fenced.contains("`````text\n````\n`````\n"), "{fenced}");
    }

    #[test]
    fn a_summary_is_plain_and_a_page_is_not() {
        let verification = verified(&[test("echo '*** [b]'; exit 2")]);
        assert!(verification.to_result().summary.ends_with("(*** [b])."), "{}", verification.summary);
        assert!(verification.details.contains("(\\*\\*\\* \\[b\\])."), "{}", verification.details);
    }

    #[test]
    fn a_long_line_is_cut() {
        let details = verified(&[test("yes é | tr -d '\\n' | head -c 100000")]).details;
        assert!(details.len() < 4_000, "{} bytes", details.len());
    }

    #[test]
    fn the_sum_counts_lines_across_all_pieces() {
        let command = "for i in 1 2 3; do yes 'a line of noise 1' | head -c 300000; echo; \
            echo 'test result: ok. 5 passed; 0 failed; 0 ignored'; done";
        assert_eq!(notes(&verified(&[test(command)])), ["15 passed; 0 failed"]);
    }
}
