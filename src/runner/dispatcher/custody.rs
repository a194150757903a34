//! Keeps what attempts leave: nothing is judged, tried again or thrown away before it is in a commit.

use super::{Dispatcher, Effect};
use crate::domain::event::Event;
use crate::domain::judgement::StreamError;
use crate::domain::task::Attempt;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::domain::worktree::{self, MovedReference};
use crate::runner::attempt::MAX_SUMMARY_LINE;
use crate::runner::launch;
use crate::runner::left_folder::LeftFolder;
use crate::runner::own_tree::{Kept, OwnTree};
use crate::runner::review_rules;
use crate::runner::slots::{Errand, Keeping};
use crate::store::StoreError;
use crate::workspace::custody;
use crate::workspace::git::Git;
use std::sync::Arc;

/// The most characters of what was achieved that a commit's first line says.
const MAX_SUBJECT: usize = 100;

impl Dispatcher<'_> {
    /// Returns the work tree of its own that a task's attempt works in, where it asks for one.
    pub(super) fn own_tree(&self, place: usize, number: u32) -> Option<Arc<OwnTree>> {
        let task = &self.run.tasks[place];
        let path = self.setup.recorded_folder_of(&self.run, task)?;
        let folder = self.setup.folder_of(&self.run, task);
        let is_looked_at = task.spec.is_detached();
        let (base, beginnings) = match is_looked_at {
            true => (self.run.target_of(task).map(|target| target.head), Vec::new()),
            false => (
                self.run.base.as_ref().map(|base| base.commit.clone()),
                worktree::beginnings(&self.run, place),
            ),
        };
        let tree = OwnTree::new(
            (self.setup.repository.clone(), folder.clone(), path),
            (self.run.id.clone(), task.spec.id.clone(), number),
            task.spec.program().to_owned(),
            beginnings,
            base.unwrap_or_default(),
            task.tree.as_deref(),
            launch::prepare_worktree(self.setup, &self.run, &self.paths, task, number, &folder),
        );
        Some(Arc::new(if is_looked_at { tree.to_be_looked_at() } else { tree }))
    }

    /// Takes in that a task has no work tree that it could work in; without one it does not work at all.
    pub(super) fn note_unplaced(&mut self, place: usize, why: Option<StreamError>) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        if why.is_none() {
            open.work_stopped = open.stopped.take();
        }
        open.unplaced = why;
        self.settle(place)
    }

    /// Has kept what an attempt left, all of whose own children have ended, and goes on after that.
    pub(super) fn keep_work(&mut self, place: usize) -> Result<(), StoreError> {
        let Some(open) = self.open.get(&place) else { return Ok(()) };
        let task = &self.run.tasks[place];
        let summary = task.last().and_then(|attempt| attempt.submission.as_deref());
        let summary =
            summary.map(|handed_in| clean_line(&handed_in.summary(), MAX_SUBJECT)).unwrap_or_default();
        let keeping = match (&open.tree, &open.folder) {
            (Some(tree), _) => {
                let rules = review_rules::file_for(&self.run, &self.paths, task);
                Keeping::Own { tree: tree.clone(), summary, rules }
            }
            (None, Some(folder)) if task.may_write() && open.leaves_doubtful_work(task) => Keeping::Shared {
                folder: folder.clone(),
                reference: worktree::keep_ref(&self.run.id, &task.spec.id, open.number),
                message: format!("{}: the folder after attempt {}", task.spec.id, open.number),
            },
            _ => return self.check_or_settle(place),
        };
        self.effects.push(Effect::Start(Errand::Keep { place, keeping }));
        Ok(())
    }

    /// Takes in what was kept.
    pub(super) fn note_kept(
        &mut self,
        place: usize,
        kept: Result<Option<Kept>, String>,
        moved: Result<Vec<MovedReference>, String>,
    ) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        let number = open.number;
        if let Some(closing) = open.closing.take() {
            let unkept = self.note_left_kept(place, kept)?;
            return self.end_adopted(place, &closing, unkept);
        }
        open.note_stop_meanwhile();
        let strayed = self.record_moved(place, number, moved)?;
        let Some(open) = self.open.get_mut(&place) else { return Ok(()) };
        open.strayed = strayed;
        match kept {
            Ok(Some(kept)) => {
                open.unkept = kept.missing.first().cloned();
                open.astray.clone_from(&kept.astray);
                self.record_kept(place, number, kept)?;
            }
            Ok(None) => {}
            Err(why) => open.unkept = Some(clean_line(&why, MAX_SUMMARY_LINE)),
        }
        match self.open.get(&place).is_some_and(|open| open.is_misplaced()) {
            // What is checked would be another folder than the task's own.
            true => self.settle(place),
            false => self.check_or_settle(place),
        }
    }

    /// Records which references came to hold an attempt's work, and says what stands against it because of that.
    fn record_moved(
        &mut self,
        place: usize,
        attempt: u32,
        moved: Result<Vec<MovedReference>, String>,
    ) -> Result<Option<String>, StoreError> {
        let moved = match moved {
            Ok(moved) => moved,
            Err(why) => return Ok(Some(format!("crew could not see which references it moved: {why}"))),
        };
        let moved = self.without_own_doing(place, moved)?;
        let strayed = worktree::against(&self.run.tasks[place].spec, &moved);
        if !moved.is_empty() {
            let task = self.run.tasks[place].spec.id.clone();
            self.record(Event::ReferencesMoved { task, attempt, moved })?;
        }
        Ok(strayed)
    }

    /// Leaves out what crew itself has done to its branches in other runs meanwhile, and lets go of what was held of them.
    fn without_own_doing(
        &self,
        place: usize,
        moved: Vec<MovedReference>,
    ) -> Result<Vec<MovedReference>, StoreError> {
        let since = self.run.tasks[place].last().map(|last| last.started_at).unwrap_or_default();
        let mut others = Vec::with_capacity(moved.len());
        for one in moved {
            if !one.lost || !self.is_own_doing(&one, since)? {
                others.push(one);
                continue;
            }
            if let (Some(held), Some(from)) = (&one.held, &one.from) {
                // What stays takes a few bytes, and `crew prune` takes it away.
                let _ = custody::let_go(&Git::at(&self.setup.repository), held, from);
            }
        }
        Ok(others)
    }

    fn is_own_doing(&self, moved: &MovedReference, since: Time) -> Result<bool, StoreError> {
        let Some((run, task)) = worktree::branch_named(&moved.reference) else { return Ok(false) };
        // That of a merge's own work tree is nobody's work.
        if task.starts_with('+') {
            return Ok(true);
        }
        // Of a run that cannot be read nothing is known.
        let Some(other) = self.store.load_run(&run).ok().flatten() else {
            let stone = self.store.tombstones(run.as_str(), 1)?.pop();
            return Ok(stone.is_some_and(|stone| stone.pruned_at >= since));
        };
        let Some(task) = other.tasks.iter().find(|known| known.spec.id.as_str() == task) else {
            return Ok(false);
        };
        let newest =
            self.store.events(&run, 0, usize::MAX)?.into_iter().rev().find_map(|known| match known.event {
                Event::WorktreeRemoved { task: of, branch_deleted, .. } if of == task.spec.id => {
                    Some(branch_deleted)
                }
                Event::WorktreeAdded { task: of, .. } if of == task.spec.id => Some(false),
                _ => None,
            });
        Ok(worktree::is_own_doing(task, moved, newest == Some(true)))
    }

    fn record_kept(&mut self, place: usize, number: u32, kept: Kept) -> Result<(), StoreError> {
        let task = &self.run.tasks[place];
        let known = task.tree.as_ref().is_some_and(|tree| match task.spec.is_detached() {
            // Its branch goes, so of one that holds nothing there is nothing to tell.
            true => tree.head() == kept.commit && kept.missing.is_empty() && kept.astray.is_empty(),
            false => tree.tip.as_ref() == Some(&kept.commit),
        });
        // What is beside the branch is not known by its tip.
        let known = known && kept.set_aside.is_empty();
        if known { Ok(()) } else { self.record(kept.into_event(task.spec.id.clone(), number)) }
    }

    /// Keeps what an attempt left whose crew process died, and returns why not all of it could be.
    pub(super) fn keep_left(&mut self, place: usize) -> Result<Option<String>, StoreError> {
        let task = &self.run.tasks[place];
        if task.cancel.is_some()
            && task.tree.is_none()
            && let Some(tree) = self.own_tree(place, task.attempts.len() as u32)
        {
            // Should it stay, `crew doctor` tells of it.
            let _ = tree.clear_half_made();
        }
        let kept = self.keeping_of_left(place).map_or(Ok(None), |keeping| keeping.keep());
        self.note_left_kept(place, kept)
    }

    /// Returns what there is to keep of an attempt whose crew process died.
    pub(super) fn keeping_of_left(&self, place: usize) -> Option<Keeping> {
        let task = &self.run.tasks[place];
        let Attempt { number, process, .. } = task.last()?;
        match self.own_tree(place, *number) {
            // Where nothing is recorded of it, what is there is taken up as it is by the next attempt.
            Some(_) if task.tree.is_none() => None,
            // Somebody has taken it away: what its registration still knows is held when it is made again.
            Some(tree) if tree.is_gone() => None,
            Some(tree) => {
                let rules = review_rules::file_for(&self.run, &self.paths, task);
                Some(Keeping::Own { tree, summary: String::new(), rules })
            }
            None if process.is_some() && task.may_write() => Some(Keeping::Left(LeftFolder {
                repository: self.setup.repository.clone(),
                logs: self.paths.logs(),
                task: task.spec.id.clone(),
                attempt: *number,
                reference: worktree::keep_ref(&self.run.id, &task.spec.id, *number),
            })),
            None => None,
        }
    }

    /// Records what was kept of it, and returns why not all of it could be.
    pub(super) fn note_left_kept(
        &mut self,
        place: usize,
        kept: Result<Option<Kept>, String>,
    ) -> Result<Option<String>, StoreError> {
        let number = self.run.tasks[place].attempts.len() as u32;
        match kept {
            Ok(Some(kept)) => {
                let missing = kept.missing.first().cloned();
                self.record_kept(place, number, kept).map(|()| missing)
            }
            Ok(None) => Ok(None),
            Err(why) => Ok(Some(clean_line(&why, MAX_SUMMARY_LINE))),
        }
    }
}
