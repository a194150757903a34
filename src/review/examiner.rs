//! Goes through the files of a target, one at a time, and lets the checks look at each.

use super::checks::change_set::{self, ChangeSet};
use super::checks::{CHECKS, data};
use super::file::{Changed, FileUnderReview, Origin};
use super::paths::{self, Place};
use super::remark::{Collection, Remark, Skips};
use super::source::{self, Content, Disk, MAX_READ};
use super::{Examination, RuleSet, Target};
use crate::domain::finding::Severity;
use crate::workspace::blobs::Blobs;
use crate::workspace::diff::{self, Change, FileDiff};
use crate::workspace::git::{Git, GitError};
use crate::workspace::reviewed;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

const PLAIN: u32 = 0o100644;
const EXECUTABLE: u32 = 0o100755;
const LINK: u32 = 0o120000;
const SUBMODULE: u32 = 0o160000;

/// Examines a target and returns what was found.
pub fn examine(git: &Git, target: &Target, rules: RuleSet) -> Result<Examination, GitError> {
    let mut examiner = Examiner { rules, ..Examiner::default() };
    match target {
        Target::Range { base, head } => examiner.range(git, base, head)?,
        Target::Worktree => examiner.worktree(&at_root(git)?)?,
        Target::Tree => examiner.tree(&at_root(git)?)?,
    }
    Ok(examiner.finish(target.clone()))
}

/// Returns git at the top of the work tree, from where paths are counted.
fn at_root(git: &Git) -> Result<Git, GitError> {
    let root = git.run(&["rev-parse", "--show-toplevel"])?;
    let root = root.strip_suffix(b"\n").unwrap_or(&root);
    Ok(Git::at(PathBuf::from(OsStr::from_bytes(root))))
}

#[derive(Default)]
struct Examiner {
    rules: RuleSet,
    files: usize,
    added: usize,
    removed: usize,
    collection: Collection,
    skips: Skips,
    changes: ChangeSet,
    deleted: HashSet<Vec<u8>>,
}

/// One file that is to be looked at.
struct Entry<'a> {
    path: &'a [u8],
    change: Option<Change>,
    changed: Changed,
    /// The line before each place from which lines were taken.
    gaps: Vec<u32>,
    mode: Option<u32>,
    /// Whether it could be executed before, and can't any more.
    lost_bit: bool,
}

