//! A model server on loopback that plays a script.

use super::http::{self, Request, Stream, Trouble};
use super::script::{Act, Script, Turn};
use super::wire::{Answer, Asked, Refused, Wanted, Wire, shell_call, wanted};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The most connections at once; another one is closed at once. Agents open a handful.
const MAX_CONNECTIONS: usize = 64;
/// The most bytes of requests that are remembered; older ones are forgotten first.
const MAX_REMEMBERED: usize = 16 * 1024 * 1024;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(600);
/// How long the end of the connections is waited for when the server goes.
const LEAVING: Duration = Duration::from_secs(5);
/// What requests without tools get: titles and the like.
const ASIDE: &str = "A scripted answer";

/// A request that has been answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// With the query.
    pub path: String,
    /// `Null` where it was no JSON.
    pub body: Value,
}

/// A running model server; it ends when dropped, and its connections with it.
#[derive(Debug)]
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something ended: a connection, or the server.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    script: Script,
    /// Turns taken, by conversation.
    taken: Vec<usize>,
    answers: u64,
    seen: VecDeque<(usize, Seen)>,
    remembered: usize,
    stopping: bool,
    connections: HashMap<u64, TcpStream>,
    next_connection: u64,
}

impl ModelServer {
    /// Starts a server on a free port of this machine.
    pub fn start(script: Script) -> io::Result<ModelServer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        shared.play(script);
        let listening = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("model-server".into())
                .spawn(move || listen(&listener, &shared))?
        };
        Ok(ModelServer { address, shared, listening: Some(listening) })
    }

    /// Returns where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Plays another script from its beginning.
    pub fn play(&self, script: Script) {
        self.shared.play(script);
    }

    /// Returns the requests so far, the newest ones where they are many.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().seen.iter().map(|(_, seen)| seen.clone()).collect()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.stopping = true;
            state.connections.values().for_each(close);
        }
        self.shared.changed.notify_all();
        // Whoever listens wakes up for a connection only.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let Some(listening) = self.listening.take().filter(|_| woken) {
            let _ = listening.join();
        }
        let open = |state: &mut State| !state.connections.is_empty();
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, LEAVING, open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn play(&self, script: Script) {
        let mut state = self.lock();
        state.taken = vec![0; script.conversations.len()];
        state.script = script;
    }

    /// Waits unless the server ends meanwhile, and tells whether it goes on.
    fn wait(&self, delay: Duration) -> bool {
        let deadline = Instant::now() + delay;
        let mut state = self.lock();
        while !state.stopping {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }
}

impl State {
    fn remember(&mut self, path: &str, body: Value, bytes: usize) {
        self.remembered += bytes;
        self.seen.push_back((bytes, Seen { path: path.to_owned(), body }));
        while self.remembered > MAX_REMEMBERED && self.seen.len() > 1 {
            self.remembered -= self.seen.pop_front().map_or(0, |(bytes, _)| bytes);
        }
    }

    /// Takes the next turn of the conversation that a request is about; the last one is never used up.
    fn take_turn(&mut self, request: &Value) -> Option<Turn> {
        let at = self.script.conversations.iter().position(|conversation| conversation.fits(request))?;
        let turns = &self.script.conversations[at].turns;
        let turn = turns.get(self.taken[at]).or(turns.last())?.clone();
        self.taken[at] = (self.taken[at] + 1).min(turns.len());
        Some(turn)
    }
}

fn close(connection: &TcpStream) {
    // It may be closed already.
    let _ = connection.shutdown(Shutdown::Both);
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let connection = listener.accept();
        let mut state = shared.lock();
        if state.stopping {
            return;
        }
        let Ok((connection, _)) = connection else {
            // Out of file descriptors, for instance; trying again at once would only burn the processor.
            drop(state);
            shared.wait(Duration::from_millis(20));
            continue;
        };
        let Ok(known) = connection.try_clone() else { continue };
        if state.connections.len() >= MAX_CONNECTIONS {
            continue;
        }
        let number = state.next_connection;
        state.next_connection += 1;
        state.connections.insert(number, known);
        drop(state);
        let serving = Serving { number, shared: Arc::clone(shared) };
        // Where no thread can be had, `serving` is dropped and takes the connection away.
        let _ = std::thread::Builder::new()
            .name("model-connection".into())
            .spawn(move || serving.serve(&connection));
    }
}

