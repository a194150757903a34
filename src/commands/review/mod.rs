//! `crew review`: have changes reviewed, and everything that is done with what was found.

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
}

/// Does what was asked for.
pub fn review(cx: &Context, args: &ReviewArgs) -> Result<ExitStatus> {
    match &args.what {
        What::Submit(args) => submit::submit(cx, args),
    }
}
