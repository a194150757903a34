//! What becomes of a move that was cut off: the branch has moved or not, and the checkout is brought to where it is.

use super::checkout::{Changed, Checkout, Version};
use super::landing::{Desk, Journal, Move, copy_index};
use super::{MergeError, Repository, at, reference};
use crate::workspace::custody;
use crate::workspace::git::Git;
use crate::workspace::snapshot::ENTRIES;
use crate::workspace::staging::Place;
use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long a lock has to stay as it is before it counts as left behind, by a git that we know to have been cut off. A
/// living one holds it for milliseconds.
const STALE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What git's log of a branch says of its moves by crew; the run follows.
pub const MOVED_BY: &str = "crew merge ";

/// What was found of a move that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRight {
    pub moved: Move,
    /// The branch holds what it was to hold.
    pub landed: bool,
    /// The reference at which the files that went back are kept as they were before.
    pub kept: Option<String>,
    /// Files that somebody has changed since, which were left as they are.
    pub left: Vec<String>,
}

impl PutRight {
    /// Says what became of it, in lines.
    pub fn words(&self) -> Vec<String> {
        let Move { run, branch, .. } = &self.moved;
        let became = if self.landed { "was done all the same" } else { "was taken back" };
        let mut lines = vec![format!("a merge of run {run} into {branch} that was cut off {became}")];
        if let Some(kept) = &self.kept {
            lines.push(format!("  its files as they were then are kept at {kept}"));
        }
        if !self.left.is_empty() {
            lines.push(format!("  changed since, and left as they are: {}", self.left.join(", ")));
        }
        lines
    }
}

/// Puts right whatever moves of branches were cut off in this repository.
pub fn put_right(repository: &Repository, step: &mut dyn FnMut(&str)) -> Result<Vec<PutRight>, MergeError> {
    let mut found = Vec::new();
    for own in repository.own_folders()? {
        found.extend(put_right_in(repository, &own, step)?);
    }
    Ok(found)
}

/// Tells of the moves that have been begun and are not over, and leaves them as they are.
pub fn begun(repository: &Repository) -> Result<Vec<Journal>, MergeError> {
    let mut found = Vec::new();
    for own in repository.own_folders()? {
        found.extend(Desk::in_own(&own).read()?);
    }
    Ok(found)
}

/// Puts right what was cut off in the work tree that a folder of git's own belongs to.
pub fn put_right_in(
    repository: &Repository,
    own: &Path,
    step: &mut dyn FnMut(&str),
) -> Result<Option<PutRight>, MergeError> {
    let desk = Desk::in_own(own);
    let Some(journal) = desk.read()? else {
        // It was cut off before it had said what it does, so it has done nothing.
        desk.clear()?;
        return Ok(None);
    };
    if journal.at_branch {
        clear_left_locks(repository, own, &journal)?;
    }
    let moved = journal.moved.clone();
    let tip = repository.tip(&moved.branch)?;
    let landed = match &tip {
        Some(tip) => *tip == moved.to || repository.is_ancestor(&moved.to, tip).unwrap_or(false),
        None => false,
    };
    let mut right = PutRight { moved: moved.clone(), landed, kept: None, left: Vec::new() };
    if let Some(then) = journal.folder {
        // The repository may have been moved since.
        let Some(folder) = repository.folder_of(own)?.filter(|folder| folder.is_dir()) else {
            let Move { run, branch, .. } = &moved;
            return Err(MergeError::Refused(format!(
                "a merge of run {run} into {branch} was cut off in {}, which is not there any more: git worktree repair \
                 tells git where a folder is now, git worktree prune that it is gone",
                then.display()
            )));
        };
        let checkout = repository.checkout(folder, own.to_owned());
        if landed {
            finish_index(repository, &checkout, &desk, &mut right, step)?;
        } else if tip.as_ref() == Some(&moved.from) || desk.is_locked_by_us(&moved) {
            // While the index is locked, nobody has used git here: the files belong to it, wherever the branch went.
            take_back(repository, &checkout, &desk, &mut right, step)?;
        }
    }
    step("unlock");
    desk.unlock(&moved)?;
    step("clear");
    desk.clear()?;
    Ok(Some(right))
}

