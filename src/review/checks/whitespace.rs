//! White space that only makes diffs longer.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths;
use crate::review::remark::{Anchor, Remark, counted};

/// Reports each kind of error once for a file, with the first lines where it occurs.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    if !file.is_own_text() || is_kept_as_it_is(file.path()) {
        return Vec::new();
    }
    let mut trailing = Lines::default();
    let mut mixed_indent = Lines::default();
    let markdown = paths::is_markdown(file.path());
    for number in file.changed_lines() {
        let line = file.line(number);
        if has_trailing(line, markdown) {
            trailing.add(file, number);
        }
        if has_space_before_tab(line) {
            mixed_indent.add(file, number);
        }
    }
    let kinds = [
        trailing.remark("trailing", "White space at the end of", "Remove it; an editor can do so on saving."),
        mixed_indent.remark("indent", "Space before a tab in", "Indent with one or the other."),
        missing_end(file),
        mixed_ends(file),
    ];
    kinds.into_iter().flatten().collect()
}

/// The lines of one kind of error; only the first are kept.
#[derive(Default)]
struct Lines {
    count: usize,
    first: Vec<u32>,
}

impl Lines {
    fn add(&mut self, file: &FileUnderReview<'_>, number: u32) {
        if file.is_allowed(number, "whitespace-error") {
            return;
        }
        self.count += 1;
        if self.first.len() < 10 {
            self.first.push(number);
        }
    }

    fn remark(self, about: &str, what: &str, todo: &str) -> Option<Remark> {
        let start = *self.first.first()?;
        let lines: Vec<_> = self.first.iter().map(u32::to_string).collect();
        let more = if self.count > lines.len() { ", ..." } else { "" };
        let title = format!("{what} {}", counted(self.count, "line"));
        let body = format!("Lines {}{more}. {todo}", lines.join(", "));
        let remark = Remark::at(start, Severity::Info, title, body);
        Some(Remark { anchor: Anchor::Whole(about.to_owned()), ..remark })
    }
}

/// Decides whether white space in it is data: patches, snapshots, tables, keys, notebooks, fixtures.
fn is_kept_as_it_is(path: &str) -> bool {
    let extension = paths::extension(path);
    let data =
        ["patch", "diff", "snap", "csv", "tsv", "pem", "crt", "key", "ipynb", "svg", "po", "golden", "out"];
    // Pages of a manual are written by tools, and a space at a line's end says something there.
    let is_manual = matches!(extension.as_bytes(), [b'1'..=b'9']);
    data.contains(&extension.as_str()) || is_manual || paths::is_fixture(path)
}

fn has_trailing(line: &[u8], markdown: bool) -> bool {
    let text = line.trim_ascii_end();
    let end = &line[text.len()..];
    // Two spaces break a line in Markdown.
    !(end.is_empty() || (markdown && end == b"  " && !text.is_empty()))
}

fn has_space_before_tab(line: &[u8]) -> bool {
    let indent = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let mut space = false;
    for byte in indent {
        match byte {
            b' ' => space = true,
            _ if space => return true,
            _ => {}
        }
    }
    false
}

fn missing_end(file: &FileUnderReview<'_>) -> Option<Remark> {
    let last = file.line_count();
    let whole = file.bytes.len() as u64 == file.origin.size;
    if !whole || file.bytes.last().is_none_or(|byte| *byte == b'\n') || !file.touches(last, last) {
        return None;
    }
    let body =
        "Tools that join or append files run its last line into the next. End the file with a line end.";
    let remark = Remark::at(last, Severity::Info, "No line end at the end of the file", body);
    Some(Remark { anchor: Anchor::Whole("end".to_owned()), ..remark })
}

fn mixed_ends(file: &FileUnderReview<'_>) -> Option<Remark> {
    let (mut with, mut without) = (0_usize, 0_usize);
    for line in file.bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.ends_with(b"\r\n") {
            with += 1;
        } else if line.ends_with(b"\n") {
            without += 1;
        }
    }
    if with == 0 || without == 0 {
        return None;
    }
    let is_odd = |number: &u32| {
        let end = file.start(number + 1).unwrap_or(file.bytes.len());
        let start = file.start(*number).unwrap_or(end);
        let line = &file.bytes[start..end];
        line.ends_with(b"\n") && line.ends_with(b"\r\n") == (with <= without)
    };
    let mut lines = Lines::default();
    for number in file.changed_lines().filter(is_odd) {
        lines.add(file, number);
    }
    let odd = if with <= without { "CR LF" } else { "LF alone" };
    lines.remark(
        "ends",
        &format!("Mixed line ends: {odd} in"),
        "The rest of the file ends its lines otherwise; use one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    fn found(path: &str, text: &str) -> Vec<(u32, String)> {
        let origin = whole(path, text.as_bytes());
        let remarks = check(&FileUnderReview::new(&origin, text.as_bytes()));
        remarks.into_iter().map(|remark| (remark.lines.0, remark.title)).collect()
    }

    #[test]
    fn each_kind_is_one_remark_with_its_count() {
        let remarks = found("a.rs", "ok\na \nb\t\n  \tc\nd\r\ne");
        let titles = [
            (2, "White space at the end of 2 lines".to_owned()),
            (4, "Space before a tab in 1 line".to_owned()),
            (6, "No line end at the end of the file".to_owned()),
            (5, "Mixed line ends: CR LF in 1 line".to_owned()),
        ];
        assert_eq!(remarks, titles);
    }

    #[test]
    fn breaks_in_markdown_windows_files_and_patches_are_fine() {
        assert_eq!(found("a.md", "break  \nnext\n"), []);
        assert_eq!(found("a.rs", "a\r\nb\r\n"), []);
        assert_eq!(found("a.patch", " \n+a \n"), []);
        assert_eq!(found("man/crew.1", ".TH crew 1 \n"), []);
        assert_eq!(found("a.rs", ""), []);
    }

    #[test]
    fn a_blank_line_of_spaces_is_found_in_markdown_too() {
        assert_eq!(found("a.md", "a\n  \nb   \n").len(), 1);
    }
}
