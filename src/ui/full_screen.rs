//! A terminal that is taken over whole, and given back however this process ends.
//!
//! # How it works
//!
//! Cells are ratatui's: it knows what changed since the last picture and how wide characters are. What is written for that,
//! and the keys that are read, are dealt with here: of the libraries that do, the common one goes on reading for ever from a
//! terminal that has gone. One `poll` waits for keys, for signals, and for whoever has news; nothing else blocks. What is
//! written goes out in pieces that the terminal has room for, so that one that takes nothing keeps nobody from ending.
//!
//! The modes of the terminal are kept in one place of the process. Who comes first gives them back: the end of the view, a
//! panic on any thread, ctrl-Z. What is logged meanwhile stands on standard error after that.

use super::keys::{Key, Keys};
use super::printer::Tone;
use super::screen;
use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{self, OptionalActions, Termios};
use signal_hook::consts::{
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH,
};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

/// A terminal has room for a piece as long as this whenever it says that it has room.
const PIECE: usize = 256;
/// How long a terminal that takes nothing is waited for when it is given back.
const TO_GIVE_BACK: Duration = Duration::from_millis(500);
/// How soon the rest of a key comes, also over a slow line.
const REST_OF_KEY: Duration = Duration::from_millis(60);
/// The other screen, no cursor, pasted text told from keys.
const TAKE: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[2J";
const GIVE_BACK: &[u8] = b"\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// Terminals that know these show a picture at once, and others show nothing for them.
const BEGIN_PICTURE: &[u8] = b"\x1b[?2026h";
const END_PICTURE: &[u8] = b"\x1b[?2026l";

/// What would end this process as it stands, with the terminal as it is.
const ENDING: [i32; 6] = [SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2];

/// The modes that the terminal had, as long as it is taken over.
static TAKEN: Mutex<Option<Termios>> = Mutex::new(None);
/// Somebody wants this process to end.
static ENDS: AtomicBool = AtomicBool::new(false);

/// What was waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    Keys(Vec<Key>),
    /// Somebody has news, or the terminal has another size, or is ours again.
    Woken,
    /// Nothing did.
    TimeIsUp,
    /// SIGTERM, SIGHUP, SIGQUIT or another one came that ends a process, or the terminal has gone.
    End,
}

/// A terminal that is taken over whole.
pub struct FullScreen {
    terminal: Terminal<Ansi>,
    keys: Keys,
    wakes: UnixStream,
    waker: Arc<UnixStream>,
    stopped: Arc<AtomicBool>,
    interrupted: Arc<AtomicBool>,
}

/// Wakes whoever waits at a full screen.
#[derive(Clone, Debug)]
pub struct Waker(Arc<UnixStream>);

impl Waker {
    pub fn wake(&self) {
        // Where it is full, somebody is about to wake anyway.
        let _ = (&*self.0).write(&[1]);
    }
}

