//! Crew's agents as files of other programs.
//!
//! What crew wrote is known by a mark with its path and a checksum. A file without one, or with that of another path, is
//! somebody else's and is never written; one that was changed since is left alone unless a person says otherwise, and is
//! never removed. Of a file that others write too, only what stands between crew's marks is replaced.

mod marks;
mod tools;

use crate::domain::nearest::named;
use crate::domain::resources::{AgentFile, ExportMark, Layer, Library};
use crate::store::{StoreError, atomic_file};
use marks::Found;
use serde::Serialize;
use std::path::Path;
use std::str::FromStr;
use thiserror::Error;

/// A program that is given crew's agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    Claude,
    Codex,
    Cursor,
    Gemini,
    Opencode,
}

impl Tool {
    pub const ALL: [Tool; 5] = [Tool::Claude, Tool::Codex, Tool::Cursor, Tool::Gemini, Tool::Opencode];

    /// Returns the name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Tool::Claude => "claude",
            Tool::Codex => "codex",
            Tool::Cursor => "cursor",
            Tool::Gemini => "gemini",
            Tool::Opencode => "opencode",
        }
    }

    /// Returns the folders in which crew writes files of its own for it, relative to the repository.
    fn folders(self) -> &'static [&'static str] {
        match self {
            Tool::Claude => &[".claude/agents", ".claude/skills/crew"],
            Tool::Codex => &[],
            Tool::Cursor => &[".cursor/rules"],
            Tool::Gemini => &[".gemini/commands", ".gemini/commands/crew"],
            Tool::Opencode => &[".opencode/agent", ".opencode/command"],
        }
    }
}

impl FromStr for Tool {
    type Err = String;

    fn from_str(word: &str) -> Result<Tool, String> {
        named("no such program", word, &Tool::ALL, Tool::name)
    }
}

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Crew's own, whole.
    Own,
    /// Others write it too.
    Section,
}

/// A file as crew would write it now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// Relative to the repository.
    path: String,
    form: Form,
    /// Of a section, what stands between the marks and these.
    text: String,
}

/// What becomes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Create,
    Update,
    /// It is as crew would write it.
    Same,
    /// Crew wrote it for an agent that is not there any more.
    Remove,
    /// Crew wrote it, and somebody has changed it: only with a person's word.
    Edited,
    /// The same, and it is of an agent that is not there any more: what becomes of it is for those to say who changed it.
    Left,
    /// It is not crew's to write: why.
    Refuse(String),
}

/// A file, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Relative to the repository.
    pub path: String,
    pub change: Change,
    /// What the whole file is to hold; none where it goes.
    #[serde(skip)]
    text: Option<String>,
    /// What it held when that was planned; none where it was not there.
    #[serde(skip)]
    there: Option<String>,
}

