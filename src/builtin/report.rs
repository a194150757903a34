//! Composes the report of a run from the results of its tasks.

use super::writing::{cell, code, counted, prose, quote, span};
use crate::domain::finding::{Finding, Severity};
use crate::domain::quoted;
use crate::domain::submission::ReviewBody;
use crate::domain::submission::{Check, MAX_DETAILS, ResultBody, Verdict};
use crate::domain::words::{clean_line, clean_text};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

/// How a task went, with what it handed in.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskResult {
    pub task: String,
    pub role: String,
    /// The task's state by its name: `completed`, `failed` ...
    pub state: String,
    /// Why it is in that state, where somebody said so.
    pub reason: Option<String>,
    pub result: Option<ResultBody>,
    /// What a reviewer handed in instead of a result.
    pub review: Option<ReviewBody>,
}

impl TaskResult {
    fn is_completed(&self) -> bool {
        self.state == "completed"
    }

    fn has_delivered(&self) -> bool {
        self.is_completed() && (self.result.is_some() || self.review.is_some())
    }

    /// Returns the result that it handed in, if that counts.
    fn accepted(&self) -> Option<&ResultBody> {
        self.result.as_ref().filter(|_| self.is_completed())
    }
}

/// How many findings are written out; the rest is counted.
const MAX_FINDINGS: usize = 300;
const MAX_CHECKS: usize = 100;
const MAX_TASKS: usize = 200;
const MAX_TEXT: usize = 300;
const MAX_BODY_BYTES: usize = 2_000;

/// Composes the report of what `results` say about `goal`.
///
/// What a task that was not completed handed in is shown as such, but proves nothing.
pub fn report(goal: &str, results: &[TaskResult]) -> ResultBody {
    let findings = collect_findings(results);
    let conclusion = Conclusion::of(results, &findings);
    let mut page = format!("**{}**: {}\n\n", conclusion.word, conclusion.sentence);
    page.push_str(&format!("Goal: {}\n", prose(goal, 1_000)));
    write_findings(&mut page, results, &findings);
    write_checks(&mut page, results);
    write_map(&mut page, results);
    write_not_done(&mut page, results);
    write_tasks(&mut page, results);
    ResultBody {
        summary: clean_line(&format!("{}: {}", conclusion.word, conclusion.sentence), 1_000),
        confidence: conclusion.confidence,
        rationale: "Composed from what the tasks handed in and how they ended; nothing was added.".to_owned(),
        details: Some(clean_text(&page, MAX_DETAILS)),
        // The role may write files, and a report is none of the repository's.
        no_change_reason: Some("the report is in the details".to_owned()),
        ..ResultBody::default()
    }
}

/// What the results come to.
struct Conclusion {
    word: &'static str,
    sentence: String,
    confidence: f64,
}

impl Conclusion {
    /// The worst thing that is known gives the word.
    fn of(results: &[TaskResult], findings: &[Remark]) -> Conclusion {
        let verdicts: Vec<Verdict> = results.iter().filter_map(|task| task.accepted()?.verdict).collect();
        let open = results.iter().filter(|task| !task.is_completed()).count();
        let serious = findings.iter().any(|remark| remark.finding.severity >= Severity::Error);
        let checked = describe_verdicts(&verdicts, results);
        let (word, confidence) = if verdicts.contains(&Verdict::Fail) {
            ("Fail", 1.0)
        } else if results.is_empty() || open > 0 {
            ("Incomplete", 0.5)
        } else if serious {
            ("Needs attention", 0.9)
        } else if verdicts.contains(&Verdict::Inconclusive) {
            ("Inconclusive", 0.5)
        } else if verdicts.is_empty() {
            ("Not verified", 0.5)
        } else {
            ("Pass", 0.9)
        };
        let done = match (results.len(), open) {
            (0, _) => "no task was done".to_owned(),
            (all, 0) => format!("{} completed", counted(all, "task")),
            (all, open) => format!("{open} of {} not completed", counted(all, "task")),
        };
        Conclusion {
            word,
            sentence: format!("{checked}; {}; {done}.", describe_findings(results, findings)),
            confidence,
        }
    }
}

