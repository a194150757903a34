//! The commits that a branch would be moved to, made in the object store. Nothing refers to them yet.

use super::{MergeError, Repository};
use crate::domain::conflict::Conflict;
use crate::domain::merging::How;
use crate::domain::resolution::{self, Sides};
use crate::workspace::git::{Git, GitError};
use crate::workspace::merge_tree::{self, Merged, Pair};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// The work of one task.
#[derive(Clone, Debug)]
pub struct Work {
    /// The task, as people know it.
    pub name: String,
    /// The commit that it begins after, and the newest one of it.
    pub base: String,
    pub tip: String,
    /// Works of the same merge, by their places, that it builds on.
    pub builds_on: Vec<usize>,
    /// Of the commit that brings it, but where its own commits are taken over.
    pub message: String,
}

/// How commits are made.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub how: How,
    /// With a signature, as the user has set up.
    pub signed: bool,
}

/// What becomes of one work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in.
    In {
        /// The commit that holds it.
        commit: String,
        /// How many commits it has brought itself.
        commits: usize,
    },
    /// Nothing of it was missing.
    Nothing,
    /// Git cannot merge it alone.
    Conflict {
        conflicts: Vec<Conflict>,
        /// The one of its commits that does not fit, where it is taken over one by one.
        commit: Option<String>,
        /// The works before it, by their places, with which it is at odds; none where it is the branch itself.
        with: Vec<usize>,
    },
    /// It was not tried: this one, which it builds on, is at odds.
    Waits(usize),
}

/// What a merge comes to.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The commit that the branch would be moved to.
    pub head: String,
    /// In the order of the works.
    pub outcomes: Vec<Outcome>,
    /// What was taken as it was resolved before, of each work; mostly nothing.
    pub resolved: Vec<Vec<Resolved>>,
    /// The first conflict, with the place of its work.
    pub stuck: Option<(usize, Meeting)>,
}

/// A conflict that was resolved before, and the tree that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    pub sides: Sides,
    pub tree: String,
    pub agent: String,
}

/// Where git could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    pub sides: Sides,
    /// Id of the commit that the work is merged into.
    pub ours: String,
    /// Id of the tree of the merge, whose files hold conflict markers.
    pub tree: String,
    pub conflicts: Vec<Conflict>,
}

impl Composed {
    /// Tells whether there is anything that git cannot merge alone.
    pub fn has_conflicts(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Conflict { .. }))
    }
}

/// Merges works one after the other, from `from` on. One that conflicts is left out, with those that build on it, so that
/// all conflicts are known at once.
pub fn compose(
    repository: &Repository,
    from: &str,
    works: &[Work],
    manner: Manner,
) -> Result<Composed, MergeError> {
    compose_with(repository, from, works, manner, &[])
}

/// Merges works one after the other, and takes those conflicts as they were resolved that were met before.
pub fn compose_with(
    repository: &Repository,
    from: &str,
    works: &[Work],
    manner: Manner,
    resolved: &[Resolved],
) -> Result<Composed, MergeError> {
    // How files are merged is said by the branch, and not by what is checked out just now.
    let git = repository.git.clone().with("GIT_ATTR_SOURCE", from);
    let repository = &Repository { git, ..repository.clone() };
    let git = &repository.git;
    let tree = git.text(&["rev-parse", "--verify", &format!("{from}^{{tree}}")])?;
    let (head, used) = (from.to_owned(), Vec::new());
    let mut composer = Composer { repository, manner, head, tree, known: resolved, used, met: None };
    let (mut resolved, mut stuck) = (Vec::with_capacity(works.len()), None);
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(works.len());
    for (place, work) in works.iter().enumerate() {
        let waits = work
            .builds_on
            .iter()
            .find(|at| matches!(outcomes.get(**at), Some(Outcome::Conflict { .. } | Outcome::Waits(_))));
        let outcome = match waits {
            Some(at) => Outcome::Waits(*at),
            None => match composer.add(from, work)? {
                Outcome::Conflict { conflicts, commit, .. } => {
                    let with = at_odds(git, works, place, &outcomes, &conflicts)?;
                    Outcome::Conflict { conflicts, commit, with }
                }
                outcome => outcome,
            },
        };
        outcomes.push(outcome);
        resolved.push(std::mem::take(&mut composer.used));
        stuck = stuck.or(composer.met.take().map(|met| (place, met)));
    }
    Ok(Composed { head: composer.head, outcomes, resolved, stuck })
}

