//! What the worktrees of a run begin from, and whether they can: asked before anything starts.

use super::context::another_work_tree;
use super::exit::Problem;
use super::plan::Plan;
use crate::domain::id::{RunId, TaskId};
use crate::domain::links;
use crate::domain::merging::How;
use crate::domain::resources::OnSuccess;
use crate::domain::settings::{self, Settings};
use crate::domain::task::{TaskSpec, Work};
use crate::domain::words::{clean_line, clean_text};
use crate::domain::worktree::{self, Base};
use crate::store::layout::{FOLDER, Layout};
use crate::ui::words;
use crate::workspace::base::{self, BaseError};
use crate::workspace::checkout;
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};
use std::path::{Component, Path, PathBuf};

/// How many files are named that are not committed.
const NAMED: usize = 5;
/// The most characters of a path that is named.
const MAX_PATH: usize = 200;

/// What a run is to begin from, as far as that is known before it is made.
#[derive(Debug)]
pub struct Beginning {
    pub base: Base,
    /// Files that are not committed and belong to it all the same.
    pub uncommitted: usize,
}

impl Beginning {
    /// Returns it in words: `main 1a2b3c4`.
    pub fn words(&self) -> String {
        let branch =
            self.base.branch.as_deref().map_or("a detached HEAD".into(), |name| clean_line(name, MAX_PATH));
        let commit = self.base.commit.get(..7).unwrap_or(&self.base.commit);
        match self.uncommitted {
            0 => format!("{branch} {commit}"),
            files => format!("{branch} {commit} with {} not committed", words::count(files, "file")),
        }
    }
}

/// Looks whether the worktrees of a plan can be had; nothing where it has none. Adds to the plan's notes what a worktree
/// will lack, and takes from its links what is tracked.
pub fn find(
    layout: &Layout,
    settings: &Settings,
    plan: &mut Plan,
    include_dirty: bool,
) -> Result<Option<Beginning>> {
    if !plan.tasks.iter().any(|task| task.worktree) {
        if let Some((OnSuccess::Merge, file)) = &plan.on_success {
            return Err(nothing_to_merge(file).into());
        }
        return match include_dirty {
            false => Ok(None),
            true => Err(Problem::usage(
                "no_worktree",
                "--include-dirty is for worktrees, and no task works in one",
            )
            .hint("add --worktree, or take it out: whoever works in the folder sees what is there")
            .into()),
        };
    }
    let repository = layout.repository();
    refuse_folder(layout, settings)?;
    let base::Base { commit, branch } = base::find(repository).map_err(|error| impossible(layout, error))?;
    let dirty = base::dirty(repository).context("look for what is not committed")?;
    let include_dirty = include_dirty || settings.flag(&settings::WORKTREES_INCLUDE_DIRTY);
    if !dirty.is_empty() && !include_dirty {
        return Err(not_committed(&dirty).into());
    }
    let git = Git::at(repository);
    particular(&git, &commit, plan).context("look at the checkout")?;
    link(&git, &commit, &settings.names(&settings::WORKTREES_LINK), plan)
        .context("look at what is to be linked")?;
    let base = Base { commit, branch, snapshot: !dirty.is_empty() };
    if let Some((OnSuccess::Merge, file)) = &plan.on_success {
        let merge = merge_at_end(&plan.tasks, &base, settings).map_err(|problem| problem.at(file.clone()))?;
        plan.tasks.push(merge);
    }
    Ok(Some(Beginning { base, uncommitted: dirty.len() }))
}

fn nothing_to_merge(file: &str) -> Problem {
    let message = "`onSuccess: merge` brings the work of worktrees back, and no task works in one";
    Problem::usage("no_worktree", message).at(file).hint("say `worktree: true` in a step, or add --worktree")
}

