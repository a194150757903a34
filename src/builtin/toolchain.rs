//! Which commands build and test a repository, told by its manifests alone.
//!
//! What a language's own manifest says comes first; a Makefile or justfile is asked only where no manifest names a test.
//! Folders below the root are looked at only where the root names no test, and the outermost folder speaks for those
//! inside it. No prose is read: a command in a README may be anything.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Build,
    Test,
}

/// A command that the repository's own files name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCommand {
    pub purpose: Purpose,
    /// As typed in a shell.
    pub command: String,
    /// What to look for on PATH, or in `dir` where it holds a `/`.
    pub program: String,
    /// The file that says so, relative to the repository.
    pub why: String,
    /// Folder to run it in, relative to the repository; empty for the root.
    pub dir: String,
    /// What has to be installed in the repository first.
    pub needs: Option<Needs>,
}

/// Dependencies that a command can't run without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Paths relative to the repository; one of them existing is enough.
    pub any_of: Vec<String>,
    /// The command that installs them. It is named to people, never run.
    pub install: String,
}

/// The most commands that are found in one repository.
pub const MAX_COMMANDS: usize = 12;
/// How many folders below the root a manifest may lie.
const MAX_DEPTH: usize = 3;
/// How many folders are looked into, so that ten thousand manifests cost no more than a few.
const MAX_FOLDERS: usize = 400;

/// Folders whose manifests say nothing about how this repository is tested.
const NOT_ITS_OWN: &[&str] = &[
    "node_modules",
    "vendor",
    "third_party",
    "thirdparty",
    "target",
    "build",
    "dist",
    "out",
    "test",
    "tests",
    "testdata",
    "fixtures",
    "fixture",
    "examples",
    "example",
    "samples",
    "templates",
    "template",
    "benchmarks",
    "deps",
    "Pods",
    "venv",
];

/// Returns the build and test commands of a repository, in the order in which they are worth running.
///
/// `files` are paths relative to the root, with `/`. `read` returns a file's text, also of one that is not listed
/// because git ignores it.
pub fn find_commands(files: &[String], read: &dyn Fn(&str) -> Option<String>) -> Vec<FoundCommand> {
    let mut sorted: Vec<&str> = files.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let folders = folders_of(&sorted);
    let look_into = |dir: &str| {
        let names = folders.get(&(depth_of(dir), dir))?;
        Some(commands_of(&Folder { dir, names, below: below(&sorted, dir), read }))
    };

    let mut found = look_into("").unwrap_or_default();
    if !found.iter().any(is_test) {
        let mut tested: HashSet<&str> = HashSet::new();
        for (_, dir) in folders.keys().filter(|(depth, _)| *depth > 0).take(MAX_FOLDERS) {
            if found.len() >= MAX_COMMANDS {
                break;
            }
            if ancestors(dir).any(|above| tested.contains(above)) {
                continue;
            }
            let more = look_into(dir).unwrap_or_default();
            if more.iter().any(is_test) {
                tested.insert(dir);
            }
            found.extend(more);
        }
    }
    found.truncate(MAX_COMMANDS);
    found
}

fn is_test(found: &FoundCommand) -> bool {
    found.purpose == Purpose::Test
}

/// The folders that may hold manifests, outermost first, with the names of the files right in them.
type Folders<'a> = BTreeMap<(usize, &'a str), BTreeSet<&'a str>>;

fn folders_of<'a>(sorted: &[&'a str]) -> Folders<'a> {
    let mut folders = Folders::from([((0, ""), BTreeSet::new())]);
    for file in sorted {
        let (dir, name) = file.rsplit_once('/').unwrap_or(("", file));
        let depth = depth_of(dir);
        let its_own = dir.split('/').all(|part| !part.starts_with('.') && !NOT_ITS_OWN.contains(&part));
        if depth <= MAX_DEPTH && its_own && (depth == 0 || is_manifest(name) || COMPANIONS.contains(&name)) {
            folders.entry((depth, dir)).or_default().insert(name);
        }
    }
    folders
}

fn depth_of(dir: &str) -> usize {
    if dir.is_empty() { 0 } else { dir.split('/').count() }
}

