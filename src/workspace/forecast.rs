//! What branches that are worked on at the same time will do to each other when they are merged.
//!
//! Nothing of the repository is touched: git writes the objects of its trials to a folder of our own.
//!
//! # How it works
//!
//! Only pairs of which a tip has moved are looked at again. A branch that holds another one does not clash with it; the
//! history since the run's base, which one call of git tells, says so, and says what two branches have in common. Of
//! pairs that change no path in common, and where no folder can have been renamed under the other's new files, nothing
//! has to be tried. All the rest is tried in one process.

use super::git::{Git, GitError};
use super::merge_tree::{Merged, Pair, merge_many};
use crate::domain::conflict::{Clash, Conflict};
use crate::domain::id::TaskId;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tempfile::TempDir;

/// How long git may take for one step.
const STEP: Duration = Duration::from_secs(60);

/// The most conflicts, and the most files, that are listed of one pair.
pub const MOST_LISTED: usize = 20;
/// The most bytes of a path that are kept.
const MOST_OF_PATH: usize = 512;

/// Why there is no forecast.
#[derive(Debug, thiserror::Error)]
pub enum ForecastError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// A task's branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub task: TaskId,
    /// Id of its newest commit.
    pub tip: String,
}

/// Looks at the branches of one run.
#[derive(Debug)]
pub struct Forecast {
    /// Reads the repository.
    git: Git,
    /// Id of the commit that the run began from.
    base: String,
    /// The repository's own objects.
    objects: PathBuf,
    scratch: PathBuf,
    /// By the tips of the two.
    known: HashMap<(String, String), Known>,
}

/// What is known of two branches.
#[derive(Debug)]
enum Known {
    Nothing,
    FirstHoldsSecond,
    SecondHoldsFirst,
    Clash(Found),
}

/// What two branches do to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    conflicts: Vec<Conflict>,
    touched: Vec<String>,
}

impl Forecast {
    /// Looks at branches of `repository` that began from the commit `base`. What git writes meanwhile lies in `scratch`;
    /// each call is ended once `unwanted` is true.
    pub fn new(
        repository: &Path,
        base: &str,
        scratch: &Path,
        unwanted: Arc<AtomicBool>,
    ) -> Result<Forecast, ForecastError> {
        // What is not here is not fetched for a guess.
        let git = Git::at(repository).with("GIT_NO_LAZY_FETCH", "1").apart().within(STEP).unless(unwanted);
        let objects = repository.join(git.text(&["rev-parse", "--git-path", "objects"])?);
        Ok(Forecast {
            git,
            base: base.to_owned(),
            objects,
            scratch: scratch.to_owned(),
            known: HashMap::new(),
        })
    }

    /// Returns the tips of the branches below `prefix` (`refs/heads/crew/RUN/`), by what follows it in their names.
    pub fn tips(&self, prefix: &str) -> Result<BTreeMap<String, String>, GitError> {
        let said = self.git.text(&["for-each-ref", "--format=%(objectname) %(refname)", prefix])?;
        let read = |line: &str| {
            let (tip, name) = line.split_once(' ')?;
            Some((name.strip_prefix(prefix)?.to_owned(), tip.to_owned()))
        };
        Ok(said.lines().filter_map(read).collect())
    }

    /// Returns what the branches do to each other, those that conflict first, then in the order that they are given.
    pub fn clashes(&mut self, branches: &[Branch]) -> Result<Vec<Clash>, ForecastError> {
        let pairs: Vec<(usize, usize)> = (0..branches.len())
            .flat_map(|one| (one + 1..branches.len()).map(move |other| (one, other)))
            .collect();
        let key = |&(one, other): &(usize, usize)| (branches[one].tip.clone(), branches[other].tip.clone());
        let tips: HashSet<(String, String)> = pairs.iter().map(key).collect();
        self.known.retain(|pair, _| tips.contains(pair));
        let new: BTreeSet<(String, String)> =
            tips.into_iter().filter(|pair| !self.known.contains_key(pair)).collect();
        if !new.is_empty() {
            self.look_at(new)?;
        }
        let mut clashes: Vec<Clash> = Vec::new();
        for (one, other) in pairs {
            let found = self.own_clash(branches, one, other);
            if found != Found::default() {
                clashes.push(bounded((branches[one].task.clone(), branches[other].task.clone()), &found));
            }
        }
        clashes.sort_by_key(|clash| clash.conflicts.is_empty());
        Ok(clashes)
    }

