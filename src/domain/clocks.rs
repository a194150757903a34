//! Gaps in the time: the machine slept, crew was held up, or somebody set the clock.
//!
//! Nobody works while the machine sleeps, and nobody reads what agents say while crew is stopped. So such time counts for
//! no limit, no silence and no deadline: all of them move along with it, and nothing is taken from anybody because of it.

use super::time::Time;
use std::time::Duration;

/// What the clocks of the machine say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// Grows while the machine is awake.
    pub awake: Duration,
    /// Grows while it sleeps too.
    pub running: Duration,
    /// The time of day, which anybody may set.
    pub wall: Time,
}

impl Clocks {
    /// Returns what they would have said had crew looked at them last just before `now`: while it was at work itself, only
    /// sleep and a clock that was set are a gap.
    pub fn after_own_work(&self, now: &Clocks) -> Clocks {
        let worked = now.awake.saturating_sub(self.awake);
        let wall = self.wall.moved(i64::try_from(worked.as_millis()).unwrap_or(i64::MAX));
        Clocks { awake: now.awake, running: self.running + worked, wall }
    }
}

/// Time that went by without crew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// The machine slept.
    pub asleep: Duration,
    /// The machine was awake, and crew did not run: it was stopped, or waited for something that did not come.
    pub held_up: Duration,
    /// By how many milliseconds the time of day was set forward, or back.
    pub set_millis: i64,
}

impl Gap {
    /// Returns by how many milliseconds the time of day is ahead of what it would be had nothing happened; less than zero
    /// where it was set back.
    pub fn shift_millis(&self) -> i64 {
        shift_millis(self.asleep.as_millis() as u64, self.held_up.as_millis() as u64, self.set_millis)
    }
}

/// The same, from what is recorded of a gap.
pub fn shift_millis(asleep: u64, held_up: u64, set: i64) -> i64 {
    let gone = i64::try_from(asleep.saturating_add(held_up)).unwrap_or(i64::MAX);
    gone.saturating_add(set)
}

/// Returns what went by between two looks at the clocks that are made several times a second. What is shorter than `least`
/// is no gap: a busy machine, or a clock that is being put right little by little.
pub fn gap(before: &Clocks, now: &Clocks, least: Duration) -> Option<Gap> {
    let awake = now.awake.saturating_sub(before.awake);
    let running = now.running.saturating_sub(before.running);
    let counts = |time: &Duration| *time >= least;
    let wall = now.wall.0.saturating_sub(before.wall.0);
    let set = wall.saturating_sub(i64::try_from(running.as_millis()).unwrap_or(i64::MAX));
    let gap = Gap {
        asleep: Some(running.saturating_sub(awake)).filter(counts).unwrap_or_default(),
        held_up: Some(awake).filter(counts).unwrap_or_default(),
        set_millis: Some(set)
            .filter(|set| counts(&Duration::from_millis(set.unsigned_abs())))
            .unwrap_or_default(),
    };
    (gap != Gap::default()).then_some(gap)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_secs(20);

    fn at(awake: u64, running: u64, wall: i64) -> Clocks {
        Clocks {
            awake: Duration::from_millis(awake),
            running: Duration::from_millis(running),
            wall: Time(1_795_000_000_000 + wall),
        }
    }

    #[test]
    fn slow_work_of_its_own_is_no_gap_and_what_went_by_beside_it_is() {
        let (hour, minute) = (3_600_000, 60_000);
        let begin = at(0, 0, 0);
        for (now, expected) in [
            (at(hour, hour, hour as i64), None),
            (at(minute, minute + hour, (minute + hour) as i64), Some((hour, 0, 0))),
            (at(minute, minute, minute as i64 - hour as i64), Some((0, 0, -(hour as i64)))),
        ] {
            let found = gap(&begin.after_own_work(&now), &now, LEAST);
            let expected = expected.map(|(asleep, held_up, set_millis)| Gap {
                asleep: Duration::from_millis(asleep),
                held_up: Duration::from_millis(held_up),
                set_millis,
            });
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn each_kind_of_gap_is_told_from_the_others() {
        let hour = 3_600_000;
        let rows = [
            // A look every quarter of a second is no gap, nor is a slow one, nor a clock that is put right.
            (at(250, 250, 250), None),
            (at(19_999, 19_999, 19_999), None),
            (at(250, 250, 4_000), None),
            (at(250, 250 + hour, 250 + hour as i64), Some((hour, 0, 0))),
            (at(hour, hour, hour as i64), Some((0, hour, 0))),
            (at(250, 250, 250 + hour as i64), Some((0, 0, hour as i64))),
            (at(250, 250, 250 - hour as i64), Some((0, 0, -(hour as i64)))),
            // Awake again, the machine asks the network for the time.
            (at(250, 250 + hour, 250), Some((hour, 0, -(hour as i64)))),
        ];
        for (now, expected) in rows {
            let found = gap(&at(0, 0, 0), &now, LEAST);
            let found = found
                .map(|gap| (gap.asleep.as_millis() as u64, gap.held_up.as_millis() as u64, gap.set_millis));
            assert_eq!(found, expected, "{now:?}");
        }
    }

    #[test]
    fn what_is_recorded_of_a_gap_moves_times_of_day_as_far_as_the_clock_went() {
        let gap = Gap { asleep: Duration::from_secs(8), held_up: Duration::from_secs(1), set_millis: -2_000 };
        assert_eq!(gap.shift_millis(), 7_000);
        assert_eq!(shift_millis(u64::MAX, u64::MAX, -1), i64::MAX - 1);
    }

    #[test]
    fn clocks_that_run_backwards_make_no_negative_time() {
        let gap = gap(&at(5_000, 5_000, 0), &at(0, 0, -60_000), LEAST).unwrap();
        assert_eq!((gap.asleep, gap.held_up, gap.set_millis), (Duration::ZERO, Duration::ZERO, -60_000));
    }
}
