//! Which task comes next: a task starts when its own dependencies are done; there are no levels and no barriers.
//!
//! The schedule is kept up to date by being told what settled, so that a step costs what its own dependents cost,
//! however many tasks the run has.

use super::id::TaskId;
use super::run::Run;
use super::task::{Task, TaskState};
use super::time::Time;
use super::when::Operand;
use std::collections::{BTreeSet, VecDeque};

/// A task that will not be done in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    pub task: TaskId,
    pub reason: String,
    /// Its own `when` was false.
    pub by_condition: bool,
}

/// What can start, what waits for time, and what has become impossible. Tasks are named by their place in the run.
#[derive(Debug)]
pub struct Schedule {
    dependents: Vec<Vec<usize>>,
    /// How many dependencies of each task are not settled.
    open_dependencies: Vec<usize>,
    ready: BTreeSet<usize>,
    delayed: BTreeSet<(Time, usize)>,
    skips: VecDeque<Skip>,
}

impl Schedule {
    /// Looks at a run as it stands: queued tasks become ready, delayed or skipped.
    pub fn of(run: &Run) -> Schedule {
        let mut dependents = vec![Vec::new(); run.tasks.len()];
        let mut open_dependencies = vec![0; run.tasks.len()];
        for (place, task) in run.tasks.iter().enumerate() {
            for dependency in task.spec.depends_on.iter().filter_map(|id| run.place(id)) {
                dependents[dependency].push(place);
                if !run.tasks[dependency].state.is_settled() {
                    open_dependencies[place] += 1;
                }
            }
        }
        let mut schedule = Schedule {
            dependents,
            open_dependencies,
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            skips: VecDeque::new(),
        };
        for place in 0..run.tasks.len() {
            if run.tasks[place].state == TaskState::Queued && schedule.open_dependencies[place] == 0 {
                schedule.decide(run, place);
            }
        }
        schedule
    }

    /// Takes in that a task has settled.
    pub fn note_settled(&mut self, run: &Run, place: usize) {
        for at in 0..self.dependents[place].len() {
            let dependent = self.dependents[place][at];
            self.open_dependencies[dependent] -= 1;
            if self.open_dependencies[dependent] == 0 && run.tasks[dependent].state == TaskState::Queued {
                self.decide(run, dependent);
            }
        }
    }

    /// Takes in that a task went back to the queue.
    pub fn note_queued(&mut self, run: &Run, place: usize) {
        match run.tasks[place].not_before {
            Some(at) => self.delayed.insert((at, place)),
            None => self.ready.insert(place),
        };
    }

    /// Puts a task back that could have started, to be asked for again.
    pub fn put_back(&mut self, place: usize) {
        self.ready.insert(place);
    }

    /// Lets nothing wait for its time any more.
    pub fn hurry(&mut self) {
        self.ready.extend(std::mem::take(&mut self.delayed).into_iter().map(|(_, place)| place));
    }

    /// Returns the next task that has become impossible.
    pub fn next_skip(&mut self) -> Option<Skip> {
        self.skips.pop_front()
    }

    /// Takes the next task that can start, in the order of the workflow.
    pub fn next_start(&mut self, now: Time) -> Option<usize> {
        while let Some(&(at, place)) = self.delayed.first()
            && at <= now
        {
            self.delayed.pop_first();
            self.ready.insert(place);
        }
        self.ready.pop_first()
    }

    /// Returns when the next delayed task may start.
    pub fn next_wake(&self) -> Option<Time> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Decides about a queued task whose dependencies are all settled.
    fn decide(&mut self, run: &Run, place: usize) {
        let task = &run.tasks[place];
        let skip = |reason: String, by_condition| Skip { task: task.spec.id.clone(), reason, by_condition };
        if let Some(blocker) = blocker(run, task) {
            let reason = format!("depends on {}, which {}", blocker.spec.id, words(blocker.state));
            return self.skips.push_back(skip(reason, false));
        }
        if let Some(when) =
            task.spec.when.as_ref().filter(|when| !when.holds(&|operand| look_up(run, operand)))
        {
            return self.skips.push_back(skip(format!("when: {when}"), true));
        }
        self.note_queued(run, place);
    }
}

fn words(state: TaskState) -> &'static str {
    match state {
        TaskState::NeedsReview => "needs review",
        TaskState::Skipped => "was skipped",
        TaskState::Cancelled => "was cancelled",
        other => other.name(),
    }
}

/// Returns a dependency because of which a task cannot be done. A condition excuses the steps it asks about, and
/// `always` excuses all; one on something else, a variable say, excuses none.
fn blocker<'a>(run: &'a Run, task: &Task) -> Option<&'a Task> {
    let excused = |dependency: &Task| {
        task.spec.when.as_ref().is_some_and(|when| {
            let asks = |operand: &Operand| operand.step() == Some(dependency.spec.id.as_str());
            when.is_always() || when.operands().into_iter().any(asks)
        })
    };
    let mut dependencies = task.spec.depends_on.iter().filter_map(|id| run.task(id));
    dependencies.find(|dependency| !dependency.lets_dependents_go() && !excused(dependency))
}

