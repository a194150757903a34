//! `crew merge`: the work of a run comes back to a branch.

use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::going_on;
use super::import;
use super::merge_resolve::{self, Resolver, Settled};
use super::run;
use super::task_names::find_task;
use super::typist;
use super::waiting::WaitArgs;
use crate::agents::registry::Registry;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::judgement;
use crate::domain::merging::{self, How, Merging};
use crate::domain::nearest::nearest;
use crate::domain::publishing::in_shell;
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::task::{Task, TaskState, Work};
use crate::domain::words::clean_line;
use crate::domain::worktree::Base;
use crate::runner::branch_work;
use crate::runner::child;
use crate::runner::clock;
use crate::runner::launch::{self, MergePlace, Setup};
use crate::runner::merge_checks::{Bench, Checked};
use crate::runner::merge_work::{self, Hindrance, MergeWork, PATIENCE, Plan, Turns};
use crate::runner::worktree_setup::NotReady;
use crate::store::database::Store;
use crate::store::layout::{self, Layout, RunPaths};
use crate::ui::progress::Lines;
use crate::ui::words;
use crate::workspace::merging::compose::{self, Manner};
use crate::workspace::merging::landing::{self, Move};
use crate::workspace::merging::put_right::PutRight;
use crate::workspace::merging::scratch::Scratch;
use crate::workspace::merging::submodules::{self, Linked};
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
/// With --resolve, an agent is given what git cannot merge alone, in a worktree of its own. Crew looks at what it leaves:
/// where a conflict marker is left, another file was changed or a verification command fails, nothing is merged.
///
/// Exit 0: merged, or nothing to be merged; 1: a verification command failed, or none of the work counts yet; 4: refused,
/// such as for a conflict. The branch has moved for exit 0 only.
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

    /// Give conflicts to this agent, and merge what it makes of them where crew has nothing against it
    #[arg(long, value_name = "AGENT")]
    resolve: Option<String>,

    /// Take branches of tasks as they are that were reset or rebased since
    #[arg(long)]
    rewritten: bool,

    /// Show what would be merged, with its conflicts, and move nothing
    #[arg(long)]
    dry_run: bool,

    /// Do not run the verification commands
    #[arg(long)]
    no_verify: bool,

    /// Trust this repository's files for this merge; and the run itself, where it came by crew import
    #[arg(long)]
    trust_project: bool,

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
    work: MergeWork,
    paths: RunPaths,
    settings: Settings,
    setup: Setup,
    registry: Registry,
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
    let lock = if args.dry_run { None } else { Some(cx.take_lock(&store, &id, args.wait)?) };
    if !args.dry_run {
        store = Store::open(&layout).context("open the store")?;
    }
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    let trusted = args.trust_project || cx.trusts(&layout)?;
    let runs_checks = run.tasks.iter().any(|task| !task.spec.verify.is_empty());
    if runs_checks && !args.dry_run && !args.no_verify {
        let ways = format!(
            "crew merge {short} --trust-project; or with --no-verify, which runs none of its commands"
        );
        going_on::refuse_untrusted(&layout, &run, &short, args.trust_project, &ways)?;
        import::refuse_altered_checks(&run, &short)?;
    }
    let settings = cx.settings(&layout, &args.set, trusted)?;
    let Some(base) = run.base.clone() else {
        return tell_nothing(cx, &run, &short, "no task of this run has worked in a worktree of its own");
    };
    let paths = store.paths(&id);
    let repository = Repository::of(layout.repository())?;
    let registry = run::registry(&settings)?;
    let setup = run::setup(&layout, &settings, &registry, &paths);
    if let Some(agent) = &args.resolve {
        merge_resolve::check_agent(&registry, agent, &setup, &paths)?;
    }
    let mut desk = Desk {
        work: MergeWork {
            into: branch_to_move(args, &run, &base, &repository, &short)?,
            named: named_tasks(&run, &short, &args.tasks)?,
            manner: Manner {
                how: how(args, &settings),
                signed: !args.dry_run && merge_work::signs(layout.repository()),
            },
            top: layout.repository().to_owned(),
            since: Vec::new(),
            patience: args.wait.patience().max(PATIENCE),
            repository,
            short,
            base,
        },
        setup,
        registry,
        cx,
        args,
        layout,
        paths,
        settings,
    };
    if let Some(lock) = &lock {
        lock.say(&format!("merge into {}", desk.work.into));
    }
    if args.dry_run {
        return desk.show(run);
    }
    desk.bring_back(&mut store, &mut run)
}

