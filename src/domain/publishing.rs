//! How a run's work is told to people elsewhere: the title and the text of a pull request, and who opens it.

use super::run::Run;
use super::task::Task;
use super::words::{clean_line, clean_text};

/// The most characters of a title, and of what is quoted of one agent's words.
const MAX_TITLE: usize = 100;
const MAX_QUOTED: usize = 400;
/// The most bytes of the text: GitHub takes 65,536 characters.
const MAX_TEXT: usize = 60_000;

/// A program that opens pull requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opener {
    /// GitHub's: <https://cli.github.com/manual/gh_pr_create>.
    Gh,
    /// GitLab's: <https://docs.gitlab.com/cli/mr/create>.
    Glab,
}

/// How the text of a pull request is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text<'a> {
    /// Among the arguments.
    Here(&'a str),
    /// In a file, where the program reads one.
    File { path: &'a str, text: &'a str },
}

impl Opener {
    /// Both.
    pub const ALL: [Opener; 2] = [Opener::Gh, Opener::Glab];

    /// Returns the program's name.
    pub fn program(self) -> &'static str {
        match self {
            Opener::Gh => "gh",
            Opener::Glab => "glab",
        }
    }

    /// Returns its arguments that open a pull request for a branch that is there.
    pub fn create(self, pull: &Pull, text: Text) -> Vec<String> {
        let Pull { branch, into, title, draft, .. } = pull;
        let head = pull.fork.as_ref().map_or_else(|| branch.clone(), |fork| self.head_in(fork, branch));
        let mut words = match (self, text) {
            (Opener::Gh, Text::Here(text)) => {
                vec!["pr", "create", "--head", &head, "--base", into, "--title", title, "--body", text]
            }
            (Opener::Gh, Text::File { path, .. }) => {
                vec!["pr", "create", "--head", &head, "--base", into, "--title", title, "--body-file", path]
            }
            (Opener::Glab, Text::Here(text) | Text::File { text, .. }) => {
                let mut words = vec!["mr", "create", "--source-branch", branch, "--target-branch", into];
                words.extend(["--title", title, "--description", text, "--yes"]);
                if let Some(fork) = &pull.fork {
                    words.extend(["--head", &fork.path]);
                }
                words
            }
        };
        let repository = pull.at.as_ref().and_then(|at| self.repository(at));
        if let Some(repository) = &repository {
            words.extend(["--repo", repository]);
        }
        if *draft {
            words.push("--draft");
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// Returns its arguments that list the open pull requests of a branch, as [`Opener::listed`] reads them.
    pub fn list(self, pull: &Pull) -> Vec<String> {
        let branch = &pull.branch;
        let mut words = match self {
            Opener::Gh => {
                vec!["pr", "list", "--head", branch, "--state", "open", "--json", "url", "--limit", "1"]
            }
            Opener::Glab => vec!["mr", "list", "--source-branch", branch, "--output", "json"],
        };
        let repository = pull.at.as_ref().and_then(|at| self.repository(at));
        if let Some(repository) = &repository {
            words.extend(["--repo", repository]);
        }
        words.into_iter().map(str::to_owned).collect()
    }

    /// Reads what was listed: the address of the first one.
    pub fn listed(self, said: &str) -> Option<String> {
        let field = match self {
            Opener::Gh => "url",
            Opener::Glab => "web_url",
        };
        let listed: serde_json::Value = serde_json::from_str(said).ok()?;
        Some(clean_line(listed.get(0)?.get(field)?.as_str()?, MAX_QUOTED))
    }

    /// Returns its arguments that ask whether it is signed in at a host.
    pub fn knows(self, host: &str) -> Vec<String> {
        ["auth", "status", "--hostname", host].map(str::to_owned).to_vec()
    }

    /// Returns the command that signs in at a host.
    pub fn sign_in(self, host: Option<&str>) -> String {
        let at = host.map(|host| format!(" --hostname {host}")).unwrap_or_default();
        format!("{} auth login{at}", self.program())
    }

    /// Names a repository as its `--repo` wants it; `gh` takes an owner and a name, and nothing deeper.
    fn repository(self, at: &Place) -> Option<String> {
        match self {
            Opener::Gh => (at.path.split('/').count() == 2).then(|| format!("{}/{}", at.host, at.path)),
            Opener::Glab => Some(format!("https://{}/{}", at.host, at.path)),
        }
    }

    fn head_in(self, fork: &Place, branch: &str) -> String {
        let owner = fork.path.split('/').next().unwrap_or_default();
        format!("{owner}:{branch}")
    }
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    pub branch: String,
    pub into: String,
    pub title: String,
    pub draft: bool,
    /// The repository that it is for, where its address tells.
    pub at: Option<Place>,
    /// The one that holds the branch, where that is another.
    pub fork: Option<Place>,
}

/// A repository at a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: String,
    /// `owner/name`
    pub path: String,
}

