//! Prints by threads of their own, so that nobody waits for a reader.
//!
//! A pager that stands still, a log that hangs, ctrl-S at a terminal: whoever writes there waits. A process that carries a
//! run out must not, for its agents go on and its limits run.
//!
//! # How it works
//!
//! Until [`take_over`], printing is direct. From then on each of the two streams has a queue, and a thread that writes it from
//! its first line on. Lines stay in their order, up to a bound; how many are left out because nobody read is said where it
//! goes on. What changes all the time is one picture, and only the newest counts. Once the report begins, nothing is left
//! out, and what goes to one stream waits for what went to the other before, so that both read well at one terminal; how long
//! is bounded by how long a reader takes nothing at all. A stream that is closed takes nothing more, and is no error.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// The most lines that wait for a reader.
const MAX_LINES: usize = 2_000;
/// The most lines that are held back while a view has the whole terminal.
const MAX_HELD: usize = 1_000;
/// The most bytes that are written at once; each is a sign that somebody reads.
const PIECE: usize = 4_096;
/// How long a reader of standard error may take nothing while it is waited for.
const PATIENCE_TOLD: Duration = Duration::from_secs(5);
/// How long a reader of data may.
const PATIENCE_DATA: Duration = Duration::from_secs(30);

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Out,
    Err,
}

/// Draws at a terminal.
pub type Draw = Box<dyn FnOnce() + Send>;

enum Item {
    Line(String),
    Drawn(Draw),
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    /// How many items were left out because nobody read.
    left_out: usize,
    /// The newest picture of what goes on, where it has not been drawn.
    picture: Option<Draw>,
    has_thread: bool,
    /// The thread is writing.
    busy: bool,
    /// Grows with each piece that was taken.
    taken: u64,
    /// A reader took nothing for so long that it is not waited for any more.
    is_stuck: bool,
    /// Nobody can read it any more.
    is_closed: bool,
    /// Why it could not be written, where it is not that.
    failure: Option<Errno>,
    /// How many more bytes may be written, where that is bounded.
    room: Option<usize>,
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.items.is_empty() && self.left_out == 0 && self.picture.is_none() && !self.busy
    }
}

struct Stream {
    to: To,
    /// A terminal reads it. Asked at the beginning: one that has gone says no.
    is_terminal: bool,
    queue: Mutex<Queue>,
    changed: Condvar,
}

struct Screen {
    out: Stream,
    err: Stream,
    /// The report has begun.
    reports: AtomicBool,
}

static SCREEN: OnceLock<Screen> = OnceLock::new();

/// Lets threads print from now on, in this process.
pub fn take_over() {
    let stream = |to| {
        let is_terminal = match to {
            To::Out => io::stdout().is_terminal(),
            To::Err => io::stderr().is_terminal(),
        };
        Stream { to, is_terminal, queue: Mutex::default(), changed: Condvar::new() }
    };
    SCREEN.get_or_init(|| Screen {
        out: stream(To::Out),
        err: stream(To::Err),
        reports: AtomicBool::new(false),
    });
}

/// Lets at most so many more bytes be written to a stream; what comes after that is left out.
pub fn bound(to: To, bytes: usize) {
    if let Some(screen) = SCREEN.get() {
        screen.stream(to).lock().room = Some(bytes);
    }
}

/// Prints a line above what is drawn at the terminal.
pub type Above = Arc<dyn Fn(&str) + Send + Sync>;

static ABOVE: Mutex<Option<Above>> = Mutex::new(None);

/// Says how a line is printed above what is drawn at the terminal from now on; with `None`, nothing is drawn there any more.
pub fn draw_above(above: Option<Above>) {
    *ABOVE.lock().unwrap_or_else(PoisonError::into_inner) = above;
}

/// Lines for standard error that wait until a view gives the terminal back, and how many there was no room for.
static HELD: Mutex<Option<(VecDeque<String>, usize)>> = Mutex::new(None);

/// Holds lines for standard error back from now on, where they would stand in a picture that takes the whole terminal.
pub fn hold_back() {
    if io::stderr().is_terminal() {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default();
    }
}

/// Returns what was held back, a line each, and holds nothing back any more. Of very many lines the newest are there.
pub fn let_go() -> String {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((lines, left_out)) = held else { return String::new() };
    let gap = (left_out > 0).then(|| format!("... {left_out} lines were logged before these\n"));
    gap.into_iter().chain(lines.into_iter().map(|line| line + "\n")).collect()
}

/// Takes a line for standard error that may come at any time and from anywhere: what is drawn there stays whole. Gives it
/// back where this process prints by itself.
pub fn put_above(line: String) -> Result<(), String> {
    if let Some((lines, left_out)) = &mut *HELD.lock().unwrap_or_else(PoisonError::into_inner) {
        lines.push_back(line);
        while lines.len() > MAX_HELD {
            lines.pop_front();
            *left_out += 1;
        }
        return Ok(());
    }
    let above = ABOVE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match (above, SCREEN.get()) {
        (Some(above), Some(screen)) => screen.put(To::Err, Item::Drawn(Box::new(move || above(&line)))),
        (Some(above), None) => above(&line),
        (None, _) => return put(To::Err, line),
    }
    Ok(())
}

/// Takes a line to be printed. Gives it back where this process prints by itself.
pub fn put(to: To, line: String) -> Result<(), String> {
    let Some(screen) = SCREEN.get() else { return Err(line) };
    screen.put(to, Item::Line(line));
    Ok(())
}

