//! What goes on while a run is worked on. The only file that names indicatif.
//!
//! On a terminal, each running task has a line that changes; what has ended is printed above them. In a pipe or in CI
//! the same facts are lines, one each, and nothing is redrawn. All of it is printed by the threads of `screen`.

use super::printer::{Printer, Tone};
use super::{screen, words};
use crate::domain::budget::{Standing, standing_words};
use crate::domain::cancelling;
use crate::domain::conflict::Clash;
use crate::domain::event::{Event, Outcome, Recorded};
use crate::domain::id::TaskId;
use crate::domain::provider::Providers;
use crate::domain::review::by_person::PersonReview;
use crate::domain::run::Run;
use crate::domain::schedule::InFolder;
use crate::domain::submission::Note;
use crate::domain::task::{Task, Work, Working};
use crate::domain::time::Time;
use crate::domain::tree_check::TreeCheck;
use crate::domain::words::clean_line;
use crate::domain::worktree::MovedReference;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shows a run as it goes on.
pub struct Progress {
    printer: Printer,
    short_id: String,
    live: Option<Live>,
    /// Pairs of tasks whose conflict has been told: with every commit, something about it changes.
    told: BTreeSet<(TaskId, TaskId)>,
}

struct Live {
    bars: Arc<Mutex<Bars>>,
    picture: Picture,
    name_width: usize,
    agent_width: usize,
}

/// What is to be seen of what goes on.
#[derive(Clone, Default)]
struct Picture {
    /// The line of each task that is worked on, by its place.
    by_place: BTreeMap<usize, String>,
    /// The first task that waits until others have left the folder.
    waiting: Option<String>,
    /// The first conflict that lies ahead.
    conflict: Option<String>,
}

/// The lines at the terminal. Only the thread that prints touches them.
struct Bars {
    all: MultiProgress,
    style: ProgressStyle,
    by_place: BTreeMap<usize, ProgressBar>,
    waiting: Option<ProgressBar>,
    conflict: Option<ProgressBar>,
}

impl Bars {
    fn draw(&mut self, picture: Picture) {
        let Bars { all, style, by_place, waiting, conflict } = self;
        by_place.retain(|place, bar| {
            let stays = picture.by_place.contains_key(place);
            if !stays {
                bar.finish_and_clear();
                all.remove(bar);
            }
            stays
        });
        for (place, line) in picture.by_place {
            let bar = by_place.entry(place).or_insert_with(|| {
                let bar = all.add(ProgressBar::new_spinner());
                bar.set_style(style.clone());
                bar
            });
            bar.set_message(line);
        }
        show_line(all, style, waiting, picture.waiting);
        show_line(all, style, conflict, picture.conflict);
    }
}

