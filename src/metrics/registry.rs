//! Adds measurements up: counters, gauges and histograms, each with a bounded number of series.

use super::names::{Kind, MAX_SERIES, Metric, OTHER};
use crate::domain::time::Time;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

/// Takes measurements in, one after the other.
pub trait Sink {
    /// Says with which version of crew the run was made that the next measurements are of. Few want to know.
    fn of_version(&mut self, _version: &str) {}

    /// Counts `value` up on a counter, or as one that was observed by a histogram. The labels stand in the order of the
    /// metric's table.
    fn take(&mut self, metric: Metric, labels: &[&str], value: u64);

    /// Does so for what belongs to an earlier time: what is taken back counts when it was counted before. Few tell times apart.
    fn take_at(&mut self, _at: Time, metric: Metric, labels: &[&str], value: u64) {
        self.take(metric, labels, value);
    }
}

/// How many were how large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many are in each bucket of the metric, and beyond the last one. Not cumulative.
    pub counts: Vec<u64>,
    /// Of all that was observed, exactly.
    pub sum: u64,
}

impl Histogram {
    fn of(metric: Metric) -> Histogram {
        Histogram { counts: vec![0; metric.spec().buckets.len() + 1], sum: 0 }
    }

    /// Counts one value.
    fn observe(&mut self, buckets: &[u64], value: u64) {
        let at = buckets.partition_point(|bound| *bound < value);
        self.counts[at] += 1;
        self.sum = self.sum.saturating_add(value);
    }

    /// Returns how many were observed, exactly.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the mean; nothing where nothing was observed.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum as f64 / count as f64)
    }

    /// Returns the value below which the part `q` of all lies, from 0 to 1, as if all in a bucket lay evenly between its
    /// bounds, but none that cannot be; nothing where nothing was observed. What lies beyond the last bound counts as lying
    /// there, unless it cannot.
    pub fn quantile(&self, buckets: &[u64], q: f64) -> Option<f64> {
        let (least, most) = self.quantile_between(buckets, q)?;
        Some(self.interpolated(buckets, q)?.clamp(least, most))
    }

    /// Returns the least and the most that a quantile can be: by the bounds of its bucket, and by the sum of all, to which each
    /// of the others adds no less and no more than the bounds of its own.
    pub fn quantile_between(&self, buckets: &[u64], q: f64) -> Option<(f64, f64)> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count);
        let bounds = |at: usize| {
            let lower = if at == 0 { 0.0 } else { buckets[at - 1] as f64 };
            (lower, buckets.get(at).map_or(f64::INFINITY, |upper| *upper as f64))
        };
        let mut below = 0;
        let at = self.counts.iter().position(|inside| {
            below += inside;
            rank <= below
        })?;
        below -= self.counts[at];
        let (lower, upper) = bounds(at);
        // How many in its bucket are no more than it, and how many no less.
        let (up_to, from) = (rank - below, below + self.counts[at] - rank + 1);
        let (mut at_least, mut at_most) = (0.0, 0.0);
        for (other, inside) in self.counts.iter().enumerate().filter(|(_, inside)| **inside > 0) {
            let (lower, upper) = bounds(other);
            let (low, high) = if other == at { (up_to - 1, from - 1) } else { (*inside, *inside) };
            at_least += low as f64 * lower;
            at_most += if high > 0 { high as f64 * upper } else { 0.0 };
        }
        let sum = self.sum as f64;
        let least = lower.max((sum - at_most) / up_to as f64);
        let most = upper.min((sum - at_least) / from as f64);
        Some((least, most.max(least)))
    }

    fn interpolated(&self, buckets: &[u64], q: f64) -> Option<f64> {
        let count = self.count();
        let last = *buckets.last()? as f64;
        if count == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * count as f64;
        let mut below = 0;
        for (at, inside) in self.counts.iter().enumerate() {
            if *inside == 0 || rank > (below + inside) as f64 {
                below += inside;
                continue;
            }
            let Some(upper) = buckets.get(at) else { return Some(last) };
            let lower = if at == 0 { 0.0 } else { buckets[at - 1] as f64 };
            let part = ((rank - below as f64) / *inside as f64).clamp(0.0, 1.0);
            return Some(lower + (*upper as f64 - lower) * part);
        }
        Some(last)
    }

    /// Adds what was observed elsewhere.
    pub fn add(&mut self, other: &Histogram) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// What a series says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Counter(u64),
    Gauge(i64),
    Histogram(Histogram),
}

