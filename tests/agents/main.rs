//! The agent CLIs themselves, each through the crew binary, with a scripted model.
//!
//! Nothing is spent and nothing leaves this machine. A CLI that is not installed has its tests skipped; `.ci/agents`
//! installs the versions that they were written for.

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod play;
mod reviews;
mod scenarios;
mod worktrees;

use libtest_mimic::{Arguments, Trial};
use play::{ALL, is_installed};

/// How many tests run at once where nobody says so: most of them wait, but an agent holds up to 655 MB.
const AT_ONCE: usize = 4;

fn main() {
    // Codex's sandbox has a /dev of its own, so what lies in the memory below /dev is not there for its commands.
    support::folders::keep_on_disk();
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(AT_ONCE);
    let missing: Vec<&str> = ALL.into_iter().filter(|cli| !is_installed(cli)).collect();
    let mut trials = Vec::new();
    let quick = scenarios::EACH.iter().map(|scenario| (scenario, false));
    let slow = scenarios::SLOW.iter().map(|scenario| (scenario, true));
    for ((name, scenario, clis), is_slow) in quick.chain(slow) {
        for cli in *clis {
            let trial = Trial::test(format!("{cli}::{name}"), move || {
                scenario(cli);
                Ok(())
            });
            trials.push(trial.with_ignored_flag(is_slow || missing.contains(cli)));
        }
    }
    let together = Trial::test("all::five_agents_at_once", || {
        scenarios::five_agents_at_once();
        Ok(())
    });
    trials.push(together.with_ignored_flag(!missing.is_empty()));
    let listing = args.list;
    let conclusion = libtest_mimic::run(&args, trials);
    let skipped = conclusion.num_ignored;
    match missing.is_empty() {
        _ if skipped == 0 || listing => {}
        true => println!("{skipped} slow tests of real agents skipped: add `-- --include-ignored`\n"),
        false => println!(
            "{skipped} tests of real agents skipped: {} not installed; `.ci/agents` installs them into target/agents\n",
            missing.join(", "),
        ),
    }
    conclusion.exit();
}
