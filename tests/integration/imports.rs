//! A run taken from one machine to another: what comes is what left, it is gone on with, and nothing of a file is believed.

use crate::exports::{account, made};
use crate::support::{CREW, Ran, TestRepo, of_kind, run_command, start_command, task, wait_until};
use crate::worktrees::{SUBMIT, agent, branch, run, steps};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Writes the newest run of a repository to a file beside it.
fn bundle(repo: &TestRepo, more: &[&str]) -> PathBuf {
    let file = repo.beside("run.tar.gz");
    let words = ["export", "last", "--force", "-o", file.to_str().expect("UTF-8")];
    repo.crew(words.iter().chain(more)).exits(0);
    file
}

/// Makes a second repository, on another machine as it were, that has the commits of the first one's `main`.
pub fn other_machine(repo: &TestRepo) -> TestRepo {
    let other = TestRepo::new();
    other.git(&["fetch", "-q", repo.root.to_str().expect("UTF-8"), "main"]);
    other.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    other
}

fn import(repo: &TestRepo, file: &Path, more: &[&str]) -> Ran {
    repo.crew(["import", file.to_str().expect("UTF-8")].iter().chain(more))
}

/// An event without what is another in each store.
fn bare(mut event: Value) -> Value {
    let fields = event.as_object_mut().expect("an object");
    fields.remove("seq");
    if let Some(process) = fields.get_mut("process") {
        process["boot"] = Value::Null;
    }
    event
}

/// Returns the events of the newest run but the one by which it came.
fn record(repo: &TestRepo) -> Vec<Value> {
    let events = repo.events().into_iter().filter(|event| event["kind"] != "run_imported");
    events.map(bare).collect()
}

fn references(repo: &TestRepo) -> String {
    repo.git(&["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/crew", "refs/crew"])
}

