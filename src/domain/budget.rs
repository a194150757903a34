//! Budgets: what a run, a team and a step may use up, and the one ledger that counts what all agents use.
//!
//! # How it works
//!
//! A limit holds on three levels: the run (settings and flags), the team (its file, for the whole run) and the task (its
//! step, for all its attempts). Cost, tokens and tool calls count as an agent tells of them; what an agent never tells
//! is unknown, and counts as nothing in the sums, which are then a lower bound.
//!
//! An attempt reserves a share before it starts: what is left of its step's own budget; else as much as the largest
//! attempt of the run so far; else, before any has ended, an equal share of what is left over the free slots. What does
//! not fit beside the others' shares waits for one of them to end. A reservation is no cap: an agent goes on past it as
//! long as the level has something left.
//!
//! As soon as what was told reaches a limit, everything that spends of it is ended. Until then each running agent can
//! have begun one turn that it has not told of yet. So a limit is passed by no more than one turn for each agent that
//! runs, and a turn is what the agent tells at once: a request of the model (opencode, pi), a usage line (`output: crew`
//! and `jsonl`), or all of an attempt's child (claude, codex, gemini, which tell at their end; claude is told what it may cost, and looks after each request).

use super::error_kind::ErrorKind;
use super::id::TaskId;
use super::requeue;
use super::run::Run;
use super::settings::{self, Settings};
use super::task::{Attempt, Task, TaskSpec, TaskState};
use super::time::{Time, read_duration};
use super::usage::Usage;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

/// What is counted. Amounts are whole numbers of the unit that stands with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Millionths of a US dollar.
    CostUsd,
    Tokens,
    /// Milliseconds: of the run's wall time on the level of the run, of its attempts together on the other two.
    Seconds,
    Attempts,
    ToolCalls,
}

impl What {
    pub const ALL: [What; 5] = [What::CostUsd, What::Tokens, What::Seconds, What::Attempts, What::ToolCalls];

    /// What only agents use up, and what is reserved for them.
    const RESERVED: [What; 3] = [What::CostUsd, What::Tokens, What::ToolCalls];

    /// Returns the word used in JSON, settings and lines.
    pub fn name(self) -> &'static str {
        match self {
            What::CostUsd => "cost_usd",
            What::Tokens => "tokens",
            What::Seconds => "seconds",
            What::Attempts => "attempts",
            What::ToolCalls => "tool_calls",
        }
    }

    /// Returns an amount with its unit, as people read it: `$2.50`, `412k tokens`, `30m`, `1 attempt`.
    pub fn shown(self, amount: u64) -> String {
        let count = |noun: &str| if amount == 1 { format!("1 {noun}") } else { format!("{amount} {noun}s") };
        match self {
            What::CostUsd => dollars_shown(amount),
            What::Tokens => format!("{} tokens", tokens_shown(amount)),
            What::Seconds => time_shown(amount),
            What::Attempts => count("attempt"),
            What::ToolCalls => count("tool call"),
        }
    }

    /// Returns an amount as the number that stands in JSON: dollars, tokens, seconds, counts.
    pub fn number(self, amount: u64) -> Number {
        let in_units = |unit: f64| Number::from_f64(amount as f64 / unit).unwrap_or_else(|| amount.into());
        match self {
            What::CostUsd => in_units(1e6),
            What::Seconds if !amount.is_multiple_of(1000) => in_units(1e3),
            What::Seconds => (amount / 1000).into(),
            What::Tokens | What::Attempts | What::ToolCalls => amount.into(),
        }
    }

    /// Returns the amount that a number in JSON stands for.
    pub fn amount(self, number: &Number) -> u64 {
        let unit = match self {
            What::CostUsd => 1e6,
            What::Seconds => 1e3,
            What::Tokens | What::Attempts | What::ToolCalls => 1.0,
        };
        (number.as_f64().unwrap_or_default() * unit).round() as u64
    }
}

fn dollars_shown(micro: u64) -> String {
    // Half a cent and less would read as nothing.
    let digits = if micro.is_multiple_of(10_000) || micro >= 100_000 { 2 } else { 4 };
    format!("${:.digits$}", micro as f64 / 1e6)
}

fn tokens_shown(tokens: u64) -> String {
    let scaled = |unit: f64, letter: char| {
        let text = format!("{:.1}", tokens as f64 / unit);
        format!("{}{letter}", text.strip_suffix(".0").unwrap_or(&text))
    };
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..999_950 => scaled(1e3, 'k'),
        _ => scaled(1e6, 'M'),
    }
}

fn time_shown(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 if millis.is_multiple_of(1000) => format!("{seconds}s"),
        0..60 => format!("{:.1}s", millis as f64 / 1e3),
        60..3600 if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

/// Returns an amount of US dollars in millionths.
pub fn micro_dollars(dollars: f64) -> u64 {
    (dollars * 1e6).round().clamp(0.0, 1e15) as u64
}

/// Reads dollars as people type them: `2.50` or `$2.50`; 0 is allowed.
pub fn read_dollars(text: &str) -> Result<f64, String> {
    let number = text.strip_prefix('$').unwrap_or(text);
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match number.parse::<f64>() {
        Ok(dollars) if plain && dollars <= settings::MOST_DOLLARS => Ok(dollars),
        _ => {
            Err(format!("`{text}` is no amount of dollars: write `2.50`, at most {}", settings::MOST_DOLLARS))
        }
    }
}

/// Reads a count as people type it: `200000`, `200k`, `1.5M`; 0 is allowed.
pub fn read_count(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'k')) => (&text[..at], 1e3),
        Some((at, 'M')) => (&text[..at], 1e6),
        _ => (text, 1.0),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || (byte == b'.' && unit > 1.0));
    match number.parse::<f64>() {
        Ok(count) if plain && count * unit <= settings::MOST_COUNT as f64 => {
            Ok((count * unit).round() as u64)
        }
        _ => Err(format!("`{text}` is no count: write `200000`, `200k` or `1.5M`")),
    }
}

