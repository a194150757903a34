//! A run is killed at the places where something is made to last or is started, and goes on: it ends as if nothing had
//! happened, whoever was killed and wherever that was.
//!
//! # How it works
//!
//! A story is what a person types one after the other. It is carried out undisturbed once for each command, while the
//! calls of that command are noted by which something lasts or starts. Then it is told again and again, each time with a
//! kill at another of these calls; whoever comes next does what `crew status` asks for, until the run is over. What there
//! is then is compared with what the undisturbed story ended with.
//!
//! In the suite every event of the story's run is a place, with a sample of the rest. All of them, which takes a quarter
//! of an hour on two cores:
//!
//! ```text
//! cargo test --test integration crash::wherever -- --ignored --nocapture
//! ```
#![cfg(target_os = "linux")]

use crate::support::faults::{self, Call, Fault, Then};
use crate::support::{TestRepo, of_kind, run_command};
use crate::worktree_kills::copy;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What is typed, with the exit code that it ends with undisturbed.
type Act = (&'static [&'static str], i32);

/// Who is killed, and where.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    then: Then,
}

struct Story {
    name: &'static str,
    tell: fn(&TestRepo),
    acts: &'static [Act],
}

const SUBMIT: &str = "crew submit result --summary done --confidence 0.9 --rationale r";

/// Work trees, a check, a retry, files in a result, an artifact and a gate.
const OWN_TREES: Story = Story {
    name: "own trees",
    tell: |repo| {
        agent(repo, "makes", &format!("echo made >made; {SUBMIT} >&2"));
        agent(
            repo,
            "stumbles",
            &format!(
                r#"if [ "$CREW_ATTEMPT" = 1 ]; then echo '{{"crew":"error","kind":"network","message":"refused"}}'; exit 0; fi
                echo again >again; {SUBMIT} >&2"#
            ),
        );
        let files = json!({"summary": "done", "confidence": 0.9, "rationale": "r", "files": [
            {"path": "deep/new", "mode": "new", "contents": "new\n"},
            {"path": "made", "mode": "modify", "contents": "better\n"},
        ]});
        std::fs::write(repo.beside("files.json"), files.to_string()).expect("a body");
        let body = repo.beside("files.json");
        agent(repo, "hands-in", &format!("crew submit result --json {} >&2", body.display()));
        repo.set("retry", "backoff_ms", json!(1));
        repo.workflow(
            "story",
            "## make\nrole: executor\nagent: makes\nverify: test -f made\n\nDo it.\n\n\
             ## stumble\nrole: executor\nagent: stumbles\n\nDo it.\n\n\
             ## files\nrole: executor\nagent: hands-in\ndependsOn: make\n\nDo it.\n\n\
             ## deploy\nrun: cat made again deep/new >deployed\naction: deploy\ndependsOn: files, stumble\n",
        );
    },
    acts: &[
        (&["run", "the goal", "--workflow", "story", "--worktree", "--quiet", "--json", "--jobs", "2"], 3),
        (&["approve", "g1", "--by", "Ann"], 0),
        (&["resume", "last", "--quiet", "--json"], 0),
    ],
};

/// In the folder that all share: a check, files in a result, somebody who only reads, and what the user had left there.
const SHARED_FOLDER: Story = Story {
    name: "shared folder",
    tell: |repo| {
        repo.write("theirs", "the user's own\n");
        let files = json!({"summary": "done", "confidence": 0.9, "rationale": "r", "files": [
            {"path": "deep/new", "mode": "new", "contents": "new\n"},
        ]});
        std::fs::write(repo.beside("files.json"), files.to_string()).expect("a body");
        let body = repo.beside("files.json");
        // Whoever is lost in the middle of it does it again.
        agent(repo, "makes", &format!("echo made >made; crew submit result --json {} >&2", body.display()));
        agent(repo, "reads", &format!("cat made deep/new; {SUBMIT} >&2"));
        repo.workflow(
            "story",
            "## make\nrole: executor\nagent: makes\nverify: test -f made && test -f deep/new\n\nDo it.\n\n\
             ## read\nrole: reviewer\nagent: reads\ndependsOn: make\n\nDo it.\n",
        );
    },
    acts: &[(&["run", "the goal", "--workflow", "story", "--quiet", "--json"], 0)],
};

