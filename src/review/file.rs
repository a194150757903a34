//! One file as the checks see it: its text by lines, what of it changed, what is code and what is comment.

use super::language::Language;
use super::paths::{self, Place};
use super::remark::Remark;
use super::rust_tests;
use super::scan::{self, Kind, Span};
use crate::workspace::diff::Change;
use regex::bytes::Regex;
use std::cell::{Cell, OnceCell};
use std::collections::HashSet;
use std::sync::LazyLock;

/// The most bytes of a file that is read as code: far above what people write.
const MAX_CODE: usize = 4 * 1024 * 1024;
/// The most lines of a file with allowances that count.
const MAX_ALLOWS: usize = 10_000;
/// The most bytes of a line that a check looks at.
pub const MAX_LINE: usize = 64 * 1024;
/// The most remarks of one check on one file that are kept.
pub const MAX_REMARKS: usize = 5_000;

/// Which lines a check speaks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    All,
    /// First and last line of each stretch, in order.
    Lines(Vec<(u32, u32)>),
}

/// Where a file comes from and how it got there.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Path relative to the repository, with `/`.
    pub path: String,
    /// What the diff says; nothing where a tree is examined.
    pub change: Option<Change>,
    pub changed: Changed,
    /// Size in bytes, also of what was not read.
    pub size: u64,
}

/// One file under review.
#[derive(Debug)]
pub struct FileUnderReview<'a> {
    pub origin: &'a Origin,
    pub bytes: &'a [u8],
    pub language: Option<Language>,
    pub place: Place,
    pub binary: bool,
    /// Whether it was packed by a tool for machines to read.
    pub minified: bool,
    /// Whether its head says that a tool writes it.
    pub generated: bool,
    starts: Vec<u32>,
    spans: OnceCell<Vec<Span>>,
    allows: HashSet<(u32, String)>,
    allowed: Cell<usize>,
    cut: Cell<bool>,
    rust_tests: OnceCell<Vec<(u32, u32)>>,
}

static ALLOW: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)crew:allow[ \t]+([a-z][a-z-]{1,40})").expect("a fixed pattern"));
static GENERATED: LazyLock<Regex> = LazyLock::new(|| {
    // Written apart so that this very line isn't taken for such a head.
    Regex::new(concat!(r"(?-u)(?:@gener", r"ated\b|DO NOT ", r"EDIT\b|Code gener", r"ated by )"))
        .expect("a fixed pattern")
});

