//! Findings that are put up with, in a file that people read, merge and commit.

use crate::reviews::{reviewer, with_branch};
use crate::support::{TestRepo, run_command};
use serde_json::{Value, json};

const FILE: &str = ".crew/baseline.json";

/// A repository with a review of two findings, in files of their own, and their fingerprints.
fn reviewed() -> (TestRepo, [String; 2]) {
    let repo = with_branch();
    repo.write("b.txt", "new\n");
    repo.commit("three");
    let finding = |fingerprint: &str, file: &str, line: u32, quote: &str| {
        json!({"severity": "error", "category": "race", "file": file, "start_line": line, "end_line": line,
            "quote": quote, "title": format!("{quote} is wrong"), "fingerprint": fingerprint})
    };
    let findings = json!([finding("aa11", "a.txt", 2, "two"), finding("bb22", "b.txt", 1, "new")]);
    let submit = "crew review submit --verdict changes_requested --body Two. --findings -";
    reviewer(&repo, "strict", &format!("printf '%s' '{findings}' | {submit}"));
    let found = review(&repo, &[], 5);
    let print = |at: usize| found["findings"][at]["fingerprint"].as_str().expect("a fingerprint").to_owned();
    let prints = [print(0), print(1)];
    (repo, prints)
}

/// Has the same reviewed once more, and returns the report.
#[track_caller]
fn review(repo: &TestRepo, args: &[&str], exit: i32) -> Value {
    repo.crew(["review", "--reviewer", "strict", "--json"].iter().chain(args)).exits(exit).json()
}

#[track_caller]
fn baseline(repo: &TestRepo, args: &str, exit: i32) -> crate::support::Ran {
    repo.crew(["review", "baseline"].into_iter().chain(args.split_whitespace())).exits(exit)
}

/// Returns the fingerprints that a command names.
#[track_caller]
fn named(repo: &TestRepo, args: &str) -> Vec<String> {
    let list = baseline(repo, &format!("{args} --json"), 0).json();
    assert_eq!(list["meta"]["count"], list["data"].as_array().expect("a list").len());
    let entries = list["data"].as_array().expect("a list").iter();
    entries.map(|entry| entry["fingerprint"].as_str().expect("a fingerprint").to_owned()).collect()
}

