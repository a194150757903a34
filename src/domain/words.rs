//! What other people's words may look like once they are ours: no control characters, no escape sequences, nothing
//! invisible, and never longer than asked.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Stands where text was cut.
const CUT: char = '…';

/// Returns the last line of a text that says something, as it stands; nothing where none does.
pub fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// Returns `text` as one harmless line of at most `max_chars` characters.
///
/// White space, line ends included, is folded into single spaces and goes at both ends. A cut shows as `…`.
pub fn clean_line(text: &str, max_chars: usize) -> String {
    as_clean_line(text, max_chars).into_owned()
}

/// The same, without a copy of what is one already, as most names are.
pub fn as_clean_line(text: &str, max_chars: usize) -> Cow<'_, str> {
    match text.len() <= max_chars && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(cleaned_line(text, max_chars)),
    }
}

fn cleaned_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    // A space is written only once something follows it.
    let mut gap = false;
    for character in Harmless::of(text) {
        if character.is_whitespace() {
            gap = length > 0;
            continue;
        }
        length += 1 + usize::from(gap);
        if length > max_chars {
            return cut_to_chars(&line, max_chars);
        }
        if gap {
            line.push(' ');
        }
        gap = false;
        line.push(character);
    }
    line
}

fn cut_to_chars(line: &str, max_chars: usize) -> String {
    let kept: String = line.chars().take(max_chars.saturating_sub(1)).collect();
    let mut kept = kept.trim_end().to_owned();
    if max_chars > 0 {
        kept.push(CUT);
    }
    kept
}

/// Returns `text` as harmless lines of at most `max_bytes` bytes together; line ends and tabs stay.
///
/// A carriage return counts as a line end, so that nothing can be written over. A cut shows as `…`.
pub fn clean_text(text: &str, max_bytes: usize) -> String {
    let mut clean = String::new();
    for character in Harmless::of(text) {
        if clean.len() + character.len_utf8() > max_bytes {
            return cut_to_bytes(clean, max_bytes);
        }
        clean.push(character);
    }
    clean
}

/// Tells whether `clean_text` would leave all of a text as it is.
pub fn is_clean(text: &str) -> bool {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
    // In blocks, so that the processor takes many at once.
    let all_plain = |block: &[u8]| block.iter().fold(true, |all, byte| all & plain(byte));
    text.as_bytes().chunks(256).all(all_plain)
        || !text.chars().any(|c| c == '\r' || is_hidden(c) || is_line_end(c))
}

/// Returns JSON in which every character that shows nothing, or changes how others are shown, is written as its number.
/// Two hashes, which stand in strings only, are written so that no runner of a pipeline takes them for the beginning of a
/// command. What it says stays the same.
pub fn visible_json(json: &str) -> Cow<'_, str> {
    let json = match json.contains("##") {
        true => Cow::Owned(json.replace("##", "#\\u0023")),
        false => Cow::Borrowed(json),
    };
    if !json.chars().any(|c| is_hidden(c) || is_line_end(c)) {
        return json;
    }
    let mut visible = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hidden(character) || is_line_end(character) {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            units.iter().for_each(|unit| visible.push_str(&format!("\\u{unit:04x}")));
        } else {
            visible.push(character);
        }
    }
    Cow::Owned(visible)
}

/// Returns `text` as one line in which every character that shows nothing, or changes how others are shown, is written
/// out: `<U+202E>`. Nobody overlooks what is really there; tabs stay.
pub fn revealed_line(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| c == '\n' || c == '\r' || is_hidden(c) || is_line_end(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut revealed = String::with_capacity(text.len());
    for character in text.chars() {
        match hidden(character) {
            true => revealed.push_str(&format!("<U+{:04X}>", character as u32)),
            false => revealed.push(character),
        }
    }
    Cow::Owned(revealed)
}

fn is_line_end(character: char) -> bool {
    matches!(character, '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn cut_to_bytes(mut clean: String, max_bytes: usize) -> String {
    let Some(room) = max_bytes.checked_sub(CUT.len_utf8()) else {
        return clean;
    };
    clean.truncate(clean.floor_char_boundary(room));
    clean.push(CUT);
    clean
}

/// The characters of a text that may be shown. Every kind of line end comes out as `\n`.
struct Harmless<'a> {
    rest: Peekable<Chars<'a>>,
}

impl<'a> Harmless<'a> {
    fn of(text: &'a str) -> Harmless<'a> {
        Harmless { rest: text.chars().peekable() }
    }

    /// Skips what follows an ESC.
    fn skip_escape(&mut self) {
        match self.rest.peek() {
            Some('[') => {
                self.rest.next();
                self.skip_control_sequence();
            }
            Some(']' | 'P' | 'X' | '^' | '_') => {
                self.rest.next();
                self.skip_control_string();
            }
            _ => {
                self.skip_while(|c| matches!(c, ' '..='/'));
                self.skip_one(|c| matches!(c, '0'..='~'));
            }
        }
    }

    /// Skips parameters, intermediates and the final character of a CSI sequence.
    fn skip_control_sequence(&mut self) {
        self.skip_while(|c| matches!(c, '0'..='?'));
        self.skip_while(|c| matches!(c, ' '..='/'));
        self.skip_one(|c| matches!(c, '@'..='~'));
    }

    /// Skips the text of an OSC, DCS or the like, with its terminator.
    fn skip_control_string(&mut self) {
        // One that is never closed ends with its line, or it would hide everything that follows.
        while let Some(next) = self.rest.next_if(|c| !matches!(c, '\n' | '\r')) {
            match next {
                '\u{07}' | '\u{18}' | '\u{1a}' | '\u{9c}' => return,
                '\u{1b}' => {
                    self.skip_one(|c| c == '\\');
                    return;
                }
                _ => {}
            }
        }
    }

    fn skip_while(&mut self, unwanted: impl Fn(char) -> bool) {
        while self.rest.next_if(|c| unwanted(*c)).is_some() {}
    }

    fn skip_one(&mut self, unwanted: impl Fn(char) -> bool) {
        self.rest.next_if(|c| unwanted(*c));
    }
}

impl Iterator for Harmless<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        loop {
            match self.rest.next()? {
                '\r' => {
                    self.skip_one(|c| c == '\n');
                    return Some('\n');
                }
                end if is_line_end(end) => return Some('\n'),
                '\u{1b}' => self.skip_escape(),
                '\u{9b}' => self.skip_control_sequence(),
                '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => self.skip_control_string(),
                shown if !is_hidden(shown) => return Some(shown),
                _ => {}
            }
        }
    }
}

