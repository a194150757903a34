//! `crew pr`: the work of a run becomes a pull request.

use super::confirm::{self, Said};
use super::context::Context;
use super::cut_off;
use super::exit::{ExitStatus, Problem};
use super::merge::hindered;
use super::pr_host::{Outside, is_installed};
use super::typist;
use super::waiting::WaitArgs;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::merging::{self, How};
use crate::domain::publishing::{self, Opener, Place, Pull, Text};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::runner::clock;
use crate::runner::merge_work::{MergeWork, PATIENCE};
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::inventory::tree_of;
use crate::workspace::merging::compose::{self, Manner, Work};
use crate::workspace::merging::landing::Move;
use crate::workspace::merging::{MergeError, Repository, submodules};
use crate::workspace::task_work::{commit, git_of};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::time::Duration;

/// Push the work of a run and open a pull request
///
/// The work of its completed tasks is merged onto the commit that the run began from, in git's store only, and pushed as
/// branch crew/RUN. Then `gh` or `glab` opens the pull request, whichever the remote's host is for; where it is not
/// installed, the command is printed. Once more, and the branch is brought up to date; a request that is open stays the
/// one. Commits that somebody else has pushed to the branch are never overwritten.
///
/// A push leaves the repository: it wants a yes at the terminal, or --yes.
#[derive(Debug, clap::Args)]
pub struct PrArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Branch that the pull request is for; default: the one that the run began from
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,

    /// Its title; default: the first line of the goal
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    title: Option<String>,

    /// Open it as a draft
    #[arg(long)]
    draft: bool,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Push without a question
    #[arg(long, short)]
    yes: bool,

    /// Do not run the repository's hook before a push
    #[arg(long)]
    no_hooks: bool,

    /// Give up when the remote or its host takes longer than this for one answer
    #[arg(long, value_name = "SECS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Where a run's work is published.
struct Way {
    /// The branch that the run's work is for, as this repository calls it.
    branch: String,
    /// What it is called there.
    into: String,
    remote: String,
    /// What is pushed to, which is another one where the user works with a fork.
    push_to: String,
    at: Option<Place>,
    fork: Option<Place>,
}

/// How the remote's branch is brought to hold the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It holds it.
    Nothing,
    /// It is not there yet.
    Begin,
    /// What is there stays, and more comes on top.
    Forward,
    /// What crew has pushed is no part of the work any more.
    Replace,
}

/// What is to be published, and where.
struct Plan {
    pull: Pull,
    remote: String,
    opener: Option<Opener>,
    /// The commit that holds the merged work.
    commit: String,
    step: Step,
    /// Where the remote's branch stands.
    before: Option<String>,
    text: String,
    tasks: Vec<TaskId>,
    notes: Vec<String>,
}

/// Merged work of tasks.
struct Merged {
    commit: String,
    tasks: Vec<TaskId>,
    notes: Vec<String>,
}

