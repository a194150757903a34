//! What a merge would be, as people and programs are told.

use super::exit::Problem;
use crate::domain::merging::How;
use crate::domain::publishing::in_shell;
use crate::domain::run::Run;
use crate::domain::words::clean_line;
use crate::runner::merge_work::{Plan, Step};
use crate::ui::printer::{Printer, Tone};
use crate::ui::table::{Column, Rows};
use crate::ui::words;
use crate::workspace::merging::compose::{Outcome, Stat, short};
use crate::workspace::merging::freshness::{Freshness, State};
use serde_json::{Value, json};

/// The most conflicts of one task that are shown; all of them are in the JSON.
const SHOWN: usize = 20;

impl Plan {
    /// Says why the plan is not carried out, where there are conflicts, and what can be done about it.
    pub fn refusal(&self) -> Option<Problem> {
        let at_odds =
            self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Conflict { .. })).count();
        if at_odds == 0 {
            return None;
        }
        let conflict = if at_odds == 1 { "conflicts" } else { "conflict" };
        let tasks = words::count(self.steps.len(), "task");
        let message =
            format!("{at_odds} of {tasks} {conflict} with what {} would hold; nothing was moved", self.into);
        Some(Problem::refused("conflict", message))
    }

    /// Returns it as JSON; `is_done` tells whether the branch has moved.
    pub fn as_json(&self, run: &Run, is_done: bool) -> Value {
        let id = |place: usize| run.tasks[place].spec.id.clone();
        let named = |at: &usize| id(self.steps[*at].place);
        let tasks: Vec<Value> = self
            .steps
            .iter()
            .map(|step| {
                let tree = run.tasks[step.place].tree.as_ref();
                let Stat { files, insertions, deletions } = step.stat;
                let mut json = json!({
                    "task": id(step.place), "branch": tree.map(|tree| &tree.branch), "tip": tree.map(|tree| tree.head()),
                    "files": files, "insertions": insertions, "deletions": deletions,
                });
                if !step.resolved.is_empty() {
                    json["resolved_by"] = json!(resolvers(step));
                }
                match &step.outcome {
                    Outcome::In { commit, commits } => {
                        json["outcome"] = json!(if is_done { "merged" } else { "would_merge" });
                        json["commit"] = json!(commit);
                        json["commits"] = json!(commits);
                    }
                    Outcome::Nothing => json["outcome"] = json!("nothing"),
                    Outcome::Conflict { conflicts, commit, with } => {
                        json["outcome"] = json!("conflict");
                        json["conflicts"] = json!(conflicts);
                        json["at_commit"] = json!(commit);
                        json["with"] = json!(with.iter().map(named).collect::<Vec<_>>());
                    }
                    Outcome::Waits(at) => {
                        json["outcome"] = json!("waits");
                        json["waits_for"] = json!(named(at));
                    }
                }
                json
            })
            .collect();
        let pair = |(task, why): &(_, String)| json!({"task": task, "reason": why});
        let left_out: Vec<Value> = self.choice.left_out.iter().map(pair).collect();
        let brought: Vec<Value> =
            self.choice.brought.iter().map(|(task, by)| json!({"task": task, "for": by})).collect();
        json!({
            "run": run.id, "into": self.into, "how": self.how, "from": self.from, "to": self.to,
            "freshness": self.freshness, "tasks": tasks, "left_out": left_out, "brought": brought,
            "since": self.since,
        })
    }

    /// Renders it as people read it.
    pub fn render(&self, printer: &Printer, run: &Run, short: &str) -> String {
        let each = match self.how {
            How::Merge => "a merge commit each",
            How::Squash => "one commit each",
            How::Rebase => "by their own commits",
        };
        let tasks = words::count(self.steps.len(), "task");
        let mut lines = vec![format!("{short} into {}   {tasks}, {each}", clean_line(&self.into, 200))];
        lines.extend(self.freshness_lines(run, printer));
        let mut rows = Rows::new(&[
            ("task", Column::Left),
            ("commits", Column::Right),
            ("changes", Column::Left),
            ("merges", Column::Left),
        ]);
        for step in &self.steps {
            let (tone, merges) = self.words_of(run, step);
            let commits = match &step.outcome {
                Outcome::In { commits, .. } => commits.to_string(),
                _ => String::new(),
            };
            rows.add(vec![
                (run.tasks[step.place].spec.id.to_string(), Tone::Plain),
                (commits, Tone::Plain),
                (changes(step.stat), Tone::Plain),
                (merges, tone),
            ]);
        }
        lines.push(String::new());
        lines.push(rows.render(printer));
        lines.extend(self.conflict_lines(run));
        lines.join("\n")
    }

    fn freshness_lines(&self, run: &Run, printer: &Printer) -> Vec<String> {
        let Freshness { state, commits, subjects, missing } = &self.freshness;
        let commits = words::count(*commits as usize, "commit");
        let said = match state {
            State::Fresh
                if run.tasks.iter().flat_map(|task| &task.landed).any(|landed| landed.into == self.into) =>
            {
                format!("fresh: since the run began, {} got nothing but its work", self.into)
            }
            State::Fresh => format!("fresh: {} is where the run began", self.into),
            State::Stale => format!("stale: {} has moved on by {commits} since the run began", self.into),
            State::Diverged => format!(
                "diverged: {} lacks {} that the run began from, and has {commits} of its own",
                self.into,
                words::count(*missing as usize, "commit"),
            ),
        };
        let tone = if *state == State::Diverged { Tone::Attention } else { Tone::Plain };
        let mut lines = vec![format!("  {}", printer.tint(tone, &clean_line(&said, 300)))];
        lines.extend(subjects.iter().map(|subject| format!("    {}", clean_line(subject, 100))));
        lines
    }

    fn words_of(&self, run: &Run, step: &Step) -> (Tone, String) {
        let name = |at: &usize| run.tasks[self.steps[*at].place].spec.id.to_string();
        match &step.outcome {
            Outcome::In { .. } if !step.resolved.is_empty() => {
                (Tone::Attention, format!("resolved by {}", resolvers(step).join(", ")))
            }
            Outcome::In { .. } => (Tone::Good, "cleanly".into()),
            Outcome::Nothing => (Tone::Faint, format!("{} holds it already", self.into)),
            Outcome::Waits(at) => (Tone::Attention, format!("builds on {}", name(at))),
            Outcome::Conflict { with, .. } if with.is_empty() => {
                (Tone::Bad, format!("conflict with {}", self.into))
            }
            Outcome::Conflict { with, .. } => {
                let with: Vec<String> = with.iter().map(name).collect();
                (Tone::Bad, format!("conflict with {}", with.join(", ")))
            }
        }
    }

    fn conflict_lines(&self, run: &Run) -> Vec<String> {
        let mut lines = Vec::new();
        for step in &self.steps {
            let Outcome::Conflict { conflicts, commit, .. } = &step.outcome else { continue };
            let at =
                commit.as_ref().map(|commit| format!(" (its commit {})", short(commit))).unwrap_or_default();
            lines.push(format!("\nconflicts of {}{at}", run.tasks[step.place].spec.id));
            for conflict in conflicts.iter().take(SHOWN) {
                let paths: Vec<String> = conflict.paths.iter().map(|path| clean_line(path, 200)).collect();
                let ranges: Vec<String> = conflict
                    .lines
                    .iter()
                    .map(|(from, to)| match from == to {
                        true => from.to_string(),
                        false => format!("{from}-{to}"),
                    })
                    .collect();
                let at =
                    if ranges.is_empty() { String::new() } else { format!("  lines {}", ranges.join(", ")) };
                lines.push(format!("  {:13}  {}{at}", conflict.kind, paths.join(", ")));
            }
            if conflicts.len() > SHOWN {
                lines.push(format!("  and {} more (--json shows them all)", conflicts.len() - SHOWN));
            }
        }
        lines
    }

    /// Returns what is worth knowing beside it: what else is merged or is not.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self
            .choice
            .brought
            .iter()
            .map(|(task, by)| format!("with it  {task}, which {by} builds on"))
            .collect();
        notes.extend(self.since.iter().map(|since| format!("with it  {}", since.words())));
        notes.extend(self.choice.left_out.iter().map(|(task, why)| format!("left out  {task}: {why}")));
        notes
    }

    /// Returns what can be done about conflicts: each a command, and what it does. `merge` makes the command that merges
    /// some tasks.
    pub fn ways_out(&self, run: &Run, merge: impl Fn(&[&str]) -> String) -> Vec<(String, &'static str)> {
        let is_stuck = |step: &&Step| matches!(step.outcome, Outcome::Conflict { .. } | Outcome::Waits(_));
        let Some(first) = self.steps.iter().find(is_stuck) else { return Vec::new() };
        let mut ways = Vec::new();
        let rest: Vec<&str> = self.merged(run).map(|(task, _)| task.spec.id.as_str()).collect();
        if !rest.is_empty() {
            ways.push((merge(&rest), "merges what fits"));
        }
        // By hand, what was not committed when the run began would come into the history.
        let is_plain = run.base.as_ref().is_some_and(|base| !base.snapshot);
        if let Some(tree) = run.tasks[first.place].tree.as_ref().filter(|_| is_plain) {
            let switch = in_shell("git", &["switch".into(), self.into.clone()]);
            let merge = in_shell("git", &["merge".into(), tree.branch.clone()]);
            ways.push((
                format!("{switch} && {merge}"),
                "by hand: then resolve and commit; crew sees that it is merged",
            ));
        }
        ways
    }
}

/// Returns who resolved conflicts of a step, each once.
fn resolvers(step: &Step) -> Vec<&str> {
    let mut names: Vec<&str> = step.resolved.iter().map(|known| known.agent.as_str()).collect();
    names.dedup();
    names
}

fn changes(stat: Stat) -> String {
    let Stat { files, insertions, deletions } = stat;
    match files {
        0 => String::new(),
        _ => format!("{}, +{insertions} -{deletions}", words::count(files as usize, "file")),
    }
}
