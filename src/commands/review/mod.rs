//! `crew review`: have changes reviewed, and everything that is done with what was found.

pub mod reviewers;
mod submit;

use super::context::Context;
use super::exit::ExitStatus;
use anyhow::Result;

/// Hand in a review (for agents)
#[derive(Debug, clap::Args)]
pub struct ReviewArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Submit(submit::SubmitArgs),
    /// List those who can review here, and who does where nobody is named
    Reviewers,
}

/// Does what was asked for.
pub fn review(cx: &Context, args: &ReviewArgs) -> Result<ExitStatus> {
    match &args.what {
        What::Submit(args) => submit::submit(cx, args),
        What::Reviewers => reviewers::list(cx),
    }
}
