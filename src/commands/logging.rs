//! What crew says of its own doing, for whoever looks for a mistake: on standard error, or in a file.
//!
//! Nothing is logged unless somebody asks for it, and then nothing but a look at one number is spent where it would be. A
//! crew process that carries a run out without a terminal always logs, into `.crew/logs`. A line is harmless and without
//! secrets wherever it goes, because most of what is worth knowing was said by others. Where it cannot be written, what is
//! done goes on without it.

use super::context::Context;
use super::exit::Problem;
use crate::domain::id::RunId;
use crate::domain::log_filter::{Filter, Level};
use crate::domain::redact::Redactor;
use crate::runner::{clock, environment};
use crate::store::StoreError;
use crate::store::database;
use crate::store::log_file::{self, LogFile};
use crate::ui::screen;
use crate::workspace::git::Git;
use anyhow::Result;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Says how much is logged.
pub const VARIABLE: &str = "CREW_LOG";
/// Names the file that it goes to.
const FILE_VARIABLE: &str = "CREW_LOG_FILE";
/// The most characters of a line.
const MAX_LINE: usize = 2_000;

/// What was asked for, as it is handed on to a crew process of our own.
static CHOSEN: OnceLock<String> = OnceLock::new();

/// Returns what is logged, in the words of the variable, where somebody asked for that.
pub fn chosen() -> Option<&'static str> {
    CHOSEN.get().map(String::as_str)
}

/// Begins to log as the flags and the environment say. `command` is the one that is carried out, with the run where that goes
/// on without a terminal.
pub fn begin(cx: &Context, flags: u8, command: (&str, Option<&str>)) -> Result<()> {
    let (name, detached) = command;
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let said = set(VARIABLE).map(|text| text.to_string_lossy().into_owned());
    let filter = said.as_deref().map(Filter::parse).transpose().map_err(|wrong| {
        Problem::usage("log_filter", wrong.message).at(format!("${VARIABLE}")).hint(wrong.hint)
    })?;
    let asked = filter.is_some() || flags > 0;
    let mut filter = filter.unwrap_or_default().at_least(Level::of_flags(flags));
    if asked {
        let _ = CHOSEN.set(filter.to_string());
    }
    let file = set(FILE_VARIABLE).map(PathBuf::from);
    // A name that is no run's is refused, and has no log.
    let run = detached.and_then(RunId::parse);
    if !asked && (file.is_some() || run.is_some()) {
        filter = filter.at_least(Level::Info);
    }
    if filter.is_off() {
        return Ok(());
    }
    if let Some(path) = &file {
        make_room(cx, path)?;
    }
    let to = match (file, run) {
        (Some(path), _) => To::File(LogFile::open(&path).map_err(|error| {
            let why = anyhow::Error::new(error);
            let problem = Problem::usage("log_file", format!("the log cannot be written: {why:#}"));
            problem.at(format!("${FILE_VARIABLE}")).hint("name a plain file in a folder that is there")
        })?),
        (None, Some(run)) => match log_of(cx, &run) {
            Some(file) => To::File(file),
            // The run is worth more than its log.
            None => return Ok(()),
        },
        (None, None) => To::Screen,
    };
    let sink = Sink { to: Mutex::new(to), words: environment::hiding_ours(&[]) };
    let subscriber = Registry::default().with(targets(&filter)).with(sink);
    // A second one in this process would be a mistake of ours; nothing depends on it.
    let _ = tracing::subscriber::set_global_default(subscriber);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), command = name, folder = %cx.folder.display(), %filter, "begins");
    Ok(())
}

