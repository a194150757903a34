//! Serves metrics to Prometheus over HTTP/1, and nothing else: `GET /metrics` and `GET /healthz`.
//!
//! Whoever connects gets one answer and has a few seconds for it; a request is small, and so is the number of those that are
//! answered at once. So nobody who is slow, or many, keeps others from being answered for long.
//!
//! What listens at an address of this machine alone is asked by a browser of this machine too, for a page from elsewhere whose
//! name suddenly means this machine. Such a page cannot choose what the browser writes into `Host`, so only names that nobody
//! elsewhere can have are answered there.

use super::text;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The most bytes of a request.
const MAX_HEAD: usize = 8 * 1024;
/// The most headers of a request.
const MAX_HEADERS: usize = 64;
/// The most connections at once; another one is told to come back.
const MAX_CONNECTIONS: usize = 16;
/// How long a connection may take to ask, and again to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long what somebody goes on to send is taken in after the answer, and how much of it.
const AFTERWARDS: Duration = Duration::from_millis(500);
const MAX_AFTERWARDS: usize = 4 * 1024 * 1024;
/// How often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(100);

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    Prometheus,
    OpenMetrics,
}

impl TextFormat {
    fn content_type(self) -> &'static str {
        match self {
            TextFormat::Prometheus => text::PROMETHEUS_TYPE,
            TextFormat::OpenMetrics => text::OPENMETRICS_TYPE,
        }
    }
}

/// Answers until `over` becomes true. `measure` writes what there is in a format, or says why not.
pub fn serve(
    listener: &TcpListener,
    over: &AtomicBool,
    measure: &(dyn Fn(TextFormat) -> Result<String, String> + Sync),
) -> io::Result<()> {
    // Whoever went between knocking and being let in would be waited for.
    listener.set_nonblocking(true)?;
    let is_local = listener.local_addr()?.ip().is_loopback();
    let look = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while !over.load(Ordering::Relaxed) {
            let mut waits = [PollFd::new(listener, PollFlags::IN)];
            // A signal cuts it short, and is what it is looked for above.
            if !matches!(poll(&mut waits, Some(&look)), Ok(1..)) {
                continue;
            }
            let Ok((connection, _)) = listener.accept() else {
                // Out of file descriptors, for instance: trying again at once would only burn the processor.
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            if connection.set_nonblocking(false).is_err() {
                continue;
            }
            if open.fetch_add(1, Ordering::Relaxed) >= MAX_CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                let _ = connection.set_write_timeout(Some(Duration::from_millis(100)));
                let _ = (&connection)
                    .write_all(Answer::plain(503, "too many connections").head(false).as_bytes());
                continue;
            }
            let open = &open;
            let started = std::thread::Builder::new().name("metrics".into()).spawn_scoped(scope, move || {
                answer(&connection, is_local, over, measure);
                open.fetch_sub(1, Ordering::Relaxed);
            });
            if started.is_err() {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
    Ok(())
}

/// What is answered.
struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn plain(status: u16, text: &str) -> Answer {
        Answer { status, content_type: "text/plain; charset=utf-8", body: format!("{text}\n") }
    }

    fn head(&self, has_body: bool) -> String {
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Other",
        };
        let allow = if self.status == 405 { "allow: GET, HEAD\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} {reason}\r\ncontent-type: {}\r\ncontent-length: {}\r\n{allow}\
             cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
            self.status,
            self.content_type,
            if has_body { self.body.len() } else { 0 },
        )
    }
}

fn answer(
    connection: &TcpStream,
    is_local: bool,
    over: &AtomicBool,
    measure: &(dyn Fn(TextFormat) -> Result<String, String> + Sync),
) {
    // Looked up again and again: it may be over meanwhile.
    let _ = connection.set_read_timeout(Some(LOOK));
    let _ = connection.set_write_timeout(Some(LOOK));
    let asked = read_request(connection, over);
    let (answer, is_head) = match asked {
        Ok(None) => return,
        Ok(Some(Request { hosts, .. })) if is_local && !hosts.iter().all(|host| is_ours(host)) => {
            (Answer::plain(403, "that is no name of this machine: ask 127.0.0.1 or localhost"), false)
        }
        Ok(Some(Request { method, .. })) if method != "GET" && method != "HEAD" => {
            (Answer::plain(405, "only GET is answered"), false)
        }
        Ok(Some(request)) => {
            let answer = match request.path.split('?').next().unwrap_or_default() {
                "/metrics" => {
                    let format = wanted(&request.accept);
                    match measure(format) {
                        Ok(body) => Answer { status: 200, content_type: format.content_type(), body },
                        Err(why) => Answer::plain(500, &why),
                    }
                }
                "/healthz" => Answer::plain(200, "ok"),
                _ => Answer::plain(404, "there are /metrics and /healthz"),
            };
            (answer, request.method == "HEAD")
        }
        Err((status, why)) => (Answer::plain(status, why), false),
    };
    let mut bytes = answer.head(true).into_bytes();
    if !is_head {
        bytes.extend(answer.body.as_bytes());
    }
    let mut rest = &bytes[..];
    // Who takes a byte at a time is not waited for.
    while_there_is_time(PATIENCE, over, || {
        let written = (&mut &*connection).write(rest)?;
        rest = &rest[written..];
        Ok(if rest.is_empty() { 0 } else { written })
    });
    // With bytes unread, closing would throw away the answer before it is read.
    let _ = connection.shutdown(Shutdown::Write);
    let (mut piece, mut more) = ([0; 16 * 1024], 0);
    while_there_is_time(AFTERWARDS, over, || {
        let read = (&mut &*connection).read(&mut piece)?;
        more += read;
        Ok(if more >= MAX_AFTERWARDS { 0 } else { read })
    });
}

