//! The checks of an agent, each a call of the installed program before a scripted model.
//!
//! Where crew has a path of its own to an agent, a check takes it: the adapter's command line, the supervision of
//! children, the reading of the stream, and for handing in a whole run of the binary that is running.

use super::expected::{self, Heeds, Refused};
use super::script::{Act, Conversation, Script};
use super::trial::{Bench, Call, HEED, MARK, Seen, Until};
use crate::agents::abilities::{Abilities, ReadOnly};
use crate::agents::{Access, Agent, Said};
use crate::domain::error_kind::ErrorKind;
use crate::domain::event::ToolResult;
use crate::domain::judgement::ending_words;
use crate::runner::process::GroupSignal;
use crate::runner::version::version_of;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long an agent may take to end by itself after its provider refused it.
const SETTLE: Duration = Duration::from_secs(20);
/// How long an agent is left waiting for an answer before it is asked to end.
const WAITING: Duration = Duration::from_secs(1);

const PERSONA: &str = "You are the persona of a conformance check.";
const WORDS: &str = "these are the words of the scripted model";
const MADE: &str = "made-by-the-agent.txt";
const FORBIDDEN: &str = "forbidden.txt";
const HAND_IN: &str = "crew submit result --summary 'it is done' --confidence 0.9 --rationale 'seen to work' \
     --no-change-reason 'nothing was asked for'";

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Ok,
    Fail,
    /// It could not be made, because an earlier one failed.
    Skipped,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub check: &'static str,
    pub level: Level,
    pub detail: String,
    /// What its calls took, milliseconds; a check may look at the call of the one before it.
    pub millis: u64,
}

/// Whom to examine.
pub struct Subject {
    pub agent: Arc<dyn Agent>,
    /// The agent's program.
    pub program: PathBuf,
    /// The binary that carries out a run; ourselves.
    pub crew: PathBuf,
    /// How long one call may take.
    pub patience: Duration,
}

/// Is told how an examination goes. Called from the examination's thread.
pub trait Watcher {
    /// A check begins.
    fn begins(&self, check: &'static str);
    /// A check is over.
    fn checked(&self, checked: &Checked);
}

/// Every check, in the order in which they are made.
pub const ALL: [&str; 15] = [
    "version",
    "flags",
    "stream",
    "end",
    "usage",
    "write",
    "read-only",
    "401",
    "429",
    "hang",
    "TERM",
    "INT",
    "resume",
    "submit",
    "submit-ro",
];

/// Makes all checks of an agent. Where `stop` is set meanwhile, what is left is not made.
pub fn examine(subject: &Subject, watcher: &dyn Watcher, stop: &AtomicBool) -> anyhow::Result<Vec<Checked>> {
    let bench = Bench::set_up(subject.agent.clone(), subject.program.clone(), subject.patience)?;
    let mut examination =
        Examination { subject, bench, watcher, stop, checked: Vec::new(), began: Instant::now() };
    examination.make_all()?;
    Ok(examination.checked)
}

struct Examination<'a> {
    subject: &'a Subject,
    bench: Bench,
    watcher: &'a dyn Watcher,
    stop: &'a AtomicBool,
    checked: Vec<Checked>,
    /// When the current check began.
    began: Instant,
}

/// What a check decides: all is well, or not, and what was seen.
type Verdict = Result<String, String>;

