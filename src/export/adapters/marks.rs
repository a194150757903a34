//! How crew knows again what it wrote into other programs' files, and whether somebody has changed it since.
//!
//! A mark holds the SHA-256 of all that it stands for, itself included, with zeros in the place of the sum. How lines end does
//! not count: git may check a file out with other ends than were written.

use crate::domain::resources::{EXPORT_MARK, ExportMark};
use crate::store::artifacts::sha256;
use std::ops::Range;

const SUM: &str = ExportMark::SUM;
/// Stands for the sum while that is made.
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";
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

/// Returns the line that marks a file of crew's own, without its sum. The path is none with spaces in it.
pub fn mark(comment: Comment, tool: &str, path: &str) -> String {
    marking(comment, tool, &format!("{}{path}", ExportMark::FILE))
}

fn marking(comment: Comment, tool: &str, file: &str) -> String {
    let words = format!(
        "{EXPORT_MARK} {tool}{SUM}{NO_SUM}{file} `crew export --agents {tool}` writes this anew; change .crew/agents instead"
    );
    match comment {
        Comment::Markdown => format!("<!-- {words} -->"),
        Comment::Toml => format!("# {words}"),
    }
}

/// Puts the sum into a text that holds a tool's mark without it. What else in it looks like a sum stays as it is.
pub fn summed(text: &str, tool: &str) -> String {
    let mark = ExportMark::find(text, tool);
    mark.map_or_else(|| text.to_owned(), |mark| with_sum(text, mark.sum, &sum_of(text)))
}

fn with_sum(text: &str, place: Range<usize>, sum: &str) -> String {
    format!("{}{sum}{}", &text[..place.start], &text[place.end..])
}

/// Returns the sum of a text that holds none yet.
fn sum_of(text: &str) -> String {
    sha256(format!("{}\n", text.trim_end().replace("\r\n", "\n")).as_bytes())
}

/// Returns a section with its marks.
pub fn section(tool: &str, body: &str) -> String {
    summed(&format!("{}\n\n{}\n\n{END}\n", marking(Comment::Markdown, tool, ""), body.trim()), tool)
}

/// Looks whether what lies at a path is crew's own. What was written into another file is not, wherever it was copied to.
pub fn find_file<'a>(text: &'a str, tool: &str, path: &str) -> Found<'a> {
    match ExportMark::find(text, tool) {
        Some(mark) if mark.file.is_none_or(|written| written == path) => judged(text, mark.sum),
        _ => Found::Nothing,
    }
}

/// Looks for the section in a file that others write too. Marks are lines of their own: what quotes them is no mark.
pub fn find_section<'a>(text: &'a str, tool: &str) -> Found<'a> {
    let begins = format!("<!-- {EXPORT_MARK} {tool} ");
    let (mut at, mut beginnings, mut ends) = (0, Vec::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        if line.trim_start_matches('\u{feff}').starts_with(&begins) {
            beginnings.push(at + line.find('<').unwrap_or_default());
        }
        at += line.len();
        if line.trim() == END {
            ends.push(at);
        }
    }
    match (&beginnings[..], &ends[..]) {
        ([], []) => Found::Nothing,
        ([begin], [end]) if begin < end => {
            let section = &text[*begin..*end];
            match ExportMark::find(section, tool) {
                Some(mark) => judged(section, mark.sum),
                None => Found::Edited(section),
            }
        }
        // Of two, nobody knows which one counts, and what stands behind a beginning without an end may be anybody's.
        _ => Found::Broken,
    }
}

/// Tells whether two texts are the same but for how their lines end.
pub fn is_same(one: &str, other: &str) -> bool {
    let lines = |text: &str| text.trim_end().replace("\r\n", "\n");
    one == other || lines(one) == lines(other)
}

/// Returns a text whose lines end as those of another one do.
pub fn ending_like(there: &str, text: &str) -> String {
    let ends = |end: &str| there.matches(end).count();
    match ends("\r\n") * 2 > ends("\n") {
        true => text.replace('\n', "\r\n"),
        false => text.to_owned(),
    }
}