impl Value {
    fn zero(metric: Metric) -> Value {
        match metric.spec().kind {
            Kind::Counter => Value::Counter(0),
            Kind::Gauge => Value::Gauge(0),
            Kind::Histogram => Value::Histogram(Histogram::of(metric)),
        }
    }

    /// Adds what another one says of the same metric. Of two gauges both count: each tells of something else.
    pub fn add(&mut self, other: &Value) {
        match (self, other) {
            (Value::Counter(ours), Value::Counter(theirs)) => *ours = ours.saturating_add(*theirs),
            (Value::Gauge(ours), Value::Gauge(theirs)) => *ours = ours.saturating_add(*theirs),
            (Value::Histogram(ours), Value::Histogram(theirs)) => ours.add(theirs),
            _ => {}
        }
    }

    /// Returns how much was counted: a counter's or a gauge's value, or how many a histogram has seen.
    pub fn amount(&self) -> u64 {
        match self {
            Value::Counter(value) => *value,
            Value::Gauge(value) => (*value).max(0) as u64,
            Value::Histogram(histogram) => histogram.count(),
        }
    }
}

/// The label values of a series, in the order of its metric's table.
pub type Labels = Arc<[Box<str>]>;

/// One metric with one set of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub metric: Metric,
    pub labels: Labels,
    pub value: Value,
}

impl Series {
    /// Returns the value of a label; nothing where the metric has no such label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let at = self.metric.spec().labels.iter().position(|label| *label == name)?;
        self.labels.get(at).map(AsRef::as_ref)
    }

    /// Returns the labels that say something, with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let names = self.metric.spec().labels.iter().copied();
        names.zip(self.labels.iter().map(AsRef::as_ref)).filter(|(_, value)| !value.is_empty())
    }

    /// Returns the series as JSON shows it.
    pub fn json(&self) -> Json {
        let spec = self.metric.spec();
        let labels: serde_json::Map<String, Json> =
            self.named().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        let mut json =
            json!({"name": spec.name, "kind": spec.kind.name(), "unit": spec.unit.name(), "labels": labels});
        match &self.value {
            Value::Counter(value) => json["value"] = json!(value),
            Value::Gauge(value) => json["value"] = json!(value),
            Value::Histogram(histogram) => {
                let quantile = |q| histogram.quantile(spec.buckets, q);
                json["count"] = json!(histogram.count());
                json["sum"] = json!(histogram.sum);
                (json["p50"], json["p95"], json["p99"]) =
                    (json!(quantile(0.5)), json!(quantile(0.95)), json!(quantile(0.99)));
                let bounds = spec.buckets.iter().map(|bound| json!(bound)).chain([Json::Null]);
                let buckets = bounds.zip(&histogram.counts).filter(|(_, count)| **count > 0);
                json["buckets"] =
                    buckets.map(|(bound, count)| json!({"le": bound, "count": count})).collect();
            }
        }
        json
    }
}

/// All series at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pub at: Time,
    /// Since when it was counted; none where all is in it that was ever recorded.
    pub since: Option<Time>,
    /// In the order of the table, and of the labels.
    pub series: Vec<Series>,
}

impl Snapshot {
    /// Returns the series of a metric.
    pub fn of(&self, metric: Metric) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.metric == metric)
    }

    /// Returns all series of a metric together; nothing where there are none.
    pub fn total(&self, metric: Metric) -> Option<Value> {
        self.of(metric).map(|series| series.value.clone()).reduce(|mut sum, value| {
            sum.add(&value);
            sum
        })
    }

    /// Adds what another snapshot says.
    #[cfg(test)]
    pub fn merge(&mut self, other: &Snapshot) {
        let mut registry = Registry::default();
        for series in self.series.iter().chain(&other.series) {
            let labels: Vec<&str> = series.labels.iter().map(AsRef::as_ref).collect();
            registry.absorb(series.metric, &labels, &series.value);
        }
        let since = self.since.zip(other.since).map(|(ours, theirs)| ours.min(theirs));
        *self = Snapshot { since, ..registry.snapshot(self.at.max(other.at)) };
    }
}

/// The series of one metric.
#[derive(Debug, Default)]
struct Family {
    places: Places,
    series: Vec<(Labels, Value)>,
    other: Option<usize>,
    /// The hashes of the label sets that stand under `other`; no more than are worth telling apart.
    cut: HashSet<u64>,
}

