//! What a path says about a file.

/// Whose text a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Written here, by people or agents.
    Own,
    /// Brought in or built: nobody here edits it.
    Vendored,
}

const BUILT: [&str; 2] = ["dist", "target"];

const VENDORED: [&str; 10] = [
    "node_modules",
    "bower_components",
    "vendor",
    "third_party",
    ".git",
    ".venv",
    "__pycache__",
    "site-packages",
    "Pods",
    ".yarn",
];

const LOCKS: [&str; 20] = [
    "Cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "Gemfile.lock",
    "composer.lock",
    "go.sum",
    "mix.lock",
    "flake.lock",
    "pubspec.lock",
    "Podfile.lock",
    "deno.lock",
    "packages.lock.json",
];

/// Returns a path's last part.
pub fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the folder a path is in, without `/`; empty for the root.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns what follows the last dot of the name, in small letters; empty where there is none.
pub fn extension(path: &str) -> String {
    name(path).rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// Decides whether any folder of the path has one of these names.
pub fn is_under(path: &str, folders: &[&str]) -> bool {
    folder(path).split('/').any(|part| folders.contains(&part))
}

/// Decides whose text it is.
pub fn place(path: &str) -> Place {
    // `src/target` and `lib/dist` are modules that are called so; what is built lies beside `src`.
    let built = folder(path)
        .split('/')
        .take_while(|part| !["src", "lib"].contains(part))
        .any(|part| BUILT.contains(&part));
    if built || is_under(path, &VENDORED) { Place::Vendored } else { Place::Own }
}

/// Decides whether a tool writes this file from a manifest.
pub fn is_lock(path: &str) -> bool {
    LOCKS.contains(&name(path))
}

/// Decides whether people read it as text: Markdown, reStructuredText, AsciiDoc, plain text.
pub fn is_prose(path: &str) -> bool {
    ["md", "markdown", "mdx", "rst", "adoc", "asciidoc", "txt", "org"].contains(&extension(path).as_str())
}

/// Decides whether it is Markdown, in which two spaces at a line's end mean a break.
pub fn is_markdown(path: &str) -> bool {
    ["md", "markdown", "mdx"].contains(&extension(path).as_str())
}

/// Decides whether it holds what a test is given or compares with.
pub fn is_fixture(path: &str) -> bool {
    is_under(
        path,
        &["fixtures", "__fixtures__", "fixture", "testdata", "test-data", "test_data", "golden", "corpus"],
    ) || is_under(path, &["snapshots", "__snapshots__"])
}

/// Decides whether it is a test by the conventions of its language.
pub fn is_test(path: &str) -> bool {
    if is_fixture(path) || is_under(path, &["test", "tests", "__tests__", "spec", "specs", "e2e", "testing"])
    {
        return true;
    }
    let name = name(path);
    let stem = name.split('.').next().unwrap_or(name);
    let dotted = |word: &str| name.contains(&format!(".{word}."));
    let ends =
        ["_test", "_tests", "_spec", "Test", "Tests", "Spec", "IT"].iter().any(|end| stem.ends_with(end));
    dotted("test")
        || dotted("spec")
        || dotted("cy")
        || ends
        || stem.starts_with("test_")
        || stem == "tests"
        || stem == "test"
        || stem == "conftest"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_in_every_language() {
        let tests = [
            "tests/a.rs",
            "src/tests.rs",
            "web/a.test.ts",
            "a.spec.js",
            "pkg/a_test.go",
            "test_a.py",
            "a_spec.rb",
            "src/test/java/AThing.java",
            "AThingTest.java",
            "FooTests.cs",
            "x/__tests__/a.js",
            "a_test.exs",
        ];
        assert!(tests.iter().all(|path| is_test(path)));
        assert!(
            !["src/latest.rs", "contest.py", "src/attest/a.go", "Testament.java"]
                .iter()
                .any(|path| is_test(path))
        );
    }

    #[test]
    fn a_folder_has_to_match_whole() {
        assert_eq!(place("node_modules/a/b.js"), Place::Vendored);
        assert_eq!(
            [place("web/dist/b.js"), place("target/b.rs"), place("src/target/b.rs")],
            [Place::Vendored, Place::Vendored, Place::Own]
        );
        assert_eq!(place("src/targets/vendor.js"), Place::Own);
    }
}
