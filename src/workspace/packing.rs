//! Branches and kept work of a run as one file, and back: git's own bundles.
//!
//! Only references of the run's own are packed, and only such are unpacked, each under its own name. None that is here is
//! moved, and all of them come or none does.

use super::git::{Git, GitError};
use crate::domain::id::RunId;
use crate::domain::worktree::base_ref;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The most bytes of the list at the beginning of a bundle.
const MAX_HEADER: u64 = 16 * 1024 * 1024;

/// A reference and the id of what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Reference {
    pub name: String,
    pub commit: String,
}

/// What stands at the beginning of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub references: Vec<Reference>,
    /// Ids of commits that have to be there before it is unpacked.
    pub needs: Vec<String>,
}

/// Why a bundle cannot be read, packed or unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("it is no bundle of git: {0}")]
    NoBundle(String),
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// Tells whether a text is the id of an object, in full.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the folders of references that belong to a run alone, and the reference of what it began from.
fn own(run: &RunId) -> [String; 3] {
    [format!("refs/heads/crew/{run}/"), format!("refs/crew/keep/{run}/"), base_ref(run)]
}

/// Tells whether a reference belongs to a run alone, and can be named to git without harm.
pub fn is_own(run: &RunId, name: &str) -> bool {
    let [branches, kept, base] = own(run);
    let harmless = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte));
    let parts = || name.split('/');
    let whole = parts().all(|part| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.'));
    let is_lock = parts().any(|part| part.ends_with(".lock"));
    let is_its = name.starts_with(&branches) || name.starts_with(&kept) || name == base;
    is_its && harmless && whole && !is_lock && !name.contains("..") && name.len() <= 400
}

/// Returns the references of a run that are here, in the order of their names.
pub fn references(git: &Git, run: &RunId) -> Result<Vec<Reference>, GitError> {
    let [branches, kept, base] = own(run);
    let format = "--format=%(objectname) %(refname)";
    let listed = git.text(&["for-each-ref", format, &branches, &kept, &base])?;
    let read = |line: &str| {
        let (commit, name) = line.split_once(' ')?;
        is_own(run, name).then(|| Reference { name: name.to_owned(), commit: commit.to_owned() })
    };
    let mut references: Vec<Reference> = listed.lines().filter_map(read).collect();
    references.sort();
    Ok(references)
}

/// Packs references into a file, with all that they hold beside what `without` and the branches of remotes hold. With
/// `whole` nothing is left out. References of which everything is left out are not in it; where these are all of them,
/// there is no file.
pub fn pack(
    git: &Git,
    references: &[Reference],
    without: &[String],
    whole: bool,
    file: &Path,
) -> Result<Header, PackError> {
    let wanted = wanted(git, references, without, whole)?;
    // git makes no bundle of nothing.
    let one = git.fed(&["rev-list", "--max-count=1", "--stdin"], wanted.as_bytes())?;
    if one.code != Some(0) {
        return Err(one.failure.into());
    }
    if one.stdout.is_empty() {
        return Ok(Header::default());
    }
    let args: [&OsStr; 5] =
        ["bundle".as_ref(), "create".as_ref(), "--quiet".as_ref(), file.as_os_str(), "--stdin".as_ref()];
    done(git, &args, &wanted)?;
    header(file)
}

fn wanted(git: &Git, references: &[Reference], without: &[String], whole: bool) -> Result<String, GitError> {
    let mut wanted: String = references.iter().map(|reference| format!("{}\n", reference.name)).collect();
    if !whole {
        let remotes = git.text(&["for-each-ref", "--format=%(objectname)", "refs/remotes/"])?;
        let left_out = without.iter().map(String::as_str).chain(remotes.lines());
        left_out.for_each(|commit| wanted.push_str(&format!("^{commit}\n")));
    }
    Ok(wanted)
}

/// The most bytes of a file's new lines that are held at once.
const MAX_ADDED: usize = 4 * 1024 * 1024;

/// Something that commits brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added<'a> {
    /// The reference by which its commit is reached.
    pub reference: &'a str,
    /// Its path; absent for what was written about the commit itself.
    pub file: Option<&'a str>,
    /// New lines; of a large file some of them.
    pub text: &'a str,
}

