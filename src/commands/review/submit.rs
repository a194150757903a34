//! `crew review submit`: reviews, as reviewers hand them in.

use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::submit;
use crate::domain::request::Submission;
use crate::domain::submission::{Kind, ReviewVerdict};
use anyhow::Result;
use serde_json::json;

/// Hand in the verdict of a review
///
/// Works in the shell of a reviewer that crew has started. Exit 0: accepted; 4: refused, with the reason.
#[derive(Debug, clap::Args)]
pub struct SubmitArgs {
    /// The verdict
    #[arg(long)]
    verdict: VerdictArg,

    /// The review in words; `-` is standard input
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,

    /// A JSON file with a list of findings; `-` is standard input
    #[arg(long, value_name = "FILE")]
    findings: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum VerdictArg {
    Approved,
    ChangesRequested,
}

/// Hands in a review and prints the answer.
pub fn submit(cx: &Context, args: &SubmitArgs) -> Result<ExitStatus> {
    let SubmitArgs { verdict, body, findings } = args;
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
    let findings = findings.as_deref().map_or(Ok(json!([])), |from| submit::read_json(from, Kind::Review))?;
    let body = json!({"verdict": verdict, "body": body, "findings": findings});
    submit::hand_in(cx, Submission { kind: Kind::Review, body })
}
