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
            behalf: None,
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

    /// Lets the agent do what git does not finish.
    fn agent_fails(&self, args: &[&str]) {
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.com"];
        assert!(Git::at(&self.folder).run(&[&who[..], args].concat()).is_err(), "{args:?}");
    }

    fn parents(&self, commit: &str) -> Vec<String> {
        let parents = self.user(&["show", "-s", "--format=%P", commit]);
        parents.split_whitespace().map(str::to_owned).collect()
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
fn commits_of_an_agent_stay_and_what_its_branch_loses_is_held() {
    let ground = Ground::new();
    ground.add();
    ground.write("kept", "by the agent\n");
    ground.agent(&["commit", "-q", "-a", "-m", "mine"]);
    let own = ground.agent(&["rev-parse", "HEAD"]);
    let kept = ground.keep();
    assert!(!kept.is_new && kept.commit == own && kept.set_aside.is_empty());

    ground.agent(&["switch", "-q", "-c", "elsewhere"]);
    ground.write("new", "there\n");
    ground.agent(&["add", "-A"]);
    ground.agent(&["commit", "-q", "-m", "on another branch"]);
    ground.write("loose", "x\n");
    let elsewhere = ground.agent(&["rev-parse", "HEAD"]);
    let kept = ground.keep();
    assert_eq!(ground.parents(&kept.commit), [elsewhere.as_str()]);
    assert_eq!(ground.user(&["rev-parse", "elsewhere"]), elsewhere, "the agent's branch stays");

    let before = kept.commit;
    ground.agent(&["reset", "-q", "--hard", &own]);
    ground.write("kept", "again\n");
    let kept = ground.keep();
    assert_eq!(ground.parents(&kept.commit), [own.as_str()]);
    assert_eq!(kept.set_aside, [KEEP]);
    assert_eq!(ground.user(&["rev-parse", KEEP]), before);
}

#[test]
fn whatever_an_agent_does_with_its_history_all_of_it_can_be_had() {
    type Deed = fn(&Ground) -> Vec<String>;
    let commit = |ground: &Ground, path: &str| {
        ground.write(path, path);
        ground.agent(&["add", "-A"]);
        ground.agent(&["commit", "-q", "-m", path]);
        ground.agent(&["rev-parse", "HEAD"])
    };
    let deeds: [(&str, Deed); 12] = [
        ("amends", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["commit", "-q", "--amend", "-m", "other words"]);
            vec![first]
        }),
        ("detaches", |ground| {
            ground.agent(&["checkout", "-q", "--detach"]);
            ground.write("there", "x");
            ground.agent(&["add", "-A"]);
            ground.agent(&["commit", "-q", "-m", "detached"]);
            vec![ground.agent(&["rev-parse", "HEAD"])]
        }),
        ("resets before the base", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["reset", "-q", "--soft", "HEAD~2"]);
            vec![first]
        }),
        ("begins without history", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["checkout", "-q", "--orphan", "fresh"]);
            vec![first]
        }),
        ("begins without history and commits", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["checkout", "-q", "--orphan", "fresh"]);
            ground.agent(&["commit", "-q", "-m", "anew"]);
            let anew = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["update-ref", "--no-deref", "HEAD", &anew]);
            ground.agent(&["update-ref", "-d", "refs/heads/fresh"]);
            vec![first, anew]
        }),
        ("throws its branch away", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["checkout", "-q", "--detach", "HEAD~1"]);
            ground.agent(&["branch", "-q", "-D", BRANCH]);
            vec![first]
        }),
        ("makes its branch stand for the user's", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["symbolic-ref", &format!("refs/heads/{BRANCH}"), "refs/heads/main"]);
            vec![first]
        }),
        ("rebases", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent(&["rebase", "-q", "upstream"]);
            vec![first]
        }),
        ("stops in a rebase", |ground| {
            let first = ground.agent(&["rev-parse", "HEAD"]);
            ground.write("kept", "mine\n");
            ground.agent(&["commit", "-q", "-a", "-m", "in conflict"]);
            let second = ground.agent(&["rev-parse", "HEAD"]);
            ground.agent_fails(&["rebase", "-q", "upstream"]);
            vec![first, second]
        }),
        ("stops in a merge", |ground| {
            ground.write("kept", "mine\n");
            ground.agent(&["commit", "-q", "-a", "-m", "in conflict"]);
            ground.agent_fails(&["merge", "-q", "upstream"]);
            vec![ground.agent(&["rev-parse", "HEAD"])]
        }),
        ("stops in a cherry-pick", |ground| {
            ground.write("kept", "mine\n");
            ground.agent(&["commit", "-q", "-a", "-m", "in conflict"]);
            ground.agent_fails(&["cherry-pick", "upstream"]);
            vec![ground.agent(&["rev-parse", "HEAD"])]
        }),
        ("is killed while it holds a lock and has no index", |ground| {
            let admin = ground.agent(&["rev-parse", "--absolute-git-dir"]);
            std::fs::write(Path::new(&admin).join("index.lock"), "").unwrap();
            std::fs::remove_file(Path::new(&admin).join("index")).unwrap();
            vec![ground.agent(&["rev-parse", "HEAD"])]
        }),
    ];
    for (what, deed) in deeds {
        let mut ground = Ground::new();
        write_in(&ground.repository, "second", "x");
        ground.commit_all("a base with a history");
        ground.user(&["branch", "upstream"]);
        ground.user(&["worktree", "add", "-q", "../other", "upstream"]);
        let other = ground.repository.parent().unwrap().join("other");
        write_in(&other, "kept", "upstream\n");
        git_in(&other, &["commit", "-q", "-a", "-m", "upstream"]);
        ground.add();
        commit(&ground, "one");
        let main = ground.user(&["rev-parse", "main"]);
        let commits = deed(&ground);
        ground.write("loose", "not committed\n");
        let files = ground.agent(&["ls-files", "-c", "-o", "--exclude-standard"]);
        let kept = ground.keep();
        assert_eq!(ground.user(&["rev-parse", "main"]), main, "{what}");
        let mut held = ground.user(&["ls-tree", "-r", "--name-only", &kept.commit]);
        let mut files: Vec<&str> = files.lines().filter(|file| ground.folder.join(file).exists()).collect();
        files.sort_unstable();
        files.dedup();
        assert_eq!(held.lines().collect::<Vec<_>>(), files, "{what}");
        ground.user(&["merge-base", "--is-ancestor", &ground.base, &kept.commit]);
        ground.user(&["reflog", "expire", "--expire=all", "--all"]);
        ground.user(&["gc", "-q", "--prune=now"]);
        for commit in commits {
            held = ground.user(&["for-each-ref", "--contains", &commit, "refs/heads", "refs/crew"]);
            assert!(!held.is_empty(), "{what}: {commit} is on nothing");
        }
    }
}

