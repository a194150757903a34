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
            let renames = renames(git, pair)?;
            for conflict in conflicts.iter_mut().filter(|conflict| conflict.kind == ConflictKind::Add) {
                let added = conflict.paths.clone();
                let old = renames.iter().filter(|(new, _)| added.first() == Some(new));
                conflict.paths.extend(old.map(|(_, old)| old.clone()));
                if conflict.paths.len() > added.len() {
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
    if versions.iter().flatten().any(|stage| stage.mode == SUBMODULE) {
        return Some(ConflictKind::Submodule);
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

/// The name of a file, as git has it.
type Name = Vec<u8>;

/// Returns the new and the old name of each file that a side renamed, which git does not tell where both come to the
/// same new name.
fn renames(git: &Git, pair: &Pair) -> Result<BTreeSet<(Name, Name)>, GitError> {
    let base = match &pair.base {
        Some(base) => base.clone(),
        // Where there are several, one will do: it says what the names were.
        None => git.text(&["merge-base", "--", &pair.ours, &pair.theirs])?,
    };
    let mut names = BTreeSet::new();
    for side in [&pair.ours, &pair.theirs] {
        let said =
            git.run(&["diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", &base, side])?;
        let mut words = Words(&said);
        while let (Some(_score), Some(old), Some(new)) = (words.next(), words.next(), words.next()) {
            names.insert((new.to_vec(), old.to_vec()));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// Nine lines, of which a test changes some.
    const NINE: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n";

    struct Place {
        folder: TempDir,
    }

    impl Place {
        /// A repository whose branch `main` holds what `files` makes.
        fn new(files: impl FnOnce(&Place)) -> Place {
            let place = Place { folder: tempfile::tempdir().unwrap() };
            place.git(&["init", "-q", "-b", "main"]);
            files(&place);
            place.commit();
            place
        }

        fn at(&self) -> Git {
            // What the user of this machine set must not decide.
            Git::at(self.folder.path())
                .with("GIT_CONFIG_GLOBAL", "/dev/null")
                .with("GIT_CONFIG_SYSTEM", "/dev/null")
        }

        fn git(&self, args: &[&str]) -> String {
            self.at()
                .text(&[&["-c", "user.name=T", "-c", "user.email=t@example.com"], args].concat())
                .unwrap()
        }

        fn commit(&self) -> String {
            self.git(&["add", "--all"]);
            self.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
            self.git(&["rev-parse", "HEAD"])
        }

        /// A commit on top of `main` with what `change` does.
        fn side(&self, change: impl FnOnce(&Place)) -> String {
            self.git(&["checkout", "-q", "--detach", "main"]);
            change(self);
            self.commit()
        }

        fn path(&self, name: impl AsRef<[u8]>) -> PathBuf {
            self.folder.path().join(std::ffi::OsStr::from_bytes(name.as_ref()))
        }

        fn write(&self, name: impl AsRef<[u8]>, text: impl AsRef<[u8]>) {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn remove(&self, name: impl AsRef<[u8]>) {
            std::fs::remove_file(self.path(name)).unwrap();
        }

        fn rename(&self, old: &str, new: &str) {
            std::fs::create_dir_all(self.path(new).parent().unwrap()).unwrap();
            std::fs::rename(self.path(old), self.path(new)).unwrap();
        }

        /// The conflicts of a merge, each as its kind, paths and lines; the same alone, among many and the other way round.
        fn conflicts(&self, ours: &str, theirs: &str) -> Vec<String> {
            let alone = merge(&self.at(), ours, theirs, None).unwrap();
            let pair =
                |ours: &str, theirs: &str| Pair { ours: ours.into(), theirs: theirs.into(), base: None };
            let pairs = [pair(ours, theirs), pair(ours, "main"), pair(theirs, ours)];
            let many: Vec<Merged> =
                merge_many(&self.at(), &pairs).unwrap().into_iter().map(Result::unwrap).collect();
            assert_eq!(many[0], alone);
            assert!(matches!(&many[1], Merged::Clean { tree } if *tree == self.tree(ours)), "{many:?}");
            let kinds = |merged: &Merged| -> Vec<ConflictKind> {
                merged.conflicts().iter().map(|conflict| conflict.kind).collect()
            };
            assert_eq!(kinds(&alone), kinds(&many[2]), "a conflict has the same kind from both sides");
            assert_eq!(matches!(alone, Merged::Clean { .. }), alone.conflicts().is_empty());
            let told = |conflict: &Conflict| {
                let lines: Vec<String> =
                    conflict.lines.iter().map(|(first, last)| format!(" {first}-{last}")).collect();
                format!("{}: {}{}", conflict.kind, conflict.paths.join(", "), lines.concat())
            };
            alone.conflicts().iter().map(told).collect()
        }

        fn tree(&self, commit: &str) -> String {
            self.git(&["rev-parse", &format!("{commit}^{{tree}}")])
        }
    }

    fn nine_with(changes: &[(&str, &str)]) -> String {
        changes.iter().fold(NINE.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    #[test]
    fn what_does_not_conflict_is_one_tree() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        let theirs = place.side(|place| place.write("a", nine_with(&[("nine", "9")])));
        let merged = merge(&place.at(), &ours, &theirs, None).unwrap();
        let text = place.git(&["cat-file", "blob", &format!("{}:a", merged.tree())]);
        assert_eq!(text + "\n", nine_with(&[("one", "1"), ("nine", "9")]));
        assert!(place.conflicts(&ours, &theirs).is_empty());
    }

    #[test]
    fn lines_that_both_change_are_told_by_the_lines_of_the_merge_base() {
        let place = Place::new(|place| place.write("src/a b.rs", NINE));
        let ours = place.side(|place| {
            place.write(
                "src/a b.rs",
                nine_with(&[("one\n", "one\nput\nin\n"), ("three\nfour", "3\n4"), ("nine", "9")]),
            )
        });
        let theirs = place
            .side(|place| place.write("src/a b.rs", nine_with(&[("four\nfive", "IV\nV"), ("nine", "IX")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["content: src/a b.rs 3-5 9-9"]);
    }

    #[test]
    fn what_both_put_into_the_same_place_stands_as_the_line_before() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.write("a", nine_with(&[("six\n", "six\nours\n")])));
        let theirs = place.side(|place| place.write("a", nine_with(&[("six\n", "six\ntheirs\n")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["content: a 6-6"]);
        let ours = place.side(|place| place.write("a", format!("ours\n{NINE}")));
        let theirs = place.side(|place| place.write("a", format!("theirs\n{NINE}")));
        assert_eq!(place.conflicts(&ours, &theirs), ["content: a 1-1"]);
    }

    #[test]
    fn what_both_change_alike_is_left_out() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.write("a", nine_with(&[("two", "2"), ("eight", "8")])));
        let theirs = place.side(|place| place.write("a", nine_with(&[("two", "2"), ("eight", "VIII")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["content: a 8-8"]);
    }

    #[test]
    fn a_file_that_both_add_is_compared_by_our_lines() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.write("new", "same\nours\nmore\nsame too\n"));
        let theirs = place.side(|place| place.write("new", "same\ntheirs\nsame too\n"));
        assert_eq!(place.conflicts(&ours, &theirs), ["both add: new 2-3"]);
        let alike = place.side(|place| place.write("new", "same\nours\nmore\nsame too\n"));
        assert!(place.conflicts(&ours, &alike).is_empty());
    }

    #[test]
    fn a_file_that_one_deletes_and_the_other_changes_is_told_from_both_sides() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.remove("a"));
        let theirs = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["delete/modify: a"]);
        assert_eq!(place.conflicts(&theirs, &ours), ["delete/modify: a"]);
    }

    #[test]
    fn renames_that_disagree_name_all_paths() {
        let place = Place::new(|place| {
            place.write("a", NINE);
            place.write("b", "other\ncontent\nof\nseveral\nlines\n");
        });
        let ours = place.side(|place| place.rename("a", "ours"));
        let theirs = place.side(|place| place.rename("a", "theirs"));
        assert_eq!(place.conflicts(&ours, &theirs), ["rename: a, ours, theirs"]);
        let deleted = place.side(|place| place.remove("a"));
        assert_eq!(place.conflicts(&ours, &deleted), ["rename: ours, a"]);
        assert_eq!(place.conflicts(&deleted, &ours), ["rename: ours, a"]);
        let (one, other) =
            (place.side(|place| place.rename("a", "new")), place.side(|place| place.rename("b", "new")));
        assert_eq!(place.conflicts(&one, &other), ["rename: new, a, b 1-9"]);
        let added = place.side(|place| place.write("new", "something else\n"));
        assert_eq!(place.conflicts(&one, &added), ["rename: new, a 1-9"]);
        assert_eq!(place.conflicts(&added, &one), ["rename: new, a 1-1"]);
    }

    #[test]
    fn a_renamed_file_is_followed() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| {
            place.rename("a", "moved");
            place.write("moved", nine_with(&[("six", "6")]));
        });
        let theirs = place.side(|place| place.write("a", nine_with(&[("six", "VI")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["content: moved 6-6"]);
        let elsewhere = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        assert!(place.conflicts(&ours, &elsewhere).is_empty());
    }

    #[test]
    fn a_file_added_to_a_folder_that_the_other_renames_is_a_rename() {
        let place =
            Place::new(|place| (1..4).for_each(|n| place.write(format!("d/{n}"), format!("{NINE}{n}\n"))));
        let ours = place.side(|place| place.rename("d", "e"));
        let theirs = place.side(|place| place.write("d/new", "new\n"));
        assert_eq!(place.conflicts(&ours, &theirs), ["rename: e/new, d/new"]);
        let split = place.side(|place| {
            place.rename("d/1", "e/1");
            place.rename("d/2", "f/2");
            place.remove("d/3");
        });
        // No file stands in the way of another, and still git can't decide.
        assert_eq!(place.conflicts(&split, &theirs), ["rename: d"]);
    }

    #[test]
    fn modes_and_links_are_told_apart_from_contents() {
        let place = Place::new(|place| place.write("a", NINE));
        let runs = |place: &Place| {
            place.write("new", "same\n");
            std::fs::set_permissions(place.path("new"), Permissions::from_mode(0o755)).unwrap();
        };
        let (ours, theirs) = (place.side(|place| place.write("new", "same\n")), place.side(runs));
        assert_eq!(place.conflicts(&ours, &theirs), ["mode: new"]);
        let ours = place.side(|place| {
            place.remove("a");
            symlink("elsewhere", place.path("a")).unwrap();
        });
        let theirs = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["mode: a"]);
        let other = place.side(|place| {
            place.remove("a");
            symlink("elsewhere else", place.path("a")).unwrap();
        });
        assert_eq!(place.conflicts(&ours, &other), ["content: a"], "two links with two targets");
    }

    #[test]
    fn binary_files_have_no_lines() {
        let place = Place::new(|place| place.write("a", b"x\0\n1\n"));
        let ours = place.side(|place| place.write("a", b"x\0\n2\n"));
        let theirs = place.side(|place| place.write("a", b"x\0\n3\n"));
        assert_eq!(place.conflicts(&ours, &theirs), ["binary: a"]);
    }

    #[test]
    fn a_file_in_place_of_a_folder_is_told_by_its_own_name() {
        let place = Place::new(|place| place.write("a", NINE));
        let folder = |place: &Place| {
            place.remove("a");
            place.write("a/x", "x\n");
        };
        let ours = place.side(folder);
        let theirs = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        assert_eq!(place.conflicts(&ours, &theirs), ["file/folder: a"]);
        let (ours, theirs) =
            (place.side(|place| place.write("n/x", "x\n")), place.side(|place| place.write("n", "n\n")));
        assert_eq!(place.conflicts(&ours, &theirs), ["file/folder: n"]);
    }

    #[test]
    fn submodules_that_went_apart_are_told() {
        let place = Place::new(|place| place.write("a", NINE));
        let at = |place: &Place, commit: &str| {
            place.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},sub")]);
            place.git(&["commit", "-q", "-m", "x"]);
            place.git(&["rev-parse", "HEAD"])
        };
        let commits: Vec<String> = (1..4).map(|n| n.to_string().repeat(40)).collect();
        let base = at(&place, &commits[0]);
        let ours = at(&place, &commits[1]);
        place.git(&["checkout", "-q", "--detach", &base]);
        let theirs = at(&place, &commits[2]);
        let merged = merge(&place.at(), &ours, &theirs, None).unwrap();
        let told: Vec<_> =
            merged.conflicts().iter().map(|found| (found.kind, found.paths.concat())).collect();
        assert_eq!(told, [(ConflictKind::Submodule, "sub".to_owned())]);
    }

    #[test]
    fn any_name_is_told_whole() {
        let names: [&[u8]; 6] = [b"-rf", b"new\nline", "\u{202e}ü 漢".as_bytes(), b"a\tb", b"\"q\"", b"\xff"];
        let place = Place::new(|place| names.iter().for_each(|name| place.write(name, NINE)));
        let change = |text: &str| {
            let text = nine_with(&[("six", text)]);
            place.side(|place| names.iter().for_each(|name| place.write(name, &text)))
        };
        let (ours, theirs) = (change("6"), change("VI"));
        let told = place.conflicts(&ours, &theirs);
        let mut expected: Vec<String> =
            names.iter().map(|name| format!("content: {} 6-6", String::from_utf8_lossy(name))).collect();
        expected.sort();
        assert_eq!(told, expected);
    }

    #[test]
    fn histories_that_crossed_are_merged_from_all_their_bases() {
        let place = Place::new(|place| place.write("a", NINE));
        let one = place.side(|place| place.write("a", nine_with(&[("two", "2")])));
        let other = place.side(|place| place.write("a", nine_with(&[("eight", "8")])));
        let both = |first: &str, second: &str| {
            place.git(&["checkout", "-q", "--detach", first]);
            place.git(&["merge", "-q", "--no-edit", second]);
        };
        both(&one, &other);
        place.write("a", nine_with(&[("two", "2"), ("eight", "8"), ("five", "5")]));
        let ours = place.commit();
        both(&other, &one);
        place.write("a", nine_with(&[("two", "2"), ("eight", "8"), ("five", "V")]));
        let theirs = place.commit();
        assert_eq!(place.git(&["merge-base", "--all", &ours, &theirs]).lines().count(), 2);
        assert_eq!(place.conflicts(&ours, &theirs), ["content: a 5-5"]);
    }

    #[test]
    fn a_base_of_ones_own_carries_over_only_what_came_after_it() {
        let place = Place::new(|place| place.write("a", NINE));
        let draft = place.side(|place| place.write("a", nine_with(&[("one", "draft")])));
        place.write("a", nine_with(&[("one", "draft"), ("nine", "9")]));
        let tip = place.commit();
        let pair = Pair { ours: "main".into(), theirs: tip.clone(), base: Some(draft.clone()) };
        let alone = merge(&place.at(), "main", &tip, Some(&draft)).unwrap();
        let text = place.git(&["cat-file", "blob", &format!("{}:a", alone.tree())]);
        assert_eq!(text + "\n", nine_with(&[("nine", "9")]));
        assert_eq!(merge_many(&place.at(), &[pair]).unwrap().remove(0).unwrap(), alone);
    }

    #[test]
    fn one_merge_that_cannot_be_made_leaves_the_others() {
        let place = Place::new(|place| place.write("a", NINE));
        let ours = place.side(|place| place.write("a", nine_with(&[("one", "1")])));
        let theirs = place.side(|place| place.write("a", nine_with(&[("nine", "9")])));
        let tree = place.tree("main");
        let lone = place.git(&["commit-tree", &tree, "-m", "nothing before"]);
        let pair = |ours: &str, theirs: &str| Pair { ours: ours.into(), theirs: theirs.into(), base: None };
        let pairs = [
            pair(&ours, &theirs),
            pair(&ours, &lone),
            pair("no such", &ours),
            pair("main", &ours),
            pair("", "x"),
        ];
        let merged = merge_many(&place.at(), &pairs).unwrap();
        assert!(matches!((&merged[0], &merged[3]), (Ok(Merged::Clean { .. }), Ok(Merged::Clean { .. }))));
        let unrelated = merged[1].as_ref().unwrap_err().to_string();
        assert!(unrelated.contains("refusing to merge unrelated histories"), "{unrelated}");
        assert!(merged[2].is_err() && merged[4].is_err());
        assert!(merge(&place.at(), &ours, "no-such", None).is_err());
    }
}