/// Returns the task that brings the work of all others back, once they are done.
fn merge_at_end(tasks: &[TaskSpec], base: &Base, settings: &Settings) -> Result<TaskSpec, Problem> {
    let how = How::parse(&settings.text(&settings::MERGE_HOW)).unwrap_or_default();
    let refused = |code, why: &str, hint: &str| {
        Problem::refused(code, format!("`onSuccess: merge` cannot be done: {why}")).hint(hint)
    };
    let Some(branch) = &base.branch else {
        let hint = "git switch BRANCH, and the work comes back to it";
        return Err(refused("no_branch", "the run begins from no branch, since HEAD is detached", hint));
    };
    if branch.starts_with("crew/") {
        let why = format!("the branch {} is crew's own", clean_line(branch, MAX_PATH));
        return Err(refused("own_branch", &why, "git switch to one of yours"));
    }
    if base.snapshot && how == How::Merge {
        let why =
            "the run begins from what is not committed, and a merge commit would bring that into the history";
        return Err(refused("foreign_history", why, "--set merge.how=squash, or commit it before"));
    }
    let is_free =
        |name: &TaskId| !tasks.iter().any(|task| task.id.as_str().eq_ignore_ascii_case(name.as_str()));
    let names = std::iter::once("merge".to_owned()).chain((2..).map(|number| format!("merge-{number}")));
    let id = names.filter_map(|name| TaskId::parse(&name)).find(is_free);
    let id = id.ok_or_else(|| Problem::usage("name", "no name is free for the merge"))?;
    Ok(TaskSpec {
        depends_on: tasks.iter().map(|task| task.id.clone()).collect(),
        verify: settings.names(&settings::MERGE_VERIFY),
        ..TaskSpec::plain(id, Work::Merge { into: branch.clone(), how })
    })
}

/// Returns the base of a run that is about to be made: where something is not committed, the commit that holds it.
pub fn settle(layout: &Layout, beginning: Beginning, run: &RunId) -> Result<Base> {
    let base = beginning.base;
    if !base.snapshot {
        return Ok(base);
    }
    let message = format!("What was not committed when crew run {run} began\n\nCrew-Run: {run}\n");
    let commit = base::snapshot(layout.repository(), &worktree::base_ref(run), &message)
        .map_err(|error| impossible(layout, error))?;
    Ok(Base { commit, ..base })
}

fn impossible(layout: &Layout, error: BaseError) -> anyhow::Error {
    let refused = |code, hint: &str| Problem::refused(code, error.to_string()).hint(hint).into();
    match error {
        BaseError::NoRepository => refused("no_repository", "git init, and commit what is there"),
        BaseError::Bare => refused("no_work_tree", &another_work_tree(layout.repository())),
        BaseError::Unborn => {
            refused("no_commit", "git add --all && git commit, or leave --worktree and `worktree: true` out")
        }
        other => anyhow::Error::new(other).context("find what worktrees begin from"),
    }
}

fn not_committed(dirty: &[String]) -> Problem {
    let named: Vec<String> = dirty.iter().take(NAMED).map(|path| clean_line(path, MAX_PATH)).collect();
    let more =
        dirty.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!(" and {more} more"));
    let message = format!(
        "{} in this folder {} not committed, and worktrees begin from a commit: {}{}",
        words::count(dirty.len(), "path"),
        if dirty.len() == 1 { "is" } else { "are" },
        named.join(", "),
        more.unwrap_or_default()
    );
    Problem::refused("dirty", message)
        .hint("git commit, git stash --include-untracked, or --include-dirty, which lets the work begin from all of it")
}

