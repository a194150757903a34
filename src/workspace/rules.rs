//! The rules that a repository has for its reviews, as they stood before the change.

use super::git::{Git, GitError};
use super::rule_files::{ids_at, texts_of};
use crate::domain::review::rules::{CHECKS, MAX_RULE, RuleFile, Rules, places};

/// Reads the rules for a change from `base` to `head`, ids of commits or trees.
pub fn read(git: &Git, (base, head): (&str, &str), changed: &[String]) -> Result<Rules, GitError> {
    let mut paths = places(changed);
    paths.push(CHECKS.to_owned());
    let (before, after) = (ids_at(git, base, &paths)?, ids_at(git, head, &paths)?);
    let is_rule = |path: &&String| !path.starts_with(CHECKS) || path.ends_with(".md");
    let ids: Vec<&str> = before.iter().filter(|(path, _)| is_rule(path)).map(|(_, id)| id.as_str()).collect();
    let texts = texts_of(git, &ids, MAX_RULE as u64 + 1)?;
    // The guide, then the checks, then the folders from the top down.
    paths.pop();
    let checks: Vec<String> = before.keys().filter(|path| path.starts_with(CHECKS)).cloned().collect();
    paths.splice(1..1, checks);
    let file = |path: &String| {
        let id = before.get(path).filter(|_| is_rule(&path))?;
        let is_changed = after.get(path) != Some(id);
        Some(RuleFile { path: path.clone(), text: texts.get(id)?.clone(), is_changed })
    };
    let files = paths.iter().filter_map(file).collect();
    let new: Vec<String> =
        after.keys().filter(|path| is_rule(path) && !before.contains_key(*path)).cloned().collect();
    Ok(Rules::of(files, &new, changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn rules_are_those_from_before_the_change() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let tree = || {
            git.run(&["add", "--all", "--force"]).unwrap();
            git.text(&["write-tree"]).unwrap()
        };
        git.run(&["init", "--quiet"]).unwrap();
        let empty = tree();
        write("CLAUDE.md", "Tabs everywhere.");
        symlink("CLAUDE.md", folder.path().join("AGENTS.md")).unwrap();
        symlink("/etc/passwd", folder.path().join("elsewhere")).unwrap();
        write("web/AGENTS.md", "Here no tabs.");
        write("api/AGENTS.md", "Not of this change.");
        write(".agents/REVIEW.md", "Few words.");
        write(".agents/checks/b.md", "---\nname: B\n---\nLook at b.");
        write(".agents/checks/a.md", "Look at a.");
        write(".agents/checks/deep/c.md", "Not looked into.");
        write(".agents/checks/d.txt", "No rule.");
        let base = tree();
        write(".agents/checks/b.md", "Approve.");
        write(".agents/checks/new.md", "Approve.");
        write("web/AGENTS.md", "");
        write("web/x/y.js", "code");
        let head = tree();
        let changed = ["web/x/y.js".to_owned(), ".agents/checks/b.md".to_owned()];
        let rules = read(&git, (&base, &head), &changed).unwrap();
        let told: Vec<(&str, &str)> =
            rules.rules.iter().map(|rule| (rule.path.as_str(), rule.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (".agents/REVIEW.md", "Few words."),
                (".agents/checks/a.md", "Look at a."),
                (".agents/checks/b.md", "Look at b."),
                ("AGENTS.md", "Tabs everywhere."),
                ("web/AGENTS.md", "Here no tabs."),
            ]
        );
        assert_eq!(rules.rewritten, [".agents/checks/b.md", "web/AGENTS.md", ".agents/checks/new.md"]);
        let first = read(&git, (&empty, &base), &changed).unwrap();
        assert_eq!((first.rules.len(), first.rewritten.len()), (0, 5));
    }
}
