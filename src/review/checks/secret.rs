//! Secrets that were written into a file.
//!
//! A finding never holds the secret: at most its first four characters, and never more than a quarter of it.

use super::key;
use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths;
use crate::review::remark::Remark;
use regex::bytes::{Captures, Regex, RegexSet};
use std::cell::LazyCell;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

/// Something that is known by its form.
struct Known {
    what: &'static str,
    pattern: &'static str,
    /// Whether it only counts in a file that speaks of Twilio, because its form says little.
    twilio: bool,
    severity: Severity,
}

const fn known(what: &'static str, pattern: &'static str) -> Known {
    Known { what, pattern, twilio: false, severity: Severity::Blocker }
}

/// The secret is the first group, or all of the match. The patterns hold no example that they match themselves.
const KNOWN: [Known; 31] = [
    known("AWS access key", r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b"),
    known(
        "AWS secret key",
        r#"(?i)aws.{0,20}?(?:secret|sk).{0,20}?['"= :]([a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)"#,
    ),
    known("GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,251})\b"),
    known("GitHub token", r"\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b"),
    known("GitLab token", r"\b(gl(?:pat|dt|rt|ptt|ft|soat|cbt)-[A-Za-z0-9_-]{20,300})"),
    known("Slack token", r"\b(xox[abeoprs]-[0-9A-Za-z-]{20,300})"),
    known("Slack token", r"\b(xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]{32,})"),
    known(
        "Slack webhook",
        r"https://hooks\.slack\.com/(?:services/T[A-Z0-9]{6,}/B[A-Z0-9]{6,}|workflows/T[A-Z0-9]+/A[A-Z0-9]+/[0-9]+)/([A-Za-z0-9]{20,})",
    ),
    known(
        "Discord webhook",
        r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/webhooks/[0-9]{15,22}/([A-Za-z0-9_-]{50,})",
    ),
    known("Stripe key", r"\b([sr]k_live_[A-Za-z0-9]{16,250})"),
    known("Google API key", r"\b(AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)"),
    known("Anthropic key", r"\b(sk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{20,250})"),
    known("OpenAI key", r"\b(sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,250})"),
    known("OpenAI key", r"\b(sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})\b"),
    known("OpenAI key", r"\b(sk-[A-Za-z0-9]{48})\b"),
    known("npm token", r"\b(npm_[A-Za-z0-9]{36})\b"),
    known("PyPI token", r"\b(pypi-AgE[A-Za-z0-9_-]{50,1000})"),
    known("SendGrid key", r"\b(SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64})"),
    Known { twilio: true, ..known("Twilio key", r"\b(SK[0-9a-f]{32})\b") },
    known("Telegram bot token", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})(?:[^A-Za-z0-9_-]|$)"),
    // It may have run out, and nothing here can tell.
    Known {
        severity: Severity::Error,
        ..known("JSON Web Token", r"\b(eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,})")
    },
    known("Hugging Face token", r"\b(hf_[A-Za-z0-9]{34})\b"),
    known("DigitalOcean token", r"\b(do[opr]_v1_[a-f0-9]{64})\b"),
    known("Shopify token", r"\b(shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})\b"),
    known("Azure storage key", r"AccountKey=([A-Za-z0-9+/]{86}==)"),
    known("Grafana token", r"\b(glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8})\b"),
    known("Databricks token", r"\b(dapi[a-f0-9]{32})\b"),
    known("Linear key", r"\b(lin_api_[A-Za-z0-9]{40})\b"),
    known("crates.io token", r"\b(cio[A-Za-z0-9]{32})\b"),
    known("Docker Hub token", r"\b(dckr_pat_[A-Za-z0-9_-]{27})"),
    known("Vault token", r"\b(hvs\.[A-Za-z0-9_-]{24,})"),
];

