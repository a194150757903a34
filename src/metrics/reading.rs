//! Reads what a store comes to: one run, or all runs within a time.
//!
//! # How it works
//!
//! What all events up to some event came to is kept in the store, by the hour. Of the runs that have later events, those are
//! read and measured, and what they come to is added. Where that is worth it, it is kept too. A store that may not be written
//! is read all the same, and so is one that another crew has kept by newer rules.
//!
//! A run that was taken in from a file counts at its own hours, like one that was made here. One that was taken in under
//! another id is a copy: what it did before counts for the run that it was, and not once more.
//!
//! A run is measured by a meter that has to have seen all of its events, so those that are counted already are read once more
//! and count for nothing. Whoever reads again and again keeps a [`Reader`], which remembers the meters of runs at work.

use super::current;
use super::measure::Meter;
use super::names::{Kind, Metric, Spec};
use super::registry::{Histogram, Labels, Places, Registry, Sink, Snapshot, Value, hash_of, is_same};
use crate::domain::id::RunId;
use crate::domain::time::Time;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::figures::{Figure, Figures, Head, RawEvent, SeriesName};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// By which rules events are measured. It grows whenever the same events come to something else, or more is measured: then what
/// is kept is derived anew. A test holds it to the table.
pub const RULES: i64 = 2;

/// Fewer runs than this are measured by the thread that reads them.
const FEW: usize = 50;
/// The most threads that measure.
const MOST_THREADS: usize = 8;

/// So many new events are worth keeping what they come to; fewer are read again by the next one.
const WORTH_KEEPING: i64 = 200;

const HOUR: i64 = 60 * 60 * 1_000;

/// The time that is asked about, in whole hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From the beginning of this hour on; from the beginning where it is absent.
    pub from: Option<Time>,
    /// Up to the beginning of this hour; up to now where it is absent.
    pub to: Option<Time>,
}

impl Window {
    /// All that was ever recorded.
    pub const ALL: Window = Window { from: None, to: None };

    /// Returns the first hour, and the first that is not in it.
    fn hours(&self) -> (i64, i64) {
        (self.from.map_or(i64::MIN, hour_of), self.to.map_or(i64::MAX, hour_of))
    }

    /// Returns when it begins, exactly.
    pub fn begins(&self) -> Option<Time> {
        self.from.map(|from| Time(hour_of(from) * HOUR))
    }

    /// Returns when it ends, exactly.
    pub fn ends(&self) -> Option<Time> {
        self.to.map(|to| Time(hour_of(to) * HOUR))
    }
}

fn hour_of(at: Time) -> i64 {
    at.0.div_euclid(HOUR)
}

/// Measures all runs of a store, with what stands open now where the window goes up to now.
pub fn of_store(store: &mut Store, window: Window, now: Time) -> Result<Snapshot, StoreError> {
    Reader::default().read(store, window, now)
}

/// Measures one run; nothing is in it where the run is not there.
pub fn of_run(store: &Store, run: &RunId, now: Time) -> Result<Snapshot, StoreError> {
    let mut registry = Registry::default();
    if let Some(number) = store.number_of(run)? {
        let mut meter = Meter::default();
        store.each_raw_event(number, 0, |raw| meter.take_raw(run, &raw, &mut registry))?;
    }
    Ok(registry.snapshot(now))
}

/// Returns what a run came to, to be kept when it is pruned.
pub fn to_keep(store: &Store, run: &RunId) -> Result<Figures, StoreError> {
    let mut hours = Hours::default();
    if let Some(number) = store.number_of(run)? {
        let mut meter = Meter::default();
        let copied = store.copied_up_to(number)?;
        store.each_raw_event(number, 0, |raw| match raw.seq > copied {
            true => take_into(&mut meter, run, &raw, &mut hours),
            false => meter.take_raw(run, &raw, &mut Nothing),
        })?;
    }
    Ok(hours.figures)
}

/// Returns the versions of crew that runs were made with, as far as anything is known of them.
pub fn versions(store: &mut Store) -> Result<BTreeSet<String>, StoreError> {
    let counted = Reader::default().count(store, Window::ALL)?;
    Ok(counted.into_iter().map(|(series, _)| series.version).filter(|version| !version.is_empty()).collect())
}

