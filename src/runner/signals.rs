//! What ctrl-C and its relatives ask for: the first to stop, the second to kill, the third to leave at once.

use super::slots::Message;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

/// Our exit code after the third signal.
const INTERRUPTED: i32 = 130;

/// Two signals of one sort that come closer together than this are one: a closing terminal or a service manager may
/// send several.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Hands each SIGINT, SIGTERM and SIGHUP to the dispatcher, with the level that it asks for. A signal that was ignored
/// when we were started (`nohup`) stays ignored.
pub fn watch(sender: SyncSender<Message>) -> io::Result<()> {
    let outlives = |signal: i32| signal == SIGHUP && OUTLIVES_TERMINAL.load(Ordering::Relaxed);
    let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter();
    let heeded: Vec<i32> = heeded.filter(|signal| !is_ignored(*signal) && !outlives(*signal)).collect();
    let mut signals = signal_hook::iterator::Signals::new(heeded)?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut level = 0;
        let mut last: Option<(i32, Instant)> = None;
        for signal in signals.forever() {
            let repeated = last.is_some_and(|(sort, at)| sort == signal && at.elapsed() < ONE_WISH);
            last = Some((signal, Instant::now()));
            // A person who types ctrl-C three times in a second means it.
            if signal != SIGINT && repeated {
                continue;
            }
            level += 1;
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
            if !hand_on(&sender, Message::Stop { level, by }) {
                note_hurry();
                break;
            }
        }
    })?;
    Ok(())
}

/// Hands on a wish, and waits for nobody: the next one has to be counted. Tells whether anybody is there to hear it.
fn hand_on(sender: &SyncSender<Message>, wish: Message) -> bool {
    match sender.try_send(wish) {
        Ok(()) => true,
        Err(TrySendError::Disconnected(_)) => false,
        Err(TrySendError::Full(wish)) => {
            let sender = sender.clone();
            let waits = move || {
                if sender.send(wish).is_err() {
                    note_hurry();
                }
            };
            // Without a thread nobody hears of it, and the next one counts all the same.
            let _ = std::thread::Builder::new().name("signal".into()).spawn(waits);
            true
        }
    }
}

/// A person wants this process to end, and no dispatcher hears that any more.
static HURRY: AtomicBool = AtomicBool::new(false);

/// Takes in that a person wants this process to end when there is nobody else whom that could be told.
pub fn note_hurry() {
    HURRY.store(true, Ordering::Relaxed);
}

/// Returns what becomes true when a signal comes that no dispatcher hears any more: what is still done then is only waited
/// for as long as nobody minds.
pub fn hurry() -> &'static AtomicBool {
    &HURRY
}

/// This process goes on when a terminal is closed.
static OUTLIVES_TERMINAL: AtomicBool = AtomicBool::new(false);

/// Lets SIGHUP mean nothing to this process. Its children take it as ever.
pub fn outlive_terminal() -> io::Result<()> {
    OUTLIVES_TERMINAL.store(true, Ordering::Relaxed);
    // Ignoring it would be inherited.
    signal_hook::flag::register(SIGHUP, Arc::default()).map(drop)
}

/// Returns what becomes true with the first SIGINT, SIGTERM or SIGHUP; the second one leaves at once. For commands that
/// only have to end what they wait for.
pub fn wish_to_stop() -> io::Result<Arc<AtomicBool>> {
    let wish = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, wish.clone())?;
        signal_hook::flag::register(signal, wish.clone())?;
    }
    Ok(wish)
}

fn is_ignored(signal: i32) -> bool {
    // SAFETY: only asks; `action` is a plain C struct for which zero is valid, and outlives the call.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action) == 0 && action.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_wish_waits_for_room_and_nobody_waits_for_it() {
        let (sender, mailbox) = sync_channel(1);
        assert!(hand_on(&sender, Message::Inbox));
        assert!(hand_on(&sender, Message::Stop { level: 1, by: "ctrl-C" }), "it came back");
        assert!(matches!(mailbox.recv(), Ok(Message::Inbox)));
        assert!(matches!(mailbox.recv(), Ok(Message::Stop { level: 1, by: "ctrl-C" })));
        drop(mailbox);
        assert!(!hand_on(&sender, Message::Inbox));
    }
}
