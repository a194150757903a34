//! Asks the person at the terminal of a run what waits for one, while nothing else goes on.
//!
//! What is typed goes the way of every decision: as a signed request into the run's inbox. So somebody else may decide
//! meanwhile in another shell, and the first decision stands.

use super::decide::name_of_person;
use crate::domain::gate::{About, Decision, Gate, GateId};
use crate::domain::person::{self, PersonAsk, What};
use crate::domain::request::Answer;
use crate::domain::run::Run;
use crate::domain::words::{clean_line, clean_text};
use crate::runner::clock;
use crate::store::inbox;
use crate::store::layout::Layout;
use crate::ui::printer::{Printer, Tone};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// The most bytes of a question that are shown.
const MAX_SHOWN: usize = 8_000;

/// Asks at the terminal.
pub struct Asking {
    printer: Printer,
    inbox: PathBuf,
    key: String,
    by: String,
    /// The gate that is being asked about, and where what was typed comes from.
    open: Option<(GateId, Receiver<Option<String>>)>,
    /// Where what is typed next comes from, when the gate that was asked about was decided elsewhere.
    idle: Option<Receiver<Option<String>>>,
    /// The person has other things to do: nothing is asked any more.
    declined: bool,
    /// Decided here, and not yet by the run, with the request that says so.
    sent: Vec<(GateId, String)>,
}

impl Asking {
    /// Asks where a person sits at a terminal; `None` in a pipe, in CI, or where nobody could be believed.
    pub fn at_terminal(
        printer: Printer,
        layout: &Layout,
        inbox: PathBuf,
        key: Option<&str>,
    ) -> Option<Asking> {
        let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let person = std::io::stdin().is_terminal() && printer.terminal_err && !printer.json && !in_ci;
        let key = key.filter(|_| person)?.to_owned();
        let by = name_of_person(layout);
        Some(Asking { printer, inbox, key, by, open: None, idle: None, declined: false, sent: Vec::new() })
    }

    /// Goes on with asking; tells whether it is worth waiting for.
    pub fn go_on(&mut self, run: &Run) -> bool {
        if let Some((gate, typed)) = self.open.take() {
            match typed.try_recv() {
                Err(TryRecvError::Empty) if is_open(run, gate) => {
                    self.open = Some((gate, typed));
                    return true;
                }
                Err(TryRecvError::Empty) => {
                    self.printer.warn(&format!("gate {gate} was decided meanwhile"));
                    self.idle = Some(typed);
                }
                Ok(Some(words)) if !words.trim().is_empty() => self.decide(run, gate, words.trim()),
                Ok(_) | Err(TryRecvError::Disconnected) => self.declined = true,
            }
        }
        if self.declined {
            return false;
        }
        self.hear_back();
        match run.open_gates().find(|gate| self.sent.iter().all(|(sent, _)| *sent != gate.id)) {
            Some(gate) => self.ask(gate),
            // What was decided is on its way.
            None => return true,
        }
        true
    }

    /// Takes in what came of what was typed: a gate for which that was refused is asked about once more.
    fn hear_back(&mut self) {
        let (inbox, printer) = (&self.inbox, &self.printer);
        self.sent.retain(|(_, request)| match inbox::take_answer(inbox, request) {
            Ok(answer) => {
                if let Some(Answer::Refused { message, hint, .. }) = &answer {
                    printer.warn(&format!("refused: {message}\nhint: {hint}"));
                }
                answer.is_none()
            }
            Err(error) => {
                printer.warn(&error.to_string());
                false
            }
        });
    }

    fn ask(&mut self, gate: &Gate) {
        // What was typed before anything was asked decides nothing.
        let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
        let words = clean_text(&gate.about.words(), MAX_SHOWN).replace('\n', "\n  ");
        let head = self.printer.tint_err(Tone::Attention, &format!("gate {}", gate.id));
        self.printer.warn(&format!("\n{head}  {}: {words}", gate.task));
        let how = match &gate.about {
            About::Question { options, default, .. } => {
                for (at, option) in options.iter().enumerate() {
                    let mark = if Some(option) == default.as_ref() { "  (default)" } else { "" };
                    self.printer.warn(&format!("  {}  {}{mark}", at + 1, clean_line(option, 400)));
                }
                "answer, or nothing to leave it for later:"
            }
            About::Start { .. } => "y approves, n rejects, nothing leaves it for later:",
            About::Plan { .. } | About::Result { .. } => {
                "y approves, n rejects, other words send it back, nothing leaves it for later:"
            }
        };
        self.printer.warn(&format!("  {how}"));
        if let Some(typed) = self.idle.take() {
            self.open = Some((gate.id, typed));
            return;
        }
        let (sender, typed) = channel();
        // It may wait for ever; the process does not wait for it.
        let reader = std::thread::Builder::new().name("asking".into()).spawn(move || {
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            let _ = sender.send(read.ok().filter(|length| *length > 0).map(|_| line));
        });
        match reader {
            Ok(_) => self.open = Some((gate.id, typed)),
            Err(_) => self.declined = true,
        }
    }

    fn decide(&mut self, run: &Run, gate: GateId, words: &str) {
        let Some(about) = run.gate(gate).filter(|gate| gate.decided.is_none()).map(|gate| &gate.about) else {
            return self.printer.warn(&format!("gate {gate} was decided meanwhile"));
        };
        let (decision, note) = match (about, words.to_lowercase().as_str()) {
            (About::Question { .. }, _) => (Decision::Answered { answer: words.to_owned() }, ""),
            (_, "y" | "yes") => (Decision::Approved, ""),
            (_, "n" | "no") => (Decision::Rejected, ""),
            (About::Start { .. }, _) => return self.printer.warn("type y or n"),
            _ => (Decision::SentBack, words),
        };
        let what = What::Decide { gate, decision };
        let ask = PersonAsk { run: run.id.clone(), by: self.by.clone(), note: note.to_owned(), what };
        let request = person::request(clock::new_token(), &self.key, ask);
        match inbox::put(&self.inbox, &request) {
            Ok(()) => self.sent.push((gate, request.id)),
            Err(error) => {
                self.printer.warn(&format!("{error}"));
                self.declined = true;
            }
        }
    }
}

fn is_open(run: &Run, gate: GateId) -> bool {
    run.gate(gate).is_some_and(|gate| gate.decided.is_none())
}
