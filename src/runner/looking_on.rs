//! What goes on in a run that another process carries out, as far as its record and its logs tell.

use super::child;
use crate::agents::{Agent, Said};
use crate::domain::id::TaskId;
use crate::domain::redact::Redactor;
use crate::domain::run::Run;
use crate::domain::task::{AttemptState, Task, Working};
use crate::domain::time::Time;
use crate::domain::words::{clean_line, last_line};
use crate::store::layout::{self, RunPaths};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of a log's end that are looked at.
const MOST: u64 = 8 * 1024;
/// The most characters of what is shown.
const MAX_DOING: usize = 200;

/// Returns the tasks that are worked on. Logs are without secrets already. `quiet` says for how long an attempt has given no
/// sign of life, where that is worth telling: only whoever carries the run out sees that at once.
pub fn working(
    run: &Run,
    paths: &RunPaths,
    agents: &BTreeMap<String, Arc<dyn Agent>>,
    now: Time,
    quiet: impl Fn(&TaskId, u32) -> Option<Duration>,
) -> Vec<Working> {
    let of = |(place, task): (usize, &Task)| {
        let attempt = task.last().filter(|attempt| attempt.is_open())?;
        let agent = agents.get(task.spec.program()).filter(|_| task.spec.is_for_agent());
        let doing = match attempt.state {
            AttemptState::Verifying => {
                let log = paths.root().join(layout::verification_log_of(&task.spec.id, attempt.number));
                child::last_line(&log, &Redactor::default(), MOST)
            }
            _ if !attempt.waiting.is_empty() => Some(format!("waits: {}", attempt.waiting)),
            _ => {
                let log = paths.root().join(&attempt.log);
                match agent {
                    Some(agent) => last_words(&**agent, &log),
                    None => child::last_line(&log, &Redactor::default(), MOST),
                }
            }
        };
        let doing = clean_line(&doing.unwrap_or_default(), MAX_DOING);
        let elapsed = now.since(attempt.started_at);
        let quiet = quiet(&task.spec.id, attempt.number);
        Some(Working { place, elapsed, quiet, doing, usage: attempt.usage })
    };
    run.tasks.iter().enumerate().filter_map(of).collect()
}

/// Returns what an agent last said or began to do, of what stands at the end of its log.
fn last_words(agent: &dyn Agent, log: &std::path::Path) -> Option<String> {
    let tail = child::safe_tail(log, &Redactor::default(), MOST)?;
    tail.lines().rev().find_map(|line| agent.read_line(line)?.iter().rev().find_map(words_of))
}

fn words_of(said: &Said) -> Option<String> {
    let words = match said {
        Said::Message(text) | Said::MessagePart(text) | Said::Final { text: Some(text), .. } => {
            last_line(text).to_owned()
        }
        Said::ToolStarted { name, arguments, .. } => format!("{name} {arguments}"),
        _ => return None,
    };
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::run::tests::{run_of, spec, started};
    use crate::store::layout::Layout;

    #[test]
    fn what_is_known_of_how_quiet_it_is_is_shown_beside_what_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut run = run_of(vec![spec("idle", &[]), spec("a", &[])]);
        run.apply(Time(1_000), &started("a", 1)).unwrap();
        let paths = Layout::of(folder.path()).run(&run.id);
        let quiet = |task: &TaskId, attempt: u32| {
            (task.as_str() == "a" && attempt == 1).then_some(Duration::from_secs(40))
        };
        let working = working(&run, &paths, &BTreeMap::new(), Time(3_000), quiet);
        let seen: Vec<_> = working.iter().map(|seen| (seen.place, seen.elapsed, seen.quiet)).collect();
        assert_eq!(seen, [(1, Duration::from_secs(2), Some(Duration::from_secs(40)))]);
    }
}
