//! Tells code from comments and strings, in one pass and for any text.
//!
//! It is light on purpose: where it errs it takes code for text up to the end of a line, and a remark is missed rather
//! than made up.

use super::language::{Language, Quote, Syntax};

/// What a stretch of text is, where it isn't code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Comment,
    Text,
}

/// A stretch that isn't code, as byte offsets; the end is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
    pub kind: Kind,
}

/// Returns the comments and strings of a text, in order.
pub fn scan(bytes: &[u8], language: Language) -> Vec<Span> {
    let mut scanner = Scanner { bytes, syntax: language.syntax(), spans: Vec::new(), templates: Vec::new() };
    let stops = scanner.stops();
    let mut at = 0;
    while at < bytes.len() {
        at = if stops[usize::from(bytes[at])] { scanner.step(at) } else { at + 1 };
    }
    scanner.spans
}

struct Scanner<'a> {
    bytes: &'a [u8],
    syntax: Syntax,
    spans: Vec<Span>,
    /// For each open template: how many braces are open in its `${`.
    templates: Vec<u32>,
}

impl Scanner<'_> {
    /// Marks the bytes at which anything but code may begin.
    fn stops(&self) -> [bool; 256] {
        let mut stops = [false; 256];
        let openers = self.syntax.line.iter().chain(self.syntax.block.iter().map(|(open, _)| open));
        for first in openers.filter_map(|opener| opener.bytes().next()).chain(*b"\"'`/{}") {
            stops[usize::from(first)] = true;
        }
        stops
    }

    /// Looks at one place and returns where to go on.
    fn step(&mut self, at: usize) -> usize {
        if let Some(end) = self.comment(at) {
            return self.push(at, end, Kind::Comment);
        }
        match self.bytes[at] {
            b'"' if self.syntax.raw && self.is_raw(at) => {
                let end = self.raw_end(at);
                self.push(at, end, Kind::Text)
            }
            b'"' => self.quoted(at, self.syntax.double),
            b'\'' if !self.syntax.prefixed && self.after_word(at) && self.syntax.single == Quote::Line => {
                at + 1
            }
            b'\'' => self.quoted(at, self.syntax.single),
            b'`' => self.quoted(at, self.syntax.backtick),
            b'/' if self.syntax.pattern && self.may_open_pattern(at) => match self.pattern_end(at) {
                Some(end) => self.push(at, end, Kind::Text),
                None => at + 1,
            },
            b'{' => {
                if let Some(open) = self.templates.last_mut() {
                    *open += 1;
                }
                at + 1
            }
            b'}' => match self.templates.last_mut() {
                Some(0) => {
                    self.templates.pop();
                    self.template(at)
                }
                Some(open) => {
                    *open -= 1;
                    at + 1
                }
                None => at + 1,
            },
            _ => at + 1,
        }
    }

    fn push(&mut self, start: usize, end: usize, kind: Kind) -> usize {
        self.spans.push(Span { start, end, kind });
        end
    }

    fn after_word(&self, at: usize) -> bool {
        at > 0 && self.bytes[at - 1].is_ascii_alphanumeric()
    }

    fn comment(&self, at: usize) -> Option<usize> {
        let rest = &self.bytes[at..];
        if let Some((open, close)) = self.syntax.block
            && rest.starts_with(open.as_bytes())
        {
            return Some(self.block_end(at, open.as_bytes(), close.as_bytes()));
        }
        let marker = self.syntax.line.iter().find(|marker| rest.starts_with(marker.as_bytes()))?;
        // In a shell `$#` and `x#y` are no comments, and neither is `http://`.
        let before = at.checked_sub(1).map_or(b' ', |before| self.bytes[before]);
        let opens = match *marker {
            "#" => !(before.is_ascii_alphanumeric() || b"$&\\{".contains(&before)),
            "//" => before != b':',
            _ => true,
        };
        opens.then(|| self.line_end(at))
    }

    fn line_end(&self, at: usize) -> usize {
        self.bytes[at..].iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |length| at + length)
    }

    fn block_end(&self, at: usize, open: &[u8], close: &[u8]) -> usize {
        let mut depth = 1_usize;
        let mut here = at + open.len();
        while here < self.bytes.len() {
            let rest = &self.bytes[here..];
            if rest.starts_with(close) {
                here += close.len();
                depth -= 1;
                if depth == 0 {
                    return here;
                }
            } else if self.syntax.nested && rest.starts_with(open) {
                here += open.len();
                depth += 1;
            } else {
                here += 1;
            }
        }
        self.bytes.len()
    }

    fn quoted(&mut self, at: usize, quote: Quote) -> usize {
        let mark = self.bytes[at];
        let end = match quote {
            Quote::No => return at + 1,
            Quote::Template => return self.template(at),
            Quote::Char => match self.char_end(at) {
                Some(end) => end,
                None => return at + 1,
            },
            _ if self.syntax.triple && self.bytes[at..].starts_with(&[mark; 3]) => self.triple_end(at, mark),
            Quote::Line => self.text_end(at, mark, true, true),
            Quote::Lines => self.text_end(at, mark, false, true),
            Quote::Raw => self.text_end(at, mark, false, false),
        };
        self.push(at, end, Kind::Text)
    }

    fn text_end(&self, at: usize, mark: u8, one_line: bool, escapes: bool) -> usize {
        let mut here = at + 1;
        while here < self.bytes.len() {
            match self.bytes[here] {
                b'\\' if escapes => here += 1,
                b'\n' if one_line => return here,
                byte if byte == mark => return here + 1,
                _ => {}
            }
            here += 1;
        }
        self.bytes.len()
    }

    fn triple_end(&self, at: usize, mark: u8) -> usize {
        let mut here = at + 3;
        while here < self.bytes.len() {
            if self.bytes[here] == b'\\' {
                here += 1;
            } else if self.bytes[here..].starts_with(&[mark; 3]) {
                return here + 3;
            }
            here += 1;
        }
        self.bytes.len()
    }

    /// Reads a Rust character; a lifetime is none.
    fn char_end(&self, at: usize) -> Option<usize> {
        let rest = &self.bytes[at + 1..];
        if rest.first() == Some(&b'\\') {
            let close = rest.iter().skip(2).take(12).position(|byte| *byte == b'\'')?;
            return Some(at + 1 + 2 + close + 1);
        }
        let length = match rest.first()? {
            0..=0x7f => 1,
            0xf0.. => 4,
            0xe0.. => 3,
            _ => 2,
        };
        (rest.get(length) == Some(&b'\'') && rest[0] != b'\'').then_some(at + length + 2)
    }

    fn hashes_before(&self, at: usize) -> usize {
        self.bytes[..at].iter().rev().take_while(|byte| **byte == b'#').count()
    }

    fn is_raw(&self, at: usize) -> bool {
        let letter = at - self.hashes_before(at);
        let Some(prefix) = self.bytes[..letter].strip_suffix(b"r") else { return false };
        let word = prefix.strip_suffix(b"b").or(prefix.strip_suffix(b"c")).unwrap_or(prefix);
        !word.last().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    fn raw_end(&self, at: usize) -> usize {
        let hashes = self.hashes_before(at);
        let mut here = at + 1;
        while here < self.bytes.len() {
            if self.bytes[here] != b'"' {
                here += 1;
                continue;
            }
            let found = self.bytes[here + 1..].iter().take(hashes).take_while(|byte| **byte == b'#').count();
            here += 1 + found;
            if found == hashes {
                return here;
            }
        }
        self.bytes.len()
    }

    /// Reads template text from a backtick, or from the `}` that ends its code.
    fn template(&mut self, at: usize) -> usize {
        let mut here = at + 1;
        while here < self.bytes.len() {
            match self.bytes[here] {
                b'\\' => here += 1,
                b'`' => return self.push(at, here + 1, Kind::Text),
                b'$' if self.bytes.get(here + 1) == Some(&b'{') => {
                    self.templates.push(0);
                    return self.push(at, here + 2, Kind::Text);
                }
                _ => {}
            }
            here += 1;
        }
        self.push(at, self.bytes.len(), Kind::Text)
    }

    /// After an operator `/` opens a pattern; after a value it divides, and after `<` it closes a tag.
    fn may_open_pattern(&self, at: usize) -> bool {
        let before = self.bytes[at.saturating_sub(64)..at].trim_ascii_end();
        match before.last() {
            None => true,
            Some(byte) if b"(,=:[!&|?{};~+-*%^".contains(byte) => true,
            _ => [b"return".as_slice(), b"typeof", b"case"].iter().any(|word| before.ends_with(word)),
        }
    }

    fn pattern_end(&self, at: usize) -> Option<usize> {
        let mut here = at + 1;
        let mut in_set = false;
        // A division that was mistaken ends here too, so a long line stays cheap.
        let limit = self.bytes.len().min(at + 400);
        while here < limit {
            match self.bytes[here] {
                b'\\' => here += 1,
                b'\n' => return None,
                b'[' => in_set = true,
                b']' => in_set = false,
                b'/' if !in_set => return Some(here + 1),
                _ => {}
            }
            here += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Shows comments as `c` and text as `t`, line ends and code as they are.
    fn shown(text: &str, language: Language) -> String {
        let mut shown: Vec<u8> = text.bytes().collect();
        for span in scan(text.as_bytes(), language) {
            for byte in &mut shown[span.start..span.end] {
                if *byte != b'\n' {
                    *byte = if span.kind == Kind::Comment { b'c' } else { b't' };
                }
            }
        }
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn rust_raw_strings_lifetimes_and_nested_comments_are_told_apart() {
        assert_eq!(shown("f(r#\"a\" // no\"#); x", Language::Rust), "f(r#ttttttttttt); x");
        assert_eq!(shown("fn f<'a>(x: &'a str) { 'x' }", Language::Rust), "fn f<'a>(x: &'a str) { ttt }");
        assert_eq!(shown("/* a /* b */ c */ x", Language::Rust), "ccccccccccccccccc x");
        assert_eq!(shown("'\"' + \"a\nb\" // y", Language::Rust), "ttt + tt\ntt cccc");
        assert_eq!(shown("'\\'' x '\\u{1F}' y", Language::Rust), "tttt x tttttttt y");
    }

    #[test]
    fn templates_and_patterns_of_javascript_are_read() {
        assert_eq!(shown("`a${b({x:1})}c` d", Language::Script), "ttttb({x:1})ttt d");
        assert_eq!(shown("x = /[/'\"]/g; y / z", Language::Script), "x = tttttttg; y / z");
        assert_eq!(shown("<p>don't</p> // c", Language::Script), "<p>don't</p> cccc");
    }

    #[test]
    fn python_triple_quotes_reach_over_lines() {
        assert_eq!(shown("\"\"\"a\n# b\"\"\" x # c", Language::Python), "tttt\ntttttt x ccc");
        assert_eq!(shown("r'#' + x", Language::Python), "rttt + x");
    }

    #[test]
    fn a_hash_inside_a_word_opens_no_comment() {
        assert_eq!(shown("echo $# a#b 'it' # c", Language::Shell), "echo $# a#b tttt ccc");
    }

    proptest! {
        #[test]
        fn spans_of_any_bytes_are_in_order_and_in_range(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for language in [Language::Rust, Language::Script, Language::Python, Language::Lua, Language::Html] {
                let mut end = 0;
                for span in scan(&bytes, language) {
                    prop_assert!(span.start >= end && span.end >= span.start && span.end <= bytes.len());
                    end = span.end;
                }
            }
        }
    }
}
