//! `crew prune`: takes runs out of the record that nobody needs any more.

use super::confirm::{self, Said};
use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem};
use super::run_sight::{self, Around, Held, Whole, look};
use super::sighting;
use super::typist;
use super::worktree;
use crate::domain::cleanup::Stays;
use crate::domain::id::RunId;
use crate::domain::pruning::{Choice, DEFAULT_AGE, age_shown, read_age};
use crate::domain::tombstone::Tombstone;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::progress::Lines;
use crate::ui::words;
use crate::workspace::custody;
use crate::workspace::inventory;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::sync::mpsc;
use std::time::Duration;

/// Take runs out of the record that nobody needs any more
///
/// Their record, logs, artifacts, merged work trees and branches go; their numbers stay (crew status RUN, crew status
/// --pruned). Without a run and without --keep or --older-than, those are meant that ended 30 days ago or earlier.
///
/// What is open, waits for you, ended within the last hour, or has work that is on no branch stays, and the plan says why.
/// The plan is shown first; then it wants a yes at the terminal, or --yes (exit 3 where there is neither).
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// These runs, by the beginnings of their ids; also where they are fresh, or were never accepted
    #[arg(value_name = "RUN", conflicts_with_all = ["keep", "older_than"])]
    runs: Vec<String>,

    /// All but the N newest runs
    #[arg(long, value_name = "N")]
    keep: Option<usize>,

    /// Runs that ended at least this long ago: 30d, 2w, 12h
    #[arg(long, value_name = "AGE", value_parser = read_age)]
    older_than: Option<Duration>,

    /// Show the plan, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Go on without a question
    #[arg(long, short)]
    yes: bool,
}

/// A run that stays although it was meant, and why.
struct Left {
    id: RunId,
    short: String,
    goal: String,
    stays: Stays,
}

/// The folder of a run that was pruned before: whoever pruned it was killed.
struct Rest {
    id: RunId,
    bytes: u64,
}

struct Plan {
    goes: Vec<Whole>,
    left: Vec<Left>,
    rests: Vec<Rest>,
    /// Runs that were not meant.
    others: usize,
}

/// Takes runs out of the record.
pub fn prune(cx: &Context, args: &PruneArgs) -> Result<ExitStatus> {
    let layout = cx.store()?.layout().clone();
    if !args.dry_run {
        typist::refuse_agents(Some(layout.repository()))?;
    }
    let mut store = match args.dry_run {
        true => cx.store()?,
        false => Store::open(&layout).context("open the store")?,
    };
    let around = Around::of(&layout)?;
    let plan = make_plan(cx, &store, &around, args)?;
    if !cx.printer.json {
        show(cx, &plan, &around, args);
    }
    let named = refused_by_name(&plan, args);
    if args.dry_run || (plan.goes.is_empty() && plan.rests.is_empty()) {
        if cx.printer.json {
            print_json(cx, &plan, &around, &Removed::default(), args.dry_run)?;
        }
        return named.map_or(Ok(ExitStatus::Done), |problem| Err(problem.into()));
    }
    let what = what_goes(&plan);
    match if args.yes { Said::Yes } else { confirm::ask(&cx.printer, &format!("remove {what}?")) } {
        Said::Yes => {}
        Said::No => {
            cx.printer.tell("nothing was removed");
            return Ok(ExitStatus::Done);
        }
        Said::Nothing => {
            if cx.printer.json {
                print_json(cx, &plan, &around, &Removed::default(), false)?;
            }
            let message = format!("nothing was removed: taking {what} away needs a person's word");
            let problem = Problem { exit: ExitStatus::Waiting, ..Problem::refused("needs_a_word", message) };
            return Err(problem.hint("crew prune --yes does it, with the same choice of runs").into());
        }
    }
    let mut removed = Removed::default();
    let by = name_of_person(&layout);
    for rest in &plan.rests {
        clear(&store, &rest.id)?;
        removed.bytes += rest.bytes;
    }
    for whole in &plan.goes {
        remove(cx, &mut store, whole, &by, &mut removed)?;
    }
    shrink(cx, &mut store, &mut removed)?;
    if cx.printer.json {
        print_json(cx, &plan, &around, &removed, false)?;
    } else {
        let all = words::count(removed.runs.len(), "run");
        cx.printer.tell(&format!("{all} removed, {} free again", words::size(removed.bytes)));
    }
    named.map_or(Ok(ExitStatus::Done), |problem| Err(problem.into()))
}

