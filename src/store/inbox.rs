//! Requests of other processes, as files.
//!
//! A request is written beside and renamed to `ID.request`; the answer is renamed to `ID.answer`. That works for an
//! agent in a sandbox that may write to this one folder, and for one on another host that shares it. The owner removes
//! a request after its answer is there; whoever asked removes the answer. An answer that nobody takes, because a sandbox
//! lets its asker only read or because that has died, is taken away by the owner: as soon as the asker is known to be gone
//! (`forget`), else when nobody can be waiting for it any more (`sweep`).

use super::StoreError;
use super::{atomic_file, pipe};
use crate::domain::request::{Answer, Request};
use crate::domain::time::Time;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// The largest request that is read, in bytes.
pub const MAX_REQUEST: u64 = 16 * 1024 * 1024;

/// How old a file is that nobody waits for any more. Who asks gives up after a minute.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// A request file, read.
#[derive(Debug)]
pub struct Incoming {
    pub path: PathBuf,
    /// The id that the file's name says.
    pub id: String,
    /// The request, or why it cannot be understood.
    pub request: Result<Request, String>,
}

/// Tells whether an id is fit for a file name.
pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Puts a request into the inbox.
pub fn put(inbox: &Path, request: &Request) -> Result<(), StoreError> {
    let path = inbox.join(format!("{}.request", request.id));
    atomic_file::write_with(&path, |file| serde_json::to_writer(file, request).map_err(std::io::Error::from))
}

/// Puts a request into the inbox that came another way, whatever it says.
pub fn put_bytes(inbox: &Path, id: &str, request: &[u8]) -> Result<(), StoreError> {
    atomic_file::write(&inbox.join(format!("{id}.request")), request)
}

/// Takes the answer to a request, where it is there.
pub fn take_answer(inbox: &Path, id: &str) -> Result<Option<Answer>, StoreError> {
    let path = inbox.join(format!("{id}.answer"));
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::File { path, source }),
    };
    let answer =
        serde_json::from_slice(&text).map_err(std::io::Error::from).map_err(StoreError::file(&path))?;
    // In a sandbox that only lets us read, the answer stays.
    let _ = std::fs::remove_file(&path);
    Ok(Some(answer))
}

/// Takes a request back that nobody has answered; tells whether it was still there.
pub fn take_back(inbox: &Path, id: &str) -> Result<bool, StoreError> {
    let path = inbox.join(format!("{id}.request"));
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::file(&path)(error)),
    }
}

/// Returns the requests that wait, in the order of their names. A file that is no request is reported as one that
/// cannot be understood, so that whoever wrote it gets an answer.
pub fn waiting(inbox: &Path) -> Vec<Incoming> {
    waiting_except(inbox, |_| false)
}

/// Does the same without those that somebody has in hand, which are not read again.
pub fn waiting_except(inbox: &Path, is_in_hand: impl Fn(&str) -> bool) -> Vec<Incoming> {
    // An inbox that somebody took away holds no requests.
    let Ok(entries) = std::fs::read_dir(inbox) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "request"))
        .filter(|path| !path.file_stem().and_then(|id| id.to_str()).is_some_and(&is_in_hand))
        .collect();
    paths.sort();
    paths.into_iter().filter_map(read).collect()
}

/// Returns a request that came another way as one of this inbox; `None` where its id is fit for no file name.
pub fn incoming(inbox: &Path, request: Request) -> Option<Incoming> {
    let id = request.id.clone();
    is_id(&id).then(|| Incoming { path: inbox.join(format!("{id}.request")), id, request: Ok(request) })
}

/// Returns what lies there in the place of a request and is no plain file, or has a name that no request has: nobody will
/// ever answer it.
pub fn unreadable(inbox: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(inbox) else { return Vec::new() };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let is_request = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "request");
    let is_fit = |path: &PathBuf| {
        path.file_stem().and_then(|stem| stem.to_str()).is_some_and(is_id)
            && path.symlink_metadata().is_ok_and(|meta| meta.is_file())
    };
    let mut found: Vec<PathBuf> = paths.filter(|path| is_request(path) && !is_fit(path)).collect();
    found.sort();
    found
}

/// Returns what lies there and is nothing of crew's: no request and no answer, whole or half-written, and not the pipe.
pub fn strange(inbox: &Path) -> Vec<PathBuf> {
    let is_ours = |path: &Path| {
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_known = path.extension().is_some_and(|ending| ending == "request" || ending == "answer");
        is_hidden || is_known || path == pipe::place(inbox)
    };
    let entries = std::fs::read_dir(inbox).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| !is_ours(path)).collect();
    found.sort();
    found
}

fn read(path: PathBuf) -> Option<Incoming> {
    let id = path.file_stem()?.to_str().filter(|id| is_id(id))?.to_owned();
    // Never follow a link or open a pipe that somebody left here.
    let file = path.symlink_metadata().ok().filter(|meta| meta.is_file())?;
    let request = if file.len() > MAX_REQUEST {
        Err(format!("the request has {} bytes; at most {MAX_REQUEST} are read", file.len()))
    } else {
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice::<Request>(&text).map_err(|error| error.to_string()),
            // Gone since we looked: its owner took it back.
            Err(_) => return None,
        }
    };
    let request = request.and_then(|request| {
        if request.id == id { Ok(request) } else { Err("the id inside is not that of the file name".into()) }
    });
    Some(Incoming { path, id, request })
}

