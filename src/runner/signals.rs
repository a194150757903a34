//! What ctrl-C and its relatives ask for: the first to stop, the second to kill, the third to leave at once.

use super::slots::Message;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::sync::mpsc::SyncSender;

/// Our exit code after the third signal.
const INTERRUPTED: i32 = 130;

/// Hands each SIGINT, SIGTERM and SIGHUP to the dispatcher, with how many there have been.
pub fn watch(sender: SyncSender<Message>) -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for (signal, level) in signals.forever().zip(1..) {
            if level >= 3 {
                // The store is whole between two commits, and a commit that is cut off is not there.
                std::process::exit(INTERRUPTED);
            }
            let by = if signal == SIGINT {
                "ctrl-C"
            } else if signal == SIGTERM {
                "SIGTERM"
            } else {
                "SIGHUP"
            };
            if sender.send(Message::Stop { level, by }).is_err() {
                break;
            }
        }
    })?;
    Ok(())
}
