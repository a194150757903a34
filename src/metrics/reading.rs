//! Reads what a store comes to: one run, or all runs within a time.
//!
//! # How it works
//!
//! What all events up to some event came to is kept in the store, by the hour. Of the runs that have later events, those are
//! read and measured, and what they come to is added. Where that is worth it, it is kept too. A store that may not be written
//! is read all the same, and so is one that another crew has kept by newer rules.
//!
//! What is taken back, because work went back or a decision was changed, counts in the hour in which it was counted before, however
//! long ago that is. So a task counts in the window in which it was settled last, and in no other one.
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
use crate::store::figures::{ByHour, Figure, Figures, Head, RawEvent, SeriesName};
use std::collections::btree_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// By which rules events are measured. It grows whenever the same events come to something else, or more is measured: then what
/// is kept is derived anew. A test holds it to the table.
pub const RULES: i64 = 5;

/// Of fewer runs than this, the events of each are looked up; those of more are read as they lie in the store.
const FEW: usize = 50;
/// So many runs are read and measured at once by one of several threads.
const PART: usize = 100;
/// The most threads that measure.
const MOST_THREADS: usize = 8;

/// So many new events are worth keeping what they come to; fewer are read again by the next one.
const WORTH_KEEPING: i64 = 200;

/// Up to so many new events are measured when a run ends, in some hundredths of a second.
const SOON_MEASURED: i64 = 20_000;

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
    let mut fresh = Hours::default();
    if let Some(number) = store.number_of(run)? {
        let counted = store.copied_up_to(number)?;
        let mut run = Measured { number, id: run.clone(), meter: Meter::default(), seen: 0, counted };
        store.each_raw_event(number, 0, |raw| run.take(&raw, &mut fresh))?;
    }
    Ok(fresh.into_figures())
}

/// Returns the newest event that counts in what is kept; 0 where it was measured by other rules.
fn counted_in(head: Head) -> i64 {
    if head.rules == RULES { head.seq } else { 0 }
}

