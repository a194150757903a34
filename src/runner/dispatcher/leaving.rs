//! Takes reviewers' work trees away once nobody looks there any more: after each attempt, and where a dead owner did not
//! come to that.

use super::{Dispatcher, Effect};
use crate::domain::event::Event;
use crate::domain::time::Time;
use crate::runner::clock;
use crate::runner::slots::Errand;
use crate::store::StoreError;
use std::time::Duration;

/// How long a task waits at a time whose last work tree is still being taken away.
const WAIT: Duration = Duration::from_millis(50);

impl Dispatcher<'_> {
    /// Lets the work trees of reviewers be taken away that a dead owner left.
    pub(super) fn leave_trees(&mut self) {
        for place in 0..self.run.tasks.len() {
            let is_gone = self.run.tasks[place].tree.as_ref().is_some_and(|tree| tree.removed);
            if !is_gone {
                self.leave_tree(place);
            }
        }
    }

    /// Lets the work tree of a reviewer be taken away, unless an attempt is open. It may be half made, and not recorded.
    pub(super) fn leave_tree(&mut self, place: usize) {
        let task = &self.run.tasks[place];
        let is_over = task.last().is_some_and(|attempt| !attempt.is_open());
        if !task.spec.is_detached() || !is_over {
            return;
        }
        let tree = self.own_tree(place, task.attempts.len() as u32).filter(|_| self.leaving.insert(place));
        self.effects.extend(tree.map(|tree| Effect::Start(Errand::Leave { place, tree })));
    }

    /// Takes those away here and now, where nobody but a command sees to the run.
    pub(super) fn leave_trees_now(&mut self) -> Result<(), StoreError> {
        self.leave_trees();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Start(Errand::Leave { place, tree }) => self.note_left(place, tree.leave())?,
                other => self.effects.push(other),
            }
        }
        Ok(())
    }

    /// Takes in that one is gone. One that is not stays in the record: `crew worktree` tells what is wrong with it, and the
    /// next attempt and the next owner of the run try again.
    pub(super) fn note_left(&mut self, place: usize, left: Result<Event, String>) -> Result<(), StoreError> {
        self.leaving.remove(&place);
        let is_recorded = self.run.tasks[place].tree.as_ref().is_some_and(|tree| !tree.removed);
        left.ok().filter(|_| is_recorded).map_or(Ok(()), |removed| self.record(removed))
    }

    /// Tells until when a task waits for the place of its next attempt, where it has to.
    pub(super) fn waits_for_place(&self, place: usize) -> Option<Time> {
        self.leaving.contains(&place).then(|| clock::now().plus(WAIT))
    }
}
