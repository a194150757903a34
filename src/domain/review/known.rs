//! Which findings are known already: from the baseline, from an earlier review, from a SARIF file of any tool.

use super::baseline::Baseline;
use super::report::Agreed;
use crate::domain::finding::Finding;
use crate::domain::words::clean_line;
use jiff::civil::Date;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The most characters of a name in a sentence.
const MAX_SHOWN: usize = 160;

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    fingerprints: HashSet<String>,
    /// Fingerprints that were known until a day.
    expired: HashMap<String, Date>,
    /// What other tools told, by rule.
    places: HashMap<String, Vec<Place>>,
    /// How many entries of the baseline are only in what is reviewed.
    later: usize,
}

/// Where another tool found something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// A path in the repository, or one that ends with it.
    path: String,
    /// First and last line; zeros where none is said.
    lines: (u32, u32),
    /// The text there with white space folded; may be empty.
    text: String,
}

/// Findings that are new, those that are not, and what has to be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sifted {
    pub new: Vec<Agreed>,
    pub known: Vec<Agreed>,
    /// Sentences on findings that are shown since their entry has expired, and on entries that do not count yet.
    pub told: Vec<String>,
}

/// Why a file is no SARIF that can be compared with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSarif {
    #[error("it is not JSON: {0}")]
    Json(String),
    #[error("it is no SARIF: it has no list `runs`")]
    Runs,
    #[error("it is SARIF {0}; 2.1.0 can be read")]
    Version(String),
}

impl Known {
    /// Takes in what a baseline lists.
    pub fn take_baseline(&mut self, baseline: &Baseline, today: Date) {
        for entry in &baseline.findings {
            match entry.expires.filter(|_| entry.is_expired(today)) {
                Some(last) => drop(self.expired.insert(entry.fingerprint.clone(), last)),
                None => drop(self.fingerprints.insert(entry.fingerprint.clone())),
            }
        }
    }

    /// Takes note of entries that the baseline has after the change and that hide nothing before it.
    pub fn note_later(&mut self, before: &Baseline, after: &Baseline, today: Date) {
        let hides = |baseline: &Baseline| -> HashSet<String> {
            let entries = baseline.findings.iter().filter(|entry| !entry.is_expired(today));
            entries.map(|entry| entry.fingerprint.clone()).collect()
        };
        self.later = hides(after).difference(&hides(before)).count();
    }

    /// Takes in what was found earlier.
    pub fn take_findings<'a>(&mut self, findings: impl IntoIterator<Item = &'a Finding>) {
        let prints = findings.into_iter().map(|finding| finding.fingerprint.clone());
        self.fingerprints.extend(prints.filter(|print| !print.is_empty()));
    }

    /// Takes in the results of a SARIF file. crew's own are known by their fingerprints, those of other tools by rule, file
    /// and text.
    pub fn take_sarif(&mut self, text: &str) -> Result<(), NotSarif> {
        let log: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| NotSarif::Json(error.to_string()))?;
        let runs = log["runs"].as_array().ok_or(NotSarif::Runs)?;
        let version = log["version"].as_str().unwrap_or_default();
        if version != "2.1.0" {
            return Err(NotSarif::Version(clean_line(version, MAX_SHOWN)));
        }
        for run in runs {
            let is_ours = run["tool"]["driver"]["name"] == "crew";
            for result in run["results"].as_array().into_iter().flatten().filter(|result| is_found(result)) {
                match result["partialFingerprints"].as_object().filter(|_| is_ours) {
                    Some(hashes) => {
                        let prints = hashes.values().filter_map(Value::as_str).map(without_ordinal);
                        self.fingerprints.extend(prints.map(str::to_owned));
                    }
                    None => self.take_place(run, result),
                }
            }
        }
        Ok(())
    }

    fn take_place(&mut self, run: &Value, result: &Value) {
        let rules = &run["tool"]["driver"]["rules"];
        let at_index = result["ruleIndex"].as_u64().and_then(|at| rules.get(usize::try_from(at).ok()?));
        let rule = result["ruleId"].as_str().or_else(|| result["rule"]["id"].as_str());
        let Some(rule) = rule.or_else(|| at_index?["id"].as_str()) else { return };
        let place = &result["locations"][0]["physicalLocation"];
        let Some(uri) = place["artifactLocation"]["uri"].as_str() else { return };
        let region = &place["region"];
        let line = |name: &str| region[name].as_u64().and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
        let (first, last) = (line("startLine"), line("endLine"));
        let text = fold(region["snippet"]["text"].as_str().unwrap_or_default());
        let place = Place { path: path_of(uri), lines: (first, last.max(first)), text };
        self.places.entry(rule.to_owned()).or_default().push(place);
    }

    /// Tells whether a finding is known by any of its names.
    pub fn holds(&self, agreed: &Agreed) -> bool {
        let of_rule = self.places.get(&agreed.finding.category);
        agreed.fingerprints().any(|print| self.fingerprints.contains(print))
            || of_rule.into_iter().flatten().any(|place| place.is_of(&agreed.finding))
    }
}

