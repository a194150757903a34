//! The files that a reviewer had before them: those of an exact commit, read from git's objects, or those of a folder.

use super::apply::tree::{Found, Tree};
use super::blobs::Blobs;
use super::diff::{self, Change, FileDiff};
use super::git::{Git, GitError};
use super::snapshot::LOOK;
use super::staging::settled;
use crate::domain::review::placing::{Changed, Content, FileSeen};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The most bytes of a file that is looked through.
const MAX_TEXT: u64 = 10 * 1024 * 1024;
/// How far into a file a NUL makes it binary, in bytes; that is what git goes by.
const HEAD: usize = 8000;
/// The most files that are named to git one by one; of more, all of the change is read.
const MAX_NAMED: usize = 1_000;

/// Files of one commit, with what changed in them since another.
pub struct OfCommits {
    blobs: Blobs,
    head: String,
    /// Sizes in bytes of those that are files.
    sizes: BTreeMap<String, u64>,
    /// Those whose names are none that git could be asked for.
    odd: BTreeMap<String, Odd>,
    changes: BTreeMap<Vec<u8>, FileDiff>,
}

/// A file whose name holds a line end, or is no text: it is known by that with a mark for what is none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Odd {
    name: Vec<u8>,
    /// Id of its content.
    blob: String,
}

impl OfCommits {
    /// Opens the files at these paths, as they are in `head`. `base` and `head` are ids.
    pub fn open(
        repository: &Path,
        base: &str,
        head: &str,
        paths: &BTreeSet<String>,
    ) -> Result<OfCommits, GitError> {
        // Replacements, hooks and filters of whoever works in the repository count for nothing here.
        let git = settled(Git::at(repository).apart().within(LOOK));
        let odd = odd(&git, head, paths)?;
        let name =
            |path: &String| odd.get(path).map_or_else(|| path.clone().into_bytes(), |odd| odd.name.clone());
        let changes = changes(&git, base, head, paths.iter().map(name).collect())?;
        let sizes = sizes(&git, head, paths, &odd)?;
        Ok(OfCommits { blobs: Blobs::open(&git)?, head: head.to_owned(), sizes, odd, changes })
    }

    /// Reads one of them.
    pub fn read(&mut self, path: &str) -> Result<FileSeen, GitError> {
        let odd = self.odd.get(path);
        let name = odd.map_or(path.as_bytes(), |odd| &odd.name);
        let changed = self.changes.get(name).map_or(Changed::Nothing, changed);
        let asked = odd.map_or_else(|| format!("{}:{path}", self.head), |odd| odd.blob.clone());
        let content = match self.sizes.get(path) {
            None => Content::Missing,
            Some(size) if *size > MAX_TEXT => Content::NoText,
            Some(_) => match self.blobs.read(asked.as_bytes(), MAX_TEXT)? {
                None => Content::Missing,
                Some(blob) => content(blob.bytes),
            },
        };
        Ok(FileSeen { content, changed })
    }
}

/// Returns the sizes of those paths that are files in a commit. One git answers for all of them.
fn sizes(
    git: &Git,
    head: &str,
    paths: &BTreeSet<String>,
    odd: &BTreeMap<String, Odd>,
) -> Result<BTreeMap<String, u64>, GitError> {
    let paths: Vec<&String> =
        paths.iter().filter(|path| !path.contains('\n') || odd.contains_key(*path)).collect();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked = |path: &&String| match odd.get(*path) {
        Some(odd) => format!("{}\n", odd.blob),
        None => format!("{head}:{path}\n"),
    };
    let asked: String = paths.iter().map(asked).collect();
    let answered =
        git.answer(&["cat-file", "--batch-check=%(objecttype) %(objectsize)"], asked.as_bytes())?;
    let answered = String::from_utf8_lossy(&answered).into_owned();
    let size = |line: &str| line.strip_prefix("blob ").and_then(|size| size.parse().ok());
    Ok(paths
        .into_iter()
        .zip(answered.lines())
        .filter_map(|(path, line)| Some((path.clone(), size(line)?)))
        .collect())
}

