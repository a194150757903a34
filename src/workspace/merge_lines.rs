//! Which lines of a file two sides both change, by what git says each side changed.

use super::git::{Git, GitError};
use std::collections::{BTreeMap, HashMap};

/// The contents of one file, as ids of blobs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sides {
    /// In the merge base; `None` where both sides added the file.
    pub base: Option<String>,
    pub ours: String,
    pub theirs: String,
}

/// One place that a side changed, in lines of the base counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    at: u64,
    removed: Vec<Vec<u8>>,
    added: Vec<Vec<u8>>,
}

impl Change {
    fn end(&self) -> u64 {
        self.at + self.removed.len() as u64
    }
}

/// Returns for each file the ranges of lines that both sides change differently, from 1 and with both ends: in the base,
/// or in ours where there is none.
///
/// All files are compared by one process, so the number of files hardly matters.
pub fn lines_of(git: &Git, files: &[Sides]) -> Result<Vec<Vec<(u64, u64)>>, GitError> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for file in files {
        match &file.base {
            Some(base) => pairs.extend([(base.as_str(), file.ours.as_str()), (base, file.theirs.as_str())]),
            None => pairs.push((&file.ours, &file.theirs)),
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs.retain(|(from, to)| from != to);
    if pairs.is_empty() {
        return Ok(vec![Vec::new(); files.len()]);
    }
    let changes = changes(git, &pairs)?;
    let between = |from: &str, to: &str| -> &[Change] {
        let place = pairs.binary_search(&(from, to)).ok();
        place.and_then(|place| changes.get(&place)).map_or(&[], Vec::as_slice)
    };
    let lines = files.iter().map(|file| match &file.base {
        Some(base) => both_change(between(base, &file.ours), between(base, &file.theirs)),
        None => joined(between(&file.ours, &file.theirs).iter().map(|change| (change.at, change.end()))),
    });
    Ok(lines.collect())
}

/// Compares each pair of blobs and returns the changes by the place of the pair.
///
/// git compares trees in one process but blobs only two at a time, so the blobs become the entries of two trees.
fn changes(git: &Git, pairs: &[(&str, &str)]) -> Result<HashMap<usize, Vec<Change>>, GitError> {
    let tree = |side: fn(&(&str, &str)) -> String| -> Result<String, GitError> {
        let entry = |(place, pair)| format!("100644 blob {}\t{place:09}\n", side(pair));
        let entries: String = pairs.iter().enumerate().map(entry).collect();
        let ended = git.fed(&["mktree"], entries.as_bytes())?;
        match ended.code {
            Some(0) => Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned()),
            _ => Err(ended.failure),
        }
    };
    let (from, to) = (tree(|pair| pair.0.to_owned())?, tree(|pair| pair.1.to_owned())?);
    // The algorithm with which merges compare; what the user set for reading diffs must not move the ranges.
    let said = git.run(&[
        "diff-tree",
        "-p",
        "--unified=0",
        "--inter-hunk-context=0",
        "--diff-algorithm=histogram",
        "--no-indent-heuristic",
        "--no-renames",
        "--text",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        &from,
        &to,
    ])?;
    Ok(read_changes(&said))
}

fn read_changes(said: &[u8]) -> HashMap<usize, Vec<Change>> {
    let mut changes: HashMap<usize, Vec<Change>> = HashMap::new();
    let mut place = None;
    let mut lines = said.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(names) = line.strip_prefix(b"diff --git a/") {
            place = names.get(..9).and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        }
        let (Some(place), Some((at, removed, added))) = (place, place_of_hunk(line)) else { continue };
        let mut change = Change { at, removed: Vec::new(), added: Vec::new() };
        for _ in 0..removed.saturating_add(added) {
            let Some(line) = lines.next() else { break };
            match line.split_first() {
                Some((b'-', text)) => change.removed.push(text.to_vec()),
                Some((_, text)) => change.added.push(text.to_vec()),
                None => {}
            }
            // "\ No newline at end of file" belongs to the line before it.
            if lines.next_if(|next| next.starts_with(b"\\")).is_some() {
                let last = if line.starts_with(b"-") { &mut change.removed } else { &mut change.added };
                if let Some(last) = last.last_mut() {
                    last.pop();
                }
            }
        }
        changes.entry(place).or_default().push(change);
    }
    changes
}

