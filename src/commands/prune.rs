//! `crew prune`: takes runs out of the record that nobody needs any more.

use super::confirm::{self, Said};
use super::context::Context;
use super::decide::name_of_person;
use super::exit::{ExitStatus, Problem, unless_nobody_reads};
use super::pruned;
use super::review::pull_request;
use super::run_sight::{self, Around, Held, Whole, look};
use super::sighting;
use super::typist;
use super::worktree;
use crate::domain::cleanup::Stays;
use crate::domain::id::RunId;
use crate::domain::pruning::{Choice, DEFAULT_AGE, age_shown, age_typed, read_age};
use crate::domain::run::Run;
use crate::domain::tombstone::Tombstone;
use crate::domain::words::clean_line;
use crate::metrics::reading;
use crate::runner::clock;
use crate::store::StoreError;
use crate::store::database::Store;
use crate::store::{atomic_file, lock, log_file, set_aside};
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
    /// References with work of it that is on no branch.
    held: Vec<String>,
}

/// The folder of a run that was pruned before: whoever pruned it was killed.
struct Rest {
    id: RunId,
    bytes: u64,
    /// It was asked for by its id.
    named: bool,
}

/// A run that was asked for by its id, and whose record cannot be read: it is moved away as it is.
struct Aside {
    short: String,
    /// As far as it can be read.
    run: Run,
    why: String,
}

struct Plan {
    goes: Vec<Whole>,
    asides: Vec<Aside>,
    left: Vec<Left>,
    rests: Vec<Rest>,
    /// Runs that were not meant.
    others: usize,
}

impl Plan {
    fn is_empty(&self) -> bool {
        self.goes.is_empty() && self.asides.is_empty() && self.rests.is_empty()
    }
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
    if !plan.goes.is_empty() {
        sighting::tell_blindness(cx);
    }
    let named = refused_by_name(&plan, args);
    if args.dry_run || plan.is_empty() {
        if cx.printer.json {
            print_json(cx, &plan, &around, &Removed::default(), args.dry_run)?;
        }
        return named.map_or(Ok(ExitStatus::Done), |problem| Err(problem.into()));
    }
    let what = what_goes(&plan);
    match confirm::removal(&cx.printer, args.yes, &what) {
        Said::Yes => {}
        Said::No => {
            cx.printer.tell("nothing was removed");
            return Ok(ExitStatus::Done);
        }
        Said::Nothing => {
            if cx.printer.json {
                print_json(cx, &plan, &around, &Removed::default(), false)?;
            }
            return Err(confirm::unasked(&what, &command(&plan, args)).into());
        }
    }
    let mut removed = Removed::default();
    let by = name_of_person(&layout);
    for rest in &plan.rests {
        match clear(&store, &rest.id) {
            Ok(()) => removed.bytes += rest.bytes,
            Err(error) => fails(cx, &mut removed, &rest.id, rest.id.as_str(), &error),
        }
    }
    for whole in &plan.goes {
        if let Err(error) = remove(cx, &mut store, whole, &by, &mut removed) {
            fails(cx, &mut removed, &whole.run.id, &whole.short, &error);
        }
    }
    for aside in &plan.asides {
        if let Err(error) = put_aside(cx, &mut store, aside, &by, &mut removed) {
            fails(cx, &mut removed, &aside.run.id, &aside.short, &error);
        }
    }
    shrink(cx, &mut store, &mut removed)?;
    if cx.printer.json {
        print_json(cx, &plan, &around, &removed, false)?;
    } else {
        let all = words::count(removed.runs.len(), "run");
        let aside = match removed.aside.len() {
            0 => String::new(),
            some => format!(", {} set aside", words::count(some, "record")),
        };
        cx.printer.tell(&format!("{all} removed{aside}, {} free again", words::size(removed.bytes)));
    }
    named.or_else(|| not_done(&removed, args)).map_or(Ok(ExitStatus::Done), |problem| Err(problem.into()))
}

/// Notes that a run could not be removed. The others are, and whatever is left of it goes the next time.
fn fails(cx: &Context, removed: &mut Removed, id: &RunId, short: &str, error: &anyhow::Error) {
    let why = clean_line(&format!("{error:#}"), 300);
    cx.printer.tell(&format!("{short} could not be removed: {why}"));
    removed.failed.push((id.clone(), why));
}

