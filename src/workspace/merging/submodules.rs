//! Commits of submodules that come to a branch with a merge.
//!
//! # How it works
//!
//! A branch says of a submodule only which commit of it belongs there; the commit lies in the submodule's repository. Whoever
//! checks a submodule out in a work tree has a repository of it that is that work tree's alone, so what is committed there
//! is nowhere else but where crew keeps it. Before a branch moves, such a commit is brought to the user's own repository of
//! the submodule and held there, on no branch; where that cannot be, the branch does not move.

use super::checkout::{Changed, Checkout};
use super::compose::short;
use super::landing::Move;
use super::{MergeError, Repository, settled};
use crate::workspace::custody;
use crate::workspace::git::Git;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A submodule that stands at another commit after a merge.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Linked {
    /// Relative to the top of the work tree.
    pub path: String,
    /// Id of its commit.
    pub commit: String,
    /// A remote of the submodule has it, as far as its repositories here know.
    pub published: bool,
    #[serde(skip)]
    way: Way,
}

/// How the commit comes to the user's repository of the submodule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// The user has no such repository, and gets the commit from the remote with it.
    WithTheRest,
    /// That repository has it.
    IsThere {
        home: PathBuf,
    },
    Bring {
        home: PathBuf,
        from: PathBuf,
    },
}

impl Linked {
    /// Says that others cannot have the commit yet; nothing where they can.
    pub fn words(&self) -> Option<String> {
        let Linked { path, commit, published, .. } = self;
        let commit = short(commit);
        let push = format!("push it: git -C {path} push origin {commit}:refs/heads/BRANCH");
        let words =
            format!("submodule {path} goes to {commit}, a commit that only this repository holds; {push}");
        (!published).then_some(words)
    }
}

/// Finds the submodules that a merge sets to other commits, and refuses where the user could not check one out after it.
pub fn look(repository: &Repository, moved: &Move) -> Result<Vec<Linked>, MergeError> {
    let changed = repository.changed(&moved.from, &moved.to)?;
    let changed: Vec<&Changed> = changed
        .iter()
        .filter(|changed| changed.after.as_ref().is_some_and(|after| after.is_submodule()))
        .collect();
    if changed.is_empty() {
        return Ok(Vec::new());
    }
    let names = names(&repository.git, &moved.to)?;
    let checkout = repository.checkout_of(&moved.branch)?;
    let find = |changed: &&Changed| {
        let path = Path::new(OsStr::from_bytes(&changed.path));
        let name = names.iter().find(|(_, known)| known == path).map(|(name, _)| name.as_path());
        let commit = changed.after.as_ref().map(|after| after.id.as_str()).unwrap_or_default();
        find(repository, checkout.as_ref(), path, name, commit)
    };
    changed.iter().map(find).collect()
}

/// Brings the commits to the user's repositories of their submodules, and has them held there. Twice is the same as once.
pub fn bring(repository: &Repository, moved: &Move) -> Result<(), MergeError> {
    for Linked { commit, way, .. } in look(repository, moved)? {
        let (home, from) = match way {
            Way::WithTheRest => continue,
            Way::IsThere { home } => (home, None),
            Way::Bring { home, from } => (home, Some(from)),
        };
        let git = git_of(&home);
        if let Some(from) = from {
            fetch(&git, &from, &commit)?;
        }
        let held = git.text(&["for-each-ref", "--count=1", "--contains", &commit])?;
        if held.is_empty() {
            custody::hold(&git, &keep_ref(repository, &moved.run, &commit), &commit)?;
        }
    }
    Ok(())
}

/// Returns the reference of the commit in the submodule: the same under which crew keeps it around that.
fn keep_ref(repository: &Repository, run: &str, commit: &str) -> String {
    let all = format!("refs/crew/keep/{run}/");
    let asked = ["for-each-ref", "--count=1", "--format=%(refname)", "--contains", commit, &all];
    match repository.git.text(&asked) {
        Ok(name) if !name.is_empty() => name,
        // It was taken from a work tree, or lay there on no branch.
        _ => format!("{all}merged/{}", short(commit)),
    }
}

/// Returns the names of submodules with their paths, as a commit has them.
fn names(git: &Git, commit: &str) -> Result<Vec<(PathBuf, PathBuf)>, MergeError> {
    let blob = format!("{commit}:.gitmodules");
    let asked = ["config", "--blob", &blob, "-z", "--get-regexp", r"^submodule\..*\.path$"];
    // There may be no such file.
    let said = git.run(&asked).unwrap_or_default();
    let entries = said.split(|byte| *byte == 0).filter_map(|entry| {
        let (key, path) = entry.split_at(entry.iter().position(|byte| *byte == b'\n')?);
        let name = key.strip_prefix(b"submodule.")?.strip_suffix(b".path")?;
        let path_of = |bytes| PathBuf::from(OsStr::from_bytes(bytes));
        Some((path_of(name), path_of(&path[1..])))
    });
    // An agent may have written the name, and it becomes a part of a path.
    let is_plain = |name: &Path| name.components().all(|part| matches!(part, Component::Normal(_)));
    Ok(entries.filter(|(name, _)| is_plain(name)).collect())
}

