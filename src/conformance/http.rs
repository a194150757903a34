//! As much of HTTP/1 as agents speak with a provider on the same machine.

use std::io::{self, BufRead, Read, Write};

/// The most bytes of a request's line and headers.
const MAX_HEAD: u64 = 64 * 1024;
/// The most headers of a request.
const MAX_HEADERS: usize = 100;
/// The most bytes of a request's body. An agent sends its whole session each time; a thousand calls are about 1 MiB.
pub const MAX_BODY: u64 = 16 * 1024 * 1024;
/// The most bytes of a line that announces a chunk.
const MAX_CHUNK_LINE: u64 = 1024;

/// A request that came in whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub body: Vec<u8>,
    pub peer: Peer,
}

/// What the other side can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// It sends another request on this connection.
    pub keeps: bool,
    /// It speaks HTTP/1.1, which has chunks.
    pub chunks: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub enum Trouble {
    /// The other side went.
    Gone,
    /// It deserves to be told what is wrong, with this status.
    Wrong(u16, &'static str),
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Trouble {
        Trouble::Gone
    }
}

/// Reads the next request of a connection. `writer` is told to go on where the other side asks before it sends.
pub fn read(reader: &mut impl BufRead, writer: &mut impl Write) -> Result<Request, Trouble> {
    let head = read_head(reader)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(&head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Trouble::Wrong(431, "too many headers")),
        _ => return Err(Trouble::Wrong(400, "this is no HTTP request")),
    }
    let chunks = parsed.version == Some(1);
    let values = |name: &str| -> Vec<String> {
        let named = parsed.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase()).collect()
    };
    let says = |name: &str, word: &str| values(name).iter().any(|value| value.contains(word));
    let keeps = if chunks { !says("connection", "close") } else { says("connection", "keep-alive") };
    if values("content-encoding").iter().any(|coding| !matches!(coding.as_str(), "" | "identity")) {
        return Err(Trouble::Wrong(415, "send the body as it is, without an encoding"));
    }
    let chunked = says("transfer-encoding", "chunked");
    let length = content_length(&values("content-length"))?;
    if chunks && says("expect", "100-continue") {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        writer.flush()?;
    }
    let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
    let method = parsed.method.unwrap_or_default().to_owned();
    let path = parsed.path.unwrap_or_default().to_owned();
    Ok(Request { method, path, body, peer: Peer { keeps, chunks } })
}

/// Reads up to the empty line after the headers.
fn read_head(reader: &mut impl BufRead) -> Result<Vec<u8>, Trouble> {
    let mut head = Vec::new();
    let mut limited = reader.take(MAX_HEAD);
    loop {
        let begin = head.len();
        if limited.read_until(b'\n', &mut head)? == 0 {
            let full = limited.limit() == 0;
            return Err(if full { Trouble::Wrong(431, "the headers are too long") } else { Trouble::Gone });
        }
        if matches!(&head[begin..], b"\r\n" | b"\n") {
            // Some send an empty line after a body.
            if begin > 0 {
                return Ok(head);
            }
            head.clear();
        }
    }
}

fn content_length(values: &[String]) -> Result<u64, Trouble> {
    let Some(first) = values.first() else { return Ok(0) };
    let length = first.parse().ok().filter(|_| values.iter().all(|value| value == first));
    match length {
        None => Err(Trouble::Wrong(400, "the length of the body is not a number")),
        Some(length) if length > MAX_BODY => Err(Trouble::Wrong(413, "the body is too long")),
        Some(length) => Ok(length),
    }
}

fn read_exactly(reader: &mut impl BufRead, length: u64) -> Result<Vec<u8>, Trouble> {
    // Memory is taken as the bytes come, not as they are announced.
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(Trouble::Gone) } else { Ok(bytes) }
}

fn read_chunks(reader: &mut impl BufRead) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).ok();
        let length = length.ok_or(Trouble::Wrong(400, "the length of a chunk is not a number"))?;
        if length == 0 {
            // Headers may follow the body; nobody here reads them.
            while !read_line(reader)?.trim().is_empty() {}
            return Ok(body);
        }
        if length.saturating_add(body.len() as u64) > MAX_BODY {
            return Err(Trouble::Wrong(413, "the body is too long"));
        }
        body.extend(read_exactly(reader, length)?);
        if !read_line(reader)?.trim().is_empty() {
            return Err(Trouble::Wrong(400, "a chunk is longer than it said"));
        }
    }
}