/// One connection; it is forgotten when this is dropped.
struct Serving {
    number: u64,
    shared: Arc<Shared>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let connection = self.shared.lock().connections.remove(&self.number);
        connection.iter().for_each(close);
        self.shared.changed.notify_all();
    }
}

impl Serving {
    fn serve(&self, connection: &TcpStream) {
        // What is set here only makes it quicker and bounds it; without it, it works all the same.
        let _ = connection.set_nodelay(true);
        let _ = connection.set_read_timeout(Some(IDLE));
        let mut reader = BufReader::new(connection);
        let mut writer = connection;
        loop {
            match http::read(&mut reader, &mut writer) {
                Ok(request) => match self.answer(&request, &mut reader, &mut writer) {
                    Ok(true) => {}
                    Ok(false) | Err(_) => return,
                },
                Err(Trouble::Gone) => return,
                Err(Trouble::Wrong(status, why)) => return tell_and_leave(&mut writer, status, why),
            }
        }
    }

    /// Answers a request, and tells whether another one may follow.
    fn answer(&self, request: &Request, reader: &mut impl Read, writer: &mut impl Write) -> io::Result<bool> {
        let parsed: Result<Value, _> = serde_json::from_slice(&request.body);
        let is_json = parsed.is_ok() || request.body.is_empty();
        let body = parsed.unwrap_or_default();
        self.shared.lock().remember(&request.path, body.clone(), request.body.len());
        let json = |writer: &mut _, status, headers: &[_], body: Value| {
            http::answer(writer, request, status, headers, &body.to_string()).map(|()| request.peer.keeps)
        };
        let (wire, model, streams) = match wanted(&request.path, &body) {
            Wanted::Unknown => {
                return json(writer, 404, &[], json!({"error": {"message": "there is nothing here"}}));
            }
            Wanted::Aside(value) => return json(writer, 200, &[], value),
            Wanted::Answer { wire, model, streams } => (wire, model, streams),
        };
        let refuse = |writer: &mut _, status: u16, message: Option<&str>, retry_after: Option<u64>| {
            let body = wire.error(&Refused { status, message, retry_after, model });
            let headers: Vec<_> =
                retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
            json(writer, status, &headers, body)
        };
        if !is_json {
            return refuse(writer, 400, Some("the body is no JSON"), None);
        }
        let tools = wire.tools(&body);
        let (turn, number) = {
            let mut state = self.shared.lock();
            state.answers += 1;
            let aside = Turn { delay_ms: 0, act: Act::Say(ASIDE.to_owned()) };
            (if tools.is_empty() { Some(aside) } else { state.take_turn(&body) }, state.answers)
        };
        let Some(turn) = turn else {
            return refuse(writer, 400, Some("the script has no turn for this request"), None);
        };
        if !self.shared.wait(Duration::from_millis(turn.delay_ms)) {
            return Ok(false);
        }
        let asked = Asked { model, number };
        let speak = |writer: &mut _, answer: &Answer<'_>| {
            if streams {
                let mut stream = Stream::begin(writer, request.peer)?;
                wire.stream(&asked, answer)
                    .iter()
                    .try_for_each(|event| stream.send(event.frame().as_bytes()))?;
                stream.end().map(|()| false)
            } else {
                json(writer, 200, &[], wire.whole(&asked, answer))
            }
        };
        match &turn.act {
            Act::Say(text) => speak(writer, &Answer::Text(text)),
            Act::Refuse(text) => speak(writer, &Answer::Refusal(text)),
            Act::Call { name, arguments } => {
                speak(writer, &Answer::Call { name, arguments: arguments.clone() })
            }
            Act::Shell(command) => match shell_call(&tools, command) {
                Some((name, arguments)) => speak(writer, &Answer::Call { name, arguments }),
                None => {
                    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
                    speak(writer, &Answer::Text(&format!("There is no shell among {}", names.join(", "))))
                }
            },
            Act::Answer { status, message, retry_after } => {
                // Below 200 the answer would only announce another one.
                let status = if (200..600).contains(status) { *status } else { 500 };
                refuse(writer, status, message.as_deref(), *retry_after)
            }
            Act::Garbage => {
                let mut stream = begin_well(writer, request, wire, &asked)?;
                stream.send(b"data: {\"type\": \"\x00\xff\xfe no JSON, \r\n\n]]}> event without end\n\n")?;
                stream.end().map(|()| false)
            }
            Act::Cut => begin_well(writer, request, wire, &asked).map(|_| false),
            Act::Hang => {
                // Who gives up closes the connection, and so does the end of the server.
                let mut rest = [0; 1024];
                while reader.read(&mut rest)? > 0 {}
                Ok(false)
            }
        }
    }
}