fn ancestors(dir: &str) -> impl Iterator<Item = &str> {
    dir.match_indices('/').map(|(at, _)| &dir[..at])
}

/// Returns the part of a sorted listing that lies in `dir`, however deep.
fn below<'a, 'b>(sorted: &'b [&'a str], dir: &str) -> &'b [&'a str] {
    if dir.is_empty() {
        return sorted;
    }
    let prefix = format!("{dir}/");
    let start = sorted.partition_point(|file| *file < prefix.as_str());
    let count = sorted[start..].partition_point(|file| file.starts_with(&prefix));
    &sorted[start..start + count]
}

/// Decides whether a file, by its name, describes a package or how it is built.
pub(super) fn is_manifest(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "Cargo.toml",
        "package.json",
        "go.mod",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "tox.ini",
        "pytest.ini",
        "requirements.txt",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "mix.exs",
        "Gemfile",
        "composer.json",
        "CMakeLists.txt",
        "deno.json",
        "deno.jsonc",
        "Package.swift",
        "build.zig",
        "stack.yaml",
        "cabal.project",
        "dune-project",
        "pubspec.yaml",
    ];
    NAMES.contains(&name)
        || MAKEFILES.contains(&name)
        || JUSTFILES.contains(&name)
        || PROJECT_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Files that tell how the manifest beside them is used.
const COMPANIONS: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "bun.lock",
    "bun.lockb",
    "mvnw",
    "gradlew",
    "mix.lock",
    "package.yaml",
    "conftest.py",
];
const MAKEFILES: &[&str] = &["GNUmakefile", "makefile", "Makefile"];
const JUSTFILES: &[&str] = &["justfile", "Justfile", ".justfile"];
const PROJECT_ENDINGS: &[&str] = &[".sln", ".slnx", ".csproj", ".fsproj", ".cabal"];

/// One folder that may hold manifests.
struct Folder<'a> {
    dir: &'a str,
    /// Files right in it.
    names: &'a BTreeSet<&'a str>,
    /// Paths of everything in it, however deep, relative to the repository and sorted.
    below: &'a [&'a str],
    read: &'a dyn Fn(&str) -> Option<String>,
}

impl Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn first_of<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    fn ending_in(&self, endings: &[&str]) -> Vec<&str> {
        self.names
            .iter()
            .copied()
            .filter(|name| endings.iter().any(|ending| name.ends_with(ending)))
            .collect()
    }

    fn path(&self, name: &str) -> String {
        if self.dir.is_empty() { name.to_owned() } else { format!("{}/{name}", self.dir) }
    }

    fn read(&self, name: &str) -> Option<String> {
        (self.read)(&self.path(name))
    }

    fn text(&self, name: &str) -> String {
        if self.has(name) { self.read(name).unwrap_or_default() } else { String::new() }
    }

    /// Returns the paths below this folder, relative to it.
    fn files_below(&self) -> impl Iterator<Item = &str> {
        let skip = if self.dir.is_empty() { 0 } else { self.dir.len() + 1 };
        self.below.iter().map(move |file| &file[skip..])
    }

    /// Says whether one of the files chosen by name holds one of `needles`. Looks into a few dozen at most.
    fn any_file_says(&self, is_chosen: impl Fn(&str) -> bool, needles: &[&str]) -> bool {
        let mut chosen = self.files_below().filter(|file| is_chosen(file)).take(40);
        chosen.any(|file| {
            self.read(file).is_some_and(|text| needles.iter().any(|needle| text.contains(needle)))
        })
    }

    fn found(&self, purpose: Purpose, why: &str, command: impl Into<String>) -> FoundCommand {
        let command = command.into();
        let program = command.split(' ').next().unwrap_or_default().to_owned();
        FoundCommand { purpose, command, program, why: self.path(why), dir: self.dir.to_owned(), needs: None }
    }

    fn build(&self, why: &str, command: impl Into<String>) -> FoundCommand {
        self.found(Purpose::Build, why, command)
    }

    fn test(&self, why: &str, command: impl Into<String>) -> FoundCommand {
        self.found(Purpose::Test, why, command)
    }
}

