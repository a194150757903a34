//! Data files that no program can read.

use super::conflict;
use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths::{self, Place};
use crate::review::remark::Remark;
use serde::de::IgnoredAny;

/// The most bytes of a file that are read as data.
const MAX_DATA: usize = 5 * 1024 * 1024;
/// The same for TOML, whose reader takes eighty times the memory.
const MAX_TOML: usize = 2 * 1024 * 1024;

/// What data a file holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Json,
    JsonLines,
    Toml,
    Yaml,
}

/// Returns what data a file holds; nothing where it is none, or a dialect that allows more.
fn format(path: &str) -> Option<Format> {
    let name = paths::name(path);
    match paths::extension(path).as_str() {
        "json" | "geojson" | "webmanifest" | "ipynb" if !has_comments(path, name) => Some(Format::Json),
        "jsonl" | "ndjson" => Some(Format::JsonLines),
        "toml" => Some(Format::Toml),
        "yml" | "yaml" => Some(Format::Yaml),
        _ if matches!(name, "Cargo.lock" | "poetry.lock" | "uv.lock" | "Pipfile") => Some(Format::Toml),
        _ => None,
    }
}

/// Decides whether the tools that read this JSON allow comments in it.
fn has_comments(path: &str, name: &str) -> bool {
    let configs =
        ["tsconfig", "jsconfig", "devcontainer", "tslint", "api-extractor", "language-configuration", "deno"];
    configs.iter().any(|config| name.starts_with(config))
        || paths::is_under(path, &[".vscode", ".devcontainer"])
}

/// Reports data that can't be read, with line and column.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let Some(format) = examined(file) else { return Vec::new() };
    let Ok(text) = std::str::from_utf8(file.bytes) else {
        let valid = std::str::from_utf8(file.bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
        let broken = Broken { at: position(file.bytes, valid), why: "it is not UTF-8".to_owned() };
        return vec![remark(format, broken)];
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let broken = match format {
        Format::Json => json(text),
        Format::JsonLines => return file.keep(json_lines(file)),
        Format::Toml => toml(text),
        Format::Yaml => yaml(text),
    };
    broken.filter(|_| !is_template(text)).map(|broken| remark(format, broken)).into_iter().collect()
}

/// Returns what data a file holds, where it is examined as such.
fn examined(file: &FileUnderReview<'_>) -> Option<Format> {
    let whole = file.bytes.len() as u64 == file.origin.size && !file.binary;
    let format = format(file.path()).filter(|_| whole && !is_too_large(file))?;
    let passed_over =
        file.place == Place::Vendored || is_broken_on_purpose(file.path()) || conflict::has_conflict(file);
    (!passed_over).then_some(format)
}

/// Decides whether there are a template's marks in a text: it becomes data only later.
fn is_template(text: &str) -> bool {
    ["{{", "{%", "<%"].iter().any(|mark| text.contains(mark))
}

/// Returns the data that a file holds as text, where it can be read as such.
pub fn readable<'a>(file: &FileUnderReview<'a>) -> Option<(Format, &'a str)> {
    let format = examined(file)?;
    let text = std::str::from_utf8(file.bytes).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let readable = match format {
        Format::Json => serde_json::from_str::<IgnoredAny>(text).is_ok(),
        // Their keys are looked at while they are read.
        Format::Yaml => !is_template(text),
        Format::JsonLines | Format::Toml => return None,
    };
    readable.then_some((format, text))
}

/// Decides whether it holds data of its own that is too large to be read as such.
pub fn is_too_large(file: &FileUnderReview<'_>) -> bool {
    let most = match format(file.path()) {
        None => return false,
        Some(Format::Toml) => MAX_TOML,
        Some(_) => MAX_DATA,
    };
    file.origin.size > most as u64 && file.place == Place::Own && !file.binary
}

/// Decides whether a test feeds it to a program that has to refuse it.
fn is_broken_on_purpose(path: &str) -> bool {
    let words = ["invalid", "broken", "malformed", "corrupt", "bad", "fail", "error", "truncated", "wrong"];
    let path_in_small = path.to_ascii_lowercase();
    paths::is_test(path) && words.iter().any(|word| path_in_small.contains(word))
}

struct Broken {
    /// Line and column, from 1.
    at: (u32, u32),
    why: String,
}

fn remark(format: Format, broken: Broken) -> Remark {
    let (line, column) = broken.at;
    let name = match format {
        Format::Json | Format::JsonLines => "JSON",
        Format::Toml => "TOML",
        Format::Yaml => "YAML",
    };
    let body =
        format!("Line {line}, column {column}: {}. Whatever reads this file will refuse it.", broken.why);
    Remark::at(line.max(1), Severity::Error, format!("Broken {name}"), body)
}

fn json(text: &str) -> Option<Broken> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    // A file that holds one value a line is called so now and then.
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let many = error.to_string().starts_with("trailing characters");
    if many && lines().all(|line| serde_json::from_str::<IgnoredAny>(line).is_ok()) {
        return None;
    }
    Some(from_json(&error))
}

fn from_json(error: &serde_json::Error) -> Broken {
    let said = error.to_string();
    let why = said.split(" at line ").next().unwrap_or_default().to_owned();
    Broken { at: (error.line() as u32, error.column().max(1) as u32), why }
}

