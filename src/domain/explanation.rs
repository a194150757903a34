//! Why a task, a gate or a run is where it is, in sentences, each from what is recorded.

use super::budget::{Ledger, MayStart};
use super::error_kind::{ErrorClass, ErrorKind};
use super::event::{Event, Outcome, Recorded};
use super::gate::{Decision, Gate};
use super::provider::Providers;
use super::retry::{Retries, RetryReason};
use super::run::{Run, RunStatus};
use super::schedule::{self, InFolder};
use super::submission::HandedIn;
use super::task::{Attempt, AttemptState, Task, TaskState};
use super::time::Time;
use super::words::clean_line;

/// The most characters of what somebody else said.
const MAX_SAID: usize = 300;
/// The most names in a row.
const MAX_NAMES: usize = 6;
/// The most attempts that are gone through one by one.
const MAX_ATTEMPTS: usize = 5;

/// What is known when somebody asks.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub run: &'a Run,
    /// A crew process carries it out.
    pub owned: bool,
    /// Those that limit requests.
    pub providers: &'a Providers,
    pub now: Time,
}

/// Tells whether an event may prove why something is where it is; what agents did on their way does not.
pub fn is_evidence(event: &Event) -> bool {
    !matches!(
        event,
        Event::TaskCreated { .. }
            | Event::ProcessStarted { .. }
            | Event::SessionStarted { .. }
            | Event::ToolInvoked { .. }
            | Event::AgentWaited { .. }
            | Event::NoteTaken { .. }
            | Event::ArtifactKept { .. }
            | Event::VerificationStarted { .. }
            | Event::WorktreeAdded { .. }
            | Event::ConflictsSeen { .. }
    )
}

/// Returns the events that prove where a task stands, oldest first: what was recorded of its newest attempt, and the last
/// word of each kind on the task itself. `events` are those of the run.
pub fn evidence<'a>(task: &Task, events: &'a [Recorded]) -> Vec<&'a Recorded> {
    let newest = task.attempts.len() as u32;
    let of_task = |recorded: &&Recorded| recorded.event.task() == Some(&task.spec.id);
    let mut found: Vec<&Recorded> = Vec::new();
    for recorded in events.iter().filter(of_task).filter(|recorded| is_evidence(&recorded.event)) {
        let event = &recorded.event;
        match event.attempt() {
            Some(attempt) if attempt < newest => {}
            // Each of several verifications counts, and each refusal says what was wrong with that submission.
            Some(_) => found.push(recorded),
            None => {
                found.retain(|other| other.event.attempt().is_some() || other.event.kind() != event.kind());
                found.push(recorded);
            }
        }
    }
    // What was said of an earlier attempt, or of a task that was put back since, proves nothing of now.
    let (accepted, cancelled) = (acceptance(task, events), cancelling(task, events));
    found.retain(|recorded| match recorded.event {
        Event::TaskAccepted { .. } => accepted == Some(*recorded),
        Event::CancelAsked { .. } => cancelled == Some(*recorded) || task.cancel.is_some(),
        _ => true,
    });
    // Of what was asked of the whole run, its cancelling bears on each task.
    let of_run = |recorded: &&Recorded| matches!(recorded.event, Event::CancelAsked { task: None, .. });
    found.extend(cancelled.filter(of_run));
    found.sort_by_key(|recorded| recorded.seq);
    found
}

/// Returns by which event a person accepted what a task came to, as long as it has come to nothing else since.
fn acceptance<'a>(task: &Task, events: &'a [Recorded]) -> Option<&'a Recorded> {
    let (id, mut newest) = (&task.spec.id, events.iter().rev());
    let last = newest.find(|recorded| match &recorded.event {
        Event::TaskAccepted { task, .. } | Event::AttemptEnded { task, .. } => task == id,
        _ => false,
    });
    last.filter(|recorded| matches!(recorded.event, Event::TaskAccepted { .. }))
}

