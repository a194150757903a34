//! Looks at all runs for `crew top`: at the record, at who owns them, at the ends of logs.

use super::context::Context;
use super::exit;
use super::gates::work_of;
use super::run;
use super::standstill::Standstill;
use crate::agents::Agent;
use crate::domain::gate::Gate;
use crate::domain::id::{RunId, TaskId};
use crate::domain::liveness::Heartbeat;
use crate::domain::redact::Redactor;
use crate::domain::run::{Run, RunStatus};
use crate::domain::task::Task;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::runner::{clock, environment, looking_on, machine};
use crate::store::StoreError;
use crate::store::layout::{Layout, RunPaths};
use crate::store::lock;
use crate::store::queries::RunRow;
use crate::store::watch::Watch;
use crate::ui::top::draw::LogText;
use crate::ui::top::lines::Place;
use crate::ui::top::picture::{Around, Health, Machine, Picture, RunLine, Spent, is_in_sight, sort};
use anyhow::{Context as _, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most runs that have ended which are listed.
const MAX_ENDED: usize = 1_000;
/// How long runs that have ended are read for at one look; the rest come at the next.
const TO_READ: Duration = Duration::from_millis(50);
/// The most bytes of a log's end that stand below the list.
const PANE: u64 = 8 * 1024;
/// The most of one that is read whole.
const WHOLE: u64 = 128 * 1024;

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wishes {
    /// Runs that have ended too.
    pub all: bool,
    /// Runs whose tasks are shown.
    pub opened: BTreeSet<RunId>,
    /// Runs that there is room for on the screen.
    pub in_sight: Vec<RunId>,
    /// The task whose log is shown, and whether all of it is.
    pub log: Option<(Place, bool)>,
    /// How much was done here: what came of it is looked at at once.
    pub deeds: usize,
}

/// Why there is no newer picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPicture {
    Busy,
    Failed(String),
}

/// Looks again and again.
pub struct Looker {
    layout: Layout,
    agents: BTreeMap<String, Arc<dyn Agent>>,
    words: Redactor,
    watch: Option<Watch>,
    shorts: HashMap<RunId, String>,
    /// What tasks were doing, by their logs and how long these were.
    doing: HashMap<PathBuf, (u64, String)>,
    /// The newest runs, where those that have ended are shown.
    rows: Vec<RunRow>,
    log: Option<((Place, bool), PathBuf, u64, LogText)>,
}

impl Looker {
    pub fn new(cx: &Context) -> Result<Looker> {
        let layout = cx.layout()?;
        let settings = cx.settings_or_built_in(&layout);
        Ok(Looker {
            agents: run::registry(&settings)?.programs(),
            layout,
            words: environment::hiding_ours(&[]),
            watch: None,
            shorts: HashMap::new(),
            doing: HashMap::new(),
            rows: Vec::new(),
            log: None,
        })
    }

    /// Looks at what has changed, and returns what is to be seen of it all.
    pub fn look(&mut self, wishes: &Wishes) -> Result<Picture, NoPicture> {
        let looked = self.take_in(wishes);
        looked.map_err(|error| {
            if error.is_busy() {
                return NoPicture::Busy;
            }
            // Whatever it is, the next look begins anew.
            self.watch = None;
            NoPicture::Failed(exit::with_causes(&error))
        })
    }

    fn take_in(&mut self, wishes: &Wishes) -> Result<Picture, StoreError> {
        if self.watch.is_none() {
            self.watch = Watch::open(&self.layout)?;
        }
        let Some(watch) = &mut self.watch else { return Ok(self.empty()) };
        let before = watch.total;
        let changed = watch.look()?;
        if watch.total != before {
            // What was unique may not be so any more.
            self.shorts.clear();
        }
        if wishes.all && (changed || self.rows.is_empty()) {
            self.rows = watch.rows(MAX_ENDED)?;
        } else if !wishes.all {
            self.rows.clear();
        }
        let began = Instant::now();
        let asked_for = wishes.opened.iter().chain(&wishes.in_sight);
        for id in asked_for.filter(|_| wishes.all).take_while(|_| began.elapsed() < TO_READ) {
            watch.hold(id)?;
        }
        self.picture(wishes, clock::now())
    }

    fn empty(&self) -> Picture {
        let repository = self.layout.repository().file_name().unwrap_or_default();
        let machine =
            Machine { load: machine::load(), cores: machine::cores(), memory_free: machine::memory_free() };
        Picture { repository: repository.to_string_lossy().into_owned(), machine, ..Picture::default() }
    }

