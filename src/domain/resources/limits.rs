//! The keys of a step or a team that say how much may be used up.

use crate::domain::budget::{self, Limits};

/// The keys, of steps and of team files alike.
pub(super) const KEYS: [&str; 5] = ["maxCost", "maxTokens", "maxTime", "maxAttempts", "maxToolCalls"];

/// Those that limit what only an agent uses up.
pub(super) const AGENT_KEYS: [&str; 3] = ["maxCost", "maxTokens", "maxToolCalls"];

/// Reads the value of a key, or says what is wrong with it.
pub(super) fn set(limits: &mut Limits, key: &str, value: &str) -> Result<(), String> {
    let above_zero = |is_zero: bool| match is_zero {
        true => Err(format!("`{key}` has to be above 0; leave the line out for no limit")),
        false => Ok(()),
    };
    let told = |message: String| format!("`{key}`: {message}");
    if key == "maxCost" {
        let dollars = budget::read_dollars(value).map_err(told)?;
        limits.cost_usd = Some(dollars);
        return above_zero(dollars == 0.0);
    }
    let number = match key {
        "maxTime" => budget::read_seconds(value),
        _ => budget::read_count(value),
    };
    let number = number.map_err(told)?;
    let limit = match key {
        "maxTokens" => &mut limits.tokens,
        "maxTime" => &mut limits.seconds,
        "maxAttempts" => &mut limits.attempts,
        _ => &mut limits.tool_calls,
    };
    *limit = Some(number);
    above_zero(number == 0)
}