fn file(repo: &TestRepo) -> Value {
    let text = std::fs::read_to_string(repo.root.join(FILE)).expect("the baseline");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_finding_is_put_up_with_for_a_reason_and_a_time() {
    let (repo, [a, b]) = reviewed();
    let (near, begins) = (format!("{a}x"), a[..4].to_owned());
    assert_eq!(named(&repo, "list"), [""; 0]);
    for (args, exit, told) in [
        ("add last --reason x", 2, "<FINGERPRINT>"),
        (&format!("add last {a} --all --reason x"), 2, "--all"),
        (&format!("add last {a}"), 2, "--reason"),
        (&format!("add last {a} --reason \u{1b}[31m"), 2, "--reason is empty"),
        (&format!("add last {near} --reason x"), 4, &format!("did you mean `{a}`?")),
        (&format!("add last {a} --reason x --expires soon"), 2, "`soon` is no day"),
        (&format!("add last {a} --reason x --expires 2001-01-31"), 2, "2001-01-31 is over"),
        (&format!("remove {a}"), 4, "there is no finding `"),
    ] {
        let refused = baseline(&repo, args, exit);
        assert!(refused.err.contains(told), "{args}: {}", refused.err);
    }
    assert!(!repo.root.join(FILE).exists());
    assert_eq!(repo.git(&["status", "--porcelain"]), "");

    assert_eq!(
        named(&repo, &format!("add last {begins} --reason one-writer --by Ann --expires 90d")),
        [a.as_str()]
    );
    // It can be committed as it is, although nobody ever made a place for it.
    let seen = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert_eq!(seen, format!("?? .crew/.gitignore\n?? {FILE}\n"));
    repo.crew(["init"]).exits(0);
    let seen = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    assert!(seen.contains(FILE) && seen.contains("workflows/example"), "{seen}");
    let entry = &file(&repo)["findings"][0];
    for (key, value) in [
        ("category", "race"),
        ("file", "a.txt"),
        ("title", "two is wrong"),
        ("reason", "one-writer"),
        ("by", "Ann"),
    ] {
        assert_eq!(entry[key], value);
    }
    assert!(entry["expires"].as_str() > entry["added"].as_str(), "{entry}");
    // Said again, it holds as it was said last.
    assert_eq!(named(&repo, "add last --all --reason later"), [a.as_str(), &b]);
    assert!(
        file(&repo)["findings"].as_array().expect("a list").iter().all(|entry| entry["expires"].is_null())
    );
    let shown = baseline(&repo, "list", 0);
    assert!(shown.out.contains("a.txt") && shown.out.contains("later"), "{}", shown.out);
    assert_eq!(shown.err, "2 findings put up with\n");
    // What is about a file that is gone goes.
    std::fs::remove_file(repo.root.join("b.txt")).expect("it was there");
    assert_eq!(named(&repo, "prune"), [b.as_str()]);
    assert_eq!(named(&repo, "prune"), [""; 0]);
    assert_eq!(named(&repo, &format!("remove {begins}")), [a.as_str()]);
    assert_eq!(file(&repo), json!({"version": 1, "findings": []}));
}

#[test]
fn two_who_add_at_once_both_get_their_way_and_no_agent_does() {
    let (repo, [a, b]) = reviewed();
    let add = |print: &str| repo.start(["review", "baseline", "add", "last", print, "--reason", "r"]);
    for one in [add(&a), add(&b)] {
        one.ends().exits(0);
    }
    assert_eq!(named(&repo, "list"), [a.as_str(), &b]);
    for args in [&["add", "last", "--all", "--reason", "r"][..], &["remove", &a], &["prune"]] {
        let mut command = repo.command(["review", "baseline"].iter().chain(args));
        command.env("CREW_TOKEN", "t");
        run_command(command).exits(4);
    }
    assert_eq!(named(&repo, "list"), [a.as_str(), &b]);
}

#[test]
fn what_is_known_is_hidden_and_counted() {
    let (repo, [a, b]) = reviewed();
    let counts = |report: &Value| {
        let listed = report["findings"].as_array().expect("a list").len();
        (listed, report["hidden"]["known"].as_u64().expect("a count"))
    };
    // An earlier review, and what one wrote.
    review(&repo, &["--format", "sarif=known.sarif"], 5);
    assert_eq!(counts(&review(&repo, &["--new-only=known.sarif"], 0)), (0, 2));
    assert_eq!(counts(&review(&repo, &["--new-only=last"], 0)), (0, 2));
    // Another tool's: by rule, file and line.
    let place =
        json!({"physicalLocation": {"artifactLocation": {"uri": "b.txt"}, "region": {"startLine": 1}}});
    let result = json!({"ruleId": "race", "message": {"text": "m"}, "locations": [place]});
    let runs = json!([{"tool": {"driver": {"name": "other"}}, "results": [result]}]);
    repo.write("other.sarif", &json!({"version": "2.1.0", "runs": runs}).to_string());
    assert_eq!(counts(&review(&repo, &["--new-only=other.sarif"], 5)), (1, 1));
    for (what, exit, told) in [
        ("--new-only=none.sarif", 2, "none.sarif cannot be read"),
        ("--new-only=a.txt", 2, "a.txt cannot be compared with: it is not JSON"),
        ("--new-only=zzz", 4, "zzz"),
    ] {
        let refused = repo.crew(["review", "--reviewer", "strict", what]).exits(exit);
        assert!(refused.err.contains(told), "{}", refused.err);
    }
    // The baseline from before the change counts always, until it expires.
    let on_main = |text: &str| {
        repo.git(&["switch", "-q", "main"]);
        repo.write(FILE, text);
        repo.git(&["add", "-f", FILE]);
        repo.commit("the baseline");
        repo.git(&["switch", "-q", "feature"]);
        repo.git(&["rebase", "-q", "main"]);
    };
    let entry = |print: &str, expires: Option<&str>| json!({"fingerprint": print, "reason": "r", "by": "b", "added": "2001-01-01", "expires": expires});
    on_main(&json!({"findings": [entry(&a, None)]}).to_string());
    assert_eq!(counts(&review(&repo, &[], 5)), (1, 1));
    assert_eq!(counts(&review(&repo, &["--new-only"], 5)), (1, 1));
    // What the change adds to it hides nothing of the change.
    baseline(&repo, &format!("add last {b} --reason r"), 0);
    repo.git(&["add", "-f", FILE]);
    repo.commit("hides it");
    let told = "1 entry of the baseline is only in what is reviewed and hides nothing yet";
    let shown = repo.crew(["review", "--reviewer", "strict", "--json"]).exits(5);
    assert!(counts(&shown.json()) == (1, 1) && shown.err.contains(told), "{}", shown.err);
    assert!(repo.crew(["review", "show", "last"]).exits(5).err.contains(told));
    let listed = repo.crew(["review", "list", "--json"]).exits(0).json();
    assert_eq!(listed["data"][0]["open"]["error"], 1, "{listed}");
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]);
    on_main(&json!({"findings": [entry(&b, Some("2001-01-31"))]}).to_string());
    let shown = repo.crew(["review", "--reviewer", "strict"]).exits(5);
    assert!(
        shown.err.contains("put up with `new is wrong` until 2001-01-31, and no longer does"),
        "{}",
        shown.err
    );
    on_main("{\"findings\": [\n<<<<<<< HEAD\n");
    let refused = repo.crew(["review", "--reviewer", "strict"]).exits(2);
    assert!(
        refused.err.contains("a merge left a conflict") && refused.err.contains(":.crew/baseline.json:2"),
        "{}",
        refused.err
    );
}

