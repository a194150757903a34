//! `crew config`: the settings, where each comes from, and their schema.

use super::context::{Context, as_problems};
use super::exit::{ExitStatus, Problem};
use super::typist;
use crate::domain::settings::{self, Kind, Origin, Setting, Settings};
use crate::domain::words::clean_text;
use crate::store::atomic_file;
use crate::store::layout::Layout;
use crate::store::lock;
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Look at settings and change them
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the value of a setting
    Get { key: String },
    /// Set a setting for you, or for the project
    Set {
        key: String,
        #[arg(allow_negative_numbers = true)]
        value: String,
        /// In the project's file, which is tracked by git
        #[arg(long)]
        project: bool,
    },
    /// Take a setting out of your file, or the project's
    Unset {
        key: String,
        /// In the project's file
        #[arg(long)]
        project: bool,
    },
    /// List all settings
    List {
        /// Show where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Print the JSON Schema of a settings file
    Schema,
}

/// Looks at settings or changes them.
pub fn config(cx: &Context, args: &ConfigArgs) -> Result<ExitStatus> {
    match &args.what {
        What::Get { key } => get(cx, key),
        What::Set { key, value, project } => set(cx, key, Some(value), *project),
        What::Unset { key, project } => set(cx, key, None, *project),
        What::List { origin } => list(cx, *origin),
        What::Schema => {
            cx.printer.data(&serde_json::to_string_pretty(&settings::schema())?)?;
            Ok(ExitStatus::Done)
        }
    }
}

fn read(cx: &Context) -> Result<Settings> {
    let layout = cx.layout()?;
    let settings = cx.settings(&layout, &[], cx.trusts(&layout)?)?;
    settings.refused.iter().for_each(|note| cx.printer.tell(note));
    Ok(settings)
}

fn get(cx: &Context, key: &str) -> Result<ExitStatus> {
    let settings = read(cx)?;
    let found = settings.list().into_iter().find(|(known, ..)| known == key);
    let Some((_, value, origin)) = found else {
        if settings::find(key).is_some() {
            return Err(Problem::refused("not_set", format!("`{key}` is not set")).into());
        }
        return Err(unknown(key));
    };
    if cx.printer.json {
        cx.printer.json(&json!({"key": key, "value": value, "origin": origin.to_string()}))?;
    } else {
        cx.printer.data(&clean_text(&shown(&value), usize::MAX))?;
    }
    Ok(ExitStatus::Done)
}

fn unknown(key: &str) -> anyhow::Error {
    let problem = Settings::default().set(key, Value::Null, Origin::Flag, true).err();
    problem.map_or_else(
        || anyhow::anyhow!("there is no setting `{key}`"),
        |found| Problem { hint: found.hint, ..Problem::usage("setting", found.message) }.into(),
    )
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(cx: &Context, with_origin: bool) -> Result<ExitStatus> {
    let settings = read(cx)?.list();
    if cx.printer.json {
        let data: Vec<Value> = settings
            .iter()
            .map(|(key, value, origin)| json!({"key": key, "value": value, "origin": origin.to_string()}))
            .collect();
        cx.printer.json(&json!({"data": data, "meta": {"count": settings.len()}}))?;
        return Ok(ExitStatus::Done);
    }
    let mut columns = vec![("setting", Column::Left), ("value", Column::Left)];
    columns.push(if with_origin { ("from", Column::Wide) } else { ("", Column::Wide) });
    let mut rows = Rows::new(&columns);
    for (key, value, origin) in settings {
        let about = settings::find(&key)
            .filter(|setting| setting.kind != Kind::Table)
            .map_or("", |setting| setting.help);
        let last = if with_origin { origin.to_string() } else { about.to_owned() };
        rows.add([key, shown(&value), last].into_iter().map(|cell| (cell, Tone::Plain)).collect());
    }
    cx.printer.data(&rows.render(&cx.printer))?;
    Ok(ExitStatus::Done)
}

/// Changes one key of a settings file; the rest of the file stays as it is.
fn set(cx: &Context, key: &str, text: Option<&str>, project: bool) -> Result<ExitStatus> {
    let setting = settings::find(key).ok_or_else(|| unknown(key))?;
    if !project {
        // What a project sets can only be stricter.
        typist::refuse_agents(cx.layout().ok().as_ref().map(Layout::repository))?;
    }
    let path = file(cx, project)?;
    let wrong = |message: String| Problem::usage("setting", message);
    let value = text.map(|text| setting.read_entry(text)).transpose().map_err(wrong)?;
    // Two that set something at once both get their way.
    let _lock = lock::take_beside(&path)?;
    let mut root: Map<String, Value> = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            Problem::usage("setting", format!("not a JSON object: {error}")).at(path.display().to_string())
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let is_set = value.is_some();
    let (sections, name) = place_of(setting, key);
    match value {
        Some(value) => put(&mut root, (&sections, name), value)
            .map_err(|message| wrong(message).at(path.display().to_string()))?,
        None => {
            if !take_out(&mut root, (&sections, name)) {
                return Err(
                    Problem::refused("not_set", format!("`{key}` is not set in {}", path.display())).into()
                );
            }
        }
    }
    // An agent that cannot be started is refused here, and not by the next run.
    let file = serde_json::to_string_pretty(&root)?;
    let mut rehearsal = Settings::default();
    let origin = Origin::User(path.display().to_string());
    let problems = rehearsal.take_file(&file, &origin, true);
    if !problems.is_empty() {
        return Err(as_problems(problems).into());
    }
    super::run::registry(&rehearsal)?;
    atomic_file::write(&path, format!("{file}\n").as_bytes())?;
    let done = if is_set { "set" } else { "unset" };
    cx.printer.tell(&format!("{done} {key} in {}", path.display()));
    Ok(ExitStatus::Done)
}

fn file(cx: &Context, project: bool) -> Result<PathBuf> {
    if project {
        return Ok(cx.layout()?.settings());
    }
    let folder = Context::config_folder();
    let folder =
        folder.ok_or_else(|| Problem::usage("no_home", "neither HOME nor XDG_CONFIG_HOME is set"))?;
    Ok(folder.join("config.json"))
}

fn put(root: &mut Map<String, Value>, (sections, name): (&[&str], &str), value: Value) -> Result<(), String> {
    let Some((section, deeper)) = sections.split_first() else {
        root.insert(name.to_owned(), value);
        return Ok(());
    };
    let inner = root.entry(*section).or_insert_with(|| json!({}));
    let inner = inner.as_object_mut().ok_or_else(|| format!("`{section}` in the file is not an object"))?;
    put(inner, (deeper, name), value)
}

fn take_out(root: &mut Map<String, Value>, (sections, name): (&[&str], &str)) -> bool {
    match sections.split_first() {
        Some((section, deeper)) => root
            .get_mut(*section)
            .and_then(Value::as_object_mut)
            .is_some_and(|inner| take_out(inner, (deeper, name))),
        None => root.remove(name).is_some(),
    }
}

/// Returns the objects of a settings file in which a key lies, from the outermost, and its name in the last of them. The
/// name of a table's entry stays whole, whatever is in it.
fn place_of<'a>(setting: &'static Setting, key: &'a str) -> (Vec<&'static str>, &'a str) {
    let (sections, name) = match setting.kind {
        Kind::Table => (setting.key, key.strip_prefix(setting.key).map_or(key, |rest| &rest[1..])),
        _ => match setting.key.rsplit_once('.') {
            Some((section, _)) => (section, &key[section.len() + 1..]),
            None => return (Vec::new(), key),
        },
    };
    (sections.split('.').collect(), name)
}