fn make_plan(cx: &Context, store: &Store, around: &Around, args: &PruneArgs) -> Result<Plan> {
    let named: Vec<RunId> =
        args.runs.iter().map(|typed| cx.find_run(store, typed)).collect::<Result<Vec<_>>>()?;
    let choice = Choice::of(args.keep, args.older_than);
    let now = clock::now();
    let mut plan = Plan { goes: Vec::new(), left: Vec::new(), rests: rests(store)?, others: 0 };
    let lines = Lines::new(&cx.printer);
    let rows = store.runs(usize::MAX)?;
    for (newer, row) in rows.iter().enumerate() {
        let is_named = named.contains(&row.id);
        let age = now.since(row.ended_at.unwrap_or(row.created_at));
        if !is_named && (!named.is_empty() || !choice.takes(newer, age)) {
            plan.others += 1;
            continue;
        }
        if newer % 16 == 0 {
            lines.show("runs", format!("{} of {}", newer + 1, rows.len()));
        }
        let short = store.short(&row.id)?;
        let left =
            |stays: Stays| Left { id: row.id.clone(), short: short.clone(), goal: row.goal.clone(), stays };
        let loaded = match store.load_run(&row.id) {
            Ok(Some(run)) => run,
            // It went away meanwhile.
            Ok(None) => continue,
            Err(error @ (StoreError::UnreadableEvent { .. } | StoreError::Illegal(_))) => {
                let why = format!("its record cannot be read: {error}");
                plan.left.push(left(Stays { code: "unreadable", why, hint: "crew doctor looks into it" }));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let whole = look(cx, store, around, loaded, is_named, false)?;
        match whole.sight.for_prune() {
            Ok(()) => plan.goes.push(whole),
            Err(stays) => plan.left.push(left(stays)),
        }
    }
    lines.take_away("runs");
    Ok(plan)
}

/// Finds what is left of runs whose record is gone.
fn rests(store: &Store) -> Result<Vec<Rest>> {
    let mut rests = Vec::new();
    for stone in store.tombstones("", usize::MAX)? {
        if let Ok(extent) = inventory::extent(store.paths(&stone.id).root(), &mut || ()) {
            rests.push(Rest { id: stone.id, bytes: extent.bytes() });
        }
    }
    Ok(rests)
}

/// Says why a run that was asked for by its id does not go.
fn refused_by_name(plan: &Plan, args: &PruneArgs) -> Option<Problem> {
    let left = plan.left.first().filter(|_| !args.runs.is_empty())?;
    let message = format!("run {} stays: {}", left.short, left.stays.why);
    Some(Problem::refused(left.stays.code, message).hint(left.hint()))
}

impl Left {
    fn hint(&self) -> String {
        let words = self.stays.hint.split(' ').map(|word| if word == "RUN" { &self.short } else { word });
        words.collect::<Vec<_>>().join(" ")
    }
}

fn what_goes(plan: &Plan) -> String {
    let runs = (!plan.goes.is_empty()).then(|| words::count(plan.goes.len(), "run"));
    let rests = (!plan.rests.is_empty()).then(|| format!("the files of {} pruned before", plan.rests.len()));
    let what: Vec<String> = runs.into_iter().chain(rests).collect();
    format!("{}, {}", what.join(" and "), words::size(bytes(plan)))
}

fn bytes(plan: &Plan) -> u64 {
    plan.goes.iter().map(|whole| whole.bytes).chain(plan.rests.iter().map(|rest| rest.bytes)).sum()
}

/// Says what else of a run goes: `2 work trees, 1 kept reference`.
fn parts(whole: &Whole, around: &Around) -> String {
    let trees = (!whole.trees.is_empty()).then(|| words::count(whole.trees.len(), "work tree"));
    let held = around.held_of(&whole.run.id).len();
    let held =
        (held > 0).then(|| format!("{} whose work is on a branch", words::count(held, "kept reference")));
    trees.into_iter().chain(held).map(|part| format!(", {part}")).collect()
}

fn show(cx: &Context, plan: &Plan, around: &Around, args: &PruneArgs) {
    let now = clock::now();
    for rest in &plan.rests {
        let line = format!(
            "remove  {}  pruned before; its files are still there, {}",
            rest.id,
            words::size(rest.bytes)
        );
        cx.printer.tell(&line);
    }
    for whole in &plan.goes {
        let Whole { run, short, sight, bytes, .. } = whole;
        let age = age_shown(now.since(run.ended_at.unwrap_or(run.last_at)));
        let goal = clean_line(&run.goal, 60);
        cx.printer.tell(&format!(
            "remove  {short}  {}, {age} ago, {}{}   \"{goal}\"",
            sight.status.words(),
            words::size(*bytes),
            parts(whole, around)
        ));
    }
    for left in &plan.left {
        let goal = clean_line(&left.goal, 60);
        cx.printer.tell(&format!(
            "stays   {}  {}   \"{goal}\"",
            left.short,
            clean_line(&left.stays.why, 300)
        ));
        cx.printer.tell(&format!("        {}", left.hint()));
    }
    if plan.others > 0 {
        let others = words::count(plan.others, "run");
        let why = match (args.runs.is_empty(), args.keep, args.older_than) {
            (false, ..) => "not named".to_owned(),
            (_, Some(keep), None) => format!("among the newest {keep}"),
            (_, keep, oldest) => {
                let age = age_shown(oldest.unwrap_or(DEFAULT_AGE));
                let among = keep.map(|keep| format!(", or among the newest {keep}")).unwrap_or_default();
                format!("younger than {age}{among}")
            }
        };
        let hint = if args.runs.is_empty() && args.keep.is_none() && args.older_than.is_none() {
            "; --older-than AGE, --keep N or RUN means others"
        } else {
            ""
        };
        cx.printer.tell(&format!("stay    {others}: {why}{hint}"));
    }
    if plan.goes.is_empty() && plan.rests.is_empty() {
        cx.printer.tell("nothing to remove");
    }
}

/// What was done.
#[derive(Default)]
struct Removed {
    runs: Vec<RunId>,
    /// Bytes on the disk that came free.
    bytes: u64,
    /// Runs that stay after all, and why.
    stayed: Vec<(RunId, String)>,
    /// What the store took up before and after it was written anew.
    shrunk: Option<(u64, u64)>,
}

/// Takes one run away, if that may still be with its lock held.
///
/// What is on a branch is let go of first. Then all rows give way to the tombstone at once: from there on the run is pruned,
/// and whatever is left of its files goes now or the next time.
fn remove(cx: &Context, store: &mut Store, planned: &Whole, by: &str, removed: &mut Removed) -> Result<()> {
    let (id, short) = (&planned.run.id, &planned.short);
    let stayed = |removed: &mut Removed, why: String| {
        cx.printer.tell(&format!("{short} stays: {why}"));
        removed.stayed.push((id.clone(), why));
        Ok(())
    };
    let Some(_lock) = lock::try_take(&store.paths(id))? else {
        return stayed(removed, "a crew process is at work on it by now".into());
    };
    let Some(run) = store.load_run(id)? else {
        return stayed(removed, "somebody else has pruned it".into());
    };
    let layout = store.layout().clone();
    // Until the lock was held, somebody may have carried it on.
    let mut around = Around::of_run(&layout, id)?;
    let whole = look(cx, store, &around, run, planned.sight.named, true)?;
    if let Err(stays) = whole.sight.for_prune() {
        return stayed(removed, stays.why);
    }
    let (mut run, inside) = (whole.run.clone(), whole.inside(store));
    for tree in &whole.trees {
        let seen = sighting::sight(store, &run, &tree.task)?;
        match seen.sight.for_prune() {
            Ok(goes) => drop(worktree::take_away(store, &mut run, &seen, goes)?),
            Err(stays) => return stayed(removed, format!("{}: {}", seen.task, stays.why)),
        }
    }
    if !whole.trees.is_empty() {
        // What only a work tree held is held there now.
        around.look_again(id)?;
    }
    if let Some(reference) = run_sight::nowhere_else(&around, &layout, &run)?.first() {
        return stayed(removed, format!("what is kept at {reference} is on no branch"));
    }
    for Held { reference, commit } in around.held_of(id) {
        custody::let_go(&around.git, reference, commit)?;
    }
    let stone = Tombstone::of(&run, &inside, clock::now(), by, whole.bytes);
    store.entomb(&run, &stone).context("record that the run is pruned")?;
    clear(store, id)?;
    // Nothing is in it any more, or it is not the run's alone.
    let _ = std::fs::remove_dir(layout.worktrees().join(id.as_str()));
    removed.runs.push(id.clone());
    removed.bytes += whole.bytes;
    if !cx.printer.json {
        cx.printer.data(&format!("{short}  removed, {}", words::size(whole.bytes)))?;
    }
    Ok(())
}

/// Removes the files of a run whose record is gone. Nothing outside of its folder is followed.
fn clear(store: &Store, id: &RunId) -> Result<()> {
    let paths = store.paths(id);
    let folder = paths.root();
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("remove {}; crew prune goes on with it", store.layout().shown(folder));
            Err(StoreError::file(folder)(error)).context(message)
        }
        _ => Ok(()),
    }
}

