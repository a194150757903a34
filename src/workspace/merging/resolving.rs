//! A conflict, laid out for an agent, and what crew sees of what the agent made of it.
//!
//! # How it works
//!
//! What git made of the merge, markers and all, becomes a commit that the agent's work tree begins from. So nothing that
//! git can do there brings one side back in silence: `git reset --hard` brings the markers back. What the agent leaves is
//! compared with that commit; whatever it says counts for nothing.

use super::compose::Meeting;
use super::{MergeError, Repository, reference};
use crate::domain::conflict::{Conflict, ConflictKind};
use crate::domain::resolution::{self, MAX_LINES};
use crate::domain::words::clean_line;
use crate::workspace::custody;
use crate::workspace::worktree::{self, Owner, Work, Worktree, WorktreeError, Wrong};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most files that a sentence names.
const NAMED: usize = 5;

/// A conflict as it lies before the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOut {
    /// The commit that the agent's work tree begins from.
    pub commit: String,
    tree: String,
}

/// What was seen of what an agent left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    pub tree: String,
    /// What stands against it, in sentences; nothing where the conflict is resolved.
    pub wrong: Vec<String>,
    /// Files that are as one of the sides had them.
    pub one_sided: Vec<String>,
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mode: String,
    id: String,
}

impl Entry {
    fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }
}

/// Lays a conflict out as a commit of its own, on top of both sides. Conflicts in which there is nothing to be edited are
/// refused: only a person can say there what is wanted.
pub fn lay_out(repository: &Repository, met: &Meeting, name: &str) -> Result<LaidOut, MergeError> {
    let mut tree = met.tree.clone();
    let mut by_hand: Vec<&Conflict> = Vec::new();
    for conflict in &met.conflicts {
        let places: Vec<&String> = conflict.paths.iter().collect();
        if is_marked(repository, met, &tree, &places)? {
            continue;
        }
        let whole = matches!(conflict.kind, ConflictKind::DeleteModify | ConflictKind::Rename);
        let wrapped = if whole { wrap(repository, met, &tree, &places, name)? } else { None };
        match wrapped {
            Some(wrapped) => tree = wrapped,
            None => by_hand.push(conflict),
        }
    }
    if !by_hand.is_empty() {
        let named = |conflict: &&Conflict| {
            format!(
                "{} ({})",
                conflict.paths.first().map(|path| clean_line(path, 200)).unwrap_or_default(),
                conflict.kind
            )
        };
        let named: Vec<String> = by_hand.iter().take(NAMED).map(named).collect();
        return Err(MergeError::Refused(format!(
            "no agent is given {}: there is nothing in it to be edited, and only a person can choose a side",
            named.join(", ")
        )));
    }
    let message = format!("Conflicts of {}\n\nNot resolved: crew's own, for an agent to work on.\n", name);
    let args = ["commit-tree", &tree, "-p", &met.ours, "-p", &met.sides.theirs, "-F", "-"];
    let said = repository.git.fed(&args, message.as_bytes())?;
    if said.code != Some(0) {
        return Err(said.failure.into());
    }
    Ok(LaidOut { commit: String::from_utf8_lossy(&said.stdout).trim().to_owned(), tree })
}

