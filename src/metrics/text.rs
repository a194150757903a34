//! The formats in which Prometheus reads metrics: its own text format (0.0.4) and OpenMetrics (1.0.0).
//!
//! Both want base units, so milliseconds become seconds and millionths of a dollar become dollars, and a name says its unit:
//! `crew.run.duration_ms` is `crew_run_duration_seconds`, and `crew.run.count`, which only ever grows, is `crew_run_total`.
//! All values are whole numbers in our own units, so none is ever NaN.

use super::names::{Kind, Metric, Spec, Unit};
use super::registry::{Histogram, Series, Snapshot, Value};
use std::fmt::Write;

/// What the answer of an HTTP server says it is.
pub const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// The same of the other format.
pub const OPENMETRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes a snapshot in Prometheus' text format.
pub fn prometheus(snapshot: &Snapshot) -> String {
    prometheus_of(snapshot, &[])
}

/// Writes a snapshot in Prometheus' text format, with labels that all its series have in common.
pub fn prometheus_of(snapshot: &Snapshot, common: &[(&'static str, &str)]) -> String {
    Writer { text: String::new(), open: false, common }.all(snapshot)
}

/// Writes a snapshot as OpenMetrics.
pub fn openmetrics(snapshot: &Snapshot) -> String {
    Writer { text: String::new(), open: true, common: &[] }.all(snapshot) + "# EOF\n"
}

/// Returns the name of a metric without what its samples add: `crew_run_duration_seconds`, `crew_run`.
pub fn family(metric: Metric) -> String {
    let spec = metric.spec();
    let measure = spec.name.strip_suffix(spec.unit.name()).unwrap_or(spec.name);
    let name = measure.trim_end_matches(['_', '.']).replace('.', "_");
    match base_unit(spec.unit) {
        "" => name,
        unit => format!("{name}_{unit}"),
    }
}

/// Returns the base unit that takes the place of ours; empty where things are only counted.
pub fn base_unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Total | Unit::Count => "",
        Unit::Ms => "seconds",
        Unit::Tokens => "tokens",
        Unit::Microusd => "dollars",
        Unit::Bytes => "bytes",
        Unit::Lines => "lines",
    }
}

/// Returns how many of our unit one base unit is.
pub fn in_base_unit(unit: Unit) -> u64 {
    match unit {
        Unit::Ms => 1_000,
        Unit::Microusd => 1_000_000,
        Unit::Total | Unit::Count | Unit::Tokens | Unit::Bytes | Unit::Lines => 1,
    }
}

/// Writes a whole number of our units in base units, exactly.
fn exactly(value: u64, unit: Unit) -> String {
    let per = in_base_unit(unit);
    let (whole, rest) = (value / per, value % per);
    let digits = per.ilog10() as usize;
    match rest {
        0 => whole.to_string(),
        _ => format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned(),
    }
}

struct Writer<'a> {
    text: String,
    /// It is OpenMetrics that is written.
    open: bool,
    /// Labels of every series.
    common: &'a [(&'static str, &'a str)],
}

