//! `crew show RUN TASK`: all attempts of a task, how each ended, and why it was tried again or was not.

use super::context::Context;
use super::exit::ExitStatus;
use super::gates;
use super::task_names::Named;
use crate::domain::event::Event;
use crate::domain::gate::Gate;
use crate::domain::run::Run;
use crate::domain::task::{Attempt, AttemptState, Task};
use crate::domain::time::Time;
use crate::domain::turn::turn_of;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layout;
use crate::ui::printer::Tone;
use crate::ui::progress::outcome_word;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};

/// What the record says of an attempt beside its state.
#[derive(Default)]
struct Told {
    /// Why it was tried again, and not before when.
    again: Option<(String, Time)>,
    /// Why it was not.
    not_again: Option<&'static str>,
    submission: Option<&'static str>,
    /// What was kept of its work.
    kept: Vec<Event>,
    /// Verification commands, with how each ended.
    checks: Vec<(String, String)>,
}

/// What happened to a task between its attempts.
struct Turn {
    at: Time,
    /// After how many attempts.
    after: usize,
    words: String,
    event: Value,
}

/// Shows a task with all its attempts.
pub fn show(cx: &Context, store: &Store, named: &Named) -> Result<ExitStatus> {
    let (run, short) = (&named.run, &named.short);
    let id = named.one_task()?;
    let Some(task) = run.task(id) else { return Ok(ExitStatus::Failed) };
    let (told, turns) = read(store, run, task)?;
    if cx.printer.json {
        let attempts: Vec<Value> = task
            .attempts
            .iter()
            .zip(&told)
            .map(|(attempt, told)| attempt_json(run, attempt, told, task))
            .collect();
        let turns: Vec<Value> = turns
            .iter()
            .map(|turn| json!({"at": turn.at, "after_attempt": turn.after, "event": turn.event}))
            .collect();
        cx.printer.json(&json!({
            "kind": "task", "run": run.id, "task": id, "role": task.spec.role(), "agent": task.spec.program(),
            "state": task.state, "reason": task.reason, "error_kind": task.error_kind(),
            "dead_letter": task.dead_letter, "not_before": task.not_before,
            "gates": run.gates.iter().filter(|gate| gate.task == *id && gate.attempt.is_none()).map(gates::gate_json).collect::<Vec<_>>(),
            "attempts": attempts, "between": turns,
        }))?;
        return Ok(ExitStatus::Done);
    }
    let role = task.spec.role();
    let said = clean_line(&task.reason, 300);
    let gap = if said.is_empty() { "" } else { "   " };
    cx.printer.data(&format!("{short} {id}  {}  {role}{gap}{said}", task.state.name().replace('_', " ")))?;
    match task.attempts.is_empty() {
        true => cx.printer.data("it has not been tried")?,
        false => cx.printer.data(&format!("\n{}", table(task, &told).render(&cx.printer)))?,
    }
    tell_turns(cx, &turns, 0)?;
    for (at, attempt) in task.attempts.iter().enumerate() {
        cx.printer.data(&format!("\nattempt {}", attempt.number))?;
        for (name, text) in details(run, attempt, &told[at], task) {
            cx.printer.data(&format!("  {name:9} {}", clean_line(&text, 400)))?;
        }
        tell_turns(cx, &turns, at + 1)?;
    }
    if let Some(letter) = &task.dead_letter {
        let words = letter.why.words();
        let word = cx.printer.tint(Tone::Bad, "given up");
        cx.printer.data(&format!("\n{word}  {words}: crew deadletter show {short} {id}"))?;
    }
    Ok(ExitStatus::Done)
}

