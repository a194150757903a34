//! What a change as a whole leaves out: tests beside the source, a lock file beside its manifest, a name that is free.

use crate::domain::finding::Severity;
use crate::review::file::FileUnderReview;
use crate::review::language::Language;
use crate::review::paths::{self, Place};
use crate::review::remark::Remark;
use crate::workspace::diff::Change;
use regex::bytes::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A manifest and the lock files that tools write from it.
const PAIRS: [(&str, &[&str]); 13] = [
    ("Cargo.toml", &["Cargo.lock"]),
    (
        "package.json",
        &["package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb"],
    ),
    ("pyproject.toml", &["poetry.lock", "uv.lock", "pdm.lock"]),
    ("Pipfile", &["Pipfile.lock"]),
    ("Gemfile", &["Gemfile.lock"]),
    ("composer.json", &["composer.lock"]),
    ("go.mod", &["go.sum"]),
    ("mix.exs", &["mix.lock"]),
    ("flake.nix", &["flake.lock"]),
    ("pubspec.yaml", &["pubspec.lock"]),
    ("Podfile", &["Podfile.lock"]),
    ("deno.json", &["deno.lock"]),
    ("Package.swift", &["Package.resolved"]),
];

/// What is remembered of each changed file until all were seen.
#[derive(Debug, Default)]
pub struct ChangeSet {
    /// Changed source files of our own with the number of lines that were added, by path.
    sources: BTreeMap<String, usize>,
    tests_changed: bool,
    manifests: BTreeSet<String>,
    /// Manifests in which a dependency was changed.
    dependencies: BTreeSet<String>,
    locks: BTreeSet<String>,
    /// Paths that are new in this change.
    new_names: Vec<String>,
    /// Changed links with the path in the repository that each points to.
    links: Vec<(String, String)>,
}

impl ChangeSet {
    /// Remembers that a path was touched, also where its text is not examined.
    pub fn name(&mut self, path: &str, change: Change) {
        if paths::place(path) == Place::Vendored {
            return;
        }
        let name = paths::name(path);
        if paths::is_lock(path) {
            self.locks.insert(path.to_owned());
        }
        if PAIRS.iter().any(|(manifest, _)| *manifest == name) {
            self.manifests.insert(path.to_owned());
        }
        if matches!(change, Change::Added | Change::Renamed | Change::Copied) {
            self.new_names.push(path.to_owned());
        }
        self.tests_changed |= paths::is_test(path);
    }

    /// Remembers what a changed file's text says; `removed` lines were taken out at some place in it.
    pub fn text(&mut self, file: &FileUnderReview<'_>, gaps: &[u32]) {
        if file.place == Place::Vendored || file.binary {
            return;
        }
        if changes_dependency(file, gaps) {
            self.dependencies.insert(file.path().to_owned());
        }
        if file.language == Some(Language::Rust) {
            self.tests_changed |= file.rust_tests().iter().any(|(first, last)| file.touches(*first, *last));
        }
        let lines = file.changed_lines().filter(|line| has_code(file, *line)).count();
        if lines > 0 && wants_test(file) {
            self.sources.insert(file.path().to_owned(), lines);
        }
    }

    /// Remembers where a changed link points, unless that is where tools put what they build or fetch.
    pub fn link(&mut self, path: &str, target: &[u8]) {
        let Some(found) = std::str::from_utf8(target).ok().and_then(|target| pointed_to(path, target)) else {
            return;
        };
        if paths::place(&format!("{found}/x")) == Place::Own {
            self.links.push((path.to_owned(), found));
        }
    }

    /// Decides whether the names of all files are needed to finish.
    pub fn needs_names(&self) -> bool {
        !self.links.is_empty()
            || !self.new_names.is_empty()
            || self.dependencies.iter().any(|path| !self.lock_changed(path))
    }

