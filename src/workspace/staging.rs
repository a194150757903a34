//! All that a folder holds, made into a tree and a commit of git: what is tracked and what is not, without what git
//! ignores.
//!
//! # How it works
//!
//! Git works on a copy of the index, so a failure or a kill leaves the folder's own index, references and files as they
//! were. Unlike a [`snapshot`](super::snapshot), the objects go to the repository's own store, where a reference can
//! hold them.
//!
//! A repository that lies in the folder would become a link to a commit that nobody else has. Unless it is a submodule,
//! its files are taken as files. What lies in the folder of a submodule that is not checked out cannot be in the same tree
//! as the submodule, so it is put into a tree of its own.

use super::checkout;
use super::git::{Git, GitError};
use super::gitlinks::{self, Found};
use super::snapshot::{ENTRIES, LOOK, copy_index, take_out};
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Why a folder could not be made into a commit.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

/// Settings of git for whatever crew does on its own: nothing is started, nothing is signed or cleaned up beside it, and
/// what it wrote is on the disk.
const SETTINGS: &[(&str, &str)] = &[
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.untrackedCache", "false"),
    ("core.splitIndex", "false"),
    ("core.safecrlf", "false"),
    ("core.trustctime", "true"),
    ("core.checkStat", "default"),
    ("core.ignoreStat", "false"),
    ("core.fsync", "committed,reference"),
    ("core.fsyncMethod", "batch"),
    // Others may be at work in the same repository; in milliseconds.
    ("core.filesRefLockTimeout", "10000"),
    ("core.packedRefsTimeout", "10000"),
    ("commit.gpgSign", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
];

/// What the files and folders begin with that we work on.
pub const PREFIX: &str = "crew-index-";

/// A file in a task's own folder of the repository: what `info/exclude` held when the first of its run was made.
pub const EXCLUDES: &str = "crew-exclude";

/// How many bytes of what git says about single files are read.
const HEARD: u64 = 1 << 24;

/// Speaks to git with none of the settings that would change what crew does.
pub fn settled(git: Git) -> Git {
    let git = SETTINGS.iter().fold(git, |git, (name, value)| git.set(name, value));
    // Nobody tells us to take one commit for another.
    git.with("GIT_NO_REPLACE_OBJECTS", "1")
}

/// Takes away what a process that was killed left of its work in a work tree's own folder, where nobody else works.
pub fn sweep(own: &Path) {
    for entry in std::fs::read_dir(own).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            // What cannot be removed takes some space and is in nobody's way.
            let _ = std::fs::remove_file(entry.path()).or_else(|_| std::fs::remove_dir_all(entry.path()));
        }
    }
}

/// A work tree whose content can be committed.
#[derive(Clone, Debug)]
pub struct Place {
    pub git: Git,
    /// The top of the work tree.
    pub folder: PathBuf,
    /// Where git keeps what is this work tree's own: its index, its HEAD.
    pub own: PathBuf,
}

/// A tree that holds all of a folder, and the index that belongs to it.
#[derive(Debug)]
pub struct Staged {
    /// Id of the tree.
    pub tree: String,
    /// It lies beside the work tree's own index and goes when this is dropped.
    pub index: TempPath,
    /// What could not be taken in, with git's reason: files that cannot be read, pipes in the place of files.
    pub left: Vec<String>,
    /// Repositories that lie in the folder, relative to it.
    pub inside: Vec<Inside>,
    /// What lies in folders of submodules that are not checked out.
    pub astray: Vec<Astray>,
}

impl Place {
    /// Finds the work tree that `folder` is the top of.
    pub fn at(folder: &Path) -> Result<Place, GitError> {
        let own = Git::at(folder).text(&["rev-parse", "--absolute-git-dir"])?;
        Ok(Place::of(folder, Path::new(&own)))
    }

    /// Speaks of a work tree whose own folder in the repository is known. No setting and no other repository around it
    /// leads git elsewhere.
    pub fn of(folder: &Path, own: &Path) -> Place {
        let git = checkout::as_noted(settled(Git::at(folder).apart().within(LOOK)), own);
        let git = git.with("GIT_DIR", own).with("GIT_WORK_TREE", folder);
        Place { git, folder: folder.to_owned(), own: own.to_owned() }
    }

