//! `crew review submit`: reviews, as reviewers hand them in.

use super::named;
use crate::commands::context::Context;
use crate::commands::decide::{self, Who};
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::going_on::resume_command;
use crate::commands::submit;
use crate::domain::id::TaskId;
use crate::domain::person::What;
use crate::domain::request::{self, Submission};
use crate::domain::review::by_person::PersonReview;
use crate::domain::review::foreign;
use crate::domain::review::rounds::{self, Follows};
use crate::domain::run::Run;
use crate::domain::submission::{Kind, ReviewBody, ReviewVerdict};
use crate::domain::words::clean_line;
use crate::store::lock;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};

/// Hand in the verdict of a review
///
/// Works in the shell of a reviewer that crew has started. With --review, a person hands in theirs beside those of the
/// reviewers; where work is sent back in rounds, changes that they request send it back too. The same review twice is taken
/// in once. Exit 0: accepted; 4: refused, with the reason.
#[derive(Debug, clap::Args)]
pub struct SubmitArgs {
    /// The verdict
    #[arg(long)]
    verdict: VerdictArg,

    /// The review in words; `-` is standard input
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// A JSON file with a list of findings; `-` is standard input
    ///
    /// A whole review is taken too, and so are Claude's ReportFindings and Codex's ReviewOutput.
    #[arg(long, value_name = "FILE")]
    findings: Option<String>,

    /// A review that a person adds theirs to: the beginning of its id, or `last`
    #[arg(long, value_name = "REVIEW")]
    review: Option<String>,

    /// Whose review it is; default: git's user.name, or the user of this account
    #[arg(long, value_name = "NAME", requires = "review")]
    by: Option<String>,

    /// A finding of the review before that is resolved, with what shows it; once for each
    #[arg(long, value_name = "FINGERPRINT=EVIDENCE", value_parser = read_resolved, conflicts_with = "review")]
    resolved: Vec<(String, String)>,
}