/// Returns by which event a person cancelled a task: the first that asked for its end, or for that of the run, before it
/// ended; who cancels a run has crew ask for each task. Of what was asked before it was put back nothing counts.
fn cancelling<'a>(task: &Task, events: &'a [Recorded]) -> Option<&'a Recorded> {
    if task.state != TaskState::Cancelled {
        return None;
    }
    let of_task = |recorded: &&Recorded| recorded.event.task() == Some(&task.spec.id);
    let is_return =
        |recorded: &Recorded| of_task(&recorded) && matches!(recorded.event, Event::TaskRequeued { .. });
    let since = events.iter().rposition(is_return).map_or(events, |at| &events[at + 1..]);
    let asked = |recorded: &&Recorded| matches!(recorded.event, Event::CancelAsked { .. });
    let ends = |recorded: &Recorded| {
        matches!(
            recorded.event,
            Event::TaskCancelled { .. } | Event::AttemptEnded { .. } | Event::GateDecided { .. }
        )
    };
    let end = since.iter().rposition(|recorded| of_task(&recorded) && ends(recorded));
    let concerns = |recorded: &&Recorded| of_task(recorded) || recorded.event.task().is_none();
    let first = end.and_then(|end| since[..end].iter().filter(asked).find(concerns));
    first.or_else(|| since.iter().rev().filter(of_task).find(asked))
}

/// Says why a task is where it is. `events` are those of the run.
pub fn of_task(known: &Known<'_>, task: &Task, events: &[Recorded]) -> Vec<String> {
    let mut said = match task.state {
        TaskState::Queued => why_queued(known, task),
        TaskState::Running => why_running(known, task),
        TaskState::AwaitingInput => {
            let gate = task.waits_for.and_then(|gate| known.run.gate(gate));
            gate.map(|gate| of_gate(gate, known.now)).unwrap_or_default()
        }
        TaskState::Completed => why_completed(task, events),
        TaskState::Failed => why_failed(task, events),
        TaskState::NeedsReview => why_needs_review(task),
        TaskState::Skipped => why_skipped(known.run, task),
        TaskState::Cancelled => why_cancelled(known.run, task, events),
    };
    said.extend(earlier_attempts(task, events));
    if let Some(letter) = &task.dead_letter {
        said.push(format!("It was given up by {} at {}: {}.", letter.by, letter.at, letter.why.words()));
    }
    if let Some(round) = task.round.as_deref().filter(|round| round.number > 0) {
        let is = if task.state.is_settled() { "was settled" } else { "is" };
        said.push(format!("It {is} in round {} of its review.", round.number));
    }
    said
}

/// Says in one sentence why a task is where it is.
pub fn in_short(known: &Known<'_>, task: &Task, events: &[Recorded]) -> String {
    let said = match task.state {
        // Of the run it is said once.
        TaskState::Queued if !task.is_unasked() => keeps_queued(known, task),
        _ => of_task(known, task, events),
    };
    said.into_iter().next().unwrap_or_else(|| "Nothing else stands in its way.".to_owned())
}

/// Says what a gate is about, what follows where nobody decides, or who has decided what.
pub fn of_gate(gate: &Gate, now: Time) -> Vec<String> {
    let about = clean_line(&gate.about.words(), MAX_SAID);
    let by = gate.attempt.map_or("before it starts".to_owned(), |number| format!("after attempt {number}"));
    let mut said = Vec::new();
    match &gate.decided {
        None => {
            said.push(format!(
                "{} waits for a person's word {by}, at gate {}, since {}: {about}.",
                gate.task, gate.id, gate.opened_at
            ));
            said.push(match gate.expires_at {
                None => "It waits for as long as it takes.".to_owned(),
                Some(at) if at <= now => {
                    format!("Its time was over at {at}; crew decides it as soon as it goes on.")
                }
                Some(at) => match gate.when_overdue() {
                    Decision::Answered { answer } => {
                        let answer = clean_line(&answer, MAX_SAID);
                        format!("Where nobody answers until {at}, the answer is `{answer}`.")
                    }
                    _ => format!("Where nobody decides until {at}, it counts as refused."),
                },
            });
        }
        Some(decided) => {
            let what = decided.decision.name().replace('_', " ");
            said.push(format!(
                "{} waited for a person's word {by}, at gate {}: {about}.",
                gate.task, gate.id
            ));
            said.push(format!("It was {what} by {} at {}{}.", decided.by, decided.at, colon(&decided.note)));
        }
    }
    said
}

