//! `crew doctor --bundle`: what a report of a mistake needs, in one file that a person looks at before they share it.
//!
//! Of the environment only names are in it, of variables and addresses in the settings only that they are set. All else goes
//! through the redactor, which knows the secrets of our environment and of the settings too.

use super::agents;
use super::context::Context;
use super::exit::{self, ExitStatus, Problem};
use super::places;
use super::run::registry;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::RunId;
use crate::domain::redact::{HIDDEN, Redactor};
use crate::domain::run::Run;
use crate::domain::settings::{self, Kind, Setting, Settings};
use crate::domain::task::TaskState;
use crate::domain::words::clean_text;
use crate::metrics::reading::{self, Window};
use crate::metrics::registry::Series;
use crate::runner::{clock, environment, process};
use crate::store::StoreError;
use crate::store::database::{SCHEMA, Store};
use crate::store::layout::{self, Layout};
use crate::store::lock;
use crate::store::log_tail;
use crate::ui::words;
use crate::workspace::git::Git;
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The shape of a bundle.
const VERSION: u32 = 1;
/// How many of the newest events are in it.
const EVENTS: usize = 200;
/// How many of the newest runs are.
const RUNS: usize = 20;
/// How many logs of each sort are.
const LOGS: usize = 5;
/// How much of each log's end is, in bytes.
const TAIL: u64 = 16 * 1024;
/// The most bytes of a text; prompts may be books.
const MAX_TEXT: usize = 4_000;

/// Writes a bundle. `findings` are those of the doctor.
pub fn write(cx: &Context, output: Option<&Path>, findings: Vec<Value>) -> Result<ExitStatus> {
    let layout = cx.layout().ok();
    let settings =
        layout.as_ref().map(|layout| cx.trusts(layout).and_then(|trusted| cx.settings(layout, &[], trusted)));
    let mut bundle = json!({
        "bundle": VERSION, "made_at": clock::now(), "versions": versions(cx, settings.as_ref()), "doctor": findings,
        "settings": settings_json(settings.as_ref()), "environment": environment_names(),
    });
    let mut store = layout.as_ref().map(Store::open_existing);
    match &mut store {
        Some(Ok(Some(store))) => put_store(&mut bundle, store),
        Some(Err(error)) => bundle["store"] = wrong(error),
        Some(Ok(None)) | None => bundle["store"] = Value::Null,
    }
    let store = store.and_then(Result::ok).flatten();
    let rows = store.as_ref().and_then(|store| store.runs(RUNS).ok()).unwrap_or_default();
    let loaded = rows.iter().filter_map(|row| store.as_ref()?.load_run(&row.id).ok().flatten());
    let runs: Vec<Run> = loaded.collect();
    let words = redactor(settings.as_ref().and_then(|settings| settings.as_ref().ok()), &runs);
    if let Some(layout) = &layout {
        let ids: Vec<&RunId> = rows.iter().map(|row| &row.id).collect();
        bundle["logs"] = json!(logs(layout, (&ids, &runs), &words));
    }
    words.value(&mut bundle);
    let home = std::env::var("HOME").ok().filter(|home| home.len() > 1);
    tidy(&mut bundle, home.as_deref());
    let text = serde_json::to_string_pretty(&bundle)?;
    if output == Some(Path::new("-")) {
        cx.printer.data(&text)?;
        return Ok(ExitStatus::Done);
    }
    let text = format!("{text}\n");
    let path = match output {
        Some(path) => cx.folder.join(path),
        None => default_path(&cx.folder, layout.as_ref())?,
    };
    create(&path, &text)?;
    tell(cx, &path, text.len() as u64, &bundle)?;
    Ok(ExitStatus::Done)
}

/// Names a file by the time. Among those that agents work on it would be a change of theirs, so that it lies in crew's own
/// folder, wherever that is there.
fn default_path(folder: &Path, layout: Option<&Layout>) -> Result<PathBuf> {
    let now = clock::now().to_string();
    let digits: String = now.chars().take(19).filter(char::is_ascii_digit).collect();
    let folder = match layout.filter(|layout| layout.root().is_dir()) {
        Some(layout) => places::make_exports(layout)?,
        None => folder.to_owned(),
    };
    Ok(folder.join(format!("crew-bundle-{digits}.json")))
}

