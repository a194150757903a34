//! The head of a resource file: YAML between two lines of `---`.
//!
//! Each entry keeps its line, and whoever reads a file takes the entries it knows. What is left over at the end is
//! unknown, so nothing that somebody wrote is ignored.

use super::report::Report;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};
use serde_saphyr::{Error, MessageFormatter, Spanned, UserMessageFormatter};
use std::fmt;

/// A file cut into its head and its body.
pub(super) struct Document<'a> {
    pub head: Head,
    pub body: &'a str,
    /// The line of the file on which the body starts, from 1.
    pub body_line: usize,
}

/// The entries of a head that nobody has taken yet.
#[derive(Default)]
pub(super) struct Head {
    entries: Vec<Entry>,
}

struct Entry {
    key: String,
    line: usize,
    value: Value,
}

/// What YAML gave, as far as a head may use it.
#[derive(Debug)]
enum Value {
    Null,
    Flag(bool),
    Whole(u64),
    Text(String),
    List(Vec<Value>),
    /// A number with a sign or a fraction.
    Fraction(f64),
    /// A mapping: no entry takes one.
    Mapping,
}

/// How many levels a head may be nested; a list is one level below the head itself.
const MAX_NESTING: usize = 16;

/// Cuts a file and reads its head; `None` where there is none that can be read, which is then reported.
pub(super) fn read<'a>(text: &'a str, report: &mut Report) -> Option<Document<'a>> {
    let (yaml, body, body_line) = cut(text, report)?;
    let head = match parse(yaml, DuplicateKeyPolicy::Error) {
        Ok(head) => head,
        Err(error @ Error::DuplicateMappingKey { .. }) => {
            add_yaml_error(&error, report);
            parse(yaml, DuplicateKeyPolicy::FirstWins).map_err(|error| add_yaml_error(&error, report)).ok()?
        }
        Err(error) => {
            add_yaml_error(&error, report);
            return None;
        }
    };
    Some(Document { head, body, body_line })
}

/// Cuts a file of another program, whose head is often not quite YAML; then each `key: value` line counts.
pub(super) fn read_leniently(text: &str) -> Option<Document<'_>> {
    let (yaml, body, body_line) = cut(text, &mut Report::new(""))?;
    let head = parse(yaml, DuplicateKeyPolicy::FirstWins).unwrap_or_else(|_| read_by_line(yaml));
    Some(Document { head, body, body_line })
}

/// Returns the head with its opening line (so that YAML counts lines as the file does), the body and its first line.
fn cut<'a>(text: &'a str, report: &mut Report) -> Option<(&'a str, &'a str, usize)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if !is_fence(first) {
        report.add_with(
            1,
            "the file has no front matter",
            "start it with `---`, `key: value` lines and `---`",
        );
        return None;
    }
    let mut end = first.len();
    for (index, line) in lines.enumerate() {
        if is_fence(line) {
            return Some((&text[..end], &text[end + line.len()..], index + 3));
        }
        end += line.len();
    }
    report.add_with(
        1,
        "the front matter is never closed",
        "put a line `---` behind its last `key: value` line",
    );
    None
}

fn is_fence(line: &str) -> bool {
    line.trim_end() == "---"
}

fn parse(yaml: &str, duplicate_keys: DuplicateKeyPolicy) -> Result<Head, Error> {
    let options = serde_saphyr::options! {
        // An alias repeats what it names, so a few lines of them can stand for gigabytes.
        budget: serde_saphyr::budget! { max_aliases: 0, max_depth: MAX_NESTING },
        duplicate_keys: duplicate_keys,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        // `thinking: off` is a word, not a boolean.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(yaml, options)
}

fn add_yaml_error(error: &Error, report: &mut Report) {
    let line = error.location().map_or(1, |location| line_number(location.line()));
    match error {
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            report.add(line, format!("`{key}` stands here twice"))
        }
        Error::Budget { .. } => {
            report
                .add(line, "the front matter is too large, nested too deep, or uses a YAML alias (`*name`)");
        }
        _ => {
            let message = UserMessageFormatter.format_message(error);
            let hint = "put a text that holds `: `, ` #`, quotes or brackets in double quotes";
            report.add_with(line, format!("the front matter is not valid YAML: {message}"), hint);
        }
    }
}

