//! Which agents there are, and which of them this machine has.

use super::builtin::{self, BuiltIn};
use super::custom::CustomAgent;
use super::replay;
use super::{Agent, known};
use crate::domain::review::reviewers::{Entry, Known};
use crate::domain::settings::{AGENTS, Origin, Problem, REVIEW_REVIEWERS, Settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Every agent by its name.
#[derive(Clone)]
pub struct Registry {
    agents: BTreeMap<String, Arc<dyn Agent>>,
    /// Commands that review, and do nothing else: no agent can be one of them.
    reviewers: BTreeMap<String, Arc<dyn Agent>>,
    /// What the settings say of reviewers.
    entries: BTreeMap<String, Entry>,
    /// In the order in which `auto` tries them.
    preferred: Vec<String>,
}

impl Registry {
    /// Knows the agent CLIs, the built-in agent (`ourselves` is the running binary) and those of the settings.
    pub fn new(ourselves: String, settings: &Settings) -> Result<Registry, Vec<Problem>> {
        let mut agents: BTreeMap<String, Arc<dyn Agent>> = BTreeMap::new();
        let mut preferred = Vec::new();
        for agent in known() {
            preferred.push(agent.name().to_owned());
            agents.insert(agent.name().to_owned(), Arc::from(agent));
        }
        agents.insert(builtin::NAME.into(), Arc::new(BuiltIn::new(ourselves)));
        let mut problems = Vec::new();
        for (name, (value, origin)) in settings.table(&AGENTS) {
            match custom(&name, value) {
                Ok(_) if agents.contains_key(&name) || name == replay::NAME => {
                    problems.push(problem(&name, origin, "there is an agent of that name already".into()));
                }
                Ok(agent) => {
                    agents.insert(name, Arc::new(agent));
                }
                Err(why) => problems.push(problem(&name, origin, why)),
            }
        }
        let mut registry =
            Registry { agents, reviewers: BTreeMap::new(), entries: BTreeMap::new(), preferred };
        for (name, (value, origin)) in settings.table(&REVIEW_REVIEWERS) {
            if let Err(why) = registry.take_reviewer(&name, &value) {
                let key = REVIEW_REVIEWERS.key;
                problems.push(Problem { origin, message: format!("{key}.{name}: {why}"), hint: None });
            }
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    fn take_reviewer(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let entry = Entry::read(name, value)?;
        if self.agents.contains_key(name) || name == replay::NAME {
            return Err("there is an agent of that name already".into());
        }
        if let Some(agent) = entry.agent.as_deref().filter(|agent| !self.agents.contains_key(*agent)) {
            return Err(format!("there is no agent `{agent}`"));
        }
        if let Some(program) = entry.program(name) {
            let program: CustomAgent = serde_json::from_value(program).map_err(|error| error.to_string())?;
            self.reviewers.insert(name.to_owned(), Arc::new(program));
        }
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Returns who can be called to review.
    pub fn reviewers(&self) -> Known<'_> {
        Known {
            agents: self.agents.keys().map(String::as_str).collect(),
            automatic: self.automatic(),
            own: self.entries.clone(),
        }
    }

    /// Returns every program that a task may be given to: the agents, and the commands that only review.
    pub fn programs(&self) -> BTreeMap<String, Arc<dyn Agent>> {
        self.agents.iter().chain(&self.reviewers).map(|(name, agent)| (name.clone(), agent.clone())).collect()
    }

    /// Takes in one more agent, for this run only.
    pub fn add(&mut self, agent: Arc<dyn Agent>) {
        self.agents.insert(agent.name().to_owned(), agent);
    }

    /// Returns the names of all agents.
    pub fn names(&self) -> Vec<String> {
        self.agents.keys().cloned().collect()
    }

    /// Returns an agent by its name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Agent>> {
        self.agents.get(name)
    }

    /// Returns every agent by its name.
    pub fn all(&self) -> &BTreeMap<String, Arc<dyn Agent>> {
        &self.agents
    }

    /// Returns an agent, or a command that only reviews, by its name.
    pub fn program(&self, name: &str) -> Option<&Arc<dyn Agent>> {
        self.agents.get(name).or_else(|| self.reviewers.get(name))
    }

    /// Returns where the program of an agent or reviewer is on PATH.
    pub fn installed(&self, name: &str) -> Option<PathBuf> {
        which::which(self.program(name)?.program()).ok()
    }

    /// Returns the agent that works where nobody names one: the first agent CLI that is installed, or the built-in one.
    /// One of the settings has to be named, because nobody knows what it can do.
    pub fn automatic(&self) -> &str {
        let found = self.preferred.iter().find(|name| self.installed(name).is_some());
        found.map_or(builtin::NAME, String::as_str)
    }
}

fn problem(name: &str, origin: Origin, message: String) -> Problem {
    Problem { origin, message: format!("agents.{name}: {message}"), hint: None }
}

fn custom(name: &str, mut value: Value) -> Result<CustomAgent, String> {
    if let Some(object) = value.as_object_mut() {
        object.insert("name".into(), json!(name));
        object.entry("prompt").or_insert(json!("argument"));
        object.entry("output").or_insert(json!("text"));
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}
