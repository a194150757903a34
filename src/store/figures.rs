//! What the events of all runs come to, hour by hour: kept so that they are not read again and again.
//!
//! All of it is derived from events and from what pruned runs have left, and any reader may bring it up to date, as does whoever
//! has carried out a run, after its end. A dispatcher never does.

use super::StoreError;
use super::database::{Store, waits_on};
use super::layout::Layout;
use crate::domain::id::RunId;
use crate::domain::time::Time;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::Range;

/// An event as it lies in the store.
#[derive(Clone, Copy, Debug)]
pub struct RawEvent<'a> {
    pub seq: i64,
    pub at: Time,
    pub kind: &'a str,
    /// The whole event as JSON.
    pub data: &'a str,
}

/// What a series is known by, whatever version of crew reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesName {
    pub metric: String,
    /// Of the crew that the runs were made with.
    pub version: String,
    pub labels: BTreeMap<String, String>,
}

/// How many values of a histogram were at most so large, by the upper bounds of their buckets; `u64::MAX` is beyond all.
/// Empty for what is no histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Counts {
    /// The bounds ascend. There are few of them, and very many such lists.
    list: Vec<(u64, u64)>,
}

impl From<String> for Counts {
    /// Takes what was written; what cannot be read counts for nothing.
    fn from(text: String) -> Counts {
        let bound = |text: &str| if text == "+" { Some(u64::MAX) } else { text.parse().ok() };
        let one = |part: &str| {
            let (upper, count) = part.split_once(':')?;
            Some((bound(upper)?, count.parse().ok()?))
        };
        let mut counts = Counts::default();
        text.split(' ').filter_map(one).for_each(|(upper, count)| counts.add(upper, count));
        counts
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written())
    }
}

impl Counts {
    /// Adds values that are at most so large.
    pub fn add(&mut self, upper: u64, count: u64) {
        match self.list.binary_search_by_key(&upper, |(bound, _)| *bound) {
            Ok(place) => self.list[place].1 += count,
            Err(place) => self.list.insert(place, (upper, count)),
        }
    }

    /// Returns each upper bound with how many values it has; the bounds ascend.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.list.iter().copied()
    }

    /// Writes them as the store keeps them: `250:3 +:1`.
    fn written(&self) -> String {
        let mut text = String::new();
        for (upper, count) in self.iter() {
            let gap = if text.is_empty() { "" } else { " " };
            let _ = match upper {
                u64::MAX => write!(text, "{gap}+:{count}"),
                upper => write!(text, "{gap}{upper}:{count}"),
            };
        }
        text
    }
}

/// What a series came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    pub sum: u64,
    #[serde(default)]
    pub counts: Counts,
}

impl Figure {
    /// Adds what came beside it.
    pub fn add(&mut self, other: &Figure) {
        self.sum = self.sum.saturating_add(other.sum);
        other.counts.iter().for_each(|(upper, count)| self.counts.add(upper, count));
    }
}

/// What series came to within hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// In the order in which they were seen first.
    pub series: Vec<SeriesName>,
    /// For each series what it came to in which hours.
    pub hours: Vec<ByHour>,
}

/// What a series came to, by hours since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<(i64, Figure)>")]
pub struct ByHour(pub BTreeMap<i64, Figure>);

impl From<Vec<(i64, Figure)>> for ByHour {
    fn from(hours: Vec<(i64, Figure)>) -> ByHour {
        let mut all = ByHour::default();
        for (hour, figure) in &hours {
            all.add(*hour, figure);
        }
        all
    }
}

impl Serialize for ByHour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl ByHour {
    /// Adds what came within an hour.
    pub fn add(&mut self, hour: i64, figure: &Figure) {
        self.0.entry(hour).or_default().add(figure);
    }
}

/// Up to where events are in the figures that are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest event; 0 where none are kept.
    pub seq: i64,
    /// By which rules they were measured.
    pub rules: i64,
}

const HOURS_OF_A_DAY: i64 = 24;
/// Milliseconds of a day.
const DAY: i64 = HOURS_OF_A_DAY * 60 * 60 * 1000;
/// An hour that no event lies behind, at which a day begins.
const NEVER: i64 = HOURS_OF_A_DAY << 45;