fn line_number(line: u64) -> usize {
    usize::try_from(line).unwrap_or(usize::MAX).max(1)
}

fn read_by_line(yaml: &str) -> Head {
    let mut head = Head::default();
    for (index, line) in yaml.lines().enumerate().skip(1) {
        // An indented line carries on the value above it.
        if let Some((key, value)) = line.split_once(':')
            && !line.starts_with([' ', '\t', '#', '-'])
        {
            let value = value.trim().trim_matches('"').to_owned();
            head.entries.push(Entry {
                key: key.trim().to_owned(),
                line: index + 1,
                value: Value::Text(value),
            });
        }
    }
    head
}

impl Head {
    /// Returns the line of an entry that is still there.
    pub fn line(&self, key: &str) -> Option<usize> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.line)
    }

    /// Takes a text; surrounding white space does not count, and an empty text is a problem.
    pub fn text(&mut self, keys: &[&str], report: &mut Report) -> Option<String> {
        let Entry { key, line, value } = self.take(keys, report)?;
        match value {
            Value::Text(text) if !text.trim().is_empty() => return Some(text.trim().to_owned()),
            Value::Text(_) | Value::Null => report.add(line, format!("`{key}` is empty")),
            other => add_wrong_kind(&key, line, "text", &other, report),
        }
        None
    }

    /// Takes a text that `false` leaves unset.
    pub fn text_or_false(&mut self, key: &str, report: &mut Report) -> Option<String> {
        self.drop_false(key);
        self.text(&[key], report)
    }

    /// Takes a list, written as a YAML list or as one text with commas; each item counts once.
    pub fn list(&mut self, keys: &[&str], report: &mut Report) -> Vec<String> {
        let Some(Entry { key, line, value }) = self.take(keys, report) else { return Vec::new() };
        let items = match value {
            Value::Text(text) => split_list(&text),
            Value::Null => Vec::new(),
            Value::List(values) => match texts(values) {
                Ok(items) => without_repeats(items),
                Err(other) => {
                    add_wrong_kind(&key, line, "a list of texts", &other, report);
                    return Vec::new();
                }
            },
            other => {
                add_wrong_kind(&key, line, "a list of texts", &other, report);
                return Vec::new();
            }
        };
        if items.is_empty() {
            report.add_with(line, format!("`{key}` is empty"), "leave the line out");
        }
        items
    }

    /// Takes a whole number from 1 to `most`.
    pub fn count(&mut self, key: &str, most: u32, report: &mut Report) -> Option<u32> {
        let Entry { line, value, .. } = self.take(&[key], report)?;
        let Value::Whole(number) = value else {
            add_wrong_kind(key, line, &format!("a whole number from 1 to {most}"), &value, report);
            return None;
        };
        let count = u32::try_from(number).ok().filter(|number| (1..=most).contains(number));
        if count.is_none() {
            report.add(line, format!("`{key}` has to be from 1 to {most}, not {number}"));
        }
        count
    }

    /// Takes a number or a text, as it is written.
    pub fn written(&mut self, key: &str, report: &mut Report) -> Option<(usize, String)> {
        let Entry { line, value, .. } = self.take(&[key], report)?;
        let text = match value {
            Value::Whole(number) => number.to_string(),
            Value::Fraction(number) => number.to_string(),
            Value::Text(text) => text.trim().to_owned(),
            other => {
                add_wrong_kind(key, line, "a number", &other, report);
                return None;
            }
        };
        Some((line, text))
    }

    /// Takes `true` or `false`.
    pub fn flag(&mut self, key: &str, report: &mut Report) -> Option<bool> {
        let Entry { line, value, .. } = self.take(&[key], report)?;
        if let Value::Flag(flag) = value {
            return Some(flag);
        }
        add_wrong_kind(key, line, "`true` or `false`", &value, report);
        None
    }

    /// Takes one of a few words.
    pub fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)], report: &mut Report) -> Option<T> {
        let line = self.line(key);
        let word = self.text(&[key], report)?;
        let found = words.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        if found.is_none() {
            report.add_unknown(
                line,
                format!("`{key}` cannot be `{word}`"),
                &word,
                words.iter().map(|(name, _)| *name),
            );
        }
        found
    }

    /// Drops an entry whose value is `false`.
    pub fn drop_false(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key != key || !matches!(entry.value, Value::Flag(false)));
    }

    /// Reports what nobody took: keys that this version cannot honour, and unknown ones.
    pub fn finish(self, known: &[&'static str], unsupported: &[&str], report: &mut Report) {
        for Entry { key, line, .. } in self.entries {
            if unsupported.contains(&key.as_str()) {
                report.add_unsupported(line, &key);
            } else {
                report.add_unknown(line, format!("unknown key `{key}`"), &key, known.iter().copied());
            }
        }
    }

    /// Takes the entry that has one of these names, which mean the same.
    fn take(&mut self, keys: &[&str], report: &mut Report) -> Option<Entry> {
        let mut taken: Option<Entry> = None;
        let mut left = Vec::with_capacity(self.entries.len());
        for entry in std::mem::take(&mut self.entries) {
            match &taken {
                _ if !keys.contains(&entry.key.as_str()) => left.push(entry),
                None => taken = Some(entry),
                Some(first) if first.key != entry.key => {
                    let message = format!("`{}` and `{}` mean the same; keep one", entry.key, first.key);
                    report.add(entry.line, message);
                }
                Some(_) => {}
            }
        }
        self.entries = left;
        taken
    }
}

