//! Where output goes, and whether it is coloured.

use super::screen::{self, To};
use crate::domain::run::RunStatus;
use crate::domain::words::visible_json;
use std::io::{self, IsTerminal, Write};

/// How an outcome is coloured, as a second signal beside its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
    Attention,
    Faint,
}

/// Returns the colour of a run's state.
pub fn status_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed => Tone::Bad,
        RunStatus::NeedsReview | RunStatus::Interrupted | RunStatus::Cancelled | RunStatus::AwaitingInput => {
            Tone::Attention
        }
        RunStatus::Queued | RunStatus::Running => Tone::Plain,
    }
}

/// Prints data to standard output, and everything else to standard error.
#[derive(Clone, Copy, Debug)]
pub struct Printer {
    pub json: bool,
    pub quiet: bool,
    colour_out: bool,
    colour_err: bool,
    pub terminal_err: bool,
}

impl Printer {
    /// Looks at where the two streams go. `no_colour` is what NO_COLOR and TERM=dumb ask for.
    pub fn new(json: bool, quiet: bool, no_colour: bool) -> Printer {
        let terminal_err = io::stderr().is_terminal();
        Printer {
            json,
            quiet,
            colour_out: !no_colour && !json && io::stdout().is_terminal(),
            colour_err: !no_colour && terminal_err,
            terminal_err,
        }
    }

    /// Prints a line of data.
    pub fn data(&self, line: &str) -> io::Result<()> {
        match screen::put(To::Out, line.to_owned()) {
            // Whoever does not read it has gone, which is no failure of what is told.
            Ok(()) => Ok(()),
            Err(line) => writeln!(io::stdout().lock(), "{line}"),
        }
    }

    /// Prints a JSON value as data, on one line, in which nothing acts on a terminal.
    pub fn json(&self, value: &serde_json::Value) -> io::Result<()> {
        self.data(&visible_json(&value.to_string()))
    }

    /// Tells something that is no data; not with `--quiet`.
    pub fn tell(&self, line: &str) {
        if !self.quiet {
            self.warn(line);
        }
    }

    /// Tells something that has to be said even with `--quiet`.
    pub fn warn(&self, line: &str) {
        if let Err(line) = screen::put(To::Err, line.to_owned()) {
            // Who does not listen is not told.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// Tells whether what is shown on standard output is coloured.
    pub fn colours(&self) -> bool {
        self.colour_out
    }

    /// Colours text for standard output.
    pub fn tint(&self, tone: Tone, text: &str) -> String {
        tint(self.colour_out, tone, text)
    }

    /// Colours text for standard error.
    pub fn tint_err(&self, tone: Tone, text: &str) -> String {
        tint(self.colour_err, tone, text)
    }
}

fn tint(colour: bool, tone: Tone, text: &str) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => 32,
        Tone::Bad => 31,
        Tone::Attention => 33,
        Tone::Faint => 2,
    };
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Returns the width of the terminal that `stream` is, in columns.
pub fn width_of(stream: impl rustix::fd::AsFd) -> Option<u16> {
    rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0)
}