#[test]
fn what_is_not_committed_is_judged_by_the_baseline_in_the_folder() {
    let (repo, [a, _]) = reviewed();
    baseline(&repo, &format!("add last {a} --reason r"), 0);
    repo.git(&["reset", "-q", "--soft", "main"]);
    for args in [["--staged"], ["--worktree"]] {
        let report = review(&repo, &args, 5);
        assert_eq!(report["hidden"]["known"], 1, "{report}");
    }
}

#[test]
fn what_people_make_of_the_file_is_told_with_its_line() {
    let repo = TestRepo::new();
    let entry =
        |more: &str| format!("{{\"fingerprint\": \"aa11\", \"reason\": \"r\", \"by\": \"b\", {more}}}");
    let whole = |entry: &str| format!("{{\"version\": 1, \"findings\": [\n{entry}\n]}}\n");
    repo.write(FILE, &whole(&entry("\"added\": \"2001-01-01\", \"expires\": \"2001-01-31\"")));
    let list = baseline(&repo, "list --json", 0).json();
    assert_eq!((&list["meta"]["expired"], &list["data"][0]["expired"]), (&json!(1), &json!(true)));
    for (text, line, told) in [
        (whole("<<<<<<< HEAD\n"), ":2", "a merge left a conflict in it"),
        (
            whole(&entry("\"added\": \"2001-01-01\", \"resaon\": \"\\u001b[31m\"")),
            ":2",
            "unknown field `resaon`",
        ),
        ("{\"version\": 7, \"rules\": {}}".to_owned(), "", "it is of version 7, of a newer crew"),
        ("[]".to_owned(), ":1", "it is no object, such as"),
    ] {
        repo.write(FILE, &text);
        for args in ["list", "prune"] {
            let refused = baseline(&repo, args, 2);
            assert!(
                refused.err.contains(told) && refused.err.contains(&format!("{FILE}{line}")),
                "{}",
                refused.err
            );
        }
        assert_eq!(std::fs::read_to_string(repo.root.join(FILE)).expect("the baseline"), text);
    }
    std::fs::remove_file(repo.root.join(FILE)).expect("it goes");
    std::fs::create_dir(repo.root.join(FILE)).expect("a folder");
    assert!(baseline(&repo, "list", 2).err.contains("git log -p on the file"));
    std::fs::remove_dir(repo.root.join(FILE)).expect("it goes");
    repo.write(FILE, &whole(&entry("\"added\": \"2001-01-01\", \"expires\": \"2001-01-31\"")));
    assert_eq!(named(&repo, "prune"), ["aa11"]);
    repo.write(".git/info/exclude", ".crew\n");
    repo.write(FILE, &whole(&entry("\"added\": \"2001-01-01\", \"expires\": \"2001-01-31\"")));
    assert!(baseline(&repo, "prune", 0).err.contains("git add -f .crew/baseline.json"));
}

