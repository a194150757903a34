//! How good the work of each agent is, and what it costs: which agent is worth its money.

use super::names::Metric;
use super::registry::{Histogram, Series, Snapshot, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What is known of what work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Known {
    /// Nothing that costs money was used.
    #[default]
    Free,
    /// Nobody tells.
    Nothing,
    /// Of some of it; there was more.
    Part,
    All,
}

impl Known {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Known::Free => "free",
            Known::Nothing => "nothing",
            Known::Part => "part",
            Known::All => "all",
        }
    }
}

/// How good work is: that of one agent with one model, or of all together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quality {
    pub agent: String,
    /// Empty where the agent's own default is used.
    pub model: String,
    /// Tasks that it worked on and that came to an end; those that were skipped or cancelled are none.
    pub tasks: u64,
    pub completed: u64,
    /// Of the tasks, those that were completed at the first pass and never went back.
    pub first_pass: u64,
    /// Of the tasks, those that another agent or model took over from it.
    pub passed_on: u64,
    /// Of those completed at the first pass, those that it took over itself.
    pub taken_over: u64,
    /// Passes over all tasks: 1 for each, and more where one was tried again or sent back.
    pub passes: u64,
    /// How long completed tasks took, in milliseconds.
    pub took: Histogram,
    /// Money, in millionths of a dollar.
    pub cost: u64,
    pub known: Known,
    /// How often its work was accepted by a reviewer or a person, and how often not.
    pub accepted: u64,
    pub rejected: u64,
}

impl Quality {
    /// Returns the part of its tasks that was completed at the first pass.
    pub fn first_pass_rate(&self) -> Option<f64> {
        part(self.first_pass, self.tasks)
    }

    /// Returns how many passes a task took.
    pub fn rework(&self) -> Option<f64> {
        part(self.passes, self.tasks)
    }

    /// Returns the part of its work that was accepted, of that which somebody judged.
    pub fn acceptance(&self) -> Option<f64> {
        part(self.accepted, self.accepted + self.rejected)
    }

    /// Returns the time in milliseconds within which the part `q` of the completed tasks was done.
    pub fn within(&self, q: f64) -> Option<f64> {
        self.took.quantile(Metric::TaskDuration.spec().buckets, q)
    }

    /// Returns how long a completed task took on average, in milliseconds, exactly.
    pub fn mean(&self) -> Option<f64> {
        self.took.mean()
    }

    /// Returns the least and the most that [`Quality::within`] can be.
    pub fn within_between(&self, q: f64) -> Option<(f64, f64)> {
        self.took.quantile_between(Metric::TaskDuration.spec().buckets, q)
    }

    /// Returns the dollars that were spent for each completed task, as far as they are known.
    pub fn cost_per_completed(&self) -> Option<f64> {
        let is_told = matches!(self.known, Known::All | Known::Part);
        is_told.then(|| part(self.cost, self.completed)).flatten().map(|cost| cost / 1e6)
    }

    /// Returns it as JSON shows it; times in milliseconds, money in dollars.
    pub fn json(&self) -> Json {
        let mut json = self.figures();
        json["agent"] = json!(self.agent);
        json["model"] = if self.model.is_empty() { Json::Null } else { json!(self.model) };
        json
    }

    fn figures(&self) -> Json {
        json!({"tasks": self.tasks, "completed": self.completed, "first_pass_rate": self.first_pass_rate(),
            "rework": self.rework(), "p50_ms": self.within(0.5), "p95_ms": self.within(0.95),
            "cost_usd": matches!(self.known, Known::All | Known::Part).then_some(self.cost as f64 / 1e6),
            "cost_per_completed_usd": self.cost_per_completed(), "cost_known": self.known.name(),
            "accepted": self.accepted, "rejected": self.rejected, "acceptance_rate": self.acceptance()})
    }