/// More label sets than this are all the same to whoever reads how many were cut.
const MAX_CUT: usize = 10_000;

/// Hashes the few short words of a label set in a fraction of the time that the standard hasher takes.
pub(super) fn hash_of(seed: u64, labels: &[&str]) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    let mut mix = |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for label in labels {
        let (words, rest) = label.as_bytes().as_chunks::<8>();
        words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
        // The length keeps words apart that follow each other.
        mix(rest.iter().fold(label.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
    }
    hash ^ hash >> 32
}

/// The places of label sets, by their hashes. Those that collide stand one behind the other: values that are chosen so that
/// they do cost at most a look at each of [`MAX_SERIES`].
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<u64, usize, Hashed>);

impl Places {
    /// Returns the place of the set that `is_it`, or the free number at which it belongs.
    pub fn find(&self, hash: u64, is_it: impl Fn(usize) -> bool) -> Result<usize, u64> {
        let mut number = hash;
        loop {
            match self.0.get(&number) {
                Some(place) if is_it(*place) => return Ok(*place),
                Some(_) => number = number.wrapping_add(1),
                None => return Err(number),
            }
        }
    }

    /// Puts a set at the free number that was found for it.
    pub fn put(&mut self, number: u64, place: usize) {
        self.0.insert(number, place);
    }
}

/// Takes a number as it is: it is a hash.
#[derive(Clone, Copy, Debug, Default)]
struct Hashed(u64);

impl BuildHasher for Hashed {
    type Hasher = Hashed;

    fn build_hasher(&self) -> Hashed {
        Hashed(0)
    }
}

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0 << 8 | u64::from(*byte));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Tells whether these are the labels of a series.
pub(super) fn is_same(known: &Labels, labels: &[&str]) -> bool {
    known.len() == labels.len() && known.iter().zip(labels).all(|(known, label)| **known == **label)
}

/// The one place where measurements are added up.
#[derive(Debug)]
pub struct Registry {
    families: Vec<Family>,
}

impl Default for Registry {
    fn default() -> Registry {
        let families = Metric::ALL.iter().map(|_| Family::default()).collect();
        Registry { families }
    }
}

impl Registry {
    /// Counts up. Nothing happens to what is no counter.
    pub fn add(&mut self, metric: Metric, labels: &[&str], number: u64) {
        if let Value::Counter(value) = self.value(metric, labels) {
            *value = value.saturating_add(number);
        }
    }

    /// Says how it is now. Nothing happens to what is no gauge.
    pub fn set(&mut self, metric: Metric, labels: &[&str], number: i64) {
        if let Value::Gauge(value) = self.value(metric, labels) {
            *value = number;
        }
    }

    /// Observes one value. Nothing happens to what is no histogram.
    pub fn observe(&mut self, metric: Metric, labels: &[&str], number: u64) {
        if let Value::Histogram(histogram) = self.value(metric, labels) {
            histogram.observe(metric.spec().buckets, number);
        }
    }

    /// Adds what was added up elsewhere.
    pub fn absorb(&mut self, metric: Metric, labels: &[&str], value: &Value) {
        self.value(metric, labels).add(value);
    }

    /// Returns all that was added up.
    pub fn snapshot(&self, at: Time) -> Snapshot {
        let count = self.families.iter().map(|family| family.series.len()).sum();
        let mut series = Vec::with_capacity(count);
        let mut cut = Registry::told_before(&self.families[Metric::Cut as usize]);
        for (family, metric) in self.families.iter().zip(Metric::ALL) {
            if !family.cut.is_empty() {
                *cut.entry(metric.name().into()).or_default() += family.cut.len() as i64;
            }
            let begin = series.len();
            let as_shown = |(labels, value): &(Labels, Value)| {
                let (labels, value) = (Arc::clone(labels), value.clone());
                Series { metric: *metric, labels, value }
            };
            series.extend(family.series.iter().filter(|_| *metric != Metric::Cut).map(as_shown));
            series[begin..].sort_unstable_by(|one, other| one.labels.cmp(&other.labels));
        }
        let place = series.partition_point(|series: &Series| series.metric < Metric::Cut);
        series.splice(
            place..place,
            cut.into_iter().map(|(name, count)| Series {
                metric: Metric::Cut,
                labels: [name].into(),
                value: Value::Gauge(count),
            }),
        );
        Snapshot { at, since: None, series }
    }

