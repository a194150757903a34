//! `crew attach`: look on at a run that another process carries out.

use super::closing::Closing;
use super::context::Context;
use super::ended;
use super::exit::{self, ExitStatus};
use super::going_on::resume_command;
use super::review;
use super::run;
use super::signs_of_life::SignsOfLife;
use super::standstill::Watch;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{RunId, TaskId};
use crate::domain::run::{Run, RunStatus};
use crate::runner::dispatcher::Finished;
use crate::runner::{clock, looking_on, signals};
use crate::store::database::Store;
use crate::store::lock;
use crate::ui::progress::Progress;
use crate::ui::screen;
use crate::ui::words;
use anyhow::{Context as _, Result};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the record is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Events read at once.
const PAGE: usize = 1_000;

/// Look on at a run, as if it were carried out here
///
/// Begins with what is open. ctrl-C leaves the view, and the run goes on; with --json, where it stands then is printed. At the
/// end the same is told as where the run was started, with the same exit code.
#[derive(Debug, clap::Args)]
pub struct AttachArgs {
    /// Run to look on at: the beginning of its id, or `last`
    #[arg(default_value = "last")]
    run: String,
}

/// Looks on until the run has no owner any more, or the user has seen enough.
pub fn attach(cx: &Context, args: &AttachArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let layout = store.layout().clone();
    let (short, paths, printer) = (store.short(&id)?, store.paths(&id), cx.printer);
    let settings = cx.settings(&layout, &[], cx.trusts(&layout)?)?;
    let programs = run::registry(&settings)?.programs();
    let wish = signals::wish_to_stop().context("listen to signals")?;
    screen::take_over();
    let (mut followed, open_so_far) = Followed::begin(&store, &id)?;
    let run = &followed.run;
    let (settled, total) = (run.counts.settled(), run.counts.total());
    if !printer.json {
        let tasks = words::count(total, "task");
        printer.tell(&format!("run {short}  {} team  {tasks}, {settled} settled\n", run.team));
    }
    let mut progress = Progress::new(printer, short.clone(), run);
    if !progress.is_live() {
        open_so_far.iter().for_each(|event| progress.happened(&followed.run, event));
    }
    drop(open_so_far);
    let mut standstill = Watch::default();
    loop {
        // Looked at before the record: what a dying owner recorded last is still read.
        let owned = lock::is_owned(&paths)?;
        while let more @ 1.. = followed.go_on(&store, &mut progress)? {
            if more < PAGE {
                break;
            }
        }
        if !owned {
            break;
        }
        if let Some(news) = standstill.look(&store, &id)? {
            progress.clear();
            printer.tell(&news);
        }
        if wish.load(Ordering::Relaxed) {
            progress.clear();
            if printer.json {
                let finished = Finished { status: followed.run.status(true), interrupted: false };
                followed.tell(cx, &store, &short, finished)?;
            }
            printer.tell(&format!(
                "run {short} goes on without this view\nnext  crew attach {short}    crew cancel {short} ends it"
            ));
            return Ok(ExitStatus::Interrupted);
        }
        if progress.is_live() {
            let now = clock::now();
            let signs = SignsOfLife::of(&store, &followed.run, lock::owner(&paths).as_ref(), now);
            let quiet = |task: &TaskId, attempt: u32| signs.as_ref()?.quiet(task, attempt);
            let working = looking_on::working(&followed.run, &paths, &programs, now, quiet);
            progress.redraw(&followed.run, &working, &store.providers()?, now);
        }
        std::thread::sleep(LOOK);
    }
    progress.clear();
    let finished = Finished { status: followed.run.status(false), interrupted: followed.interrupted };
    if followed.run.review.is_some() {
        return review::tell_as_ordered(cx, &store, &followed.run, finished.status);
    }
    followed.tell(cx, &store, &short, finished)?;
    Ok(ended::exit_status(finished))
}

/// A run as far as it has been read.
struct Followed {
    run: Run,
    /// Somebody has stopped the crew process that owned it last.
    interrupted: bool,
}

impl Followed {
    /// Reads all that has happened, once, and returns with it what has happened in attempts that are open.
    fn begin(store: &Store, id: &RunId) -> Result<(Followed, Vec<Recorded>)> {
        let mut events = store.events(id, 0, usize::MAX)?;
        let first = events.first().context("the run is recorded")?;
        let run = Run::create(id.clone(), first.at, &first.event).context("read what has happened")?;
        let mut followed = Followed { run, interrupted: false };
        followed.run.last_seq = first.seq;
        for recorded in &events[1..] {
            followed.take_in(recorded)?;
        }
        followed.retain_open(&mut events);
        Ok((followed, events))
    }

    /// Leaves what has happened in attempts that are open.
    fn retain_open(&self, events: &mut Vec<Recorded>) {
        let is_open = |event: &Event| {
            let task = event.task().and_then(|task| self.run.task(task));
            task.is_some_and(|task| match task.waits_for {
                Some(gate) => matches!(event, Event::GateOpened { gate: opened, .. } if *opened == gate),
                None => {
                    let open = task.last().filter(|last| last.is_open()).map(|last| last.number);
                    open.is_some() && event.attempt() == open
                }
            })
        };
        events.retain(|recorded| is_open(&recorded.event));
    }

    fn take_in(&mut self, recorded: &Recorded) -> Result<()> {
        self.run.apply(recorded.at, &recorded.event).context("read what has happened")?;
        self.run.last_seq = recorded.seq;
        ended::note_stop(&recorded.event, &mut self.interrupted);
        Ok(())
    }

    /// Says how it has ended, or how it stands.
    fn tell(&self, cx: &Context, store: &Store, short: &str, finished: Finished) -> Result<()> {
        let (run, paths, providers) = (&self.run, &store.paths(&self.run.id), &store.providers()?);
        let goes_on = finished.status == RunStatus::Running;
        let took = if goes_on { run.worked_until(clock::now()) } else { run.worked };
        let resume = &resume_command(store.layout(), run, short);
        let report = Closing { run, providers, short, resume, paths, finished, took };
        exit::unless_nobody_reads(report.tell(&cx.printer))
    }

    /// Reads what has happened since, and shows it; returns how much that was.
    fn go_on(&mut self, store: &Store, progress: &mut Progress) -> Result<usize> {
        let page = store.events(&self.run.id, self.run.last_seq, PAGE)?;
        for recorded in &page {
            self.take_in(recorded)?;
            progress.happened(&self.run, recorded);
        }
        Ok(page.len())
    }
}