fn describe_verdicts(verdicts: &[Verdict], results: &[TaskResult]) -> &'static str {
    let refused = |task: &TaskResult| task.accepted().is_none() && task.result.is_some();
    if verdicts.contains(&Verdict::Fail) {
        "checks failed"
    } else if verdicts.contains(&Verdict::Inconclusive) {
        "the checks prove nothing"
    } else if verdicts.contains(&Verdict::Pass) {
        "the checks that were run passed"
    } else if results.iter().any(|task| refused(task) && task.role == "verifier") {
        "the verification was not accepted"
    } else {
        "no checks were run"
    }
}

fn describe_findings(results: &[TaskResult], findings: &[Remark]) -> String {
    let reviewed = results.iter().any(|task| task.role.contains("review") && task.has_delivered());
    if findings.is_empty() {
        return if reviewed { "no findings" } else { "nothing was reviewed" }.to_owned();
    }
    let counts = Severity::ALL.iter().rev().filter_map(|severity| {
        let count = findings.iter().filter(|remark| remark.finding.severity == *severity).count();
        (count > 0).then(|| format!("{count} {severity}"))
    });
    format!("{} ({})", counted(findings.len(), "finding"), counts.collect::<Vec<_>>().join(", "))
}

/// A finding with the tasks that made it.
struct Remark<'a> {
    finding: &'a Finding,
    tasks: Vec<&'a TaskResult>,
}

/// Gathers the findings, the gravest first; what several reviewers found stands there once.
fn collect_findings(results: &[TaskResult]) -> Vec<Remark<'_>> {
    let mut remarks: Vec<Remark> = Vec::new();
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    for task in results {
        let of_result = task.result.iter().flat_map(|result| &result.findings);
        for finding in of_result.chain(task.review.iter().flat_map(|review| &review.findings)) {
            let key = (finding.file.as_str(), finding.fingerprint.as_str());
            if let Some(at) = known.get(&key) {
                let remark = &mut remarks[*at];
                if !remark.tasks.iter().any(|known| std::ptr::eq(*known, task)) {
                    remark.tasks.push(task);
                }
                // They may differ in how grave they find it; the graver word stands.
                if finding.severity > remark.finding.severity {
                    remark.finding = finding;
                }
                continue;
            }
            if !finding.fingerprint.is_empty() {
                known.insert(key, remarks.len());
            }
            remarks.push(Remark { finding, tasks: vec![task] });
        }
    }
    remarks.sort_by_key(|remark| {
        (Reverse(remark.finding.severity), &remark.finding.file, remark.finding.start_line)
    });
    remarks
}

