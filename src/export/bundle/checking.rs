//! Whether the record in a file is one that crew could have made, and what of it cannot hold here.

use super::{ARTIFACTS, BundleError, Entry, Opened, is_safe_path};
use crate::domain::event::{Event, ProcessId, Recorded};
use crate::domain::id::{RunId, TaskId};
use crate::domain::imported::ELSEWHERE;
use crate::domain::merging::Merging;
use crate::domain::redact::{HIDDEN, Redactor};
use crate::domain::resolution::Sides;
use crate::domain::review::target::ReviewTarget;
use crate::domain::run::Run;
use crate::domain::task::Work;
use crate::domain::time::Time;
use crate::domain::worktree::{MovedReference, branch_of};
use crate::export::events;
use crate::store::layout::{FOLDER, log_of};
use crate::workspace::packing::{Reference, header, is_id, is_own};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// The boot of a machine that is not this one.
pub const NO_BOOT: &str = "elsewhere";

/// The most bytes of one event; a result of an agent has at most 4 MiB.
const MAX_EVENT: usize = 64 * 1024 * 1024;

/// A record that can be taken in.
#[derive(Debug)]
pub struct Incoming {
    /// What it comes to.
    pub run: Run,
    /// Under the id that it has here, the oldest first.
    pub events: Vec<(Time, Event)>,
    /// References with the names that they have here.
    pub references: Vec<(Reference, String)>,
    /// Artifacts that its record names and that are not in the file, by their paths, in order.
    pub missing: Vec<String>,
}

/// Reads the record of a file as that of the run `id`. Every event has to follow from those before it, and may name no
/// path, no log and no reference but the run's own. `boot` is that of this machine.
///
/// What was begun elsewhere and is not known here is closed: a merge that was under way.
pub fn incoming(opened: &Opened, id: &RunId, boot: &str) -> Result<Incoming, BundleError> {
    let was = &opened.manifest.run;
    let mut lines = BufReader::new(File::open(opened.events())?);
    let (mut run, mut events, mut text) = (None::<Run>, Vec::new(), String::new());
    let words = Redactor::default();
    let mut last_seq = 0;
    for line in 1.. {
        text.clear();
        let invalid = |why: String| BundleError::Event { line, why };
        match std::io::Read::take(&mut lines, MAX_EVENT as u64).read_line(&mut text) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(invalid("it is not UTF-8".into()));
            }
            Err(error) => return Err(error.into()),
        }
        // An id is 60 random bits: nothing else looks like it.
        let here = if was == id { text.clone() } else { text.replace(was.as_str(), id.as_str()) };
        let recorded: Recorded = serde_json::from_str(&here).map_err(|error| invalid(said(&error)))?;
        if recorded.run != *id {
            return Err(invalid("it is of another run".into()));
        }
        if recorded.seq <= last_seq {
            return Err(invalid(format!("its number is {}, after {last_seq}", recorded.seq)));
        }
        last_seq = recorded.seq;
        let event = events::made_safe(recorded.event, &words).map_err(|error| invalid(error.to_string()))?;
        let event = checked(id, event, boot).map_err(invalid)?;
        match &mut run {
            None => {
                run = Some(
                    Run::create(id.clone(), recorded.at, &event).map_err(|why| invalid(why.to_string()))?,
                )
            }
            Some(run) => {
                run.apply(recorded.at, &event).map_err(|why| invalid(why.to_string()))?;
            }
        }
        events.push((recorded.at, event));
    }
    let Some(mut run) = run else { return Err(BundleError::Damaged("there is no event in it".into())) };
    if let Some(merging) = run.merging.take() {
        let given_up =
            Event::MergeGivenUp { into: merging.into.clone(), to: merging.to.clone(), why: ELSEWHERE.into() };
        run.merging = Some(merging);
        let at = run.last_at;
        run.apply(at, &given_up)
            .map_err(|why| BundleError::Event { line: events.len(), why: why.to_string() })?;
        events.push((at, given_up));
    }
    let references = named(opened, was, id)?;
    let missing = missing_artifacts(&opened.manifest.entries, events.iter().map(|(_, event)| event))?;
    Ok(Incoming { run, events, references, missing })
}

