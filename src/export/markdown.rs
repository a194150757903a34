//! Markdown for people: what a run came to, for a pull request or a ticket.

use super::account::{Account, AttemptAccount, GateAccount, MergeAccount, TaskAccount, WorkKind};
use crate::domain::finding::Finding;
use crate::domain::task::TaskState;
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::{clean_line, clean_text};
use crate::review::formats::{block, code, line};
use crate::ui::words;
use std::fmt::Write;
use std::time::Duration;

/// The most bytes of the whole: GitHub takes 65,536 characters for a pull request or a comment.
const MAX: usize = 60_000;
/// The most bytes of an agent's own words about its result.
const MAX_RESULT: usize = 4_000;
/// The most characters of a command.
const MAX_COMMAND: usize = 300;
/// The most characters of what was asked at a gate, and of the answer.
const MAX_WORDS: usize = 500;
/// The most findings that are listed of one attempt.
const MAX_FINDINGS: usize = 30;
/// The most files that are listed of one task.
const MAX_FILES: usize = 30;

/// Writes a run as Markdown of at most [`MAX`] bytes; how many tasks have no room is said.
pub fn markdown(account: &Account) -> String {
    let mut text = head(account);
    let mut left_out = 0;
    for task in &account.tasks {
        let told = of_task(task, &account.run.short);
        match text.len() + told.len() < MAX {
            true => text.push_str(&told),
            false => left_out += 1,
        }
    }
    if left_out > 0 {
        let _ = writeln!(
            text,
            "\n{} not shown here; `crew export {}` has all of them.",
            if left_out == 1 { "1 more task is".to_owned() } else { format!("{left_out} more tasks are") },
            account.run.short
        );
    }
    text
}

fn head(account: &Account) -> String {
    let run = &account.run;
    let mut text = format!("## crew run {}: {}\n\n", line(&run.short), run.status.words());
    let _ = writeln!(text, "{}\n", block(&clean_text(&run.goal, 2_000)));
    let counts: Vec<String> = run
        .counts
        .iter()
        .map(|(state, count)| format!("{count} {}", state.to_string().replace('_', " ")))
        .collect();
    let used = used(&run.usage);
    let base = run.base.as_ref().map(|base| {
        let branch = base.branch.as_ref().map(|branch| format!(" of {}", code(branch))).unwrap_or_default();
        format!(", from {}{branch}", code(short(&base.commit)))
    });
    let _ = writeln!(
        text,
        "{} ({}), {}, {}{used}{}; team {}, workflow {}, begun {}",
        words::count(account.tasks.len(), "task"),
        counts.join(", "),
        words::count(run.attempts, "attempt"),
        time(run.worked_millis),
        base.unwrap_or_default(),
        line(&run.team),
        line(&run.workflow),
        run.created_at,
    );
    if let Some(agents) = account.without_price() {
        let _ = writeln!(text, "\nNo price is told by {}: what it cost is more than that.", line(&agents));
    }
    let notes = account.notes.iter().map(|note| format!("\n> {}\n", line(note)));
    list(&mut text, notes, MAX / 10, "notes");
    text.push_str("\n| task | agent | attempts | time | cost | outcome |\n|---|---|---|---|---|---|\n");
    list(&mut text, account.tasks.iter().map(in_table), MAX / 2, "tasks");
    let gates = account.gates.iter().map(|gate| format!("\n- {}\n", of_gate(gate)));
    list(&mut text, gates, MAX * 3 / 5, "gates");
    let merges = account.merges.iter().map(|merge| format!("\n- {}\n", of_merge(merge)));
    list(&mut text, merges, MAX * 7 / 10, "merges");
    text
}

/// Adds what has room in so many bytes of the text, and says how much has not.
fn list(text: &mut String, told: impl ExactSizeIterator<Item = String>, up_to: usize, what: &str) {
    let count = told.len();
    let mut shown = 0;
    for one in told {
        if text.len() + one.len() > up_to {
            break;
        }
        text.push_str(&one);
        shown += 1;
    }
    if shown < count {
        let _ = writeln!(text, "\n{} more {what} are not listed here", count - shown);
    }
}

