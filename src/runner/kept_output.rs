//! The output of a child that is to go on when we die: it is written to files of its own, and read as they grow.
//!
//! # How it works
//!
//! A pipe ends with whoever reads it, and a child that writes to it ends of that. A file takes what the child says whether
//! somebody reads or not, also the last words of one that ends while nobody is there.
//!
//! A note beside the files holds how far each of them was read, in whole lines, and how long the log was then. Both are
//! brought up to date together, after each piece. Whoever comes next cuts the log back to that length, takes in the lines
//! up to there once more to know what they said, and goes on from there: wherever we died, each line is in the log once.
//!
//! What is kept here is as the child said it, with all secrets, and so is which secrets it was given: whoever comes next has
//! to hide them, and knows by its token what it hands in. All that is ours alone to read, and goes with the attempt.

use super::child::{ChildNews, Control};
use super::environment::{read_variables, secrets_of};
use super::lines::Lines;
use crate::domain::judgement::StopReason;
use crate::domain::recording::Stream;
use crate::domain::redact::{Redactor, SafeStream};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Between two looks at a file that has just grown, and at most between two at one that does not.
const SOON: Duration = Duration::from_millis(5);
const LATER: Duration = Duration::from_millis(100);

/// Where the output of one child is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptOutput {
    /// Absolute; each of the files has an ending of its own behind it.
    base: PathBuf,
}

impl KeptOutput {
    pub fn at(base: PathBuf) -> KeptOutput {
        KeptOutput { base }
    }

    fn file(&self, stream: Stream) -> PathBuf {
        self.base.with_added_extension(match stream {
            Stream::Output => "out",
            Stream::Error => "err",
        })
    }

    fn note(&self) -> PathBuf {
        self.base.with_added_extension("read")
    }

    fn stop(&self) -> PathBuf {
        self.base.with_added_extension("stop")
    }

    fn secrets(&self) -> PathBuf {
        self.base.with_added_extension("given")
    }

    /// Makes the files, and returns what the child writes to: its output and its error stream. `given` are its variables.
    pub(super) fn make(&self, given: &[(OsString, OsString)]) -> io::Result<(File, File)> {
        self.base.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut secrets = Vec::new();
        for (name, value) in secrets_of(given) {
            secrets.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
        }
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(self.secrets())?
            .write_all(&secrets)?;
        let make = |stream| {
            // Whoever empties one of them, by opening it anew, goes on writing at its beginning.
            OpenOptions::new().create_new(true).append(true).mode(0o600).open(self.file(stream))
        };
        Ok((make(Stream::Output)?, make(Stream::Error)?))
    }

    /// Returns how long ago the child said something, where it did.
    pub fn quiet(&self) -> Option<Duration> {
        // Where the clock was set back, nothing is known.
        self.last_written()?.elapsed().ok()
    }