/// Any of these makes a line worth a closer look.
static WORTH: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"AKIA|ASIA|gh[pousr]_|github_pat_|\bgl[a-z]{2,4}-|xox[abeoprs]-|xapp-|hooks\.slack|discord(?:app)?\.com/api|",
        r"k_live_|AIza|\bsk-|npm_|pypi-AgE|SG\.|\bSK[0-9a-f]|:AA|eyJ|\bhf_|_v1_|\bshp|AccountKey=|glsa_|\bdapi|lin_api_|",
        r"\bcio|dckr_pat_|hvs\.|://[^\s/@:]{0,100}:[^\s@/]{3,200}@|",
        r"(?i:api[_-]?key|secret|passw|pwd|token|auth[_-]?key|access[_-]?key|private[_-]?key|credential)",
    ))
});

static TWILIO: LazyLock<Regex> = LazyLock::new(|| fixed(r"(?i)twilio"));

/// The most secrets of one form on one line; nobody needs the list where there are more.
const MAX_ON_LINE: usize = 20;

static FORMS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new(KNOWN.iter().map(|known| format!("(?-u){}", known.pattern))).expect("fixed patterns")
});

static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| KNOWN.iter().map(|known| fixed(known.pattern)).collect());

static LOGIN: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://([^\s/@:'"<>]{0,100}):([^\s@/'"<>]{3,200})@([^\s/:'"]+)"#)
});

const KEY_WORDS: &str = "api[_-]?key|apikey|secret|passwd|password|passphrase|pwd|token|auth[_-]?key|access[_-]?key|private[_-]?key|credential";

/// `key = "value"`, in any language.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    fixed(&format!(
        r#"(?i)([a-z0-9_.-]{{0,60}}(?:{KEY_WORDS})[a-z0-9_-]{{0,40}})["'\]]{{0,2}}\s{{0,20}}(?::\s{{0,5}}&?(?:str|string)\s{{0,5}})?(?::=|=>|[:=])\s{{0,20}}(?:[a-z]{{1,2}})?(?:"([^"]{{8,300}})"|'([^']{{8,300}})'|`([^`]{{8,300}})`)"#
    ))
});

/// `KEY=value`, in files where values have no quotes.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(&format!(
        r#"(?i)^\s*(?:-\s+)?(?:export\s+|env\s+|arg\s+|set\s+)?([a-z0-9_.-]{{0,60}}(?:{KEY_WORDS})[a-z0-9_-]{{0,40}})\s{{0,20}}[:=]\s{{0,20}}([^\s"'#]{{8,300}})\s*(?:#.*)?$"#
    ))
});

/// Ends of names that tell something about a secret and aren't one.
static ABOUT: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i)(?:[_.-](?:name|id|ids|url|uri|path|file|dir|count|len|length|size|type|kind|field|header|label|regex|pattern|",
        r"expiry|expires|ttl|policy|prefix|suffix|env|var|hash|digest|hint|help|title|text|message|error|format|limit|",
        r"endpoint|address|ref|arn|version|alg|algorithm|class|style|selector|placeholder|schema|scope|scopes|source)",
        r"|public[_-]?key|tokeni[sz]er|tokens|(?:Name|Url|Uri|Path|File|Type|Field|Header|Label|Id|Hint|Message|Error|Regex|Hash))$",
    ))
});

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    fixed(concat!(
        r"(?i)example|changeme|change[_-]?it|change[_-]?me|xxxx|\*\*\*|\.\.\.|your|placeholder|dummy|fake|sample|redacted|",
        r"replace|insert|todo|fixme|secret[_-]?here|token[_-]?here|key[_-]?here|not[_-]?a?[_-]?real|default|undefined|",
        r"null|none|\bfoo|foobar|hunter2$|1234567|abcdef|qwerty|password$|^pass(?:w|wd|word|phrase)?[0-9\W]{0,4}$|test|mock|invalid|unused",
    ))
});

fn fixed(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("a fixed pattern")
}

