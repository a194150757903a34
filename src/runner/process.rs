//! Processes as the system knows them: how one is told from another with the same pid, signalled and waited for.
//!
//! What differs between Linux and macOS about that stands here; where only Linux tells something, that is said with it.

use super::environment::read_variables;
use super::marks;
use crate::domain::event::{Ending, ProcessId};
use crate::domain::recovery::{Sight, Stat};
use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Asks a process group to end (`SIGTERM`, or `SIGINT` as ctrl-C does) or ends it (`SIGKILL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupSignal {
    End,
    Interrupt,
    Kill,
}

impl GroupSignal {
    fn of_system(self) -> rustix::process::Signal {
        match self {
            GroupSignal::End => rustix::process::Signal::TERM,
            GroupSignal::Interrupt => rustix::process::Signal::INT,
            GroupSignal::Kill => rustix::process::Signal::KILL,
        }
    }
}

/// Sends a signal to a whole process group. A group that is gone is no error.
pub fn signal_group(leader: u32, signal: GroupSignal) {
    if let Some(group) = group_of(leader) {
        // ESRCH: all of it has ended. EPERM (macOS): only zombies are left.
        let _ = rustix::process::kill_process_group(group, signal.of_system());
    }
}

/// Tells whether any process of a group is left. The group's own zombies count.
pub fn group_exists(leader: u32) -> bool {
    group_of(leader).is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
}

/// Takes away the ended children of ours that belong to a group, so that they no longer count as its members.
pub fn reap_group(leader: u32) {
    let Some(group) = group_of(leader) else { return };
    while let Ok(Some(_)) = rustix::process::waitpgid(group, rustix::process::WaitOptions::NOHANG) {}
}

/// Makes orphans below us our children, so that we can take them away, and nobody else has to.
#[cfg(target_os = "linux")]
pub fn adopt_orphans() {
    // Whoever starts us in its own place leaves us its children, and then an orphan may be of one of those.
    CAME_WITH_CHILDREN.get_or_init(|| our_orphans().is_none_or(|children| !children.is_empty()));
    // An old kernel says no; then the system's first process takes them away.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Does nothing: only Linux can.
#[cfg(not(target_os = "linux"))]
pub fn adopt_orphans() {}

/// There were children of ours before we had started any.
static CAME_WITH_CHILDREN: std::sync::OnceLock<bool> = std::sync::OnceLock::new();

/// Among which processes those with a mark are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Among {
    /// All of the machine's: for what a dead crew process has left.
    Everybody,
    /// The orphans that have come to us: what left its group has lost its parent by then.
    OurOrphans,
}

/// Returns the living processes that were given all variables of one of these sets, our own left out. Linux tells of
/// processes that have left their group; elsewhere there is no way to know them.
fn marked(sets: &[&[String]], among: Among) -> Vec<u32> {
    let orphans = if among == Among::OurOrphans { our_orphans() } else { None };
    let candidates = orphans.unwrap_or_else(everybody).into_iter();
    candidates.filter(|pid| *pid != std::process::id() && has_variables(*pid, sets)).collect()
}

/// Returns the orphans that were given to us; `None` where the system does not list them. Children that a slot's
/// thread has started are that thread's; an orphan goes to the first thread.
fn our_orphans() -> Option<Vec<u32>> {
    let ourselves = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/self/task/{ourselves}/children")).ok()?;
    Some(children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

/// Tells whether the system lets us see who else is at work, and what for. Only Linux does, where `/proc` is mounted.
pub fn are_visible() -> bool {
    everybody().contains(&std::process::id())
}

/// Returns the living orphans that have come to us and that we may end, with a mark or without. The caller has no child
/// of its own.
fn strangers() -> Vec<u32> {
    if CAME_WITH_CHILDREN.get().copied().unwrap_or(true) {
        return Vec::new();
    }
    let may_end = |pid: &u32| {
        let known = rustix::process::Pid::from_raw(*pid as i32);
        start_of(*pid).is_some() && known.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    };
    our_orphans().unwrap_or_default().into_iter().filter(may_end).collect()
}

/// Returns the living orphans that have come to us, so that they are known again, and takes away those that have ended. The
/// caller is as above.
pub fn orphans() -> Vec<ProcessId> {
    let ended = |pid: &u32| found(*pid).is_ok_and(|found| found.is_none_or(|found| found.has_ended));
    if CAME_WITH_CHILDREN.get() == Some(&false) {
        let gone = our_orphans().unwrap_or_default().into_iter().filter(ended);
        for pid in gone.filter_map(|pid| rustix::process::Pid::from_raw(pid as i32)) {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
        }
    }
    strangers().into_iter().filter_map(identify).collect()
}

/// Sends a signal to an orphan that has come to us, where it still is the same.
pub fn signal_orphan(orphan: &ProcessId, signal: GroupSignal) {
    let pid = i32::try_from(orphan.pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid.filter(|_| is_alive(orphan)) {
        let _ = rustix::process::kill_process(pid, signal.of_system());
    }
}

fn everybody() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn has_variables(pid: u32, sets: &[&[String]]) -> bool {
    let environment = environment_of(pid);
    sets.iter().any(|variables| variables.iter().all(|mark| marks::is_given(&environment, mark)))
}

/// Returns the variables that a process was given. While it begins another program it has none for a moment, and would be
/// overlooked: then it is looked at again.
fn environment_of(pid: u32) -> Vec<u8> {
    let mut empty = 0;
    for _ in 0..LOOKS {
        // That of another user cannot be read, and is none of ours.
        let Ok(environment) = read_at_once(&format!("/proc/{pid}/environ")) else { break };
        if !environment.is_empty() {
            return environment;
        }
        match variables_of(pid) {
            Variables::None => break,
            Variables::Empty if empty == SURE => break,
            // They look so for a moment too while they are put in place.
            Variables::Empty => {
                empty += 1;
                std::thread::sleep(BETWEEN_LOOKS);
            }
            Variables::NotYet => std::thread::sleep(BETWEEN_LOOKS),
            // What was read was that of the program before.
            Variables::Some => {}
        }
    }
    Vec::new()
}

/// Reads a file of the system in one go: between two reads what it is about may have changed.
fn read_at_once(path: &str) -> io::Result<Vec<u8>> {
    let mut content = vec![0; 16 * 1024];
    loop {
        let length = File::open(path)?.read(&mut content)?;
        if length < content.len() {
            content.truncate(length);
            return Ok(content);
        }
        content.resize(content.len() * 4, 0);
    }
}

/// How often a process is looked at that begins another program. On a busy machine it may stand still there.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
/// How often a process is seen again to have been given no variables before that is believed.
const SURE: u32 = 2;

/// What the system says of the place of a process's variables.
enum Variables {
    /// It runs no program: it is one of the system's own, or a zombie.
    None,
    /// It was given none.
    Empty,
    /// It is just about to begin a program.
    NotYet,
    Some,
}

fn variables_of(pid: u32) -> Variables {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rfind(')').map_or("", |at| &stat[at + 1..]);
    // The 50th and 51st field are where they begin and end; the third is the first one behind the name.
    let mut place = after_name.split_ascii_whitespace().skip(47);
    match (place.next(), place.next()) {
        (Some("0") | None, _) => match std::fs::read_link(format!("/proc/{pid}/exe")) {
            Ok(_) => Variables::NotYet,
            Err(_) => Variables::None,
        },
        (begin, end) if begin == end => Variables::Empty,
        _ => Variables::Some,
    }
}

/// Returns the living processes that were started for a run of this repository, with the run's id, our own left out. Linux
/// tells of them; elsewhere none is known.
pub fn started_for(repository: &Path) -> Vec<(u32, String)> {
    let repository = format!("{}={}", marks::REPOSITORY, repository.display());
    let run_of = |pid: u32| {
        let environment = environment_of(pid);
        let mut entries = environment.split(|byte| *byte == 0);
        entries.clone().find(|entry| *entry == repository.as_bytes())?;
        let run = entries.find_map(|entry| entry.strip_prefix(b"CREW_RUN="))?;
        Some((pid, String::from_utf8_lossy(run).into_owned()))
    };
    everybody().into_iter().filter(|pid| *pid != std::process::id()).filter_map(run_of).collect()
}

/// Returns the living processes that were given all of these variables, our own left out (Linux).
pub fn given(variables: &[String]) -> Vec<u32> {
    marked(&[variables], Among::Everybody)
}

/// Tells whether the system says which variables a process was given: without marks among them it is a stranger (Linux).
pub fn tells_variables(pid: u32) -> bool {
    !environment_of(pid).is_empty()
}

/// Returns the variables that a process was given, while it is that very process. Linux tells of them; a program may have
/// written something else in their place.
pub fn given_to(process: &ProcessId) -> Vec<(OsString, OsString)> {
    let given = read_variables(&environment_of(process.pid));
    if is_alive(process) { given } else { Vec::new() }
}

/// Tells whether a process that the record names was started for another repository than the one of these marks: that one was
/// copied. Linux tells of that.
pub fn is_elsewhere(process: &ProcessId, marks: &[String]) -> bool {
    marks::is_elsewhere(&environment_of(process.pid), marks) && is_alive(process)
}

/// Returns the name of a process, where the system tells it.
pub fn name_of(pid: u32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim_end().to_owned())
}

/// Returns the processes that work in a folder or below it, with their names, our own left out. Linux tells of those
/// whose folder we may see; elsewhere none is known.
pub fn working_in(folder: &Path) -> Vec<(u32, String)> {
    let works_there = |pid: &u32| {
        std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|works_in| works_in.starts_with(folder))
    };
    let found = everybody().into_iter().filter(|pid| *pid != std::process::id()).filter(works_there);
    found.map(|pid| (pid, name_of(pid).unwrap_or_default())).collect()
}

/// Tells whether we were started by a process, or by one below it.
pub fn is_below(pid: u32) -> bool {
    ancestors().any(|ancestor| ancestor == pid)
}

/// A process that we were started by, or we ourselves.
#[derive(Debug)]
pub struct Forebear {
    environment: Vec<u8>,
    /// It runs the program that we run.
    pub runs_us: bool,
    /// Where it works, where that is known.
    pub folder: Option<PathBuf>,
}

impl Forebear {
    /// Returns the value of a variable that it was given.
    pub fn variable(&self, name: &str) -> Option<OsString> {
        let value = |entry: &[u8]| {
            let value = entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(OsString::from_vec(value.to_vec()))
        };
        self.environment.split(|byte| *byte == 0).find_map(value)
    }
}

/// Returns the processes that we were started by, the nearest first, as far as the system tells of them.
pub fn forebears() -> Vec<Forebear> {
    let program = |pid: &str| std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    let ours = program("self");
    let forebear = |pid: u32| Forebear {
        environment: read_at_once(&format!("/proc/{pid}/environ")).unwrap_or_default(),
        runs_us: ours.is_some() && program(&pid.to_string()) == ours,
        folder: std::fs::read_link(format!("/proc/{pid}/cwd")).ok(),
    };
    ancestors().map(forebear).collect()
}

/// Returns the processes that we were started by, the nearest first, as far as the system tells.
fn ancestors() -> impl Iterator<Item = u32> {
    let first = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32);
    // More would be a loop.
    std::iter::successors(first, |pid| parent_of(*pid)).take_while(|pid| *pid > 1).take(1_000)
}

#[cfg(target_os = "linux")]
fn parent_of(pid: u32) -> Option<u32> {
    field_of_stat(pid, 4)?.try_into().ok()
}

/// Returns nothing: elsewhere only the nearest one is known.
#[cfg(not(target_os = "linux"))]
fn parent_of(_: u32) -> Option<u32> {
    None
}

/// Ends every process that was given these variables: asked first, killed after the grace or as soon as there is no time
/// for it. Tells how many there were.
pub fn end_marked(
    variables: &[String],
    among: Among,
    grace: Duration,
    is_hurried: impl Fn() -> bool,
) -> usize {
    end_all_marked(&[variables], among, grace, is_hurried)
}

/// Ends every process that was given the variables of one of these sets, as above; one grace is for all of them.
fn end_all_marked(sets: &[&[String]], among: Among, grace: Duration, is_hurried: impl Fn() -> bool) -> usize {
    end_all(|| marked(sets, among), grace, is_hurried)
}

/// Ends every orphan that has come to us, also one that has put off its marks: what a task's processes leave behind would
/// outlive the run as nobody's, and could pass for a person. The caller's thread is the first one and has no child.
pub fn end_orphans(grace: Duration, is_hurried: impl Fn() -> bool) -> usize {
    end_all(strangers, grace, is_hurried)
}

/// Ends what is found, until nothing is found any more.
fn end_all(find: impl Fn() -> Vec<u32>, grace: Duration, is_hurried: impl Fn() -> bool) -> usize {
    let mut asked: Vec<u32> = Vec::new();
    let signal_all = |pids: &[u32], signal: rustix::process::Signal| {
        for pid in pids.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid as i32)) {
            // Where processes are not visible, all that can be found are the leaders of groups.
            let _ = match cfg!(target_os = "linux") {
                true => rustix::process::kill_process(pid, signal),
                false => rustix::process::kill_process_group(pid, signal),
            };
        }
    };
    let deadline = Instant::now() + grace;
    let mut killed: Option<Instant> = None;
    loop {
        let left = find();
        if left.is_empty() {
            break;
        }
        // What one that ends leaves behind is found after it; what it starts to end well is left to it meanwhile.
        let is_of_one = |pid: u32| parent_of(pid).is_some_and(|parent| asked.contains(&parent));
        let new = left.iter().copied().filter(|pid| !asked.contains(pid) && !is_of_one(*pid));
        let new: Vec<u32> = new.collect();
        signal_all(&new, rustix::process::Signal::TERM);
        asked.extend(new);
        if Instant::now() >= deadline || is_hurried() {
            signal_all(&left, rustix::process::Signal::KILL);
            if killed.get_or_insert_with(Instant::now).elapsed() >= Duration::from_secs(2) {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    for pid in asked.iter().filter_map(|pid| rustix::process::Pid::from_raw(*pid as i32)) {
        let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
    }
    asked.len()
}

/// Ends what a dead crew process has left running: the child that it had started, where that still is the same process,
/// with its group, and whatever was given these variables. All are asked first, and killed after the grace.
pub fn end_left(child: Option<&ProcessId>, variables: &[String], grace: Duration) {
    end_all_left(&[(child, variables)], grace, || false);
}

/// Ends all that a dead crew process has left of several children; one grace is for all of them.
pub fn end_all_left(
    left: &[(Option<&ProcessId>, &[String])],
    grace: Duration,
    is_hurried: impl Fn() -> bool,
) {
    if left.is_empty() {
        return;
    }
    // The record of a copied repository names processes of the other one.
    let is_ours = |child: &&ProcessId, marks: &[String]| !is_elsewhere(child, marks);
    let groups = left.iter().filter_map(|(child, marks)| child.filter(|child| is_ours(child, marks)));
    let groups = groups.map(LeftGroup::of).collect();
    let sets: Vec<&[String]> = left.iter().map(|(_, variables)| *variables).collect();
    end_groups(groups, &sets, grace, is_hurried);
}

/// Ends what a child has left that a dead crew process had started and that has ended: whoever was given the variables, and,
/// where it `lived` a moment ago, whoever is in its group.
pub fn end_after(
    child: &ProcessId,
    lived: bool,
    variables: &[String],
    grace: Duration,
    is_hurried: impl Fn() -> bool,
) {
    let group = if lived { LeftGroup::after(child) } else { LeftGroup::of(child) };
    end_groups(vec![group], &[variables], grace, is_hurried);
}

fn end_groups(groups: Vec<LeftGroup>, sets: &[&[String]], grace: Duration, is_hurried: impl Fn() -> bool) {
    let groups = RefCell::new(groups);
    let find = || {
        let mut found = marked(sets, Among::Everybody);
        for pid in groups.borrow_mut().iter_mut().flat_map(LeftGroup::members) {
            if !found.contains(&pid) {
                found.push(pid);
            }
        }
        found
    };
    end_all(find, grace, is_hurried);
}

/// The process group of a child that a dead crew process had started. Its number is nobody else's as long as one lives in
/// it that is known to be of it.
struct LeftGroup {
    leader: u32,
    known: Vec<ProcessId>,
    /// At the last look somebody lived in it.
    was_there: bool,
}

impl LeftGroup {
    fn of(leader: &ProcessId) -> LeftGroup {
        LeftGroup { leader: leader.pid, known: vec![leader.clone()], was_there: false }
    }

    /// The same for a leader that has ended a moment ago, so that whoever is in its group came there by it: the number of a group
    /// is not given anew as long as anybody is in it.
    fn after(leader: &ProcessId) -> LeftGroup {
        // Whoever had got its number meanwhile could have made a group of their own.
        let is_anothers = start_of(leader.pid).is_some_and(|start| start != leader.start);
        let members = if is_anothers { Vec::new() } else { members_of(leader.pid) };
        let others = members.into_iter().filter(|pid| *pid != std::process::id()).filter_map(identify);
        LeftGroup {
            leader: leader.pid,
            known: std::iter::once(leader.clone()).chain(others).collect(),
            was_there: !is_anothers,
        }
    }

    /// Returns who lives in it, as far as that can be known.
    fn members(&mut self) -> Vec<u32> {
        let was_there = self.was_there;
        self.known.retain(|process| is_alive(process) || (was_there && stands_for_its_group(process)));
        self.was_there = !self.known.is_empty();
        let new = if self.was_there { members_of(self.leader) } else { Vec::new() };
        for pid in new {
            if pid != std::process::id() && !self.known.iter().any(|known| known.pid == pid) {
                self.known.extend(identify(pid));
            }
        }
        self.known.iter().map(|known| known.pid).collect()
    }
}

/// Returns the processes of a group.
#[cfg(target_os = "linux")]
fn members_of(leader: u32) -> Vec<u32> {
    everybody().into_iter().filter(|pid| field_of_stat(*pid, 5) == Some(u64::from(leader))).collect()
}

/// Returns none: elsewhere only the leader is known, and the others are signalled with it.
#[cfg(not(target_os = "linux"))]
fn members_of(_: u32) -> Vec<u32> {
    Vec::new()
}

/// Tells whether one that has ended is still to be signalled for others: not where each of them is known.
#[cfg(target_os = "linux")]
fn stands_for_its_group(_: &ProcessId) -> bool {
    false
}

/// Tells whether others of its group live. It was there a moment ago, and the number of a group is not given anew as long as
/// anybody is in it.
#[cfg(not(target_os = "linux"))]
fn stands_for_its_group(process: &ProcessId) -> bool {
    group_exists(process.pid)
}

/// Returns a number that the system says of a process, by its place as it is counted there: the second is its name, which
/// may hold anything.
#[cfg(target_os = "linux")]
fn field_of_stat(pid: u32, place: usize) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(place - 3)?.parse().ok()
}

fn group_of(leader: u32) -> Option<rustix::process::Pid> {
    i32::try_from(leader).ok().filter(|pid| *pid > 1).and_then(rustix::process::Pid::from_raw)
}

/// Waits until a child has ended, and leaves it as a zombie, so that its pid and group cannot be given to another.
pub fn await_end(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: `info` is a plain C struct for which zero is valid, and outlives the call.
        let failed = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, libc::WEXITED | libc::WNOWAIT) != 0
        };
        match io::Error::last_os_error() {
            error if failed && error.kind() == io::ErrorKind::Interrupted => {}
            error if failed => return Err(error),
            _ => return Ok(()),
        }
    }
}

/// Tells whether a child of ours has ended, and leaves it where it is.
pub fn has_ended(pid: u32) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // One that is no child of ours any more has ended too.
    pid.is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), options), Ok(None)))
}

/// How a child came to its end that was given a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within {
    Ended,
    TooLong,
    /// Somebody did not want it any more.
    Stopped,
}

/// Lets a child, which leads a group of its own, come to its end within a time, or ends it. Whatever it has started ends with
/// it. The child is still to be taken away: until then its number is no stranger's.
pub fn end_within(child: &Child, most: Duration, stop: &AtomicBool) -> Within {
    const LOOK: Duration = Duration::from_millis(5);
    let began = Instant::now();
    let how = loop {
        match has_ended(child.id()) {
            true => break Within::Ended,
            false if stop.load(Ordering::Relaxed) => break Within::Stopped,
            false if began.elapsed() >= most => break Within::TooLong,
            false => std::thread::sleep(LOOK),
        }
    };
    signal_group(child.id(), GroupSignal::Kill);
    how
}

/// Takes an ended child away and tells how it ended and what it used.
pub fn reap(pid: u32) -> io::Result<Ending> {
    loop {
        let mut status: libc::c_int = 0;
        // SAFETY: both out-parameters are plain C values for which zero is valid, and outlive the call.
        let (waited, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::wait4(pid as libc::pid_t, &mut status, 0, &mut usage), usage)
        };
        if waited < 0 {
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(error);
        }
        let millis = |time: libc::timeval| time.tv_sec as u64 * 1000 + time.tv_usec as u64 / 1000;
        return Ok(Ending {
            exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
            cpu_millis: millis(usage.ru_utime) + millis(usage.ru_stime),
            max_rss_kib: max_rss_kib(&usage),
            ..Ending::default()
        });
    }
}

#[cfg(target_os = "macos")]
fn max_rss_kib(usage: &libc::rusage) -> u64 {
    usage.ru_maxrss as u64 / 1024 // bytes there
}

#[cfg(not(target_os = "macos"))]
fn max_rss_kib(usage: &libc::rusage) -> u64 {
    usage.ru_maxrss as u64
}

/// Describes a process so that it is known again, or `None` where it is gone.
pub fn identify(pid: u32) -> Option<ProcessId> {
    Some(ProcessId { pid, start: start_of(pid)?, boot: boot() })
}

/// Tells whether this very process still exists.
pub fn is_alive(process: &ProcessId) -> bool {
    process.boot == boot() && start_of(process.pid) == Some(process.start)
}

/// Looks in two ways at a process that may have ended, or whose number a stranger may have by now.
pub fn sight(process: &ProcessId) -> Sight {
    let boot = boot();
    let known = !boot.is_empty() && !process.boot.is_empty();
    let stat = match found(process.pid) {
        Ok(None) => Stat::Missing,
        Ok(Some(found)) if found.start != process.start => Stat::Other,
        Ok(Some(found)) if found.has_ended => Stat::Zombie,
        Ok(Some(_)) => Stat::Same,
        Err(error) => Stat::Failed(error.to_string()),
    };
    Sight { same_boot: known.then(|| process.boot == boot), stat, answers: answers(process.pid) }
}

/// Ends this very process at once, where it still is the same.
pub fn kill(process: &ProcessId) {
    let pid = i32::try_from(process.pid).ok().filter(|pid| *pid > 1);
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw).filter(|_| is_alive(process)) {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// Tells whether somebody has stopped a process, so that it does nothing until it is let go on (Linux).
pub fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['T', 't']))
}

/// Tells whether there is a process with this number, or the system does not let us know.
fn answers(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let asked = pid.map(rustix::process::test_kill_process);
    asked.is_some_and(|answer| answer != Err(rustix::io::Errno::SRCH))
}

/// Sends a signal to the group of a process that is not our child, while it is that very process.
pub fn signal_left(process: &ProcessId, signal: GroupSignal) {
    if is_alive(process) {
        signal_group(process.pid, signal);
    }
}

/// Waits until a process that is not our child has ended, at most for so long.
#[cfg(target_os = "linux")]
pub fn await_left(process: &ProcessId, most: Duration) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let pid = i32::try_from(process.pid).ok().and_then(rustix::process::Pid::from_raw);
    let opened =
        pid.and_then(|pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok());
    match opened {
        // What was opened stays what it is; now that it is open, it is known to be no stranger.
        Some(opened) if is_alive(process) => {
            let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: i64::from(most.subsec_nanos()) };
            let _ = poll(&mut [PollFd::new(&opened, PollFlags::IN)], Some(&most));
        }
        _ => std::thread::sleep(most.min(BETWEEN_VISITS)),
    }
}

/// Waits for a moment: nothing there tells of the end of a process that is not our child.
#[cfg(not(target_os = "linux"))]
pub fn await_left(_: &ProcessId, most: Duration) {
    std::thread::sleep(most.min(BETWEEN_VISITS));
}

/// How often a process is looked at of whose end nobody tells.
const BETWEEN_VISITS: Duration = Duration::from_millis(100);

/// Returns when a living process was started, in the system's own units.
fn start_of(pid: u32) -> Option<u64> {
    found(pid).ok().flatten().filter(|found| !found.has_ended).map(|found| found.start)
}

/// What the system says of a process.
struct Found {
    start: u64,
    /// It has ended, and nobody has taken it away.
    has_ended: bool,
}

/// Looks a process up. Its start is in clock ticks since boot.
#[cfg(target_os = "linux")]
fn found(pid: u32) -> io::Result<Option<Found>> {
    let stat = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat,
        // ESRCH: it ended while we read.
        Err(error)
            if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // The second field is the program's name in parentheses, which may hold anything; the 22nd is the start.
    let read = || {
        let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?;
        Some(Found { has_ended: state == "Z" || state == "X", start: fields.nth(18)?.parse().ok()? })
    };
    read().map(Some).ok_or_else(|| io::Error::other("the system says something else than expected"))
}

/// Looks a process up. Its start is in microseconds since 1970.
#[cfg(target_os = "macos")]
fn found(pid: u32) -> io::Result<Option<Found>> {
    // SAFETY: `info` is a plain C struct for which zero is valid; its size is given.
    let (read, info) = unsafe {
        let mut info: libc::proc_bsdinfo = std::mem::zeroed();
        let size = size_of::<libc::proc_bsdinfo>() as libc::c_int;
        let out = (&raw mut info).cast();
        (libc::proc_pidinfo(pid as libc::c_int, libc::PROC_PIDTBSDINFO, 0, out, size), info)
    };
    match io::Error::last_os_error() {
        _ if read > 0 => Ok(Some(Found {
            start: info.pbi_start_tvsec * 1_000_000 + info.pbi_start_tvusec,
            has_ended: info.pbi_status == libc::SZOMB,
        })),
        error if error.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        error => Err(error),
    }
}

/// Names the boot in which pids and start times count.
#[cfg(target_os = "linux")]
fn boot() -> String {
    static BOOT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let read =
        || std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    BOOT.get_or_init(read).clone()
}

/// Names the boot in which pids and start times count. Start times are absolute on macOS, so one name is enough.
#[cfg(target_os = "macos")]
fn boot() -> String {
    "macos".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    #[allow(clippy::zombie_processes, reason = "`reap` is what is tested")]
    fn a_process_is_known_again_until_it_ends() {
        let child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let process = identify(child.id()).unwrap();
        assert!(is_alive(&process));
        assert!(!is_alive(&ProcessId { start: process.start + 1, ..process.clone() }));
        signal_group(child.id(), GroupSignal::Kill);
        await_end(child.id()).unwrap();
        let ending = reap(child.id()).unwrap();
        assert_eq!((ending.exit, ending.signal), (None, Some(9)));
        assert!(!is_alive(&process) && !group_exists(child.id()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_begins_one_program_after_the_other_is_never_overlooked() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("again.sh");
        std::fs::write(&script, "exec /bin/sh \"$0\"\n").unwrap();
        let mut child = Command::new("/bin/sh").arg(&script).env("CREW_RUN", "again").spawn().unwrap();
        let mark = ["CREW_RUN=again".to_owned()];
        let overlooked = (0..2_000).filter(|_| !has_variables(child.id(), &[&mark])).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(overlooked, 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_several_children_left_ends_at_once_and_what_another_left_stays() {
        let run = format!("ends-at-once-{}", std::process::id());
        let tasks = ["a", "b", "c"];
        let stubborn = |task: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "trap '' TERM; exec sleep 300"]);
            command.env("CREW_RUN", &run).env("CREW_TASK", task).spawn().unwrap()
        };
        let children = tasks.map(stubborn);
        let marks = tasks.map(|task| [format!("CREW_RUN={run}"), format!("CREW_TASK={task}")]);
        let left: Vec<_> = marks[..2].iter().map(|marks| (None, marks.as_slice())).collect();
        end_all_left(&left, Duration::from_secs(300), || true);
        assert_eq!(children.each_ref().map(|child| has_ended(child.id())), [true, true, false]);
        for mut child in children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_group_that_a_dead_one_left_is_asked_before_it_is_killed_and_a_strangers_never_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The second one of the group has no mark, outlives the first one, and does not listen.
        let script = format!(
            "trap 'touch {0}; exit' TERM; (trap '' TERM; touch {1}; while :; do sleep 0.02; done) & touch {2}; wait",
            at("asked").display(),
            at("stubborn").display(),
            at("began").display()
        );
        let start = || {
            let mut child = Command::new("/bin/sh").args(["-c", &script]).process_group(0).spawn().unwrap();
            while !at("began").exists() || !at("stubborn").exists() {
                std::thread::sleep(Duration::from_millis(1));
            }
            let process = identify(child.id()).unwrap();
            // As the system's first process does with an orphan.
            (process, std::thread::spawn(move || drop(child.wait())))
        };
        let mark = ["CREW_RUN=none".to_owned()];
        let (process, reaper) = start();
        let stranger = ProcessId { start: process.start + 1, ..process.clone() };
        end_left(Some(&stranger), &mark, Duration::ZERO);
        assert!(is_alive(&process) && !at("asked").exists());
        // On a busy machine it takes a while until one that was asked has said so; the one that does not listen is killed then.
        end_all_left(&[(Some(&process), &mark)], Duration::from_secs(60), || at("asked").exists());
        reaper.join().unwrap();
        assert!(at("asked").exists());
        // Who is killed dies as soon as it is given a processor.
        let deadline = Instant::now() + Duration::from_secs(30);
        while members_of(process.pid).into_iter().any(|pid| start_of(pid).is_some()) {
            assert!(Instant::now() < deadline, "all of it has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn our_own_group_and_every_process_are_never_signalled() {
        assert!(group_of(0).is_none() && group_of(1).is_none());
    }
}
