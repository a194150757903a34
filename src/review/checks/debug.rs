//! What was put in to find a bug and should not stay.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::language::Language;
use crate::review::paths;
use crate::review::remark::Remark;
use regex::bytes::Regex;
use std::sync::LazyLock;

/// One thing to look for, in the languages where it means that.
struct Leftover {
    languages: &'static [Language],
    pattern: &'static str,
    /// What is shown of it.
    shown: &'static str,
    severity: Severity,
    body: &'static str,
    wanted: fn(&FileUnderReview<'_>, u32) -> bool,
}

const STOPS: &str = "It stops the program and waits for a debugger. Remove it.";
const TELLS: &str =
    "It was put in to look at something, and prints it wherever this runs. Remove it, or use the log.";

const LEFTOVERS: [Leftover; 20] = [
    leftover(&[Language::Rust], r"\bdbg!\s*[(\[{]", "dbg!", Severity::Warning, TELLS, outside_tests),
    leftover(
        &[Language::Rust],
        r"\b(?:todo|unimplemented)!\s*[(\[{]",
        "todo!",
        Severity::Warning,
        UNFINISHED,
        outside_tests,
    ),
    leftover(
        &[Language::Script],
        r"(?:^|[;{})\s])debugger\s*(?:;|$)",
        "debugger",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Script],
        r"\bconsole\.(?:log|debug|trace|dir|table)\s*\(",
        "console.log",
        Severity::Info,
        TELLS,
        outside_tools,
    ),
    leftover(
        &[Language::Script],
        r"\b(?:describe|it|test|context|suite|specify|bench)\.only\s*[(.`]|\b(?:fdescribe|fit)\s*\(",
        ".only",
        Severity::Error,
        FOCUSED,
        in_tests,
    ),
    leftover(
        &[Language::Python],
        r"\bbreakpoint\s*\(\s*\)",
        "breakpoint()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Python],
        r"\bi?p(?:u)?db\.set_trace\s*\(",
        "set_trace()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Python],
        r"^\s*(?:import|from)\s+i?pu?db\b",
        "import pdb",
        Severity::Warning,
        "Nothing but debugging needs it. Remove it.",
        anywhere,
    ),
    leftover(
        &[Language::Ruby],
        r"\bbinding\.(?:pry|irb|b)\b|^\s*(?:byebug|debugger)\s*$",
        "binding.pry",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Php],
        r"(?:^|[^\w>:$\\])(?:var_dump|dd|dump|print_r)\s*\(",
        "var_dump",
        Severity::Warning,
        TELLS,
        is_php_call,
    ),
    leftover(
        &[Language::Java, Language::JavaLike, Language::CSharp],
        r"\.printStackTrace\s*\(\s*\)",
        "printStackTrace()",
        Severity::Info,
        "The error goes past the log, and the program goes on as if nothing had happened. Log it, or pass it on.",
        anywhere,
    ),
    leftover(
        &[Language::Elixir],
        r"\bIEx\.pry\b|\brequire IEx\b",
        "IEx.pry",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Python],
        r"\bdebugpy\.(?:breakpoint|wait_for_client)\s*\(|\bpydevd(?:_pycharm)?\.settrace\s*\(",
        "debugpy",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Go],
        r"\b(?:spew\.F?[Dd]ump|litter\.Dump|pp\.Print(?:ln)?)\s*\(|(?:^|[;{])[ \t]*println\(",
        "Dump()",
        Severity::Warning,
        TELLS,
        outside_tests,
    ),
    leftover(
        &[Language::Go],
        r"\bruntime\.Breakpoint\(\)",
        "runtime.Breakpoint()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Go],
        r"\bF(?:It|Describe|Context|Specify|Entry|DescribeTable)\(",
        "FIt()",
        Severity::Error,
        FOCUSED,
        in_tests,
    ),
    leftover(
        &[Language::Ruby],
        r#"^\s*f(?:it|describe|context)[ (]["']|,\s*(?:focus:\s*true|:focus)\b"#,
        "focus",
        Severity::Error,
        FOCUSED,
        in_tests,
    ),
    leftover(
        &[Language::C],
        r"\b(?:__debugbreak|DebugBreak|__builtin_debugtrap)\s*\(\s*\)",
        "__debugbreak()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::Perl],
        r"^\s*browser\(\s*\)|\$DB::single\s*=\s*1|^\s*@infiltrate\b",
        "browser()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
    leftover(
        &[Language::CSharp],
        r"\bDebugger\.(?:Break|Launch)\s*\(",
        "Debugger.Break()",
        Severity::Error,
        STOPS,
        anywhere,
    ),
];

