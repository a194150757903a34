//! The one table of all metrics: what each is called, what it counts, and by what it is told apart.

use serde::{Serialize, Serializer};

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Says how it is now.
    Gauge,
    /// Says how many were how large.
    Histogram,
}

impl Kind {
    /// Returns the word used in JSON and in the text formats.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// What a metric is measured in; the last word of its name says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// How often something happened.
    Total,
    /// How many there are, or how often it came to this.
    Count,
    /// Milliseconds.
    Ms,
    Tokens,
    /// Millionths of a US dollar.
    Microusd,
    Bytes,
    Lines,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Unit; 7] =
        [Unit::Total, Unit::Count, Unit::Ms, Unit::Tokens, Unit::Microusd, Unit::Bytes, Unit::Lines];

    /// Returns the last word of the names that are measured in it.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Total => "total",
            Unit::Count => "count",
            Unit::Ms => "ms",
            Unit::Tokens => "tokens",
            Unit::Microusd => "microusd",
            Unit::Bytes => "bytes",
            Unit::Lines => "lines",
        }
    }
}

/// What the table says of a metric.
#[derive(Debug)]
pub struct Spec {
    /// `crew.{domain}.{measure}_{unit}`.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub kind: Kind,
    pub unit: Unit,
    /// By what its series are told apart, in this order. Never a run or a task: there is no end of them.
    pub labels: &'static [&'static str],
    /// Upper bounds, each counted in; empty where it is no histogram.
    pub buckets: &'static [u64],
}

/// How many label sets a metric may have; all others stand in one series, whose labels are [`OTHER`].
pub const MAX_SERIES: usize = 1_000;
/// What the labels of the series say in which everything stands that had too many label sets.
pub const OTHER: &str = "other";

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long programs take to start and tools to answer: 1 ms to 10 minutes.
const SHORT: &[u64] = &[
    1,
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    SECOND,
    2_500,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
];
/// How long agents work, and how long limits let wait: 10 ms to a day.
const WORK: &[u64] = &[
    10,
    50,
    100,
    250,
    500,
    SECOND,
    2_500,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    40 * SECOND,
    MINUTE,
    90 * SECOND,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    20 * MINUTE,
    40 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    DAY,
];
/// How long persons let wait: a second to four weeks.
const PATIENCE: &[u64] = &[
    SECOND,
    10 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    4 * HOUR,
    12 * HOUR,
    DAY,
    3 * DAY,
    7 * DAY,
    28 * DAY,
];
/// What one attempt uses up: 100 to 20 million.
const TOKENS: &[u64] =
    &[100, 500, 2_000, 10_000, 50_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 20_000_000];
/// What one attempt costs: a tenth of a cent to 100 dollars.
const MONEY: &[u64] = &[
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
];
/// What a process holds in memory: 1 MiB to 8 GiB.
const MEMORY: &[u64] = &[
    1 << 20,
    4 << 20,
    16 << 20,
    64 << 20,
    128 << 20,
    256 << 20,
    512 << 20,
    1 << 30,
    2 << 30,
    4 << 30,
    8 << 30,
];
/// How often a task was tried again.
const RETRIES: &[u64] = &[0, 1, 2, 3, 5, 10];

/// Makes the type whose values are the metrics, and their table.
macro_rules! metrics {
    ($($variant:ident $kind:ident $name:literal $unit:ident [$($label:literal)*] $buckets:expr, $help:literal;)*) => {
        /// A metric, by which its line in the table is found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = $help] $variant,)* }

        impl Metric {
            /// Every metric, in the order of the table.
            pub const ALL: &'static [Metric] = &[$(Metric::$variant,)*];
        }

        static TABLE: &[Spec] = &[$(Spec {
            name: $name,
            help: $help,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            buckets: $buckets,
        },)*];
    };
}

