//! What goes on in a run that another process carries out, as far as its record and its logs tell.

use super::child;
use crate::agents::{Agent, Said};
use crate::domain::id::TaskId;
use crate::domain::redact::Redactor;
use crate::domain::run::Run;
use crate::domain::task::{AttemptState, Task, Working};
use crate::domain::time::Time;
use crate::domain::words::{clean_line, clean_text, last_line};
use crate::store::layout::{self, RunPaths};
use crate::store::log_tail;
use std::collections::BTreeMap;
use std::path::PathBuf;
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
        let waits = !attempt.waiting.is_empty() && attempt.state != AttemptState::Verifying;
        let doing = match waits {
            true => clean_line(&format!("waits: {}", attempt.waiting), MAX_DOING),
            false => log_of(task, paths, agents).and_then(|log| log.last_words()).unwrap_or_default(),
        };
        let elapsed = now.since(attempt.started_at);
        let quiet = quiet(&task.spec.id, attempt.number);
        Some(Working { place, elapsed, quiet, doing, usage: attempt.usage })
    };
    run.tasks.iter().enumerate().filter_map(of).collect()
}

/// The log of a task's newest attempt, and who understands it.
pub struct Log {
    pub path: PathBuf,
    /// None where it is a command's.
    agent: Option<Arc<dyn Agent>>,
}

/// Returns the log that is written for a task at present: that of its checks, as long as they go on.
pub fn log_of(task: &Task, paths: &RunPaths, agents: &BTreeMap<String, Arc<dyn Agent>>) -> Option<Log> {
    let attempt = task.last()?;
    if attempt.state == AttemptState::Verifying {
        let path = paths.root().join(layout::verification_log_of(&task.spec.id, attempt.number));
        return Some(Log { path, agent: None });
    }
    let agent = agents.get(task.spec.program()).filter(|_| task.spec.is_for_agent());
    Some(Log { path: paths.root().join(&attempt.log), agent: agent.cloned() })
}

impl Log {
    /// Returns what was said last, or begun to be done.
    pub fn last_words(&self) -> Option<String> {
        let words = match &self.agent {
            None => child::last_line(&self.path, &Redactor::default(), MOST)?,
            Some(agent) => {
                let tail = log_tail::safe_tail(&self.path, &Redactor::default(), MOST)?;
                tail.lines().rev().find_map(|line| agent.read_line(line)?.iter().rev().find_map(words_of))?
            }
        };
        Some(clean_line(&words, MAX_DOING))
    }

    /// Returns the lines at its end, of about `most` bytes, as people read them: of what an agent says in a format of its own,
    /// the words. `words` takes secrets out.
    pub fn end(&self, words: &Redactor, most: u64) -> Vec<String> {
        let tail = log_tail::safe_tail(&self.path, words, most).unwrap_or_default();
        let Some(agent) = &self.agent else { return tail.lines().map(str::to_owned).collect() };
        let mut lines: Vec<String> = Vec::new();
        let mut in_piece = false;
        for line in tail.lines() {
            let Some(said) = agent.read_line(line) else {
                lines.push(line.to_owned());
                in_piece = false;
                continue;
            };
            for said in said {
                let is_piece = matches!(said, Said::MessagePart(_));
                let text = match said {
                    // What stood in JSON as an escape is a character now.
                    Said::Message(text) | Said::MessagePart(text) => clean_text(&text, most as usize),
                    Said::ToolStarted { name, arguments, .. } => {
                        clean_line(&format!("> {name} {arguments}"), MAX_DOING)
                    }
                    _ => continue,
                };
                let mut said = text.lines();
                if let Some(last) = lines.last_mut().filter(|_| is_piece && in_piece) {
                    last.push_str(said.next().unwrap_or_default());
                }
                lines.extend(said.map(str::to_owned));
                in_piece = is_piece;
            }
        }
        lines
    }
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
    use crate::agents::claude::Claude;
    use crate::domain::run::tests::{run_of, spec, started};
    use crate::store::layout::Layout;

    #[test]
    fn a_log_is_read_as_people_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.1.log");
        let says = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"one\r\u001b[2Jtwo"},
            {"type":"tool_use","id":"t","name":"Bash","input":{"command":"cargo test"}}]}}"#;
        std::fs::write(&path, format!("{}\nno JSON \u{1b}[31mat all\n", says.replace('\n', ""))).unwrap();
        let agent: Arc<dyn Agent> = Arc::new(Claude);
        let lines = |agent| Log { path: path.clone(), agent }.end(&Redactor::default(), 4096);
        let read = lines(Some(agent));
        assert_eq!([read[0].as_str(), read[1].as_str(), read[3].as_str()], ["one", "two", "no JSON at all"]);
        assert!(read[2].starts_with("> Bash ") && read[2].contains("cargo test"), "{read:?}");
        let plain = lines(None);
        assert!(plain.len() == 2 && plain[0].starts_with('{') && plain[1] == "no JSON at all", "{plain:?}");
        assert!(
            Log { path: folder.path().join("none"), agent: None }.end(&Redactor::default(), 9).is_empty()
        );
    }

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
