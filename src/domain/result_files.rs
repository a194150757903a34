//! The files that a result hands in: what may be asked for, before anybody looks at the tree.
//!
//! An entry of `files` is an object (`path`, `mode`, `contents`), or a bare path that only has to exist. Contents come in
//! with the request and stay out of the record, which holds their length and hash; the store keeps the bytes.

use super::submission::Refusal;
use super::words::{clean_line, clean_text};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// The most entries of one result.
pub const MAX_FILES: usize = 50;
/// The most bytes of one file.
pub const MAX_CONTENTS: usize = 1024 * 1024;
/// The most bytes of a path; more is no path on any system.
const MAX_PATH: usize = 4096;
/// The most characters of a path that a message quotes.
const MAX_QUOTED: usize = 120;

/// The field of a [`Refusal`] for what is wrong with files.
pub const FILES: &str = "files";
/// The field of a [`Refusal`] for a path that must never be touched.
pub const UNSAFE_PATH: &str = "files.path";

/// What is to become of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is there, and stays as it is.
    Mention,
    New,
    Modify,
    Delete,
}

impl Mode {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Mention => "mention",
            Mode::New => "new",
            Mode::Modify => "modify",
            Mode::Delete => "delete",
        }
    }

    fn writes(self) -> bool {
        matches!(self, Mode::New | Mode::Modify)
    }
}

/// The contents of a file. Two are equal where their hashes are.
#[derive(Clone, Debug)]
pub struct Contents {
    /// In hex.
    pub sha256: String,
    pub bytes: u64,
    /// Themselves, as long as they have not been put aside.
    held: Option<Arc<[u8]>>,
}

impl PartialEq for Contents {
    fn eq(&self, other: &Contents) -> bool {
        self.sha256 == other.sha256
    }
}

impl Contents {
    pub fn of(bytes: Vec<u8>) -> Contents {
        Contents { sha256: hash(&bytes), bytes: bytes.len() as u64, held: Some(bytes.into()) }
    }

    /// Returns the bytes, where they came with the request that is at hand.
    pub fn held(&self) -> Option<&[u8]> {
        self.held.as_deref()
    }

    /// Takes the bytes, to put them aside.
    pub fn take(&mut self) -> Option<Arc<[u8]>> {
        self.held.take()
    }
}

/// Returns the SHA-256 of a file's contents in hex.
pub fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One entry of `files`. What `base` says does not make two of them different.
#[derive(Clone, Debug)]
pub struct ResultFile {
    /// Relative to the tree, without `.` and empty components.
    pub path: String,
    pub mode: Mode,
    /// A new file that can be started.
    pub executable: bool,
    pub contents: Option<Contents>,
    /// SHA-256 of what was there when it was handed in; crew's to say.
    pub base: Option<String>,
}

impl PartialEq for ResultFile {
    fn eq(&self, other: &ResultFile) -> bool {
        let said = |file: &ResultFile| (file.path.clone(), file.mode, file.executable);
        said(self) == said(other) && self.contents == other.contents
    }
}

impl ResultFile {
    /// Tells whether it asks for something to be done.
    pub fn is_change(&self) -> bool {
        self.mode != Mode::Mention
    }
}

/// The shape of an entry, for the schema; `read` takes what has it.
#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
pub enum Entry {
    /// A path that has to be there.
    Path(String),
    File(FileEntry),
}

/// The shape of an entry that changes something.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub struct FileEntry {
    /// Relative to the repository.
    path: String,
    mode: ChangeMode,
    /// The whole file; for `new` and `modify`.
    contents: Option<String>,
    /// How the contents are written: `base64` for what is no text.
    encoding: Option<Encoding>,
    /// A new file that can be started.
    executable: Option<bool>,
}

/// What an entry may ask for.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum ChangeMode {
    New,
    Modify,
    Delete,
}

/// How contents are written that are no text.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Encoding {
    Base64,
}

/// What became of a path, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedFile {
    pub path: String,
    pub mode: Mode,
    /// SHA-256 of what was there before, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// SHA-256 of what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Serialize for ResultFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.mode == Mode::Mention {
            return serializer.serialize_str(&self.path);
        }
        let mut entry = serializer.serialize_struct("ResultFile", 6)?;
        entry.serialize_field("path", &self.path)?;
        entry.serialize_field("mode", &self.mode)?;
        if self.executable {
            entry.serialize_field("executable", &true)?;
        }
        if let Some(contents) = &self.contents {
            entry.serialize_field("bytes", &contents.bytes)?;
            entry.serialize_field("sha256", &contents.sha256)?;
        }
        if let Some(base) = &self.base {
            entry.serialize_field("base", base)?;
        }
        entry.end()
    }
}

