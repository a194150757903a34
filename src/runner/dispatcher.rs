//! The loop that owns a run: receive, decide, record, act.

use super::attempt::{MAX_SUMMARY_LINE, OpenAttempt};
use super::clock;
use super::folder::{FolderWatch, Looks, Seen};
use super::handed_in_files;
use super::inbox_watch;
use super::launch::{self, AttemptIdentity, LaunchError, Prepared, Setup};
use super::pipe_watch;
use super::process::{self, Among, GroupSignal};
use super::recorder::Recorder;
use super::requests;
use super::slots::{Heard, Job, Message, Part, Slots};
use super::summary;
use crate::agents::{Agent, Said, abilities};
use crate::domain::budget::{Closeness, Ledger, MayStart, Notice, Reservation, Standing, What};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Again, ArtifactKind, Ending, Event, Outcome, ProcessId, Recorded};
use crate::domain::gate::{self, About, Decision, Gate, GateId};
use crate::domain::id::TaskId;
use crate::domain::judgement::{self, Judgement, StopReason};
use crate::domain::price::Price;
use crate::domain::recording::{self, Head};
use crate::domain::retry;
use crate::domain::run::{Run, RunStatus};
use crate::domain::schedule::{Schedule, Skip};
use crate::domain::signed;
use crate::domain::submission::{self, HandedIn};
use crate::domain::task::{Attempt, AttemptState, Task, TaskState, Work, Working};
use crate::domain::time::Time;
use crate::domain::tree_check::Bounds;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::store::StoreError;
use crate::store::artifacts;
use crate::store::copies;
use crate::store::database::{Answered, Applied, Store};
use crate::store::inbox;
use crate::store::layout::{self, RunPaths};
use crate::store::lock::RunLock;
use crate::store::verified::{Pass, Question};
use crate::workspace::snapshot;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

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
/// The most requests of an attempt whose answers are taken away with it; others grow old first.
const MAX_ASKED: usize = 10_000;
/// How often in a row a task may be lost with its crew process before it counts as its own doing.
const MAX_LOST: usize = 3;
/// How long an agent that has asked a question may take to end.
const AFTER_QUESTION: Duration = Duration::from_secs(60);
/// How long a run stays for a question that answers itself, and has nothing else to do.
const WORTH_STAYING: Duration = Duration::from_secs(60);

