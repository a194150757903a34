//! What a check says, and how the remarks of all files become one list of findings.

use super::file::FileUnderReview;
use crate::domain::finding::{Finding, MAX_BODY, MAX_TITLE, Severity, fingerprint};
use crate::domain::quoted::kept;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The most findings that are kept; the rest are counted.
pub const MAX_FINDINGS: usize = 1_000;
/// The most lines of a finding that its fingerprint is made of.
const MAX_ANCHORED_LINES: u32 = 200;

/// What a remark is about, which is what its fingerprint is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The text of its lines.
    Lines,
    /// The file or the change as a whole, in this respect.
    Whole(String),
}

/// One remark of a check on one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Remark {
    pub severity: Severity,
    /// First and last line, from 1; zeros for the whole file.
    pub lines: (u32, u32),
    pub anchor: Anchor,
    pub title: String,
    pub body: String,
    pub suggestion: Option<String>,
    /// From 0 to 1.
    pub confidence: f64,
}

impl Remark {
    /// Says something about one line, for certain.
    pub fn at(line: u32, severity: Severity, title: impl Into<String>, body: impl Into<String>) -> Remark {
        Remark {
            severity,
            lines: (line, line),
            anchor: Anchor::Lines,
            title: title.into(),
            body: body.into(),
            suggestion: None,
            confidence: 1.0,
        }
    }

    /// Says something about the whole file; `about` tells it from other remarks of its category there.
    pub fn on_file(
        about: &str,
        severity: Severity,
        title: impl Into<String>,
        body: impl Into<String>,
    ) -> Remark {
        Remark { anchor: Anchor::Whole(about.to_owned()), ..Remark::at(0, severity, title, body) }
    }

    /// Reaches down to `line`.
    pub fn to(mut self, line: u32) -> Remark {
        self.lines.1 = line.max(self.lines.0);
        self
    }

    /// Says how sure the check is.
    pub fn sure(mut self, confidence: f64) -> Remark {
        self.confidence = confidence;
        self
    }
}

/// The findings of an examination while it goes on.
#[derive(Debug, Default)]
pub struct Collection {
    findings: Vec<Finding>,
    left_out: usize,
    allowed: usize,
}

impl Collection {
    /// Takes the remarks on one file, apart from those its author allowed; called once for a file.
    pub fn take(&mut self, file: &FileUnderReview<'_>, remarks: Vec<(&'static str, Remark)>) {
        let mut seen = HashMap::new();
        let mut kept: Vec<_> = remarks
            .into_iter()
            .filter(|(category, remark)| !file.is_allowed(remark.lines.0, category))
            .collect();
        kept.sort_by_key(|(_, remark)| remark.lines);
        for (category, remark) in kept {
            let anchored = match &remark.anchor {
                Anchor::Whole(about) => about.clone(),
                Anchor::Lines => anchored(file, remark.lines),
            };
            let ordinal = seen.entry((category, fold(&anchored))).or_insert(0_usize);
            let fingerprint = fingerprint(category, file.path(), &anchored, *ordinal);
            *ordinal += 1;
            self.keep(finding(category, file.path(), remark, fingerprint));
        }
        self.allowed += file.allowed();
    }

    /// Takes a remark on the change as a whole, which is shown at `path`.
    pub fn take_whole(&mut self, category: &'static str, path: &str, remark: Remark) {
        let about = match &remark.anchor {
            Anchor::Whole(about) => about.as_str(),
            Anchor::Lines => "",
        };
        let fingerprint = fingerprint(category, path, about, 0);
        self.keep(finding(category, path, remark, fingerprint));
    }

    fn keep(&mut self, finding: Finding) {
        self.findings.push(finding);
        // Cut in large steps, so that any number of findings costs little.
        if self.findings.len() >= 4 * MAX_FINDINGS {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.findings.sort_by(|a, b| {
            let key = |finding: &Finding| (Reverse(finding.severity), finding.start_line, finding.end_line);
            let (a_key, b_key) = (key(a), key(b));
            (a_key.0, &a.file, a_key.1, a_key.2, &a.category, &a.title).cmp(&(
                b_key.0,
                &b.file,
                b_key.1,
                b_key.2,
                &b.category,
                &b.title,
            ))
        });
        self.left_out += self.findings.len().saturating_sub(MAX_FINDINGS);
        self.findings.truncate(MAX_FINDINGS);
    }

    /// Returns the findings, worst first, and sentences on those that are not among them.
    pub fn finish(mut self) -> (Vec<Finding>, Vec<String>) {
        self.cut();
        let mut left = Vec::new();
        if self.allowed > 0 {
            left.push(format!("{} allowed in the source.", counted(self.allowed, "finding")));
        }
        if self.left_out > 0 {
            left.push(format!(
                "{} beyond the worst {MAX_FINDINGS} not kept.",
                counted(self.left_out, "finding")
            ));
        }
        (self.findings, left)
    }
}

