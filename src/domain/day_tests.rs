//! A day of two hundred agents, on clocks that are held: whatever time decides is decided here as the dispatcher does it,
//! look by look, with the decisions of this room.
//!
//! A provider limits requests at night, agents fall silent in the morning, the laptop is closed over lunch, and in the
//! afternoon somebody sets the clock back by two hours.

use super::clocks::{self, Clocks};
use super::dead_letter;
use super::error_kind::ErrorKind;
use super::event::{Again, Event, Outcome};
use super::liveness::{Occupied, Sign, Thresholds, Watch};
use super::notice::{self, Kind, Policy, QuietHours, Told};
use super::provider::Providers;
use super::redact::Redactor;
use super::retry::{self, RetryPolicy};
use super::run::Run;
use super::run::tests::{agent_spec, ended, run_of, started};
use super::schedule::Schedule;
use super::settings::Settings;
use super::task::{Attempt, TaskState};
use super::time::Time;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const AGENTS: usize = 200;
/// Between two looks, in seconds.
const STEP: u64 = 15;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// The servers ask for so much, in seconds, by night and in the afternoon.
const RETRY_AFTER: [u64; 2] = [5 * MINUTE, 30 * MINUTE];
const LUNCH: u64 = 13 * HOUR;
/// When the clock is set back by two hours. All times of the plan are hours in which the machine was awake.
const SET_BACK: u64 = 16 * HOUR;
const SILENT: [usize; 4] = [150, 151, 152, 153];

const POLICY: RetryPolicy = RetryPolicy { backoff: Duration::from_secs(1), ..retry::tests::POLICY };

/// An attempt at work, in seconds awake.
struct AtWork {
    began: u64,
    ends: u64,
}

struct Day {
    awake: u64,
    before: Clocks,
    run: Run,
    schedule: Schedule,
    providers: Providers,
    thresholds: Thresholds,
    watch: Watch,
    at_work: BTreeMap<usize, AtWork>,
    policy: Policy,
    told: Told,
    letters: Vec<Time>,
    piled_up: Option<Time>,
    /// What people were told, and in which minute awake.
    notices: Vec<(Kind, u64)>,
    beats: Vec<u64>,
    dead: Vec<(usize, u64)>,
    gaps: usize,
    /// When somebody met the limit last, by provider; gone when somebody came through that knew of it.
    limited: BTreeMap<String, u64>,
}

fn clocks(awake: u64) -> Clocks {
    let running = awake + if awake >= LUNCH { HOUR } else { 0 };
    let set_back = if awake >= SET_BACK { 2 * HOUR } else { 0 };
    // The day begins at midnight.
    let wall = Time(1_795_132_800_000 + (running as i64 - set_back as i64) * 1000);
    Clocks { awake: Duration::from_secs(awake), running: Duration::from_secs(running), wall }
}

fn is_limited(program: &str, awake: u64) -> bool {
    let at_night = program == "one" && (3 * HOUR..5 * HOUR).contains(&awake);
    at_night || (program == "two" && (SET_BACK - 15 * MINUTE..SET_BACK).contains(&awake))
}

impl Day {
    fn begin() -> Day {
        let spec = |place: usize| {
            let mut spec = agent_spec(&format!("a{place}"), ["one", "two"][place % 2]);
            spec.worktree = true;
            spec
        };
        let run = run_of((0..AGENTS).map(spec).collect());
        let hours = QuietHours::parse("22:00-07:00");
        Day {
            awake: 0,
            before: clocks(0),
            schedule: Schedule::of(&run),
            run,
            providers: Providers::default(),
            thresholds: Thresholds::of(&Settings::default()),
            watch: Watch::default(),
            at_work: BTreeMap::new(),
            policy: Policy { quiet_hours: hours, ..Policy::of(&Settings::default()) },
            told: Told::default(),
            letters: Vec::new(),
            piled_up: None,
            notices: Vec::new(),
            beats: Vec::new(),
            dead: Vec::new(),
            gaps: 0,
            limited: BTreeMap::new(),
        }
    }

    fn now(&self) -> Time {
        clocks(self.awake).wall
    }