/// Pushes the work of a run and opens a pull request.
pub fn pr(cx: &Context, args: &PrArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let layout = store.layout().clone();
    if !args.dry_run {
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let id = cx.find_run(&store, &args.run)?;
    let short = store.short(&id)?;
    let _lock = if args.dry_run { None } else { Some(cx.take_lock(&store, &id, args.wait)?) };
    let mut run = store.load_run(&id)?.context("the run is recorded")?;
    take_what_came_since(cx, &layout, &mut run, &short)?;
    let git = git_of(layout.repository());
    let outside = Outside::new(&cx.printer, layout.repository(), Duration::from_secs(args.timeout))?;
    let plan = plan(args, &store, &run, &short, &git, &outside)?;
    if !cx.printer.json {
        show(cx, &short, &plan)?;
        cut_off::tell(&cx.printer, &layout);
    }
    if args.dry_run {
        return tell(cx, &run, &plan, "planned", None);
    }
    if !confirm_push(cx, args, &plan)? {
        cx.printer.tell("nothing was pushed");
        return Ok(ExitStatus::Waiting);
    }
    if plan.step != Step::Nothing {
        // Before it is pushed: whatever becomes of us, what is there then is known to be ours.
        hold(&git, &run, &plan.commit)?;
        let what = (plan.commit.as_str(), plan.pull.branch.as_str());
        outside.push(&plan.remote, what, plan.before.as_deref(), !args.no_hooks)?;
    }
    let Some(opener) = plan.opener.filter(|opener| is_installed(*opener)) else {
        return tell(cx, &run, &plan, "pushed", None);
    };
    let listed = outside.ask(opener, &opener.list(&plan.pull))?;
    // One that cannot list them, as an older `glab`, is not asked for more: its host lets no branch have a second one.
    if let Some(open) = opener.listed(&listed.out).filter(|_| listed.exit == Some(0)) {
        let status = if plan.step == Step::Nothing { "unchanged" } else { "updated" };
        return tell(cx, &run, &plan, status, Some(&open));
    }
    let said = open(&outside, opener, &plan)?;
    tell(cx, &run, &plan, "opened", Some(&said))
}

/// Takes the tasks' branches as they are now, where somebody has gone on with the work there.
fn take_what_came_since(cx: &Context, layout: &Layout, run: &mut Run, short: &str) -> Result<()> {
    let Some(base) = run.base.clone() else { return Ok(()) };
    let work = MergeWork {
        repository: Repository::of(layout.repository())?,
        top: layout.repository().to_owned(),
        short: short.to_owned(),
        into: base.branch.clone().unwrap_or_default(),
        base,
        manner: Manner { how: How::Merge, signed: false },
        named: Vec::new(),
        since: Vec::new(),
        patience: PATIENCE,
    };
    let looked = work.look_at_branches(run, false).map_err(hindered)?;
    for (task, why) in &looked.unseen {
        cx.printer.tell(&format!("what is not committed of {task} is not seen: {why}"));
    }
    for event in &looked.events {
        run.apply(clock::now(), event)?;
    }
    Ok(())
}

fn confirm_push(cx: &Context, args: &PrArgs, plan: &Plan) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let Plan { remote, pull, .. } = plan;
    let push = match plan.step {
        Step::Nothing => String::new(),
        Step::Begin | Step::Forward | Step::Replace => format!("push {} to {remote} and ", pull.branch),
    };
    match confirm::ask(&cx.printer, &format!("{push}see to its pull request?")) {
        Said::Yes => Ok(true),
        Said::No => Ok(false),
        Said::Nothing => {
            let message = format!("pushing to {remote} leaves the repository, so it needs a person's word");
            let problem = Problem { exit: ExitStatus::Waiting, ..Problem::refused("needs_a_word", message) };
            Err(problem
                .hint(format!("crew pr {} --dry-run shows what would be done; --yes does it", args.run))
                .into())
        }
    }
}

fn plan(args: &PrArgs, store: &Store, run: &Run, short: &str, git: &Git, outside: &Outside) -> Result<Plan> {
    let Some(base) = &run.base else {
        let problem =
            Problem::refused("no_worktree", format!("no task of run {short} has worked on a branch"));
        return Err(problem.hint("crew run --worktree gives each task a branch of its own").into());
    };
    let Some(branch) = args.into.as_ref().or(base.branch.as_ref()) else {
        let problem = Problem::refused("no_branch", format!("run {short} began from no branch"));
        return Err(problem.hint("name the one that the pull request is for: --into BRANCH").into());
    };
    let way = way_to(git, branch)?;
    let repository = Repository::of(store.layout().repository())?;
    let (from, how) = match base.snapshot {
        true => (format!("{}^", base.commit), How::Squash),
        false => (base.commit.clone(), How::Merge),
    };
    let from = commit(git, &from).context("find the commit that the run began from")?;
    let fresh = merged(&repository, run, short, &from, how)?;
    refuse_merged(&repository, git, run, &way, &fresh)?;
    let named = format!("crew/{}", run.id);
    let (before, there) = branches(args, git, outside, &way, &named)?;
    let mut notes = fresh.notes.clone();
    notes.extend(there);
    notes.extend(submodules_with(&repository, run, &named, (&from, &fresh.commit))?);
    let (commit, step) = next_step(&repository, git, run, short, how, &fresh, before.as_deref(), &mut notes)?;
    let published = format!("--remotes={}", way.remote);
    let unpublished = git.text(&["rev-list", "--count", &from, "--not", &published])?;
    if let Some(count) = unpublished.parse().ok().filter(|count: &usize| *count > 0) {
        let commits = words::count(count, "commit");
        notes.push(format!("{commits} of yours that {} does not have yet would come with it", way.remote));
    }
    let verified = verified(store, run)?;
    let of_task = |task: &TaskId| -> Option<(&Task, Vec<(String, bool)>)> {
        let found = verified.iter().filter(|(known, ..)| known == task);
        let results = found.map(|(_, command, passed)| (command.clone(), *passed)).collect();
        Some((run.task(task)?, results))
    };
    let told: Vec<_> = fresh.tasks.iter().filter_map(of_task).collect();
    let text = publishing::text_of(run, &told);
    let title = args.title.as_deref().map_or_else(|| publishing::title_of(run), publishing::titled);
    if title.is_empty() {
        return Err(Problem::usage("no_title", "a pull request needs a title").hint("--title TEXT").into());
    }
    Ok(Plan {
        opener: outside.opener(way.at.as_ref())?,
        pull: Pull { branch: named, into: way.into, title, draft: args.draft, at: way.at, fork: way.fork },
        remote: way.push_to,
        commit,
        step,
        before,
        text,
        tasks: fresh.tasks,
        notes,
    })
}