struct Composer<'a> {
    repository: &'a Repository,
    manner: Manner,
    head: String,
    tree: String,
    known: &'a [Resolved],
    /// What of that the work needed that is added.
    used: Vec<Resolved>,
    /// The conflict at which it stopped.
    met: Option<Meeting>,
}

impl Composer<'_> {
    /// Merges a commit into what there is so far. A conflict that was resolved before is none any more, and has a name.
    fn join(&mut self, theirs: &str, base: Option<&str>) -> Result<(Merged, Option<String>), MergeError> {
        let git = &self.repository.git;
        let (tree, conflicts) = match merge_tree::merge(git, &self.head, theirs, base)? {
            Merged::Conflicting { tree, conflicts } => (tree, conflicts),
            clean => return Ok((clean, None)),
        };
        let bases = match base {
            Some(base) => vec![base.to_owned()],
            None => {
                let found = git.text(&["merge-base", "--all", &self.head, theirs])?;
                found.lines().map(str::to_owned).collect()
            }
        };
        let sides = Sides { ours: self.tree.clone(), theirs: theirs.to_owned(), bases };
        if let Some(known) = self.known.iter().find(|known| known.sides == sides) {
            self.used.push(known.clone());
            return Ok((Merged::Clean { tree: known.tree.clone() }, Some(known.agent.clone())));
        }
        let ours = self.head.clone();
        self.met = Some(Meeting { sides, ours, tree: tree.clone(), conflicts: conflicts.clone() });
        Ok((Merged::Conflicting { tree, conflicts }, None))
    }

    fn add(&mut self, from: &str, work: &Work) -> Result<Outcome, MergeError> {
        match self.manner.how {
            How::Merge => self.merge(from, work),
            How::Squash => self.squash(work),
            How::Rebase => self.replay(work),
        }
    }

    fn merge(&mut self, from: &str, work: &Work) -> Result<Outcome, MergeError> {
        if self.repository.is_ancestor(&work.tip, &self.head)? {
            return Ok(Outcome::Nothing);
        }
        let base = (!self.holds_base(from, work)?).then_some(work.base.as_str());
        match self.join(&work.tip, base)? {
            (Merged::Clean { tree }, by) => {
                let parents = [self.head.clone(), work.tip.clone()];
                self.commit(&tree, &parents, &named(work.message.as_bytes(), by), None)?;
                Ok(self.is_in(1))
            }
            (conflicting, _) => Ok(conflict(conflicting, None)),
        }
    }

    /// Tells whether git finds by itself what the work began from: the branch holds it, or all that crew has put
    /// together for it. It does not where that came to the branch as other commits.
    fn holds_base(&self, from: &str, work: &Work) -> Result<bool, MergeError> {
        if work.builds_on.is_empty() && self.repository.is_ancestor(&work.base, from)? {
            return Ok(true);
        }
        let lacking = ["rev-list", "--count", "--no-merges", &work.base, &format!("^{}", self.head), "--"];
        Ok(self.repository.git.text(&lacking)? == "0")
    }

    fn squash(&mut self, work: &Work) -> Result<Outcome, MergeError> {
        match self.join(&work.tip, Some(&work.base))? {
            (Merged::Clean { tree }, _) if tree == self.tree => Ok(Outcome::Nothing),
            (Merged::Clean { tree }, by) => {
                let parents = [self.head.clone()];
                self.commit(&tree, &parents, &named(work.message.as_bytes(), by), None)?;
                Ok(self.is_in(1))
            }
            (conflicting, _) => Ok(conflict(conflicting, None)),
        }
    }

    fn replay(&mut self, work: &Work) -> Result<Outcome, MergeError> {
        let git = &self.repository.git;
        if !self.repository.is_ancestor(&work.base, &work.tip)? {
            let why = "its commits no longer follow from what it began from; --squash takes it over as one";
            return Err(MergeError::Refused(format!("task {} cannot be replayed: {why}", work.name)));
        }
        let range = format!("{}..{}", work.base, work.tip);
        let listed = git.text(&["rev-list", "--reverse", "--topo-order", "--parents", &range, "--"])?;
        let commits: Vec<Vec<&str>> = listed.lines().map(|line| line.split(' ').collect()).collect();
        if let Some(merge) = commits.iter().find(|ids| ids.len() > 2) {
            let why = format!("its commit {} is a merge; --squash takes it over as one", short(merge[0]));
            return Err(MergeError::Refused(format!("task {} cannot be replayed: {why}", work.name)));
        }
        // All of them or none.
        let (head, tree) = (self.head.clone(), self.tree.clone());
        let mut taken = 0;
        for ids in &commits {
            let [commit, parent] = ids.as_slice() else { continue };
            match self.replay_one(commit, parent)? {
                Outcome::In { .. } => taken += 1,
                Outcome::Nothing => {}
                conflict => {
                    (self.head, self.tree) = (head, tree);
                    return Ok(conflict);
                }
            }
        }
        Ok(if taken == 0 { Outcome::Nothing } else { self.is_in(taken) })
    }

    fn replay_one(&mut self, commit: &str, parent: &str) -> Result<Outcome, MergeError> {
        let git = self.repository.git.clone();
        // A commit that is taken over as it is has the signature that it has.
        if *parent == self.head && !self.manner.signed {
            self.tree = git.text(&["rev-parse", "--verify", &format!("{commit}^{{tree}}")])?;
            self.head = commit.to_owned();
            return Ok(self.is_in(1));
        }
        match self.join(commit, Some(parent))? {
            (Merged::Clean { tree }, _) if tree == self.tree => Ok(Outcome::Nothing),
            (Merged::Clean { tree }, by) => {
                let original = Original::read(&git, commit)?;
                let parents = [self.head.clone()];
                let message = named(&original.message, by);
                self.commit(&tree, &parents, &message, Some(original))?;
                Ok(self.is_in(1))
            }
            (conflicting, _) => Ok(conflict(conflicting, Some(commit))),
        }
    }

    fn is_in(&self, commits: usize) -> Outcome {
        Outcome::In { commit: self.head.clone(), commits }
    }

    fn commit(
        &mut self,
        tree: &str,
        parents: &[String],
        message: &[u8],
        original: Option<Original>,
    ) -> Result<(), MergeError> {
        let mut git = self.repository.git.clone();
        let mut args: Vec<OsString> = Vec::new();
        if let Some(Original { author, email, date, encoding, .. }) = original {
            git = git
                .with("GIT_AUTHOR_NAME", author)
                .with("GIT_AUTHOR_EMAIL", email)
                .with("GIT_AUTHOR_DATE", date);
            let encoding = encoding.unwrap_or_else(|| "UTF-8".into());
            let mut setting = OsString::from("i18n.commitEncoding=");
            setting.push(encoding);
            args.extend(["-c".into(), setting]);
        } else {
            args.extend(["-c".into(), "i18n.commitEncoding=UTF-8".into()]);
        }
        args.extend(["commit-tree".into(), tree.into(), "-F".into(), "-".into()]);
        args.extend(parents.iter().flat_map(|parent| [OsString::from("-p"), parent.into()]));
        let unsigned = args.clone();
        if self.manner.signed {
            args.push("-S".into());
            // In the background, whoever asks for a passphrase would be stopped for ever.
            git = git.asking();
        }
        let ended = git.fed(&args, message)?;
        if ended.code != Some(0) {
            // Each kind of key has words of its own; that it is the key, git tells by what it can do without one.
            if self.manner.signed && git.fed(&unsigned, message)?.code == Some(0) {
                return Err(MergeError::NotSigned(why_not_signed(ended.failure)));
            }
            return Err(ended.failure.into());
        }
        self.head = String::from_utf8_lossy(&ended.stdout).trim().to_owned();
        self.tree = tree.to_owned();
        Ok(())
    }
}