fn look_up(run: &Run, operand: &Operand) -> Option<String> {
    let task = |id: &str| TaskId::parse(id).and_then(|id| run.task(&id));
    match operand {
        Operand::State(step) => task(step).map(|task| task.state.name().to_owned()),
        Operand::Exit(step) => task(step)?.last()?.ending.exit.map(|exit| exit.to_string()),
        Operand::Var(name) => run.vars.get(name).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::when::When;

    /// Runs a task to its end, in the run and in the schedule.
    fn finish(run: &mut Run, schedule: &mut Schedule, id: &str, outcome: Outcome) {
        run.apply(Time(1), &started(id, 1)).unwrap();
        run.apply(Time(2), &ended(id, 1, outcome, None)).unwrap();
        let place = run.place(&TaskId::parse(id).unwrap()).unwrap();
        schedule.note_settled(run, place);
    }

    fn starts(schedule: &mut Schedule, run: &Run) -> Vec<String> {
        std::iter::from_fn(|| schedule.next_start(Time(5)))
            .map(|at| run.tasks[at].spec.id.to_string())
            .collect()
    }

    #[test]
    fn a_task_waits_for_its_own_dependencies_and_for_nothing_else() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[]), spec("c", &["a"]), spec("d", &["b", "c"])]);
        let mut schedule = Schedule::of(&run);
        assert_eq!(starts(&mut schedule, &run), ["a", "b"]);
        finish(&mut run, &mut schedule, "a", Outcome::Succeeded);
        assert_eq!(starts(&mut schedule, &run), ["c"]);
        finish(&mut run, &mut schedule, "c", Outcome::Succeeded);
        assert!(starts(&mut schedule, &run).is_empty());
        finish(&mut run, &mut schedule, "b", Outcome::Succeeded);
        assert_eq!(starts(&mut schedule, &run), ["d"]);
    }

    #[test]
    fn what_depends_on_a_failure_is_skipped_down_the_line_and_other_branches_go_on() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"]), spec("c", &["b"]), spec("x", &[])]);
        let mut schedule = Schedule::of(&run);
        assert_eq!(starts(&mut schedule, &run), ["a", "x"]);
        finish(&mut run, &mut schedule, "a", Outcome::Failed);
        let mut reasons = vec![];
        while let Some(skip) = schedule.next_skip() {
            let place = run.place(&skip.task).unwrap();
            reasons.push(skip.reason.clone());
            let Skip { task, reason, by_condition } = skip;
            run.apply(Time(3), &Event::TaskSkipped { task, reason, by_condition }).unwrap();
            schedule.note_settled(&run, place);
        }
        assert_eq!(reasons, ["depends on a, which failed", "depends on b, which was skipped"]);
    }

    #[test]
    fn a_condition_excuses_only_the_steps_it_asks_about() {
        let when = |condition: &str| {
            let mut spec = spec("b", &["a"]);
            spec.when = Some(When::parse(condition).unwrap());
            let mut run = run_of(vec![self::spec("a", &[]), spec]);
            run.vars.insert("wanted".into(), "yes".into());
            let mut schedule = Schedule::of(&run);
            starts(&mut schedule, &run);
            finish(&mut run, &mut schedule, "a", Outcome::Failed);
            starts(&mut schedule, &run)
        };
        assert!(when("vars.wanted == yes").is_empty());
        assert_eq!(when("a.state == failed && vars.wanted == yes"), ["b"]);
        assert_eq!(when("always"), ["b"]);
        assert!(when("a.state == completed").is_empty());
    }

    #[test]
    fn continue_on_error_lets_dependents_start() {
        let mut lenient = spec("a", &[]);
        lenient.continue_on_error = true;
        let mut run = run_of(vec![lenient, spec("b", &["a"])]);
        let mut schedule = Schedule::of(&run);
        starts(&mut schedule, &run);
        finish(&mut run, &mut schedule, "a", Outcome::Failed);
        assert_eq!(starts(&mut schedule, &run), ["b"]);
    }

    #[test]
    fn a_task_that_is_tried_again_waits_for_its_time() {
        let mut run = run_of(vec![spec("a", &[])]);
        let mut schedule = Schedule::of(&run);
        starts(&mut schedule, &run);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let again = crate::domain::event::Again { not_before: Time(100), reason: "auto_retry".into() };
        run.apply(Time(2), &ended("a", 1, Outcome::Failed, Some(again))).unwrap();
        schedule.note_queued(&run, 0);
        assert_eq!(schedule.next_start(Time(99)), None);
        assert_eq!(schedule.next_wake(), Some(Time(100)));
        assert_eq!(schedule.next_start(Time(100)), Some(0));
    }
}