/// How long is waited before somebody is told what takes so long.
const SIGN_AFTER: Duration = Duration::from_secs(1);

/// Writes the store anew where that frees much, and nobody would have to wait for it.
fn shrink(cx: &Context, store: &mut Store, removed: &mut Removed) -> Result<()> {
    let before = store.room()?;
    if !before.is_worth_shrinking() {
        return Ok(());
    }
    for row in store.runs(usize::MAX)? {
        if lock::is_owned(&store.paths(&row.id))? {
            let free = words::size(before.free);
            cx.printer.tell(&format!(
                "{free} of the store are free inside: runs are at work, which would have to wait"
            ));
            return Ok(());
        }
    }
    let (done, ended) = mpsc::channel::<()>();
    let shrunk = std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(SIGN_AFTER) == Err(mpsc::RecvTimeoutError::Timeout) {
                cx.printer.tell(&format!(
                    "writing the store anew, {} ...",
                    words::size(before.bytes - before.free)
                ));
            }
        });
        let shrunk = store.shrink();
        drop(done);
        shrunk
    });
    match shrunk {
        Ok(()) => removed.shrunk = Some((before.bytes, store.room()?.bytes)),
        // The runs are gone all the same.
        Err(error) => {
            let why = format!("{:#}", anyhow::Error::from(error));
            cx.printer.tell(&format!("the store keeps its size for now: {why}"));
        }
    }
    Ok(())
}

