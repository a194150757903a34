//! The built-in agent as a child process: it is started like every other agent and hands in like every other agent.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::submit::{self, Place};
use crate::agents::protocol::{self, Line};
use crate::builtin::report::{self, TaskResult};
use crate::builtin::{explore, toolchain, verify};
use crate::domain::finding::Severity;
use crate::domain::request::{Answer, Ask, Submission};
use crate::domain::submission::{HandedIn, PlanBody, REVIEWERS, ResultBody, ReviewBody, ReviewVerdict};
use crate::domain::words::clean_line;
use crate::review::{self, Examination, RuleSet, Target};
use crate::runner::launch::{ReviewedRange, TaskContext};
use crate::ui::words;
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Work as the built-in agent (started by crew itself)
#[derive(Debug, clap::Args)]
pub struct BuiltinAgentArgs {
    /// explorer, reviewer, security-reviewer, verifier or writer
    role: String,
}

/// Does what the role asks for and hands in the result.
pub fn work(_cx: &Context, args: &BuiltinAgentArgs) -> Result<ExitStatus> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        // The second signal ends us the usual way.
        signal_hook::flag::register_conditional_default(signal, stop.clone())
            .context("listen for signals")?;
        signal_hook::flag::register(signal, stop.clone()).context("listen for signals")?;
    }
    let place = Place::of_environment()?;
    let folder = std::env::current_dir().context("find the current folder")?;
    let outcome = work_of(&args.role, &folder, &stop).and_then(|handed_in| {
        say(&Line::Message { text: handed_in.summary() });
        let body = match &handed_in {
            HandedIn::Review(review) => serde_json::to_value(review)?,
            HandedIn::Result(result) => serde_json::to_value(result)?,
            other => serde_json::to_value(other)?,
        };
        let request = place.request(Ask::Submit(Submission { kind: handed_in.kind(), body }));
        submit::ask(&place, &request)
    });
    let (ok, text) = match outcome {
        Ok(Some(Answer::Accepted { .. })) => (true, None),
        Ok(Some(Answer::Refused { message, .. })) => (false, Some(format!("refused: {message}"))),
        Ok(None) => (false, Some("nothing can be handed in from here".into())),
        Err(error) => (false, Some(format!("{error:#}"))),
    };
    say(&Line::End { ok, text });
    Ok(if ok { ExitStatus::Done } else { ExitStatus::Failed })
}

/// Speaks a line of the protocol.
fn say(line: &Line) {
    // A dispatcher that is gone does not hear us; the result is handed in through the inbox.
    let _ = writeln!(std::io::stdout().lock(), "{}", protocol::line(line));
}

fn progress(text: &str) {
    say(&Line::Message { text: clean_line(text, 300) });
}

/// Does the work. A reviewer of exact commits comes to a verdict, whatever else lies in the folder.
fn work_of(role: &str, folder: &Path, stop: &AtomicBool) -> Result<HandedIn> {
    match context()?.reviewed.filter(|_| REVIEWERS.contains(&role)) {
        Some(ReviewedRange { base, head }) => {
            let rules = if role == "reviewer" { RuleSet::All } else { RuleSet::Security };
            // Nobody tells us to take one commit for another.
            let git = Git::at(folder).with("GIT_NO_REPLACE_OBJECTS", "1");
            judge(&git, Target::Range { base, head }, rules).map(HandedIn::Review)
        }
        None => result_of(role, folder, stop).map(HandedIn::Result),
    }
}

fn result_of(role: &str, folder: &Path, stop: &AtomicBool) -> Result<ResultBody> {
    let git = Git::at(folder);
    match role {
        "explorer" => Ok(explore::explore(&git, &mut progress).context("map the repository")?.to_result()),
        "reviewer" => review(&git, RuleSet::All),
        "security-reviewer" => review(&git, RuleSet::Security),
        "verifier" => {
            let files = git.entries(&["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
            let commands =
                toolchain::find_commands(&files, &|path| std::fs::read_to_string(folder.join(path)).ok());
            Ok(verify::verify(folder, &commands, &verify::Limits::default(), stop, &mut progress).to_result())
        }
        "writer" => write_report(),
        other => Err(Problem::usage("role", format!("the built-in agent has no role `{other}`")).into()),
    }
}

/// Examines a target, and finds it good unless something is an error or worse.
fn judge(git: &Git, target: Target, rules: RuleSet) -> Result<ReviewBody> {
    progress(&format!("examining {}", described(&target)));
    let examination = review::examine(git, &target, rules).context("examine it")?;
    let is_grave = examination.findings.iter().any(|finding| finding.severity >= Severity::Error);
    Ok(ReviewBody {
        verdict: if is_grave { ReviewVerdict::ChangesRequested } else { ReviewVerdict::Approved },
        body: what_was_examined(&examination, &target),
        findings: examination.findings,
        resolved: Vec::new(),
    })
}

/// Says what was examined, and what was not.
fn what_was_examined(examination: &Examination, target: &Target) -> String {
    let Examination { files, added, removed, .. } = examination;
    let files = words::count(*files, "file");
    let skipped: String = examination.skipped.iter().map(|skipped| format!("- {skipped}\n")).collect();
    format!("Examined {}: {files}, +{added} -{removed}.\n{skipped}", described(target))
}

fn review(git: &Git, rules: RuleSet) -> Result<ResultBody> {
    let target = review::choose_target(git).context("choose what to review")?;
    progress(&format!("examining {}", described(&target)));
    let examination = review::examine(git, &target, rules).context("examine it")?;
    let grave = examination.findings.iter().filter(|finding| finding.severity >= Severity::Error).count();
    let found = match examination.findings.len() {
        0 => "no findings".to_owned(),
        count => format!("{} ({grave} of error or worse)", words::count(count, "finding")),
    };
    let files = words::count(examination.files, "file");
    Ok(ResultBody {
        summary: format!("{found} in {files} ({})", described(&target)),
        confidence: 1.0,
        rationale:
            "Only what a program can know for certain was looked for; design and logic were not judged".into(),
        details: Some(what_was_examined(&examination, &target)),
        findings: examination.findings,
        ..ResultBody::default()
    })
}

fn described(target: &Target) -> String {
    match target {
        Target::Range { base, head } => format!("the change from {} to {}", short(base), short(head)),
        Target::Worktree => "the uncommitted changes".into(),
        Target::Tree => "the whole tree".into(),
    }
}

/// Shortens a commit's full name; any other name stays.
fn short(commit: &str) -> &str {
    let is_hash = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &commit[..10] } else { commit }
}

/// Returns a plan as the result that it is of its task.
fn as_result(plan: PlanBody) -> ResultBody {
    let details = Some(plan.to_markdown());
    let PlanBody { summary, confidence, rationale, risks, .. } = plan;
    ResultBody { summary, confidence, rationale, risks, details, ..ResultBody::default() }
}

/// Reads what crew says of the task and of those before it.
fn context() -> Result<TaskContext> {
    let path = std::env::var_os("CREW_CONTEXT").context("CREW_CONTEXT is not set")?;
    let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).context("read what earlier tasks handed in")
}

fn write_report() -> Result<ResultBody> {
    let context = context()?;
    let results: Vec<TaskResult> = context
        .earlier
        .into_iter()
        .map(|earlier| TaskResult {
            task: earlier.task,
            role: earlier.role,
            state: earlier.state,
            reason: (!earlier.reason.is_empty()).then_some(earlier.reason),
            result: earlier.result.or_else(|| earlier.plan.map(as_result)),
            review: earlier.review,
        })
        .collect();
    Ok(report::report(&context.goal, &results))
}