    /// Makes what is staged into a tree.
    pub fn staged_tree(&self) -> Result<String, StagingError> {
        let at = |source| StagingError::File { path: self.own.clone(), source };
        let index = tempfile::Builder::new().prefix(PREFIX).tempfile_in(&self.own).map_err(at)?;
        let index = index.into_temp_path();
        // git does not take an empty file for an index. A damaged one is an error: what is staged is what is asked for.
        std::fs::remove_file(&index).map_err(at)?;
        copy_index(&self.own.join("index"), &index).map_err(at)?;
        Ok(self.git.clone().with("GIT_INDEX_FILE", &*index).text(&["write-tree"])?)
    }

    /// Makes all that the folder holds into a tree. `leave_out` are names in it that do not belong to it.
    pub fn stage(&self, leave_out: &[&Path]) -> Result<Staged, StagingError> {
        let index = self.copy_of_index()?;
        let git = self.git.clone().with("GIT_INDEX_FILE", &*index).hearing(HEARD);
        let leave_out = self.names(leave_out);
        let set = self.set_links(&git)?;
        let (mut left, unborn) = self.add_all(&git, &leave_out)?;
        if !set.is_empty() {
            feed(&git, "--no-skip-worktree", &set)?;
        }
        self.add_hidden(&git, &leave_out)?;
        let entries = git.run(&["ls-files", "--stage", "-z"])?;
        let links = gitlinks::links(&entries);
        let mut inside = self.inside(&git, unborn, &links);
        let mut astray = Vec::new();
        for link in &links {
            astray.extend(self.astray(link, &mut left)?);
        }
        for path in inside.iter().filter(|path| !path.is_submodule) {
            left.extend(self.take_files_of(&git, &path.path)?);
        }
        inside.extend(self.taken_as_files(&entries));
        let tree = git.text(&["write-tree"])?;
        Ok(Staged { tree, index, left, inside, astray })
    }