/// Moves a branch, if it stands where it is thought to stand.
pub fn set_branch(
    repository: &Repository,
    git: &Git,
    own: &Path,
    journal: &Journal,
) -> Result<(), MergeError> {
    let Move { run, branch, from, to } = &journal.moved;
    let words = format!("{MOVED_BY}{run}");
    let ended = git.fed(&["update-ref", "--no-deref", "-m", &words, &reference(branch), to, from], &[])?;
    if ended.code == Some(0) {
        return Ok(());
    }
    if ended.code.is_none() {
        clear_left_locks(repository, own, journal)?;
    }
    match repository.tip(branch)? {
        Some(tip) if tip == *to => Ok(()),
        Some(tip) if tip == *from => Err(ended.failure.into()),
        _ => Err(MergeError::Moved(branch.clone())),
    }
}

/// Takes away the locks that a git of ours has left when it was killed while it moved the branch. Such a lock holds
/// nothing yet, or the commit that only we have made.
fn clear_left_locks(repository: &Repository, own: &Path, journal: &Journal) -> Result<(), MergeError> {
    let Ok(begun) = Desk::in_own(own).folder.join("journal.json").metadata().and_then(|meta| meta.modified())
    else {
        return Ok(());
    };
    let of_branch = repository.common().join(format!("{}.lock", reference(&journal.moved.branch)));
    let tables = "reftable/tables.list.lock";
    for lock in [of_branch, own.join("HEAD.lock"), repository.common().join(tables), own.join(tables)] {
        let look = || Some((std::fs::read(&lock).ok()?, lock.symlink_metadata().ok()?));
        let Some((content, meta)) = look() else { continue };
        // That of all tables says nothing of who moves what.
        let is_ours = content.is_empty()
            || content.trim_ascii() == journal.moved.to.as_bytes()
            || lock.ends_with(tables);
        if !is_ours || meta.modified().unwrap_or(SystemTime::UNIX_EPOCH) < begun {
            continue;
        }
        let first_seen = std::time::Instant::now();
        let stays = || look().is_some_and(|(now, again)| now == content && again.ino() == meta.ino());
        while stays() && first_seen.elapsed() < STALE {
            std::thread::sleep(BETWEEN_LOOKS);
        }
        if stays() {
            std::fs::remove_file(&lock).map_err(at(&lock))?;
        }
    }
    Ok(())
}

/// Makes the index say what the branch holds: the files are done already.
fn finish_index(
    repository: &Repository,
    checkout: &Checkout,
    desk: &Desk,
    right: &mut PutRight,
    step: &mut dyn FnMut(&str),
) -> Result<(), MergeError> {
    let (index, after) = (checkout.own.join("index"), desk.after());
    let entries = entries_of(checkout);
    let (found, made) = (entries(&index), entries(&after));
    if found == made {
        return Ok(());
    }
    // Whoever only looked has made git write down when each file was changed, and no more.
    let is_as_it_was = found.is_none() || found == entries(&desk.before());
    let follows = made.is_none() || !is_as_it_was;
    if follows && repository.tip(&right.moved.branch)?.as_ref() != Some(&right.moved.to) {
        // Somebody has gone on from there, with the index as they wanted it.
        return Ok(());
    }
    desk.hold(checkout, &right.moved)?;
    step("index");
    if follows {
        follow(repository, checkout, desk, right)?;
    }
    std::fs::rename(&after, &index).map_err(at(&index))?;
    std::fs::File::open(&checkout.own).and_then(|own| own.sync_all()).map_err(at(&checkout.own))
}

/// Returns what asks for the entries of an index, with their flags; nothing where it cannot be read.
fn entries_of(checkout: &Checkout) -> impl Fn(&Path) -> Option<Vec<u8>> + '_ {
    // Where there is none, git takes it for one that is empty.
    |index| index.exists().then(|| checkout.with_index(index).git.run(ENTRIES).ok())?
}

