//! One back-off for all who use the same provider: where one agent meets a limit, the others do not run into it too.
//!
//! # How it works
//!
//! An attempt that ends at a limit says until when nobody of its provider is started, in this run or in another of the same
//! project: they all read and change what `store` keeps of it. Of several that were at work then, only the first makes the
//! back-off longer: the others began before anybody knew. One that was started after it and meets the limit again makes it
//! grow. When the time has come, they are started one after the other, as far apart as the back-off would be without the
//! server's word, until one comes through. Who is at work is left alone. However many tasks meet it, the back-off grows no
//! longer than that of one task would that is tried as often as it may be. A task that a person has put back since the limit
//! was met last is started at once, one of them: it finds out. What was decided is in each run's events, so a replay asks
//! nothing of this.

use super::error_kind::{ErrorClass, ErrorKind};
use super::event::{Limited, Outcome};
use super::retry::{self, RetryPolicy};
use super::run::Run;
use super::task::{Attempt, AttemptState, Task, TaskState, Work};
use super::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How a provider stands that limits requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOff {
    /// How often in a row it was met.
    level: u32,
    /// When it was met first, or grew last.
    since: Time,
    /// Nobody is started before.
    until: Time,
    /// How far apart they are started after that.
    pace_millis: u64,
    /// When somebody was started last since then.
    started: Option<Time>,
    kind: ErrorKind,
}

impl BackOff {
    fn free_at(&self) -> Time {
        let pace = Duration::from_millis(self.pace_millis);
        self.started.map_or(self.until, |started| self.until.max(started.plus(pace)))
    }

    /// Tells whether a person has put a task back since it was met, and nobody has found out since then how it stands.
    fn is_tried_by(&self, task: &Task) -> bool {
        let known = self.started.map_or(self.since, |started| self.since.max(started));
        task.put_back_at.is_some_and(|at| at > known)
    }

    /// Tells whether it still says something: a limit that nobody has met for long is another one, and what lies ahead was
    /// written before somebody set the clock back.
    fn counts(&self, now: Time) -> bool {
        self.since <= now && now.since(self.free_at()) < retry::MAX_DELAY
    }
}

