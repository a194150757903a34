//! `crew review list`: the reviews that there were, the newest first.

use super::known::NewOnlyArgs;
use super::named::{self, Named};
use super::report;
use super::text::idle;
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use crate::domain::finding::Severity;
use crate::domain::id::RunId;
use crate::domain::review::by_person::PersonReview;
use crate::domain::review::known::Known;
use crate::domain::review::planning::Standing;
use crate::domain::review::row::RowState;
use crate::domain::submission::ReviewVerdict;
use crate::domain::time::Time;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::reviews::FindingDecision;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// How many are listed where nobody asks for all.
const USUAL: usize = 20;

/// List reviews, the newest first, with what is open of them
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// List all of them, and not only the newest 20
    #[arg(long)]
    all: bool,
}

/// One review as a line shows it.
struct Line {
    short: String,
    passes: Vec<Standing>,
    /// What persons handed in beside those.
    persons: Vec<PersonReview>,
    /// Findings that still stand and that nobody has decided about, the gravest first.
    open: Vec<(Severity, usize)>,
}

impl Line {
    fn first(&self) -> &Standing {
        &self.passes[0]
    }

    /// Tells whether something newer took the place of all of it.
    fn is_superseded(&self) -> bool {
        self.passes.iter().all(|pass| pass.row.superseded_by.is_some())
    }

    fn tone(&self) -> Tone {
        let any = |state| {
            let of_person = self.persons.iter().any(|one| person_state(one) == state);
            of_person || self.passes.iter().any(|pass| pass.row.state == state)
        };
        match () {
            () if self.is_superseded() => Tone::Faint,
            () if any(RowState::Failed) => Tone::Bad,
            () if any(RowState::Running) || any(RowState::ChangesRequested) => Tone::Attention,
            () if any(RowState::Cancelled) => Tone::Faint,
            () => Tone::Good,
        }
    }
}

/// Returns the word for where a pass stands: one that nobody works on any more is interrupted.
fn state_of(pass: &Standing) -> &'static str {
    match pass.row.state {
        RowState::Running if !pass.owned => "interrupted",
        state => state.name(),
    }
}

fn person_state(one: &PersonReview) -> RowState {
    match one.review.verdict {
        ReviewVerdict::Approved => RowState::Approved,
        ReviewVerdict::ChangesRequested => RowState::ChangesRequested,
    }
}

/// Lists reviews.
pub fn list(cx: &Context, args: &ListArgs) -> Result<ExitStatus> {
    let (mut lines, mut more) = (Vec::new(), 0);
    if let Some(store) = Store::open_existing(&cx.layout()?)? {
        let mut of_runs: Vec<Vec<Standing>> = Vec::new();
        let mut run: Option<RunId> = None;
        for pass in store.reviews_since(Time(0))? {
            if run.as_ref() != Some(&pass.run) {
                run = Some(pass.run.clone());
                of_runs.push(Vec::new());
            }
            if let Some(of_run) = of_runs.last_mut() {
                of_run.push(Standing { row: pass, owned: false });
            }
        }
        let shown = if args.all { of_runs.len() } else { USUAL.min(of_runs.len()) };
        more = of_runs.len() - shown;
        let quiet = store.dismissed()?;
        let mut known = HashMap::new();
        for passes in of_runs.into_iter().take(shown) {
            let passes = store.with_owners(passes.into_iter().map(|pass| pass.row).collect())?;
            let id = &passes[0].row.run;
            let review = named::of(&store, id)?;
            let open = open_findings(cx, &store, &review, (&quiet, &mut known))?;
            let (short, persons) = (store.short(id)?, review.run.person_reviews.clone());
            lines.push(Line { short, passes, persons, open });
        }
    }
    if cx.printer.json {
        let data: Vec<Value> = lines.iter().map(as_json).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": data.len(), "more": more}}))?;
        return Ok(ExitStatus::Done);
    }
    if lines.is_empty() {
        cx.printer.tell("there are no reviews in this repository");
        cx.printer.tell("next  crew review    reviews what is not committed, or this branch");
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&idle(&table(&lines).render(&cx.printer)))?;
    if more > 0 {
        cx.printer.tell(&format!("{}: crew review list --all", words::count(more, "older review")));
    }
    Ok(ExitStatus::Done)
}