/// Decides whether a character shows nothing, or changes how others are shown.
pub fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        control if control.is_control() => true,
        _ => matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'                       // Mongolian selectors and vowel separator
            | '\u{200b}'..='\u{200f}'                       // zero width, direction marks
            | '\u{202a}'..='\u{202e}'                       // embeddings and overrides of direction
            | '\u{2060}'..='\u{206f}'                       // joiners, isolates, deprecated format characters
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fe00}'..='\u{fe0f}'                       // variation selectors
            | '\u{fff9}'..='\u{fffb}'                       // interlinear annotation
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'), // tags: a whole hidden alphabet
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_go_whole() {
        let cases = [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{07}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}P1$q\"p\u{1b}\\dcs", "dcs"),
            ("\u{9b}31mred \u{9d}0;title\u{9c}eight", "red eight"),
            ("\u{1b}(Bcharset \u{1b}7saved \u{1b}cfull", "charset saved full"),
            ("\u{1b}[31", ""),
            ("\u{1b}", ""),
        ];
        for (text, clean) in cases {
            assert_eq!(clean_line(text, 99), clean, "{text:?}");
        }
    }

    #[test]
    fn an_open_escape_sequence_hides_no_further_line() {
        assert_eq!(clean_text("\u{1b}]0;never closed\nstill here", 99), "\nstill here");
        assert_eq!(clean_text("\u{1b}[31\nstill here", 99), "\nstill here");
    }

    #[test]
    fn what_cannot_be_seen_goes() {
        assert_eq!(
            clean_line("pass\u{202e}drow\u{2066}\u{200b}\u{feff}\u{e0041}\u{0}\u{8}\u{7f}\u{ad}!", 99),
            "passdrow!"
        );
    }

    #[test]
    fn words_of_every_language_stay() {
        assert_eq!(clean_line("Größe, 日本語, عربى, 🎉", 99), "Größe, 日本語, عربى, 🎉");
    }

    #[test]
    fn json_says_the_same_when_all_of_it_can_be_seen() {
        let value = serde_json::json!({"a\u{202e}": "\u{1b}[31m\u{9b}\u{2028}\u{e0041}ü"});
        let text = value.to_string();
        let visible = visible_json(&text);
        assert_eq!(visible, "{\"a\\u202e\":\"\\u001b[31m\\u009b\\u2028\\udb40\\udc41ü\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&visible).unwrap(), value);
    }

    #[test]
    fn what_hides_is_written_out() {
        assert_eq!(revealed_line("a\tb \u{1b}[31mred\u{202e}\r"), "a\tb <U+001B>[31mred<U+202E><U+000D>");
        assert!(matches!(revealed_line("+ plain ü"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(clean_line("  a\n\n\tb\r\nc\u{2028}d  e \n", 99), "a b c d e");
    }

    #[test]
    fn text_keeps_lines_and_tabs() {
        assert_eq!(clean_text("a\tb\r\nover\rwritten\n", 99), "a\tb\nover\nwritten\n");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(clean_line("日本語です", 3), "日本…");
        assert_eq!(clean_line("日本語", 3), "日本語");
        assert_eq!(clean_text("日本語", 8), "日…");
        assert_eq!(clean_text("日本語", 9), "日本語");
        assert_eq!((clean_line("x", 0), clean_text("日", 2)), (String::new(), String::new()));
    }

    proptest! {
        #[test]
        fn whatever_comes_in_is_harmless_and_bounded(text in any::<String>(), max in 0usize..40) {
            let line = clean_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(|c| c == '\n' || c == '\t' || is_hidden(c)));
            prop_assert_eq!(line.trim(), line.as_str());
            let clean = clean_text(&text, max);
            prop_assert!(clean.len() <= max);
            prop_assert!(!clean.chars().any(is_hidden));
            prop_assert_eq!(clean_text(&clean, max), clean);
            prop_assert_eq!(is_clean(&text), clean_text(&text, usize::MAX) == text);
        }
    }
}
