//! Putting settled tasks back to the queue because a person says so: which may go, and what comes back with them.
//!
//! What goes away by itself or after a repair may go without more. Where the agent's work itself was wrong, another
//! attempt as before is likely to end as before, so a person says why it should not.

use super::budget::{Ledger, Level, What};
use super::error_kind::{ErrorClass, ErrorKind};
use super::event::Event;
use super::gate::{MAX_NOTE, PersonWord};
use super::id::{RunId, TaskId};
use super::request::{Answer, Code, refused};
use super::run::Run;
use super::schedule;
use super::task::{Task, TaskState, Work};
use super::time::Time;
use super::words::{clean_line, clean_text};
use serde::{Deserialize, Serialize};

/// The most characters of a reason, or of the name of an agent or a model.
const MAX_WORDS: usize = 300;

/// What a person asks for beside the task's going back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// For the agent that works on it next.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Why it may go although its work was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced: Option<String>,
    /// The agent that works on it from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The model that it works with from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The review that asks for changes of what it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<RunId>,
}

impl Asked {
    /// Lets another agent or another model do it. A model was chosen for its agent, so it goes with it.
    pub fn change(&self, work: &mut Work) {
        let Work::Agent { program, model, fallback_models, .. } = work else { return };
        if let Some(agent) = self.agent.as_ref().filter(|agent| *agent != program) {
            program.clone_from(agent);
            *model = None;
            fallback_models.clear();
        }
        if self.model.is_some() {
            model.clone_from(&self.model);
            fallback_models.clear();
        }
    }

    /// Returns what the agent is told that works on it next. `failed` is the kind of the error of the attempt before.
    pub fn word(&self, by: &str, failed: Option<ErrorKind>) -> Option<PersonWord> {
        let to = failed.map_or("did not do".to_owned(), |kind| format!("failed ({kind})"));
        let to = match &self.sent_by {
            Some(_) => "What you made was reviewed, and changes are asked for".to_owned(),
            None => format!("An earlier attempt at this task {to}"),
        };
        (!self.note.is_empty()).then(|| PersonWord {
            to,
            said: self.note.clone(),
            by: by.to_owned(),
            is_requeue: true,
        })
    }
}

/// What a person wants to have done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// At least one.
    pub tasks: Vec<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The review that asks for changes of what they made; what is completed goes back only for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_by: Option<RunId>,
}

/// Returns the tasks that a person may mean who names a run and no task, in the order of the workflow. What was skipped
/// comes back with what it was skipped for.
pub fn candidates(run: &Run, failed_only: bool) -> Vec<&Task> {
    let meant = |task: &&Task| match task.state {
        TaskState::Failed => true,
        TaskState::NeedsReview | TaskState::Cancelled => !failed_only,
        _ => false,
    };
    run.tasks.iter().filter(meant).collect()
}

/// Returns the kind of the error because of which a task stands where it does, and what may be done about it. One that was
/// skipped or cancelled did nothing wrong.
pub fn error_of(task: &Task) -> Option<(ErrorKind, ErrorClass)> {
    let stands = matches!(task.state, TaskState::Failed | TaskState::NeedsReview);
    task.error_kind().filter(|_| stands).map(|kind| (kind, kind.class()))
}

/// Tells whether a task goes back only for a reason.
pub fn needs_force(task: &Task) -> bool {
    error_of(task).is_some_and(|(_, class)| class == ErrorClass::Content)
}

/// Decides whether the tasks of an order may go back, and says why not for the first that may not.
pub fn check(run: &Run, order: &Order, now: Time) -> Result<Vec<usize>, Answer> {
    let unknown = |task: &TaskId| {
        refused(Code::UnknownTask, format!("there is no task {task} in this run"), "crew status shows them")
    };
    let places: Result<Vec<usize>, Answer> =
        order.tasks.iter().map(|task| run.place(task).ok_or_else(|| unknown(task))).collect();
    let mut places = places?;
    places.sort_unstable();
    places.dedup();
    if places.is_empty() {
        return Err(refused(Code::Invalid, "no task is named", "crew requeue RUN TASK"));
    }
    let ledger = Ledger::of(run);
    places.iter().try_for_each(|place| check_place(run, &ledger, *place, order, now))?;
    Ok(places)
}

