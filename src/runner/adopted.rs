//! Looks after a child that a dead crew process has left at work: nobody can wait for it, since it is nobody's child any
//! more. It is known by its pid, its start and the boot, and signalled only while it is that very process.

use super::child::{ChildNews, Control};
use super::kept_output::LeftOutput;
use super::process::{self, GroupSignal};
use crate::domain::event::ProcessId;
use crate::domain::recovery::{Follows, Quarantine, Sight};
use std::time::{Duration, Instant};

/// How long is waited for the end of a child before it is looked at again, and whether it is to end.
const WAIT: Duration = Duration::from_millis(500);

/// How long after a child was seen alive whoever is in its group still is of it: the system would have to give out all other
/// numbers first.
const A_MOMENT: Duration = Duration::from_secs(5);

/// A child to be looked after.
#[derive(Debug)]
pub struct Adopted {
    pub process: ProcessId,
    /// Variables of its environment by which what it leaves behind is known.
    pub marks: Vec<String>,
    pub grace: Duration,
    /// Between two looks that are not sure.
    pub between_looks: Duration,
    /// It is asked to end as soon as it is sure that it lives, and killed after the grace.
    pub ends: bool,
    /// What it says, where that is kept for whoever comes next.
    pub output: Option<LeftOutput>,
}

/// How looking after it came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AfterAdoption {
    Ended,
    /// Whether it lives cannot be told; what was seen.
    Unsure(String),
}

impl Adopted {
    /// Returns when the child has ended, with what it left behind, or when it cannot be told whether it has.
    pub fn look_after(&self, control: &Control, news: &dyn ChildNews) -> AfterAdoption {
        match &self.output {
            Some(output) => output.follow_while(control, news, || self.watch(control)),
            None => self.watch(control),
        }
    }

    fn watch(&self, control: &Control) -> AfterAdoption {
        let began = Instant::now();
        let mut asked: Option<Instant> = None;
        let mut lived: Option<Instant> = None;
        let after = watch(
            || process::sight(&self.process),
            || began.elapsed(),
            |follows| match follows {
                Follows::Lives => {
                    lived = Some(Instant::now());
                    let mut wait = WAIT;
                    if self.ends {
                        let is_late = asked.is_some_and(|asked| asked.elapsed() >= self.grace);
                        wait = if is_late { WAIT } else { WAIT.min(self.grace) };
                        let signal = if is_late { GroupSignal::Kill } else { GroupSignal::End };
                        if asked.is_none() || is_late {
                            process::signal_left(&self.process, signal);
                        }
                        asked.get_or_insert_with(Instant::now);
                    }
                    process::await_left(&self.process, wait);
                }
                _ => sleep_unless(self.between_looks, || control.is_to_end()),
            },
            // Nothing can be done to it, and nobody wants to wait any longer.
            || control.is_to_end(),
        );
        control.note_ended();
        if after == AfterAdoption::Ended {
            let lived = lived.is_some_and(|lived| lived.elapsed() <= A_MOMENT);
            process::end_after(&self.process, lived, &self.marks, self.grace, || control.is_hurried());
        }
        after
    }
}

fn sleep_unless(time: Duration, is_to_end: impl Fn() -> bool) {
    let until = Instant::now() + time;
    while Instant::now() < until && !is_to_end() {
        std::thread::sleep(WAIT.min(until.saturating_duration_since(Instant::now())));
    }
}