/// Reads a time in seconds as people type it: `90`, `90s`, `30m`, `2h`; 0 is allowed.
pub fn read_seconds(text: &str) -> Result<u64, String> {
    let seconds = read_duration(text, &["s", "m", "h"]).map(|time| time.as_secs());
    seconds
        .filter(|seconds| *seconds <= settings::MOST_SECONDS)
        .ok_or_else(|| format!("`{text}` is no time: write `90s`, `30m` or `2h`"))
}

/// What may be used up; `None` sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<u64>,
}

impl Limits {
    /// Takes the run's limits from the settings, in which 0 sets none.
    pub fn of(settings: &Settings) -> Limits {
        let number = |setting| Some(settings.number(setting)).filter(|limit| *limit > 0);
        Limits {
            cost_usd: Some(settings.decimal(&settings::BUDGET_COST)).filter(|limit| *limit > 0.0),
            tokens: number(&settings::BUDGET_TOKENS),
            seconds: number(&settings::BUDGET_SECONDS),
            attempts: number(&settings::BUDGET_ATTEMPTS),
            tool_calls: number(&settings::BUDGET_TOOL_CALLS),
        }
    }

    /// Tells whether it limits nothing.
    pub fn is_none(&self) -> bool {
        *self == Limits::default()
    }

    /// Returns a limit as an amount.
    pub fn amount(&self, what: What) -> Option<u64> {
        match what {
            What::CostUsd => self.cost_usd.map(micro_dollars),
            What::Tokens => self.tokens,
            What::Seconds => self.seconds.map(|seconds| seconds.saturating_mul(1000)),
            What::Attempts => self.attempts,
            What::ToolCalls => self.tool_calls,
        }
    }

    fn amounts(&self) -> impl Iterator<Item = (What, u64)> {
        What::ALL.into_iter().filter_map(|what| Some((what, self.amount(what)?)))
    }
}

/// What a limit holds for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Run,
    /// The limits of the team's file, for all of the run.
    Team,
    /// The limits of a step, for all attempts of its task.
    Task,
}

impl Level {
    /// Returns the word used in JSON and lines.
    pub fn name(self) -> &'static str {
        match self {
            Level::Run => "run",
            Level::Team => "team",
            Level::Task => "task",
        }
    }
}

/// A warning that has been given, so that it is given once.
pub type Warned = (Level, Option<TaskId>, What);

/// How much of a limit is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub level: Level,
    pub what: What,
    pub spent: u64,
    pub limit: u64,
}

/// How close that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closeness {
    Fine,
    /// At least 80 %.
    Near,
    /// Whatever spends of it has to end.
    Over,
}

impl Standing {
    /// Tells whether it is how often a task may be tried.
    pub fn is_of_attempts(&self) -> bool {
        (self.level, self.what) == (Level::Task, What::Attempts)
    }

    /// Decides how close to its limit it is. An attempt or a call that the limit allows may come to its end, so of these
    /// only one more is too many.
    pub fn closeness(&self) -> Closeness {
        let over = match self.what {
            What::Attempts | What::ToolCalls => self.spent > self.limit,
            What::CostUsd | What::Tokens | What::Seconds => self.spent >= self.limit,
        };
        match () {
            () if over => Closeness::Over,
            () if self.spent as u128 * 5 >= self.limit as u128 * 4 => Closeness::Near,
            () => Closeness::Fine,
        }
    }

    pub fn percent(&self) -> u64 {
        match self.limit {
            0 => 100,
            limit => (self.spent as u128 * 100 / limit as u128).min(u64::MAX as u128) as u64,
        }
    }
}

/// `run budget of $2.50 is used up: $2.53 spent`.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (level, what) = (self.level.name(), self.what);
        let done = match what {
            What::Attempts | What::ToolCalls => "made",
            What::Seconds => "worked",
            What::CostUsd | What::Tokens => "spent",
        };
        let (limit, spent) = (what.shown(self.limit), what.shown(self.spent));
        write!(f, "{level} budget of {limit} is used up: {spent} {done}")
    }
}

/// An amount of each that is counted, in the order of `What::ALL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts([u64; 5]);

impl Amounts {
    fn of(&self, what: What) -> u64 {
        self.0[what as usize]
    }

    fn set(&mut self, what: What, amount: u64) {
        self.0[what as usize] = amount;
    }

    fn add(&mut self, other: &Amounts) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours = ours.saturating_add(theirs);
        }
    }

    fn raise_to(&mut self, other: &Amounts) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours = (*ours).max(theirs);
        }
    }
}

/// What one attempt has used up so far; what its agent did not tell counts as nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent(Amounts);

impl Spent {
    /// Counts what an agent told of, and its calls of tools.
    pub fn told(usage: &Usage, tool_calls: u64) -> Spent {
        let cost = usage.cost_usd.map(micro_dollars).unwrap_or(0);
        Spent(Amounts([cost, usage.tokens().unwrap_or(0), 0, 1, tool_calls]))
    }

