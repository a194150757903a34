//! A review on its way into the record: its findings get their places in the files that the reviewer had before them.

use crate::domain::finding::Finding;
use crate::domain::person::{PersonAsk, What};
use crate::domain::redact::Redactor;
use crate::domain::request::{self, Answer, Ask, Code, Request, how_to_submit};
use crate::domain::review::placing::{self, FileSeen, Order, Placed};
use crate::domain::review::target::ReviewTarget;
use crate::domain::run::Run;
use crate::domain::submission::{HandedIn, Kind, ReviewBody};
use crate::domain::task::{Attempt, BUILT_IN, Task};
use crate::domain::words::clean_text;
use crate::workspace::git::GitError;
use crate::workspace::review_files::{OfCommits, read_in};
use serde_json::Value;
use std::path::Path;

/// How much of a commit's id people see.
const SHORT: usize = 10;

/// Gives the findings of a review their places, and refuses one that names places which there are not: its agent can
/// correct that. Anything else stays as it is. `quotes` are those of the findings, as they were said.
pub fn take_in(
    repository: &Path,
    run: &Run,
    (task, attempt): (&Task, &Attempt),
    handed_in: HandedIn,
    quotes: Vec<String>,
) -> Result<HandedIn, Answer> {
    let HandedIn::Review(mut review) = handed_in else { return Ok(handed_in) };
    let findings = std::mem::take(&mut review.findings);
    if findings.is_empty() {
        return Ok(HandedIn::Review(review));
    }
    let placed = place(repository, run, (task, attempt), findings, quotes);
    let placed = placed.map_err(unseen)?;
    // What crew itself says is not refused: nobody could correct it.
    if placed.misplaced.is_empty() || task.spec.program() == BUILT_IN {
        return Ok(HandedIn::Review(ReviewBody { findings: placed.findings, ..review }));
    }
    Err(request::refused(Code::Invalid, placed.in_words(), how_to_submit(Kind::Review)))
}

/// Does the same with what a person hands in; any other wish stays as it is.
pub fn of_person(repository: &Path, run: &Run, ask: &PersonAsk) -> Result<PersonAsk, Answer> {
    let (What::Review(review), Some(order)) = (&ask.what, &run.review) else { return Ok(ask.clone()) };
    let quotes = review.findings.iter().map(|finding| finding.quote.clone()).collect();
    let tops = vec![repository.display().to_string()];
    let findings = Order { of: String::new(), tops, quotes, keeps_fingerprints: false };
    let placed = place_at(repository, &order.target, findings, review.findings.clone()).map_err(unseen)?;
    if !placed.misplaced.is_empty() {
        return Err(request::refused(Code::Invalid, placed.in_words(), how_to_submit(Kind::Review)));
    }
    let review = ReviewBody { findings: placed.findings, ..(**review).clone() };
    Ok(PersonAsk { what: What::Review(Box::new(review)), ..ask.clone() })
}

/// Does the same with a review that was only written down, as far as that goes: nobody is there any more who could correct
/// it. What has no place is about its file as a whole, and says so. Secrets are taken out.
pub fn take_written(
    repository: &Path,
    run: &Run,
    asker: (&Task, &Attempt),
    review: ReviewBody,
    words: &Redactor,
) -> ReviewBody {
    let quotes = review.findings.iter().map(|finding| finding.quote.clone()).collect();
    let mut review = made_safe(review, words);
    // What was open decides, as it does where a review is handed in.
    let open = asker.0.round.as_ref().map(|round| round.open.as_slice()).unwrap_or_default();
    review.resolved.retain(|resolved| open.contains(&resolved.fingerprint));
    match place(repository, run, asker, review.findings.clone(), quotes) {
        Ok(Placed { findings, .. }) => ReviewBody { findings, ..review },
        // They are where the agent says.
        Err(_) => review,
    }
}

fn unseen(error: GitError) -> Answer {
    let message = format!("crew could not look where the findings belong: {error}");
    request::refused(Code::Invalid, message, "try again")
}

fn made_safe(review: ReviewBody, words: &Redactor) -> ReviewBody {
    let Ok(mut value) = serde_json::to_value(&review) else { return review };
    words.value(&mut value);
    serde_json::from_value(value).unwrap_or(review)
}

/// Returns what the findings of a request quote, as it is said there.
pub fn quotes_of(request: &Request) -> Vec<String> {
    let Ask::Submit(submission) = &request.ask else { return Vec::new() };
    let findings = submission.body.get("findings").and_then(Value::as_array).into_iter().flatten();
    let quote = |finding: &Value| finding.get("quote").and_then(Value::as_str).unwrap_or_default().to_owned();
    findings.map(|finding| clean_text(&quote(finding), usize::MAX)).collect()
}

fn place(
    repository: &Path,
    run: &Run,
    (task, attempt): (&Task, &Attempt),
    findings: Vec<Finding>,
    quotes: Vec<String>,
) -> Result<Placed, GitError> {
    let folder = attempt.folder(repository);
    let tops = [&*folder, repository].map(|top| top.display().to_string()).into();
    let keeps_fingerprints = task.spec.program() == BUILT_IN;
    let order = Order { of: "the folder".into(), tops, quotes, keeps_fingerprints };
    match run.target_of(task) {
        Some(target) => place_at(repository, &target, order, findings),
        None => {
            let look = |path: &str| -> Result<FileSeen, GitError> { Ok(read_in(&folder, path)) };
            placing::place_all(findings, &order, look)
        }
    }
}

fn place_at(
    repository: &Path,
    ReviewTarget { base, head, .. }: &ReviewTarget,
    order: Order,
    findings: Vec<Finding>,
) -> Result<Placed, GitError> {
    let order = Order { of: format!("commit {}", head.get(..SHORT).unwrap_or(head)), ..order };
    let paths = placing::paths_of(&findings, &order.tops);
    let mut files = OfCommits::open(repository, base, head, &paths)?;
    placing::place_all(findings, &order, |path| files.read(path))
}
