//! Looks at a whole run that somebody wants away: whether it is done, what it takes up, and whether its work is somewhere
//! else.

use super::sighting::{self, Seen, sights};
use crate::domain::cleanup::{Standing, Stays};
use crate::domain::id::{RunId, TaskId};
use crate::domain::pruning::RunSight;
use crate::domain::run::Run;
use crate::domain::time::Time;
use crate::runner::clock;
use crate::runner::process;
use crate::store::database::Store;
use crate::store::layout::{CONFLICTS, Layout};
use crate::store::lock;
use crate::workspace::git::Git;
use crate::workspace::inventory::{self, Extent};
use crate::workspace::task_work::{TaskWork, commit, git_of};
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};

use super::context::Context;

/// A reference of crew's own, and what it holds.
#[derive(Clone, Debug)]
pub struct Held {
    pub reference: String,
    pub commit: String,
}

/// What is asked once for all runs.
pub struct Around {
    pub git: Git,
    /// The references of crew's own, by the run that they are of.
    pub held: BTreeMap<String, Vec<Held>>,
    /// Processes that were started for a run, by its id.
    processes: HashMap<String, Vec<u32>>,
    now: Time,
}

/// Where crew holds what is on no branch; what follows is the run's id.
const OWN: [&str; 3] = ["refs/crew/keep/", "refs/crew/base/", "refs/crew/pr/"];

impl Around {
    /// Looks at references and processes.
    pub fn of(layout: &Layout) -> Result<Around> {
        let git = git_of(layout.repository());
        let mut processes: HashMap<String, Vec<u32>> = HashMap::new();
        for (pid, run) in process::started_for(layout.repository()) {
            processes.entry(run).or_default().push(pid);
        }
        let held = Around::references(&git, "")?;
        Ok(Around { git, held, processes, now: clock::now() })
    }

    /// Looks at the same for one run, whose lock the caller holds.
    pub fn of_run(layout: &Layout, run: &RunId) -> Result<Around> {
        let mut processes = process::started_for(layout.repository());
        processes.retain(|(_, started_for)| started_for == run.as_str());
        let pids: Vec<u32> = processes.into_iter().map(|(pid, _)| pid).collect();
        let mut around = Around {
            git: git_of(layout.repository()),
            held: BTreeMap::new(),
            processes: HashMap::from([(run.to_string(), pids)]),
            now: clock::now(),
        };
        around.look_again(run)?;
        Ok(around)
    }

    /// Looks at the references of a run once more, and at no others.
    pub fn look_again(&mut self, run: &RunId) -> Result<()> {
        self.held = Around::references(&self.git, &format!("{run}/"))?;
        Ok(())
    }

    /// Returns crew's own references, by run; where a run is named, its alone.
    fn references(git: &Git, run: &str) -> Result<BTreeMap<String, Vec<Held>>> {
        let prefixes = OWN.map(|prefix| format!("{prefix}{run}"));
        let mut args = vec!["for-each-ref", "--format=%(refname) %(objectname)"];
        args.extend(prefixes.iter().map(String::as_str));
        let mut held: BTreeMap<String, Vec<Held>> = BTreeMap::new();
        for line in git.text(&args)?.lines() {
            let Some((reference, commit)) = line.split_once(' ') else { continue };
            let rest = OWN.iter().find_map(|prefix| reference.strip_prefix(prefix)).unwrap_or_default();
            let run = rest.split('/').next().unwrap_or_default();
            let (reference, commit) = (reference.to_owned(), commit.to_owned());
            held.entry(run.to_owned()).or_default().push(Held { reference, commit });
        }
        Ok(held)
    }

