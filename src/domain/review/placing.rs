//! Findings get their places when they are handed in: where they belong, whether the change touched that, and by what each
//! is known again. Whoever hands them in says none of that for certain.

use super::anchoring::{Fingerprints, Found, Nowhere, Place, Text};
use crate::domain::finding::{Finding, MAX_BODY, Standing};
use crate::domain::quoted::{kept, quote, unquote};
use crate::domain::words::{clean_line, clean_text, is_clean};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What stands for the change as a whole where a file is to be named.
pub const WHOLE_CHANGE: &str = ".";
/// The most bytes of files that are looked through for the quotes of one review.
const MAX_LOOKED_THROUGH: u64 = 1 << 30;
/// How many misplaced findings are named at most.
const MAX_NAMED: usize = 5;

/// A file, as the reviewer had it before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSeen {
    pub content: Content,
    pub changed: Changed,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// It is binary, or too large to be looked through.
    NoText,
    /// There is no such file.
    Missing,
}

/// What the change did to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nobody knows.
    Unknown,
    Nothing,
    /// It is new or gone, or cannot be told line by line.
    All,
    /// First and last line of each stretch that was added or changed, or around what was taken out.
    Lines(Vec<(u32, u32)>),
}

/// How findings are to be placed.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// What the files are those of, in words: `commit 1a2b3c4`.
    pub of: String,
    /// Folders that paths may be named from, absolute.
    pub tops: Vec<String>,
    /// What each quotes, as it was said: in the findings, secrets are taken out.
    pub quotes: Vec<String>,
    /// They come from crew itself, which knows what it says.
    pub keeps_fingerprints: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// All of them; those without a place are about their file as a whole, and say so.
    pub findings: Vec<Finding>,
    pub misplaced: Vec<Misplaced>,
}

/// A finding without a place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("findings[{at}] ({cited}): {why}")]
pub struct Misplaced {
    /// From 0.
    pub at: usize,
    /// `src/a.rs:14`.
    pub cited: String,
    /// What is wrong, and what to do.
    pub why: String,
}

impl Placed {
    /// Names those without a place, in a sentence.
    pub fn in_words(&self) -> String {
        let named: Vec<String> = self.misplaced.iter().take(MAX_NAMED).map(Misplaced::to_string).collect();
        let more = self.misplaced.len().saturating_sub(MAX_NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        format!("{}{more}", named.join("; "))
    }
}

/// Returns the path of a file as it is named from the top of the repository, or why that is none.
pub fn path_of(written: &str, tops: &[String]) -> Result<String, &'static str> {
    let below = |top: &String| written.strip_prefix(top.as_str())?.strip_prefix('/');
    let path = tops.iter().find_map(below).unwrap_or(written);
    if path.starts_with('/') {
        return Err("the path is absolute; name it from the top of the repository");
    }
    if path.contains('\0') {
        return Err("no path has a zero in it");
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.iter().any(|part| *part == ".." || part.eq_ignore_ascii_case(".git")) {
        return Err("the path leads out of the repository's files; name it from the top of the repository");
    }
    Ok(if parts.is_empty() { WHOLE_CHANGE.to_owned() } else { parts.join("/") })
}

/// Returns the paths that somebody may mean, the likeliest first, or why there is none. Who has read git's words names a
/// file as git quotes it, and some put blanks around.
fn meant(written: &str, tops: &[String]) -> Result<Vec<String>, &'static str> {
    let mut paths = vec![path_of(written, tops)?];
    let is_quoted = written.starts_with('"') && written.ends_with('"') && written.contains('\\');
    let quoted = is_quoted.then(|| String::from_utf8_lossy(&unquote(written.as_bytes())).into_owned());
    for other in quoted.into_iter().chain([clean_line(written, usize::MAX)]) {
        paths.extend(path_of(&other, tops).ok().filter(|path| !paths.contains(path)));
    }
    Ok(paths)
}

/// Returns the paths of the files that findings name, or may mean, as far as they are any.
pub fn paths_of(findings: &[Finding], tops: &[String]) -> BTreeSet<String> {
    let paths = findings.iter().filter_map(|finding| meant(&finding.file, tops).ok());
    paths.flatten().filter(|path| path != WHOLE_CHANGE).collect()
}

/// Tells whether there is no such file, and was none before the change.
fn is_nowhere(seen: &FileSeen) -> bool {
    seen.content == Content::Missing && matches!(seen.changed, Changed::Nothing | Changed::Unknown)
}

