//! References that came to hold what was committed in a work tree, while somebody worked there: a branch that was moved past
//! all that verifies work. And those that lost meanwhile what they held.
//!
//! # How it works
//!
//! Before the work begins, it is noted what all references stand for; after it, each that stands for something else is
//! looked at. That its new commits are also the work tree's proves little: whoever works there may have taken over what
//! the user committed meanwhile. What was made in the work tree stands in its own log of HEAD, as a commit that was made;
//! what somebody else made stands in the log of their branch in the same way. What stands in neither has been the work
//! tree's.
//!
//! Who deleted a reference or set it back is nowhere to be seen, so that is told; and what no other reference holds is held,
//! as git would throw it away sooner or later. One who may only look moves nothing forward either. What speaks for somebody
//! else is the log of another work tree's HEAD: whoever commits, rebases or pulls there leaves a line in it, and whoever
//! does it from here leaves none.

use super::adding::{self, Registered};
use super::{MARKER, Owner, Worktree, WorktreeError, at, common_of};
use crate::domain::worktree::{MovedReference, reference_of};
use crate::workspace::custody;
use crate::workspace::git::{Git, GitError};
use crate::workspace::snapshot::LOOK;
use crate::workspace::staging::settled;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

/// A file in a work tree's own folder of the repository, by which another crew process knows what was noted.
const NOTE: &str = "crew-references.json";
/// How many of the newest entries of a reflog are looked at.
const ENTRIES: &str = "--max-count=400";
/// What is nobody's branch: crew's own, what a remote has, what git keeps for one work tree alone.
const OTHERS: &[&str] =
    &["refs/crew/", "refs/remotes/", "refs/stash", "refs/bisect/", "refs/worktree/", "refs/rewritten/"];

/// How the newest line of a branch's log begins where crew moved it, or what came from another repository did.
const BY_OTHERS: &[&str] = &["crew", "fetch", "pull", "push"];

/// What lasts no longer than the work tree.
const SHORT_LIVED: &[&str] = &["refs/bisect/", "refs/worktree/", "refs/rewritten/"];

/// What the references of a repository stood for before an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct References {
    common: PathBuf,
    admin: PathBuf,
    note: Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    attempt: u32,
    /// Of each work tree that is not crew's, by its own folder: the second of the newest entries in the log of its HEAD,
    /// and how many there are of that second. Only for those who may do nothing but look.
    #[serde(default)]
    heads: Option<BTreeMap<PathBuf, (u64, usize)>>,
    /// By name: `refs/heads/main`.
    before: BTreeMap<String, String>,
}

impl References {
    /// Notes what all references stand for, here and beside the work tree. Of whoever works in one that is there to be
    /// `only_looked_at`, more is told afterwards.
    pub fn note(tree: &Worktree, attempt: u32, only_looked_at: bool) -> Result<References, WorktreeError> {
        let (common, admin) = (tree.common().to_owned(), tree.admin().to_owned());
        let heads = only_looked_at.then(|| heads_of(&common));
        let note = Note { attempt, heads, before: read(&git_at(&common, &admin))? };
        let path = admin.join(NOTE);
        let text = serde_json::to_vec(&note).map_err(|error| at(&path)(error.into()))?;
        let file = tempfile::Builder::new().prefix(NOTE).tempfile_in(&admin).map_err(at(&admin))?;
        std::fs::write(file.path(), text).map_err(at(file.path()))?;
        file.persist(&path).map_err(|error| at(&path)(error.error))?;
        Ok(References { common, admin, note })
    }

    /// Reads what another process has noted before an attempt; nothing where it did not come to that.
    pub fn noted(
        repository: &Path,
        owner: &Owner,
        attempt: u32,
    ) -> Result<Option<References>, WorktreeError> {
        let common = common_of(repository)?;
        let Some(Registered::Whole(admin)) = adding::registered(&common, owner)? else { return Ok(None) };
        let path = admin.join(NOTE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(at(&path)(error)),
        };
        let note: Note = serde_json::from_slice(&text).map_err(|error| at(&path)(error.into()))?;
        Ok((note.attempt == attempt).then_some(References { common, admin, note }))
    }

    /// Returns the commit at which a branch stood before the attempt.
    pub fn tip_before(&self, branch: &str) -> Option<&str> {
        self.note.before.get(&reference_of(branch)).map(String::as_str)
    }