    /// Returns what other registries have cut, by the names of the metrics.
    fn told_before(family: &Family) -> BTreeMap<Box<str>, i64> {
        let count = |(labels, value): &(Labels, Value)| (labels[0].clone(), value.amount() as i64);
        family.series.iter().map(count).collect()
    }

    fn value(&mut self, metric: Metric, labels: &[&str]) -> &mut Value {
        debug_assert_eq!(labels.len(), metric.spec().labels.len(), "{}", metric.name());
        let family = &mut self.families[metric as usize];
        let series = &family.series;
        let place = match family.places.find(hash_of(0, labels), |place| is_same(&series[place].0, labels)) {
            Ok(place) => place,
            Err(number) => family.make_room(metric, labels, number),
        };
        &mut family.series[place].1
    }
}

impl Family {
    /// Returns the place of a label set that is new: its own, or the one of all that are too many.
    fn make_room(&mut self, metric: Metric, labels: &[&str], number: u64) -> usize {
        // What another registry has cut is no label set.
        let is_other = !labels.is_empty() && labels.iter().all(|label| *label == OTHER);
        if self.places.0.len() < MAX_SERIES && !is_other {
            self.places.put(number, self.series.len());
            self.series.push((labels.iter().map(|label| (*label).into()).collect(), Value::zero(metric)));
            return self.series.len() - 1;
        }
        if self.cut.len() < MAX_CUT && !is_other {
            self.cut.insert(number);
        }
        *self.other.get_or_insert_with(|| {
            self.series.push((labels.iter().map(|_| OTHER.into()).collect(), Value::zero(metric)));
            self.series.len() - 1
        })
    }
}

