//! What is to be seen of all runs at one look.

use crate::domain::budget::{Bill, Ledger};
use crate::domain::gate::{About, Gate, GateId};
use crate::domain::id::{RunId, TaskId};
use crate::domain::provider::Providers;
use crate::domain::requeue;
use crate::domain::run::{Run, RunStatus};
use crate::domain::schedule::InFolder;
use crate::domain::task::{Attempt, AttemptState, Task, TaskState};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::clean_line;
use crate::ui::printer::{Tone, status_tone};
use crate::ui::words;
use std::cmp::Reverse;
use std::time::Duration;

/// How long a run that has ended stays in sight.
pub const LINGER: Duration = Duration::from_secs(8);
/// The most characters of what anybody said.
const MAX_WORDS: usize = 300;
/// The most characters of what a person is asked, who has to read all of it.
const MAX_ASKED: usize = 4_000;
/// The most lines of what was handed in that a person decides about.
const MAX_HANDED_IN: usize = 200;

/// All runs at one look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The name of the repository's folder.
    pub repository: String,
    /// In the order in which they are shown.
    pub runs: Vec<RunLine>,
    /// Runs that have ended, and are not among them.
    pub ended: usize,
    /// Tasks of any run that were given up, and that nobody has seen to.
    pub dead_letters: usize,
    pub machine: Machine,
}

/// How busy the machine is, as far as it tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Machine {
    /// Over one minute.
    pub load: Option<f64>,
    pub cores: usize,
    /// Of the memory, in percent.
    pub memory_free: Option<u64>,
}

/// What was spent, as far as agents tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    pub tokens: Option<u64>,
    pub cost_usd: Option<f64>,
    /// Some agent reports no price.
    pub cost_unknown: bool,
}

impl Spent {
    /// Returns the tokens in words; `-` where nobody spent any.
    pub fn tokens(&self) -> String {
        match self.tokens {
            None if !self.cost_unknown => "-".into(),
            tokens => words::tokens(tokens),
        }
    }

    /// Returns the cost in words: `$0.25`, `$0.25+~` where an agent reports no price, `~` where all of them do not.
    pub fn cost(&self) -> String {
        match (self.cost_usd, self.cost_unknown) {
            (None, false) => "-".into(),
            (Some(_), true) => format!("{}+~", words::cost(self.cost_usd)),
            _ => words::cost(self.cost_usd),
        }
    }

    fn add(&mut self, other: &Spent) {
        let mut sum = Usage { input_tokens: self.tokens, cost_usd: self.cost_usd, ..Usage::default() };
        sum.add(&Usage { input_tokens: other.tokens, cost_usd: other.cost_usd, ..Usage::default() });
        *self = Spent {
            tokens: sum.tokens(),
            cost_usd: sum.cost_usd,
            cost_unknown: self.cost_unknown || other.cost_unknown,
        };
    }

    fn of_usage(usage: &Usage, cost_unknown: bool) -> Spent {
        Spent { tokens: usage.tokens(), cost_usd: usage.cost_usd, cost_unknown }
    }
}

/// Whether somebody looks after a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Nobody has to.
    #[default]
    Idle,
    /// A crew process does.
    Alive { pid: u32 },
    /// It does something else with the run: a merge.
    Busy { pid: u32, doing: String },
    /// It gives no sign of life.
    Silent { pid: u32, since: Duration },
    /// Somebody has stopped it.
    Stopped { pid: u32 },
    /// It died, and left tasks that are open.
    Dead,
}

impl Health {
    /// Returns the word used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Health::Idle => "idle",
            Health::Alive { .. } => "alive",
            Health::Busy { .. } => "busy",
            Health::Silent { .. } => "silent",
            Health::Stopped { .. } => "stopped",
            Health::Dead => "dead",
        }
    }

    /// Returns the number of the process, where there is one.
    pub fn pid(&self) -> Option<u32> {
        match self {
            Health::Idle | Health::Dead => None,
            Health::Alive { pid }
            | Health::Busy { pid, .. }
            | Health::Silent { pid, .. }
            | Health::Stopped { pid } => Some(*pid),
        }
    }

    /// Says what is wrong and what can be done about it, where something is.
    fn trouble(&self, short: &str) -> Option<String> {
        match self {
            Health::Idle | Health::Alive { .. } => None,
            Health::Busy { doing, .. } => Some(clean_line(doing, 200)),
            Health::Silent { pid, since } => {
                Some(format!("no sign of life for {} (pid {pid})", words::duration(*since)))
            }
            Health::Stopped { pid } => Some(format!("kill -CONT {pid} lets it go on")),
            Health::Dead => Some(format!("crew resume {short} goes on with it")),
        }
    }
}

