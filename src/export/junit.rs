//! JUnit XML: a suite for the run, a case for each task.
//!
//! Elements and attributes are those of the schema that Jenkins publishes (junit-10.xsd), which has taken over from
//! Maven's Surefire what tells attempts that were repeated: a task that succeeded in the end has a `flakyFailure` or
//! `flakyError` for each attempt before; one that did not has a `failure` or `error` for the first, and a `rerunFailure`
//! or `rerunError` for each further one.

use super::account::{Account, AttemptAccount, TaskAccount, Text};
use crate::domain::error_kind::ErrorClass;
use crate::domain::event::Outcome;
use crate::domain::run::RunStatus;
use crate::domain::task::TaskState;
use crate::review::formats::{escaped, inert};
use std::fmt::Write;

/// The most bytes of what a case says beside its failures.
const MAX_OUT: usize = 16 * 1024;
/// The most bytes of one failure's text.
const MAX_FAILURE: usize = 8 * 1024;

/// What a case comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// The work itself was wrong.
    Failed,
    /// Something around it was.
    Errored,
    Skipped,
}

fn verdict(task: &TaskAccount) -> Verdict {
    match task.state {
        TaskState::Completed => Verdict::Passed,
        TaskState::Failed if task.error_kind.is_some_and(|kind| kind.class() != ErrorClass::Content) => {
            Verdict::Errored
        }
        TaskState::Failed | TaskState::NeedsReview => Verdict::Failed,
        TaskState::Queued
        | TaskState::Running
        | TaskState::AwaitingInput
        | TaskState::Skipped
        | TaskState::Cancelled => Verdict::Skipped,
    }
}

/// Writes a run as JUnit XML. Times are seconds.
pub fn junit(account: &Account) -> String {
    let count = |wanted| account.tasks.iter().filter(|task| verdict(task) == wanted).count();
    let (failures, errors, skipped) =
        (count(Verdict::Failed), count(Verdict::Errored), count(Verdict::Skipped));
    // Nobody is to take a run for done of which only nothing has failed yet.
    let unfinished = account.run.status != RunStatus::Completed && failures + errors == 0;
    let errors = errors + usize::from(unfinished);
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{}\"",
        account.tasks.len() + usize::from(unfinished),
        seconds(account.run.worked_millis)
    );
    let run = &account.run;
    let name = escaped(&format!("crew run {}: {}", run.short, first(&run.goal, 200)));
    // The schema wants the time without its fraction and zone.
    let began = run.started_at.unwrap_or(run.created_at).to_string();
    let began = began.split(['.', 'Z']).next().unwrap_or_default().to_owned();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"crew\" {counts}>\n  <testsuite name=\"{name}\" \
         {counts} skipped=\"{skipped}\" timestamp=\"{began}\">\n"
    );
    account.tasks.iter().for_each(|task| xml.push_str(&case(account, task)));
    if unfinished {
        xml.push_str(&case_of_run(account));
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Tells that the run has not come to what it was made for, where no task tells that.
fn case_of_run(account: &Account) -> String {
    let status = account.run.status.name();
    format!(
        "    <testcase classname=\"{}\" name=\"the run\" time=\"0.000\">\n      <error type=\"{status}\" \
         message=\"the run is not completed: {}\"></error>\n    </testcase>\n",
        escaped(&account.run.workflow),
        status.replace('_', " ")
    )
}

fn case(account: &Account, task: &TaskAccount) -> String {
    let millis: u64 = task.attempts.iter().filter_map(|attempt| attempt.millis).sum();
    let mut xml = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">\n",
        escaped(&format!("{}.{}", account.run.workflow, task.role)),
        escaped(task.id.as_str()),
        seconds(millis)
    );
    let failed: Vec<&AttemptAccount> = task.attempts.iter().filter(|attempt| has_failed(attempt)).collect();
    let verdict = verdict(task);
    match verdict {
        Verdict::Passed => failed.iter().for_each(|attempt| xml.push_str(&again("flaky", task, attempt))),
        Verdict::Skipped => {
            let why = if task.reason.is_empty() {
                task.state.to_string().replace('_', " ")
            } else {
                task.reason.clone()
            };
            let _ = writeln!(xml, "      <skipped message=\"{}\"/>", escaped(&first(&why, 500)));
        }
        Verdict::Failed | Verdict::Errored => {
            let element = if verdict == Verdict::Errored { "error" } else { "failure" };
            let kind = task.error_kind.map_or(task.state.name(), |kind| kind.name());
            let (message, text) = match failed.first() {
                Some(attempt) => (why(task, attempt), said(attempt)),
                None => (task.reason.clone(), String::new()),
            };
            let (message, text) = (escaped(&first(&message, 500)), escaped(&clean(&text, MAX_FAILURE)));
            let _ =
                writeln!(xml, "      <{element} type=\"{kind}\" message=\"{message}\">{text}</{element}>");
            failed.iter().skip(1).for_each(|attempt| xml.push_str(&again("rerun", task, attempt)));
        }
    }
    let out = escaped(&clean(&output(task), MAX_OUT));
    if !out.is_empty() {
        let _ = writeln!(xml, "      <system-out>{out}</system-out>");
    }
    xml.push_str("    </testcase>\n");
    xml
}

