//! What is said of a run and its tasks: when it has ended, and when somebody asks.

use super::budget::Account;
use super::clashes;
use super::decide::how_to_decide;
use crate::agents::builtin;
use crate::domain::budget;
use crate::domain::finding::Finding;
use crate::domain::merging;
use crate::domain::provider::{Providers, Waits};
use crate::domain::quoted::quote;
use crate::domain::requeue;
use crate::domain::run::{Run, RunStatus};
use crate::domain::schedule::InFolder;
use crate::domain::task::{Attempt, Task, TaskState, Work};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::runner::dispatcher::Finished;
use crate::runner::launch;
use crate::store::artifacts;
use crate::store::layout::RunPaths;
use crate::ui::printer::{Printer, Tone, status_tone};
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// The most findings that the closing lines show; all of them are in the artifacts.
const SHOWN_FINDINGS: usize = 40;

/// What is said when a run has ended.
pub struct Closing<'a> {
    pub run: &'a Run,
    /// Those that limit requests.
    pub providers: &'a Providers,
    pub short: &'a str,
    /// The command that goes on with it.
    pub resume: &'a str,
    pub paths: &'a RunPaths,
    pub finished: Finished,
    pub took: Duration,
}

impl Closing<'_> {
    /// Says it, as a table or as JSON.
    pub fn tell(&self, printer: &Printer) -> Result<()> {
        let findings = self.findings();
        if printer.json {
            printer.json(&self.as_json(&findings))?;
            return Ok(());
        }
        printer.data(&task_table(self.run, self.providers, self.run.last_at).render(printer))?;
        self.tell_findings(printer, &findings)?;
        let account = self.account();
        let mut line =
            format!("{} {} in {}", self.short, self.finished.status.words(), words::duration(self.took));
        if let Some(total) = account.total() {
            line.push_str(&format!("   {total}"));
        }
        printer.data(&format!("\n{}", printer.tint(status_tone(self.finished.status), &line)))?;
        account.lines().iter().try_for_each(|line| printer.data(line))?;
        clashes::lines(self.run).iter().try_for_each(|line| printer.data(line))?;
        self.next_steps().iter().for_each(|step| printer.tell(step));
        Ok(())
    }

    fn as_json(&self, findings: &[(String, Finding)]) -> Value {
        let findings: Vec<Value> =
            findings.iter().map(|(task, finding)| json!({"task": task, "finding": finding})).collect();
        let account = self.account();
        let mut json = json!({
            "run": self.run.id, "status": self.finished.status, "millis": self.took.as_millis() as u64,
            "tasks": tasks_json(self.run, self.providers, &account, self.until()),
            "findings": findings, "usage": account.bill.usage,
        });
        if !self.goes_on() {
            json["summary"] = json!(self.paths.artifacts().join("summary.md"));
        }
        account.put_into(&mut json);
        clashes::put_into(&mut json, self.run);
        json
    }

    fn account(&self) -> Account {
        Account::of(self.run, self.goes_on(), self.until())
    }

    /// Tells whether it is the state of a run that somebody carries out.
    fn goes_on(&self) -> bool {
        self.finished.status == RunStatus::Running
    }

    fn until(&self) -> Time {
        if self.goes_on() { clock::now() } else { self.run.last_at }
    }

    /// Returns what reviewers found, the worst first, with the task that found it.
    fn findings(&self) -> Vec<(String, Finding)> {
        let mut findings = Vec::new();
        for task in self.run.tasks.iter().filter(|task| task.state.is_settled()) {
            let found = launch::last_findings(self.paths, task);
            findings.extend(found.into_iter().map(|finding| (task.spec.id.to_string(), finding)));
        }
        findings.sort_by(|(_, a), (_, b)| {
            b.severity.cmp(&a.severity).then_with(|| (&a.file, a.start_line).cmp(&(&b.file, b.start_line)))
        });
        // Two reviewers that know the same thing say it once.
        let mut seen = std::collections::HashSet::new();
        findings.retain(|(_, finding)| {
            finding.fingerprint.is_empty() || seen.insert(finding.fingerprint.clone())
        });
        findings
    }

    fn tell_findings(&self, printer: &Printer, findings: &[(String, Finding)]) -> Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        printer.data(&format!("\n{}", words::count(findings.len(), "finding")))?;
        for (_, finding) in findings.iter().take(SHOWN_FINDINGS) {
            let tone = match finding.severity.name() {
                "blocker" | "error" => Tone::Bad,
                "warning" => Tone::Attention,
                _ => Tone::Faint,
            };
            let word = printer.tint(tone, &format!("{:8}", finding.severity));
            let place = match finding.start_line {
                0 => quote(&finding.file).into_owned(),
                line => format!("{}:{line}", quote(&finding.file)),
            };
            printer.data(&format!(
                "  {word} {}  {}",
                clean_line(&place, 200),
                clean_line(&finding.title, 160)
            ))?;
        }
        if findings.len() > SHOWN_FINDINGS {
            printer.data(&format!(
                "  and {} more: crew artifacts {}",
                findings.len() - SHOWN_FINDINGS,
                self.short
            ))?;
        }
        Ok(())
    }

    fn next_steps(&self) -> Vec<String> {
        let (short, resume) = (self.short, self.resume);
        let first = |state: TaskState| {
            self.run.tasks.iter().find(|task| task.state == state).map(|task| &task.spec.id)
        };
        let mut steps = Vec::new();
        match self.finished.status {
            RunStatus::Completed => {
                let report = self
                    .run
                    .tasks
                    .iter()
                    .rfind(|task| task.spec.role() == "writer" && task.state == TaskState::Completed);
                if let Some(report) = report {
                    let path = artifacts::result_text_of(&report.spec.id, report.attempts.len() as u32);
                    steps.push(format!("next  crew artifacts {short} {path}    the report"));
                } else if !has_branches(self.run) {
                    steps.push(format!("next  crew status {short}    crew artifacts {short}"));
                }
                steps.extend(bring_back(self.run, short));
            }
            RunStatus::AwaitingInput => steps.extend(waiting_lines(self.run, resume)),
            RunStatus::Interrupted => {
                steps.push(format!("next  {resume}    nothing is lost; it goes on where it was"))
            }
            _ => {
                if let Some(command) = self.account().another_budget(self.run, resume) {
                    steps.push(format!("next  {command}    goes on with a larger budget"));
                }
                steps.extend(bring_back(self.run, short));
                steps.extend(do_again(self.run, short));
                if let Some(task) = first(TaskState::Failed).or_else(|| first(TaskState::NeedsReview)) {
                    steps.push(format!("next  crew logs {short} {task}    crew status {short}"));
                }
            }
        }
        steps
    }
}