/// Refuses a log among the files of the repository that crew works in: there it would be a change of whoever is at work. Makes
/// the folder where it is that of logs.
fn make_room(cx: &Context, path: &Path) -> Result<()> {
    let Ok(layout) = cx.layout() else { return Ok(()) };
    let named = std::path::absolute(path)?;
    let at = log_file::place_of(&named);
    if at.parent() == Some(&layout.logs()) {
        database::prepare_folder(&layout)?;
        std::fs::create_dir_all(layout.logs()).map_err(StoreError::file(layout.logs()))?;
        return Ok(());
    }
    let Some(folder) = at.parent().filter(|folder| folder.is_dir()) else { return Ok(()) };
    let there = Context { folder: folder.to_owned(), ..*cx };
    let is_ours = there.layout().is_ok_and(|there| there.root() == layout.root());
    let is_state = |path: &PathBuf| *path != layout.worktrees() && at.starts_with(path);
    if !is_ours || layout.state().iter().any(is_state) {
        return Ok(());
    }
    // What is full is put aside beside it.
    let both = [at.clone(), log_file::before(&at)];
    let is_ignored = |path: &PathBuf| {
        let asked = Git::at(folder).output(&[
            "check-ignore".as_ref(),
            "-q".as_ref(),
            "--".as_ref(),
            path.as_os_str(),
        ]);
        asked.is_ok_and(|answer| answer.status.success()) && !at.starts_with(layout.root())
    };
    if both.iter().all(is_ignored) {
        return Ok(());
    }
    let message = format!(
        "{} lies among the files that agents work on: what is logged would be a change of theirs",
        layout.shown(&at)
    );
    let name = at.file_name().unwrap_or_default().to_string_lossy();
    let hint = format!(
        "name one in {}, such as {}, one outside of the repository, or one that git ignores",
        layout.shown(&layout.logs()),
        layout.shown(&layout.logs().join(name.as_ref()))
    );
    Err(Problem::usage("log_file", message).at(format!("${FILE_VARIABLE}")).hint(hint).into())
}

fn log_of(cx: &Context, run: &RunId) -> Option<LogFile> {
    let layout = cx.layout().ok()?;
    std::fs::create_dir_all(layout.logs()).ok()?;
    log_file::sweep(&layout);
    LogFile::open(&layout.log_of_run(run)).ok()
}

/// A room's code is below the module of its name.
fn targets(filter: &Filter) -> Targets {
    let rooms = filter.rooms.iter().map(|(room, level)| (format!("crew::{room}"), level_of(*level)));
    Targets::new().with_target("crew", level_of(filter.rest)).with_targets(rooms)
}

fn level_of(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

enum To {
    Screen,
    File(LogFile),
    /// It could not be written, and that was told.
    Nowhere,
}

/// Writes lines.
struct Sink {
    to: Mutex<To>,
    words: Redactor,
}

impl Sink {
    fn put(&self, line: String) {
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match &mut *to {
            To::Screen => line,
            To::Nowhere => return,
            To::File(file) => match file.add(&line) {
                Ok(()) => return,
                Err(error) => {
                    *to = To::Nowhere;
                    format!("nothing more is logged: the log cannot be written: {error}")
                }
            },
        };
        drop(to);
        if let Err(line) = screen::put_above(line) {
            // Who does not listen is not told.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
    }
}

/// What is said of where a span is: `run=7k2 task=a`.
struct Place(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Sink {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: LayerContext<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().insert(Place(said.fields));
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: LayerContext<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let spans = cx.event_scope(event).into_iter().flat_map(|scope| scope.from_root());
        for span in spans {
            if let Some(Place(place)) = span.extensions().get::<Place>()
                && !said.fields.contains(place.as_str())
            {
                said.fields.push_str(place);
            }
        }
        let meta = event.metadata();
        let room = meta.target().split("::").nth(1).unwrap_or("crew");
        let line = self.words.line(&format!("{}{}", said.message, said.fields), MAX_LINE);
        let (now, pid, level) = (clock::now(), std::process::id(), meta.level());
        self.put(format!("{now} {pid} {level:5} {room:9} {line}"));
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    fields: String,
}

impl Said {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let value = value.to_string();
        let written = match field.name() {
            "message" => write!(self.message, "{value}"),
            // So that it is seen where a value ends.
            name if value.contains(char::is_whitespace) => write!(self.fields, " {name}=\"{value}\""),
            name => write!(self.fields, " {name}={value}"),
        };
        // A text takes whatever is written to it.
        let _ = written;
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}
