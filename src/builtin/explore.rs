//! Maps a repository: what is in it, how it is built and tested, and where its work happens.

use super::languages;
pub use super::languages::Kind;
use super::toolchain::{self, FoundCommand, Purpose, find_commands};
use super::tree::Tree;
use super::writing::{cell, code, counted, prose, size, thousands};
use crate::domain::submission::ResultBody;
use crate::workspace::git::{Git, GitError};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What is known about a repository after a look at its files and its history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    /// Regular files, tracked or not ignored, that exist in the work tree.
    pub files: usize,
    /// Their size on disk.
    pub bytes: u64,
    /// Lines of the files that count towards a language.
    pub lines: u64,
    /// Files that are somebody else's, by their folder: counted, but not read.
    pub vendored: usize,
    /// Files that were not read because they are large or could not be opened.
    pub unread: usize,
    /// Code before text before data, and the most lines first.
    pub languages: Vec<LanguageShare>,
    /// The largest files with their bytes, largest first.
    pub largest: Vec<(String, u64)>,
    /// Folders of the top two levels with the number of files in them, however deep.
    pub folders: Vec<(String, usize)>,
    /// Files that describe packages and builds, at most three folders deep.
    pub manifests: Vec<String>,
    /// How it is built and tested.
    pub commands: Vec<FoundCommand>,
    /// Where programs and libraries usually begin.
    pub entry_points: Vec<String>,
    /// README, licence, instructions for contributors and agents.
    pub docs: Vec<String>,
    /// What continuous integration is told.
    pub ci: Vec<String>,
    /// Files that more than one of the latest [`RECENT_COMMITS`] commits touched and that still exist, with how many.
    pub most_changed: Vec<(String, usize)>,
    /// People who wrote the latest [`AUTHORED_COMMITS`] commits.
    pub authors: usize,
    /// Commits reachable from HEAD.
    pub commits: usize,
    /// Absent in a repository without commits.
    pub last_commit: Option<LastCommit>,
    /// Absent where HEAD is detached.
    pub branch: Option<String>,
    /// Whether the history is cut, so that it counts fewer commits than there were.
    pub shallow: bool,
    /// Files that differ from HEAD, untracked ones included.
    pub dirty: usize,
    pub submodules: usize,
}

/// How much of a repository is written in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageShare {
    pub name: &'static str,
    pub kind: Kind,
    pub files: usize,
    pub lines: u64,
    pub bytes: u64,
}

/// The commit at HEAD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCommit {
    /// Abbreviated.
    pub id: String,
    /// RFC 3339, with the committer's own offset.
    pub when: String,
    pub subject: String,
}

/// How many commits are asked which files they changed.
pub const RECENT_COMMITS: usize = 500;
/// How many commits are asked who wrote them.
pub const AUTHORED_COMMITS: usize = 10_000;
/// The most bytes that a map has as Markdown.
pub const MAX_MARKDOWN: usize = 8_000;

/// Larger files are not read; they are data or generated.
const MAX_READ: u64 = 2 * 1024 * 1024;
/// The most that is read in all.
const MAX_READ_TOGETHER: u64 = 1024 * 1024 * 1024;
/// A NUL this early says that a file is binary, as git has it.
const BINARY_WITHIN: u64 = 8 * 1024;
const MAX_MANIFEST: u64 = 1024 * 1024;
/// The most of each list that is kept.
const MAX_LISTED: usize = 12;
const MAX_FOLDERS: usize = 40;

/// Maps the repository that `git` is in.
///
/// Fails where there is no work tree. A repository without commits has an empty history, not an error.
pub fn explore(git: &Git, progress: &mut dyn FnMut(&str)) -> Result<Map, GitError> {
    let root = PathBuf::from(OsString::from_vec(line_of(git.run(&["rev-parse", "--show-toplevel"])?)));
    let git = Git::at(&root);
    let tree = Tree::at(&root);
    let mut map = Map::default();

    progress("listing files");
    let listing = list_files(&git)?;
    map.submodules = listing.submodules;
    survey(&mut map, &tree, &listing.files, progress);

    progress("looking for build and test commands");
    let names: Vec<String> = listing.files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    map.commands = find_commands(&names, &|path| tree.read(Path::new(path), MAX_MANIFEST));
    map.folders = count_folders(&names);
    map.manifests = outermost(&names, |path| toolchain::is_manifest(name_of(path)) && depth_of(path) <= 3);
    map.entry_points = outermost(&names, is_entry_point);
    map.docs = outermost(&names, is_document);
    map.ci = outermost(&names, is_ci);

    progress("reading the history");
    read_history(&mut map, &git, &names)?;
    map.dirty = changed_files(&git)? + listing.untracked;
    Ok(map)
}