impl Writer<'_> {
    fn all(mut self, snapshot: &Snapshot) -> String {
        let mut before = None;
        for series in &snapshot.series {
            if before != Some(series.metric) {
                self.head(series.metric);
                before = Some(series.metric);
            }
            self.series(series);
        }
        self.text
    }

    fn head(&mut self, metric: Metric) {
        let Spec { help, kind, unit, .. } = metric.spec();
        let mut name = family(metric);
        if *kind == Kind::Counter && !self.open {
            name.push_str("_total");
        }
        let _ = writeln!(self.text, "# HELP {name} {}", self.escaped(help, self.open));
        let _ = writeln!(self.text, "# TYPE {name} {}", kind.name());
        if self.open && !base_unit(*unit).is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {}", base_unit(*unit));
        }
    }

    fn series(&mut self, series: &Series) {
        let (name, unit) = (family(series.metric), series.metric.spec().unit);
        match &series.value {
            Value::Counter(value) => self.line(&name, "_total", series, None, &exactly(*value, unit)),
            Value::Gauge(value) => {
                let sign = if *value < 0 { "-" } else { "" };
                self.line(&name, "", series, None, &format!("{sign}{}", exactly(value.unsigned_abs(), unit)));
            }
            Value::Histogram(histogram) => self.histogram(&name, series, histogram, unit),
        }
    }

    fn histogram(&mut self, name: &str, series: &Series, histogram: &Histogram, unit: Unit) {
        let bounds = series.metric.spec().buckets.iter().map(|bound| self.bound(*bound, unit));
        let bounds: Vec<String> = bounds.chain(["+Inf".to_owned()]).collect();
        let mut below = 0;
        for (bound, count) in bounds.iter().zip(&histogram.counts) {
            below += count;
            self.line(name, "_bucket", series, Some(bound), &below.to_string());
        }
        self.line(name, "_sum", series, None, &exactly(histogram.sum, unit));
        self.line(name, "_count", series, None, &histogram.count().to_string());
    }

    /// Writes the upper bound of a bucket. OpenMetrics wants each number in one form only: `1.0`, `2.5e+06`.
    fn bound(&self, bound: u64, unit: Unit) -> String {
        let plain = exactly(bound, unit);
        match plain.find('.').unwrap_or(plain.len()) {
            _ if !self.open => plain,
            digits if digits > 6 => {
                let tail = plain[1..].replace('.', "");
                let tail = tail.trim_end_matches('0');
                let point = if tail.is_empty() { "" } else { "." };
                format!("{}{point}{tail}e+{:02}", &plain[..1], digits - 1)
            }
            _ if plain.contains('.') => plain,
            _ => plain + ".0",
        }
    }

    fn line(&mut self, name: &str, ending: &str, series: &Series, bound: Option<&str>, value: &str) {
        self.text.push_str(name);
        self.text.push_str(ending);
        let own = series.named().chain(bound.map(|bound| ("le", bound)));
        let labels = self.common.iter().copied().chain(own);
        let labels: Vec<String> =
            labels.map(|(name, value)| format!("{name}=\"{}\"", self.escaped(value, true))).collect();
        if !labels.is_empty() {
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn escaped(&self, text: &str, with_quotes: bool) -> String {
        let text = text.replace('\\', "\\\\").replace('\n', "\\n");
        if with_quotes { text.replace('"', "\\\"") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::Registry;
    use super::*;
    use crate::domain::time::Time;
    use std::collections::BTreeMap;

    fn snapshot() -> Snapshot {
        let mut registry = Registry::default();
        registry.add(Metric::RunEnded, &["a \"b\" \\ \n c", "completed"], 3);
        registry.add(Metric::ClockLost, &["set"], 1_250);
        registry.set(Metric::StoreSize, &[], 4_096);
        registry.observe(Metric::AttemptSpawn, &["claude"], 2);
        registry.observe(Metric::AttemptSpawn, &["claude"], 7);
        registry.observe(Metric::AttemptSpawn, &["claude"], 9_999_999);
        registry.observe(Metric::Cost, &["", "", "claude", ""], 1_250_000);
        registry.snapshot(Time(0))
    }

    /// Reads the samples of a text, by the book and not by how it was written: each with its labels and its value.
    pub(crate) fn samples(text: &str) -> BTreeMap<(String, BTreeMap<String, String>), f64> {
        let mut all = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut rest = line.chars().peekable();
            let mut take = |stop: &[char]| {
                let mut word = String::new();
                while let Some(next) = rest.next_if(|next| !stop.contains(next)) {
                    word.push(next);
                }
                (word, rest.next())
            };
            let (name, mut end) = take(&['{', ' ']);
            let mut labels = BTreeMap::new();
            while end == Some('{') || end == Some(',') {
                let (label, _) = take(&['=']);
                assert_eq!(take(&['"']).0, "", "{line}");
                let mut value = String::new();
                loop {
                    let (part, stop) = take(&['"', '\\']);
                    value += &part;
                    match stop {
                        Some('"') => break,
                        _ => match take(&['n', '\\', '"']).1 {
                            Some('n') => value.push('\n'),
                            Some(other) => value.push(other),
                            None => panic!("{line} is cut off"),
                        },
                    }
                }
                assert!(labels.insert(label, value).is_none(), "{line}");
                end = take(&[',', '}']).1;
                if end == Some('}') {
                    assert_eq!(take(&[' ']), (String::new(), Some(' ')), "{line}");
                }
            }
            let value = take(&[]).0.parse().unwrap_or_else(|_| panic!("{line} has no value"));
            assert!(all.insert((name, labels), value).is_none(), "{line} stands there twice");
        }
        all
    }

    #[test]
    fn what_is_written_is_read_back_in_base_units() {
        for text in [prometheus(&snapshot()), openmetrics(&snapshot())] {
            let samples = samples(&text);
            let find = |name: &str, labels: &[(&str, &str)]| {
                let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
                samples.get(&(name.to_owned(), labels.collect())).copied()
            };
            let hostile = [("team", "a \"b\" \\ \n c"), ("status", "completed")];
            assert_eq!(find("crew_run_total", &hostile), Some(3.0), "{text}");
            assert_eq!(find("crew_clock_lost_seconds_total", &[("reason", "set")]), Some(1.25));
            assert_eq!(find("crew_store_size_bytes", &[]), Some(4_096.0));
            let claude = ("agent", "claude");
            let bucket = |bound| find("crew_attempt_spawn_seconds_bucket", &[claude, ("le", bound)]);
            assert_eq!([bucket("0.001"), bucket("0.002"), bucket("0.005")], [0.0, 1.0, 1.0].map(Some));
            assert_eq!([bucket("0.01"), bucket("+Inf")], [2.0, 3.0].map(Some));
            assert_eq!(find("crew_attempt_spawn_seconds_sum", &[claude]), Some(10_000.008));
            assert_eq!(find("crew_attempt_spawn_seconds_count", &[claude]), Some(3.0));
            // A label that says nothing is none.
            assert_eq!(find("crew_attempt_cost_dollars_sum", &[claude]), Some(1.25));
        }
    }

    #[test]
    fn each_format_has_its_own_head_and_numbers() {
        let (plain, open) = (prometheus(&snapshot()), openmetrics(&snapshot()));
        for line in [
            "# HELP crew_run_total Times that a run came to an end, or to a stop",
            "# TYPE crew_run_total counter",
            "# TYPE crew_attempt_spawn_seconds histogram",
            "crew_attempt_spawn_seconds_bucket{agent=\"claude\",le=\"1\"} 2",
        ] {
            assert!(plain.lines().any(|found| found == line), "{line}\n{plain}");
        }
        for line in [
            "# TYPE crew_run counter",
            "# TYPE crew_clock_lost_seconds counter",
            "# UNIT crew_clock_lost_seconds seconds",
            "crew_attempt_spawn_seconds_bucket{agent=\"claude\",le=\"1.0\"} 2",
        ] {
            assert!(open.lines().any(|found| found == line), "{line}\n{open}");
        }
        assert!(open.ends_with("\n# EOF\n") && !plain.contains("# EOF") && !plain.contains("# UNIT"));
        let writer = Writer { text: String::new(), open: true, common: &[] };
        let bounds = [(1_000_000, Unit::Tokens), (2_500_000, Unit::Bytes), (123_456, Unit::Lines)];
        let written = bounds.map(|(bound, unit)| writer.bound(bound, unit));
        assert_eq!(written, ["1e+06", "2.5e+06", "123456.0"]);
    }

    #[test]
    fn no_two_metrics_have_the_same_name_there() {
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        for metric in Metric::ALL {
            let name = family(*metric);
            // OpenMetrics keeps these for the samples of a family.
            let endings: &[&str] = match metric.spec().kind {
                Kind::Counter => &["", "_total", "_created"],
                Kind::Gauge => &[""],
                Kind::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
            };
            for ending in endings {
                let before = taken.insert(format!("{name}{ending}"), metric.name());
                assert_eq!(before, None, "{name}{ending} of {}", metric.name());
            }
        }
    }
}
