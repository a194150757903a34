//! From what the user named to the exact commits that are reviewed.

use super::pull_request;
use crate::commands::context::{Context, another_work_tree};
use crate::commands::exit::Problem;
use crate::domain::id::RunId;
use crate::domain::nearest::nearest;
use crate::domain::review::target::{ChangeSize, ReviewTarget, TargetKind};
use crate::domain::words::clean_line;
use crate::domain::worktree::{base_ref, branch_of};
use crate::store::database::Store;
use crate::ui::words;
use crate::workspace::base::{self, BaseError};
use crate::workspace::custody;
use crate::workspace::git::{Git, GitError};
use crate::workspace::reviewed::{self, Snapshot, Uncommitted};
use anyhow::{Context as _, Result};
use std::path::Path;

/// The most characters of a name that is shown.
const MAX_NAME: usize = 200;
/// How many runs are looked at for the newest one with a task.
const MAX_LOOKED_AT: usize = 200;
/// The most files that are named in a sentence.
const NAMED: usize = 3;

/// What the user wants to have reviewed; one of these at most.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TargetArgs {
    /// Commits: A..B, A...B (from where they part), a branch (what it adds to the default branch) or one commit
    #[arg(value_name = "RANGE", group = "target")]
    range: Option<String>,

    /// No more than one range is reviewed at a time
    #[arg(value_name = "MORE", hide = true)]
    more: Vec<String>,

    /// What HEAD adds to this branch or commit
    #[arg(long, value_name = "REF", group = "target")]
    base: Option<String>,

    /// What is staged
    #[arg(long, group = "target")]
    staged: bool,

    /// All that is not committed, with untracked files
    #[arg(long, group = "target")]
    worktree: bool,

    /// A pull request, by its number; at GitLab a merge request
    #[arg(long, value_name = "N", group = "target", value_parser = clap::value_parser!(u64).range(1..))]
    pr: Option<u64>,

    /// The work of a task: RUN/TASK
    #[arg(long, value_name = "RUN/TASK", group = "target")]
    task: Option<String>,
}

impl TargetArgs {
    /// Returns what was named without an option, the range first.
    pub fn named(&self) -> Vec<&str> {
        self.range.iter().chain(&self.more).map(String::as_str).collect()
    }
}

/// What is reviewed.
#[derive(Debug)]
pub struct Resolved {
    pub target: ReviewTarget,
    pub change: ChangeSize,
    /// The reference that holds what was not committed.
    pub snapshot: Option<String>,
}

impl Resolved {
    /// Lets go of what was kept for a review that was not begun.
    pub fn let_go(&self, repository: &Path) {
        if let Some(reference) = &self.snapshot {
            // What stays takes a few bytes, and `crew prune` takes it away.
            let _ = custody::let_go(&Git::at(repository), reference, &self.target.head);
        }
    }
}

/// Finds out what is to be reviewed. `run` is the id that the review will have.
pub fn resolve(cx: &Context, store: &Store, args: &TargetArgs, run: &RunId) -> Result<Resolved> {
    let repository = store.layout().repository();
    let names = Names { git: Git::at(repository), typed: args.range.clone().unwrap_or_default() };
    let found = base::find(repository);
    if let Err(error @ (BaseError::NoRepository | BaseError::Bare)) = found {
        return Err(impossible(repository, error));
    }
    let (target, snapshot) = match args {
        TargetArgs { range: Some(range), .. } => (names.range(range)?, None),
        TargetArgs { base: Some(base), .. } => (names.since(base, "HEAD")?, None),
        TargetArgs { task: Some(task), .. } => (task_of(cx, store, &names, task)?, None),
        TargetArgs { pr: Some(number), .. } => (names.pull_request(cx, *number)?, None),
        TargetArgs { staged: true, .. } => {
            refuse_unmerged(&names.git)?;
            taken(repository, Uncommitted::Index, run)?
        }
        TargetArgs { worktree: true, .. } => taken(repository, Uncommitted::Worktree, run)?,
        _ if found.is_err() => taken(repository, Uncommitted::Worktree, run)?,
        _ => names.of_nothing_named(cx, repository, run)?,
    };
    let change = size(repository, &target).context("compare what is reviewed with what it comes from")?;
    Ok(Resolved { target, change, snapshot })
}

