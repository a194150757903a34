//! How a run goes on that stopped before its end, and who has to agree first where it was not made here.

use super::context::Context;
use super::exit::Problem;
use crate::domain::run::Run;
use crate::store::layout::Layout;
use crate::store::trust::TrustFile;
use anyhow::Result;

/// Returns the command that goes on with a run. For one that came from elsewhere it says that what it names is trusted, as
/// long as nobody has said so.
pub fn resume_command(layout: &Layout, run: &Run, short: &str) -> String {
    match trusts_run(layout, run) {
        Ok(true) => format!("crew resume {short}"),
        // What cannot be read lets nothing through.
        Ok(false) | Err(_) => resume_with_trust(short),
    }
}

/// Returns the command that goes on with a run, whoever wrote it.
pub fn resume_with_trust(short: &str) -> String {
    format!("crew resume {short} --trust-project")
}

/// Tells whether a run was made here, or the user trusts it.
pub fn trusts_run(layout: &Layout, run: &Run) -> Result<bool> {
    let Some(imported) = &run.imported else { return Ok(true) };
    match Context::config_folder() {
        Some(folder) => {
            Ok(TrustFile::in_folder(&folder).trusts_run(layout.repository(), &run.id, imported)?)
        }
        None => Ok(false),
    }
}

/// Refuses to run what a file names, as long as nobody trusts whoever wrote that. Who trusts the repository has not seen it;
/// `trusted` is what was said of this run just now, and is not asked for again. `ways` are the commands that say so.
pub fn refuse_untrusted(layout: &Layout, run: &Run, short: &str, trusted: bool, ways: &str) -> Result<()> {
    let Some(imported) = &run.imported else { return Ok(()) };
    if trusted {
        if let Some(folder) = Context::config_folder() {
            TrustFile::in_folder(&folder).trust_run(layout.repository(), &run.id, imported)?;
        }
        return Ok(());
    }
    if trusts_run(layout, run)? {
        return Ok(());
    }
    let problem =
        Problem::refused("untrusted", format!("run {short} was not made here, it came {}", imported.words()));
    let hint = format!("look at what would run (crew export {short} --format json), then: {ways}");
    Err(problem.hint(hint).into())
}
