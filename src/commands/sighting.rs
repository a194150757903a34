//! Looks at the work trees of tasks: what they hold, what they take up, and whether their work is somewhere else.

use super::context::Context;
use crate::domain::cleanup::{Folder, Sight, Standing};
use crate::domain::id::{RunId, TaskId};
use crate::domain::merging::Landed;
use crate::domain::publishing::in_shell;
use crate::domain::resolution::Resolution;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::time::Time;
use crate::domain::worktree::{branch_of, reference_of};
use crate::runner::branch_work;
use crate::runner::left_resolvers;
use crate::runner::process;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::progress::Lines;
use crate::workspace::git::Git;
use crate::workspace::inventory::{self, Extent, Listed};
use crate::workspace::merging::scratch;
use crate::workspace::side_by_side;
use crate::workspace::snapshot::LOOK;
use crate::workspace::task_work::{TaskWork, commit, git_of};
use crate::workspace::worktree::{self, Marked, Worktree, WorktreeError, Wrong};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A task's work tree as it is now.
pub struct Seen {
    pub run: RunId,
    pub short: String,
    pub task: TaskId,
    /// As it is recorded.
    pub path: String,
    pub branch: String,
    /// Somebody wanted it away.
    pub removed: bool,
    /// When something happened last in it that is recorded.
    pub since: Time,
    /// The commit that its branch stands for.
    pub tip: Option<String>,
    /// Git knows it at its place, whether it is there or not.
    pub registered: bool,
    /// Another work tree has its branch checked out.
    pub branch_is_elsewhere: bool,
    /// Where its HEAD is, where that is not on its branch: `on other`, `detached`.
    pub elsewhere: Option<String>,
    /// None where there is no folder of its own.
    pub extent: Option<Extent>,
    /// Bytes of what git ignores, where that was asked for.
    pub ignored: u64,
    pub sight: Sight,
}

impl Seen {
    /// Tells whether anything of it is left.
    pub fn is_there(&self) -> bool {
        self.sight.folder != Folder::Gone || self.registered || self.tip.is_some()
    }
}

/// A work tree or a branch that looks like crew's, and that no record knows.
pub struct Stray {
    pub run: Option<String>,
    pub task: Option<String>,
    pub path: Option<String>,
    pub branch: Option<String>,
}

impl Stray {
    /// Says what it is, and how a person gets rid of it: crew does not.
    pub fn remark(&self) -> String {
        self.remark_with(None)
    }

    /// Says it with why it stays, where somebody has looked.
    pub fn remark_with(&self, why: Option<&str>) -> String {
        let typed =
            |words: &[&str]| in_shell("git", &words.iter().map(|word| word.to_string()).collect::<Vec<_>>());
        match (&self.path, &self.branch) {
            (Some(path), _) => {
                let why = why.map(|why| format!(", and it stays: {why}")).unwrap_or_default();
                let away = typed(&["worktree", "remove", "-f", "-f", path]);
                format!(
                    "no run here knows {path}{why}; commit what you want of it to a branch of yours, then: {away}"
                )
            }
            (None, Some(branch)) => {
                let away = typed(&["branch", "-d", branch]);
                format!("no run here knows the branch {branch}: {away}")
            }
            (None, None) => String::new(),
        }
    }

    pub fn as_json(&self) -> Value {
        let Stray { run, task, path, branch } = self;
        json!({"run": run, "task": task, "path": path, "branch": branch, "recorded": false,
            "remarks": [self.remark()]})
    }
}

/// A work tree of crew's own, for a merge.
pub struct Trial {
    pub run: RunId,
    pub short: String,
    /// The conflict that an agent works on there; none where the merge itself tries its work.
    pub conflict: Option<Resolution>,
    /// Where git has it; none where only its branch is left.
    pub folder: Option<PathBuf>,
    /// A crew process is at work on the run; else it was left by one that was killed.
    pub owned: bool,
}

impl Trial {
    pub fn remark(&self) -> String {
        let left = "crew worktree prune takes it away";
        match (&self.conflict, self.owned) {
            (None, true) => "crew's own: a merge is at work".into(),
            (None, false) => format!("crew's own, left by a merge that was killed: {left}"),
            (Some(Resolution { task, agent, .. }), true) => {
                format!("crew's own: {agent} works on the conflict of {task}")
            }
            (Some(Resolution { task, agent, .. }), false) => format!(
                "crew's own, left by {agent} on the conflict of {task} when its merge was killed: {left}, and keeps \
                 what is there"
            ),
        }
    }

