//! Merges in the object store: the one place where `git merge-tree` is run and its answer read.
//!
//! No folder, index or branch is touched. The tree of the answer is written, with the blobs that it needs.
//!
//! # How it works
//!
//! The kinds of conflicts are read from the types that git promises to keep in its messages, never from the sentences.
//! `--write-tree` came with git 2.38, `--merge-base` with 2.40.

use super::git::{Git, GitError};
use super::merge_lines::{Sides, lines_of};
use crate::domain::conflict::{Conflict, ConflictKind};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Files of a mode that is no file: a submodule.
const SUBMODULE: u32 = 0o160000;
const LINK: u32 = 0o120000;

/// What came of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    Clean {
        tree: String,
    },
    Conflicting {
        /// Where files hold conflict markers that name the sides as they were given.
        tree: String,
        /// Sorted by path. Empty only where git names nothing that it could not merge.
        conflicts: Vec<Conflict>,
    },
}

impl Merged {
    /// Returns the tree of the merge.
    pub fn tree(&self) -> &str {
        match self {
            Merged::Clean { tree } | Merged::Conflicting { tree, .. } => tree,
        }
    }

    /// Returns what git could not merge.
    pub fn conflicts(&self) -> &[Conflict] {
        match self {
            Merged::Clean { .. } => &[],
            Merged::Conflicting { conflicts, .. } => conflicts,
        }
    }
}

/// Two commits to be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub ours: String,
    pub theirs: String,
    /// Taken for the merge base instead of what the history says.
    pub base: Option<String>,
}

/// Merges `theirs` into `ours`, which git finds the merge base of unless `base` names it.
///
/// A failure is everything but a merge or its conflicts: an object that is missing, histories that have no commit in
/// common, as in a clone that is too shallow.
pub fn merge(git: &Git, ours: &str, theirs: &str, base: Option<&str>) -> Result<Merged, GitError> {
    let pair = Pair { ours: ours.to_owned(), theirs: theirs.to_owned(), base: base.map(str::to_owned) };
    let answer = ask_alone(git, &pair)?;
    let mut merged = describe(git, vec![(&pair, answer)])?;
    merged.pop().ok_or_else(missing)
}

/// Merges each pair apart, all in one process as far as none fails; the answers stand in the order of the pairs.
pub fn merge_many(git: &Git, pairs: &[Pair]) -> Result<Vec<Result<Merged, GitError>>, GitError> {
    let mut answers: Vec<Result<Answer, GitError>> = Vec::with_capacity(pairs.len());
    while answers.len() < pairs.len() {
        let said = ask_together(git, &pairs[answers.len()..])?;
        answers.extend(said.into_iter().map(Ok));
        // git ends at the first that it can't do at all; alone, it says why.
        if let Some(pair) = pairs.get(answers.len()) {
            match ask_alone(git, pair) {
                Err(late @ (GitError::TooLong { .. } | GitError::NotStarted(_))) => return Err(late),
                answer => answers.push(answer),
            }
        }
    }
    let done =
        pairs.iter().zip(&answers).filter_map(|(pair, answer)| Some((pair, answer.as_ref().ok()?.clone())));
    let mut merged = describe(git, done.collect())?.into_iter();
    let each = answers.into_iter().map(|answer| answer.and_then(|_| merged.next().ok_or_else(missing)));
    Ok(each.collect())
}

fn missing() -> GitError {
    GitError::Unreadable { command: "merge-tree".into(), source: io::ErrorKind::UnexpectedEof.into() }
}

fn ask_alone(git: &Git, pair: &Pair) -> Result<Answer, GitError> {
    let base = pair.base.as_ref().map(|base| format!("--merge-base={base}"));
    let mut args = vec!["merge-tree", "--write-tree", "-z", "--messages"];
    args.extend(base.as_deref());
    args.extend(["--", &pair.ours, &pair.theirs]);
    let ended = git.fed(&args, &[])?;
    let clean = match ended.code {
        Some(0) => true,
        Some(1) => false,
        _ => return Err(ended.failure),
    };
    // A git that cannot find a revision exits with 1 too, but names no tree.
    let mut words = Words(&ended.stdout);
    read_answer(clean, &mut words).ok_or(ended.failure)
}

/// Asks for all pairs at once and returns the answers that came before git could not go on.
fn ask_together(git: &Git, pairs: &[Pair]) -> Result<Vec<Answer>, GitError> {
    let name = |text: &str| !text.is_empty() && !text.starts_with('-') && !text.contains([' ', '\n', '\0']);
    let mut input = String::new();
    for pair in pairs {
        if ![Some(&pair.ours), Some(&pair.theirs), pair.base.as_ref()]
            .into_iter()
            .flatten()
            .all(|text| name(text))
        {
            break;
        }
        let base = pair.base.as_ref().map(|base| format!("{base} -- ")).unwrap_or_default();
        input.push_str(&format!("{base}{} {}\n", pair.ours, pair.theirs));
    }
    if input.is_empty() {
        return Ok(Vec::new());
    }
    let ended = git.fed(&["merge-tree", "--write-tree", "--stdin", "--messages"], input.as_bytes())?;
    let mut words = Words(&ended.stdout);
    let mut answers = Vec::new();
    while let Some(status @ (b"0" | b"1")) = words.next() {
        let Some(answer) = read_answer(status == b"1", &mut words) else { break };
        answers.push(answer);
    }
    Ok(answers)
}