/// Returns the path of a file that somebody named, of those that may be meant; nothing that does not show in a name which
/// is that of no file.
fn named<E>(meant: &[String], look: &mut impl FnMut(&str) -> Result<FileSeen, E>) -> Result<String, E> {
    let first = meant.first().map(String::as_str).unwrap_or_default();
    let clean = clean_line(first, usize::MAX);
    // One alone is looked at later, with all that is said of it.
    if meant.len() > 1 || clean != first {
        for path in meant {
            if path == WHOLE_CHANGE || !is_nowhere(&look(path)?) {
                return Ok(path.clone());
            }
        }
    }
    Ok(clean)
}

/// Finds the places of findings. `look` is asked for each file once, in the order of their paths; before that for those
/// that are named in doubt.
pub fn place_all<E>(
    findings: Vec<Finding>,
    order: &Order,
    mut look: impl FnMut(&str) -> Result<FileSeen, E>,
) -> Result<Placed, E> {
    let mut placed = Placed { findings, misplaced: Vec::new() };
    let mut by_file: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, finding) in placed.findings.iter_mut().enumerate() {
        match meant(&finding.file, &order.tops) {
            Ok(paths) => {
                let path = named(&paths, &mut look)?;
                finding.file = kept(&path).into_owned();
                by_file.entry(path).or_default().push(at);
            }
            Err(why) => {
                placed.misplaced.push(misplace(at, finding, why));
                WHOLE_CHANGE.clone_into(&mut finding.file);
                by_file.entry(WHOLE_CHANGE.to_owned()).or_default().push(at);
            }
        }
    }
    let mut work = Work { left: MAX_LOOKED_THROUGH, prints: Fingerprints::default() };
    for (path, them) in by_file {
        let seen = match path.as_str() {
            WHOLE_CHANGE => FileSeen { content: Content::NoText, changed: Changed::Unknown },
            path => look(path)?,
        };
        work.place_in(&seen, &them, order, &mut placed);
    }
    placed.misplaced.sort_by_key(|misplaced| misplaced.at);
    Ok(placed)
}

/// What goes from file to file.
struct Work {
    /// Bytes that may still be looked through.
    left: u64,
    prints: Fingerprints,
}

impl Work {
    /// Places the findings of one file, which are at these places of the list.
    fn place_in(&mut self, seen: &FileSeen, them: &[usize], order: &Order, placed: &mut Placed) {
        let text = match &seen.content {
            Content::Text(text) => shown(text),
            Content::NoText | Content::Missing => Cow::Borrowed(""),
        };
        let text = Text::of(&text);
        let size = match &seen.content {
            Content::Text(text) => text.len() as u64,
            Content::NoText | Content::Missing => 0,
        };
        let mut found: Vec<(Place, usize)> = Vec::with_capacity(them.len());
        for at in them.iter().copied() {
            let finding = &mut placed.findings[at];
            let place = match &seen.content {
                Content::NoText => Ok(WHOLE),
                // One that the change took away can be spoken of as a whole.
                Content::Missing if !is_nowhere(seen) => Ok(WHOLE),
                Content::Missing => {
                    let slash = if finding.file.contains('\\') {
                        "; the parts of a path are separated by /"
                    } else {
                        ""
                    };
                    Err(format!("it is not a file of {}; name one, or \".\" for all{slash}", order.of))
                }
                Content::Text(_) => match self.left.checked_sub(size) {
                    None => Err("so much cannot be looked through; hand in fewer findings".to_owned()),
                    Some(left) => {
                        self.left = left;
                        let quote = order.quotes.get(at).unwrap_or(&finding.quote);
                        text.place((finding.start_line, finding.end_line), quote).map_err(|no| why(no, order))
                    }
                },
            };
            let place = place.unwrap_or_else(|why| {
                placed.misplaced.push(misplace(at, finding, &why));
                WHOLE
            });
            found.push((place, at));
        }
        // Those of equal text are told apart by their order in the file, whoever names them first.
        found.sort_by_key(|(place, at)| (place.lines, *at));
        for (place, at) in found {
            let finding = &mut placed.findings[at];
            (finding.start_line, finding.end_line) = place.lines;
            finding.standing = standing(place.lines, &seen.changed);
            if !order.keeps_fingerprints || finding.fingerprint.is_empty() {
                finding.fingerprint = self.prints.next(&finding.category, &finding.file, &text, &place);
            }
        }
    }
}

const WHOLE: Place = Place { lines: (0, 0), found: Found::Whole };