    pub fn as_json(&self) -> Value {
        let Trial { run, folder, owned, conflict, .. } = self;
        let conflict = conflict.as_ref().map(|given| &given.task);
        json!({"run": run, "task": null, "path": folder, "recorded": false, "merge": true, "conflict": conflict,
            "at_work": owned, "prunable": !owned, "remarks": [self.remark()]})
    }

    /// Returns the folder in which its own lies, or would.
    pub fn around<'a>(&'a self, repository: &'a Path) -> &'a Path {
        self.folder.as_deref().and_then(Path::parent).unwrap_or(repository)
    }

    /// Tells whether what is marked as a run's, or named after one, is this.
    fn is_of(&self, run: &str) -> bool {
        self.conflict.as_ref().is_some_and(|given| given.inside.as_str() == run)
    }
}

/// All that there is.
pub struct Found {
    pub seen: Vec<Seen>,
    pub trials: Vec<Trial>,
    pub strays: Vec<Stray>,
    /// What the folders take up together; a file with a name in several counts once.
    pub bytes: u64,
}

/// What git knows, asked once.
struct Known {
    git: Git,
    listed: Vec<Listed>,
    marked: Vec<Marked>,
    /// `crew/RUN/TASK`
    branches: Vec<String>,
}

impl Known {
    fn of(store: &Store) -> Result<Known> {
        let git = git_of(store.layout().repository());
        let listed = inventory::listed(&git).context("list the work trees")?;
        let marked = worktree::marked(store.layout().repository())?;
        let branches = git.text(&["for-each-ref", "--format=%(refname:strip=2)", "refs/heads/crew/"])?;
        let branches = branches.lines().map(str::to_owned).collect();
        Ok(Known { git, listed, marked, branches })
    }

    /// Returns the runs that the work trees and branches are of, as far as their names say.
    fn runs(&self) -> BTreeSet<RunId> {
        let marked = self.marked.iter().filter_map(|marked| RunId::parse(&marked.owner.run));
        let branched = self.branches.iter().filter_map(|branch| RunId::parse(branch.split('/').nth(1)?));
        marked.chain(branched).collect()
    }

    fn at(&self, folder: &Path) -> Option<&Listed> {
        self.listed.iter().find(|tree| is_same(&tree.path, folder))
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    one == other || real(one) == real(other)
}

/// Looks at all work trees, or those of one run.
pub fn sights(cx: &Context, store: &Store, only: Option<&RunId>, with_ignored: bool) -> Result<Found> {
    let known = Known::of(store)?;
    let wanted = known.runs().into_iter().filter(|run| only.is_none_or(|only| only == run));
    let mut runs = Vec::new();
    for id in wanted {
        runs.extend(store.load_run(&id)?);
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id.clone())));
    let works: Vec<(&Run, TaskWork)> = runs
        .iter()
        .flat_map(|run| {
            TaskWork::all(store.layout().repository(), run).into_iter().map(move |work| (run, work))
        })
        .collect();
    let lines = Lines::new(&cx.printer);
    let mut found = Found { seen: Vec::new(), trials: Vec::new(), strays: Vec::new(), bytes: 0 };
    let mut all = Extent::default();
    let mut homes = HashMap::new();
    for run in &runs {
        let home = Home { run, short: store.short(&run.id)?, owned: lock::is_owned(&store.paths(&run.id))? };
        homes.insert(&run.id, home);
    }
    let looked = side_by_side::each(&works, |at, (run, work)| {
        let doing = format!("{} of {}  {}", at + 1, works.len(), work.tree.path);
        look(&known, &homes[&run.id], work, with_ignored, &mut |folders| {
            if folders % 256 == 0 {
                lines.show("worktrees", format!("{doing}  {folders} folders"));
            }
        })
    });
    for seen in looked {
        let seen = seen?;
        if let Some(extent) = &seen.extent {
            all.add(extent);
        }
        if seen.is_there() || !seen.removed {
            found.seen.push(seen);
        }
    }
    lines.take_away("worktrees");
    found.bytes = all.bytes();
    found.trials = trials(store, &known, only)?;
    let is_seen = |run: &str, task: &str| {
        found.seen.iter().any(|seen| seen.run.as_str() == run && seen.task.as_str() == task)
    };
    let begun: Tasks = runs.iter().flat_map(being_made).collect();
    let strays = strays(&known, (is_seen, &begun), &found.trials, only);
    found.strays = strays;
    Ok(found)
}