const FOCUSED: &str = "Every other test is left out, and the run passes all the same. Remove it.";
const UNFINISHED: &str =
    "The program panics when it gets here. Finish it, or return an error that says what is missing.";

const fn leftover(
    languages: &'static [Language],
    pattern: &'static str,
    shown: &'static str,
    severity: Severity,
    body: &'static str,
    wanted: fn(&FileUnderReview<'_>, u32) -> bool,
) -> Leftover {
    Leftover { languages, pattern, shown, severity, body, wanted }
}

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    LEFTOVERS
        .iter()
        .map(|it| Regex::new(&format!("(?m-u){}", it.pattern)).expect("a fixed pattern"))
        .collect()
});

/// Reports leftovers that stand in code, not in comments or strings.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let Some(language) = file.language.filter(|_| file.is_own_text()) else { return Vec::new() };
    let mut remarks = Vec::new();
    for (leftover, pattern) in LEFTOVERS.iter().zip(PATTERNS.iter()) {
        if !leftover.languages.contains(&language) {
            continue;
        }
        let lines = file
            .lines_with(pattern)
            .filter(|line| stands_in_code(file, *line, pattern) && (leftover.wanted)(file, *line));
        remarks.extend(file.keep(lines.map(|line| {
            Remark::at(
                line,
                leftover.severity,
                format!("`{}` left in the code", leftover.shown),
                leftover.body,
            )
        })));
    }
    // One line is one place to mend, whatever stands there.
    remarks.sort_by_key(|remark: &Remark| (remark.lines, std::cmp::Reverse(remark.severity)));
    remarks.dedup_by_key(|remark| remark.lines);
    remarks
}

fn stands_in_code(file: &FileUnderReview<'_>, number: u32, pattern: &Regex) -> bool {
    let Some(start) = file.start(number) else { return false };
    pattern.find_iter(file.line(number)).any(|hit| {
        // The match may begin with the white space or sign before it, and its last byte may open a string.
        let inside =
            start + hit.start() + hit.as_bytes().iter().position(u8::is_ascii_alphabetic).unwrap_or(0);
        file.kind_at(inside).is_none()
    })
}

fn anywhere(_: &FileUnderReview<'_>, _: u32) -> bool {
    true
}

fn in_tests(file: &FileUnderReview<'_>, _: u32) -> bool {
    paths::is_test(file.path())
}

/// Decides whether printing is not what the file is there for.
fn outside_tools(file: &FileUnderReview<'_>, _: u32) -> bool {
    let tools = [
        "bin", "cli", "scripts", "script", "tools", "tool", "examples", "example", "build", "bench",
        "benches",
    ];
    let name = paths::name(file.path());
    !(paths::is_under(file.path(), &tools)
        || paths::is_test(file.path())
        || name.starts_with("cli.")
        || name.contains(".config.")
        || file.bytes.starts_with(b"#!"))
}

/// Decides whether it is a call and not the declaration of a function of that name.
fn is_php_call(file: &FileUnderReview<'_>, number: u32) -> bool {
    let line = file.line(number);
    !line.windows(9).any(|at| at == b"function ") && !paths::is_test(file.path())
}

