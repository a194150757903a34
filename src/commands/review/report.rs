//! The report of a review: brought together from the record, judged, and told.

use super::target::{self, Resolved};
use crate::agents::builtin;
use crate::commands::exit::{ExitStatus, Problem};
use crate::domain::finding::Severity;
use crate::domain::id::{RunId, TaskId};
use crate::domain::review::agreeing::agree;
use crate::domain::review::by_person::PersonReview;
use crate::domain::review::deciding::Decision;
use crate::domain::review::judging::{Bar, Judged, judge};
use crate::domain::review::known::{Known, sift};
use crate::domain::review::passes;
use crate::domain::review::report::{Hidden, PutRight, Report, Reviewed, at_work};
use crate::domain::review::target::{ChangeSize, ReviewOrder, ReviewTarget};
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::submission::HandedIn;
use crate::domain::task::Task;
use crate::store::database::Store;
use crate::ui::words;
use anyhow::{Context as _, Result};
use std::collections::HashSet;

/// What a review is judged by, and what of it is listed.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BarArgs {
    /// The least grave finding for which the exit code is 5: info, warning, error, blocker, or none
    #[arg(long, value_name = "SEVERITY", value_parser = fail_on)]
    fail_on: Option<FailOn>,

    /// List only findings that are at least so sure, from 0 to 1
    #[arg(long, value_name = "0..1", value_parser = fraction)]
    min_confidence: Option<f64>,

    /// List only findings on which so many reviewers agree
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    agree: Option<u32>,
}

/// From which severity on a review is not clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FailOn(Option<Severity>);

fn fail_on(text: &str) -> Result<FailOn, String> {
    let known = Severity::ALL.into_iter().find(|severity| severity.name() == text);
    match (known, text) {
        (Some(severity), _) => Ok(FailOn(Some(severity))),
        (None, "none") => Ok(FailOn(None)),
        _ => Err("there are info, warning, error, blocker and none".into()),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1.0).contains(number));
    number.ok_or_else(|| "a number from 0 to 1 is wanted".into())
}

impl BarArgs {
    /// Returns what holds where flags come before what is `known` of the review.
    pub fn over(&self, known: Bar) -> Bar {
        Bar {
            fail_on: self.fail_on.map_or(known.fail_on, |FailOn(severity)| severity),
            min_confidence: self.min_confidence.unwrap_or(known.min_confidence),
            agree: self.agree.unwrap_or(known.agree),
        }
    }

    /// Returns what holds for a new review.
    pub fn of_new(&self, settings: &Settings) -> Result<Bar, Problem> {
        let set = settings.text(&settings::REVIEW_FAIL_ON);
        let FailOn(fail_on) = fail_on(&set).map_err(|why| {
            Problem::usage("invalid_setting", format!("{}: {why}", settings::REVIEW_FAIL_ON.key))
        })?;
        Ok(self.over(Bar { fail_on, ..Bar::default() }))
    }
}

/// Refuses a bar that no finding can come over, since fewer reviewers look than have to agree.
pub fn refuse_agree(agree: u32, reviewers: usize, hint: &str) -> Result<(), Problem> {
    if agree as usize <= reviewers {
        return Ok(());
    }
    let are = if reviewers == 1 { "is" } else { "are" };
    let message =
        format!("--agree {agree} can never be: there {are} {}", words::count(reviewers, "reviewer"));
    Err(Problem::usage("agree", message).hint(hint))
}

/// A report, and what it comes to.
#[derive(Clone, Debug)]
pub struct Concluded {
    pub report: Report,
    pub bar: Bar,
    pub judged: Judged,
    /// Sentences on findings that were put up with until a day that is over.
    pub told: Vec<String>,
}

impl Concluded {
    /// Returns how a command ends that tells it.
    pub fn exit(&self) -> ExitStatus {
        match self.judged {
            Judged::NothingToReview | Judged::Clean => ExitStatus::Done,
            Judged::Findings => ExitStatus::Findings,
            Judged::Incomplete => ExitStatus::Incomplete,
        }
    }
}

/// Brings together what reviewers found: those of `run`, where there is one, and of the earlier runs that `order` names.
/// `id` is the run under whose name it is told.
pub fn conclude(
    store: &Store,
    run: Option<&Run>,
    (order, id): (&ReviewOrder, &RunId),
    (bar, known): (Bar, &Known),
) -> Result<Concluded> {
    let earlier = answered(store, order)?;
    let own = run.into_iter().flat_map(|run| &run.tasks);
    let others = earlier.iter().filter_map(|(run, task)| run.task(task));
    let tasks: Vec<&Task> = own.chain(others).filter(|task| task.spec.reviews.is_some()).collect();
    let mut runs: Vec<&Run> = run.into_iter().collect();
    for (earlier, _) in &earlier {
        if runs.iter().all(|known| known.id != earlier.id) {
            runs.push(earlier);
        }
    }
    // Who puts right what was found is at work for it too.
    let own = run.into_iter().flat_map(|run| &run.tasks);
    let others = earlier.iter().filter_map(|(run, task)| run.task(task));
    let millis = at_work(own.chain(others).flat_map(|task| &task.attempts));
    let persons = runs.iter().flat_map(|run| run.standing_reviews()).collect();
    let reviewed = match run.and_then(|run| put_right(run, order)) {
        Some((target, put_right)) => {
            let change = target::size(store.layout().repository(), &target).unwrap_or(order.change);
            Reviewed { put_right: Some(put_right), ..reviewed(&target, change) }
        }
        None => reviewed(&order.target, order.change),
    };
    let sources = Sources { review: store.short(id)?, reviewed, tasks, persons, runs, millis };
    bring_together(store, &sources, (bar, known))
}