    /// Returns the references outside the run's own branches that stand for something else now, and hold commits which
    /// were made in the work tree meanwhile; and those that do not hold any more what they held. What no other reference
    /// holds then is held at `keep`, or at the names that follow it. Where the work tree was there to be looked at,
    /// those as well that were moved forward, and not as others do that.
    pub fn moved(&self, owner: &Owner, keep: &str) -> Result<Vec<MovedReference>, WorktreeError> {
        let git = git_at(&self.common, &self.admin);
        let now = read(&git)?;
        let own = format!("refs/heads/crew/{}/", owner.run);
        let mut moved = self.strayed(&git, owner, &own, &now)?;
        let lost = self.lost(&git, &own, &now)?;
        let unheld = unheld(&git, &own, &lost, &now)?;
        let elsewhere = self.came_to_elsewhere();
        for (reference, from) in lost {
            // What git has thrown away by now cannot be held.
            let held = unheld.contains(&from).then(|| custody::hold(&git, keep, &from).ok()).flatten();
            match moved.iter_mut().find(|moved| moved.reference == reference) {
                Some(strayed) => strayed.held = held,
                None => {
                    let to = now.get(&reference).cloned().unwrap_or_default();
                    let elsewhere = elsewhere.contains(&to);
                    let (from, lost, forward) = (Some(from), true, false);
                    moved.push(MovedReference { reference, from, to, lost, forward, elsewhere, held });
                }
            }
        }
        if self.note.heads.is_some() {
            let forward = self.forward(&git, &own, &now, &moved)?;
            moved.extend(forward.into_iter().filter(|moved| !elsewhere.contains(&moved.to)));
        }
        Ok(moved)
    }

    /// Returns the user's references that were moved forward to something that was there before, and not as crew does it or
    /// git from another repository. What is new was brought there by whoever made it.
    fn forward(
        &self,
        git: &Git,
        own: &str,
        now: &BTreeMap<String, String>,
        known: &[MovedReference],
    ) -> Result<Vec<MovedReference>, GitError> {
        let mut moved = Vec::new();
        for (name, before) in &self.note.before {
            let Some(to) = now.get(name).filter(|to| *to != before) else { continue };
            let is_known = known.iter().any(|known| known.reference == *name);
            if is_known
                || name.starts_with(own)
                || is_others(name)
                || !self.new_commits(git, &[to])?.is_empty()
            {
                continue;
            }
            let log = log_of(git, name);
            if log.first().is_some_and(|last| BY_OTHERS.iter().any(|others| last.by.starts_with(others))) {
                continue;
            }
            let (reference, from, to) = (name.clone(), Some(before.clone()), to.clone());
            let (lost, forward, elsewhere, held) = (false, true, false, None);
            moved.push(MovedReference { reference, from, to, lost, forward, elsewhere, held });
        }
        Ok(moved)
    }

    /// Returns what HEAD came to stand for since in those work trees of the repository that are not crew's.
    fn came_to_elsewhere(&self) -> HashSet<String> {
        let Some(heads) = &self.note.heads else { return HashSet::new() };
        let since = |admin: PathBuf| {
            let (second, noted) = heads.get(&admin).copied().unwrap_or_default();
            let log = log_of_head(&git_at(&self.common, &admin)).into_iter();
            let mut log: Vec<String> =
                log.take_while(|(at, _)| *at >= second).map(|(_, commit)| commit).collect();
            log.truncate(log.len().saturating_sub(noted));
            log
        };
        trees_of_others(&self.common).flat_map(since).collect()
    }

    /// Returns the user's references that do not hold any more what they held before, with that.
    fn lost(
        &self,
        git: &Git,
        own: &str,
        now: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, String)>, GitError> {
        let mut lost = Vec::new();
        for (name, before) in &self.note.before {
            if name.starts_with(own) || is_others(name) || now.get(name) == Some(before) {
                continue;
            }
            let is_in = match now.get(name) {
                // A tag with a message of its own is no commit, and in nothing but itself.
                Some(to) if is_commit(git, before) => is_ancestor(git, before, to)?,
                _ => false,
            };
            if !is_in {
                lost.push((name.clone(), before.clone()));
            }
        }
        Ok(lost)
    }