/// Counts the folders of tasks, and finds what merges have left and what no run here knows, without a look into any of them.
pub fn overview(store: &Store) -> Result<(usize, Vec<Trial>, Vec<Stray>)> {
    let known = Known::of(store)?;
    let (mut recorded, mut begun): (Tasks, Tasks) = Default::default();
    let mut trees = 0;
    for id in known.runs() {
        let Some(run) = store.load_run(&id)? else { continue };
        begun.extend(being_made(&run));
        for work in TaskWork::all(store.layout().repository(), &run) {
            trees += usize::from(work.folder.is_dir());
            recorded.insert((work.owner.run, work.owner.task));
        }
    }
    let is_recorded = |run: &str, task: &str| recorded.contains(&(run.to_owned(), task.to_owned()));
    let trials = trials(store, &known, None)?;
    let strays = strays(&known, (is_recorded, &begun), &trials, None);
    Ok((trees, trials, strays))
}

/// Tells, before anything is removed, where nobody can see who still works there.
pub fn tell_blindness(cx: &Context) {
    if let Some(words) = blindness(process::are_visible()) {
        cx.printer.warn(words);
    }
}

fn blindness(are_visible: bool) -> Option<&'static str> {
    (!are_visible).then_some(
        "processes are not visible on this system: whether something still works there is not seen",
    )
}

/// Returns why a folder that no run here knows has to stay; none where all that it holds is on a branch that is not crew's.
pub fn why_stray_stays(store: &Store, stray: &Stray) -> Option<String> {
    let (Some(path), Some(branch)) = (&stray.path, &stray.branch) else {
        return Some("it has no folder, or is on no branch".into());
    };
    let (git, folder) = (git_of(store.layout().repository()), Path::new(path));
    let Some(tip) = commit(&git, &reference_of(branch)) else { return Some("its branch is gone".into()) };
    let containing =
        ["for-each-ref", "--format=%(refname)", "--contains", &tip, "refs/heads", "refs/remotes"];
    let holders = git.text(&containing).unwrap_or_default();
    if holders.lines().all(|name| name.starts_with("refs/heads/crew/")) {
        return Some("its commits are on no other branch".into());
    }
    let inside = Git::at(folder).apart().within(LOOK);
    let is_here = |git: &Git| git.text(&["rev-parse", "HEAD"]).is_ok_and(|head| head == tip);
    let status = ["status", "--porcelain", "--untracked-files=all", "--ignore-submodules=none"];
    let is_clean = |git: &Git| git.text(&status).is_ok_and(|lines| lines.is_empty());
    if !is_here(&inside) || !is_clean(&inside) {
        return Some("it holds something that is not committed, or cannot be looked at".into());
    }
    let repositories = inventory::extent(folder, &mut || ()).map(|extent| extent.repositories.len());
    if repositories.ok() != Some(0) || !process::working_in(folder).is_empty() {
        return Some("a repository lies in it, or somebody works there".into());
    }
    None
}

/// Takes such a folder away, with its branch, and says so. The caller has just looked.
pub fn remove_stray(store: &Store, stray: &Stray) -> Result<String> {
    let (path, branch) = stray.path.as_deref().zip(stray.branch.as_deref()).context("it has both")?;
    let git = git_of(store.layout().repository());
    let tip = commit(&git, &reference_of(branch)).context("its branch is there")?;
    // It is locked, against a clean-up of git's own.
    git.run(&["worktree", "remove", "--force", "--force", path])?;
    git.run(&["update-ref", "-d", &reference_of(branch), &tip])?;
    Ok(format!("the folder and its branch {branch} are gone; what they held is on another branch"))
}