    /// The same, with how long it took.
    fn lasting(mut self, took: Duration) -> Spent {
        self.0.set(What::Seconds, took.as_millis() as u64);
        self
    }

    fn of_attempt(attempt: &Attempt) -> Spent {
        let took = attempt.ended_at.map_or(Duration::ZERO, |ended| ended.since(attempt.started_at));
        Spent::told(&attempt.usage, attempt.tool_calls).lasting(took)
    }
}

/// The shares that an attempt has reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reservation(Amounts);

/// Whether an attempt may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayStart {
    Yes(Reservation),
    /// Its share does not fit beside those of the others: once one of them has ended, it is asked again.
    Wait,
    /// Nothing is left for it.
    Exceeded(Standing),
}

/// An attempt that runs.
#[derive(Clone, Debug)]
struct Running {
    reserved: Amounts,
    told: Amounts,
    began: Time,
    limits: Limits,
    is_paid: bool,
}

impl Running {
    fn told(&self, what: What, now: Time) -> u64 {
        match what {
            What::Seconds => now.since(self.began).as_millis() as u64,
            _ => self.told.of(what),
        }
    }

    fn held(&self, what: What) -> u64 {
        self.reserved.of(what).max(self.told.of(what))
    }
}

/// What to do about a limit, for all attempts or for the one at a place of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub standing: Standing,
    /// The task's place, on its level.
    pub place: Option<usize>,
}

/// All limits of a run and what was spent, reserved and told.
#[derive(Clone, Debug)]
pub struct Ledger {
    run: Limits,
    team: Limits,
    has_limits: bool,
    /// Wall time of the run before `owned_since`.
    worked: Duration,
    owned_since: Option<Time>,
    ended: Amounts,
    /// What the ended attempts of tasks with limits of their own used, by their places.
    ended_of: HashMap<usize, Amounts>,
    running: BTreeMap<usize, Running>,
    /// The most that one attempt used.
    largest: Amounts,
    warned: BTreeSet<(Level, Option<usize>, What)>,
}

impl Ledger {
    /// Counts what a run has used so far, as far as the record tells.
    pub fn of(run: &Run) -> Ledger {
        let limits = &run.limits;
        let any_of_tasks = run.tasks.iter().any(|task| !task.spec.budget.is_none());
        let mut ledger = Ledger {
            run: limits.budget,
            team: limits.team_budget,
            has_limits: any_of_tasks || !limits.budget.is_none() || !limits.team_budget.is_none(),
            worked: run.worked,
            owned_since: run.owned_since,
            ended: Amounts::default(),
            ended_of: HashMap::new(),
            running: BTreeMap::new(),
            largest: Amounts::default(),
            warned: BTreeSet::new(),
        };
        for (place, task) in run.tasks.iter().enumerate() {
            for (at, attempt) in task.attempts.iter().enumerate() {
                if at == task.attempts_before {
                    ledger.begin_round(place);
                }
                match attempt.is_open() {
                    true => {
                        ledger.note_started(place, &task.spec, Reservation::default(), attempt.started_at)
                    }
                    false => ledger.count(place, &task.spec, &Spent::of_attempt(attempt).0),
                }
            }
            if task.attempts_of_this_round().is_empty() {
                ledger.begin_round(place);
            }
        }
        for (level, task, what) in &run.warned {
            ledger.warned.insert((*level, task.as_ref().and_then(|task| run.place(task)), *what));
        }
        ledger
    }

    /// Counts the attempts of a task anew, because a person has put it back to the queue. What they used stays used.
    pub fn begin_round(&mut self, place: usize) {
        if let Some(ended) = self.ended_of.get_mut(&place) {
            ended.set(What::Attempts, 0);
        }
    }

    /// Tells whether there is any limit to look after.
    pub fn has_limits(&self) -> bool {
        self.has_limits
    }

    fn count(&mut self, place: usize, spec: &TaskSpec, spent: &Amounts) {
        self.ended.add(spent);
        self.largest.raise_to(spent);
        if !spec.budget.is_none() {
            self.ended_of.entry(place).or_default().add(spent);
        }
    }

    /// Takes in that an attempt starts.
    pub fn note_started(&mut self, place: usize, spec: &TaskSpec, reserved: Reservation, now: Time) {
        let mut told = Amounts::default();
        told.set(What::Attempts, 1);
        let (limits, is_paid) = (spec.budget, spec.is_paid());
        let running = Running { reserved: reserved.0, told, began: now, limits, is_paid };
        self.running.insert(place, running);
    }

    /// Takes in that the clock went on by milliseconds in which nobody worked, or back.
    pub fn move_times(&mut self, millis: i64) {
        self.owned_since = self.owned_since.map(|at| at.moved(millis));
        self.running.values_mut().for_each(|running| running.began = running.began.moved(millis));
    }

    /// Takes in what an agent has told of so far.
    pub fn note_told(&mut self, place: usize, spent: Spent) {
        if let Some(running) = self.running.get_mut(&place) {
            running.told = spent.0;
        }
    }

    /// Takes in that an attempt has ended, with what it used in all.
    pub fn note_ended(&mut self, place: usize, spec: &TaskSpec, spent: Spent, now: Time) {
        if let Some(running) = self.running.remove(&place) {
            self.count(place, spec, &spent.lasting(now.since(running.began)).0);
        }
    }

