//! Which language a file is written in, told by its name or its first line.

/// What a language is for; a repository is named after its code, not after its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Code,
    /// Prose, markup and style.
    Text,
    /// Configuration and data.
    Data,
}

/// A language and what its files are called.
#[derive(Debug)]
pub(super) struct Language {
    pub name: &'static str,
    pub kind: Kind,
    /// Endings after the last dot, in small letters.
    endings: &'static [&'static str],
    /// Whole file names.
    names: &'static [&'static str],
    /// Programs named in the first line after `#!`, without a version.
    interpreters: &'static [&'static str],
}

macro_rules! languages {
    ($($name:literal $kind:ident [$($ending:literal)*] [$($file:literal)*] [$($interpreter:literal)*];)*) => {
        static LANGUAGES: &[Language] = &[$(Language {
            name: $name,
            kind: Kind::$kind,
            endings: &[$($ending),*],
            names: &[$($file),*],
            interpreters: &[$($interpreter),*],
        }),*];
    };
}

languages! {
    "Ada" Code ["adb" "ads"] [] [];
    "Assembly" Code ["asm" "s"] [] [];
    "Awk" Code ["awk"] [] ["awk" "gawk" "mawk"];
    "Batch" Code ["bat" "cmd"] [] [];
    "C" Code ["c" "h"] [] [];
    "C#" Code ["cs" "csx"] [] [];
    "C++" Code ["cpp" "cc" "cxx" "hpp" "hh" "hxx" "ipp" "cppm"] [] [];
    "Clojure" Code ["clj" "cljs" "cljc" "edn"] [] [];
    "CMake" Code ["cmake"] ["CMakeLists.txt"] [];
    "COBOL" Code ["cob" "cbl"] [] [];
    "Crystal" Code ["cr"] [] ["crystal"];
    "CSS" Text ["css"] [] [];
    "CUDA" Code ["cu" "cuh"] [] [];
    "D" Code ["d"] [] [];
    "Dart" Code ["dart"] [] ["dart"];
    "Dockerfile" Code ["dockerfile"] ["Dockerfile" "Containerfile"] [];
    "Elixir" Code ["ex" "exs"] [] ["elixir"];
    "Elm" Code ["elm"] [] [];
    "Erlang" Code ["erl" "hrl"] [] ["escript"];
    "F#" Code ["fs" "fsx" "fsi"] [] [];
    "Fish" Code ["fish"] [] ["fish"];
    "Fortran" Code ["f90" "f95" "f03" "f" "for"] [] [];
    "GLSL" Code ["glsl" "vert" "frag" "comp"] [] [];
    "Go" Code ["go"] [] [];
    "GraphQL" Code ["graphql" "gql"] [] [];
    "Groovy" Code ["groovy" "gradle"] ["Jenkinsfile"] ["groovy"];
    "Haskell" Code ["hs" "lhs"] [] ["runhaskell" "runghc"];
    "HCL" Code ["tf" "hcl" "tfvars"] [] [];
    "HTML" Text ["html" "htm" "xhtml"] [] [];
    "Java" Code ["java"] [] [];
    "JavaScript" Code ["js" "mjs" "cjs" "jsx"] [] ["node" "nodejs"];
    "JSON" Data ["json" "jsonc" "json5" "jsonl" "webmanifest"] [] [];
    "Julia" Code ["jl"] [] ["julia"];
    "Just" Code ["just"] ["justfile" "Justfile" ".justfile"] ["just"];
    "Kotlin" Code ["kt" "kts"] [] [];
    "LaTeX" Text ["tex" "sty" "cls" "bib"] [] [];
    "Less" Text ["less"] [] [];
    "Lisp" Code ["lisp" "lsp" "cl" "el"] [] ["sbcl" "emacs"];
    "Lua" Code ["lua"] [] ["lua" "luajit"];
    "Makefile" Code ["mk" "mak"] ["Makefile" "makefile" "GNUmakefile"] ["make"];
    "Markdown" Text ["md" "markdown" "mdx"] [] [];
    "Nim" Code ["nim" "nims"] [] ["nim"];
    "Nix" Code ["nix"] [] [];
    "Objective-C" Code ["m" "mm"] [] [];
    "OCaml" Code ["ml" "mli" "mll" "mly"] [] ["ocaml"];
    "Pascal" Code ["pas" "dpr"] [] [];
    "Perl" Code ["pl" "pm" "t"] [] ["perl"];
    "PHP" Code ["php" "phtml"] [] ["php"];
    "PowerShell" Code ["ps1" "psm1" "psd1"] [] ["pwsh"];
    "Prolog" Code ["pro" "prolog"] [] ["swipl"];
    "Protocol Buffers" Code ["proto"] [] [];
    "Python" Code ["py" "pyi" "pyx" "pyw"] ["SConstruct" "wscript"] ["python" "pypy" "uv"];
    "R" Code ["r" "rmd"] [] ["rscript"];
    "Racket" Code ["rkt"] [] ["racket"];
    "reStructuredText" Text ["rst"] [] [];
    "Ruby" Code ["rb" "rake" "gemspec" "ru"] ["Rakefile" "Gemfile" "Vagrantfile" "Podfile"] ["ruby"];
    "Rust" Code ["rs"] [] ["rust-script"];
    "Sass" Text ["scss" "sass"] [] [];
    "Scala" Code ["scala" "sc" "sbt"] [] ["scala"];
    "Scheme" Code ["scm" "ss"] [] ["guile"];
    "Shell" Code ["sh" "bash" "zsh" "ksh" "bats"] [".bashrc" ".profile" ".zshrc"] ["sh" "bash" "zsh" "ksh" "dash" "bats"];
    "Solidity" Code ["sol"] [] [];
    "SQL" Code ["sql"] [] [];
    "Starlark" Code ["bzl" "star"] ["BUILD" "BUILD.bazel" "WORKSPACE" "MODULE.bazel"] [];
    "Svelte" Code ["svelte"] [] [];
    "SVG" Data ["svg"] [] [];
    "Swift" Code ["swift"] [] ["swift"];
    "Tcl" Code ["tcl"] [] ["tclsh" "wish"];
    "Text" Text ["txt" "adoc" "asciidoc" "org"] [] [];
    "TOML" Data ["toml"] [] [];
    "TypeScript" Code ["ts" "tsx" "mts" "cts"] [] ["deno" "bun" "tsx" "ts-node"];
    "Verilog" Code ["v" "sv" "svh"] [] [];
    "VHDL" Code ["vhd" "vhdl"] [] [];
    "Vim script" Code ["vim"] [".vimrc" "vimrc"] [];
    "Visual Basic" Code ["vb" "vbs"] [] [];
    "Vue" Code ["vue"] [] [];
    "XML" Data ["xml" "xsd" "xsl" "xslt" "csproj" "props" "plist"] [] [];
    "YAML" Data ["yaml" "yml"] [] [];
    "Zig" Code ["zig" "zon"] [] [];
}

