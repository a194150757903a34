//! A check of a repository: what its reviews are to look for, as Markdown with a head that other programs read too.

use super::front_matter;
use super::report::Report;
use crate::domain::finding::Severity;

/// What a check file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckFile {
    pub name: Option<String>,
    /// How grave what it looks for is.
    pub severity: Option<Severity>,
    /// Globs of the files that it is for; without any, for all.
    pub paths: Vec<String>,
    pub body: String,
}

/// The words that other programs use for how grave something is, beside our own.
const WORDS: [(&str, Severity); 8] = [
    ("blocker", Severity::Blocker),
    ("critical", Severity::Blocker),
    ("error", Severity::Error),
    ("high", Severity::Error),
    ("warning", Severity::Warning),
    ("medium", Severity::Warning),
    ("info", Severity::Info),
    ("low", Severity::Info),
];

/// Reads a check file. One without a head is all body; what a head says beside these keys is for others.
pub fn read_check(text: &str) -> CheckFile {
    let Some(document) = front_matter::read_leniently(text) else {
        return CheckFile { body: text.trim().to_owned(), ..CheckFile::default() };
    };
    let (mut head, body) = (document.head, document.body);
    let mut ignored = Report::new("");
    let name = head.text(&["name"], &mut ignored).filter(|name| !name.trim().is_empty());
    let grave = head.text(&["severity", "severity-default"], &mut ignored).unwrap_or_default().to_lowercase();
    let severity = WORDS.into_iter().find(|(word, _)| *word == grave.trim()).map(|(_, severity)| severity);
    let paths = head.list(&["paths", "globs"], &mut ignored);
    CheckFile { name, severity, paths, body: body.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_what_it_is_for_and_how_grave_that_is() {
        let written = "---\nname: SQL\ndescription: Looks at queries\nseverity: error\npaths:\n  - src/db/**\n  - \"*.sql\"\nmodel: x\n---\n\nNo string building.\n";
        let read = read_check(written);
        assert_eq!((read.name.as_deref(), read.severity), (Some("SQL"), Some(Severity::Error)));
        assert_eq!((read.paths.len(), read.paths[1].as_str()), (2, "*.sql"));
        assert_eq!(read.body, "No string building.");
        let others = read_check("---\nname: SQL\nseverity-default: critical\npaths: a/, b/\n---\nx");
        assert_eq!((others.severity, others.paths.len()), (Some(Severity::Blocker), 2));
        let plain = read_check("Look out.\n");
        assert_eq!(plain, CheckFile { body: "Look out.".into(), ..CheckFile::default() });
        assert_eq!(read_check("---\nseverity: odd\n---\n").severity, None);
    }
}
