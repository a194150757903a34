//! `crew events`: the record of a run, from the first event on.

use super::context::Context;
use super::exit::ExitStatus;
use crate::domain::cancelling;
use crate::domain::event::{Event, Recorded, ToolResult};
use crate::domain::gate::Decision;
use crate::domain::merging::Merging;
use crate::domain::review::by_person::PersonReview;
use crate::domain::words::clean_line;
use crate::domain::worktree::MovedReference;
use crate::store::lock;
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// How often the record is looked at while it is followed.
const LOOK: Duration = Duration::from_millis(50);
/// Events read at once.
const PAGE: usize = 1000;

/// Print the events of a run
///
/// Everything recorded comes first, then what happens from now on, with no gap and nothing twice. `--follow` ends with
/// the run. With `--json` and `--follow`, each line is one event.
#[derive(Debug, clap::Args)]
pub struct EventsArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// Only events after this sequence number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: i64,

    /// Go on until the run ends
    #[arg(long, short)]
    follow: bool,
}

/// Prints events.
pub fn events(cx: &Context, args: &EventsArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let mut since = args.since;
    let mut all: Vec<Value> = Vec::new();
    loop {
        // Looked at before the events: what a dying owner recorded last is still read below.
        let owned = lock::is_owned(&store.paths(&id))?;
        let mut ended = false;
        loop {
            let page = store.events(&id, since, PAGE)?;
            for recorded in &page {
                since = recorded.seq;
                ended = matches!(recorded.event, Event::RunEnded { .. });
                match (cx.printer.json, args.follow) {
                    (true, true) => cx.printer.json(&serde_json::to_value(recorded)?)?,
                    (true, false) => all.push(serde_json::to_value(recorded)?),
                    (false, _) => cx.printer.data(&line_of(recorded))?,
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
        if !args.follow || ended || !owned {
            break;
        }
        std::thread::sleep(LOOK);
    }
    if cx.printer.json && !args.follow {
        let count = all.len();
        cx.printer.json(&json!({"data": all, "meta": {"count": count, "last_seq": since}}))?;
    }
    Ok(ExitStatus::Done)
}

fn line_of(recorded: &Recorded) -> String {
    let Recorded { seq, at, event, .. } = recorded;
    let task = event.task().map_or("-", |task| task.as_str());
    let attempt = event.attempt().map_or(String::new(), |attempt| format!(".{attempt}"));
    format!("{seq:>6}  {at}  {:20}  {:24}  {}", event.kind(), format!("{task}{attempt}"), detail_of(event))
        .trim_end()
        .to_owned()
}

/// Returns a commit's id as people see it.
fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

pub(super) fn detail_of(event: &Event) -> String {
    let detail = match event {
        Event::RunCreated { goal, .. } => goal.clone(),
        Event::TaskCreated { spec } => spec.role().to_owned(),
        Event::DispatcherStarted { process }
        | Event::ProcessStarted { process, .. }
        | Event::AttemptAdopted { process, .. } => {
            format!("pid {}", process.pid)
        }
        Event::AttemptStarted { agent, .. } => agent.clone(),
        Event::WorktreeAdded { path, base, .. } => format!("{path}  from {}", short(base)),
        Event::SessionStarted { session, .. } => session.clone(),
        Event::ToolInvoked { tool, arguments, result, .. } => {
            let result = match result {
                ToolResult::Ok => "",
                ToolResult::Error => "(failed) ",
                ToolResult::Denied => "(denied) ",
                ToolResult::Unfinished => "(did not come back) ",
            };
            format!("{result}{tool} {arguments}")
        }
        Event::AgentWaited { reason, .. } if reason.is_empty() => "it goes on".into(),
        Event::AgentWaited { reason, .. } | Event::SubmissionRefused { reason, .. } => reason.clone(),
        Event::SubmissionAccepted { handed_in, .. } => {
            let sure = handed_in.confidence().map(|confidence| format!("  confidence {confidence}"));
            format!("{}{}  {}", handed_in.kind().name(), sure.unwrap_or_default(), handed_in.summary())
        }
        Event::NoteTaken { note, .. } => format!("{}  {}", note.kind().name(), note.words()),
        Event::AgentNudged { .. } => "it has handed in nothing and is reminded".into(),
        Event::FilesApplied { files, .. } => {
            let named: Vec<String> =
                files.iter().map(|file| format!("{} {}", file.mode.name(), file.path)).collect();
            named.join(", ")
        }
        Event::VerificationStarted { .. } => String::new(),
        Event::VerificationEnded { command, ending, cached, .. } => {
            let source = if *cached { " (from the record)" } else { "" };
            format!("{command}: {}{source}", crate::domain::judgement::ending_words(ending))
        }
        Event::GateOpened { gate, about, .. } => format!("{gate}  {}", about.words()),
        Event::GateDecided { gate, decision, by, note, .. } => {
            let answer = match decision {
                Decision::Answered { answer } => format!(": {answer}"),
                _ => String::new(),
            };
            format!("{gate}  {} by {by}{answer}  {note}", decision.name())
        }
        Event::TaskAccepted { by, note, .. } => format!("by {by}  {note}"),
        Event::TaskRequeued { by, reason, asked, .. } => {
            let other = [("agent", &asked.agent), ("model", &asked.model)];
            let other = other.iter().filter_map(|(what, name)| Some(format!("  {what} {}", name.as_ref()?)));
            format!("by {by}  {reason}{}  {}", other.collect::<String>(), asked.note)
        }
        Event::ReviewRoundBegun { reviewers, round, note, .. } => {
            let reviewers: Vec<&str> = reviewers.iter().map(|task| task.as_str()).collect();
            format!("{round}  for {}  {note}", reviewers.join(", "))
        }
        Event::TaskDeadLettered { why, by, note, last_error, .. } => {
            format!("{} by {by}  {note}  {last_error}", why.name())
        }
        Event::DeadLetterDropped { by, reason, .. } => format!("by {by}  {reason}"),
        Event::PersonReviewed(PersonReview { by, review, .. }) => format!("by {by}  {}", review.summary()),
        Event::FindingDecided { fingerprint, decision, by, why, .. } => {
            format!("{fingerprint} {} by {by}  {why}", decision.name())
        }
        Event::DeadLettersPiledUp { count } => format!("{count} within an hour"),
        Event::TreeChecked { check, .. } if !check.unseen.is_empty() => check.unseen.clone(),
        Event::TreeChecked { check, .. } if check.is_changed() => {
            format!("{}: {}", check.words(), check.what_changed())
        }
        Event::TreeChecked { .. } => "nothing has changed".into(),
        Event::WorkKept { commit, reference, files, insertions, deletions, set_aside, .. } => {
            let files = words::count(*files as usize, "file");
            let beside = match set_aside.is_empty() {
                true => String::new(),
                false => format!("  beside it, on no branch: {}", set_aside.join(", ")),
            };
            format!("{}  {files}, +{insertions} -{deletions}  {reference}{beside}", short(commit))
        }
        Event::ReferencesMoved { moved, .. } => {
            moved.iter().map(MovedReference::words).collect::<Vec<_>>().join("; ")
        }
        Event::ConflictGiven { number, agent, files, into, by, .. } => {
            format!("{number}  {} to {agent}, into {into}  by {by}", files.join(", "))
        }
        Event::ConflictResolved { number, agent, files, commit, one_sided, .. } => {
            let one_sided = match one_sided.is_empty() {
                true => String::new(),
                false => format!("  as one side had it: {}", one_sided.join(", ")),
            };
            format!("{number}  {} by {agent}  {}{one_sided}", files.join(", "), short(commit))
        }
        Event::ConflictLeft { number, agent, reasons, reference, .. } => {
            let kept = reference.as_ref().map(|kept| format!("  kept at {kept}")).unwrap_or_default();
            format!("{number}  {agent}: {}{kept}", reasons.join("; "))
        }
        Event::MergeBegun { merging } | Event::WorkMerged { merging } => {
            let tasks: Vec<&str> = merging.tasks.iter().map(|merged| merged.task.as_str()).collect();
            let Merging { into, from, to, how, by, .. } = merging;
            format!("{} by {how} into {into}  {} -> {}  by {by}", tasks.join(", "), short(from), short(to))
        }
        Event::MergeGivenUp { into, to, why } => format!("into {into}, to {}  {why}", short(to)),
        Event::WorktreeRemoved { path, branch_deleted, kept, by, .. } => {
            let branch = if *branch_deleted { " with its branch" } else { "" };
            let kept = if kept.is_empty() { String::new() } else { format!(", kept at {}", kept.join(", ")) };
            format!("{path}{branch} by {by}{kept}")
        }
        Event::ArtifactKept { path, bytes, .. } => format!("{path} ({bytes} bytes)"),
        Event::AttemptEnded { outcome, reason, .. } => format!("{} {reason}", outcome.name()),
        Event::TaskSkipped { reason, .. } | Event::TaskCancelled { reason, .. } => reason.clone(),
        Event::TaskFailed { error_kind, reason, .. } => format!("{error_kind}: {reason}"),
        Event::BudgetWarned { level, what, spent, limit, .. } => {
            format!("{}: {spent} of {limit} {}", level.name(), what.name())
        }
        Event::ConflictsSeen { clashes, .. } if clashes.is_empty() => "none left".into(),
        Event::ConflictsSeen { clashes, more } => {
            let (conflicts, others): (Vec<_>, Vec<_>) =
                clashes.iter().map(|clash| clash.words()).partition(Option::is_some);
            let mut said: Vec<String> = conflicts.into_iter().flatten().collect();
            match others.len() + *more as usize {
                0 => {}
                others => said.push(format!("{} touch the same files", words::count(others, "pair"))),
            }
            said.join("; ")
        }
        Event::BudgetChanged { budget } => serde_json::to_string(budget).unwrap_or_default(),
        Event::ClockJumped { asleep, held_up, set } => words::gap(*asleep, *held_up, *set),
        Event::StopAsked { level, by } => format!("{by}, level {level}"),
        Event::CancelAsked { by, reason, .. } => cancelling::words(by, reason),
        Event::RunImported(imported) => imported.words(),
        Event::RunEnded { state } => state.name().to_owned(),
    };
    clean_line(&detail, 200)
}