/// Reads or writes until nothing is left, it goes wrong, the time is up or it is over. Each time it waits no longer than
/// `LOOK`.
fn while_there_is_time(patience: Duration, over: &AtomicBool, mut step: impl FnMut() -> io::Result<usize>) {
    let began = Instant::now();
    while began.elapsed() < patience && !over.load(Ordering::Relaxed) {
        match step() {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_for_now(&error) => {}
            Err(_) => return,
        }
    }
}

/// Tells whether the other side is only slow.
fn is_for_now(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

struct Request {
    method: String,
    path: String,
    /// All that it says it takes.
    accept: String,
    /// Whom it says that it asks.
    hosts: Vec<String>,
}

/// Reads a request; nothing where the other side went before it asked.
fn read_request(connection: &TcpStream, over: &AtomicBool) -> Result<Option<Request>, (u16, &'static str)> {
    let began = Instant::now();
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    loop {
        if let Some(request) = parse(&head)? {
            return Ok(Some(request));
        }
        if head.len() >= MAX_HEAD {
            return Err((431, "the headers are too long"));
        }
        if over.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if began.elapsed() >= PATIENCE {
            return Err((408, "the request took too long"));
        }
        match (&mut &*connection).read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(read) => head.extend(&piece[..read]),
            Err(error) if is_for_now(&error) => {}
            Err(_) => return Ok(None),
        }
    }
}

fn parse(head: &[u8]) -> Result<Option<Request>, (u16, &'static str)> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err((431, "too many headers")),
        Err(_) => return Err((400, "this is no HTTP request")),
    }
    let values = |name: &str| -> Vec<String> {
        let headers = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        headers.map(|header| String::from_utf8_lossy(header.value).to_ascii_lowercase()).collect()
    };
    let (accept, mut hosts) = (values("accept").join(","), values("host"));
    let mut path = request.path.unwrap_or_default().to_owned();
    // As a proxy is asked; whoever is asked himself has to understand it too.
    if let Some(rest) = path.strip_prefix("http://") {
        let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
        hosts.push(host.to_ascii_lowercase());
        path = format!("/{rest}");
    }
    Ok(Some(Request { method: request.method.unwrap_or_default().to_owned(), path, accept, hosts }))
}

/// Decides whether what stands in `Host` may name this machine: an address, or a name that nobody else can have in the DNS.
fn is_ours(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    if let Some(inner) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<IpAddr>().is_ok();
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    // Containers reach the machine that they run on by a name in `internal`, which is given to nobody.
    let is_reserved = |last: &str| last == "localhost" || last == "internal";
    name.parse::<IpAddr>().is_ok() || name.rsplit_once('.').is_none_or(|(_, last)| is_reserved(last))
}

