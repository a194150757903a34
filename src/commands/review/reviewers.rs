//! `crew review reviewers`: who can review here; and the choice of those that do.

use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem, Problems};
use crate::commands::run;
use crate::domain::resources::Library;
use crate::domain::review::reviewers::{Called, Nobody};
use crate::domain::settings::{self, Settings};
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use anyhow::Result;
use serde_json::{Value, json};

/// A reviewer that can be started here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    /// As people call it: `claude:security`.
    pub name: String,
    /// The agent, or the reviewer's own name where it is a command.
    pub program: String,
    /// `reviewer` or `security-reviewer`.
    pub role: String,
    /// The agent file that says who it is; empty where there is none.
    pub persona: String,
    pub model: Option<String>,
    /// Models to go on with, in order, where that one is not available.
    pub fallback_models: Vec<String>,
    pub thinking: Option<String>,
    /// Wall time of its pass, where the settings say.
    pub minutes: Option<u64>,
}

/// Chooses the reviewers that names call, or without any those of `review.default`; says everything that is wrong.
pub fn choose(
    names: &[String],
    settings: &Settings,
    registry: &Registry,
    library: &Library,
) -> Result<Vec<Reviewer>, Problems> {
    let default = settings.names(&settings::REVIEW_DEFAULT);
    let names = if names.is_empty() { &default } else { names };
    let (called, missing) = registry.reviewers().call(names);
    let unknown = |nobody: &Nobody| Problem::usage("unknown_name", nobody.to_string()).hint(&*nobody.hint);
    let mut problems: Vec<Problem> = missing.iter().map(unknown).collect();
    for one in called.iter().filter(|one| registry.installed(&one.program).is_none()) {
        let program = registry.program(&one.program).map_or(one.program.as_str(), |agent| agent.program());
        let message = format!("reviewer `{}`: `{program}` is not on PATH", one.name);
        let hint = "install it, or choose others with --reviewer; crew review reviewers lists them";
        problems.push(Problem::usage("agent_not_found", message).hint(hint));
    }
    if called.is_empty() && problems.is_empty() {
        let hint = format!("crew config set {} builtin", settings::REVIEW_DEFAULT.key);
        problems.push(Problem::usage("no_reviewer", "nobody is named to review").hint(hint));
    }
    match problems.is_empty() {
        true => Ok(called.into_iter().map(|one| with_persona(one, registry, library)).collect()),
        false => Err(Problems(problems)),
    }
}

/// Gives a reviewer what the agent file of its role says.
fn with_persona(called: Called, registry: &Registry, library: &Library) -> Reviewer {
    let file = library.agents.get(&called.role);
    // A command is no agent: what it is to think with is up to its own settings.
    let thinks = registry.get(&called.program).is_some() && called.program != builtin::NAME;
    let thinking = file.filter(|_| thinks).and_then(|file| file.thinking);
    let (model, fallback_models) = match (&called.model, file.filter(|_| thinks)) {
        (Some(model), _) => (Some(model.clone()), Vec::new()),
        (None, Some(file)) => (file.model.clone(), file.fallback_models.clone()),
        (None, None) => (None, Vec::new()),
    };
    Reviewer {
        persona: file.map(|file| file.name.clone()).unwrap_or_default(),
        thinking: thinking.map(|thinking| thinking.name().to_owned()),
        name: called.name,
        program: called.program,
        role: called.role,
        model,
        fallback_models,
        minutes: called.minutes,
    }
}

/// Lists those who can review here.
pub fn list(cx: &Context) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let trusted = cx.trusts(&layout)?;
    let settings = cx.settings(&layout, &[], trusted)?;
    let registry = run::registry(&settings)?;
    let (library, _) = cx.library_with_problems(&layout, &registry, trusted);
    let known = registry.reviewers();
    let (usual, _) = known.call(&settings.names(&settings::REVIEW_DEFAULT));
    if let Err(Problems(problems)) = choose(&[], &settings, &registry, &library) {
        let key = settings::REVIEW_DEFAULT.key;
        problems.iter().for_each(|problem| cx.printer.warn(&format!("{key}: {problem}")));
    }
    let all = known.all();
    let is_usual = |one: &Called| usual.iter().any(|usual| usual.name == one.name);
    let place = |one: &Called| registry.installed(&one.program).map(|path| path.display().to_string());
    if cx.printer.json {
        let as_json = |one: &Called| {
            let mut json = json!(one);
            json["default"] = json!(is_usual(one));
            json["path"] = json!(place(one));
            json
        };
        let data: Vec<Value> = all.iter().map(as_json).collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": all.len(), "default": usual.len()}}))?;
        return Ok(ExitStatus::Done);
    }
    let mut table = Rows::new(&[
        ("reviewer", Column::Left),
        ("role", Column::Left),
        ("model", Column::Left),
        ("default", Column::Left),
        ("program", Column::Wide),
    ]);
    for one in &all {
        let plain = |text: &str| (text.to_owned(), Tone::Plain);
        let program = match place(one) {
            Some(path) => plain(&path),
            None => ("not installed".to_owned(), Tone::Faint),
        };
        let model = one.model.as_deref().unwrap_or("-");
        let usual = if is_usual(one) { "yes" } else { "-" };
        table.add(vec![plain(&one.name), plain(&one.role), plain(model), plain(usual), program]);
    }
    cx.printer.data(&table.render(&cx.printer))?;
    Ok(ExitStatus::Done)
}