    fn found(&self, one: &Branch, other: &Branch) -> Option<&Found> {
        match self.known.get(&(one.tip.clone(), other.tip.clone())) {
            Some(Known::Clash(found)) => Some(found),
            _ => None,
        }
    }

    /// Returns what two branches do to each other, without what comes from a branch that one of them holds: it is told
    /// of that one, and is over once that one is merged.
    fn own_clash(&self, branches: &[Branch], one: usize, other: usize) -> Found {
        let Some(found) = self.found(&branches[one], &branches[other]) else { return Found::default() };
        let mut own = found.clone();
        for third in 0..branches.len() {
            for (holder, with) in [(one, other), (other, one)] {
                if third == one || third == other || !self.holds(branches, holder, third) {
                    continue;
                }
                let (first, second) = (third.min(with), third.max(with));
                let Some(before) = self.found(&branches[first], &branches[second]) else { continue };
                own.conflicts.retain(|conflict| !before.conflicts.contains(conflict));
                own.touched.retain(|path| !before.touched.contains(path));
            }
        }
        own
    }

    fn holds(&self, branches: &[Branch], holder: usize, held: usize) -> bool {
        let (first, second) = (&branches[holder.min(held)].tip, &branches[holder.max(held)].tip);
        let known = self.known.get(&(first.clone(), second.clone()));
        match known {
            Some(Known::FirstHoldsSecond) => holder < held,
            Some(Known::SecondHoldsFirst) => held < holder,
            _ => false,
        }
    }

    /// Finds out about pairs of tips.
    fn look_at(&mut self, pairs: BTreeSet<(String, String)>) -> Result<(), ForecastError> {
        let tips: BTreeSet<&str> = pairs.iter().flat_map(|(one, other)| [one.as_str(), other]).collect();
        let history = History::of(&self.git, &self.base, tips)?;
        // Each pair with what it has in common; `None` where that is more than one commit.
        let mut apart: Vec<((String, String), Option<String>)> = Vec::new();
        for pair in pairs {
            match history.meet(&pair.0, &pair.1) {
                Meeting::FirstHoldsSecond => drop(self.known.insert(pair, Known::FirstHoldsSecond)),
                Meeting::SecondHoldsFirst => drop(self.known.insert(pair, Known::SecondHoldsFirst)),
                Meeting::At(commit) => apart.push((pair, Some(commit))),
                Meeting::Unclear => apart.push((pair, None)),
            }
        }
        let wanted = apart.iter().filter_map(|((one, other), meet)| Some((meet.as_ref()?, one, other)));
        let wanted: BTreeSet<(String, String)> = wanted
            .flat_map(|(meet, one, other)| [(meet.clone(), one.clone()), (meet.clone(), other.clone())])
            .collect();
        let changes = changes(&self.git, &history, wanted.into_iter().collect())?;
        let none = Changes::default();
        let mut tried: Vec<((String, String), Vec<String>)> = Vec::new();
        for (pair, meet) in apart {
            let Some(meet) = meet else {
                tried.push((pair, Vec::new()));
                continue;
            };
            let of = |tip: &str| changes.get(&(meet.clone(), tip.to_owned())).unwrap_or(&none);
            let (ours, theirs) = (of(&pair.0), of(&pair.1));
            match ours.may_conflict(theirs) {
                true => tried.push((pair.clone(), ours.both_touch(theirs))),
                false => drop(self.known.insert(pair, Known::Nothing)),
            }
        }
        self.try_out(tried)
    }