/// Brings together what one step of a run found that does more than review, and the persons who reviewed the same work.
pub fn conclude_step(
    store: &Store,
    (run, task): (&Run, &Task),
    (target, change): (&ReviewTarget, ChangeSize),
    (bar, known): (Bar, &Known),
) -> Result<Concluded> {
    let work = task.reviewed_task();
    let persons = run.standing_reviews().filter(|one| work.is_some() && one.of.as_ref() == work).collect();
    let reviewed = reviewed(target, change);
    let sources = Sources {
        review: store.short(&run.id)?,
        reviewed,
        tasks: vec![task],
        persons,
        runs: vec![run],
        millis: at_work(task.attempts.iter()),
    };
    bring_together(store, &sources, (bar, known))
}

/// What a report is brought together from.
struct Sources<'a> {
    review: String,
    reviewed: Reviewed,
    tasks: Vec<&'a Task>,
    persons: Vec<&'a PersonReview>,
    /// Those whose decisions about findings count.
    runs: Vec<&'a Run>,
    /// For how long agents were at work for it.
    millis: u64,
}

fn bring_together(store: &Store, sources: &Sources<'_>, (bar, known): (Bar, &Known)) -> Result<Concluded> {
    let Sources { review, reviewed, tasks, persons, runs, millis } = sources;
    let found = tasks.iter().flat_map(|task| passes::said(task));
    let all = agree(found.chain(persons.iter().flat_map(|one| one.said())));
    let seen: HashSet<String> = all.iter().flat_map(|agreed| agreed.fingerprints().cloned()).collect();
    let sifted = sift(all, known);
    let mut hidden = Hidden { known: sifted.known.len(), ..Hidden::default() };
    let mut findings = sifted.new;
    let dismissed = store.dismissed()?;
    findings.retain(|agreed| {
        let is_resolved = agreed.fingerprints().any(|print| {
            let mut decided = runs.iter().filter_map(|run| run.decisions.get(print));
            decided.any(|decided| decided.decision == Decision::Resolved)
        });
        let why_not = match () {
            () if agreed.fingerprints().any(|print| dismissed.contains_key(print)) => &mut hidden.dismissed,
            () if is_resolved => &mut hidden.resolved,
            () if !bar.admits(agreed) => &mut hidden.unsure,
            () => return true,
        };
        *why_not += 1;
        false
    });
    // What was put right is not found any more, and told all the same.
    let mut gone: Vec<&String> = runs
        .iter()
        .flat_map(|run| &run.decisions)
        .filter(|(print, decided)| decided.decision == Decision::Resolved && !seen.contains(*print))
        .map(|(print, _)| print)
        .collect();
    gone.sort();
    gone.dedup();
    hidden.resolved += gone.len();
    let report = Report {
        review: review.clone(),
        reviewed: reviewed.clone(),
        reviewers: tasks
            .iter()
            .filter_map(|task| passes::reviewer(task))
            .chain(persons.iter().map(|one| one.reviewer()))
            .collect(),
        findings,
        hidden,
        moved: passes::moved(tasks),
        skipped: tasks.iter().flat_map(|task| skipped(task)).collect(),
        millis: *millis,
    };
    let judged = judge(&report, bar.fail_on);
    Ok(Concluded { report, bar, judged, told: sifted.told })
}

/// Returns the report on a change that changes nothing: there is nothing that anybody could look at.
pub fn of_nothing(resolved: &Resolved, bar: Bar) -> Concluded {
    let report = Report {
        review: String::new(),
        reviewed: reviewed(&resolved.target, resolved.change),
        reviewers: Vec::new(),
        findings: Vec::new(),
        hidden: Hidden::default(),
        moved: Vec::new(),
        skipped: Vec::new(),
        millis: 0,
    };
    Concluded { report, bar, judged: Judged::NothingToReview, told: Vec::new() }
}

fn reviewed(target: &ReviewTarget, change: ChangeSize) -> Reviewed {
    Reviewed {
        words: target.words.clone(),
        base: target.base.clone(),
        head: target.head.clone(),
        files: change.files as usize,
        added: change.added as usize,
        removed: change.removed as usize,
        put_right: None,
    }
}

/// Returns what a review looked at last that went on in rounds, where that is not any more what it was asked for.
fn put_right(run: &Run, order: &ReviewOrder) -> Option<(ReviewTarget, PutRight)> {
    let (worker, target) = run.tasks.iter().find_map(|reviewer| {
        let worker = run.task(reviewer.reviewed_task()?)?;
        Some((worker, run.target_of(reviewer)?))
    })?;
    let branch = worker.tree.as_ref().map(|tree| tree.branch.clone())?;
    if target.head == order.target.head {
        return None;
    }
    let words = format!("{}, put right on {branch}", order.target.words);
    let put_right = PutRight { asked: order.target.head.clone(), branch, rounds: worker.rounds() };
    Some((ReviewTarget { words, ..target }, put_right))
}

/// Loads the runs whose passes count too, with the tasks that they are of.
pub fn answered(store: &Store, order: &ReviewOrder) -> Result<Vec<(Run, TaskId)>> {
    let load = |(id, task): &(RunId, TaskId)| {
        // One that was pruned since takes what it found with it.
        let run = store.load_run(id).context("read an earlier review")?;
        Ok(run.map(|run| (run, task.clone())))
    };
    order.answered.iter().filter_map(|pass| load(pass).transpose()).collect()
}

/// Returns what the built-in reviewer could not examine, in sentences; its words are crew's own.
fn skipped(task: &Task) -> Vec<String> {
    let handed_in = task.last().and_then(|last| last.submission.as_deref());
    let Some(HandedIn::Review(review)) = handed_in.filter(|_| task.spec.program() == builtin::NAME) else {
        return Vec::new();
    };
    review.body.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect()
}
