//! `crew gates` and `crew gate explain`: what waits for a person, and why something would.

use super::context::Context;
use super::decide::{find_gate, how_to_decide};
use super::exit::{ExitStatus, Problem};
use super::going_on::resume_command;
use crate::domain::gate::{self, About, Gate, GatePolicy, GateReason, HARMLESS};
use crate::domain::id::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::settings::{self, Settings};
use crate::domain::tree_check::TreeCheck;
use crate::domain::words::{clean_line, clean_text};
use crate::runner::clock;
use crate::store::artifacts;
use crate::store::database::Store;
use crate::store::layout::RunPaths;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most runs whose gates are listed.
const MAX_RUNS: usize = 1_000;
/// The most bytes of a plan or a result that are shown.
const MAX_SHOWN: usize = 200_000;
/// The most characters of a line of the grounds for a decision.
const MAX_LINE: usize = 1_000;

/// Show what waits for you
///
/// Without a name, the open gates of all runs are listed.
#[derive(Debug, clap::Args)]
pub struct GatesArgs {
    /// A gate to show whole, or a run: the beginning of its id, or `last`
    what: Option<String>,

    /// List those that were decided too
    #[arg(long)]
    all: bool,
}

/// Look into gates
#[derive(Debug, clap::Args)]
pub struct GateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Explain(ExplainArgs),
}

/// Say whether an action needs your word, and by which setting
///
/// Decides as a run would, and writes nothing.
#[derive(Debug, clap::Args)]
struct ExplainArgs {
    /// An action (`deploy`), or a run and one of its tasks
    #[arg(value_name = "ACTION|RUN")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,

    /// Where the action happens
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,

    /// The confidence of the work that it rests on, from 0 to 1
    #[arg(long, value_name = "0..1")]
    confidence: Option<f64>,
}

/// Lists gates, or shows one.
pub fn gates(cx: &Context, args: &GatesArgs) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let Some(store) = Store::open_existing(&layout)? else { return show_list(cx, &[], args.all) };
    let runs: Vec<RunId> = match args.what.as_deref() {
        Some(gate) if gate.starts_with('g') && gate[1..].parse::<u64>().is_ok() => {
            return show(cx, &store, gate);
        }
        Some(run) => vec![cx.find_run(&store, run)?],
        None => store.runs_with_gates(!args.all, MAX_RUNS)?,
    };
    let mut found = Vec::new();
    for id in runs {
        let short = store.short(&id)?;
        let run = store.load_run(&id)?.context("the run is recorded")?;
        let listed = run.gates.iter().filter(|gate| args.all || gate.decided.is_none());
        found.extend(listed.map(|gate| (short.clone(), gate.clone())));
    }
    show_list(cx, &found, args.all)
}

fn show_list(cx: &Context, gates: &[(String, Gate)], all: bool) -> Result<ExitStatus> {
    if cx.printer.json {
        let of_run = |(run, gate): &(String, Gate)| {
            let mut shown = gate_json(gate);
            shown["run"] = json!(run);
            shown
        };
        let data: Vec<Value> = gates.iter().map(of_run).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": gates.len()}}))?;
        return Ok(ExitStatus::Done);
    }
    if gates.is_empty() {
        cx.printer.tell(if all { "there are no gates" } else { "nothing waits for you" });
        return Ok(ExitStatus::Done);
    }
    let mut rows = Rows::new(&[
        ("gate", Column::Left),
        ("run", Column::Left),
        ("task", Column::Left),
        ("waits", Column::Right),
        ("left", Column::Right),
        ("state", Column::Left),
        ("", Column::Wide),
    ]);
    for (run, gate) in gates {
        let now = clock::now();
        let waited = gate.decided.as_ref().map_or(now, |decided| decided.at).since(gate.opened_at);
        let left = match (&gate.decided, gate.expires_at) {
            (Some(_), _) | (None, None) => "-".to_owned(),
            (None, Some(at)) => words::duration(at.since(now)),
        };
        let (state, tone) = state_of(gate);
        let plain = |text: String| (text, Tone::Plain);
        rows.add(vec![
            plain(gate.id.to_string()),
            plain(run.clone()),
            plain(gate.task.to_string()),
            plain(words::duration(waited)),
            plain(left),
            (state, tone),
            plain(clean_line(&gate.about.words(), 200)),
        ]);
    }
    cx.printer.data(&rows.render(&cx.printer))?;
    let first = gates.iter().find(|(_, gate)| gate.decided.is_none());
    if let Some((_, gate)) = first {
        cx.printer.tell(&format!("next  crew gates {}    shows it whole, and what to type", gate.id));
    }
    Ok(ExitStatus::Done)
}

