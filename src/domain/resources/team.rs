//! A team file: which roles work together, and by which workflow.

use super::agent_file::{Routing, Thinking, read_routing};
use super::front_matter::{Document, Head, split_list};
use super::report::Report;
use super::workflow::MAX_CONCURRENCY;
use super::{Kind, Source, is_id, limits, read_description, read_name};
use crate::domain::budget::Limits;
use crate::domain::links;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// Roles that work together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Team {
    pub name: String,
    pub description: String,
    /// The workflow it follows where none is asked for; the one of the same name where the file does not say.
    pub workflow: String,
    /// How many of its tasks run at once, at most.
    pub max_concurrency: Option<u32>,
    /// What a run of it may use up.
    pub budget: Limits,
    /// Whether its tasks work in worktrees of their own; `None` leaves it to the command line.
    pub worktree: Option<bool>,
    /// Folders of the user's tree that are linked into each of its worktrees.
    pub link: Vec<String>,
    pub routing: Routing,
    pub roles: Vec<Role>,
    pub source: Source,
    /// The line that names the workflow.
    #[serde(skip)]
    pub workflow_line: Option<usize>,
}

/// What a member of a team is asked to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Role {
    pub name: String,
    /// An agent file or a program; the role's own name where the file does not say.
    pub agent: String,
    /// Takes precedence over the agent file's model.
    pub model: Option<String>,
    pub fallback_models: Vec<String>,
    pub thinking: Option<Thinking>,
    pub description: String,
    /// The line of the file, from 1.
    pub line: usize,
}

impl Team {
    /// Returns the role with this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }
}

const KEYS: [&str; 18] = [
    "name",
    "description",
    "defaultWorkflow",
    "workflow",
    "worktree",
    "workspaceMode",
    "link",
    "maxConcurrency",
    "maxCost",
    "maxTokens",
    "maxTime",
    "maxAttempts",
    "maxToolCalls",
    "triggers",
    "useWhen",
    "avoidWhen",
    "cost",
    "category",
];

const UNSUPPORTED: [&str; 2] = ["source", "observability"];

const ROLE_KEYS: [&str; 4] = ["agent", "model", "fallbackModels", "thinking"];

const UNSUPPORTED_ROLE_KEYS: [&str; 2] = ["skills", "maxConcurrency"];

/// Reads a team file.
pub(super) fn read(document: Document<'_>, stem: &str, source: Source, report: &mut Report) -> Team {
    let Document { mut head, body, body_line } = document;
    let name = read_name(&mut head, Kind::Team, stem, report);
    let workflow_line = head.line("defaultWorkflow").or_else(|| head.line("workflow"));
    let team = Team {
        description: read_description(&mut head, report),
        workflow: head.text(&["defaultWorkflow", "workflow"], report).unwrap_or_else(|| name.clone()),
        max_concurrency: head.count("maxConcurrency", MAX_CONCURRENCY, report),
        budget: read_budget(&mut head, report),
        worktree: read_worktree(&mut head, report),
        link: read_links(&mut head, report),
        routing: read_routing(&mut head, report),
        roles: read_roles(body, body_line, report),
        name,
        source,
        workflow_line,
    };
    head.finish(&KEYS, &UNSUPPORTED, report);
    team
}

/// Takes `worktree` or `workspaceMode`, which say the same.
fn read_worktree(head: &mut Head, report: &mut Report) -> Option<bool> {
    let mode_line = head.line("workspaceMode");
    let asked = head.flag("worktree", report);
    let mode = head.choice("workspaceMode", &[("single", false), ("worktree", true)], report);
    if let (Some(asked), Some(mode)) = (asked, mode)
        && asked != mode
    {
        let word = if mode { "worktree" } else { "single" };
        let message = format!("`workspaceMode: {word}` contradicts `worktree: {asked}`");
        report.add_with(mode_line, message, "they say the same; keep one of them");
    }
    asked.or(mode)
}

fn read_links(head: &mut Head, report: &mut Report) -> Vec<String> {
    let line = head.line("link");
    links::read(&head.list(&["link"], report)).unwrap_or_else(|message| {
        report.add(line, format!("`link`: {message}"));
        Vec::new()
    })
}

