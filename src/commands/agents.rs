//! `crew agents`: the programs that can work on a task, as this machine has them.

use super::context::Context;
use super::exit::ExitStatus;
use super::run::registry;
use crate::agents::abilities::{self, Abilities, SignedIn};
use crate::agents::registry::Registry;
use crate::agents::{builtin, known};
use crate::runner::environment::Environment;
use crate::runner::version::version_of;
use crate::store::layers;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Look at the programs that can work on a task
#[derive(Debug, clap::Args)]
pub struct AgentsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the agents with version, sign-in and what each can do
    ///
    /// Nothing is asked of a model, so whether a key still works is not known here; `crew doctor --probe` finds out.
    List,
}

/// Looks at agents.
pub fn agents(cx: &Context, args: &AgentsArgs) -> Result<ExitStatus> {
    match args.what {
        What::List => list(cx),
    }
}

/// An agent, as far as this machine has it.
pub struct Found {
    pub name: String,
    /// Where its program is.
    pub path: Option<PathBuf>,
    /// What it says of its version, or why it does not run; `None` where it was not asked.
    pub version: Option<Result<String, String>>,
    pub signed_in: SignedIn,
}

/// Looks for every agent and asks each that crew knows for its version, all at once.
pub fn look_at(registry: &Registry) -> Vec<Found> {
    let environment = Environment::of_ours(&[], Path::new("/nonexistent"));
    std::thread::scope(|scope| {
        let asked: Vec<_> = registry
            .all()
            .iter()
            .map(|(name, agent)| {
                let environment = &environment;
                // Nobody knows what a program of the settings does when it is asked for its version.
                let of_ours = known().iter().any(|known| known.name() == name.as_str());
                scope.spawn(move || {
                    let path = registry.installed(name);
                    let version = match &path {
                        Some(path) if of_ours => Some(version_of(path, agent.version_args(), environment)),
                        _ if name == builtin::NAME => Some(Ok(env!("CARGO_PKG_VERSION").to_owned())),
                        _ => None,
                    };
                    let variable = |name: &str| std::env::var(name).ok();
                    let signed_in =
                        abilities::signed_in(&**agent, variable, |path| layers::read_text(path).ok());
                    Found { name: name.clone(), path, version, signed_in }
                })
            })
            .collect();
        asked.into_iter().filter_map(|asking| asking.join().ok()).collect()
    })
}

fn list(cx: &Context) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let registry = registry(&cx.settings(&layout, &[], cx.trusts(&layout)?)?)?;
    let found = look_at(&registry);
    let rows: Vec<(&Found, Abilities)> = found
        .iter()
        .filter_map(|found| Some((found, Abilities::of(&**registry.get(&found.name)?))))
        .collect();
    if cx.printer.json {
        let data: Vec<Value> = rows.iter().map(|(found, abilities)| as_json(found, abilities)).collect();
        let installed = found.iter().filter(|found| found.path.is_some()).count();
        cx.printer.json(&json!({"data": data, "meta": {"count": rows.len(), "installed": installed}}))?;
        return Ok(ExitStatus::Done);
    }
    let mut table = Rows::new(&[
        ("agent", Column::Left),
        ("version", Column::Left),
        ("signed in", Column::Left),
        ("read-only by", Column::Left),
        ("writes", Column::Left),
        ("resume", Column::Left),
        ("thinking", Column::Left),
        ("system prompt", Column::Left),
        ("prices", Column::Left),
        ("program", Column::Wide),
    ]);
    for (found, abilities) in &rows {
        table.add(as_row(found, abilities));
    }
    cx.printer.data(&table.render(&cx.printer))?;
    Ok(ExitStatus::Done)
}

fn as_json(found: &Found, abilities: &Abilities) -> Value {
    let (version, problem) = match &found.version {
        Some(Ok(version)) => (Some(version), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    json!({
        "agent": found.name,
        "path": found.path.as_ref().map(|path| path.display().to_string()),
        "version": version,
        "problem": problem,
        "signed_in": found.signed_in.name(),
        "signed_in_by": found.signed_in.by(),
        "read_only_by": abilities.read_only.name(),
        "writes": abilities.writes,
        "resumes": abilities.resumes,
        "thinking": abilities.thinking,
        "system_prompt": abilities.system_prompt,
        "max_turns": abilities.max_turns,
        "prices": abilities.prices,
    })
}

fn as_row(found: &Found, abilities: &Abilities) -> Vec<(String, Tone)> {
    let plain = |text: &str| (text.to_owned(), Tone::Plain);
    let yes = |is: bool| plain(if is { "yes" } else { "no" });
    let version = match &found.version {
        Some(Ok(version)) => plain(version),
        Some(Err(_)) => ("does not run".to_owned(), Tone::Bad),
        None if found.path.is_some() => plain("?"),
        None => ("-".to_owned(), Tone::Faint),
    };
    let thinking = match abilities.thinking.as_slice() {
        [] => "-".to_owned(),
        [only] => (*only).to_owned(),
        [first, .., last] => format!("{first} to {last}"),
    };
    let program = match (&found.path, &found.version) {
        (_, Some(Err(problem))) => (problem.clone(), Tone::Bad),
        (Some(path), _) => plain(&path.display().to_string()),
        (None, _) => ("not installed".to_owned(), Tone::Faint),
    };
    vec![
        plain(&found.name),
        version,
        plain(found.signed_in.name()),
        plain(abilities.read_only.name()),
        yes(abilities.writes),
        yes(abilities.resumes),
        plain(&thinking),
        plain(if abilities.system_prompt { "own" } else { "in prompt" }),
        plain(match abilities.prices {
            Some(true) => "yes",
            Some(false) => "no",
            None => "?",
        }),
        program,
    ]
}
