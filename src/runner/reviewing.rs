//! A review on its way into the record: its findings get their places in the files that the reviewer had before them.

use crate::domain::event::Event;
use crate::domain::finding::Finding;
use crate::domain::redact::Redactor;
use crate::domain::request::{self, Answer, Code, Read, Submission, how_to_submit};
use crate::domain::review::deciding;
use crate::domain::review::placing::{self, FileSeen, Order, Placed};
use crate::domain::review::target::ReviewTarget;
use crate::domain::run::Run;
use crate::domain::submission::{HandedIn, Kind, ReviewBody, Terms};
use crate::domain::task::{Attempt, BUILT_IN, Task};
use crate::domain::words::clean_text;
use crate::workspace::git::GitError;
use crate::workspace::review_files::{OfCommits, read_in};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How much of a commit's id people see.
const SHORT: usize = 10;

/// All that it takes to read what an attempt hands in, and to place what it found. Nothing of it changes while the attempt
/// is open, so that a slot may do it.
#[derive(Clone, Debug)]
pub struct Reading {
    repository: PathBuf,
    /// Where the attempt works.
    folder: PathBuf,
    /// What it reviews, where that is known exactly.
    target: Option<ReviewTarget>,
    terms: Terms,
    /// It is crew itself.
    is_ours: bool,
}

impl Reading {
    pub fn of(repository: &Path, run: &Run, (task, attempt): (&Task, &Attempt)) -> Reading {
        Reading {
            repository: repository.to_owned(),
            folder: attempt.folder(repository),
            target: run.target_of(task),
            terms: Terms::of(task, &run.roster),
            is_ours: task.spec.program() == BUILT_IN,
        }
    }

    /// Reads what is handed in, once secrets are taken out of it: nothing else is ever recorded, compared or answered.
    ///
    /// The findings of a review get their places, and a review is refused that names places which there are not: its agent
    /// can correct that.
    pub fn read(&self, submission: &Submission, words: &Redactor) -> Read {
        let quotes = quotes_of(submission);
        Read::of(&made_safe(submission, words), &self.terms, |handed_in| self.place_in(handed_in, quotes))
    }

    fn place_in(&self, handed_in: HandedIn, quotes: Vec<String>) -> Result<HandedIn, Answer> {
        let HandedIn::Review(mut review) = handed_in else { return Ok(handed_in) };
        let findings = std::mem::take(&mut review.findings);
        let placed = self.place(findings, quotes).map_err(unseen)?;
        // What crew itself says is not refused: nobody could correct it.
        if placed.misplaced.is_empty() || self.is_ours {
            return Ok(HandedIn::Review(ReviewBody { findings: placed.findings, ..review }));
        }
        Err(request::refused(Code::Invalid, placed.in_words(), how_to_submit(Kind::Review)))
    }

    /// Does the same with a review that was only written down, as far as that goes: nobody is there any more who could
    /// correct it. What has no place is about its file as a whole, and says so.
    pub fn read_written(&self, review: ReviewBody, words: &Redactor) -> ReviewBody {
        let quotes = review.findings.iter().map(|finding| finding.quote.clone()).collect();
        let mut review = without_secrets(review, words);
        // What was open decides, as it does where a review is handed in.
        review.resolved.retain(|resolved| self.terms.open.contains(&resolved.fingerprint));
        match self.place(review.findings.clone(), quotes) {
            Ok(Placed { findings, .. }) => ReviewBody { findings, ..review },
            // They are where the agent says.
            Err(_) => review,
        }
    }

    fn place(&self, findings: Vec<Finding>, quotes: Vec<String>) -> Result<Placed, GitError> {
        let tops = [&self.folder, &self.repository].map(|top| top.display().to_string()).into();
        let order = Order { of: "the folder".into(), tops, quotes, keeps_fingerprints: self.is_ours };
        match &self.target {
            Some(target) => place_at(&self.repository, target, order, findings),
            None => {
                let look = |path: &str| -> Result<FileSeen, GitError> { Ok(read_in(&self.folder, path)) };
                placing::place_all(findings, &order, look)
            }
        }
    }
}

