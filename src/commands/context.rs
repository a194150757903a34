//! What every command needs: where it is, what is set, and where output goes.

use super::exit::{Problem, Problems, in_one_line};
use crate::agents::registry::Registry;
use crate::domain::id::RunId;
use crate::domain::liveness::Thresholds;
use crate::domain::publishing::in_shell;
use crate::domain::resources::{self, Library};
use crate::domain::settings::{self, Origin, Settings};
use crate::domain::tombstone::Tombstone;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::store::database::Store;
use crate::store::layers;
use crate::store::layout::Layout;
use crate::store::person_key;
use crate::store::trust::TrustFile;
use crate::ui::printer::Printer;
use crate::workspace::worktree;
use anyhow::Result;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What every command is given.
#[derive(Clone, Debug)]
pub struct Context {
    pub printer: Printer,
    /// Where the user is, or what `-C` says.
    pub folder: PathBuf,
}

impl Context {
    /// Returns the same for somebody who wants JSON, or not.
    pub fn with_json(&self, json: bool) -> Context {
        let mut cx = self.clone();
        cx.printer.json = json;
        cx
    }

    /// Finds the repository: the nearest folder upwards that holds `.git`, or the one that this is a task's work tree of.
    pub fn layout(&self) -> Result<Layout> {
        let folder = self.folder.canonicalize().map_err(|error| {
            Problem::usage("no_folder", format!("{}: {error}", self.folder.display()))
                .hint("-C takes a folder")
        })?;
        if !folder.is_dir() {
            let problem = Problem::usage("no_folder", format!("{} is not a folder", self.folder.display()));
            return Err(problem.hint("-C takes a folder").into());
        }
        match folder.ancestors().find(|folder| has_git(folder)) {
            Some(root) => {
                // In a task's own work tree, its run is the one that is meant.
                let home = worktree::home_of(root);
                let root = home.as_deref().unwrap_or(root);
                refuse_odd_path(root)?;
                let layout = Layout::of(root);
                if layout.root().exists() && !layout.root().is_dir() {
                    let problem = Problem::usage(
                        "not_a_folder",
                        format!("{} is not a folder", layout.root().display()),
                    );
                    return Err(problem.hint("crew keeps its state there; move the file away").into());
                }
                Ok(layout)
            }
            None => Err(match folder.ancestors().find(|folder| is_bare(folder)) {
                Some(bare) => {
                    let message =
                        format!("{} is a bare repository: it has no files to work on", bare.display());
                    Problem::usage("bare_repository", message).hint(another_work_tree(bare))
                }
                None => {
                    let message = format!("{} is not in a git repository", folder.display());
                    Problem::usage("no_repository", message).hint("git init, or crew -C FOLDER")
                }
            }
            .into()),
        }
    }

    /// Returns the user's configuration folder, where the environment tells of one.
    pub fn config_folder() -> Option<PathBuf> {
        Context::config_folder_in(|name| std::env::var_os(name))
    }

    /// Returns the configuration folder that an environment tells of.
    pub fn config_folder_in(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
        Some(base.join("crew"))
    }

    /// Returns the secret by which a person is known to runs, and makes it where there is none. Without a folder to keep
    /// it in, nobody can decide anything while a run is carried out; what decides itself goes on.
    pub fn person_key() -> Option<String> {
        person_key::read_or_make(&Context::config_folder()?, &clock::new_token()).ok()
    }

    /// Tells whether the user trusts the repository to supply commands.
    pub fn trusts(&self, layout: &Layout) -> Result<bool> {
        match Context::config_folder() {
            Some(folder) => Ok(TrustFile::in_folder(&folder).trusts(layout.repository())?),
            None => Ok(false),
        }
    }