/// The words of git's answer, each ended by a NUL.
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let word = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(word)
    }
}

/// What git says of one merge.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    clean: bool,
    tree: String,
    stages: Vec<Stage>,
    messages: Vec<Message>,
}

/// One version of a file that could not be merged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stage {
    mode: u32,
    blob: String,
    /// 1 in the merge base, 2 in ours, 3 in theirs.
    number: u8,
    path: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Message {
    paths: Vec<Vec<u8>>,
    /// A name that git keeps from version to version, such as `CONFLICT (contents)`.
    kind: Vec<u8>,
}

/// Reads the tree, the stages up to an empty word, and the messages up to another one or the end.
fn read_answer(clean: bool, words: &mut Words) -> Option<Answer> {
    let tree = String::from_utf8(words.next()?.to_vec()).ok()?;
    let mut answer = Answer { clean, tree, stages: Vec::new(), messages: Vec::new() };
    loop {
        match words.next()? {
            b"" => break,
            entry => answer.stages.push(read_stage(entry)?),
        }
    }
    while let Some(count) = words.next().filter(|word| !word.is_empty()) {
        let count: usize = std::str::from_utf8(count).ok()?.parse().ok()?;
        let mut paths = Vec::new();
        for _ in 0..count {
            paths.push(words.next()?.to_vec());
        }
        let kind = words.next()?.to_vec();
        // The sentence may change with every version.
        words.next()?;
        answer.messages.push(Message { paths, kind });
    }
    Some(answer)
}

/// Reads `MODE BLOB NUMBER<TAB>PATH`.
fn read_stage(entry: &[u8]) -> Option<Stage> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    let mut words = std::str::from_utf8(&entry[..tab]).ok()?.split(' ');
    Some(Stage {
        mode: u32::from_str_radix(words.next()?, 8).ok()?,
        blob: words.next()?.to_owned(),
        number: words.next()?.parse().ok()?,
        path: entry[tab + 1..].to_vec(),
    })
}

/// A conflict whose lines are still to be found.
struct Found {
    kind: ConflictKind,
    paths: Vec<Vec<u8>>,
    sides: Option<Sides>,
}

/// Turns answers into what the rest of crew reads.
fn describe(git: &Git, answers: Vec<(&Pair, Answer)>) -> Result<Vec<Merged>, GitError> {
    let mut found: Vec<Vec<Found>> = Vec::with_capacity(answers.len());
    for (pair, answer) in &answers {
        let mut conflicts = conflicts_of(pair, answer);
        if conflicts.iter().any(|conflict| conflict.kind == ConflictKind::Add) {
            let renamed = renamed_to(git, pair)?;
            for conflict in conflicts.iter_mut().filter(|conflict| conflict.kind == ConflictKind::Add) {
                if conflict.paths.first().is_some_and(|path| renamed.contains(path)) {
                    conflict.kind = ConflictKind::Rename;
                }
            }
        }
        found.push(conflicts);
    }
    let wanted: Vec<Sides> = found.iter().flatten().filter_map(|conflict| conflict.sides.clone()).collect();
    let mut lines = lines_of(git, &wanted)?.into_iter();
    let each = answers.into_iter().zip(found).map(|((_, answer), found)| {
        let conflicts = found.into_iter().map(|conflict| Conflict {
            kind: conflict.kind,
            paths: conflict.paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect(),
            lines: conflict.sides.and_then(|_| lines.next()).unwrap_or_default(),
        });
        // Taken in any case, so that the lines stay with their files.
        let conflicts = conflicts.collect();
        match answer.clean {
            true => Merged::Clean { tree: answer.tree },
            false => Merged::Conflicting { tree: answer.tree, conflicts },
        }
    });
    Ok(each.collect())
}

