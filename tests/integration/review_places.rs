//! Reviewers work on exact commits whatever lies about, their findings are given places, and what they only said is read.

use crate::support::{TestRepo, of_kind, task, wait_until};
use crew::domain::event::Event;
use crew::domain::id::RunId;
use crew::domain::time::Time;
use crew::store::database::Store;
use crew::store::layout::Layout;
use serde_json::{Value, json};

const RUN: &str = "7k2aaaaaaaaa";

/// A repository whose second commit changed `src/a.rs`, and whose user goes on with it.
struct Ground {
    repo: TestRepo,
    base: String,
    head: String,
}

impl Ground {
    fn new() -> Ground {
        let repo = TestRepo::new();
        repo.write("src/a.rs", "fn a() {\n    lock();\n    wait();\n}\n\nfn b() {\n    lock();\n}\n");
        repo.write(".gitignore", ".crew/\n");
        repo.commit("one");
        let base = repo.git(&["rev-parse", "HEAD"]);
        repo.write("src/a.rs", "fn a() {\n    lock();\n    wait().await;\n}\n\nfn b() {\n    lock();\n}\n");
        repo.write("src/left.rs", "<<<<<<< ours\nlet a = 1;\n=======\nlet a = 2;\n>>>>>>> theirs\n");
        repo.commit("two");
        let head = repo.git(&["rev-parse", "HEAD"]);
        repo.write("src/a.rs", "// edited meanwhile\n");
        repo.write("src/new.rs", "// not committed\n");
        let trim = |id: String| id.trim().to_owned();
        Ground { repo, base: trim(base), head: trim(head) }
    }

    /// Makes an agent of a shell script, and returns the task in which it reviews.
    fn reviewer(&self, name: &str, script: &str, more: Value) -> Value {
        let path = self.repo.beside(&format!("{name}.sh"));
        std::fs::write(&path, script).expect("a script");
        let how = json!({"command": format!("/bin/sh {} --", path.display()), "prompt": "argument",
            "output": "text", "writes": true});
        self.repo.set("agents", name, how);
        let work = json!({"agent": {"role": "reviewer", "program": name, "persona": "", "task": "Review.",
            "writes": false}});
        let mut spec = json!({"id": name, "work": work, "worktree": true, "reviews": {}});
        let more = more.as_object().expect("fields").clone();
        spec.as_object_mut().expect("a task").extend(more);
        spec
    }

    /// Records a review, as one that is about to be carried out.
    fn order(&self, reviewers: Vec<Value>) {
        let (base, head) = (&self.base, &self.head);
        let target = json!({"kind": "range", "words": "a..b", "key": "range:b", "base": base, "head": head,
            "tree": ""});
        let change = json!({"files": 2, "added": 6, "removed": 1});
        let created = json!({"kind": "run_created", "goal": "review", "team": "", "workflow": "review",
            "limits": {"jobs": 9, "fail_fast": false}, "review": {"target": target, "change": change},
            "crew_version": "0"});
        let tasks = reviewers.into_iter().map(|spec| json!({"kind": "task_created", "spec": spec}));
        let event = |value: Value| serde_json::from_value::<Event>(value).expect("an event");
        let events = std::iter::once(created).chain(tasks).map(event).collect();
        let mut store = Store::open(&Layout::of(&self.repo.root)).expect("a store");
        let id = RunId::parse(RUN).expect("an id");
        store.create_run(id, Time(1_700_000_000_000), events).expect("a run");
    }

    fn status(&self) -> Value {
        self.repo.crew(["status", RUN, "--json"]).exits(0).json()
    }

    /// Returns what a script wrote beside the repository.
    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.repo.beside(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Asserts that no work tree is left, and no branch.
    #[track_caller]
    fn assert_left(&self) {
        assert_eq!(self.repo.git(&["worktree", "list"]).lines().count(), 1);
        let found = self.repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads/crew"]);
        assert_eq!(found.trim(), "");
        let left = std::fs::read_dir(self.repo.root.join(".crew/worktrees")).into_iter().flatten().count();
        assert_eq!(left, 0, "nothing lies in the folder of the work trees");
    }
}

/// Returns the review that a task handed in, as it is recorded.
fn review<'a>(events: &'a [Value], name: &str) -> &'a Value {
    let accepted = of_kind(events, "submission_accepted");
    let found =
        accepted.iter().find(|event| event["task"] == name).unwrap_or_else(|| panic!("no review of {name}"));
    &found["review"]
}

fn places(review: &Value) -> Vec<(&str, u64, &str)> {
    let findings = review["findings"].as_array().map(Vec::as_slice).unwrap_or_default().iter();
    let place = |finding: &'_ Value| finding["start_line"].as_u64().expect("a line");
    findings
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().expect("a text");
            (text("file"), place(finding), text("standing"))
        })
        .collect()
}

