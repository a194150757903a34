//! `crew submit result --dry-run`: what would come of a result, told without handing it in.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::submit::{Place, terms_of_environment};
use crate::domain::request::{self, Answer, Code, Submission};
use crate::domain::result_files::ResultFile;
use crate::domain::submission::{Statement, Terms};
use crate::domain::words::clean_text;
use crate::workspace::apply::{self, ApplyError};
use anyhow::{Context as _, Result};

/// Checks a result as the owner of the run would, in the agent's own process, and prints what its files would change.
pub fn dry_run(cx: &Context, submission: &Submission) -> Result<ExitStatus> {
    let place = Place::of_environment()?;
    let terms = terms_of_environment().context("read what crew told this attempt (CREW_CONTEXT)")?;
    let files = check_here(&place, submission, &terms)?;
    let diff = apply::preview(place.repository(), &files).context("look what the files would change")?;
    // It quotes files, and what a terminal would obey may stand in them.
    let diff = clean_text(&diff, usize::MAX);
    if !diff.is_empty() {
        cx.printer.data(diff.trim_end_matches('\n'))?;
    }
    let count = files.iter().filter(|file| file.is_change()).count();
    cx.printer.tell(&match count {
        0 => "it would be accepted, and change no files; nothing was handed in".to_owned(),
        1 => "it would be accepted, and change 1 file; nothing was handed in".to_owned(),
        count => format!("it would be accepted, and change {count} files; nothing was handed in"),
    });
    Ok(ExitStatus::Done)
}

/// Checks a submission as the owner of the run would, as far as that can be done from here, and returns its files.
pub fn check_here(place: &Place, submission: &Submission, terms: &Terms) -> Result<Vec<ResultFile>> {
    let (body, _) = request::without_identity(&submission.body);
    let read = request::read(submission.kind, &body, terms);
    let read = read.and_then(|read| request::may_change(&read, terms).map(|()| read)).map_err(refusal)?;
    let Statement::Conclusion(handed_in) = read else { return Ok(Vec::new()) };
    let mut files = handed_in.files().to_vec();
    let looked = if files.is_empty() { Ok(()) } else { apply::check(place.repository(), &mut files) };
    match looked {
        Ok(()) => Ok(files),
        Err(why @ (ApplyError::Unsafe(_) | ApplyError::Invalid(_))) => {
            let code = if matches!(why, ApplyError::Unsafe(_)) { Code::UnsafePath } else { Code::Invalid };
            Err(refusal(request::refused(code, why.to_string(), request::HOW_TO_CORRECT_FILES)))
        }
        Err(why) => Err(why).context("look at the files"),
    }
}

fn refusal(answer: Answer) -> anyhow::Error {
    Problem::of_refusal(answer).into()
}