/// Reads `@@ -a,b +c,d @@`: the first line in the base from 0, and how many lines go and come.
fn place_of_hunk(line: &[u8]) -> Option<(u64, u64, u64)> {
    let places = std::str::from_utf8(line.strip_prefix(b"@@ -")?.split(|byte| *byte == b'@').next()?).ok()?;
    let (old, new) = places.trim_end().split_once(" +")?;
    let count = |text: &str| text.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok());
    let (removed, added): (u64, u64) = (count(old)?, count(new)?);
    let start: u64 = old.split(',').next()?.parse().ok()?;
    // Where nothing goes, git names the line after which something comes.
    Some((if removed == 0 { start } else { start.saturating_sub(1) }, removed, added))
}

/// Returns the ranges where changes of both sides overlap or touch and do not come to the same.
fn both_change(ours: &[Change], theirs: &[Change]) -> Vec<(u64, u64)> {
    let mut regions = Vec::new();
    let (mut one, mut other) = (0, 0);
    while let (Some(mine), Some(yours)) = (ours.get(one), theirs.get(other)) {
        // git takes changes that only touch for a conflict too.
        if mine.end() < yours.at {
            one += 1;
            continue;
        }
        if yours.end() < mine.at {
            other += 1;
            continue;
        }
        let (first, first_other) = (one, other);
        let (start, mut end) = (mine.at.min(yours.at), mine.end().max(yours.end()));
        loop {
            one += ours[one..].iter().take_while(|change| change.at <= end).count();
            other += theirs[other..].iter().take_while(|change| change.at <= end).count();
            let reached = ours[first..one].iter().chain(&theirs[first_other..other]).map(Change::end);
            let reached = reached.fold(end, u64::max);
            if reached == end {
                break;
            }
            end = reached;
        }
        let (mine, yours) = (&ours[first..one], &theirs[first_other..other]);
        let base = base_lines(mine, yours);
        if text_of(mine, start, end, &base) != text_of(yours, start, end, &base) {
            regions.push((start, end));
        }
    }
    joined(regions.into_iter())
}

/// Returns the lines of the base that either side removed.
fn base_lines<'a>(ours: &'a [Change], theirs: &'a [Change]) -> BTreeMap<u64, &'a [u8]> {
    let lines = |change: &'a Change| (change.at..).zip(change.removed.iter().map(Vec::as_slice));
    ours.iter().chain(theirs).flat_map(lines).collect()
}

/// Returns what a side makes of the lines from `start` to before `end`, all of which some side removed.
fn text_of<'a>(changes: &'a [Change], start: u64, end: u64, base: &BTreeMap<u64, &'a [u8]>) -> Vec<&'a [u8]> {
    let mut text = Vec::new();
    let mut at = start;
    for change in changes {
        text.extend(base.range(at..change.at).map(|(_, line)| *line));
        text.extend(change.added.iter().map(Vec::as_slice));
        at = change.end();
    }
    text.extend(base.range(at..end.max(at)).map(|(_, line)| *line));
    text
}

