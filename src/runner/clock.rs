//! The time, and what is made up at random. The only places of this room that know either.

use crate::domain::id::RunId;
use crate::domain::time::Time;

/// Returns the time of day.
pub fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
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
