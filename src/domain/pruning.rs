//! Whether a whole run may leave the record. Nothing goes that nobody asked for, nothing that somebody goes on with, and
//! nothing whose work is nowhere else.

use super::cleanup::Stays;
use super::run::RunStatus;
use super::time::read_duration;
use std::time::Duration;

/// How long a run stays after something has happened in it, whoever asks in general.
pub const FRESH: Duration = Duration::from_secs(3600);

/// How old runs are that go where nobody says which.
pub const DEFAULT_AGE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Which runs are meant by somebody who names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// All but this many of the newest.
    pub keep: Option<usize>,
    /// Those that ended at least this long ago.
    pub older_than: Option<Duration>,
}

impl Choice {
    /// Makes it from what was typed; where that is nothing, it is the age that is usual.
    pub fn of(keep: Option<usize>, older_than: Option<Duration>) -> Choice {
        let usual = keep.is_none().then_some(DEFAULT_AGE);
        Choice { keep, older_than: older_than.or(usual) }
    }

    /// Tells whether a run is meant that ended `age` ago, and of which there are `newer` newer ones.
    pub fn takes(self, newer: usize, age: Duration) -> bool {
        self.keep.is_none_or(|keep| newer >= keep) && self.older_than.is_none_or(|oldest| age >= oldest)
    }
}

/// Reads an age as people type it: `30d`, `2w`, `12h`, `90m`.
pub fn read_age(text: &str) -> Result<Duration, String> {
    let age = read_duration(text, &["m", "h", "d", "w"]);
    // Ten thousand years are enough for everybody, and fit into every sum of times.
    age.filter(|age| age.as_secs() < 400_000_000_000)
        .ok_or_else(|| format!("`{text}` is no age: write `30d`, `2w`, `12h` or `90m`"))
}

/// Returns an age as it is typed, in the largest unit that says at least two of it: `41d`, `30h`.
pub fn age_shown(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    match minutes {
        0 => "less than 1m".to_owned(),
        1..120 => format!("{minutes}m"),
        120..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}

/// Returns an age as it can be typed again and means the same.
pub fn age_typed(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    let units = [(7 * 24 * 60, 'w'), (24 * 60, 'd'), (60, 'h'), (1, 'm')];
    let (length, unit) =
        units.into_iter().find(|(length, _)| minutes.is_multiple_of(*length)).unwrap_or((1, 'm'));
    format!("{}{unit}", minutes / length)
}

/// What is known of a run when somebody wants it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSight {
    pub status: RunStatus,
    /// It was asked for by its id.
    pub named: bool,
    /// A crew process holds it, and what it said that it does.
    pub owned: Option<String>,
    /// How long ago something happened in it.
    pub quiet: Duration,
    /// Processes that it has started and that are still there.
    pub processes: Vec<u32>,
    /// A merge of it was cut off, or has left something.
    pub merge_is_open: bool,
    /// Tasks whose work tree or branch stays, and why.
    pub trees: Vec<(String, Stays)>,
    /// References of crew's own with work that is on no branch.
    pub held: Vec<String>,
    /// How many of its tasks were given up, and nobody has done anything about it.
    pub dead_letters: usize,
}