/// Files as git lists them.
struct Listing {
    /// Tracked and untracked files that are no submodules, without doubles.
    files: Vec<PathBuf>,
    untracked: usize,
    submodules: usize,
}

fn list_files(git: &Git) -> Result<Listing, GitError> {
    let mut files = BTreeSet::new();
    let mut submodules = BTreeSet::new();
    // `mode object stage TAB path`; a conflicted file stands there once for each stage.
    for entry in git.run(&["ls-files", "-s", "-z"])?.split(|byte| *byte == 0) {
        let Some(tab) = entry.iter().position(|byte| *byte == b'\t') else {
            continue;
        };
        let path = path_of(&entry[tab + 1..]);
        if entry.starts_with(b"160000 ") {
            submodules.insert(path)
        } else {
            files.insert(path)
        };
    }
    let tracked = files.len();
    for entry in git.run(&["ls-files", "-o", "--exclude-standard", "-z"])?.split(|byte| *byte == 0) {
        // A repository inside the repository is listed as a folder.
        if !entry.is_empty() && !entry.ends_with(b"/") {
            files.insert(path_of(entry));
        }
    }
    Ok(Listing {
        untracked: files.len() - tracked,
        submodules: submodules.len(),
        files: files.into_iter().collect(),
    })
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn line_of(mut output: Vec<u8>) -> Vec<u8> {
    output.pop_if(|last| *last == b'\n');
    output
}

/// Measures every file and counts the lines of those that are read.
fn survey(map: &mut Map, tree: &Tree, files: &[PathBuf], progress: &mut dyn FnMut(&str)) {
    const EACH: usize = 2_000;
    let mut shares: HashMap<&str, LanguageShare> = HashMap::new();
    let mut sizes = Vec::new();
    let mut to_read = MAX_READ_TOGETHER;
    let mut text = Vec::new();
    progress(&format!("reading {}", counted(files.len(), "file")));
    for (at, path) in files.iter().enumerate() {
        if at > 0 && at.is_multiple_of(EACH) {
            progress(&format!("read {} of {}", thousands(at as u64), counted(files.len(), "file")));
        }
        let Some(found) = tree.look(path) else {
            continue;
        };
        let name = path.to_string_lossy();
        map.files += 1;
        map.bytes += found.len();
        sizes.push((found.len(), name.to_string()));
        if is_vendored(&name) {
            map.vendored += 1;
        } else if found.len() > MAX_READ.min(to_read) {
            map.unread += 1;
        } else {
            match read_text(tree, path, &mut text) {
                Ok(true) => add_lines(&mut shares, &name, &text),
                Ok(false) => {}
                Err(_) => map.unread += 1,
            }
            to_read = to_read.saturating_sub(text.len() as u64);
        }
    }
    map.lines = shares.values().map(|share| share.lines).sum();
    map.languages = shares.into_values().collect();
    map.languages.sort_by_key(|share| (share.kind, Reverse(share.lines), share.name));
    sizes.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    map.largest = sizes.into_iter().take(MAX_LISTED).map(|(bytes, path)| (path, bytes)).collect();
}

/// Adds a file to the share of its language, if it has one.
fn add_lines(shares: &mut HashMap<&str, LanguageShare>, path: &str, text: &[u8]) {
    let Some(language) = languages::language_of(path, text) else {
        return;
    };
    let none = LanguageShare { name: language.name, kind: language.kind, files: 0, lines: 0, bytes: 0 };
    let share = shares.entry(language.name).or_insert(none);
    share.files += 1;
    share.bytes += text.len() as u64;
    share.lines += count_lines(text);
}

/// Reads a file into `text` and says whether it is text at all.
fn read_text(tree: &Tree, path: &Path, text: &mut Vec<u8>) -> io::Result<bool> {
    text.clear();
    let mut file = tree.open(path).ok_or(io::ErrorKind::NotFound)?;
    file.by_ref().take(BINARY_WITHIN).read_to_end(text)?;
    if text.contains(&0) {
        return Ok(false);
    }
    file.take(MAX_READ).read_to_end(text)?;
    Ok(true)
}

fn count_lines(text: &[u8]) -> u64 {
    let ends = text.iter().filter(|byte| **byte == b'\n').count();
    let open = text.last().is_some_and(|last| *last != b'\n');
    ends as u64 + u64::from(open)
}

fn is_vendored(path: &str) -> bool {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    let theirs = ["node_modules", "vendor", "third_party", "thirdparty", "Pods"];
    folders.split('/').any(|folder| theirs.contains(&folder))
        || path.ends_with(".min.js")
        || path.ends_with(".min.css")
}

/// Counts the files of the top-level folders and of those right in them, the fullest first.
fn count_folders(files: &[String]) -> Vec<(String, usize)> {
    let mut outer: BTreeMap<&str, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
    for file in files {
        let Some((first, rest)) = file.split_once('/') else {
            continue;
        };
        let (count, inner) = outer.entry(first).or_default();
        *count += 1;
        if let Some((second, _)) = rest.split_once('/') {
            *inner.entry(second).or_default() += 1;
        }
    }
    let mut outer: Vec<_> = outer.into_iter().collect();
    outer.sort_by_key(|(name, (count, _))| (Reverse(*count), *name));
    let mut folders = Vec::new();
    // Each gets its turn, so that one folder with a hundred others in it leaves room for the next.
    for (name, (count, inner)) in outer.into_iter().take(MAX_FOLDERS / 2) {
        folders.push((name.to_owned(), count));
        let mut inner: Vec<_> = inner.into_iter().collect();
        inner.sort_by_key(|(name, count)| (Reverse(*count), *name));
        folders.extend(inner.into_iter().take(6).map(|(inner, count)| (format!("{name}/{inner}"), count)));
    }
    folders.truncate(MAX_FOLDERS);
    folders
}

/// Returns the chosen paths, those nearest to the root first.
fn outermost(files: &[String], is_chosen: impl Fn(&str) -> bool) -> Vec<String> {
    let mut chosen: Vec<&String> =
        files.iter().filter(|path| !is_vendored(path) && is_chosen(path)).collect();
    chosen.sort_by_key(|path| (depth_of(path), path.as_str()));
    chosen.into_iter().take(MAX_LISTED).cloned().collect()
}

fn depth_of(path: &str) -> usize {
    path.matches('/').count()
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_entry_point(path: &str) -> bool {
    const STEMS: &[&str] =
        &["main", "index", "lib", "app", "__main__", "manage", "server", "cli", "Main", "Program", "App"];
    let name = name_of(path);
    let stem = name.split('.').next().unwrap_or(name);
    let is_code = || languages::by_path(path).is_some_and(|language| language.kind == Kind::Code);
    let is_binary = || path.starts_with("src/bin/") && path.ends_with(".rs");
    let is_test =
        path.split('/').any(|part| matches!(part, "tests" | "test" | "fixtures" | "examples" | "testdata"));
    depth_of(path) <= 3 && !is_test && (STEMS.contains(&stem) && is_code() || is_binary())
}

fn is_document(path: &str) -> bool {
    const STEMS: &[&str] = &[
        "README",
        "CONTRIBUTING",
        "LICENSE",
        "LICENCE",
        "COPYING",
        "CHANGELOG",
        "CHANGES",
        "ARCHITECTURE",
        "DESIGN",
        "SECURITY",
        "CODE_OF_CONDUCT",
        "CODEOWNERS",
        "AGENTS",
        "CLAUDE",
        "GEMINI",
        "HACKING",
        "DEVELOPMENT",
        "NOTICE",
    ];
    let name = name_of(path);
    // LICENSE-MIT and README.de.md count as well.
    let stem = name.split(['.', '-']).next().unwrap_or(name).to_ascii_uppercase();
    let is_text = languages::by_path(path).is_none_or(|language| language.kind == Kind::Text);
    depth_of(path) <= 1 && is_text && STEMS.contains(&stem.as_str())
}

fn is_ci(path: &str) -> bool {
    const FILES: &[&str] = &[
        ".gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
        ".travis.yml",
        "appveyor.yml",
        ".appveyor.yml",
        "bitbucket-pipelines.yml",
        ".drone.yml",
        ".cirrus.yml",
        ".woodpecker.yml",
        ".builds.yml",
    ];
    const FOLDERS: &[&str] = &[
        ".github/workflows/",
        ".gitea/workflows/",
        ".forgejo/workflows/",
        ".woodpecker/",
        ".buildkite/",
        ".ci/",
        ".builds/",
    ];
    FILES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder))
}

