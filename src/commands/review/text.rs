//! A report as people read it in a shell, and as programs read it.

use super::report::Concluded;
use crate::domain::finding::{Finding, Severity, Standing};
use crate::domain::quoted::quote;
use crate::domain::review::judging::Judged;
use crate::domain::review::report::{Agreed, Hidden, Pass, Report};
use crate::domain::words::{clean_line, revealed_line, visible_json};
use crate::review::formats::inert;
use crate::ui::printer::{Printer, Tone};
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use serde_json::{Value, json};
use std::time::Duration;

/// The most findings that are shown to people.
const SHOWN: usize = 200;
/// The most characters of a place.
const MAX_PLACE: usize = 200;

/// Returns a report as JSON, on one line.
pub fn json(concluded: &Concluded) -> String {
    json_line(&value(concluded))
}

/// Returns a report as JSON.
pub fn value(concluded: &Concluded) -> Value {
    let mut json = json!(concluded.report);
    json["result"] = json!(concluded.judged);
    json["exit"] = json!(concluded.exit() as u8);
    json["bar"] = json!(concluded.bar);
    json
}

/// Returns JSON on one line, in which nothing acts on a terminal, and no runner of a pipeline finds a command.
pub fn json_line(json: &Value) -> String {
    visible_json(&json.to_string()).into_owned()
}

/// Returns lines in which no runner of a pipeline finds a command, whoever wrote them. GitHub's takes one at the beginning
/// of a line too, after any blanks (github.com/actions/runner, ActionCommand.cs).
pub fn idle(text: &str) -> String {
    let idle = |line: &str| match line.trim_start().starts_with("::") {
        true => line.replacen("::", ": :", 1),
        false => line.to_owned(),
    };
    let lines: Vec<String> = text.split('\n').map(idle).collect();
    inert(&lines.join("\n"))
}

/// Returns a report as lines; coloured and cut for a terminal where a printer is given.
pub fn text(concluded: &Concluded, printer: Option<&Printer>) -> String {
    let plain = Printer::new(false, false, true);
    let Concluded { report, judged, .. } = concluded;
    let mut lines = vec![heading(report)];
    if report.is_of_nothing() {
        lines.push("nothing to review".into());
        return idle(&lines.join("\n"));
    }
    if let Some(put_right) = &report.reviewed.put_right {
        let short = |id: &str| id.chars().take(10).collect::<String>();
        lines.push(format!(
            "{} was found wanting and stands as it was; what was reviewed in the end is {} on {}, after {}",
            short(&put_right.asked),
            short(&report.reviewed.head),
            clean_line(&put_right.branch, MAX_PLACE),
            words::count(put_right.rounds as usize, "round"),
        ));
    }
    if !report.findings.is_empty() {
        let table = table(&report.findings);
        lines.push(printer.map_or_else(|| table.render_whole(&plain), |printer| table.render(printer)));
    }
    let printer = printer.unwrap_or(&plain);
    if report.findings.len() > SHOWN {
        let more = words::count(report.findings.len() - SHOWN, "more finding");
        lines.push(format!("and {more}: crew review show {} --format json", report.review));
    }
    for (name, why) in report.incomplete() {
        let word = printer.tint(Tone::Bad, "incomplete");
        lines.push(format!("{word}  {}: {}", clean_line(name, 60), clean_line(why, 300)));
    }
    for moved in &report.moved {
        let word = printer.tint(Tone::Bad, "changed");
        // A command that is cut is another one.
        lines.push(format!("{word}  {}", revealed_line(&moved.words())));
        lines.push(format!("         back: {}", revealed_line(&moved.back)));
    }
    lines.extend(report.skipped.iter().map(|sentence| clean_line(sentence, 300)));
    lines.push(printer.tint(tone(*judged), &end(report, *judged)));
    idle(&lines.join("\n"))
}

/// Returns what people may want to type next.
pub fn next_steps(concluded: &Concluded, short: &str) -> Vec<String> {
    let mut steps = Vec::new();
    if let Some(first) = concluded.report.findings.first() {
        let print = first.finding.fingerprint.get(..6).unwrap_or(&first.finding.fingerprint);
        steps.push(format!(
            "next  crew review show {short} {print}    or, where it is none,  crew review dismiss {short} {print} --why TEXT"
        ));
    }
    if concluded.judged == Judged::Incomplete {
        steps.push(format!(
            "next  crew status {short}    crew logs {short}    what a new crew review asks once more"
        ));
    }
    steps
}