/// A run, in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct RunLine {
    pub id: RunId,
    pub short: String,
    pub goal: String,
    pub team: String,
    pub status: RunStatus,
    pub health: Health,
    pub created_at: Time,
    pub ended_at: Option<Time>,
    pub settled: usize,
    pub total: usize,
    /// For how long it was carried out.
    pub worked: Duration,
    pub spent: Spent,
    /// In the order of the workflow; empty where only its numbers were read.
    pub tasks: Vec<TaskLine>,
    /// Its tasks were read.
    pub is_read: bool,
    /// Some event of it cannot be read.
    pub unreadable: bool,
}

/// A task, in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLine {
    pub id: TaskId,
    pub agent: String,
    pub state: TaskState,
    pub standing: Standing,
    /// The newest attempt; 0 before the first.
    pub attempt: u32,
    pub worked: Duration,
    pub spent: Spent,
    pub gate: Option<GateLine>,
    pub dead_letter: bool,
    /// A person may put it back to the queue.
    pub may_go_back: bool,
    /// Why it may not, where its state alone would let it.
    pub stays: Option<String>,
    /// It goes back only for a reason.
    pub needs_force: bool,
    /// What it does, waits for, or came to.
    pub words: String,
    /// The log of the newest attempt, relative to the run's folder.
    pub log: Option<String>,
    /// Crew checks what was handed in.
    pub verifying: bool,
}

/// A gate that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateLine {
    pub id: GateId,
    pub about: String,
    pub words: String,
    pub opened_at: Time,
    pub is_question: bool,
    /// What there is to choose from, each with its number.
    pub options: Vec<String>,
    /// The plan or the result that it is about, in lines.
    pub handed_in: Vec<String>,
    /// Nobody decided in time, and only crew goes on with it.
    pub overdue: bool,
}

impl GateLine {
    fn of(gate: &Gate, around: &Around<'_>) -> GateLine {
        let (options, default) = match &gate.about {
            About::Question { options, default, .. } => (options.as_slice(), default.as_ref()),
            _ => (&[][..], None),
        };
        let option = |(at, option): (usize, &String)| {
            let holds = if Some(option) == default { "  (holds if nobody answers in time)" } else { "" };
            format!("{}  {}{holds}", at + 1, clean_line(option, MAX_WORDS))
        };
        let handed_in = (around.handed_in)(gate).unwrap_or_default();
        let lines = handed_in.lines().map(|line| clean_line(line, MAX_WORDS));
        GateLine {
            id: gate.id,
            about: gate.about.name().to_owned(),
            words: clean_line(&gate.about.words(), MAX_ASKED),
            opened_at: gate.opened_at,
            is_question: matches!(gate.about, About::Question { .. }),
            options: options.iter().enumerate().map(option).collect(),
            handed_in: lines.take(MAX_HANDED_IN).collect(),
            overdue: gate.is_overdue(around.now),
        }
    }

    /// Says who goes on with one whose time is over.
    fn goes_on(&self, short: &str, owned: bool) -> String {
        match owned {
            true => "crew goes on with what follows".to_owned(),
            false => format!("crew resume {short} goes on with what follows"),
        }
    }
}

/// How a task stands, for who wants to know whom it waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    Working,
    /// Its agent has given no sign of life for so long.
    Quiet(Duration),
    WaitsForPerson,
    /// A person was to decide, and the time for that is over.
    TimedOut,
    /// It is tried again, or its provider takes requests again.
    WaitsForTime,
    WaitsForFolder,
    /// All that it depends on is there, and others are at work.
    WaitsForSlot,
    WaitsForTasks,
    /// Nobody carries its run out.
    LeftAlone,
    Settled,
}