/// Reads what the record says of a task's attempts, and of what happened between them.
fn read(store: &Store, run: &Run, task: &Task) -> Result<(Vec<Told>, Vec<Turn>)> {
    let mut told: Vec<Told> = task.attempts.iter().map(|_| Told::default()).collect();
    let mut turns: Vec<Turn> = Vec::new();
    let mut after = 0;
    for recorded in store.events(&run.id, 0, usize::MAX)? {
        if recorded.event.task() != Some(&task.spec.id) {
            continue;
        }
        if let Event::AttemptStarted { attempt, .. } = &recorded.event {
            after = *attempt as usize;
        }
        let number = recorded.event.attempt().and_then(|number| (number as usize).checked_sub(1));
        if let Some(told) = number.and_then(|at| told.get_mut(at)) {
            told.note(&recorded.event);
        }
        if let Some(words) = turn_of(&recorded.event) {
            let event = serde_json::to_value(&recorded.event)?;
            turns.push(Turn { at: recorded.at, after, words, event });
        }
    }
    Ok((told, turns))
}

fn tell_turns(cx: &Context, turns: &[Turn], after: usize) -> Result<()> {
    for turn in turns.iter().filter(|turn| turn.after == after) {
        let ago = words::duration(clock::now().since(turn.at));
        cx.printer.data(&format!("  {:9} {} ({ago} ago)", "then", clean_line(&turn.words, 400)))?;
    }
    Ok(())
}

impl Told {
    fn note(&mut self, event: &Event) {
        match event {
            Event::AttemptEnded { again, not_again, .. } => {
                self.again = again.as_ref().map(|again| (again.reason.clone(), again.not_before));
                self.not_again = not_again.map(|reason| reason.name());
            }
            Event::SubmissionAccepted { handed_in, .. } => self.submission = Some(handed_in.kind().name()),
            Event::WorkKept { .. } => self.kept.push(event.clone()),
            Event::VerificationEnded { command, ending, cached, .. } => {
                let how = crate::domain::judgement::ending_words(ending);
                let how = if *cached { format!("{how} (from the record)") } else { how };
                self.checks.push((command.clone(), how));
            }
            _ => {}
        }
    }
}

/// Says whether an attempt was tried again, and why.
fn what_followed(told: &Told) -> Option<String> {
    match (&told.again, told.not_again) {
        (Some((reason, _)), _) => Some(format!("tried again ({reason})")),
        (None, Some(reason)) => Some(format!("not tried again ({reason})")),
        (None, None) => None,
    }
}

fn table(task: &Task, told: &[Told]) -> Rows {
    let mut rows = Rows::new(&[
        ("attempt", Column::Right),
        ("agent", Column::Left),
        ("model", Column::Left),
        ("began", Column::Right),
        ("time", Column::Right),
        ("tokens", Column::Right),
        ("cost", Column::Right),
        ("outcome", Column::Left),
        ("", Column::Wide),
    ]);
    let now = clock::now();
    for (attempt, told) in task.attempts.iter().zip(told) {
        let plain = |text: String| (text, Tone::Plain);
        let (word, tone) = match attempt.state {
            AttemptState::Ended(outcome) => outcome_word(outcome),
            open => (open.name(), Tone::Plain),
        };
        let kind = attempt.error_kind.map(|kind| kind.name().to_owned());
        let why = [kind.unwrap_or_default(), attempt.reason.clone(), what_followed(told).unwrap_or_default()];
        let why: Vec<String> = why.into_iter().filter(|part| !part.is_empty()).collect();
        rows.add(vec![
            plain(attempt.number.to_string()),
            plain(attempt.agent.clone()),
            plain(clean_line(attempt.model.as_deref().unwrap_or("-"), 40)),
            plain(format!("{} ago", words::duration(now.since(attempt.started_at)))),
            plain(words::duration(attempt.ended_at.unwrap_or(now).since(attempt.started_at))),
            plain(words::tokens(attempt.usage.tokens())),
            plain(words::cost(attempt.usage.cost_usd)),
            (word.to_owned(), tone),
            plain(clean_line(&why.join("; "), 200)),
        ]);
    }
    rows
}

