//! How crew compares with other programs, measured side by side in one run: `cargo bench`, or `cargo bench -- submit`
//! for the parts whose name contains a word. Programs that are not on PATH are left out, and it says so.

mod metrics;
mod observing;
mod reliability;
mod reviews;
#[path = "../support/mod.rs"]
mod support;
mod worktrees;

use crew::conformance::script::{Act, Script};
use crew::conformance::server::ModelServer;
use crew::conformance::stage;
use crew::domain::event::{Event, Outcome, RunLimits};
use crew::domain::id::{RunId, TaskId};
use crew::domain::task::{TaskSpec, Work};
use crew::domain::time::Time;
use crew::runner::process;
use crew::store::database::{Applied, Store};
use crew::store::layout::Layout;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::crowd::Crowd;
use support::{CREW, TestRepo};

/// What a command took.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    rss_kib: u64,
    exit: Option<i32>,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let parts: [(&str, fn()); 13] = [
        ("null-tasks", null_tasks),
        ("fan-out", fan_out),
        ("scale", scale),
        ("start", start),
        ("status", status),
        ("submit", submit),
        ("hands", hands),
        ("agent", agent),
        ("worktrees", worktrees::worktrees),
        ("reliability", reliability::reliability),
        ("reviews", reviews::reviews),
        ("metrics", metrics::metrics),
        ("observing", observing::observing),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            println!("\n== {name}");
            part();
        }
    }
}

/// A name and what makes its command.
type Contestant = (&'static str, Box<dyn Fn() -> Command>);

/// Runs a command to its end with its output thrown away.
#[allow(clippy::zombie_processes, reason = "`reap` takes it away, and tells more than `wait`")]
fn cost(command: &mut Command) -> Cost {
    let began = Instant::now();
    let child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    process::await_end(child.id()).expect("it ends");
    let wall = began.elapsed();
    let ending = process::reap(child.id()).expect("it is reaped");
    Cost { wall, rss_kib: ending.max_rss_kib, exit: ending.exit }
}

fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.wall);
    costs[costs.len() / 2]
}

/// Measures several commands in turn, so that a busy moment meets them all, and prints each beside the first.
fn side_by_side(rounds: usize, contestants: Vec<Contestant>) -> Vec<Cost> {
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); contestants.len()];
    for _ in 0..rounds {
        for (at, (_, make)) in contestants.iter().enumerate() {
            costs[at].push(cost(&mut make()));
        }
    }
    let medians: Vec<Cost> = costs.into_iter().map(median).collect();
    for ((name, _), cost) in contestants.iter().zip(&medians) {
        let ratio = cost.wall.as_secs_f64() / medians[0].wall.as_secs_f64();
        println!(
            "{name:16} {:>10.2} ms   {ratio:>6.2}x   exit {:?}",
            cost.wall.as_secs_f64() * 1e3,
            cost.exit
        );
    }
    medians
}

fn is_there(program: &str) -> bool {
    let there = which::which(program).is_ok();
    if !there {
        println!("{program} is not on PATH; left out");
    }
    there
}

fn steps(count: usize, step: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(text, "## t{number}\n{}\n", step(number));
    }
    text
}

/// 1,000 independent tasks of `true`, two at once, everything recorded.
fn null_tasks() {
    let repo = TestRepo::new();
    repo.workflow("nothing", &steps(1000, |_| "run: true".into()));
    let names: Vec<String> = (0..1000).map(|number| format!("t{number}")).collect();
    let mut makefile = format!(".PHONY: all {0}\nall: {0}\n", names.join(" "));
    names.iter().for_each(|name| makefile.push_str(&format!("{name}:\n\t@true\n")));
    repo.write("Makefile", &makefile);
    repo.write("lines", &names.join("\n"));
    let root = repo.root.clone();
    let in_repo = move |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(&root).args(args);
        command
    };
    let shell = in_repo.clone();
    let mut contestants: Vec<Contestant> = vec![
        ("make -j2", Box::new(move || in_repo("make", &["-s", "-j2"]))),
        (
            "crew --jobs 2",
            Box::new({
                let command = repo.command(["run", "g", "--workflow", "nothing", "--jobs", "2", "--quiet"]);
                move || again(&command)
            }),
        ),
        (
            "xargs -P2",
            Box::new({
                let shell = shell.clone();
                move || shell("sh", &["-c", "xargs -P2 -n1 true < lines"])
            }),
        ),
    ];
    if is_there("parallel") {
        contestants
            .push(("parallel -j2", Box::new(move || shell("sh", &["-c", "parallel -j2 true {} < lines"]))));
    }
    side_by_side(5, contestants);
}

