//! `crew doctor --agents`: whether the installed agent CLIs behave as crew expects, without spending a token.

use super::context::Context;
use super::exit::{self, ExitStatus, Problem};
use crate::agents::{Agent, known};
use crate::conformance::checks::{self, Checked, Level, Subject, Watcher};
use crate::domain::nearest::nearest;
use crate::domain::words::clean_line;
use crate::runner::process;
use crate::runner::signals;
use crate::runner::slots::Message;
use crate::ui::printer::{Printer, Tone};
use crate::ui::progress::Lines;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many agents are examined at once; one holds up to 655 MB.
const AT_ONCE: usize = 2;
/// The most characters of a detail on a terminal; JSON has all of it.
const MAX_DETAIL: usize = 300;

/// What came out for one agent.
struct Report {
    name: String,
    /// Where its program is; nothing is checked where there is none.
    path: Option<PathBuf>,
    checked: Vec<Checked>,
    took: Duration,
}

impl Report {
    fn failed(&self) -> usize {
        self.checked.iter().filter(|checked| checked.level == Level::Fail).count()
    }
}

/// Examines the agents that are named, or all that are installed.
pub fn examine(cx: &Context, names: &[String], patience: Duration) -> Result<ExitStatus> {
    let agents = chosen(names)?;
    let crew = std::env::current_exe().context("find the running program")?;
    let stop = Arc::new(AtomicBool::new(false));
    watch_signals(&stop)?;
    process::adopt_orphans();
    let lines = Lines::new(&cx.printer);
    let count = agents.len();
    let queue: Mutex<VecDeque<(usize, Arc<dyn Agent>)>> =
        Mutex::new(agents.into_iter().enumerate().collect());
    let reports: Mutex<Vec<(usize, Result<Report>)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(count) {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((place, agent)) = next else { return };
                    let told = Told { printer: cx.printer, lines: &lines, agent: agent.name().to_owned() };
                    let report = report(agent, &crew, patience, &told, &stop);
                    lines.take_away(&told.agent);
                    reports.lock().unwrap_or_else(PoisonError::into_inner).push((place, report));
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(place, _)| *place);
    let reports = reports.into_iter().map(|(_, report)| report).collect::<Result<Vec<Report>>>()?;
    exit::unless_nobody_reads(tell(cx, &reports))?;
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitStatus::Interrupted);
    }
    // One that is named has to be there: nothing was checked of it.
    let missing = !names.is_empty() && reports.iter().any(|report| report.path.is_none());
    let failed = missing || reports.iter().any(|report| report.failed() > 0);
    Ok(if failed { ExitStatus::Failed } else { ExitStatus::Done })
}

/// Returns the agents to examine, in the order in which they are preferred.
fn chosen(names: &[String]) -> Result<Vec<Arc<dyn Agent>>> {
    let known = known();
    let all: Vec<String> = known.iter().map(|agent| agent.name().to_owned()).collect();
    for name in names {
        if !all.contains(name) {
            let problem = Problem::usage("unknown_agent", format!("there is no agent CLI `{name}`"));
            let hint = match nearest(name, all.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("crew knows how {} have to behave", all.join(", ")),
            };
            return Err(problem.hint(hint).into());
        }
    }
    let wanted = |agent: &dyn Agent| names.is_empty() || names.iter().any(|name| name == agent.name());
    Ok(known.into_iter().filter(|agent| wanted(&**agent)).map(Arc::from).collect())
}

/// Sets `stop` at the first ctrl-C or its like. The third one leaves at once.
pub fn watch_signals(stop: &Arc<AtomicBool>) -> Result<()> {
    let (sender, messages) = sync_channel(8);
    signals::watch(sender).context("watch for signals")?;
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name("stop".into())
        .spawn(move || {
            for message in messages {
                if matches!(message, Message::Stop { .. }) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        })
        .context("start a thread")?;
    Ok(())
}

fn report(
    agent: Arc<dyn Agent>,
    crew: &std::path::Path,
    patience: Duration,
    told: &Told<'_>,
    stop: &AtomicBool,
) -> Result<Report> {
    let begun = Instant::now();
    let (name, path) = (agent.name().to_owned(), which::which(agent.program()).ok());
    let checked = match &path {
        None => Vec::new(),
        Some(path) => {
            let subject = Subject { agent, program: path.clone(), crew: crew.to_owned(), patience };
            checks::examine(&subject, told, stop).with_context(|| format!("examine {name}"))?
        }
    };
    Ok(Report { name, path, checked, took: begun.elapsed() })
}

/// Tells people how an examination goes.
struct Told<'a> {
    printer: Printer,
    lines: &'a Lines,
    agent: String,
}

impl Watcher for Told<'_> {
    fn begins(&self, check: &'static str) {
        self.lines.show(&self.agent, check.to_owned());
    }

    fn checked(&self, checked: &Checked) {
        if !self.lines.is_live() && checked.level != Level::Skipped {
            let took = words::duration(Duration::from_millis(checked.millis));
            let (word, _) = word(checked.level);
            self.printer.tell(&format!(
                "agent={} check={} {} {took}",
                self.agent,
                checked.check,
                word.to_lowercase()
            ));
        }
    }
}

fn word(level: Level) -> (&'static str, Tone) {
    match level {
        Level::Ok => ("ok", Tone::Good),
        Level::Fail => ("FAIL", Tone::Bad),
        Level::Skipped => ("skipped", Tone::Faint),
    }
}

fn tell(cx: &Context, reports: &[Report]) -> Result<()> {
    let failed: usize = reports.iter().map(Report::failed).sum();
    if cx.printer.json {
        let data: Vec<Value> = reports.iter().flat_map(as_json).collect();
        let agents: Vec<Value> = reports
            .iter()
            .map(|report| {
                let path = report.path.as_ref().map(|path| path.display().to_string());
                json!({"agent": report.name, "path": path, "failed": report.failed(),
                       "millis": report.took.as_millis() as u64})
            })
            .collect();
        return Ok(cx.printer.json(&json!({"data": data, "meta": {"agents": agents, "failed": failed}}))?);
    }
    for report in reports {
        let Some(path) = &report.path else {
            cx.printer.data(&format!("{:10}  not installed", report.name))?;
            continue;
        };
        let took = words::duration(report.took);
        cx.printer.data(&format!("{:10}  {}  {took}", report.name, path.display()))?;
        for checked in &report.checked {
            let (word, tone) = word(checked.level);
            let detail = clean_line(&checked.detail, MAX_DETAIL);
            cx.printer.data(&format!(
                "  {:9}  {detail:62}  {}",
                checked.check,
                cx.printer.tint(tone, word)
            ))?;
        }
    }
    if reports.iter().all(|report| report.path.is_none()) {
        let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
        cx.printer.tell(&format!("hint: install {}", names.join(" or ")));
    } else if failed > 0 {
        cx.printer.tell(
            "hint: a CLI that behaves differently may lose work or never end; install the version before, or choose \
             another with --agent",
        );
    }
    Ok(())
}

fn as_json(report: &Report) -> Vec<Value> {
    if report.path.is_none() {
        return vec![json!({"agent": report.name, "check": "installed", "level": "skipped",
            "detail": "not installed", "millis": 0})];
    }
    let one = |checked: &Checked| {
        json!({"agent": report.name, "check": checked.check, "level": word(checked.level).0.to_lowercase(),
               "detail": clean_line(&checked.detail, 2000), "millis": checked.millis})
    };
    report.checked.iter().map(one).collect()
}
