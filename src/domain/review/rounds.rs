//! Reviews in rounds: what a reviewer's pass comes to, and when the work that was reviewed is sent back.
//!
//! # How it works
//!
//! Several tasks may review the work of one, and persons beside them. As soon as all of these tasks have settled, each with a
//! verdict, and one of them or a person asks for changes, the work goes back to whoever did it, with what was found, and is reviewed anew after that. That follows
//! from the state of the run alone, so whoever takes a run over comes to the same. Where no round is left, the reviewer
//! that still asks for changes needs a person.

use super::agreeing::agree;
use super::by_person::PersonReview;
use super::deciding::Decision;
use super::foreign::is_unparsable;
use super::passes;
use super::report::{Agreed, Pass};
use crate::domain::event::{Event, Outcome};
use crate::domain::finding::{Finding, Severity};
use crate::domain::judgement::Judgement;
use crate::domain::quoted::quote;
use crate::domain::run::Run;
use crate::domain::submission::{HandedIn, ReviewBody, ReviewVerdict};
use crate::domain::task::{Task, TaskState};
use crate::domain::words::{clean_line, clean_text};
use std::fmt::Write;

/// What is as grave as this asks for changes, unless the task says otherwise.
const GRAVE: Severity = Severity::Error;
/// What the reason of a reviewer's task begins with that needs a person because no round is left.
pub const STILL_REQUESTED: &str = "changes are still requested";
/// The most bytes of what is told of a round.
const MAX_NOTE: usize = 48 * 1024;
/// The most bytes of one review's or one finding's words in it.
const MAX_WORDS: usize = 4 * 1024;
/// The most bytes of a quote or of a suggestion in it.
const MAX_QUOTE: usize = 1024;

/// The round that a task is in: one that was sent back, or one that reviews it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// How many there may be.
    pub limit: u32,
    /// The verdicts and findings because of which it began.
    pub note: String,
    /// The fingerprints of these findings.
    pub open: Vec<String>,
    /// Id of the commit that was reviewed.
    pub since: Option<String>,
    /// How many attempts the task had made before.
    pub attempts_before: usize,
}

/// Tells whether a review asks for changes. The findings decide, whatever the verdict; the verdict decides alone where there
/// are none. What was dismissed asks for nothing.
pub fn asks_for_changes(run: &Run, review: &ReviewBody, fail_on: Option<Severity>) -> bool {
    let asks = |finding: &Finding| {
        finding.severity >= fail_on.unwrap_or(GRAVE) && !is_dismissed(run, &finding.fingerprint)
    };
    match review.findings.is_empty() {
        true => review.verdict == ReviewVerdict::ChangesRequested,
        false => review.findings.iter().any(asks),
    }
}

/// Tells whether a finding was dismissed: in this run, or in another one before this one began.
fn is_dismissed(run: &Run, fingerprint: &str) -> bool {
    match run.decisions.get(fingerprint) {
        Some(last) => last.decision == Decision::Dismissed,
        None => {
            let mut reviewers = run.tasks.iter().filter_map(|task| task.spec.reviews.as_ref());
            reviewers.any(|reviews| reviews.quiet.iter().any(|quiet| quiet == fingerprint))
        }
    }
}

/// Returns the tasks that review the work of another one.
pub fn reviewers_of<'a>(run: &'a Run, task: &'a Task) -> impl Iterator<Item = &'a Task> {
    run.tasks.iter().filter(|other| other.reviewed_task() == Some(&task.spec.id))
}

/// Returns those of them that are not left out by a condition of their own.
fn taking_part<'a>(run: &'a Run, task: &'a Task) -> impl Iterator<Item = &'a Task> {
    reviewers_of(run, task).filter(|other| other.state != TaskState::Skipped || !other.skipped_by_condition)
}

/// Returns how often a task may be sent back by those who review it.
pub fn limit_of(run: &Run, task: &Task) -> u32 {
    let rounds = |reviewer: &Task| reviewer.spec.reviews.as_ref().map_or(0, |reviews| reviews.rounds);
    reviewers_of(run, task).map(rounds).max().unwrap_or(0)
}

