//! `crew review RANGE`: have a change reviewed, and say what that came to.
//!
//! # How it works
//!
//! What is named becomes exact commits first. What is known of that very version is not done again: of each reviewer it is
//! decided whether to start it, to wait for it, or to take its answer from the record. Those that are to start are the tasks
//! of a new run, which the dispatcher carries out like any other; the store refuses a second one of the same. The report is
//! brought together from the record alone, so it says the same tomorrow.

use super::briefs::{self, Briefing};
use super::fixing::{Fixing, UntilArgs};
use super::known::NewOnlyArgs;
use super::outputs::{OutputArgs, Outputs};
use super::posting;
use super::report::{self, BarArgs, Concluded};
use super::reviewers::{self, Reviewer};
use super::target::{self, Resolved, TargetArgs};
use super::text::next_steps;
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::commands::base;
use crate::commands::budget::BudgetArgs;
use crate::commands::cancel;
use crate::commands::closing;
use crate::commands::context::{Context, refuse_contradictions};
use crate::commands::cut_off;
use crate::commands::ended;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::going_on::resume_command;
use crate::commands::plan::Plan;
use crate::commands::resume;
use crate::commands::run;
use crate::commands::wait;
use crate::domain::event::RunLimits;
use crate::domain::id::{RunId, TaskId};
use crate::domain::request::how_to_submit;
use crate::domain::resources::Library;
use crate::domain::review::in_rounds::InRounds;
use crate::domain::review::judging::Bar;
use crate::domain::review::known::Known;
use crate::domain::review::planning::{self, Step};
use crate::domain::review::report::voices;
use crate::domain::review::target::{ReviewOrder, Reviews};
use crate::domain::run::{Run, RunStatus};
use crate::domain::settings::{self, Settings};
use crate::domain::submission::Kind;
use crate::domain::task::{TaskSpec, Work};
use crate::domain::worktree::Base;
use crate::runner::clock;
use crate::runner::process;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::store::lock;
use crate::ui::words;
use crate::workspace::base::find;
use anyhow::{Context as _, Result};
use serde_json::json;

/// The team that a review is of, as its run names it.
pub const TEAM: &str = "review";

/// How a change is to be reviewed.
#[derive(Debug, clap::Args)]
pub struct ReviewingArgs {
    #[command(flatten)]
    target: TargetArgs,

    /// Who reviews: builtin, claude, codex:security, ... (crew review reviewers); may be given several times
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    reviewer: Vec<String>,

    #[command(flatten)]
    bar: BarArgs,

    #[command(flatten)]
    new_only: NewOnlyArgs,

    #[command(flatten)]
    output: OutputArgs,

    /// Say at the pull request what was found, through `gh` or `glab` (crew review post)
    #[arg(long)]
    post: bool,

    /// Review the same commit again, although it was approved
    #[arg(long)]
    again: bool,

    #[command(flatten)]
    until: UntilArgs,

    #[command(flatten)]
    budget: BudgetArgs,

    /// Reviewers at once
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,

    /// Show what would be reviewed, by whom and with which prompts, and start nothing
    #[arg(long)]
    dry_run: bool,

    /// Set a setting for this review: limits.grace_seconds=1
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Trust this repository's files for this review
    #[arg(long)]
    trust_project: bool,
}

impl ReviewingArgs {
    /// Returns what was named without an option, the range first.
    pub fn named(&self) -> Vec<&str> {
        self.target.named()
    }
}

/// What a review is made with.
struct Desk<'a> {
    cx: &'a Context,
    args: &'a ReviewingArgs,
    layout: Layout,
    settings: Settings,
    registry: Registry,
    library: Library,
    outputs: Outputs,
    bar: Bar,
    known: Known,
}