#[test]
fn a_folder_that_is_not_the_tasks_own_is_neither_committed_nor_taken_away() {
    type Deed = fn(&Ground);
    let cases: [(&str, Deed, &str); 9] = [
        ("gone", |ground| std::fs::remove_dir_all(&ground.folder).unwrap(), "it is not there"),
        (
            "emptied",
            |ground| {
                std::fs::remove_dir_all(&ground.folder).unwrap();
                std::fs::create_dir(&ground.folder).unwrap();
            },
            "it is not there",
        ),
        (
            "a link to the user's own tree",
            |ground| {
                std::fs::remove_dir_all(&ground.folder).unwrap();
                std::os::unix::fs::symlink(&ground.repository, &ground.folder).unwrap();
            },
            "it is a link",
        ),
        (
            "a file",
            |ground| {
                std::fs::remove_dir_all(&ground.folder).unwrap();
                std::fs::write(&ground.folder, "x").unwrap();
            },
            "it is not a folder",
        ),
        (
            "without its .git",
            |ground| std::fs::remove_file(ground.folder.join(".git")).unwrap(),
            "its `.git` is gone",
        ),
        (
            "with a repository of its own",
            |ground| {
                std::fs::remove_file(ground.folder.join(".git")).unwrap();
                ground.agent(&["init", "-q"]);
            },
            "its `.git` is not what `git worktree add` made",
        ),
        (
            "another task's",
            |ground| {
                let admin = ground.agent(&["rev-parse", "--absolute-git-dir"]);
                let marker = Marker {
                    run: "7k2aaaaaaaaa".into(),
                    task: "other".into(),
                    branch: BRANCH.into(),
                    leave_out: Vec::new(),
                    detached: false,
                    repaired: false,
                    removing: None,
                };
                mark(Path::new(&admin), &marker).unwrap();
            },
            "it is of task other of run 7k2aaaaaaaaa",
        ),
        (
            "a person's",
            |ground| {
                let admin = ground.agent(&["rev-parse", "--absolute-git-dir"]);
                std::fs::remove_file(Path::new(&admin).join(MARKER)).unwrap();
            },
            "crew has not made it",
        ),
        (
            "copied from elsewhere",
            |ground| {
                let elsewhere = ground.repository.join(".crew/moved");
                std::fs::rename(&ground.folder, &elsewhere).unwrap();
                git_in(&elsewhere, &["worktree", "repair", "-q"].as_slice()[..2]);
                std::fs::create_dir(&ground.folder).unwrap();
                std::fs::copy(elsewhere.join(".git"), ground.folder.join(".git")).unwrap();
            },
            "git has it registered at ",
        ),
    ];
    for (what, deed, told) in cases {
        let ground = Ground::new();
        let tree = ground.add();
        ground.write("new", "work\n");
        deed(&ground);
        let refs = ground.user(&["for-each-ref"]);
        let error = ground.open().unwrap_err().to_string();
        assert!(error.contains(told), "{what}: {error}");
        assert!(tree.keep(&ground.work()).unwrap_err().to_string().contains(told), "{what}");
        assert!(tree.is_dirty().is_err(), "{what}");
        let is_there = ground.folder.symlink_metadata().is_ok();
        assert!(tree.remove(&ground.work()).unwrap_err().to_string().contains(told), "{what}");
        assert_eq!(ground.folder.symlink_metadata().is_ok(), is_there, "{what}");
        assert_eq!(ground.user(&["for-each-ref"]), refs, "{what}");
        assert_eq!(ground.user(&["status", "--porcelain"]), "", "{what}");
    }
    let ground = Ground::new();
    ground.add();
    let other = Worktree::open(&ground.repository, &ground.folder, "crew/7k2aaaaaaaaa/x", &ground.owner);
    assert!(other.unwrap_err().to_string().ends_with(&format!("it was made for the branch `{BRANCH}`")));
}

#[test]
fn a_git_that_is_gone_or_replaced_comes_back_with_the_work() {
    let recover = |ground: &Ground| {
        Worktree::recover(&ground.repository, &ground.folder, BRANCH, &ground.owner).unwrap()
    };
    let ground = Ground::new();
    ground.add();
    ground.write("new", "work\n");
    std::fs::remove_file(ground.folder.join(".git")).unwrap();
    recover(&ground);
    assert_eq!(ground.keep().difference.files, ["new"]);

    std::fs::remove_file(ground.folder.join(".git")).unwrap();
    ground.agent(&["init", "-q"]);
    ground.agent(&["add", "-A"]);
    ground.agent(&["commit", "-q", "-m", "in a repository of its own"]);
    ground.write("more", "work\n");
    ground.add();
    assert_eq!(ground.keep().difference.files, ["more", "new"]);
    let aside = ground.folder.with_file_name("fix.git");
    assert_eq!(git_in(&aside, &["log", "--format=%s"]), "in a repository of its own");
}

#[test]
fn a_folder_that_went_away_is_made_again_and_what_was_staged_is_held() {
    let ground = Ground::new();
    ground.add();
    ground.write("done", "x\n");
    let kept = ground.keep();
    ground.agent(&["checkout", "-q", "--detach"]);
    ground.agent(&["commit", "-q", "--allow-empty", "-m", "loose"]);
    let loose = ground.agent(&["rev-parse", "HEAD"]);
    ground.write("staged", "only here\n");
    ground.agent(&["add", "staged"]);
    std::fs::remove_dir_all(&ground.folder).unwrap();
    let tree = ground.add();
    assert_eq!(tree.tip().unwrap(), kept.commit);
    assert!(ground.folder.join("done").exists() && !tree.is_dirty().unwrap());
    let held = "refs/crew/keep/7k2aaaaaaaaa/fix/found";
    assert_eq!(ground.user(&["rev-parse", held]), loose);
    assert_eq!(ground.at(&format!("{held}.2"), "staged"), "only here");
}

#[test]
fn nothing_that_somebody_else_has_is_overwritten() {
    let ground = Ground::new();
    write_in(&ground.folder, "a person's", "x");
    let refused = Worktree::add(&ground.order()).unwrap_err().to_string();
    assert!(refused.contains("its `.git` is gone"), "{refused}");
    assert_eq!(ground.user(&["branch", "--list", BRANCH]), "");
    std::fs::remove_dir_all(&ground.folder).unwrap();

    let other = ground.repository.parent().unwrap().join("elsewhere");
    std::fs::create_dir(&other).unwrap();
    std::os::unix::fs::symlink(&other, &ground.folder).unwrap();
    let refused = Worktree::add(&ground.order()).unwrap_err().to_string();
    assert!(refused.contains("it is a link"), "{refused}");
    std::fs::remove_file(&ground.folder).unwrap();

    ground.user(&["worktree", "add", "-q", "-b", "theirs", &ground.folder.display().to_string()]);
    let refused = Worktree::add(&ground.order()).unwrap_err().to_string();
    assert!(refused.contains("crew has not made it"), "{refused}");
    ground.user(&["worktree", "remove", &ground.folder.display().to_string()]);

    let tree = ground.user(&["rev-parse", "HEAD^{tree}"]);
    let strange = ground.user(&["commit-tree", &tree, "-m", "no history"]);
    ground.user(&["branch", BRANCH, &strange]);
    let refused = Worktree::add(&ground.order()).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!("the branch `{BRANCH}` is there already, and does not come from {}", ground.base)
    );
    assert_eq!(ground.user(&["rev-parse", BRANCH]), strange);
    assert!(!ground.folder.exists());
}