impl<'a> FileUnderReview<'a> {
    /// Looks at a text; `bytes` may be only the start of a file larger than what is read.
    pub fn new(origin: &'a Origin, bytes: &'a [u8]) -> FileUnderReview<'a> {
        let binary = bytes.iter().take(8000).any(|byte| *byte == 0);
        let starts = if binary { Vec::new() } else { line_starts(bytes) };
        let language = Language::of(&origin.path);
        let mut file = FileUnderReview {
            origin,
            bytes,
            language,
            place: paths::place(&origin.path),
            binary,
            minified: false,
            generated: false,
            starts,
            spans: OnceCell::new(),
            allows: HashSet::new(),
            allowed: Cell::new(0),
            cut: Cell::new(false),
            rust_tests: OnceCell::new(),
        };
        if !binary {
            file.minified = file.looks_minified();
            file.generated = file.has_generated_head();
            file.allows = file.read_allows();
        }
        file
    }

    /// Returns its path.
    pub fn path(&self) -> &'a str {
        &self.origin.path
    }

    /// Decides whether style matters here: text of our own, written by hand.
    pub fn is_own_text(&self) -> bool {
        !self.binary
            && self.place == Place::Own
            && !self.minified
            && !self.generated
            && !self.is_too_long_for_code()
            && !paths::is_lock(self.path())
    }

    /// Returns how many lines there are.
    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// Returns a line without its line end, at most [`MAX_LINE`] bytes of it; empty where there is no such line.
    pub fn line(&self, number: u32) -> &'a [u8] {
        let Some(start) = self.start(number) else { return b"" };
        let end = self.start(number + 1).map_or(self.bytes.len(), |next| next - 1);
        let line = &self.bytes[start..end.max(start)];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        &line[..line.len().min(MAX_LINE)]
    }

    /// Returns the offset at which a line starts.
    pub fn start(&self, number: u32) -> Option<usize> {
        let index = number.checked_sub(1)?;
        self.starts.get(index as usize).map(|start| *start as usize)
    }

    /// Returns the line of an offset.
    pub fn line_at(&self, offset: usize) -> u32 {
        self.starts.partition_point(|start| *start as usize <= offset) as u32
    }

    /// Returns the stretches of lines that are examined, cut to the lines there are.
    pub fn stretches(&self) -> Vec<(u32, u32)> {
        let count = self.line_count();
        match &self.origin.changed {
            Changed::All => [(1, count)].into_iter().filter(|_| count > 0).collect(),
            Changed::Lines(lines) => {
                let cut = lines.iter().map(|(first, last)| (*first, (*last).min(count)));
                cut.filter(|(first, last)| first <= last).collect()
            }
        }
    }

    /// Returns the numbers of the lines that are examined.
    pub fn changed_lines(&self) -> impl Iterator<Item = u32> + use<> {
        self.stretches().into_iter().flat_map(|(first, last)| first..=last)
    }

    /// Decides whether any line from `first` to `last` is examined.
    pub fn touches(&self, first: u32, last: u32) -> bool {
        match &self.origin.changed {
            Changed::All => true,
            Changed::Lines(lines) => {
                let at = lines.partition_point(|(_, end)| *end < first);
                lines.get(at).is_some_and(|(start, _)| *start <= last)
            }
        }
    }

    /// Returns the examined lines in which `pattern` occurs, each once; linear for a pattern of plain words.
    pub fn lines_with<'f>(&'f self, pattern: &'f Regex) -> impl Iterator<Item = u32> + 'f {
        self.stretches().into_iter().flat_map(move |(first, last)| {
            let end = self.start(last + 1).unwrap_or(self.bytes.len());
            let mut at = self.start(first);
            std::iter::from_fn(move || {
                let hit = pattern.find_at(&self.bytes[..end], at?)?;
                let line = self.line_at(hit.start());
                at = self.start(line + 1).filter(|next| *next < end);
                Some(line)
            })
        })
    }

    /// Keeps the first [`MAX_REMARKS`] and notes where there are more.
    pub fn keep(&self, mut remarks: impl Iterator<Item = Remark>) -> Vec<Remark> {
        let kept = remarks.by_ref().take(MAX_REMARKS).collect();
        self.cut.set(self.cut.get() || remarks.next().is_some());
        kept
    }

    /// Decides whether a check found more than was kept.
    pub fn was_cut(&self) -> bool {
        self.cut.get()
    }

    /// Returns the lines of the items in a Rust file that are compiled for tests only, in order.
    pub fn rust_tests(&self) -> &[(u32, u32)] {
        self.rust_tests.get_or_init(|| rust_tests::find(self))
    }

    fn spans(&self) -> &[Span] {
        let language = self.language.filter(|_| !self.is_too_long_for_code());
        self.spans.get_or_init(|| language.map(|known| scan::scan(self.bytes, known)).unwrap_or_default())
    }

    /// Decides whether no person wrote it as code: comments and strings in it are not told apart then.
    pub fn is_too_long_for_code(&self) -> bool {
        self.bytes.len() > MAX_CODE
    }

    /// Returns what is at an offset; nothing for code.
    pub fn kind_at(&self, offset: usize) -> Option<Kind> {
        self.span_at(offset).map(|span| span.kind)
    }

    /// Returns the comment or text around an offset.
    pub fn span_at(&self, offset: usize) -> Option<Span> {
        let spans = self.spans();
        let at = spans.partition_point(|span| span.end <= offset);
        spans.get(at).copied().filter(|span| span.start <= offset)
    }

    /// Decides whether any part of a comment stands from one offset to another.
    pub fn has_comment(&self, from: usize, to: usize) -> bool {
        let spans = self.spans();
        let at = spans.partition_point(|span| span.end <= from);
        let here = spans[at..].iter().take_while(|span| span.start < to);
        here.into_iter().any(|span| span.kind == Kind::Comment)
    }

    /// Decides whether the author allowed this category on this line, and counts it.
    pub fn is_allowed(&self, line: u32, category: &str) -> bool {
        if self.allows.is_empty() {
            return false;
        }
        let allows = |line: u32| self.allows.contains(&(line, category.to_owned()));
        let allowed = allows(line) || (line > 1 && allows(line - 1));
        self.allowed.set(self.allowed.get() + usize::from(allowed));
        allowed
    }

    /// Returns how many remarks were allowed.
    pub fn allowed(&self) -> usize {
        self.allowed.get()
    }

    fn read_allows(&self) -> HashSet<(u32, String)> {
        let allows = ALLOW.captures_iter(self.bytes).take(MAX_ALLOWS).filter_map(|found| {
            let category = String::from_utf8_lossy(found.get(1)?.as_bytes()).into_owned();
            Some((self.line_at(found.get(0)?.start()), category))
        });
        allows.collect()
    }

    fn looks_minified(&self) -> bool {
        let name = paths::name(self.path());
        if name.contains(".min.") || name.ends_with(".map") || name.contains(".bundle.") {
            return true;
        }
        // People break lines; packers of scripts and styles don't.
        let packed = matches!(self.language, Some(Language::Script | Language::Css));
        packed && self.bytes.len() > 5_000 && self.bytes.len() / self.starts.len().max(1) > 500
    }

    fn has_generated_head(&self) -> bool {
        if paths::is_prose(self.path()) {
            return false;
        }
        let end = self.start(21).unwrap_or(self.bytes.len()).min(4096);
        GENERATED.is_match(&self.bytes[..end])
    }
}

