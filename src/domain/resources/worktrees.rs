//! Which steps work in a worktree of their own: those that ask for one, and everything that depends on them.
//!
//! The work of a step in a worktree is on its own branch, so only a worktree that begins from there shows it. The other
//! way round, what an agent writes in the user's own folder is in nobody's worktree.

use super::report::Report;
use super::team::Team;
use super::workflow::{Step, Workflow};
use super::{AgentFile, Library, Problem};
use std::collections::HashMap;

/// Returns for each step of a workflow whether it works in a worktree, with what is wrong with that.
///
/// `everywhere` is what the command line and the settings ask for; a step's own word counts for more, and a team's for less.
pub fn worktrees(
    workflow: &Workflow,
    team: &Team,
    library: &Library,
    everywhere: bool,
) -> (Vec<bool>, Vec<Problem>) {
    let steps = &workflow.steps;
    let wanted = everywhere || team.worktree == Some(true);
    let mut apart: Vec<bool> = steps.iter().map(|step| step.worktree.unwrap_or(wanted)).collect();
    let mut report = Report::new(&workflow.source.path);
    let graph = Graph::of(steps);
    let mut from = spread(&mut apart, &graph.dependents);
    from.sort_unstable();
    for (place, seen) in from.into_iter().filter(|(place, _)| steps[*place].worktree == Some(false)) {
        let (step, earlier) = (&steps[place], &steps[seen].id);
        let message = format!(
            "step `{}` says `worktree: false`, but depends on `{earlier}`, whose work is seen in worktrees only",
            step.id
        );
        let hint = format!("take it out, or let `{earlier}` work in your own folder too");
        report.add_with(step.line_of("worktree"), message, hint);
    }
    let mut needed = apart.clone();
    let mut before = spread(&mut needed, &graph.dependencies);
    before.sort_unstable();
    for (place, later) in before {
        let step = &steps[place];
        if !agent_writes(step, team, library) {
            continue;
        }
        let message = format!(
            "step `{}` writes in your own folder, but `{}` works in a worktree, where that is not seen",
            step.id, steps[later].id
        );
        report.add_with(step.line_of("worktree"), message, format!("say `worktree: true` in `{}`", step.id));
    }
    check_reviews(steps, (team, library), &apart, &mut report);
    (apart, report.into_problems())
}

/// Reports steps whose review would have no exact commits to look at.
fn check_reviews(steps: &[Step], (team, library): (&Team, &Library), apart: &[bool], report: &mut Report) {
    for step in steps {
        let Some(place) = steps.iter().position(|other| Some(&other.id) == step.reviews.as_ref()) else {
            continue;
        };
        let (work, line) = (&steps[place], step.line_of("reviews"));
        if !agent_writes(work, team, library) {
            let message = format!("step `{}` reviews `{}`, whose role only reads", step.id, work.id);
            report.add_with(line, message, "name a step in which an agent writes");
        } else if !apart[place] {
            let message = format!(
                "step `{}` reviews `{}`, which works in your own folder and leaves no commits",
                step.id, work.id
            );
            let hint =
                format!("say `worktree: true` in `{}`, or give each its own: crew run --worktree", work.id);
            report.add_with(line, message, hint);
        }
    }
}

/// Returns the agent file that says who does a step, where there is one.
pub fn agent_file_of<'a>(step: &Step, team: &Team, library: &'a Library) -> Option<&'a AgentFile> {
    let role = team.role(&step.role).map(|role| role.agent.as_str());
    let named = [step.agent.as_deref(), role].into_iter().flatten();
    named.chain([step.role.as_str()]).find_map(|name| library.agents.get(name))
}

fn agent_writes(step: &Step, team: &Team, library: &Library) -> bool {
    step.run.is_none() && agent_file_of(step, team, library).is_some_and(|file| file.may_write(&step.role))
}

/// The neighbours of each step, by their places.
struct Graph {
    dependencies: Vec<Vec<usize>>,
    dependents: Vec<Vec<usize>>,
}

impl Graph {
    fn of(steps: &[Step]) -> Graph {
        let places: HashMap<&str, usize> =
            steps.iter().enumerate().map(|(place, step)| (step.id.as_str(), place)).collect();
        let mut graph =
            Graph { dependencies: vec![vec![]; steps.len()], dependents: vec![vec![]; steps.len()] };
        for (place, step) in steps.iter().enumerate() {
            for dependency in step.depends_on.iter().filter_map(|id| places.get(id.as_str())) {
                graph.dependencies[place].push(*dependency);
                graph.dependents[*dependency].push(place);
            }
        }
        graph
    }
}