/// Decides whether the task at `place` may go back with the others of an order, and says why not.
pub fn check_one(run: &Run, place: usize, order: &Order, now: Time) -> Result<(), Answer> {
    check_place(run, &Ledger::of(run), place, order, now)
}

fn check_place(run: &Run, ledger: &Ledger, place: usize, order: &Order, now: Time) -> Result<(), Answer> {
    let task = &run.tasks[place];
    let id = &task.spec.id;
    check_state(task, order.sent_by.is_some())?;
    if (order.agent.is_some() || order.model.is_some()) && !task.spec.is_for_agent() {
        let message = format!("no agent works on {id}: it is a {} step", task.spec.role());
        return Err(refused(Code::NotFitting, message, "leave --agent and --model out"));
    }
    // What is wrong with its work is what it is told.
    if order.sent_by.is_none()
        && needs_force(task)
        && order.force.as_ref().is_none_or(|reason| reason.trim().is_empty())
    {
        let kind = task.error_kind().map_or("", ErrorKind::name);
        let message =
            format!("{id} failed for what was made of it ({kind}); again the same is likely to end the same");
        let hint = "say why it is worth it: --force REASON   (--with-note TEXT tells its agent what to do otherwise)";
        return Err(refused(Code::NeedsForce, message, hint));
    }
    if let Some(why) = schedule::would_skip(run, place, &|on| order.tasks.contains(&run.tasks[on].spec.id)) {
        let message = format!("task {id} would be skipped again: {why}");
        let hint = match task.state {
            TaskState::Skipped => "requeue what it depends on, and it comes back with that".to_owned(),
            _ => format!("requeue what it depends on first, and then {id}: it does not come back by itself"),
        };
        return Err(refused(Code::WouldBeSkipped, message, hint));
    }
    // While nobody owns a run, its time stands still.
    let at = if run.owned_since.is_some() { now } else { run.last_at };
    // Its attempts are counted anew.
    if let Some(budget) = ledger.used_up_but_attempts(place, &task.spec, at) {
        let message = format!("no budget is left for {id}: {budget}");
        let hint = match (budget.level, budget.what) {
            (Level::Run, What::Attempts | What::ToolCalls) => {
                format!("crew resume {} --set budget.{}=N takes it up again", run.id, budget.what.name())
            }
            (Level::Run, _) => {
                let more = "a larger budget (--max-cost, --max-tokens, --max-time)";
                format!("crew resume {} with {more} takes it up again", run.id)
            }
            _ => "its workflow sets that limit; crew run begins another run, with all of it".to_owned(),
        };
        return Err(refused(Code::BudgetExceeded, message, hint));
    }
    Ok(())
}

/// Decides whether the task at `place` may go back alone, with a reason where it needs one, or says why not. `ledger` is that
/// of the run.
pub fn may_be_put_back(run: &Run, ledger: &Ledger, place: usize, now: Time) -> Result<(), String> {
    let (tasks, force) = (vec![run.tasks[place].spec.id.clone()], Some("asked".to_owned()));
    let order = Order { tasks, force, agent: None, model: None, sent_by: None };
    check_place(run, ledger, place, &order, now).map_err(|answer| match answer {
        Answer::Refused { message, hint, .. } => format!("{message}; {hint}"),
        Answer::Accepted { .. } => String::new(),
    })
}

/// What a person does so that a task is done again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// They put these back, one after the other.
    Requeue(Vec<TaskId>),
    /// They decide about this one first, which is in its way.
    Behind(TaskId),
    /// Its own condition does not hold.
    None,
}

