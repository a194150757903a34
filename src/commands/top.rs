//! `crew top`: all runs of the repository as they go on, in a terminal.
//!
//! One thread draws and takes in keys, and waits for nothing else; one looks; what a key does has a thread of its own. So a
//! store that is busy, a disk that hangs and an agent that takes its time to end keep nobody from leaving.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::top_deed;
use super::top_look::{Looker, NoPicture, Wishes};
use crate::runner::{clock, signals};
use crate::ui::full_screen::{self, FullScreen, Happened, Waker};
use crate::ui::printer::Tone;
use crate::ui::table::{Column, Rows};
use crate::ui::top::draw::{self, LogText, Scene};
use crate::ui::top::lines;
use crate::ui::top::picture::{Picture, RunLine, TaskLine};
use crate::ui::top::view::{Deed, Mode, Order, View};
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::io::{self, IsTerminal};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nothing is heard of a look before that is told.
const OVERDUE: Duration = Duration::from_secs(3);
/// How often the screen looks whether anything is out of date.
const TICK: Duration = Duration::from_secs(1);

/// Watch all runs of the repository, and decide what waits for you
///
/// A line for each run that is open: what is worked on, what waits and for whom, what was spent (~ where an agent reports no
/// price), and whether its crew process is alive. Runs that have ended stay for a moment, and are a number then. Keys show
/// tasks and logs, cancel, approve, reject and put back, each after asking: `?` lists them. q leaves; the runs go on.
///
/// Without a terminal, or with --once, where they stand is printed once.
#[derive(Debug, clap::Args)]
pub struct TopArgs {
    /// Print where they stand, and end
    #[arg(long)]
    once: bool,

    /// How often to look for what has changed
    #[arg(long, value_name = "SECS", default_value_t = 1.0, hide_default_value = true, value_parser = read_interval)]
    interval: f64,
}

fn read_interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or_else(|| "seconds from 0.1 to 3600".into())
}

/// Shows all runs.
pub fn top(cx: &Context, args: &TopArgs) -> Result<ExitStatus> {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal() && !is_dumb;
    if cx.printer.json || args.once || !is_terminal {
        return once(cx);
    }
    let looker = Looker::new(cx)?;
    let status = live(cx, looker, Duration::from_secs_f64(args.interval))?;
    Ok(status)
}

fn once(cx: &Context) -> Result<ExitStatus> {
    let picture = Looker::once(cx)?;
    if cx.printer.json {
        cx.printer.json(&as_json(&picture))?;
        return Ok(ExitStatus::Done);
    }
    let heading = |parts: Vec<(String, Tone)>| {
        let parts: Vec<String> = parts.iter().map(|(text, tone)| cx.printer.tint(*tone, text)).collect();
        parts.join("  ")
    };
    cx.printer.data(&heading(picture.heading()))?;
    let second = heading(picture.second_heading());
    if !second.is_empty() {
        cx.printer.data(&second)?;
    }
    if picture.runs.is_empty() {
        return Ok(ExitStatus::Done);
    }
    let mut rows = Rows::new(&[
        ("run", Column::Left),
        ("agent", Column::Left),
        ("time", Column::Right),
        ("tokens", Column::Right),
        ("cost", Column::Right),
        ("state", Column::Left),
        ("", Column::Wide),
    ]);
    let plain = |text: String| (text, Tone::Plain);
    for run in &picture.runs {
        let (state, tone) = run.state();
        let said = run.news().unwrap_or_else(|| plain(run.goal.clone()));
        rows.add(vec![
            plain(run.short.clone()),
            plain(run.team.clone()),
            plain(words::duration(run.worked)),
            plain(run.spent.tokens()),
            plain(run.spent.cost()),
            (format!("{state} {}/{}", run.settled, run.total), tone),
            said,
        ]);
        for task in &run.tasks {
            let time = if task.attempt > 0 { words::duration(task.worked) } else { "-".into() };
            rows.add(vec![
                // A table trims what stands before a word.
                plain(format!("{}:{}", run.short, task.id)),
                plain(task.agent.clone()),
                plain(time),
                plain(task.spent.tokens()),
                plain(task.spent.cost()),
                task.shown_state(),
                plain(task.words.clone()),
            ]);
        }
    }
    cx.printer.data(&format!("\n{}", rows.render(&cx.printer)))?;
    Ok(ExitStatus::Done)
}