/// Makes a command once more, with the same program, arguments, folder and environment.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args()).env_clear();
    copy.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        copy.current_dir(folder);
    }
    copy
}

/// 200 agents of one second in 50 slots: four seconds is the least there can be.
fn fan_out() {
    let repo = TestRepo::new();
    repo.agent("sleeper", "sleep:1000 say:rested");
    let step = "role: explorer\nagent: sleeper\nsubmit: optional\n\nSleep.";
    repo.workflow("sleep", &steps(200, |_| step.into()));
    let command = repo.command(["run", "g", "--workflow", "sleep", "--jobs", "50", "--json"]);
    let began = Instant::now();
    let output = again(&command).output().expect("crew runs");
    let wall = began.elapsed();
    let run: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let tasks = run["tasks"].as_array().expect("tasks");
    let completed = tasks.iter().filter(|task| task["state"] == "completed").count();
    println!(
        "crew --jobs 50   {:>10.2} ms   {completed} of {} completed",
        wall.as_secs_f64() * 1e3,
        tasks.len()
    );
    if is_there("parallel") {
        let cost = cost(Command::new("sh").args(["-c", "seq 200 | parallel -j50 sleep 1 '#'"]));
        println!("parallel -j50    {:>10.2} ms", cost.wall.as_secs_f64() * 1e3);
    }
    if is_there("aid") {
        compare_aid();
    }
    if is_there("pueue") && is_there("pueued") {
        compare_pueue();
    }
}

/// The same with `aid`: 200 jobs in the background, then a wait for all. It has its own limit on jobs at once.
fn compare_aid() {
    let home = tempfile::tempdir().expect("a folder");
    let agents = home.path().join(".aid/agents");
    std::fs::create_dir_all(&agents).expect("a folder");
    let sleeper = home.path().join("sleeper");
    std::fs::write(&sleeper, "#!/bin/sh\nsleep 1\necho rested\n").expect("a script");
    std::fs::write(
        agents.join("sleeper.toml"),
        format!(
            "[agent]\nid = \"sleeper\"\ndisplay_name = \"Sleeper\"\ncommand = \"{}\"\nprompt_mode = \"arg\"\n\
             dir_flag = \"\"\nmodel_flag = \"\"\noutput_flag = \"\"\nfixed_args = []\nstreaming = false\n\
             output_format = \"text\"\nstrengths = []\n",
            sleeper.display()
        ),
    )
    .expect("an agent");
    let script = "chmod +x sleeper; git init -q . ; \
        for i in $(seq 200); do aid run sleeper \"rest a while please $i\" --bg >/dev/null 2>&1; done; \
        aid wait >/dev/null 2>&1; aid board --limit 500 --force 2>&1 | grep -c ' DONE '";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(home.path()).env("HOME", home.path());
    let began = Instant::now();
    let output = command.output().expect("aid runs");
    let wall = began.elapsed().as_secs_f64() * 1e3;
    let done = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    println!("aid --bg         {wall:>10.2} ms   {done} of 200 done");
}

/// The same with pueue: a daemon with 50 slots, then a wait for all.
fn compare_pueue() {
    let home = tempfile::tempdir().expect("a folder");
    let script = "pueued -d >/dev/null && sleep 1 && pueue parallel 50 >/dev/null && for i in $(seq 200); do pueue add sleep 1 >/dev/null; done && pueue wait >/dev/null; pueue status --json | grep -o '\"Success\"' | wc -l; pueue shutdown >/dev/null";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(home.path()).env("HOME", home.path());
    command.env("XDG_RUNTIME_DIR", home.path());
    let began = Instant::now();
    let output = command.output().expect("pueue runs");
    let succeeded = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    println!(
        "pueue parallel 50{:>10.2} ms   {succeeded} of 200 succeeded",
        began.elapsed().as_secs_f64() * 1e3
    );
}