fn why_not_signed(failure: GitError) -> String {
    let said = match failure {
        GitError::Failed { message, .. } => message,
        other => other.to_string(),
    };
    let lines = said.lines().map(|line| line.trim().trim_start_matches("error: ").trim_end_matches(':'));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// Returns a commit's message, with the one who resolved a conflict for it.
fn named(message: &[u8], by: Option<String>) -> Vec<u8> {
    by.map_or_else(|| message.to_vec(), |agent| resolution::with_trailer(message, &agent))
}

fn conflict(merged: Merged, commit: Option<&str>) -> Outcome {
    let conflicts = merged.conflicts().to_vec();
    Outcome::Conflict { conflicts, commit: commit.map(str::to_owned), with: Vec::new() }
}

/// Returns which of the works that are in conflict with this one on the same files.
fn at_odds(
    git: &Git,
    works: &[Work],
    place: usize,
    outcomes: &[Outcome],
    conflicts: &[Conflict],
) -> Result<Vec<usize>, GitError> {
    let is_in = |at: &usize| matches!(outcomes[*at], Outcome::In { .. });
    let before: Vec<usize> = (0..place).filter(is_in).collect();
    let pair =
        |at: &usize| Pair { ours: works[*at].tip.clone(), theirs: works[place].tip.clone(), base: None };
    let merged = merge_tree::merge_many(git, &before.iter().map(pair).collect::<Vec<_>>())?;
    let files: BTreeSet<&String> = conflicts.iter().flat_map(|conflict| &conflict.paths).collect();
    let shares = |merged: &Merged| {
        merged.conflicts().iter().any(|conflict| conflict.paths.iter().any(|path| files.contains(path)))
    };
    let odd = before.into_iter().zip(merged).filter(|(_, merged)| merged.as_ref().is_ok_and(shares));
    Ok(odd.map(|(at, _)| at).collect())
}

/// Returns a commit's id as people see it.
pub fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// Who made a commit, when, and what they said.
struct Original {
    author: OsString,
    email: OsString,
    date: OsString,
    /// Of its texts, where it is not UTF-8.
    encoding: Option<OsString>,
    message: Vec<u8>,
}

impl Original {
    fn read(git: &Git, commit: &str) -> Result<Original, MergeError> {
        let raw = git.run(&["cat-file", "commit", commit])?;
        Original::of(&raw)
            .ok_or_else(|| MergeError::Refused(format!("the commit {} cannot be read", short(commit))))
    }

    fn of(raw: &[u8]) -> Option<Original> {
        let end = raw.windows(2).position(|two| two == b"\n\n")?;
        let header = |name: &[u8]| {
            let mut lines = raw[..end].split(|byte| *byte == b'\n');
            lines.find_map(|line| line.strip_prefix(name)).map(<[u8]>::to_vec)
        };
        let author = header(b"author ")?;
        let (open, close) =
            (author.iter().position(|byte| *byte == b'<')?, author.iter().rposition(|byte| *byte == b'>')?);
        let text = |bytes: &[u8]| OsString::from_vec(bytes.trim_ascii().to_vec());
        let mut date = b"@".to_vec();
        date.extend(author.get(close + 1..)?.trim_ascii());
        Some(Original {
            author: text(&author[..open]),
            email: text(author.get(open + 1..close)?),
            date: OsString::from_vec(date),
            encoding: header(b"encoding ").map(OsString::from_vec),
            message: raw[end + 2..].to_vec(),
        })
    }
}

/// How much a commit differs from another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    pub files: u64,
    /// Lines; those of binary files are not counted.
    pub insertions: u64,
    pub deletions: u64,
}

