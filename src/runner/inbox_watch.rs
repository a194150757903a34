//! Tells the dispatcher when something lands in the inbox.

use super::slots::Message;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
use std::sync::mpsc::SyncSender;

/// A watch on the inbox; it ends when dropped.
#[derive(Debug)]
pub struct InboxWatch {
    _watcher: RecommendedWatcher,
}

/// Watches the inbox. `None` where the system cannot: the dispatcher looks once a second anyway, because a folder that
/// another host writes to makes no sound here.
pub fn watch(inbox: &Path, sender: SyncSender<Message>) -> Option<InboxWatch> {
    let heard = move |event: notify::Result<notify::Event>| {
        let about_request = |event: &notify::Event| {
            matches!(event.kind, EventKind::Create(_) | EventKind::Modify(_))
                && event.paths.iter().any(|path| path.extension().is_some_and(|ending| ending == "request"))
        };
        if event.as_ref().is_ok_and(about_request) {
            tracing::debug!("something lands in the inbox");
            // The dispatcher may have gone; then nobody waits.
            let _ = sender.send(Message::Inbox);
        }
    };
    let watched = notify::recommended_watcher(heard).and_then(|mut watcher| {
        watcher.watch(inbox, RecursiveMode::NonRecursive)?;
        Ok(InboxWatch { _watcher: watcher })
    });
    watched
        .inspect_err(
            |error| tracing::warn!(%error, "the inbox cannot be watched, and is looked at once a second"),
        )
        .ok()
}
