//! Tokens that are known by how they begin.

use std::ops::Range;

/// What follows the prefix of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letters {
    Alphanumeric,
    /// Capitals and digits.
    Capitals,
    Hex,
    /// Letters, digits and `_`.
    Word,
    /// Letters, digits, `_` and `-`.
    Dashed,
    /// Letters, digits, `_`, `-` and `.`.
    Dotted,
    /// Letters, digits, `_`, `-` and `/`: the secret end of a link.
    Path,
    /// Parts of letters, digits, `_` and `-`, joined by `.`.
    Joined,
    /// Like `Dashed`, with `:`: a request that an agent signed.
    Signed,
}

impl Letters {
    fn holds(self, byte: u8) -> bool {
        match self {
            Letters::Alphanumeric => byte.is_ascii_alphanumeric(),
            Letters::Capitals => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Letters::Hex => byte.is_ascii_hexdigit(),
            Letters::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Letters::Dashed | Letters::Joined => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Letters::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Letters::Path => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/'),
            Letters::Signed => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':'),
        }
    }
}

/// A kind of token.
#[derive(Debug)]
pub struct Shape {
    pub prefix: &'static str,
    letters: Letters,
    /// The fewest characters after the prefix.
    least: usize,
}

const fn shape(prefix: &'static str, letters: Letters, least: usize) -> Shape {
    Shape { prefix, letters, least }
}

/// Who gives them out is told by the prefix: OpenAI and Anthropic, Stripe, GitHub, GitLab, Slack, npm, Google, AWS, JSON
/// Web Tokens, Hugging Face, PyPI, DigitalOcean, SendGrid, age, and so on.
pub const SHAPES: &[Shape] = &[
    shape("sk-", Letters::Dashed, 16),
    shape("sk_live_", Letters::Alphanumeric, 16),
    shape("rk_live_", Letters::Alphanumeric, 16),
    shape("sk_test_", Letters::Alphanumeric, 16),
    shape("rk_test_", Letters::Alphanumeric, 16),
    shape("whsec_", Letters::Alphanumeric, 24),
    shape("ghp_", Letters::Alphanumeric, 20),
    shape("gho_", Letters::Alphanumeric, 20),
    shape("ghu_", Letters::Alphanumeric, 20),
    shape("ghs_", Letters::Alphanumeric, 20),
    shape("ghr_", Letters::Alphanumeric, 20),
    shape("github_pat_", Letters::Word, 20),
    shape("glpat-", Letters::Dotted, 20),
    shape("gldt-", Letters::Dashed, 20),
    shape("glrt-", Letters::Dashed, 20),
    shape("glptt-", Letters::Dashed, 20),
    shape("glft-", Letters::Dashed, 20),
    shape("glsoat-", Letters::Dashed, 20),
    shape("glcbt-", Letters::Dashed, 20),
    shape("xoxa-", Letters::Dashed, 16),
    shape("xoxb-", Letters::Dashed, 16),
    shape("xoxc-", Letters::Dashed, 16),
    shape("xoxd-", Letters::Dashed, 16),
    shape("xoxe-", Letters::Dashed, 16),
    shape("xoxo-", Letters::Dashed, 16),
    shape("xoxp-", Letters::Dashed, 16),
    shape("xoxr-", Letters::Dashed, 16),
    shape("xoxs-", Letters::Dashed, 16),
    shape("xapp-", Letters::Dashed, 20),
    shape("hooks.slack.com/services/", Letters::Path, 20),
    shape("hooks.slack.com/workflows/", Letters::Path, 20),
    shape("/api/webhooks/", Letters::Path, 50),
    shape("npm_", Letters::Alphanumeric, 30),
    shape("AIza", Letters::Dashed, 35),
    shape("ya29.", Letters::Dashed, 20),
    shape("GOCSPX-", Letters::Dashed, 20),
    shape("AKIA", Letters::Capitals, 16),
    shape("ASIA", Letters::Capitals, 16),
    shape("eyJ", Letters::Joined, 8),
    shape("hf_", Letters::Alphanumeric, 30),
    shape("pypi-AgE", Letters::Dashed, 40),
    shape("dop_v1_", Letters::Hex, 40),
    shape("doo_v1_", Letters::Hex, 40),
    shape("dor_v1_", Letters::Hex, 40),
    shape("SG.", Letters::Dotted, 33),
    shape("AGE-SECRET-KEY-1", Letters::Capitals, 30),
    shape("shpat_", Letters::Hex, 32),
    shape("shpca_", Letters::Hex, 32),
    shape("shppa_", Letters::Hex, 32),
    shape("shpss_", Letters::Hex, 32),
    shape("glsa_", Letters::Word, 32),
    shape("dapi", Letters::Hex, 32),
    shape("lin_api_", Letters::Alphanumeric, 32),
    shape("cio", Letters::Alphanumeric, 32),
    shape("dckr_pat_", Letters::Dashed, 20),
    shape("hvs.", Letters::Dashed, 24),
    shape("SK", Letters::Hex, 32),
    shape(":AA", Letters::Dashed, 33),
    shape("ATATT3", Letters::Dashed, 50),
    shape("figd_", Letters::Dashed, 30),
    shape("gsk_", Letters::Alphanumeric, 30),
    shape("xai-", Letters::Alphanumeric, 40),
    shape("pplx-", Letters::Alphanumeric, 30),
    shape("r8_", Letters::Alphanumeric, 30),
    shape("nvapi-", Letters::Dashed, 40),
    shape("sntrys_", Letters::Dotted, 30),
    shape("sntryu_", Letters::Hex, 40),
    shape("NRAK-", Letters::Capitals, 27),
    shape("rubygems_", Letters::Hex, 40),
    shape("sbp_", Letters::Hex, 40),
    shape("CFPAT-", Letters::Dashed, 30),
    shape("tskey-", Letters::Dashed, 20),
    shape("sq0atp-", Letters::Dashed, 20),
    shape("sq0csp-", Letters::Dashed, 30),
    // A request in an agent's output. It has been taken out by then, and it may hold anything.
    shape("crew-request:1:", Letters::Signed, 1),
];

