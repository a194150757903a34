//! How a command ends: the exit codes, and the map from errors to them, in one place.

use crate::domain::request::Answer;
use crate::domain::words::clean_text;
use crate::store::StoreError;
use crate::ui::printer::{Printer, Tone};
use serde_json::json;
use std::io;

/// The most bytes of a message.
const MAX_TOLD: usize = 4_000;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done, clean.
    Done = 0,
    /// The work failed or needs review.
    Failed = 1,
    /// Usage or configuration error.
    Usage = 2,
    /// Stopped: a person has to decide.
    Waiting = 3,
    /// Refused: conflict, busy, policy, not found.
    Refused = 4,
    /// A review found something as grave as asked for.
    Findings = 5,
    /// A review is incomplete: not every reviewer came to a verdict.
    Incomplete = 6,
    /// The time was over first.
    TimedOut = 124,
    /// Interrupted; nothing is lost.
    Interrupted = 130,
}

/// An error as people and programs are told about it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// For programs, in snake case.
    pub code: &'static str,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it is: `file:line`.
    pub at: Option<String>,
    pub exit: ExitStatus,
}

impl Problem {
    /// What was typed or configured is wrong.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Problem {
        Problem { code, message: message.into(), hint: None, at: None, exit: ExitStatus::Usage }
    }

    /// What was asked for is understood, and refused.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Problem {
        Problem { exit: ExitStatus::Refused, ..Problem::usage(code, message) }
    }

    /// A person has stopped it; what has become of it by then.
    pub fn interrupted(message: impl Into<String>) -> Problem {
        Problem { exit: ExitStatus::Interrupted, ..Problem::usage("interrupted", message) }
    }

    /// Says why a request was refused.
    pub fn of_refusal(answer: Answer) -> Problem {
        match answer {
            Answer::Refused { code, message, hint } => Problem::refused(code.name(), message).hint(hint),
            // Nothing that is accepted comes here.
            Answer::Accepted { task, .. } => Problem::refused("failed", task),
        }
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    /// Says where it is.
    pub fn at(mut self, place: impl Into<String>) -> Problem {
        self.at = Some(place.into());
        self
    }
}

/// Several problems at once; at least one.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{} problems", .0.len())]
pub struct Problems(pub Vec<Problem>);

/// Tells about an error and returns how the command ends.
pub fn report(printer: &Printer, error: &anyhow::Error) -> ExitStatus {
    if is_broken_pipe(error) {
        // Whoever read our output has seen enough.
        return ExitStatus::Done;
    }
    let problems = match error.downcast_ref::<Problems>() {
        Some(Problems(problems)) => problems.clone(),
        None => vec![problem_of(error)],
    };
    for problem in &problems {
        if printer.json {
            printer.warn(&as_json(problem).to_string());
        } else {
            let word = if problem.exit == ExitStatus::Refused { "refused" } else { "error" };
            // A message may quote a file of a stranger.
            let clean = |text: &str| clean_text(text, MAX_TOLD);
            printer.warn(&format!("{}: {}", printer.tint_err(Tone::Bad, word), clean(&problem.message)));
            if let Some(at) = &problem.at {
                printer.warn(&format!("  --> {}", clean(at)));
            }
            if let Some(hint) = &problem.hint {
                printer.warn(&format!("hint: {}", clean(hint)));
            }
        }
    }
    problems.first().map_or(ExitStatus::Failed, |problem| problem.exit)
}

/// Says an error in one line, the first of several.
pub fn in_one_line(error: &anyhow::Error) -> String {
    let first = match error.downcast_ref::<Problems>() {
        Some(Problems(problems)) => problems.first(),
        None => error.downcast_ref::<Problem>(),
    };
    let Some(Problem { at, message, .. }) = first else { return said(error) };
    at.as_ref().map_or_else(|| message.clone(), |at| format!("{at}: {message}"))
}

/// Says an error with its causes. One that only says again what the one before it said is left out: SQLite's do.
pub fn said(error: &anyhow::Error) -> String {
    with_causes(error.as_ref())
}

/// Does the same for an error of one room.
pub fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    for cause in anyhow::Chain::new(error).map(|cause| cause.to_string()) {
        if words.last().is_none_or(|last| last.is_empty() || !cause.ends_with(last.as_str())) {
            words.push(cause);
        }
    }
    words.join(": ")
}

/// Turns what clap says of a mistake in what was typed into a problem: what is wrong, and how it is typed.
pub fn of_usage(text: &str) -> Problem {
    let text = text.trim();
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let text = text.split("\n\nFor more information").next().unwrap_or(text);
    match text.split_once("\n\n") {
        Some((message, hint)) => Problem::usage("usage", message).hint(hint.trim()),
        None => Problem::usage("usage", text),
    }
}

fn as_json(problem: &Problem) -> serde_json::Value {
    let Problem { code, message, hint, at, .. } = problem;
    json!({"error": {"code": code, "message": message, "hint": hint, "details": {"at": at}}})
}