/// Returns the kind of an event, with which its text begins as crew writes it; empty where it has none. A column tells it too,
/// but takes several times as long to read.
fn kind_of(data: &str) -> &str {
    #[derive(Deserialize)]
    struct Named<'a> {
        kind: &'a str,
    }
    let rest = data.strip_prefix(r#"{"kind":""#).unwrap_or_default();
    match rest.bytes().position(|byte| byte == b'"') {
        Some(end) => &rest[..end],
        None => serde_json::from_str::<Named<'_>>(data).map_or("", |named| named.kind),
    }
}

/// How to read a store on other threads as it is seen on one.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    layout: Layout,
    file: Option<u64>,
    pruned: i64,
}

impl Elsewhere {
    /// Reads it there. What was appended since may be seen too; where anything was taken away since, or the store cannot be
    /// opened once more, nothing is read.
    pub fn read<T>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Ok(Some(store)) = Store::open_to_look(&self.layout) else { return Ok(None) };
        if store.file != self.file {
            return Ok(None);
        }
        store.at_one_moment(|store| match store.count_of_pruned() {
            Ok(pruned) if pruned == self.pruned => read(store).map(Some),
            _ => Ok(None),
        })
    }
}

/// Returns the days that lie whole between two hours, the second of which is not in it, and those of which some hours do.
fn days_between(from: i64, to: i64) -> (Range<i64>, Vec<i64>) {
    let first = (from + HOURS_OF_A_DAY - 1).div_euclid(HOURS_OF_A_DAY);
    let whole = first..to.div_euclid(HOURS_OF_A_DAY).max(first);
    let mut in_part = vec![from.div_euclid(HOURS_OF_A_DAY), (to - 1).div_euclid(HOURS_OF_A_DAY)];
    in_part.dedup();
    in_part.retain(|day| from < to && !whole.contains(day));
    (whole, in_part)
}

