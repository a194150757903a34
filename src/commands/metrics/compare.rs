//! `crew metrics --compare`: what got better, and what got worse.

use super::{cost, millis, percent, with_a_sign};
use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem};
use crate::domain::pruning::read_age;
use crate::domain::time::Time;
use crate::metrics::comparing::{Change, ENOUGH, Measure, PART, POINTS, Verdict, compare as changes_of};
use crate::metrics::quality::Known;
use crate::metrics::reading::{Reader, Window, of_store, of_version, versions};
use crate::metrics::registry::Snapshot;
use crate::runner::clock;
use crate::store::database::Store;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Compares two times, or two versions.
pub fn compare(cx: &Context, typed: &str) -> Result<ExitStatus> {
    let mut store = cx.store()?;
    let unread = Reader::default().unread(&store)?;
    let now = clock::now();
    let (sides, before, after) = with_a_sign(cx, unread, || -> Result<_> {
        let sides = sides_of(&mut store, typed, now)?;
        let (before, after) = sides.measured(&mut store, now)?;
        Ok((sides, before, after))
    })?;
    let changes = changes_of(&before, &after);
    let worse: Vec<&Change> = changes.iter().filter(|change| change.verdict == Verdict::Worse).collect();
    let exit = if worse.is_empty() { ExitStatus::Done } else { ExitStatus::Failed };
    if cx.printer.json {
        let data: Vec<Json> = changes.iter().map(Change::json).collect();
        let mut meta = json!({"count": data.len(), "worse": worse.len(),
            "rule": {"enough": ENOUGH, "points": POINTS, "part": PART}});
        if let Sides::Times { from, middle } = sides {
            meta["hours"] = json!({"from": from, "middle": middle});
        }
        cx.printer.json(&json!({"data": data, "meta": meta}))?;
        return Ok(exit);
    }
    cx.printer.data(&table(&changes).render(&cx.printer))?;
    if let Sides::Times { from, middle } = sides {
        let words = format!("before: {} to {}; after: from then to now", minute(from), minute(middle));
        cx.printer.data(&words)?;
    }
    cx.printer.data(&conclusion(&changes, &worse))?;
    Ok(exit)
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
enum Sides {
    /// What happened between the first and the second with what happened since; both are the beginning of an hour.
    Times {
        from: Time,
        middle: Time,
    },
    Versions(String, String),
}

impl Sides {
    /// Measures both sides.
    fn measured(&self, store: &mut Store, now: Time) -> Result<(Snapshot, Snapshot)> {
        Ok(match self {
            Sides::Times { from, middle } => {
                let before = Window { from: Some(*from), to: Some(*middle) };
                let after = Window { from: Some(*middle), to: None };
                (of_store(store, before, now)?, of_store(store, after, now)?)
            }
            Sides::Versions(first, second) => {
                (of_version(store, first, now)?, of_version(store, second, now)?)
            }
        })
    }
}

/// Writes the beginning of an hour as people read it.
fn minute(at: Time) -> String {
    let text = at.to_string();
    format!("{} {} UTC", &text[..10], &text[11..16])
}

/// Reads what is to be compared.
fn sides_of(store: &mut Store, typed: &str, now: Time) -> Result<Sides> {
    let wrong = |message: String| {
        Problem::usage("bad_comparison", message)
            .hint("write 14d..7d, 2026-05-01..2026-05-08, or two versions of crew: 0.1.0..0.2.0")
    };
    let Some((first, second)) = typed.split_once("..").filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
        return Err(wrong(format!("`{typed}` is not A..B")).into());
    };
    if let (Some(from), Some(middle)) = (time_of(first, now), time_of(second, now)) {
        if from >= middle || middle >= now {
            return Err(wrong(format!("`{first}` has to be before `{second}`, and both before now")).into());
        }
        return Ok(hours_of(from, middle)?);
    }
    let known = versions(store)?;
    if let Some(unknown) = [first, second].into_iter().find(|side| !known.contains(*side)) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        let message =
            format!("`{unknown}` is no age, no date, and no version that runs were made with ({known})");
        return Err(wrong(message).into());
    }
    Ok(Sides::Versions(first.to_owned(), second.to_owned()))
}

/// Rounds two times down to whole hours, which is what figures are kept by.
fn hours_of(from: Time, middle: Time) -> Result<Sides, Problem> {
    let window = Window { from: Some(from), to: Some(middle) };
    match (window.begins(), window.ends()) {
        (Some(from), Some(middle)) if from < middle => Ok(Sides::Times { from, middle }),
        (hour, _) => {
            let from = hour.unwrap_or(from);
            let message =
                format!("both times are in the hour from {} on, and whole hours are compared", minute(from));
            Err(Problem::usage("bad_comparison", message).hint("write times that are further apart: 2h..1h"))
        }
    }
}

