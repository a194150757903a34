//! `crew review`: have changes reviewed, and everything that is done with what was found.

mod baseline;
mod briefs;
mod cancel;
mod decide;
mod fixing;
mod known;
mod list;
mod named;
mod outputs;
mod posting;
pub mod pull_request;
mod report;
pub mod reviewers;
mod reviewing;
mod send;
mod show;
mod stats;
mod steps;
mod submit;
mod target;
mod text;

pub use reviewing::{exit_as_ordered, tell_as_ordered};

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::nearest::nearest;
use crate::domain::words::clean_line;
use anyhow::Result;

/// The most characters of a word that is shown because it is out of place.
const MAX_WORD: usize = 100;

/// Have a change reviewed
///
/// Without a target: what is not committed, if a file that git knows was changed or something is staged, with untracked
/// files; else what the branch adds to the default branch, without them (--worktree reviews those); where it adds nothing,
/// untracked files, else the last commit. It is reviewed at that exact commit, in detached worktrees, so that nobody's edits
/// disturb it.
///
/// Exit 0: every reviewer came to a verdict, and nothing is as grave as --fail-on; 5: something is; 6: the review is
/// incomplete, whatever was found; 3: it waits for you; 4: refused; 130: interrupted, and crew resume goes on.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ReviewArgs {
    #[command(subcommand)]
    what: Option<What>,

    #[command(flatten)]
    reviewing: reviewing::ReviewingArgs,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Submit(submit::SubmitArgs),
    Baseline(baseline::BaselineArgs),
    Post(posting::PostArgs),
    /// List those who can review here, and who does where nobody is named
    Reviewers,
    List(list::ListArgs),
    Show(show::ShowArgs),
    Send(send::SendArgs),
    Dismiss(decide::DismissArgs),
    Resolve(decide::ResolveArgs),
    Reopen(decide::ReopenArgs),
    Cancel(cancel::CancelArgs),
    Stats(stats::StatsArgs),
}

/// Does what was asked for.
pub fn review(cx: &Context, args: &ReviewArgs) -> Result<ExitStatus> {
    match &args.what {
        None => {
            refuse_misplaced(&args.reviewing.named())?;
            reviewing::review(cx, &args.reviewing)
        }
        Some(What::Submit(args)) => submit::submit(cx, args),
        Some(What::Baseline(args)) => baseline::baseline(cx, args),
        Some(What::Post(args)) => posting::post(cx, args),
        Some(What::Reviewers) => reviewers::list(cx),
        Some(What::List(args)) => list::list(cx, args),
        Some(What::Show(args)) => show::show(cx, args),
        Some(What::Send(args)) => send::send(cx, args),
        Some(What::Dismiss(args)) => decide::dismiss(cx, args),
        Some(What::Resolve(args)) => decide::resolve(cx, args),
        Some(What::Reopen(args)) => decide::reopen(cx, args),
        Some(What::Cancel(args)) => cancel::cancel(cx, args),
        Some(What::Stats(args)) => stats::stats(cx, args),
    }
}

/// Returns the names of the commands below this one.
fn command_names() -> Vec<String> {
    let commands = <What as clap::Subcommand>::augment_subcommands(clap::Command::new("review"));
    commands.get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

/// Refuses a range that is called like a subcommand, which has to come before the options; and more than one range.
fn refuse_misplaced(named: &[&str]) -> Result<(), Problem> {
    let Some(first) = named.first().copied() else { return Ok(()) };
    let commands = command_names();
    if commands.iter().any(|command| command == first) {
        let message = format!("`{first}` is a command of crew review, and comes before the options");
        let hint = format!("crew review {first} ...    the branch of that name is refs/heads/{first}");
        return Err(Problem::usage("usage", message).hint(hint));
    }
    if named.len() < 2 {
        return Ok(());
    }
    let shown: Vec<String> = named.iter().map(|word| clean_line(word, MAX_WORD)).collect();
    let (first, rest) = (&shown[0], shown[1..].join(" "));
    let message = format!("crew review takes one RANGE, and `{rest}` stands behind `{first}`");
    let hint = match nearest(first, commands.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `crew review {near} {rest}`?"),
        None => format!(
            "what a branch adds to another is one word: crew review A...B; a command comes first: {}",
            commands.join(", ")
        ),
    };
    Err(Problem::usage("usage", message).hint(hint))
}
