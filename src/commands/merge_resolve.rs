//! `crew merge --resolve`: an agent is given a conflict, and crew looks at what came of it.
//!
//! # How it works
//!
//! The agent works as any agent does: in a run of one task, with a work tree of its own, which the dispatcher carries out
//! and watches over. That run is recorded below the folder of the run whose work is merged, beside the others and not
//! among them. That an agent was given a conflict is recorded before it is started, so a merge that comes after a crash
//! finds what was left, ends it, keeps it and takes its work tree away.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::merge;
use super::plan;
use crate::agents::registry::Registry;
use crate::domain::budget;
use crate::domain::event::{Event, Recorded, RunLimits};
use crate::domain::gate::GatePolicy;
use crate::domain::id::{RunId, TaskId};
use crate::domain::links;
use crate::domain::provider::Providers;
use crate::domain::resolution::{self, Brief, Resolution, Standing, Told};
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::task::{Attempt, Task, TaskSpec, TaskState, Work, Working};
use crate::domain::trace_context::TraceContext;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::domain::worktree::Base;
use crate::runner::clock;
use crate::runner::dispatcher::{self, Finished, Observer};
use crate::runner::launch::{Letter, Setup};
use crate::runner::left_resolvers::{self, Places, inner_layout, usage_of};
use crate::runner::merge_work::{MergeWork, Plan};
use crate::store::database::Store;
use crate::store::layout::{self, Layout, RunPaths};
use crate::store::lock;
use crate::ui::progress::Lines;
use crate::workspace::merging::compose::{Meeting, Outcome, Resolved};
use crate::workspace::merging::landing::{self, Move};
use crate::workspace::merging::resolving::{self, LaidOut};
use crate::workspace::merging::{MergeError, Repository};
use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Duration;

/// The most conflicts of one merge that agents are given.
const MOST_CONFLICTS: usize = 500;
/// The most characters of a reason.
const MAX_REASON: usize = 400;

/// Who is given conflicts, and with what.
pub struct Resolver<'a> {
    pub cx: &'a Context,
    pub layout: &'a Layout,
    pub settings: &'a Settings,
    pub registry: &'a Registry,
    pub work: &'a MergeWork,
    /// Paths of the run whose work is merged.
    pub paths: &'a RunPaths,
    /// What was merged is verified in the end.
    pub is_verified: bool,
    /// Where work trees are made.
    pub worktrees: &'a Path,
    /// For how long what is ended may go on.
    pub grace: Duration,
    pub by: &'a str,
}

/// A conflict, as it is handed over.
struct Handover<'a> {
    agent: &'a str,
    /// The task that is merged, and those with which it is at odds.
    task: &'a Task,
    with: Vec<&'a Task>,
    met: &'a Meeting,
    laid_out: &'a LaidOut,
    /// The commands that verify the whole merge.
    verify: &'a [String],
}

/// What is to be merged, where git and the agent for conflicts have done what they can.
pub enum Settled {
    Plan(Plan),
    /// The agent did not resolve a conflict, or cannot be given it.
    Left(Plan, Problem),
    Interrupted,
}

/// What came of a conflict that an agent was given.
enum CameOf {
    Resolved,
    Left(Problem),
    Interrupted,
}

/// Returns what agents have made of conflicts of a run, as far as it is good and there.
pub fn known(run: &Run, repository: &Repository) -> Vec<Resolved> {
    let there = |tree: &String| repository.git.run(&["cat-file", "-e", &format!("{tree}^{{tree}}")]).is_ok();
    let known = run.resolutions.iter().rev().filter_map(|given| match &given.standing {
        Standing::Resolved { tree, .. } if there(tree) => {
            Some(Resolved { sides: given.sides.clone(), tree: tree.clone(), agent: given.agent.clone() })
        }
        _ => None,
    });
    known.collect()
}