/// Says where a run stands and what it waits for.
pub fn of_run(known: &Known<'_>) -> Vec<String> {
    let run = known.run;
    let status = run.status(known.owned);
    let (settled, all) = (run.counts.settled(), run.counts.total());
    let mut said = vec![match status {
        RunStatus::Completed => {
            "Nothing of it is open, and nothing that came of its tasks stands in the way of its completion."
                .to_owned()
        }
        RunStatus::Cancelled => {
            "It is cancelled: a person did not want all of its tasks to be done.".to_owned()
        }
        RunStatus::Failed | RunStatus::NeedsReview => {
            let (failed, review) = (run.counts.of(TaskState::Failed), run.counts.of(TaskState::NeedsReview));
            format!(
                "Nothing of it goes on by itself: {} failed, {} in need of a review, of {all} tasks.",
                failed, review
            )
        }
        RunStatus::AwaitingInput if run.open_gates().all(|gate| gate.is_overdue(known.now)) => {
            "It waited for a person, and the time for that is over: it goes on with what follows as soon as it is resumed."
                .to_owned()
        }
        RunStatus::AwaitingInput => "It waits for a person, and for nothing else.".to_owned(),
        RunStatus::Running => format!("A crew process carries it out: {settled} of {all} tasks are settled."),
        RunStatus::Queued => {
            "Nobody carries it out, and what is queued was put there by a person.".to_owned()
        }
        RunStatus::Interrupted => {
            let why = match run.stopped {
                true => "it was stopped",
                false => "its crew process is gone without a word",
            };
            format!(
                "Nobody carries it out: {why}; {settled} of {all} tasks are settled, and nothing is lost."
            )
        }
    }];
    if let Some(imported) = run.imported.as_ref().filter(|_| status != RunStatus::Completed) {
        said.push(format!(
            "It was not made here, it came {}: who goes on with it says that they trust what it runs.",
            imported.words()
        ));
    }
    if let Some(merging) = &run.merging {
        said.push(format!("A merge into {} was begun, and is not known to be done.", merging.into));
    }
    if run.limits.fail_fast {
        said.push("It ends everything at the first failure (--fail-fast).".to_owned());
    }
    said
}

/// Returns the tasks that stand in the way of a run's completion, those first from which others follow.
pub fn in_the_way(run: &Run) -> Vec<&Task> {
    let stands = |task: &&Task| match task.state {
        TaskState::Completed => false,
        TaskState::Skipped => !task.skipped_by_condition && !task.is_unasked(),
        TaskState::Failed | TaskState::NeedsReview => !task.spec.continue_on_error,
        TaskState::Queued => !task.is_unasked(),
        TaskState::Running | TaskState::AwaitingInput | TaskState::Cancelled => true,
    };
    let rank = |task: &&Task| match task.state {
        TaskState::AwaitingInput => 0,
        TaskState::Failed | TaskState::NeedsReview => 1,
        TaskState::Running => 2,
        TaskState::Cancelled => 3,
        _ => 4,
    };
    let mut tasks: Vec<&Task> = run.tasks.iter().filter(stands).collect();
    tasks.sort_by_key(rank);
    tasks
}

/// Says what an error of a kind means, and whether crew tries again by itself.
pub fn of_kind(kind: ErrorKind, retries: &Retries) -> Vec<String> {
    let policy = retries.policy(kind, None, None);
    let attempts = policy.max_attempts;
    let waits = format!(
        "up to {attempts} attempts in all, the second after {} ms, each further one {} times as long after the one before",
        policy.backoff.as_millis(),
        policy.factor
    );
    let retried = match kind {
        ErrorKind::OwnerLost => {
            "It is tried again by whoever goes on with the run, up to three times in a row.".to_owned()
        }
        ErrorKind::ModelNotAvailable => {
            "It is tried again with the next of `fallbackModels`, and else not.".to_owned()
        }
        ErrorKind::VerifyFailed if !policy.checks => {
            "It is tried again only where its step says `retries`, or `retries.verify_failed` is set."
                .to_owned()
        }
        _ if policy.checks || kind.class() == ErrorClass::Transient => {
            format!("It is tried again: {waits} (retry.*, retries.{kind}; `retries` of a step counts most).")
        }
        _ => format!("It is not tried again by itself: {}.", RetryReason::PermanentError.words()),
    };
    vec![
        format!("{}.", capital(kind.meaning())),
        format!("Its class is {}: {}.", kind.class().name(), kind.class().words()),
        retried,
    ]
}

