//! Values that stand where a secret does: `API_KEY=...`, `password: ...`, `"api_key":"..."`, `Authorization: ...`.

use super::logins;
use std::ops::Range;

/// The longest name that is looked at, in bytes.
const LONGEST_NAME: usize = 128;
/// The most of a value that is looked at before it is known for a secret, in bytes.
pub const WINDOW: usize = 256;
/// The most spaces between a name, its sign and its value.
const MOST_SPACES: usize = 20;

/// Ends of names that tell something about a secret and are none.
const ABOUT: &[&str] = &[
    "name",
    "id",
    "ids",
    "url",
    "uri",
    "path",
    "file",
    "dir",
    "count",
    "counts",
    "len",
    "length",
    "size",
    "type",
    "kind",
    "field",
    "header",
    "label",
    "regex",
    "pattern",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "policy",
    "prefix",
    "suffix",
    "env",
    "var",
    "hash",
    "digest",
    "hint",
    "help",
    "title",
    "message",
    "error",
    "format",
    "limit",
    "limits",
    "endpoint",
    "address",
    "ref",
    "arn",
    "version",
    "alg",
    "algorithm",
    "class",
    "style",
    "selector",
    "placeholder",
    "schema",
    "scope",
    "scopes",
    "source",
    "usage",
    "used",
    "budget",
    "budgets",
    "rate",
    "window",
    "max",
    "min",
    "total",
    "cost",
    "price",
    "provider",
    "manager",
    "store",
    "helper",
    "index",
    "position",
    "start",
    "end",
    "tree",
    "stream",
    "at",
    "is",
    "has",
    "required",
    "set",
    "status",
    "state",
    "sha256",
    "public",
    "tokenizer",
    "details",
];

/// Values that are none, and words that stand for one.
const NO_VALUES: &[&str] = &[
    "null",
    "none",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "missing",
    "empty",
    "unset",
    "unknown",
    "invalid",
    "valid",
    "wrong",
    "string",
    "str",
    "bytes",
    "bool",
    "boolean",
    "integer",
    "number",
    "object",
    "text",
    "varchar",
    "option",
    "vec",
    "self",
    "this",
    "default",
    "changeme",
    "placeholder",
    "redacted",
    "hidden",
    "omitted",
    "value",
    "example",
    "basic",
    "bearer",
    "digest",
    "static",
    "dynamic",
    "absent",
    "present",
    "expired",
    "revoked",
    "accepted",
    "refused",
    "denied",
    "inherit",
    "identifier",
    "keyword",
    "literal",
    "prompt",
    "stdin",
    "keyring",
];

/// Tells whether what has this name is a secret: an API key, a token, a password, a private key.
pub fn is_secret_name(name: &str) -> bool {
    sort_of(name).is_some_and(|sort| sort != Sort::Weak)
}

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// Often counted: `token: 12`.
    Token,
    Key,
    /// Made up by people, so it may be a plain word.
    Password,
    /// The name says little, so the value has to show that it is one.
    Weak,
    Authorization,
}

fn sort_of(name: &str) -> Option<Sort> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let words = words_of(name);
    let last = words.last()?;
    if ABOUT.contains(&last.as_str()) {
        return None;
    }
    let mut sort = None;
    let is_last = |at: usize| at + 1 == words.len();
    let is_loud = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    for (at, word) in words.iter().enumerate() {
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let ends = |ending: &str| word.ends_with(ending);
        let found = match word {
            "authorization" => Sort::Authorization,
            "pwd" if words.len() > 1 => Sort::Password,
            "sshpass" => Sort::Password,
            "pass" if is_last(at) && at > 0 && (is_loud || is_login(&words[at - 1])) => Sort::Password,
            "pass" | "auth" | "sig" | "cookie" if is_last(at) => Sort::Weak,
            "passphrase" => Sort::Password,
            "secret" | "credential" => Sort::Key,
            "key" if at > 0 && is_kind_of_key(&words[at - 1]) => Sort::Key,
            _ if ends("password") || ends("passwd") => Sort::Password,
            _ if ends("token") => Sort::Token,
            _ if ends("apikey") || ends("secretkey") || ends("privatekey") || ends("accountkey") => Sort::Key,
            _ if ends("accesskey") || ends("authkey") || ends("clientsecret") => Sort::Key,
            _ => continue,
        };
        // A password of a token is a password.
        sort = Some(match (sort, found) {
            (Some(Sort::Password), _) => Sort::Password,
            (Some(before), Sort::Weak) => before,
            (_, found) => found,
        });
    }
    sort
}

