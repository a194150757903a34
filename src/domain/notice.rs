//! What people are told who do not watch: a run has ended, somebody has to decide, too much was given up.
//!
//! What is told is decided here: of what kind, how urgent, not twice in a short time, and not at night. How it is told is
//! `runner`'s.

use super::event::Event;
use super::id::RunId;
use super::redact::Redactor;
use super::run::{Run, RunStatus};
use super::settings::{self, Settings};
use super::time::Time;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::Duration;

/// The most characters of a notice's title, and of its text.
const MAX_TITLE: usize = 100;
const MAX_TEXT: usize = 300;
/// The most notices that are remembered to tell none twice.
const MAX_TOLD: usize = 256;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A run has ended.
    Settled,
    /// A person has to decide, and is not being asked at a terminal.
    Waiting,
    /// Too many tasks were given up.
    DeadLetters,
}

impl Kind {
    /// Every kind, by the name that the settings use.
    pub const NAMES: [&str; 3] = ["settled", "waiting", "dead_letters"];

    /// Returns the name that the settings use.
    pub fn name(self) -> &'static str {
        Kind::NAMES[self as usize]
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    /// It is told at night too.
    Urgent,
}

impl Severity {
    /// Every severity, by the name that the settings use; the least first.
    pub const NAMES: [&str; 3] = ["info", "warning", "urgent"];

    /// Returns the name that the settings use.
    pub fn name(self) -> &'static str {
        Severity::NAMES[self as usize]
    }

    fn parse(name: &str) -> Option<Severity> {
        let all = [Severity::Info, Severity::Warning, Severity::Urgent];
        all.into_iter().find(|severity| severity.name() == name)
    }
}

/// Something to tell a person. It is harmless and without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    pub kind: Kind,
    pub severity: Severity,
    pub run: String,
    /// Where the run is.
    pub repository: String,
    /// When it happened.
    pub at: Time,
    pub title: String,
    pub text: String,
    /// Where the run stands, where it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<RunStatus>,
    /// The gate that is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
}

/// What all that is told of a run has in common.
#[derive(Clone, Debug)]
pub struct About {
    /// The run's id as people type it.
    pub short: String,
    pub repository: String,
    /// Hides secrets.
    pub words: Redactor,
}

/// Returns what is told of an event. `asked` tells whether a person is being asked at a terminal.
pub fn of_event(run: &Run, about: &About, (at, event): (Time, &Event), asked: bool) -> Option<Notice> {
    let About { short, repository, words } = about;
    let notice = |kind, severity, title: &str, text: &str| Notice {
        kind,
        severity,
        run: run.id.to_string(),
        repository: repository.clone(),
        at,
        title: words.line(title, MAX_TITLE),
        text: words.line(text, MAX_TEXT),
        state: None,
        gate: None,
    };
    match event {
        // Whoever it waits for has been told by its gates.
        Event::RunEnded { state: RunStatus::AwaitingInput } => None,
        Event::RunEnded { state } => {
            let severity = match state {
                RunStatus::Failed | RunStatus::NeedsReview | RunStatus::Interrupted => Severity::Warning,
                _ => Severity::Info,
            };
            let title = format!("run {short} {}", state.words());
            Some(Notice { state: Some(*state), ..notice(Kind::Settled, severity, &title, &run.goal) })
        }
        Event::GateOpened { gate, task, about, .. } if !asked => {
            let title = format!("run {short} waits for you");
            let text = format!("{gate} of {task}: {}", about.words());
            let gate = Some(gate.to_string());
            Some(Notice { gate, ..notice(Kind::Waiting, Severity::Warning, &title, &text) })
        }
        Event::DeadLettersPiledUp { count } => {
            let title = format!("{count} tasks were given up within the hour");
            Some(notice(Kind::DeadLetters, Severity::Urgent, &title, "crew deadletter list shows them"))
        }
        _ => None,
    }
}

/// Returns what is told where crew itself could not go on with a run, and says why; nothing of it is lost.
pub fn of_failure(run: &RunId, about: &About, at: Time, why: &str) -> Notice {
    let About { short, repository, words } = about;
    Notice {
        kind: Kind::Settled,
        severity: Severity::Warning,
        run: run.to_string(),
        repository: repository.clone(),
        at,
        title: words.line(&format!("run {short} was cut off: crew could not go on"), MAX_TITLE),
        text: words.line(why, MAX_TEXT),
        state: Some(RunStatus::Interrupted),
        gate: None,
    }
}

/// A time of each day in which only what is urgent is told; minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: u16,
    /// Not in it any more.
    to: u16,
}

