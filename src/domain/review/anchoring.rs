//! Where a finding belongs in a file: agents name lines, and get them wrong; what they quote is looked for.

use crate::domain::finding::fingerprint;
use std::collections::HashMap;

/// The most lines of a finding that its fingerprint is made of.
const MAX_ANCHORED_LINES: usize = 200;
/// A quote with fewer letters and digits is found in many places and tells nothing beyond the cited line.
const LEAST_TELLING: usize = 3;

/// How a place was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The quote stands at the cited line.
    AsCited,
    /// The quote stands elsewhere.
    Moved,
    /// Nothing was quoted, and the cited lines are there.
    Unquoted,
    /// It is about the file as a whole.
    Whole,
}

/// The lines that a finding is about, both included, from 1; zeros for the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub lines: (u32, u32),
    pub found: Found,
}

/// Why a finding has no place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nowhere {
    #[error("the quote does not stand in the file")]
    Quote,
    #[error("the quote stands at several places, and says too little to tell which is meant")]
    Little,
    #[error("the file has only {0} lines")]
    Line(u32),
}

/// A file's lines, ready to be looked through.
pub struct Text<'a> {
    lines: Vec<&'a str>,
    folded: Vec<String>,
}

impl<'a> Text<'a> {
    pub fn of(text: &'a str) -> Text<'a> {
        let lines: Vec<&str> = text.lines().collect();
        let folded = lines.iter().map(|line| fold(line)).collect();
        Text { lines, folded }
    }

    /// Finds the lines of a finding that cites `first` to `last` (zeros for none) and quotes something, or nothing.
    ///
    /// The quote decides: of the places where it stands, white space aside, the nearest to the cited line is meant.
    pub fn place(&self, (first, last): (u32, u32), quote: &str) -> Result<Place, Nowhere> {
        let wanted = quoted_lines(quote);
        let count = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        if wanted.is_empty() {
            return match first {
                0 => Ok(Place { lines: (0, 0), found: Found::Whole }),
                _ if first > count => Err(Nowhere::Line(count)),
                _ => Ok(Place { lines: (first, last.clamp(first, count)), found: Found::Unquoted }),
            };
        }
        let is_telling = wanted.iter().flat_map(|line| line.chars()).filter(|c| c.is_alphanumeric()).count();
        let starts = self.starts_of(&wanted);
        let is_only = starts.len() == 1;
        let near = starts.into_iter().min_by_key(|start| (start.abs_diff(first), *start));
        let Some(start) = near else { return Err(Nowhere::Quote) };
        let lines = (start, start + u32::try_from(wanted.len() - 1).unwrap_or(0));
        // One that says as little as `}` and stands at several places stands for the cited line or for nothing.
        let found = if (first..=last.max(first)).contains(&start) { Found::AsCited } else { Found::Moved };
        if found == Found::Moved && is_telling < LEAST_TELLING && !is_only {
            return Err(Nowhere::Little);
        }
        Ok(Place { lines, found })
    }

    /// Returns the lines at which a quote begins. The first and the last line of it may be parts of lines.
    fn starts_of(&self, wanted: &[String]) -> Vec<u32> {
        let matches = |start: usize| {
            wanted.iter().enumerate().all(|(at, line)| {
                self.folded.get(start + at).is_some_and(|there| match (at, wanted.len()) {
                    (_, 1) => there.contains(line.as_str()),
                    (0, _) => there.ends_with(line.as_str()),
                    (at, count) if at + 1 == count => there.starts_with(line.as_str()),
                    _ => there == line,
                })
            })
        };
        let last = (self.folded.len() + 1).saturating_sub(wanted.len());
        (0..last).filter(|start| matches(*start)).filter_map(|start| u32::try_from(start + 1).ok()).collect()
    }

    /// Returns the text of the lines of a place, as a fingerprint is made of it.
    fn anchored(&self, (first, last): (u32, u32)) -> String {
        let first = first.saturating_sub(1) as usize;
        let last = (last as usize).min(first + MAX_ANCHORED_LINES).min(self.lines.len());
        self.lines.get(first..last).unwrap_or_default().join("\n")
    }
}

/// Returns the lines of a quote with white space folded, without empty ones at both ends.
fn quoted_lines(quote: &str) -> Vec<String> {
    let lines: Vec<String> = quote.lines().map(fold).collect();
    let first = lines.iter().position(|line| !line.is_empty()).unwrap_or(lines.len());
    let last = lines.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
    lines[first..last].to_vec()
}

fn fold(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Gives the findings of one review their fingerprints; the same text in the same file is told apart by its order.
#[derive(Default)]
pub struct Fingerprints {
    given: HashMap<String, usize>,
}

impl Fingerprints {
    /// Returns the next fingerprint of a category at a place of a file.
    pub fn next(&mut self, category: &str, file: &str, text: &Text<'_>, place: &Place) -> String {
        let anchored = text.anchored(place.lines);
        let first = fingerprint(category, file, &anchored, 0);
        let ordinal = self.given.entry(first.clone()).or_default();
        let print = if *ordinal == 0 { first } else { fingerprint(category, file, &anchored, *ordinal) };
        *ordinal += 1;
        print
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "fn a() {\n    lock();\n    wait().await;\n}\n\nfn b() {\n    lock();\n}\n";

    fn place(lines: (u32, u32), quote: &str) -> Result<Place, Nowhere> {
        Text::of(CODE).place(lines, quote)
    }

    #[test]
    fn the_quote_decides_and_the_cited_line_tells_equal_places_apart() {
        let cases = [
            ((2, 2), "lock();", (2, 2), Found::AsCited),
            ((7, 7), "  lock();", (7, 7), Found::AsCited),
            ((6, 6), "lock();", (7, 7), Found::Moved),
            ((40, 40), "wait().await;", (3, 3), Found::Moved),
            ((0, 0), "wait()", (3, 3), Found::Moved),
            ((1, 9), "lock();\n    wait().await", (2, 3), Found::AsCited),
            ((3, 0), "\n\twait().await;\n\n", (3, 3), Found::AsCited),
            ((8, 8), "}", (8, 8), Found::AsCited),
        ];
        for (cited, quote, lines, found) in cases {
            assert_eq!(place(cited, quote), Ok(Place { lines, found }), "{cited:?} {quote:?}");
        }
    }

    #[test]
    fn a_quote_that_is_nowhere_is_refused_and_so_is_one_that_tells_nothing() {
        assert_eq!(place((2, 2), "unlock()"), Err(Nowhere::Quote));
        assert_eq!(place((2, 2), "}"), Err(Nowhere::Little));
        assert_eq!(place((2, 3), "lock();\nlock();"), Err(Nowhere::Quote));
    }

    #[test]
    fn without_a_quote_the_lines_have_to_be_there() {
        assert_eq!(place((0, 0), ""), Ok(Place { lines: (0, 0), found: Found::Whole }));
        assert_eq!(place((7, 99), " \n"), Ok(Place { lines: (7, 8), found: Found::Unquoted }));
        assert_eq!(place((9, 9), ""), Err(Nowhere::Line(8)));
    }

    #[test]
    fn equal_lines_of_a_file_get_fingerprints_of_their_own() {
        let (text, mut prints) = (Text::of(CODE), Fingerprints::default());
        let mut next =
            |line| prints.next("lock", "a.rs", &text, &Place { lines: (line, line), found: Found::AsCited });
        let (first, second) = (next(2), next(7));
        assert_ne!(first, second);
        // Unrelated lines above change neither of them.
        let moved = format!("// new\n\n{CODE}");
        let (text, mut prints) = (Text::of(&moved), Fingerprints::default());
        let mut next =
            |line| prints.next("lock", "a.rs", &text, &Place { lines: (line, line), found: Found::AsCited });
        assert_eq!((next(4), next(9)), (first, second));
    }
}
