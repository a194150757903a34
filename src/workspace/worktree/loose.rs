//! What only a work tree's own notes know: commits that no branch holds, and repositories that lie in it.

use super::{Owner, Work, WorktreeError};
use crate::workspace::custody;
use crate::workspace::git::{Git, GitError};
use crate::workspace::inner::Inner;
use crate::workspace::staging::{Astray, Inside, Place};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How many of the newest entries of a reflog are looked at.
const ENTRIES: &str = "--max-count=400";
const MAX_ENTRIES: usize = 400;

/// Names of single commits in a work tree's own folder: where something was begun, and where it was before.
const NAMES: &[&str] = &["HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD"];

/// Files that hold the id of a commit which was set aside while something was going on.
const FILES: &[&str] =
    &["rebase-merge/orig-head", "rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH"];

/// Returns the newest ones of the commits that nothing but this work tree knows, once its branch, which is called
/// `reference`, is at `commit`.
pub(super) fn commits(place: &Place, reference: &str, commit: &str) -> Result<Vec<String>, GitError> {
    let git = &place.git;
    let named = git.commits(&[NAMES, &[reference]].concat());
    let has_head = named[0].is_some();
    let mut known: Vec<String> = named.into_iter().flatten().collect();
    for name in ["HEAD", reference] {
        // There may be no such log.
        let log = git.text(&["log", "-g", "--format=%H", ENTRIES, name, "--"]).unwrap_or_default();
        known.extend(log.lines().map(str::to_owned));
    }
    if !has_head && git.run(&["rev-parse", "--verify", "-q", "HEAD"]).is_err() {
        known.extend(logged(place));
    }
    for name in FILES {
        known.extend(std::fs::read_to_string(place.own.join(name)).map(|id| id.trim().to_owned()));
    }
    // Git shows these to this work tree alone.
    let own = ["for-each-ref", "--format=%(objectname)", "refs/bisect", "refs/worktree", "refs/rewritten"];
    known.extend(git.text(&own)?.lines().map(str::to_owned));
    let is_id = |id: &String| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    known.retain(|id| is_id(id) && id != commit);
    known.sort_unstable();
    known.dedup();
    if known.is_empty() {
        return Ok(known);
    }
    // To `--branches` a pattern is told without what all branches have in common.
    let exclude = format!("--exclude={}", reference.strip_prefix("refs/heads/").unwrap_or(reference));
    let mut args = vec!["rev-list", "--parents", "--ignore-missing"];
    args.extend(known.iter().map(String::as_str));
    args.extend(["--not", commit, &exclude, "--branches", "--tags", "--remotes", "--glob=refs/crew"]);
    let lost = git.text(&args)?;
    let rows = lost.lines().filter_map(|line| line.split_once(' ').or(Some((line, ""))));
    let (lost, parents): (Vec<&str>, Vec<&str>) = rows.unzip();
    let parents: HashSet<&str> = parents.iter().flat_map(|parents| parents.split(' ')).collect();
    Ok(lost.into_iter().filter(|id| !parents.contains(id)).map(str::to_owned).collect())
}

/// Returns the ids in the log of HEAD, which git does not read where the branch is gone that HEAD stands for.
fn logged(place: &Place) -> Vec<String> {
    // Where references are kept in another manner, there is no such file.
    let log = std::fs::read_to_string(place.own.join("logs/HEAD")).unwrap_or_default();
    let ids = log.lines().rev().take(MAX_ENTRIES).filter_map(|line| line.split(' ').nth(1));
    // No commit of theirs: git writes it where there was none.
    ids.filter(|id| id.bytes().any(|byte| byte != b'0')).map(str::to_owned).collect()
}

/// Returns one commit through which all of these can be had; nothing where there are none.
pub(super) fn joined(place: &Place, commits: Vec<String>, owner: &Owner) -> Result<Option<String>, GitError> {
    if commits.len() < 2 {
        return Ok(commits.into_iter().next());
    }
    let parents: Vec<&str> = commits.iter().map(String::as_str).collect();
    let tree = place.git.text(&["rev-parse", &format!("{}^{{tree}}", parents[0])])?;
    let Owner { run, task } = owner;
    let message = format!(
        "{task}: {} lines of commits that its branch does not hold\n\nCrew-Run: {run}\nCrew-Task: {task}\n",
        parents.len()
    );
    place.commit(&tree, &parents, &message).map(Some)
}

/// What is held of what lies in a work tree and cannot be on its branch.
pub(super) struct Held {
    pub reference: String,
    /// The submodule in whose folder files lie that none of its commits has.
    pub astray: Option<PathBuf>,
}

/// Keeps what a repository holds that lies in a work tree: what is not committed in a submodule, and commits that are
/// nowhere else; and all that of repositories which lie in that one.
pub(super) fn keep_inside(place: &Place, inside: &Inside, work: &Work) -> Result<Vec<Held>, WorktreeError> {
    let inner = Inner::at(&place.folder.join(&inside.path), &place.own)?;
    let repository = &inner.place;
    let staged = repository.stage(&[])?;
    let git = &repository.git;
    let mut all = Vec::new();
    for deeper in &staged.inside {
        let deeper = Inside { path: inside.path.join(&deeper.path), ..*deeper };
        all.extend(keep_inside(place, &deeper, work)?);
    }
    for astray in &staged.astray {
        let path = inside.path.join(&astray.path);
        let held = hold_astray(repository, &path, &astray.tree, work)?;
        let reference = bring(place, repository, &held.0, &held.1, work.keep_ref)?;
        all.push(Held { reference, astray: Some(path) });
    }
    let head = git.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]).ok();
    let began = format!("{}:{}", work.base, inside.path.display());
    let own = own_commits(place, git, Some(&began))?;
    let is_clean = match &head {
        Some(head) => git.text(&["rev-parse", &format!("{head}^{{tree}}")])? == staged.tree,
        None => false,
    };
    if own.is_empty() && (is_clean || !inside.is_submodule) {
        return Ok(all);
    }
    let mut parents: Vec<&str> = head.as_deref().into_iter().collect();
    parents.extend(own.iter().map(String::as_str).filter(|own| Some(*own) != head.as_deref()));
    let (_, trailers) = work.message.split_once("\n\n").unwrap_or_default();
    let message = format!("What lies in {}, a repository of its own\n\n{trailers}", inside.path.display());
    let (reference, commit) =
        custody::hold_tree(repository, &staged.tree, &parents, work.keep_ref, &message)?;
    let reference = bring(place, repository, &reference, &commit, work.keep_ref)?;
    let astray = (inside.is_submodule && !is_clean).then(|| inside.path.clone());
    all.push(Held { reference, astray });
    Ok(all)
}

