//! `crew review stats`: what became of what each reviewer found.

use super::list::counted;
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use crate::domain::finding::Severity;
use crate::domain::pruning::{age_shown, read_age};
use crate::domain::review::deciding::{Decided, Feedback};
use crate::domain::review::passes;
use crate::domain::review::rating::{Passed, Rating, rate};
use crate::domain::run::Run;
use crate::domain::time::Time;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::reviews::FindingDecision;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Show how much of what each reviewer finds is right
///
/// What was resolved was right, what was dismissed was not, and what nobody decided about counts for neither. The same
/// finding of a reviewer counts once, however often it was found.
#[derive(Debug, clap::Args)]
pub struct StatsArgs {
    /// Of reviews that were asked for within this time: 7d, 12h
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = read_age)]
    window: Duration,
}

/// Rates the reviewers.
pub fn stats(cx: &Context, args: &StatsArgs) -> Result<ExitStatus> {
    let mut ratings = Vec::new();
    if let Some(store) = Store::open_existing(&cx.layout()?)? {
        let millis = i64::try_from(args.window.as_millis()).unwrap_or(i64::MAX);
        let since = Time(clock::now().0.saturating_sub(millis));
        let last = |decision: FindingDecision| (decision.fingerprint, decision.decided);
        // The last about a finding stands.
        let decisions: HashMap<String, Decided> = store.finding_decisions()?.into_iter().map(last).collect();
        ratings = rate(&passed(&store, since)?, &decisions);
    }
    if cx.printer.json {
        let data: Vec<Value> = ratings.iter().map(as_json).collect();
        let meta = json!({"count": data.len(), "window_seconds": args.window.as_secs()});
        cx.printer.json(&json!({"data": data, "meta": meta}))?;
        return Ok(ExitStatus::Done);
    }
    if ratings.is_empty() {
        cx.printer.tell(&format!("nothing was reviewed within {}", age_shown(args.window)));
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&table(&ratings).render(&cx.printer))?;
    for rating in ratings.iter().filter(|rating| !rating.kinds.is_empty()) {
        let kinds: Vec<String> = rating
            .kinds
            .iter()
            .map(|(kind, count)| format!("{} {count}", kind.name().replace('_', " ")))
            .collect();
        cx.printer.data(&format!("{}  {}", rating.reviewer, kinds.join(", ")))?;
    }
    Ok(ExitStatus::Done)
}

/// Reads what is known of the passes that were asked for since a time, the oldest first.
fn passed(store: &Store, since: Time) -> Result<Vec<Passed>> {
    let (mut all, mut run) = (Vec::new(), None);
    for row in store.reviews_since(since)?.into_iter().rev() {
        if run.as_ref().is_none_or(|run: &Run| run.id != row.run) {
            run = store.load_run(&row.run)?;
        }
        let Some(task) = run.as_ref().and_then(|run| run.task(&row.task)) else { continue };
        let found = task.attempts.iter().flat_map(|attempt| passes::found_in(task, attempt));
        let took = |from: Time, to: Time| to.since(from).as_millis() as u64;
        all.push(Passed {
            found: found.map(|finding| (finding.fingerprint, finding.severity)).collect(),
            millis: task.last().and_then(|last| Some(took(last.started_at, last.ended_at?))),
            reviewer: row.reviewer,
            state: row.state,
        });
    }
    Ok(all)
}

fn table(ratings: &[Rating]) -> Rows {
    let mut rows = Rows::new(&[
        ("reviewer", Column::Left),
        ("reviews", Column::Right),
        ("incomplete", Column::Right),
        ("findings", Column::Wide),
        ("accepted", Column::Right),
        ("dismissed", Column::Right),
        ("pending", Column::Right),
        ("acceptance", Column::Right),
        ("time", Column::Right),
    ]);
    for rating in ratings {
        let found: Vec<String> =
            rating.found.iter().rev().map(|(severity, count)| counted(*severity, *count)).collect();
        let found = if found.is_empty() { "-".to_owned() } else { found.join(", ") };
        // Nothing decided is not nothing right.
        let rate = rating.acceptance().map_or("-".to_owned(), |rate| format!("{:.0} %", rate * 100.0));
        let time = rating
            .median_millis
            .map_or("-".to_owned(), |millis| words::duration(Duration::from_millis(millis)));
        let counts = [rating.accepted, rating.dismissed, rating.pending].map(|count| count.to_string());
        let [accepted, dismissed, pending] = counts;
        let bad = if rating.incomplete > 0 { Tone::Bad } else { Tone::Plain };
        rows.add(vec![
            (rating.reviewer.clone(), Tone::Plain),
            (rating.reviews.to_string(), Tone::Plain),
            (rating.incomplete.to_string(), bad),
            (found, Tone::Plain),
            (accepted, Tone::Plain),
            (dismissed, Tone::Plain),
            (pending, Tone::Plain),
            (rate, Tone::Plain),
            (time, Tone::Plain),
        ]);
    }
    rows
}

fn as_json(rating: &Rating) -> Value {
    let found: Map<String, Value> = Severity::ALL
        .iter()
        .map(|severity| (severity.name().to_owned(), json!(rating.found.get(severity).unwrap_or(&0))))
        .collect();
    let kinds: BTreeMap<&str, usize> =
        rating.kinds.iter().map(|(kind, count): (&Feedback, &usize)| (kind.name(), *count)).collect();
    json!({"reviewer": rating.reviewer, "reviews": rating.reviews, "incomplete": rating.incomplete, "findings": found,
        "accepted": rating.accepted, "dismissed": rating.dismissed, "pending": rating.pending,
        "acceptance": rating.acceptance(), "kinds": kinds, "median_millis": rating.median_millis})
}
