//! Completions, manual pages and the settings' schema are rendered from the code and have to be current.

use crate::support::TestRepo;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares a file with what it should be, or writes it where `UPDATE_GENERATED=1` asks for that.
fn hold(path: &Path, content: &[u8], stale: &mut Vec<String>) {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return;
    }
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a generated file");
    } else {
        stale.push(path.strip_prefix(top()).expect("a path of ours").display().to_string());
    }
}

fn no_more_than(folder: &str, expected: &[PathBuf], stale: &mut Vec<String>) {
    for entry in std::fs::read_dir(top().join(folder)).into_iter().flatten().flatten() {
        if !expected.contains(&entry.path()) {
            stale.push(format!("{folder}/{} (nothing renders it)", entry.file_name().to_string_lossy()));
        }
    }
}

#[test]
fn completions_and_manual_pages_are_current() {
    let mut stale = Vec::new();
    let mut completions = Vec::new();
    for (shell, name) in [
        (Shell::Bash, "crew.bash"),
        (Shell::Zsh, "_crew"),
        (Shell::Fish, "crew.fish"),
        (Shell::PowerShell, "_crew.ps1"),
    ] {
        let script = crew::commands::completions::script(shell);
        let path = top().join("completions").join(name);
        hold(&path, script.as_bytes(), &mut stale);
        completions.push(path);
    }
    let mut pages = Vec::new();
    let rendered = tempfile::tempdir().expect("a folder");
    clap_mangen::generate_to(crew::commands::command_tree().disable_help_subcommand(true), rendered.path())
        .expect("pages");
    for entry in std::fs::read_dir(rendered.path()).expect("a folder") {
        let page = entry.expect("an entry").path();
        let path = top().join("man").join(page.file_name().expect("a name"));
        hold(&path, &std::fs::read(&page).expect("a page"), &mut stale);
        pages.push(path);
    }
    no_more_than("completions", &completions, &mut stale);
    no_more_than("man", &pages, &mut stale);
    assert!(
        stale.is_empty(),
        "UPDATE_GENERATED=1 cargo test generated_files   writes these anew: {stale:#?}"
    );
}

#[test]
fn every_command_has_a_page_and_help_that_starts_with_a_verb() {
    for command in crew::commands::command_tree().get_subcommands() {
        let about =
            command.get_about().unwrap_or_else(|| panic!("{} says nothing", command.get_name())).to_string();
        assert!(
            about.starts_with(char::is_uppercase) && !about.ends_with('.'),
            "{}: {about}",
            command.get_name()
        );
    }
}

#[test]
fn the_completions_command_prints_what_is_shipped() {
    let repo = TestRepo::new();
    let printed = repo.crew(["completions", "bash"]).exits(0).out;
    let shipped = std::fs::read_to_string(top().join("completions/crew.bash")).expect("completions");
    assert_eq!(printed.trim_end(), shipped.trim_end());
}