/// Reports that a value is of the wrong kind.
fn add_wrong_kind(key: &str, line: usize, expected: &str, found: &Value, report: &mut Report) {
    let message = format!("`{key}` has to be {expected}, not {}", found.kind());
    match found {
        Value::Flag(_) | Value::Whole(_) | Value::Fraction(_) if expected == "text" => {
            report.add_with(line, message, "put it in double quotes");
        }
        _ => report.add(line, message),
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Flag(_) => "a boolean",
            Value::Whole(_) | Value::Fraction(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Mapping => "a mapping",
        }
    }
}

/// Returns the texts of a list, or the first value in it that is none.
fn texts(values: Vec<Value>) -> Result<Vec<String>, Value> {
    let text = |value| match value {
        Value::Text(text) => Ok(text.trim().to_owned()),
        other => Err(other),
    };
    values.into_iter().map(text).collect()
}

/// Cuts a text at the commas outside double quotes.
pub(super) fn split_list(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(String::new()),
            _ => {
                if let Some(item) = items.last_mut() {
                    item.push(letter);
                }
            }
        }
    }
    without_repeats(items.iter().map(|item| item.trim().to_owned()).collect())
}

fn without_repeats(items: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    items.into_iter().filter(|item| !item.is_empty() && seen.insert(item.clone())).collect()
}

