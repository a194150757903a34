//! Which step waits for which, and whether that can ever end.
//!
//! Everything here takes time in proportion to the steps and their dependencies and recurses nowhere, since a file may
//! hold a chain of any length.

use super::report::Report;
use super::workflow::Step;
use std::collections::{BTreeMap, HashMap};

/// How many steps of a cycle are shown at each end.
const SHOWN_OF_CYCLE: usize = 6;

/// Reports ids that stand twice, dependencies that do not exist, cycles, and reads that no dependency puts out.
pub(super) fn check(steps: &[Step], report: &mut Report) {
    let index = check_ids(steps, report);
    let graph = Graph { steps, dependencies: read_dependencies(steps, &index, report) };
    let outputs = check_outputs(steps, report);
    let mut questions = Vec::new();
    ask_for_reads(steps, &outputs, &mut questions, report);
    ask_for_conditions(steps, &index, &mut questions, report);
    if let Some(order) = graph.check_cycles(report) {
        graph.check_ancestors(&order, &questions, report);
    }
}

fn check_ids<'a>(steps: &'a [Step], report: &mut Report) -> HashMap<&'a str, usize> {
    let mut index = HashMap::new();
    let mut folded: HashMap<String, usize> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        match folded.get(&step.id.to_lowercase()) {
            Some(first) => {
                let first = &steps[*first];
                let mut message = format!("the step `{}` already stands in line {}", step.id, first.line);
                if first.id != step.id {
                    message += &format!(" as `{}`, and ids have to differ by more than case", first.id);
                }
                report.add_with(step.line, message, "give one of the two another id");
            }
            None => {
                folded.insert(step.id.to_lowercase(), at);
            }
        }
        index.entry(step.id.as_str()).or_insert(at);
    }
    index
}

/// Returns the dependencies of each step, without those that do not exist or are the step itself.
fn read_dependencies(steps: &[Step], index: &HashMap<&str, usize>, report: &mut Report) -> Vec<Vec<usize>> {
    let mut dependencies = Vec::with_capacity(steps.len());
    for step in steps {
        let mut known = Vec::with_capacity(step.depends_on.len());
        let line = step.line_of("dependsOn");
        for name in &step.depends_on {
            match index.get(name.as_str()) {
                _ if *name == step.id => {
                    report.add_with(line, format!("the step `{}` depends on itself", step.id), "take it out")
                }
                Some(at) => known.push(*at),
                None => {
                    let message = format!("step `{}` depends on `{name}`, which is no step", step.id);
                    report.add_unknown(line, message, name, other_ids(steps, step));
                }
            }
        }
        dependencies.push(known);
    }
    dependencies
}

fn other_ids<'a>(steps: &'a [Step], step: &'a Step) -> impl Iterator<Item = &'a str> + Clone {
    steps.iter().map(|other| other.id.as_str()).filter(|id| *id != step.id)
}

fn check_outputs<'a>(steps: &'a [Step], report: &mut Report) -> BTreeMap<&'a str, usize> {
    let mut outputs: BTreeMap<&str, usize> = BTreeMap::new();
    let mut folded: HashMap<String, usize> = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        let Some(output) = &step.output else { continue };
        match folded.get(&output.to_lowercase()) {
            Some(first) => {
                let message = format!("the output `{output}` is already that of step `{}`", steps[*first].id);
                report.add(step.line_of("output"), message);
            }
            None => {
                folded.insert(output.to_lowercase(), at);
            }
        }
        outputs.entry(output).or_insert(at);
    }
    outputs
}

/// Something that is right only if one step comes before another.
struct Question {
    step: usize,
    earlier: usize,
    line: usize,
    message: String,
}

fn ask_for_reads(
    steps: &[Step],
    outputs: &BTreeMap<&str, usize>,
    questions: &mut Vec<Question>,
    report: &mut Report,
) {
    for (at, step) in steps.iter().enumerate() {
        let line = step.line_of("reads");
        for name in &step.reads {
            match outputs.get(name.as_str()) {
                Some(earlier) if *earlier == at => {
                    report.add(line, format!("step `{}` reads `{name}`, its own output", step.id));
                }
                Some(earlier) => {
                    let other = &steps[*earlier].id;
                    let message = format!(
                        "step `{}` reads `{name}`, the output of `{other}`, but does not depend on it",
                        step.id
                    );
                    questions.push(Question { step: at, earlier: *earlier, line, message });
                }
                None => {
                    let message = format!("step `{}` reads `{name}`, which no step puts out", step.id);
                    report.add_unknown(line, message, name, outputs.keys().copied());
                }
            }
        }
    }
}