/// Finds the files among those at these paths whose names git cannot be asked for. Of two that look the same, neither is
/// meant.
fn odd(git: &Git, head: &str, paths: &BTreeSet<String>) -> Result<BTreeMap<String, Odd>, GitError> {
    let is_odd = |path: &&String| path.contains(['\n', char::REPLACEMENT_CHARACTER]);
    let wanted: BTreeSet<&String> = paths.iter().filter(is_odd).collect();
    let mut found: BTreeMap<String, Odd> = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let mut twice = BTreeSet::new();
    let listed = git.run(&["ls-tree", "-r", "-z", "--full-tree", head])?;
    for entry in listed.split(|byte| *byte == 0) {
        let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else { continue };
        let (of, name) = (String::from_utf8_lossy(&entry[..tab]), &entry[tab + 1..]);
        let path = String::from_utf8_lossy(name).into_owned();
        let (Some("blob"), Some(blob), true) =
            (of.split(' ').nth(1), of.split(' ').nth(2), wanted.contains(&path))
        else {
            continue;
        };
        let odd = Odd { name: name.to_vec(), blob: blob.to_owned() };
        if found.insert(path.clone(), odd).is_some() {
            twice.insert(path);
        }
    }
    found.retain(|path, _| !twice.contains(path));
    Ok(found)
}

/// Returns what changed in the files of these names.
fn changes(
    git: &Git,
    base: &str,
    head: &str,
    mut named: BTreeSet<Vec<u8>>,
) -> Result<BTreeMap<Vec<u8>, FileDiff>, GitError> {
    let mut found = BTreeMap::new();
    if named.is_empty() {
        return Ok(found);
    }
    // A file that was renamed is compared with what it was, so both names are needed.
    let args = ["diff", "--name-status", "-z", "-M", "--diff-filter=R", "--no-ext-diff", base, head, "--"];
    let renamed = git.run(&args)?;
    let mut fields = renamed.split(|byte| *byte == 0).filter(|field| !field.is_empty());
    while let (Some(_), Some(from), Some(to)) = (fields.next(), fields.next(), fields.next()) {
        if named.contains(to) {
            named.insert(from.to_vec());
        }
    }
    let named: Vec<&OsStr> = named.iter().take(MAX_NAMED + 1).map(|path| OsStr::from_bytes(path)).collect();
    let named = if named.len() > MAX_NAMED { &[] } else { &named[..] };
    let git = git.clone().with("GIT_LITERAL_PATHSPECS", "1");
    let mut diff = diff::open_at(&git, base, Some(head), named)?;
    loop {
        let next = diff.next_file();
        let Some(file) = next.map_err(|source| GitError::Unreadable { command: "diff".into(), source })?
        else {
            break;
        };
        found.insert(file.path.clone(), file);
    }
    diff.into_inner().finish()?;
    Ok(found)
}

/// Says what a change did to a file, line by line where that is known.
fn changed(file: &FileDiff) -> Changed {
    if file.binary || matches!(file.change, Change::Added | Change::Deleted | Change::Unmerged) {
        return Changed::All;
    }
    let stretch = |hunk: &diff::Hunk| match hunk.added {
        // What was taken out stood between two lines.
        0 => (hunk.start, hunk.start.saturating_add(1)),
        added => (hunk.start, hunk.start.saturating_add(added - 1)),
    };
    Changed::Lines(file.hunks.iter().map(stretch).collect())
}

