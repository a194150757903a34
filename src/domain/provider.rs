//! One back-off for all who use the same provider: where one agent meets a limit, the others do not run into it too.
//!
//! # How it works
//!
//! An attempt that ends at a limit says until when nobody of its provider is started. Of several that were at work then,
//! only the first makes the back-off longer: the others began before anybody knew. One that was started after it and
//! meets the limit again makes it grow. When the time has come, they are started one after the other, as far apart as
//! the back-off would be without the server's word, until one comes through. Who is at work is left alone.

use super::error_kind::{ErrorClass, ErrorKind};
use super::event::{Limited, Outcome};
use super::retry::{self, RetryPolicy};
use super::run::Run;
use super::task::{Attempt, AttemptState, Task, TaskState, Work};
use super::time::Time;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a provider stands that limits requests.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BackOff {
    /// How often in a row it was met.
    level: u32,
    /// When it was met first, or grew last.
    since: Time,
    /// Nobody is started before.
    until: Time,
    /// How far apart they are started after that.
    pace: Duration,
    /// When somebody was started last since then.
    started: Option<Time>,
    kind: ErrorKind,
}

impl BackOff {
    fn free_at(&self) -> Time {
        self.started.map_or(self.until, |started| self.until.max(started.plus(self.pace)))
    }
}

/// The providers that limit requests at present, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers(BTreeMap<String, BackOff>);

/// Names the provider whose limits an agent meets: its program, and the provider of its model where the model's name says
/// so, as in `anthropic/claude-opus`. What they sign in with is theirs, so two programs are never taken for one.
pub fn provider_of(agent: &str, model: Option<&str>) -> String {
    match model.and_then(|model| model.split_once('/')) {
        Some((provider, _)) if !provider.is_empty() => format!("{agent}/{provider}"),
        _ => agent.to_owned(),
    }
}

/// Returns the provider that a task's next attempt would use; none for what asks no model.
fn next_of(task: &Task) -> Option<String> {
    let Work::Agent { program, .. } = &task.spec.work else { return None };
    Some(provider_of(program, task.next_model()))
}

/// Tells whether an attempt that ended so met a limit that others of its provider would meet too.
pub fn is_limit(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::RateLimited | ErrorKind::Overloaded)
}

/// Tells whether an attempt that ended so had the provider's answers to the end.
fn went_through(outcome: Outcome, kind: Option<ErrorKind>) -> bool {
    match outcome {
        Outcome::Succeeded | Outcome::NeedsReview => true,
        Outcome::Failed => kind.is_some_and(|kind| kind.class() == ErrorClass::Content),
        Outcome::Cancelled | Outcome::Lost => false,
    }
}

impl Providers {
    /// Works out from a run's attempts which providers limit requests.
    pub fn of(run: &Run) -> Providers {
        let mut moments: Vec<(Time, bool, &Attempt)> = Vec::new();
        let asks = |task: &&Task| matches!(task.spec.work, Work::Agent { .. });
        for attempt in run.tasks.iter().filter(asks).flat_map(|task| &task.attempts) {
            moments.push((attempt.started_at, true, attempt));
            moments.extend(attempt.ended_at.map(|at| (at, false, attempt)));
        }
        // What ends makes room for what starts.
        moments.sort_by_key(|(at, starts, _)| (*at, *starts));
        let mut providers = Providers::default();
        for (_, starts, attempt) in moments {
            if starts {
                providers.note_started(attempt);
            } else {
                providers.note_ended(attempt);
            }
        }
        providers
    }

    /// Takes in that an attempt was started.
    pub fn note_started(&mut self, attempt: &Attempt) {
        if let Some(back_off) = self.0.get_mut(&provider_of(&attempt.agent, attempt.model.as_deref())) {
            back_off.started = Some(attempt.started_at);
        }
    }

    /// Takes in how an attempt ended. Returns the provider that is free again because of that.
    pub fn note_ended(&mut self, attempt: &Attempt) -> Option<String> {
        let provider = provider_of(&attempt.agent, attempt.model.as_deref());
        let (AttemptState::Ended(outcome), Some(at)) = (attempt.state, attempt.ended_at) else { return None };
        let met = self.0.get(&provider);
        let is_later = |met: &BackOff| attempt.started_at >= met.since;
        if let Some(limited) = &attempt.limited {
            let grows = met.is_none_or(is_later);
            let until = met.map_or(limited.until, |met| met.until.max(limited.until));
            let back_off = match (met.cloned(), grows) {
                (Some(met), false) => BackOff { until, ..met },
                (met, _) => BackOff {
                    level: met.map_or(0, |met| met.level) + 1,
                    since: at,
                    until,
                    pace: Duration::from_millis(limited.pace_millis),
                    started: None,
                    kind: attempt.error_kind.unwrap_or(ErrorKind::RateLimited),
                },
            };
            self.0.insert(provider, back_off);
            return None;
        }
        // One that was at work already when the limit was met may have asked for nothing since.
        if went_through(outcome, attempt.error_kind) && met.is_some_and(is_later) {
            self.0.remove(&provider);
            return Some(provider);
        }
        None
    }