/// The providers that limit requests at present, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Providers(pub BTreeMap<String, BackOff>);

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
    /// Lets a task's next attempt start, or says when it may; whoever comes after it waits for that one.
    pub fn claim(&mut self, task: &Task, now: Time) -> Result<(), Time> {
        self.0.retain(|_, back_off| back_off.counts(now));
        let Some(back_off) = next_of(task).and_then(|provider| self.0.get_mut(&provider)) else {
            return Ok(());
        };
        if back_off.free_at() > now && !back_off.is_tried_by(task) {
            return Err(back_off.free_at());
        }
        back_off.started = Some(now);
        Ok(())
    }

    /// Takes in how an attempt ended. Returns the provider that is free again because of that.
    pub fn note_ended(&mut self, attempt: &Attempt) -> Option<String> {
        let provider = provider_of(&attempt.agent, attempt.model.as_deref());
        let (AttemptState::Ended(outcome), Some(at)) = (attempt.state, attempt.ended_at) else { return None };
        let met = self.met(&provider, at);
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
                    pace_millis: limited.pace_millis,
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

    /// Returns how an attempt is limited that ends now at a limit. `dice` is random, from 0 to 1.
    pub fn limit(
        &self,
        attempt: &Attempt,
        policy: &RetryPolicy,
        dice: f64,
        retry_after: Option<Duration>,
        now: Time,
    ) -> Limited {
        let met = self.met(&provider_of(&attempt.agent, attempt.model.as_deref()), now);
        let level = match met {
            Some(met) if attempt.started_at < met.since => met.level,
            met => met.map_or(0, |met| met.level) + 1,
        };
        // That several tasks have met it does not make it a harder one.
        let level = level.min(policy.max_attempts.max(1));
        let pace = retry::delay(policy, level, dice, None);
        Limited {
            until: now.plus(retry::delay(policy, level, dice, retry_after)),
            pace_millis: pace.as_millis() as u64,
        }
    }

    fn met(&self, provider: &str, now: Time) -> Option<&BackOff> {
        self.0.get(provider).filter(|back_off| back_off.counts(now))
    }

    /// Tells whether the provider of a task's next attempt has limited requests of late.
    pub fn limits(&self, task: &Task) -> bool {
        next_of(task).is_some_and(|provider| self.0.contains_key(&provider))
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
        let back_off = self.met(&provider, now).filter(|back_off| !back_off.is_tried_by(task))?;
        let until = Some(back_off.free_at()).filter(|until| *until > now)?;
        Some(Waits { kind: back_off.kind, provider, until })
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

    /// Works out from a run's attempts how its providers stand.
    fn of(run: &Run) -> Providers {
        let mut moments: Vec<(Time, bool, &Attempt)> = Vec::new();
        for attempt in run.tasks.iter().flat_map(|task| &task.attempts) {
            moments.push((attempt.started_at, true, attempt));
            moments.extend(attempt.ended_at.map(|at| (at, false, attempt)));
        }
        // What ends makes room for what starts.
        moments.sort_by_key(|(at, starts, _)| (*at, *starts));
        let mut providers = Providers::default();
        for (at, starts, attempt) in moments {
            match (starts, providers.0.get_mut(&attempt.agent)) {
                (true, Some(back_off)) => back_off.started = Some(at),
                (true, None) => {}
                (false, _) => drop(providers.note_ended(attempt)),
            }
        }
        providers
    }

    /// Ends an attempt as it would be ended: at a limit of this provider, with what the server asks for, or well.
    fn end(run: &mut Run, id: &str, number: u32, at: i64, limited: Option<Option<u64>>) {
        let providers = of(run);
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
        of(run).claim(task, run.last_at).err().map_or(0, |at| at.0)
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
        let waits = |now| of(&run).keeps_waiting(&run, &run.tasks[1], Time(now));
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
    fn many_tasks_that_meet_it_do_not_make_it_longer_than_one_would() {
        let mut run = three();
        let mut at = 1000;
        for number in 1..=5 {
            for id in ["a", "b", "c"] {
                at = free_at(&run, id).max(at);
                start(&mut run, id, number, at);
                end(&mut run, id, number, at + 10, Some(Some(1000)));
                let (free, pace) = (free_at(&run, id), of(&run).0["sh"].pace_millis);
                assert!(free <= at + 1010 && pace <= 400, "{id} {number}: {} {pace}", free - at);
            }
        }
        assert_eq!(of(&run).0["sh"].level, 15, "it is known all the same");
    }

    #[test]
    fn one_of_those_that_a_person_put_back_finds_out_at_once() {
        let mut run = three();
        start(&mut run, "a", 1, 1000);
        end(&mut run, "a", 1, 1500, Some(Some(60_000)));
        let shared = of(&run);
        for id in ["a", "b"] {
            run.tasks.iter_mut().find(|task| task.spec.id.as_str() == id).unwrap().put_back_at =
                Some(Time(1600));
        }
        let [a, b, c] = &run.tasks[..] else { panic!("three tasks") };
        let mut claimed = shared.clone();
        assert_eq!(claimed.claim(c, Time(1700)), Err(Time(61_500)), "nobody put it back");
        assert_eq!(claimed.keeps_waiting(&run, a, Time(1700)), None);
        assert_eq!(claimed.claim(a, Time(1700)), Ok(()));
        assert_eq!(claimed.claim(b, Time(1701)), Err(Time(61_500)), "one finds out for all");
        assert!(claimed.keeps_waiting(&run, b, Time(1701)).is_some());
        // What was put back before the limit was met asks for nothing of that.
        let late = Task { put_back_at: Some(Time(1500)), ..a.clone() };
        assert_eq!(shared.clone().claim(&late, Time(1700)), Err(Time(61_500)));
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
    fn two_runs_share_what_one_has_met_and_only_one_of_them_tries_first() {
        let (mut one, mut other) = (three(), three());
        start(&mut one, "a", 1, 1000);
        end(&mut one, "a", 1, 1500, Some(None));
        let mut shared = of(&one);
        assert_eq!(shared.claim(&other.tasks[0], Time(1500)), Err(Time(1600)));
        // Both have waited for that moment.
        assert_eq!(shared.claim(&other.tasks[0], Time(1600)), Ok(()));
        assert_eq!(shared.claim(&one.tasks[0], Time(1600)), Err(Time(1700)));
        start(&mut other, "a", 1, 1600);
        end(&mut other, "a", 1, 1650, None);
        assert_eq!(shared.note_ended(other.tasks[0].last().unwrap()).as_deref(), Some("sh"));
        assert_eq!(shared.claim(&one.tasks[0], Time(1650)), Ok(()));
        assert_eq!(shared.claim(&one.tasks[1], Time(1650)), Ok(()));
    }

    #[test]
    fn a_server_that_asks_for_hours_gets_them_and_a_clock_that_is_set_back_makes_nobody_wait() {
        const HOURS: i64 = 7_200_000;
        let mut run = three();
        start(&mut run, "a", 1, 100_000_000);
        end(&mut run, "a", 1, 100_000_000, Some(Some(HOURS as u64)));
        let claim = |now| of(&run).claim(&run.tasks[1], Time(now));
        let until = 100_000_000 + HOURS;
        assert_eq!(claim(100_000_500), Err(Time(until)));
        assert_eq!([claim(500), claim(until)], [Ok(()), Ok(())]);
    }

    #[test]
    fn a_limit_that_nobody_has_met_for_long_is_forgotten() {
        let mut run = three();
        start(&mut run, "a", 1, 1000);
        end(&mut run, "a", 1, 1500, Some(None));
        let (first, later) = (of(&run), 1600 + retry::MAX_DELAY.as_millis() as i64);
        start(&mut run, "b", 1, later);
        let again =
            |now| first.limit(run.tasks[1].last().unwrap(), &POLICY, 0.5, None, Time(now)).pace_millis;
        assert_eq!([again(later - 1), again(later)], [200, 100]);
        let mut claimed = first.clone();
        assert_eq!(claimed.claim(&run.tasks[1], Time(later)), Ok(()));
        assert_eq!(claimed, Providers::default());
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