    fn strayed(
        &self,
        git: &Git,
        owner: &Owner,
        own: &str,
        now: &BTreeMap<String, String>,
    ) -> Result<Vec<MovedReference>, WorktreeError> {
        let before = &self.note.before;
        let changed: Vec<(&String, &String)> =
            now.iter().filter(|(name, id)| before.get(*name) != Some(id)).collect();
        let suspects: Vec<&(&String, &String)> =
            changed.iter().filter(|(name, _)| !name.starts_with(own) && !is_others(name)).collect();
        if suspects.is_empty() {
            return Ok(Vec::new());
        }
        let branch = format!("{own}{}", owner.task);
        let log = log_of(git, "HEAD");
        let mut stood: Vec<&str> = log.iter().map(|entry| entry.commit.as_str()).collect();
        stood.extend(now.get(&branch).map(String::as_str));
        let worked: HashSet<String> = self.new_commits(git, &stood)?.into_iter().collect();
        let made: HashSet<&str> =
            log.iter().filter(|entry| entry.is_made()).map(|entry| entry.commit.as_str()).collect();
        let elsewhere = changed.iter().filter(|(name, _)| **name != branch);
        let elsewhere =
            self.made_elsewhere(git, &elsewhere.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), now)?;
        let mut moved = Vec::new();
        for (name, id) in suspects {
            let mut held = self.new_commits(git, &[id])?;
            held.retain(|commit| worked.contains(commit));
            let is_its = |commit: &String| made.contains(commit.as_str()) || !elsewhere.contains(commit);
            if held.iter().any(is_its) {
                let (reference, to) = ((*name).clone(), (*id).clone());
                let from = before.get(&reference).cloned();
                let (lost, forward, elsewhere, held) = (false, false, false, None);
                moved.push(MovedReference { reference, from, to, lost, forward, elsewhere, held });
            }
        }
        Ok(moved)
    }

    /// Returns the commits that can be had from these, and were on no reference before.
    fn new_commits(&self, git: &Git, from: &[&str]) -> Result<Vec<String>, GitError> {
        let mut asked: String = from.iter().map(|id| format!("{id}\n")).collect();
        asked.extend(self.note.before.values().map(|id| format!("^{id}\n")));
        let found = git.fed(&["rev-list", "--ignore-missing", "--stdin"], asked.as_bytes())?;
        match found.code {
            Some(0) => Ok(String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()),
            _ => Err(found.failure),
        }
    }

    /// Returns the new commits that others made, by the logs of these references, or that a remote has.
    fn made_elsewhere(
        &self,
        git: &Git,
        names: &[&str],
        now: &BTreeMap<String, String>,
    ) -> Result<HashSet<String>, GitError> {
        let logs: Vec<Entry> = names.iter().flat_map(|name| log_of(git, name)).collect();
        let mut made: Vec<&str> =
            logs.iter().filter(|entry| entry.is_made()).map(|entry| entry.commit.as_str()).collect();
        let remote = now.iter().filter(|(name, _)| name.starts_with("refs/remotes/"));
        made.extend(remote.map(|(_, id)| id.as_str()));
        Ok(self.new_commits(git, &made)?.into_iter().collect())
    }
}

/// Returns those of the ids that are to be held: no reference holds them, but for the run's own branches and what goes with
/// the work tree.
fn unheld(
    git: &Git,
    own: &str,
    lost: &[(String, String)],
    now: &BTreeMap<String, String>,
) -> Result<HashSet<String>, GitError> {
    if lost.is_empty() {
        return Ok(HashSet::new());
    }
    let lasts =
        |name: &str| !name.starts_with(own) && !SHORT_LIVED.iter().any(|short| name.starts_with(short));
    let holding: Vec<&String> = now.iter().filter(|(name, _)| lasts(name)).map(|(_, id)| id).collect();
    let ids: HashSet<&String> = lost.iter().map(|(_, id)| id).filter(|id| !holding.contains(id)).collect();
    let (commits, others): (Vec<&String>, Vec<&String>) = ids.into_iter().partition(|id| is_commit(git, id));
    let mut asked: String = commits.iter().map(|id| format!("{id}\n")).collect();
    asked.extend(holding.iter().map(|id| format!("^{id}\n")));
    let found = git.fed(&["rev-list", "--ignore-missing", "--stdin"], asked.as_bytes())?;
    if found.code != Some(0) {
        return Err(found.failure);
    }
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    let found: HashSet<&str> = found.lines().collect();
    let commits = commits.into_iter().filter(|id| found.contains(id.as_str()));
    Ok(commits.chain(others).cloned().collect())
}