/// Counts what differs between the two commits of a target.
pub fn size(repository: &Path, target: &ReviewTarget) -> Result<ChangeSize, GitError> {
    let (files, added, removed) = reviewed::size(&Git::at(repository), &target.base, &target.head)?;
    Ok(ChangeSize { files, added, removed })
}

/// Returns what is known of a task's work: from where it began to the tip of its branch.
fn task_of(cx: &Context, store: &Store, names: &Names, typed: &str) -> Result<ReviewTarget> {
    let Some((run, task)) = typed.split_once('/') else {
        let message = format!("`{}` names no task", clean_line(typed, MAX_NAME));
        return Err(Problem::usage("task", message)
            .hint("--task RUN/TASK, such as --task last/execute")
            .into());
    };
    let id = match run {
        "last" => newest_with(store, task)?.map_or_else(|| cx.find_run(store, run), Ok)?,
        run => cx.find_run(store, run)?,
    };
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let short = store.short(&id)?;
    let found = run.tasks.iter().find(|known| known.spec.id.as_str() == task);
    let tree = found.and_then(|task| task.tree.as_ref());
    let Some(tree) = tree else {
        let message =
            format!("task {} of run {short} has no work of its own to review", clean_line(task, MAX_NAME));
        let hint = format!("a task that worked in a worktree has: crew status {short}");
        return Err(Problem::refused("no_work", message).hint(hint).into());
    };
    let task = &found.context("a task with a tree")?.spec.id;
    let branch = branch_of(&id, task);
    // Its branch may have been merged and deleted; the commit is recorded.
    let head = reviewed::commit(&names.git, &format!("refs/heads/{branch}"));
    let head = head.unwrap_or_else(|| tree.head().to_owned());
    let words = format!("the work of {task} in run {short}");
    names.target(TargetKind::Task, words, format!("task:{id}/{task}"), (tree.base.clone(), head))
}

/// Finds the newest run with a task of this name that has work of its own; a review of it is newer, and has none.
fn newest_with(store: &Store, task: &str) -> Result<Option<RunId>> {
    for row in store.runs(MAX_LOOKED_AT)? {
        let run = store.load_run(&row.id)?;
        let tasks = run.iter().flat_map(|run| &run.tasks);
        if tasks.filter(|known| known.spec.id.as_str() == task).any(|known| known.tree.is_some()) {
            return Ok(Some(row.id));
        }
    }
    Ok(None)
}

/// Makes a commit of what is not committed.
fn taken(repository: &Path, what: Uncommitted, run: &RunId) -> Result<(ReviewTarget, Option<String>)> {
    let (kind, words, key) = match what {
        Uncommitted::Index => (TargetKind::Index, "what is staged", "index"),
        Uncommitted::Worktree => (TargetKind::Worktree, "what is not committed", "worktree"),
    };
    let reference = base_ref(run);
    let message = format!("{words} when crew review {run} began\n\nCrew-Run: {run}\n");
    let made = reviewed::snapshot(repository, what, &reference, &message);
    let Snapshot { commit, tree, base } = made.map_err(|error| impossible(repository, error))?;
    let (words, key) = (words.to_owned(), key.to_owned());
    Ok((ReviewTarget { kind, words, key, base, head: commit, tree }, Some(reference)))
}