impl Progress {
    /// Shows `run`; live where standard error is a terminal.
    pub fn new(printer: Printer, short_id: String, run: &Run) -> Progress {
        let live = (printer.terminal_err && !printer.quiet && !printer.json).then(|| {
            let style = ProgressStyle::with_template("  {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let widest = |width: fn(&Task) -> usize| run.tasks.iter().map(width).max().unwrap_or(0);
            let bars = Bars {
                all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
                style,
                by_place: BTreeMap::new(),
                waiting: None,
                conflict: None,
            };
            let bars = Arc::new(Mutex::new(bars));
            let above = bars.clone();
            screen::draw_above(Some(Arc::new(move |line| {
                let bars = above.lock().unwrap_or_else(PoisonError::into_inner);
                print_above(&bars.all, line);
            })));
            Live {
                bars,
                picture: Picture::default(),
                name_width: widest(|task| task.spec.id.as_str().len()).min(24),
                agent_width: widest(|task| task.spec.program().len()).min(16),
            }
        });
        Progress { printer, short_id, live, told: BTreeSet::new() }
    }

    /// Tells whether anything is shown between events.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Shows what has happened.
    pub fn happened(&mut self, run: &Run, recorded: &Recorded) {
        if self.printer.quiet {
            return;
        }
        match &mut self.live {
            Some(live) => {
                if let Some(line) = live.ended(&self.printer, run, &recorded.event) {
                    live.draw(move |bars| {
                        // Printing above the bars fails only where nobody looks.
                        let _ = bars.all.println(line);
                    });
                }
            }
            None => {
                for line in conflict_lines(&self.short_id, &recorded.event, &mut self.told) {
                    self.printer.tell(&line);
                }
                if let Some(line) = plain_line(&self.short_id, &recorded.event) {
                    self.printer.tell(&line);
                }
            }
        }
    }

    /// Says that the copies for programs cannot be written.
    pub fn uncopied(&mut self, why: &str) {
        let line = format!(
            "{}: the copies for programs cannot be written: {}; the run goes on, crew doctor --fix writes them later",
            self.short_id,
            clean_line(why, 300)
        );
        match &mut self.live {
            _ if self.printer.quiet => {}
            Some(live) => live.draw(move |bars| drop(bars.all.println(line))),
            None => self.printer.tell(&line),
        }
    }

    /// Redraws the lines of the tasks that are being worked on.
    pub fn redraw(&mut self, run: &Run, working: &[Working], providers: &Providers, now: Time) {
        let Some(live) = &mut self.live else { return };
        live.picture = Picture {
            by_place: working.iter().map(|line| (line.place, live.running_line(run, line))).collect(),
            waiting: live.waiting_line(run, providers, now),
            conflict: live.conflict_line(&self.printer, run),
        };
        let (bars, picture) = (live.bars.clone(), live.picture.clone());
        screen::show(Box::new(move || bars.lock().unwrap_or_else(PoisonError::into_inner).draw(picture)));
    }

    /// Takes the live lines away; what is printed after this is the report.
    pub fn clear(&mut self) {
        if let Some(live) = &mut self.live {
            live.picture = Picture::default();
            live.draw(|bars| {
                let _ = bars.all.clear();
            });
            screen::draw_above(None);
        }
        screen::report();
    }
}

/// Prints a line, however long it is, where bars are drawn, and has them drawn below it.
fn print_above(bars: &MultiProgress, line: &str) {
    bars.suspend(|| {
        // Who does not look is not told.
        let _ = writeln!(std::io::stderr(), "{line}");
    });
}

/// A line for each of several things that go on at once, by their names; only where standard error is a terminal.
pub struct Lines {
    live: Option<(MultiProgress, ProgressStyle)>,
    by_name: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Lines {
    /// Shows lines where standard error is a terminal.
    pub fn new(printer: &Printer) -> Lines {
        let live = (printer.terminal_err && !printer.quiet && !printer.json).then(|| {
            let style = ProgressStyle::with_template("  {prefix}  {elapsed:>4}  {wide_msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
            let above = bars.clone();
            screen::draw_above(Some(Arc::new(move |line| print_above(&above, line))));
            (bars, style)
        });
        Lines { live, by_name: Mutex::default() }
    }

    /// Tells whether anything is shown.
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Shows what goes on under a name.
    pub fn show(&self, name: &str, doing: String) {
        let Some((bars, style)) = &self.live else { return };
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = by_name.entry(name.to_owned()).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new_spinner());
            bar.set_style(style.clone());
            bar.set_prefix(format!("{name:10}"));
            // The time is seen to go on while nothing else changes.
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        bar.set_message(doing);
    }

    /// Takes the line of a name away.
    pub fn take_away(&self, name: &str) {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = by_name.remove(name) {
            bar.finish_and_clear();
        }
    }
}

impl Live {
    /// Has the newest picture drawn, and then what else there is.
    fn draw(&self, more: impl FnOnce(&mut Bars) + Send + 'static) {
        let (bars, picture) = (self.bars.clone(), self.picture.clone());
        screen::draw(Box::new(move || {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            bars.draw(picture);
            more(&mut bars);
        }));
    }

    fn waiting_line(&self, run: &Run, providers: &Providers, now: Time) -> Option<String> {
        let in_folder = InFolder::of(run);
        let waits = |task: &Task| {
            let for_provider = providers.keeps_waiting(run, task, now).map(|waits| waits.words(now));
            Some((task.spec.id.clone(), for_provider.or_else(|| in_folder.keeps_waiting(task))?))
        };
        let (names, agents) = (self.name_width, self.agent_width);
        run.tasks.iter().find_map(waits).map(|(id, whom)| format!("{id:names$}  {:agents$}  {whom}", ""))
    }

    fn conflict_line(&self, printer: &Printer, run: &Run) -> Option<String> {
        let mut conflicts = run.clashes_ahead().filter_map(Clash::words);
        conflicts.next().map(|first| {
            let others = match conflicts.count() {
                0 => String::new(),
                others => format!("; {}", words::count(others, "other pair")),
            };
            format!("{}  {first}{others}", printer.tint_err(Tone::Attention, "conflict ahead"))
        })
    }