fn commands_of(folder: &Folder) -> Vec<FoundCommand> {
    const BY_LANGUAGE: &[fn(&Folder) -> Vec<FoundCommand>] = &[
        cargo, node, deno, go, python, maven, gradle, dotnet, mix, rspec, composer, cmake, swift, zig,
        haskell, dune, dart,
    ];
    let mut found: Vec<_> = BY_LANGUAGE.iter().flat_map(|commands| commands(folder)).collect();
    if !found.iter().any(is_test) {
        let recipes = [make(folder), just(folder)].concat();
        if recipes.iter().any(is_test) || found.is_empty() {
            found.extend(recipes);
        }
    }
    found
}

fn cargo(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("Cargo.toml") {
        return Vec::new();
    }
    let manifest: toml::Table = folder.text("Cargo.toml").parse().unwrap_or_default();
    // In a folder that is both, cargo leaves the other members out unless told.
    let both = manifest.contains_key("workspace") && manifest.contains_key("package");
    let scope = if both { " --workspace" } else { "" };
    vec![
        folder.build("Cargo.toml", format!("cargo build{scope}")),
        folder.test("Cargo.toml", format!("cargo test{scope}")),
    ]
}

fn node(folder: &Folder) -> Vec<FoundCommand> {
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(&folder.text("package.json")) else {
        return Vec::new();
    };
    let runner = node_runner(folder, &manifest);
    let script = |name: &str| manifest["scripts"][name].as_str().filter(|script| !script.trim().is_empty());
    let mut found = Vec::new();
    if script("build").is_some() {
        found.push(folder.build("package.json", format!("{runner} run build")));
    }
    // The text that `npm init` writes fails on purpose.
    if let Some(test) = script("test").filter(|test| !test.contains("no test specified")) {
        let run = if runner == "bun" { "run test" } else { "test" };
        let mut found_test = folder.test("package.json", format!("{runner} {run}"));
        if test.contains("react-scripts test") {
            // It waits for changed files for ever unless it believes to be in CI.
            found_test.command = format!("CI=true {}", found_test.command);
        }
        found.push(found_test);
    }
    let depends = ["dependencies", "devDependencies"];
    if depends.iter().any(|kind| manifest[*kind].as_object().is_some_and(|packages| !packages.is_empty())) {
        for command in &mut found {
            command.needs = Some(node_modules(folder, runner));
        }
    }
    found
}

fn node_runner(folder: &Folder, manifest: &serde_json::Value) -> &'static str {
    let locks =
        [("pnpm-lock.yaml", "pnpm"), ("yarn.lock", "yarn"), ("bun.lock", "bun"), ("bun.lockb", "bun")];
    if let Some((_, runner)) = locks.iter().find(|(lock, _)| folder.has(lock)) {
        return runner;
    }
    let named = manifest["packageManager"].as_str().unwrap_or_default();
    let known = ["pnpm", "yarn", "bun"];
    known.into_iter().find(|runner| named.split('@').next() == Some(runner)).unwrap_or("npm")
}

fn node_modules(folder: &Folder, runner: &str) -> Needs {
    // Node looks in every folder above as well; Yarn may do without the folder altogether.
    let places = [""].into_iter().chain(ancestors(folder.dir)).chain([folder.dir]);
    let places: BTreeSet<String> =
        places.map(|dir| if dir.is_empty() { String::new() } else { format!("{dir}/") }).collect();
    let any_of =
        places.iter().flat_map(|dir| [format!("{dir}node_modules"), format!("{dir}.pnp.cjs")]).collect();
    let locked = folder.has("package-lock.json") || folder.has("npm-shrinkwrap.json");
    let install = match runner {
        "npm" if locked => "npm ci".to_owned(),
        _ => format!("{runner} install"),
    };
    Needs { any_of, install }
}

