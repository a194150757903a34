//! What a child sees of our environment: an allow-list of exact names, and what crew adds.

use crate::domain::redact::{Redactor, SHORTEST_KNOWN, is_secret_name};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// Variables that programs need to find themselves, their caches and their registries. No pattern, only exact names;
/// `CLAUDECODE`, `CLAUDE_CODE_*` and `GIT_*` of the caller are not among them, so they never reach a child.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_MESSAGES",
    "TERM",
    "TZ",
    "TMPDIR",
    "COLUMNS",
    "NO_COLOR",
    "CI",
    "EDITOR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "CARGO_TARGET_DIR",
    "RUSTC_WRAPPER",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "GOPROXY",
    "GOFLAGS",
    "JAVA_HOME",
    "MAVEN_HOME",
    "GRADLE_USER_HOME",
    "DOTNET_ROOT",
    "NVM_DIR",
    "NVM_BIN",
    "VOLTA_HOME",
    "PNPM_HOME",
    "BUN_INSTALL",
    "DENO_DIR",
    "NPM_CONFIG_PREFIX",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "PIPX_HOME",
    "UV_CACHE_DIR",
    "RBENV_ROOT",
    "GEM_HOME",
    "GEM_PATH",
    "COMPOSER_HOME",
    "MIX_HOME",
    "HEX_HOME",
    "DEVELOPER_DIR",
    "SDKROOT",
    "HOMEBREW_PREFIX",
    "NIX_PATH",
    "NIX_SSL_CERT_FILE",
    "DISPLAY",
    "WAYLAND_DISPLAY",
];

/// Tells whether a variable belongs to the caller's own git or agent session. Such a one never reaches a child, whoever
/// asks for it: it would send git to another repository, or make an agent take itself for part of the caller's.
fn is_the_callers(name: &str) -> bool {
    name == "CLAUDECODE" || name.starts_with("CLAUDE_CODE_") || name.starts_with("GIT_")
}

/// The environment that every child of a run shares.
#[derive(Clone, Debug)]
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Takes the allowed variables of ours, and those that the settings name; `bin` comes first in PATH, so that
    /// `crew` in an agent's shell is the running program.
    pub fn of_ours(passed: &[String], bin: &Path) -> Environment {
        let passed = passed.iter().map(String::as_str).filter(|name| !is_the_callers(name));
        let names = ALLOWED.iter().copied().chain(passed);
        let mut variables: Vec<(OsString, OsString)> = Vec::new();
        for name in names {
            if let Some(value) = std::env::var_os(name)
                && !variables.iter().any(|(known, _)| known == name)
            {
                variables.push((name.into(), value));
            }
        }
        let old = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let path = std::env::join_paths(std::iter::once(bin.to_owned()).chain(std::env::split_paths(&old)));
        variables.retain(|(name, _)| name != "PATH");
        variables.push(("PATH".into(), path.unwrap_or(old)));
        Environment { variables }
    }

    /// Takes these variables and nothing of ours.
    pub fn of(variables: &[(String, String)]) -> Environment {
        Environment { variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// Returns the environment of one child: the shared one, what its agent needs by name, and what is set for it.
    pub fn with(&self, passed: &[String], set: &[(String, String)]) -> Vec<(OsString, OsString)> {
        let mut variables = self.variables.clone();
        // PATH is there already, with crew in front.
        for name in passed.iter().filter(|name| *name != "PATH" && !is_the_callers(name)) {
            if let Some(value) = std::env::var_os(name) {
                variables.push((name.into(), value));
            }
        }
        variables.extend(set.iter().map(|(name, value)| (name.into(), value.into())));
        variables
    }
}

/// Returns what hides the secrets of an environment: the values of variables that are named like one, the attempt's token
/// among them.
pub fn hiding<'a>(variables: impl IntoIterator<Item = &'a (OsString, OsString)>) -> Redactor {
    Redactor::knowing(secrets_of(variables).filter_map(|(_, value)| value.to_str()))
}

/// Returns the variables whose values are to be hidden.
pub fn secrets_of<'a>(
    variables: impl IntoIterator<Item = &'a (OsString, OsString)>,
) -> impl Iterator<Item = &'a (OsString, OsString)> {
    let is_secret = |(name, value): &&(OsString, OsString)| {
        value.len() >= SHORTEST_KNOWN && name.to_str().is_some_and(is_secret_name)
    };
    variables.into_iter().filter(is_secret)
}

/// Reads variables as the system tells them: `NAME=VALUE`, with a NUL behind each.
pub fn read_variables(block: &[u8]) -> Vec<(OsString, OsString)> {
    let pair = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=')?;
        Some((OsString::from_vec(entry[..at].to_vec()), OsString::from_vec(entry[at + 1..].to_vec())))
    };
    block.split(|byte| *byte == 0).filter_map(pair).collect()
}

/// Returns what hides the secrets of our own environment, and of `more` variables.
pub fn hiding_ours(more: &[(OsString, OsString)]) -> Redactor {
    hiding(std::env::vars_os().collect::<Vec<_>>().iter().chain(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_agent_and_git_stay_outside() {
        let outside =
            |name: &&&str| name.starts_with("GIT_") || name.starts_with("CLAUDE") || name.contains("KEY");
        assert_eq!(ALLOWED.iter().find(outside), None);
    }

    #[test]
    fn values_are_secrets_by_the_names_of_their_variables() {
        let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let words = hiding(&[
            variable("ANTHROPIC_API_KEY", "plainwords"),
            variable("CREW_TOKEN", "0123abcd"),
            variable("MAX_TOKENS", "12345678"),
            variable("TOKEN_FILE", "/run/a/b"),
            variable("DB_PASSWORD", "short"),
        ]);
        let text = "plainwords 0123abcd 12345678 /run/a/b short";
        assert_eq!(words.text(text), "[redacted] [redacted] 12345678 /run/a/b short");
    }

    #[test]
    fn crew_comes_first_in_path() {
        let environment = Environment::of_ours(&[], Path::new("/run/bin"));
        let path = environment.variables.iter().find(|(name, _)| name == "PATH").unwrap();
        assert!(path.1.to_string_lossy().starts_with("/run/bin:"));
    }
}