impl FullScreen {
    /// Takes over the terminal that standard input and output are.
    pub fn take(coloured: bool) -> io::Result<FullScreen> {
        let (wakes, waker) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let (stopped, interrupted): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let ends = |signal| {
            // SAFETY: it only stores to an atomic.
            unsafe { signal_hook::low_level::register(signal, || ENDS.store(true, Ordering::Relaxed)) }
        };
        for signal in ENDING {
            ends(signal)?;
        }
        signal_hook::flag::register(SIGINT, interrupted.clone())?;
        signal_hook::flag::register(SIGTSTP, stopped.clone())?;
        // After the flags, so that whoever wakes sees them.
        for signal in ENDING.into_iter().chain([SIGINT, SIGTSTP, SIGWINCH, SIGCONT]) {
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        give_back_on_panic();
        take_modes()?;
        let backend = Ansi { bytes: TAKE.to_vec(), style: None, coloured };
        let terminal = Terminal::new(backend).inspect_err(|_| give_back())?;
        let (keys, waker) = (Keys::default(), Arc::new(waker));
        let mut screen = FullScreen { terminal, keys, wakes, waker, stopped, interrupted };
        screen.terminal.backend_mut().flush()?;
        Ok(screen)
    }

    /// Returns what wakes [`FullScreen::wait`] from another thread.
    pub fn waker(&self) -> Waker {
        Waker(self.waker.clone())
    }

    /// Waits until something happens, or `most` is over.
    pub fn wait(&mut self, most: Duration) -> io::Result<Happened> {
        let deadline = Instant::now() + most;
        loop {
            if self.interrupted.swap(false, Ordering::Relaxed) {
                return Ok(Happened::Keys(vec![Key::Ctrl('c')]));
            }
            if ENDS.load(Ordering::Relaxed) {
                return Ok(Happened::End);
            }
            if self.stopped.swap(false, Ordering::Relaxed) {
                self.stand_aside(false)?;
                return Ok(Happened::Woken);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let within = if self.keys.is_waiting() { left.min(REST_OF_KEY) } else { left };
            let stdin = io::stdin();
            let mut fds = [
                PollFd::new(&stdin, PollFlags::IN),
                PollFd::from_borrowed_fd(self.wakes.as_fd(), PollFlags::IN),
            ];
            match poll(&mut fds, Some(&timespec(within))) {
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
                Ok(0) => {
                    if let Some(key) = self.keys.is_waiting().then(|| self.keys.give_up_waiting()).flatten() {
                        return Ok(Happened::Keys(vec![key]));
                    }
                    if Instant::now() >= deadline {
                        return Ok(Happened::TimeIsUp);
                    }
                    continue;
                }
                Ok(_) => {}
            }
            let [typed, woken] = fds.map(|fd| fd.revents());
            if !woken.is_empty() {
                let mut bytes = [0; 64];
                while io::Read::read(&mut self.wakes, &mut bytes).is_ok_and(|length| length > 0) {}
                if typed.is_empty() && !self.has_signal() {
                    return Ok(Happened::Woken);
                }
            }
            if !typed.is_empty() {
                let mut bytes = [0; 1024];
                match rustix::io::read(&stdin, &mut bytes) {
                    // It has gone: whoever reads on reads nothing for ever.
                    Ok(0) | Err(Errno::IO | Errno::NXIO | Errno::BADF) => return Ok(Happened::End),
                    Ok(length) => {
                        let keys = self.keys.feed(&bytes[..length]);
                        if !keys.is_empty() {
                            return Ok(Happened::Keys(keys));
                        }
                    }
                    Err(Errno::INTR | Errno::AGAIN) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    fn has_signal(&self) -> bool {
        [&*self.interrupted, &*self.stopped, &ENDS].iter().any(|flag| flag.load(Ordering::Relaxed))
    }

    /// Draws a picture on what is shown; `cursor` is where somebody types.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>) -> io::Result<()> {
        if TAKEN.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            // Another thread broke, and has said so there.
            return Err(io::Error::other("the terminal was given back"));
        }
        self.terminal.draw(|frame| {
            if let Some(cursor) = draw(frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        Ok(())
    }

    /// Draws all of the next picture, whatever the terminal shows.
    pub fn forget_what_is_shown(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Forgets what was typed and not read: it was meant for something else.
    pub fn forget_typed(&mut self) {
        self.keys.clear();
        let _ = termios::tcflush(io::stdin(), termios::QueueSelector::IFlush);
    }

    /// Gives the terminal back and stops, until the user wants us in the foreground again, as ctrl-Z asks.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.stand_aside(true)
    }

    fn stand_aside(&mut self, whole_group: bool) -> io::Result<()> {
        give_back();
        stop(whole_group);
        // In the background, this stops us again until we are in the foreground.
        take_modes()?;
        self.stopped.store(false, Ordering::Relaxed);
        self.terminal.backend_mut().bytes.extend_from_slice(TAKE);
        self.terminal.backend_mut().style = None;
        self.terminal.clear()
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        give_back();
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 })
}

fn size() -> Size {
    match termios::tcgetwinsize(io::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size::new(size.ws_col, size.ws_row),
        // One that does not tell.
        _ => Size::new(80, 24),
    }
}

fn take_modes() -> io::Result<()> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let modes = termios::tcgetattr(io::stdin())?;
    let mut raw = modes.clone();
    raw.make_raw();
    screen::hold_back();
    termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
    taken.get_or_insert(modes);
    Ok(())
}

/// Gives the terminal back, once.
fn give_back() {
    let modes = TAKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(modes) = modes {
        let _ = write_within(io::stdout(), GIVE_BACK, Some(TO_GIVE_BACK));
        // What was typed and not read does not become the shell's. Asked for with the modes, it would wait for whoever reads
        // what was written.
        let _ = termios::tcflush(io::stdin(), termios::QueueSelector::IFlush);
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &modes);
        let _ = write_within(io::stderr(), screen::let_go().as_bytes(), Some(TO_GIVE_BACK));
    }
}

fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
    });
}

/// Stops this process, or all of its group, as ctrl-Z at a terminal does: where no shell could let us go on, nothing happens.
fn stop(whole_group: bool) {
    // SAFETY: the action of one signal is set to what it was before anybody changed it, and back; both are plain C structs
    // that outlive the calls.
    unsafe {
        let mut default: libc::sigaction = std::mem::zeroed();
        let mut ours: libc::sigaction = std::mem::zeroed();
        default.sa_sigaction = libc::SIG_DFL;
        if libc::sigaction(SIGTSTP, &default, &mut ours) == 0 {
            libc::kill(if whole_group { 0 } else { libc::getpid() }, SIGTSTP);
            libc::sigaction(SIGTSTP, &ours, std::ptr::null_mut());
        }
    }
}

/// Writes as long as the terminal takes it, nobody wants us to end, and `most` is not over.
fn write_within(to: impl AsFd, mut bytes: &[u8], most: Option<Duration>) -> io::Result<()> {
    let deadline = most.map(|most| Instant::now() + most);
    while !bytes.is_empty() {
        let mut room = [PollFd::new(&to, PollFlags::OUT)];
        match poll(&mut room, Some(&timespec(Duration::from_millis(100)))) {
            Ok(0) | Err(Errno::INTR) => {
                let is_over = match deadline {
                    Some(deadline) => Instant::now() >= deadline,
                    None => ENDS.load(Ordering::Relaxed),
                };
                if is_over {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                continue;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        match rustix::io::write(&to, &bytes[..bytes.len().min(PIECE)]) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Tells whether an error of a terminal says that it has gone, or that we are to end before it took everything.
pub fn has_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    error.kind() == io::ErrorKind::TimedOut || matches!(errno, Some(Errno::IO | Errno::PIPE | Errno::NXIO))
}

/// Returns how a tone looks; without colours, only what stands out does.
pub fn style_of(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Bad => Style::new().fg(Color::Red),
        Tone::Attention => Style::new().fg(Color::Yellow),
        Tone::Faint => Style::new().add_modifier(Modifier::DIM),
    }
}

/// Writes cells as the sequences that all terminals of today know (ECMA-48, and the few of xterm above).
struct Ansi {
    /// What is to be written.
    bytes: Vec<u8>,
    /// What the terminal writes with, where that is known.
    style: Option<(Color, Modifier)>,
    coloured: bool,
}

impl Ansi {
    fn dress(&mut self, cell: &Cell) {
        let wanted = (if self.coloured { cell.fg } else { Color::Reset }, cell.modifier);
        if self.style == Some(wanted) {
            return;
        }
        self.style = Some(wanted);
        let colour = match wanted.0 {
            Color::Red => Some(31),
            Color::Green => Some(32),
            Color::Yellow => Some(33),
            _ => None,
        };
        let modifiers = [(Modifier::BOLD, 1), (Modifier::DIM, 2), (Modifier::REVERSED, 7)];
        let on = modifiers.into_iter().filter(|(modifier, _)| wanted.1.contains(*modifier));
        self.bytes.extend_from_slice(b"\x1b[0");
        for code in on.map(|(_, code)| code).chain(colour) {
            self.bytes.extend_from_slice(format!(";{code}").as_bytes());
        }
        self.bytes.push(b'm');
    }
}

impl Backend for Ansi {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut next = None;
        self.bytes.extend_from_slice(BEGIN_PICTURE);
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                self.bytes.extend_from_slice(format!("\x1b[{};{}H", y + 1, x + 1).as_bytes());
            }
            self.dress(cell);
            self.bytes.extend_from_slice(cell.symbol().as_bytes());
            // Behind what is not one column wide, terminals do not agree where they are.
            next = cell.symbol().is_ascii().then_some((x + 1, y));
        }
        self.bytes.extend_from_slice(END_PICTURE);
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.bytes.extend_from_slice(b"\x1b[?25l");
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.bytes.extend_from_slice(b"\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // Nobody asks for it on a whole screen, and a terminal's answer would stand between the keys.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        self.bytes.extend_from_slice(format!("\x1b[{};{}H", y + 1, x + 1).as_bytes());
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.style = None;
        self.bytes.extend_from_slice(b"\x1b[0m\x1b[2J");
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        // On a whole screen it is all or nothing.
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(size())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: size(), pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = write_within(io::stdout(), &self.bytes, None);
        self.bytes.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::layout::Rect;

    fn written(coloured: bool, cells: &[(u16, u16, &str, Style)]) -> String {
        let mut ansi = Ansi { bytes: Vec::new(), style: None, coloured };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 4));
        for (x, y, text, style) in cells {
            buffer.set_string(*x, *y, text, *style);
        }
        let before = Buffer::empty(buffer.area);
        ansi.draw(before.diff(&buffer).into_iter()).unwrap();
        String::from_utf8(ansi.bytes).unwrap().replace('\x1b', "^")
    }

    #[test]
    fn only_what_changed_is_written_and_colours_only_where_they_are_wanted() {
        let cells = [(0, 0, "ab", Style::new()), (2, 1, "no", style_of(Tone::Bad))];
        assert_eq!(written(true, &cells), "^[?2026h^[1;1H^[0mab^[2;3H^[0;31mno^[?2026l");
        assert_eq!(written(false, &cells), "^[?2026h^[1;1H^[0mab^[2;3Hno^[?2026l");
        let chosen = style_of(Tone::Plain).add_modifier(Modifier::REVERSED);
        assert_eq!(written(false, &[(0, 3, "x", chosen)]), "^[?2026h^[4;1H^[0;7mx^[?2026l");
        assert_eq!(written(true, &[(0, 0, "日x", Style::new())]), "^[?2026h^[1;1H^[0m日^[1;3Hx^[?2026l");
    }

    #[test]
    fn a_terminal_that_has_gone_is_known_by_its_error() {
        let gone = [Errno::IO, Errno::PIPE].map(|errno| io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(gone.iter().all(has_gone) && has_gone(&io::ErrorKind::TimedOut.into()));
        assert!(!has_gone(&io::ErrorKind::StorageFull.into()));
    }
}
