//! crew or a git of its own is killed in the middle of what it does with work: the same command again brings the same
//! end, nothing is lost, and the user's folder never shows a trace.

use crate::merging;
use crate::support::{TestRepo, of_kind, run_command, start_command, wait_until};
use crate::worktrees::{branch, run, steps};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A git that notes its calls, and at one of them kills crew, or is killed.
pub struct DeadlyGit {
    folder: PathBuf,
    count: PathBuf,
    calls: PathBuf,
}

/// Who is killed when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// crew, while git goes on with what it was asked for.
    Crew,
    /// git, before it has done anything.
    Git,
    /// crew, before it hears that git is done.
    CrewAfter,
}

/// What becomes of files and references by a call; anything else only reads, or writes objects that nothing holds yet.
const MOVES: &[&str] = &[
    "update-ref",
    "worktree add",
    "worktree remove",
    "read-tree",
    "symbolic-ref -m",
    "reset",
    "checkout-index",
];
/// What writes objects, or an index of crew's own.
const MAKES: &[&str] = &["add", "write-tree", "commit-tree", "merge-tree", "update-index", "fetch"];

impl DeadlyGit {
    pub fn new(repo: &TestRepo) -> DeadlyGit {
        let folder = repo.beside("deadly");
        let script = r#"#!/bin/sh
read -r n <"$COUNT"
n=$((n + 1))
echo "$n" >"$COUNT"
printf '%s\036' "$@" >>"$CALLS"
echo >>"$CALLS"
if [ "$n" = "$AT" ]; then
  case "$WHO" in
    Crew) kill -9 "$PPID" ;;
    Git) kill -9 $$ ;;
    CrewAfter) REAL "$@"; kill -9 "$PPID"; exit ;;
  esac
fi
exec REAL "$@"
"#;
        let found = ["/usr/local/bin/git", "/usr/bin/git"].into_iter().find(|path| Path::new(path).exists());
        let script = script.replace("REAL", found.expect("git"));
        std::fs::create_dir_all(&folder).expect("a folder");
        // A shell writes it, so that no test that forks meanwhile holds it open.
        let mut command = repo.plain("/bin/sh");
        command
            .args(["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(folder.join("git"))
            .arg(script);
        assert!(command.status().expect("a shell").success());
        DeadlyGit { folder, count: repo.beside("count"), calls: repo.beside("calls") }
    }

    pub fn command(&self, repo: &TestRepo, args: &[&str], who: Who, at: usize) -> Command {
        std::fs::write(&self.count, "0\n").expect("a count");
        std::fs::write(&self.calls, "").expect("a list");
        let mut command = repo.command(args);
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", self.folder.display()));
        command.env("COUNT", &self.count).env("CALLS", &self.calls);
        command.env("AT", at.to_string()).env("WHO", format!("{who:?}"));
        one_call_after_the_other(&mut command);
        command
    }

    /// Carries a command out with nobody killed, and returns what git was asked for, each without names and ids.
    pub fn calls(&self, repo: &TestRepo, args: &[&str]) -> Vec<String> {
        run_command(self.command(repo, args, Who::Git, 0)).exits(0);
        let calls = std::fs::read_to_string(&self.calls).expect("a list");
        calls.split("\u{1e}\n").filter(|call| !call.is_empty()).map(in_short).collect()
    }
}