impl Standing {
    /// Returns the word used in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Working => "working",
            Standing::Quiet(_) => "quiet",
            Standing::WaitsForPerson => "waits_for_person",
            Standing::TimedOut => "timed_out",
            Standing::WaitsForTime => "waits_for_time",
            Standing::WaitsForFolder => "waits_for_folder",
            Standing::WaitsForSlot => "waits_for_slot",
            Standing::WaitsForTasks => "waits_for_tasks",
            Standing::LeftAlone => "left_alone",
            Standing::Settled => "settled",
        }
    }
}

/// What is known of a run beside its record.
pub struct Around<'a> {
    pub short: String,
    pub health: Health,
    pub providers: &'a Providers,
    pub unreadable: bool,
    pub now: Time,
    /// What the task at a place does, where somebody has looked.
    pub doing: &'a dyn Fn(usize) -> Option<String>,
    /// Returns the plan or the result that a gate is about, where somebody has looked.
    pub handed_in: &'a dyn Fn(&Gate) -> Option<String>,
    /// For how long the attempt of a task has been quiet, where that is worth telling.
    pub quiet: &'a dyn Fn(&TaskId, u32) -> Option<Duration>,
}

impl RunLine {
    /// Says how a run stands.
    pub fn of(run: &Run, around: &Around<'_>) -> RunLine {
        let owned = !matches!(around.health, Health::Idle | Health::Dead);
        let now = if owned { around.now } else { run.last_at };
        let (in_folder, ledger) = (InFolder::of(run), Ledger::of(run));
        let tasks: Vec<TaskLine> = (run.tasks.iter().enumerate())
            .map(|(place, task)| task_line(run, (place, task), (&in_folder, &ledger), owned, around))
            .collect();
        let bill = Bill::of(run);
        let mut spent = Spent::of_usage(&bill.usage, !bill.cost_unknown.is_empty());
        for open in run.tasks.iter().filter_map(Task::last).filter(|attempt| attempt.is_open()) {
            spent.add(&Spent::of_usage(&open.usage, false));
        }
        RunLine {
            id: run.id.clone(),
            short: around.short.clone(),
            goal: clean_line(&run.goal, MAX_WORDS),
            team: clean_line(&run.team, 60),
            status: run.status(owned),
            health: around.health.clone(),
            created_at: run.created_at,
            ended_at: run.ended_at,
            settled: run.counts.settled(),
            total: run.counts.total(),
            worked: run.worked_until(now),
            spent,
            tasks,
            is_read: true,
            unreadable: around.unreadable,
        }
    }

    /// Tells whether nothing of it goes on any more, by itself or by a person's word.
    pub fn has_ended(&self) -> bool {
        use RunStatus::{Cancelled, Completed, Failed, NeedsReview};
        // One whose last task is done is carried out until that is recorded, and what lies around is put away.
        matches!(self.status, Completed | Failed | NeedsReview | Cancelled)
            && !matches!(self.health, Health::Busy { .. })
    }

    /// Returns the gates that wait for a person.
    pub fn gates(&self) -> impl Iterator<Item = (&TaskLine, &GateLine)> {
        self.tasks.iter().filter_map(|task| Some((task, task.gate.as_ref()?)))
    }

    /// Returns what its state is called, and how that is coloured.
    pub fn state(&self) -> (String, Tone) {
        let waits = self.gates().filter(|(_, gate)| !gate.overdue).count();
        let is_over = waits == 0 && self.gates().next().is_some();
        let working =
            self.tasks.iter().any(|task| matches!(task.standing, Standing::Working | Standing::Quiet(_)));
        match (&self.health, self.status) {
            _ if self.unreadable => ("not readable".into(), Tone::Bad),
            (Health::Stopped { .. }, _) => ("stopped".into(), Tone::Bad),
            (Health::Silent { .. }, _) => ("not answering".into(), Tone::Bad),
            (Health::Busy { .. }, _) => ("at work".into(), Tone::Plain),
            (_, RunStatus::Running) if waits > 0 && !working => ("waiting for you".into(), Tone::Attention),
            (_, RunStatus::AwaitingInput) if is_over => ("timed out".into(), Tone::Attention),
            (_, status) => (status.words().into(), status_tone(status)),
        }
    }

