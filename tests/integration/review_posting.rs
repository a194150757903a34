//! `crew review --pr N --post`: what is said at a pull request, and that it is said once. The remote is a repository beside
//! the test's; `gh` and `glab` are scripts that write down what they are told and answer what the test has laid out.

use crate::support::{Ran, TestRepo, run_command};
use serde_json::{Value, json};

/// What `gh` and `glab` do here: each call is kept, with what it sends; answers lie in files.
const PROGRAM: &str = r#"
n=1
while [ -e "$HEARD/$n" ]; do n=$((n + 1)); done
printf '%s\n' "${0##*/}" "$@" >"$HEARD/$n"
last= sent=
for word; do
    case $last in --input) sent=$(cat "$word"); printf '%s' "$sent" >"$HEARD/$n.json" ;; esac
    last=$word
done
answer() { if [ -e "$HEARD/$1" ]; then cat "$HEARD/$1"; else printf '{}'; fi; }
case "$* $sent" in
*resolveReviewThread*) answer resolved ;;
*updatePullRequestReview*) answer rewritten ;;
*graphql*) answer there ;;
*"api user "*) printf '{"username":"bot"}' ;;
*"/discussions?"*) answer there ;;
*/reviews*POST* | */discussions*POST*)
    if [ -e "$HEARD/refused" ]; then
        rm "$HEARD/refused"
        echo 'gh: Unprocessable Entity: line must be part of the diff (HTTP 422)' >&2
        exit 1
    fi
    printf '{"html_url":"https://x/12#r"}' ;;
*GET*) if [ -e "$HEARD/fails" ]; then . "$HEARD/fails"; fi; answer about ;;
*) printf '{}' ;;
esac
"#;

/// A repository whose pull request 12 puts a debugger's stop into a script, and a leftover of a merge beside it.
struct Asked {
    repo: TestRepo,
    calls: usize,
}

impl Asked {
    fn at(address: &str, reference: &str, program: Option<&str>) -> Asked {
        let repo = TestRepo::new();
        let bare = repo.beside("remote.git").display().to_string();
        repo.git(&["init", "-q", "--bare", "-b", "main", &bare]);
        repo.git(&["remote", "add", "origin", address]);
        repo.git(&["config", &format!("url.{bare}.insteadOf"), address]);
        repo.write("tests/a.ts", "const a = 1;\nconst b = 2;\n");
        repo.commit("before");
        repo.git(&["push", "-q", "origin", "main"]);
        repo.link_programs(&["cat", "rm"]);
        std::fs::create_dir_all(repo.beside("heard")).expect("a folder");
        if let Some(program) = program {
            repo.program(program, PROGRAM);
        }
        let mut asked = Asked { repo, calls: 0 };
        asked.push("const a = 1;\ndebugger;\nconst b = 2;\n", reference);
        asked
    }

    /// Pushes another version of the request, and lets the host tell of it.
    fn push(&mut self, script: &str, reference: &str) {
        let repo = &self.repo;
        repo.git(&["switch", "-q", "-C", "work"]);
        repo.write("tests/a.ts", script);
        repo.write("tests/a.ts.orig", "const a = 1;\n");
        repo.commit("work");
        repo.git(&["push", "-q", "-f", "origin", &format!("work:{reference}")]);
        let [base, head] = ["main", "work"].map(|name| repo.git(&["rev-parse", name]).trim().to_owned());
        repo.git(&["switch", "-q", "main"]);
        let about = json!({"base": {"ref": "main", "sha": base}, "head": {"sha": head}, "html_url": "https://x/12",
            "target_branch": "main", "web_url": "https://x/12", "sha": head,
            "diff_refs": {"base_sha": base, "start_sha": base, "head_sha": head}});
        self.lay("about", &about);
    }

    fn lay(&self, name: &str, answer: &Value) {
        std::fs::write(self.repo.beside("heard").join(name), answer.to_string()).expect("a file");
    }

    fn crew(&self, args: &[&str]) -> Ran {
        let mut command = self.repo.alone(args.to_vec());
        command.env("HEARD", self.repo.beside("heard"));
        let ran = run_command(command);
        ran.shows_nothing_hostile();
        ran
    }

    /// Returns what was asked since the last look: each call in one line, and what it sent.
    fn heard(&mut self) -> Vec<(String, Value)> {
        let mut heard = Vec::new();
        let folder = self.repo.beside("heard");
        while let Ok(call) = std::fs::read_to_string(folder.join((self.calls + 1).to_string())) {
            self.calls += 1;
            let sent =
                std::fs::read_to_string(folder.join(format!("{}.json", self.calls))).unwrap_or_default();
            heard.push((call.replace('\n', " "), serde_json::from_str(&sent).unwrap_or(Value::Null)));
        }
        heard
    }

