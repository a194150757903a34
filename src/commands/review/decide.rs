//! `crew review dismiss`, `resolve` and `reopen`: what persons say of findings.

use super::named::{self, Found, Named};
use super::text::{idle, place};
use crate::commands::context::Context;
use crate::commands::decide::{self, Who};
use crate::commands::exit::{ExitStatus, Problem};
use crate::domain::id::RunId;
use crate::domain::person::What;
use crate::domain::review::deciding::{self, Decision, Feedback, Order};
use crate::domain::words::clean_line;
use crate::store::database::Store;
use crate::store::reviews::FindingDecision;
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Which findings of which review, and why.
#[derive(Debug, clap::Args)]
struct Meant {
    /// A review: the beginning of its id, or `last`
    review: String,

    /// Findings of it, by the beginnings of their fingerprints
    #[arg(value_name = "FINGERPRINT", required = true)]
    findings: Vec<String>,

    /// Why; kept with the decision
    #[arg(long, value_name = "TEXT")]
    why: String,

    /// What shows that it is so: a commit, a test
    #[arg(long, value_name = "TEXT")]
    evidence: Option<String>,

    #[command(flatten)]
    who: Who,
}

/// Say that findings are nothing, so that they stay quiet in later reviews
///
/// They are known again by their fingerprints, whatever is reviewed, and are counted where they are left out.
#[derive(Debug, clap::Args)]
pub struct DismissArgs {
    #[command(flatten)]
    meant: Meant,

    /// What is wrong with them, so that it can be counted (crew review stats)
    #[arg(long)]
    kind: Option<DismissedKind>,
}

/// Say that findings are put right
#[derive(Debug, clap::Args)]
pub struct ResolveArgs {
    #[command(flatten)]
    meant: Meant,

    /// How: as they said, in another way, or by going round it
    #[arg(long)]
    kind: Option<ResolvedKind>,
}

/// Take back what was decided about findings
#[derive(Debug, clap::Args)]
pub struct ReopenArgs {
    #[command(flatten)]
    meant: Meant,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum DismissedKind {
    WrongScope,
    TooBroad,
    Duplicate,
    LowQuality,
    Other,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum ResolvedKind {
    GoodFit,
    Modified,
    Fallback,
}

impl From<DismissedKind> for Feedback {
    fn from(kind: DismissedKind) -> Feedback {
        match kind {
            DismissedKind::WrongScope => Feedback::WrongScope,
            DismissedKind::TooBroad => Feedback::TooBroad,
            DismissedKind::Duplicate => Feedback::Duplicate,
            DismissedKind::LowQuality => Feedback::LowQuality,
            DismissedKind::Other => Feedback::Other,
        }
    }
}

impl From<ResolvedKind> for Feedback {
    fn from(kind: ResolvedKind) -> Feedback {
        match kind {
            ResolvedKind::GoodFit => Feedback::GoodFit,
            ResolvedKind::Modified => Feedback::Modified,
            ResolvedKind::Fallback => Feedback::Fallback,
        }
    }
}

/// Dismisses findings.
pub fn dismiss(cx: &Context, args: &DismissArgs) -> Result<ExitStatus> {
    take(cx, &args.meant, Decision::Dismissed, args.kind.map(Feedback::from))
}

/// Resolves findings.
pub fn resolve(cx: &Context, args: &ResolveArgs) -> Result<ExitStatus> {
    take(cx, &args.meant, Decision::Resolved, args.kind.map(Feedback::from))
}

/// Reopens findings.
pub fn reopen(cx: &Context, args: &ReopenArgs) -> Result<ExitStatus> {
    take(cx, &args.meant, Decision::Reopened, None)
}

/// Takes a decision about findings, about each in the run that holds it.
fn take(cx: &Context, meant: &Meant, decision: Decision, feedback: Option<Feedback>) -> Result<ExitStatus> {
    let store = cx.store()?;
    let review = named::find(cx, &store, &meant.review)?;
    let (found, quiet) = (review.found(), store.dismissed()?);
    let mut picked: Vec<&Found<'_>> = Vec::new();
    for typed in &meant.findings {
        let one = named::pick(&found, typed, &review.short)?;
        if !picked.iter().any(|before| before.finding.fingerprint == one.finding.fingerprint) {
            picked.push(one);
        }
    }
    // All are looked at before anything is decided: they may lie in several runs.
    let mut of_run: BTreeMap<RunId, Vec<String>> = BTreeMap::new();
    for one in &picked {
        let run = where_to(&store, one, decision, quiet.get(&one.finding.fingerprint))?;
        of_run.entry(run).or_default().push(one.finding.fingerprint.clone());
    }
    for (run, fingerprints) in of_run {
        let order = Order { fingerprints, decision, feedback, evidence: meant.evidence.clone() };
        decide::ask(&store, &run, (&meant.who, &meant.why), What::DecideFinding(Box::new(order)))?;
    }
    tell(cx, &review, &picked, decision)
}

/// Returns the run in which something is decided about a finding, or says why there is nothing to decide. `quiet` is why it
/// stays quiet, where it does.
fn where_to(
    store: &Store,
    one: &Found<'_>,
    decision: Decision,
    quiet: Option<&FindingDecision>,
) -> Result<RunId> {
    let (print, own) = (&one.finding.fingerprint, &one.run.id);
    match (decision, quiet) {
        (Decision::Dismissed, Some(before)) if before.run != *own => {
            let refused = deciding::decided(print, &before.decided, &before.run);
            Err(Problem::of_refusal(refused).into())
        }
        // What was said in another review is taken back there, as long as that is there.
        (Decision::Reopened, Some(before)) => {
            Ok(if store.load_run(&before.run)?.is_some() { before.run.clone() } else { own.clone() })
        }
        (Decision::Reopened, None)
            if one.run.decisions.get(print).is_none_or(|last| last.decision != Decision::Resolved) =>
        {
            let message = format!("finding {print} is open, nothing was decided about it");
            let hint = "crew review dismiss and crew review resolve decide about it";
            Err(Problem::refused("not_decided", message).hint(hint).into())
        }
        _ => Ok(own.clone()),
    }
}

fn tell(cx: &Context, review: &Named, picked: &[&Found<'_>], decision: Decision) -> Result<ExitStatus> {
    if cx.printer.json {
        let finding = |one: &&Found<'_>| -> Value {
            let finding = &one.finding;
            json!({"fingerprint": finding.fingerprint, "run": one.run.id, "severity": finding.severity,
                "category": finding.category, "file": finding.file, "start_line": finding.start_line,
                "title": finding.title, "reviewers": one.reviewers})
        };
        let findings: Vec<Value> = picked.iter().map(finding).collect();
        cx.printer.json(&json!({"review": review.run.id, "decision": decision, "findings": findings}))?;
        return Ok(ExitStatus::Done);
    }
    for one in picked {
        let (finding, word) = (&one.finding, decision.name());
        let (place, title) = (place(finding), clean_line(&finding.title, 160));
        let line = format!("{}  {word}  {}  {place}  {title}", finding.fingerprint, finding.severity);
        cx.printer.data(&idle(&line))?;
    }
    if decision == Decision::Dismissed {
        let findings = words::count(picked.len(), "finding");
        cx.printer.tell(&format!(
            "{findings} will stay quiet in later reviews; crew review reopen takes that back"
        ));
    }
    Ok(ExitStatus::Done)
}