/// Reports secrets by their known forms, logins in links, and values of variables that are named like secrets.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    // A packed file this large is a build of something that is examined where it is written.
    if file.binary || (file.minified && file.bytes.len() > 1024 * 1024) {
        return Vec::new();
    }
    let speaks_of_twilio = LazyCell::new(|| TWILIO.is_match(file.bytes));
    let on_line = |line| {
        let (text, mut taken, mut remarks) = (file.line(line), Vec::new(), Vec::new());
        by_form(line, text, || *speaks_of_twilio, &mut taken, &mut remarks);
        by_login(line, text, &mut taken, &mut remarks);
        // A `.env` file is reported as a whole.
        if !paths::is_lock(file.path()) && !key::is_env_file(file.path()) {
            by_name(file, line, text, &taken, &mut remarks);
        }
        remarks
    };
    file.keep(file.lines_with(&WORTH).flat_map(on_line))
}

fn by_form(
    line: u32,
    text: &[u8],
    speaks_of_twilio: impl Fn() -> bool,
    taken: &mut Vec<Range<usize>>,
    into: &mut Vec<Remark>,
) {
    for index in FORMS.matches(text) {
        let known = &KNOWN[index];
        if known.twilio && !speaks_of_twilio() {
            continue;
        }
        for found in PATTERNS[index].captures_iter(text).filter_map(|found| found.get(1)).take(MAX_ON_LINE) {
            let secret = found.as_bytes();
            let overlaps = taken.iter().any(|range| range.contains(&found.start()));
            if overlaps || is_made_up(secret) {
                continue;
            }
            taken.push(found.range());
            let title = format!("{} in the source: {}", known.what, redacted(secret));
            into.push(Remark::at(line, known.severity, title, REVOKE).sure(0.95));
        }
    }
}

const REVOKE: &str = "Whoever can read the repository, or any copy of its history, can use it. Revoke it first: taking the \
                      line out does not take it out of the history. Then read the new one from the environment or a \
                      secret store.";

fn by_login(line: u32, text: &[u8], taken: &mut Vec<Range<usize>>, into: &mut Vec<Remark>) {
    for found in LOGIN.captures_iter(text).take(MAX_ON_LINE) {
        let (user, host) = (group(&found, 1), group(&found, 3));
        let Some(password) = found.get(2) else { continue };
        let secret = password.as_bytes();
        let local =
            [b"localhost".as_slice(), b"127.", b"0.0.0.0", b"[::1]", b"db", b"postgres", b"redis", b"mysql"];
        let made_up = secret == user
            || user.contains(&b'[')
            || is_made_up_word(secret)
            || is_template(secret)
            || is_template(host)
            || local.iter().any(|name| host.starts_with(name))
            || host.windows(7).any(|at| at == b"example");
        if made_up || taken.iter().any(|range| range.contains(&password.start())) {
            continue;
        }
        taken.push(password.range());
        let title = format!("Password in a link: {}", redacted(secret));
        into.push(Remark::at(line, Severity::Error, title, REVOKE).sure(0.8));
    }
}

fn by_name(
    file: &FileUnderReview<'_>,
    line: u32,
    text: &[u8],
    taken: &[Range<usize>],
    into: &mut Vec<Remark>,
) {
    let quoted = QUOTED
        .captures_iter(text)
        .filter_map(|found| Some((found.get(1)?, (2..5).find_map(|at| found.get(at))?)));
    let bare = has_bare_values(file.path()).then(|| BARE.captures(text)).flatten();
    let bare = bare.and_then(|found| Some((found.get(1)?, found.get(2)?)));
    for (key, value) in quoted.chain(bare) {
        if taken.iter().any(|range| range.contains(&value.start())) || ABOUT.is_match(key.as_bytes()) {
            continue;
        }
        let Some(severity) = judge(value.as_bytes()) else { continue };
        // What a test is given is seldom real, and now and then it is: where it looks like more than a word.
        let (severity, sure) = match (paths::is_test(file.path()), severity) {
            (true, Severity::Error) => (Severity::Warning, 0.4),
            (true, _) => continue,
            (false, severity) => (severity, 0.6),
        };
        let key = String::from_utf8_lossy(key.as_bytes());
        let title = format!("`{}` looks like a secret: {}", shown(&key), redacted(value.as_bytes()));
        let body = format!("{REVOKE} Where the value is none, allow it with a comment `crew:allow secret`.");
        into.push(Remark::at(line, severity, title, body).sure(sure));
        return;
    }
}

