//! `crew merge`: the work of a run comes back to a branch.

use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::merge_plan::{Plan, Step};
use super::run;
use super::typist;
use super::waiting::WaitArgs;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::judgement;
use crate::domain::merging::{self, How, MergedTask, Merging};
use crate::domain::nearest::nearest;
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::task::Task;
use crate::domain::words::clean_line;
use crate::domain::worktree::Base;
use crate::runner::child;
use crate::runner::clock;
use crate::runner::launch::{self, MergePlace, Setup};
use crate::runner::merge_checks::{Bench, Checked};
use crate::runner::worktree_setup::NotReady;
use crate::store::database::{Applied, Store};
use crate::store::layout::{self, Layout, RunPaths};
use crate::store::lock;
use crate::ui::progress::Lines;
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::merging::compose::{self, Manner, Outcome, Work};
use crate::workspace::merging::freshness::{self, State};
use crate::workspace::merging::landing::{self, Move};
use crate::workspace::merging::put_right;
use crate::workspace::merging::scratch::Scratch;
use crate::workspace::merging::{MergeError, Repository};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bring the work of a run back to a branch
///
/// The work of tasks in worktrees of their own is merged in the order in which they depend on each other. Where that
/// goes without a conflict, the verification commands of their steps are run on the merged work; only when they pass does
/// the branch move, in one step, and the folder in which it is checked out goes with it. What is not committed there
/// stays as it is, or the merge is refused.
///
/// Exit 0: merged, or nothing to be merged; 1: a verification command failed; 4: refused, such as for a conflict. The
/// branch has moved for exit 0 only.
#[derive(Debug, clap::Args)]
pub struct MergeArgs {
    /// Run whose work is merged: the beginning of its id, or `last`
    run: String,

    /// Tasks to merge, with those that they build on; default: all that completed
    tasks: Vec<String>,

    /// Branch to merge into; default: the one that the run began from
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,

    /// Make a merge commit for each task
    #[arg(long, conflicts_with_all = ["squash", "rebase"])]
    merge: bool,

    /// Make one plain commit of each task's work
    #[arg(long, conflicts_with = "rebase")]
    squash: bool,

    /// Take over each of the task's own commits
    #[arg(long)]
    rebase: bool,

    /// Show what would be merged, with its conflicts, and move nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not run the verification commands
    #[arg(long)]
    no_verify: bool,

    /// Who merges; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME")]
    by: Option<String>,

    /// Set a setting for this merge
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// What a merge works with.
struct Desk<'a> {
    cx: &'a Context,
    args: &'a MergeArgs,
    layout: Layout,
    short: String,
    paths: RunPaths,
    settings: Settings,
    setup: Setup,
    repository: Repository,
    manner: Manner,
    base: Base,
    /// The branch.
    into: String,
    named: Vec<TaskId>,
}

