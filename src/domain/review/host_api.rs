//! How GitHub and GitLab are asked about a pull request, and what they answer: calls of `gh api` and `glab api`, and JSON.
//!
//! GitHub: <https://docs.github.com/rest/pulls/reviews>, and threads in GraphQL, since REST knows nothing of them.
//! GitLab: <https://docs.gitlab.com/api/discussions>.

use super::posting::{Remark, Standing, There, Thread, is_ours, is_summary};
use crate::domain::publishing::{Opener, Place};
use serde_json::{Value, json};

/// How many entries are asked for at once; both hosts give no more.
pub const PAGE: usize = 100;

/// A pull request at a host; GitLab calls it a merge request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    pub opener: Opener,
    pub at: Place,
    pub number: u64,
}

/// A call of `gh` or `glab`.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub arguments: Vec<String>,
    /// What it sends, which it reads from a file.
    pub payload: Option<Value>,
}

impl Call {
    /// Returns its arguments where what it sends is in a file.
    pub fn with_payload_in(&self, file: &str) -> Vec<String> {
        let input = self.payload.iter().flat_map(|_| ["--input".to_owned(), file.to_owned()]);
        self.arguments.iter().cloned().chain(input).collect()
    }
}

/// What a host says of a pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The branch that it is for.
    pub into: String,
    /// Ids of the commits: where that branch stood, where both parted (GitLab alone says it), and what is asked for.
    pub start: String,
    pub parted: Option<String>,
    pub head: String,
    pub url: String,
}

/// What is there, as far as one answer tells; with what the next one is asked by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub there: There,
    pub next: Option<Value>,
}

const THREADS: &str = "query($owner: String!, $name: String!, $number: Int!, $threads: String, $reviews: String) { \
    repository(owner: $owner, name: $name) { pullRequest(number: $number) { \
    reviewThreads(first: 100, after: $threads) { pageInfo { hasNextPage endCursor } nodes { id isResolved \
    viewerCanResolve comments(first: 1) { nodes { body viewerDidAuthor } } } } \
    reviews(first: 100, after: $reviews) { pageInfo { hasNextPage endCursor } nodes { id body viewerDidAuthor } } } } }";
const RESOLVE: &str =
    "mutation($id: ID!) { resolveReviewThread(input: {threadId: $id}) { thread { isResolved } } }";
const REWRITE: &str = "mutation($id: ID!, $body: String!) { updatePullRequestReview(input: {pullRequestReviewId: $id, \
                       body: $body}) { pullRequestReview { url } } }";

impl Pull {
    /// Returns it in words: `pull request 12 of github.com/a/b`.
    pub fn words(&self) -> String {
        let what = match self.opener {
            Opener::Gh => "pull request",
            Opener::Glab => "merge request",
        };
        format!("{what} {} of {}/{}", self.number, self.at.host, self.at.path)
    }

    fn call(&self, method: &str, path: &str, payload: Option<Value>) -> Call {
        let mut arguments = vec!["api", path, "--hostname", &self.at.host, "--method", method];
        if payload.is_some() && self.opener == Opener::Glab {
            arguments.extend(["--header", "Content-Type: application/json"]);
        }
        Call { arguments: arguments.into_iter().map(str::to_owned).collect(), payload }
    }

    fn graphql(&self, query: &str, variables: Value) -> Call {
        self.call("POST", "graphql", Some(json!({"query": query, "variables": variables})))
    }

    fn path(&self) -> String {
        match self.opener {
            Opener::Gh => format!("repos/{}/pulls/{}", self.at.path, self.number),
            Opener::Glab => {
                format!("projects/{}/merge_requests/{}", self.at.path.replace('/', "%2F"), self.number)
            }
        }
    }

    /// Asks what it is.
    pub fn about(&self) -> Call {
        self.call("GET", &self.path(), None)
    }

    /// Reads what it is.
    pub fn read_about(&self, answer: &str) -> Option<About> {
        let answer: Value = serde_json::from_str(answer).ok()?;
        let text = |path: &str| answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
        match self.opener {
            Opener::Gh => Some(About {
                into: text("/base/ref")?,
                start: text("/base/sha")?,
                parted: None,
                head: text("/head/sha")?,
                url: text("/html_url").unwrap_or_default(),
            }),
            Opener::Glab => Some(About {
                into: text("/target_branch")?,
                start: text("/diff_refs/start_sha").or_else(|| text("/diff_refs/base_sha"))?,
                parted: text("/diff_refs/base_sha"),
                head: text("/diff_refs/head_sha").or_else(|| text("/sha"))?,
                url: text("/web_url").unwrap_or_default(),
            }),
        }
    }

