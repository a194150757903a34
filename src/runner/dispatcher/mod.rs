//! The loop that owns a run: receive, decide, record, act.

mod adopting;
mod answers;
pub mod cancelling;
mod custody;
mod desk;
mod giving_up;
mod leaving;
mod life;
mod merging;
mod reading;
mod rounds;
mod settling;
mod starting;
mod stopping;
mod strays;
mod taking_over;
mod used_numbers;
mod waiting;
mod writing;

use crate::domain::budget::Ledger;
use crate::domain::conflict::{Clash, MOST_CLASHES};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{ArtifactKind, Event, Recorded};
use crate::domain::id::TaskId;
use crate::domain::judgement::StopReason;
use crate::domain::liveness;
use crate::domain::provider::Providers;
use crate::domain::run::{Ended, Run, RunStatus};
use crate::domain::schedule::Schedule;
use crate::domain::task::Working;
use crate::runner::attempt::OpenAttempt;
use crate::runner::clock;
use crate::runner::folder::FolderWatch;
use crate::runner::forecast::{self, ForecastWatch};
use crate::runner::inbox_watch;
use crate::runner::kept_output::KeptOutput;
use crate::runner::launch::Setup;
use crate::runner::pipe_watch;
use crate::runner::process;
use crate::runner::requests::KeptFirst;
use crate::runner::slots::{Errand, Message, Part, Slots};
use crate::runner::summary;
use crate::store::StoreError;
use crate::store::artifacts;
use crate::store::database::{Answered, Applied, Store};
use crate::store::inbox;
use crate::store::layout::RunPaths;
use crate::store::lock::RunLock;
use crate::workspace::snapshot;
use life::Life;
use reading::{BeingRead, Reader};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use strays::Strays;

/// Messages that may wait for the dispatcher before its children have to.
const MAILBOX: usize = 1024;
/// How often limits of silence and of output are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often the inbox is looked at without being told to.
const INBOX_LOOK: Duration = Duration::from_secs(1);
/// How long progress may wait to be written together with what comes next.
const GROUPING: Duration = Duration::from_millis(10);
/// How often people see the live view change.
const LIVE_VIEW: Duration = Duration::from_millis(150);
/// How long the answers of an attempt are kept after it, while the run goes on.
const ANSWER_KEPT: Duration = Duration::from_secs(10);

/// Is told what happens; called between a commit and the next decision, so it should be quick.
pub trait Observer {
    /// Something has been recorded.
    fn happened(&mut self, run: &Run, event: &Recorded);
    /// Tells whether `tick` is wanted.
    fn watches(&self) -> bool;
    /// Shows what goes on between events. `providers` limit requests.
    fn tick(&mut self, run: &Run, working: &[Working], providers: &Providers);
    /// The JSON copies cannot be written, and why; it is tried again.
    fn uncopied(&mut self, _: &Run, _: &str) {}
    /// Nothing goes on, and gates are open: tells whether a person is being asked here and now, so that it is worth
    /// staying.
    fn asks(&mut self, run: &Run) -> bool;
}

/// How the dispatcher came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    pub status: RunStatus,
    /// A person stopped it.
    pub interrupted: bool,
}

/// What is done after what was decided is on the disk.
enum Effect {
    Start(Errand),
    /// Nobody has to see any more what was seen of an attempt's folder.
    Forget(Arc<FolderWatch>),
    /// Nobody has to go on any more with what an attempt's children said.
    ForgetOutput(Vec<KeptOutput>),
    /// A request that came in an agent's output has nobody who waits for the answer.
    Answer {
        incoming: inbox::Incoming,
        answer: String,
        is_awaited: bool,
    },
}

/// How far the request of a person has come for which something is kept first. One at a time: two may be about the same
/// folder.
enum KeepsFirst {
    Nothing,
    /// A slot is at it, for the request with this id.
    UnderWay(String),
    Done(String, KeptFirst),
}

impl KeepsFirst {
    fn is_under_way(&self) -> bool {
        matches!(self, KeepsFirst::UnderWay(_))
    }
}

