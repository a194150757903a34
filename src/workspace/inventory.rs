//! Which work trees a repository has, what they hold beside their files, and what they take up on the disk. Only reads.

use super::git::{Git, GitError};
use crate::domain::cleanup::Standing;
use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A work tree as git lists it; the main one is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub path: PathBuf,
    /// Id of the commit that its HEAD stands for; none before the first.
    pub head: Option<String>,
    /// `crew/RUN/TASK`; none where HEAD is detached.
    pub branch: Option<String>,
    /// Somebody asked git to leave it alone, and may have said why.
    pub locked: Option<String>,
}

/// Returns the work trees that git knows beside the main one, those too whose folder is gone.
pub fn listed(git: &Git) -> Result<Vec<Listed>, GitError> {
    let output = git.run(&["worktree", "list", "--porcelain", "-z"])?;
    Ok(read_list(&output).into_iter().skip(1).collect())
}

/// Reads what `git worktree list --porcelain -z` says: attributes that end with NUL, and one more NUL after each tree.
fn read_list(output: &[u8]) -> Vec<Listed> {
    let mut found: Vec<Listed> = Vec::new();
    for attribute in output.split(|byte| *byte == 0).filter(|attribute| !attribute.is_empty()) {
        let space = attribute.iter().position(|byte| *byte == b' ').unwrap_or(attribute.len());
        let (name, value) = (&attribute[..space], attribute.get(space + 1..).unwrap_or_default());
        if name == b"worktree" {
            let path = std::ffi::OsString::from_vec(value.to_vec()).into();
            found.push(Listed { path, ..Listed::default() });
            continue;
        }
        let Some(tree) = found.last_mut() else { continue };
        let text = String::from_utf8_lossy(value).into_owned();
        match name {
            b"HEAD" => tree.head = Some(text).filter(|id| id.bytes().any(|byte| byte != b'0')),
            b"branch" => tree.branch = Some(text.strip_prefix("refs/heads/").unwrap_or(&text).to_owned()),
            b"locked" => tree.locked = Some(text),
            _ => {}
        }
    }
    found
}

/// What a folder takes up, and the repositories that lie in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes on the disk of what has one name only.
    alone: u64,
    /// Bytes on the disk of each file that has several names, by its device and number.
    shared: HashMap<(u64, u64), u64>,
    /// Repositories below the folder, wherever git sees them or not; their history goes with the folder.
    pub repositories: Vec<PathBuf>,
}

impl Extent {
    /// Returns the bytes on the disk; a file with several names counts once.
    pub fn bytes(&self) -> u64 {
        self.alone + self.shared.values().sum::<u64>()
    }

    /// Adds another folder: a file that has a name in both counts once.
    pub fn add(&mut self, other: &Extent) {
        self.alone += other.alone;
        self.shared.extend(&other.shared);
    }

    fn count(&mut self, file: &std::fs::Metadata) {
        // `blocks` are of 512 bytes, whatever the file system's own are.
        let bytes = file.blocks() * 512;
        match file.nlink() > 1 && !file.is_dir() {
            true => drop(self.shared.insert((file.dev(), file.ino()), bytes)),
            false => self.alone += bytes,
        }
    }
}

/// Measures what lies at `path`. No link is followed, and no other file system entered. `tick` is called for each folder.
///
/// What goes away meanwhile counts for nothing: an agent may be at work.
pub fn extent(path: &Path, tick: &mut dyn FnMut()) -> io::Result<Extent> {
    let mut extent = Extent::default();
    let top = path.symlink_metadata()?;
    extent.count(&top);
    let mut folders = if top.is_dir() { vec![path.to_owned()] } else { Vec::new() };
    while let Some(folder) = folders.pop() {
        tick();
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        let mut names = Vec::new();
        for entry in entries.flatten() {
            let Ok(file) = entry.metadata() else { continue };
            extent.count(&file);
            if file.is_dir() && file.dev() == top.dev() {
                folders.push(entry.path());
            }
            names.push(entry.file_name());
        }
        let has = |name: &str| names.iter().any(|known| known == name);
        // A bare one has no `.git`; what is in a `.git` belongs to the repository around it.
        let bare = has("HEAD") && has("objects") && has("refs");
        let inside = folder.strip_prefix(path).unwrap_or(&folder);
        let is_in_git = inside.components().any(|part| part.as_os_str() == ".git");
        if folder != path && !is_in_git && (has(".git") || bare) {
            extent.repositories.push(inside.to_owned());
        }
    }
    extent.repositories.sort_unstable();
    Ok(extent)
}

/// Returns what git ignores in a work tree: files, and folders as a whole, relative to its top. `git` speaks to that tree.
pub fn ignored(git: &Git) -> Result<Vec<PathBuf>, GitError> {
    let args = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"];
    let output = git.run(&args)?;
    let paths = output.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| std::ffi::OsString::from_vec(path.to_vec()).into()).collect())
}