/// Looks at the work tree of one task, whose run's lock the caller holds.
pub fn sight(store: &Store, run: &Run, task: &TaskId) -> Result<Seen> {
    let task = run.task(task).context("the task is in the run")?;
    let work = TaskWork::of(store.layout().repository(), run, task).context("the task has a work tree")?;
    // A removal that was stopped may have begun with its `.git`, and an agent may have deleted that: what git has
    // registered for the task says that the folder is its own all the same.
    let has_lost_git = matches!(work.open(), Err(WorktreeError::NotOwn { wrong: Wrong::GitGone, .. }));
    if work.tree.removed || has_lost_git {
        // Whatever comes of this is seen now.
        let _ = work.recover();
    }
    let home = Home { run, short: store.short(&run.id)?, owned: false };
    look(&Known::of(store)?, &home, &work, false, &mut |_| ())
}

/// The run of a task, and what has to be known of it.
struct Home<'a> {
    run: &'a Run,
    short: String,
    /// A crew process carries it out.
    owned: bool,
}

fn look(
    known: &Known,
    home: &Home,
    work: &TaskWork,
    with_ignored: bool,
    tick: &mut dyn FnMut(usize),
) -> Result<Seen> {
    let (git, run) = (&known.git, home.run);
    let tip = work.branch_tip(git);
    let opened = work.open();
    let registered = known.marked.iter().find(|marked| marked.owner == work.owner);
    let listed = known.at(&work.folder);
    let mut sight = Sight {
        state: work.task.state,
        owned: home.owned,
        folder: folder_of(&opened, registered, &work.folder),
        uncommitted: 0,
        unreferenced: 0,
        repositories: Vec::new(),
        unseen: Vec::new(),
        locked: listed.and_then(|listed| listed.locked.clone()).filter(|why| !why.starts_with("crew: ")),
        used_by: Vec::new(),
        standing: None,
    };
    if let Some(tip) = work.tip(git) {
        let standing = inventory::standing(git, &work.tree.base, &tip, &targets(git, run, work))?;
        sight.standing =
            Some(landed(git, work, &tip).filter(|_| !standing.is_safe_elsewhere()).unwrap_or(standing));
        if work.task.unkept().is_some() && sight.standing.as_ref().is_some_and(Standing::is_safe_elsewhere) {
            sight.standing = Some(Standing::NotKept);
        }
    }
    let branch = &work.tree.branch;
    let on = listed.and_then(|listed| listed.branch.as_deref());
    let elsewhere = match (listed, on) {
        (None, _) => None,
        (_, Some(on)) if on == branch => None,
        (_, Some(on)) => Some(format!("on {on}")),
        (_, None) => Some("detached".to_owned()),
    };
    let (mut extent, mut ignored) = (None, 0);
    if let Ok(tree) = &opened {
        let mut folders = 0;
        let measured = inventory::extent(&work.folder, &mut || {
            folders += 1;
            tick(folders);
        })?;
        sight.repositories = measured.repositories.iter().map(|path| path.display().to_string()).collect();
        extent = Some(measured);
        look_inside(work, tree, tip.as_deref(), &mut sight)?;
        let head = listed.and_then(|listed| listed.head.as_deref()).filter(|_| elsewhere.is_some());
        if let Some(head) = head {
            sight.unreferenced = inventory::unreferenced(git, head)?;
        }
        if with_ignored {
            ignored = bytes_ignored(tree)?;
        }
    }
    Ok(Seen {
        run: run.id.clone(),
        short: home.short.clone(),
        task: work.task.spec.id.clone(),
        path: work.tree.path.clone(),
        branch: branch.clone(),
        removed: work.tree.removed,
        since: work.task.last().map_or(run.created_at, |last| last.ended_at.unwrap_or(last.started_at)),
        registered: registered.is_some_and(|marked| is_same(&marked.folder, &work.folder)),
        branch_is_elsewhere: known
            .listed
            .iter()
            .any(|tree| tree.branch.as_ref() == Some(branch) && !is_same(&tree.path, &work.folder)),
        tip,
        elsewhere,
        extent,
        ignored,
        sight,
    })
}

fn folder_of(opened: &Result<Worktree, WorktreeError>, registered: Option<&Marked>, folder: &Path) -> Folder {
    match opened {
        Ok(_) => Folder::Own,
        Err(WorktreeError::NotOwn { wrong: Wrong::Missing, .. }) => match registered {
            Some(marked) if !is_same(&marked.folder, folder) && marked.folder.exists() => {
                Folder::NotOwn(format!("git has it at {}", marked.folder.display()))
            }
            _ => Folder::Gone,
        },
        Err(WorktreeError::NotOwn { wrong, .. }) => Folder::NotOwn(wrong.to_string()),
        Err(error) => Folder::NotOwn(error.to_string()),
    }
}

