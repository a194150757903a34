//! Secrets in other people's words, taken out before the words are kept.
//!
//! Hidden is what is a secret by its form (`shapes`), what stands where a secret does (`names`), private keys (`pem`),
//! and every value that is known to be one. The review's list is stricter, because it reports where this one only has
//! to hide.
//!
//! # How it works
//!
//! One search over the text stops where a secret may begin. What is found there is looked at as far as it goes, and the
//! search goes on behind it; where nothing is found, only a bounded piece has been looked at. So the work grows with
//! the length of the text and with nothing else, whatever the text says.

mod logins;
mod names;
mod pem;
mod shapes;
mod stream;

pub use names::is_secret_name;
pub use stream::SafeStream;

use super::words::{clean_line, clean_text, is_clean};
use pem::OpenKey;
use regex::Regex;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

/// Stands where a secret was.
pub const HIDDEN: &str = "[redacted]";

/// The most characters of a secret, which may lie across the place where a text is cut.
pub const LONGEST: usize = 4_096;

/// The shortest value of a variable that counts as a secret because of the variable's name. A shorter one is a word that
/// may stand anywhere.
pub const SHORTEST_KNOWN: usize = 8;

/// Where a secret may begin, or its name.
static TRIGGERS: LazyLock<Regex> = LazyLock::new(|| {
    let prefixes: Vec<String> = shapes::SHAPES.iter().map(|shape| regex::escape(shape.prefix)).collect();
    let words = "bearer|basic|token|secret|passw|passphrase|pwd|credential|authorization";
    let keys = "(?:api|private|access|account|auth|signing|encryption|master|shared|license)[_-]?key";
    // Words that stand everywhere, and only before a sign may be the name of something.
    let short = r#"(?:pass|auth|cookie)[\\"'\]]{0,4}[ \t]{0,3}[=:]|-pass |sig="#;
    let logins =
        r#"-u[ =]?["']?[a-z0-9_.@-]{1,40}:|--user[ =]["']?[a-z0-9_.@-]{1,40}:|sshpass -p|mysql|mariadb"#;
    Regex::new(&format!("{}|-----BEGIN|://|(?i-u:{words}|{keys}|{short}|{logins})", prefixes.join("|")))
        .expect("a fixed pattern")
});

/// An escape sequence as JSON writes it.
static WRITTEN_ESCAPES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\\+u00[19][bB](?:\[[0-9;?]{0,20}[@-~])?|\\+u20(?:2[a-eA-E]|6[6-9])")
        .expect("a fixed pattern")
});

/// Takes secrets out of texts.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    /// The longest first.
    known: Vec<String>,
}

impl Redactor {
    /// Returns one that hides these values too, wherever they stand; an empty one is none.
    pub fn knowing<S: Into<String>>(secrets: impl IntoIterator<Item = S>) -> Redactor {
        let mut known: Vec<String> = Vec::new();
        for secret in secrets.into_iter().map(Into::into).filter(|secret: &String| !secret.is_empty()) {
            // As it stands in JSON, where that is different.
            let quoted = Value::from(secret.as_str()).to_string();
            known.push(quoted[1..quoted.len() - 1].to_owned());
            known.push(secret);
        }
        known.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        known.dedup();
        Redactor { known }
    }