    /// Returns what was sent by calls that change something.
    fn said(&mut self) -> Vec<Value> {
        let changes = |(call, sent): (String, Value)| {
            let reads = call.contains(" GET ")
                || sent["query"].as_str().is_some_and(|query| query.starts_with("query"));
            (!reads).then_some(sent)
        };
        self.heard().into_iter().filter_map(changes).collect()
    }
}

/// What GitHub tells once a review was posted.
fn there(review: &Value) -> Value {
    let thread = |(at, comment): (usize, &Value)| {
        json!({"id": format!("T{at}"), "isResolved": false, "viewerCanResolve": true,
            "comments": {"nodes": [{"body": comment["body"], "viewerDidAuthor": true}]}})
    };
    let threads: Vec<Value> =
        review["comments"].as_array().expect("remarks").iter().enumerate().map(thread).collect();
    let page = json!({"hasNextPage": false, "endCursor": null});
    json!({"data": {"repository": {"pullRequest": {
        "reviewThreads": {"pageInfo": page, "nodes": threads},
        "reviews": {"pageInfo": page, "nodes": [{"id": "R", "body": review["body"], "viewerDidAuthor": true}]}}}}})
}

fn nothing() -> Value {
    there(&json!({"comments": [], "body": "LGTM"}))
}

const HEAD: &str = "refs/pull/12/head";
const REVIEW: [&str; 6] = ["review", "--pr", "12", "--reviewer", "builtin", "--post"];

