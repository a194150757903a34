//! How the built-in agent writes: Markdown that no file name can break, and figures that people can read.

use crate::domain::words::{clean_line, clean_text};
use std::time::Duration;

/// Returns `text` as inline code of at most `max_chars` characters, whatever backticks are in it.
pub(super) fn code(text: &str, max_chars: usize) -> String {
    let text = clean_line(text, max_chars);
    if text.is_empty() {
        return "(no name)".to_owned();
    }
    let ticks = "`".repeat(longest_run_of_backticks(&text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

/// Returns Markdown that stands in one cell of a table.
pub(super) fn cell(markdown: &str) -> String {
    // A table is split into cells before anything else is looked at, code included.
    markdown.replace('|', "\\|")
}

/// Returns `text` as one line of prose of at most `max_chars` characters before escaping.
///
/// Pairs of single backticks stay code; everything else that Markdown or HTML would read is escaped.
pub(super) fn prose(text: &str, max_chars: usize) -> String {
    let text = clean_line(text, max_chars);
    let ticks = text.matches('`').count();
    let keeps_code = ticks.is_multiple_of(2) && !text.contains("``");
    let mut prose = String::with_capacity(text.len() + 8);
    let mut in_code = false;
    for (at, character) in text.char_indices() {
        in_code ^= keeps_code && character == '`';
        let opens_a_block = at == 0 && matches!(character, '#' | '-' | '+' | '=' | '~');
        let is_markup = matches!(character, '\\' | '*' | '[' | ']' | '<' | '>' | '&')
            || (character == '`' && !keeps_code)
            || (character == '_' && !between_words(&text, at));
        if !in_code && (opens_a_block || is_markup) {
            prose.push('\\');
        }
        prose.push(character);
    }
    prose
}

/// Decides whether the character at `at` joins two parts of a word, as in `snake_case`.
fn between_words(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at..].chars().nth(1);
    before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
}

/// Returns `text` as a block quote of at most `max_bytes` bytes before quoting, each line opened by `indent`.
///
/// A fence or an HTML block that is open inside ends with the quote.
pub(super) fn quote(text: &str, indent: &str, max_bytes: usize) -> String {
    let text = clean_text(text, max_bytes);
    let lines = text.trim_matches('\n').lines();
    lines.map(|line| format!("{indent}> {line}").trim_end().to_owned() + "\n").collect()
}

/// Returns lines of output as a fenced block that nothing inside can close.
pub(super) fn fence(text: &str) -> String {
    let ticks = "`".repeat(longest_run_of_backticks(text).max(2) + 1);
    format!("{ticks}text\n{}\n{ticks}\n", text.trim_end_matches('\n'))
}

fn longest_run_of_backticks(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// Returns a count with its noun, in the plural where there is not exactly one.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(count as u64))
}

/// Returns a number with a comma between groups of three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a number of bytes in the largest unit that keeps it at 1 or more.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", units[unit])
}

/// Returns a span of time as people say it: `0.4 s`, `12 s`, `3 min 5 s`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_name_breaks_its_code() {
        assert_eq!(code("src/a.rs", 99), "`src/a.rs`");
        assert_eq!(code("a`b``c", 99), "```a`b``c```");
        assert_eq!(code("`tick`", 99), "`` `tick` ``");
        assert_eq!(code("two\nlines\u{1b}[2J", 99), "`two lines`");
        assert_eq!(code("\u{202e}", 99), "(no name)");
        assert_eq!(cell(&code("a|b", 99)), "`a\\|b`");
    }

    #[test]
    fn prose_keeps_code_and_escapes_the_rest() {
        assert_eq!(prose("call `x[0]` in snake_case", 99), "call `x[0]` in snake_case");
        assert_eq!(prose("an open ` and <b> [l](u) _x_", 99), "an open \\` and \\<b\\> \\[l\\](u) \\_x\\_");
        assert_eq!(prose("# no\nheading", 99), "\\# no heading");
    }

    #[test]
    fn a_quote_holds_every_line() {
        assert_eq!(
            quote("```\nopen\n\n# no heading", "  ", 99),
            "  > ```\n  > open\n  >\n  > # no heading\n"
        );
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fence("a\n````\nb\n"), "`````text\na\n````\nb\n`````\n");
    }

    #[test]
    fn figures_read_well() {
        assert_eq!(
            [thousands(0), thousands(999), thousands(31_400), thousands(1_234_567)].join(" "),
            "0 999 31,400 1,234,567"
        );
        assert_eq!(
            [size(1023), size(1024), size(5 << 20), size(u64::MAX)].join(" "),
            "1023 B 1.0 KiB 5.0 MiB 16777216.0 TiB"
        );
        let spans = [400, 12_900, 60_000, 185_000].map(|millis| span(Duration::from_millis(millis)));
        assert_eq!(spans.join(", "), "0.4 s, 12 s, 1 min, 3 min 5 s");
        assert_eq!([counted(1, "file"), counted(2000, "file")].join(" "), "1 file 2,000 files");
    }
}