fn why_queued(known: &Known<'_>, task: &Task) -> Vec<String> {
    let Known { run, owned, .. } = *known;
    let mut said = Vec::new();
    if task.is_unasked() {
        return vec![
            "It waits until a review asks for it; where none does, it is not done, and nobody waits for it."
                .into(),
        ];
    }
    if !owned {
        let why = match run.status(false) {
            RunStatus::AwaitingInput => "it ended to wait for you",
            RunStatus::Queued if run.dispatcher.is_some() => "its crew process came to its end before",
            _ if run.dispatcher.is_some() => "its crew process is gone, or has stopped",
            _ => "its crew process has not begun",
        };
        said.push(format!("Nobody carries the run out: {why}."));
    }
    said.extend(keeps_queued(known, task));
    if said.is_empty() {
        said.push("Nothing stands in its way: it begins as soon as the crew process comes to it.".into());
    }
    said
}

/// Says what keeps a queued task from being begun, beside that nobody carries the run out.
fn keeps_queued(known: &Known<'_>, task: &Task) -> Vec<String> {
    let Known { run, providers, now, .. } = *known;
    let mut said = Vec::new();
    let place = run.place(&task.spec.id).unwrap_or_default();
    let open: Vec<String> = schedule::waits_for(run, place)
        .into_iter()
        .filter(|on| !on.state.is_settled() && !on.is_unasked())
        .map(|on| format!("{} ({})", on.spec.id, on.state.name().replace('_', " ")))
        .collect();
    if !open.is_empty() {
        said.push(format!("It waits for {}.", listed(&open)));
        return said;
    }
    if let Some(at) = task.not_before.filter(|at| *at > now) {
        let kind = task.last().and_then(|last| last.error_kind).map(|kind| format!(" ended with {kind} and"));
        said.push(format!(
            "Attempt {}{} is followed by another one, not before {at} ({} s from now).",
            task.attempts.len(),
            kind.unwrap_or_default(),
            at.since(now).as_secs()
        ));
    }
    if let Some(waits) = providers.keeps_waiting(run, task, now) {
        said.push(format!("It {}: nobody who uses it is started before {}.", waits.words(now), waits.until));
    }
    said.extend(InFolder::of(run).keeps_waiting(task).map(|words| format!("It {words}.")));
    match Ledger::of(run).may_start(place, &task.spec, 1, true, now) {
        MayStart::Yes(_) => {}
        MayStart::Wait => said.push("It waits for what others leave of a budget.".into()),
        MayStart::Exceeded(standing) => said.push(format!("{}.", capital(&standing.to_string()))),
    }
    let running: Vec<String> = named(run, TaskState::Running);
    if running.len() >= run.limits.jobs as usize {
        let jobs = run.limits.jobs;
        said.push(format!(
            "As many tasks are worked on as may be at once (--jobs {jobs}): {}.",
            listed(&running)
        ));
    }
    if task.sent_back {
        said.push("A person put it back because of what a review found in its work.".into());
    } else if task.put_back_at.is_some() && task.attempts_of_this_round().is_empty() {
        said.push(format!("It was put back to the queue: {}.", clean_line(&task.reason, MAX_SAID)));
    }
    said
}

fn why_running(known: &Known<'_>, task: &Task) -> Vec<String> {
    let Some(attempt) = task.last() else { return Vec::new() };
    let Attempt { number, agent, started_at, .. } = attempt;
    let what = match attempt.state {
        _ if !known.owned => "was at work when its crew process went",
        AttemptState::Starting => "is being started",
        AttemptState::Verifying => "has ended, and crew checks its work",
        AttemptState::Running | AttemptState::Ended(_) => "is at work",
    };
    let mut said = vec![format!("Attempt {number} of {agent} {what}, since {started_at}.")];
    if !known.owned {
        said.push("Whoever resumes the run finds out what became of it.".into());
    }
    if !attempt.waiting.is_empty() {
        said.push(format!("It says that it waits: {}.", clean_line(&attempt.waiting, MAX_SAID)));
    }
    if let Some(progress) = attempt.progress() {
        said.push(format!("It said last: {}.", clean_line(&progress.words(), MAX_SAID)));
    }
    if let Some(handed_in) = &attempt.submission {
        said.push(format!("It has handed in: {}.", what_was_handed_in(handed_in)));
    }
    if attempt.nudged {
        said.push("It wanted to end without having handed in anything, and was reminded once.".into());
    }
    said.extend(
        task.cancel.as_ref().map(|words| format!("It ends as cancelled: {}.", clean_line(words, MAX_SAID))),
    );
    said
}