/// Merges the work of a run.
pub fn merge(cx: &Context, args: &MergeArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    if !args.dry_run {
        // What an agent has made is brought back when a person says so.
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let mut store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    // A look needs nobody's leave.
    let _lock = if args.dry_run { None } else { Some(cx.take_lock(&store, &id, args.wait)?) };
    if !args.dry_run {
        store = Store::open(&layout).context("open the store")?;
    }
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    let settings = cx.settings(&layout, &args.set, cx.trusts(&layout)?)?;
    let Some(base) = run.base.clone() else {
        return tell_nothing(cx, &run, &short, "no task of this run has worked in a worktree of its own");
    };
    let paths = store.paths(&id);
    let repository = Repository::of(layout.repository())?;
    let desk = Desk {
        into: branch_to_move(args, &base, &repository, &short)?,
        named: named_tasks(&run, &args.tasks)?,
        manner: Manner { how: how(args, &settings), signed: !args.dry_run && signs(&layout) },
        setup: run::setup(&layout, &settings, &run::registry(&settings)?, &paths),
        cx,
        args,
        layout,
        short,
        paths,
        settings,
        repository,
        base,
    };
    if args.dry_run {
        return desk.show(&run);
    }
    desk.bring_back(&mut store, &mut run)
}

fn how(args: &MergeArgs, settings: &Settings) -> How {
    let asked = [(args.merge, How::Merge), (args.squash, How::Squash), (args.rebase, How::Rebase)];
    let set = || How::parse(&settings.text(&settings::MERGE_HOW)).unwrap_or_default();
    asked.into_iter().find(|(asked, _)| *asked).map_or_else(set, |(_, how)| how)
}

/// Tells whether the user has git sign what they commit.
fn signs(layout: &Layout) -> bool {
    let asked = ["config", "--type=bool", "commit.gpgSign"];
    Git::at(layout.repository()).text(&asked).is_ok_and(|said| said == "true")
}

fn branch_to_move(args: &MergeArgs, base: &Base, repository: &Repository, short: &str) -> Result<String> {
    let Some(branch) = args.into.as_ref().or(base.branch.as_ref()) else {
        let problem =
            Problem::refused("no_branch", format!("run {short} began from no branch: HEAD was detached"));
        return Err(problem.hint("name the branch that is to hold its work: --into BRANCH").into());
    };
    if !repository.is_branch_name(branch)? {
        return Err(Problem::usage("branch_name", format!("`{branch}` is no name of a branch")).into());
    }
    if branch.starts_with("crew/") {
        let problem = Problem::refused("own_branch", format!("the branch {branch} is crew's own"));
        return Err(problem.hint("merge into one of yours: --into BRANCH").into());
    }
    Ok(branch.clone())
}

fn named_tasks(run: &Run, names: &[String]) -> Result<Vec<TaskId>> {
    let find = |name: &String| {
        let known = TaskId::parse(name).filter(|id| run.task(id).is_some());
        known.ok_or_else(|| {
            let near = nearest(name, run.tasks.iter().map(|task| task.spec.id.as_str()));
            let hint =
                near.map_or("crew status RUN lists them".into(), |near| format!("did you mean `{near}`?"));
            Problem::refused("unknown_task", format!("there is no task `{name}`")).hint(hint).into()
        })
    };
    names.iter().map(find).collect()
}

fn tell_nothing(cx: &Context, run: &Run, short: &str, why: &str) -> Result<ExitStatus> {
    if cx.printer.json {
        cx.printer.json(&json!({"run": run.id, "status": "nothing", "reason": why, "tasks": []}))?;
    } else {
        cx.printer.data(&format!("{short}  nothing to merge: {why}"))?;
    }
    Ok(ExitStatus::Done)
}

impl Desk<'_> {
    /// Shows what a merge would be.
    fn show(&self, run: &Run) -> Result<ExitStatus> {
        for cut_off in put_right::cut_off(&self.repository)? {
            let Move { run, branch, .. } = cut_off;
            self.cx.printer.tell(&format!(
                "a merge of run {run} into {branch} was cut off; the next merge puts that right first"
            ));
        }
        let plan = self.plan(run)?;
        if plan.is_empty() {
            return self.nothing(run, &plan);
        }
        let refused = plan.refusal().or_else(|| {
            let moved = self.moved(run, &plan);
            landing::check(&self.repository, &moved).err().map(|error| problem_of(error, &self.into))
        });
        let status = if plan.has_conflicts() { "conflict" } else { "planned" };
        self.tell_plan(run, &plan, json!({"status": status}))?;
        match refused {
            Some(refused) => Err(refused.into()),
            None => {
                if !self.cx.printer.json {
                    let commands = self.commands(run, &plan);
                    commands
                        .iter()
                        .for_each(|(_, command)| self.cx.printer.tell(&format!("would run  {command}")));
                    self.cx.printer.tell(&format!("next  crew merge {}    merges it", self.short));
                }
                Ok(ExitStatus::Done)
            }
        }
    }

    /// Merges, verifies, and moves the branch.
    fn bring_back(&self, store: &mut Store, run: &mut Run) -> Result<ExitStatus> {
        if let Err(unknown) = self.repository.committer() {
            let problem =
                Problem::refused("no_identity", format!("git does not know who commits here: {unknown}"));
            return Err(problem.hint("git config user.name NAME; git config user.email ADDRESS").into());
        }
        let mut bench = Bench::new().context("listen to signals")?;
        self.put_right(store, run)?;
        // Whoever moves the branch meanwhile is taken into account, once.
        for is_last in [false, true] {
            let plan = self.plan(run)?;
            if plan.is_empty() {
                return self.nothing(run, &plan);
            }
            if let Some(refused) = plan.refusal() {
                self.tell_plan(run, &plan, json!({"status": "conflict"}))?;
                return Err(refused.into());
            }
            let moved = self.moved(run, &plan);
            let (may, into) = (landing::check(&self.repository, &moved), &self.into);
            may.map_err(|error| anyhow::Error::from(problem_of(error, into)))?;
            if !self.cx.printer.json && !is_last {
                self.tell_plan(run, &plan, Value::Null)?;
            }
            let verified = match self.verify(&mut bench, run, &plan)? {
                Verified::Passed(verified) => verified,
                Verified::Failed(problem, verified) => {
                    if self.cx.printer.json {
                        self.tell_plan(run, &plan, json!({"status": "verify_failed", "verified": verified}))?;
                    }
                    return Err(problem.into());
                }
                Verified::Stopped => return self.interrupted(),
            };
            if bench.is_stopped() {
                return self.interrupted();
            }
            match self.land(store, run, &plan, &moved) {
                Err(Landing::Merge(MergeError::Moved(_))) if !is_last => {
                    let into = &self.into;
                    self.cx
                        .printer
                        .tell(&format!("{into} has been moved meanwhile; the merge is made once more"));
                }
                Err(Landing::Merge(error)) => return Err(problem_of(error, &self.into).into()),
                Err(Landing::Other(error)) => return Err(error),
                Ok(()) => {
                    self.tell_merged(run, &plan, &moved, verified)?;
                    return Ok(ExitStatus::Done);
                }
            }
        }
        unreachable!("the last time, it is refused or done")
    }

    fn interrupted(&self) -> Result<ExitStatus> {
        self.cx.printer.tell(&format!("interrupted: {} has not moved", self.into));
        Ok(ExitStatus::Interrupted)
    }

    fn nothing(&self, run: &Run, plan: &Plan) -> Result<ExitStatus> {
        if self.cx.printer.json {
            let mut json = plan.as_json(run);
            json["status"] = json!("nothing");
            self.cx.printer.json(&json)?;
        } else {
            self.cx.printer.data(&format!("{}  nothing to merge into {}", self.short, self.into))?;
            plan.notes(run, &self.short).iter().for_each(|note| self.cx.printer.tell(note));
        }
        Ok(ExitStatus::Done)
    }

    fn tell_plan(&self, run: &Run, plan: &Plan, more: Value) -> Result<()> {
        if self.cx.printer.json {
            let mut json = plan.as_json(run);
            let commands: Vec<String> =
                self.commands(run, plan).into_iter().map(|(_, command)| command).collect();
            json["verify"] = json!(commands);
            for (name, value) in more.as_object().into_iter().flatten() {
                json[name] = value.clone();
            }
            self.cx.printer.json(&json)?;
            return Ok(());
        }
        self.cx.printer.data(&plan.render(&self.cx.printer, run, &self.short))?;
        plan.notes(run, &self.short).iter().for_each(|note| self.cx.printer.tell(note));
        Ok(())
    }

    fn tell_merged(&self, run: &Run, plan: &Plan, moved: &Move, verified: Vec<Value>) -> Result<()> {
        if self.cx.printer.json {
            return self.tell_plan(run, plan, json!({"status": "merged", "verified": verified}));
        }
        let tasks: Vec<&str> = plan.merged(run).map(|(task, _)| task.spec.id.as_str()).collect();
        let (from, to) = (compose::short(&moved.from), compose::short(&moved.to));
        let unverified = if self.args.no_verify { "; not verified" } else { "" };
        self.cx.printer.data(&format!(
            "\n{}  {from} -> {to}   holds {}{unverified}",
            self.into,
            tasks.join(", ")
        ))?;
        Ok(())
    }

    /// Works out what would be merged, as things stand.
    fn plan(&self, run: &Run) -> Result<Plan> {
        let Some(from) = self.repository.tip(&self.into)? else {
            let problem = Problem::refused("unknown_branch", format!("there is no branch `{}`", self.into));
            return Err(problem.hint(format!("git branch {} makes it", self.into)).into());
        };
        let failed = std::cell::Cell::new(None);
        let is_in = |task: &Task| match self.is_in(task, &from) {
            Ok(is_in) => is_in,
            Err(error) => {
                failed.set(Some(error));
                false
            }
        };
        let choice = merging::choose(run, &self.short, &self.named, is_in);
        if let Some(error) = failed.take() {
            return Err(error.into());
        }
        let choice = choice.map_err(|why| Problem::refused(why.code, why.message.clone()).hint(why.hint))?;
        let freshness = self.freshness(run, &from)?;
        let mut plan = Plan::of(&self.into, self.manner.how, from.clone(), freshness, choice);
        if plan.choice.places.is_empty() {
            return Ok(plan);
        }
        self.refuse_foreign_history(&plan)?;
        let works = self.works(run, &plan.choice.places, &from)?;
        let composed = compose::compose(&self.repository, &from, &works, self.manner)?;
        let mut at = from;
        let mut pairs = Vec::new();
        for outcome in &composed.outcomes {
            let before = at.clone();
            if let Outcome::In { commit, .. } = outcome {
                at.clone_from(commit);
            }
            pairs.push((before, at.clone()));
        }
        let stats = compose::stats(&self.repository, &pairs)?;
        let steps = plan.choice.places.iter().zip(composed.outcomes).zip(stats);
        plan.steps = steps.map(|((place, outcome), stat)| Step { place: *place, outcome, stat }).collect();
        plan.to = composed.head;
        Ok(plan)
    }

    /// Tells whether a task's work is on the branch: as it is, or as other commits that are recorded.
    fn is_in(&self, task: &Task, branch: &str) -> Result<bool, MergeError> {
        let Some(tip) = task.tree.as_ref().and_then(|tree| tree.tip.as_ref()) else { return Ok(false) };
        if self.repository.is_ancestor(tip, branch)? {
            return Ok(true);
        }
        let landed = task.landed.iter().filter(|landed| landed.into == self.into && landed.tip == *tip);
        for landed in landed {
            // The branch may have been moved back since.
            if self.repository.is_ancestor(&landed.commit, branch).unwrap_or(false) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn freshness(&self, run: &Run, from: &str) -> Result<freshness::Freshness> {
        let landed = run.tasks.iter().flat_map(|task| &task.landed).filter(|landed| landed.into == self.into);
        let mut own: Vec<(&str, &str)> =
            landed.map(|landed| (landed.from.as_str(), landed.to.as_str())).collect();
        own.dedup();
        Ok(freshness::of(&self.repository, &self.beginning()?, from, &own)?)
    }

    /// Returns the user's own commit that the run began from.
    fn beginning(&self) -> Result<String> {
        match self.base.snapshot {
            false => Ok(self.base.commit.clone()),
            true => {
                Ok(self.repository.git.text(&["rev-parse", "--verify", &format!("{}^", self.base.commit)])?)
            }
        }
    }

    /// Refuses merge commits where they would bring what is not the run's work into the history of the branch.
    fn refuse_foreign_history(&self, plan: &Plan) -> Result<()> {
        if self.manner.how != How::Merge {
            return Ok(());
        }
        let hint = "--squash takes over the tasks' own work as one commit each, --rebase their own commits";
        let why = match plan.freshness.state {
            _ if self.base.snapshot => {
                "the run began from what was not committed then, and a merge commit would bring that into the history"
                    .to_owned()
            }
            State::Diverged => format!(
                "{} does not hold what the run began from: a merge commit would bring {} with it that {} not there",
                self.into,
                words::count(plan.freshness.missing as usize, "commit"),
                if plan.freshness.missing == 1 { "is" } else { "are" },
            ),
            _ => return Ok(()),
        };
        Err(Problem::refused("foreign_history", why).hint(hint).into())
    }

    fn works(&self, run: &Run, places: &[usize], branch: &str) -> Result<Vec<Work>> {
        let mut works = Vec::with_capacity(places.len());
        for place in places {
            let task = &run.tasks[*place];
            let tree = task.tree.as_ref().context("a task that is merged has a work tree")?;
            let mut base = tree.base.clone();
            // What came to the branch before is not brought again with what was done since.
            for landed in task.landed.iter().rev().filter(|landed| landed.into == self.into) {
                let is_there = self.repository.is_ancestor(&landed.commit, branch).unwrap_or(false);
                if is_there && self.repository.is_ancestor(&landed.tip, tree.head()).unwrap_or(false) {
                    base.clone_from(&landed.tip);
                    break;
                }
            }
            let under = merging::under(run, *place);
            works.push(Work {
                name: task.spec.id.to_string(),
                base,
                tip: tree.head().to_owned(),
                builds_on: (0..places.len()).filter(|at| under.contains(&places[*at])).collect(),
                message: match self.manner.how {
                    How::Merge => merging::merge_message(&run.id, &self.short, task),
                    How::Squash | How::Rebase => merging::squash_message(&run.id, &self.short, task),
                },
            });
        }
        Ok(works)
    }

    fn moved(&self, run: &Run, plan: &Plan) -> Move {
        Move {
            run: run.id.to_string(),
            branch: self.into.clone(),
            from: plan.from.clone(),
            to: plan.to.clone(),
        }
    }

    /// Returns the commands that verify the merged work, each once, with the task whose step has it.
    fn commands<'r>(&self, run: &'r Run, plan: &Plan) -> Vec<(Option<&'r Task>, String)> {
        let mut commands: Vec<(Option<&Task>, String)> = Vec::new();
        if self.args.no_verify {
            return commands;
        }
        let of_steps = plan
            .merged(run)
            .flat_map(|(task, _)| task.spec.verify.iter().map(move |line| (Some(task), line.clone())));
        let set = self.settings.names(&settings::MERGE_VERIFY).into_iter().map(|line| (None, line));
        for (task, line) in of_steps.chain(set) {
            if !commands.iter().any(|(_, known)| *known == line) {
                commands.push((task, line));
            }
        }
        commands
    }

    fn verify(&self, bench: &mut Bench, run: &Run, plan: &Plan) -> Result<Verified> {
        let commands = self.commands(run, plan);
        if commands.is_empty() {
            return Ok(Verified::Passed(Vec::new()));
        }
        let folder = self.setup.worktrees.folder.join(run.id.as_str());
        let top = self.layout.repository();
        let scratch = Scratch::of(&self.repository, top, &folder, run.id.as_str());
        scratch.fill(&plan.to)?;
        let verified = self.verify_in(bench, run, plan, scratch.folder(), &commands);
        scratch.clear()?;
        verified
    }

    fn verify_in(
        &self,
        bench: &mut Bench,
        run: &Run,
        plan: &Plan,
        folder: &Path,
        commands: &[(Option<&Task>, String)],
    ) -> Result<Verified> {
        for made in [self.paths.logs(), self.paths.bin(), self.paths.root().join("worktrees")] {
            std::fs::create_dir_all(&made).with_context(|| format!("make {}", made.display()))?;
        }
        let log = free_log(&self.paths);
        let tasks: Vec<&Task> = plan.merged(run).map(|(task, _)| task).collect();
        let place = MergePlace { folder, log: &log, tasks: &tasks };
        let shown = self.layout.shown(&log);
        match bench.make_ready(&launch::prepare_merge(&self.setup, run, &self.paths, &place)) {
            Ok(()) => {}
            Err(NotReady::Stopped(_)) => return Ok(Verified::Stopped),
            Err(NotReady::Failed(why)) => {
                let problem = Problem {
                    exit: ExitStatus::Failed,
                    ..Problem::usage("verify_failed", format!("{why}; nothing was moved"))
                };
                return Ok(Verified::Failed(problem.hint(format!("log: {shown}")), Vec::new()));
            }
        }
        let mut verified = Vec::new();
        let limit = self.setup.limits.attempt;
        for (task, command) in commands {
            let child = launch::prepare_merge_check(&self.setup, run, &self.paths, &place, (*task, command));
            note(&log, command);
            let lines = Lines::new(&self.cx.printer);
            lines.show("verify", clean_line(command, 160));
            let checked = bench.run(&child, limit);
            lines.take_away("verify");
            let (ending, failed) = match checked {
                Checked::Stopped => return Ok(Verified::Stopped),
                Checked::Passed(ending) => (ending, None),
                Checked::Failed(ending) => {
                    let why = judgement::ending_words(&ending);
                    (ending, Some(why))
                }
                Checked::Late(ending) => {
                    (ending, Some(format!("it did not end within {}", words::duration(limit))))
                }
            };
            verified.push(
                json!({"command": command, "ending": ending, "passed": failed.is_none(), "log": shown}),
            );
            let took = words::duration(Duration::from_millis(ending.millis));
            let clean = clean_line(command, 160);
            match failed {
                None if self.cx.printer.json => {}
                None => self.cx.printer.tell(&format!("verify  {clean}  passed  {took}")),
                Some(why) => {
                    let said =
                        child::last_line(&log, &child.words, 4096).filter(|line| !line.starts_with("$ "));
                    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
                    let message = format!(
                        "`{clean}` failed on the merged work ({why}){said}; {} has not moved",
                        self.into
                    );
                    let problem =
                        Problem { exit: ExitStatus::Failed, ..Problem::usage("verify_failed", message) };
                    return Ok(Verified::Failed(problem.hint(format!("log: {shown}")), verified));
                }
            }
        }
        Ok(Verified::Passed(verified))
    }

    /// Moves the branch, and records that before and after.
    fn land(&self, store: &mut Store, run: &mut Run, plan: &Plan, moved: &Move) -> Result<(), Landing> {
        let merging = self.merging(run, plan, moved);
        let _alone = self.alone()?;
        record(store, run, Event::MergeBegun { merging: merging.clone() })?;
        let left = landing::land(&self.repository, moved, &mut |_| {}).map_err(Landing::Merge)?;
        left.iter().for_each(|right| tell_right(self.cx, right));
        record(store, run, Event::WorkMerged { merging })?;
        Ok(())
    }

    fn merging(&self, run: &Run, plan: &Plan, moved: &Move) -> Merging {
        let tasks = plan.merged(run).map(|(task, commit)| MergedTask {
            task: task.spec.id.clone(),
            tip: task.tree.as_ref().map(|tree| tree.head().to_owned()).unwrap_or_default(),
            commit: commit.to_owned(),
        });
        Merging {
            tasks: tasks.collect(),
            into: self.into.clone(),
            from: moved.from.clone(),
            to: moved.to.clone(),
            how: self.manner.how,
            by: self.args.by.clone().unwrap_or_else(|| name_of_person(&self.layout)),
        }
    }

    /// Lets no other crew process move branches of this repository meanwhile.
    fn alone(&self) -> Result<lock::RunLock> {
        let lock = lock::take_beside(&self.repository.common().join("crew-merge"))?;
        // A git that outlives us may still be writing.
        lock.share_with_children().context("share the lock")?;
        Ok(lock)
    }

    /// Puts right what an earlier merge has left when it was cut off, and records what came of it.
    fn put_right(&self, store: &mut Store, run: &mut Run) -> Result<()> {
        let _alone = self.alone()?;
        for right in put_right::put_right(&self.repository, &mut |_| {})? {
            tell_right(self.cx, &right);
        }
        let Some(begun) = run.merging.as_deref().cloned() else { return Ok(()) };
        let tip = self.repository.tip(&begun.into)?;
        if let Some(tip) = tip
            && self.repository.is_ancestor(&begun.to, &tip).unwrap_or(false)
        {
            record(store, run, Event::WorkMerged { merging: begun })?;
        }
        Ok(())
    }
}

/// What came of verifying.
enum Verified {
    Passed(Vec<Value>),
    Failed(Problem, Vec<Value>),
    Stopped,
}

/// Why a branch has not moved.
enum Landing {
    Merge(MergeError),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Landing {
    fn from(error: anyhow::Error) -> Landing {
        Landing::Other(error)
    }
}

fn record(store: &mut Store, run: &mut Run, event: Event) -> Result<()> {
    let applied = Applied::to(run, clock::now(), event)?;
    store.append(run, vec![applied], &[]).context("record the merge")?;
    Ok(store.sync()?)
}

/// Says what became of a merge that was cut off.
fn tell_right(cx: &Context, right: &put_right::PutRight) {
    let Move { run, branch, .. } = &right.moved;
    let became = if right.landed { "was done all the same" } else { "was taken back" };
    cx.printer.tell(&format!("a merge of run {run} into {branch} that was cut off {became}"));
    if let Some(kept) = &right.kept {
        cx.printer.tell(&format!("  the folder as it was then is kept at {kept}"));
    }
    if !right.left.is_empty() {
        cx.printer.tell(&format!("  changed since, and left as they are: {}", right.left.join(", ")));
    }
}

/// Turns what the workspace says into what the user is told.
fn problem_of(error: MergeError, into: &str) -> Problem {
    let message = error.to_string();
    match error {
        MergeError::Refused(_) => Problem::refused("not_now", message),
        MergeError::InTheWay { .. } => Problem::refused("uncommitted", message)
            .hint("commit it, put it aside (git stash -u), or move it away; nothing was touched"),
        MergeError::Moved(_) => Problem::refused("moved", message)
            .hint(format!("try again when nobody else moves {into}; nothing was touched")),
        MergeError::Git(_) | MergeError::File { .. } => {
            Problem { exit: ExitStatus::Failed, ..Problem::usage("git", message) }
        }
    }
}

/// Returns the first log that is not there yet.
fn free_log(paths: &RunPaths) -> PathBuf {
    let named = |number| paths.root().join(layout::merge_log_of(number));
    (1..).map(named).find(|log| !log.exists()).unwrap_or_else(|| named(0))
}

/// Writes into the log which command comes next.
fn note(log: &Path, command: &str) {
    // A log that cannot be written is met by the child, which is not started then.
    if let Ok(mut log) = std::fs::OpenOptions::new().create(true).append(true).open(log) {
        let _ = writeln!(log, "$ {}", clean_line(command, 2_000));
    }
}