/// Why what was planned was not done, or not all of it.
#[derive(Debug, Error)]
pub enum CarryOutError {
    #[error("{0} was changed meanwhile, and from there on nothing was written")]
    Changed(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the agents that other programs are given: those that are built in and those of the project. A user's own are
/// nobody else's business, and what was read from another program's files stays there.
pub fn agents(library: &Library) -> Vec<&AgentFile> {
    let is_given = |agent: &&AgentFile| match agent.source.layer {
        Layer::BuiltIn => true,
        Layer::Project => !agent.source.path.starts_with(".claude/"),
        Layer::User => false,
    };
    library.agents.values().filter(is_given).collect()
}

/// Decides what becomes of each file of a program, in the order of their paths; nothing is written.
pub fn plan(repository: &Path, tool: Tool, library: &Library) -> Vec<Planned> {
    let wanted = tools::wanted(tool, &agents(library));
    let mut planned: Vec<Planned> = wanted.iter().map(|wanted| planned(repository, tool, wanted)).collect();
    // A mark that tells no file may have been copied along with it.
    let telling = |(_, text): &(String, String)| {
        ExportMark::find(text, tool.name()).is_some_and(|mark| mark.file.is_some())
    };
    for (path, text) in marked(repository, tool).into_iter().filter(telling) {
        if !wanted.iter().any(|wanted| wanted.path == path) {
            let change = match marks::find_file(&text, tool.name(), &path) {
                Found::Whole(_) => Change::Remove,
                _ => Change::Left,
            };
            planned.push(Planned { path, change, text: None, there: Some(text) });
        }
    }
    planned.sort_by(|a, b| a.path.cmp(&b.path));
    planned
}

/// Tells whether anything of a program's was ever written here.
pub fn is_used(repository: &Path, tool: Tool) -> bool {
    let section = || read(repository, "AGENTS.md").ok().flatten();
    match tool {
        Tool::Codex => {
            section().is_some_and(|text| marks::find_section(&text, tool.name()) != Found::Nothing)
        }
        _ => !marked(repository, tool).is_empty(),
    }
}

/// Returns the files in a program's folders that bear crew's mark for it.
fn marked(repository: &Path, tool: Tool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in tool.folders() {
        let entries = std::fs::read_dir(repository.join(folder)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        for path in names.map(|name| format!("{folder}/{name}")) {
            let text = read(repository, &path).ok().flatten();
            let is_marked = |text: &String| marks::find_file(text, tool.name(), &path) != Found::Nothing;
            let text = text.filter(is_marked);
            found.extend(text.map(|text| (path, text)));
        }
    }
    found
}

fn planned(repository: &Path, tool: Tool, wanted: &Wanted) -> Planned {
    let path = wanted.path.clone();
    let there = match read(repository, &path) {
        Ok(there) => there,
        Err(why) => return Planned { path, change: Change::Refuse(why), text: None, there: None },
    };
    let (change, text) = match (&there, wanted.form) {
        (None, _) => (Change::Create, Some(wanted.text.clone())),
        (Some(there), Form::Own) => of_own(there, tool, wanted),
        (Some(there), Form::Section) => of_section(there, tool, wanted),
    };
    Planned { path, change, text, there }
}

fn of_own(there: &str, tool: Tool, wanted: &Wanted) -> (Change, Option<String>) {
    let text = Some(wanted.text.clone());
    match marks::find_file(there, tool.name(), &wanted.path) {
        Found::Whole(there) if marks::is_same(there, &wanted.text) => (Change::Same, None),
        Found::Whole(_) => (Change::Update, text),
        Found::Edited(_) => (Change::Edited, text),
        Found::Nothing | Found::Broken => (Change::Refuse("crew did not write it".into()), None),
    }
}

fn of_section(there: &str, tool: Tool, wanted: &Wanted) -> (Change, Option<String>) {
    let text = marks::ending_like(there, &wanted.text);
    match marks::find_section(there, tool.name()) {
        Found::Whole(section) if marks::is_same(section, &text) => (Change::Same, None),
        Found::Whole(section) => (Change::Update, Some(there.replacen(section, &text, 1))),
        Found::Edited(section) => (Change::Edited, Some(there.replacen(section, &text, 1))),
        Found::Nothing => {
            let gap = match there.replace('\r', "").as_str() {
                "" => "",
                text if text.ends_with("\n\n") => "",
                text if text.ends_with('\n') => "\n",
                _ => "\n\n",
            };
            (Change::Update, Some(format!("{there}{}{text}", marks::ending_like(there, gap))))
        }
        Found::Broken => (
            Change::Refuse("crew's marks in it are not whole: there is one end for one beginning".into()),
            None,
        ),
    }
}

/// Reads a file of the repository; none where there is none. Says why it is not crew's to write.
fn read(repository: &Path, path: &str) -> Result<Option<String>, String> {
    let mut place = repository.to_owned();
    for part in path.split('/') {
        place.push(part);
        match place.symlink_metadata() {
            Ok(there) if there.is_symlink() => return Err("it lies behind a link".into()),
            // Whoever opens a pipe waits for somebody to write to it.
            Ok(there) if !there.is_file() && !there.is_dir() => return Err("it is no plain file".into()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        }
    }
    match std::fs::read(&place) {
        Ok(content) => String::from_utf8(content).map(Some).map_err(|_| "it is not UTF-8".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes what was planned, file by file. Each is read once more just before: what somebody has written since is theirs, and
/// ends it.
pub fn carry_out(repository: &Path, planned: &[Planned]) -> Result<(), CarryOutError> {
    for Planned { path, change, text, there } in planned {
        if let Change::Same | Change::Left | Change::Refuse(_) = change {
            continue;
        }
        if read(repository, path).as_ref() != Ok(there) {
            return Err(CarryOutError::Changed(path.clone()));
        }
        let place = repository.join(path);
        match text {
            Some(text) => {
                let before = std::fs::metadata(&place).ok().map(|there| there.permissions());
                atomic_file::write(&place, text.as_bytes())?;
                // What lies beside the code is read by others too.
                let mode = before.unwrap_or_else(|| std::os::unix::fs::PermissionsExt::from_mode(0o644));
                std::fs::set_permissions(&place, mode).map_err(StoreError::file(&place))?;
            }
            None => std::fs::remove_file(&place).map_err(StoreError::file(&place))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::{built_in, load};

    #[test]
    fn what_somebody_writes_between_the_plan_and_the_deed_stays() {
        let folder = tempfile::tempdir().unwrap();
        let library = load(&built_in(), &[], false).0;
        let path = ".claude/agents/crew-critic.md";
        let plan = plan(folder.path(), Tool::Claude, &library);
        std::fs::create_dir_all(folder.path().join(".claude/agents")).unwrap();
        std::fs::write(folder.path().join(path), "mine").unwrap();
        let refused = carry_out(folder.path(), &plan).unwrap_err();
        assert!(matches!(&refused, CarryOutError::Changed(changed) if changed == path), "{refused}");
        assert_eq!(std::fs::read_to_string(folder.path().join(path)).unwrap(), "mine");
    }
}
