//! Which task comes next: a task starts when its own dependencies are done; there are no levels and no barriers.
//!
//! The schedule is kept up to date by being told what settled, so that a step costs what its own dependents cost,
//! however many tasks the run has.
//!
//! # Who has the folder
//!
//! Agents of one run work in one folder. One that writes has it to itself, so that what changed meanwhile is its doing;
//! those that read share it. Whoever is next in the workflow comes first: where that is a writer, it waits for the
//! readers that are in the folder, and nobody who comes later goes in before it. Commands go in and out as they like,
//! and tasks with a work tree of their own are not in it at all.

mod dependencies;

use super::id::TaskId;
use super::run::Run;
use super::task::{Task, TaskState, Work};
use super::time::Time;
use super::when::Operand;
use std::collections::{BTreeSet, VecDeque};

/// Returns the tasks that a task waits for, those too that it waits for because of a review.
pub fn waits_for(run: &Run, place: usize) -> Vec<&Task> {
    let on = dependencies::of(run).swap_remove(place);
    on.into_iter().map(|on| &run.tasks[on]).collect()
}

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
    /// By what they do in the folder.
    ready: [BTreeSet<usize>; 3],
    delayed: BTreeSet<(Time, usize)>,
    skips: VecDeque<Skip>,
    uses: Vec<FolderUse>,
    folder: Folder,
}

/// What a task does in the folder that all of them share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FolderUse {
    /// A command, which may do anything at any time.
    Free = 0,
    Reads = 1,
    /// Changes files; or builds and tests there, and what lies about meanwhile is not to be seen by others.
    Writes = 2,
}

impl FolderUse {
    fn of(task: &Task) -> FolderUse {
        match &task.spec.work {
            // It has a folder of its own.
            _ if task.spec.is_apart() || task.spec.reads_objects() => FolderUse::Free,
            Work::Command { .. } | Work::Merge { .. } => FolderUse::Free,
            Work::Agent { role, .. } if task.may_write() || role == "verifier" => FolderUse::Writes,
            Work::Agent { .. } => FolderUse::Reads,
        }
    }
}

/// The agents in the folder.
#[derive(Debug, Default)]
struct Folder {
    /// How many may write at once beside those that read; with 0 one that writes is alone.
    shared_writers: usize,
    reading: BTreeSet<usize>,
    writing: BTreeSet<usize>,
    /// The writer that is next, while it waits for those that read.
    next: Option<usize>,
}

impl Folder {
    fn admits(&self, what: FolderUse) -> bool {
        match what {
            FolderUse::Free => true,
            _ if self.next.is_some() => false,
            FolderUse::Reads => self.writing.is_empty() || self.shared_writers > 0,
            FolderUse::Writes if self.shared_writers > 0 => self.writing.len() < self.shared_writers,
            FolderUse::Writes => self.writing.is_empty() && self.reading.is_empty(),
        }
    }

    fn enter(&mut self, place: usize, what: FolderUse) {
        match what {
            FolderUse::Free => false,
            FolderUse::Reads => self.reading.insert(place),
            FolderUse::Writes => self.writing.insert(place),
        };
    }
}

