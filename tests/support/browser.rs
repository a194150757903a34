//! A real browser without a window, spoken to in its DevTools protocol over two pipes: JSON, with a zero byte after each message.

use super::{PATIENCE, Sweep, TestRepo};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A browser is large, so there is one at a time.
static ONE: Mutex<()> = Mutex::new(());

/// A browser with one page. It ends with the test, whatever becomes of that.
pub struct Browser<'a> {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    calls: u64,
    /// What it told by itself.
    events: Vec<Value>,
    _sweep: Sweep<'a>,
    _one: MutexGuard<'static, ()>,
}

impl<'a> Browser<'a> {
    /// Starts Chromium with a profile in the test's folder; says so where there is none.
    pub fn start(repo: &'a TestRepo) -> Option<Browser<'a>> {
        let names = ["chromium", "chromium-browser", "google-chrome"];
        let why = "no browser looks at the report: .ci/chromium installs one";
        let program = super::program_for(&names, why)?;
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (theirs_in, ours_out) = pipe();
        let (ours_in, theirs_out) = pipe();
        let mut command = repo.plain(program.to_str().expect("UTF-8"));
        command.arg("--headless").arg("--remote-debugging-pipe");
        command.arg(format!("--user-data-dir={}", repo.beside("browser").display()));
        let quiet = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
                     --disable-component-update --disable-sync --disable-breakpad --disable-crash-reporter \
                     --disable-background-timer-throttling --disable-renderer-backgrounding \
                     --disable-backgrounding-occluded-windows --hide-scrollbars --window-size=1400,900";
        command.args(quiet.split_whitespace()).arg("about:blank");
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let (reads, writes) = (theirs_in.as_raw_fd(), theirs_out.as_raw_fd());
        // SAFETY: these calls may be made between fork and exec. Both ends go out of the way of 3 and 4 first.
        unsafe {
            command.pre_exec(move || {
                let (reads, writes) =
                    (libc::fcntl(reads, libc::F_DUPFD, 10), libc::fcntl(writes, libc::F_DUPFD, 10));
                if libc::dup2(reads, 3) < 0 || libc::dup2(writes, 4) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                libc::close(reads);
                libc::close(writes);
                Ok(())
            });
        }
        let child = command.spawn().expect("it starts");
        let (send, from) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(File::from(ours_in)).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON");
                if send.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser {
            child,
            to: ours_out.into(),
            from,
            session: None,
            calls: 0,
            events: Vec::new(),
            _sweep: Sweep(repo),
            _one: one,
        };
        let page = browser.first_page();
        let attach = json!({"targetId": page, "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].clone();
        browser.session = session.as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Returns the page that it opens by itself: one that is made later may count as one in the background, whose work waits.
    #[track_caller]
    fn first_page(&mut self) -> Value {
        let mut page = None;
        super::wait_until("it has a page", || {
            let targets = self.call("Target.getTargets", json!({}));
            let all = targets["targetInfos"].as_array().into_iter().flatten();
            page = all
                .into_iter()
                .find(|target| target["type"] == "page")
                .map(|target| target["targetId"].clone());
            page.is_some()
        });
        page.expect("a page")
    }

    /// Asks for something, and waits for the answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.ask(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    #[track_caller]
    fn ask(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let bytes = [message.to_string().as_bytes(), &[0]].concat();
        self.to.write_all(&bytes).expect("it listens");
        loop {
            let message = self.next(method);
            if message["id"] == json!(self.calls) {
                return match &message["error"] {
                    Value::Null => Ok(message["result"].clone()),
                    error => Err(error.clone()),
                };
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn next(&self, what: &str) -> Value {
        self.from
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("{what}: the browser says nothing: {error}"))
    }

    /// Opens a file, from its beginning.
    #[track_caller]
    pub fn open(&mut self, file: &Path, fragment: &str) {
        // A fragment alone would load nothing.
        self.load("about:blank");
        self.load(&format!("file://{}{fragment}", file.display()));
    }

    #[track_caller]
    fn load(&mut self, url: &str) {
        self.events.clear();
        self.call("Page.navigate", json!({"url": url}));
        // It is asked time and again: a page that nobody asks anything is not hurried without a window.
        let there = format!("location.href === {url:?} && document.readyState === 'complete'");
        super::wait_until(url, || {
            let asked = json!({"expression": there, "returnByValue": true});
            // The page before it goes away at some time.
            self.ask("Runtime.evaluate", asked).is_ok_and(|answer| answer["result"]["value"] == true)
        });
    }

    /// Returns what an expression comes to in the page; a promise is waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page. What it looks at may be not there yet, so an exception is no answer.
    #[track_caller]
    pub fn waits_for(&mut self, expression: &str) {
        let asked = json!({"expression": expression, "returnByValue": true});
        super::wait_until(expression, || {
            self.call("Runtime.evaluate", asked.clone())["result"]["value"] == json!(true)
        });
    }

    /// Presses a key and lets it go.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            _ if key.chars().count() == 1 => key,
            _ => "",
        };
        self.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": key, "text": text}));
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key}));
    }

    /// Presses a key that acts by itself, as one that scrolls does: by its name, and by the number that it has in browsers.
    #[track_caller]
    pub fn press_named(&mut self, key: &str, number: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let named = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number});
            self.call("Input.dispatchKeyEvent", named);
        }
    }

    /// Clicks where the first element is that a selector finds.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let place = self.value(&format!(
            "(() => {{ const r = document.querySelector({selector:?}).getBoundingClientRect(); \
             return [r.x + Math.min(r.width / 2, 20), r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let at = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", at);
        }
    }

    /// Returns what it told of a kind since the page was opened.
    pub fn told(&self, method: &str) -> Vec<&Value> {
        let of_kind = self.events.iter().filter(|event| event["method"] == method);
        of_kind.map(|event| &event["params"]).collect()
    }

    /// Fails the test where the page asked for anything but itself, or the browser had something to say against it.
    #[track_caller]
    pub fn is_content(&mut self, file: &Path) {
        // What is told comes before the answer to this.
        self.value("1");
        let urls: Vec<&str> = self
            .told("Network.requestWillBeSent")
            .iter()
            .filter_map(|sent| sent["request"]["url"].as_str())
            .collect();
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        assert!(urls.iter().all(|url| url.ends_with(name)) && urls.len() == 1, "{urls:?}");
        for kind in ["Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"] {
            assert!(self.told(kind).is_empty(), "{kind}: {:#?}", self.told(kind));
        }
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        // SAFETY: the group of a child that was not waited for. What left the group is swept away after that.
        unsafe { libc::kill(-(self.child.id() as i32), libc::SIGKILL) };
        let _ = self.child.wait();
    }
}

/// Opens a pipe that no other child gets.
fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe")
}