/// Returns the pipelines that the README shows, and the commands that it has typed in the same section.
fn pipelines() -> (Vec<Value>, Vec<String>) {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("README");
    let section = readme.split("\n## Review in CI\n").nth(1).expect("a section");
    let section = section.split("\n## ").next().expect("text");
    let blocks = section.split("```yaml\n").skip(1).map(|block| block.split("```").next().expect("a block"));
    let read = |block: &str| serde_saphyr::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}"));
    let typed =
        section.lines().filter_map(|line| line.strip_prefix("    crew ").map(|rest| format!("crew {rest}")));
    (blocks.map(read).collect(), typed.collect())
}

#[test]
fn the_pipelines_of_the_readme_do_what_it_says() {
    let (pipelines, typed) = pipelines();
    let [github, gitlab] = pipelines.as_slice() else { panic!("{pipelines:?}") };
    let job = &github["jobs"]["review"];
    assert_eq!(github["permissions"], json!({"contents": "read", "security-events": "write"}));
    assert_eq!(job["steps"][0]["with"]["fetch-depth"], 0);
    assert_eq!(gitlab["review"]["variables"]["GIT_DEPTH"], 0);
    let upload = job["steps"][3]["with"]["sarif_file"].as_str().expect("a file");
    let reports = &gitlab["review"]["artifacts"]["reports"];

    let repo = with_branch();
    repo.write("a.txt", "one\n<<<<<<< HEAD\ntwo\n=======\nthree\n>>>>>>> feature\n");
    repo.commit("three");
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let base = repo.git(&["rev-parse", "main"]);
    repo.link_programs(&["cat"]);
    repo.program("reviewdog", "cat >\"$HOME/dog\"");
    let shell = |line: &str, exit: i32| {
        let mut command = repo.alone([""; 0]);
        let program = command.get_program().to_owned();
        let line = line.replace("crew ", &format!("{} ", program.display()));
        let mut sh = std::process::Command::new("/bin/sh");
        for (name, value) in command.get_envs() {
            sh.env(name, value.expect("nothing is taken out"));
        }
        sh.args(["-c", &line]).current_dir(&repo.root);
        sh.env("GITHUB_BASE_REF", "main").env("GITHUB_STEP_SUMMARY", repo.home.join("summary"));
        sh.env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.trim());
        command = sh;
        run_command(command).exits(exit)
    };
    let line = job["steps"][2]["run"].as_str().expect("a command");
    let ran = shell(line, 5);
    assert!(ran.out.starts_with("::error file=a.txt,line=2,"), "{}", ran.out);
    let read = |path: &str| std::fs::read_to_string(repo.root.join(path)).expect(path);
    let sarif: Value = serde_json::from_str(&read(upload)).expect("SARIF");
    assert_eq!(sarif["runs"][0]["results"][0]["level"], "warning");
    let summary = std::fs::read_to_string(repo.home.join("summary")).expect("a summary");
    assert!(summary.starts_with("## crew review: "), "{summary}");
    let line = gitlab["review"]["script"][1].as_str().expect("a command");
    shell(line, 5);
    let quality: Value = serde_json::from_str(&read(reports["codequality"].as_str().unwrap())).expect("JSON");
    assert_eq!(quality[0]["location"]["path"], "a.txt");
    assert!(read(reports["junit"].as_str().unwrap()).contains("<failure "));
    let with_dog = typed.iter().find(|line| line.contains("| reviewdog")).expect("a line");
    shell(with_dog, 0);
    let posted: Value =
        serde_json::from_str(&std::fs::read_to_string(repo.home.join("dog")).expect("posted")).unwrap();
    assert_eq!(posted["diagnostics"][0]["location"]["path"], "a.txt");
    // What else is shown has the flags that it names.
    for line in typed.iter().filter(|line| !line.contains('|')) {
        let words: Vec<&str> =
            line.split('#').next().unwrap_or_default().split_whitespace().skip(1).collect();
        let named =
            words.iter().take_while(|word| !word.starts_with('-') && word.chars().all(char::is_alphabetic));
        let commands: Vec<&str> = named.copied().filter(|word| *word != "last").collect();
        let help = repo.crew(commands.iter().copied().chain(["--help"])).exits(0).out;
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().unwrap_or_default();
            assert!(help.contains(flag), "{line}: {flag}");
        }
    }
}