    /// Decides whether an attempt may start in one of `free` free slots. `tells_cost` says whether the agent may be
    /// expected to tell its price; for one that does not, nothing is reserved.
    pub fn may_start(
        &self,
        place: usize,
        spec: &TaskSpec,
        free: usize,
        tells_cost: bool,
        now: Time,
    ) -> MayStart {
        if !self.has_limits {
            return MayStart::Yes(Reservation::default());
        }
        if let Some(standing) = self.used_up(place, spec, now) {
            return MayStart::Exceeded(standing);
        }
        let mut reserved = Amounts::default();
        for what in What::RESERVED {
            if !spec.is_paid() || (what == What::CostUsd && !tells_cost) {
                continue;
            }
            let own =
                spec.budget.amount(what).map(|limit| limit.saturating_sub(self.used_of(place, what, now)));
            let mut share = own;
            for limit in [self.run, self.team].iter().filter_map(|limits| limits.amount(what)) {
                let held: u64 = self.running.values().map(|running| running.held(what)).sum();
                let left = limit.saturating_sub(self.ended.of(what).saturating_add(held));
                let wish = match (own, self.largest.of(what)) {
                    (Some(own), _) => own,
                    (None, 0) => (left / free.max(1) as u64).max(1),
                    (None, largest) => largest,
                };
                let comes_back =
                    self.running.values().any(|running| running.held(what) > running.told.of(what));
                if (left == 0 || wish > left) && comes_back {
                    return MayStart::Wait;
                }
                let granted = wish.min(left);
                share = Some(share.map_or(granted, |share| share.min(granted)));
            }
            reserved.set(what, share.unwrap_or(0));
        }
        MayStart::Yes(Reservation(reserved))
    }

    /// Returns the US dollars that an attempt may cost: what is left beside what the others have reserved.
    pub fn cost_left(&self, place: usize, spec: &TaskSpec, now: Time) -> Option<f64> {
        let what = What::CostUsd;
        let others = self.running.iter().filter(|(other, _)| **other != place);
        let held: u64 = others.map(|(_, running)| running.held(what)).sum();
        let own = self.running.get(&place).map_or(0, |running| running.told(what, now));
        let taken = self.ended.of(what).saturating_add(held).saturating_add(own);
        let levels = [self.run, self.team].into_iter().filter_map(|limits| limits.amount(what));
        let left = levels.map(|limit| limit.saturating_sub(taken));
        let of_task =
            spec.budget.amount(what).map(|limit| limit.saturating_sub(self.used_of(place, what, now)));
        left.chain(of_task).min().filter(|left| *left > 0).map(|left| left as f64 / 1e6)
    }

    /// Returns the first limit because of which no attempt of a task can be begun any more.
    pub fn used_up(&self, place: usize, spec: &TaskSpec, now: Time) -> Option<Standing> {
        self.all_used_up(place, spec, now).into_iter().next()
    }

    /// Returns the same, where its own attempts are about to be counted anew.
    pub fn used_up_but_attempts(&self, place: usize, spec: &TaskSpec, now: Time) -> Option<Standing> {
        self.all_used_up(place, spec, now).into_iter().find(|standing| !standing.is_of_attempts())
    }

    /// Tells whether an attempt that has been begun may begin another turn.
    pub fn may_go_on(&self, place: usize, spec: &TaskSpec, now: Time) -> bool {
        self.all_used_up(place, spec, now).iter().all(|standing| standing.what == What::Attempts)
    }

    fn all_used_up(&self, place: usize, spec: &TaskSpec, now: Time) -> Vec<Standing> {
        let mut used_up = Vec::new();
        for (level, limits) in [(Level::Run, self.run), (Level::Team, self.team), (Level::Task, spec.budget)]
        {
            for (what, limit) in limits.amounts().filter(|(what, _)| spends(spec.is_paid(), *what)) {
                let spent = match level {
                    Level::Task => self.used_of(place, what, now),
                    _ => self.used(level, what, now),
                };
                if spent >= limit {
                    used_up.push(Standing { level, what, spent, limit });
                }
            }
        }
        used_up
    }

    /// Returns what the run has used, as far as it was told.
    fn used(&self, level: Level, what: What, now: Time) -> u64 {
        if (level, what) == (Level::Run, What::Seconds) {
            let since = self.owned_since.map_or(Duration::ZERO, |since| now.since(since));
            return (self.worked + since).as_millis() as u64;
        }
        let told = self.running.values().map(|running| running.told(what, now));
        self.ended.of(what).saturating_add(told.sum())
    }

    /// Returns what a task with limits of its own has used.
    fn used_of(&self, place: usize, what: What, now: Time) -> u64 {
        let ended = self.ended_of.get(&place).map_or(0, |ended| ended.of(what));
        ended.saturating_add(self.running.get(&place).map_or(0, |running| running.told(what, now)))
    }

    /// Returns the limit that `standing` is about as it stands now.
    pub fn again(&self, standing: &Standing, place: usize, now: Time) -> Standing {
        let spent = match standing.level {
            Level::Task => self.used_of(place, standing.what, now),
            level => self.used(level, standing.what, now),
        };
        Standing { spent, ..*standing }
    }