    fn add(&mut self, other: &Quality) {
        let Quality { tasks, completed, first_pass, passes, cost, accepted, rejected, .. } = other;
        self.passed_on += other.passed_on;
        self.taken_over += other.taken_over;
        let ours = [&mut self.tasks, &mut self.completed, &mut self.first_pass, &mut self.passes];
        ours.into_iter().zip([tasks, completed, first_pass, passes]).for_each(|(ours, more)| *ours += more);
        let ours = [&mut self.cost, &mut self.accepted, &mut self.rejected];
        ours.into_iter().zip([cost, accepted, rejected]).for_each(|(ours, more)| *ours += more);
        self.took.add(&other.took);
        self.known = match (self.known, other.known) {
            (Known::Free, known) | (known, Known::Free) => known,
            (ours, theirs) if ours == theirs => ours,
            _ => Known::Part,
        };
    }
}

fn part(some: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| some as f64 / all as f64)
}

/// What stands below the agents, over all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    pub all: Quality,
    pub retries: u64,
    pub dead_letters: u64,
    pub gates: u64,
    /// Gates that were decided, and of these those that were approved. In a window they need not be those that were opened.
    pub gates_decided: u64,
    pub gates_approved: u64,
    pub findings: u64,
    /// Findings that were put right, and that were dismissed.
    pub resolved: u64,
    pub dismissed: u64,
}

impl Totals {
    /// Returns the part of what reviewers found that was right, of that about which somebody decided.
    pub fn acceptance(&self) -> Option<f64> {
        part(self.resolved, self.resolved + self.dismissed)
    }

    /// Returns it as JSON shows it.
    pub fn json(&self) -> Json {
        let mut json = self.all.figures();
        let gates =
            json!({"opened": self.gates, "decided": self.gates_decided, "approved": self.gates_approved});
        let findings = json!({"found": self.findings, "resolved": self.resolved, "dismissed": self.dismissed,
            "acceptance_rate": self.acceptance()});
        (json["retries"], json["dead_letters"]) = (json!(self.retries), json!(self.dead_letters));
        (json["gates"], json["findings"]) = (gates, findings);
        json
    }
}

/// Returns how good the work of each agent is with each model, in the order of their names. Commands and merges, which no agent
/// does, are left out.
pub fn of_agents(snapshot: &Snapshot) -> Vec<Quality> {
    let mut agents: BTreeMap<(String, String), Building> = BTreeMap::new();
    for series in snapshot.series.iter().filter(|series| is_agents(series)) {
        let label = |name| series.label(name).unwrap_or_default();
        let one = agents.entry((label("agent").to_owned(), label("model").to_owned())).or_default();
        one.take(series);
    }
    let worked = |quality: &Quality| quality.tasks > 0 || quality.cost > 0 || quality.known != Known::Free;
    let built = agents.into_iter().map(|((agent, model), one)| Quality { agent, model, ..one.built() });
    built.filter(worked).collect()
}

/// Returns what all comes to.
pub fn totals(snapshot: &Snapshot) -> Totals {
    let mut all = Quality::default();
    of_agents(snapshot).iter().for_each(|quality| all.add(quality));
    // For all together, a task that went from one agent to another is one, and its first pass was in vain.
    all.tasks -= all.passed_on.min(all.tasks);
    all.first_pass -= all.taken_over.min(all.first_pass);
    let count = |metric: Metric, label: &str, value: &str| {
        let has = |series: &&Series| label.is_empty() || series.label(label) == Some(value);
        snapshot.of(metric).filter(has).map(|series| series.value.amount()).sum()
    };
    let decided = |decision: &str| -> u64 {
        let withdrawn: u64 = count(Metric::ReviewWithdrawn, "decision", decision);
        count(Metric::ReviewDecision, "decision", decision).saturating_sub(withdrawn)
    };
    Totals {
        all,
        retries: count(Metric::Retry, "", ""),
        dead_letters: count(Metric::DeadLetter, "", ""),
        gates: count(Metric::GateOpened, "", ""),
        gates_decided: count(Metric::GateDecided, "", ""),
        gates_approved: count(Metric::GateDecided, "decision", "approved"),
        findings: count(Metric::ReviewFinding, "", ""),
        resolved: decided("resolved"),
        dismissed: decided("dismissed"),
    }
}