/// Returns what there is to say of an attempt that has no place in the table, each with its name.
fn details(run: &Run, attempt: &Attempt, told: &Told, task: &Task) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let AttemptState::Ended(_) = attempt.state {
        lines.push(("ended", crate::domain::judgement::ending_words(&attempt.ending)));
    }
    lines.extend(told.submission.map(|kind| ("submitted", format!("{kind}  {}", attempt.summary))));
    lines.extend(told.checks.iter().map(|(command, how)| ("checked", format!("{command}: {how}"))));
    lines.extend(attempt.session.as_ref().map(|session| ("session", session.clone())));
    lines.extend(told.kept.iter().filter_map(|event| {
        let Event::WorkKept { reference, commit, files, .. } = event else { return None };
        let short = commit.get(..10).unwrap_or(commit);
        Some(("kept", format!("{reference}  {short}  {}", words::count(*files as usize, "file"))))
    }));
    let unkept = Some(&attempt.unkept).filter(|why| !why.is_empty());
    lines.extend(unkept.map(|why| ("not kept", why.clone())));
    lines.extend(gates_of(run, task, attempt).map(|gate| {
        let decided = gate.decided.as_ref();
        let decided = decided.map_or("open".to_owned(), |decided| {
            format!("{} by {}  {}", decided.decision.name().replace('_', " "), decided.by, decided.note)
        });
        ("gate", format!("{}  {}  {decided}", gate.id, gate.about.words()))
    }));
    lines.push(("log", shown_log(run, &attempt.log)));
    lines
}

fn gates_of<'a>(run: &'a Run, task: &'a Task, attempt: &'a Attempt) -> impl Iterator<Item = &'a Gate> {
    run.gates.iter().filter(|gate| gate.task == task.spec.id && gate.attempt == Some(attempt.number))
}

/// Returns where a log lies, from the top of the repository.
fn shown_log(run: &Run, log: &str) -> String {
    format!(".crew/runs/{}/{log}", run.id)
}

/// Tells programs what was kept of a task's work.
pub(super) fn kept_json(kept: &Event) -> Option<Value> {
    let Event::WorkKept { reference, commit, files, insertions, deletions, set_aside, .. } = kept else {
        return None;
    };
    Some(json!({"reference": reference, "commit": commit, "files": files,
        "insertions": insertions, "deletions": deletions, "set_aside": set_aside}))
}

fn attempt_json(run: &Run, attempt: &Attempt, told: &Told, task: &Task) -> Value {
    let again = told.again.as_ref().map(|(reason, at)| json!({"reason": reason, "not_before": at}));
    let kept: Vec<Value> = told.kept.iter().filter_map(kept_json).collect();
    let checks: Vec<Value> =
        told.checks.iter().map(|(command, how)| json!({"command": command, "ended": how})).collect();
    let verification = layout::verification_log_of(&task.spec.id, attempt.number);
    json!({
        "attempt": attempt.number, "agent": attempt.agent, "model": attempt.model, "state": attempt.state.name(),
        "started_at": attempt.started_at, "ended_at": attempt.ended_at, "ending": attempt.ending,
        "error_kind": attempt.error_kind, "class": attempt.error_kind.map(|kind| kind.class().name()),
        "reason": attempt.reason, "again": again, "not_again": told.not_again, "usage": attempt.usage,
        "tool_calls": attempt.tool_calls, "session": attempt.session, "submission": told.submission,
        "summary": attempt.summary, "confidence": attempt.confidence, "nudged": attempt.nudged, "checks": checks,
        "kept": kept, "unkept": Some(&attempt.unkept).filter(|why| !why.is_empty()),
        "log": shown_log(run, &attempt.log),
        "verification_log": (!told.checks.is_empty()).then(|| shown_log(run, &verification)),
        "gates": gates_of(run, task, attempt).map(gates::gate_json).collect::<Vec<_>>(),
    })
}