/// Makes an agent of a shell script that speaks the line protocol of crew.
fn agent(repo: &TestRepo, name: &str, script: &str) {
    let path = repo.beside(&format!("{name}.sh"));
    let end = r#"echo '{"crew":"end","ok":true}'"#;
    std::fs::write(&path, format!("set -e\n{script}\n{end}\n")).expect("a script");
    let command = format!("sh {}", path.display());
    repo.set(
        "agents",
        name,
        json!({"command": command, "prompt": "stdin", "output": "crew", "writes": true}),
    );
}

/// All that there is in the end, by what it is about; without ids, times, and attempts that were lost.
type End = BTreeMap<String, String>;

/// What an attempt comes to. The rest is seen once more by whoever takes it up, was there before, or was never told because
/// whoever saw it died.
const DECISIVE: &[&str] = &[
    "attempt_started",
    "submission_accepted",
    "submission_refused",
    "files_applied",
    "artifact_kept",
    "gate_opened",
    "gate_decided",
    "attempt_ended",
    "task_skipped",
    "task_failed",
    "agent_nudged",
];

fn end_of(repo: &TestRepo, events: &[Value]) -> End {
    let run = repo.crew(["status", "last", "--json"]).exits(0).json();
    let id = run["id"].as_str().expect("an id");
    let plain = |text: &str| text.replace(id, "RUN");
    let mut end = End::from([("run".to_owned(), run["status"].to_string())]);
    let mut last = BTreeMap::new();
    for task in run["tasks"].as_array().expect("tasks") {
        let name = task["id"].as_str().expect("a name");
        last.insert(name, task["attempts"].as_u64().expect("a number"));
        let said = ["state", "summary", "reason", "error_kind"].map(|key| task[key].to_string());
        end.insert(format!("task {name}"), said.join(" "));
    }
    for event in events {
        let (Some(task), Some(kind)) = (event["task"].as_str(), event["kind"].as_str()) else { continue };
        let of_last = event["attempt"].as_u64().is_none_or(|attempt| last.get(task) == Some(&attempt));
        if of_last && DECISIVE.contains(&kind) {
            let told = end.entry(format!("events of {task}")).or_default();
            told.push_str(kind);
            told.push(' ');
        }
    }
    for (path, text) in files_below(&repo.root.join(".crew/runs").join(id).join("artifacts")) {
        let (name, of, number) = without_attempt(&path);
        if number.is_none_or(|number| last.get(of.as_str()) == Some(&number)) {
            end.insert(format!("artifact {name}"), artifact(&name, &plain(&text)));
        }
    }
    let refs = repo.git(&["for-each-ref", "--format=%(refname) %(tree)", "refs/heads"]);
    end.extend(
        refs.lines().filter_map(|line| line.split_once(' ')).map(|(name, tree)| (plain(name), tree.into())),
    );
    let files = files_below(&repo.root).into_iter();
    end.extend(files.map(|(path, text)| (format!("file {path}"), text)));
    end
}

/// Leaves out of an artifact how often something was tried.
fn artifact(name: &str, text: &str) -> String {
    if name.starts_with("prompts/") {
        // It tells of the attempts before.
        return "a prompt".into();
    }
    let is_row = |line: &str| name == "summary.md" && line.starts_with("| ");
    let cells = |line: &str| {
        let cells = line.split('|').map(str::trim);
        cells.map(|cell| if cell.parse::<u64>().is_ok() { "N" } else { cell }).collect::<Vec<_>>().join("|")
    };
    text.lines()
        .map(|line| if is_row(line) { cells(line) } else { line.to_owned() })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Takes the number of the attempt out of an artifact's name, and returns it with the task's: `prompts/make.1.md`.
fn without_attempt(path: &str) -> (String, String, Option<u64>) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let mut parts: Vec<&str> = name.split('.').collect();
    let at = parts.iter().position(|part| part.parse::<u64>().is_ok());
    let number = at.and_then(|at| parts[at].parse().ok());
    let of = parts[0].to_owned();
    if let Some(at) = at {
        parts[at] = "N";
    }
    (path.replace(name, &parts.join(".")), of, number)
}