    /// Says what is wrong with it, where something is.
    pub fn trouble(&self) -> Option<(String, Tone)> {
        let unreadable = "a later crew wrote something that this one cannot read";
        let trouble = match self.unreadable {
            true => Some(unreadable.to_owned()),
            false => self.health.trouble(&self.short),
        };
        trouble.map(|words| (words, Tone::Attention))
    }

    /// Returns what there is to say of it beside its goal: what is wrong, or what waits for a person.
    pub fn news(&self) -> Option<(String, Tone)> {
        if let Some(trouble) = self.trouble() {
            return Some(trouble);
        }
        let gates: Vec<String> = self.gates().map(|(_, gate)| gate.id.to_string()).collect();
        let quiet = self.tasks.iter().find_map(|task| match task.standing {
            Standing::Quiet(quiet) => Some(format!("{} quiet for {}", task.id, words::duration(quiet))),
            _ => None,
        });
        match (gates.as_slice(), quiet) {
            ([], None) => None,
            ([], Some(quiet)) => Some((quiet, Tone::Attention)),
            (gates, _) => Some((format!("gate {}", gates.join(", ")), Tone::Attention)),
        }
    }

    /// Returns where it stands in the list: who waits for a person comes first, and then the newest.
    fn rank(&self) -> (u8, Reverse<Time>, RunId) {
        let group = match self.status {
            _ if self.has_ended() => 3,
            RunStatus::AwaitingInput => 0,
            _ if self.gates().next().is_some() => 0,
            RunStatus::Interrupted | RunStatus::Queued => 2,
            _ => 1,
        };
        let at = if group == 3 { self.ended_at.unwrap_or(self.created_at) } else { self.created_at };
        (group, Reverse(at), self.id.clone())
    }
}

/// Puts runs into the order in which they are shown. It depends on what they wait for and when they were made, so that
/// none changes its place while it works.
pub fn sort(runs: &mut [RunLine]) {
    runs.sort_by_cached_key(RunLine::rank);
}

/// Tells whether a run is shown where only what is open is: until it has ended, and for a while after that.
pub fn is_in_sight(line: &RunLine, now: Time) -> bool {
    !line.has_ended() || line.ended_at.is_none_or(|at| now.since(at) < LINGER)
}