/// Measures the runs of a store that were made with one version of crew.
pub fn of_version(store: &mut Store, version: &str, now: Time) -> Result<Snapshot, StoreError> {
    let mut counted = Reader::default().count(store, Window::ALL)?;
    counted.retain(|(series, _)| series.version == version);
    Ok(registry_of(&counted).snapshot(now))
}

/// Reads a store, now and again.
#[derive(Debug, Default)]
pub struct Reader {
    /// Up to where events were in what the store kept, when it was read last.
    head: Head,
    /// The newest event that was measured.
    newest: i64,
    /// What all events behind the head came to, up to the newest.
    fresh: Hours,
    /// The meters of runs that have not ended, with the last event that each has seen.
    meters: HashMap<RunId, (Meter, i64)>,
}

impl Reader {
    /// Measures all runs of a store, with what stands open now where the window goes up to now.
    pub fn read(&mut self, store: &mut Store, window: Window, now: Time) -> Result<Snapshot, StoreError> {
        let mut registry = registry_of(&self.count(store, window)?);
        if window.to.is_none() {
            current::put_into(&mut registry, store, now)?;
        }
        Ok(Snapshot { since: window.begins(), ..registry.snapshot(now) })
    }

    /// Returns what each series comes to within a window, in the order in which they were seen first.
    fn count(&mut self, store: &mut Store, window: Window) -> Result<Vec<(SeriesName, Figure)>, StoreError> {
        let (from, to) = window.hours();
        let mut sums = store.at_one_moment(|store| {
            self.catch_up(store)?;
            match self.head.seq > 0 && self.head.rules == RULES {
                true => store.figures(from, to),
                false => Ok(Vec::new()),
            }
        })?;
        self.fresh.add_to(&mut sums, from..to);
        let now = Head { seq: self.newest, rules: RULES };
        let behind = if self.head.rules == RULES { self.head.seq } else { 0 };
        if self.head.rules <= RULES
            && now.seq - behind >= WORTH_KEEPING
            && store.keep_figures(self.head, now, &self.fresh.figures)?
        {
            self.head = now;
            self.fresh = Hours::default();
        }
        Ok(sums)
    }

    /// Measures what was recorded since the last time.
    fn catch_up(&mut self, store: &Store) -> Result<(), StoreError> {
        let head = store.figures_head()?;
        let is_ours = head.seq > 0 && head.rules == RULES;
        if self.newest == 0 || self.head != head {
            *self = Reader { head, newest: if is_ours { head.seq } else { 0 }, ..Reader::default() };
            if !is_ours {
                store.figures_of_pruned()?.iter().for_each(|left| self.fresh.add(left));
            }
        }
        let runs = store.runs_with_events_behind(self.newest)?;
        match runs.len() {
            0..FEW => {
                for (number, run) in runs {
                    let mut part = self.part(store, number, run)?;
                    part.measure(&mut self.fresh);
                    part.keep_in(&mut self.meters);
                }
            }
            _ => self.measure_side_by_side(store, runs)?,
        }
        // The newest run may have been pruned.
        self.newest = self.newest.max(store.newest_event()?);
        Ok(())
    }

    /// Takes the events of a run out of the store that its meter has not seen.
    fn part(&mut self, store: &Store, number: i64, run: RunId) -> Result<Part, StoreError> {
        let (meter, seen) = self.meters.remove(&run).unwrap_or_default();
        let counted = self.newest.max(store.copied_up_to(number)?);
        let (mut events, mut text) = (Vec::new(), String::new());
        store.each_raw_event(number, seen, |raw| {
            let begins = text.len();
            text.push_str(raw.kind);
            events.push((raw.seq, raw.at, begins, text.len()));
            text.push_str(raw.data);
        })?;
        Ok(Part { run, meter, seen, counted, events, text })
    }