/// What a task costs in a run of 10,000, beside one of 1,000.
fn scale() {
    let repo = TestRepo::new();
    let chain = |number: usize| match number {
        0 => "run: true".to_owned(),
        _ => format!("run: true\ndependsOn: t{}", number - 1),
    };
    for (shape, step) in [("fan-out", (|_| "run: true".to_owned()) as fn(usize) -> String), ("chain", chain)]
    {
        let mut per_task = Vec::new();
        for count in [1_000, 10_000] {
            repo.workflow("scale", &steps(count, step));
            let command = repo.command(["run", "g", "--workflow", "scale", "--jobs", "2", "--quiet"]);
            let cost = cost(&mut again(&command));
            let each = cost.wall.as_secs_f64() * 1e6 / count as f64;
            println!(
                "{shape:8} {count:>6} tasks   {each:>8.0} us a task   {:>6} KiB   exit {:?}",
                cost.rss_kib, cost.exit
            );
            per_task.push(each);
        }
        println!("{shape:8} 10,000 beside 1,000: {:.2}x a task", per_task[1] / per_task[0]);
    }
}

/// How long the program takes to come up.
fn start() {
    side_by_side(
        101,
        vec![
            ("true", Box::new(|| Command::new("true"))),
            (
                "crew --version",
                Box::new(|| {
                    let mut command = Command::new(CREW);
                    command.arg("--version");
                    command
                }),
            ),
        ],
    );
}

/// `crew status` on 1,000 runs with 100,000 events.
fn status() {
    let repo = TestRepo::new();
    let mut store = Store::open(&Layout::of(&repo.root)).expect("a store");
    for number in 0..1000 {
        fill(&mut store, number);
    }
    drop(store);
    let list = repo.command(["status"]);
    let one = repo.command(["status", "last"]);
    let everything = repo.command(["status", "-n", "1000"]);
    side_by_side(
        21,
        vec![
            ("true", Box::new(|| Command::new("true"))),
            ("status", Box::new(move || again(&list))),
            ("status last", Box::new(move || again(&one))),
            ("status -n 1000", Box::new(move || again(&everything))),
        ],
    );
}

/// Records a run of 33 tasks: 100 events.
fn fill(store: &mut Store, number: u128) {
    let at = Time(1_795_000_000_000 + number as i64);
    let mut events = vec![made()];
    let ids: Vec<TaskId> = (0..33).map(|task| TaskId::parse(&format!("t{task}")).expect("an id")).collect();
    events.extend(ids.iter().map(|id| Event::TaskCreated { spec: command_task(id) }));
    let id = RunId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let (mut run, _) = store.create_run(id, at, events).expect("a run");
    let mut batch = Vec::new();
    for id in &ids {
        let log = format!("logs/{id}.1.log");
        let (task, agent) = (id.clone(), "sh".to_owned());
        let started = Event::AttemptStarted {
            task,
            attempt: 1,
            agent,
            model: None,
            token_hash: String::new(),
            log,
            folder: None,
        };
        batch.push(Applied::to(&mut run, at, started).expect("legal"));
        let ended = Event::AttemptEnded {
            task: id.clone(),
            attempt: 1,
            outcome: Outcome::Succeeded,
            error_kind: None,
            reason: String::new(),
            ending: Default::default(),
            usage: Default::default(),
            summary: String::new(),
            limited: None,
            again: None,
            not_again: None,
            unkept: String::new(),
        };
        batch.push(Applied::to(&mut run, at, ended).expect("legal"));
    }
    store.append(&mut run, batch, &[]).expect("appended");
}

/// What begins a run of commands.
fn made() -> Event {
    Event::RunCreated {
        goal: "a goal".into(),
        team: "default".into(),
        workflow: "default".into(),
        limits: RunLimits { jobs: 2, ..RunLimits::default() },
        personas: Default::default(),
        vars: Default::default(),
        roster: vec![],
        base: None,
        review: None,
        caller: None,
        crew_version: "0".into(),
    }
}

fn command_task(id: &TaskId) -> TaskSpec {
    TaskSpec::plain(id.clone(), Work::Command { run: "true".into() })
}

/// From an agent's `crew submit` to its answer, the start of the program included.
fn submit() {
    let repo = TestRepo::new();
    repo.write(
        "agent.sh",
        "for i in 1 2 3 4 5 6 7 8 9 10; do a=$(date +%s%N)\n\
         crew submit result --summary s --confidence 1 --rationale r --no-change-reason n >/dev/null\n\
         b=$(date +%s%N); echo $(( (b - a) / 1000 )); done\n",
    );
    let settings = serde_json::json!({"agents": {"shell": {"command": "sh agent.sh", "writes": true}}});
    std::fs::create_dir_all(repo.home.join(".config/crew")).expect("a folder");
    std::fs::write(repo.home.join(".config/crew/config.json"), settings.to_string()).expect("settings");
    repo.workflow("one", "## work\nrole: explorer\nagent: shell\n\nSubmit.");
    repo.crew(["run", "g", "--workflow", "one", "--quiet"]).exits(0);
    let mut micros: Vec<u64> = repo.log("work", 1).lines().filter_map(|line| line.parse().ok()).collect();
    micros.sort_unstable();
    println!(
        "submit to answer: median {:.1} ms, slowest {:.1} ms of {}",
        micros[micros.len() / 2] as f64 / 1e3,
        *micros.last().expect("one") as f64 / 1e3,
        micros.len()
    );
}