/// Tells whether an attempt counts against its task. One that somebody stopped does not.
fn has_failed(attempt: &AttemptAccount) -> bool {
    matches!(attempt.outcome, Some(Outcome::Failed | Outcome::NeedsReview | Outcome::Lost))
}

/// Tells of an attempt that was not the only one.
fn again(word: &str, task: &TaskAccount, attempt: &AttemptAccount) -> String {
    let errored = attempt.error_kind.is_some_and(|kind| kind.class() != ErrorClass::Content)
        || attempt.outcome == Some(Outcome::Lost);
    let element = format!("{word}{}", if errored { "Error" } else { "Failure" });
    let kind = attempt.error_kind.map_or(attempt.state.as_str(), |kind| kind.name());
    let message = escaped(&first(&format!("attempt {}: {}", attempt.number, why(task, attempt)), 500));
    let text = escaped(&clean(&said(attempt), MAX_FAILURE));
    format!(
        "      <{element} type=\"{}\" message=\"{message}\"><stackTrace>{text}</stackTrace></{element}>\n",
        escaped(kind)
    )
}

fn why(task: &TaskAccount, attempt: &AttemptAccount) -> String {
    let why = [&attempt.reason, &task.reason].into_iter().find(|why| !why.is_empty());
    why.cloned().unwrap_or_else(|| attempt.ended.clone().unwrap_or_default())
}

/// Returns what an attempt left that says what went wrong: the end of the failing checks' output, else of its log.
fn said(attempt: &AttemptAccount) -> String {
    let mut text = String::new();
    for check in attempt.verifications.iter().filter(|check| !check.passed) {
        let _ = writeln!(text, "$ {}\n{}", check.command, check.ended);
    }
    for refusal in &attempt.refusals {
        let _ = writeln!(text, "refused ({}): {}", refusal.code, refusal.reason);
    }
    let of_checks = attempt.verification_output.as_ref().filter(|_| !text.is_empty());
    let end = of_checks.or(attempt.log.as_ref()).map(|log| end_of(log, MAX_FAILURE / 2));
    text + &end.unwrap_or_default()
}

fn output(task: &TaskAccount) -> String {
    let mut text = String::new();
    for attempt in &task.attempts {
        let model = attempt.model.as_ref().map(|model| format!(" {model}")).unwrap_or_default();
        let _ = writeln!(text, "attempt {} of {}{model}: {}", attempt.number, attempt.agent, attempt.state);
        if !attempt.summary.is_empty() {
            let _ = writeln!(text, "{}", attempt.summary);
        }
        for finding in &attempt.findings {
            let (file, line) = (&finding.file, finding.start_line);
            let _ = writeln!(text, "{} {file}:{line} {}", finding.severity, finding.title);
        }
        for check in &attempt.verifications {
            let _ = writeln!(text, "$ {}: {}", check.command, check.ended);
        }
    }
    if let Some(diff) = &task.diff {
        let _ = writeln!(text, "{} files, +{} -{}", diff.changed, diff.insertions, diff.deletions);
    }
    text
}

/// Returns the end of a text that may be long.
fn end_of(text: &Text, most: usize) -> String {
    let from = text.text.ceil_char_boundary(text.text.len().saturating_sub(most));
    text.text[from..].to_owned()
}

/// Returns a text of at most so many bytes that no reader takes for a command or a file to show.
fn clean(text: &str, most: usize) -> String {
    let text = crate::domain::words::clean_text(text, most);
    inert(&text).replace("[[ATTACHMENT", "[ [ATTACHMENT")
}

fn first(text: &str, most: usize) -> String {
    inert(&crate::domain::words::clean_line(text, most))
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}