/// What is known, by the version of the change that it is known of: many reviews are of one.
type KnownOf = HashMap<String, Known>;

/// Counts what is still open, as the report of a review does.
fn open_findings(
    cx: &Context,
    store: &Store,
    review: &Named,
    (quiet, known): (&BTreeMap<String, FindingDecision>, &mut KnownOf),
) -> Result<Vec<(Severity, usize)>> {
    let id = &review.run.id;
    if let Some(order) = &review.run.review {
        let known = match known.entry(order.target.version()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                free.insert(NewOnlyArgs::default().known(cx, store.layout(), &order.target)?)
            }
        };
        let report = report::conclude(store, Some(&review.run), (order, id), (order.bar, known))?.report;
        let counts = Severity::ALL.into_iter().rev().map(|severity| (severity, report.count(severity)));
        return Ok(counts.filter(|(_, count)| *count > 0).collect());
    }
    let mut counts: BTreeMap<Severity, usize> = BTreeMap::new();
    for one in review.open(quiet) {
        *counts.entry(one.finding.severity).or_default() += 1;
    }
    Ok(counts.into_iter().rev().collect())
}

fn table(lines: &[Line]) -> Rows {
    let mut rows = Rows::new(&[
        ("review", Column::Left),
        ("of", Column::Left),
        ("reviewers", Column::Wide),
        ("open", Column::Left),
        ("age", Column::Right),
    ]);
    let now = clock::now();
    for line in lines {
        let tone = line.tone();
        let faint = if line.is_superseded() { Tone::Faint } else { Tone::Plain };
        let passes: Vec<String> = line
            .passes
            .iter()
            .map(|pass| (pass.row.reviewer.as_str(), state_of(pass)))
            .chain(line.persons.iter().map(|one| (one.by.as_str(), person_state(one).name())))
            .map(|(who, state)| format!("{who} {}", state.replace('_', " ")))
            .collect();
        let superseded = if line.is_superseded() { " (superseded)" } else { "" };
        let open: Vec<String> =
            line.open.iter().map(|(severity, count)| counted(*severity, *count)).collect();
        let open = if open.is_empty() { "-".to_owned() } else { open.join(", ") };
        rows.add(vec![
            (line.short.clone(), faint),
            (line.first().row.words.clone(), faint),
            (format!("{}{superseded}", passes.join(", ")), tone),
            (open, faint),
            (words::duration(now.since(line.first().row.asked_at)), faint),
        ]);
    }
    rows
}

/// Says how many findings there are of a severity.
pub fn counted(severity: Severity, count: usize) -> String {
    match severity {
        Severity::Info => format!("{count} info"),
        other => words::count(count, other.name()),
    }
}

fn as_json(line: &Line) -> Value {
    let first = &line.first().row;
    let pass = |pass: &Standing| {
        let row = &pass.row;
        json!({"task": row.task, "reviewer": row.reviewer, "state": state_of(pass), "ended_at": row.ended_at,
            "superseded_by": row.superseded_by, "person": false})
    };
    let of_person = |one: &PersonReview| {
        json!({"task": null, "reviewer": one.by, "state": person_state(one), "ended_at": null, "superseded_by": null,
            "person": true})
    };
    let reviewers: Vec<Value> =
        line.passes.iter().map(pass).chain(line.persons.iter().map(of_person)).collect();
    let open: serde_json::Map<String, Value> =
        line.open.iter().map(|(severity, count)| (severity.name().to_owned(), json!(count))).collect();
    json!({"id": first.run, "of": first.words, "key": first.key, "version": first.version, "asked_at": first.asked_at,
        "superseded": line.is_superseded(), "reviewers": reviewers, "open": open})
}
