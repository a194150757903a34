//! Finds and reads the files that people write for crew: agents, teams and workflows of the user and the project.

use super::layout::Layout;
use crate::domain::resources::{Kind, Layer, Problem, SourceFile};
use std::path::{Path, PathBuf};

/// The largest resource file that is read, in bytes. A workflow of ten thousand steps has about two million.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// Reads the files of the user (`config_folder`) and of the project. A file that cannot be read is a problem, and the
/// others are still there.
pub fn read(layout: &Layout, config_folder: Option<&Path>) -> (Vec<SourceFile>, Vec<Problem>) {
    let mut found = Found::default();
    if let Some(folder) = config_folder {
        found.look(folder, Layer::User, |path| path.display().to_string());
    }
    found.look(layout.root(), Layer::Project, |path| layout.shown(path));
    let claude = layout.repository().join(".claude/agents");
    found.look_in(&claude, ".md", Kind::ClaudeAgent, Layer::Project, &|path| layout.shown(path));
    (found.files, found.problems)
}

#[derive(Default)]
struct Found {
    files: Vec<SourceFile>,
    problems: Vec<Problem>,
}

impl Found {
    fn look(&mut self, root: &Path, layer: Layer, shown: impl Fn(&Path) -> String) {
        self.look_in(&root.join("agents"), ".md", Kind::Agent, layer, &shown);
        self.look_in(&root.join("teams"), ".team.md", Kind::Team, layer, &shown);
        self.look_in(&root.join("workflows"), ".workflow.md", Kind::Workflow, layer, &shown);
    }

    fn look_in(
        &mut self,
        folder: &Path,
        ending: &str,
        kind: Kind,
        layer: Layer,
        shown: &dyn Fn(&Path) -> String,
    ) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(stem) =
                name.strip_suffix(ending).filter(|stem| !stem.is_empty() && !stem.starts_with('.'))
            else {
                continue;
            };
            match read_text(&path) {
                Ok(text) => self.files.push(SourceFile {
                    layer,
                    path: shown(&path),
                    stem: stem.to_owned(),
                    kind,
                    text,
                }),
                Err(why) => self.problems.push(Problem {
                    path: shown(&path),
                    line: None,
                    message: format!("it cannot be read: {why}"),
                    hint: None,
                }),
            }
        }
    }
}

/// Reads a file that a person wrote: a regular one, in UTF-8, of a size that a person writes. Says why it cannot.
pub fn read_text(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !meta.is_file() {
        return Err("it is not a file".into());
    }
    if meta.len() > MAX_FILE {
        return Err(format!("it has more than {MAX_FILE} bytes"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
}
