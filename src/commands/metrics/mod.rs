//! `crew metrics`: what runs came to, in numbers.

mod compare;
mod export;
mod watch;

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::id::RunId;
use crate::domain::nearest::nearest;
use crate::domain::pruning::read_age;
use crate::domain::time::Time;
use crate::domain::words::visible_json;
use crate::metrics::names::{Kind, Metric, Unit};
use crate::metrics::quality::{Known, Quality, Totals, of_agents, totals};
use crate::metrics::reading::{Reader, Window, of_run};
use crate::metrics::registry::{Series, Snapshot, Value};
use crate::metrics::text;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::ui::printer::Tone;
use crate::ui::progress::Lines;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::Result;
use globset::{Glob, GlobMatcher};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// So many events take some tenths of a second to be read.
const MANY: i64 = 100_000;

/// Show what runs came to: tasks, quality, time, cost, by agent and model
///
/// All of it follows from the record, so it is true of past runs too, and of those that were pruned. Without FILTER, each
/// agent has a line: its tasks, how many of them were completed at the first pass, how many passes a task took, how long
/// (p50, p95), and what a completed task cost; `~` where nobody tells, `+` where that is not all of it, `/ 0` where
/// none was completed. A task that another agent or model takes over counts for each, by what each did. With FILTER, the
/// metrics whose names it fits are listed: `crew.tool.*`, `*wait*`.
///
/// A window is rounded down to whole hours. A task counts in the one in which it was settled last.
#[derive(Debug, clap::Args)]
pub struct MetricsArgs {
    /// Metrics to list, by a glob over their names
    filter: Option<String>,

    /// Of this run only: the beginning of its id, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["window", "compare"])]
    run: Option<String>,

    /// What happened within this time: 7d, 12h
    #[arg(long, value_name = "AGE", value_parser = read_age)]
    window: Option<Duration>,

    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,

    /// Go on, and print what changes, until ctrl-C
    #[arg(long, conflicts_with = "compare")]
    watch: bool,

    /// Say what got better or worse: from A to B with from B to now (14d..7d, 2026-05-01..2026-05-08), or what ran
    /// under one version with what ran under another (0.1.0..0.2.0). Exit 1 where something got worse
    #[arg(long, value_name = "A..B", conflicts_with_all = ["filter", "window"])]
    compare: Option<String>,

    #[command(flatten)]
    export: export::ExportArgs,
}

/// How metrics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    /// As with --json
    Json,
    /// Prometheus' text format
    Prometheus,
    Openmetrics,
}

/// Shows metrics.
pub fn metrics(cx: &Context, args: &MetricsArgs) -> Result<ExitStatus> {
    let format = format_of(args, cx.printer.json)?;
    let cx = &cx.with_json(format == Format::Json);
    if let Some(typed) = &args.compare {
        return compare::compare(cx, typed);
    }
    if args.export.is_wanted() {
        return args.export.export(cx, |store| match (&args.run, args.window) {
            (Some(run), _) => Ok(vec![cx.find_run(store, run)?]),
            (None, Some(window)) => Ok(store.runs_since(before(clock::now(), window))?),
            (None, None) => Ok(Vec::new()),
        });
    }
    let asked =
        Asked { filter: args.filter.as_deref().map(filter_of).transpose()?, format, window: args.window };
    let mut looking = Looking { layout: cx.layout()?, store: None, reader: Reader::default(), run: None };
    // Before the first run there is none to be named.
    if let Some(typed) = &args.run {
        let store = looking.store.insert(cx.store()?);
        looking.run = Some(cx.find_run(store, typed)?);
    }
    if args.watch {
        return watch::watch(cx, &asked, &mut looking);
    }
    let snapshot = looking.look(cx, &asked)?;
    if cx.printer.terminal_err && of_agents(&snapshot).is_empty() && asked.is_overview() {
        cx.printer.tell("no agent has ended a task in that time");
    }
    cx.printer.data(asked.shown(cx, &snapshot).trim_end_matches('\n'))?;
    Ok(ExitStatus::Done)
}

/// Returns the time that is so long before another.
fn before(now: Time, window: Duration) -> Time {
    now.moved(-i64::try_from(window.as_millis()).unwrap_or(i64::MAX))
}

fn format_of(args: &MetricsArgs, json: bool) -> Result<Format> {
    let is_text = matches!(args.format, Format::Prometheus | Format::Openmetrics);
    let wrong = match () {
        () if is_text && json => Some("--json prints JSON, and --format another format"),
        () if is_text && args.watch => Some("--watch prints tables or JSON"),
        () if is_text && args.compare.is_some() => Some("--compare prints tables or JSON"),
        () => None,
    };
    match wrong {
        Some(message) => Err(Problem::usage("format", message).hint("leave one of them out").into()),
        None if json => Ok(Format::Json),
        None => Ok(args.format),
    }
}

