//! Every setting: its name, what it means, its bounds and its default, once.
//!
//! The parser, `crew config`, the JSON Schema and the help all come from `ALL`. A later layer wins over an earlier one,
//! but a project's file may only tighten what the user allows, until the user trusts the repository.

use super::links;
use super::merging::How;
use super::nearest::nearest;
use super::notice;
use super::price::Price;
use super::retry::OfKind;
use super::review::reviewers;
use super::telemetry;
use super::words::clean_line;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What a setting may be, with its default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A whole number between two bounds, both included.
    Number {
        default: u64,
        least: u64,
        most: u64,
    },
    /// A number from 0 to 1.
    Fraction {
        default: f64,
    },
    /// A number between two bounds, both included.
    Decimal {
        default: f64,
        least: f64,
        most: f64,
    },
    /// US dollars, from 0, which sets no limit.
    Dollars,
    Text {
        default: &'static str,
    },
    /// Yes or no.
    Flag {
        default: bool,
    },
    /// A command line for a shell; an empty one is none.
    Command,
    /// A text of this kind; an empty one is none.
    Optional {
        what: &'static str,
    },
    /// A list of names.
    Names {
        default: &'static [&'static str],
    },
    /// Named values below this key.
    Table,
}

/// What a project's file may do to a setting without being trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Project {
    /// Set it: it can do no harm.
    Free,
    /// Lower it; 0 counts as no limit where the setting says so, and no is lower than yes.
    Lower,
    Raise,
    /// Name a folder inside the repository.
    Inside,
    /// Add names to it.
    Extend,
    /// Nothing.
    Never,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub key: &'static str,
    pub kind: Kind,
    pub project: Project,
    /// One sentence.
    pub help: &'static str,
}

const fn number(
    key: &'static str,
    (default, least, most): (u64, u64, u64),
    project: Project,
    help: &'static str,
) -> Setting {
    Setting { key, kind: Kind::Number { default, least, most }, project, help }
}

pub const JOBS: Setting =
    number("limits.jobs", (4, 1, 1024), Project::Lower, "Tasks of a run that may be worked on at once");