/// Tells whether a word before `pass` says whose password it is, so that it is no pass over something.
fn is_login(word: &str) -> bool {
    let logins = [
        "db", "database", "mysql", "pg", "postgres", "redis", "mongo", "ldap", "smtp", "imap", "mail", "ftp",
        "ssh", "sudo", "user", "admin", "root", "login", "proxy", "http", "api", "app", "key", "keystore",
        "store", "service", "auth", "account", "my",
    ];
    logins.contains(&word)
}

fn is_kind_of_key(word: &str) -> bool {
    let kinds = [
        "api",
        "private",
        "access",
        "account",
        "auth",
        "signing",
        "encryption",
        "master",
        "shared",
        "secret",
        "license",
    ];
    kinds.contains(&word)
}

/// Returns the words of a name in small letters: `dbPassword`, `DB_PASSWORD` and `db-password` are the same.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let bytes = name.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let new = byte.is_ascii_uppercase()
            && at > 0
            && (bytes[at - 1].is_ascii_lowercase()
                || (bytes[at - 1].is_ascii_uppercase()
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase)));
        if (new || !byte.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if byte.is_ascii_alphanumeric() {
            word.push(byte.to_ascii_lowercase() as char);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Tells whether a text field with this name is hidden whole.
pub fn hides(name: &str, text: &str) -> bool {
    let Some(sort) = sort_of(name) else { return false };
    let how = How { sort, quoted: true, in_json: true, ..How::default() };
    text.lines().nth(1).is_none() && is_literal(&text[..text.floor_char_boundary(WINDOW)], how)
}

/// How a value stands behind its name.
#[derive(Clone, Copy, Debug)]
struct How {
    sort: Sort,
    /// The value has quotes.
    quoted: bool,
    /// The name has quotes too.
    in_json: bool,
    /// `NAME=value` without spaces.
    tight: bool,
    /// The name is in capitals.
    loud: bool,
    /// The name begins its line and the value ends it.
    alone: bool,
}

impl Default for How {
    fn default() -> How {
        How { sort: Sort::Key, quoted: false, in_json: false, tight: false, loud: false, alone: false }
    }
}

/// Looks at the name around `word`, and at what stands behind it; returns where to go on.
pub fn assignment(text: &str, word: Range<usize>, floor: &mut usize, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let back = bytes[*floor..word.start].iter().rev().take_while(|byte| is_part(byte)).count();
    let forth = bytes[word.end..].iter().take_while(|byte| is_part(byte)).count();
    let (mut begin, end) = (word.start - back, word.end + forth);
    *floor = end;
    if end - begin > LONGEST_NAME {
        return end;
    }
    begin = (begin + letters_of_escape(bytes, begin)).min(word.start);
    let name = text[begin..end].trim_start_matches('-');
    let Some(sort) = sort_of(name) else { return end };
    let flag = text[begin..end].starts_with("--");
    let Some((value, how)) = value_behind(bytes, begin, end, sort, flag) else {
        let Some(spot) = logins::of_netrc(text, begin, end) else { return end };
        let end = spot.end;
        spots.push(spot);
        return end;
    };
    let how = How { loud: !name.bytes().any(|byte| byte.is_ascii_lowercase()), ..how };
    if sort == Sort::Authorization {
        return credentials(text, value, spots);
    }
    let (look, whole) = extent(bytes, value, how);
    let how = How { alone: how.alone && matches!(bytes.get(whole), None | Some(b'\n' | b'\r')), ..how };
    if !text.is_char_boundary(look) || !is_literal(&text[value..look], how) {
        return value.max(end);
    }
    let whole = rest(bytes, value, whole, how);
    spots.push(value..whole);
    whole
}

/// Returns how many letters at `at` end an escape sequence that begins before: the `n` of `\n`, the colour of `[31m`.
fn letters_of_escape(bytes: &[u8], at: usize) -> usize {
    let hex = |count: usize| {
        bytes[at..].iter().skip(1).take(count).filter(|byte| byte.is_ascii_hexdigit()).count() == count
    };
    let (first, before) = (bytes[at], at.checked_sub(1).map(|at| bytes[at]));
    match before {
        Some(b'\\') if matches!(first, b'n' | b'r' | b't' | b'b' | b'f') => 1,
        Some(b'\\') if first == b'u' && hex(4) => 5,
        Some(b'\\') if first == b'x' && hex(2) => 3,
        Some(b'%') if first.is_ascii_hexdigit() && hex(1) => 2,
        Some(b'[' | b';') => {
            let digits = bytes[at..].iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 && bytes.get(at + digits) == Some(&b'm') { digits + 1 } else { 0 }
        }
        _ => 0,
    }
}

/// Returns where the value begins that a name has, and how it stands there.
fn value_behind(bytes: &[u8], begin: usize, end: usize, sort: Sort, flag: bool) -> Option<(usize, How)> {
    let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\'' | b'`'));
    let escapes = |at: usize| bytes[at..].iter().take(64).take_while(|byte| **byte == b'\\').count();
    let spaces = |at: usize| {
        bytes[at..].iter().take(MOST_SPACES).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
    };
    let mut at = end;
    let named_in_quotes = is_quote(bytes.get(at + escapes(at)));
    if named_in_quotes {
        at += escapes(at) + 1;
    }
    if bytes.get(at) == Some(&b']') {
        at += 1;
    }
    let before_sign = spaces(at);
    at += before_sign;
    let (sign, tight) = match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'=' | b':'), Some(b'=')) if bytes[at] == b'=' => return None,
        (Some(b':'), Some(b':')) => return None,
        (Some(b'='), Some(b'>')) | (Some(b':'), Some(b'=')) => (2, false),
        (Some(b'='), _) => (1, before_sign == 0),
        (Some(b':'), _) => (1, false),
        // `<password>...`
        (Some(b'>'), _) if before_sign == 0 && begin > 0 && bytes[begin - 1] == b'<' => (1, true),
        // `--password ...`
        _ if flag && before_sign > 0 => (0, true),
        _ => return None,
    };
    at += sign;
    let after_sign = spaces(at);
    at += after_sign;
    let quote = at + escapes(at);
    let quoted = is_quote(bytes.get(quote));
    let line_begin = bytes[begin.saturating_sub(MOST_SPACES)..begin].iter().rposition(|byte| *byte == b'\n');
    let before = &bytes[line_begin
        .map_or(begin.saturating_sub(MOST_SPACES), |at| begin.saturating_sub(MOST_SPACES) + at + 1)
        ..begin];
    // Behind the sign of a list or a change, or the number of the line, whatever stands between that and the line.
    let numbered = || {
        let sign = before.iter().rposition(u8::is_ascii_digit).filter(|digit| before.len() - digit > 1);
        let line = &before[sign.map_or(before.len(), |digit| digit + 1)..];
        let digits =
            before[..before.len() - line.len()].iter().rev().take_while(|byte| byte.is_ascii_digit());
        let ahead = before.len() - line.len() - digits.count();
        // grep names the file before the number.
        let begins = ahead == 0 || matches!(before[ahead - 1], b' ' | b'\t' | b':' | b'-');
        sign.is_some() && begins && line.iter().all(|byte| !byte.is_ascii_alphanumeric())
    };
    let first = before.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'+')) || numbered();
    let how = How {
        sort,
        quoted,
        in_json: named_in_quotes && quoted,
        tight: tight && (after_sign == 0 || sign == 0),
        loud: false,
        alone: first && !named_in_quotes,
    };
    Some((if quoted { quote + 1 } else { at }, how))
}