    /// Returns the remarks on the change as a whole, with their category and path; `names` are all paths there are.
    pub fn remarks<'n>(
        &'n self,
        names: impl Iterator<Item = &'n str>,
    ) -> Vec<(&'static str, String, Remark)> {
        let mut remarks = Vec::new();
        remarks.extend(self.missing_test());
        remarks.extend(self.locks_alone());
        let wanted: BTreeSet<String> =
            self.dependencies.iter().flat_map(|path| possible_locks(path)).collect();
        let small: BTreeMap<String, &str> =
            self.new_names.iter().map(|path| (path.to_lowercase(), path.as_str())).collect();
        let mut locks = BTreeSet::new();
        let mut collisions = BTreeSet::new();
        let mut broken: Vec<&(String, String)> = self.links.iter().collect();
        for name in names.chain(self.new_names.iter().map(String::as_str)) {
            if wanted.contains(name) {
                locks.insert(name.to_owned());
            }
            broken.retain(|(_, target)| !may_lead_to(name, target));
            if let Some(new) = small.get(&name.to_lowercase()).filter(|new| **new != name) {
                collisions.insert((*new, name));
            }
        }
        remarks.extend(
            collisions.into_iter().map(|(new, name)| ("name-collision", new.to_owned(), collision(name))),
        );
        remarks.extend(self.manifests_alone(&locks));
        remarks.extend(
            broken.into_iter().map(|(path, target)| ("broken-link", path.clone(), broken_link(target))),
        );
        remarks
    }

    fn missing_test(&self) -> Option<(&'static str, String, Remark)> {
        if self.tests_changed {
            return None;
        }
        let (path, _) =
            self.sources.iter().max_by_key(|(path, lines)| (**lines, std::cmp::Reverse(path.as_str())))?;
        let more = self.sources.len() - 1;
        let others = match more {
            0 => String::new(),
            1 => " and 1 other source file".to_owned(),
            _ => format!(" and {more} other source files"),
        };
        let body = format!(
            "`{path}`{others} changed, and no test did. Add a test that fails without the change, or say why none is needed."
        );
        let remark =
            Remark::on_file("tests", Severity::Info, "Source changed without a test", body).sure(0.7);
        Some(("missing-test", path.clone(), remark))
    }

    fn lock_changed(&self, manifest: &str) -> bool {
        possible_locks(manifest).iter().any(|lock| self.locks.contains(lock))
    }

    fn locks_alone(&self) -> Vec<(&'static str, String, Remark)> {
        let alone = self.locks.iter().filter_map(|lock| {
            let (manifest, _) = PAIRS.iter().find(|(_, locks)| locks.contains(&paths::name(lock)))?;
            let folder = paths::folder(lock);
            // A workspace has one lock file for the manifests below it.
            let belongs = |path: &&String| paths::name(path) == *manifest && is_within(path, folder);
            if self.manifests.iter().any(|path| belongs(&path)) {
                return None;
            }
            let body = format!(
                "No `{manifest}` changed with it. That is right after an update of locked versions, and wrong after a merge \
                 or a change by hand."
            );
            let title = "Lock file changed without its manifest";
            let remark = Remark::on_file("lock", Severity::Info, title, body).sure(0.6);
            Some(("generated-merge", lock.clone(), remark))
        });
        alone.collect()
    }

    fn manifests_alone(&self, locks: &BTreeSet<String>) -> Vec<(&'static str, String, Remark)> {
        let alone = self.dependencies.iter().filter_map(|manifest| {
            let lock = possible_locks(manifest).into_iter().find(|lock| locks.contains(lock))?;
            if self.lock_changed(manifest) {
                return None;
            }
            let body = format!(
                "`{lock}` still says what was locked before, so builds that trust it fail or use other versions. Let the tool \
                 write it again."
            );
            let title = "Dependency changed without its lock file";
            let remark = Remark::on_file("manifest", Severity::Warning, title, body).sure(0.7);
            Some(("generated-merge", manifest.clone(), remark))
        });
        alone.collect()
    }
}

