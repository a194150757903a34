//! Reads the inbox's pipe while a run is carried out: what comes through it is put into the inbox.

use super::slots::Message;
use crate::store::pipe::{self, Frames};
use rustix::event::{PollFd, PollFlags, poll};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

/// A watch on the pipe; it ends when dropped.
#[derive(Debug)]
pub struct PipeWatch {
    over: Arc<AtomicBool>,
    pipe: File,
    inbox: PathBuf,
}

impl Drop for PipeWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes the reader. A full pipe has woken it already.
        let _ = self.pipe.write(b"\n");
        // A pipe that nobody reads would hold up whoever copies the folder.
        pipe::remove(&self.inbox);
    }
}

/// Makes the pipe and watches it. `None` where the file system has no pipes: then the inbox's files have to do.
pub fn watch(inbox: &Path, sender: SyncSender<Message>) -> Option<PipeWatch> {
    let pipe = pipe::make(inbox).ok()?;
    let reader = pipe.try_clone().ok()?;
    let over = Arc::new(AtomicBool::new(false));
    let (place, is_over) = (inbox.to_owned(), over.clone());
    std::thread::Builder::new()
        .name("pipe".into())
        .spawn(move || read(reader, place, &sender, &is_over))
        .ok()?;
    Some(PipeWatch { over, pipe, inbox: inbox.to_owned() })
}

fn read(mut pipe: File, inbox: PathBuf, sender: &SyncSender<Message>, over: &AtomicBool) {
    let mut frames = Frames::default();
    let mut buffer = vec![0; 64 * 1024];
    while !over.load(Ordering::Relaxed) {
        // Both only fail for an interruption: nobody else reads, and the pipe has a writer in ourselves.
        let _ = poll(&mut [PollFd::new(&pipe, PollFlags::IN)], None);
        let Ok(count) = pipe.read(&mut buffer) else { continue };
        // Where the disk is full the request is not there, and its writer tries again.
        if frames.feed(&inbox, &buffer[..count]).unwrap_or(false) {
            let _ = sender.send(Message::Inbox);
        }
    }
}