fn ask_for_conditions(
    steps: &[Step],
    index: &HashMap<&str, usize>,
    questions: &mut Vec<Question>,
    report: &mut Report,
) {
    for (at, step) in steps.iter().enumerate() {
        let Some(when) = &step.when else { continue };
        let line = step.line_of("when");
        let mut named: Vec<&str> = when.operands().into_iter().filter_map(|operand| operand.step()).collect();
        named.sort_unstable();
        named.dedup();
        for name in named {
            match index.get(name) {
                Some(earlier) if *earlier == at => {
                    report.add(line, format!("step `{}` asks about itself", step.id));
                }
                Some(earlier) => {
                    let message = format!("step `{}` asks about `{name}` but does not depend on it", step.id);
                    questions.push(Question { step: at, earlier: *earlier, line, message });
                }
                None => {
                    let message = format!("step `{}` asks about `{name}`, which is no step", step.id);
                    report.add_unknown(line, message, name, other_ids(steps, step));
                }
            }
        }
    }
}

struct Graph<'a> {
    steps: &'a [Step],
    dependencies: Vec<Vec<usize>>,
}

/// How far a walk has come with a step.
#[derive(Clone, Copy, PartialEq)]
enum Walk {
    New,
    /// On the way from the start to here, at this depth.
    OnPath(usize),
    Done,
}

