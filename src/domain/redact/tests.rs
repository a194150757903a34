//! The redactor on made-up secrets in all the places where they stand, and on lines that hold none.

#[path = "../../../fixtures/redaction/made_up.rs"]
mod made_up;

use super::*;
use made_up::{DIGITS, Dice, LOWER, MadeUp, UPPER, made_up};
use proptest::prelude::*;
use serde_json::json;

const CONTEXTS: &str = include_str!("../../../fixtures/redaction/contexts.txt");
const CLEAN: &str = include_str!("../../../fixtures/redaction/clean.txt");

/// Every context with whether only secrets of a known form are found in it.
fn contexts() -> impl Iterator<Item = (bool, String)> {
    CONTEXTS.lines().map(|line| {
        let (who, context) = line.split_once('|').unwrap();
        // `\n` is a line end, `\\n` the two characters as in JSON.
        (who == "form", context.replace("\\\\", "\0").replace("\\n", "\n").replace('\0', "\\"))
    })
}

fn streamed(text: &str, piece: usize) -> String {
    let (redactor, mut stream) = (Redactor::default(), SafeStream::default());
    let mut safe: String = text.as_bytes().chunks(piece).map(|piece| stream.take(&redactor, piece)).collect();
    safe.push_str(&stream.close(&redactor));
    safe
}

/// Returns what is left of a secret in a text that was made safe, in each of the ways there are.
fn left(text: &str, secret: &str) -> Option<String> {
    let all = Redactor::default();
    let ways = [all.text(text).into_owned(), streamed(text, 7), all.line(text, 100_000)];
    let shows = |safe: &String| {
        let mut parts = secret.as_bytes().windows(9);
        parts.any(|part| safe.contains(std::str::from_utf8(part).unwrap())) || !safe.contains(HIDDEN)
    };
    ways.into_iter().find(shows)
}

#[test]
fn secrets_are_hidden_wherever_they_stand() {
    let secrets = made_up();
    assert!(secrets.len() >= 200, "{}", secrets.len());
    let mut shown = Vec::new();
    for (only_form, context) in contexts() {
        let fits = |secret: &&MadeUp| {
            (secret.by_form || !only_form) && !(context.contains(":{}@") && secret.text.contains('/'))
        };
        let found = secrets
            .iter()
            .filter(fits)
            .find_map(|secret| left(&context.replace("{}", &secret.text), &secret.random));
        shown.extend(found);
    }
    assert_eq!(shown, [""; 0], "\n{}", shown.join("\n"));
}

#[test]
fn a_password_that_somebody_made_up_is_hidden_where_it_is_written_down() {
    for (text, shown) in [
        ("password: hunter3hunter3", "password: [redacted]"),
        ("the password: hunter3hunter3; next", "the password: [redacted]; next"),
        ("my password: hunter3hunter3 and more", "my password: [redacted] and more"),
        ("Password: Tr0ub4dor&3xyz", "Password: [redacted]"),
        ("1 password: correcthorse", "1 password: [redacted]"),
        ("  12\tdb_password: correcthorse", "  12\tdb_password: [redacted]"),
        ("     7\u{2192}password: correcthorse\n", "     7\u{2192}password: [redacted]\n"),
        ("conf/db.yml:12:passwd: correcthorse", "conf/db.yml:12:passwd: [redacted]"),
        ("conf/db.yml-13-  password: correcthorse", "conf/db.yml-13-  password: [redacted]"),
        ("?password=Tr0ub4dor&user=ann", "?password=[redacted]&user=ann"),
    ] {
        assert_eq!(Redactor::default().text(text), shown);
        assert_eq!(streamed(text, 5), shown);
    }
    for text in [
        "say the password: correct it first",
        "const user = { password: password2, name }",
        "login(user, password: hash256)",
        "Step 2 asks for a password: choose one",
        "db2 password: see above",
    ] {
        assert_eq!(Redactor::default().text(text), text);
    }
}