    /// Lets the links to repositories that lie here be what those have checked out, and has git overlook them from then
    /// on. To see more of such a repository than that, git would run itself there, with settings that are not the user's.
    /// Returns the names of the links.
    fn set_links(&self, git: &Git) -> Result<Vec<u8>, GitError> {
        let entries = git.run(&["ls-files", "--stage", "-z"])?;
        // Of those with several sides git asks nothing.
        let links = entries.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(b"160000 "));
        let names = links.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1).zip(Some(entry)));
        let names = names.filter(|(name, entry)| entry[..entry.len() - name.len()].ends_with(b" 0\t"));
        let is_there =
            |name: &[u8]| self.folder.join(OsStr::from_bytes(name)).join(".git").symlink_metadata().is_ok();
        let names = names.map(|(name, _)| name).filter(|name| is_there(name));
        let names: Vec<u8> = names.flat_map(|name| [name, b"\0"].concat()).collect();
        if !names.is_empty() {
            feed(git, "--add", &names)?;
            feed(git, "--skip-worktree", &names)?;
        }
        Ok(names)
    }

    /// Makes what lies in the folder of a submodule that is not checked out into a tree; nothing where nothing does.
    fn astray(&self, link: &Path, left: &mut Vec<String>) -> Result<Option<Astray>, StagingError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StagingError::File { path, source }
        };
        let index = tempfile::Builder::new().prefix(PREFIX).tempfile_in(&self.own).map_err(at(&self.own))?;
        let index = index.into_temp_path();
        // git does not take an empty file for an index.
        std::fs::remove_file(&index).map_err(at(&index))?;
        let found = gitlinks::files_below(&self.git, &self.folder, link, &index)?;
        left.extend(found.left);
        if found.files.is_empty() {
            return Ok(None);
        }
        let git = self.git.clone().with("GIT_INDEX_FILE", &*index);
        feed(&git, "--add", &gitlinks::joined(&found.files))?;
        let mut prefix = OsString::from("--prefix=");
        prefix.push(link);
        prefix.push("/");
        let tree = git.text(&[OsStr::new("write-tree"), &prefix])?;
        Ok(Some(Astray { path: link.to_owned(), files: found.files, tree }))
    }

    /// Copies the index, without the marks by which git overlooks changes. Where there is none that can be read, it
    /// begins with what HEAD holds.
    fn copy_of_index(&self) -> Result<TempPath, StagingError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StagingError::File { path, source }
        };
        let copy = tempfile::Builder::new().prefix(PREFIX).tempfile_in(&self.own).map_err(at(&self.own))?;
        let copy = copy.into_temp_path();
        // git does not take an empty file for an index.
        std::fs::remove_file(&copy).map_err(at(&copy))?;
        let index = self.own.join("index");
        copy_index(&index, &copy).map_err(at(&index))?;
        let git = self.git.clone().with("GIT_INDEX_FILE", &*copy);
        if copy.exists() {
            match git.run(ENTRIES) {
                Ok(entries) => {
                    self.look_at_every_file(&git, &entries)?;
                    return Ok(copy);
                }
                // Only the index knows which files are not there because they are not checked out.
                Err(error) if self.is_sparse() => return Err(error.into()),
                Err(_) => std::fs::remove_file(&copy).map_err(at(&copy))?,
            }
        }
        if self.git.run(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]).is_ok() {
            git.run(&["-c", "core.sparseCheckout=false", "read-tree", "HEAD"])?;
        }
        Ok(copy)
    }

    fn is_sparse(&self) -> bool {
        self.git.text(&["config", "--type=bool", "core.sparseCheckout"]).is_ok_and(|set| set == "true")
    }

    /// Returns names relative to the folder; what lies elsewhere is not among them.
    pub fn names(&self, paths: &[&Path]) -> Vec<PathBuf> {
        let relative = |path: &&Path| match path.is_absolute() {
            true => path.strip_prefix(&self.folder).ok().map(Path::to_owned),
            false => Some(path.to_path_buf()),
        };
        paths.iter().filter_map(relative).collect()
    }

    /// Takes the marks out of our index by which git is told to overlook that a file has changed. Where only a part of
    /// the repository is checked out, what is not there stays marked.
    fn look_at_every_file(&self, git: &Git, entries: &[u8]) -> Result<(), GitError> {
        take_out(git, entries, u8::is_ascii_lowercase, "--no-assume-unchanged")?;
        let marked = |entry: &&[u8]| entry.first().is_some_and(|mark| mark.eq_ignore_ascii_case(&b'S'));
        let is_there = |entry: &&[u8]| {
            let name = entry.splitn(2, |byte| *byte == b'\t').nth(1);
            name.is_some_and(|name| self.folder.join(OsStr::from_bytes(name)).symlink_metadata().is_ok())
        };
        let there = entries.split(|byte| *byte == 0).filter(marked).filter(is_there);
        let there: Vec<u8> = there.flat_map(|entry| [entry, b"\0"].concat()).collect();
        take_out(git, &there, |_| true, "--no-skip-worktree")
    }

    /// Adds all to our index, and returns what could not be, and the repositories without a commit among them.
    fn add_all(&self, git: &Git, leave_out: &[PathBuf]) -> Result<(Vec<String>, Vec<PathBuf>), GitError> {
        let mut args: Vec<OsString> = Vec::new();
        args.extend(["-c".into(), format!("core.ignoreCase={}", self.ignores_case()).into()]);
        // Else git takes out the marks of what is there although it need not be.
        args.extend(["-c", "sparse.expectFilesOutsideOfPatterns=true"].map(OsString::from));
        let words = ["add", "--all", "--sparse", "--ignore-errors", "--no-warn-embedded-repo", "--", "."];
        args.extend(words.map(OsString::from));
        for path in leave_out {
            // What git ignores is left out anyway, and git refuses to be told so.
            let is_ignored =
                git.run(&[OsStr::new("check-ignore"), "-q".as_ref(), "--".as_ref(), path.as_ref()]);
            if is_ignored.is_err() {
                let mut exclude = OsString::from(":(top,exclude,literal)");
                exclude.push(path);
                args.push(exclude);
            }
        }
        let output = git.output(&args)?;
        let said = output.stderr;
        let mut left = Vec::new();
        let mut unborn = Vec::new();
        let mut unknown = Vec::new();
        for line in said.split(|byte| *byte == b'\n') {
            let words = String::from_utf8_lossy(line);
            if let Some(path) = without_commit(line) {
                unborn.push(path);
            } else if is_of_one_file(&words) {
                left.push(words.into_owned());
            } else if is_said_again(&words) {
                // The reason stood before it.
            } else if words.starts_with("error: ") || words.starts_with("fatal: ") {
                unknown.push(words.into_owned());
            }
        }
        let is_explained = unknown.is_empty() && !(left.is_empty() && unborn.is_empty());
        if !output.status.success() && !is_explained {
            let message = String::from_utf8_lossy(&said).trim().to_owned();
            let message = if message.is_empty() { output.status.to_string() } else { message };
            return Err(GitError::Failed { command: "add --all".to_owned(), message });
        }
        Ok((left, unborn))
    }

    /// Adds what git overlooks only because of what was written to `info/exclude` while the run was at work. All work
    /// trees share that file, so one agent can hide the work of all.
    fn add_hidden(&self, git: &Git, leave_out: &[PathBuf]) -> Result<(), StagingError> {
        let began = self.own.join(EXCLUDES);
        let Ok(then) = std::fs::read(&began) else { return Ok(()) };
        let shared = self.own.ancestors().nth(2).unwrap_or(&self.own);
        if then == std::fs::read(shared.join("info/exclude")).unwrap_or_default() {
            return Ok(());
        }
        let words = ["ls-files", "-z", "--others", "--exclude-per-directory=.gitignore"];
        let mut args = words.map(OsString::from).to_vec();
        // The later one is the stronger one.
        for file in checkout::user_excludes(git)?.filter(|file| file.is_file()).iter().chain([&began]) {
            let mut option = OsString::from("--exclude-from=");
            option.push(file);
            args.push(option);
        }
        let names = git.run(&args)?;
        // Repositories that lie there end with a slash; their files are taken on their own.
        let is_work = |name: &&[u8]| {
            let path = Path::new(OsStr::from_bytes(name));
            !name.is_empty() && !name.ends_with(b"/") && !leave_out.iter().any(|own| path.starts_with(own))
        };
        let names = names.split(|byte| *byte == 0).filter(is_work);
        let names: Vec<u8> = names.flat_map(|name| [name, b"\0"].concat()).collect();
        Ok(feed(git, "--add", &names)?)
    }

    /// Tells whether the folder's file system takes `a` and `A` for one file, whatever the settings say.
    fn ignores_case(&self) -> bool {
        self.folder.join(".GIT").symlink_metadata().is_ok()
    }

    /// Finds the repositories that lie in this one and are checked out. `links` are the paths of all that the index has.
    fn inside(&self, git: &Git, unborn: Vec<PathBuf>, links: &[PathBuf]) -> Vec<Inside> {
        let mut inside: Vec<Inside> =
            unborn.into_iter().map(|path| Inside { path, is_submodule: false }).collect();
        if links.is_empty() {
            return inside;
        }
        let submodules = self.submodules(git);
        let is_there = |path: &&PathBuf| self.folder.join(path).join(".git").symlink_metadata().is_ok();
        inside.extend(links.iter().filter(is_there).map(|path| {
            let is_submodule = submodules.contains(path);
            Inside { path: path.clone(), is_submodule }
        }));
        inside
    }

    /// Finds the repositories whose files the index has already, as it is once they were taken: git takes them for folders
    /// like others from then on, and their history goes on all the same.
    fn taken_as_files(&self, entries: &[u8]) -> Vec<Inside> {
        let mut folders: HashSet<&Path> = HashSet::new();
        let names = entries
            .split(|byte| *byte == 0)
            .filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1));
        for name in names {
            let above = Path::new(OsStr::from_bytes(name)).ancestors().skip(1);
            // What is above a folder that was looked at was looked at with it.
            above.take_while(|folder| !folder.as_os_str().is_empty()).all(|folder| folders.insert(folder));
        }
        let mut found: Vec<&Path> =
            folders.into_iter().filter(|folder| is_repository(&self.folder.join(folder))).collect();
        found.sort_unstable();
        found.into_iter().map(|path| Inside { path: path.to_owned(), is_submodule: false }).collect()
    }

    /// Returns the paths that `.gitmodules` names.
    fn submodules(&self, git: &Git) -> HashSet<PathBuf> {
        let asked = ["config", "-z", "--blob", ":.gitmodules", "--get-regexp", r"^submodule\..*\.path$"];
        // There may be no such file.
        let said = git.run(&asked).unwrap_or_default();
        let entries = said.split(|byte| *byte == 0);
        let paths = entries.filter_map(|entry| entry.splitn(2, |byte| *byte == b'\n').nth(1));
        paths.map(|path| PathBuf::from(OsString::from_vec(path.to_vec()))).collect()
    }

    /// Takes the files of a repository that lies in this one into our index, in place of a link to its commit.
    fn take_files_of(&self, git: &Git, path: &Path) -> Result<Vec<String>, StagingError> {
        let link = [path.as_os_str().as_bytes(), b"\0"].concat();
        feed(git, "--force-remove", &link)?;
        let mut found = Found::default();
        gitlinks::list(&self.folder, path, &mut found);
        let Found { mut files, left } = found;
        if files.is_empty() {
            return Ok(left);
        }
        let ignored = gitlinks::ignored(git, &files)?;
        files.retain(|file| !ignored.contains(file));
        feed(git, "--add", &gitlinks::joined(&files))?;
        Ok(left)
    }

    /// Makes a commit and returns its id. Its author is the user, as far as git knows who that is.
    pub fn commit(&self, tree: &str, parents: &[&str], message: &str) -> Result<String, GitError> {
        let git = signed_by_somebody(self.git.clone());
        let mut args = vec!["commit-tree", tree, "-m", message];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent]));
        git.text(&args)
    }
}