/// Returns the language of a file, or `None` where neither its path nor its first line tells.
pub(super) fn language_of(path: &str, start: &[u8]) -> Option<&'static Language> {
    by_path(path).or_else(|| by_interpreter(start))
}

/// Returns the language that a file's path tells.
pub(super) fn by_path(path: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some(named) = LANGUAGES.iter().find(|language| language.names.contains(&name)) {
        return Some(named);
    }
    let (_, ending) = name.rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    LANGUAGES.iter().find(|language| language.endings.contains(&ending.as_str()))
}

fn by_interpreter(start: &[u8]) -> Option<&'static Language> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(&line[..line.len().min(256)]).to_ascii_lowercase();
    let mut words = line.split_whitespace().map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = words.next()?;
    // `#!/usr/bin/env -S FOO=1 python3 -u`: options and assignments stand before the program.
    let program = match program {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('='))?,
        _ => program,
    };
    let program = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    LANGUAGES.iter().find(|language| language.interpreters.contains(&program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn name(path: &str, start: &str) -> Option<&'static str> {
        language_of(path, start.as_bytes()).map(|language| language.name)
    }

    #[test]
    fn a_name_tells_the_language() {
        assert_eq!(name("src/a.rs", ""), Some("Rust"));
        assert_eq!(name("deep/Dockerfile", ""), Some("Dockerfile"));
        assert_eq!(name("CMakeLists.txt", ""), Some("CMake"));
        assert_eq!(name("A.PY", ""), Some("Python"));
        assert_eq!(name("LICENSE", "MIT"), None);
        assert_eq!(name("", ""), None);
    }

    #[test]
    fn the_first_line_tells_where_the_name_does_not() {
        assert_eq!(name("run", "#!/bin/sh\n"), Some("Shell"));
        assert_eq!(name("run", "#!/usr/bin/env -S A=1 python3.12 -u\n"), Some("Python"));
        assert_eq!(name("run", "#! /usr/bin/perl -w"), Some("Perl"));
        assert_eq!(name("run", "#!\n"), None);
        assert_eq!(name("run", "#!/usr/bin/env\n"), None);
    }

    #[test]
    fn no_ending_belongs_to_two_languages() {
        let mut seen = HashSet::new();
        for language in LANGUAGES {
            for ending in language.endings {
                assert!(seen.insert(*ending), "{ending} is listed twice");
                assert_eq!(*ending, ending.to_ascii_lowercase(), "endings are compared in small letters");
            }
        }
    }
}