    /// Reads the settings of all layers; `sets` are `KEY=VALUE` from the command line.
    pub fn settings(&self, layout: &Layout, sets: &[String], trusted: bool) -> Result<Settings> {
        let mut settings = Settings::default();
        let mut problems = Vec::new();
        let user = Context::config_folder().map(|folder| folder.join("config.json"));
        let files = [
            user.map(|path| (path.clone(), Origin::User(path.display().to_string()))),
            Some((layout.settings(), Origin::Project(layout.shown(&layout.settings())))),
        ];
        for (path, origin) in files.into_iter().flatten() {
            if let Some(text) = read_if_there(&path)? {
                problems.extend(settings.take_file(&text, &origin, trusted));
            }
        }
        for setting in settings::ALL {
            let name = setting.variable();
            if let Some(text) = std::env::var_os(&name)
                && !matches!(setting.kind, settings::Kind::Table)
            {
                let origin = Origin::Environment(name);
                match setting.read(&text.to_string_lossy()) {
                    Ok(value) => problems.extend(settings.set(setting.key, value, origin, true).err()),
                    Err(message) => problems.push(settings::Problem { origin, message, hint: None }),
                }
            }
        }
        for set in sets {
            problems.extend(set_flag(&mut settings, set).err());
        }
        if !problems.is_empty() {
            return Err(as_problems(problems).into());
        }
        for (key, _, origin) in settings.list().iter().filter(|(.., origin)| *origin != Origin::BuiltIn) {
            tracing::debug!(key, %origin, "a setting");
        }
        settings.refused.iter().for_each(|why| tracing::warn!(why, "a setting has no effect"));
        Ok(settings)
    }

    /// Reads the settings for somebody who ends what is at work, which no broken file keeps from that: where they cannot be
    /// read, the built-in ones count, and that is said.
    pub fn settings_or_built_in(&self, layout: &Layout) -> Settings {
        let read = self.trusts(layout).and_then(|trusted| {
            let settings = self.settings(layout, &[], trusted)?;
            super::run::registry(&settings)?;
            Ok(settings)
        });
        read.unwrap_or_else(|error| {
            let why = clean_line(&in_one_line(&error), 300);
            self.printer.tell(&format!("the settings cannot be read, and the built-in limits count: {why}"));
            Settings::default()
        })
    }

    /// Reads the agents, teams and workflows of all layers; anything wrong in any of them is an error.
    pub fn library(&self, layout: &Layout, registry: &Registry, trusted: bool) -> Result<Library> {
        let (library, problems) = self.library_with_problems(layout, registry, trusted);
        if problems.is_empty() { Ok(library) } else { Err(Problems(problems).into()) }
    }

    /// Reads what can be read, and tells what is wrong.
    pub fn library_with_problems(
        &self,
        layout: &Layout,
        registry: &Registry,
        trusted: bool,
    ) -> (Library, Vec<Problem>) {
        let (library, problems) = library_of(layout, Context::config_folder().as_deref(), registry, trusted);
        (library, problems.into_iter().map(|found| resource_problem("resource", found)).collect())
    }

    /// Reads what everybody has who works on the repository: nothing of the user's own, not even in place of another. What is
    /// wrong is for [`Context::library_with_problems`] to tell.
    pub fn shared_library(&self, layout: &Layout, registry: &Registry, trusted: bool) -> Library {
        library_of(layout, None, registry, trusted).0
    }

    /// Opens the store where there is one.
    pub fn store(&self) -> Result<Store> {
        let layout = self.layout()?;
        Store::open_existing(&layout)?.ok_or_else(|| {
            Problem::refused("no_runs", "there are no runs in this repository")
                .hint("crew run \"GOAL\" makes one")
                .into()
        })
    }

    /// Finds the run that a prefix of its id means; `last` is the newest one.
    pub fn find_run(&self, store: &Store, typed: &str) -> Result<RunId> {
        if typed == "last" {
            let newest = store.runs(1)?.pop();
            return match (newest, store.pruned_count()?) {
                (Some(row), _) => Ok(row.id),
                (None, 0) => Err(Problem::refused("no_runs", "there are no runs yet").into()),
                (None, gone) => {
                    let problem =
                        Problem::refused("no_runs", format!("there are no runs any more: {gone} pruned"));
                    Err(problem.hint("crew status --pruned lists them").into())
                }
            };
        }
        let found = if RunId::is_prefix(typed) { store.runs_named(typed)? } else { Vec::new() };
        let pruned = if RunId::is_prefix(typed) { store.tombstones(typed, 20)? } else { Vec::new() };
        let is_whole = |run: &RunId| run.as_str() == typed;
        match found.as_slice() {
            [run] if pruned.is_empty() || is_whole(run) => Ok(run.clone()),
            [] if pruned.len() == 1 => Err(pruned_away(&pruned[0], typed).into()),
            [] if pruned.is_empty() => {
                let problem = Problem::refused("unknown_run", format!("there is no run `{typed}`"));
                Err(problem.hint("crew status lists the runs; `last` is the newest one").into())
            }
            several => {
                let ids = several.iter().chain(pruned.iter().map(|stone| &stone.id));
                let ids: Vec<&str> = ids.map(RunId::as_str).collect();
                let message = format!("`{typed}` may be any of {}", ids.join(", "));
                Err(Problem::refused("ambiguous_run", message).hint("type a few more characters").into())
            }
        }
    }
}