fn finding(category: &str, path: &str, remark: Remark, fingerprint: String) -> Finding {
    Finding {
        severity: remark.severity,
        category: category.to_owned(),
        file: kept(path).into_owned(),
        start_line: remark.lines.0,
        end_line: remark.lines.1,
        title: cut(remark.title, MAX_TITLE),
        body: cut(remark.body, MAX_BODY),
        suggestion: remark.suggestion,
        confidence: remark.confidence,
        quote: String::new(),
        fingerprint,
        standing: None,
    }
}

fn anchored(file: &FileUnderReview<'_>, (first, last): (u32, u32)) -> String {
    let last = last.min(first.saturating_add(MAX_ANCHORED_LINES));
    let lines: Vec<_> = (first..=last).map(|line| String::from_utf8_lossy(file.line(line))).collect();
    lines.join("\n")
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

/// Returns a number with its noun: "1 file", "2 files".
pub fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What could not be examined, by reason.
#[derive(Debug, Default)]
pub struct Skips {
    by_reason: BTreeMap<&'static str, (usize, Vec<String>)>,
}

impl Skips {
    /// Notes a file and why it was not examined, as the end of "2 files ...".
    pub fn note(&mut self, reason: &'static str, path: &str) {
        let (count, named) = self.by_reason.entry(reason).or_default();
        *count += 1;
        if named.len() < 3 {
            named.push(path.to_owned());
        }
    }

    /// Returns one sentence for each reason.
    pub fn sentences(self) -> Vec<String> {
        let sentence = |(reason, (count, named)): (&str, (usize, Vec<String>))| {
            let more = count - named.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{} {reason}: {}{more}.", counted(count, "file"), named.join(", "))
        };
        self.by_reason.into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::whole;
    use super::*;

    #[test]
    fn equal_lines_get_different_fingerprints_and_moved_ones_keep_theirs() {
        let fingerprints = |text: &[u8], lines: &[u32]| {
            let origin = whole("a.rs", text);
            let file = FileUnderReview::new(&origin, text);
            let mut collection = Collection::default();
            let remark = |line: &u32| ("x", Remark::at(*line, Severity::Info, "t", ""));
            collection.take(&file, lines.iter().map(remark).collect());
            let findings = collection.finish().0;
            findings.into_iter().map(|finding| finding.fingerprint).collect::<Vec<_>>()
        };
        let before = fingerprints(b"same\nsame\n", &[1, 2]);
        assert_ne!(before[0], before[1]);
        assert_eq!(before, fingerprints(b"new\n  same\n same\n", &[2, 3]));
    }

    #[test]
    fn the_worst_are_kept_and_the_rest_counted() {
        let text = b"x\n".repeat(5000);
        let origin = whole("a.rs", &text);
        let file = FileUnderReview::new(&origin, &text);
        let mut collection = Collection::default();
        let severity = |line| if line == 4999 { Severity::Blocker } else { Severity::Info };
        collection
            .take(&file, (1..=5000).map(|line| ("x", Remark::at(line, severity(line), "t", ""))).collect());
        let (findings, left) = collection.finish();
        assert_eq!((findings.len(), findings[0].start_line, findings[1].start_line), (1000, 4999, 1));
        assert_eq!(left, ["4000 findings beyond the worst 1000 not kept."]);
    }

    #[test]
    fn skipped_files_are_counted_and_the_first_named() {
        let mut skips = Skips::default();
        for path in ["a", "b", "c", "d"] {
            skips.note("too large", path);
        }
        assert_eq!(skips.sentences(), ["4 files too large: a, b, c and 1 more."]);
    }
}