/// Looks at what is in no commit, and at who works there.
fn look_inside(work: &TaskWork, tree: &Worktree, tip: Option<&str>, sight: &mut Sight) -> Result<()> {
    let used_by = process::working_in(&work.folder.canonicalize()?);
    sight.used_by = used_by.into_iter().map(|(pid, name)| format!("{name} (pid {pid})")).collect();
    match work.now(tree) {
        Ok(now) => {
            sight.uncommitted = now.beside(tip.unwrap_or(&work.tree.base))?.len();
            sight.unseen = now.left;
        }
        Err(error) => sight.unseen.push(error.to_string()),
    }
    Ok(())
}

fn bytes_ignored(tree: &Worktree) -> Result<u64> {
    let mut all = Extent::default();
    for path in inventory::ignored(&tree.git())? {
        // What has gone meanwhile takes up nothing.
        if let Ok(extent) = inventory::extent(&tree.folder().join(path), &mut || ()) {
            all.add(&extent);
        }
    }
    Ok(all.bytes())
}

/// Finds a branch into which crew merged this very work, and that still holds what crew made of it: later changes of the
/// same lines do not unmerge it.
pub fn landed(git: &Git, work: &TaskWork, tip: &str) -> Option<Standing> {
    let is_held = |landed: &&Landed| {
        landed.tip == tip && git.is_ancestor(&landed.commit, &reference_of(&landed.into)).unwrap_or(false)
    };
    let landed = work.task.landed.iter().rfind(is_held)?;
    Some(Standing::Included { into: landed.into.clone() })
}

/// Returns the branches to which the work of a task may have gone: those that crew merged it into, the one that its run
/// began from, where that is published, and the one that is checked out.
pub fn targets(git: &Git, run: &Run, work: &TaskWork) -> Vec<String> {
    let base = run.base.as_ref().and_then(|base| base.branch.clone());
    let published = base.as_ref().map(|base| format!("{base}@{{upstream}}"));
    let published = published.and_then(|name| git.text(&["rev-parse", "--abbrev-ref", &name]).ok());
    let here = git.text(&["symbolic-ref", "--quiet", "--short", "HEAD"]).unwrap_or_else(|_| "HEAD".into());
    let mut targets = Vec::new();
    let merged = work.task.landed.iter().map(|landed| landed.into.clone());
    for name in merged.chain(base).chain(published).chain([here]) {
        // A branch without a commit has taken nothing in.
        // What an agent itself has moved to its work proves nothing, and may be set back.
        let is_strayed = branch_work::strayed_into(git, work.task, &name).is_some();
        if !targets.contains(&name) && !is_strayed && commit(git, &name).is_some() {
            targets.push(name);
        }
    }
    targets
}

/// Finds the work trees of merges, of runs that are recorded.
fn trials(store: &Store, known: &Known, only: Option<&RunId>) -> Result<Vec<Trial>> {
    let mut found: BTreeMap<RunId, Option<PathBuf>> = BTreeMap::new();
    for tree in &known.listed {
        let marked = known.marked.iter().find(|marked| is_same(&marked.folder, &tree.path));
        if let Some(run) = trial_of(tree, marked) {
            found.insert(run, Some(tree.path.clone()));
        }
    }
    let branched =
        known.branches.iter().filter_map(|branch| RunId::parse(scratch::run_of(None, Some(branch), None)?));
    for run in branched {
        found.entry(run).or_default();
    }
    let mut trials = Vec::new();
    for (run, folder) in found.into_iter().filter(|(run, _)| only.is_none_or(|only| only == run)) {
        if store.load_run(&run)?.is_some() {
            let owned = lock::is_owned(&store.paths(&run))?;
            trials.push(Trial { short: store.short(&run)?, run, conflict: None, folder, owned });
        }
    }
    for run in known.runs().into_iter().filter(|run| only.is_none_or(|only| only == run)) {
        let Some(run) = store.load_run(&run)? else { continue };
        for given in left_resolvers::given(&run) {
            let inside = given.inside.as_str();
            let marked = known.marked.iter().find(|marked| marked.owner.run == inside);
            let branch = branch_of(&given.inside, &given.task);
            if marked.is_none() && !known.branches.contains(&branch) {
                continue;
            }
            trials.push(Trial {
                short: store.short(&run.id)?,
                owned: lock::is_owned(&store.paths(&run.id))?,
                folder: marked.map(|marked| marked.folder.clone()),
                run: run.id.clone(),
                conflict: Some(given),
            });
        }
    }
    Ok(trials)
}