fn how(args: &MergeArgs, settings: &Settings) -> How {
    let asked = [(args.merge, How::Merge), (args.squash, How::Squash), (args.rebase, How::Rebase)];
    let set = || How::parse(&settings.text(&settings::MERGE_HOW)).unwrap_or_default();
    asked.into_iter().find(|(asked, _)| *asked).map_or_else(set, |(_, how)| how)
}

fn branch_to_move(
    args: &MergeArgs,
    run: &Run,
    base: &Base,
    repository: &Repository,
    short: &str,
) -> Result<String> {
    let Some(named) = args.into.as_ref().or(base.branch.as_ref()) else {
        let problem =
            Problem::refused("no_branch", format!("run {short} began from no branch: HEAD was detached"));
        let command = merging::command(run, short, &[]);
        let hint = format!("name the branch that is to hold its work: --into BRANCH; or: {command}");
        return Err(problem.hint(hint).into());
    };
    let branch = match named.strip_prefix("refs/heads/") {
        Some(branch) if repository.tip(named)?.is_none() => branch,
        _ => named,
    };
    if !repository.is_branch_name(branch)? {
        return Err(Problem::usage("branch_name", format!("`{branch}` is no name of a branch")).into());
    }
    if branch.starts_with("crew/") {
        let problem = Problem::refused("own_branch", format!("the branch {branch} is crew's own"));
        return Err(problem.hint("merge into one of yours: --into BRANCH").into());
    }
    if args.into.is_some() && repository.tip(branch)?.is_none() {
        refuse_other_names(args, repository, short, branch)?;
    }
    Ok(branch.to_owned())
}

/// Refuses a name that is that of no branch, where it means one of a remote, or is nearly one of the user's.
fn refuse_other_names(args: &MergeArgs, repository: &Repository, short: &str, name: &str) -> Result<()> {
    let into = |branch: &str| args.command(short, &args.tasks, Some(branch));
    if let Some(branch) = repository.branch_of_remote(name)? {
        let message =
            format!("`{name}` is where a branch of a remote was seen, and only branches of yours move");
        let hint = match repository.tip(&branch)? {
            Some(_) => format!("{} merges into yours", into(&branch)),
            None => {
                let make = in_shell("git", &["branch".into(), branch.clone(), name.into()]);
                format!("{make} && {} makes yours of it", into(&branch))
            }
        };
        return Err(Problem::refused("remote_branch", message).hint(hint).into());
    }
    let branches = repository.branches()?;
    let yours = branches.iter().map(String::as_str).filter(|branch| !branch.starts_with("crew/"));
    if let Some(near) = nearest(name, yours) {
        let problem = Problem::refused("unknown_branch", format!("there is no branch `{name}`"));
        return Err(problem.hint(format!("did you mean `{near}`?")).into());
    }
    Ok(())
}

impl MergeArgs {
    /// Returns the command that does the same with other tasks, or into another branch, and is no dry run.
    fn command(&self, short: &str, tasks: &[impl AsRef<str>], into: Option<&str>) -> String {
        let mut words = vec!["merge", short];
        words.extend(tasks.iter().map(AsRef::as_ref));
        words.extend(into.into_iter().flat_map(|branch| ["--into", branch]));
        let hows = [(self.merge, "--merge"), (self.squash, "--squash"), (self.rebase, "--rebase")];
        words.extend(hows.into_iter().filter(|(asked, _)| *asked).map(|(_, flag)| flag));
        words.extend(self.resolve.iter().flat_map(|agent| ["--resolve", agent]));
        words.extend(self.no_verify.then_some("--no-verify"));
        words.extend(self.by.iter().flat_map(|name| ["--by", name]));
        words.extend(self.set.iter().flat_map(|set| ["--set", set]));
        let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        in_shell("crew", &words)
    }
}