/// Finds the remote to which a branch belongs, and what is pushed to.
fn way_to(git: &Git, branch: &str) -> Result<Way> {
    let names = git.text(&["remote"])?;
    let names: Vec<&str> = names.lines().collect();
    let set = |name: &str| git.text(&["config", "--get", name]).ok().filter(|value| !value.is_empty());
    let known = |name: Option<String>| name.filter(|name| names.contains(&name.as_str()));
    let of_branch = known(set(&format!("branch.{branch}.remote")));
    let remote = match names.as_slice() {
        _ if of_branch.is_some() => of_branch.clone(),
        names if names.contains(&"origin") => Some("origin".to_owned()),
        [only] => Some((*only).to_owned()),
        _ => None,
    };
    let Some(remote) = remote else {
        let message = match names.is_empty() {
            true => "this repository has no remote that could be pushed to".to_owned(),
            false => format!("it is not clear to which remote {branch} belongs"),
        };
        let hint = match names.is_empty() {
            true => "git remote add origin URL".to_owned(),
            false => format!("git branch --set-upstream-to REMOTE/BRANCH {branch}"),
        };
        return Err(Problem::refused("no_remote", message).hint(hint).into());
    };
    let upstream = set(&format!("branch.{branch}.merge")).filter(|_| of_branch.is_some());
    let upstream = upstream.as_deref().and_then(|name| name.strip_prefix("refs/heads/"));
    let push_to =
        known(set(&format!("branch.{branch}.pushRemote"))).or_else(|| known(set("remote.pushDefault")));
    let push_to = push_to.unwrap_or_else(|| remote.clone());
    let at = Place::of(&git.text(&["remote", "get-url", "--", &remote])?);
    let fork = Place::of(&git.text(&["remote", "get-url", "--push", "--", &push_to])?);
    Ok(Way {
        branch: branch.to_owned(),
        into: upstream.unwrap_or(branch).to_owned(),
        fork: fork.filter(|fork| at.as_ref().is_some_and(|at| at.path != fork.path && at.host == fork.host)),
        at,
        remote,
        push_to,
    })
}

/// Returns where the remote's branch stands, and what is out of the ordinary about that.
fn branches(
    args: &PrArgs,
    git: &Git,
    outside: &Outside,
    way: &Way,
    named: &str,
) -> Result<(Option<String>, Option<String>)> {
    let address = git.text(&["remote", "get-url", "--push", "--", &way.push_to])?;
    match outside.branches(&address, &way.push_to, [named, &way.into]) {
        Ok([_, None]) if way.push_to == way.remote => {
            let message = format!("{} has no branch {}", way.remote, way.into);
            let hint =
                format!("--into BRANCH names another; git push {} {} makes it", way.remote, way.branch);
            Err(Problem::refused("no_branch", message).hint(hint).into())
        }
        Ok([before, _]) => Ok((before, None)),
        // A plan can be looked at without the net.
        Err(error) if args.dry_run => Ok((None, Some(format!("what is there is not known: {error}")))),
        Err(error) => Err(error),
    }
}

/// Refuses work that the branch has already, as far as this repository knows.
fn refuse_merged(repository: &Repository, git: &Git, run: &Run, way: &Way, work: &Merged) -> Result<()> {
    let there = format!("refs/remotes/{}/{}", way.remote, way.into);
    let Some(tip) = commit(git, &there) else { return Ok(()) };
    for task in work.tasks.iter().filter_map(|task| run.task(task)?.tree.as_ref()) {
        if !repository.is_ancestor(task.head(), &tip)? {
            return Ok(());
        }
    }
    let message = format!("{}/{} has all of this work", way.remote, way.into);
    Err(Problem::refused("nothing", message).hint("there is nothing to ask for").into())
}