#[test]
fn what_a_killed_add_left_is_put_right() {
    type Deed = fn(&Ground, &Path);
    let cases: [(&str, Deed); 7] = [
        ("all but the marker", |_, _| {}),
        ("half of the files", |ground, admin| {
            std::fs::remove_file(ground.folder.join("kept")).unwrap();
            std::fs::write(ground.folder.join("gone"), "").unwrap();
            std::fs::remove_file(admin.join("index")).unwrap();
        }),
        ("a lock", |ground, admin| {
            std::fs::remove_file(ground.folder.join("kept")).unwrap();
            std::fs::remove_file(admin.join("index")).unwrap();
            std::fs::write(admin.join("index.lock"), "").unwrap();
        }),
        ("no folder", |ground, _| std::fs::remove_dir_all(&ground.folder).unwrap()),
        ("no files but .git, and no HEAD", |ground, admin| {
            for name in ["kept", "gone", ".gitignore"] {
                std::fs::remove_file(ground.folder.join(name)).unwrap();
            }
            for name in ["HEAD", "index"] {
                std::fs::remove_file(admin.join(name)).unwrap();
            }
            std::fs::remove_dir_all(admin.join("logs")).unwrap();
            let _ = std::fs::remove_file(admin.join("ORIG_HEAD"));
        }),
        ("a lock alone", |ground, admin| {
            std::fs::remove_dir_all(&ground.folder).unwrap();
            let locked = std::fs::read(admin.join("locked")).unwrap();
            std::fs::remove_dir_all(admin).unwrap();
            std::fs::create_dir(admin).unwrap();
            std::fs::write(admin.join("locked"), locked).unwrap();
        }),
        ("a branch alone", |ground, admin| {
            std::fs::remove_dir_all(&ground.folder).unwrap();
            std::fs::remove_dir_all(admin).unwrap();
        }),
    ];
    for (what, deed) in cases {
        let ground = Ground::new();
        let path = ground.folder.display().to_string();
        let reason = "crew: task fix of run 7k2aaaaaaaaa";
        ground.user(&["worktree", "add", "-q", "--lock", "--reason", reason, "-b", BRANCH, &path]);
        let admin = ground.agent(&["rev-parse", "--absolute-git-dir"]);
        deed(&ground, Path::new(&admin));
        let tree = ground.add();
        assert!(!tree.is_dirty().unwrap(), "{what}");
        assert_eq!(std::fs::read_to_string(ground.folder.join("kept")).unwrap(), "one\ntwo\n", "{what}");
        assert_eq!(tree.tip().unwrap(), ground.base, "{what}");
        assert_eq!(ground.user(&["worktree", "list"]).lines().count(), 2, "{what}");
        assert!(!ground.keep().is_new, "{what}");
    }
}

#[test]
fn where_the_marker_is_broken_or_gone_nothing_is_reset() {
    for (content, index_stays) in
        [(Some(""), true), (Some("{\"run\": 7}"), true), (None, true), (None, false)]
    {
        let ground = Ground::new();
        let tree = ground.add();
        ground.write("kept", "precious\n");
        ground.write("more", "precious too\n");
        let marker = tree.admin().join(MARKER);
        match content {
            Some(content) => std::fs::write(&marker, content).unwrap(),
            None => std::fs::remove_file(&marker).unwrap(),
        }
        if !index_stays {
            std::fs::remove_file(tree.admin().join("index")).unwrap();
        }
        let added = Worktree::add(&ground.order());
        let has = |path: &str| std::fs::read_to_string(ground.folder.join(path)).unwrap();
        if content.is_some() {
            let refused = added.unwrap_err().to_string();
            assert!(refused.contains("crew.json") && refused.contains("no longer says"), "{refused}");
            assert!(tree.keep(&ground.work()).is_err());
            // Another task's work tree is not kept from being made.
            let other = Owner { task: "other".into(), ..ground.owner.clone() };
            let (folder, branch) = (ground.folder.with_file_name("other"), "crew/7k2aaaaaaaaa/other");
            Worktree::add(&Order { folder: &folder, branch, owner: &other, ..ground.order() }).unwrap();
            assert_eq!(marked(&ground.repository).unwrap().len(), 1);
        } else if index_stays {
            added.unwrap();
            assert_eq!(ground.keep().difference.files, ["kept", "more"]);
        } else {
            added.unwrap();
            let found = "refs/crew/keep/7k2aaaaaaaaa/fix/found";
            assert_eq!(ground.at(found, "kept"), "precious");
            assert_eq!(
                (ground.at(found, "more").as_str(), has("kept").as_str()),
                ("precious too", "one\ntwo\n")
            );
            continue;
        }
        assert_eq!(
            (has("kept").as_str(), has("more").as_str()),
            ("precious\n", "precious too\n"),
            "{content:?}"
        );
    }
}

#[test]
fn commits_of_an_agent_outlive_the_marker_and_the_git_file() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.agent(&["checkout", "-q", "--detach"]);
    ground.agent(&["commit", "-q", "--allow-empty", "-m", "loose"]);
    let loose = ground.agent(&["rev-parse", "HEAD"]);
    std::fs::remove_file(tree.admin().join(MARKER)).unwrap();
    std::fs::remove_file(ground.folder.join(".git")).unwrap();
    Worktree::add(&ground.order()).unwrap_err();
    assert_eq!(ground.user(&["rev-parse", "refs/crew/keep/7k2aaaaaaaaa/fix/found"]), loose);
    assert!(ground.folder.join("kept").exists());
}

#[test]
fn what_only_the_registration_knows_is_held_before_it_goes() {
    for has_branch in [true, false] {
        let ground = Ground::new();
        ground.add();
        if has_branch {
            ground.agent(&["checkout", "-q", "--detach"]);
        }
        ground.agent(&["commit", "-q", "--allow-empty", "-m", "loose"]);
        let loose = ground.agent(&["rev-parse", "HEAD"]);
        ground.write("staged", "only here\n");
        ground.agent(&["add", "staged"]);
        if !has_branch {
            ground.user(&["update-ref", "-d", &format!("refs/heads/{BRANCH}")]);
        }
        std::fs::remove_dir_all(&ground.folder).unwrap();
        let (repository, folder) = (&ground.repository, &ground.folder);
        let held = keep_registered(repository, folder, BRANCH, &ground.owner, &ground.work()).unwrap();
        assert_eq!(held, [KEEP.to_owned(), format!("{KEEP}.2")]);
        assert_eq!(ground.user(&["rev-parse", KEEP]), loose);
        assert_eq!(ground.at(&held[1], "staged"), "only here");
        forget(repository, folder).unwrap();
        assert_eq!(ground.user(&["worktree", "list"]).lines().count(), 1);
    }
}

