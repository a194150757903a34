//! What becomes of a child whose crew process died: whether it lives is seen in two ways, and believed where both agree.
//!
//! A look that fails is no death, and a process with the same number may be a stranger's. So while it is not sure, nothing
//! is done to it, and nothing of its task changes: what the attempt said, and that it waits, stays as it is.

use std::time::Duration;

/// As many looks in a row that see the same are the last.
const UNCHANGED_LOOKS: u32 = 3;
/// After this time no further look is waited for, whatever they see.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What the system says of the process that has the child's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// It began when the child did.
    Same,
    /// It began at another time.
    Other,
    /// It has ended, and nobody has taken it away.
    Zombie,
    Missing,
    /// The system did not say.
    Failed(String),
}

/// What is seen of a child at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Both boots are known; whether the child was started in the one that goes on.
    pub same_boot: Option<bool>,
    pub stat: Stat,
    /// A process with that number can be signalled.
    pub answers: bool,
}

/// What a look says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Lives,
    Gone,
    /// It is not sure; what was seen, without numbers and times.
    Unsure(String),
}

/// Decides what a look says. The first rule that fits decides.
pub fn verdict(sight: &Sight) -> Verdict {
    let unsure = |seen: &str| Verdict::Unsure(seen.to_owned());
    match (sight.same_boot, &sight.stat, sight.answers) {
        (None, ..) => unsure("the system does not say since when it runs"),
        // What ran before the machine was started again does not run any more.
        (Some(false), ..) => Verdict::Gone,
        (_, Stat::Failed(why), _) => Verdict::Unsure(format!("it could not be looked at: {why}")),
        (_, Stat::Same, true) => Verdict::Lives,
        (_, Stat::Same, false) => unsure("it is there and cannot be reached"),
        // Its number belongs to a stranger by now, who is left alone.
        (_, Stat::Other, _) => Verdict::Gone,
        (_, Stat::Zombie, _) | (_, Stat::Missing, false) => Verdict::Gone,
        (_, Stat::Missing, true) => unsure("it is not listed and can be reached"),
    }
}

/// What is left of an attempt whose end nobody saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    AtWork,
    /// It cannot be told; what was seen.
    Unsure(String),
}

/// Decides whether anything of an attempt is still at work. `marked`: processes are there that were given its marks;
/// `tells_variables`: it is known what the process was given that has the child's number.
pub fn left(sight: &Sight, marked: bool, tells_variables: bool) -> Left {
    if marked {
        return Left::AtWork;
    }
    match verdict(sight) {
        Verdict::Lives => Left::AtWork,
        Verdict::Gone => Left::Nothing,
        // Whatever boot it was started in: who has ended does nothing any more, and neither does nobody.
        Verdict::Unsure(_) if sight.stat == Stat::Zombie => Left::Nothing,
        Verdict::Unsure(_) if sight.stat == Stat::Missing && !sight.answers => Left::Nothing,
        // It would bear the marks, were it the child.
        Verdict::Unsure(_) if tells_variables => Left::Nothing,
        Verdict::Unsure(seen) => Left::Unsure(seen),
    }
}

/// The memory of looks that were not sure.
#[derive(Clone, Debug, Default)]
pub struct Quarantine {
    memory: Option<Memory>,
}

