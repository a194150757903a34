//! `crew metrics --watch`: prints what changes.

use super::{Asked, Looking};
use crate::commands::context::Context;
use crate::commands::exit::ExitStatus;
use crate::domain::time::Time;
use crate::metrics::registry::Snapshot;
use crate::runner::signals;
use anyhow::{Context as _, Result};
use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(2);
/// How often somebody may want it to end.
const HEED: Duration = Duration::from_millis(50);
/// Clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Prints what is asked for whenever it changes, until somebody wants it to end: at a terminal in place of what stood there.
pub fn watch(cx: &Context, asked: &Asked, looking: &mut Looking) -> Result<ExitStatus> {
    let wish = signals::wish_to_stop().context("listen for signals")?;
    let is_terminal = std::io::stdout().is_terminal();
    let mut before = None;
    while !wish.load(Ordering::Relaxed) {
        let snapshot = looking.look(cx, asked)?;
        // That time has gone by is no change.
        let timeless = asked.shown(cx, &Snapshot { at: Time::default(), ..snapshot.clone() });
        if before.as_ref() != Some(&timeless) {
            let clear = if is_terminal && !cx.printer.json { CLEAR } else { "" };
            let shown = asked.shown(cx, &snapshot);
            cx.printer.data(&format!("{clear}{}", shown.trim_end_matches('\n')))?;
            before = Some(timeless);
        }
        let looked = Instant::now();
        while looked.elapsed() < LOOK && !wish.load(Ordering::Relaxed) {
            std::thread::sleep(HEED);
        }
    }
    Ok(ExitStatus::Done)
}
