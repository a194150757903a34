//! Work trees as agents leave them.

use super::*;
use crate::workspace::{base, custody};
use tempfile::TempDir;

/// A user's repository with a task's work tree.
struct Ground {
    _all: TempDir,
    repository: PathBuf,
    folder: PathBuf,
    owner: Owner,
    base: String,
}

const BRANCH: &str = "crew/7k2aaaaaaaaa/fix";
const KEEP: &str = "refs/crew/keep/7k2aaaaaaaaa/fix/1";

fn git_in(folder: &Path, args: &[&str]) -> String {
    let who = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
    let more = ["-c", "protocol.file.allow=always", "-c", "advice.detachedHead=false"];
    Git::at(folder).text(&[&who[..], &more, args].concat()).unwrap()
}

fn write_in(folder: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

impl Ground {
    fn new() -> Ground {
        let all = tempfile::tempdir().unwrap();
        let repository = all.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir_all(&repository).unwrap();
        git_in(&repository, &["init", "-q", "-b", "main"]);
        write_in(&repository, "kept", "one\ntwo\n");
        write_in(&repository, "gone", "x\n");
        write_in(&repository, ".gitignore", "ignored\n.crew/\n");
        let folder = repository.join(".crew/worktrees/7k2aaaaaaaaa/fix");
        let owner = Owner { run: "7k2aaaaaaaaa".into(), task: "fix".into() };
        let mut ground = Ground { _all: all, repository, folder, owner, base: String::new() };
        ground.commit_all("begin");
        ground
    }

    fn commit_all(&mut self, message: &str) {
        self.user(&["add", "-A"]);
        self.user(&["commit", "-q", "-m", message]);
        self.base = self.user(&["rev-parse", "HEAD"]);
    }

    /// Speaks to git as the user.
    fn user(&self, args: &[&str]) -> String {
        git_in(&self.repository, args)
    }

    /// Speaks to git as the agent does, in its folder.
    fn agent(&self, args: &[&str]) -> String {
        git_in(&self.folder, args)
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        write_in(&self.folder, path, content);
    }

    fn order(&self) -> Order<'_> {
        Order {
            repository: &self.repository,
            folder: &self.folder,
            branch: BRANCH,
            base: &self.base,
            owner: &self.owner,
        }
    }

    fn add(&self) -> Worktree {
        Worktree::add(&self.order()).unwrap()
    }

    fn open(&self) -> Result<Worktree, WorktreeError> {
        Worktree::open(&self.repository, &self.folder, BRANCH, &self.owner)
    }

    fn work(&self) -> Work<'_> {
        Work { message: "fix: done\n\nCrew-Task: fix\n", base: &self.base, leave_out: &[], keep_ref: KEEP }
    }

    fn keep(&self) -> Kept {
        let kept = self.open().unwrap().keep(&self.work()).unwrap();
        let again = self.open().unwrap().keep(&self.work()).unwrap();
        let same = Kept { is_new: false, set_aside: Vec::new(), ..kept.clone() };
        assert_eq!(again, same, "twice is the same as once");
        assert_eq!(self.agent(&["status", "--porcelain", "--branch"]), format!("## {BRANCH}"));
        assert_eq!(self.user(&["status", "--porcelain"]), "", "the user's own tree");
        assert_eq!(self.agent(&["rev-parse", BRANCH]), kept.commit);
        let fsck = self.user(&["fsck", "--no-dangling", "--no-progress"]);
        assert_eq!(fsck, "");
        kept
    }

    /// What a path holds in a commit.
    fn at(&self, commit: &str, path: &str) -> String {
        self.user(&["show", &format!("{commit}:{path}")])
    }
}

#[test]
fn all_of_the_work_is_on_the_branch_and_nothing_that_is_ignored_or_our_own() {
    let ground = Ground::new();
    let tree = ground.add();
    assert!(!tree.is_dirty().unwrap());
    ground.write("kept", "one\nTWO\n");
    std::fs::remove_file(ground.folder.join("gone")).unwrap();
    ground.write("dir with space/\u{fc}\nline", "new\n");
    ground.write("ignored", "x");
    std::os::unix::fs::symlink("/nowhere", ground.folder.join("target")).unwrap();
    assert!(tree.is_dirty().unwrap());
    let link = [Path::new("target")];
    let work = Work { leave_out: &link, ..ground.work() };
    let kept = tree.keep(&work).unwrap();
    assert!(kept.is_new && kept.set_aside.is_empty() && kept.left.is_empty());
    assert_eq!(kept.reference, format!("refs/heads/{BRANCH}"));
    assert_eq!(kept.difference.files, ["dir with space/\u{fc}\nline", "gone", "kept"]);
    assert_eq!((kept.difference.insertions, kept.difference.deletions), (2, 2));
    assert_eq!(ground.at(&kept.commit, "kept"), "one\nTWO");
    assert_eq!(ground.agent(&["status", "--porcelain"]), "?? target");
    assert_eq!(ground.user(&["status", "--porcelain"]), "");
    assert_eq!(ground.user(&["rev-parse", &format!("{}^", kept.commit)]), ground.base);
    std::fs::remove_file(ground.folder.join("target")).unwrap();
    assert!(!ground.keep().is_new);
}