/// Tells whether git has put markers into any of these files.
fn is_marked(
    repository: &Repository,
    met: &Meeting,
    tree: &str,
    paths: &[&String],
) -> Result<bool, MergeError> {
    for path in paths {
        let Some(entry) = entry(repository, tree, path)?.filter(Entry::is_file) else { continue };
        let sides = versions(repository, met, path)?;
        if resolution::is_marked(&blob(repository, &entry)?, &slices(&sides)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Marks the one file of a conflict that is there as what one side has and the other has not. Returns the tree with it.
fn wrap(
    repository: &Repository,
    met: &Meeting,
    tree: &str,
    paths: &[&String],
    name: &str,
) -> Result<Option<String>, MergeError> {
    let mut there = Vec::new();
    for path in paths {
        there.extend(entry(repository, tree, path)?.map(|entry| (*path, entry)));
    }
    let [(path, found)] = there.as_slice() else { return Ok(None) };
    if !found.is_file() {
        return Ok(None);
    }
    let text = blob(repository, found)?;
    if text.contains(&0) {
        return Ok(None);
    }
    let is_ours = entry(repository, &met.ours, path)?.is_some();
    let text = resolution::wrap(&text, is_ours, ("the branch", name));
    let git = &repository.git;
    let written = git.fed(&["hash-object", "-w", "--stdin"], &text)?;
    if written.code != Some(0) {
        return Err(written.failure.into());
    }
    let id = String::from_utf8_lossy(&written.stdout).trim().to_owned();
    let scratch = tempfile::tempdir().map_err(super::at(Path::new("a temporary folder")))?;
    let git = git.clone().with("GIT_INDEX_FILE", scratch.path().join("index"));
    git.run(&["read-tree", tree])?;
    git.run(&["update-index", "--cacheinfo", &format!("{},{id},{path}", found.mode)])?;
    Ok(Some(git.text(&["write-tree"])?))
}

/// Looks at what an agent has left: no marker, no side lost, nothing changed elsewhere.
pub fn look(
    repository: &Repository,
    met: &Meeting,
    laid_out: &LaidOut,
    left: &str,
) -> Result<Looked, MergeError> {
    let tree = repository.git.text(&["rev-parse", "--verify", &format!("{left}^{{tree}}")])?;
    let mut looked = Looked { tree: tree.clone(), ..Looked::default() };
    let args = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", &laid_out.tree, &tree];
    let changed = repository.git.run(&args)?;
    let changed: Vec<String> = changed
        .split(|byte| *byte == 0)
        .filter(|path| !path.is_empty())
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    let concerned = concerned(met, &laid_out.tree, repository)?;
    let outside: Vec<&String> = changed.iter().filter(|path| !concerned.contains_key(*path)).collect();
    if !outside.is_empty() {
        looked.wrong.push(format!("it also changed {}", listed(&outside)));
    }
    for (path, kind) in &concerned {
        let marked = entry(repository, &laid_out.tree, path)?;
        let now = entry(repository, &tree, path)?;
        let sides = versions(repository, met, path)?;
        match &now {
            Some(now) if now.is_file() => {
                let before = marked.as_ref().filter(|entry| entry.is_file());
                let before = before.map(|entry| blob(repository, entry)).transpose()?.unwrap_or_default();
                let lines = resolution::markers_left(&before, &slices(&sides), &blob(repository, now)?);
                if !lines.is_empty() {
                    looked.wrong.push(format!(
                        "{} still has conflict markers ({})",
                        clean_line(path, 200),
                        in_lines(&lines)
                    ));
                    continue;
                }
            }
            None if *kind == ConflictKind::Content && sides.len() == 2 => {
                looked.wrong.push(format!("{} is gone, and both sides have it", clean_line(path, 200)));
                continue;
            }
            _ => {}
        }
        if now != marked {
            looked.one_sided.extend(side_of(repository, met, path, now.as_ref())?);
        }
    }
    if looked.wrong.is_empty() && tree == met.sides.ours {
        looked.wrong.push("nothing of the task's work is left".into());
    }
    Ok(looked)
}

/// Says whose version a file is now, where it is one side's as it was and the sides differ.
fn side_of(
    repository: &Repository,
    met: &Meeting,
    path: &str,
    now: Option<&Entry>,
) -> Result<Option<String>, MergeError> {
    let (ours, theirs) = (entry(repository, &met.ours, path)?, entry(repository, &met.sides.theirs, path)?);
    let name = |side: &str| Some(format!("{} ({side})", clean_line(path, 200)));
    Ok(match () {
        () if ours == theirs => None,
        () if now == ours.as_ref() => name("ours"),
        () if now == theirs.as_ref() => name("theirs"),
        () => None,
    })
}

/// Returns the files that the conflicts are about, by the names that they have in the tree too: where a file is in the way
/// of another one, git puts the side behind its name.
fn concerned(
    met: &Meeting,
    tree: &str,
    repository: &Repository,
) -> Result<BTreeMap<String, ConflictKind>, MergeError> {
    let mut concerned: BTreeMap<String, ConflictKind> = BTreeMap::new();
    for conflict in &met.conflicts {
        concerned.extend(conflict.paths.iter().map(|path| (path.clone(), conflict.kind)));
    }
    let renamed = [&met.ours, &met.sides.theirs].map(|side| format!("~{side}"));
    let names = repository.git.run(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", tree])?;
    for name in names.split(|byte| *byte == 0).map(|name| String::from_utf8_lossy(name)) {
        let own = renamed.iter().find_map(|ending| name.strip_suffix(ending.as_str()));
        if let Some(kind) = own.and_then(|own| concerned.get(own)).copied() {
            concerned.insert(name.into_owned(), kind);
        }
    }
    Ok(concerned)
}

fn listed(paths: &[&String]) -> String {
    let named: Vec<String> = paths.iter().take(NAMED).map(|path| clean_line(path, 200)).collect();
    match paths.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

fn in_lines(lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(MAX_LINES).map(usize::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    let more = if lines.len() > MAX_LINES { ", ..." } else { "" };
    format!("{word} {}{more}", named.join(", "))
}

/// Returns what a commit or a tree has at a path.
fn entry(repository: &Repository, treeish: &str, path: &str) -> Result<Option<Entry>, MergeError> {
    let args = ["--literal-pathspecs", "ls-tree", "-z", "--full-tree", treeish, "--", path];
    let said = repository.git.run(&args)?;
    let line = said.split(|byte| *byte == 0).next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split(['\t', ' ']);
    let (mode, kind, id) = (words.next(), words.next(), words.next());
    Ok(match (mode, kind, id) {
        (Some(mode), Some("blob" | "commit"), Some(id)) => Some(Entry { mode: mode.into(), id: id.into() }),
        _ => None,
    })
}

fn blob(repository: &Repository, entry: &Entry) -> Result<Vec<u8>, MergeError> {
    Ok(repository.git.run(&["cat-file", "blob", &entry.id])?)
}

/// Returns the versions of a file that the sides have, as far as they have it.
fn versions(repository: &Repository, met: &Meeting, path: &str) -> Result<Vec<Vec<u8>>, MergeError> {
    let mut versions = Vec::new();
    for side in [&met.ours, &met.sides.theirs] {
        if let Some(entry) = entry(repository, side, path)?.filter(Entry::is_file) {
            versions.push(blob(repository, &entry)?);
        }
    }
    Ok(versions)
}

fn slices(versions: &[Vec<u8>]) -> Vec<&[u8]> {
    versions.iter().map(Vec::as_slice).collect()
}

/// The work tree that an agent has been given, and where what it left is kept.
#[derive(Clone, Debug)]
pub struct Bench<'a> {
    /// The top of the user's work tree.
    pub top: &'a Path,
    pub folder: PathBuf,
    pub branch: String,
    pub owner: Owner,
    /// The commit that it begins from.
    pub begun: &'a str,
    pub keep_ref: &'a str,
    /// What crew put there itself.
    pub leave_out: &'a [&'a Path],
}

impl Bench<'_> {
    /// Takes the work tree away. All that lies in it is kept first, and the branch's newest commit with it. Returns the
    /// reference that holds it; nothing where there was nothing of the agent's. Twice is the same as once.
    pub fn clear(&self, repository: &Repository) -> Result<Option<String>, MergeError> {
        let mut held = self.hold(repository)?;
        match Worktree::recover(self.top, &self.folder, &self.branch, &self.owner) {
            Ok(tree) => {
                let work = Work {
                    message: "What an agent left of a conflict",
                    base: self.begun,
                    leave_out: self.leave_out,
                    keep_ref: self.keep_ref,
                };
                let removed = tree.remove(&work).map_err(refusal)?;
                held = removed.set_aside.into_iter().next().or(held);
            }
            Err(WorktreeError::NotOwn { wrong: Wrong::Missing, .. }) => {
                let known = worktree::marked(self.top).map_err(refusal)?;
                if known.iter().any(|one| one.owner == self.owner) && self.folder.symlink_metadata().is_err()
                {
                    worktree::forget(self.top, &self.folder).map_err(refusal)?;
                }
            }
            Err(other) => return Err(refusal(other)),
        }
        if let Some(tip) = repository.tip(&self.branch)? {
            repository.git.run(&["update-ref", "-d", &reference(&self.branch), &tip])?;
        }
        Ok(held)
    }

    /// Keeps what the branch holds beside what it began with, and returns the reference.
    pub fn hold(&self, repository: &Repository) -> Result<Option<String>, MergeError> {
        let Some(tip) = repository.tip(&self.branch)?.filter(|tip| tip != self.begun) else {
            return Ok(None);
        };
        Ok(Some(custody::hold(&repository.git, self.keep_ref, &tip)?))
    }
}

fn refusal(error: WorktreeError) -> MergeError {
    match error {
        WorktreeError::Git(error) => error.into(),
        other => MergeError::Refused(other.to_string()),
    }
}
