//! The rules of a repository for its reviews: which of them hold for a change, and what is told about that.
//!
//! They are read as they stood before the change. What a change writes into them holds for the changes after it: nobody
//! loosens the rules by which he is judged.

use crate::domain::finding::Severity;
use crate::domain::resources::{CheckFile, read_check};
use crate::domain::tree_check::Bounds;
use crate::domain::words::{clean_line, clean_text};
use std::collections::BTreeSet;

/// The folder of the checks; folders in it are not looked into.
pub const CHECKS: &str = ".agents/checks/";
/// What all reviewers of a repository are told.
pub const GUIDE: &str = ".agents/REVIEW.md";
/// What all agents are told that work in a folder.
pub const AGENTS: &str = "AGENTS.md";

/// Files and folders from which agents take instructions by themselves, beside these.
const OF_AGENTS: [&str; 6] =
    ["CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", "AGENTS.override.md", "opencode.json", ".mcp.json"];
const FOLDERS_OF_AGENTS: [&str; 5] = [".claude", ".codex", ".gemini", ".opencode", ".pi"];

/// The most bytes of one file that are read.
pub const MAX_RULE: usize = 16 * 1024;
/// The most bytes of all of them together, and how many they may be.
const MAX_ALL: usize = 64 * 1024;
const MAX_RULES: usize = 50;
/// The most folders above the changed files in which rules are looked for.
const MAX_FOLDERS: usize = 400;
/// The most characters of a path that is told.
const MAX_PATH: usize = 200;
/// The most paths that a note names.
const MAX_NAMED: usize = 8;

/// A file with rules, as it stood before the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    pub path: String,
    /// At most one byte more than [`MAX_RULE`].
    pub text: String,
    /// The change has another text in it, or none.
    pub is_changed: bool,
}

/// One file of rules that hold for a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub path: String,
    /// What a check is called.
    pub name: Option<String>,
    pub severity: Option<Severity>,
    /// Globs of what it is for; empty for everything.
    pub paths: Vec<String>,
    pub text: String,
}

/// The rules that hold for a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub rules: Vec<Rule>,
    /// Paths of rules that the change writes, so that they hold after it and not for it.
    pub rewritten: Vec<String>,
    /// Sentences on what was read, and on what was left out.
    pub notes: Vec<String>,
}

/// Returns where the rules for some changed files may lie, beside the checks: the repository's own first, then folder by
/// folder down to the files.
pub fn places(changed: &[String]) -> Vec<String> {
    let mut folders: BTreeSet<(usize, &str)> = BTreeSet::new();
    for path in changed {
        let ends = path.match_indices('/').map(|(at, _)| at);
        folders.extend(ends.enumerate().map(|(depth, at)| (depth, &path[..at])));
        if folders.len() > MAX_FOLDERS {
            break;
        }
    }
    let of_folder = |(_, folder): (usize, &str)| format!("{folder}/{AGENTS}");
    let own = [GUIDE, AGENTS].map(str::to_owned);
    own.into_iter().chain(folders.into_iter().take(MAX_FOLDERS).map(of_folder)).collect()
}

impl Rules {
    /// Takes what was read: the files before the change, in the order in which they count, and the paths of those that
    /// only the change has.
    pub fn of(files: Vec<RuleFile>, new: &[String], changed: &[String]) -> Rules {
        let mut rules = Rules::default();
        let (mut left, mut out) = (MAX_ALL, Vec::new());
        let mut read = 0;
        for file in files {
            let path = clean_line(&file.path, MAX_PATH);
            if file.is_changed {
                rules.rewritten.push(path.clone());
            }
            let rule = match rules.rule(&file, &path, changed) {
                Some(rule) if !rule.text.is_empty() => rule,
                _ => continue,
            };
            if rule.text.len() > left || read == MAX_RULES {
                out.push(path);
                continue;
            }
            left -= rule.text.len();
            read += 1;
            rules.rules.push(rule);
        }
        let of_agents = changed.iter().filter(|path| instructs_agents(path));
        rules.rewritten.extend(new.iter().chain(of_agents).map(|path| clean_line(path, MAX_PATH)));
        rules.tell(&out);
        rules
    }

    /// Reads one file; `None` where it is for none of the changed files.
    fn rule(&mut self, file: &RuleFile, path: &str, changed: &[String]) -> Option<Rule> {
        let check = match file.path.starts_with(CHECKS) {
            true => read_check(&file.text),
            false => CheckFile { body: file.text.trim().to_owned(), ..CheckFile::default() },
        };
        let folder = file.path.strip_suffix(AGENTS).filter(|folder| !folder.is_empty());
        let written: Vec<&str> = check.paths.iter().map(String::as_str).chain(folder).collect();
        let mut paths: Vec<String> = written.iter().map(|glob| clean_line(glob, MAX_PATH)).collect();
        match Bounds::read(&written) {
            Ok(globs) if !written.is_empty() && !changed.iter().any(|path| globs.allows(path)) => {
                return None;
            }
            // One that nobody can read must not let a file go unchecked.
            Err(why) if folder.is_none() => {
                self.notes.push(clean_line(&format!("{path}: {why}; it counts for every file"), 300));
                paths.clear();
            }
            Ok(_) | Err(_) => {}
        }
        if check.body.len() > MAX_RULE {
            self.notes.push(format!("{path} is longer than the {} KiB that are read", MAX_RULE / 1024));
        }
        Some(Rule {
            path: path.to_owned(),
            name: check.name.map(|name| clean_line(&name, 100)),
            severity: check.severity,
            paths,
            text: clean_text(&check.body, MAX_RULE),
        })
    }

