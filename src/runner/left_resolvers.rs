//! Agents that were given a conflict of a merge and whose crew process died: they are ended, what they left is kept, and
//! their work trees are taken away.

use super::marks;
use super::process;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::resolution::{self, Resolution, Standing};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::usage::Usage;
use crate::domain::worktree;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::layout::{self, Layout, RunPaths};
use crate::workspace::merging::resolving::Bench;
use crate::workspace::merging::{MergeError, Repository};
use crate::workspace::worktree::{Owner, own_links};
use std::path::Path;
use std::time::Duration;

/// Where agents work on the conflicts of a run's merges.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The top of the user's work tree.
    pub top: &'a Path,
    pub repository: &'a Repository,
    /// Of the run whose work is merged.
    pub paths: &'a RunPaths,
    /// Where work trees are made; what is recorded of one counts more.
    pub worktrees: &'a Path,
    /// For how long what is ended may go on.
    pub grace: Duration,
}

/// What became of an agent that was left.
#[derive(Debug)]
pub struct Ended {
    pub event: Event,
    /// What a person is told of it, a line each.
    pub words: Vec<String>,
}

/// What was held of an agent's work tree that was taken away.
#[derive(Debug, Default)]
pub struct Cleared {
    pub reference: Option<String>,
    /// Why the folder stays.
    pub stays: Option<String>,
}

/// Why nothing was done about it.
#[derive(Debug, thiserror::Error)]
pub enum LeftError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Merge(#[from] MergeError),
}

/// Names where the runs are recorded in which agents work on conflicts.
pub fn inner_layout(paths: &RunPaths) -> Layout {
    Layout::of(paths.root().join(layout::CONFLICTS))
}

/// Returns the conflicts that agents have been given of which nothing else is known. Whoever holds the run's lock and is
/// not at work on them knows that they were left.
pub fn given(run: &Run) -> Vec<Resolution> {
    run.resolutions.iter().filter(|given| given.standing == Standing::Given).cloned().collect()
}

/// Adds up what a task's attempts used.
pub fn usage_of(task: &Task) -> Usage {
    let mut usage = Usage::default();
    task.attempts.iter().for_each(|attempt| usage.add(&attempt.usage));
    usage
}

impl Places<'_> {
    /// Ends and keeps what one of these agents left, and says what is to be recorded of that. Twice is the same as once.
    pub fn end(&self, run: &Run, given: &Resolution) -> Result<Ended, LeftError> {
        let Resolution { task, number, agent, inside, .. } = given;
        let inner = match Store::open_existing(&inner_layout(self.paths))? {
            Some(runs) => runs.load_run(inside)?,
            None => None,
        };
        let (mut cleared, mut usage) = (Cleared::default(), Usage::default());
        if let Some(inner) = &inner {
            let attempt = inner.tasks.first().and_then(|task| task.last());
            let process = attempt.and_then(|attempt| attempt.process.as_ref());
            process::end_left(process, &marks::of_run(self.top, inside), self.grace);
            cleared = self.clear(run, task, *number, inner)?;
            usage = inner.tasks.first().map(usage_of).unwrap_or_default();
        }
        let Cleared { reference, stays } = cleared;
        let kept = reference.as_ref().map(|kept| format!("; what it left is kept at {kept}"));
        let kept = kept.unwrap_or_default();
        let mut words =
            vec![format!("{agent} worked on the conflict of {task} when its crew process died{kept}")];
        words.extend(stays);
        let event = Event::ConflictLeft {
            task: task.clone(),
            number: *number,
            agent: agent.clone(),
            reasons: vec!["its crew process died".to_owned()],
            reference,
            usage,
        };
        Ok(Ended { event, words })
    }

    /// Keeps what an agent left and takes its work tree away. Where that cannot be, it stays.
    pub fn clear(&self, run: &Run, task: &TaskId, number: u32, inner: &Run) -> Result<Cleared, MergeError> {
        let Some((worked, base)) = inner.tasks.first().zip(inner.base.as_ref()) else {
            return Ok(Cleared::default());
        };
        let folder = match &worked.tree {
            Some(tree) => self.top.join(&tree.path),
            None => self.worktrees.join(inner.id.as_str()).join(worked.spec.id.as_str()),
        };
        let links = own_links(self.top, &folder, &worked.spec.link);
        let bench = Bench {
            top: self.top,
            folder,
            branch: worktree::branch_of(&inner.id, &worked.spec.id),
            owner: Owner { run: inner.id.to_string(), task: worked.spec.id.to_string() },
            begun: &base.commit,
            keep_ref: &resolution::keep_ref(&run.id, task, number),
            leave_out: &links,
        };
        let held = bench.hold(self.repository)?;
        Ok(match bench.clear(self.repository) {
            Ok(cleared) => Cleared { reference: held.or(cleared), stays: None },
            Err(error) => {
                let stays = Some(format!("the work tree of the agent stays: {error}"));
                Cleared { reference: held, stays }
            }
        })
    }
}