    /// Returns how every limit of the run and of the team stands.
    pub fn standings(&self, now: Time) -> Vec<Standing> {
        let of = |level, limits: Limits| {
            limits.amounts().map(move |(what, limit)| (level, what, limit)).collect::<Vec<_>>()
        };
        let all = of(Level::Run, self.run).into_iter().chain(of(Level::Team, self.team));
        all.map(|(level, what, limit)| Standing { level, what, spent: self.used(level, what, now), limit })
            .collect()
    }

    /// Returns how every limit of a task stands.
    pub fn standings_of(&self, place: usize, spec: &TaskSpec, now: Time) -> Vec<Standing> {
        let standing = |(what, limit)| Standing {
            level: Level::Task,
            what,
            spent: self.used_of(place, what, now),
            limit,
        };
        spec.budget.amounts().map(standing).collect()
    }

    /// Looks at all limits: those near their end of which nobody was warned, and those that are used up.
    pub fn check(&self, now: Time) -> Vec<Notice> {
        let mut notices = Vec::new();
        let run = self.standings(now).into_iter().map(|standing| Notice { standing, place: None });
        let tasks = self.running.iter().flat_map(|(place, running)| {
            running.limits.amounts().map(move |(what, limit)| {
                let spent = self.used_of(*place, what, now);
                Notice { standing: Standing { level: Level::Task, what, spent, limit }, place: Some(*place) }
            })
        });
        for notice in run.chain(tasks) {
            let Standing { level, what, .. } = notice.standing;
            let is_told = self.warned.contains(&(level, notice.place, what));
            match notice.standing.closeness() {
                Closeness::Fine => {}
                // The last of a few attempts is no news.
                Closeness::Near if is_told || what == What::Attempts && notice.standing.percent() >= 100 => {}
                Closeness::Near | Closeness::Over => notices.push(notice),
            }
        }
        notices
    }

    /// Takes note of a warning; tells whether it is the first about this limit.
    pub fn warn(&mut self, notice: &Notice) -> bool {
        self.warned.insert((notice.standing.level, notice.place, notice.standing.what))
    }

    /// Returns the running attempts that spend of a limit, by their places.
    pub fn spenders(&self, notice: &Notice) -> Vec<usize> {
        let spends = |(_, running): &(&usize, &Running)| spends(running.is_paid, notice.standing.what);
        let places = self.running.iter().filter(spends).map(|(place, _)| *place);
        places.filter(|place| notice.place.is_none_or(|only| only == *place)).collect()
    }

    /// Returns how long it takes at least until a limit of time is used up.
    pub fn time_left(&self, now: Time) -> Option<Duration> {
        let left = |level, limits: &Limits, pace: u64| {
            let limit = limits.amount(What::Seconds)?;
            Some(limit.saturating_sub(self.used(level, What::Seconds, now)) / pace.max(1))
        };
        let of_tasks = self.running.iter().filter_map(|(place, running)| {
            let limit = running.limits.amount(What::Seconds)?;
            Some(limit.saturating_sub(self.used_of(*place, What::Seconds, now)))
        });
        let run = left(Level::Run, &self.run, 1);
        let team = left(Level::Team, &self.team, self.running.len() as u64);
        run.into_iter().chain(team).chain(of_tasks).min().map(Duration::from_millis)
    }
}

/// Tells whether a task spends of it: a command and the built-in agent cost nothing but time.
fn spends(is_paid: bool, what: What) -> bool {
    is_paid || !What::RESERVED.contains(&what)
}

/// What a run has used in all, and whose part of it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bill {
    pub usage: Usage,
    /// Agents of which an attempt told no cost.
    pub cost_unknown: BTreeMap<String, Untold>,
    /// Agents of which an attempt told no tokens.
    pub tokens_unknown: BTreeSet<String>,
}

/// How much of its cost an agent did not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// Attempts that told no cost.
    pub attempts: u32,
    /// Attempts that did.
    pub told: u32,
}

impl Bill {
    /// Adds up what all ended attempts of a run told.
    pub fn of(run: &Run) -> Bill {
        let mut bill = Bill::default();
        for task in run.tasks.iter().filter(|task| task.spec.is_paid()) {
            for attempt in task.attempts.iter().filter(|attempt| !attempt.is_open()) {
                bill.add(attempt);
            }
        }
        bill.cost_unknown.retain(|_, untold| untold.attempts > 0);
        bill
    }

    fn add(&mut self, attempt: &Attempt) {
        self.usage.add(&attempt.usage);
        if attempt.ending.not_started.is_some() {
            return;
        }
        let untold = self.cost_unknown.entry(attempt.agent.clone()).or_default();
        match attempt.usage.cost_usd {
            Some(_) => untold.told += 1,
            None => untold.attempts += 1,
        }
        if attempt.usage.tokens().is_none() {
            self.tokens_unknown.insert(attempt.agent.clone());
        }
    }

    /// Returns whose cost is unknown, in words: `codex (reports no price)`.
    pub fn unknown_words(&self) -> Vec<String> {
        let words = |(agent, untold): (&String, &Untold)| match (untold.told, untold.attempts) {
            (0, _) => format!("{agent} (reports no price)"),
            (_, 1) => format!("{agent} (1 attempt told no cost)"),
            (_, attempts) => format!("{agent} ({attempts} attempts told no cost)"),
        };
        self.cost_unknown.iter().map(words).collect()
    }
}

