//! How much the redactor works, and how often it hides what is no secret.

use crew::domain::redact::{HIDDEN, Redactor, SafeStream};
use std::path::Path;
use std::time::Duration;

/// Texts that are made to cost much, each as a piece that is repeated.
const COSTLY: &[&str] = &[
    "_",
    "-",
    "a",
    "token_",
    "token=",
    "token=\"",
    "password: \"token: ",
    "Authorization: ",
    "Authorization: Bearer ",
    "Authorization: Bearer",
    "Bearer ",
    "-----BEGIN",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nabcdefghijklmnopqrst\n",
    "-----BEGIN PRIVATE KEY----- ",
    "://",
    "://a:",
    "://a:b@",
    "eyJ",
    "eyJaaaaaaaa.",
    "eyJaaaaaaaa.e.",
    "sk-",
    "sk-a1B2c3D4e5F6g7H8i9",
    "AKIA",
    "SK0",
    "hf_a",
    ":AA",
    "1234567890:AA",
    "xoxb-",
    "crew-request:1:",
    "\\",
    "token\\",
    "\\\"token\\\":\\\"",
    "\"token\":\"\\\\",
    "\\\\\\\"",
    "token   ",
    "\"token\"",
    "api_key",
    "\u{1b}[31",
    "\u{1b}]0;",
    "ü",
    "\u{202e}",
];

/// Returns the time that this thread has worked; what else the machine does is no part of it.
fn worked() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns how much work a text of about `bytes` is, the best of several.
fn time(piece: &str, bytes: usize) -> Duration {
    let text = piece.repeat(bytes / piece.len());
    let once = || {
        let begun = worked();
        let redactor = Redactor::knowing(["0123456789abcdef0123456789abcdef", "aaaaaaaaaaaaaaab"]);
        std::hint::black_box(redactor.text(&text).len());
        let mut stream = SafeStream::default();
        for chunk in text.as_bytes().chunks(64 * 1024) {
            std::hint::black_box(stream.take(&redactor, chunk).len());
        }
        std::hint::black_box(stream.close(&redactor).len());
        worked() - begun
    };
    (0..2).map(|_| once()).min().expect("a time")
}

#[test]
fn the_work_grows_with_the_length_of_the_text_whatever_it_says() {
    let (small, factor) = (16 * 1024, 8);
    let mut slow = Vec::new();
    for piece in COSTLY {
        let (first, second) = (time(piece, small), time(piece, small * factor));
        // Were it the square, it would be 64 times as much. There is room on both sides.
        if second > first * 32 + Duration::from_millis(200) {
            slow.push(format!("{piece:?}: {first:?}, then {second:?}"));
        }
    }
    assert_eq!(slow, [""; 0]);
}

fn files(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, into) } else { into.push(path) }
    }
}

#[test]
fn ordinary_source_is_left_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = vec![root.join("README.md")];
    files(&root.join("src"), &mut all);
    let (mut lines, mut changed) = (0, Vec::new());
    for file in &all {
        // These hold what looks like secrets, to test that it is found.
        let of_secrets = ["redact", "secret", "/tests.rs", "key.rs"];
        if of_secrets.into_iter().any(|part| file.display().to_string().contains(part)) {
            continue;
        }
        let text = std::fs::read_to_string(file).expect("a source file");
        for line in text.lines() {
            lines += 1;
            if Redactor::default().text(line) != line && !line.contains(HIDDEN) {
                changed.push(format!("{}: {line}", file.display()));
            }
        }
    }
    println!("{} of {lines} lines", changed.len());
    assert!(changed.len() * 2_000 < lines, "{} of {lines}:\n{}", changed.len(), changed.join("\n"));
}