pub const ATTEMPT_SECONDS: Setting = number(
    "limits.attempt_seconds",
    (3600, 1, 86_400),
    Project::Lower,
    "Wall time of one attempt, in seconds, where the step sets no timeout",
);
pub const SILENCE_SECONDS: Setting = number(
    "limits.silence_seconds",
    (600, 0, 86_400),
    Project::Lower,
    "Seconds without output after which an agent that streams is ended; 0 turns it off",
);
pub const GRACE_SECONDS: Setting = number(
    "limits.grace_seconds",
    (5, 0, 300),
    Project::Lower,
    "Seconds between asking a child to end and killing its process group",
);
pub const DRAIN_SECONDS: Setting = number(
    "limits.drain_seconds",
    (3, 0, 60),
    Project::Lower,
    "Seconds for which the output of an ended child is still read when another process holds it open",
);
pub const OUTPUT_MB: Setting = number(
    "limits.output_mb",
    (4096, 1, 1_048_576),
    Project::Lower,
    "Megabytes of output after which an attempt is ended",
);
pub const SHARED_WRITERS: Setting = number(
    "limits.shared_writers",
    (0, 0, 1024),
    Project::Never,
    "Agents of a run that may write to the folder at once, beside those that read; 0: one that writes has it to itself, and crew can tell whose change it is",
);
pub const LIVENESS_WARN: Setting = number(
    "liveness.warn_seconds",
    (30, 1, 86_400),
    Project::Free,
    "Seconds without a sign of life after which an agent that streams is shown as quiet",
);
pub const LIVENESS_STALE: Setting = number(
    "liveness.stale_seconds",
    (60, 1, 86_400),
    Project::Free,
    "Seconds without a sign of life after which it is shown as stale",
);
pub const LIVENESS_DEAD: Setting = number(
    "liveness.dead_seconds",
    (300, 1, 86_400),
    Project::Free,
    "Seconds without a sign of life after which it is shown as dead; limits.silence_seconds ends it",
);
pub const LIVENESS_GAP: Setting = number(
    "liveness.gap_seconds",
    (20, 1, 3600),
    Project::Free,
    "Seconds that go by without crew, or by which the clock is set, before that is reported; they count for no limit",
);
pub const RECOVERY_LIVING: Setting = Setting {
    key: "recovery.living",
    kind: Kind::Text { default: "end" },
    project: Project::Never,
    help: "What becomes of agents that still work when a run is taken over whose crew process died: end (and begin anew) or adopt (they go on; what they say is kept in files until their attempts end, also secrets)",
};
pub const RECOVERY_LOOK: Setting = number(
    "recovery.look_seconds",
    (5, 1, 60),
    Project::Free,
    "Seconds between two looks at such an agent while it cannot be told whether it lives; the third that sees the same asks a person",
);
pub const NOTIFY_DESKTOP: Setting = Setting {
    key: "notify.desktop",
    kind: Kind::Flag { default: false },
    project: Project::Never,
    help: "Tell on the desktop, with notify-send or osascript, that a run has ended, that it waits for you, or that too much was given up",
};
pub const NOTIFY_COMMAND: Setting = Setting {
    key: "notify.command",
    kind: Kind::Command,
    project: Project::Never,
    help: "A command for /bin/sh that is told the same, as JSON on its standard input and in CREW_NOTICE_*",
};
pub const NOTIFY_WEBHOOK: Setting = Setting {
    key: "notify.webhook",
    kind: Kind::Optional { what: "an address such as https://host/path" },
    project: Project::Never,
    help: "An address that the same is sent to as JSON, with curl",
};
pub const NOTIFY_KINDS: Setting = Setting {
    key: "notify.kinds",
    kind: Kind::Names { default: &notice::Kind::NAMES },
    project: Project::Never,
    help: "What is told: settled (a run has ended), waiting (a gate is open and nobody is being asked), dead_letters (too many tasks were given up)",
};
pub const NOTIFY_LEAST: Setting = Setting {
    key: "notify.least",
    kind: Kind::Text { default: "info" },
    project: Project::Never,
    help: "The least that is told: info (a run completed), warning (it failed, or waits for you) or urgent (too much was given up)",
};
pub const NOTIFY_DEDUP: Setting = number(
    "notify.dedup_seconds",
    (30, 0, 86_400),
    Project::Never,
    "Seconds in which the same is not told twice",
);
pub const NOTIFY_QUIET_HOURS: Setting = Setting {
    key: "notify.quiet_hours",
    kind: Kind::Optional { what: "two times of the day such as 22:00-07:00" },
    project: Project::Never,
    help: "Hours of the day, local time, in which only what is urgent is told, such as 22:00-07:00",
};
pub const NOTIFY_TIMEOUT: Setting = number(
    "notify.timeout_seconds",
    (5, 1, 60),
    Project::Never,
    "Seconds that telling may take; the end of a run waits for it no longer than that",
);
pub const OTLP_EXPORT: Setting = Setting {
    key: "otlp.export",
    kind: Kind::Flag { default: false },
    project: Project::Lower,
    help: "Send the trace and the metrics of runs to an OpenTelemetry collector, over HTTP",
};
pub const OTLP_ENDPOINT: Setting = Setting {
    key: "otlp.endpoint",
    kind: Kind::Optional { what: "an address such as http://localhost:4318" },
    project: Project::Never,
    help: "The collector; where it is empty, the one that $OTEL_EXPORTER_OTLP_ENDPOINT names, and else http://localhost:4318. What is secret is in $OTEL_EXPORTER_OTLP_HEADERS",
};
pub const OTLP_TIMEOUT: Setting = number(
    "otlp.timeout_seconds",
    (10, 1, 60),
    Project::Never,
    "Seconds that one request to it may take; the end of a run waits for it no longer than that, and two at most",
);
pub const OTLP_GZIP: Setting = Setting {
    key: "otlp.gzip",
    kind: Kind::Flag { default: false },
    project: Project::Never,
    help: "Compress what is sent to it",
};
pub const METRICS_TEXTFILE: Setting = Setting {
    key: "metrics.textfile",
    kind: Kind::Optional { what: "an absolute path that ends in .prom" },
    project: Project::Never,
    help: "A file for the textfile collector of node_exporter, written anew at each run's end; {repository} in it is another word in each repository",
};
pub const METRICS_JSONL: Setting = Setting {
    key: "metrics.jsonl",
    kind: Kind::Flag { default: false },
    project: Project::Lower,
    help: "Add a line with all metrics to .crew/logs/metrics/DATE.jsonl at each run's end; seven days are kept",
};
// A pass may rest on what is no part of the tree: ignored build output, another machine's answer, the time of day. So it
// is believed for a while only: long enough for the steps of a run that check the same tree one after the other, too
// short for what was true yesterday. What failed is always run again.
pub const VERIFY_CACHE_MINUTES: Setting = number(
    "verify.cache_minutes",
    (10, 0, 1440),
    Project::Lower,
    "Minutes for which a `verify` command that passed is not run again on the very same tree; 0 runs it each time",
);
pub const RETRY_ATTEMPTS: Setting = number(
    "retry.max_attempts",
    (3, 1, 10),
    Project::Lower,
    "Attempts in all for an error that goes away by itself, where the step sets no retries",
);
pub const RETRY_BACKOFF_MS: Setting = number(
    "retry.backoff_ms",
    (1000, 0, 60_000),
    Project::Free,
    "Milliseconds before the second attempt; each further one waits longer, by retry.factor",
);
pub const RETRY_FACTOR: Setting = Setting {
    key: "retry.factor",
    kind: Kind::Decimal { default: 2.0, least: 1.0, most: 10.0 },
    project: Project::Free,
    help: "By which the wait grows with each further attempt; up to 15 minutes",
};
pub const RETRY_JITTER: Setting = Setting {
    key: "retry.jitter",
    kind: Kind::Fraction { default: 0.3 },
    project: Project::Free,
    help: "By how much a wait is longer or shorter by chance, as a share of it, so that not all come back at once",
};
pub const RETRIES: Setting = Setting {
    key: "retries",
    kind: Kind::Table,
    project: Project::Never,
    help: "The same for one kind of error: retries.KIND is {max_attempts, backoff_ms, factor, jitter}; KIND is rate_limited, overloaded, network, agent_timeout or verify_failed",
};
pub const RUN_AGENT: Setting = Setting {
    key: "run.agent",
    kind: Kind::Text { default: "auto" },
    project: Project::Free,
    help: "The agent that works where neither the step nor --agent names one; `auto` takes the first that is installed",
};
pub const RUN_TEAM: Setting = Setting {
    key: "run.team",
    kind: Kind::Text { default: "default" },
    project: Project::Free,
    help: "The team that `crew run` takes without --team or --workflow",
};
pub const WORKTREES_ENABLED: Setting = Setting {
    key: "worktrees.enabled",
    kind: Kind::Flag { default: false },
    project: Project::Raise,
    help: "Each task works in a git worktree of its own, as with --worktree",
};
pub const WORKTREES_FOLDER: Setting = Setting {
    key: "worktrees.folder",
    kind: Kind::Text { default: ".crew/worktrees" },
    project: Project::Inside,
    help: "The folder for worktrees, below which they are RUN/TASK; relative to the repository, or absolute",
};
pub const WORKTREES_SETUP: Setting = Setting {
    key: "worktrees.setup",
    kind: Kind::Command,
    project: Project::Never,
    help: "A command for /bin/sh, run in each new worktree before the task begins there; where it fails, the attempt does",
};
pub const WORKTREES_SETUP_SECONDS: Setting =
    number("worktrees.setup_seconds", (30, 1, 3600), Project::Lower, "Wall time of that command, in seconds");