/// Tells whether there is work that counts and is in no branch of the user's.
pub fn has_branches(run: &Run) -> bool {
    let has_work = |task: &Task| task.tree.as_ref().is_some_and(|tree| tree.has_work());
    run.tasks.iter().any(|task| merging::counts(run, task) && has_work(task) && !task.is_merged())
}

/// Says how the work of a run that is over comes back, where some of it has not.
pub fn bring_back(run: &Run, short: &str) -> Option<String> {
    if !has_branches(run) {
        return None;
    }
    let merge = merging::command(run, short, &[]);
    let at_end = run.tasks.iter().find(|task| matches!(task.spec.work, Work::Merge { .. }));
    let is_left =
        |task: &Task| matches!(task.state, TaskState::Failed | TaskState::NeedsReview | TaskState::Skipped);
    Some(match (at_end.is_some_and(is_left), run.counts.of(TaskState::Completed) == run.tasks.len()) {
        (true, _) => format!("next  {merge}    nothing was merged; the work is on branches of its own"),
        (_, true) => {
            format!("next  crew diff {short}    {merge}    the work is on branches of its own")
        }
        _ => format!("next  crew diff {short}    {merge}    brings back the work that completed"),
    })
}

/// Says how what failed is done again, and what else can become of what needs review.
pub fn do_again(run: &Run, short: &str) -> Option<String> {
    // With another budget it is taken up by itself.
    let failed = |task: &&Task| task.state == TaskState::Failed && !budget::failed_for_want(task);
    let failed: Vec<&Task> = run.tasks.iter().filter(failed).collect();
    let force = |task: &Task| if requeue::needs_force(task) { " --force \"REASON\"" } else { "" };
    match failed.as_slice() {
        [] => {
            let task = run.tasks.iter().find(|task| task.state == TaskState::NeedsReview)?;
            let (id, force) = (&task.spec.id, force(task));
            Some(format!(
                "next  crew accept {short} {id}    or    crew requeue {short} {id}{force} --with-note \"...\""
            ))
        }
        [task] => {
            Some(format!("next  crew requeue {short} {}{}    does it again", task.spec.id, force(task)))
        }
        several if several.iter().any(|task| requeue::needs_force(task)) => None,
        _ => Some(format!("next  crew requeue {short} --failed    does them again")),
    }
}

