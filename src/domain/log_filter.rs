//! How much is logged of which room: `info`, or `runner=debug,store=trace`.

use super::nearest::nearest;
use std::fmt;

/// How much is logged; each one holds those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    #[default]
    Off,
    /// What a person has to see to.
    Error,
    /// What went on all the same, and should not be like that.
    Warn,
    /// What was decided, and what was started and ended because of that.
    Info,
    /// Git's calls, locks, what was written, what woke whom.
    Debug,
    /// Each message.
    Trace,
}

impl Level {
    const ALL: [Level; 6] = [Level::Off, Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

    /// Returns the word by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    fn parse(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(name))
    }

    /// Returns the level that so many `-v` ask for.
    pub fn of_flags(flags: u8) -> Level {
        match flags {
            0 => Level::Off,
            1 => Level::Info,
            2 => Level::Debug,
            _ => Level::Trace,
        }
    }
}

/// The rooms that log something.
pub const ROOMS: [&str; 4] = ["commands", "runner", "store", "workspace"];

/// What is logged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of the rooms that are not named.
    pub rest: Level,
    pub rooms: Vec<(&'static str, Level)>,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: String,
}

impl Filter {
    /// Reads `LEVEL`, `ROOM=LEVEL`, or several of them with commas between; the last word on a room counts.
    pub fn parse(text: &str) -> Result<Filter, Problem> {
        let mut filter = Filter::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((room, level)) = part.split_once('=') else {
                filter.rest = read_level(part)?;
                continue;
            };
            let (room, level) = (room.trim(), level.trim());
            let known = ROOMS.into_iter().find(|known| *known == room).ok_or_else(|| Problem {
                message: format!("there is no room `{room}` that logs something"),
                hint: suggestion(room, &ROOMS),
            })?;
            let level = read_level(level)?;
            filter.rooms.retain(|(room, _)| *room != known);
            filter.rooms.push((known, level));
        }
        Ok(filter)
    }

    /// Logs at least so much of the rooms that are not named.
    pub fn at_least(mut self, level: Level) -> Filter {
        self.rest = self.rest.max(level);
        self
    }

    /// Tells whether nothing at all is logged.
    pub fn is_off(&self) -> bool {
        self.rest == Level::Off && self.rooms.iter().all(|(_, level)| *level == Level::Off)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rest.name())?;
        self.rooms.iter().try_for_each(|(room, level)| write!(f, ",{room}={}", level.name()))
    }
}

fn read_level(name: &str) -> Result<Level, Problem> {
    Level::parse(name).ok_or_else(|| Problem {
        message: format!("`{name}` is no level of logging"),
        hint: suggestion(name, &Level::ALL.map(Level::name)),
    })
}

fn suggestion(wrong: &str, names: &[&str]) -> String {
    match nearest(wrong, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it is one of {}, as in CREW_LOG=info or CREW_LOG=runner=debug", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_all_rooms_that_are_not_named() {
        let read = |text: &str| Filter::parse(text).unwrap();
        assert_eq!(read("info"), Filter { rest: Level::Info, rooms: vec![] });
        let filter =
            read("store=warn, RUNNER=off,".replace("RUNNER", "runner").as_str()).at_least(Level::Debug);
        assert_eq!(filter.rest, Level::Debug);
        assert_eq!(filter.rooms, [("store", Level::Warn), ("runner", Level::Off)]);
        assert_eq!(filter.to_string(), "debug,store=warn,runner=off");
        assert_eq!(read(&filter.to_string()), filter);
        assert_eq!(read("store=info,store=Trace").rooms, [("store", Level::Trace)]);
        assert!(read("").is_off() && read("off,store=off").is_off() && !read("store=error").is_off());
        assert_eq!(
            [0, 1, 2, 3, 9].map(Level::of_flags).map(Level::name),
            ["off", "info", "debug", "trace", "trace"]
        );
    }

    #[test]
    fn what_is_wrong_names_what_was_probably_meant() {
        let hint = |text: &str| Filter::parse(text).unwrap_err().hint;
        assert_eq!(hint("debgu"), "did you mean `debug`?");
        assert_eq!(hint("runer=info"), "did you mean `runner`?");
        assert_eq!(hint("runner=inof"), "did you mean `info`?");
        assert!(hint("7").starts_with("it is one of off, error, warn"));
        assert!(hint("kitchen=info").starts_with("it is one of commands, runner, store, workspace"));
    }
}
