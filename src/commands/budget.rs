//! Budgets on the command line and on the screen: the flags, what is said before a run and after it.

use crate::agents::abilities;
use crate::agents::registry::Registry;
use crate::domain::budget::{self, Bill, Ledger, Level, Limits, Standing, What};
use crate::domain::event::Event;
use crate::domain::price::Prices;
use crate::domain::requeue::Asked;
use crate::domain::run::{Illegal, Run};
use crate::domain::settings::{self, Settings};
use crate::domain::task::{Task, TaskSpec, Work};
use crate::domain::time::Time;
use crate::ui::words;
use serde_json::{Value, json};

/// What a run may use up.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct BudgetArgs {
    /// US dollars that the run may cost: 2.50; 0 sets no limit
    #[arg(long, value_name = "DOLLARS", value_parser = budget::read_dollars)]
    max_cost: Option<f64>,

    /// Tokens that the run may use: 200000, 200k, 1.5M; 0 sets no limit
    #[arg(long, value_name = "N", value_parser = budget::read_count)]
    max_tokens: Option<u64>,

    /// Wall time that the run may take: 90s, 30m, 2h; 0 sets no limit
    #[arg(long, value_name = "TIME", value_parser = budget::read_seconds)]
    max_time: Option<u64>,
}

impl BudgetArgs {
    /// Returns the limits of a new run: those of the settings, and of the flags in their place.
    pub fn of_new_run(&self, settings: &Settings) -> Limits {
        self.over(Limits::of(settings))
    }

    /// Returns the limits for the rest of a run that has some: what the command line says changes, and nothing else.
    pub fn of_resumed_run(&self, run: &Run, settings: &Settings, sets: &[String]) -> Limits {
        let mut limits = run.limits.budget;
        let set = Limits::of(settings);
        let is_set = |setting: &settings::Setting| {
            sets.iter().any(|typed| typed.split_once('=').is_some_and(|(key, _)| key == setting.key))
        };
        if is_set(&settings::BUDGET_COST) {
            limits.cost_usd = set.cost_usd;
        }
        if is_set(&settings::BUDGET_TOKENS) {
            limits.tokens = set.tokens;
        }
        if is_set(&settings::BUDGET_SECONDS) {
            limits.seconds = set.seconds;
        }
        if is_set(&settings::BUDGET_ATTEMPTS) {
            limits.attempts = set.attempts;
        }
        if is_set(&settings::BUDGET_TOOL_CALLS) {
            limits.tool_calls = set.tool_calls;
        }
        self.over(limits)
    }

    fn over(&self, limits: Limits) -> Limits {
        fn either<T: PartialOrd + Default>(flag: Option<T>, limit: Option<T>) -> Option<T> {
            flag.map_or(limit, |flag| Some(flag).filter(|flag| *flag > T::default()))
        }
        Limits {
            cost_usd: either(self.max_cost, limits.cost_usd),
            tokens: either(self.max_tokens, limits.tokens),
            seconds: either(self.max_time, limits.seconds),
            ..limits
        }
    }
}

/// Says of which agents crew will not know what they cost, where something limits that.
pub fn unheld(
    run: &Limits,
    team: &Limits,
    tasks: &[TaskSpec],
    registry: &Registry,
    prices: &Prices,
) -> Vec<String> {
    let is_limited =
        |spec: &TaskSpec| [run, team, &spec.budget].iter().any(|limits| limits.cost_usd.is_some());
    let mut agents: Vec<&str> = Vec::new();
    for spec in tasks.iter().filter(|spec| spec.is_paid() && is_limited(spec)) {
        let Work::Agent { program, model, .. } = &spec.work else { continue };
        let untold =
            registry.program(program).is_some_and(|agent| abilities::tells_cost(&**agent) == Some(false));
        if untold && prices.find(model.as_deref(), program).is_none() && !agents.contains(&program.as_str()) {
            agents.push(program);
        }
    }
    let note = |agent: &&str| {
        format!(
            "{agent} reports no price: the limit on cost does not hold for it; limits on tokens, time and attempts do \
             (crew config set prices.MODEL '{{\"input\": ..., \"output\": ...}}' gives it one)"
        )
    };
    agents.iter().map(note).collect()
}

/// The budget of a run and what was spent of it, at a time.
pub struct Account {
    ledger: Ledger,
    pub bill: Bill,
    now: Time,
}

impl Account {
    /// Draws up the account of a run. `owned` tells whether a dispatcher lives, so that its time goes on.
    pub fn of(run: &Run, owned: bool, now: Time) -> Account {
        let now = if owned { now } else { run.last_at };
        Account { ledger: Ledger::of(run), bill: Bill::of(run), now }
    }