fn read_line(reader: &mut impl BufRead) -> Result<String, Trouble> {
    let mut line = Vec::new();
    reader.take(MAX_CHUNK_LINE).read_until(b'\n', &mut line)?;
    if line.last() != Some(&b'\n') {
        let full = line.len() as u64 == MAX_CHUNK_LINE;
        return Err(if full { Trouble::Wrong(400, "a chunk's line is too long") } else { Trouble::Gone });
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Answers with a JSON body in one piece. Who asked with HEAD gets no body.
pub fn answer(
    writer: &mut impl Write,
    request: &Request,
    status: u16,
    headers: &[(&str, String)],
    body: &str,
) -> io::Result<()> {
    let mut text = head(status, "application/json", request.peer.keeps);
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    if request.method != "HEAD" {
        text.push_str(body);
    }
    writer.write_all(text.as_bytes())?;
    writer.flush()
}

fn head(status: u16, content_type: &str, keeps: bool) -> String {
    // The reason is for people; programs go by the number.
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    };
    let connection = if keeps { "keep-alive" } else { "close" };
    format!("HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\nconnection: {connection}\r\n")
}

/// An answer that comes in pieces. Where it is dropped before its end, the other side sees that it is cut.
pub struct Stream<'w, W: Write> {
    writer: &'w mut W,
    chunks: bool,
}

impl<'w, W: Write> Stream<'w, W> {
    /// Begins a stream of events; it is the last answer of its connection.
    pub fn begin(writer: &'w mut W, peer: Peer) -> io::Result<Stream<'w, W>> {
        let mut text = head(200, "text/event-stream", false);
        text.push_str("cache-control: no-cache\r\n");
        // Without chunks the stream ends with the connection, and nobody can tell a cut from an end.
        text.push_str(if peer.chunks { "transfer-encoding: chunked\r\n\r\n" } else { "\r\n" });
        writer.write_all(text.as_bytes())?;
        writer.flush()?;
        Ok(Stream { writer, chunks: peer.chunks })
    }

    /// Sends a piece.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.chunks {
            self.writer.write_all(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        }
        self.writer.write_all(bytes)?;
        if self.chunks {
            self.writer.write_all(b"\r\n")?;
        }
        self.writer.flush()
    }

    /// Ends the stream as it should end.
    pub fn end(self) -> io::Result<()> {
        if self.chunks {
            self.writer.write_all(b"0\r\n\r\n")?;
        }
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> (Result<Request, Trouble>, Vec<u8>) {
        let mut told = Vec::new();
        let read = read(&mut io::BufReader::with_capacity(16, bytes), &mut told);
        (read, told)
    }

    fn status(bytes: &[u8]) -> Option<u16> {
        match parse(bytes).0 {
            Err(Trouble::Wrong(status, _)) => Some(status),
            _ => None,
        }
    }

    #[test]
    fn a_body_comes_by_its_length_or_in_chunks() {
        for text in [
            "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "\r\nPOST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n",
            "POST /a HTTP/1.1\ncontent-length: 5\n\nhello",
        ] {
            let request = parse(text.as_bytes()).0.unwrap();
            assert_eq!((request.path.as_str(), request.body.as_slice()), ("/a", &b"hello"[..]), "{text}");
            assert_eq!(request.peer, Peer { keeps: true, chunks: true });
        }
    }

    #[test]
    fn an_older_client_gets_no_chunks_and_no_second_answer() {
        let request = parse(b"GET / HTTP/1.0\r\n\r\n").0.unwrap();
        assert_eq!(request.peer, Peer { keeps: false, chunks: false });
        let closing = parse(b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n").0.unwrap();
        assert_eq!(closing.peer, Peer { keeps: false, chunks: true });
    }

    #[test]
    fn who_asks_before_sending_is_told_to_go_on() {
        let (request, told) = parse(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx");
        assert_eq!((request.unwrap().body, told), (b"x".to_vec(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()));
    }

    #[test]
    fn odd_requests_are_told_what_is_wrong() {
        assert_eq!(status(b"hello\r\n\r\n"), Some(400));
        assert_eq!(status(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), Some(400));
        assert_eq!(status(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), Some(400));
        assert_eq!(status(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"), Some(413));
        assert_eq!(status(b"POST / HTTP/1.1\r\nContent-Encoding: zstd\r\n\r\n"), Some(415));
        let chunked = |chunk: &str| format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
        assert_eq!(status(chunked("xyz\r\n").as_bytes()), Some(400));
        assert_eq!(status(chunked("1\r\nabc\r\n").as_bytes()), Some(400));
        assert_eq!(status(chunked("ffffffffffffffff\r\n").as_bytes()), Some(413));
        assert_eq!(status(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)).as_bytes()), Some(431));
        assert_eq!(status(&b"a".repeat(100_000)), Some(431));
        assert!(matches!(parse(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel").0, Err(Trouble::Gone)));
        assert!(matches!(parse(b"").0, Err(Trouble::Gone)));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_makes_it_panic(
            start in proptest::option::of(Just(&b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"[..])),
            rest in proptest::collection::vec(any::<u8>(), 0..400),
        ) {
            let _ = parse(&[start.unwrap_or_default(), &rest].concat());
        }
    }
}