pub const WORKTREES_LINK: Setting = Setting {
    key: "worktrees.link",
    kind: Kind::Names { default: &[] },
    project: Project::Extend,
    help: "Folders of your own tree that are linked into each worktree, such as node_modules or target",
};
pub const WORKTREES_INCLUDE_DIRTY: Setting = Setting {
    key: "worktrees.include_dirty",
    kind: Kind::Flag { default: false },
    project: Project::Lower,
    help: "What is not committed in your tree is part of what worktrees begin from, as with --include-dirty",
};
pub const MERGE_HOW: Setting = Setting {
    key: "merge.how",
    kind: Kind::Text { default: "merge" },
    project: Project::Free,
    help: "How `crew merge` brings the work of a task to a branch: merge (a merge commit), squash (one commit) or rebase (its own commits)",
};
pub const MERGE_VERIFY: Setting = Setting {
    key: "merge.verify",
    kind: Kind::Names { default: &[] },
    project: Project::Never,
    help: "Commands for /bin/sh that `crew merge` runs on the merged work, beside those of the steps; all have to exit with 0",
};
pub const GATE_CONFIDENCE: Setting = Setting {
    key: "gates.confidence_threshold",
    kind: Kind::Fraction { default: 0.7 },
    project: Project::Raise,
    help: "Less confidence than this, in the results that an action rests on, needs a person's word",
};
pub const GATE_ENVIRONMENTS: Setting = Setting {
    key: "gates.environments",
    kind: Kind::Names { default: &["production"] },
    project: Project::Extend,
    help: "Environments in which whatever changes something needs a person's word",
};
pub const GATE_RISKY: Setting = Setting {
    key: "gates.risky_actions",
    kind: Kind::Names { default: &["delete", "deploy", "merge", "publish", "push", "release"] },
    project: Project::Extend,
    help: "Actions that always need a person's word",
};
pub const GATE_ALLOWED: Setting = Setting {
    key: "gates.allowed_actions",
    kind: Kind::Names { default: &[] },
    project: Project::Never,
    help: "Further actions that need no person's word; any that is not listed anywhere does",
};
pub const GATE_SECONDS: Setting = number(
    "gates.timeout_seconds",
    (3600, 0, 2_592_000),
    Project::Lower,
    "Seconds after which a gate that nobody decided counts as refused; 0: never",
);
pub const ROSTER: Setting = Setting {
    key: "roster",
    kind: Kind::Names { default: &[] },
    project: Project::Never,
    help: "Names of the persons that a task may be escalated to; a run keeps those that it was made with",
};
pub const ENV_PASS: Setting = Setting {
    key: "env.pass",
    kind: Kind::Names { default: &[] },
    project: Project::Never,
    help: "Names of further environment variables that children may see; never CLAUDECODE, CLAUDE_CODE_* or GIT_*",
};
pub const VARS: Setting = Setting {
    key: "vars",
    kind: Kind::Table,
    project: Project::Free,
    help: "Values for {NAME} in task texts and vars.NAME in conditions",
};
pub const AGENTS: Setting = Setting {
    key: "agents",
    kind: Kind::Table,
    project: Project::Never,
    help: "Programs as agents: agents.NAME is {command, prompt, output, pass_env, writes}",
};