    /// Merges pairs where nobody sees it.
    fn try_out(&mut self, tried: Vec<((String, String), Vec<String>)>) -> Result<(), ForecastError> {
        if tried.is_empty() {
            return Ok(());
        }
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ForecastError::File { path, source }
        };
        let own = TempDir::with_prefix_in("forecast-", &self.scratch).map_err(at(&self.scratch))?;
        let info = own.path().join("info");
        std::fs::create_dir(&info).map_err(at(&info))?;
        // A variable would take a colon in the path for the end of it.
        let mut line = self.objects.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        std::fs::write(info.join("alternates"), line).map_err(at(&info))?;
        // What is soon gone is neither compressed nor synced: thousands of blobs with conflicts in them would take seconds.
        let git = self.git.clone().with("GIT_OBJECT_DIRECTORY", own.path());
        let git = git.set("core.fsync", "none").set("core.looseCompression", "0");
        let pairs: Vec<Pair> = tried
            .iter()
            .map(|((one, other), _)| Pair { ours: one.clone(), theirs: other.clone(), base: None })
            .collect();
        for ((pair, touched), merged) in tried.into_iter().zip(merge_many(&git, &pairs)?) {
            // What cannot be merged at all, as in a clone that is too shallow, nobody can foretell.
            let conflicts = merged.as_ref().map_or(Vec::new(), |merged: &Merged| merged.conflicts().to_vec());
            let in_conflict: HashSet<&String> = conflicts.iter().flat_map(|found| &found.paths).collect();
            let touched: Vec<String> =
                touched.into_iter().filter(|path| !in_conflict.contains(path)).collect();
            let known = match conflicts.is_empty() && touched.is_empty() {
                true => Known::Nothing,
                false => Known::Clash(Found { conflicts, touched }),
            };
            self.known.insert(pair, known);
        }
        Ok(())
    }
}

/// Returns as much of what was found as is recorded.
fn bounded(tasks: (TaskId, TaskId), found: &Found) -> Clash {
    let cut = |path: &String| {
        let end = (0..=MOST_OF_PATH.min(path.len())).rev().find(|end| path.is_char_boundary(*end));
        path[..end.unwrap_or(0)].to_owned()
    };
    let conflicts = found.conflicts.iter().take(MOST_LISTED).map(|conflict| Conflict {
        kind: conflict.kind,
        paths: conflict.paths.iter().take(MOST_LISTED).map(cut).collect(),
        lines: conflict.lines.iter().take(MOST_LISTED).copied().collect(),
    });
    Clash {
        tasks,
        conflicts: conflicts.collect(),
        touched: found.touched.iter().take(MOST_LISTED).map(cut).collect(),
        more_conflicts: found.conflicts.len().saturating_sub(MOST_LISTED) as u64,
        more_touched: found.touched.len().saturating_sub(MOST_LISTED) as u64,
    }
}

/// The commits of some branches down to where the run began.
struct History {
    base: String,
    /// The tree and the parents of each commit.
    commits: HashMap<String, (String, Vec<String>)>,
    /// All that a tip holds of these commits, itself too.
    held: HashMap<String, HashSet<String>>,
}

/// What two branches have in common.
#[derive(Debug, PartialEq, Eq)]
enum Meeting {
    FirstHoldsSecond,
    SecondHoldsFirst,
    /// The one commit from which both went on.
    At(String),
    /// There are several, or it lies before the run.
    Unclear,
}

impl History {
    fn of(git: &Git, base: &str, tips: BTreeSet<&str>) -> Result<History, GitError> {
        let mut args = vec!["rev-list", "--no-commit-header", "--format=%H %T %P"];
        args.extend(tips.iter().copied());
        let not_base = format!("^{base}");
        args.push(&not_base);
        let mut commits = HashMap::new();
        for line in git.text(&args)?.lines() {
            let mut words = line.split(' ').map(str::to_owned);
            if let (Some(commit), Some(tree)) = (words.next(), words.next()) {
                commits.insert(commit, (tree, words.filter(|parent| !parent.is_empty()).collect()));
            }
        }
        let tree = git.text(&["rev-parse", "--verify", &format!("{base}^{{tree}}")])?;
        commits.insert(base.to_owned(), (tree, Vec::new()));
        let mut history = History { base: base.to_owned(), commits, held: HashMap::new() };
        for tip in tips {
            let held = history.all_below(tip);
            history.held.insert(tip.to_owned(), held);
        }
        Ok(history)
    }

