//! How crew knows again what it wrote into other programs' files, and whether somebody has changed it since.
//!
//! A mark holds the SHA-256 of all that it stands for, itself included, with zeros in the place of the sum.

use crate::domain::resources::EXPORT_MARK;
use crate::store::artifacts::sha256;

/// Stands for the sum while that is made.
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What comes before the sum.
const SUM: &str = " sha256=";
/// The last line of a section.
const END: &str = "<!-- crew:export end -->";

/// How a comment is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comment {
    Markdown,
    Toml,
}

/// What stands in a file of crew's own, or between its marks in a shared one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing of crew's.
    Nothing,
    /// As crew wrote it.
    Whole(&'a str),
    /// Crew wrote it, and somebody has changed it.
    Edited(&'a str),
    /// There is a mark, and what belongs to it is not there.
    Broken,
}

/// Returns the line that marks a file or the beginning of a section, without its sum.
pub fn mark(comment: Comment, tool: &str) -> String {
    let words = format!(
        "{EXPORT_MARK} {tool}{SUM}{NO_SUM} `crew export --agents {tool}` writes this anew; change .crew/agents instead"
    );
    match comment {
        Comment::Markdown => format!("<!-- {words} -->"),
        Comment::Toml => format!("# {words}"),
    }
}

/// Puts the sum into a text that holds a mark without it.
pub fn summed(text: &str) -> String {
    text.replacen(&format!("{SUM}{NO_SUM}"), &format!("{SUM}{}", sha256(text.as_bytes())), 1)
}

/// Returns a section with its marks.
pub fn section(tool: &str, body: &str) -> String {
    summed(&format!("{}\n\n{}\n\n{END}\n", mark(Comment::Markdown, tool), body.trim()))
}

/// Looks at a file that is crew's own.
pub fn find_file<'a>(text: &'a str, tool: &str) -> Found<'a> {
    match opening(text, tool) {
        None => Found::Nothing,
        Some(_) => judged(text),
    }
}

/// Looks for the section in a file that others write too.
pub fn find_section<'a>(text: &'a str, tool: &str) -> Found<'a> {
    let Some(at) = opening(text, tool) else { return Found::Nothing };
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let rest = &text[begin..];
    let Some(end) = rest.find(END) else { return Found::Broken };
    let end = end + END.len();
    let end = end + usize::from(rest[end..].starts_with('\n'));
    // Of two, nobody knows which one counts.
    match opening(&rest[end..], tool) {
        Some(_) => Found::Broken,
        None => judged(&rest[..end]),
    }
}

/// Returns where a mark of a tool begins.
fn opening(text: &str, tool: &str) -> Option<usize> {
    text.find(&format!("{EXPORT_MARK} {tool}{SUM}"))
}

fn judged(text: &str) -> Found<'_> {
    let sum = text.find(SUM).and_then(|at| text.get(at + SUM.len()..at + SUM.len() + NO_SUM.len()));
    let Some(sum) = sum else { return Found::Edited(text) };
    let without = text.replacen(&format!("{SUM}{sum}"), &format!("{SUM}{NO_SUM}"), 1);
    if sha256(without.as_bytes()) == sum { Found::Whole(text) } else { Found::Edited(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_between_the_marks_is_seen_and_what_stands_around_them_is_not_looked_at() {
        let section = section("codex", "# Crew\n\nwords");
        let file = format!("# Mine\n\n{section}\nmore of mine\n");
        assert_eq!(find_section(&file, "codex"), Found::Whole(&section));
        assert_eq!(find_section(&file.replace("more of", "all"), "codex"), Found::Whole(&section));
        assert!(matches!(find_section(&file.replace("words", "others"), "codex"), Found::Edited(_)));
        assert_eq!(find_section("# Mine\n", "codex"), Found::Nothing);
        assert_eq!(find_section(&file, "gemini"), Found::Nothing);
        assert_eq!(find_section(&file.replace(END, ""), "codex"), Found::Broken);
        assert_eq!(find_section(&format!("{file}{section}"), "codex"), Found::Broken);
    }

    #[test]
    fn a_file_is_crews_own_by_its_mark_alone() {
        let file = summed(&format!("{}\nprompt = \"x\"\n", mark(Comment::Toml, "gemini")));
        assert_eq!(find_file(&file, "gemini"), Found::Whole(&file));
        assert!(matches!(find_file(&file.replace("= \"x", "= \"y"), "gemini"), Found::Edited(_)));
        assert!(matches!(find_file(&format!("{file}# mine\n"), "gemini"), Found::Edited(_)));
        assert_eq!(find_file("prompt = \"x\"\n", "gemini"), Found::Nothing);
    }
}
