//! The way into the inbox for an agent whose sandbox lets it write no file: a named pipe.
//!
//! Some sandboxes mount everything read-only and forbid sockets, and still let a process write to a named pipe and read
//! a file. So a request may come through `inbox/pipe`; the answer is a file, as always. A write of at most `PIPE_BUF`
//! bytes stays in one piece, so a request goes in frames of that size: `ID OFFSET TOTAL BYTES\n`. A request is JSON
//! without line feeds, so its bytes need no escaping.

use super::StoreError;
use super::inbox::{self, MAX_REQUEST};
use crate::domain::request::Request;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The most bytes that a write to a pipe keeps in one piece: 4,096 on Linux, 512 on macOS and by POSIX.
const PIPE_BUF: usize = 512;
/// The most requests that may be half-way through at once; the oldest gives way.
const MAX_PARTIAL: usize = 64;
/// The most bytes of all requests that are half-way through.
const MAX_PARTIAL_BYTES: usize = 2 * MAX_REQUEST as usize;
/// How long a full pipe is waited for between two tries.
const FULL: Duration = Duration::from_millis(2);

/// Returns where an inbox has its pipe.
pub(super) fn place(inbox: &Path) -> PathBuf {
    inbox.join("pipe")
}

/// Makes the pipe of an inbox, and opens it for reading. The caller owns the run.
///
/// It is opened for writing too, so that it never ends while its writers come and go.
pub fn make(inbox: &Path) -> Result<File, StoreError> {
    let path = place(inbox);
    // One that another owner left may hold pieces of what nobody waits for any more.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::file(&path)(error)),
        _ => {}
    }
    make_pipe(&path).map_err(StoreError::file(&path))?;
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let pipe = open(&path, flags, Mode::empty()).map_err(io::Error::from).map_err(StoreError::file(&path))?;
    Ok(pipe.into())
}

/// Takes the pipe of an inbox away.
pub fn remove(inbox: &Path) {
    // What cannot be removed is replaced by the next owner of the run.
    let _ = std::fs::remove_file(place(inbox));
}

