//! Recordings as an agent: the same program, started with a hidden subcommand, prints what an agent once printed.
//!
//! Each recorded line comes in an envelope, and is read by the adapter of the agent that printed it first. So a replay
//! is understood and judged as the original was, and none of those agents has to be installed.

use super::{Agent, Assignment, CommandSpec, Said, Stdin, Unsupported};
use crate::domain::error_kind::ErrorKind;
use crate::domain::recording::Stream;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The name of the agent that plays recordings back.
pub const NAME: &str = "replay";
/// The hidden subcommand that plays one back.
pub const SUBCOMMAND: &str = "replay-agent";
/// The most bytes of a line in one envelope. JSON may make six of each, and crew reads lines of at most 1 MiB.
const MAX_PIECE: usize = 128 * 1024;

/// How fast a recording is played: 0 for at once, else how many times as fast as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tempo(f64);

impl Tempo {
    /// Tells whether nothing is waited for.
    pub fn is_instant(self) -> bool {
        self.0 == 0.0
    }

    /// Returns how long something takes that took `recorded`.
    pub fn of(self, recorded: Duration) -> Duration {
        if self.is_instant() {
            return Duration::ZERO;
        }
        // So slow that it has no number: as long as there is.
        Duration::try_from_secs_f64(recorded.as_secs_f64() / self.0).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Tempo {
    type Err = String;

    fn from_str(text: &str) -> Result<Tempo, String> {
        match text.parse::<f64>() {
            _ if text == "instant" => Ok(Tempo(0.0)),
            Ok(speed) if speed.is_finite() && speed >= 0.0 => Ok(Tempo(speed)),
            _ => Err("a number of times as fast (1 is as it was), or `instant`".to_owned()),
        }
    }
}

impl fmt::Display for Tempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_instant() { f.write_str("instant") } else { self.0.fmt(f) }
    }
}

/// A line of the playing child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Envelope {
    Replay(Piece),
    /// What the playing child itself did, for readers of the log.
    ReplayNote(String),
}

/// A recorded line, or a piece of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Piece {
    agent: String,
    stream: Stream,
    line: String,
    /// The next envelope goes on with the line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

fn written(envelope: &Envelope) -> String {
    serde_json::to_string(envelope).expect("an envelope has no maps and no fallible parts")
}

/// Puts a recorded line into envelopes: one, unless it is long.
pub fn envelopes(agent: &str, stream: Stream, line: &str) -> Vec<String> {
    let (mut rest, mut envelopes) = (line, Vec::new());
    loop {
        let end = (0..=MAX_PIECE.min(rest.len())).rfind(|at| rest.is_char_boundary(*at)).unwrap_or(0);
        let (piece, after) = rest.split_at(end);
        let more = !after.is_empty();
        envelopes.push(written(&Envelope::Replay(Piece {
            agent: agent.to_owned(),
            stream,
            line: piece.to_owned(),
            more,
        })));
        if !more {
            return envelopes;
        }
        rest = after;
    }
}

/// Puts what the playing child did into an envelope.
pub fn note(text: &str) -> String {
    written(&Envelope::ReplayNote(text.to_owned()))
}

/// The agent that plays recordings back.
#[derive(Clone)]
pub struct Replay {
    /// The running binary.
    program: String,
    /// The folder of the recordings; absolute.
    folder: String,
    tempo: Tempo,
    /// Who understands what was recorded, by task and attempt.
    recorded: Arc<BTreeMap<(String, u32), Arc<dyn Agent>>>,
}

impl Replay {
    /// Plays the recordings of `folder` with the binary `program`; `recorded` understands what was recorded.
    pub fn new(
        program: String,
        folder: String,
        tempo: Tempo,
        recorded: BTreeMap<(String, u32), Arc<dyn Agent>>,
    ) -> Replay {
        Replay { program, folder, tempo, recorded: Arc::new(recorded) }
    }
}

impl Agent for Replay {
    fn name(&self) -> &str {
        NAME
    }

    fn program(&self) -> &str {
        &self.program
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        let mut args = vec![SUBCOMMAND.into(), self.folder.clone(), format!("--speed={}", self.tempo)];
        args.extend(assignment.reminds.then(|| "--reminded".to_owned()));
        Ok(CommandSpec {
            program: self.program.clone(),
            args,
            env: Vec::new(),
            pass_env: Vec::new(),
            stdin: Stdin::Null,
        })
    }

    /// Nothing is understood without knowing whose output it is.
    fn read_line(&self, _line: &str) -> Option<Vec<Said>> {
        None
    }

    fn promises_final(&self) -> bool {
        false
    }

    fn for_attempt(&self, task: &str, attempt: u32) -> Option<Arc<dyn Agent>> {
        let original = self.recorded.get(&(task.to_owned(), attempt)).cloned();
        Some(Arc::new(Playing { replay: self.clone(), original, begun: Mutex::default() }))
    }
}

/// One attempt that is played back.
struct Playing {
    replay: Replay,
    /// Who understands what it printed; `None` where it was not recorded.
    original: Option<Arc<dyn Agent>>,
    /// What has come of the current line.
    begun: Mutex<String>,
}

impl Playing {
    fn read_piece(&self, piece: Piece) -> Option<Vec<Said>> {
        let original = self.original.as_ref().filter(|original| original.name() == piece.agent)?;
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push_str(&piece.line);
        if piece.more {
            return Some(Vec::new());
        }
        let line = std::mem::take(&mut *begun);
        drop(begun);
        let mut said = match piece.stream {
            Stream::Output => original.read_line(&line)?,
            Stream::Error => original.read_stderr_line(&line),
        };
        for said in &mut said {
            if let Said::Failed { retry_after: Some(wait), .. } = said {
                *wait = self.replay.tempo.of(*wait);
            }
        }
        Some(said)
    }
}