fn why_completed(task: &Task, events: &[Recorded]) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(Recorded { at, event: Event::TaskAccepted { by, note, .. }, .. }) = acceptance(task, events) {
        said.push(format!("It is completed because {by} accepted its work at {at}{}.", colon(note)));
    }
    if let Some(attempt) = task.last() {
        let verified = task.spec.verify.len();
        let checks = match verified {
            0 => String::new(),
            1 => ", and what verifies it passed".to_owned(),
            many => format!(", and all {many} commands that verify it passed"),
        };
        let summary = clean_line(&attempt.summary, MAX_SAID);
        let words = if summary.is_empty() { String::new() } else { format!(": \"{summary}\"") };
        if said.is_empty() {
            said.push(format!("Attempt {} of {} is done{checks}{words}.", attempt.number, attempt.agent));
        }
    }
    said.extend(
        task.landed
            .last()
            .filter(|_| task.is_merged())
            .map(|landed| format!("Its work is in {}.", landed.into)),
    );
    said
}

fn why_failed(task: &Task, events: &[Recorded]) -> Vec<String> {
    if let Some(kind) = task.gate_error {
        let reason = clean_line(&task.reason, MAX_SAID);
        return vec![format!("It failed with {kind}: {reason}."), hint(kind)];
    }
    let Some(attempt) = task.last() else {
        return vec![format!("It failed: {}.", clean_line(&task.reason, MAX_SAID))];
    };
    let (number, agent, reason) = (attempt.number, &attempt.agent, clean_line(&attempt.reason, MAX_SAID));
    let mut said = match attempt.error_kind {
        Some(kind) => vec![
            format!("Attempt {number} of {agent} ended with {kind}: {reason}."),
            format!("{}: {}.", capital(kind.meaning()), kind.class().words()),
            hint(kind),
        ],
        None => vec![format!("Attempt {number} of {agent} failed: {reason}.")],
    };
    let ended = ended_of(task, number, events);
    if let Some(Event::AttemptEnded { not_again: Some(reason), .. }) = ended {
        said.insert(1, format!("It was not tried again, because {} ({}).", reason.words(), reason.name()));
    }
    said
}

fn why_needs_review(task: &Task) -> Vec<String> {
    let Some(attempt) = task.last() else {
        return vec![format!("A person has to look at it: {}.", clean_line(&task.reason, MAX_SAID))];
    };
    let reason = clean_line(&task.reason, MAX_SAID);
    let reason = if reason.is_empty() { "it cannot be told whether it is done".to_owned() } else { reason };
    let mut said = vec![format!(
        "Attempt {} of {} ended, and a person has to look at it: {reason}.",
        attempt.number, attempt.agent
    )];
    if !attempt.summary.is_empty() {
        let ending = super::judgement::ending_words(&attempt.ending);
        said.push(format!(
            "It said \"{}\" ({ending}), which proves nothing.",
            clean_line(&attempt.summary, MAX_SAID)
        ));
    }
    said.extend(
        task.unkept().map(|why| format!("What it left could not be kept: {}.", clean_line(why, MAX_SAID))),
    );
    said
}

fn why_skipped(run: &Run, task: &Task) -> Vec<String> {
    if task.skipped_by_condition {
        let when = clean_line(&task.reason, MAX_SAID);
        return vec![format!("It was not to be done: its own condition was false ({when}).")];
    }
    let mut said = vec![format!("It was skipped: it {}.", clean_line(&task.reason, MAX_SAID))];
    // The nearest one is in the reason.
    if let Some(root) = schedule::blockers(run, task).into_iter().skip(1).last() {
        said.push(format!(
            "All of that follows from {}, which {}.",
            root.spec.id,
            schedule::words(root.state)
        ));
    }
    said
}

