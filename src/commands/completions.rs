//! `crew completions`: what a shell needs to complete crew's commands.

use super::context::Context;
use super::exit::ExitStatus;
use anyhow::Result;
use clap_complete::Shell;

/// Print the completions for a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// bash, zsh, fish or powershell
    shell: Shell,
}

/// Prints completions.
pub fn completions(cx: &Context, args: &CompletionsArgs) -> Result<ExitStatus> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command_tree(), "crew", &mut script);
    cx.printer.data(String::from_utf8_lossy(&script).trim_end())?;
    Ok(ExitStatus::Done)
}