/// Decides what is pushed. What is there stays beneath it, unless crew has pushed that and it is no part of the work any
/// more; what somebody else has pushed is left alone.
#[allow(clippy::too_many_arguments, reason = "each is needed, and they belong to nothing together")]
fn next_step(
    repository: &Repository,
    git: &Git,
    run: &Run,
    short: &str,
    how: How,
    fresh: &Merged,
    before: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<(String, Step)> {
    let ours = held(git, run)?;
    let tree = tree_of(git, &fresh.commit)?;
    let is_the_same = |id: &str| tree_of(git, id).is_ok_and(|its| its == tree);
    let newest = ours.last().filter(|id| is_the_same(id));
    let Some(before) = before else {
        return Ok((newest.unwrap_or(&fresh.commit).clone(), Step::Begin));
    };
    if !ours.iter().any(|id| id == before) {
        let whose =
            format!("crew/{} stands at {} there, which crew did not push", run.id, compose::short(before));
        let Some(newest) = newest else {
            let problem = Problem::refused("foreign_commits", format!("{whose}: it stays as it is"));
            let hint = "bring those commits into the work and push yourself, or take the branch away there";
            return Err(problem.hint(hint).into());
        };
        notes.push(format!("{whose}; the run has nothing new, so it stays as it is"));
        return Ok((newest.clone(), Step::Nothing));
    }
    if is_the_same(before) {
        return Ok((before.to_owned(), Step::Nothing));
    }
    // On top of what was pushed, people see what is new; but only where that comes to the same files.
    match merged(repository, run, short, before, how) {
        Ok(on_top) if is_the_same(&on_top.commit) => Ok((on_top.commit, Step::Forward)),
        _ => Ok((fresh.commit.clone(), Step::Replace)),
    }
}

/// Merges the completed tasks' work onto a commit, in the store only.
fn merged(repository: &Repository, run: &Run, short: &str, from: &str, how: How) -> Result<Merged> {
    let choice = merging::choose(run, short, &[], &run.conflicts_ahead(), |_| false)
        .map_err(|why| Problem::refused(why.code, why.message.clone()).hint(why.hint))?;
    let notes = choice.left_out.iter().map(|(task, why)| format!("without {task}: {why}")).collect();
    if choice.places.is_empty() {
        let problem =
            Problem::refused("nothing", format!("no completed task of run {short} changed anything"));
        return Err(problem.hint(format!("crew status {short}")).into());
    }
    let mut works = Vec::new();
    for place in &choice.places {
        let task = &run.tasks[*place];
        let tree = task.tree.as_ref().context("a task that is merged has a work tree")?;
        let under = merging::under(run, *place);
        works.push(Work {
            name: task.spec.id.to_string(),
            base: tree.base.clone(),
            tip: tree.head().to_owned(),
            builds_on: (0..choice.places.len()).filter(|at| under.contains(&choice.places[*at])).collect(),
            message: merging::message(how, &run.id, short, task),
        });
    }
    if let Err(unknown) = repository.committer() {
        let problem =
            Problem::refused("no_identity", format!("git does not know who commits here: {unknown}"));
        return Err(problem.hint("git config user.name NAME; git config user.email ADDRESS").into());
    }
    let composed = compose::compose(repository, from, &works, Manner { how, signed: false })?;
    if composed.has_conflicts() {
        let problem =
            Problem::refused("conflict", format!("the work of run {short}'s tasks does not go together"));
        return Err(problem
            .hint(format!(
                "crew merge {short} --dry-run shows where; crew diff {short}, each task's own change"
            ))
            .into());
    }
    let tasks = choice.places.iter().map(|place| run.tasks[*place].spec.id.clone()).collect();
    Ok(Merged { commit: composed.head, tasks, notes })
}

/// Says which submodules would be at commits that others cannot have yet.
fn submodules_with(
    repository: &Repository,
    run: &Run,
    branch: &str,
    (from, to): (&str, &str),
) -> Result<Vec<String>> {
    let (run, branch) = (run.id.to_string(), branch.to_owned());
    let moved = Move { run, branch, from: from.to_owned(), to: to.to_owned() };
    match submodules::look(repository, &moved) {
        Ok(linked) => Ok(linked.iter().filter_map(submodules::Linked::words).collect()),
        Err(MergeError::Refused(why)) => Ok(vec![why]),
        Err(other) => Err(other.into()),
    }
}

/// Where what was pushed is held, as 1, 2, and so on. A branch of that name cannot be beside the tasks' own.
fn held_at(run: &Run) -> String {
    format!("refs/crew/pr/{}", run.id)
}

/// Returns the commits that crew has pushed of a run, or has been about to, in their order.
fn held(git: &Git, run: &Run) -> Result<Vec<String>> {
    let format = "--format=%(objectname)";
    let listed =
        git.text(&["for-each-ref", "--sort=version:refname", format, &format!("{}/", held_at(run))])?;
    Ok(listed.lines().map(str::to_owned).collect())
}

fn hold(git: &Git, run: &Run, commit: &str) -> Result<()> {
    let held = held(git, run)?;
    if !held.iter().any(|known| known == commit) {
        let name = format!("{}/{}", held_at(run), held.len() + 1);
        git.run(&["update-ref", &name, commit, &"0".repeat(commit.len())])?;
    }
    Ok(())
}

/// Returns the verification commands of each task's newest attempt, and whether they passed.
fn verified(store: &Store, run: &Run) -> Result<Vec<(TaskId, String, bool)>> {
    let mut found = Vec::new();
    for recorded in store.events(&run.id, 0, usize::MAX)? {
        let Event::VerificationEnded { task, attempt, command, ending, .. } = recorded.event else {
            continue;
        };
        let newest = run.task(&task).and_then(Task::last).map(|last| last.number);
        if newest == Some(attempt) {
            found.push((task, command, ending.exit == Some(0)));
        }
    }
    Ok(found)
}

fn show(cx: &Context, short: &str, plan: &Plan) -> Result<()> {
    let Plan { pull, remote, commit, tasks, notes, .. } = plan;
    let draft = if pull.draft { "draft " } else { "" };
    let holds: Vec<&str> = tasks.iter().map(TaskId::as_str).collect();
    let commit = compose::short(commit);
    cx.printer.tell(&match plan.step {
        Step::Nothing => format!("{short}  {remote} has all of it as {}", pull.branch),
        Step::Begin => format!("{short}  push {commit} as {} to {remote}", pull.branch),
        Step::Forward => format!("{short}  push {commit} on top of {} to {remote}", pull.branch),
        Step::Replace => {
            format!("{short}  push {commit} in place of what crew pushed as {} to {remote}", pull.branch)
        }
    });
    cx.printer.tell(&format!("  {draft}pull request into {}: \"{}\"", pull.into, pull.title));
    cx.printer.tell(&format!("  holds {}", holds.join(", ")));
    notes.iter().for_each(|note| cx.printer.tell(&format!("  {note}")));
    Ok(())
}

/// Has the pull request opened, and returns what was said about it.
fn open(outside: &Outside, opener: Opener, plan: &Plan) -> Result<String> {
    let file = tempfile::NamedTempFile::new().context("write what the pull request says")?;
    std::fs::write(file.path(), &plan.text)?;
    let path = file.path().display().to_string();
    let answer =
        outside.ask(opener, &opener.create(&plan.pull, Text::File { path: &path, text: &plan.text }))?;
    if answer.exit == Some(0) {
        return Ok(answer.out);
    }
    let message = format!("{} opened no pull request: {}", opener.program(), answer.reason());
    let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("not_opened", message) };
    let host = plan.pull.at.as_ref().map(|at| at.host.as_str());
    let hint = format!(
        "the branch is pushed, and the same command goes on; where you are not signed in: {}",
        opener.sign_in(host)
    );
    Err(problem.hint(hint).into())
}