/// Turns ranges from 0 without their end into ranges from 1 with both ends, those that touch made one.
fn joined(regions: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for (start, end) in regions {
        // What comes between two lines has no line of its own.
        let (first, last) = if start == end { (start.max(1), start.max(1)) } else { (start + 1, end) };
        match ranges.last_mut() {
            Some(range) if first <= range.1 + 1 => range.1 = range.1.max(last),
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    use std::path::Path;

    /// Lines that occur once each, so that a line says where it stood.
    const LINES: u64 = 14;

    /// What a side makes of each line: keeps it, takes it away, changes it, or puts something after it.
    fn edited(edits: &[u8]) -> String {
        let line = |(at, edit): (usize, &u8)| match edit {
            0 => String::new(),
            1 => format!("changed {at}\n"),
            2 => format!("otherwise {at}\n"),
            3 => format!("line {at}\nput in\n"),
            4 => format!("line {at}\nput in otherwise\n"),
            _ => format!("line {at}\n"),
        };
        edits.iter().enumerate().map(line).collect()
    }

    fn blob(git: &Git, text: &str) -> String {
        let ended = git.fed(&["hash-object", "-w", "--stdin"], text.as_bytes()).unwrap();
        String::from_utf8(ended.stdout).unwrap().trim().to_owned()
    }

    /// Returns the lines of the base that git's own merge marks, each conflict with its lines, from 1.
    fn marked_by_git(folder: &Path, texts: [&str; 3]) -> Vec<Vec<u64>> {
        let names = ["ours", "base", "theirs"];
        for (name, text) in names.iter().zip(texts) {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let ended =
            Git::at(folder).fed(&["merge-file", "-p", "--diff3", "ours", "base", "theirs"], &[]).unwrap();
        let said = String::from_utf8(ended.stdout).unwrap();
        let mut marked = Vec::new();
        for conflict in said.split("<<<<<<< ours\n").skip(1) {
            let (ours, rest) = conflict.split_once("||||||| base\n").unwrap();
            let (base, rest) = rest.split_once("=======\n").unwrap();
            let (theirs, _) = rest.split_once(">>>>>>> theirs\n").unwrap();
            // A merge that shows no base leaves out what comes to the same.
            if ours != theirs {
                let number = |line: &str| line.strip_prefix("line ").unwrap().parse::<u64>().unwrap() + 1;
                marked.push(base.lines().map(number).collect());
            }
        }
        marked
    }

    #[test]
    fn the_ranges_are_those_that_git_marks() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path()).with("GIT_CONFIG_GLOBAL", "/dev/null");
        git.run(&["init", "-q"]).unwrap();
        let side = || proptest::collection::vec(0..20_u8, LINES as usize);
        let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
        let tried = TestRunner::new(config).run(&(side(), side()), |(ours, theirs)| {
            let (base, ours, theirs) = (edited(&[9; LINES as usize]), edited(&ours), edited(&theirs));
            let marked = marked_by_git(folder.path(), [&ours, &base, &theirs]);
            let sides =
                Sides { base: Some(blob(&git, &base)), ours: blob(&git, &ours), theirs: blob(&git, &theirs) };
            let ranges = lines_of(&git, &[sides]).unwrap().remove(0);
            let ours: Vec<u64> = ranges.iter().flat_map(|(first, last)| *first..=*last).collect();
            let theirs: Vec<u64> = marked.iter().flatten().copied().collect();
            // What both put in between two lines has no line of the base; git shows none, and we the line before.
            let only_lines: Vec<u64> = match marked.iter().all(|lines| !lines.is_empty()) {
                true => ours.clone(),
                false => ours.iter().copied().filter(|line| theirs.contains(line)).collect(),
            };
            prop_assert_eq!(only_lines, theirs);
            prop_assert_eq!(ranges.is_empty(), marked.is_empty());
            Ok(())
        });
        tried.unwrap_or_else(|wrong| panic!("{wrong}"));
    }

    #[test]
    fn many_files_are_compared_at_once_and_each_gets_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.run(&["init", "-q"]).unwrap();
        let base = blob(&git, "1\n2\n3\nno end");
        let sides = |base: Option<&String>, ours: &str, theirs: &str| Sides {
            base: base.cloned(),
            ours: blob(&git, ours),
            theirs: blob(&git, theirs),
        };
        let files = [
            sides(Some(&base), "1\n2\n3\nan end\n", "1\n2\n3\nno end\n"),
            sides(Some(&base), "1\n2\n3\nno end", "other"),
            sides(Some(&base), "one\n2\n3\nno end", "ONE\n2\n3\nno end"),
            sides(None, "@@ -1 +1 @@\n-x\ndiff --git a/000000001 b/x\n", "+x\n"),
            sides(None, "same", "same"),
        ];
        let lines = lines_of(&git, &files).unwrap();
        assert_eq!(lines, [vec![(4, 4)], vec![], vec![(1, 1)], vec![(1, 3)], vec![]]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read_changes(&bytes);
            read_changes(&[b"diff --git a/000000000 b/000000000\n@@ -1,9 +4294967295,99 @@\n", &bytes[..]].concat());
        }
    }
}
