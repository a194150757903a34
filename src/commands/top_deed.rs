//! What the keys of `crew top` do, in the same way as the commands: with the person's name, signed, and never for an agent.

use super::cancel;
use super::context::Context;
use super::decide::{self, Who};
use super::exit::{Problem, Problems, in_one_line};
use super::going_on::resume_command;
use super::{requeue, resume};
use crate::domain::gate::{Decision, GateId};
use crate::domain::id::RunId;
use crate::domain::person;
use crate::domain::words::clean_line;
use crate::store::lock;
use crate::ui::top::view::{Deed, What};
use anyhow::{Context as _, Result};

/// Does it, and says in a line what came of it; or why it was not done, and what to do about that.
pub fn carry_out(cx: &Context, deed: &Deed) -> Result<String, String> {
    let mut cx = cx.clone();
    // What the command would tell on its way has no place on the screen.
    cx.printer.quiet = true;
    attempt(&cx, deed).map_err(|error| {
        let hint = match error.downcast_ref::<Problems>() {
            Some(Problems(problems)) => problems.first().and_then(|problem| problem.hint.clone()),
            None => error.downcast_ref::<Problem>().and_then(|problem| problem.hint.clone()),
        };
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        clean_line(&format!("{} {}: {}{hint}", deed.verb(), deed.about(), in_one_line(&error)), 500)
    })
}

fn attempt(cx: &Context, deed: &Deed) -> Result<String> {
    let (run, words) = (&deed.run, deed.words.as_str());
    match &deed.what {
        What::Cancel(task) => cancel::cancel_untold(cx, run, task.as_ref(), words),
        What::Requeue(task) | What::Force(task) => {
            let (note, force) = match &deed.what {
                What::Force(_) => ("", Some(words)),
                _ => (words, None),
            };
            requeue::requeue_untold(cx, run, task, note, force)?;
            let then = follows(cx, run, &deed.short)?;
            Ok(format!("{} is queued{then}", deed.about()))
        }
        What::Approve(gate) => decide(cx, deed, *gate, Decision::Approved, "approved"),
        What::Reject(gate) => decide(cx, deed, *gate, Decision::Rejected, "rejected"),
        What::SendBack(gate) => decide(cx, deed, *gate, Decision::SentBack, "sent back"),
        What::Answer(gate) => {
            let answered = Decision::Answered { answer: words.to_owned() };
            decide(cx, &Deed { words: String::new(), ..deed.clone() }, *gate, answered, "answered")
        }
    }
}

fn decide(cx: &Context, deed: &Deed, gate: GateId, decision: Decision, done: &str) -> Result<String> {
    let what = person::What::Decide { gate, decision };
    let store = cx.store()?;
    decide::ask(&store, &deed.run, (&Who::of_this_account(), &deed.words), what)?;
    Ok(format!("{} is {done}{}", deed.about(), follows(cx, &deed.run, &deed.short)?))
}

/// Says who goes on with it. Where nothing is left that could, what is said of a run at its end is said anew.
fn follows(cx: &Context, id: &RunId, short: &str) -> Result<String> {
    let store = cx.store()?;
    if lock::is_owned(&store.paths(id))? {
        return Ok(String::new());
    }
    let run = store.load_run(id)?.context("the run is recorded")?;
    if !decide::goes_on(&run) {
        resume::close(cx, store.layout(), id)?;
        return Ok(String::new());
    }
    Ok(match run.open_gates().next() {
        Some(gate) => format!("; {} is still open", gate.id),
        None => format!("; {} goes on with it", resume_command(store.layout(), &run, short)),
    })
}