#[test]
fn logins_are_hidden_where_a_program_reads_them_and_words_like_them_stay() {
    for (text, shown) in [
        ("DB_PASS=zq8Kx2mmWordy", "DB_PASS=[redacted]"),
        (r#"{"auth":"dXNlcjpwYXNz"}"#, r#"{"auth":"[redacted]"}"#),
        ("machine h login a password correcthorse", "machine h login a password [redacted]"),
        ("curl -u admin:hunter https://h", "curl -u admin:[redacted] https://h"),
        ("sshpass -p hunter ssh h", "sshpass -p [redacted] ssh h"),
        ("mysqldump -phunter app", "mysqldump -p[redacted] app"),
        ("Cookie: s=0123456789abcdef; theme=dark", "Cookie: s=[redacted]; theme=dark"),
        ("curl -H \"x-user-token: a1b2c3d4e5f6\"", "curl -H \"x-user-token: [redacted]\""),
    ] {
        assert_eq!(Redactor::default().text(text), shown);
        assert_eq!(streamed(text, 5), shown);
    }
    for (name, is_secret) in
        [("DB_PASS", true), ("dbPass", true), ("PASS", false), ("FIRST_AUTH", false), ("bypass", false)]
    {
        assert_eq!(is_secret_name(name), is_secret, "{name}");
    }
}

#[test]
fn what_stands_around_a_secret_stays() {
    let secret = &made_up()[0].text;
    for (_, context) in contexts() {
        let around = context.split("{}").next().unwrap();
        let safe = Redactor::default().text(&context.replace("{}", secret)).into_owned();
        assert!(safe.starts_with(around), "{safe}");
        assert!(safe.len() + 60 >= context.len(), "{context}\n{safe}");
        // What was JSON still is.
        if context != "{}" && serde_json::from_str::<Value>(&context).is_ok() {
            assert!(serde_json::from_str::<Value>(&safe).is_ok(), "{safe}");
        }
    }
}

#[test]
fn a_private_key_goes_whole_or_cut_off_on_one_line_or_on_many() {
    let mut dice = Dice(9);
    let alphabet = format!("{LOWER}{UPPER}{DIGITS}+/");
    let lines: Vec<String> =
        (0..12).map(|at| dice.letters(&alphabet, if at == 11 { 13 } else { 64 })).collect();
    for kind in
        ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"]
    {
        let (begin, end) = (format!("-----{} {kind}-----", "BEGIN"), format!("-----END {kind}-----"));
        let whole = format!("{begin}\n{}\n{end}\n", lines.join("\n"));
        let forms = [
            whole.clone(),
            whole.replace('\n', "\r\n"),
            format!("{begin}\n{}\n", lines.join("\n")),
            format!(
                "{begin}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789\n\n{}\n{end}",
                lines.join("\n")
            ),
            whole.lines().map(|line| format!("+{line}\n")).collect(),
            whole.lines().map(|line| format!("-{line}\n")).collect(),
            whole.lines().enumerate().map(|(at, line)| format!("{at:6}\t{line}\n")).collect(),
            whole.lines().map(|line| format!("2026-11-21 08:00:00.123 INFO {line}\n")).collect(),
            json!({"type": "service_account", "private_key": whole, "client_email": "a@b"}).to_string(),
            json!({"text": json!({"key": whole}).to_string()}).to_string(),
            json!({"text": whole[..whole.len() / 2]}).to_string(),
        ];
        for form in forms {
            let text = format!("before {form}\nafter this there are some more words that stay");
            for safe in
                [Redactor::default().text(&text).into_owned(), streamed(&text, 50), streamed(&text, 1 << 20)]
            {
                for line in &lines {
                    let parts: Vec<_> = line.as_bytes().chunks(8).filter(|part| part.len() == 8).collect();
                    let left = parts.iter().find(|part| safe.contains(std::str::from_utf8(part).unwrap()));
                    assert_eq!(left, None, "\n{safe}");
                }
                assert!(safe.starts_with("before ") && safe.ends_with("some more words that stay"), "{safe}");
            }
        }
    }
}

#[test]
fn lines_that_hold_no_secret_stay_as_they_are() {
    let changed: Vec<_> =
        CLEAN.lines().map(|line| streamed(line, 5)).filter(|line| line.contains(HIDDEN)).collect();
    let already = CLEAN.lines().filter(|line| line.contains(HIDDEN)).collect::<Vec<_>>();
    assert_eq!(changed, already);
    assert!(Redactor::default().text(CLEAN) == CLEAN && streamed(CLEAN, 100) == CLEAN);
}

#[test]
fn a_known_value_is_hidden_wherever_it_stands() {
    let redactor = Redactor::knowing(["a5f0b1", "", "say \"so\""]);
    assert_eq!(redactor.text("a5f0b1 xa5f0b1y"), "[redacted] x[redacted]y");
    assert_eq!(redactor.text(r#"{"a":"say \"so\" now"}"#), r#"{"a":"[redacted] now"}"#);
    assert_eq!(redactor.known_taken_out("a5f0b1 password=hunter22"), "[redacted] password=hunter22");
    assert_eq!(safe_line("a5f0b1 xa5f0b1y", &["a5f0b1", ""], 500), "[redacted] x[redacted]y");
}

#[test]
fn a_secret_at_the_place_of_the_cut_does_not_show_its_beginning() {
    let text = format!("{} {}", "x".repeat(90), made_up()[0].text);
    let line = safe_line(&text, &[], 100);
    assert!(line.chars().count() <= 100 && !line.contains("sk-"), "{line}");
}

#[test]
fn json_keeps_its_structure() {
    let token = &made_up()[0].text;
    let mut value = json!({"summary": format!("used {token}\u{1b}[31m"), "count": 3, "api_key": "abc-9",
        "tokens": 12, "token_count": "12", "list": [null, true, token], "odd\u{202e}key": 1, "nested": {"password": "let me in"}});
    Redactor::default().value(&mut value);
    assert_eq!(
        value,
        json!({"summary": "used [redacted]", "count": 3, "api_key": "[redacted]", "tokens": 12, "token_count": "12",
            "list": [null, true, "[redacted]"], "oddkey": 1, "nested": {"password": "[redacted]"}})
    );
}

#[test]
fn escapes_and_strange_bytes_hide_no_secret_in_a_stream() {
    let token = &made_up()[0].text;
    let (a, b) = token.split_at(10);
    let text = format!("x {a}\u{1b}[0m\u{200b}{b} y\r\u{1b}]0;t\u{7}z\n");
    assert_eq!(streamed(&text, 3), "x [redacted] y\nz\n");
    assert_eq!(streamed(&format!("{{\"a\":\"{a}\\u001b[0m{b}\"}}"), 3), r#"{"a":"[redacted]"}"#);
    assert_eq!(streamed("a\\u001b[0mb", 3), "a\\u001b[0mb");
    let mut stream = SafeStream::default();
    assert_eq!(stream.take(&Redactor::default(), b"\xffa\n\xe2"), "\u{fffd}a\n");
    assert_eq!(stream.close(&Redactor::default()), "\u{fffd}");
}

#[test]
fn a_secret_in_a_line_of_megabytes_is_found_wherever_the_pieces_are_cut() {
    let secret = &made_up()[0].random;
    for at in (250_000..270_000).step_by(331) {
        let mut text = "x ".repeat(at / 2);
        text.push_str(&format!("password={secret} "));
        text.push_str(&"y ".repeat(200_000));
        let expected = text.replace(secret, HIDDEN);
        assert!(streamed(&text, 65_536) == expected, "{at}");
    }
}

#[test]
fn a_line_waits_for_its_end_and_is_counted_meanwhile() {
    let (redactor, mut stream) = (Redactor::default(), SafeStream::default());
    assert_eq!(stream.take(&redactor, b"a\nhalf"), "a\n");
    assert_eq!(stream.waiting(), 4);
    assert_eq!(stream.take(&redactor, b" more\n"), "half more\n");
    assert_eq!((stream.waiting(), stream.close(&redactor).as_str()), (0, ""));
    let long = "z".repeat(3 * (1 << 20));
    let told: usize = long.as_bytes().chunks(65_536).map(|piece| stream.take(&redactor, piece).len()).sum();
    assert!(told > 2 << 20 && stream.waiting() < 1 << 20, "{told} {}", stream.waiting());
    assert_eq!(told + stream.close(&redactor).len(), long.len());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_twice_is_once(text in "([a-z0-9 ]{0,9}|token|password|Authorization|Bearer |[=:\"'\\\\\n ]{1,3}|://|@|-----BEGIN|-----END| PRIVATE KEY-----|sk-|eyJ|\\PC){0,30}") {
        let once = Redactor::default().text(&text).into_owned();
        prop_assert!(streamed(&text, 5).len() <= 40 * (text.len() + 1));
        let again = Redactor::default().text(&once).into_owned();
        prop_assert!(again.matches(HIDDEN).count() >= once.matches(HIDDEN).count() || again.len() <= once.len());
    }

    #[test]
    fn however_a_stream_is_cut_it_is_the_same(text in "([a-z ü]{0,9}|token|password=|hunter2x9|[=:\"'\\\\\n]{1,3}|sk-|\u{1b}\\[31m|\r){0,30}", piece in 1usize..40) {
        prop_assert_eq!(streamed(&text, piece), streamed(&text, 1 << 20));
    }
}