    fn all_below(&self, tip: &str) -> HashSet<String> {
        let mut held = HashSet::new();
        let mut open = vec![tip];
        while let Some(commit) = open.pop() {
            let Some((_, parents)) = self.commits.get(commit) else { continue };
            if held.insert(commit.to_owned()) {
                open.extend(parents.iter().map(String::as_str));
            }
        }
        held
    }

    fn meet(&self, one: &str, other: &str) -> Meeting {
        let (Some(ours), Some(theirs)) = (self.held.get(one), self.held.get(other)) else {
            return Meeting::Unclear;
        };
        // A tip that is not here lies before the run: there is no work on that branch.
        let no_work = |tip: &str| tip == self.base || !self.commits.contains_key(tip);
        // Of two that are the same, the first one stays what it is.
        if no_work(one) || theirs.contains(one) {
            return Meeting::SecondHoldsFirst;
        }
        if no_work(other) || ours.contains(other) {
            return Meeting::FirstHoldsSecond;
        }
        let common: HashSet<&String> = ours.intersection(theirs).collect();
        let parents = common.iter().filter_map(|commit| self.commits.get(*commit));
        let below: HashSet<&String> = parents.flat_map(|(_, parents)| parents).collect();
        let mut best = common.iter().filter(|commit| !below.contains(**commit));
        match (best.next(), best.next()) {
            (Some(commit), None) => Meeting::At((*commit).clone()),
            _ => Meeting::Unclear,
        }
    }
}

/// What a branch changed since some commit: each path with its mode and blob now, none where it is gone.
#[derive(Clone, Debug, Default)]
struct Changes {
    paths: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    added: BTreeSet<Vec<u8>>,
}

impl Changes {
    fn gone(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.paths.iter().filter(|(_, now)| now.is_none()).map(|(path, _)| path)
    }

    /// Tells whether a merge with the other can be anything but both changes side by side.
    fn may_conflict(&self, other: &Changes) -> bool {
        let differs = |(path, now): (&Vec<u8>, &Option<Vec<u8>>)| {
            // Gone on both sides may be renamed to two names.
            other.paths.get(path).is_some_and(|theirs| theirs != now || now.is_none())
        };
        self.paths.iter().any(differs)
            || self.in_the_way_of(other)
            || other.in_the_way_of(self)
            || self.may_rename_under(other)
            || other.may_rename_under(self)
    }

    /// Tells whether a file here stands where the other has a folder.
    fn in_the_way_of(&self, other: &Changes) -> bool {
        other.paths.keys().any(|path| folders(path).any(|folder| self.paths.contains_key(folder)))
    }

    /// Tells whether a folder that was renamed here, as far as the files that are gone tell, has new files there.
    fn may_rename_under(&self, other: &Changes) -> bool {
        if other.added.is_empty() {
            return false;
        }
        let left: HashSet<&[u8]> = self.gone().flat_map(|path| folders(path)).collect();
        let top = self.gone().any(|path| !path.contains(&b'/'));
        !left.is_empty() && other.added.iter().any(|path| folders(path).any(|folder| left.contains(folder)))
            // Everything may have moved down into a folder.
            || top && !self.added.is_empty()
    }

    /// Returns the files that both change, and not alike.
    fn both_touch(&self, other: &Changes) -> Vec<String> {
        let both = self
            .paths
            .iter()
            .filter(|(path, now)| other.paths.get(*path).is_some_and(|theirs| theirs != *now));
        both.map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect()
    }
}