fn read_resolved(text: &str) -> Result<(String, String), String> {
    let parts =
        text.split_once('=').filter(|(print, why)| !print.trim().is_empty() && !why.trim().is_empty());
    let (print, why) = parts.ok_or("write the fingerprint, `=` and what shows that it is resolved")?;
    Ok((print.trim().to_owned(), why.trim().to_owned()))
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum VerdictArg {
    Approved,
    ChangesRequested,
}

/// Hands in a review and prints the answer.
pub fn submit(cx: &Context, args: &SubmitArgs) -> Result<ExitStatus> {
    let SubmitArgs { verdict, body, findings, resolved, .. } = args;
    if body.as_deref() == Some("-") && findings.as_deref() == Some("-") {
        let message = "--body and --findings cannot both be standard input";
        return Err(Problem::usage("two_inputs", message).hint("put one of them into a file").into());
    }
    let verdict = match verdict {
        VerdictArg::Approved => ReviewVerdict::Approved,
        VerdictArg::ChangesRequested => ReviewVerdict::ChangesRequested,
    };
    let body = match body.as_deref() {
        Some("-") => String::from_utf8_lossy(&submit::read_bytes("-", Kind::Review)?).into_owned(),
        body => body.unwrap_or_default().to_owned(),
    };
    let findings = findings.as_deref().map(|from| submit::read_json(from, Kind::Review)).transpose()?;
    let mut body = put_together(verdict, body, findings)?;
    if !resolved.is_empty() {
        let closed = |(print, why): &(String, String)| json!({"fingerprint": print, "evidence": why});
        body["resolved"] = resolved.iter().map(closed).collect();
    }
    match &args.review {
        Some(review) => hand_in_as_person(cx, args, review, body),
        None => submit::hand_in(cx, Submission { kind: Kind::Review, body }),
    }
}

/// Adds a person's review to those of a review's reviewers.
fn hand_in_as_person(cx: &Context, args: &SubmitArgs, review: &str, body: Value) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = named::find_id(cx, &store, review)?;
    let body: ReviewBody = serde_path_to_error::deserialize(body).map_err(|error| {
        let message = clean_line(&format!("what is handed in is no review: {error}"), 400);
        Problem::usage("invalid", message).hint("crew submit --schema reviewer shows all fields")
    })?;
    let who = Who { by: args.by.clone(), wait: 60 };
    let by = decide::ask(&store, &id, (&who, ""), What::Review(Box::new(body)))?;
    let (short, run) = (store.short(&id)?, store.load_run(&id)?.context("the run is recorded")?);
    let said = run.person_reviews.iter().rfind(|one| one.by == by).context("the review is recorded")?;
    let (task, owned) = (said.of.as_ref().map_or("", TaskId::as_str), lock::is_owned(&store.paths(&id))?);
    let resume = resume_command(store.layout(), &run, &short);
    let (name, words) = match rounds::follows(&run, said) {
        Follows::Nothing => ("nothing", None),
        Follows::Round { number, limit } => {
            let next = if owned { "the run goes on with it".into() } else { format!("next  {resume}") };
            ("round", Some(format!("{task} is sent back: round {number} of {limit}; {next}")))
        }
        Follows::WaitsForReviewers => {
            let resume = if owned { String::new() } else { format!(" ({resume})") };
            let when = "as soon as all reviewers have come to a verdict";
            ("waits_for_reviewers", Some(format!("{task} is sent back {when}{resume}")))
        }
        Follows::NoRoundLeft { limit } => {
            let why = if limit == 0 {
                "there are no rounds".into()
            } else {
                format!("no round of {limit} is left")
            };
            ("no_round_left", Some(format!("{task} is not sent back, {why}: crew review send {short}")))
        }
        Follows::Stuck => {
            let why = format!("it is {}, or a reviewer has come to no verdict", state_of(&run, said));
            ("not_sent_back", Some(format!("{task} is not sent back, {why}: crew review send {short}")))
        }
    };
    if cx.printer.json {
        let json =
            json!({"review": id, "by": by, "verdict": said.review.verdict, "follows": name, "task": said.of});
        cx.printer.json(&json)?;
        return Ok(ExitStatus::Done);
    }
    cx.printer.data(&format!("accepted: the review of {by} for {short}"))?;
    words.iter().for_each(|words| cx.printer.tell(words));
    Ok(ExitStatus::Done)
}

fn state_of(run: &Run, said: &PersonReview) -> String {
    said.of.as_ref().and_then(|id| run.task(id)).map_or_else(String::new, |task| task.state.to_string())
}

/// Puts together what is handed in. A whole review, and what other programs put their findings into, become ours.
fn put_together(verdict: ReviewVerdict, mut body: String, findings: Option<Value>) -> Result<Value> {
    // Some put all of it where the words belong.
    let all: Option<Value> = serde_json::from_str(&body).ok().filter(|value: &Value| {
        findings.is_none() && value.is_object() && foreign::read_findings(value).is_ok()
    });
    if all.is_some() {
        body.clear();
    }
    let given = findings.or(all).unwrap_or_else(|| json!([]));
    if foreign::is_own_list(&given) {
        return Ok(json!({"verdict": verdict, "body": body, "findings": given}));
    }
    let invalid =
        |message: String| Problem::refused("invalid", message).hint(request::how_to_submit(Kind::Review));
    let found = foreign::read_findings(&given).map_err(invalid)?;
    if let Some(other) = found.verdict.filter(|other| *other != verdict) {
        let message =
            format!("--verdict says {}, and what is handed in with it says {}", verdict.name(), other.name());
        let problem = Problem::refused("contradiction", message);
        return Err(problem.hint("hand in the verdict that you mean, in both places").into());
    }
    let words: Vec<&str> =
        [body.trim(), found.body.trim()].into_iter().filter(|words| !words.is_empty()).collect();
    Ok(json!({"verdict": verdict, "body": words.join("\n\n"), "findings": found.findings}))
}