/// Refuses an agent that is not here, or may not or cannot write.
pub fn check_agent(registry: &Registry, name: &str, setup: &Setup, paths: &RunPaths) -> Result<()> {
    let Some(agent) = registry.get(name) else {
        let unknown = plan::unknown("agent", name, registry.all().keys());
        return Err(Problem { exit: ExitStatus::Usage, ..unknown }.into());
    };
    if registry.installed(name).is_none() {
        let problem = Problem::usage("agent_not_found", format!("`{}` is not on PATH", agent.program()));
        return Err(problem.hint("install it, or choose another with --resolve").into());
    }
    let id = TaskId::parse("resolve").context("a name of a task")?;
    let spec = spec_of(&id, name, String::new(), Vec::new());
    let run = begun(
        clock::new_run_id(),
        String::new(),
        &Base { commit: String::new(), branch: None, snapshot: false },
        spec,
    )?;
    let letter = Letter::write(&run, paths, &run.tasks[0], &**agent, 1);
    match letter.command(&**agent, setup, &run, paths, &run.tasks[0]) {
        Ok(_) => Ok(()),
        Err(cannot) => {
            let problem = Problem::usage("unsupported", format!("no conflict is given to {name}: {cannot}"));
            Err(problem
                .hint("name an agent that writes code with --resolve; crew agents list shows them")
                .into())
        }
    }
}

/// Puts the run of one task together, in memory.
fn begun(id: RunId, goal: String, base: &Base, spec: TaskSpec) -> Result<Run> {
    let at = clock::now();
    let mut run = Run::create(id, at, &created(goal, base, budget::Limits::default(), None))?;
    run.apply(at, &Event::TaskCreated { spec })?;
    Ok(run)
}

fn created(goal: String, base: &Base, budget: budget::Limits, caller: Option<TraceContext>) -> Event {
    Event::RunCreated {
        goal,
        team: String::new(),
        workflow: "resolve".into(),
        limits: RunLimits { jobs: 1, budget, ..RunLimits::default() },
        personas: Default::default(),
        vars: Default::default(),
        roster: Vec::new(),
        base: Some(base.clone()),
        review: None,
        caller,
        crew_version: env!("CARGO_PKG_VERSION").into(),
    }
}

fn spec_of(id: &TaskId, agent: &str, text: String, link: Vec<String>) -> TaskSpec {
    let work = Work::Agent {
        role: "executor".into(),
        program: agent.to_owned(),
        persona: String::new(),
        task: text,
        model: None,
        fallback_models: Vec::new(),
        thinking: None,
        writes: true,
        // What it hands in is not what counts.
        submit_optional: true,
    };
    TaskSpec { worktree: true, link, ..TaskSpec::plain(id.clone(), work) }
}

