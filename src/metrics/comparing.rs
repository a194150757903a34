//! Whether work got better or worse from one time to another, or from one version of crew to the next.

use super::quality::{Known, Quality, of_agents, totals};
use super::registry::Snapshot;
use serde_json::{Value as Json, json};

/// On either side so many have to be counted; with fewer, chance says more than the work.
pub const ENOUGH: u64 = 10;
/// A rate is worse or better from so many points on.
pub const POINTS: f64 = 0.10;
/// Anything else is worse or better from such a part of what it was before on.
pub const PART: f64 = 0.25;

const P50: f64 = 0.5;
const P95: f64 = 0.95;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    Completed,
    FirstPass,
    Acceptance,
    Rework,
    Mean,
    P50,
    P95,
    CostPerCompleted,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Measure; 8] = [
        Measure::Completed,
        Measure::FirstPass,
        Measure::Acceptance,
        Measure::Rework,
        Measure::Mean,
        Measure::P50,
        Measure::P95,
        Measure::CostPerCompleted,
    ];

    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Completed => "completed",
            Measure::FirstPass => "first_pass",
            Measure::Acceptance => "acceptance",
            Measure::Rework => "rework",
            Measure::Mean => "mean_ms",
            Measure::P50 => "p50_ms",
            Measure::P95 => "p95_ms",
            Measure::CostPerCompleted => "cost_per_completed_usd",
        }
    }

    /// Tells whether it is a rate, from 0 to 1, of which more is better.
    pub fn is_rate(self) -> bool {
        matches!(self, Measure::Completed | Measure::FirstPass | Measure::Acceptance)
    }

    /// Returns the value, and of how many it is.
    fn of(self, quality: &Quality) -> (Option<f64>, u64) {
        match self {
            Measure::Completed => {
                let rate = quality.completed as f64 / quality.tasks.max(1) as f64;
                ((quality.tasks > 0).then_some(rate), quality.tasks)
            }
            Measure::FirstPass => (quality.first_pass_rate(), quality.tasks),
            Measure::Acceptance => (quality.acceptance(), quality.accepted + quality.rejected),
            Measure::Rework => (quality.rework(), quality.tasks),
            Measure::Mean => (quality.mean(), quality.took.count()),
            Measure::P50 => (quality.within(P50), quality.took.count()),
            Measure::P95 => (quality.within(P95), quality.took.count()),
            Measure::CostPerCompleted => (quality.cost_per_completed(), quality.completed),
        }
    }
}

/// What became of a measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Better,
    Same,
    Worse,
    /// Too little is known of one of the sides.
    TooFew,
    /// Not all is known of what one of the sides cost, and what is missing may be any of it.
    CostUnknown,
    /// Times are counted in buckets, which do not tell the sides apart well enough.
    TooCoarse,
}

impl Verdict {
    /// Returns the word used in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Better => "better",
            Verdict::Same => "same",
            Verdict::Worse => "worse",
            Verdict::TooFew => "too_few",
            Verdict::CostUnknown => "cost_unknown",
            Verdict::TooCoarse => "too_coarse",
        }
    }
}

/// One measure of one agent with one model, or of all together, before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The agent and its model; none where all together are meant.
    pub who: Option<(String, String)>,
    pub measure: Measure,
    /// The value, and of how many it is.
    pub before: (Option<f64>, u64),
    pub after: (Option<f64>, u64),
    /// What is known of the costs before and after; none where something else is compared.
    pub known: Option<(Known, Known)>,
    pub verdict: Verdict,
}

impl Change {
    /// Returns it as JSON shows it.
    pub fn json(&self) -> Json {
        let (agent, model) = self.who.as_ref().map(|(agent, model)| (agent, model)).unzip();
        json!({"agent": agent, "model": model.filter(|model| !model.is_empty()), "measure": self.measure.name(),
            "before": self.before.0, "before_of": self.before.1, "after": self.after.0, "after_of": self.after.1,
            "before_known": self.known.map(|(before, _)| before.name()),
            "after_known": self.known.map(|(_, after)| after.name()), "verdict": self.verdict.name()})
    }
}