/// Refuses settings that each may be, and that contradict each other. `crew config` does not mind: it is how they are mended.
pub fn refuse_contradictions(settings: &Settings) -> Result<()> {
    let Err(message) = Thresholds::check(settings) else { return Ok(()) };
    let keys = [&settings::LIVENESS_WARN, &settings::LIVENESS_STALE, &settings::LIVENESS_DEAD];
    // The layer that came last is the one to look at.
    let origin = keys.map(|key| settings.origin(key)).into_iter().max().unwrap_or(Origin::BuiltIn);
    let hint = Some("crew config list --origin".to_owned());
    Err(as_problems(vec![settings::Problem { origin, message, hint }]).into())
}

/// Says that a run is gone, and since when.
pub fn pruned_away(stone: &Tombstone, typed: &str) -> Problem {
    let message = format!("run {typed} was pruned on {} by {}", stone.pruned_at, stone.pruned_by);
    Problem::refused("pruned", message).hint(format!("crew status {typed} shows what stays known of it"))
}

/// Says how a repository without a work tree gets one, beside it.
pub fn another_work_tree(repository: &Path) -> String {
    let path = repository.display().to_string();
    let work = format!("{}-work", path.trim_end_matches(".git").trim_end_matches('/'));
    let words: Vec<String> = ["-C", &path, "worktree", "add", &work].map(str::to_owned).to_vec();
    let there: Vec<String> = ["-C", &work].map(str::to_owned).to_vec();
    format!("{} makes a work tree of it: {} ...", in_shell("git", &words), in_shell("crew", &there))
}

/// Reads what is built in, what the repository has, and what lies in the user's folder where one is given, with all that is wrong
/// with it.
fn library_of(
    layout: &Layout,
    users: Option<&Path>,
    registry: &Registry,
    trusted: bool,
) -> (Library, Vec<resources::Problem>) {
    let (theirs, mut problems) = layers::read(layout, users);
    let mut files = resources::built_in();
    files.extend(theirs);
    let (library, found) = resources::load(&files, &registry.names(), trusted);
    problems.extend(found);
    (library, problems)
}

/// Tells whether a folder is the top of a work tree of git's. An empty `.git`, as sandboxes leave behind, is nothing to git either.
fn has_git(folder: &Path) -> bool {
    let git = folder.join(".git");
    git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
}

/// Tells whether a folder is a repository of git's with no work tree around it.
fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir()
}

/// Refuses a path that cannot be handed to children: their environment and our record hold it as text.
fn refuse_odd_path(root: &Path) -> Result<()> {
    let odd = match root.to_str() {
        None => "is not UTF-8",
        Some(text) if text.contains(':') => "has a `:`, which no search path can hold",
        Some(_) => return Ok(()),
    };
    let problem = Problem::usage("odd_path", format!("the path {} {odd}", root.display()));
    Err(problem.hint("move the repository to a folder with a plain name").into())
}

fn read_if_there(path: &Path) -> Result<Option<String>> {
    match layers::read_text(path) {
        Ok(text) => Ok(Some(text)),
        Err(_) if !path.exists() => Ok(None),
        Err(why) => Err(Problem::usage("unreadable", why).at(path.display().to_string()).into()),
    }
}

fn set_flag(settings: &mut Settings, set: &str) -> Result<(), settings::Problem> {
    let problem = |message: String| settings::Problem { origin: Origin::Flag, message, hint: None };
    let (key, text) = set.split_once('=').ok_or_else(|| problem(format!("`{set}` is not KEY=VALUE")))?;
    let value = match settings::find(key) {
        Some(setting) => setting.read_entry(text).map_err(problem)?,
        None => serde_json::Value::from(text),
    };
    settings.set(key, value, Origin::Flag, true)
}

/// Turns problems with settings into problems of the command.
pub fn as_problems(problems: Vec<settings::Problem>) -> Problems {
    let as_problem = |found: settings::Problem| Problem {
        hint: found.hint,
        ..Problem::usage("setting", found.message).at(found.origin.to_string())
    };
    Problems(problems.into_iter().map(as_problem).collect())
}

/// Turns a problem with an agent, a team or a workflow into a problem of the command.
pub fn resource_problem(code: &'static str, found: resources::Problem) -> Problem {
    let at = found.line.map_or_else(|| found.path.clone(), |line| format!("{}:{line}", found.path));
    Problem { hint: found.hint, ..Problem::usage(code, found.message).at(at) }
}