fn finding(file: &str, line: u32, quote: &str) -> Value {
    json!({"severity": "warning", "category": "race", "file": file, "start_line": line, "end_line": line,
        "quote": quote, "title": "held across an await", "fingerprint": "mine"})
}

#[test]
fn reviewers_see_the_commit_and_what_they_say_is_placed_in_it() {
    let ground = Ground::new();
    let beside = |name: &str| ground.repo.beside(name).display().to_string();
    let wrong = json!([finding("src/a.rs", 3, "wait();"), finding("src/new.rs", 1, "")]);
    let right = json!([finding("src/a.rs", 7, "wait().await;"), finding("src/a.rs", 8, "lock();")]);
    let submit = |findings: &Value| {
        format!(
            "printf '%s' '{findings}' | crew review submit --verdict changes_requested --body 'One.' --findings -"
        )
    };
    let looks = format!(
        "{{ git rev-parse --abbrev-ref HEAD; git rev-parse HEAD; git status --porcelain; ls src; }} >{0}\n\
         printf '%s' \"$*\" >{1}\n{{ {2}; {3}; {3}; }} >{4} 2>&1\n",
        beside("sees"),
        beside("prompt"),
        submit(&wrong),
        submit(&right),
        beside("answers"),
    );
    let written = json!({"verdict": "changes_requested", "body": "", "findings": [
        finding("src/a.rs", 1, "wait().await;"), finding("src/b.rs", 4, "nothing")]});
    let approve = "crew review submit --verdict approved >/dev/null";
    let reviewers = vec![
        ground.reviewer("looks", &looks, json!({})),
        ground.reviewer("writes", &format!("echo more >>src/a.rs; {approve}"), json!({})),
        ground.reviewer(
            "tells",
            &format!("echo 'So:'\ncat <<'END'\n```json\n{written}\n```\nEND\n"),
            json!({}),
        ),
        ground.reviewer("babbles", "echo 'Looks good to me.'", json!({})),
        ground.reviewer("is-mute", "true", json!({})),
        ground.reviewer("garbles", &format!("{approve}; echo garbage >.git"), json!({})),
        ground.reviewer("replaces", &format!("{approve}; rm .git && git init -q"), json!({})),
        ground.reviewer("takes-away", &format!("{approve}; git worktree remove -f -f ."), json!({})),
        ground.reviewer("hangs", "exec sleep 60", json!({"timeout_millis": 300})),
        json!({"id": "ours", "reviews": {}, "work": {"agent": {"role": "reviewer", "program": "builtin", "persona": "",
            "task": "Review.", "writes": false}}}),
    ];
    ground.order(reviewers);
    // Who comes to no verdict leaves the review incomplete.
    ground.repo.crew(["resume", RUN]).exits(6);
    let run = ground.status();
    let events = ground.repo.events();
    let state = |name: &str| task(&run, name)["state"].as_str().expect("a state").to_owned();

    // What they see is the commit, and nothing else.
    assert_eq!(ground.said("sees"), format!("HEAD\n{}\na.rs\nleft.rs\n", ground.head));
    let (prompt, Ground { base, head, .. }) = (ground.said("prompt"), &ground);
    assert!(
        prompt.contains(&format!("git diff --no-ext-diff {base} {head}")) && !prompt.contains("branch crew/"),
        "{prompt}"
    );

    // Wrong places are refused and can be corrected; wrong lines are put right by the quote.
    let answers = ground.said("answers");
    assert!(answers.contains("findings[0] (src/a.rs:3): its quote does not stand in commit"), "{answers}");
    assert!(answers.contains("findings[1] (src/new.rs:1): it is not a file of commit"), "{answers}");
    assert_eq!(answers.matches("accepted: the review of looks").count(), 2, "{answers}");
    assert_eq!(state("looks"), "completed");
    let looked = review(&events, "looks");
    assert_eq!(places(looked), [("src/a.rs", 3, "in_diff"), ("src/a.rs", 7, "outside_diff")]);
    assert_ne!(looked["findings"][0]["fingerprint"], "mine");

    // Who changed something has violated what it was told, and its work is kept.
    assert_eq!(
        (state("writes"), &task(&run, "writes")["error_kind"]),
        ("failed".into(), &json!("read_only_violated"))
    );
    let kept = ground.repo.git(&["show", &format!("refs/crew/keep/{RUN}/writes/1:src/a.rs")]);
    assert!(kept.ends_with("more\n") || kept.ends_with("more"), "{kept}");
    for name in ["garbles", "replaces", "takes-away"] {
        let found = task(&run, name);
        assert_eq!(found["error_kind"], "read_only_violated", "{found:#}");
        assert!(found["reason"].as_str().expect("a reason").ends_with("changed: .git"), "{found:#}");
    }

    // What is only said counts where it can be read, and is never clean where it cannot.
    assert_eq!(state("tells"), "completed");
    let told = review(&events, "tells");
    assert_eq!(places(told), [("src/a.rs", 3, "in_diff"), ("src/b.rs", 0, "whole")]);
    assert!(told["findings"][1]["body"].as_str().expect("a body").contains("crew could not find the place"));
    assert_eq!(state("babbles"), "needs_review");
    let reason = task(&run, "babbles")["reason"].as_str().expect("a reason");
    assert_eq!(reason, "its answer could not be read as a review: it holds no JSON object");
    assert_eq!(review(&events, "babbles")["findings"][0]["category"], "unparsable-review");
    assert_eq!(state("is-mute"), "needs_review");
    assert_eq!(task(&run, "is-mute")["reason"], "it ended without a submission");
    assert_eq!(
        (state("hangs"), &task(&run, "hangs")["error_kind"]),
        ("failed".into(), &json!("attempt_timeout"))
    );

    // Ours needs no files: it reads the commits where the user is at work, and is neither looked at nor held up.
    assert_eq!(state("ours"), "completed");
    let found = review(&events, "ours");
    assert_eq!(found["verdict"], "changes_requested");
    assert!(found["body"].as_str().expect("a body").contains("2 files, +6 -1"), "{found:#}");
    assert!(places(found).contains(&("src/left.rs", 1, "in_diff")), "{found:#}");
    assert!(of_kind(&events, "tree_checked").iter().all(|event| event["task"] != "ours"));

    ground.assert_left();
    // Where the machine is busy, the time of one is over before it has a work tree.
    let added = of_kind(&events, "worktree_added").len();
    assert!(added >= 5);
    assert_eq!(of_kind(&events, "worktree_removed").len(), added);
    assert_eq!(ground.repo.git(&["status", "--porcelain"]).trim(), "M src/a.rs\n?? src/new.rs");
    ground.repo.leaves_no_process();
}