/// Has a crew look at one work tree after the other, as on a machine with one processor: its calls can be counted then.
#[cfg(target_os = "linux")]
fn one_call_after_the_other(command: &mut Command) {
    // SAFETY: an all-zero set is an empty one; both calls may be made between fork and exec, and read and write what is
    // ours alone.
    unsafe {
        command.pre_exec(|| {
            let mut all: libc::cpu_set_t = std::mem::zeroed();
            let size = size_of::<libc::cpu_set_t>();
            if libc::sched_getaffinity(0, size, &raw mut all) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &all)).unwrap_or(0);
            let mut one: libc::cpu_set_t = std::mem::zeroed();
            libc::CPU_SET(first, &mut one);
            match libc::sched_setaffinity(0, size, &raw const one) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn one_call_after_the_other(_: &mut Command) {}

/// Leaves of a call of git what it does, and to what kind of thing.
fn in_short(call: &str) -> String {
    let mut words = call.split('\u{1e}');
    let mut short = String::new();
    while let Some(word) = words.next() {
        if ["-C", "-c"].contains(&word) {
            words.next();
        } else if short.is_empty() {
            short.push_str(word);
        } else if word.starts_with("refs/") {
            short.extend(word.splitn(4, '/').take(3).flat_map(|part| [" ", part]));
        } else if word.starts_with('-') || ["add", "remove"].contains(&word) {
            short.push(' ');
            short.push_str(word.split('=').next().unwrap_or_default());
        }
    }
    short
}

/// Chooses, of each kind of call that moves a reference or files, the first and the last one, and the call that follows,
/// by which crew has written down what it knows; of each that only makes objects, the first one.
pub fn moments(calls: &[String]) -> Vec<(Who, usize)> {
    let mut chosen = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        let does = |kinds: &[&str]| kinds.iter().any(|kind| call.starts_with(kind));
        let (is_first, is_last) = (!calls[..place].contains(call), !calls[place + 1..].contains(call));
        if does(MOVES) && is_first {
            chosen.extend([Who::Crew, Who::Git, Who::CrewAfter].map(|who| (who, place + 1)));
        } else if does(MOVES) && is_last {
            chosen.extend([(Who::CrewAfter, place + 1), (Who::Crew, place + 2)]);
        } else if does(MAKES) && is_first {
            // All that is behind it is as if it had not been.
            chosen.push((if call.starts_with("commit-tree") { Who::CrewAfter } else { Who::Git }, place + 1));
        }
    }
    chosen.retain(|(_, at)| *at <= calls.len());
    chosen.sort_by_key(|(who, at)| (*at, format!("{who:?}")));
    chosen.dedup();
    chosen
}

/// Makes one folder what another one is.
pub fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(copied.success());
}

/// Carries out a command on the same repository again and again, each time with a kill at another moment, and then once
/// more with none. `end` tells what there has to be in the end, as the command has brought it about undisturbed.
fn kill_at_every_step(repo: &TestRepo, args: &[&str], least: usize, end: impl Fn(&TestRepo) -> Vec<String>) {
    let git = DeadlyGit::new(repo);
    let saved = repo.beside("saved");
    copy(&repo.root, &saved);
    let calls = git.calls(repo, args);
    let wanted = end(repo);
    let moments = moments(&calls);
    assert!(moments.len() >= least, "{} moments of {calls:#?}", moments.len());
    for (who, at) in moments {
        let about = format!("{who:?} is killed at call {at}, `{}`", calls[at - 1]);
        copy(&saved, &repo.root);
        let killed = run_command(git.command(repo, args, who, at));
        assert!(who == Who::Git || killed.exit == -1, "{about}: {killed:?}");
        // What git goes on with when its crew is dead ends by itself.
        repo.leaves_no_process();
        let again = repo.crew(args);
        assert_eq!(again.exit, 0, "{about}: {again:?}");
        assert_eq!(end(repo), wanted, "{about}");
        assert_no_trace(repo, &about);
    }
    repo.git(&["fsck", "--strict", "--no-dangling"]);
}