    /// Returns `text` without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.text_within(text, &mut OpenKey::default())
    }

    /// Returns `text` without secrets; `key` as for `spots`.
    ///
    /// A program that colours its words may have cut a secret in two. Where such a colour is written as JSON does it, and
    /// taking it out shows a secret, it stays out.
    fn text_within<'a>(&self, text: &'a str, key: &mut OpenKey) -> Cow<'a, str> {
        let mut other = *key;
        let spots = self.spots(text, key);
        if let Cow::Owned(plain) = WRITTEN_ESCAPES.replace_all(text, "") {
            let found = self.spots(&plain, &mut other);
            if found.len() > spots.len() {
                *key = other;
                return Cow::Owned(without(&plain, &found).into_owned());
            }
        }
        without(text, &spots)
    }

    /// Returns `text` without the values that are known, whatever else may be in it.
    pub fn known_taken_out<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut spots = Vec::new();
        self.known_spots(text, &mut spots);
        without(text, &merged(spots))
    }

    /// Returns `text` as one harmless line of at most `max_chars` characters, without secrets.
    pub fn line(&self, text: &str, max_chars: usize) -> String {
        // What is cut first could leave the beginning of a secret behind.
        let line = clean_line(text, max_chars + LONGEST);
        clean_line(&self.text(&line), max_chars)
    }

    /// Returns `text` as harmless lines of at most `max_bytes` bytes, without secrets.
    pub fn lines(&self, text: &str, max_bytes: usize) -> String {
        let lines = clean_text(text, max_bytes.saturating_add(LONGEST));
        clean_text(&self.text(&lines), max_bytes)
    }

    /// Makes every text of a JSON value harmless and takes secrets out; what is no text stays as it is.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(safe) = self.harmless(text) {
                    *text = safe;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => {
                let strange = |key: &String| matches!(self.harmless(key), Cow::Owned(_));
                for key in fields.keys().filter(|key| strange(key)).cloned().collect::<Vec<_>>() {
                    let field = fields.remove(&key).unwrap_or_default();
                    fields.insert(self.harmless(&key).into_owned(), field);
                }
                for (key, field) in fields.iter_mut() {
                    match field {
                        Value::String(text) if names::hides(key, text) => *text = HIDDEN.to_owned(),
                        field => self.value(field),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn harmless<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if is_clean(text) {
            return self.text(text);
        }
        Cow::Owned(self.text(&clean_text(text, usize::MAX)).into_owned())
    }

    /// Tells whether a text may hold a secret, or something that is not to be shown.
    pub fn is_worth_a_look(&self, text: &str) -> bool {
        !is_clean(text) || TRIGGERS.is_match(text) || self.known.iter().any(|known| text.contains(known))
    }

    /// Returns where the secrets of a text are, in order and apart from each other. `key` tells whether the text begins
    /// within a private key, and is left telling whether it ends in one.
    fn spots(&self, text: &str, key: &mut OpenKey) -> Vec<Range<usize>> {
        let mut spots = Vec::new();
        self.known_spots(text, &mut spots);
        Scan { text, at: 0, floor: 0, word: 0..0, spots: &mut spots }.all(key);
        merged(spots)
    }

    fn known_spots(&self, text: &str, into: &mut Vec<Range<usize>>) {
        for known in &self.known {
            into.extend(text.match_indices(known).map(|(at, found)| at..at + found.len()));
        }
    }
}

/// Returns `text` as one harmless line of at most `max_chars` characters, without secrets. `known` are secrets whose
/// value is known; an empty one is none.
pub fn safe_line(text: &str, known: &[&str], max_chars: usize) -> String {
    Redactor::knowing(known.iter().copied()).line(text, max_chars)
}

/// Puts spots in order, and those together that overlap.
fn merged(mut spots: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spots.retain(|spot| !spot.is_empty());
    spots.sort_by_key(|spot| spot.start);
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(spots.len());
    for spot in spots {
        match apart.last_mut() {
            Some(last) if spot.start < last.end => last.end = last.end.max(spot.end),
            _ => apart.push(spot),
        }
    }
    apart
}

fn without<'a>(text: &'a str, spots: &[Range<usize>]) -> Cow<'a, str> {
    if spots.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for spot in spots {
        kept.push_str(&text[from..spot.start]);
        kept.push_str(HIDDEN);
        from = spot.end;
    }
    kept.push_str(&text[from..]);
    Cow::Owned(kept)
}

/// One search over a text.
struct Scan<'a, 'b> {
    text: &'a str,
    /// Where the search goes on.
    at: usize,
    /// Names begin no further back: what lies before has been looked at for its name.
    floor: usize,
    /// The last word that was measured, so that one is never measured twice.
    word: Range<usize>,
    spots: &'b mut Vec<Range<usize>>,
}