/// Makes the index that is to be out of one that somebody has changed since: what the move changes follows the branch, as
/// far as it is as it was before, and the rest stays.
fn follow(
    repository: &Repository,
    checkout: &Checkout,
    desk: &Desk,
    right: &mut PutRight,
) -> Result<(), MergeError> {
    let Move { from, to, .. } = &right.moved;
    let left_out = left_out(&entries_of(checkout)(&desk.after()).unwrap_or_default());
    copy_index(checkout, &desk.after())?;
    let copy = checkout.with_index(&desk.after());
    let staged = |than: &str| -> Result<HashSet<Vec<u8>>, MergeError> {
        let asked = ["diff-index", "--cached", "--name-only", "-z", "--no-renames", than, "--"];
        let said = copy.git.run(&asked)?;
        Ok(said.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
    };
    let (changed, than_before, than_after) = (repository.changed(from, to)?, staged(from)?, staged(to)?);
    let behind = changed.iter().filter(|one| than_after.contains(&one.path));
    let (theirs, behind): (Vec<&Changed>, Vec<&Changed>) =
        behind.partition(|one| than_before.contains(&one.path));
    right.left.extend(theirs.iter().map(|one| String::from_utf8_lossy(&one.path).into_owned()));
    let line = |one: &&Changed| {
        let (mode, id) = match &one.after {
            Some(version) => (version.mode, version.id.clone()),
            None => (0, "0".repeat(to.len())),
        };
        [format!("{mode:o} {id}\t").as_bytes(), &one.path, b"\0"].concat()
    };
    // A file goes before a folder takes its place.
    let (gone, there): (Vec<&Changed>, Vec<&Changed>) = behind.iter().partition(|one| one.after.is_none());
    let lines: Vec<u8> = gone.iter().chain(&there).flat_map(line).collect();
    fed(&copy.git, &["update-index", "-z", "--replace", "--index-info"], &lines)?;
    let left_out = there.iter().filter(|one| left_out.contains(&one.path));
    let left_out: Vec<u8> = left_out.flat_map(|one| [one.path.as_slice(), b"\0"].concat()).collect();
    fed(&copy.git, &["update-index", "-z", "--skip-worktree", "--stdin"], &left_out)?;
    copy.refresh()
}

fn fed(git: &Git, args: &[&str], input: &[u8]) -> Result<(), MergeError> {
    // Without anything to say, git has nothing to do.
    let ended = if input.is_empty() { return Ok(()) } else { git.fed(args, input)? };
    match ended.code {
        Some(0) => Ok(()),
        _ => Err(ended.failure.into()),
    }
}

/// Brings the files back to what the branch and the index say, as far as it was the move that changed them.
fn take_back(
    repository: &Repository,
    checkout: &Checkout,
    desk: &Desk,
    right: &mut PutRight,
    step: &mut dyn FnMut(&str),
) -> Result<(), MergeError> {
    // Without a copy of the index, nothing had been touched.
    if !desk.before().exists() {
        return Ok(());
    }
    let before = checkout.with_index(&desk.before());
    let is_readable = || entries_of(checkout)(&desk.before()).is_some();
    if !is_readable() {
        // The machine has stopped before it was on the disk. The index itself is the last that changes.
        let copied = copy_index(checkout, &desk.before());
        if copied.is_err() || !is_readable() {
            std::fs::remove_file(desk.before()).map_err(at(&desk.before()))?;
            before.git.run(&["read-tree", &right.moved.from])?;
        }
    }
    let changed = repository.changed(&right.moved.from, &right.moved.to)?;
    let seen = Seen::of(&before, &changed)?;
    let mut back: Vec<&Changed> = Vec::new();
    for one in &changed {
        match seen.standing(&before, one)? {
            Standing::AsBefore => {}
            Standing::Ours => back.push(one),
            Standing::Theirs => right.left.push(String::from_utf8_lossy(&one.path).into_owned()),
        }
    }
    if back.is_empty() {
        return Ok(());
    }
    step("keep");
    // What else lies in the folder is left as it is, and may be anything.
    let paths: Vec<&[u8]> = back.iter().map(|one| one.path.as_slice()).collect();
    right.kept = Some(keep(checkout, desk, &right.moved, &paths)?);
    step("back");
    for one in back.iter().filter(|one| one.before.is_none()) {
        take_away(&checkout.folder, &one.path)?;
    }
    step("restore");
    let restored: Vec<&[u8]> =
        back.iter().filter(|one| one.before.is_some()).map(|one| one.path.as_slice()).collect();
    let mut input = restored.join(&0);
    input.push(0);
    if !restored.is_empty() {
        let ended = before.git.fed(&["checkout-index", "-f", "-z", "--stdin"], &input)?;
        if ended.code != Some(0) {
            return Err(ended.failure.into());
        }
    }
    Ok(())
}

/// Whose doing it is what stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    AsBefore,
    /// The move has written it, in part or in whole, or taken it away.
    Ours,
    /// Somebody has written it since.
    Theirs,
}