fn read_budget(head: &mut Head, report: &mut Report) -> Limits {
    let mut budget = Limits::default();
    for key in limits::KEYS {
        if let Some((line, text)) = head.written(key, report)
            && let Err(message) = limits::set(&mut budget, key, &text)
        {
            report.add(line, message);
        }
    }
    budget
}

fn read_roles(body: &str, body_line: usize, report: &mut Report) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    let mut lines_by_name = HashMap::new();
    let mut is_tried = false;
    for (index, text) in body.lines().enumerate() {
        let (line, text) = (body_line + index, text.trim());
        if !(text.starts_with('-') || text.starts_with("* ") || text.starts_with("+ ")) {
            continue;
        }
        is_tried = true;
        let Some(role) = read_role(text, line, report) else { continue };
        if let Some(first) = lines_by_name.insert(role.name.to_lowercase(), line) {
            report.add(line, format!("the role `{}` already stands in line {first}", role.name));
        }
        roles.push(role);
    }
    if !is_tried {
        report.add_with(body_line - 1, "the team has no roles", "add a line `- ROLE: agent=NAME` for each");
    }
    roles
}

fn read_role(text: &str, line: usize, report: &mut Report) -> Option<Role> {
    let parts = text.strip_prefix("- ").and_then(|rest| rest.split_once(':'));
    let Some((name, rest)) = parts.filter(|(name, _)| is_id(name.trim())) else {
        report.add_with(line, "this line is not a role", "write `- ROLE: agent=NAME what the role does`");
        return None;
    };
    let name = name.trim().to_owned();
    let (pairs, description) = cut_pairs(rest);
    let mut role = Role {
        agent: name.clone(),
        name,
        model: None,
        fallback_models: Vec::new(),
        thinking: None,
        description: description.to_owned(),
        line,
    };
    let mut seen = BTreeSet::new();
    for (key, value) in pairs {
        if !seen.insert(key) {
            report.add(line, format!("`{key}=` stands here twice"));
        }
        set(&mut role, key, value, report);
    }
    if let Some(key) = ROLE_KEYS.iter().find(|key| has_word_starting(description, key)) {
        report.add_with(
            line,
            format!("`{key}=` stands behind the description"),
            "put it in front of the description",
        );
    }
    Some(role)
}

/// Cuts the `key=value` words off the front of a role line, and returns them with the free text that follows.
fn cut_pairs(text: &str) -> (Vec<(&str, &str)>, &str) {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while let Some((key, value)) = rest.split_whitespace().next().and_then(|word| word.split_once('=')) {
        if key.is_empty()
            || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        {
            break;
        }
        pairs.push((key, value));
        rest = rest[key.len() + 1 + value.len()..].trim_start();
    }
    (pairs, rest)
}

fn has_word_starting(text: &str, key: &str) -> bool {
    text.split_whitespace().any(|word| word.strip_prefix(key).is_some_and(|rest| rest.starts_with('=')))
}

fn set(role: &mut Role, key: &str, value: &str, report: &mut Report) {
    let line = role.line;
    if UNSUPPORTED_ROLE_KEYS.contains(&key) {
        return report.add_unsupported(line, key);
    }
    if !ROLE_KEYS.contains(&key) {
        return report.add_unknown(line, format!("unknown key `{key}`"), key, ROLE_KEYS.into_iter());
    }
    if value.is_empty() {
        return report.add_with(
            line,
            format!("`{key}=` has no value"),
            "write the value right behind the `=`",
        );
    }
    match key {
        "agent" => role.agent = value.to_owned(),
        "fallbackModels" => role.fallback_models = split_list(value),
        "model" => role.model = (value != "false").then(|| value.to_owned()),
        _ if value == "false" => role.thinking = None,
        _ => {
            role.thinking = Thinking::WORDS.iter().find(|(word, _)| *word == value).map(|(_, level)| *level);
            if role.thinking.is_none() {
                let words = Thinking::WORDS.iter().map(|(word, _)| *word);
                report.add_unknown(line, format!("`thinking` cannot be `{value}`"), value, words);
            }
        }
    }
}

