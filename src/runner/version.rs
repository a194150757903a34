//! Asks an agent's program for its version.

use super::environment::Environment;
use super::process::{self, Within};
use crate::domain::words::clean_line;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long a program may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks a program for its version; it may take its time, but not for ever, and leaves nothing behind.
pub fn version_of(program: &Path, args: &[&str], environment: &Environment) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(args)
        .env_clear()
        .envs(environment.with(&[], &[]))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let how = process::end_within(&child, PATIENCE, &AtomicBool::new(false));
    let status = child.wait().map_err(|error| error.to_string())?;
    if how != Within::Ended {
        return Err(format!("no version within {} s", PATIENCE.as_secs()));
    }
    if !status.success() {
        return Err(status.to_string());
    }
    let output = child.stdout.take().map_or_else(String::new, read);
    // Pi tells its version on standard error; others only warn there.
    let line = match first_line(&output) {
        Some(line) => line.to_owned(),
        None => {
            let errors = child.stderr.take().map_or_else(String::new, read);
            first_line(&errors).unwrap_or_default().to_owned()
        }
    };
    // `codex-cli 0.169.0` and `2.1.329 (Claude Code)`: the first word with a digit is the version.
    let version = line.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    Ok(clean_line(version.unwrap_or(&line), 40))
}

/// Reads what a child that has ended left in a pipe. Something else that it started may hold the pipe open for ever.
fn read(pipe: impl Read + AsFd) -> String {
    let mut text = Vec::new();
    if rustix::io::ioctl_fionbio(&pipe, true).is_ok() {
        let _ = pipe.take(4096).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().find(|line| !line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        let environment = Environment::of(&[("PATH".to_owned(), std::env::var("PATH").unwrap())]);
        // It goes on in a session of its own until it is told to end.
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate");
        std::fs::write(&gate, "").unwrap();
        let script = format!("setsid sh -c 'while [ -e {} ]; do sleep 0.02; done' & ", gate.display());
        let asked =
            |more: &str| version_of(Path::new("/bin/sh"), &["-c", &format!("{script}{more}")], &environment);
        assert_eq!(asked("echo 1.2.3").unwrap(), "1.2.3");
        assert_eq!(asked("").unwrap(), "");
    }
}
