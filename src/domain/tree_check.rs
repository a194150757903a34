//! What crew itself saw of a folder before and after an attempt, and what a step may change of it.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// The most paths that are recorded of an attempt.
pub const MAX_FILES: usize = 50;
/// The most paths that a sentence names.
const MAX_NAMED: usize = 5;

/// How the folder after an attempt differs from the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeCheck {
    /// Files that were added, changed or taken away; tracked and untracked ones, without those that git ignores.
    pub changed: u64,
    /// The first [`MAX_FILES`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Lines; those of binary files are not counted.
    #[serde(default)]
    pub insertions: u64,
    #[serde(default)]
    pub deletions: u64,
    /// HEAD, a branch or a tag is not what it was.
    #[serde(default)]
    pub refs_changed: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub index_changed: bool,
    /// The repository's own settings and hooks that are not what they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings_changed: Vec<String>,
    /// How many of the files, those that were committed only, and the repository's own settings the step's `writes` does
    /// not allow.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outside: u64,
    /// The first [`MAX_FILES`] of those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside_files: Vec<String>,
    /// Somebody else could write to the folder meanwhile: whose change it is cannot be told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Why not all of it could be seen; empty where it could.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unseen: String,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl TreeCheck {
    /// Takes in that crew itself changed a file for the attempt.
    pub fn note_changed(&mut self, path: String) {
        if self.files.contains(&path) {
            return;
        }
        self.changed += 1;
        if self.files.len() < MAX_FILES {
            self.files.push(path);
        }
    }

    /// Tells whether anything is not as it was.
    pub fn is_changed(&self) -> bool {
        self.changed_work() || self.index_changed || !self.settings_changed.is_empty()
    }

    /// Tells whether something is there that counts as work: a file is not as it was, or a commit was made.
    pub fn changed_work(&self) -> bool {
        self.changed > 0 || self.refs_changed
    }

    /// Names what is not as it was: the first files, and what there is beside them.
    pub fn what_changed(&self) -> String {
        let mut what = Vec::new();
        if self.changed > 0 {
            what.push(named(&self.files, self.changed));
        }
        what.extend(self.refs_changed.then(|| "refs".to_owned()));
        what.extend(self.index_changed.then(|| "index".to_owned()));
        what.extend(self.settings_changed.iter().take(MAX_NAMED).cloned());
        what.join(", ")
    }

    /// Names the files that the step may not touch.
    pub fn what_is_outside(&self) -> String {
        named(&self.outside_files, self.outside)
    }

    /// Says which settings of the repository were changed; all hooks of one count as one.
    fn settings_words(&self) -> Vec<String> {
        let place = |name: &String| match name.split_once("/hooks/") {
            Some((repository, _)) => format!("{repository}/hooks changed"),
            None => format!("{name} changed"),
        };
        let mut places: Vec<String> = self.settings_changed.iter().map(place).collect();
        places.dedup();
        places.truncate(MAX_NAMED);
        places
    }

    /// Says in a few words how much was changed: `4 files, +212 -31`, without lines where none were counted; empty where
    /// nothing was.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        match self.changed {
            0 => {}
            1 => words.push("1 file".to_owned()),
            count => words.push(format!("{count} files")),
        }
        // Of files that crew itself put there, nobody has counted the lines.
        if self.insertions + self.deletions > 0 {
            words.push(format!("+{} -{}", self.insertions, self.deletions));
        }
        words.extend(self.refs_changed.then(|| "refs changed".to_owned()));
        words.extend(self.settings_words());
        if self.shared && self.is_changed() {
            words.push("not alone in the folder".into());
        }
        words.join(", ")
    }
}