/// No lock and nothing half made is left where git would stumble over it.
#[track_caller]
pub fn assert_no_trace(repo: &TestRepo, about: &str) {
    let mut folders = vec![repo.root.join(".git")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_left = name.starts_with("crew-index-") || name.starts_with("crew-merge");
            let is_stray = name.ends_with(".lock") || is_left;
            assert!(!is_stray, "{about}: {}", entry.path().display());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && name != "objects" {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn whoever_is_killed_while_work_is_merged_the_same_command_again_brings_the_same_end() {
    let repo = merging::repo();
    merging::three(&repo);
    repo.write("mine", "untracked\n");
    repo.write("staged", "s\n");
    repo.git(&["add", "staged"]);
    kill_at_every_step(&repo, &["merge", "last", "--no-verify"], 12, |repo| {
        let begun = repo.kinds();
        vec![
            repo.git(&["rev-parse", "main^{tree}"]),
            repo.git(&["log", "--first-parent", "--format=%s", "main"]),
            repo.git(&["status", "--porcelain"]),
            // What was found in the folder while it was put right may be held too.
            repo.git(&["for-each-ref", "--format=%(refname)", "refs/heads"]),
            begun.iter().filter(|kind| *kind == "work_merged").count().to_string(),
        ]
    });
    merging::is_clean(&repo);
}

#[test]
fn a_merge_that_was_cut_off_is_told_of_by_whoever_looks_and_no_run_begins_on_it() {
    let repo = merging::repo();
    merging::three(&repo);
    let (git, saved, args) = (DeadlyGit::new(&repo), repo.beside("saved"), ["merge", "last", "--no-verify"]);
    copy(&repo.root, &saved);
    let calls = git.calls(&repo, &args);
    let at = calls.iter().position(|call| call == "read-tree -m -u").expect("the folder is moved") + 1;
    copy(&saved, &repo.root);
    let killed = run_command(git.command(&repo, &args, Who::CrewAfter, at));
    assert!(killed.exit == -1 && repo.git(&["status", "--porcelain"]).contains("READ.md"), "{killed:?}");
    let id =
        repo.crew(["status", "last", "--json"]).exits(0).json()["id"].as_str().expect("an id").to_owned();
    let command = format!("crew merge {}", &id[..3]);
    for (looks, exit) in [
        (&["status"][..], 0),
        (&["status", "last"], 0),
        (&["diff", "last", "--stat"], 0),
        (&["merge", "last", "--dry-run"], 4),
        (&["doctor"], 1),
        (&["run", "g", "--workflow", "three", "--worktree"], 4),
        (&["run", "g", "--workflow", "three", "--worktree", "--include-dirty"], 4),
    ] {
        let ran = repo.crew(looks).exits(exit);
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("was cut off"), "{looks:?}: {said}");
        assert!(
            looks[0] == "merge" || said.contains(&format!("{command} puts it right")),
            "{looks:?}: {said}"
        );
    }
    // While somebody moves a branch, nothing is cut off.
    let alone = std::fs::File::open(repo.root.join(".git")).expect("a folder");
    alone.lock().expect("a lock");
    assert!(!repo.crew(["status", "last"]).exits(0).err.contains("cut off"));
    drop(alone);
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    repo.crew(words).exits(0);
    assert!(!repo.crew(["doctor"]).out.contains("cut off"));
    repo.crew(["run", "g", "--workflow", "three", "--worktree", "--dry-run"]).exits(0);
    merging::is_clean(&repo);
}

#[test]
fn whoever_is_killed_while_a_folder_is_removed_all_of_its_work_is_held_once() {
    let repo = merging::repo();
    let id = merging::three(&repo);
    let folder = repo.root.join(".crew/worktrees").join(&id).join("a");
    std::fs::write(folder.join("late"), "late\n").expect("a file");
    repo.write("mine", "untracked\n");
    kill_at_every_step(&repo, &["worktree", "remove", "last", "a", "--branch", "--force"], 10, |repo| {
        let kept = format!("refs/crew/keep/{id}/a/1");
        vec![
            repo.git(&["for-each-ref", "--format=%(refname)"]),
            repo.git(&["show", &format!("{kept}:late"), &format!("{kept}:a")]),
            repo.git(&["worktree", "list", "--porcelain"]),
            repo.git(&["status", "--porcelain"]),
            folder.exists().to_string(),
        ]
    });
}

#[test]
fn whoever_is_killed_while_prune_tidies_up_the_next_one_finishes_it() {
    let repo = merging::repo();
    let id = merging::three(&repo);
    repo.crew(["merge", "last", "a", "--no-verify"]).exits(0);
    repo.write("mine", "untracked\n");
    kill_at_every_step(&repo, &["worktree", "prune", "--yes"], 6, |repo| {
        vec![
            repo.git(&["for-each-ref"]),
            repo.git(&["worktree", "list", "--porcelain"]),
            repo.git(&["show", &format!("crew/{id}/b:b")]),
            repo.git(&["status", "--porcelain"]),
        ]
    });
}

#[test]
fn whoever_is_killed_while_work_is_restored_it_can_be_restored_again() {
    let repo = merging::repo();
    let id = merging::three(&repo);
    let folder = repo.root.join(".crew/worktrees").join(&id).join("a");
    std::fs::write(folder.join("late"), "late\n").expect("a file");
    repo.crew(["worktree", "remove", "last", "a"]).exits(0);
    let kept = format!("refs/crew/keep/{id}/a/1");
    kill_at_every_step(&repo, &["restore", &kept], 3, |repo| {
        vec![repo.git(&["for-each-ref"]), repo.git(&["status", "--porcelain"])]
    });
    let to = repo.root.join("back");
    kill_at_every_step(&repo, &["restore", &kept, "--to", "back"], 3, |repo| {
        let mut names: Vec<String> = std::fs::read_dir(&to)
            .expect("a folder")
            .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names.extend([repo.git(&["for-each-ref"]), repo.git(&["status", "--porcelain"])]);
        names
    });
}

/// Two runs in one repository, each with a task that changes a file of its own and a line of one file.
fn two_runs(repo: &TestRepo) -> [String; 2] {
    ["one", "two"].map(|name| {
        let line = if name == "one" { "1" } else { "9" };
        steps(repo, name, &[(name, "", &format!("sed -i s/{line}/{name}/ lines; echo {name} >{name}"))]);
        run(repo, name, 0)["run"].as_str().expect("an id").to_owned()
    })
}

#[test]
fn two_merges_into_one_branch_at_once_bring_both() {
    let repo = merging::repo();
    let [one, two] = two_runs(&repo);
    let (gate, ready) = (repo.gate("wait"), repo.beside("ready"));
    let waits = format!(
        "merge.verify=[\"touch {}; while test -e {}; do sleep 0.05; done\"]",
        ready.display(),
        gate.display()
    );
    let first = start_command(repo.command(["merge", &one, "--set", &waits]));
    wait_until("the first one checks what it has merged", || ready.exists());
    repo.crew(["merge", &two, "--no-verify"]).exits(0);
    repo.open("wait");
    let said = first.ends().exits(0).err;
    assert!(said.contains("main has been moved meanwhile"), "{said}");
    both_are_there(&repo);
}

#[test]
fn many_merges_that_race_each_other_bring_all_of_it_or_say_what_to_do() {
    let repo = merging::repo();
    let runs = two_runs(&repo);
    let racing = runs.clone().map(|run| start_command(repo.command(["merge", &run, "--no-verify"])));
    for merge in racing {
        let ran = merge.ends();
        assert!([0, 4].contains(&ran.exit), "{ran:?}");
        assert!(ran.exit == 0 || ran.err.contains("hint: "), "{ran:?}");
    }
    for run in &runs {
        repo.crew(["merge", run, "--no-verify"]).exits(0);
    }
    both_are_there(&repo);
}

#[track_caller]
fn both_are_there(repo: &TestRepo) {
    for name in ["one", "two"] {
        assert_eq!(repo.git(&["show", &format!("main:{name}")]), format!("{name}\n"));
        assert_eq!(std::fs::read_to_string(repo.root.join(name)).expect(name), format!("{name}\n"));
    }
    assert_eq!(repo.git(&["show", "main:lines"]), "one\n2\n3\n4\n5\n6\n7\n8\ntwo\n");
    assert_no_trace(repo, "two merges");
    merging::is_clean(repo);
    assert_eq!(repo.git(&["status", "--porcelain"]), "");
}

#[test]
fn the_work_of_one_run_is_merged_while_another_is_at_work() {
    let repo = merging::repo();
    let (gate, ready) = (repo.gate("wait"), repo.beside("ready"));
    steps(&repo, "done", &[("done", "", "echo d >d")]);
    let done = run(&repo, "done", 0)["run"].as_str().expect("an id").to_owned();
    let waits = format!(
        "touch {}; while test -e {}; do sleep 0.05; done; echo s >s",
        ready.display(),
        gate.display()
    );
    steps(&repo, "slow", &[("before", "", &waits), ("after", "before", "test -f s; echo a >a")]);
    let slow =
        start_command(repo.command(["run", "g", "--workflow", "slow", "--worktree", "--json", "--quiet"]));
    wait_until("the other run is at work", || ready.exists());
    repo.crew(["merge", &done]).exits(0);
    repo.crew(["worktree", "prune", "--yes"]).exits(0);
    repo.git(&["gc", "-q", "--prune=now"]);
    repo.open("wait");
    slow.ends().exits(0);
    let events = repo.events();
    assert_eq!(of_kind(&events, "work_kept").len(), 2);
    assert!(!repo.git(&["ls-tree", "--name-only", &branch(&repo, "after")]).lines().any(|name| name == "d"));
    repo.crew(["merge", "last"]).exits(0);
    for name in ["d", "s", "a"] {
        assert_eq!(std::fs::read_to_string(repo.root.join(name)).expect(name), format!("{name}\n"));
    }
    merging::is_clean(&repo);
}