impl Schedule {
    /// Looks at a run as it stands: queued tasks become ready, delayed or skipped.
    pub fn of(run: &Run) -> Schedule {
        let mut dependents = vec![Vec::new(); run.tasks.len()];
        let mut open_dependencies = vec![0; run.tasks.len()];
        for (place, on) in dependencies::of(run).into_iter().enumerate() {
            for dependency in on {
                dependents[dependency].push(place);
                let other = &run.tasks[dependency];
                if !other.state.is_settled() && !other.is_unasked() {
                    open_dependencies[place] += 1;
                }
            }
        }
        let mut schedule = Schedule {
            dependents,
            open_dependencies,
            ready: Default::default(),
            delayed: BTreeSet::new(),
            skips: VecDeque::new(),
            uses: run.tasks.iter().map(FolderUse::of).collect(),
            folder: Folder { shared_writers: run.limits.shared_writers as usize, ..Folder::default() },
        };
        for place in 0..run.tasks.len() {
            if run.tasks[place].state == TaskState::Running {
                schedule.folder.enter(place, schedule.uses[place]);
            }
            let task = &run.tasks[place];
            let waits = schedule.open_dependencies[place] > 0 || task.is_unasked();
            if task.state == TaskState::Queued && !waits {
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
            let task = &run.tasks[dependent];
            let waits = self.open_dependencies[dependent] > 0 || task.is_unasked();
            if task.state == TaskState::Queued && !waits {
                self.decide(run, dependent);
            }
        }
    }

    /// Takes in that a task went back to the queue.
    pub fn note_queued(&mut self, run: &Run, place: usize) {
        // Once its plan is approved, it may write.
        self.uses[place] = FolderUse::of(&run.tasks[place]);
        match run.tasks[place].not_before {
            Some(at) => self.delayed.insert((at, place)),
            None => self.ready[self.uses[place] as usize].insert(place),
        };
    }

    /// Puts a task back that could have started, to be asked for again.
    pub fn put_back(&mut self, place: usize) {
        self.ready[self.uses[place] as usize].insert(place);
    }

    /// Puts a task back that could have started, to be asked for when the time has come.
    pub fn put_off(&mut self, place: usize, until: Time) {
        self.delayed.insert((until, place));
    }

    /// Lets tasks be asked for again that were put off for a reason that is gone.
    pub fn put_on(&mut self, run: &Run, concerns: impl Fn(&Task) -> bool) {
        let concerned: Vec<(Time, usize)> =
            self.delayed.iter().filter(|(_, place)| concerns(&run.tasks[*place])).copied().collect();
        for entry in concerned {
            self.delayed.remove(&entry);
            self.note_queued(run, entry.1);
        }
    }

    /// Lets nothing wait for its time any more.
    pub fn hurry(&mut self) {
        for (_, place) in std::mem::take(&mut self.delayed) {
            self.put_back(place);
        }
    }

    /// Takes in that the clock went on by milliseconds that count for nothing, or back.
    pub fn move_times(&mut self, millis: i64) {
        self.delayed = self.delayed.iter().map(|(at, place)| (at.moved(millis), *place)).collect();
    }

    /// Takes in that a task works in the folder no more.
    pub fn note_ended(&mut self, place: usize) {
        self.folder.reading.remove(&place);
        self.folder.writing.remove(&place);
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
            self.ready[self.uses[place] as usize].insert(place);
        }
        let place = self.next_place()?;
        self.ready[self.uses[place] as usize].remove(&place);
        self.folder.enter(place, self.uses[place]);
        Some(place)
    }

    fn next_place(&mut self) -> Option<usize> {
        let first = |what: FolderUse| self.ready[what as usize].first().copied();
        let (free, reader, writer) =
            (first(FolderUse::Free), first(FolderUse::Reads), first(FolderUse::Writes));
        // Who was to be next may have been given up.
        self.folder.next =
            self.folder.next.filter(|next| self.ready[FolderUse::Writes as usize].contains(next));
        if let Some(next) = self.folder.next.filter(|_| self.folder.reading.is_empty()) {
            let place = free.map_or(next, |free| free.min(next));
            self.folder.next = Some(next).filter(|next| *next != place);
            return Some(place);
        }
        let agent = reader.into_iter().chain(writer).min();
        if agent.is_some() && agent == writer && !self.folder.admits(FolderUse::Writes) {
            // Readers that come later, one after the other, would keep it out for ever.
            let waits_for_readers = self.folder.writing.is_empty() && self.folder.shared_writers == 0;
            self.folder.next = self.folder.next.or(agent.filter(|_| waits_for_readers));
        }
        let reader = reader.filter(|_| self.folder.admits(FolderUse::Reads));
        let writer = writer.filter(|_| self.folder.admits(FolderUse::Writes));
        free.into_iter().chain(reader).chain(writer).min()
    }

    /// Tells whether a task could start, were there nobody in its way.
    pub fn has_ready(&self) -> bool {
        self.ready.iter().any(|ready| !ready.is_empty())
    }

    /// Returns when the next delayed task may start.
    pub fn next_wake(&self) -> Option<Time> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Decides about a queued task whose dependencies are all settled.
    fn decide(&mut self, run: &Run, place: usize) {
        let task = &run.tasks[place];
        let skip = |reason: String, by_condition| Skip { task: task.spec.id.clone(), reason, by_condition };
        if let Some(blocker) = blocker(run, task, &|_| false) {
            return self.skips.push_back(skip(why_blocked(blocker), false));
        }
        if let Some(when) =
            task.spec.when.as_ref().filter(|when| !when.holds(&|operand| look_up(run, operand)))
        {
            return self.skips.push_back(skip(format!("when: {when}"), true));
        }
        self.note_queued(run, place);
    }
}

/// The agents that work in the folder, as the record of a run says.
#[derive(Clone, Debug)]
pub struct InFolder<'a> {
    run: &'a Run,
    reading: Vec<&'a str>,
    writing: Vec<&'a str>,
}

