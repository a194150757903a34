//! How an attempt ended, decided from the evidence. Nothing is completed by default.
//!
//! The evidence is what `wait()` said about the child, what its stream said, what was handed in, and what crew's own
//! checks said. An agent's words and its exit code 0 prove nothing.

use super::error_kind::ErrorKind;
use super::event::{Ending, Outcome};
use super::merging::Unmerged;
use super::result_files::ResultFile;
use super::review::foreign::is_unparsable;
use super::submission::{Escalation, HandedIn, Reason, Verdict};
use super::task::{RefusedSubmission, TaskSpec, Work};
use super::tree_check::TreeCheck;
use serde::{Deserialize, Serialize};

/// Why crew ended a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// A person stopped the run: the task goes back to the queue.
    Interrupted,
    /// Another task failed under `--fail-fast`.
    FailFast,
    /// A person wants the task not to be done.
    Cancelled,
    /// The attempt's wall time is used up.
    OutOfTime,
    /// A budget is used up that it spends of.
    OverBudget,
    /// Nothing was printed for too long.
    Silent,
    /// More was printed than is allowed.
    TooMuchOutput,
    /// The stream told of an error that only a person can repair, and the agent goes on trying.
    Hopeless,
    /// The stream told its final event, and the child does not exit.
    Lingering,
}

impl StopReason {
    /// Tells whether somebody wished it, by hand or by a budget, whatever the child did.
    pub fn is_wish(self) -> bool {
        use StopReason::{Cancelled, FailFast, Interrupted, OverBudget};
        matches!(self, Interrupted | FailFast | Cancelled | OverBudget)
    }

    /// Tells whether the child had said how it went before it was asked to end, so that this is judged.
    pub fn follows_its_word(self) -> bool {
        matches!(self, StopReason::Hopeless | StopReason::Lingering)
    }
}

/// Why a task was given up under `--fail-fast`.
pub const FAIL_FAST: &str = "another task did not succeed (--fail-fast)";

/// How many questions in a row may take their default without a person's answer; more would go on for ever.
pub const MAX_UNANSWERED: usize = 5;

/// An error that the agent's stream told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamError {
    pub kind: ErrorKind,
    pub message: String,
}

/// All that is known about an ended child.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    pub ending: Ending,
    /// Why it had no folder to work in.
    pub unplaced: Option<&'a StreamError>,
    /// Why what it left could not be kept.
    pub unkept: Option<&'a str>,
    /// Submodules in whose folders it left files that are in no commit of theirs.
    pub astray: &'a [String],
    /// Which references outside its branch came to hold what it committed, or why that could not be seen.
    pub strayed: Option<&'a str>,
    pub stopped: Option<StopReason>,
    /// Who wants the task not to be done, and why, where somebody does: "Ann cancelled it: the wrong branch".
    pub cancelled: Option<&'a str>,
    /// The budget because of which it was stopped: "run budget of $2.50 is used up: $2.53 spent".
    pub budget: Option<String>,
    /// The last error of the stream that no later success took back.
    pub stream_error: Option<StreamError>,
    /// What it was waiting for when it ended, or was ended.
    pub waiting: Option<StreamError>,
    /// Whether the stream has to close with a final event, and whether it did.
    pub promises_final: bool,
    pub saw_final: bool,
    pub submission: Option<&'a HandedIn>,
    /// The last submission that was refused.
    pub refusal: Option<&'a RefusedSubmission>,
    /// Why the files of its result were refused when they were to be applied.
    pub files_refused: Option<StreamError>,
    /// Its result has files, and nobody has tried to apply them.
    pub files_waiting: bool,
    /// It has been reminded to hand something in.
    pub nudged: bool,
    /// The agent's last words, where it said any.
    pub last_words: Option<&'a str>,
    /// Not all of the step's verification commands have passed.
    pub unverified: bool,
    /// A branch holds what it was to bring there.
    pub merged: bool,
    /// Why it does not.
    pub unmerged: Option<&'a Unmerged>,
    /// The first verification command that failed, with how: "exit 1", "did not end within its time".
    pub failed_check: Option<(&'a str, &'a str)>,
    /// What crew itself saw of the folder; `None` where nothing depends on it.
    pub tree: Option<&'a TreeCheck>,
    /// Those who could write to the folder meanwhile: whose change it is cannot be told.
    pub beside: &'a [String],
    /// An attempt before this one may have done the work.
    pub begun_before: bool,
    /// How many of its task's questions in a row no person has answered.
    pub unanswered: usize,
    /// Its role may write, but not before its plan is approved.
    pub plan_only: bool,
}

/// The judgement on an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub outcome: Outcome,
    pub error_kind: Option<ErrorKind>,
    /// One sentence; empty for a plain success.
    pub reason: String,
}

fn judged(outcome: Outcome, error_kind: Option<ErrorKind>, reason: impl Into<String>) -> Judgement {
    Judgement { outcome, error_kind, reason: reason.into() }
}

fn failed(kind: ErrorKind, reason: impl Into<String>) -> Judgement {
    judged(Outcome::Failed, Some(kind), reason)
}

fn needs_review(reason: impl Into<String>) -> Judgement {
    judged(Outcome::NeedsReview, None, reason)
}