impl Examination<'_> {
    fn make_all(&mut self) -> anyhow::Result<()> {
        self.begin("version");
        let version =
            version_of(&self.subject.program, self.subject.agent.version_args(), &self.bench.environment);
        let version = version.and_then(|version| match version.starts_with(|c: char| c.is_ascii_digit()) {
            true => Ok(version),
            false => Err(format!("it names no version: {version:?}")),
        });
        self.end("version", version);
        if !self.goes_on() || !self.first_call()? {
            return self.skip_the_rest();
        }
        let later: [fn(&mut Self) -> anyhow::Result<()>; 6] = [
            Self::read_only_call,
            |this| this.refusal(401, ErrorKind::AuthFailed),
            |this| this.refusal(429, ErrorKind::RateLimited),
            Self::signals,
            Self::resume,
            Self::submit,
        ];
        for check in later {
            if !self.goes_on() {
                break;
            }
            check(self)?;
        }
        self.skip_the_rest()
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn begin(&mut self, check: &'static str) {
        self.began = Instant::now();
        self.watcher.begins(check);
    }

    fn end(&mut self, check: &'static str, verdict: Verdict) {
        let (level, detail) = match verdict {
            Ok(detail) => (Level::Ok, detail),
            Err(detail) => (Level::Fail, detail),
        };
        let millis = self.began.elapsed().as_millis() as u64;
        // A check that was cut off has found nothing.
        if self.goes_on() {
            self.tell(Checked { check, level, detail, millis });
        }
        self.began = Instant::now();
    }

    fn tell(&mut self, checked: Checked) {
        self.watcher.checked(&checked);
        self.checked.push(checked);
    }

    fn skip_the_rest(&mut self) -> anyhow::Result<()> {
        let made: Vec<&str> = self.checked.iter().map(|checked| checked.check).collect();
        let why = match self.checked.iter().find(|checked| checked.level == Level::Fail) {
            _ if !self.goes_on() => "interrupted".to_owned(),
            Some(failed) => format!("not tried, because `{}` failed", failed.check),
            None => "not tried".to_owned(),
        };
        for check in ALL.into_iter().filter(|check| !made.contains(check)) {
            self.tell(Checked { check, level: Level::Skipped, detail: why.clone(), millis: 0 });
        }
        Ok(())
    }

    fn call(
        &self,
        acts: impl IntoIterator<Item = Act>,
        call: &Call<'_>,
        until: &Until<'_>,
    ) -> anyhow::Result<Seen> {
        self.bench.call(Script::of(acts), call, until, self.stop)
    }

    /// Tells whether a request since the `known` first ones holds words.
    fn model_saw(&self, known: usize, words: &[&str]) -> bool {
        let requests = self.bench.server.requests();
        requests.iter().skip(known).any(|seen| {
            let text = seen.body.to_string();
            words.iter().all(|words| text.contains(words))
        })
    }

    /// One good call with all that a role can ask for. Tells whether it came to its end.
    fn first_call(&mut self) -> anyhow::Result<bool> {
        self.begin("flags");
        let abilities = Abilities::of(&*self.subject.agent);
        let thinking = ["low", "minimal"].into_iter().find(|level| abilities.thinking.contains(level));
        let call = Call {
            system_prompt: PERSONA,
            thinking,
            max_turns: abilities.max_turns.then_some(20),
            ..Call::of(Access::Write, "conformance check: work")
        };
        let command = format!("echo worked > {MADE}");
        let seen = self.call([Act::Shell(command), Act::Say(WORDS.into())], &call, &Until::TimeIsOver)?;
        let reached = self.model_saw(0, &[PERSONA, call.prompt]);
        let asked = [
            self.bench.stage.model.is_some().then_some("model".to_owned()),
            Some("system prompt".to_owned()),
            thinking.map(|level| format!("thinking {level}")),
            call.max_turns.map(|_| "turns".to_owned()),
        ];
        let asked: Vec<String> = asked.into_iter().flatten().collect();
        self.end("flags", flags(&seen, reached, &asked.join(", ")));
        self.end("stream", stream(&seen));
        self.end("end", good_end(&seen));
        self.end("usage", usage(&seen, &abilities));
        let made = std::fs::read_to_string(self.bench.repository().join(MADE));
        self.end(
            "write",
            match made {
                Ok(text) if text == "worked\n" => Ok("a writing role writes".into()),
                _ => Err(format!("its shell did not write {MADE}; {}", how_it_ended(&seen))),
            },
        );
        Ok(seen.heard.end() == Some(true) && seen.ending.exit.is_some() && !seen.killed)
    }

    fn read_only_call(&mut self) -> anyhow::Result<()> {
        self.begin("read-only");
        let known = self.bench.server.requests().len();
        let command = format!("echo forbidden > {FORBIDDEN}");
        let call = Call::of(Access::ReadOnly, "conformance check: only look");
        let seen = self.call([Act::Shell(command), Act::Say(WORDS.into())], &call, &Until::TimeIsOver)?;
        let written = self.bench.repository().join(FORBIDDEN).exists();
        let tried = self.model_saw(known, &[FORBIDDEN]);
        let kind = Abilities::of(&*self.subject.agent).read_only;
        let _ = std::fs::remove_file(self.bench.repository().join(FORBIDDEN));
        self.end("read-only", read_only(kind, written, tried, &seen));
        Ok(())
    }

    fn refusal(&mut self, status: u16, kind: ErrorKind) -> anyhow::Result<()> {
        let check = if status == 401 { "401" } else { "429" };
        self.begin(check);
        let expected = expected::of(self.subject.agent.name());
        let expected = if status == 401 { expected.after_401 } else { expected.after_429 };
        let settle = if expected == Refused::Retries { Duration::ZERO } else { SETTLE };
        let refused = Act::Answer { status, message: None, retry_after: (status == 429).then_some(1) };
        let call = Call::of(Access::ReadOnly, "conformance check: be refused");
        let understood = |heard: &super::trial::Heard| heard.met(kind);
        let seen = self.call([refused], &call, &Until::Seen(&understood, settle, GroupSignal::End))?;
        self.end(check, refusal(&seen, kind, expected));
        Ok(())
    }

    /// Two calls that never get an answer: one is asked to end as crew does it, the other as ctrl-C does.
    fn signals(&mut self) -> anyhow::Result<()> {
        let expected = expected::of(self.subject.agent.name());
        for (check, signal, heeds) in
            [("TERM", GroupSignal::End, expected.term), ("INT", GroupSignal::Interrupt, expected.int)]
        {
            self.begin(if check == "TERM" { "hang" } else { check });
            let known = self.bench.server.requests().len();
            let prompt = "conformance check: wait for ever";
            let waits = |_: &super::trial::Heard| self.model_saw(known, &[prompt]);
            let call = Call::of(Access::ReadOnly, prompt);
            let seen = self.call([Act::Hang], &call, &Until::Seen(&waits, WAITING, signal))?;
            if check == "TERM" {
                self.end("hang", hang(&seen));
                self.watcher.begins(check);
            }
            self.end(check, heeded(&seen, heeds));
        }
        Ok(())
    }

    fn resume(&mut self) -> anyhow::Result<()> {
        self.begin("resume");
        let first = Call::of(Access::ReadOnly, "conformance check: remember the word heliotrope");
        let seen = self.call([Act::Say(WORDS.into())], &first, &Until::TimeIsOver)?;
        let Some(session) = seen.heard.session().map(str::to_owned) else {
            self.end("resume", Err("it named no session".into()));
            return Ok(());
        };
        let known = self.bench.server.requests().len();
        let second =
            Call { session: Some(&session), ..Call::of(Access::ReadOnly, "conformance check: go on") };
        let seen = self.call([Act::Say(WORDS.into())], &second, &Until::TimeIsOver)?;
        let remembered = self.model_saw(known, &[first.prompt, second.prompt]);
        self.end(
            "resume",
            match (remembered, seen.heard.end()) {
                (true, Some(true)) => Ok("a second call goes on with what the first one said".into()),
                (true, _) => Err(format!("the second call did not end well: {}", how_it_ended(&seen))),
                (false, _) => {
                    Err(format!("the second call knew nothing of the first: {}", how_it_ended(&seen)))
                }
            },
        );
        Ok(())
    }

    /// A whole run of crew, in which the agent hands in from its shell in both modes.
    fn submit(&mut self) -> anyhow::Result<()> {
        self.begin("submit");
        let (write, look) =
            ("conformance check: hand in what you wrote", "conformance check: hand in what you saw");
        let steps = format!("## write\nrole: executor\n\n{write}\n\n## look\nrole: reviewer\n\n{look}\n");
        self.bench.write_home(
            ".config/crew/workflows/conformance.workflow.md",
            &format!("---\nname: conformance\ndescription: A conformance check\n---\n\n{steps}"),
        )?;
        let shell = |command: &str| Act::Shell(command.to_owned());
        let done = || Act::Say(WORDS.to_owned());
        let wrote = shell("echo handed in > handed-in.txt");
        self.bench.server.play(Script {
            conversations: vec![
                Conversation::of(Some(look), [shell(HAND_IN), done()]),
                Conversation::of(Some(write), [wrote, shell(HAND_IN), done()]),
            ],
        });
        let seconds = self.subject.patience.as_secs().max(1);
        let mut args: Vec<String> =
            ["run", "conformance", "--workflow", "conformance", "--jobs", "1", "--json"]
                .map(str::to_owned)
                .into();
        args.extend(["--agent".to_owned(), self.subject.agent.name().to_owned()]);
        args.extend(self.bench.stage.model.iter().flat_map(|model| ["--model".to_owned(), model.clone()]));
        let limit = format!("limits.attempt_seconds={seconds}");
        let mark = format!("env.pass={MARK}");
        for set in ["limits.grace_seconds=2", "retry.max_attempts=1", &limit, &mark] {
            args.extend(["--set".to_owned(), set.to_owned()]);
        }
        // It carries out two steps, one after the other, of which each may take the whole time.
        let seen = self.bench.start(self.subject.crew.clone(), &args, 3 * self.subject.patience, self.stop);
        let run: serde_json::Value = serde_json::from_str(&seen.heard.last_line).unwrap_or_default();
        self.end("submit", handed_in(&run, "write", &seen));
        self.end("submit-ro", handed_in(&run, "look", &seen));
        Ok(())
    }
}

