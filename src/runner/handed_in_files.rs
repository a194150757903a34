//! The files of a result on their way into the tree: looked at when they are handed in, put aside, and applied when the
//! agent has ended.

use crate::domain::error_kind::ErrorKind;
use crate::domain::event::Event;
use crate::domain::judgement::StreamError;
use crate::domain::request::{self, Answer, Code};
use crate::domain::result_files::ResultFile;
use crate::domain::submission::HandedIn;
use crate::domain::task::{Attempt, Task};
use crate::store::StoreError;
use crate::store::atomic_file;
use crate::store::layout::{self, RunPaths};
use crate::workspace::apply::{self, ApplyError, Left};
use std::path::Path;

/// Looks at the files of a result that domain would accept, with the tree at hand. Their contents are put aside; what
/// is recorded of them is their hash. Where the tree is against it, the acceptance becomes a refusal.
pub fn take_in(
    tree: &Path,
    paths: &RunPaths,
    (event, answer): (Option<Event>, Answer),
) -> Result<(Option<Event>, Answer), StoreError> {
    let Some(Event::SubmissionAccepted {
        task,
        attempt,
        request,
        handed_in: HandedIn::Result(mut result),
        ignored,
    }) = event
    else {
        return Ok((event, answer));
    };
    let folder = paths.root().join(layout::files_of(&task, attempt));
    let looked = if result.files.is_empty() { Ok(()) } else { apply::check(tree, &mut result.files) };
    for contents in
        result.files.iter_mut().filter_map(|file| file.contents.as_mut()).filter(|_| looked.is_ok())
    {
        if let Some(bytes) = contents.take() {
            atomic_file::write_synced(&folder.join(&contents.sha256), &bytes)?;
        }
    }
    let accepted =
        Event::SubmissionAccepted { task, attempt, request, handed_in: HandedIn::Result(result), ignored };
    Ok(match looked {
        Ok(()) => (Some(accepted), answer),
        Err(why) => {
            let code = if matches!(why, ApplyError::Unsafe(_)) { Code::UnsafePath } else { Code::Invalid };
            let (event, answer) = request::refuse_accepted(accepted, code, why.to_string());
            (Some(event), answer)
        }
    })
}

/// Applies files to the tree, and returns the event that says so, or why the attempt fails. Until [`settle`] it can be
/// taken back. An error means that the tree may be half changed, and has to be looked after.
pub fn apply(
    tree: &Path,
    paths: &RunPaths,
    task: &Task,
    attempt: u32,
    files: &[ResultFile],
) -> Result<Result<Event, StreamError>, StoreError> {
    let id = &task.spec.id;
    let folder = paths.root().join(layout::files_of(id, attempt));
    let contents = |file: &ResultFile| {
        let name = file.contents.as_ref().map(|contents| contents.sha256.as_str()).unwrap_or_default();
        std::fs::read(folder.join(name))
    };
    let stage = paths.root().join(layout::stage_of(id, attempt));
    let why = match apply::apply(tree, &stage, files, contents, &mut step) {
        Ok(files) => return Ok(Ok(Event::FilesApplied { task: id.clone(), attempt, files })),
        // The attempt stays open, so that the next owner of the run tries once more.
        Err(why @ ApplyError::NotTakenBack { .. }) => return Err(failed(&stage, why)),
        Err(why) => why,
    };
    let kind = match why {
        ApplyError::Unsafe(_) => ErrorKind::UnsafePath,
        ApplyError::Invalid(_) => ErrorKind::InvalidSubmission,
        _ => ErrorKind::Unknown,
    };
    Ok(Err(StreamError { kind, message: why.to_string() }))
}

fn failed(stage: &Path, error: ApplyError) -> StoreError {
    StoreError::file(stage)(std::io::Error::other(error))
}

/// Gives up the means to take a change back, which the record says is made.
pub fn settle(paths: &RunPaths, task: &Task, attempt: u32) -> Result<(), StoreError> {
    step();
    let stage = paths.root().join(layout::stage_of(&task.spec.id, attempt));
    apply::discard(&stage).map_err(|error| failed(&stage, error))
}

/// Takes back what a crew process that died had begun to apply, unless the record says that all of it was done.
pub fn recover(
    tree: &Path,
    paths: &RunPaths,
    task: &Task,
    attempt: &Attempt,
) -> Result<Option<Left>, StoreError> {
    if attempt.files_applied {
        return settle(paths, task, attempt.number).map(|()| None);
    }
    let stage = paths.root().join(layout::stage_of(&task.spec.id, attempt.number));
    apply::roll_back(tree, &stage).map_err(|error| failed(&stage, error))
}

/// Is called between any two steps that a crash could fall between.
#[cfg(not(feature = "test-fakes"))]
fn step() {}

/// Kills this process before the step that a test names, counted from 1.
#[cfg(feature = "test-fakes")]
fn step() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static STEPS: AtomicU32 = AtomicU32::new(0);
    let number = STEPS.fetch_add(1, Ordering::Relaxed) + 1;
    if std::env::var("KILL_AT_STEP").is_ok_and(|step| step == number.to_string()) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
