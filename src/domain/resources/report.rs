//! Collecting the problems of one file.

use super::Problem;
use crate::domain::nearest::nearest;

/// The most suggestions for one file, since each compares a name with all the others.
const MAX_SUGGESTIONS: usize = 50;
/// The most characters of a message or hint; what a file says wrongly may be a whole novel.
const MAX_MESSAGE: usize = 400;

/// The problems of one file, as they are found.
pub(super) struct Report {
    path: String,
    problems: Vec<Problem>,
    suggestions: usize,
}

impl Report {
    pub fn new(path: &str) -> Self {
        Report { path: path.to_owned(), problems: Vec::new(), suggestions: 0 }
    }

    /// Adds a problem; `line` counts from 1 in the file.
    pub fn add(&mut self, line: impl Into<Option<usize>>, message: impl Into<String>) {
        self.put(line.into(), message.into(), None);
    }

    /// Adds a problem with what to do about it.
    pub fn add_with(
        &mut self,
        line: impl Into<Option<usize>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.put(line.into(), message.into(), Some(hint.into()));
    }

    /// Adds a problem about a key that crew knows of but cannot honour yet.
    pub fn add_unsupported(&mut self, line: usize, what: &str) {
        self.add_with(line, format!("`{what}` is not supported by this version of crew"), "take it out");
    }

    /// Adds a problem about a name that is none of `names`, with the nearest of them or else a list of a few.
    pub fn add_unknown<'a>(
        &mut self,
        line: impl Into<Option<usize>>,
        message: impl Into<String>,
        wanted: &str,
        names: impl Iterator<Item = &'a str> + Clone,
    ) {
        let mut hint = None;
        if self.suggestions < MAX_SUGGESTIONS {
            self.suggestions += 1;
            hint = match nearest(wanted, names.clone()) {
                Some(name) => Some(format!("did you mean `{name}`?")),
                None => list_of(names),
            };
        }
        self.put(line.into(), message.into(), hint);
    }

    fn put(&mut self, line: Option<usize>, message: String, hint: Option<String>) {
        let (message, hint) = (one_line(&message), hint.as_deref().map(one_line));
        self.problems.push(Problem { path: self.path.clone(), line, message, hint });
    }

    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Names what there is to choose from, where that is little enough to read.
fn list_of<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut names: Vec<&str> = names.take(17).collect();
    names.sort_unstable();
    names.dedup();
    (1..=16).contains(&names.len()).then(|| format!("known: {}", names.join(", ")))
}

/// Cuts a text to a length that can be read, without the control characters that a file may hold.
fn one_line(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut line: String = text.chars().take(MAX_MESSAGE).map(shown).collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        line.push_str(" ...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_is_cut_and_holds_no_control_characters() {
        let mut report = Report::new("x.md");
        report.add(1, format!("unknown key `\u{1b}[31m{}`", "é".repeat(1_000)));
        let problem = report.into_problems().remove(0);
        assert!(problem.message.starts_with("unknown key ` [31mé") && problem.message.ends_with("é ..."));
        assert_eq!(problem.message.chars().count(), MAX_MESSAGE + 4);
    }

    #[test]
    fn a_name_like_no_other_is_answered_with_the_choice_where_that_is_short() {
        let mut report = Report::new("x.md");
        report.add_unknown(1, "no", "zebra", ["b", "a", "b"].into_iter());
        let many: Vec<String> = (0..50).map(|at| format!("name-{at}")).collect();
        report.add_unknown(2, "no", "zebra", many.iter().map(String::as_str));
        let hints: Vec<_> = report.into_problems().into_iter().map(|problem| problem.hint).collect();
        assert_eq!(hints, [Some("known: a, b".to_owned()), None]);
    }
}