fn task_line(
    run: &Run,
    (place, task): (usize, &Task),
    (in_folder, ledger): (&InFolder<'_>, &Ledger),
    owned: bool,
    around: &Around<'_>,
) -> TaskLine {
    let last = task.last();
    let open = last.filter(|attempt| attempt.is_open());
    let until = if owned { around.now } else { run.last_at };
    let mut usage = Usage::default();
    let mut worked = Duration::ZERO;
    for attempt in &task.attempts {
        usage.add(&attempt.usage);
        worked += attempt.ended_at.unwrap_or(until).since(attempt.started_at);
    }
    let told_no_cost = |attempt: &Attempt| {
        !attempt.is_open() && attempt.usage.cost_usd.is_none() && attempt.ending.not_started.is_none()
    };
    let cost_unknown = task.spec.is_paid() && task.attempts.iter().any(told_no_cost);
    let gate = task.waits_for.and_then(|gate| run.gate(gate)).map(|gate| GateLine::of(gate, around));
    let (standing, waits) = standing(run, task, in_folder, owned, around);
    let words = match (&gate, waits) {
        (Some(gate), _) if gate.overdue => {
            format!("{} timed out: {}", gate.id, gate.goes_on(&around.short, owned))
        }
        (Some(gate), _) => format!("{} {}: {}", gate.id, gate.about, gate.words),
        (None, Some(waits)) => waits,
        (None, None) => said_of(task, (around.doing)(place)),
    };
    let back = requeue::may_go_back(task).then(|| requeue::may_be_put_back(run, ledger, place, around.now));
    let back = back.map(|back| back.map_err(|refused| clean_line(&refused, MAX_WORDS)));
    TaskLine {
        id: task.spec.id.clone(),
        agent: if task.spec.is_for_agent() { clean_line(task.spec.program(), 60) } else { "-".into() },
        state: task.state,
        standing,
        attempt: last.map_or(0, |attempt| attempt.number),
        worked,
        spent: if task.spec.is_paid() { Spent::of_usage(&usage, cost_unknown) } else { Spent::default() },
        gate,
        dead_letter: task.dead_letter.is_some(),
        may_go_back: back == Some(Ok(())),
        stays: back.and_then(Result::err),
        needs_force: requeue::needs_force(task),
        words: clean_line(&words, MAX_WORDS),
        log: last.map(|attempt| attempt.log.clone()),
        verifying: open.is_some_and(|attempt| attempt.state == AttemptState::Verifying),
    }
}

/// Decides for whom a task waits, and says so where that is not plain.
fn standing(
    run: &Run,
    task: &Task,
    in_folder: &InFolder<'_>,
    owned: bool,
    around: &Around<'_>,
) -> (Standing, Option<String>) {
    match task.state {
        TaskState::Running if !owned => return (Standing::LeftAlone, None),
        TaskState::Running => {
            let last = task.last().filter(|attempt| attempt.is_open());
            let quiet = last.and_then(|attempt| (around.quiet)(&task.spec.id, attempt.number));
            return (quiet.map_or(Standing::Working, Standing::Quiet), None);
        }
        TaskState::AwaitingInput => {
            let gate = task.waits_for.and_then(|gate| run.gate(gate));
            let overdue = gate.is_some_and(|gate| gate.is_overdue(around.now));
            return (if overdue { Standing::TimedOut } else { Standing::WaitsForPerson }, None);
        }
        TaskState::Queued => {}
        _ => return (Standing::Settled, None),
    }
    if task.is_unasked() {
        return (Standing::WaitsForTasks, Some("done only where a review asks for it".into()));
    }
    let open = |id: &&TaskId| run.task(id).is_some_and(|other| !other.state.is_settled());
    let before: Vec<&str> = task.spec.waits_on().filter(open).map(TaskId::as_str).collect();
    if !before.is_empty() {
        return (Standing::WaitsForTasks, Some(format!("waits for {}", before.join(", "))));
    }
    // What others wait for begins only once somebody carries the run out.
    if !owned {
        return (Standing::LeftAlone, None);
    }
    if let Some(waits) = around.providers.keeps_waiting(run, task, around.now) {
        return (Standing::WaitsForTime, Some(waits.words(around.now)));
    }
    if let Some(at) = task.not_before.filter(|at| *at > around.now) {
        let seconds = at.since(around.now).as_millis().div_ceil(1000);
        let why = if task.reason.is_empty() { String::new() } else { format!(": {}", task.reason) };
        let time = words::duration(Duration::from_secs(seconds as u64));
        return (Standing::WaitsForTime, Some(format!("tried again in {time}{why}")));
    }
    match in_folder.keeps_waiting(task) {
        Some(waits) => (Standing::WaitsForFolder, Some(waits)),
        None => (Standing::WaitsForSlot, Some("waits for a slot".into())),
    }
}

/// Returns what there is to say of a task that waits for nobody.
fn said_of(task: &Task, doing: Option<String>) -> String {
    if let Some(words) = &task.cancel {
        return words.clone();
    }
    let last = task.last();
    if let Some(open) = last.filter(|attempt| attempt.is_open()) {
        if !open.waiting.is_empty() {
            return format!("waits: {}", open.waiting);
        }
        return doing
            .filter(|doing| !doing.is_empty())
            .or_else(|| open.progress().map(|note| note.words()))
            .unwrap_or_default();
    }
    let kind = task.error_kind().filter(|_| task.state != TaskState::Completed).map(|kind| kind.to_string());
    let summary = last.map(|attempt| attempt.summary.clone()).unwrap_or_default();
    let said = if task.reason.is_empty() { summary } else { task.reason.clone() };
    let given_up = task.dead_letter.as_ref().map(|letter| format!("given up: {}", letter.why.words()));
    let parts = [given_up, kind.filter(|kind| !said.starts_with(kind.as_str())), Some(said)];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

impl TaskLine {
    /// Returns what its state is called, and how that is coloured.
    pub fn shown_state(&self) -> (String, Tone) {
        match (&self.standing, self.state) {
            (Standing::Quiet(quiet), _) => (format!("quiet {}", words::duration(*quiet)), Tone::Attention),
            (Standing::Working, _) if self.verifying => ("verifying".into(), Tone::Plain),
            (Standing::WaitsForPerson, _) => ("waiting for you".into(), Tone::Attention),
            (Standing::TimedOut, _) => ("timed out".into(), Tone::Attention),
            (Standing::WaitsForTime, _) => ("backing off".into(), Tone::Plain),
            (Standing::LeftAlone, TaskState::Running) => ("interrupted".into(), Tone::Attention),
            (_, TaskState::Completed) => ("completed".into(), Tone::Good),
            (_, TaskState::Failed) => ("failed".into(), Tone::Bad),
            (_, TaskState::NeedsReview) => ("needs review".into(), Tone::Attention),
            (_, TaskState::Cancelled) => ("cancelled".into(), Tone::Attention),
            (_, state) => (state.name().replace('_', " "), Tone::Faint),
        }
    }
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Tasks that are worked on.
    pub working: usize,
    /// Those of them whose agent is quiet.
    pub quiet: usize,
    pub for_person: usize,
    /// Tasks that wait for a slot or the folder.
    pub for_slot: usize,
    pub for_time: usize,
    /// Runs that nobody carries out.
    pub interrupted: usize,
    /// Runs whose crew process is stopped or gives no sign of life.
    pub in_trouble: usize,
    /// By the runs that have not ended: of others not all may have been read.
    pub spent: Spent,
}

impl Picture {
    /// Adds up what is shown.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for run in &self.runs {
            if !run.has_ended() {
                totals.spent.add(&run.spent);
            }
            totals.interrupted += usize::from(run.status == RunStatus::Interrupted);
            totals.in_trouble +=
                usize::from(matches!(run.health, Health::Stopped { .. } | Health::Silent { .. }));
            for task in &run.tasks {
                match task.standing {
                    Standing::Working => totals.working += 1,
                    Standing::Quiet(_) => {
                        totals.working += 1;
                        totals.quiet += 1;
                    }
                    Standing::WaitsForPerson => totals.for_person += 1,
                    Standing::WaitsForTime => totals.for_time += 1,
                    Standing::WaitsForFolder | Standing::WaitsForSlot => totals.for_slot += 1,
                    Standing::WaitsForTasks
                    | Standing::TimedOut
                    | Standing::LeftAlone
                    | Standing::Settled => {}
                }
            }
        }
        totals
    }

    /// Returns a run by its id.
    pub fn run(&self, id: &RunId) -> Option<&RunLine> {
        self.runs.iter().find(|run| run.id == *id)
    }

    /// Says how much there is of what, what matters most first.
    pub fn heading(&self) -> Vec<(String, Tone)> {
        let totals = self.totals();
        let some = |number: usize, words: String, tone| (number > 0).then_some((words, tone));
        let mut parts = vec![(format!("{} working", totals.working), Tone::Plain)];
        let more = [
            some(totals.for_person, format!("{} for you", totals.for_person), Tone::Attention),
            some(totals.in_trouble, format!("{} not answering", totals.in_trouble), Tone::Bad),
            some(totals.quiet, format!("{} quiet", totals.quiet), Tone::Attention),
            some(totals.for_slot, format!("{} for a slot", totals.for_slot), Tone::Plain),
            some(totals.for_time, format!("{} backing off", totals.for_time), Tone::Plain),
            some(self.dead_letters, words::count(self.dead_letters, "dead letter"), Tone::Bad),
            some(totals.interrupted, format!("{} interrupted", totals.interrupted), Tone::Attention),
        ];
        parts.extend(more.into_iter().flatten());
        parts
    }

    /// Says what is spent and how busy the machine is.
    pub fn second_heading(&self) -> Vec<(String, Tone)> {
        let Totals { spent, .. } = self.totals();
        let plain = |text: String| (text, Tone::Plain);
        let mut parts = Vec::new();
        if spent.tokens.is_some() {
            parts.push(plain(format!("{} tokens", spent.tokens())));
        }
        if spent.cost_usd.is_some() || spent.cost_unknown {
            let alone = if spent.cost_usd.is_none() { "cost " } else { "" };
            parts.push(plain(format!("{alone}{}", spent.cost())));
        }
        if let Some(load) = self.machine.load {
            parts.push(plain(format!("load {load:.1} of {}", self.machine.cores)));
        }
        if let Some(free) = self.machine.memory_free {
            parts.push(plain(format!("memory {free} % free")));
        }
        if self.ended > 0 {
            parts.push((format!("{} ended", self.ended), Tone::Faint));
        }
        parts
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::event::{Event, Outcome, ProcessId};
    use crate::domain::run::tests::{agent_spec, ended, run_of, spec, started};

    pub(crate) fn line(run: &Run, health: Health, now: i64) -> RunLine {
        let around = Around {
            short: "7k2".into(),
            health,
            providers: &Providers::default(),
            unreadable: false,
            now: Time(now),
            doing: &|_| Some("cargo test\u{1b}[31m -p auth".into()),
            handed_in: &|_| Some("first do this\nand then that".into()),
            quiet: &|_, _| None,
        };
        RunLine::of(run, &around)
    }

    fn owned() -> Event {
        Event::DispatcherStarted { process: ProcessId { pid: 7, start: 1, boot: String::new() } }
    }

    fn standings(line: &RunLine) -> Vec<&'static str> {
        line.tasks.iter().map(|task| task.standing.name()).collect()
    }

    #[test]
    fn what_nobody_carries_out_is_not_told_to_be_tried_again() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(500), &owned()).unwrap();
        run.apply(Time(1_000), &started("a", 1)).unwrap();
        let again = crate::domain::event::Again { not_before: Time(90_000), reason: "auto_retry".into() };
        run.apply(Time(2_000), &ended("a", 1, Outcome::Failed, Some(again))).unwrap();
        assert_eq!(standings(&line(&run, Health::Alive { pid: 1 }, 3_000)), ["waits_for_time"]);
        let dead = line(&run, Health::Dead, 3_000);
        assert_eq!(standings(&dead), ["left_alone"]);
        assert!(!dead.tasks[0].words.contains("tried again in"), "{}", dead.tasks[0].words);
    }

    #[test]
    fn it_is_told_for_whom_each_task_waits() {
        let tasks = ["a", "c"].map(|task| agent_spec(task, "claude"));
        let mut run = run_of([&tasks[..], &[spec("b", &["a"]), spec("d", &[])]].concat());
        run.apply(Time(500), &owned()).unwrap();
        run.apply(Time(1_000), &started("a", 1)).unwrap();
        let alive = line(&run, Health::Alive { pid: 1 }, 3_000);
        let expected = ["working", "waits_for_folder", "waits_for_tasks", "waits_for_slot"];
        assert_eq!(standings(&alive), expected);
        assert_eq!(alive.tasks[0].words, "cargo test -p auth", "what an agent prints is made harmless");
        assert_eq!((alive.tasks[2].words.as_str(), alive.tasks[0].worked.as_secs()), ("waits for a", 2));
        let dead = line(&run, Health::Dead, 3_000);
        assert_eq!(standings(&dead), ["left_alone", "left_alone", "waits_for_tasks", "left_alone"]);
        assert_eq!((dead.state().0.as_str(), dead.news().unwrap().1), ("interrupted", Tone::Attention));
        assert_eq!(dead.tasks[0].worked, Duration::ZERO, "nobody has worked since");
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        let mut run = run_of(vec![agent_spec("a", "codex"), agent_spec("b", "claude")]);
        assert_eq!(
            [run_of(vec![]), run.clone()].map(|run| line(&run, Health::Idle, 0).spent.cost()),
            ["-", "-"]
        );
        let end = |task: &str, usage: Usage| match ended(task, 1, Outcome::Succeeded, None) {
            Event::AttemptEnded {
                task,
                attempt,
                outcome,
                error_kind,
                reason,
                ending,
                summary,
                again,
                not_again,
                limited,
                unkept,
                ..
            } => Event::AttemptEnded {
                task,
                attempt,
                outcome,
                error_kind,
                reason,
                ending,
                usage,
                summary,
                again,
                not_again,
                limited,
                unkept,
            },
            other => other,
        };
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &end("a", Usage { input_tokens: Some(5_000), ..Usage::default() })).unwrap();
        let untold = line(&run, Health::Alive { pid: 1 }, 3).spent;
        assert_eq!((untold.tokens(), untold.cost()), ("5.0k".into(), "~".into()));
        run.apply(Time(3), &started("b", 1)).unwrap();
        run.apply(Time(4), &end("b", Usage { cost_usd: Some(0.25), ..Usage::default() })).unwrap();
        let partly = line(&run, Health::Idle, 5);
        assert_eq!(partly.spent.cost(), "$0.25+~");
        assert_eq!(partly.tasks.iter().map(|task| task.spent.cost()).collect::<Vec<_>>(), ["~", "$0.25"]);
    }

    #[test]
    fn who_waits_for_a_person_comes_first_and_what_has_ended_stays_a_while() {
        let run = run_of(vec![spec("a", &[])]);
        let of = |number: u64, status: RunStatus, at: i64| {
            let health = if status == RunStatus::Running { Health::Alive { pid: 1 } } else { Health::Idle };
            let id = RunId::from_random(u128::from(number));
            let ended_at = Some(Time(at)).filter(|_| status == RunStatus::Completed);
            RunLine { id, status, health, created_at: Time(at), ended_at, ..line(&run, Health::Idle, 0) }
        };
        let mut runs = vec![
            of(1, RunStatus::Completed, 9_000),
            of(2, RunStatus::Interrupted, 8_000),
            of(3, RunStatus::Running, 1_000),
            of(4, RunStatus::Running, 2_000),
            of(5, RunStatus::AwaitingInput, 500),
        ];
        sort(&mut runs);
        let order: Vec<i64> = runs.iter().map(|run| run.created_at.0).collect();
        assert_eq!(order, [500, 2_000, 1_000, 8_000, 9_000]);
        let sight = |now| runs.iter().filter(|run| is_in_sight(run, Time(now))).count();
        assert_eq!([sight(16_000), sight(18_000)], [5, 4]);
    }

    #[test]
    fn what_is_spent_is_the_same_whichever_runs_that_have_ended_were_read() {
        let run = run_of(vec![spec("a", &[])]);
        let of = |number: u128, status: RunStatus, tokens: Option<u64>| RunLine {
            id: RunId::from_random(number),
            status,
            spent: Spent { tokens, ..Spent::default() },
            is_read: tokens.is_some(),
            ..line(&run, Health::Idle, 0)
        };
        let open = of(1, RunStatus::AwaitingInput, Some(5));
        let spent = |ended: Option<u64>| {
            let runs = vec![open.clone(), of(2, RunStatus::Completed, ended)];
            Picture { runs, ..Picture::default() }.totals().spent.tokens
        };
        assert_eq!([spent(None), spent(Some(100))], [Some(5), Some(5)]);
    }

    #[test]
    fn the_state_of_a_run_says_whether_anybody_looks_after_it() {
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &owned()).unwrap();
        run.apply(Time(1), &started("a", 1)).unwrap();
        let silent = Health::Silent { pid: 7, since: Duration::from_secs(100) };
        let states = [Health::Alive { pid: 7 }, silent, Health::Stopped { pid: 7 }, Health::Dead]
            .map(|health| line(&run, health, 10).state().0);
        assert_eq!(states, ["running", "not answering", "stopped", "interrupted"]);
        let stopped = line(&run, Health::Stopped { pid: 7 }, 10).news().unwrap().0;
        assert!(stopped.contains("kill -CONT 7"), "{stopped}");
    }
}
