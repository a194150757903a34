//! What the user sees of it all, and what each key does to that.

use super::lines::{Place, Row, rows};
use super::picture::{GateLine, Picture, RunLine, Standing, TaskLine};
use crate::domain::gate::GateId;
use crate::domain::id::{RunId, TaskId};
use crate::domain::time::Time;
use crate::ui::keys::Key;
use crate::ui::printer::Tone;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long an answer stays at the foot.
const ANSWER_STAYS: Duration = Duration::from_secs(10);
/// The most characters that are typed into a line.
const MAX_TYPED: usize = 500;

/// What the user chose, opened and typed.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub chosen: Option<Place>,
    /// The number of the chosen line, for when it goes.
    at: usize,
    /// The first line of the list that is shown.
    pub first: usize,
    pub opened: BTreeSet<RunId>,
    pub filter: String,
    /// Runs that have ended are shown too.
    pub all: bool,
    pub mode: Mode,
    /// What came of what was asked for, and until when that is shown.
    pub answer: Option<(String, Tone, Time)>,
    /// How many lines of the list and of a log there is room for.
    pub page: usize,
    /// How many lines the log or the help has that is shown, and how many of them there is room for.
    pub log_rows: (usize, usize),
}

/// What the keys go to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Mode {
    #[default]
    List,
    /// What the keys do, from this line on.
    Help {
        first: usize,
    },
    /// The filter is typed; what it was before.
    Filter {
        before: String,
    },
    Ask(Ask),
    /// The log of a task; how many lines from its end. It follows at 0.
    Log {
        place: Place,
        from_end: usize,
    },
}

/// A question that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    pub deed: Deed,
    /// What is typed, where words are asked for; else a key answers it.
    pub typed: Option<String>,
}

/// What is to be done about a run, as a command would do it.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    pub run: RunId,
    pub short: String,
    pub what: What,
    /// The note, or the answer.
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    Cancel(Option<TaskId>),
    Requeue(TaskId),
    /// The same although its work was wrong; the words say why.
    Force(TaskId),
    Approve(GateId),
    Reject(GateId),
    SendBack(GateId),
    Answer(GateId),
}

impl Deed {
    /// Returns what it is about: `7k2 execute`, `g4 of 7k2`.
    pub fn about(&self) -> String {
        let short = &self.short;
        match &self.what {
            What::Cancel(None) => short.clone(),
            What::Cancel(Some(task)) | What::Requeue(task) | What::Force(task) => format!("{short} {task}"),
            What::Approve(gate) | What::Reject(gate) | What::SendBack(gate) | What::Answer(gate) => {
                format!("{gate} of {short}")
            }
        }
    }

    /// Returns what it does, as a verb.
    pub fn verb(&self) -> &'static str {
        match self.what {
            What::Cancel(_) => "cancel",
            What::Requeue(_) | What::Force(_) => "put back",
            What::Approve(_) => "approve",
            What::Reject(_) => "reject",
            What::SendBack(_) => "send back",
            What::Answer(_) => "answer",
        }
    }

    /// Says what is asked before it is done, with the keys that answer.
    fn question(&self) -> String {
        let (verb, about) = (self.verb(), self.about());
        match self.what {
            What::Cancel(None) => format!("{verb} {about} and end all its agents?  y yes  w why  n no"),
            What::Cancel(Some(_)) => format!("{verb} {about}?  y yes  w why  n no"),
            What::Reject(_) => format!("{verb} {about}?  y it fails  w with a note  s send it back  n no"),
            _ => format!("{verb} {about}?  y yes  w with a note  n no"),
        }
    }
}

impl Ask {
    /// Returns the keys that answer alone, for where there is no room for the question.
    pub fn keys(&self) -> &'static str {
        match self.deed.what {
            What::Cancel(_) => "y yes  w why  n no",
            What::Reject(_) => "y fails  w note  s send back  n no",
            _ => "y yes  w note  n no",
        }
    }

    /// Returns what stands at the foot: the question, and what is typed where words are asked for.
    pub fn line(&self) -> (String, Option<&str>) {
        match &self.typed {
            None => (self.deed.question(), None),
            Some(typed) => {
                let words = match self.deed.what {
                    What::Answer(_) => "answer to",
                    What::SendBack(_) => "what is to be done, for",
                    What::Cancel(_) => "why, for",
                    What::Force(_) => "its work was wrong; why again, for",
                    _ => "note for",
                };
                (
                    format!("{words} {} (enter: {}, esc: no): ", self.deed.about(), self.deed.verb()),
                    Some(typed),
                )
            }
        }
    }
}