/// Reads a glob over the names of metrics, one of which it has to fit.
fn filter_of(typed: &str) -> Result<GlobMatcher> {
    let glob = Glob::new(typed).map_err(|error| {
        Problem::usage("bad_filter", format!("`{typed}` is no glob: {}", error.kind()))
            .hint("write for instance `crew.tool.*`")
    })?;
    let matcher = glob.compile_matcher();
    if Metric::ALL.iter().any(|metric| matcher.is_match(metric.name())) {
        return Ok(matcher);
    }
    let names = Metric::ALL.iter().map(|metric| metric.name());
    let hint = nearest(typed, names)
        .map_or("crew metrics '*' lists all that was measured".to_owned(), |name| {
            format!("did you mean {name}?")
        });
    Err(Problem::usage("no_such_metric", format!("no metric is called `{typed}`")).hint(hint).into())
}

/// What is looked at.
struct Looking {
    layout: Layout,
    /// Absent before the first run.
    store: Option<Store>,
    reader: Reader,
    run: Option<RunId>,
}

impl Looking {
    fn look(&mut self, cx: &Context, asked: &Asked) -> Result<Snapshot> {
        let now = clock::now();
        let Looking { layout, store, reader, run } = self;
        if store.is_none() {
            *store = Store::open_existing(layout)?;
        }
        let Some(store) = store else {
            return Ok(Snapshot { at: now, ..Snapshot::default() });
        };
        Ok(match run {
            Some(run) => of_run(store, run, now)?,
            None => {
                let unread = reader.unread(store)?;
                let window = Window { from: asked.since(now), to: None };
                with_a_sign(cx, unread, || reader.read(store, window, now))?
            }
        })
    }
}

/// Reads so many events, and says so meanwhile where they are many.
fn with_a_sign<T>(cx: &Context, unread: i64, read: impl FnOnce() -> T) -> T {
    if unread < MANY {
        return read();
    }
    let lines = Lines::new(&cx.printer);
    lines.show("metrics", format!("reading {unread} events that are not measured yet"));
    let read = read();
    lines.take_away("metrics");
    read
}

/// What somebody wants to see.
struct Asked {
    filter: Option<GlobMatcher>,
    format: Format,
    window: Option<Duration>,
}

impl Asked {
    fn since(&self, now: Time) -> Option<Time> {
        self.window.map(|window| before(now, window))
    }

    /// Tells whether the quality of agents is shown, and not the series of metrics.
    fn is_overview(&self) -> bool {
        self.filter.is_none() && matches!(self.format, Format::Table | Format::Json)
    }

    /// Returns what is printed of a snapshot.
    fn shown(&self, cx: &Context, snapshot: &Snapshot) -> String {
        let mut snapshot = snapshot.clone();
        if let Some(filter) = &self.filter {
            snapshot.series.retain(|series| filter.is_match(series.metric.name()));
        }
        match self.format {
            Format::Prometheus => text::prometheus(&snapshot),
            Format::Openmetrics => text::openmetrics(&snapshot),
            Format::Json if self.is_overview() => {
                visible_json(&overview_json(&snapshot).to_string()).into_owned()
            }
            Format::Json => {
                let data: Vec<Json> = snapshot.series.iter().map(Series::json).collect();
                let meta = json!({"count": data.len(), "at": snapshot.at, "since": snapshot.since});
                visible_json(&json!({"data": data, "meta": meta}).to_string()).into_owned()
            }
            Format::Table if self.is_overview() => overview(cx, &snapshot),
            Format::Table => series_table(&snapshot).render(&cx.printer),
        }
    }
}

fn overview_json(snapshot: &Snapshot) -> Json {
    let data: Vec<Json> = of_agents(snapshot).iter().map(Quality::json).collect();
    let meta = json!({"count": data.len(), "at": snapshot.at, "since": snapshot.since,
        "totals": totals(snapshot).json()});
    json!({"data": data, "meta": meta})
}

fn overview(cx: &Context, snapshot: &Snapshot) -> String {
    let agents = of_agents(snapshot);
    let has_models = agents.iter().any(|quality| !quality.model.is_empty());
    let mut columns = vec![
        ("agent", Column::Left),
        ("tasks", Column::Right),
        ("first pass", Column::Right),
        ("rework", Column::Right),
        ("p50", Column::Right),
        ("p95", Column::Right),
        ("accepted", Column::Right),
        ("cost/completed", Column::Right),
    ];
    if has_models {
        columns.insert(1, ("model", Column::Left));
    }
    let mut rows = Rows::new(&columns);
    for quality in &agents {
        let mut cells = vec![
            quality.agent.clone(),
            quality.tasks.to_string(),
            percent(quality.first_pass_rate()),
            quality.rework().map_or("-".into(), |passes| format!("{passes:.1}")),
            millis(quality.within(0.5)),
            millis(quality.within(0.95)),
            percent(quality.acceptance()),
            cost_of(quality),
        ];
        if has_models {
            cells.insert(1, if quality.model.is_empty() { "-".into() } else { quality.model.clone() });
        }
        rows.add(cells.into_iter().map(|cell| (cell, Tone::Plain)).collect());
    }
    let table = if agents.is_empty() { String::new() } else { rows.render(&cx.printer) + "\n" };
    table + &total_line(&totals(snapshot))
}