#[derive(Clone, Debug)]
struct Memory {
    since: Duration,
    seen: String,
    looks: u32,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Follows {
    /// It is at work.
    Lives,
    Gone,
    LookAgain,
    /// A person has to see to it; with what was seen.
    AskPerson(String),
}

impl Quarantine {
    /// Takes in a look at `now`.
    pub fn look(&mut self, now: Duration, sight: &Sight) -> Follows {
        let seen = match verdict(sight) {
            Verdict::Lives => {
                self.memory = None;
                return Follows::Lives;
            }
            Verdict::Gone => return Follows::Gone,
            Verdict::Unsure(seen) => seen,
        };
        let memory = self.memory.get_or_insert_with(|| Memory { since: now, seen: seen.clone(), looks: 0 });
        memory.looks = if memory.seen == seen { memory.looks + 1 } else { 1 };
        memory.seen.clone_from(&seen);
        let for_long = now.saturating_sub(memory.since) >= LONGEST;
        if memory.looks >= UNCHANGED_LOOKS || for_long {
            Follows::AskPerson(seen)
        } else {
            Follows::LookAgain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(same_boot: Option<bool>, stat: Stat, answers: bool) -> Sight {
        Sight { same_boot, stat, answers }
    }

    fn failed(why: &str) -> Sight {
        sight(Some(true), Stat::Failed(why.into()), true)
    }

    fn healthy() -> Sight {
        sight(Some(true), Stat::Same, true)
    }

    #[test]
    fn a_process_is_gone_only_where_nothing_speaks_for_it() {
        use Verdict::*;
        let unsure = |words: &str| Unsure(words.to_owned());
        let rows = [
            (sight(Some(true), Stat::Same, true), Lives),
            (sight(Some(true), Stat::Missing, false), Gone),
            (sight(Some(true), Stat::Zombie, true), Gone),
            (sight(Some(true), Stat::Other, true), Gone),
            (sight(Some(false), Stat::Same, true), Gone),
            (sight(Some(false), Stat::Failed("x".into()), true), Gone),
            (sight(None, Stat::Same, true), unsure("the system does not say since when it runs")),
            (sight(Some(true), Stat::Failed("x".into()), false), unsure("it could not be looked at: x")),
            (sight(Some(true), Stat::Missing, true), unsure("it is not listed and can be reached")),
            (sight(Some(true), Stat::Same, false), unsure("it is there and cannot be reached")),
        ];
        for (sight, expected) in rows {
            assert_eq!(verdict(&sight), expected, "{sight:?}");
        }
    }

    #[test]
    fn what_an_attempt_left_is_known_by_its_marks_where_a_look_at_its_number_says_nothing() {
        let doubt = failed("x");
        let unsure = Left::Unsure("it could not be looked at: x".into());
        let rows = [
            ((&doubt, true, true), Left::AtWork),
            ((&doubt, false, true), Left::Nothing),
            ((&doubt, false, false), unsure),
            ((&healthy(), false, false), Left::AtWork),
            ((&sight(Some(true), Stat::Missing, false), true, false), Left::AtWork),
            ((&sight(Some(true), Stat::Other, true), false, true), Left::Nothing),
            ((&sight(None, Stat::Missing, false), false, false), Left::Nothing),
            ((&sight(None, Stat::Zombie, true), false, false), Left::Nothing),
        ];
        for ((sight, marked, tells), expected) in rows {
            assert_eq!(left(sight, marked, tells), expected, "{sight:?} {marked} {tells}");
        }
    }

    #[test]
    fn one_dead_reading_does_not_end_what_was_started_just_now() {
        let mut quarantine = Quarantine::default();
        let not_listed_yet = sight(Some(true), Stat::Missing, true);
        assert_eq!(quarantine.look(Duration::ZERO, &not_listed_yet), Follows::LookAgain);
        assert_eq!(quarantine.look(Duration::from_secs(5), &healthy()), Follows::Lives);
    }

    /// Looks every five seconds, and returns what the last look came to and when.
    fn looks(sights: impl IntoIterator<Item = Sight>) -> (u64, Follows) {
        let mut quarantine = Quarantine::default();
        for (number, sight) in sights.into_iter().enumerate() {
            let now = number as u64 * 5;
            match quarantine.look(Duration::from_secs(now), &sight) {
                Follows::LookAgain | Follows::Lives => {}
                end => return (now, end),
            }
        }
        panic!("it never came to an end");
    }

    #[test]
    fn the_third_unchanged_look_asks_a_person_and_that_is_the_end_of_looking() {
        let asked = Follows::AskPerson("it could not be looked at: too many open files".into());
        assert_eq!(looks(std::iter::repeat_n(failed("too many open files"), 9)), (10, asked.clone()));
        let flapping = [failed("a"), failed("b"), failed("b"), failed("b")];
        assert_eq!(looks(flapping).0, 15);
    }

    #[test]
    fn looks_that_keep_changing_come_to_an_end_after_five_minutes() {
        let changing = (0..100).map(|number| failed(if number % 2 == 0 { "a" } else { "b" }));
        assert_eq!(looks(changing).0, 300);
    }

    #[test]
    fn a_healthy_look_drops_the_memory_so_that_an_old_doubt_does_not_count() {
        let doubts = || [failed("a"), failed("a")];
        let sights = doubts().into_iter().chain([healthy()]).chain(doubts()).chain([failed("a")]);
        assert_eq!(looks(sights).0, 25);
    }

    #[test]
    fn a_failed_look_is_no_death_however_often() {
        let dead = looks(std::iter::repeat_n(failed("a"), 9)).1;
        assert!(matches!(dead, Follows::AskPerson(_)), "{dead:?}");
    }

    #[test]
    fn what_an_attempt_waits_for_and_said_stays_while_another_crew_looks_after_it() {
        use crate::domain::event::{Event, ProcessId};
        use crate::domain::run::tests::{run_of, spec, started};
        use crate::domain::time::Time;
        let mut run = run_of(vec![spec("a", &[])]);
        let task = run.tasks[0].spec.id.clone();
        let process = ProcessId { pid: 7, start: 1, boot: "b".into() };
        let begun = Event::ProcessStarted { task: task.clone(), attempt: 1, process: process.clone() };
        let waits = Event::AgentWaited { task: task.clone(), attempt: 1, reason: "429".into() };
        for event in [started("a", 1), begun, waits] {
            run.apply(Time(1), &event).unwrap();
        }
        let before = (run.tasks[0].state, run.tasks[0].attempts.clone());
        run.apply(Time(2), &Event::AttemptAdopted { task, attempt: 1, process }).unwrap();
        assert_eq!((run.tasks[0].state, run.tasks[0].attempts.clone()), before);
    }
}