/// Reads `files`, as it was handed in or as it was recorded. Its errors say which entry is wrong.
pub fn read<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<ResultFile>, D::Error> {
    let Value::Array(entries) = Value::deserialize(source)? else {
        return Err(D::Error::custom("files is not a list; hand in a list of paths and objects"));
    };
    entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| read_entry(at, entry))
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}

fn read_entry(at: usize, entry: Value) -> Result<ResultFile, String> {
    let mut fields = match entry {
        Value::String(path) => {
            return Ok(ResultFile {
                path: normal(&path),
                mode: Mode::Mention,
                executable: false,
                contents: None,
                base: None,
            });
        }
        Value::Object(mut fields) => {
            // What is null is not there, as everywhere else in a submission.
            fields.retain(|_, value| !value.is_null());
            fields
        }
        _ => return Err(format!("files[{at}] is neither a path nor an object with path, mode and contents")),
    };
    let path = match fields.remove("path") {
        Some(Value::String(path)) => path,
        Some(_) => return Err(format!("files[{at}].path is not a text")),
        None => return Err(format!("files[{at}].path is missing; every entry names its file")),
    };
    let wrong = |what: String| format!("{}: {what}", place(at, &path));
    let mode = match fields.remove("mode").as_ref().map(Value::as_str) {
        Some(Some("new")) => Mode::New,
        Some(Some("modify")) => Mode::Modify,
        Some(Some("delete")) => Mode::Delete,
        None => return Err(wrong("mode is missing; say new, modify or delete".into())),
        Some(_) => return Err(wrong("mode is none of new, modify and delete".into())),
    };
    let executable = match fields.remove("executable") {
        None => false,
        Some(Value::Bool(executable)) => executable,
        Some(_) => return Err(wrong("executable is neither true nor false".into())),
    };
    let contents = read_contents(&mut fields).map_err(wrong)?;
    let base = fields.remove("base").and_then(|base| base.as_str().map(str::to_owned));
    if let Some(unknown) = fields.keys().next() {
        let known = "known are path, mode, contents, encoding and executable";
        return Err(wrong(format!("the field `{}` is not known; {known}", clean_line(unknown, 40))));
    }
    Ok(ResultFile { path: normal(&path), mode, executable, contents, base })
}

/// Takes the contents out of an entry: themselves, or what the record says of them.
fn read_contents(fields: &mut Map<String, Value>) -> Result<Option<Contents>, String> {
    let encoding = fields.remove("encoding");
    let Some(contents) = fields.remove("contents") else {
        if encoding.is_some() {
            return Err("encoding says nothing without contents; add them or leave it out".into());
        }
        return Ok(read_record(fields));
    };
    let Value::String(text) = contents else {
        return Err("contents are not a text; what is not text goes in base64, with encoding base64".into());
    };
    let bytes = match encoding.as_ref().map(Value::as_str) {
        None => text.into_bytes(),
        Some(Some("base64")) => BASE64_STANDARD
            .decode(text.as_bytes())
            .map_err(|error| format!("contents are not base64 ({error}); encode them anew, in one line"))?,
        Some(_) => return Err("encoding is not base64; leave it out for plain text".into()),
    };
    Ok(Some(Contents::of(bytes)))
}

/// Takes what the record says of contents. From an agent, that is as good as nothing: the bytes are missing.
fn read_record(fields: &mut Map<String, Value>) -> Option<Contents> {
    let (Some(Value::String(sha256)), Some(bytes)) = (fields.get("sha256"), fields.get("bytes")?.as_u64())
    else {
        return None;
    };
    let contents = Contents { sha256: sha256.clone(), bytes, held: None };
    fields.retain(|name, _| name != "sha256" && name != "bytes");
    Some(contents)
}

/// Returns a path without what changes nothing in it: `./`, doubled slashes, one at the end. `..` stays, to be refused.
fn normal(path: &str) -> String {
    let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", components.join("/"))
}

/// Names an entry for whoever wrote it: `files[2] (src/a.rs)`.
pub fn place(at: usize, path: &str) -> String {
    format!("files[{at}] ({})", clean_line(path, MAX_QUOTED))
}