    /// Takes in that the clock went on by milliseconds that count for nothing, or back.
    pub fn move_times(&mut self, millis: i64) {
        for back_off in self.0.values_mut() {
            let BackOff { since, until, started, .. } = back_off;
            (*since, *until) = (since.moved(millis), until.moved(millis));
            *started = started.map(|at| at.moved(millis));
        }
    }

    /// Returns how an attempt is limited that ends now at a limit. `dice` is random, from 0 to 1.
    pub fn limit(
        &self,
        attempt: &Attempt,
        policy: &RetryPolicy,
        dice: f64,
        retry_after: Option<Duration>,
        now: Time,
    ) -> Limited {
        let met = self.0.get(&provider_of(&attempt.agent, attempt.model.as_deref()));
        let level = match met {
            Some(met) if attempt.started_at < met.since => met.level,
            met => met.map_or(0, |met| met.level) + 1,
        };
        let pace = retry::delay(policy, level, dice, None);
        Limited {
            until: now.plus(retry::delay(policy, level, dice, retry_after)),
            pace_millis: pace.as_millis() as u64,
        }
    }

    /// Returns when a task may be started, as far as its provider is concerned; none where it may be at once.
    pub fn keeps_until(&self, task: &Task, now: Time) -> Option<Time> {
        let back_off = self.0.get(&next_of(task)?)?;
        let free = back_off.free_at();
        // It was never that long: somebody has set the clock back.
        let is_far = free.since(now) > free.since(back_off.since) + retry::MAX_DELAY;
        (free > now && !is_far).then_some(free)
    }

    /// Tells whether a task's next attempt would use this provider.
    pub fn is_for(task: &Task, provider: &str) -> bool {
        next_of(task).is_some_and(|next| next == provider)
    }

    /// Says for which provider a task waits, and until when; none where that is not what keeps it.
    pub fn keeps_waiting(&self, run: &Run, task: &Task, now: Time) -> Option<Waits> {
        let is_settled = |id| run.task(id).is_some_and(|other| other.state.is_settled());
        if task.state != TaskState::Queued || !task.spec.depends_on.iter().all(is_settled) {
            return None;
        }
        let provider = next_of(task)?;
        let until = self.keeps_until(task, now)?;
        Some(Waits { kind: self.0.get(&provider)?.kind, provider, until })
    }
}

/// What a task waits for that could start, were its provider free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    pub provider: String,
    pub kind: ErrorKind,
    pub until: Time,
}