impl Place {
    /// Tells whether a finding is at this place. The text decides where both sides tell it, since lines move.
    fn is_of(&self, finding: &Finding) -> bool {
        let is_absolute = self.path.starts_with('/');
        let ends_so = || self.path.strip_suffix(&finding.file).is_some_and(|folder| folder.ends_with('/'));
        if self.path != finding.file && !(is_absolute && ends_so()) {
            return false;
        }
        let quote = fold(&finding.quote);
        match quote.is_empty() || self.text.is_empty() {
            false => self.text.contains(&quote) || quote.contains(&self.text),
            true => (self.lines.0..=self.lines.1).contains(&finding.start_line),
        }
    }
}

/// Parts findings into new ones and known ones.
pub fn sift(findings: Vec<Agreed>, known: &Known) -> Sifted {
    let mut sifted = Sifted::default();
    sifted.told.extend(match known.later {
        0 => None,
        1 => Some("1 entry of the baseline is only in what is reviewed and hides nothing yet".to_owned()),
        later => {
            Some(format!("{later} entries of the baseline are only in what is reviewed and hide nothing yet"))
        }
    });
    for agreed in findings {
        if known.holds(&agreed) {
            sifted.known.push(agreed);
            continue;
        }
        if let Some(last) = agreed.fingerprints().find_map(|print| known.expired.get(print)) {
            let title = clean_line(&agreed.finding.title, MAX_SHOWN);
            sifted.told.push(format!("the baseline put up with `{title}` until {last}, and no longer does"));
        }
        sifted.new.push(agreed);
    }
    sifted
}

/// Tells whether a result is something that was found, and is still there.
fn is_found(result: &Value) -> bool {
    let is_fail = result["kind"].as_str().is_none_or(|kind| matches!(kind, "fail" | "review" | "open"));
    is_fail && result["baselineState"] != "absent"
}

/// Returns a fingerprint without what tells equal ones of a file apart: `-2`, or `:1` as other writers have it.
fn without_ordinal(hash: &str) -> &str {
    match hash.rsplit_once(['-', ':']) {
        Some((print, ordinal)) if ordinal.bytes().all(|byte| byte.is_ascii_digit()) => print,
        _ => hash,
    }
}

