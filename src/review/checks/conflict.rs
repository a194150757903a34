//! Conflict markers that a merge left behind.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::language::Language;
use crate::review::paths;
use crate::review::remark::Remark;
use crate::review::scan::Kind;
use regex::bytes::Regex;
use std::sync::LazyLock;

static OPENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m-u)^(?:[<>|]{7}[ \t\r\n]|={7}\r?$)").expect("a fixed pattern"));

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Ours,
    Base,
    Split,
    Theirs,
}

/// Reports each group of markers, and single ones that were left of a group.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    if file.binary || !OPENS.is_match(file.bytes) {
        return Vec::new();
    }
    let groups = groups(file).into_iter().filter(|group| file.touches(group.first, group.last));
    // In prose a single row of signs is a quotation or a drawing.
    let groups = groups.filter(|group| group.whole || !paths::is_prose(file.path()));
    let fences = fences(file);
    file.keep(groups.filter_map(|group| {
        let shown = is_shown(file, &group, &fences);
        // A test that is about merges has them in its texts, and so has a page that explains them.
        let about =
            || paths::is_test(file.path()) || paths::is_prose(file.path()) || in_rust_test(file, &group);
        (!(shown && about())).then(|| remark(file, &group, shown))
    }))
}

/// Decides whether a file holds a whole group of markers.
pub fn has_conflict(file: &FileUnderReview<'_>) -> bool {
    OPENS.is_match(file.bytes) && groups(file).iter().any(|group| group.whole)
}

struct Group {
    first: u32,
    last: u32,
    /// Whether both ends are there.
    whole: bool,
}

fn groups(file: &FileUnderReview<'_>) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut open: Option<Group> = None;
    for number in 1..=file.line_count() {
        match (marker(file.line(number)), &mut open) {
            (Some(Marker::Ours), _) => {
                groups.extend(open.replace(Group { first: number, last: number, whole: false }));
            }
            (Some(Marker::Theirs), Some(_)) => {
                groups.extend(open.take().map(|group| Group { last: number, whole: true, ..group }));
            }
            (Some(Marker::Theirs), None) => groups.push(Group { first: number, last: number, whole: false }),
            (Some(Marker::Base | Marker::Split), Some(group)) => group.last = number,
            (Some(Marker::Base | Marker::Split), None) if is_code(file, number) => {
                groups.push(Group { first: number, last: number, whole: false });
            }
            _ => {}
        }
    }
    groups.extend(open);
    groups
}

/// Decides whether a row of signs stands where a program can't have one: in the code of a language of which strings
/// and comments are known for sure.
fn is_code(file: &FileUnderReview<'_>, number: u32) -> bool {
    const SURE: [Language; 8] = [
        Language::Rust,
        Language::Script,
        Language::Python,
        Language::Go,
        Language::Java,
        Language::JavaLike,
        Language::CSharp,
        Language::C,
    ];
    let known = file.language.is_some_and(|language| SURE.contains(&language));
    known
        && !file.is_too_long_for_code()
        && file.start(number).is_some_and(|start| file.kind_at(start).is_none())
}

/// Decides whether a whole group stands in one string of a program, or in one block of code in Markdown.
fn is_shown(file: &FileUnderReview<'_>, group: &Group, fences: &[u32]) -> bool {
    if !group.whole {
        return false;
    }
    if paths::is_markdown(file.path()) {
        let before = fences.partition_point(|line| *line < group.first);
        return before % 2 == 1 && fences.get(before).is_none_or(|line| group.last < *line);
    }
    let (Some(first), Some(last)) = (file.start(group.first), file.start(group.last)) else { return false };
    file.span_at(first).is_some_and(|span| span.kind == Kind::Text && last < span.end)
}

/// Returns the lines at which blocks of code begin and end in Markdown.
fn fences(file: &FileUnderReview<'_>) -> Vec<u32> {
    let is_fence = |line: &u32| {
        let text = file.line(*line).trim_ascii_start();
        text.starts_with(b"```") || text.starts_with(b"~~~")
    };
    if paths::is_markdown(file.path()) {
        (1..=file.line_count()).filter(is_fence).collect()
    } else {
        Vec::new()
    }
}

fn in_rust_test(file: &FileUnderReview<'_>, group: &Group) -> bool {
    if file.language != Some(Language::Rust) {
        return false;
    }
    let items = file.rust_tests();
    let at = items.partition_point(|(_, last)| *last < group.last);
    items.get(at).is_some_and(|(first, _)| *first <= group.first)
}