fn files_below(root: &Path) -> BTreeMap<String, String> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).expect("below").display().to_string();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                // What git and crew know is compared by what they say of it.
                if name != ".git" && name != ".crew" {
                    folders.push(path);
                }
            } else {
                let text = std::fs::read(&path).unwrap_or_default();
                files.insert(name, String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    files
}

/// A repository in which one act of a story is told from its beginning, as often as wanted.
struct Stage {
    repo: TestRepo,
    saved: PathBuf,
    story: &'static Story,
    act: usize,
}

impl Stage {
    fn new(story: &'static Story, act: usize) -> Stage {
        let repo = TestRepo::new();
        (story.tell)(&repo);
        for (words, exit) in &story.acts[..act] {
            repo.crew(*words).exits(*exit);
        }
        let saved = repo.beside("saved");
        copy(&repo.root, &saved);
        Stage { repo, saved, story, act }
    }

    /// Tells the story to its end with nobody killed; returns the calls of the act, and what there is in the end.
    fn undisturbed(&self) -> (Vec<Call>, End) {
        let list = self.repo.beside("list");
        let (words, exit) = self.story.acts[self.act];
        let mut command = self.repo.command(words);
        faults::notes(&mut command, &list);
        run_command(command).exits(exit);
        for (words, exit) in &self.story.acts[self.act + 1..] {
            self.repo.crew(*words).exits(*exit);
        }
        (faults::noted(&list), end_of(&self.repo, &self.repo.events()))
    }

    /// Tells the story once more, with a kill, and returns what there is in the end; or what is wrong. Tells whether
    /// somebody was killed at all: no two runs make quite the same calls.
    fn disturbed(&self, place: Place) -> Result<(bool, End), String> {
        copy(&self.saved, &self.repo.root);
        let (words, exit) = self.story.acts[self.act];
        let killed = run_command(self.repo.faulty(words, &Fault::kill(place.at, place.then)));
        if killed.exit != -1 && killed.exit != exit {
            return Err(format!("it was not killed, and ended otherwise: {killed:?}"));
        }
        self.go_on()?;
        let events = self.repo.events();
        self.is_sound(&events)?;
        Ok((killed.exit == -1, end_of(&self.repo, &events)))
    }

    /// Does what `crew status` asks for, until the run is over.
    fn go_on(&self) -> Result<(), String> {
        let crew = |words: &[&str], exits: &[i32]| {
            let ran = self.repo.crew(words);
            if exits.contains(&ran.exit) { Ok(ran) } else { Err(format!("{words:?}: {ran:?}")) }
        };
        for _ in 0..200 {
            let status = crew(&["status", "last", "--json"], &[0, 4])?;
            let status = if status.exit == 4 { Value::Null } else { status.json()["status"].clone() };
            match status.as_str() {
                // It was killed before there was a run, so it is made again.
                None => crew(self.story.acts[0].0, &[0, 3])?,
                Some("interrupted" | "queued") => crew(&["resume", "last", "--quiet"], &[0, 3])?,
                // A child of the dead one has not begun its own program yet, or an agent hands in.
                Some("running") => {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                }
                Some("awaiting_input") => {
                    let gates = crew(&["gates", "--json"], &[0])?.json();
                    let gate = gates["data"][0]["id"].as_str().unwrap_or("none");
                    crew(&["approve", gate, "--by", "Ann"], &[0])?
                }
                Some("completed") => return Ok(()),
                Some(other) => {
                    return Err(format!("it is {other}: {}", crew(&["status", "last"], &[0])?.out));
                }
            };
        }
        Err("it is never over".into())
    }

    /// Looks whether the store, git and the machine are as they should be.
    fn is_sound(&self, events: &[Value]) -> Result<(), String> {
        self.repo.leaves_no_process();
        let database = self.repo.root.join(".crew/crew.db");
        let store = rusqlite::Connection::open(database).map_err(|error| error.to_string())?;
        let found: String =
            store.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(|e| e.to_string())?;
        drop(store);
        if found != "ok" {
            return Err(found);
        }
        self.repo.git(&["fsck", "--strict", "--no-dangling"]);
        let seqs: Vec<u64> = events.iter().filter_map(|event| event["seq"].as_u64()).collect();
        if !seqs.is_sorted_by(|one, next| one < next) || seqs.len() != events.len() {
            return Err(format!("numbers of events: {seqs:?}"));
        }
        is_told_once(events)
    }
}

/// Whatever happens once in an attempt is told once, and there is one more attempt for each one that was lost or failed.
fn is_told_once(events: &[Value]) -> Result<(), String> {
    const ONCE: &[&str] = &["attempt_started", "attempt_ended", "submission_accepted", "files_applied"];
    let mut seen = BTreeSet::new();
    for event in events {
        let kind = event["kind"].as_str().unwrap_or_default();
        let what = (kind, event["task"].as_str(), event["attempt"].as_u64(), event["gate"].as_str());
        if (ONCE.contains(&kind) || kind == "gate_decided") && !seen.insert(what) {
            return Err(format!("{what:?} is told twice"));
        }
        let task = event["task"].as_str();
        let done =
            ("attempt_ended", task, event["attempt"].as_u64().map(|number| number.wrapping_sub(1)), None);
        if kind == "attempt_started" && event["attempt"] != 1 && !seen.contains(&done) {
            return Err(format!("an attempt began before the one before it had ended: {event}"));
        }
    }
    Ok(())
}

/// Carries out a campaign on two cores: each of the places, in whichever order. Returns how many were killed.
fn campaign(story: &'static Story, choose: impl Fn(&[Call]) -> Vec<Place>) -> (usize, usize) {
    let began = Instant::now();
    let (mut stages, mut places) = (Vec::new(), Vec::new());
    let mut wanted = None;
    let mut calls_in_all = 0;
    for act in 0..story.acts.len() {
        let stage = Stage::new(story, act);
        let (calls, end) = stage.undisturbed();
        stages.push(stage);
        let wanted = wanted.get_or_insert_with(|| end.clone());
        assert!(*wanted == end, "{}", difference(wanted, &end));
        calls_in_all += calls.len();
        places.push(choose(&calls));
    }
    let wanted = wanted.expect("an end");
    let (killed, mut wrong) = (AtomicUsize::new(0), Vec::new());
    for (act, (stage, places)) in stages.into_iter().zip(&places).enumerate() {
        let next = AtomicUsize::new(0);
        let work = |stage: Option<Stage>| {
            let stage = stage.unwrap_or_else(|| Stage::new(story, act));
            let about = |place: &Place| format!("`crew {}`, {place:?}", story.acts[act].0[0]);
            let mut wrong = Vec::new();
            while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                match stage.disturbed(*place) {
                    Ok((was_killed, end)) => {
                        killed.fetch_add(usize::from(was_killed), Ordering::Relaxed);
                        if end != wanted {
                            let difference = difference(&wanted, &end);
                            wrong.push(format!("{} ends otherwise:\n{difference}", about(place)));
                        }
                    }
                    Err(why) => wrong.push(format!("{}: {why}", about(place))),
                }
            }
            wrong
        };
        std::thread::scope(|scope| {
            let hands = [Some(stage), None].map(|stage| scope.spawn(|| work(stage)));
            wrong.extend(hands.into_iter().flat_map(|hand| hand.join().expect("a hand")));
        });
    }
    let made: usize = places.iter().map(Vec::len).sum();
    let killed = killed.into_inner();
    eprintln!(
        "{}: {calls_in_all} calls, {made} places, {killed} kills, {} wrong, {:.0} s",
        story.name,
        wrong.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{} of {made}:\n{}", wrong.len(), wrong.join("\n"));
    (made, killed)
}

/// Says in what two ends differ.
fn difference(wanted: &End, found: &End) -> String {
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let cut = |text: Option<&String>| text.map(|text| text.chars().take(1_000).collect::<String>());
    let differs = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name));
    let lines = differs.map(|name| {
        format!("  {name}\n    wanted {:?}\n    found  {:?}\n", cut(wanted.get(name)), cut(found.get(name)))
    });
    lines.collect()
}

