//! `crew pr`: the work of a run becomes a pull request.

use super::confirm::{self, Said};
use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::task_work::{commit, git_of};
use super::typist;
use super::waiting::WaitArgs;
use crate::domain::event::Event;
use crate::domain::id::TaskId;
use crate::domain::merging::{self, How};
use crate::domain::publishing::{self, Opener, Pull};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::words::clean_text;
use crate::store::database::Store;
use crate::ui::words;
use crate::workspace::git::Git;
use crate::workspace::inventory::tree_of;
use crate::workspace::merging::Repository;
use crate::workspace::merging::compose::{self, Manner, Work};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};

/// The most bytes that are shown of what the program says that opens the pull request.
const MAX_SAID: usize = 8_000;

/// Push the work of a run and open a pull request
///
/// The work of its completed tasks is merged onto the commit that the run began from, in git's store only, and pushed as
/// branch crew/RUN of the remote. Then `gh` or `glab` opens the pull request, whichever the remote's host is for; where it
/// is not installed, the command is printed. A push leaves the repository: it wants a yes at the terminal, or --yes. The
/// repository's own hooks are not run.
#[derive(Debug, clap::Args)]
pub struct PrArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Branch that the pull request is for; default: the one that the run began from
    #[arg(long, value_name = "BRANCH")]
    into: Option<String>,

    /// Its title; default: the first line of the goal
    #[arg(long, value_name = "TEXT")]
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

    #[command(flatten)]
    wait: WaitArgs,
}

/// What is to be published, and where.
struct Plan {
    pull: Pull,
    remote: String,
    /// What the remote is called by, in words of its host.
    opener: Option<Opener>,
    /// The commit that holds the merged work.
    commit: String,
    text: String,
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
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let git = git_of(&layout);
    let plan = plan(args, &store, &run, &short, &git)?;
    if !cx.printer.json {
        show(cx, &short, &plan)?;
    }
    if args.dry_run {
        return tell(cx, &run, &plan, "planned", None);
    }
    match confirm_push(cx, args, &plan)? {
        false => {
            cx.printer.tell("nothing was pushed");
            return Ok(ExitStatus::Waiting);
        }
        true => push(&git, &run, &plan)?,
    }
    let Some(opener) = plan.opener.filter(|opener| which::which(opener.program()).is_ok()) else {
        return tell(cx, &run, &plan, "pushed", None);
    };
    let said = open(opener, layout.repository(), &plan)?;
    tell(cx, &run, &plan, "opened", Some(&said))
}

fn confirm_push(cx: &Context, args: &PrArgs, plan: &Plan) -> Result<bool> {
    if args.yes {
        return Ok(true);
    }
    let Plan { remote, pull, .. } = plan;
    match confirm::ask(&cx.printer, &format!("push {} to {remote} and open the pull request?", pull.branch)) {
        Said::Yes => Ok(true),
        Said::No => Ok(false),
        Said::Nothing => {
            let message = format!("pushing to {remote} leaves the repository, so it needs a person's word");
            let problem = Problem { exit: ExitStatus::Waiting, ..Problem::refused("needs_a_word", message) };
            Err(problem.hint("crew pr RUN --dry-run shows what would be done; --yes does it").into())
        }
    }
}

fn plan(args: &PrArgs, store: &Store, run: &Run, short: &str, git: &Git) -> Result<Plan> {
    let Some(base) = &run.base else {
        let problem =
            Problem::refused("no_worktree", format!("no task of run {short} has worked on a branch"));
        return Err(problem.hint("crew run --worktree gives each task a branch of its own").into());
    };
    let Some(into) = args.into.as_ref().or(base.branch.as_ref()) else {
        let problem = Problem::refused("no_branch", format!("run {short} began from no branch"));
        return Err(problem.hint("name the one that the pull request is for: --into BRANCH").into());
    };
    let remote = remote_of(git, into)?;
    let address = git.text(&["remote", "get-url", &remote])?;
    let repository = Repository::of(store.layout().repository())?;
    let (from, how) = match base.snapshot {
        true => (format!("{}^", base.commit), How::Squash),
        false => (base.commit.clone(), How::Merge),
    };
    let from = commit(git, &from).context("find the commit that the run began from")?;
    let (commit, tasks, mut notes) = merged(&repository, run, short, &from, how)?;
    let commit = pushed_before(git, run, &commit)?.unwrap_or(commit);
    let unpublished = git.text(&["rev-list", "--count", &from, "--not", &format!("--remotes={remote}")])?;
    if let Some(count) = unpublished.parse().ok().filter(|count: &usize| *count > 0) {
        let commits = words::count(count, "commit");
        notes.push(format!("{commits} of yours that {remote} does not have yet would come with it"));
    }
    let verified = verified(store, run)?;
    let of_task = |task: &TaskId| -> Option<(&Task, Vec<(String, bool)>)> {
        let found = verified.iter().filter(|(known, ..)| known == task);
        let results = found.map(|(_, command, passed)| (command.clone(), *passed)).collect();
        Some((run.task(task)?, results))
    };
    let told: Vec<_> = tasks.iter().filter_map(of_task).collect();
    Ok(Plan {
        pull: Pull {
            branch: format!("crew/{}", run.id),
            into: into.clone(),
            title: args.title.clone().unwrap_or_else(|| publishing::title_of(run)),
            draft: args.draft,
        },
        opener: publishing::host_of(&address).and_then(publishing::opener_at),
        remote,
        commit,
        text: publishing::text_of(run, &told),
        tasks,
        notes,
    })
}