#[test]
fn where_its_folder_in_the_repository_leads_elsewhere_nothing_is_committed_there() {
    let ground = Ground::new();
    let tree = ground.add();
    let all = ground.repository.parent().unwrap();
    let (foreign, ran) = (all.join("foreign"), all.join("ran"));
    ground.user(&["clone", "-q", ".", &foreign.display().to_string()]);
    git_in(&foreign, &["config", "filter.evil.clean", &format!("touch '{}'; cat", ran.display())]);
    ground.write(".gitattributes", "* filter=evil\n");
    ground.write("new", "work\n");
    let common = tree.admin().join(COMMON);
    std::fs::write(&common, format!("{}\n", foreign.join(".git").display())).unwrap();
    let before = git_in(&foreign, &["for-each-ref"]);
    let refused = ground.open().unwrap_err().to_string();
    assert!(refused.contains("says that it belongs to another one"), "{refused}");
    tree.check().unwrap_err();
    Worktree::recover(&ground.repository, &ground.folder, BRANCH, &ground.owner).unwrap();
    assert_eq!(ground.keep().difference.files, [".gitattributes", "new"]);
    assert_eq!((git_in(&foreign, &["for-each-ref"]), ran.exists()), (before, false));
    assert!(!ground.folder.with_file_name("fix.git").exists(), "its `.git` was right");
    // Somebody may do it between the look and the commit.
    ground.write("more", "work\n");
    std::fs::write(&common, format!("{}\n", foreign.join(".git").display())).unwrap();
    let refused = tree.keep_once(&ground.work()).unwrap_err().to_string();
    assert!(refused.contains("not what crew made it") && !ran.exists(), "{refused}");
}

#[test]
fn a_lock_that_a_killed_git_left_on_the_tasks_branch_goes() {
    let ground = Ground::new();
    let lock = ground.repository.join(format!(".git/refs/heads/{BRANCH}.lock"));
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let left = std::fs::File::create(&lock).unwrap();
    left.set_modified(std::time::SystemTime::now() - 2 * adding::LEFT).unwrap();
    ground.add();
    assert!(!lock.exists());
    assert_eq!(ground.agent(&["rev-parse", "HEAD"]), ground.base);
}

#[test]
fn many_are_added_to_one_repository_at_once() {
    let ground = Ground::new();
    let add = |number: usize| {
        let task = format!("t{number}");
        let folder = ground.repository.join(".crew/worktrees/7k2aaaaaaaaa").join(&task);
        let branch = format!("crew/7k2aaaaaaaaa/{task}");
        let owner = Owner { run: "7k2aaaaaaaaa".into(), task };
        let order = Order { folder: &folder, branch: &branch, owner: &owner, ..ground.order() };
        let tree = Worktree::add(&order).unwrap();
        write_in(&folder, "mine", number.to_string());
        let keep_ref = format!("refs/crew/keep/7k2aaaaaaaaa/{}/1", owner.task);
        let kept = tree.keep(&Work { keep_ref: &keep_ref, ..ground.work() }).unwrap();
        assert_eq!(kept.difference.files, ["mine"]);
    };
    std::thread::scope(|scope| {
        for number in 0..20 {
            scope.spawn(move || add(number));
        }
    });
    for number in 0..20 {
        assert_eq!(ground.at(&format!("crew/7k2aaaaaaaaa/t{number}"), "mine"), number.to_string());
    }
    assert_eq!(ground.user(&["fsck", "--no-dangling", "--no-progress"]), "");
    assert_eq!(ground.user(&["status", "--porcelain"]), "");
}

#[test]
fn the_users_own_housekeeping_leaves_it_alone() {
    let ground = Ground::new();
    ground.add();
    ground.write("new", "work\n");
    let aside = ground.folder.with_file_name("unplugged");
    std::fs::rename(&ground.folder, &aside).unwrap();
    ground.user(&["worktree", "prune", "--expire=now"]);
    ground.user(&["gc", "-q", "--prune=now"]);
    std::fs::rename(&aside, &ground.folder).unwrap();
    assert_eq!(ground.keep().difference.files, ["new"]);
}

/// Does one thing in the repository that a variable names. The next test kills it.
#[test]
#[ignore = "it is the process that another test kills"]
fn what_is_killed() {
    let Some(all) = std::env::var_os("KILLED_IN") else { return };
    let repository = Path::new(&all).join("repo");
    let folder = repository.join(".crew/worktrees/7k2aaaaaaaaa/fix");
    let owner = Owner { run: "7k2aaaaaaaaa".into(), task: "fix".into() };
    let base = std::env::var("KILLED_BASE").unwrap();
    let (repository, folder, base) = (repository.as_path(), folder.as_path(), base.as_str());
    let work = Work { message: "fix: done", base, leave_out: &[], keep_ref: KEEP };
    let open = || Worktree::open(repository, folder, BRANCH, &owner).unwrap();
    match std::env::var("KILLED_DOING").as_deref() {
        Ok("add") => {
            let order = Order { repository, folder, branch: BRANCH, base, owner: &owner, behalf: None };
            drop(Worktree::add(&order).unwrap());
        }
        Ok("keep") => drop(open().keep(&work).unwrap()),
        Ok("remove") => drop(open().remove(&work).unwrap()),
        other => panic!("{other:?}"),
    }
}

impl Ground {
    /// Does something in a process that is killed instead of its `stop`th call of git. Tells whether it came to that.
    fn is_killed(&self, doing: &str, stop: usize) -> bool {
        let all = self.repository.parent().unwrap();
        let bin = all.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let real = which::which("git").unwrap();
        let script = format!(
            "#!/bin/sh\nn=$(($(cat '{0}/count') + 1))\necho $n > '{0}/count'\n\
             if [ $n -ge {stop} ]; then kill -9 $PPID; exit 1; fi\nexec '{1}' \"$@\"\n",
            all.display(),
            real.display()
        );
        std::fs::write(all.join("count"), "0").unwrap();
        // A shell writes it, so that no test that forks meanwhile holds it open.
        let writes = ["-c", "printf %s \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"];
        let mut shell = std::process::Command::new("/bin/sh");
        assert!(shell.args(writes).arg(bin.join("git")).arg(script).status().unwrap().success());
        let path = std::env::var("PATH").unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "workspace::worktree::tests::what_is_killed", "--ignored"])
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("KILLED_IN", all)
            .env("KILLED_BASE", &self.base)
            .env("KILLED_DOING", doing)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
        assert!(killed || status.success(), "{doing} {stop}: {status}");
        killed
    }
}

