//! Who reviews: the names that reviewers are called by, and what each of them stands for.
//!
//! Reviewers are a vocabulary of their own. Every agent is one, in either role; so is any command that the settings name
//! as one, and such a command reviews only: it is no agent that could be given other work.

use crate::domain::nearest::nearest;
use crate::domain::submission::REVIEWERS;
use crate::domain::words::clean_line;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Stands for the agent that works where nobody names one.
pub const AUTOMATIC: &str = "auto";
/// What follows an agent's name where it is to look for what can be misused.
const SECURITY: &str = ":security";
/// The most characters of a reviewer's name.
const MAX_NAME: usize = 40;
/// The most minutes that a pass may take: a day.
const MAX_MINUTES: u64 = 1440;

/// A reviewer of the settings: a command, or an agent with a role or a model of its own.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default)]
    pub command: Option<String>,
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    /// Wall time of its pass.
    #[serde(default)]
    pub minutes: Option<u64>,
    /// How a command gets its prompt, what its output means and what it sees, as in `agents.NAME`.
    #[serde(default)]
    prompt: Option<Value>,
    #[serde(default)]
    output: Option<Value>,
    #[serde(default)]
    pass_env: Option<Value>,
}

impl Entry {
    /// Reads what the settings say about a reviewer, or says what is wrong.
    pub fn read(name: &str, value: &Value) -> Result<Entry, String> {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !begins || !name.chars().all(letters) || name.len() > MAX_NAME || name == AUTOMATIC {
            let name = clean_line(name, MAX_NAME);
            return Err(format!(
                "`{name}` cannot be the name of a reviewer: use small letters, digits, - and _, a letter first; at most {MAX_NAME}"
            ));
        }
        let entry: Entry = serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
        match (&entry.command, &entry.agent) {
            (None, None) => return Err("it needs a command, or an agent".into()),
            (Some(_), Some(_)) => return Err("it has a command or an agent, not both".into()),
            (None, Some(_))
                if entry.prompt.is_some() || entry.output.is_some() || entry.pass_env.is_some() =>
            {
                return Err("prompt, output and pass_env are for a command".into());
            }
            _ => {}
        }
        if let Some(role) = entry.role.as_deref().filter(|role| !REVIEWERS.contains(role)) {
            let role = clean_line(role, MAX_NAME);
            return Err(format!("role has to be {}, not `{role}`", REVIEWERS.join(" or ")));
        }
        match entry.minutes {
            Some(minutes) if !(1..=MAX_MINUTES).contains(&minutes) => {
                Err(format!("minutes has to be from 1 to {MAX_MINUTES}, not {minutes}"))
            }
            _ => Ok(entry),
        }
    }

    /// Returns its command as the settings of a program; nothing where it is an agent. What it is to review comes on its
    /// standard input unless it says otherwise: a command has arguments of its own.
    pub fn program(&self, name: &str) -> Option<Value> {
        let mut program = Map::new();
        program.insert("name".into(), json!(name));
        program.insert("command".into(), json!(self.command.as_ref()?));
        program.insert("prompt".into(), self.prompt.clone().unwrap_or_else(|| json!("stdin")));
        program.insert("output".into(), self.output.clone().unwrap_or_else(|| json!("text")));
        program.extend(self.pass_env.clone().map(|names| ("pass_env".to_owned(), names)));
        Some(Value::Object(program))
    }
}

/// What there is to choose from.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// The agents' names.
    pub agents: Vec<&'a str>,
    /// The agent that works where nobody names one.
    pub automatic: &'a str,
    /// The reviewers of the settings.
    pub own: BTreeMap<String, Entry>,
}

/// A reviewer that was called by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Called {
    pub name: String,
    /// The agent, or the reviewer's own name where it is a command.
    pub program: String,
    pub role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u64>,
}

/// There is no reviewer of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no reviewer `{name}`")]
pub struct Nobody {
    pub name: String,
    /// What to do about it.
    pub hint: String,
}