/// Reports roles whose agent is none of `agents`.
pub(super) fn check_agents(team: &Team, agents: &BTreeSet<&str>, report: &mut Report) {
    for role in team.roles.iter().filter(|role| !agents.contains(role.agent.as_str())) {
        let message = format!("role `{}`: there is no agent `{}`", role.name, role.agent);
        report.add_unknown(role.line, message, &role.agent, agents.iter().copied());
    }
}

/// Reports that the team's workflow is not there.
pub(super) fn add_unknown_workflow<'a>(
    team: &Team,
    workflows: impl Iterator<Item = &'a String> + Clone,
    report: &mut Report,
) {
    let message = format!("there is no workflow `{}`", team.workflow);
    report.add_unknown(team.workflow_line, message, &team.workflow, workflows.map(String::as_str));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::{Layer, front_matter};

    fn read_text(text: &str) -> (Team, Vec<(usize, String)>) {
        let mut report = Report::new("x.team.md");
        let document = front_matter::read(text, &mut report).unwrap();
        let source = Source { layer: Layer::User, path: "x.team.md".into() };
        let team = read(document, "x", source, &mut report);
        let problems = report.into_problems();
        (team, problems.into_iter().map(|problem| (problem.line.unwrap_or(0), problem.message)).collect())
    }

    #[test]
    fn a_role_line_gives_its_keys_and_then_its_description() {
        let (team, problems) = read_text(
            "---\ndescription: d\nworkflow: flow\nworkspaceMode: single\nmaxConcurrency: 3\n---\n# Roles\nWho works here.\n\n\
             - explorer:\n- writer: agent=scribe model=big fallbackModels=a,b thinking=high writes x=y: z\n",
        );
        assert_eq!(problems, []);
        assert_eq!((team.workflow.as_str(), team.max_concurrency), ("flow", Some(3)));
        assert_eq!(team.role("explorer").unwrap().agent, "explorer");
        let writer = team.role("writer").unwrap();
        assert_eq!((writer.agent.as_str(), writer.model.as_deref()), ("scribe", Some("big")));
        assert_eq!(
            (writer.fallback_models.join(" "), writer.thinking),
            ("a b".to_owned(), Some(Thinking::High))
        );
        assert_eq!((writer.description.as_str(), writer.line), ("writes x=y: z", 11));
    }

    #[test]
    fn worktrees_are_asked_for_by_either_key() {
        let read = |keys: &str| read_text(&format!("---\ndescription: d\n{keys}---\n- a:\n"));
        for (keys, expected) in [
            ("", None),
            ("worktree: true\n", Some(true)),
            ("workspaceMode: worktree\n", Some(true)),
            ("workspaceMode: single\nworktree: false\n", Some(false)),
        ] {
            let (team, problems) = read(keys);
            assert_eq!((team.worktree, problems), (expected, vec![]), "{keys}");
        }
        assert_eq!(read("worktree: true\nlink: target, web/x/\n").0.link, ["target", "web/x"]);
        assert_eq!(read("link:\n  - target\n").0.link, ["target"]);
    }

    #[test]
    fn a_team_follows_the_workflow_of_its_own_name_where_it_does_not_say() {
        assert_eq!(read_text("---\ndescription: d\n---\n- a:\n").0.workflow, "x");
    }

    #[test]
    fn each_wrong_role_line_is_told() {
        for (line, words) in [
            ("- explorer", "not a role"),
            ("* explorer: agent=x", "not a role"),
            ("- the explorer: agent=x", "not a role"),
            ("-explorer: agent=x", "not a role"),
            ("- explorer: agnet=x", "unknown key `agnet`"),
            ("- explorer: agent= x", "`agent=` has no value"),
            ("- explorer: agent=x agent=y", "`agent=` stands here twice"),
            ("- explorer: looks agent=x", "`agent=` stands behind the description"),
            ("- explorer: thinking=hihg", "`thinking` cannot be `hihg`"),
            ("- explorer: skills=a", "`skills` is not supported"),
            ("- Other: agent=x", "`Other` already stands in line 4"),
        ] {
            let (_, problems) = read_text(&format!("---\ndescription: d\n---\n- other:\n{line}\n"));
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert!(problems[0].0 == 5 && problems[0].1.contains(words), "{line}: {problems:?}");
        }
    }
}