fn read_history(map: &mut Map, git: &Git, files: &[String]) -> Result<(), GitError> {
    map.branch = answer(git.text(&["symbolic-ref", "--short", "-q", "HEAD"]))?;
    map.shallow = git.text(&["rev-parse", "--is-shallow-repository"])? == "true";
    if answer(git.text(&["rev-parse", "--verify", "-q", "HEAD^{commit}"]))?.is_none() {
        return Ok(());
    }
    map.commits = git.text(&["rev-list", "--count", "HEAD"])?.parse().unwrap_or(0);
    map.last_commit = last_commit(git)?;
    map.authors = count_authors(git)?;
    map.most_changed = most_changed(git, files)?;
    Ok(())
}

/// Takes git's refusal for the answer that there is no such thing.
fn answer(asked: Result<String, GitError>) -> Result<Option<String>, GitError> {
    match asked {
        Ok(text) => Ok(Some(text)),
        Err(GitError::Failed { .. }) => Ok(None),
        Err(not_started) => Err(not_started),
    }
}

/// Asks for a log whose form no setting of the user changes.
fn log(git: &Git, args: &[&str]) -> Result<Vec<u8>, GitError> {
    // A signature check would print between the commits.
    let fixed = ["log", "--no-show-signature", "--no-color", "--encoding=UTF-8", "-z"];
    git.run(&[&fixed, args].concat())
}