    /// Returns when something was written last, by the child or by whoever read it, in milliseconds since 1970.
    pub fn touched(&self) -> Option<i64> {
        let files = [self.file(Stream::Output), self.file(Stream::Error), self.note()];
        let last = files.iter().filter_map(|file| file.metadata().ok()?.modified().ok()).max()?;
        i64::try_from(last.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// Returns when the child said something last, in milliseconds since 1970, where it did.
    pub fn said_last(&self) -> Option<i64> {
        i64::try_from(self.last_written()?.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    fn last_written(&self) -> Option<SystemTime> {
        let written =
            |stream| self.file(stream).metadata().ok().filter(|file| file.len() > 0)?.modified().ok();
        [Stream::Output, Stream::Error].into_iter().filter_map(written).max()
    }

    /// Keeps why the child is about to be asked to end: whoever comes after us would take what it says of that for its own
    /// word. The first reason stands.
    pub fn note_stop(&self, reason: StopReason) {
        let Ok(words) = serde_json::to_vec(&reason) else { return };
        if self.why_stopped().is_some() {
            return;
        }
        // Where this fails, nothing can be done about it, and the child is to end all the same.
        let _ = self.base.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let mut options = OpenOptions::new();
            let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(self.stop())?;
            file.write_all(&words)
        });
    }

    /// Returns the variables that the child was given and whose values are to be hidden.
    pub fn given(&self) -> Vec<(OsString, OsString)> {
        read_variables(&std::fs::read(self.secrets()).unwrap_or_default())
    }

    /// Returns why the child had been asked to end, where it was.
    pub fn why_stopped(&self) -> Option<StopReason> {
        serde_json::from_slice(&std::fs::read(self.stop()).ok()?).ok()
    }

    /// Tells whether it can be gone on with: it is there, and it is known how far it was read.
    pub fn is_known(&self, log: &Path) -> bool {
        Mark::read(self, log).is_some()
    }

    /// Tells whether a child was given it.
    pub fn is_there(&self) -> bool {
        self.file(Stream::Output).exists()
    }

    /// Takes the files away.
    pub fn remove(&self) {
        let said = [self.file(Stream::Output), self.file(Stream::Error)];
        for file in said.into_iter().chain([self.note(), self.stop(), self.secrets()]) {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Takes away what is kept in a folder of children that nobody has to go on with; `open` are those of the others.
pub fn sweep(folder: &Path, open: &[KeptOutput]) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !open.iter().any(|kept| kept.base == path.with_extension("")) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// How far the files were read, and how long the log was then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    output: u64,
    error: u64,
    log: u64,
}

impl Mark {
    /// Reads the note, unless the files do not fit it.
    fn read(kept: &KeptOutput, log: &Path) -> Option<Mark> {
        let note = std::fs::read_to_string(kept.note()).ok()?;
        let mut numbers = note.split_ascii_whitespace().map(|number| number.parse::<u64>().ok());
        let mark = Mark { output: numbers.next()??, error: numbers.next()??, log: numbers.next()?? };
        let reaches = |path: &Path, to: u64| path.metadata().is_ok_and(|file| file.len() >= to);
        let fits = reaches(&kept.file(Stream::Output), mark.output)
            && reaches(&kept.file(Stream::Error), mark.error)
            && reaches(log, mark.log);
        fits.then_some(mark)
    }

    fn of(&mut self, stream: Stream) -> &mut u64 {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }
}

/// The log of a child whose output is kept, and the note of how far that has come. Both streams share it.
#[derive(Debug)]
pub(super) struct NotedLog {
    state: Mutex<Noted>,
}

#[derive(Debug)]
struct Noted {
    log: File,
    note: File,
    path: PathBuf,
    mark: Mark,
    /// Streams in a line so long that pieces of it are in the log already.
    within: (bool, bool),
    /// It is no longer known how far it was read.
    lost: bool,
}

impl NotedLog {
    /// Begins at a mark, or at the end of a log of which nothing is kept yet.
    fn open(kept: &KeptOutput, log: File, mark: Option<Mark>) -> io::Result<NotedLog> {
        let note =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(kept.note())?;
        let mark = match mark {
            Some(mark) => {
                log.set_len(mark.log)?;
                mark
            }
            None => Mark { log: log.metadata()?.len(), ..Mark::default() },
        };
        let mut noted = Noted { log, note, path: kept.note(), mark, within: (false, false), lost: false };
        noted.keep_note();
        Ok(NotedLog { state: Mutex::new(noted) })
    }

    /// Puts a piece into the log. `read` is how far the stream was read in whole lines, `within` that a piece of a longer
    /// line is in the log.
    fn put(&self, stream: Stream, safe: &str, (read, within): (u64, bool)) {
        let mut noted = self.noted();
        match noted.log.write_all(safe.as_bytes()) {
            Ok(()) => noted.mark.log += safe.len() as u64,
            // A full disk must not stall the child. What is in the log now nobody knows.
            Err(_) => noted.lose(),
        }
        *noted.mark.of(stream) = read;
        match stream {
            Stream::Output => noted.within.0 = within,
            Stream::Error => noted.within.1 = within,
        }
        if noted.within == (false, false) {
            noted.keep_note();
        }
    }

    fn lose(&self) {
        self.noted().lose();
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// Writes the note, which always has the same length, so that it is the old one or the new one.
    fn keep_note(&mut self) {
        let Mark { output, error, log } = self.mark;
        let note = format!("{output:020} {error:020} {log:020}\n");
        if !self.lost && self.note.write_all_at(note.as_bytes(), 0).is_err() {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.lost = true;
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What is kept of one stream: its lines, harmless and without secrets, and how far it was read.
pub(super) struct Log<'a> {
    log: &'a NotedLog,
    stream: Stream,
    safe: SafeStream,
    words: &'a Redactor,
    control: &'a Control,
    /// How far the stream was read, and where the line began that has not ended.
    read: u64,
    line: u64,
}

impl<'a> Log<'a> {
    pub(super) fn new(
        log: &'a NotedLog,
        stream: Stream,
        words: &'a Redactor,
        control: &'a Control,
    ) -> Log<'a> {
        Log { log, stream, safe: SafeStream::default(), words, control, read: 0, line: 0 }
    }

    fn take(&mut self, bytes: &[u8]) {
        let safe = self.make_safe(bytes);
        self.put(&safe);
    }

    /// Takes in what is in the log already. What comes after it may depend on it: a private key may have begun there.
    fn pass_over(&mut self, bytes: &[u8]) {
        let _ = self.make_safe(bytes);
    }

    fn close(mut self) {
        let safe = self.safe.close(self.words);
        self.line = self.read;
        self.put(&safe);
    }

    fn make_safe(&mut self, bytes: &[u8]) -> String {
        self.control.note_heard(bytes.len());
        let last = bytes.iter().rposition(|byte| *byte == b'\n');
        self.line = last.map_or(self.line, |last| self.read + last as u64 + 1);
        self.read += bytes.len() as u64;
        self.safe.take(self.words, bytes)
    }

    fn put(&self, safe: &str) {
        self.log.put(self.stream, safe, (self.line, self.safe.is_within_long_line()));
    }
}

/// A stream that is read as it grows.
#[derive(Debug)]
pub(super) struct Growing {
    pub(super) stream: Stream,
    file: File,
    /// How far it was read before us.
    from: u64,
}

/// The output of a child that is read while it grows.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) log: NotedLog,
    pub(super) streams: Vec<Growing>,
}

impl Reading {
    /// Begins to read what a child says that is about to be started.
    pub(super) fn begin(kept: &KeptOutput, log: File) -> io::Result<Reading> {
        Reading::open(kept, log, None)
    }

    /// Goes on with what another crew process was reading.
    pub(super) fn go_on(kept: &KeptOutput, log: &Path) -> io::Result<Reading> {
        let mark = Mark::read(kept, log).ok_or(io::ErrorKind::InvalidData)?;
        Reading::open(kept, OpenOptions::new().append(true).open(log)?, Some(mark))
    }

    fn open(kept: &KeptOutput, log: File, mark: Option<Mark>) -> io::Result<Reading> {
        let log = NotedLog::open(kept, log, mark)?;
        // What is said on standard error may be taken back by what the output says at its end, and not the other way round.
        let mut streams = Vec::new();
        for stream in [Stream::Error, Stream::Output] {
            let from = *mark.unwrap_or_default().of(stream);
            streams.push(Growing { stream, file: File::open(kept.file(stream))?, from });
        }
        Ok(Reading { log, streams })
    }
}

/// Tells whoever reads what has come to its end.
#[derive(Debug, Default)]
pub(super) struct End {
    /// The child and its group are gone: what is in the files now is all.
    pub(super) over: AtomicBool,
    /// Nobody waits any longer.
    pub(super) abandoned: AtomicBool,
}

impl End {
    /// Waits for the readers to come to the end, at most for so long. What is said later is not the child's.
    pub(super) fn wait(&self, readers: &[ScopedJoinHandle<'_, ()>], most: Duration) {
        self.over.store(true, Ordering::Relaxed);
        readers.iter().for_each(|reader| reader.thread().unpark());
        let deadline = Instant::now() + most;
        while readers.iter().any(|reader| !reader.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(500));
        }
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// Hands on the lines of a stream, and copies them into the log: those that another crew process had copied are only
/// handed on.
pub(super) struct Follower<'a> {
    growing: Growing,
    log: Log<'a>,
    lines: Lines,
    news: &'a dyn ChildNews,
    buffer: Vec<u8>,
}

impl<'a> Follower<'a> {
    pub(super) fn new(growing: Growing, log: Log<'a>, news: &'a dyn ChildNews) -> Follower<'a> {
        Follower { growing, log, lines: Lines::default(), news, buffer: vec![0; 64 * 1024] }
    }

    /// Takes in what was read before.
    pub(super) fn catch_up(&mut self) {
        let mut left = self.growing.from;
        while left > 0 {
            let most = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.growing.file.read(&mut self.buffer[..most]) {
                Ok(0) => break,
                Ok(count) => {
                    left -= count as u64;
                    let (stream, news) = (self.growing.stream, self.news);
                    self.log.pass_over(&self.buffer[..count]);
                    self.lines.feed(&self.buffer[..count], |line| news.line(stream, line));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }

    /// Reads on until nothing more comes.
    pub(super) fn follow(mut self, end: &End) {
        let mut pause = SOON;
        while !end.abandoned.load(Ordering::Relaxed) {
            // What was said before the end is there after it.
            let is_over = end.over.load(Ordering::Relaxed);
            match self.growing.file.read(&mut self.buffer) {
                Ok(0) if self.was_emptied() => {}
                Ok(0) if is_over => break,
                Ok(0) => {
                    std::thread::park_timeout(pause);
                    pause = LATER.min(pause * 2);
                }
                Ok(count) => {
                    pause = SOON;
                    let (stream, news) = (self.growing.stream, self.news);
                    self.log.take(&self.buffer[..count]);
                    self.lines.feed(&self.buffer[..count], |line| news.line(stream, line));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let (stream, news) = (self.growing.stream, self.news);
        self.log.close();
        self.lines.close(|line| news.line(stream, line));
    }

    /// Goes back to the beginning where the child has emptied its stream: `echo >/dev/stderr` does that in a shell.
    fn was_emptied(&mut self) -> bool {
        let file = &mut self.growing.file;
        let at = file.stream_position().unwrap_or_default();
        let was_emptied = file.metadata().is_ok_and(|file| file.len() < at);
        if was_emptied {
            self.log.log.lose();
        }
        was_emptied && file.seek(SeekFrom::Start(0)).is_ok()
    }
}

/// What a child has said whose crew process died.
#[derive(Debug)]
pub struct LeftOutput {
    pub kept: KeptOutput,
    /// That of its attempt's first child, where it is the second one.
    pub first: Option<KeptOutput>,
    pub log: PathBuf,
    /// Hides its secrets.
    pub words: std::sync::Arc<Redactor>,
    /// How long the rest of it is waited for, once the child has ended.
    pub drain: Duration,
}

impl LeftOutput {
    /// Takes in what was said, and whatever else is said while `watch` goes on.
    pub(super) fn follow_while<T>(
        &self,
        control: &Control,
        news: &dyn ChildNews,
        watch: impl FnOnce() -> T,
    ) -> T {
        if let Some(first) = &self.first {
            hear_all(first, news);
            news.first_has_ended();
        }
        let Ok(Reading { log, streams }) = Reading::go_on(&self.kept, &self.log) else { return watch() };
        let mut followers = Vec::new();
        for growing in streams {
            let log = Log::new(&log, growing.stream, &self.words, control);
            followers.push(Follower::new(growing, log, news));
        }
        followers.iter_mut().for_each(Follower::catch_up);
        news.caught_up();
        let end = End::default();
        std::thread::scope(|scope| {
            let end = &end;
            let mut readers = Vec::new();
            for follower in followers {
                readers.push(scope.spawn(move || follower.follow(end)));
            }
            let watched = watch();
            end.wait(&readers, self.drain);
            watched
        })
    }
}

/// Hands on all lines of a child that has ended.
fn hear_all(kept: &KeptOutput, news: &dyn ChildNews) {
    for stream in [Stream::Error, Stream::Output] {
        let Ok(mut file) = File::open(kept.file(stream)) else { continue };
        let (mut lines, mut buffer) = (Lines::default(), vec![0; 64 * 1024]);
        while let Ok(count @ 1..) = file.read(&mut buffer) {
            lines.feed(&buffer[..count], |line| news.line(stream, line));
        }
        lines.close(|line| news.line(stream, line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::ProcessId;
    use std::sync::Arc;

    #[derive(Default)]
    struct Ear(Mutex<Vec<String>>);

    impl ChildNews for Ear {
        fn started(&self, _: ProcessId) {}
        fn reads_lines(&self) -> bool {
            true
        }
        fn line(&self, stream: Stream, line: &str) {
            if stream == Stream::Output {
                self.0.lock().unwrap().push(line.to_owned());
            }
        }
    }

    struct Stage {
        folder: tempfile::TempDir,
        kept: KeptOutput,
        child: (File, File),
    }

    impl Stage {
        fn new() -> Stage {
            let folder = tempfile::tempdir().unwrap();
            let kept = KeptOutput::at(folder.path().join("output/work.1.1"));
            let child = kept.make(&[]).unwrap();
            Stage { kept, child, folder }
        }

        fn log(&self) -> PathBuf {
            self.folder.path().join("log")
        }

        fn logged(&self) -> String {
            std::fs::read_to_string(self.log()).unwrap()
        }

        fn begin(&self) -> Reading {
            let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
            Reading::begin(&self.kept, log).unwrap()
        }

        /// Reads what is there, and dies: nothing is closed.
        fn read_and_die(&self, reading: Reading, words: &Redactor) {
            let Reading { log, streams } = reading;
            let (control, ear) = (Control::default(), Ear::default());
            for growing in streams {
                let log = Log::new(&log, growing.stream, words, &control);
                let mut follower = Follower::new(growing, log, &ear);
                follower.catch_up();
                while let Ok(count @ 1..) = follower.growing.file.read(&mut follower.buffer) {
                    follower.log.take(&follower.buffer[..count]);
                }
            }
        }

        /// Goes on with it when the child has ended, and returns the lines that were heard.
        fn finish(&self, words: Redactor) -> Vec<String> {
            let (words, drain) = (Arc::new(words), Duration::from_secs(60));
            let left = LeftOutput { kept: self.kept.clone(), first: None, log: self.log(), words, drain };
            let ear = Ear::default();
            left.follow_while(&Control::default(), &ear, || {});
            ear.0.into_inner().unwrap()
        }
    }

    #[test]
    fn wherever_the_first_reader_dies_each_line_is_heard_and_is_in_the_log_once() {
        let long = "y".repeat(600_000);
        let said = format!("one\ntwo\n{long}\n\nAPI_KEY=0123456789abcdef0123456789\nlast");
        let safe = said.replace("0123456789abcdef0123456789", "[redacted]");
        for at in [0, 2, 4, 9, 300_000, 599_990, said.len() - 40, said.len() - 10, said.len()] {
            let mut stage = Stage::new();
            let reading = stage.begin();
            stage.child.0.write_all(&said.as_bytes()[..at]).unwrap();
            stage.child.1.write_all(b"careful\n").unwrap();
            stage.read_and_die(reading, &Redactor::default());
            // It had not come to noting the last piece.
            let mut log = OpenOptions::new().append(true).open(stage.log()).unwrap();
            log.write_all(b"half a l").unwrap();
            stage.child.0.write_all(&said.as_bytes()[at..]).unwrap();
            let heard = stage.finish(Redactor::default());
            assert_eq!(heard, said.split('\n').collect::<Vec<_>>(), "{at}");
            let logged = stage.logged();
            assert_eq!(logged.matches("careful\n").count(), 1, "{at}");
            assert!(logged.replacen("careful\n", "", 1) == safe, "{at}: {}", logged.len());
        }
    }

    #[test]
    fn a_private_key_that_had_begun_before_ends_where_it_ends() {
        let mut stage = Stage::new();
        let reading = stage.begin();
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ";
        write!(stage.child.0, "-----BEGIN PRIVATE KEY-----\n{body}\n").unwrap();
        stage.read_and_die(reading, &Redactor::default());
        write!(stage.child.0, "{body}\n-----END PRIVATE KEY-----\nafter\n").unwrap();
        stage.finish(Redactor::default());
        let logged = stage.logged();
        assert!(!logged.contains(body) && logged.ends_with("after\n"), "{logged}");
    }

    #[test]
    fn a_stream_that_the_child_empties_is_read_on_from_its_beginning_and_by_nobody_else() {
        let mut stage = Stage::new();
        let Reading { log, streams } = stage.begin();
        let (control, ear, end) = (Control::default(), Ear::default(), End::default());
        stage.child.0.write_all(b"a long line before\n").unwrap();
        let words = Redactor::default();
        std::thread::scope(|scope| {
            let output = streams.into_iter().find(|growing| growing.stream == Stream::Output).unwrap();
            let log = Log::new(&log, Stream::Output, &words, &control);
            let follower = Follower::new(output, log, &ear);
            let end = &end;
            let reader = scope.spawn(move || follower.follow(end));
            let heard = |count| ear.0.lock().unwrap().len() == count;
            while !heard(1) {
                std::thread::sleep(SOON);
            }
            stage.child.0.set_len(0).unwrap();
            stage.child.0.write_all(b"anew\n").unwrap();
            while !heard(2) {
                std::thread::sleep(SOON);
            }
            end.wait(&[reader], Duration::from_secs(60));
        });
        assert_eq!(*ear.0.lock().unwrap(), ["a long line before", "anew"]);
        assert_eq!(stage.logged(), "a long line before\nanew\n");
        assert!(!stage.kept.is_known(&stage.log()), "how far it was read says nothing any more");
    }

    #[test]
    fn what_does_not_fit_its_note_is_not_gone_on_with() {
        let mut stage = Stage::new();
        let reading = stage.begin();
        stage.child.0.write_all(b"one\ntwo\n").unwrap();
        stage.read_and_die(reading, &Redactor::default());
        assert!(stage.kept.is_known(&stage.log()));
        File::create(stage.log()).unwrap();
        assert!(!stage.kept.is_known(&stage.log()));
        sweep(&stage.folder.path().join("output"), std::slice::from_ref(&stage.kept));
        assert!(stage.kept.quiet().is_some());
        sweep(&stage.folder.path().join("output"), &[]);
        assert_eq!(std::fs::read_dir(stage.folder.path().join("output")).unwrap().count(), 0);
    }
}