fn in_table(task: &TaskAccount) -> String {
    let ended: Vec<u64> = task.attempts.iter().filter_map(|attempt| attempt.millis).collect();
    // How long one takes that is at work, nobody knows.
    let took = if ended.is_empty() { "-".to_owned() } else { time(ended.iter().sum()) };
    let cost = if task.is_paid() { figure(&words::cost(task.usage.cost_usd)) } else { String::new() };
    let mut outcome = vec![task.state.to_string().replace('_', " ")];
    outcome.extend(task.error_kind.map(|kind| kind.name().replace('_', "\\_")));
    outcome.extend(task.diff.as_ref().map(|diff| {
        format!("{}, +{} -{}", words::count(diff.changed, "file"), diff.insertions, diff.deletions)
    }));
    outcome.extend(task.merged_into.last().map(|into| format!("in {}", line(into))));
    format!(
        "| {} | {} | {} | {} | {cost} | {} |\n",
        line(task.id.as_str()),
        line(&task.agent),
        task.attempts.len(),
        took,
        outcome.join("; ")
    )
}

fn of_task(task: &TaskAccount, run: &str) -> String {
    let mut text =
        format!("\n### {}: {}\n", line(task.id.as_str()), task.state.to_string().replace('_', " "));
    if !task.reason.is_empty() && task.state != TaskState::Completed {
        let _ = writeln!(text, "\n{}", line(&task.reason));
    }
    if task.work == WorkKind::Command {
        let _ = writeln!(text, "\nRuns {}", command(&task.asked.text, run));
    }
    if !task.verify.is_empty() {
        let commands: Vec<String> = task.verify.iter().map(|verify| command(verify, run)).collect();
        let _ = writeln!(text, "\nChecked by {}", commands.join(", "));
    }
    if let Some(letter) = &task.dead_letter {
        let _ = writeln!(
            text,
            "\nGiven up ({}) by {}: {}",
            line(&letter.why),
            line(&letter.by),
            line(&letter.last_error)
        );
    }
    let several = task.attempts.len() > 1;
    for attempt in &task.attempts {
        text.push_str(&of_attempt(attempt, several));
    }
    for turn in &task.turns {
        let _ = writeln!(text, "\n{} {}", turn.at, line(&turn.words));
    }
    if let Some(diff) = &task.diff
        && diff.changed > 0
    {
        let files = words::count(diff.changed, "file");
        let _ = writeln!(text, "\n{files}, +{} -{}\n", diff.insertions, diff.deletions);
        for file in diff.files.iter().take(MAX_FILES) {
            let lines = match (file.insertions, file.deletions) {
                (Some(added), Some(removed)) => format!("+{added} -{removed}"),
                _ => "binary".to_owned(),
            };
            let _ = writeln!(text, "- {} {} ({lines})", file.change.replace('_', " "), code(&file.path));
        }
        if diff.changed > MAX_FILES {
            let _ = writeln!(text, "- and {} more", diff.changed - MAX_FILES);
        }
    }
    text
}

/// Returns a command, and where its end can be read if that has no room here.
fn command(text: &str, run: &str) -> String {
    let shown = clean_line(text, MAX_COMMAND);
    match shown == clean_line(text, usize::MAX) {
        true => code(&shown),
        false => {
            let whole = code(&format!("crew export {run} --format json"));
            format!("{} (cut here; {whole} has it whole)", code(&shown))
        }
    }
}

fn of_attempt(attempt: &AttemptAccount, several: bool) -> String {
    let mut text = String::new();
    if several {
        let why = attempt.error_kind.map(|kind| format!(" ({})", line(kind.name()))).unwrap_or_default();
        let _ = writeln!(
            text,
            "\nAttempt {} of {}: {}{why} {}",
            attempt.number,
            line(&attempt.agent),
            attempt.state.replace('_', " "),
            line(&attempt.reason)
        );
    }
    if !attempt.summary.is_empty() {
        let _ = writeln!(text, "\n{}", line(&attempt.summary));
    }
    for check in &attempt.verifications {
        let mark = if check.passed { "passed" } else { "**failed**" };
        let _ = writeln!(
            text,
            "\n- {mark}: {} ({}, {})",
            code(&check.command),
            check.ended,
            time(check.ending.millis)
        );
    }
    for finding in attempt.findings.iter().take(MAX_FINDINGS) {
        let _ = writeln!(text, "\n- {}", of_finding(finding));
    }
    if attempt.findings.len() > MAX_FINDINGS {
        let _ = writeln!(text, "- and {} more", attempt.findings.len() - MAX_FINDINGS);
    }
    let details = attempt.submission.as_ref().and_then(|said| {
        let body = said["result"]["details"].as_str().or(said["review"]["body"].as_str());
        body.filter(|body| !body.is_empty())
    });
    if let Some(details) = details {
        let _ = writeln!(
            text,
            "\n<details><summary>what it handed in</summary>\n\n{}\n\n</details>",
            block(&clean_text(details, MAX_RESULT))
        );
    }
    text
}