/// Tells whether a series is of the work of an agent.
fn is_agents(series: &Series) -> bool {
    let spec = series.metric.spec();
    let label = |name| series.label(name).unwrap_or_default();
    spec.labels.starts_with(&["team", "role", "agent", "model"])
        && label("role") != "command"
        && (label("role"), label("agent")) != ("merge", "git")
}

/// An agent's figures while its series are gone through, in any order.
#[derive(Default)]
struct Building {
    settled: u64,
    reopened: u64,
    completed: (u64, u64),
    first: (u64, u64),
    taken_over: (u64, u64),
    retries: u64,
    priced: u64,
    unpriced: u64,
    quality: Quality,
}

impl Building {
    fn take(&mut self, series: &Series) {
        let label = |name| series.label(name).unwrap_or_default();
        let amount = series.value.amount();
        let is_done = !["skipped", "cancelled"].contains(&label("status"));
        let is_completed = label("status") == "completed";
        let is_taken_over = is_completed && label("pass") == "taken_over";
        let is_first = is_taken_over || is_completed && label("pass") == "first";
        match (series.metric, &series.value) {
            (Metric::TaskSettled, _) if is_done => {
                self.settled += amount;
                self.completed.0 += if is_completed { amount } else { 0 };
                self.first.0 += if is_first { amount } else { 0 };
                self.taken_over.0 += if is_taken_over { amount } else { 0 };
                self.quality.passed_on += if label("status") == "passed_on" { amount } else { 0 };
            }
            (Metric::TaskReopened, _) if is_done => {
                self.reopened += amount;
                self.completed.1 += if is_completed { amount } else { 0 };
                self.first.1 += if is_first { amount } else { 0 };
                self.taken_over.1 += if is_taken_over { amount } else { 0 };
            }
            (Metric::TaskRetries, Value::Histogram(retries)) if is_done => self.retries += retries.sum,
            (Metric::TaskDuration, Value::Histogram(took)) if is_completed => self.quality.took.add(took),
            (Metric::Cost, Value::Histogram(cost)) => {
                self.priced += amount;
                self.quality.cost += cost.sum;
            }
            (Metric::Unpriced, _) => self.unpriced += amount,
            (Metric::WorkJudged, _) if label("verdict") == "accepted" => self.quality.accepted += amount,
            (Metric::WorkJudged, _) => self.quality.rejected += amount,
            _ => {}
        }
    }