/// Returns limits with what is spent of each, as data: `{"run": {"cost_usd": {"spent": 1.2, "limit": 2.5}}}`.
pub fn standings_json(standings: &[Standing]) -> Value {
    let mut levels: Map<String, Value> = Map::new();
    for Standing { level, what, spent, limit } in standings {
        let entry = json!({"spent": what.number(*spent), "limit": what.number(*limit)});
        let level = levels.entry(level.name()).or_insert_with(|| json!({}));
        level[what.name()] = entry;
    }
    Value::Object(levels)
}

/// Returns limits with what is spent of each, a line for each level: `budget  $1.20 of $2.50, 412k of 1M tokens`.
pub fn standing_lines(standings: &[Standing]) -> Vec<String> {
    let mut lines = Vec::new();
    for level in [Level::Run, Level::Team, Level::Task] {
        let of_level = standings.iter().filter(|standing| standing.level == level);
        let parts: Vec<String> = of_level.map(standing_words).collect();
        if !parts.is_empty() {
            let name = if level == Level::Run { String::new() } else { format!("{} ", level.name()) };
            lines.push(format!("{name}budget  {}", parts.join(", ")));
        }
    }
    lines
}

/// Returns how much of a limit is spent: `$1.20 of $2.50`, `412k of 1M tokens`.
pub fn standing_words(standing: &Standing) -> String {
    let Standing { what, spent, limit, .. } = standing;
    match what {
        What::CostUsd | What::Seconds => format!("{} of {}", what.shown(*spent), what.shown(*limit)),
        What::Tokens => format!("{} of {}", tokens_shown(*spent), what.shown(*limit)),
        What::Attempts | What::ToolCalls => format!("{spent} of {}", what.shown(*limit)),
    }
}

/// Tells whether a task failed because a budget was used up.
pub fn failed_for_want(task: &Task) -> bool {
    task.state == TaskState::Failed && task.error_kind() == Some(ErrorKind::BudgetExceeded)
}

