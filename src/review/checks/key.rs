//! Private keys, and files that hold nothing but secrets.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::paths;
use crate::review::remark::Remark;
use regex::bytes::Regex;
use std::sync::LazyLock;

static HEAD: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-[23]:|AGE-SECRET-KEY-1[A-Z0-9]{58}",
    )
});
/// The text of a key after its head on the same line, as in JSON.
static INLINE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"PRIVATE KEY(?: BLOCK)?-----(?:\\r)?(?:\\n|\s)+[A-Za-z0-9+/]{16}"));
static BASE64: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^[^A-Za-z0-9+/]{0,12}[A-Za-z0-9+/]{16,}={0,2}\W{0,8}n?\W{0,8}$"));
static HEADER: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\W{0,12}(?:Proc-Type|DEK-Info|Version|Comment): "));
static VALUE: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*["']?([^\s"'#]+)"#));
static SENSITIVE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)key|secret|passw|pwd|token|credential|auth|dsn|private|database_url|connection")
});
static FILLED_IN: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r"(?i)^\$|^<|changeme|change_me|example|your|xxx|placeholder|^(?:true|false|null|none)$")
});

fn fixed(pattern: &str) -> Regex {
    Regex::new(&format!("(?m-u){pattern}")).expect("a fixed pattern")
}

const BODY: &str = "Whoever can read the repository, or any copy of its history, has the key. Make a new one, take the old \
                    one out of use, and keep it outside of the repository.";

/// Reports keys by their text, and files that hold keys by their name.
pub fn check(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let mut remarks = if file.binary { Vec::new() } else { blocks(file) };
    if remarks.is_empty() && file.origin.size > 0 && is_key_file(file.path()) && is_examined(file) {
        let title = format!("`{}` is named like a file with private keys", paths::name(file.path()));
        remarks.push(Remark::on_file("name", Severity::Blocker, title, BODY).sure(0.9));
    }
    remarks
}

fn is_examined(file: &FileUnderReview<'_>) -> bool {
    file.binary || file.touches(1, u32::MAX)
}

fn blocks(file: &FileUnderReview<'_>) -> Vec<Remark> {
    let mut seen = 0;
    file.keep(HEAD.find_iter(file.bytes).filter_map(|hit| {
        let first = file.line_at(hit.start());
        if first <= seen {
            return None;
        }
        seen = first;
        let (what, last) = block(file, first, hit.as_bytes())?;
        seen = last;
        let title = format!("{what} in the repository");
        file.touches(first, last).then(|| Remark::at(first, Severity::Blocker, title, BODY).to(last))
    }))
}

/// Returns what it is and its last line; nothing where only the head is there, as in code that looks for one.
fn block(file: &FileUnderReview<'_>, first: u32, head: &[u8]) -> Option<(&'static str, u32)> {
    if head.starts_with(b"AGE-") {
        return Some(("age private key", first));
    }
    if head.starts_with(b"PuTTY") {
        let lines =
            (first..first.saturating_add(60)).find(|line| file.line(*line).starts_with(b"Private-Lines:"))?;
        return Some(("PuTTY private key", lines));
    }
    if INLINE.is_match(file.line(first)) {
        return Some(("Private key", first));
    }
    let body = (first + 1..=first + 6).find(|line| {
        let text = file.line(*line);
        !text.trim_ascii().is_empty() && !HEADER.is_match(text)
    })?;
    if !BASE64.is_match(file.line(body)) {
        return None;
    }
    // The next row of dashes is its end, or the head of another.
    let dashes =
        (body..body.saturating_add(200)).find(|line| file.line(*line).windows(5).any(|at| at == b"-----"));
    let end = dashes.filter(|line| file.line(*line).windows(9).any(|at| at == b"-----END "));
    Some(("Private key", end.unwrap_or(body)))
}

fn is_key_file(path: &str) -> bool {
    let name = paths::name(path);
    ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"].contains(&name)
        || ["p12", "pfx", "jks", "keystore", "ppk", "kdbx"].contains(&paths::extension(path).as_str())
}

