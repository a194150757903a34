//! Makes work trees, and puts right what was left half made.

use super::{
    MARKER, Marker, Order, Owner, Work, Worktree, WorktreeError, Wrong, at, common_of, is_free, look, loose,
    mark, marker, open_at, place_of, real, recover_at, take_away, unless_missing, wrong,
};
use crate::workspace::checkout::{self, USER_EXCLUDES};
use crate::workspace::custody;
use crate::workspace::git::{Git, GitError, kill_holder};
use crate::workspace::snapshot::LOOK;
use crate::workspace::staging::{EXCLUDES, Place, settled};
use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a step is tried again that found another process's lock, and for how long it waits the first time; twice as
/// long each time after that, ten seconds in all: while twenty check out 20,000 files each, a disk stalls for seconds.
const TRIES: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// For how long a git is waited for that has outlived the crew which started it, before it is ended, and after that.
const ORPHAN: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How old a lock has to be that is taken for one that a killed git has left.
pub(super) const LEFT: Duration = Duration::from_secs(10);

/// What the files of the repository begin with that are there as long as a work tree is being made.
const ADDING: &str = "crew-adding-";

/// The making of one work tree. No git is at work on it but those that we start.
pub(super) struct Turn {
    /// It is locked, and each git that makes something of the work tree holds it.
    file: Arc<File>,
    path: PathBuf,
}