/// Refuses to take what is staged while a merge is not settled: of some files several sides are.
fn refuse_unmerged(git: &Git) -> Result<()> {
    let files = reviewed::unmerged(git).context("look for what is not merged")?;
    if files.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = files.iter().take(NAMED).map(|file| shown(file)).collect();
    let more = if files.len() > NAMED { format!(" and {} more", files.len() - NAMED) } else { String::new() };
    let are = if files.len() == 1 { "is" } else { "are" };
    let message = format!("what is staged is no whole tree: {}{more} {are} unmerged", named.join(", "));
    Err(Problem::refused("unmerged", message)
        .hint("crew review --worktree reviews the files as they lie there")
        .into())
}

fn impossible(repository: &Path, error: BaseError) -> anyhow::Error {
    let refused = |code, hint: &str| Problem::refused(code, error.to_string()).hint(hint).into();
    match error {
        BaseError::NoRepository => {
            let message = "this is no git repository, and a review is of exact commits";
            Problem::refused("no_repository", message).hint("git init, and commit what is there").into()
        }
        BaseError::Bare => refused("no_work_tree", &another_work_tree(repository)),
        BaseError::Left(_) => {
            refused("unreadable", "put that right, or name commits: crew review HEAD~1..HEAD")
        }
        other => anyhow::Error::new(other).context("take in what is not committed"),
    }
}

/// What names of commits mean in a repository.
struct Names {
    git: Git,
    /// The range that was named; empty where none was.
    typed: String,
}

impl Names {
    /// Reads a range, a branch or a commit.
    fn range(&self, typed: &str) -> Result<ReviewTarget> {
        self.refuse_path(typed)?;
        let named = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
        if let Some((base, head)) = typed.split_once("...") {
            return self.since(&named(base), &named(head));
        }
        if let Some((base, head)) = typed.split_once("..") {
            let (base, head) = (named(base), named(head));
            let commits = (self.commit(&base)?, self.commit(&head)?);
            return self.of_range(format!("{base}..{head}"), (&base, &head), commits);
        }
        self.branch_or_commit(typed)
    }

    /// Takes what `head` adds since it parted from `base`.
    fn since(&self, base: &str, head: &str) -> Result<ReviewTarget> {
        let (from, to) = (self.commit(base)?, self.commit(head)?);
        let Some(parted) = reviewed::merge_base(&self.git, &from, &to) else {
            let message = format!("{} and {} have no commit in common", shown(base), shown(head));
            let problem = Problem::refused("no_common_commit", message);
            return Err(problem
                .hint(self.how_to_deepen("name a range with two dots to compare them all the same"))
                .into());
        };
        self.of_range(format!("{base}...{}", self.friendly(head)), (base, head), (parted, to))
    }

    /// Takes what somebody means who names nothing: what they have changed and not committed; else what the branch adds;
    /// else files that git does not know yet; else the last commit. Files that merely lie about are nobody's change as long
    /// as there is one.
    fn of_nothing_named(
        &self,
        cx: &Context,
        repository: &Path,
        run: &RunId,
    ) -> Result<(ReviewTarget, Option<String>)> {
        let not_committed = base::not_committed(repository).context("look for what is not committed")?;
        if not_committed.changed > 0 {
            let (target, snapshot) = taken(repository, Uncommitted::Worktree, run)?;
            let is_change = reviewed::tree(&self.git, &target.base)? != target.tree;
            if is_change {
                return Ok((target, snapshot));
            }
            // What is staged is taken back in the folder: together that changes nothing.
            let resolved = Resolved { target, change: ChangeSize::default(), snapshot };
            resolved.let_go(repository);
            cx.printer.tell("what is staged is not in the folder any more: crew review --staged reviews it");
        }
        let ahead = self.ahead("HEAD")?;
        match (ahead, not_committed.untracked) {
            (Some(ahead), 0) => Ok((ahead, None)),
            (Some(ahead), untracked) => {
                let are = if untracked == 1 { "is" } else { "are" };
                let left_out = words::count(untracked, "untracked file");
                let how = "crew review --worktree reviews what is not committed";
                cx.printer.tell(&format!("{left_out} {are} left out: {how}"));
                Ok((ahead, None))
            }
            (None, 0) => Ok((self.branch_or_commit("HEAD")?, None)),
            (None, _) => taken(repository, Uncommitted::Worktree, run),
        }
    }