/// What stands at the changed paths. Git is asked about all of them at once, as there may be thousands.
struct Seen {
    /// What is there and is no folder: its mode, and the id that git would give to it.
    there: HashMap<Vec<u8>, (u32, String)>,
    /// What the index says is not to be in the folder, as where only a part is checked out.
    left_out: HashSet<Vec<u8>>,
}

impl Seen {
    fn of(before: &Checkout, changed: &[Changed]) -> Result<Seen, MergeError> {
        let entries = before.git.run(ENTRIES)?;
        let mut seen = Seen { there: HashMap::new(), left_out: left_out(&entries) };
        let mut files: Vec<&[u8]> = Vec::new();
        for one in changed {
            let path = before.folder.join(OsStr::from_bytes(&one.path));
            let meta = match path.symlink_metadata() {
                Ok(meta) if meta.is_dir() => continue,
                Ok(meta) => meta,
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(error) => return Err(at(&path)(error)),
            };
            let mut id = String::new();
            if meta.is_symlink() {
                let target = std::fs::read_link(&path).map_err(at(&path))?;
                let ended = before.git.fed(&["hash-object", "--stdin"], target.as_os_str().as_bytes())?;
                id = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
            } else if meta.is_file() {
                files.push(&one.path);
            }
            seen.there.insert(one.path.clone(), (mode_of(&meta), id));
        }
        for (path, name) in ids_of(before, &files)? {
            seen.there.entry(path).and_modify(|(_, id)| *id = name);
        }
        Ok(seen)
    }

    fn standing(&self, before: &Checkout, changed: &Changed) -> Result<Standing, MergeError> {
        let versions = [&changed.before, &changed.after];
        // Git writes nothing into a submodule.
        if versions.into_iter().flatten().any(Version::is_submodule) {
            return Ok(Standing::AsBefore);
        }
        let Some((mode, id)) = self.there.get(&changed.path) else {
            let is_missing = changed.before.is_some() && !self.left_out.contains(&changed.path);
            return Ok(if is_missing { Standing::Ours } else { Standing::AsBefore });
        };
        let is = |version: &Option<Version>| version.as_ref().is_some_and(|version| version.id == *id);
        let mode_is =
            |version: &Option<Version>| version.as_ref().is_some_and(|version| version.mode == *mode);
        if is(&changed.before) && mode_is(&changed.before) {
            return Ok(Standing::AsBefore);
        }
        if is(&changed.after) || (is(&changed.before) && mode_is(&changed.after)) {
            return Ok(Standing::Ours);
        }
        let path = before.folder.join(OsStr::from_bytes(&changed.path));
        let Some(after) = changed.after.as_ref().filter(|_| !path.is_symlink() && path.is_file()) else {
            return Ok(Standing::Theirs);
        };
        // It was cut off while it wrote this one.
        let mut asked = vec![OsString::from("cat-file"), "--filters".into()];
        let mut with_path = OsString::from("--path=");
        with_path.push(OsStr::from_bytes(&changed.path));
        asked.extend([with_path, after.id.clone().into()]);
        let whole = before.git.run(&asked)?;
        let part = std::fs::read(&path).map_err(at(&path))?;
        Ok(if whole.starts_with(&part) { Standing::Ours } else { Standing::Theirs })
    }
}