#[test]
fn what_is_there_is_taken_up_with_all_that_it_holds() {
    let ground = Ground::new();
    ground.add();
    ground.write("new", "half done\n");
    let again = ground.add();
    assert_eq!(std::fs::read_to_string(ground.folder.join("new")).unwrap(), "half done\n");
    assert_eq!((again.branch(), again.folder()), (BRANCH, ground.folder.as_path()));
    assert_eq!(again.tip().unwrap(), ground.base);
}

#[test]
fn it_goes_and_its_branch_stays_and_so_does_what_was_not_on_it() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.write("kept", "more\n");
    let kept = tree.keep(&ground.work()).unwrap();
    ground.write("later", "by a person\n");
    let removed = tree.remove(&ground.work()).unwrap();
    assert_eq!(removed.set_aside, [KEEP]);
    assert!(!ground.folder.exists());
    assert_eq!(ground.user(&["rev-parse", BRANCH]), kept.commit);
    assert_eq!(ground.at(KEEP, "later"), "by a person");
    assert_eq!(ground.user(&["worktree", "list"]).lines().count(), 1);
    let back = ground.add();
    assert_eq!(back.tip().unwrap(), kept.commit);
    assert_eq!(std::fs::read_to_string(ground.folder.join("kept")).unwrap(), "more\n");
}

#[test]
fn a_base_is_found_or_refused_and_what_is_dirty_can_be_kept_beside_it() {
    let ground = Ground::new();
    let found = base::find(&ground.repository).unwrap();
    assert_eq!((found.commit.as_str(), found.branch.as_deref()), (ground.base.as_str(), Some("main")));
    assert!(base::dirty(&ground.repository).unwrap().is_empty());
    write_in(&ground.repository, "kept", "changed\n");
    write_in(&ground.repository, "loose", "x\n");
    ground.user(&["add", "kept"]);
    write_in(&ground.repository, ".crew/config.json", "{}");
    assert_eq!(base::dirty(&ground.repository).unwrap(), ["kept", "loose"]);
    let status = ground.user(&["status", "--porcelain"]);
    let made = base::snapshot(&ground.repository, "refs/crew/base/7k2", "what was there").unwrap();
    assert_eq!(base::snapshot(&ground.repository, "refs/crew/base/7k2", "again").unwrap(), made);
    assert_eq!(ground.user(&["status", "--porcelain"]), status);
    assert_eq!((ground.at(&made, "kept"), ground.at(&made, "loose")), ("changed".into(), "x".into()));
    assert_eq!(ground.user(&["rev-parse", &format!("{made}^")]), ground.base);
    let kept = custody::keep(&ground.repository, &[], KEEP, "left").unwrap().unwrap();
    assert_eq!(ground.at(KEEP, "loose"), "x");
    assert_eq!(custody::keep(&ground.repository, &[], KEEP, "left").unwrap().unwrap(), kept);
    ground.user(&["checkout", "-q", "--detach"]);
    assert_eq!(base::find(&ground.repository).unwrap().branch, None);
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(base::find(empty.path()), Err(base::BaseError::NoRepository)));
    git_in(empty.path(), &["init", "-q"]);
    assert!(matches!(base::find(empty.path()), Err(base::BaseError::Unborn)));
    git_in(&empty.path().canonicalize().unwrap(), &["init", "-q", "--bare", "bare"]);
    assert!(matches!(base::find(&empty.path().join("bare")), Err(base::BaseError::Bare)));
}

#[test]
fn an_agent_that_commits_switches_resets_or_stops_in_a_merge_loses_nothing() {
    let ground = Ground::new();
    ground.add();
    ground.write("kept", "by the agent\n");
    ground.agent(&["commit", "-q", "-a", "-m", "mine"]);
    let own = ground.agent(&["rev-parse", "HEAD"]);
    let kept = ground.keep();
    assert!(!kept.is_new && kept.commit == own);

    ground.agent(&["switch", "-q", "-c", "elsewhere"]);
    ground.write("new", "there\n");
    ground.agent(&["add", "-A"]);
    ground.agent(&["commit", "-q", "-m", "on another branch"]);
    ground.write("loose", "x\n");
    let elsewhere = ground.agent(&["rev-parse", "HEAD"]);
    let kept = ground.keep();
    assert_eq!(ground.user(&["rev-parse", &format!("{}^", kept.commit)]), elsewhere);

    ground.agent(&["reset", "-q", "--hard", &own]);
    ground.write("kept", "again\n");
    ground.agent(&["branch", "-q", "-D", "elsewhere"]);
    let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
    assert_eq!(ground.user(&["rev-parse", &format!("{}^", kept.commit)]), own);
}
