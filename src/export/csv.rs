//! A row for each attempt, for spreadsheets (RFC 4180).

use super::account::{Account, AttemptAccount, TaskAccount};

const COLUMNS: [&str; 28] = [
    "run",
    "task",
    "role",
    "attempt",
    "agent",
    "model",
    "state",
    "task_state",
    "started_at",
    "ended_at",
    "millis",
    "error_kind",
    "class",
    "reason",
    "retried",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_usd",
    "tool_calls",
    "confidence",
    "findings",
    "checks_passed",
    "checks_failed",
    "files_changed",
    "insertions",
    "deletions",
    "summary",
];

/// Writes the attempts of a run as CSV. Times are RFC 3339, costs US dollars; what is not known is empty.
pub fn csv(account: &Account) -> String {
    let mut text = row(COLUMNS.map(str::to_owned));
    for task in &account.tasks {
        for attempt in &task.attempts {
            text.push_str(&row(cells(account, task, attempt)));
        }
    }
    text
}

fn cells(account: &Account, task: &TaskAccount, attempt: &AttemptAccount) -> [String; COLUMNS.len()] {
    fn known<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let passed = attempt.verifications.iter().filter(|check| check.passed).count();
    let tree = attempt.tree.as_ref();
    [
        account.run.id.to_string(),
        task.id.to_string(),
        task.role.clone(),
        attempt.number.to_string(),
        attempt.agent.clone(),
        known(attempt.model.as_ref()),
        attempt.state.clone(),
        task.state.to_string(),
        attempt.started_at.to_string(),
        known(attempt.ended_at),
        known(attempt.millis),
        known(attempt.error_kind),
        known(attempt.class.as_ref()),
        attempt.reason.clone(),
        attempt.is_retried().to_string(),
        known(attempt.usage.input_tokens),
        known(attempt.usage.output_tokens),
        known(attempt.usage.cached_tokens),
        known(attempt.usage.cost_usd),
        attempt.tool_calls.to_string(),
        known(attempt.confidence),
        attempt.findings.len().to_string(),
        passed.to_string(),
        (attempt.verifications.len() - passed).to_string(),
        known(tree.map(|tree| tree.changed)),
        known(tree.map(|tree| tree.insertions)),
        known(tree.map(|tree| tree.deletions)),
        attempt.summary.clone(),
    ]
}

fn row(cells: [String; COLUMNS.len()]) -> String {
    format!("{}\r\n", cells.map(|text| cell(&text)).join(","))
}

/// Returns a text as a cell, which no spreadsheet takes for a formula, nor a part of it: one whose list separator is `;`, or that
/// is told to take tabs, makes several cells of it, and does not see that it was quoted.
fn cell(text: &str) -> String {
    let first = text.starts_with(['\t', '\r']) || begins_formula(text);
    let mut safe = if first { "'".to_owned() } else { String::new() };
    for (at, character) in text.char_indices() {
        safe.push(character);
        if [';', '\t', '\r', '\n'].contains(&character) && begins_formula(&text[at + 1..]) {
            safe.push('\'');
        }
    }
    let (acts, text) = (safe.len() > text.len(), safe);
    match text.contains([',', '"', '\r', '\n']) || acts {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

/// Tells whether a text would be a formula as a cell, with what a spreadsheet skips at its beginning.
fn begins_formula(text: &str) -> bool {
    text.trim_start_matches([' ', '"']).starts_with(['=', '+', '-', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_ends_its_row() {
        for (text, cell_is) in [
            ("plain", "plain"),
            ("", ""),
            ("=1+2", "\"'=1+2\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\"'\tx\""),
            ("a,b", "\"a,b\""),
            ("say \"so\"\nnow", "\"say \"\"so\"\"\nnow\""),
            ("1-2", "1-2"),
            ("a; b", "a; b"),
            ("x;=cmd|calc!A0", "\"x;'=cmd|calc!A0\""),
            ("x; \"@SUM(A1)\"", "\"x;' \"\"@SUM(A1)\"\"\""),
            ("x\t+1;-1", "\"x\t'+1;'-1\""),
            ("x\n=1\r-1", "\"x\n'=1\r'-1\""),
            (";=1", "\";'=1\""),
            (" =1", "\"' =1\""),
        ] {
            assert_eq!(cell(text), cell_is);
        }
    }
}
