//! What stays known of a run that was pruned: enough that sums over the history stay what they were.

use super::id::RunId;
use super::run::{Run, RunStatus};
use super::task::Attempt;
use super::time::Time;
use super::usage::Usage;
use super::words::clean_line;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most characters of a goal that stay.
const MAX_GOAL: usize = 200;

/// A run that was pruned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    pub id: RunId,
    /// The first line of it.
    pub goal: String,
    pub team: String,
    pub workflow: String,
    /// Where it stood at its end.
    pub outcome: RunStatus,
    pub created_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Wall time for which crew has worked on it, in milliseconds.
    pub worked_millis: u64,
    /// How many tasks were in which state.
    pub tasks: BTreeMap<String, u64>,
    /// What each agent did in it, with each model.
    pub agents: Vec<Share>,
    /// How many times a task was tried again.
    #[serde(default)]
    pub retries: u64,
    /// How many gates were opened in it.
    #[serde(default)]
    pub gates: u64,
    /// How many dead letters were written in it, those too that a person took up or dropped later.
    #[serde(default)]
    pub dead_letters: u64,
    pub pruned_at: Time,
    pub pruned_by: String,
    /// Bytes on the disk that went with it.
    pub bytes: u64,
}

/// What one agent did in a run with one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub agent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How many attempts ended in which way.
    pub attempts: BTreeMap<String, u64>,
    /// How many attempts ended with which kind of error.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub error_kinds: BTreeMap<String, u64>,
    /// Wall time of all of them together, in milliseconds.
    pub millis: u64,
    /// Wall time of each, in milliseconds, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub each_millis: Vec<u64>,
    pub usage: Usage,
}

impl Tombstone {
    /// Makes it from a run and those inside it, in which agents resolved the conflicts of its merges. How many dead letters
    /// were written in it only its events say.
    pub fn of(run: &Run, inside: &[Run], pruned_at: Time, pruned_by: &str, bytes: u64) -> Tombstone {
        let mut tasks: BTreeMap<String, u64> = BTreeMap::new();
        for task in &run.tasks {
            *tasks.entry(task.state.name().to_owned()).or_default() += 1;
        }
        let mut agents: Vec<Share> = Vec::new();
        let all = std::iter::once(run).chain(inside).flat_map(|run| &run.tasks);
        for attempt in all.flat_map(|task| &task.attempts) {
            let is_theirs = |share: &Share| share.agent == attempt.agent && share.model == attempt.model;
            let at = agents.iter().position(is_theirs).unwrap_or_else(|| {
                let (agent, model) = (attempt.agent.clone(), attempt.model.clone());
                agents.push(Share { agent, model, ..Share::default() });
                agents.len() - 1
            });
            agents[at].add(attempt);
        }
        Tombstone {
            id: run.id.clone(),
            goal: clean_line(run.goal.lines().next().unwrap_or_default(), MAX_GOAL),
            team: run.team.clone(),
            workflow: run.workflow.clone(),
            outcome: run.status(false),
            created_at: run.created_at,
            ended_at: run.ended_at,
            worked_millis: run.worked.as_millis() as u64,
            tasks,
            agents,
            retries: run.tasks.iter().map(|task| task.attempts.len().saturating_sub(1) as u64).sum(),
            gates: run.gates.len() as u64,
            dead_letters: 0,
            pruned_at,
            pruned_by: pruned_by.to_owned(),
            bytes,
        }
    }

    /// Returns how many attempts there were.
    pub fn attempts(&self) -> u64 {
        self.agents.iter().flat_map(|share| share.attempts.values()).sum()
    }

    /// Returns what all of them used up.
    pub fn usage(&self) -> Usage {
        let mut all = Usage::default();
        self.agents.iter().for_each(|share| all.add(&share.usage));
        all
    }
}

impl Share {
    fn add(&mut self, attempt: &Attempt) {
        *self.attempts.entry(attempt.state.name().to_owned()).or_default() += 1;
        let ended_at = attempt.ended_at.unwrap_or(attempt.started_at);
        if let Some(kind) = attempt.error_kind {
            *self.error_kinds.entry(kind.name().to_owned()).or_default() += 1;
        }
        let millis = ended_at.since(attempt.started_at).as_millis() as u64;
        self.millis += millis;
        self.each_millis.push(millis);
        self.usage.add(&attempt.usage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::run::tests::{ended, run_of, spec, started};

    #[test]
    fn the_sums_over_a_run_stay_what_they_were() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        run.goal = format!("the goal\n{}", "more of it\n".repeat(100));
        let usage = |tokens| Usage { output_tokens: Some(tokens), cost_usd: Some(0.25), ..Usage::default() };
        let mut at = 0;
        for (task, outcome, tokens) in [("a", Outcome::Failed, 5), ("b", Outcome::Succeeded, 7)] {
            run.apply(Time(at), &started(task, 1)).unwrap();
            let mut end = ended(task, 1, outcome, None);
            if let Event::AttemptEnded { usage: used, .. } = &mut end {
                *used = usage(tokens);
            }
            at += 1_000;
            run.apply(Time(at), &end).unwrap();
        }
        let inner = run.clone();
        let stone = Tombstone::of(&run, &[inner], Time(5_000), "Ada", 77);
        assert_eq!((stone.goal.as_str(), stone.outcome), ("the goal", RunStatus::Failed));
        assert_eq!(stone.tasks, [("completed".to_owned(), 1), ("failed".to_owned(), 1)].into());
        assert_eq!((stone.attempts(), stone.agents.len(), stone.agents[0].millis), (4, 1, 4_000));
        assert_eq!(stone.agents[0].each_millis, [1_000; 4]);
        assert_eq!((stone.retries, stone.gates, stone.dead_letters), (0, 0, 0));
        assert_eq!((stone.usage().output_tokens, stone.usage().cost_usd), (Some(24), Some(1.0)));
        let text = serde_json::to_string(&stone).unwrap();
        assert_eq!(serde_json::from_str::<Tombstone>(&text).unwrap(), stone);
        // As they were before all that was counted.
        let mut old: serde_json::Value = serde_json::from_str(&text).unwrap();
        for name in ["retries", "gates", "dead_letters"] {
            old.as_object_mut().unwrap().remove(name);
        }
        old["agents"][0].as_object_mut().unwrap().remove("each_millis");
        assert!(serde_json::from_value::<Tombstone>(old).unwrap().agents[0].each_millis.is_empty());
    }
}
