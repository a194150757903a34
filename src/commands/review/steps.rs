//! What the reviews of a run came to that does more than review: each of its steps that review, with what it found.

use super::known::NewOnlyArgs;
use super::named::Named;
use super::outputs::Outputs;
use super::report::{self, BarArgs, Concluded};
use super::text::{json_line, next_steps, text, value};
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use crate::domain::review::judging::{Bar, Judged};
use crate::domain::review::target::{ChangeSize, ReviewTarget, TargetKind};
use crate::domain::task::Task;
use crate::store::database::Store;
use crate::workspace::git::Git;
use crate::workspace::reviewed;
use anyhow::Result;
use serde_json::{Value, json};

/// Shows them, and returns how a command ends that does: as with one review, what is not known for certain comes first.
pub fn show(
    cx: &Context,
    store: &Store,
    named: &Named,
    (bar, new_only): (&BarArgs, &NewOnlyArgs),
    outputs: &Outputs,
) -> Result<ExitStatus> {
    outputs.refuse_all_but_text_and_json()?;
    // One that its condition left out reviews nothing.
    let reviews = |task: &&Task| task.spec.reviews.is_some() && !task.skipped_by_condition;
    let mut steps: Vec<(&Task, Concluded)> = Vec::new();
    for task in named.run.tasks.iter().filter(reviews) {
        steps.push((task, conclude(cx, store, named, task, (bar, new_only))?));
    }
    let judged = judge(&steps);
    let exit = match judged {
        Judged::NothingToReview | Judged::Clean => ExitStatus::Done,
        Judged::Findings => ExitStatus::Findings,
        Judged::Incomplete => ExitStatus::Incomplete,
    };
    for sentence in steps.iter().flat_map(|(_, concluded)| &concluded.told) {
        cx.printer.warn(sentence);
    }
    if !outputs.is_for_people() {
        let step = |(task, concluded): &(&Task, Concluded)| json!({"task": task.spec.id, "reviews": task.reviewed_task(), "report": value(concluded)});
        let steps: Vec<Value> = steps.iter().map(step).collect();
        let all = json!({"review": named.short, "run": named.run.id, "result": judged, "exit": exit as u8, "steps": steps});
        cx.printer.data(&json_line(&all))?;
        return Ok(exit);
    }
    for (at, (task, concluded)) in steps.iter().enumerate() {
        let gap = if at == 0 { "" } else { "\n" };
        cx.printer.data(&format!("{gap}{}  {}", task.spec.id, text(concluded, Some(&cx.printer))))?;
    }
    let worst = steps.iter().max_by_key(|(_, concluded)| rank(concluded.judged));
    let next = worst.map(|(_, concluded)| next_steps(concluded, &named.short)).unwrap_or_default();
    next.iter().for_each(|step| cx.printer.tell(step));
    Ok(exit)
}

fn conclude(
    cx: &Context,
    store: &Store,
    named: &Named,
    task: &Task,
    (bar, new_only): (&BarArgs, &NewOnlyArgs),
) -> Result<Concluded> {
    let git = Git::at(store.layout().repository());
    let target = named.run.target_of(task).unwrap_or_else(the_folder);
    // What was reviewed may have been taken away since; what was found is still known.
    let size = reviewed::size(&git, &target.base, &target.head).unwrap_or_default();
    let change = ChangeSize { files: size.0, added: size.1, removed: size.2 };
    let fail_on = task.spec.reviews.as_ref().and_then(|reviews| reviews.fail_on);
    let usual = Bar::default();
    let bar = bar.over(Bar { fail_on: fail_on.or(usual.fail_on), ..usual });
    let known = new_only.known(cx, store.layout(), &target)?;
    report::conclude_step(store, (&named.run, task), (&target, change), (bar, &known))
}

/// What is reviewed where nobody works in a tree of their own: whatever lies there.
fn the_folder() -> ReviewTarget {
    ReviewTarget {
        kind: TargetKind::Worktree,
        words: "the folder".into(),
        key: String::new(),
        base: String::new(),
        head: String::new(),
        tree: String::new(),
    }
}

fn judge(steps: &[(&Task, Concluded)]) -> Judged {
    // Where nothing was reviewed, nothing is known.
    let worst = steps.iter().map(|(_, concluded)| concluded.judged).max_by_key(|judged| rank(*judged));
    worst.unwrap_or(Judged::Incomplete)
}

fn rank(judged: Judged) -> u8 {
    match judged {
        Judged::NothingToReview => 0,
        Judged::Clean => 1,
        Judged::Findings => 2,
        Judged::Incomplete => 3,
    }
}