/// 64 processes at once hand in 10,000 requests to a run of 500 tasks that works meanwhile; one in twenty is killed at a
/// random moment. Each request is a `crew submit` of its own, so starting it is part of its time.
fn hands() {
    let repo = TestRepo::new();
    let crowd =
        Crowd { tasks: 500, open_at_once: 16, hands: 64, each: 20, kill_one_of: 20, owner_dies: false };
    let (account, ran) = crowd.carry_out(&repo, |running| running);
    let (wall, answered) = (account.wall.as_secs_f64(), account.took.len());
    println!(
        "crew submit x 64 {:>6.1} s   {:.0} requests/s   median {:.0} ms, p99 {:.0} ms   run: exit {}",
        wall,
        account.requests as f64 / wall,
        account.quantile(0.5).as_secs_f64() * 1e3,
        account.quantile(0.99).as_secs_f64() * 1e3,
        ran.exit,
    );
    println!(
        "{} requests: {answered} answered {:?}, {} killed of which {} left no trace; {} submissions recorded, {} files left",
        account.requests,
        account.told,
        account.killed,
        account.killed_without_trace,
        account.accepted_events,
        account.left_in_inbox,
    );
    println!("lost or doubled: {}", account.wrong.len());
    account.wrong.iter().for_each(|wrong| println!("  {wrong}"));
}

/// Three tasks, one after the other, by Pi: beside three calls of Pi without crew that have as much to do. The model is a
/// scripted one on loopback. Pi is looked for where `.ci/agents` puts it, then on PATH.
fn agent() {
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/agents");
    let folder =
        std::env::var_os("CREW_TEST_AGENTS").map_or(installed, PathBuf::from).join("node_modules/.bin");
    let path = std::env::join_paths(
        std::iter::once(folder).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    )
    .expect("a PATH");
    if which::which_in("pi", Some(&path), ".").is_err() {
        println!("pi is not installed; left out (.ci/agents installs it)");
        return;
    }
    let repo = TestRepo::new();
    let server = Arc::new(ModelServer::start(Script::default()).expect("a model server"));
    let stage = stage::set("pi", &repo.home, &server.url()).expect("a home for pi");
    let model = stage.model.expect("a model");
    let step = |number: usize| match number {
        0 => "role: executor\n\nDo it.".to_owned(),
        _ => format!("role: executor\ndependsOn: t{}\n\nDo it.", number - 1),
    };
    repo.workflow("three", &steps(3, step));
    let play = |command: &'static str| {
        let server = server.clone();
        move || {
            let turns = (0..3).flat_map(|_| [Act::Shell(command.to_owned()), Act::Say("Done.".to_owned())]);
            server.play(Script::of(turns));
        }
    };
    let staged = |mut command: Command| {
        command.envs(stage.env.iter().cloned()).env("PATH", &path);
        command
    };
    let call =
        format!("pi --mode json --tools read,grep,find,ls,bash,edit,write --model {model} -p 'Do it.'");
    let mut direct = repo.plain("/bin/sh");
    direct.args(["-c", &format!("{call} && {call} && {call}")]);
    let direct = staged(direct);
    let words = ["run", "g", "--workflow", "three", "--agent", "pi", "--model", &model, "--quiet"];
    let through_crew = staged(repo.command(words));
    let (as_usual, handing_in) = (
        play("true"),
        play("crew submit result --summary done --confidence 1 --rationale r --no-change-reason n"),
    );
    let contestants: Vec<Contestant> = vec![
        (
            "3 x pi -p",
            Box::new(move || {
                as_usual();
                again(&direct)
            }),
        ),
        (
            "crew, 3 x pi",
            Box::new(move || {
                handing_in();
                again(&through_crew)
            }),
        ),
    ];
    side_by_side(5, contestants);
}