fn state_of(gate: &Gate) -> (String, Tone) {
    match &gate.decided {
        Some(decided) => {
            let word = format!("{} by {}", decided.decision.name().replace('_', " "), decided.by);
            (clean_line(&word, 60), Tone::Faint)
        }
        None if gate.is_overdue(clock::now()) => ("timed out".into(), Tone::Bad),
        None => ("open".into(), Tone::Attention),
    }
}

/// Tells programs of a gate, without the run that it belongs to.
pub(super) fn gate_json(gate: &Gate) -> Value {
    let decided = gate.decided.as_ref().map(|decided| {
        json!({"decision": decided.decision, "by": decided.by, "note": decided.note, "at": decided.at})
    });
    json!({
        "id": gate.id.to_string(), "task": gate.task, "attempt": gate.attempt, "gate": gate.about,
        "opened_at": gate.opened_at, "expires_at": gate.expires_at,
        "overdue": gate.is_overdue(clock::now()), "decided": decided,
    })
}

/// Shows one gate whole: what is asked, the work it is about, and what to type.
fn show(cx: &Context, store: &Store, typed: &str) -> Result<ExitStatus> {
    let (id, gate) = find_gate(store, typed)?;
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let short = store.short(&id)?;
    let gate = run.gate(gate).context("the gate is recorded")?;
    let work = work_of(&store.paths(&id), gate);
    let grounds = Grounds::of(store, &run, gate);
    if cx.printer.json {
        let mut shown = gate_json(gate);
        shown["run"] = json!(short);
        shown["work"] = json!(work);
        shown["grounds"] = json!(grounds);
        cx.printer.json(&shown)?;
        return Ok(ExitStatus::Done);
    }
    let (state, tone) = state_of(gate);
    cx.printer.data(&format!("{}  {}  {} of {short}", gate.id, cx.printer.tint(tone, &state), gate.task))?;
    cx.printer.data(&format!("\n  {}", indented(&gate.about.words())))?;
    if let About::Question { options, default, .. } = &gate.about {
        for (at, option) in options.iter().enumerate() {
            let is_default =
                if Some(option) == default.as_ref() { "  (holds if nobody answers in time)" } else { "" };
            cx.printer.data(&format!("  {}  {}{is_default}", at + 1, clean_line(option, 400)))?;
        }
    }
    if let Some(work) = &work {
        cx.printer.data(&format!("\n  {}", indented(work)))?;
    }
    for (at, line) in grounds.iter().flat_map(Grounds::lines).enumerate() {
        let between = if at == 0 { "\n" } else { "" };
        cx.printer.data(&format!("{between}  {line}"))?;
    }
    if let Some(decided) = gate.decided.as_ref().filter(|decided| !decided.note.is_empty()) {
        cx.printer.data(&format!("\n  {} said: {}", decided.by, indented(&decided.note)))?;
    }
    if gate.decided.is_none() {
        cx.printer.tell("");
        for (command, what) in how_to_decide(gate, &resume_command(store.layout(), &run, &short))
            .iter()
            .filter(|(command, _)| !command.starts_with("crew gates"))
        {
            cx.printer.tell(&format!("  {command:44}  {what}"));
        }
    }
    Ok(ExitStatus::Done)
}

/// Returns what the attempt handed in that a gate is about.
pub fn work_of(paths: &RunPaths, gate: &Gate) -> Option<String> {
    let attempt = gate.attempt.filter(|_| !matches!(gate.about, About::Question { .. }))?;
    let path = paths.artifacts().join(artifacts::result_text_of(&gate.task, attempt));
    Some(clean_text(&std::fs::read_to_string(path).ok()?, MAX_SHOWN))
}

/// What there is to go by where a person decides about something that was handed in.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Grounds {
    /// How sure the agent says it is, and why.
    confidence: Option<f64>,
    rationale: String,
    /// Why it changed nothing, in its words.
    no_change_reason: Option<String>,
    /// What it changed, as crew saw it; of a plan nothing, which has been checked.
    tree: Option<TreeCheck>,
}

impl Grounds {
    /// Reads them from what the attempt handed in; a step that ends without handing in leaves only what crew saw.
    fn of(store: &Store, run: &Run, gate: &Gate) -> Option<Grounds> {
        let number = gate.attempt.filter(|_| !matches!(gate.about, About::Question { .. }))?;
        let attempt = run.task(&gate.task)?.attempts.iter().find(|attempt| attempt.number == number)?;
        let path = store.paths(&run.id).artifacts().join(artifacts::result_of(&gate.task, number));
        let said = std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let tree = attempt.tree.as_deref().filter(|_| matches!(gate.about, About::Result { .. })).cloned();
        Some(Grounds { tree, ..said.unwrap_or_default() })
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(sure) = self.confidence {
            lines.push(format!("confidence {sure}: {}", clean_line(&self.rationale, MAX_LINE)));
        }
        match &self.tree {
            Some(tree) if tree.is_changed() => {
                let told = [tree.words(), tree.what_changed()].into_iter().filter(|words| !words.is_empty());
                let told = told.collect::<Vec<_>>().join(": ");
                lines.push(clean_line(&format!("changed {told}"), MAX_LINE));
            }
            Some(tree) if tree.unseen.is_empty() => {
                let why = self.no_change_reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                lines.push(clean_line(&format!("changed nothing{why}"), MAX_LINE));
            }
            _ => {}
        }
        lines
    }
}