/// What a key asks of whoever shows the view.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Quit,
    Suspend,
    /// Draw all of it.
    Redraw,
    /// What was typed before a question was seen is no answer to it.
    ForgetTyped,
    Do(Deed),
}

impl View {
    /// Keeps what is chosen in the list: the same line, or where that is gone, the one in its place.
    pub fn settle(&mut self, picture: &Picture, now: Time) {
        let rows = rows(picture, &self.opened, &self.filter);
        let found = self.chosen.as_ref().and_then(|place| rows.iter().position(|row| row.place() == *place));
        // Of a task whose run was closed, the run stays.
        let run = self
            .chosen
            .as_ref()
            .and_then(|place| rows.iter().position(|row| row.task().is_none() && row.run().id == place.run));
        self.at = found.or(run).unwrap_or(self.at).min(rows.len().saturating_sub(1));
        self.chosen = rows.get(self.at).map(|row| row.place());
        self.answer.take_if(|(_, _, until)| *until <= now);
    }

    /// Returns the number of the chosen line.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Shows what came of something.
    pub fn tell(&mut self, words: impl Into<String>, tone: Tone, now: Time) {
        self.answer = Some((words.into(), tone, now.plus(ANSWER_STAYS)));
    }

    /// Returns the run and the task that are chosen.
    pub fn chosen_in<'a>(&self, picture: &'a Picture) -> Option<Row<'a>> {
        let place = self.chosen.as_ref()?;
        let run = picture.run(&place.run)?;
        match &place.task {
            None => Some(Row::Run(run)),
            Some(id) => run.tasks.iter().find(|task| task.id == *id).map(|task| Row::Task(run, task)),
        }
    }

    /// Returns the task whose log is of interest: the chosen one; of a run, the one that is worked on, or that was last.
    pub fn log_of(&self, picture: &Picture) -> Option<Place> {
        if let Mode::Log { place, .. } = &self.mode {
            return Some(place.clone());
        }
        let row = self.chosen_in(picture)?;
        let run = row.run();
        let begun = |task: &&TaskLine| task.log.is_some();
        let working =
            |task: &&TaskLine| matches!(task.standing, Standing::Working | Standing::Quiet(_)) && begun(task);
        let of_run = || run.tasks.iter().find(working).or_else(|| run.tasks.iter().rev().find(begun));
        let task = row.task().or_else(of_run).filter(begun)?;
        Some(Place { run: run.id.clone(), task: Some(task.id.clone()) })
    }

    /// Tells whether the whole log is wanted that is shown, and goes on to be.
    pub fn follows_log(&self) -> bool {
        matches!(self.mode, Mode::Log { from_end: 0, .. })
    }

    /// Takes in keys in their order. Those after one that opened a question are forgotten.
    pub fn press_all(&mut self, keys: Vec<Key>, picture: &Picture, now: Time) -> Vec<Order> {
        let mut orders = Vec::new();
        for key in keys {
            let order = self.press(key, picture, now);
            let stops = matches!(order, Some(Order::Quit | Order::ForgetTyped));
            orders.extend(order);
            if stops {
                break;
            }
        }
        orders
    }

    fn press(&mut self, key: Key, picture: &Picture, now: Time) -> Option<Order> {
        match key {
            Key::Ctrl('c') => return Some(Order::Quit),
            Key::Ctrl('z') => return Some(Order::Suspend),
            Key::Ctrl('l') => return Some(Order::Redraw),
            _ => {}
        }
        match std::mem::take(&mut self.mode) {
            Mode::List => self.press_in_list(&key, picture, now),
            Mode::Help { first } => {
                let (rows, room) = self.log_rows;
                let first = match key {
                    Key::Up | Key::Char('k') => first.saturating_sub(1),
                    Key::Down | Key::Char('j') => (first + 1).min(rows.saturating_sub(room)),
                    _ => return None,
                };
                self.mode = Mode::Help { first };
                None
            }
            Mode::Filter { before } => {
                self.press_in_filter(key, before);
                self.settle(picture, now);
                None
            }
            Mode::Ask(ask) => self.press_in_ask(key, ask, now),
            Mode::Log { place, from_end } => self.press_in_log(&key, place, from_end),
        }
    }

    fn press_in_list(&mut self, key: &Key, picture: &Picture, now: Time) -> Option<Order> {
        let count = rows(picture, &self.opened, &self.filter).len();
        let page = self.page.max(1);
        match key {
            Key::Char('q') => return Some(Order::Quit),
            Key::Up | Key::Char('k') => self.choose(self.at.saturating_sub(1), picture),
            Key::Down | Key::Char('j') => self.choose(self.at + 1, picture),
            Key::PageUp => self.choose(self.at.saturating_sub(page), picture),
            Key::PageDown => self.choose(self.at + page, picture),
            Key::Home | Key::Char('g') => self.choose(0, picture),
            Key::End | Key::Char('G') => self.choose(count, picture),
            Key::Enter | Key::Right | Key::Char(' ') => self.open(picture, *key != Key::Right, now),
            Key::Left => self.close(picture, now),
            Key::Char('?' | 'h') => self.mode = Mode::Help { first: 0 },
            Key::Char('/') => self.mode = Mode::Filter { before: self.filter.clone() },
            Key::Escape if !self.filter.is_empty() => {
                self.filter.clear();
                self.settle(picture, now);
            }
            Key::Char('e') => {
                self.all = !self.all;
                let words =
                    if self.all { "runs that have ended are shown" } else { "only what is open is shown" };
                self.tell(words, Tone::Faint, now);
            }
            Key::Char('l') => match self.log_of(picture) {
                Some(place) => self.mode = Mode::Log { place, from_end: 0 },
                None => self.tell("nothing has been printed yet", Tone::Faint, now),
            },
            Key::Char(letter @ ('c' | 'x' | 'a' | 'r')) => {
                let row = self.chosen_in(picture)?;
                return match wanted(*letter, row) {
                    Ok((what, words)) => {
                        let (run, short) = (row.run().id.clone(), row.run().short.clone());
                        let typed = matches!(what, What::Answer(_) | What::Force(_)).then(String::new);
                        let deed = Deed { run, short, what, words };
                        self.mode = Mode::Ask(Ask { deed, typed });
                        Some(Order::ForgetTyped)
                    }
                    Err(why) => {
                        self.tell(why, Tone::Attention, now);
                        None
                    }
                };
            }
            _ => {}
        }
        None
    }

    fn choose(&mut self, at: usize, picture: &Picture) {
        let rows = rows(picture, &self.opened, &self.filter);
        self.at = at.min(rows.len().saturating_sub(1));
        self.chosen = rows.get(self.at).map(|row| row.place());
    }

    /// Opens the chosen run; where it is open already, closes it again if that is what the key does.
    fn open(&mut self, picture: &Picture, or_close: bool, now: Time) {
        match self.chosen_in(picture) {
            Some(Row::Run(run)) if self.opened.insert(run.id.clone()) => {}
            Some(Row::Run(_)) if or_close => self.close(picture, now),
            Some(Row::Task(run, task)) if or_close && task.log.is_some() => {
                let place = Place { run: run.id.clone(), task: Some(task.id.clone()) };
                self.mode = Mode::Log { place, from_end: 0 };
            }
            _ => {}
        }
    }

    fn close(&mut self, picture: &Picture, now: Time) {
        if let Some(place) = &self.chosen {
            self.opened.remove(&place.run);
            self.settle(picture, now);
        }
    }

    fn press_in_filter(&mut self, key: Key, before: String) {
        match key {
            Key::Enter => return,
            Key::Escape => {
                self.filter = before;
                return;
            }
            other => type_into(&mut self.filter, other),
        }
        self.mode = Mode::Filter { before };
    }

    fn press_in_ask(&mut self, key: Key, mut ask: Ask, now: Time) -> Option<Order> {
        let Some(typed) = &mut ask.typed else {
            match (key, &ask.deed.what) {
                (Key::Char('y'), _) => return Some(self.begin(ask.deed, now)),
                (Key::Char('w'), _) => ask.typed = Some(String::new()),
                (Key::Char('s'), What::Reject(gate)) => {
                    ask = Ask {
                        deed: Deed { what: What::SendBack(*gate), ..ask.deed },
                        typed: Some(String::new()),
                    };
                }
                // What is pasted is no answer; the question stays.
                (Key::Pasted(_), _) => {}
                _ => {
                    self.tell("nothing was done", Tone::Faint, now);
                    return None;
                }
            }
            self.mode = Mode::Ask(ask);
            return None;
        };
        let needs_words = matches!(ask.deed.what, What::Answer(_) | What::SendBack(_) | What::Force(_));
        match key {
            Key::Enter if needs_words && typed.trim().is_empty() => {}
            Key::Enter => {
                ask.deed.words = std::mem::take(typed);
                return Some(self.begin(ask.deed, now));
            }
            Key::Escape => {
                self.tell("nothing was done", Tone::Faint, now);
                return None;
            }
            other => type_into(typed, other),
        }
        self.mode = Mode::Ask(ask);
        None
    }

    fn begin(&mut self, deed: Deed, now: Time) -> Order {
        self.tell(format!("{} {} ...", deed.verb(), deed.about()), Tone::Faint, now);
        Order::Do(deed)
    }

    fn press_in_log(&mut self, key: &Key, place: Place, from_end: usize) -> Option<Order> {
        let (rows, room) = self.log_rows;
        let most = rows.saturating_sub(room);
        let from_end = match key {
            Key::Char('q' | 'l') | Key::Escape | Key::Left => return None,
            Key::Up | Key::Char('k') => from_end + 1,
            Key::Down | Key::Char('j') | Key::Enter => from_end.saturating_sub(1),
            Key::PageUp | Key::Char('b') => from_end + room.max(1),
            Key::PageDown | Key::Char(' ') => from_end.saturating_sub(room.max(1)),
            Key::Home | Key::Char('g') => most,
            Key::End | Key::Char('G') => 0,
            _ => from_end,
        };
        self.mode = Mode::Log { place, from_end: from_end.min(most) };
        None
    }
}