/// Returns what a person does so that the task at `place` is done again. What was cancelled does not come back with what it
/// depends on, so that each is put back.
pub fn way_back(run: &Run, place: usize) -> WayBack {
    let mut back = vec![place];
    loop {
        let is_back = |on: usize| back.contains(&on);
        let held = back.iter().find(|at| schedule::would_skip(run, **at, &is_back).is_some());
        let Some(held) = held else { break };
        let blocker = schedule::blocked_by(run, *held, &is_back);
        match blocker.and_then(|task| Some((task, run.place(&task.spec.id)?))) {
            Some((task, on)) if matches!(task.state, TaskState::Cancelled | TaskState::Skipped) => {
                back.push(on)
            }
            Some((task, _)) => return WayBack::Behind(task.spec.id.clone()),
            None => return WayBack::None,
        }
    }
    let mut ordered: Vec<usize> = Vec::new();
    while !back.is_empty() {
        let is_free = |at: &usize| {
            run.tasks[*at]
                .spec
                .waits_on()
                .filter_map(|id| run.place(id))
                .all(|on| on == *at || !back.contains(&on))
        };
        // No task waits for itself, so that one is always free.
        let next = back.remove(back.iter().position(is_free).unwrap_or(0));
        if !comes_back(run, &ordered).contains(&next) {
            ordered.push(next);
        }
    }
    WayBack::Requeue(ordered.into_iter().map(|at| run.tasks[at].spec.id.clone()).collect())
}

/// Tells whether a task is in a state from which a person may put it back.
pub fn may_go_back(task: &Task) -> bool {
    check_state(task, false).is_ok()
}

/// Decides by its state alone whether a task may go back, and says why not.
fn check_state(task: &Task, is_sent: bool) -> Result<(), Answer> {
    let id = &task.spec.id;
    let others = "crew requeue takes what failed, needs review, was skipped or cancelled";
    match task.state {
        TaskState::Running => {
            let last = task.last().map(|last| format!(" (attempt {}, {})", last.number, last.agent));
            let message = format!("task {id} is not failed, it is running{}", last.unwrap_or_default());
            Err(refused(Code::Busy, message, format!("wait until it ends; {others}")))
        }
        TaskState::AwaitingInput => {
            let gate = task.waits_for.map(|gate| format!(" (gate {gate})")).unwrap_or_default();
            let message = format!("task {id} is not failed, it waits for you{gate}");
            Err(refused(Code::NotFailed, message, "crew gates shows what is to be decided"))
        }
        TaskState::Queued => {
            let reason = match task.reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            let message = format!("task {id} is not failed, it is queued{reason}");
            Err(refused(Code::NotFailed, message, "crew resume goes on with a run that nobody works on"))
        }
        TaskState::Completed if is_sent => Ok(()),
        TaskState::Completed => {
            let message = format!("task {id} is not failed, it is completed");
            Err(refused(Code::NotFailed, message, others))
        }
        TaskState::Failed | TaskState::NeedsReview | TaskState::Skipped | TaskState::Cancelled => Ok(()),
    }
}

/// Returns the tasks that come back when others go back to the queue: those that were skipped because of them, down the
/// line, those whose own condition asks about them, and those that were given up when one of them failed.
pub fn comes_back(run: &Run, requeued: &[usize]) -> Vec<usize> {
    let mut back = vec![false; run.tasks.len()];
    requeued.iter().for_each(|place| back[*place] = true);
    // A step may stand before those that it depends on.
    loop {
        let mut more = false;
        for place in 0..run.tasks.len() {
            if !back[place] && is_let_back(run, place, &back) {
                back[place] = true;
                more = true;
            }
        }
        if !more {
            break;
        }
    }
    requeued.iter().for_each(|place| back[*place] = false);
    (0..run.tasks.len()).filter(|place| back[*place]).collect()
}

fn is_let_back(run: &Run, place: usize, back: &[bool]) -> bool {
    let task = &run.tasks[place];
    let is_back = |id: &TaskId| run.place(id).is_some_and(|on| back[on]);
    let concerned = match task.state {
        TaskState::Skipped if task.skipped_by_condition => {
            let asked = task.spec.when.as_ref().map(|when| when.operands()).unwrap_or_default();
            asked.iter().filter_map(|operand| TaskId::parse(operand.step()?)).any(|id| is_back(&id))
        }
        TaskState::Skipped => task.spec.waits_on().any(is_back),
        TaskState::Cancelled => run.limits.fail_fast && task.given_up_with_others,
        _ => false,
    };
    concerned && schedule::would_skip(run, place, &|on| back[on]).is_none()
}