fn why_cancelled(run: &Run, task: &Task, events: &[Recorded]) -> Vec<String> {
    if task.given_up_with_others {
        let failed: Vec<String> =
            [named(run, TaskState::Failed), named(run, TaskState::NeedsReview)].concat();
        return vec![format!(
            "It was given up because {} did not succeed, and the run ends everything then (--fail-fast).",
            listed(&failed)
        )];
    }
    vec![match cancelling(task, events) {
        Some(Recorded { at, event: Event::CancelAsked { task: of, by, reason }, .. }) => {
            let what = if of.is_some() { "it" } else { "the run" };
            format!("It is cancelled because {by} cancelled {what} at {at}{}.", colon(reason))
        }
        _ => format!("It is cancelled: {}.", clean_line(&task.reason, MAX_SAID)),
    }]
}

/// Says how the attempts before the newest one ended, and why each was followed by another one.
fn earlier_attempts(task: &Task, events: &[Recorded]) -> Vec<String> {
    let earlier = &task.attempts[..task.attempts.len().saturating_sub(1)];
    let left_out = earlier.len().saturating_sub(MAX_ATTEMPTS);
    let mut said = Vec::new();
    if left_out > 0 {
        said.push(format!("{left_out} attempts came before those that follow."));
    }
    for attempt in &earlier[left_out..] {
        let AttemptState::Ended(outcome) = attempt.state else { continue };
        let how = match attempt.error_kind {
            Some(kind) => format!("ended with {kind}"),
            None => outcome_words(outcome).to_owned(),
        };
        let again = match ended_of(task, attempt.number, events) {
            Some(Event::AttemptEnded { again: Some(again), .. }) => {
                format!(", and was followed by another one ({})", clean_line(&again.reason, MAX_SAID))
            }
            _ => ", and the task was put back later".to_owned(),
        };
        said.push(format!("Attempt {} of {} {how}{again}.", attempt.number, attempt.agent));
    }
    said
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::NeedsReview => "needed a review",
        Outcome::Cancelled => "was interrupted",
        Outcome::Lost => "was lost with its crew process",
    }
}

/// Returns the end of an attempt.
fn ended_of<'a>(task: &Task, number: u32, events: &'a [Recorded]) -> Option<&'a Event> {
    let is_it = |event: &&Event| matches!(event, Event::AttemptEnded { task: of, attempt, .. } if *of == task.spec.id && *attempt == number);
    events.iter().rev().map(|recorded| &recorded.event).find(is_it)
}

fn what_was_handed_in(handed_in: &HandedIn) -> String {
    format!("{}, {}", handed_in.kind().name(), clean_line(&handed_in.summary(), MAX_SAID))
}

fn hint(kind: ErrorKind) -> String {
    format!("What helps: {}.", kind.hint())
}

fn named(run: &Run, state: TaskState) -> Vec<String> {
    run.tasks.iter().filter(|task| task.state == state).map(|task| task.spec.id.to_string()).collect()
}

fn listed(names: &[String]) -> String {
    match names.len().checked_sub(MAX_NAMES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MAX_NAMES].join(", ")),
    }
}

