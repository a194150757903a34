//! `crew show`: one agent, team or workflow, whole; or a task of a run.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::pruned;
use super::run::registry;
use super::task_attempts;
use crate::domain::nearest::nearest;
use crate::domain::resources::{AgentFile, Library, Step, Team, Workflow};
use crate::domain::words::clean_text;
use crate::store::database::Store;
use anyhow::Result;
use serde_json::{Value, json};

/// Show an agent, a team or a workflow, or all attempts of a task
///
/// One name is that of an agent, a team or a workflow. A run and a task (`crew show last fix`, `crew show 7k2:fix`) show
/// each attempt of the task: who worked on it, how it ended, and why it was tried again or was not.
#[derive(Debug, clap::Args)]
pub struct ShowArgs {
    /// Name of an agent, team or workflow, of which all that have it are shown; or a run and one of its tasks
    #[arg(value_name = "NAME|RUN")]
    name: String,

    /// Task of that run
    #[arg(value_name = "TASK")]
    task: Option<String>,
}

/// The longest text that is shown, in bytes.
const MAX_SHOWN: usize = 4 * 1024 * 1024;

/// Shows what has a name.
pub fn show(cx: &Context, args: &ShowArgs) -> Result<ExitStatus> {
    let ShowArgs { name, task } = args;
    if task.is_some() || name.contains(':') {
        return show_task(cx, name, task.as_deref());
    }
    let layout = cx.layout()?;
    let trusted = cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &[], trusted)?;
    let library = cx.library(&layout, &registry(&settings)?, trusted)?;
    let shown = described(&library, name);
    if shown.is_empty() {
        if let Some(stone) =
            Store::open_existing(&layout)?.and_then(|store| pruned::find(&store, name).transpose())
        {
            return pruned::show(cx, &stone?);
        }
        return Err(unknown(cx, &library, name).into());
    }
    if cx.printer.json {
        let data: Vec<Value> = shown.into_iter().map(|(value, _)| value).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": data.len()}}))?;
    } else {
        for (at, (_, text)) in shown.iter().enumerate() {
            let gap = if at > 0 { "\n" } else { "" };
            cx.printer.data(&format!("{gap}{}", clean_text(text, MAX_SHOWN).trim_end()))?;
        }
    }
    Ok(ExitStatus::Done)
}

fn show_task(cx: &Context, name: &str, task: Option<&str>) -> Result<ExitStatus> {
    let store = cx.store()?;
    let named = cx.find_typed(&store, name, task)?;
    task_attempts::show(cx, &store, &named)
}

fn described(library: &Library, name: &str) -> Vec<(Value, String)> {
    let agent = library.agents.get(name).map(describe_agent);
    let team = library.teams.get(name).map(describe_team);
    let workflow = library.workflows.get(name).map(describe_workflow);
    [agent, team, workflow].into_iter().flatten().collect()
}

fn unknown(cx: &Context, library: &Library, name: &str) -> Problem {
    let is_task = || {
        let store = cx.store().ok()?;
        cx.find_typed(&store, "last", Some(name)).ok()
    };
    let names = library.agents.keys().chain(library.teams.keys()).chain(library.workflows.keys());
    let hint = nearest(name, names.map(String::as_str))
        .map_or("crew list shows what there is".to_owned(), |near| format!("did you mean `{near}`?"));
    let hint = is_task().map_or(hint, |_| format!("crew show last {name} shows the task of the newest run"));
    Problem::refused("unknown_name", format!("there is no agent, team or workflow `{name}`")).hint(hint)
}

fn describe_agent(agent: &AgentFile) -> (Value, String) {
    let AgentFile {
        name,
        description,
        model,
        fallback_models,
        thinking,
        tools,
        max_turns,
        routing,
        prompt,
        source,
    } = agent;
    let thinking = thinking.map(|thinking| thinking.name());
    let value = json!({
        "kind": "agent", "name": name, "description": description, "model": model, "fallback_models": fallback_models,
        "thinking": thinking, "tools": tools, "max_turns": max_turns, "prompt": prompt, "source": source,
        "triggers": routing.triggers, "use_when": routing.use_when, "avoid_when": routing.avoid_when,
        "cost": routing.cost, "category": routing.category,
    });
    let mut text = format!("agent {name}  ({})\n{description}\n", source.path);
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text.push_str(&format!("{key}: {value}\n"));
        }
    };
    line("model", model.clone());
    line("fallback models", Some(fallback_models.join(", ")));
    line("thinking", thinking.map(str::to_owned));
    line("tools", Some(tools.join(", ")));
    line("max turns", max_turns.map(|turns| turns.to_string()));
    line("use when", Some(routing.use_when.join("; ")));
    line("avoid when", Some(routing.avoid_when.join("; ")));
    text.push_str(&format!("\n{prompt}\n"));
    (value, text)
}