    fn tell(&mut self, out: &[String]) {
        let paths: Vec<String> = self.rules.iter().map(|rule| rule.path.clone()).collect();
        if !paths.is_empty() {
            let word = if paths.len() == 1 { "file" } else { "files" };
            self.notes.insert(0, format!("rules of {} {word}: {}", paths.len(), named(&paths)));
        }
        if !self.rewritten.is_empty() {
            let paths = named(&self.rewritten);
            self.notes.push(format!("the change writes rules itself, which do not hold for it yet: {paths}"));
        }
        if !out.is_empty() {
            let note = format!("more rules than reviewers are told, left out: {}", named(out));
            self.notes.push(note);
        }
    }
}

/// Tells whether an agent may take a file for instructions although nobody has told it to.
fn instructs_agents(path: &str) -> bool {
    let mut parts = path.split('/').rev();
    parts.next().is_some_and(|name| OF_AGENTS.contains(&name))
        || parts.any(|folder| FOLDERS_OF_AGENTS.contains(&folder))
}

fn named(paths: &[String]) -> String {
    let named: Vec<&str> = paths.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = match paths.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str, is_changed: bool) -> RuleFile {
        RuleFile { path: path.into(), text: text.into(), is_changed }
    }

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn rules_lie_at_the_top_and_in_every_folder_above_a_changed_file() {
        let places = places(&texts(&["a/b/c.rs", "a/x.rs", "top.rs", "d/y.rs"]));
        let expected = [".agents/REVIEW.md", "AGENTS.md", "a/AGENTS.md", "d/AGENTS.md", "a/b/AGENTS.md"];
        assert_eq!(places, expected);
        let deep: Vec<String> = (0..10_000).map(|at| format!("f{at}/x")).collect();
        assert_eq!(super::places(&deep).len(), MAX_FOLDERS + 2);
    }

    #[test]
    fn a_rule_counts_where_a_file_it_is_for_has_changed() {
        let sql = "---\nname: SQL\nseverity: high\npaths: [\"*.sql\"]\n---\nNo loops.";
        let odd = "---\nname: Odd\npaths: [\"/etc/*\"]\n---\nLook.";
        let files = || {
            vec![
                file(".agents/REVIEW.md", "Be kind.", false),
                file(".agents/checks/odd.md", odd, false),
                file(".agents/checks/sql.md", sql, true),
                file("AGENTS.md", " \n", false),
                file("a/AGENTS.md", "Here we use tabs.", false),
            ]
        };
        let rules = Rules::of(files(), &texts(&["b/AGENTS.md"]), &texts(&["x.sql"]));
        let seen: Vec<(&str, Option<Severity>, usize)> =
            rules.rules.iter().map(|rule| (rule.text.as_str(), rule.severity, rule.paths.len())).collect();
        assert_eq!(
            seen,
            [("Be kind.", None, 0), ("Look.", None, 0), ("No loops.", Some(Severity::Error), 1)]
        );
        assert_eq!(rules.rewritten, [".agents/checks/sql.md", "b/AGENTS.md"]);
        assert_eq!(
            rules.notes[0],
            "rules of 3 files: .agents/REVIEW.md, .agents/checks/odd.md, .agents/checks/sql.md"
        );
        assert!(rules.notes[1].contains("it counts for every file"), "{:?}", rules.notes);
        assert!(rules.notes[2].contains("do not hold for it yet: .agents/checks/sql.md, b/AGENTS.md"));
        let told = texts(&["a/CLAUDE.md", ".claude/rules/x.md", "docs/claude.md", ".pi"]);
        assert_eq!(Rules::of(vec![], &[], &told).rewritten, ["a/CLAUDE.md", ".claude/rules/x.md"]);
        let inside = Rules::of(files(), &[], &texts(&["a/b/x.rs"]));
        assert_eq!(inside.rules.last().unwrap().text, "Here we use tabs.");
        assert_eq!(Rules::of(vec![], &[], &[]), Rules::default());
    }

    #[test]
    fn rules_are_bounded_and_clean() {
        let long = format!("{}\u{1b}[31m", "x".repeat(MAX_RULE));
        let many: Vec<RuleFile> =
            (0..60).map(|at| file(&format!(".agents/checks/{at}.md"), &long, false)).collect();
        let rules = Rules::of(many, &[], &[]);
        assert_eq!(rules.rules.len(), 4);
        assert!(rules.rules.iter().all(|rule| rule.text.len() <= MAX_RULE && !rule.text.contains('\u{1b}')));
        assert!(rules.notes.last().unwrap().contains("and 48 more"), "{:?}", rules.notes.last());
        let small: Vec<RuleFile> =
            (0..60).map(|at| file(&format!(".agents/checks/{at}.md"), "x", false)).collect();
        assert_eq!(Rules::of(small, &[], &[]).rules.len(), MAX_RULES);
    }
}
