//! Keys that stand twice in one object: of the two values all but one are lost, and nobody is told.

use super::data::{self, Format};
use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::remark::Remark;
use serde::de::IgnoredAny;
use std::collections::HashMap;

/// The most bytes of YAML in which keys are compared.
const MAX_YAML: usize = 1024 * 1024;

/// Reports keys that a readable JSON or YAML file gives twice. TOML with such keys is not readable at all.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let Some((format, text)) = data::readable(file) else { return Vec::new() };
    match format {
        Format::Json => file.keep(in_json(text).into_iter().filter_map(|found| remark(file, found))),
        // What is remembered of keys takes many times their size.
        Format::Yaml if text.len() > MAX_YAML => Vec::new(),
        Format::Yaml => in_yaml(text).into_iter().filter_map(|found| remark(file, found)).collect(),
        Format::JsonLines | Format::Toml => Vec::new(),
    }
}

/// A key's line, and the line where it stood before, if that is known.
#[derive(Debug, PartialEq, Eq)]
struct Twice {
    line: u32,
    before: Option<u32>,
}

fn remark(file: &FileUnderReview<'_>, found: Twice) -> Option<Remark> {
    let Twice { line, before } = found;
    let touched = file.touches(line, line) || before.is_some_and(|before| file.touches(before, before));
    let first = before.map(|before| format!(" It stands in line {before} already.")).unwrap_or_default();
    let body = format!(
        "Most readers take the last value and say nothing, others the first, and some refuse the file.{first} Keep one, or \
         name the other otherwise."
    );
    touched.then(|| Remark::at(line, Severity::Warning, "The same key twice in one object", body))
}

/// What is open while JSON is walked through.
enum Open<'a> {
    /// The lines of the keys so far, and whether a key comes next.
    Object(HashMap<&'a [u8], u32>, bool),
    List,
}

/// Walks through a text that is known to be JSON.
fn in_json(text: &str) -> Vec<Twice> {
    let bytes = text.as_bytes();
    let (mut found, mut open): (Vec<Twice>, Vec<Open<'_>>) = (Vec::new(), Vec::new());
    let (mut at, mut line) = (0, 1_u32);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\n' => line += 1,
            b'{' => open.push(Open::Object(HashMap::new(), true)),
            b'[' => open.push(Open::List),
            b'}' | b']' => drop(open.pop()),
            b',' => {
                if let Some(Open::Object(_, key_next)) = open.last_mut() {
                    *key_next = true;
                }
            }
            b'"' => {
                let end = string_end(bytes, at);
                if let Some(Open::Object(keys, key_next)) = open.last_mut()
                    && std::mem::take(key_next)
                {
                    let key = &bytes[at + 1..end];
                    if let Some(before) = keys.insert(key, line).filter(|_| !is_comment(key)) {
                        found.push(Twice { line, before: Some(before) });
                    }
                }
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Returns where the quote is that ends a string.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Decides whether people write remarks under this key, for want of comments: `"//"`, `"_comment"`.
fn is_comment(key: &[u8]) -> bool {
    key.starts_with(b"//")
        || key.starts_with(b"#")
        || key.trim_ascii_start().starts_with(b"_comment")
        || key == b"$comment"
}

/// Returns the first key that a text gives twice, if it is YAML.
fn in_yaml(text: &str) -> Option<Twice> {
    use serde_saphyr::{DuplicateKeyPolicy, Error, MergeKeyPolicy};
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
        no_schema: true,
    };
    let error = serde_saphyr::from_multiple_with_options::<IgnoredAny>(text, options).err()?;
    match error.without_snippet() {
        // Several of these are merged, one after the other.
        Error::DuplicateMappingKey { key: Some(key), .. } if key == "<<" => None,
        Error::DuplicateMappingKey { location, .. } => {
            Some(Twice { line: location.line() as u32, before: None })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;
    use crate::review::file::{Changed, Origin};

    const NONE: [u32; 0] = [];

    fn found(path: &str, text: &str, changed: Changed) -> Vec<u32> {
        let origin = Origin { changed, ..whole(path, text.as_bytes()) };
        check(&FileUnderReview::new(&origin, text.as_bytes())).iter().map(|remark| remark.lines.0).collect()
    }

    #[test]
    fn keys_count_within_their_own_object() {
        let text = "{\n \"a\": {\"b\": 1, \"c\": [\"a\", {\"b\": 2}]},\n \"d\\\"\": \"a\",\n \"b\": 3,\n \"a\": 4\n}\n";
        assert_eq!(found("a.json", text, Changed::All), [5]);
        assert_eq!(found("a.yaml", "a: 1\nb:\n  a: 2\n  c: [a, a]\n  a: 3\n", Changed::All), [5]);
        assert_eq!(found("a.yaml", "a: 1\n---\na: 2\n", Changed::All), NONE);
    }

    #[test]
    fn one_of_the_two_has_to_be_news() {
        let text = "{\n\"a\": 1,\n\"b\": 2,\n\"a\": 3\n}\n";
        let lines = |line| found("a.json", text, Changed::Lines(vec![(line, line)]));
        assert_eq!([lines(2), lines(3), lines(4)], [vec![4], vec![], vec![4]]);
    }

    #[test]
    fn remarks_merges_and_what_can_not_be_read_are_left_alone() {
        assert_eq!(
            found(
                "package.json",
                "{\"//\": \"a\", \"//\": \"b\", \"_comment\": 1, \"_comment\": 2}\n",
                Changed::All
            ),
            NONE
        );
        assert_eq!(found("a.yaml", "x: &b {y: 1}\nc:\n  <<: *b\n  <<: *b\n", Changed::All), NONE);
        assert_eq!(found("a.json", "{\"a\": 1, \"a\": 2\n", Changed::All), NONE);
        assert_eq!(found("a.yaml", "a: {{ x }}\na: {{ y }}\n", Changed::All), NONE);
    }
}
