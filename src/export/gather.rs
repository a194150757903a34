//! Gathers what is told of a run: from its events, its folder, and git.

use super::account::{
    Account, Again, AttemptAccount, DeadLetterAccount, DecisionAccount, DiffAccount, FileAccount,
    GateAccount, GateDecision, Kept, MergeAccount, NoteAccount, Refusal, RunAccount, SCHEMA_VERSION,
    TaskAccount, Text, ToolCall, TreeAccount, Turn, Verification, WorkKind,
};
use super::{ExportError, hiding};
use crate::domain::event::{Event, Recorded};
use crate::domain::finding::Finding;
use crate::domain::gate::{Decision, Gate};
use crate::domain::id::{RunId, TaskId};
use crate::domain::judgement::ending_words;
use crate::domain::redact::{self, Redactor};
use crate::domain::review::passes;
use crate::domain::run::Run;
use crate::domain::submission::HandedIn;
use crate::domain::task::{Attempt, AttemptState, Task, TaskState, Work};
use crate::domain::time::Time;
use crate::domain::turn::turn_of;
use crate::domain::usage::Usage;
use crate::store::database::Store;
use crate::store::layout::{self, RunPaths};
use crate::store::{artifacts, lock, log_tail};
use crate::workspace::changes::{FileChange, Form, Span};
use crate::workspace::git::Git;
use crate::workspace::side_by_side;
use crate::workspace::task_work::{self, TaskWork};
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How much of what may be long is told. With 0 it is left out and not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a prompt, a result, and the end of a log.
    pub text: usize,
    /// Bytes of what a task was to do.
    pub asked: usize,
    /// Bytes of a task's patch; with 0 git is not asked what was changed.
    pub patch: usize,
    /// Files of a task's change.
    pub files: usize,
    /// Tool calls of an attempt.
    pub tools: usize,
}

impl Limits {
    /// For whoever reads all of it. What was asked is whole: somebody reads it before they trust what it runs.
    pub const WHOLE: Limits =
        Limits { text: 64 * 1024, asked: usize::MAX, patch: 256 * 1024, files: 1_000, tools: 1_000 };
    /// For a page that opens at once.
    pub const PAGE: Limits =
        Limits { text: 24 * 1024, asked: 24 * 1024, patch: 96 * 1024, files: 200, tools: 200 };
    /// For forms that tell how it went, and not what was said.
    pub const FIGURES: Limits = Limits { text: 0, asked: 4 * 1024, patch: 0, files: 0, tools: 0 };
}

/// What the events say of an attempt beside its state.
#[derive(Default)]
struct Told {
    submission: Option<HandedIn>,
    notes: Vec<NoteAccount>,
    refusals: Vec<Refusal>,
    verifications: Vec<Verification>,
    tools: Vec<ToolCall>,
    kept: Vec<Kept>,
    again: Option<Again>,
    not_again: Option<String>,
}

/// What the events say that the state of the run does not hold.
#[derive(Default)]
struct Record {
    crew_version: String,
    events: usize,
    attempts: HashMap<(TaskId, u32), Told>,
    turns: HashMap<TaskId, Vec<Turn>>,
    merges: Vec<MergeAccount>,
    resolving: Usage,
}

/// Gathers all that is told of a run, as it is just now; none where there is no such run. `words` hides the secrets that
/// are known beside those that look like one.
pub fn gather(
    store: &Store,
    id: &RunId,
    limits: &Limits,
    words: &Redactor,
) -> Result<Option<Account>, ExportError> {
    // Looked at before the events: what a dying owner recorded last is still read below.
    let owned = lock::is_owned(&store.paths(id))?;
    let (mut run, mut record) = (None::<Run>, Record::default());
    store.each_event(id, 0, usize::MAX, |recorded| {
        match &mut run {
            None => run = Some(Run::create(id.clone(), recorded.at, &recorded.event)?),
            Some(run) => {
                run.apply(recorded.at, &recorded.event)?;
            }
        }
        record.take(recorded, limits);
        Ok(())
    })?;
    let Some(run) = run else { return Ok(None) };
    let account =
        Gathering { paths: store.paths(id), run: &run, limits, words }.account(store, owned, record)?;
    Ok(Some(made_safe(account, words)?))
}

