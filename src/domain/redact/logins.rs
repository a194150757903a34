//! Logins as programs take them: on a command line, in the header of a request, in a `.netrc`.

use super::names;
use std::ops::Range;

/// How far a command line is looked at, in bytes.
const COMMAND: usize = 300;
/// How far a list of cookies is looked at, in bytes.
const COOKIES: usize = 1_024;
/// What else begins with `-p`, where a client of a database is named.
const NO_PASSWORDS: &[&str] =
    &["thread", "rint", "rint0", "ath", "ort", "rofile", "roject", "arents", "lugin"];

/// Looks at the word at `from`, that a program takes for a password; returns where to go on.
pub fn word_at(text: &str, from: usize, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let gap = bytes[from..].iter().take(4).take_while(|byte| **byte == b' ').count();
    let spot = word(bytes, from + gap);
    if spot.len() >= 3 && is_written_out(&text[spot.clone()]) {
        spots.push(spot);
    }
    from
}

/// Looks at the options behind `mysql`, of which `-p` has the password at its end.
pub fn of_client(text: &str, from: usize, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let end = bytes[from..].iter().take(COMMAND).position(|byte| b"\n|;&".contains(byte));
    let end = end.map_or(bytes.len().min(from + COMMAND), |length| from + length);
    let option = bytes[from..end].windows(3).position(|three| three == b" -p");
    let Some(begin) =
        option.map(|at| from + at + 3).filter(|at| bytes.get(*at).is_some_and(|byte| *byte != b' '))
    else {
        return from;
    };
    let spot = word(bytes, begin);
    let value = &text[spot.clone()];
    if spot.len() >= 3 && is_written_out(value) && !NO_PASSWORDS.contains(&value) {
        spots.push(spot);
    }
    from
}

/// Looks at what follows `-u NAME:` on a command line that calls `curl`; elsewhere that is a user and a group.
pub fn of_curl(text: &str, found: Range<usize>, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let before = &bytes[found.start.saturating_sub(COMMAND)..found.start];
    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if !line.windows(4).any(|four| four.eq_ignore_ascii_case(b"curl")) {
        return found.start + 2;
    }
    let spot = word(bytes, found.end);
    if spot.len() >= 3 && is_written_out(&text[spot.clone()]) {
        spots.push(spot);
    }
    // The name may be more than one of somebody.
    found.start + 2
}

/// Looks at what follows `Cookie:` or `Set-Cookie:`, of which the values go that nobody has thought of.
pub fn cookies(text: &str, from: usize, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let from = from + bytes[from..].iter().take(20).take_while(|byte| b" \\\"'".contains(byte)).count();
    let end = bytes[from..].iter().take(COOKIES).position(|byte| b"\n\r\"\'`\\".contains(byte));
    let end = end.map_or(bytes.len().min(from + COOKIES), |length| from + length);
    let mut begin = from;
    for pair in bytes[from..end].split(|byte| *byte == b';') {
        let of_pair = begin..begin + pair.len();
        begin = of_pair.end + 1;
        let Some(sign) = pair.iter().position(|byte| *byte == b'=') else { continue };
        let value = of_pair.start + sign + 1;
        let spot = word(bytes, value);
        let spot = spot.start..spot.end.min(of_pair.end);
        // One that ends with the window may go on behind it.
        let spot = if spot.end == from + COOKIES { word(bytes, value) } else { spot };
        let Some(shown) = text.get(spot.clone()) else { continue };
        let is_long_hex = shown.len() >= 16 && shown.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_written_out(shown) && (is_long_hex || names::is_random(shown)) {
            spots.push(spot);
        }
    }
    from
}

/// Returns the password of a `.netrc` that begins behind `end`, where the word that ends there has it behind itself.
pub fn of_netrc(text: &str, begin: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let gap = bytes[end..].iter().take(20).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if gap == 0 || !text[begin..end].eq_ignore_ascii_case("password") {
        return None;
    }
    let before = &bytes[begin.saturating_sub(COMMAND)..begin];
    let words = before.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).rev();
    let words: Vec<&[u8]> = words.take(4).collect();
    let is = |at: usize, name: &[u8]| words.get(at).is_some_and(|word| word.ends_with(name));
    if !is(1, b"login") || !(is(3, b"machine") || is(2, b"default")) {
        return None;
    }
    let spot = word(bytes, end + gap);
    (spot.len() >= 3 && is_written_out(&text[spot.clone()])).then_some(spot)
}

/// Returns where the word at `from` is: in quotes, or up to a space.
fn word(bytes: &[u8], from: usize) -> Range<usize> {
    let escapes = bytes[from..].iter().take(8).take_while(|byte| **byte == b'\\').count();
    let quote = bytes.get(from + escapes).filter(|byte| matches!(byte, b'"' | b'\''));
    let begin = if quote.is_some() { from + escapes + 1 } else { from };
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"\'`\\;|<>".contains(byte);
    begin..bytes[begin..].iter().position(ends).map_or(bytes.len(), |length| begin + length)
}

/// Tells whether a value is written out here, and not only spoken about or filled in later.
fn is_written_out(value: &str) -> bool {
    !value.starts_with(['$', '{', '<', '*', '[', '%', '(', '-', '.', '@']) && !value.contains("...")
}