/// Finds the remote to which a branch belongs.
fn remote_of(git: &Git, branch: &str) -> Result<String> {
    let names = git.text(&["remote"])?;
    let names: Vec<&str> = names.lines().collect();
    let set = git.text(&["config", "--get", &format!("branch.{branch}.remote")]).unwrap_or_default();
    let found = match names.as_slice() {
        names if names.contains(&set.as_str()) => Some(set.as_str()),
        names if names.contains(&"origin") => Some("origin"),
        [only] => Some(*only),
        _ => None,
    };
    found.map(str::to_owned).ok_or_else(|| {
        let problem =
            Problem::refused("no_remote", format!("it is not clear to which remote {branch} belongs"));
        problem.hint("git remote add origin URL; git branch --set-upstream-to origin/BRANCH BRANCH").into()
    })
}

/// Merges the completed tasks' work onto a commit, in the store only.
fn merged(
    repository: &Repository,
    run: &Run,
    short: &str,
    from: &str,
    how: How,
) -> Result<(String, Vec<TaskId>, Vec<String>)> {
    let choice = merging::choose(run, short, &[], |_| false)
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
            message: match how {
                How::Merge => merging::merge_message(&run.id, short, task),
                How::Squash | How::Rebase => merging::squash_message(&run.id, short, task),
            },
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
        return Err(problem.hint(format!("crew diff {short} shows each task's own change")).into());
    }
    let tasks = choice.places.iter().map(|place| run.tasks[*place].spec.id.clone()).collect();
    Ok((composed.head, tasks, notes))
}

/// Returns the commit that was pushed before, where that holds the same files: then nothing new is to be pushed.
fn pushed_before(git: &Git, run: &Run, now: &str) -> Result<Option<String>> {
    let Some(before) = commit(git, &held_at(run)) else { return Ok(None) };
    Ok((tree_of(git, &before)? == tree_of(git, now)?).then_some(before))
}

/// Returns the reference of crew's own that holds what was pushed. A branch of that name cannot be beside the tasks' own.
fn held_at(run: &Run) -> String {
    format!("refs/crew/pr/{}", run.id)
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
    cx.printer.tell(&format!("{short}  push {} as {} to {remote}", compose::short(commit), pull.branch));
    cx.printer.tell(&format!(
        "  {draft}pull request into {}: \"{}\"",
        pull.into,
        clean_text(&pull.title, 200)
    ));
    cx.printer.tell(&format!("  holds {}", holds.join(", ")));
    notes.iter().for_each(|note| cx.printer.tell(&format!("  {note}")));
    Ok(())
}

/// Pushes the merged work, after a reference holds it here.
fn push(git: &Git, run: &Run, plan: &Plan) -> Result<()> {
    let own = held_at(run);
    let before = commit(git, &own);
    git.run(&["update-ref", &own, &plan.commit])?;
    let target = format!("refs/heads/{}", plan.pull.branch);
    let what = format!("{}:{target}", plan.commit);
    // What we pushed before is ours to replace, and nobody else's.
    let lease = before.map(|before| format!("--force-with-lease={target}:{before}"));
    let mut args = vec!["push", "--no-verify", "--porcelain"];
    args.extend(lease.as_deref());
    args.extend(["--", &plan.remote, &what]);
    let pushed = git.run(&args);
    pushed.map(drop).map_err(|error| {
        let message = clean_text(&error.to_string(), MAX_SAID);
        let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("push_failed", message) };
        problem.hint(format!("git push {} {what}    shows what the remote says", plan.remote)).into()
    })
}

/// Has the pull request opened, and returns what was said about it.
fn open(opener: Opener, folder: &Path, plan: &Plan) -> Result<String> {
    let text = tempfile::NamedTempFile::new().context("write what the pull request says")?;
    std::fs::write(text.path(), &plan.text)?;
    let arguments = opener.arguments(&plan.pull, &text.path().display().to_string(), &plan.text);
    let mut command = Command::new(opener.program());
    command.args(&arguments).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    let output = command.output().with_context(|| format!("start {}", opener.program()))?;
    let words = |bytes: &[u8]| clean_text(String::from_utf8_lossy(bytes).trim(), MAX_SAID);
    if output.status.success() {
        return Ok(words(&output.stdout));
    }
    let message = format!("{} opened no pull request: {}", opener.program(), words(&output.stderr));
    let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("not_opened", message) };
    Err(problem.hint(format!("the branch is pushed; by hand: {}", by_hand(opener, plan))).into())
}

fn by_hand(opener: Opener, plan: &Plan) -> String {
    let arguments = opener.arguments(&plan.pull, "-", &plan.text);
    publishing::in_shell(opener.program(), &arguments)
}

fn tell(cx: &Context, run: &Run, plan: &Plan, status: &str, said: Option<&str>) -> Result<ExitStatus> {
    let Plan { pull, remote, commit, text, tasks, notes, opener } = plan;
    if cx.printer.json {
        cx.printer.json(&json!({
            "run": run.id, "status": status, "remote": remote, "branch": pull.branch, "into": pull.into,
            "commit": commit, "title": pull.title, "text": text, "draft": pull.draft, "tasks": tasks, "notes": notes,
            "program": opener.map(Opener::program), "said": said,
        }))?;
        return Ok(ExitStatus::Done);
    }
    match said {
        Some(said) => cx.printer.data(said)?,
        None => {
            let pushed = if status == "planned" { "would then open it" } else { "is pushed; this opens it" };
            cx.printer.tell(&format!("{} {pushed}:", pull.branch));
            let openers: &[Opener] = match opener {
                Some(opener) => &[*opener],
                None => &[Opener::Gh, Opener::Glab],
            };
            for opener in openers {
                cx.printer.data(&by_hand(*opener, plan))?;
            }
            cx.printer.tell("what it says (on standard input, for `gh`):");
            cx.printer.tell(&clean_text(text, 20_000));
        }
    }
    Ok(ExitStatus::Done)
}