/// Checks what was handed in as `files`, as far as that is possible without the tree.
pub fn check(files: &[ResultFile]) -> Result<(), Refusal> {
    if files.len() > MAX_FILES {
        let message =
            format!("files has {} entries; hand in at most {MAX_FILES}, nothing was taken", files.len());
        return Err(Refusal { field: FILES.into(), message, hint: None });
    }
    for (at, file) in files.iter().enumerate() {
        let refuse = |field: &str, why: &str| Refusal {
            field: field.into(),
            message: format!("{}: {why}", place(at, &file.path)),
            hint: None,
        };
        if let Some(why) = why_unsafe(&file.path) {
            return Err(refuse(UNSAFE_PATH, why));
        }
        check_path(&file.path).and_then(|()| check_entry(file)).map_err(|why| refuse(FILES, &why))?;
    }
    check_together(files)
}

/// Tells why a path must not be touched, whatever stands there.
fn why_unsafe(path: &str) -> Option<&'static str> {
    if path.starts_with('/') {
        return Some("the path is absolute; name it from the top of the repository");
    }
    path.split('/').find_map(|component| match component {
        ".." => Some("the path leads out with `..`; name it from the top of the repository"),
        _ => why_protected(component),
    })
}

fn check_path(path: &str) -> Result<(), String> {
    match () {
        () if path.is_empty() => Err("the path is empty; name a file".into()),
        () if path.len() > MAX_PATH => {
            Err(format!("the path is longer than {MAX_PATH} bytes; choose a shorter one"))
        }
        // It is shown to people, and what they see has to be what is written.
        () if clean_text(path, usize::MAX) != path || path.contains(['\n', '\t']) => Err(
            "the path has characters that do not show (control characters or invisible ones); leave them out"
                .into(),
        ),
        () => Ok(()),
    }
}

fn check_entry(file: &ResultFile) -> Result<(), String> {
    let mode = file.mode.name();
    match &file.contents {
        _ if file.base.is_some() => Err("base is for crew to say; leave it out".into()),
        Some(_) if !file.mode.writes() => Err(format!("mode {mode} takes no contents; leave them out")),
        Some(contents) if contents.bytes > MAX_CONTENTS as u64 => Err(format!(
            "contents have {} bytes; at most {MAX_CONTENTS} are taken, write larger files in the tree yourself",
            contents.bytes
        )),
        contents if file.mode.writes() && contents.as_ref().and_then(Contents::held).is_none() => {
            Err(format!("mode {mode} needs contents; say \"\" for an empty file"))
        }
        _ if file.executable && file.mode != Mode::New => {
            Err("executable is for mode new; other files keep what they have".into())
        }
        _ => Ok(()),
    }
}

/// Finds paths that two entries name, and files that would have to be folders for others.
fn check_together(files: &[ResultFile]) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal { field: FILES.into(), message, hint: None });
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (at, file) in files.iter().enumerate() {
        if let Some(first) = known.insert(&file.path, at) {
            return refuse(format!(
                "{}: files[{first}] names the same path; hand in one entry for each",
                place(at, &file.path)
            ));
        }
    }
    for (at, file) in files.iter().enumerate() {
        let folders = file.path.match_indices('/').map(|(end, _)| &file.path[..end]);
        // What is only mentioned may well be a folder.
        let clash = folders.filter_map(|folder| known.get(folder)).find(|first| files[**first].is_change());
        if let Some(first) = clash {
            return refuse(format!(
                "{}: files[{first}] ({}) would be its folder and is a file; change one of the two paths",
                place(at, &file.path),
                clean_line(&files[*first].path, MAX_QUOTED)
            ));
        }
    }
    Ok(())
}

/// Tells why nobody but git and crew may touch a component of a path: it is `.git` or `.crew`, or what some file system
/// takes for it.
///
/// The rules are those by which git protects `.git` (`is_ntfs_dotgit` and `is_hfs_dotgit`): case, trailing dots and
/// spaces, the short name `GIT~1`, what follows a colon, a backslash as separator, and characters that HFS+ ignores.
fn why_protected(component: &str) -> Option<&'static str> {
    component.split('\\').find_map(|part| {
        let shown: String = part.chars().filter(|c| !is_ignored_by_hfs(*c)).collect();
        let name = shown.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']).to_lowercase();
        match name.as_str() {
            ".git" | "git~1" => Some("`.git` belongs to git; hand in files of the work tree only"),
            ".crew" | "crew~1" => Some("`.crew` belongs to crew; hand in files of the work tree only"),
            _ => None,
        }
    })
}