    /// Takes what a branch adds to the default branch; nothing where it is no branch, or adds nothing.
    fn ahead(&self, name: &str) -> Result<Option<ReviewTarget>> {
        let commit = self.commit(name)?;
        let branch = reviewed::reference(&self.git, name);
        let Some((default, tip)) =
            reviewed::default_branch(&self.git, branch.as_deref()).filter(|_| branch.is_some())
        else {
            return Ok(None);
        };
        let is_part = self.git.is_ancestor(&commit, &tip).unwrap_or(false);
        let adds = !is_part && reviewed::merge_base(&self.git, &commit, &tip).is_some();
        adds.then(|| self.since(&default, name)).transpose()
    }

    /// Takes what a branch adds to the default branch; else one commit.
    fn branch_or_commit(&self, name: &str) -> Result<ReviewTarget> {
        if let Some(ahead) = self.ahead(name)? {
            return Ok(ahead);
        }
        let commit = self.commit(name)?;
        if reviewed::is_shallow(&self.git) && reviewed::commit(&self.git, &format!("{commit}^")).is_none() {
            let message = format!("what comes before {} is not in this clone, which is shallow", shown(name));
            return Err(Problem::refused("shallow", message).hint(self.how_to_deepen("")).into());
        }
        let parent = reviewed::parent(&self.git, &commit)?;
        let words = format!("commit {}", self.friendly(name));
        self.of_range(words, (&format!("{commit}^"), name), (parent, commit))
    }

    fn of_range(
        &self,
        words: String,
        (base, head): (&str, &str),
        commits: (String, String),
    ) -> Result<ReviewTarget> {
        let whole = |name: &str| reviewed::reference(&self.git, name).unwrap_or_else(|| name.to_owned());
        let key = format!("range:{}...{}", whole(base), whole(head));
        self.target(TargetKind::Range, words, key, commits)
    }

    /// Takes what a pull request asks for.
    fn pull_request(&self, cx: &Context, number: u64) -> Result<ReviewTarget> {
        let pull = pull_request::resolve(&cx.printer, self.git.dir(), number)?;
        let commits = (pull.base_commit, pull.head_commit);
        self.target(TargetKind::PullRequest, pull.words, pull_request::key_of(number), commits)
    }

    fn target(
        &self,
        kind: TargetKind,
        words: String,
        key: String,
        (base, head): (String, String),
    ) -> Result<ReviewTarget> {
        let tree = reviewed::tree(&self.git, &head).context("read the commit that is reviewed")?;
        Ok(ReviewTarget {
            kind,
            words: clean_line(&words, MAX_NAME),
            key: clean_line(&key, 1_000),
            base,
            head,
            tree,
        })
    }

    /// Says a name as people do: the branch for HEAD, and few digits of an id.
    fn friendly(&self, name: &str) -> String {
        let branch = reviewed::reference(&self.git, name).filter(|_| name == "HEAD");
        match branch.as_deref().and_then(|branch| branch.strip_prefix("refs/heads/")) {
            Some(branch) => branch.to_owned(),
            None if name == "HEAD" => {
                reviewed::commit(&self.git, name).map_or_else(|| name.into(), |id| id[..10].into())
            }
            None => name.to_owned(),
        }
    }

