//! The threads that start children and wait for them: one a task at once, no more.

use super::adopted::{Adopted, AfterAdoption};
use super::child::{self, ChildNews, ChildSpec, Control};
use super::end_merge::{Chore, Done};
use super::folder::{FolderWatch, Seen};
use super::kept_output::LeftOutput;
use super::left_folder::LeftFolder;
use super::own_tree::{Kept, OwnTree};
use super::recorder::Recorder;
use super::requests::{self, KeptFirst};
use super::review_rules;
use super::reviewing::Reading;
use crate::agents::{Agent, Said};
use crate::domain::conflict::Clash;
use crate::domain::event::{Ending, Event, ProcessId};
use crate::domain::judgement::StreamError;
use crate::domain::person::PersonAsk;
use crate::domain::recording::Stream;
use crate::domain::redact::Redactor;
use crate::domain::request::{Ask, Read, Request};
use crate::domain::run::Run;
use crate::domain::signed;
use crate::domain::submission::ReviewBody;
use crate::domain::words::last_line;
use crate::domain::worktree::MovedReference;
use crate::store::inbox::Incoming;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of an agent's last words that are kept; the whole output is in the log.
const MAX_LAST_WORDS: usize = 64 * 1024;
/// The most characters of what an agent is doing, as people see it.
const MAX_DOING: usize = 200;

/// What the dispatcher is told.
#[derive(Debug)]
pub enum Message {
    Started {
        place: usize,
        process: ProcessId,
    },
    Said {
        place: usize,
        said: Said,
    },
    Ended {
        place: usize,
        part: Part,
        ending: Ending,
        heard: Heard,
        /// What is to be known of the folder after it.
        seen: Option<Box<Seen>>,
    },
    /// A child that a dead crew process had left has ended, or cannot be looked after.
    AdoptedEnded {
        place: usize,
        after: AfterAdoption,
        heard: Heard,
    },
    /// What an adopted child had said before is told.
    CaughtUp {
        place: usize,
    },
    /// What is told of an adopted child from now on is said by its attempt's second child; what the first one said.
    FirstEnded {
        place: usize,
        heard: Heard,
    },
    /// The task has a work tree of its own that was not there before.
    Placed {
        place: usize,
        event: Box<Event>,
    },
    /// Why the task has no work tree of its own that it could work in; nothing where it was to end before that.
    Unplaced {
        place: usize,
        why: Option<StreamError>,
    },
    /// What a folder holds was kept; nothing where there was nothing to keep.
    Kept {
        place: usize,
        kept: Result<Option<Kept>, String>,
        /// References that came to hold what was committed in a work tree of its own.
        moved: Result<Vec<MovedReference>, String>,
    },
    /// A reviewer's work tree was taken away; or why not.
    Left {
        place: usize,
        left: Result<Box<Event>, String>,
    },
    /// What lay in the folders that a person's request is about was kept.
    KeptFirst {
        request: String,
        kept: KeptFirst,
    },
    /// What an attempt handed in was read.
    Read {
        place: usize,
        incoming: Box<Incoming>,
        read: Box<Read>,
    },
    /// The findings of a review that was only written down have their places.
    ReadWritten {
        place: usize,
        review: Box<ReviewBody>,
    },
    /// A part of the merge at the end of a run is done.
    Merge {
        place: usize,
        done: Done,
    },
    /// The agent's output holds what may be a signed request.
    Signed {
        place: usize,
        text: String,
    },
    /// Something lies in the inbox.
    Inbox,
    /// What the branches do to each other is not what was told before.
    Clashes(Vec<Clash>),
    /// A signal came, the `level`th.
    Stop {
        level: u32,
        by: &'static str,
    },
}