fn outside_tests(file: &FileUnderReview<'_>, number: u32) -> bool {
    let helps = ["tests", "benches", "examples"];
    !(paths::is_test(file.path()) || paths::is_under(file.path(), &helps) || is_in_rust_test(file, number))
}

fn is_in_rust_test(file: &FileUnderReview<'_>, number: u32) -> bool {
    let items = file.rust_tests();
    let at = items.partition_point(|(_, last)| *last < number);
    items.get(at).is_some_and(|(first, _)| *first <= number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    const NONE: [u32; 0] = [];

    fn found(path: &str, text: &str) -> Vec<u32> {
        let origin = whole(path, text.as_bytes());
        let mut lines: Vec<_> = check(&FileUnderReview::new(&origin, text.as_bytes()))
            .iter()
            .map(|remark| remark.lines.0)
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn each_language_has_its_own() {
        assert_eq!(found("a.rs", "fn a() {\n    dbg!(x);\n    todo!()\n}\n"), [2, 3]);
        assert_eq!(found("web/a.ts", "debugger;\nconsole.log(x);\n"), [1, 2]);
        assert_eq!(found("a.test.ts", "it.only('x', f);\nfit('y', f);\n"), [1, 2]);
        assert_eq!(found("a.py", "import pdb\npdb.set_trace()\nbreakpoint()\n"), [1, 2, 3]);
        assert_eq!(found("a.rb", "binding.pry\n  byebug\n"), [1, 2]);
        assert_eq!(found("a.php", "<?php\nvar_dump($a);\ndd($b);\n"), [2, 3]);
        assert_eq!(found("A.java", "e.printStackTrace();\n"), [1]);
        assert_eq!(found("a.ex", "require IEx; IEx.pry\n"), [1]);
        assert_eq!(found("a.py", "debugpy.breakpoint()\n"), [1]);
        assert_eq!(
            found(
                "a.go",
                "package a\n\nfunc b() {\n\tspew.Dump(c)\n\tprintln(c)\n\truntime.Breakpoint()\n}\n"
            ),
            [4, 5, 6]
        );
        assert_eq!(found("a_test.go", "FIt(\"b\", c)\n"), [1]);
        assert_eq!(found("a_spec.rb", "fit 'a' do\nit 'b', focus: true do\n"), [1, 2]);
        assert_eq!(found("a.cpp", "  __debugbreak();\n"), [1]);
        assert_eq!(found("a.R", "  browser()\n"), [1]);
    }

    #[test]
    fn comments_strings_tools_and_other_words_are_left_alone() {
        assert_eq!(
            found("a.rs", "// dbg!(x)\nlet a = \"dbg!(x)\";\nlet b = r#\"\ntodo!()\n\"#;\n/*\ndbg!(x)\n*/\n"),
            NONE
        );
        assert_eq!(found("a.go", "fmt.println(a)\nlog.Println(a)\n// println(a)\n"), NONE);
        assert_eq!(found("scripts/a.js", "console.log(x);\n"), NONE);
        assert_eq!(found("a.ts", "const debuggerUrl = 1; list.only('x');\n"), NONE);
        assert_eq!(found("a.php", "<?php\n$x->dd($a); add(1); function dump($x) {}\n"), NONE);
        assert_eq!(found("a.py", "\"\"\"\nbreakpoint()\n\"\"\"\n# pdb.set_trace()\nprint(x)\n"), NONE);
    }

    #[test]
    fn unfinished_rust_is_fine_in_tests() {
        let text = "#[cfg(test)]\nmod tests {\n    fn a() { todo!() }\n}\nfn b() {\n    todo!()\n}\n#[test]\nfn c() {\n    todo!()\n}\n";
        assert_eq!(found("src/a.rs", text), [6]);
        assert_eq!(found("src/a.rs", "#[cfg(not(test))]\nfn a() { todo!() }\n"), [2]);
        assert_eq!(found("tests/a.rs", "fn a() { todo!() }\n"), NONE);
    }
}