/// The owner of a run.
pub struct Dispatcher<'a> {
    store: &'a mut Store,
    run: Run,
    paths: RunPaths,
    setup: &'a Setup,
    observer: &'a mut dyn Observer,
    schedule: Schedule,
    ledger: Ledger,
    /// Those that limit requests, as the store said it last; all runs share what it says.
    providers: Providers,
    /// Tasks that could start, were there room for them in a budget.
    waiting: Vec<usize>,
    messages: Receiver<Message>,
    slots: Slots,
    open: BTreeMap<usize, OpenAttempt>,
    /// Places of tasks whose work trees are being taken away.
    leaving: BTreeSet<usize>,
    /// Decided, applied in memory, and not yet written.
    batch: Vec<Applied>,
    /// Since when the batch has something in it that waits for company.
    batch_began: Option<Instant>,
    answered: Vec<Answered>,
    effects: Vec<Effect>,
    /// Requests of each open attempt, by its place: their answers go with it.
    asked: BTreeMap<usize, Vec<String>>,
    /// Requests whose attempts have ended, and when they did.
    over: VecDeque<(Instant, Vec<String>)>,
    keeps_first: KeepsFirst,
    reading: BeingRead,
    /// Requests whose answer could not be written; they are not tried again.
    unanswerable: HashSet<String>,
    /// Numbers of attempts that the record does not know, and that were given out: the last one of each task.
    used_numbers: HashMap<TaskId, u32>,
    stopping: Option<StopReason>,
    stop_level: u32,
    copied: CopyClock,
    life: Life,
    strays: Strays,
    /// What agents say is kept for whoever comes after us, or was by the one before us.
    keeps_output: bool,
    inbox_looked: Instant,
    /// Something has landed in the inbox since then.
    inbox_rang: bool,
    /// Where several tasks work on branches of their own.
    forecast: Option<ForecastWatch>,
    /// Kept to the end: the run is ours.
    _lock: RunLock,
}

/// Carries a run out, and returns it as it ended. The caller has taken its lock; a run that another process left is
/// taken up where it stands.
pub fn carry_out(
    store: &mut Store,
    run: Run,
    lock: RunLock,
    setup: &Setup,
    observer: &mut dyn Observer,
) -> Result<(Finished, Run), StoreError> {
    let _span = tracing::error_span!("run", run = %run.id).entered();
    tracing::info!(
        tasks = run.tasks.len(),
        jobs = run.limits.jobs,
        last_seq = run.last_seq,
        "carries the run out"
    );
    let paths = store.paths(&run.id);
    for folder in [paths.logs(), paths.inbox(), paths.artifacts(), paths.bin()] {
        std::fs::create_dir_all(&folder).map_err(StoreError::file(&folder))?;
    }
    put_ourselves_on_path(&paths)?;
    process::adopt_orphans();
    let (sender, messages) = sync_channel(MAILBOX);
    super::signals::watch(sender.clone()).map_err(StoreError::file("signals"))?;
    let _watch = inbox_watch::watch(&paths.inbox(), sender.clone());
    let pipe = pipe_watch::watch(&paths.inbox(), sender.clone());
    let forecast = forecast::watch(&run, setup.repository.clone(), paths.logs(), sender.clone());
    let mut dispatcher = Dispatcher::new(store, run, paths, (setup, observer), (sender, messages), lock);
    dispatcher.forecast = forecast;
    let carried = dispatcher.take_over().and_then(|()| dispatcher.work());
    if let Err(error) = &carried {
        tracing::error!(%error, "the record cannot be kept: all children are killed");
        dispatcher.kill_everything();
    }
    dispatcher.hand_on_hurry();
    // It goes before the lock does: the next owner makes a pipe of its own, which is not ours to take away.
    drop(pipe);
    carried.map(|finished| (finished, dispatcher.run))
}

/// Makes `crew` in a child's shell the program that runs now.
fn put_ourselves_on_path(paths: &RunPaths) -> Result<(), StoreError> {
    let link = paths.bin().join("crew");
    let ourselves = std::env::current_exe().map_err(StoreError::file("the running program"))?;
    // A crew of another version may have begun the run.
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(ourselves, &link).map_err(StoreError::file(&link))
}

