//! When a failed attempt is followed by another one by itself.

use super::error_kind::{ErrorClass, ErrorKind};
use serde::Serialize;
use std::time::Duration;

/// How failures are retried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included.
    pub max_attempts: u32,
    /// Retry what goes away by itself.
    pub transient: bool,
    /// Retry a failed check too: a step asks for it with `retries`.
    pub checks: bool,
    /// Below this confidence an error that is not transient is not worth another attempt.
    pub low_confidence: f64,
    /// Before the second attempt.
    pub backoff: Duration,
    /// By which the delay grows with each attempt.
    pub factor: f64,
    /// By how much a delay may be off, as a share of it: 0.3 means 30 % more or less.
    pub jitter: f64,
}

/// The longest delay between two attempts.
const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// Why an attempt is followed by another one, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryReason {
    AutoRetry,
    MaxRetriesExceeded,
    PermanentError,
    LowConfidenceNoRetry,
    TransientDisabled,
}

impl RetryReason {
    /// Returns the word used in JSON and events.
    pub fn name(self) -> &'static str {
        match self {
            RetryReason::AutoRetry => "auto_retry",
            RetryReason::MaxRetriesExceeded => "max_retries_exceeded",
            RetryReason::PermanentError => "permanent_error",
            RetryReason::LowConfidenceNoRetry => "low_confidence_no_retry",
            RetryReason::TransientDisabled => "transient_disabled",
        }
    }
}

/// Decides whether a failed attempt is followed by another one. `attempts` counts those made so far.
pub fn should_retry(
    attempts: u32,
    error: ErrorKind,
    confidence: Option<f64>,
    policy: &RetryPolicy,
) -> (bool, RetryReason) {
    let transient = error.class() == ErrorClass::Transient;
    let asked_for = policy.checks && error == ErrorKind::VerifyFailed;
    if !transient && !asked_for {
        return (false, RetryReason::PermanentError);
    }
    if transient && !policy.transient {
        return (false, RetryReason::TransientDisabled);
    }
    if attempts >= policy.max_attempts {
        return (false, RetryReason::MaxRetriesExceeded);
    }
    if !transient && confidence.is_some_and(|confidence| confidence < policy.low_confidence) {
        return (false, RetryReason::LowConfidenceNoRetry);
    }
    (true, RetryReason::AutoRetry)
}

/// Returns how long to wait after `attempts` attempts. `dice` is random, from 0 to 1; what the server asked for is the
/// least that is waited.
pub fn delay(policy: &RetryPolicy, attempts: u32, dice: f64, retry_after: Option<Duration>) -> Duration {
    let grown = policy.backoff.as_secs_f64() * policy.factor.powi(attempts.saturating_sub(1).min(64) as i32);
    let spread = 1.0 + policy.jitter * (2.0 * dice - 1.0);
    let delay = Duration::from_secs_f64((grown * spread).clamp(0.0, MAX_DELAY.as_secs_f64()));
    delay.max(retry_after.unwrap_or_default().min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_attempts: 3,
        transient: true,
        checks: false,
        low_confidence: 0.4,
        backoff: Duration::from_secs(1),
        factor: 2.0,
        jitter: 0.3,
    };

    #[test]
    fn each_reason_is_given_where_it_is_due() {
        use ErrorKind::*;
        let lenient = RetryPolicy { checks: true, ..POLICY };
        let strict = RetryPolicy { transient: false, ..POLICY };
        let rows = [
            (1, RateLimited, None, POLICY, RetryReason::AutoRetry),
            (1, RateLimited, Some(0.1), POLICY, RetryReason::AutoRetry),
            (3, RateLimited, None, POLICY, RetryReason::MaxRetriesExceeded),
            (1, RateLimited, None, strict, RetryReason::TransientDisabled),
            (1, AuthFailed, None, POLICY, RetryReason::PermanentError),
            (1, VerifyFailed, None, POLICY, RetryReason::PermanentError),
            (1, VerifyFailed, None, lenient, RetryReason::AutoRetry),
            (1, VerifyFailed, Some(0.2), lenient, RetryReason::LowConfidenceNoRetry),
        ];
        for (attempts, error, confidence, policy, reason) in rows {
            let (retry, why) = should_retry(attempts, error, confidence, &policy);
            assert_eq!((retry, why), (reason == RetryReason::AutoRetry, reason), "{error} after {attempts}");
        }
    }

    #[test]
    fn the_delay_doubles_and_honours_the_server() {
        assert_eq!(delay(&POLICY, 1, 0.5, None), Duration::from_secs(1));
        assert_eq!(delay(&POLICY, 3, 0.5, None), Duration::from_secs(4));
        assert_eq!(delay(&POLICY, 1, 1.0, None), Duration::from_millis(1300));
        assert_eq!(delay(&POLICY, 1, 0.5, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(delay(&POLICY, 60, 0.5, None), MAX_DELAY);
    }
}