/// Has something reviewed.
pub fn review(cx: &Context, args: &ReviewingArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let trusted = args.trust_project || cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &args.set, trusted)?;
    refuse_contradictions(&settings)?;
    let outputs = args.output.read(cx.printer.json)?;
    let bar = args.bar.of_new(&settings)?;
    let registry = run::registry(&settings)?;
    let library = cx.library(&layout, &registry, trusted)?;
    cut_off::refuse(&layout)?;
    let reviewers = reviewers::choose(&args.reviewer, &settings, &registry, &library)?;
    let able = voices(reviewers.iter().map(|one| one.name.as_str()));
    report::refuse_agree(bar.agree, able, "name more of them with --reviewer")?;
    Desk { cx, args, layout, settings, registry, library, outputs, bar, known: Known::default() }
        .review(&reviewers)
}

impl Desk<'_> {
    fn review(mut self, reviewers: &[Reviewer]) -> Result<ExitStatus> {
        let mut store = Store::open(&self.layout).context("open the store")?;
        let id = clock::new_run_id();
        let resolved = target::resolve(self.cx, &store, &self.args.target, &id)?;
        let known = self.args.new_only.known(self.cx, &self.layout, &resolved.target);
        let done = known.and_then(|known| {
            self.known = known;
            self.review_resolved(&mut store, &id, &resolved, reviewers)
        });
        if store.load_run(&id)?.is_none() {
            resolved.let_go(self.layout.repository());
        }
        done
    }

    fn review_resolved(
        &self,
        store: &mut Store,
        id: &RunId,
        resolved: &Resolved,
        reviewers: &[Reviewer],
    ) -> Result<ExitStatus> {
        if resolved.change.files == 0 {
            return self.nothing_to_review(resolved);
        }
        let sources = (&self.settings, &self.registry, &self.library);
        let fixing = self.args.until.fixing(&resolved.target, reviewers, sources)?;
        let in_rounds = fixing.as_ref().map(|fixing| self.in_rounds(resolved, reviewers, fixing));
        let mut awaited: Vec<RunId> = Vec::new();
        loop {
            if let Some(asked) = &in_rounds
                && let Some(first) = store.open_in_rounds(asked)?
            {
                return self.follow(store, &first);
            }
            // Who wants it put right is not served by what another review found.
            let answers: &[RunId] = if fixing.is_some() { &[] } else { &awaited };
            let steps = self.steps(store, resolved, reviewers, answers)?;
            if let Some((run, owned)) = steps.iter().find_map(|(_, step)| match step {
                Step::Running { run, owned } => Some((run.clone(), *owned)),
                Step::Start | Step::Answered { .. } => None,
            }) {
                if self.args.dry_run {
                    return self.foretell(store, &run, owned);
                }
                let status = self.go_along(store, &run, owned)?;
                if matches!(status, ExitStatus::Waiting | ExitStatus::Interrupted) {
                    let stopped = store.load_run(&run)?.context("the run is recorded")?;
                    let resume = resume_command(store.layout(), &stopped, &store.short(&run)?);
                    tell_stop(self.cx, &stopped, &resume, stopped.status(false));
                    return Ok(status);
                }
                awaited.push(run);
                continue;
            }
            let answered: Vec<(RunId, TaskId)> = steps
                .iter()
                .filter_map(|(_, step)| match step {
                    Step::Answered { run, task } => Some((run.clone(), task.clone())),
                    Step::Start | Step::Running { .. } => None,
                })
                .collect();
            let starts =
                |one: &&Reviewer| steps.iter().any(|(name, step)| *name == one.name && *step == Step::Start);
            let starting: Vec<Reviewer> = reviewers.iter().filter(starts).cloned().collect();
            if starting.is_empty() {
                return self.answer(store, resolved, answered, awaited.is_empty());
            }
            // After each fix, who approved what was there before looks again too.
            let (starting, answered) = match &fixing {
                Some(_) => (reviewers.to_vec(), Vec::new()),
                None => (starting, answered),
            };
            match self.begin(store, id, resolved, &starting, answered, fixing.clone()) {
                Err(error) => {
                    // Somebody was faster, and may have come to the end of it since.
                    let Some(first) = taken_by(&error) else { return Err(error) };
                    let first = store
                        .load_run(first)?
                        .filter(|run| in_rounds.is_some() && InRounds::of(run) == in_rounds);
                    if let Some(first) = first {
                        return self.follow(store, &first.id);
                    }
                }
                done => return done,
            }
        }
    }

    /// Says what is asked for where somebody puts right what is found.
    fn in_rounds(&self, resolved: &Resolved, reviewers: &[Reviewer], fixing: &Fixing) -> InRounds {
        let names = reviewers.iter().map(|one| one.name.clone());
        InRounds::of_new(&resolved.target, names, &fixing.task, &self.rounds(fixing))
    }

    /// Returns what the reviewers' tasks have in common where somebody puts right what they find.
    fn rounds(&self, Fixing { task, rounds, .. }: &Fixing) -> Reviews {
        let (task, fail_on) = (Some(task.id.clone()), self.bar.fail_on);
        Reviews { task, rounds: *rounds, fail_on, ..Reviews::default() }
    }

    /// Takes what came, or comes, of a run that was asked for the same review in rounds.
    fn follow(&self, store: &Store, first: &RunId) -> Result<ExitStatus> {
        let load = || store.load_run(first)?.context("the run is recorded");
        let owned = lock::is_owned(&store.paths(first))?;
        let is_open = owned || load()?.status(false).goes_on();
        if is_open && self.args.dry_run {
            return self.foretell(store, first, owned);
        }
        let exit = if is_open { self.go_along(store, first, owned)? } else { ExitStatus::Done };
        let run = load()?;
        let judged_by = (self.bar, &self.known);
        let (told, _) = tell(self.cx, store, &run, run.status(false), &self.outputs, judged_by)?;
        Ok(if exit == ExitStatus::Interrupted { exit } else { told })
    }

    /// Says what would be done about a review that is at work, or was interrupted.
    fn foretell(&self, store: &Store, run: &RunId, owned: bool) -> Result<ExitStatus> {
        let short = store.short(run)?;
        if self.cx.printer.json {
            let would = if owned { "wait" } else { "go_on" };
            self.cx.printer.json(&json!({"review": run, "would": would, "tasks": []}))?;
            return Ok(ExitStatus::Done);
        }
        self.cx.printer.data(&match owned {
            true => format!("review {short} is at the same commit: it would be waited for"),
            false => format!("review {short} of the same commit was interrupted: it would be gone on with"),
        })?;
        Ok(ExitStatus::Done)
    }

    fn steps(
        &self,
        store: &Store,
        resolved: &Resolved,
        reviewers: &[Reviewer],
        awaited: &[RunId],
    ) -> Result<Vec<(String, Step)>> {
        let known = store.standings_of(&resolved.target.key)?;
        let names: Vec<String> = reviewers.iter().map(|one| one.name.clone()).collect();
        Ok(planning::plan(&known, &resolved.target.version(), &names, (self.args.again, awaited)))
    }

    /// Says that there is nothing to look at, in every form that was asked for.
    fn nothing_to_review(&self, resolved: &Resolved) -> Result<ExitStatus> {
        self.cx.printer.tell(&format!("nothing to review: {} changes no file", resolved.target.words));
        self.outputs.tell(self.cx, &report::of_nothing(resolved, self.bar))
    }

    /// Waits for another process's review of the same, or goes on with one whose process died.
    fn go_along(&self, store: &Store, run: &RunId, owned: bool) -> Result<ExitStatus> {
        let short = store.short(run)?;
        let owner = store.load_run(run)?.and_then(|run| run.dispatcher);
        if owned && owner.is_some_and(|owner| process::is_below(owner.pid)) {
            let message = format!(
                "this shell belongs to review {short} of the same commit, which would wait for itself"
            );
            return Err(Problem::refused("own_review", message).hint(how_to_submit(Kind::Review)).into());
        }
        if owned {
            self.cx.printer.tell(&format!("review {short} is at the same commit already: waiting for it"));
            let finished = wait::for_one(self.cx, store, run)?;
            return Ok(ended::exit_status(finished));
        }
        self.cx.printer.tell(&format!("review {short} of the same commit was interrupted: going on with it"));
        match resume::go_on_untold(self.cx, run.as_str()) {
            // Another process goes on with it since.
            Err(error) if is_busy(&error) => self.go_along(store, run, true),
            done => done,
        }
    }

    /// Tells what is known already.
    fn answer(
        &self,
        store: &Store,
        resolved: &Resolved,
        answered: Vec<(RunId, TaskId)>,
        from_record: bool,
    ) -> Result<ExitStatus> {
        let Some((first, _)) = answered.first().cloned() else {
            return Err(Problem::usage("no_reviewer", "nobody is named to review").into());
        };
        let run = store.load_run(&first)?.context("the run is recorded")?;
        let age = words::duration(clock::now().since(run.created_at));
        let short = store.short(&first)?;
        if from_record {
            let how = "--again reviews it anew";
            self.cx.printer.tell(&format!("reviewed already, {age} ago: {short} ({how})"));
        }
        let order = self.order(resolved, answered);
        let concluded = report::conclude(store, None, (&order, &first), (self.bar, &self.known))?;
        let exit = self.outputs.tell(self.cx, &concluded)?;
        // Of several reviews, it is not said here which one found what.
        if self.outputs.is_for_people() && order.answered.iter().all(|(run, _)| *run == first) {
            next_steps(&concluded, &short).iter().for_each(|step| self.cx.printer.tell(step));
        }
        self.post(&order, &first, &concluded, exit)
    }

    /// Says at the pull request what was found, if that was asked for. What was found comes first in the exit code.
    fn post(
        &self,
        order: &ReviewOrder,
        id: &RunId,
        concluded: &Concluded,
        exit: ExitStatus,
    ) -> Result<ExitStatus> {
        if !self.args.post {
            return Ok(exit);
        }
        match posting::say_beside(self.cx, &self.layout, id, order, concluded) {
            Err(error) if exit != ExitStatus::Done => {
                self.cx.printer.warn(&format!("it is not at the pull request: {error:#}"));
                Ok(exit)
            }
            said => said.map(|()| exit),
        }
    }

    fn order(&self, resolved: &Resolved, answered: Vec<(RunId, TaskId)>) -> ReviewOrder {
        let (target, change) = (resolved.target.clone(), resolved.change);
        ReviewOrder { target, change, bar: self.bar, answered, again: self.args.again }
    }

    /// Makes a run of the reviewers that are to start, carries it out, and tells what came of it.
    fn begin(
        &self,
        store: &mut Store,
        id: &RunId,
        resolved: &Resolved,
        reviewers: &[Reviewer],
        answered: Vec<(RunId, TaskId)>,
        fixing: Option<Fixing>,
    ) -> Result<ExitStatus> {
        let mut order = self.order(resolved, answered);
        if fixing.is_some() {
            order.again = true;
        }
        let mut plan = self.plan(store, resolved, reviewers, order, fixing)?;
        let goal = format!("review {}", resolved.target.words);
        let mut setup = run::setup(&self.layout, &self.settings, &self.registry, &self.layout.run(id));
        let launches = run::rehearse_plan(&mut plan, &goal, id, &setup, &self.layout.run(id))?;
        if self.args.dry_run {
            return run::show_plan(self.cx, &plan, &launches, &setup.gates, None);
        }
        let notes = plan.notes.clone();
        setup.person_key = Context::person_key();
        let (run, lock) = run::create(store, plan, &goal, id.clone())?;
        notes.iter().for_each(|note| self.cx.printer.tell(note));
        self.overtake(store, resolved)?;
        run::watch_over(self.cx, store, run, lock, &setup, |store, finished, run, _| {
            let judged_by = (self.bar, &self.known);
            let (exit, concluded) = tell(self.cx, store, run, finished.status, &self.outputs, judged_by)?;
            let is_judged = matches!(exit, ExitStatus::Done | ExitStatus::Findings | ExitStatus::Incomplete);
            match (&run.review, concluded.filter(|_| is_judged)) {
                (Some(order), Some(concluded)) => self.post(order, &run.id, &concluded, exit),
                _ => Ok(exit),
            }
        })
    }

    fn plan(
        &self,
        store: &Store,
        resolved: &Resolved,
        reviewers: &[Reviewer],
        order: ReviewOrder,
        fixing: Option<Fixing>,
    ) -> Result<Plan> {
        if fixing.is_some() || reviewers.iter().any(|one| one.program != builtin::NAME) {
            base::refuse_folder(&self.layout, &self.settings)?;
        }
        let Briefing { texts, mut personas, notes } =
            briefs::write(&self.layout, store, resolved, reviewers, &self.library)?;
        let minutes = self.settings.number(&settings::REVIEW_MINUTES);
        let mut tasks = Vec::new();
        let mut reviews = Reviews::default();
        if let Some(fixing) = fixing {
            reviews = self.rounds(&fixing);
            personas.extend(fixing.persona);
            tasks.push(fixing.task);
        }
        for (one, text) in reviewers.iter().zip(texts) {
            tasks.push(task_of(one, text, minutes, &reviews)?);
        }
        let allowed = self.settings.number(&settings::JOBS) as u32;
        Ok(Plan {
            team: TEAM.into(),
            workflow: TEAM.into(),
            limits: RunLimits {
                jobs: self.args.jobs.unwrap_or(allowed),
                budget: self.args.budget.of_new_run(&self.settings),
                ..RunLimits::default()
            },
            personas,
            vars: Default::default(),
            roster: Vec::new(),
            base: Some(Base {
                commit: resolved.target.head.clone(),
                branch: self.branch(resolved),
                snapshot: resolved.snapshot.is_some(),
            }),
            review: Some(Box::new(order)),
            on_success: None,
            tasks,
            notes: self.settings.refused.iter().cloned().chain(notes).collect(),
        })
    }

    /// Returns the branch that is checked out, where that is what is reviewed: what is put right comes back to it.
    fn branch(&self, resolved: &Resolved) -> Option<String> {
        let found = find(self.layout.repository()).ok()?;
        let is_it = resolved.snapshot.is_some() || found.commit == resolved.target.head;
        found.branch.filter(|_| is_it)
    }

    /// Ends what reviews an older version of the same thing: nobody needs that any more.
    fn overtake(&self, store: &Store, resolved: &Resolved) -> Result<()> {
        let known = store.standings_of(&resolved.target.key)?;
        for old in planning::overtaken(&known, &resolved.target.version()) {
            let short = store.short(&old)?;
            let ended = cancel::because(self.cx, store, &old, "a newer version is reviewed")
                // Where nobody carries it out, what it left is ended and taken away by us.
                .and_then(|()| resume::close(self.cx, &self.layout, &old));
            match ended {
                Ok(()) => self.cx.printer.tell(&format!("review {short} of an older version is cancelled")),
                // It goes on, and is marked as superseded all the same.
                Err(error) => {
                    self.cx.printer.warn(&format!("review {short} of an older version goes on: {error:#}"))
                }
            }
        }
        Ok(())
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.code == "busy")
}