fn line_starts(bytes: &[u8]) -> Vec<u32> {
    let mut starts = Vec::with_capacity(bytes.iter().filter(|byte| **byte == b'\n').count() + 1);
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        starts.push(at as u32);
        at += line.len();
    }
    starts
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::review::remark::Remark;

    /// Makes the origin of a file that is examined whole.
    pub fn whole(path: &str, text: &[u8]) -> Origin {
        Origin { path: path.to_owned(), change: None, changed: Changed::All, size: text.len() as u64 }
    }

    /// Returns the lines of a new file about which a check has something to say.
    pub fn lines_found(
        check: impl Fn(&FileUnderReview<'_>) -> Vec<Remark>,
        path: &str,
        text: &str,
    ) -> Vec<u32> {
        let origin = whole(path, text.as_bytes());
        let remarks = check(&FileUnderReview::new(&origin, text.as_bytes()));
        remarks.iter().map(|remark| remark.lines.0).collect()
    }

    #[test]
    fn lines_are_numbered_from_one_and_have_no_end() {
        let origin = whole("a.txt", b"one\r\n\nthree");
        let file = FileUnderReview::new(&origin, b"one\r\n\nthree");
        assert_eq!(file.line_count(), 3);
        assert_eq!(
            [file.line(0), file.line(1), file.line(2), file.line(3), file.line(4)],
            [b"".as_slice(), b"one", b"", b"three", b""]
        );
        assert_eq!([file.line_at(0), file.line_at(4), file.line_at(5), file.line_at(6)], [1, 1, 2, 3]);
    }

    #[test]
    fn only_changed_lines_are_touched_even_where_the_diff_names_lines_that_are_gone() {
        let mut origin = whole("a.txt", b"");
        origin.changed = Changed::Lines(vec![(2, 3), (9, 20)]);
        let file = FileUnderReview::new(&origin, b"a\nb\nc\nd\n");
        assert_eq!(file.changed_lines().collect::<Vec<_>>(), [2, 3]);
        assert!(file.touches(1, 2) && file.touches(3, 8) && !file.touches(4, 8));
        let word = Regex::new("(?-u)[a-z]").unwrap();
        assert_eq!(file.lines_with(&word).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn an_allowance_holds_for_its_line_and_the_next() {
        let text = b"// crew:allow secret\na\nb\nc # crew:allow todo\n";
        let origin = whole("a.rs", text);
        let file = FileUnderReview::new(&origin, text);
        assert!(file.is_allowed(1, "secret") && file.is_allowed(2, "secret") && file.is_allowed(4, "todo"));
        assert!(!file.is_allowed(3, "secret") && !file.is_allowed(4, "secret"));
        assert_eq!(file.allowed(), 3);
    }

    #[test]
    fn packed_scripts_and_written_ones_are_told_apart() {
        let packed = vec![b'a'; 6000];
        let origin = whole("a.js", &packed);
        assert!(FileUnderReview::new(&origin, &packed).minified);
        let written = b"let a = 1;\n".repeat(600);
        assert!(!FileUnderReview::new(&origin, &written).minified);
    }
}
