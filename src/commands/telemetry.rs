//! Sends the trace and the metrics of a run, and writes them to files, where the settings say so.
//!
//! What goes wrong with that never makes a run fail: it is told at the end of it, and kept for `crew doctor`.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::event::Recorded;
use crate::domain::id::RunId;
use crate::domain::provider::Providers;
use crate::domain::redact::Redactor;
use crate::domain::run::Run;
use crate::domain::task::Working;
#[cfg(feature = "otlp")]
use crate::domain::telemetry::Collector;
use crate::domain::telemetry::Policy;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::metrics::files;
use crate::metrics::reading::{self, Window};
use crate::metrics::registry::Snapshot;
use crate::runner::clock;
use crate::runner::dispatcher::Observer;
use crate::runner::environment::hiding_ours;
use crate::store::atomic_file;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::ui::printer::Printer;
use anyhow::Result;
use std::path::Path;

/// The most characters of what went wrong that are shown.
const MAX_WRONG: usize = 300;

/// Looks after what becomes of the numbers of one run.
pub struct Telemetry {
    policy: Policy,
    words: Redactor,
    #[cfg(feature = "otlp")]
    sending: Option<sending::Sending>,
    wrong: Vec<String>,
}

impl Telemetry {
    /// Begins with a run, which may have begun before. Where something is wrong with that, it is told, and the run goes on.
    pub fn start(printer: &Printer, policy: &Policy, store: &Store, run: &Run) -> Telemetry {
        let mut telemetry = Telemetry {
            policy: policy.clone(),
            words: hiding_ours(&[]),
            #[cfg(feature = "otlp")]
            sending: None,
            wrong: Vec::new(),
        };
        match &policy.collector {
            None => {}
            Some(Err(why)) => telemetry.wrong.push(format!("nothing is sent: {why}")),
            #[cfg(feature = "otlp")]
            Some(Ok(collector)) => match sending::Sending::start(collector, &telemetry.words, store, run) {
                Ok(sending) => telemetry.sending = Some(sending),
                Err(error) => telemetry.wrong.push(format!("nothing is sent: {error:#}")),
            },
            #[cfg(not(feature = "otlp"))]
            Some(Ok(_)) => {
                let _ = (store, run);
                telemetry.wrong.push(format!("nothing is sent: {NOT_BUILT}"));
            }
        }
        telemetry.wrong.iter().for_each(|line| printer.warn(&format!("telemetry: {line}")));
        telemetry
    }

    /// Takes in what has happened.
    pub fn happened(&mut self, recorded: &Recorded) {
        #[cfg(feature = "otlp")]
        self.sending.iter_mut().for_each(|sending| sending.happened(recorded));
        #[cfg(not(feature = "otlp"))]
        let _ = recorded;
    }

    /// Sends and writes what is to be at the end of a run, and says what went wrong.
    pub fn finish(self, printer: &Printer, store: &mut Store) {
        let Telemetry { policy, words, wrong, .. } = &self;
        let layout = store.layout().clone();
        let is_wanted =
            policy.jsonl || !policy.textfile.is_empty() || matches!(policy.collector, Some(Ok(_)));
        if !is_wanted && let Err(error) = reading::keep_up(store) {
            // The next one who asks for the metrics makes up for it, or is told why not.
            tracing::debug!(%error, "the metrics are not kept");
        }
        if !is_wanted && wrong.is_empty() {
            return;
        }
        let mut wrong = wrong.clone();
        let told = wrong.len();
        let mut all = None;
        if is_wanted {
            match everything(store) {
                Ok(found) => all = Some(found),
                Err(error) => wrong.push(format!("the metrics cannot be read: {error:#}")),
            }
        }
        if let Some((snapshot, _)) = &all {
            if !policy.textfile.is_empty()
                && let Err(error) = write_textfile(
                    &files::textfile_of(&policy.textfile, layout.repository()),
                    snapshot,
                    &layout,
                )
            {
                wrong.push(format!("metrics.textfile: {:#}", anyhow::Error::from(error)));
            }
            if policy.jsonl
                && let Err(error) = files::add_to_day(&layout.metrics(), snapshot, words)
            {
                wrong.push(format!("metrics.jsonl: {:#}", anyhow::Error::from(error)));
            }
        }
        #[cfg(feature = "otlp")]
        if let Some(sending) = self.sending {
            wrong.extend(sending.finish(printer, &layout, all));
        }
        let wrong: Vec<String> = wrong.iter().map(|line| clean_line(line, MAX_WRONG)).collect();
        wrong.iter().skip(told).for_each(|line| printer.warn(&format!("telemetry: {line}")));
        // Where this does not work, it has been said once.
        let _ = match wrong.is_empty() {
            true => std::fs::remove_file(layout.unsent()).map_err(drop),
            false => atomic_file::write(&layout.unsent(), wrong.join("\n").as_bytes()).map_err(drop),
        };
    }
}

impl Observer for Telemetry {
    fn happened(&mut self, _: &Run, event: &Recorded) {
        Telemetry::happened(self, event);
    }

