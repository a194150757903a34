//! When a failed attempt is followed by another one by itself.

use super::error_kind::{ErrorClass, ErrorKind};
use super::event::Outcome;
use super::settings::{self, Settings};
use super::task::{Attempt, AttemptState, Task};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
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

/// Counts the attempts of a task that use up its retries: since a person last put it back, and not those that were
/// interrupted or lost, which is not the task's fault.
pub fn attempts_counted(task: &Task) -> u32 {
    task.attempts_of_this_round().iter().filter(|attempt| uses_up_a_retry(attempt)).count() as u32
}

/// Tells whether an attempt is one of those that a task may make: it was neither interrupted nor lost, nor did it end so that
/// a person could decide.
pub fn uses_up_a_retry(attempt: &Attempt) -> bool {
    !attempt.paused && !was_cut_short(attempt)
}

/// Tells whether an attempt was interrupted or lost, which is not the task's fault.
pub fn was_cut_short(attempt: &Attempt) -> bool {
    matches!(attempt.state, AttemptState::Ended(Outcome::Cancelled | Outcome::Lost))
}

/// The longest delay between two attempts, unless the server asks for more.
pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

/// The longest time that a server may ask for; a longer one is taken for a mistake.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// The kinds of errors that are retried at all; a failed check only where the step, or this very setting, asks for it.
const RETRIED: [ErrorKind; 6] = [
    ErrorKind::RateLimited,
    ErrorKind::Overloaded,
    ErrorKind::Network,
    ErrorKind::AgentTimeout,
    ErrorKind::AgentBusy,
    ErrorKind::VerifyFailed,
];

/// What the settings say of errors of one kind; what they leave out is as for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfKind {
    pub max_attempts: Option<u32>,
    pub backoff_ms: Option<u64>,
    pub factor: Option<f64>,
    pub jitter: Option<f64>,
}

impl OfKind {
    /// Reads an entry of the settings, or says what is wrong with it.
    pub fn read(kind: &str, entry: &Value) -> Result<(ErrorKind, OfKind), String> {
        let Some(kind) = RETRIED.into_iter().find(|known| known.name() == kind) else {
            let known = RETRIED.map(ErrorKind::name).join(", ");
            return Err(format!("`{kind}` is no kind of error that is retried: {known}"));
        };
        let read: OfKind = serde_json::from_value(entry.clone()).map_err(|error| {
            let shape = r#"{"max_attempts": 5, "backoff_ms": 2000, "factor": 2, "jitter": 0.3}"#;
            format!("has to be {shape}, or some of it: {error}")
        })?;
        let bounds = [
            (read.max_attempts.map(f64::from), settings::RETRY_ATTEMPTS),
            (read.backoff_ms.map(|millis| millis as f64), settings::RETRY_BACKOFF_MS),
            (read.factor, settings::RETRY_FACTOR),
            (read.jitter, settings::RETRY_JITTER),
        ];
        for (value, setting) in bounds {
            let name = setting.key.trim_start_matches("retry.");
            if value.is_some_and(|value| !setting.admits(value)) {
                return Err(format!("`{name}` has to be {}", setting.expected()));
            }
        }
        Ok((kind, read))
    }
}

/// How failures are retried, by their kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct Retries {
    all: RetryPolicy,
    by_kind: BTreeMap<ErrorKind, OfKind>,
}

impl Retries {
    /// Takes them from the settings, whose entries are checked when they are set.
    pub fn of(settings: &Settings) -> Retries {
        let entries = settings.table(&settings::RETRIES).into_iter();
        Retries {
            all: RetryPolicy {
                max_attempts: settings.number(&settings::RETRY_ATTEMPTS) as u32,
                transient: true,
                checks: false,
                low_confidence: 0.4,
                backoff: Duration::from_millis(settings.number(&settings::RETRY_BACKOFF_MS)),
                factor: settings.decimal(&settings::RETRY_FACTOR),
                jitter: settings.fraction(&settings::RETRY_JITTER),
            },
            by_kind: entries.filter_map(|(kind, (entry, _))| OfKind::read(&kind, &entry).ok()).collect(),
        }
    }