/// Returns the path that a URI reference means.
fn path_of(uri: &str) -> String {
    let path = uri.strip_prefix("file://").map_or(uri, |rest| rest.find('/').map_or("", |at| &rest[at..]));
    let path = path.strip_prefix("./").unwrap_or(path);
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::finding::Severity;
    use crate::domain::review::baseline::Entry;
    use serde_json::json;

    fn finding(category: &str, file: &str, line: u32, quote: &str, fingerprint: &str) -> Finding {
        Finding {
            severity: Severity::Error,
            category: category.into(),
            file: file.into(),
            start_line: line,
            end_line: line,
            quote: quote.into(),
            title: format!("{category} here"),
            body: String::new(),
            suggestion: None,
            confidence: 1.0,
            fingerprint: fingerprint.into(),
            standing: None,
        }
    }

    fn alone(finding: Finding) -> Agreed {
        Agreed::alone(finding, "claude".into())
    }

    fn prints(findings: &[Agreed]) -> Vec<&str> {
        findings.iter().map(|agreed| agreed.finding.fingerprint.as_str()).collect()
    }

    #[test]
    fn what_a_change_writes_into_the_baseline_is_told_and_hides_nothing() {
        let baseline = |entries: &[(&str, Option<&str>)]| {
            let entry = |(print, expires): &(&str, Option<&str>)| json!({"fingerprint": print, "reason": "r", "by": "b", "added": "2026-01-01", "expires": expires});
            let entries: Vec<Value> = entries.iter().map(entry).collect();
            Baseline::read(&json!({"findings": entries}).to_string()).unwrap()
        };
        let before = baseline(&[("a", None), ("b", Some("2026-11-01")), ("c", None)]);
        // One is new, one goes on after its last day, one is gone, and one is new and over.
        let after =
            baseline(&[("a", None), ("b", Some("2027-01-01")), ("d", None), ("e", Some("2026-11-01"))]);
        let mut known = Known::default();
        known.note_later(&before, &after, "2026-11-22".parse().unwrap());
        let told = sift(Vec::new(), &known).told;
        assert_eq!(told, ["2 entries of the baseline are only in what is reviewed and hide nothing yet"]);
        known.note_later(&before, &before, "2026-11-22".parse().unwrap());
        assert_eq!(sift(Vec::new(), &known).told, [""; 0]);
    }

    #[test]
    fn what_the_baseline_lists_is_known_until_it_expires() {
        let entry = |fingerprint: &str, expires: Option<&str>| Entry {
            fingerprint: fingerprint.into(),
            category: String::new(),
            file: String::new(),
            title: String::new(),
            reason: "r".into(),
            by: "b".into(),
            added: "2026-01-01".parse().unwrap(),
            expires: expires.map(|day| day.parse().unwrap()),
        };
        let mut baseline = Baseline::default();
        baseline.findings =
            vec![entry("a", None), entry("b", Some("2026-11-21")), entry("c", Some("2026-11-22"))];
        let mut known = Known::default();
        known.take_baseline(&baseline, "2026-11-22".parse().unwrap());
        let found = ["a", "b", "c", "d"].map(|print| alone(finding("race", "a.rs", 1, "", print)));
        let sifted = sift(found.to_vec(), &known);
        assert_eq!((prints(&sifted.new), prints(&sifted.known)), (vec!["b", "d"], vec!["a", "c"]));
        assert_eq!(
            sifted.told,
            ["the baseline put up with `race here` until 2026-11-21, and no longer does"]
        );
    }

    #[test]
    fn crews_own_results_are_known_by_their_fingerprints_alone() {
        let result = |hash: &str| {
            json!({"ruleId": "race", "message": {"text": "m"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.rs"}, "region": {"startLine": 7}}}],
            "partialFingerprints": {"primaryLocationLineHash": hash}})
        };
        let log = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "crew"}},
            "results": [result("aa"), result("bb-2"), result("cc:1")]}]});
        let mut known = Known::default();
        known.take_sarif(&log.to_string()).unwrap();
        for print in ["aa", "bb", "cc"] {
            assert!(known.holds(&alone(finding("race", "elsewhere.rs", 1, "", print))), "{print}");
        }
        assert!(!known.holds(&alone(finding("race", "a.rs", 7, "", "dd"))));
        let merged = Agreed { also: vec!["bb".into()], ..alone(finding("race", "a.rs", 7, "", "dd")) };
        assert!(known.holds(&merged));
    }

    #[test]
    fn other_tools_results_are_known_by_rule_file_and_text() {
        let result = |uri: &str, region: Value| {
            json!({"ruleId": "race", "message": {"text": "m"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
            "partialFingerprints": {"primaryLocationLineHash": "aa"}})
        };
        let mut gone = result("gone.rs", json!({"startLine": 1}));
        gone["baselineState"] = json!("absent");
        let by_index = json!({"ruleIndex": 0, "message": {"text": "m"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "indexed.rs"}, "region": {"startLine": 1}}}]});
        let log = json!({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "other", "rules": [{"id": "race"}]}}, "results": [
            result("./a%20b.rs", json!({"startLine": 7, "snippet": {"text": "    lock();\n"}})),
            result("file:///w/src/c.rs", json!({"startLine": 3, "endLine": 5})), gone, by_index,
        ]}]});
        let mut known = Known::default();
        known.take_sarif(&log.to_string()).unwrap();
        let cases = [
            (finding("race", "a b.rs", 40, "lock();", "x"), true),
            (finding("race", "a b.rs", 7, "unlock_all();", "x"), false),
            (finding("race", "a b.rs", 7, "", "x"), true),
            (finding("todo", "a b.rs", 7, "lock();", "x"), false),
            (finding("race", "src/c.rs", 4, "anything", "x"), true),
            (finding("race", "c.rs", 6, "", "x"), false),
            (finding("race", "rc/c.rs", 4, "", "x"), false),
            (finding("race", "gone.rs", 1, "", "x"), false),
            (finding("race", "indexed.rs", 1, "", "x"), true),
            (finding("race", "z.rs", 1, "", "aa"), false),
        ];
        for (finding, expected) in cases {
            let told = format!("{finding:?}");
            assert_eq!(known.holds(&alone(finding)), expected, "{told}");
        }
    }

    #[test]
    fn what_is_no_sarif_is_refused() {
        let why = |text: &str| Known::default().take_sarif(text).unwrap_err().to_string();
        assert!(why("no").starts_with("it is not JSON: "));
        assert_eq!(why("{\"version\": \"2.1.0\"}"), "it is no SARIF: it has no list `runs`");
        assert_eq!(why("{\"version\": \"2.0.0\", \"runs\": []}"), "it is SARIF 2.0.0; 2.1.0 can be read");
    }
}
