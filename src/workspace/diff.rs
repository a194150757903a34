//! What changed, read from `git diff` as it comes.
//!
//! Only the places are kept, never the text: a diff of any size is read in the memory of one file's hunks.

use super::git::{Git, GitError, GitStream};
use crate::domain::quoted::unquote;
use std::ffi::OsStr;
use std::io::{self, BufRead};

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Modified,
    Renamed,
    Copied,
    Deleted,
    /// Left in conflict by a merge; the diff may say nothing about its lines.
    Unmerged,
}

/// One place where a file differs; lines count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunk {
    pub removed: u32,
    /// First line in the new file; where nothing was added, the line before the gap.
    pub start: u32,
    pub added: u32,
}

/// One changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    pub change: Change,
    /// Path in the new tree (in the old one for a deleted file), as bytes: git allows any but NUL.
    pub path: Vec<u8>,
    /// File mode in the new tree, such as `0o100644`, where the diff tells it.
    pub mode: Option<u32>,
    /// File mode in the old tree, where the change is one of it.
    pub old_mode: Option<u32>,
    /// Id of the new blob, where the diff tells it and git has it.
    pub blob: Option<String>,
    /// Whether git took it for binary and so shows no lines.
    pub binary: bool,
    pub hunks: Vec<Hunk>,
}

/// The most hunks that are kept of a file; the last one then reaches over the rest.
const MAX_HUNKS: usize = 1_000_000;
/// The most bytes kept of one line of the diff; far above the longest path.
const MAX_LINE: usize = 64 * 1024;

/// Starts the diff from `base` to `head`, or to the work tree where no head is given.
///
/// Both have to be resolved ids: they are not guarded against being read as options.
pub fn open(git: &Git, base: &str, head: Option<&str>) -> Result<DiffReader<GitStream>, GitError> {
    open_at(git, base, head, &[])
}