#[test]
fn a_kill_at_any_step_loses_nothing_and_the_same_again_ends_the_same() {
    let prepared = |doing: &str| {
        let ground = Ground::new();
        if doing == "add" {
            return ground;
        }
        ground.add();
        ground.write("kept", "committed\n");
        ground.agent(&["commit", "-q", "-a", "-m", "mine"]);
        let lost = ground.agent(&["rev-parse", "HEAD"]);
        ground.agent(&["checkout", "-q", "--detach", "HEAD~1"]);
        ground.agent(&["branch", "-q", "-f", BRANCH, "HEAD"]);
        ground.write("loose", "x\n");
        ground.user(&["tag", "lost-for-the-test", &lost]);
        ground.user(&["update-ref", "-d", "refs/tags/lost-for-the-test"]);
        std::fs::write(ground.repository.parent().unwrap().join("lost"), lost).unwrap();
        ground
    };
    for doing in ["add", "keep", "remove"] {
        let mut stops = 0;
        for stop in 1.. {
            let ground = prepared(doing);
            if !ground.is_killed(doing, stop) {
                break;
            }
            stops = stop;
            if doing == "add" {
                ground.add();
                assert_eq!(ground.keep().commit, ground.base);
                continue;
            }
            let lost = std::fs::read_to_string(ground.repository.parent().unwrap().join("lost")).unwrap();
            let kept = if doing == "keep" {
                let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
                assert_eq!(ground.parents(&kept.commit), [ground.base.as_str()], "{doing} {stop}");
                ground.keep().commit
            } else {
                if ground.folder.exists() {
                    ground.open().unwrap().remove(&ground.work()).unwrap();
                }
                assert_eq!(ground.user(&["worktree", "list"]).lines().count(), 1, "{doing} {stop}");
                assert!(!ground.folder.exists());
                format!("{KEEP}.2")
            };
            assert_eq!(ground.at(&kept, "loose"), "x", "{doing} {stop}");
            assert_eq!(ground.user(&["rev-parse", KEEP]), lost, "{doing} {stop}");
            let held = if doing == "keep" { 1 } else { 2 };
            let refs = ground.user(&["for-each-ref", "refs/crew"]);
            assert_eq!(refs.lines().count(), held, "{doing} {stop}: {refs}");
            assert_eq!(ground.user(&["status", "--porcelain"]), "");
        }
        assert!(stops > 2, "{doing} has {stops} steps");
    }
}

