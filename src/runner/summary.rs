//! What is kept as `summary.md` when a run ends.

use crate::domain::run::{Run, RunStatus};
use std::fmt::Write;

/// Tells in Markdown what became of a run.
pub fn write(run: &Run, state: RunStatus) -> String {
    let mut text = format!("# {}\n\nRun {}: {}.\n", one_line(&run.goal), run.id, state.words());
    let _ = writeln!(text, "Team {}, workflow {}, {} tasks.\n", run.team, run.workflow, run.tasks.len());
    text.push_str(
        "| task | role | agent | attempts | outcome | what came of it |\n|---|---|---|---|---|---|\n",
    );
    for task in &run.tasks {
        let said = task.last().map(|attempt| attempt.summary.as_str()).unwrap_or_default();
        let why = if task.reason.is_empty() { said } else { task.reason.as_str() };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            task.spec.id,
            task.spec.role(),
            task.spec.program(),
            task.attempts.len(),
            task.state,
            one_line(why).replace('|', "\\|"),
        );
    }
    text
}

fn one_line(text: &str) -> String {
    crate::domain::words::clean_line(text, 300)
}