/// Returns the run that was first, where that is why a run was not made.
fn taken_by(error: &anyhow::Error) -> Option<&RunId> {
    match error.downcast_ref::<StoreError>() {
        Some(StoreError::ReviewTaken { run }) => Some(run),
        _ => None,
    }
}

/// Returns the task that is a reviewer's pass.
fn task_of(reviewer: &Reviewer, text: String, minutes: u64, reviews: &Reviews) -> Result<TaskSpec> {
    let id = id_of(reviewer).context("a reviewer's name is a task's")?;
    let work = Work::Agent {
        role: reviewer.role.clone(),
        program: reviewer.program.clone(),
        persona: reviewer.persona.clone(),
        task: text,
        model: reviewer.model.clone(),
        fallback_models: reviewer.fallback_models.clone(),
        thinking: reviewer.thinking.clone(),
        writes: false,
        submit_optional: false,
    };
    Ok(TaskSpec {
        timeout_millis: Some(reviewer.minutes.unwrap_or(minutes) * 60_000),
        // It reads git's objects, and nothing else.
        worktree: reviewer.program != builtin::NAME,
        reviews: Some(Reviews { name: reviewer.name.clone(), ..reviews.clone() }),
        ..TaskSpec::plain(id, work)
    })
}

/// Returns the name of a reviewer's task.
pub fn id_of(reviewer: &Reviewer) -> Option<TaskId> {
    TaskId::parse(&reviewer.name.replace(':', "-"))
}