/// Tells whether a task can be sent back: it is done, or was never asked for.
pub fn may_be_sent_back(task: &Task) -> bool {
    match task.state {
        TaskState::Completed => true,
        TaskState::Queued | TaskState::Skipped => task.spec.on_request && !task.asked_for,
        _ => false,
    }
}

/// Returns the rounds that begin now.
pub fn due(run: &Run) -> Vec<Event> {
    let mut seen = Vec::new();
    let mut events = Vec::new();
    for worker in run.tasks.iter().filter_map(Task::reviewed_task) {
        if !seen.contains(&worker) {
            seen.push(worker);
            events.extend(run.task(worker).and_then(|worker| due_for(run, worker)));
        }
    }
    events
}

/// Returns the round that begins for a task whose reviewers have all come to a verdict, where one of them or a person asks
/// for changes.
pub fn due_for(run: &Run, worker: &Task) -> Option<Event> {
    let round = worker.rounds() + 1;
    if round > limit_of(run, worker) || !may_be_sent_back(worker) {
        return None;
    }
    let reviewers: Vec<&Task> = taking_part(run, worker).collect();
    let reviews: Option<Vec<(&Task, &ReviewBody)>> = reviewers.iter().map(|task| concluded(task)).collect();
    let reviews = reviews?;
    let asks = |(task, review): &(&Task, &ReviewBody)| {
        asks_for_changes(run, review, task.spec.reviews.as_ref().and_then(|reviews| reviews.fail_on))
    };
    let persons: Vec<&PersonReview> =
        run.standing_reviews().filter(|one| one.of.as_ref() == Some(&worker.spec.id)).collect();
    let any = reviews.iter().any(asks) || persons.iter().any(|one| one.asks_for_changes_of(worker));
    let of_tasks = reviews.iter().map(|(task, review)| Voice {
        name: task.spec.reviewer().unwrap_or_else(|| task.spec.id.to_string()),
        who: task.spec.id.to_string(),
        review,
    });
    let of_persons =
        persons.iter().map(|one| Voice { name: one.by.clone(), who: "a person".into(), review: &one.review });
    any.then(|| Event::ReviewRoundBegun {
        task: worker.spec.id.clone(),
        reviewers: reviewers.iter().map(|task| task.spec.id.clone()).collect(),
        round,
        note: note(run, &of_tasks.chain(of_persons).collect::<Vec<_>>()),
    })
}

/// What follows from a person's review that asks for changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The run has nobody to send the work back to, or nothing is asked for.
    Nothing,
    /// The work went back, in this round of so many.
    Round { number: u32, limit: u32 },
    /// It goes back as soon as all reviewers have come to a verdict.
    WaitsForReviewers,
    /// No round is left of so many.
    NoRoundLeft { limit: u32 },
    /// A reviewer has come to no verdict, or the work is in no state to be sent back.
    Stuck,
}

/// Says what follows from a person's review, as things stand after it.
pub fn follows(run: &Run, said: &PersonReview) -> Follows {
    let Some(worker) = said.of.as_ref().and_then(|id| run.task(id)) else { return Follows::Nothing };
    let limit = limit_of(run, worker);
    match () {
        () if !said.asks_for_changes_of(worker) => Follows::Nothing,
        () if worker.rounds() > said.round => Follows::Round { number: said.round + 1, limit },
        () if said.round >= limit => Follows::NoRoundLeft { limit },
        () if reviewers_of(run, worker).any(|task| !task.state.is_settled()) => Follows::WaitsForReviewers,
        () => Follows::Stuck,
    }
}

/// Tells whether those who review a task ask for changes of its work, as soon as all of them are through; nothing where
/// somebody is at it yet, or where nobody does and not all have come to a verdict.
pub fn joint_verdict(run: &Run, worker: &Task) -> Option<bool> {
    let mut verdicts = Vec::new();
    for task in taking_part(run, worker) {
        if !task.state.is_settled() {
            return None;
        }
        let fail_on = task.spec.reviews.as_ref().and_then(|reviews| reviews.fail_on);
        let review = task.pass().filter(|_| !matches!(passes::pass(task), Pass::Incomplete { .. }));
        verdicts.push(review.map(|review| asks_for_changes(run, review, fail_on)));
    }
    let a_person_asks = || run.standing_reviews().any(|one| one.asks_for_changes_of(worker));
    match verdicts.contains(&Some(true)) || a_person_asks() {
        true => Some(true),
        false => (!verdicts.is_empty() && !verdicts.contains(&None)).then_some(false),
    }
}

