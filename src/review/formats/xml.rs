//! Text as XML wants it.

use crate::domain::words::is_hidden;
use std::fmt::Write;

/// Escapes text for an element or an attribute in double quotes.
///
/// What shows nothing stands there as its number, so that no terminal obeys it. What XML 1.0 cannot hold at all becomes
/// `?`.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // Two of them may begin a command of a pipeline's runner.
            '#' if out.ends_with('#') => out.push_str("&#35;"),
            // An attribute would have line ends as spaces, and a line could begin with a command.
            '\n' | '\r' | '\t' => number(&mut out, character),
            _ if !is_in_xml(character) => out.push('?'),
            _ if is_hidden(character) => number(&mut out, character),
            _ => out.push(character),
        }
    }
    out
}

fn number(out: &mut String, character: char) {
    let _ = write!(out, "&#{};", u32::from(character));
}

/// Tells whether XML 1.0 may hold a character (<https://www.w3.org/TR/xml/#charsets>).
fn is_in_xml(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup_or_lost() {
        assert_eq!(
            escaped("a<b>&\"'\n\u{1b}\u{fffe}ü\u{9b}\u{202e}##["),
            "a&lt;b&gt;&amp;&quot;&apos;&#10;??ü&#155;&#8238;#&#35;["
        );
    }
}
