//! Looking for words in what a run has recorded: which texts there are, and where in them the words stand.

use super::event::Event;
use super::finding::Finding;
use super::gate::Decision;
use super::nearest::named;
use super::submission::{HandedIn, ResultBody, ReviewBody};
use super::task::Work;
use super::words::clean_line;
use regex::{Regex, RegexBuilder};
use serde::Serialize;
use serde_json::Value;
use std::ops::Range;
use std::str::FromStr;

/// The most bytes of memory that a compiled pattern takes.
const MAX_PATTERN: usize = 1 << 20;
/// The most characters of a line that are shown, and how many of them stand before what was found.
const MAX_SHOWN: usize = 160;
const BEFORE: usize = 60;

/// Where something was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// What the run is for.
    Goal,
    /// What a task is to do.
    Task,
    /// What a task handed in.
    Result,
    /// A finding of a review.
    Finding,
    /// What a person decided, and why.
    Decision,
    /// Why something did not do.
    Error,
    /// A note that an agent left on its way.
    Note,
    /// What an agent had a tool do.
    Tool,
    /// What an agent or a command printed.
    Log,
}

impl Place {
    pub const ALL: [Place; 9] = [
        Place::Goal,
        Place::Task,
        Place::Result,
        Place::Finding,
        Place::Decision,
        Place::Error,
        Place::Note,
        Place::Tool,
        Place::Log,
    ];

    /// Returns the word by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Place::Goal => "goal",
            Place::Task => "task",
            Place::Result => "result",
            Place::Finding => "finding",
            Place::Decision => "decision",
            Place::Error => "error",
            Place::Note => "note",
            Place::Tool => "tool",
            Place::Log => "log",
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(word: &str) -> Result<Place, String> {
        named("nothing is said there", word, &Place::ALL, Place::name)
    }
}

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    pattern: Regex,
    /// It stands in JSON as it stands in a text.
    same_in_json: bool,
}

impl Wanted {
    /// Looks for a text as it is, or for what a regular expression matches. Without a capital letter in it, capitals do not
    /// matter.
    ///
    /// # Errors
    /// Says what is wrong with the regular expression.
    pub fn of(text: &str, is_regex: bool) -> Result<Wanted, String> {
        let expression = if is_regex { text.to_owned() } else { regex::escape(text) };
        let pattern = RegexBuilder::new(&expression)
            .case_insensitive(!text.chars().any(char::is_uppercase))
            .size_limit(MAX_PATTERN)
            .build()
            .map_err(|error| error.to_string())?;
        let same_in_json = !is_regex && !text.contains(|c: char| c.is_control() || c == '"' || c == '\\');
        Ok(Wanted { pattern, same_in_json })
    }

    /// Tells whether it may stand in a value that is written as JSON with no more escapes than there have to be; never wrong
    /// where it says no.
    pub fn may_stand_in_json(&self, json: &str) -> bool {
        !self.same_in_json || self.pattern.is_match(json)
    }

    /// Tells whether it stands in a text.
    pub fn stands_in(&self, text: &str) -> bool {
        self.pattern.is_match(text)
    }

    /// Returns the lines of a text in which it stands, each cut to what is around it.
    pub fn lines_in(&self, text: &str) -> Vec<Excerpt> {
        let found =
            |(at, line): (usize, &str)| Some(Excerpt::around(at + 1, line, self.pattern.find(line)?.range()));
        text.lines().enumerate().filter_map(found).collect()
    }
}

/// A line in which words were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// From 1.
    pub line: usize,
    /// What stands before it, what was found, and what follows; harmless, and at most about 160 characters.
    pub parts: [String; 3],
}

impl Excerpt {
    fn around(number: usize, line: &str, found: Range<usize>) -> Excerpt {
        // What is hidden would take room that nobody sees.
        let [before, found, after] = [&line[..found.start], &line[found.clone()], &line[found.end..]];
        let found = clean_line(found, MAX_SHOWN);
        let (gap_before, gap_after) =
            (before.ends_with(char::is_whitespace), after.starts_with(char::is_whitespace));
        let (before, room) =
            (clean_line(before, usize::MAX), MAX_SHOWN.saturating_sub(BEFORE + found.chars().count()));
        let count = before.chars().count();
        let mut shown: String = before.chars().skip(count.saturating_sub(BEFORE)).collect();
        if count > BEFORE {
            shown.insert(0, '…');
        }
        let mut after = clean_line(after, room.max(1));
        if gap_before && !shown.is_empty() {
            shown.push(' ');
        }
        if gap_after && !after.is_empty() {
            after.insert(0, ' ');
        }
        Excerpt { line: number, parts: [shown, found, after] }
    }

    pub fn text(&self) -> String {
        self.parts.concat()
    }
}