/// Returns how far a value can be judged, and where it ends as far as it was looked at.
fn extent(bytes: &[u8], from: usize, how: How) -> (usize, usize) {
    let most = bytes.len().min(from + WINDOW);
    let end = end_of_value(bytes, from, most, how);
    // A window ends between characters.
    let floor =
        (end.saturating_sub(3)..=end).rev().find(|at| bytes.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80));
    let end = floor.unwrap_or(end).max(from);
    (end, end)
}

/// Returns the end of a value that is known to be a secret, however long it is.
fn rest(bytes: &[u8], from: usize, seen: usize, how: How) -> usize {
    if seen - from + 4 < WINDOW { seen } else { end_of_value(bytes, from, bytes.len(), how) }
}

fn end_of_value(bytes: &[u8], from: usize, most: usize, how: How) -> usize {
    if !how.quoted {
        // What ends a value in a link or on a command line may be in the middle of a password that somebody has written down.
        let ends_more: &[u8] = if how.sort == Sort::Password && !how.tight { b"" } else { b"&|" };
        let ends = |byte: &u8| {
            byte.is_ascii_whitespace() || b"\"'`;)]}<>\\".contains(byte) || ends_more.contains(byte)
        };
        let end = bytes[from..most].iter().position(ends).map_or(most, |length| from + length);
        let trailing =
            bytes[from..end].iter().rev().take_while(|byte| matches!(byte, b',' | b'.' | b':')).count();
        return end - trailing;
    }
    // A quote within an escaped text has as many escapes before it as the one that opened the value, which is in front.
    let quote = bytes[from - 1];
    let level = bytes[..from - 1].iter().rev().take(64).take_while(|byte| **byte == b'\\').count();
    let mut escapes = 0;
    for (at, byte) in bytes[..most].iter().enumerate().skip(from) {
        match byte {
            b'\\' => escapes += 1,
            b'\n' => return at,
            byte if *byte == quote && (escapes < level || escapes % (2 * (level + 1)) == level) => {
                return at - escapes.min(level);
            }
            _ => escapes = 0,
        }
    }
    most
}