impl<'a> Dispatcher<'a> {
    fn new(
        store: &'a mut Store,
        run: Run,
        paths: RunPaths,
        (setup, observer): (&'a Setup, &'a mut dyn Observer),
        (sender, messages): (SyncSender<Message>, Receiver<Message>),
        lock: RunLock,
    ) -> Dispatcher<'a> {
        Dispatcher {
            schedule: Schedule::of(&run),
            ledger: Ledger::of(&run),
            providers: Providers::default(),
            waiting: Vec::new(),
            store,
            run,
            setup,
            observer,
            messages,
            slots: Slots::new(sender),
            open: BTreeMap::new(),
            leaving: BTreeSet::new(),
            batch: Vec::new(),
            batch_began: None,
            answered: Vec::new(),
            effects: Vec::new(),
            asked: BTreeMap::new(),
            over: VecDeque::new(),
            keeps_first: KeepsFirst::Nothing,
            reading: BeingRead::default(),
            unanswerable: HashSet::new(),
            used_numbers: HashMap::new(),
            stopping: None,
            stop_level: 0,
            copied: CopyClock::new(),
            life: Life::new(),
            strays: Strays::default(),
            keeps_output: setup.limits.adopts || paths.output().exists(),
            inbox_looked: Instant::now(),
            inbox_rang: false,
            forecast: None,
            paths,
            _lock: lock,
        }
    }

    fn work(&mut self) -> Result<Finished, StoreError> {
        loop {
            self.look_into_inbox()?;
            // Taking over, and ending what was put aside, may have waited for a grace.
            self.life.note_own_work();
            self.work_until_idle()?;
            self.end_what_was_put_aside()?;
            // Whoever asked while the last child ended gets an answer; a person who decided finds the run at work.
            self.look_into_inbox()?;
            let is_asked = self.keeps_first.is_under_way() || self.reading.count() > 0;
            if !is_asked && (self.stopping.is_some() || !self.schedule.has_ready()) {
                return self.finish_run();
            }
        }
    }

    /// Works until nothing can go on, or somebody stops it.
    fn work_until_idle(&mut self) -> Result<(), StoreError> {
        loop {
            self.start_what_can()?;
            self.flush()?;
            let is_asked = self.keeps_first.is_under_way() || self.reading.count() > 0;
            let is_free = self.open.is_empty() && self.leaving.is_empty() && !is_asked;
            let idle = is_free && self.schedule.next_wake().is_none();
            if idle && self.run.open_gates().next().is_some() && self.stopping.is_none() {
                if !self.observer.asks(&self.run) && !self.decides_itself_soon() {
                    break;
                }
            } else if idle || (is_free && self.stopping.is_some()) {
                break;
            }
            self.receive()?;
            self.look_after_limits()?;
            self.look_for_life()?;
            self.close_overdue_gates()?;
            if self.inbox_looked.elapsed() >= INBOX_LOOK {
                self.look_into_inbox()?;
            }
            self.forget_answers(ANSWER_KEPT);
            self.copy_when_due()?;
        }
        Ok(())
    }

    /// Waits for something to happen, and takes in all that has.
    fn receive(&mut self) -> Result<(), StoreError> {
        let received = self.messages.recv_timeout(self.patience());
        self.look_at_clocks()?;
        match received {
            Ok(message) => self.handle(message)?,
            Err(RecvTimeoutError::Timeout) => {}
            // The sender for signals lives as long as we do.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK),
        }
        // What has come in by now shares one commit.
        for _ in 0..MAILBOX {
            match self.messages.try_recv() {
                Ok(message) => self.handle(message)?,
                Err(_) => break,
            }
        }
        if self.inbox_rang {
            // Once for all that rang: each look reads whatever waits there.
            self.look_into_inbox()?;
        }
        if self.observer.watches() {
            let working = self.working();
            self.observer.tick(&self.run, &working, &self.providers);
        }
        Ok(())
    }

    /// Returns how long nothing has to be looked at.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let mut patience = if self.observer.watches() { LIVE_VIEW } else { LOOK };
        if let Some(began) = self.batch_began.filter(|_| !self.batch.is_empty()) {
            patience = patience.min(GROUPING.saturating_sub(began.elapsed()));
        }
        for (_, open) in self.open.iter().filter(|(place, _)| !self.reading.has_ended(**place)) {
            let lingering = open.final_at.map(|at| at + self.setup.limits.grace);
            // Once a child has been asked to end, its other limits have no more to say.
            let moments = match open.stopped {
                Some(_) => [open.kill_at, None],
                None => [Some(open.deadline), lingering.or(open.last_word_at())],
            };
            for moment in moments.into_iter().flatten() {
                patience = patience.min(moment.saturating_duration_since(now));
            }
        }
        if let Some(left) = self.ledger.time_left(clock::now()) {
            patience = patience.min(left.max(GROUPING));
        }
        for wake in self.schedule.next_wake().into_iter().chain(self.next_gate()) {
            patience = patience.min(wake.since(clock::now()));
        }
        patience
    }

    fn handle(&mut self, message: Message) -> Result<(), StoreError> {
        let task = message.place().map(|place| self.run.tasks[place].spec.id.as_str());
        match message {
            Message::Said { .. } => tracing::trace!(task, what = message.name(), "received"),
            _ => tracing::debug!(task, what = message.name(), "received"),
        }
        match message {
            Message::Started { place, process } => self.note_process(place, process),
            Message::Said { place, said } => self.listen(place, said),
            Message::Signed { place, .. }
            | Message::Ended { place, part: Part::Work | Part::Reminder, .. }
            | Message::AdoptedEnded { place, .. }
                if self.has_to_wait(place, &message)? =>
            {
                self.reading.hold(place, message);
                Ok(())
            }
            Message::Ended { place, part, ending, heard, seen } => {
                self.note_end(place, part, (ending, heard, seen.map(|seen| *seen)))
            }
            Message::AdoptedEnded { place, after, heard } => self.note_adopted_end(place, after, heard),
            Message::CaughtUp { place } => {
                self.note_caught_up(place);
                Ok(())
            }
            Message::FirstEnded { place, heard } => {
                self.open.get_mut(&place).into_iter().for_each(|open| open.note_first_ended(heard.clone()));
                Ok(())
            }
            Message::Placed { place, event } if self.open.contains_key(&place) => self.record(*event),
            Message::Placed { .. } => Ok(()),
            Message::Unplaced { place, why } => self.note_unplaced(place, why),
            Message::Kept { place, kept, moved } => self.note_kept(place, kept, moved),
            Message::Left { place, left } => self.note_left(place, left.map(|event| *event)),
            Message::Merge { place, done } => self.note_merge(place, done),
            Message::KeptFirst { request, kept } => self.note_kept_first(request, kept),
            Message::Read { place, incoming, read } => self.note_read(place, *incoming, *read),
            Message::ReadWritten { place, review } => self.note_read_written(place, *review),
            Message::Signed { place, text } => self.take_signed(place, &text, Reader::Slot),
            Message::Inbox => {
                self.inbox_rang = true;
                Ok(())
            }
            Message::Clashes(clashes) => self.note_clashes(clashes),
            Message::Stop { level, by } => self.stop_on_request(level, by),
        }
    }

    /// Applies an event in memory; it is written with the next flush.
    fn record(&mut self, event: Event) -> Result<(), StoreError> {
        if let Event::AttemptEnded { task, attempt, .. } = &event
            && self.keeps_output
        {
            self.effects.push(Effect::ForgetOutput(self.output_of(task, *attempt)));
        }
        let ended = match &event {
            Event::AttemptEnded { task, .. } => self.run.place(task),
            _ => None,
        };
        log_decided(&event);
        self.batch.push(Applied::to(&mut self.run, clock::now(), event)?);
        ended.into_iter().for_each(|place| self.leave_tree(place));
        Ok(())
    }

    /// Records what branches do to each other.
    fn note_clashes(&mut self, mut clashes: Vec<Clash>) -> Result<(), StoreError> {
        let more = clashes.len().saturating_sub(MOST_CLASHES) as u64;
        clashes.truncate(MOST_CLASHES);
        if clashes == self.run.clashes && more == self.run.more_clashes {
            return Ok(());
        }
        self.record(Event::ConflictsSeen { clashes, more })
    }

    fn working(&self) -> Vec<Working> {
        let now = Instant::now();
        let thresholds = &self.setup.limits.liveness;
        let view = |(place, open): (&usize, &OpenAttempt)| {
            let quiet = open.quiet(now);
            let level = liveness::level(open.occupied(self.is_starting(*place)), quiet, thresholds);
            let doing = open.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let doing = match &open.agent {
                None if doing.is_empty() => super::child::last_line(&open.log, &open.words, 4096),
                _ => Some(doing),
            };
            let doing = doing.map(|doing| open.safe(&doing, 200));
            Working {
                place: *place,
                elapsed: open.began.elapsed(),
                quiet: level.is_quiet().then_some(quiet),
                doing: doing.unwrap_or_default(),
                usage: open.usage,
            }
        };
        self.open.iter().map(view).collect()
    }

    fn finish_run(&mut self) -> Result<Finished, StoreError> {
        self.let_go_unasked()?;
        // Whoever stops a run does not want to wait for a guess.
        let last_look = self.forecast.take().filter(|_| self.stopping.is_none());
        if let Some(clashes) = last_look.and_then(|forecast| forecast.last_look()) {
            self.note_clashes(clashes)?;
        }
        let state = self.run.counts.status(false, true, Ended::Stopped);
        let text = summary::write(&self.run, state);
        let kept = artifacts::keep(
            &self.paths,
            (ArtifactKind::Summary, "summary.md".into()),
            None,
            text.as_bytes(),
        )?;
        self.record(kept)?;
        self.record(Event::RunEnded { state })?;
        self.flush()?;
        self.forget_answers(Duration::ZERO);
        // The run has ended, whoever else writes to the store: what was said of its life is read of nobody but a living owner.
        let _ = self.store.end_beats(&self.run.id);
        inbox::sweep(&self.paths.inbox(), clock::now());
        snapshot::sweep(&self.paths.logs());
        // Empty by now, where it was ever made.
        let _ = std::fs::remove_dir(self.paths.output());
        self.copy(false)?;
        Ok(Finished { status: state, interrupted: self.stopping == Some(StopReason::Interrupted) })
    }
}

