//! Asks the person at the terminal whether to go on.

use super::exit::{ExitStatus, Problem};
use crate::ui::printer::Printer;
use std::io::{BufRead, IsTerminal, Write};

/// What the person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    Yes,
    No,
    /// Nobody sits at a terminal.
    Nothing,
}

/// Asks a question that `y` answers with yes, and everything else with no.
pub fn ask(printer: &Printer, question: &str) -> Said {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    if !std::io::stdin().is_terminal() || !printer.terminal_err || printer.json || in_ci {
        return Said::Nothing;
    }
    // What was typed before anything was asked decides nothing.
    let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match (read, line.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Said::Yes,
        _ => Said::No,
    }
}

/// Asks whether something is to be removed, where `--yes` has not said so already.
pub fn removal(printer: &Printer, yes: bool, what: &str) -> Said {
    if yes { Said::Yes } else { ask(printer, &format!("remove {what}?")) }
}

/// Says that nothing was removed because nobody was there to ask; `command` would do it without asking.
pub fn unasked(what: &str, command: &str) -> Problem {
    let message = format!("nothing was removed: taking {what} away needs a person's word");
    let problem = Problem { exit: ExitStatus::Waiting, ..Problem::refused("needs_a_word", message) };
    problem.hint(format!("{command} does it"))
}