/// Looks at what follows `Authorization:`; returns where to go on.
fn credentials(text: &str, from: usize, spots: &mut Vec<Range<usize>>) -> usize {
    let bytes = text.as_bytes();
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._~+/-=:,@".contains(byte);
    let length = |at: usize| bytes[at..].iter().take(WINDOW).take_while(is_word).count();
    let first = length(from);
    let scheme = &text[from..from + first];
    let gap = bytes[from + first..].iter().take(MOST_SPACES).take_while(|byte| **byte == b' ').count();
    let second = from + first + gap;
    let many = ["digest", "oauth", "hawk", "aws4-hmac-sha256", "signature", "negotiate", "ntlm"];
    let one = ["bearer", "basic", "token", "apikey", "api-key", "key", "bot", "ssws", "genie-key"];
    let is_among = |names: &[&str]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    let ends: &[u8] = match () {
        () if gap > 0 && is_among(&many) => b"\n\r",
        () if gap > 0 && is_among(&one) => {
            let word = &text[second..second + length(second)];
            if word.len() < 4 || is_word_of_prose(word) {
                return from + first;
            }
            b"\n\r\"'`\\"
        }
        () if first >= 8 && is_random(scheme) => b"\n\r\"'`\\ ",
        () => return from,
    };
    let begin = if ends.len() == 7 { from } else { second };
    let end = bytes[begin..]
        .iter()
        .position(|byte| ends.contains(byte))
        .map_or(bytes.len(), |length| begin + length);
    if end <= begin || matches!(bytes[begin], b'$' | b'{' | b'<' | b'%') {
        return begin.max(from);
    }
    spots.push(begin..end);
    end
}

fn is_word_of_prose(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', ':', '=']);
    NO_VALUES.contains(&word) || matches!(word, "token" | "authentication" | "credentials" | "auth")
}