    /// Asks who we are there; GitHub says of each remark whether it is ours.
    pub fn who(&self) -> Option<Call> {
        (self.opener == Opener::Glab).then(|| self.call("GET", "user", None))
    }

    /// Asks for what is there already, from `next` on.
    pub fn there(&self, next: Option<&Value>) -> Call {
        match self.opener {
            Opener::Gh => {
                let (owner, name) = self.at.path.split_once('/').unwrap_or((&self.at.path, ""));
                let cursor = |which: &str| next.map_or(Value::Null, |next| next[which].clone());
                let variables = json!({"owner": owner, "name": name, "number": self.number,
                    "threads": cursor("threads"), "reviews": cursor("reviews")});
                self.graphql(THREADS, variables)
            }
            Opener::Glab => {
                let page = next.and_then(Value::as_u64).unwrap_or(1);
                self.call("GET", &format!("{}/discussions?per_page={PAGE}&page={page}", self.path()), None)
            }
        }
    }

    /// Reads what is there. `asked` is what it was asked by, `who` who we are; nothing where the answer is another one.
    pub fn read_there(&self, answer: &str, asked: Option<&Value>, who: &str) -> Option<Part> {
        let answer: Value = serde_json::from_str(answer).ok()?;
        match self.opener {
            Opener::Gh => of_github(answer.pointer("/data/repository/pullRequest")?, asked),
            Opener::Glab => Some(of_gitlab(answer.as_array()?, asked, who)),
        }
    }

    /// Says remarks and a summary: one call at GitHub, many at GitLab.
    ///
    /// With each come the remarks that are refused if it is.
    pub fn say(&self, about: &About, remarks: &[Remark], summary: Option<&str>) -> Vec<(Call, Vec<Remark>)> {
        match self.opener {
            Opener::Gh if remarks.is_empty() && summary.is_none() => Vec::new(),
            Opener::Gh => {
                let comments: Vec<Value> = remarks.iter().map(at_github).collect();
                let mut review = json!({"commit_id": about.head, "event": "COMMENT", "comments": comments});
                if let Some(summary) = summary {
                    review["body"] = summary.into();
                }
                let path = format!("{}/reviews", self.path());
                vec![(self.call("POST", &path, Some(review)), remarks.to_vec())]
            }
            Opener::Glab => {
                let remark = |remark: &Remark| {
                    let call = self.call(
                        "POST",
                        &format!("{}/discussions", self.path()),
                        Some(at_gitlab(about, remark)),
                    );
                    (call, vec![remark.clone()])
                };
                let note = |body: &str| {
                    (
                        self.call("POST", &format!("{}/notes", self.path()), Some(json!({"body": body}))),
                        Vec::new(),
                    )
                };
                remarks.iter().map(remark).chain(summary.map(note)).collect()
            }
        }
    }

    /// Puts a summary in the place of another.
    pub fn rewrite(&self, id: &str, body: &str) -> Call {
        match self.opener {
            Opener::Gh => self.graphql(REWRITE, json!({"id": id, "body": body})),
            Opener::Glab => {
                self.call("PUT", &format!("{}/notes/{id}", self.path()), Some(json!({"body": body})))
            }
        }
    }

    /// Marks a thread as resolved.
    pub fn resolve(&self, id: &str) -> Call {
        match self.opener {
            Opener::Gh => self.graphql(RESOLVE, json!({"id": id})),
            Opener::Glab => self.call(
                "PUT",
                &format!("{}/discussions/{id}", self.path()),
                Some(json!({"resolved": true})),
            ),
        }
    }

    /// Returns the reference under which a repository there has what is asked for.
    pub fn reference(opener: Option<Opener>, number: u64) -> String {
        match opener {
            Some(Opener::Glab) => format!("refs/merge-requests/{number}/head"),
            _ => format!("refs/pull/{number}/head"),
        }
    }
}

/// Tells whether an answer of GraphQL, which comes without an exit code, says that nothing was done.
pub fn complaint(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    let errors = answer.get("errors")?.as_array()?;
    Some(errors.first()?.get("message")?.as_str()?.to_owned())
}

/// Returns the address that an answer tells.
pub fn address(answer: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    Some(answer.get("html_url")?.as_str()?.to_owned())
}

fn at_github(remark: &Remark) -> Value {
    let (first, last) = remark.lines;
    let mut comment = json!({"path": remark.path, "line": last, "side": "RIGHT", "body": remark.body});
    // The same line twice is refused.
    if first < last {
        comment["start_line"] = first.into();
        comment["start_side"] = "RIGHT".into();
    }
    comment
}