/// Tells what the commits that [`pack`] takes without `whole` bring in: the lines that they add to files of text, and what
/// is written about them. What they take away again is told too.
pub fn added(
    git: &Git,
    references: &[Reference],
    without: &[String],
    take: impl FnMut(Added<'_>),
) -> Result<(), GitError> {
    let args = [
        "-c",
        "core.quotePath=off",
        "log",
        "--stdin",
        // What is written about a commit is indented, and so never looks like what comes after it.
        "--format=%x01%S%n%w(0,1,1)%B%w(0,0,0)",
        "--patch",
        "-c",
        "--unified=0",
        "--no-color",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-show-signature",
        "--no-notes",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--no-relative",
        "--submodule=short",
    ];
    let mut stream = git.stream(&args)?;
    stream.ask(wanted(git, references, without, false)?.as_bytes())?;
    stream.asked_all();
    read_added(&mut stream, take).map_err(|error| stream.unreadable(error))?;
    stream.finish()
}

/// Reads what git's log says, in the form that [`added`] asks for.
fn read_added(log: &mut impl BufRead, mut take: impl FnMut(Added<'_>)) -> std::io::Result<()> {
    let (mut reference, mut file, mut text) = (String::new(), None::<String>, String::new());
    // How many columns tell whether a line is new, one for each parent; 0 where no lines of a file come.
    let mut columns = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let is_end = log.read_until(b'\n', &mut line)? == 0;
        let begins = |word: &[u8]| line.starts_with(word);
        let is_new = |columns: usize| {
            let signs = &line[..columns.min(line.len())];
            signs.contains(&b'+') && !signs.contains(&b'-')
        };
        if is_end || begins(b"\x01") || begins(b"diff --") || (columns > 0 && text.len() > MAX_ADDED) {
            if !text.is_empty() {
                take(Added { reference: &reference, file: file.as_deref(), text: &text });
            }
            text.clear();
        }
        let said = |from: usize| String::from_utf8_lossy(line.get(from..).unwrap_or_default()).into_owned();
        match () {
            () if is_end => return Ok(()),
            () if begins(b"\x01") => {
                reference = said(1).trim_end().to_owned();
                (file, columns) = (None, 0);
            }
            () if begins(b"diff --") => (file, columns) = (Some(String::new()), 0),
            () if begins(b"@@") && file.is_some() => {
                columns = line.iter().take_while(|byte| **byte == b'@').count() - 1;
            }
            () if columns > 0 && is_new(columns) => text.push_str(&said(columns)),
            () if file.is_none() => text.push_str(&said(0)),
            () if columns == 0 && begins(b"+++ b/") => {
                file = Some(said(6).trim_end_matches(['\n', '\t']).to_owned());
            }
            () => {}
        }
    }
}

/// Reads what stands at the beginning of a bundle. Nothing of it is believed.
pub fn header(file: &Path) -> Result<Header, PackError> {
    let mut lines = BufReader::new(File::open(file)?.take(MAX_HEADER));
    let mut header = Header::default();
    let mut line = Vec::new();
    let no_bundle = |why: &str| PackError::NoBundle(why.to_owned());
    let mut is_first = true;
    loop {
        line.clear();
        lines.read_until(b'\n', &mut line)?;
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let text = text.ok_or_else(|| no_bundle("its list breaks off"))?;
        match text {
            "# v2 git bundle" | "# v3 git bundle" if is_first => {}
            _ if is_first => return Err(no_bundle("it does not begin as one")),
            "" => return Ok(header),
            _ if text.starts_with('@') => {
                if !text.starts_with("@object-format=") {
                    return Err(no_bundle("it wants something that is not known here"));
                }
            }
            _ => match text.strip_prefix('-') {
                Some(needed) => {
                    let id = needed.split(' ').next().unwrap_or_default();
                    header.needs.push(
                        Some(id).filter(|id| is_id(id)).ok_or_else(|| no_bundle("an id is none"))?.to_owned(),
                    );
                }
                None => {
                    let (commit, name) =
                        text.split_once(' ').ok_or_else(|| no_bundle("a line says nothing"))?;
                    if !is_id(commit) {
                        return Err(no_bundle("an id is none"));
                    }
                    header.references.push(Reference { name: name.to_owned(), commit: commit.to_owned() });
                }
            },
        }
        is_first = false;
    }
}

/// Makes references, each with the name that stands beside it: those in the bundle with what they hold, the others of
/// commits that are here. None is moved that is here with other content.
pub fn unpack(git: &Git, bundle: Option<&Path>, names: &[(Reference, String)]) -> Result<(), PackError> {
    let packed = bundle.map(header).transpose()?.unwrap_or_default().references;
    let (inside, outside): (Vec<_>, Vec<_>) =
        names.iter().partition(|(reference, _)| packed.contains(reference));
    if let Some(file) = bundle.filter(|_| !inside.is_empty()) {
        let wanted: String =
            inside.iter().map(|(reference, name)| format!("{}:{name}\n", reference.name)).collect();
        let git = git
            .clone()
            // Whoever wrote it may have made objects by hand.
            .set("fetch.fsckObjects", "true")
            .set("protocol.file.allow", "always")
            .set("core.hooksPath", "/dev/null")
            .set("maintenance.auto", "false");
        let words =
            "fetch --quiet --atomic --no-tags --no-write-fetch-head --no-recurse-submodules --stdin --";
        let mut args: Vec<&OsStr> = words.split(' ').map(OsStr::new).collect();
        args.push(file.as_os_str());
        done(&git, &args, &wanted)?;
    }
    let wanted: String =
        outside.iter().map(|(reference, name)| format!("create {name} {}\n", reference.commit)).collect();
    Ok(done(git, &["update-ref", "--stdin"].map(OsStr::new), &wanted)?)
}

/// Takes references away again, each only where it still stands for what it was made for.
pub fn take_away(git: &Git, made: &[Reference]) -> Result<(), GitError> {
    let wanted: String =
        made.iter().map(|reference| format!("delete {} {}\n", reference.name, reference.commit)).collect();
    done(git, &["update-ref", "--stdin"].map(OsStr::new), &wanted)
}

/// Runs a git that is told on its stdin what to do, and has to do it.
fn done(git: &Git, args: &[&OsStr], wanted: &str) -> Result<(), GitError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let ended = git.fed(args, wanted.as_bytes())?;
    if ended.code == Some(0) { Ok(()) } else { Err(ended.failure) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::parse("7k2aaaaaaaaa").unwrap()
    }

    #[test]
    fn only_references_of_the_run_are_its_own() {
        for name in [
            "refs/heads/crew/7k2aaaaaaaaa/fix",
            "refs/crew/keep/7k2aaaaaaaaa/fix/1.2",
            "refs/crew/keep/7k2aaaaaaaaa/fix/resolve-1",
            "refs/crew/base/7k2aaaaaaaaa",
        ] {
            assert!(is_own(&run(), name), "{name}");
        }
        for name in [
            "refs/heads/main",
            "refs/heads/crew/7k2aaaaaaaab/fix",
            "refs/heads/crew/7k2aaaaaaaaa/",
            "refs/heads/crew/7k2aaaaaaaaa/../../main",
            "refs/heads/crew/7k2aaaaaaaaa/a b",
            "refs/heads/crew/7k2aaaaaaaaa/a.lock",
            "refs/heads/crew/7k2aaaaaaaaa/-x",
            "refs/heads/crew/7k2aaaaaaaaa/a:refs/heads/main",
            "refs/crew/base/7k2aaaaaaaaa/x",
        ] {
            assert!(!is_own(&run(), name), "{name}");
        }
    }

    #[test]
    fn new_lines_are_told_by_the_file_that_they_came_to_and_what_is_said_of_commits_too() {
        let log = "\x01refs/heads/crew/r/a\n said\n\n diff --git a/x b/x\n +no line\n\ndiff --git a/q b/q\n\
                   --- a/q\n+++ b/q\n@@ -1 +1,2 @@\n-old\n+++ b/new\n+more\ndiff --git a/gone b/gone\n--- a/gone\n\
                   +++ /dev/null\n@@ -1 +0,0 @@\n-gone\n\x01refs/heads/crew/r/b\n merged\n\ndiff --cc .en vx\n\
                   --- a/.en vx\n+++ b/.en vx\t\n@@@ -0,0 -0,0 +1,1 @@@\n++both\n- no\n +one\n";
        let mut told = Vec::new();
        let take = |added: Added<'_>| {
            told.push(format!("{} {}: {}", added.reference, added.file.unwrap_or("-"), added.text));
        };
        read_added(&mut log.as_bytes(), take).unwrap();
        assert_eq!(
            told,
            [
                "refs/heads/crew/r/a -:  said\n\n diff --git a/x b/x\n +no line\n\n",
                "refs/heads/crew/r/a q: ++ b/new\nmore\n",
                "refs/heads/crew/r/b -:  merged\n\n",
                "refs/heads/crew/r/b .en vx: both\none\n",
            ]
        );
    }

    #[test]
    fn the_list_of_a_bundle_is_read_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b");
        let (one, two) = ("1".repeat(40), "a".repeat(40));
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            header(&file)
        };
        let found =
            read(&format!("# v2 git bundle\n-{one} words of it\n{two} refs/heads/x\n\nPACK")).unwrap();
        assert_eq!((found.needs, found.references[0].commit.as_str()), (vec![one.clone()], two.as_str()));
        for text in [
            String::new(),
            "PACK".into(),
            "# v2 git bundle\n".into(),
            format!("# v2 git bundle\n{one} refs/heads/x"),
            "# v2 git bundle\n--upload-pack=x y\n\n".into(),
            "# v3 git bundle\n@filter=blob:none\n\n".into(),
        ] {
            assert!(read(&text).is_err(), "{text}");
        }
    }
}
