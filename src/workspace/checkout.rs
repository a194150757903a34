//! What is particular about the user's checkout, as far as a worktree beside it differs.

use super::git::{Git, GitError};
use std::path::{Path, PathBuf};

/// What a worktree will not have, or not all of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// Only a part of the files is checked out.
    pub sparse: bool,
    /// The paths of submodules, which are empty folders in a new worktree.
    pub submodules: Vec<String>,
    /// Files are kept in Git LFS, and nothing here is set up to fetch them.
    pub lfs_pointers: bool,
}

/// Looks at a repository and the commit that worktrees will begin from.
pub fn look(git: &Git, commit: &str) -> Result<Particulars, GitError> {
    let set = |key: &str, of: &[&str]| -> Result<String, GitError> {
        // 1 says that it is not set.
        let value = git.differences(&[&["config"], of, &["--get", key]].concat())?;
        Ok(String::from_utf8_lossy(&value).trim().to_owned())
    };
    let modules =
        git.entries(&["ls-tree", "-z", "--name-only", "--full-tree", commit, "--", ".gitmodules"])?;
    let blob = format!("{commit}:.gitmodules");
    let submodules = match modules.is_empty() {
        true => Vec::new(),
        false => {
            let args = ["config", "--blob", &blob, "-z", "--get-regexp", r"^submodule\..*\.path$"];
            let found = git.differences(&args)?;
            let entries =
                found.split(|byte| *byte == 0).filter_map(|entry| entry.split(|byte| *byte == b'\n').nth(1));
            entries.map(|path| String::from_utf8_lossy(path).into_owned()).collect()
        }
    };
    Ok(Particulars {
        sparse: set("core.sparseCheckout", &["--bool"])? == "true",
        submodules,
        lfs_pointers: uses_lfs(git, commit)?
            && set("filter.lfs.process", &[])?.is_empty()
            && set("filter.lfs.smudge", &[])?.is_empty(),
    })
}

/// Tells whether any file of attributes in a commit sends files to Git LFS.
fn uses_lfs(git: &Git, commit: &str) -> Result<bool, GitError> {
    // Without a match it exits with 1 and prints nothing.
    let files = git.differences(&[
        "grep",
        "-l",
        "-F",
        "-e",
        "filter=lfs",
        commit,
        "--",
        ":(top).gitattributes",
        ":(top,glob)**/.gitattributes",
    ])?;
    Ok(!files.is_empty())
}

/// Returns those of `names` that a commit holds; a folder counts where it holds something.
pub fn tracked(git: &Git, commit: &str, names: &[String]) -> Result<Vec<String>, GitError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut args = vec!["ls-tree", "-z", "--name-only", "--full-tree", commit, "--"];
    args.extend(names.iter().map(String::as_str));
    git.entries(&args)
}

/// Tells whether git ignores a path of the repository, which need not exist.
pub fn is_ignored(git: &Git, path: &Path) -> Result<bool, GitError> {
    let path = path.display().to_string();
    Ok(!git.differences(&["check-ignore", "--no-index", "--", &path])?.is_empty())
}

/// Returns the file of the user's own excludes, which hold in every repository, where the user has one.
pub fn user_excludes(git: &Git) -> Result<Option<PathBuf>, GitError> {
    let found = git.differences(&["config", "--type=path", "--get", "core.excludesFile"])?;
    let set = String::from_utf8_lossy(&found).trim_end_matches(['\n', '\r']).to_owned();
    if !set.is_empty() {
        return Ok(Some(git.dir().join(set)));
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    Ok(folder.map(|folder| folder.join("git/ignore")))
}

/// A file in a task's own folder of the repository: what the user's own excludes held when the first of its run was made.
pub const USER_EXCLUDES: &str = "crew-user-exclude";

/// Lets those count as the user's own excludes that are noted in a work tree's folder of the repository, where they are.
/// Agents can set `core.excludesFile` in the settings that all work trees share, so one of them could hide the work of all.
pub fn as_noted(git: Git, own: &Path) -> Git {
    let noted = own.join(USER_EXCLUDES);
    if noted.is_file() { git.set("core.excludesFile", noted) } else { git }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn repository() -> (tempfile::TempDir, Git) {
        let folder = tempfile::tempdir().unwrap();
        let git =
            Git::at(folder.path()).with("GIT_CONFIG_GLOBAL", "/dev/null").with("GIT_CONFIG_NOSYSTEM", "1");
        git.run(&["init", "-q"]).unwrap();
        git.run(&["config", "user.name", "n"]).unwrap();
        git.run(&["config", "user.email", "n@example.com"]).unwrap();
        (folder, git)
    }

    fn commit(git: &Git) -> String {
        git.run(&["add", "--all"]).unwrap();
        git.run(&["commit", "-q", "-m", "x"]).unwrap();
        git.text(&["rev-parse", "HEAD"]).unwrap()
    }

    #[test]
    fn a_plain_checkout_has_nothing_particular() {
        let (folder, git) = repository();
        fs::write(folder.path().join("a"), "a").unwrap();
        let head = commit(&git);
        assert_eq!(look(&git, &head).unwrap(), Particulars::default());
    }

    #[test]
    fn sparse_checkouts_submodules_and_large_files_are_seen() {
        let (folder, git) = repository();
        let modules = "[submodule \"one\"]\n\tpath = lib/the one\n\turl = ../one\n[submodule \"two\"]\n\tpath = two\n\turl = ../two\n";
        fs::write(folder.path().join(".gitmodules"), modules).unwrap();
        fs::create_dir_all(folder.path().join("deep/er")).unwrap();
        fs::write(folder.path().join("deep/er/.gitattributes"), "*.bin filter=lfs diff=lfs\n").unwrap();
        let head = commit(&git);
        git.run(&["config", "core.sparseCheckout", "true"]).unwrap();
        let submodules = vec!["lib/the one".to_owned(), "two".to_owned()];
        let expected = Particulars { sparse: true, submodules, lfs_pointers: true };
        assert_eq!(look(&git, &head).unwrap(), expected);
        git.run(&["config", "filter.lfs.smudge", "git-lfs smudge -- %f"]).unwrap();
        assert!(!look(&git, &head).unwrap().lfs_pointers);
    }

    #[test]
    fn what_a_commit_holds_and_what_git_ignores_is_told() {
        let (folder, git) = repository();
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/a b"), "a").unwrap();
        fs::write(folder.path().join(".gitignore"), "target/\n").unwrap();
        let head = commit(&git);
        let found = |names: &[&str]| {
            tracked(&git, &head, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!(found(&["src", "target", "sr*"]), ["src"]);
        assert_eq!(found(&["src/a b", "src/b"]), ["src/a b"]);
        assert_eq!(found(&[]), [""; 0]);
        assert!(is_ignored(&git, Path::new("target/x")).unwrap());
        assert!(!is_ignored(&git, Path::new("src/x")).unwrap());
    }

    #[test]
    fn the_users_excludes_are_those_that_git_reads() {
        let (folder, git) = repository();
        git.run(&["config", "core.excludesFile", "my ignore"]).unwrap();
        assert_eq!(user_excludes(&git).unwrap(), Some(folder.path().join("my ignore")));
    }
}