/// Returns how much each pair of commits differs, in their order.
pub fn stats(repository: &Repository, pairs: &[(String, String)]) -> Result<Vec<Stat>, MergeError> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    // Between two commits it has nothing to say there is no answer but the line itself.
    let input: String =
        pairs.iter().map(|(one, other)| format!("{one}^{{tree}}\n{other}^{{tree}}\n")).collect();
    let trees = repository.git.fed(&["cat-file", "--batch-check=%(objectname)"], input.as_bytes())?;
    if trees.code != Some(0) {
        return Err(trees.failure.into());
    }
    let trees = String::from_utf8_lossy(&trees.stdout).into_owned();
    let trees: Vec<&str> = trees.lines().collect();
    let input: String = trees.chunks(2).map(|two| format!("{}\n", two.join(" "))).collect();
    let asked = ["diff-tree", "--stdin", "-r", "--no-renames", "--numstat", "--no-ext-diff", "--no-textconv"];
    let said = repository.git.fed(&asked, input.as_bytes())?;
    if said.code != Some(0) {
        return Err(said.failure.into());
    }
    let mut stats: Vec<Stat> = Vec::with_capacity(pairs.len());
    for line in String::from_utf8_lossy(&said.stdout).lines() {
        match (line.split('\t').collect::<Vec<_>>().as_slice(), stats.last_mut()) {
            ([insertions, deletions, _path], Some(stat)) => {
                stat.files += 1;
                stat.insertions += insertions.parse::<u64>().unwrap_or_default();
                stat.deletions += deletions.parse::<u64>().unwrap_or_default();
            }
            _ => stats.push(Stat::default()),
        }
    }
    stats.resize(pairs.len(), Stat::default());
    Ok(stats)
}