impl<'a> InFolder<'a> {
    pub fn of(run: &'a Run) -> InFolder<'a> {
        let open = |what: FolderUse| {
            let working = |task: &&Task| task.state == TaskState::Running && FolderUse::of(task) == what;
            run.tasks.iter().filter(working).map(|task| task.spec.id.as_str()).collect()
        };
        InFolder { run, reading: open(FolderUse::Reads), writing: open(FolderUse::Writes) }
    }

    /// Says whom a task waits for because they are in the folder; `None` where that is not what keeps it.
    pub fn keeps_waiting(&self, task: &Task) -> Option<String> {
        let queued = task.state == TaskState::Queued && task.not_before.is_none();
        let settled = |id: &TaskId| self.run.task(id).is_some_and(|other| other.state.is_settled());
        let shared_writers = self.run.limits.shared_writers as usize;
        let somebody_reads = !self.reading.is_empty();
        let kept_out = match FolderUse::of(task) {
            FolderUse::Free => false,
            FolderUse::Writes if shared_writers > 0 => self.writing.len() >= shared_writers,
            FolderUse::Writes => !self.writing.is_empty() || somebody_reads,
            FolderUse::Reads => !self.writing.is_empty() && shared_writers == 0,
        };
        let waits = queued && kept_out && task.spec.waits_on().all(settled);
        (waits && !task.is_unasked()).then(|| self.words())
    }

    fn words(&self) -> String {
        let (who, doing) = match self.writing.is_empty() {
            true => (&self.reading, "reading"),
            false => (&self.writing, "at work there"),
        };
        let is = if who.len() == 1 { "is" } else { "are" };
        format!("waits for the folder: {} {is} {doing}", who.join(", "))
    }
}

/// Says what became of a task, behind its name: `failed`, `was skipped`.
pub fn words(state: TaskState) -> &'static str {
    match state {
        TaskState::NeedsReview => "needs review",
        TaskState::Skipped => "was skipped",
        TaskState::Cancelled => "was cancelled",
        other => other.name(),
    }
}

fn why_blocked(blocker: &Task) -> String {
    format!("depends on {}, which {}", blocker.spec.id, words(blocker.state))
}

/// Says why a settled task would be skipped again were it put back to the queue; none where that is open. `is_back` tells
/// which of the others go back with it.
pub fn would_skip(run: &Run, place: usize, is_back: &dyn Fn(usize) -> bool) -> Option<String> {
    if let Some(blocker) = blocked_by(run, place, is_back) {
        return Some(why_blocked(blocker));
    }
    let task = &run.tasks[place];
    let is_open = |on: usize| is_back(on) || !run.tasks[on].state.is_settled();
    let waits = task.spec.waits_on().filter_map(|id| run.place(id)).any(is_open);
    let when = task.spec.when.as_ref().filter(|when| !waits && !when.holds(&|operand| look_up(run, operand)));
    when.map(|when| format!("when: {when}"))
}

/// Returns the dependency because of which a task would be skipped again, where those for which `is_back` holds are queued.
pub fn blocked_by<'a>(run: &'a Run, place: usize, is_back: &dyn Fn(usize) -> bool) -> Option<&'a Task> {
    blocker(run, &run.tasks[place], &|on| is_back(on) || !run.tasks[on].state.is_settled())
}

/// Returns the dependency because of which a task was skipped, and of that in its turn, the nearest first.
pub fn blockers<'a>(run: &'a Run, task: &'a Task) -> Vec<&'a Task> {
    let next = |task: &&'a Task| match task.state {
        TaskState::Skipped => blocker(run, task, &|on| !run.tasks[on].state.is_settled()),
        _ => None,
    };
    std::iter::successors(next(&task), next).collect()
}

