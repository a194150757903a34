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
    /// Returns what the branches do to each other now, or what they did when git last said it; nothing where it does not end
    /// in time. What was told before is said again: who asks may not have read it.
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
        seen: None,
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
    /// What was found there.
    seen: Option<Vec<Clash>>,
    /// What the dispatcher was told last.
    told: Vec<Clash>,
}

impl Look {
    fn go_on(&mut self, sender: &SyncSender<Message>, asked: &Receiver<Sender<Option<Vec<Clash>>>>) {
        loop {
            match asked.recv_timeout(LOOK) {
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.look();
                    self.tell(sender);
                }
                Ok(answer) => {
                    self.look();
                    // It may wait no longer.
                    let _ = answer.send(self.seen.clone());
                }
            }
        }
    }

    /// Tells the dispatcher what it was not told; one that has too much to read hears of it with the next look.
    fn tell(&mut self, sender: &SyncSender<Message>) {
        let Some(clashes) = self.seen.as_ref().filter(|seen| **seen != self.told) else { return };
        if sender.try_send(Message::Clashes(clashes.clone())).is_ok() {
            self.told.clone_from(clashes);
        }
    }

    /// Looks again where a tip has moved. Where git fails, what was seen stays.
    fn look(&mut self) {
        if let Some((tips, clashes)) = self.moved() {
            (self.tips, self.seen) = (tips, Some(clashes));
        }
    }

    /// Returns the tips and what the branches do to each other, where that is not known yet.
    fn moved(&mut self) -> Option<(BTreeMap<String, String>, Vec<Clash>)> {
        if self.forecast.is_none() {
            let made = Forecast::new(&self.repository, &self.base, &self.scratch, self.over.clone());
            self.forecast = made.ok();
        }
        let forecast = self.forecast.as_mut()?;
        let prefix = reference_of(&branch_of(&self.run, self.tasks.first()?));
        let prefix = &prefix[..=prefix.rfind('/')?];
        let tips = forecast.tips(prefix).ok().filter(|tips| *tips != self.tips)?;
        let branch = |task: &TaskId| {
            let tip = tips.get(task.as_str())?;
            Some(Branch { task: task.clone(), tip: tip.clone() })
        };
        let branches: Vec<Branch> = self.tasks.iter().filter_map(branch).collect();
        let clashes = forecast.clashes(&branches).ok()?;
        Some((tips, clashes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::git::Git;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn what_was_told_and_not_read_is_said_again_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path()).with("GIT_CONFIG_GLOBAL", "/dev/null");
        let git = git.set("user.name", "T").set("user.email", "t@example.com");
        git.run(&["init", "-q", "-b", "main"]).unwrap();
        git.run(&["commit", "-q", "--allow-empty", "-m", "base"]).unwrap();
        let run = RunId::from_random(7);
        let tasks = ["a", "b"].map(|id| TaskId::parse(id).unwrap());
        for task in &tasks {
            git.run(&["checkout", "-q", "-b", &branch_of(&run, task), "main"]).unwrap();
            std::fs::write(folder.path().join("file"), format!("{task}\n")).unwrap();
            git.run(&["add", "file"]).unwrap();
            git.run(&["commit", "-q", "-m", "x"]).unwrap();
        }
        let mut look = Look {
            tasks: tasks.to_vec(),
            run,
            base: git.text(&["rev-parse", "main"]).unwrap(),
            repository: folder.path().to_owned(),
            scratch: folder.path().to_owned(),
            over: Arc::default(),
            forecast: None,
            tips: BTreeMap::new(),
            seen: None,
            told: Vec::new(),
        };
        let (sender, unread) = sync_channel(1);
        look.look();
        look.tell(&sender);
        look.tell(&sender);
        assert_eq!(unread.try_iter().count(), 1, "it is told once");
        let (asks, asked) = channel();
        let over = look.over.clone();
        let thread = std::thread::spawn(move || look.go_on(&sender, &asked));
        let watch = ForecastWatch { over, asks: Some(asks), thread: Some(thread) };
        let clashes = watch.last_look().unwrap();
        assert_eq!(clashes.len(), 1, "{clashes:?}");
        assert_eq!(clashes[0].tasks, (tasks[0].clone(), tasks[1].clone()));
    }
}
