//! Files whose names hold what shells, formats and git itself write in another way.

use crate::reviews::{APPROVES, reviewer, with_branch};
use crate::support::TestRepo;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Names as they are on the disk, as JSON has them, and as git writes them. What a terminal would obey is never there but as
/// git writes it.
const NAMES: [(&[u8], &str, &str); 6] = [
    (b"back\\slash.py", "back\\slash.py", r#""back\\slash.py""#),
    (b"new\nline.py", "new\nline.py", r#""new\nline.py""#),
    (b"tab\there.py", "tab\there.py", r#""tab\there.py""#),
    (b"quo\"te.py", "quo\"te.py", r#""quo\"te.py""#),
    (b"by\xfftes.py", "by\u{fffd}tes.py", r#""by\377tes.py""#),
    (b"\x1b[31m::error::.py", r#""\033[31m::error::.py""#, r#""\033[31m::error::.py""#),
];

fn with_names() -> TestRepo {
    let repo = with_branch();
    for (name, _, _) in NAMES {
        let text = "x = 1\n<<<<<<< HEAD\ny = 2\n=======\nz = 3\n>>>>>>> b\n";
        std::fs::write(repo.root.join(OsStr::from_bytes(name)), text).expect("a file");
    }
    repo.commit("names");
    repo
}

/// Returns the files of findings that stand at a line of the change, in their order.
fn files(report: &Value, category: &str) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings").iter();
    let placed = findings.filter(|one| one["category"] == category && one["standing"] == "in_diff");
    let mut files: Vec<String> = placed.filter_map(|one| one["file"].as_str()).map(str::to_owned).collect();
    files.sort();
    files
}

fn all() -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(|(_, name, _)| (*name).to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_may_be_called_anything_and_each_form_says_how() {
    let repo = with_names();
    let forms = ["sarif", "gitlab", "rdjson", "checkstyle", "junit", "markdown", "json"];
    let forms: Vec<String> =
        forms.iter().flat_map(|form| ["--format".to_owned(), format!("{form}=r.{form}")]).collect();
    let args = ["review", "--reviewer", "builtin"].map(str::to_owned);
    let told = repo.crew(args.iter().chain(&forms)).exits(5);
    told.shows_nothing_hostile();
    let read = |form: &str| std::fs::read_to_string(repo.root.join(format!("r.{form}"))).expect("a report");
    let parsed = |form: &str| -> Value { serde_json::from_str(&read(form)).expect("JSON") };
    assert_eq!(files(&parsed("json"), "conflict-marker"), all());
    let gitlab = parsed("gitlab");
    let paths: Vec<&Value> =
        gitlab.as_array().expect("a list").iter().map(|one| &one["location"]["path"]).collect();
    let rdjson = parsed("rdjson");
    let diagnostics = rdjson["diagnostics"].as_array().expect("a list");
    let sarif = read("sarif");
    let (checkstyle, junit, markdown) = (read("checkstyle"), read("junit"), read("markdown"));
    for (_, name, _) in NAMES {
        assert!(paths.contains(&&json!(name)), "{name:?}");
        assert!(diagnostics.iter().any(|one| one["location"]["path"] == name), "{name:?}");
        let uri: String = name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        assert!(sarif.contains(&format!("\"uri\": \"{uri}\"")), "{uri}");
    }
    for escaped in [
        "new&#10;line.py",
        "tab&#9;here.py",
        "quo&quot;te.py",
        "back\\slash.py",
        "&quot;\\033[31m::error::.py&quot;",
    ] {
        assert!(checkstyle.contains(escaped), "{escaped}: {checkstyle}");
    }
    let shown = [
        r#""new\nline.py":2-6"#,
        r#""tab\there.py":2-6"#,
        r"back\slash.py:2-6",
        r#""\033[31m::error::.py":2-6"#,
    ];
    for place in shown {
        assert!(markdown.contains(place), "{place}: {markdown}");
        let place = place.split(":2").next().unwrap_or_default();
        assert!(told.out.contains(place), "{place}: {}", told.out);
        assert!(junit.contains(&place.replace('"', "&quot;")), "{place}: {junit}");
    }
    let github = repo.crew(["review", "show", "last", "--format", "github"]).exits(5);
    for escaped in [
        "file=new%0Aline.py,",
        "file=tab\there.py,",
        "file=back\\slash.py,",
        "file=\"\\033[31m%3A%3Aerror%3A%3A.py\",",
    ] {
        assert!(github.out.contains(escaped), "{escaped}: {}", github.out);
    }
}

#[test]
fn an_agent_names_a_file_as_it_is_or_as_git_writes_it() {
    let repo = with_names();
    for (reviewed_by, as_git) in [("raw", false), ("quoted", true)] {
        let finding = |(_, name, quoted): &(&[u8], &str, &str)| {
            json!({"severity": "warning", "category": "bug", "file": if as_git { quoted } else { name },
                "start_line": 3, "end_line": 3, "quote": "y = 2", "title": "two is wrong", "confidence": 0.8})
        };
        let findings: Vec<Value> = NAMES.iter().map(finding).collect();
        let file = repo.beside(&format!("{reviewed_by}.json"));
        std::fs::write(&file, json!(findings).to_string()).expect("findings");
        let submits =
            format!("crew review submit --verdict changes_requested --body no --findings {}", file.display());
        reviewer(&repo, reviewed_by, &submits);
        let report = repo.crew(["review", "--reviewer", reviewed_by, "--json"]).exits(0).json();
        assert_eq!(files(&report, "bug"), all(), "{report:#}");
    }
    // What names no file shows as nothing else.
    let nowhere = json!([{"severity": "warning", "category": "bug", "file": "no\u{1b}[2J\n::error::x.py",
        "start_line": 3, "end_line": 3, "title": "t", "confidence": 0.8}]);
    let file = repo.beside("nowhere.json");
    std::fs::write(&file, nowhere.to_string()).expect("findings");
    let tries = format!(
        "crew review submit --verdict changes_requested --body no --findings {} || {APPROVES}",
        file.display()
    );
    reviewer(&repo, "nowhere", &tries);
    repo.crew(["review", "--reviewer", "nowhere", "--json"]).exits(0).shows_nothing_hostile();
}
