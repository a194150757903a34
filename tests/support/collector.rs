//! A collector that takes what crew sends, or behaves badly; and as much of protobuf as it takes to read that, written from the
//! format's description and not from the crates that crew writes with.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a collector does with each request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    Takes,
    /// Takes all but so many.
    TakesInPart(u64),
    /// Answers with this status, and with this `Retry-After`.
    Refuses(u16, Option<&'static str>),
    /// Refuses the first requests, and takes the others.
    RefusesFirst(usize),
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Never answers.
    Hangs,
    /// Answers with what is no HTTP.
    Garbage,
    /// Answers with HTTP that no collector speaks.
    Page,
    /// Closes the connection.
    Closes,
    /// Sends elsewhere.
    Redirects,
}

/// A request that came in whole.
#[derive(Clone, Debug)]
pub struct Taken {
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// A collector that listens until it is dropped.
pub struct Collector {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
    over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Collector {
    pub fn start(manner: Manner) -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (taken, over) = (Arc::<Mutex<Vec<Taken>>>::default(), Arc::<AtomicBool>::default());
        let (ours, is_over) = (Arc::clone(&taken), Arc::clone(&over));
        let listening = std::thread::spawn(move || {
            let mut connections = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((connection, _)) => {
                        let (ours, is_over) = (Arc::clone(&ours), Arc::clone(&is_over));
                        connections
                            .push(std::thread::spawn(move || serve(connection, manner, &ours, &is_over)));
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(2)),
                }
            }
            connections.into_iter().for_each(|connection| connection.join().expect("it ends"));
        });
        Collector { address, taken, over, listening: Some(listening) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Taken> {
        self.taken.lock().expect("no panic").clone()
    }

    /// Returns the bodies that came for a path, read as protobuf.
    pub fn messages(&self, path: &str) -> Vec<Message> {
        let requests = self.requests();
        requests.iter().filter(|taken| taken.path == path).map(|taken| Message::read(&taken.body)).collect()
    }

    /// Returns the spans that came.
    pub fn spans(&self) -> Vec<Message> {
        let all = self.messages("/v1/traces");
        all.iter().flat_map(|request| request.all(&[1, 2, 2])).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

fn serve(mut connection: TcpStream, manner: Manner, taken: &Mutex<Vec<Taken>>, over: &AtomicBool) {
    connection.set_nonblocking(false).expect("a connection");
    connection.set_read_timeout(Some(Duration::from_millis(50))).expect("a connection");
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        match connection.read(&mut piece) {
            Ok(0) => return,
            Ok(read) => bytes.extend(&piece[..read]),
            Err(_) if over.load(Ordering::Relaxed) => return,
            Err(_) => {}
        }
        while let Some((request, length)) = whole_request(&bytes) {
            bytes.drain(..length);
            let number = {
                let mut taken = taken.lock().expect("no panic");
                taken.push(request);
                taken.len()
            };
            if !answer(&mut connection, manner, number, over) {
                return;
            }
        }
    }
}

fn whole_request(bytes: &[u8]) -> Option<(Taken, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    let body = bytes.get(end..end + length)?.to_vec();
    Some((Taken { path, headers, body }, end + length))
}

/// Answers, and tells whether another request may follow.
fn answer(connection: &mut TcpStream, manner: Manner, number: usize, over: &AtomicBool) -> bool {
    let ok = |body: &[u8]| {
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend(body);
        answer
    };
    let refusal = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} No\r\n{more}Content-Length: 0\r\n\r\n").into_bytes()
    };
    let answer = match manner {
        Manner::Takes => ok(b""),
        Manner::TakesInPart(rejected) => {
            // partial_success { rejected: N, error_message: "too old" }
            let part = [&[8, rejected as u8, 18, 7][..], b"too old"].concat();
            ok(&[&[10, part.len() as u8][..], &part].concat())
        }
        Manner::Refuses(status, after) => {
            refusal(status, &after.map(|after| format!("Retry-After: {after}\r\n")).unwrap_or_default())
        }
        Manner::RefusesFirst(count) if number <= count => refusal(503, ""),
        Manner::RefusesFirst(_) => ok(b""),
        Manner::Slow(millis) => {
            std::thread::sleep(Duration::from_millis(millis));
            ok(b"")
        }
        Manner::Hangs => {
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
            }
            return false;
        }
        Manner::Garbage => {
            let _ = connection.write_all(b"\x00\x01\xff no HTTP at all \r\n\r\n");
            return false;
        }
        Manner::Page => ok(b"<html>Welcome</html>"),
        Manner::Closes => return false,
        Manner::Redirects => refusal(302, "Location: http://127.0.0.1:9/elsewhere\r\n"),
    };
    connection.write_all(&answer).is_ok()
}

/// What a field of a message holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// A message of protobuf: its fields, by their numbers, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Message(pub Vec<(u64, Field)>);

impl Message {
    /// Reads a message; panics where it is none.
    #[track_caller]
    pub fn read(mut bytes: &[u8]) -> Message {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let fixed = |bytes: &mut &[u8], length: usize| {
                let (number, rest) = bytes.split_at(length);
                *bytes = rest;
                number.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
            };
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Number(fixed(&mut bytes, 8)),
                5 => Field::Number(fixed(&mut bytes, 4)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    let (content, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(content.to_vec())
                }
                other => panic!("there is no wire type {other}"),
            };
            fields.push((tag >> 3, field));
        }
        Message(fields)
    }

    /// Returns the messages that lie at the end of a path of field numbers.
    #[track_caller]
    pub fn all(&self, path: &[u64]) -> Vec<Message> {
        let Some((number, rest)) = path.split_first() else { return vec![self.clone()] };
        let fields = self.0.iter().filter(|(known, _)| known == number);
        fields
            .flat_map(|(_, field)| match field {
                Field::Bytes(bytes) => Message::read(bytes).all(rest),
                Field::Number(_) => panic!("field {number} is a number"),
            })
            .collect()
    }

    pub fn bytes(&self, number: u64) -> Vec<u8> {
        let found = self.0.iter().find(|(known, _)| *known == number);
        match found {
            Some((_, Field::Bytes(bytes))) => bytes.clone(),
            Some((_, Field::Number(_))) => panic!("field {number} is a number"),
            None => Vec::new(),
        }
    }

    pub fn text(&self, number: u64) -> String {
        String::from_utf8(self.bytes(number)).expect("UTF-8")
    }

    pub fn hex(&self, number: u64) -> String {
        self.bytes(number).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub fn number(&self, number: u64) -> u64 {
        match self.0.iter().find(|(known, _)| *known == number) {
            Some((_, Field::Number(value))) => *value,
            Some(_) => panic!("field {number} is no number"),
            None => 0,
        }
    }

    /// Returns the attributes that lie in a field, those that are texts or whole numbers, as texts.
    pub fn attributes(&self, number: u64) -> BTreeMap<String, String> {
        let said = |pair: &Message| {
            let value = pair.all(&[2]).into_iter().next().expect("a value");
            match value.0.first() {
                Some((1, Field::Bytes(text))) => String::from_utf8(text.clone()).expect("UTF-8"),
                Some((_, Field::Number(number))) => number.to_string(),
                other => panic!("{other:?}"),
            }
        };
        self.all(&[number]).iter().map(|pair| (pair.text(1), said(pair))).collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in 0..10 {
        let (byte, rest) = bytes.split_first().expect("it goes on");
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return number;
        }
    }
    panic!("a number of more than ten bytes")
}
