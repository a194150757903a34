//! Where a long text goes: to the user's pager where standard output is a terminal, else straight out.

use super::printer::{Printer, Tone};
use crate::domain::words::revealed_line;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

/// Takes the lines of a text.
pub struct Pager {
    printer: Printer,
    to: To,
    /// The lines that come belong to a file's text, and not to what stands above it.
    in_hunk: bool,
}

enum To {
    Pager(Child, BufWriter<ChildStdin>),
    Terminal(StdoutLock<'static>),
    /// A pipe or a file: what is written there is what it is.
    Elsewhere(BufWriter<StdoutLock<'static>>),
}

impl Pager {
    /// Begins a text. `program` is the user's pager, as a shell reads it.
    pub fn open(printer: Printer, program: Option<&str>) -> Pager {
        let out = io::stdout().lock();
        let to = match out.is_terminal() {
            false => To::Elsewhere(BufWriter::new(out)),
            true => match program.and_then(started) {
                Some((child, stdin)) => To::Pager(child, BufWriter::new(stdin)),
                None => To::Terminal(out),
            },
        };
        Pager { printer, to, in_hunk: false }
    }

    /// Tells whether a person reads it.
    pub fn is_read(&self) -> bool {
        !matches!(self.to, To::Elsewhere(_))
    }

    /// Writes a line of crew's own.
    pub fn heading(&mut self, line: &str) -> io::Result<()> {
        self.in_hunk = false;
        let line = if self.is_read() { self.printer.tint(Tone::Attention, line) } else { line.to_owned() };
        self.put(format!("{line}\n").as_bytes())
    }

    /// Writes a line of a patch or a list, as git says it. What a person reads is coloured here and not by git: in what
    /// git colours, nobody can tell its colours from those that a file holds.
    pub fn line(&mut self, line: &[u8]) -> io::Result<()> {
        if !self.is_read() {
            return self.put(line);
        }
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
        let tone = self.tone_of(&text);
        let tinted = self.printer.tint(tone, &revealed_line(&text));
        self.put(format!("{tinted}\n").as_bytes())
    }

    fn tone_of(&mut self, line: &str) -> Tone {
        self.in_hunk = (self.in_hunk && !line.starts_with("diff --git ")) || line.starts_with("@@ ");
        match line.as_bytes().first() {
            Some(b'@') if self.in_hunk => Tone::Faint,
            Some(b'+') if self.in_hunk => Tone::Good,
            Some(b'-') if self.in_hunk => Tone::Bad,
            _ if line.starts_with("diff --git ") => Tone::Attention,
            _ => Tone::Plain,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.to {
            To::Pager(_, stdin) => stdin.write_all(bytes),
            To::Terminal(out) => out.write_all(bytes),
            To::Elsewhere(out) => out.write_all(bytes),
        }
    }

    /// Ends the text and waits until the user has read it.
    pub fn close(self) -> io::Result<()> {
        match self.to {
            To::Terminal(mut out) => out.flush(),
            To::Elsewhere(mut out) => out.flush(),
            To::Pager(mut child, mut stdin) => {
                let flushed = stdin.flush();
                drop(stdin);
                child.wait()?;
                flushed
            }
        }
    }
}

/// Starts a pager; none where there is none to start.
fn started(program: &str) -> Option<(Child, ChildStdin)> {
    if ["", "cat"].contains(&program.trim()) {
        return None;
    }
    let mut command = Command::new("sh");
    command.args(["-c", program]).stdin(Stdio::piped());
    // As git does it: a short text needs no pager, colours are shown, and the text stays when it is left.
    for (name, value) in [("LESS", "FRX"), ("LV", "-c")] {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let mut child = command.spawn().ok()?;
    // Ctrl-C at the terminal is the pager's, as long as it is open.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::default());
    let stdin = child.stdin.take()?;
    Some((child, stdin))
}