/// Returns what an event says in words of people, agents and crew, with where that is; nothing of what only programs read.
pub fn said_in(event: &Event) -> Vec<(Place, String)> {
    let one = |place, text: &str| vec![(place, text.to_owned())];
    match event {
        Event::RunCreated { goal, .. } => one(Place::Goal, goal),
        Event::TaskCreated { spec } => match &spec.work {
            Work::Agent { task, .. } => one(Place::Task, task),
            Work::Command { run } => one(Place::Task, run),
            Work::Merge { .. } => Vec::new(),
        },
        Event::SubmissionAccepted { handed_in: HandedIn::Review(review), .. } => of_review(review),
        Event::SubmissionAccepted { handed_in: HandedIn::Result(result), .. } => {
            let rest = ResultBody { findings: Vec::new(), ..result.clone() };
            with_findings(texts_of(&rest), &result.findings)
        }
        Event::SubmissionAccepted { handed_in, .. } => vec![(Place::Result, texts_of(handed_in))],
        Event::PersonReviewed(person) => of_review(&person.review),
        Event::FindingDecided { why, evidence, .. } => {
            vec![(Place::Decision, joined([why.as_str(), evidence.as_deref().unwrap_or_default()]))]
        }
        Event::NoteTaken { note, .. } => vec![(Place::Note, note.words())],
        Event::ToolInvoked { tool, arguments, .. } => vec![(Place::Tool, format!("{tool} {arguments}"))],
        Event::GateOpened { about, .. } => vec![(Place::Decision, about.words())],
        Event::GateDecided { decision, note, .. } => {
            let answer = match decision {
                Decision::Answered { answer } => answer,
                _ => "",
            };
            vec![(Place::Decision, joined([answer, note]))]
        }
        Event::TaskAccepted { note, .. } => one(Place::Decision, note),
        Event::TaskRequeued { reason, asked, .. } => {
            vec![(Place::Decision, joined([reason, asked.note.as_str()]))]
        }
        Event::DeadLetterDropped { reason, .. } | Event::CancelAsked { reason, .. } => {
            one(Place::Decision, reason)
        }
        Event::TaskDeadLettered { note, last_error, .. } => {
            vec![(Place::Error, last_error.clone()), (Place::Decision, note.clone())]
        }
        Event::SubmissionRefused { reason, .. }
        | Event::AttemptEnded { reason, .. }
        | Event::TaskFailed { reason, .. }
        | Event::TaskSkipped { reason, .. }
        | Event::TaskCancelled { reason, .. }
        | Event::AgentWaited { reason, .. } => one(Place::Error, reason),
        Event::MergeGivenUp { why, .. } => one(Place::Error, why),
        Event::ConflictLeft { reasons, .. } => vec![(Place::Error, reasons.join("\n"))],
        _ => Vec::new(),
    }
}

fn of_review(review: &ReviewBody) -> Vec<(Place, String)> {
    with_findings(review.body.clone(), &review.findings)
}

fn with_findings(result: String, findings: &[Finding]) -> Vec<(Place, String)> {
    let findings = findings.iter().map(|finding| (Place::Finding, finding_text(finding)));
    std::iter::once((Place::Result, result)).chain(findings).collect()
}

fn finding_text(finding: &Finding) -> String {
    let Finding { severity, category, file, start_line, title, body, suggestion, .. } = finding;
    let head = format!("{severity} {category} {file}:{start_line} {title}");
    joined([head.as_str(), body, suggestion.as_deref().unwrap_or_default()])
}

/// Returns all texts of a submission, a line each at least.
fn texts_of(handed_in: &impl Serialize) -> String {
    let mut texts = Vec::new();
    if let Ok(value) = serde_json::to_value(handed_in) {
        each_text(&value, &mut |text| texts.push(text.to_owned()));
    }
    texts.join("\n")
}

/// Hands on each text within a value, but not the names of its fields.
pub fn each_text(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, take)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, take)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn joined<const N: usize>(texts: [&str; N]) -> String {
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(text: &str, is_regex: bool, within: &str) -> Vec<String> {
        Wanted::of(text, is_regex).unwrap().lines_in(within).iter().map(Excerpt::text).collect()
    }

    #[test]
    fn capitals_matter_only_to_those_who_type_them() {
        assert_eq!(found("rate limit", false, "The Rate Limit\nis high"), ["The Rate Limit"]);
        assert_eq!(found("Rate", false, "The rate\nThe Rate"), ["The Rate"]);
        assert_eq!(found("a.c", false, "abc\na.c"), ["a.c"]);
        assert_eq!(found("a.c", true, "abc\na.c\nac"), ["abc", "a.c"]);
        assert!(Wanted::of("(", true).unwrap_err().contains("unclosed group"));
        assert!(Wanted::of("x{1000}{1000}{1000}", true).is_err(), "it would take all memory");
    }

    #[test]
    fn a_long_line_is_cut_around_what_was_found() {
        let line = format!("{}  needle  {}", "ä".repeat(500), "b".repeat(500));
        let [excerpt] = &Wanted::of("needle", false).unwrap().lines_in(&line)[..] else { panic!("one line") };
        let [before, found, after] = &excerpt.parts;
        assert!(
            before.starts_with("…ä") && before.ends_with("ä ") && before.chars().count() == BEFORE + 2,
            "{before}"
        );
        assert_eq!(found, "needle");
        assert!(after.starts_with(" b") && after.ends_with('…'), "{after}");
        assert!(excerpt.text().chars().count() <= MAX_SHOWN + 3, "{}", excerpt.text().chars().count());
        let wild = Wanted::of("x", false).unwrap().lines_in("\u{1b}[31mx\u{202e}y\u{1b}[0m");
        assert!(crate::domain::words::is_clean(&wild[0].text()), "{wild:?}");
    }

    #[test]
    fn json_that_cannot_hold_it_is_told_without_being_read() {
        let wanted = |text: &str, is_regex| Wanted::of(text, is_regex).unwrap();
        assert!(!wanted("needle", false).may_stand_in_json(r#"{"a":"hay"}"#));
        assert!(wanted("needle", false).may_stand_in_json(r#"{"a":"Needle"}"#));
        // Written in JSON, these look different.
        for (text, is_regex) in [("say \"so\"", false), ("a\\b", false), ("^x", true)] {
            assert!(wanted(text, is_regex).may_stand_in_json("{}"), "{text}");
        }
    }

    #[test]
    fn what_a_result_says_is_found_and_the_names_of_its_fields_are_not() {
        let mut texts = Vec::new();
        each_text(&json!({"summary": "done", "more": [{"note": "by me"}, 3, null]}), &mut |text| {
            texts.push(text.to_owned())
        });
        assert_eq!(texts, ["by me", "done"]);
    }
}