/// Lets a command go on whose output nobody reads any more.
pub fn unless_nobody_reads(printed: anyhow::Result<()>) -> anyhow::Result<()> {
    match printed {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    if error.chain().any(|cause| cause.is::<StoreError>()) {
        return false;
    }
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

/// Finds out what kind of error it is.
fn problem_of(error: &anyhow::Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    let message = said(error);
    match error.chain().find_map(|cause| cause.downcast_ref::<StoreError>()) {
        Some(StoreError::Newer { .. }) => {
            Problem::refused("newer_store", message).hint("update crew; this one does not touch that store")
        }
        Some(StoreError::Stale { .. }) => Problem::refused("stale", message)
            .hint("try again; where a run was carried out, `crew resume` continues"),
        Some(StoreError::ReviewTaken { run }) => Problem::refused("review_taken", message)
            .hint(format!("crew attach {run} follows it, crew status {run} shows how it stands")),
        Some(StoreError::Replaced { .. }) => Problem::refused("store_replaced", message)
            .hint("try again; whoever replaced it may have been killed: crew doctor --fix goes on with it"),
        Some(store) if store.is_busy() => {
            let hint = "another process is writing there all the time; try again, nothing was half-written \
                        (`crew resume` continues a run)";
            Problem::refused("busy", message).hint(hint)
        }
        Some(store) if store.is_disk_full() => {
            let problem = Problem {
                exit: ExitStatus::Failed,
                ..Problem::usage("disk_full", format!("the disk is full: {message}"))
            };
            problem.hint("free some space; what was recorded before is whole, and `crew resume` continues")
        }
        Some(store) if store.is_damaged() => {
            let problem = Problem { exit: ExitStatus::Failed, ..Problem::usage("store_damaged", message) };
            problem.hint(
                "nothing more is written to it; crew doctor --fix brings what can be read of it into a new one, and sets \
                 it aside. Copies and logs of each run lie below .crew/runs",
            )
        }
        Some(store) if store.is_out_of_files() => {
            let problem = Problem { exit: ExitStatus::Failed, ..Problem::usage("too_many_files", message) };
            problem.hint("let more files be open (ulimit -n 4096), or run fewer tasks at once (--jobs)")
        }
        Some(store) if store.is_read_only() => {
            let problem = Problem { exit: ExitStatus::Failed, ..Problem::usage("read_only", message) };
            problem.hint("crew has to write below .crew: look at who owns it, and how it is mounted")
        }
        Some(_) => Problem { exit: ExitStatus::Failed, ..Problem::usage("store", message) }
            .hint("crew doctor looks into it"),
        None => Problem { exit: ExitStatus::Failed, ..Problem::usage("failed", message) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;

    #[test]
    fn what_sqlite_says_is_said_once() {
        let words = "database disk image is malformed".to_owned();
        let corrupt = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        let source = rusqlite::Error::SqliteFailure(corrupt, Some(words));
        let error = anyhow::Error::new(StoreError::Database { path: "crew.db".into(), source });
        assert_eq!(said(&error.context("look")), "look: the store crew.db: database disk image is malformed");
        assert_eq!(said(&anyhow::anyhow!("first").context("then")), "then: first");
    }

    #[test]
    fn a_problem_in_one_line_says_where_it_is() {
        let problem = Problem::usage("unreadable", "it is not UTF-8").at("config.json");
        assert_eq!(in_one_line(&problem.clone().into()), "config.json: it is not UTF-8");
        assert_eq!(in_one_line(&Problems(vec![problem]).into()), "config.json: it is not UTF-8");
    }

    #[test]
    fn a_mistake_in_what_was_typed_is_said_without_the_words_for_a_terminal() {
        let text = "error: unexpected argument '--x' found\n\nUsage: crew wait <RUNS>...\n\n\
                    For more information, try '--help'.\n";
        let Problem { code, message, hint, exit, .. } = of_usage(text);
        assert_eq!((code, exit), ("usage", ExitStatus::Usage));
        assert_eq!(message, "unexpected argument '--x' found");
        assert_eq!(hint.as_deref(), Some("Usage: crew wait <RUNS>..."));
        assert_eq!(of_usage("error: no").message, "no");
    }

    #[test]
    fn a_store_that_cannot_grow_is_told_as_a_full_disk_and_another_error_is_not() {
        use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_READ, SQLITE_IOERR_SHMSIZE};
        for (code, expected) in
            [(SQLITE_FULL, "disk_full"), (SQLITE_IOERR_SHMSIZE, "disk_full"), (SQLITE_IOERR_READ, "store")]
        {
            let source = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            let path = std::env::temp_dir().join("crew.db");
            let problem = problem_of(&StoreError::Database { path, source }.into());
            assert_eq!((problem.code, problem.exit), (expected, ExitStatus::Failed), "{}", problem.message);
            assert_eq!(problem.message.starts_with("the disk is full: "), expected == "disk_full");
        }
    }

    #[test]
    fn who_comes_second_is_refused_with_a_reason_and_not_told_that_it_failed() {
        let busy =
            rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None);
        let rows = [
            (StoreError::Database { path: "crew.db".into(), source: busy }, "busy"),
            (StoreError::Stale { run: RunId::from_random(1) }, "stale"),
            (StoreError::Replaced { path: "crew.db".into() }, "store_replaced"),
        ];
        for (error, code) in rows {
            let problem = problem_of(&anyhow::Error::new(error).context("record what happened"));
            assert_eq!((problem.code, problem.exit), (code, ExitStatus::Refused));
            assert!(problem.hint.is_some_and(|hint| hint.contains("try again")), "{}", problem.message);
        }
    }
}