/// Returns the paths of an index's entries that are not to be in the folder.
fn left_out(entries: &[u8]) -> HashSet<Vec<u8>> {
    let lines = entries.split(|byte| *byte == 0);
    let marked = lines.filter(|line| line.first().is_some_and(|mark| mark.eq_ignore_ascii_case(&b'S')));
    marked.filter_map(|line| line.splitn(2, |byte| *byte == b'\t').nth(1).map(<[u8]>::to_vec)).collect()
}

fn mode_of(meta: &std::fs::Metadata) -> u32 {
    match (meta.is_symlink(), meta.permissions().mode() & 0o100) {
        (true, _) => 0o120000,
        (false, 0) => 0o100644,
        (false, _) => 0o100755,
    }
}

/// Returns the ids that git would give to files.
fn ids_of(checkout: &Checkout, names: &[&[u8]]) -> Result<Vec<(Vec<u8>, String)>, MergeError> {
    // Git would read these lines as something else.
    let is_odd = |name: &&&[u8]| name.contains(&b'\n') || name.starts_with(b"\"");
    let (odd, plain): (Vec<&&[u8]>, Vec<&&[u8]>) = names.iter().partition(is_odd);
    let mut ids = Vec::with_capacity(names.len());
    if !plain.is_empty() {
        let input: Vec<u8> = plain.iter().flat_map(|name| [**name, b"\n"].concat()).collect();
        let ended = checkout.git.fed(&["hash-object", "--stdin-paths"], &input)?;
        if ended.code != Some(0) {
            return Err(ended.failure.into());
        }
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        ids.extend(plain.iter().zip(said.lines()).map(|(name, id)| (name.to_vec(), id.to_owned())));
    }
    for name in odd {
        let asked = [OsStr::new("hash-object"), OsStr::new("--"), OsStr::from_bytes(name)];
        ids.push((name.to_vec(), checkout.git.text(&asked)?));
    }
    Ok(ids)
}

/// Takes a file away that the move has put there, and the folders that are empty without it.
fn take_away(folder: &Path, path: &[u8]) -> Result<(), MergeError> {
    let file = folder.join(OsStr::from_bytes(path));
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(&file)(error)),
        _ => {}
    }
    let above = file.ancestors().skip(1).take_while(|above| *above != folder);
    for above in above {
        // One that holds something stays, and so do those around it.
        if std::fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

/// Keeps what stands at these paths at a reference of crew's own, and returns its name.
fn keep(checkout: &Checkout, desk: &Desk, moved: &Move, paths: &[&[u8]]) -> Result<String, MergeError> {
    let index = desk.folder.join("kept");
    match std::fs::remove_file(&index) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(at(&index)(error)),
        _ => {}
    }
    let copy = checkout.with_index(&index);
    copy.git.run(&["read-tree", &moved.from])?;
    let is_there = |path: &&&[u8]| {
        let meta = checkout.folder.join(OsStr::from_bytes(path)).symlink_metadata();
        meta.is_ok_and(|meta| meta.is_file() || meta.is_symlink())
    };
    let (there, gone): (Vec<&&[u8]>, Vec<&&[u8]>) = paths.iter().partition(is_there);
    for (paths, option) in [(gone, "--force-remove"), (there, "--add")] {
        let names: Vec<u8> = paths.iter().flat_map(|path| [**path, b"\0"].concat()).collect();
        fed(&copy.git, &["update-index", "-z", "--replace", option, "--stdin"], &names)?;
    }
    let tree = copy.git.text(&["write-tree"])?;
    let reference = format!("refs/crew/keep/{}/merge/1", moved.run);
    let message =
        format!("What {} held when a merge into {} was cut off", checkout.folder.display(), moved.branch);
    let place = Place::of(&checkout.folder, &checkout.own);
    Ok(custody::hold_tree(&place, &tree, &[&moved.from], &reference, &message)?.0)
}
