//! How a command is told which task is meant: `fix` of the newest run, `7k2 fix`, `7k2:fix`, or a run alone.

use super::context::{Context, pruned_away};
use super::exit::Problem;
use super::pruned;
use crate::domain::id::{RunId, SHORTEST_SHOWN, TaskId};
use crate::domain::nearest::nearest;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::store::database::Store;
use anyhow::{Context as _, Result};

/// A run, and the task of it where one was named.
#[derive(Debug)]
pub struct Named {
    /// The run's id as short as it is unique.
    pub short: String,
    pub run: Run,
    pub task: Option<TaskId>,
}

impl Named {
    /// Returns the task, which has to be named here.
    pub fn one_task(&self) -> Result<&TaskId, Problem> {
        self.task.as_ref().ok_or_else(|| {
            let names: Vec<&str> = self.run.tasks.iter().map(|task| task.spec.id.as_str()).collect();
            Problem::usage("usage", format!("which task of run {}?", self.short))
                .hint(format!("it has {}", names.join(", ")))
        })
    }
}

/// Finds a task of a run by its whole name.
pub fn find_task<'a>(run: &'a Run, short: &str, name: &str) -> Result<&'a Task, Problem> {
    if let Some(task) = run.tasks.iter().find(|task| task.spec.id.as_str() == name) {
        return Ok(task);
    }
    let near = nearest(name, run.tasks.iter().map(|task| task.spec.id.as_str()));
    let hint = near.map_or_else(
        || format!("crew status {short} lists its tasks"),
        |near| format!("did you mean `{near}`?"),
    );
    Err(Problem::refused("unknown_task", format!("run {short} has no task `{name}`")).hint(hint))
}

impl Context {
    /// Finds what one or two names mean: a run and a task of it, a task of the newest run, or a run alone.
    pub fn find_typed(&self, store: &Store, name: &str, task: Option<&str>) -> Result<Named> {
        match (task, name.split_once([':', '/'])) {
            (Some(task), _) => self.named(store, name, Some(task)),
            (None, Some((run, task))) => self.named(store, run, Some(task)),
            (None, None) if name == "last" => self.named(store, name, None),
            (None, None) => self.find_one_name(store, name),
        }
    }

    fn named(&self, store: &Store, run: &str, task: Option<&str>) -> Result<Named> {
        let id = self.find_run(store, run)?;
        let short = store.short(&id)?;
        let run = store.load_run(&id)?.context("the run is recorded")?;
        let task = task.map(|task| find_task(&run, &short, task).map(|task| task.spec.id.clone()));
        let task = task.transpose()?;
        Ok(Named { short, run, task })
    }

    /// Takes a name alone for a task of the newest run, or for a run. One that may be both is neither.
    fn find_one_name(&self, store: &Store, name: &str) -> Result<Named> {
        let stone = if name.len() >= SHORTEST_SHOWN { pruned::find(store, name)? } else { None };
        let newest = match (self.named(store, "last", None), &stone) {
            (Err(_), Some(stone)) => return Err(pruned_away(stone, name).into()),
            (newest, _) => newest?,
        };
        let task = newest.run.tasks.iter().find(|task| task.spec.id.as_str() == name);
        // Shorter ones are never shown, and most short words are the beginning of some id.
        let is_run =
            name.len() >= SHORTEST_SHOWN && RunId::is_prefix(name) && !store.runs_named(name)?.is_empty();
        match (task.map(|task| task.spec.id.clone()), is_run) {
            (Some(task), false) => Ok(Named { task: Some(task), ..newest }),
            (None, true) => self.named(store, name, None),
            (Some(_), true) => {
                let message =
                    format!("`{name}` is a task of the newest run, and the beginning of a run's id");
                let hint = format!("say `last {name}` for the task, or more of the id for the run");
                Err(Problem::refused("ambiguous_name", message).hint(hint).into())
            }
            (None, false) => {
                if let Some(stone) = &stone {
                    return Err(pruned_away(stone, name).into());
                }
                let problem = Problem::refused("unknown_task", format!("there is no task or run `{name}`"));
                let near = nearest(name, newest.run.tasks.iter().map(|task| task.spec.id.as_str()));
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`, of the newest run?"),
                    None => "crew status lists the runs, crew status RUN its tasks; without a run, a task of the newest one is meant".into(),
                };
                Err(problem.hint(hint).into())
            }
        }
    }
}