/// Brings what is kept up to date at the end of a run, where that is worth it and takes no time that anybody notices: whoever
/// asks later need not wait for it then.
pub fn keep_up(store: &mut Store) -> Result<(), StoreError> {
    let head = store.figures_head()?;
    let new = store.newest_event()? - counted_in(head);
    // What a newer crew keeps is left to it.
    if head.rules <= RULES && (WORTH_KEEPING..=SOON_MEASURED).contains(&new) {
        Reader::default().count(store, Window::ALL)?;
    }
    Ok(())
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
    /// Returns how many events have to be measured before anything can be said. A million take about a second.
    pub fn unread(&self, store: &Store) -> Result<i64, StoreError> {
        let counted = self.newest.max(counted_in(store.figures_head()?));
        Ok((store.newest_event()? - counted).max(0))
    }

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
            match counted_in(self.head) {
                0 => Ok(Vec::new()),
                _ => store.figures(from, to),
            }
        })?;
        self.fresh.add_to(&mut sums, from..to);
        let now = Head { seq: self.newest, rules: RULES };
        if self.head.rules <= RULES
            && now.seq - counted_in(self.head) >= WORTH_KEEPING
            && store.keep_figures(self.head, now, self.fresh.figures())?
        {
            self.head = now;
            self.fresh = Hours::default();
        }
        Ok(sums)
    }

    /// Measures what was recorded since the last time.
    fn catch_up(&mut self, store: &Store) -> Result<(), StoreError> {
        let head = store.figures_head()?;
        if self.newest == 0 || self.head != head {
            *self = Reader { head, newest: counted_in(head), ..Reader::default() };
            if self.newest == 0 {
                store.figures_of_pruned()?.into_iter().for_each(|left| self.fresh.add(left));
            }
        }
        let runs = store.runs_with_events_behind(self.newest)?;
        // What is appended from now on may be seen by some of those who read, and not by others.
        let newest = store.newest_event()?;
        match runs.len() {
            0..FEW => {
                for (number, id) in runs {
                    let copied = store.copied_up_to(number)?;
                    let mut run = self.run_to_measure(number, id, copied);
                    let fresh = &mut self.fresh;
                    store.each_raw_event(number, run.seen, |raw| run.take(&raw, fresh))?;
                    run.keep_in(&mut self.meters);
                }
            }
            _ => self.measure_side_by_side(store, runs, newest)?,
        }
        // The newest run may have been pruned.
        self.newest = self.newest.max(newest);
        Ok(())
    }

    /// Begins with a run, or goes on with one that was measured in part.
    fn run_to_measure(&mut self, number: i64, id: RunId, copied: i64) -> Measured {
        let (meter, seen) = self.meters.remove(&id).unwrap_or_default();
        Measured { number, id, meter, seen, counted: self.newest.max(copied) }
    }

    /// Measures what many runs came to up to the event `newest`: each processor reads and measures some of them.
    fn measure_side_by_side(
        &mut self,
        store: &Store,
        runs: Vec<(i64, RunId)>,
        newest: i64,
    ) -> Result<(), StoreError> {
        let (Some((first, _)), Some((last, _))) = (runs.first(), runs.last()) else { return Ok(()) };
        let copied: HashMap<i64, i64> = store.all_copied_up_to(*first, *last)?.into_iter().collect();
        let runs = runs.into_iter().map(|(number, id)| {
            self.run_to_measure(number, id, copied.get(&number).copied().unwrap_or_default())
        });
        let mut runs = runs.collect::<Vec<Measured>>().into_iter();
        let parts = (0..runs.len().div_ceil(PART)).map(|_| runs.by_ref().take(PART).collect::<Vec<_>>());
        let parts: Vec<_> = parts.collect();
        let parts = Mutex::new(parts.into_iter());
        let work = |store: &Store| {
            let (mut fresh, mut meters) = (Hours::default(), HashMap::new());
            loop {
                // The lock is given back before the part is measured.
                let next = parts.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(mut part) = next else { return Ok((fresh, meters)) };
                measure_part(store, &mut part, newest, &mut fresh)?;
                part.into_iter().for_each(|run| run.keep_in(&mut meters));
            }
        };
        let elsewhere = store.elsewhere()?;
        let threads = thread::available_parallelism().map_or(1, |count| count.get().min(MOST_THREADS));
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| elsewhere.read(work))).collect();
            let mut all = vec![work(store)?];
            for other in others {
                let result: Result<_, StoreError> =
                    other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                all.extend(result?);
            }
            for (fresh, meters) in all {
                match self.fresh.past.series.is_empty() {
                    true => self.fresh = fresh,
                    false => self.fresh.add(fresh.into_figures()),
                }
                self.meters.extend(meters);
            }
            Ok(())
        })
    }
}

/// Measures what some runs came to, in the order of their numbers, up to the event `newest`.
fn measure_part(
    store: &Store,
    runs: &mut [Measured],
    newest: i64,
    fresh: &mut Hours,
) -> Result<(), StoreError> {
    let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(()) };
    // The next event is mostly of the same run.
    let mut at = 0;
    store.each_raw_event_of((first.number, last.number), newest, |number, raw| {
        if runs[at].number != number {
            // Of a run between them that has nothing new.
            let Ok(found) = runs.binary_search_by_key(&number, |run| run.number) else { return };
            at = found;
        }
        runs[at].take(&raw, fresh);
    })
}

/// Counts nothing.
struct Nothing;

impl Sink for Nothing {
    fn take(&mut self, _: Metric, _: &[&str], _: u64) {}
}

/// A run whose events are measured.
struct Measured {
    /// Its number in the store.
    number: i64,
    id: RunId,
    meter: Meter,
    /// The last event that the meter has seen, and the newest that counts already.
    seen: i64,
    counted: i64,
}

impl Measured {
    /// Measures the next event into `fresh`.
    fn take(&mut self, raw: &RawEvent<'_>, fresh: &mut Hours) {
        if raw.seq <= self.seen {
            return;
        }
        self.seen = raw.seq;
        if raw.seq > self.counted {
            fresh.at(hour_of(raw.at));
            self.meter.take_raw(&self.id, raw, fresh);
        } else if self.meter.needs(raw.kind) {
            // It counts already, and only leads to the state that later ones begin from.
            self.meter.take_raw(&self.id, raw, &mut Nothing);
        }
    }