metrics! {
    RunMade Counter "crew.run.made_total" Total ["team" "workflow"] &[], "Runs that were made";
    RunEnded Counter "crew.run.count" Count ["team" "status"] &[], "Times that a run came to an end, or to a stop";
    RunDuration Histogram "crew.run.duration_ms" Ms ["team" "status"] WORK,
        "For how long crew worked on a run until it ended";
    RunTakenOver Counter "crew.run.takeover_total" Total ["team"] &[],
        "Runs that went on after the crew process that carried them out had died";
    RunStopAsked Counter "crew.run.stop_total" Total ["how"] &[],
        "Times that a person asked a run to stop; a run that is cancelled counts once, whatever was at work";
    RunsOpen Gauge "crew.run.open_count" Count ["status"] &[], "Runs that are not done";

    TaskMade Counter "crew.task.made_total" Total ["team" "role"] &[], "Tasks that were made";
    TaskSettled Counter "crew.task.count" Count ["team" "role" "agent" "model" "status" "pass"] &[],
        "Times that a task was settled, or passed on to another agent or model, by whether it was their first pass";
    TaskReopened Counter "crew.task.reopened_total" Total ["team" "role" "agent" "model" "status" "pass" "by"] &[],
        "Times that a settled task left its state again, for whatever reason; each counts when it had been settled";
    TaskDuration Histogram "crew.task.duration_ms" Ms ["team" "role" "agent" "model" "status"] WORK,
        "How long all attempts of an agent and model at a task took together until it was settled or passed on";
    TaskRetries Histogram "crew.task.retry_count" Count ["team" "role" "agent" "model" "status"] RETRIES,
        "How many attempts of an agent and model a task took, beside their very first, until it was settled or passed on";
    TaskWait Histogram "crew.task.wait_ms" Ms ["team" "role"] WORK,
        "How long a task that could start waited for a slot";
    Retry Counter "crew.task.retry_attempt_total" Total ["team" "role" "agent" "model" "error_kind"] &[],
        "Attempts after which crew tried again by itself, but for those that were interrupted or lost";
    RetryDelay Histogram "crew.task.retry_delay_ms" Ms ["agent" "error_kind"] WORK,
        "How long crew waits before it tries again by itself";
    DeadLetter Counter "crew.task.deadletter_total" Total ["team" "role" "agent" "reason"] &[],
        "Tasks that were given up";
    DeadLettersOpen Gauge "crew.deadletter.open_count" Count [] &[],
        "Tasks that were given up and that nobody took up or dropped";
    TasksOpen Gauge "crew.task.open_count" Count ["status"] &[], "Tasks that are not settled";

    AttemptEnded Counter "crew.attempt.count" Count ["team" "role" "agent" "model" "outcome" "error_kind"] &[],
        "Attempts that ended";
    AttemptDuration Histogram "crew.attempt.duration_ms" Ms ["team" "role" "agent" "model" "outcome"] WORK,
        "How long an attempt took, with its checks";
    AttemptSpawn Histogram "crew.attempt.spawn_ms" Ms ["agent"] SHORT,
        "How long it took from the start of an attempt until its process ran";
    AttemptCpu Histogram "crew.attempt.cpu_ms" Ms ["role" "agent"] WORK,
        "Processor time that the process of an attempt used";
    AttemptMemory Histogram "crew.attempt.memory_bytes" Bytes ["role" "agent"] MEMORY,
        "The most memory that the process of an attempt held at once";
    AttemptAdopted Counter "crew.attempt.adopted_total" Total ["agent"] &[],
        "Attempts that another crew process looked after because theirs had died";
    Tokens Histogram "crew.attempt.usage_tokens" Tokens ["team" "role" "agent" "model" "direction"] TOKENS,
        "Tokens that an attempt used, as far as its agent tells";
    Cost Histogram "crew.attempt.cost_microusd" Microusd ["team" "role" "agent" "model"] MONEY,
        "Money that an attempt cost, as far as its agent or the price table tells";
    Unpriced Counter "crew.attempt.unpriced_total" Total ["team" "role" "agent" "model"] &[],
        "Attempts of agents that cost money of which nobody tells how much";

    AgentWait Counter "crew.agent.wait_total" Total ["agent" "model"] &[],
        "Times that an agent said that it waits or tries again by itself";
    AgentWaitTime Histogram "crew.agent.wait_ms" Ms ["agent" "model"] WORK, "How long an agent waited by itself";
    Nudge Counter "crew.agent.nudge_total" Total ["role" "agent" "model"] &[],
        "Agents that were reminded to hand something in";
    ToolCall Counter "crew.tool.call_total" Total ["agent" "tool" "result"] &[], "Tool calls that came back";
    ToolDuration Histogram "crew.tool.duration_ms" Ms ["agent" "result"] SHORT, "How long a tool call took";

    SubmissionAccepted Counter "crew.submission.accepted_total" Total ["role" "agent" "kind"] &[],
        "Submissions that crew accepted";
    SubmissionRefused Counter "crew.submission.refused_total" Total ["agent" "kind" "code"] &[],
        "Submissions that crew refused";
    NoteTaken Counter "crew.submission.note_total" Total ["role" "agent" "kind"] &[],
        "What agents said on their way";

    GateOpened Counter "crew.gate.opened_total" Total ["about"] &[], "Gates that were opened";
    GateDecided Counter "crew.gate.decided_total" Total ["about" "decision"] &[], "Gates that were decided";
    GateWait Histogram "crew.gate.wait_ms" Ms ["about" "decision"] PATIENCE,
        "How long a gate was open before it was decided";
    GatesOpen Gauge "crew.gate.open_count" Count ["about"] &[], "Gates that wait for a person";

    WorkJudged Counter "crew.work.judged_total" Total ["team" "role" "agent" "model" "by" "verdict"] &[],
        "Times that a person, or all reviewers of a round together, accepted the work of an agent, or did not";
    WorkLines Counter "crew.work.changed_lines" Lines ["role" "agent" "model" "direction"] &[],
        "Lines that agents added and removed in work trees of their own";
    ReviewPass Counter "crew.review.pass_total" Total ["reviewer" "verdict"] &[], "Reviewers' passes that ended";
    ReviewDuration Histogram "crew.review.duration_ms" Ms ["reviewer" "verdict"] WORK,
        "How long a reviewer's pass took";
    ReviewFinding Counter "crew.review.finding_total" Total ["reviewer" "severity"] &[],
        "What reviewers found, each once for a run and a reviewer, whatever the round";
    ReviewDecision Counter "crew.review.decision_total" Total ["reviewer" "decision" "feedback"] &[],
        "What was decided about what reviewers found";
    ReviewWithdrawn Counter "crew.review.withdrawn_total" Total ["reviewer" "decision"] &[],
        "Decisions about what reviewers found that later ones took back, each when it had been made";
    ReviewRound Counter "crew.review.round_total" Total ["team" "role" "agent" "model"] &[],
        "Times that a review sent work back";
    Verification Counter "crew.verify.command_total" Total ["team" "role" "result"] &[],
        "Verification commands that ended";
    VerificationDuration Histogram "crew.verify.duration_ms" Ms ["result"] WORK,
        "How long a verification command took";

    Merge Counter "crew.merge.count" Count ["how" "result"] &[], "Merges that ended";
    MergeDuration Histogram "crew.merge.duration_ms" Ms ["result"] SHORT,
        "How long a branch took to be moved once its merge was begun";
    MergeConflict Counter "crew.merge.conflict_total" Total ["agent" "result"] &[],
        "Conflicts of merges that agents were given";

    Heartbeat Gauge "crew.heartbeat.staleness_ms" Ms [] &[],
        "How long ago the crew process of a run at work last said that it lives, of the one that is quiet longest";
    HeartbeatLevel Gauge "crew.heartbeat.level_count" Count ["level"] &[],
        "Open attempts, by how sure it is that their agents are at work";
    BudgetWarning Counter "crew.budget.warning_total" Total ["level" "what"] &[],
        "Warnings that most of a budget is used up";
    ClockLost Counter "crew.clock.lost_ms" Ms ["reason"] &[],
        "Time that went by without crew, and by which the clock was set";
    ArtifactBytes Counter "crew.artifact.kept_bytes" Bytes ["kind"] &[], "What was kept as artifacts";
    EventCount Counter "crew.event.count" Count ["kind"] &[], "Events that were recorded";
    StoreSize Gauge "crew.store.size_bytes" Bytes [] &[], "What the store takes up on the disk";
    Cut Gauge "crew.metrics.cut_count" Count ["metric"] &[],
        "Label sets of a metric that stand under `other` because there are too many";
}