/// Returns the review that a reviewer has come to, where it has.
fn concluded(task: &Task) -> Option<(&Task, &ReviewBody)> {
    let review = task.pass().filter(|review| !is_unparsable(review))?;
    (task.state == TaskState::Completed).then_some((task, review))
}

/// Returns the judgement on a reviewer's attempt; where it asks for changes and no round is left, that a person has to look.
pub fn unless_no_round_is_left(
    run: &Run,
    reviewer: &Task,
    handed_in: Option<&HandedIn>,
    judgement: Judgement,
) -> Judgement {
    let worker = reviewer.reviewed_task().and_then(|worker| run.task(worker));
    let (Some(worker), Outcome::Succeeded) = (worker, judgement.outcome) else { return judgement };
    let limit = limit_of(run, worker);
    let fail_on = reviewer.spec.reviews.as_ref().and_then(|reviews| reviews.fail_on);
    let Some(HandedIn::Review(review)) = handed_in else { return judgement };
    let asks = asks_for_changes(run, review, fail_on) && !is_unparsable(review);
    if limit == 0 || worker.rounds() < limit || !asks {
        return judgement;
    }
    let rounds = if limit == 1 { "1 round".to_owned() } else { format!("{limit} rounds") };
    let reason = format!("{STILL_REQUESTED} after {rounds}");
    Judgement { outcome: Outcome::NeedsReview, error_kind: None, reason }
}

/// Who says something in a round.
struct Voice<'a> {
    name: String,
    /// Their task, or what they are.
    who: String,
    review: &'a ReviewBody,
}

