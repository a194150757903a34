//! Which review is meant, and which of its findings.

use super::report;
use crate::commands::context::Context;
use crate::commands::exit::Problem;
use crate::domain::finding::Finding;
use crate::domain::id::{RunId, TaskId};
use crate::domain::review::agreeing::agree;
use crate::domain::review::by_person::PersonReview;
use crate::domain::review::deciding::Decision;
use crate::domain::review::passes;
use crate::domain::run::Run;
use crate::domain::words::clean_line;
use crate::store::database::Store;
use crate::store::reviews::FindingDecision;
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;

/// The most findings that are named where several are meant.
const NAMED: usize = 6;
/// The most characters of a title where findings are named.
const MAX_TITLE: usize = 80;

/// A review, with the runs whose passes count for it too.
pub struct Named {
    /// The id of its run, as short as it is unique.
    pub short: String,
    pub run: Run,
    pub earlier: Vec<(Run, TaskId)>,
}

/// A finding with all who found it.
pub struct Found<'a> {
    /// In the words of who found it first.
    pub finding: Finding,
    /// The run that holds it.
    pub run: &'a Run,
    pub reviewers: Vec<String>,
    /// The newest attempt of some of them still found it.
    pub stands: bool,
}

/// Finds the review that is meant.
pub fn find(cx: &Context, store: &Store, typed: &str) -> Result<Named> {
    of(store, &find_id(cx, store, typed)?)
}

/// Finds the run that is meant: by the beginning of its id, or the newest review as `last`.
pub fn find_id(cx: &Context, store: &Store, typed: &str) -> Result<RunId> {
    let none = || {
        Problem::refused("no_reviews", "there are no reviews in this repository")
            .hint("crew review makes one of what is not committed, or of this branch")
    };
    match typed {
        "last" => Ok(store.newest_review()?.ok_or_else(none)?),
        typed => cx.find_run(store, typed),
    }
}

/// Reads a review.
pub fn of(store: &Store, id: &RunId) -> Result<Named> {
    let short = store.short(id)?;
    let run = store.load_run(id)?.context("the run is recorded")?;
    let earlier = run.review.as_deref().map_or(Ok(Vec::new()), |order| report::answered(store, order))?;
    let reviews = run.review.is_some() || run.tasks.iter().any(|task| task.spec.reviews.is_some());
    if !reviews {
        let problem = Problem::refused("no_review", format!("run {short} reviews nothing"));
        return Err(problem.hint("crew review list shows the reviews").into());
    }
    Ok(Named { short, run, earlier })
}

impl Named {
    /// Returns what was found, by its fingerprint.
    pub fn found(&self) -> BTreeMap<String, Found<'_>> {
        let mut found: BTreeMap<String, Found<'_>> = BTreeMap::new();
        let own = self.run.tasks.iter().map(|task| (&self.run, task));
        let others = self.earlier.iter().filter_map(|(run, id)| Some((run, run.task(id)?)));
        for (run, task) in own.chain(others) {
            let Some(name) = task.spec.reviewer() else { continue };
            // What it says last is what it means.
            for (place, attempt) in task.attempts.iter().enumerate().rev() {
                let stands = place + 1 == task.attempts.len();
                for finding in passes::found_in(task, attempt) {
                    let print = finding.fingerprint.clone();
                    let one = found.entry(print).or_insert_with(|| Found {
                        finding,
                        run,
                        reviewers: vec![],
                        stands,
                    });
                    one.stands |= stands;
                    if !one.reviewers.contains(&name) {
                        one.reviewers.push(name.clone());
                    }
                }
            }
        }
        for person in &self.run.person_reviews {
            for finding in person.findings() {
                let print = finding.fingerprint.clone();
                let stands = person.stands(&self.run);
                let new = Found { finding, run: &self.run, reviewers: vec![], stands };
                let one = found.entry(print).or_insert(new);
                one.stands |= stands;
                one.reviewers.push(person.by.clone());
            }
        }
        found
    }

    /// Returns what still stands and nobody has decided about; `quiet` is what was dismissed in any review.
    pub fn open(&self, quiet: &BTreeMap<String, FindingDecision>) -> Vec<Found<'_>> {
        let is_open = |(print, one): &(String, Found<'_>)| {
            let last = one.run.decisions.get(print).map(|last| last.decision);
            one.stands && last != Some(Decision::Resolved) && !quiet.contains_key(print)
        };
        self.found().into_iter().filter(is_open).map(|(_, one)| one).collect()
    }

    /// Returns all who say the same of a place as a finding does, that one's reviewers too.
    pub fn agreeing(&self, fingerprint: &str) -> Vec<String> {
        let own = self.run.tasks.iter();
        let others = self.earlier.iter().filter_map(|(run, id)| run.task(id));
        let of_tasks = own.chain(others).flat_map(passes::said);
        let of_persons = self.run.standing_reviews().flat_map(PersonReview::said);
        let mut agreed = agree(of_tasks.chain(of_persons)).into_iter();
        let same = agreed.find(|agreed| agreed.fingerprints().any(|print| print == fingerprint));
        same.map(|agreed| agreed.reviewers).unwrap_or_default()
    }
}

/// Finds the finding whose fingerprint begins as typed.
pub fn pick<'a, 'b>(
    found: &'b BTreeMap<String, Found<'a>>,
    typed: &str,
    review: &str,
) -> Result<&'b Found<'a>, Problem> {
    let list = format!("crew review show {review} lists them");
    let typed = typed.to_ascii_lowercase();
    let matching: Vec<&Found<'_>> = match typed.is_empty() {
        true => Vec::new(),
        false => found
            .range(typed.clone()..)
            .take_while(|(print, _)| print.starts_with(&typed))
            .map(|(_, one)| one)
            .collect(),
    };
    match matching.as_slice() {
        [one] => Ok(one),
        [first, ..] if first.finding.fingerprint == typed => Ok(first),
        [] => {
            let message = format!("review {review} has no finding `{}`", clean_line(&typed, 64));
            Err(Problem::refused("unknown_finding", message).hint(list))
        }
        several => {
            let name = |one: &&Found<'_>| {
                format!("{} ({})", one.finding.fingerprint, clean_line(&one.finding.title, MAX_TITLE))
            };
            let named: Vec<String> = several.iter().take(NAMED).map(name).collect();
            let more = if several.len() > NAMED { ", ..." } else { "" };
            let message = format!("`{}` may be any of {}{more}", clean_line(&typed, 64), named.join(", "));
            Err(Problem::refused("ambiguous_finding", message).hint("type a few more characters"))
        }
    }
}