/// Judges what bears a mark whose sum stands there.
fn judged(text: &str, place: Range<usize>) -> Found<'_> {
    let sum = &text[place.clone()];
    if sum.len() == NO_SUM.len() && sum_of(&with_sum(text, place, NO_SUM)) == sum {
        Found::Whole(text)
    } else {
        Found::Edited(text)
    }
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
        assert_eq!(find_section(&file, "gemini"), Found::Broken, "it ends a section that is not there");
        assert_eq!(find_section(&file.replace(END, ""), "codex"), Found::Broken);
        assert_eq!(find_section(&format!("{file}{section}"), "codex"), Found::Broken);
        assert_eq!(find_section(&format!("{file}{END}\n"), "codex"), Found::Broken);
        assert_eq!(find_section(&section[section.find('\n').unwrap()..], "codex"), Found::Broken);
        assert!(matches!(find_section(&file.replace("sha256=", "sha1="), "codex"), Found::Edited(_)));
        let quoted = format!("`<!-- crew:export codex sha256=` begins it, `{END}` ends it\n{file}");
        assert_eq!(find_section(&quoted, "codex"), Found::Whole(&section));
    }

    #[test]
    fn how_lines_end_is_no_change() {
        let section = section("codex", "# Crew\n\nwords");
        let file = format!("# Mine\n\n{section}\nmore of mine\n");
        let (windows, cut) = (file.replace('\n', "\r\n"), section.trim_end());
        assert!(matches!(find_section(&windows, "codex"), Found::Whole(found) if is_same(found, &section)));
        assert!(matches!(find_section(cut, "codex"), Found::Whole(found) if is_same(found, &section)));
        assert!(matches!(find_section(&windows.replace("words", "others"), "codex"), Found::Edited(_)));
        assert_eq!(ending_like(&windows, "a\nb\n"), "a\r\nb\r\n");
        assert_eq!(ending_like("a\nb\r\nc\n", "a\nb\n"), "a\nb\n");
    }

    #[test]
    fn what_looks_like_a_sum_in_the_head_is_left_alone() {
        let path = ".claude/agents/crew-a.md";
        let head = format!("---\nname: crew-a\ndescription: \"as{SUM}{NO_SUM} says\"\n---\n");
        let mark = mark(Comment::Markdown, "claude", path);
        let file = summed(&format!("{head}{mark}\n\nwords{SUM}{NO_SUM}\n"), "claude");
        assert!(file.starts_with(&head) && file.ends_with(&format!("words{SUM}{NO_SUM}\n")), "{file}");
        assert_eq!(find_file(&file, "claude", path), Found::Whole(&file));
        let edited = file.replacen("words", "others", 1);
        assert_eq!(find_file(&edited, "claude", path), Found::Edited(&edited));
    }

    #[test]
    fn a_file_is_crews_own_by_its_mark_alone_and_only_where_crew_wrote_it() {
        let path = ".gemini/commands/crew/a.toml";
        let file = summed(&format!("{}\nprompt = \"x\"\n", mark(Comment::Toml, "gemini", path)), "gemini");
        let found = |text: &str| match find_file(text, "gemini", path) {
            Found::Whole(_) => "whole",
            Found::Edited(_) => "edited",
            Found::Nothing => "nothing",
            Found::Broken => "broken",
        };
        assert_eq!(found(&file), "whole");
        assert_eq!(found(&file.replace("= \"x", "= \"y")), "edited");
        assert_eq!(found(&format!("{file}# mine\n")), "edited");
        assert_eq!(found("prompt = \"x\"\n"), "nothing");
        assert_eq!(found(&format!("prompt = \"x\"\n{file}")), "nothing", "it quotes one");
        assert_eq!(
            find_file(&file, "gemini", ".gemini/commands/b.toml"),
            Found::Nothing,
            "a copy is not crew's"
        );
        assert_eq!(found(&file.replace("crew/a.toml", "crew/b.toml")), "nothing");
        // As it was written before it told its file.
        let old = summed(&format!("{}\nprompt = \"x\"\n", marking(Comment::Toml, "gemini", "")), "gemini");
        assert_eq!(found(&old), "whole");
        assert_eq!(found(&old.replace("= \"x", "= \"y")), "edited");
    }
}
