//! Looks at the branches of a run while it is worked on, and tells the dispatcher what they will do to each other.
//!
//! A forecast is a by-product: git may fail or hang, and the run goes on without one.
//!
//! # How it works
//!
//! One thread asks git for the tips, and for more only when one has moved. Whatever git it waits for is ended with the
//! dispatcher. Before a run ends, the dispatcher waits a moment for a last look, because what came last moved a tip too.

use super::slots::Message;
use crate::domain::conflict::Clash;
use crate::domain::id::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::worktree::{branch_of, reference_of};
use crate::workspace::forecast::{Branch, Forecast};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often the tips are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long the end of a run may wait for the last look.
const LAST_LOOK: Duration = Duration::from_secs(4);

/// A watch on the branches of a run; it ends when dropped.
#[derive(Debug)]
pub struct ForecastWatch {
    over: Arc<AtomicBool>,
    asks: Option<Sender<Sender<Option<Vec<Clash>>>>>,
    thread: Option<JoinHandle<()>>,
}

impl ForecastWatch {
    /// Returns what the branches do to each other now, where that is not what was told last; nothing where git does not
    /// say it in time.
    pub fn last_look(&self) -> Option<Vec<Clash>> {
        let (answer, answered) = channel();
        self.asks.as_ref()?.send(answer).ok()?;
        answered.recv_timeout(LAST_LOOK).ok().flatten()
    }
}

impl Drop for ForecastWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it.
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Watches the branches of `run`. `None` where there are no two tasks that work on branches of their own.
pub fn watch(
    run: &Run,
    repository: PathBuf,
    scratch: PathBuf,
    sender: SyncSender<Message>,
) -> Option<ForecastWatch> {
    let base = run.base.as_ref()?.commit.clone();
    let tasks: Vec<TaskId> = run
        .tasks
        .iter()
        .filter(|task| task.spec.is_apart() && !task.spec.is_detached())
        .map(|task| task.spec.id.clone())
        .collect();
    if tasks.len() < 2 {
        return None;
    }
    let over = Arc::new(AtomicBool::new(false));
    let (asks, asked) = channel();
    let mut look = Look {
        tasks,
        run: run.id.clone(),
        base,
        repository,
        scratch,
        over: over.clone(),
        forecast: None,
        tips: BTreeMap::new(),
        told: run.clashes.clone(),
    };
    let thread = std::thread::Builder::new()
        .name("forecast".into())
        .spawn(move || look.go_on(&sender, &asked))
        .ok()?;
    Some(ForecastWatch { over, asks: Some(asks), thread: Some(thread) })
}

struct Look {
    /// In the order of the workflow.
    tasks: Vec<TaskId>,
    run: RunId,
    base: String,
    repository: PathBuf,
    scratch: PathBuf,
    over: Arc<AtomicBool>,
    /// Made with the first look that has something to look at.
    forecast: Option<Forecast>,
    /// The tips that were looked at last.
    tips: BTreeMap<String, String>,
    /// What the dispatcher was told last.
    told: Vec<Clash>,
}

impl Look {
    fn go_on(&mut self, sender: &SyncSender<Message>, asked: &Receiver<Sender<Option<Vec<Clash>>>>) {
        loop {
            match asked.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let Some(clashes) = self.news() else { continue };
                    // A dispatcher that has too much to read hears of it with the next look.
                    match sender.try_send(Message::Clashes(clashes.clone())) {
                        Ok(()) => self.told = clashes,
                        Err(_) => self.tips.clear(),
                    }
                }
                Ok(answer) => {
                    let news = self.news();
                    if let Some(clashes) = &news {
                        self.told.clone_from(clashes);
                    }
                    // It may wait no longer.
                    let _ = answer.send(news);
                }
            }
        }
    }

    /// Looks, and returns what there is to tell that has not been told.
    fn news(&mut self) -> Option<Vec<Clash>> {
        if self.forecast.is_none() {
            let made = Forecast::new(&self.repository, &self.base, &self.scratch, self.over.clone());
            self.forecast = made.ok();
        }
        let forecast = self.forecast.as_mut()?;
        let prefix = reference_of(&branch_of(&self.run, self.tasks.first()?));
        let prefix = &prefix[..=prefix.rfind('/')?];
        let tips = forecast.tips(prefix).ok()?;
        if tips == self.tips {
            return None;
        }
        let branch = |task: &TaskId| {
            let tip = tips.get(task.as_str())?;
            Some(Branch { task: task.clone(), tip: tip.clone() })
        };
        let branches: Vec<Branch> = self.tasks.iter().filter_map(branch).collect();
        let clashes = forecast.clashes(&branches).ok()?;
        self.tips = tips;
        (clashes != self.told).then_some(clashes)
    }
}