fn json_lines(file: &FileUnderReview<'_>) -> impl Iterator<Item = Remark> {
    file.changed_lines().filter_map(|number| {
        let start = file.start(number)?;
        let end = file.start(number + 1).unwrap_or(file.bytes.len());
        let line = file.bytes[start..end].trim_ascii();
        if line.is_empty() {
            return None;
        }
        let error = serde_json::from_slice::<IgnoredAny>(line).err()?;
        let broken = from_json(&error);
        Some(remark(Format::JsonLines, Broken { at: (number, broken.at.1), ..broken }))
    })
}

fn toml(text: &str) -> Option<Broken> {
    let error = toml::from_str::<toml::Table>(text).err()?;
    if error.message().contains("recursion limit") {
        return None;
    }
    let at = error.span().map_or((1, 1), |span| position(text.as_bytes(), span.start));
    Some(Broken { at, why: error.message().lines().collect::<Vec<_>>().join(", ") })
}

fn yaml(text: &str) -> Option<Broken> {
    use serde_saphyr::{DuplicateKeyPolicy, Error, MergeKeyPolicy};
    let options = serde_saphyr::options! {
        // What a program makes of the values is its own affair; here only their form counts.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
        no_schema: true,
    };
    let error = serde_saphyr::from_multiple_with_options::<IgnoredAny>(text, options).err()?;
    let why = match error.without_snippet() {
        Error::ExternalMessage { msg, .. } => without_quotes(msg),
        Error::UnknownAnchor { .. } => "an alias names an anchor that is not there".to_owned(),
        Error::Eof { .. } => "it ends too early".to_owned(),
        // Limits that were reached, or types that nobody asked for.
        _ => return None,
    };
    let at = error.location().map_or((1, 1), |at| (at.line() as u32, at.column() as u32));
    Some(Broken { at, why })
}

/// Leaves out what a parser quotes from the file, which may be a secret.
fn without_quotes(said: &str) -> String {
    let parts = said.split(['`', '"']).step_by(2);
    parts.collect::<Vec<_>>().join("…").lines().next().unwrap_or_default().to_owned()
}

fn position(bytes: &[u8], offset: usize) -> (u32, u32) {
    let before = &bytes[..offset.min(bytes.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    (line as u32, String::from_utf8_lossy(&before[start..]).chars().count() as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    const NONE: [u32; 0] = [];

    fn found(path: &str, text: &str) -> Vec<(u32, String)> {
        let origin = whole(path, text.as_bytes());
        let remarks = check(&FileUnderReview::new(&origin, text.as_bytes()));
        remarks.into_iter().map(|remark| (remark.lines.0, remark.body)).collect()
    }

    fn line(path: &str, text: &str) -> Vec<u32> {
        found(path, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn each_format_is_refused_where_it_breaks() {
        let json = found("a.json", "{\n  \"a\": 1,\n}\n");
        assert_eq!(json[0].0, 3);
        assert!(json[0].1.starts_with("Line 3, column 1: key must be a string."), "{}", json[0].1);
        assert_eq!(line("a.jsonl", "{}\n{\n\n[1]\nx\n"), [2, 5]);
        assert_eq!(line("a.toml", "[a]\nb = 1\nc = \n"), [3]);
        assert_eq!(line("Cargo.lock", "[[package]\n"), [1]);
        assert_eq!(line("a.yaml", "a: 1\nb: [1, 2\nc: 3\n").len(), 1);
        assert_eq!(line("a.yml", "a:\n  - b\n c: 1\n").len(), 1);
        assert_eq!(line("a.yml", "a: *missing\n"), [1]);
    }

    #[test]
    fn dialects_templates_and_streams_are_fine() {
        assert_eq!(line("tsconfig.json", "{ // why\n}\n"), NONE);
        assert_eq!(line(".vscode/settings.json", "{ // why\n}\n"), NONE);
        assert_eq!(line("a.json", "{\"a\": {{ value }}}\n"), NONE);
        assert_eq!(line("log.json", "{}\n{}\n"), NONE);
        assert_eq!(line("chart.yaml", "a: {{ .Values.a }}\n{{- if x }}\nb: 1\n"), NONE);
        assert_eq!(line("a.yaml", "---\na: 1\n---\nb: !Ref Bucket\nc: !Sub\n  - x\n---\n"), NONE);
        assert_eq!(line("a.yaml", "base: &b {x: 1}\nc:\n  <<: *b\n  y: 2\n  <<: *b\n"), NONE);
        assert_eq!(line("a.yaml", "# nothing\n"), NONE);
        assert_eq!(line("a.yaml", ""), NONE);
        assert_eq!(line("fixtures/invalid.json", "{\n"), NONE);
        assert_eq!(line("a.json", "\u{feff}{}\n"), NONE);
    }

    #[test]
    fn a_depth_bomb_does_no_harm() {
        for (path, text) in [
            ("a.json", "[".repeat(200_000)),
            ("a.jsonl", "[".repeat(200_000)),
            ("a.toml", format!("a = {}", "[".repeat(200_000))),
            ("b.toml", format!("[{}x]", "a.".repeat(50_000))),
            ("a.yaml", "[".repeat(200_000)),
            ("b.yaml", "- ".repeat(100_000)),
            ("c.yaml", "? ".repeat(100_000)),
            ("d.yaml", (0..3000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ] {
            found(path, &text);
        }
    }

    #[test]
    fn what_the_parser_quotes_is_not_repeated() {
        let said = found("a.yaml", "password: *Zp3LmX9vKt2R\n");
        assert!(!said[0].1.contains("Zp3"), "{}", said[0].1);
    }
}
