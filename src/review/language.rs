//! Which language a file is in, and what its comments and strings look like.

/// A language in which comments can be told from code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Rust,
    /// JavaScript and TypeScript.
    Script,
    Python,
    Go,
    Ruby,
    Php,
    Java,
    CSharp,
    /// Kotlin, Scala, Swift, Dart, Groovy: read like Java.
    JavaLike,
    /// C, C++, Objective-C and what is read like them: Zig, Proto, GLSL.
    C,
    Elixir,
    Shell,
    Perl,
    Sql,
    Lua,
    Haskell,
    Css,
    Html,
    Yaml,
    /// TOML, Terraform, Nix, CMake, Make, Dockerfile: lines after `#`.
    Hash,
}

/// How a quote that opens text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// It opens nothing.
    No,
    /// Text up to the same quote, at most to the end of the line.
    Line,
    /// Text up to the same quote, over any number of lines.
    Lines,
    /// Like `Lines`, without escapes.
    Raw,
    /// A Rust character, or a lifetime.
    Char,
    /// A JavaScript template with `${code}` in it.
    Template,
}

/// What comments and strings look like in a language.
#[derive(Clone, Copy, Debug)]
pub struct Syntax {
    pub line: &'static [&'static str],
    /// What opens and closes a comment over several lines.
    pub block: Option<(&'static str, &'static str)>,
    /// Whether block comments nest.
    pub nested: bool,
    pub double: Quote,
    pub single: Quote,
    pub backtick: Quote,
    /// Whether three quotes open text over several lines.
    pub triple: bool,
    /// Whether `r#"` opens raw text.
    pub raw: bool,
    /// Whether `/` may open a pattern.
    pub pattern: bool,
    /// Whether `'` straight after a letter or digit opens text (as in Python's `r'x'`) or is an apostrophe.
    pub prefixed: bool,
}

const PLAIN: Syntax = Syntax {
    line: &[],
    block: None,
    nested: false,
    double: Quote::Line,
    single: Quote::Line,
    backtick: Quote::No,
    triple: false,
    raw: false,
    pattern: false,
    prefixed: false,
};

const SLASHES: Syntax = Syntax { line: &["//"], block: Some(("/*", "*/")), ..PLAIN };

impl Language {
    /// Returns the language of a path by its name; nothing where it isn't known.
    pub fn of(path: &str) -> Option<Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let lower = name.to_ascii_lowercase();
        let (stem, extension) = lower.rsplit_once('.').unwrap_or((lower.as_str(), ""));
        if matches!(stem, "dockerfile" | "makefile" | "justfile" | "gnumakefile") {
            return Some(Language::Hash);
        }
        Some(match extension {
            "rs" => Language::Rust,
            "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => Language::Script,
            "py" | "pyi" | "pyw" => Language::Python,
            "go" => Language::Go,
            "rb" | "rake" | "gemspec" => Language::Ruby,
            "php" => Language::Php,
            "java" => Language::Java,
            "cs" => Language::CSharp,
            "kt" | "kts" | "scala" | "swift" | "dart" | "groovy" | "gradle" => Language::JavaLike,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "m" | "mm" | "zig" | "proto"
            | "glsl" => Language::C,
            "ex" | "exs" => Language::Elixir,
            "sh" | "bash" | "zsh" | "fish" | "ps1" => Language::Shell,
            "pl" | "pm" | "r" | "jl" => Language::Perl,
            "sql" => Language::Sql,
            "lua" => Language::Lua,
            "hs" | "elm" => Language::Haskell,
            "css" | "scss" | "less" => Language::Css,
            "html" | "htm" | "xml" | "vue" | "svelte" => Language::Html,
            "yml" | "yaml" => Language::Yaml,
            "toml" | "tf" | "hcl" | "nix" | "cmake" | "mk" => Language::Hash,
            _ => match name {
                "Gemfile" | "Rakefile" | "Vagrantfile" | "Podfile" => Language::Ruby,
                _ => return None,
            },
        })
    }

    /// Decides whether people write programs in it, rather than data, pages or styles.
    pub fn is_program(self) -> bool {
        !matches!(self, Language::Css | Language::Html | Language::Yaml | Language::Hash | Language::Sql)
    }

    /// Returns what its comments and strings look like.
    pub fn syntax(self) -> Syntax {
        match self {
            Language::Rust => {
                Syntax { nested: true, double: Quote::Lines, single: Quote::Char, raw: true, ..SLASHES }
            }
            Language::Script => Syntax { backtick: Quote::Template, pattern: true, ..SLASHES },
            Language::Python => Syntax { line: &["#"], triple: true, prefixed: true, ..PLAIN },
            Language::Go => Syntax { backtick: Quote::Raw, ..SLASHES },
            Language::Ruby | Language::Perl => Syntax { line: &["#"], ..PLAIN },
            Language::Php => Syntax { line: &["//", "#"], ..SLASHES },
            Language::Java | Language::JavaLike | Language::CSharp => Syntax { triple: true, ..SLASHES },
            Language::C => SLASHES,
            Language::Elixir => Syntax { line: &["#"], triple: true, ..PLAIN },
            Language::Shell | Language::Yaml | Language::Hash => Syntax { line: &["#"], ..PLAIN },
            Language::Sql => Syntax { line: &["--"], block: SLASHES.block, ..PLAIN },
            Language::Lua => Syntax { line: &["--"], block: Some(("--[[", "]]")), ..PLAIN },
            Language::Haskell => {
                Syntax { line: &["--"], block: Some(("{-", "-}")), nested: true, single: Quote::No, ..PLAIN }
            }
            Language::Css => Syntax { line: &[], ..SLASHES },
            Language::Html => {
                Syntax { block: Some(("<!--", "-->")), double: Quote::No, single: Quote::No, ..PLAIN }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_its_name_alone() {
        assert_eq!(Language::of("src/main.rs"), Some(Language::Rust));
        assert_eq!(Language::of("web/App.TSX"), Some(Language::Script));
        assert_eq!(Language::of("Dockerfile"), Some(Language::Hash));
        assert_eq!(Language::of("Gemfile"), Some(Language::Ruby));
        assert_eq!(Language::of("docs/rs"), None);
    }
}