fn named_tasks(run: &Run, short: &str, names: &[String]) -> Result<Vec<TaskId>> {
    names.iter().map(|name| Ok(find_task(run, short, name)?.spec.id.clone())).collect()
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
    fn show(&mut self, run: Run) -> Result<ExitStatus> {
        for cut_off in merge_work::cut_off(&self.work.repository).map_err(hindered)? {
            let Move { run, branch, .. } = cut_off.moved;
            self.cx.printer.tell(&format!(
                "a merge of run {run} into {branch} was cut off; the next merge puts that right first"
            ));
        }
        let mut run = run;
        for event in self.look_at_branches(&run)? {
            run.apply(clock::now(), &event)?;
        }
        let run = &run;
        let plan = self.plan(run)?;
        if plan.is_empty() {
            return self.nothing(run, &plan);
        }
        let refused = self.refusal(run, &plan).or_else(|| {
            let moved = plan.moved(run);
            landing::check(&self.work.repository, &moved)
                .err()
                .map(|error| problem_of(error, &self.work.into))
        });
        let status = if plan.has_conflicts() { "conflict" } else { "planned" };
        self.tell_plan(run, &plan, json!({"status": status}))?;
        if let Some(agent) = self.args.resolve.as_ref().filter(|_| plan.has_conflicts()) {
            self.cx
                .printer
                .tell(&format!("{agent} would be given the conflicts; in a dry run no agent is started"));
        }
        match refused {
            Some(refused) => Err(refused.into()),
            None => {
                if !self.cx.printer.json {
                    self.tell_submodules(run, &plan);
                    let commands = self.commands(run, &plan);
                    commands
                        .iter()
                        .for_each(|(_, command)| self.cx.printer.tell(&format!("would run  {command}")));
                    let into = self.args.into.as_ref().map(|_| self.work.into.as_str());
                    let command = self.args.command(&self.work.short, &self.args.tasks, into);
                    self.cx.printer.tell(&format!("next  {command}    merges it"));
                }
                Ok(ExitStatus::Done)
            }
        }
    }

    /// Merges, verifies, and moves the branch.
    fn bring_back(&mut self, store: &mut Store, run: &mut Run) -> Result<ExitStatus> {
        self.work.refuse_nobody().map_err(hindered)?;
        let mut bench = Bench::new().context("listen to signals")?;
        self.put_right(store, run)?;
        let folder = self.setup.worktrees.folder.join(run.id.as_str());
        let scratch = self.scratch(&folder, run);
        if merge_work::clear_left(&scratch, &run.id, self.setup.limits.grace)? {
            self.cx.printer.tell("what a merge that was killed had left was ended and taken away");
        }
        let by = self.by();
        merge_resolve::end_left(self.cx, store, run, &self.resolver(&by).places())?;
        for event in self.look_at_branches(run)? {
            record(store, run, event)?;
        }
        let by_hand = branch_work::merged_by_hand(&self.work.repository.git, run, &self.work.into)?;
        by_hand.into_iter().try_for_each(|event| record(store, run, event))?;
        let resolver = self.resolver(&by);
        let (mut turns, mut is_first) = (Turns::default(), true);
        loop {
            let planned = self.plan(run);
            if planned.is_err() && bench.is_stopped() {
                // It was typed where a passphrase was asked for.
                return self.interrupted();
            }
            let plan = match (planned?, &self.args.resolve) {
                (plan, None) => plan,
                (plan, Some(agent)) => match resolver.settle(store, run, plan, agent)? {
                    Settled::Plan(plan) => plan,
                    Settled::Left(plan, problem) => {
                        self.tell_left(run, &plan)?;
                        return Err(problem.into());
                    }
                    Settled::Interrupted => return self.interrupted(),
                },
            };
            if plan.is_empty() {
                self.settle_merge_at_end(store, run, &plan)?;
                return self.nothing(run, &plan);
            }
            if let Some(refused) = self.refusal(run, &plan) {
                self.tell_plan(run, &plan, json!({"status": "conflict"}))?;
                return Err(refused.into());
            }
            let moved = plan.moved(run);
            match self.work.check(&moved, || self.waits()) {
                Err(Hindrance::Merge(MergeError::Moved(_))) if self.goes_on(&plan, &mut turns) => continue,
                checked => checked.map_err(|why| self.not_now(why))?,
            }
            if !self.cx.printer.json && std::mem::take(&mut is_first) {
                self.tell_plan(run, &plan, Value::Null)?;
            }
            let verified = match self.verify(&mut bench, run, &plan)? {
                Verified::Passed(verified) => verified,
                Verified::Failed(problem, verified) => {
                    let problem = resolver.note_not_good(store, run, &plan, problem)?;
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
                Err(Landing::Merge(MergeError::Moved(_))) if self.goes_on(&plan, &mut turns) => {}
                Err(Landing::Merge(error)) => return Err(problem_of(error, &self.work.into).into()),
                Err(Landing::Other(error)) => return Err(error),
                Ok(()) => {
                    self.tell_merged(run, &plan, &moved, verified)?;
                    return Ok(ExitStatus::Done);
                }
            }
        }
    }

    /// Tells whether the merge is made once more, since the branch was moved meanwhile.
    fn goes_on(&self, plan: &Plan, turns: &mut Turns) -> bool {
        let goes_on = turns.once_more(self.work.is_moved_by_crew(&plan.from));
        if goes_on {
            let into = &self.work.into;
            self.cx.printer.tell(&format!("{into} has been moved meanwhile; the merge is made once more"));
        }
        goes_on
    }

    fn waits(&self) {
        self.cx.printer.tell("another crew process moves a branch of this repository; waiting for it");
    }

    /// Says why the branch cannot be moved.
    fn not_now(&self, why: Hindrance) -> anyhow::Error {
        match why {
            Hindrance::Merge(error) => problem_of(error, &self.work.into).into(),
            other => hindered(other),
        }
    }

    /// Finds what came to the branches after the last attempts, and returns what is to be recorded of that.
    fn look_at_branches(&mut self, run: &Run) -> Result<Vec<Event>> {
        let looked = self.work.look_at_branches(run, self.args.rewritten).map_err(hindered)?;
        for (task, why) in &looked.unseen {
            self.cx.printer.tell(&format!("what is not committed of {task} is not seen: {why}"));
        }
        self.work.since = looked.since;
        Ok(looked.events)
    }

    fn by(&self) -> String {
        self.args.by.clone().unwrap_or_else(|| name_of_person(&self.layout))
    }

    fn resolver<'d>(&'d self, by: &'d str) -> Resolver<'d> {
        Resolver {
            cx: self.cx,
            layout: &self.layout,
            settings: &self.settings,
            registry: &self.registry,
            work: &self.work,
            paths: &self.paths,
            is_verified: !self.args.no_verify,
            worktrees: &self.setup.worktrees.folder,
            grace: self.setup.limits.grace,
            by,
        }
    }

    /// Shows what is left where an agent did not resolve a conflict; the plan has been shown.
    fn tell_left(&self, run: &Run, plan: &Plan) -> Result<()> {
        if self.cx.printer.json {
            return self.tell_plan(run, plan, json!({"status": "needs_review"}));
        }
        self.tell_notes(run, plan);
        Ok(())
    }

    /// Says why a plan is not carried out, where there are conflicts; to programs also what can be done about it, which
    /// people are told beside the plan.
    fn refusal(&self, run: &Run, plan: &Plan) -> Option<Problem> {
        let refused = plan.refusal()?;
        let ways = self.ways_out(run, plan).into_iter().map(|(command, what)| format!("{command} ({what})"));
        let ways: Vec<String> = ways.filter(|_| self.cx.printer.json).collect();
        Some(if ways.is_empty() { refused } else { refused.hint(ways.join("; or ")) })
    }

    fn ways_out(&self, run: &Run, plan: &Plan) -> Vec<(String, &'static str)> {
        let into = self.args.into.as_ref().map(|_| self.work.into.as_str());
        plan.ways_out(run, |tasks| self.args.command(&self.work.short, tasks, into))
    }

    fn tell_notes(&self, run: &Run, plan: &Plan) {
        plan.notes().iter().for_each(|note| self.cx.printer.tell(note));
        for (at, (command, what)) in self.ways_out(run, plan).into_iter().enumerate() {
            let next = if at == 0 { "next" } else { "or  " };
            self.cx.printer.tell(&format!("{next}  {command}    {what}"));
        }
    }

    fn interrupted(&self) -> Result<ExitStatus> {
        self.cx.printer.tell(&format!("interrupted: {} has not moved", self.work.into));
        Ok(ExitStatus::Interrupted)
    }

    /// Says that there is nothing to merge, and fails where that is so because no work counts yet.
    fn nothing(&self, run: &Run, plan: &Plan) -> Result<ExitStatus> {
        if self.cx.printer.json {
            let mut json = plan.as_json(run, false);
            json["status"] = json!("nothing");
            self.cx.printer.json(&json)?;
        } else {
            let MergeWork { short, into, named, .. } = &self.work;
            let has_work = |task: &Task| task.tree.as_ref().is_some_and(|tree| tree.has_work());
            let is_all = named.is_empty() && plan.choice.left_out.is_empty();
            let why = match is_all && run.tasks.iter().any(has_work) {
                true => ": it holds the work already",
                false => "",
            };
            self.cx.printer.data(&format!("{short}  nothing to merge into {into}{why}"))?;
            if plan.choice.not_ready.is_empty() {
                self.tell_notes(run, plan);
            }
        }
        match plan.choice.not_ready.first() {
            None => Ok(ExitStatus::Done),
            Some(first) => {
                let left = plan.choice.left_out.iter().map(|(task, why)| format!("{task}: {why}"));
                let message = format!("nothing was merged; {}", left.collect::<Vec<_>>().join("; "));
                let problem = Problem { exit: ExitStatus::Failed, ..Problem::usage(first.code, message) };
                Err(problem.hint(&first.hint).into())
            }
        }
    }

    fn tell_plan(&self, run: &Run, plan: &Plan, more: Value) -> Result<()> {
        if self.cx.printer.json {
            let mut json = plan.as_json(run, more["status"] == "merged");
            let ways = self.ways_out(run, plan).into_iter();
            let ways: Vec<Value> =
                ways.map(|(command, what)| json!({"command": command, "what": what})).collect();
            if !ways.is_empty() {
                json["next"] = json!(ways);
            }
            let commands: Vec<String> =
                self.commands(run, plan).into_iter().map(|(_, command)| command).collect();
            json["verify"] = json!(commands);
            json["submodules"] = json!(self.submodules(run, plan));
            for (name, value) in more.as_object().into_iter().flatten() {
                json[name] = value.clone();
            }
            self.cx.printer.json(&json)?;
            return Ok(());
        }
        self.cx.printer.data(&plan.render(&self.cx.printer, run, &self.work.short))?;
        self.tell_notes(run, plan);
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
            self.work.into,
            tasks.join(", ")
        ))?;
        self.tell_submodules(run, plan);
        Ok(())
    }

    /// Returns the submodules that are at other commits with the merge; none where it is refused for one.
    fn submodules(&self, run: &Run, plan: &Plan) -> Vec<Linked> {
        submodules::look(&self.work.repository, &plan.moved(run)).unwrap_or_default()
    }

    fn tell_submodules(&self, run: &Run, plan: &Plan) {
        let lines = self.submodules(run, plan).into_iter().filter_map(|linked| linked.words());
        lines.for_each(|line| self.cx.printer.tell(&line));
    }

    /// Works out what would be merged, as things stand.
    fn plan(&self, run: &Run) -> Result<Plan> {
        let plan = match self.args.resolve {
            Some(_) => self.work.plan_with(run, &merge_resolve::known(run, &self.work.repository)),
            None => self.work.plan(run),
        };
        plan.map_err(hindered)
    }

    /// Returns the commands that verify the merged work, each once, with the task whose step has it.
    fn commands<'r>(&self, run: &'r Run, plan: &Plan) -> Vec<(Option<&'r Task>, String)> {
        match self.args.no_verify {
            true => Vec::new(),
            false => plan.commands(run, self.settings.names(&settings::MERGE_VERIFY)),
        }
    }

    /// Speaks of the work tree in which the merged work is tried; `folder` holds those of the run's tasks.
    fn scratch(&self, folder: &Path, run: &Run) -> Scratch<'_> {
        Scratch::of(&self.work.repository, self.layout.repository(), folder, run.id.as_str())
    }

    fn verify(&self, bench: &mut Bench, run: &Run, plan: &Plan) -> Result<Verified> {
        let commands = self.commands(run, plan);
        let folder = self.setup.worktrees.folder.join(run.id.as_str());
        let scratch = self.scratch(&folder, run);
        if commands.is_empty() {
            return Ok(Verified::Passed(Vec::new()));
        }
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
        match bench.make_ready(&launch::prepare_merge(&self.setup, run, &self.paths, &place, None)) {
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
                        self.work.into
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
        let merging = plan.merging(run, self.by());
        let _alone = self.work.alone(|| self.waits()).map_err(|why| self.not_now(why))?;
        // Before anything is said of a move that would not come about.
        if self.work.repository.tip(&moved.branch).map_err(Landing::Merge)?.as_ref() != Some(&moved.from) {
            return Err(Landing::Merge(MergeError::Moved(moved.branch.clone())));
        }
        record(store, run, Event::MergeBegun { merging: merging.clone() })?;
        let left = match landing::land(&self.work.repository, moved, &mut |_| {}) {
            Ok(left) => left,
            Err(error) => {
                if self.work.is_undone(moved) {
                    let Merging { into, to, .. } = merging;
                    record(store, run, Event::MergeGivenUp { into, to, why: error.to_string() })?;
                }
                return Err(Landing::Merge(error));
            }
        };
        self.tell_right(left.as_slice());
        record(store, run, Event::WorkMerged { merging })?;
        Ok(self.settle_merge_at_end(store, run, plan)?)
    }

    /// Lets the merge count that was to be made at the end of the run, now that a person has made it.
    fn settle_merge_at_end(&self, store: &mut Store, run: &mut Run, plan: &Plan) -> Result<()> {
        if !self.work.named.is_empty() || !plan.choice.left_out.is_empty() {
            return Ok(());
        }
        let at_end = run.tasks.iter().find(|task| {
            matches!(&task.spec.work, Work::Merge { into, .. } if *into == self.work.into)
                && task.state == TaskState::NeedsReview
        });
        let Some(task) = at_end.map(|task| task.spec.id.clone()) else { return Ok(()) };
        record(store, run, Event::TaskAccepted { task, by: self.by(), note: "crew merge".into() })
    }

    /// Says what became of merges that were cut off.
    fn tell_right(&self, found: &[PutRight]) {
        found.iter().flat_map(PutRight::words).for_each(|line| self.cx.printer.tell(&line));
    }

    /// Puts right what an earlier merge has left when it was cut off, and records what came of it.
    fn put_right(&self, store: &mut Store, run: &mut Run) -> Result<()> {
        let (found, became) = self.work.put_right(run, || self.waits()).map_err(hindered)?;
        self.tell_right(&found);
        became.map_or(Ok(()), |became| record(store, run, became))
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
    store.record(run, clock::now(), event).context("record the merge")
}

/// Turns what stands against a merge into what the user is told.
pub fn hindered(hindrance: Hindrance) -> anyhow::Error {
    let message = hindrance.to_string();
    match hindrance {
        Hindrance::UnknownBranch { branch, began_from } => {
            let commit = compose::short(&began_from).to_owned();
            let make = in_shell("git", &["branch".into(), branch, commit]);
            let hint = format!("{make} makes it, where the run began");
            Problem::refused("unknown_branch", message).hint(hint).into()
        }
        Hindrance::NotMergeable(why) => Problem::refused(why.code, message).hint(why.hint).into(),
        Hindrance::ForeignHistory(_) => Problem::refused("foreign_history", message)
            .hint("--squash takes over the tasks' own work as one commit each, --rebase their own commits")
            .into(),
        Hindrance::Uncommitted { branch, folder, .. } => Problem::refused("uncommitted", message)
            .hint(format!(
                "commit it there, on {branch}, and it is merged with the rest; or put it aside: git -C {} stash -u",
                folder.display()
            ))
            .into(),
        Hindrance::Rewritten { branch, recorded, .. } => Problem::refused("rewritten", message)
            .hint(format!(
                "crew merge --rewritten takes the branch as it is; git update-ref refs/heads/{branch} {recorded} sets it back"
            ))
            .into(),
        Hindrance::Busy => {
            Problem::refused("busy", message).hint("try again, or wait for longer with --wait SECS").into()
        }
        Hindrance::NoIdentity(_) => Problem::refused("no_identity", message)
            .hint("git config user.name NAME; git config user.email ADDRESS")
            .into(),
        Hindrance::Merge(error) => problem_of(error, "the branch").into(),
        Hindrance::Store(error) => error.into(),
    }
}

/// Turns what the workspace says into what the user is told.
pub fn problem_of(error: MergeError, into: &str) -> Problem {
    let message = error.to_string();
    match error {
        MergeError::Refused(_) => Problem::refused("not_now", message),
        MergeError::InTheWay { .. } => Problem::refused("uncommitted", message)
            .hint("commit it, put it aside (git stash -u), or move it away; nothing was touched"),
        MergeError::NotSigned(_) => Problem::refused("not_signed", message).hint(
            "commit.gpgSign is set: see that `git commit -S` works at this terminal and merge again, or leave it out \
             here: git config commit.gpgSign false",
        ),
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