    /// Returns the policy for an error of a kind. `retries` and `backoff` are what the step says, which counts most.
    pub fn policy(&self, kind: ErrorKind, retries: Option<u32>, backoff: Option<Duration>) -> RetryPolicy {
        let own = self.by_kind.get(&kind).copied().unwrap_or_default();
        let mut policy = RetryPolicy {
            max_attempts: own.max_attempts.unwrap_or(self.all.max_attempts),
            checks: own.max_attempts.is_some(),
            backoff: backoff.or(own.backoff_ms.map(Duration::from_millis)).unwrap_or(self.all.backoff),
            factor: own.factor.unwrap_or(self.all.factor),
            jitter: own.jitter.unwrap_or(self.all.jitter),
            ..self.all
        };
        if let Some(retries) = retries {
            policy.max_attempts = retries + 1;
            policy.transient = retries > 0;
            policy.checks = true;
        }
        policy
    }

    /// Changes how long is waited, whatever it is after.
    pub fn pace(&mut self, change: impl Fn(Duration) -> Duration) {
        self.all.backoff = change(self.all.backoff);
        for millis in self.by_kind.values_mut().filter_map(|own| own.backoff_ms.as_mut()) {
            *millis = change(Duration::from_millis(*millis)).as_millis() as u64;
        }
    }
}

/// Why an attempt is followed by another one, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Says why, as a part of a sentence that begins with "because".
    pub fn words(self) -> &'static str {
        match self {
            RetryReason::AutoRetry => "errors of this kind go away by themselves",
            RetryReason::MaxRetriesExceeded => "it was tried as often as it may be",
            RetryReason::PermanentError => "nothing says that it goes away by itself",
            RetryReason::LowConfidenceNoRetry => "the agent was not sure of its work itself",
            RetryReason::TransientDisabled => "its step wants no further attempts",
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
    delay.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const POLICY: RetryPolicy = RetryPolicy {
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
    fn what_counts_is_what_is_said_nearest_to_the_error() {
        use serde_json::json;
        let mut settings = Settings::default();
        let set = |settings: &mut Settings, key: &str, value| {
            settings.set(key, value, settings::Origin::Flag, true).map_err(|problem| problem.message)
        };
        set(&mut settings, "retry.factor", json!(3)).unwrap();
        set(&mut settings, "retry.jitter", json!(0)).unwrap();
        set(&mut settings, "retries.rate_limited", json!({"max_attempts": 5, "factor": 1.5})).unwrap();
        set(&mut settings, "retries.verify_failed", json!({"max_attempts": 2, "backoff_ms": 0})).unwrap();
        let retries = Retries::of(&settings);
        let said = |kind, step: Option<u32>, backoff: Option<u64>| {
            let policy = retries.policy(kind, step, backoff.map(Duration::from_millis));
            let millis = policy.backoff.as_millis();
            (policy.max_attempts, millis, policy.factor, policy.jitter, policy.checks)
        };
        let rows = [
            (ErrorKind::Network, None, None, (3, 1000, 3.0, 0.0, false)),
            (ErrorKind::RateLimited, None, None, (5, 1000, 1.5, 0.0, true)),
            (ErrorKind::RateLimited, Some(1), Some(70), (2, 70, 1.5, 0.0, true)),
            (ErrorKind::VerifyFailed, None, None, (2, 0, 3.0, 0.0, true)),
            (ErrorKind::VerifyFailed, Some(0), None, (1, 0, 3.0, 0.0, true)),
        ];
        for (kind, step, backoff, expected) in rows {
            assert_eq!(said(kind, step, backoff), expected, "{kind}");
        }
        for (kind, wrong, why) in [
            ("auth_failed", json!({}), "is no kind of error that is retried"),
            ("network", json!({"attempts": 2}), "unknown field `attempts`"),
            ("network", json!({"max_attempts": 11}), "`max_attempts` has to be a whole number from 1 to 10"),
            ("network", json!({"factor": 0.5}), "`factor` has to be a number from 1 to 10"),
        ] {
            let told = set(&mut settings, &format!("retries.{kind}"), wrong).unwrap_err();
            assert!(told.starts_with(&format!("retries.{kind}")) && told.contains(why), "{told}");
        }
    }

    #[test]
    fn the_delay_doubles_and_honours_the_server() {
        assert_eq!(delay(&POLICY, 1, 0.5, None), Duration::from_secs(1));
        assert_eq!(delay(&POLICY, 3, 0.5, None), Duration::from_secs(4));
        assert_eq!(delay(&POLICY, 1, 1.0, None), Duration::from_millis(1300));
        assert_eq!(delay(&POLICY, 1, 0.5, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(delay(&POLICY, 60, 0.5, None), MAX_DELAY);
        let hours = Duration::from_secs(7_200);
        assert_eq!(delay(&POLICY, 1, 0.5, Some(hours)), hours);
        assert_eq!(delay(&POLICY, 1, 0.5, Some(hours * 1_000)), MAX_RETRY_AFTER);
    }
}