impl QuietHours {
    /// Reads `22:00-07:00`.
    pub fn parse(text: &str) -> Option<QuietHours> {
        let minutes = |text: &str| {
            let (hour, minute) = text.trim().split_once(':')?;
            let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            if !digits(hour) || !digits(minute) {
                return None;
            }
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        (from != to).then_some(QuietHours { from, to })
    }

    /// Tells whether a minute of the day is in it; it may go over midnight.
    pub fn covers(&self, minute: u16) -> bool {
        match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        }
    }
}

/// What is told, and how, by the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub desktop: bool,
    /// For a shell; an empty one is none.
    pub command: String,
    /// An empty one is none.
    pub webhook: String,
    pub kinds: Vec<String>,
    pub least: Severity,
    /// The same is not told twice in it.
    pub dedup: Duration,
    pub quiet_hours: Option<QuietHours>,
    /// For each way of telling.
    pub timeout: Duration,
}

impl Policy {
    /// Takes it from the settings, which have been checked.
    pub fn of(settings: &Settings) -> Policy {
        Policy {
            desktop: settings.flag(&settings::NOTIFY_DESKTOP),
            command: settings.text(&settings::NOTIFY_COMMAND),
            webhook: settings.text(&settings::NOTIFY_WEBHOOK),
            kinds: settings.names(&settings::NOTIFY_KINDS),
            least: Severity::parse(&settings.text(&settings::NOTIFY_LEAST)).unwrap_or(Severity::Info),
            dedup: Duration::from_secs(settings.number(&settings::NOTIFY_DEDUP)),
            quiet_hours: QuietHours::parse(&settings.text(&settings::NOTIFY_QUIET_HOURS)),
            timeout: Duration::from_secs(settings.number(&settings::NOTIFY_TIMEOUT)),
        }
    }

    /// Tells whether there is any way to tell.
    pub fn tells(&self) -> bool {
        self.desktop || !self.command.is_empty() || !self.webhook.is_empty()
    }
}

