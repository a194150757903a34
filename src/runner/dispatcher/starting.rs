//! Starts what can start: gates and budgets are asked before, and the child is started after its start is written.

use super::{Dispatcher, Effect};
use crate::agents::{Agent, Said, abilities};
use crate::domain::budget::{MayStart, Reservation, Standing};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::{Ending, Event, ProcessId};
use crate::domain::gate;
use crate::domain::judgement::StopReason;
use crate::domain::price::Price;
use crate::domain::recording::{self, Head};
use crate::domain::task::Work;
use crate::domain::tree_check::Bounds;
use crate::runner::attempt::OpenAttempt;
use crate::runner::clock;
use crate::runner::folder::{FolderWatch, Looks};
use crate::runner::launch::{self, AttemptIdentity, LaunchError, Prepared};
use crate::runner::recorder::Recorder;
use crate::runner::slots::{Errand, Job, Part};
use crate::store::StoreError;
use crate::store::artifacts;
use crate::store::layout;
use std::sync::Arc;

impl Dispatcher<'_> {
    /// Takes in what an agent's stream says.
    pub(super) fn listen(&mut self, place: usize, said: Said) -> Result<(), StoreError> {
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

    pub(super) fn start_what_can(&mut self) -> Result<(), StoreError> {
        while self.stopping.is_none() && self.open.len() < self.run.limits.jobs as usize {
            let Some(place) = self.schedule.next_start(clock::now()) else { break };
            if let Some(until) = self.waits_for_place(place) {
                self.schedule.note_ended(place);
                self.schedule.put_off(place, until);
                tracing::info!(task = %self.run.tasks[place].spec.id, %until, "waits for room");
                continue;
            }
            let spec = &self.run.tasks[place].spec;
            let free = self.run.limits.jobs as usize - self.open.len();
            let gate = gate::before_start(&self.run, &self.run.tasks[place], &self.setup.gates);
            match (self.ledger.may_start(place, spec, free, self.tells_cost(place), clock::now()), gate) {
                (MayStart::Yes(_), None) if self.keep_off(place)? => continue,
                (MayStart::Yes(reserved), None) => {
                    match self.run.tasks[place].spec.work {
                        Work::Merge { .. } => self.start_merge(place, reserved)?,
                        Work::Agent { .. } | Work::Command { .. } => self.start(place, reserved)?,
                    }
                    continue;
                }
                (MayStart::Yes(_), Some(about)) => {
                    self.open_gate(place, None, about, self.setup.limits.gate)?;
                }
                (MayStart::Wait, _) => {
                    tracing::info!(task = %self.run.tasks[place].spec.id, "waits for what others leave of a budget");
                    self.waiting.push(place)
                }
                (MayStart::Exceeded(budget), _) => self.fail_for_want(place, budget)?,
            }
            // The folder is free for another one.
            self.schedule.note_ended(place);
        }
        Ok(())
    }

    /// Puts a task off whose provider limits requests, and tells whether that is so.
    fn keep_off(&mut self, place: usize) -> Result<bool, StoreError> {
        let task = &self.run.tasks[place];
        self.providers = self.store.providers()?;
        if !self.providers.limits(task) {
            return Ok(false);
        }
        // Other runs wait for the same moment; one of all goes first.
        let (claimed, providers) =
            self.store.change_providers(|providers| providers.claim(task, clock::now()))?;
        self.providers = providers;
        let Err(until) = claimed else { return Ok(false) };
        tracing::info!(task = %self.run.tasks[place].spec.id, %until, "waits for its provider");
        // The folder is free for another one.
        self.schedule.note_ended(place);
        self.schedule.put_off(place, until);
        Ok(true)
    }

    /// Tells whether the cost of a task may be expected to become known.
    pub(super) fn tells_cost(&self, place: usize) -> bool {
        let task = &self.run.tasks[place];
        let tells = |agent: &Arc<dyn Agent>| abilities::tells_cost(&**agent) != Some(false);
        self.price_of(place).is_some() || self.setup.agents.get(task.spec.program()).is_none_or(tells)
    }

    pub(super) fn price_of(&self, place: usize) -> Option<Price> {
        let task = &self.run.tasks[place];
        self.setup.prices.find(task.next_model(), task.spec.program())
    }

    /// Settles a task for which no budget is left.
    pub(super) fn fail_for_want(&mut self, place: usize, budget: Standing) -> Result<(), StoreError> {
        let task = self.run.tasks[place].spec.id.clone();
        if let Some(recordings) = &self.setup.recordings {
            recordings.skip(task.as_str(), &budget.to_string());
        }
        let error_kind = ErrorKind::BudgetExceeded;
        self.record(Event::TaskFailed { task, error_kind, reason: budget.to_string() })?;
        self.note_settled(place, false)
    }

    /// Records the start of an attempt; the child is started after that is written.
    pub(super) fn start(&mut self, place: usize, reserved: Reservation) -> Result<(), StoreError> {
        let number = self.next_number(place)?;
        let task = &self.run.tasks[place];
        let token = clock::new_token();
        let max_cost_usd = self.ledger.cost_left(place, &task.spec, clock::now());
        let identity = AttemptIdentity { number, token: &token, max_cost_usd };
        let prepared = launch::prepare(self.setup, &self.run, &self.paths, task, identity);
        let is_agent = matches!(task.spec.work, Work::Agent { .. });
        let model = task.next_model().map(str::to_owned);
        let id = task.spec.id.clone();
        self.unfile_lifeless(place, "it is tried again")?;
        self.record(Event::AttemptStarted {
            attempt: number,
            agent: self.run.tasks[place].spec.program().to_owned(),
            model,
            token_hash: if is_agent { artifacts::sha256(token.as_bytes()) } else { String::new() },
            log: layout::log_of(&id, number),
            folder: self.setup.recorded_folder_of(&self.run, &self.run.tasks[place]),
            task: id,
        })?;
        let task = &self.run.tasks[place];
        self.ledger.note_started(place, &task.spec, reserved, clock::now());
        let log = self.paths.root().join(layout::log_of(&task.spec.id, number));
        let mut open = OpenAttempt::new(task, (number, token), log, self.setup.limits.attempt);
        open.price = self.price_of(place);
        open.tree = self.own_tree(place, number);
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
                open.streams = agent.as_ref().is_some_and(|agent| agent.streams());
                open.words = child.words.clone();
                open.kept.clone_from(&child.kept);
                open.agent.clone_from(&agent);
                open.recorder = agent.as_ref().and_then(|agent| self.recorder(place, agent.name(), &open));
                let (control, doing) = (open.control.clone(), open.doing.clone());
                let (recorder, folder, tree) =
                    (open.recorder.clone(), open.folder.clone(), open.tree.clone());
                self.open.insert(place, open);
                let job =
                    Job { place, part: Part::Work, child, control, agent, doing, recorder, folder, tree };
                self.effects.push(Effect::Start(Errand::Run(Box::new(job))));
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
    pub(super) fn recorder(&self, place: usize, agent: &str, open: &OpenAttempt) -> Option<Arc<Recorder>> {
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
    pub(super) fn folder_watch(&self, place: usize, open: &OpenAttempt) -> Option<Arc<FolderWatch>> {
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
        let looks_there = looks.compares || looks.keys;
        (looks_there && !spec.reads_objects()).then(|| {
            Arc::new(FolderWatch {
                paths: self.paths.clone(),
                folder: self.setup.folder_of(&self.run, &self.run.tasks[place]),
                is_shared: open.tree.is_none(),
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
    pub(super) fn note_company(&mut self, place: usize, beginner: &mut OpenAttempt) {
        let name = self.run.tasks[place].spec.id.as_str();
        let tasks = &self.run.tasks;
        let is_there =
            |place: usize, open: &OpenAttempt| open.tree.is_none() && !tasks[place].spec.reads_objects();
        if !is_there(place, beginner) {
            return;
        }
        // A run of commands alone has nobody who looks.
        for (other, open) in self.open.iter_mut().filter(|(other, open)| is_there(**other, open)) {
            if beginner.folder.is_some() {
                beginner.note_beside(self.run.tasks[*other].spec.id.as_str());
            }
            if open.folder.is_some() && !matches!(open.part, Part::Check(_)) {
                open.note_beside(name);
            }
        }
    }

    pub(super) fn note_process(&mut self, place: usize, process: ProcessId) -> Result<(), StoreError> {
        self.look_for_strays(None);
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.note_started();
        let (task, attempt) = (self.run.tasks[place].spec.id.clone(), open.number);
        self.record(Event::ProcessStarted { task, attempt, process })
    }
}