    fn watches(&self) -> bool {
        false
    }

    fn tick(&mut self, _: &Run, _: &[Working], _: &Providers) {}

    fn asks(&mut self, _: &Run) -> bool {
        false
    }
}

/// Writes the metrics of a repository to a file for node_exporter.
pub fn write_textfile(
    path: &Path,
    snapshot: &Snapshot,
    layout: &Layout,
) -> Result<(), crate::store::StoreError> {
    files::write_textfile(path, snapshot, &layout.repository().display().to_string())
}

/// Measures all that a store holds, with the time since when that is counted.
pub fn everything(store: &mut Store) -> Result<(Snapshot, Time)> {
    let now = clock::now();
    let snapshot = reading::of_store(store, Window::ALL, now)?;
    Ok((snapshot, store.counted_since()?.unwrap_or(now).min(now)))
}

#[cfg(not(feature = "otlp"))]
const NOT_BUILT: &str = "this crew was built without the feature `otlp`";

/// Says where the numbers of runs go, and what was wrong with that last time; nothing where they go nowhere.
pub fn examined(cx: &Context, layout: &Layout) -> Option<(String, Option<String>)> {
    let settings = cx.settings(layout, &[], cx.trusts(layout).ok()?).ok()?;
    let policy = Policy::of(&settings, |name| std::env::var(name).ok());
    let mut goes: Vec<String> = Vec::new();
    let mut wrong: Vec<String> = Vec::new();
    match &policy.collector {
        None => {}
        Some(Ok(collector)) => goes.push(collector.endpoint.clone()),
        Some(Err(why)) => wrong.push(why.clone()),
    }
    let textfile = || files::textfile_of(&policy.textfile, layout.repository()).display().to_string();
    goes.extend((!policy.textfile.is_empty()).then(textfile));
    goes.extend(policy.jsonl.then(|| layout.shown(&layout.metrics())));
    if goes.is_empty() && wrong.is_empty() {
        return None;
    }
    let last = std::fs::read_to_string(layout.unsent()).unwrap_or_default();
    wrong.extend(last.lines().map(|line| format!("last time: {}", clean_line(line, MAX_WRONG))));
    Some((goes.join(", "), (!wrong.is_empty()).then(|| wrong.join("; "))))
}

/// Sends all metrics of a repository, and the traces of runs, to the collector that the settings name.
#[cfg(feature = "otlp")]
pub fn send(cx: &Context, store: &mut Store, runs: &[RunId]) -> Result<ExitStatus> {
    let layout = store.layout().clone();
    let settings = cx.settings(&layout, &[], cx.trusts(&layout)?)?;
    let collector = Collector::of(&settings, |name| std::env::var(name).ok()).map_err(|why| {
        Problem::usage("no_collector", why).hint("crew config set otlp.endpoint http://localhost:4318")
    })?;
    sending::send(cx, store, runs, collector)
}

#[cfg(not(feature = "otlp"))]
pub fn send(_: &Context, _: &mut Store, _: &[RunId]) -> Result<ExitStatus> {
    Err(Problem::usage("no_otlp", NOT_BUILT).hint("cargo install crew has it").into())
}

#[cfg(feature = "otlp")]
mod sending {
    use super::*;
    use crate::domain::event::Event;
    use crate::metrics::otlp::breaker::Kept;
    use crate::metrics::otlp::encode::Sender;
    use crate::metrics::otlp::exporter::{Exporter, Report};
    use crate::metrics::trace::Tracer;
    use crate::runner::signals;
    use crate::store::artifacts::sha256;
    use crate::store::lock;
    use crate::ui::words;
    use anyhow::Context as _;
    use serde_json::json;
    use std::collections::VecDeque;
    use std::time::Duration;

    /// Spans that are handed over at once.
    const PAGE: usize = 256;
    /// The most spans that are taken for unsent: what ended before these was sent long ago.
    const MAX_UNSENT: usize = 2048;
    /// How long somebody waits who asked for nothing but that something is sent.
    const LONGEST: Duration = Duration::from_secs(600);

    /// Sends what becomes of one run.
    pub struct Sending {
        exporter: Exporter,
        /// Absent where whoever called crew does not want the trace kept.
        tracer: Option<Tracer>,
        /// What happened up to here was sent by whoever had the run before.
        last_seq: i64,
    }

    /// Says who sends: nobody can tell from it where the repository is.
    fn sender(layout: &Layout) -> Sender {
        let folder = layout.repository();
        let host = rustix::system::uname();
        let place = format!("{}\n{}", host.nodename().to_string_lossy(), folder.display());
        Sender {
            repository: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            instance: sha256(place.as_bytes())[..32].to_owned(),
        }
    }