fn deno(folder: &Folder) -> Vec<FoundCommand> {
    let Some(name) = folder.first_of(&["deno.json", "deno.jsonc"]) else {
        return Vec::new();
    };
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(&without_comments(&folder.text(name)))
    else {
        return Vec::new();
    };
    let has_task = |task: &str| !manifest["tasks"][task].is_null();
    let build = has_task("build").then(|| folder.build(name, "deno task build"));
    let test = has_task("test").then(|| folder.test(name, "deno task test"));
    build.into_iter().chain(test).collect()
}

/// Returns JSON without the comments that some programs allow in it.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = rest.next() {
        match (character, rest.peek()) {
            ('\\', Some(_)) if in_string => plain.extend([character].into_iter().chain(rest.next())),
            ('"', _) => {
                in_string = !in_string;
                plain.push(character);
            }
            ('/', Some('/')) if !in_string => while rest.next_if(|c| *c != '\n').is_some() {},
            ('/', Some('*')) if !in_string => {
                rest.next();
                let mut before = ' ';
                for inside in rest.by_ref() {
                    if (before, inside) == ('*', '/') {
                        break;
                    }
                    before = inside;
                }
            }
            _ => plain.push(character),
        }
    }
    plain
}

fn go(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("go.mod") {
        return Vec::new();
    }
    vec![folder.build("go.mod", "go build ./..."), folder.test("go.mod", "go test ./...")]
}

fn python(folder: &Folder) -> Vec<FoundCommand> {
    const MANIFESTS: &[&str] = &[
        "pytest.ini",
        "pyproject.toml",
        "tox.ini",
        "setup.cfg",
        "setup.py",
        "conftest.py",
        "requirements.txt",
    ];
    let manifest = folder.first_of(MANIFESTS);
    let is_test_file = |file: &str| {
        let name = file.rsplit('/').next().unwrap_or(file);
        name.ends_with(".py") && (name.starts_with("test_") || name.ends_with("_test.py"))
    };
    let in_usual_place = |file: &&str| {
        let place = file.rsplit_once('/').map_or("", |(dir, _)| dir);
        is_test_file(file) && matches!(place, "" | "test" | "tests")
    };
    let first_test = match manifest {
        Some(_) => folder.files_below().find(|file| is_test_file(file)),
        None if folder.dir.is_empty() => folder.files_below().find(in_usual_place),
        None => None,
    };
    let Some(first_test) = first_test else {
        return Vec::new();
    };
    let why = manifest.unwrap_or(first_test);
    let pytest = configures_pytest(folder)
        || folder.any_file_says(
            is_test_file,
            &["import pytest", "from pytest", "\ndef test_", "\nasync def test_"],
        );
    if pytest {
        return vec![folder.test(why, "python3 -m pytest -q")];
    }
    // unittest looks only into packages, so a folder of tests that is none has to be named.
    let start = ["tests", "test"].into_iter().find(|dir| {
        let has_tests =
            folder.files_below().any(|file| file.starts_with(&format!("{dir}/")) && is_test_file(file));
        has_tests && !folder.files_below().any(|file| file == format!("{dir}/__init__.py"))
    });
    let start = start.map(|dir| format!(" -s {dir}")).unwrap_or_default();
    vec![folder.test(why, format!("python3 -m unittest discover{start}"))]
}

fn configures_pytest(folder: &Folder) -> bool {
    folder.has("pytest.ini")
        || folder.has("conftest.py")
        || folder.text("pyproject.toml").contains("pytest")
        || folder.text("tox.ini").contains("pytest")
        || folder.text("setup.cfg").contains("[tool:pytest]")
        || folder.text("requirements.txt").contains("pytest")
}

fn maven(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("pom.xml") {
        return Vec::new();
    }
    let program = if folder.has("mvnw") { "./mvnw" } else { "mvn" };
    vec![
        folder.build("pom.xml", format!("{program} -q -DskipTests package")),
        folder.test("pom.xml", format!("{program} -q test")),
    ]
}

fn gradle(folder: &Folder) -> Vec<FoundCommand> {
    let Some(name) = folder.first_of(&["build.gradle", "build.gradle.kts"]) else {
        return Vec::new();
    };
    let program = if folder.has("gradlew") { "./gradlew" } else { "gradle" };
    vec![folder.build(name, format!("{program} assemble")), folder.test(name, format!("{program} test"))]
}

