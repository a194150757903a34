//! `crew review show`: the report of a review once more, or one of its findings whole.

use super::known::NewOnlyArgs;
use super::named::{self, Found, Named};
use super::outputs::OutputArgs;
use super::report::{self, BarArgs};
use super::steps;
use super::text::{idle, next_steps, place, severity_tone};
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use crate::domain::finding::{Finding, Standing};
use crate::domain::review::deciding::Decision;
use crate::domain::review::report::voices;
use crate::domain::words::{clean_line, clean_text};
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::reviews::FindingDecision;
use crate::ui::words;
use anyhow::Result;
use serde_json::{Value, json};

/// The most bytes of a finding's words that are shown.
const MAX_SHOWN: usize = 50_000;

/// Show the report of a review once more, or one of its findings whole
///
/// Of a run that does more than review, each of its steps that review is shown. Nothing is reviewed again. The exit code is that of the review: 0 clean, 5 for findings, 6 for an incomplete one; for one
/// finding it is 0.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// A review: the beginning of its id, or `last`
    review: String,

    /// A finding of it, by the beginning of its fingerprint
    #[arg(value_name = "FINGERPRINT")]
    finding: Option<String>,

    #[command(flatten)]
    bar: BarArgs,

    #[command(flatten)]
    new_only: NewOnlyArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Shows a review, or one of its findings.
pub fn show(cx: &Context, args: &ShowArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let review = named::find(cx, &store, &args.review)?;
    if let Some(typed) = &args.finding {
        let found = review.found();
        return show_finding(cx, &store, &review, named::pick(&found, typed, &review.short)?);
    }
    let outputs = args.output.read(cx.printer.json)?;
    let Some(order) = &review.run.review else {
        return steps::show(cx, &store, &review, (&args.bar, &args.new_only), &outputs);
    };
    let bar = args.bar.over(order.bar);
    let known = args.new_only.known(cx, store.layout(), &order.target)?;
    let of_run = (&**order, &review.run.id);
    let concluded = report::conclude(&store, Some(&review.run), of_run, (bar, &known))?;
    // What the review was asked for with is as it was.
    if bar.agree > order.bar.agree {
        let reviewers = voices(concluded.report.reviewers.iter().map(|one| one.name.as_str()));
        report::refuse_agree(bar.agree, reviewers, "ask for fewer, or for another review")?;
    }
    let exit = outputs.tell(cx, &concluded)?;
    if outputs.is_for_people() {
        next_steps(&concluded, &review.short).iter().for_each(|step| cx.printer.tell(step));
    }
    Ok(exit)
}

fn show_finding(cx: &Context, store: &Store, review: &Named, one: &Found<'_>) -> Result<ExitStatus> {
    let finding = &one.finding;
    let mut decisions = store.finding_decisions()?;
    decisions.retain(|decision| decision.fingerprint == finding.fingerprint);
    if cx.printer.json {
        let said: Vec<Value> = decisions.iter().map(decision_json).collect();
        let json = json!({"review": review.run.id, "run": one.run.id, "finding": finding, "reviewers": one.reviewers,
            "agreeing": review.agreeing(&finding.fingerprint),
            "stands": one.stands, "decisions": said});
        cx.printer.json(&json)?;
        return Ok(ExitStatus::Done);
    }
    let say = |words: &str| cx.printer.data(&idle(words));
    let severity = cx.printer.tint(severity_tone(finding.severity), finding.severity.name());
    say(&format!("{severity}  {}  {}", place(finding), clean_line(&finding.title, 160)))?;
    let agreeing = review.agreeing(&finding.fingerprint);
    say(&grounds(one, if agreeing.is_empty() { &one.reviewers } else { &agreeing }))?;
    let parts = [("", &finding.quote), ("", &finding.body)];
    let suggestion = finding.suggestion.as_ref().map(|text| ("suggestion", text));
    for (name, text) in parts.into_iter().chain(suggestion).filter(|(_, text)| !text.trim().is_empty()) {
        let heading = if name.is_empty() { String::new() } else { format!("{name}\n") };
        say(&format!("\n{heading}{}", indented(text)))?;
    }
    if !decisions.is_empty() {
        say("")?;
    }
    for decision in &decisions {
        say(&decision_line(store, decision)?)?;
    }
    let (short, print) = (&review.short, &finding.fingerprint);
    let last = decisions.last().map(|decision| decision.decided.decision);
    cx.printer.tell(&match last {
        None | Some(Decision::Reopened) => {
            format!("next  crew review dismiss {short} {print} --why TEXT    or    crew review resolve {short} {print} --why TEXT")
        }
        Some(_) => format!("next  crew review reopen {short} {print} --why TEXT"),
    });
    Ok(ExitStatus::Done)
}

/// Says who found it and how sure they are.
fn grounds(one: &Found<'_>, reviewers: &[String]) -> String {
    let Finding { category, confidence, fingerprint, standing, .. } = &one.finding;
    let names: Vec<String> = reviewers.iter().map(|name| clean_line(name, 60)).collect();
    let agree = if names.len() > 1 { " agree" } else { "" };
    let aside = match standing {
        Some(Standing::OutsideDiff) => "  on lines that did not change",
        Some(Standing::InDiff | Standing::Whole) | None => "",
    };
    let gone = if one.stands { "" } else { "  not found any more" };
    let category = clean_line(category, 80);
    format!("{fingerprint}  {category}  {}{agree}  {confidence:.2}{aside}{gone}", names.join(", "))
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = clean_text(text, MAX_SHOWN).lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn decision_line(store: &Store, decision: &FindingDecision) -> Result<String> {
    let decided = &decision.decided;
    let ago = words::duration(clock::now().since(decided.at));
    let kind = decided.feedback.map(|kind| format!(" ({})", kind.name())).unwrap_or_default();
    let evidence =
        decided.evidence.as_ref().map(|text| format!("; {}", clean_line(text, 400))).unwrap_or_default();
    let by = clean_line(&decided.by, 100);
    let why = clean_line(&decided.why, 400);
    let short = store.short(&decision.run)?;
    Ok(format!("{} by {by}, {ago} ago, in {short}{kind}: {why}{evidence}", decided.decision.name()))
}

fn decision_json(decision: &FindingDecision) -> Value {
    let mut json = json!(decision.decided);
    json["run"] = json!(decision.run);
    json
}