    /// Returns the limit of the run that is used up.
    pub fn used_up(&self) -> Option<Standing> {
        self.standings()
            .into_iter()
            .find(|standing| standing.level == Level::Run && standing.spent >= standing.limit)
    }

    fn standings(&self) -> Vec<Standing> {
        self.ledger.standings(self.now)
    }

    /// Returns the lines that say how the budgets stand.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = budget::standing_lines(&self.standings());
        let costs = self.standings().iter().any(|standing| standing.what == What::CostUsd);
        let unknown = self.bill.unknown_words();
        if let Some(first) = lines.first_mut().filter(|_| costs && !unknown.is_empty()) {
            first.push_str(&format!(" + {}", unknown.join(" + ")));
        }
        lines
    }

    /// Returns the command by which a run goes on that its own budget has stopped, where `resume` is the one by which it goes on
    /// otherwise. The limits of a team and of a step stay as they are.
    pub fn another_budget(&self, run: &Run, resume: &str) -> Option<String> {
        let stopped = run.tasks.iter().any(budget::failed_for_want);
        let what = self.used_up().filter(|_| stopped)?.what;
        let flag = match what {
            What::CostUsd => "--max-cost DOLLARS",
            What::Tokens => "--max-tokens N",
            What::Seconds => "--max-time TIME",
            What::Attempts => "--set budget.attempts=N",
            What::ToolCalls => "--set budget.tool_calls=N",
        };
        Some(format!("{resume} {flag}"))
    }

    /// Returns the same command with twice what was allowed, so that it can be typed as it stands.
    pub fn twice_the_budget(&self, run: &Run, resume: &str) -> Option<String> {
        let stopped = run.tasks.iter().any(budget::failed_for_want);
        let Standing { what, limit, .. } = self.used_up().filter(|_| stopped)?;
        let twice = what.number(limit.saturating_mul(2));
        let flag = match what {
            What::CostUsd => format!("--max-cost {twice}"),
            What::Tokens => format!("--max-tokens {twice}"),
            What::Seconds => format!("--max-time {twice}s"),
            What::Attempts => format!("--set budget.attempts={twice}"),
            What::ToolCalls => format!("--set budget.tool_calls={twice}"),
        };
        Some(format!("{resume} {flag}"))
    }

    /// Returns the budgets as data: `{"run": {"cost_usd": {"spent": 1.2, "limit": 2.5}}}`.
    pub fn as_json(&self) -> Value {
        budget::standings_json(&self.standings())
    }

    /// Returns the budget of a task as data; null where it has none.
    pub fn of_task(&self, place: usize, task: &Task) -> Value {
        let standings = self.ledger.standings_of(place, &task.spec, self.now);
        if standings.is_empty() { Value::Null } else { budget::standings_json(&standings)["task"].clone() }
    }

    /// Adds to the data of a run what was spent and whose cost is unknown.
    pub fn put_into(&self, run: &mut Value) {
        run["cost_usd"] = json!(self.bill.usage.cost_usd);
        run["cost_unknown"] = json!(self.bill.cost_unknown.keys().collect::<Vec<_>>());
        run["tokens_unknown"] = json!(self.bill.tokens_unknown);
        run["budget"] = self.as_json();
    }

    /// Returns what was spent in words: `168.5k tokens   $0.25 + codex (reports no price)`; nothing where no agent
    /// worked that costs anything.
    pub fn total(&self) -> Option<String> {
        let Bill { usage, cost_unknown, .. } = &self.bill;
        if usage.tokens().is_none() && usage.cost_usd.is_none() && cost_unknown.is_empty() {
            return None;
        }
        let known = usage.cost_usd.map(|dollars| words::cost(Some(dollars)));
        let parts: Vec<String> = known.into_iter().chain(self.bill.unknown_words()).collect();
        Some(format!("{} tokens   {}", words::tokens(usage.tokens()), parts.join(" + ")))
    }
}

/// Returns the events that give a run another budget and put back to the queue what failed for want of one.
pub fn raise(run: &Run, budget: Limits, now: Time) -> Result<Vec<Event>, Illegal> {
    let mut raised = run.clone();
    let changed = Event::BudgetChanged { budget };
    raised.apply(now, &changed)?;
    // Nobody owns it: its time has stood still since something happened last.
    let taken_up = budget::to_take_up(&raised, run.last_at).into_iter();
    let requeued = taken_up.map(|task| Event::TaskRequeued {
        task,
        by: "crew resume".into(),
        reason: "the budget was changed".into(),
        asked: Asked::default(),
    });
    Ok(std::iter::once(changed).chain(requeued).collect())
}