/// Returns the own folders of all work trees that are not crew's.
fn trees_of_others(common: &Path) -> impl Iterator<Item = PathBuf> {
    let linked = std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
    let linked = linked.map(|entry| entry.path()).filter(|admin| !admin.join(MARKER).exists());
    std::iter::once(common.to_owned()).chain(linked)
}

/// Returns of each work tree that is not crew's which entries of its HEAD's log are there already.
fn heads_of(common: &Path) -> BTreeMap<PathBuf, (u64, usize)> {
    let noted = |admin: &PathBuf| {
        let log = log_of_head(&git_at(common, admin));
        let newest = log.first().map_or(0, |(at, _)| *at);
        (newest, log.iter().take_while(|(at, _)| *at == newest).count())
    };
    trees_of_others(common).map(|admin| (admin.clone(), noted(&admin))).collect()
}

fn is_others(name: &str) -> bool {
    OTHERS.iter().any(|others| name.starts_with(others))
}

fn is_commit(git: &Git, id: &str) -> bool {
    git.text(&["cat-file", "-t", id]).is_ok_and(|kind| kind == "commit")
}

/// Tells whether a commit is in what stands there now, which may be anything.
fn is_ancestor(git: &Git, commit: &str, of: &str) -> Result<bool, GitError> {
    match git.is_ancestor(commit, of) {
        Err(GitError::Failed { .. }) => Ok(false),
        answer => answer,
    }
}

/// Speaks to git about a work tree, whether its folder is there or not.
fn git_at(common: &Path, admin: &Path) -> Git {
    let is_there = admin.join("HEAD").exists();
    settled(Git::at(common).apart().within(LOOK)).with("GIT_DIR", if is_there { admin } else { common })
}

fn read(git: &Git) -> Result<BTreeMap<String, String>, GitError> {
    let all = git.text(&["for-each-ref", "--format=%(refname) %(objectname)"])?;
    let refs = all.lines().filter_map(|line| line.split_once(' '));
    Ok(refs.map(|(name, id)| (name.to_owned(), id.to_owned())).collect())
}

/// A line of a reflog: where a reference came to stand, and by what.
struct Entry {
    commit: String,
    by: String,
}

impl Entry {
    /// Tells whether the commit was made by that, and not only taken over from elsewhere.
    fn is_made(&self) -> bool {
        let by = self.by.as_str();
        let makes = ["commit", "cherry-pick", "revert", "am", "rebase", "crew: keep"];
        let only_goes = ["rebase (start)", "rebase (finish)", "rebase (abort)"];
        let is_made = makes.iter().any(|makes| by.starts_with(makes)) || by.contains("Merge made by");
        is_made
            && !only_goes.iter().any(|goes| by.starts_with(goes))
            && !by.to_lowercase().contains("fast-forward")
    }
}

/// Returns what HEAD of a work tree came to stand for, newest first, with the second of the wall clock when it did.
fn log_of_head(git: &Git) -> Vec<(u64, String)> {
    let log = git.text(&["log", "-g", "--date=unix", "--format=%H %gd", ENTRIES, "HEAD", "--"]);
    let entry = |line: &str| {
        let (commit, at) = line.split_once(' ')?;
        let at = at.rsplit_once("@{")?.1.trim_end_matches('}').parse().ok()?;
        Some((at, commit.to_owned()))
    };
    log.unwrap_or_default().lines().filter_map(entry).collect()
}

/// Returns the newest entries of a reference's log; there may be none.
fn log_of(git: &Git, name: &str) -> Vec<Entry> {
    let log = git.text(&["log", "-g", "--format=%H %gs", ENTRIES, name, "--"]).unwrap_or_default();
    let entries = log.lines().filter_map(|line| line.split_once(' ').or(Some((line, ""))));
    entries.map(|(commit, by)| Entry { commit: commit.to_owned(), by: by.to_owned() }).collect()
}