fn trial_of(tree: &Listed, marked: Option<&Marked>) -> Option<RunId> {
    let marker = marked.map(|marked| (marked.owner.run.as_str(), marked.owner.task.as_str()));
    RunId::parse(scratch::run_of(marker, tree.branch.as_deref(), tree.locked.as_deref())?)
}

/// Tasks, each with the id of its run first.
type Tasks = HashSet<(String, String)>;

/// Returns the tasks whose work trees are being made just now, or were when their crew process died: whoever goes on with
/// the run puts those right.
fn being_made(run: &Run) -> impl Iterator<Item = (String, String)> {
    let is_open = |task: &&Task| task.tree.is_none() && task.last().is_some_and(|last| last.is_open());
    let names = |task: &Task| (run.id.to_string(), task.spec.id.to_string());
    run.tasks.iter().filter(is_open).map(names)
}

/// Finds what looks like crew's and is in no record.
fn strays(
    known: &Known,
    (is_seen, begun): (impl Fn(&str, &str) -> bool, &Tasks),
    trials: &[Trial],
    only: Option<&RunId>,
) -> Vec<Stray> {
    let is_trial =
        |path: &Path| trials.iter().any(|trial| trial.folder.as_deref().is_some_and(|at| is_same(at, path)));
    let is_conflict = |run: &str| trials.iter().any(|trial| trial.is_of(run));
    let mut strays = Vec::new();
    for Marked { folder, owner, branch } in &known.marked {
        if !is_seen(&owner.run, &owner.task) && !is_trial(folder) && !is_conflict(&owner.run) {
            strays.push(Stray {
                run: Some(owner.run.clone()),
                task: Some(owner.task.clone()),
                path: Some(folder.display().to_string()),
                branch: Some(branch.clone()),
            });
        }
    }
    for tree in &known.listed {
        let branch = tree.branch.as_deref().unwrap_or_default();
        let is_ours =
            branch.starts_with("crew/") || tree.locked.as_ref().is_some_and(|why| why.starts_with("crew: "));
        let is_told = known.marked.iter().any(|marked| is_same(&marked.folder, &tree.path));
        if is_ours && !is_told && !is_trial(&tree.path) {
            let mut parts = branch.split('/').skip(1).map(str::to_owned);
            let (run, task) = (parts.next(), parts.next());
            if run.clone().zip(task.clone()).is_some_and(|names| begun.contains(&names)) {
                continue;
            }
            let path = Some(tree.path.display().to_string());
            strays.push(Stray { run, task, path, branch: tree.branch.clone() });
        }
    }
    for branch in &known.branches {
        let mut parts = branch.split('/').skip(1);
        let (Some(run), Some(task), None) = (parts.next(), parts.next(), parts.next()) else { continue };
        let is_told = strays.iter().any(|stray| stray.branch.as_ref() == Some(branch));
        let is_crews = RunId::parse(run)
            .zip(TaskId::parse(task))
            .is_some_and(|(run, task)| branch_of(&run, &task) == *branch);
        if is_crews && !is_told && !is_seen(run, task) && !is_conflict(run) {
            let names = (run.to_owned(), task.to_owned());
            if begun.contains(&names) {
                continue;
            }
            let (run, task) = (Some(names.0), Some(names.1));
            strays.push(Stray { run, task, path: None, branch: Some(branch.clone()) });
        }
    }
    strays.retain(|stray| only.is_none_or(|only| stray.run.as_deref() == Some(only.as_str())));
    strays
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_removes_something_is_told_where_nobody_can_see_who_works_there() {
        assert_eq!(blindness(true), None);
        assert!(blindness(false).is_some_and(|words| words.starts_with("processes are not visible")));
    }
}