impl Resolver<'_> {
    fn say(&self, line: &str) {
        // For programs, the record says all of it.
        if !self.cx.printer.json {
            self.cx.printer.tell(line);
        }
    }

    fn inner_setup(&self, paths: &RunPaths) -> Setup {
        let setup = super::run::setup(self.layout, self.settings, self.registry, paths);
        // Whoever typed --resolve has decided; what comes of it is looked at by crew.
        let nothing = GatePolicy {
            confidence_threshold: 0.0,
            environments: Vec::new(),
            risky_actions: Vec::new(),
            allowed_actions: vec!["edit".into()],
        };
        Setup { gates: nothing, ..setup }
    }

    /// Gives an agent what git cannot merge alone, one conflict after the other, until nothing is left of them.
    pub fn settle(&self, store: &mut Store, run: &mut Run, plan: Plan, agent: &str) -> Result<Settled> {
        let mut plan = plan;
        if plan.stuck.is_some() && !self.cx.printer.json {
            self.cx.printer.data(&plan.render(&self.cx.printer, run, &self.work.short))?;
        }
        for _ in 0..MOST_CONFLICTS {
            let Some((step, met)) = plan.stuck.take() else { break };
            let before = run.clone();
            let task = &before.tasks[plan.steps[step].place];
            let laid_out = match resolving::lay_out(&self.work.repository, &met, task.spec.id.as_str()) {
                Ok(laid_out) => laid_out,
                Err(MergeError::Refused(why)) => {
                    let problem = Problem::refused("conflict", format!("{why}; nothing was moved"));
                    return Ok(Settled::Left(plan, problem));
                }
                Err(other) => return Err(other.into()),
            };
            // Before an agent is paid for what cannot be brought back anyway.
            let moved = Move { to: laid_out.commit.clone(), ..plan.moved(run) };
            landing::check(&self.work.repository, &moved)
                .map_err(|error| merge::problem_of(error, &self.work.into))?;
            let with = match &plan.steps[step].outcome {
                Outcome::Conflict { with, .. } => with.as_slice(),
                _ => &[],
            };
            let with = with.iter().map(|at| &before.tasks[plan.steps[*at].place]).collect();
            let verify = self.verifying(&before, &plan);
            let handover = Handover { agent, task, with, met: &met, laid_out: &laid_out, verify: &verify };
            match self.give(store, run, &handover)? {
                CameOf::Resolved => {
                    let known = known(run, &self.work.repository);
                    plan = self.work.plan_with(run, &known).map_err(merge::hindered)?;
                }
                CameOf::Left(problem) => return Ok(Settled::Left(plan, problem)),
                CameOf::Interrupted => return Ok(Settled::Interrupted),
            }
        }
        Ok(Settled::Plan(plan))
    }

    /// Returns the commands that verify the whole merge, each once.
    fn verifying(&self, run: &Run, plan: &Plan) -> Vec<String> {
        let of_steps = plan.steps.iter().flat_map(|step| &run.tasks[step.place].spec.verify);
        let everywhere = self.settings.names(&settings::MERGE_VERIFY);
        let mut lines: Vec<String> = Vec::new();
        for line in of_steps.chain(&everywhere).filter(|_| self.is_verified) {
            if !lines.contains(line) {
                lines.push(line.clone());
            }
        }
        lines
    }

    /// Takes note that what agents made of conflicts is not good, and says so.
    pub fn note_not_good(
        &self,
        store: &mut Store,
        run: &mut Run,
        plan: &Plan,
        problem: Problem,
    ) -> Result<Problem> {
        let used: Vec<&Resolved> = plan.steps.iter().flat_map(|step| &step.resolved).collect();
        let is_used = |given: &&Resolution| used.iter().any(|known| known.sides == given.sides);
        let given: Vec<Resolution> = run.resolutions.iter().filter(is_used).cloned().collect();
        let mut kept = Vec::new();
        for Resolution { task, number, agent, standing, .. } in given {
            let Standing::Resolved { reference, .. } = standing else { continue };
            kept.push(reference.clone());
            let reasons = vec![clean_line(&problem.message, MAX_REASON)];
            let (reference, usage) = (Some(reference), Usage::default());
            record(store, run, Event::ConflictLeft { task, number, agent, reasons, reference, usage })?;
        }
        if kept.is_empty() {
            return Ok(problem);
        }
        let hint = problem.hint.clone().unwrap_or_default();
        let message = format!("{}; what was made of the conflict needs review", problem.message);
        Ok(Problem { message, ..problem }.hint(format!("{hint}; git show {} shows it", kept.join(" "))))
    }

    /// Gives a conflict to an agent, waits for its end, and looks at what it has left.
    fn give(&self, store: &mut Store, run: &mut Run, handover: &Handover<'_>) -> Result<CameOf> {
        let Handover { agent, task, met, laid_out, .. } = handover;
        let (number, inside) = (run.resolutions.len() as u32 + 1, clock::new_run_id());
        let id = task.spec.id.clone();
        let inner = inner_layout(self.paths);
        std::fs::create_dir_all(inner.repository())
            .with_context(|| format!("make {}", inner.repository().display()))?;
        let mut runs = Store::open(&inner).context("open the store of what agents do about conflicts")?;
        let paths = runs.paths(&inside);
        let files: Vec<String> =
            met.conflicts.iter().filter_map(|conflict| conflict.paths.first().cloned()).collect();
        let given = Event::ConflictGiven {
            task: id.clone(),
            number,
            agent: (*agent).to_owned(),
            sides: met.sides.clone(),
            files: files.clone(),
            into: self.work.into.clone(),
            inside: inside.clone(),
            by: self.by.to_owned(),
        };
        let text = self.brief(handover);
        record(store, run, given)?;
        let log = inner.run(&inside).root().join(layout::log_of(&id, 1));
        self.say(&format!(
            "resolve  {id}  {}  is given to {agent}; log: {}",
            clean_line(&files.join(", "), 200),
            self.layout.shown(&log)
        ));
        let owned = lock::try_take(&paths)?.context("a run that was just named has an owner")?;
        let base = Base { commit: laid_out.commit.clone(), branch: None, snapshot: false };
        let links = links::together(
            std::iter::once(*task).chain(handover.with.iter().copied()).flat_map(|task| &task.spec.link),
        );
        let spec = spec_of(&id, agent, text, links);
        let place = TraceContext::of_run(&run.id, run.caller.as_ref());
        let events = vec![
            created(run.goal.clone(), &base, budget::Limits::of(self.settings), Some(place)),
            Event::TaskCreated { spec },
        ];
        let (inner_run, _) = runs.create_run(inside, clock::now(), events).context("record the run")?;
        let setup = self.inner_setup(&paths);
        let mut watch = Watch { lines: Lines::new(&self.cx.printer), name: format!("resolve {id}") };
        let (finished, inner_run) = dispatcher::carry_out(&mut runs, inner_run, owned, &setup, &mut watch)
            .with_context(|| format!("let {agent} work on the conflict of {id}"))?;
        watch.lines.take_away(&watch.name);
        self.look(store, run, handover, number, (finished, &inner_run))
    }

    fn look(
        &self,
        store: &mut Store,
        run: &mut Run,
        handover: &Handover<'_>,
        number: u32,
        (finished, inner): (Finished, &Run),
    ) -> Result<CameOf> {
        let Handover { agent, task, met, laid_out, .. } = handover;
        let id = task.spec.id.clone();
        let worked = inner.tasks.first().context("a run of one task")?;
        let tip = worked.tree.as_ref().and_then(|tree| tree.tip.clone());
        let usage = usage_of(worked);
        let mut reasons: Vec<String> = trouble_of(inner, worked).into_iter().collect();
        let commit = tip.unwrap_or_else(|| laid_out.commit.clone());
        let looked = resolving::look(&self.work.repository, met, laid_out, &commit)?;
        reasons.extend(looked.wrong);
        if finished.interrupted {
            reasons = vec!["it was interrupted".into()];
        }
        let reference = self.clear(run, &id, number, inner)?;
        let agent = (*agent).to_owned();
        match reference {
            Some(reference) if reasons.is_empty() => {
                let files: Vec<String> =
                    met.conflicts.iter().filter_map(|conflict| conflict.paths.first().cloned()).collect();
                let one_sided = looked.one_sided;
                let told = if one_sided.is_empty() {
                    String::new()
                } else {
                    format!("; as one side had it: {}", one_sided.join(", "))
                };
                let event = Event::ConflictResolved {
                    task: id.clone(),
                    number,
                    agent: agent.clone(),
                    files,
                    commit,
                    reference,
                    tree: looked.tree,
                    one_sided,
                    usage,
                };
                record(store, run, event)?;
                self.say(&format!("resolve  {id}  by {agent}: no marker is left{told}"));
                Ok(CameOf::Resolved)
            }
            reference => {
                let reasons: Vec<String> =
                    reasons.iter().map(|reason| clean_line(reason, MAX_REASON)).collect();
                let event = Event::ConflictLeft {
                    task: id.clone(),
                    number,
                    agent: agent.clone(),
                    reasons: reasons.clone(),
                    reference: reference.clone(),
                    usage,
                };
                record(store, run, event)?;
                if finished.interrupted {
                    return Ok(CameOf::Interrupted);
                }
                let message = format!(
                    "the conflict of {id} needs review: {agent} did not resolve it: {}; nothing was moved",
                    reasons.join("; ")
                );
                let log = self.log_of(inner, worked);
                let kept =
                    reference.map(|kept| format!("git show {kept} shows what it left; ")).unwrap_or_default();
                Ok(CameOf::Left(Problem::refused("needs_review", message).hint(format!("{kept}log: {log}"))))
            }
        }
    }

    fn log_of(&self, inner: &Run, worked: &Task) -> String {
        let attempt = worked.last().map_or(1, |last| last.number);
        let log =
            inner_layout(self.paths).run(&inner.id).root().join(layout::log_of(&worked.spec.id, attempt));
        self.layout.shown(&log)
    }

    /// Says where agents work on the conflicts of this run.
    pub fn places(&self) -> Places<'_> {
        Places {
            top: self.layout.repository(),
            repository: &self.work.repository,
            paths: self.paths,
            worktrees: self.worktrees,
            grace: self.grace,
        }
    }

    /// Keeps what an agent left and takes its work tree away. Where that cannot be, it is told and stays.
    fn clear(&self, run: &Run, task: &TaskId, number: u32, inner: &Run) -> Result<Option<String>> {
        let cleared = self.places().clear(run, task, number, inner)?;
        cleared.stays.iter().for_each(|line| self.say(line));
        Ok(cleared.reference)
    }

    fn brief(&self, handover: &Handover<'_>) -> String {
        let Handover { task, with, met, verify, .. } = handover;
        let with: Vec<Told<'_>> = with.iter().map(|task| told(task)).collect();
        resolution::brief(&Brief {
            into: &self.work.into,
            merged: told(task),
            with: &with,
            ours: &met.ours,
            theirs: &met.sides.theirs,
            bases: &met.sides.bases,
            conflicts: &met.conflicts,
            verify,
        })
    }
}

