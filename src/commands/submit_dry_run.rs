//! `crew submit result --dry-run`: what would come of a result, told without handing it in.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::submit::{Place, terms_of_environment};
use crate::domain::request::{self, Answer, Code, Submission};
use crate::domain::submission::Statement;
use crate::domain::words::clean_text;
use crate::workspace::apply::{self, ApplyError};
use anyhow::{Context as _, Result};

/// Checks a result as the owner of the run would, in the agent's own process, and prints what its files would change.
pub fn dry_run(cx: &Context, submission: &Submission) -> Result<ExitStatus> {
    let place = Place::of_environment()?;
    let terms = terms_of_environment().context("read what crew told this attempt (CREW_CONTEXT)")?;
    let (body, _) = request::without_identity(&submission.body);
    let read = request::read(submission.kind, &body, &terms);
    let result = match read.and_then(|read| request::may_change(&read, &terms).map(|()| read)) {
        Ok(Statement::Conclusion(result)) => result,
        Ok(Statement::Note(_)) => return Ok(ExitStatus::Done),
        Err(Answer::Refused { code, message, hint }) => {
            return Err(Problem::refused(code.name(), message).hint(hint).into());
        }
        Err(Answer::Accepted { .. }) => return Ok(ExitStatus::Done),
    };
    let diff = match apply::preview(place.repository(), result.files()) {
        Ok(diff) => diff,
        Err(why @ (ApplyError::Unsafe(_) | ApplyError::Invalid(_))) => {
            let code = if matches!(why, ApplyError::Unsafe(_)) { Code::UnsafePath } else { Code::Invalid };
            return Err(Problem::refused(code.name(), why.to_string())
                .hint("correct files and try again")
                .into());
        }
        Err(why) => return Err(why).context("look what the files would change"),
    };
    // It quotes files, and what a terminal would obey may stand in them.
    let diff = clean_text(&diff, usize::MAX);
    if !diff.is_empty() {
        cx.printer.data(diff.trim_end_matches('\n'))?;
    }
    let count = result.files().iter().filter(|file| file.is_change()).count();
    cx.printer.tell(&match count {
        0 => "it would be accepted, and change no files; nothing was handed in".to_owned(),
        1 => "it would be accepted, and change 1 file; nothing was handed in".to_owned(),
        count => format!("it would be accepted, and change {count} files; nothing was handed in"),
    });
    Ok(ExitStatus::Done)
}
