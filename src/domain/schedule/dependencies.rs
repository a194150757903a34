//! Which task waits for which, given that work which is reviewed in rounds may change until its review is through.
//!
//! Whoever builds on such work, or on one of its reviews, waits for all of its reviews, although the file does not say so.
//! Those that review it themselves do not, nor does whatever has to come before one of them: that would wait for ever.

use crate::domain::run::Run;
use std::collections::HashMap;

/// Returns for each task the places of those that it waits for.
pub(super) fn of(run: &Run) -> Vec<Vec<usize>> {
    let named = run.tasks.iter().map(|task| task.spec.waits_on().filter_map(|id| run.place(id)).collect());
    let mut dependencies: Vec<Vec<usize>> = named.collect();
    let reviewed = reviewed(run);
    if reviewed.is_empty() {
        return dependencies;
    }
    for place in 0..dependencies.len() {
        for on in dependencies[place].clone() {
            for reviewer in implied(run, &reviewed, place, on) {
                if !dependencies[place].contains(&reviewer) && !comes_before(&dependencies, place, reviewer) {
                    dependencies[place].push(reviewer);
                }
            }
        }
    }
    dependencies
}

/// Returns the work that is reviewed in rounds, with those that review it.
fn reviewed(run: &Run) -> HashMap<usize, Vec<usize>> {
    let mut reviewed: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, task) in run.tasks.iter().enumerate() {
        if let Some(worker) = task.reviewed_task().and_then(|worker| run.place(worker)) {
            reviewed.entry(worker).or_default().push(place);
        }
    }
    let has_rounds =
        |place: &usize| run.tasks[*place].spec.reviews.as_ref().is_some_and(|reviews| reviews.rounds > 0);
    reviewed.retain(|_, reviewers| reviewers.iter().any(has_rounds));
    reviewed
}

/// Returns the reviews that a task waits for because it waits for the task at `on`.
fn implied(run: &Run, reviewed: &HashMap<usize, Vec<usize>>, place: usize, on: usize) -> Vec<usize> {
    let worker = run.tasks[on].reviewed_task().and_then(|worker| run.place(worker));
    let of = |worker: usize| reviewed.get(&worker).filter(|reviewers| !reviewers.contains(&place));
    [Some(on), worker].into_iter().flatten().filter_map(of).flatten().copied().collect()
}

/// Tells whether the task at `later` waits, by way of others, for the one at `place`.
fn comes_before(dependencies: &[Vec<usize>], place: usize, later: usize) -> bool {
    let mut seen = vec![false; dependencies.len()];
    let mut open = vec![later];
    while let Some(at) = open.pop() {
        if at == place {
            return true;
        }
        open.extend(
            dependencies[at].iter().copied().filter(|next| !std::mem::replace(&mut seen[*next], true)),
        );
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TaskId;
    use crate::domain::review::target::Reviews;
    use crate::domain::run::tests::{run_of, spec};
    use crate::domain::task::TaskSpec;

    fn review(id: &str, of: &str, rounds: u32, depends_on: &[&str]) -> TaskSpec {
        let reviews = Reviews { task: TaskId::parse(of), rounds, ..Reviews::default() };
        TaskSpec { reviews: Some(reviews), ..spec(id, depends_on) }
    }

    fn waits(run: &Run, id: &str) -> Vec<String> {
        let place = run.place(&TaskId::parse(id).unwrap()).unwrap();
        of(run)[place].iter().map(|at| run.tasks[*at].spec.id.to_string()).collect()
    }

    #[test]
    fn who_builds_on_reviewed_work_waits_for_all_reviews_of_it() {
        let run = run_of(vec![
            spec("work", &[]),
            review("a", "work", 2, &[]),
            review("b", "work", 0, &["a"]),
            spec("on-work", &["work"]),
            spec("on-a", &["a"]),
            spec("later", &["on-a"]),
        ]);
        assert_eq!(
            (waits(&run, "a"), waits(&run, "b")),
            (vec!["work".into()], vec!["a".into(), "work".into()])
        );
        assert_eq!(waits(&run, "on-work"), ["work", "a", "b"]);
        assert_eq!(waits(&run, "on-a"), ["a", "b"]);
        assert_eq!(waits(&run, "later"), ["on-a"]);
        // What is reviewed once does not change any more.
        let once = run_of(vec![spec("work", &[]), review("a", "work", 0, &[]), spec("on-work", &["work"])]);
        assert_eq!(waits(&once, "on-work"), ["work"]);
    }

    #[test]
    fn what_comes_before_a_review_does_not_wait_for_it() {
        let run = run_of(vec![spec("work", &[]), spec("test", &["work"]), review("a", "work", 2, &["test"])]);
        assert_eq!(waits(&run, "test"), ["work"]);
        // Nobody waits for ever, although each of the two is before the other one's review.
        let crossed = run_of(vec![
            spec("one", &[]),
            spec("two", &[]),
            spec("x", &["two"]),
            spec("y", &["one"]),
            review("of-one", "one", 1, &["x"]),
            review("of-two", "two", 1, &["y"]),
        ]);
        assert_eq!(
            (waits(&crossed, "x"), waits(&crossed, "y")),
            (vec!["two".into(), "of-two".into()], vec!["one".into()])
        );
    }
}