/// Refuses artifacts that the record does not know, or knows otherwise: of two for one path, the last counts. Returns those
/// that it knows and that are not there.
fn missing_artifacts<'a>(
    entries: &[Entry],
    events: impl Iterator<Item = &'a Event>,
) -> Result<Vec<String>, BundleError> {
    let mut kept: BTreeMap<&str, &str> = BTreeMap::new();
    for event in events {
        if let Event::ArtifactKept { path, sha256, .. } = event {
            kept.insert(path, sha256);
        }
    }
    for entry in entries {
        let Some(path) = entry.path.strip_prefix(ARTIFACTS) else { continue };
        let shown = crate::domain::words::clean_line(path, 200);
        match kept.remove(path) {
            Some(sha256) if sha256 == entry.sha256 => {}
            Some(_) => {
                return Err(BundleError::Unsafe(format!(
                    "the artifact {shown} is not the one of its record"
                )));
            }
            None => return Err(BundleError::Unsafe(format!("its record knows no artifact {shown}"))),
        }
    }
    Ok(kept.into_keys().map(str::to_owned).collect())
}

/// Returns the references of a file, each with the name that it has here. What git's own list says has to be among them.
fn named(opened: &Opened, was: &RunId, id: &RunId) -> Result<Vec<(Reference, String)>, BundleError> {
    let Some(branches) = &opened.manifest.git else { return Ok(Vec::new()) };
    let header = opened.branches().map(|file| header(&file)).transpose()?.unwrap_or_default();
    let listed = header.references.iter().all(|reference| branches.references.contains(reference));
    if !listed || !header.needs.iter().all(|needed| branches.needs.contains(needed)) {
        return Err(BundleError::Damaged("its branches are not those that its manifest names".into()));
    }
    if !branches.needs.iter().all(|needed| is_id(needed)) {
        return Err(BundleError::Unsafe("what it builds on is no commit".into()));
    }
    let mut seen = HashSet::new();
    for Reference { name, commit } in &branches.references {
        if !is_own(was, name) || !is_id(commit) || !seen.insert(name) {
            let shown = crate::domain::words::clean_line(name, 200);
            return Err(BundleError::Unsafe(format!("`{shown}` is no reference of the run's own")));
        }
    }
    let here = |reference: &Reference| (reference.clone(), reference.name.replace(was.as_str(), id.as_str()));
    Ok(branches.references.iter().map(here).collect())
}

/// Says why an event cannot be read, without the list of all that there could be.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(", expected one of").next().unwrap_or_default().to_owned()
}

/// Refuses an event that names what is not the run's own, and takes out of it what only held where it was recorded.
fn checked(run: &RunId, mut event: Event, boot: &str) -> Result<Event, String> {
    let reference = |name: &str| match is_own(run, name) {
        true => Ok(()),
        false => Err(format!("{name} is no reference of the run's own")),
    };
    match &mut event {
        Event::RunCreated { base, review, .. } => {
            if let Some(base) = base {
                id(&base.commit)?;
                base.branch.iter().try_for_each(|branch| plain_name(branch))?;
            }
            if let Some(order) = review {
                target(&order.target)?;
            }
        }
        Event::TaskCreated { spec } => {
            if let Work::Merge { into, .. } = &spec.work {
                plain_name(into)?;
            }
        }
        Event::DispatcherStarted { process }
        | Event::ProcessStarted { process, .. }
        | Event::AttemptAdopted { process, .. } => away(process, boot),
        Event::AttemptStarted { task, attempt, log, folder, .. } => {
            if *log != log_of(task, *attempt) {
                return Err(format!("{log} is no log of {task}"));
            }
            if let Some(folder) = folder {
                own_folder(run, task, folder);
            }
        }
        Event::WorktreeAdded { task, path, branch, base, .. } => {
            own_folder(run, task, path);
            if *branch != branch_of(run, task) {
                return Err(format!("{branch} is no branch of {task}"));
            }
            id(base)?;
        }
        Event::WorktreeRemoved { task, path, kept, .. } => {
            own_folder(run, task, path);
            kept.iter().try_for_each(|name| reference(name))?;
        }
        Event::WorkKept { commit, reference: held, set_aside, .. } => {
            id(commit)?;
            reference(held)?;
            set_aside.iter().try_for_each(|name| reference(name))?;
        }
        Event::ReferencesMoved { moved, .. } => {
            for MovedReference { reference: name, from, to, held, .. } in moved {
                plain_name(name)?;
                from.iter().try_for_each(|from| id(from))?;
                id_or_nothing(to)?;
                held.iter().try_for_each(|held| reference(held))?;
            }
        }
        Event::ConflictGiven { sides, into, .. } => {
            let Sides { ours, theirs, bases } = sides;
            [&*ours, &*theirs].into_iter().chain(&*bases).try_for_each(|side| id(side))?;
            plain_name(into)?;
        }
        Event::ConflictResolved { commit, reference: held, tree, .. } => {
            id(commit)?;
            id(tree)?;
            reference(held)?;
        }
        Event::ConflictLeft { reference: held, .. } => held.iter().try_for_each(|held| reference(held))?,
        Event::MergeBegun { merging } | Event::WorkMerged { merging } => {
            let Merging { tasks, into, from, to, .. } = merging;
            plain_name(into)?;
            [&*from, &*to].into_iter().try_for_each(|commit| id(commit))?;
            tasks.iter().try_for_each(|merged| id(&merged.tip).and_then(|()| id(&merged.commit)))?;
        }
        Event::MergeGivenUp { into, to, .. } => {
            plain_name(into)?;
            id(to)?;
        }
        Event::ArtifactKept { path, .. } if !is_safe_path(path) => {
            return Err(format!("{path} leads out of the run's folder"));
        }
        _ => {}
    }
    Ok(event)
}