/// Tells whether files have to be read before it is known what a request comes to.
pub fn reads_files(submission: &Submission) -> bool {
    let findings = submission.body.get("findings").and_then(Value::as_array);
    submission.kind == Kind::Review && findings.is_some_and(|findings| !findings.is_empty())
}

/// Gives the findings that a person hands in their places.
pub fn of_person(repository: &Path, run: &Run, review: &ReviewBody) -> Result<ReviewBody, Answer> {
    let reviewer = run.tasks.iter().find(|task| task.reviewed_task().is_some());
    let of_run = || run.review.as_ref().map(|order| order.target.clone());
    let target = reviewer.and_then(|task| run.target_of(task)).or_else(of_run);
    let quotes = review.findings.iter().map(|finding| finding.quote.clone()).collect();
    let tops = vec![repository.display().to_string()];
    let order = Order { of: "the folder".into(), tops, quotes, keeps_fingerprints: false };
    let placed = match &target {
        Some(target) => place_at(repository, target, order, review.findings.clone()),
        None => {
            let look = |path: &str| -> Result<FileSeen, GitError> { Ok(read_in(repository, path)) };
            placing::place_all(review.findings.clone(), &order, look)
        }
    };
    let placed = placed.map_err(unseen)?;
    if !placed.misplaced.is_empty() {
        return Err(request::refused(Code::Invalid, placed.in_words(), how_to_submit(Kind::Review)));
    }
    Ok(ReviewBody { findings: placed.findings, ..review.clone() })
}

/// Returns an event with what follows from it where it is a review that is accepted: what that decides about findings.
pub fn with_decisions(run: &Run, event: Event) -> Vec<Event> {
    let decided = match &event {
        Event::SubmissionAccepted { task, handed_in: HandedIn::Review(review), .. } => {
            run.task(task).map(|task| deciding::by_review(run, task, review))
        }
        _ => None,
    };
    std::iter::once(event).chain(decided.into_iter().flatten()).collect()
}

fn unseen(error: GitError) -> Answer {
    let message = format!("crew could not look where the findings belong: {error}");
    request::refused(Code::Invalid, message, "try again")
}

fn without_secrets(review: ReviewBody, words: &Redactor) -> ReviewBody {
    let Ok(mut value) = serde_json::to_value(&review) else { return review };
    words.value(&mut value);
    serde_json::from_value(value).unwrap_or(review)
}

fn made_safe(submission: &Submission, words: &Redactor) -> Submission {
    let mut safe = submission.clone();
    // Files are what the agent makes, and no words: they go into the tree as they are, and stay out of the record.
    let files = safe.body.get_mut("files").map(Value::take);
    words.value(&mut safe.body);
    if let Some(files) = files {
        safe.body["files"] = files;
    }
    safe
}

/// Returns what the findings of a submission quote, as it is said there.
fn quotes_of(submission: &Submission) -> Vec<String> {
    let findings = submission.body.get("findings").and_then(Value::as_array).into_iter().flatten();
    let quote = |finding: &Value| finding.get("quote").and_then(Value::as_str).unwrap_or_default().to_owned();
    findings.map(|finding| clean_text(&quote(finding), usize::MAX)).collect()
}

fn place_at(
    repository: &Path,
    ReviewTarget { base, head, .. }: &ReviewTarget,
    order: Order,
    findings: Vec<Finding>,
) -> Result<Placed, GitError> {
    if findings.is_empty() {
        return Ok(Placed::default());
    }
    let order = Order { of: format!("commit {}", head.get(..SHORT).unwrap_or(head)), ..order };
    let paths = placing::paths_of(&findings, &order.tops);
    let mut files = OfCommits::open(repository, base, head, &paths)?;
    placing::place_all(findings, &order, |path| files.read(path))
}