/// Keeps what lies in the folder of a submodule that is not checked out.
pub(super) fn keep_astray(place: &Place, astray: &Astray, work: &Work) -> Result<Held, WorktreeError> {
    let (reference, _) = hold_astray(place, &astray.path, &astray.tree, work)?;
    Ok(Held { reference, astray: Some(astray.path.clone()) })
}

fn hold_astray(place: &Place, path: &Path, tree: &str, work: &Work) -> Result<(String, String), GitError> {
    let (_, trailers) = work.message.split_once("\n\n").unwrap_or_default();
    let message =
        format!("What lies in {}, a submodule that is not checked out\n\n{trailers}", path.display());
    custody::hold_tree(place, tree, &[], work.keep_ref, &message)
}

/// Keeps the commits of a repository that somebody has made in the place of the work tree's own `.git`.
pub(super) fn keep_aside(
    place: &Place,
    aside: &Path,
    work: &Work,
    owner: &Owner,
) -> Result<Option<String>, WorktreeError> {
    let is_repository =
        aside.symlink_metadata().is_ok_and(|kind| kind.is_dir()) && aside.join("HEAD").is_file();
    if !is_repository {
        return Ok(None);
    }
    let inner = Inner::at(aside, &place.own)?;
    let repository = &inner.place;
    let own = own_commits(place, &repository.git, None)?;
    let Some(commit) = joined(repository, own, owner)? else { return Ok(None) };
    let reference = custody::hold(&repository.git, work.keep_ref, &commit)?;
    Ok(Some(bring(place, repository, &reference, &commit, work.keep_ref)?))
}

/// Returns the newest commits of a repository that it got from nowhere and that the one around it does not have. `began`
/// names, in that one, the commit that it began with.
fn own_commits(place: &Place, git: &Git, began: Option<&str>) -> Result<Vec<String>, GitError> {
    let mut args =
        vec!["rev-list", "--parents", "--ignore-missing", "--branches", "HEAD", "--not", "--remotes"];
    let began = began.and_then(|began| place.git.text(&["rev-parse", "--verify", "-q", began]).ok());
    args.extend(began.as_deref().filter(|began| !began.is_empty()));
    // A file may be called HEAD.
    args.push("--");
    // Without any commit there is no HEAD.
    let Ok(own) = git.text(&args) else { return Ok(Vec::new()) };
    let rows: Vec<Vec<&str>> = own.lines().map(|line| line.split(' ').collect()).collect();
    let parents: HashSet<&str> = rows.iter().flat_map(|row| row[1..].iter().copied()).collect();
    let newest = rows.iter().map(|row| row[0]).filter(|id| !parents.contains(id));
    // A work tree of the same repository has nothing of its own.
    let is_new = |id: &&str| place.git.run(&["cat-file", "-e", id]).is_err();
    Ok(newest.filter(is_new).map(str::to_owned).collect())
}

/// Brings a commit over from the repository inside, and holds it at `keep_ref` or at the next name that is free.
fn bring(
    place: &Place,
    inside: &Place,
    reference: &str,
    commit: &str,
    keep_ref: &str,
) -> Result<String, GitError> {
    let tree = inside.git.text(&["rev-parse", &format!("{commit}^{{tree}}")])?;
    let parents = inside.git.text(&["show", "-s", "--format=%P", commit, "--"])?;
    let parents: Vec<&str> = parents.split_whitespace().collect();
    // What is made anew each time is brought once.
    if let Some((reference, _)) = custody::same(&place.git, keep_ref, &tree, &parents)? {
        return Ok(reference);
    }
    if fetch(place, &inside.own, reference, commit).is_ok() {
        return custody::hold(&place.git, keep_ref, commit);
    }
    // Of a shallow one, git takes nothing that has a history: the files go without it.
    if let Some((reference, _)) = custody::same(&place.git, keep_ref, &tree, &[])? {
        return Ok(reference);
    }
    let message = inside.git.text(&["show", "-s", "--format=%B", commit, "--"])?;
    let (reference, alone) = custody::hold_tree(inside, &tree, &[], keep_ref, &message)?;
    fetch(place, &inside.own, &reference, &alone)?;
    custody::hold(&place.git, keep_ref, &alone)
}

fn fetch(place: &Place, from: &Path, reference: &str, commit: &str) -> Result<(), GitError> {
    if place.git.run(&["cat-file", "-e", commit]).is_ok() {
        return Ok(());
    }
    let options = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--"];
    let args: Vec<&OsStr> = options.iter().map(OsStr::new).collect();
    // It is a folder of ours, whatever the user allows otherwise.
    let git = place.git.clone().with("GIT_ALLOW_PROTOCOL", "file");
    git.run(&[&args[..], &[from.as_os_str(), reference.as_ref()]].concat()).map(drop)
}
