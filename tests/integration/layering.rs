//! Holds the direction of the rooms: a room uses only what its line in the table allows.

use std::path::{Path, PathBuf};

/// Each room with the rooms it may use. `tests` below `#[cfg(test)]` are bound by it too.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain"]),
    ("workspace", &["domain"]),
    ("agents", &["domain"]),
    ("review", &["domain", "workspace"]),
    ("builtin", &["domain", "workspace"]),
    ("runner", &["domain", "store", "workspace", "agents"]),
    ("conformance", &["domain", "store", "workspace", "agents", "runner"]),
    ("metrics", &["domain", "store"]),
    ("ui", &["domain"]),
    ("export", &["domain", "store", "workspace", "review", "ui"]),
    (
        "commands",
        &[
            "domain",
            "store",
            "workspace",
            "agents",
            "review",
            "builtin",
            "runner",
            "conformance",
            "metrics",
            "ui",
            "export",
        ],
    ),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// Returns the rooms that a file names by `crate::room` or in `use crate::{room, ...}`.
fn rooms_used(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let names =
            rest.strip_prefix('{').and_then(|list| list.split_once('}')).map_or(rest, |(list, _)| list);
        let many = rest.starts_with('{');
        for name in names.split(',').take(if many { usize::MAX } else { 1 }) {
            let name: String = name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            rooms.push(name);
        }
    }
    rooms
}

#[test]
fn a_room_uses_only_the_rooms_below_it() {
    let mut wrong = Vec::new();
    for (room, allowed) in MAY_USE {
        for file in rust_files(&source().join(room)) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            for used in rooms_used(&text) {
                let is_room = MAY_USE.iter().any(|(known, _)| *known == used);
                if is_room && used != *room && !allowed.contains(&used.as_str()) {
                    wrong.push(format!("{}: `{room}` may not use `{used}`", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "move the code or the type it needs to a lower room:\n{}", wrong.join("\n"));
}

#[test]
fn every_folder_of_the_source_is_a_room() {
    for entry in std::fs::read_dir(source()).expect("src") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let known =
            MAY_USE.iter().any(|(room, _)| *room == name) || ["lib.rs", "main.rs"].contains(&name.as_str());
        assert!(known, "src/{name} is no room: add it to MAY_USE in this file, with what it may use");
    }
}

#[test]
fn every_room_is_told_about_in_its_first_line() {
    for file in rust_files(&source()) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let told = text.starts_with("//!") || file.ends_with("main.rs");
        assert!(told, "{} does not begin with a `//!` line that says what it is for", file.display());
    }
}