impl Message {
    /// Returns what it tells of, in a word or two.
    pub fn name(&self) -> &'static str {
        match self {
            Message::Started { .. } => "a child runs",
            Message::Said { .. } => "an agent spoke",
            Message::Ended { .. } => "a child ended",
            Message::AdoptedEnded { .. } => "an adopted child ended",
            Message::CaughtUp { .. } => "an adopted child was heard out",
            Message::FirstEnded { .. } => "an adopted first child ended",
            Message::Placed { .. } => "a work tree is there",
            Message::Unplaced { .. } => "there is no work tree",
            Message::Kept { .. } => "work was kept",
            Message::Left { .. } => "a reviewer's work tree went",
            Message::KeptFirst { .. } => "work was kept for a request",
            Message::Read { .. } => "what was handed in was read",
            Message::ReadWritten { .. } => "a written review was read",
            Message::Merge { .. } => "a part of a merge is done",
            Message::Signed { .. } => "a signed request in an agent's words",
            Message::Inbox => "the inbox rang",
            Message::Clashes(_) => "branches clash otherwise",
            Message::Stop { .. } => "a signal",
        }
    }

    /// Returns the place of the task that it is about.
    pub fn place(&self) -> Option<usize> {
        match self {
            Message::Started { place, .. }
            | Message::Said { place, .. }
            | Message::Ended { place, .. }
            | Message::AdoptedEnded { place, .. }
            | Message::CaughtUp { place }
            | Message::FirstEnded { place, .. }
            | Message::Placed { place, .. }
            | Message::Unplaced { place, .. }
            | Message::Kept { place, .. }
            | Message::Left { place, .. }
            | Message::Read { place, .. }
            | Message::ReadWritten { place, .. }
            | Message::Merge { place, .. }
            | Message::Signed { place, .. } => Some(*place),
            Message::KeptFirst { .. } | Message::Inbox | Message::Clashes(_) | Message::Stop { .. } => None,
        }
    }
}

/// Which child of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The agent, or the command of a command step.
    Work,
    /// The agent in its session again, reminded to hand something in.
    Reminder,
    /// One of the step's verification commands, by its place.
    Check(usize),
}

/// What was heard of an agent over its whole life.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    pub last_words: String,
    /// The last words are pieces of one message, which may go on.
    in_pieces: bool,
    /// The last thing said was that it waits.
    waits: bool,
    /// Lines that are not in its format.
    pub odd_lines: u64,
}

/// A child to be run for a task.
pub struct Job {
    pub place: usize,
    pub part: Part,
    pub child: ChildSpec,
    pub control: Arc<Control>,
    /// Understands the child's output; a plain command has nobody who does.
    pub agent: Option<Arc<dyn Agent>>,
    /// What it is doing now, for people who watch.
    pub doing: Arc<Mutex<String>>,
    /// Keeps what it prints and changes, where that is asked for.
    pub recorder: Option<Arc<Recorder>>,
    /// Looks at the folder before it and after it, where something depends on that.
    pub folder: Option<Arc<FolderWatch>>,
    /// The work tree that it works in, where that has to be made ready first.
    pub tree: Option<Arc<OwnTree>>,
}

/// What is to be kept.
#[derive(Debug)]
pub enum Keeping {
    /// All that a task's own work tree holds, on its branch; with what was achieved, in a line. `rules` is the file for the
    /// rules that it is reviewed by, where it is.
    Own { tree: Arc<OwnTree>, summary: String, rules: Option<PathBuf> },
    /// All that the shared folder holds, at a reference of its own.
    Shared { folder: Arc<FolderWatch>, reference: String, message: String },
    /// The same, of which nobody knows any more what it held before.
    Left(LeftFolder),
}

impl Keeping {
    /// Looks for references that were moved to the work; before it is kept, while the work tree still says what is its own.
    fn moved(&self) -> Result<Vec<MovedReference>, String> {
        match self {
            Keeping::Own { tree, .. } => tree.moved(),
            Keeping::Shared { .. } | Keeping::Left(_) => Ok(Vec::new()),
        }
    }

    /// Keeps it; nothing where there is nothing to keep.
    pub fn keep(&self) -> Result<Option<Kept>, String> {
        match self {
            Keeping::Own { tree, summary, rules } => {
                let kept = tree.keep(summary)?;
                if let (Some(file), Some(base)) = (rules, tree.begun_from()) {
                    review_rules::keep(&tree.repository, (&base, &kept.commit), file);
                }
                Ok(Some(kept))
            }
            Keeping::Shared { folder, reference, message } => folder.keep_all(reference, message),
            Keeping::Left(left) => left.keep(),
        }
    }
}

