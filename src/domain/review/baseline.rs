//! Findings that are known and put up with, as `.crew/baseline.json` lists them: each with a reason, who says so, and until
//! when.
//!
//! The file is tracked by git, so people read it, edit it and merge it. It is written in the order of fingerprints: what
//! two branches add seldom meets in one place.

use crate::domain::time::{Time, read_duration};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The version of the file that this crew reads and writes.
const VERSION: u32 = 1;
/// What begins a line that git leaves where two sides do not agree.
const CONFLICT: [&str; 3] = ["<<<<<<< ", "=======", ">>>>>>> "];

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    #[serde(default = "version")]
    version: u32,
    #[serde(default)]
    pub findings: Vec<Entry>,
}

fn version() -> u32 {
    VERSION
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline { version: VERSION, findings: Vec::new() }
    }
}

/// A finding that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub fingerprint: String,
    /// Category, file and title tell people what it is; only the fingerprint counts.
    #[serde(default)]
    pub category: String,
    #[serde(default)]
    pub file: String,
    #[serde(default)]
    pub title: String,
    /// Why it is put up with.
    pub reason: String,
    /// Who says so.
    pub by: String,
    /// The day on which it was added, UTC.
    pub added: Date,
    /// The last day on which it is put up with, UTC; without, it is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
}

impl Entry {
    /// Tells whether its last day is over.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| last < today)
    }
}

/// Why a file is none of these.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("a merge left a conflict in it")]
    Conflict { line: usize },
    #[error("it is of version {found}, of a newer crew; this one knows {VERSION}")]
    Newer { found: u64 },
    #[error("{why}")]
    Malformed { line: usize, why: String },
}

impl Unreadable {
    /// Returns the line, from 1, where it is one that is wrong.
    pub fn line(&self) -> Option<usize> {
        match self {
            Unreadable::Conflict { line } | Unreadable::Malformed { line, .. } => Some(*line),
            Unreadable::Newer { .. } => None,
        }
    }
}

impl Baseline {
    /// Reads the file.
    pub fn read(text: &str) -> Result<Baseline, Unreadable> {
        let is_left = |line: &str| CONFLICT.iter().any(|mark| line.starts_with(mark));
        if let Some(at) = text.lines().position(is_left) {
            return Err(Unreadable::Conflict { line: at + 1 });
        }
        // What a newer crew writes may have another form, which says less than its version.
        let any: Result<serde_json::Value, _> = serde_json::from_str(text);
        if any.as_ref().is_ok_and(|value| !value.is_object()) {
            let why = "it is no object, such as {\"version\": 1, \"findings\": []}".to_owned();
            return Err(Unreadable::Malformed { line: 1, why });
        }
        let found = any.ok().and_then(|value| value["version"].as_u64());
        if let Some(found) = found.filter(|found| *found > u64::from(VERSION)) {
            return Err(Unreadable::Newer { found });
        }
        serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            Unreadable::Malformed { line: error.line().max(1), why: why.to_owned() }
        })
    }

    /// Writes the file, in an order of its own, without an entry twice.
    pub fn write(&self) -> String {
        let mut sorted = self.clone();
        sorted.findings.sort();
        sorted.findings.dedup();
        // Nothing in it can fail to be JSON.
        serde_json::to_string_pretty(&sorted).unwrap_or_default() + "\n"
    }

    /// Adds an entry in place of any for the same finding.
    pub fn put(&mut self, entry: Entry) {
        self.findings.retain(|there| there.fingerprint != entry.fingerprint);
        self.findings.push(entry);
    }

    /// Takes out the entries that `goes` wants to have out, and returns them.
    pub fn take(&mut self, goes: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let (gone, kept) = std::mem::take(&mut self.findings).into_iter().partition(goes);
        self.findings = kept;
        gone
    }
}

