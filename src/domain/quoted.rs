//! Names of files as git writes them where something in them does not show: `"new\nline"`, `"\377"`.

use super::words::is_clean;
use std::borrow::Cow;

/// Returns a name as texts hold it that are handed in and recorded: as it is, or as git quotes it where it holds something
/// that a terminal would obey, which no such text keeps.
pub fn kept(name: &str) -> Cow<'_, str> {
    if is_clean(name) { Cow::Borrowed(name) } else { quote(name) }
}

/// Returns a name as people and agents are shown it: as it is, or as git quotes it where it would show as something else.
pub fn quote(name: &str) -> Cow<'_, str> {
    if is_clean(name) && !name.contains(['\n', '\t']) {
        return Cow::Borrowed(name);
    }
    let mut quoted = String::with_capacity(name.len() + 8);
    quoted.push('"');
    for character in name.chars() {
        let mut alone = [0; 4];
        match character {
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if is_clean(character.encode_utf8(&mut alone)) => quoted.push(character),
            _ => character
                .encode_utf8(&mut alone)
                .bytes()
                .for_each(|byte| quoted.push_str(&format!("\\{byte:03o}"))),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// Undoes git's quoting; a name without it stays as it is.
pub fn unquote(name: &[u8]) -> Vec<u8> {
    let Some(quoted) = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) else {
        return name.to_vec();
    };
    let mut plain = Vec::with_capacity(quoted.len());
    let mut rest = quoted.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        match rest.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(digit) = rest.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                }
                plain.push(value as u8);
            }
            Some(letter) => plain.push(control(letter)),
            None => plain.push(b'\\'),
        }
    }
    plain
}

fn control(letter: u8) -> u8 {
    match letter {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_and_unicode_names_come_back_whole() {
        assert_eq!(unquote(br#""\303\266\"\\.rs""#), "ö\"\\.rs".as_bytes());
        assert_eq!(unquote("ö.rs".as_bytes()), "ö.rs".as_bytes());
    }

    #[test]
    fn what_does_not_show_is_quoted_and_comes_back() {
        assert_eq!(quote("ö \"a\\b.rs"), "ö \"a\\b.rs");
        assert_eq!(quote("a\n\"\u{1b}\u{202e}.rs"), r#""a\n\"\033\342\200\256.rs""#);
        assert_eq!((kept("a\n\tb"), kept("\u{7}")), ("a\n\tb".into(), r#""\007""#.into()));
        for name in ["a\tb", "\r\n", "\u{1b}[31m\\\"", "x\u{202e}\u{85}y"] {
            let quoted = quote(name);
            assert!(is_clean(&quoted) && !quoted.contains(['\n', '\t']), "{quoted}");
            assert_eq!(unquote(quoted.as_bytes()), name.as_bytes());
        }
    }
}