/// Says why the command has not done what it was to do, although it went on to its end.
fn not_done(removed: &Removed, args: &PruneArgs) -> Option<Problem> {
    if let Some((run, why)) = removed.failed.first() {
        let message = format!("run {run} could not be removed: {why}");
        let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("not_removed", message) };
        return Some(problem.hint("crew doctor looks into it; crew prune goes on with what is left"));
    }
    let (run, why) = removed.stayed.first().filter(|_| !args.runs.is_empty())?;
    Some(Problem::refused("stayed", format!("run {run} stays: {why}")))
}

/// Returns the command that does what was just shown, with the same choice of runs.
fn command(plan: &Plan, args: &PruneArgs) -> String {
    let mut words = vec!["crew prune".to_owned()];
    if !args.runs.is_empty() {
        words.extend(plan.goes.iter().map(|whole| whole.short.clone()));
        words.extend(plan.asides.iter().map(|aside| aside.short.clone()));
        words.extend(plan.rests.iter().filter(|rest| rest.named).map(|rest| rest.id.to_string()));
    }
    words.extend(args.keep.map(|keep| format!("--keep {keep}")));
    words.extend(args.older_than.map(|age| format!("--older-than {}", age_typed(age))));
    words.push("--yes".into());
    words.join(" ")
}

