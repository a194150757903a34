//! A repository with planted defects, each found at its line, and its clean twin, in which nothing is found.

use super::*;
use crate::domain::finding::Severity;
use crate::workspace::git::Git;
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::Path;

struct Repo {
    folder: tempfile::TempDir,
    git: Git,
}

impl Repo {
    fn new() -> Repo {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.run(&["init", "--quiet", "--initial-branch=main"]).unwrap();
        git.run(&["config", "core.autocrlf", "false"]).unwrap();
        Repo { folder, git }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self) -> String {
        self.git.run(&["add", "--all", "--force"]).unwrap();
        let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
        self.git.run(&[who.as_slice(), &["commit", "--quiet", "--allow-empty", "-m", "x"]].concat()).unwrap();
        self.git.text(&["rev-parse", "HEAD"]).unwrap()
    }

    fn examine(&self, target: &Target) -> Examination {
        examine(&self.git, target, RuleSet::All).unwrap()
    }
}

/// A finding by what tells it.
type Place = (String, u32, String);

fn places(examination: &Examination) -> BTreeSet<Place> {
    let place = |finding: &Finding| (finding.file.clone(), finding.start_line, finding.category.clone());
    examination.findings.iter().map(place).collect()
}

fn noise(length: usize) -> String {
    (0..length).map(|at| char::from(b"q7Zp3LmX9vKt2RwB5nHd8GyC4sJfT6u"[at % 31])).collect()
}

/// One planted file: its path, its text, and the lines at which a category has to be found.
struct Planted {
    path: &'static str,
    text: Vec<u8>,
    found: Vec<(u32, &'static str)>,
}

fn planted(path: &'static str, text: impl Into<Vec<u8>>, found: &[(u32, &'static str)]) -> Planted {
    Planted { path, text: text.into(), found: found.to_vec() }
}

/// Every secret is put together here, so that none stands in this file.
fn secrets() -> Vec<String> {
    vec![
        format!("AK{}{}", "IA", noise(16).to_uppercase()),
        format!("gh{}{}", "p_", noise(36)),
        format!("sk-{}-api03-{}", "ant", noise(90)),
        format!("xo{}-1234567890-{}", "xb", noise(24)),
        format!("sk{}{}", "_live_", noise(24)),
        noise(28),
        noise(18),
        "Zp3LmX9vq".to_owned(),
    ]
}