/// Keeps the end of a name, which is what tells it.
fn shown(key: &str) -> String {
    let skip = key.chars().count().saturating_sub(40);
    key.chars().skip(skip).collect()
}

fn group<'t>(found: &Captures<'t>, index: usize) -> &'t [u8] {
    found.get(index).map(|group| group.as_bytes()).unwrap_or_default()
}

/// Decides whether files of this kind write values without quotes.
fn has_bare_values(path: &str) -> bool {
    let name = paths::name(path);
    let kinds =
        ["env", "ini", "cfg", "conf", "config", "properties", "yml", "yaml", "netrc", "npmrc", "pypirc"];
    name.starts_with(".env") || name == "Dockerfile" || kinds.contains(&paths::extension(path).as_str())
}

/// Decides how likely the value of such a variable is a secret; nothing for what it surely is not.
fn judge(value: &[u8]) -> Option<Severity> {
    let spaced = value.iter().any(|byte| byte.is_ascii_whitespace() || !byte.is_ascii_graphic());
    if spaced || is_made_up_word(value) || is_template(value) || is_place(value) {
        return None;
    }
    let has = |test: fn(&u8) -> bool| value.iter().any(test);
    let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let symbols = has(|byte| b"!@#$%^&*+=?~".contains(byte))
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase);
    let entropy = entropy(value);
    if value.len() >= 16 && mixed && entropy >= 3.5 {
        Some(Severity::Error)
    } else if (mixed || symbols) && entropy >= 2.75 {
        Some(Severity::Warning)
    } else {
        None
    }
}

/// Decides whether the value is filled in later, or asked for elsewhere.
fn is_template(value: &[u8]) -> bool {
    // Some are marks of templates, the rest of patterns.
    let marks: [&[u8]; 13] =
        [b"${", b"{{", b"$(", b"%(", b"<", b"{%", b"env(", b"::", b"[^", b"(?", br"\s", br"\w", br"\d"];
    let holds = |mark: &[u8]| value.windows(mark.len()).any(|at| at == mark);
    let starts: [&[u8]; 12] = [
        b"$",
        b"{",
        b"%",
        b"env:",
        b"ENV[",
        b"vault:",
        b"secret:",
        b"op://",
        b"process.",
        b"os.",
        b"arn:",
        b"!",
    ];
    marks.iter().any(|mark| holds(mark))
        || starts.iter().any(|start| value.starts_with(start))
        || value.ends_with(b"}")
        || value.ends_with(b")")
        || value.ends_with(b"(")
        || value.ends_with(b";")
}

/// Decides whether the value names a file, a link or another setting.
fn is_place(value: &[u8]) -> bool {
    let starts: [&[u8]; 7] = [b"/", b"./", b"../", b"~/", b"http", b"file:", b"data:"];
    if starts.iter().any(|start| value.starts_with(start)) {
        return true;
    }
    // Words joined by dots, dashes and underscores, of which only the last may end in a digit: `auth.token.v2`.
    let mut words = value.split(|byte| b"._-/:,".contains(byte)).filter(|word| !word.is_empty()).peekable();
    let several = value.iter().any(|byte| b"._-/:,".contains(byte));
    let is_word = |word: &[u8]| {
        let letters = word.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        letters > 0 && word.len() - letters <= 2 && word[letters..].iter().all(u8::is_ascii_digit)
    };
    several && words.all(is_word)
}

const JWT_OF_MANUALS: &[u8] = b".eyJzdWIiOiIxMjM0NTY3ODkw";