/// Says what waits for a person, and what to type.
pub fn waiting_lines(run: &Run, resume: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let now = clock::now();
    for gate in run.open_gates() {
        let timed_out = if gate.is_overdue(now) { "timed out: nobody decided: " } else { "" };
        let about = clean_line(&gate.about.words(), 200);
        lines.push(format!("gate {}  {}  {timed_out}{about}", gate.id, gate.task));
        let ways = how_to_decide(gate, resume);
        lines.extend(ways.iter().map(|(command, what)| format!("  {command:44}  {what}")));
    }
    let still = run.open_gates().any(|gate| !gate.is_overdue(now));
    if still && run.ended_at.is_some() {
        lines.push(format!("then  {resume}    (or --resume with the last decision)"));
    }
    lines
}

/// Returns the table of a run's tasks with what became of each.
///
/// `now` is how far an attempt has come that has not ended.
pub fn task_table(run: &Run, providers: &Providers, now: Time) -> Rows {
    let mut rows = Rows::new(&[
        ("task", Column::Left),
        ("agent", Column::Left),
        ("time", Column::Right),
        ("tokens", Column::Right),
        ("cost", Column::Right),
        ("outcome", Column::Left),
        ("", Column::Wide),
    ]);
    let in_folder = InFolder::of(run);
    for task in &run.tasks {
        let for_provider = providers.keeps_waiting(run, task, now).map(|waits| waits.words(now));
        rows.add(task_row(task, for_provider.or_else(|| in_folder.keeps_waiting(task)), now));
    }
    rows
}

/// `waits` says for what it waits that is not its own.
fn task_row(task: &Task, waits: Option<String>, now: Time) -> Vec<(String, Tone)> {
    let mut usage = Usage::default();
    let mut worked = Duration::ZERO;
    for attempt in &task.attempts {
        usage.add(&attempt.usage);
        worked += attempt.ended_at.unwrap_or(now).since(attempt.started_at);
    }
    let is_agent = matches!(task.spec.work, Work::Agent { .. })
        && !task.attempts.is_empty()
        && task.spec.program() != builtin::NAME;
    let (tokens, cost) = match is_agent {
        true => (words::tokens(usage.tokens()), words::cost(usage.cost_usd)),
        false => ("-".into(), "-".into()),
    };
    let tone = match task.state {
        TaskState::Completed => Tone::Good,
        TaskState::Failed => Tone::Bad,
        TaskState::NeedsReview | TaskState::AwaitingInput | TaskState::Cancelled => Tone::Attention,
        TaskState::Skipped | TaskState::Queued | TaskState::Running => Tone::Faint,
    };
    let time = if task.attempts.is_empty() { "-".into() } else { words::duration(worked) };
    let outcome = task.state.name().replace('_', " ");
    let plain = |text: String| (text, Tone::Plain);
    let seen = task.last().and_then(|attempt| attempt.tree.as_ref());
    // Settings and hooks are shared with the user, and a hook is code that their next commit runs.
    let has_set = seen.is_some_and(|seen| !seen.settings_changed.is_empty());
    let said_tone = if has_set { Tone::Attention } else { Tone::Plain };
    let program = if task.spec.is_for_agent() { task.spec.program() } else { "-" };
    vec![
        plain(task.spec.id.to_string()),
        plain(program.to_owned()),
        plain(time),
        plain(tokens),
        plain(cost),
        (outcome, tone),
        (said_of(task, waits), said_tone),
    ]
}