/// Says how a call ended, with its last complaint where it did not end well.
pub(super) fn how_it_ended(seen: &Seen) -> String {
    let ending = match (&seen.ending.not_started, seen.killed) {
        (Some(why), _) => format!("it could not be started: {why}"),
        (None, true) if seen.after_signal.is_none() => {
            format!("it did not end within {} s", seen.elapsed.as_secs())
        }
        _ => ending_words(&seen.ending),
    };
    let complaint =
        seen.heard.troubles().next_back().map_or(seen.heard.complaint.as_str(), |(_, words)| words);
    if complaint.is_empty() || seen.heard.end() == Some(true) {
        ending
    } else {
        format!("{ending}: {complaint}")
    }
}

fn flags(seen: &Seen, reached: bool, asked: &str) -> Verdict {
    if reached {
        Ok(format!("taken: {asked}"))
    } else {
        Err(format!("the model was never asked; {}", how_it_ended(seen)))
    }
}

fn stream(seen: &Seen) -> Verdict {
    let heard = &seen.heard;
    let calls = heard.said.iter().filter(|said| matches!(said, Said::ToolStarted { .. })).count();
    let ended = heard
        .said
        .iter()
        .filter(|said| matches!(said, Said::ToolEnded { result: ToolResult::Ok, .. }))
        .count();
    let missing = [
        (heard.lines == 0, "it printed nothing"),
        (heard.session().is_none(), "no session"),
        (calls == 0, "no tool call"),
        (ended < calls, "no good end of its tool call"),
        (!heard.words().contains(WORDS), "no words of the model"),
    ];
    let mut wrong: Vec<String> =
        missing.into_iter().filter(|(is, _)| *is).map(|(_, what)| what.to_owned()).collect();
    if heard.odd_lines > 0 {
        wrong.push(format!("{} of {} lines are not in its format", heard.odd_lines, heard.lines));
    }
    if wrong.is_empty() {
        Ok(format!("{} lines: session, tool call, words", heard.lines))
    } else {
        Err(wrong.join(", "))
    }
}