fn at_gitlab(about: &About, remark: &Remark) -> Value {
    json!({"body": remark.body, "position": {
        "position_type": "text",
        "base_sha": about.parted.as_ref().unwrap_or(&about.start),
        "start_sha": about.start,
        "head_sha": about.head,
        "old_path": remark.path,
        "new_path": remark.path,
        "new_line": remark.lines.0,
    }})
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn flag(value: &Value, path: &str) -> bool {
    value.pointer(path).and_then(Value::as_bool).unwrap_or(false)
}

fn of_github(pull: &Value, asked: Option<&Value>) -> Option<Part> {
    pull.get("reviewThreads")?;
    // Only what we said ourselves counts: a stranger's remark with our mark in it silences nothing.
    let threads = list(pull, "/reviewThreads/nodes").iter().filter_map(|thread| {
        let first = list(thread, "/comments/nodes").first()?;
        let body = text(first, "/body");
        (flag(first, "/viewerDidAuthor") && is_ours(body)).then(|| Thread {
            id: text(thread, "/id").to_owned(),
            body: body.to_owned(),
            resolved: flag(thread, "/isResolved"),
            resolvable: flag(thread, "/viewerCanResolve"),
        })
    });
    let summaries = list(pull, "/reviews/nodes").iter().filter_map(|review| {
        let body = text(review, "/body");
        let ours = flag(review, "/viewerDidAuthor") && is_summary(body);
        ours.then(|| Standing { id: text(review, "/id").to_owned(), body: body.to_owned() })
    });
    let there = There { threads: threads.collect(), summaries: summaries.collect() };
    let cursor = |which: &str, asked: Option<&Value>| {
        let end = pull.pointer(&format!("/{which}/pageInfo/endCursor")).filter(|end| !end.is_null());
        end.or(asked).cloned().unwrap_or(Value::Null)
    };
    let more = |which: &str| flag(pull, &format!("/{which}/pageInfo/hasNextPage"));
    let next = (more("reviewThreads") || more("reviews")).then(|| {
        json!({"threads": cursor("reviewThreads", asked.map(|asked| &asked["threads"])),
            "reviews": cursor("reviews", asked.map(|asked| &asked["reviews"]))})
    });
    Some(Part { there, next })
}

fn of_gitlab(discussions: &[Value], asked: Option<&Value>, who: &str) -> Part {
    let mut there = There::default();
    for discussion in discussions {
        let Some(first) = list(discussion, "/notes").first() else { continue };
        let body = text(first, "/body");
        if text(first, "/author/username") != who || who.is_empty() || !is_ours(body) {
            continue;
        }
        if is_summary(body) {
            let id = first.get("id").map(Value::to_string).unwrap_or_default();
            there.summaries.push(Standing { id, body: body.to_owned() });
        } else {
            there.threads.push(Thread {
                id: text(discussion, "/id").to_owned(),
                body: body.to_owned(),
                resolved: flag(first, "/resolved"),
                resolvable: flag(first, "/resolvable"),
            });
        }
    }
    let page = asked.and_then(Value::as_u64).unwrap_or(1);
    Part { there, next: (discussions.len() == PAGE).then(|| json!(page + 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(opener: Opener) -> Pull {
        let path = if opener == Opener::Gh { "a/b" } else { "a/g/b" };
        Pull { opener, at: Place { host: "x.org".into(), path: path.into() }, number: 12 }
    }

    fn remark(lines: (u32, u32)) -> Remark {
        Remark { path: "a.rs".into(), lines, body: "b".into() }
    }

    #[test]
    fn a_review_is_one_call_at_github_and_one_for_each_remark_at_gitlab() {
        let about =
            About { start: "s".into(), parted: Some("p".into()), head: "h".into(), ..About::default() };
        let remarks = [remark((3, 5)), remark((7, 7))];
        let calls = pull(Opener::Gh).say(&about, &remarks, Some("sum"));
        let [(call, refused)] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(call.arguments.join(" "), "api repos/a/b/pulls/12/reviews --hostname x.org --method POST");
        assert_eq!(call.with_payload_in("f")[6..], ["--input", "f"]);
        let payload = json!({"commit_id": "h", "event": "COMMENT", "body": "sum", "comments": [
            {"path": "a.rs", "line": 5, "side": "RIGHT", "start_line": 3, "start_side": "RIGHT", "body": "b"},
            {"path": "a.rs", "line": 7, "side": "RIGHT", "body": "b"}]});
        assert_eq!((call.payload.as_ref(), refused.len()), (Some(&payload), 2));
        assert_eq!(pull(Opener::Gh).say(&about, &[], None), []);
        let calls = pull(Opener::Glab).say(&about, &remarks, Some("sum"));
        let words: Vec<String> = calls.iter().map(|(call, _)| call.arguments[1].clone()).collect();
        let path = "projects/a%2Fg%2Fb/merge_requests/12";
        assert_eq!(
            words,
            [format!("{path}/discussions"), format!("{path}/discussions"), format!("{path}/notes")]
        );
        let position = &calls[0].0.payload.as_ref().unwrap()["position"];
        assert_eq!(
            (&position["base_sha"], &position["start_sha"], &position["head_sha"], &position["new_line"]),
            (&json!("p"), &json!("s"), &json!("h"), &json!(3))
        );
    }

    #[test]
    fn github_says_which_remarks_are_ours() {
        let mark = "<!-- crew:finding 0123456789abcdef claude -->";
        let thread = |id: &str, ours: bool| {
            json!({"id": id, "isResolved": true, "viewerCanResolve": true,
                "comments": {"nodes": [{"body": format!("x\n{mark}"), "viewerDidAuthor": ours}]}})
        };
        let answer = json!({"data": {"repository": {"pullRequest": {
            "reviewThreads": {"pageInfo": {"hasNextPage": true, "endCursor": "T"}, "nodes": [thread("1", true), thread("2", false)]},
            "reviews": {"pageInfo": {"hasNextPage": false, "endCursor": null}, "nodes": [
                {"id": "r", "body": "<!-- crew:review claude -->\nx", "viewerDidAuthor": true},
                {"id": "q", "body": "LGTM", "viewerDidAuthor": true}]}}}}})
        .to_string();
        let pull = pull(Opener::Gh);
        let part = pull.read_there(&answer, None, "").unwrap();
        assert_eq!(
            (part.there.threads.len(), &*part.there.threads[0].id, part.there.threads[0].resolved),
            (1, "1", true)
        );
        assert_eq!(part.there.summaries.iter().map(|standing| &*standing.id).collect::<Vec<_>>(), ["r"]);
        let next = part.next.unwrap();
        assert_eq!(next, json!({"threads": "T", "reviews": null}));
        assert_eq!(pull.there(Some(&next)).payload.unwrap()["variables"]["threads"], "T");
        assert_eq!(pull.read_there(r#"{"errors":[{"message":"no"}]}"#, None, ""), None);
        assert_eq!(complaint(r#"{"errors":[{"message":"no"}]}"#).as_deref(), Some("no"));
    }

    #[test]
    fn at_gitlab_ours_is_what_our_user_wrote() {
        let note = |id: u64, who: &str, body: &str| {
            json!({"id": format!("d{id}"), "notes": [{"id": id, "body": body, "author": {"username": who},
                "resolvable": true, "resolved": false}]})
        };
        let mark = "x\n<!-- crew:finding 0123456789abcdef claude -->";
        let answer = json!([
            note(1, "bot", mark),
            note(2, "eve", mark),
            note(3, "bot", "<!-- crew:review claude -->\nx")
        ]);
        let part = pull(Opener::Glab).read_there(&answer.to_string(), None, "bot").unwrap();
        assert_eq!((part.there.threads.len(), &*part.there.threads[0].id), (1, "d1"));
        assert_eq!((&*part.there.summaries[0].id, part.next), ("3", None));
        let full = Value::Array((0..100).map(|at| note(at, "eve", "x")).collect()).to_string();
        let next = pull(Opener::Glab).read_there(&full, Some(&json!(4)), "bot").unwrap().next;
        assert_eq!(next, Some(json!(5)));
        assert!(pull(Opener::Glab).there(next.as_ref()).arguments.concat().contains("per_page=100&page=5"));
    }

    #[test]
    fn what_it_is_is_read_from_either() {
        let github = r#"{"base":{"ref":"main","sha":"s"},"head":{"sha":"h"},"html_url":"https://x/1"}"#;
        let about = pull(Opener::Gh).read_about(github).unwrap();
        assert_eq!((&*about.into, &*about.start, &*about.head, about.parted), ("main", "s", "h", None));
        let gitlab = r#"{"target_branch":"main","sha":"h","web_url":"u","diff_refs":{"base_sha":"p","start_sha":"s","head_sha":"h"}}"#;
        let about = pull(Opener::Glab).read_about(gitlab).unwrap();
        assert_eq!(
            (&*about.into, &*about.start, &*about.head, about.parted.as_deref()),
            ("main", "s", "h", Some("p"))
        );
        assert_eq!(pull(Opener::Gh).read_about("{}"), None);
    }
}