/// Returns the day of a point in time, UTC.
pub fn day_of(now: Time) -> Date {
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Reads a last day: `2027-01-31`, or so many days or weeks from now: `90d`, `12w`.
pub fn read_last_day(text: &str, now: Time) -> Option<Date> {
    let from_now = |after| day_of(now.plus(after));
    text.parse().ok().or_else(|| read_duration(text, &["d", "w"]).map(from_now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fingerprint: &str, expires: Option<&str>) -> Entry {
        Entry {
            fingerprint: fingerprint.into(),
            category: "race".into(),
            file: "src/a.rs".into(),
            title: "lock is held".into(),
            reason: "one writer".into(),
            by: "Ann".into(),
            added: "2026-11-22".parse().unwrap(),
            expires: expires.map(|day| day.parse().unwrap()),
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_stands_in_one_order() {
        let mut one = Baseline {
            findings: vec![entry("b", Some("2027-01-31")), entry("a", None)],
            ..Baseline::default()
        };
        let text = one.write();
        one.findings.reverse();
        one.findings.push(entry("a", None));
        assert_eq!(one.write(), text);
        let read = Baseline::read(&text).unwrap();
        let prints: Vec<&str> = read.findings.iter().map(|entry| entry.fingerprint.as_str()).collect();
        assert_eq!(prints, ["a", "b"]);
        assert!(text.contains("\"expires\": \"2027-01-31\"") && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        let whole = Baseline { findings: vec![entry("a", None)], ..Baseline::default() }.write();
        let unreadable = |text: &str| {
            let error = Baseline::read(text).unwrap_err();
            (error.line(), error.to_string())
        };
        let merged = whole.replacen("    {", "<<<<<<< HEAD\n    {", 1);
        assert_eq!(unreadable(&merged), (Some(4), "a merge left a conflict in it".into()));
        let newer = whole.replace("\"version\": 1", "\"version\": 2, \"rules\": []");
        assert_eq!(
            unreadable(&newer),
            (None, "it is of version 2, of a newer crew; this one knows 1".into())
        );
        let (line, why) = unreadable(&whole.replace("\"reason\"", "\"reson\""));
        assert_eq!(line, Some(9));
        assert!(why.starts_with("unknown field `reson`, expected one of `fingerprint`, "), "{why}");
        let (line, why) = unreadable(&whole.replace("2026-11-22", "soon"));
        assert!(line == Some(11) && why.contains("year"), "{line:?} {why}");
        assert!(unreadable("").1.starts_with("EOF"));
        assert_eq!(Baseline::read("{}").unwrap(), Baseline::default());
    }

    #[test]
    fn an_entry_holds_through_its_last_day() {
        let entry = entry("a", Some("2026-11-22"));
        let now = Time::parse("2026-11-22T23:59:59Z").unwrap();
        assert!(!entry.is_expired(day_of(now)));
        assert!(entry.is_expired(day_of(now.moved(1_000))));
    }

    #[test]
    fn a_last_day_is_a_date_or_days_from_now() {
        let now = Time::parse("2026-11-22T10:00:00Z").unwrap();
        let read = |text| read_last_day(text, now).map(|day| day.to_string());
        assert_eq!(read("2027-01-31").as_deref(), Some("2027-01-31"));
        assert_eq!(read("90d").as_deref(), Some("2027-02-20"));
        assert_eq!(read("2w").as_deref(), Some("2026-12-06"));
        for wrong in ["90", "soon", "3h", "2027-02-30", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_entry_takes_the_place_of_an_older_one() {
        let mut baseline =
            Baseline { findings: vec![entry("a", None), entry("b", None)], ..Baseline::default() };
        baseline.put(entry("a", Some("2027-01-31")));
        assert_eq!(baseline.findings.len(), 2);
        assert_eq!(baseline.take(|entry| entry.expires.is_some()), [entry("a", Some("2027-01-31"))]);
        assert_eq!(baseline.findings, [entry("b", None)]);
    }
}
