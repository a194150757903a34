//! What kind of failure an agent's words mean.
//!
//! Agents pass on what the provider said in words of their own, so a status code is believed where there is one,
//! and words otherwise. Only lines that are known to report a failure come here, never what a model wrote.

use super::Said;
use crate::domain::error_kind::ErrorKind;
use crate::domain::retry::MAX_RETRY_AFTER;
use std::time::Duration;

/// The most characters of an agent's error that are kept.
const MAX_MESSAGE: usize = 2_000;

/// The model or its provider would not answer; to try the same again is in vain, whatever else the words say.
const REFUSED: &[&str] =
    &["content_filter", "content filter", "content-filter", "safety settings", "usage policy"];
const CONTEXT: &[&str] = &[
    "prompt is too long",
    "prompt too long",
    "input is too long",
    "context length",
    "context_length",
    "context window",
    "contextoverflow",
    "maximum context",
    "input token count",
    "maximum number of tokens",
];
const BUDGET: &[&str] = &["credit balance", "insufficient_quota", "insufficient quota", "billing_error"];
const LIMITED: &[&str] = &[
    "rate limit",
    "rate_limit",
    "rate-limit",
    "too many requests",
    "quota",
    "resource_exhausted",
    "usage limit",
];
const AUTH: &[&str] = &[
    "invalid api key",
    "incorrect api key",
    "api key not valid",
    "api_key_invalid",
    "no api key",
    "missing api key",
    "must specify the gemini_api_key",
    "missing environment variable",
    "set an auth method",
    "invalid auth method",
    "authentication",
    "unauthenticated",
    "unauthorized",
    "not logged in",
    "not signed in",
    "run /login",
    "permission_denied",
    "providerauth",
];
const OVERLOADED: &[&str] = &[
    "overloaded",
    "at capacity",
    "high demand",
    "service unavailable",
    "internal server error",
    "server had an error",
    "server_error",
    "bad gateway",
    "\"unavailable\"",
];
const NETWORK: &[&str] = &[
    "econnrefused",
    "econnreset",
    "enotfound",
    "eai_again",
    "connection error",
    "connection refused",
    "connection failed",
    "connection was closed",
    "connection closed",
    "connection lost",
    "unable to connect",
    "cannot connect",
    "network error",
    "waiting for network",
    "fetch failed",
    "socket hang up",
    "stream disconnected",
    "stream ended without",
    "error sending request",
    "transport error",
    "getaddrinfo",
];
const TIMEOUT: &[&str] = &["timed out", "timeout", "deadline exceeded"];
const NO_SUCH_MODEL: &[&str] = &[
    "not found",
    "not exist",
    "not supported",
    "not available",
    "notfound",
    "unknown model",
    "issue with the selected model",
];

/// Decides what kind of failure a message reports; `status` is the HTTP status where the agent names it apart.
pub fn kind(status: Option<u64>, message: &str) -> ErrorKind {
    let words = message.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    if says(REFUSED) {
        return ErrorKind::Unknown;
    }
    if says(CONTEXT) {
        return ErrorKind::ContextOverflow;
    }
    if says(BUDGET) {
        return ErrorKind::BudgetExceeded;
    }
    let status = status.or_else(|| status_in(&words));
    match status {
        Some(401) => ErrorKind::AuthFailed,
        Some(402) => ErrorKind::BudgetExceeded,
        Some(408) => ErrorKind::AgentTimeout,
        Some(413) => ErrorKind::ContextOverflow,
        Some(429) => ErrorKind::RateLimited,
        Some(500..=599) => ErrorKind::Overloaded,
        _ if says(LIMITED) => ErrorKind::RateLimited,
        _ if says(AUTH) => ErrorKind::AuthFailed,
        _ if says(OVERLOADED) => ErrorKind::Overloaded,
        _ if words.contains("model") && says(NO_SUCH_MODEL) => ErrorKind::ModelNotAvailable,
        Some(403) => ErrorKind::AuthFailed,
        Some(404) => ErrorKind::ModelNotAvailable,
        _ if says(NETWORK) => ErrorKind::Network,
        _ if says(TIMEOUT) => ErrorKind::AgentTimeout,
        _ => ErrorKind::Unknown,
    }
}