/// Lets a process be none of this machine: whoever looks for it here would find a stranger.
fn away(process: &mut ProcessId, boot: &str) {
    if process.boot == boot {
        process.boot = NO_BOOT.into();
    }
}

/// Lets a task's folder be where it lies by default, unless it is there already: what a file says is no reason to work
/// elsewhere, or to take something away there.
fn own_folder(run: &RunId, task: &TaskId, folder: &mut String) {
    let own = format!("{FOLDER}/worktrees/{run}/");
    if !folder.starts_with(&own) || !is_safe_path(folder) {
        *folder = format!("{own}{task}");
    }
}

fn target(target: &ReviewTarget) -> Result<(), String> {
    [&target.base, &target.head, &target.tree].into_iter().try_for_each(|commit| id_or_nothing(commit))
}

fn id(text: &str) -> Result<(), String> {
    if is_id(text) { Ok(()) } else { Err(format!("`{text}` is no id of a commit")) }
}

fn id_or_nothing(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { id(text) }
}

/// Refuses the name of a branch or a reference that git could take for something else.
fn plain_name(name: &str) -> Result<(), String> {
    // A name that looked like a secret has left without it.
    let name = &*name.replace(HIDDEN, "x");
    let strange = |character: char| character.is_control() || " ~^:?*[\\".contains(character);
    let is_plain = !name.is_empty()
        && !name.starts_with(['-', '/', '.'])
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(strange);
    if is_plain { Ok(()) } else { Err(format!("`{name}` is no name of a branch")) }
}

/// How a record in a file stands to one that is here already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It says the same, and what is here may go on from there by so many events.
    Same { more_here: usize },
    /// What is here ends where the file goes on by so many events.
    Ahead { more_there: usize },
    /// They differ from this event on, counted from 1.
    Differs { at: usize },
}

/// Compares records of one run. What differs from store to store is not looked at: numbers of gates, the names of boots,
/// that it was taken in.
pub fn compare(here: &[(Time, Event)], there: &[(Time, Event)]) -> Standing {
    let (here, there) = (comparable(here), comparable(there));
    let equal = here.iter().zip(&there).take_while(|(here, there)| here == there).count();
    match (here.len() - equal, there.len() - equal) {
        (more_here, 0) => Standing::Same { more_here },
        (0, more_there) => Standing::Ahead { more_there },
        _ => Standing::Differs { at: equal + 1 },
    }
}