pub const REVIEW_DEFAULT: Setting = Setting {
    key: "review.default",
    kind: Kind::Names { default: &["builtin", "auto"] },
    project: Project::Extend,
    help: "Who reviews where nobody is named: agents (`claude`, `claude:security`), `auto` for the first agent that is installed, and names of review.reviewers",
};
pub const REVIEW_REVIEWERS: Setting = Setting {
    key: "review.reviewers",
    kind: Kind::Table,
    project: Project::Never,
    help: "Further reviewers: review.reviewers.NAME is {command or agent, role, model, minutes}, and for a command {prompt, output, pass_env}; it reviews only",
};
pub const REVIEW_FAIL_ON: Setting = Setting {
    key: "review.fail_on",
    kind: Kind::Text { default: "error" },
    project: Project::Never,
    help: "The least grave finding that makes a review fail: info, warning, error, blocker, or none",
};
pub const REVIEW_MINUTES: Setting = number(
    "review.minutes",
    (30, 1, 1440),
    Project::Lower,
    "Wall time of one reviewer's pass, in minutes, where the reviewer sets none",
);

/// The most that a budget may say: dollars, tokens or calls, seconds.
pub const MOST_DOLLARS: f64 = 1e6;
pub const MOST_COUNT: u64 = 1_000_000_000_000;
pub const MOST_SECONDS: u64 = 30 * 86_400;

pub const BUDGET_COST: Setting = Setting {
    key: "budget.cost_usd",
    kind: Kind::Dollars,
    project: Project::Lower,
    help: "US dollars that a run may cost; 0 sets no limit",
};
pub const BUDGET_TOKENS: Setting = number(
    "budget.tokens",
    (0, 0, MOST_COUNT),
    Project::Lower,
    "Tokens that a run may use, cached ones too; 0 sets no limit",
);
pub const BUDGET_SECONDS: Setting = number(
    "budget.seconds",
    (0, 0, MOST_SECONDS),
    Project::Lower,
    "Wall time of a run while crew works on it, in seconds; 0 sets no limit",
);
pub const BUDGET_ATTEMPTS: Setting = number(
    "budget.attempts",
    (0, 0, MOST_COUNT),
    Project::Lower,
    "Attempts of all tasks of a run together; 0 sets no limit",
);
pub const BUDGET_TOOL_CALLS: Setting = number(
    "budget.tool_calls",
    (0, 0, MOST_COUNT),
    Project::Lower,
    "Calls of tools by all agents of a run together; 0 sets no limit",
);
pub const PRICES: Setting = Setting {
    key: "prices",
    kind: Kind::Table,
    project: Project::Never,
    help: "What a million tokens cost in US dollars: prices.MODEL, or prices.AGENT, is {input, output, cached}",
};

/// Every setting, in the order in which they are shown.
pub const ALL: &[&Setting] = &[
    &JOBS,
    &ATTEMPT_SECONDS,
    &SILENCE_SECONDS,
    &GRACE_SECONDS,
    &DRAIN_SECONDS,
    &OUTPUT_MB,
    &SHARED_WRITERS,
    &LIVENESS_WARN,
    &LIVENESS_STALE,
    &LIVENESS_DEAD,
    &LIVENESS_GAP,
    &RECOVERY_LIVING,
    &RECOVERY_LOOK,
    &NOTIFY_DESKTOP,
    &NOTIFY_COMMAND,
    &NOTIFY_WEBHOOK,
    &NOTIFY_KINDS,
    &NOTIFY_LEAST,
    &NOTIFY_DEDUP,
    &NOTIFY_QUIET_HOURS,
    &NOTIFY_TIMEOUT,
    &OTLP_EXPORT,
    &OTLP_ENDPOINT,
    &OTLP_TIMEOUT,
    &OTLP_GZIP,
    &METRICS_TEXTFILE,
    &METRICS_JSONL,
    &VERIFY_CACHE_MINUTES,
    &RETRY_ATTEMPTS,
    &RETRY_BACKOFF_MS,
    &RETRY_FACTOR,
    &RETRY_JITTER,
    &RETRIES,
    &BUDGET_COST,
    &BUDGET_TOKENS,
    &BUDGET_SECONDS,
    &BUDGET_ATTEMPTS,
    &BUDGET_TOOL_CALLS,
    &RUN_AGENT,
    &RUN_TEAM,
    &WORKTREES_ENABLED,
    &WORKTREES_FOLDER,
    &WORKTREES_SETUP,
    &WORKTREES_SETUP_SECONDS,
    &WORKTREES_LINK,
    &WORKTREES_INCLUDE_DIRTY,
    &MERGE_HOW,
    &MERGE_VERIFY,
    &GATE_CONFIDENCE,
    &GATE_ENVIRONMENTS,
    &GATE_RISKY,
    &GATE_ALLOWED,
    &GATE_SECONDS,
    &ROSTER,
    &ENV_PASS,
    &VARS,
    &AGENTS,
    &REVIEW_DEFAULT,
    &REVIEW_REVIEWERS,
    &REVIEW_FAIL_ON,
    &REVIEW_MINUTES,
    &PRICES,
];