/// Returns the path in the repository that a link points to; nothing for the top itself, or where it leads out.
fn pointed_to(path: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = paths::folder(path).split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()?),
            "" | "." => {}
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

/// Decides whether a path that is there makes it possible that so is `target`: it is the same, lies in it, or is what
/// it lies behind, such as a link or a repository of its own.
fn may_lead_to(name: &str, target: &str) -> bool {
    let below =
        |folder: &str, path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    name == target || below(target, name) || below(name, target)
}

fn broken_link(target: &str) -> Remark {
    let shown: String = target.chars().take(200).collect();
    let body = format!(
        "There is no `{shown}` in the repository, so whoever opens the link finds nothing. Point it to what is there, or \
         take it out; where a build makes the file, ignore the link as well."
    );
    Remark::on_file(&shown, Severity::Warning, "Symbolic link to nothing", body).sure(0.8)
}

/// Says that a path and this other one are the same where names have no case.
pub fn collision(other: &str) -> Remark {
    let body = format!(
        "It differs from `{other}` in nothing but capital letters. On macOS and Windows both are one file, and a checkout \
         there shows changes that nobody made. Rename one."
    );
    Remark::on_file(other, Severity::Warning, "Names collide where case does not count", body)
}

fn is_within(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Returns where the lock file of a manifest may be: beside it, or in any folder above.
fn possible_locks(manifest: &str) -> Vec<String> {
    let Some((_, locks)) = PAIRS.iter().find(|(name, _)| *name == paths::name(manifest)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut folder = paths::folder(manifest);
    loop {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        found.extend(locks.iter().map(|lock| format!("{prefix}{lock}")));
        if folder.is_empty() {
            return found;
        }
        folder = paths::folder(folder);
    }
}

fn wants_test(file: &FileUnderReview<'_>) -> bool {
    let path = file.path();
    let apart = [
        "docs",
        "doc",
        "examples",
        "example",
        "scripts",
        "script",
        "migrations",
        "benches",
        "bench",
        "tools",
    ];
    let name = paths::name(path);
    file.language.is_some_and(|language| language.is_program() && language != Language::Shell)
        && file.is_own_text()
        && !paths::is_test(path)
        && !paths::is_under(path, &apart)
        && !name.contains(".config.")
        && !name.ends_with(".d.ts")
        && !matches!(
            name,
            "build.rs" | "setup.py" | "mix.exs" | "Gemfile" | "Podfile" | "Rakefile" | "build.gradle"
        )
}

fn has_code(file: &FileUnderReview<'_>, number: u32) -> bool {
    let (line, Some(start)) = (file.line(number), file.start(number)) else { return false };
    let Some(first) = line.iter().position(|byte| !byte.is_ascii_whitespace()) else { return false };
    file.kind_at(start + first) != Some(crate::review::scan::Kind::Comment)
}

static TOML_SECTION: LazyLock<Regex> = LazyLock::new(|| fixed(r"^\s*\[+\s*([^\]]*?)\s*\]+\s*(?:#.*)?$"));
static TOML_DEPENDENCIES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(
        r"(?:^|[.'])(?:dev-|build-)?dependencies(?:$|\.)|^(?:dev-)?packages$|^dependency-groups$|optional-dependencies$",
    )
});
static JSON_DEPENDENCIES: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"^\s*"(?:[a-z]*[dD]ependencies|require|require-dev|resolutions|overrides)"\s*:\s*\{"#)
});
static ENTRY: LazyLock<Regex> =
    LazyLock::new(|| fixed(r#"^\s*["']?[A-Za-z@][^\s=:]*["']?\s*[=:]|^\s*["'][^"']+["']\s*,?\s*$"#));
static GO_ENTRY: LazyLock<Regex> =
    LazyLock::new(|| fixed(r"^\s*(?:require\s+)?[a-z0-9.-]+\.[a-z]+/\S+\s+v[0-9]"));
static RUBY_ENTRY: LazyLock<Regex> = LazyLock::new(|| fixed(r#"^\s*(?:gem|pod)\s+["']"#));

fn fixed(pattern: &str) -> Regex {
    Regex::new(&format!("(?-u){pattern}")).expect("a fixed pattern")
}

/// Decides whether a line that names a dependency was added, or one was taken out where dependencies stand.
fn changes_dependency(file: &FileUnderReview<'_>, gaps: &[u32]) -> bool {
    let within: fn(&FileUnderReview<'_>) -> Vec<u32> = match paths::name(file.path()) {
        "Cargo.toml" | "pyproject.toml" | "Pipfile" => toml_dependencies,
        "package.json" | "composer.json" => json_dependencies,
        "go.mod" => |file| lines_like(file, &GO_ENTRY),
        "Gemfile" | "Podfile" => |file| lines_like(file, &RUBY_ENTRY),
        _ => return false,
    };
    let lines = within(file);
    let has = |line: u32| lines.binary_search(&line).is_ok();
    lines.iter().any(|line| file.touches(*line, *line)) || gaps.iter().any(|gap| has(*gap) || has(gap + 1))
}

fn lines_like(file: &FileUnderReview<'_>, entry: &Regex) -> Vec<u32> {
    (1..=file.line_count()).filter(|line| entry.is_match(file.line(*line))).collect()
}

fn toml_dependencies(file: &FileUnderReview<'_>) -> Vec<u32> {
    let (mut inside, mut in_project, mut in_list) = (false, false, false);
    let mut lines = Vec::new();
    for number in 1..=file.line_count() {
        let line = file.line(number);
        if let Some(section) = TOML_SECTION.captures(line).and_then(|found| found.get(1)).filter(|_| !in_list)
        {
            inside = TOML_DEPENDENCIES.is_match(section.as_bytes());
            in_project = section.as_bytes() == b"project";
            continue;
        }
        // `[project]` has its dependencies in a list.
        if in_project && line.trim_ascii().starts_with(b"dependencies") {
            in_list = !line.contains(&b']');
            lines.push(number);
        } else if in_list {
            lines.push(number);
            in_list = !line.trim_ascii().starts_with(b"]");
        } else if inside && ENTRY.is_match(line) {
            lines.push(number);
        }
    }
    lines
}

fn json_dependencies(file: &FileUnderReview<'_>) -> Vec<u32> {
    let mut inside = false;
    let mut lines = Vec::new();
    for number in 1..=file.line_count() {
        let line = file.line(number);
        if inside {
            inside = !line.contains(&b'}');
            if inside && ENTRY.is_match(line) {
                lines.push(number);
            }
        } else if JSON_DEPENDENCIES.is_match(line) {
            inside = !line.contains(&b'}');
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::file::tests::whole;
    use crate::review::file::{Changed, Origin};

    /// A change of whole files, with the lines that changed in each.
    fn set(files: &[(&str, &str, (u32, u32))]) -> ChangeSet {
        let mut set = ChangeSet::default();
        for (path, text, lines) in files {
            let origin = Origin {
                changed: Changed::Lines(vec![*lines]),
                change: Some(Change::Modified),
                ..whole(path, text.as_bytes())
            };
            set.name(path, Change::Modified);
            set.text(&FileUnderReview::new(&origin, text.as_bytes()), &[]);
        }
        set
    }

    fn said(set: &ChangeSet, names: &[&str]) -> Vec<(&'static str, String)> {
        set.remarks(names.iter().copied()).into_iter().map(|(category, path, _)| (category, path)).collect()
    }

    const CODE: &str = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";

    #[test]
    fn source_without_a_test_is_one_remark() {
        let without = set(&[("src/a.rs", CODE, (1, 1)), ("src/b.rs", CODE, (1, 2))]);
        assert_eq!(said(&without, &[]), [("missing-test", "src/a.rs".to_owned())]);
        assert_eq!(said(&set(&[("src/a.rs", CODE, (1, 1)), ("tests/b.rs", CODE, (1, 1))]), &[]), []);
        assert_eq!(said(&set(&[("src/a.rs", CODE, (1, 1)), ("src/b.rs", CODE, (5, 5))]), &[]), []);
    }

    #[test]
    fn comments_docs_and_styles_want_no_test() {
        assert_eq!(said(&set(&[("src/a.rs", "// why\n", (1, 1)), ("a.css", "a {}\n", (1, 1))]), &[]), []);
        assert_eq!(said(&set(&[("docs/a.py", "x = 1\n", (1, 1)), ("README.md", "x\n", (1, 1))]), &[]), []);
    }

    #[test]
    fn a_dependency_wants_its_lock_file_changed_where_there_is_one() {
        let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nserde = \"1\"\n\n[lints]\nx = 1\n";
        let changed = set(&[("crates/a/Cargo.toml", manifest, (5, 5))]);
        assert!(changed.needs_names());
        let expected = [("generated-merge", "crates/a/Cargo.toml".to_owned())];
        assert_eq!(said(&changed, &["Cargo.lock", "Cargo.toml"]), expected);
        assert_eq!(said(&changed, &["Cargo.toml"]), []);
        assert_eq!(said(&set(&[("Cargo.toml", manifest, (8, 8))]), &["Cargo.lock"]), []);
        let both = set(&[("Cargo.toml", manifest, (5, 5)), ("Cargo.lock", "", (1, 1))]);
        assert_eq!(said(&both, &["Cargo.lock"]), []);
    }

    #[test]
    fn dependencies_are_known_in_other_manifests() {
        let json = "{\n  \"name\": \"a\",\n  \"devDependencies\": {\n    \"b\": \"1\"\n  },\n  \"x\": 1\n}\n";
        let one = |path, text, line| set(&[(path, text, (line, line))]).dependencies.len();
        assert_eq!([one("package.json", json, 4), one("package.json", json, 6)], [1, 0]);
        let python = "[project]\nname = \"a\"\ndependencies = [\n  \"b>=1\",\n]\nx = 1\n";
        assert_eq!([one("pyproject.toml", python, 4), one("pyproject.toml", python, 6)], [1, 0]);
        assert_eq!(
            [one("go.mod", "module a\nrequire github.com/a/b v1.0.0\n", 2), one("go.mod", "module a\n", 1)],
            [1, 0]
        );
        assert_eq!([one("Gemfile", "gem 'a'\nx\n", 1), one("Gemfile", "gem 'a'\nx\n", 2)], [1, 0]);
    }

    #[test]
    fn a_link_wants_something_to_lead_to() {
        let linked = |target: &str, names: &[&str]| {
            let mut set = ChangeSet::default();
            set.link("docs/guide/link", target.as_bytes());
            said(&set, names).len()
        };
        let names = ["README.md", "src/a/b.rs", "linked"];
        for there in [
            "../../README.md",
            "../../src",
            "../../src/a/b.rs",
            "../..",
            "../../linked/x",
            "../../node_modules/x",
        ] {
            assert_eq!(linked(there, &names), 0, "{there}");
        }
        for gone in ["README.md", "../../src/b", "../../REA", "./x"] {
            assert_eq!(linked(gone, &names), 1, "{gone}");
        }
    }

    #[test]
    fn a_lock_file_alone_is_mentioned_and_a_name_that_is_taken_too() {
        let mut set = set(&[("yarn.lock", "x\n", (1, 1))]);
        assert_eq!(said(&set, &[]), [("generated-merge", "yarn.lock".to_owned())]);
        set.name("packages/a/package.json", Change::Added);
        assert_eq!(
            said(&set, &["Packages/a/package.json"]),
            [("name-collision", "packages/a/package.json".to_owned())]
        );
    }
}
