//! Conflict markers that a merge left behind.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths;
use crate::review::remark::Remark;
use regex::bytes::Regex;
use std::sync::LazyLock;

static OPENS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m-u)^[<>]{7}[ \t\r\n]").expect("a fixed pattern"));

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
    file.keep(groups.map(|group| remark(file, &group)))
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
            _ => {}
        }
    }
    groups.extend(open);
    groups
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

fn remark(file: &FileUnderReview<'_>, group: &Group) -> Remark {
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
    fn headings_and_examples_in_documents_are_no_conflict() {
        assert_eq!(found("a.rst", "Heading\n=======\n\ntext\n"), []);
        assert_eq!(found("a.md", "    @<<<<<<< HEAD\n    a\n    @=======\n    b\n    @>>>>>>> x\n"), []);
        assert_eq!(found("a.md", ">>>>>>> a deep quotation\n"), []);
        assert_eq!(found("a.txt", "<<<<<<<<<<<<\n"), []);
    }
}