/// What a slot is asked to do.
pub enum Errand {
    Run(Box<Job>),
    Keep {
        place: usize,
        keeping: Keeping,
    },
    /// Take away the work tree of a reviewer whose attempt has ended.
    Leave {
        place: usize,
        tree: Arc<OwnTree>,
    },
    /// Look at what an attempt left whose crew process died; then it has ended like any other.
    TakeUp {
        place: usize,
        folder: Arc<FolderWatch>,
        left: Left,
        /// How it ended, and what was heard of it, as far as that is known.
        ended: Box<(Ending, Heard)>,
    },
    /// Look after a child that a dead crew process has left at work.
    Adopt {
        place: usize,
        adopted: Box<Adopted>,
        control: Arc<Control>,
        /// Understands what it says, and is told what it does now.
        agent: Option<Arc<dyn Agent>>,
        doing: Arc<Mutex<String>>,
    },
    Merge {
        place: usize,
        chore: Box<Chore>,
    },
    /// Keep what lies in the folders that a person's request is about.
    KeepFirst {
        request: String,
        repository: PathBuf,
        run: Box<Run>,
        ask: Box<PersonAsk>,
    },
    /// Read what an open attempt hands in, which may take many files.
    Read {
        place: usize,
        incoming: Box<Incoming>,
        reading: Box<Reading>,
        words: Arc<Redactor>,
    },
    /// Read a review that an attempt only wrote down whose child has ended.
    ReadWritten {
        place: usize,
        review: Box<ReviewBody>,
        reading: Box<Reading>,
        words: Arc<Redactor>,
    },
}

/// Where an attempt worked whose crew process died.
pub enum Left {
    /// In a work tree of its own. `head` is where its branch stood when it began.
    Own { tree: Arc<OwnTree>, head: Box<str> },
    /// Where others work too.
    Shared,
}

impl Errand {
    /// Returns the place of the task whose open attempt waits for it; none where it is for a request.
    pub fn place(&self) -> Option<usize> {
        match self {
            Errand::Run(job) => Some(job.place),
            Errand::Keep { place, .. }
            | Errand::Leave { place, .. }
            | Errand::TakeUp { place, .. }
            | Errand::Adopt { place, .. }
            | Errand::ReadWritten { place, .. }
            | Errand::Merge { place, .. } => Some(*place),
            Errand::KeepFirst { .. } | Errand::Read { .. } => None,
        }
    }
}

/// The threads; they end when this is dropped and their children have ended.
pub struct Slots {
    errands: Sender<Errand>,
    queue: Arc<Mutex<Receiver<Errand>>>,
    messages: SyncSender<Message>,
    threads: usize,
}

impl Slots {
    pub fn new(messages: SyncSender<Message>) -> Slots {
        let (errands, queue) = channel();
        Slots { errands, queue: Arc::new(Mutex::new(queue)), messages, threads: 0 }
    }

    /// Does what is asked for. `running` is how many errands are under way with this one: there are never more threads than
    /// that.
    pub fn run(&mut self, errand: Errand, running: usize) -> std::io::Result<()> {
        if self.threads < running {
            let (queue, messages) = (self.queue.clone(), self.messages.clone());
            let number = self.threads;
            std::thread::Builder::new().name("slot".into()).spawn(move || work(&queue, &messages, number))?;
            self.threads += 1;
        }
        // The other end is held by ourselves.
        let _ = self.errands.send(errand);
        Ok(())
    }
}