impl Store {
    /// Reads several things as they were at one moment, whatever others write meanwhile.
    pub fn at_one_moment<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.connection.unchecked_transaction().map_err(|source| self.failed(source))?;
        let result = read(self)?;
        transaction.finish().map_err(|source| self.failed(source))?;
        Ok(result)
    }

    /// Says how what is seen now can be read on other threads.
    pub fn elsewhere(&self) -> Result<Elsewhere, StoreError> {
        Ok(Elsewhere { layout: self.layout.clone(), file: self.file, pruned: self.count_of_pruned()? })
    }

    fn count_of_pruned(&self) -> Result<i64, StoreError> {
        match self.has_table("tombstones")? {
            true => self.one("SELECT count(*) FROM tombstones", [], |row| row.get(0)),
            false => Ok(0),
        }
    }

    /// Returns the number of the newest event of all runs; 0 where there is none.
    pub fn newest_event(&self) -> Result<i64, StoreError> {
        self.one("SELECT coalesce(max(seq), 0) FROM events", [], |row| row.get(0))
    }

    /// Returns since when anything was counted, of runs that were pruned too: the beginning of that day, UTC. It is the same
    /// whether what was counted is kept by days or not, and nothing that is pruned moves it.
    pub fn counted_since(&self) -> Result<Option<Time>, StoreError> {
        let of_runs: Option<i64> = self.one("SELECT min(created_at) FROM runs", [], |row| row.get(0))?;
        let of_pruned = match self.has_table("tombstones")? {
            true => {
                // Written alike and in UTC, so that the first is the least.
                let sql = "SELECT min(json_extract(data, '$.created_at')) FROM tombstones";
                self.one(sql, [], |row| row.get::<_, Option<String>>(0))?
            }
            false => None,
        };
        let of_pruned = of_pruned.and_then(|at| Time::parse(&at)).map(|at| at.0);
        let of_figures = match self.has_table("figures_of_days")? {
            true => self
                .one("SELECT min(day) FROM figures_of_days", [], |row| row.get::<_, Option<i64>>(0))?
                .map(|day| day * DAY),
            false => None,
        };
        let first = of_runs.into_iter().chain(of_pruned).chain(of_figures).min();
        Ok(first.map(|at| Time(at.div_euclid(DAY) * DAY)))
    }

    /// Returns the runs that have events behind `seq`, with their numbers in the store.
    pub fn runs_with_events_behind(&self, seq: i64) -> Result<Vec<(i64, RunId)>, StoreError> {
        let sql = match seq {
            // Each run has events.
            0 => "SELECT no, id FROM runs WHERE ?1 = 0 ORDER BY no",
            _ => {
                // The newest events lie together; each run's own do not.
                "SELECT no, id FROM runs WHERE no IN (SELECT run FROM events NOT INDEXED WHERE seq > ?1) ORDER BY no"
            }
        };
        let rows = self.rows(sql, [seq], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        Ok(rows.into_iter().filter_map(|(no, id)| Some((no, RunId::parse(&id)?))).collect())
    }

    /// Returns the number that a run has in the store.
    pub fn number_of(&self, run: &RunId) -> Result<Option<i64>, StoreError> {
        let found = self.rows("SELECT no FROM runs WHERE id = ?", [run.as_str()], |row| row.get(0))?;
        Ok(found.first().copied())
    }

    /// Returns the number of the event by which a run was taken in under another id than its own, 0 for any other run; the run
    /// is given by its number. What came before it happened to the run that it is a copy of.
    pub fn copied_up_to(&self, run: i64) -> Result<i64, StoreError> {
        Ok(self.all_copied_up_to(run, run)?.first().map_or(0, |(_, seq)| *seq))
    }

    /// Returns, of the runs with numbers from `first` to `last`, each that was taken in under another id, with the event that
    /// [`Store::copied_up_to`] names.
    pub fn all_copied_up_to(&self, first: i64, last: i64) -> Result<Vec<(i64, i64)>, StoreError> {
        let sql = "SELECT run, max(seq) FROM events WHERE run BETWEEN ? AND ? AND kind = 'run_imported'
                   AND json_extract(data, '$.was') IS NOT NULL GROUP BY run";
        self.rows(sql, [first, last], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Hands on the events of the runs with numbers from `first` to `last`, up to the event `newest`, each with the number of its
    /// run: in the order in which they lie in the store, which is that in which they were recorded. That is far less work than to
    /// look up those of each run.
    pub fn each_raw_event_of(
        &self,
        (first, last): (i64, i64),
        newest: i64,
        mut take: impl FnMut(i64, RawEvent<'_>),
    ) -> Result<(), StoreError> {
        let sql = "SELECT coalesce(min((SELECT min(seq) FROM events WHERE run = no)), 0),
                          coalesce(max((SELECT max(seq) FROM events WHERE run = no)), 0)
                   FROM runs WHERE no BETWEEN ? AND ?";
        let (from, to): (i64, i64) = self.one(sql, [first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = "SELECT seq, at, data, run FROM events NOT INDEXED
                   WHERE seq BETWEEN ? AND ? AND run BETWEEN ? AND ? ORDER BY seq";
        self.each_raw(sql, [from, to.min(newest), first, last], &mut take)
    }

    /// Hands on the events of a run behind `seq`, as they lie in the store; the run is given by its number.
    pub fn each_raw_event(
        &self,
        run: i64,
        seq: i64,
        mut take: impl FnMut(RawEvent<'_>),
    ) -> Result<(), StoreError> {
        let sql = "SELECT seq, at, data, run FROM events WHERE run = ? AND seq > ? ORDER BY seq";
        self.each_raw(sql, [run, seq], &mut |_, raw| take(raw))
    }

    fn each_raw(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        take: &mut impl FnMut(i64, RawEvent<'_>),
    ) -> Result<(), StoreError> {
        let failed = |source| self.failed(source);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(parameters).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (seq, at) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            let data = row.get_ref(2).map_err(failed)?.as_str().unwrap_or_default();
            let run = row.get(3).map_err(failed)?;
            take(run, RawEvent { seq, at: Time(at), kind: kind_of(data), data });
        }
        Ok(())
    }

    /// Returns up to where events are in the figures that are kept. An older store that may not be written keeps none.
    pub fn figures_head(&self) -> Result<Head, StoreError> {
        if !self.has_table("figures_of_days")? {
            return Ok(Head::default());
        }
        let found = self.rows("SELECT seq, rules FROM figures_head", [], |row| {
            Ok(Head { seq: row.get(0)?, rules: row.get(1)? })
        })?;
        Ok(found.first().copied().unwrap_or_default())
    }

    /// Returns what is kept of the hours from `from` to before `to`, each series once, in the order in which they were seen
    /// first.
    pub fn figures(&self, from: i64, to: i64) -> Result<Vec<(SeriesName, Figure)>, StoreError> {
        let mut sums: BTreeMap<i64, Figure> = BTreeMap::new();
        let mut add = |series, figure: &Figure| sums.entry(series).or_default().add(figure);
        let (from, to) = (from.max(-NEVER), to.min(NEVER));
        let (whole, in_part) = days_between(from, to);
        let sql = "SELECT series, sum, counts FROM figures_of_days WHERE day >= ? AND day < ?";
        let rows = self.rows(sql, [whole.start, whole.end], |row| {
            let figure =
                Figure { sum: row.get::<_, i64>(1)? as u64, counts: row.get::<_, String>(2)?.into() };
            Ok((row.get::<_, i64>(0)?, figure))
        })?;
        rows.iter().for_each(|(series, figure)| add(*series, figure));
        for day in in_part {
            let sql = "SELECT series, by_hour FROM figures_of_days WHERE day = ?";
            let rows = self.rows(sql, [day], |row| Ok((row.get(0)?, hours_of(row, 1)?)))?;
            for (series, hours) in &rows {
                hours.0.range(from..to).for_each(|(_, figure)| add(*series, figure));
            }
        }
        let names = self.rows("SELECT no, metric, version, labels FROM figure_series", [], |row| {
            Ok((row.get::<_, i64>(0)?, (row.get(1)?, row.get(2)?, row.get::<_, String>(3)?)))
        })?;
        let mut names: HashMap<i64, (String, String, String)> = names.into_iter().collect();
        let named = |(series, figure)| {
            let (metric, version, labels) = names.remove(&series)?;
            Some((SeriesName { metric, version, labels: serde_json::from_str(&labels).ok()? }, figure))
        };
        Ok(sums.into_iter().filter_map(named).collect())
    }

    /// Returns what pruned runs came to, each.
    pub fn figures_of_pruned(&self) -> Result<Vec<Figures>, StoreError> {
        if !self.has_table("pruned_figures")? {
            return Ok(Vec::new());
        }
        let rows =
            self.rows("SELECT data FROM pruned_figures ORDER BY no", [], |row| row.get::<_, String>(0))?;
        Ok(rows.iter().filter_map(|data| serde_json::from_str(data).ok()).collect())
    }

    /// Keeps what events after `before` came to, up to `now`; `fresh` names each series once. What was kept by other rules goes.
    /// Returns false, and has kept nothing, where somebody else was faster, writes just now, or nothing can be kept here.
    pub fn keep_figures(&mut self, before: Head, now: Head, fresh: &Figures) -> Result<bool, StoreError> {
        if !self.has_table("figures_of_days")? {
            return Ok(false);
        }
        // Whoever works on a run is not to be waited for: nothing depends on this.
        let waits_for_nobody = self.connection.busy_handler(None::<fn(i32) -> bool>);
        waits_for_nobody.map_err(|source| self.failed(source))?;
        let kept = self.keep(before, now, fresh);
        let waits_again = self.connection.busy_handler(Some(waits_on));
        waits_again.map_err(|source| self.failed(source))?;
        match kept.map_err(|source| self.failed(source)) {
            Err(error) if error.is_busy() || error.is_read_only() || error.is_disk_full() => Ok(false),
            other => other,
        }
    }

    fn keep(&mut self, before: Head, now: Head, fresh: &Figures) -> rusqlite::Result<bool> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if Store::refuse_if_replaced(&self.layout, self.file).is_err() || head_in(&transaction)? != before {
            return Ok(false);
        }
        let is_new = before.seq == 0 || before.rules != now.rules;
        if is_new {
            transaction.execute_batch("DELETE FROM figures_of_days; DELETE FROM figure_series;")?;
        }
        let mut days: BTreeMap<(i64, i64), Vec<(i64, &Figure)>> = BTreeMap::new();
        for (series, of_hours) in fresh.series.iter().zip(&fresh.hours) {
            let number = number_of_series(&transaction, series)?;
            for (hour, figure) in &of_hours.0 {
                let day = hour.div_euclid(HOURS_OF_A_DAY);
                days.entry((day, number)).or_default().push((*hour, figure));
            }
        }
        let sql = "INSERT OR REPLACE INTO figures_of_days (day, series, sum, counts, by_hour) VALUES (?, ?, ?, ?, ?)";
        let mut insert = transaction.prepare_cached(sql)?;
        // In the order of the table: each goes to its end then.
        for ((day, series), fresh) in days {
            let mut kept = if is_new { None } else { kept_of(&transaction, day, series)? };
            let hours = match &mut kept {
                None => fresh,
                Some(kept) => {
                    fresh.iter().for_each(|(hour, figure)| kept.add(*hour, figure));
                    kept.0.iter().map(|(hour, figure)| (*hour, figure)).collect()
                }
            };
            let mut sum = Figure::default();
            hours.iter().for_each(|(_, figure)| sum.add(figure));
            let by_hour = serde_json::to_string(&hours).unwrap_or_default();
            insert.execute(params![day, series, sum.sum as i64, sum.counts.written(), by_hour])?;
        }
        drop(insert);
        let sql = "INSERT OR REPLACE INTO figures_head (no, seq, rules) VALUES (1, ?, ?)";
        transaction.execute(sql, [now.seq, now.rules])?;
        transaction.commit()?;
        Ok(true)
    }
}

fn head_in(connection: &Connection) -> rusqlite::Result<Head> {
    let sql = "SELECT seq, rules FROM figures_head";
    let found = connection.query_row(sql, [], |row| Ok(Head { seq: row.get(0)?, rules: row.get(1)? }));
    Ok(found.optional()?.unwrap_or_default())
}

fn number_of_series(transaction: &Transaction<'_>, series: &SeriesName) -> rusqlite::Result<i64> {
    let SeriesName { metric, version, labels } = series;
    let labels = serde_json::to_string(labels).unwrap_or_default();
    let values = params![metric, version, labels];
    let sql = "INSERT OR IGNORE INTO figure_series (metric, version, labels) VALUES (?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(values)?;
    let sql = "SELECT no FROM figure_series WHERE metric = ? AND version = ? AND labels = ?";
    transaction.prepare_cached(sql)?.query_row(values, |row| row.get(0))
}

/// Returns what is kept of a series on a day.
fn kept_of(transaction: &Transaction<'_>, day: i64, series: i64) -> rusqlite::Result<Option<ByHour>> {
    let sql = "SELECT by_hour FROM figures_of_days WHERE day = ? AND series = ?";
    transaction.prepare_cached(sql)?.query_row([day, series], |row| hours_of(row, 0)).optional()
}

/// Reads what a series came to by the hour; what cannot be read counts for nothing.
fn hours_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<ByHour> {
    Ok(serde_json::from_str(row.get_ref(column)?.as_str()?).unwrap_or_default())
}

/// Keeps what a run came to that is about to be pruned, in the same transaction. What is kept of all runs stays right where all
/// of its events are in it; else it is derived anew.
pub(super) fn entomb(
    transaction: &Transaction<'_>,
    number: i64,
    last_seq: i64,
    figures: &Figures,
) -> rusqlite::Result<()> {
    let data = serde_json::to_string(figures)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction.execute("INSERT INTO pruned_figures (no, data) VALUES (?, ?)", params![number, data])?;
    if head_in(transaction)?.seq < last_seq {
        transaction.execute("DELETE FROM figures_head", [])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::run_created;
    use crate::domain::tombstone::Tombstone;
    use crate::store::layout::Layout;

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&Layout::of(folder.path())).unwrap()
    }

    #[test]
    fn the_kind_of_an_event_is_read_however_it_is_written() {
        let made = run_created();
        assert_eq!(kind_of(&serde_json::to_string(&made).unwrap()), made.kind());
        assert_eq!(kind_of(r#"{"kind":"a"}"#), "a");
        assert_eq!(kind_of(r#"{ "more": {"kind": "no"}, "kind": "a" }"#), "a");
        for other in ["", "{}", r#"{"kind":"a"#, r#"{"kind":7}"#, r#"{"more":{"kind":"a"}}"#] {
            assert_eq!(kind_of(other), "", "{other}");
        }
    }

    type OfHour<'a> = (i64, &'a str, u64, &'a str);

    /// Makes figures of hours, agents, sums and counts.
    fn figures(rows: &[OfHour<'_>]) -> Figures {
        let mut figures = Figures::default();
        for (hour, agent, sum, counts) in rows {
            let labels = BTreeMap::from([("agent".to_owned(), (*agent).to_owned())]);
            let series = SeriesName { metric: "m".into(), version: "1".into(), labels };
            let place = figures.series.iter().position(|known| *known == series).unwrap_or_else(|| {
                figures.series.push(series);
                figures.hours.push(ByHour::default());
                figures.series.len() - 1
            });
            figures.hours[place].0.insert(*hour, Figure { sum: *sum, counts: (*counts).to_owned().into() });
        }
        figures
    }

    fn kept(store: &Store, from: i64, to: i64) -> Vec<(u64, String)> {
        let all = store.figures(from, to).unwrap();
        all.into_iter().map(|(_, figure)| (figure.sum, figure.counts.written())).collect()
    }

    #[test]
    fn what_is_kept_is_added_up_over_hours_and_days() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let day = HOURS_OF_A_DAY;
        let fresh = figures(&[
            (-1, "a", 1, "5:1"),
            (0, "a", 10, "5:1 10:1"),
            (2 * day + 3, "a", 100, "+:1"),
            (3 * day, "", 7, ""),
        ]);
        let head = |seq| Head { seq, rules: 1 };
        assert!(store.keep_figures(Head::default(), head(9), &fresh).unwrap());
        assert_eq!(store.figures_head().unwrap(), head(9));
        let all = [(111, "5:2 10:1 +:1".to_owned()), (7, String::new())];
        assert_eq!(kept(&store, i64::MIN, i64::MAX), all);
        assert_eq!(kept(&store, 0, 2 * day), [(10, "5:1 10:1".to_owned())]);
        assert_eq!(kept(&store, -1, 2 * day + 3), [(11, "5:2 10:1".to_owned())]);
        assert_eq!(kept(&store, 1, 2 * day + 4), [(100, "+:1".to_owned())]);
        assert_eq!(kept(&store, 5, 6), []);

        let more = figures(&[(2 * day + 3, "a", 1, "5:1")]);
        assert!(!store.keep_figures(head(8), head(12), &more).unwrap(), "somebody was faster");
        assert!(store.keep_figures(head(9), head(12), &more).unwrap());
        assert_eq!(kept(&store, 2 * day, 2 * day + 4), [(101, "5:1 +:1".to_owned())]);
        let other_rules = Head { seq: 12, rules: 2 };
        assert!(store.keep_figures(head(12), other_rules, &more).unwrap());
        assert_eq!(
            kept(&store, i64::MIN, i64::MAX),
            [(1, "5:1".to_owned())],
            "all else was kept by other rules"
        );
    }

    #[test]
    fn the_time_since_when_is_counted_never_moves_forward() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        assert_eq!(store.counted_since().unwrap(), None);
        // In the afternoon of the third day, and a day later.
        let (first, day) = (2 * DAY + DAY / 2, Some(Time(2 * DAY)));
        let mut run_at = |id, at| {
            let (run, _) = store.create_run(RunId::from_random(id), Time(at), vec![run_created()]).unwrap();
            run
        };
        let (run, _later) = (run_at(1, first), run_at(2, first + DAY));
        assert_eq!(store.counted_since().unwrap(), day);
        let fresh = figures(&[(first / 3_600_000, "a", 1, "")]);
        let head = Head { seq: run.last_seq, rules: 1 };
        assert!(store.keep_figures(Head::default(), head, &fresh).unwrap());
        assert_eq!(store.counted_since().unwrap(), day, "it is kept by days");
        store.entomb(&run, &Tombstone::of(&run, &[], Time(9 * DAY), "Ada", 0), &Figures::default()).unwrap();
        assert_eq!(store.counted_since().unwrap(), day);
        store.connection.execute_batch("DELETE FROM figures_of_days; DELETE FROM figures_head;").unwrap();
        assert_eq!(store.counted_since().unwrap(), day, "it is known of what was pruned");
    }

    #[test]
    fn what_a_store_cannot_keep_now_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let other = Connection::open(Layout::of(folder.path()).database()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let head = Head { seq: 1, rules: 1 };
        assert!(!store.keep_figures(Head::default(), head, &Figures::default()).unwrap());
        other.execute_batch("ROLLBACK").unwrap();
        assert!(store.keep_figures(Head::default(), head, &Figures::default()).unwrap());
    }

    #[test]
    fn a_window_is_whole_days_and_the_hours_around_them() {
        assert_eq!(days_between(0, 48), (0..2, vec![]));
        assert_eq!(days_between(5, 50), (1..2, vec![0, 2]));
        assert_eq!(days_between(5, 47), (1..1, vec![0, 1]));
        assert_eq!(days_between(5, 9), (1..1, vec![0]));
        assert_eq!(days_between(-5, 24), (0..1, vec![-1]));
        assert_eq!(days_between(5, 5), (1..1, vec![]));
        assert_eq!(days_between(-NEVER, NEVER).1, Vec::<i64>::new());
    }
}