impl Scan<'_, '_> {
    fn all(&mut self, key: &mut OpenKey) {
        if key.is_open() {
            self.at = pem::body(self.text, 0, key, self.spots);
        }
        while let Some(found) = TRIGGERS.find_at(self.text, self.at) {
            self.at = match found.as_str() {
                "-----BEGIN" => pem::block(self.text, found.start(), key, self.spots),
                "://" => self.login(found.end()),
                word => match shapes::SHAPES.iter().find(|shape| shape.prefix == word) {
                    Some(shape) => self.shape(shape, found.range()),
                    None if word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic") => {
                        self.scheme(found.range())
                    }
                    None => self.named(found.range()),
                },
            };
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Looks at what begins like a token; returns where to go on.
    fn shape(&mut self, shape: &shapes::Shape, prefix: Range<usize>) -> usize {
        let reader = shapes::Reader { text: self.text.as_bytes(), word: &mut self.word };
        match reader.secret(shape, prefix.clone()) {
            Some(spot) => {
                let end = spot.end;
                self.spots.push(spot);
                end
            }
            None => prefix.end,
        }
    }

    /// Looks at what is hidden because of what stands before it; returns where to go on.
    fn named(&mut self, found: Range<usize>) -> usize {
        let bytes = self.bytes();
        let is_letter = |at: &usize| bytes[*at].is_ascii_alphanumeric();
        let begin = found.clone().find(is_letter).unwrap_or(found.start);
        let length = bytes[begin..found.end]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        let word = begin..begin + length.count();
        let ends_in = |sign: u8| bytes[found.end - 1] == sign;
        let is = |name: &str| self.text[word.clone()].eq_ignore_ascii_case(name);
        match () {
            () if is("mysql") || is("mariadb") => logins::of_client(self.text, word.end, self.spots),
            () if bytes[found.start] == b'-' && ends_in(b':') => {
                logins::of_curl(self.text, found, self.spots)
            }
            () if is("sshpass") && ends_in(b'p') => logins::word_at(self.text, found.end, self.spots),
            () if is("cookie") && ends_in(b':') => logins::cookies(self.text, found.end, self.spots),
            () => names::assignment(self.text, word, &mut self.floor, self.spots),
        }
    }

    /// Looks at the login of a link, `user:password@host`, of which the password goes.
    fn login(&mut self, from: usize) -> usize {
        /// The longest login that is looked at, in bytes.
        const MOST: usize = 400;
        let login = &self.bytes()[from..self.text.len().min(from + MOST)];
        let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'`<>\\|(){}[],".contains(byte);
        let end = login.iter().position(ends).unwrap_or(login.len());
        let Some(at) = login[..end].iter().rposition(|byte| *byte == b'@') else { return from };
        let begin = match login[..at].iter().position(|byte| *byte == b':') {
            Some(colon) => colon + 1,
            // A token that stands alone where the user does.
            None if at >= 20 && names::is_random(&self.text[from..from + at]) => 0,
            None => return from + at,
        };
        let word = &login[begin..at];
        if !word.is_empty() && !matches!(word[0], b'$' | b'*' | b'%' | b'.') {
            self.spots.push(from + begin..from + at);
        }
        from + at
    }

    /// Looks at what follows the word `Bearer` or `Basic`.
    fn scheme(&mut self, word: Range<usize>) -> usize {
        let bytes = self.bytes();
        let before = word.start.checked_sub(1).map(|at| bytes[at]);
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric()) && !shapes::is_boundary(bytes, word.start)
        {
            return word.end;
        }
        let gap = bytes[word.end..].iter().take(20).take_while(|byte| **byte == b' ').count();
        let begin = word.end + gap;
        if gap == 0 {
            return word.end;
        }
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._~+/-=".contains(byte);
        // Long enough to judge; a longer one is followed to its end only once it is known for one.
        let look = bytes[begin..].iter().take(names::WINDOW).take_while(is_part).count();
        if look < 8 || !names::is_credential(&self.text[begin..begin + look]) {
            return word.end;
        }
        let length = bytes[begin..].iter().take_while(is_part).count();
        self.spots.push(begin..begin + length);
        begin + length
    }
}

#[cfg(test)]
mod tests;