/// Starts the same for these paths alone; for all of them where there are none.
pub fn open_at(
    git: &Git,
    base: &str,
    head: Option<&str>,
    paths: &[&OsStr],
) -> Result<DiffReader<GitStream>, GitError> {
    // Every setting a user may have that changes the format is named here.
    let mut args = vec!["-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false", "diff", "-U0"];
    args.extend(["--no-color", "--no-ext-diff", "--no-textconv", "--no-relative", "--inter-hunk-context=0"]);
    args.extend(["--full-index", "-M", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/", base]);
    args.extend(head);
    args.push("--");
    let args: Vec<&OsStr> = args.into_iter().map(OsStr::new).chain(paths.iter().copied()).collect();
    Ok(DiffReader::new(git.stream(&args)?))
}

/// Reads a diff file by file.
#[derive(Debug)]
pub struct DiffReader<R> {
    from: R,
    line: Vec<u8>,
    /// Whether `line` was read ahead and is still to be looked at.
    waiting: bool,
}

impl<R: BufRead> DiffReader<R> {
    /// Reads the output of `git diff -U0`.
    pub fn new(from: R) -> DiffReader<R> {
        DiffReader { from, line: Vec::new(), waiting: false }
    }

    /// Returns what was read from.
    pub fn into_inner(self) -> R {
        self.from
    }

    /// Returns the next changed file; nothing at the end.
    pub fn next_file(&mut self) -> io::Result<Option<FileDiff>> {
        while self.advance()? {
            if let Some(names) = self.line.strip_prefix(b"diff --git ") {
                let file = FileDiff::named(same_name(names).unwrap_or_default());
                return self.file(file).map(Some);
            }
            if let Some(path) = self.line.strip_prefix(b"* Unmerged path ") {
                let path = path.to_vec();
                return Ok(Some(FileDiff { change: Change::Unmerged, ..FileDiff::named(path) }));
            }
        }
        Ok(None)
    }

    fn file(&mut self, mut file: FileDiff) -> io::Result<FileDiff> {
        while self.advance()? {
            if self.line.starts_with(b"diff --git ") || self.line.starts_with(b"* Unmerged path ") {
                self.waiting = true;
                break;
            }
            match hunk(&self.line) {
                Some((removed, start, added)) => {
                    file.add(Hunk { removed, start, added });
                    self.skip_text(removed, added)?;
                }
                None => file.header(&self.line),
            }
        }
        Ok(file)
    }

    /// Passes over a hunk's text by its counts, so that text which looks like a header is never taken for one.
    fn skip_text(&mut self, mut removed: u32, mut added: u32) -> io::Result<()> {
        while (removed > 0 || added > 0) && self.advance()? {
            match self.line.first() {
                Some(b'-') if removed > 0 => removed -= 1,
                Some(b'+') if added > 0 => added -= 1,
                Some(b'\\') => {}
                _ => {
                    self.waiting = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Moves to the next line, of which the start is kept in `self.line`; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if std::mem::take(&mut self.waiting) {
            return Ok(true);
        }
        self.line.clear();
        let mut any = false;
        loop {
            let piece = self.from.fill_buf()?;
            if piece.is_empty() {
                return Ok(any);
            }
            any = true;
            let end = piece.iter().position(|byte| *byte == b'\n');
            let text = &piece[..end.unwrap_or(piece.len())];
            let room = MAX_LINE - self.line.len();
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            let used = text.len() + usize::from(end.is_some());
            self.from.consume(used);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

impl FileDiff {
    fn named(path: Vec<u8>) -> FileDiff {
        FileDiff {
            change: Change::Modified,
            path,
            mode: None,
            old_mode: None,
            blob: None,
            binary: false,
            hunks: Vec::new(),
        }
    }

    fn add(&mut self, hunk: Hunk) {
        let full = self.hunks.len() >= MAX_HUNKS;
        match self.hunks.last_mut() {
            Some(last) if full => {
                last.added = hunk.start.saturating_add(hunk.added).saturating_sub(last.start);
                last.removed = last.removed.saturating_add(hunk.removed);
            }
            _ => self.hunks.push(hunk),
        }
    }

    fn header(&mut self, line: &[u8]) {
        let after = |prefix: &str| line.strip_prefix(prefix.as_bytes());
        if let Some(mode) = after("new file mode ") {
            (self.change, self.mode) = (Change::Added, octal(mode));
        } else if let Some(mode) = after("deleted file mode ") {
            (self.change, self.mode) = (Change::Deleted, octal(mode));
        } else if let Some(mode) = after("old mode ") {
            self.old_mode = octal(mode);
        } else if let Some(mode) = after("new mode ") {
            self.mode = octal(mode);
        } else if let Some(path) = after("rename to ") {
            (self.change, self.path) = (Change::Renamed, unquote(path));
        } else if let Some(path) = after("copy to ") {
            (self.change, self.path) = (Change::Copied, unquote(path));
        } else if let Some(name) = after("+++ ") {
            self.name(name, b"b/");
        } else if let Some(name) = after("--- ") {
            self.name(name, b"a/");
        } else if let Some(ids) = after("index ") {
            self.index(&String::from_utf8_lossy(ids));
        } else if line.starts_with(b"Binary files ") || line.starts_with(b"GIT binary patch") {
            self.binary = true;
        }
    }

    fn name(&mut self, name: &[u8], prefix: &[u8]) {
        // A name with a space is followed by a tab, so that tools of old find its end.
        let name = unquote(name.strip_suffix(b"\t").unwrap_or(name));
        if let Some(path) = name.strip_prefix(prefix) {
            self.path = path.to_vec();
        }
    }

    fn index(&mut self, line: &str) {
        let (ids, mode) = line.split_once(' ').map_or((line, None), |(ids, mode)| (ids, Some(mode)));
        self.mode = mode.and_then(|mode| octal(mode.as_bytes())).or(self.mode);
        let new = ids.split_once("..").map(|(_, new)| new).unwrap_or_default();
        // All zeros: the work tree's text, which git has not stored.
        self.blob = (!new.trim_matches('0').is_empty()).then(|| new.to_owned());
    }

    /// Returns how many lines were added and how many removed.
    pub fn counts(&self) -> (usize, usize) {
        let sum = |part: fn(&Hunk) -> u32| self.hunks.iter().map(|hunk| part(hunk) as usize).sum();
        (sum(|hunk| hunk.added), sum(|hunk| hunk.removed))
    }
}

fn octal(mode: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(mode).ok()?.trim(), 8).ok()
}

/// Reads `@@ -start[,count] +start[,count] @@`: lines removed, first new line, lines added.
fn hunk(line: &[u8]) -> Option<(u32, u32, u32)> {
    let line = line.strip_prefix(b"@@ -")?;
    let end = line.windows(3).position(|at| at == b" @@")?;
    let (old, new) = std::str::from_utf8(&line[..end]).ok()?.split_once(" +")?;
    let (_, removed) = range(old)?;
    let (start, added) = range(new)?;
    Some((removed, start, added))
}

fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once(',') {
        Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

/// Finds the name in `a/NAME b/NAME`, which is all that tells it where only a mode changed or an empty file came.
fn same_name(names: &[u8]) -> Option<Vec<u8>> {
    let half = names.len() / 2;
    if names.get(half) != Some(&b' ') {
        return None;
    }
    let (old, new) = (unquote(&names[..half]), unquote(&names[half + 1..]));
    let (old, new) = (old.strip_prefix(b"a/")?, new.strip_prefix(b"b/")?);
    (old == new).then(|| new.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<FileDiff> {
        let mut reader = DiffReader::new(text);
        std::iter::from_fn(|| reader.next_file().unwrap()).collect()
    }

    #[test]
    fn the_places_of_every_file_are_found() {
        let files = read(
            b"diff --git a/src/a.rs b/src/a.rs\nindex 1111..2222 100644\n--- a/src/a.rs\n+++ b/src/a.rs\n\
              @@ -3 +3,2 @@ fn x() {\n-old\n+new\n+--- a/not/a/name\n@@ -9,2 +10,0 @@\n-x\n-y\n\
              diff --git a/empty b/empty\nnew file mode 100644\nindex 0000..e69d\n\
              diff --git a/run b/run\nold mode 100644\nnew mode 100755\n",
        );
        assert_eq!(files.len(), 3);
        assert_eq!(files[0].path, b"src/a.rs");
        assert_eq!(
            files[0].hunks,
            [Hunk { removed: 1, start: 3, added: 2 }, Hunk { removed: 2, start: 10, added: 0 }]
        );
        assert_eq!(files[0].counts(), (2, 3));
        assert_eq!((files[0].blob.as_deref(), files[0].mode), (Some("2222"), Some(0o100644)));
        assert_eq!((files[1].path.as_slice(), files[1].change), (b"empty".as_slice(), Change::Added));
        assert_eq!((files[2].path.as_slice(), files[2].mode), (b"run".as_slice(), Some(0o100755)));
        assert_eq!(files[2].old_mode, Some(0o100644));
    }

    #[test]
    fn names_are_unquoted_and_renames_followed() {
        let files = read(
            b"diff --git \"a/tab\\there\" \"b/tab\\there\"\nnew file mode 100644\nindex 0..1\n--- /dev/null\n\
              +++ \"b/tab\\there\"\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n\
              diff --git a/old name b/new name\nsimilarity index 100%\nrename from old name\nrename to new name\n\
              diff --git a/with space b/with space\nindex 1..2 100644\n--- a/with space\t\n+++ b/with space\t\n\
              @@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n\
              diff --git a/\xff\xfe b/\xff\xfe\ndeleted file mode 100644\nindex 1..0\nBinary files a/\xff\xfe and /dev/null differ\n",
        );
        let names: Vec<&[u8]> = files.iter().map(|file| file.path.as_slice()).collect();
        assert_eq!(names, [b"tab\there".as_slice(), b"new name", b"with space", b"\xff\xfe"]);
        assert_eq!(files[1].change, Change::Renamed);
        assert_eq!(files[2].hunks, [Hunk { removed: 1, start: 1, added: 1 }]);
        assert_eq!((files[3].change, files[3].binary), (Change::Deleted, true));
    }

    #[test]
    fn a_line_of_any_length_is_passed_over() {
        let mut text = b"diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-".to_vec();
        text.extend(std::iter::repeat_n(b'a', 1_000_000));
        text.extend(b"\n+b\ndiff --git a/y b/y\nnew file mode 100644\n");
        assert_eq!(read(&text).len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes);
            read(&[b"diff --git a/x b/x\n@@ -1,9 +4294967295,4294967295 @@\n".as_slice(), &bytes].concat());
        }
    }
}