    fn picture(&mut self, wishes: &Wishes, now: Time) -> Result<Picture, StoreError> {
        let mut picture = self.empty();
        let Some(watch) = &mut self.watch else { return Ok(picture) };
        for (id, run) in &mut watch.runs {
            watch.heartbeats.get(id).into_iter().for_each(|heartbeat| run.note_told(heartbeat));
        }
        let mut kept = BTreeSet::new();
        let mut doing_now = HashMap::new();
        for (id, run) in &watch.runs {
            let health = health(&self.layout, run, watch.heartbeats.get(id), now);
            let heartbeat = heartbeat_of(&health, watch.heartbeats.get(id));
            let short = match self.shorts.get(id) {
                Some(short) => short.clone(),
                None => self.shorts.entry(id.clone()).or_insert(watch.store().short(id)?).clone(),
            };
            let mut lines = Vec::new();
            if wishes.opened.contains(id) {
                let paths = self.layout.run(id);
                let of = |task: &Task| last_words(task, &paths, &self.agents, &self.doing, &mut doing_now);
                lines = run.tasks.iter().map(of).collect();
            }
            let paths = self.layout.run(id);
            let handed_in = |gate: &Gate| wishes.opened.contains(id).then(|| work_of(&paths, gate)).flatten();
            let around = Around {
                short,
                handed_in: &handed_in,
                health,
                providers: &watch.providers,
                unreadable: watch.unreadable.contains(id),
                now,
                doing: &|place| lines.get(place).cloned().flatten(),
                quiet: &|task: &TaskId, attempt| heartbeat?.pulse(task, attempt)?.quiet(now),
            };
            let line = RunLine::of(run, &around);
            if wishes.all || is_in_sight(&line, now) {
                kept.insert(id.clone());
                picture.runs.push(line);
            }
        }
        self.doing = doing_now;
        watch.retain(|run| kept.contains(&run.id));
        for row in self.rows.iter().filter(|row| !kept.contains(&row.id)) {
            let short = match self.shorts.get(&row.id) {
                Some(short) => short.clone(),
                None => self.shorts.entry(row.id.clone()).or_insert(watch.store().short(&row.id)?).clone(),
            };
            picture.runs.push(unread(row, short));
        }
        sort(&mut picture.runs);
        picture.dead_letters = watch.dead_letters;
        picture.ended = watch.total.saturating_sub(picture.runs.len());
        Ok(picture)
    }

    /// Returns the end of the log that is wanted; none where there is none.
    pub fn log(&mut self, wishes: &Wishes) -> Option<LogText> {
        let (place, whole) = wishes.log.as_ref()?;
        let run = self.watch.as_ref()?.runs.get(&place.run)?;
        let task = run.task(place.task.as_ref()?)?;
        let log = looking_on::log_of(task, &self.layout.run(&place.run), &self.agents)?;
        let length = std::fs::metadata(&log.path).map_or(0, |meta| meta.len());
        if let Some((wanted, path, known, text)) = &self.log
            && *wanted == (place.clone(), *whole)
            && *path == log.path
            && *known == length
        {
            return Some(text.clone());
        }
        let most = if *whole { WHOLE } else { PANE };
        let text =
            LogText { of: place.clone(), lines: log.end(&self.words, most), is_cut: *whole && length > most };
        self.log = Some(((place.clone(), *whole), log.path, length, text.clone()));
        Some(text)
    }

    /// Returns what is to be seen once, for who has no terminal: with what all tasks do.
    pub fn once(cx: &Context) -> Result<Picture> {
        /// How long a busy store is tried again.
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut looker = Looker::new(cx)?;
        let began = Instant::now();
        let mut wishes = Wishes::default();
        loop {
            match looker.take_in(&wishes) {
                Err(error) if error.is_busy() && began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Ok(picture) if picture.runs.iter().any(|run| !wishes.opened.contains(&run.id)) => {
                    wishes.opened.extend(picture.runs.into_iter().map(|run| run.id));
                }
                looked => return looked.context("look at the runs"),
            }
        }
    }
}

/// Returns what a task does now, of which the log is only read where it has grown.
fn last_words(
    task: &Task,
    paths: &RunPaths,
    agents: &BTreeMap<String, Arc<dyn Agent>>,
    known: &HashMap<PathBuf, (u64, String)>,
    now: &mut HashMap<PathBuf, (u64, String)>,
) -> Option<String> {
    task.last().filter(|attempt| attempt.is_open())?;
    let log = looking_on::log_of(task, paths, agents)?;
    let length = std::fs::metadata(&log.path).ok()?.len();
    let words = match known.get(&log.path) {
        Some((before, words)) if *before == length => words.clone(),
        _ => log.last_words().unwrap_or_default(),
    };
    now.insert(log.path, (length, words.clone()));
    Some(words)
}

/// Returns what a dispatcher said last, as long as that says something of now.
fn heartbeat_of<'a>(health: &Health, heartbeat: Option<&'a Heartbeat>) -> Option<&'a Heartbeat> {
    heartbeat.filter(|heartbeat| *health == Health::Alive { pid: heartbeat.process.pid })
}

/// Looks whether somebody looks after a run.
fn health(layout: &Layout, run: &Run, heartbeat: Option<&Heartbeat>, now: Time) -> Health {
    let paths = layout.run(&run.id);
    if !lock::is_owned(&paths).unwrap_or(false) {
        return if run.status(false) == RunStatus::Interrupted { Health::Dead } else { Health::Idle };
    }
    let owner = lock::owner(&paths);
    let dispatcher = run.dispatcher.as_ref().map_or(0, |process| process.pid);
    let pid = owner.as_ref().map_or(dispatcher, |owner| owner.pid);
    if Standstill::of(run, owner.as_ref()).is_some() {
        return Health::Stopped { pid };
    }
    if let Some(doing) = owner.and_then(|owner| owner.doing) {
        return Health::Busy { pid, doing };
    }
    match heartbeat.filter(|heartbeat| heartbeat.process.pid == pid && heartbeat.is_overdue(now)) {
        Some(heartbeat) => Health::Silent { pid, since: now.since(heartbeat.at) },
        None => Health::Alive { pid },
    }
}

/// Returns the line of a run that has ended, and of which only the numbers were read.
fn unread(row: &RunRow, short: String) -> RunLine {
    RunLine {
        id: row.id.clone(),
        short,
        goal: clean_line(&row.goal, 300),
        team: clean_line(&row.team, 60),
        status: row.status(false),
        health: Health::Idle,
        created_at: row.created_at,
        ended_at: row.ended_at,
        settled: row.counts.settled(),
        total: row.counts.total(),
        worked: Duration::ZERO,
        spent: Spent::default(),
        tasks: Vec::new(),
        is_read: false,
        unreadable: false,
    }
}