/// Begins a stream with the first half of an answer.
fn begin_well<'w, W: Write>(
    writer: &'w mut W,
    request: &Request,
    wire: &dyn Wire,
    asked: &Asked<'_>,
) -> io::Result<Stream<'w, W>> {
    let events = wire.stream(asked, &Answer::Text("This answer has no"));
    let mut stream = Stream::begin(writer, request.peer)?;
    for event in &events[..events.len() / 2] {
        stream.send(event.frame().as_bytes())?;
    }
    Ok(stream)
}

/// Says what is wrong with a request that cannot be read to its end.
fn tell_and_leave(connection: &mut &TcpStream, status: u16, why: &str) {
    let body = json!({"error": {"message": why}}).to_string();
    let unread = Request {
        method: String::new(),
        path: String::new(),
        body: Vec::new(),
        peer: http::Peer { keeps: false, chunks: false },
    };
    if http::answer(connection, &unread, status, &[], &body).is_err() {
        return;
    }
    // With bytes unread, closing would throw away the answer before it is read.
    let _ = connection.shutdown(Shutdown::Write);
    let _ = connection.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = io::copy(&mut connection.take(http::MAX_BODY), &mut io::sink());
}

#[cfg(test)]
mod tests {
    use super::super::script::Conversation;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);
    const MESSAGES: &str = "/v1/messages?beta=true";
    const RESPONSES: &str = "/v1/responses";
    const CHAT: &str = "/v1/chat/completions";
    const GEMINI: &str = "/v1beta/models/flash:streamGenerateContent?alt=sse";
    const ALL: [&str; 4] = [MESSAGES, RESPONSES, CHAT, GEMINI];

    fn connect(server: &ModelServer) -> TcpStream {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and returns everything that comes back until the connection ends.
    fn exchange(server: &ModelServer, bytes: &[u8]) -> String {
        let mut stream = connect(server);
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A connection that is cut may end with an error.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn post(server: &ModelServer, path: &str, body: &Value) -> String {
        let body = body.to_string();
        let head =
            format!("POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        exchange(server, format!("{head}{body}").as_bytes())
    }

    /// A request as an agent sends it in each of the formats, with a shell among its tools.
    fn request(path: &str, words: &str) -> Value {
        let schema =
            json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]});
        match path {
            MESSAGES => {
                json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": words}],
                "tools": [{"name": "Bash", "input_schema": schema}]})
            }
            RESPONSES => json!({"model": "m", "stream": true, "input": words,
                "tools": [{"type": "web_search"}, {"type": "function", "name": "exec_command",
                    "parameters": {"properties": {"cmd": {"type": "string"}}, "required": ["cmd"]}}]}),
            CHAT => json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": words}],
                "tools": [{"type": "function", "function": {"name": "bash", "parameters": schema}}]}),
            _ => json!({"contents": [{"parts": [{"text": words}]}],
                "tools": [{"functionDeclarations": [{"name": "run_shell_command", "parametersJsonSchema": schema}]}]}),
        }
    }

    fn server(acts: impl IntoIterator<Item = Act>) -> ModelServer {
        ModelServer::start(Script::of(acts)).unwrap()
    }

    #[test]
    fn a_script_is_the_same_in_every_format() {
        for (path, call) in [
            (MESSAGES, r#""name":"Bash""#),
            (RESPONSES, r#""name":"exec_command""#),
            (CHAT, r#""name":"bash""#),
            (GEMINI, r#""name":"run_shell_command""#),
        ] {
            let server = server([Act::Shell("echo hi".into()), Act::Say("All done".into())]);
            let first = post(&server, path, &request(path, "go"));
            assert!(first.starts_with("HTTP/1.1 200 ") && first.ends_with("0\r\n\r\n"), "{first}");
            assert!(first.contains(call) && first.contains("echo hi"), "{path}: {first}");
            for _ in 0..2 {
                let more = post(&server, path, &request(path, "go"));
                assert!(more.contains("All done") && !more.contains("echo hi"), "{path}: {more}");
            }
            assert_eq!(server.requests()[0], Seen { path: path.to_owned(), body: request(path, "go") });
        }
    }

    #[test]
    fn each_format_tells_the_same_usage() {
        for (path, figures) in [
            (
                MESSAGES,
                &[r#""input_tokens":100"#, r#""cache_read_input_tokens":20"#, r#""output_tokens":34"#][..],
            ),
            (RESPONSES, &[r#""input_tokens":120"#, r#""cached_tokens":20"#, r#""output_tokens":34"#]),
            (CHAT, &[r#""prompt_tokens":120"#, r#""cached_tokens":20"#, r#""completion_tokens":34"#]),
            (
                GEMINI,
                &[r#""promptTokenCount":120"#, r#""cachedContentTokenCount":20"#, r#""totalTokenCount":154"#],
            ),
        ] {
            let answer = post(&server([Act::Say("hi".into())]), path, &request(path, "go"));
            for figure in figures {
                assert!(answer.contains(figure), "{path}: no {figure} in {answer}");
            }
        }
    }

    #[test]
    fn an_aside_takes_no_turn() {
        let server = server([Act::Say("the first turn".into()), Act::Say("the second".into())]);
        for path in ALL {
            let mut title = request(path, "give this a title");
            title.as_object_mut().unwrap().remove("tools");
            assert!(post(&server, path, &title).contains(ASIDE), "{path}");
        }
        let counted = post(&server, "/v1/messages/count_tokens", &request(MESSAGES, "go"));
        assert!(counted.contains(r#"{"input_tokens":120}"#), "{counted}");
        assert!(exchange(&server, b"GET /v1/models HTTP/1.0\r\n\r\n").contains(r#""models":[]"#));
        assert!(post(&server, CHAT, &request(CHAT, "go")).contains("the first turn"));
    }

    #[test]
    fn an_answer_comes_in_one_piece_where_no_stream_is_asked_for() {
        let server = server([Act::Shell("ls".into())]);
        for path in [MESSAGES, RESPONSES, CHAT] {
            let mut asked = request(path, "go");
            asked["stream"] = json!(false);
            let answer = post(&server, path, &asked);
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            let body: Value = serde_json::from_str(body).unwrap();
            assert!(body.to_string().contains("ls") && !body["usage"].is_null(), "{path}: {body}");
        }
        let whole = post(&server, "/v1beta/models/flash:generateContent", &request(GEMINI, "go"));
        assert!(whole.contains("functionCall") && whole.contains("application/json"), "{whole}");
    }

    #[test]
    fn each_provider_words_its_own_errors() {
        let answer = |status, retry_after| Act::Answer { status, message: None, retry_after };
        for (path, status, words) in [
            (MESSAGES, 401, "invalid x-api-key"),
            (MESSAGES, 404, "model: m"),
            (MESSAGES, 400, "prompt is too long"),
            (MESSAGES, 529, "overloaded_error"),
            (RESPONSES, 404, "The model `m` does not exist"),
            (RESPONSES, 400, "exceeds the context window"),
            (CHAT, 400, "maximum context length"),
            (CHAT, 401, "invalid_api_key"),
            (GEMINI, 404, "models/flash is not found"),
            (GEMINI, 400, "input token count"),
            (GEMINI, 401, "UNAUTHENTICATED"),
        ] {
            let told = post(&server([answer(status, None)]), path, &request(path, "go"));
            assert!(told.starts_with(&format!("HTTP/1.1 {status} ")) && told.contains(words), "{told}");
        }
        for path in ALL {
            let told = post(&server([answer(429, Some(7))]), path, &request(path, "go"));
            assert!(told.contains("\r\nretry-after: 7\r\n"), "{told}");
            let own = Act::Answer { status: 418, message: Some("a teapot".into()), retry_after: None };
            let told = post(&server([own]), path, &request(path, "go"));
            assert!(told.starts_with("HTTP/1.1 418 ") && told.contains("a teapot"), "{told}");
        }
    }

    #[test]
    fn a_refusal_is_told_as_each_format_has_it() {
        for (path, words) in [
            (MESSAGES, r#""stop_reason":"refusal""#),
            (RESPONSES, r#""type":"refusal""#),
            (CHAT, r#""refusal":"I will not""#),
            (GEMINI, r#""finishReason":"SAFETY""#),
        ] {
            let answer = post(&server([Act::Refuse("I will not".into())]), path, &request(path, "go"));
            assert!(answer.contains(words) && answer.contains("I will not"), "{answer}");
        }
    }

    #[test]
    fn a_cut_stream_has_no_end_and_garbage_is_no_event() {
        for path in ALL {
            let cut = post(&server([Act::Cut]), path, &request(path, "go"));
            assert!(cut.contains("data: ") && !cut.ends_with("0\r\n\r\n"), "{path}: {cut}");
            let garbage = post(&server([Act::Garbage]), path, &request(path, "go"));
            let events = garbage.lines().filter_map(|line| line.strip_prefix("data: "));
            assert!(
                events.filter(|event| serde_json::from_str::<Value>(event).is_err()).count() == 1,
                "{garbage}"
            );
        }
    }

    #[test]
    fn each_conversation_has_its_own_turns() {
        let script = Script {
            conversations: vec![
                Conversation::of(Some("the API"), [Act::Say("api 1".into()), Act::Say("api 2".into())]),
                Conversation::of(Some("the docs"), [Act::Say("docs 1".into())]),
            ],
        };
        let server = ModelServer::start(script).unwrap();
        let say = |words: &str| post(&server, CHAT, &request(CHAT, words));
        assert!(say("mend the API").contains("api 1"));
        assert!(say("mend the docs").contains("docs 1"));
        assert!(say("mend the API").contains("api 2"));
        assert!(say("something else").contains("no turn for this request"));
        server.play(Script::of([Act::Say("anew".into())]));
        assert!(say("something else").contains("anew"));
    }

    #[test]
    fn a_connection_serves_one_request_after_the_other() {
        let server = server([Act::Answer { status: 429, message: None, retry_after: None }]);
        let body = request(CHAT, "go").to_string();
        let one = format!("POST {CHAT} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let last = "GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n";
        let answers = exchange(&server, format!("{one}{one}{last}").as_bytes());
        assert_eq!(answers.matches("HTTP/1.1 429 ").count(), 2, "{answers}");
        assert_eq!(answers.matches("HTTP/1.1 404 ").count(), 1, "{answers}");
    }

    #[test]
    fn odd_requests_are_answered_and_change_nothing() {
        let server = server([Act::Say("still here".into())]);
        assert!(exchange(&server, b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
        let head = |length| format!("POST {CHAT} HTTP/1.0\r\nContent-Length: {length}\r\n\r\n");
        assert!(
            exchange(&server, format!("{}{{\"tools\": [", head(11)).as_bytes())
                .contains("the body is no JSON")
        );
        assert!(
            exchange(&server, format!("{}{}", head(20_000), "[".repeat(20_000)).as_bytes())
                .contains("no JSON")
        );
        let huge = format!("{}{}", head(u64::MAX), " ".repeat(100_000));
        assert!(exchange(&server, huge.as_bytes()).starts_with("HTTP/1.1 413 "));
        for body in [json!(null), json!([]), json!({"tools": {"a": 1}}), json!({"tools": [1, {"name": 2}]})] {
            for path in ALL {
                assert!(post(&server, path, &body).contains(ASIDE), "{path} {body}");
            }
        }
        assert!(exchange(&server, b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n").ends_with("\r\n\r\n"));
        // Without chunks, the stream ends with the connection.
        let body = request(CHAT, "go").to_string();
        let old = exchange(&server, format!("{}{body}", head(body.len() as u64)).as_bytes());
        assert!(old.contains("still here") && old.ends_with("data: [DONE]\n\n"), "{old}");
    }

    #[test]
    fn a_slow_client_is_waited_for() {
        let server = server([Act::Say("patience".into())]);
        let body = request(CHAT, "go").to_string();
        let text = format!(
            "POST {CHAT} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = connect(&server);
        for piece in text.as_bytes().chunks(40) {
            stream.write_all(piece).unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("patience"), "{answer}");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut state = State::default();
        for number in 0..10 {
            state.remember("/", json!(number), MAX_REMEMBERED / 4);
        }
        let kept: Vec<&Value> = state.seen.iter().map(|(_, seen)| &seen.body).collect();
        assert_eq!(kept, [&json!(6), &json!(7), &json!(8), &json!(9)]);
        state.remember("/", json!("big"), 2 * MAX_REMEMBERED);
        assert_eq!(state.seen.len(), 1);
    }

    #[test]
    fn connections_beyond_the_limit_are_closed_and_the_others_live() {
        let server = server([Act::Say("still here".into())]);
        let idle: Vec<TcpStream> = (0..MAX_CONNECTIONS).map(|_| connect(&server)).collect();
        let full = || server.shared.lock().connections.len() == MAX_CONNECTIONS;
        let deadline = Instant::now() + PATIENCE;
        while !full() {
            assert!(Instant::now() < deadline, "all connections are taken");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(exchange(&server, b""), "");
        drop(idle);
        while full() {
            assert!(Instant::now() < deadline, "connections that ended make room");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(post(&server, CHAT, &request(CHAT, "go")).contains("still here"));
    }

    #[test]
    fn the_end_of_the_server_ends_whoever_waits() {
        let late = Turn { delay_ms: 3_600_000, act: Act::Say("too late".into()) };
        let script = Script {
            conversations: vec![
                Conversation::of(Some("hang"), [Act::Hang]),
                Conversation { about: None, turns: vec![late] },
            ],
        };
        let server = ModelServer::start(script).unwrap();
        let (shared, address) = (Arc::clone(&server.shared), server.address);
        std::thread::scope(|scope| {
            let waiting = ["hang", "late"].map(|words| {
                let body = request(CHAT, words).to_string();
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(address).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let head = format!("POST {CHAT} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
                    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
                    stream.read(&mut [0; 16]).unwrap_or(0)
                })
            });
            let deadline = Instant::now() + PATIENCE;
            while server.requests().len() < 2 {
                assert!(Instant::now() < deadline, "both requests come in");
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(server);
            assert_eq!(waiting.map(|thread| thread.join().unwrap()), [0, 0]);
        });
        // A thread lets go of it a moment after its connection is forgotten.
        let deadline = Instant::now() + PATIENCE;
        while Arc::strong_count(&shared) > 1 {
            assert!(Instant::now() < deadline, "no thread is left");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(TcpStream::connect(address).is_err(), "nobody listens");
    }
}