fn make_pipe(path: &Path) -> io::Result<()> {
    let name = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `name` is a string that ends with NUL and lives through the call.
    match unsafe { libc::mkfifo(name.as_ptr(), 0o600) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Puts a request through the pipe. `false` where nobody reads there.
///
/// A full pipe is waited for until `deadline`.
pub fn put(inbox: &Path, request: &Request, deadline: Instant) -> io::Result<bool> {
    let text = serde_json::to_vec(request)?;
    if text.len() as u64 > MAX_REQUEST {
        let why = format!("the request has {} bytes; at most {MAX_REQUEST} are read", text.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut pipe: File = match open(place(inbox), flags, Mode::empty()) {
        Ok(pipe) => pipe.into(),
        Err(Errno::NXIO | Errno::NOENT) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    for frame in frames(&request.id, &text) {
        write_whole(&mut pipe, &frame, deadline)?;
    }
    Ok(true)
}

/// Cuts a request into frames.
fn frames(id: &str, request: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let longest_head = id.len() + 2 * "16777216".len() + 3;
    let size = PIPE_BUF - longest_head - 1;
    request.chunks(size).enumerate().map(move |(number, bytes)| {
        let mut frame = format!("{id} {} {} ", number * size, request.len()).into_bytes();
        frame.extend_from_slice(bytes);
        frame.push(b'\n');
        frame
    })
}

fn write_whole(pipe: &mut File, frame: &[u8], deadline: Instant) -> io::Result<()> {
    loop {
        match pipe.write(frame) {
            // Either the whole frame is in or none of it.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                std::thread::sleep(FULL);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Puts the frames of many writers together again.
#[derive(Debug, Default)]
pub struct Frames {
    /// The line that has not ended yet; cut off where it is longer than a frame.
    line: Vec<u8>,
    partial: VecDeque<Partial>,
}

#[derive(Debug)]
struct Partial {
    id: String,
    total: usize,
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes in what was read, and puts each request that is complete into the inbox.
    ///
    /// What is no frame is dropped: anybody on this machine who may write to the pipe can write anything.
    pub fn feed(&mut self, inbox: &Path, bytes: &[u8]) -> Result<bool, StoreError> {
        let mut any = false;
        for (id, request) in self.take(bytes) {
            inbox::put_bytes(inbox, &id, &request)?;
            any = true;
        }
        Ok(any)
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut complete = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() <= PIPE_BUF {
                self.line.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                complete.extend(line.strip_suffix(b"\n").and_then(|line| self.take_frame(line)));
            }
        }
        complete
    }

    fn take_frame(&mut self, line: &[u8]) -> Option<(String, Vec<u8>)> {
        let mut words = line.splitn(4, |byte| *byte == b' ');
        let id = std::str::from_utf8(words.next()?).ok().filter(|id| inbox::is_id(id))?;
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse::<usize>().ok();
        let (offset, total) = (number()?, number()?);
        let bytes = words.next()?;
        if total as u64 > MAX_REQUEST {
            return None;
        }
        let mut partial = match self.partial.iter().position(|partial| partial.id == id) {
            Some(at) => self.partial.remove(at)?,
            None => Partial { id: id.to_owned(), total, bytes: Vec::new() },
        };
        if offset == 0 {
            // It begins anew: its writer was in doubt whether the first try came through.
            partial.bytes.clear();
            partial.total = total;
        }
        if offset != partial.bytes.len() || total != partial.total || offset + bytes.len() > total {
            return None;
        }
        partial.bytes.extend_from_slice(bytes);
        if partial.bytes.len() == total {
            return Some((partial.id, partial.bytes));
        }
        self.partial.push_back(partial);
        self.make_room();
        None
    }

    fn make_room(&mut self) {
        let held = |partial: &VecDeque<Partial>| partial.iter().map(|one| one.bytes.len()).sum::<usize>();
        while self.partial.len() > MAX_PARTIAL || held(&self.partial) > MAX_PARTIAL_BYTES {
            self.partial.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(frames: &mut Frames, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        frames.take(bytes)
    }

    #[test]
    fn frames_of_two_writers_that_mix_are_put_together() {
        let (one, two) = (vec![b'x'; 3_000], vec![b'y'; 2_000]);
        let mixed: Vec<Vec<u8>> = {
            let (mut one, mut two) = (frames("a", &one), frames("b", &two));
            std::iter::from_fn(|| match (one.next(), two.next()) {
                (None, None) => None,
                (one, two) => Some([one.unwrap_or_default(), two.unwrap_or_default()].concat()),
            })
            .collect()
        };
        let got = whole(&mut Frames::default(), &mixed.concat());
        assert_eq!(got, [("b".to_owned(), two), ("a".to_owned(), one)]);
    }

    #[test]
    fn each_frame_is_written_in_one_piece() {
        let id = "0123456789abcdef0123456789abcdef";
        assert!(frames(id, &vec![b'x'; 100_000]).all(|frame| frame.len() <= PIPE_BUF));
    }

    #[test]
    fn a_request_that_is_sent_again_counts_once_and_a_gap_ends_it() {
        let request = vec![b'x'; 1_000];
        let all: Vec<Vec<u8>> = frames("a", &request).collect();
        let mut frames = Frames::default();
        assert_eq!(whole(&mut frames, &all[0]), []);
        assert_eq!(whole(&mut frames, &all.concat()), [("a".to_owned(), request.clone())]);
        assert_eq!(whole(&mut frames, &all[1..].concat()), []);
        let strange =
            [&b"../../x 0 2 {}\n"[..], b"a 0 99999999999 x\n", b"\n \n", &[b'z'; 9_000], b"\n"].concat();
        assert_eq!(whole(&mut frames, &strange), []);
        assert_eq!(whole(&mut frames, &all.concat()), [("a".to_owned(), request)]);
    }

    #[test]
    fn half_requests_do_not_fill_the_memory() {
        let mut kept = Frames::default();
        for number in 0..1_000 {
            let first = frames(&format!("id{number}"), &vec![b'x'; 100_000]).next().unwrap();
            whole(&mut kept, &first);
        }
        assert_eq!(kept.partial.len(), MAX_PARTIAL);
    }

    #[test]
    fn nobody_at_the_other_end_is_told() {
        let inbox = tempfile::tempdir().unwrap();
        let request = inbox::tests::request("r1");
        let soon = || Instant::now() + Duration::from_secs(5);
        assert!(!put(inbox.path(), &request, soon()).unwrap());
        let reader = make(inbox.path()).unwrap();
        assert!(put(inbox.path(), &request, soon()).unwrap());
        drop(reader);
        assert!(!put(inbox.path(), &request, soon()).unwrap());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), cut in 1..700_usize) {
            let mut frames = Frames::default();
            for piece in bytes.chunks(cut) {
                frames.take(piece);
            }
        }
    }
}