fn total_line(totals: &Totals) -> String {
    let acceptance = match totals.acceptance() {
        None => String::new(),
        Some(rate) => format!(" (acceptance {})", percent(Some(rate))),
    };
    let approved = match totals.gates_decided {
        0 => String::new(),
        decided => format!(" (approved {} of {decided} decided)", totals.gates_approved),
    };
    let Totals { retries, dead_letters, gates, findings, .. } = totals;
    format!(
        "retries {retries}   dead letters {dead_letters}   gates {gates}{approved}   findings {findings}{acceptance}"
    )
}

/// Writes a rate, from 0 to 1, as people read it.
fn percent(rate: Option<f64>) -> String {
    rate.map_or("-".to_owned(), |rate| format!("{:.0} %", rate * 100.0))
}

/// Writes milliseconds as people read them.
fn millis(millis: Option<f64>) -> String {
    millis.map_or("-".to_owned(), |millis| words::duration(Duration::from_millis(millis.round() as u64)))
}

/// Writes what each completed task of an agent cost; where none was completed, all that was spent in vain.
fn cost_of(quality: &Quality) -> String {
    let each = quality.cost_per_completed();
    if each.is_some() || !matches!(quality.known, Known::All | Known::Part) {
        return cost(each, quality.known);
    }
    cost(Some(quality.cost as f64 / 1e6), quality.known) + " / 0"
}

/// Writes what something cost, as far as that is known.
fn cost(value: Option<f64>, known: Known) -> String {
    match (known, value) {
        (Known::Nothing, _) => "~".into(),
        // It costs nothing, or there is nothing to divide by.
        (Known::Free, _) | (_, None) => "-".into(),
        (Known::Part, value) => words::cost(value) + "+",
        (Known::All, value) => words::cost(value),
    }
}

fn series_table(snapshot: &Snapshot) -> Rows {
    let mut rows = Rows::new(&[
        ("metric", Column::Left),
        ("labels", Column::Wide),
        ("value", Column::Right),
        ("count", Column::Right),
        ("p50", Column::Right),
        ("p95", Column::Right),
        ("p99", Column::Right),
    ]);
    for series in &snapshot.series {
        let spec = series.metric.spec();
        let labels: Vec<String> = series.named().map(|(name, value)| format!("{name}={value}")).collect();
        let shown = |value: f64| in_unit(value, spec.unit);
        let (value, count, quantiles) = match &series.value {
            Value::Counter(value) => (shown(*value as f64), "-".to_owned(), None),
            Value::Gauge(value) => (shown(*value as f64), "-".to_owned(), None),
            Value::Histogram(histogram) => {
                let quantile = |q| histogram.quantile(spec.buckets, q).map_or("-".to_owned(), shown);
                let quantiles = [0.5, 0.95, 0.99].map(quantile);
                (shown(histogram.sum as f64), histogram.count().to_string(), Some(quantiles))
            }
        };
        debug_assert_eq!(quantiles.is_some(), spec.kind == Kind::Histogram);
        let quantiles = quantiles.unwrap_or_else(|| ["-", "-", "-"].map(str::to_owned));
        let cells = [spec.name.to_owned(), labels.join(" "), value, count].into_iter().chain(quantiles);
        rows.add(cells.map(|cell| (cell, Tone::Plain)).collect());
    }
    rows
}

/// Writes a value of a metric as people read it.
fn in_unit(value: f64, unit: Unit) -> String {
    let whole = value.round() as u64;
    match unit {
        Unit::Total | Unit::Count | Unit::Lines => format!("{}", (value * 10.0).round() / 10.0),
        Unit::Ms => words::duration(Duration::from_millis(whole)),
        Unit::Tokens => words::tokens(Some(whole)),
        Unit::Microusd => words::cost(Some(value / 1e6)),
        Unit::Bytes => words::size(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_gates_that_were_decided_it_is_said_how_many_were_approved() {
        let line = |gates, gates_decided, gates_approved| {
            total_line(&Totals { gates, gates_decided, gates_approved, ..Totals::default() })
        };
        assert!(line(1, 3, 3).contains("gates 1 (approved 3 of 3 decided)   "), "{}", line(1, 3, 3));
        assert!(line(0, 2, 1).contains("gates 0 (approved 1 of 2 decided)   "));
        assert!(line(4, 0, 0).contains("gates 4   findings"));
    }
}