/// Takes a key into a line that is typed.
fn type_into(line: &mut String, key: Key) {
    match key {
        Key::Char(c) => line.push(c),
        Key::Pasted(text) => line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c })),
        Key::Backspace => {
            line.pop();
        }
        Key::Ctrl('u') => line.clear(),
        _ => {}
    }
    if let Some((end, _)) = line.char_indices().nth(MAX_TYPED) {
        line.truncate(end);
    }
}

/// Decides what a letter asks for in a line, or says why that is nothing.
fn wanted(letter: char, row: Row<'_>) -> Result<(What, String), String> {
    let run = row.run();
    match (letter, row) {
        ('c', Row::Run(run)) if run.has_ended() => {
            Err(format!("{} is over: there is nothing to cancel", run.short))
        }
        ('c', Row::Run(_)) => Ok((What::Cancel(None), String::new())),
        ('c', Row::Task(_, task)) if task.state.is_settled() => {
            Err(format!("{} {} is over: there is nothing to cancel", run.short, task.id))
        }
        ('c', Row::Task(_, task)) => Ok((What::Cancel(Some(task.id.clone())), String::new())),
        ('x', Row::Run(run)) => Err(format!("choose a task of {}: enter shows them", run.short)),
        ('x', Row::Task(_, task)) if task.may_go_back && task.needs_force => {
            Ok((What::Force(task.id.clone()), String::new()))
        }
        ('x', Row::Task(_, TaskLine { stays: Some(why), .. })) => Err(why.clone()),
        ('x', Row::Task(_, task)) if task.may_go_back => Ok((What::Requeue(task.id.clone()), String::new())),
        ('x', Row::Task(_, task)) if task.state.is_settled() => {
            Err(format!("{} {} is {}: there is nothing to put back", run.short, task.id, task.state))
        }
        ('x', Row::Task(_, task)) => Err(format!("{} {} is not over", run.short, task.id)),
        (_, row) => {
            let gate = gate_of(run, row.task())?;
            if gate.overdue {
                let short = &run.short;
                return Err(format!(
                    "{} has timed out: crew resume {short} goes on with what follows",
                    gate.id
                ));
            }
            let what = match letter {
                'a' if gate.is_question => What::Answer(gate.id),
                'a' => What::Approve(gate.id),
                _ => What::Reject(gate.id),
            };
            Ok((what, String::new()))
        }
    }
}

