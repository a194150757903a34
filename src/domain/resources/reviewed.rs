//! Steps that review the work of another one: `reviews: STEP` and `rounds: N`.

use super::report::Report;
use super::workflow::Step;
use crate::domain::submission::REVIEWERS;
use std::collections::HashMap;

/// How often a step may be sent back at most.
pub(super) const MAX_ROUNDS: u32 = 20;

/// Lets each step that reviews another one depend on it, and reports those that cannot.
pub(super) fn check(steps: &mut [Step], report: &mut Report) {
    let index: HashMap<String, usize> =
        steps.iter().enumerate().map(|(at, step)| (step.id.clone(), at)).collect();
    for at in 0..steps.len() {
        check_step(&steps[at], report);
        let Some(name) = steps[at].reviews.clone() else { continue };
        let line = steps[at].line_of("reviews");
        match index.get(&name) {
            Some(of) if *of == at => {
                report.add_with(line, format!("the step `{name}` reviews itself"), "take it out")
            }
            Some(of) if steps[*of].run.is_some() => {
                let message = format!("step `{}` reviews `{name}`, which is a command", steps[at].id);
                report.add_with(line, message, "name a step in which an agent writes");
            }
            Some(_) if !steps[at].depends_on.contains(&name) => steps[at].depends_on.push(name),
            Some(_) => {}
            None => {
                let message = format!("step `{}` reviews `{name}`, which is no step", steps[at].id);
                let others = steps.iter().map(|step| step.id.as_str()).filter(|id| *id != steps[at].id);
                report.add_unknown(line, message, &name, others);
            }
        }
    }
    check_between(steps, &index, report);
}

fn check_step(step: &Step, report: &mut Report) {
    if step.reviews.is_none() {
        if step.rounds > 0 {
            let hint = "say with `reviews: STEP` whose work is sent back";
            report.add_with(
                step.line_of("rounds"),
                "`rounds` means nothing for a step that reviews no other",
                hint,
            );
        }
        return;
    }
    if step.run.is_none() && !REVIEWERS.contains(&step.role.as_str()) {
        let message = format!("step `{}` reviews, and the role `{}` does not", step.id, step.role);
        let hint = "say `role: reviewer` or `role: security-reviewer`";
        report.add_with(step.key_line("role").unwrap_or(step.line_of("reviews")), message, hint);
    }
    if !step.fields.is_empty() {
        let message = "`fields` means nothing for a step that reviews: it comes to a verdict";
        report.add_with(step.line_of("fields"), message, "take it out");
    }
}

/// Reports what lies between work that may be sent back and its review: it would not be done anew.
fn check_between(steps: &[Step], index: &HashMap<String, usize>, report: &mut Report) {
    for step in steps.iter().filter(|step| step.rounds > 0) {
        let Some(work) = &step.reviews else { continue };
        let mut seen = vec![false; steps.len()];
        let mut open: Vec<usize> = step.depends_on.iter().filter_map(|id| index.get(id).copied()).collect();
        while let Some(at) = open.pop() {
            let between = &steps[at];
            if std::mem::replace(&mut seen[at], true) || between.id == *work {
                continue;
            }
            // Others who review the same go into the round too.
            if between.depends_on.contains(work) && between.reviews.as_ref() != Some(work) {
                let message = format!(
                    "step `{}` lies between `{work}` and its review `{}`, and would not be done again when that is sent back",
                    between.id, step.id
                );
                let hint = format!(
                    "let `{}` depend on `{}`, or put its command into `verify` of `{work}`",
                    between.id, step.id
                );
                report.add_with(step.line_of("rounds"), message, hint);
            }
            open.extend(between.depends_on.iter().filter_map(|id| index.get(id).copied()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::resources::{Kind, Layer, SourceFile, built_in, load};

    /// Reads a workflow of a step `work` and more, and returns what its last step depends on, with what is wrong and where.
    fn read(more: &str) -> (String, Vec<(usize, String)>) {
        let text =
            format!("---\ndescription: d\n---\n## work\nrole: executor\nworktree: true\n\nDo.\n\n{more}\n");
        let (path, stem) = ("x.workflow.md".to_owned(), "x".to_owned());
        let mut files = built_in();
        files.push(SourceFile { layer: Layer::User, path, stem, kind: Kind::Workflow, text });
        let (library, problems) = load(&files, &[], true);
        let waits =
            library.workflows.get("x").and_then(|x| x.steps.last()).map(|step| step.depends_on.join(" "));
        let told = problems.into_iter().map(|problem| (problem.line.unwrap_or(0), problem.message));
        (waits.unwrap_or_default(), told.collect())
    }

    #[test]
    fn a_review_comes_after_the_step_that_it_reviews() {
        let twice = "## a\nrole: reviewer\nreviews: work\nrounds: 3\n\nLook.\n\n\
             ## b\nrole: security-reviewer\nreviews: work\ndependsOn: a\n\nLook.\n\n## c\nrun: x\ndependsOn: b";
        assert_eq!(read(twice), ("b".into(), vec![]));
        let one = "## a\nrole: reviewer\nreviews: work\n\nLook.";
        assert_eq!(read(one), ("work".into(), vec![]));
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        let rows = [
            ("## a\nrole: reviewer\nreviews: wrok\n\nLook.", 12, "reviews `wrok`, which is no step"),
            ("## a\nrole: reviewer\nreviews: a\n\nLook.", 12, "reviews itself"),
            ("## a\nrole: verifier\nreviews: work\n\nLook.", 11, "the role `verifier` does not"),
            ("## a\nrole: reviewer\nrounds: 2\n\nLook.", 12, "`rounds` means nothing"),
            ("## a\nrole: reviewer\nreviews: work\nrounds: 0\n\nLook.", 13, "a whole number from 1 to 20"),
            ("## a\nrole: reviewer\nreviews: work\nrounds: 21\n\nLook.", 13, "a whole number from 1 to 20"),
            (
                "## a\nrole: reviewer\nreviews: work\nfields: notes text\n\nLook.",
                13,
                "`fields` means nothing",
            ),
            ("## a\nrun: x\nreviews: work", 12, "`reviews` means nothing for a command step"),
            ("## a\nrun: x\n\n## b\nrole: reviewer\nreviews: a\n\nLook.", 15, "which is a command"),
            (
                "## t\nrun: x\ndependsOn: work\n\n## a\nrole: reviewer\nreviews: work\nrounds: 2\ndependsOn: t\n\nLook.",
                17,
                "`t` lies between `work` and its review `a`",
            ),
        ];
        for (more, line, words) in rows {
            let (_, told) = read(more);
            assert!(told.len() == 1 && told[0].0 == line && told[0].1.contains(words), "{more}: {told:?}");
        }
    }
}