    impl Sending {
        pub fn start(collector: &Collector, words: &Redactor, store: &Store, run: &Run) -> Result<Sending> {
            let is_kept = run.caller.is_none_or(|caller| caller.sampled);
            let mut tracer = is_kept.then(|| Tracer::new(&run.id, words.clone()));
            let mut last_seq = 0;
            // What a person decided while nobody carried the run out was sent by nobody; what ended just before whoever carried it
            // out was killed may not have been. At the other end the same twice is the same once.
            let mut unsent = VecDeque::new();
            if let Some(tracer) = &mut tracer {
                store.each_event(&run.id, 0, usize::MAX, |recorded| {
                    last_seq = recorded.seq;
                    unsent.extend(tracer.take(&recorded));
                    unsent.drain(..unsent.len().saturating_sub(MAX_UNSENT));
                    if matches!(recorded.event, Event::RunEnded { .. }) {
                        unsent.clear();
                    }
                    Ok(())
                })?;
            }
            let layout = store.layout();
            let exporter = Exporter::start(collector.clone(), sender(layout), kept(layout), clock::now)?;
            exporter.spans(unsent.into());
            Ok(Sending { exporter, tracer, last_seq })
        }

        pub fn happened(&mut self, recorded: &Recorded) {
            if let Some(tracer) = self.tracer.as_mut().filter(|_| recorded.seq > self.last_seq) {
                self.exporter.spans(tracer.take(recorded));
            }
        }

        /// Waits until all is sent, for a moment at most, and returns what went wrong.
        pub fn finish(
            self,
            printer: &Printer,
            layout: &Layout,
            all: Option<(Snapshot, Time)>,
        ) -> Vec<String> {
            all.into_iter().for_each(|(snapshot, since)| self.exporter.metrics(snapshot, since));
            let waits = || printer.tell("waiting for the collector to take what is left; ctrl-C ends that");
            let report = self.exporter.finish(signals::hurry(), lock::SIGN_AFTER, waits);
            keep(layout, report.kept.as_ref());
            wrong_of(&report).into_iter().collect()
        }
    }

    /// Returns what the last one who sent has seen of the collector. What cannot be read says nothing.
    fn kept(layout: &Layout) -> Option<Kept> {
        serde_json::from_slice(&std::fs::read(layout.collector()).ok()?).ok()
    }

    fn keep(layout: &Layout, kept: Option<&Kept>) {
        let path = layout.collector();
        // Where that cannot be written, the next one tries once more than it would.
        let _ = match kept.and_then(|kept| serde_json::to_vec(kept).ok()) {
            Some(text) => atomic_file::write(&path, &text).map_err(drop),
            None => std::fs::remove_file(&path).map_err(drop),
        };
    }

    /// Says what was not sent, and why.
    fn wrong_of(report: &Report) -> Option<String> {
        let why = report.wrong.as_ref()?;
        let missing = report.dropped + report.rejected;
        let opened = match report.opened {
            0 => String::new(),
            _ => format!("; after {} failures in a row nothing is tried for a while", report.in_a_row),
        };
        // What came through at the second try is nobody's concern.
        (missing > 0).then(|| format!("the collector: {why} ({missing} spans and series not sent{opened})"))
    }

    pub fn send(cx: &Context, store: &mut Store, runs: &[RunId], collector: Collector) -> Result<ExitStatus> {
        let endpoint = collector.endpoint.clone();
        let stop = signals::wish_to_stop().context("listen to ctrl-C")?;
        // Whoever asks for it wants it to be tried.
        let exporter = Exporter::start(collector, sender(store.layout()), None, clock::now)?;
        let words = hiding_ours(&[]);
        for run in runs {
            let mut tracer = Tracer::new(run, words.clone());
            let mut spans = Vec::new();
            store.each_event(run, 0, usize::MAX, |recorded| {
                spans.extend(tracer.take(&recorded));
                if spans.len() >= PAGE {
                    exporter.spans_in_time(std::mem::take(&mut spans), &stop);
                }
                Ok(())
            })?;
            // Whoever carries it out sends what has not ended, when it does.
            if !lock::is_owned(&store.paths(run))? {
                spans.extend(tracer.unfinished(Time(0)));
            }
            exporter.spans_in_time(spans, &stop);
        }
        let (snapshot, since) = everything(store)?;
        exporter.metrics_in_time(snapshot, since, &stop);
        let waits = || cx.printer.tell("waiting for the collector; ctrl-C ends that");
        let report = exporter.finish_within(LONGEST, &stop, (lock::SIGN_AFTER, waits));
        keep(store.layout(), report.kept.as_ref());
        let Report { spans, series, dropped, rejected, failures, .. } = report;
        if cx.printer.json {
            cx.printer
                .json(&json!({"endpoint": endpoint, "runs": runs.len(), "spans": spans, "series": series,
                "dropped": dropped, "rejected": rejected, "failures": failures, "wrong": report.wrong}))?;
        } else {
            let (spans, runs) = (words::count(spans as usize, "span"), words::count(runs.len(), "run"));
            cx.printer.data(&format!("{spans} of {runs} and {series} series sent to {endpoint}"))?;
        }
        wrong_of(&report).iter().for_each(|line| cx.printer.warn(line));
        Ok(if dropped + rejected > 0 { ExitStatus::Failed } else { ExitStatus::Done })
    }
}