/// Returns the account with all that was written in it made harmless and without secrets.
fn made_safe(account: Account, words: &Redactor) -> Result<Account, ExportError> {
    let names: Vec<&str> = account.tasks.iter().map(|task| task.id.as_str()).collect();
    let mut safe = hiding::hidden(&account, words, &names)?;
    // These are words of crew, whatever somebody's secret is.
    safe.run.short = account.run.short;
    for (safe, task) in safe.tasks.iter_mut().zip(account.tasks) {
        for (safe, attempt) in safe.attempts.iter_mut().zip(task.attempts) {
            (safe.state, safe.class) = (attempt.state, attempt.class);
            (safe.hint, safe.not_again) = (attempt.hint, attempt.not_again);
            safe.notes.iter_mut().zip(attempt.notes).for_each(|(safe, note)| safe.kind = note.kind);
            safe.refusals.iter_mut().zip(attempt.refusals).for_each(|(safe, told)| safe.code = told.code);
        }
        safe.turns.iter_mut().zip(task.turns).for_each(|(safe, turn)| safe.kind = turn.kind);
        for (safe, letter) in safe.dead_letter.iter_mut().zip(task.dead_letter) {
            safe.why = letter.why;
        }
        for (safe, diff) in safe.diff.iter_mut().zip(task.diff) {
            safe.files.iter_mut().zip(diff.files).for_each(|(safe, file)| safe.change = file.change);
        }
    }
    for (safe, gate) in safe.gates.iter_mut().zip(account.gates) {
        safe.about = gate.about;
        for (safe, decided) in safe.decided.iter_mut().zip(gate.decided) {
            safe.decision = decided.decision;
        }
    }
    Ok(safe)
}

impl Record {
    fn take(&mut self, recorded: Recorded, limits: &Limits) {
        let Recorded { at, event, .. } = recorded;
        self.events += 1;
        if let (Some(task), Some(words)) = (event.task(), turn_of(&event)) {
            let after = self.attempts.keys().filter(|(of, _)| of == task).count();
            let turn = Turn { at, after, kind: event.kind().to_owned(), words };
            self.turns.entry(task.clone()).or_default().push(turn);
        }
        let told = match (event.task(), event.attempt()) {
            (Some(task), Some(number)) if number > 0 => {
                Some(self.attempts.entry((task.clone(), number)).or_default())
            }
            _ => None,
        };
        if let Some(told) = told {
            return told.take(at, event, limits);
        }
        match event {
            Event::RunCreated { crew_version, .. } => self.crew_version = crew_version,
            Event::WorkMerged { merging } => self.merges.push(MergeAccount::Merged { at, merging }),
            Event::MergeGivenUp { into, why, .. } => {
                self.merges.push(MergeAccount::GivenUp { at, into, why });
            }
            Event::ConflictGiven { task, number, agent, files, into, .. } => {
                self.merges.push(MergeAccount::ConflictGiven { at, task, number, agent, files, into });
            }
            Event::ConflictResolved { task, number, agent, usage, .. } => {
                self.resolving.add(&usage);
                self.merges.push(MergeAccount::ConflictResolved { at, task, number, agent });
            }
            Event::ConflictLeft { task, number, agent, reasons, usage, .. } => {
                self.resolving.add(&usage);
                self.merges.push(MergeAccount::ConflictLeft { at, task, number, agent, reasons });
            }
            _ => {}
        }
    }
}

impl Told {
    fn take(&mut self, at: Time, event: Event, limits: &Limits) {
        match event {
            Event::ToolInvoked { tool, arguments, result, millis, .. } if self.tools.len() < limits.tools => {
                self.tools.push(ToolCall { at, tool, arguments, result, millis });
            }
            Event::SubmissionAccepted { handed_in, .. } => self.submission = Some(handed_in),
            Event::NoteTaken { note, .. } => {
                let kind = note.kind().name().to_owned();
                self.notes.push(NoteAccount { at, kind, words: note.words() });
            }
            Event::SubmissionRefused { code, reason, .. } => {
                self.refusals.push(Refusal { at, code: code.name().to_owned(), reason });
            }
            Event::VerificationEnded { command, ending, cached, .. } => {
                let (passed, ended) = (ending.exit == Some(0), ending_words(&ending));
                self.verifications.push(Verification { at, command, passed, ending, ended, cached });
            }
            Event::WorkKept { commit, reference, files, insertions, deletions, .. } => {
                self.kept.push(Kept { commit, reference, files, insertions, deletions });
            }
            Event::AttemptEnded { again, not_again, .. } => {
                self.again = again.map(|again| Again { reason: again.reason, not_before: again.not_before });
                self.not_again = not_again.map(|reason| reason.name().to_owned());
            }
            _ => {}
        }
    }
}