fn find(
    repository: &Repository,
    checkout: Option<&Checkout>,
    path: &Path,
    name: Option<&Path>,
    commit: &str,
) -> Result<Linked, MergeError> {
    let linked = |published, way| {
        Ok(Linked { path: path.display().to_string(), commit: commit.to_owned(), published, way })
    };
    let all = sources(repository, name)?;
    let of_others = all.iter().filter(|source| has(&git_of(source), commit));
    let home = home(repository, checkout, path, name);
    match home {
        Some(home) if has(&git_of(&home), commit) => {
            let published = is_published(&git_of(&home), commit);
            linked(published, Way::IsThere { home })
        }
        Some(home) => match of_others.clone().next() {
            Some(from) => {
                let published = of_others.clone().any(|source| is_published(&git_of(source), commit));
                linked(published, Way::Bring { home, from: from.clone() })
            }
            None => {
                let way = format!("git submodule update --init -- {0}; git -C {0} fetch", path.display());
                refuse(path, commit, &format!("no repository here holds ({way})"))
            }
        },
        None if of_others.clone().any(|source| is_published(&git_of(source), commit)) => {
            linked(true, Way::WithTheRest)
        }
        None => {
            let way = format!("git submodule update --init -- {}", path.display());
            refuse(
                path,
                commit,
                &format!("no repository of yours can hold, because you have none of it ({way})"),
            )
        }
    }
}

fn refuse<T>(path: &Path, commit: &str, why: &str) -> Result<T, MergeError> {
    let (path, commit) = (path.display(), short(commit));
    Err(MergeError::Refused(format!("the submodule {path} would be at {commit}, a commit that {why}")))
}

/// Finds the repository of a submodule that the user works with where the branch is.
fn home(
    repository: &Repository,
    checkout: Option<&Checkout>,
    path: &Path,
    name: Option<&Path>,
) -> Option<PathBuf> {
    let checked_out = checkout.and_then(|checkout| {
        let folder = checkout.folder.join(path);
        folder.join(".git").symlink_metadata().ok()?;
        let git = Git::at(&folder).with("GIT_CEILING_DIRECTORIES", folder.parent()?);
        git.text(&["rev-parse", "--absolute-git-dir"]).ok().map(PathBuf::from)
    });
    let own = checkout.map_or(repository.common(), |checkout| &checkout.own);
    checked_out.or_else(|| name.map(|name| own.join("modules").join(name)).filter(|home| is_repository(home)))
}

/// Returns where the commit may come from: where crew keeps it, and the submodule's repositories of all work trees.
fn sources(repository: &Repository, name: Option<&Path>) -> Result<Vec<PathBuf>, MergeError> {
    let mut sources = vec![repository.common().to_owned()];
    for own in repository.own_folders()?.iter().filter(|_| name.is_some()) {
        sources
            .extend(name.map(|name| own.join("modules").join(name)).filter(|source| is_repository(source)));
    }
    Ok(sources)
}

fn is_repository(folder: &Path) -> bool {
    folder.join("HEAD").is_file() && folder.join("objects").is_dir()
}

/// Speaks to a repository apart from any work tree: the one that its settings name may not be there.
fn git_of(own: &Path) -> Git {
    settled(Git::at(own).apart())
        .with("GIT_DIR", own)
        .with("GIT_WORK_TREE", own)
        .with("GIT_NO_LAZY_FETCH", "1")
}

fn has(git: &Git, commit: &str) -> bool {
    git.run(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_ok()
}

fn is_published(git: &Git, commit: &str) -> bool {
    git.text(&["rev-list", "--max-count=1", commit, "--not", "--remotes", "--"])
        .is_ok_and(|own| own.is_empty())
}

fn fetch(git: &Git, from: &Path, commit: &str) -> Result<(), MergeError> {
    // By its id a commit can be had in this version of the protocol only.
    let settings = ["-c", "protocol.version=2", "-c", "protocol.file.allow=always"];
    let options = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--"];
    let args: Vec<&OsStr> = settings.iter().chain(&options).map(OsStr::new).collect();
    git.run(&[&args[..], &[from.as_os_str(), commit.as_ref()]].concat())?;
    Ok(())
}