fn why(nowhere: Nowhere, order: &Order) -> String {
    match nowhere {
        Nowhere::Quote => format!(
            "its quote does not stand in {}; quote lines of the file word for word, or leave the quote out and cite lines",
            order.of
        ),
        Nowhere::Little => {
            format!(
                "its quote stands at several places of {}, and not at the cited line; quote more",
                order.of
            )
        }
        Nowhere::Line(count) => {
            format!("the file has only {count} lines in {}; cite lines that are there", order.of)
        }
    }
}

/// Says in a finding that it has no place, and makes it one about the whole.
fn misplace(at: usize, finding: &mut Finding, why: &str) -> Misplaced {
    let line = if finding.start_line == 0 { String::new() } else { format!(":{}", finding.start_line) };
    let cited = format!("{}{line}", quote(&finding.file));
    let note = format!("crew could not find the place, {cited}: {why}");
    let room = MAX_BODY.saturating_sub(note.chars().count() + 2);
    let body: String = finding.body.chars().take(room).collect();
    finding.body = if body.is_empty() { note } else { format!("{body}\n\n{note}") };
    finding.body = finding.body.chars().take(MAX_BODY).collect();
    Misplaced { at, cited, why: why.to_owned() }
}

/// Returns a text as it is quoted: what is handed in has no characters that do not show. Lines stay lines.
fn shown(text: &str) -> Cow<'_, str> {
    let plain = |line: &str| is_clean(line);
    if text.lines().all(plain) {
        return Cow::Borrowed(text);
    }
    let line = |line: &str| match plain(line) {
        true => format!("{line}\n"),
        false => format!("{}\n", clean_text(line, usize::MAX).replace('\n', " ")),
    };
    Cow::Owned(text.lines().map(line).collect())
}