fn good_end(seen: &Seen) -> Verdict {
    match (seen.heard.end(), seen.ending.exit) {
        (Some(true), Some(0)) if !seen.killed => Ok("final event, exit 0".into()),
        (Some(true), _) => Err(format!("a good final event, then {}", how_it_ended(seen))),
        (Some(false), _) => Err(format!("a bad final event; {}", how_it_ended(seen))),
        (None, _) => Err(format!("no final event; {}", how_it_ended(seen))),
    }
}

fn usage(seen: &Seen, abilities: &Abilities) -> Verdict {
    let usage = seen.heard.usage();
    let price = match usage.cost_usd {
        Some(_) => "a price",
        None => "no price",
    };
    match (usage.input_tokens, usage.output_tokens) {
        (Some(1..), Some(1..))
            if abilities.prices.is_none_or(|prices| prices == usage.cost_usd.is_some()) =>
        {
            Ok(format!("tokens in and out, {price}"))
        }
        (Some(1..), Some(1..)) => Err(format!("tokens in and out, but {price}")),
        _ => Err("it did not say how many tokens it used".into()),
    }
}

fn read_only(kind: ReadOnly, written: bool, tried: bool, seen: &Seen) -> Verdict {
    match (written, kind) {
        _ if !tried => Err(format!("the model was never asked; {}", how_it_ended(seen))),
        (false, _) => Ok(format!("a read-only role writes nothing, by {}", kind.name())),
        (true, ReadOnly::Tools | ReadOnly::Nothing) => {
            Ok("its shell can write, as is known; nothing else keeps it from that".into())
        }
        (true, _) => Err("a read-only role wrote a file with its shell".into()),
    }
}