impl Place {
    /// Reads a remote's address: `https://host/path`, `ssh://git@host:22/path`, `git@host:path`. None where it is a folder.
    pub fn of(address: &str) -> Option<Place> {
        let (host, path) = match address.split_once("://") {
            Some(("file", _)) => return None,
            Some((_, rest)) => {
                let (place, path) = rest.split_once('/')?;
                (after_user(place).split(':').next()?, path)
            }
            None => {
                let (place, path) = address.split_once(':')?;
                if place.contains('/') {
                    return None;
                }
                (after_user(place), path)
            }
        };
        // Their hosts for ssh on port 443.
        let host = match host {
            "ssh.github.com" => "github.com",
            "altssh.gitlab.com" => "gitlab.com",
            host => host,
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let is_there = !host.is_empty() && !path.is_empty();
        is_there.then(|| Place { host: host.to_lowercase(), path: path.to_owned() })
    }
}

fn after_user(place: &str) -> &str {
    &place[place.rfind('@').map_or(0, |at| at + 1)..]
}

/// Returns text without the names and passwords of addresses in it: `https://name:word@host` is `https://host`.
pub fn without_passwords(text: &str) -> String {
    let mut rest = text;
    let mut clean = String::with_capacity(text.len());
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace());
        let place = &after[..end.unwrap_or(after.len())];
        rest = &after[place.len() - after_user(place).len()..];
    }
    clean + rest
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
    titled(first)
}

/// Returns words as a title: one harmless line.
pub fn titled(words: &str) -> String {
    clean_line(words, MAX_TITLE)
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
    clean_text(&text, MAX_TEXT)
}

/// Tells whether `gh` or `glab` says that the host does not know who asks, or does not let them. Who has asked too often gets
/// 403 too, and is known well.
pub fn is_unknown(said: &str) -> bool {
    let signs =
        ["HTTP 401", "HTTP 403", "401 Unauthorized", "403 Forbidden", "Bad credentials", "auth login"];
    signs.iter().any(|sign| said.contains(sign)) && !said.to_lowercase().contains("rate limit")
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
        for (address, found) in [
            ("https://github.com/a/b.git", Some(("github.com", "a/b", Some(Opener::Gh)))),
            ("git@github.example.org:a/b/", Some(("github.example.org", "a/b", Some(Opener::Gh)))),
            ("ssh://git@gitlab.com:2222/a/b/c.git", Some(("gitlab.com", "a/b/c", Some(Opener::Glab)))),
            ("ssh://git@ssh.github.com:443/a/b", Some(("github.com", "a/b", Some(Opener::Gh)))),
            ("https://user:word@Code.example.org:8443/x", Some(("code.example.org", "x", None))),
            ("/srv/github/a.git", None),
            ("../a:b", None),
            ("file:///srv/a", None),
            ("https://github.com", None),
        ] {
            let place = Place::of(address);
            let seen = place.as_ref().map(|at| (at.host.as_str(), at.path.as_str(), opener_at(&at.host)));
            assert_eq!(seen, found, "{address}");
        }
    }

    #[test]
    fn the_repository_is_named_and_so_is_a_fork() {
        let at = |path: &str| Some(Place { host: "x.org".into(), path: path.into() });
        let pull = Pull {
            branch: "crew/r".into(),
            into: "main".into(),
            title: "-t".into(),
            draft: true,
            at: at("a/b"),
            fork: at("me/b"),
        };
        let said = |opener: Opener, pull: &Pull| {
            in_shell(opener.program(), &opener.create(pull, Text::Here("it's\n$(x)")))
        };
        assert_eq!(
            said(Opener::Gh, &pull),
            "gh pr create --head me:crew/r --base main --title -t --body 'it'\\''s\n$(x)' --repo x.org/a/b --draft"
        );
        assert_eq!(
            said(Opener::Glab, &pull),
            "glab mr create --source-branch crew/r --target-branch main --title -t --description 'it'\\''s\n$(x)' --yes \
             --head me/b --repo https://x.org/a/b --draft"
        );
        let deep = Pull { at: at("a/b/c"), fork: None, ..pull };
        assert!(!said(Opener::Gh, &deep).contains("--repo"));
    }

    #[test]
    fn what_is_open_already_is_found_in_what_is_listed() {
        assert_eq!(Opener::Gh.listed(r#"[{"url":"https://x/1"}]"#).as_deref(), Some("https://x/1"));
        assert_eq!(
            Opener::Glab.listed(r#"[{"iid":1,"web_url":"https://x/2"}]"#).as_deref(),
            Some("https://x/2")
        );
        for nothing in ["[]", "", "No open merge requests", "{}", r#"[{"url":1}]"#] {
            assert_eq!(Opener::Gh.listed(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_left_out() {
        let said =
            "To https://me:s3cret@x.org/a\nfailed 'https://t0ken@x.org' git@x.org:a ssh://git@h/p a://";
        let clean = "To https://x.org/a\nfailed 'https://x.org' git@x.org:a ssh://h/p a://";
        assert_eq!(without_passwords(said), clean);
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