impl Waits {
    /// Says so: `waits for claude: rate limited, 12 s more`.
    pub fn words(&self, now: Time) -> String {
        let seconds = self.until.since(now).as_millis().div_ceil(1000);
        format!("waits for {}: {}, {seconds} s more", self.provider, self.kind.name().replace('_', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Event;
    use crate::domain::id::TaskId;
    use crate::domain::run::tests::{agent_spec, ended, run_of, started};

    const POLICY: RetryPolicy =
        RetryPolicy { backoff: Duration::from_millis(100), jitter: 0.0, ..retry::tests::POLICY };

    /// Ends an attempt as it would be ended: at a limit of this provider, with what the server asks for, or well.
    fn end(run: &mut Run, id: &str, number: u32, at: i64, limited: Option<Option<u64>>) {
        let providers = Providers::of(run);
        let task = run.task(&TaskId::parse(id).unwrap()).unwrap();
        let limited = limited.map(|after| {
            let after = after.map(Duration::from_millis);
            providers.limit(task.last().unwrap(), &POLICY, 0.5, after, Time(at))
        });
        let outcome = if limited.is_some() { Outcome::Failed } else { Outcome::Succeeded };
        let mut event = ended(id, number, outcome, None);
        if let Event::AttemptEnded { error_kind, limited: says, again, .. } = &mut event
            && limited.is_some()
        {
            *error_kind = Some(ErrorKind::RateLimited);
            *again = Some(crate::domain::event::Again { not_before: Time(at), reason: "auto_retry".into() });
            *says = limited;
        }
        run.apply(Time(at), &event).unwrap();
    }

    fn start(run: &mut Run, id: &str, number: u32, at: i64) {
        run.apply(Time(at), &started(id, number)).unwrap();
    }

    fn free_at(run: &Run, id: &str) -> i64 {
        let task = run.task(&TaskId::parse(id).unwrap()).unwrap();
        Providers::of(run).keeps_until(task, Time(0)).map_or(0, |at| at.0)
    }

    fn three() -> Run {
        run_of(["a", "b", "c"].map(|id| agent_spec(id, "sh")).into())
    }

    #[test]
    fn whoever_is_of_the_same_provider_waits_and_nobody_else() {
        let mut run = run_of(vec![agent_spec("a", "sh"), agent_spec("b", "sh"), agent_spec("c", "other")]);
        start(&mut run, "a", 1, 1000);
        end(&mut run, "a", 1, 1500, Some(None));
        assert_eq!([free_at(&run, "a"), free_at(&run, "b"), free_at(&run, "c")], [1600, 1600, 0]);
        let waits = |now| Providers::of(&run).keeps_waiting(&run, &run.tasks[1], Time(now));
        assert_eq!(waits(1500).unwrap().words(Time(1500)), "waits for sh: rate limited, 1 s more");
        assert_eq!(waits(1600), None);
    }

    #[test]
    fn those_at_work_count_as_one_and_who_comes_later_makes_it_grow() {
        let mut run = three();
        for id in ["a", "b"] {
            start(&mut run, id, 1, 1000);
        }
        end(&mut run, "a", 1, 1500, Some(None));
        end(&mut run, "b", 1, 1550, Some(None));
        // It begins anew with the later one, and is as long as before.
        assert_eq!(free_at(&run, "c"), 1650);
        start(&mut run, "c", 1, 1650);
        // The next one is not started at once beside it.
        assert_eq!(free_at(&run, "a"), 1750);
        end(&mut run, "c", 1, 1700, Some(None));
        assert_eq!(free_at(&run, "a"), 1900);
    }

    #[test]
    fn the_server_is_honoured_and_a_success_lifts_it() {
        let mut run = three();
        start(&mut run, "a", 1, 1000);
        start(&mut run, "b", 1, 1000);
        end(&mut run, "a", 1, 1500, Some(Some(7_000)));
        assert_eq!(free_at(&run, "c"), 8500);
        // It was at work already, and proves nothing.
        end(&mut run, "b", 1, 1600, None);
        assert_eq!(free_at(&run, "c"), 8500);
        start(&mut run, "a", 2, 8500);
        assert_eq!(free_at(&run, "c"), 8600, "apart as far as without the server's word");
        end(&mut run, "a", 2, 8550, None);
        assert_eq!(free_at(&run, "c"), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let mut run = three();
        start(&mut run, "a", 1, 1_000_000);
        end(&mut run, "a", 1, 1_000_500, Some(Some(7_000)));
        let mut providers = Providers::of(&run);
        providers.move_times(-1_000_000);
        assert_eq!(providers.keeps_until(&run.tasks[1], Time(500)), Some(Time(7_500)));
        // Who is started after that is later, as the clock says now.
        start(&mut run, "b", 1, 7_500);
        end(&mut run, "b", 1, 7_600, None);
        assert!(providers.note_ended(run.tasks[1].last().unwrap()).is_some());
        assert_eq!(providers.keeps_until(&run.tasks[2], Time(7_600)), None);
    }

    #[test]
    fn a_server_that_asks_for_hours_gets_them_and_a_clock_that_is_wrong_does_not() {
        const HOURS: i64 = 7_200_000;
        let mut run = three();
        start(&mut run, "a", 1, 100_000_000);
        end(&mut run, "a", 1, 100_000_000, Some(Some(HOURS as u64)));
        let providers = Providers::of(&run);
        let until = Time(100_000_000 + HOURS);
        assert_eq!(providers.keeps_until(&run.tasks[1], Time(100_000_500)), Some(until));
        assert_eq!(providers.keeps_until(&run.tasks[1], Time(500)), None);
    }

    #[test]
    fn a_provider_is_a_program_and_what_its_model_says() {
        let rows = [
            ("claude", None, "claude"),
            ("claude", Some("opus"), "claude"),
            ("opencode", Some("anthropic/claude-opus"), "opencode/anthropic"),
            ("pi", Some("/odd"), "pi"),
        ];
        for (agent, model, provider) in rows {
            assert_eq!(provider_of(agent, model), provider);
        }
    }
}