/// Says why a note is not taken.
pub fn check_note(note: &str) -> Result<(), Answer> {
    if note.len() <= MAX_NOTE {
        return Ok(());
    }
    let message = format!("the note is longer than {MAX_NOTE} bytes");
    Err(refused(Code::Invalid, message, "say it in fewer words"))
}

/// Puts tasks back to the queue, and what was skipped because of them; or says why not. All of them go, or none.
pub fn requeue(run: &Run, order: &Order, (by, note): (&str, &str), now: Time) -> Result<Vec<Event>, Answer> {
    let places = check(run, order, now)?;
    check_note(note)?;
    let line = |text: &Option<String>| text.as_ref().map(|text| clean_line(text, MAX_WORDS));
    let asked = Asked {
        note: clean_text(note.trim(), MAX_NOTE),
        forced: line(&order.force).filter(|why| !why.is_empty()),
        agent: line(&order.agent),
        model: line(&order.model),
        sent_by: order.sent_by.clone(),
    };
    let event = |place: &usize, reason: String, asked: Asked| Event::TaskRequeued {
        task: run.tasks[*place].spec.id.clone(),
        by: by.to_owned(),
        reason,
        asked,
    };
    let forced = asked.forced.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let names: Vec<&str> = places.iter().map(|place| run.tasks[*place].spec.id.as_str()).collect();
    let because = clean_line(&format!("{} was requeued", names.join(", ")), MAX_WORDS);
    let back = comes_back(run, &places);
    let because_of = match &order.sent_by {
        Some(review) => format!("sent back by {by}, with what review {review} found"),
        None => format!("requeued by {by}{forced}"),
    };
    let asked_for = places.iter().map(|place| event(place, because_of.clone(), asked.clone()));
    let following = back.iter().map(|place| event(place, because.clone(), Asked::default()));
    Ok(asked_for.chain(following).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error_kind::ErrorKind::*;
    use crate::domain::event::Outcome;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use crate::domain::task::TaskSpec;
    use crate::domain::when::When;

    fn id(name: &str) -> TaskId {
        TaskId::parse(name).unwrap()
    }

    fn order(names: &[&str]) -> Order {
        Order {
            tasks: names.iter().map(|name| id(name)).collect(),
            force: None,
            agent: None,
            model: None,
            sent_by: None,
        }
    }

    /// Lets an attempt of a task end.
    fn end(run: &mut Run, task: &str, outcome: Outcome, kind: Option<ErrorKind>) {
        let number = run.task(&id(task)).unwrap().attempts.len() as u32 + 1;
        run.apply(Time(1), &started(task, number)).unwrap();
        let mut event = ended(task, number, outcome, None);
        if let Event::AttemptEnded { error_kind, .. } = &mut event {
            *error_kind = kind;
        }
        run.apply(Time(2), &event).unwrap();
    }

    fn skip(run: &mut Run, task: &str, by_condition: bool) {
        let reason = String::new();
        run.apply(Time(3), &Event::TaskSkipped { task: id(task), reason, by_condition }).unwrap();
    }

    fn code(refused: Result<Vec<Event>, Answer>) -> Code {
        match refused {
            Err(Answer::Refused { code, .. }) => code,
            other => panic!("{other:?}"),
        }
    }

    /// Puts tasks back and returns the ids that went, in order.
    fn put_back(run: &mut Run, order: &Order) -> Vec<String> {
        let events = requeue(run, order, ("Ann", ""), Time(9)).unwrap();
        events.iter().for_each(|event| {
            run.apply(Time(9), event).unwrap();
        });
        events.iter().filter_map(|event| event.task().map(TaskId::to_string)).collect()
    }

    #[test]
    fn each_class_of_error_and_each_state_has_its_verdict() {
        let rows = [
            (Outcome::Failed, Some(RateLimited), None, None),
            (Outcome::Failed, Some(AuthFailed), None, None),
            (Outcome::Failed, Some(WorktreeFailed), None, None),
            (Outcome::Failed, Some(VerifyFailed), None, Some(Code::NeedsForce)),
            (Outcome::Failed, Some(VerifyFailed), Some(" "), Some(Code::NeedsForce)),
            (Outcome::Failed, Some(VerifyFailed), Some("the check was wrong"), None),
            (Outcome::Failed, Some(NoChange), None, Some(Code::NeedsForce)),
            (Outcome::Lost, Some(OwnerLost), None, None),
            (Outcome::NeedsReview, None, None, None),
            (Outcome::Cancelled, None, None, None),
            (Outcome::Succeeded, None, None, Some(Code::NotFailed)),
        ];
        for (outcome, kind, force, expected) in rows {
            let mut run = run_of(vec![spec("a", &[])]);
            end(&mut run, "a", outcome, kind);
            let order = Order { force: force.map(str::to_owned), ..order(&["a"]) };
            let found = match requeue(&run, &order, ("Ann", ""), Time(9)) {
                Err(Answer::Refused { code, .. }) => Some(code),
                _ => None,
            };
            assert_eq!(found, expected, "{outcome:?} {kind:?} {force:?}");
        }
    }

    #[test]
    fn what_was_cancelled_goes_back_one_after_the_other_and_what_was_skipped_with_its_cause() {
        let cancelled =
            |task: &str| Event::TaskCancelled { task: id(task), reason: String::new(), fail_fast: false };
        let way = |run: &Run, name: &str| way_back(run, run.place(&id(name)).unwrap());
        let ids = |names: &[&str]| WayBack::Requeue(names.iter().map(|name| id(name)).collect());
        let mut run = run_of(vec![spec("c", &["b", "a"]), spec("b", &["a"]), spec("a", &[])]);
        for task in ["a", "b", "c"] {
            run.apply(Time(1), &cancelled(task)).unwrap();
        }
        assert_eq!((way(&run, "a"), way(&run, "c")), (ids(&["a"]), ids(&["a", "b", "c"])));
        let Err(Answer::Refused { hint, .. }) = check(&run, &order(&["b"]), Time(9)) else { panic!() };
        assert_eq!(hint, "requeue what it depends on first, and then b: it does not come back by itself");
        for task in ["a", "b", "c"] {
            assert_eq!(put_back(&mut run, &order(&[task])), [task]);
        }
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"]), spec("c", &["b"])]);
        run.apply(Time(1), &cancelled("a")).unwrap();
        skip(&mut run, "b", false);
        skip(&mut run, "c", false);
        assert_eq!(way(&run, "c"), ids(&["a"]));
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"])]);
        end(&mut run, "a", Outcome::Failed, Some(Network));
        run.apply(Time(3), &cancelled("b")).unwrap();
        assert_eq!(way(&run, "b"), WayBack::Behind(id("a")));
    }

    #[test]
    fn the_attempts_that_a_task_may_have_are_counted_anew_when_it_is_put_back() {
        let mut limited = spec("a", &[]);
        limited.budget.attempts = Some(1);
        let mut run = run_of(vec![limited.clone()]);
        for round in 0..2 {
            assert_eq!(Ledger::of(&run).used_up(0, &limited, Time(9)), None, "round {round}");
            end(&mut run, "a", Outcome::Failed, Some(RateLimited));
            assert!(
                Ledger::of(&run).used_up(0, &limited, Time(9)).is_some_and(|budget| budget.is_of_attempts())
            );
            put_back(&mut run, &order(&["a"]));
        }
    }

    #[test]
    fn what_is_unknown_at_work_queued_or_waiting_is_each_refused_in_its_own_words() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        let ask = |run: &Run, name: &str| requeue(run, &order(&[name]), ("Ann", ""), Time(9));
        assert_eq!(code(ask(&run, "nobody")), Code::UnknownTask);
        assert_eq!(code(ask(&run, "a")), Code::NotFailed);
        run.apply(Time(1), &started("a", 1)).unwrap();
        assert_eq!(code(ask(&run, "a")), Code::Busy);
        assert_eq!(code(requeue(&run, &order(&[]), ("Ann", ""), Time(9))), Code::Invalid);
        end(&mut run, "b", Outcome::Failed, Some(Network));
        // One that may not go keeps the others.
        assert_eq!(code(requeue(&run, &order(&["b", "a"]), ("Ann", ""), Time(9))), Code::Busy);
        assert_eq!(put_back(&mut run, &order(&["b", "b"])), ["b"]);
        let again = ask(&run, "b");
        let Err(Answer::Refused { message, .. }) = &again else { panic!("{again:?}") };
        assert!(message.ends_with("it is queued: requeued by Ann"), "{message}");
    }

    #[test]
    fn what_was_skipped_because_of_it_comes_back_and_what_has_another_reason_does_not() {
        let mut run = run_of(vec![
            spec("c", &["b"]),
            spec("b", &["a"]),
            spec("a", &[]),
            spec("x", &[]),
            spec("both", &["a", "x"]),
        ]);
        end(&mut run, "a", Outcome::Failed, Some(Network));
        end(&mut run, "x", Outcome::Failed, Some(Network));
        ["b", "c", "both"].iter().for_each(|task| skip(&mut run, task, false));
        assert_eq!(code(requeue(&run, &order(&["b"]), ("Ann", ""), Time(9))), Code::WouldBeSkipped);
        let mut alone = run.clone();
        assert_eq!(put_back(&mut alone, &order(&["a"])), ["a", "c", "b"]);
        assert_eq!(put_back(&mut alone, &order(&["x"])), ["x", "both"]);
        assert_eq!(put_back(&mut run, &order(&["x", "a"])), ["a", "x", "c", "b", "both"]);
    }

    #[test]
    fn a_condition_that_may_come_out_otherwise_is_asked_again() {
        let when = |id: &str, condition: &str| TaskSpec {
            when: Some(When::parse(condition).unwrap()),
            ..spec(id, &["a"])
        };
        let mut run = run_of(vec![
            spec("a", &[]),
            when("if-good", "a.state == completed"),
            when("by-var", "vars.x == y && a.state == failed"),
        ]);
        let mut unrelated = spec("other", &[]);
        unrelated.when = Some(When::parse("vars.x == y").unwrap());
        run.apply(Time(0), &Event::TaskCreated { spec: unrelated }).unwrap();
        end(&mut run, "a", Outcome::Failed, Some(Network));
        ["if-good", "by-var", "other"].iter().for_each(|task| skip(&mut run, task, true));
        assert_eq!(put_back(&mut run, &order(&["a"])), ["a", "if-good", "by-var"]);
    }

    #[test]
    fn what_fail_fast_gave_up_comes_back_with_what_failed() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[]), spec("mine", &[])]);
        run.limits.fail_fast = true;
        end(&mut run, "a", Outcome::Failed, Some(Network));
        for (task, reason, fail_fast) in [("b", "in other words", true), ("mine", "no longer wanted", false)]
        {
            let event = Event::TaskCancelled { task: id(task), reason: reason.into(), fail_fast };
            run.apply(Time(3), &event).unwrap();
        }
        assert_eq!(put_back(&mut run, &order(&["a"])), ["a", "b"]);
        assert_eq!(put_back(&mut run, &order(&["mine"])), ["mine"]);
    }

    #[test]
    fn the_first_records_say_in_words_what_fail_fast_gave_up() {
        let reason = crate::domain::judgement::FAIL_FAST;
        let text = format!(r#"{{"kind":"task_cancelled","task":"b","reason":"{reason}"}}"#);
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        run.limits.fail_fast = true;
        end(&mut run, "a", Outcome::Failed, Some(Network));
        run.apply(Time(3), &serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(put_back(&mut run, &order(&["a"])), ["a", "b"]);
    }

    fn agent(model: Option<&str>) -> TaskSpec {
        let work = Work::Agent {
            role: "executor".into(),
            program: "one".into(),
            persona: String::new(),
            task: "t".into(),
            model: model.map(str::to_owned),
            fallback_models: vec!["second".into()],
            thinking: None,
            writes: true,
            submit_optional: false,
        };
        TaskSpec { work, ..spec("a", &[]) }
    }

    #[test]
    fn another_agent_begins_anew_and_is_told_the_note() {
        let mut run = run_of(vec![agent(Some("first")), spec("c", &[])]);
        end(&mut run, "a", Outcome::Failed, Some(ModelNotAvailable));
        assert_eq!(run.tasks[0].next_model(), Some("second"));
        let other = |agent: Option<&str>, model: Option<&str>| Order {
            agent: agent.map(str::to_owned),
            model: model.map(str::to_owned),
            ..order(&["a"])
        };
        let mut same = run.clone();
        put_back(&mut same, &order(&["a"]));
        assert_eq!((same.tasks[0].next_model(), same.tasks[0].has_another_model()), (Some("first"), true));
        let mut two = run.clone();
        put_back(&mut two, &other(Some("two"), None));
        assert_eq!((two.tasks[0].spec.program(), two.tasks[0].next_model()), ("two", None));
        let events =
            requeue(&run, &other(None, Some("third")), ("Ann", " use\u{1b}[31m the API "), Time(9)).unwrap();
        run.apply(Time(9), &events[0]).unwrap();
        assert_eq!((run.tasks[0].spec.program(), run.tasks[0].next_model()), ("one", Some("third")));
        let word = &run.tasks[0].words[0];
        assert!(word.is_requeue && word.by == "Ann", "{word:?}");
        assert!(word.to.starts_with("An earlier attempt at this task"), "{}", word.to);
        assert!(!run.tasks[0].words[0].said.contains('\u{1b}'));
        end(&mut run, "c", Outcome::Failed, Some(Unknown));
        let refused = Order { tasks: vec![id("c")], ..other(Some("two"), None) };
        assert_eq!(code(requeue(&run, &refused, ("Ann", ""), Time(9))), Code::NotFitting);
    }

    #[test]
    fn what_the_first_records_say_is_read() {
        let text =
            r#"{"kind":"task_requeued","task":"a","by":"crew resume","reason":"the budget was changed"}"#;
        let event: Event = serde_json::from_str(text).unwrap();
        assert!(matches!(&event, Event::TaskRequeued { asked, .. } if *asked == Asked::default()));
        assert_eq!(serde_json::to_string(&event).unwrap(), text);
    }

    #[test]
    fn retries_are_counted_anew() {
        let mut run = run_of(vec![spec("a", &[])]);
        end(&mut run, "a", Outcome::Failed, Some(Network));
        assert_eq!(crate::domain::retry::attempts_counted(&run.tasks[0]), 1);
        put_back(&mut run, &order(&["a"]));
        assert_eq!(crate::domain::retry::attempts_counted(&run.tasks[0]), 0);
        end(&mut run, "a", Outcome::Failed, Some(Network));
        assert_eq!(crate::domain::retry::attempts_counted(&run.tasks[0]), 1);
        assert_eq!(run.tasks[0].attempts.len(), 2);
    }

    #[test]
    fn finished_work_goes_back_for_what_a_review_found_and_for_nothing_else() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"])]);
        end(&mut run, "a", Outcome::Succeeded, None);
        assert_eq!(code(requeue(&run, &order(&["a"]), ("Ann", "n"), Time(9))), Code::NotFailed);
        let review = RunId::from_random(9);
        let sent = Order { sent_by: Some(review.clone()), ..order(&["a"]) };
        let events = requeue(&run, &sent, ("Ann", "it leaks"), Time(9)).unwrap();
        run.apply(Time(9), &events[0]).unwrap();
        let task = run.task(&id("a")).unwrap();
        assert_eq!((task.state, task.sent_back), (TaskState::Queued, true));
        assert_eq!(task.reason, format!("sent back by Ann, with what review {review} found"));
        assert!(task.words[0].to.starts_with("What you made was reviewed"));
        // Whoever is at it must not be disturbed, whatever was found.
        run.apply(Time(10), &started("a", 2)).unwrap();
        assert_eq!(code(requeue(&run, &sent, ("Ann", "it leaks"), Time(11))), Code::Busy);
    }

    #[test]
    fn a_task_whose_budget_is_used_up_is_refused_with_what_helps() {
        let mut spec = agent(None);
        spec.budget.attempts = Some(1);
        let mut run = run_of(vec![spec]);
        end(&mut run, "a", Outcome::Failed, Some(Network));
        let requeue = |run: &Run| requeue(run, &order(&["a"]), ("Ann", ""), Time(9));
        // Its own attempts are counted anew, those of the run are not.
        assert!(requeue(&run).is_ok());
        run.limits.budget.attempts = Some(1);
        assert_eq!(code(requeue(&run)), Code::BudgetExceeded);
    }
}