/// Has something printed at the terminal in its turn.
pub fn draw(draw: Draw) {
    if let Some(screen) = SCREEN.get() {
        screen.put(To::Err, Item::Drawn(draw));
    }
}

/// Has a picture of what goes on drawn, in place of one that was not drawn yet.
pub fn show(picture: Draw) {
    let Some(screen) = SCREEN.get() else { return };
    let mut queue = screen.err.lock();
    queue.picture = Some(picture);
    screen.err.wake(queue);
}

/// Begins with what is printed at the end, of which nothing is left out.
pub fn report() {
    if let Some(screen) = SCREEN.get() {
        screen.reports.store(true, Ordering::Relaxed);
    }
}

/// Waits until all is printed, as long as somebody reads it. Data that could not be written is an error, unless whoever
/// read it has gone.
pub fn close() -> io::Result<()> {
    let Some(screen) = SCREEN.get() else { return Ok(()) };
    screen.err.settle();
    screen.out.settle();
    let failure = screen.out.lock().failure;
    failure.map_or(Ok(()), |error| Err(error.into()))
}

impl Screen {
    fn stream(&'static self, to: To) -> &'static Stream {
        match to {
            To::Out => &self.out,
            To::Err => &self.err,
        }
    }

    fn put(&'static self, to: To, item: Item) {
        let reports = self.reports.load(Ordering::Relaxed);
        if reports {
            self.stream(if to == To::Out { To::Err } else { To::Out }).settle();
        }
        let stream = self.stream(to);
        let mut queue = stream.lock();
        // Once something is left out, so is what follows, until all before it was taken and that could be said.
        if !reports && (queue.left_out > 0 || queue.items.len() >= MAX_LINES) {
            queue.left_out += 1;
        } else {
            queue.items.push_back(item);
        }
        stream.wake(queue);
    }
}

impl Stream {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&'static self, mut queue: MutexGuard<'_, Queue>) {
        if queue.is_closed {
            (queue.items, queue.left_out, queue.picture) = Default::default();
        } else if !queue.has_thread {
            let thread = std::thread::Builder::new().name("screen".into()).spawn(|| self.write());
            // Where there can be no thread, nothing is printed, and the run goes on.
            (queue.has_thread, queue.is_stuck) = (true, thread.is_err());
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Waits until all of it is printed, or a reader takes nothing for too long.
    fn settle(&self) {
        let patience = if self.to == To::Out { PATIENCE_DATA } else { PATIENCE_TOLD };
        let mut queue = self.lock();
        while !queue.is_idle() && !queue.is_stuck {
            let taken = queue.taken;
            let waited = self
                .changed
                .wait_timeout_while(queue, patience, |queue| queue.taken == taken && !queue.is_idle());
            let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = again;
            queue.is_stuck |= timeout.timed_out();
        }
    }

    fn write(&self) {
        loop {
            let mut queue = self.lock();
            queue.busy = false;
            self.changed.notify_all();
            queue = self
                .changed
                .wait_while(queue, |queue| queue.is_idle())
                .unwrap_or_else(PoisonError::into_inner);
            queue.busy = true;
            let item = queue.items.pop_front();
            let left_out = if item.is_none() { std::mem::take(&mut queue.left_out) } else { 0 };
            let picture = if item.is_none() { queue.picture.take() } else { None };
            drop(queue);
            match item {
                Some(Item::Line(line)) => self.print(&line),
                Some(Item::Drawn(draw)) => draw(),
                None if left_out > 0 => self.print(&format!("({left_out} lines left out: nobody read them)")),
                None => {}
            }
            if let Some(draw) = picture {
                draw();
            }
            self.note_taken();
        }
    }

    /// Returns what may be written of a text: all of it, or that no more is kept, once.
    fn cut_to_room(&self, text: String) -> Option<String> {
        let mut queue = self.lock();
        let Some(room) = &mut queue.room else { return Some(text) };
        match room.checked_sub(text.len()) {
            Some(left) => {
                *room = left;
                Some(text)
            }
            None if *room == 0 => None,
            None => {
                *room = 0;
                Some("(no more is kept here)\n".into())
            }
        }
    }

    fn note_taken(&self) {
        self.lock().taken += 1;
        self.changed.notify_all();
    }

    fn print(&self, line: &str) {
        let text = format!("{line}\n");
        let Some(text) = self.cut_to_room(text) else { return };
        for piece in text.as_bytes().chunks(PIECE) {
            let written = match self.to {
                To::Out => write_all(&io::stdout(), piece),
                To::Err => write_all(&io::stderr(), piece),
            };
            if let Err(error) = written {
                // Whoever read has gone, or the disk is full: so goes what waits for it.
                let mut queue = self.lock();
                (queue.items, queue.left_out, queue.picture) = Default::default();
                queue.is_closed = true;
                queue.failure = Some(error).filter(|error| !has_gone(*error, self.is_terminal));
                return;
            }
            self.note_taken();
        }
    }
}

/// Tells whether an error says that whoever read has gone. A terminal that was closed says so as a disk says that it is broken.
fn has_gone(error: Errno, is_terminal: bool) -> bool {
    error == Errno::PIPE || (error == Errno::IO && is_terminal)
}

/// Writes past the locks of the standard library: who prints directly at the very end must not wait for us.
fn write_all(stream: &impl std::os::fd::AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Somebody else made it so that it does not wait.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(stream, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_broken_is_no_reader_that_has_gone() {
        assert!(has_gone(Errno::PIPE, false) && has_gone(Errno::PIPE, true) && has_gone(Errno::IO, true));
        assert!(!has_gone(Errno::IO, false) && !has_gone(Errno::NOSPC, true));
    }
}