/// A repository that lies in another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inside {
    /// Relative to the folder.
    pub path: PathBuf,
    /// It stays a repository. The files of any other are taken in as files.
    pub is_submodule: bool,
}

/// What lies in the folder of a submodule that is not checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// The submodule, relative to the folder.
    pub path: PathBuf,
    /// Relative to the folder too.
    pub files: Vec<PathBuf>,
    /// Id of the tree that holds them, as seen from the submodule.
    pub tree: String,
}

/// Lets commits have an author where the user has not told git who they are.
fn signed_by_somebody(git: Git) -> Git {
    // Git's own guess, from the machine's name, is nobody.
    let told = git.clone().set("user.useConfigOnly", "true");
    if ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"].iter().all(|name| told.run(&["var", name]).is_ok()) {
        return git;
    }
    let who = [("NAME", "crew"), ("EMAIL", "crew@localhost")];
    ["AUTHOR", "COMMITTER"].iter().fold(git, |git, role| {
        who.iter().fold(git, |git, (what, value)| git.with(format!("GIT_{role}_{what}"), *value))
    })
}

/// Tells whether a repository begins at a folder, and not only something that is called as one would be.
fn is_repository(folder: &Path) -> bool {
    let at = folder.join(".git");
    match at.symlink_metadata() {
        Ok(kind) if kind.is_file() => {
            let content = std::fs::read_to_string(&at).unwrap_or_default();
            let path = content.strip_prefix("gitdir: ").map(|path| folder.join(path.trim_end()));
            path.is_some_and(|path| path.join("HEAD").exists())
        }
        Ok(_) => ["HEAD", "objects", "refs"].iter().all(|name| at.join(name).symlink_metadata().is_ok()),
        Err(_) => false,
    }
}

fn feed(git: &Git, option: &str, names: &[u8]) -> Result<(), GitError> {
    let mut update = git.stream(&["update-index", "-z", option, "--stdin"])?;
    update.ask(names)?;
    update.finish()
}

/// Finds out of git's words which folder is a repository that has no commit yet.
fn without_commit(line: &[u8]) -> Option<PathBuf> {
    let path = line.strip_prefix(b"error: '")?.strip_suffix(b"' does not have a commit checked out")?;
    Some(PathBuf::from(OsStr::from_bytes(path.strip_suffix(b"/").unwrap_or(path))))
}

/// Tells whether git says of a single file that it cannot be had, and not that something is wrong with the repository.
fn is_of_one_file(words: &str) -> bool {
    let denied = words.ends_with(": Permission denied")
        && (words.starts_with("error: open(\"") || words.starts_with("warning: could not open directory '"));
    let is_nothing_to_keep =
        words.ends_with(": can only add regular files, symbolic links or git-directories");
    denied || is_nothing_to_keep || words.starts_with("error: invalid path '")
}

/// Tells whether git only repeats of which file it spoke.
fn is_said_again(words: &str) -> bool {
    words.starts_with("error: unable to index file '") || words.starts_with("error: unable to add '")
}