fn dotnet(folder: &Folder) -> Vec<FoundCommand> {
    let solutions = folder.ending_in(&[".sln", ".slnx"]);
    let projects = folder.ending_in(&[".csproj", ".fsproj"]);
    let Some(first) = solutions.first().or(projects.first()) else {
        return Vec::new();
    };
    // Given several in one folder, dotnet refuses to choose.
    let which =
        if solutions.len() + projects.len() > 1 { format!(" {}", quoted(first)) } else { String::new() };
    let mut found = vec![folder.build(first, format!("dotnet build{which}"))];
    let is_project = |file: &str| file.ends_with(".csproj") || file.ends_with(".fsproj");
    // Without a test project `dotnet test` succeeds and has tested nothing.
    if folder.any_file_says(is_project, &["Microsoft.NET.Test.Sdk", "MSTest.Sdk", "IsTestProject"]) {
        found.push(folder.test(first, format!("dotnet test{which}")));
    }
    found
}

/// Returns a file name as one word of a shell command.
fn quoted(name: &str) -> String {
    // The folder in front keeps a leading `-` from being read as an option.
    format!("'./{}'", name.replace('\'', "'\\''"))
}

fn mix(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("mix.exs") {
        return Vec::new();
    }
    let mut found = vec![folder.build("mix.exs", "mix compile"), folder.test("mix.exs", "mix test")];
    if folder.has("mix.lock") {
        for command in &mut found {
            command.needs =
                Some(Needs { any_of: vec![folder.path("deps")], install: "mix deps.get".to_owned() });
        }
    }
    found
}

fn rspec(folder: &Folder) -> Vec<FoundCommand> {
    let has_specs = folder.files_below().any(|file| file.starts_with("spec/") && file.ends_with("_spec.rb"));
    if folder.has("Gemfile") && has_specs {
        vec![folder.test("Gemfile", "bundle exec rspec")]
    } else {
        Vec::new()
    }
}

fn composer(folder: &Folder) -> Vec<FoundCommand> {
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(&folder.text("composer.json")) else {
        return Vec::new();
    };
    // A script may be a string or a list of them.
    if manifest["scripts"]["test"].is_null() {
        return Vec::new();
    }
    let mut test = folder.test("composer.json", "composer test");
    let needs =
        Needs { any_of: vec![folder.path("vendor/autoload.php")], install: "composer install".to_owned() };
    let depends = ["require", "require-dev"].iter().any(|kind| !manifest[*kind].is_null());
    test.needs = depends.then_some(needs);
    vec![test]
}

fn cmake(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("CMakeLists.txt") {
        return Vec::new();
    }
    let mut found = vec![folder.build("CMakeLists.txt", "cmake -S . -B build && cmake --build build")];
    let lists = folder.text("CMakeLists.txt").to_ascii_lowercase();
    let has_tests = lists.contains("enable_testing") || lists.contains("include(ctest)");
    if has_tests && folder.read("build/CMakeCache.txt").is_some() {
        // Built first: the tests of yesterday's build say nothing about today's code.
        let command = "cmake --build build && ctest --test-dir build --output-on-failure";
        found.push(FoundCommand { program: "ctest".to_owned(), ..folder.test("CMakeLists.txt", command) });
    }
    found
}

fn swift(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("Package.swift") {
        return Vec::new();
    }
    let mut found = vec![folder.build("Package.swift", "swift build")];
    if folder.files_below().any(|file| file.starts_with("Tests/")) {
        found.push(folder.test("Package.swift", "swift test"));
    }
    found
}

fn zig(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("build.zig") {
        return Vec::new();
    }
    let mut found = vec![folder.build("build.zig", "zig build")];
    if folder.text("build.zig").contains("step(\"test\"") {
        found.push(folder.test("build.zig", "zig build test"));
    }
    found
}

