//! Work trees beside git itself: twenty writers in a repository of 20,000 files.

use crate::support::large::Large;
use crate::support::{Running, TestRepo};
use crate::{again, cost};
use crew::domain::id::TaskId;
use crew::workspace::forecast::{Branch, Forecast};
use crew::workspace::worktree::{Order, Owner, Work, Worktree};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

const FILES: usize = 20_000;
const WRITERS: usize = 20;
/// How often each thing is done, in turn with what it is measured against.
const ROUNDS: usize = 7;

pub fn worktrees() {
    let large = Large::new(FILES, WRITERS);
    large.repo.write(".gitignore", "/.crew/\n");
    large.repo.commit("ignored");
    adding(&large.repo);
    keeping(&large.repo);
    large.workflow();
    writing(&large);
    forecast(&large.repo);
    answers(&large.repo);
    merging(&large.repo);
}

/// Prints the medians of two things that were done in turn, and how the first stands to the second.
fn beside(what: [&str; 2], mut took: [Vec<Duration>; 2]) {
    took.iter_mut().for_each(|times| times.sort());
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    let (ours, theirs) = (median(&took[0]), median(&took[1]));
    let span = |times: &[Duration]| {
        format!("{:.0}..{:.0}", times[0].as_secs_f64() * 1e3, times[times.len() - 1].as_secs_f64() * 1e3)
    };
    println!("{:30} {ours:>9.1} ms   {:>6.2}x   ({})", what[0], ours / theirs, span(&took[0]));
    println!("{:30} {theirs:>9.1} ms   {:>6.2}x   ({})", what[1], 1.0, span(&took[1]));
}

/// Does two things in turn, each so often, the other one first every other time.
fn in_turn(
    mut one: impl FnMut(usize) -> Duration,
    mut other: impl FnMut(usize) -> Duration,
) -> [Vec<Duration>; 2] {
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            took[0].push(one(round));
        }
        took[1].push(other(round));
        if round % 2 == 1 {
            took[0].push(one(round));
        }
    }
    took
}

fn timed(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

fn succeeds(mut command: Command) {
    let done = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().expect("it starts");
    assert!(done.success(), "{command:?}");
}

fn git_in(repo: &TestRepo, folder: &Path, args: &[&str]) {
    let mut git = repo.plain("git");
    git.current_dir(folder).args(args);
    succeeds(git);
}

fn owner(name: &str) -> Owner {
    Owner { run: "measured".into(), task: name.into() }
}

/// A work tree, made by the function by which a run makes it, beside `git worktree add`.
fn adding(repo: &TestRepo) {
    let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let folder = |name: String| repo.root.join(".crew/worktrees/measured").join(name);
    let ours = |round: usize| {
        let (path, branch) = (folder(format!("ours{round}")), format!("crew/measured/ours{round}"));
        let owner = owner(&format!("ours{round}"));
        let order = Order {
            repository: &repo.root,
            folder: &path,
            branch: &branch,
            base: &base,
            owner: &owner,
            behalf: None,
        };
        timed(|| drop(Worktree::add(&order).expect("a work tree")))
    };
    let gits = |round: usize| {
        let (path, branch) = (folder(format!("git{round}")), format!("plain/git{round}"));
        let path = path.display().to_string();
        timed(|| git_in(repo, &repo.root, &["worktree", "add", "-q", "-b", &branch, &path, &base]))
    };
    // What is read for the first time is slow for either.
    gits(ROUNDS);
    beside(["add a work tree", "git worktree add"], in_turn(ours, gits));
}

/// The commit of an attempt's work, by the function by which a run makes it, beside `git add -A && git commit`. Each
/// changes 12 files, makes 5 and takes one away, with words of its own.
fn keeping(repo: &TestRepo) {
    let base = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let folder = |name: &str| repo.root.join(".crew/worktrees/measured").join(name);
    let change = |folder: &Path, round: usize| {
        let put = |path: String| {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, format!("{} {round}\n", folder.display()).repeat(20)).expect("a file");
        };
        (0..12).for_each(|at| put(format!("src/{round:03}/{round:03}{at:02}.txt")));
        (0..5).for_each(|at| put(format!("made/{round}/{at}")));
        std::fs::remove_file(folder.join(format!("src/{round:03}/{round:03}99.txt"))).expect("it was there");
    };
    let (own, plain) = (folder("ours0"), folder("git0"));
    let message = "w: done\n\nCrew-Run: measured\nCrew-Task: ours0\nCrew-Attempt: 1\nCrew-Agent: a\n";
    let work = Work { message, base: &base, leave_out: &[], keep_ref: "refs/crew/keep/measured/ours0/1" };
    let ours = |round: usize| {
        change(&own, round);
        timed(|| {
            let tree = Worktree::open(&repo.root, &own, "crew/measured/ours0", &owner("ours0"));
            let kept = tree.expect("it is there").keep(&work).expect("it is kept");
            assert!(kept.is_new && kept.left.is_empty());
        })
    };
    let gits = |round: usize| {
        change(&plain, round);
        timed(|| {
            git_in(repo, &plain, &["add", "-A"]);
            git_in(repo, &plain, &["commit", "-q", "-m", message]);
        })
    };
    beside(["keep an attempt's work", "git add -A && git commit"], in_turn(ours, gits));
    for round in 0..ROUNDS {
        for name in [format!("ours{round}"), format!("git{round}")] {
            let path = folder(&name).display().to_string();
            repo.git(&["worktree", "remove", "--force", "--force", &path]);
        }
    }
}

