//! Wakes a thread that waits for something to read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Can be read from once it was rung.
#[cfg(target_os = "linux")]
pub struct Bell(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Bell {
    pub fn new() -> io::Result<Bell> {
        Ok(Bell(rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?))
    }

    pub fn ring(&self) {
        // It only fails where it was rung more often than can be counted.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }
}

#[cfg(target_os = "linux")]
impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The same where only a pipe can do it.
#[cfg(not(target_os = "linux"))]
pub struct Bell(io::PipeReader, io::PipeWriter);

#[cfg(not(target_os = "linux"))]
impl Bell {
    pub fn new() -> io::Result<Bell> {
        io::pipe().map(|(reader, writer)| Bell(reader, writer))
    }

    pub fn ring(&self) {
        // A pipe that is full was rung before.
        let _ = io::Write::write(&mut &self.1, &[1]);
    }
}

#[cfg(not(target_os = "linux"))]
impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    #[test]
    fn one_that_was_rung_wakes_whoever_waits_as_often_as_they_do() {
        let bell = Bell::new().unwrap();
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let is_rung = || poll(&mut [PollFd::new(&bell, PollFlags::IN)], Some(&none)).unwrap() == 1;
        assert!(!is_rung());
        bell.ring();
        assert!(is_rung() && is_rung());
    }
}