    fn look(&mut self) {
        let now = clocks(self.awake);
        if let Some(gap) = clocks::gap(&self.before, &now, Duration::from_secs(20)) {
            self.gaps += 1;
            self.schedule.move_times(gap.shift_millis());
            self.watch.beat_soon();
        }
        self.before = now;
        let due = self.at_work.iter().filter(|(_, work)| work.ends <= self.awake);
        due.map(|(place, _)| *place).collect::<Vec<_>>().into_iter().for_each(|place| self.end(place));
        while let Some(place) = self.schedule.next_start(now.wall) {
            match self.providers.claim(&self.run.tasks[place], now.wall) {
                Ok(()) => self.start(place),
                Err(until) => self.schedule.put_off(place, until),
            }
        }
        self.look_for_life();
        if self.awake.is_multiple_of(HOUR) {
            let gate =
                json!({"kind": "gate_opened", "task": "a0", "gate": 1, "about": "result", "summary": "s"});
            self.tell(&serde_json::from_value(gate).unwrap());
        }
    }

    fn start(&mut self, place: usize) {
        let task = &self.run.tasks[place];
        let (program, number) = (task.spec.program().to_owned(), task.attempts.len() as u32 + 1);
        if let Some(at) = self.limited.get(&program).filter(|at| **at < SET_BACK - HOUR) {
            assert!(self.awake - at >= RETRY_AFTER[0], "{program} was limited at {at} s, and tried too soon");
        }
        let mut event = started(&format!("a{place}"), number);
        if let Event::AttemptStarted { agent, .. } = &mut event {
            agent.clone_from(&program);
        }
        self.run.apply(self.now(), &event).unwrap();
        let takes = match number {
            1 => (place as u64 + 1) * 6 * MINUTE,
            _ if is_limited(&program, self.awake) => STEP,
            _ => MINUTE,
        };
        self.at_work.insert(place, AtWork { began: self.awake, ends: self.awake + takes });
    }

    fn end(&mut self, place: usize) {
        let (now, work) = (self.now(), self.at_work.remove(&place).unwrap());
        let task = &self.run.tasks[place];
        let (program, number) = (task.spec.program().to_owned(), task.attempts.len() as u32);
        let is_limited = is_limited(&program, self.awake);
        let kind = is_limited.then_some(ErrorKind::RateLimited);
        let after = RETRY_AFTER[usize::from(program == "two")];
        let (made, after) = (retry::attempts_counted(task), Some(Duration::from_secs(after)));
        let limit = |attempt: &Attempt| self.providers.limit(attempt, &POLICY, 0.5, after, now);
        let limits = task.last().filter(|_| is_limited).map(limit);
        let (goes_on, why) = kind.map_or((false, None), |kind| {
            let (again, why) = retry::should_retry(made, kind, None, &POLICY);
            (again, (!again).then_some(why))
        });
        let not_before = now.plus(retry::delay(&POLICY, made, 0.5, after));
        let outcome = if is_limited { Outcome::Failed } else { Outcome::Succeeded };
        let mut event = ended(&format!("a{place}"), number, outcome, None);
        if let Event::AttemptEnded { error_kind, again, not_again, limited, .. } = &mut event {
            (*error_kind, *not_again, *limited) = (kind, why, limits);
            *again = goes_on.then(|| Again { not_before, reason: "auto_retry".into() });
        }
        self.run.apply(now, &event).unwrap();
        let task = &self.run.tasks[place];
        let freed = self.providers.note_ended(task.last().unwrap());
        if is_limited {
            self.limited.insert(program, self.awake);
        } else if self.limited.get(&program).is_some_and(|at| work.began >= *at) {
            self.limited.remove(&program);
        }
        if dead_letter::after_end(task, kind, why).is_some() {
            self.give_up();
        }
        if let Some(freed) = freed {
            self.schedule.put_on(&self.run, |task| Providers::is_for(task, &freed));
        }
        match goes_on {
            true => self.schedule.note_queued(&self.run, place),
            false => self.schedule.note_settled(&self.run, place),
        }
    }

