//! Signs of life: what an agent says tells that it is at work, and the dispatcher says itself that it is.
//!
//! A process that exists may hang, and one that says nothing may think. So signs of life stand apart from the process:
//! how long an agent has been quiet is shown to people, and ends nothing. Only `limits.silence_seconds` does.

use super::event::ProcessId;
use super::id::TaskId;
use super::settings::{self, Setting, Settings};
use super::time::Time;
use super::usage::Usage;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often the dispatcher says that it lives, at the latest.
pub const BEAT: Duration = Duration::from_secs(30);
/// So many beats left out, and the dispatcher does not answer.
const MISSED_BEATS: u32 = 3;
/// So many looks at a dead agent in a row, and a person is told.
const DEAD_LOOKS: u32 = 3;

/// The settings of the levels, which have to ascend.
const KEYS: [&Setting; 3] = [&settings::LIVENESS_WARN, &settings::LIVENESS_STALE, &settings::LIVENESS_DEAD];

/// How long an agent may be quiet until it has a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub warn: Duration,
    pub stale: Duration,
    pub dead: Duration,
}

impl Thresholds {
    /// Takes them from the settings, which have been checked.
    pub fn of(settings: &Settings) -> Thresholds {
        let of = |setting| Duration::from_secs(settings.number(setting));
        let [warn, stale, dead] = KEYS.map(of);
        Thresholds { warn, stale, dead }
    }

    /// Checks that each is longer than the one before, or says what is wrong.
    pub fn check(settings: &Settings) -> Result<(), String> {
        let [warn, stale, dead] = KEYS.map(|setting| settings.number(setting));
        if warn < stale && stale < dead {
            return Ok(());
        }
        let [a, b, c] = KEYS.map(|setting| setting.key);
        Err(format!("{a}, {b} and {c} have to ascend, and are {warn}, {stale} and {dead}"))
    }
}

/// What an attempt is occupied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupied {
    /// The agent works, and says what it does.
    Works,
    /// It said that it waits: for its provider, or for an answer.
    Waits,
    /// A tool of its is at work.
    Tool,
    /// crew is: it prepares, keeps, verifies or ends.
    Crew,
    /// It works and says nothing before its end: a command, an agent that does not stream.
    Mute,
}

/// How sure it is that an agent is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It gives no signs while it works.
    Unknown,
    /// It waits on purpose.
    Waiting,
    Healthy,
    Warn,
    Stale,
    Dead,
}

impl Level {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Level::Unknown => "unknown",
            Level::Waiting => "waiting",
            Level::Healthy => "healthy",
            Level::Warn => "warn",
            Level::Stale => "stale",
            Level::Dead => "dead",
        }
    }

    /// Tells whether people want to know of it.
    pub fn is_quiet(self) -> bool {
        self >= Level::Warn
    }
}

/// Returns the level of an attempt that has been quiet for so long.
pub fn level(occupied: Occupied, quiet: Duration, thresholds: &Thresholds) -> Level {
    match occupied {
        Occupied::Mute => Level::Unknown,
        Occupied::Waits => Level::Waiting,
        Occupied::Tool | Occupied::Crew => Level::Healthy,
        Occupied::Works if quiet >= thresholds.dead => Level::Dead,
        Occupied::Works if quiet >= thresholds.stale => Level::Stale,
        Occupied::Works if quiet >= thresholds.warn => Level::Warn,
        Occupied::Works => Level::Healthy,
    }
}

/// What is seen of an open attempt at one look.
#[derive(Clone, Copy, Debug)]
pub struct Sign {
    /// The task's place in the run.
    pub place: usize,
    pub attempt: u32,
    pub occupied: Occupied,
    /// Since its last sign of life.
    pub quiet: Duration,
}

impl Sign {
    /// Tells whether the agent itself is at work, so that the sign is its own.
    pub fn is_of_agent(&self) -> bool {
        matches!(self.occupied, Occupied::Works | Occupied::Waits | Occupied::Tool)
    }
}

/// What follows from a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// It is time to say that we live, or somebody's level is another one.
    pub beats: bool,
    /// Attempts of which a person is told that they seem dead, by the places of their tasks. Told once for each
    /// time that it falls silent.
    pub dead: Vec<usize>,
}

/// Watches all attempts of a run that are open.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    beaten: Option<Duration>,
    known: BTreeMap<(usize, u32), Known>,
}

#[derive(Clone, Debug)]
struct Known {
    level: Level,
    dead_looks: u32,
    dead_looked: Duration,
    told: bool,
}

