//! Finds the parts of a Rust file that are compiled for tests only.

use super::file::FileUnderReview;
use regex::bytes::Regex;
use std::sync::LazyLock;

static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u)#!?\[(?:cfg\([^\]]*\btest\b[^\]]*\)|(?:[a-z_0-9]+::)*(?:test|rstest|bench)(?:\([^\]]*\))?)\]",
    )
    .expect("a fixed pattern")
});

/// Returns the first and last line of each such item, in order.
pub fn find(file: &FileUnderReview<'_>) -> Vec<(u32, u32)> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(found) = ATTRIBUTE.find_at(file.bytes, at) {
        at = found.end();
        let negated = found.as_bytes().windows(4).any(|word| word == b"not(");
        if negated || file.kind_at(found.start()).is_some() {
            continue;
        }
        if found.as_bytes().starts_with(b"#!") {
            return vec![(1, file.line_count())];
        }
        at = item_end(file, at);
        items.push((file.line_at(found.start()), file.line_at(at.saturating_sub(1))));
    }
    items
}

/// Finds where the item after an attribute ends: at its closing brace, or at a semicolon before any brace.
fn item_end(file: &FileUnderReview<'_>, from: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = from;
    while at < file.bytes.len() {
        let byte = file.bytes[at];
        // Only at these may a string or comment begin, or a brace count.
        if b"{};\"'/".contains(&byte)
            && let Some(span) = file.span_at(at)
        {
            at = span.end.max(at + 1);
            continue;
        }
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    file.bytes.len()
}