fn refusal(seen: &Seen, kind: ErrorKind, expected: Refused) -> Verdict {
    if !seen.heard.met(kind) {
        return Err(format!("not understood as {kind}; {}", how_it_ended(seen)));
    }
    match (expected, seen.after_signal) {
        (Refused::Retries, Some(_)) => Ok(format!("{kind}; it would try again, and is ended")),
        (Refused::Exits(codes), None) if seen.exit().is_some_and(|code| codes.contains(&code)) => {
            Ok(format!("{kind}; {}", ending_words(&seen.ending)))
        }
        (Refused::Exits(codes), None) => {
            Err(format!("{kind}; {}, where exit {codes:?} is expected", how_it_ended(seen)))
        }
        (Refused::Exits(codes), Some(_)) => {
            Err(format!("{kind}; it does not end by itself, where exit {codes:?} is expected"))
        }
        // It gave up before it could be ended, which is as good.
        (Refused::Retries, None) => Ok(format!("{kind}; {}", how_it_ended(seen))),
    }
}

fn hang(seen: &Seen) -> Verdict {
    match (seen.after_signal, seen.heard.end()) {
        (Some(_), None | Some(false)) => Ok("it waits for the model, until it is ended".into()),
        (Some(_), Some(true)) => Err("a good final event without an answer of the model".into()),
        (None, _) => Err(format!("it did not wait for the model: {}", how_it_ended(seen))),
    }
}

fn heeded(seen: &Seen, expected: Heeds) -> Verdict {
    let Some(after) = seen.after_signal else {
        return Err(format!("it did not wait for the model: {}", how_it_ended(seen)));
    };
    let code = seen.exit().map_or_else(|| "no exit code".to_owned(), |code| format!("exit {code}"));
    let took = format!("ends after {:.1} s, {code}", after.as_secs_f64());
    match (seen.killed, expected) {
        (false, Heeds::Ends(codes)) if seen.exit().is_some_and(|code| codes.contains(&code)) => Ok(took),
        (false, Heeds::Ends(codes)) => Err(format!("{took}, where {codes:?} is expected")),
        (false, Heeds::Maybe) => Ok(took),
        (true, Heeds::Maybe) => Ok(format!("not heeded within {} s, as is known; killed", HEED.as_secs())),
        (true, Heeds::Ends(_)) => Err(format!("not heeded within {} s; killed", HEED.as_secs())),
    }
}