impl RunSight {
    /// Decides whether the run goes. Hints say RUN where its id is to be typed, and REFERENCE where what it holds is.
    pub fn for_prune(&self) -> Result<(), Stays> {
        let stays = |code, why: String, hint| Err(Stays { code, why, hint });
        if let Some(doing) = &self.owned {
            let doing = if doing.is_empty() { "it is carried out".to_owned() } else { doing.clone() };
            return stays("busy", format!("a crew process is at work on it: {doing}"), "crew status RUN");
        }
        match self.status {
            RunStatus::Queued | RunStatus::Running | RunStatus::Interrupted => {
                return stays("open", "its tasks are not done".into(), "crew resume RUN goes on with it");
            }
            RunStatus::AwaitingInput => {
                return stays("waits", "it waits for you".into(), "crew gates RUN shows for what");
            }
            RunStatus::NeedsReview if !self.named => {
                // Who names it is told about that work.
                let hint = match self.trees.is_empty() && self.held.is_empty() {
                    true => {
                        "crew accept RUN TASK lets its work count; crew prune RUN takes the run away as it is"
                    }
                    false => "crew accept RUN TASK lets its work count",
                };
                return stays("needs_review", "it waits for your review".into(), hint);
            }
            _ => {}
        }
        if !self.processes.is_empty() {
            let pids: Vec<String> = self.processes.iter().map(u32::to_string).collect();
            let why = format!("processes of it are left (pid {})", pids.join(", "));
            return stays("left_behind", why, "crew doctor --fix ends them");
        }
        if self.merge_is_open {
            return stays("merging", "a merge of it was cut off".into(), "crew doctor says how it goes on");
        }
        if let Some((task, tree)) = self.trees.first() {
            let more = match self.trees.len() {
                1 => String::new(),
                all => format!(", and {} more", all - 1),
            };
            return stays(tree.code, format!("{task}: {}{more}", tree.why), tree.hint);
        }
        if let Some(first) = self.held.first() {
            let more = match self.held.len() {
                1 => String::new(),
                all => format!(" and {} more", all - 1),
            };
            let hint = "crew restore REFERENCE brings it back; git update-ref -d REFERENCE lets go of it";
            return stays("not_merged", format!("what is kept at {first}{more} is on no branch"), hint);
        }
        // From here on it goes where it is named, as the hints say.
        if self.quiet < FRESH && !self.named {
            let why = format!("it ended {} ago", age_shown(self.quiet));
            return stays("fresh", why, "crew prune RUN takes it all the same");
        }
        if self.dead_letters > 0 && !self.named {
            let why = match self.dead_letters {
                1 => "a task of it was given up, and nobody has looked into it".to_owned(),
                many => format!("{many} tasks of it were given up, and nobody has looked into them"),
            };
            let hint = "crew deadletter list RUN shows what; crew prune RUN takes the run away as it is";
            return stays("dead_letter", why, hint);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn who_says_nothing_means_what_is_old_and_who_says_something_means_just_that() {
        let usual = Choice::of(None, None);
        assert!(usual.takes(0, 31 * DAY) && !usual.takes(500, 29 * DAY));
        let keep = Choice::of(Some(2), None);
        assert!(keep.takes(2, Duration::ZERO) && !keep.takes(1, 900 * DAY));
        let both = Choice::of(Some(2), Some(7 * DAY));
        assert!(both.takes(2, 7 * DAY) && !both.takes(2, 6 * DAY) && !both.takes(1, 7 * DAY));
        assert!(Choice::of(Some(0), None).takes(0, Duration::ZERO));
    }

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(read_age("30d"), Ok(30 * DAY));
        assert_eq!(read_age("2w"), Ok(14 * DAY));
        assert_eq!(read_age("0h"), Ok(Duration::ZERO));
        assert_eq!(read_age("90m").map(age_shown), Ok("90m".to_owned()));
        assert_eq!([41 * DAY, 2 * DAY, DAY].map(age_shown), ["41d", "2d", "24h"]);
        for typed in ["45d", "2w", "36h", "121m", "1m"] {
            assert_eq!(read_age(typed).map(age_typed), Ok(typed.to_owned()));
        }
        assert_eq!(read_age("0m").map(age_typed).and_then(|typed| read_age(&typed)), Ok(Duration::ZERO));
        for wrong in ["", "d", "30", "-1d", "1.5d", "3y", "99999999999999999999d", "9999999999999w", "3ä"] {
            assert!(read_age(wrong).is_err(), "{wrong}");
        }
    }

    fn sight() -> RunSight {
        RunSight {
            status: RunStatus::Completed,
            named: false,
            owned: None,
            quiet: 40 * DAY,
            processes: Vec::new(),
            merge_is_open: false,
            trees: Vec::new(),
            held: Vec::new(),
            dead_letters: 0,
        }
    }

    #[test]
    fn what_is_open_waits_or_is_nowhere_else_stays_whoever_asks() {
        let tree = Stays { code: "dirty", why: "2 files not committed".into(), hint: "" };
        for (sight, code) in [
            (RunSight { owned: Some("merge into main".into()), ..sight() }, "busy"),
            (RunSight { status: RunStatus::Interrupted, ..sight() }, "open"),
            (RunSight { status: RunStatus::Queued, ..sight() }, "open"),
            (RunSight { status: RunStatus::AwaitingInput, ..sight() }, "waits"),
            (RunSight { processes: vec![7], ..sight() }, "left_behind"),
            (RunSight { merge_is_open: true, ..sight() }, "merging"),
            (RunSight { trees: vec![("a".into(), tree)], ..sight() }, "dirty"),
            (RunSight { held: vec!["refs/crew/keep/r/a/1".into()], ..sight() }, "not_merged"),
        ] {
            for named in [false, true] {
                assert_eq!(RunSight { named, ..sight.clone() }.for_prune().unwrap_err().code, code);
            }
        }
    }

    #[test]
    fn nobody_is_told_to_name_a_run_that_would_stay_then_too() {
        let tree = Stays { code: "not_merged", why: "its work is on no branch".into(), hint: "" };
        for status in [RunStatus::Completed, RunStatus::Failed, RunStatus::NeedsReview] {
            for trees in [vec![], vec![("a".to_owned(), tree.clone())]] {
                for held in [vec![], vec!["refs/crew/keep/r/a/1".to_owned()]] {
                    for dead_letters in [0, 1] {
                        let quiet = Duration::from_secs(60);
                        let sight = RunSight {
                            status,
                            quiet,
                            dead_letters,
                            held: held.clone(),
                            trees: trees.clone(),
                            ..sight()
                        };
                        let goes = RunSight { named: true, ..sight.clone() }.for_prune().is_ok();
                        assert_eq!(sight.for_prune().unwrap_err().hint.contains("crew prune RUN"), goes);
                    }
                }
            }
        }
    }

    #[test]
    fn who_names_a_run_may_take_one_that_is_fresh_or_was_never_accepted() {
        assert_eq!(sight().for_prune(), Ok(()));
        for (sight, code) in [
            (RunSight { quiet: Duration::from_secs(59 * 60), ..sight() }, "fresh"),
            (RunSight { status: RunStatus::NeedsReview, ..sight() }, "needs_review"),
            (RunSight { status: RunStatus::Failed, dead_letters: 1, ..sight() }, "dead_letter"),
        ] {
            assert_eq!(sight.for_prune().unwrap_err().code, code);
            assert_eq!(RunSight { named: true, ..sight }.for_prune(), Ok(()));
        }
        assert_eq!(RunSight { status: RunStatus::Failed, ..sight() }.for_prune(), Ok(()));
        assert_eq!(RunSight { status: RunStatus::Cancelled, ..sight() }.for_prune(), Ok(()));
    }
}