fn last_commit(git: &Git) -> Result<Option<LastCommit>, GitError> {
    let output = log(git, &["-n", "1", "--no-patch", "--format=%h%x00%cI%x00%s"])?;
    let mut fields = output.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let (Some(id), Some(when), Some(subject)) = (fields.next(), fields.next(), fields.next()) else {
        return Ok(None);
    };
    Ok(Some(LastCommit { id, when, subject }))
}

fn count_authors(git: &Git) -> Result<usize, GitError> {
    let output = log(git, &["-n", &AUTHORED_COMMITS.to_string(), "--no-patch", "--format=%aE"])?;
    let authors = output.split(|byte| *byte == 0).filter(|author| !author.is_empty());
    Ok(authors.map(<[u8]>::to_ascii_lowercase).collect::<HashSet<_>>().len())
}

fn most_changed(git: &Git, files: &[String]) -> Result<Vec<(String, usize)>, GitError> {
    let recent = RECENT_COMMITS.to_string();
    // With an empty format nothing stands between the commits: it is one list of paths, each ended by a NUL.
    let output = log(
        git,
        &["--no-merges", "-n", &recent, "--name-only", "--no-renames", "--no-relative", "--format="],
    )?;
    let existing: HashSet<&str> = files.iter().map(String::as_str).collect();
    let mut touched: HashMap<String, usize> = HashMap::new();
    for path in output.split(|byte| *byte == 0) {
        let path = String::from_utf8_lossy(path);
        if existing.contains(path.as_ref()) {
            *touched.entry(path.into_owned()).or_default() += 1;
        }
    }
    // Once is how often every file was changed that was ever added.
    let mut touched: Vec<_> = touched.into_iter().filter(|(_, commits)| *commits > 1).collect();
    touched.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    touched.truncate(MAX_LISTED);
    Ok(touched)
}

/// Counts the tracked files that differ from HEAD.
fn changed_files(git: &Git) -> Result<usize, GitError> {
    let args = [
        "status",
        "--porcelain=v1",
        "-z",
        "--no-renames",
        "--untracked-files=no",
        "--ignore-submodules=dirty",
    ];
    Ok(git.entries(&args)?.len())
}

/// The most characters of a path that are shown.
const MAX_PATH: usize = 160;