fn colon(note: &str) -> String {
    let note = clean_line(note, MAX_SAID);
    if note.is_empty() { note } else { format!(": {note}") }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Again;
    use crate::domain::id::TaskId;
    use crate::domain::requeue::Asked;
    use crate::domain::run::tests::{agent_spec, ended, run_of, spec, started};
    use crate::domain::settings::Settings;

    /// Lets events happen to a run, and returns them as they would be recorded.
    fn happen(run: &mut Run, events: Vec<Event>) -> Vec<Recorded> {
        let recorded = |(at, event): (usize, Event)| {
            let at = at as i64 + 1;
            run.apply(Time(at), &event).unwrap();
            Recorded { seq: at, run: run.id.clone(), at: Time(at), event }
        };
        events.into_iter().enumerate().map(recorded).collect()
    }

    fn why(run: &Run, events: &[Recorded], id: &str, owned: bool) -> String {
        let providers = Providers::default();
        let known = Known { run, owned, providers: &providers, now: Time(10) };
        of_task(&known, run.task(&TaskId::parse(id).unwrap()).unwrap(), events).join(" ")
    }

    #[test]
    fn a_queued_task_names_all_that_stands_in_its_way() {
        let mut run =
            run_of(vec![spec("a", &[]), spec("b", &["a"]), agent_spec("w", "p"), agent_spec("x", "p")]);
        assert_eq!(
            why(&run, &[], "b", false),
            "Nobody carries the run out: its crew process has not begun. It waits for a (queued)."
        );
        assert_eq!(
            why(&run, &[], "a", true),
            "Nothing stands in its way: it begins as soon as the crew process comes to it."
        );
        let events = happen(&mut run, vec![started("a", 1), started("w", 1)]);
        assert_eq!(why(&run, &events, "b", true), "It waits for a (running).");
        assert_eq!(
            why(&run, &events, "x", true),
            "It waits for the folder: w is at work there. As many tasks are worked on as may be at once (--jobs 2): a, w."
        );
        assert!(why(&run, &events, "a", false).contains(" was at work when its crew process went, since "));
    }

    #[test]
    fn of_a_run_that_nobody_carries_out_each_task_has_a_reason_of_its_own() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"]), spec("c", &[])]);
        let gate = |expires_at| Event::GateOpened {
            gate: crate::domain::gate::GateId(1),
            task: TaskId::parse("c").unwrap(),
            attempt: Some(1),
            about: crate::domain::gate::About::Result { summary: "s".into() },
            expires_at,
        };
        let providers = Providers::default();
        let short = |run: &Run, id: &str| {
            let known = Known { run, owned: false, providers: &providers, now: Time(10) };
            in_short(&known, run.task(&TaskId::parse(id).unwrap()).unwrap(), &[])
        };
        assert_eq!(short(&run, "b"), "It waits for a (queued).");
        assert_eq!(short(&run, "a"), "Nothing else stands in its way.");
        run.apply(Time(1), &started("c", 1)).unwrap();
        run.apply(Time(1), &gate(Some(Time(5)))).unwrap();
        run.apply(Time(1), &ended("c", 1, Outcome::Succeeded, None)).unwrap();
        run.apply(Time(2), &Event::RunEnded { state: RunStatus::AwaitingInput }).unwrap();
        assert!(
            why(&run, &[], "a", false).starts_with("Nobody carries the run out: it ended to wait for you.")
        );
        let known = Known { run: &run, owned: false, providers: &providers, now: Time(4) };
        assert_eq!(of_run(&known)[0], "It waits for a person, and for nothing else.");
        assert!(
            of_run(&Known { now: Time(5), ..known })[0]
                .starts_with("It waited for a person, and the time for that is over")
        );
    }

    #[test]
    fn what_is_tried_again_says_when_and_what_came_before() {
        let mut run = run_of(vec![spec("a", &[])]);
        let mut end = ended(
            "a",
            1,
            Outcome::Failed,
            Some(Again { not_before: Time(5_010), reason: "auto_retry".into() }),
        );
        if let Event::AttemptEnded { error_kind, .. } = &mut end {
            *error_kind = Some(ErrorKind::Network);
        }
        let mut events = happen(&mut run, vec![started("a", 1), end]);
        let said = why(&run, &events, "a", true);
        assert_eq!(
            said,
            format!(
                "Attempt 1 ended with network and is followed by another one, not before {} (5 s from now).",
                Time(5_010)
            )
        );
        let mut last = ended("a", 2, Outcome::Failed, None);
        if let Event::AttemptEnded { error_kind, not_again, reason, .. } = &mut last {
            (*error_kind, *not_again, *reason) =
                (Some(ErrorKind::Network), Some(RetryReason::MaxRetriesExceeded), "no route".into());
        }
        events.extend(happen(&mut run, vec![started("a", 2), last]));
        let said = why(&run, &events, "a", true);
        assert!(said.starts_with("Attempt 2 of sh ended with network: no route. It was not tried again, because it was tried as often as it may be"), "{said}");
        assert!(
            said.ends_with(
                "Attempt 1 of sh ended with network, and was followed by another one (auto_retry)."
            ),
            "{said}"
        );
        let proof = evidence(&run.tasks[0], &events);
        assert!(proof.iter().all(|recorded| recorded.event.attempt() == Some(2)) && proof.len() == 2);
    }

    #[test]
    fn what_was_skipped_names_the_first_cause() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"]), spec("c", &["b"])]);
        let skip = |id: &str, reason: &str| Event::TaskSkipped {
            task: TaskId::parse(id).unwrap(),
            reason: reason.into(),
            by_condition: false,
        };
        let events = happen(
            &mut run,
            vec![
                started("a", 1),
                ended("a", 1, Outcome::NeedsReview, None),
                skip("b", "depends on a, which needs review"),
                skip("c", "depends on b, which was skipped"),
            ],
        );
        assert_eq!(
            why(&run, &events, "c", true),
            "It was skipped: it depends on b, which was skipped. All of that follows from a, which needs review."
        );
        assert_eq!(why(&run, &events, "b", true), "It was skipped: it depends on a, which needs review.");
        let way: Vec<&str> = in_the_way(&run).iter().map(|task| task.spec.id.as_str()).collect();
        assert_eq!(way, ["a", "b", "c"]);
    }

    #[test]
    fn an_acceptance_counts_until_the_task_is_worked_on_again() {
        let mut run = run_of(vec![spec("a", &[])]);
        let id = TaskId::parse("a").unwrap();
        let accepted = Event::TaskAccepted { task: id.clone(), by: "Ann".into(), note: "good".into() };
        let back = Event::TaskRequeued {
            task: id,
            by: "Ben".into(),
            reason: "changes are asked for".into(),
            asked: Asked { sent_by: Some(run.id.clone()), ..Asked::default() },
        };
        let before = [started("a", 1), ended("a", 1, Outcome::NeedsReview, None), accepted];
        let mut once = run_of(vec![spec("a", &[])]);
        let events = happen(&mut once, before.to_vec());
        assert!(why(&once, &events, "a", true).starts_with("It is completed because Ann accepted its work"));
        assert!(evidence(&once.tasks[0], &events).iter().any(|proof| proof.event.kind() == "task_accepted"));
        let after = [back, started("a", 2), ended("a", 2, Outcome::Succeeded, None)];
        let events = happen(&mut run, [&before[..], &after].concat());
        let said = why(&run, &events, "a", true);
        assert!(said.starts_with("Attempt 2 of sh is done"), "{said}");
        assert!(evidence(&run.tasks[0], &events).iter().all(|proof| proof.event.kind() != "task_accepted"));
    }

    #[test]
    fn who_cancelled_a_task_is_who_did_so_before_it_ended_and_after_it_was_put_back() {
        let id = || TaskId::parse("a").unwrap();
        let asked = |task: Option<TaskId>, by: &str| Event::CancelAsked {
            task,
            by: by.into(),
            reason: String::new(),
        };
        let gone = || Event::TaskCancelled { task: id(), reason: "cancelled".into(), fail_fast: false };
        let back = || Event::TaskRequeued {
            task: id(),
            by: "Ben".into(),
            reason: "again".into(),
            asked: Asked::default(),
        };
        let who = |events: Vec<Event>| {
            let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
            let events = happen(&mut run, events);
            let said = why(&run, &events, "a", true);
            let proof = evidence(&run.tasks[0], &events);
            let asked: Vec<i64> = proof
                .iter()
                .filter(|proof| proof.event.kind() == "cancel_asked")
                .map(|proof| proof.seq)
                .collect();
            (said.split(" at 1970").next().unwrap_or_default().to_owned(), asked)
        };
        let its_own = vec![asked(Some(id()), "Ann"), gone(), asked(None, "Ben")];
        assert_eq!(who(its_own), ("It is cancelled because Ann cancelled it".to_owned(), vec![1]));
        let of_run = vec![asked(None, "Ben"), gone(), asked(None, "Cid")];
        assert_eq!(who(of_run), ("It is cancelled because Ben cancelled the run".to_owned(), vec![1]));
        let of_each = vec![asked(None, "Ann"), asked(Some(id()), "Ann"), gone()];
        assert_eq!(who(of_each), ("It is cancelled because Ann cancelled the run".to_owned(), vec![1]));
        let again = vec![asked(Some(id()), "Ann"), gone(), back(), asked(None, "Ben"), gone()];
        assert_eq!(who(again), ("It is cancelled because Ben cancelled the run".to_owned(), vec![4]));
    }

    #[test]
    fn each_kind_of_error_says_whether_it_is_tried_again() {
        let retries = Retries::of(&Settings::default());
        let retried = |kind| of_kind(kind, &retries).remove(2);
        assert!(retried(ErrorKind::Overloaded).starts_with("It is tried again: up to 3 attempts"));
        assert!(retried(ErrorKind::VerifyFailed).starts_with("It is tried again only where its step says"));
        assert!(retried(ErrorKind::AuthFailed).starts_with("It is not tried again by itself"));
        assert!(retried(ErrorKind::OwnerLost).contains("three times in a row"));
    }
}