fn heading(report: &Report) -> String {
    let reviewed = &report.reviewed;
    let words = clean_line(&reviewed.words, MAX_PLACE);
    let change = match reviewed.base.is_empty() {
        // Nobody knows what it was before.
        true => words,
        false => {
            let files = words::count(reviewed.files, "file");
            format!("{words}  {files}, +{} -{}", reviewed.added, reviewed.removed)
        }
    };
    if report.is_of_nothing() {
        return change;
    }
    let names: Vec<String> = report.reviewers.iter().map(|one| clean_line(&one.name, 60)).collect();
    let took = words::duration(Duration::from_millis(report.millis));
    format!("{change}   {}: {}   {took}", words::count(names.len(), "reviewer"), names.join(", "))
}

fn table(findings: &[Agreed]) -> Rows {
    let mut rows = Rows::bare(&[Column::Left, Column::Left, Column::Wide, Column::Left, Column::Right]);
    for agreed in findings.iter().take(SHOWN) {
        let Agreed { finding, reviewers, .. } = agreed;
        let agree = if agreed.voices() > 1 { " agree" } else { "" };
        rows.add(vec![
            (finding.severity.name().to_owned(), severity_tone(finding.severity)),
            (place(finding), Tone::Plain),
            (finding.title.clone(), Tone::Plain),
            (format!("{}{agree}", reviewers.join(", ")), Tone::Faint),
            (format!("{:.2}", finding.confidence), Tone::Faint),
        ]);
    }
    rows
}

/// Says where a finding is.
pub fn place(finding: &Finding) -> String {
    let file = clean_line(&quote(&finding.file), MAX_PLACE);
    let aside = if finding.standing == Some(Standing::OutsideDiff) { " (not changed)" } else { "" };
    match (finding.file.as_str(), finding.start_line) {
        (".", 0) => "the whole change".into(),
        (_, 0) => file,
        (_, line) => format!("{file}:{line}{aside}"),
    }
}

/// Returns the colour of a severity.
pub fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Blocker | Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Attention,
        Severity::Info => Tone::Faint,
    }
}

fn tone(judged: Judged) -> Tone {
    match judged {
        Judged::NothingToReview => Tone::Faint,
        Judged::Clean => Tone::Good,
        Judged::Findings | Judged::Incomplete => Tone::Bad,
    }
}

fn end(report: &Report, judged: Judged) -> String {
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter(|severity| report.count(*severity) > 0)
        .map(|severity| counted(report.count(severity), severity))
        .collect();
    let counts = if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") };
    let hidden = hidden_words(&report.hidden).map(|words| format!(" ({words})")).unwrap_or_default();
    let asks = report.reviewers.iter().any(|one| one.pass == Pass::ChangesRequested);
    let verdict = match (judged, asks) {
        (Judged::NothingToReview, _) => "nothing to review",
        (Judged::Incomplete, _) => "incomplete",
        (Judged::Findings, true) => "changes requested",
        // The exit code is 0: what they ask for is not as grave as that.
        (Judged::Clean, true) => "changes requested, nothing as grave as --fail-on",
        (Judged::Findings, false) => "findings",
        (Judged::Clean, false) => "approved",
    };
    format!("{counts}{hidden}   {verdict}")
}

fn counted(count: usize, severity: Severity) -> String {
    match severity {
        Severity::Info => format!("{count} info"),
        _ => words::count(count, severity.name()),
    }
}

/// Says how many findings are not listed and why; nothing where all are.
fn hidden_words(hidden: &Hidden) -> Option<String> {
    let reasons = [
        (hidden.known, "known before"),
        (hidden.dismissed, "dismissed"),
        (hidden.resolved, "resolved"),
        (hidden.unsure, "below the bar"),
    ];
    let told: Vec<String> =
        reasons.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    (!told.is_empty()).then(|| format!("not listed: {}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_report_is_a_command_to_a_runner() {
        let text = "error  a\n::error::b\n  ::stop-commands::x\nstd::mem ##[error]c";
        assert_eq!(idle(text), "error  a\n: :error::b\n  : :stop-commands::x\nstd::mem # #[error]c");
    }
}