impl Map {
    /// Returns the map in one sentence.
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let main: Vec<_> = self.languages.iter().filter(|share| share.kind == Kind::Code).take(3).collect();
        let names: Vec<_> = main.iter().map(|share| share.name).collect();
        let named = if names.is_empty() { "No code".to_owned() } else { names.join(", ") };
        parts.push(format!("{named}, {}, {}", counted(self.files, "file"), counted_lines(self.lines)));
        let first = |purpose| self.commands.iter().find(|command| command.purpose == purpose);
        let build = first(Purpose::Build).map(|command| format!("build {}", describe(command)));
        let test = first(Purpose::Test).map(|command| format!("test {}", describe(command)));
        let test = test.or_else(|| Some("no test command found".to_owned()));
        parts.push(build.into_iter().chain(test).collect::<Vec<_>>().join(", "));
        // The lock file changes most often and tells least.
        let is_code =
            |path: &str| languages::by_path(path).is_some_and(|language| language.kind == Kind::Code);
        let changed = self.most_changed.iter().find(|(path, _)| is_code(path)).or(self.most_changed.first());
        parts.extend(changed.map(|(path, _)| format!("most changed: {}", code(path, MAX_PATH))));
        parts.join("; ")
    }

    /// Returns the map as Markdown of at most [`MAX_MARKDOWN`] bytes.
    pub fn to_markdown(&self) -> String {
        let mut page = Page::default();
        page.heading("Repository map");
        page.line(&format!("{}.", self.summary()));
        page.line("");
        self.write_overview(&mut page);
        self.write_commands(&mut page);
        self.write_languages(&mut page);
        page.list("Documents", &self.docs, |path| code(path, MAX_PATH));
        page.list("Entry points", &self.entry_points, |path| code(path, MAX_PATH));
        page.list("Manifests", &self.manifests, |path| code(path, MAX_PATH));
        page.list("Continuous integration", &self.ci, |path| code(path, MAX_PATH));
        page.list("Most changed files", &self.most_changed, |(path, commits)| {
            format!("{}: {}", code(path, MAX_PATH), counted(*commits, "commit"))
        });
        page.list("Folders", &self.folders, |(path, files)| {
            format!("{}: {}", code(&format!("{path}/"), MAX_PATH), counted(*files, "file"))
        });
        page.list("Largest files", &self.largest, |(path, bytes)| {
            format!("{}: {}", code(path, MAX_PATH), size(*bytes))
        });
        page.text.truncate(page.text.trim_end().len());
        page.text.push('\n');
        page.text
    }

    /// Returns the map as an explorer's result.
    pub fn to_result(&self) -> ResultBody {
        ResultBody {
            summary: self.summary(),
            confidence: 1.0,
            rationale: "Counted from the files on disk and from git's own history; nothing was guessed."
                .to_owned(),
            details: Some(self.to_markdown()),
            ..ResultBody::default()
        }
    }

    fn write_overview(&self, page: &mut Page) {
        page.line(&format!("- {}, {}", counted(self.files, "file"), size(self.bytes)));
        if self.vendored > 0 {
            page.line(&format!("- {} of them vendored and not read", thousands(self.vendored as u64)));
        }
        if self.unread > 0 {
            page.line(&format!(
                "- {} of them not read: too large, or not readable",
                thousands(self.unread as u64)
            ));
        }
        match &self.branch {
            Some(branch) => page.line(&format!("- branch {}", code(branch, MAX_PATH))),
            None => page.line("- HEAD is detached"),
        }
        match &self.last_commit {
            Some(last) => page.line(&format!(
                "- last commit {} of {}: {}",
                code(&last.id, 40),
                prose(&last.when, 40),
                prose(&last.subject, 120)
            )),
            None => page.line("- no commit yet"),
        }
        if self.commits > 0 {
            let since = if self.commits > AUTHORED_COMMITS {
                format!(" of the latest {} commits", thousands(AUTHORED_COMMITS as u64))
            } else {
                String::new()
            };
            let cut = if self.shallow { " (a shallow clone: there were more)" } else { "" };
            page.line(&format!(
                "- {}{cut}, {}{since}",
                counted(self.commits, "commit"),
                counted(self.authors, "author")
            ));
        }
        match self.dirty {
            0 => page.line("- nothing uncommitted"),
            dirty => page.line(&format!("- {} with uncommitted changes", counted(dirty, "file"))),
        }
        if self.submodules > 0 {
            page.line(&format!("- {}", counted(self.submodules, "submodule")));
        }
        page.line("");
    }

    fn write_commands(&self, page: &mut Page) {
        page.heading("Commands");
        if self.commands.is_empty() {
            page.line("None found.");
        }
        for command in &self.commands {
            let purpose = match command.purpose {
                Purpose::Build => "build",
                Purpose::Test => "test",
            };
            page.line(&format!("- {purpose}: {}, from {}", describe(command), code(&command.why, MAX_PATH)));
        }
        page.line("");
    }

    fn write_languages(&self, page: &mut Page) {
        if self.languages.is_empty() {
            return;
        }
        page.heading("Languages");
        page.line("| language | files | lines | size |");
        page.line("|---|---:|---:|---:|");
        for share in self.languages.iter().take(MAX_LISTED) {
            let (files, lines) = (thousands(share.files as u64), thousands(share.lines));
            page.line(&format!("| {} | {files} | {lines} | {} |", cell(share.name), size(share.bytes)));
        }
        page.line("");
    }
}