#[test]
fn a_git_that_outlived_its_crew_is_waited_for_or_ended_before_anything_is_put_right() {
    for ends in [true, false] {
        let mut ground = Ground::new();
        let all = ground.repository.parent().unwrap().to_owned();
        ground.user(&["config", "filter.slow.smudge", &format!("sh '{}'", all.join("slow.sh").display())]);
        let (gate, ran) = (all.join("gate"), all.join("ran"));
        let wait = format!("while test -e '{}'; do sleep 0.05; done", gate.display());
        let script = format!("echo $$ >>'{}'; {wait}; cat", ran.display());
        write_in(&all, "slow.sh", script);
        write_in(&ground.repository, ".gitattributes", "slow filter=slow\n");
        write_in(&ground.repository, "slow", "x\n");
        ground.commit_all("slow");
        std::fs::write(&gate, "").unwrap();
        let mut crew = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "workspace::worktree::tests::what_is_killed", "--ignored"])
            .envs([("KILLED_IN", all.as_os_str()), ("KILLED_DOING", "add".as_ref())])
            .env("KILLED_BASE", &ground.base)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let runs = || std::fs::read_to_string(&ran).unwrap_or_default();
        while runs().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        crew.kill().unwrap();
        crew.wait().unwrap();
        let lock = ground.repository.join(".git/worktrees/fix/index.lock");
        assert!(lock.exists());
        std::thread::scope(|scope| {
            let adding = scope.spawn(|| ground.add());
            std::thread::sleep(std::time::Duration::from_millis(500));
            assert!(!adding.is_finished() && lock.exists());
            if ends {
                std::fs::remove_file(&gate).unwrap();
            }
            // The one that is ended lets the next one through.
            while !ends && !adding.is_finished() {
                if runs().lines().count() > 1 && gate.exists() {
                    std::fs::remove_file(&gate).unwrap();
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            adding.join().unwrap();
        });
        let first = runs().lines().next().unwrap().to_owned();
        // One that nobody has waited for yet has no words any more.
        let words = std::fs::read(Path::new("/proc").join(first).join("cmdline")).unwrap_or_default();
        assert!(words.is_empty(), "it has ended");
        assert_eq!(runs().lines().count(), if ends { 1 } else { 2 });
        assert_eq!(std::fs::read_to_string(ground.folder.join("slow")).unwrap(), "x\n");
        let left = std::fs::read_dir(ground.repository.join(".git"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        let left = left.filter(|name| name.to_string_lossy().starts_with("crew-")).count();
        assert_eq!((lock.exists(), left), (false, 0));
        assert!(!ground.keep().is_new);
    }
}

#[test]
fn a_removal_that_was_stopped_among_the_files_is_finished() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.write("new", "work\n");
    let kept = ground.keep();
    let held = mark(tree.admin(), &Marker { removing: Some(kept.commit.clone()), ..tree.marker().unwrap() });
    held.unwrap();
    std::fs::remove_file(ground.folder.join("new")).unwrap();
    std::fs::remove_file(ground.folder.join(".git")).unwrap();
    let again = Worktree::recover(&ground.repository, &ground.folder, BRANCH, &ground.owner).unwrap();
    assert!(again.remove(&ground.work()).unwrap().set_aside.is_empty());
    assert!(!ground.folder.exists());

    let tree = ground.add();
    mark(tree.admin(), &Marker { removing: Some(kept.commit), ..tree.marker().unwrap() }).unwrap();
    std::fs::remove_file(ground.folder.join("kept")).unwrap();
    let tree = ground.add();
    assert!(ground.folder.join("kept").exists() && !tree.is_dirty().unwrap());
    assert_eq!(ground.user(&["for-each-ref", "refs/crew"]), "");
}

#[test]
fn files_of_repositories_that_an_agent_makes_are_kept_as_files() {
    let ground = Ground::new();
    ground.add();
    for (path, is_committed) in [("made", true), ("deep/unborn", false)] {
        ground.write(&format!("{path}/a b\u{e9}"), "x\n");
        ground.write(&format!("{path}/ignored"), "x\n");
        ground.write(&format!("{path}/inner/c"), "x\n");
        let inside = |args: &[&str]| ground.agent(&[&["-C", path][..], args].concat());
        inside(&["init", "-q", "-b", "main"]);
        if is_committed {
            inside(&["add", "-A"]);
            inside(&["commit", "-q", "-m", "inside"]);
        }
    }
    let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
    let names = ["deep/unborn/a b\u{e9}", "deep/unborn/inner/c", "made/a b\u{e9}", "made/inner/c"];
    assert_eq!(kept.difference.files, names);
    assert_eq!(kept.set_aside, [KEEP], "its history");
    assert_eq!(ground.user(&["log", "--format=%s", &format!("{KEEP}^")]), "inside");
    assert_eq!(ground.keep().commit, kept.commit);

    ground.agent(&["rm", "-q", "-r", "--cached", "made"]);
    ground.agent(&["add", "made"]);
    ground.agent(&["commit", "-q", "-m", "as a link"]);
    let kept = ground.keep();
    assert_eq!(kept.difference.files, names);
    assert_eq!(ground.user(&["for-each-ref", "--format=%(refname)", "refs/crew"]), KEEP);
}

#[test]
fn what_is_committed_in_a_repository_inside_after_it_was_kept_is_held_too() {
    let ground = Ground::new();
    let tree = ground.add();
    let commit = |path: &str, file: &str| {
        ground.write(&format!("{path}/{file}"), "x\n");
        ground.agent(&["-C", path, "add", "-A"]);
        ground.agent(&["-C", path, "commit", "-q", "-m", file]);
        ground.agent(&["-C", path, "rev-parse", "HEAD"])
    };
    for path in ["sub", "deep/unborn"] {
        ground.write(&format!("{path}/a"), "x\n");
        ground.agent(&["init", "-q", "-b", "main", path]);
    }
    // Git takes none of these for a repository.
    ground.write("bare/.git/HEAD", "x\n");
    ground.write("bare/a", "x\n");
    let first = commit("sub", "first");
    let kept = ground.keep();
    assert_eq!(kept.difference.files, ["bare/a", "deep/unborn/a", "sub/a", "sub/first"]);
    assert_eq!(kept.left, [""; 0]);
    let held = |commit: &str| ground.user(&["for-each-ref", "--contains", commit, "refs/crew/keep"]);
    assert!(!held(&first).is_empty());

    let second = commit("sub", "second");
    let born = commit("deep/unborn", "born");
    // Committed on a branch that is not checked out any more: none of its files lies there.
    ground.agent(&["-C", "sub", "switch", "-q", "-c", "side"]);
    let aside = commit("sub", "aside");
    ground.agent(&["-C", "sub", "switch", "-q", "main"]);
    let kept = ground.keep();
    assert_eq!(
        kept.difference.files,
        ["bare/a", "deep/unborn/a", "deep/unborn/born", "sub/a", "sub/first", "sub/second"]
    );
    assert_eq!(kept.left, [""; 0]);
    for commit in [&second, &born, &aside] {
        assert!(!held(commit).is_empty(), "{commit}");
    }

    let last = commit("sub", "last");
    tree.remove(&ground.work()).unwrap();
    assert!(!ground.folder.exists() && !held(&last).is_empty());
}

#[test]
fn what_is_done_in_a_submodule_is_kept_whether_committed_or_not() {
    let mut ground = Ground::new();
    let library = ground.repository.parent().unwrap().join("library");
    git_in(library.parent().unwrap(), &["init", "-q", "-b", "main", "library"]);
    write_in(&library, "l", "one\n");
    git_in(&library, &["add", "-A"]);
    git_in(&library, &["commit", "-q", "-m", "library"]);
    ground.user(&["submodule", "--quiet", "add", "../library", "lib"]);
    ground.user(&["config", "-f", ".gitmodules", "submodule.lib.ignore", "all"]);
    ground.commit_all("with a submodule");
    let tree = ground.add();
    assert!(!ground.keep().is_new, "not checked out");
    ground.agent(&["submodule", "--quiet", "update", "--init"]);
    assert!(!ground.keep().is_new, "checked out");
    assert!(!tree.is_dirty().unwrap());

    ground.write("lib/l", "changed\n");
    ground.write("lib/new", "x\n");
    assert!(tree.is_dirty().unwrap());
    let kept = tree.keep(&ground.work()).unwrap();
    assert_eq!((kept.is_new, kept.set_aside.as_slice()), (false, &[KEEP.to_owned()][..]));
    assert_eq!(ground.at(KEEP, "new"), "x");
    ground.agent(&["-C", "lib", "add", "-A"]);
    ground.agent(&["-C", "lib", "commit", "-q", "-m", "inside"]);
    let inside = ground.agent(&["-C", "lib", "rev-parse", "HEAD"]);
    let kept = ground.keep();
    assert!(kept.is_new && kept.difference.files == ["lib"]);
    assert_eq!(ground.user(&["rev-parse", &format!("{}:lib", kept.commit)]), inside);
    assert_eq!(ground.parents(&format!("{KEEP}.2")), [inside.as_str()]);
    tree.remove(&ground.work()).unwrap();
    assert!(!ground.folder.exists());
    assert_eq!(ground.at(&inside, "new"), "x");
}

#[test]
fn nothing_runs_that_a_repository_inside_names() {
    for how in ["made", "linked", "submodule"] {
        let mut ground = Ground::new();
        if how == "submodule" {
            let library = ground.repository.parent().unwrap().join("inner");
            git_in(library.parent().unwrap(), &["init", "-q", "-b", "main", "inner"]);
            write_in(&library, "a.txt", "one\n");
            git_in(&library, &["add", "-A"]);
            git_in(&library, &["commit", "-q", "-m", "library"]);
            ground.user(&["submodule", "--quiet", "add", "../inner", "inner"]);
            ground.commit_all("with a submodule");
        }
        let tree = ground.add();
        let inside = |args: &[&str]| ground.agent(&[&["-C", "inner"][..], args].concat());
        if how == "submodule" {
            ground.agent(&["submodule", "--quiet", "update", "--init"]);
        } else {
            ground.write("inner/a.txt", "one\n");
            inside(&["init", "-q", "-b", "main"]);
            inside(&["add", "-A"]);
            inside(&["commit", "-q", "-m", "inside"]);
        }
        if how == "linked" {
            ground.agent(&["add", "inner"]);
            ground.agent(&["commit", "-q", "-m", "as a link"]);
        }
        let ran = ground.repository.parent().unwrap().join("ran");
        let command = format!("sh -c 'echo $0 $* >>{}; cat' -", ran.display());
        inside(&["config", "filter.evil.clean", &command]);
        inside(&["config", "core.fsmonitor", &command]);
        inside(&["config", "uploadpack.packObjectsHook", &command]);
        inside(&["config", "core.alternateRefsCommand", &command]);
        for folder in ["", "inner/"] {
            ground.write(&format!("{folder}.gitattributes"), "*.txt filter=evil\n");
        }
        ground.write("inner/a.txt", "two\n");
        let link = [Path::new("inner")];
        let now = Now::of(&Place::of(tree.folder(), tree.admin()), &[]).unwrap();
        assert_eq!(now.astray.len(), if how == "submodule" { 2 } else { 0 }, "{:?}", now.astray);
        let kept = tree.keep(&ground.work()).unwrap();
        let again = tree.keep(&ground.work()).unwrap();
        assert_eq!((kept.left.len(), &again.commit), (0, &kept.commit), "{:?}", kept.left);
        match how {
            "submodule" => assert_eq!(ground.at(KEEP, "a.txt"), "two"),
            _ => assert_eq!(ground.at(&kept.commit, "inner/a.txt"), "two"),
        }
        tree.keep_for_removal(&ground.work()).unwrap();
        let left_out = Work { leave_out: &link, ..ground.work() };
        tree.keep(&left_out).unwrap();
        assert_eq!(std::fs::read_to_string(&ran).unwrap_or_default(), "", "{how}");
        assert_eq!(ground.user(&["for-each-ref", "--format=%(refname)", "refs/crew"]), KEEP);
    }
}

#[test]
fn a_repository_inside_that_cannot_be_read_keeps_nothing_from_the_branch() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.user(&["config", "protocol.file.allow", "never"]);
    ground.user(&["config", "protocol.allow", "never"]);
    let made = |path: &str, more: &[&str]| {
        ground.write(&format!("{path}/file"), "x\n");
        let inside = |args: &[&str]| ground.agent(&[&["-C", path][..], args].concat());
        inside(&[&["init", "-q", "-b", "main"], more].concat());
        inside(&["add", "-A"]);
        inside(&["commit", "-q", "-m", path]);
    };
    ground.write("new", "work\n");
    made("inner", &[]);
    let kept = tree.keep(&ground.work()).unwrap();
    assert_eq!((kept.left.len(), kept.set_aside.as_slice()), (0, &[KEEP.to_owned()][..]), "{:?}", kept.left);
    made("other", &["--object-format=sha256"]);
    ground.write("new", "more work\n");
    let kept = tree.keep(&ground.work()).unwrap();
    assert_eq!(ground.at(BRANCH, "new"), "more work");
    assert_eq!(ground.at(&kept.commit, "inner/file"), "x");
    assert!(kept.left.len() == 1 && kept.left[0].starts_with("other: "), "{:?}", kept.left);
    made("third", &["--object-format=sha256"]);
    let refused = tree.keep_for_removal(&ground.work()).unwrap_err().to_string();
    assert!(refused.contains("third: "), "{refused}");
}

