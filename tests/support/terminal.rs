//! A terminal that a test holds the other end of: keys go in, and what stands on the screen is read.

use super::{PATIENCE, TestRepo, wait_until};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Opens both ends of a terminal: ours, and that of a program. What other tests start meanwhile does not hold them open.
#[cfg(target_os = "linux")]
pub fn open_terminal(columns: u16, lines: u16) -> (OwnedFd, OwnedFd) {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
    let ours =
        File::options().read(true).write(true).custom_flags(flags).open("/dev/ptmx").expect("a terminal");
    let (size, unlocked) = (size_of(columns, lines), 0);
    // SAFETY: what is pointed to outlives the calls; what the last one opens belongs to nobody else.
    unsafe {
        assert_eq!(libc::ioctl(ours.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked), 0);
        assert_eq!(libc::ioctl(ours.as_raw_fd(), libc::TIOCSWINSZ, &raw const size), 0);
        let theirs = libc::ioctl(ours.as_raw_fd(), libc::TIOCGPTPEER, libc::O_RDWR | flags);
        assert!(theirs >= 0, "a terminal");
        (ours.into(), OwnedFd::from_raw_fd(theirs))
    }
}

/// The same, where a process that is started at the wrong moment holds them open too.
#[cfg(not(target_os = "linux"))]
pub fn open_terminal(columns: u16, lines: u16) -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let mut size = size_of(columns, lines);
    // SAFETY: both out-parameters and the size outlive the call; the other two may be null. What it opens belongs to nobody
    // else.
    unsafe {
        let none = std::ptr::null_mut;
        assert_eq!(libc::openpty(&mut ours, &mut theirs, none(), std::ptr::null_mut(), &raw mut size), 0);
        for end in [ours, theirs] {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
        }
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

fn size_of(columns: u16, lines: u16) -> libc::winsize {
    libc::winsize { ws_col: columns, ws_row: lines, ws_xpixel: 0, ws_ypixel: 0 }
}

/// A program at a terminal of its own, in a session of its own.
pub struct Terminal {
    child: Child,
    ours: Option<File>,
    /// Keeps what was shown last readable, and the modes askable, when the program is gone.
    theirs: Option<OwnedFd>,
    shown: Arc<Mutex<Shown>>,
    /// Nobody reads what is shown any more.
    closed: Arc<AtomicBool>,
    /// How often there was nothing more to read.
    quiet: Arc<AtomicUsize>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shown {
    bytes: Vec<u8>,
    columns: usize,
    lines: usize,
}

impl TestRepo {
    /// Starts crew at a terminal.
    pub fn terminal(&self, args: &[&str], columns: u16, lines: u16) -> Terminal {
        Terminal::of(self.command(args), columns, lines)
    }
}

impl Terminal {
    /// Starts a command at a terminal.
    pub fn of(mut command: Command, columns: u16, lines: u16) -> Terminal {
        let (ours, theirs) = open_terminal(columns, lines);
        if command.get_envs().all(|(name, _)| name != "TERM") {
            command.env("TERM", "xterm");
        }
        let copy = || theirs.try_clone().expect("a copy");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        // SAFETY: both calls may be made between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY as _, 0);
                Ok(())
            });
        }
        let child = command.spawn().expect("it starts");
        drop(command);
        let shown = Shown { columns: columns.into(), lines: lines.into(), ..Shown::default() };
        let shown = Arc::new(Mutex::new(shown));
        let (mut reads, takes) = (File::from(ours.try_clone().expect("a copy")), shown.clone());
        let closed = Arc::new(AtomicBool::new(false));
        let closes = closed.clone();
        let quiet = Arc::new(AtomicUsize::new(0));
        let falls_quiet = quiet.clone();
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while !closes.load(Ordering::Relaxed) {
                let mut ready = libc::pollfd { fd: reads.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                // SAFETY: one entry, which outlives the call.
                if unsafe { libc::poll(&raw mut ready, 1, 20) } <= 0 {
                    falls_quiet.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                // Reading fails once nobody has the other end any more.
                let Ok(length @ 1..) = reads.read(&mut bytes) else { return };
                takes.lock().expect("what is shown").bytes.extend_from_slice(&bytes[..length]);
            }
        });
        let (ours, theirs, reader) = (Some(ours.into()), Some(theirs), Some(reader));
        Terminal { child, ours, theirs, shown, closed, quiet, reader }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types keys.
    pub fn press(&mut self, keys: &str) {
        let ours = self.ours.as_mut().expect("it is there");
        ours.write_all(keys.as_bytes()).expect("what is typed");
    }

    /// Types a key once something is shown.
    #[track_caller]
    pub fn press_at(&mut self, words: &str, keys: &str) {
        self.shows(words);
        self.press(keys);
    }

    /// Gives the terminal another size.
    pub fn resize(&mut self, columns: u16, lines: u16) {
        let mut shown = self.shown.lock().expect("what is shown");
        (shown.columns, shown.lines) = (columns.into(), lines.into());
        let size = size_of(columns, lines);
        let ours = self.ours.as_ref().expect("it is there");
        // SAFETY: the size outlives the call.
        assert_eq!(unsafe { libc::ioctl(ours.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
    }

    /// Returns all that was ever written.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("what is shown").bytes).into_owned()
    }

    /// Returns the lines that stand on the screen.
    pub fn screen(&self) -> Vec<String> {
        let shown = self.shown.lock().expect("what is shown");
        screen_of(&String::from_utf8_lossy(&shown.bytes), shown.columns, shown.lines)
    }

    /// Waits until words stand in one line of the screen, and returns the line.
    #[track_caller]
    pub fn shows(&self, words: &str) -> String {
        self.shows_together(&[words])
    }

    /// Waits until all of these words stand in one and the same line of the screen, and returns the line.
    #[track_caller]
    pub fn shows_together(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if let Some(line) = screen.iter().find(|line| words.iter().all(|word| line.contains(word))) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "{words:?} are not shown:\n{}", screen.join("\n"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until words stand nowhere on the screen.
    #[track_caller]
    pub fn shows_no_more(&self, words: &str) {
        wait_until(&format!("`{words}` goes"), || self.screen().iter().all(|line| !line.contains(words)));
    }

    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: i32) {
        // SAFETY: a signal to a child that was not reaped.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Tells whether what is typed is seen and handed on in lines, as a shell wants it.
    pub fn is_as_it_was(&self) -> bool {
        let ours = self.ours.as_ref().expect("it is there");
        // SAFETY: a plain C struct for which zero is valid, which outlives the call.
        unsafe {
            let mut modes: libc::termios = std::mem::zeroed();
            assert_eq!(libc::tcgetattr(ours.as_raw_fd(), &mut modes), 0);
            modes.c_lflag & (libc::ICANON | libc::ECHO) == libc::ICANON | libc::ECHO
        }
    }

    /// Closes the terminal, as a line that is lost does.
    pub fn hang_up(&mut self) {
        self.close();
        (self.ours, self.theirs) = (None, None);
    }

    fn close(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().expect("what is shown was read");
        }
    }

    /// Waits for its end, which has to come, and returns its exit code.
    #[track_caller]
    pub fn ends(&mut self) -> Option<i32> {
        let mut ended = None;
        wait_until("it ends", || {
            ended = self.child.try_wait().expect("it is our child");
            ended.is_some()
        });
        // What it wrote last is read by another thread. The look that it takes just now may have begun before the end.
        let quiet = self.quiet.load(Ordering::Relaxed);
        wait_until("all of it is read", || {
            self.reader.as_ref().is_none_or(JoinHandle::is_finished)
                || self.quiet.load(Ordering::Relaxed) >= quiet + 3
        });
        ended.and_then(|status| status.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.close();
    }
}

/// Returns what a terminal shows that was sent this: it knows where the cursor is put, what is cleared, and nothing else.
fn screen_of(written: &str, columns: usize, lines: usize) -> Vec<String> {
    let mut cells = vec![vec![' '; columns]; lines];
    let (mut x, mut y) = (0, 0);
    let mut rest = written.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                let mut parameters = String::new();
                let last = loop {
                    match rest.next() {
                        Some(c @ ('@'..='~')) => break c,
                        Some(c) => parameters.push(c),
                        None => break '?',
                    }
                };
                match last {
                    'H' => {
                        let (line, column) = parameters.split_once(';').unwrap_or(("1", "1"));
                        y = line.parse::<usize>().map_or(0, |line| line - 1);
                        x = column.parse::<usize>().map_or(0, |column| column - 1);
                    }
                    'J' => cells = vec![vec![' '; columns]; lines],
                    _ => {}
                }
            }
            '\r' => x = 0,
            '\n' => y += 1,
            shown => {
                if let Some(cell) = cells.get_mut(y).and_then(|line| line.get_mut(x)) {
                    *cell = shown;
                }
                x += 1;
            }
        }
    }
    cells.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}
