//! Recordings of attempts: a folder that may be kept beside a workflow, and read on another machine.
//!
//! `TASK.N.jsonl` is what an attempt printed and handed in, `TASK.N.patch` what it changed in its folder
//! (`TASK.N.reminded.patch`: after it was reminded), and `TASK.skipped` says why a task never had an attempt.

use crate::domain::recording::{self, Entry, Head};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// The most children of one attempt: one that works, and one that is reminded.
const MAX_CHILDREN: u32 = 2;

/// Returns where the recording of an attempt is.
pub fn file_of(folder: &Path, task: &str, attempt: u32) -> PathBuf {
    folder.join(format!("{task}.{attempt}.jsonl"))
}

/// Returns where the changes of an attempt are, or of its second child, which was reminded to submit.
pub fn patch_of(folder: &Path, task: &str, attempt: u32, reminded: bool) -> PathBuf {
    let part = if reminded { ".reminded" } else { "" };
    folder.join(format!("{task}.{attempt}{part}.patch"))
}

/// Returns where it stands that a task was not carried out.
pub fn skipped_of(folder: &Path, task: &str) -> PathBuf {
    folder.join(format!("{task}.skipped"))
}

/// Returns a file of an earlier recording in the folder; `None` also where there is no such folder yet.
pub fn earlier_recording(folder: &Path) -> io::Result<Option<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let ours = |ending: &std::ffi::OsStr| ending == "jsonl" || ending == "patch" || ending == "skipped";
        if path.extension().is_some_and(ours) {
            found.push(path);
        }
    }
    Ok(found.into_iter().min())
}

/// Makes the folder, and finds out whether it may be written to.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    tempfile::Builder::new().prefix(".crew-").tempfile_in(folder)?.close()
}

/// Something that is no recording, or no whole one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Damage {
    pub path: PathBuf,
    /// Counts from 1; `None` where the file cannot be read at all.
    pub line: Option<u64>,
    pub why: String,
}

/// What a folder holds.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// By task and attempt.
    pub heads: BTreeMap<(String, u32), Head>,
    /// Tasks that were not carried out.
    pub skipped: BTreeSet<String>,
}

/// Reads every recording in a folder to its end, and reports all that is damaged.
pub fn contents(folder: &Path) -> Result<Contents, Vec<Damage>> {
    let unreadable = |error: io::Error| {
        vec![Damage { path: folder.to_owned(), line: None, why: format!("{}: {error}", folder.display()) }]
    };
    let (mut contents, mut damages) = (Contents::default(), Vec::new());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    for path in paths {
        let (stem, ending) = (path.file_stem(), path.extension().and_then(|ending| ending.to_str()));
        match (stem.and_then(|stem| stem.to_str()), ending) {
            (Some(task), Some("skipped")) => {
                contents.skipped.insert(task.to_owned());
            }
            (Some(stem), Some("jsonl")) => match whole(&path, stem) {
                Ok(head) => {
                    contents.heads.insert((head.task.clone(), head.attempt), head);
                }
                Err(damage) => damages.push(damage),
            },
            _ => {}
        }
    }
    if damages.is_empty() { Ok(contents) } else { Err(damages) }
}

/// Reads a recording to its end and returns its head.
fn whole(path: &Path, stem: &str) -> Result<Head, Damage> {
    let (head, entries) = open(path)?;
    if format!("{}.{}", head.task, head.attempt) != stem {
        let why = format!("it is of attempt {} of {}, which the file's name denies", head.attempt, head.task);
        return Err(Damage { path: path.to_owned(), line: Some(1), why });
    }
    let mut ended = 0;
    for entry in entries {
        let (line, entry) = entry?;
        if ended == MAX_CHILDREN {
            let why = "the recording goes on after its end".to_owned();
            return Err(Damage { path: path.to_owned(), line: Some(line), why });
        }
        ended += u32::from(matches!(entry, Entry::End { .. }));
    }
    Ok(head)
}