struct Gathering<'a> {
    paths: RunPaths,
    run: &'a Run,
    limits: &'a Limits,
    words: &'a Redactor,
}

impl Gathering<'_> {
    fn account(&self, store: &Store, owned: bool, mut record: Record) -> Result<Account, ExportError> {
        let run = self.run;
        let (mut diffs, mut notes) = (self.diffs(store.layout().repository())?, Vec::new());
        let mut tasks = Vec::with_capacity(run.tasks.len());
        for task in &run.tasks {
            let diff = match diffs.remove(&task.spec.id) {
                Some(Some(diff)) => Some(diff),
                Some(None) => {
                    notes.push(format!("the work of {} is not in the repository any more", task.spec.id));
                    None
                }
                None => None,
            };
            tasks.push(self.task(task, &mut record, diff));
        }
        let mut usage = record.resolving;
        tasks.iter().for_each(|task| usage.add(&task.usage));
        let counts = TaskState::ALL.into_iter().map(|state| (state, run.counts.of(state)));
        let decisions = run.decisions.iter().map(|(fingerprint, decided)| DecisionAccount {
            fingerprint: fingerprint.clone(),
            decided: decided.clone(),
        });
        Ok(Account {
            schema_version: SCHEMA_VERSION,
            run: RunAccount {
                id: run.id.clone(),
                short: store.short(&run.id)?,
                goal: run.goal.clone(),
                team: run.team.clone(),
                workflow: run.workflow.clone(),
                status: run.status(owned),
                created_at: run.created_at,
                started_at: tasks.iter().filter_map(|task| task.started_at).min(),
                ended_at: run.ended_at,
                last_at: run.last_at,
                worked_millis: self.worked(),
                crew_version: std::mem::take(&mut record.crew_version),
                base: run.base.clone(),
                reviews: run.review.as_ref().map(|order| order.target.words.clone()),
                personas: run.personas.clone(),
                vars: run.vars.clone(),
                counts: counts.filter(|(_, count)| *count > 0).collect(),
                attempts: tasks.iter().map(|task| task.attempts.len()).sum(),
                usage,
                events: record.events,
            },
            tasks,
            gates: run.gates.iter().map(gate).collect(),
            merges: record.merges,
            person_reviews: run.person_reviews.clone(),
            decisions: decisions.collect(),
            notes,
        })
    }

    /// Returns for how long crew has worked on the run, as far as the record goes.
    fn worked(&self) -> u64 {
        let since = self.run.owned_since.map(|since| self.run.last_at.since(since));
        (self.run.worked + since.unwrap_or_default()).as_millis() as u64
    }

    fn task(&self, task: &Task, record: &mut Record, diff: Option<DiffAccount>) -> TaskAccount {
        let spec = &task.spec;
        let (work, model, asked) = match &spec.work {
            Work::Agent { task, model, .. } => (WorkKind::Agent, model.clone(), task),
            Work::Command { run } => (WorkKind::Command, None, run),
            Work::Merge { into, .. } => (WorkKind::Merge, None, into),
        };
        let (persona, may_write) = match &spec.work {
            Work::Agent { persona, writes, .. } => (Some(persona.clone()), Some(*writes)),
            Work::Command { .. } | Work::Merge { .. } => (None, None),
        };
        let attempts: Vec<AttemptAccount> = task
            .attempts
            .iter()
            .map(|attempt| {
                let told = record.attempts.remove(&(spec.id.clone(), attempt.number));
                self.attempt(task, attempt, told.unwrap_or_default())
            })
            .collect();
        let mut usage = Usage::default();
        attempts.iter().for_each(|attempt| usage.add(&attempt.usage));
        let reviewer = passes::reviewer(task);
        TaskAccount {
            id: spec.id.clone(),
            work,
            role: spec.role().to_owned(),
            agent: spec.program().to_owned(),
            model,
            persona,
            may_write,
            asked: self.asked(asked),
            depends_on: spec.depends_on.clone(),
            reviews: task.reviewed_task().cloned(),
            reviewer: reviewer.as_ref().map(|reviewer| reviewer.name.clone()),
            pass: reviewer.map(|reviewer| reviewer.pass),
            verify: spec.verify.clone(),
            state: task.state,
            reason: task.reason.clone(),
            error_kind: task.error_kind(),
            started_at: attempts.first().map(|attempt| attempt.started_at),
            ended_at: attempts.last().and_then(|attempt| attempt.ended_at),
            usage,
            attempts,
            turns: record.turns.remove(&spec.id).unwrap_or_default(),
            dead_letter: task.dead_letter.as_ref().map(|letter| DeadLetterAccount {
                at: letter.at,
                why: letter.why.name().to_owned(),
                by: letter.by.clone(),
                note: letter.note.clone(),
                last_error: letter.last_error.clone(),
                tail: letter.tail.clone(),
            }),
            tree: task.tree.as_ref().map(|tree| TreeAccount {
                branch: tree.branch.clone(),
                base: tree.base.clone(),
                tip: tree.tip.clone(),
                from: tree.from.clone(),
            }),
            diff,
            merged_into: task.landed.iter().map(|landed| landed.into.clone()).collect(),
        }
    }

    fn attempt(&self, task: &Task, attempt: &Attempt, told: Told) -> AttemptAccount {
        let id = &task.spec.id;
        let outcome = match attempt.state {
            AttemptState::Ended(outcome) => Some(outcome),
            _ => None,
        };
        let findings = told.submission.as_ref().map(|handed_in| findings_of(task, handed_in));
        let kept = |path: String| self.beginning(&format!("artifacts/{path}"));
        let number = attempt.number;
        AttemptAccount {
            number,
            agent: attempt.agent.clone(),
            model: attempt.model.clone(),
            state: attempt.state.name().to_owned(),
            outcome,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            millis: attempt.ended_at.map(|at| at.since(attempt.started_at).as_millis() as u64),
            error_kind: attempt.error_kind,
            class: attempt.error_kind.map(|kind| kind.class().name().to_owned()),
            reason: attempt.reason.clone(),
            hint: attempt.error_kind.map(|kind| kind.hint().to_owned()),
            ending: attempt.ending.clone(),
            ended: outcome.map(|_| ending_words(&attempt.ending)),
            usage: attempt.usage,
            session: attempt.session.clone(),
            summary: attempt.summary.clone(),
            confidence: attempt.confidence,
            nudged: attempt.nudged,
            submission: told.submission.and_then(|handed_in| serde_json::to_value(handed_in).ok()),
            findings: findings.unwrap_or_default(),
            notes: told.notes,
            refusals: told.refusals,
            verification_output: (!told.verifications.is_empty())
                .then(|| self.end(&layout::verification_log_of(id, number)))
                .flatten(),
            verifications: told.verifications,
            tools: told.tools,
            tool_calls: attempt.tool_calls,
            tree: attempt.tree.as_deref().cloned(),
            kept: told.kept,
            unkept: Some(attempt.unkept.clone()).filter(|why| !why.is_empty()),
            prompt: kept(artifacts::prompt_of(id, number)),
            result: kept(artifacts::result_text_of(id, number)),
            log: self.end(&layout::log_of(id, number)),
            again: told.again,
            not_again: told.not_again,
        }
    }

    fn asked(&self, text: &str) -> Text {
        let most = self.limits.asked;
        let safe = self.words.lines(text, most);
        Text { cut: text.len() > most, bytes: text.len() as u64, text: safe, path: String::new() }
    }

    /// Reads the beginning of a file of the run; none where there is no such file, or no texts are told.
    fn beginning(&self, path: &str) -> Option<Text> {
        let most = self.limits.text;
        let file = self.open(path)?;
        let bytes = file.metadata().ok()?.len();
        let mut start = Vec::new();
        file.take((most + redact::LONGEST) as u64).read_to_end(&mut start).ok()?;
        let text = self.words.lines(&String::from_utf8_lossy(&start), most);
        Some(Text { text, bytes, cut: bytes > most as u64, path: path.to_owned() })
    }

    /// Reads the end of a log of the run.
    fn end(&self, path: &str) -> Option<Text> {
        let most = self.limits.text as u64;
        let bytes = self.open(path)?.metadata().ok()?.len();
        let text = log_tail::safe_tail(&self.paths.root().join(path), self.words, most)?;
        Some(Text { text, bytes, cut: bytes > most, path: path.to_owned() })
    }

    /// Opens a file of the run, which is no link.
    fn open(&self, path: &str) -> Option<File> {
        if self.limits.text == 0 {
            return None;
        }
        let path = self.paths.root().join(path);
        path.symlink_metadata().ok().filter(|there| there.is_file())?;
        File::open(path).ok()
    }

    /// Asks git what each task changed: none where its work is gone. A task without a branch is not in it.
    fn diffs(&self, repository: &Path) -> Result<HashMap<TaskId, Option<DiffAccount>>, ExportError> {
        if self.limits.patch == 0 {
            return Ok(HashMap::new());
        }
        let git = task_work::git_of(repository);
        let works = TaskWork::all(repository, self.run);
        let looked = side_by_side::each(&works, |_, work| self.diff(&git, work));
        let named = works.iter().zip(looked).map(|(work, diff)| Ok((work.task.spec.id.clone(), diff?)));
        named.collect()
    }

    fn diff(&self, git: &Git, work: &TaskWork<'_>) -> Result<Option<DiffAccount>, ExportError> {
        let Some(changed) = task_work::changed(work, git)? else { return Ok(None) };
        let files = changed.span.files(&[])?;
        let sum = |part: fn(&FileChange) -> Option<u64>| files.iter().filter_map(part).sum();
        Ok(Some(DiffAccount {
            from: changed.span.from.clone(),
            to: changed.span.to.clone(),
            changed: files.len(),
            insertions: sum(|file| file.insertions),
            deletions: sum(|file| file.deletions),
            uncommitted: changed.uncommitted,
            patch: self.patch(&changed.span)?,
            notes: changed.notes,
            files: files
                .into_iter()
                .take(self.limits.files)
                .map(|file| FileAccount {
                    path: file.path,
                    from: file.from,
                    change: file.change.to_owned(),
                    insertions: file.insertions,
                    deletions: file.deletions,
                })
                .collect(),
        }))
    }

    /// Reads the beginning of a patch, as people read it.
    fn patch(&self, span: &Span) -> Result<Text, ExportError> {
        let most = self.limits.patch;
        let (mut start, mut bytes) = (Vec::new(), 0u64);
        span.tell(Form::Patch, &[], |line| {
            bytes += line.len() as u64;
            if start.len() < most + redact::LONGEST {
                start.extend_from_slice(line);
            }
            Ok(())
        })?;
        let text = self.words.lines(&String::from_utf8_lossy(&start), most);
        Ok(Text { text, bytes, cut: bytes > most as u64, path: String::new() })
    }
}

/// Returns what a reviewer remarks in what it hands in.
fn findings_of(task: &Task, handed_in: &HandedIn) -> Vec<Finding> {
    match handed_in {
        HandedIn::Review(review) => passes::findings_of(
            review,
            &task.spec.reviewer().unwrap_or_else(|| task.spec.program().to_owned()),
        ),
        HandedIn::Result(result) => result.findings.clone(),
        _ => Vec::new(),
    }
}

fn gate(gate: &Gate) -> GateAccount {
    GateAccount {
        id: gate.id,
        task: gate.task.clone(),
        attempt: gate.attempt,
        about: gate.about.name().to_owned(),
        words: gate.about.words(),
        opened_at: gate.opened_at,
        expires_at: gate.expires_at,
        decided: gate.decided.as_ref().map(|decided| GateDecision {
            decision: decided.decision.name().to_owned(),
            answer: match &decided.decision {
                Decision::Answered { answer } => Some(answer.clone()),
                _ => None,
            },
            by: decided.by.clone(),
            note: decided.note.clone(),
            at: decided.at,
        }),
    }
}