impl<'a> Entry<'a> {
    fn whole(path: &'a [u8], change: Option<Change>) -> Entry<'a> {
        Entry { path, change, changed: Changed::All, gaps: Vec::new(), mode: None, lost_bit: false }
    }

    fn of_diff(file: &'a FileDiff) -> Entry<'a> {
        // A file that git shows no lines of, and that is text all the same, is examined whole.
        let all = file.binary || matches!(file.change, Change::Added | Change::Unmerged);
        let hunks = || file.hunks.iter();
        let lines = hunks().filter(|hunk| hunk.added > 0);
        let lines = lines.map(|hunk| (hunk.start, hunk.start.saturating_add(hunk.added - 1))).collect();
        Entry {
            path: &file.path,
            change: Some(file.change),
            changed: if all { Changed::All } else { Changed::Lines(lines) },
            gaps: hunks().filter(|hunk| hunk.added == 0).map(|hunk| hunk.start).collect(),
            mode: file.mode,
            lost_bit: (file.old_mode, file.mode) == (Some(EXECUTABLE), Some(PLAIN)),
        }
    }
}

impl Examiner {
    fn range(&mut self, git: &Git, base: &str, head: &str) -> Result<(), GitError> {
        let (base, head) = (tree_id(git, base)?, tree_id(git, head)?);
        let mut blobs = Blobs::open(git)?;
        let mut diff = diff::open(git, &base, Some(&head))?;
        while let Some(file) = next_file(&mut diff)? {
            if !self.count(&file) {
                continue;
            }
            let by_path = || [head.as_bytes(), b":", &file.path].concat();
            let name = file.blob.as_ref().map_or_else(by_path, |id| id.clone().into_bytes());
            let content = source::read_blob(&mut blobs, &name, file.mode == Some(LINK))?;
            self.look(Entry::of_diff(&file), content);
        }
        diff.into_inner().finish()?;
        self.whole_change_among(git, &["ls-tree", "-r", "-z", "--name-only", "--full-tree", &head])
    }

    fn worktree(&mut self, git: &Git) -> Result<(), GitError> {
        let base = match reviewed::commit(git, "HEAD") {
            Some(commit) => commit,
            // Before the first commit everything is new.
            None => reviewed::empty_tree(git)?,
        };
        let mut disk = Disk::new(git.dir());
        let mut diff = diff::open(git, &base, None)?;
        while let Some(file) = next_file(&mut diff)? {
            if self.count(&file) {
                let content = disk.read(&file.path);
                self.look(Entry::of_diff(&file), content);
            }
        }
        diff.into_inner().finish()?;
        for path in entries(&untracked(git)?) {
            self.files += 1;
            let content = disk.read(path);
            self.changes.name(&String::from_utf8_lossy(path), Change::Added);
            self.look(Entry::whole(path, Some(Change::Added)), content);
        }
        self.whole_change_among(git, &["ls-files", "-z", "--cached"])
    }

    fn tree(&mut self, git: &Git) -> Result<(), GitError> {
        let mut disk = Disk::new(git.dir());
        let mut names = HashMap::new();
        let tracked = git.run(&["ls-files", "-z", "--stage"])?;
        let untracked = untracked(git)?;
        let tracked = entries(&tracked).filter_map(|entry| {
            let tab = entry.iter().position(|byte| *byte == b'\t')?;
            Some((&entry[tab + 1..], entry.starts_with(b"160000")))
        });
        let mut last: &[u8] = b"";
        for (path, submodule) in tracked.chain(entries(&untracked).map(|path| (path, false))) {
            // A path in conflict is listed once for each side.
            if std::mem::replace(&mut last, path) == path {
                continue;
            }
            let content = if submodule { SUBMODULE_SKIPPED } else { disk.read(path) };
            if matches!(content, Content::Gone) {
                continue;
            }
            self.files += 1;
            self.collide(&mut names, path);
            self.look(Entry::whole(path, None), content);
        }
        Ok(())
    }

    /// Reports a path that differs from an earlier one in case alone.
    fn collide(&mut self, names: &mut HashMap<String, String>, path: &[u8]) {
        let path = String::from_utf8_lossy(path).into_owned();
        if self.rules == RuleSet::Security || paths::place(&path) == Place::Vendored {
            return;
        }
        if let Some(other) = names.get(&path.to_lowercase()) {
            self.collection.take_whole("name-collision", &path, change_set::collision(other));
        } else {
            names.insert(path.to_lowercase(), path);
        }
    }

    /// Counts a file of a diff; false where there is nothing to look at.
    fn count(&mut self, file: &FileDiff) -> bool {
        let (added, removed) = file.counts();
        self.files += 1;
        self.added += added;
        self.removed += removed;
        let path = String::from_utf8_lossy(&file.path);
        self.changes.name(&path, file.change);
        if file.change == Change::Deleted {
            self.deleted.insert(file.path.clone());
            return false;
        }
        if file.mode == Some(SUBMODULE) {
            self.skips.note("that are repositories of their own, not examined", &path);
            return false;
        }
        true
    }

    fn look(&mut self, entry: Entry<'_>, content: Content) {
        let path = String::from_utf8_lossy(entry.path).into_owned();
        if std::str::from_utf8(entry.path).is_err() {
            self.skips.note("with a name that is not UTF-8, which is shown with marks in it", &path);
        }
        match content {
            Content::Gone => {}
            Content::Other(why) => self.skips.note(why, &path),
            Content::Link(target) => self.look_at_link(&path, &target, entry.change),
            Content::Text { bytes, size } => {
                let origin = Origin { path, change: entry.change, changed: entry.changed, size };
                let file = FileUnderReview::new(&origin, &bytes);
                if entry.change == Some(Change::Added) && entry.mode.is_none() {
                    // Untracked: git counted nothing.
                    self.added += file.line_count() as usize;
                }
                self.look_at_text(&file, &entry.gaps);
                if entry.lost_bit {
                    self.note_lost_bit(&file);
                }
            }
        }
    }

    fn look_at_text(&mut self, file: &FileUnderReview<'_>, gaps: &[u32]) {
        let mut remarks = Vec::new();
        for check in &CHECKS {
            if check.security || (self.rules == RuleSet::All && file.place == Place::Own) {
                remarks.extend((check.run)(file).into_iter().map(|remark| (check.category, remark)));
            }
        }
        if self.rules == RuleSet::All && file.origin.change.is_some() {
            self.changes.text(file, gaps);
        }
        self.collection.take(file, remarks);
        self.note_limits(file);
    }

    fn note_limits(&mut self, file: &FileUnderReview<'_>) {
        let path = file.path();
        let utf16 = file.bytes.starts_with(b"\xff\xfe") || file.bytes.starts_with(b"\xfe\xff");
        let limits = [
            (file.origin.size > MAX_READ && !file.binary, "larger than 16 MiB, examined up to there"),
            (file.binary && utf16, "in UTF-16, not examined by line"),
            (file.binary && !utf16, "binary, not examined by line"),
            (
                file.is_too_long_for_code() && file.language.is_some() && !file.binary,
                "too long to be read as code",
            ),
            (file.minified, "packed for machines, examined for secrets alone or not at all"),
            (file.place == Place::Vendored, "in vendored or built folders, examined for secrets alone"),
            (data::is_too_large(file) && self.rules == RuleSet::All, "too large to be read as data"),
            (file.was_cut(), "with more remarks of one kind than are kept"),
        ];
        for (_, reason) in limits.iter().filter(|(holds, _)| *holds) {
            self.skips.note(reason, path);
        }
    }

    fn note_lost_bit(&mut self, file: &FileUnderReview<'_>) {
        // A script's first line says that it is meant to be started.
        if self.rules == RuleSet::Security || file.place == Place::Vendored || !file.bytes.starts_with(b"#!")
        {
            return;
        }
        let body = "Whoever starts it by its name, as a hook, a build or a person does, is refused. Give it back: git \
                    update-index --chmod=+x, or chmod +x.";
        let title = "Script lost its executable bit";
        self.collection.take_whole(
            "lost-executable-bit",
            file.path(),
            Remark::on_file("bit", Severity::Warning, title, body).sure(0.9),
        );
    }

    fn look_at_link(&mut self, path: &str, target: &[u8], change: Option<Change>) {
        if self.rules == RuleSet::Security || paths::place(path) == Place::Vendored {
            return;
        }
        if !leaves(path, target) {
            if change.is_some() {
                self.changes.link(path, target);
            }
            return;
        }
        let shown: String = String::from_utf8_lossy(target).chars().take(200).collect();
        let body = format!(
            "It points to `{shown}`, which is there on one machine and not on the next, and may be anybody's file. Point to \
             something in the repository, by a relative path."
        );
        let title = "Symbolic link out of the repository";
        self.collection.take_whole(
            "outside-link",
            path,
            Remark::on_file(&shown, Severity::Warning, title, body),
        );
    }

    /// Looks at the change as a whole, among the names that git lists by this command.
    fn whole_change_among(&mut self, git: &Git, listing: &[&str]) -> Result<(), GitError> {
        if self.rules == RuleSet::Security {
            return Ok(());
        }
        let names = if self.changes.needs_names() { git.run(listing)? } else { Vec::new() };
        self.whole_change(&names);
        Ok(())
    }

    fn whole_change(&mut self, names: &[u8]) {
        let deleted = &self.deleted;
        let names = entries(names).filter(|name| !deleted.contains(*name));
        let names: Vec<_> = names.filter_map(|name| std::str::from_utf8(name).ok()).collect();
        for (category, path, remark) in self.changes.remarks(names.into_iter()) {
            self.collection.take_whole(category, &path, remark);
        }
    }

    fn finish(self, target: Target) -> Examination {
        let (findings, left) = self.collection.finish();
        let mut skipped = self.skips.sentences();
        skipped.extend(left);
        Examination { target, files: self.files, added: self.added, removed: self.removed, findings, skipped }
    }
}

const SUBMODULE_SKIPPED: Content = Content::Other("that are repositories of their own, not examined");

fn tree_id(git: &Git, name: &str) -> Result<String, GitError> {
    git.text(&["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{tree}}")])
}

fn next_file(
    diff: &mut diff::DiffReader<crate::workspace::git::GitStream>,
) -> Result<Option<FileDiff>, GitError> {
    diff.next_file().map_err(|source| GitError::Unreadable { command: "diff".to_owned(), source })
}

fn untracked(git: &Git) -> Result<Vec<u8>, GitError> {
    git.run(&["ls-files", "-z", "--others", "--exclude-standard"])
}

fn entries(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|entry| !entry.is_empty())
}

/// Decides whether a link at `path` leads out of the repository, by its words alone.
fn leaves(path: &str, target: &[u8]) -> bool {
    if target.starts_with(b"/") {
        return true;
    }
    let folder = paths::folder(path);
    let mut depth = folder.split('/').filter(|part| !part.is_empty()).count();
    for part in target.split(|byte| *byte == b'/') {
        match part {
            b".." if depth == 0 => return true,
            b".." => depth -= 1,
            b"" | b"." => {}
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leaves_by_an_absolute_path_or_by_too_many_steps_up() {
        assert!(leaves("a/b", b"/etc/passwd") && leaves("a/b", b"../../x") && leaves("a", b".."));
        assert!(!leaves("a/b", b"../x") && !leaves("a/b/c", b"../../x/../y") && !leaves("a", b"b/../c"));
    }
}
