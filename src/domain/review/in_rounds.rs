//! What a review in rounds was asked for, by which it is known whether another one asks for the same.

use super::target::{ReviewTarget, Reviews};
use crate::domain::finding::Severity;
use crate::domain::run::Run;
use crate::domain::task::TaskSpec;

/// What a review in rounds was asked for. Where all of it is the same, a second one would do the same work once more, on a
/// branch of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InRounds {
    /// Of what is reviewed first; see [`ReviewTarget::version`].
    version: String,
    /// By name, in the order of the alphabet.
    reviewers: Vec<String>,
    /// The agent that puts right what they find.
    fixer: String,
    verify: Vec<String>,
    rounds: u32,
    fail_on: Option<Severity>,
}

impl InRounds {
    /// Says what is asked for: `fixer` is the task that puts right what reviewers of these names find, and `how` says how
    /// often and from which severity on.
    pub fn of_new(
        target: &ReviewTarget,
        reviewers: impl Iterator<Item = String>,
        fixer: &TaskSpec,
        how: &Reviews,
    ) -> InRounds {
        let mut reviewers: Vec<String> = reviewers.collect();
        reviewers.sort_unstable();
        InRounds {
            version: target.version(),
            reviewers,
            fixer: fixer.program().to_owned(),
            verify: fixer.verify.clone(),
            rounds: how.rounds,
            fail_on: how.fail_on,
        }
    }

    /// Returns what a run was asked for as it was made; nothing where it is no review, or nobody puts right what is found.
    pub fn of(run: &Run) -> Option<InRounds> {
        let target = &run.review.as_ref()?.target;
        let reviewers = || run.tasks.iter().filter(|task| task.reviewed_task().is_some());
        let first = reviewers().next()?;
        let fixer = &run.task(first.reviewed_task()?)?.spec;
        let names = reviewers().filter_map(|task| task.spec.reviewer());
        let how = first.spec.reviews.as_ref()?;
        fixer.on_request.then(|| InRounds::of_new(target, names, fixer, how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TaskId;
    use crate::domain::review::row::tests::review_events;
    use crate::domain::run::tests::agent_spec;
    use crate::domain::time::Time;
    use crate::domain::{event::Event, id::RunId};

    fn asked(head: &str, reviewers: &[&str], change: impl Fn(&mut TaskSpec)) -> Option<InRounds> {
        let mut events = review_events(head, reviewers, true);
        let fixer = TaskSpec { on_request: true, ..agent_spec("fix", "pi") };
        events.insert(1, Event::TaskCreated { spec: fixer });
        let mut run = Run::create(RunId::from_random(1), Time(1), &events.remove(0)).unwrap();
        for event in &mut events {
            let Event::TaskCreated { spec } = event else { continue };
            if let Some(reviews) = &mut spec.reviews {
                *reviews = Reviews { task: TaskId::parse("fix"), rounds: 2, ..reviews.clone() };
            }
            change(spec);
            run.apply(Time(1), event).unwrap();
        }
        InRounds::of(&run)
    }

    #[test]
    fn the_same_is_asked_for_where_all_of_it_is_the_same_in_whatever_order() {
        let one = asked("h", &["claude", "codex"], |_| {});
        assert!(one.is_some());
        assert_eq!(asked("h", &["codex", "claude"], |_| {}), one);
        assert_ne!(asked("i", &["claude", "codex"], |_| {}), one);
        assert_ne!(asked("h", &["claude"], |_| {}), one);
        let rounds = |spec: &mut TaskSpec| {
            spec.reviews.iter_mut().for_each(|reviews| reviews.rounds = 3);
        };
        assert_ne!(asked("h", &["claude", "codex"], rounds), one);
        let bar = |spec: &mut TaskSpec| {
            spec.reviews.iter_mut().for_each(|reviews| reviews.fail_on = Some(Severity::Info));
        };
        assert_ne!(asked("h", &["claude", "codex"], bar), one);
        let check = |spec: &mut TaskSpec| spec.verify.extend(spec.on_request.then(|| "make".to_owned()));
        assert_ne!(asked("h", &["claude", "codex"], check), one);
    }

    #[test]
    fn a_review_that_nobody_puts_right_is_none_of_them() {
        assert_eq!(asked("h", &["claude"], |spec| spec.reviews = None), None);
        assert_eq!(asked("h", &["claude"], |spec| spec.on_request = false), None);
    }
}