fn write_findings(page: &mut String, results: &[TaskResult], findings: &[Remark]) {
    page.push_str("\n## Findings\n\n");
    if findings.is_empty() {
        page.push_str(&format!("None: {}.\n", describe_findings(results, findings)));
        return;
    }
    let shown = &findings[..findings.len().min(MAX_FINDINGS)];
    for same in shown.chunk_by(|a, b| a.finding.severity == b.finding.severity) {
        let severity = same[0].finding.severity;
        let all = findings.iter().filter(|remark| remark.finding.severity == severity).count();
        page.push_str(&format!("### {} ({all})\n\n", capitalised(severity.name())));
        for remark in same {
            write_remark(page, remark);
        }
        end_block(page);
    }
    if findings.len() > shown.len() {
        page.push_str(&format!("{} not shown.\n", counted(findings.len() - shown.len(), "further finding")));
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
}

/// Leaves exactly one empty line at the end of the page.
fn end_block(page: &mut String) {
    page.truncate(page.trim_end().len());
    page.push_str("\n\n");
}

fn write_remark(page: &mut String, remark: &Remark) {
    let finding = remark.finding;
    let by: Vec<_> = remark.tasks.iter().take(4).map(|task| described(task)).collect();
    page.push_str(&format!(
        "- {} {} ({}, by {})\n",
        code(&place_of(finding), MAX_TEXT),
        prose(&finding.title, MAX_TEXT),
        prose(&finding.category, 40),
        by.join(", ")
    ));
    if !finding.body.trim().is_empty() {
        page.push('\n');
        page.push_str(&quote(&finding.body, "  ", MAX_BODY_BYTES));
        page.push('\n');
    }
    if let Some(suggestion) = finding.suggestion.as_ref().filter(|suggestion| !suggestion.trim().is_empty()) {
        page.push_str("  Suggestion:\n\n");
        page.push_str(&quote(suggestion, "  ", MAX_BODY_BYTES));
        page.push('\n');
    }
}

/// Names a task, and says so where what it handed in was not accepted.
fn described(task: &TaskResult) -> String {
    let name = code(&task.task, 80);
    if task.is_completed() { name } else { format!("{name}, which is {}", prose(&task.state, 40)) }
}

fn place_of(finding: &Finding) -> String {
    let file = clean_line(&quoted::quote(&finding.file), MAX_TEXT - 24);
    match (finding.start_line, finding.end_line) {
        (0, _) => file,
        (start, end) if end > start => format!("{file}:{start}-{end}"),
        (start, _) => format!("{file}:{start}"),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn write_checks(page: &mut String, results: &[TaskResult]) {
    let checks: Vec<(&TaskResult, &Check)> = results
        .iter()
        .flat_map(|task| {
            task.result.iter().flat_map(move |result| result.checks.iter().map(move |check| (task, check)))
        })
        .collect();
    page.push_str("\n## Checks\n\n");
    if checks.is_empty() {
        page.push_str("None: no checks were run.\n");
        return;
    }
    page.push_str("| command | outcome | time | what was seen | task |\n|---|---|---:|---|---|\n");
    for (task, check) in checks.iter().take(MAX_CHECKS) {
        page.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            cell(&code(&check.command, MAX_TEXT)),
            outcome_of(check),
            span(Duration::from_millis(check.millis)),
            cell(&prose(&check.note, MAX_TEXT)),
            cell(&described(task)),
        ));
    }
    if checks.len() > MAX_CHECKS {
        page.push_str(&format!("\n{} not shown.\n", counted(checks.len() - MAX_CHECKS, "further check")));
    }
}

fn outcome_of(check: &Check) -> String {
    match check.exit {
        // A runner may end with a code and still have tested nothing; its note says so.
        _ if check.note.starts_with("not run") => "not run".to_owned(),
        Some(0) => "exit 0".to_owned(),
        Some(exit) => format!("**exit {exit}**"),
        None => "**no exit code**".to_owned(),
    }
}

fn write_map(page: &mut String, results: &[TaskResult]) {
    let maps: Vec<_> =
        results.iter().filter(|task| task.role == "explorer").filter_map(TaskResult::accepted).collect();
    if maps.is_empty() {
        return;
    }
    page.push_str("\n## The repository\n\n");
    for map in maps.iter().take(MAX_TASKS) {
        page.push_str(&format!("{}\n", prose(&map.summary, 1_000)));
    }
}

fn write_not_done(page: &mut String, results: &[TaskResult]) {
    let open: Vec<_> = results.iter().filter(|task| !task.is_completed()).collect();
    let unproved = results.iter().filter_map(|task| {
        let result = task.accepted().filter(|result| result.verdict == Some(Verdict::Inconclusive))?;
        Some((task, result))
    });
    let unproved: Vec<_> = unproved.collect();
    if open.is_empty() && unproved.is_empty() {
        return;
    }
    page.push_str("\n## Not done\n\n");
    for task in open.iter().take(MAX_TASKS) {
        let reason = task.reason.as_deref().unwrap_or("no reason was given");
        page.push_str(&format!(
            "- {} ({}) is {}: {}\n",
            code(&task.task, 80),
            prose(&task.role, 40),
            prose(&task.state, 40),
            prose(reason, 1_000)
        ));
    }
    for (task, result) in unproved.iter().take(MAX_TASKS) {
        page.push_str(&format!(
            "- {} proved nothing: {}\n",
            code(&task.task, 80),
            prose(&result.summary, 1_000)
        ));
    }
    if open.len() > MAX_TASKS {
        page.push_str(&format!("- and {}\n", counted(open.len() - MAX_TASKS, "further task")));
    }
}

fn write_tasks(page: &mut String, results: &[TaskResult]) {
    if results.is_empty() {
        return;
    }
    page.push_str("\n## Tasks\n\n| task | role | state | what it says |\n|---|---|---|---|\n");
    for task in results.iter().take(MAX_TASKS) {
        let says = task.result.as_ref().map_or("(nothing was handed in)", |result| result.summary.as_str());
        page.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            cell(&code(&task.task, 80)),
            cell(&prose(&task.role, 40)),
            cell(&prose(&task.state, 40)),
            cell(&prose(says, MAX_TEXT)),
        ));
    }
    if results.len() > MAX_TASKS {
        page.push_str(&format!("\n{} not shown.\n", counted(results.len() - MAX_TASKS, "further task")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::Terms;

    fn task(name: &str, role: &str, state: &str, result: Option<ResultBody>) -> TaskResult {
        TaskResult {
            task: name.into(),
            role: role.into(),
            state: state.into(),
            reason: None,
            result,
            review: None,
        }
    }

    fn result(summary: &str) -> ResultBody {
        ResultBody {
            summary: summary.into(),
            confidence: 1.0,
            rationale: "r".into(),
            ..ResultBody::default()
        }
    }

    fn verified(verdict: Verdict) -> ResultBody {
        let exit = match verdict {
            Verdict::Pass => Some(0),
            Verdict::Fail => Some(101),
            Verdict::Inconclusive => None,
        };
        let note = if exit.is_none() { "not run: cargo is not on PATH" } else { "3 passed | 0 failed" };
        let check = Check { command: "cargo test".into(), exit, millis: 12_000, note: note.into() };
        ResultBody { verdict: Some(verdict), checks: vec![check], ..result("verified") }
    }

    fn finding(severity: Severity, file: &str, line: u32, title: &str) -> Finding {
        Finding {
            severity,
            category: "todo".into(),
            file: file.into(),
            start_line: line,
            end_line: line,
            title: title.into(),
            body: String::new(),
            suggestion: None,
            confidence: 1.0,
            quote: String::new(),
            fingerprint: format!("{file}{line}"),
            standing: None,
        }
    }

    fn reviewed(findings: Vec<Finding>) -> ResultBody {
        ResultBody { findings, ..result("reviewed") }
    }

    fn page_of(results: &[TaskResult]) -> String {
        report("make it good", results).details.unwrap()
    }

    #[test]
    fn a_report_reads_like_this() {
        let mut grave = finding(Severity::Error, "src/a.rs", 12, "Conflict marker in `a`");
        grave.body = "<<<<<<< HEAD\n```\nopen fence".into();
        grave.suggestion = Some("Resolve it.".into());
        let ranged = Finding { end_line: 9, ..finding(Severity::Warning, "b|c`.rs", 7, "long <b>") };
        let results = [
            task("explore", "explorer", "completed", Some(result("Rust, 3 files; test `cargo test`"))),
            task("review", "reviewer", "completed", Some(reviewed(vec![ranged, grave.clone()]))),
            task("security", "security-reviewer", "completed", Some(reviewed(vec![grave]))),
            task("verify", "verifier", "completed", Some(verified(Verdict::Pass))),
            TaskResult {
                reason: Some("the program is not on PATH".into()),
                ..task("fix", "executor", "failed", None)
            },
        ];
        let body = report("make it good", &results);
        assert_eq!(body.check(&Terms::of_role("writer")), Ok(()));
        let expected = r"**Incomplete**: the checks that were run passed; 2 findings (1 error, 1 warning); 1 of 5 tasks not completed.

Goal: make it good

## Findings

### Error (1)

- `src/a.rs:12` Conflict marker in `a` (todo, by `review`, `security`)

  > <<<<<<< HEAD
  > ```
  > open fence

  Suggestion:

  > Resolve it.

### Warning (1)

- ``b|c`.rs:7-9`` long \<b\> (todo, by `review`)

## Checks

| command | outcome | time | what was seen | task |
|---|---|---:|---|---|
| `cargo test` | exit 0 | 12 s | 3 passed \| 0 failed | `verify` |

## The repository

Rust, 3 files; test `cargo test`

## Not done

- `fix` (executor) is failed: the program is not on PATH

## Tasks

| task | role | state | what it says |
|---|---|---|---|
| `explore` | explorer | completed | Rust, 3 files; test `cargo test` |
| `review` | reviewer | completed | reviewed |
| `security` | security-reviewer | completed | reviewed |
| `verify` | verifier | completed | verified |
| `fix` | executor | failed | (nothing was handed in) |
";
        assert_eq!(body.details.unwrap(), expected);
    }

    #[test]
    fn the_worst_that_is_known_comes_first() {
        let verify = |verdict| task("v", "verifier", "completed", Some(verified(verdict)));
        let error =
            task("r", "reviewer", "completed", Some(reviewed(vec![finding(Severity::Error, "a", 1, "t")])));
        let note =
            task("r", "reviewer", "completed", Some(reviewed(vec![finding(Severity::Info, "a", 1, "t")])));
        let failed = task("x", "executor", "failed", None);
        let table = [
            (vec![], "Incomplete: no checks were run; nothing was reviewed; no task was done."),
            (
                vec![verify(Verdict::Pass)],
                "Pass: the checks that were run passed; nothing was reviewed; 1 task completed.",
            ),
            (
                vec![verify(Verdict::Fail), failed.clone()],
                "Fail: checks failed; nothing was reviewed; 1 of 2 tasks not completed.",
            ),
            (
                vec![verify(Verdict::Pass), verify(Verdict::Inconclusive)],
                "Inconclusive: the checks prove nothing; nothing was reviewed; 2 tasks completed.",
            ),
            (
                vec![verify(Verdict::Pass), error],
                "Needs attention: the checks that were run passed; 1 finding (1 error); 2 tasks completed.",
            ),
            (
                vec![verify(Verdict::Pass), note.clone()],
                "Pass: the checks that were run passed; 1 finding (1 info); 2 tasks completed.",
            ),
            (
                vec![note, failed],
                "Incomplete: no checks were run; 1 finding (1 info); 1 of 2 tasks not completed.",
            ),
            (
                vec![task("r", "reviewer", "completed", Some(reviewed(vec![])))],
                "Not verified: no checks were run; no findings; 1 task completed.",
            ),
        ];
        for (results, expected) in table {
            assert_eq!(report("g", &results).summary, expected);
        }
    }

    #[test]
    fn a_verdict_that_was_not_accepted_passes_nothing() {
        let results = [task("verify", "verifier", "failed", Some(verified(Verdict::Pass)))];
        let body = report("g", &results);
        assert!(
            body.summary.starts_with("Incomplete: the verification was not accepted"),
            "{}",
            body.summary
        );
        assert!(page_of(&results).contains("`verify`, which is failed"));
    }

    #[test]
    fn what_was_not_run_is_not_called_passed() {
        let page = page_of(&[task("verify", "verifier", "completed", Some(verified(Verdict::Inconclusive)))]);
        assert!(page.contains("| `cargo test` | not run | 12 s |"), "{page}");
        assert!(page.contains("- `verify` proved nothing: verified"), "{page}");
        assert!(!page.contains("passed"), "{page}");
    }

    #[test]
    fn the_graver_of_two_words_about_one_place_stands() {
        let found = |severity| reviewed(vec![finding(severity, "a", 1, "t")]);
        let results = [
            task("one", "reviewer", "completed", Some(found(Severity::Info))),
            task("two", "reviewer", "completed", Some(found(Severity::Blocker))),
        ];
        assert!(report("g", &results).summary.contains("1 finding (1 blocker)"));
    }

    #[test]
    fn hostile_words_break_no_line() {
        let hostile = "x\n# heading\u{1b}[2J | `` ` <script> \u{202e}";
        let mut remark = finding(Severity::Error, hostile, 3, hostile);
        remark.category = hostile.into();
        remark.body = hostile.into();
        let results = [TaskResult {
            reason: Some(hostile.into()),
            ..task(hostile, hostile, hostile, Some(reviewed(vec![remark])))
        }];
        let page = report(hostile, &results).details.unwrap();
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
        assert!(!page.lines().any(|line| line.starts_with("# heading")), "{page}");
        for row in page.lines().filter(|line| line.starts_with("| ")) {
            let bars = row.replace("\\|", "").matches('|').count();
            assert!(bars == 5, "{row}");
        }
    }

    #[test]
    fn ten_thousand_findings_are_counted_but_not_all_shown() {
        let many = (0..10_000).map(|line| finding(Severity::Warning, "a", line + 1, "t")).collect();
        let page = page_of(&[task("r", "reviewer", "completed", Some(reviewed(many)))]);
        assert!(
            page.contains("### Warning (10000)") && page.contains("9,700 further findings not shown."),
            "{}",
            page.len()
        );
        assert!(page.len() < 100_000);
    }
}