/// The most of a token that is looked at before it is known for one, in bytes.
const LOOK: usize = 96;

/// Reads one token.
pub struct Reader<'a, 'b> {
    pub text: &'a [u8],
    /// The word of letters, digits, `_` and `-` that was measured last.
    pub word: &'b mut Range<usize>,
}

impl Reader<'_, '_> {
    /// Returns the token that begins with `prefix`, if it is one.
    pub fn secret(self, shape: &Shape, prefix: Range<usize>) -> Option<Range<usize>> {
        match shape.prefix {
            ":AA" => self.of_a_bot(prefix),
            _ if !is_boundary(self.text, prefix.start) && is_strict(shape) => None,
            "eyJ" => self.json_web_token(prefix),
            "crew-request:1:" | "/api/webhooks/" => self.rest(shape, prefix.end),
            "hooks.slack.com/services/" | "hooks.slack.com/workflows/" => self.rest(shape, prefix.end),
            _ => self.rest(shape, prefix.end).map(|rest| prefix.start..rest.end),
        }
    }

    /// Returns what follows the prefix, where it is long and random enough.
    fn rest(&self, shape: &Shape, from: usize) -> Option<Range<usize>> {
        let holds = |byte: &&u8| shape.letters.holds(**byte);
        let seen = &self.text[from..];
        let look = seen.iter().take(LOOK.max(shape.least)).take_while(holds).count();
        if look < shape.least {
            return None;
        }
        let seen = &seen[..look];
        let has = |test: fn(&u8) -> bool| seen.iter().any(test);
        // Words joined by dashes are words.
        let random = has(u8::is_ascii_digit) || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase));
        if shape.letters != Letters::Capitals && !random {
            return None;
        }
        if matches!(shape.letters, Letters::Hex) || matches!(shape.prefix, "cio" | "AKIA" | "ASIA") {
            // Its end is its end; a longer word is something else.
            let next = self.text.get(from + look);
            if next.is_some_and(u8::is_ascii_alphanumeric) {
                return None;
            }
            if matches!(shape.prefix, "AKIA" | "ASIA" | "cio" | "SK" | "dapi") && look != shape.least {
                return None;
            }
        }
        let length = self.text[from..].iter().take_while(holds).count();
        Some(from..from + length)
    }

    /// `123456789:AA...`, as Telegram gives them to bots; the number goes too.
    fn of_a_bot(&self, prefix: Range<usize>) -> Option<Range<usize>> {
        let digits =
            self.text[..prefix.start].iter().rev().take(11).take_while(|byte| byte.is_ascii_digit()).count();
        let rest = self.text[prefix.end..].iter().take(34);
        let rest = rest.take_while(|byte| Letters::Dashed.holds(**byte)).count();
        ((8..=10).contains(&digits) && rest == 33).then(|| prefix.start - digits..prefix.end + rest)
    }

    /// Parts joined by dots, of which the first is JSON in base64.
    fn json_web_token(self, prefix: Range<usize>) -> Option<Range<usize>> {
        let is_word = |byte: &&u8| Letters::Joined.holds(**byte);
        // Every place of a word has the same end; without this a long one would be measured from each.
        if !self.word.contains(&prefix.start) {
            let length = self.text[prefix.start..].iter().take_while(is_word).count();
            *self.word = prefix.start..prefix.start + length;
        }
        let mut end = self.word.end;
        if end - prefix.start < 11 {
            return None;
        }
        let mut parts = 1;
        while parts < 5 && self.text.get(end) == Some(&b'.') {
            let look = self.text[end + 1..].iter().take(4).take_while(is_word).count();
            if look < 4 {
                break;
            }
            end += 1 + self.text[end + 1..].iter().take_while(is_word).count();
            parts += 1;
        }
        (parts > 1 && end - prefix.start >= 30).then_some(prefix.start..end)
    }
}

/// Tells whether a token of this kind is only one at the beginning of a word: its prefix ends many other words.
fn is_strict(shape: &Shape) -> bool {
    matches!(shape.prefix, "sk-" | "SK" | "cio" | "dapi" | "r8_" | "hf_" | "SG." | "eyJ")
}

/// Tells whether a word may begin at `at`, although a letter may stand before it that belongs to an escape sequence.
pub fn is_boundary(text: &[u8], at: usize) -> bool {
    let back = |count: usize| at.checked_sub(count).map(|at| text[at]);
    let Some(before) = back(1) else { return true };
    if !before.is_ascii_alphanumeric() {
        return true;
    }
    // `\n`, `%3D`, `\u0022`, `\x22`, and the end of a colour.
    let hex = |count: usize| (1..=count).all(|at| back(at).is_some_and(|byte| byte.is_ascii_hexdigit()));
    let escape = matches!(before, b'n' | b'r' | b't' | b'b' | b'f') && back(2) == Some(b'\\');
    let colour = || {
        let parameters = text[..at - 1].iter().rev().take(16);
        let length = parameters.take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        before == b'm' && back(2 + length) == Some(b'[')
    };
    escape
        || (hex(2) && back(3) == Some(b'%'))
        || (hex(2) && back(3) == Some(b'x') && back(4) == Some(b'\\'))
        || (hex(4) && back(5) == Some(b'u') && back(6) == Some(b'\\'))
        || colour()
}