/// The run itself, beside so many `git worktree add`, two at once, with as much memory as it takes.
fn writing(large: &Large) {
    let mut command = large.repo.command(large.words());
    let began = Instant::now();
    let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("crew starts");
    let mut running = Running::of(child);
    let mut peak = 0;
    while !running.has_ended() {
        peak = running.peak_memory().unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(20));
    }
    running.ends().exits(0);
    println!(
        "{WRITERS} writers at once               {:>9.1} ms   dispatcher {peak} KiB at most",
        began.elapsed().as_secs_f64() * 1e3
    );
}

fn base_of(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "main"]).trim().to_owned()
}

/// Each branch of the run with its tip.
fn branches(repo: &TestRepo) -> Vec<(String, String)> {
    let said = repo.git(&["for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/crew/"]);
    let pair = |line: &str| line.split_once(' ').map(|(name, tip)| (name.to_owned(), tip.to_owned()));
    let all = said.lines().filter_map(pair).filter(|(name, _)| !name.contains("/measured/"));
    all.collect()
}

/// What all branches will do to each other, beside git's own trial of each pair, all in one process.
fn forecast(repo: &TestRepo) {
    let base = base_of(repo);
    let tips = branches(repo);
    let live: Vec<Branch> = tips
        .iter()
        .map(|(name, tip)| {
            let task = name.rsplit('/').next().and_then(TaskId::parse).expect("a task");
            Branch { task, tip: tip.clone() }
        })
        .collect();
    let scratch = repo.beside("scratch");
    std::fs::create_dir_all(&scratch).expect("a folder");
    let mut found = 0;
    let ours = |_| {
        timed(|| {
            let unwanted = Arc::new(AtomicBool::new(false));
            let mut forecast = Forecast::new(&repo.root, &base, &scratch, unwanted).expect("a repository");
            found = forecast.clashes(&live).expect("a forecast").len();
        })
    };
    let pairs: String = (0..tips.len())
        .flat_map(|one| (one + 1..tips.len()).map(move |other| (one, other)))
        .map(|(one, other)| format!("{} {}\n", tips[one].1, tips[other].1))
        .collect();
    let asked = repo.beside("pairs");
    std::fs::write(&asked, pairs).expect("a file");
    let gits = |_| {
        let mut git = repo.plain("git");
        git.args(["merge-tree", "--write-tree", "--stdin", "-z"]);
        git.stdin(std::fs::File::open(&asked).expect("a file"));
        timed(|| succeeds(git))
    };
    beside(["forecast of all pairs", "git merge-tree of all pairs"], in_turn(ours, gits));
    println!("{} branches, {found} pairs touch the same files", tips.len());
}

/// What people ask while it is there.
fn answers(repo: &TestRepo) {
    for words in [
        &["status"][..],
        &["status", "last"],
        &["diff", "last"],
        &["diff", "last", "w3"],
        &["worktree", "list"],
        &["merge", "last", "--dry-run"],
        &["worktree", "prune", "--dry-run"],
    ] {
        let command = repo.command(words);
        let mut costs: Vec<_> = (0..3).map(|_| cost(&mut again(&command))).collect();
        costs.sort_by_key(|cost| cost.wall);
        let shown = format!("crew {}", words.join(" "));
        println!("{shown:30} {:>9.1} ms   exit {:?}", costs[1].wall.as_secs_f64() * 1e3, costs[1].exit);
    }
}

/// `crew merge` beside a loop of `git merge` over the same branches. Before each, everything is as it was: the branch,
/// the folder, the record, and the objects too, since what is there need not be written again.
fn merging(repo: &TestRepo) {
    let base = base_of(repo);
    let names: Vec<String> = branches(repo).into_iter().map(|(name, _)| name).collect();
    let record = |name: &str| -> Vec<PathBuf> {
        ["crew.db", "crew.db-wal", "crew.db-shm"].iter().map(|file| repo.root.join(name).join(file)).collect()
    };
    let copy = |from: &str, to: &str| {
        std::fs::create_dir_all(repo.root.join(to)).expect("a folder");
        for (from, to) in record(from).iter().zip(record(to)) {
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).expect("a copy");
            }
        }
    };
    copy(".crew", ".crew/before");
    let back = || {
        repo.git(&["reset", "-q", "--hard", &base]);
        repo.git(&["reflog", "expire", "--expire=now", "refs/heads/main", "HEAD"]);
        repo.git(&["prune", "--expire=now"]);
        repo.git(&["update-index", "-q", "--refresh"]);
        copy(".crew/before", ".crew");
    };
    let merge = repo.command(["merge", "last", "--quiet"]);
    let ours = |_| {
        back();
        timed(|| succeeds(again(&merge)))
    };
    let line = format!("for b in {}; do git merge -q --no-ff --no-edit $b || exit 1; done", names.join(" "));
    let gits = |_| {
        back();
        let mut shell = repo.plain("sh");
        shell.args(["-c", &line]);
        timed(|| succeeds(shell))
    };
    beside(["crew merge of twenty", "git merge of twenty in a loop"], in_turn(ours, gits));
}