impl Watch {
    /// Takes in a look at all open attempts, at `now` on a clock that stands still while the machine sleeps.
    pub fn look(&mut self, now: Duration, signs: &[Sign], thresholds: &Thresholds) -> Look {
        let mut look = Look::default();
        let there: BTreeSet<_> = signs.iter().map(|sign| (sign.place, sign.attempt)).collect();
        self.known.retain(|at, _| there.contains(at));
        for sign in signs {
            let level = level(sign.occupied, sign.quiet, thresholds);
            let new = Known { level, dead_looks: 0, dead_looked: now, told: false };
            let known = self.known.entry((sign.place, sign.attempt)).or_insert(new);
            look.beats |= known.level != level;
            known.level = level;
            if known.is_dead_for_long(now, thresholds.warn) {
                look.dead.push(sign.place);
            }
        }
        look.beats |= self.beaten.is_none_or(|beaten| now.saturating_sub(beaten) >= BEAT);
        if look.beats {
            self.beaten = Some(now);
        }
        look
    }

    /// Says at the next look that we live: what was said last is out of date.
    pub fn beat_soon(&mut self) {
        self.beaten = None;
    }
}

impl Known {
    /// Takes in the level of a look, and tells whether a person is told now. Looks that count are `apart` from each other,
    /// as long as it takes to call an agent quiet.
    fn is_dead_for_long(&mut self, now: Duration, apart: Duration) -> bool {
        if self.level != Level::Dead {
            // What was told is taken back when it comes to life, so it is told again should it hang again.
            (self.dead_looks, self.told) = (0, false);
            return false;
        }
        if self.dead_looks > 0 && now.saturating_sub(self.dead_looked) < apart {
            return false;
        }
        self.dead_looks += 1;
        self.dead_looked = now;
        self.dead_looks >= DEAD_LOOKS && !std::mem::replace(&mut self.told, true)
    }
}

/// What the dispatcher of a run says from time to time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub process: ProcessId,
    pub at: Time,
    /// The open attempts.
    pub attempts: Vec<Pulse>,
}

/// An open attempt, as its dispatcher saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    pub task: TaskId,
    pub attempt: u32,
    pub last_sign: Time,
    pub level: Level,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doing: String,
    /// What it has told so far that it has used up, with its price.
    #[serde(default, skip_serializing_if = "Usage::is_untold")]
    pub usage: Usage,
}

impl Heartbeat {
    /// Tells whether its dispatcher should have said something since.
    pub fn is_overdue(&self, now: Time) -> bool {
        now.since(self.at) > BEAT * MISSED_BEATS
    }

    /// Returns an open attempt.
    pub fn pulse(&self, task: &TaskId, attempt: u32) -> Option<&Pulse> {
        self.attempts.iter().find(|pulse| pulse.attempt == attempt && pulse.task == *task)
    }
}

impl Pulse {
    /// Returns for how long it has been quiet, where people want to know that. Whoever is quiet still is, or its
    /// dispatcher would have said so.
    pub fn quiet(&self, now: Time) -> Option<Duration> {
        self.level.is_quiet().then(|| now.since(self.last_sign))
    }
}

#[cfg(test)]
mod tests {
    use super::super::clocks::{self, Clocks};
    use super::*;
    use serde_json::json;