fn make_plan(cx: &Context, store: &Store, around: &Around, args: &PruneArgs) -> Result<Plan> {
    let (mut named, mut rests) = (Vec::new(), rests(store)?);
    for typed in &args.runs {
        // Who was killed on the way has left files of a run that is pruned: its name means them.
        let stone = pruned::find(store, typed)?;
        match stone.and_then(|stone| rests.iter_mut().find(|rest| rest.id == stone.id)) {
            Some(rest) => rest.named = true,
            None => named.push(cx.find_run(store, typed)?),
        }
    }
    let choice = Choice::of(args.keep, args.older_than);
    let now = clock::now();
    let mut plan = Plan { goes: Vec::new(), asides: Vec::new(), left: Vec::new(), rests, others: 0 };
    let lines = Lines::new(&cx.printer);
    let rows = store.runs(usize::MAX)?;
    for (newer, row) in rows.iter().enumerate() {
        let is_named = named.contains(&row.id);
        let age = now.since(row.ended_at.unwrap_or(row.created_at));
        if !is_named && (!args.runs.is_empty() || !choice.takes(newer, age)) {
            plan.others += 1;
            continue;
        }
        if newer % 16 == 0 {
            lines.show("runs", format!("{} of {}", newer + 1, rows.len()));
        }
        let short = store.short(&row.id)?;
        let left = |stays: Stays| {
            let (id, short, goal) = (row.id.clone(), short.clone(), row.goal.clone());
            Left { id, short, goal, stays, held: Vec::new() }
        };
        let loaded = match store.load_run(&row.id) {
            Ok(Some(run)) => run,
            // It went away meanwhile.
            Ok(None) => continue,
            Err(error @ (StoreError::UnreadableEvent { .. } | StoreError::Illegal(_))) => {
                let why = format!("its record cannot be read: {error}");
                let stays = |code, why, hint| Stays { code, why, hint };
                if !is_named {
                    let hint =
                        "a newer crew may read it; crew prune RUN moves it to .crew/set-aside as it is";
                    plan.left.push(left(stays("unreadable", why, hint)));
                } else if lock::is_owned(&store.paths(&row.id))? {
                    let why = "a crew process is at work on it".to_owned();
                    plan.left.push(left(stays("busy", why, "crew status RUN")));
                } else if !around.processes_of(&row.id).is_empty() {
                    let why = "processes of it are left".to_owned();
                    plan.left.push(left(stays("left_behind", why, "crew doctor --fix ends them")));
                } else {
                    match store.load_readable(&row.id)? {
                        Some(run) => plan.asides.push(Aside { short, run, why }),
                        // Not even what it was is known.
                        None => plan.left.push(left(stays("unreadable", why, "crew doctor looks into it"))),
                    }
                }
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let whole = match look(cx, store, around, loaded, is_named, false) {
            Ok(whole) => whole,
            Err(error) => {
                let why = format!("it cannot be looked at: {error:#}");
                plan.left.push(left(Stays { code: "unreadable", why, hint: "crew doctor looks into it" }));
                continue;
            }
        };
        match whole.sight.for_prune() {
            Ok(()) => plan.goes.push(whole),
            Err(stays) => plan.left.push(Left { held: whole.sight.held, ..left(stays) }),
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
            rests.push(Rest { id: stone.id, bytes: extent.bytes(), named: false });
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
    /// Says what can be done about it, as it is to be typed.
    fn hint(&self) -> String {
        let words = self.stays.hint.split(' ').map(|word| if word == "RUN" { &self.short } else { word });
        let hint = words.collect::<Vec<_>>().join(" ");
        let Some(first) = self.held.first() else { return hint };
        let let_go = "git update-ref -d ";
        let each: Vec<String> = self.held.iter().map(|held| format!("{let_go}{held}")).collect();
        hint.replace(&format!("{let_go}REFERENCE"), &each.join(" && ")).replace("REFERENCE", first)
    }
}

fn what_goes(plan: &Plan) -> String {
    let asides = plan.asides.len();
    let asides = (asides > 0).then(|| format!("{} that cannot be read", words::count(asides, "record")));
    let runs = (!plan.goes.is_empty()).then(|| words::count(plan.goes.len(), "run"));
    let rests = (!plan.rests.is_empty()).then(|| format!("the files of {} pruned before", plan.rests.len()));
    let what: Vec<String> = runs.into_iter().chain(asides).chain(rests).collect();
    match (plan.goes.is_empty(), plan.rests.is_empty()) {
        // They stay on the disk.
        (true, true) => what.concat(),
        _ => format!("{}, {}", what.join(" and "), words::size(bytes(plan))),
    }
}

fn bytes(plan: &Plan) -> u64 {
    plan.goes.iter().map(|whole| whole.bytes).chain(plan.rests.iter().map(|rest| rest.bytes)).sum()
}

/// Says what else of a run goes: `2 work trees, 1 kept reference`.
fn parts(whole: &Whole, around: &Around) -> String {
    let trees = (!whole.trees.is_empty()).then(|| words::count(whole.trees.len(), "work tree"));
    let letters = whole.sight.dead_letters;
    let letters = (letters > 0).then(|| words::count(letters, "dead letter"));
    let held = around.held_of(&whole.run.id).len();
    let held =
        (held > 0).then(|| format!("{} whose work is on a branch", words::count(held, "kept reference")));
    trees.into_iter().chain(letters).chain(held).map(|part| format!(", {part}")).collect()
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
    for Aside { short, run, why } in &plan.asides {
        let (why, goal) = (clean_line(why, 200), clean_line(&run.goal, 60));
        cx.printer.tell(&format!("aside   {short}  {why}   \"{goal}\""));
        cx.printer.tell(
            "        its events and its folder go to .crew/set-aside; its work trees and branches stay",
        );
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
                let among = keep
                    .filter(|keep| *keep > 0)
                    .map(|keep| format!(", or among the newest {keep}"))
                    .unwrap_or_default();
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
    if plan.is_empty() {
        cx.printer.tell("nothing to remove");
    }
}

/// What was done.
#[derive(Default)]
struct Removed {
    runs: Vec<RunId>,
    /// Runs whose record was moved away as it is.
    aside: Vec<RunId>,
    /// Bytes on the disk that came free.
    bytes: u64,
    /// Runs that stay after all, and why.
    stayed: Vec<(RunId, String)>,
    /// Runs that could not be removed, or not all of them, and why.
    failed: Vec<(RunId, String)>,
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
    // Its lock would make its folder anew.
    if store.load_run(id)?.is_none() {
        return stayed(removed, "somebody else has pruned it".into());
    }
    let Some(lock) = lock::try_take(&store.paths(id))? else {
        return stayed(removed, "a crew process is at work on it by now".into());
    };
    lock.say("prune");
    let Some(run) = store.load_run(id)? else {
        clear(store, id)?;
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
    let mut stone = Tombstone::of(&run, &inside, clock::now(), by, whole.bytes);
    stone.dead_letters = store.dead_letters_of(id)?;
    let figures = reading::to_keep(store, id)?;
    store.entomb(&run, &stone, &figures).context("record that the run is pruned")?;
    if let Some(key) = run.review.as_ref().map(|review| &review.target.key)
        && store.reviews_of(key)?.is_empty()
    {
        pull_request::let_go(&around.git, key)?;
    }
    clear(store, id)?;
    // Nothing is in it any more, or it is not the run's alone.
    let _ = std::fs::remove_dir(layout.worktrees().join(id.as_str()));
    removed.runs.push(id.clone());
    removed.bytes += whole.bytes;
    if !cx.printer.json {
        let line = format!("{short}  removed, {}", words::size(whole.bytes));
        // The word was given for all of them.
        unless_nobody_reads(cx.printer.data(&line).map_err(anyhow::Error::from))?;
    }
    Ok(())
}

/// Moves a record that cannot be read out of the way, as it is.
///
/// Its events are written into its folder, and that is moved before the record goes: at any moment they are somewhere.
fn put_aside(cx: &Context, store: &mut Store, aside: &Aside, by: &str, removed: &mut Removed) -> Result<()> {
    let Aside { short, run, why } = aside;
    let paths = store.paths(&run.id);
    if store.last_seq(&run.id)? != run.last_seq {
        return Err(StoreError::Stale { run: run.id.clone() }.into());
    }
    let Some(lock) = lock::try_take(&paths)? else {
        cx.printer.tell(&format!("{short} stays: a crew process is at work on it by now"));
        removed.stayed.push((run.id.clone(), "a crew process is at work on it by now".into()));
        return Ok(());
    };
    lock.say("prune");
    let (layout, now) = (store.layout().clone(), clock::now());
    atomic_file::write_synced(&paths.root().join("events.jsonl"), store.raw_events(&run.id)?.as_bytes())?;
    let mut stone = Tombstone::of(run, &[], now, by, 0);
    stone.dead_letters = store.dead_letters_of(&run.id)?;
    let place = set_aside::move_there(&layout, paths.root(), why, now)?;
    let figures = reading::to_keep(store, &run.id)?;
    store.entomb(run, &stone, &figures).context("record that the run is pruned")?;
    removed.aside.push(run.id.clone());
    let line = format!("{short}  is at {} now", layout.shown(&place));
    if !cx.printer.json {
        unless_nobody_reads(cx.printer.data(&line).map_err(anyhow::Error::from))?;
    }
    Ok(())
}

/// Removes the files of a run whose record is gone. Nothing outside of its folder is followed.
fn clear(store: &Store, id: &RunId) -> Result<()> {
    let paths = store.paths(id);
    let folder = paths.root();
    log_file::forget(store.layout(), id);
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let message = format!("remove {}; crew prune goes on with it", store.layout().shown(folder));
            Err(StoreError::file(folder)(error)).context(message)
        }
        _ => Ok(()),
    }
}

/// Writes the store anew where that frees much, and nobody would have to wait for it.
fn shrink(cx: &Context, store: &mut Store, removed: &mut Removed) -> Result<()> {
    let before = store.room()?;
    if !before.is_worth_shrinking() {
        return Ok(());
    }
    for row in store.runs(usize::MAX)? {
        // Where that cannot be found out, nobody is made to wait.
        if lock::is_owned(&store.paths(&row.id)).unwrap_or(true) {
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
            if ended.recv_timeout(lock::SIGN_AFTER) == Err(mpsc::RecvTimeoutError::Timeout) {
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
    let with_why = |runs: &[(RunId, String)]| -> Vec<Value> {
        runs.iter().map(|(run, why)| json!({"run": run, "why": why})).collect()
    };
    let (stayed, failed) = (with_why(&removed.stayed), with_why(&removed.failed));
    let store = removed.shrunk.map(|(before, after)| json!({"bytes_before": before, "bytes_after": after}));
    let rests: Vec<Value> =
        plan.rests.iter().map(|rest| json!({"run": rest.id, "bytes": rest.bytes})).collect();
    let meta = json!({"count": planned.len(), "bytes": bytes(plan), "dry_run": dry_run,
        "removed": removed.runs, "set_aside": removed.aside, "removed_bytes": removed.bytes, "stays": stays, "stayed": stayed, "failed": failed,
        "not_meant": plan.others, "left_from_before": rests, "store": store});
    Ok(cx.printer.json(&json!({"data": planned, "meta": meta}))?)
}