/// Logs what was decided; what agents do on their way is of less weight.
fn log_decided(event: &Event) {
    let (kind, task) = (event.kind(), event.task().map(TaskId::as_str));
    let attempt = event.attempt();
    match event {
        Event::AttemptEnded { outcome, error_kind, reason, .. } => {
            let error = error_kind.map(ErrorKind::name);
            tracing::info!(kind, task, attempt, outcome = outcome.name(), error, reason, "decided")
        }
        Event::TaskSkipped { reason, .. } | Event::TaskCancelled { reason, .. } => {
            tracing::info!(kind, task, reason, "decided")
        }
        Event::VerificationEnded { command, ending, cached, .. } => {
            tracing::info!(kind, task, attempt, command, exit = ending.exit, cached, "decided")
        }
        Event::ToolInvoked { .. }
        | Event::NoteTaken { .. }
        | Event::AgentWaited { .. }
        | Event::SessionStarted { .. }
        | Event::ArtifactKept { .. } => tracing::debug!(kind, task, attempt, "decided"),
        _ => tracing::info!(kind, task, attempt, "decided"),
    }
}

/// Decides when the JSON copies are written again: they may take a twentieth of the time, and no more, and where nothing has
/// happened since, none at all.
struct CopyClock {
    next: Instant,
    /// The newest event that they know.
    seq: Option<i64>,
    /// They could not be written, and that was told.
    told: bool,
}

/// When copies are tried again that could not be written.
const COPY_AGAIN: Duration = Duration::from_secs(10);

impl CopyClock {
    fn new() -> CopyClock {
        CopyClock { next: Instant::now(), seq: None, told: false }
    }

    fn is_due(&self, seq: i64) -> bool {
        self.seq != Some(seq) && Instant::now() >= self.next
    }

    /// Puts off what could not be written. Tells whether nobody was told so before.
    fn put_off(&mut self) -> bool {
        self.next = Instant::now() + COPY_AGAIN;
        !std::mem::replace(&mut self.told, true)
    }

    fn note(&mut self, began: Instant, seq: i64) {
        self.seq = Some(seq);
        self.next = Instant::now() + Duration::from_secs(1).max(began.elapsed() * 20);
    }
}