/// Says what several reviewers found, worst first, without what was dismissed.
fn note(run: &Run, voices: &[Voice<'_>]) -> String {
    let mut note = String::new();
    for Voice { name, who, review } in voices {
        let verdict = match review.verdict {
            ReviewVerdict::Approved => "approved",
            ReviewVerdict::ChangesRequested => "changes requested",
        };
        let _ = writeln!(note, "{} ({who}): {verdict}", clean_line(name, 100));
        let body = review.body.trim();
        if !body.is_empty() {
            let _ = writeln!(note, "{}", indented(body, MAX_WORDS));
        }
    }
    let found = voices.iter().flat_map(|voice| {
        let counts = |finding: &&Finding| !is_dismissed(run, &finding.fingerprint);
        let counting = voice.review.findings.iter().filter(counts);
        counting.map(|finding| (voice.name.clone(), finding.clone())).collect::<Vec<_>>()
    });
    let found = agree(found);
    for (at, agreed) in found.iter().enumerate() {
        let words = words_of(agreed);
        if note.len() + words.len() > MAX_NOTE {
            let _ = write!(note, "\n{} more findings, none of them graver.\n", found.len() - at);
            break;
        }
        note.push_str(&words);
    }
    note
}

fn words_of(Agreed { finding, reviewers, .. }: &Agreed) -> String {
    let Finding { severity, file, start_line, end_line, title, fingerprint, .. } = finding;
    let place = match (*start_line, *end_line) {
        (0, _) => clean_line(&quote(file), 300),
        (first, last) if last <= first => format!("{}:{first}", clean_line(&quote(file), 300)),
        (first, last) => format!("{}:{first}-{last}", clean_line(&quote(file), 300)),
    };
    let print = if fingerprint.is_empty() { String::new() } else { format!("  [{fingerprint}]") };
    let mut words = format!("\n- {severity}  {place}{print}  {title}   ({})\n", reviewers.join(", "));
    let suggestion = finding.suggestion.as_deref().unwrap_or_default();
    let parts = [
        ("quote", finding.quote.as_str(), MAX_QUOTE),
        ("", finding.body.as_str(), MAX_WORDS),
        ("suggestion", suggestion, MAX_QUOTE),
    ];
    for (what, text, most) in parts.into_iter().filter(|(_, text, _)| !text.trim().is_empty()) {
        if !what.is_empty() {
            let _ = writeln!(words, "  {what}:");
        }
        let _ = writeln!(words, "{}", indented(text, most));
    }
    words
}

fn indented(text: &str, most: usize) -> String {
    format!("  {}", clean_text(text.trim(), most).replace('\n', "\n  "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TaskId;
    use crate::domain::review::foreign::UNPARSABLE;
    use crate::domain::review::target::Reviews;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::task::TaskSpec;
    use crate::domain::time::Time;
    use serde_json::{Value, json};

    fn id(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn reviewer(name: &str, rounds: u32) -> TaskSpec {
        let reviews = Reviews { task: Some(id("work")), rounds, ..Reviews::default() };
        TaskSpec { reviews: Some(reviews), ..spec(name, &[]) }
    }

    fn finding(severity: &str, file: &str) -> Value {
        json!({"severity": severity, "category": "race", "file": file, "start_line": 3, "end_line": 4, "title": "t",
            "body": "why", "quote": "a\nb", "suggestion": "c", "fingerprint": format!("print-{file}")})
    }

    fn review(verdict: &str, findings: &[Value]) -> HandedIn {
        serde_json::from_value(json!({"review": {"verdict": verdict, "body": "words", "findings": findings}}))
            .unwrap()
    }

    /// Lets an attempt of a task hand something in and end.
    fn end(run: &mut Run, task: &str, handed_in: Option<HandedIn>, outcome: Outcome) {
        let number = run.task(&id(task)).unwrap().attempts.len() as u32 + 1;
        run.apply(Time(1), &started(task, number)).unwrap();
        if let Some(handed_in) = handed_in {
            let (task, request) = (id(task), "r".to_owned());
            let ignored = Vec::new();
            run.apply(
                Time(1),
                &Event::SubmissionAccepted { task, attempt: number, request, handed_in, ignored },
            )
            .unwrap();
        }
        run.apply(Time(2), &ended(task, number, outcome, None)).unwrap();
    }

    fn reviewed(specs: Vec<TaskSpec>, passes: Vec<(&str, Option<HandedIn>, Outcome)>) -> Run {
        let mut run = run_of([vec![spec("work", &[])], specs].concat());
        end(&mut run, "work", None, Outcome::Succeeded);
        passes.into_iter().for_each(|(task, handed_in, outcome)| end(&mut run, task, handed_in, outcome));
        run
    }

    #[test]
    fn findings_decide_and_the_verdict_where_there_are_none() {
        let rows: [(&str, &[&str], Option<Severity>, bool); 7] = [
            ("changes_requested", &[], None, true),
            ("approved", &[], None, false),
            ("changes_requested", &["warning", "info"], None, false),
            ("approved", &["info", "error"], None, true),
            ("changes_requested", &["warning"], Some(Severity::Warning), true),
            ("changes_requested", &["error"], Some(Severity::Blocker), false),
            ("approved", &["blocker"], Some(Severity::Blocker), true),
        ];
        let mut run = run_of(vec![spec("work", &[])]);
        for (verdict, findings, fail_on, expected) in rows {
            let findings: Vec<Value> = findings.iter().map(|severity| finding(severity, "a.rs")).collect();
            let HandedIn::Review(review) = review(verdict, &findings) else { panic!("a review") };
            assert_eq!(
                asks_for_changes(&run, &review, fail_on),
                expected,
                "{verdict} {findings:?} {fail_on:?}"
            );
        }
        // What was dismissed asks for nothing, whatever else stands beside it.
        let HandedIn::Review(review) = review("changes_requested", &[finding("error", "a.rs")]) else {
            panic!("a review")
        };
        for (decision, asks) in [("reopened", true), ("resolved", true), ("dismissed", false)] {
            let event = json!({"kind": "finding_decided", "fingerprint": "print-a.rs", "decision": decision, "by": "Ann",
                "why": "no"});
            run.apply(Time(1), &serde_json::from_value::<Event>(event).unwrap()).unwrap();
            assert_eq!(asks_for_changes(&run, &review, None), asks, "{decision}");
        }
    }

    #[test]
    fn a_round_begins_when_everybody_has_come_to_a_verdict_and_somebody_asks_for_changes() {
        use Outcome::{Failed, NeedsReview, Succeeded};
        let changes = || Some(review("changes_requested", &[finding("error", "a.rs")]));
        let approved = || Some(review("approved", &[]));
        let unread = json!({"severity": "warning", "category": UNPARSABLE, "file": "", "title": "t"});
        let unread = || Some(review("changes_requested", &[unread.clone(), finding("error", "b.rs")]));
        let noop: HandedIn = serde_json::from_value(json!({"noop": {"reason": "r"}})).unwrap();
        let rows = [
            (vec![("a", changes(), Succeeded), ("b", approved(), Succeeded)], true),
            (vec![("a", approved(), Succeeded), ("b", approved(), Succeeded)], false),
            // Somebody has not come to a verdict yet, or never does.
            (vec![("a", changes(), Succeeded)], false),
            (vec![("a", changes(), Succeeded), ("b", None, Failed)], false),
            (vec![("a", changes(), Succeeded), ("b", changes(), NeedsReview)], false),
            (vec![("a", changes(), Succeeded), ("b", Some(noop), Succeeded)], false),
            (vec![("a", changes(), Succeeded), ("b", unread(), Succeeded)], false),
        ];
        for (at, (passes, expected)) in rows.into_iter().enumerate() {
            let mut run = reviewed(vec![reviewer("a", 2), reviewer("b", 0)], passes);
            let due = due(&run);
            assert_eq!(due.len(), usize::from(expected), "row {at}: {due:?}");
            for event in due {
                run.apply(Time(3), &event).unwrap();
                assert!(
                    run.tasks
                        .iter()
                        .all(|task| task.state == TaskState::Queued && task.new_round().is_some())
                );
                assert!(run.apply(Time(3), &event).is_err(), "it begins once");
            }
            assert!(super::due(&run).is_empty());
        }
    }

    #[test]
    fn a_verdict_of_all_needs_all_of_them_to_be_through() {
        use Outcome::{Failed, NeedsReview, Succeeded};
        let changes = || Some(review("changes_requested", &[finding("error", "a.rs")]));
        let slight = || Some(review("changes_requested", &[finding("info", "a.rs")]));
        let approved = || Some(review("approved", &[]));
        let rows = [
            (vec![("a", changes(), Succeeded)], None),
            (vec![("a", changes(), Succeeded), ("b", approved(), Succeeded)], Some(true)),
            (vec![("a", slight(), Succeeded), ("b", approved(), Succeeded)], Some(false)),
            (vec![("a", approved(), Succeeded), ("b", None, Failed)], None),
            (vec![("a", changes(), Succeeded), ("b", None, Failed)], Some(true)),
            (vec![("a", changes(), NeedsReview), ("b", approved(), Succeeded)], None),
        ];
        for (at, (passes, expected)) in rows.into_iter().enumerate() {
            let run = reviewed(vec![reviewer("a", 2), reviewer("b", 0)], passes);
            assert_eq!(joint_verdict(&run, &run.tasks[0]), expected, "row {at}");
        }
    }

    #[test]
    fn who_still_asks_for_changes_when_no_round_is_left_needs_a_person() {
        let changes = || review("changes_requested", &[finding("error", "a.rs")]);
        let mut run = reviewed(vec![reviewer("a", 1)], vec![("a", Some(changes()), Outcome::Succeeded)]);
        let judge = |run: &Run, handed_in: &HandedIn| {
            let good = Judgement { outcome: Outcome::Succeeded, error_kind: None, reason: String::new() };
            unless_no_round_is_left(run, &run.tasks[1], Some(handed_in), good)
        };
        assert_eq!(judge(&run, &changes()).outcome, Outcome::Succeeded, "a round is left");
        let begun = due(&run).remove(0);
        run.apply(Time(3), &begun).unwrap();
        let left = judge(&run, &changes());
        let reason = "changes are still requested after 1 round";
        assert_eq!((left.outcome, left.reason.as_str()), (Outcome::NeedsReview, reason));
        assert_eq!(judge(&run, &review("approved", &[])).outcome, Outcome::Succeeded);
        // A person who accepts that takes the work as it is: no round follows.
        end(&mut run, "work", None, Outcome::Succeeded);
        end(&mut run, "a", Some(changes()), Outcome::Succeeded);
        assert!(due(&run).is_empty());
        assert!(
            run.apply(
                Time(4),
                &Event::ReviewRoundBegun {
                    task: id("work"),
                    reviewers: vec![id("a")],
                    round: 2,
                    note: String::new()
                }
            )
            .is_err()
        );
    }

    #[test]
    fn a_person_who_asks_for_changes_is_one_of_the_reviewers_of_the_work_as_it_is() {
        let approved = || Some(review("approved", &[]));
        let mut run = reviewed(vec![reviewer("a", 1)], vec![("a", approved(), Outcome::Succeeded)]);
        let hand_in = |run: &mut Run, body: &str| {
            let said =
                json!({"verdict": "changes_requested", "body": body, "findings": [finding("info", "p.rs")]});
            let said: ReviewBody = serde_json::from_value(said).unwrap();
            let events = crate::domain::review::by_person::hand_in(run, &said, "Ann").unwrap();
            for event in &events {
                run.apply(Time(3), event).unwrap();
            }
            run.person_reviews.last().unwrap().clone()
        };
        let first = hand_in(&mut run, "It leaks.");
        assert_eq!(follows(&run, &first), Follows::Stuck, "nobody has begun it yet");
        let begun = due(&run).remove(0);
        let Event::ReviewRoundBegun { note, .. } = &begun else { panic!("a round") };
        assert!(note.contains("Ann (a person): changes requested\n  It leaks."), "{note}");
        run.apply(Time(4), &begun).unwrap();
        assert_eq!(follows(&run, &first), Follows::Round { number: 1, limit: 1 });
        let open = &run.tasks[1].new_round().unwrap().open;
        assert_eq!(open, &["print-p.rs"], "a reviewer may say that it is resolved");
        // What was said of older work begins no further round, and they may say something else now.
        assert_eq!(run.standing_reviews().count(), 0);
        let second = hand_in(&mut run, "It still leaks.");
        assert_eq!(follows(&run, &second), Follows::NoRoundLeft { limit: 1 });
        end(&mut run, "work", None, Outcome::Succeeded);
        end(&mut run, "a", approved(), Outcome::Succeeded);
        assert!(due(&run).is_empty());
        let mut early = reviewed(vec![reviewer("a", 1)], vec![]);
        let said = hand_in(&mut early, "It leaks.");
        assert_eq!((follows(&early, &said), due(&early).len()), (Follows::WaitsForReviewers, 0));
        end(&mut early, "a", approved(), Outcome::Succeeded);
        assert_eq!(due(&early).len(), 1);
    }

    #[test]
    fn what_nobody_asked_for_is_sent_what_was_found_and_waits_no_more() {
        let waits = TaskSpec { on_request: true, ..spec("work", &[]) };
        let mut run = run_of(vec![waits, reviewer("a", 3)]);
        assert!(run.tasks[0].is_unasked() && run.tasks[0].lets_dependents_go());
        end(&mut run, "a", Some(review("approved", &[])), Outcome::Succeeded);
        assert!(due(&run).is_empty());
        let mut asked = run_of(run.tasks.iter().map(|task| task.spec.clone()).collect());
        end(&mut asked, "a", Some(review("changes_requested", &[])), Outcome::Succeeded);
        let begun = due(&asked).remove(0);
        asked.apply(Time(3), &begun).unwrap();
        assert!(!asked.tasks[0].is_unasked() && !asked.tasks[0].lets_dependents_go());
    }

    #[test]
    fn the_note_tells_the_worst_first_and_is_bounded() {
        let many: Vec<Value> = (0..5_000)
            .map(|at| finding(if at == 70 { "blocker" } else { "error" }, &format!("f{at}")))
            .collect();
        let run = reviewed(
            vec![reviewer("a", 1)],
            vec![("a", Some(review("approved", &many)), Outcome::Succeeded)],
        );
        let Event::ReviewRoundBegun { note, .. } = due(&run).remove(0) else { panic!("a round") };
        assert!(note.len() < MAX_NOTE + 200, "{}", note.len());
        let first =
            "- blocker  f70:3-4  [print-f70]  t   (sh)\n  quote:\n  a\n  b\n  why\n  suggestion:\n  c\n";
        assert!(note.starts_with(&format!("sh (a): approved\n  words\n\n{first}")), "{}", &note[..300]);
        assert!(note.ends_with("more findings, none of them graver.\n"));
    }
}