/// Reads a point in time: an age, a date, or a date and a time.
fn time_of(text: &str, now: Time) -> Option<Time> {
    if let Ok(age) = read_age(text) {
        return Some(now.moved(-i64::try_from(age.as_millis()).ok()?));
    }
    Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00Z")))
}

fn table(changes: &[Change]) -> Rows {
    let mut rows = Rows::new(&[
        ("agent", Column::Left),
        ("", Column::Left),
        ("before", Column::Right),
        ("after", Column::Right),
        ("", Column::Left),
    ]);
    for change in changes {
        let (before, after) = change.known.unwrap_or_default();
        let (word, tone) = match change.verdict {
            Verdict::Better => ("better", Tone::Good),
            Verdict::Same => ("", Tone::Plain),
            Verdict::Worse => ("worse", Tone::Bad),
            Verdict::TooFew => ("too few", Tone::Faint),
            Verdict::CostUnknown => ("cost unknown", Tone::Faint),
            Verdict::TooCoarse => ("too coarse", Tone::Faint),
        };
        rows.add(vec![
            (who(change), Tone::Plain),
            (measure_words(change.measure).to_owned(), Tone::Plain),
            (shown(change.measure, change.before.0, before), Tone::Plain),
            (shown(change.measure, change.after.0, after), Tone::Plain),
            (word.to_owned(), tone),
        ]);
    }
    rows
}

fn who(change: &Change) -> String {
    match &change.who {
        None => "all".to_owned(),
        Some((agent, model)) if model.is_empty() => agent.clone(),
        Some((agent, model)) => format!("{agent} {model}"),
    }
}

fn measure_words(measure: Measure) -> &'static str {
    match measure {
        Measure::Completed => "completed",
        Measure::FirstPass => "first pass",
        Measure::Acceptance => "accepted",
        Measure::Rework => "rework",
        Measure::Mean => "mean",
        Measure::P50 => "p50",
        Measure::P95 => "p95",
        Measure::CostPerCompleted => "cost/completed",
    }
}

/// Writes a value as people read it; `known` says what is known of a cost.
fn shown(measure: Measure, value: Option<f64>, known: Known) -> String {
    match (measure, value) {
        (Measure::Mean | Measure::P50 | Measure::P95, value) => millis(value),
        (Measure::CostPerCompleted, value) => cost(value, known),
        (Measure::Rework, Some(passes)) => format!("{passes:.1}"),
        (_, None) => "-".to_owned(),
        (_, rate) => percent(rate),
    }
}

/// Says in words what it comes to.
fn conclusion(changes: &[Change], worse: &[&Change]) -> String {
    let is_judged =
        |change: &&Change| matches!(change.verdict, Verdict::Better | Verdict::Same | Verdict::Worse);
    let judged = changes.iter().filter(is_judged).count();
    if judged == 0 {
        return format!("too little to compare: {ENOUGH} on both sides are enough");
    }
    let rule = format!(
        "(by {:.0} points or {:.0} %, of {ENOUGH} or more on both sides)",
        POINTS * 100.0,
        PART * 100.0
    );
    if worse.is_empty() {
        return format!("nothing got worse {rule}");
    }
    let said = worse.iter().map(|change| {
        let (before, after) = change.known.unwrap_or_default();
        let was = shown(change.measure, change.before.0, before);
        let is = shown(change.measure, change.after.0, after);
        format!("{} {} {was} -> {is}", who(change), measure_words(change.measure))
    });
    format!("{} of {judged} got worse {rule}: {}", worse.len(), said.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_hours_are_compared_and_two_times_within_one_are_refused() {
        let at = |text: &str| Time::parse(&format!("2026-05-10T{text}:00Z")).unwrap();
        assert_eq!(
            hours_of(at("10:50"), at("12:10")).unwrap(),
            Sides::Times { from: at("10:00"), middle: at("12:00") }
        );
        assert_eq!(
            hours_of(at("10:50"), at("11:10")).unwrap(),
            Sides::Times { from: at("10:00"), middle: at("11:00") }
        );
        let refused = hours_of(at("12:05"), at("12:35")).unwrap_err();
        assert!(refused.message.contains("the hour from 2026-05-10 12:00 UTC on"), "{}", refused.message);
    }

    #[test]
    fn a_time_is_an_age_a_date_or_both() {
        let now = Time::parse("2026-05-10T12:00:00Z").unwrap();
        let read = |text: &str| time_of(text, now).map(|at| at.to_string());
        assert_eq!(read("7d").as_deref(), Some("2026-05-03T12:00:00.000Z"));
        assert_eq!(read("2026-05-01").as_deref(), Some("2026-05-01T00:00:00.000Z"));
        assert_eq!(read("2026-05-01T06:00:00Z").as_deref(), Some("2026-05-01T06:00:00.000Z"));
        for text in ["0.1.0", "7", "yesterday", "2026-13-01"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
