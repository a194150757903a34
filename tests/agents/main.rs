//! The agent CLIs themselves, each through the crew binary, with a scripted model.
//!
//! Nothing is spent and nothing leaves this machine. A CLI that is not installed has its tests skipped; `.ci/agents`
//! installs the versions that they were written for.

#[path = "../support/mod.rs"]
mod support;

mod play;
mod scenarios;

use libtest_mimic::{Arguments, Trial};
use play::{ALL, is_installed};

/// How many tests run at once where nobody says so: an agent holds up to 655 MB.
const AT_ONCE: usize = 2;

fn main() {
    let mut args = Arguments::from_args();
    args.test_threads.get_or_insert(AT_ONCE);
    let missing: Vec<&str> = ALL.into_iter().filter(|cli| !is_installed(cli)).collect();
    let mut trials = Vec::new();
    for (name, scenario, clis) in scenarios::EACH {
        for cli in *clis {
            let trial = Trial::test(format!("{cli}::{name}"), move || {
                scenario(cli);
                Ok(())
            });
            trials.push(trial.with_ignored_flag(missing.contains(cli)));
        }
    }
    let together = Trial::test("all::five_agents_at_once", || {
        scenarios::five_agents_at_once();
        Ok(())
    });
    trials.push(together.with_ignored_flag(!missing.is_empty()));
    let listing = args.list;
    let conclusion = libtest_mimic::run(&args, trials);
    if conclusion.num_ignored > 0 && !listing {
        println!(
            "{} tests of real agents skipped: {} not installed; `.ci/agents` installs them into target/agents\n",
            conclusion.num_ignored,
            missing.join(", "),
        );
    }
    conclusion.exit();
}