/// Decides what became of a measure.
pub fn verdict(measure: Measure, before: (Option<f64>, u64), after: (Option<f64>, u64)) -> Verdict {
    let ((Some(was), count), (Some(is), count_after)) = (before, after) else { return Verdict::TooFew };
    // A difference that is as large as the limit is large enough, however it was rounded.
    let (gained, limit) = match measure.is_rate() {
        true => (is - was, POINTS - 1e-9),
        false => (was - is, was * PART - 1e-9),
    };
    match () {
        () if count.min(count_after) < ENOUGH => Verdict::TooFew,
        () if gained <= -limit && gained < 0.0 => Verdict::Worse,
        () if gained >= limit && gained > 0.0 => Verdict::Better,
        () => Verdict::Same,
    }
}

/// Decides what became of a quantile, of which is known between what it lies: what holds wherever it lies there.
fn verdict_of_time(measure: Measure, q: f64, before: &Quality, after: &Quality) -> Verdict {
    let count = |quality: &Quality| quality.took.count();
    let between = (before.within_between(q), after.within_between(q));
    let (Some((least, most)), Some((least_after, most_after))) = between else { return Verdict::TooFew };
    let verdict = |was, is| verdict(measure, (Some(was), count(before)), (Some(is), count(after)));
    let (slowest, fastest) = (verdict(least, most_after), verdict(most, least_after));
    if slowest == fastest { slowest } else { Verdict::TooCoarse }
}

/// Compares all work together, and that of each agent and model that is on both sides.
pub fn compare(before: &Snapshot, after: &Snapshot) -> Vec<Change> {
    let of_all = |snapshot| totals(snapshot).all;
    let mut changes = changes(None, &of_all(before), &of_all(after));
    let agents = of_agents(before);
    for now in of_agents(after) {
        let same = |was: &&Quality| was.agent == now.agent && was.model == now.model;
        if let Some(was) = agents.iter().find(same) {
            changes.extend(self::changes(Some((now.agent.clone(), now.model.clone())), was, &now));
        }
    }
    changes
}

