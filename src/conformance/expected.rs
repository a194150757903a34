//! What crew knows of each agent's manners, as they were seen with the versions named here.

/// How an agent takes a signal that asks it to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heeds {
    /// It ends, with one of these exit codes.
    Ends(&'static [i32]),
    /// Now and then; crew kills what does not.
    Maybe,
}

/// What an agent does when its provider refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It ends with one of these exit codes.
    Exits(&'static [i32]),
    /// It tries again for a long time, and crew ends it.
    Retries,
}

/// The manners of one agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    pub after_401: Refused,
    pub after_429: Refused,
    pub term: Heeds,
    pub int: Heeds,
}

/// Returns what is expected of an agent.
pub fn of(agent: &str) -> Expected {
    use Heeds::{Ends, Maybe};
    use Refused::{Exits, Retries};
    let row = |after_401, after_429, term, int| Expected { after_401, after_429, term, int };
    match agent {
        // 2.1.197 takes ctrl-C for a good end.
        "claude" => row(Retries, Retries, Ends(&[143]), Ends(&[0])),
        // 0.169.0
        "codex" => row(Exits(&[1]), Exits(&[1]), Ends(&[143]), Ends(&[1])),
        // 0.61.0 ends at once where it waits for its model, and elsewhere may not heed a signal for 15 s; 145 is the HTTP status modulo 256.
        "gemini" => row(Exits(&[145]), Retries, Maybe, Maybe),
        // 1.18.33: both were seen.
        "opencode" => row(Exits(&[0, 1]), Retries, Maybe, Maybe),
        // 0.74.2
        "pi" => row(Exits(&[0]), Retries, Ends(&[143]), Ends(&[130])),
        _ => row(Retries, Retries, Maybe, Maybe),
    }
}