fn print_json(cx: &Context, plan: &Plan, around: &Around, removed: &Removed, dry_run: bool) -> Result<()> {
    let planned: Vec<Value> = plan
        .goes
        .iter()
        .map(|whole| {
            let held: Vec<&str> =
                around.held_of(&whole.run.id).iter().map(|held| held.reference.as_str()).collect();
            let trees: Vec<&str> = whole.trees.iter().map(|seen| seen.task.as_str()).collect();
            json!({"run": whole.run.id, "status": whole.sight.status, "goal": whole.run.goal,
                "ended_at": whole.run.ended_at, "bytes": whole.bytes, "worktrees": trees, "references": held})
        })
        .collect();
    let stays: Vec<Value> = plan
        .left
        .iter()
        .map(|left| json!({"run": left.id, "code": left.stays.code, "why": left.stays.why, "hint": left.hint()}))
        .collect();
    let stayed: Vec<Value> =
        removed.stayed.iter().map(|(run, why)| json!({"run": run, "why": why})).collect();
    let store = removed.shrunk.map(|(before, after)| json!({"bytes_before": before, "bytes_after": after}));
    let rests: Vec<Value> =
        plan.rests.iter().map(|rest| json!({"run": rest.id, "bytes": rest.bytes})).collect();
    let meta = json!({"count": planned.len(), "bytes": bytes(plan), "dry_run": dry_run,
        "removed": removed.runs, "removed_bytes": removed.bytes, "stays": stays, "stayed": stayed,
        "not_meant": plan.others, "left_from_before": rests, "store": store});
    Ok(cx.printer.json(&json!({"data": planned, "meta": meta}))?)
}