/// Every way to die at every call: before it, after it, and in the middle of what is written. The frames of a transaction
/// are nothing before the one that ends it.
fn everywhere(calls: &[Call]) -> Vec<Place> {
    let of = |(at, call): (usize, &Call)| {
        let place = |at: usize, then: Then| Some(Place { at: at + 1, then });
        let frame = call.path.ends_with("-wal") && call.name.starts_with("pwrite");
        let spawns = call.name.contains("spawn") || call.name == "fork";
        let (before, half) = (place(at, Then::KillBefore), place(at, Then::KillHalf));
        match () {
            // The frame's content follows upon its head.
            () if call.commits => [before, half, place(at + 1, Then::KillAfter)],
            () if frame => [None, None, None],
            () if spawns => [before, place(at, Then::KillAfter), None],
            () if call.name.contains("write") => [before, half, None],
            () => [before, None, None],
        }
    };
    calls.iter().enumerate().flat_map(of).flatten().collect()
}

/// Just after every other commit, where an event is told or not, and some of the other places.
fn some(calls: &[Call]) -> Vec<Place> {
    let all = everywhere(calls);
    let told = |place: &Place| place.then == Then::KillAfter && calls[place.at - 2].commits;
    let told = all.iter().copied().filter(|place| place.at > 1 && told(place));
    let mut places: Vec<Place> = told.step_by(2).collect();
    places.extend(all.into_iter().skip(7).step_by(120));
    places
}