/// Tells what a review came to whose run has ended, or stopped; returns that too, where it has ended.
fn tell(
    cx: &Context,
    store: &Store,
    run: &Run,
    status: RunStatus,
    outputs: &Outputs,
    judged_by: (Bar, &Known),
) -> Result<(ExitStatus, Option<Concluded>)> {
    let order = run.review.as_ref().context("a review knows what it is of")?;
    let short = store.short(&run.id)?;
    if let Some(stopped) = tell_stop(cx, run, &resume_command(store.layout(), run, &short), status) {
        return Ok((stopped, None));
    }
    let concluded = report::conclude(store, Some(run), (order, &run.id), judged_by)?;
    let exit = outputs.tell(cx, &concluded)?;
    if outputs.is_for_people() {
        next_steps(&concluded, &short).iter().for_each(|step| cx.printer.tell(step));
    }
    let in_rounds = run.tasks.iter().any(|task| task.spec.on_request);
    let exit = if in_rounds { after_rounds(cx, run, &short, status, exit) } else { exit };
    Ok((exit, Some(concluded)))
}

/// Says how a run goes on that has stopped before its end, by `resume`; returns nothing where it has come to that.
fn tell_stop(cx: &Context, run: &Run, resume: &str, status: RunStatus) -> Option<ExitStatus> {
    match status {
        RunStatus::AwaitingInput => {
            closing::waiting_lines(run, resume).iter().for_each(|line| cx.printer.tell(line));
            Some(ExitStatus::Waiting)
        }
        RunStatus::Interrupted | RunStatus::Queued | RunStatus::Running => {
            cx.printer.tell(&format!("next  {resume}    nothing is lost; it goes on where it was"));
            Some(ExitStatus::Interrupted)
        }
        RunStatus::Completed | RunStatus::Failed | RunStatus::NeedsReview | RunStatus::Cancelled => None,
    }
}

