//! `crew doctor --probe`: one word from an agent's real model.

use super::context::Context;
use super::doctor_agents::watch_signals;
use super::exit::{self, ExitStatus, Problem};
use super::run::registry;
use crate::agents::builtin;
use crate::agents::registry::Registry;
use crate::conformance::probe::{self, Answered, Asked, Silence};
use crate::domain::error_kind::ErrorKind;
use crate::domain::nearest::nearest;
use crate::domain::settings::{self, Settings};
use crate::domain::words::clean_line;
use crate::runner::environment::Environment;
use crate::runner::process;
use crate::ui::progress::Lines;
use crate::ui::words;
use anyhow::Result;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// The most characters of an answer that are shown; one word was asked for.
const MAX_ANSWER: usize = 200;

/// Asks an agent for one word and tells what came of it.
pub fn probe(cx: &Context, name: &str, model: Option<&str>, patience: Duration) -> Result<ExitStatus> {
    let settings = settings_here(cx)?;
    let registry = registry(&settings)?;
    let asked = asked(&registry, &settings, name, model, patience)?;
    let stop = Arc::new(AtomicBool::new(false));
    watch_signals(&stop)?;
    process::adopt_orphans();
    let lines = Lines::new(&cx.printer);
    lines.show(name, "asking for one word".to_owned());
    let answer = probe::ask(&asked, &stop);
    lines.take_away(name);
    match answer {
        Ok(answered) => {
            exit::unless_nobody_reads(tell(cx, name, &answered))?;
            Ok(ExitStatus::Done)
        }
        Err(Silence::Interrupted) => Ok(ExitStatus::Interrupted),
        Err(Silence::Failed { kind, message }) => {
            let problem = Problem::usage(kind.name(), format!("{name} did not answer: {kind}: {message}"));
            let hint = match kind {
                ErrorKind::Unknown | ErrorKind::ProtocolError => format!("`{name}` by hand may say more"),
                ErrorKind::AgentTimeout => "--patience waits longer".to_owned(),
                kind => kind.hint().to_owned(),
            };
            Err(Problem { exit: ExitStatus::Failed, ..problem }.hint(hint).into())
        }
        Err(Silence::Unsupported(error)) => Err(Problem::usage("unsupported", error.to_string()).into()),
        Err(Silence::Io(error)) => Err(error.into()),
    }
}

/// Reads the settings that hold here; outside of a repository there are the defaults.
fn settings_here(cx: &Context) -> Result<Settings> {
    match cx.layout() {
        Ok(layout) => cx.settings(&layout, &[], cx.trusts(&layout)?),
        Err(_) => Ok(Settings::default()),
    }
}

fn asked(
    registry: &Registry,
    settings: &Settings,
    name: &str,
    model: Option<&str>,
    patience: Duration,
) -> Result<Asked, Problem> {
    let Some(agent) = registry.get(name) else {
        let names = registry.names();
        let problem = Problem::usage("unknown_agent", format!("there is no agent `{name}` here"));
        let near = nearest(name, names.iter().map(String::as_str));
        return Err(problem.hint(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "crew agents list shows them".to_owned(),
        }));
    };
    if name == builtin::NAME {
        let problem = Problem::usage("no_model", "the built-in agent has no model to ask");
        return Err(problem.hint("crew agents list shows the others"));
    }
    let Some(program) = registry.installed(name) else {
        let problem =
            Problem::usage(ErrorKind::AgentNotFound.name(), format!("`{}` is not on PATH", agent.program()));
        return Err(Problem { exit: ExitStatus::Failed, ..problem }.hint("install it"));
    };
    Ok(Asked {
        agent: Arc::clone(agent),
        program,
        environment: Environment::of_ours(&settings.names(&settings::ENV_PASS), Path::new("/nonexistent")),
        model: model.map(str::to_owned),
        patience,
    })
}

fn tell(cx: &Context, name: &str, answered: &Answered) -> Result<()> {
    let words = clean_line(&answered.words, MAX_ANSWER);
    let usage = &answered.usage;
    if cx.printer.json {
        let millis = |time: Duration| time.as_millis() as u64;
        return Ok(cx.printer.json(&json!({
            "agent": name,
            "model": answered.model,
            "answer": words,
            "first_words_millis": answered.first_words.map(millis),
            "millis": millis(answered.elapsed),
            "usage": usage,
        }))?);
    }
    let latency = match answered.first_words {
        Some(first) => {
            format!(
                "first words after {}, ended after {}",
                words::duration(first),
                words::duration(answered.elapsed)
            )
        }
        None => format!("ended after {}", words::duration(answered.elapsed)),
    };
    let cost = match usage.cost_usd {
        None => format!("{} tokens, {name} reports no price", words::tokens(usage.tokens())),
        Some(_) => format!("{} tokens, {}", words::tokens(usage.tokens()), words::cost(usage.cost_usd)),
    };
    let model = answered.model.as_deref().unwrap_or("its own choice, not named");
    for (what, text) in
        [("agent", name), ("model", model), ("answer", &words), ("latency", &latency), ("usage", &cost)]
    {
        cx.printer.data(&format!("{what:9}  {text}"))?;
    }
    Ok(())
}
