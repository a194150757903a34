//! The time, and what is made up at random. The only places of this room that know either.

use crate::domain::clocks::Clocks;
use crate::domain::id::RunId;
use crate::domain::time::Time;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Returns the time of day.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

/// Returns what all clocks say.
pub fn clocks() -> Clocks {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let awake = BEGAN.get_or_init(Instant::now).elapsed();
    Clocks { awake, running: running(), wall: now() }
}

/// Returns the time since the machine was started, in which it slept too.
fn running() -> Duration {
    #[cfg(target_os = "linux")]
    const WITH_SLEEP: libc::clockid_t = libc::CLOCK_BOOTTIME;
    // There it counts sleep; what `Instant` reads does not.
    #[cfg(target_os = "macos")]
    const WITH_SLEEP: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a plain C struct that outlives the call. With a clock that every system has it does not fail.
    unsafe { libc::clock_gettime(WITH_SLEEP, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the minute of the day, where we are.
pub fn minute_of_day(at: Time) -> u16 {
    let seconds = at.0.div_euclid(1000) as libc::time_t;
    // SAFETY: `local` is a plain C struct for which zero is valid; both outlive the call.
    let local = unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        libc::localtime_r(&seconds, &mut local);
        local
    };
    (local.tm_hour * 60 + local.tm_min) as u16
}

/// Makes up a run id.
pub fn new_run_id() -> RunId {
    RunId::from_random(uuid::Uuid::new_v4().as_u128())
}

/// Makes up a secret of 122 random bits, in hex.
pub fn new_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Throws a number from 0 to 1.
pub fn dice() -> f64 {
    (uuid::Uuid::new_v4().as_u128() as u32) as f64 / f64::from(u32::MAX)
}