impl Setting {
    /// Returns the value that holds where no layer sets one.
    pub fn default(&self) -> Value {
        match self.kind {
            Kind::Number { default, .. } => json!(default),
            Kind::Fraction { default } => json!(default),
            Kind::Decimal { default, .. } => json!(default),
            Kind::Dollars => json!(0),
            Kind::Text { default } => json!(default),
            Kind::Flag { default } => json!(default),
            Kind::Command | Kind::Optional { .. } => json!(""),
            Kind::Names { default } => json!(default),
            Kind::Table => json!({}),
        }
    }

    /// Returns the environment variable that sets it: `CREW_LIMITS_JOBS`.
    pub fn variable(&self) -> String {
        format!("CREW_{}", self.key.to_uppercase().replace('.', "_"))
    }

    /// Checks a value, or says what it should be.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match self.kind {
            Kind::Number { least, most, .. } => {
                value.as_u64().is_some_and(|number| (least..=most).contains(&number))
            }
            Kind::Decimal { .. } => value.as_f64().is_some_and(|number| self.admits(number)),
            Kind::Dollars => value.as_f64().is_some_and(|dollars| (0.0..=MOST_DOLLARS).contains(&dollars)),
            Kind::Text { .. } => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Kind::Flag { .. } => value.is_boolean(),
            Kind::Command | Kind::Optional { .. } => value.as_str().is_some_and(|text| !text.contains('\0')),
            Kind::Fraction { .. } => value.as_f64().is_some_and(|number| (0.0..=1.0).contains(&number)),
            Kind::Names { .. } => value.as_array().is_some_and(|names| names.iter().all(Value::is_string)),
            Kind::Table => value.is_object(),
        };
        if fits { Ok(()) } else { Err(format!("{} has to be {}, not {value}", self.key, self.expected())) }
    }

    /// Tells whether a number is within its bounds.
    pub fn admits(&self, number: f64) -> bool {
        match self.kind {
            Kind::Number { least, most, .. } => (least as f64..=most as f64).contains(&number),
            Kind::Decimal { least, most, .. } => (least..=most).contains(&number),
            Kind::Fraction { .. } => (0.0..=1.0).contains(&number),
            _ => false,
        }
    }

    /// Reads a value as it is typed in a shell or stands in the environment.
    pub fn read(&self, text: &str) -> Result<Value, String> {
        let value = match self.kind {
            Kind::Text { .. } | Kind::Command | Kind::Optional { .. } => json!(text),
            Kind::Names { .. } if !text.trim_start().starts_with('[') => {
                json!(text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect::<Vec<_>>())
            }
            _ => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        };
        self.check(&value).map(|()| value)
    }

    /// Reads a value like `read`, or an entry of a table: a variable is a text, anything else is JSON.
    pub fn read_entry(&self, text: &str) -> Result<Value, String> {
        match self.kind {
            Kind::Table if self.key == VARS.key => Ok(json!(text)),
            Kind::Table => Ok(serde_json::from_str(text).unwrap_or_else(|_| json!(text))),
            _ => self.read(text),
        }
    }

    /// Returns what a value has to be, in words.
    pub fn expected(&self) -> String {
        match self.kind {
            Kind::Number { least, most, .. } => format!("a whole number from {least} to {most}"),
            Kind::Decimal { least, most, .. } => format!("a number from {least} to {most}"),
            Kind::Dollars => format!("an amount of dollars from 0 to {MOST_DOLLARS}, such as 2.50"),
            Kind::Text { .. } => "a text".into(),
            Kind::Flag { .. } => "true or false".into(),
            Kind::Command => "a command line, or empty for none".into(),
            Kind::Optional { what } => format!("{what}, or empty for none"),
            Kind::Fraction { .. } => "a number from 0 to 1".into(),
            Kind::Names { .. } => "a list of names".into(),
            Kind::Table => "an object".into(),
        }
    }
}

/// Where a value comes from; later ones win.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    BuiltIn,
    /// A file of the user, as a path.
    User(String),
    /// The project's file, as a path.
    Project(String),
    /// An environment variable, by its name.
    Environment(String),
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::BuiltIn => f.write_str("built in"),
            Origin::User(path) | Origin::Project(path) => f.write_str(path),
            Origin::Environment(name) => write!(f, "${name}"),
            Origin::Flag => f.write_str("--set"),
        }
    }
}