#[test]
fn a_pull_request_is_told_once_what_was_found_and_what_is_gone() {
    let mut asked = Asked::at("https://github.com/a/b.git", HEAD, Some("gh"));
    asked.lay("there", &nothing());
    let ran = asked.crew(&REVIEW).exits(5);
    assert!(
        ran.err.contains("posted: pull request 12 of github.com/a/b (1 at lines, 1 in the summary)"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("https://x/12#r"), "{}", ran.err);
    let said = asked.said();
    let [review] = said.as_slice() else { panic!("one review: {said:#?}") };
    let comment = &review["comments"][0];
    assert_eq!(review["event"], "COMMENT");
    assert_eq!(
        (&comment["path"], &comment["line"], &comment["start_line"]),
        (&json!("tests/a.ts"), &json!(2), &Value::Null)
    );
    assert!(
        comment["body"].as_str().unwrap().contains("`debugger`")
            || comment["body"].as_str().unwrap().contains("debugger")
    );
    assert!(review["body"].as_str().unwrap().contains("`tests/a.ts.orig`"), "{review}");

    // The same once more says nothing, and neither does whoever looks.
    asked.lay("there", &there(review));
    let again = asked.crew(&["review", "post", "--json"]).exits(0).json();
    assert_eq!((&again["status"], &again["kept"], asked.said().len()), (&json!("unchanged"), &json!(1), 0));
    let shown = asked.crew(&["review", "post", "last", "--dry-run"]).exits(0);
    assert!(shown.err.contains("planned") && asked.said().is_empty(), "{}", shown.err);

    // The stop is gone with the next push: its thread is resolved and the summary rewritten.
    asked.push("const a = 1;\nconst b = 3;\n", HEAD);
    let moved = asked.crew(&["review", "post", "--json"]).exits(4).json_error();
    assert_eq!(moved["code"], "moved", "{moved}");
    asked.crew(&REVIEW).exits(0);
    let said = asked.said();
    let [rewritten, resolved] = said.as_slice() else { panic!("two: {said:#?}") };
    assert_eq!((&rewritten["variables"]["id"], &resolved["variables"]["id"]), (&json!("R"), &json!("T0")));
    assert!(rewritten["variables"]["body"].as_str().unwrap().contains("1 warning"), "{rewritten}");

    // A pipeline's token may not resolve threads; that fails nobody.
    asked.lay(
        "resolved",
        &json!({"data": null, "errors": [{"message": "Resource not accessible by integration"}]}),
    );
    let bound = asked.crew(&["review", "post"]).exits(0);
    assert!(bound.err.contains("not accessible by integration"), "{}", bound.err);
    let _ = asked.heard();

    // What was fetched is held as long as a review of it is on record.
    let held = |asked: &Asked| asked.repo.git(&["for-each-ref", "refs/crew/pull"]).lines().count();
    asked.crew(&["prune", "last", "--yes"]).exits(0);
    assert_eq!(held(&asked), 2);
    asked.crew(&["prune", "last", "--yes"]).exits(0);
    assert_eq!(held(&asked), 0);
}

#[test]
fn what_the_host_does_not_take_at_its_line_is_in_the_summary_and_nothing_is_tried_blindly() {
    let mut asked = Asked::at("git@github.com:a/b.git", HEAD, Some("gh"));
    asked.lay("there", &nothing());
    asked.lay("refused", &json!(null));
    let ran = asked.crew(&REVIEW).exits(5);
    assert!(
        ran.err.contains("not taken at its lines") && ran.err.contains("2 in the summary"),
        "{}",
        ran.err
    );
    let said = asked.said();
    let [first, second] = said.as_slice() else { panic!("two: {said:#?}") };
    assert_eq!(
        (first["comments"].as_array().unwrap().len(), second["comments"].as_array().unwrap().len()),
        (1, 0)
    );
    assert!(second["body"].as_str().unwrap().contains("`tests/a.ts:2`"), "{second}");

    // Who can not be asked is told, with what found comes first.
    asked.lay("about", &json!({"message": "Bad credentials"}));
    let error = asked.crew(&["review", "post", "--json"]).exits(1).json_error();
    assert!(error["hint"].as_str().unwrap().contains("gh auth login"), "{error}");
    let unknown = asked.crew(&["review", "post", "--pr", "0"]).exits(2);
    assert!(asked.said().is_empty(), "{}", unknown.err);
}

#[test]
fn a_merge_request_has_a_thread_for_each_remark_and_without_a_program_there_are_its_commands() {
    let head = "refs/merge-requests/12/head";
    let mut asked = Asked::at("https://gitlab.com/a/g/b.git", head, Some("glab"));
    asked.lay("there", &json!([]));
    asked.crew(&REVIEW).exits(5);
    let heard = asked.heard();
    let posts: Vec<&(String, Value)> = heard.iter().filter(|(call, _)| call.contains(" POST ")).collect();
    let [(thread, sent), (note, summary)] = posts.as_slice() else { panic!("two: {heard:#?}") };
    assert!(thread.contains("projects/a%2Fg%2Fb/merge_requests/12/discussions"), "{thread}");
    assert!(
        note.contains("/notes") && summary["body"].as_str().unwrap().contains("a.ts.orig"),
        "{note} {summary}"
    );
    assert_eq!(
        (&sent["position"]["new_line"], &sent["position"]["new_path"]),
        (&json!(2), &json!("tests/a.ts"))
    );
    let written = |id: u64, body: &Value| {
        json!({"id": format!("D{id}"), "notes": [{"id": id, "body": body, "author": {"username": "bot"},
            "resolvable": true, "resolved": true}]})
    };
    asked.lay("there", &json!([written(1, &sent["body"]), written(2, &summary["body"])]));
    let again = asked.crew(&["review", "post", "--json"]).exits(0).json();
    assert_eq!((&again["status"], asked.said().len()), (&json!("unchanged"), 0), "{again}");

    let asked = Asked::at("https://gitlab.com/a/g/b.git", head, None);
    let ran = asked.crew(&REVIEW).exits(5);
    let command =
        ran.err.lines().find(|line| line.starts_with("glab api")).unwrap_or_else(|| panic!("{}", ran.err));
    let file = command.rsplit(' ').next().expect("a file");
    let sent: Value =
        serde_json::from_str(&std::fs::read_to_string(file).expect("it is there")).expect("JSON");
    assert_eq!(sent["position"]["new_line"], 2);
}

#[test]
fn a_host_that_fails_is_quoted_and_only_who_is_not_known_there_is_told_to_sign_in() {
    let asked = Asked::at("https://github.com/o/r.git", HEAD, Some("gh"));
    let again = "once more tries it again; by hand: gh api";
    for (fails, reason, hint) in [
        ("echo 'gh: HTTP 500' >&2; exit 1", "pull request 12 of github.com/o/r: gh: HTTP 500", again),
        ("exit 1", "it said nothing, and ended with exit 1", again),
        ("echo '<html>'; echo Oops; exit 0", "its answer is not understood: <html>; Oops", again),
        ("exit 0", "it said nothing, and ended with exit 0", again),
        ("printf 'a\\nb\\nc\\n\\033[31md\\n' >&2; exit 1", "github.com/o/r: b; c; d", again),
        ("echo 'gh: Bad credentials (HTTP 401)' >&2; exit 1", "Bad credentials", "hint: gh auth login"),
        ("echo 'gh: API rate limit exceeded (HTTP 403)' >&2; exit 1", "rate limit exceeded", again),
    ] {
        std::fs::write(asked.repo.beside("heard").join("fails"), fails).expect("a file");
        let told = asked.crew(&REVIEW).exits(1).err;
        assert!(told.contains(reason) && told.contains(hint), "{fails}: {told}");
        assert_eq!(told.contains("auth login"), hint.contains("auth login"), "{told}");
    }
}