/// Returns the gate that is meant, where it is one.
fn gate_of<'a>(run: &'a RunLine, task: Option<&'a TaskLine>) -> Result<&'a GateLine, String> {
    let gates: Vec<&GateLine> = match task {
        Some(task) => task.gate.iter().collect(),
        None => run.gates().map(|(_, gate)| gate).collect(),
    };
    match gates.as_slice() {
        [gate] => Ok(gate),
        [] => Err("no gate is open here".into()),
        several => {
            let ids: Vec<String> = several.iter().map(|gate| gate.id.to_string()).collect();
            Err(format!("choose the task of one of {}: enter shows them", ids.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Health;
    use super::super::picture::tests::line;
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::gate::About;
    use crate::domain::run::tests::{ended, run_of, spec, started};
    use Key::{Char, Ctrl, Enter, Escape, Pasted};

    const NOW: Time = Time(1_000);

    /// A run in which one task is worked on, one is over, and two wait for a person.
    fn picture() -> Picture {
        let names = ["work", "done", "ask", "plan"];
        let mut run = run_of(names.iter().map(|name| spec(name, &[])).collect());
        run.apply(Time(1), &started("work", 1)).unwrap();
        run.apply(Time(1), &started("done", 1)).unwrap();
        run.apply(Time(2), &ended("done", 1, Outcome::Failed, None)).unwrap();
        let start = About::Start { action: "run".into(), environment: None, confidence: None, policy: None };
        for (number, task) in [(4, "ask"), (5, "plan")] {
            let opened = Event::GateOpened {
                gate: GateId(number),
                task: TaskId::parse(task).unwrap(),
                attempt: None,
                about: start.clone(),
                expires_at: None,
            };
            run.apply(Time(3), &opened).unwrap();
        }
        let mut shown = line(&run, Health::Alive { pid: 1 }, 10);
        if let Some(gate) = &mut shown.tasks[2].gate {
            gate.is_question = true;
        }
        Picture { runs: vec![shown], ..Picture::default() }
    }

    fn view(picture: &Picture) -> View {
        let mut view = View::default();
        view.settle(picture, NOW);
        view
    }

    /// Presses keys one after the other, each as it is read alone.
    fn press(view: &mut View, picture: &Picture, keys: &[Key]) -> Vec<Order> {
        let each = keys.iter().flat_map(|key| view.press_all(vec![key.clone()], picture, NOW)).collect();
        view.settle(picture, NOW);
        each
    }

    fn chosen(view: &View) -> Option<&str> {
        view.chosen.as_ref()?.task.as_ref().map(TaskId::as_str)
    }

    #[test]
    fn keys_choose_open_and_close() {
        let picture = picture();
        let mut view = view(&picture);
        press(&mut view, &picture, &[Enter, Key::Down, Char('j')]);
        assert_eq!((chosen(&view), view.at()), (Some("done"), 2));
        press(&mut view, &picture, &[Char('k'), Key::End]);
        assert_eq!(chosen(&view), Some("plan"));
        press(&mut view, &picture, &[Key::Left]);
        assert_eq!((chosen(&view), view.at(), view.opened.len()), (None, 0, 0));
        press(&mut view, &picture, &[Key::Right, Key::Right, Key::Down]);
        assert_eq!(chosen(&view), Some("work"));
        for key in [Char('q'), Ctrl('c')] {
            assert_eq!(press(&mut view, &picture, &[key]), [Order::Quit]);
        }
        assert_eq!(press(&mut view, &picture, &[Ctrl('z'), Ctrl('l')]), [Order::Suspend, Order::Redraw]);
    }

    #[test]
    fn nothing_is_done_before_it_is_answered_with_yes() {
        let picture = picture();
        for no in [Char('n'), Char('q'), Enter, Escape, Char('Y')] {
            let mut view = view(&picture);
            assert_eq!(press(&mut view, &picture, &[Char('c'), no]), [Order::ForgetTyped]);
            assert_eq!((view.mode, view.answer.unwrap().0.as_str()), (Mode::List, "nothing was done"));
        }
        let mut view = view(&picture);
        let orders = press(&mut view, &picture, &[Char('c'), Char('y')]);
        let [Order::ForgetTyped, Order::Do(deed)] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((&deed.what, deed.about().as_str()), (&What::Cancel(None), "7k2"));
    }

    #[test]
    fn what_was_typed_ahead_or_pasted_is_no_answer() {
        let picture = picture();
        let mut view = view(&picture);
        let orders = view.press_all(vec![Char('c'), Char('y')], &picture, NOW);
        assert_eq!(orders, [Order::ForgetTyped]);
        assert!(matches!(view.mode, Mode::Ask(_)));
        assert_eq!(press(&mut view, &picture, &[Pasted("y".into()), Char('n'), Pasted("cy".into())]), []);
        assert_eq!(view.mode, Mode::List);
    }

    #[test]
    fn a_letter_is_about_what_is_chosen() {
        let picture = picture();
        let deed = |down: usize, keys: &[Key]| {
            let mut view = view(&picture);
            press(&mut view, &picture, &[Enter]);
            press(&mut view, &picture, &vec![Key::Down; down]);
            let orders = press(&mut view, &picture, keys);
            match orders
                .into_iter()
                .find_map(|order| if let Order::Do(deed) = order { Some(deed) } else { None })
            {
                Some(deed) => format!("{} {}: {}", deed.verb(), deed.about(), deed.words),
                None => view.answer.map_or_else(String::new, |(words, ..)| words),
            }
        };
        let typed = |words: &str| words.chars().map(Char).chain([Enter]).collect::<Vec<_>>();
        let note = |first: &[Key], words: &str| [first, &typed(words)].concat();
        assert_eq!(deed(1, &[Char('c'), Char('y')]), "cancel 7k2 work: ");
        assert_eq!(deed(1, &note(&[Char('c'), Char('w')], "too slow")), "cancel 7k2 work: too slow");
        assert_eq!(deed(2, &[Char('c')]), "7k2 done is over: there is nothing to cancel");
        assert_eq!(deed(2, &[Char('x'), Char('y')]), "put back 7k2 done: ");
        assert_eq!(deed(1, &[Char('x')]), "7k2 work is not over");
        assert_eq!(deed(1, &[Char('a')]), "no gate is open here");
        assert_eq!(deed(0, &[Char('a')]), "choose the task of one of g4, g5: enter shows them");
        assert_eq!(deed(4, &[Char('a'), Char('y')]), "approve g5 of 7k2: ");
        assert_eq!(deed(4, &note(&[Char('r'), Char('w')], "no")), "reject g5 of 7k2: no");
        assert_eq!(deed(4, &note(&[Char('r'), Char('s'), Enter], "smaller")), "send back g5 of 7k2: smaller");
        assert_eq!(
            deed(3, &note(&[Char('a'), Enter, Pasted("Rust\n".into())], "!")),
            "answer g4 of 7k2: Rust !"
        );
        assert_eq!(deed(3, &[Char('r'), Char('w'), Char('z'), Escape]), "nothing was done");
    }

    #[test]
    fn what_is_put_back_for_a_reason_asks_for_it_and_what_cannot_be_says_why() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &["a"])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        let mut end = ended("a", 1, Outcome::Failed, None);
        if let Event::AttemptEnded { error_kind, .. } = &mut end {
            *error_kind = Some(crate::domain::error_kind::ErrorKind::VerifyFailed);
        }
        run.apply(Time(2), &end).unwrap();
        let reason = "depends on a, which failed".into();
        let skipped = Event::TaskSkipped { task: TaskId::parse("b").unwrap(), reason, by_condition: false };
        run.apply(Time(3), &skipped).unwrap();
        let picture = Picture { runs: vec![line(&run, Health::Idle, 10)], ..Picture::default() };
        let mut view = view(&picture);
        let typed = [Enter, Key::Down, Char('x'), Enter, Char('o'), Char('k'), Enter];
        let orders = press(&mut view, &picture, &typed);
        let [Order::ForgetTyped, Order::Do(deed)] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!((&deed.what, deed.words.as_str()), (&What::Force(TaskId::parse("a").unwrap()), "ok"));
        assert_eq!(press(&mut view, &picture, &[Key::Down, Char('x')]), []);
        let (said, ..) = view.answer.unwrap();
        assert!(
            said.starts_with("task b would be skipped again: depends on a, which failed; requeue"),
            "{said}"
        );
    }

    #[test]
    fn what_is_completed_is_not_put_back() {
        let mut run = run_of(vec![spec("a", &[]), spec("b", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        let picture = Picture { runs: vec![line(&run, Health::Alive { pid: 1 }, 10)], ..Picture::default() };
        let mut view = view(&picture);
        assert_eq!(press(&mut view, &picture, &[Enter, Key::Down, Char('x')]), []);
        assert_eq!(view.answer.unwrap().0, "7k2 a is completed: there is nothing to put back");
    }

    #[test]
    fn what_is_chosen_stays_so_while_lines_come_and_go() {
        let mut picture = picture();
        let mut view = view(&picture);
        let first = picture.runs[0].clone();
        let new = RunLine { id: RunId::from_random(9), ..first.clone() };
        picture.runs.insert(0, new.clone());
        view.settle(&picture, NOW);
        assert_eq!((view.at(), &view.chosen.as_ref().unwrap().run), (1, &first.id));
        picture.runs.pop();
        view.settle(&picture, NOW);
        assert_eq!((view.at(), &view.chosen.as_ref().unwrap().run), (0, &new.id));
        picture.runs.clear();
        view.settle(&picture, NOW);
        assert_eq!(view.chosen, None);
        assert_eq!(press(&mut view, &picture, &[Char('c'), Enter, Key::Down, Char('a')]), []);
    }

    #[test]
    fn a_filter_is_typed_kept_and_taken_back() {
        let picture = picture();
        let mut view = view(&picture);
        press(&mut view, &picture, &[Char('/'), Char('q'), Char('q')]);
        assert_eq!((view.filter.as_str(), &view.chosen), ("qq", &None));
        press(&mut view, &picture, &[Escape]);
        assert_eq!((view.filter.as_str(), view.chosen.is_some()), ("", true));
        press(&mut view, &picture, &[Char('/'), Char('p'), Char('x'), Key::Backspace, Enter]);
        assert_eq!((view.filter.as_str(), view.chosen.is_some(), &view.mode), ("p", true, &Mode::List));
        press(&mut view, &picture, &[Escape]);
        assert_eq!(view.filter, "");
    }

    #[test]
    fn a_log_is_followed_until_somebody_goes_up_in_it() {
        let mut picture = picture();
        picture.runs[0].tasks[0].log = Some("logs/work.1.log".into());
        let mut view = view(&picture);
        view.log_rows = (100, 20);
        press(&mut view, &picture, &[Char('l')]);
        assert!(view.follows_log() && view.log_of(&picture).unwrap().task.unwrap().as_str() == "work");
        press(&mut view, &picture, &[Key::Up, Key::PageUp]);
        assert!(matches!(view.mode, Mode::Log { from_end: 21, .. }) && !view.follows_log());
        press(&mut view, &picture, &[Key::Home]);
        assert!(matches!(view.mode, Mode::Log { from_end: 80, .. }));
        press(&mut view, &picture, &[Char('G')]);
        assert!(view.follows_log());
        assert_eq!(press(&mut view, &picture, &[Char('q')]), [], "it leaves the log, and not the view");
        assert_eq!(view.mode, Mode::List);
    }

    #[test]
    fn an_answer_goes_after_a_while() {
        let picture = picture();
        let mut view = view(&picture);
        press(&mut view, &picture, &[Char('x')]);
        assert!(view.answer.is_some());
        view.settle(&picture, NOW.plus(ANSWER_STAYS));
        assert_eq!(view.answer, None);
    }
}