fn changes(who: Option<(String, String)>, before: &Quality, after: &Quality) -> Vec<Change> {
    let change = |measure: Measure| {
        let known = (measure == Measure::CostPerCompleted).then_some((before.known, after.known));
        let of_time = match measure {
            Measure::P50 => Some(verdict_of_time(measure, P50, before, after)),
            Measure::P95 => Some(verdict_of_time(measure, P95, before, after)),
            _ => None,
        };
        let (before, after) = (measure.of(before), measure.of(after));
        let is_partial = |known: Known| matches!(known, Known::Nothing | Known::Part);
        let verdict = match known {
            Some((before, after)) if is_partial(before) || is_partial(after) => Verdict::CostUnknown,
            _ => of_time.unwrap_or_else(|| verdict(measure, before, after)),
        };
        Change { who: who.clone(), measure, before, after, known, verdict }
    };
    Measure::ALL.into_iter().map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::super::names::Metric;
    use super::super::quality::tests::tasks;
    use super::super::registry::{Registry, Value};
    use super::*;
    use crate::domain::time::Time;

    #[test]
    fn a_verdict_needs_enough_on_both_sides_and_a_difference_that_counts() {
        use Verdict::*;
        let rate = Measure::FirstPass;
        let time = Measure::P95;
        let rows = [
            (rate, 0.80, 10, 0.70, 10, Worse),
            (rate, 0.80, 10, 0.71, 10, Same),
            (rate, 0.80, 10, 0.90, 10, Better),
            (rate, 0.80, 9, 0.10, 50, TooFew),
            (rate, 0.80, 50, 0.10, 9, TooFew),
            (time, 1_000.0, 20, 1_250.0, 20, Worse),
            (time, 1_000.0, 20, 1_249.0, 20, Same),
            (time, 1_000.0, 20, 750.0, 20, Better),
            (time, 0.0, 20, 0.0, 20, Same),
            (Measure::CostPerCompleted, 0.10, 20, 0.20, 20, Worse),
            (Measure::Rework, 1.0, 20, 1.3, 20, Worse),
        ];
        for (measure, was, count, is, count_after, expected) in rows {
            let found = verdict(measure, (Some(was), count), (Some(is), count_after));
            assert_eq!(found, expected, "{measure:?} {was} of {count}, {is} of {count_after}");
        }
        assert_eq!(verdict(Measure::CostPerCompleted, (None, 50), (Some(1.0), 50)), TooFew);
    }

    #[test]
    fn of_a_time_that_is_not_known_well_enough_nothing_is_said_but_of_the_mean() {
        let of = |values: &[u64]| {
            let mut registry = Registry::default();
            let labels = ["t", "executor", "claude", "", "completed"];
            values.iter().for_each(|millis| registry.observe(Metric::TaskDuration, &labels, *millis));
            let snapshot = registry.snapshot(Time(0));
            let Some(Value::Histogram(took)) = snapshot.total(Metric::TaskDuration) else { panic!() };
            Quality { took, ..Quality::default() }
        };
        let verdicts = |before: &[u64], after: &[u64]| {
            let all = changes(None, &of(before), &of(after));
            [Measure::Mean, Measure::P50, Measure::P95]
                .map(|measure| all.iter().find(|change| change.measure == measure).unwrap().verdict)
        };
        use Verdict::*;
        // In one bucket, and on both sides of a bound.
        assert_eq!(verdicts(&[1_300; 12], &[2_300; 12])[0], Worse);
        assert_eq!(verdicts(&[1_300, 1_310].repeat(6), &[2_300, 2_200].repeat(6))[2], TooCoarse);
        assert_eq!(verdicts(&[950, 960].repeat(6), &[1_050, 1_040].repeat(6)), [Same, Same, TooCoarse]);
        assert_eq!(verdicts(&[1_300; 12], &[900_000; 12]), [Worse; 3]);
        assert_eq!(verdicts(&[900_000; 12], &[1_300; 12]), [Better; 3]);
        assert_eq!(verdicts(&[1_300; 9], &[900_000; 12]), [TooFew; 3]);
    }

    #[test]
    fn what_is_known_in_part_of_a_cost_is_no_reason_for_a_verdict() {
        use Verdict::*;
        let quality = |known, cost| Quality { tasks: 20, completed: 20, known, cost, ..Quality::default() };
        let of = |before: Known, after: Known| {
            let all = changes(None, &quality(before, 1_000_000), &quality(after, 9_000_000));
            let cost = all.into_iter().find(|change| change.measure == Measure::CostPerCompleted).unwrap();
            let json = cost.json();
            assert_eq!(
                (&json["before_known"], &json["after_known"]),
                (&json!(before.name()), &json!(after.name()))
            );
            cost.verdict
        };
        for (before, after, expected) in [
            (Known::All, Known::All, Worse),
            (Known::Part, Known::All, CostUnknown),
            (Known::All, Known::Part, CostUnknown),
            (Known::All, Known::Nothing, CostUnknown),
            (Known::Free, Known::All, TooFew),
        ] {
            assert_eq!(of(before, after), expected, "{before:?} {after:?}");
        }
        let others = changes(None, &quality(Known::Part, 1), &quality(Known::Part, 1));
        assert!(
            others.iter().filter(|change| change.known.is_none()).all(|change| change.verdict != CostUnknown)
        );
    }

    #[test]
    fn an_agent_is_compared_where_it_is_on_both_sides() {
        let snapshot = |first: u64, other: &str| {
            let mut registry = Registry::default();
            tasks(&mut registry, ["t", "executor", "claude", "opus"], 20, first, 30_000);
            tasks(&mut registry, ["t", "executor", other, ""], 20, 20, 30_000);
            registry.snapshot(Time(0))
        };
        let all = compare(&snapshot(18, "old"), &snapshot(8, "new"));
        let shown: Vec<(Option<&str>, Measure, Verdict)> = all
            .iter()
            .map(|change| {
                (change.who.as_ref().map(|(agent, _)| agent.as_str()), change.measure, change.verdict)
            })
            .collect();
        assert_eq!(shown.len(), 2 * Measure::ALL.len());
        assert!(shown.contains(&(Some("claude"), Measure::FirstPass, Verdict::Worse)), "{shown:?}");
        assert!(shown.contains(&(None, Measure::FirstPass, Verdict::Worse)), "{shown:?}");
        assert!(shown.contains(&(Some("claude"), Measure::CostPerCompleted, Verdict::TooFew)), "{shown:?}");
        assert_eq!(all[0].json()["before_of"], json!(40));
        let alike = compare(&snapshot(18, "a"), &snapshot(18, "a"));
        assert!(!alike.iter().any(|change| matches!(change.verdict, Verdict::Better | Verdict::Worse)));
    }
}
