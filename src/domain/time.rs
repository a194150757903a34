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
}