#[test]
fn what_git_cannot_take_is_told_and_the_rest_is_kept_and_the_folder_stays() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.write("new", "x\n");
    ground.write("git~1", "a name that git refuses\n");
    std::fs::remove_file(ground.folder.join("kept")).unwrap();
    for name in ["kept", "pipe"] {
        let made = std::process::Command::new("mkfifo").arg(ground.folder.join(name)).status().unwrap();
        assert!(made.success());
    }
    let _socket = std::os::unix::net::UnixListener::bind(ground.folder.join("socket")).unwrap();
    let kept = tree.keep(&ground.work()).unwrap();
    assert_eq!(kept.difference.files, ["new"]);
    let told = kept.left.join("\n");
    assert!(told.contains("git~1") && told.contains("kept: can only add regular files"), "{told}");
    let refused = tree.clone().remove(&ground.work()).unwrap_err().to_string();
    assert!(refused.contains("git~1") && ground.folder.join("git~1").exists(), "{refused}");
    std::fs::remove_file(ground.folder.join("git~1")).unwrap();
    std::fs::remove_file(ground.folder.join("kept")).unwrap();
    tree.remove(&ground.work()).unwrap();
    assert!(!ground.folder.exists());
}

#[test]
fn a_failing_git_changes_nothing() {
    let ground = Ground::new();
    let tree = ground.add();
    ground.write("new", "work\n");
    ground.write(".gitattributes", "* filter=broken\n");
    ground.user(&["config", "filter.broken.clean", "false"]);
    ground.user(&["config", "filter.broken.required", "true"]);
    let before = (ground.user(&["for-each-ref"]), std::fs::read(tree.admin().join("index")).unwrap());
    let error = tree.keep(&ground.work()).unwrap_err().to_string();
    assert!(error.contains("filter"), "{error}");
    let left = || {
        let names = std::fs::read_dir(tree.admin()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("crew-index")).count()
    };
    assert_eq!(left(), 0);
    assert_eq!(before, (ground.user(&["for-each-ref"]), std::fs::read(tree.admin().join("index")).unwrap()));
    ground.user(&["config", "filter.broken.required", "false"]);
    assert_eq!(ground.keep().difference.files, [".gitattributes", "new"]);
}

#[test]
fn no_hook_runs_nothing_is_signed_and_somebody_is_the_author() {
    let ground = Ground::new();
    let hooks = ground.repository.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "reference-transaction", "pre-commit", "post-index-change"] {
        let path = hooks.join(hook);
        std::fs::write(&path, format!("#!/bin/sh\ntouch '{}/ran'\nexit 1\n", hooks.display())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path, mode).unwrap();
    }
    ground.user(&["config", "commit.gpgSign", "true"]);
    ground.user(&["config", "gpg.program", "false"]);
    ground.user(&["config", "i18n.commitEncoding", "ISO-8859-1"]);
    let tree = ground.add();
    ground.write("new", "work\n");
    let work = Work { message: "fix: \u{e4}\u{f6}\n\nCrew-Task: fix\n", ..ground.work() };
    let kept = tree.keep(&work).unwrap();
    assert!(!hooks.join("ran").exists());
    let raw = tree.git().text(&["cat-file", "commit", &kept.commit]).unwrap();
    assert!(raw.ends_with("\n\nfix: \u{e4}\u{f6}\n\nCrew-Task: fix") && !raw.contains("encoding"), "{raw}");
    assert!(!raw.contains("gpgsig") && raw.contains("\nauthor "), "{raw}");

    ground.user(&["config", "user.name", "Ada"]);
    ground.user(&["config", "user.email", "ada@example.com"]);
    ground.write("new", "more\n");
    let kept = tree.keep(&ground.work()).unwrap();
    let who = tree.git().text(&["show", "-s", "--format=%an <%ae> %cn <%ce>", &kept.commit]).unwrap();
    assert_eq!(who, "Ada <ada@example.com> Ada <ada@example.com>");
}