/// Reads a file of a folder, without ever leaving that: no link is followed, and nothing but a file is opened.
pub fn read_in(folder: &Path, path: &str) -> FileSeen {
    let found = Tree::open(folder).ok().and_then(|tree| tree.look(path).ok());
    let content = match found {
        Some(Found::File(file)) => {
            let mut bytes = Vec::new();
            match file.into_file().take(MAX_TEXT + 1).read_to_end(&mut bytes) {
                Ok(read) if read as u64 <= MAX_TEXT => content(bytes),
                _ => Content::NoText,
            }
        }
        // A link, a pipe, a repository of its own: something is there.
        None => Content::NoText,
        Some(Found::Folder | Found::Nothing) => Content::Missing,
    };
    FileSeen { content, changed: Changed::Unknown }
}

fn content(bytes: Vec<u8>) -> Content {
    match bytes.iter().take(HEAD).any(|byte| *byte == 0) {
        true => Content::NoText,
        false => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(git: &Git) -> String {
        git.run(&["add", "--all"]).unwrap();
        git.run(&["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "x"]).unwrap();
        git.text(&["rev-parse", "HEAD"]).unwrap()
    }

    #[test]
    fn files_are_those_of_the_commit_whatever_lies_about() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        let write = |path: &str, content: &[u8]| std::fs::write(folder.path().join(path), content).unwrap();
        git.run(&["init", "-q"]).unwrap();
        let old: String = (1..=40).map(|line| format!("line {line}\n")).collect();
        write("old name", old.as_bytes());
        write("gone", b"x\n");
        write("same", b"same\n");
        let base = commit(&git);
        std::fs::remove_file(folder.path().join("gone")).unwrap();
        std::fs::remove_file(folder.path().join("old name")).unwrap();
        write("new name", old.replace("line 7\n", "line seven\n").replace("line 20\n", "").as_bytes());
        write("--output=x", b"one\n");
        write("binary", b"a\0b");
        write("huge", &vec![b'x'; MAX_TEXT as usize + 1]);
        let head = commit(&git);
        let other = git.text(&["rev-parse", "HEAD:same"]).unwrap();
        let lied = git.text(&["rev-parse", "HEAD:new name"]).unwrap();
        git.run(&["replace", &lied, &other]).unwrap();
        write("new name", b"edited meanwhile\n");
        let names =
            ["new name", "gone", "same", "--output=x", "binary", "huge", "nowhere", "sub", ":(glob)**"];
        let paths: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut files = OfCommits::open(folder.path(), &base, &head, &paths).unwrap();
        let mut read = |path: &str| files.read(path).unwrap();
        let renamed = read("new name");
        assert!(matches!(&renamed.content, Content::Text(text) if text.contains("line seven")));
        assert_eq!(renamed.changed, Changed::Lines(vec![(7, 7), (19, 20)]));
        let seen = |content, changed| FileSeen { content, changed };
        assert_eq!(read("gone"), seen(Content::Missing, Changed::All));
        assert_eq!(read("same"), seen(Content::Text("same\n".into()), Changed::Nothing));
        assert_eq!(read("--output=x"), seen(Content::Text("one\n".into()), Changed::All));
        assert_eq!(read("binary"), seen(Content::NoText, Changed::All));
        assert_eq!(read("huge"), seen(Content::NoText, Changed::All));
        assert_eq!(read("nowhere"), seen(Content::Missing, Changed::Nothing));
        assert_eq!(read(":(glob)**"), seen(Content::Missing, Changed::Nothing));
    }

    #[test]
    fn files_of_a_folder_are_never_those_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        std::fs::create_dir(&top).unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::fs::write(top.join("a"), "a\n").unwrap();
        std::os::unix::fs::symlink("../secret", top.join("link")).unwrap();
        std::os::unix::fs::symlink("..", top.join("up")).unwrap();
        let read = |path: &str| read_in(&top, path).content;
        assert_eq!(read("a"), Content::Text("a\n".into()));
        assert_eq!([read("link"), read("up/secret")], [Content::NoText, Content::NoText]);
        assert_eq!([read("b"), read("b/c")], [Content::Missing, Content::Missing]);
    }
}