    fn built(self) -> Quality {
        // What a run that was pruned long ago has left may say so of one and not of the other.
        let net = |(settled, reopened): (u64, u64)| settled.saturating_sub(reopened);
        let tasks = net((self.settled, self.reopened));
        let known = match (self.priced, self.unpriced) {
            (0, 0) => Known::Free,
            (0, _) => Known::Nothing,
            (_, 0) => Known::All,
            _ => Known::Part,
        };
        Quality {
            tasks,
            completed: net(self.completed).min(tasks),
            first_pass: net(self.first).min(tasks),
            taken_over: net(self.taken_over),
            // What went back and was done once more is counted as tried again.
            passes: tasks + self.retries,
            known,
            ..self.quality
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::registry::Registry;
    use super::*;
    use crate::domain::time::Time;

    const WHO: [&str; 4] = ["t", "executor", "claude", "opus"];

    fn with<'a>(who: [&'a str; 4], more: &[&'a str]) -> Vec<&'a str> {
        [&who[..], more].concat()
    }

    /// Puts tasks of an agent into a registry, `first` of which were completed at the first pass, and the rest failed.
    pub(crate) fn tasks(registry: &mut Registry, who: [&str; 4], tasks: u64, first: u64, millis: u64) {
        registry.add(Metric::TaskSettled, &with(who, &["completed", "first"]), first);
        registry.add(Metric::TaskSettled, &with(who, &["failed", "first"]), tasks - first);
        for _ in 0..first {
            registry.observe(Metric::TaskDuration, &with(who, &["completed"]), millis);
        }
    }

    fn of_one(registry: &Registry) -> Quality {
        let all = of_agents(&registry.snapshot(Time(0)));
        let [one] = &all[..] else { panic!("{all:?}") };
        one.clone()
    }

    #[test]
    fn work_that_went_back_was_no_first_pass_and_counts_as_one_task() {
        let mut registry = Registry::default();
        tasks(&mut registry, WHO, 4, 3, 60_000);
        // One of them goes back, and is completed once more, at the second try of that.
        registry.add(Metric::TaskReopened, &with(WHO, &["completed", "first", "review"]), 1);
        registry.add(Metric::TaskSettled, &with(WHO, &["completed", "later"]), 1);
        registry.observe(Metric::TaskRetries, &with(WHO, &["completed"]), 2);
        // The one that had not come to it needed a person, who accepts it.
        registry.add(Metric::TaskReopened, &with(WHO, &["failed", "first", "acceptance"]), 1);
        registry.add(Metric::TaskSettled, &with(WHO, &["completed", "later"]), 1);
        registry.add(Metric::TaskSettled, &with(WHO, &["skipped", "first"]), 9);
        let quality = of_one(&registry);
        assert_eq!((quality.tasks, quality.completed, quality.first_pass), (4, 4, 2));
        assert_eq!((quality.first_pass_rate(), quality.rework()), (Some(0.5), Some(1.5)));
        assert_eq!(quality.within(0.5).map(|millis| millis as u64), Some(60_000));
    }

    #[test]
    fn what_nobody_tells_of_the_cost_is_unknown_and_not_nothing() {
        let mut registry = Registry::default();
        tasks(&mut registry, WHO, 2, 2, 1);
        assert_eq!((of_one(&registry).known, of_one(&registry).cost_per_completed()), (Known::Free, None));
        registry.add(Metric::Unpriced, &WHO, 1);
        assert_eq!((of_one(&registry).known, of_one(&registry).cost_per_completed()), (Known::Nothing, None));
        registry.observe(Metric::Cost, &WHO, 500_000);
        assert_eq!(
            (of_one(&registry).known, of_one(&registry).cost_per_completed()),
            (Known::Part, Some(0.25))
        );
    }

    #[test]
    fn commands_and_merges_are_no_agents_and_the_sums_hold_all_that_are() {
        let mut registry = Registry::default();
        tasks(&mut registry, ["t", "command", "sh", ""], 5, 5, 1);
        tasks(&mut registry, ["t", "merge", "git", ""], 5, 5, 1);
        tasks(&mut registry, WHO, 2, 1, 1);
        tasks(&mut registry, ["t", "planner", "codex", ""], 3, 3, 1);
        registry.observe(Metric::Cost, &WHO, 1_000_000);
        registry.add(Metric::WorkJudged, &with(WHO, &["person", "accepted"]), 2);
        registry.add(Metric::WorkJudged, &with(WHO, &["review", "rejected"]), 1);
        registry.add(Metric::GateOpened, &["start"], 9);
        registry.add(Metric::GateDecided, &["start", "approved"], 8);
        registry.add(Metric::GateDecided, &["start", "rejected"], 3);
        registry.add(Metric::ReviewFinding, &["claude", "error"], 57);
        registry.add(Metric::ReviewDecision, &["claude", "resolved", "good_fit"], 17);
        registry.add(Metric::ReviewDecision, &["claude", "dismissed", ""], 11);
        registry.add(Metric::ReviewWithdrawn, &["claude", "resolved"], 1);
        registry.add(Metric::ReviewWithdrawn, &["claude", "dismissed"], 2);
        let snapshot = registry.snapshot(Time(0));
        let names: Vec<String> = of_agents(&snapshot).into_iter().map(|quality| quality.agent).collect();
        assert_eq!(names, ["claude", "codex"]);
        let totals = totals(&snapshot);
        assert_eq!((totals.all.tasks, totals.all.completed, totals.all.known), (5, 4, Known::All));
        assert_eq!((totals.gates, totals.gates_approved, totals.findings), (9, 8, 57));
        // In a window more may be decided than is opened.
        assert_eq!(totals.json()["gates"], json!({"opened": 9, "decided": 11, "approved": 8}));
        assert_eq!((totals.acceptance(), totals.all.acceptance()), (Some(0.64), Some(2.0 / 3.0)));
        assert_eq!(totals.json()["findings"]["acceptance_rate"], json!(0.64));
    }
}