fn standing((first, last): (u32, u32), changed: &Changed) -> Option<Standing> {
    match changed {
        _ if first == 0 => Some(Standing::Whole),
        Changed::Unknown => None,
        Changed::Nothing => Some(Standing::OutsideDiff),
        Changed::All => Some(Standing::InDiff),
        Changed::Lines(lines) => {
            let touches = lines.iter().any(|(from, to)| *from <= last && first <= *to);
            Some(if touches { Standing::InDiff } else { Standing::OutsideDiff })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;
    use std::convert::Infallible;

    fn finding(file: &str, line: u32, quote: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            category: "race".into(),
            file: file.into(),
            start_line: line,
            end_line: line,
            quote: quote.into(),
            title: "t".into(),
            body: String::new(),
            suggestion: None,
            confidence: 1.0,
            fingerprint: "an agent's own".into(),
            standing: Some(Standing::InDiff),
        }
    }

    const CODE: &str = "fn a() {\n    lock();\n}\n\nfn b() {\n    lock();\n}\n";

    fn look(path: &str) -> Result<FileSeen, Infallible> {
        let (content, changed) = match path {
            "a.rs" => (Content::Text(CODE.into()), Changed::Lines(vec![(2, 2)])),
            "hidden.rs" => (Content::Text("x = \"\u{202e}1\";\ny\r\n".into()), Changed::All),
            "new\nline\\.rs" | "a\u{fffd}.rs" => (Content::Text(CODE.into()), Changed::All),
            "image.png" => (Content::NoText, Changed::All),
            "gone.rs" => (Content::Missing, Changed::All),
            _ => (Content::Missing, Changed::Nothing),
        };
        Ok(FileSeen { content, changed })
    }

    fn place(findings: Vec<Finding>, order: Order) -> Placed {
        let order = Order { of: "commit 1a2b".into(), tops: vec!["/r/tree".into(), "/r".into()], ..order };
        place_all(findings, &order, look).unwrap()
    }

    #[test]
    fn crew_says_where_findings_belong_and_how_they_are_known() {
        let placed = place(
            vec![
                finding("a.rs", 6, "lock();"),
                finding("./a.rs", 1, "lock();"),
                finding("/r/tree/a.rs", 7, ""),
                finding("image.png", 3, "anything"),
                finding("gone.rs", 3, "what was there"),
                finding("hidden.rs", 2, &clean_text("x = \"\u{202e}1\";", usize::MAX)),
                finding("", 0, ""),
            ],
            Order::default(),
        );
        assert!(placed.misplaced.is_empty(), "{}", placed.in_words());
        let seen: Vec<_> =
            placed.findings.iter().map(|f| (f.file.as_str(), f.start_line, f.standing)).collect();
        use Standing::{InDiff, OutsideDiff, Whole};
        let expected = [
            ("a.rs", 6, Some(OutsideDiff)),
            ("a.rs", 2, Some(InDiff)),
            ("a.rs", 7, Some(OutsideDiff)),
            ("image.png", 0, Some(Whole)),
            ("gone.rs", 0, Some(Whole)),
            ("hidden.rs", 1, Some(InDiff)),
            (".", 0, Some(Whole)),
        ];
        assert_eq!(seen, expected);
        let prints: BTreeSet<&str> =
            placed.findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
        assert!(prints.len() == 7 && prints.iter().all(|print| print.len() == 16), "{prints:?}");
        // Who names the second place first changes no fingerprint.
        let other =
            place(vec![finding("a.rs", 2, "lock();"), finding("a.rs", 6, "lock();")], Order::default());
        assert_eq!(other.findings[0].fingerprint, placed.findings[1].fingerprint);
        assert_eq!(other.findings[1].fingerprint, placed.findings[0].fingerprint);
        let ours = Order { keeps_fingerprints: true, ..Order::default() };
        assert_eq!(place(vec![finding("a.rs", 2, "")], ours).findings[0].fingerprint, "an agent's own");
    }

    #[test]
    fn what_has_no_place_is_named_and_made_one_about_the_whole() {
        let mut long = finding("a.rs", 2, "unlock();");
        long.body = "x".repeat(MAX_BODY);
        let placed = place(
            vec![
                finding("a.rs", 2, "lock();"),
                long,
                finding("a.rs", 99, ""),
                finding("b.rs", 1, ""),
                finding("../a.rs", 1, ""),
                finding("/etc/passwd", 1, ""),
                finding("src\\a.rs", 1, ""),
                finding(".git/config", 1, ""),
                finding("--output=x", 1, ""),
            ],
            Order::default(),
        );
        assert_eq!(placed.misplaced.iter().map(|no| no.at).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
        let words = placed.in_words();
        assert!(
            words.starts_with("findings[1] (a.rs:2): its quote does not stand in commit 1a2b; quote"),
            "{words}"
        );
        assert!(words.contains("findings[2] (a.rs:99): the file has only 7 lines"), "{words}");
        let slash = &placed.findings[6].body;
        assert!(
            slash.contains("src\\a.rs:1: it is not a file") && slash.ends_with("separated by /"),
            "{slash}"
        );
        assert!(words.contains("findings[3] (b.rs:1): it is not a file of commit 1a2b"), "{words}");
        assert!(words.ends_with("; and 3 more"), "{words}");
        let left = &placed.findings[1];
        assert_eq!((left.start_line, left.standing), (0, Some(Standing::Whole)));
        assert!(
            left.body.contains("crew could not find the place, a.rs:2")
                && left.body.chars().count() <= MAX_BODY
        );
        assert_eq!(placed.findings[4].file, WHOLE_CHANGE);
    }

    #[test]
    fn a_name_is_that_of_a_file_whatever_is_in_it_or_shows_nothing_but_itself() {
        let names =
            ["new\nline\\.rs", r#""new\nline\\.rs""#, r#""a\377.rs""#, " a.rs\n", "no\nfile\u{7}.rs", "a\0"];
        let placed = place(names.map(|name| finding(name, 2, "")).into(), Order::default());
        let files = placed.findings.iter().map(|finding| finding.file.as_str());
        let expected = ["new\nline\\.rs", "new\nline\\.rs", "a\u{fffd}.rs", "a.rs", "no file.rs", "."];
        assert_eq!(files.collect::<Vec<_>>(), expected);
        assert_eq!(placed.misplaced.iter().map(|no| no.at).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn what_was_quoted_counts_and_not_what_is_left_of_it() {
        let order = Order { quotes: vec!["lock();".into()], ..Order::default() };
        let placed = place(vec![finding("a.rs", 2, "[redacted]")], order);
        assert_eq!((placed.misplaced.len(), placed.findings[0].quote.as_str()), (0, "[redacted]"));
    }

    #[test]
    fn more_than_can_be_looked_through_is_not() {
        let mut placed = Placed { findings: vec![finding("a.rs", 2, ""); 3], misplaced: vec![] };
        let mut work = Work { left: 2 * CODE.len() as u64, prints: Fingerprints::default() };
        work.place_in(&look("a.rs").unwrap(), &[0, 1, 2], &Order::default(), &mut placed);
        assert_eq!(placed.misplaced.iter().map(|no| no.at).collect::<Vec<_>>(), [2]);
        assert!(placed.in_words().ends_with("hand in fewer findings"), "{}", placed.in_words());
    }
}