fn handed_in(run: &serde_json::Value, task: &str, seen: &Seen) -> Verdict {
    let tasks = run["tasks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(found) = tasks.iter().find(|found| found["id"] == task) else {
        return Err(format!("the run did not come to an end: {}", how_it_ended(seen)));
    };
    match found["state"].as_str().unwrap_or_default() {
        "completed" => Ok("`crew submit` from its shell is accepted".into()),
        state => Err(format!("{state}: {}", found["reason"].as_str().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Heard;
    use super::*;
    use crate::agents::UsageKind;
    use crate::domain::event::Ending;
    use crate::domain::usage::Usage;
    use serde_json::json;

    /// A call that was as it should be.
    fn good() -> Seen {
        let usage = Usage { input_tokens: Some(9), output_tokens: Some(3), ..Usage::default() };
        let call = || "1".to_owned();
        let said = vec![
            Said::Session("s-1".into()),
            Said::ToolStarted { id: call(), name: "bash".into(), arguments: String::new() },
            Said::ToolEnded { id: call(), result: ToolResult::Ok, took: None },
            Said::Message(WORDS.into()),
            Said::Usage(usage, UsageKind::Total),
            Said::Final { ok: true, text: None },
        ];
        let ending = Ending { exit: Some(0), ..Ending::default() };
        let heard = Heard { lines: 6, said, ..Heard::default() };
        Seen {
            heard,
            ending,
            after_signal: None,
            killed: false,
            begun: Instant::now(),
            elapsed: Duration::from_secs(1),
        }
    }

    fn without(wrong: impl Fn(&Said) -> bool) -> Seen {
        let mut seen = good();
        seen.heard.said.retain(|said| !wrong(said));
        seen
    }

    fn refused(kind: ErrorKind, exit: i32, after_signal: Option<Duration>) -> Seen {
        let mut seen = good();
        seen.heard.said = vec![Said::Failed { kind, message: "no".into(), retry_after: None }];
        Seen { ending: Ending { exit: Some(exit), ..Ending::default() }, after_signal, ..seen }
    }

    #[test]
    fn a_stream_has_to_tell_everything_that_crew_needs() {
        assert!(stream(&good()).is_ok());
        let missing = [
            (without(|said| matches!(said, Said::Session(_))), "no session"),
            (without(|said| matches!(said, Said::ToolStarted { .. })), "no tool call"),
            (without(|said| matches!(said, Said::ToolEnded { .. })), "no good end of its tool call"),
            (without(|said| matches!(said, Said::Message(_))), "no words of the model"),
        ];
        for (seen, what) in missing {
            assert_eq!(stream(&seen).unwrap_err(), what);
        }
        let mut odd = good();
        odd.heard.odd_lines = 2;
        assert_eq!(stream(&odd).unwrap_err(), "2 of 6 lines are not in its format");
    }

    #[test]
    fn a_good_end_is_a_good_final_event_and_exit_0() {
        assert!(good_end(&good()).is_ok());
        let ending = Ending { exit: Some(3), ..Ending::default() };
        assert_eq!(good_end(&Seen { ending, ..good() }).unwrap_err(), "a good final event, then exit 3");
        assert!(good_end(&Seen { killed: true, ..good() }).is_err());
        let cut = without(|said| matches!(said, Said::Final { .. }));
        assert_eq!(good_end(&cut).unwrap_err(), "no final event; exit 0");
        let slow = Seen { killed: true, elapsed: Duration::from_secs(60), ..cut };
        assert_eq!(good_end(&slow).unwrap_err(), "no final event; it did not end within 60 s");
    }

    #[test]
    fn figures_have_to_be_there_and_a_price_where_there_was_one() {
        let abilities = |prices| Abilities { prices, ..Abilities::of(&crate::agents::codex::Codex) };
        assert!(usage(&good(), &abilities(Some(false))).is_ok());
        assert!(usage(&good(), &abilities(None)).is_ok());
        assert_eq!(usage(&good(), &abilities(Some(true))).unwrap_err(), "tokens in and out, but no price");
        assert!(usage(&without(|said| matches!(said, Said::Usage(..))), &abilities(None)).is_err());
    }

    #[test]
    fn a_file_of_a_read_only_role_counts_where_something_should_have_kept_it() {
        assert!(read_only(ReadOnly::Sandbox, false, true, &good()).is_ok());
        assert!(read_only(ReadOnly::Sandbox, true, true, &good()).is_err());
        assert!(read_only(ReadOnly::Permissions, true, true, &good()).is_err());
        assert!(read_only(ReadOnly::Tools, true, true, &good()).unwrap().contains("as is known"));
        assert!(read_only(ReadOnly::Tools, false, false, &good()).is_err(), "nothing was tried");
    }

    #[test]
    fn a_refusal_has_to_be_understood_and_to_end_as_expected() {
        let auth = ErrorKind::AuthFailed;
        let ends = Refused::Exits(&[1]);
        assert_eq!(refusal(&refused(auth, 1, None), auth, ends).unwrap(), "auth_failed; exit 1");
        assert!(refusal(&refused(auth, 0, None), auth, ends).unwrap_err().contains("where exit [1]"));
        let asked = Some(Duration::from_secs(1));
        assert!(refusal(&refused(auth, 1, asked), auth, ends).is_err());
        assert!(refusal(&refused(auth, 143, asked), auth, Refused::Retries).is_ok());
        let other = refusal(&refused(ErrorKind::Unknown, 1, None), auth, ends).unwrap_err();
        assert_eq!(other, "not understood as auth_failed; exit 1: no");
    }

    #[test]
    fn a_signal_has_to_be_heeded_by_whom_it_is_expected() {
        let by_signal = Ending { signal: Some(15), ..Ending::default() };
        let heeds = Seen { after_signal: Some(Duration::from_millis(200)), ending: by_signal, ..good() };
        assert_eq!(heeded(&heeds, Heeds::Ends(&[143])).unwrap(), "ends after 0.2 s, exit 143");
        assert!(heeded(&heeds, Heeds::Ends(&[0])).is_err());
        let killed = Seen { killed: true, ..heeds };
        assert!(heeded(&killed, Heeds::Ends(&[143])).is_err());
        assert!(heeded(&killed, Heeds::Maybe).unwrap().contains("as is known; killed"));
        assert!(heeded(&good(), Heeds::Maybe).is_err(), "it was over before it was asked");
        assert!(hang(&good()).is_err());
    }

    #[test]
    fn handing_in_has_worked_where_crew_says_so() {
        let run = json!({"tasks": [{"id": "look", "state": "completed", "reason": ""},
            {"id": "write", "state": "needs_review", "reason": "ended without a submission"}]});
        assert!(handed_in(&run, "look", &good()).is_ok());
        let why = "needs_review: ended without a submission";
        assert_eq!(handed_in(&run, "write", &good()).unwrap_err(), why);
        assert!(handed_in(&json!(null), "look", &good()).is_err());
    }
}