/// Returns the conflicts of an answer, one for each place, sorted by path.
fn conflicts_of(pair: &Pair, answer: &Answer) -> Vec<Found> {
    if answer.clean {
        return Vec::new();
    }
    let mut stages: BTreeMap<Vec<u8>, [Option<&Stage>; 3]> = BTreeMap::new();
    for stage in &answer.stages {
        let versions = stages.entry(own_name(pair, &stage.path)).or_default();
        if let Some(version) = versions.get_mut(usize::from(stage.number).wrapping_sub(1)) {
            *version = Some(stage);
        }
    }
    let mut found: BTreeMap<Vec<u8>, Found> = BTreeMap::new();
    let mut told: BTreeSet<Vec<u8>> = BTreeSet::new();
    for message in &answer.messages {
        let mut paths: Vec<Vec<u8>> = Vec::new();
        for path in message.paths.iter().map(|path| own_name(pair, path)) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let Some(first) = paths.first().cloned() else { continue };
        let versions = stages.get(&first).copied().unwrap_or_default();
        let Some(kind) = kind_of(&message.kind, versions) else { continue };
        told.extend(paths.iter().cloned());
        let sides = sides_of(kind, versions);
        let conflict = Found { kind, paths, sides };
        match found.get_mut(&first) {
            Some(known) if rank(known.kind) <= rank(kind) => {}
            Some(known) => *known = conflict,
            None => drop(found.insert(first, conflict)),
        }
    }
    // What git lists without a word about it.
    for (path, versions) in stages {
        if !told.contains(&path) {
            let kind = kind_by_versions(versions);
            let sides = sides_of(kind, versions);
            found.insert(path.clone(), Found { kind, paths: vec![path], sides });
        }
    }
    found.into_values().collect()
}

/// Undoes the name that git gives to a file in whose place something else stands: the path, `~` and the side.
fn own_name(pair: &Pair, path: &[u8]) -> Vec<u8> {
    for side in [&pair.ours, &pair.theirs] {
        let ending = format!("~{}", side.replace('/', "_"));
        if let Some(own) = path.strip_suffix(ending.as_bytes()) {
            return own.to_vec();
        }
    }
    path.to_vec()
}

/// Returns what a type of message says about a file with these versions; `None` where it tells of no conflict.
fn kind_of(message: &[u8], versions: [Option<&Stage>; 3]) -> Option<ConflictKind> {
    let message = String::from_utf8_lossy(message);
    if !message.starts_with("CONFLICT") {
        return None;
    }
    Some(match message.as_ref() {
        "CONFLICT (binary)" => ConflictKind::Binary,
        "CONFLICT (file/directory)" => ConflictKind::FileFolder,
        "CONFLICT (modify/delete)" => ConflictKind::DeleteModify,
        "CONFLICT (distinct modes)" => ConflictKind::Mode,
        other if other.contains("submodule") => ConflictKind::Submodule,
        other if other.contains("rename") => ConflictKind::Rename,
        _ => kind_by_versions(versions),
    })
}

/// Returns what the versions alone tell.
fn kind_by_versions(versions: [Option<&Stage>; 3]) -> ConflictKind {
    if versions.iter().flatten().any(|stage| stage.mode == SUBMODULE) {
        return ConflictKind::Submodule;
    }
    match versions {
        [_, Some(ours), Some(theirs)] if ours.blob == theirs.blob => ConflictKind::Mode,
        [_, Some(ours), Some(theirs)] if (ours.mode == LINK) != (theirs.mode == LINK) => ConflictKind::Mode,
        [None, Some(_), Some(_)] => ConflictKind::Add,
        [Some(_), Some(_), None] | [Some(_), None, Some(_)] => ConflictKind::DeleteModify,
        _ => ConflictKind::Content,
    }
}

/// Tells which of two kinds says more where git has both for one path; the lower one does.
fn rank(kind: ConflictKind) -> u8 {
    match kind {
        ConflictKind::Submodule => 0,
        ConflictKind::FileFolder => 1,
        ConflictKind::Mode => 2,
        ConflictKind::Rename => 3,
        ConflictKind::Binary => 4,
        ConflictKind::DeleteModify => 5,
        ConflictKind::Add => 6,
        ConflictKind::Content => 7,
    }
}

/// Returns the versions to compare where lines say something.
fn sides_of(kind: ConflictKind, versions: [Option<&Stage>; 3]) -> Option<Sides> {
    let [base, Some(ours), Some(theirs)] = versions else { return None };
    let text = |stage: &Stage| stage.mode != LINK && stage.mode != SUBMODULE;
    let compared = matches!(kind, ConflictKind::Content | ConflictKind::Add | ConflictKind::Rename)
        && versions.into_iter().flatten().all(text);
    compared.then(|| Sides {
        base: base.map(|base| base.blob.clone()),
        ours: ours.blob.clone(),
        theirs: theirs.blob.clone(),
    })
}

/// Returns the names that either side gave to files that it renamed.
fn renamed_to(git: &Git, pair: &Pair) -> Result<BTreeSet<Vec<u8>>, GitError> {
    let base = match &pair.base {
        Some(base) => base.clone(),
        None => git.text(&["merge-base", "--", &pair.ours, &pair.theirs])?,
    };
    let mut names = BTreeSet::new();
    for side in [&pair.ours, &pair.theirs] {
        let said =
            git.run(&["diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", &base, side])?;
        // Score, old name and new name of each.
        let new = Words(&said).skip(2).step_by(3);
        names.extend(new.map(<[u8]>::to_vec));
    }
    Ok(names)
}