    fn running_line(&self, run: &Run, line: &Working) -> String {
        let spec = &run.tasks[line.place].spec;
        let (names, agents) = (self.name_width, self.agent_width);
        let elapsed = words::duration(line.elapsed);
        let tokens = line.usage.tokens().map(|tokens| format!("{} tokens  ", words::tokens(Some(tokens))));
        let doing = clean_line(&line.doing, 160);
        let quiet =
            line.quiet.map(|quiet| format!("quiet for {}  ", words::duration(quiet))).unwrap_or_default();
        let (id, role, program) = (&spec.id, spec.role(), spec.program());
        let role = if role == id.as_str() || role == "command" { String::new() } else { format!("{role}  ") };
        format!(
            "{id:names$}  {program:agents$}  running  {elapsed:>7}  {role}{}{quiet}{doing}",
            tokens.unwrap_or_default()
        )
    }

    /// Takes the line of an ended task away and returns what is printed in its place.
    fn ended(&mut self, printer: &Printer, run: &Run, event: &Event) -> Option<String> {
        let (names, agents) = (self.name_width, self.agent_width);
        match event {
            Event::AttemptEnded { task, outcome, ending, usage, reason, summary, again, .. } => {
                let place = run.place(task)?;
                self.picture.by_place.remove(&place);
                let program = run.tasks[place].spec.program();
                let (word, tone) = outcome_word(*outcome);
                let word = printer.tint_err(tone, &format!("{word:12}"));
                let time = words::duration(Duration::from_millis(ending.millis));
                let is_agent = matches!(run.tasks[place].spec.work, Work::Agent { .. });
                let (tokens, cost) = match is_agent {
                    true => (words::tokens(usage.tokens()), words::cost(usage.cost_usd)),
                    false => ("-".into(), "-".into()),
                };
                let said = match (reason.as_str(), summary.as_str()) {
                    ("", said) | (said, "") => said.to_owned(),
                    (reason, _) if is_agent => reason.to_owned(),
                    (reason, summary) => format!("{reason}: {summary}"),
                };
                let said = clean_line(&said, 100);
                let again = again.as_ref().map(|again| format!(" ({}: it is tried again)", again.reason));
                let again = again.unwrap_or_default();
                Some(format!(
                    "  {task:names$}  {program:agents$}  {word}  {time:>7}  {tokens:>6}  {cost:>6}  {said}{again}"
                ))
            }
            Event::ReferencesMoved { task, moved, .. } => {
                let words = lost_words(moved)?;
                let word = printer.tint_err(Tone::Attention, &format!("{:12}", "references"));
                Some(format!("  {task:names$}  {:agents$}  {word}  {words}", "-"))
            }
            Event::AttemptAdopted { task, process, .. } => {
                let word = printer.tint_err(Tone::Attention, &format!("{:12}", "adopted"));
                let program = run.tasks[run.place(task)?].spec.program();
                let left = format!("a dead crew left it at work (pid {})", process.pid);
                Some(format!("  {task:names$}  {program:agents$}  {word}  {left}"))
            }
            Event::TaskSkipped { task, reason, .. } | Event::TaskCancelled { task, reason, .. } => {
                let word = if matches!(event, Event::TaskSkipped { .. }) { "skipped" } else { "cancelled" };
                let word = printer.tint_err(Tone::Faint, &format!("{word:12}"));
                Some(format!("  {task:names$}  {:agents$}  {word}  {reason}", "-"))
            }
            Event::GateOpened { gate, task, about, .. } => {
                let word = printer.tint_err(Tone::Attention, &format!("{:12}", format!("gate {gate}")));
                Some(format!("  {task:names$}  {:agents$}  {word}  {}", "-", clean_line(&about.words(), 160)))
            }
            Event::GateDecided { gate, task, decision, by, .. } => {
                let word = printer.tint_err(Tone::Faint, &format!("{:12}", format!("gate {gate}")));
                let decision = decision.name().replace('_', " ");
                Some(format!("  {task:names$}  {:agents$}  {word}  {decision} by {by}", "-"))
            }
            Event::TaskAccepted { task, by, .. } => {
                let word = printer.tint_err(Tone::Good, &format!("{:12}", "accepted"));
                Some(format!("  {task:names$}  {:agents$}  {word}  by {by}", "-"))
            }
            Event::TaskRequeued { task, reason, .. } => {
                let word = printer.tint_err(Tone::Faint, &format!("{:12}", "queued"));
                Some(format!("  {task:names$}  {:agents$}  {word}  {}", "-", clean_line(reason, 160)))
            }
            Event::ReviewRoundBegun { task, round, .. } => {
                let word = printer.tint_err(Tone::Attention, &format!("{:12}", "sent back"));
                Some(format!("  {task:names$}  {:agents$}  {word}  {}", "-", round_words(run, task, *round)))
            }
            Event::TaskDeadLettered { task, why, last_error, .. } => {
                let word = printer.tint_err(Tone::Bad, &format!("{:12}", "given up"));
                let said = clean_line(last_error, 160);
                Some(format!("  {task:names$}  {:agents$}  {word}  {}; {said}", "-", why.words()))
            }
            Event::DeadLettersPiledUp { count } => {
                Some(printer.tint_err(Tone::Bad, &format!("  {}", piled_up(*count))))
            }
            Event::TaskFailed { task, error_kind, reason } => {
                let word = printer.tint_err(Tone::Bad, &format!("{:12}", "failed"));
                Some(format!("  {task:names$}  {:agents$}  {word}  {error_kind}: {reason}", "-"))
            }
            Event::BudgetWarned { .. } => {
                warning(event).map(|words| printer.tint_err(Tone::Attention, &words))
            }
            Event::ClockJumped { asleep, held_up, set } => {
                Some(format!("  {}; that counts for no limit", words::gap(*asleep, *held_up, *set)))
            }
            Event::CancelAsked { task: None, by, reason } => {
                Some(format!("{}: asking the agents to end", cancelling::words(by, reason)))
            }
            Event::CancelAsked { task: Some(task), by, reason } => {
                Some(format!("  {task:names$}  {}", cancelling::words(by, reason)))
            }
            Event::StopAsked { level: 1, by } => Some(format!(
                "{by}: asking the agents to end; once more kills them, a third time leaves at once"
            )),
            Event::StopAsked { by, .. } => Some(format!("{by}: killing the agents")),
            // Progress is what its line says it is doing.
            Event::NoteTaken { task, note: note @ Note::Hypothesis(_), .. } => {
                Some(format!("  {task:names$}  hypothesis: {}", clean_line(&note.words(), 200)))
            }
            Event::SubmissionRefused { task, reason, .. } => {
                let task = task.as_ref().map_or("-", TaskId::as_str);
                Some(format!("  {task:names$}  a submission was refused: {}", clean_line(reason, 200)))
            }
            _ => None,
        }
    }
}

/// Says which round of its review a task's work goes back for.
fn round_words(run: &Run, task: &TaskId, round: u32) -> String {
    let limit = run.task(task).and_then(|task| task.round.as_ref()).map_or(round, |round| round.limit);
    format!("changes requested: round {round} of {limit} begins")
}

/// Says which references lost what they held; an attempt's reason names those that were moved to its work.
fn lost_words(moved: &[MovedReference]) -> Option<String> {
    let lost: Vec<String> =
        moved.iter().filter(|moved| moved.lost).map(|moved| clean_line(&moved.words(), 400)).collect();
    (!lost.is_empty()).then(|| lost.join("; "))
}

/// Shows a line that is there only at times, or takes it away.
fn show_line(
    bars: &MultiProgress,
    style: &ProgressStyle,
    place: &mut Option<ProgressBar>,
    line: Option<String>,
) {
    match (&place, line) {
        (Some(bar), None) => {
            bar.finish_and_clear();
            bars.remove(bar);
            *place = None;
        }
        (_, Some(line)) => {
            let bar = place.get_or_insert_with(|| {
                let bar = bars.add(ProgressBar::new_spinner());
                bar.set_style(style.clone());
                bar
            });
            bar.set_message(line);
        }
        (None, None) => {}
    }
}

/// Returns a line for each pair of tasks that will conflict and of which it has not been told.
fn conflict_lines(run: &str, event: &Event, told: &mut BTreeSet<(TaskId, TaskId)>) -> Vec<String> {
    let Event::ConflictsSeen { clashes, .. } = event else { return Vec::new() };
    let mut lines = Vec::new();
    for clash in clashes {
        let Some(words) = clash.words() else { continue };
        if told.insert(clash.tasks.clone()) {
            let (one, other) = &clash.tasks;
            lines.push(format!("run={run} tasks={one},{other} event=conflict_ahead {words:?}"));
        }
    }
    lines
}

/// Says how far a budget is used up: `  run budget  $2.01 of $2.50 (80 %)`.
fn warning(event: &Event) -> Option<String> {
    let Event::BudgetWarned { level, task, what, spent, limit } = event else { return None };
    let standing =
        Standing { level: *level, what: *what, spent: what.amount(spent), limit: what.amount(limit) };
    let whose = task.as_ref().map_or(level.name(), TaskId::as_str);
    Some(format!("  {whose} budget  {} ({} %)", standing_words(&standing), standing.percent()))
}

/// Says that too many tasks were given up.
fn piled_up(count: u64) -> String {
    format!("{count} tasks were given up within an hour: crew deadletter list")
}

/// Returns the word and the tone of an outcome.
pub fn outcome_word(outcome: Outcome) -> (&'static str, Tone) {
    match outcome {
        Outcome::Succeeded => ("done", Tone::Good),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::NeedsReview => ("needs review", Tone::Attention),
        Outcome::Cancelled => ("cancelled", Tone::Attention),
        Outcome::Lost => ("lost", Tone::Bad),
    }
}

/// Returns the line for a pipe or for CI, where the event is worth one.
fn plain_line(run: &str, event: &Event) -> Option<String> {
    let head = |task: &TaskId, attempt: u32| format!("run={run} task={task} attempt={attempt}");
    let seconds = |millis: u64| words::duration(Duration::from_millis(millis));
    let line = match event {
        Event::AttemptStarted { task, attempt, agent, .. } => {
            format!("{} agent={agent} event=started", head(task, *attempt))
        }
        Event::AttemptAdopted { task, attempt, process } => {
            format!("{} event=adopted pid={}", head(task, *attempt), process.pid)
        }
        Event::SubmissionAccepted { task, attempt, handed_in, .. } => {
            let sure = handed_in.confidence().map(|confidence| format!(" confidence={confidence}"));
            let kind = handed_in.kind().name();
            format!("{} event=submitted {kind}{}", head(task, *attempt), sure.unwrap_or_default())
        }
        Event::NoteTaken { task, attempt, note, .. } => {
            let words = clean_line(&note.words(), 200);
            format!("{} event={} {words:?}", head(task, *attempt), note.kind().name())
        }
        Event::AgentNudged { task, attempt } => format!("{} event=reminded", head(task, *attempt)),
        Event::SubmissionRefused { task, attempt, reason, .. } => {
            let task = task.as_ref().map_or("-", TaskId::as_str);
            format!("run={run} task={task} attempt={} event=refused reason={reason:?}", attempt.unwrap_or(0))
        }
        Event::AgentWaited { task, attempt, reason } if reason.is_empty() => {
            format!("{} event=going_on", head(task, *attempt))
        }
        Event::AgentWaited { task, attempt, reason } => {
            format!("{} event=waiting reason={reason:?}", head(task, *attempt))
        }
        Event::FilesApplied { task, attempt, files } => {
            format!("{} event=files_applied files={}", head(task, *attempt), files.len())
        }
        Event::VerificationEnded { task, command, ending, cached, .. } => {
            let exit = ending.exit.map_or("-".into(), |exit| exit.to_string());
            let source = if *cached { " from the record" } else { "" };
            format!("run={run} task={task} verify={command:?} exit={exit} {}{source}", seconds(ending.millis))
        }
        Event::TreeChecked { task, attempt, check } if check.is_changed() || !check.unseen.is_empty() => {
            let TreeCheck {
                changed,
                insertions,
                deletions,
                refs_changed,
                settings_changed,
                shared,
                unseen,
                ..
            } = check;
            let mut line = format!("{} event=tree_checked files={changed}", head(task, *attempt));
            line.push_str(&format!(" insertions={insertions} deletions={deletions}"));
            line.push_str(if *refs_changed { " refs=changed" } else { "" });
            if !settings_changed.is_empty() {
                line.push_str(&format!(" settings={}", settings_changed.join(",")));
            }
            line.push_str(if *shared { " shared=true" } else { "" });
            if !unseen.is_empty() {
                line.push_str(&format!(" unseen={unseen:?}"));
            }
            line
        }
        Event::ReferencesMoved { task, attempt, moved } => {
            let words = lost_words(moved)?;
            format!("{} event=references_lost {words}", head(task, *attempt))
        }
        Event::WorkKept { task, attempt, set_aside, .. } if !set_aside.is_empty() => {
            format!("{} event=kept_on_no_branch at={}", head(task, *attempt), set_aside.join(","))
        }
        Event::AttemptEnded {
            task, attempt, outcome, ending, reason, error_kind, again, limited, ..
        } => {
            let mut line =
                format!("{} event={} {}", head(task, *attempt), outcome.name(), seconds(ending.millis));
            if let Some(kind) = error_kind {
                line.push_str(&format!(" error={kind}"));
            }
            if let Some(limited) = limited {
                line.push_str(&format!(" limited_until={}", limited.until));
            }
            if !reason.is_empty() {
                line.push_str(&format!(" reason={reason:?}"));
            }
            if let Some(again) = again {
                line.push_str(&format!(" again={}", again.reason));
            }
            line
        }
        Event::GateOpened { gate, task, about, .. } => {
            let words = clean_line(&about.words(), 200);
            format!("run={run} task={task} event=gate_opened gate={gate} about={} {words:?}", about.name())
        }
        Event::GateDecided { gate, task, decision, by, .. } => {
            format!(
                "run={run} task={task} event=gate_decided gate={gate} decision={} by={by:?}",
                decision.name()
            )
        }
        Event::TaskAccepted { task, by, .. } => format!("run={run} task={task} event=accepted by={by:?}"),
        Event::TaskRequeued { task, reason, .. } => {
            format!("run={run} task={task} event=requeued reason={reason:?}")
        }
        Event::ReviewRoundBegun { task, reviewers, round, .. } => {
            let reviewers: Vec<&str> = reviewers.iter().map(TaskId::as_str).collect();
            format!(
                "run={run} task={task} event=review_round_begun round={round} reviewers={}",
                reviewers.join(",")
            )
        }
        Event::TaskDeadLettered { task, attempt, why, last_error, .. } => {
            let said = clean_line(last_error, 200);
            format!("{} event=dead_letter why={} error={said:?}", head(task, *attempt), why.name())
        }
        Event::DeadLetterDropped { task, by, .. } => {
            format!("run={run} task={task} event=dead_letter_dropped by={by:?}")
        }
        Event::PersonReviewed(PersonReview { by, review, .. }) => {
            format!("run={run} event=reviewed by={by:?} {}", clean_line(&review.summary(), 200))
        }
        Event::FindingDecided { fingerprint, decision, by, .. } => {
            format!(
                "run={run} event=finding_decided finding={fingerprint} decision={} by={by:?}",
                decision.name()
            )
        }
        Event::DeadLettersPiledUp { count } => {
            format!("run={run} event=dead_letters_piled_up count={count} {:?}", piled_up(*count))
        }
        Event::TaskSkipped { task, reason, .. } => {
            format!("run={run} task={task} event=skipped reason={reason:?}")
        }
        Event::TaskCancelled { task, reason, .. } => {
            format!("run={run} task={task} event=cancelled reason={reason:?}")
        }
        Event::TaskFailed { task, error_kind, reason } => {
            format!("run={run} task={task} event=failed error={error_kind} reason={reason:?}")
        }
        Event::BudgetWarned { level, task, what, spent, limit } => {
            let task = task.as_ref().map(|task| format!(" task={task}")).unwrap_or_default();
            let (level, what) = (level.name(), what.name());
            format!(
                "run={run}{task} event=budget_warned level={level} what={what} spent={spent} limit={limit}"
            )
        }
        Event::ClockJumped { asleep, held_up, set } => {
            format!("run={run} event=clock_jumped asleep_ms={asleep} held_up_ms={held_up} set_ms={set}")
        }
        Event::StopAsked { level, by } => format!("run={run} event=stop level={level} by={by}"),
        Event::CancelAsked { task, by, reason } => {
            let task = task.as_ref().map(|task| format!(" task={task}")).unwrap_or_default();
            format!("run={run}{task} event=cancel by={by:?} reason={reason:?}")
        }
        Event::RunEnded { state } => format!("run={run} event=ended state={state}"),
        _ => return None,
    };
    Some(line)
}
