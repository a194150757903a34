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
    cx.printer.data(script(args.shell).trim_end())?;
    Ok(ExitStatus::Done)
}

/// Returns what a shell reads to complete crew's commands.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::command_tree(), "crew", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Zsh => subcommands_first(&script),
        _ => script,
    }
}

/// Puts zsh's completions right for commands that take either a value or a subcommand, as `crew review` does: they await the
/// subcommand behind all values, where nobody types it.
fn subcommands_first(script: &str) -> String {
    /// How many lines there are from where subcommands are named to where the one that was typed is looked at.
    const REACH: usize = 11;
    let mut lines: Vec<String> = Vec::new();
    let (mut place, mut left) = (String::new(), 0);
    for line in script.lines() {
        if line.starts_with("\":: :_crew__") {
            let before = lines.len();
            while lines.last().is_some_and(|line| line.starts_with("'::")) {
                lines.pop();
            }
            let values = before - lines.len();
            (place, left) = (format!("$line[{}]", values + 1), if values > 0 { REACH } else { 0 });
        }
        lines.push(if left > 0 { line.replace(&place, "$line[1]") } else { line.to_owned() });
        left = left.saturating_sub(1);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zsh_awaits_a_subcommand_as_the_first_word() {
        let script = script(Shell::Zsh);
        assert!(!script.contains("'::range "), "a range can only be typed, as it was");
        let (_, review) = script.split_once(":: :_crew__subcmd__review_commands").unwrap();
        let (until, _) = review.split_once("(submit)").unwrap();
        assert_eq!((until.matches("$line[1]").count(), until.matches("$line[").count()), (3, 3), "{until}");
        // What takes no subcommand keeps its values.
        assert!(script.contains("':run -- Run\\: the beginning of its id, or `last`:_default'"));
    }
}