fn as_json(picture: &Picture) -> Value {
    let totals = picture.totals();
    let gates = picture.runs.iter().flat_map(|run| run.gates().map(move |(task, gate)| {
        json!({"id": gate.id.to_string(), "run": run.id, "task": task.id, "about": gate.about, "words": gate.words,
            "opened_at": gate.opened_at, "options": gate.options, "overdue": gate.overdue})
    }));
    json!({
        "repository": picture.repository,
        "totals": {
            "working": totals.working, "quiet": totals.quiet, "waiting_for_person": totals.for_person,
            "waiting_for_slot": totals.for_slot, "backing_off": totals.for_time,
            "interrupted": totals.interrupted, "not_answering": totals.in_trouble,
            "dead_letters": picture.dead_letters, "ended": picture.ended,
            "tokens": totals.spent.tokens, "cost_usd": totals.spent.cost_usd,
            "cost_unknown": totals.spent.cost_unknown,
        },
        "machine": {
            "load": picture.machine.load, "cores": picture.machine.cores,
            "memory_free_percent": picture.machine.memory_free,
        },
        "gates": gates.collect::<Vec<_>>(),
        "runs": picture.runs.iter().map(run_json).collect::<Vec<_>>(),
    })
}

fn run_json(run: &RunLine) -> Value {
    json!({
        "id": run.id, "goal": run.goal, "team": run.team, "status": run.status,
        "health": {"state": run.health.name(), "pid": run.health.pid()},
        "created_at": run.created_at, "ended_at": run.ended_at, "settled": run.settled, "tasks_total": run.total,
        "millis": run.worked.as_millis() as u64, "tokens": run.spent.tokens, "cost_usd": run.spent.cost_usd,
        "cost_unknown": run.spent.cost_unknown, "readable": !run.unreadable,
        "tasks": run.tasks.iter().map(task_json).collect::<Vec<_>>(),
    })
}

fn task_json(task: &TaskLine) -> Value {
    json!({
        "id": task.id, "agent": task.agent, "state": task.state, "standing": task.standing.name(),
        "attempt": task.attempt, "millis": task.worked.as_millis() as u64, "tokens": task.spent.tokens,
        "cost_usd": task.spent.cost_usd, "cost_unknown": task.spent.cost_unknown,
        "gate": task.gate.as_ref().map(|gate| gate.id.to_string()), "dead_letter": task.dead_letter,
        "words": task.words,
    })
}

/// What the other threads tell the one that draws.
enum News {
    Picture(Result<Picture, NoPicture>),
    Log(Option<LogText>),
    Done(Deed, Result<String, String>),
}

/// Shows them until the user has seen enough, or the terminal is gone.
fn live(cx: &Context, looker: Looker, interval: Duration) -> Result<ExitStatus> {
    let screen = FullScreen::take(cx.printer.colours()).context("take over the terminal")?;
    let (tells, news) = channel();
    let (wishes, heard) = channel();
    let (to_look, waker) = (tells.clone(), screen.waker());
    let looks = std::thread::Builder::new().name("look".into());
    let looks =
        looks.spawn(move || look_on(looker, interval, &heard, &to_look, &waker)).context("start a thread")?;
    let mut top = Top {
        cx: cx.clone(),
        screen,
        looks,
        view: View::default(),
        picture: None,
        log: None,
        failed: None,
        heard_at: Instant::now(),
        interval,
        tells,
        news,
        wishes,
        wished: None,
        at_work: Vec::new(),
        deeds: 0,
    };
    let shown = top.show();
    let Top { screen, at_work, news, .. } = top;
    // The terminal is the shell's again before anything is printed.
    drop(screen);
    match shown {
        Ok(status) => {
            await_deeds(cx, at_work, &news)?;
            Ok(status)
        }
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(full_screen::has_gone) => {
            Ok(ExitStatus::Interrupted)
        }
        Err(error) => Err(error),
    }
}