fn defects() -> Vec<Planted> {
    let secrets = secrets();
    let key = format!(
        "-----{} RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAqR8v2n0XbQ==\n-----END RSA PRIVATE KEY-----\n",
        "BEGIN"
    );
    let (ours, theirs) = ("<".repeat(7), ">".repeat(7));
    let conflict = |body: &str| format!("{body}{ours} HEAD\na = 1\n=======\na = 2\n{theirs} x\n");
    let mut binary = b"\x7fELF\x02\x01\x01\0".to_vec();
    binary.resize(4000, 0);
    vec![
        planted("src/merge.rs", conflict("fn a() {}\n"), &[(2, "conflict-marker")]),
        planted(
            "sub/Cargo.lock",
            conflict("[[package]]\n"),
            &[(2, "conflict-marker"), (0, "generated-merge")],
        ),
        planted("src/aws.py", format!("# set\nKEY = \"{}\"\n", secrets[0]), &[(2, "secret")]),
        planted("src/hub.py", format!("\n\nTOKEN = '{}'\n", secrets[1]), &[(3, "secret")]),
        planted("docs/use.md", format!("Run with\n\n    export K={}\n", secrets[2]), &[(3, "secret")]),
        planted("tests/slack.json", format!("{{\n  \"t\": \"{}\"\n}}\n", secrets[3]), &[(2, "secret")]),
        planted("node_modules/a/pay.js", format!("x\npay('{}')  \n", secrets[4]), &[(2, "secret")]),
        planted(
            "src/conf.ts",
            format!("export const c = {{\n  apiKey: '{}',\n}};\n", secrets[5]),
            &[(2, "secret")],
        ),
        planted("deploy/values.yaml", format!("db:\n  password: {}\n", secrets[6]), &[(2, "secret")]),
        planted(
            "src/link.go",
            format!("package a\n\nvar u = \"postgres://app:{}@pg.acme.io/x\"\n", secrets[7]),
            &[(3, "secret")],
        ),
        planted("deploy/server.pem", format!("# key\n{key}"), &[(2, "private-key")]),
        planted("deploy/id_ed25519", "opaque\n", &[(0, "private-key")]),
        planted("deploy/release.jks", b"\xfe\xed\0\0".to_vec(), &[(0, "private-key"), (0, "binary-file")]),
        planted(".env", format!("PORT=1\nDB_{}=x1y2z3abc\n", "PASSWORD"), &[(2, "private-key")]),
        planted("data/large.csv", "1,2\n".repeat(300_000), &[(0, "large-file")]),
        planted("bin/tool", binary, &[(0, "binary-file")]),
        planted("dist.zip", b"PK\x03\x04\0\0\0\0".to_vec(), &[(0, "binary-file")]),
        planted(
            "src/debug.rs",
            "fn a() {\n    let s = \"\n    dbg!(1)\";\n    dbg!(s);\n    todo!()\n}\n",
            &[(4, "debug-leftover"), (5, "debug-leftover")],
        ),
        planted(
            "web/a.ts",
            "function a() {\n  debugger;\n  console.log(`x ${b}`);\n}\n",
            &[(2, "debug-leftover"), (3, "debug-leftover")],
        ),
        planted("web/a.test.ts", "it.only('a', () => {});\n", &[(1, "debug-leftover")]),
        planted(
            "src/stop.py",
            "def a():\n    breakpoint()\n    import pdb; pdb.set_trace()\n",
            &[(2, "debug-leftover"), (3, "debug-leftover")],
        ),
        planted("src/stop.rb", "def a\n  binding.pry\nend\n", &[(2, "debug-leftover")]),
        planted("src/show.php", "<?php\nvar_dump($a);\n", &[(2, "debug-leftover")]),
        planted(
            "src/Trace.java",
            "class Trace {\n  void a() { try { b(); } catch (E e) { e.printStackTrace(); } }\n}\n",
            &[(2, "debug-leftover")],
        ),
        planted(
            "src/later.go",
            "package a\n\n// TODO: handle the error\nvar a = 1 // FIXME\n",
            &[(3, "todo-without-owner"), (4, "todo-without-owner")],
        ),
        planted(
            "src/space.c",
            "int a;  \nint b;\n \tint c;\n",
            &[(1, "whitespace-error"), (3, "whitespace-error")],
        ),
        planted("src/end.c", "int a;\nint b;", &[(2, "whitespace-error")]),
        planted("src/mixed.c", "int a;\nint b;\r\nint c;\n", &[(2, "whitespace-error")]),
        planted("conf/a.json", "{\n  \"a\": 1,\n}\n", &[(3, "broken-data")]),
        planted("conf/a.jsonl", "{}\n{]\n", &[(2, "broken-data")]),
        planted("conf/a.toml", "[a]\nb = = 1\n", &[(2, "broken-data")]),
        planted("conf/a.yml", "a:\n  - b\n c: 1\n", &[(3, "broken-data")]),
        planted(
            "src/bidi.c",
            format!("int a;\n/*{} }} {} if (b) */\n", '\u{202e}', '\u{2066}'),
            &[(2, "hidden-character")],
        ),
        planted("src/zero.js", format!("let ad{}min = 1;\n", '\u{200b}'), &[(1, "hidden-character")]),
        planted("Names/Read.txt", "a\n", &[]),
        planted("names/read.txt", "b\n", &[(0, "name-collision")]),
        planted("strange/tab\there \"ö\".py", "breakpoint()\n", &[(1, "debug-leftover")]),
    ]
}