/// Returns the tasks that failed for want of budget and that now have something left, and those that come back with
/// them, in the order of the workflow.
pub fn to_take_up(run: &Run, now: Time) -> Vec<TaskId> {
    let ledger = Ledger::of(run);
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    for (place, task) in run.tasks.iter().enumerate().filter(|(_, task)| failed_for_want(task)) {
        if ledger.used_up(place, &task.spec, now).is_none() {
            taken.insert(place);
        }
    }
    let back = requeue::comes_back(run, &taken.iter().copied().collect::<Vec<_>>());
    taken.extend(back);
    taken.into_iter().map(|place| run.tasks[place].spec.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::task::Work;

    fn agent(id: &str, depends_on: &[&str], budget: Limits) -> TaskSpec {
        let work = Work::Agent {
            role: "executor".into(),
            program: "x".into(),
            persona: "executor".into(),
            task: "t".into(),
            model: None,
            fallback_models: vec![],
            thinking: None,
            writes: true,
            submit_optional: false,
        };
        TaskSpec { work, budget, ..spec(id, depends_on) }
    }

    fn tokens(tokens: u64) -> Limits {
        Limits { tokens: Some(tokens), ..Limits::default() }
    }

    fn run_with(budget: Limits, specs: Vec<TaskSpec>) -> Run {
        let mut run = run_of(specs);
        run.limits.budget = budget;
        run
    }

    fn told(tokens: u64) -> Spent {
        Spent::told(&Usage { output_tokens: Some(tokens), ..Usage::default() }, 0)
    }

    fn plain_agents(number: usize) -> Vec<TaskSpec> {
        (0..number).map(|at| agent(&format!("t{at}"), &[], Limits::default())).collect()
    }

    const NOW: Time = Time(1_000);

    /// Asks whether a task may start, and starts it where it may.
    fn ask(ledger: &mut Ledger, run: &Run, place: usize, free: usize) -> MayStart {
        let spec = &run.tasks[place].spec;
        let answer = ledger.may_start(place, spec, free, true, NOW);
        if let MayStart::Yes(reserved) = answer {
            ledger.note_started(place, spec, reserved, NOW);
        }
        answer
    }

    fn reserved(answer: MayStart) -> u64 {
        match answer {
            MayStart::Yes(reserved) => reserved.0.of(What::Tokens),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn before_anything_has_ended_the_free_slots_share_equally() {
        let run = run_with(tokens(900), plain_agents(4));
        let mut ledger = Ledger::of(&run);
        let shares =
            [(0, 3), (1, 2), (2, 1)].map(|(place, free)| reserved(ask(&mut ledger, &run, place, free)));
        assert_eq!(shares, [300, 300, 300]);
        assert_eq!(ask(&mut ledger, &run, 3, 1), MayStart::Wait);
    }

    #[test]
    fn afterwards_an_attempt_reserves_as_much_as_the_largest_and_waits_for_room() {
        let run = run_with(tokens(1_000), plain_agents(4));
        let mut ledger = Ledger::of(&run);
        ask(&mut ledger, &run, 0, 4);
        ledger.note_ended(0, &run.tasks[0].spec, told(400), NOW);
        assert_eq!(reserved(ask(&mut ledger, &run, 1, 4)), 400);
        // 200 are left beside it.
        assert_eq!(ask(&mut ledger, &run, 2, 3), MayStart::Wait);
        ledger.note_ended(1, &run.tasks[1].spec, told(300), NOW);
        // Nobody has anything to give back: it takes what there is.
        assert_eq!(reserved(ask(&mut ledger, &run, 2, 4)), 300);
        ledger.note_ended(2, &run.tasks[2].spec, told(300), NOW);
        let MayStart::Exceeded(standing) = ask(&mut ledger, &run, 3, 4) else { panic!("it started") };
        assert_eq!(standing.to_string(), "run budget of 1k tokens is used up: 1k tokens spent");
    }

    #[test]
    fn one_that_has_told_all_of_its_share_holds_nobody_up() {
        let run =
            run_with(tokens(1_000), (0..2).map(|at| agent(&format!("t{at}"), &[], tokens(600))).collect());
        let mut ledger = Ledger::of(&run);
        assert_eq!(reserved(ask(&mut ledger, &run, 0, 2)), 600);
        assert_eq!(ledger.cost_left(1, &run.tasks[1].spec, NOW), None);
        assert_eq!(ask(&mut ledger, &run, 1, 1), MayStart::Wait);
        ledger.note_told(0, told(600));
        assert_eq!(reserved(ask(&mut ledger, &run, 1, 1)), 400);
    }

    #[test]
    fn a_limit_is_told_at_80_percent_and_ends_its_spenders_when_it_is_used_up() {
        let mut command = spec("c", &[]);
        command.budget = Limits::default();
        let run = run_with(tokens(1_000), vec![agent("a", &[], Limits::default()), command]);
        let mut ledger = Ledger::of(&run);
        ask(&mut ledger, &run, 0, 2);
        ask(&mut ledger, &run, 1, 1);
        ledger.note_told(0, told(799));
        assert!(ledger.check(NOW).is_empty());
        ledger.note_told(0, told(800));
        let notices = ledger.check(NOW);
        assert_eq!((notices[0].standing.closeness(), notices[0].standing.percent()), (Closeness::Near, 80));
        assert!(ledger.warn(&notices[0]) && !ledger.warn(&notices[0]));
        assert!(ledger.check(NOW).is_empty());
        ledger.note_told(0, told(1_000));
        let notices = ledger.check(NOW);
        assert_eq!(notices[0].standing.closeness(), Closeness::Over);
        // A command spends no tokens.
        assert_eq!(ledger.spenders(&notices[0]), [0]);
    }

    #[test]
    fn an_agent_is_told_what_it_may_cost_beside_the_others() {
        let dollars = |cost_usd| Limits { cost_usd: Some(cost_usd), ..Limits::default() };
        let specs = vec![agent("a", &[], Limits::default()), agent("b", &[], dollars(3.0))];
        let run = run_with(dollars(2.5), specs);
        let mut ledger = Ledger::of(&run);
        let left = |ledger: &Ledger, place: usize| ledger.cost_left(place, &run.tasks[place].spec, NOW);
        assert_eq!((left(&ledger, 0), left(&ledger, 1)), (Some(2.5), Some(2.5)));
        ask(&mut ledger, &run, 0, 2);
        assert_eq!(left(&ledger, 1), Some(1.25));
        let spent = Spent::told(&Usage { cost_usd: Some(2.0), ..Usage::default() }, 0);
        ledger.note_ended(0, &run.tasks[0].spec, spent, NOW);
        assert_eq!(left(&ledger, 1), Some(0.5));
    }

    #[test]
    fn each_level_holds_for_itself() {
        let mut run =
            run_with(tokens(1_000), vec![agent("a", &[], tokens(300)), agent("b", &[], Limits::default())]);
        run.limits.team_budget = tokens(500);
        let mut ledger = Ledger::of(&run);
        ask(&mut ledger, &run, 0, 2);
        ask(&mut ledger, &run, 1, 1);
        ledger.note_told(0, told(300));
        ledger.note_told(1, told(200));
        let over: Vec<_> = ledger
            .check(NOW)
            .into_iter()
            .filter(|notice| notice.standing.closeness() == Closeness::Over)
            .map(|notice| (notice.standing.level, notice.place, ledger.spenders(&notice)))
            .collect();
        assert_eq!(over, [(Level::Team, None, vec![0, 1]), (Level::Task, Some(0), vec![0])]);
    }

    /// The bound: whatever agents do, a limit is passed by no more than one turn of each that runs.
    #[test]
    fn parallel_agents_pass_a_limit_by_no_more_than_a_turn_each() {
        for seed in 0..300_u64 {
            let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut roll = |sides: u64| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                dice % sides
            };
            let (jobs, turn, limit) = (1 + roll(5) as usize, 50, 1_000);
            let run = run_with(tokens(limit), plain_agents(40));
            let mut ledger = Ledger::of(&run);
            let mut waiting: Vec<usize> = (0..run.tasks.len()).rev().collect();
            // What each running one has told, and what its turns that are under way will tell.
            let mut open: BTreeMap<usize, u64> = BTreeMap::new();
            let (mut sum, mut most_open) = (0, 0);
            loop {
                while open.len() < jobs
                    && let Some(place) = waiting.last().copied()
                {
                    match ask(&mut ledger, &run, place, jobs - open.len()) {
                        MayStart::Yes(_) => drop(open.insert(place, 0)),
                        MayStart::Wait => break,
                        MayStart::Exceeded(_) => {}
                    }
                    waiting.pop();
                }
                most_open = most_open.max(open.len());
                let Some(place) = open.keys().copied().nth(roll(open.len().max(1) as u64) as usize) else {
                    break;
                };
                // It tells of its turn, and begins the next one or ends.
                let used = 1 + roll(turn);
                let all = open[&place] + used;
                (*open.get_mut(&place).unwrap(), sum) = (all, sum + used);
                ledger.note_told(place, told(all));
                let over = ledger
                    .check(NOW)
                    .into_iter()
                    .any(|notice| notice.standing.closeness() == Closeness::Over);
                if over {
                    // All are ended, and each of the others had a turn under way.
                    let others = open.len() as u64 - 1;
                    sum += others * turn;
                    open.iter().for_each(|(place, all)| {
                        ledger.note_ended(*place, &run.tasks[*place].spec, told(*all), NOW)
                    });
                    open.clear();
                } else if roll(6) == 0 {
                    open.remove(&place);
                    ledger.note_ended(place, &run.tasks[place].spec, told(all), NOW);
                }
            }
            assert!(waiting.is_empty() && sum <= limit + turn * most_open as u64, "seed {seed}: {sum}");
        }
    }

    #[test]
    fn what_is_not_told_is_unknown_and_said() {
        let mut run = run_of(vec![agent("a", &[], Limits::default()), spec("c", &[])]);
        for (id, attempt, cost_usd) in [("a", 1, Some(0.25)), ("a", 2, None)] {
            run.apply(NOW, &started(id, attempt)).unwrap();
            let mut end = ended(id, attempt, Outcome::Failed, None);
            if let Event::AttemptEnded { usage, .. } = &mut end {
                *usage = Usage { cost_usd, input_tokens: Some(5), ..Usage::default() };
            }
            run.apply(NOW, &end).unwrap();
            if attempt == 1 {
                run.apply(
                    NOW,
                    &Event::TaskRequeued {
                        task: TaskId::parse("a").unwrap(),
                        by: "me".into(),
                        reason: String::new(),
                        asked: Default::default(),
                    },
                )
                .unwrap();
            }
        }
        let bill = Bill::of(&run);
        assert_eq!(bill.usage.cost_usd, Some(0.25));
        assert_eq!(bill.unknown_words(), ["sh (1 attempt told no cost)"]);
        assert!(bill.tokens_unknown.is_empty());
    }

    #[test]
    fn time_of_a_run_stands_still_while_nobody_owns_it() {
        let seconds = Limits { seconds: Some(10), ..Limits::default() };
        let mut run = run_with(seconds, vec![agent("a", &[], Limits::default())]);
        let process = crate::domain::event::ProcessId { pid: 1, start: 1, boot: "b".into() };
        let owned = Event::DispatcherStarted { process };
        run.apply(Time(0), &owned).unwrap();
        run.apply(Time(3_000), &started("a", 1)).unwrap();
        // It died at three seconds, and was taken up an hour later.
        run.apply(Time(3_600_000), &owned).unwrap();
        let ledger = Ledger::of(&run);
        assert_eq!(ledger.used(Level::Run, What::Seconds, Time(3_602_000)), 5_000);
        assert_eq!(ledger.time_left(Time(3_602_000)), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_larger_budget_takes_up_what_failed_for_want_of_one_and_what_waited_for_it() {
        let mut run = run_with(
            tokens(5),
            vec![
                agent("a", &[], Limits::default()),
                agent("b", &["a"], Limits::default()),
                agent("c", &[], Limits { attempts: Some(0), ..Limits::default() }),
            ],
        );
        let id = |id: &str| TaskId::parse(id).unwrap();
        for task in ["a", "c"] {
            let reason = "run budget".to_owned();
            let failed = Event::TaskFailed { task: id(task), error_kind: ErrorKind::BudgetExceeded, reason };
            run.apply(NOW, &failed).unwrap();
        }
        let skipped =
            Event::TaskSkipped { task: id("b"), reason: "depends on a".into(), by_condition: false };
        run.apply(NOW, &skipped).unwrap();
        // Its own budget is as it was.
        assert_eq!(to_take_up(&run, NOW), [id("a"), id("b")]);
    }

    #[test]
    fn amounts_read_as_people_write_them() {
        assert_eq!(
            [read_count("200k"), read_count("1.5M"), read_count("7")],
            [Ok(200_000), Ok(1_500_000), Ok(7)]
        );
        assert!(["1.5", "-1", "k", "1e9", "", "1 k"].iter().all(|text| read_count(text).is_err()));
        assert_eq!([read_dollars("2.50"), read_dollars("$3")], [Ok(2.5), Ok(3.0)]);
        assert!(["-1", "x", "", "1e3", "inf", "9999999"].iter().all(|text| read_dollars(text).is_err()));
        assert_eq!(
            [read_seconds("90"), read_seconds("30m"), read_seconds("2h")],
            [Ok(90), Ok(1800), Ok(7200)]
        );
        assert!(["m", "1d", "1.5h", "-1s"].iter().all(|text| read_seconds(text).is_err()));
        let shown = [
            (What::CostUsd, 2_500_000),
            (What::CostUsd, 4_000),
            (What::Tokens, 412_000),
            (What::Tokens, 999),
        ];
        let shown = shown.map(|(what, amount)| what.shown(amount));
        assert_eq!(shown, ["$2.50", "$0.0040", "412k tokens", "999 tokens"]);
        assert_eq!([What::Seconds.shown(1_800_000), What::Attempts.shown(1)], ["30m", "1 attempt"]);
        for what in What::ALL {
            assert_eq!(what.amount(&what.number(1_234_567)), 1_234_567, "{}", what.name());
        }
    }
}