/// Returns the failure that a message reports.
pub fn failed(status: Option<u64>, message: &str) -> Said {
    failed_as(kind(status, message), message)
}

/// Returns a failure whose kind is known already.
pub fn failed_as(kind: ErrorKind, message: &str) -> Said {
    Said::Failed { kind, message: shortened(message), retry_after: retry_after_in(message) }
}

/// Returns that an agent tries again by itself, or that it failed where trying again is in vain.
///
/// Agents retry a dead key for minutes; the first refusal says all there is to know.
pub fn retrying(status: Option<u64>, message: &str) -> Said {
    match kind(status, message) {
        ErrorKind::AuthFailed => failed_as(ErrorKind::AuthFailed, message),
        ErrorKind::Unknown => waiting(None, message),
        kind => waiting(Some(kind), message),
    }
}

/// Returns that an agent waits, because of an error whose kind is known already where there is one.
pub fn waiting(error: Option<ErrorKind>, message: &str) -> Said {
    Said::Waiting { reason: shortened(message), error, retry_after: retry_after_in(message) }
}

/// Cuts a message to what is worth keeping.
pub fn shortened(message: &str) -> String {
    message.trim().chars().take(MAX_MESSAGE).collect()
}

/// Returns a wait in seconds as a duration, unless it is negative or beyond belief.
pub fn wait(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| *wait <= MAX_RETRY_AFTER)
}

/// Finds an HTTP status in lower-case words: at the very beginning or after one of the usual introductions.
fn status_in(words: &str) -> Option<u64> {
    const INTRODUCTIONS: &[&str] = &[
        "status code ",
        "status: ",
        "status ",
        "statuscode\":",
        "\"code\":",
        "\"code\": ",
        "http ",
        "error: ",
    ];
    let after =
        |introduction| words.match_indices(introduction).map(|(at, found)| &words[at + found.len()..]);
    let candidates = std::iter::once(words.trim_start()).chain(INTRODUCTIONS.iter().copied().flat_map(after));
    candidates.filter_map(three_digits).find(|status| (400..600).contains(status))
}

fn three_digits(words: &str) -> Option<u64> {
    let digits = words.bytes().take(4).take_while(u8::is_ascii_digit).count();
    (digits == 3).then(|| words[..3].parse().ok()).flatten()
}

/// Finds how long the provider asks to wait.
fn retry_after_in(message: &str) -> Option<Duration> {
    const INTRODUCTIONS: &[&str] =
        &["retry after ", "retry-after: ", "retry-after\":\"", "retrydelay\":\"", "try again in "];
    let words = message.to_lowercase();
    // Providers' JSON arrives quoted inside other JSON as often as not.
    let words = words.replace('\\', "").replace("\": \"", "\":\"");
    let after = |introduction: &&str| words.find(introduction).map(|at| &words[at + introduction.len()..]);
    INTRODUCTIONS.iter().filter_map(after).find_map(duration)
}