    /// Returns the processes that were started for a run.
    pub fn processes_of(&self, run: &RunId) -> &[u32] {
        self.processes.get(run.as_str()).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the references of a run.
    pub fn held_of(&self, run: &RunId) -> &[Held] {
        self.held.get(run.as_str()).map(Vec::as_slice).unwrap_or_default()
    }
}

/// A run as it was seen.
pub struct Whole {
    pub run: Run,
    pub short: String,
    pub sight: RunSight,
    /// Its work trees and branches that are left, all of which may go if it goes.
    pub trees: Vec<Seen>,
    /// What it takes up: its folder, its work trees, and its record, about.
    pub bytes: u64,
}

impl Whole {
    /// Returns the runs inside, in which agents resolved conflicts.
    pub fn inside(&self, store: &Store) -> Vec<Run> {
        let layout = Layout::of(store.paths(&self.run.id).root().join(CONFLICTS));
        let Ok(Some(inner)) = Store::open_existing(&layout) else { return Vec::new() };
        let ids = self.run.resolutions.iter().map(|resolution| &resolution.inside);
        // Their sums are missed where they cannot be read.
        ids.filter_map(|id| inner.load_run(id).ok().flatten()).collect()
    }
}

/// Looks at a run. `ours` says that the caller holds its lock.
pub fn look(
    cx: &Context,
    store: &Store,
    around: &Around,
    run: Run,
    named: bool,
    ours: bool,
) -> Result<Whole> {
    let paths = store.paths(&run.id);
    let owned = (!ours && lock::is_owned(&paths)?).then(|| {
        let doing = lock::owner(&paths).and_then(|owner| owner.doing);
        doing.unwrap_or_default()
    });
    let mut sight = RunSight {
        status: run.status(owned.is_some()),
        named,
        owned,
        quiet: around.now.since(run.last_at),
        processes: around.processes_of(&run.id).to_vec(),
        merge_is_open: run.merging.is_some(),
        trees: Vec::new(),
        held: Vec::new(),
        dead_letters: run.tasks.iter().filter(|task| task.dead_letter.is_some()).count(),
    };
    let mut extent = inventory::extent(paths.root(), &mut || ()).unwrap_or_default();
    let mut trees = Vec::new();
    // Most runs that stay are told by what is known already.
    if sight.for_prune().is_ok() {
        look_at_trees(cx, store, (&run, ours), (&mut sight, &mut trees, &mut extent))?;
        sight.held = nowhere_else(around, store.layout(), &run)?;
    }
    let bytes = extent.bytes() + store.bytes_of(&run.id)?;
    Ok(Whole { short: store.short(&run.id)?, run, sight, trees, bytes })
}

fn look_at_trees(
    cx: &Context,
    store: &Store,
    (run, ours): (&Run, bool),
    (sight, trees, extent): (&mut RunSight, &mut Vec<Seen>, &mut Extent),
) -> Result<()> {
    if TaskWork::all(store.layout().repository(), run).is_empty() {
        return Ok(());
    }
    let found = sights(cx, store, Some(&run.id), false)?;
    sight.merge_is_open |= !found.trials.is_empty();
    for mut seen in found.seen {
        // Who holds the run is we.
        seen.sight.owned &= !ours;
        match seen.sight.for_prune() {
            Ok(_) if seen.is_there() => {
                extent.add(seen.extent.as_ref().unwrap_or(&Extent::default()));
                trees.push(seen);
            }
            Ok(_) => {}
            // Nothing of it is left that could be lost.
            Err(Stays { code: "gone", .. }) if !seen.is_there() => {}
            Err(stays) => sight.trees.push((seen.task.to_string(), stays)),
        }
    }
    Ok(())
}

/// Returns the references of a run that hold what is on no branch.
pub fn nowhere_else(around: &Around, layout: &Layout, run: &Run) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for held in around.held_of(&run.id) {
        if !is_elsewhere(&around.git, layout, run, held)? {
            found.push(held.reference.clone());
        }
    }
    Ok(found)
}

/// Tells whether what a reference of a run holds is on a branch that is not the run's own, as it is or as other commits.
fn is_elsewhere(git: &Git, layout: &Layout, run: &Run, held: &Held) -> Result<bool> {
    let Some(tip) = commit(git, &held.commit) else { return Ok(false) };
    let strayed = |name: &str| run.tasks.iter().any(|task| task.strayed_into(name).is_some());
    let own = format!("refs/heads/crew/{}/", run.id);
    let containing = [
        "for-each-ref",
        "--format=%(refname)",
        "--contains",
        &tip,
        "refs/heads",
        "refs/remotes",
        "refs/tags",
    ];
    let is_other = |name: &&str| {
        let short = name.strip_prefix("refs/heads/").unwrap_or(name);
        !name.starts_with(&own) && !strayed(short)
    };
    if git.text(&containing)?.lines().any(|name| is_other(&name)) {
        return Ok(true);
    }
    let rest = held.reference.strip_prefix(OWN[0]);
    let task = rest.and_then(|rest| TaskId::parse(rest.split('/').nth(1)?));
    let work = task.and_then(|task| TaskWork::of(layout.repository(), run, run.task(&task)?));
    let (base, targets) = match &work {
        Some(work) if sighting::landed(git, work, &tip).is_some() => return Ok(true),
        Some(work) => (Some(work.tree.base.clone()), sighting::targets(git, run, work)),
        None => (commit(git, &format!("{tip}^1")), plain_targets(git, run)),
    };
    let Some(base) = base.and_then(|base| commit(git, &base)) else { return Ok(false) };
    let standing = inventory::standing(git, &base, &tip, &targets)?;
    Ok(matches!(standing, Standing::Empty | Standing::Merged { .. } | Standing::Included { .. }))
}

/// Returns the branches to which what was kept of the user's own folder may have gone.
fn plain_targets(git: &Git, run: &Run) -> Vec<String> {
    let base = run.base.as_ref().and_then(|base| base.branch.clone());
    let here = git.text(&["symbolic-ref", "--quiet", "--short", "HEAD"]).ok();
    let mut targets: Vec<String> = base.into_iter().chain(here).chain(["HEAD".to_owned()]).collect();
    targets.retain(|name| commit(git, name).is_some());
    targets.dedup();
    targets
}