/// Opens a recording.
pub fn open(path: &Path) -> Result<(Head, Entries), Damage> {
    let file = File::open(path).map_err(|error| Damage {
        path: path.to_owned(),
        line: None,
        why: format!("{}: {error}", path.display()),
    })?;
    let mut entries = Entries { path: path.to_owned(), from: BufReader::new(file), line: 0 };
    match entries.next_line() {
        None => Err(entries.damage("the recording is empty")),
        Some(text) => {
            let head = recording::read_head(&text?).map_err(|why| entries.damage(why))?;
            Ok((head, entries))
        }
    }
}

/// The lines of a recording after the first, each with its number.
#[derive(Debug)]
pub struct Entries {
    path: PathBuf,
    from: BufReader<File>,
    line: u64,
}

impl Entries {
    fn next_line(&mut self) -> Option<Result<String, Damage>> {
        self.line += 1;
        let mut text = String::new();
        match self.from.read_line(&mut text) {
            Ok(0) => None,
            // A crew process that was killed may have left half a line; what is before it stands.
            Ok(_) if !text.ends_with('\n') && self.line > 1 => None,
            Ok(_) => Some(Ok(text)),
            Err(error) => Some(Err(self.damage(error.to_string()))),
        }
    }

    fn damage(&self, why: impl Into<String>) -> Damage {
        Damage { path: self.path.clone(), line: Some(self.line.max(1)), why: why.into() }
    }
}

impl Iterator for Entries {
    type Item = Result<(u64, Entry), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = match self.next_line()? {
            Ok(text) => text,
            Err(damage) => return Some(Err(damage)),
        };
        let entry = recording::read_entry(text.trim_end());
        Some(entry.map(|entry| (self.line, entry)).map_err(|why| self.damage(why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        r#"{"recording":1,"agent":"x","task":"a","attempt":1,"role":"executor","crew_version":"0"}"#;

    fn folder_with(name: &str, text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        folder
    }

    fn damage(name: &str, text: &str) -> (Option<u64>, String) {
        let folder = folder_with(name, text);
        let damage = contents(folder.path()).unwrap_err().remove(0);
        assert_eq!(damage.path, folder.path().join(name));
        (damage.line, damage.why)
    }

    #[test]
    fn damage_is_told_with_its_line() {
        let line = r#"{"at_ms":1,"stream":"output","line":"x"}"#;
        let end = r#"{"end":{"exit":0,"signal":null,"at_ms":1}}"#;
        assert_eq!(damage("a.1.jsonl", "").0, Some(1));
        assert_eq!(damage("a.1.jsonl", "{}\n").0, Some(1));
        assert_eq!(damage("b.1.jsonl", &format!("{HEAD}\n")).0, Some(1));
        assert_eq!(damage("a.1.jsonl", &format!("{HEAD}\n{line}\noops\n{end}\n")).0, Some(3));
        assert_eq!(damage("a.1.jsonl", &format!("{HEAD}\n{end}\n{line}\n{end}\n{end}\n")).0, Some(5));
    }

    #[test]
    fn half_a_line_at_the_end_is_left_out() {
        let folder = folder_with("a.1.jsonl", &format!("{HEAD}\n{{\"at_ms\":1,\"stre"));
        assert_eq!(contents(folder.path()).unwrap().heads.len(), 1);
        let (_, entries) = open(&file_of(folder.path(), "a", 1)).unwrap();
        assert_eq!(entries.count(), 0);
    }

    #[test]
    fn a_folder_of_recordings_is_known_by_its_files() {
        let folder = folder_with("README.md", "x");
        assert_eq!(earlier_recording(folder.path()).unwrap(), None);
        assert_eq!(earlier_recording(&folder.path().join("none")).unwrap(), None);
        std::fs::write(skipped_of(folder.path(), "b"), "why").unwrap();
        assert_eq!(earlier_recording(folder.path()).unwrap(), Some(folder.path().join("b.skipped")));
        assert!(contents(folder.path()).unwrap().skipped.contains("b"));
    }
}