#[test]
fn a_run_that_is_killed_ends_as_if_it_had_not_been() {
    let (made, killed) = campaign(&OWN_TREES, some);
    assert!(made >= 20 && killed * 10 >= made * 8, "{killed} of {made}");
}

#[test]
fn what_was_done_in_the_shared_folder_ends_as_if_nobody_had_been_killed() {
    let sample = |calls: &[Call]| some(calls).into_iter().step_by(3).collect();
    let (made, killed) = campaign(&SHARED_FOLDER, sample);
    assert!(made >= 3 && killed * 10 >= made * 8, "{killed} of {made}");
}

#[test]
#[ignore = "it takes a quarter of an hour"]
fn wherever_crew_is_killed_the_run_ends_as_if_it_had_not_been() {
    campaign(&OWN_TREES, everywhere);
    campaign(&SHARED_FOLDER, everywhere);
}

/// A run whose agent hands in by a `crew submit` that is met by what `hand` says, and by another one after it.
fn hands_in_twice(repo: &TestRepo, hand: &Path, wait: &str) {
    let script =
        format!("echo made >made; {wait}\n(. {}; {SUBMIT}) >&2 || true\n{SUBMIT} >&2", hand.display());
    agent(repo, "hands-in", &script);
    repo.workflow("one", "## work\nrole: executor\nagent: hands-in\nverify: test -f made\n\nDo it.");
}

/// Tells the story of a submission with and without an owner of the run; returns what was noted of it. Whoever hands in is
/// met by `fault`, or nothing but noted.
fn submission(
    repo: &TestRepo,
    saved: &Path,
    has_owner: bool,
    fault: Option<Fault<'_>>,
) -> Result<Vec<Call>, String> {
    copy(saved, &repo.root);
    let (hand, list, gate) = (repo.beside("hand"), repo.beside("list"), repo.beside("gate-on"));
    let mut met = repo.plain("true");
    match fault {
        Some(fault) => faults::meets(&mut met, &fault),
        None => faults::notes(&mut met, &list),
    }
    let variables = met.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)));
    let ours = variables.filter(|(name, _)| name.starts_with("FAULTS_") || *name == "LD_PRELOAD");
    let lines: String = ours.map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    std::fs::write(&hand, lines).expect("a file");
    std::fs::write(&gate, "").expect("a gate");
    let running = repo.start(["run", "g", "--workflow", "one", "--worktree", "--json", "--quiet"]);
    if has_owner {
        std::fs::remove_file(&gate).expect("a gate");
        running.ends();
    } else {
        repo.wait_for_event("the agent runs", |event| event["kind"] == "process_started");
        running.kill();
        std::fs::remove_file(&gate).expect("a gate");
        repo.leaves_no_process();
        let ran = repo.crew(["resume", "last"]);
        if ran.exit != 0 {
            return Err(format!("{ran:?}"));
        }
    }
    let events = repo.events();
    is_told_once(&events)?;
    let end = end_of(repo, &events);
    let accepted = of_kind(&events, "submission_accepted").len();
    match (accepted, end["task work"].starts_with("\"completed\" \"done\""), events.last()) {
        (1, true, Some(last)) if last["kind"] == "run_ended" => Ok(faults::noted(&list)),
        _ => Err(format!("accepted {accepted} times: {end:#?}")),
    }
}

/// Has every `step`th place of a submission met.
fn submissions(step: usize) {
    let mut wrong = Vec::new();
    for has_owner in [true, false] {
        let repo = TestRepo::new();
        let (saved, gate) = (repo.beside("saved"), repo.beside("gate-on"));
        let wait = format!("while test -e '{}'; do sleep 0.02; done", gate.display());
        hands_in_twice(&repo, &repo.beside("hand"), &wait);
        copy(&repo.root, &saved);
        let calls = submission(&repo, &saved, has_owner, None).expect("an end");
        assert!(calls.len() > 3, "{calls:?}");
        for place in everywhere(&calls).into_iter().step_by(step) {
            let fault = Fault::kill(place.at, place.then);
            if let Err(why) = submission(&repo, &saved, has_owner, Some(fault)) {
                wrong.push(format!("owner {has_owner}, {place:?}, {:?}: {why}", calls[place.at - 1]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_submission_that_is_killed_and_made_again_counts_once() {
    submissions(12);
}

#[test]
#[ignore = "it takes minutes"]
fn wherever_a_submission_is_killed_the_next_one_counts_once() {
    submissions(1);
}
