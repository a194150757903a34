//! What the built-in reviewer takes for a large change, beside what git takes to count its lines.

use super::support::TestRepo;
use super::{Contestant, again, side_by_side};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

/// How many files change, and how many of them one is long.
const FILES: usize = 10_000;
const LONG: usize = 101;

/// A change of every line of 10,000 files in ten languages.
pub fn reviews() {
    let repo = TestRepo::new();
    import(&repo);
    let mut diff = repo.plain("git");
    diff.args(["diff", "--stat", "HEAD~1", "HEAD"]);
    let review = repo.command(["review", "HEAD~1..HEAD", "--reviewer", "builtin", "--again", "--json"]);
    let contestants: Vec<Contestant> = vec![
        ("git diff --stat", Box::new(move || again(&diff))),
        ("crew review", Box::new(move || again(&review))),
    ];
    let costs = side_by_side(3, contestants);
    println!("crew review      {:>10} KiB at most in one process", costs[1].rss_kib);
}

/// Makes two commits on `main`, of which the second changes every line.
fn import(repo: &TestRepo) {
    let mut git = repo.plain("git");
    let mut git = git.args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn().expect("git starts");
    let mut stdin = git.stdin.take().expect("a pipe");
    for version in 1..=2 {
        let mut text = "commit refs/heads/main\ncommitter Person <person@example.com> 1795000000 +0000\n\
                        data 5\nlarge\nfrom refs/heads/main^0\n"
            .to_owned();
        for at in 0..FILES {
            let (ending, content) = file(at, version);
            let path = format!("src/{:03}/{at:05}.{ending}", at / LONG);
            let _ = writeln!(text, "M 100644 inline {path}\ndata {}\n{content}", content.len());
        }
        stdin.write_all(text.as_bytes()).expect("git reads on");
    }
    drop(stdin);
    assert!(git.wait().expect("git ends").success());
}

/// Returns the ending and the text of a file.
fn file(at: usize, version: usize) -> (&'static str, String) {
    type Entry = fn(usize) -> String;
    const KINDS: [(&str, Entry); 9] = [
        ("rs", |n| format!("fn f{n}(x: u32) -> u32 {{\n    // adds {n}\n    x + \"{n}\".len()\n}}\n")),
        ("ts", |n| {
            format!("export function f{n}(x: number) {{\n  return `${{x}} and {n}`; // says it\n}}\n")
        }),
        ("py", |n| format!("def f{n}(x):\n    \"\"\"Adds {n}.\"\"\"\n    return x + {n}\n\n")),
        ("go", |n| format!("func f{n}(x int) int {{\n\treturn x + {n}\n}}\n\n")),
        ("java", |n| format!("class C{n} {{\n  int f(int x) {{ return x + {n}; }}\n}}\n")),
        ("rb", |n| format!("def f{n}(x)\n  x + {n}\nend\n")),
        ("yaml", |n| format!("key{n}:\n  value: {n}\n")),
        ("md", |n| format!("# Title {n}\n\nSome text about {n}.\n\n")),
        ("sql", |n| format!("SELECT {n} FROM orders WHERE name = '{n}';\n")),
    ];
    let entries = if at.is_multiple_of(LONG) { 2_000 } else { 20 };
    let numbers = (0..entries).map(|entry| entry + version * 10_000);
    match at % (KINDS.len() + 1) {
        9 => {
            let entries: Vec<String> = numbers.map(|n| format!("  \"key{n}\": {{\"value\": {n}}}")).collect();
            ("json", format!("{{\n{}\n}}\n", entries.join(",\n")))
        }
        kind => (KINDS[kind].0, numbers.map(KINDS[kind].1).collect()),
    }
}
