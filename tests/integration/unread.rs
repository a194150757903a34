//! Nobody reads what crew prints, or nobody can any more: the run goes on all the same.

use crate::support::{Running, Sweep, TestRepo, wait_until};
use serde_json::json;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Stdio;

/// How many things the agent says in a row: more than lines wait for a reader.
const SAID: usize = 4_500;

/// A run whose agent says a lot, and a step after it.
fn talkative(repo: &TestRepo) {
    let lines = format!(
        "i=0; while [ $i -lt {SAID} ]; do i=$((i+1)); echo \"{{\\\"crew\\\":\\\"waiting\\\",\\\"reason\\\":\\\"turn $i of a long talk\\\"}}\"; done\n\
         crew submit noop --reason none; echo '{{\"crew\":\"end\",\"ok\":true}}'"
    );
    repo.program("talks", &lines);
    let command = repo.programs().join("talks");
    repo.set("agents", "talks", json!({"command": command, "output": "crew", "writes": true}));
    repo.workflow(
        "w",
        "## talk\nrole: executor\nagent: talks\n\nDo it.\n\n## last\nrun: touch last\ndependsOn: talk\n",
    );
}

/// Makes a pipe that is full already.
fn full_pipe() -> (std::fs::File, OwnedFd, usize) {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    let switch = |on: i32| {
        // SAFETY: both only concern a descriptor that is ours.
        unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, if on == 1 { libc::O_NONBLOCK } else { 0 }) };
    };
    switch(1);
    let mut file = std::fs::File::from(writer.try_clone().expect("a copy"));
    let mut filled = 0;
    while let Ok(written) = file.write(&[b'.'; 4_096]) {
        filled += written;
    }
    switch(0);
    (reader.into(), writer, filled)
}

#[test]
fn a_run_goes_on_although_nobody_reads_what_is_told_of_it() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    talkative(&repo);
    let (mut reader, writer, filled) = full_pipe();
    let mut command = repo.command(["run", "the goal", "--workflow", "w"]);
    let child = command.stdout(Stdio::piped()).stderr(writer).spawn().expect("crew starts");
    drop(command);
    let running = Running::of(child);
    let status = || repo.crew(["status", "last", "--json"]);
    wait_until("the run has completed", || status().exit == 0 && status().json()["status"] == "completed");
    let (told, ended) = std::thread::scope(|scope| {
        let told = scope.spawn(move || {
            let mut told = Vec::new();
            reader.read_to_end(&mut told).expect("a pipe");
            String::from_utf8_lossy(&told[filled..]).into_owned()
        });
        let ended = running.ends();
        (told.join().expect("it is read"), ended.exits(0))
    });
    let left_out = told.lines().find(|line| line.contains("lines left out: nobody read them"));
    let number: usize = left_out
        .and_then(|line| line.trim_start_matches('(').split(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{} bytes: {}", told.len(), &told[told.len().saturating_sub(2_000)..]));
    let turns: Vec<usize> = (told.lines())
        .filter_map(|line| line.split_once("reason=\"turn ")?.1.split(' ').next()?.parse().ok())
        .collect();
    assert!(turns.windows(2).all(|pair| pair[0] < pair[1]), "in their order");
    assert_eq!(turns[..10], (1..=10).collect::<Vec<_>>());
    assert!(number > 1_000 && number + turns.len() >= SAID, "{number} and {}", turns.len());
    assert!(told.lines().last().is_some_and(|last| last.starts_with("next  crew ")), "the report is whole");
    assert!(ended.out.contains("completed in "), "{}", ended.out);
}

#[test]
fn a_run_goes_on_although_nobody_can_read_any_more() {
    let repo = TestRepo::new();
    let _sweep = Sweep(&repo);
    repo.workflow("w", "## a\nrun: true\n\n## b\nrun: touch b\ndependsOn: a\n");
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    drop(reader);
    let mut command = repo.command(["run", "the goal", "--workflow", "w"]);
    let child =
        command.stdout(writer.try_clone().expect("a copy")).stderr(writer).spawn().expect("crew starts");
    Running::of(child).ends().exits(0);
    assert!(repo.root.join("b").exists());
    // A disk that is full is something else: whoever wanted the data does not have it.
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let mut command = repo.command(["run", "the goal", "--workflow", "w", "--json"]);
        let child = command.stdout(full).stderr(Stdio::piped()).spawn().expect("crew starts");
        assert!(Running::of(child).ends().exits(1).err.contains("print the result"));
    }
}