#[test]
fn a_review_whose_crew_was_killed_is_gone_on_with_and_leaves_nothing() {
    let ground = Ground::new();
    let gate = ground.repo.gate("slow");
    let (sees, gate) = (ground.repo.beside("sees"), gate.display().to_string());
    let script = format!(
        "echo $CREW_ATTEMPT $(git status --porcelain) >>{0}\necho spoilt >src/a.rs\necho more >more\n\
         while [ $CREW_ATTEMPT = 1 ] && [ -e {gate} ]; do sleep 0.02; done\n\
         git checkout -q -- . && rm more && crew review submit --verdict approved\n",
        sees.display()
    );
    ground.order(vec![ground.reviewer("slow", &script, json!({}))]);
    let running = ground.repo.start(["resume", RUN]);
    let left = ground.repo.root.join(format!(".crew/worktrees/{RUN}/slow/more"));
    wait_until("the reviewer is at work", || left.exists());
    running.kill();
    ground.repo.crew(["resume", RUN]).exits(0);
    let run = ground.status();
    assert_eq!((&run["status"], &task(&run, "slow")["attempts"]), (&json!("completed"), &json!(2)));
    // The second one found the commit as it is, and what the first one had left is held.
    assert_eq!(std::fs::read_to_string(&sees).expect("a file"), "1\n2\n");
    ground.repo.open("slow");
    let held = ground.repo.git(&["for-each-ref", "--format=%(refname)", "refs/crew/keep"]);
    let first = held.lines().next().expect("something is held");
    assert_eq!(ground.repo.git(&["show", &format!("{first}:more")]).trim(), "more");
    ground.assert_left();
    ground.repo.leaves_no_process();
}

#[test]
fn a_review_whose_crew_was_killed_can_be_cancelled_and_leaves_nothing() {
    let ground = Ground::new();
    let gate = ground.repo.gate("slow").display().to_string();
    let waits = format!("while [ -e {gate} ]; do sleep 0.02; done");
    let spoils = format!("echo more >more; {waits}");
    ground.order(vec![
        ground.reviewer("spoils", &spoils, json!({})),
        ground.reviewer("waits", &waits, json!({})),
    ]);
    let running = ground.repo.start(["resume", RUN]);
    let left = ground.repo.root.join(format!(".crew/worktrees/{RUN}/spoils/more"));
    wait_until("the reviewers are at work", || left.exists());
    running.kill();
    ground.repo.crew(["review", "cancel", RUN]).exits(0);
    assert_eq!(ground.status()["status"], "cancelled");
    let held = ground.repo.git(&["show", &format!("refs/crew/keep/{RUN}/spoils/1:more")]);
    assert_eq!(held.trim(), "more");
    ground.assert_left();
    ground.repo.leaves_no_process();
}
