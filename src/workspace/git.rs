//! The one place where `git` is started.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What went wrong when git was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git could not be started: {0}")]
    NotStarted(#[source] std::io::Error),
    #[error("`git {command}` failed: {message}")]
    Failed { command: String, message: String },
}

/// Git in one folder.
#[derive(Clone, Debug)]
pub struct Git {
    dir: PathBuf,
}

impl Git {
    /// Speaks to git in `dir`, which may be any folder of a work tree.
    pub fn at(dir: impl Into<PathBuf>) -> Git {
        Git { dir: dir.into() }
    }

    /// Returns the folder in which git runs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        // A caller's GIT_DIR or GIT_INDEX_FILE would send us to another repository.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        // git localises its messages; we parse them, so we ask for C. Reading never takes the index lock.
        command.env("LC_ALL", "C").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        command.arg("-C").arg(&self.dir).args(["-c", "core.quotePath=false"]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs git and returns what it printed, or an error with its last words.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        let output = self.command().args(args).output().map_err(GitError::NotStarted)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let message = if message.is_empty() { output.status.to_string() } else { message };
        Err(GitError::Failed { command: command.join(" "), message })
    }

    /// Runs git and returns its output as text, without the line end.
    pub fn text<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        Ok(String::from_utf8_lossy(&self.run(args)?).trim_end_matches(['\n', '\r']).to_owned())
    }

    /// Runs git and returns the entries of its NUL-separated output.
    pub fn entries<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<String>, GitError> {
        let output = self.run(args)?;
        let entries = output.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
        Ok(entries.map(|entry| String::from_utf8_lossy(entry).into_owned()).collect())
    }
}
