//! Work that was put off and belongs to nobody.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::remark::Remark;
use crate::review::scan::Kind;
use regex::bytes::Regex;
use std::sync::LazyLock;

static WORDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u)\b(?:TODO|FIXME|XXX|HACK)\b").expect("a fixed pattern"));
/// A name in brackets, a mention, an issue number, a ticket or a link.
static OWNER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u)^\s*[(\[][^)\]\s][^)\]]*[)\]]|@[A-Za-z][\w-]|#[0-9]|\b[A-Z][A-Z0-9]+-[0-9]+\b|https?://",
    )
    .expect("a fixed pattern")
});

/// Reports notes in comments that open with such a word, or end it with a colon, and name no owner.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    if !file.is_own_text() || file.language.is_none() {
        return Vec::new();
    }
    file.keep(file.lines_with(&WORDS).filter_map(|line| on_line(file, line)))
}

fn on_line(file: &FileUnderReview<'_>, number: u32) -> Option<Remark> {
    let (line, start) = (file.line(number), file.start(number)?);
    let note = WORDS.find_iter(line).find(|word| {
        let comment = file.span_at(start + word.start()).filter(|span| span.kind == Kind::Comment);
        comment.is_some_and(|comment| {
            let before = &line[comment.start.saturating_sub(start).min(word.start())..word.start()];
            let opens = before.iter().all(|byte| !byte.is_ascii_alphanumeric() && !b"\"'`".contains(byte));
            opens || line[word.end()..].starts_with(b":")
        })
    })?;
    if OWNER.is_match(&line[note.end()..]) {
        return None;
    }
    let word = String::from_utf8_lossy(note.as_bytes());
    let title = format!("{word} without an owner");
    let body = format!(
        "Nobody is named who will do it, so it tends to stay. Name a person, as in `{word}(name)`, or the issue where it \
         is tracked, or do it now."
    );
    Some(Remark::at(number, Severity::Info, title, body))
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
    fn notes_without_an_owner_are_found_in_comments_only() {
        assert_eq!(
            found("a.rs", "// TODO later\nlet x = \"TODO: not here\";\n/* a\n * FIXME b */\n"),
            [1, 4]
        );
        assert_eq!(found("a.py", "x = 1  # HACK\n# see: TODO: write it\n"), [1, 2]);
    }

    #[test]
    fn an_owner_is_a_name_a_mention_an_issue_or_a_link() {
        let owned = "// TODO(ann): x\n// TODO @ann x\n// FIXME #12\n// XXX CREW-12 x\n// HACK: see https://a.b/c\n// TODO[ann] x\n";
        assert_eq!(found("a.rs", owned), NONE);
    }

    #[test]
    fn a_sentence_about_such_notes_is_none() {
        assert_eq!(
            found("a.rs", "// finds TODO comments\n// the word \"TODO\" is quoted\nlet TODO = 1;\n"),
            NONE
        );
        assert_eq!(found("a.md", "TODO: in prose\n"), NONE);
    }
}