fn work(queue: &Mutex<Receiver<Errand>>, messages: &SyncSender<Message>, number: usize) {
    let mut spare = SpareLog { number, file: None };
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        // The dispatcher has gone only after its last child ended, or with the whole process.
        match next {
            Err(_) => return,
            Ok(Errand::Run(job)) => run(*job, messages, &mut spare),
            Ok(Errand::Keep { place, keeping }) => {
                let (moved, kept) = (keeping.moved(), keeping.keep());
                let _ = messages.send(Message::Kept { place, kept, moved });
            }
            Ok(Errand::Leave { place, tree }) => {
                let _ = messages.send(Message::Left { place, left: tree.leave().map(Box::new) });
            }
            Ok(Errand::TakeUp { place, folder, left, ended }) => {
                let seen = match left {
                    Left::Own { tree, head } => folder.after_lost(&tree, &head),
                    Left::Shared => folder.after_left(),
                };
                let seen = Some(Box::new(seen));
                let (ending, heard) = *ended;
                let _ = messages.send(Message::Ended { place, part: Part::Work, ending, heard, seen });
            }
            Ok(Errand::Adopt { place, adopted, control, agent, doing }) => {
                let (messages, part, heard) = (messages.clone(), Part::Work, Mutex::default());
                let listener = Listener { place, part, agent, messages, doing, recorder: None, heard };
                let after = adopted.look_after(&control, &listener);
                let heard = listener.take_heard();
                let _ = listener.messages.send(Message::AdoptedEnded { place, after, heard });
            }
            Ok(Errand::Merge { place, chore }) => {
                let _ = messages.send(Message::Merge { place, done: chore.carry_out() });
            }
            Ok(Errand::KeepFirst { request, repository, run, ask }) => {
                let kept = requests::keep_first(&repository, &run, &ask);
                let _ = messages.send(Message::KeptFirst { request, kept });
            }
            Ok(Errand::Read { place, incoming, reading, words }) => {
                // Nothing else is brought here.
                let Ok(Request { ask: Ask::Submit(submission), .. }) = &incoming.request else { continue };
                let read = Box::new(reading.read(submission, &words));
                let _ = messages.send(Message::Read { place, incoming, read });
            }
            Ok(Errand::ReadWritten { place, review, reading, words }) => {
                let review = Box::new(reading.read_written(*review, &words));
                let _ = messages.send(Message::ReadWritten { place, review });
            }
        }
    }
}

/// Hands on what a child has said that is gone and whose crew process died.
pub(super) fn hear_left(
    place: usize,
    left: &LeftOutput,
    control: &Control,
    agent: Option<Arc<dyn Agent>>,
    messages: SyncSender<Message>,
) {
    let (part, heard, doing) = (Part::Work, Mutex::default(), Arc::default());
    let listener = Listener { place, part, agent, messages, doing, recorder: None, heard };
    left.follow_while(control, &listener, || ());
}

fn run(job: Job, messages: &SyncSender<Message>, spare: &mut SpareLog) {
    let Job { place, part, child, control, agent, doing, recorder, folder, tree } = job;
    if let Some(tree) = &tree {
        let tell = |event| {
            let _ = messages.send(Message::Placed { place, event: Box::new(event) });
        };
        if let Err(why) = tree.prepare(&control, tell) {
            let _ = messages.send(Message::Unplaced { place, why });
            return;
        }
    }
    spare.lend(&child.log);
    let messages = messages.clone();
    if let Some(folder) = &folder {
        folder.before(part);
    }
    if let Some(recorder) = &recorder {
        recorder.begin();
    }
    let heard = Mutex::default();
    let listener = Arc::new(Listener { place, part, agent, messages, doing, recorder, heard });
    let ending = child::run(&child, &control, listener.clone());
    let seen =
        folder.as_ref().filter(|_| ending.not_started.is_none()).map(|folder| Box::new(folder.after(part)));
    if let (Some(recorder), Some(folder)) = (&listener.recorder, &folder) {
        recorder.changes(folder);
    }
    if ending.output_bytes == 0 {
        spare.take_back(&child.log);
    }
    let heard = listener.take_heard();
    let _ = listener.messages.send(Message::Ended { place, part, ending, heard, seen });
}

/// An empty log file that goes from one child to the next: a child that prints nothing leaves no log, and a run of
/// thousands of such children does not make and keep thousands of empty files.
struct SpareLog {
    number: usize,
    file: Option<PathBuf>,
}

impl SpareLog {
    fn lend(&mut self, log: &Path) {
        // Where this does not work, the child's log is made anew.
        if let Some(file) = self.file.take().filter(|_| !log.exists()) {
            let _ = std::fs::rename(file, log);
        }
    }

    fn take_back(&mut self, log: &Path) {
        let file = log.with_file_name(format!(".spare-{}", self.number));
        if std::fs::rename(log, &file).is_ok() {
            self.file = Some(file);
        }
    }
}

impl Drop for SpareLog {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Hears what one child says and passes on what matters.
struct Listener {
    place: usize,
    part: Part,
    agent: Option<Arc<dyn Agent>>,
    messages: SyncSender<Message>,
    doing: Arc<Mutex<String>>,
    recorder: Option<Arc<Recorder>>,
    heard: Mutex<Heard>,
}

impl ChildNews for Listener {
    fn started(&self, process: ProcessId) {
        if !matches!(self.part, Part::Check(_)) {
            let _ = self.messages.send(Message::Started { place: self.place, process });
        }
    }