/// Reports a `.env` file with values.
pub fn check_env(file: &FileUnderReview<'_>) -> Vec<Remark> {
    if file.binary || !is_env_file(file.path()) {
        return Vec::new();
    }
    let values = file.changed_lines().filter_map(|line| {
        let found = VALUE.captures(file.line(line))?;
        let (name, value) = (found.get(1)?.as_bytes(), found.get(2)?.as_bytes());
        (!FILLED_IN.is_match(value)).then(|| (line, SENSITIVE.is_match(name)))
    });
    let values: Vec<_> = values.take(10_000).collect();
    let Some((line, sensitive)) = values.iter().find(|(_, sensitive)| *sensitive).or(values.first()) else {
        return Vec::new();
    };
    let severity = if *sensitive { Severity::Blocker } else { Severity::Warning };
    let body = "Such a file holds what differs from machine to machine, and sooner or later a secret. Ignore it, commit a \
                `.env.example` with the names alone, and change every secret that was in it.";
    vec![Remark::at(*line, severity, "`.env` file with values in the repository", body).sure(0.9)]
}

/// Decides whether it is a `.env` file with values, rather than one that shows which there are.
pub fn is_env_file(path: &str) -> bool {
    let name = paths::name(path);
    let Some(rest) = name.strip_prefix(".env") else { return false };
    let shown = ["example", "sample", "template", "dist", "defaults", "schema", "tpl", "vault"];
    rest.is_empty() || (rest.starts_with('.') && !rest.split('.').any(|word| shown.contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;

    fn found(path: &str, text: &str) -> Vec<(u32, u32)> {
        let origin = whole(path, text.as_bytes());
        let file = FileUnderReview::new(&origin, text.as_bytes());
        check(&file).iter().chain(&check_env(&file)).map(|remark| remark.lines).collect()
    }

    fn head(kind: &str) -> String {
        format!("-----{} {kind}PRIVATE KEY-----", "BEGIN")
    }

    #[test]
    fn a_key_is_found_from_its_head_to_its_end() {
        let body = "MIIEowIBAAKCAQEAqR8v2n0XbQ==";
        let end = "-----END RSA PRIVATE KEY-----";
        let text = format!("x\n{}\nProc-Type: 4,ENCRYPTED\n\n{body}\n{end}\n", head("RSA "));
        assert_eq!(found("a.txt", &text), [(2, 6)]);
        assert_eq!(found("a.py", &format!("k = \"\"\"{}\n{body}\n{end}\n\"\"\"\n", head("RSA "))), [(1, 3)]);
        assert_eq!(
            found("a.js", &format!("const k = '{}\\n' +\n  '{body}\\n' +\n  '{end}';\n", head("RSA "))),
            [(1, 3)]
        );
        assert_eq!(
            found("a.json", &format!("{{\"private_key\": \"{}\\n{body}\\n\"}}\n", head(""))),
            [(1, 1)]
        );
    }

    #[test]
    fn code_that_looks_for_keys_holds_none() {
        assert_eq!(
            found("a.rs", &format!("if text.contains(\"{}\") {{\n    return true;\n}}\n", head(""))),
            []
        );
    }

    #[test]
    fn other_keys_and_files_by_their_name_are_found() {
        assert_eq!(found("k.txt", &format!("{}-1{}\n", "AGE-SECRET-KEY", "Q7".repeat(29))), [(1, 1)]);
        assert_eq!(
            found("k", &format!("{}-3: ssh\nEncryption: none\nPrivate-Lines: 1\nx\n", "PuTTY-User-Key-File")),
            [(1, 3)]
        );
        assert_eq!(found("home/id_rsa", "x\n"), [(0, 0)]);
        assert_eq!(found("home/id_rsa.pub", "x\n"), []);
        assert_eq!(found("release.keystore", "x"), [(0, 0)]);
    }

    #[test]
    fn env_files_count_when_they_hold_values() {
        let values = format!("PORT=3000\nDB_{}=s3cr3tpw\n", "PASSWORD");
        assert_eq!(found(".env", &values), [(2, 2)]);
        assert_eq!(found("app/.env.production", &values), [(2, 2)]);
        assert_eq!(found(".env.example", &values), []);
        assert_eq!(found(".env", "# nothing\nDB_PASSWORD=\nTOKEN=${TOKEN}\n"), []);
        assert_eq!(found(".envrc", "export A=b\n"), []);
    }
}