    fn commit(&self, name: &str) -> Result<String> {
        reviewed::commit(&self.git, name).ok_or_else(|| {
            if is_of_several(name) {
                let message = format!("`{}` names no single commit", shown(name));
                let hint = "crew review A..B reviews what lies between two commits, crew review A one commit";
                return Problem::refused("unknown_commit", message).hint(hint).into();
            }
            let message = format!("there is no commit `{}` here", shown(name));
            let hint = match (self.near(name), remote_branch(name)) {
                (Some(near), _) => near,
                (None, Some((remote, branch))) => {
                    self.how_to_deepen(&format!("git fetch {remote} {branch}"))
                }
                (None, None) => self.how_to_deepen(
                    "RANGE is A..B, A...B, a branch or a commit (git log --oneline --all shows what there is), or a \
                     command of crew review (crew review --help)",
                ),
            };
            Problem::refused("unknown_commit", message).hint(clean_line(&hint, 400)).into()
        })
    }

    /// Asks whether something was meant whose name is nearly this one: a command, where it is all that was typed; a branch or
    /// a tag.
    fn near(&self, name: &str) -> Option<String> {
        let commands = if name == self.typed { super::command_names() } else { Vec::new() };
        if let Some(command) = nearest(name, commands.iter().map(String::as_str)) {
            return Some(format!("did you mean `crew review {command}`?"));
        }
        let kinds = ["refs/heads", "refs/tags", "refs/remotes"];
        let known =
            self.git.text(&[&["for-each-ref", "--format=%(refname:short)"][..], &kinds].concat()).ok()?;
        let near = nearest(name, known.lines().filter(|known| !known.starts_with("crew/")))?;
        Some(match name == self.typed {
            true => format!("did you mean `crew review {}`?", shown(near)),
            false => format!("did you mean `{}`?", shown(near)),
        })
    }

    /// Refuses the path of something that lies here, where a commit is to be named.
    fn refuse_path(&self, typed: &str) -> Result<()> {
        let is_path = !typed.is_empty()
            && Path::new(typed).symlink_metadata().is_ok()
            && reviewed::commit(&self.git, typed).is_none();
        if !is_path {
            return Ok(());
        }
        let message = format!("`{}` is a path, and a review is of commits", shown(typed));
        let hint = "crew review --worktree reviews all that is not committed, crew review A..B what lies between two \
                    commits; what a path holds is not reviewed alone";
        Err(Problem::usage("path", message).hint(hint).into())
    }

    /// Says what helps in a clone that lacks history; elsewhere something else.
    fn how_to_deepen(&self, otherwise: &str) -> String {
        match reviewed::is_shallow(&self.git) {
            true => "this clone is shallow: git fetch --unshallow (fetch-depth: 0 in GitHub Actions, GIT_DEPTH: 0 in \
                     GitLab)"
                .into(),
            false => otherwise.into(),
        }
    }
}

/// Tells whether a name is in one of git's ways to say several commits, or all but some (`git help revisions`).
fn is_of_several(name: &str) -> bool {
    let ends = name.rsplit_once('^').map(|(_, end)| end);
    name.starts_with('^') || name.contains("..") || ends.is_some_and(|end| end.starts_with(['@', '!', '-']))
}

/// Takes a name apart that may be a branch of a remote, such as `origin/main`.
fn remote_branch(name: &str) -> Option<(&str, &str)> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let (remote, branch) = name.split_once('/').filter(|_| name.bytes().all(is_plain))?;
    (!remote.is_empty() && !remote.starts_with('-') && !branch.is_empty()).then_some((remote, branch))
}

fn shown(name: &str) -> String {
    clean_line(name, MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_commits_and_branches_of_remotes_are_known_by_their_looks() {
        for (name, several) in [
            ("^main", true),
            ("HEAD^@", true),
            ("a^!", true),
            ("a^-1", true),
            ("b..c", true),
            ("HEAD^2", false),
        ] {
            assert_eq!(is_of_several(name), several, "{name}");
        }
        assert_eq!(remote_branch("origin/feature/a"), Some(("origin", "feature/a")));
        for name in ["HEAD^{/first}", ":/second", "main", "/a", "a/"] {
            assert_eq!(remote_branch(name), None, "{name}");
        }
    }
}