    /// Measures many runs: one thread reads them, and the others, one for each processor, measure.
    fn measure_side_by_side(&mut self, store: &Store, runs: Vec<(i64, RunId)>) -> Result<(), StoreError> {
        let threads = thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
        let (parts, waiting) = mpsc::sync_channel::<Part>(threads * 2);
        let waiting = Mutex::new(waiting);
        let measure = || {
            let (mut fresh, mut meters) = (Hours::default(), HashMap::new());
            loop {
                // The lock is given back before the part is measured.
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(mut part) = next else { return (fresh, meters) };
                part.measure(&mut fresh);
                part.keep_in(&mut meters);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(measure)).collect();
            let read = runs.into_iter().try_for_each(|(number, run)| {
                // Nobody takes it only where a worker has panicked, which is told below.
                let _ = parts.send(self.part(store, number, run)?);
                Ok(())
            });
            drop(parts);
            for worker in workers {
                let (fresh, meters) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                self.fresh.add(&fresh.figures);
                self.meters.extend(meters);
            }
            read
        })
    }
}

/// Counts nothing.
struct Nothing;

impl Sink for Nothing {
    fn take(&mut self, _: Metric, _: &[&str], _: u64) {}
}

fn take_into(meter: &mut Meter, run: &RunId, raw: &RawEvent<'_>, hours: &mut Hours) {
    hours.hour = hour_of(raw.at);
    meter.take_raw(run, raw, hours);
}

/// A run whose events are measured, as it is handed to whoever does that.
struct Part {
    run: RunId,
    meter: Meter,
    /// The last event that the meter has seen, and the newest that counts already.
    seen: i64,
    counted: i64,
    /// The events as they lie in the store: number, time, and where what they say begins, their kind first and then their
    /// data. All of that is one text, which is made and freed at once.
    events: Vec<(i64, Time, usize, usize)>,
    text: String,
}

impl Part {
    /// Measures the events into `fresh`.
    fn measure(&mut self, fresh: &mut Hours) {
        let Part { run, meter, seen, counted, events, text } = self;
        for (place, (seq, at, kind, data)) in events.iter().enumerate() {
            let end = events.get(place + 1).map_or(text.len(), |(.., next, _)| *next);
            let (seq, at, kind, data) = (*seq, *at, &text[*kind..*data], &text[*data..end]);
            *seen = seq;
            let raw = RawEvent { seq, at, kind, data };
            match seq > *counted {
                true => take_into(meter, run, &raw, fresh),
                // It counts already, and only leads to the state that later ones begin from.
                false if meter.needs(kind) => meter.take_raw(run, &raw, &mut Nothing),
                false => {}
            }
        }
    }

    /// Keeps the meter of a run that has not ended, for the next look.
    fn keep_in(self, meters: &mut HashMap<RunId, (Meter, i64)>) {
        if self.meter.run().is_some_and(|run| run.ended_at.is_none()) {
            meters.insert(self.run, (self.meter, self.seen));
        }
    }
}

/// Adds measurements up by the hour, for each version of crew.
#[derive(Debug, Default)]
struct Hours {
    figures: Figures,
    /// The metric, the version and the labels of each series.
    known: Vec<(Metric, u64, Labels)>,
    places: Places,
    hour: i64,
    version: String,
    /// The number of that version, from 0 in the order in which they were seen first.
    version_number: u64,
    versions: Vec<String>,
}

impl Hours {
    fn place(&mut self, metric: Metric, labels: &[&str]) -> usize {
        let (known, number) = (&self.known, self.version_number);
        let is_it = |place: usize| {
            let (metric_of, number_of, labels_of) = &known[place];
            (*metric_of, *number_of) == (metric, number) && is_same(labels_of, labels)
        };
        let seed = (metric as u64) << 32 | number;
        let free = match self.places.find(hash_of(seed, labels), is_it) {
            Ok(place) => return place,
            Err(free) => free,
        };
        self.known.push((metric, number, labels.iter().map(|label| (*label).into()).collect()));
        let names = metric.spec().labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
        let labels = names.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let series = SeriesName { metric: metric.name().to_owned(), version: self.version.clone(), labels };
        self.figures.series.push(series);
        self.figures.hours.push(Vec::new());
        self.places.put(free, self.figures.series.len() - 1);
        self.figures.series.len() - 1
    }

