//! Tells people who do not watch how a run goes, and keeps what went wrong with that for `crew doctor`.

use super::context::Context;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::RunId;
use crate::domain::notice::{self, About, Policy};
use crate::domain::run::Run;
use crate::domain::words::clean_line;
use crate::runner::clock;
use crate::runner::environment::hiding_ours;
use crate::runner::marks;
use crate::runner::notifier::{self, Notifier};
use crate::runner::signals;
use crate::store::atomic_file;
use crate::store::layout::Layout;
use crate::ui::printer::Printer;

/// The most characters of what went wrong with one way to tell that are shown.
const MAX_WRONG: usize = 300;

/// Tells of one run.
pub struct Notices {
    notifier: Option<Notifier>,
    /// What the run ended with has happened.
    ended: bool,
    about: About,
}

impl Notices {
    /// Begins to tell, where the settings say how. Where that cannot be, the run goes on without.
    pub fn start(printer: &Printer, policy: &Policy, run: &RunId, short: &str, layout: &Layout) -> Notices {
        let repository = layout.repository().display().to_string();
        let id = run.to_string();
        let marks = [(notifier::MARK, id.clone()), ("CREW_RUN", id), (marks::REPOSITORY, repository.clone())];
        let marks = marks.map(|(name, value)| (name.to_owned(), value));
        let notifier = Notifier::start(policy, marks.into()).unwrap_or_else(|error| {
            printer.warn(&format!("nobody is notified: {error}"));
            None
        });
        let about = About { short: short.to_owned(), repository, words: hiding_ours(&[]) };
        Notices { notifier, ended: false, about }
    }

    /// Tells what has happened, where people want to know that. `asked` tells whether a person is being asked at a terminal.
    pub fn happened(&mut self, run: &Run, recorded: &Recorded, asked: bool) {
        let Some(notifier) = &mut self.notifier else { return };
        self.ended |= matches!(recorded.event, Event::RunEnded { .. });
        let notice = notice::of_event(run, &self.about, (recorded.at, &recorded.event), asked);
        notice.into_iter().for_each(|notice| notifier.tell(notice));
    }

    /// Tells that crew itself could not go on with the run, unless its end was told: nobody waits for it in vain.
    pub fn failed(&mut self, run: &RunId, why: &anyhow::Error) {
        if let Some(notifier) = self.notifier.as_mut().filter(|_| !self.ended) {
            notifier.tell(notice::of_failure(run, &self.about, clock::now(), &format!("{why:#}")));
        }
    }

    /// Waits until all is told, for a moment at most, unless somebody wants this process to end; says what went wrong, and
    /// keeps it.
    pub fn finish(self, printer: &Printer, layout: &Layout) {
        let Some(notifier) = self.notifier else { return };
        let waits = || printer.tell("waiting for the last notification to be told; ctrl-C ends that");
        let wrong = notifier.finish(signals::hurry(), waits);
        wrong.iter().for_each(|line| printer.warn(&format!("notifications: {line}")));
        // Where this does not work, it has been said once.
        let _ = match wrong.is_empty() {
            true => std::fs::remove_file(layout.untold()).map_err(drop),
            false => atomic_file::write(&layout.untold(), wrong.join("\n").as_bytes()).map_err(drop),
        };
    }
}

/// Says how people are told, and what is wrong with that; nothing where nobody is to be told.
pub fn examined(cx: &Context, layout: &Layout) -> Option<(String, Option<String>)> {
    let settings = cx.settings(layout, &[], cx.trusts(layout).ok()?).ok()?;
    let policy = Policy::of(&settings);
    if !policy.tells() {
        return None;
    }
    let no_desktop = policy.desktop && notifier::desktop_program().is_none();
    let no_webhook = !policy.webhook.is_empty() && notifier::webhook_program().is_none();
    let last = std::fs::read_to_string(layout.untold()).ok();
    let now = [
        (no_desktop, "notify.desktop: ", "notify-send (on macOS: osascript) is not installed"),
        (no_webhook, "notify.webhook: ", "curl is not installed"),
    ];
    let now: Vec<_> = now.iter().filter(|(is_wrong, ..)| *is_wrong).collect();
    let mut wrong: Vec<String> = now.iter().map(|(_, way, why)| format!("{way}{why}")).collect();
    // What is wrong now says more than what was.
    let is_said = |line: &str| now.iter().any(|(_, way, _)| line.starts_with(way));
    let last = last.iter().flat_map(|last| last.lines()).filter(|line| !is_said(line));
    wrong.extend(last.map(|line| format!("last time: {}", clean_line(line, MAX_WRONG))));
    let wrong = (!wrong.is_empty()).then(|| wrong.join("; "));
    let ways = [
        (policy.desktop, "desktop"),
        (!policy.command.is_empty(), "command"),
        (!policy.webhook.is_empty(), "webhook"),
    ];
    let ways: Vec<&str> = ways.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
    Some((ways.join(", "), wrong))
}