/// Tells how a child ended, in words: "exit 3", "ended by signal 9".
pub fn ending_words(ending: &Ending) -> String {
    match (ending.exit, ending.signal) {
        (Some(exit), _) => format!("exit {exit}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) if ending.unwatched => "nobody saw how it ended".into(),
        (None, None) => "never started".into(),
    }
}

/// Decides how an attempt ended. The rows are asked from the top; the first that fits decides.
pub fn judge(spec: &TaskSpec, evidence: &Evidence<'_>) -> Judgement {
    if let Work::Merge { .. } = spec.work {
        return judge_merge(evidence);
    }
    if let Some(StreamError { kind, message }) = evidence.unplaced {
        return failed(*kind, message.clone());
    }
    if let Some(error) = &evidence.ending.not_started {
        let kind = match evidence.ending {
            Ending { not_found: true, .. } => ErrorKind::AgentNotFound,
            // Others make room when they end.
            Ending { no_room: true, .. } => ErrorKind::AgentBusy,
            _ => ErrorKind::Unknown,
        };
        return failed(kind, format!("could not be started: {error}"));
    }
    let judgement = judge_deeds(spec, evidence);
    // Whatever else is said of it: what is tried again begins with the reference as it is now, and would look innocent.
    match evidence.strayed {
        Some(why) => judge_strayed(spec, why, judgement),
        None => judgement,
    }
}

/// Judges an attempt of whose work nothing is where nobody wanted it.
fn judge_deeds(spec: &TaskSpec, evidence: &Evidence<'_>) -> Judgement {
    // It comes before everything else: what is tried again begins in the folder as it is now, and would look innocent.
    if let Some(judgement) = judge_trespass(spec, evidence) {
        return judgement;
    }
    let judgement = judge_conduct(spec, evidence);
    // A person who interrupts the run has not been given a reason to look at it.
    let unclear = whose_is_unclear(spec, evidence).filter(|_| judgement.outcome != Outcome::Cancelled);
    // Whoever works there next may throw away what is nowhere else, so that is never begun without a person.
    let unkept = evidence.unkept.map(|why| format!("its work could not be kept: {why}"));
    if unclear.is_none() && unkept.is_none() {
        return judgement;
    }
    let asked = evidence.submission.and_then(|submission| match submission {
        HandedIn::Question(asked) => Some(format!("it asked: {}", asked.question)),
        _ => None,
    });
    let reason = Some(judgement.reason).filter(|reason| !reason.is_empty());
    let words: Vec<String> = [unclear, unkept, reason, asked].into_iter().flatten().collect();
    needs_review(words.join("; "))
}

/// Judges an attempt of which nobody can say that it changed what it may not.
fn judge_conduct(spec: &TaskSpec, evidence: &Evidence<'_>) -> Judgement {
    if let Some(HandedIn::Question(asked)) = evidence.submission {
        // It has said what it waits for; how it ended after that changes nothing.
        return match evidence.unanswered {
            MAX_UNANSWERED.. => {
                let times = evidence.unanswered;
                needs_review(format!(
                    "it has asked {times} times, and nobody answered; now: {}",
                    asked.question
                ))
            }
            _ => judged(Outcome::Succeeded, None, ""),
        };
    }
    if let Some(StreamError { kind, message }) = &evidence.files_refused {
        return failed(*kind, format!("its files were not applied: {message}"));
    }
    let judgement = judge_stop(evidence).unwrap_or_else(|| judge_work(spec, evidence));
    if let Some(astray) = what_is_on_no_branch(evidence) {
        return judge_astray(astray, judgement);
    }
    let unseen = what_is_unseen(spec, evidence).filter(|_| judgement.outcome == Outcome::Succeeded);
    match (judgement.outcome, unseen) {
        (Outcome::Succeeded, _) if evidence.files_waiting => needs_review("its files were not applied"),
        (Outcome::NeedsReview, _) if evidence.files_waiting => {
            needs_review(format!("{}; its files were not applied", judgement.reason))
        }
        (_, Some(reason)) => needs_review(reason),
        _ => judgement,
    }
}

/// Says what of its work is on no branch.
fn what_is_on_no_branch(evidence: &Evidence<'_>) -> Option<String> {
    let paths = evidence.astray.join(", ");
    let words =
        || format!("what it left in the submodule {paths} is on no branch: crew restore brings it back");
    (!paths.is_empty()).then(words)
}

/// Judges an attempt whose work is not where it belongs: however it ended, that is said.
fn judge_astray(astray: String, judgement: Judgement) -> Judgement {
    match judgement.outcome {
        Outcome::Succeeded => needs_review(astray),
        Outcome::NeedsReview => needs_review(format!("{astray}; {}", judgement.reason)),
        _ => Judgement { reason: format!("{}; {astray}", judgement.reason), ..judgement },
    }
}

/// Judges an attempt whose work is on a branch that nobody let it move, past all that verifies it.
fn judge_strayed(spec: &TaskSpec, why: &str, judgement: Judgement) -> Judgement {
    let also = Some(judgement.reason).filter(|reason| !reason.is_empty());
    let reason = also.map_or_else(|| why.to_owned(), |also| format!("{why}; {also}"));
    match spec.work {
        Work::Agent { writes: false, .. } => failed(ErrorKind::ReadOnlyViolated, reason),
        _ => needs_review(reason),
    }
}

fn judge_work(spec: &TaskSpec, evidence: &Evidence<'_>) -> Judgement {
    match &spec.work {
        Work::Command { .. } => judge_command(evidence),
        Work::Agent { submit_optional, .. } => judge_agent(spec, *submit_optional, evidence),
        Work::Merge { .. } => judge_merge(evidence),
    }
}

/// Judges a merge. Where the branch has not moved, the work is all on branches of its own, and a person decides.
fn judge_merge(evidence: &Evidence<'_>) -> Judgement {
    // Whoever asked for the end after that came too late.
    if evidence.merged {
        return judged(Outcome::Succeeded, None, "");
    }
    let by_wish = evidence.stopped.is_some_and(StopReason::is_wish);
    if let Some(judgement) = judge_stop(evidence).filter(|_| by_wish) {
        return judgement;
    }
    if let Some((command, how)) = evidence.failed_check {
        let reason = format!("`{command}` failed on the merged work: {how}");
        return judged(Outcome::NeedsReview, Some(ErrorKind::VerifyFailed), reason);
    }
    match evidence.unmerged {
        Some(Unmerged { kind, why }) if evidence.stopped.is_none() => {
            judged(Outcome::NeedsReview, *kind, why.clone())
        }
        _ => needs_review("it was not merged within its time"),
    }
}

/// What an attempt changed although it may not, with the kind of error that is.
fn trespass(spec: &TaskSpec, evidence: &Evidence<'_>, tree: &TreeCheck) -> Option<(ErrorKind, String)> {
    let who = match spec.work {
        Work::Agent { writes: false, .. } => Some("a read-only role"),
        Work::Agent { .. } if evidence.plan_only => Some("before its plan was approved, it"),
        _ => None,
    };
    if let Some(who) = who {
        let what = tree.is_changed().then(|| tree.what_changed())?;
        return Some((ErrorKind::ReadOnlyViolated, format!("{who} changed: {what}")));
    }
    let what = (tree.outside > 0).then(|| tree.what_is_outside())?;
    let allowed = spec.writes.join(", ");
    Some((ErrorKind::UnsafePath, format!("it changed {what}; `writes` allows {allowed}")))
}

fn judge_trespass(spec: &TaskSpec, evidence: &Evidence<'_>) -> Option<Judgement> {
    let (kind, reason) = evidence.tree.and_then(|tree| trespass(spec, evidence, tree))?;
    evidence.beside.is_empty().then(|| failed(kind, reason))
}

/// Names what was changed although the attempt may not, where others were in the folder who may have done it.
fn whose_is_unclear(spec: &TaskSpec, evidence: &Evidence<'_>) -> Option<String> {
    let tree = evidence.tree?;
    trespass(spec, evidence, tree)?;
    let what = if tree.outside > 0 { tree.what_is_outside() } else { tree.what_changed() };
    let others = evidence.beside.join(", ");
    Some(format!("changed, and nobody knows by whom, because it was not alone ({others}): {what}"))
}

/// Returns why what was seen of the folder does not settle that all is well.
fn what_is_unseen(spec: &TaskSpec, evidence: &Evidence<'_>) -> Option<String> {
    let tree = evidence.tree?;
    let depends = matches!(spec.work, Work::Agent { .. }) || !spec.writes.is_empty();
    let unseen = Some(&tree.unseen).filter(|unseen| depends && !unseen.is_empty())?;
    Some(format!("crew could not see what it changed: {unseen}"))
}

/// Judges an agent in a writing role that has changed nothing.
fn judge_idleness(spec: &TaskSpec, evidence: &Evidence<'_>) -> Option<Judgement> {
    let held_to_it = matches!(spec.work, Work::Agent { writes: true, .. }) && !evidence.begun_before;
    let tree = evidence.tree.filter(|tree| held_to_it && tree.unseen.is_empty())?;
    let says_why = match evidence.submission {
        None => false,
        Some(HandedIn::Result(result)) => {
            result.no_change_reason.is_some() || result.files.iter().any(ResultFile::is_change)
        }
        // What else is handed in does not claim that something was changed.
        Some(_) => true,
    };
    let idle = !tree.changed_work() && !says_why && evidence.astray.is_empty();
    idle.then(|| failed(ErrorKind::NoChange, "it changed no file, and did not say why"))
}

/// Tells whether what was seen of the folder has decided already that the attempt fails, so that nothing else is worth
/// checking.
pub fn is_refuted(spec: &TaskSpec, evidence: &Evidence<'_>) -> bool {
    judge_trespass(spec, evidence).or_else(|| judge_idleness(spec, evidence)).is_some()
}

fn judge_stop(evidence: &Evidence<'_>) -> Option<Judgement> {
    let stopped = evidence.stopped?;
    let handed_in = evidence.submission.is_some();
    let why = match stopped {
        // It was over before it was asked to stop.
        wish if wish.is_wish() && handed_in && evidence.ending.is_clean() && !evidence.unverified => {
            return None;
        }
        StopReason::Interrupted | StopReason::Cancelled => {
            let why = evidence.cancelled.unwrap_or("the run was interrupted");
            return Some(judged(Outcome::Cancelled, None, why));
        }
        StopReason::FailFast => {
            return Some(judged(Outcome::Cancelled, None, FAIL_FAST));
        }
        // What the stream said decides.
        StopReason::Hopeless | StopReason::Lingering => return None,
        StopReason::OverBudget => {
            let budget = evidence.budget.as_deref().unwrap_or("its budget is used up");
            return Some(match handed_in {
                true => needs_review(format!("it handed in a result, but was then stopped: {budget}")),
                false => failed(ErrorKind::BudgetExceeded, budget),
            });
        }
        StopReason::OutOfTime => (ErrorKind::AttemptTimeout, "its time was used up"),
        StopReason::Silent => (ErrorKind::Silent, "it printed nothing for too long"),
        StopReason::TooMuchOutput => (ErrorKind::OutputTooLarge, "it printed more than is allowed"),
    };
    Some(match (handed_in, why) {
        (true, (_, why)) => needs_review(format!("it handed in a result, but then {why}")),
        // It was the provider that used up the time.
        (false, (ErrorKind::AttemptTimeout | ErrorKind::Silent, why)) if evidence.waiting.is_some() => {
            let wait = evidence.waiting.as_ref()?;
            failed(wait.kind, format!("{why} while it waited: {}", wait.message))
        }
        (false, (kind, why)) => failed(kind, why),
    })
}

fn judge_command(evidence: &Evidence<'_>) -> Judgement {
    match evidence.ending.exit {
        Some(0) => judge_checks(evidence).unwrap_or_else(|| match evidence.unverified {
            true => needs_review("it ended well, but its verification commands were not run"),
            false => judged(Outcome::Succeeded, None, ""),
        }),
        _ => failed(ErrorKind::VerifyFailed, ending_words(&evidence.ending)),
    }
}

fn judge_checks(evidence: &Evidence<'_>) -> Option<Judgement> {
    let (command, how) = evidence.failed_check?;
    Some(failed(ErrorKind::VerifyFailed, format!("`{command}` failed: {how}")))
}

fn judge_agent(spec: &TaskSpec, submit_optional: bool, evidence: &Evidence<'_>) -> Judgement {
    if let Some(error) = &evidence.stream_error {
        return failed(error.kind, error.message.clone());
    }
    // A child that lingers after its final event is ended by us; the signal is ours and says nothing about it.
    let clean = evidence.ending.is_clean() || evidence.stopped == Some(StopReason::Lingering);
    let Some(submission) = evidence.submission else {
        return judge_silent_end(spec, submit_optional, clean, evidence);
    };
    if let Some(judgement) = judge_appeal(submission) {
        return judgement;
    }
    if let Some(judgement) = judge_idleness(spec, evidence).or_else(|| judge_checks(evidence)) {
        return judgement;
    }
    if !clean {
        let ending = ending_words(&evidence.ending);
        return needs_review(format!("it handed in a result, but then ended badly: {ending}"));
    }
    if evidence.promises_final && !evidence.saw_final {
        return needs_review("it handed in a result, but its output stopped without its final event");
    }
    if evidence.unverified {
        return needs_review("it handed in a result, but its verification commands were not run");
    }
    let verdict = match submission {
        HandedIn::Result(result) => result.verdict,
        _ => None,
    };
    match verdict {
        // Its own words stand in the summary; a reason is in ours, because it goes into the next prompt.
        Some(Verdict::Fail) => return failed(ErrorKind::VerifyFailed, "its verdict is: fail"),
        Some(Verdict::Inconclusive) => return needs_review("its verdict is: inconclusive"),
        Some(Verdict::Pass) | None => {}
    }
    match (spec.confidence, submission.confidence()) {
        (Some(wanted), Some(confidence)) if confidence < wanted => {
            needs_review(format!("confidence {confidence} is below the {wanted} that the step asks for"))
        }
        _ => judged(Outcome::Succeeded, None, ""),
    }
}

/// Judges what hands the task to a person. What delivers something is judged by the evidence.
fn judge_appeal(submission: &HandedIn) -> Option<Judgement> {
    Some(needs_review(match submission {
        HandedIn::Blocked(Reason { reason }) => format!("it is blocked: {reason}"),
        HandedIn::Escalation(Escalation { to, reason }) => format!("escalated to {to}: {reason}"),
        // It is known that this reviewer came to no verdict, and what it said instead is there to be read.
        HandedIn::Review(review) if is_unparsable(review) => review.body.clone(),
        HandedIn::Result(_)
        | HandedIn::Review(_)
        | HandedIn::Noop(_)
        | HandedIn::Plan(_)
        | HandedIn::Question(_) => return None,
    }))
}

/// Judges an agent that handed in nothing.
fn judge_silent_end(
    spec: &TaskSpec,
    submit_optional: bool,
    clean: bool,
    evidence: &Evidence<'_>,
) -> Judgement {
    let refused = evidence.refusal.and_then(|refusal| Some((refusal.code.fails_as()?, &refusal.message)));
    if !clean {
        // An agent that is refused often ends with the exit code of `crew submit`; that alone would say little.
        let after = refused.map(|(_, why)| format!(", after what it handed in was refused: {why}"));
        let ending = ending_words(&evidence.ending);
        return failed(ErrorKind::Unknown, format!("it crashed: {ending}{}", after.unwrap_or_default()));
    }
    if evidence.promises_final && !evidence.saw_final {
        return failed(ErrorKind::ProtocolError, "its output stopped without a final event");
    }
    if !submit_optional {
        if let Some((kind, why)) = refused {
            return failed(kind, format!("what it handed in was refused: {why}"));
        }
        let reminded = if evidence.nudged { ", though it was reminded" } else { "" };
        return needs_review(format!("it ended without a submission{reminded}"));
    }
    if evidence.last_words.is_none() {
        return needs_review("it ended without a word");
    }
    if let Some(judgement) = judge_idleness(spec, evidence).or_else(|| judge_checks(evidence)) {
        return judgement;
    }
    if evidence.unverified {
        return needs_review("it ended well, but its verification commands were not run");
    }
    judged(Outcome::Succeeded, None, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Code;
    use crate::domain::run::tests::spec;
    use crate::domain::submission::{QuestionBody, ResultBody};
    use serde_json::json;

    fn exit(code: i32) -> Ending {
        Ending { exit: Some(code), ..Ending::default() }
    }

    #[test]
    fn a_merge_is_done_when_the_branch_has_moved_and_else_a_person_decides() {
        let mut merge = spec("merge", &[]);
        merge.work = Work::Merge { into: "main".into(), how: crate::domain::merging::How::Merge };
        let why = Unmerged { kind: Some(ErrorKind::MergeConflict), why: "b conflicts with a".into() };
        let judge = |evidence: Evidence<'_>| {
            let Judgement { outcome, error_kind, reason } = judge(&merge, &evidence);
            (outcome, error_kind, reason)
        };
        let unmerged = Evidence { unmerged: Some(&why), ..Evidence::default() };
        let conflict = (Outcome::NeedsReview, Some(ErrorKind::MergeConflict), why.why.clone());
        assert_eq!(judge(unmerged.clone()), conflict);
        let interrupted = Evidence { stopped: Some(StopReason::Interrupted), ..unmerged.clone() };
        assert_eq!(judge(interrupted.clone()).0, Outcome::Cancelled);
        // It was over before anybody asked for the end.
        let merged = Evidence { merged: true, unmerged: None, ..interrupted };
        assert_eq!(judge(merged), (Outcome::Succeeded, None, String::new()));
        let failed = Evidence { failed_check: Some(("make test", "exit 2")), ..Evidence::default() };
        let reason = "`make test` failed on the merged work: exit 2".to_owned();
        let of_check = (Outcome::NeedsReview, Some(ErrorKind::VerifyFailed), reason);
        assert_eq!(judge(failed.clone()), of_check);
        let late = Evidence { stopped: Some(StopReason::OutOfTime), ..failed };
        assert_eq!(judge(late), of_check);
        let late = Evidence { stopped: Some(StopReason::OutOfTime), ..unmerged };
        assert_eq!(judge(late).2, "it was not merged within its time");
        let over = Evidence {
            stopped: Some(StopReason::OverBudget),
            budget: Some("run budget of 5s is used up".into()),
            ..Evidence::default()
        };
        assert_eq!(judge(over).1, Some(ErrorKind::BudgetExceeded));
    }

    #[test]
    fn words_that_are_no_review_approve_nothing() {
        use crate::domain::review::foreign::{NoAnswer, unparsable};
        let review = HandedIn::Review(unparsable("Looks good to me.", &NoAnswer::NoObject));
        let evidence = Evidence { ending: exit(0), submission: Some(&review), ..Evidence::default() };
        let judgement = judge(&agent(false), &evidence);
        assert_eq!(judgement.outcome, Outcome::NeedsReview);
        assert_eq!(judgement.reason, "its answer could not be read as a review: it holds no JSON object");
    }

    fn agent(submit_optional: bool) -> TaskSpec {
        let mut spec = spec("a", &[]);
        spec.work = Work::Agent {
            role: "executor".into(),
            program: "x".into(),
            persona: "executor".into(),
            task: "t".into(),
            model: None,
            fallback_models: vec![],
            thinking: None,
            writes: true,
            submit_optional,
        };
        spec
    }

    fn result(confidence: f64, verdict: Option<Verdict>) -> HandedIn {
        HandedIn::Result(ResultBody {
            summary: "said".into(),
            confidence,
            rationale: "r".into(),
            verdict,
            ..ResultBody::default()
        })
    }

    /// Each way in which an agent's attempt can end, with what becomes of it.
    #[test]
    fn every_end_of_an_agent_has_its_row() {
        use ErrorKind::*;
        use Outcome::*;
        let good = result(0.9, None);
        let failing = result(0.9, Some(Verdict::Fail));
        let unsure = result(0.9, Some(Verdict::Inconclusive));
        let passing = result(0.9, Some(Verdict::Pass));
        let noop = HandedIn::Noop(Reason { reason: "it is there".into() });
        let blocked = HandedIn::Blocked(Reason { reason: "no key".into() });
        let escalated = HandedIn::Escalation(Escalation { to: "alice".into(), reason: "money".into() });
        let question: QuestionBody = serde_json::from_value(json!({"question": "Which?"})).unwrap();
        let question = HandedIn::Question(question);
        let plan = json!({"summary": "s", "steps": [{"title": "t"}], "confidence": 1, "rationale": "r"});
        let plan = HandedIn::Plan(serde_json::from_value(plan).unwrap());
        let invalid = RefusedSubmission { code: Code::Invalid, message: "confidence is missing".into() };
        let base = || Evidence { ending: exit(0), ..Evidence::default() };
        let killed = Ending { signal: Some(9), ..Ending::default() };
        let error = Some(StreamError { kind: RateLimited, message: "429".into() });
        let rows: Vec<(&str, Evidence<'_>, Outcome, Option<ErrorKind>)> = vec![
            ("delivered", Evidence { submission: Some(&good), ..base() }, Succeeded, None),
            ("verdict pass", Evidence { submission: Some(&passing), ..base() }, Succeeded, None),
            ("verdict fail", Evidence { submission: Some(&failing), ..base() }, Failed, Some(VerifyFailed)),
            ("nothing to do", Evidence { submission: Some(&noop), ..base() }, Succeeded, None),
            (
                "nothing to do, and a check of ours failed",
                Evidence { submission: Some(&noop), failed_check: Some(("cargo test", "exit 1")), ..base() },
                Failed,
                Some(VerifyFailed),
            ),
            (
                "no check of ours was made",
                Evidence { submission: Some(&good), unverified: true, ..base() },
                NeedsReview,
                None,
            ),
            ("blocked", Evidence { submission: Some(&blocked), ..base() }, NeedsReview, None),
            ("escalated", Evidence { submission: Some(&escalated), ..base() }, NeedsReview, None),
            ("a question", Evidence { submission: Some(&question), ..base() }, Succeeded, None),
            ("a plan", Evidence { submission: Some(&plan), ..base() }, Succeeded, None),
            (
                "a plan, and a check of ours failed",
                Evidence { submission: Some(&plan), failed_check: Some(("cargo test", "exit 1")), ..base() },
                Failed,
                Some(VerifyFailed),
            ),
            (
                "nothing but what was refused",
                Evidence { refusal: Some(&invalid), nudged: true, ..base() },
                Failed,
                Some(InvalidSubmission),
            ),
            (
                "refused, and then right",
                Evidence { refusal: Some(&invalid), submission: Some(&good), ..base() },
                Succeeded,
                None,
            ),
            (
                "refused, and then it crashed",
                Evidence { refusal: Some(&invalid), ending: exit(3), ..base() },
                Failed,
                Some(Unknown),
            ),
            ("verdict unknown", Evidence { submission: Some(&unsure), ..base() }, NeedsReview, None),
            ("nothing handed in", base(), NeedsReview, None),
            ("crashed", Evidence { ending: exit(3), ..base() }, Failed, Some(Unknown)),
            ("killed by a stranger", Evidence { ending: killed.clone(), ..base() }, Failed, Some(Unknown)),
            (
                "crashed after it",
                Evidence { ending: exit(3), submission: Some(&good), ..base() },
                NeedsReview,
                None,
            ),
            (
                "a check of ours failed",
                Evidence { submission: Some(&good), failed_check: Some(("cargo test", "exit 1")), ..base() },
                Failed,
                Some(VerifyFailed),
            ),
            (
                "error event, exit 0",
                Evidence { stream_error: error.clone(), ..base() },
                Failed,
                Some(RateLimited),
            ),
            (
                "error event, ended by us",
                Evidence {
                    stream_error: error.clone(),
                    stopped: Some(StopReason::Hopeless),
                    ending: killed.clone(),
                    ..base()
                },
                Failed,
                Some(RateLimited),
            ),
            (
                "its files were refused",
                Evidence {
                    submission: Some(&good),
                    files_refused: Some(StreamError { kind: UnsafePath, message: "a link".into() }),
                    ..base()
                },
                Failed,
                Some(UnsafePath),
            ),
            (
                "nobody has applied its files",
                Evidence { submission: Some(&good), files_waiting: true, ..base() },
                NeedsReview,
                None,
            ),
            (
                "out of time, and nobody has applied its files",
                Evidence {
                    stopped: Some(StopReason::OutOfTime),
                    submission: Some(&good),
                    files_waiting: true,
                    ..base()
                },
                NeedsReview,
                None,
            ),
            (
                "its stream failed, and nobody has applied its files",
                Evidence {
                    stream_error: error.clone(),
                    submission: Some(&good),
                    files_waiting: true,
                    ..base()
                },
                Failed,
                Some(RateLimited),
            ),
            ("stream cut", Evidence { promises_final: true, ..base() }, Failed, Some(ProtocolError)),
            (
                "delivered, but the stream was cut",
                Evidence { submission: Some(&good), promises_final: true, ..base() },
                NeedsReview,
                None,
            ),
            (
                "lingers after its final event",
                Evidence {
                    submission: Some(&good),
                    promises_final: true,
                    saw_final: true,
                    stopped: Some(StopReason::Lingering),
                    ending: killed.clone(),
                    ..base()
                },
                Succeeded,
                None,
            ),
            (
                "out of time",
                Evidence { stopped: Some(StopReason::OutOfTime), ..base() },
                Failed,
                Some(AttemptTimeout),
            ),
            (
                "over its budget",
                Evidence { stopped: Some(StopReason::OverBudget), ending: killed.clone(), ..base() },
                Failed,
                Some(BudgetExceeded),
            ),
            (
                "over its budget, but delivered",
                Evidence {
                    stopped: Some(StopReason::OverBudget),
                    ending: killed.clone(),
                    submission: Some(&good),
                    ..base()
                },
                NeedsReview,
                None,
            ),
            (
                "over its budget when it had ended well",
                Evidence { stopped: Some(StopReason::OverBudget), submission: Some(&good), ..base() },
                Succeeded,
                None,
            ),
            (
                "out of time while it waited for the provider",
                Evidence { stopped: Some(StopReason::OutOfTime), waiting: error.clone(), ..base() },
                Failed,
                Some(RateLimited),
            ),
            (
                "silent while it waited for the provider",
                Evidence { stopped: Some(StopReason::Silent), waiting: error.clone(), ..base() },
                Failed,
                Some(RateLimited),
            ),
            (
                "out of time, but delivered",
                Evidence { stopped: Some(StopReason::OutOfTime), submission: Some(&good), ..base() },
                NeedsReview,
                None,
            ),
            (
                "silent after it delivered",
                Evidence { stopped: Some(StopReason::Silent), submission: Some(&good), ..base() },
                NeedsReview,
                None,
            ),
            (
                "interrupted after it had ended well",
                Evidence { stopped: Some(StopReason::Interrupted), submission: Some(&good), ..base() },
                Succeeded,
                None,
            ),
            (
                "interrupted before its checks had passed",
                Evidence {
                    stopped: Some(StopReason::Interrupted),
                    submission: Some(&good),
                    unverified: true,
                    ..base()
                },
                Cancelled,
                None,
            ),
            (
                "could not be started",
                Evidence { ending: Ending { not_started: Some("no".into()), ..Ending::default() }, ..base() },
                Failed,
                Some(Unknown),
            ),
            (
                "could not be started for want of room",
                Evidence {
                    ending: Ending { not_started: Some("no".into()), no_room: true, ..Ending::default() },
                    ..base()
                },
                Failed,
                Some(AgentBusy),
            ),
            ("silent", Evidence { stopped: Some(StopReason::Silent), ..base() }, Failed, Some(Silent)),
            (
                "flood",
                Evidence { stopped: Some(StopReason::TooMuchOutput), ..base() },
                Failed,
                Some(OutputTooLarge),
            ),
            ("interrupted", Evidence { stopped: Some(StopReason::Interrupted), ..base() }, Cancelled, None),
            ("fail fast", Evidence { stopped: Some(StopReason::FailFast), ..base() }, Cancelled, None),
            (
                "no such program",
                Evidence {
                    ending: Ending { not_started: Some("no".into()), not_found: true, ..Ending::default() },
                    ..base()
                },
                Failed,
                Some(AgentNotFound),
            ),
        ];
        for (name, evidence, outcome, kind) in rows {
            let judgement = judge(&agent(false), &evidence);
            assert_eq!(
                (judgement.outcome, judgement.error_kind),
                (outcome, kind),
                "{name}: {}",
                judgement.reason
            );
            assert_eq!(judgement.reason.is_empty(), outcome == Succeeded, "{name}");
        }
    }

    #[test]
    fn work_that_a_branch_was_moved_to_is_looked_at_by_a_person_however_it_ended() {
        let good = result(0.9, None);
        let ended = |evidence: Evidence<'_>| {
            let judgement = judge(&agent(false), &evidence);
            (judgement.outcome, judgement.error_kind, judgement.reason)
        };
        let strayed = Evidence { strayed: Some("main was moved"), ending: exit(0), ..Evidence::default() };
        let delivered = Evidence { submission: Some(&good), ..strayed.clone() };
        assert_eq!(ended(delivered), (Outcome::NeedsReview, None, "main was moved".into()));
        let crashed = Evidence { ending: exit(3), ..strayed.clone() };
        assert_eq!(ended(crashed), (Outcome::NeedsReview, None, "main was moved; it crashed: exit 3".into()));
        let stopped = Evidence { stopped: Some(StopReason::Interrupted), ..strayed };
        assert_eq!(ended(stopped).0, Outcome::NeedsReview);
    }

    /// Each thing that crew may have seen of the folder, with what becomes of an attempt that handed in a result.
    #[test]
    fn everything_that_is_seen_of_the_folder_has_its_row() {
        use ErrorKind::*;
        use Outcome::*;
        let reader = || {
            let mut spec = agent(false);
            let Work::Agent { writes, .. } = &mut spec.work else { unreachable!("an agent's") };
            *writes = false;
            spec
        };
        let writer = || agent(false);
        let bounded = |mut spec: TaskSpec| {
            spec.writes = vec!["src/**".into()];
            spec
        };
        let same = TreeCheck::default();
        let file = TreeCheck { changed: 1, files: vec!["a".into()], ..TreeCheck::default() };
        let outside = TreeCheck { outside: 1, outside_files: vec!["a".into()], ..file.clone() };
        let refs = TreeCheck { refs_changed: true, ..TreeCheck::default() };
        let index = TreeCheck { index_changed: true, ..TreeCheck::default() };
        let settings = TreeCheck { settings_changed: vec![".git/config".into()], ..TreeCheck::default() };
        let unseen = TreeCheck { unseen: "git failed".into(), ..TreeCheck::default() };
        let half_seen = TreeCheck { unseen: "git failed".into(), ..settings.clone() };
        let good = result(0.9, None);
        let HandedIn::Result(body) = &good else { unreachable!("it is a result") };
        let reasoned = HandedIn::Result(ResultBody { no_change_reason: Some("r".into()), ..body.clone() });
        let noop = HandedIn::Noop(Reason { reason: "it is there".into() });
        let question: QuestionBody = serde_json::from_value(json!({"question": "Which?"})).unwrap();
        let question = HandedIn::Question(question);
        let build = ["build".to_owned()];
        let of = |tree| Evidence {
            ending: exit(0),
            submission: Some(&good),
            tree: Some(tree),
            ..Evidence::default()
        };
        let interrupted = Some(StopReason::Interrupted);
        let limited = Some(StreamError { kind: RateLimited, message: "429".into() });
        type Row<'a> = (&'a str, TaskSpec, Evidence<'a>, Outcome, Option<ErrorKind>, &'a str);
        let rows: Vec<Row<'_>> = vec![
            ("reads", reader(), of(&same), Succeeded, None, ""),
            (
                "reads, and changes a file",
                reader(),
                of(&file),
                Failed,
                Some(ReadOnlyViolated),
                "role changed: a",
            ),
            ("reads, and commits", reader(), of(&refs), Failed, Some(ReadOnlyViolated), "refs"),
            ("reads, and stages", reader(), of(&index), Failed, Some(ReadOnlyViolated), "index"),
            ("reads, and configures", reader(), of(&settings), Failed, Some(ReadOnlyViolated), ".git/config"),
            ("reads, and hides it", reader(), of(&half_seen), Failed, Some(ReadOnlyViolated), ".git/config"),
            ("reads, and is not seen", reader(), of(&unseen), NeedsReview, None, "git failed"),
            (
                "reads, and is not alone",
                reader(),
                Evidence { beside: &build, ..of(&file) },
                NeedsReview,
                None,
                "(build): a",
            ),
            (
                "reads, changes a file and is to be tried again",
                reader(),
                Evidence { stream_error: limited.clone(), ..of(&file) },
                Failed,
                Some(ReadOnlyViolated),
                "a",
            ),
            (
                "reads, changes a file and is interrupted",
                reader(),
                Evidence { stopped: interrupted, submission: None, ..of(&file) },
                Failed,
                Some(ReadOnlyViolated),
                "a",
            ),
            (
                "reads, is not alone, and is to be tried again",
                reader(),
                Evidence { stream_error: limited.clone(), beside: &build, ..of(&file) },
                NeedsReview,
                None,
                "(build): a; 429",
            ),
            (
                "reads, is not alone, and asks",
                reader(),
                Evidence { submission: Some(&question), beside: &build, ..of(&file) },
                NeedsReview,
                None,
                "(build): a; it asked: Which?",
            ),
            (
                "reads, is not alone and is interrupted",
                reader(),
                Evidence { stopped: interrupted, submission: None, beside: &build, ..of(&file) },
                Cancelled,
                None,
                "interrupted",
            ),
            ("writes", writer(), of(&file), Succeeded, None, ""),
            ("writes by a commit", writer(), of(&refs), Succeeded, None, ""),
            (
                "writes beside somebody",
                writer(),
                Evidence { beside: &build, ..of(&file) },
                Succeeded,
                None,
                "",
            ),
            ("writes nothing", writer(), of(&same), Failed, Some(NoChange), "did not say why"),
            ("writes nothing but the index", writer(), of(&index), Failed, Some(NoChange), "did not say why"),
            (
                "writes nothing, and is not verified for that",
                writer(),
                Evidence { unverified: true, ..of(&same) },
                Failed,
                Some(NoChange),
                "did not say why",
            ),
            (
                "writes nothing, and says why",
                writer(),
                Evidence { submission: Some(&reasoned), ..of(&same) },
                Succeeded,
                None,
                "",
            ),
            (
                "has nothing to do",
                writer(),
                Evidence { submission: Some(&noop), ..of(&same) },
                Succeeded,
                None,
                "",
            ),
            (
                "writes nothing more than the attempt before",
                writer(),
                Evidence { begun_before: true, ..of(&same) },
                Succeeded,
                None,
                "",
            ),
            (
                "writes nothing, and may say so in plain words",
                agent(true),
                Evidence { submission: None, last_words: Some("done"), ..of(&same) },
                Failed,
                Some(NoChange),
                "did not say why",
            ),
            ("writes, and is not seen", writer(), of(&unseen), NeedsReview, None, "git failed"),
            ("writes where it may", bounded(writer()), of(&file), Succeeded, None, ""),
            (
                "writes where it may not",
                bounded(writer()),
                of(&outside),
                Failed,
                Some(UnsafePath),
                "it changed a; `writes` allows src/**",
            ),
            (
                "writes where it may not, and is not alone",
                bounded(writer()),
                Evidence { beside: &build, ..of(&outside) },
                NeedsReview,
                None,
                "(build): a",
            ),
            (
                "a command that writes where it may not",
                bounded(spec("a", &[])),
                of(&outside),
                Failed,
                Some(UnsafePath),
                "src/**",
            ),
            (
                "a command that is not seen",
                bounded(spec("a", &[])),
                of(&unseen),
                NeedsReview,
                None,
                "git failed",
            ),
            ("a command that nobody binds", spec("a", &[]), of(&unseen), Succeeded, None, ""),
        ];
        for (name, spec, evidence, outcome, kind, words) in rows {
            let judgement = judge(&spec, &evidence);
            assert_eq!(
                (judgement.outcome, judgement.error_kind),
                (outcome, kind),
                "{name}: {}",
                judgement.reason
            );
            assert!(judgement.reason.contains(words), "{name}: {}", judgement.reason);
            let refuted = matches!(kind, Some(ReadOnlyViolated | UnsafePath | NoChange));
            assert_eq!(is_refuted(&spec, &evidence), refuted, "{name}");
        }
    }

    #[test]
    fn plain_output_is_enough_only_where_the_step_says_so() {
        let words = Evidence { ending: exit(0), last_words: Some("hello"), ..Evidence::default() };
        assert_eq!(judge(&agent(true), &words).outcome, Outcome::Succeeded);
        assert_eq!(judge(&agent(false), &words).outcome, Outcome::NeedsReview);
        let mute = Evidence { ending: exit(0), ..Evidence::default() };
        assert_eq!(judge(&agent(true), &mute).outcome, Outcome::NeedsReview);
    }

    #[test]
    fn a_question_stands_however_its_attempt_ended() {
        let question: QuestionBody = serde_json::from_value(json!({"question": "Which?"})).unwrap();
        let question = HandedIn::Question(question);
        let asked = || Evidence { ending: exit(0), submission: Some(&question), ..Evidence::default() };
        let error = StreamError { kind: ErrorKind::RateLimited, message: "429".into() };
        for evidence in [
            asked(),
            Evidence { ending: exit(3), ..asked() },
            Evidence { stopped: Some(StopReason::OutOfTime), ..asked() },
            Evidence { stopped: Some(StopReason::Interrupted), ..asked() },
            Evidence { stream_error: Some(error), promises_final: true, ..asked() },
        ] {
            assert_eq!(judge(&agent(false), &evidence).outcome, Outcome::Succeeded, "{evidence:?}");
        }
    }

    #[test]
    fn what_hands_the_task_to_a_person_says_so() {
        let rows = [
            (json!({"escalation": {"to": "alice", "reason": "money"}}), "escalated to alice: money"),
            (json!({"blocked": {"reason": "no key"}}), "it is blocked: no key"),
        ];
        for (handed_in, reason) in rows {
            let handed_in: HandedIn = serde_json::from_value(handed_in).unwrap();
            let evidence = Evidence { ending: exit(3), submission: Some(&handed_in), ..Evidence::default() };
            assert_eq!(judge(&agent(false), &evidence).reason, reason);
        }
        let message = "confidence is missing".to_owned();
        let refusal = RefusedSubmission { code: Code::Invalid, message };
        let evidence = Evidence { ending: exit(0), refusal: Some(&refusal), ..Evidence::default() };
        let reason = judge(&agent(false), &evidence).reason;
        assert_eq!(reason, "what it handed in was refused: confidence is missing");
        let crashed = Evidence { ending: exit(4), ..evidence.clone() };
        assert_eq!(
            judge(&agent(false), &crashed).reason,
            "it crashed: exit 4, after what it handed in was refused: confidence is missing"
        );
        // Where plain output is enough, it has not even to hand in.
        let evidence = Evidence { last_words: Some("done"), ..evidence };
        assert_eq!(judge(&agent(true), &evidence).outcome, Outcome::Succeeded);
    }

    #[test]
    fn what_could_not_be_kept_needs_review_however_its_attempt_ended() {
        let good = result(0.9, None);
        let question: QuestionBody = serde_json::from_value(json!({"question": "Which?"})).unwrap();
        let question = HandedIn::Question(question);
        let limited = StreamError { kind: ErrorKind::RateLimited, message: "429".into() };
        let of = |ending| Evidence { ending, unkept: Some("git failed"), ..Evidence::default() };
        let rows = [
            (Evidence { submission: Some(&good), ..of(exit(0)) }, ""),
            (of(exit(3)), "; it crashed: exit 3"),
            (Evidence { stream_error: Some(limited), ..of(exit(1)) }, "; 429"),
            (Evidence { stopped: Some(StopReason::Interrupted), ..of(exit(0)) }, "; the run was interrupted"),
            (Evidence { submission: Some(&question), ..of(exit(0)) }, "; it asked: Which?"),
        ];
        for (evidence, also) in rows {
            let judgement = judge(&agent(false), &evidence);
            let reason = format!("its work could not be kept: git failed{also}");
            assert_eq!((judgement.outcome, judgement.reason), (Outcome::NeedsReview, reason));
        }
    }

    #[test]
    fn less_confidence_than_the_step_asks_for_needs_review() {
        let mut spec = agent(false);
        spec.confidence = Some(0.8);
        for (confidence, outcome) in [(0.79, Outcome::NeedsReview), (0.8, Outcome::Succeeded)] {
            let result = result(confidence, None);
            let evidence = Evidence { ending: exit(0), submission: Some(&result), ..Evidence::default() };
            assert_eq!(judge(&spec, &evidence).outcome, outcome);
        }
    }

    #[test]
    fn a_command_step_is_judged_by_its_exit_code() {
        let ok = Evidence { ending: exit(0), ..Evidence::default() };
        assert_eq!(judge(&spec("a", &[]), &ok).outcome, Outcome::Succeeded);
        let bad = judge(&spec("a", &[]), &Evidence { ending: exit(101), ..Evidence::default() });
        assert_eq!((bad.error_kind, bad.reason.as_str()), (Some(ErrorKind::VerifyFailed), "exit 101"));
        let unverified = judge(&spec("a", &[]), &Evidence { unverified: true, ..ok });
        assert_eq!(unverified.outcome, Outcome::NeedsReview);
    }
}