/// What is wrong with a value, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub origin: Origin,
    pub message: String,
    pub hint: Option<String>,
}

/// All settings with where each value comes from.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// By key; tables are split into their entries (`vars.NAME`).
    values: BTreeMap<String, (Value, Origin)>,
    /// Values of the project's file that have no effect, with the reason.
    pub refused: Vec<String>,
}

impl Settings {
    /// Takes in a file: nested objects, as in `{"limits": {"jobs": 2}}`. Reports every problem, not just the first.
    pub fn take_file(&mut self, text: &str, origin: &Origin, trusted: bool) -> Vec<Problem> {
        let problem = |message: String, hint| Problem { origin: origin.clone(), message, hint };
        let file: Map<String, Value> = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => return vec![problem(format!("not a JSON object: {error}"), None)],
        };
        let mut problems = Vec::new();
        for (key, value) in flatten(file) {
            if key == "$schema" {
                continue;
            }
            if let Err(found) = self.set(&key, value, origin.clone(), trusted) {
                problems.push(found);
            }
        }
        problems
    }

    /// Sets one value. A project's file that may not is overruled, and `refused` says so.
    pub fn set(&mut self, key: &str, value: Value, origin: Origin, trusted: bool) -> Result<(), Problem> {
        let setting = find(key).ok_or_else(|| unknown(key, &origin))?;
        if setting.kind != Kind::Table {
            setting.check(&value).map_err(|message| Problem {
                origin: origin.clone(),
                message,
                hint: None,
            })?;
        }
        if setting.key == MERGE_HOW.key && value.as_str().is_none_or(|name| How::parse(name).is_none()) {
            let message = format!("{key} has to be merge, squash or rebase, not {value}");
            return Err(Problem { origin, message, hint: None });
        }
        notice::check(key, &value)
            .and_then(|()| telemetry::check(key, &value))
            .map_err(|message| Problem { origin: origin.clone(), message, hint: None })?;
        if setting.key == RECOVERY_LIVING.key && !matches!(value.as_str(), Some("end" | "adopt")) {
            let message = format!("{key} has to be end or adopt, not {value}");
            return Err(Problem { origin, message, hint: None });
        }
        if setting.key == WORKTREES_LINK.key {
            let names: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            links::read(&names).map_err(|message| Problem {
                origin: origin.clone(),
                message: format!("{key}: {message}"),
                hint: Some("name folders of the repository: node_modules, web/target".into()),
            })?;
        }
        if setting.key == PRICES.key {
            Price::read(&value).map_err(|message| Problem {
                origin: origin.clone(),
                message: format!("{key}: {message}"),
                hint: None,
            })?;
        }
        if setting.key == REVIEW_REVIEWERS.key {
            let name = key.strip_prefix("review.reviewers.").unwrap_or_default();
            reviewers::Entry::read(name, &value).map_err(|message| Problem {
                origin: origin.clone(),
                message: clean_line(&format!("{key}: {message}"), 400),
                hint: None,
            })?;
        }
        if setting.key == RETRIES.key {
            let kind = key.trim_start_matches("retries.");
            OfKind::read(kind, &value).map_err(|message| Problem {
                origin: origin.clone(),
                message: format!("{key}: {message}"),
                hint: None,
            })?;
        }
        if matches!(origin, Origin::Project(_)) && !trusted && !self.may_tighten(setting, &value) {
            let why = match setting.project {
                Project::Never => "only you may set it",
                Project::Raise if matches!(setting.kind, Kind::Flag { .. }) => {
                    "a project may only turn it on"
                }
                Project::Lower if matches!(setting.kind, Kind::Flag { .. }) => {
                    "a project may only turn it off"
                }
                Project::Raise => "a project may only raise it",
                Project::Extend => "a project may only add to it",
                Project::Inside => "a project may only name a folder inside the repository",
                Project::Lower | Project::Free => "a project may only lower it",
            };
            let note = format!("{key} in {origin} has no effect: {why}, or `crew trust` the repository");
            // The key of a table's entry is whatever the project wrote.
            self.refused.push(clean_line(&note, 400));
            return Ok(());
        }
        self.values.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    fn may_tighten(&self, setting: &Setting, value: &Value) -> bool {
        // 0 turns a limit off where the limit is one of silence, of waiting or a budget.
        let zero_is_none = [SILENCE_SECONDS.key, GATE_SECONDS.key].contains(&setting.key)
            || setting.key.starts_with("budget.");
        let rank = |value: &Value| match (value.as_f64(), value.as_bool()) {
            (_, Some(flag)) => f64::from(u8::from(flag)),
            (Some(0.0), _) if zero_is_none => f64::INFINITY,
            (number, _) => number.unwrap_or(f64::INFINITY),
        };
        match setting.project {
            Project::Free => true,
            Project::Never => false,
            Project::Lower => rank(value) <= rank(&self.get(setting)),
            Project::Raise => rank(value) >= rank(&self.get(setting)),
            Project::Inside => value.as_str().is_some_and(is_inside),
            Project::Extend => {
                let names = value.as_array();
                self.names(setting).iter().all(|name| names.is_some_and(|names| names.contains(&json!(name))))
            }
        }
    }

    /// Returns a value, or its default.
    pub fn get(&self, setting: &Setting) -> Value {
        self.values.get(setting.key).map_or_else(|| setting.default(), |(value, _)| value.clone())
    }

    /// Returns where a value comes from.
    pub fn origin(&self, setting: &Setting) -> Origin {
        self.values.get(setting.key).map_or(Origin::BuiltIn, |(_, origin)| origin.clone())
    }

    /// Returns a whole number. Values are checked when they are set, so it is one.
    pub fn number(&self, setting: &Setting) -> u64 {
        self.get(setting).as_u64().unwrap_or_default()
    }

    /// Returns a number from 0 to 1.
    pub fn fraction(&self, setting: &Setting) -> f64 {
        self.get(setting).as_f64().unwrap_or_default()
    }

    /// Returns a number with decimals, such as an amount of dollars.
    pub fn decimal(&self, setting: &Setting) -> f64 {
        self.get(setting).as_f64().unwrap_or_default()
    }

    /// Returns a text.
    pub fn text(&self, setting: &Setting) -> String {
        self.get(setting).as_str().unwrap_or_default().to_owned()
    }

    /// Returns a flag.
    pub fn flag(&self, setting: &Setting) -> bool {
        self.get(setting).as_bool().unwrap_or_default()
    }

    /// Returns a list of names.
    pub fn names(&self, setting: &Setting) -> Vec<String> {
        let names = self.get(setting);
        names.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// Returns the entries of a table by their names, each with where it comes from.
    pub fn table(&self, setting: &Setting) -> BTreeMap<String, (Value, Origin)> {
        let prefix = format!("{}.", setting.key);
        let below = self.values.iter().filter_map(|(key, entry)| Some((key.strip_prefix(&prefix)?, entry)));
        below.map(|(name, entry)| (name.to_owned(), entry.clone())).collect()
    }

    /// Returns every key with its value and where that comes from, defaults included.
    pub fn list(&self) -> Vec<(String, Value, Origin)> {
        let mut list = Vec::new();
        for setting in ALL {
            if setting.kind == Kind::Table {
                let entries = self.table(setting).into_iter();
                list.extend(
                    entries.map(|(name, (value, origin))| (format!("{}.{name}", setting.key), value, origin)),
                );
            } else {
                list.push((setting.key.to_owned(), self.get(setting), self.origin(setting)));
            }
        }
        list
    }
}

/// Returns the setting that a key belongs to; `vars.NAME` belongs to `vars`.
pub fn find(key: &str) -> Option<&'static Setting> {
    ALL.iter().copied().find(|setting| match setting.kind {
        Kind::Table => {
            key.strip_prefix(setting.key).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        }
        _ => setting.key == key,
    })
}