fn describe_team(team: &Team) -> (Value, String) {
    let roles: Vec<Value> = team
        .roles
        .iter()
        .map(|role| json!({"name": role.name, "agent": role.agent, "model": role.model, "description": role.description}))
        .collect();
    let value = json!({
        "kind": "team", "name": team.name, "description": team.description, "workflow": team.workflow,
        "max_concurrency": team.max_concurrency, "budget": team.budget, "worktree": team.worktree, "link": team.link, "roles": roles, "source": team.source,
    });
    let mut text = format!(
        "team {}  ({})\n{}\nworkflow: {}\n",
        team.name, team.source.path, team.description, team.workflow
    );
    if let Some(most) = team.max_concurrency {
        text.push_str(&format!("tasks at once: {most}\n"));
    }
    text.push_str(&places(team.worktree, &team.link));
    for role in &team.roles {
        text.push_str(&format!("- {}: agent={} {}\n", role.name, role.agent, role.description));
    }
    (value, text)
}

fn describe_workflow(workflow: &Workflow) -> (Value, String) {
    let steps: Vec<Value> = workflow.steps.iter().map(step_json).collect();
    let value = json!({
        "kind": "workflow", "name": workflow.name, "description": workflow.description,
        "max_concurrency": workflow.max_concurrency, "steps": steps, "source": workflow.source,
    });
    let mut text =
        format!("workflow {}  ({})\n{}\n", workflow.name, workflow.source.path, workflow.description);
    for step in &workflow.steps {
        let after = if step.depends_on.is_empty() {
            String::new()
        } else {
            format!("  after {}", step.depends_on.join(", "))
        };
        let what = step.run.as_ref().map_or_else(|| format!("role {}", step.role), |run| format!("$ {run}"));
        text.push_str(&format!("\n## {}  {what}{after}\n", step.id));
        if let Some(when) = &step.when {
            text.push_str(&format!("when: {when}\n"));
        }
        if !step.writes.is_empty() {
            text.push_str(&format!("writes: {}\n", step.writes.join(", ")));
        }
        text.push_str(&places(step.worktree, &step.link));
        if let Some(work) = &step.reviews {
            text.push_str(&format!("reviews: {work}\n"));
        }
        if step.rounds > 0 {
            text.push_str(&format!("rounds: {}\n", step.rounds));
        }
        step.verify.iter().for_each(|command| text.push_str(&format!("verify: {command}\n")));
        if step.run.is_none() {
            text.push_str(&format!("{}\n", step.task.trim()));
        }
    }
    (value, text)
}

/// Returns the lines that say where the work is done, as far as a file says so.
fn places(worktree: Option<bool>, link: &[String]) -> String {
    let worktree = worktree.map(|worktree| format!("worktree: {worktree}\n"));
    let link = (!link.is_empty()).then(|| format!("link: {}\n", link.join(", ")));
    worktree.into_iter().chain(link).collect()
}

fn step_json(step: &Step) -> Value {
    json!({
        "id": step.id, "role": step.role, "agent": step.agent, "depends_on": step.depends_on, "run": step.run,
        "reviews": step.reviews, "rounds": step.rounds,
        "verify": step.verify, "timeout_seconds": step.timeout.map(|timeout| timeout.as_secs()), "retries": step.retries,
        "backoff_ms": step.backoff.map(|backoff| backoff.as_millis() as u64),
        "continue_on_error": step.continue_on_error, "when": step.when, "confidence": step.confidence,
        "budget": step.budget, "output": step.output, "reads": step.reads, "writes": step.writes, "worktree": step.worktree, "link": step.link, "model": step.model, "task": step.task, "line": step.line,
    })
}