fn of_finding(finding: &Finding) -> String {
    let place = match finding.start_line {
        0 => finding.file.clone(),
        start => format!("{}:{start}", finding.file),
    };
    format!("**{}** {} {}", finding.severity, code(&place), line(&finding.title))
}

fn of_gate(gate: &GateAccount) -> String {
    let decided = match &gate.decided {
        None => "open".to_owned(),
        Some(decided) => {
            let note = [decided.answer.as_deref().unwrap_or_default(), &decided.note].join(" ");
            let note = clean_line(&note, MAX_WORDS);
            format!("{} by {} {}", decided.decision.replace('_', " "), line(&decided.by), line(&note))
        }
    };
    let words = clean_line(&gate.words, MAX_WORDS);
    format!("gate {} on {}: {}: {}", gate.id, line(gate.task.as_str()), line(&words), decided.trim_end())
}

fn of_merge(merge: &MergeAccount) -> String {
    match merge {
        MergeAccount::Merged { at, merging } => {
            let mut tasks: Vec<String> =
                merging.tasks.iter().take(MAX_FILES).map(|merged| line(merged.task.as_str())).collect();
            if merging.tasks.len() > MAX_FILES {
                tasks.push(format!("{} more", merging.tasks.len() - MAX_FILES));
            }
            let (into, to) = (code(&merging.into), code(short(&merging.to)));
            format!("{} merged into {into} as {to} by {}, {at}", tasks.join(", "), line(&merging.by))
        }
        MergeAccount::GivenUp { at, into, why } => {
            format!("not merged into {}: {} ({at})", code(into), line(why))
        }
        MergeAccount::ConflictGiven { at, task, agent, files, .. } => {
            given(*at, task.as_str(), agent, &clean_line(&format!("in {}", files.join(", ")), MAX_WORDS))
        }
        MergeAccount::ConflictResolved { at, task, agent, .. } => {
            given(*at, task.as_str(), agent, "resolved")
        }
        MergeAccount::ConflictLeft { at, task, agent, reasons, .. } => {
            let words = clean_line(&format!("not resolved: {}", reasons.join("; ")), MAX_WORDS);
            given(*at, task.as_str(), agent, &words)
        }
    }
}

fn given(at: Time, task: &str, agent: &str, words: &str) -> String {
    format!("conflict of {}, for {}: {} ({at})", line(task), line(agent), line(words))
}

/// Says what was used, as far as anybody tells; nothing where nobody does.
fn used(usage: &Usage) -> String {
    let tokens = usage.tokens().map(|tokens| format!(", {} tokens", words::tokens(Some(tokens))));
    let some = tokens.is_some() || usage.cost_usd.is_some();
    let cost = some.then(|| format!(", {}", figure(&words::cost(usage.cost_usd))));
    tokens.unwrap_or_default() + &cost.unwrap_or_default()
}

/// Escapes a figure: within a line, `$` begins a formula, `~` strikes out, and `<` begins markup.
fn figure(words: &str) -> String {
    words.replace('$', "\\$").replace('~', "\\~").replace('<', "&lt;")
}

fn time(millis: u64) -> String {
    words::duration(Duration::from_millis(millis))
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::BUILT_IN;
    use crate::export::html::small;

    #[test]
    fn what_is_not_known_is_told_as_everywhere_and_one_is_no_plural() {
        let mut account = small();
        let told = markdown(&account);
        assert!(told.contains("2 tasks (2 completed), 2 attempts, 1m 14s, "), "{told}");
        assert!(told.contains("| 1m 12s | \\$0.02 |") && !told.contains("No price is told"), "{told}");
        account.tasks.truncate(1);
        account.run.attempts = 1;
        (account.run.usage.cost_usd, account.run.usage.input_tokens) = (None, Some(1_800));
        let task = &mut account.tasks[0];
        task.usage.cost_usd = None;
        let attempt = &mut task.attempts[0];
        (attempt.usage.cost_usd, attempt.agent) = (None, "codex".to_owned());
        task.diff.as_mut().expect("a diff").changed = 1;
        let told = markdown(&account);
        assert!(told.contains("1 task (2 completed), 1 attempt, 1m 14s, 1.8k tokens, \\~;"), "{told}");
        assert!(told.contains("No price is told by codex") && told.contains("1 file, +1 -0"), "{told}");
        assert!(told.contains("| 1m 12s | \\~ |"), "{told}");
        account.tasks[0].work = WorkKind::Command;
        assert!(markdown(&account).contains("| 1m 12s |  |"), "a command costs nothing");
        (account.tasks[0].work, account.tasks[0].agent) = (WorkKind::Agent, BUILT_IN.into());
        assert!(markdown(&account).contains("| 1m 12s |  |"), "nor does the built-in agent");
    }
}