/// Says where the work is that was put right, and returns how a review ends that went on in rounds.
fn after_rounds(cx: &Context, run: &Run, short: &str, status: RunStatus, exit: ExitStatus) -> ExitStatus {
    let steps = [closing::bring_back(run, short), closing::do_again(run, short)];
    steps.iter().flatten().for_each(|step| cx.printer.tell(step));
    match (status, exit) {
        // Somebody has to look: changes are still asked for, and no round is left.
        (RunStatus::NeedsReview, ExitStatus::Findings | ExitStatus::Done) => ExitStatus::Failed,
        _ => exit,
    }
}

/// Tells what a review came to as it was asked for when it began.
pub fn tell_as_ordered(cx: &Context, store: &Store, run: &Run, status: RunStatus) -> Result<ExitStatus> {
    let order = run.review.as_ref().context("a review knows what it is of")?;
    let outputs = OutputArgs::default().read(cx.printer.json)?;
    let known = NewOnlyArgs::default().known(cx, store.layout(), &order.target)?;
    tell(cx, store, run, status, &outputs, (order.bar, &known)).map(|(exit, _)| exit)
}

/// Returns how a command ends that a review of another process came to its end for, as that was asked for when it began.
pub fn exit_as_ordered(cx: &Context, store: &Store, run: &Run) -> Result<ExitStatus> {
    let order = run.review.as_ref().context("a review knows what it is of")?;
    let known = NewOnlyArgs::default().known(cx, store.layout(), &order.target)?;
    Ok(report::conclude(store, Some(run), (order, &run.id), (order.bar, &known))?.exit())
}