fn haskell(folder: &Folder) -> Vec<FoundCommand> {
    let cabal =
        folder.first_of(&["cabal.project"]).or_else(|| folder.ending_in(&[".cabal"]).first().copied());
    let (why, build, test) = match (folder.has("stack.yaml"), cabal) {
        (true, _) => ("stack.yaml", "stack build", "stack test"),
        (false, Some(name)) => (name, "cabal build all", "cabal test all"),
        (false, None) => return Vec::new(),
    };
    let mut found = vec![folder.build(why, build)];
    let describes_package = |file: &str| file.ends_with(".cabal") || file.ends_with("package.yaml");
    if folder.any_file_says(describes_package, &["test-suite ", "\ntests:"]) {
        found.push(folder.test(why, test));
    }
    found
}

fn dune(folder: &Folder) -> Vec<FoundCommand> {
    if !folder.has("dune-project") {
        return Vec::new();
    }
    vec![folder.build("dune-project", "dune build"), folder.test("dune-project", "dune runtest")]
}

fn dart(folder: &Folder) -> Vec<FoundCommand> {
    let has_tests =
        folder.files_below().any(|file| file.starts_with("test/") && file.ends_with("_test.dart"));
    if !folder.has("pubspec.yaml") || !has_tests {
        return Vec::new();
    }
    let program = if folder.text("pubspec.yaml").contains("sdk: flutter") { "flutter" } else { "dart" };
    vec![folder.test("pubspec.yaml", format!("{program} test"))]
}

fn make(folder: &Folder) -> Vec<FoundCommand> {
    let Some(name) = folder.first_of(MAKEFILES) else {
        return Vec::new();
    };
    let text = folder.text(name);
    let targets: HashSet<&str> =
        text.lines().filter_map(make_targets).flat_map(str::split_whitespace).collect();
    let build = ["all", "build"].into_iter().find(|target| targets.contains(target));
    let test = ["test", "check"].into_iter().find(|target| targets.contains(target));
    let build = build.map(|target| folder.build(name, format!("make {target}")));
    let test = test.map(|target| folder.test(name, format!("make {target}")));
    build.into_iter().chain(test).collect()
}

/// Returns what stands before the colon of a rule, or `None` for a recipe, a comment or an assignment.
fn make_targets(line: &str) -> Option<&str> {
    let (targets, rest) = line.split_once(':')?;
    let is_assignment = rest.starts_with('=') || rest.starts_with(":=") || targets.contains('=');
    let is_rule = !line.starts_with(['\t', ' ', '#']) && !is_assignment;
    is_rule.then_some(targets)
}

fn just(folder: &Folder) -> Vec<FoundCommand> {
    let Some(name) = folder.first_of(JUSTFILES) else {
        return Vec::new();
    };
    let text = folder.text(name);
    let recipes: HashSet<&str> = text.lines().filter_map(just_recipe).collect();
    let build = recipes.contains("build").then(|| folder.build(name, "just build"));
    let test = recipes.contains("test").then(|| folder.test(name, "just test"));
    build.into_iter().chain(test).collect()
}