/// Makes a file for its owner alone, which is there with all of it or not at all.
fn create(path: &Path, text: &str) -> Result<()> {
    let refused = || {
        Problem::refused("exists", format!("{} is there already", path.display()))
            .hint("crew overwrites nothing; name another file with --output")
    };
    if path.symlink_metadata().is_ok() {
        return Err(refused().into());
    }
    places::make_new(path, text.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow::Error::new(refused()),
        _ => anyhow::Error::new(error).context(format!("write {}", path.display())),
    })
}

/// Says an error with its causes, in the place of what could not be told.
fn wrong(error: &StoreError) -> Value {
    json!({"error": exit::with_causes(error)})
}

fn tell(cx: &Context, path: &Path, bytes: u64, bundle: &Value) -> Result<()> {
    let count = |name: &str| match &bundle[name] {
        Value::Array(list) => list.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    let inside: Vec<(&str, usize)> =
        ["doctor", "settings", "environment", "runs", "events", "liveness", "metrics", "logs"]
            .map(|name| (name, count(name)))
            .to_vec();
    if cx.printer.json {
        let inside: Map<String, Value> =
            inside.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        cx.printer.json(&json!({"file": path, "bytes": bytes, "holds": inside}))?;
        return Ok(());
    }
    cx.printer.data(&path.display().to_string())?;
    let words = [
        ("doctor", "finding of the doctor"),
        ("settings", "setting, with its origin"),
        ("environment", "variable, without a value"),
        ("runs", "run"),
        ("events", "event, the newest"),
        ("liveness", "sign of life"),
        ("metrics", "figure"),
        ("logs", "log, the end alone"),
    ];
    cx.printer
        .tell(&format!("{}; versions of crew, git, the system and the agents, and:", words::size(bytes)));
    for (name, what) in words {
        let number = inside.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        let (noun, rest) =
            what.split_once([',', ' ']).map_or((what, ""), |(noun, _)| (noun, &what[noun.len()..]));
        cx.printer.tell(&format!("  {}{rest}", words::count(number, noun)));
    }
    cx.printer.tell("secrets were taken out as far as crew knows them; look at it before you share it");
    Ok(())
}

/// Returns what hides the secrets of our environment, and what of the settings and of runs is nobody's business, wherever
/// it was put in.
fn redactor(settings: Option<&Settings>, runs: &[Run]) -> Redactor {
    let mut more = Vec::new();
    for (key, value, _) in settings.map(Settings::list).unwrap_or_default() {
        if let Some(text) = value.as_str().filter(|_| is_withheld(&key)) {
            more.push(text.to_owned());
        }
    }
    for run in runs {
        more.extend(run.vars.values().cloned());
    }
    // By a name that says so, whatever it was called; what is short may stand anywhere.
    let known = more.into_iter().map(|text| ("SETTING_SECRET".into(), text.into()));
    environment::hiding_ours(&known.collect::<Vec<_>>())
}

/// Tells whether of a setting's value only that it is set is anybody's business: people's own words, and addresses in which a
/// token stands.
fn is_withheld(key: &str) -> bool {
    key == settings::NOTIFY_WEBHOOK.key
        || key.strip_prefix(settings::VARS.key).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns of a setting's value what everybody may see: of an address who is spoken to, of a command the program, since a
/// key may stand in the rest.
fn public(key: &str, mut value: Value) -> Value {
    if key == settings::OTLP_ENDPOINT.key {
        return value.as_str().map_or(value.clone(), |address| json!(host_alone(address)));
    }
    let is_below = |table: &Setting| key.strip_prefix(table.key).is_some_and(|rest| rest.starts_with('.'));
    if (is_below(&settings::AGENTS) || is_below(&settings::REVIEW_REVIEWERS))
        && let Some(Value::String(command)) = value.get_mut("command")
    {
        *command = program_alone(command);
    }
    if key == settings::MERGE_VERIFY.key
        || settings::ALL.iter().any(|known| known.key == key && known.kind == Kind::Command)
    {
        shorten(&mut value);
    }
    value
}

/// Leaves of a command, or of each of several, the program.
fn shorten(value: &mut Value) {
    match value {
        Value::String(command) => *command = program_alone(command),
        Value::Array(commands) => commands.iter_mut().for_each(shorten),
        _ => {}
    }
}

fn host_alone(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return HIDDEN.to_owned() };
    let (place, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = place.rsplit('@').next().unwrap_or_default();
    let hidden = if rest.trim_matches('/').is_empty() { "" } else { HIDDEN };
    format!("{scheme}://{host}{}{hidden}", if rest.is_empty() { "" } else { "/" })
}

fn program_alone(command: &str) -> String {
    let command = command.trim();
    let end = match command.chars().next() {
        // A path with a space in it.
        Some(quote @ ('"' | '\'')) => command[1..].find(quote).map_or(command.len(), |at| at + 2),
        _ => command.find(char::is_whitespace).unwrap_or(command.len()),
    };
    let (program, rest) = command.split_at(end);
    // What is set for a command before it is as secret as what it is given.
    if program.contains('=') {
        return HIDDEN.to_owned();
    }
    if rest.is_empty() { program.to_owned() } else { format!("{program} {HIDDEN}") }
}

fn settings_json(settings: Option<&Result<Settings>>) -> Value {
    match settings {
        None => Value::Null,
        Some(Err(error)) => json!([{"error": exit::in_one_line(error)}]),
        Some(Ok(settings)) => {
            let one = |(key, value, origin): (String, Value, settings::Origin)| {
                let is_set = value.as_str().is_none_or(|text| !text.is_empty());
                let value = if is_withheld(&key) && is_set { json!(HIDDEN) } else { public(&key, value) };
                json!({"key": key, "value": value, "origin": origin.to_string()})
            };
            let list: Vec<Value> = settings.list().into_iter().map(one).collect();
            let refused = settings.refused.iter().map(|why| json!({"no_effect": why}));
            json!(list.into_iter().chain(refused).collect::<Vec<_>>())
        }
    }
}

fn versions(cx: &Context, settings: Option<&Result<Settings>>) -> Value {
    let git = Git::at(&cx.folder).text(&["version"]).ok();
    let settings = settings.and_then(|settings| settings.as_ref().ok()).cloned().unwrap_or_default();
    let agents = registry(&settings).map(|registry| agents::look_at(&registry)).unwrap_or_default();
    let agents: Vec<Value> = agents
        .iter()
        .map(|agent| {
            let (version, wrong) = match &agent.version {
                Some(Ok(version)) => (Some(version), None),
                Some(Err(why)) => (None, Some(why)),
                None => (None, None),
            };
            json!({"name": agent.name, "installed": agent.path.is_some(), "version": version, "does_not_run": wrong})
        })
        .collect();
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let release = read("/etc/os-release").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
        Some(line.trim_matches('"').to_owned())
    });
    json!({
        "crew": env!("CARGO_PKG_VERSION"), "store_schema": SCHEMA, "git": git,
        "os": {"family": std::env::consts::OS, "architecture": std::env::consts::ARCH, "release": release,
            "kernel": read("/proc/sys/kernel/osrelease"), "processors": std::thread::available_parallelism().ok()},
        "agents": agents,
    })
}