impl Agent for Playing {
    fn name(&self) -> &str {
        NAME
    }

    fn program(&self) -> &str {
        self.replay.program()
    }

    fn command(&self, assignment: &Assignment<'_>) -> Result<CommandSpec, Unsupported> {
        self.replay.command(assignment)
    }

    fn read_line(&self, line: &str) -> Option<Vec<Said>> {
        match serde_json::from_str(line).ok()? {
            Envelope::Replay(piece) => self.read_piece(piece),
            Envelope::ReplayNote(_) => Some(Vec::new()),
        }
    }

    /// What is recorded comes in envelopes, so these are words of the playing child: it says why it cannot go on.
    fn read_stderr_line(&self, line: &str) -> Vec<Said> {
        vec![Said::Failed { kind: ErrorKind::Unknown, message: line.to_owned(), retry_after: None }]
    }

    fn promises_final(&self) -> bool {
        self.original.as_ref().is_some_and(|original| original.promises_final())
    }

    fn streams(&self) -> bool {
        self.original.as_ref().is_some_and(|original| original.streams())
    }

    fn resumes_sessions(&self) -> bool {
        self.original.as_ref().is_some_and(|original| original.resumes_sessions())
    }

    fn usage_spans_session(&self) -> bool {
        self.original.as_ref().is_some_and(|original| original.usage_spans_session())
    }
}

#[cfg(test)]
mod tests {
    use super::super::claude::Claude;
    use super::super::opencode::Opencode;
    use super::super::testing::{assignment, transcripts};
    use super::super::{Access, protocol};
    use super::*;

    fn playing(original: Arc<dyn Agent>) -> Arc<dyn Agent> {
        let recorded = BTreeMap::from([(("a".to_owned(), 1), original)]);
        let replay = Replay::new("/bin/crew".into(), "/rec".into(), Tempo(0.0), recorded);
        replay.for_attempt("a", 1).unwrap()
    }

    #[test]
    fn a_recorded_line_means_what_it_meant_first() {
        let playing = playing(Arc::new(Claude));
        for line in &transcripts() {
            let envelopes = envelopes("claude", Stream::Output, line);
            assert_eq!(envelopes.len(), 1);
            assert_eq!(playing.read_line(&envelopes[0]), Claude.read_line(line));
        }
        assert!(playing.promises_final());
        assert_eq!(playing.read_line(&envelopes("claude", Stream::Output, "noise")[0]), None);
        assert_eq!(playing.read_line(&envelopes("codex", Stream::Output, "{\"type\":\"x\"}")[0]), None);
        assert_eq!(playing.read_line(&note("accepted")), Some(Vec::new()));
        assert_eq!(playing.read_line("{\"type\":\"system\"}"), None);
    }

    #[test]
    fn standard_error_is_read_as_it_was() {
        let line = "ERROR service=server message=\"x ProviderModelNotFoundError: no/model\"";
        assert!(!Opencode.read_stderr_line(line).is_empty());
        let envelope = &envelopes("opencode", Stream::Error, line)[0];
        assert_eq!(playing(Arc::new(Opencode)).read_line(envelope), Some(Opencode.read_stderr_line(line)));
    }

    #[test]
    fn a_line_of_a_megabyte_comes_in_pieces_that_crew_can_read() {
        let text = "\u{1}ü".repeat(300_000);
        let line = protocol::line(&protocol::Line::Message { text: text.clone() });
        let pieces = envelopes("builtin", Stream::Output, &line);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() < 1024 * 1024));
        let builtin = Arc::new(super::super::builtin::BuiltIn::new(String::new()));
        let playing = playing(builtin);
        let said: Vec<Said> = pieces.iter().flat_map(|piece| playing.read_line(piece).unwrap()).collect();
        assert_eq!(said, [Said::Message(text)]);
    }

    #[test]
    fn an_attempt_without_a_recording_only_says_why() {
        let replay = Replay::new("/bin/crew".into(), "/rec".into(), Tempo(2.5), BTreeMap::new());
        let playing = replay.for_attempt("a", 2).unwrap();
        assert!(!playing.promises_final() && !playing.streams());
        assert!(
            matches!(&playing.read_stderr_line("no")[0], Said::Failed { message, .. } if message == "no")
        );
        let spec = playing.command(&assignment(Access::Write)).unwrap();
        assert_eq!(spec.args, ["replay-agent", "/rec", "--speed=2.5"]);
    }

    #[test]
    fn a_tempo_is_a_number_or_a_word() {
        let second = Duration::from_secs(1);
        for (text, expected) in [("instant", 0), ("0", 0), ("1", 1000), ("10", 100), ("0.5", 2000)] {
            let tempo: Tempo = text.parse().unwrap();
            assert_eq!(tempo.of(second), Duration::from_millis(expected), "{text}");
            assert_eq!(tempo.to_string().parse(), Ok(tempo));
        }
        assert_eq!("1e-300".parse::<Tempo>().unwrap().of(Duration::from_secs(9)), Duration::MAX);
        for text in ["", "fast", "-1", "NaN", "inf"] {
            assert!(text.parse::<Tempo>().is_err(), "{text}");
        }
    }
}