/// Refuses a folder in which worktrees would be in the way of git, of crew or of the user.
pub fn refuse_folder(layout: &Layout, settings: &Settings) -> Result<()> {
    let repository = layout.repository();
    let set = &settings.text(&settings::WORKTREES_FOLDER);
    let folder = plain(&repository.join(set));
    let wrong = |why: &str, hint: &str| -> Result<()> {
        let message = format!("worktrees.folder {}: {why}", clean_line(set, MAX_PATH));
        Err(Problem::usage("worktrees_folder", message).hint(hint).into())
    };
    if set.starts_with('~') {
        return wrong("`~` means nothing here", "write the whole path, or one relative to the repository");
    }
    if folder.to_str().is_none_or(|path| path.contains(':') || path.chars().any(char::is_control)) {
        return wrong("no search path can hold it", "name a folder without `:` and control characters");
    }
    if repository.starts_with(&folder) {
        return wrong("the repository lies in it", "name a folder of its own, such as .crew/worktrees");
    }
    // What is not there yet will be made below what is.
    let real = folder.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    let real = real.and_then(|(above, real)| Some(real.join(folder.strip_prefix(above).ok()?)));
    let is_within = folder.starts_with(repository);
    if is_within && real.is_some_and(|real| !real.starts_with(repository)) {
        return wrong("a link leads out of the repository", "name the folder that it leads to");
    }
    let Ok(inner) = folder.strip_prefix(repository) else { return Ok(()) };
    let git = Path::new(".git");
    if inner.components().any(|part| part.as_os_str().eq_ignore_ascii_case(git)) {
        return wrong("it is git's own", "name a folder of its own, such as .crew/worktrees");
    }
    if inner.starts_with(FOLDER) && !inner.starts_with(Path::new(FOLDER).join("worktrees")) {
        return wrong("it is crew's own", "in .crew, worktrees are at .crew/worktrees");
    }
    // The first run writes that file, and it ignores them.
    if inner.starts_with(FOLDER) && !layout.gitignore().exists() {
        return Ok(());
    }
    let ignored =
        checkout::is_ignored(&Git::at(repository), &inner.join("run")).context("ask what git ignores")?;
    if ignored {
        return Ok(());
    }
    let file = if inner.starts_with(FOLDER) { ".crew/.gitignore" } else { ".gitignore" };
    let line =
        if inner.starts_with(FOLDER) { "/worktrees/".into() } else { format!("/{}/", inner.display()) };
    wrong(
        "git does not ignore it, so each worktree would be a change of yours",
        &format!("add the line {line} to {file}"),
    )
}

/// Takes `.` and `..` out of a path, as far as its text says.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn particular(git: &Git, commit: &str, plan: &mut Plan) -> Result<()> {
    let found = checkout::look(git, commit)?;
    if found.sparse {
        plan.notes.push("this checkout is sparse, and worktrees hold the same part of the repository".into());
    }
    if !found.submodules.is_empty() {
        let count = words::count(found.submodules.len(), "submodule");
        plan.notes.push(format!(
            "{count} will be empty in worktrees: {}; worktrees.setup can fill them \
             (git submodule update --init)",
            shown(&found.submodules)
        ));
    }
    if found.lfs_pointers {
        plan.notes.push(
            "files of this repository are kept in Git LFS, which is not set up here: worktrees hold its pointers \
             (git lfs install)"
                .into(),
        );
    }
    Ok(())
}

/// Settles what is linked into each worktree, and says where that will not be what was asked for.
fn link(git: &Git, commit: &str, everywhere: &[String], plan: &mut Plan) -> Result<()> {
    for task in plan.tasks.iter_mut().filter(|task| task.worktree) {
        task.link = links::together(task.link.iter().chain(everywhere));
    }
    let all = links::together(plan.tasks.iter().flat_map(|task| &task.link));
    let tracked = checkout::tracked(git, commit, &all)?;
    for task in &mut plan.tasks {
        task.link.retain(|name| !tracked.contains(name));
    }
    if !tracked.is_empty() {
        plan.notes.push(format!(
            "not linked, since git tracks it and each worktree has its own: {}",
            shown(&tracked)
        ));
    }
    let missing: Vec<String> =
        all.into_iter().filter(|name| !tracked.contains(name) && !git.dir().join(name).exists()).collect();
    if !missing.is_empty() {
        plan.notes.push(format!("not linked unless it is there by then: {}", shown(&missing)));
    }
    Ok(())
}

fn shown(names: &[String]) -> String {
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    let more = if names.len() > NAMED { ", ..." } else { "" };
    clean_text(&format!("{}{more}", named.join(", ")), 400)
}
