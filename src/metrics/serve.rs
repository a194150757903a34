//! Serves metrics to Prometheus over HTTP/1, and nothing else: `GET /metrics` and `GET /healthz`.
//!
//! Whoever connects gets one answer and has a few seconds for it; a request is small, and so is the number of those that are
//! answered at once. So nobody who is slow, or many, keeps others from being answered for long.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
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
/// How often it is looked whether it is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A text format of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    Prometheus,
    OpenMetrics,
}

impl TextFormat {
    fn content_type(self) -> &'static str {
        match self {
            TextFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
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
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while !over.load(Ordering::Relaxed) {
            let mut waits = [PollFd::new(listener, PollFlags::IN)];
            // A signal cuts it short, and is what it is looked for above.
            if !matches!(poll(&mut waits, Some(&LOOK)), Ok(1..)) {
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
                answer(&connection, over, measure);
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
    over: &AtomicBool,
    measure: &(dyn Fn(TextFormat) -> Result<String, String> + Sync),
) {
    let asked = read_request(connection, over);
    let (answer, is_head) = match asked {
        Ok(None) => return,
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
    // Each write may take so long; who reads a byte at a time is not waited for all the same.
    let _ = connection.set_write_timeout(Some(PATIENCE));
    let began = Instant::now();
    let mut rest = &bytes[..];
    while !rest.is_empty() && began.elapsed() < PATIENCE && !over.load(Ordering::Relaxed) {
        match (&mut &*connection).write(rest) {
            Ok(0) | Err(_) => break,
            Ok(written) => rest = &rest[written..],
        }
    }
    // With bytes unread, closing would throw away the answer before it is read.
    let _ = connection.shutdown(Shutdown::Write);
    let _ = connection.set_read_timeout(Some(Duration::from_millis(200)));
    let _ = io::copy(&mut (&mut &*connection).take(MAX_HEAD as u64), &mut io::sink());
}

struct Request {
    method: String,
    path: String,
    /// All that it says it takes.
    accept: String,
}

/// Reads a request; nothing where the other side went before it asked.
fn read_request(connection: &TcpStream, over: &AtomicBool) -> Result<Option<Request>, (u16, &'static str)> {
    let began = Instant::now();
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    // Looked up again and again: it may be over meanwhile.
    let _ = connection.set_read_timeout(Some(Duration::from_millis(100)));
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
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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
    let accept = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("accept"));
    let accept: Vec<String> =
        accept.map(|header| String::from_utf8_lossy(header.value).to_ascii_lowercase()).collect();
    Ok(Some(Request {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        accept: accept.join(","),
    }))
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
            let began = Instant::now();
            let mut answers = Vec::new();
            while !answers.contains(&"200".to_owned()) {
                assert!(began.elapsed() < PATIENCE * 6, "{answers:?}");
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut answer = String::new();
                // One that is turned away at once may not see why.
                let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n\r\n");
                let _ = stream.read_to_string(&mut answer);
                answers.push(status(&answer).to_owned());
                std::thread::sleep(Duration::from_millis(100));
            }
            let mut told = String::new();
            (&silent[0]).read_to_string(&mut told).unwrap();
            assert_eq!(status(&told), "408");
        });
    }
}