    fn reads_lines(&self) -> bool {
        self.agent.is_some()
    }

    fn caught_up(&self) {
        let _ = self.messages.send(Message::CaughtUp { place: self.place });
    }

    fn first_has_ended(&self) {
        let heard = self.take_heard();
        let _ = self.messages.send(Message::FirstEnded { place: self.place, heard });
    }

    fn line(&self, stream: Stream, line: &str) {
        let Some(agent) = &self.agent else { return };
        if let Some(recorder) = &self.recorder {
            recorder.line(stream, line);
        }
        for text in signed::find(line) {
            let _ = self.messages.send(Message::Signed { place: self.place, text: text.to_owned() });
        }
        let said = match stream {
            Stream::Output => agent.read_line(line),
            Stream::Error => Some(agent.read_stderr_line(line)),
        };
        let Some(said) = said else {
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).odd_lines += 1;
            return;
        };
        for said in said {
            let waited = self.take_in(agent.promises_final(), &said);
            // Words are only kept at the end; a flood of them must not become a flood of messages. The first after a
            // wait tell that it is over.
            if waited || !matches!(said, Said::Message(_) | Said::MessagePart(_)) {
                let _ = self.messages.send(Message::Said { place: self.place, said });
            }
        }
    }
}

impl Listener {
    fn take_heard(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps what was said, and tells whether a wait came before it.
    fn take_in(&self, has_final: bool, said: &Said) -> bool {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = std::mem::replace(&mut heard.waits, matches!(said, Said::Waiting { .. }));
        let in_pieces = std::mem::replace(&mut heard.in_pieces, matches!(said, Said::MessagePart(_)));
        let doing = match said {
            Said::Message(text) => {
                heard.keep(text, if has_final { Keep::Instead } else { Keep::AsNextLine });
                last_line(text)
            }
            Said::MessagePart(text) => {
                heard.keep(text, if in_pieces { Keep::Behind } else { Keep::Instead });
                last_line(text)
            }
            Said::Final { text: Some(text), .. } => {
                heard.keep(text, Keep::Instead);
                return waited;
            }
            Said::ToolStarted { name, arguments, .. } => &format!("{name} {arguments}"),
            Said::Waiting { reason, .. } => &format!("waits: {reason}"),
            _ => return waited,
        };
        drop(heard);
        if !doing.is_empty() {
            // A line of a megabyte is not looked at whole just to show its beginning, and of the lines that nobody sees,
            // none is made safe: whoever shows it does that, and what is cut here lies far behind what is shown.
            let start = doing.char_indices().nth(MAX_DOING * 4).map_or(doing, |(end, _)| &doing[..end]);
            start.clone_into(&mut self.doing.lock().unwrap_or_else(PoisonError::into_inner));
        }
        waited
    }
}

/// How words follow the ones before them.
#[derive(Clone, Copy)]
enum Keep {
    /// A stream of events says whole messages, and the last one counts.
    Instead,
    /// Plain output is one text, of which the end is kept.
    AsNextLine,
    Behind,
}

impl Heard {
    fn keep(&mut self, text: &str, how: Keep) {
        match how {
            Keep::Instead => self.last_words.clear(),
            Keep::AsNextLine if !self.last_words.is_empty() => self.last_words.push('\n'),
            Keep::AsNextLine | Keep::Behind => {}
        }
        let kept = &mut self.last_words;
        kept.push_str(text);
        // Cut rarely, so that a flood of short lines costs its own length and no more.
        if kept.len() > 2 * MAX_LAST_WORDS {
            let from =
                (kept.len() - MAX_LAST_WORDS..).find(|at| kept.is_char_boundary(*at)).unwrap_or(kept.len());
            kept.drain(..from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_output_keeps_its_end_and_events_their_last_message() {
        let mut heard = Heard::default();
        for number in 0..100_000 {
            heard.keep(&format!("line {number}"), Keep::AsNextLine);
        }
        assert!(
            heard.last_words.ends_with("line 99998\nline 99999")
                && heard.last_words.len() <= 2 * MAX_LAST_WORDS
        );
        heard.keep("do", Keep::Instead);
        heard.keep("ne", Keep::Behind);
        assert_eq!(heard.last_words, "done");
    }
}