impl<'de> Deserialize<'de> for Head {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Head;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`key: value` lines")
            }

            fn visit_unit<E>(self) -> Result<Head, E> {
                Ok(Head::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head, A::Error> {
                let mut head = Head::default();
                while let Some(key) = map.next_key::<Spanned<String>>()? {
                    let line = line_number(key.referenced.line());
                    head.entries.push(Entry { key: key.value, line, value: map.next_value()? });
                }
                Ok(head)
            }
        }

        deserializer.deserialize_any(Entries)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyValue;

        impl<'de> Visitor<'de> for AnyValue {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Flag(flag))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Whole(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(u64::try_from(number).map_or(Value::Fraction(number as f64), Value::Whole))
            }

            fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
                Ok(Value::Fraction(number as f64))
            }

            fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
                Ok(Value::Fraction(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
                Ok(Value::Fraction(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(Value::List(values))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
                while map.next_entry::<Value, Value>()?.is_some() {}
                Ok(Value::Mapping)
            }
        }

        deserializer.deserialize_any(AnyValue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_ok(text: &str) -> (Head, usize) {
        let mut report = Report::new("x.md");
        let document = read(text, &mut report);
        assert_eq!(report.into_problems(), []);
        let document = document.unwrap();
        (document.head, document.body_line)
    }

    fn first_problem(text: &str) -> (Option<usize>, String) {
        let mut report = Report::new("x.md");
        read(text, &mut report);
        let problem = report.into_problems().remove(0);
        (problem.line, problem.message)
    }

    #[test]
    fn every_entry_keeps_the_line_it_has_in_the_file() {
        let (head, body_line) =
            read_ok("\u{feff}---\r\na: x\r\n\r\n# note\r\nb: >\r\n  long\r\n  text\r\nc: [1]\r\n---\r\nbody");
        assert_eq!([head.line("a"), head.line("b"), head.line("c")], [Some(2), Some(5), Some(8)]);
        assert_eq!(body_line, 10);
    }

    #[test]
    fn the_body_is_what_comes_after_the_second_fence() {
        let document = read_leniently("---\n---\nfirst\n---\nsecond\n").unwrap();
        assert_eq!((document.body, document.body_line), ("first\n---\nsecond\n", 3));
    }

    #[test]
    fn lists_may_be_yaml_or_commas_and_a_quoted_comma_is_no_cut() {
        let (mut head, _) =
            read_ok("---\na: [x, y, x]\nb: x, y , ,x\nc: x, \"y, z\"\nd:\n  - x\n  - y\n---\n");
        let mut report = Report::new("x.md");
        assert_eq!(head.list(&["a"], &mut report), ["x", "y"]);
        assert_eq!(head.list(&["b"], &mut report), ["x", "y"]);
        assert_eq!(head.list(&["c"], &mut report), ["x", "y, z"]);
        assert_eq!(head.list(&["d"], &mut report), ["x", "y"]);
        assert_eq!(report.into_problems(), []);
    }

    #[test]
    fn off_is_a_word_and_false_is_not() {
        let (mut head, _) = read_ok("---\na: off\nb: false\n---\n");
        let mut report = Report::new("x.md");
        assert_eq!(head.text_or_false("a", &mut report).as_deref(), Some("off"));
        assert_eq!(head.text_or_false("b", &mut report), None);
        assert_eq!(report.into_problems(), []);
    }

    #[test]
    fn what_cannot_be_read_is_reported_with_the_line_of_the_file() {
        for (text, line, words) in [
            ("", 1, "no front matter"),
            ("# Title\n---\na: b\n---\n", 1, "no front matter"),
            ("---\na: b\n", 1, "never closed"),
            ("---\na: b\nb: [x\n---\n", 3, "not valid YAML"),
            ("---\na: b\nb: c: d\n---\n", 3, "not valid YAML"),
            ("---\na: b\nb: c\na: d\n---\n", 4, "`a` stands here twice"),
            ("---\n- a\n---\n", 1, "expected `key: value` lines"),
            ("---\na: &x [1]\nb: *x\n---\n", 3, "alias"),
        ] {
            let (found, message) = first_problem(text);
            assert!(message.contains(words), "{text:?}: {message}");
            assert_eq!(found, Some(line), "{text:?}: {message}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_recursing_into_it() {
        let text = format!("---\na: {}\n---\n", "[".repeat(50_000));
        assert!(first_problem(&text).1.contains("front matter"));
    }

    #[test]
    fn a_head_that_is_not_quite_yaml_is_read_by_line_where_that_is_allowed() {
        let text = "---\nname: helper\ndescription: Use it when: <a> says \"b: c\"\n  more: text\ntools: Read, Grep\n---\nbody";
        let mut head = read_leniently(text).unwrap().head;
        let mut report = Report::new("x.md");
        assert_eq!(head.text(&["name"], &mut report).as_deref(), Some("helper"));
        assert!(head.text(&["description"], &mut report).unwrap().starts_with("Use it when"));
        assert_eq!(head.list(&["tools"], &mut report), ["Read", "Grep"]);
        assert_eq!(head.line("more"), None);
    }
}
