//! Ends what agents leave behind that has put off its marks, as soon as it can be of nobody who is still at work: until the
//! end of the run it could pass for a person.
//!
//! # How it works
//!
//! On Linux an orphan below us becomes our child. It is there before it is seen, so it is of an attempt that was at work when
//! it was seen for the first time, of one that had ended, or it was left by another orphan. It is ended once none of those is
//! open any more. What may be of a command, or of what makes a work tree ready, stays until the run ends: later steps may
//! need what was put aside there, a database for instance.

use super::Dispatcher;
use crate::domain::event::ProcessId;
use crate::runner::attempt::OpenAttempt;
use crate::runner::process::{self, GroupSignal};
use crate::runner::slots::Part;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// An attempt, by the place of its task and its number.
type AttemptOf = (usize, u32);

/// The orphans that have come to us.
#[derive(Debug, Default)]
pub(super) struct Strays {
    known: Vec<Stray>,
}

#[derive(Debug)]
struct Stray {
    process: ProcessId,
    of: Of,
    /// When it was asked to end.
    asked: Option<Instant>,
}

/// What an orphan may be of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    /// Of the run.
    Run,
    /// Of one of these attempts, all of agents.
    Attempts(BTreeSet<AttemptOf>),
}

/// Who was at work since the last look.
#[derive(Debug, Default)]
struct AtWork {
    agents: BTreeSet<AttemptOf>,
    /// Something else than an agent was at work, too.
    others: bool,
}

impl Strays {
    /// Takes in which orphans are there, of whom those that are new came since the last look.
    fn look(&mut self, orphans: Vec<ProcessId>, at_work: &AtWork) {
        let mut new_of = match at_work.others {
            true => Of::Run,
            false => Of::Attempts(at_work.agents.clone()),
        };
        for known in &self.known {
            new_of = match (new_of, &known.of) {
                (Of::Attempts(new), Of::Attempts(before)) => Of::Attempts(&new | before),
                _ => Of::Run,
            };
        }
        self.known.retain(|known| orphans.contains(&known.process));
        for process in orphans {
            if !self.known.iter().any(|known| known.process == process) {
                self.known.push(Stray { process, of: new_of.clone(), asked: None });
            }
        }
    }

    /// Returns those that can be of nobody who is still at work.
    fn left(&mut self, open: &BTreeSet<AttemptOf>) -> impl Iterator<Item = &mut Stray> {
        let is_left = |of: &Of| matches!(of, Of::Attempts(attempts) if attempts.is_disjoint(open));
        self.known.iter_mut().filter(move |known| is_left(&known.of))
    }
}

impl Dispatcher<'_> {
    /// Looks which orphans have come, and ends those that can be of nobody who is at work. `closing` is the attempt that is
    /// about to be open no more.
    ///
    /// It has to be called before it changes who is at work, and what at.
    pub(super) fn look_for_strays(&mut self, closing: Option<(usize, &OpenAttempt)>) {
        let orphans = process::orphans();
        if orphans.is_empty() && self.strays.known.is_empty() {
            return;
        }
        let mut at_work = AtWork::default();
        let open = self.open.iter().map(|(place, open)| (*place, open)).chain(closing);
        for (place, open) in open {
            let is_agents = open.agent.is_some() && !matches!(open.part, Part::Check(_));
            if open.adopted || (is_agents && !self.is_starting(place)) {
                at_work.agents.insert((place, open.number));
            } else {
                at_work.others = true;
            }
        }
        self.strays.look(orphans, &at_work);
        let still_open = self.open.iter().map(|(place, open)| (*place, open.number)).collect();
        end(self.strays.left(&still_open), self.setup.limits.grace);
    }
}

/// Asks those that were not asked before, and kills those whose grace is over.
fn end<'a>(left: impl Iterator<Item = &'a mut Stray>, grace: Duration) {
    for stray in left {
        let late = stray.asked.is_some_and(|asked| asked.elapsed() >= grace);
        if stray.asked.is_none() || late {
            let signal = if late { GroupSignal::Kill } else { GroupSignal::End };
            process::signal_orphan(&stray.process, signal);
        }
        stray.asked.get_or_insert_with(Instant::now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32) -> ProcessId {
        ProcessId { pid, start: 1, boot: String::new() }
    }

    fn at_work(agents: &[AttemptOf], others: bool) -> AtWork {
        AtWork { agents: agents.iter().copied().collect(), others }
    }

    fn left(strays: &mut Strays, open: &[AttemptOf]) -> Vec<u32> {
        strays.left(&open.iter().copied().collect()).map(|stray| stray.process.pid).collect()
    }

    #[test]
    fn an_orphan_is_of_nobody_once_all_have_ended_who_were_at_work_when_it_came() {
        let mut strays = Strays::default();
        strays.look(vec![process(7)], &at_work(&[(0, 1), (1, 1)], false));
        // The third one began later.
        strays.look(vec![process(7)], &at_work(&[(1, 1), (2, 1)], false));
        assert_eq!(left(&mut strays, &[(1, 1), (2, 1)]), [] as [u32; 0]);
        assert_eq!(left(&mut strays, &[(2, 1)]), [7]);
        // What it leaves behind may be of the same.
        strays.look(vec![process(8)], &at_work(&[(2, 1)], false));
        assert_eq!(left(&mut strays, &[(2, 1)]), [] as [u32; 0]);
        assert_eq!(left(&mut strays, &[(3, 1)]), [8]);
        // Another one with the same number is another one.
        let other = ProcessId { start: 2, ..process(8) };
        strays.look(vec![other], &at_work(&[(4, 1)], false));
        assert_eq!(left(&mut strays, &[(4, 1)]), [] as [u32; 0]);
    }

    #[test]
    fn what_may_be_of_a_command_stays_with_all_that_comes_of_it() {
        let mut strays = Strays::default();
        strays.look(vec![process(7)], &at_work(&[(0, 1)], true));
        strays.look(vec![process(7), process(8)], &at_work(&[(1, 1)], false));
        assert_eq!(left(&mut strays, &[]), [] as [u32; 0]);
        strays.look(Vec::new(), &at_work(&[(1, 1)], false));
        strays.look(vec![process(9)], &at_work(&[(1, 1)], false));
        assert_eq!(left(&mut strays, &[]), [9]);
    }
}