/// Ends and keeps what agents have left whose crew process died. The caller holds the run's lock.
pub fn end_left(cx: &Context, store: &mut Store, run: &mut Run, places: &Places<'_>) -> Result<()> {
    for given in left_resolvers::given(run) {
        let ended = places.end(run, &given)?;
        record(store, run, ended.event)?;
        ended.words.iter().for_each(|line| cx.printer.tell(line));
    }
    Ok(())
}

fn told(task: &Task) -> Told<'_> {
    let was_to = match &task.spec.work {
        Work::Agent { task, .. } => task,
        Work::Command { run } => run,
        // It has no work tree of its own, so no conflict is with it.
        Work::Merge { .. } => "",
    };
    Told { task: &task.spec.id, was_to, achieved: task.last().map_or("", |last| &last.summary) }
}

/// Says how the agent ended, where that alone says that it is not done.
fn trouble_of(inner: &Run, worked: &Task) -> Option<String> {
    // What it says counts for nothing, so it need not say anything.
    let is_silent = |last: &Attempt| {
        let said = last.confidence.is_some() || !last.summary.is_empty();
        last.ending.exit == Some(0) && last.error_kind.is_none() && !said
    };
    let silent = worked.state == TaskState::NeedsReview && worked.last().is_some_and(is_silent);
    if worked.state == TaskState::Completed || silent {
        return None;
    }
    if let Some(gate) = inner.open_gates().next() {
        return Some(format!("it asks: {}", gate.about.words()));
    }
    let why = worked.last().map(|last| last.reason.as_str()).filter(|why| !why.is_empty());
    let why = why.unwrap_or(&worked.reason);
    let stands = match worked.state {
        TaskState::NeedsReview => "needs review",
        TaskState::Cancelled => "was cancelled",
        _ => "failed",
    };
    Some(if why.is_empty() {
        format!("its attempt {stands}")
    } else {
        format!("its attempt {stands} ({why})")
    })
}

fn record(store: &mut Store, run: &mut Run, event: Event) -> Result<()> {
    store.record(run, clock::now(), event).context("record what becomes of a conflict")
}

/// Shows what the agent is doing.
struct Watch {
    lines: Lines,
    name: String,
}

impl Observer for Watch {
    fn happened(&mut self, _: &Run, _: &Recorded) {}

    fn watches(&self) -> bool {
        self.lines.is_live()
    }

    fn tick(&mut self, _: &Run, working: &[Working], _: &Providers) {
        for one in working {
            self.lines.show(&self.name, clean_line(&one.doing, 160));
        }
    }

    fn asks(&mut self, _: &Run) -> bool {
        false
    }
}
