//! The work of several tasks in one commit, for a task that builds on all of them. Made in the object store; no folder
//! and no branch is touched.

use super::git::{Git, GitError};
use super::merge_tree::{self, Merged};
use super::staging::Place;
use crate::domain::conflict::Conflict;
use std::path::Path;

/// What came of joining commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    Commit(String),
    /// The commit at this place does not go together with those before it.
    Conflict {
        at: usize,
        conflicts: Vec<Conflict>,
    },
}

/// Joins commits in the order in which they are given, of which there is at least one. One that another one builds on
/// adds nothing.
///
/// The same commits give the same one again: whoever is killed in between finds what it began.
pub fn join(repository: &Path, commits: &[&str], message: &str) -> Result<Joined, GitError> {
    let place = Place::at(repository)?;
    let git = &place.git;
    let mut joined = commits[0].to_owned();
    for (at, commit) in commits.iter().enumerate().skip(1) {
        if is_ancestor(git, commit, &joined)? {
            continue;
        }
        if is_ancestor(git, &joined, commit)? {
            joined = (*commit).to_owned();
            continue;
        }
        joined = match merge_tree::merge(git, &joined, commit, None)? {
            Merged::Clean { tree } => commit_of(&place, &tree, &[&joined, commit], message)?,
            Merged::Conflicting { conflicts, .. } => return Ok(Joined::Conflict { at, conflicts }),
        };
    }
    Ok(Joined::Commit(joined))
}

/// Tells whether all that led to `commit` led to `to` too.
pub fn is_ancestor(git: &Git, commit: &str, to: &str) -> Result<bool, GitError> {
    let counted = git.text(&["rev-list", "--count", "--max-count=1", commit, &format!("^{to}"), "--"])?;
    Ok(counted == "0")
}

/// Makes a merge commit that is dated like the newest of its parents.
fn commit_of(place: &Place, tree: &str, parents: &[&str], message: &str) -> Result<String, GitError> {
    let dates = place.git.text(&[&["show", "--no-patch", "--format=%ct"], parents, &["--"]].concat())?;
    let newest = dates.lines().filter_map(|date| date.parse::<i64>().ok()).max().unwrap_or(0);
    let date = format!("{newest} +0000");
    let git = place.git.clone().with("GIT_AUTHOR_DATE", &date).with("GIT_COMMITTER_DATE", &date);
    Place { git, ..place.clone() }.commit(tree, parents, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conflict::ConflictKind;
    use std::path::PathBuf;
    use tempfile::TempDir;

    struct Place {
        _all: TempDir,
        tree: PathBuf,
    }

    impl Place {
        fn new() -> Place {
            let all = tempfile::tempdir().unwrap();
            let place = Place { tree: all.path().canonicalize().unwrap(), _all: all };
            place.git(&["init", "-q", "-b", "main"]);
            place.commit("main", &[("kept", "one\ntwo\n")]);
            place
        }

        fn git(&self, args: &[&str]) -> String {
            let who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
            Git::at(&self.tree).text(&[&who[..], args].concat()).unwrap()
        }

        /// Commits files on a branch that begins where `main` stands, and returns the commit.
        fn commit(&self, branch: &str, files: &[(&str, &str)]) -> String {
            if branch != "main" {
                self.git(&["checkout", "-q", "-B", branch, "main"]);
            }
            for (path, content) in files {
                std::fs::write(self.tree.join(path), content).unwrap();
            }
            self.git(&["add", "-A"]);
            self.git(&["commit", "-q", "-m", branch]);
            self.git(&["rev-parse", "HEAD"])
        }

        fn join(&self, commits: &[&str]) -> Joined {
            join(&self.tree, commits, "Work of a and b").unwrap()
        }
    }

    #[test]
    fn several_commits_become_one_that_holds_the_work_of_all() {
        let place = Place::new();
        let a = place.commit("a", &[("a", "a\n")]);
        let b = place.commit("b", &[("b", "b\n")]);
        let c = place.commit("c", &[("c", "c\n")]);
        let status = place.git(&["status", "--porcelain"]);
        let Joined::Commit(joined) = place.join(&[&a, &b, &c]) else { panic!("a conflict") };
        let files = place.git(&["ls-tree", "--name-only", &joined]);
        assert_eq!(files.lines().collect::<Vec<_>>(), ["a", "b", "c", "kept"]);
        assert_eq!(place.join(&[&a, &b, &c]), Joined::Commit(joined), "the same commits give the same one");
        assert_eq!(place.git(&["status", "--porcelain"]), status);
    }

    #[test]
    fn what_builds_on_the_other_stands_for_both() {
        let place = Place::new();
        let first = place.git(&["rev-parse", "main"]);
        let a = place.commit("a", &[("a", "a\n")]);
        assert_eq!(place.join(&[&first, &a]), Joined::Commit(a.clone()));
        assert_eq!(place.join(&[&a, &first]), Joined::Commit(a.clone()));
        assert_eq!(place.join(&[&a]), Joined::Commit(a));
    }

    #[test]
    fn what_does_not_go_together_is_named_and_nothing_is_dropped() {
        let place = Place::new();
        let a = place.commit("a", &[("kept", "one\nA\n")]);
        let b = place.commit("b", &[("other", "b\n")]);
        let c = place.commit("c", &[("kept", "one\nC\n")]);
        let Joined::Conflict { at, conflicts } = place.join(&[&a, &b, &c]) else { panic!("no conflict") };
        let told: Vec<_> = conflicts.iter().map(|conflict| (conflict.kind, conflict.paths.clone())).collect();
        assert_eq!((at, told), (2, vec![(ConflictKind::Content, vec!["kept".to_owned()])]));
    }
}