/// Returns the command that opens the pull request, as a shell takes it.
fn by_hand(opener: Opener, plan: &Plan) -> String {
    publishing::in_shell(opener.program(), &opener.create(&plan.pull, Text::Here(&plan.text)))
}

fn tell(cx: &Context, run: &Run, plan: &Plan, status: &str, said: Option<&str>) -> Result<ExitStatus> {
    let Plan { pull, remote, commit, text, tasks, notes, opener, .. } = plan;
    let openers = opener.map_or(Opener::ALL.to_vec(), |opener| vec![opener]);
    if cx.printer.json {
        let is_address = |word: &&str| word.starts_with("https://") || word.starts_with("http://");
        let address = said.and_then(|said| said.split_whitespace().rfind(is_address));
        let commands: Vec<String> = openers.iter().map(|opener| by_hand(*opener, plan)).collect();
        cx.printer.json(&json!({
            "run": run.id, "status": status, "remote": remote, "branch": pull.branch, "into": pull.into,
            "commit": commit, "title": pull.title, "text": text, "draft": pull.draft, "tasks": tasks, "notes": notes,
            "program": opener.map(Opener::program), "said": said, "url": address, "commands": commands,
        }))?;
        return Ok(ExitStatus::Done);
    }
    if let Some(said) = said {
        if status != "opened" {
            cx.printer.tell("it is open already; its title and its text stay as they are:");
        }
        cx.printer.data(said)?;
        return Ok(ExitStatus::Done);
    }
    let them = if openers.len() > 1 { "one of these" } else { "this" };
    let (is_there, opens) = if status == "planned" { ("would be", "would open") } else { ("is", "opens") };
    cx.printer.tell(&format!("{} {is_there} there; {them} {opens} the pull request:", pull.branch));
    for opener in openers {
        cx.printer.data(&by_hand(opener, plan))?;
    }
    Ok(ExitStatus::Done)
}
