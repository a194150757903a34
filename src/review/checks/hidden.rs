//! Characters that nobody sees, and that make code read otherwise than it runs.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::language::Language;
use crate::review::remark::Remark;
use regex::bytes::Regex;
use std::sync::LazyLock;

// As UTF-8: U+202A..202E and U+2066..2069.
static BIDI: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]").expect("a fixed pattern"));
// U+200B, U+2060 and U+FEFF anywhere; the joiners U+200C and U+200D and the marks U+200E and U+200F only after ASCII,
// because emoji and several scripts need them elsewhere.
static UNSEEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)\xe2\x80\x8b|\xe2\x81\xa0|\xef\xbb\xbf|[\x21-\x7e]\xe2\x80[\x8c-\x8f]")
        .expect("a fixed pattern")
});

// Codes that a terminal obeys: all below a space but for tab, line ends and form feed, and delete.
static CONTROL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)[\x01-\x08\x0b\x0e-\x1f\x7f]").expect("a fixed pattern"));
// Letters of Cyrillic and Greek that look like Latin ones, straight before or after one of those.
static DISGUISED: LazyLock<Regex> = LazyLock::new(|| {
    let letters = "[аеорсухіјѕАВЕКМНОРСТХοΑΒΕΗΙΚΜΝΟΡΤΥΖ]";
    Regex::new(&format!("(?:[A-Za-z]{letters}|{letters}[A-Za-z])")).expect("a fixed pattern")
});

/// Reports lines with characters that change the order of reading, or that take no room.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let Some(language) = file.language.filter(|_| !file.binary) else { return Vec::new() };
    let mut remarks = Vec::new();
    if language.is_program() || matches!(language, Language::Yaml | Language::Hash) {
        remarks.extend(file.keep(file.lines_with(&BIDI).map(|line| {
            Remark::at(
                line,
                Severity::Error,
                "Text direction is changed by a hidden character",
                "A bidirectional control character makes the line look different from what the compiler reads. Remove \
                 it, or write it as an escape where the text needs it.",
            )
        })));
    }
    if language.is_program() {
        remarks.extend(file.keep(file.lines_with(&CONTROL).map(|line| {
            Remark::at(
                line,
                Severity::Warning,
                "Control character in source",
                "A terminal obeys it where the file is shown, and what follows can be hidden or shown as something else. \
                 Write it as an escape.",
            )
        })));
        let disguised = file.lines_with(&DISGUISED).filter(|line| is_in_a_name(file, *line));
        remarks.extend(file.keep(disguised.map(|line| {
            Remark::at(
                line,
                Severity::Error,
                "Letters of two scripts in one name",
                "A letter of another script that looks like a Latin one makes two names look the same. Write the name in \
                 one script.",
            )
        })));
        let lines = file.lines_with(&UNSEEN).filter(|line| !is_only_byte_order_mark(file, *line));
        remarks.extend(file.keep(lines.map(|line| {
            Remark::at(
                line,
                Severity::Error,
                "Zero-width character in source",
                "A character that takes no room makes two names look the same, or hides between words. Remove it, or \
                 write it as an escape where the text needs it.",
            )
        })));
    }
    remarks
}

/// Decides whether such letters stand in code, rather than in a comment or a text.
fn is_in_a_name(file: &FileUnderReview<'_>, line: u32) -> bool {
    let Some(start) = file.start(line) else { return false };
    DISGUISED.find_iter(file.line(line)).any(|hit| file.kind_at(start + hit.start()).is_none())
}

/// Decides whether all there is on the line is the mark with which an editor began the file.
fn is_only_byte_order_mark(file: &FileUnderReview<'_>, line: u32) -> bool {
    line == 1 && file.line(1).strip_prefix(b"\xef\xbb\xbf").is_some_and(|rest| !UNSEEN.is_match(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::lines_found;

    const NONE: [u32; 0] = [];

    fn found(path: &str, text: &str) -> Vec<u32> {
        lines_found(check, path, text)
    }

    #[test]
    fn hidden_characters_are_found_in_source_only() {
        assert_eq!(found("a.c", "ok\nx /*\u{202e} } */\n"), [2]);
        assert_eq!(found("a.py", "na\u{200b}me = 1\nna\u{200d}me = 2\n"), [1, 2]);
        assert_eq!(found("a.md", "\u{202e}\u{200b}\n"), NONE);
    }

    #[test]
    fn names_in_two_scripts_and_codes_for_terminals_are_found() {
        assert_eq!(found("a.py", "admin = 1\nаdmin = 2\nназвание = 3\n"), [2]);
        assert_eq!(found("a.ts", "// cпасибо\nlet s = 'Xорошо';\nlet Δx = 1;\n"), NONE);
        assert_eq!(found("a.go", "a := 1\nb := \"\u{1b}[2K\"\n\u{c}\n"), [2]);
    }

    #[test]
    fn a_byte_order_mark_an_emoji_and_an_escape_are_fine() {
        assert_eq!(found("a.rs", "\u{feff}fn x() {}\n"), NONE);
        assert_eq!(found("a.rs", "// 👩\u{200d}💻 \\u{200b}\n"), NONE);
        assert_eq!(found("a.rs", "\u{feff}f\u{200b}n x() {}\n"), [1]);
    }
}
