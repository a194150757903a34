//! What a test runner said in the end, as one line. It is told to people; the exit code alone is judged.

use crate::domain::words::clean_line;
use regex::Regex;
use std::sync::LazyLock;

/// The most characters of a note.
const MAX_NOTE: usize = 160;
/// Longer lines are no summaries.
const MAX_LINE: usize = 1_000;

/// Lines that are repeated as they are, the last of each kind. White space is folded before they are compared.
static WORD_FOR_WORD: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // cargo nextest
        r"^Summary \[ ?[\d.]+s\] (\d+.* tests? run: .*)$",
        // pytest
        r"^(?:=+ )?((?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)(?:, )?)+|no tests (?:ran|collected)) in [\d.]+s",
        // Python's unittest
        r"^(Ran \d+ tests?) in [\d.]+s$",
        // jest, and vitest
        r"^Tests: (\d.* total)$",
        r"^Tests (\d.* \(\d+\))$",
        // mocha
        r"^(\d+ passing)\b",
        r"^(\d+ failing)$",
        // node --test
        r"^(?:#|ℹ) (pass \d+)$",
        r"^(?:#|ℹ) (fail \d+)$",
        // RSpec, ExUnit
        r"^((?:\d+ (?:doctests?|properties|property), )?\d+ (?:examples?|tests?), \d+ failures?.*)$",
        // CTest
        r"^(\d+% tests passed, \d+ tests? failed out of \d+)",
        // dotnet
        r"^(?:Passed|Failed)! +- (Failed: .*)$",
        // PHPUnit
        r"^OK \((\d+ tests?, .*)\)$",
        r"^(Tests: \d+, Assertions: .*)$",
        // swift test
        r"^(Executed \d+ tests?, with .* failures?)",
    ]
    .map(|pattern| Regex::new(pattern).expect("each pattern above is a regular expression"))
    .into()
});

/// Lines that stand once for each part of a build, so that their numbers are summed.
static SUMMED: LazyLock<Vec<(Regex, &[&str])>> = LazyLock::new(|| {
    let cargo: &[&str] = &["passed", "failed", "ignored"];
    let maven: &[&str] = &["run", "failed", "in error", "skipped"];
    [
        (r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", cargo),
        // The lines of single classes go on with the time they took.
        (r"^(?:\[\w+\] )?Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)$", maven),
    ]
    .map(|(pattern, names)| (Regex::new(pattern).expect("each pattern above is a regular expression"), names))
    .into()
});

/// One line of `go test` stands for one package.
static GO_PACKAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(ok|FAIL) \S+ (?:[\d.]+s|\(cached\)|\[[a-z ]+ failed\])")
        .expect("this is a regular expression")
});

/// Reads output line by line and remembers what summed it up.
pub(super) struct RunnerNotes {
    word_for_word: Vec<Option<String>>,
    sums: Vec<Option<[u64; 4]>>,
    /// Packages that passed and failed.
    go: (u64, u64),
    last_line: String,
}

impl RunnerNotes {
    pub(super) fn new() -> RunnerNotes {
        let word_for_word = vec![None; WORD_FOR_WORD.len()];
        RunnerNotes { word_for_word, sums: vec![None; SUMMED.len()], go: (0, 0), last_line: String::new() }
    }

    /// Reads whole lines of output; also those that end with a carriage return.
    pub(super) fn read(&mut self, output: &[u8]) {
        for line in output.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = String::from_utf8_lossy(&line[..line.len().min(MAX_LINE)]);
            let line = clean_line(&line, MAX_LINE);
            if !line.is_empty() {
                self.read_line(&line);
                self.last_line = line;
            }
        }
    }

    fn read_line(&mut self, line: &str) {
        match GO_PACKAGE.captures(line) {
            Some(found) if &found[1] == "ok" => self.go.0 += 1,
            Some(_) => self.go.1 += 1,
            None => {}
        }
        // No other summary is without a number, and most lines of a log are.
        if !line.contains(|c: char| c.is_ascii_digit()) {
            return;
        }
        for (at, pattern) in WORD_FOR_WORD.iter().enumerate() {
            if let Some(found) = pattern.captures(line) {
                self.word_for_word[at] = Some(found[1].to_owned());
            }
        }
        for (at, (pattern, names)) in SUMMED.iter().enumerate() {
            if let Some(found) = pattern.captures(line) {
                let sums = self.sums[at].get_or_insert_default();
                for (sum, group) in sums.iter_mut().zip(1..=names.len()) {
                    *sum = sum.saturating_add(found[group].parse().unwrap_or(0));
                }
            }
        }
    }

    /// Returns the last line that is not empty.
    pub(super) fn last_line(&self) -> &str {
        &self.last_line
    }

    /// Returns what was summed up, or the last line. `is_all` says whether nothing of the output was left out.
    pub(super) fn note(&self, is_all: bool) -> String {
        let mut said = Vec::new();
        for (sums, (_, names)) in self.sums.iter().zip(SUMMED.iter()) {
            said.extend(sums.as_ref().map(|sums| spell_out(sums, names)));
        }
        if self.go != (0, 0) {
            said.push(format!("packages: {} ok, {} failed", self.go.0, self.go.1));
        }
        let at_least = if is_all || said.is_empty() { "" } else { "at least " };
        said.extend(self.word_for_word.iter().flatten().cloned());
        let note =
            if said.is_empty() { self.last_line.clone() } else { format!("{at_least}{}", said.join(", ")) };
        if note.is_empty() { "no output".to_owned() } else { clean_line(&note, MAX_NOTE) }
    }
}