impl Sink for Registry {
    fn take(&mut self, metric: Metric, labels: &[&str], value: u64) {
        match metric.spec().kind {
            Kind::Counter => self.add(metric, labels, value),
            Kind::Histogram => self.observe(metric, labels, value),
            Kind::Gauge => self.set(metric, labels, i64::try_from(value).unwrap_or(i64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_taken_in_is_told_apart_by_its_labels() {
        let mut registry = Registry::default();
        registry.add(Metric::RunEnded, &["t", "completed"], 2);
        registry.add(Metric::RunEnded, &["t", "failed"], 1);
        registry.take(Metric::RunEnded, &["t", "completed"], 3);
        registry.set(Metric::RunsOpen, &["running"], 4);
        registry.set(Metric::RunsOpen, &["running"], 3);
        let snapshot = registry.snapshot(Time(7));
        let shown: Vec<(&str, Vec<&str>, u64)> = snapshot
            .series
            .iter()
            .map(|series| {
                (series.metric.name(), series.labels.iter().map(|l| &**l).collect(), series.value.amount())
            })
            .collect();
        let expected = [
            ("crew.run.count", vec!["t", "completed"], 5),
            ("crew.run.count", vec!["t", "failed"], 1),
            ("crew.run.open_count", vec!["running"], 3),
        ];
        assert_eq!(shown, expected);
        assert_eq!(snapshot.series[0].label("status"), Some("completed"));
        assert_eq!(snapshot.total(Metric::RunEnded), Some(Value::Counter(6)));
        assert_eq!(snapshot.total(Metric::Retry), None);
    }

    #[test]
    fn a_quantile_lies_between_the_bounds_of_its_bucket() {
        let buckets = [10, 20, 40];
        let of = |values: &[u64]| {
            let mut histogram = Histogram { counts: vec![0; 4], sum: 0 };
            values.iter().for_each(|value| histogram.observe(&buckets, *value));
            histogram
        };
        let four = of(&[1, 12, 14, 40]);
        assert_eq!((four.count(), four.sum, four.counts.clone()), (4, 67, vec![1, 2, 1, 0]));
        assert_eq!(four.mean(), Some(16.75));
        let quantiles =
            |histogram: &Histogram| [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| histogram.quantile(&buckets, q));
        assert_eq!(quantiles(&four), [Some(0.0), Some(10.0), Some(15.0), Some(20.0), Some(40.0)]);
        assert_eq!(of(&[10]).counts, [1, 0, 0, 0], "a bound is counted in");
        assert_eq!(of(&[99, 100]).quantile(&buckets, 0.5), Some(40.0), "nobody knows how far beyond");
        for values in [&[99][..], &[0, 0, 0], &[7], &[20, 20], &[10, 10, 10, 10]] {
            let same = Some(values[0] as f64);
            assert_eq!(quantiles(&of(values))[1..], [same; 4], "{values:?}: nothing else comes to that sum");
        }
        assert_eq!(of(&[]).quantile(&buckets, 0.5), None);
        assert_eq!(of(&[]).mean(), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_never_what_it_cannot_be(values in proptest::collection::vec(0_u64..60, 1..12), q in 0.0..=1.0_f64) {
            let buckets = [10, 20, 40];
            let mut histogram = Histogram { counts: vec![0; 4], sum: 0 };
            values.iter().for_each(|value| histogram.observe(&buckets, *value));
            let mut sorted = values;
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = sorted[rank - 1] as f64;
            let (least, most) = histogram.quantile_between(&buckets, q).unwrap();
            prop_assert!(least <= exact + 1e-9 && exact <= most + 1e-9, "{exact} of {sorted:?} lies not in {least}..{most}");
            let shown = histogram.quantile(&buckets, q).unwrap();
            prop_assert!((least..=most).contains(&shown), "{shown} of {sorted:?}");
        }
    }

    #[test]
    fn too_many_label_sets_stand_in_one_series_and_are_counted() {
        let mut registry = Registry::default();
        let more = 7;
        for number in 0..MAX_SERIES + more {
            let tool = format!("tool{number}");
            // The second time is nothing new.
            registry.add(Metric::ToolCall, &["a", &tool, "ok"], 1);
            registry.add(Metric::ToolCall, &["a", &tool, "ok"], 1);
        }
        let snapshot = registry.snapshot(Time(0));
        assert_eq!(snapshot.of(Metric::ToolCall).count(), MAX_SERIES + 1);
        let other = snapshot.of(Metric::ToolCall).find(|series| series.label("tool") == Some(OTHER)).unwrap();
        assert_eq!(other.value, Value::Counter(2 * more as u64));
        let [cut] = snapshot.of(Metric::Cut).collect::<Vec<_>>()[..] else { panic!("it is not told") };
        assert_eq!(
            (cut.label("metric"), &cut.value),
            (Some("crew.tool.call_total"), &Value::Gauge(more as i64))
        );
        let mut twice = snapshot.clone();
        twice.merge(&snapshot);
        assert_eq!(twice.of(Metric::ToolCall).count(), MAX_SERIES + 1, "there is one for all others");
        assert_eq!(twice.total(Metric::ToolCall), Some(Value::Counter(4 * (MAX_SERIES + more) as u64)));
        assert_eq!(twice.total(Metric::Cut), Some(Value::Gauge(2 * more as i64)));
    }

    #[test]
    fn two_snapshots_come_together() {
        let snapshot = |agent: &str, millis: u64, at: i64| {
            let mut registry = Registry::default();
            registry.observe(Metric::AttemptSpawn, &[agent], millis);
            registry.add(Metric::AttemptAdopted, &[agent], 1);
            registry.set(Metric::StoreSize, &[], 100);
            registry.snapshot(Time(at))
        };
        let mut both = snapshot("a", 3, 5);
        both.merge(&snapshot("a", 400, 9));
        both.merge(&snapshot("b", 400, 1));
        assert_eq!((both.at, both.of(Metric::AttemptSpawn).count()), (Time(9), 2));
        let Some(Value::Histogram(all)) = both.total(Metric::AttemptSpawn) else { panic!("no histogram") };
        assert_eq!((all.count(), all.sum), (3, 803));
        assert_eq!(both.total(Metric::AttemptAdopted), Some(Value::Counter(3)));
        assert_eq!(both.total(Metric::StoreSize), Some(Value::Gauge(300)));
        assert_eq!(both.of(Metric::Cut).count(), 0);
    }

    #[test]
    fn a_series_is_shown_with_its_labels_and_what_it_says() {
        let mut registry = Registry::default();
        registry.observe(Metric::AgentWaitTime, &["claude", ""], 3);
        registry.observe(Metric::AgentWaitTime, &["claude", ""], 999_999_999);
        let json = registry.snapshot(Time(0)).series[0].json();
        let expected = json!({"name": "crew.agent.wait_ms", "kind": "histogram", "unit": "ms", "count": 2,
            "labels": {"agent": "claude"}, "sum": 1_000_000_002_u64, "p50": 10.0, "p95": 999_999_992.0, "p99": 999_999_992.0,
            "buckets": [{"le": 10, "count": 1}, {"le": null, "count": 1}]});
        assert_eq!(json, expected);
    }
}
