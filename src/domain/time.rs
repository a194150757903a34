//! Points in time, in whole milliseconds, UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A point in time: milliseconds since 1970, UTC. Written as RFC 3339 with milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Returns how long after `earlier` this is; zero where the clock moved back.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Returns the point in time that is `duration` later.
    pub fn plus(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the point in time that is so many milliseconds later, or earlier.
    pub fn moved(self, millis: i64) -> Time {
        Time(self.0.saturating_add(millis))
    }

    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Time> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Time(at.as_millisecond()))
    }
}

/// The units in which people write how long something takes, in milliseconds.
const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// Reads how long something takes: digits and one of `units`. A number alone means seconds, where these are among them.
pub fn read_duration(text: &str, units: &[&str]) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = match text.split_at(digits) {
        (number, "") => (number, "s"),
        other => other,
    };
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit && units.contains(name))?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or_default();
        write!(f, "{at:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_with_milliseconds_and_read_back() {
        let at = Time(1_795_228_200_120);
        assert_eq!(at.to_string(), "2026-11-21T02:30:00.120Z");
        assert_eq!(Time::parse(&at.to_string()), Some(at));
        assert_eq!(Time(1_795_228_200_000).to_string(), "2026-11-21T02:30:00.000Z");
    }

    #[test]
    fn a_clock_that_moved_back_counts_as_no_time_at_all() {
        assert_eq!(Time(5).since(Time(9)), Duration::ZERO);
    }

    #[test]
    fn how_long_something_takes_is_a_number_and_one_of_the_units() {
        let read = |text: &str| read_duration(text, &["ms", "s", "m", "h"]).map(|time| time.as_millis());
        let rows = [("500ms", 500), ("90", 90_000), ("0s", 0), ("10m", 600_000), ("2h", 7_200_000)];
        rows.iter().for_each(|(text, millis)| assert_eq!(read(text), Some(*millis), "{text}"));
        for text in ["", "m", "+5", "-5s", "1.5h", "1d", "5 m", "5ß", "1m30s", "18446744073709551615h"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read_duration("2w", &["d", "w"]), Some(Duration::from_secs(1_209_600)));
        assert_eq!(read_duration("2", &["d", "w"]), None);
    }
}