/// Checks a value of the settings for which its form is not enough.
pub fn check(key: &str, value: &serde_json::Value) -> Result<(), String> {
    let text = value.as_str().unwrap_or_default();
    let names: Vec<&str> = value.as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let expected = match key {
        "notify.webhook" if !is_url(text) && !text.is_empty() => {
            "an address such as https://host/path, or empty"
        }
        "notify.quiet_hours" if QuietHours::parse(text).is_none() && !text.is_empty() => {
            "two times of the day such as 22:00-07:00, or empty"
        }
        "notify.least" if Severity::parse(text).is_none() => "info, warning or urgent",
        "notify.kinds" if names.iter().any(|name| !Kind::NAMES.contains(name)) => {
            "a list of settled, waiting and dead_letters"
        }
        _ => return Ok(()),
    };
    Err(format!("{key} has to be {expected}, not {value}"))
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        && !text.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// What was told a short time ago.
#[derive(Clone, Debug, Default)]
pub struct Told {
    told: VecDeque<(Duration, (Kind, String, String))>,
}

/// Decides whether a notice is told, at `now` on a clock that only goes forward, in that minute of the day.
pub fn is_told(policy: &Policy, notice: &Notice, told: &mut Told, now: Duration, minute: u16) -> bool {
    let is_night = policy.quiet_hours.is_some_and(|hours| hours.covers(minute));
    let wanted = policy.kinds.iter().any(|kind| kind == notice.kind.name())
        && notice.severity >= policy.least
        && (!is_night || notice.severity == Severity::Urgent);
    if !wanted {
        return false;
    }
    while told.told.pop_front_if(|(at, _)| now.saturating_sub(*at) >= policy.dedup).is_some() {}
    // Several gates of a run wait for the same person.
    let same = (notice.kind, notice.run.clone(), notice.title.clone());
    if told.told.iter().any(|(_, known)| *known == same) {
        return false;
    }
    if told.told.len() >= MAX_TOLD {
        told.told.pop_front();
    }
    told.told.push_back((now, same));
    true
}

#[cfg(test)]
mod tests {
    use super::super::id::TaskId;
    use super::super::run::tests::{run_of, spec};
    use super::*;
    use serde_json::json;

    fn policy() -> Policy {
        Policy::of(&Settings::default())
    }

    fn notice(severity: Severity, text: &str) -> Notice {
        Notice {
            kind: Kind::Settled,
            severity,
            run: "7k2".into(),
            repository: "/repo".into(),
            at: Time(0),
            title: text.into(),
            text: String::new(),
            state: None,
            gate: None,
        }
    }

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = QuietHours::parse("22:00-07:00").unwrap();
        let noon = QuietHours::parse("12:00-13:30").unwrap();
        let rows = [
            (0, true, false),
            (7 * 60 - 1, true, false),
            (7 * 60, false, false),
            (12 * 60, false, true),
            (13 * 60 + 29, false, true),
            (13 * 60 + 30, false, false),
            (22 * 60 - 1, false, false),
            (22 * 60, true, false),
            (24 * 60 - 1, true, false),
        ];
        for (minute, at_night, at_noon) in rows {
            assert_eq!((night.covers(minute), noon.covers(minute)), (at_night, at_noon), "{minute}");
        }
        for text in
            ["", "22-7", "22:00", "24:00-07:00", "22:00-22:00", "22:60-07:00", "2:00-07:00", "+2:00-07:00"]
        {
            assert_eq!(QuietHours::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_same_is_not_told_twice_in_a_short_time_and_told_again_after_it() {
        let (policy, mut told) = (policy(), Told::default());
        let mut at = |seconds: u64, text: &str| {
            let notice = notice(Severity::Info, text);
            is_told(&policy, &notice, &mut told, Duration::from_secs(seconds), 0)
        };
        // What was not told does not make it longer until it is.
        let rows = [
            (0, "a", true),
            (1, "b", true),
            (29, "a", false),
            (30, "a", true),
            (59, "a", false),
            (60, "b", true),
        ];
        for (seconds, text, expected) in rows {
            assert_eq!(at(seconds, text), expected, "{text} at {seconds} s");
        }
    }

    #[test]
    fn a_flood_of_notices_is_not_remembered_for_ever() {
        let (policy, mut told) = (policy(), Told::default());
        for number in 0..10_000 {
            is_told(&policy, &notice(Severity::Info, &number.to_string()), &mut told, Duration::ZERO, 0);
        }
        assert!(told.told.len() <= MAX_TOLD);
    }

    #[test]
    fn kind_severity_and_the_night_decide_what_is_told() {
        let strict = Policy { least: Severity::Warning, ..policy() };
        let other = Policy { kinds: vec!["waiting".into()], ..policy() };
        let night = Policy { quiet_hours: QuietHours::parse("22:00-07:00"), ..policy() };
        let rows = [
            (&strict, Severity::Info, 720, false),
            (&strict, Severity::Warning, 720, true),
            (&other, Severity::Urgent, 720, false),
            (&night, Severity::Warning, 60, false),
            (&night, Severity::Urgent, 60, true),
            (&night, Severity::Info, 720, true),
        ];
        for (policy, severity, minute, expected) in rows {
            let told = is_told(policy, &notice(severity, "x"), &mut Told::default(), Duration::ZERO, minute);
            assert_eq!(told, expected, "{severity:?} at {minute}");
        }
    }

    #[test]
    fn a_notice_says_what_ended_and_what_waits_and_nothing_secret() {
        let mut run = run_of(vec![spec("a", &[])]);
        let key = format!("ghp_{}", "a8Kx2Qz7".repeat(4));
        run.goal = format!("use {key}\u{1b}[31m");
        let about = About { short: "7k2".into(), repository: "/repo".into(), words: Redactor::default() };
        let ended = |state| of_event(&run, &about, (Time(7), &Event::RunEnded { state }), false);
        let failed = ended(RunStatus::Failed).unwrap();
        assert_eq!((failed.title.as_str(), failed.severity), ("run 7k2 failed", Severity::Warning));
        assert_eq!((failed.repository.as_str(), failed.at), ("/repo", Time(7)));
        assert!(!failed.text.contains(&key) && !failed.text.contains('\u{1b}'), "{}", failed.text);
        assert_eq!(ended(RunStatus::Completed).unwrap().severity, Severity::Info);
        assert_eq!(ended(RunStatus::AwaitingInput), None, "its gate has told that");
        let gate = json!({"kind": "gate_opened", "task": "a", "gate": 1, "about": "result", "summary": "s"});
        let gate: Event = serde_json::from_value(gate).unwrap();
        assert_eq!(gate.task(), TaskId::parse("a").as_ref());
        let waiting = of_event(&run, &about, (Time(7), &gate), false).unwrap();
        assert_eq!((waiting.text.as_str(), waiting.gate.as_deref()), ("g1 of a: is it done: s", Some("g1")));
        assert_eq!(of_event(&run, &about, (Time(7), &gate), true), None, "somebody is being asked");
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        let bad = [
            ("notify.webhook", json!("ftp://x")),
            ("notify.webhook", json!("https://x y")),
            ("notify.quiet_hours", json!("late")),
            ("notify.least", json!("loud")),
            ("notify.kinds", json!(["settled", "all"])),
        ];
        for (key, value) in bad {
            assert!(check(key, &value).is_err(), "{key} {value}");
        }
        let good = [
            ("notify.webhook", json!("https://x/y")),
            ("notify.quiet_hours", json!("")),
            ("notify.kinds", json!([])),
        ];
        good.iter().for_each(|(key, value)| check(key, value).unwrap());
    }
}