fn comparable(events: &[(Time, Event)]) -> Vec<serde_json::Value> {
    let mut gates: HashMap<String, usize> = HashMap::new();
    let of_here = |event: &Event| {
        matches!(event, Event::RunImported(_))
            || matches!(event, Event::MergeGivenUp { why, .. } if why == ELSEWHERE)
    };
    let events = events.iter().filter(|(_, event)| !of_here(event));
    let words = Redactor::default();
    events
        .map(|(at, event)| {
            let safe = events::made_safe(event.clone(), &words).unwrap_or_else(|_| event.clone());
            let mut value = serde_json::to_value(safe).unwrap_or_default();
            if let Some(gate) = value.get("gate").map(ToString::to_string) {
                let ordinal = gates.len();
                value["gate"] = (*gates.entry(gate).or_insert(ordinal)).into();
            }
            if let Some(process) = value.get_mut("process").and_then(serde_json::Value::as_object_mut) {
                process.remove("boot");
            }
            if matches!(event, Event::ArtifactKept { .. })
                && let Some(fields) = value.as_object_mut()
            {
                // What was taken out of it on its way is no other artifact.
                fields.remove("sha256");
                fields.remove("bytes");
            }
            value["at"] = at.to_string().into();
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::started;
    use serde_json::json;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn check(event: serde_json::Value) -> Result<Event, String> {
        let run = RunId::parse("7k2aaaaaaaaa").unwrap();
        checked(&run, serde_json::from_value(event).unwrap(), "this boot")
    }

    #[test]
    fn what_is_not_the_runs_own_is_refused() {
        let kept = |commit: &str, reference: &str| {
            json!({"kind": "work_kept", "task": "a", "attempt": 1, "commit": commit, "reference": reference,
                   "files": 1, "insertions": 1, "deletions": 0})
        };
        let log = |log: &str| json!({"kind": "attempt_started", "task": "a", "attempt": 1, "agent": "sh", "log": log});
        let artifact = |path: &str| json!({"kind": "artifact_kept", "artifact": "result", "path": path, "bytes": 1, "sha256": "x"});
        let begun = |branch: &str| {
            json!({"kind": "run_created", "goal": "g", "team": "t", "workflow": "w", "crew_version": "1",
            "limits": {"jobs": 1, "fail_fast": false}, "base": {"commit": COMMIT, "branch": branch}})
        };
        let merged = |into: &str, to: &str| json!({"kind": "work_merged", "tasks": [], "into": into, "from": COMMIT, "to": to, "how": "merge", "by": "x"});
        for good in [
            kept(COMMIT, "refs/heads/crew/7k2aaaaaaaaa/a"),
            log("logs/a.1.log"),
            artifact("results/a.1.json"),
            merged("feature/x", COMMIT),
            begun("feature/x"),
        ] {
            check(good.clone()).unwrap_or_else(|why| panic!("{good}: {why}"));
        }
        for bad in [
            kept(COMMIT, "refs/heads/main"),
            kept("--upload-pack=x", "refs/heads/crew/7k2aaaaaaaaa/a"),
            log("../../../../etc/passwd"),
            log("logs/b.1.log"),
            artifact("../../config"),
            artifact("/etc/passwd"),
            merged("--all", COMMIT),
            merged("main", "HEAD"),
            begun("--upload-pack=x"),
        ] {
            assert!(check(bad.clone()).is_err(), "{bad}");
        }
    }

    #[test]
    fn artifacts_are_those_of_the_record() {
        let kept = |path: &str, sha256: &str| -> Event {
            serde_json::from_value(json!({"kind": "artifact_kept", "artifact": "result", "path": path, "bytes": 1, "sha256": sha256}))
                .unwrap()
        };
        let record = [kept("results/a", "1"), kept("results/b", "2"), kept("results/a", "3")];
        let with = |entries: &[(&str, &str)]| {
            let entry = |(path, sha256): &(&str, &str)| Entry {
                path: (*path).into(),
                bytes: 1,
                sha256: (*sha256).into(),
            };
            missing_artifacts(&entries.iter().map(entry).collect::<Vec<_>>(), record.iter())
        };
        assert_eq!(with(&[("artifacts/results/a", "3"), ("logs/x", "9")]).unwrap(), ["results/b"]);
        for bad in [("artifacts/results/a", "1"), ("artifacts/extra/evil.sh", "3")] {
            assert!(matches!(with(&[bad]), Err(BundleError::Unsafe(_))), "{bad:?}");
        }
    }

    #[test]
    fn what_held_on_another_machine_alone_does_not_hold_here() {
        let process = |boot: &str| json!({"kind": "dispatcher_started", "process": {"pid": 1, "start": 1, "boot": boot}});
        let Ok(Event::DispatcherStarted { process: here }) = check(process("this boot")) else { panic!() };
        let Ok(Event::DispatcherStarted { process: there }) = check(process("another")) else { panic!() };
        assert_eq!((here.boot.as_str(), there.boot.as_str()), (NO_BOOT, "another"));
        let added = |path: &str| {
            json!({"kind": "worktree_added", "task": "a", "attempt": 1, "path": path,
                   "branch": "crew/7k2aaaaaaaaa/a", "base": COMMIT})
        };
        let own = ".crew/worktrees/7k2aaaaaaaaa/a";
        for (path, here) in
            [(own, own), ("/elsewhere/a", own), (".crew/worktrees/7k2aaaaaaaaa/../../../x", own)]
        {
            let Ok(Event::WorktreeAdded { path, .. }) = check(added(path)) else { panic!("{path}") };
            assert_eq!(path, here);
        }
    }

    #[test]
    fn records_of_one_run_are_the_same_or_one_goes_on_or_they_differ() {
        let event = |number: u32| (Time(number.into()), started("a", number));
        let all: Vec<_> = (1..=3).map(event).collect();
        assert_eq!(compare(&all, &all[..2]), Standing::Same { more_here: 1 });
        assert_eq!(compare(&all[..1], &all), Standing::Ahead { more_there: 2 });
        assert_eq!(compare(&all, &[all[0].clone(), event(9)]), Standing::Differs { at: 2 });
    }
}