/// Tells whether a path stays inside the folder that it is relative to, as far as its text says.
fn is_inside(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

fn unknown(key: &str, origin: &Origin) -> Problem {
    let hint =
        nearest(key, ALL.iter().map(|setting| setting.key)).map(|near| format!("did you mean `{near}`?"));
    Problem { origin: origin.clone(), message: format!("there is no setting `{key}`"), hint }
}

/// Turns nested objects into dotted keys; an entry of a table stays whole, also of one that lies in a section.
fn flatten(file: Map<String, Value>) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    let below = |key: &str, inner: Map<String, Value>| -> Vec<(String, Value)> {
        inner.into_iter().map(|(name, value)| (format!("{key}.{name}"), value)).collect()
    };
    for (section, value) in file {
        let Value::Object(inner) = value else {
            flat.push((section, value));
            continue;
        };
        for (key, value) in below(&section, inner) {
            match value {
                Value::Object(entries) if key == REVIEW_REVIEWERS.key => flat.extend(below(&key, entries)),
                value => flat.push((key, value)),
            }
        }
    }
    flat
}

/// Returns the JSON Schema of a settings file.
pub fn schema() -> Value {
    let mut sections: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut properties = Map::new();
    properties.insert("$schema".into(), json!({"type": "string"}));
    for setting in ALL {
        let described = json!({"description": setting.help});
        let mut shape = match setting.kind {
            Kind::Number { default, least, most } => {
                json!({"type": "integer", "minimum": least, "maximum": most, "default": default})
            }
            Kind::Decimal { default, least, most } => {
                json!({"type": "number", "minimum": least, "maximum": most, "default": default})
            }
            Kind::Dollars => json!({"type": "number", "minimum": 0, "maximum": MOST_DOLLARS, "default": 0}),
            Kind::Text { default } => json!({"type": "string", "default": default}),
            Kind::Flag { default } => json!({"type": "boolean", "default": default}),
            Kind::Command | Kind::Optional { .. } => json!({"type": "string", "default": ""}),
            Kind::Fraction { default } => {
                json!({"type": "number", "minimum": 0, "maximum": 1, "default": default})
            }
            Kind::Names { default } => {
                json!({"type": "array", "items": {"type": "string"}, "default": default})
            }
            Kind::Table => json!({"type": "object"}),
        };
        shape["description"] = described["description"].clone();
        match setting.key.split_once('.') {
            Some((section, name)) => {
                sections.entry(section).or_default().insert(name.to_owned(), shape);
            }
            None => {
                properties.insert(setting.key.to_owned(), shape);
            }
        }
    }
    for (section, inner) in sections {
        properties.insert(
            section.to_owned(),
            json!({"type": "object", "additionalProperties": false, "properties": inner}),
        );
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "crew settings",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Origin {
        Origin::User("config.json".into())
    }

    fn project() -> Origin {
        Origin::Project(".crew/config.json".into())
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for setting in ALL {
            setting.check(&setting.default()).unwrap();
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let problems = Settings::default().take_file(r#"{"limits":{"job":2}}"#, &user(), true);
        assert_eq!(problems[0].message, "there is no setting `limits.job`");
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `limits.jobs`?"));
    }

    #[test]
    fn a_project_may_lower_a_limit_and_not_raise_it() {
        let mut settings = Settings::default();
        settings.take_file(r#"{"limits":{"jobs":2,"silence_seconds":30}}"#, &user(), true);
        settings.take_file(
            r#"{"limits":{"jobs":8,"silence_seconds":0,"grace_seconds":1}}"#,
            &project(),
            false,
        );
        let values = [&JOBS, &SILENCE_SECONDS, &GRACE_SECONDS].map(|setting| settings.number(setting));
        assert_eq!(values, [2, 30, 1]);
        assert_eq!(settings.refused.len(), 2);
    }

    #[test]
    fn a_project_supplies_no_command_until_it_is_trusted() {
        let file = r#"{"agents":{"mine":{"command":"rm -rf /"}}}"#;
        let mut settings = Settings::default();
        assert!(settings.take_file(file, &project(), false).is_empty());
        assert!(settings.table(&AGENTS).is_empty());
        settings.take_file(file, &project(), true);
        assert_eq!(settings.table(&AGENTS).len(), 1);
    }

    #[test]
    fn a_project_may_ask_for_worktrees_but_for_no_command_and_no_folder_outside() {
        let file = r#"{"worktrees":{"enabled":true,"folder":"../outside","setup":"make","include_dirty":true,
            "link":["target"],"setup_seconds":10}}"#;
        let mut settings = Settings::default();
        assert_eq!(settings.take_file(file, &project(), false), []);
        assert!(settings.flag(&WORKTREES_ENABLED) && !settings.flag(&WORKTREES_INCLUDE_DIRTY));
        assert_eq!(settings.text(&WORKTREES_FOLDER), ".crew/worktrees");
        assert_eq!(
            (settings.text(&WORKTREES_SETUP), settings.number(&WORKTREES_SETUP_SECONDS)),
            (String::new(), 10)
        );
        assert_eq!(settings.names(&WORKTREES_LINK), ["target"]);
        let why: Vec<&str> = settings.refused.iter().filter_map(|note| note.split(": ").nth(1)).collect();
        assert_eq!(
            why,
            [
                "a project may only name a folder inside the repository, or `crew trust` the repository",
                "a project may only turn it off, or `crew trust` the repository",
                "only you may set it, or `crew trust` the repository",
            ]
        );
        settings.take_file(r#"{"worktrees":{"enabled":true}}"#, &user(), true);
        settings.take_file(r#"{"worktrees":{"enabled":false}}"#, &project(), false);
        assert!(settings.flag(&WORKTREES_ENABLED), "{:?}", settings.refused);
        settings.take_file(file, &project(), true);
        assert_eq!(
            (settings.text(&WORKTREES_FOLDER).as_str(), settings.text(&WORKTREES_SETUP).as_str()),
            ("../outside", "make")
        );
    }

    #[test]
    fn a_link_that_leads_out_is_a_problem_of_the_settings() {
        let file = r#"{"worktrees":{"link":["../x"]}}"#;
        let problems = Settings::default().take_file(file, &user(), true);
        assert_eq!(problems[0].message, "worktrees.link: `../x` leads out of the repository");
    }

    #[test]
    fn a_wrong_value_says_what_it_should_be() {
        let problem = Settings::default().set("limits.jobs", json!(0), Origin::Flag, true).unwrap_err();
        assert_eq!(problem.message, "limits.jobs has to be a whole number from 1 to 1024, not 0");
        assert_eq!(
            JOBS.read("many").unwrap_err(),
            "limits.jobs has to be a whole number from 1 to 1024, not \"many\""
        );
        assert_eq!(ENV_PASS.read("A, B").unwrap(), json!(["A", "B"]));
    }
}