/// Finds out how the work from `base` to `tip` stands to branches, the likeliest first. Both are ids of commits.
pub fn standing(git: &Git, base: &str, tip: &str, into: &[String]) -> Result<Standing, GitError> {
    let is_in = |branch: &String| git.is_ancestor(tip, branch).unwrap_or(false);
    if tip == base || tree_of(git, base)? == tree_of(git, tip)? {
        return Ok(Standing::Empty);
    }
    if let Some(branch) = into.iter().find(|branch| is_in(branch)) {
        return Ok(Standing::Merged { into: branch.clone() });
    }
    for branch in into {
        if merging_brings_nothing(git, base, tip, branch)? {
            return Ok(Standing::Included { into: branch.clone() });
        }
    }
    let mut args = vec!["rev-list", "--count", tip, "--not"];
    args.extend(into.iter().map(String::as_str));
    if into.is_empty() {
        args.push(base);
    }
    let commits = git.text(&args)?.parse().unwrap_or(0);
    Ok(Standing::Unmerged { commits })
}

/// Returns the id of a commit's tree.
pub fn tree_of(git: &Git, commit: &str) -> Result<String, GitError> {
    git.text(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{commit}^{{tree}}")])
}

/// Tells whether merging the work into a branch would leave that as it is.
fn merging_brings_nothing(git: &Git, base: &str, tip: &str, branch: &str) -> Result<bool, GitError> {
    let from = format!("--merge-base={base}");
    // With conflicts git ends with 1, and then something is missing there. What is written is a tree that is there
    // already, or one that nobody asks for and git clears away in time.
    match git.text(&["merge-tree", "--write-tree", "--no-messages", &from, branch, tip]) {
        Ok(tree) => Ok(tree == tree_of(git, branch)?),
        Err(GitError::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns how many commits of a work tree's HEAD no reference of the repository holds. `git` speaks to the main tree.
pub fn unreferenced(git: &Git, head: &str) -> Result<u64, GitError> {
    // Without `--single-worktree`, git would count the HEAD of each work tree as a reference: this one's too.
    let args = ["rev-list", "--count", "--single-worktree", head, "--not", "--all"];
    Ok(git.text(&args)?.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    struct Repo {
        folder: TempDir,
        git: Git,
    }

    impl Repo {
        /// A repository with one commit on `main`.
        fn new() -> Repo {
            let folder = tempfile::tempdir().unwrap();
            let git = Git::at(folder.path())
                .with("GIT_CONFIG_GLOBAL", "/dev/null")
                .with("GIT_AUTHOR_NAME", "T")
                .with("GIT_AUTHOR_EMAIL", "t@example.com")
                .with("GIT_COMMITTER_NAME", "T")
                .with("GIT_COMMITTER_EMAIL", "t@example.com");
            git.run(&["init", "-q", "-b", "main"]).unwrap();
            let repo = Repo { folder, git };
            repo.change("a", "1\n2\n3\n4\n5\n");
            repo
        }

        fn change(&self, path: &str, text: &str) -> String {
            std::fs::write(self.folder.path().join(path), text).unwrap();
            self.git.run(&["add", "-A"]).unwrap();
            self.git.run(&["commit", "-q", "-m", path]).unwrap();
            self.head()
        }

        fn head(&self) -> String {
            self.git.text(&["rev-parse", "HEAD"]).unwrap()
        }

        fn standing(&self, base: &str, tip: &str) -> Standing {
            standing(&self.git, base, tip, &["main".to_owned()]).unwrap()
        }
    }

    #[test]
    fn the_list_of_git_is_read_whatever_the_folder_is_called() {
        let repo = Repo::new();
        let beside = tempfile::tempdir().unwrap();
        let odd = beside.path().join("odd\nname \u{e4}");
        repo.git.run(&["worktree", "add", "-q", "-b", "crew/r/t", odd.to_str().unwrap()]).unwrap();
        let plain = beside.path().join("plain");
        repo.git.run(&["worktree", "add", "-q", "--detach", plain.to_str().unwrap()]).unwrap();
        repo.git.run(&["worktree", "lock", "--reason", "mine", plain.to_str().unwrap()]).unwrap();
        std::fs::remove_dir_all(&odd).unwrap();
        let head = Some(repo.head());
        let real = beside.path().canonicalize().unwrap();
        let mut found = listed(&repo.git).unwrap();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        let branch = Some("crew/r/t".to_owned());
        assert_eq!(
            found,
            [
                Listed { path: real.join("odd\nname \u{e4}"), head: head.clone(), branch, locked: None },
                Listed { path: real.join("plain"), head, branch: None, locked: Some("mine".into()) },
            ]
        );
    }

    #[test]
    fn a_file_with_two_names_takes_its_place_once_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        std::fs::create_dir_all(&one).unwrap();
        std::fs::create_dir_all(&two).unwrap();
        std::fs::write(one.join("large"), vec![1; 300_000]).unwrap();
        let first = extent(&one, &mut || ()).unwrap();
        assert!(first.bytes() >= 300_000, "{first:?}");
        std::fs::hard_link(one.join("large"), one.join("again")).unwrap();
        std::fs::hard_link(one.join("large"), two.join("large")).unwrap();
        std::os::unix::fs::symlink(&one, two.join("link")).unwrap();
        let (first_now, second) = (extent(&one, &mut || ()).unwrap(), extent(&two, &mut || ()).unwrap());
        assert!(first_now.bytes() < first.bytes() + 100_000, "{first_now:?}");
        let mut both = Extent::default();
        both.add(&first_now);
        both.add(&second);
        assert!(both.bytes() < 400_000 && second.bytes() >= 300_000, "{both:?}");
        // A file that is mostly a hole takes up little.
        std::fs::File::create(two.join("hole")).unwrap().set_len(50_000_000).unwrap();
        assert!(extent(&two, &mut || ()).unwrap().bytes() < 1_000_000);
    }

    #[test]
    fn a_repository_inside_is_found_wherever_it_hides() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        std::fs::write(top.join(".git"), "gitdir: elsewhere").unwrap();
        for path in ["a/.git/objects", "target/deep/.git", "bare/objects", "bare/refs", "src/refs"] {
            std::fs::create_dir_all(top.join(path)).unwrap();
        }
        std::fs::write(top.join("bare/HEAD"), "ref: refs/heads/main").unwrap();
        std::fs::create_dir_all(top.join("a/.git/modules/m/objects")).unwrap();
        std::fs::create_dir_all(top.join("a/.git/modules/m/refs")).unwrap();
        std::fs::write(top.join("a/.git/modules/m/HEAD"), "").unwrap();
        std::fs::create_dir_all(top.join("linked")).unwrap();
        std::fs::write(top.join("linked/.git"), "gitdir: elsewhere").unwrap();
        let found = extent(top, &mut || ()).unwrap().repositories;
        let expected = ["a", "bare", "linked", "target/deep"].map(PathBuf::from);
        assert_eq!(found, expected);
    }

    #[test]
    fn work_is_merged_by_its_commits_or_by_what_it_changed() {
        let repo = Repo::new();
        let base = repo.head();
        repo.git.run(&["switch", "-q", "-c", "work"]).unwrap();
        assert_eq!(repo.standing(&base, &base), Standing::Empty);
        let tip = repo.change("a", "1\n2\n3\n4\nfive\n");
        repo.git.run(&["switch", "-q", "main"]).unwrap();
        repo.change("b", "other");
        assert_eq!(repo.standing(&base, &tip), Standing::Unmerged { commits: 1 });
        repo.git.run(&["merge", "-q", "--squash", "work"]).unwrap();
        repo.git.run(&["commit", "-q", "-m", "squashed"]).unwrap();
        assert_eq!(repo.standing(&base, &tip), Standing::Included { into: "main".into() });
        // What came after, elsewhere in the same file, does not unmerge it.
        repo.change("a", "one\n2\n3\n4\nfive\n");
        assert_eq!(repo.standing(&base, &tip), Standing::Included { into: "main".into() });
        // What took it back does.
        repo.change("a", "one\n2\n3\n4\n5\n");
        assert!(matches!(repo.standing(&base, &tip), Standing::Unmerged { .. }));
        repo.git.run(&["merge", "-q", "-s", "ours", "work"]).unwrap();
        assert_eq!(repo.standing(&base, &tip), Standing::Merged { into: "main".into() });
    }

    #[test]
    fn commits_that_only_a_work_trees_head_holds_are_counted() {
        let repo = Repo::new();
        let beside = tempfile::tempdir().unwrap();
        let tree = beside.path().join("t");
        repo.git.run(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap()]).unwrap();
        assert_eq!(unreferenced(&repo.git, &repo.head()).unwrap(), 0);
        let there = Git::at(&tree).with("GIT_AUTHOR_NAME", "T").with("GIT_AUTHOR_EMAIL", "t@example.com");
        let there = there.with("GIT_COMMITTER_NAME", "T").with("GIT_COMMITTER_EMAIL", "t@example.com");
        there.run(&["commit", "-q", "--allow-empty", "-m", "lost"]).unwrap();
        let head = there.text(&["rev-parse", "HEAD"]).unwrap();
        assert_eq!(unreferenced(&repo.git, &head).unwrap(), 1);
        repo.git.run(&["update-ref", "refs/crew/keep/r/t/1", &head]).unwrap();
        assert_eq!(unreferenced(&repo.git, &head).unwrap(), 0);
    }

    #[test]
    fn ignored_folders_are_named_as_a_whole() {
        let repo = Repo::new();
        repo.change(".gitignore", "target\n*.log\n");
        std::fs::create_dir_all(repo.folder.path().join("target/debug")).unwrap();
        std::fs::write(repo.folder.path().join("target/debug/x"), "").unwrap();
        std::fs::write(repo.folder.path().join("b.log"), "").unwrap();
        std::fs::write(repo.folder.path().join("new"), "").unwrap();
        assert_eq!(ignored(&repo.git).unwrap(), ["b.log", "target/"].map(PathBuf::from));
    }
}