/// Returns the name of a recipe that runs without arguments.
fn just_recipe(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(':')?;
    if rest.starts_with('=') || line.starts_with([' ', '\t', '#', '[']) {
        return None;
    }
    let mut words = head.split_whitespace();
    let name = words.next()?.trim_start_matches('@');
    words.all(|parameter| parameter.contains('=') || parameter.starts_with('*')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the commands of a repository given as paths and contents, as "dir: command" lines.
    fn found(files: &[(&str, &str)]) -> Vec<FoundCommand> {
        // What starts with `!` is on disk but ignored by git.
        let listed: Vec<_> =
            files.iter().map(|(path, _)| *path).filter(|path| !path.starts_with('!')).collect();
        let listed: Vec<String> = listed.into_iter().map(str::to_owned).collect();
        let read = |path: &str| {
            let found = files.iter().find(|(name, _)| name.trim_start_matches('!') == path);
            found.map(|(_, text)| text.to_string())
        };
        find_commands(&listed, &read)
    }

    fn tests_of(files: &[(&str, &str)]) -> Vec<String> {
        let tests = found(files).into_iter().filter(is_test);
        tests
            .map(
                |test| {
                    if test.dir.is_empty() { test.command } else { format!("{}: {}", test.dir, test.command) }
                },
            )
            .collect()
    }

    #[test]
    fn each_toolchain_is_known_by_its_manifest() {
        const NPM: &str = r#"{"scripts":{"test":"jest"}}"#;
        type Repository<'a> = &'a [(&'a str, &'a str)];
        let table: &[(Repository, &[&str])] = &[
            (&[("Cargo.toml", "[package]\nname='a'")], &["cargo test"]),
            (&[("Cargo.toml", "[workspace]\nmembers=['a']"), ("a/Cargo.toml", "[package]")], &["cargo test"]),
            (&[("Cargo.toml", "[workspace]\n[package]\nname='a'")], &["cargo test --workspace"]),
            (&[("Cargo.toml", "not [ toml")], &["cargo test"]),
            (&[("package.json", NPM)], &["npm test"]),
            (&[("package.json", NPM), ("pnpm-lock.yaml", "")], &["pnpm test"]),
            (&[("package.json", NPM), ("yarn.lock", "")], &["yarn test"]),
            (&[("package.json", NPM), ("bun.lockb", "")], &["bun run test"]),
            (
                &[("package.json", r#"{"packageManager":"pnpm@9.1.0","scripts":{"test":"x"}}"#)],
                &["pnpm test"],
            ),
            (&[("package.json", r#"{"scripts":{"test":"react-scripts test"}}"#)], &["CI=true npm test"]),
            (
                &[("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#)],
                &[],
            ),
            (&[("package.json", "[not json")], &[]),
            (&[("go.mod", "module a")], &["go test ./..."]),
            (&[("pytest.ini", ""), ("tests/test_a.py", "")], &["python3 -m pytest -q"]),
            (
                &[("pyproject.toml", "[tool.pytest.ini_options]"), ("tests/test_a.py", "")],
                &["python3 -m pytest -q"],
            ),
            (
                &[("pyproject.toml", ""), ("a_test.py", "import os\ndef test_a(): pass")],
                &["python3 -m pytest -q"],
            ),
            (&[("pyproject.toml", "pytest"), ("a.py", "")], &[]),
            (&[("test_a.py", "import unittest")], &["python3 -m unittest discover"]),
            (&[("tests/test_a.py", "import unittest")], &["python3 -m unittest discover -s tests"]),
            (&[("tests/test_a.py", ""), ("tests/__init__.py", "")], &["python3 -m unittest discover"]),
            (&[("pom.xml", "")], &["mvn -q test"]),
            (&[("pom.xml", ""), ("mvnw", "")], &["./mvnw -q test"]),
            (&[("build.gradle.kts", ""), ("gradlew", "")], &["./gradlew test"]),
            (&[("build.gradle", "")], &["gradle test"]),
            (&[("a.sln", ""), ("t/t.csproj", "Microsoft.NET.Test.Sdk")], &["dotnet test"]),
            (&[("a.sln", ""), ("a/a.csproj", "")], &[]),
            (
                &[("a'b.sln", ""), ("c.sln", ""), ("t/t.csproj", "MSTest.Sdk")],
                &["dotnet test './a'\\''b.sln'"],
            ),
            (&[("mix.exs", "")], &["mix test"]),
            (&[("Gemfile", ""), ("spec/a_spec.rb", "")], &["bundle exec rspec"]),
            (&[("Gemfile", "")], &[]),
            (&[("composer.json", r#"{"scripts":{"test":["phpunit"]}}"#)], &["composer test"]),
            (&[("composer.json", r#"{"scripts":{}}"#)], &[]),
            (&[("CMakeLists.txt", "Enable_Testing()")], &[]),
            (
                &[("CMakeLists.txt", "Enable_Testing()"), ("!build/CMakeCache.txt", "")],
                &["cmake --build build && ctest --test-dir build --output-on-failure"],
            ),
            (
                &[("deno.jsonc", "{ // all\n \"tasks\": {\"test\": /* // */ \"deno test // \\\" x\"} }")],
                &["deno task test"],
            ),
            (&[("deno.json", "{}")], &[]),
            (&[("Package.swift", ""), ("Tests/A/A.swift", "")], &["swift test"]),
            (&[("build.zig", "b.step(\"test\", \"run\")")], &["zig build test"]),
            (&[("stack.yaml", ""), ("a.cabal", "test-suite a")], &["stack test"]),
            (&[("a.cabal", "test-suite a")], &["cabal test all"]),
            (&[("a.cabal", "library")], &[]),
            (&[("dune-project", "")], &["dune runtest"]),
            (&[("pubspec.yaml", ""), ("test/a_test.dart", "")], &["dart test"]),
            (&[("pubspec.yaml", "sdk: flutter"), ("test/a_test.dart", "")], &["flutter test"]),
            (&[("Makefile", ".PHONY: test\nall test: a\n\tcc")], &["make test"]),
            (&[("Makefile", "check::\n\ttrue")], &["make check"]),
            (&[("Makefile", "test := 1\nCHECK=a:b\n\ttest: x\n# test: y")], &[]),
            (&[("justfile", "test *args='x':\n  true")], &["just test"]),
            (&[("justfile", "test name:\n  true\ntest := 'x'")], &[]),
            (&[("README.md", "```\nmake test\n```")], &[]),
            (&[], &[]),
        ];
        for (files, expected) in table {
            assert_eq!(&tests_of(files), expected, "{files:?}");
        }
    }

    #[test]
    fn a_makefile_is_asked_only_where_no_manifest_names_a_test() {
        let makefile = ("Makefile", "build:\ntest:\n");
        assert_eq!(tests_of(&[makefile, ("go.mod", "")]), ["go test ./..."]);
        assert_eq!(tests_of(&[makefile, ("package.json", "{}")]), ["make test"]);
        assert_eq!(tests_of(&[makefile, ("web/go.mod", "")]), ["make test"]);
    }

    #[test]
    fn inner_folders_count_where_the_root_names_no_test() {
        let files = [
            ("package.json", "{}"),
            ("b/go.mod", ""),
            ("a/Cargo.toml", "[workspace]"),
            ("a/x/Cargo.toml", "[package]"),
            ("one/two/three/go.mod", ""),
            ("one/two/three/four/go.mod", ""),
            ("fixtures/go.mod", ""),
            ("node_modules/c/go.mod", ""),
            (".hidden/go.mod", ""),
        ];
        assert_eq!(tests_of(&files), ["a: cargo test", "b: go test ./...", "one/two/three: go test ./..."]);
        let mut with_root = files.to_vec();
        with_root.push(("Cargo.toml", ""));
        assert_eq!(tests_of(&with_root), ["cargo test"]);
    }

    #[test]
    fn a_thousand_manifests_give_a_dozen_commands() {
        let names: Vec<String> = (0..1000).map(|at| format!("d{at:04}/go.mod")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
        assert_eq!(found(&files).len(), MAX_COMMANDS);
    }

    #[test]
    fn where_a_command_comes_from_is_told() {
        let files =
            [("web/package.json", r#"{"scripts":{"test":"t","build":"b"},"devDependencies":{"t":"1"}}"#)];
        let commands = found(&files);
        let needs = Needs {
            any_of: ["node_modules", ".pnp.cjs", "web/node_modules", "web/.pnp.cjs"]
                .map(str::to_owned)
                .to_vec(),
            install: "npm install".to_owned(),
        };
        let test = FoundCommand {
            purpose: Purpose::Test,
            command: "npm test".to_owned(),
            program: "npm".to_owned(),
            why: "web/package.json".to_owned(),
            dir: "web".to_owned(),
            needs: Some(needs),
        };
        assert_eq!(commands[1], test);
        assert_eq!((commands[0].purpose, commands[0].command.as_str()), (Purpose::Build, "npm run build"));
    }

    #[test]
    fn a_locked_repository_is_installed_as_locked() {
        let manifest = r#"{"scripts":{"test":"t"},"dependencies":{"t":"1"}}"#;
        let commands = found(&[("package.json", manifest), ("package-lock.json", "{}")]);
        assert_eq!(commands[0].needs.as_ref().map(|needs| needs.install.as_str()), Some("npm ci"));
    }
}