fn is_made_up(secret: &[u8]) -> bool {
    static MADE_UP: LazyLock<Regex> =
        LazyLock::new(|| fixed(r"(?i)example|xxxx|your[_-]|placeholder|redacted"));
    // The token of jwt.io, about the user 1234567890, is in a thousand manuals.
    let of_the_manual = secret.windows(JWT_OF_MANUALS.len()).any(|at| at == JWT_OF_MANUALS);
    MADE_UP.is_match(secret) || distinct(secret) < 8 || of_the_manual
}

fn is_made_up_word(value: &[u8]) -> bool {
    PLACEHOLDER.is_match(value) || distinct(value) < 5
}

fn distinct(text: &[u8]) -> usize {
    text.iter().collect::<HashSet<_>>().len()
}

/// Returns the bits that a character of it tells, by how often each occurs.
fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        counts[usize::from(*byte)] += 1;
    }
    let length = text.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * share.log2()).sum()
}

/// Returns at most the first four characters, and at most a quarter.
fn redacted(secret: &[u8]) -> String {
    let keep = (secret.len() / 4).min(4);
    let head: String = secret[..keep]
        .iter()
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' })
        .collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    fn remarks(path: &str, text: &str) -> Vec<Remark> {
        let origin = whole(path, text.as_bytes());
        check(&FileUnderReview::new(&origin, text.as_bytes()))
    }

    /// Letters and digits that repeat late, so that nothing here is a secret until a test puts it together.
    fn noise(length: usize) -> String {
        (0..length).map(|at| char::from(b"q7Zp3LmX9vKt2RwB5nHd8GyC4sJfT6u"[at % 31])).collect()
    }

    fn hex(length: usize) -> String {
        (0..length).map(|at| char::from(b"9f3a7c1e5b8d2046"[(at * 7 + at / 16) % 16])).collect()
    }

    #[test]
    fn every_known_form_is_found_once_and_never_shown() {
        let secrets = [
            format!("AK{}{}", "IA", noise(16).to_uppercase()),
            format!("gh{}{}", "p_", noise(36)),
            format!("gh{}{}", "s_", noise(36)),
            format!("github_{}_{}_{}", "pat", noise(22), noise(59)),
            format!("gl{}-{}", "pat", noise(20)),
            format!("xo{}-123456789012-{}", "xb", noise(24)),
            format!("sk{}{}", "_live_", noise(24)),
            format!("rk{}{}", "_live_", noise(24)),
            format!("AI{}{}", "za", noise(35)),
            format!("sk-{}-{}", "proj", noise(48)),
            format!("sk-{}", noise(48)),
            format!("sk-{}-api03-{}", "ant", noise(90)),
            format!("np{}{}", "m_", noise(36)),
            format!("pypi-{}{}", "AgE", noise(60)),
            format!("S{}.{}.{}", "G", noise(22), noise(43)),
            format!("12345678{}:{}{}", "9", "AA", noise(33)),
            format!("ey{}{}.{}{}.{}", "J", noise(20), "eyJ", noise(30), noise(40)),
            format!("hf{}{}", "_", noise(34)),
            format!("dop_{}_{}", "v1", hex(64)),
        ];
        for secret in secrets {
            for line in [
                format!("x = f(\"{secret}\")\n"),
                format!("# {secret}\n"),
                format!("api_token: '{secret}'\n"),
            ] {
                let remarks = remarks("src/a.py", &line);
                assert_eq!(remarks.len(), 1, "{line}");
                let said = format!("{:?}", remarks[0]);
                assert!(!said.contains(&secret[..8]), "{said}");
                assert!(remarks[0].severity >= Severity::Error);
            }
        }
    }

    #[test]
    fn forms_with_a_neighbourhood_are_found() {
        let hook = format!("https://hooks.slack.com/{}/T0AB12CD3/B0AB12CD3/{}", "services", noise(24));
        let discord = format!("https://discord.com/api/{}/123456789012345678/{}", "webhooks", noise(68));
        let aws = format!("aws_{}_access_key = {}", "secret", noise(40));
        for line in [hook, discord, aws] {
            assert_eq!(remarks("a.cfg", &line).len(), 1, "{line}");
        }
        let twilio = format!("S{}{}", "K", hex(32));
        assert_eq!(remarks("a.py", &format!("client = x\n\nkey = f('{twilio}')  # Twilio\n")).len(), 1);
        assert_eq!(remarks("a.py", &format!("f('{twilio}')\n")).len(), 0);
    }

    #[test]
    fn logins_in_links_are_found_unless_they_are_local_or_made_up() {
        let link = |login: &str, host: &str| format!("url = \"postgres://{login}@{host}/app\"\n");
        assert_eq!(
            remarks("a.py", &link("app:Zp3LmX9v", "db1.prod.acme.io")).len(),
            0,
            "a host that is named like a service"
        );
        assert_eq!(remarks("a.py", &link("app:Zp3LmX9v", "prod.acme.io")).len(), 1);
        for (login, host) in [
            ("app:Zp3LmX9v", "localhost"),
            ("postgres:postgres", "acme.io"),
            ("user:password", "acme.io"),
            ("app:${PASSWORD}", "acme.io"),
            ("app:Zp3LmX9v", "example.com"),
            ("{user}:{pass}", "acme.io"),
        ] {
            assert_eq!(remarks("a.py", &link(login, host)).len(), 0, "{login} {host}");
        }
    }

    #[test]
    fn named_values_are_judged_by_how_random_they_are() {
        let severity = |path: &str, line: &str| remarks(path, line).first().map(|remark| remark.severity);
        assert_eq!(severity("a.py", &format!("API_KEY = \"{}\"\n", noise(28))), Some(Severity::Error));
        assert_eq!(
            severity("a.js", &format!("const password = '{}';\n", noise(10))),
            Some(Severity::Warning)
        );
        assert_eq!(
            severity("a.rs", &format!("const TOKEN: &str = \"{}\";\n", noise(28))),
            Some(Severity::Error)
        );
        assert_eq!(severity("a.yaml", &format!("db_password: {}\n", noise(18))), Some(Severity::Error));
        assert_eq!(severity("a.env", &format!("export DB_PASSWORD={}\n", noise(18))), Some(Severity::Error));
        assert_eq!(
            severity("tests/a.py", &format!("API_KEY = \"{}\"\n", noise(28))),
            Some(Severity::Warning)
        );
    }

    #[test]
    fn what_only_looks_like_a_secret_is_left_alone() {
        for line in [
            "token_count: 12345678",
            "password: str = Field(min_length=8)",
            "password = os.environ[\"DB_PASSWORD\"]",
            "secret: ${{ secrets.DEPLOY_TOKEN_1 }}",
            "api_key = \"your-api-key-1\"",
            "password = \"changeme123\"",
            "token = \"<token-from-2fa>\"",
            "secret = \"xxxxxxxxxxxx1\"",
            "SECRET_FILE = \"/run/secrets/db1\"",
            "const PASSWORD_FIELD = \"password_field_1\";",
            "token_url = \"https://acme.io/oauth2/token\"",
            "label: { password: 'Enter your password 2x' }",
            "secret_name = \"prod-db-2-credentials\"",
            "if password == \"Zp3LmX9vKt2R\":",
            "token = `${prefix}${noise1}`",
            "passwordHash = \"$2b$12$abcdefghijk\"",
            "x = task-proj-0123456789abcdefghij",
            "AWS: AKIAIOSFODNN7EXAMPLE",
            "tokenizer = \"cl100k_base_v2\"",
            "auth_token: auth.token.v2",
        ] {
            assert_eq!(remarks("a.yaml", &format!("{line}\n")), [], "{line}");
            assert_eq!(remarks("a.py", &format!("{line}\n")), [], "{line}");
        }
    }

    #[test]
    fn a_short_secret_is_not_half_shown() {
        assert_eq!(
            [redacted(b"Zp3LmX9v"), redacted(b"Zp3"), redacted(noise(40).as_bytes())],
            ["Zp…", "…", "q7Zp…"]
        );
    }
}