fn indented(text: &str) -> String {
    clean_text(text.trim_end(), MAX_SHOWN).replace('\n', "\n  ")
}

/// Says what a run would decide about an action.
pub fn gate(cx: &Context, args: &GateArgs) -> Result<ExitStatus> {
    let What::Explain(args) = &args.what;
    if let Some(sure) = args.confidence.filter(|sure| !(0.0..=1.0).contains(sure)) {
        return Err(Problem::usage("usage", format!("--confidence {sure} is not between 0 and 1")).into());
    }
    let layout = cx.layout()?;
    let settings = cx.settings(&layout, &[], cx.trusts(&layout)?)?;
    let mut case = Case {
        action: args.name.clone(),
        environment: args.environment.clone(),
        confidence: args.confidence,
        by_step: false,
    };
    if let Some(task) = &args.task {
        case = case_of_task(cx, &args.name, task, case)?;
    }
    let policy = GatePolicy::of(&settings);
    let reason = gate::should_gate(&case.action, case.environment.as_deref(), case.confidence, &policy);
    let gated = reason != GateReason::Auto || case.by_step;
    if cx.printer.json {
        cx.printer.json(&json!({
            "action": case.action, "environment": case.environment, "confidence": case.confidence,
            "gated": gated, "reason": reason, "gated_by_step": case.by_step,
        }))?;
        return Ok(ExitStatus::Done);
    }
    let place = case.environment.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
    let verdict = if gated { "needs your word" } else { "needs nobody's word" };
    let name = if reason == GateReason::Auto && gated { "its step" } else { reason.name() };
    cx.printer.data(&format!("{}{place}  {verdict}  ({name})", clean_line(&case.action, 100)))?;
    cx.printer.tell(&why(&case, reason, &settings));
    Ok(ExitStatus::Done)
}

/// What is asked about.
struct Case {
    action: String,
    environment: Option<String>,
    confidence: Option<f64>,
    /// The step wants a gate before it starts, whatever the settings say.
    by_step: bool,
}

fn case_of_task(cx: &Context, run: &str, task: &str, asked: Case) -> Result<Case> {
    let store = cx.store()?;
    let id = cx.find_run(&store, run)?;
    let short = store.short(&id)?;
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let found = TaskId::parse(task).and_then(|task| run.task(&task).cloned());
    let task = found.ok_or_else(|| {
        Problem::refused("unknown_task", format!("there is no task `{task}` in this run"))
            .hint(format!("crew status {short} shows them"))
    })?;
    Ok(Case {
        action: task.spec.action().to_owned(),
        environment: asked.environment.or_else(|| task.spec.environment.clone()),
        confidence: asked.confidence.or_else(|| gate::confidence_below(&run, &task)),
        by_step: task.spec.gates.before,
    })
}

/// Says by which setting it came out that way.
fn why(case: &Case, reason: GateReason, settings: &Settings) -> String {
    let Case { action, environment, confidence, by_step } = case;
    let policy = GatePolicy::of(settings);
    let place = environment.as_deref().unwrap_or_default();
    match reason {
        GateReason::HighRiskAction if policy.risky_actions.contains(action) => {
            format!("{action} is one of {}", settings::GATE_RISKY.key)
        }
        GateReason::HighRiskAction => format!(
            "{action} is not known to stay in the repository; to let it go: crew config set {} {action}",
            settings::GATE_ALLOWED.key
        ),
        GateReason::GatedEnvironment => format!("{place} is one of {}", settings::GATE_ENVIRONMENTS.key),
        GateReason::LowConfidence => format!(
            "confidence {} is less than {} ({})",
            confidence.unwrap_or_default(),
            settings::GATE_CONFIDENCE.key,
            policy.confidence_threshold
        ),
        GateReason::Auto if *by_step => "its step says `gate: before`".into(),
        GateReason::Auto if HARMLESS.contains(&action.as_str()) => {
            format!("{action} stays in the repository and can be undone")
        }
        GateReason::Auto => format!("{action} is one of {}", settings::GATE_ALLOWED.key),
    }
}