/// Is told what happens; called between a commit and the next decision, so it should be quick.
pub trait Observer {
    /// Something has been recorded.
    fn happened(&mut self, run: &Run, event: &Recorded);
    /// Tells whether `tick` is wanted.
    fn watches(&self) -> bool;
    /// Shows what goes on between events.
    fn tick(&mut self, run: &Run, working: &[Working]);
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
    Start(Job),
    /// A request that came in an agent's output has nobody who waits for the answer.
    Answer {
        incoming: inbox::Incoming,
        answer: String,
        is_awaited: bool,
    },
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
    /// Tasks that could start, were there room for them in a budget.
    waiting: Vec<usize>,
    messages: Receiver<Message>,
    slots: Slots,
    open: BTreeMap<usize, OpenAttempt>,
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
    /// Requests whose answer could not be written; they are not tried again.
    unanswerable: HashSet<String>,
    stopping: Option<StopReason>,
    stop_level: u32,
    copied: CopyClock,
    inbox_looked: Instant,
    /// Something has landed in the inbox since then.
    inbox_rang: bool,
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
    let mut dispatcher = Dispatcher::new(store, run, paths, (setup, observer), (sender, messages), lock);
    let carried = dispatcher.take_over().and_then(|()| dispatcher.work());
    if carried.is_err() {
        dispatcher.kill_everything();
    }
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
            waiting: Vec::new(),
            store,
            run,
            paths,
            setup,
            observer,
            messages,
            slots: Slots::new(sender),
            open: BTreeMap::new(),
            batch: Vec::new(),
            batch_began: None,
            answered: Vec::new(),
            effects: Vec::new(),
            asked: BTreeMap::new(),
            over: VecDeque::new(),
            unanswerable: HashSet::new(),
            stopping: None,
            stop_level: 0,
            copied: CopyClock::new(),
            inbox_looked: Instant::now(),
            inbox_rang: false,
            _lock: lock,
        }
    }

    /// Records that the run is ours, and closes what a dead owner left open.
    fn take_over(&mut self) -> Result<(), StoreError> {
        snapshot::sweep(&self.paths.logs());
        inbox::sweep(&self.paths.inbox(), clock::now());
        let pid = std::process::id();
        let process = process::identify(pid).unwrap_or(ProcessId { pid, start: 0, boot: String::new() });
        self.record(Event::DispatcherStarted { process })?;
        let left_open = |task: &Task| task.last().is_some_and(|attempt| attempt.is_open());
        let places: Vec<usize> =
            (0..self.run.tasks.len()).filter(|at| left_open(&self.run.tasks[*at])).collect();
        for place in places {
            self.close_lost(place)?;
        }
        self.close_overdue_gates()?;
        self.schedule = Schedule::of(&self.run);
        self.ledger = Ledger::of(&self.run);
        self.skip_impossible()
    }

    /// Ends what a dead owner's attempt left running, and settles it: a result that was accepted is not lost.
    fn close_lost(&mut self, place: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(left) = task.last() else { return Ok(()) };
        if let Some(process) = left.process.as_ref().filter(|process| process::is_alive(process)) {
            process::signal_group(process.pid, GroupSignal::Kill);
        }
        process::end_marked(&self.marks_of(place), Among::Everybody, self.setup.limits.grace, || false);
        let (id, number, submission) = (task.spec.id.clone(), left.number, left.submission.clone());
        let files = self.finish_files(place)?;
        let task = &self.run.tasks[place];
        let lost = |attempt: &&Attempt| attempt.state == AttemptState::Ended(Outcome::Lost);
        let often = task.attempts.iter().rev().skip(1).take_while(lost).count() + 1 >= MAX_LOST;
        let summary = submission.as_deref().map(HandedIn::summary).unwrap_or_default();
        let summary = clean_line(&summary, MAX_SUMMARY_LINE);
        // It waited for nothing but the answer, so nothing of it has to be checked.
        let asked = submission.as_deref().filter(|handed_in| {
            matches!(handed_in, HandedIn::Question(_)) && task.unanswered < judgement::MAX_UNANSWERED
        });
        let asked = asked.and_then(|question| gate::after_attempt(task, Some(question), &summary));
        let (outcome, reason) = match submission {
            Some(_) if asked.is_some() => (Outcome::Succeeded, "it had asked when the crew process died"),
            Some(_) => (Outcome::NeedsReview, "it had handed in something when the crew process died"),
            None if often => (Outcome::Lost, "the crew process died with it several times in a row"),
            None => (Outcome::Lost, "the crew process that owned it died"),
        };
        if let Some(result) = &submission {
            let kept = launch::keep_result(&self.paths, task, number, Some(result), "")?;
            kept.into_iter().try_for_each(|event| self.record(event))?;
        }
        let again = submission.is_none() && !often;
        if let Some((about, time)) = asked {
            self.open_gate(place, Some(number), about, time.or(self.setup.limits.gate))?;
        }
        self.record(Event::AttemptEnded {
            task: id,
            attempt: number,
            outcome,
            error_kind: (outcome == Outcome::Lost).then_some(ErrorKind::OwnerLost),
            reason: clean_line(&format!("{reason}{files}"), MAX_SUMMARY_LINE),
            ending: Ending::default(),
            usage: Usage::default(),
            summary,
            again: again.then(|| Again { not_before: clock::now(), reason: "owner_lost".into() }),
        })
    }

    /// Takes back what a dead owner had begun to apply, and applies it as a whole. Returns what to say where that fails.
    fn finish_files(&mut self, place: usize) -> Result<String, StoreError> {
        let (tree, task) = (&self.setup.repository, &self.run.tasks[place]);
        let Some(attempt) = task.last() else { return Ok(String::new()) };
        let number = attempt.number;
        if let Some(left) = handed_in_files::recover(tree, &self.paths, task, attempt)? {
            return Ok(format!("; {left}"));
        }
        let Some(files) = attempt.files_to_apply() else { return Ok(String::new()) };
        match handed_in_files::apply(tree, &self.paths, task, number, files)? {
            Ok(applied) => self.record_applied(place, number, applied).map(|()| String::new()),
            Err(why) => Ok(format!("; its files were not applied: {}", why.message)),
        }
    }

    /// Returns the variables by which the processes of a task are known, wherever they went.
    fn marks_of(&self, place: usize) -> [String; 2] {
        [format!("CREW_RUN={}", self.run.id), format!("CREW_TASK={}", self.run.tasks[place].spec.id)]
    }

    fn work(&mut self) -> Result<Finished, StoreError> {
        loop {
            self.look_into_inbox()?;
            self.work_until_idle()?;
            // What a command has put aside belongs to the run, and ends with it.
            let hurried = self.stop_level >= 2;
            process::end_marked(
                &[format!("CREW_RUN={}", self.run.id)],
                Among::OurOrphans,
                self.setup.limits.grace,
                || hurried,
            );
            // Whoever asked while the last child ended gets an answer; a person who decided finds the run at work.
            self.look_into_inbox()?;
            if self.stopping.is_some() || !self.schedule.has_ready() {
                return self.finish_run();
            }
        }
    }

    /// Works until nothing can go on, or somebody stops it.
    fn work_until_idle(&mut self) -> Result<(), StoreError> {
        loop {
            self.start_what_can()?;
            self.flush()?;
            let idle = self.open.is_empty() && self.schedule.next_wake().is_none();
            if idle && self.run.open_gates().next().is_some() && self.stopping.is_none() {
                if !self.observer.asks(&self.run) && !self.decides_itself_soon() {
                    break;
                }
            } else if idle || (self.open.is_empty() && self.stopping.is_some()) {
                break;
            }
            self.receive()?;
            self.look_after_limits()?;
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
        match self.messages.recv_timeout(self.patience()) {
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
            self.observer.tick(&self.run, &working);
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
        for open in self.open.values() {
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

    /// Tells whether an open question answers itself so soon that it is worth staying for.
    fn decides_itself_soon(&self) -> bool {
        let itself = |gate: &&Gate| gate.when_overdue() != Decision::Expired;
        let soon = clock::now().plus(WORTH_STAYING);
        self.run.open_gates().filter(itself).filter_map(|gate| gate.expires_at).any(|at| at <= soon)
    }

    fn handle(&mut self, message: Message) -> Result<(), StoreError> {
        match message {
            Message::Started { place, process } => self.note_process(place, process),
            Message::Said { place, said } => self.listen(place, said),
            Message::Ended { place, part, ending, heard, seen } => {
                self.note_end(place, part, (ending, heard, seen.map(|seen| *seen)))
            }
            Message::Signed { place, text } => self.take_signed(place, &text),
            Message::Inbox => {
                self.inbox_rang = true;
                Ok(())
            }
            Message::Stop { level, by } => self.stop_on_request(level, by),
        }
    }

    // What is decided

    /// Applies an event in memory; it is written with the next flush.
    fn record(&mut self, event: Event) -> Result<(), StoreError> {
        self.batch.push(Applied::to(&mut self.run, clock::now(), event)?);
        Ok(())
    }

    /// Takes in what an agent's stream says.
    fn listen(&mut self, place: usize, said: Said) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        if said.is_hopeless() {
            // Some CLIs try a dead key for minutes. Nothing they do helps before a person acts.
            open.stop(StopReason::Hopeless, self.setup.limits.grace);
        }
        let event = open.hear(&self.run.tasks[place], said);
        self.ledger.note_told(place, open.spent());
        match event {
            Some(event) => self.record(event),
            None => Ok(()),
        }
    }

    fn start_what_can(&mut self) -> Result<(), StoreError> {
        while self.stopping.is_none() && self.open.len() < self.run.limits.jobs as usize {
            let Some(place) = self.schedule.next_start(clock::now()) else { break };
            let spec = &self.run.tasks[place].spec;
            let free = self.run.limits.jobs as usize - self.open.len();
            let gate = gate::before_start(&self.run, &self.run.tasks[place], &self.setup.gates);
            match (self.ledger.may_start(place, spec, free, self.tells_cost(place), clock::now()), gate) {
                (MayStart::Yes(reserved), None) => {
                    self.start(place, reserved)?;
                    continue;
                }
                (MayStart::Yes(_), Some(about)) => {
                    self.open_gate(place, None, about, self.setup.limits.gate)?;
                }
                (MayStart::Wait, _) => self.waiting.push(place),
                (MayStart::Exceeded(budget), _) => self.fail_for_want(place, budget)?,
            }
            // The folder is free for another one.
            self.schedule.note_ended(place);
        }
        Ok(())
    }

    /// Tells whether the cost of a task may be expected to become known.
    fn tells_cost(&self, place: usize) -> bool {
        let task = &self.run.tasks[place];
        let tells = |agent: &Arc<dyn Agent>| abilities::tells_cost(&**agent) != Some(false);
        self.price_of(place).is_some() || self.setup.agents.get(task.spec.program()).is_none_or(tells)
    }

    fn price_of(&self, place: usize) -> Option<Price> {
        let task = &self.run.tasks[place];
        self.setup.prices.find(task.next_model(), task.spec.program())
    }

    /// Settles a task for which no budget is left.
    fn fail_for_want(&mut self, place: usize, budget: Standing) -> Result<(), StoreError> {
        let task = self.run.tasks[place].spec.id.clone();
        if let Some(recordings) = &self.setup.recordings {
            recordings.skip(task.as_str(), &budget.to_string());
        }
        let error_kind = ErrorKind::BudgetExceeded;
        self.record(Event::TaskFailed { task, error_kind, reason: budget.to_string() })?;
        self.note_settled(place, false)
    }

    /// Lets follow what follows from a task that has settled.
    fn note_settled(&mut self, place: usize, is_good: bool) -> Result<(), StoreError> {
        self.schedule.note_settled(&self.run, place);
        self.skip_impossible()?;
        let lenient = self.run.tasks[place].spec.continue_on_error;
        if !is_good && !lenient && self.run.limits.fail_fast {
            self.stop_all(StopReason::FailFast)?;
        }
        Ok(())
    }

    // Waiting for a person

    /// Records that a person has to decide. A task that is worked on pauses when its attempt ends.
    fn open_gate(
        &mut self,
        place: usize,
        attempt: Option<u32>,
        about: About,
        time: Option<Duration>,
    ) -> Result<(), StoreError> {
        let gate = self.store.new_gate()?;
        let task = self.run.tasks[place].spec.id.clone();
        let expires_at = time.map(|time| clock::now().plus(time));
        self.record(Event::GateOpened { gate, task, attempt, about, expires_at })
    }

    /// Decides the gates that nobody decided in time.
    fn close_overdue_gates(&mut self) -> Result<(), StoreError> {
        let now = clock::now();
        let overdue: Vec<(GateId, TaskId, Decision)> = (self.run.open_gates())
            .filter(|gate| gate.is_overdue(now))
            .map(|gate| (gate.id, gate.task.clone(), gate.when_overdue()))
            .collect();
        for (gate, task, decision) in overdue {
            let event = Event::GateDecided {
                gate,
                task,
                decision,
                by: "crew".into(),
                note: "nobody decided in time".into(),
            };
            self.record(event.clone())?;
            self.follow(&event)?;
        }
        Ok(())
    }

    /// Lets the schedule follow a person's decision.
    fn follow(&mut self, event: &Event) -> Result<(), StoreError> {
        match event {
            Event::GateDecided { task, .. } => {
                let Some(place) = self.run.place(task) else { return Ok(()) };
                match self.run.tasks[place].state {
                    TaskState::Queued => self.schedule.note_queued(&self.run, place),
                    state => return self.note_settled(place, state == TaskState::Completed),
                }
            }
            Event::TaskAccepted { .. } | Event::TaskRequeued { .. } => {
                self.schedule = Schedule::of(&self.run)
            }
            _ => return Ok(()),
        }
        self.skip_impossible()
    }

    /// Returns when the next gate decides itself.
    fn next_gate(&self) -> Option<Time> {
        self.run.open_gates().filter_map(|gate| gate.expires_at).min()
    }

    /// Records the start of an attempt; the child is started after that is written.
    fn start(&mut self, place: usize, reserved: Reservation) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let number = task.attempts.len() as u32 + 1;
        let token = clock::new_token();
        let max_cost_usd = self.ledger.cost_left(place, &task.spec, clock::now());
        let identity = AttemptIdentity { number, token: &token, max_cost_usd };
        let prepared = launch::prepare(self.setup, &self.run, &self.paths, task, identity);
        let is_agent = matches!(task.spec.work, Work::Agent { .. });
        let model = task.next_model().map(str::to_owned);
        let id = task.spec.id.clone();
        self.record(Event::AttemptStarted {
            attempt: number,
            agent: self.run.tasks[place].spec.program().to_owned(),
            model,
            token_hash: if is_agent { artifacts::sha256(token.as_bytes()) } else { String::new() },
            log: layout::log_of(&id, number),
            task: id,
        })?;
        let task = &self.run.tasks[place];
        self.ledger.note_started(place, &task.spec, reserved, clock::now());
        let log = self.paths.root().join(layout::log_of(&task.spec.id, number));
        let mut open = OpenAttempt::new(task, (number, token), log, self.setup.limits.attempt);
        open.price = self.price_of(place);
        open.folder = self.folder_watch(place, &open);
        self.note_company(place, &mut open);
        match prepared {
            Ok(Prepared { child, agent, session, kept }) => {
                let task = &self.run.tasks[place];
                if let (Some(agent), Some(session)) = (&agent, &session) {
                    open.resume(&**agent, session, task);
                }
                kept.into_iter().try_for_each(|event| self.record(event))?;
                open.silence =
                    self.setup.limits.silence.filter(|_| agent.as_ref().is_some_and(|agent| agent.streams()));
                open.words = child.words.clone();
                open.agent.clone_from(&agent);
                open.recorder = agent.as_ref().and_then(|agent| self.recorder(place, agent.name(), &open));
                let (control, doing) = (open.control.clone(), open.doing.clone());
                let (recorder, folder) = (open.recorder.clone(), open.folder.clone());
                self.open.insert(place, open);
                self.effects.push(Effect::Start(Job {
                    place,
                    part: Part::Work,
                    child,
                    control,
                    agent,
                    doing,
                    recorder,
                    folder,
                }));
                Ok(())
            }
            Err(LaunchError::Store(error)) => Err(error),
            Err(LaunchError::Agent(why)) => {
                open.ending = Ending { not_started: Some(why), not_found: true, ..Ending::default() };
                self.open.insert(place, open);
                self.settle(place)
            }
        }
    }

    /// Returns what records an attempt, where that is asked for.
    fn recorder(&self, place: usize, agent: &str, open: &OpenAttempt) -> Option<Arc<Recorder>> {
        let spec = &self.run.tasks[place].spec;
        let head = Head {
            recording: recording::VERSION,
            agent: agent.to_owned(),
            task: spec.id.to_string(),
            attempt: open.number,
            role: spec.role().to_owned(),
            crew_version: env!("CARGO_PKG_VERSION").into(),
        };
        let writes = self.run.tasks[place].may_write();
        Some(self.setup.recordings.as_ref()?.attempt(head, (&open.token, open.words.clone()), writes))
    }

    /// Returns what looks at the folder for an attempt, where something depends on that.
    fn folder_watch(&self, place: usize, open: &OpenAttempt) -> Option<Arc<FolderWatch>> {
        let spec = &self.run.tasks[place].spec;
        let looks = Looks {
            compares: matches!(spec.work, Work::Agent { .. }) || !spec.writes.is_empty(),
            reads_only: matches!(spec.work, Work::Agent { .. }) && !self.run.tasks[place].may_write(),
            bounds: Some(&spec.writes)
                .filter(|globs| !globs.is_empty())
                .and_then(|globs| Bounds::read(globs).ok()),
            keys: !spec.verify.is_empty() && !self.setup.limits.verify_cache.is_zero(),
        };
        let recordings = self.setup.recordings.as_ref().map(|recordings| recordings.folder.clone());
        let own = layout::Layout::of(&self.setup.repository).state();
        (looks.compares || looks.keys).then(|| {
            Arc::new(FolderWatch {
                paths: self.paths.clone(),
                folder: self.setup.repository.clone(),
                leave_out: own.into_iter().chain(recordings).collect(),
                task: spec.id.clone(),
                attempt: open.number,
                token: open.token.clone(),
                looks,
                state: Default::default(),
            })
        })
    }

    /// Notes which attempts share the folder with one that begins.
    fn note_company(&mut self, place: usize, beginner: &mut OpenAttempt) {
        let name = self.run.tasks[place].spec.id.as_str();
        // A run of commands alone has nobody who looks.
        for (other, open) in &mut self.open {
            if beginner.folder.is_some() {
                beginner.note_beside(self.run.tasks[*other].spec.id.as_str());
            }
            if open.folder.is_some() && !matches!(open.part, Part::Check(_)) {
                open.note_beside(name);
            }
        }
    }

    fn note_process(&mut self, place: usize, process: ProcessId) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.note_started();
        let (task, attempt) = (self.run.tasks[place].spec.id.clone(), open.number);
        self.record(Event::ProcessStarted { task, attempt, process })
    }

    /// Takes in that a child has ended: its work is checked next, or judged.
    fn note_end(
        &mut self,
        place: usize,
        part: Part,
        (ending, heard, seen): (Ending, Heard, Option<Seen>),
    ) -> Result<(), StoreError> {
        if self.open.get(&place).is_some_and(|open| open.agent.is_some()) {
            // What it handed in before it ended counts, although nobody has told us of it yet.
            self.look_into_inbox()?;
        }
        let has_budget = self.ledger.may_go_on(place, &self.run.tasks[place].spec, clock::now());
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.kill_at = None;
        open.final_at = None;
        let (task, attempt) = (self.run.tasks[place].spec.id.clone(), open.number);
        match part {
            Part::Work | Part::Reminder => {
                if let Some(recorder) = &open.recorder {
                    recorder.end(&ending);
                }
                open.note_end(&self.run.tasks[place], ending, heard, &self.setup.limits);
                open.note_seen(seen);
                let session = open.forgot_to_submit(&self.run.tasks[place]);
                if let Some(session) = session.filter(|_| self.stopping.is_none() && has_budget) {
                    return self.remind(place, session);
                }
                self.apply_files(place)?;
                let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
                let (checked, kept) = open.tell_seen(&self.run.tasks[place]);
                checked.into_iter().chain(kept).try_for_each(|event| self.record(event))?;
                let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
                if open.is_worth_checking(&self.run.tasks[place]) {
                    self.record(Event::VerificationStarted { task, attempt })?;
                    return self.check(place, 0);
                }
            }
            Part::Check(at) => {
                let command = self.run.tasks[place].spec.verify[at].clone();
                let passed = ending.exit == Some(0) && open.stopped.is_none();
                if passed {
                    open.checks_passed += 1;
                } else {
                    open.failed_check = Some((command.clone(), open.how_a_check_failed(&ending)));
                }
                let answered = open.take_answer(seen).filter(|_| passed);
                if let Some(question) = answered.filter(|_| self.open.len() == 1) {
                    self.keep_pass(place, &question, &ending)?;
                }
                let cached = false;
                self.record(Event::VerificationEnded { task, attempt, command, ending, cached })?;
                let more = passed && at + 1 < self.run.tasks[place].spec.verify.len();
                if more && self.stopping.is_none() {
                    return self.check(place, at + 1);
                }
            }
        }
        self.settle(place)
    }

    /// Puts the files into the tree that an attempt handed in, where it has to be judged by them.
    fn apply_files(&mut self, place: usize) -> Result<(), StoreError> {
        let (task, Some(open)) = (&self.run.tasks[place], self.open.get_mut(&place)) else { return Ok(()) };
        let (Some(files), number) = (open.files_to_apply(task), open.number) else { return Ok(()) };
        if let Some(why) = open.refuses_files(task, files) {
            open.files_refused = Some(why);
            return Ok(());
        }
        match handed_in_files::apply(&self.setup.repository, &self.paths, task, number, files)? {
            Ok(applied) => {
                open.note_files(files);
                self.record_applied(place, number, applied)
            }
            Err(why) => {
                open.files_refused = Some(why);
                Ok(())
            }
        }
    }

    /// Records that files were applied. Until that is on the disk, whoever comes next takes them back.
    fn record_applied(&mut self, place: usize, number: u32, applied: Event) -> Result<(), StoreError> {
        self.record(applied)?;
        self.flush()?;
        handed_in_files::settle(&self.paths, &self.run.tasks[place], number)
    }

    /// Starts the agent once more in its session, to remind it of handing something in.
    fn remind(&mut self, place: usize, session: String) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let Some(agent) = open.agent.clone() else { return self.settle(place) };
        let max_cost_usd = self.ledger.cost_left(place, &task.spec, clock::now());
        let identity = AttemptIdentity { number: open.number, token: &open.token, max_cost_usd };
        let reminder =
            launch::prepare_reminder(self.setup, &self.run, &self.paths, task, identity, (agent, session));
        let Prepared { child, agent, kept, .. } = match reminder {
            Ok(reminder) => reminder,
            Err(LaunchError::Store(error)) => return Err(error),
            Err(LaunchError::Agent(_)) => return self.settle(place),
        };
        open.begin_reminder();
        let (part, control, doing) = (open.part, open.control.clone(), open.doing.clone());
        let nudged = Event::AgentNudged { task: task.spec.id.clone(), attempt: open.number };
        let (recorder, folder) = (open.recorder.clone(), open.folder.clone());
        let job = Job { place, part, child, control, agent, doing, recorder, folder };
        self.effects.push(Effect::Start(job));
        self.record(nudged)?;
        kept.into_iter().try_for_each(|event| self.record(event))
    }

    /// Runs a verification command in the slot of its attempt.
    fn check(&mut self, place: usize, at: usize) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let command = &task.spec.verify[at];
        let child = launch::prepare_check(self.setup, &self.run, &self.paths, task, open.number, command);
        // Whoever else is at work may change the folder meanwhile.
        let (alone, since) = (self.open.len() == 1, self.believed_since());
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let key = open.seen.as_ref().and_then(|seen| seen.key.clone()).filter(|_| alone);
        let environment = launch::environment_of(&child, &self.paths);
        open.question = key.map(|folder| Question { folder, command: command.clone(), environment });
        if let Some(question) = &open.question
            && let Some(pass) = self.store.pass_of(question, since)?
        {
            return self.believe(place, at, pass);
        }
        open.part = Part::Check(at);
        open.log.clone_from(&child.log);
        open.control = Arc::default();
        open.deadline = Instant::now() + open.limit;
        open.silence = None;
        *open.doing.lock().unwrap_or_else(PoisonError::into_inner) = command.clone();
        let (control, doing) = (open.control.clone(), open.doing.clone());
        let part = open.part;
        let folder = open.folder.clone().filter(|folder| folder.looks.keys);
        let job = Job { place, part, child, control, agent: None, doing, recorder: None, folder };
        self.effects.push(Effect::Start(job));
        Ok(())
    }

    /// Takes a verification command for passed that has passed before on the same tree.
    fn believe(&mut self, place: usize, at: usize, pass: Pass) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.checks_passed += 1;
        let (id, attempt, command) = (task.spec.id.clone(), open.number, task.spec.verify[at].clone());
        let more = at + 1 < task.spec.verify.len();
        let told = format!(
            "`{command}` was not run: it passed on the same tree {}, as .crew/{} shows\n",
            pass.at, pass.log
        );
        let log = self.paths.root().join(layout::verification_log_of(&id, attempt));
        let opened = std::fs::File::options().create(true).append(true).open(&log);
        opened.and_then(|mut file| file.write_all(told.as_bytes())).map_err(StoreError::file(&log))?;
        let ending = Ending { exit: Some(0), millis: pass.millis, ..Ending::default() };
        let cached = true;
        self.record(Event::VerificationEnded { task: id, attempt, command, ending, cached })?;
        if more { self.check(place, at + 1) } else { self.settle(place) }
    }

    /// Keeps that a verification command passed and left the folder as it was.
    fn keep_pass(&self, place: usize, question: &Question, ending: &Ending) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let log = layout::verification_log_of(&task.spec.id, task.attempts.len() as u32);
        let log = format!("runs/{}/{log}", self.run.id);
        let pass = Pass { at: clock::now(), millis: ending.millis, log };
        self.store.keep_pass(question, &pass, self.believed_since())
    }

    /// Returns since when a verification command that passed is believed.
    fn believed_since(&self) -> Time {
        Time(clock::now().0.saturating_sub(self.setup.limits.verify_cache.as_millis() as i64))
    }

    /// Judges an attempt whose children have all ended, and records what follows.
    fn settle(&mut self, place: usize) -> Result<(), StoreError> {
        let Some(mut open) = self.open.remove(&place) else { return Ok(()) };
        self.over.extend(self.asked.remove(&place).map(|asked| (Instant::now(), asked)));
        self.schedule.note_ended(place);
        let task = &self.run.tasks[place];
        let usage = open.priced_usage();
        self.ledger.note_ended(place, &task.spec, open.spent(), clock::now());
        // Until its end it may have told of more.
        open.over_budget = open.over_budget.map(|budget| self.ledger.again(&budget, place, clock::now()));
        for place in std::mem::take(&mut self.waiting) {
            // A person may have changed what becomes of it meanwhile.
            if self.run.tasks[place].state == TaskState::Queued {
                self.schedule.put_back(place);
            }
        }
        let submission = task.last().and_then(|attempt| attempt.submission.clone());
        let judgement = open.judge(task, submission.as_deref());
        let again = self.again(
            task,
            &open,
            &judgement,
            submission.as_ref().and_then(|handed_in| handed_in.confidence()),
        );
        let plain_result =
            judgement.outcome == Outcome::Succeeded && matches!(task.spec.work, Work::Agent { .. });
        if submission.is_some() || plain_result {
            let words = &open.heard.last_words;
            let words = open.words.lines(words, submission::MAX_DETAILS);
            let kept = launch::keep_result(&self.paths, task, open.number, submission.as_deref(), &words)?;
            kept.into_iter().try_for_each(|event| self.record(event))?;
        }
        let task = &self.run.tasks[place];
        let summary = match &submission {
            Some(handed_in) => clean_line(&handed_in.summary(), MAX_SUMMARY_LINE),
            None => open.last_line(),
        };
        let reason = open.safe(&judgement.reason, MAX_SUMMARY_LINE);
        let pauses = again.is_none() && judgement.outcome == Outcome::Succeeded;
        let about = pauses.then(|| gate::after_attempt(task, submission.as_deref(), &summary)).flatten();
        if let Some((about, time)) = about {
            self.open_gate(place, Some(open.number), about, time.or(self.setup.limits.gate))?;
        }
        let task = &self.run.tasks[place];
        self.record(Event::AttemptEnded {
            task: task.spec.id.clone(),
            attempt: open.number,
            outcome: judgement.outcome,
            error_kind: judgement.error_kind,
            reason,
            ending: open.ending,
            usage,
            summary,
            again: again.clone(),
        })?;
        if again.is_some() {
            self.schedule.note_queued(&self.run, place);
            return Ok(());
        }
        if self.run.tasks[place].state == TaskState::AwaitingInput {
            return Ok(());
        }
        self.note_settled(place, matches!(judgement.outcome, Outcome::Succeeded | Outcome::Cancelled))
    }

    /// Decides whether a task goes back to the queue.
    fn again(
        &self,
        task: &Task,
        open: &OpenAttempt,
        judgement: &Judgement,
        confidence: Option<f64>,
    ) -> Option<Again> {
        if judgement.outcome == Outcome::Cancelled && open.why_stopped() == Some(StopReason::Interrupted) {
            return Some(Again { not_before: clock::now(), reason: "interrupted".into() });
        }
        let kind = judgement.error_kind.filter(|_| judgement.outcome == Outcome::Failed)?;
        if self.ledger.used_up(self.run.place(&task.spec.id)?, &task.spec, clock::now()).is_some() {
            // What went wrong is told, and not that it cannot be tried again.
            return None;
        }
        if kind == ErrorKind::ModelNotAvailable && task.has_another_model() && self.stopping.is_none() {
            return Some(Again { not_before: clock::now(), reason: "model_fallback".into() });
        }
        if kind == ErrorKind::Unknown && open.resumed && !open.acted && self.stopping.is_none() {
            // Its session may be gone; a child that begins anew does not need it.
            return Some(Again { not_before: clock::now(), reason: "fresh_session".into() });
        }
        let mut policy = self.setup.limits.retry;
        if let Some(retries) = task.spec.retries {
            policy.max_attempts = retries + 1;
            policy.transient = retries > 0;
            policy.checks = true;
        }
        // An interrupted or lost attempt is not the task's fault.
        let own = |attempt: &&Attempt| {
            !attempt.paused
                && !matches!(attempt.state, AttemptState::Ended(Outcome::Cancelled | Outcome::Lost))
        };
        let made = task.attempts.iter().filter(own).count() as u32;
        let (retry, reason) = retry::should_retry(made, kind, confidence, &policy);
        if !retry || self.stopping == Some(StopReason::FailFast) {
            return None;
        }
        let delay = retry::delay(&policy, made, clock::dice(), open.retry_after);
        Some(Again { not_before: clock::now().plus(delay), reason: reason.name().into() })
    }

    fn skip_impossible(&mut self) -> Result<(), StoreError> {
        while let Some(Skip { task, reason, by_condition }) = self.schedule.next_skip() {
            let place = self.run.place(&task);
            if let Some(recordings) = &self.setup.recordings {
                recordings.skip(task.as_str(), &reason);
            }
            self.record(Event::TaskSkipped { task, reason, by_condition })?;
            if let Some(place) = place {
                self.schedule.note_settled(&self.run, place);
            }
        }
        Ok(())
    }

    // Stopping

    /// Asks a child's group to end; it is killed after the grace.
    fn stop_child(&mut self, place: usize, reason: StopReason) {
        if let Some(open) = self.open.get_mut(&place) {
            open.stop(reason, self.setup.limits.grace);
        }
    }

    fn stop_on_request(&mut self, level: u32, by: &str) -> Result<(), StoreError> {
        if level <= self.stop_level {
            return Ok(());
        }
        self.stop_level = level;
        self.record(Event::StopAsked { level, by: by.into() })?;
        if level == 1 {
            return self.stop_all(StopReason::Interrupted);
        }
        self.open.values().for_each(|open| open.control.signal(GroupSignal::Kill));
        Ok(())
    }

    fn stop_all(&mut self, reason: StopReason) -> Result<(), StoreError> {
        if self.stopping.is_some() {
            return Ok(());
        }
        self.stopping = Some(reason);
        for place in self.open.keys().copied().collect::<Vec<_>>() {
            self.stop_child(place, reason);
        }
        if reason == StopReason::FailFast {
            for place in 0..self.run.tasks.len() {
                if self.run.tasks[place].state == TaskState::Queued {
                    let task = self.run.tasks[place].spec.id.clone();
                    self.record(Event::TaskCancelled {
                        task,
                        reason: "another task did not succeed (--fail-fast)".into(),
                    })?;
                }
            }
        }
        Ok(())
    }

    /// Ends all children at once, when the record cannot be kept any more.
    fn kill_everything(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            if let Effect::Start(job) = effect {
                self.open.remove(&job.place);
            }
        }
        self.open.values().for_each(|open| open.control.signal(GroupSignal::Kill));
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut left = self.open.len();
        while left > 0 && Instant::now() < deadline {
            if let Ok(Message::Ended { .. }) = self.messages.recv_timeout(LOOK) {
                left -= 1;
            }
        }
    }

    /// Ends children that are over one of their limits.
    fn look_after_limits(&mut self) -> Result<(), StoreError> {
        let now = Instant::now();
        for place in self.open.keys().copied().collect::<Vec<_>>() {
            let Some(open) = self.open.get_mut(&place) else { continue };
            open.kill_when_due(now);
            if let Some(reason) = open.over_limit(now, &self.setup.limits) {
                self.stop_child(place, reason);
            }
        }
        self.look_after_budgets()
    }

    /// Warns of budgets that come to their end, and ends what spends of those that have.
    fn look_after_budgets(&mut self) -> Result<(), StoreError> {
        if !self.ledger.has_limits() {
            return Ok(());
        }
        for notice in self.ledger.check(clock::now()) {
            let Notice { standing, place } = &notice;
            let Standing { level, what, spent, limit } = *standing;
            if self.ledger.warn(&notice) {
                let task = place.map(|place| self.run.tasks[place].spec.id.clone());
                let (spent, limit) = (what.number(spent), what.number(limit));
                self.record(Event::BudgetWarned { level, task, what, spent, limit })?;
            }
            if standing.closeness() == Closeness::Over {
                self.stop_spenders(&notice);
            }
        }
        Ok(())
    }

    fn stop_spenders(&mut self, notice: &Notice) {
        let what = notice.standing.what;
        for place in self.ledger.spenders(notice) {
            if let Some(open) = self.open.get_mut(&place) {
                open.note_over(notice.standing, Instant::now(), self.setup.limits.grace);
            }
        }
        if what == What::Seconds && notice.place.is_none() {
            // No pause before a further attempt makes that good.
            self.schedule.hurry();
        }
    }

    // Requests

    /// Takes in the requests that wait. Agents write to that folder: nothing that lies there may end the run.
    fn look_into_inbox(&mut self) -> Result<(), StoreError> {
        self.inbox_looked = Instant::now();
        self.inbox_rang = false;
        let waiting = inbox::waiting(&self.paths.inbox());
        waiting.into_iter().try_for_each(|incoming| self.take_request(incoming, true))
    }

    fn take_request(&mut self, incoming: inbox::Incoming, is_awaited: bool) -> Result<(), StoreError> {
        let in_work = |effect: &Effect| matches!(effect, Effect::Answer { incoming: known, .. } if known.id == incoming.id);
        if self.unanswerable.contains(&incoming.id) || self.effects.iter().any(in_work) {
            return Ok(());
        }
        let mut words = None;
        if let Ok(request) = &incoming.request {
            words =
                self.open.values().find(|open| open.token == request.token).map(|open| open.words.clone());
            let recorders = self.open.values().filter_map(|open| open.recorder.as_ref());
            recorders
                .filter(|recorder| recorder.is_of(&request.token))
                .for_each(|recorder| recorder.ask(&request.ask));
            let mut open = self.open.iter();
            if let Some((place, _)) =
                open.find(|(_, open)| open.token == request.token).filter(|_| is_awaited)
            {
                let asked = self.asked.entry(*place).or_default();
                if asked.len() < MAX_ASKED {
                    asked.push(incoming.id.clone());
                }
            }
        }
        let key = self.setup.person_key.as_deref();
        let words = words.unwrap_or_default();
        let settled = requests::settle(self.store, &mut self.run, &incoming, key, &words, clock::now())?;
        let events: Vec<Event> = settled.applied.iter().map(|applied| applied.event().clone()).collect();
        for event in &events {
            let open = event.task().and_then(|task| self.run.place(task));
            let Some(open) = open.and_then(|place| self.open.get_mut(&place)) else { continue };
            match event {
                Event::NoteTaken { note, .. } => open.note(note),
                // What it does while it waits for an answer is done without it.
                Event::SubmissionAccepted { handed_in: HandedIn::Question(_), .. } => {
                    open.end_soon(AFTER_QUESTION)
                }
                _ => {}
            }
        }
        self.batch.extend(settled.applied);
        events.iter().try_for_each(|event| self.follow(event))?;
        let answer = settled.answered.answer.clone();
        self.effects.push(Effect::Answer { incoming, answer, is_awaited });
        self.answered.push(settled.answered);
        Ok(())
    }

    /// Takes away answers of attempts that ended `age` ago: with their processes went whoever could take them. A stranger
    /// who asked in their name and still waits then finds the answer in the store, once the run is over.
    fn forget_answers(&mut self, age: Duration) {
        while let Some((_, asked)) = self.over.pop_front_if(|(ended, _)| ended.elapsed() >= age) {
            inbox::forget(&self.paths.inbox(), asked.iter().map(String::as_str));
        }
    }

    /// Takes in a request that came in an agent's output. What another token signed is nothing.
    ///
    /// It needs no file: whatever the agent did to the inbox may not end the run.
    fn take_signed(&mut self, place: usize, text: &str) -> Result<(), StoreError> {
        let Some(open) = self.open.get(&place) else { return Ok(()) };
        let Some(request) = signed::read(text, &open.token) else { return Ok(()) };
        let Some(incoming) = inbox::incoming(&self.paths.inbox(), request) else { return Ok(()) };
        if self.store.answer_to(&incoming.id)?.is_none() {
            self.take_request(incoming, false)?;
        }
        Ok(())
    }

    // What is done

    /// Writes what was decided, in one transaction, and then acts on it.
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.may_wait_for_company() {
            return Ok(());
        }
        let (batch, answered) = (std::mem::take(&mut self.batch), std::mem::take(&mut self.answered));
        self.batch_began = None;
        let recorded = match batch.is_empty() && answered.is_empty() {
            true => Vec::new(),
            false => self.store.append(&mut self.run, batch, &answered)?,
        };
        let mut answers = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Start(job) => {
                    self.slots.run(job, self.open.len()).map_err(StoreError::file("a thread for a task"))?;
                }
                Effect::Answer { is_awaited: false, .. } => {}
                Effect::Answer { incoming, answer, .. } => answers.push((incoming, answer)),
            }
        }
        if recorded.iter().any(|recorded| recorded.event.is_final()) {
            self.store.sync()?;
        }
        recorded.iter().for_each(|event| self.observer.happened(&self.run, event));
        for (incoming, answer) in answers {
            if inbox::answer(&self.paths.inbox(), &incoming, &answer).is_err() {
                // What was asked is applied and recorded; whoever asked made it impossible to say so.
                self.unanswerable.insert(incoming.id);
            }
        }
        Ok(())
    }

    /// Tells whether what was decided is progress that nobody waits for, so that it can share the next commit.
    fn may_wait_for_company(&mut self) -> bool {
        let urgent = |applied: &Applied| {
            applied.event().is_final() || matches!(applied.event(), Event::AttemptStarted { .. })
        };
        if self.open.is_empty()
            || !self.effects.is_empty()
            || !self.answered.is_empty()
            || self.batch.iter().any(urgent)
        {
            return false;
        }
        let began = *self.batch_began.get_or_insert_with(Instant::now);
        began.elapsed() < GROUPING
    }

    fn working(&self) -> Vec<Working> {
        let view = |(place, open): (&usize, &OpenAttempt)| {
            let doing = open.doing.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let doing = match &open.agent {
                None if doing.is_empty() => super::child::last_line(&open.log, &open.words, 4096),
                _ => Some(doing),
            };
            let doing = doing.map(|doing| open.safe(&doing, 200));
            Working {
                place: *place,
                elapsed: open.began.elapsed(),
                doing: doing.unwrap_or_default(),
                usage: open.usage,
            }
        };
        self.open.iter().map(view).collect()
    }

    fn copy_when_due(&mut self) -> Result<(), StoreError> {
        if self.copied.is_due() {
            self.copy(true)?;
        }
        Ok(())
    }

    fn copy(&mut self, owned: bool) -> Result<(), StoreError> {
        let began = Instant::now();
        let artifacts = self.store.artifacts(&self.run.id)?;
        copies::write(&self.paths, &self.run, &artifacts, owned, clock::now())?;
        self.copied.note(began);
        Ok(())
    }

    fn finish_run(&mut self) -> Result<Finished, StoreError> {
        let state = self.run.counts.status(false, true, true);
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
        inbox::sweep(&self.paths.inbox(), clock::now());
        snapshot::sweep(&self.paths.logs());
        self.copy(false)?;
        Ok(Finished { status: state, interrupted: self.stopping == Some(StopReason::Interrupted) })
    }
}

/// Decides when the JSON copies are written again: they may take a twentieth of the time, and no more.
struct CopyClock {
    next: Instant,
}

impl CopyClock {
    fn new() -> CopyClock {
        CopyClock { next: Instant::now() }
    }

    fn is_due(&self) -> bool {
        Instant::now() >= self.next
    }

    fn note(&mut self, began: Instant) {
        self.next = Instant::now() + Duration::from_secs(1).max(began.elapsed() * 20);
    }
}