impl Metric {
    /// Returns its line in the table.
    pub fn spec(self) -> &'static Spec {
        &TABLE[self as usize]
    }

    /// Returns its name: `crew.run.count`.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Takes the name that `name` returns.
    pub fn parse(name: &str) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.name() == name)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Says what is wrong with a line of the table; nothing where it is as it has to be.
pub fn mistake(spec: &Spec) -> Option<String> {
    let Spec { name, help, kind, unit, labels, buckets } = spec;
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let words = |text: &str| text.split('_').all(is_word);
    let parts: Vec<&str> = name.split('.').collect();
    let last = parts.last().and_then(|measure| measure.split('_').next_back());
    let grows = buckets.windows(2).all(|pair| pair[0] < pair[1]);
    match parts.as_slice() {
        ["crew", domain, measure] if is_word(domain) && words(measure) => {}
        _ => return Some(format!("{name} is not crew.domain.measure_unit in small letters")),
    }
    match () {
        () if last != Some(unit.name()) => Some(format!("{name} does not end in its unit, {}", unit.name())),
        () if *unit == Unit::Total && *kind != Kind::Counter => Some(format!("{name} is no counter")),
        () if (*kind == Kind::Histogram) == buckets.is_empty() => {
            Some(format!("{name} is a {} with {} buckets", kind.name(), buckets.len()))
        }
        () if !grows => Some(format!("the buckets of {name} do not grow")),
        () if !labels.iter().all(|label| words(label)) => Some(format!("a label of {name} is no word")),
        () if labels.iter().any(|label| ["run", "task", "attempt", "le"].contains(label)) => {
            Some(format!("a label of {name} has no end of values, or is taken"))
        }
        () if help.is_empty() || help.ends_with('.') => Some(format!("the help of {name} is no plain line")),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_line_of_the_table_is_as_it_has_to_be() {
        let mistakes: Vec<String> = Metric::ALL.iter().filter_map(|metric| mistake(metric.spec())).collect();
        assert!(mistakes.is_empty(), "{mistakes:#?}");
        let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len(), "a name stands there twice");
        for metric in Metric::ALL {
            assert_eq!(Metric::parse(metric.name()), Some(*metric));
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        let good = || Spec {
            name: "crew.run.waited_ms",
            help: "How long",
            kind: Kind::Histogram,
            unit: Unit::Ms,
            labels: &["team"],
            buckets: &[1, 2],
        };
        assert_eq!(mistake(&good()), None);
        let rows: [(Spec, &str); 9] = [
            (Spec { name: "crew.run", ..good() }, "crew.domain"),
            (Spec { name: "other.run.waited_ms", ..good() }, "crew.domain"),
            (Spec { name: "crew.Run.waited_ms", ..good() }, "crew.domain"),
            (Spec { name: "crew.run.waited__ms", ..good() }, "crew.domain"),
            (Spec { name: "crew.run.waited_seconds", ..good() }, "its unit"),
            (Spec { name: "crew.run.waited_total", unit: Unit::Total, ..good() }, "no counter"),
            (Spec { buckets: &[], ..good() }, "0 buckets"),
            (Spec { buckets: &[2, 2], ..good() }, "do not grow"),
            (Spec { labels: &["run"], ..good() }, "no end"),
        ];
        for (spec, said) in rows {
            let mistake = mistake(&spec).unwrap_or_default();
            assert!(mistake.contains(said), "{mistake:?} does not say {said:?}");
        }
    }
}