fn marker(line: &[u8]) -> Option<Marker> {
    let (sign, rest) = line.split_at_checked(7)?;
    let labelled = rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"\t");
    match sign {
        b"<<<<<<<" if labelled => Some(Marker::Ours),
        b"|||||||" if labelled => Some(Marker::Base),
        b"=======" if rest.is_empty() => Some(Marker::Split),
        b">>>>>>>" if labelled => Some(Marker::Theirs),
        _ => None,
    }
}

fn remark(file: &FileUnderReview<'_>, group: &Group, shown: bool) -> Remark {
    if shown {
        let body = "The rows of signs of a merge conflict stand in a string. Where they are not what the program is about, \
                    a conflict was never settled.";
        let title = "Conflict markers in a string";
        return Remark::at(group.first, Severity::Warning, title, body).to(group.last).sure(0.5);
    }
    let title = if group.whole { "Unresolved merge conflict" } else { "Conflict marker left behind" };
    let body = if paths::is_lock(file.path()) {
        "A tool writes this file, so the conflict can't be settled by hand. Take either side whole, then let the tool \
         write the file again from its manifest."
    } else {
        "The file holds both sides of a merge and can't be used as it is. Decide what each part should say and take \
         the marker lines out."
    };
    Remark::at(group.first, Severity::Blocker, title, body).to(group.last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    fn found(path: &str, text: &str) -> Vec<(u32, u32)> {
        let text = text.replace('@', "");
        let origin = whole(path, text.as_bytes());
        check(&FileUnderReview::new(&origin, text.as_bytes())).iter().map(|remark| remark.lines).collect()
    }

    #[test]
    fn a_group_is_one_remark_from_its_first_marker_to_its_last() {
        let text = "a\n@<<<<<<< HEAD\nb\n@||||||| base\n@=======\nc\n@>>>>>>> x\nd\n";
        assert_eq!(found("a.rs", text), [(2, 7)]);
        assert_eq!(found("a.rs", &text.replace('\n', "\r\n")), [(2, 7)]);
    }

    #[test]
    fn half_of_a_group_is_still_found() {
        assert_eq!(found("a.rs", "a\n@>>>>>>> x\n"), [(2, 2)]);
        assert_eq!(found("a.rs", "@<<<<<<< ours\na\n@=======\nb\n"), [(1, 3)]);
    }

    #[test]
    fn a_row_that_is_left_of_a_settled_one_is_found_in_code_alone() {
        assert_eq!(found("a.go", "package a\n@=======\nvar b = 1\n@|||||||\n"), [(2, 2), (4, 4)]);
        assert_eq!(found("a.go", "package a\n\n/*\nHeading\n@=======\n*/\nvar b = `\n@=======\n`\n"), []);
        assert_eq!(found("a.rb", "=begin\nHeading\n@=======\n=end\n"), []);
    }

    #[test]
    fn a_conflict_that_is_shown_is_none() {
        let group = "@<<<<<<< ours\na\n@=======\nb\n@>>>>>>> theirs\n";
        assert_eq!(found("tests/a.py", &format!("TEXT = '''\n{group}'''\n")), []);
        assert_eq!(
            found("src/a.rs", &format!("#[cfg(test)]\nmod tests {{\nconst A: &str = \"\n{group}\";\n}}\n")),
            []
        );
        assert_eq!(found("docs/a.md", &format!("So:\n\n```\n{group}```\n")), []);
        assert_eq!(found("docs/a.md", &format!("```\na\n```\n{group}")), [(4, 8)]);
        assert_eq!(found("src/a.rs", &format!("const A: &str = \"\n{group}\";\n")), [(2, 6)]);
        assert_eq!(found("tests/a.py", &group.replace("a\n", "a = '''\n'''\n")), [(1, 6)]);
    }

    #[test]
    fn headings_and_examples_in_documents_are_no_conflict() {
        assert_eq!(found("a.rst", "Heading\n=======\n\ntext\n"), []);
        assert_eq!(found("a.md", "    @<<<<<<< HEAD\n    a\n    @=======\n    b\n    @>>>>>>> x\n"), []);
        assert_eq!(found("a.md", ">>>>>>> a deep quotation\n"), []);
        assert_eq!(found("a.txt", "<<<<<<<<<<<<\n"), []);
    }
}