fn duration(words: &str) -> Option<Duration> {
    let end = words.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(words.len());
    let (number, unit) = words.split_at(end);
    // "Try again in 7." ends with a full stop, not with a fraction.
    let number: f64 = number.trim_end_matches('.').parse().ok()?;
    let unit = unit.trim_start();
    let scale = if unit.starts_with("ms") || unit.starts_with("milli") {
        0.001
    } else if unit.starts_with('m') {
        60.0
    } else if unit.starts_with('h') {
        3600.0
    } else {
        1.0
    };
    wait(number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agents_print_is_classified() {
        use ErrorKind::*;
        let seen = [
            (
                None,
                "unexpected status 401 Unauthorized: no, url: http://127.0.0.1:18429/v1/responses",
                AuthFailed,
            ),
            (None, "exceeded retry limit, last status: 429 Too Many Requests", RateLimited),
            (None, "unexpected status 503 Service Unavailable: x, url: http://h/v1", Overloaded),
            (None, "The model `nope` does not exist or you do not have access to it.", ModelNotAvailable),
            (None, "Codex ran out of room in the model's context window.", ContextOverflow),
            (None, "Reconnecting... waiting for network (Connection failed: error sending request)", Network),
            (None, "stream disconnected before completion: error sending request", Network),
            (None, "Missing environment variable: `OPENAI_API_KEY`.", AuthFailed),
            (None, "Not logged in · Please run /login", AuthFailed),
            (Some(401), "Invalid API key · Fix external API key", AuthFailed),
            (Some(404), "There's an issue with the selected model (x). It may not exist.", ModelNotAvailable),
            (Some(400), "Prompt is too long · the request is ~250000 tokens", ContextOverflow),
            (None, "API Error: Repeated 529 Overloaded errors. The API is at capacity", Overloaded),
            (None, r#"[API Error: {"error":{"code":400,"message":"API key not valid."}}]"#, AuthFailed),
            (None, r#"[API Error: {"error":{"code":403,"status":"PERMISSION_DENIED"}}]"#, AuthFailed),
            (
                None,
                r#"{"error":{"code":400,"message":"The input token count (12) exceeds the"}}"#,
                ContextOverflow,
            ),
            (None, "[API Error: models/nope is not found for API version v1beta]", ModelNotAvailable),
            (None, "401 scripted 401", AuthFailed),
            (None, "503 scripted 503", Overloaded),
            (None, "Connection error.", Network),
            (Some(429), "scripted 429", RateLimited),
            (Some(500), "x", Overloaded),
            (None, "Request timed out.", AgentTimeout),
            (None, "Your credit balance is too low", BudgetExceeded),
            (None, "We’re currently experiencing high demand, which may cause temporary errors.", Overloaded),
            (None, "Stream ended without finish_reason", Network),
            (None, "Provider finish_reason: content_filter", Unknown),
            (
                None,
                "stream disconnected before completion: Incomplete response returned, reason: content_filter",
                Unknown,
            ),
            (None, "The model response was blocked due to safety settings.", Unknown),
            (None, "listening on port 18401", Unknown),
            (None, "", Unknown),
        ];
        for (status, message, expected) in seen {
            assert_eq!(kind(status, message), expected, "{message}");
        }
    }

    #[test]
    fn the_wait_a_provider_asks_for_is_found() {
        let asked = [
            ("Suggested retry after 7s.. Retrying after 7033ms...", Some(7.0)),
            (r#"{"@type":"RetryInfo","retryDelay":"7.5s"}"#, Some(7.5)),
            (r#"{\"retryDelay\": \"12s\"}"#, Some(12.0)),
            ("Please try again in 20.", Some(20.0)),
            ("please try again in 850ms", Some(0.85)),
            ("try again in 2 minutes", Some(120.0)),
            ("try again in 99999999999999999999h", None),
            ("try again in a while", None),
            ("too many requests", None),
        ];
        for (message, seconds) in asked {
            assert_eq!(retry_after_in(message), seconds.map(Duration::from_secs_f64), "{message}");
        }
    }

    #[test]
    fn a_dead_key_is_not_retried() {
        assert!(matches!(retrying(Some(401), "no"), Said::Failed { kind: ErrorKind::AuthFailed, .. }));
        assert!(matches!(
            retrying(Some(529), "no"),
            Said::Waiting { error: Some(ErrorKind::Overloaded), .. }
        ));
        assert!(matches!(retrying(None, "hm"), Said::Waiting { error: None, .. }));
    }
}
