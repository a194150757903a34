//! Private keys in PEM: a block of many lines, whole or cut off.

use std::ops::Range;

/// The furthest that the end of a block is looked for, in bytes; an RSA key of 16,384 bits has 13,000.
const MOST: usize = 16 * 1024;
/// The fewest characters in base64 that count as a piece of a key.
const LEAST: usize = 16;
/// How many words that are no piece of a key may stand between two that are: dates and numbers of lines.
const MOST_ODD: u32 = 12;

/// Whether a text ends within a private key, so that the next line may go on with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenKey {
    /// Words since the last piece of it; `None` outside of a key.
    odd: Option<u32>,
    /// Bytes that have been taken for pieces of it.
    length: usize,
}

impl OpenKey {
    pub fn is_open(self) -> bool {
        self.odd.is_some()
    }
}

/// Looks at a block that begins at `start`; returns where to go on.
pub fn block(text: &str, start: usize, key: &mut OpenKey, spots: &mut Vec<Range<usize>>) -> usize {
    let after = start + "-----BEGIN".len();
    let Some(body_at) = header_end(text, after) else { return after };
    let body_end = (text.len()).min(body_at + MOST);
    let rest = &text.as_bytes()[body_at..body_end];
    let dashes = rest.windows(5).position(|at| at == b"-----");
    if let Some(length) = dashes.filter(|length| rest[*length..].starts_with(b"-----END")) {
        let inside = &rest[..length];
        if longest_run(inside) >= LEAST {
            let end = body_at + length + "-----END".len();
            let close = text.as_bytes()[end..].iter().take(80);
            let label = close.take_while(|byte| is_label(**byte)).count();
            let tail = if text[end + label..].starts_with("-----") { 5 } else { 0 };
            spots.push(start..end + label + tail);
            return end + label + tail;
        }
        return body_at;
    }
    // No short word counts before a long one.
    *key = OpenKey { odd: Some(1), length: 0 };
    body(text, body_at, key, spots)
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
}

/// Returns the end of ` ... PRIVATE KEY-----`, where that is what follows.
fn header_end(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let label = bytes[from..].iter().take(80).take_while(|byte| is_label(**byte)).count();
    let named = bytes[from..from + label].windows(11).any(|at| at == b"PRIVATE KEY");
    let end = from + label;
    (named && bytes[end..].starts_with(b"-----")).then_some(end + 5)
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Tells whether a word is one of letters and digits, and no number.
fn is_mixed(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit()) && word.bytes().filter(u8::is_ascii_alphabetic).count() > 2
}

fn longest_run(bytes: &[u8]) -> usize {
    bytes.split(|byte| !is_base64(byte)).map(<[u8]>::len).max().unwrap_or(0)
}

/// Takes in the pieces of a key whose end is not there, from `from` on; returns where to go on.
pub fn body(text: &str, from: usize, key: &mut OpenKey, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut go_on) = (from, from);
    let Some(mut odd) = key.odd else { return from };
    loop {
        let gap_from = at;
        while at < bytes.len() && !is_base64(&bytes[at]) {
            if bytes[at..].starts_with(b"-----") {
                key.odd = None;
                return if bytes[at..].starts_with(b"-----END") { at + "-----END".len() } else { at };
            }
            // The letter of `\n` belongs to no word.
            at += if bytes[at] == b'\\' && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
                2
            } else {
                1
            };
        }
        at = at.min(bytes.len());
        if at == bytes.len() {
            key.odd = Some(odd);
            return go_on;
        }
        let length = bytes[at..].iter().take_while(|byte| is_base64(byte)).count();
        // The last line of a key may be short; something else stands before it where lines are numbered.
        let ends_line =
            bytes.get(at + length).is_none_or(|byte| matches!(byte, b'\n' | b'\\' | b'\r' | b'"'));
        let new_line = gap_from == 0 || bytes[gap_from..at].contains(&b'\n');
        let tail = length >= 4
            && ends_line
            && ((odd == 0 && new_line) || (key.length > 0 && is_mixed(&text[at..at + length])));
        if length >= LEAST || tail {
            spots.push(at..at + length);
            go_on = at + length;
            odd = 0;
            key.length += length;
            if key.length > 2 * MOST {
                key.odd = None;
                return go_on;
            }
        } else {
            odd += 1;
            if odd > MOST_ODD {
                key.odd = None;
                return go_on;
            }
        }
        at += length;
    }
}
