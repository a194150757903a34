//! How a run's work is told to people elsewhere: the title and the text of a pull request, and who opens it.

use super::run::Run;
use super::task::Task;
use super::words::clean_line;

/// The most characters of a title, and of what is quoted of one agent's words.
const MAX_TITLE: usize = 100;
const MAX_QUOTED: usize = 400;

/// A program that opens pull requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// GitHub's.
    Gh,
    /// GitLab's.
    Glab,
}

impl Opener {
    /// Returns the program's name.
    pub fn program(self) -> &'static str {
        match self {
            Opener::Gh => "gh",
            Opener::Glab => "glab",
        }
    }

    /// Returns its arguments that open a pull request for a branch that is there. `text` is a file with what is to be said.
    pub fn arguments(self, pull: &Pull, text: &str, body: &str) -> Vec<String> {
        let Pull { branch, into, title, draft } = pull;
        let words: &[&str] = match self {
            Opener::Gh => {
                &["pr", "create", "--head", branch, "--base", into, "--title", title, "--body-file", text]
            }
            Opener::Glab => &[
                "mr",
                "create",
                "--source-branch",
                branch,
                "--target-branch",
                into,
                "--title",
                title,
                "--description",
                body,
                "--yes",
            ],
        };
        let words = words.iter().map(|word| (*word).to_owned());
        words.chain(draft.then(|| "--draft".to_owned())).collect()
    }
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    pub branch: String,
    pub into: String,
    pub title: String,
    pub draft: bool,
}

/// Returns the host of a remote's address: `https://host/path`, `ssh://git@host:22/path`, `git@host:path`. None where it is
/// a folder.
pub fn host_of(address: &str) -> Option<&str> {
    let after_user = |text: &'_ str| text.rfind('@').map_or(0, |at| at + 1);
    if let Some((scheme, rest)) = address.split_once("://") {
        let place = rest.split('/').next()?;
        let host = place[after_user(place)..].split(':').next()?;
        return (scheme != "file" && !host.is_empty()).then_some(host);
    }
    let (place, _) = address.split_once(':')?;
    let host = &place[after_user(place)..];
    (!place.contains('/') && !host.is_empty()).then_some(host)
}

/// Returns who opens pull requests at a host, as far as its name tells.
pub fn opener_at(host: &str) -> Option<Opener> {
    let names = |word: &str| host.to_lowercase().split('.').any(|part| part.contains(word));
    match (names("github"), names("gitlab")) {
        (true, _) => Some(Opener::Gh),
        (_, true) => Some(Opener::Glab),
        _ => None,
    }
}

/// Returns the title where nobody gave one: the first line of the goal.
pub fn title_of(run: &Run) -> String {
    let first = run.goal.lines().find(|line| !line.trim().is_empty()).unwrap_or("Work of a run of agents");
    clean_line(first, MAX_TITLE)
}

/// Returns words of agents as code: there, a host notifies nobody, closes nothing and follows no link.
fn quoted(words: &str) -> String {
    format!("`{}`", clean_line(words, MAX_QUOTED).replace('`', "'"))
}

/// Returns the text. `tasks` are those whose work it is, with the commands that verified each and how those ended.
pub fn text_of(run: &Run, tasks: &[(&Task, Vec<(String, bool)>)]) -> String {
    let mut text = format!(
        "{}\n\n| task | agent | what it says | verified by crew |\n|---|---|---|---|\n",
        run.goal.trim()
    );
    for (task, verified) in tasks {
        let summary = task.last().map(|last| last.summary.as_str()).unwrap_or_default();
        let says = if summary.is_empty() { "-".into() } else { quoted(summary).replace('|', "\\|") };
        let verified: Vec<String> = verified
            .iter()
            .map(|(command, passed)| {
                let passed = if *passed { "passed" } else { "**failed**" };
                format!("{} {passed}", quoted(command).replace('|', "\\|"))
            })
            .collect();
        let verified = if verified.is_empty() { "-".into() } else { verified.join("<br>") };
        text.push_str(&format!("| {} | {} | {says} | {verified} |\n", task.spec.id, task.spec.program()));
    }
    text.push_str(&format!("\nRun {} of workflow {}.\n", run.id, run.workflow));
    text
}

/// Returns a command as a shell takes it.
pub fn in_shell(program: &str, arguments: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=@+".contains(&byte))
    };
    let word = |word: &str| match plain(word) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    std::iter::once(program)
        .chain(arguments.iter().map(String::as_str))
        .map(word)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::{run_of, spec};

    #[test]
    fn the_host_tells_who_opens_it() {
        for (address, host, opener) in [
            ("https://github.com/a/b.git", Some("github.com"), Some(Opener::Gh)),
            ("git@github.example.org:a/b", Some("github.example.org"), Some(Opener::Gh)),
            ("ssh://git@gitlab.com:2222/a/b", Some("gitlab.com"), Some(Opener::Glab)),
            ("https://user:word@code.example.org:8443/gitlab", Some("code.example.org"), None),
            ("/srv/github/a.git", None, None),
            ("../a:b", None, None),
            ("file:///srv/a", None, None),
        ] {
            assert_eq!((host_of(address), host_of(address).and_then(opener_at)), (host, opener), "{address}");
        }
    }

    #[test]
    fn what_agents_say_is_quoted() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.goal = "Add a limit\n\nmore".into();
        assert_eq!(title_of(&run), "Add a limit");
        let text = text_of(&run, &[(&run.tasks[0], vec![("make `all` | tee".into(), true)])]);
        assert!(text.contains("| a | ") && text.contains("`make 'all' \\| tee` passed"), "{text}");
        assert_eq!(quoted("closes #1 `@all`\n\u{1b}[31m"), "`closes #1 '@all'`");
        assert_eq!(in_shell("gh", &["pr".into(), "it's".into()]), "gh pr 'it'\\''s'");
    }
}
