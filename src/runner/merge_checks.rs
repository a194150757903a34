//! The commands by which merged work is verified before a branch moves: run one after the other, and ended with all that
//! they have started when somebody types ctrl-C.

use super::child::{self, ChildNews, ChildSpec, Control};
use super::process::{self, GroupSignal};
use super::signals;
use super::slots::Message;
use super::worktree_setup::{self, NotReady, Preparation};
use crate::domain::event::{Ending, ProcessId};
use crate::domain::recording::Stream;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How often it is looked whether a child has ended.
const LOOK: Duration = Duration::from_millis(10);
/// Signals that may wait for us.
const MAILBOX: usize = 16;

/// How a command ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Checked {
    Passed(Ending),
    Failed(Ending),
    /// It was ended because its time was over.
    Late(Ending),
    /// Somebody asked for the end.
    Stopped,
}

/// Where commands are run, from the beginning of a merge to its end. While it is there, ctrl-C is a wish, and comes
/// true where nothing is half done.
#[derive(Debug)]
pub struct Bench {
    wishes: Receiver<Message>,
    /// How often somebody has asked for the end.
    level: u32,
}

impl Bench {
    /// Begins to listen to signals.
    pub fn new() -> io::Result<Bench> {
        let (sender, wishes) = sync_channel(MAILBOX);
        signals::watch(sender)?;
        process::adopt_orphans();
        Ok(Bench { wishes, level: 0 })
    }

    /// Tells whether somebody has asked for the end.
    pub fn is_stopped(&mut self) -> bool {
        while let Ok(message) = self.wishes.try_recv() {
            self.note(&message);
        }
        self.level > 0
    }

    fn note(&mut self, message: &Message) {
        if let Message::Stop { level, .. } = message {
            self.level = self.level.max(*level);
        }
    }

    /// Makes a new work tree ready, as those of tasks are.
    pub fn make_ready(&mut self, preparation: &Preparation) -> Result<(), NotReady> {
        let control = Control::default();
        // It looks after its own time.
        let forever = Duration::from_secs(u64::from(u32::MAX));
        self.supervise(&control, (forever, Duration::ZERO), || {
            worktree_setup::make_ready(preparation, true, &control)
        })
        .0
    }

    /// Runs a command to its end, for no longer than `limit`.
    pub fn run(&mut self, child: &ChildSpec, limit: Duration) -> Checked {
        if self.is_stopped() {
            return Checked::Stopped;
        }
        let control = Control::default();
        let (ending, late) =
            self.supervise(&control, (limit, child.grace), || child::run(child, &control, Arc::new(Unheard)));
        match () {
            () if self.is_stopped() => Checked::Stopped,
            () if late => Checked::Late(ending),
            () if ending.exit == Some(0) => Checked::Passed(ending),
            () => Checked::Failed(ending),
        }
    }

    /// Waits for what is done in a thread of its own, and passes on what is wished. Tells whether its time was over.
    fn supervise<T: Send>(
        &mut self,
        control: &Control,
        (limit, grace): (Duration, Duration),
        work: impl FnOnce() -> T + Send,
    ) -> (T, bool) {
        let deadline = Instant::now() + limit;
        let mut ended_at: Option<Instant> = None;
        let mut late = false;
        let done = std::thread::scope(|scope| {
            let worker = scope.spawn(work);
            while !worker.is_finished() {
                match self.wishes.recv_timeout(LOOK) {
                    Ok(message) => self.note(&message),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
                }
                late |= Instant::now() >= deadline;
                if (late || self.level > 0) && ended_at.is_none() {
                    ended_at = Some(Instant::now());
                    control.signal(GroupSignal::End);
                }
                if self.level > 1 || ended_at.is_some_and(|at| at.elapsed() >= grace) {
                    control.signal(GroupSignal::Kill);
                }
            }
            worker.join()
        });
        match done {
            Ok(done) => (done, late),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Hears nothing: the command's output goes into the log.
struct Unheard;

impl ChildNews for Unheard {
    fn started(&self, _: ProcessId) {}

    fn reads_lines(&self) -> bool {
        false
    }

    fn line(&self, _: Stream, _: &str) {}
}