/// Returns the first names of a list of which not all may be there: `a, b, c, d, e and 7 more`.
fn named(files: &[String], count: u64) -> String {
    let named: Vec<&str> = files.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = count - named.len() as u64;
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// What a step may change: globs over paths that begin at the top of the repository.
#[derive(Clone, Debug)]
pub struct Bounds(GlobSet);

impl Bounds {
    /// Reads globs. `*` stays within a folder, `**` does not; a folder with a slash at its end means all that is in it.
    pub fn read<S: AsRef<str>>(globs: &[S]) -> Result<Bounds, String> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(glob_of(glob.as_ref())?);
        }
        set.build().map(Bounds).map_err(|error| error.to_string())
    }

    /// Tells whether a path may be changed.
    pub fn allows(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

fn glob_of(written: &str) -> Result<globset::Glob, String> {
    let wrong = |why: &str| Err(format!("`{written}` is not a glob of this repository: {why}"));
    if written.is_empty() {
        return wrong("it is empty");
    }
    if written.starts_with('/') {
        return wrong("it begins with `/`; paths begin at the top of the repository");
    }
    if written.starts_with('!') {
        return wrong("`!` is not known here; name what may be changed");
    }
    if written.split('/').any(|part| matches!(part, "." | "..")) {
        return wrong("`.` and `..` are not known here; paths begin at the top of the repository");
    }
    let all_of = if written.ends_with('/') { format!("{written}**") } else { written.to_owned() };
    let glob = GlobBuilder::new(&all_of).literal_separator(true).build();
    glob.or_else(|error| wrong(&error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_begin_at_the_top_and_a_star_stays_in_its_folder() {
        let bounds = Bounds::read(&["src/**", "docs/", "*.md", "tests/{a,b}.rs"]).unwrap();
        for path in ["src/a.rs", "src/a/b.rs", "docs/x/y", "README.md", "tests/a.rs", "src/.hidden"] {
            assert!(bounds.allows(path), "{path}");
        }
        for path in ["a/src/b", "a/README.md", "tests/c.rs", "srcs/a", "docs"] {
            assert!(!bounds.allows(path), "{path}");
        }
        assert!(!Bounds::read::<&str>(&[]).unwrap().allows("a"));
    }

    #[test]
    fn a_glob_that_cannot_mean_a_path_of_the_repository_is_refused() {
        for (glob, why) in [
            ("/etc/*", "begins with `/`"),
            ("../x", "`..`"),
            ("!src", "`!`"),
            ("", "empty"),
            ("src/{a", "unclosed alternate group"),
            ("src/[a", "unclosed character class"),
        ] {
            let said = Bounds::read(&[glob]).unwrap_err();
            assert!(said.contains(why), "{glob}: {said}");
        }
    }

    #[test]
    fn at_most_five_files_are_named() {
        let files: Vec<String> = (0..7).map(|at| format!("f{at}")).collect();
        let check = TreeCheck { changed: 60, files, refs_changed: true, ..TreeCheck::default() };
        assert_eq!(check.what_changed(), "f0, f1, f2, f3, f4 and 55 more, refs");
        let settings = vec![".git/config".to_owned()];
        let check = TreeCheck { settings_changed: settings, index_changed: true, ..TreeCheck::default() };
        assert_eq!(check.what_changed(), "index, .git/config");
        assert_eq!(check.words(), ".git/config changed");
        assert!(check.is_changed() && !check.changed_work());
        let hooks = [".git/hooks/a", ".git/hooks/b", "lib/.git/config"].map(str::to_owned);
        let check = TreeCheck { changed: 1, settings_changed: hooks.to_vec(), ..TreeCheck::default() };
        assert_eq!(check.words(), "1 file, .git/hooks changed, lib/.git/config changed");
    }

    #[test]
    fn a_change_is_told_in_a_few_words() {
        let check = TreeCheck { changed: 4, insertions: 212, deletions: 31, ..TreeCheck::default() };
        assert_eq!(check.words(), "4 files, +212 -31");
        let check = TreeCheck { changed: 1, shared: true, ..TreeCheck::default() };
        assert_eq!(check.words(), "1 file, not alone in the folder");
    }
}