/// Decides whether a value is written out here, or is asked for elsewhere, filled in later, or only spoken about.
fn is_literal(value: &str, how: How) -> bool {
    let bytes = value.as_bytes();
    let Some(first) = bytes.first() else { return false };
    if matches!(
        first,
        b'$' | b'{' | b'<' | b'*' | b'[' | b'@' | b'!' | b'&' | b'(' | b'?' | b'|' | b'=' | b'#'
    ) {
        return false;
    }
    let has = |test: fn(&u8) -> bool| bytes.iter().any(test);
    let holds = |part: &str| value.contains(part);
    if ["${", "{{", "$(", "::", "...", "…", "***", "[^", "\\s", "\\d", "env("].into_iter().any(holds) {
        return false;
    }
    if value.starts_with("%s")
        || value.starts_with("%(")
        || value.starts_with("~/")
        || value.starts_with("./")
    {
        return false;
    }
    let counted = !has(u8::is_ascii_alphabetic) && (how.sort == Sort::Token || bytes.len() < 4);
    let plain = value.to_ascii_lowercase();
    let keywords = ["token", "secret", "passw", "credential", "api_key", "apikey", "private_key"];
    let named = !has(u8::is_ascii_digit) && keywords.into_iter().any(|word| plain.contains(word));
    let asks = ["your_", "your-", "your ", "changeme", "change-me", "change_me"]
        .into_iter()
        .any(|word| plain.contains(word));
    if counted || named || asks || NO_VALUES.contains(&plain.trim_end_matches([',', ';', '.'])) {
        return false;
    }
    let spaced = has(u8::is_ascii_whitespace);
    if how.sort == Sort::Weak {
        let is_base64 = bytes.len() >= 12
            && bytes.len().is_multiple_of(4)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
        let capitals = bytes.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        let is_value = (how.tight || how.in_json) && is_base64 && (value.ends_with('=') || capitals >= 3);
        return !spaced
            && (how.in_json || how.tight || how.quoted)
            && (is_value || (is_random(value) && !is_snake(value)));
    }
    if how.quoted {
        if holds("://") || value.starts_with('/') || (holds("{") && holds("}")) {
            return false;
        }
        return match (how.in_json, how.sort) {
            (true, Sort::Password) => bytes.len() >= 4,
            (true, _) => bytes.len() >= 4 && !spaced,
            (false, Sort::Password) => bytes.len() >= 6 && !spaced && !holds("("),
            (false, _) if how.loud => bytes.len() >= 6 && !spaced && !is_place(value),
            (false, _) => !spaced && is_random(value),
        };
    }
    if has(|byte| matches!(byte, b'(' | b'[' | b'{')) || holds("://") || value.starts_with('/') {
        return false;
    }
    let path = value.contains('.') && value.split('.').all(is_identifier);
    match how.sort {
        _ if path => false,
        Sort::Password if how.tight => bytes.len() >= 5 && !(is_identifier(value) && bytes.len() < 6),
        Sort::Password if how.alone && !how.tight => bytes.len() >= 6 && first.is_ascii_alphanumeric(),
        // The words of a sentence have no digits in them, and those of a program have them at the end.
        Sort::Password if !how.tight => bytes.len() >= 8 && has(u8::is_ascii_digit) && !is_place(value),
        _ if how.tight && how.loud => bytes.len() >= 6 && !is_place(value),
        _ => is_random(value) && !is_snake(value),
    }
}

/// Tells whether a value looks as if nobody had thought of it: long, of letters and digits, and no place or version.
pub fn is_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    let count = |test: fn(&u8) -> bool| bytes.iter().filter(|byte| test(byte)).count();
    let (digits, letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let both_cases = count(u8::is_ascii_lowercase) >= 3 && count(u8::is_ascii_uppercase) >= 3;
    let mixed = (digits >= 2 && letters >= 2)
        || (both_cases && bytes.len() >= 16 && digits + letters == bytes.len() && digits > 0);
    let symbols = digits > 0 && letters > 0 && count(u8::is_ascii_punctuation) > 0;
    bytes.len() >= 8 && (mixed || symbols) && !is_place(value)
}

/// Tells whether what follows `Bearer` or `Basic` is a credential, and no word.
pub fn is_credential(word: &str) -> bool {
    let bytes = word.trim_end_matches('.').as_bytes();
    let inner_capital =
        bytes.iter().skip(1).any(u8::is_ascii_uppercase) && bytes.iter().any(u8::is_ascii_lowercase);
    let digit = bytes.iter().any(u8::is_ascii_digit) && bytes.iter().any(u8::is_ascii_alphabetic);
    (digit || inner_capital || word.ends_with('=')) && !is_place(word) && !word.starts_with('=')
}

/// Tells whether a value is words joined by signs, of which each may end in a number: `auth.token.v2`.
fn is_place(value: &str) -> bool {
    let mut words = value.split(['.', '_', '-', '/', ':', ',']).filter(|word| !word.is_empty()).peekable();
    let is_word = |word: &str| {
        let letters = word.bytes().take_while(u8::is_ascii_alphabetic).count();
        letters > 0 && word.len() - letters <= 3 && word[letters..].bytes().all(|byte| byte.is_ascii_digit())
    };
    words.peek().is_some() && words.all(is_word)
}

fn is_identifier(value: &str) -> bool {
    let bytes = value.as_bytes();
    let begins = bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    begins && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Tells whether a value may be the name of a variable with a digit or two in it.
fn is_snake(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    digits < 3 && is_identifier(value) && !value.bytes().any(|byte| byte.is_ascii_uppercase())
}