fn counted_lines(lines: u64) -> String {
    counted(usize::try_from(lines).unwrap_or(usize::MAX), "line")
}

fn describe(command: &FoundCommand) -> String {
    let place =
        if command.dir.is_empty() { String::new() } else { format!(" in {}", code(&command.dir, MAX_PATH)) };
    format!("{}{place}", code(&command.command, MAX_PATH))
}

/// A page that takes whole lines while there is room, so that a cut breaks no Markdown.
#[derive(Default)]
struct Page {
    text: String,
    full: bool,
}

impl Page {
    const REST_IS_LEFT_OUT: &str = "\n_The rest is left out._\n";

    fn line(&mut self, line: &str) {
        let room = MAX_MARKDOWN - Page::REST_IS_LEFT_OUT.len();
        if self.full {
            return;
        }
        if self.text.len() + line.len() + 1 > room {
            self.full = true;
            self.text.push_str(Page::REST_IS_LEFT_OUT);
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        let level = if self.text.is_empty() { "#" } else { "##" };
        self.line(&format!("{level} {title}"));
        self.line("");
    }

    fn list<T>(&mut self, title: &str, items: &[T], write: impl Fn(&T) -> String) {
        if items.is_empty() {
            return;
        }
        self.heading(title);
        for item in items {
            self.line(&format!("- {}", write(item)));
        }
        self.line("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::Terms;
    use std::fs::{self, create_dir_all, write};
    use std::os::unix::fs::symlink;
    use std::time::Instant;
    use tempfile::TempDir;

    struct Repository {
        dir: TempDir,
        git: Git,
    }

    impl Repository {
        fn new() -> Repository {
            let dir = tempfile::tempdir().unwrap();
            let git = Git::at(dir.path());
            git.run(&["init", "-q", "-b", "main"]).unwrap();
            Repository { dir, git }
        }

        fn with(self, path: &str, text: impl AsRef<[u8]>) -> Repository {
            let path = self.dir.path().join(path);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, text).unwrap();
            self
        }

        fn commit(self, author: &str, subject: &str) -> Repository {
            self.git.run(&["add", "-A"]).unwrap();
            let name = format!("user.name={author}");
            let email = format!("user.email={author}@example.org");
            self.git
                .run(&["-c", &name, "-c", &email, "commit", "-q", "--allow-empty", "-m", subject])
                .unwrap();
            self
        }

        fn explore(&self) -> Map {
            explore(&self.git, &mut |_| {}).unwrap()
        }
    }

    fn small() -> Repository {
        Repository::new()
            .with("Cargo.toml", "[package]\nname = 'a'\n")
            .with("Cargo.lock", "x\n")
            .with("src/main.rs", "fn main() {}\n// end")
            .with("src/deep/größe.rs", "\n\n\n")
            .with("README.md", "# A\n")
            .with("LICENSE-MIT", "MIT")
            .with(".github/workflows/ci.yml", "on: push\n")
            .with("vendor/x.c", "int x;\n")
            .with("logo.png", b"\x89PNG\0\0")
            .with("run", "#!/bin/sh\nexit\n")
            .commit("ann", "one")
            .with("src/deep/größe.rs", "\n")
            .with("Cargo.lock", "y\n")
            .commit("Ann", "two")
            .with("src/deep/größe.rs", "\n\n")
            .with("Cargo.lock", "z\n")
            .with("gone", "")
            .commit("bob", "three | `x`")
    }

    #[test]
    fn a_repository_is_mapped() {
        let repository = small();
        fs::remove_file(repository.dir.path().join("gone")).unwrap();
        let map = repository.with("new.py", "1\n").explore();

        assert_eq!((map.files, map.vendored, map.unread, map.lines), (11, 1, 0, 11));
        let languages: Vec<_> =
            map.languages.iter().map(|share| (share.name, share.files, share.lines)).collect();
        assert_eq!(
            languages,
            [
                ("Rust", 2, 4),
                ("Shell", 1, 2),
                ("Python", 1, 1),
                ("Markdown", 1, 1),
                ("TOML", 1, 2),
                ("YAML", 1, 1)
            ]
        );
        assert_eq!(
            map.commands.iter().map(|found| found.command.as_str()).collect::<Vec<_>>(),
            ["cargo build", "cargo test"]
        );
        assert_eq!(map.docs, ["LICENSE-MIT", "README.md"]);
        assert_eq!(map.entry_points, ["src/main.rs"]);
        assert_eq!(map.manifests, ["Cargo.toml"]);
        assert_eq!(map.ci, [".github/workflows/ci.yml"]);
        assert_eq!(
            map.most_changed[..2],
            [("Cargo.lock".to_owned(), 3), ("src/deep/größe.rs".to_owned(), 3)]
        );
        assert_eq!((map.commits, map.authors, map.dirty, map.submodules), (3, 2, 2, 0));
        assert_eq!((map.branch.as_deref(), map.shallow), (Some("main"), false));
        assert_eq!(map.last_commit.as_ref().unwrap().subject, "three | `x`");
        assert_eq!(map.folders[0], ("src".to_owned(), 2));
        assert_eq!(
            map.summary(),
            "Rust, Shell, Python, 11 files, 11 lines; build `cargo build`, test `cargo test`; most changed: `src/deep/größe.rs`"
        );
        assert_eq!(map.to_result().check(&Terms::of_role("explorer")), Ok(()));
    }

    #[test]
    fn a_deleted_file_is_not_among_the_most_changed() {
        let repository = small();
        repository.git.run(&["rm", "-q", "Cargo.lock"]).unwrap();
        let map = repository.explore();
        assert!(map.most_changed.iter().all(|(path, _)| path != "Cargo.lock"), "{:?}", map.most_changed);
    }

    #[test]
    fn a_repository_without_commits_has_no_history() {
        let map = Repository::new().with("a.py", "x = 1\n").explore();
        assert_eq!((map.files, map.commits, map.last_commit.is_none(), map.dirty), (1, 0, true, 1));
        assert!(map.to_markdown().contains("no commit yet"));
        let empty = Repository::new().explore();
        assert_eq!(empty.summary(), "No code, 0 files, 0 lines; no test command found");
    }

    #[test]
    fn a_detached_shallow_clone_says_so() {
        let origin = small();
        let to = tempfile::tempdir().unwrap();
        let url = format!("file://{}", origin.dir.path().display());
        let git = Git::at(to.path());
        git.run(&["clone", "-q", "--depth", "1", &url, "copy"]).unwrap();
        let git = Git::at(to.path().join("copy"));
        git.run(&["checkout", "-q", "--detach"]).unwrap();
        let map = explore(&git, &mut |_| {}).unwrap();
        assert_eq!((map.shallow, map.commits, map.branch.clone()), (true, 1, None));
        let page = map.to_markdown();
        assert!(page.contains("shallow clone") && page.contains("HEAD is detached"), "{page}");
    }

    #[test]
    fn a_folder_inside_stands_for_its_repository() {
        let repository = small();
        let inside = Git::at(repository.dir.path().join("src/deep"));
        assert_eq!(explore(&inside, &mut |_| {}).unwrap(), repository.explore());
    }

    #[test]
    fn no_repository_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(explore(&Git::at(dir.path()), &mut |_| {}).is_err());
    }

    #[test]
    fn links_and_pipes_are_not_read() {
        let repository = Repository::new().with("a.rs", "1\n");
        let root = repository.dir.path();
        symlink("/etc/passwd", root.join("link.rs")).unwrap();
        symlink("/dev/zero", root.join("endless.rs")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(root.join("pipe.rs")).status().unwrap().success());
        let map = repository.explore();
        assert_eq!((map.files, map.lines), (1, 1));
    }

    #[test]
    fn large_and_binary_files_have_no_lines() {
        let map = Repository::new()
            .with("large.rs", vec![b'\n'; MAX_READ as usize + 1])
            .with("binary.rs", b"\n\0\n")
            .with("late.rs", [vec![b'\n'; BINARY_WITHIN as usize], vec![0]].concat())
            .explore();
        assert_eq!((map.files, map.unread), (3, 1));
        assert_eq!((map.languages[0].files, map.lines), (1, BINARY_WITHIN + 1));
        assert_eq!(map.largest[0], ("large.rs".to_owned(), MAX_READ + 1));
    }

    #[test]
    fn hostile_names_break_neither_the_map_nor_its_size() {
        let mut repository = Repository::new().with("`a|b`\n# title\u{1b}[31m\u{202e}.rs", "x\n");
        for folder in 0..30 {
            for file in 0..4 {
                let long = "`長い名前".repeat(12);
                repository =
                    repository.with(&format!("{folder}{long}/{long}/{file}{}.rs", "é".repeat(99)), "x\n");
            }
        }
        let page = repository.commit("ann", "```\n<script>").explore().to_markdown();
        assert!(page.len() <= MAX_MARKDOWN, "{} bytes", page.len());
        assert!(page.ends_with("_The rest is left out._\n"), "{page}");
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
        assert!(!page.lines().any(|line| line.starts_with("# title") || line.starts_with("```")), "{page}");
    }

    #[test]
    fn a_name_that_is_no_utf8_is_still_read() {
        let repository = Repository::new();
        let name = OsStr::from_bytes(b"\xff.rs");
        if write(repository.dir.path().join(name), "x\n").is_err() {
            return; // Not every file system takes such names.
        }
        let repository = repository.commit("ann", "one");
        write(repository.dir.path().join(name), "x\ny\n").unwrap();
        let map = repository.commit("ann", "two").explore();
        assert_eq!((map.files, map.lines), (1, 2));
        assert_eq!(map.most_changed, [("\u{fffd}.rs".to_owned(), 2)]);
    }

    #[test]
    fn a_conflicted_file_and_a_submodule_are_counted_once() {
        let repository = small();
        let blob = repository.git.text(&["rev-parse", "HEAD:run"]).unwrap();
        let head = repository.git.text(&["rev-parse", "HEAD"]).unwrap();
        repository.git.run(&["update-index", "--force-remove", "run"]).unwrap();
        for stage in 1..=3 {
            let info = repository.dir.path().join(".git/info-lines");
            write(&info, format!("100644 {blob} {stage}\trun\n")).unwrap();
            let script = "git update-index --index-info < .git/info-lines";
            let done =
                std::process::Command::new("sh").args(["-c", script]).current_dir(&repository.dir).status();
            assert!(done.unwrap().success());
        }
        repository.git.run(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},sub")]).unwrap();
        let map = repository.explore();
        assert_eq!((map.files, map.submodules), (11, 1));
        assert_eq!(map.languages.iter().find(|share| share.name == "Shell").unwrap().files, 1);
    }

    #[test]
    fn what_is_being_done_is_told() {
        let mut told = Vec::new();
        explore(&small().git, &mut |phrase| told.push(phrase.to_owned())).unwrap();
        assert_eq!(
            told,
            [
                "listing files",
                "reading 11 files",
                "looking for build and test commands",
                "reading the history"
            ]
        );
    }

    /// Takes seconds to set up; run with `cargo test --release -- --ignored`.
    #[test]
    #[ignore = "a measurement"]
    fn twenty_thousand_files_take_below_two_seconds() {
        let mut repository = Repository::new();
        for file in 0..20_000 {
            repository =
                repository.with(&format!("src/{}/f{file}.rs", file % 200), "let x = 1;\n".repeat(100));
        }
        let repository = repository.commit("ann", "all");
        let start = Instant::now();
        let map = repository.explore();
        assert_eq!((map.files, map.lines), (20_000, 2_000_000));
        assert!(start.elapsed().as_secs_f64() < 2.0, "{:?}", start.elapsed());
    }
}