/// Returns a dependency because of which a task cannot be done. A condition excuses the steps it asks about, and
/// `always` excuses all; one on something else, a variable say, excuses none. Where one is open, nobody knows yet.
fn blocker<'a>(run: &'a Run, task: &Task, is_open: &dyn Fn(usize) -> bool) -> Option<&'a Task> {
    let excused = |dependency: &Task| {
        task.spec.when.as_ref().is_some_and(|when| {
            let asks = |operand: &Operand| operand.step() == Some(dependency.spec.id.as_str());
            when.is_always() || when.operands().into_iter().any(asks)
        })
    };
    let places = task.spec.waits_on().filter_map(|id| run.place(id));
    let mut dependencies = places.filter(|on| !is_open(*on)).map(|on| &run.tasks[on]);
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

    fn agent(id: &str, writes: bool) -> crate::domain::task::TaskSpec {
        let mut spec = spec(id, &[]);
        spec.work = Work::Agent {
            role: "r".into(),
            program: "p".into(),
            persona: String::new(),
            task: "t".into(),
            model: None,
            fallback_models: vec![],
            thinking: None,
            writes,
            submit_optional: false,
        };
        spec
    }

    /// Ends an agent's attempt.
    fn end(run: &mut Run, schedule: &mut Schedule, id: &str) {
        schedule.note_ended(run.place(&TaskId::parse(id).unwrap()).unwrap());
        finish(run, schedule, id, Outcome::Succeeded);
    }

    #[test]
    fn a_writer_has_the_folder_to_itself_and_commands_do_not_care() {
        let mut run = run_of(vec![
            agent("r1", false),
            agent("r2", false),
            agent("w1", true),
            agent("r3", false),
            agent("w2", true),
            spec("c", &[]),
        ]);
        let mut schedule = Schedule::of(&run);
        // r3 stands behind the writer that waits.
        assert_eq!(starts(&mut schedule, &run), ["r1", "r2", "c"]);
        end(&mut run, &mut schedule, "r1");
        assert!(starts(&mut schedule, &run).is_empty());
        end(&mut run, &mut schedule, "r2");
        assert_eq!(starts(&mut schedule, &run), ["w1"]);
        end(&mut run, &mut schedule, "w1");
        assert_eq!(starts(&mut schedule, &run), ["r3"]);
        end(&mut run, &mut schedule, "r3");
        assert_eq!(starts(&mut schedule, &run), ["w2"]);
    }

    #[test]
    fn readers_that_come_again_and_again_do_not_overtake_a_writer_for_ever() {
        let run = run_of(vec![agent("r1", false), agent("r2", false), agent("w", true)]);
        let mut schedule = Schedule::of(&run);
        assert_eq!(starts(&mut schedule, &run), ["r1", "r2"]);
        // They are tried again and stand before the writer in the workflow, but it was there first.
        schedule.note_ended(0);
        schedule.note_queued(&run, 0);
        assert!(starts(&mut schedule, &run).is_empty());
        schedule.note_ended(1);
        schedule.note_queued(&run, 1);
        assert_eq!(starts(&mut schedule, &run), ["w"]);
        schedule.note_ended(2);
        assert_eq!(starts(&mut schedule, &run), ["r1", "r2"]);
    }

    #[test]
    fn where_writers_share_the_folder_as_many_as_allowed_go_in_beside_the_readers() {
        let mut run =
            run_of(vec![agent("w1", true), agent("w2", true), agent("w3", true), agent("r", false)]);
        run.limits.shared_writers = 2;
        let mut schedule = Schedule::of(&run);
        assert_eq!(starts(&mut schedule, &run), ["w1", "w2", "r"]);
        schedule.note_ended(0);
        assert_eq!(starts(&mut schedule, &run), ["w3"]);
    }

    #[test]
    fn a_task_says_whom_it_waits_for() {
        let mut run =
            run_of(vec![agent("fix", true), agent("look", false), spec("c", &[]), agent("later", true)]);
        run.apply(Time(1), &started("fix", 1)).unwrap();
        let said = |run: &Run, place| InFolder::of(run).keeps_waiting(&run.tasks[place]).unwrap_or_default();
        assert_eq!(said(&run, 1), "waits for the folder: fix is at work there");
        assert_eq!((said(&run, 0).as_str(), said(&run, 2).as_str()), ("", ""));
        run.limits.shared_writers = 2;
        assert_eq!((said(&run, 1).as_str(), said(&run, 3).as_str()), ("", ""));
        run.limits.shared_writers = 1;
        assert_eq!(said(&run, 3), "waits for the folder: fix is at work there");
    }

    #[test]
    fn ten_thousand_agents_that_share_a_folder_all_get_their_turn() {
        let run = run_of((0..10_000).map(|at| agent(&format!("a{at}"), at % 2 == 0)).collect());
        let mut schedule = Schedule::of(&run);
        let mut began = BTreeSet::new();
        loop {
            let open: Vec<usize> = std::iter::from_fn(|| schedule.next_start(Time(5))).collect();
            let writers = open.iter().filter(|place| *place % 2 == 0).count();
            assert!(writers == 0 || open.len() == 1, "{open:?}");
            if open.is_empty() {
                break;
            }
            open.iter().for_each(|place| schedule.note_ended(*place));
            began.extend(open);
        }
        assert_eq!(began.len(), 10_000);
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
