//! One request to a collector, and what follows from its answer.

use crate::domain::telemetry::Collector;
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use std::io::{Read, Write};
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// The most bytes of an answer that are read.
const MAX_ANSWER: u64 = 64 * 1024;
/// The most characters of what a collector says.
const MAX_SAID: usize = 200;

/// What is sent: each has a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The collector has it, but for what it says that it did not want.
    Taken { rejected: u64, said: String },
    /// It may be taken later; not before this time, where the collector says one.
    Later { why: String, after: Option<Duration> },
    /// It will never be taken.
    Never { why: String },
}

/// Speaks to one collector.
#[derive(Debug)]
pub struct Courier {
    agent: Agent,
    collector: Collector,
}

impl Courier {
    /// Prepares to speak to a collector; nothing is sent yet.
    pub fn to(collector: Collector) -> Courier {
        // A collector inside a company has a certificate that only this machine knows.
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .timeout_global(Some(collector.timeout))
            .http_status_as_error(false)
            // Headers hold secrets for this collector and nobody else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("crew/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls);
        // A proxy of the environment is for what is elsewhere: it would look for this machine's collector on its own.
        let config = if collector.is_here() { config.proxy(None) } else { config };
        Courier { agent: config.build().into(), collector }
    }

    /// Sends a message and waits for the answer, no longer than the collector's time limit.
    pub fn send(&self, signal: Signal, message: &impl Message, now: Time) -> Delivery {
        let url = format!("{}{}", self.collector.endpoint, signal.path());
        let mut request = self.agent.post(url).header("content-type", "application/x-protobuf");
        for (name, value) in &self.collector.headers {
            request = request.header(name, value);
        }
        let mut body = message.encode_to_vec();
        if self.collector.gzip {
            request = request.header("content-encoding", "gzip");
            body = compressed(&body);
        }
        let answer = match request.send(&body) {
            Ok(answer) => answer,
            // What is wrong with an address or a header stays wrong; all else may be the network.
            Err(error @ (ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl)) => {
                return Delivery::Never { why: clean_line(&error.to_string(), MAX_SAID) };
            }
            Err(error) => {
                return Delivery::Later { why: clean_line(&error.to_string(), MAX_SAID), after: None };
            }
        };
        let status = answer.status().as_u16();
        let after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok().map(str::to_owned));
        let mut said = Vec::new();
        // Where it breaks off, what there is says enough.
        let _ = answer.into_body().into_reader().take(MAX_ANSWER).read_to_end(&mut said);
        read_answer(status, after.as_deref(), &said, now)
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Memory takes whatever is written to it.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Decides what follows from an answer, as the specification of OTLP/HTTP says.
fn read_answer(status: u16, after: Option<&str>, body: &[u8], now: Time) -> Delivery {
    match status {
        200..=299 => {
            // Both signals say in the same fields what was not taken.
            match ExportTraceServiceResponse::decode(body) {
                Ok(ExportTraceServiceResponse { partial_success: Some(part) }) => Delivery::Taken {
                    rejected: u64::try_from(part.rejected_spans).unwrap_or(0),
                    said: clean_line(&part.error_message, MAX_SAID),
                },
                Ok(_) => Delivery::Taken { rejected: 0, said: String::new() },
                Err(_) => {
                    Delivery::Never { why: format!("it answered with {status} and what no collector says") }
                }
            }
        }
        429 | 502 | 503 | 504 => Delivery::Later {
            why: format!("it answered with {status}"),
            after: after.and_then(|text| read_retry_after(text, now)),
        },
        _ => Delivery::Never { why: format!("it answered with {status}") },
    }
}

/// Reads for how long to keep away: a number of seconds, or the date of an HTTP header.
fn read_retry_after(text: &str, now: Time) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Time(at.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    #[test]
    fn an_answer_says_whether_it_was_taken_may_be_later_or_never_will_be() {
        let now = Time::parse("2026-11-21T02:30:00Z").unwrap();
        let read = |status, after: Option<&str>| read_answer(status, after, b"", now);
        let later = |status, after| Delivery::Later { why: format!("it answered with {status}"), after };
        assert_eq!(read(200, None), Delivery::Taken { rejected: 0, said: String::new() });
        assert_eq!(read(503, None), later(503, None));
        assert_eq!(read(429, Some(" 7")), later(429, Some(Duration::from_secs(7))));
        let date = Some("Sat, 21 Nov 2026 02:30:30 GMT");
        assert_eq!(read(503, date), later(503, Some(Duration::from_secs(30))));
        assert_eq!(read(503, Some("Sat, 21 Nov 2020 02:30:30 GMT")), later(503, Some(Duration::ZERO)));
        assert_eq!(read(502, Some("soon")), later(502, None));
        for status in [301, 400, 401, 404, 413, 500] {
            assert_eq!(read(status, None), Delivery::Never { why: format!("it answered with {status}") });
        }
    }

    #[test]
    fn what_was_taken_in_part_is_told_and_garbage_is_not_believed() {
        let part = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too\u{1b}[31m old".into() };
        let body = ExportTraceServiceResponse { partial_success: Some(part) }.encode_to_vec();
        let taken = read_answer(200, None, &body, Time(0));
        assert_eq!(taken, Delivery::Taken { rejected: 3, said: "too old".into() });
        assert!(matches!(read_answer(200, None, b"<html>hello", Time(0)), Delivery::Never { .. }));
    }

    #[test]
    fn what_is_compressed_is_the_same_afterwards() {
        let bytes = b"crew ".repeat(1000);
        let mut back = Vec::new();
        let packed = compressed(&bytes);
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).unwrap();
        assert!(back == bytes && packed.len() < 100);
    }
}