/// Answers a request and takes it out of the inbox.
pub fn answer(inbox: &Path, incoming: &Incoming, answer: &str) -> Result<(), StoreError> {
    atomic_file::write(&inbox.join(format!("{}.answer", incoming.id)), answer.as_bytes())?;
    match std::fs::remove_file(&incoming.path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::file(&incoming.path)(error))
        }
        _ => Ok(()),
    }
}

/// Takes away the answers to requests whose askers have ended. The caller owns the run.
pub fn forget<'a>(inbox: &Path, ids: impl IntoIterator<Item = &'a str>) {
    for id in ids {
        // Most are gone: whoever asked has taken them.
        let _ = std::fs::remove_file(inbox.join(format!("{id}.answer")));
    }
}

/// Takes away answers that nobody took and what was never written to its end, once nobody can be waiting for it. The
/// caller owns the run.
pub fn sweep(inbox: &Path, now: Time) {
    let now = UNIX_EPOCH + Duration::from_millis(now.0.max(0) as u64);
    for entry in std::fs::read_dir(inbox).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_left = path.extension().is_some_and(|ending| ending == "answer")
            || entry.file_name().to_string_lossy().starts_with(atomic_file::BESIDE);
        let changed =
            entry.metadata().ok().filter(|meta| meta.is_file()).and_then(|meta| meta.modified().ok());
        // Where the clock moved back it counts as new.
        let age = changed.and_then(|changed| now.duration_since(changed).ok());
        if is_left && age.is_some_and(|age| age >= FORGOTTEN) {
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::request::Ask;
    use proptest::prelude::*;

    pub(in crate::store) fn request(id: &str) -> Request {
        Request { id: id.into(), token: "t".into(), ask: Ask::Stop }
    }

    #[test]
    fn a_request_is_answered_once_and_leaves_nothing_behind() {
        let inbox = tempfile::tempdir().unwrap();
        put(inbox.path(), &request("r1")).unwrap();
        let waiting = waiting(inbox.path());
        assert_eq!(waiting[0].request.as_ref().unwrap(), &request("r1"));
        let said = Answer::Accepted { task: "a".into(), attempt: 1, ignored: vec![] };
        answer(inbox.path(), &waiting[0], &serde_json::to_string(&said).unwrap()).unwrap();
        assert_eq!(take_answer(inbox.path(), "r1").unwrap(), Some(said));
        assert_eq!(std::fs::read_dir(inbox.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_nobody_waits_for_is_swept_away_and_the_rest_is_left() {
        let inbox = tempfile::tempdir().unwrap();
        for name in ["old.answer", "new.answer", ".crew-abc", "waits.request", "strange"] {
            std::fs::write(inbox.path().join(name), "{}").unwrap();
        }
        let made =
            std::fs::metadata(inbox.path().join("old.answer")).and_then(|meta| meta.modified()).unwrap();
        let new = std::fs::File::options().write(true).open(inbox.path().join("new.answer")).unwrap();
        new.set_modified(made + Duration::from_secs(60)).unwrap();
        let made = Time(made.duration_since(UNIX_EPOCH).unwrap().as_millis() as i64);
        let names = || {
            let entries = std::fs::read_dir(inbox.path()).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        sweep(inbox.path(), made);
        sweep(inbox.path(), Time(0));
        assert_eq!(names().len(), 5, "somebody may still be waiting");
        sweep(inbox.path(), made.plus(FORGOTTEN + Duration::from_secs(5)));
        assert_eq!(names(), ["new.answer", "strange", "waits.request"]);
        forget(inbox.path(), ["new", "taken"]);
        assert_eq!(names(), ["strange", "waits.request"]);
    }

    #[test]
    fn what_is_no_request_is_told_so_and_what_is_dangerous_is_left_alone() {
        let inbox = tempfile::tempdir().unwrap();
        let path = |name: &str| inbox.path().join(name);
        std::fs::write(path("bad.request"), "{").unwrap();
        std::fs::write(path("other.request"), serde_json::to_string(&request("else")).unwrap()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path("link.request")).unwrap();
        std::fs::write(path("half.tmp"), "{}").unwrap();
        let waiting = waiting(inbox.path());
        assert_eq!(waiting.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["bad", "other"]);
        assert!(waiting.iter().all(|one| one.request.is_err()));
        std::fs::write(path("no id.request"), "{}").unwrap();
        assert_eq!(unreadable(inbox.path()), [path("link.request"), path("no id.request")]);
        for name in [".crew-half", "pipe", "r.answer"] {
            std::fs::write(path(name), "").unwrap();
        }
        assert_eq!(strange(inbox.path()), [path("half.tmp")]);
    }

    proptest! {
        /// What lies there is a request that says exactly what was asked with exactly that token, or is none.
        #[test]
        fn hostile_files_are_told_what_is_wrong_or_are_left_alone(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..300),
                "\\{\"id\":\"r1\",\"token\":\"[a-z\\\\\"]{0,3}\",\"ask\":(\"stop\"|\\{\"submit\":[\\[{]{0,9}|7)\\}?[ ,}]{0,2}".prop_map(String::into_bytes),
            ],
        ) {
            let inbox = tempfile::tempdir().unwrap();
            std::fs::write(inbox.path().join("r1.request"), &bytes).unwrap();
            let waiting = waiting(inbox.path());
            prop_assert_eq!(waiting.len(), 1, "whoever wrote it is answered");
            if let Ok(read) = &waiting[0].request {
                prop_assert_eq!(&read.id, "r1");
                let again: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
                prop_assert_eq!(again["token"].as_str(), Some(read.token.as_str()));
            }
        }
    }
}
