//! When nothing more is sent for a while to somebody who does not answer.

use crate::domain::time::Time;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// This many failures in a row open it.
const FAILURES: u32 = 5;
/// How long it stays open first; each time that the one try afterwards fails, twice as long.
const OPEN: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);
/// How long is waited after the first failure; after each further one, twice as long.
const BACKOFF: Duration = Duration::from_millis(200);

/// Counts failures in a row. Times are those of a clock that only goes forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    in_a_row: u32,
    /// Nothing is tried before.
    not_before: Duration,
    /// The other side asked for that.
    is_asked: bool,
    /// How often it was opened.
    pub opened: u32,
}

/// What the next process has to know: a run sends little, so failures are counted over many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Whom it is about.
    pub endpoint: String,
    in_a_row: u32,
    not_before: Time,
}

impl Breaker {
    /// Goes on from what was kept; its clock begins anew. What is kept of somebody else says nothing.
    pub fn resumed(kept: Option<&Kept>, endpoint: &str, now: Time) -> Breaker {
        kept.filter(|kept| kept.endpoint == endpoint).map_or_else(Breaker::default, |kept| Breaker {
            in_a_row: kept.in_a_row,
            // The clock may have been set back since.
            not_before: kept.not_before.since(now).min(LONGEST),
            ..Breaker::default()
        })
    }

    /// Returns what is to be kept, `clock` by its own clock and `now` by that of the day; nothing where nothing failed last.
    pub fn kept(&self, endpoint: &str, clock: Duration, now: Time) -> Option<Kept> {
        // The next one need not wait for the moment between two tries of this one.
        let counts = self.in_a_row >= FAILURES || self.is_asked;
        let wait = if counts { i64::try_from(self.wait(clock).as_millis()).unwrap_or(0) } else { 0 };
        let (endpoint, not_before) = (endpoint.to_owned(), now.moved(wait));
        (self.in_a_row > 0).then_some(Kept { endpoint, in_a_row: self.in_a_row, not_before })
    }

    /// Returns how long nothing may be tried yet.
    pub fn wait(&self, now: Duration) -> Duration {
        self.not_before.saturating_sub(now)
    }

    /// Tells whether it is open: so much failed that nothing is tried for a while, and then once.
    pub fn is_open(&self, now: Duration) -> bool {
        self.in_a_row >= FAILURES && self.not_before > now
    }

    /// Returns how many failed in a row, up to now.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Takes in that something came through.
    pub fn succeeded(&mut self) {
        *self = Breaker { opened: self.opened, ..Breaker::default() };
    }

    /// Takes in that something failed; `after` is what the other side asked for.
    pub fn failed(&mut self, now: Duration, after: Option<Duration>) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let wait = match self.in_a_row.checked_sub(FAILURES) {
            Some(more) => {
                self.opened += 1;
                OPEN.saturating_mul(2_u32.saturating_pow(more)).min(LONGEST)
            }
            None => BACKOFF.saturating_mul(2_u32.saturating_pow(self.in_a_row - 1)),
        };
        self.is_asked = after.is_some();
        self.not_before = now + wait.max(after.unwrap_or_default().min(LONGEST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_one_try_later_closes_it_or_not() {
        let mut breaker = Breaker::default();
        for failure in 1..=4 {
            breaker.failed(seconds(failure), None);
            assert!(!breaker.is_open(seconds(failure)), "{failure}");
            assert!(breaker.wait(seconds(failure)) <= seconds(4));
        }
        breaker.failed(seconds(10), None);
        assert_eq!((breaker.is_open(seconds(39)), breaker.wait(seconds(39))), (true, seconds(1)));
        assert!(!breaker.is_open(seconds(40)), "one try");
        breaker.failed(seconds(40), None);
        assert_eq!((breaker.wait(seconds(40)), breaker.opened), (seconds(60), 2));
        breaker.succeeded();
        assert_eq!(breaker.wait(seconds(41)), Duration::ZERO);
        breaker.failed(seconds(41), None);
        assert!(!breaker.is_open(seconds(41)), "it counts from the beginning");
    }

    #[test]
    fn a_success_in_between_keeps_it_closed() {
        let mut breaker = Breaker::default();
        for second in 0..40 {
            breaker.failed(seconds(second), None);
            if second % 4 == 3 {
                breaker.succeeded();
            }
            assert!(!breaker.is_open(seconds(second)));
        }
        assert_eq!(breaker.opened, 0);
    }

    #[test]
    fn what_one_process_has_seen_the_next_one_knows() {
        let at = |seconds: i64| Time(1_795_000_000_000 + seconds * 1_000);
        assert_eq!(Breaker::default().kept("a", seconds(3), at(0)), None);
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(seconds(2), None);
        }
        let waits = |breaker: &Breaker| {
            Breaker::resumed(breaker.kept("a", seconds(2), at(0)).as_ref(), "a", at(0)).wait(seconds(0))
        };
        assert_eq!((breaker.wait(seconds(2)) > seconds(1), waits(&breaker)), (true, seconds(0)));
        let mut asked = breaker;
        asked.failed(seconds(2), Some(seconds(90)));
        assert_eq!(waits(&asked), seconds(90));
        breaker.failed(seconds(2), None);
        let kept = breaker.kept("a", seconds(12), at(100));
        let text = serde_json::to_string(&kept).unwrap();
        let kept: Option<Kept> = serde_json::from_str(&text).unwrap();
        let resumed = |endpoint, now| Breaker::resumed(kept.as_ref(), endpoint, now);
        assert_eq!(resumed("a", at(105)).wait(seconds(0)), seconds(15), "of 30 seconds 15 are over");
        assert!(resumed("a", at(105)).is_open(seconds(14)));
        assert_eq!(resumed("a", at(-1_000_000)).wait(seconds(0)), LONGEST, "the clock was set back");
        assert_eq!(resumed("b", at(105)), Breaker::default());
        let mut later = resumed("a", at(1_000));
        assert!(!later.is_open(seconds(0)), "one try");
        later.failed(seconds(0), None);
        assert_eq!(later.wait(seconds(0)), seconds(60));
    }

    #[test]
    fn who_asks_for_time_gets_it_up_to_a_bound() {
        let mut breaker = Breaker::default();
        breaker.failed(seconds(0), Some(seconds(7)));
        assert_eq!(breaker.wait(seconds(0)), seconds(7));
        breaker.failed(seconds(0), Some(seconds(1_000_000)));
        assert_eq!(breaker.wait(seconds(0)), LONGEST);
        for _ in 0..100 {
            breaker.failed(seconds(0), None);
        }
        assert_eq!(breaker.wait(seconds(0)), LONGEST);
    }
}