impl Graph<'_> {
    /// Returns the steps with each behind its dependencies, or `None` after reporting cycles.
    fn check_cycles(&self, report: &mut Report) -> Option<Vec<usize>> {
        let mut walks = vec![Walk::New; self.steps.len()];
        let mut order = Vec::with_capacity(self.steps.len());
        let mut is_acyclic = true;
        for start in 0..self.steps.len() {
            if walks[start] != Walk::New {
                continue;
            }
            // Each entry is a step and how many of its dependencies have been followed.
            let mut path = vec![(start, 0)];
            walks[start] = Walk::OnPath(0);
            while let Some((step, followed)) = path.last_mut() {
                let step = *step;
                let Some(&next) = self.dependencies[step].get(*followed) else {
                    walks[step] = Walk::Done;
                    order.push(step);
                    path.pop();
                    continue;
                };
                *followed += 1;
                match walks[next] {
                    Walk::Done => {}
                    Walk::New => {
                        walks[next] = Walk::OnPath(path.len());
                        path.push((next, 0));
                    }
                    Walk::OnPath(depth) => {
                        is_acyclic = false;
                        let message =
                            format!("steps wait for each other: {}", self.show_cycle(&path[depth..]));
                        report.add_with(
                            self.steps[step].line_of("dependsOn"),
                            message,
                            "take one of these dependencies out",
                        );
                    }
                }
            }
        }
        is_acyclic.then_some(order)
    }

    fn show_cycle(&self, path: &[(usize, usize)]) -> String {
        let id = |(step, _): &(usize, usize)| self.steps[*step].id.as_str();
        let mut shown: Vec<&str> = Vec::new();
        if path.len() <= 2 * SHOWN_OF_CYCLE {
            shown.extend(path.iter().map(id));
        } else {
            shown.extend(path[..SHOWN_OF_CYCLE].iter().map(id));
            shown.push("...");
            shown.extend(path[path.len() - SHOWN_OF_CYCLE..].iter().map(id));
        }
        shown.extend(path.first().map(id));
        shown.join(" -> ")
    }

    /// Reports the questions whose earlier step does not come before the other.
    ///
    /// Each pass over the graph answers those about 64 earlier steps, so a far dependency costs no more than a near one.
    fn check_ancestors(&self, order: &[usize], questions: &[Question], report: &mut Report) {
        let mut open: Vec<&Question> = questions.iter().collect();
        open.sort_by_key(|question| question.earlier);
        let mut rest = open.as_slice();
        while !rest.is_empty() {
            let mut bits: HashMap<usize, u64> = HashMap::new();
            let mut taken = 0;
            for question in rest {
                if !bits.contains_key(&question.earlier) {
                    if bits.len() == 64 {
                        break;
                    }
                    bits.insert(question.earlier, 1 << bits.len());
                }
                taken += 1;
            }
            let above = self.ancestors_among(order, &bits);
            for question in &rest[..taken] {
                if above[question.step] & bits[&question.earlier] == 0 {
                    let hint = format!("add `{}` to its `dependsOn`", self.steps[question.earlier].id);
                    report.add_with(question.line, question.message.clone(), hint);
                }
            }
            rest = &rest[taken..];
        }
    }

    /// Returns for each step which of the marked steps come before it, as bits.
    fn ancestors_among(&self, order: &[usize], bits: &HashMap<usize, u64>) -> Vec<u64> {
        let mut above = vec![0u64; self.steps.len()];
        for &step in order {
            above[step] = self.dependencies[step]
                .iter()
                .map(|earlier| above[*earlier] | bits.get(earlier).copied().unwrap_or(0))
                .fold(0, |all, some| all | some);
        }
        above
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::when::When;
    use std::time::Instant;

    fn step(id: &str, depends_on: &[&str]) -> Step {
        let depends_on = depends_on.iter().map(|id| (*id).to_owned()).collect();
        Step { id: id.to_owned(), depends_on, ..Step::default() }
    }

    fn problems(steps: &[Step]) -> Vec<(String, Option<String>)> {
        let mut report = Report::new("x.workflow.md");
        check(steps, &mut report);
        report.into_problems().into_iter().map(|problem| (problem.message, problem.hint)).collect()
    }

    fn messages(steps: &[Step]) -> Vec<String> {
        problems(steps).into_iter().map(|(message, _)| message).collect()
    }

    #[test]
    fn a_cycle_is_shown_as_the_path_it_takes() {
        let steps =
            [step("x", &["a"]), step("a", &["b"]), step("b", &["c", "d"]), step("c", &["a"]), step("d", &[])];
        assert_eq!(messages(&steps), ["steps wait for each other: a -> b -> c -> a"]);
        assert_eq!(messages(&[step("a", &["a"])]), ["the step `a` depends on itself"]);
    }

    #[test]
    fn two_cycles_are_both_told_and_a_diamond_is_none() {
        let steps = [step("a", &["b"]), step("b", &["a"]), step("c", &["d"]), step("d", &["c"])];
        assert_eq!(messages(&steps).len(), 2);
        let steps = [step("a", &["b", "c"]), step("b", &["d"]), step("c", &["d"]), step("d", &[])];
        assert_eq!(messages(&steps), [""; 0]);
    }

    #[test]
    fn unknown_and_repeated_names_are_told() {
        let steps = [step("explore", &[]), step("Explore", &[]), step("plan", &["explroe"])];
        let problems = problems(&steps);
        assert!(problems[0].0.contains("`Explore` already stands in line 0 as `explore`"), "{problems:?}");
        assert_eq!(problems[1].0, "step `plan` depends on `explroe`, which is no step");
        assert_eq!(problems[1].1.as_deref(), Some("did you mean `explore`?"));
    }

    #[test]
    fn reads_and_conditions_need_a_dependency_at_any_distance() {
        let mut steps = vec![step("a", &[]), step("b", &["a"]), step("c", &["b"]), step("d", &[])];
        steps[0].output = Some("map.md".into());
        steps[2].reads = vec!["map.md".into()];
        steps[2].when = Some(When::parse("a.state == completed").unwrap());
        assert_eq!(messages(&steps), [""; 0]);
        steps[3].reads = vec!["map.md".into(), "mpa.md".into()];
        steps[3].when = Some(When::parse("c.exit == 0 || e.exit == 0 || d.exit == 0").unwrap());
        let found = problems(&steps);
        let expected = [
            ("step `d` reads `mpa.md`, which no step puts out", "did you mean `map.md`?"),
            ("step `d` asks about itself", ""),
            ("step `d` asks about `e`, which is no step", "known: a, b, c"),
            (
                "step `d` reads `map.md`, the output of `a`, but does not depend on it",
                "add `a` to its `dependsOn`",
            ),
            ("step `d` asks about `c` but does not depend on it", "add `c` to its `dependsOn`"),
        ];
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for ((message, hint), expected) in found.iter().zip(expected) {
            assert_eq!((message.as_str(), hint.as_deref().unwrap_or_default()), expected);
        }
    }

    #[test]
    fn an_output_belongs_to_one_step() {
        let mut steps = [step("a", &[]), step("b", &[])];
        steps[0].output = Some("map.md".into());
        steps[1].output = Some("MAP.md".into());
        assert_eq!(messages(&steps), ["the output `MAP.md` is already that of step `a`"]);
    }

    /// A chain in which each step also reads what the first, the one before and one far back put out.
    fn long_chain(length: usize) -> Vec<Step> {
        let name = |at: usize| format!("step-{at}");
        let mut steps: Vec<Step> = (0..length).map(|at| step(&name(at), &[])).collect();
        for (at, step) in steps.iter_mut().enumerate() {
            step.output = Some(format!("{at}.md"));
            if at > 0 {
                step.depends_on = vec![name(at - 1)];
                step.reads = vec!["0.md".into(), format!("{}.md", at - 1), format!("{}.md", at / 2)];
            }
        }
        steps
    }

    // The bound is generous, since tests run unoptimised on busy machines; a quadratic check takes minutes.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn a_long_chain_with_far_reads_is_checked_without_recursion_and_quickly() {
        let mut steps = long_chain(10_000);
        let started = Instant::now();
        assert_eq!(messages(&steps), [""; 0]);
        steps[0].depends_on = vec!["step-9999".into()];
        assert!(messages(&steps)[0].contains(" -> ... -> "));
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }

    #[test]
    fn very_many_wrong_names_are_all_told_but_not_all_answered() {
        let steps: Vec<Step> = (0..5_000).map(|at| step(&format!("step-{at}"), &["stop-1"])).collect();
        let problems = problems(&steps);
        assert_eq!(problems.len(), 5_000);
        assert_eq!(problems.iter().filter(|(_, hint)| hint.is_some()).count(), 50);
    }
}
