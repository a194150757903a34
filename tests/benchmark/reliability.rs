//! What it costs to look after many agents at once, to find what was interrupted, and to end it all.

use crate::support::{Running, TestRepo};
use crate::{again, command_task, made, side_by_side};
use crew::domain::event::{Event, ProcessId};
use crew::domain::id::{RunId, TaskId};
use crew::domain::run::RunStatus;
use crew::domain::time::Time;
use crew::store::database::{Applied, Store};
use crew::store::layout::Layout;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Agents at once.
const CROWD: usize = 200;
/// For how long the crowd is watched while nothing happens.
const WATCHED: Duration = Duration::from_secs(10);
/// Children of the run that is cancelled.
const CANCELLED: usize = 100;
/// Runs that a dead owner left.
const INTERRUPTED: u128 = 50;

pub fn reliability() {
    idle();
    cancel();
    interrupted();
}

/// 200 agents that do nothing: what the dispatcher holds and what it uses, beside `xargs -P 200`.
fn idle() {
    let (repo, crew) = crowd(CROWD, "sleep:60000 say:rested");
    let ours = resting(crew.pid());
    let shown = |name: &str, cost: &Resting| {
        let Resting { peak_kib, threads, share } = cost;
        println!("{name:16} {peak_kib:>8} KiB   {:>6.2} % of a core   {threads} threads", share * 100.0);
    };
    shown("crew, 200 idle", &ours);
    crew.signal(libc::SIGINT);
    crew.ends();
    drop(repo);
    let mut xargs = Command::new("sh");
    xargs.args(["-c", "seq 200 | exec xargs -P 200 -I{} sleep 60"]).process_group(0);
    let mut xargs = xargs.stdout(Stdio::null()).spawn().expect("xargs runs");
    std::thread::sleep(Duration::from_secs(2));
    let theirs = resting(xargs.id());
    shown("xargs -P 200", &theirs);
    println!("crew / xargs     {:>8.1} x memory", ours.peak_kib as f64 / theirs.peak_kib as f64);
    // SAFETY: a signal to a group that was made for this.
    unsafe { libc::kill(-(xargs.id() as i32), libc::SIGKILL) };
    let _ = xargs.wait();
}

/// Starts a run of agents that all work at once, and returns when they do.
fn crowd(count: usize, script: &str) -> (TestRepo, Running) {
    let repo = TestRepo::new();
    repo.agent("sleeper", script);
    let step = "role: explorer\nagent: sleeper\nsubmit: optional\n\nSleep.";
    repo.workflow("sleep", &crate::steps(count, |_| step.into()));
    let jobs = count.to_string();
    let crew = repo.start(["run", "g", "--workflow", "sleep", "--jobs", &jobs, "--quiet"]);
    let began = |repo: &TestRepo| {
        repo.events_so_far().iter().filter(|event| event["kind"] == "process_started").count()
    };
    while began(&repo) < count {
        std::thread::sleep(Duration::from_millis(200));
    }
    (repo, crew)
}

/// What a process that waits uses.
struct Resting {
    peak_kib: u64,
    threads: u64,
    /// Of one core, from 0.
    share: f64,
}

fn resting(pid: u32) -> Resting {
    let before = used(pid);
    std::thread::sleep(WATCHED);
    let share = (used(pid) - before).as_secs_f64() / WATCHED.as_secs_f64();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let number = |name: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(name));
        found.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
    };
    Resting { peak_kib: number("VmHWM:"), threads: number("Threads:"), share }
}

/// Returns the processor time of a process, without its children's (Linux; elsewhere nothing is known).
fn used(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    // The 14th and 15th of all fields, in hundredths of a second.
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// `crew cancel` of a run with 100 children, beside a signal to a shell with as many.
fn cancel() {
    let (repo, crew) = crowd(CANCELLED, "sleep:60000");
    let began = Instant::now();
    let done = repo.crew(["cancel", "last", "--reason", "measured"]);
    let ours = began.elapsed();
    crew.ends();
    let mut shell = Command::new("sh");
    shell.args(["-c", "for n in $(seq 100); do sleep 60 & done; wait"]).process_group(0);
    let mut shell = shell.spawn().expect("a shell");
    std::thread::sleep(Duration::from_secs(1));
    let began = Instant::now();
    // SAFETY: a signal to a group that was made for this.
    unsafe { libc::kill(-(shell.id() as i32), libc::SIGTERM) };
    shell.wait().expect("it ends");
    let theirs = began.elapsed();
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("cancel 100       {:>8.0} ms   exit {}", ours.as_secs_f64() * 1e3, done.exit);
    println!("kill of a group  {:>8.0} ms   crew takes {ratio:.1}x", theirs.as_secs_f64() * 1e3);
}

/// `crew status` where fifty runs were interrupted with an attempt at work, beside `git status`; and one look of who watches
/// them all, without the start of a program.
fn interrupted() {
    let repo = TestRepo::new();
    let mut store = Store::open(&Layout::of(&repo.root)).expect("a store");
    (0..INTERRUPTED).for_each(|number| leave(&mut store, number));
    let look = || {
        let began = Instant::now();
        let rows = store.runs(INTERRUPTED as usize).expect("runs");
        let states = rows.iter().map(|row| store.status(row).expect("a state"));
        assert!(states.filter(|state| *state == RunStatus::Interrupted).count() == INTERRUPTED as usize);
        began.elapsed()
    };
    let mut looks: Vec<Duration> = (0..101).map(|_| look()).collect();
    looks.sort();
    println!("a look at all 50 {:>8.2} ms   the slowest {:.2} ms", millis(looks[50]), millis(looks[100]));
    drop(store);
    let all = repo.command(["status", "-n", "50"]);
    let mut git = repo.plain("git");
    git.args(["status", "--porcelain"]);
    side_by_side(
        21,
        vec![
            ("git status", Box::new(move || again(&git))),
            ("50 interrupted", Box::new(move || again(&all))),
        ],
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Records a run of which the owner died while its one child worked.
fn leave(store: &mut Store, number: u128) {
    let at = Time(1_795_000_000_000 + number as i64);
    let task = TaskId::parse("work").expect("an id");
    let events = vec![made(), Event::TaskCreated { spec: command_task(&task) }];
    let id = RunId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let (mut run, _) = store.create_run(id, at, events).expect("a run");
    // No process has such a number.
    let process = ProcessId { pid: u32::MAX / 2, start: 1, boot: "another".into() };
    let left = [
        Event::DispatcherStarted { process: process.clone() },
        Event::AttemptStarted {
            task: task.clone(),
            attempt: 1,
            agent: "sh".into(),
            model: None,
            token_hash: String::new(),
            log: "logs/work.1.log".into(),
            folder: None,
        },
        Event::ProcessStarted { task, attempt: 1, process },
    ];
    let left = left.map(|event| Applied::to(&mut run, at, event).expect("legal"));
    store.append(&mut run, left.into(), &[]).expect("appended");
}