impl Known<'_> {
    /// Returns everybody who can be called, in the order in which they are shown: agents in both roles, then those of the
    /// settings.
    pub fn all(&self) -> Vec<Called> {
        let agents = self.agents.iter().flat_map(|agent| [(*agent).to_owned(), format!("{agent}{SECURITY}")]);
        agents.chain(self.own.keys().cloned()).filter_map(|name| self.called(&name)).collect()
    }

    /// Returns those whom the names call, each of them once, and the names that call nobody.
    pub fn call(&self, names: &[String]) -> (Vec<Called>, Vec<Nobody>) {
        let (mut called, mut missing): (Vec<Called>, Vec<Nobody>) = (Vec::new(), Vec::new());
        for name in names {
            match self.called(name) {
                Some(one) if !called.iter().any(|known| known.name == one.name) => called.push(one),
                Some(_) => {}
                None => missing.push(self.nobody(name)),
            }
        }
        (called, missing)
    }

    fn called(&self, name: &str) -> Option<Called> {
        if let Some(entry) = self.own.get(name) {
            return Some(Called {
                name: name.to_owned(),
                program: entry.agent.clone().unwrap_or_else(|| name.to_owned()),
                role: entry.role.clone().unwrap_or_else(|| REVIEWERS[0].to_owned()),
                model: entry.model.clone(),
                minutes: entry.minutes,
            });
        }
        let (agent, role) = match name.strip_suffix(SECURITY) {
            Some(agent) => (agent, REVIEWERS[1]),
            None => (name, REVIEWERS[0]),
        };
        let agent = if agent == AUTOMATIC { self.automatic } else { agent };
        let suffix = if role == REVIEWERS[1] { SECURITY } else { "" };
        self.agents.contains(&agent).then(|| Called {
            name: format!("{agent}{suffix}"),
            program: agent.to_owned(),
            role: role.to_owned(),
            model: None,
            minutes: None,
        })
    }

    fn nobody(&self, name: &str) -> Nobody {
        let names: Vec<String> = self.all().into_iter().map(|called| called.name).collect();
        let hint = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let own = self.own.keys().map(String::as_str);
                let names: Vec<&str> = self.agents.iter().copied().chain(own).collect();
                format!("there are {}; an agent's name with {SECURITY} too", names.join(", "))
            }
        };
        Nobody { name: clean_line(name, 100), hint }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known<'static> {
        let entry = |name: &str, value: Value| (name.to_owned(), Entry::read(name, &value).unwrap());
        let own = [
            entry("lint", json!({"command": "my-lint --all", "minutes": 5})),
            entry("deep", json!({"agent": "claude", "model": "opus", "role": "security-reviewer"})),
        ];
        Known { agents: vec!["builtin", "claude", "codex"], automatic: "claude", own: own.into() }
    }

    fn call(names: &[&str]) -> (Vec<String>, Vec<Nobody>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (called, missing) = known().call(&names);
        let told = |called: Called| {
            let Called { name, program, role, model, minutes } = called;
            format!("{name}={program}/{role}/{}/{}", model.unwrap_or_default(), minutes.unwrap_or_default())
        };
        (called.into_iter().map(told).collect(), missing)
    }

    #[test]
    fn each_name_calls_one_reviewer_and_twice_the_same_is_once() {
        let (called, missing) =
            call(&["builtin", "auto", "claude", "auto:security", "builtin:security", "lint", "deep", "lint"]);
        assert_eq!(
            called,
            [
                "builtin=builtin/reviewer//0",
                "claude=claude/reviewer//0",
                "claude:security=claude/security-reviewer//0",
                "builtin:security=builtin/security-reviewer//0",
                "lint=lint/reviewer//5",
                "deep=claude/security-reviewer/opus/0",
            ]
        );
        assert_eq!(missing, []);
        assert_eq!(known().all().len(), 8);
    }

    #[test]
    fn a_name_that_calls_nobody_is_told_with_the_nearest() {
        let (called, missing) = call(&["clade", "codex:securty", "lint:security", "whatever"]);
        assert_eq!(called, Vec::<String>::new());
        let hints: Vec<&str> = missing.iter().map(|nobody| nobody.hint.as_str()).collect();
        assert_eq!(hints[..2], ["did you mean `claude`?", "did you mean `codex:security`?"]);
        assert_eq!(
            hints[3],
            "there are builtin, claude, codex, deep, lint; an agent's name with :security too"
        );
        assert_eq!(missing[3].to_string(), "there is no reviewer `whatever`");
    }

    #[test]
    fn an_entry_is_a_command_or_an_agent_and_says_what_is_wrong() {
        let rows = [
            ("Lint", json!({"command": "x"}), "cannot be the name"),
            ("auto", json!({"command": "x"}), "cannot be the name"),
            ("a:b", json!({"command": "x"}), "cannot be the name"),
            ("lint", json!({}), "it needs a command, or an agent"),
            ("lint", json!({"command": "x", "agent": "claude"}), "not both"),
            ("lint", json!({"command": "x", "role": "executor"}), "reviewer or security-reviewer"),
            ("lint", json!({"command": "x", "minutes": 0}), "from 1 to 1440"),
            ("lint", json!({"command": "x", "writes": true}), "unknown field `writes`"),
            ("lint", json!({"agent": "claude", "output": "jsonl"}), "for a command"),
            ("lint", json!("x"), "invalid type"),
        ];
        for (name, value, wrong) in rows {
            let error = Entry::read(name, &value).unwrap_err();
            assert!(error.contains(wrong), "{name} {value}: {error}");
        }
    }

    #[test]
    fn a_command_gets_its_prompt_on_standard_input_unless_it_says_otherwise() {
        let program = |value: Value| Entry::read("lint", &value).unwrap().program("lint");
        let plain = json!({"name": "lint", "command": "x", "prompt": "stdin", "output": "text"});
        assert_eq!(program(json!({"command": "x"})), Some(plain));
        let said = program(json!({"command": "x", "prompt": "file", "pass_env": ["KEY"]})).unwrap();
        assert_eq!((&said["prompt"], &said["pass_env"]), (&json!("file"), &json!(["KEY"])));
        assert_eq!(program(json!({"agent": "claude"})), None);
    }
}
