//! The mark in files that crew writes for other programs, which says whose they are.
//!
//! It is the first line below a file's head, and names the file that it was written into: what only speaks of a mark, and a
//! copy under another name, are somebody else's.

use std::ops::Range;

/// What a mark begins with, in a comment of whatever language.
pub const EXPORT_MARK: &str = "crew:export";

/// A mark that was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportMark<'a> {
    /// The file that it was written into, relative to the repository; none in marks that told none yet.
    pub file: Option<&'a str>,
    /// Where in the text the sum stands, and what was put in its place.
    pub sum: Range<usize>,
}

impl<'a> ExportMark<'a> {
    /// What comes before the sum.
    pub const SUM: &'static str = " sha256=";
    /// What comes before the file's path.
    pub const FILE: &'static str = " file=";

    /// Finds the mark of a file that was written for a program.
    pub fn find(text: &'a str, tool: &str) -> Option<ExportMark<'a>> {
        let (at, line) = below_the_head(text)?;
        let words = line.strip_prefix("<!-- ").or_else(|| line.strip_prefix("# "))?;
        let of_tool = words.strip_prefix(EXPORT_MARK)?.strip_prefix(' ')?.strip_prefix(tool)?;
        let rest = of_tool.strip_prefix(Self::SUM)?;
        let sum = rest.split(' ').next().unwrap_or_default();
        let begin = at + line.len() - rest.len();
        let file = rest[sum.len()..].strip_prefix(Self::FILE).and_then(|named| named.split(' ').next());
        Some(ExportMark { file, sum: begin..begin + sum.len() })
    }
}

/// Returns the first line with words in it below the head, if there is one, and where it begins.
fn below_the_head(text: &str) -> Option<(usize, &str)> {
    let mut at = 0;
    let mut lines = text.split_inclusive('\n').map(|whole| {
        let line = whole.trim_end().trim_start_matches('\u{feff}');
        let begin = at + whole.trim_end().len() - line.len();
        at += whole.len();
        (begin, line)
    });
    let first = lines.find(|(_, line)| !line.is_empty())?;
    if first.1 != "---" {
        return Some(first);
    }
    lines.find(|(_, line)| *line == "---")?;
    lines.find(|(_, line)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_only_where_crew_puts_it() {
        let file = |text: &str| ExportMark::find(text, "claude").map(|mark| mark.file.map(str::to_owned));
        let mark = "<!-- crew:export claude sha256=ab file=.claude/agents/crew-a.md `crew` writes this -->";
        let named = Some(Some(".claude/agents/crew-a.md".to_owned()));
        assert_eq!(file(&format!("---\nname: a\n---\n{mark}\n\nwords")), named);
        assert_eq!(file(&format!("\u{feff}---\r\nname: a\r\n---\r\n\r\n{mark}\r\n")), named);
        assert_eq!(file(&mark.replace("<!-- ", "# ")), named);
        assert_eq!(file("<!-- crew:export claude sha256=ab `crew` writes this -->"), Some(None));
        for other in [
            format!("---\nname: a\n---\nWords.\n{mark}\n"),
            format!("---\nname: a\ndescription: {mark}\n---\nWords.\n"),
            format!("---\nname: a\n{mark}\n"),
            format!("It begins with `{mark}`"),
            mark.replace("claude", "claudette"),
            mark.replace("sha256=", "by "),
            String::new(),
        ] {
            assert_eq!(file(&other), None, "{other}");
        }
        let text = format!("\u{feff}{mark}");
        assert_eq!(&text[ExportMark::find(&text, "claude").unwrap().sum], "ab");
    }
}