    fn figure(&mut self, place: usize) -> &mut Figure {
        let (hour, hours) = (self.hour, &mut self.figures.hours[place]);
        // Events come about in the order of their times, run by run.
        let at = match hours.iter().rposition(|(known, _)| *known == hour) {
            Some(at) => at,
            None => {
                hours.push((hour, Figure::default()));
                hours.len() - 1
            }
        };
        &mut hours[at].1
    }

    /// Adds what was added up elsewhere.
    fn add(&mut self, others: &Figures) {
        for (series, hours) in others.series.iter().zip(&others.hours) {
            let Some((metric, labels)) = in_order(series) else { continue };
            self.of_version(&series.version);
            let place = self.place(metric, &labels);
            for (hour, figure) in hours {
                self.hour = *hour;
                self.figure(place).add(figure);
            }
        }
    }

    /// Adds what lies within some hours to the sums of series.
    fn add_to(&self, sums: &mut Vec<(SeriesName, Figure)>, hours: Range<i64>) {
        let mut places: HashMap<SeriesName, usize> =
            sums.iter().enumerate().map(|(place, (series, _))| (series.clone(), place)).collect();
        for (series, of_hours) in self.figures.series.iter().zip(&self.figures.hours) {
            let mut inside = of_hours.iter().filter(|(hour, _)| hours.contains(hour)).peekable();
            if inside.peek().is_none() {
                continue;
            }
            let place = *places.entry(series.clone()).or_insert(sums.len());
            if place == sums.len() {
                sums.push((series.clone(), Figure::default()));
            }
            inside.for_each(|(_, figure)| sums[place].1.add(figure));
        }
    }
}

impl Sink for Hours {
    fn of_version(&mut self, version: &str) {
        if self.version == version && !self.versions.is_empty() {
            return;
        }
        version.clone_into(&mut self.version);
        let known = self.versions.iter().position(|known| known == version);
        self.version_number = known.unwrap_or(self.versions.len()) as u64;
        if known.is_none() {
            self.versions.push(version.to_owned());
        }
    }

    fn take(&mut self, metric: Metric, labels: &[&str], value: u64) {
        let place = self.place(metric, labels);
        let figure = self.figure(place);
        figure.sum = figure.sum.saturating_add(value);
        let Spec { kind: Kind::Histogram, buckets, .. } = metric.spec() else { return };
        let bucket = buckets.partition_point(|bound| *bound < value);
        let bound = buckets.get(bucket).copied().unwrap_or(u64::MAX);
        *figure.counts.0.entry(bound).or_default() += 1;
    }
}

/// Returns the metric of a series and its labels in the order of the table; nothing where there is no such metric here.
fn in_order(series: &SeriesName) -> Option<(Metric, Vec<&str>)> {
    let metric = Metric::parse(&series.metric)?;
    let value = |name: &&str| series.labels.get(*name).map_or("", String::as_str);
    Some((metric, metric.spec().labels.iter().map(value).collect()))
}