fn clean() -> Vec<Planted> {
    let files: Vec<(&str, String)> = vec![
        ("src/merge.rs", "/// Looks for `=======`.\nfn a() {}\n".into()),
        ("docs/heading.rst", "Heading\n=======\n\n    <<<<<<< HEAD\n    =======\n    >>>>>>> x\n".into()),
        ("src/aws.py", "KEY = os.environ[\"AWS_ACCESS_KEY_ID\"]\nDOC = \"AKIAIOSFODNN7EXAMPLE\"\n".into()),
        ("src/conf.ts", "export const c = { apiKey: process.env.API_KEY, tokenCount: 12345678 };\n".into()),
        ("src/model.py", "class A:\n    password: str\n    token_type: str = \"bearer\"\n".into()),
        ("deploy/values.yaml", "db:\n  password: ${DB_PASSWORD_1}\n  secretName: prod-db-2\n".into()),
        ("docs/link.md", "Use `postgres://user:password@host/db`.  \nThen go on.\n".into()),
        (".env.example", "DB_PASSWORD=changeme\n".into()),
        ("deploy/id_ed25519.pub", "ssh-ed25519 AAAA ann\n".into()),
        ("src/debug.rs", "// dbg!(x)\nfn a() -> &'static str {\n    \"todo!() dbg!(a)\"\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n        todo!()\n    }\n}\n".into()),
        ("web/a.ts", "// debugger;\nconst log = \"console.log(x)\";\nlogger.log(/[`'\"]/, log);\n".into()),
        ("scripts/build.js", "console.log(\"built\");\n".into()),
        ("web/a.test.ts", "it('a', () => { list.only(1); });\n".into()),
        ("src/stop.py", "\"\"\"Call\nbreakpoint()\n\"\"\"\n# pdb.set_trace()\n".into()),
        ("src/later.go", "package a\n\n// TODO(ann): handle the error\n// FIXME #12: and this\nvar todo = \"TODO: x\"\n".into()),
        ("src/windows.c", "int a;\r\nint b;\r\n".into()),
        ("tests/a.patch", "-a  \n+b \n".into()),
        ("tsconfig.json", "{\n  // why\n  \"a\": 1,\n}\n".into()),
        ("conf/stack.yml", "a: !Ref B\n---\nb: !Sub [a, b]\n".into()),
        ("conf/chart.yaml", "{{- if .x }}\na: {{ .y }}\n{{- end }}\n".into()),
        ("conf/a.jsonl", "{}\n\n[1]\n".into()),
        ("src/emoji.js", "const a = '👩\u{200d}💻';\n".into()),
        ("node_modules/a/a.js", "debugger; // TODO \n".into()),
        ("web/a.min.js", "debugger;console.log(1) \n".into()),
    ];
    let clean = |(path, text): (&'static str, String)| planted(path, text, &[]);
    files.into_iter().map(clean).collect()
}

fn plant(repo: &Repo, files: &[Planted]) -> BTreeSet<Place> {
    for file in files {
        repo.write(file.path, &file.text);
    }
    let place = |file: &Planted| {
        let file_path = file.path.to_owned();
        file.found
            .iter()
            .map(move |(line, category)| (file_path.clone(), *line, (*category).to_owned()))
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(place).collect()
}

fn assert_same(found: &BTreeSet<Place>, expected: &BTreeSet<Place>) {
    let missed: Vec<_> = expected.difference(found).collect();
    let made_up: Vec<_> = found.difference(expected).collect();
    assert!(missed.is_empty() && made_up.is_empty(), "missed: {missed:#?}\nmade up: {made_up:#?}");
}

#[test]
fn every_planted_defect_is_found_at_its_line_in_each_target() {
    let repo = Repo::new();
    repo.write("README.md", "# x\n");
    let base = repo.commit();
    let mut expected = plant(&repo, &defects());
    symlink("../../etc", repo.path("src/out")).unwrap();
    expected.insert(("src/out".into(), 0, "outside-link".into()));
    assert!(expected.len() >= 30, "{}", expected.len());

    assert_eq!(choose_target(&repo.git).unwrap(), Target::Worktree);
    repo.git.run(&["add", "--all", "--force"]).unwrap();
    let uncommitted = repo.examine(&Target::Worktree);
    assert_same(&places(&uncommitted), &expected);

    let head = repo.commit();
    let range = repo.examine(&Target::Range { base, head });
    assert_same(&places(&range), &expected);
    assert_eq!(range.findings, uncommitted.findings);
    assert_eq!((range.files, range.added, range.removed), (uncommitted.files, uncommitted.added, 0));

    // A tree has no change to speak about.
    expected.remove(&("sub/Cargo.lock".into(), 0, "generated-merge".into()));
    assert_eq!(choose_target(&repo.git).unwrap(), Target::Tree);
    assert_same(&places(&repo.examine(&Target::Tree)), &expected);
}

#[test]
fn untracked_files_are_examined_like_committed_ones() {
    let repo = Repo::new();
    let expected = plant(&repo, &defects());
    assert_same(&places(&repo.examine(&Target::Worktree)), &expected);
}

#[test]
fn the_clean_twin_has_no_finding() {
    let repo = Repo::new();
    repo.write("README.md", "# x\n");
    let base = repo.commit();
    plant(&repo, &clean());
    symlink("../README.md", repo.path("docs/readme")).unwrap();
    assert_eq!(repo.examine(&Target::Worktree).findings, []);
    let head = repo.commit();
    assert_eq!(repo.examine(&Target::Range { base, head }).findings, []);
    assert_eq!(repo.examine(&Target::Tree).findings, []);
}

#[test]
fn no_finding_tells_a_secret() {
    let repo = Repo::new();
    plant(&repo, &defects());
    let said = format!("{:?}", repo.examine(&Target::Worktree));
    for secret in secrets() {
        assert!(!said.contains(&secret[..6]), "{secret}");
    }
}

#[test]
fn a_diff_speaks_about_changed_lines_only() {
    let repo = Repo::new();
    repo.write("tests/a.py", "breakpoint()\nx = 1 \n# TODO a\ny = 2\n");
    let base = repo.commit();
    repo.write("tests/a.py", "breakpoint()\nx = 1 \nz = 3 \nbreakpoint()\n# TODO a\ny = 2\n");
    let head = repo.commit();
    let range = repo.examine(&Target::Range { base, head });
    let expected = [(3, "whitespace-error"), (4, "debug-leftover")];
    let expected = expected.map(|(line, category)| ("tests/a.py".to_owned(), line, category.to_owned()));
    assert_eq!(places(&range), BTreeSet::from(expected));
    assert_eq!((range.files, range.added, range.removed), (1, 2, 0));
}

#[test]
fn renames_deletions_and_modes_are_no_news() {
    let repo = Repo::new();
    repo.write("tests/old.py", "breakpoint()\n".repeat(20));
    repo.write("tests/gone.py", "breakpoint()\n");
    repo.write("tests/run.py", "breakpoint()\n");
    let base = repo.commit();
    repo.git.run(&["mv", "tests/old.py", "tests/new.py"]).unwrap();
    repo.git.run(&["rm", "--quiet", "tests/gone.py"]).unwrap();
    repo.git.run(&["update-index", "--chmod=+x", "tests/run.py"]).unwrap();
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"];
    repo.git.run(&[who.as_slice(), &["commit", "--quiet", "-m", "x"]].concat()).unwrap();
    let range = repo.examine(&Target::Range { base, head: "HEAD".into() });
    assert_eq!((range.findings, range.files, range.removed), (vec![], 3, 1));
}

#[test]
fn findings_come_worst_first_and_keep_their_fingerprint_when_they_move() {
    let repo = Repo::new();
    repo.write("tests/a.py", "x = 1\nbreakpoint()\n# TODO a\n");
    let before = repo.examine(&Target::Tree).findings;
    assert_eq!([before[0].severity, before[1].severity], [Severity::Error, Severity::Info]);
    repo.write("tests/a.py", "x = 1\ny = 2\n\nbreakpoint()\n# TODO a\n");
    let after = repo.examine(&Target::Tree).findings;
    let fingerprints =
        |findings: &[Finding]| findings.iter().map(|found| found.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(fingerprints(&before), fingerprints(&after));
    assert_eq!(after[0].start_line, 4);
}

#[test]
fn what_the_author_allowed_is_counted_and_not_listed() {
    let repo = Repo::new();
    let token = format!("gh{}{}", "p_", noise(36));
    repo.write(
        "tests/a.py",
        format!("# crew:allow secret\na = '{token}'\nb = '{token}'  # crew:allow secret\nc = '{token}'\n"),
    );
    let examination = repo.examine(&Target::Tree);
    // The line after an allowed one is allowed too, so one has to stand apart to be found.
    assert_eq!(places(&examination), BTreeSet::new());
    assert!(
        examination.skipped.contains(&"3 findings allowed in the source.".to_owned()),
        "{:?}",
        examination.skipped
    );
    repo.write("tests/a.py", format!("# crew:allow todo-without-owner\na = '{token}'\n"));
    assert_eq!(repo.examine(&Target::Tree).findings.len(), 1);
}

#[test]
fn the_security_rules_look_for_leaks_alone() {
    let repo = Repo::new();
    plant(&repo, &defects());
    let examination = examine(&repo.git, &Target::Worktree, RuleSet::Security).unwrap();
    let categories: BTreeSet<_> = examination.findings.iter().map(|found| found.category.as_str()).collect();
    assert_eq!(categories, BTreeSet::from(["private-key", "secret"]));
}

#[test]
fn what_can_not_be_examined_is_said() {
    let repo = Repo::new();
    repo.write("a.bin", b"\0\x01");
    repo.write("inner/a.txt", "x\n");
    Git::at(repo.path("inner")).run(&["init", "--quiet"]).unwrap();
    repo.write("vendor/a.c", "int a; \n");
    let skipped = repo.examine(&Target::Tree).skipped.join("\n");
    for part in
        ["binary, not examined by line: a.bin", "repositories of their own", "secrets alone: vendor/a.c"]
    {
        assert!(skipped.contains(part), "{part}: {skipped}");
    }
}

#[test]
fn long_lines_rubbish_and_floods_are_cheap() {
    let repo = Repo::new();
    repo.write("tests/long.js", vec![b'a'; 20_000_000]);
    repo.write("tests/keys.py", "password = token = secret ".repeat(400_000));
    repo.write("tests/todo.rs", "// TODO\n".repeat(300_000));
    repo.write("tests/quotes.rs", "\"'#r\"".repeat(500_000));
    repo.write("tests/marks.c", format!("{}\n", "<".repeat(7)).repeat(300_000));
    let group = format!("{} a\n{}\n{} b\n", "<".repeat(7), "=".repeat(7), ">".repeat(7));
    repo.write("docs/conflicts.md", format!("```\n{}```\n", group.repeat(40_000)));
    repo.write(
        "tests/rubbish.py",
        (0..4_000_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8 | 1).collect::<Vec<_>>(),
    );
    let start = std::time::Instant::now();
    let examination = repo.examine(&Target::Tree);
    assert_eq!(examination.findings.len(), 1000);
    assert!(examination.skipped.iter().any(|said| said.contains("larger than 16 MiB")));
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}

#[test]
fn a_repository_without_a_commit_and_a_folder_below_the_root_will_do() {
    let repo = Repo::new();
    assert_eq!(choose_target(&repo.git).unwrap(), Target::Tree);
    repo.write("src/tests/a.py", "breakpoint()\n");
    let below = Git::at(repo.path("src"));
    assert_eq!(choose_target(&below).unwrap(), Target::Worktree);
    for target in [Target::Worktree, Target::Tree] {
        let found = examine(&below, &target, RuleSet::All).unwrap();
        assert_eq!(places(&found), BTreeSet::from([("src/tests/a.py".into(), 1, "debug-leftover".into())]));
    }
    assert!(
        examine(&repo.git, &Target::Range { base: "--help".into(), head: "HEAD".into() }, RuleSet::All)
            .is_err()
    );
}

#[test]
fn a_branch_is_compared_with_where_it_left_the_default_one() {
    let repo = Repo::new();
    repo.write("a.txt", "a\n");
    let base = repo.commit();
    assert_eq!(choose_target(&repo.git).unwrap(), Target::Tree);
    repo.git.run(&["checkout", "--quiet", "-b", "work"]).unwrap();
    assert_eq!(choose_target(&repo.git).unwrap(), Target::Tree);
    repo.write("b.txt", "b\n");
    let head = repo.commit();
    assert_eq!(choose_target(&repo.git).unwrap(), Target::Range { base, head });
}

#[test]
fn crew_examines_itself() {
    let git = Git::at(env!("CARGO_MANIFEST_DIR"));
    // A package that was unpacked from a registry has no repository around it.
    if git.run(&["rev-parse", "--show-toplevel"]).is_ok() {
        let examination = examine(&git, &Target::Tree, RuleSet::All).unwrap();
        assert!(examination.files > 0);
    }
}

#[test]
fn what_a_change_leaves_out_is_found_through_git() {
    let repo = Repo::new();
    let manifest =
        |version: &str| format!("[package]\nname = \"a\"\n\n[dependencies]\nb = \"{version}\"\nc = \"1\"\n");
    // Put together, so that this file isn't taken for a generated one.
    let generated =
        |value: &str| format!("// Code generated by x. DO NOT {}.\npackage a\n\nvar a = {value}\n", "EDIT");
    repo.write("a/Cargo.toml", manifest("1"));
    repo.write("Cargo.lock", "version = 4\n");
    repo.write("src/gen.go", generated("1"));
    repo.write("src/a.go", "package a\n");
    let base = repo.commit();
    repo.write("a/Cargo.toml", manifest("2"));
    repo.write("src/gen.go", generated("2"));
    repo.write("src/a.go", "package a\n\nvar b = 1\n");
    let expected = [
        ("a/Cargo.toml", 0, "generated-merge"),
        ("src/a.go", 0, "missing-test"),
        ("src/gen.go", 4, "generated-merge"),
    ];
    let expected =
        BTreeSet::from(expected.map(|(path, line, category)| (path.to_owned(), line, category.to_owned())));
    assert_same(&places(&repo.examine(&Target::Worktree)), &expected);
    // A dependency that was taken out leaves no added line behind.
    repo.write("a/Cargo.toml", manifest("1").replace("c = \"1\"\n", ""));
    let head = repo.commit();
    assert_same(&places(&repo.examine(&Target::Range { base, head })), &expected);
}
