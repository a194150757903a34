//! Where the numbers and the trace of a run go, by the settings and by what OpenTelemetry's variables say.

use super::settings::{self, Settings};
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Where a collector listens by default, on the same machine.
pub const LOCAL: &str = "http://localhost:4318";
/// Names a collector to all programs that send to one.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// What a collector wants to see in each request: `name=value,name=value`; a secret.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// How programs speak to it.
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";

/// What becomes of a run's numbers, beside being asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The collector; absent where nothing is sent. Where it cannot be used, why.
    pub collector: Option<Result<Collector, String>>,
    /// The file that is written at each run's end; an empty one is none.
    pub textfile: String,
    /// A line is added to the day's file at each run's end.
    pub jsonl: bool,
}

/// An OpenTelemetry collector.
#[derive(Clone, PartialEq)]
pub struct Collector {
    /// `http://localhost:4318`, without the path of a signal.
    pub endpoint: String,
    /// What is sent with each request; secrets.
    pub headers: Vec<(String, String)>,
    /// For one request.
    pub timeout: Duration,
    pub gzip: bool,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Collector")
            .field("endpoint", &self.endpoint)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// Takes it from the settings, and what they leave open from the environment.
    pub fn of(settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> Result<Collector, String> {
        let said = |name: &str| {
            variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let ours = settings.text(&settings::OTLP_ENDPOINT);
        let endpoint = match (ours.is_empty(), said(ENDPOINT)) {
            (false, _) => ours,
            (true, Some(theirs)) => {
                check_endpoint(&theirs).map_err(|expected| format!("${ENDPOINT} has to be {expected}"))?;
                if said(PROTOCOL).is_some_and(|protocol| protocol == "grpc") {
                    let problem = format!("${PROTOCOL} is grpc, and crew sends over HTTP");
                    return Err(format!("{problem}: otlp.endpoint names a port for that, usually 4318"));
                }
                theirs
            }
            (true, None) => LOCAL.to_owned(),
        };
        let headers = said(HEADERS).map_or_else(|| Ok(Vec::new()), |text| read_headers(&text))?;
        Ok(Collector {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            headers,
            timeout: Duration::from_secs(settings.number(&settings::OTLP_TIMEOUT)),
            gzip: settings.flag(&settings::OTLP_GZIP),
        })
    }
}

impl Collector {
    /// Tells whether it is on this machine, as its address says: no proxy leads there.
    pub fn is_here(&self) -> bool {
        let rest = self.endpoint.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or_default();
        let name = match host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((inner, _)) => inner,
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        is_loopback || name == "localhost" || name.ends_with(".localhost")
    }
}

impl Policy {
    /// Takes it from the settings, which have been checked, and from the environment.
    pub fn of(settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> Policy {
        Policy {
            collector: settings.flag(&settings::OTLP_EXPORT).then(|| Collector::of(settings, variable)),
            textfile: settings.text(&settings::METRICS_TEXTFILE),
            jsonl: settings.flag(&settings::METRICS_JSONL),
        }
    }
}

/// Checks a value of the settings for which its form is not enough.
pub fn check(key: &str, value: &Value) -> Result<(), String> {
    let text = value.as_str().unwrap_or_default();
    if text.is_empty() {
        return Ok(());
    }
    let expected = match key {
        "otlp.endpoint" => check_endpoint(text).err(),
        // What another program reads as it is written has to be whole at each moment, by a name that it knows.
        "metrics.textfile" if !(text.starts_with('/') && text.ends_with(".prom")) => {
            Some("an absolute path that ends in .prom")
        }
        _ => None,
    };
    // The value may hold a password.
    expected.map_or(Ok(()), |expected| Err(format!("{key} has to be {expected}, or empty")))
}

fn check_endpoint(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or("an address such as http://localhost:4318")?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_odd =
        |character: char| character.is_whitespace() || character.is_control() || "?#".contains(character);
    if host.is_empty() || text.chars().any(is_odd) {
        return Err("an address such as http://localhost:4318");
    }
    if host.contains('@') {
        return Err("an address without a password, which $OTEL_EXPORTER_OTLP_HEADERS is for");
    }
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err("an address with a port from 1 to 65535");
    }
    Ok(())
}

/// Reads `name=value,name=value`, with what is special in values written as `%20`. What goes wrong is said without a value:
/// these are secrets.
fn read_headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    // What crew says itself of its requests.
    let ours =
        ["content-type", "content-length", "content-encoding", "host", "transfer-encoding", "connection"];
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let mut headers = Vec::new();
    for (at, entry) in entries.enumerate() {
        let wrong = |why: &str| format!("entry {} of ${HEADERS} {why}", at + 1);
        let (name, value) = entry.split_once('=').ok_or_else(|| wrong("is not NAME=VALUE"))?;
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(of_name) {
            return Err(wrong("does not begin with the name of a header"));
        }
        if ours.contains(&name.as_str()) {
            return Err(wrong(&format!("is {name}, which crew sets itself")));
        }
        let value = decoded(value.trim()).ok_or_else(|| wrong("has a % that no two hex digits follow"))?;
        // With a line end in it, it would be two headers, or the end of all.
        if value.chars().any(|character| character.is_control() || !character.is_ascii()) {
            return Err(wrong("has a character that no header may have"));
        }
        headers.push((name, value));
    }
    Ok(headers)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits =
            std::str::from_utf8(digits).ok().filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::super::settings::Origin;
    use super::*;
    use serde_json::json;

    fn policy(sets: &[(&str, Value)], variables: &[(&str, &str)]) -> Policy {
        let mut settings = Settings::default();
        for (key, value) in sets {
            settings.set(key, value.clone(), Origin::Flag, true).unwrap();
        }
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Policy::of(&settings, variable)
    }

    fn collector(sets: &[(&str, Value)], variables: &[(&str, &str)]) -> Result<Collector, String> {
        let on = [("otlp.export", json!(true))];
        let sets: Vec<_> = on.iter().chain(sets).cloned().collect();
        policy(&sets, variables).collector.unwrap()
    }

    #[test]
    fn nothing_is_sent_unless_asked_for() {
        let elsewhere = [(ENDPOINT, "http://elsewhere:4318")];
        assert_eq!(policy(&[], &elsewhere), Policy::default());
        assert_eq!(policy(&[("otlp.endpoint", json!("http://x:1"))], &elsewhere).collector, None);
    }

    #[test]
    fn the_settings_name_the_collector_then_the_environment_and_then_this_machine() {
        let endpoint = |sets: &[_], variables: &[_]| collector(sets, variables).unwrap().endpoint;
        let elsewhere = [(ENDPOINT, " https://elsewhere:4318/base/ ")];
        assert_eq!(endpoint(&[], &[]), LOCAL);
        assert_eq!(endpoint(&[], &elsewhere), "https://elsewhere:4318/base");
        assert_eq!(endpoint(&[("otlp.endpoint", json!("http://mine:1/"))], &elsewhere), "http://mine:1");
        let grpc = [(ENDPOINT, "http://elsewhere:4317"), (PROTOCOL, "grpc")];
        assert!(collector(&[], &grpc).unwrap_err().contains("otlp.endpoint"));
        assert_eq!(endpoint(&[("otlp.endpoint", json!("http://mine:1/"))], &grpc), "http://mine:1");
        assert!(
            collector(&[], &[(ENDPOINT, "elsewhere:4318")]).unwrap_err().starts_with("$OTEL_EXPORTER_OTLP_E")
        );
    }

    #[test]
    fn a_collector_of_this_machine_is_known_by_its_address() {
        let is_here = |endpoint: &str| {
            collector(&[("otlp.endpoint", json!(endpoint))], &[]).map(|collector| collector.is_here())
        };
        for here in ["http://localhost:4318", "http://LOCALHOST.", "http://127.0.0.2/base", "https://[::1]:1"]
        {
            assert_eq!(is_here(here), Ok(true), "{here}");
        }
        for elsewhere in
            ["http://localhost.example:1", "http://10.0.0.1", "http://[fe80::1]", "https://h/localhost"]
        {
            assert_eq!(is_here(elsewhere), Ok(false), "{elsewhere}");
        }
    }

    #[test]
    fn headers_are_read_and_what_is_none_is_refused_without_its_value() {
        let headers = |text: &str| collector(&[], &[(HEADERS, text)]).map(|collector| collector.headers);
        let expected =
            vec![("authorization".to_owned(), "Bearer a=b".to_owned()), ("x-y".to_owned(), "1".to_owned())];
        assert_eq!(headers("Authorization=Bearer%20a=b, x-y = 1,"), Ok(expected));
        for text in [
            "hunter2",
            "a b=hunter2",
            "=hunter2",
            "a=hunter2%0d%0aX: y",
            "a=hunter2\nb",
            "a=hunter2%2",
            "a=hunter2%+1",
            "a=hunter2ä",
            "a=hunter2%ff",
            "Host=hunter2",
        ] {
            let why = headers(text).unwrap_err();
            assert!(why.contains("entry 1") && !why.contains("hunter2"), "{text}: {why}");
        }
        let shown = format!("{:?}", collector(&[], &[(HEADERS, "a=hunter2")]).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn an_address_or_a_path_that_cannot_be_is_refused_without_saying_it_again() {
        for bad in [
            "x:4318",
            "http://",
            "http:///v1",
            "http://a b",
            "http://u:hunter2@h",
            "ftp://h",
            "http://h?q=hunter2",
            "http://h:0",
            "http://h:hunter2",
            "http://h:99999/v1",
            "http://[::1]:",
        ] {
            let why = check("otlp.endpoint", &json!(bad)).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        for good in ["", "http://h", "https://h:1/base/", "http://[::1]:4318"] {
            assert_eq!(check("otlp.endpoint", &json!(good)), Ok(()), "{good}");
        }
        for (path, is_good) in
            [("crew.prom", false), ("/a/crew.txt", false), ("/a/crew.prom", true), ("", true)]
        {
            assert_eq!(check("metrics.textfile", &json!(path)).is_ok(), is_good, "{path}");
        }
    }
}