/// Adds series up, whatever the versions.
fn registry_of(counted: &[(SeriesName, Figure)]) -> Registry {
    let mut registry = Registry::default();
    for (series, figure) in counted {
        let Some((metric, labels)) = in_order(series) else { continue };
        let buckets = metric.spec().buckets;
        let value = match metric.spec().kind {
            Kind::Counter => Value::Counter(figure.sum),
            Kind::Gauge => continue,
            Kind::Histogram => {
                let mut counts = vec![0; buckets.len() + 1];
                for (upper, count) in &figure.counts.0 {
                    // Buckets that another crew had are counted where all that was in them fits.
                    counts[buckets.partition_point(|bound| bound < upper)] += count;
                }
                Value::Histogram(Histogram { counts, sum: figure.sum })
            }
        };
        registry.absorb(metric, &labels, &value);
    }
    registry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome, ToolResult};
    use crate::domain::id::TaskId;
    use crate::domain::run::Run;
    use crate::domain::run::RunStatus;
    use crate::domain::run::tests::{ended, run_created_by, spec, started};
    use crate::domain::tombstone::Tombstone;
    use crate::store::database::Applied;
    use crate::store::layout::Layout;
    use crate::store::salvage;
    use sha2::{Digest, Sha256};
    use std::time::Duration;

    const DAY: i64 = 24 * HOUR;

    #[test]
    fn the_rules_have_another_number_when_the_table_changes() {
        let lines = Metric::ALL.iter().map(|metric| {
            let Spec { name, kind, unit, labels, buckets, .. } = metric.spec();
            format!("{name} {} {} {labels:?} {buckets:?}\n", kind.name(), unit.name())
        });
        let table = Sha256::digest(lines.collect::<String>());
        let print: String = table.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (RULES, print.as_str()),
            (2, "051195f40236"),
            "count RULES up, and write here what the table is now"
        );
    }

    fn open(folder: &tempfile::TempDir) -> Store {
        Store::open(&Layout::of(folder.path())).unwrap()
    }

    fn append(store: &mut Store, run: &mut Run, at: i64, events: Vec<Event>) {
        let applied = events.into_iter().map(|event| Applied::to(run, Time(at), event).unwrap()).collect();
        store.append(run, applied, &[]).unwrap();
    }

    fn tool(millis: u64) -> Event {
        let task = TaskId::parse("a").unwrap();
        let (tool, arguments) = ("Bash".into(), "ls".into());
        Event::ToolInvoked { task, attempt: 1, tool, arguments, result: ToolResult::Ok, millis }
    }

    /// Begins a run whose task is worked on, with so many calls of tools.
    fn begin(store: &mut Store, id: u128, at: i64, version: &str, tools: u64) -> Run {
        let events = vec![run_created_by(version), Event::TaskCreated { spec: spec("a", &[]) }];
        let (mut run, _) = store.create_run(RunId::from_random(id), Time(at), events).unwrap();
        append(store, &mut run, at + 1, vec![started("a", 1)]);
        append(store, &mut run, at + 2, (0..tools).map(tool).collect());
        run
    }

    fn end(store: &mut Store, run: &mut Run, at: i64) {
        let completed = Event::RunEnded { state: RunStatus::Completed };
        append(store, run, at, vec![ended("a", 1, Outcome::Succeeded, None), completed]);
    }

    /// Returns what was counted, without what stands open now.
    fn counted(mut snapshot: Snapshot) -> Vec<(String, Vec<String>, Value)> {
        snapshot.series.retain(|series| !matches!(series.value, Value::Gauge(_)));
        let labels =
            |series: &super::super::registry::Series| series.labels.iter().map(|l| l.to_string()).collect();
        snapshot
            .series
            .iter()
            .map(|series| (series.metric.name().to_owned(), labels(series), series.value.clone()))
            .collect()
    }

    fn read(store: &mut Store) -> Vec<(String, Vec<String>, Value)> {
        counted(of_store(store, Window::ALL, Time(0)).unwrap())
    }

    /// Adds the runs up, each read by itself.
    fn one_by_one(store: &Store, runs: &[&RunId]) -> Vec<(String, Vec<String>, Value)> {
        let mut all = Snapshot::default();
        runs.iter().for_each(|run| all.merge(&of_run(store, run, Time(0)).unwrap()));
        counted(all)
    }

    #[test]
    fn what_is_kept_and_what_is_new_come_to_what_all_events_come_to() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        let mut reader = Reader::default();
        assert_eq!(read(&mut store), []);
        let few = WORTH_KEEPING as u64 / 4;
        let mut first = begin(&mut store, 1, 0, "1", few);
        let mut second = begin(&mut store, 2, DAY, "2", few);
        let expected = one_by_one(&store, &[&first.id, &second.id]);
        assert_eq!(read(&mut store), expected);
        assert_eq!(store.figures_head().unwrap(), Head::default(), "that is not worth keeping");
        assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), expected);

        append(&mut store, &mut first, 9, (0..4 * few).map(tool).collect());
        let expected = one_by_one(&store, &[&first.id, &second.id]);
        assert_eq!(read(&mut store), expected);
        let head = store.figures_head().unwrap();
        assert_eq!(head, Head { seq: first.last_seq, rules: RULES });
        // Runs that were at work when it was kept go on and end.
        end(&mut store, &mut first, HOUR);
        end(&mut store, &mut second, 3 * DAY);
        let expected = one_by_one(&store, &[&first.id, &second.id]);
        assert_eq!(read(&mut store), expected);
        assert_eq!(store.figures_head().unwrap(), head);
        assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), expected);
        let settled = expected.iter().filter(|(name, ..)| name == "crew.task.duration_ms");
        let [(.., Value::Histogram(took))] = settled.collect::<Vec<_>>()[..] else { panic!("{expected:?}") };
        assert_eq!(took.sum as i64, HOUR + 3 * DAY - DAY - 2, "since they began, long before it was kept");
        assert_eq!(versions(&mut store).unwrap(), ["1", "2"].map(str::to_owned).into());
        let of_one = counted(of_version(&mut store, "1", Time(0)).unwrap());
        assert_eq!(of_one, one_by_one(&store, &[&first.id]));
    }

    #[test]
    fn a_window_holds_the_hours_that_it_begins_in_and_not_the_one_that_it_ends_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        for (id, at) in [(1, 0), (2, HOUR), (3, 5 * DAY + HOUR)] {
            begin(&mut store, id, at, "1", WORTH_KEEPING as u64);
        }
        let made = |store: &mut Store, from: Option<i64>, to: Option<i64>| {
            let window = Window { from: from.map(Time), to: to.map(Time) };
            let snapshot = of_store(store, window, Time(9 * DAY)).unwrap();
            assert_eq!(snapshot.since, window.begins());
            snapshot.total(Metric::RunMade).map_or(0, |value| value.amount())
        };
        // First from the events, then from what is kept.
        for _ in 0..2 {
            assert_eq!(made(&mut store, None, None), 3);
            assert_eq!(made(&mut store, Some(HOUR + HOUR / 2), None), 2, "the whole hour counts");
            assert_eq!(made(&mut store, None, Some(HOUR + HOUR / 2)), 1);
            assert_eq!(made(&mut store, Some(2 * HOUR), Some(5 * DAY)), 0);
            assert_eq!(made(&mut store, Some(DAY), Some(7 * DAY)), 1);
        }
    }

    #[test]
    fn a_run_that_is_pruned_keeps_its_figures_in_a_store_that_is_made_anew_too() {
        for keep_first in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut store = open(&folder);
            let mut goes = begin(&mut store, 1, 0, "1", WORTH_KEEPING as u64);
            let stays = begin(&mut store, 2, DAY, "1", 3);
            end(&mut store, &mut goes, HOUR);
            let before = one_by_one(&store, &[&goes.id, &stays.id]);
            let mut reader = Reader::default();
            if keep_first {
                assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), before);
                assert!(store.figures_head().unwrap().seq > 0);
            }
            let left = to_keep(&store, &goes.id).unwrap();
            let stone = Tombstone::of(&goes, &[], Time(DAY), "Ada", 0);
            store.entomb(&goes, &stone, &left).unwrap();
            assert_eq!(read(&mut store), before, "kept before: {keep_first}");
            assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), before);

            drop(store);
            let layout = Layout::of(folder.path());
            let Ok(hold) = salvage::hold(&layout, Duration::from_secs(9)).unwrap() else { panic!("held") };
            assert_eq!(hold.salvage(Time(0)).unwrap().unwrap().runs, std::slice::from_ref(&stays.id));
            let mut store = open(&folder);
            assert_eq!(store.figures_head().unwrap(), Head::default(), "it is derived anew");
            assert_eq!(read(&mut store), before);
        }
    }

    #[test]
    fn what_was_kept_by_other_rules_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        let run = begin(&mut store, 1, 0, "1", WORTH_KEEPING as u64);
        let expected = one_by_one(&store, &[&run.id]);
        for rules in [RULES - 1, RULES + 1] {
            let before = store.figures_head().unwrap();
            let other = Head { seq: run.last_seq, rules };
            assert!(store.keep_figures(before, other, &Figures::default()).unwrap());
            assert_eq!(read(&mut store), expected);
            // What a newer crew keeps is left to it.
            assert_eq!(store.figures_head().unwrap().rules, rules.max(RULES));
        }
    }
}