/// Waits for what was begun and is not done: it would be cut off.
fn await_deeds(cx: &Context, mut at_work: Vec<Deed>, news: &Receiver<News>) -> Result<()> {
    if at_work.is_empty() {
        return Ok(());
    }
    let wish = signals::wish_to_stop().context("listen to signals")?;
    let words: Vec<String> = at_work.iter().map(|deed| format!("{} {}", deed.verb(), deed.about())).collect();
    cx.printer.tell(&format!("waiting for: {}", words.join(", ")));
    while !at_work.is_empty() && !wish.load(Ordering::Relaxed) {
        if let Ok(News::Done(deed, came)) = news.recv_timeout(Duration::from_millis(100)) {
            at_work.retain(|other| *other != deed);
            cx.printer.tell(&came.unwrap_or_else(|why| why));
        }
    }
    Ok(())
}

/// Looks at most once in each interval, and at logs whenever others are wanted.
fn look_on(
    mut looker: Looker,
    interval: Duration,
    wishes: &Receiver<Wishes>,
    tells: &Sender<News>,
    waker: &Waker,
) {
    let mut wished = Wishes::default();
    let mut next = Instant::now();
    loop {
        #[cfg(feature = "test-fakes")]
        assert!(std::env::var_os("LOOK_BREAKS").is_none(), "a test wants the look to break");
        let mut waited = wishes.recv_timeout(next.saturating_duration_since(Instant::now()));
        while let Ok(newer) = waited {
            // Who wants to see more, or has changed something, does not wait for the next look.
            let is_more = newer.all != wished.all || !newer.opened.is_subset(&wished.opened);
            if is_more || newer.deeds != wished.deeds {
                next = Instant::now();
            }
            wished = newer;
            waited = wishes.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
        if waited == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        let mut told = Ok(());
        if Instant::now() >= next {
            told = tells.send(News::Picture(looker.look(&wished)));
            next = Instant::now() + interval;
        }
        if told.and_then(|()| tells.send(News::Log(looker.log(&wished)))).is_err() {
            return;
        }
        waker.wake();
    }
}

/// What is shown, and who is told what is wanted.
struct Top {
    cx: Context,
    screen: FullScreen,
    looks: JoinHandle<()>,
    view: View,
    picture: Option<Picture>,
    log: Option<LogText>,
    /// Why the last look brought nothing.
    failed: Option<NoPicture>,
    /// When the last picture came.
    heard_at: Instant,
    interval: Duration,
    tells: Sender<News>,
    news: Receiver<News>,
    wishes: Sender<Wishes>,
    wished: Option<Wishes>,
    /// What was begun and is not done.
    at_work: Vec<Deed>,
    /// How much was done.
    deeds: usize,
}

impl Top {
    fn show(&mut self) -> Result<ExitStatus> {
        loop {
            self.take_news()?;
            self.draw()?;
            self.wish();
            let keys = match self.screen.wait(TICK)? {
                Happened::Keys(keys) => keys,
                Happened::Woken | Happened::TimeIsUp => continue,
                Happened::End => return Ok(ExitStatus::Interrupted),
            };
            let none = Picture::default();
            let orders = self.view.press_all(keys, self.picture.as_ref().unwrap_or(&none), clock::now());
            for order in orders {
                match order {
                    Order::Quit => return Ok(ExitStatus::Done),
                    Order::Suspend => self.screen.suspend()?,
                    Order::Redraw => self.screen.forget_what_is_shown()?,
                    Order::ForgetTyped => self.screen.forget_typed(),
                    Order::Do(deed) => self.begin(deed)?,
                }
            }
        }
    }

    fn take_news(&mut self) -> Result<()> {
        // It has said why, on the terminal that it gave back.
        anyhow::ensure!(!self.looks.is_finished(), "nobody looks any more");
        loop {
            match self.news.try_recv() {
                Ok(News::Picture(Ok(picture))) => {
                    (self.picture, self.failed, self.heard_at) = (Some(picture), None, Instant::now());
                }
                Ok(News::Picture(Err(why))) => self.failed = Some(why),
                // One that is held stays as it is, until somebody goes on with it.
                Ok(News::Log(None)) if matches!(self.view.mode, Mode::Log { .. }) => {}
                Ok(News::Log(log)) => self.log = log,
                Ok(News::Done(deed, came)) => {
                    self.at_work.retain(|other| *other != deed);
                    self.deeds += 1;
                    let (words, tone) = match came {
                        Ok(words) => (words, Tone::Good),
                        Err(why) => (why, Tone::Bad),
                    };
                    self.view.tell(words, tone, clock::now());
                }
                // We hold the other end too.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    fn draw(&mut self) -> Result<()> {
        let now = clock::now();
        let none = Picture::default();
        let picture = self.picture.as_ref().unwrap_or(&none);
        self.view.settle(picture, now);
        let since = self.heard_at.elapsed();
        let stale = match &self.failed {
            Some(NoPicture::Failed(why)) => Some(why.clone()),
            Some(NoPicture::Busy) if self.picture.is_none() => {
                Some("store busy: it is read as soon as others let it be".into())
            }
            Some(NoPicture::Busy) => Some(format!("store busy, {} old", words::duration(since))),
            None if self.picture.is_none() => Some("reading ...".into()),
            None if since > self.interval + OVERDUE => {
                Some(format!("store busy, {} old", words::duration(since)))
            }
            None => None,
        };
        let scene = Scene {
            picture,
            log: self.log.as_ref(),
            stale: stale.as_deref(),
            now,
            is_unread: self.picture.is_none(),
        };
        let view = &mut self.view;
        Ok(self.screen.draw(|buffer| draw::draw(buffer, view, &scene))?)
    }

    /// Says what is wanted, where that has changed.
    fn wish(&mut self) {
        let Some(picture) = &self.picture else { return };
        let rows = lines::rows(picture, &self.view.opened, &self.view.filter);
        let shown = rows.iter().skip(self.view.first).take(self.view.page);
        let whole = matches!(self.view.mode, Mode::Log { .. });
        let log = self.view.log_of(picture).filter(|_| !whole || self.view.follows_log());
        let wishes = Wishes {
            all: self.view.all,
            opened: self.view.opened.clone(),
            in_sight: shown.map(|row| row.run().id.clone()).filter(|_| self.view.all).collect(),
            log: log.map(|place| (place, whole)),
            deeds: self.deeds,
        };
        if self.wished.as_ref() != Some(&wishes) {
            // Where nobody looks any more, the next picture does not come, and that is told.
            let _ = self.wishes.send(wishes.clone());
            self.wished = Some(wishes);
        }
    }

    fn begin(&mut self, deed: Deed) -> Result<()> {
        let (cx, tells, waker) = (self.cx.clone(), self.tells.clone(), self.screen.waker());
        self.at_work.push(deed.clone());
        let begun = std::thread::Builder::new().name("deed".into()).spawn(move || {
            let came = top_deed::carry_out(&cx, &deed);
            // Where the view has been left, the deed is done all the same.
            let _ = tells.send(News::Done(deed, came));
            waker.wake();
        });
        begun.map(drop).map_err(|error| {
            Problem::refused("no_thread", format!("no thread can be started: {error}")).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_a_time_that_makes_sense() {
        assert_eq!([read_interval("0.5"), read_interval("3600")], [Ok(0.5), Ok(3600.0)]);
        for wrong in ["0", "0.05", "-1", "4000", "nan", "inf", "1s", ""] {
            assert!(read_interval(wrong).is_err(), "{wrong}");
        }
    }
}
