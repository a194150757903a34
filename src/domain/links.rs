//! The names of folders that a worktree borrows from the user's own tree: `node_modules`, `target`.
//!
//! A name is a path inside the repository, since a link is made of it in a folder that an agent may change.

use std::collections::BTreeSet;

/// The most characters of one name.
const MAX_NAME: usize = 400;

/// Folders that decide what git and crew do, and so are never shared.
const KEPT_APART: [&str; 2] = [".git", ".crew"];

/// Returns the names as they are kept, without a `/` at the end, or says what is wrong with them.
pub fn read<S: AsRef<str>>(names: &[S]) -> Result<Vec<String>, String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        let name = read_one(name.as_ref())?;
        if let Some(known) = kept.iter().find(|known| is_below(known, &name) || is_below(&name, known)) {
            return Err(match *known == name {
                true => format!("`{name}` stands there twice"),
                false => format!("of `{known}` and `{name}` one lies inside the other"),
            });
        }
        kept.push(name);
    }
    Ok(kept)
}

fn read_one(name: &str) -> Result<String, String> {
    let plain = name.trim().trim_end_matches('/');
    let wrong = |why: &str| Err(format!("`{name}` {why}"));
    if name.trim().starts_with('/') {
        return wrong("is an absolute path, and only what is inside the repository can be linked");
    }
    if plain.is_empty() || plain.chars().count() > MAX_NAME {
        return wrong("is no name of a folder");
    }
    if plain.chars().any(char::is_control) {
        return wrong("holds a control character");
    }
    let mut parts = plain.split('/');
    if parts.clone().any(|part| part == "..") {
        return wrong("leads out of the repository");
    }
    if parts.clone().any(|part| part.is_empty() || part == ".") {
        return wrong("is no plain path, as in `web/node_modules`");
    }
    // On a disk that ignores case `.GIT` is the same folder.
    if parts.any(|part| KEPT_APART.iter().any(|apart| part.eq_ignore_ascii_case(apart))) {
        return wrong("belongs to git or crew, and is never shared");
    }
    Ok(plain.to_owned())
}

/// Tells whether a path is another one or lies inside it.
fn is_below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Puts the names of several places together: each once, and nothing that lies inside another one.
pub fn together<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let all: BTreeSet<&String> = names.into_iter().collect();
    let covered = |name: &str| all.iter().any(|other| *other != name && is_below(name, other));
    all.iter().filter(|name| !covered(name)).map(|name| (*name).clone()).collect()
}

/// Returns the line of an ignore file that hides a link: a name is written so that git takes nothing in it for a pattern.
pub fn ignore_line(name: &str) -> String {
    let mut line = String::from("/");
    for letter in name.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\' | '!' | '#' | ' ') {
            line.push('\\');
        }
        line.push(letter);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths_inside_the_repository() {
        assert_eq!(read(&["node_modules/", "web/target"]).unwrap(), ["node_modules", "web/target"]);
        for (name, words) in [
            ("/etc", "absolute path"),
            ("../x", "leads out"),
            ("a/../../x", "leads out"),
            ("", "no name"),
            ("./x", "no plain path"),
            ("a//b", "no plain path"),
            (".git", "never shared"),
            ("web/.GIT/hooks", "never shared"),
            (".crew/runs", "never shared"),
            ("a\u{1b}b", "control character"),
        ] {
            let told = read(&[name]).unwrap_err();
            assert!(told.contains(words), "{name}: {told}");
        }
    }

    #[test]
    fn a_name_inside_another_is_told_where_both_were_written_and_covered_elsewhere() {
        assert!(read(&["a", "a"]).unwrap_err().contains("twice"));
        assert!(read(&["a/b", "a"]).unwrap_err().contains("one lies inside the other"));
        assert!(read(&["a/b", "a/bc", "ab"]).is_ok());
        let names = ["a/b", "target", "a", "target", "ab"].map(str::to_owned);
        assert_eq!(together(&names), ["a", "ab", "target"]);
    }

    #[test]
    fn an_ignore_line_holds_no_pattern() {
        assert_eq!(ignore_line("a b/[x]*"), "/a\\ b/\\[x\\]\\*");
    }
}
