//! `crew review cancel`: ends a review that nobody needs any more.

use super::named;
use crate::commands::cancel::{self, How};
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use anyhow::Result;

/// End a review for good, with all its reviewers
///
/// Does what crew cancel does with its run. Exit 0: cancelled, now or before; 4: there is nothing to cancel.
#[derive(Debug, clap::Args)]
pub struct CancelArgs {
    /// A review: the beginning of its id, or `last`
    review: String,

    #[command(flatten)]
    how: How,
}

/// Cancels a review.
pub fn cancel(cx: &Context, args: &CancelArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let review = named::find(cx, &store, &args.review)?;
    cancel::cancel_run(cx, &review.run.id, &args.how)
}