/// Marks all that can be reached from what is marked, and returns what was reached, each with the neighbour it was
/// reached from.
fn spread(marked: &mut [bool], neighbours: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut open: Vec<usize> = (0..marked.len()).filter(|place| marked[*place]).collect();
    let mut reached = Vec::new();
    while let Some(place) = open.pop() {
        for &next in &neighbours[place] {
            if !std::mem::replace(&mut marked[next], true) {
                reached.push((next, place));
                open.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::resources::{Kind, Layer, SourceFile, built_in, load};

    /// Reads a workflow and a team `x`, and returns which steps are in worktrees and what is wrong.
    fn place(steps: &str, team: &str, everywhere: bool) -> (Vec<bool>, Vec<(Option<usize>, String)>) {
        let file = |kind, text: String| {
            let (path, stem) = ("x.md".to_owned(), "x".to_owned());
            SourceFile { layer: Layer::User, path, stem, kind, text }
        };
        let mut files = built_in();
        files.push(file(Kind::Workflow, format!("---\ndescription: d\n---\n{steps}")));
        let roles = "- executor: agent=executor\n- explorer: agent=explorer\n- reviewer: agent=reviewer\n";
        files.push(file(Kind::Team, format!("---\ndescription: d\n{team}---\n{roles}")));
        let (library, problems) = load(&files, &[], true);
        assert_eq!(problems, []);
        let (apart, problems) = worktrees(&library.workflows["x"], &library.teams["x"], &library, everywhere);
        (apart, problems.into_iter().map(|problem| (problem.line, problem.message)).collect())
    }

    const CHAIN: &str = "## look\nrole: explorer\n\nLook.\n\n## write\nrole: executor\ndependsOn: look\n\nWrite.\n\n\
         ## check\nrun: make\ndependsOn: write\n\n## other\nrole: executor\n\nWrite.\n";

    #[test]
    fn what_depends_on_a_worktree_works_in_one() {
        let asked = CHAIN.replace("dependsOn: look", "dependsOn: look\nworktree: true");
        assert_eq!(place(&asked, "", false), (vec![false, true, true, false], vec![]));
        assert_eq!(place(CHAIN, "", false).0, [false; 4]);
        assert_eq!(place(CHAIN, "", true).0, [true; 4]);
        assert_eq!(place(CHAIN, "worktree: true\n", false).0, [true; 4]);
        // What is typed counts for more than a team's word.
        assert_eq!(place(CHAIN, "workspaceMode: single\n", true).0, [true; 4]);
        let alone = CHAIN.replace("## other\n", "## other\nworktree: false\n");
        assert_eq!(place(&alone, "", true), (vec![true, true, true, false], vec![]));
    }

    #[test]
    fn what_is_reviewed_is_written_and_has_a_worktree() {
        let review = |of: &str| format!("{CHAIN}\n## review\nrole: reviewer\nreviews: {of}\n\nLook.\n");
        let (apart, problems) = place(&review("write"), "", false);
        let message = "step `review` reviews `write`, which works in your own folder and leaves no commits";
        assert_eq!((apart[4], problems), (false, vec![(Some(26), message.to_owned())]));
        assert_eq!(place(&review("write"), "", true), (vec![true; 5], vec![]));
        let (_, problems) = place(&review("look"), "", true);
        assert_eq!(problems, [(Some(26), "step `review` reviews `look`, whose role only reads".to_owned())]);
    }

    #[test]
    fn a_step_may_not_stay_behind_where_its_predecessor_works_apart() {
        let steps = CHAIN.replace("run: make", "run: make\nworktree: false");
        let (_, problems) = place(&steps, "", true);
        let expected = "step `check` says `worktree: false`, but depends on `write`, whose work is seen in worktrees only";
        assert_eq!(problems, [(Some(17), expected.to_owned())]);
    }

    #[test]
    fn what_is_written_in_the_shared_folder_has_to_be_seen_by_those_who_build_on_it() {
        // At any distance, and only what an agent writes: what it reads is there all the same.
        let steps = CHAIN.replace("run: make", "run: make\nworktree: true");
        let (apart, problems) = place(&steps, "", false);
        assert_eq!(apart, [false, false, true, false]);
        let expected =
            "step `write` writes in your own folder, but `check` works in a worktree, where that is not seen";
        assert_eq!(problems, [(Some(9), expected.to_owned())]);
    }
}
