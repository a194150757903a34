//! Keeps what each attempt printed, handed in and changed, so that it can be played back without its agent.
//!
//! A recording is a by-product: whatever goes wrong with it is told when the run has ended, and disturbs nothing.

use super::folder::{FolderWatch, NoPatch};
use crate::domain::event::Ending;
use crate::domain::recording::{End, Entry, Head, Stream, Tokens};
use crate::domain::redact::Redactor;
use crate::domain::request::Ask;
use crate::store::recordings;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The recordings of a run.
#[derive(Debug)]
pub struct Recordings {
    /// Absolute, without links.
    pub folder: PathBuf,
    /// Of every attempt so far: one agent may print what another one left in a file.
    tokens: Mutex<Tokens>,
    /// Writing tasks that are open.
    writers: Mutex<Vec<String>>,
    notes: Mutex<Vec<String>>,
}

impl Recordings {
    /// Records into a folder that is there and holds no recording yet.
    pub fn into(folder: PathBuf) -> Arc<Recordings> {
        Arc::new(Recordings {
            folder,
            tokens: Mutex::default(),
            writers: Mutex::default(),
            notes: Mutex::default(),
        })
    }

    /// Returns the recorder of an attempt that is about to be started.
    /// `words` knows its secrets; only what is known for one is taken out, so that the rest plays back as it was.
    pub fn attempt(
        self: &Arc<Self>,
        head: Head,
        (token, words): (&str, Arc<Redactor>),
        writes: bool,
    ) -> Arc<Recorder> {
        held(&self.tokens).add(token);
        let state = State { file: None, children: 0, running: false, began: Instant::now() };
        let (all, token) = (self.clone(), token.to_owned());
        Arc::new(Recorder { all, head, token, words, writes, state: Mutex::new(state) })
    }

    /// Notes that a task is not carried out.
    pub fn skip(&self, task: &str, why: &str) {
        let path = recordings::skipped_of(&self.folder, task);
        if let Err(error) = std::fs::write(&path, format!("{why}\n")) {
            self.note(format!("{}: {error}", path.display()));
        }
    }

    /// Returns what a person should know about the recordings, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        held(&self.notes).clone()
    }

    fn note(&self, note: String) {
        let mut notes = held(&self.notes);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}

/// The recording of one attempt.
#[derive(Debug)]
pub struct Recorder {
    all: Arc<Recordings>,
    head: Head,
    token: String,
    words: Arc<Redactor>,
    writes: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` before the beginning, and once writing has failed.
    file: Option<File>,
    /// Children that were begun.
    children: u32,
    /// The current child has not ended.
    running: bool,
    began: Instant,
}

impl Recorder {
    /// Begins, just before the child is started.
    pub fn begin(&self) {
        if self.writes {
            self.note_writer();
        }
        let mut state = held(&self.state);
        if state.children == 0 {
            state.file = self.create();
        }
        state.children += 1;
        (state.running, state.began) = (true, Instant::now());
    }

    fn create(&self) -> Option<File> {
        let path = recordings::file_of(&self.all.folder, &self.head.task, self.head.attempt);
        let head = serde_json::to_string(&self.head).unwrap_or_default();
        let opened = File::options().write(true).create_new(true).open(&path);
        let opened = opened.and_then(|mut file| writeln!(file, "{head}").map(|()| file));
        opened.map_err(|error| self.all.note(format!("{}: {error}", path.display()))).ok()
    }

    fn note_writer(&self) {
        let mut writers = held(&self.all.writers);
        if let Some(other) = writers.first() {
            self.all.note(format!(
                "{other} and {} wrote to the same folder at the same time: a recorded patch may hold what the other \
                 one changed (limits.shared_writers lets them)",
                self.head.task
            ));
        }
        writers.push(self.head.task.clone());
    }

    /// Keeps a line of the child's output.
    pub fn line(&self, stream: Stream, line: &str) {
        self.keep(|at_ms| Entry::Line { at_ms, stream, line: line.to_owned() });
    }

    /// Tells whether a request was made with this attempt's token.
    pub fn is_of(&self, token: &str) -> bool {
        self.token == token
    }

    /// Keeps what the child hands in, or asks for.
    pub fn ask(&self, ask: &Ask) {
        self.keep(|at_ms| Entry::Ask { at_ms, ask: ask.clone() });
    }

    /// Keeps what the child changed. It has ended, and nothing else has been started for its task.
    pub fn changes(&self, folder: &FolderWatch) {
        if self.writes {
            self.keep_changes(folder);
            held(&self.all.writers).retain(|task| *task != self.head.task);
        }
    }

    fn keep_changes(&self, folder: &FolderWatch) {
        let reminded = held(&self.state).children > 1;
        let path = recordings::patch_of(&self.all.folder, &self.head.task, self.head.attempt, reminded);
        let mut file = None;
        let kept = folder.patch_of_child(|line| {
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(io::BufWriter::new(File::create_new(&path)?)),
            };
            file.write_all(&self.without_secrets(line))
        });
        let written = file.map_or(Ok(()), |mut file| file.flush());
        if let Err(NoPatch::NotSeen(why)) = &kept {
            return self.all.note(format!("no patch of {}: {why}", self.head.task));
        }
        let problem =
            kept.err().map(|error| error.to_string()).or(written.err().map(|error| error.to_string()));
        if let Some(problem) = problem {
            self.all.note(format!("{} is not whole: {problem}", path.display()));
        }
    }

    /// Keeps how the child ended. What its attempt's token asks for afterwards is refused anyway.
    pub fn end(&self, ending: &Ending) {
        let Ending { exit, signal, not_started, .. } = ending.clone();
        let end = End { exit, signal, at_ms: ending.millis, not_started };
        self.keep(|_| Entry::End { end });
        held(&self.state).running = false;
    }

    /// Takes the tokens of attempts out, and the secrets that its child was given.
    fn without_secrets(&self, line: &[u8]) -> Vec<u8> {
        let line = held(&self.all.tokens).taken_out(line).into_owned();
        match String::from_utf8(line) {
            Ok(text) => self.words.known_taken_out(&text).into_owned().into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        }
    }

    /// Writes an entry at once, so that a crew process that dies leaves what it has heard so far.
    fn keep(&self, entry: impl FnOnce(u64) -> Entry) {
        let mut state = held(&self.state);
        if state.file.is_none() || !state.running {
            return;
        }
        let entry = entry(state.began.elapsed().as_millis() as u64);
        let mut line = serde_json::to_vec(&entry).unwrap_or_default();
        line.push(b'\n');
        let line = self.without_secrets(&line);
        if let Some(Err(error)) = state.file.as_mut().map(|file| file.write_all(&line)) {
            // Half a line may be there. More after it would only make it unreadable.
            state.file = None;
            let (task, attempt) = (&self.head.task, self.head.attempt);
            let path = recordings::file_of(&self.all.folder, task, attempt);
            self.all.note(format!("{} is not whole: {error}", path.display()));
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