/// Names the first two numbers, and of the others those that are not zero.
fn spell_out(sums: &[u64; 4], names: &[&str]) -> String {
    let named = sums.iter().zip(names).enumerate();
    let shown = named.filter(|(at, (sum, _))| *at < 2 || **sum > 0);
    shown.map(|(_, (sum, name))| format!("{sum} {name}")).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(output: &str) -> String {
        let mut notes = RunnerNotes::new();
        notes.read(output.as_bytes());
        notes.note(true)
    }

    #[test]
    fn each_runner_is_understood() {
        let cargo = "running 3 tests\n\u{1b}[32mtest result: ok\u{1b}[0m. 140 passed; 0 failed; 1 ignored; 0 measured\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\nDoc-tests";
        let table = [
            (cargo, "142 passed; 1 failed; 1 ignored"),
            (
                "     Summary [   0.012s] 5 tests run: 4 passed, 1 failed, 0 skipped",
                "5 tests run: 4 passed, 1 failed, 0 skipped",
            ),
            ("==== 5 passed, 1 failed in 0.12s ====", "5 passed, 1 failed"),
            ("....\n5 passed in 0.12s\n", "5 passed"),
            ("no tests ran in 0.01s", "no tests ran"),
            ("Ran 12 tests in 0.003s\n\nFAILED (failures=1)", "Ran 12 tests"),
            (
                "Test Suites: 1 failed\nTests:       1 failed, 5 passed, 6 total\nTime: 1 s",
                "1 failed, 5 passed, 6 total",
            ),
            ("      Tests  1 failed | 5 passed (6)\n", "1 failed | 5 passed (6)"),
            ("  12 passing (3s)\n  1 failing\n", "12 passing, 1 failing"),
            ("ℹ tests 3\nℹ pass 2\nℹ fail 1\n", "pass 2, fail 1"),
            ("ok  \ta/b\t0.01s\nok  \ta/c\t(cached)\nFAIL\ta/d\t0.2s\nFAIL\n", "packages: 2 ok, 1 failed"),
            ("FAIL\ta/d [build failed]\nFAIL", "packages: 0 ok, 1 failed"),
            (
                "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s\n\
                 [INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0\n\
                 [WARNING] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1",
                "5 run; 1 failed; 1 skipped",
            ),
            ("10 examples, 2 failures, 1 pending", "10 examples, 2 failures, 1 pending"),
            ("2 doctests, 5 tests, 0 failures", "2 doctests, 5 tests, 0 failures"),
            ("67% tests passed, 1 tests failed out of 3", "67% tests passed, 1 tests failed out of 3"),
            ("Passed!  - Failed:     0, Passed:     5, Total: 5", "Failed: 0, Passed: 5, Total: 5"),
            ("OK (5 tests, 9 assertions)", "5 tests, 9 assertions"),
            ("something else\n\n  last words  \n\n", "last words"),
            ("10%\r50%\r100%", "100%"),
            ("\n \n", "no output"),
        ];
        for (output, expected) in table {
            assert_eq!(note(output), expected, "{output:?}");
        }
    }

    #[test]
    fn a_sum_over_part_of_the_output_says_so() {
        let mut notes = RunnerNotes::new();
        notes.read(b"test result: ok. 1 passed; 0 failed; 0 ignored\n");
        assert_eq!(notes.note(false), "at least 1 passed; 0 failed");
    }

    #[test]
    fn a_number_too_large_for_words_does_no_harm() {
        assert_eq!(
            note("test result: ok. 99999999999999999999999 passed; 0 failed; 0 ignored"),
            "0 passed; 0 failed"
        );
    }
}