    fn look_for_life(&mut self) {
        let quiet = |place: usize, work: &AtWork| {
            let silent_for = self.awake.saturating_sub(10 * HOUR);
            // Two of them come to life again.
            let is_silent = SILENT.contains(&place) && (place >= 152 || silent_for < 20 * MINUTE);
            let quiet = if is_silent { silent_for } else { self.awake % 20 };
            Duration::from_secs(quiet.min(self.awake - work.began))
        };
        let sign = |(place, work): (&usize, &AtWork)| Sign {
            place: *place,
            attempt: 1,
            occupied: Occupied::Works,
            quiet: quiet(*place, work),
        };
        let signs: Vec<Sign> = self.at_work.iter().map(sign).collect();
        let look = self.watch.look(Duration::from_secs(self.awake), &signs, &self.thresholds);
        self.beats.extend(look.beats.then_some(self.awake));
        for place in look.dead {
            self.dead.push((place, self.awake));
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.letters.push(self.now());
        if let Some(count) = dead_letter::piled_up(&self.letters, self.piled_up, self.now()) {
            self.piled_up = Some(self.now());
            self.tell(&Event::DeadLettersPiledUp { count });
        }
    }

    fn tell(&mut self, event: &Event) {
        let words = Redactor::default();
        let about = notice::About { short: "7k2".into(), repository: "/repo".into(), words };
        let notice = notice::of_event(&self.run, &about, (self.now(), event), false).unwrap();
        let clocks = clocks(self.awake);
        let minute = (clocks.wall.0 / 60_000).rem_euclid(24 * 60) as u16;
        if notice::is_told(&self.policy, &notice, &mut self.told, clocks.running, minute) {
            self.notices.push((notice.kind, self.awake / MINUTE));
        }
    }
}

#[test]
fn a_day_of_two_hundred_agents_ends_with_everything_told_once_and_nobody_forgotten() {
    let mut day = Day::begin();
    // The machine slept for an hour of the twenty-four.
    for awake in (0..23 * HOUR).step_by(STEP as usize) {
        day.awake = awake;
        day.look();
    }
    let Day { run, beats, dead, notices, at_work, .. } = &day;
    assert!(at_work.is_empty() && day.schedule.next_wake().is_none() && !day.schedule.has_ready());
    let (failed, others): (Vec<_>, Vec<_>) =
        run.tasks.iter().partition(|task| task.state == TaskState::Failed);
    assert!(others.iter().all(|task| task.state == TaskState::Completed));
    // All that were given up were tried three times in the two hours, and met the limit each time.
    let limits = |attempts: &[Attempt]| attempts.iter().filter(|attempt| attempt.limited.is_some()).count();
    assert!(failed.iter().all(|task| (task.attempts.len(), limits(&task.attempts)) == (3, 3)));
    assert_eq!(day.letters.len(), failed.len() + SILENT.len());
    assert!(failed.len() > 3, "{}", failed.len());
    // The one that waited as the clock was set back went on when its time had come.
    let waited = &run.tasks[157].attempts;
    assert_eq!(waited.len(), 2);
    let pause = (waited[1].started_at.0 - waited[0].ended_at.unwrap().0) / 1000 + 2 * HOUR as i64;
    assert!((0..=STEP as i64).contains(&(pause - RETRY_AFTER[1] as i64)), "{pause} s");
    assert!(beats.windows(2).all(|two| two[1] - two[0] <= 30), "every half minute that it is awake");
    assert_eq!(day.gaps, 2);
    let at: BTreeSet<u64> = dead.iter().map(|(_, at)| *at).collect();
    let places: Vec<usize> = dead.iter().map(|(place, _)| *place).collect();
    assert_eq!((places.as_slice(), at), (SILENT.as_slice(), BTreeSet::from([10 * HOUR + 6 * MINUTE])));
    let of = |kind| notices.iter().filter(move |(told, _)| *told == kind).map(|(_, minute)| minute / 60);
    // What is urgent is told at night too, and not twice within the hour.
    let alerts: Vec<u64> = of(Kind::DeadLetters).collect();
    assert!(matches!(alerts[..], [3 | 4, 10] | [3 | 4, 4, 10]), "{alerts:?}");
    // Of what waits every hour, only by day: the clock says seven at 7:00, and ten in the evening two hours late.
    assert_eq!(of(Kind::Waiting).collect::<Vec<_>>(), (7..23).collect::<Vec<_>>());
}