/// Decides in which format to answer: OpenMetrics for who would rather have that.
fn wanted(accept: &str) -> TextFormat {
    let weight_of = |kind: &str| {
        let mut weight: f64 = 0.0;
        for entry in accept.split(',') {
            let mut parts = entry.split(';').map(str::trim);
            if parts.next() == Some(kind) {
                let said = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
                weight = weight.max(said.unwrap_or(1.0));
            }
        }
        weight
    };
    let open = weight_of("application/openmetrics-text");
    match open > 0.0 && open >= weight_of("text/plain") {
        true => TextFormat::OpenMetrics,
        false => TextFormat::Prometheus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    /// Serves while `ask` asks.
    fn serving(ask: impl FnOnce(SocketAddr)) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = AtomicBool::new(false);
        let measure = |format: TextFormat| Ok::<_, String>(format!("{format:?}\n"));
        std::thread::scope(|scope| {
            let served = scope.spawn(|| serve(&listener, &over, &measure));
            let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ask(address)));
            over.store(true, Ordering::Relaxed);
            served.join().unwrap().unwrap();
            asked.unwrap();
        });
    }

    fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks until it is answered; one that is turned away at once may not see why.
    fn answered_within(address: SocketAddr, most: Duration) {
        let began = Instant::now();
        let mut answers = Vec::new();
        while !answers.contains(&"200".to_owned()) {
            assert!(began.elapsed() < most, "{answers:?}");
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let mut answer = String::new();
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n");
            let _ = stream.read_to_string(&mut answer);
            answers.push(status(&answer).to_owned());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn status(answer: &str) -> &str {
        answer.split(' ').nth(1).unwrap_or_default()
    }

    #[test]
    fn metrics_are_served_in_the_format_that_is_wanted() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let rows = [
            ("", TextFormat::Prometheus),
            ("*/*", TextFormat::Prometheus),
            (prometheus, TextFormat::OpenMetrics),
            ("application/openmetrics-text; version=1.0.0", TextFormat::OpenMetrics),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", TextFormat::Prometheus),
            ("application/openmetrics-text;q=0", TextFormat::Prometheus),
            ("text/html, application/xml;q=nonsense", TextFormat::Prometheus),
        ];
        for (accept, expected) in rows {
            assert_eq!(wanted(accept), expected, "{accept}");
        }
    }

    #[test]
    fn only_a_name_that_nobody_elsewhere_can_have_is_a_name_of_this_machine() {
        for host in [
            "127.0.0.1:9464",
            "127.0.0.1",
            "[::1]:9464",
            "localhost:9464",
            "localhost.",
            "crew.localhost:1",
            "host.docker.internal:9464",
            "build7:9464",
            "192.168.1.7",
            "",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "evil.example:9464",
            "evil.example",
            "localhost.evil.example.",
            "127.0.0.1.evil.example",
            "[x]:1",
        ] {
            assert!(!is_ours(host), "{host}");
        }
    }

    #[test]
    fn a_page_from_elsewhere_does_not_read_what_is_served_to_this_machine_alone() {
        serving(|address| {
            let ask = |text: &str| exchange(address, text.as_bytes());
            let elsewhere = ask("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n");
            assert_eq!(status(&elsewhere), "403");
            assert!(!elsewhere.contains("Prometheus") && elsewhere.contains("localhost"), "{elsewhere}");
            let here = format!("GET http://{address}/metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
            assert_eq!(status(&ask(&here)), "200");
            let hidden = format!("GET http://evil.example/metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
            assert_eq!(status(&ask(&hidden)), "403");
        });
    }

    #[test]
    fn who_goes_on_sending_after_the_answer_keeps_nobody_waiting() {
        let mut began = Instant::now();
        serving(|address| {
            let drips = AtomicBool::new(true);
            std::thread::scope(|scope| {
                for _ in 0..MAX_CONNECTIONS {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").unwrap();
                    let drips = &drips;
                    scope.spawn(move || {
                        while drips.load(Ordering::Relaxed) && stream.write_all(b"x").is_ok() {
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    });
                }
                let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    // They are let in first.
                    std::thread::sleep(Duration::from_millis(200));
                    answered_within(address, PATIENCE * 3);
                }));
                drips.store(false, Ordering::Relaxed);
                asked.unwrap();
            });
        });
        // A request that never ends is not waited for when it is over, either.
        serving(|address| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
            std::thread::sleep(Duration::from_millis(50));
            std::mem::forget(stream);
            began = Instant::now();
        });
        assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    }

    #[test]
    fn odd_requests_are_told_what_is_wrong() {
        serving(|address| {
            let ask = |text: &str| exchange(address, text.as_bytes());
            let answer = ask("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(status(&answer), "200");
            assert!(answer.ends_with("\r\n\r\nPrometheus\n") && answer.contains("version=0.0.4"), "{answer}");
            let head = ask("HEAD /metrics HTTP/1.1\r\n\r\n");
            assert!(head.contains("content-length: 11\r\n") && head.ends_with("\r\n\r\n"), "{head}");
            assert!(ask("GET /healthz HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nok\n"));
            let rows = [
                ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc".to_owned(), "405"),
                ("GET / HTTP/1.1\r\n\r\n".to_owned(), "404"),
                ("GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n".to_owned(), "404"),
                ("hello\r\n\r\n".to_owned(), "400"),
                (format!("GET /metrics HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100)), "431"),
                (format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)), "431"),
                (format!("POST / HTTP/1.1\r\n\r\n{}", "a".repeat(2_000_000)), "405"),
            ];
            for (text, expected) in rows {
                assert_eq!(status(&ask(&text)), expected, "{text:.60}");
            }
        });
    }

    #[test]
    fn those_who_never_ask_keep_nobody_else_from_being_answered_for_long() {
        serving(|address| {
            let silent: Vec<TcpStream> =
                (0..MAX_CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
            silent.iter().for_each(|mut stream| stream.write_all(b"GET /met").unwrap());
            answered_within(address, PATIENCE * 6);
            let mut told = String::new();
            (&silent[0]).read_to_string(&mut told).unwrap();
            assert_eq!(status(&told), "408");
        });
    }
}