    const THRESHOLDS: Thresholds = Thresholds {
        warn: Duration::from_secs(30),
        stale: Duration::from_secs(60),
        dead: Duration::from_secs(300),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_agent_that_works_has_a_level_for_each_length_of_silence() {
        let rows = [
            (0, Level::Healthy),
            (29, Level::Healthy),
            (30, Level::Warn),
            (59, Level::Warn),
            (60, Level::Stale),
            (299, Level::Stale),
            (300, Level::Dead),
            (86_400, Level::Dead),
        ];
        for (quiet, expected) in rows {
            assert_eq!(level(Occupied::Works, seconds(quiet), &THRESHOLDS), expected, "{quiet} s");
        }
    }

    #[test]
    fn who_waits_on_purpose_or_gives_no_signs_is_never_dead() {
        let rows = [
            (Occupied::Waits, Level::Waiting),
            (Occupied::Tool, Level::Healthy),
            (Occupied::Crew, Level::Healthy),
            (Occupied::Mute, Level::Unknown),
        ];
        for (occupied, expected) in rows {
            assert_eq!(level(occupied, seconds(86_400), &THRESHOLDS), expected, "{occupied:?}");
        }
    }

    #[test]
    fn thresholds_that_do_not_ascend_are_an_error_that_names_them() {
        let mut settings = Settings::default();
        assert_eq!((Thresholds::of(&settings), Thresholds::check(&settings)), (THRESHOLDS, Ok(())));
        settings.set("liveness.stale_seconds", json!(30), settings::Origin::Flag, true).unwrap();
        let expected = "liveness.warn_seconds, liveness.stale_seconds and liveness.dead_seconds have to ascend, \
                        and are 30, 30 and 300";
        assert_eq!(Thresholds::check(&settings), Err(expected.to_owned()));
    }

    fn sign(place: usize, quiet: u64) -> Sign {
        Sign { place, attempt: 1, occupied: Occupied::Works, quiet: seconds(quiet) }
    }

    #[test]
    fn three_dead_looks_in_a_row_are_told_once_until_it_comes_to_life() {
        let mut watch = Watch::default();
        let mut told = Vec::new();
        for now in 0..2_000 {
            // A sign of life in between begins the count again, and one after it was told lets it be told again.
            let quiet = now - [1_000, 350, 0].into_iter().find(|sign| *sign <= now).unwrap_or_default();
            if !watch.look(seconds(now), &[sign(0, quiet)], &THRESHOLDS).dead.is_empty() {
                told.push(now);
            }
        }
        assert_eq!(told, [350 + 300 + 60, 1_000 + 300 + 60]);
        let again = Sign { attempt: 2, ..sign(0, 900) };
        let looks = [2_000, 2_030, 2_060].map(|now| watch.look(seconds(now), &[again], &THRESHOLDS).dead);
        assert_eq!(looks, [vec![], vec![], vec![0]], "another attempt is told of by itself");
    }

    #[test]
    fn a_dispatcher_beats_every_thirty_seconds_and_when_a_level_changes() {
        let mut watch = Watch::default();
        let beats: Vec<u64> = (0..100)
            .filter(|now| watch.look(seconds(*now), &[sign(0, now.saturating_sub(15))], &THRESHOLDS).beats)
            .collect();
        assert_eq!(beats, [0, 30, 45, 75]);
        watch.beat_soon();
        assert!(watch.look(seconds(100), &[], &THRESHOLDS).beats);
    }

    #[test]
    fn a_beat_is_overdue_after_three_and_a_clock_that_was_set_back_makes_none_overdue() {
        let process = ProcessId { pid: 1, start: 1, boot: "b".into() };
        let beat = Heartbeat { process, at: Time(1_000_000), attempts: vec![] };
        let overdue = [0, 90_000, 90_001, -500_000].map(|later| beat.is_overdue(Time(1_000_000 + later)));
        assert_eq!(overdue, [false, false, true, false]);
    }

    /// A day with one agent that talks, one that waits, one whose tool runs, one that says nothing, one that hangs, and a
    /// laptop that is closed over lunch.
    #[test]
    fn a_day_is_told_by_its_beats_one_gap_and_one_dead_agent() {
        const DAY: u64 = 86_400;
        const LUNCH: u64 = 3_600;
        let mut watch = Watch::default();
        let begin = Clocks { awake: seconds(0), running: seconds(0), wall: Time(1_795_000_000_000) };
        let (mut before, mut beats, mut gaps, mut dead) = (begin, 0, Vec::new(), Vec::new());
        let mut levels: BTreeMap<Level, u64> = BTreeMap::new();
        for awake in 0..DAY - LUNCH {
            let slept = if awake < 43_200 { 0 } else { LUNCH };
            let wall = Time(begin.wall.0 + ((awake + slept) * 1_000) as i64);
            let now = Clocks { awake: seconds(awake), running: seconds(awake + slept), wall };
            if let Some(gap) = clocks::gap(&before, &now, seconds(20)) {
                gaps.push(gap);
                watch.beat_soon();
            }
            before = now;
            let of = |place, occupied, quiet| Sign { place, attempt: 1, occupied, quiet: seconds(quiet) };
            let signs = [
                of(0, Occupied::Works, awake % 20),
                of(1, Occupied::Waits, awake),
                of(2, Occupied::Tool, awake),
                of(3, Occupied::Mute, awake),
                // It was at work until an hour before the lid was closed.
                of(4, Occupied::Works, awake.saturating_sub(39_600)),
            ];
            let look = watch.look(now.awake, &signs, &THRESHOLDS);
            beats += u64::from(look.beats);
            dead.extend(look.dead.iter().map(|place| (*place, awake)));
            for sign in signs {
                *levels.entry(level(sign.occupied, sign.quiet, &THRESHOLDS)).or_default() += 1;
            }
        }
        assert_eq!(gaps, [clocks::Gap { asleep: seconds(LUNCH), ..Default::default() }]);
        assert_eq!(dead, [(4, 39_600 + 300 + 60)], "the sleep itself makes nobody dead");
        // One every thirty seconds while the machine is awake; the changes of level fall on the same seconds.
        assert_eq!(beats, (DAY - LUNCH) / 30);
        assert_eq!(levels[&Level::Dead], DAY - LUNCH - 39_600 - 300);
        assert_eq!((levels[&Level::Warn], levels[&Level::Stale]), (30, 240));
        assert_eq!((levels[&Level::Waiting], levels[&Level::Unknown]), (DAY - LUNCH, DAY - LUNCH));
    }
}