impl Turn {
    /// Takes the turn. A git that has outlived the crew which started it, and is still at work there, is waited for; after
    /// that it is ended.
    pub(super) fn take(common: &Path, order: &Order) -> Result<Turn, WorktreeError> {
        let Owner { run, task } = order.owner;
        let path = common.join(format!("{ADDING}{run}.{task}"));
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(at(&path))?;
        let began = Instant::now();
        let mut is_ended = false;
        // Where files cannot be locked, nobody can tell.
        while matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            if began.elapsed() >= 2 * ORPHAN || is_to_end(order) {
                return Err(WorktreeError::AtWork(path));
            }
            if began.elapsed() >= ORPHAN && !is_ended {
                kill_holder(&file);
                is_ended = true;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(Turn { file: Arc::new(file), path })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // What stays is in nobody's way.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What is registered for a task.
pub(super) enum Registered {
    /// Whoever works may have been there.
    Whole(PathBuf),
    /// Nobody was told of it yet.
    Half(PathBuf),
}

pub(super) fn add(order: &Order) -> Result<Worktree, WorktreeError> {
    let common = common_of(order.repository)?;
    let turn = Turn::take(&common, order)?;
    let mut wait = FIRST_WAIT;
    for _ in 1..TRIES {
        match add_once(order, &common, &turn) {
            Err(WorktreeError::Git(error)) if is_locked(&error) && !is_to_end(order) => {
                clear_left_lock(order, &common)?;
                std::thread::sleep(wait);
            }
            done => return done,
        }
        wait *= 2;
    }
    add_once(order, &common, &turn)
}

fn add_once(order: &Order, common: &Path, turn: &Turn) -> Result<Worktree, WorktreeError> {
    match registered(common, order.owner)? {
        Some(Registered::Whole(admin)) => match recover_at(common, order.folder, order.branch, order.owner) {
            Ok(tree) if tree.marker()?.removing.is_none() => return Ok(tree),
            // A removal was stopped; all that was there is kept.
            Ok(tree) => drop(tree.remove(&left_of(order, &keep_ref(order.owner)))?),
            Err(WorktreeError::NotOwn { wrong: Wrong::Missing, .. }) => forget(order, common, &admin)?,
            Err(error) => return Err(error),
        },
        Some(Registered::Half(admin)) => return finish(order, common, &admin, turn),
        None => {}
    }
    if !is_free(order.folder)? {
        // It says what is wrong with it.
        return open_at(common, order.folder, order.branch, order.owner);
    }
    let is_new_branch = make(order, turn)?;
    let Some(Registered::Half(admin)) = registered(common, order.owner)? else {
        return Err(wrong(order.folder, Wrong::Unmarked));
    };
    let place = place_for(order, common, &admin);
    if let Err(error) = place.git.holding(turn.file.clone()).run(FILL) {
        // What stays is put right by whoever makes it the next time.
        let _ = unmake(order, common, is_new_branch);
        return Err(error.into());
    }
    complete(order, common, &admin)
}

/// Checks out all files.
const FILL: &[&str] = &["reset", "--hard", "-q"];

/// Tells whether nobody wants it any more for whom it is made.
fn is_to_end(order: &Order) -> bool {
    order.behalf.is_some_and(|behalf| behalf.asked.load(Ordering::Relaxed))
}

/// Speaks of the work tree, as long as somebody wants it.
fn place_for(order: &Order, common: &Path, admin: &Path) -> Place {
    let place = place_of(common, order.folder, admin);
    Place { git: on_behalf(order, place.git), ..place }
}

fn on_behalf(order: &Order, git: Git) -> Git {
    order.behalf.map_or(git.clone(), |behalf| git.on_behalf(behalf))
}

/// Takes away what was just made, and what nobody has worked in.
fn unmake(order: &Order, common: &Path, is_new_branch: bool) -> Result<(), WorktreeError> {
    // By `.git` it is known for what it is, should we be killed on the way.
    for entry in std::fs::read_dir(order.folder).map_err(at(order.folder))?.flatten() {
        let path = entry.path();
        let gone = match entry.file_type() {
            _ if entry.file_name() == ".git" => continue,
            Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(&path),
            _ => std::fs::remove_file(&path),
        };
        gone.map_err(at(&path))?;
    }
    take_away(common, order.folder)?;
    if is_new_branch {
        forget_branch(order);
    }
    Ok(())
}

/// Takes the branch away again. Where it holds anything by now, this does nothing.
fn forget_branch(order: &Order) {
    let git = settled(Git::at(order.repository).apart().within(LOOK));
    let reference = format!("refs/heads/{}", order.branch);
    let _ = git.run(&["update-ref", "--no-deref", "-d", &reference, order.base]);
}

/// Takes away the lock that a git which was killed has left on the task's own branch. Nobody else makes that branch, and a
/// living git holds the lock for milliseconds.
fn clear_left_lock(order: &Order, common: &Path) -> Result<(), WorktreeError> {
    let lock = common.join(format!("refs/heads/{}.lock", order.branch));
    let age = look(&lock)?.and_then(|kind| kind.modified().ok()).and_then(|since| since.elapsed().ok());
    match age {
        Some(age) if age > LEFT => unless_missing(&lock, std::fs::remove_file(&lock)),
        _ => Ok(()),
    }
}

/// Has git make the work tree without its files, and the branch where there is none; tells whether there was none.
///
/// The files are checked out apart from that: a `git worktree add` that is asked to end takes away all that it made, first
/// of all by what it is known; killed on the way, it would leave a folder that nobody can tell from somebody's work.
fn make(order: &Order, turn: &Turn) -> Result<bool, WorktreeError> {
    let git = settled(Git::at(order.repository).apart().within(LOOK)).holding(turn.file.clone());
    let git = on_behalf(order, git);
    let reference = format!("refs/heads/{}", order.branch);
    let reason = reason(order.owner);
    let mut args = vec!["worktree", "add", "-q", "--no-checkout", "--lock", "--reason", &reason];
    let tip = git.text(&["rev-parse", "--verify", "-q", &format!("{reference}^{{commit}}")]).ok();
    let begin = match &tip {
        Some(tip) if !git.is_ancestor(order.base, tip).unwrap_or(false) => {
            let (branch, base) = (order.branch.to_owned(), order.base.to_owned());
            return Err(WorktreeError::BranchTaken { branch, base });
        }
        Some(_) => order.branch,
        None => {
            args.extend(["--no-track", "-b", order.branch]);
            order.base
        }
    };
    args.push("--");
    let mut args: Vec<&OsStr> = args.into_iter().map(OsStr::new).collect();
    args.extend([order.folder.as_os_str(), begin.as_ref()]);
    let Err(error) = git.run(&args) else { return Ok(tip.is_none()) };
    if tip.is_none() && !is_locked(&error) {
        // Git makes the branch first.
        forget_branch(order);
    }
    Err(error.into())
}

/// Says whose a work tree is that git has begun to make.
fn reason(owner: &Owner) -> String {
    format!("crew: task {} of run {}", owner.task, owner.run)
}

/// Returns where is held what turns up while a work tree is made.
fn keep_ref(owner: &Owner) -> String {
    format!("refs/crew/keep/{}/{}/found", owner.run, owner.task)
}

fn left_of<'a>(order: &Order<'a>, keep_ref: &'a str) -> Work<'a> {
    Work { message: "What was left in the work tree", base: order.base, leave_out: &[], keep_ref }
}

/// Finds what is registered for a task.
pub(super) fn registered(common: &Path, owner: &Owner) -> Result<Option<Registered>, WorktreeError> {
    let all = common.join("worktrees");
    let entries = match std::fs::read_dir(&all) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(&all)(error)),
    };
    for admin in entries.flatten().map(|entry| real(&entry.path())) {
        match marker(&admin) {
            Ok(Some(marker)) if marker.run == owner.run && marker.task == owner.task => {
                return Ok(Some(Registered::Whole(admin)));
            }
            Ok(Some(_)) => {}
            // Another task's that cannot be read is in nobody's way.
            without => {
                let locked = std::fs::read_to_string(admin.join("locked")).unwrap_or_default();
                if locked.trim_end() == reason(owner) {
                    without?;
                    return Ok(Some(Registered::Half(admin)));
                }
            }
        }
    }
    Ok(None)
}

/// Returns the folder that an admin folder is for, without links in it.
pub(super) fn registered_at(admin: &Path) -> Result<PathBuf, WorktreeError> {
    use std::os::unix::ffi::OsStrExt;
    let path = admin.join("gitdir");
    let content = std::fs::read(&path).map_err(at(&path))?;
    let gitfile = admin.join(OsStr::from_bytes(content.trim_ascii_end()));
    Ok(gitfile.parent().map(real).unwrap_or_default())
}

/// Writes the marker: from now on the work tree is whole.
fn complete(order: &Order, common: &Path, admin: &Path) -> Result<Worktree, WorktreeError> {
    let Owner { run, task } = order.owner.clone();
    let branch = order.branch.to_owned();
    note_excludes(order, common, admin)?;
    mark(
        admin,
        &Marker {
            run,
            task,
            branch,
            leave_out: Vec::new(),
            detached: false,
            repaired: false,
            removing: None,
        },
    )?;
    open_at(common, order.folder, order.branch, order.owner)
}

/// Notes what git overlooks in this repository: what the first work tree of the run has noted, or what holds now. Agents
/// of the run may have written there since.
fn note_excludes(order: &Order, common: &Path, admin: &Path) -> Result<(), WorktreeError> {
    let of_user = checkout::user_excludes(&Git::at(order.repository))?;
    let now = [(EXCLUDES, Some(common.join("info/exclude"))), (USER_EXCLUDES, of_user)];
    for (name, now) in now {
        let mut excludes = None;
        for other in std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten() {
            let of_run = |marker: Option<Marker>| marker.is_some_and(|marker| marker.run == order.owner.run);
            if marker(&other.path()).is_ok_and(of_run) {
                excludes = excludes.or_else(|| std::fs::read(other.path().join(name)).ok());
            }
        }
        // A pipe would be read for ever.
        let now = now.filter(|now| now.is_file()).and_then(|now| std::fs::read(now).ok());
        let path = admin.join(name);
        std::fs::write(&path, excludes.or(now).unwrap_or_default()).map_err(at(&path))?;
    }
    Ok(())
}

/// Takes away what was left half made for a task that nobody does any more, with its branch where that holds nothing. What
/// is there and is none of its files is held.
pub(super) fn clear(order: &Order) -> Result<(), WorktreeError> {
    let common = common_of(order.repository)?;
    let _turn = Turn::take(&common, order)?;
    match registered(&common, order.owner)? {
        Some(Registered::Half(admin)) => clear_half(order, &common, &admin),
        _ => Ok(()),
    }
}

/// Does that in a turn, where it is registered at `admin`.
pub(super) fn clear_half(order: &Order, common: &Path, admin: &Path) -> Result<(), WorktreeError> {
    match half_made(order, common, admin)? {
        Some(place) => {
            hold_found(order, &place, &keep_ref(order.owner))?;
            unmake(order, common, true)
        }
        None => {
            forget_branch(order);
            Ok(())
        }
    }
}

/// Opens a work tree whose making was stopped. Nobody has worked in it: it has no marker. One that was hardly begun is taken
/// apart.
fn half_made(order: &Order, common: &Path, admin: &Path) -> Result<Option<Place>, WorktreeError> {
    let is_begun = ["HEAD", "commondir", "gitdir"].iter().all(|name| admin.join(name).exists());
    let gitfile = order.folder.join(".git");
    let is_here = look(&gitfile)?.is_some_and(|kind| kind.is_file());
    let place = place_for(order, common, admin);
    let can_be_read = is_begun && place.git.run(&["rev-parse", "--git-dir"]).is_ok();
    let held_at = keep_ref(order.owner);
    if can_be_read {
        // Whoever worked there can take the marker away.
        hold_known(&place, order.branch, order.owner, &left_of(order, &held_at))?;
    }
    if !can_be_read || !is_here {
        take_apart(order, admin)?;
        return Ok(None);
    }
    if registered_at(admin)? != real(order.folder) {
        return Err(wrong(order.folder, Wrong::Elsewhere(registered_at(admin)?)));
    }
    Ok(Some(place))
}

/// Finishes a work tree whose making was stopped.
fn finish(order: &Order, common: &Path, admin: &Path, turn: &Turn) -> Result<Worktree, WorktreeError> {
    let Some(place) = half_made(order, common, admin)? else {
        return add_once(order, common, turn);
    };
    // Whoever took it has ended: see the turn.
    let lock = admin.join("index.lock");
    unless_missing(&lock, std::fs::remove_file(&lock))?;
    // Git writes it once all files are there: what differs from it by now is somebody's work.
    if !admin.join("index").exists() {
        check_out(order, &place, turn)?;
    }
    complete(order, common, admin)
}

/// Checks out the files of a work tree whose making was stopped among them. What is there and is none of them is held.
fn check_out(order: &Order, place: &Place, turn: &Turn) -> Result<(), WorktreeError> {
    hold_found(order, place, &keep_ref(order.owner))?;
    place.git.clone().holding(turn.file.clone()).run(FILL)?;
    Ok(())
}

/// Holds what is in a half made work tree and is none of the files that its branch has.
fn hold_found(order: &Order, place: &Place, held_at: &str) -> Result<(), WorktreeError> {
    let git = &place.git;
    let reference = format!("refs/heads/{}", order.branch);
    if git.run(&["rev-parse", "--verify", "-q", &reference]).is_err() {
        custody::create(&place.git, &reference, order.base)?;
    }
    git.run(&["symbolic-ref", "HEAD", &reference])?;
    let tree = place.stage(&[])?.tree;
    let more = ["diff-tree", "-r", "--no-renames", "--name-only", "--diff-filter=d", &reference, &tree];
    if !git.run(&more)?.is_empty() {
        let message = "What lay in the work tree when it was put right";
        custody::hold_tree(place, &tree, &[order.base], held_at, message)?;
    }
    Ok(())
}

/// What `git worktree add` writes beside the work tree, in an order in which it can be taken away.
const WRITTEN: &[&str] = &[
    "index",
    "gitdir",
    "commondir",
    "HEAD",
    "HEAD.lock",
    "ORIG_HEAD",
    "index.lock",
    "config.worktree",
    "info/sparse-checkout",
    "logs/HEAD",
    "logs",
    "info",
    "refs",
    EXCLUDES,
    USER_EXCLUDES,
    "locked",
];

/// Takes away what git wrote of a work tree that was hardly begun; anything else that lies there stays, with an error.
fn take_apart(order: &Order, admin: &Path) -> Result<(), WorktreeError> {
    let own = format!("gitdir: {}", admin.display());
    let gitfile = order.folder.join(".git");
    if std::fs::read_to_string(&gitfile).is_ok_and(|content| content.trim_end() == own) {
        std::fs::remove_file(&gitfile).map_err(at(&gitfile))?;
    }
    for name in WRITTEN {
        let path = admin.join(name);
        let gone = match path.is_dir() {
            true => std::fs::remove_dir(&path),
            false => std::fs::remove_file(&path),
        };
        unless_missing(&path, gone)?;
    }
    std::fs::remove_dir(admin).map_err(at(admin))
}

/// Holds what only the registration of a work tree knows: commits, and what was staged, where it can be had.
pub(super) fn hold_known(
    place: &Place,
    branch: &str,
    owner: &Owner,
    work: &Work,
) -> Result<Vec<String>, WorktreeError> {
    let git = &place.git;
    let reference = format!("refs/heads/{branch}");
    let tip = git.text(&["rev-parse", "--verify", "-q", &format!("{reference}^{{commit}}")]);
    // Whoever took the folder away may have deleted the branch too.
    let tip = tip.unwrap_or_else(|_| work.base.to_owned());
    let mut held = Vec::new();
    let lost = loose::commits(place, &reference, &tip)?;
    if let Some(lost) = loose::joined(place, lost, owner)? {
        held.push(custody::hold(&place.git, work.keep_ref, &lost)?);
    }
    // Without an index, git takes it that nothing at all was staged.
    let staged = place.own.join("index").is_file().then(|| git.text(&["write-tree"]));
    if let Some(Ok(tree)) = staged {
        let known = [tip.as_str()].into_iter().chain(held.iter().map(String::as_str));
        let trees = known.map(|commit| git.text(&["rev-parse", &format!("{commit}^{{tree}}")]));
        if !trees.collect::<Result<Vec<_>, _>>()?.contains(&tree) {
            let message = "What was staged when the work tree went away";
            held.push(custody::hold_tree(place, &tree, &[&tip], work.keep_ref, message)?.0);
        }
    }
    Ok(held)
}

/// Takes away the registration of a work tree whose folder is gone. What it alone knows is kept first.
pub(super) fn forget(order: &Order, common: &Path, admin: &Path) -> Result<(), WorktreeError> {
    let folder = registered_at(admin)?;
    if folder != real(order.folder) {
        return Err(wrong(order.folder, Wrong::Elsewhere(folder)));
    }
    let held_at = keep_ref(order.owner);
    hold_known(&place_of(common, common, admin), order.branch, order.owner, &left_of(order, &held_at))?;
    let marker = admin.join(MARKER);
    take_away(common, &folder)?;
    // Git keeps a registration that it does not know.
    match look(&marker)? {
        Some(_) => Err(wrong(&folder, Wrong::Elsewhere(registered_at(admin)?))),
        None => Ok(()),
    }
}

/// Tells whether another process was in the way, and will not be soon: it held a lock, or had only begun to register a
/// work tree. Git looks through all of them before it adds one, and dies of one that lacks a file yet.
pub(super) fn is_locked(error: &GitError) -> bool {
    let GitError::Failed { message, .. } = error else { return false };
    let is_held = message.contains(".lock")
        && (message.contains("File exists") || message.contains("Unable to create"));
    is_held || (message.contains("failed to read ") && message.contains("worktrees/"))
}