    /// Keeps the meter of a run that has not ended, for the next look.
    fn keep_in(self, meters: &mut HashMap<RunId, (Meter, i64)>) {
        if self.meter.run().is_some_and(|run| run.ended_at.is_none()) {
            meters.insert(self.id, (self.meter, self.seen));
        }
    }
}

/// Adds measurements up by the hour, for each version of crew.
#[derive(Debug, Default)]
struct Hours {
    /// What was added up before the present hour.
    past: Figures,
    /// The metric, the version and the labels of each series.
    known: Vec<(Metric, u64, Labels)>,
    places: Places,
    /// The series that was added to last, by the slots of its metric and labels: the next one there is mostly the same.
    likely: Vec<usize>,
    /// What each series came to in the present hour, and which of them came to anything.
    present: Vec<Present>,
    touched: Vec<usize>,
    hour: i64,
    version: String,
    /// The number of that version, from 0 in the order in which they were seen first.
    version_number: u64,
    versions: Vec<String>,
}

/// What a series came to within an hour, for as long as it is added to: events mostly come in the order of their times.
#[derive(Debug, Default)]
struct Present {
    is_touched: bool,
    sum: u64,
    /// By bucket, the last of which is beyond all bounds.
    counts: Vec<u64>,
}

/// Slots of series that are likely to be added to next. Few series share one.
const LIKELY: usize = 256;

/// Returns the slot of a series, in far less time than it takes to hash its labels.
fn likely_slot(metric: Metric, labels: &[&str]) -> usize {
    let last = labels.last().map_or(&b""[..], |label| label.as_bytes());
    let letter = last.first().copied().unwrap_or_default();
    labels.iter().fold(metric as usize * 31 + usize::from(letter), |slot, label| slot * 3 + label.len())
        % LIKELY
}

impl Hours {
    /// Lets what is taken next count for an hour.
    fn at(&mut self, hour: i64) {
        if self.hour != hour {
            self.close();
            self.hour = hour;
        }
    }