#[test]
fn modes_links_and_line_ends_come_through_as_the_user_would_commit_them() {
    let mut ground = Ground::new();
    ground.user(&["config", "core.autocrlf", "true"]);
    ground.user(&["config", "core.safecrlf", "true"]);
    ground.user(&["config", "core.ignoreCase", "true"]);
    write_in(&ground.repository, "dos", "a\r\nb\r\n");
    ground.user(&["config", "core.safecrlf", "false"]);
    ground.commit_all("line ends");
    ground.user(&["config", "core.safecrlf", "true"]);
    ground.add();
    assert_eq!(std::fs::read(ground.folder.join("dos")).unwrap(), b"a\r\nb\r\n");
    assert!(!ground.keep().is_new);
    ground.write("mixed", "a\r\nb\n");
    ground.write("KEPT", "another one\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(ground.folder.join("gone"), mode).unwrap();
    std::os::unix::fs::symlink("no/where", ground.folder.join("link")).unwrap();
    ground.agent(&["update-index", "--assume-unchanged", "kept"]);
    ground.write("kept", "hidden from git\n");
    ground.agent(&["update-index", "--skip-worktree", "dos"]);
    ground.write("dos", "hidden too\r\n");
    let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
    assert_eq!(kept.difference.files, ["KEPT", "dos", "gone", "kept", "link", "mixed"]);
    let listed = ground.user(&["ls-tree", &kept.commit, "gone", "link"]);
    assert!(listed.starts_with("100755 blob ") && listed.contains("\n120000 blob "), "{listed}");
    assert_eq!(ground.at(&kept.commit, "kept"), "hidden from git");
}

#[test]
fn what_a_sparse_checkout_leaves_out_stays_in_the_commits() {
    let mut ground = Ground::new();
    write_in(&ground.repository, "inside/a", "x\n");
    write_in(&ground.repository, "outside/b", "x\n");
    ground.commit_all("two folders");
    ground.user(&["config", "extensions.worktreeConfig", "true"]);
    ground.user(&["sparse-checkout", "set", "--cone", "inside"]);
    ground.add();
    assert!(!ground.folder.join("outside").exists());
    ground.write("inside/a", "changed\n");
    ground.write("outside/c", "beyond the cone\n");
    let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
    assert_eq!(kept.difference.files, ["inside/a", "outside/c"]);
    assert_eq!(ground.at(&kept.commit, "outside/b"), "x");
    ground.write("outside/b", "changed\n");
    let kept = ground.open().unwrap().keep(&ground.work()).unwrap();
    assert_eq!(kept.difference.files, ["inside/a", "outside/b", "outside/c"]);
    assert_eq!(ground.user(&["sparse-checkout", "list"]), "inside");

    let admin = ground.agent(&["rev-parse", "--absolute-git-dir"]);
    std::fs::write(Path::new(&admin).join("index"), "broken").unwrap();
    assert!(ground.open().unwrap().keep(&ground.work()).unwrap_err().to_string().contains("index"));
    assert_eq!(ground.user(&["rev-parse", BRANCH]), kept.commit);
}

#[test]
fn a_pointer_to_a_large_file_stays_a_pointer() {
    let mut ground = Ground::new();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n";
    write_in(&ground.repository, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    write_in(&ground.repository, "large.bin", pointer);
    ground.commit_all("a pointer");
    ground.add();
    ground.write("new", "x\n");
    let kept = ground.keep();
    assert_eq!(kept.difference.files, ["new"]);
    assert_eq!(std::fs::read_to_string(ground.folder.join("large.bin")).unwrap(), pointer);

    ground.user(&["config", "filter.lfs.clean", "no-such-program clean -- %f"]);
    ground.user(&["config", "filter.lfs.smudge", "no-such-program smudge -- %f"]);
    ground.user(&["config", "filter.lfs.required", "true"]);
    let folder = ground.repository.join(".crew/worktrees/7k2aaaaaaaaa/other");
    let owner = Owner { run: "7k2aaaaaaaaa".into(), task: "other".into() };
    let branch = "crew/7k2aaaaaaaaa/other";
    let refused = Worktree::add(&Order { folder: &folder, branch, owner: &owner, ..ground.order() });
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("no-such-program") && refused.contains("large.bin"), "{refused}");
    assert_eq!(ground.user(&["branch", "--list", branch]), "");
    assert!(!folder.exists());
}

#[test]
fn a_shallow_clone_has_work_trees_too() {
    let mut ground = Ground::new();
    write_in(&ground.repository, "second", "x");
    ground.commit_all("second");
    let clone = ground.repository.parent().unwrap().join("clone");
    let url = format!("file://{}", ground.repository.display());
    ground.user(&["clone", "-q", "--depth=1", &url, &clone.display().to_string()]);
    ground.folder = clone.join(".crew/worktrees/7k2aaaaaaaaa/fix");
    ground.repository = clone;
    ground.add();
    ground.write("new", "x\n");
    ground.agent(&["commit", "-q", "--allow-empty", "-m", "mine"]);
    assert_eq!(ground.keep().difference.files, ["new"]);
    ground.open().unwrap().remove(&ground.work()).unwrap();
}

#[test]
fn the_users_own_tree_may_be_a_linked_one_or_one_of_a_bare_repository() {
    let mut ground = Ground::new();
    let all = ground.repository.parent().unwrap().to_owned();
    ground.user(&["clone", "-q", "--bare", ".", "../bare.git"]);
    git_in(&all.join("bare.git"), &["worktree", "add", "-q", "-b", "work", "../linked", "main"]);
    ground.repository = all.join("linked");
    ground.folder = all.join("apart/7k2aaaaaaaaa/fix");
    assert_eq!(base::find(&ground.repository).unwrap().branch.as_deref(), Some("work"));
    ground.add();
    ground.write("new", "x\n");
    assert_eq!(ground.keep().difference.files, ["new"]);
    let committed = ground.user(&["rev-parse", "work"]);
    assert_eq!(committed, ground.base);
    ground.open().unwrap().remove(&ground.work()).unwrap();
    assert!(!all.join("apart/7k2aaaaaaaaa").exists());
}

#[test]
fn what_is_only_looked_at_is_detached_and_goes_with_its_branch() {
    let ground = Ground::new();
    let tree = ground.add();
    tree.detach(&ground.base).unwrap();
    assert_eq!(ground.agent(&["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    assert!(!tree.is_dirty().unwrap());
    assert!(tree.changes_since(&ground.base, &[]).unwrap().is_empty());
    // Custody leaves it as it was.
    let kept = tree.keep(&ground.work()).unwrap();
    assert_eq!((kept.commit.as_str(), kept.is_new), (ground.base.as_str(), false));
    assert_eq!(ground.agent(&["rev-parse", "--abbrev-ref", "HEAD"]), "HEAD");
    ground.write("notes", "not tracked\n");
    let clear = || detached::clear_away(&ground.order(), &ground.work()).unwrap();
    let held = clear();
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!(ground.user(&["show", &format!("{}:notes", held[0])]), "not tracked");
    assert!(!ground.folder.exists());
    assert_eq!(ground.user(&["branch", "--list", BRANCH]), "");
    assert!(clear().is_empty(), "twice is once");
    // What is on its branch and was not there to be looked at is held, and what lay in the place of its `.git` goes.
    let tree = ground.add();
    tree.detach(&ground.base).unwrap();
    ground.agent(&["checkout", "-q", BRANCH]);
    assert!(tree.is_dirty().unwrap());
    assert_eq!(tree.changes_since(&ground.base, &[]).unwrap().refs, ["HEAD: no more detached"]);
    ground.write("more", "more\n");
    tree.keep(&ground.work()).unwrap();
    ground.write(".git", "garbage\n");
    let tree = Worktree::recover(&ground.repository, &ground.folder, BRANCH, &ground.owner).unwrap();
    assert_eq!(tree.changes_since(&ground.base, &[]).unwrap().settings, [".git"]);
    let held = clear();
    assert_eq!(ground.user(&["show", &format!("{}:more", held[0])]), "more");
    assert_eq!(ground.user(&["branch", "--list", BRANCH]), "");
    assert!(!ground.folder.parent().unwrap().exists());
}

#[test]
fn what_was_half_made_to_be_looked_at_goes_too() {
    let ground = Ground::new();
    let tree = ground.add();
    let admin = tree.admin().to_owned();
    std::fs::remove_file(admin.join(MARKER)).unwrap();
    let clear = || detached::clear_away(&ground.order(), &ground.work()).unwrap();
    let has_branch = || !ground.user(&["branch", "--list", BRANCH]).is_empty();
    clear();
    assert!(!has_branch() && !ground.folder.exists() && !admin.exists());
    // And one whose folder somebody has taken away.
    let tree = ground.add();
    tree.detach(&ground.base).unwrap();
    std::fs::remove_dir_all(&ground.folder).unwrap();
    clear();
    assert!(!has_branch() && !tree.admin().exists());
}
