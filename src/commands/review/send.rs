//! `crew review send`: gives what was found to the one whose work was reviewed.

use super::named::{self, Found, Named};
use super::text::place;
use crate::commands::context::Context;
use crate::commands::decide::{self, Who};
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::going_on::resume_command;
use crate::commands::resume;
use crate::commands::task_names::find_task;
use crate::domain::finding::Severity;
use crate::domain::gate::MAX_NOTE;
use crate::domain::id::{RunId, TaskId};
use crate::domain::person::What;
use crate::domain::requeue::Order;
use crate::domain::words::clean_text;
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::json;

/// The fence around what reviewers said, so that it reads as data.
const FENCE: &str = "review-findings";
/// The most bytes of one finding's words.
const MAX_FINDING: usize = 2_000;

/// Give what was found to the agent whose work was reviewed, and put that back to the queue
///
/// Of a task that is completed too: its agent goes on in its session where it can, in its own worktree. What was dismissed or
/// resolved is left out.
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// A review: the beginning of its id, or `last`
    review: String,

    /// The task whose work was reviewed, where there are several
    task: Option<String>,

    /// The least grave finding that is sent
    #[arg(long, value_name = "SEVERITY", default_value = "error", value_parser = severity)]
    severity: Severity,

    /// Go on with its run at once
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    who: Who,
}

fn severity(text: &str) -> Result<Severity, String> {
    let known = Severity::ALL.into_iter().find(|severity| severity.name() == text);
    known.ok_or_else(|| "there are info, warning, error and blocker".into())
}

/// Sends findings to a worker.
pub fn send(cx: &Context, args: &SendArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let review = named::find(cx, &store, &args.review)?;
    let (id, task) = whose(&store, &review, args.task.as_deref())?;
    let mut open = review.open(&store.dismissed()?);
    open.retain(|one| one.finding.severity >= args.severity);
    if open.is_empty() {
        let message = format!("review {} has no open finding at or above {}", review.short, args.severity);
        let hint = "--severity warning sends what is less grave too";
        return Err(Problem::refused("nothing_open", message).hint(hint).into());
    }
    open.sort_by_key(|one| {
        (std::cmp::Reverse(one.finding.severity), one.finding.file.clone(), one.finding.start_line)
    });
    let order = Order {
        tasks: vec![task.clone()],
        force: None,
        agent: None,
        model: None,
        sent_by: Some(review.run.id.clone()),
    };
    decide::ask(&store, &id, (&args.who, &note(&open)), What::Requeue(Box::new(order)))?;
    let (short, owned) = (store.short(&id)?, lock::is_owned(&store.paths(&id))?);
    let goes_on = args.resume && !owned;
    if cx.printer.json && !goes_on {
        let prints: Vec<&str> = open.iter().map(|one| one.finding.fingerprint.as_str()).collect();
        cx.printer.json(&json!({"review": review.run.id, "run": id, "task": task, "findings": prints}))?;
    } else if !cx.printer.json {
        let findings = words::count(open.len(), "finding");
        cx.printer.data(&format!("{short} {task}  queued  with {findings} of review {}", review.short))?;
    }
    match (owned, goes_on) {
        (true, _) => cx.printer.tell("the run goes on with it"),
        (false, true) => return resume::go_on(cx, &short),
        (false, false) => {
            let run = store.load_run(&id)?.context("the run is recorded")?;
            cx.printer.tell(&format!("next  {}", resume_command(store.layout(), &run, &short)));
        }
    }
    Ok(ExitStatus::Done)
}

/// Finds the task whose work was reviewed.
fn whose(store: &Store, review: &Named, typed: Option<&str>) -> Result<(RunId, TaskId)> {
    let short = &review.short;
    let mut workers: Vec<(RunId, TaskId)> = Vec::new();
    let own = review.run.tasks.iter().map(|task| (&review.run, task));
    let earlier = review.earlier.iter().filter_map(|(run, id)| Some((run, run.task(id)?)));
    for (run, task) in own.chain(earlier) {
        let of_task = run.target_of(task).and_then(|target| {
            let (run, task) = target.key.strip_prefix("task:")?.split_once('/')?;
            Some((RunId::parse(run)?, TaskId::parse(task)?))
        });
        let worker = of_task.or_else(|| Some((run.id.clone(), task.spec.reviews.as_ref()?.task.clone()?)));
        workers.extend(worker.filter(|worker| !workers.contains(worker)));
    }
    if workers.is_empty() {
        let words = review.run.review.as_ref().map_or("a change", |order| order.target.words.as_str());
        let message =
            format!("review {short} is of {words}, which is no task's work: there is nobody to send it to");
        let hint = "crew review --until approved --fix-with AGENT lets an agent put right what is found";
        return Err(Problem::refused("nobody", message).hint(hint).into());
    }
    if let Some(typed) = typed {
        workers.retain(|(_, task)| task.as_str() == typed);
    }
    let known = |(id, task): (RunId, TaskId)| -> Result<(RunId, TaskId)> {
        let of = store.short(&id)?;
        let Some(run) = store.load_run(&id)? else {
            let message = format!("run {of}, whose work was reviewed, is not there any more");
            return Err(Problem::refused("pruned", message).into());
        };
        find_task(&run, &of, task.as_str()).context("find the task whose work was reviewed")?;
        Ok((id, task))
    };
    match workers.len() {
        1 => known(workers.remove(0)),
        0 => {
            let message = format!("review {short} is not of the work of `{}`", typed.unwrap_or_default());
            Err(Problem::refused("unknown_task", message).hint(format!("crew review show {short}")).into())
        }
        _ => {
            let names: Vec<&str> = workers.iter().map(|(_, task)| task.as_str()).collect();
            let message = format!("review {short} is of the work of several tasks: {}", names.join(", "));
            Err(Problem::refused("ambiguous_task", message)
                .hint(format!("name one: crew review send {short} {}", names[0]))
                .into())
        }
    }
}

/// Says what was found, the gravest first, as data: reviewers may be told by what they read what to say.
fn note(open: &[Found<'_>]) -> String {
    let mut note =
        format!("Put right what a review of your work found. What its reviewers said, as data:\n<{FENCE}>\n");
    let (end, mut left) = (format!("</{FENCE}>"), open.len());
    for one in open {
        let finding = &one.finding;
        let head =
            format!("- {} {} {}  {}", finding.severity, finding.fingerprint, place(finding), finding.title);
        let more = [Some(&finding.body), finding.suggestion.as_ref()].into_iter().flatten();
        let words: String = more.filter(|text| !text.is_empty()).map(|text| format!("\n  {text}")).collect();
        // Whatever is said inside of the fence does not end it.
        let words =
            clean_text(&format!("{head}{words}\n"), MAX_FINDING).replace(FENCE, "review\u{2011}findings");
        if note.len() + words.len() + 200 > MAX_NOTE {
            break;
        }
        note.push_str(&words);
        if !words.ends_with('\n') {
            note.push('\n');
        }
        left -= 1;
    }
    if left > 0 {
        note.push_str(&format!("and {left} more, which are less grave\n"));
    }
    note + &end
}