    /// Adds what the present hour came to.
    fn close(&mut self) {
        for place in self.touched.drain(..) {
            let Present { is_touched, sum, counts } = &mut self.present[place];
            *is_touched = false;
            let figure = self.past.hours[place].0.entry(self.hour).or_default();
            figure.sum = figure.sum.saturating_add(std::mem::take(sum));
            let buckets = self.known[place].0.spec().buckets;
            for (bucket, count) in counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
                let bound = buckets.get(bucket).copied().unwrap_or(u64::MAX);
                figure.counts.add(bound, std::mem::take(count));
            }
        }
    }

    /// Returns all that was added up.
    fn figures(&mut self) -> &Figures {
        self.close();
        &self.past
    }

    fn into_figures(mut self) -> Figures {
        self.close();
        self.past
    }

    fn place(&mut self, metric: Metric, labels: &[&str]) -> usize {
        let (known, number) = (&self.known, self.version_number);
        let is_it = |place: usize| {
            let (metric_of, number_of, labels_of) = &known[place];
            (*metric_of, *number_of) == (metric, number) && is_same(labels_of, labels)
        };
        let likely = likely_slot(metric, labels);
        match self.likely.get(likely) {
            Some(place) if *place < known.len() && is_it(*place) => return *place,
            Some(_) => {}
            None => self.likely = vec![0; LIKELY],
        }
        let seed = (metric as u64) << 32 | number;
        let place = match self.places.find(hash_of(seed, labels), is_it) {
            Ok(place) => place,
            Err(free) => {
                self.places.put(free, known.len());
                self.add_series(metric, labels)
            }
        };
        self.likely[likely] = place;
        place
    }

    fn add_series(&mut self, metric: Metric, labels: &[&str]) -> usize {
        self.known.push((metric, self.version_number, labels.iter().map(|label| (*label).into()).collect()));
        let names = metric.spec().labels.iter().zip(labels).filter(|(_, value)| !value.is_empty());
        let labels = names.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let series = SeriesName { metric: metric.name().to_owned(), version: self.version.clone(), labels };
        self.past.series.push(series);
        self.past.hours.push(ByHour::default());
        self.present.push(Present::default());
        self.present.len() - 1
    }

    /// Adds what was added up elsewhere.
    fn add(&mut self, others: Figures) {
        for (series, hours) in others.series.iter().zip(others.hours) {
            let Some((metric, labels)) = in_order(series) else { continue };
            self.of_version(&series.version);
            let place = self.place(metric, &labels);
            for (hour, figure) in hours.0 {
                match self.past.hours[place].0.entry(hour) {
                    Entry::Vacant(free) => drop(free.insert(figure)),
                    Entry::Occupied(mut known) => known.get_mut().add(&figure),
                }
            }
        }
    }

    /// Adds what lies within some hours to the sums of series.
    fn add_to(&mut self, sums: &mut Vec<(SeriesName, Figure)>, hours: Range<i64>) {
        let mut places: HashMap<SeriesName, usize> =
            sums.iter().enumerate().map(|(place, (series, _))| (series.clone(), place)).collect();
        if hours.is_empty() {
            return;
        }
        let figures = self.figures();
        for (series, of_hours) in figures.series.iter().zip(&figures.hours) {
            let mut inside = of_hours.0.range(hours.clone()).peekable();
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
        let present = &mut self.present[place];
        if !present.is_touched {
            present.is_touched = true;
            self.touched.push(place);
        }
        present.sum = present.sum.saturating_add(value);
        let Spec { kind: Kind::Histogram, buckets, .. } = metric.spec() else { return };
        present.counts.resize(buckets.len() + 1, 0);
        present.counts[buckets.partition_point(|bound| *bound < value)] += 1;
    }

    fn take_at(&mut self, at: Time, metric: Metric, labels: &[&str], value: u64) {
        let present = self.hour;
        self.at(hour_of(at));
        self.take(metric, labels, value);
        self.at(present);
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
                for (upper, count) in figure.counts.iter() {
                    // Buckets that another crew had are counted where all that was in them fits.
                    counts[buckets.partition_point(|bound| *bound < upper)] += count;
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
            (5, "df0790994d5e"),
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
    fn a_task_counts_in_the_window_in_which_it_was_settled_last_and_in_no_other() {
        for keep_first in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut store = open(&folder);
            let tools = if keep_first { WORTH_KEEPING as u64 } else { 1 };
            let mut run = begin(&mut store, 1, HOUR, "1", tools);
            append(&mut store, &mut run, HOUR + 9, vec![ended("a", 1, Outcome::Failed, None)]);
            let tasks = |store: &mut Store, from: i64, to: i64| {
                let window = Window { from: Some(Time(from)), to: Some(Time(to)) };
                let snapshot = of_store(store, window, Time(9 * DAY)).unwrap();
                let count = |metric| snapshot.total(metric).map_or(0, |value| value.amount());
                (count(Metric::TaskSettled), count(Metric::TaskReopened))
            };
            assert_eq!(tasks(&mut store, 0, DAY), (1, 0));
            assert_eq!(store.figures_head().unwrap().seq > 0, keep_first);
            let asked = crate::domain::requeue::Asked::default();
            let task = TaskId::parse("a").unwrap();
            let back = Event::TaskRequeued { task, by: "Ann".into(), reason: "r".into(), asked };
            append(&mut store, &mut run, 3 * DAY, vec![back, started("a", 2)]);
            append(&mut store, &mut run, 3 * DAY + 5, vec![ended("a", 2, Outcome::Succeeded, None)]);
            // First from the events, then from what is kept.
            for _ in 0..2 {
                assert_eq!(tasks(&mut store, 3 * DAY, 4 * DAY), (1, 0), "kept before: {keep_first}");
                assert_eq!(tasks(&mut store, 0, DAY), (1, 1), "kept before: {keep_first}");
                assert_eq!(tasks(&mut store, 2 * HOUR, DAY), (0, 0));
                append(&mut store, &mut run, 5 * DAY, (0..WORTH_KEEPING as u64).map(|_| said()).collect());
                of_store(&mut store, Window::ALL, Time(9 * DAY)).unwrap();
                assert_eq!(store.figures_head().unwrap().seq, run.last_seq);
            }
        }
    }

    /// What a run may tell at any time.
    fn said() -> Event {
        Event::ClockJumped { asleep: 1, held_up: 0, set: 0 }
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
    fn many_runs_come_to_the_same_however_their_events_lie_between_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        let mut runs: Vec<Run> = Vec::new();
        let count = (2 * PART + PART / 2) as u128;
        for id in 1..=count {
            let mut run = begin(&mut store, id, id as i64 * HOUR, &(id % 3).to_string(), 1);
            // What is added to an earlier run lies behind all of this one.
            if let Some(earlier) = runs.get_mut(id as usize / 3).filter(|run| run.ended_at.is_none()) {
                append(&mut store, earlier, id as i64 * HOUR + 3, vec![tool(id as u64)]);
            }
            if id % 4 == 0 {
                end(&mut store, &mut run, id as i64 * HOUR + 9);
            }
            runs.push(run);
        }
        let expected = |store: &Store, runs: &[Run]| {
            let ids: Vec<&RunId> = runs.iter().map(|run| &run.id).collect();
            one_by_one(store, &ids)
        };
        let mut reader = Reader::default();
        assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), expected(&store, &runs));
        let head = store.figures_head().unwrap();
        assert_eq!(head.seq, store.newest_event().unwrap());
        // Most of them go on: by a reader that remembers them, and by one that does not.
        for run in runs.iter_mut().filter(|run| run.ended_at.is_none()) {
            append(&mut store, run, 9 * DAY, vec![tool(7)]);
        }
        let sum = expected(&store, &runs);
        assert_eq!(read(&mut store), sum);
        assert_eq!(counted(reader.read(&mut store, Window::ALL, Time(0)).unwrap()), sum);
    }

    #[test]
    fn the_end_of_a_run_keeps_what_it_came_to_where_that_is_worth_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        keep_up(&mut store).unwrap();
        begin(&mut store, 1, 0, "1", 3);
        keep_up(&mut store).unwrap();
        assert_eq!(store.figures_head().unwrap(), Head::default(), "that is not worth keeping");
        let run = begin(&mut store, 2, 0, "1", WORTH_KEEPING as u64);
        keep_up(&mut store).unwrap();
        assert_eq!(store.figures_head().unwrap(), Head { seq: run.last_seq, rules: RULES });
        let newer = Head { seq: run.last_seq, rules: RULES + 1 };
        assert!(store.keep_figures(store.figures_head().unwrap(), newer, &Figures::default()).unwrap());
        begin(&mut store, 3, 0, "1", WORTH_KEEPING as u64);
        keep_up(&mut store).unwrap();
        assert_eq!(store.figures_head().unwrap(), newer, "that is left to a newer crew");
    }

    #[test]
    fn what_is_read_elsewhere_is_what_is_seen_here() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        let mut first = begin(&mut store, 1, 0, "1", 3);
        let elsewhere = store.elsewhere().unwrap();
        assert_eq!(elsewhere.read(Store::newest_event).unwrap(), Some(first.last_seq));
        end(&mut store, &mut first, 9);
        assert_eq!(elsewhere.read(Store::newest_event).unwrap(), Some(first.last_seq));
        let stone = Tombstone::of(&first, &[], Time(DAY), "Ada", 0);
        store.entomb(&first, &stone, &Figures::default()).unwrap();
        assert_eq!(elsewhere.read(Store::newest_event).unwrap(), None, "something was taken away");
        let other = Layout::of(folder.path()).database().with_extension("other");
        std::fs::copy(Layout::of(folder.path()).database(), &other).unwrap();
        let elsewhere = store.elsewhere().unwrap();
        assert!(elsewhere.read(Store::newest_event).unwrap().is_some());
        std::fs::rename(&other, Layout::of(folder.path()).database()).unwrap();
        assert_eq!(elsewhere.read(Store::newest_event).unwrap(), None, "that is another store");
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