/// Tells whether HFS+ takes no notice of a character in a name; the list is git's (`utf8.c`, `next_hfs_char`).
fn is_ignored_by_hfs(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_all(files: Value) -> Result<Vec<ResultFile>, Refusal> {
        let files = read(files).map_err(|error| Refusal {
            field: "json".into(),
            message: error.to_string(),
            hint: None,
        })?;
        check(&files).map(|()| files)
    }

    /// Returns what is wrong with files, as their owner is told.
    fn wrong(files: Value) -> (String, String) {
        let refusal = read_all(files).expect_err("it is wrong");
        (refusal.field, refusal.message)
    }

    fn new(path: &str) -> Value {
        json!({"path": path, "mode": "new", "contents": "x"})
    }

    #[test]
    fn every_entry_says_what_becomes_of_its_path() {
        let files = read_all(json!([
            "README.md",
            {"path": "./src//a.rs", "mode": "new", "contents": "a\n"},
            {"path": "run", "mode": "new", "contents": "#!/bin/sh\n", "executable": true},
            {"path": "b/", "mode": "modify", "contents": "AP8=", "encoding": "base64"},
            {"path": "empty", "mode": "modify", "contents": ""},
            {"path": "gone", "mode": "delete", "contents": null, "encoding": null, "executable": null},
            "src",
        ]));
        let files = files.unwrap();
        let paths: Vec<(&str, Mode)> = files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
        assert_eq!(
            paths,
            [
                ("README.md", Mode::Mention),
                ("src/a.rs", Mode::New),
                ("run", Mode::New),
                ("b", Mode::Modify),
                ("empty", Mode::Modify),
                ("gone", Mode::Delete),
                ("src", Mode::Mention),
            ]
        );
        assert_eq!(files[3].contents.as_ref().unwrap().held(), Some(&b"\x00\xff"[..]));
        assert!(files[2].executable && !files[1].executable);
    }

    #[test]
    fn a_path_that_must_not_be_touched_is_refused_wherever_it_stands() {
        let paths = [
            "/etc/passwd",
            "//x",
            "..",
            "../b",
            "a/../../b",
            "a/..",
            ".git/hooks/pre-commit",
            ".git",
            ".GIT/config",
            "sub/.git/config",
            ".git /config",
            ".git./config",
            ".git. ./config",
            "git~1/config",
            "GIT~1",
            ".crew/crew.db",
            ".Crew/config.json",
            "a/.crew",
            "crew~1",
            ".git::$INDEX_ALLOCATION/config",
            "a\\.git\\config",
            ".g\u{200c}it/config",
            ".git\u{feff}",
        ];
        for path in paths {
            for entry in [new(path), json!(path), json!({"path": path, "mode": "delete"})] {
                let (field, message) = wrong(json!([new("fine"), entry]));
                assert_eq!(field, UNSAFE_PATH, "{path}: {message}");
                assert!(message.starts_with("files[1] ("), "{message}");
            }
        }
    }

    #[test]
    fn a_name_that_only_looks_like_one_of_those_is_fine() {
        let paths = [
            "..foo",
            "a/..b/c",
            "...",
            "foo..",
            ".gitignore",
            ".github/x",
            "git",
            ".gitx",
            "a\\b",
            "~",
            "git~2",
            ".crewrc",
            "a b",
        ];
        for path in paths {
            assert_eq!(read_all(json!([new(path)])).unwrap()[0].path, path);
        }
    }

    #[test]
    fn every_other_refusal_names_the_entry_and_says_what_to_do() {
        let rows = [
            (json!("a"), "files is not a list"),
            (json!([1]), "files[0] is neither a path nor an object"),
            (json!([{"mode": "new"}]), "files[0].path is missing"),
            (json!([{"path": 3}]), "files[0].path is not a text"),
            (
                json!([{"path": "a", "contents": "x"}]),
                "files[0] (a): mode is missing; say new, modify or delete",
            ),
            (
                json!([{"path": "a", "mode": "append"}]),
                "files[0] (a): mode is none of new, modify and delete",
            ),
            (json!([{"path": "a", "mode": "mention"}]), "files[0] (a): mode is none of new"),
            (
                json!(["r", {"path": "a", "mode": "new"}]),
                "files[1] (a): mode new needs contents; say \"\" for",
            ),
            (json!([{"path": "a", "mode": "modify"}]), "files[0] (a): mode modify needs contents"),
            (
                json!([{"path": "a", "mode": "new", "sha256": "00", "bytes": 1}]),
                "files[0] (a): mode new needs contents",
            ),
            (
                json!([{"path": "a", "mode": "new", "contents": "x", "sha256": "00"}]),
                "the field `sha256` is not known",
            ),
            (
                json!([{"path": "a", "mode": "delete", "contents": ""}]),
                "files[0] (a): mode delete takes no contents",
            ),
            (json!([{"path": "a", "mode": "new", "contents": 1}]), "files[0] (a): contents are not a text"),
            (
                json!([{"path": "a", "mode": "new", "contents": "?", "encoding": "base64"}]),
                "contents are not base64",
            ),
            (
                json!([{"path": "a", "mode": "new", "contents": "?", "encoding": "hex"}]),
                "encoding is not base64",
            ),
            (
                json!([{"path": "a", "mode": "delete", "encoding": "base64"}]),
                "encoding says nothing without contents",
            ),
            (
                json!([{"path": "a", "mode": "modify", "contents": "", "executable": true}]),
                "executable is for mode new",
            ),
            (
                json!([{"path": "a", "mode": "new", "contents": "", "executable": 1}]),
                "executable is neither true",
            ),
            (
                json!([{"path": "a", "mode": "new", "content": "x"}]),
                "files[0] (a): the field `content` is not known",
            ),
            (json!([{"path": "a", "mode": "delete", "base": "00"}]), "files[0] (a): base is for crew to say"),
            (json!([""]), "files[0] (): the path is empty; name a file"),
            (json!([new("./")]), "files[0] (): the path is empty"),
            (json!([new("a\u{0}b")]), "files[0] (ab): the path has characters that do not show"),
            (json!([new("a\u{1b}[31m")]), "files[0] (a): the path has characters that do not show"),
            (json!([new("a\nb")]), "files[0] (a b): the path has characters that do not show"),
            (json!([new(&"x/".repeat(2049))]), "the path is longer than 4096 bytes"),
            (json!([new("a.txt"), new("./a.txt")]), "files[1] (a.txt): files[0] names the same path"),
            (json!(["a", new("a//")]), "files[1] (a): files[0] names the same path"),
            (json!([new("a/b"), new("a")]), "files[0] (a/b): files[1] (a) would be its folder and is a file"),
            (
                json!([{"path": "a", "mode": "delete"}, new("a/b/c")]),
                "files[1] (a/b/c): files[0] (a) would be",
            ),
        ];
        for (files, expected) in rows {
            let (field, message) = wrong(files);
            assert!(message.contains(expected), "{message}\nis not\n{expected}");
            assert_ne!(field, UNSAFE_PATH, "{message}");
        }
    }

    #[test]
    fn what_is_over_a_limit_is_refused_as_a_whole() {
        let many = |count: usize| (0..count).map(|at| new(&format!("f{at}"))).collect::<Vec<_>>();
        assert_eq!(read_all(json!(many(MAX_FILES))).unwrap().len(), MAX_FILES);
        assert!(wrong(json!(many(MAX_FILES + 1))).1.contains("51 entries; hand in at most 50"));
        let sized = |size: usize| json!([{"path": "a", "mode": "new", "contents": "x".repeat(size)}]);
        assert!(read_all(sized(MAX_CONTENTS)).is_ok());
        assert!(wrong(sized(MAX_CONTENTS + 1)).1.contains("1048577 bytes; at most 1048576"));
    }

    #[test]
    fn the_record_holds_no_contents_and_reads_back() {
        let files = read_all(json!(["r", new("a"), {"path": "gone", "mode": "delete"}])).unwrap();
        let recorded = serde_json::to_value(&files).unwrap();
        let sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        assert_eq!(
            recorded,
            json!(["r", {"path": "a", "mode": "new", "bytes": 1, "sha256": sha256}, {"path": "gone", "mode": "delete"}])
        );
        // The same files handed in again are the same, although the record does not hold them.
        assert_eq!(read(recorded).unwrap(), files);
    }
}