fn environment_names() -> Vec<String> {
    let mut names: Vec<String> =
        std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Puts in what the record says, as far as it can be read.
fn put_store(bundle: &mut Value, store: &mut Store) {
    bundle["metrics"] = match reading::of_store(store, Window::ALL, clock::now()) {
        Ok(snapshot) => json!(snapshot.series.iter().map(Series::json).collect::<Vec<_>>()),
        Err(error) => json!([wrong(&error)]),
    };
    bundle["store"] = json!({"schema": store.version().ok(), "runs": store.run_count().ok(), "pruned": store.pruned_count().ok()});
    let (rows, unread) = match store.runs(RUNS) {
        Ok(rows) => (rows, None),
        Err(error) => (Vec::new(), Some(wrong(&error))),
    };
    let of_row = |row: &crate::store::queries::RunRow| {
        let counts: Map<String, Value> = TaskState::ALL
            .into_iter()
            .map(|state| (state.name().to_owned(), json!(row.counts.of(state))))
            .collect();
        json!({"id": row.id, "status": store.status(row).ok(), "team": row.team, "workflow": row.workflow, "goal": row.goal,
            "created_at": row.created_at, "ended_at": row.ended_at, "tasks": counts})
    };
    bundle["runs"] = json!(rows.iter().map(of_row).chain(unread).collect::<Vec<_>>());
    bundle["events"] = match store.newest_events(EVENTS) {
        Ok(events) => json!(
            events
                .iter()
                .map(|event| event.as_ref().map_or_else(|unread| json!(unread), event_json))
                .collect::<Vec<_>>()
        ),
        Err(error) => json!([wrong(&error)]),
    };
    let alive = rows.iter().filter(|row| row.is_open()).map(|row| {
        let paths = store.paths(&row.id);
        let owned = lock::is_owned(&paths).ok();
        let owner = lock::owner(&paths).filter(|_| owned == Some(true));
        let owner = owner.map(|owner| {
            json!({"pid": owner.pid, "since": owner.since, "doing": owner.doing, "stopped": process::is_stopped(owner.pid)})
        });
        json!({"run": row.id, "owned": owned, "owner": owner, "heartbeat": store.heartbeat(&row.id).ok().flatten()})
    });
    bundle["liveness"] = json!(alive.collect::<Vec<_>>());
}

/// Tells of an event all but people's own values.
fn event_json(recorded: &Recorded) -> Value {
    let mut recorded = recorded.clone();
    if let Event::RunCreated { vars, .. } = &mut recorded.event {
        vars.values_mut().for_each(|value| *value = HIDDEN.to_owned());
    }
    json!(recorded)
}

/// Returns the ends of the newest logs: those of crew itself, and those of attempts that did not go well.
fn logs(layout: &Layout, (ids, runs): (&[&RunId], &[Run]), words: &Redactor) -> Vec<Value> {
    let mut own = layout.logs_of_runs();
    own.sort();
    let mut paths: Vec<PathBuf> = own.into_iter().rev().take(LOGS).map(|(_, path)| path).collect();
    let of_runs = ids.iter().map(|id| layout.run(id).dispatcher_log()).filter(|log| log.exists());
    paths.extend(of_runs.take(LOGS));
    let of_failures = runs.iter().flat_map(|run| logs_of_failures(layout, run));
    paths.extend(of_failures.filter(|log| log.exists()).take(LOGS));
    let tail = |path: &PathBuf| {
        let tail = log_tail::safe_tail(path, words, TAIL)?;
        let lines: Vec<&str> = tail.lines().collect();
        Some(json!({"path": layout.shown(path), "bytes": path.metadata().ok()?.len(), "tail": lines}))
    };
    paths.iter().filter_map(tail).collect()
}

fn logs_of_failures(layout: &Layout, run: &Run) -> Vec<PathBuf> {
    let went_wrong = |state: TaskState| matches!(state, TaskState::Failed | TaskState::NeedsReview);
    let tasks = run.tasks.iter().filter(|task| went_wrong(task.state));
    let logs = tasks.filter_map(|task| {
        let last = task.last()?;
        Some([
            layout::log_of(&task.spec.id, last.number),
            layout::verification_log_of(&task.spec.id, last.number),
        ])
    });
    logs.flatten().map(|log| layout.run(&run.id).root().join(log)).collect()
}

/// Bounds each text, and says `~` for the home folder, which tells who somebody is.
fn tidy(value: &mut Value, home: Option<&str>) {
    match value {
        Value::String(text) => {
            if let Some(home) = home.filter(|home| text.contains(home)) {
                *text = text.replace(home, "~");
            }
            if text.len() > MAX_TEXT {
                *text = clean_text(text, MAX_TEXT);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, home)),
        Value::Object(fields) => fields.values_mut().for_each(|field| tidy(field, home)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_host_is_told_and_of_a_command_the_program() {
        let told = |address| host_alone(address);
        assert_eq!(told("https://otlp.example.com:4318"), "https://otlp.example.com:4318");
        assert_eq!(told("https://otlp.example.com/"), "https://otlp.example.com/");
        assert_eq!(told("https://me:pw@otlp.example.com/v1/key?k=1"), "https://otlp.example.com/[redacted]");
        assert_eq!([told("http://h?key=1"), told("only-a-key")], ["http://h/[redacted]", "[redacted]"]);
        assert_eq!(program_alone("cursor-agent --key=1 {prompt}"), "cursor-agent [redacted]");
        assert_eq!(program_alone("'/opt/my agent/run' -k 1"), "'/opt/my agent/run' [redacted]");
        assert_eq!([program_alone(" run "), program_alone("\"run")], ["run", "\"run"]);
        assert_eq!(program_alone("KEY=abc curl https://h"), "[redacted]");
    }
}