/// Returns the folders that a path lies in, the nearest last.
fn folders(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// Compares pairs of commits, all in one process.
fn changes(
    git: &Git,
    history: &History,
    pairs: Vec<(String, String)>,
) -> Result<HashMap<(String, String), Changes>, GitError> {
    let tree = |commit: &String| history.commits.get(commit).map(|(tree, _)| tree.as_str());
    let known: Vec<(&(String, String), &str, &str)> =
        pairs.iter().filter_map(|pair| Some((pair, tree(&pair.0)?, tree(&pair.1)?))).collect();
    let input: String = known.iter().map(|(_, from, to)| format!("{from} {to}\n")).collect();
    let ended = git.fed(&["diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames"], input.as_bytes())?;
    if ended.code != Some(0) {
        return Err(ended.failure);
    }
    let mut found: HashMap<(&str, &str), Changes> = HashMap::new();
    let mut current = None;
    let mut words = ended.stdout.split(|byte| *byte == 0);
    while let Some(word) = words.next() {
        // The head of each pair ends with a line end and not with a NUL.
        let entry = match word.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                let head = std::str::from_utf8(&word[..end]).ok().and_then(|head| head.split_once(' '));
                current = known.iter().map(|(_, from, to)| (*from, *to)).find(|pair| Some(*pair) == head);
                &word[end + 1..]
            }
            None => word,
        };
        let Some(entry) = entry.strip_prefix(b":") else { continue };
        let (Some(path), Some(pair)) = (words.next(), current) else { continue };
        let fields: Vec<&[u8]> = entry.split(|byte| *byte == b' ').collect();
        let [_, mode, _, blob, change] = fields[..] else { continue };
        let changes = found.entry(pair).or_default();
        changes.paths.insert(path.to_vec(), (change != b"D").then(|| [mode, b" ", blob].concat()));
        if change == b"A" {
            changes.added.insert(path.to_vec());
        }
    }
    let mut by_commit = HashMap::new();
    for ((from, to), from_tree, to_tree) in known {
        // Two commits may have the same trees.
        let changes = found.get(&(from_tree, to_tree)).cloned();
        by_commit.insert((from.clone(), to.clone()), changes.unwrap_or_default());
    }
    Ok(by_commit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conflict::ConflictKind;

    /// A repository with a base and branches on it.
    struct Place {
        folder: TempDir,
        scratch: TempDir,
        base: String,
    }

    impl Place {
        fn new(files: &[(&str, &str)]) -> Place {
            let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let mut place = Place { folder, scratch, base: String::new() };
            place.git(&["init", "-q", "-b", "main"]);
            place.base = place.commit(None, files, &[]);
            place
        }

        fn git(&self, args: &[&str]) -> String {
            let git = Git::at(self.folder.path()).with("GIT_CONFIG_GLOBAL", "/dev/null");
            git.text(&[&["-c", "user.name=T", "-c", "user.email=t@example.com"], args].concat()).unwrap()
        }

        /// Makes a commit on another one: what is put into files, and which are taken away.
        fn commit(&self, on: Option<&str>, put: &[(&str, &str)], gone: &[&str]) -> String {
            if let Some(on) = on {
                self.git(&["checkout", "-q", "--detach", on]);
            }
            for path in gone {
                std::fs::remove_file(self.folder.path().join(path)).unwrap();
            }
            for (path, text) in put {
                let path = self.folder.path().join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            self.git(&["add", "--all"]);
            self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
            self.git(&["rev-parse", "HEAD"])
        }

        fn side(&self, put: &[(&str, &str)], gone: &[&str]) -> String {
            self.commit(Some(&self.base), put, gone)
        }

        fn forecast(&self) -> Forecast {
            let unwanted = Arc::new(AtomicBool::new(false));
            Forecast::new(self.folder.path(), &self.base, self.scratch.path(), unwanted).unwrap()
        }

        fn objects(&self) -> String {
            self.git(&["count-objects", "-v"])
        }
    }

    /// Names branches `t0`, `t1` and so on.
    fn branches(tips: &[&str]) -> Vec<Branch> {
        let branch = |(at, tip): (usize, &&str)| Branch {
            task: TaskId::parse(&format!("t{at}")).unwrap(),
            tip: (*tip).to_owned(),
        };
        tips.iter().enumerate().map(branch).collect()
    }

    fn told(clashes: &[Clash]) -> Vec<String> {
        let conflict = |found: &Conflict| format!(" {}:{}", found.kind, found.paths.join(","));
        let clash = |clash: &Clash| {
            let conflicts: String = clash.conflicts.iter().map(conflict).collect();
            let touched: String = clash.touched.iter().map(|path| format!(" ~{path}")).collect();
            format!("{}/{}{conflicts}{touched}", clash.tasks.0, clash.tasks.1)
        };
        clashes.iter().map(clash).collect()
    }

    const TEN: &str = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    const NOTHING: [String; 0] = [];

    #[test]
    fn pairs_that_conflict_come_before_those_that_only_touch() {
        let place = Place::new(&[("a", TEN), ("b", TEN)]);
        let first = place.side(&[("a", &TEN.replace('0', "zero"))], &[]);
        let last = place.side(&[("a", &TEN.replace('9', "nine"))], &[]);
        let both = place.side(&[("a", &TEN.replace('9', "IX")), ("b", "b\n")], &[]);
        let apart = place.side(&[("new/file", "n\n")], &[]);
        let before = place.objects();
        let mut forecast = place.forecast();
        let clashes = forecast.clashes(&branches(&[&first, &last, &both, &apart])).unwrap();
        assert_eq!(told(&clashes), ["t1/t2 content:a", "t0/t1 ~a", "t0/t2 ~a"]);
        assert_eq!(clashes[0].conflicts[0].lines, [(10, 10)]);
        assert_eq!(place.objects(), before, "a forecast leaves nothing in the repository");
        assert_eq!(std::fs::read_dir(place.scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_what_moved_is_tried_again() {
        let place = Place::new(&[("a", TEN)]);
        let one = place.side(&[("a", "one\n")], &[]);
        let other = place.side(&[("a", "other\n")], &[]);
        let third = place.side(&[("c", "c\n")], &[]);
        let mut forecast = place.forecast();
        assert_eq!(told(&forecast.clashes(&branches(&[&one, &other, &third])).unwrap()), ["t0/t1 content:a"]);
        // With git out of reach, only what is known can be told.
        let elsewhere = tempfile::tempdir().unwrap();
        let git = std::mem::replace(&mut forecast.git, Git::at(elsewhere.path()));
        assert_eq!(told(&forecast.clashes(&branches(&[&one, &other, &third])).unwrap()), ["t0/t1 content:a"]);
        assert!(forecast.clashes(&branches(&[&one, &other, &place.base])).is_err());
        forecast.git = git;
        let agreed = place.commit(Some(&other), &[("a", "one\n")], &[]);
        assert_eq!(told(&forecast.clashes(&branches(&[&one, &agreed, &third])).unwrap()), NOTHING);
    }

    #[test]
    fn a_branch_does_not_clash_with_what_it_began_from() {
        let place = Place::new(&[("a", TEN), ("b", TEN)]);
        let first = place.side(&[("a", "first\n"), ("b", &TEN.replace('0', "zero"))], &[]);
        let one = place.commit(Some(&first), &[("a", "first\nand one\n")], &[]);
        let other = place.commit(Some(&first), &[("a", "first\nand other\n")], &[]);
        let calm = place.commit(Some(&first), &[("c", "c\n")], &[]);
        let mut forecast = place.forecast();
        // What the first one changed is no change of those that began from it.
        let clashes = forecast.clashes(&branches(&[&first, &one, &other, &calm, &place.base])).unwrap();
        assert_eq!(told(&clashes), ["t1/t2 content:a"]);
    }

    #[test]
    fn a_conflict_is_told_of_the_branch_that_it_comes_from() {
        let place = Place::new(&[("a", TEN), ("b", TEN)]);
        let first = place.side(&[("a", "first\n")], &[]);
        let against = place.side(&[("a", "against\n"), ("b", "against\n")], &[]);
        let next = place.commit(Some(&first), &[("c", "c\n")], &[]);
        let last = place.commit(Some(&next), &[("b", "last\n")], &[]);
        let mut forecast = place.forecast();
        let clashes = forecast.clashes(&branches(&[&last, &against, &next, &first])).unwrap();
        assert_eq!(told(&clashes), ["t0/t1 content:b", "t1/t3 content:a"]);
        // A branch on which nothing has happened yet is not the one that it began from.
        let clashes = forecast.clashes(&branches(&[&first, &against, &first])).unwrap();
        assert_eq!(told(&clashes), ["t0/t1 content:a"]);
    }

    #[test]
    fn renames_and_folders_are_not_passed_over() {
        let files = [("d/1", "1\n2\n3\n4\n"), ("d/2", "5\n6\n7\n8\n"), ("top", TEN)];
        let place = Place::new(&files);
        let tried =
            |ours: &str, theirs: &str| told(&place.forecast().clashes(&branches(&[ours, theirs])).unwrap());
        let moved = place.side(&[("e/1", files[0].1), ("e/2", files[1].1)], &["d/1", "d/2"]);
        let added = place.side(&[("d/new", "n\n")], &[]);
        assert_eq!(tried(&moved, &added), ["t0/t1 rename:e/new,d/new"]);
        assert_eq!(tried(&added, &moved), ["t0/t1 rename:e/new,d/new"]);
        assert_eq!(tried(&moved, &place.side(&[("other/new", "n\n")], &[])), NOTHING);
        let renamed = |name: &str| place.side(&[(name, TEN)], &["top"]);
        assert_eq!(tried(&renamed("x"), &renamed("y")), ["t0/t1 rename:top,x,y"]);
        assert_eq!(tried(&renamed("x"), &renamed("x")), NOTHING);
        let changed = place.side(&[("top", &TEN.replace('5', "five"))], &[]);
        assert_eq!(tried(&renamed("x"), &changed), ["t0/t1 ~top"]);
        let (file, folder) = (place.side(&[("n", "n\n")], &[]), place.side(&[("n/x", "x\n")], &[]));
        assert_eq!(tried(&file, &folder), ["t0/t1 file/folder:n"]);
    }

    #[test]
    fn names_with_line_ends_are_compared_whole() {
        let (odd, other) = ("a\nb", "a\nc");
        let place = Place::new(&[(odd, TEN), (other, TEN)]);
        let (one, two) = (place.side(&[(odd, "1\n")], &[]), place.side(&[(odd, "2\n")], &[]));
        let apart = place.side(&[(other, "3\n")], &[]);
        let clashes = place.forecast().clashes(&branches(&[&one, &two, &apart])).unwrap();
        assert_eq!(told(&clashes), ["t0/t1 content:a\nb"]);
    }

    #[test]
    fn tips_are_told_by_what_follows_the_prefix() {
        let place = Place::new(&[("a", TEN)]);
        let one = place.side(&[("a", "one\n")], &[]);
        place.git(&["branch", "crew/r1/fix", &one]);
        place.git(&["branch", "crew/r11/fix", &place.base]);
        let tips = place.forecast().tips("refs/heads/crew/r1/").unwrap();
        assert_eq!(tips.into_iter().collect::<Vec<_>>(), [("fix".to_owned(), one)]);
    }

    #[test]
    fn what_is_told_of_a_pair_is_bounded() {
        let names: Vec<String> = (0..MOST_LISTED + 5).map(|at| format!("f{at:03}")).collect();
        let put = |text: &'static str| names.iter().map(|name| (name.as_str(), text)).collect::<Vec<_>>();
        let place = Place::new(&put("x\n"));
        let (ours, theirs) = (place.side(&put("ours\n"), &[]), place.side(&put("theirs\n"), &[]));
        let clashes = place.forecast().clashes(&branches(&[&ours, &theirs])).unwrap();
        assert_eq!((clashes[0].conflicts.len(), clashes[0].more_conflicts), (MOST_LISTED, 5));
        assert_eq!(clashes[0].conflicts[0].kind, ConflictKind::Content);
        assert_eq!(clashes[0].weight(), MOST_LISTED as u64 + 5);
    }
}