/// Returns what there is to say about a task in one line.
fn said_of(task: &Task, waits: Option<String>) -> String {
    if let Some(words) = &task.cancel {
        return clean_line(words, 160);
    }
    let waiting = task.last().map(|attempt| attempt.waiting.as_str()).filter(|reason| !reason.is_empty());
    if let Some(reason) = waiting {
        return clean_line(&format!("waits: {reason}"), 160);
    }
    if let Some(progress) = task.last().filter(|attempt| attempt.is_open()).and_then(Attempt::progress) {
        return clean_line(&progress.words(), 160);
    }
    let summary = task.last().map(|attempt| attempt.summary.as_str()).unwrap_or_default();
    let mut said = match (&task.spec.work, task.reason.as_str(), summary) {
        (_, "", summary) => summary.to_owned(),
        // An exit code says little; the last line of a command's output often says why.
        (Work::Command { .. }, reason, summary) if !summary.is_empty() => format!("{reason}: {summary}"),
        (_, reason, _) => reason.to_owned(),
    };
    if let Some(waits) = waits {
        said = waits;
    }
    let seen = task.last().and_then(|attempt| attempt.tree.as_ref()).map(|tree| tree.words());
    let landed = task.landed.last().filter(|_| task.is_merged());
    let landed = landed.map(|landed| format!("merged into {}", landed.into));
    let seen: Vec<String> = seen.filter(|seen| !seen.is_empty()).into_iter().chain(landed).collect();
    if !seen.is_empty() {
        let seen = seen.join(", ");
        said = if said.is_empty() { seen } else { format!("{seen}; {said}") };
    }
    if task.attempts.len() > 1 {
        said = format!("attempt {}  {said}", task.attempts.len());
    }
    clean_line(&said, 160)
}

/// Returns the tasks of a run as data.
pub fn tasks_json(run: &Run, providers: &Providers, account: &Account, now: Time) -> Vec<Value> {
    let with_budget = |(place, task)| {
        let mut json = task_json(task);
        json["budget"] = account.of_task(place, task);
        if let Some(Waits { provider, kind, until }) = providers.keeps_waiting(run, task, now) {
            json["waits_for"] = json!({"provider": provider, "error_kind": kind, "until": until});
        }
        json
    };
    run.tasks.iter().enumerate().map(with_budget).collect()
}

fn task_json(task: &Task) -> Value {
    let last = task.last();
    json!({
        "id": task.spec.id, "role": task.spec.role(), "agent": task.spec.program(), "state": task.state,
        "reason": task.reason, "gate": task.waits_for.map(|gate| gate.to_string()), "depends_on": task.spec.depends_on, "attempts": task.attempts.len(),
        "summary": last.map(|attempt| &attempt.summary), "error_kind": task.error_kind(),
        "exit": last.and_then(|attempt| attempt.ending.exit), "signal": last.and_then(|attempt| attempt.ending.signal),
        "millis": last.map(|attempt| attempt.ending.millis), "usage": last.map(|attempt| &attempt.usage),
        "started_at": task.attempts.first().map(|attempt| attempt.started_at),
        "ended_at": last.and_then(|attempt| attempt.ended_at),
        "waiting": last.map(|attempt| &attempt.waiting).filter(|reason| !reason.is_empty()),
        "notes": last.map(|attempt| &attempt.notes).filter(|notes| !notes.is_empty()),
        "log": last.map(|attempt| &attempt.log), "tree": last.and_then(|attempt| attempt.tree.as_ref()),
        "worktree": task.tree, "merged": task.landed,
    })
}
