//! Tests that were switched off, and nobody says why.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::language::Language;
use crate::review::paths;
use crate::review::remark::Remark;
use crate::review::scan::Kind;
use regex::bytes::Regex;
use std::sync::LazyLock;

/// What switches a test off without a reason, by language. What takes a reason is found only where it was given none.
const SKIPS: [(&[Language], &str); 8] = [
    (
        &[Language::Script],
        r#"\b(?:describe|it|test|context|suite|specify)\.skip\s*[(.`]|\b(?:xit|xdescribe|xtest|xcontext)\s*\("#,
    ),
    (
        &[Language::Python],
        r"@(?:pytest\.mark\.skip|unittest\.skip)\s*(?:\(\s*\)\s*)?(?:#|$)|\bpytest\.skip\(\s*\)|\bself\.skipTest\(\s*\)",
    ),
    (&[Language::Rust], r"#\[ignore\]"),
    (&[Language::Java, Language::JavaLike], r"@(?:Disabled|Ignore)\s*(?:\(\s*\)\s*)?(?:/|$)"),
    (&[Language::Go], r"\b[tb]\.Skip(?:Now)?\(\s*\)|\b[XP](?:It|Describe|Context|Specify)\("),
    (&[Language::CSharp], r"\[Ignore\]"),
    (&[Language::Ruby], r#"^\s*x(?:it|describe|context|specify)[ (]["']|^\s*(?:skip|pending)\s*(?:#|$)"#),
    (&[Language::Php], r"->markTest(?:Skipped|Incomplete)\(\s*\)"),
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    SKIPS
        .iter()
        .map(|(_, pattern)| Regex::new(&format!("(?m-u){pattern}")).expect("a fixed pattern"))
        .collect()
});

const BODY: &str = "A test that is not run finds nothing, and without a reason nobody knows when to switch it on again. Say \
                    why beside it, with where that is tracked, or mend it.";

/// Reports tests that are switched off where neither the call nor a comment at it says why.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let Some(language) = file.language.filter(|_| file.is_own_text()) else { return Vec::new() };
    // Rust has its tests among the source, and marks them as such.
    if !paths::is_test(file.path()) && language != Language::Rust {
        return Vec::new();
    }
    let Some(at) = SKIPS.iter().position(|(languages, _)| languages.contains(&language)) else {
        return Vec::new();
    };
    let pattern = &PATTERNS[at];
    let lines = file
        .lines_with(pattern)
        .filter(|line| stands_in_code(file, *line, pattern) && !has_reason(file, *line));
    file.keep(lines.map(|line| {
        Remark::at(line, Severity::Info, "Test is switched off without a reason", BODY).sure(0.8)
    }))
}

fn stands_in_code(file: &FileUnderReview<'_>, number: u32, pattern: &Regex) -> bool {
    let Some(start) = file.start(number) else { return false };
    let is_sign = |byte: &u8| !byte.is_ascii_whitespace();
    pattern.find_iter(file.line(number)).any(|hit| {
        let sign = hit.as_bytes().iter().position(is_sign).unwrap_or(0);
        file.kind_at(start + hit.start() + sign).is_none()
    })
}

/// Decides whether a comment stands on the line, or is all of the line before it or after it.
fn has_reason(file: &FileUnderReview<'_>, number: u32) -> bool {
    let Some(start) = file.start(number) else { return false };
    let end = start + file.line(number).len();
    let here = file.has_comment(start, end);
    let is_comment = |number: u32| {
        let (line, start) = (file.line(number), file.start(number));
        let first = line.iter().position(|byte| !byte.is_ascii_whitespace());
        first.zip(start).is_some_and(|(first, start)| file.kind_at(start + first) == Some(Kind::Comment))
    };
    here || is_comment(number.saturating_sub(1)) || is_comment(number + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::lines_found;

    const NONE: [u32; 0] = [];

    fn found(path: &str, text: &str) -> Vec<u32> {
        lines_found(check, path, text)
    }

    #[test]
    fn each_language_switches_off_in_its_own_way() {
        assert_eq!(found("a.test.ts", "it.skip('a', f);\nxdescribe('b', f);\nit('c', f);\n"), [1, 2]);
        assert_eq!(
            found("test_a.py", "@pytest.mark.skip\ndef a(): pass\n@unittest.skip()\ndef b(): pass\n"),
            [1, 3]
        );
        assert_eq!(found("src/a.rs", "#[test]\n#[ignore]\nfn a() {}\n"), [2]);
        assert_eq!(found("ATest.java", "  @Disabled\n  void a() {}\n"), [1]);
        assert_eq!(found("a_test.go", "func TestA(t *testing.T) {\n\tt.Skip()\n}\n"), [2]);
        assert_eq!(found("a_spec.rb", "xit 'a' do\nend\n  skip\n"), [1, 3]);
        assert_eq!(found("ATest.php", "<?php\n$this->markTestSkipped();\n"), [2]);
    }

    #[test]
    fn a_reason_will_do_wherever_it_stands() {
        assert_eq!(found("a.test.ts", "it.skip('a', f); // slow on CI, #12\n// flaky\nxit('b', f);\n"), NONE);
        assert_eq!(
            found("test_a.py", "@pytest.mark.skip(reason='no net')\nx = \"@pytest.mark.skip\"\n"),
            NONE
        );
        assert_eq!(found("src/a.rs", "#[ignore = \"by hand\"]\nfn a() {}\nlet b = \"#[ignore]\";\n"), NONE);
        assert_eq!(found("a_test.go", "t.Skip(\"no net\")\n"), NONE);
        assert_eq!(found("src/a.ts", "stream.skip(1); xit(2);\n"), NONE);
    }
}