#[test]
fn a_run_comes_as_it_left_and_is_read_like_any_other() {
    let here = TestRepo::new();
    let id = made(&here);
    let file = bundle(&here, &[]);
    let there = other_machine(&here);
    let planned = import(&there, &file, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(
        (&planned["run"], &planned["conflicts"], &planned["imported"]),
        (&json!(id), &json!([]), &json!(false))
    );
    assert!(!there.root.join(".crew/crew.db").exists() && references(&there).is_empty());
    let text = import(&there, &file, &["--dry-run"]).exits(0);
    assert!(text.out.contains("nothing stands against it"), "{}", text.out);
    let came = import(&there, &file, &["--json", "--by", "Ann"]).exits(0).json();
    assert_eq!((&came["run"], &came["status"]), (&json!(id), &json!("completed")));
    assert_eq!(record(&there), record(&here));
    assert_eq!(references(&there), references(&here));
    let events = there.events();
    let imported = of_kind(&events, "run_imported");
    assert_eq!((&imported[0]["by"], &imported[0]["exported_by"]), (&json!("Ann"), &json!("Person")));
    assert_eq!((&imported[0]["file"], &imported[0]["repository"]), (&json!("run.tar.gz"), &json!("repo")));
    let status = there.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!((&status["status"], &status["imported"]["by"]), (&json!("completed"), &json!("Ann")));
    assert!(there.crew(["status", "last"]).exits(0).out.contains("imported from run.tar.gz by Ann"));
    assert!(there.crew(["status"]).exits(0).out.contains("the goal"));
    assert!(there.crew(["logs", "last", "a"]).exits(0).out.contains("said it"));
    assert!(there.crew(["show", "last", "a"]).exits(0).out.contains("attempt 1"));
    assert!(there.crew(["diff", "last", "a"]).exits(0).out.contains("+a"));
    assert!(there.crew(["artifacts", "last", "results/a.1.md"]).exits(0).out.contains("done"));
    assert!(!there.crew(["artifacts", "last", "results/a.1.json"]).exits(0).err.contains("warning"));
    let (told, original) = (account(&there), account(&here));
    for name in ["attempts", "asked", "depends_on"] {
        assert_eq!(told["tasks"][0][name], original["tasks"][0][name], "{name}");
    }
    assert_eq!(told["tasks"][0]["diff"]["patch"], original["tasks"][0]["diff"]["patch"]);
    there.git(&["config", "user.name", "Person"]);
    there.git(&["config", "user.email", "person@example.com"]);
    there.crew(["merge", "last"]).exits(0);
    assert_eq!(std::fs::read_to_string(there.root.join("b")).expect("b"), "b\n");
    there.git(&["fsck", "--strict"]);
    there.crew(["doctor"]);
}

#[test]
fn a_run_leaves_although_a_secret_is_a_word_of_its_names_and_states() {
    let here = TestRepo::new();
    here.git(&["config", "user.name", "Person"]);
    here.git(&["config", "user.email", "person@example.com"]);
    let said = "echo a >>README.md; echo postgres is completed";
    steps(&here, "made", &[("postgres-schema", "", said), ("after", "postgres-schema", "echo b >b")]);
    run(&here, "made", 0);
    let export = |more: &[&str]| {
        let mut command = here.command(["export", "last"].iter().chain(more));
        command.env("POSTGRES_PASSWORD", "postgres").env("MY_SECRET", "completed");
        command.env("OTHER_SECRET", "succeeded");
        run_command(command).exits(0)
    };
    for format in ["html", "markdown", "junit", "csv", "events"] {
        let text = export(&["--format", format]).out;
        assert!(text.contains("postgres-schema"), "{format}: {text}");
        assert!(!text.contains("postgres is") && !text.contains("is completed"), "{format}: {text}");
    }
    let told = export(&["--format", "json"]).json();
    let (task, attempt) = (&told["tasks"][0], &told["tasks"][0]["attempts"][0]);
    assert_eq!((&task["id"], &task["state"]), (&json!("postgres-schema"), &json!("completed")));
    assert_eq!((&attempt["state"], &attempt["outcome"]), (&json!("succeeded"), &json!("succeeded")));
    assert_eq!(told["tasks"][1]["depends_on"], json!(["postgres-schema"]));
    assert_eq!(task["tree"]["branch"], branch(&here, "postgres-schema"));
    assert!(
        attempt["log"]["text"].as_str().expect("a log").contains("[redacted] is [redacted]"),
        "{attempt:#}"
    );
    let file = here.beside("run.tar.gz");
    export(&["-o", file.to_str().expect("UTF-8")]);
    let there = other_machine(&here);
    import(&there, &file, &[]).exits(0);
    let status = there.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(
        (&status["status"], &status["tasks"][0]["id"]),
        (&json!("completed"), &json!("postgres-schema"))
    );
    assert_eq!(references(&there), references(&here));
    assert!(there.crew(["diff", "last", "postgres-schema"]).exits(0).out.contains("+a"));
    let logged = there.crew(["logs", "last", "postgres-schema"]).exits(0).out;
    assert!(logged.contains("[redacted] is [redacted]"), "{logged}");
}

#[test]
fn a_merge_runs_the_commands_of_a_file_only_where_somebody_trusts_it() {
    let here = TestRepo::new();
    agent(&here, "does", &format!("echo w >w\n{SUBMIT}"));
    let mark = here.beside("was-run");
    let verify = format!("touch {}", mark.display());
    here.workflow("checked", &format!("## a\nrole: executor\nagent: does\nverify: {verify}\n\nDo it.\n"));
    run(&here, "checked", 0);
    let file = bundle(&here, &[]);
    std::fs::remove_file(&mark).expect("it was run there");
    let there = other_machine(&here);
    there.git(&["config", "user.name", "Person"]);
    there.git(&["config", "user.email", "person@example.com"]);
    import(&there, &file, &[]).exits(0);
    there.crew(["merge", "last", "--dry-run"]).exits(0);
    let refused = there.crew(["merge", "last", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "untrusted");
    // Who trusts the repository has not seen what a stranger's file runs.
    there.crew(["trust"]).exits(0);
    let refused = there.crew(["merge", "last", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "untrusted");
    assert!(refused["hint"].as_str().expect("a hint").contains("crew merge") && !mark.exists(), "{refused}");
    there.crew(["merge", "last", "--no-verify"]).exits(0);
    assert!(!mark.exists() && there.root.join("w").exists());
    let third = other_machine(&here);
    third.git(&["config", "user.name", "Person"]);
    third.git(&["config", "user.email", "person@example.com"]);
    import(&third, &file, &[]).exits(0);
    third.crew(["merge", "last", "--trust-project"]).exits(0);
    assert!(mark.exists() && third.root.join("w").exists());
}

#[test]
fn what_is_here_already_is_not_taken_in_again_and_what_differs_is_refused() {
    let here = TestRepo::new();
    let id = made(&here);
    let file = bundle(&here, &[]);
    let there = other_machine(&here);
    import(&there, &file, &[]).exits(0);
    let before = there.events();
    for repo in [&there, &here] {
        let again = import(repo, &file, &["--json"]).exits(0).json();
        assert_eq!((&again["imported"], &again["known"]), (&json!(false), &json!(true)));
    }
    assert_eq!(there.events(), before);
    // Where nothing is taken in, nothing is to be made for it.
    let id_here = there.crew(["status", "last", "--json"]).json()["id"].as_str().expect("an id").to_owned();
    there.git(&["branch", "-q", "-D", &format!("crew/{id_here}/a")]);
    let planned = import(&there, &file, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!((&planned["known"], &planned["references"]), (&json!(true), &json!([])));
    import(&there, &file, &[]).exits(0);
    there.git(&["branch", "-q", &format!("crew/{id_here}/a"), "HEAD"]);
    // What was done there since then is further on; what was done here is not there.
    there.crew(["merge", "last", "--dry-run"]);
    here.crew(["merge", "last"]).exits(0);
    let later = bundle(&here, &[]);
    let refused = import(&there, &later, &["--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "run_differs");
    assert!(refused["message"].as_str().expect("words").contains("goes on from there"), "{refused}");
    let came = import(&there, &later, &["--as", "new", "--json"]).exits(0).json();
    let new = came["run"].as_str().expect("an id").to_owned();
    assert_ne!(new, id);
    let events = there.crew(["events", &new, "--json"]).exits(0).out;
    assert_eq!(events.matches(&id).count(), 1, "only where it says what it was: {events}");
    assert!(references(&there).contains(&format!("refs/heads/crew/{new}/a")));
    assert!(there.crew(["diff", &new, "b"]).exits(0).out.contains("+b"));
    import(&there, &later, &["--as", "../../x"]).exits(2);
    // A reference that is here with other content is not moved.
    let third = other_machine(&here);
    third.git(&["branch", &format!("crew/{id}/a"), "main"]);
    let taken = import(&third, &file, &["--json"]).exits(4).json_error();
    assert_eq!(taken["code"], "reference_taken");
    let shown = import(&third, &file, &["--dry-run"]).exits(4);
    assert!(shown.out.contains("conflict: refs/heads/crew/"), "{}", shown.out);
    assert!(!third.root.join(".crew/crew.db").exists());
}

#[test]
fn a_run_that_was_interrupted_is_gone_on_with_where_it_came_to() {
    let here = TestRepo::new();
    here.git(&["config", "user.name", "Person"]);
    let gate = here.gate("stay");
    let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
    steps(&here, "two", &[("a", "", "echo a >a"), ("b", "a", &format!("cat a; {wait}; echo b >b"))]);
    let words = ["run", "the goal", "--workflow", "two", "--worktree", "--json", "--quiet"];
    let crew = here.start(words);
    here.wait_for_event("b is at work", |event| event["kind"] == "process_started" && event["task"] == "b");
    let file = bundle(&here, &[]);
    crew.kill();
    here.open("stay");
    let there = other_machine(&here);
    let came = import(&there, &file, &["--json"]).exits(0).json();
    assert_eq!(came["status"], "interrupted");
    let would_run = came["would_run"].as_array().expect("a list");
    assert_eq!((would_run.len(), &would_run[0]["program"]), (2, &json!("does-b")), "{came:#}");
    assert_eq!((&would_run[1]["kind"], &would_run[1]["name"]), (&json!("persona"), &would_run[0]["persona"]));
    agent(&there, "does-b", &format!("cat a; echo b >b\n{SUBMIT}"));
    // What would run is named by whoever wrote the file.
    // Who trusts the repository does not trust all that is taken in there.
    there.crew(["trust"]).exits(0);
    for words in [&["resume", "last"][..], &["resume", "last", "--detach"], &["run", "--resume", "last"]] {
        let refused = there.crew(words.iter().chain(&["--json"])).exits(4).json_error();
        assert_eq!(refused["code"], "untrusted", "{words:?}");
    }
    assert!(
        of_kind(&there.events(), "run_imported").len() == 1
            && of_kind(&there.events(), "attempt_started").len() == 2
    );
    let advised = there.crew(["status", "last"]).exits(0).err;
    assert!(
        advised.contains(" --trust-project\n") && advised.contains("--trust-project lets it"),
        "{advised}"
    );
    let resumed = there.crew(["resume", "last", "--trust-project", "--json"]).exits(0).json();
    assert_eq!((&resumed["status"], &task(&resumed, "a")["attempts"]), (&json!("completed"), &json!(1)));
    assert_eq!(task(&resumed, "b")["attempts"], 2);
    // Nobody is asked twice about the same run.
    let advised = there.crew(["status", "last"]).exits(0).err;
    assert!(!advised.contains("--trust-project"), "{advised}");
    let done = there.crew(["resume", "last", "--json"]).exits(4).json_error();
    assert_eq!(done["code"], "not_interrupted");
    let branch = format!("crew/{}/b", came["run"].as_str().expect("an id"));
    assert_eq!(there.git(&["show", &format!("{branch}:a")]), "a\n");
    there.leaves_no_process();
    here.leaves_no_process();
}

#[test]
fn whoever_is_to_trust_a_run_can_read_all_that_it_would_run() {
    let here = TestRepo::new();
    let gate = here.gate("stay");
    let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
    agent(&here, "waits", &format!("{wait}\n{SUBMIT}"));
    agent(&here, "later", SUBMIT);
    // A line that begins as any other, and does at its end what nobody expects.
    let (command, verify) =
        (format!("true {}; echo LAST", "x".repeat(70_000)), format!("true {}LAST", "y".repeat(400)));
    let mut text = "## a\nrole: executor\nagent: waits\n\nDo it.\n".to_owned();
    text += &format!(
        "## b\nrole: executor\nagent: later\ndependsOn: a\nverify: {verify}\n\nBegin.\n{}LAST.\n",
        "On.\n".repeat(200)
    );
    text += &format!("## c\ndependsOn: a\nrun: {command}\n");
    (0..25).for_each(|number| text += &format!("## d{number}\ndependsOn: c\nrun: echo {number}\n"));
    here.workflow("long", &text);
    let crew = here.start(["run", "the goal", "--workflow", "long", "--worktree", "--json", "--quiet"]);
    here.wait_for_event("a is at work", |event| event["kind"] == "process_started" && event["task"] == "a");
    let file = bundle(&here, &[]);
    crew.kill();
    here.open("stay");
    let there = other_machine(&here);
    let planned = import(&there, &file, &["--dry-run", "--json"]).exits(0).json();
    let told = planned["would_run"].as_array().expect("a list");
    let text_of = |kind: &str| {
        told.iter()
            .filter(|one| one["kind"] == kind)
            .map(|one| one["text"].as_str().expect("a text"))
            .collect::<Vec<_>>()
    };
    assert_eq!((text_of("command")[0], text_of("command").len()), (&*command, 26));
    assert_eq!(text_of("check"), [&verify]);
    assert!(
        text_of("agent")[1].starts_with("Begin.") && text_of("agent")[1].ends_with("LAST."),
        "{planned:#}"
    );
    let text = import(&there, &file, &["--dry-run"]).exits(0).err;
    assert!(text.contains("and 10 more") && text.contains("the same with --json shows it whole"), "{text}");
    let text = import(&there, &file, &[]).exits(0).err;
    let whole = text.split("not all of it; crew ").nth(1).and_then(|rest| rest.split(" shows").next());
    let words: Vec<&str> = whole.expect("a command").split(' ').collect();
    let refused = there.crew(["resume", "last", "--json"]).exits(4).json_error();
    assert!(refused["hint"].as_str().expect("a hint").contains(&words.join(" ")), "{refused}");
    let all = there.crew(&words).exits(0).json();
    assert_eq!(
        (&all["tasks"][1]["verify"], &all["tasks"][2]["asked"]["text"]),
        (&json!([verify]), &json!(command))
    );
    assert!(all["tasks"][1]["asked"]["text"].as_str().expect("a text").ends_with("LAST."));
    // What people read says that it is cut, and where the rest is.
    let short = there.crew(["export", "last", "--format", "markdown"]).exits(0).out;
    assert_eq!((short.matches("cut here").count(), short.contains("LAST")), (2, false), "{short}");
    here.leaves_no_process();
}

#[test]
fn a_command_that_came_without_its_secret_is_not_run_as_another() {
    let here = TestRepo::new();
    let gate = here.gate("stay");
    let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
    agent(&here, "waits", &format!("{wait}\n{SUBMIT}"));
    let secret = format!("ghp_{}", "a1B2".repeat(9));
    here.workflow(
        "one",
        &format!("## a\nrole: executor\nagent: waits\n\nDo it.\n## b\ndependsOn: a\nrun: printf %s {secret} | wc -c\n## c\ndependsOn: a\nrun: echo whole\n"),
    );
    let crew = here.start(["run", "the goal", "--workflow", "one", "--json", "--quiet"]);
    here.wait_for_event("a is at work", |event| event["kind"] == "process_started" && event["task"] == "a");
    let file = here.beside("run.tar.gz");
    let told = here.crew(["export", "last", "-o", file.to_str().expect("UTF-8"), "--json"]).exits(0).json();
    assert!(
        told["notes"].to_string().contains("the commands of b held what looks like a secret"),
        "{told:#}"
    );
    crew.kill();
    here.open("stay");
    let there = other_machine(&here);
    agent(&there, "waits", SUBMIT);
    let came = import(&there, &file, &["--json"]).exits(0).json();
    assert!(came["notes"].to_string().contains("the commands of b are not whole"), "{came:#}");
    let refused = there.crew(["resume", "last", "--trust-project", "--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "altered_commands");
    assert!(refused["hint"].as_str().expect("a hint").contains(" b "), "{refused}");
    there.crew(["cancel", "last", "b"]).exits(0);
    let resumed = there.crew(["resume", "last", "--json"]);
    let ended = there.crew(["status", "last", "--json"]).exits(0).json();
    assert_eq!(
        (&task(&ended, "b")["state"], &task(&ended, "c")["state"]),
        (&json!("cancelled"), &json!("completed")),
        "{resumed:?}"
    );
    here.leaves_no_process();
    there.leaves_no_process();
}

#[test]
fn an_artifact_that_somebody_changed_does_not_leave_as_the_one_that_was_kept() {
    let here = TestRepo::new();
    let id = made(&here);
    here.write(&format!(".crew/runs/{id}/artifacts/results/a.1.json"), "{}\n");
    let file = here.beside("run.tar.gz");
    let told = here.crew(["export", "last", "-o", file.to_str().expect("UTF-8"), "--json"]).exits(0).json();
    assert!(told["notes"].to_string().contains("results/a.1.json is not as it was"), "{told:#}");
    assert!(entries(&file).iter().all(|(name, _)| name != "artifacts/results/a.1.json"));
    let came = import(&other_machine(&here), &file, &["--json"]).exits(0).json();
    assert_eq!(came["missing"], json!(["results/a.1.json"]));
}

#[test]
fn what_the_branches_build_on_has_to_be_there_or_in_the_file() {
    let here = TestRepo::new();
    here.write("more", "x\n");
    here.commit("more");
    made(&here);
    let thin = bundle(&here, &[]);
    let stranger = TestRepo::new();
    let refused = import(&stranger, &thin, &["--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "missing_commits");
    assert!(!stranger.root.join(".crew/crew.db").exists() && references(&stranger).is_empty());
    let whole = bundle(&here, &["--history"]);
    import(&stranger, &whole, &[]).exits(0);
    assert_eq!(references(&stranger), references(&here));
    let bare_one = TestRepo::new();
    let told = here.crew(["export", "last", "--no-branches", "-o", "bare.tar.gz"]).exits(0);
    assert!(told.err.contains("left out"), "{}", told.err);
    import(&bare_one, &here.root.join("bare.tar.gz"), &[]).exits(0);
    assert!(references(&bare_one).is_empty());
    assert!(bare_one.crew(["logs", "last", "a"]).exits(0).out.contains("said it"));
}

/// The entries of a bundle, each with its name and its content.
type Entries = Vec<(String, Vec<u8>)>;

pub fn entries(file: &Path) -> Entries {
    let mut archive = tar::Archive::new(GzDecoder::new(std::fs::File::open(file).expect("a file")));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.expect("an entry");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        (entry.path().expect("a path").display().to_string(), content)
    };
    archive.entries().expect("entries").map(read).collect()
}

/// Writes a bundle of entries as somebody may who is no crew.
fn forge(file: &Path, entries: &[(String, Vec<u8>)], kind: impl Fn(&str) -> tar::EntryType) {
    let mut packed = GzEncoder::new(std::fs::File::create(file).expect("a file"), Compression::fast());
    for (name, content) in entries {
        let mut header = tar::Header::new_ustar();
        let field = &mut header.as_ustar_mut().expect("a header").name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind(name));
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        packed.write_all(header.as_bytes()).expect("a header");
        packed.write_all(content).expect("content");
        packed.write_all(&vec![0; content.len().wrapping_neg() % 512]).expect("padding");
    }
    packed.write_all(&[0; 1024]).expect("an end");
    packed.finish().expect("a file");
}

/// Lets the manifest say what is there.
fn agree(entries: &mut Entries) {
    let mut manifest: Value = serde_json::from_slice(&entries[0].1).expect("JSON");
    let listed = entries[1..].iter().map(|(path, content)| {
        let sha256: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"path": path, "bytes": content.len(), "sha256": sha256})
    });
    manifest["entries"] = listed.collect();
    entries[0].1 = manifest.to_string().into_bytes();
}

#[test]
fn a_file_that_was_cut_changed_or_made_to_do_harm_is_refused_and_nothing_is_touched() {
    let here = TestRepo::new();
    made(&here);
    let good = bundle(&here, &[]);
    let bytes = std::fs::read(&good).expect("a file");
    let all = entries(&good);
    let there = other_machine(&here);
    let file = there.beside("bad.tar.gz");
    let refused = |code: &str, what: &str, more: &[&str]| {
        let words = [&["--json"], more].concat();
        let ran = import(&there, &file, &words);
        assert_eq!(ran.exit, 4, "{what}: {ran:?}");
        let error = ran.json_error();
        assert_eq!(error["code"], code, "{what}: {error}");
        assert!(!there.root.join(".crew/crew.db").exists() && references(&there).is_empty(), "{what}");
        assert!(!there.root.parent().expect("above").join("x").exists(), "{what}");
    };
    for part in [1, 3, 7] {
        std::fs::write(&file, &bytes[..bytes.len() * part / 8]).expect("a file");
        refused("damaged_bundle", "cut", &[]);
    }
    std::fs::write(&file, [&bytes[..], b"more"].concat()).expect("a file");
    refused("damaged_bundle", "something behind it", &[]);
    std::fs::write(&file, "no archive").expect("a file");
    refused("no_bundle", "no archive", &[]);
    let plain = |_: &str| tar::EntryType::Regular;
    let with = |change: &dyn Fn(&mut Entries), agreed: bool| {
        let mut changed = all.clone();
        change(&mut changed);
        if agreed {
            agree(&mut changed);
        }
        forge(&file, &changed, plain);
    };
    let place = |name: &str| all.iter().position(|(path, _)| path == name).expect("an entry");
    let (events, log) = (place("events.jsonl"), place("logs/a.1.log"));
    with(&|_| {}, true);
    import(&there, &file, &["--dry-run"]).exits(0);
    with(&|all| all[log].1[0] ^= 1, false);
    refused("damaged_bundle", "a changed log", &[]);
    with(&|all| drop(all.remove(log)), false);
    refused("damaged_bundle", "a missing log", &[]);
    with(&|all| all.push(("logs/more.1.log".into(), b"x".to_vec())), false);
    refused("damaged_bundle", "a log too many", &[]);
    let twice = |all: &mut Entries| {
        let mut manifest: Value = serde_json::from_slice(&all[0].1).expect("JSON");
        let listed = manifest["entries"].as_array_mut().expect("entries");
        listed.push(listed[0].clone());
        all[0].1 = manifest.to_string().into_bytes();
    };
    with(&twice, false);
    refused("damaged_bundle", "an entry that is named twice", &[]);
    let result = place("artifacts/results/a.1.json");
    with(&|all| all[result].1 = b"{}".to_vec(), true);
    refused("unsafe_bundle", "an artifact that is not the one of the record", &[]);
    with(&|all| all.push(("artifacts/extra/evil.sh".into(), b"x".to_vec())), true);
    refused("unsafe_bundle", "an artifact that the record does not know", &[]);
    with(&|all| drop(all.remove(place("artifacts/prompts/a.1.md"))), true);
    let planned = import(&there, &file, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(planned["missing"], json!(["prompts/a.1.md"]));
    assert!(planned["notes"].to_string().contains("1 artifact that the file does not have"), "{planned:#}");
    let both = ["artifacts/both", "artifacts/both/x"].map(|name| (name.to_owned(), b"x".to_vec()));
    with(&|all| all.extend(both.clone()), true);
    refused("unsafe_bundle", "a file that is a folder too", &[]);
    for name in ["../x", "/tmp/x", "logs/../../x", "hooks/x", "artifacts/a\nb"] {
        with(&|all| all.push((name.into(), b"x".to_vec())), true);
        refused("unsafe_bundle", name, &[]);
        with(&|all| all.push((name.into(), b"x".to_vec())), false);
        import(&there, &file, &[]).exits(4);
    }
    for kind in [
        tar::EntryType::Symlink,
        tar::EntryType::Link,
        tar::EntryType::Directory,
        tar::EntryType::GNULongName,
    ] {
        forge(&file, &all, |name| if name == "logs/a.1.log" { kind } else { tar::EntryType::Regular });
        refused("unsafe_bundle", "no plain file", &[]);
    }
    let manifest = |name: &str, value: Value| {
        let name = name.to_owned();
        move |all: &mut Entries| {
            let mut manifest: Value = serde_json::from_slice(&all[0].1).expect("JSON");
            manifest[name.as_str()] = value.clone();
            all[0].1 = manifest.to_string().into_bytes();
        }
    };
    with(&manifest("schema_version", json!(99)), false);
    refused("newer_bundle", "a newer one", &[]);
    with(&manifest("format", json!("other")), false);
    refused("no_bundle", "another one", &[]);
    let steal = json!({"references": [{"name": "refs/heads/main", "commit": "0".repeat(40)}], "needs": []});
    with(&manifest("git", steal), false);
    refused("damaged_bundle", "branches that are not in it", &[]);
    std::fs::write(&file, &bytes).expect("a file");
    refused("large_bundle", "too large", &["--max-mb", "0"]);
    // A megabyte of nothing takes a thousandth of that; it is not even unpacked.
    with(&|all| all.push(("logs/b.9.log".into(), vec![0; 3 << 20])), true);
    refused("large_bundle", "a bomb", &["--max-mb", "1"]);
    let text = String::from_utf8(all[events].1.clone()).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    for (what, forged) in [
        ("an event twice", format!("{text}{}\n", lines[3])),
        ("no beginning", lines[1..].join("\n")),
        ("none at all", String::new()),
        ("half an event", text[..text.len() - 20].to_owned()),
        ("a kind that is none", replaced("\"kind\":\"task_created\"", "\"kind\":\"task_stolen\"")),
        ("a task that leaves its folder", text.replace("\"a\"", "\"../../x\"")),
        ("a log elsewhere", replaced("logs/a.1.log", "../../../../etc/passwd")),
        ("an artifact elsewhere", replaced("\"path\":\"results/a.1.json\"", "\"path\":\"../../../x\"")),
        (
            "a reference of others",
            replaced("\"reference\":\"refs/heads/crew/", "\"reference\":\"refs/heads/main/"),
        ),
    ] {
        with(&|all| all[events].1 = forged.clone().into_bytes(), true);
        let code = if what == "none at all" { "damaged_bundle" } else { "unsafe_bundle" };
        refused(code, what, &[]);
    }
    let main = replaced("\"branch\":\"main\"", "\"branch\":\"--upload-pack=x\"");
    with(&|all| all[events].1 = main.clone().into_bytes(), true);
    refused("unsafe_bundle", "a branch that git takes for an option", &[]);
    let no_text = [text.as_bytes().split_at(20).0, b"\xff", text.as_bytes().split_at(20).1].concat();
    with(&|all| all[events].1 = no_text.clone(), true);
    refused("unsafe_bundle", "no UTF-8", &[]);
    // What nobody can refuse by its form does no harm: a folder elsewhere becomes the run's own.
    let own = format!(
        ".crew/worktrees/{}/a",
        lines[0].split("\"run\":\"").nth(1).expect("an id").get(..12).expect("an id")
    );
    let moved = text.replace(&own, "/etc");
    with(&|all| all[events].1 = moved.clone().into_bytes(), true);
    import(&there, &file, &[]).exits(0);
    assert!(there.events().iter().all(|event| event["path"] != "/etc" && event["folder"] != "/etc"));
    let missing = import(&there, Path::new("/no/such/file"), &[]).exits(1);
    assert!(missing.err.contains("/no/such/file"), "{}", missing.err);
}

#[test]
fn a_bundle_comes_through_a_pipe_and_what_never_ends_is_not_read_to_its_end() {
    let here = TestRepo::new();
    let id = made(&here);
    let file = bundle(&here, &[]);
    let there = other_machine(&here);
    let pipe = there.beside("pipe");
    let path = std::ffi::CString::new(pipe.to_str().expect("UTF-8")).expect("no zero");
    // SAFETY: the path is a text that ends.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    let content = std::fs::read(&file).expect("a file");
    let writer = {
        let (pipe, content) = (pipe.clone(), content.clone());
        std::thread::spawn(move || std::fs::write(pipe, content))
    };
    let came = import(&there, &pipe, &["--dry-run", "--json"]).exits(0).json();
    assert_eq!(came["run"], json!(id));
    writer.join().expect("a thread").expect("a pipe");
    let mut command = there.command(["import", "-"]);
    command.stdin(std::fs::File::open(&file).expect("a file"));
    start_command(command).ends().exits(0);
    assert!(there.crew(["status", "last"]).exits(0).out.contains("imported from standard input"));
    let folder = import(&there, &there.root, &["--json"]).exits(4).json_error();
    assert_eq!(folder["code"], "no_bundle");
    import(&there, Path::new("/dev/zero"), &[]).exits(4);
    let endless = format!("cat '{}' /dev/zero | '{}' import -", file.display(), CREW);
    let mut shell = std::process::Command::new("sh");
    let settings = there.command(["--version"]);
    shell.args(["-c", &endless]).current_dir(&there.root).env_clear();
    shell.envs(settings.get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert!(start_command(shell).ends().exits(4).err.contains("something follows"));
}

#[test]
fn two_who_take_a_run_in_at_once_leave_one_whole_run() {
    let here = TestRepo::new();
    made(&here);
    let file = bundle(&here, &[]);
    let (expected, tips) = (record(&here), references(&here));
    for _ in 0..3 {
        let there = other_machine(&here);
        let start = || start_command(there.command(["import", file.to_str().expect("UTF-8"), "--json"]));
        let both: Vec<_> = (0..3).map(|_| start()).collect();
        let exits: Vec<i32> = both.into_iter().map(|import| import.ends().exit).collect();
        assert!(exits.contains(&0) && exits.iter().all(|exit| [0, 4].contains(exit)), "{exits:?}");
        assert_eq!((record(&there), references(&there)), (expected.clone(), tips.clone()), "{exits:?}");
        assert!(there.crew(["logs", "last", "a"]).exits(0).out.contains("said it"), "{exits:?}");
        let folder = there.root.join(".crew/runs");
        let run = std::fs::read_dir(folder).expect("runs").next().expect("a run").expect("a run").path();
        assert!(run.join("manifest.json").exists() && !run.join("importing").exists(), "{exits:?}");
    }
}

/// Returns how many tasks count, and how many attempts.
fn counted(repo: &TestRepo) -> [u64; 2] {
    let told = repo.crew(["metrics", "crew.*", "--json"]).exits(0).json();
    ["crew.task.count", "crew.attempt.count"].map(|name| {
        let series = told["data"].as_array().expect("series").iter().filter(|one| one["name"] == name);
        series.map(|one| one["value"].as_u64().expect("a count")).sum()
    })
}

#[test]
fn a_run_counts_once_at_its_own_hours_and_a_copy_only_from_then_on() {
    let here = TestRepo::new();
    made(&here);
    let file = bundle(&here, &["--history"]);
    let there = TestRepo::new();
    import(&there, &file, &[]).exits(0);
    let once = counted(&here);
    assert!(once.iter().all(|count| *count > 0), "{once:?}");
    assert_eq!(counted(&there), once);
    for repo in [&here, &there] {
        let copy = import(repo, &file, &["--as", "new", "--json"]).exits(0).json();
        assert_eq!(counted(repo), once);
        // Who asks about it alone is told what it came to, and a pruned copy leaves nothing behind.
        let id = copy["run"].as_str().expect("an id");
        assert!(repo.crew(["metrics", "--run", id]).exits(0).out.contains("does-a"));
        repo.crew(["prune", id, "--yes"]);
        assert_eq!(counted(repo), once);
    }
}

#[test]
fn logs_keep_the_time_at_which_they_were_written_last() {
    let here = TestRepo::new();
    let id = made(&here);
    let log = |repo: &TestRepo| repo.root.join(format!(".crew/runs/{id}/logs/a.1.log"));
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    std::fs::File::options()
        .append(true)
        .open(log(&here))
        .and_then(|file| file.set_modified(then))
        .expect("a log");
    let there = other_machine(&here);
    import(&there, &bundle(&here, &[]), &[]).exits(0);
    assert_eq!(log(&there).metadata().and_then(|log| log.modified()).expect("a log"), then);
}

#[test]
fn an_import_that_was_killed_has_either_happened_or_not_and_the_next_one_ends_it() {
    let here = TestRepo::new();
    let id = made(&here);
    let file = bundle(&here, &[]);
    let (expected, tips) = (record(&here), references(&here));
    let there = other_machine(&here);
    let (mut killed, mut came) = (0, false);
    for millis in (0..).map(|step| step * 8) {
        let import = start_command(there.command(["import", file.to_str().expect("UTF-8"), "--quiet"]));
        std::thread::sleep(Duration::from_millis(millis));
        let mut import = import;
        let ended = import.has_ended();
        import.kill();
        there.leaves_no_process();
        let known = there.crew(["status", &id, "--json"]);
        match known.exit {
            0 => {
                assert_eq!(record(&there), expected, "after {millis} ms");
                assert_eq!(references(&there), tips, "after {millis} ms");
                came = true;
            }
            _ => assert!(!ended, "after {millis} ms: {}", known.err),
        }
        killed += usize::from(!ended);
        if came {
            break;
        }
    }
    assert!(killed > 0);
    let again = import(&there, &file, &["--json"]).exits(0).json();
    assert_eq!(again["known"], true);
    assert!(there.crew(["logs", "last", "a"]).exits(0).out.contains("said it"));
    there.git(&["fsck", "--strict"]);
    // Nobody's files are taken for those of an import that was killed.
    let third = other_machine(&here);
    third.write(&format!(".crew/runs/{id}/mine"), "x\n");
    let refused = import(&third, &file, &["--json"]).exits(4).json_error();
    assert_eq!(refused["code"], "folder_taken");
    wait_until("its file is left alone", || third.root.join(format!(".crew/runs/{id}/mine")).exists());
}

/// Returns the names in a folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_export_that_is_ended_leaves_nothing_and_one_that_was_killed_is_swept_up_by_the_next() {
    let here = TestRepo::new();
    made(&here);
    let (temporary, target) = (here.beside("temporary"), here.beside("target"));
    std::fs::create_dir_all(&temporary).expect("a folder");
    std::fs::create_dir_all(&target).expect("a folder");
    let start = |more: &[&str]| {
        let file = target.join("run.tar.gz");
        let words = ["export", "last", "--force", "-o", file.to_str().expect("UTF-8")];
        let mut command = here.command(words.iter().chain(more));
        command.env("TMPDIR", &temporary);
        start_command(command)
    };
    start(&[]).ends().exits(0);
    let (mut interrupted, mut killed) = (0, 0);
    for millis in (0..).map(|step| step * 40) {
        let export = start(&[]);
        std::thread::sleep(Duration::from_millis(millis));
        export.signal(libc::SIGINT);
        let ended = export.ends();
        assert!(names_in(&temporary).is_empty(), "after {millis} ms: {:?}", names_in(&temporary));
        assert_eq!(names_in(&target), ["run.tar.gz"], "after {millis} ms");
        interrupted +=
            usize::from(ended.exit == 130 && ended.err.contains("interrupted: nothing was written"));
        let mut export = start(&[]);
        std::thread::sleep(Duration::from_millis(millis));
        killed += usize::from(!export.has_ended());
        export.kill();
        // What it had started may still write there.
        here.leaves_no_process();
        let files = names_in(&target);
        assert!(files == ["run.tar.gz"], "after {millis} ms: {files:?}");
        let past = std::time::SystemTime::now() - Duration::from_secs(3600);
        for left in names_in(&temporary) {
            let folder = std::fs::File::open(temporary.join(&left)).expect("a folder");
            folder.set_modified(past).expect("its time");
        }
        start(&[]).ends().exits(0);
        let left: Vec<String> =
            names_in(&temporary).into_iter().filter(|name| name.starts_with("crew-export-")).collect();
        assert!(left.is_empty(), "after {millis} ms: {left:?}");
        std::fs::remove_dir_all(&temporary).and_then(|()| std::fs::create_dir(&temporary)).expect("a folder");
        if ended.exit == 0 {
            break;
        }
    }
    assert!(interrupted > 0 && killed > 0, "{interrupted} {killed}");
    here.leaves_no_process();
}

#[test]
fn an_import_that_waits_for_a_pipe_is_ended_and_leaves_nothing() {
    let here = TestRepo::new();
    made(&here);
    let content = std::fs::read(bundle(&here, &[])).expect("a file");
    let there = other_machine(&here);
    let temporary = there.beside("temporary");
    std::fs::create_dir_all(&temporary).expect("a folder");
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let mut command = there.command(["import", "-", "--json"]);
        let (theirs, mut ours) = std::io::pipe().expect("a pipe");
        command.env("TMPDIR", &temporary).stdin(theirs);
        let import = start_command(command);
        ours.write_all(&content[..content.len() / 2]).expect("it reads");
        wait_until("it has begun", || !names_in(&temporary).is_empty());
        import.signal(signal);
        let ended = import.ends();
        assert_eq!((ended.exit, ended.json_error()["code"].as_str()), (130, Some("interrupted")));
        assert!(names_in(&temporary).is_empty(), "{:?}", names_in(&temporary));
        drop(ours);
    }
    assert!(!there.root.join(".crew/crew.db").exists());
}

#[test]
fn gates_get_numbers_that_no_other_one_has_here() {
    let with_gate = |repo: &TestRepo| {
        steps(repo, "asks", &[("a", "", "echo a >a")]);
        repo.workflow("asks", "## a\nrole: executor\nagent: does-a\ngate: before\n\nDo it.\n");
        run(repo, "asks", 3)
    };
    let (here, there) = (TestRepo::new(), TestRepo::new());
    with_gate(&here);
    let mine = with_gate(&there);
    let file = bundle(&here, &["--history"]);
    import(&there, &file, &[]).exits(0);
    let gates = there.crew(["gates", "--json"]).exits(0).json();
    let ids: Vec<&str> =
        gates["data"].as_array().expect("gates").iter().filter_map(|gate| gate["id"].as_str()).collect();
    assert_eq!(ids.len(), 2, "{gates:#}");
    assert_ne!(ids[0], ids[1]);
    let known = import(&there, &file, &["--json"]).exits(0).json();
    assert_eq!(known["known"], true);
    let status = there.crew(["status", mine["run"].as_str().expect("an id"), "--json"]).exits(0).json();
    assert_eq!(status["status"], "awaiting_input");
}

#[test]
fn what_explains_a_run_of_others_names_commands_that_say_who_trusts_it() {
    let here = TestRepo::new();
    here.workflow("w", "## a\nrun: true\naction: deploy\n\n## b\nrun: true\ndependsOn: a");
    here.crew(["run", "g", "--workflow", "w"]).exits(3);
    let file = bundle(&here, &[]);
    let there = other_machine(&here);
    import(&there, &file, &[]).exits(0);
    let said = there.crew(["explain", "last", "--json"]).exits(0).json();
    assert!(said["because"].to_string().contains("It was not made here, it came "), "{said:#}");
    let approved = there.crew(["approve", "g1"]).exits(0);
    assert!(
        approved.err.contains("next  crew resume") && approved.err.contains(" --trust-project"),
        "{}",
        approved.err
    );
    let waited = there.crew(["wait", "last"]).exits(130);
    assert!(waited.err.contains(" --trust-project"), "{}", waited.err);
    let said = there.crew(["explain", "last", "--json"]).exits(0).json();
    let next = said["next"][0]["command"].as_str().expect("a command");
    assert!(next.starts_with("crew resume ") && next.ends_with(" --trust-project"), "{said:#}");
    there.crew(next.split(' ').skip(1)).exits(0);
}

#[test]
fn whoever_is_to_trust_a_run_reads_who_its_agents_are_told_to_be_and_where_its_work_would_go() {
    let here = TestRepo::new();
    here.set("agents", "later", json!({"command": "true {model}", "prompt": "stdin", "writes": true}));
    here.set("vars", "WORD", json!("of a stranger"));
    let careful = "---\nname: careful\ndescription: A test\nmodel: first\nfallbackModels: second\ntools: read, grep\n---\nLook well.\n";
    here.put_user("agents/careful.md", careful);
    let text = "---\nname: w\ndescription: A test\nonSuccess: merge\n---\n\n## a\nrun: true\naction: deploy\n\n\
                ## b\nrole: executor\nagent: careful\nworktree: true\ndependsOn: a\n\nDo it.\n";
    here.put_user("workflows/w.workflow.md", text);
    here.crew(["run", "g", "--workflow", "w", "--set", "run.agent=later"]).exits(3);
    let file = bundle(&here, &[]);
    let there = other_machine(&here);
    let planned = import(&there, &file, &["--dry-run", "--json"]).exits(0).json();
    let of_kind =
        |kind: &str| planned["would_run"].as_array()?.iter().find(|one| one["kind"] == kind).cloned();
    let agent = of_kind("agent").expect("an agent");
    assert_eq!(
        (&agent["models"], &agent["persona"], &agent["may_write"]),
        (&json!(["first", "second"]), &json!("careful"), &json!(false))
    );
    let persona =
        json!({"kind": "persona", "name": "careful", "text": "Look well.", "tools": ["read", "grep"]});
    assert_eq!(of_kind("persona"), Some(persona));
    assert_eq!(
        of_kind("variable"),
        Some(json!({"kind": "variable", "name": "WORD", "text": "of a stranger"}))
    );
    assert_eq!(of_kind("merge"), Some(json!({"kind": "merge", "into": "main", "how": "merge"})));
    let said = import(&there, &file, &[]).exits(0).err;
    for words in [
        "the agent later (executor, first, second, without changing files): ",
        "as careful (tools: read, grep), told: Look well.",
        "with WORD=of a stranger",
        "merges what was done into main (merge)",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