/// Looks again and again, with a pause after each look that says to go on.
fn watch(
    look: impl Fn() -> Sight,
    now: impl Fn() -> Duration,
    mut pause: impl FnMut(&Follows),
    is_to_end: impl Fn() -> bool,
) -> AfterAdoption {
    let mut quarantine = Quarantine::default();
    loop {
        let follows = quarantine.look(now(), &look());
        match &follows {
            Follows::Gone => return AfterAdoption::Ended,
            Follows::AskPerson(seen) => return AfterAdoption::Unsure(seen.clone()),
            Follows::LookAgain if is_to_end() => {
                return AfterAdoption::Unsure("it was to end before that was sure".into());
            }
            Follows::LookAgain | Follows::Lives => pause(&follows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::recording::Stream;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    struct Deaf;

    impl ChildNews for Deaf {
        fn started(&self, _: ProcessId) {}
        fn reads_lines(&self) -> bool {
            false
        }
        fn line(&self, _: Stream, _: &str) {}
    }

    fn adopted(process: ProcessId, ends: bool) -> Adopted {
        let (grace, between_looks) = (Duration::from_millis(100), Duration::from_millis(1));
        Adopted {
            process,
            marks: vec!["CREW_RUN=none".into(), "CREW_TASK=none".into()],
            grace,
            between_looks,
            ends,
            output: None,
        }
    }

    /// Starts a child and takes it away when it ends, as the system's first process does with an orphan.
    fn orphan(script: &str) -> (ProcessId, std::thread::JoinHandle<()>) {
        let mut child = Command::new("/bin/sh").args(["-c", script]).process_group(0).spawn().unwrap();
        let process = process::identify(child.id()).unwrap();
        (process, std::thread::spawn(move || drop(child.wait())))
    }

    #[test]
    fn a_child_that_was_left_at_work_is_waited_for() {
        let (process, reaper) = orphan("sleep 0.1");
        assert_eq!(
            adopted(process.clone(), false).look_after(&Control::of_left(process), &Deaf),
            AfterAdoption::Ended
        );
        reaper.join().unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_it_leaves_in_its_group_without_marks_ends_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!(
            "env -i /bin/sh -c 'trap \"\" TERM; echo $$ >{0}.new; mv {0}.new {0}; exec sleep 300' & while [ ! -e {0} ]; do :; done; sleep 0.1",
            pid.display()
        );
        let (process, reaper) = orphan(&script);
        assert_eq!(
            adopted(process.clone(), false).look_after(&Control::of_left(process), &Deaf),
            AfterAdoption::Ended
        );
        reaper.join().unwrap();
        let left: u32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        assert!(!process::identify(left).is_some_and(|left| process::is_alive(&left)));
    }

    #[test]
    fn one_that_is_to_end_is_ended_and_one_that_is_asked_to_is_asked() {
        let (process, reaper) = orphan("trap '' TERM; while :; do sleep 0.02; done");
        assert_eq!(
            adopted(process.clone(), true).look_after(&Control::of_left(process), &Deaf),
            AfterAdoption::Ended
        );
        reaper.join().unwrap();
        let (process, reaper) = orphan("sleep 300");
        let control = Control::of_left(process.clone());
        control.signal(GroupSignal::End);
        assert_eq!(adopted(process, false).look_after(&control, &Deaf), AfterAdoption::Ended);
        reaper.join().unwrap();
    }

    #[test]
    fn a_stranger_with_the_number_of_a_child_is_never_signalled() {
        let (process, reaper) = orphan("sleep 300");
        let stranger = ProcessId { start: process.start + 1, ..process.clone() };
        let control = Control::of_left(stranger.clone());
        control.signal(GroupSignal::Kill);
        assert_eq!(adopted(stranger, true).look_after(&control, &Deaf), AfterAdoption::Ended);
        assert!(process::is_alive(&process));
        process::signal_group(process.pid, GroupSignal::Kill);
        reaper.join().unwrap();
    }

    #[test]
    fn where_the_boot_is_not_known_it_is_not_signalled_and_a_person_is_asked() {
        let (process, reaper) = orphan("sleep 300");
        let unknown = ProcessId { boot: String::new(), ..process.clone() };
        let control = Control::of_left(unknown.clone());
        let after = adopted(unknown.clone(), true).look_after(&control, &Deaf);
        assert_eq!(after, AfterAdoption::Unsure("the system does not say since when it runs".into()));
        assert!(process::is_alive(&process));
        // Whoever stops the run does not wait for that.
        let control = Control::of_left(unknown.clone());
        control.signal(GroupSignal::End);
        let slow = Adopted { between_looks: Duration::from_secs(600), ..adopted(unknown, false) };
        assert!(matches!(slow.look_after(&control, &Deaf), AfterAdoption::Unsure(_)));
        assert!(process::is_alive(&process));
        process::signal_group(process.pid, GroupSignal::Kill);
        reaper.join().unwrap();
    }
}
