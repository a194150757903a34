//! The pull request (at GitLab: merge request) that is reviewed, or that a review is posted to.

use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::pr_host::{Outside, is_installed};
use crate::domain::publishing::{Opener, Place};
use crate::domain::review::host_api::{About, Pull};
use crate::domain::words::clean_line;
use crate::ui::printer::Printer;
use crate::workspace::git::Git;
use crate::workspace::reviewed;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::time::Duration;

/// How long one answer of a remote or its host may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most characters of a name that is shown.
const MAX_NAME: usize = 200;

/// The exact commits of a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// The commit at which it parted from the branch that it is for, and its last one. Both are in this repository.
    pub base_commit: String,
    pub head_commit: String,
    /// In words: `pull request 12`.
    pub words: String,
}

/// Where pull requests of a repository are.
pub struct Host {
    pub remote: String,
    pub at: Option<Place>,
    pub opener: Option<Opener>,
}

impl Host {
    /// Finds the remote that pull requests are made to, and who speaks to its host.
    pub fn of(git: &Git, outside: &Outside) -> Result<Host> {
        let names = git.text(&["remote"])?;
        let names: Vec<&str> = names.lines().collect();
        // `gh` notes which remote a fork's requests go to; by habit that is `upstream`.
        let noted = |name: &&&str| {
            git.text(&["config", "--get", &format!("remote.{name}.gh-resolved")])
                .is_ok_and(|said| said == "base")
        };
        let called = |wanted: &str| names.iter().find(|name| **name == wanted);
        let only = if names.len() == 1 { names.first() } else { None };
        let found =
            names.iter().find(noted).or_else(|| called("upstream")).or_else(|| called("origin")).or(only);
        let Some(remote) = found else {
            let problem = Problem::refused("no_remote", "it is not clear which remote has the pull request");
            return Err(problem.hint("git remote add origin URL").into());
        };
        let at = Place::of(&git.text(&["remote", "get-url", "--", remote])?);
        // What git takes it for may be a mirror in a folder.
        let called = || git.text(&["config", "--get", &format!("remote.{remote}.url")]).ok();
        let at = at.or_else(|| Place::of(&called()?));
        let opener = outside.opener(at.as_ref())?;
        Ok(Host { remote: (*remote).to_owned(), at, opener })
    }

    /// Returns a pull request there, if its host is one that can be spoken to.
    pub fn pull(&self, number: u64) -> Option<Pull> {
        Some(Pull { opener: self.opener?, at: self.at.clone()?, number })
    }
}

/// Asks a host what a pull request is.
pub fn about(outside: &Outside, pull: &Pull) -> Result<About> {
    let asked = pull.about().arguments;
    let answer = outside.ask(pull.opener, &asked)?;
    let about = pull.read_about(&answer.out).filter(|_| answer.exit == Some(0));
    about.ok_or_else(|| {
        let (program, reason) = (pull.opener.program(), answer.reason());
        let message = format!("{program} does not tell of {}: {reason}", pull.words());
        let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("host", message) };
        problem.hint(answer.advice(pull.opener, Some(&pull.at.host), &asked)).into()
    })
}

/// Finds the commits of a pull request and fetches them. They stay at `refs/crew/pull/NUMBER/`.
pub fn resolve(printer: &Printer, repository: &Path, number: u64) -> Result<PullRequest> {
    let (git, outside) = (Git::at(repository), Outside::in_passing(printer, repository, PATIENCE));
    let host = Host::of(&git, &outside)?;
    let pull = host.pull(number).filter(|pull| is_installed(pull.opener));
    let told = pull.as_ref().map(|pull| about(&outside, pull)).transpose()?;
    let into = match told.as_ref().map(|told| told.into.clone()).or_else(of_the_pipeline) {
        Some(branch) => branch,
        None => outside.default_branch(&host.remote)?,
    };
    let ours = |what: &str| format!("{}{what}", held_at(number));
    let (head, base) = (ours("head"), ours("base"));
    let from = Pull::reference(host.opener, number);
    let wanted = [format!("+{from}:{head}"), format!("+refs/heads/{into}:{base}")];
    outside.fetch(&host.remote, &wanted)?;
    let commit =
        |name: &str| reviewed::commit(&git, name).with_context(|| format!("read {name}, which was fetched"));
    let (head, mut base) = (commit(&head)?, commit(&base)?);
    // Once it is merged, the branch holds all of it; where that stood before is what it was for.
    if git.is_ancestor(&head, &base)? {
        base = told.and_then(|told| reviewed::commit(&git, &told.start)).unwrap_or(base);
    }
    let parted = reviewed::merge_base(&git, &base, &head).ok_or_else(|| apart(&git, number, &into))?;
    let words = pull.map_or_else(|| format!("pull request {number}"), |pull| pull.words());
    Ok(PullRequest { base_commit: parted, head_commit: head, words: clean_line(&words, MAX_NAME) })
}

/// Where the commits of a pull request are held, as long as a review of it is on record.
fn held_at(number: u64) -> String {
    format!("refs/crew/pull/{number}/")
}

/// The key of a pull request as a target.
pub fn key_of(number: u64) -> String {
    format!("pr:{number}")
}

/// Lets go of the commits of a pull request, by its key; of what is none, nothing is held.
pub fn let_go(git: &Git, key: &str) -> Result<()> {
    let Some(number) = key.strip_prefix("pr:").and_then(|number| number.parse().ok()) else { return Ok(()) };
    for reference in git.text(&["for-each-ref", "--format=%(refname)", &held_at(number)])?.lines() {
        git.run(&["update-ref", "-d", reference])?;
    }
    Ok(())
}

/// Returns the branch that a pipeline of GitHub or GitLab says its pull request is for.
fn of_the_pipeline() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("GITHUB_BASE_REF").or_else(|| set("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"))
}

/// Returns the number of the pull request that a pipeline of GitHub or GitLab runs for.
pub fn number_of_the_pipeline() -> Option<u64> {
    let set = |name| std::env::var(name).ok();
    let of_github = set("GITHUB_REF")
        .and_then(|reference| reference.strip_prefix("refs/pull/")?.split('/').next()?.parse().ok());
    of_github.or_else(|| set("CI_MERGE_REQUEST_IID")?.parse().ok())
}

fn apart(git: &Git, number: u64, into: &str) -> Problem {
    let into = clean_line(into, MAX_NAME);
    let message = format!("request {number} and {into} have no commit in common here");
    let problem = Problem::refused("no_common_commit", message);
    match reviewed::is_shallow(git) {
        true => problem.hint(
            "this clone is shallow: git fetch --unshallow (fetch-depth: 0 in GitHub Actions, GIT_DEPTH: 0 in GitLab)",
        ),
        false => problem.hint("crew review A..B compares any two commits"),
    }
}
