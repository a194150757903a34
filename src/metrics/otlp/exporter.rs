//! The thread that sends, and its bounded queue.

use super::super::registry::Snapshot;
use super::super::trace::Span;
use super::breaker::{Breaker, Kept};
use super::delivery::{Courier, Delivery, Signal};
use super::encode::{self, Sender as Who};
use crate::domain::telemetry::Collector;
use crate::domain::time::Time;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The most that is handed to the thread and not looked at by it.
const QUEUE: usize = 1024;
/// The most spans that wait to be sent.
const MAX_WAITING: usize = 4096;
/// The most spans in one request.
const BATCH: usize = 512;
/// How long a span waits for company.
const GATHERING: Duration = Duration::from_secs(5);
/// How often it is looked whether somebody is in a hurry.
const LOOK: Duration = Duration::from_millis(10);
/// The most that the end of a run takes: a collector that is not there, or silent, is no reason to keep anybody waiting.
const TRYING_AGAIN: Duration = Duration::from_secs(2);
/// The same where somebody waits for nothing else.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much longer the end waits than one request may take: for the look-up of a name, which has no limit of its own.
const MARGIN: Duration = Duration::from_millis(200);

/// What was sent and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub spans: u64,
    /// Series of metrics.
    pub series: u64,
    /// Spans and series for which there was no room, or which the collector will never take, or could not in time.
    pub dropped: u64,
    /// Spans and series that the collector did not want.
    pub rejected: u64,
    /// Requests that failed.
    pub failures: u64,
    /// How often nothing was tried for a while because five requests in a row had failed.
    pub opened: u32,
    /// How many had failed in a row when that was so last; some of them may be earlier processes'.
    pub in_a_row: u32,
    /// What went wrong last.
    pub wrong: Option<String>,
    /// What the next one who sends there has to know.
    pub kept: Option<Kept>,
}

impl Report {
    /// Takes in what a breaker came to with a failure.
    fn count(&mut self, breaker: &Breaker) {
        if breaker.opened > 0 {
            (self.opened, self.in_a_row) = (breaker.opened.max(self.opened), breaker.in_a_row());
        }
    }
}

enum Work {
    Spans(Vec<Span>),
    /// All metrics, and since when they are counted.
    Metrics(Box<Snapshot>, Time),
}

/// What the thread and whoever waits for it share.
#[derive(Debug, Default)]
struct Shared {
    report: Mutex<Report>,
    /// Since when a request is on its way. Changes after an answer only while the report is held.
    under_way: Mutex<Option<Instant>>,
    /// How many spans and series were handed over.
    handed: AtomicU64,
    /// Somebody hands over in time, and waits for as long as nothing more has room.
    in_time: AtomicBool,
    /// Nobody waits any more.
    over: AtomicBool,
}

impl Shared {
    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn under_way(&self) -> MutexGuard<'_, Option<Instant>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends in a thread of its own.
#[derive(Debug)]
pub struct Exporter {
    queue: SyncSender<Work>,
    done: Receiver<()>,
    shared: Arc<Shared>,
    timeout: Duration,
    endpoint: String,
    now: fn() -> Time,
}

impl Exporter {
    /// Begins to send to a collector, about which something may be `kept`. `now` tells the time of day.
    pub fn start(
        collector: Collector,
        who: Who,
        kept: Option<Kept>,
        now: fn() -> Time,
    ) -> io::Result<Exporter> {
        let (queue, work) = sync_channel(QUEUE);
        let (alive, done) = channel();
        let shared = Arc::<Shared>::default();
        let (timeout, endpoint) = (collector.timeout, collector.endpoint.clone());
        let breaker = Breaker::resumed(kept.as_ref(), &endpoint, now());
        shared.report().kept = breaker.kept(&endpoint, Duration::ZERO, now());
        let worker = Worker {
            endpoint: endpoint.clone(),
            courier: Courier::to(collector),
            who,
            now,
            began: Instant::now(),
            spans: VecDeque::new(),
            oldest: None,
            metrics: None,
            breaker,
            shared: Arc::clone(&shared),
            _alive: alive,
        };
        // It is never waited for without a limit: a request that hangs ends with this process.
        std::thread::Builder::new().name("otlp".into()).spawn(move || worker.work(&work))?;
        Ok(Exporter { queue, done, shared, timeout, endpoint, now })
    }

    /// Hands spans over, and waits for nobody: what there is no room for is dropped, and counted.
    pub fn spans(&self, spans: Vec<Span>) {
        let count = spans.len() as u64;
        self.shared.handed.fetch_add(count, Ordering::Relaxed);
        if count > 0 && self.queue.try_send(Work::Spans(spans)).is_err() {
            self.shared.report().dropped += count;
        }
    }

    /// Hands all metrics over, which are counted `since` then. Newer ones take the place of those that wait.
    pub fn metrics(&self, snapshot: Snapshot, since: Time) {
        let count = encode::count_of(&snapshot);
        self.shared.handed.fetch_add(count, Ordering::Relaxed);
        if count > 0 && self.queue.try_send(Work::Metrics(Box::new(snapshot), since)).is_err() {
            self.shared.report().dropped += count;
        }
    }

    /// Hands spans over, and waits for room until somebody is in a hurry: for whoever asked for nothing else.
    pub fn spans_in_time(&self, mut spans: Vec<Span>, is_hurried: &AtomicBool) {
        while !spans.is_empty() {
            let rest = spans.split_off(spans.len().min(BATCH));
            let count = spans.len() as u64;
            self.in_time(Work::Spans(spans), count, is_hurried);
            spans = rest;
        }
    }

    /// The same with all metrics.
    pub fn metrics_in_time(&self, snapshot: Snapshot, since: Time, is_hurried: &AtomicBool) {
        let count = encode::count_of(&snapshot);
        if count > 0 {
            self.in_time(Work::Metrics(Box::new(snapshot), since), count, is_hurried);
        }
    }

    fn in_time(&self, mut work: Work, count: u64, is_hurried: &AtomicBool) {
        self.shared.in_time.store(true, Ordering::Relaxed);
        self.shared.handed.fetch_add(count, Ordering::Relaxed);
        loop {
            work = match self.queue.try_send(work) {
                Ok(()) => return,
                Err(TrySendError::Full(work)) if !is_hurried.load(Ordering::Relaxed) => work,
                Err(_) => break,
            };
            std::thread::sleep(LOOK);
        }
        self.shared.report().dropped += count;
    }

    /// Waits until all is sent, for two seconds at most, or less where a request may take less, and as long as nobody is in a
    /// hurry. `waits` is called once, after `sign_after`.
    pub fn finish(self, is_hurried: &AtomicBool, sign_after: Duration, waits: impl FnOnce()) -> Report {
        let most = (self.timeout + MARGIN).min(TRYING_AGAIN);
        self.finish_within(most, is_hurried, (sign_after, waits))
    }

    /// The same, for so long at most.
    pub fn finish_within(
        self,
        most: Duration,
        is_hurried: &AtomicBool,
        (sign_after, waits): (Duration, impl FnOnce()),
    ) -> Report {
        let Exporter { queue, done, shared, endpoint, now, timeout } = self;
        let failures_before = shared.report().failures;
        drop(queue);
        let (began, mut waits) = (Instant::now(), Some(waits));
        // It never sends; it is gone when all is done.
        while let Err(RecvTimeoutError::Timeout) = done.recv_timeout(LOOK) {
            let is_late = began.elapsed() >= most;
            if is_late || is_hurried.load(Ordering::Relaxed) {
                shared.over.store(true, Ordering::Relaxed);
                let held = shared.report();
                let (mut report, under_way) = (held.clone(), *shared.under_way());
                drop(held);
                // One that was begun a moment ago has not failed; but if none ever counted, nobody would find out that it is silent.
                let failed = under_way
                    .is_some_and(|since| since.elapsed() >= timeout || report.failures == failures_before);
                if is_late && failed {
                    let mut breaker = Breaker::resumed(report.kept.as_ref(), &endpoint, now());
                    breaker.failed(Duration::ZERO, None);
                    report.failures += 1;
                    report.count(&breaker);
                    report.kept = breaker.kept(&endpoint, Duration::ZERO, now());
                }
                // What is on its way may arrive; nobody will know.
                let known = report.spans + report.series + report.rejected;
                report.dropped = shared.handed.load(Ordering::Relaxed).saturating_sub(known);
                report.wrong.get_or_insert_with(|| "the collector did not answer in time".into());
                return report;
            }
            if let Some(waits) = waits.take_if(|_| began.elapsed() >= sign_after) {
                waits();
            }
        }
        let report = shared.report();
        report.clone()
    }
}

struct Worker {
    courier: Courier,
    endpoint: String,
    who: Who,
    now: fn() -> Time,
    began: Instant,
    spans: VecDeque<Span>,
    /// Since when the first of them waits.
    oldest: Option<Instant>,
    metrics: Option<(Box<Snapshot>, Time)>,
    breaker: Breaker,
    shared: Arc<Shared>,
    _alive: Sender<()>,
}

impl Worker {
    fn work(mut self, queue: &Receiver<Work>) {
        loop {
            if self.lets_wait() {
                std::thread::sleep(self.breaker.wait(self.clock()));
                self.send_one();
                continue;
            }
            match queue.recv_timeout(self.patience()) {
                Ok(work) => self.take(work),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.is_due() && self.may_try() {
                self.send_one();
            }
        }
        self.send_the_rest();
    }

    /// Tells whether those who hand over have to wait: there is no room for what one of them may bring, and what waits can still
    /// be sent.
    fn lets_wait(&self) -> bool {
        self.shared.in_time.load(Ordering::Relaxed)
            && self.spans.len() + BATCH > MAX_WAITING
            && !self.shared.over.load(Ordering::Relaxed)
            && !self.breaker.is_open(self.clock())
            && self.breaker.wait(self.clock()) < PATIENCE
    }

    fn take(&mut self, work: Work) {
        match work {
            Work::Metrics(snapshot, since) => {
                let before = self.metrics.replace((snapshot, since));
                let count = before.map_or(0, |(before, _)| encode::count_of(&before));
                self.shared.handed.fetch_sub(count, Ordering::Relaxed);
            }
            Work::Spans(spans) => {
                let room = MAX_WAITING - self.spans.len();
                self.shared.report().dropped += spans.len().saturating_sub(room) as u64;
                self.spans.extend(spans.into_iter().take(room));
                self.oldest.get_or_insert_with(Instant::now);
            }
        }
    }

    fn clock(&self) -> Duration {
        self.began.elapsed()
    }

    fn may_try(&self) -> bool {
        self.breaker.wait(self.clock()).is_zero()
    }

    fn is_due(&self) -> bool {
        let waited = self.oldest.is_some_and(|oldest| oldest.elapsed() >= GATHERING);
        waited || self.spans.len() >= BATCH || self.metrics.is_some()
    }

    /// Returns how long nothing has to be done.
    fn patience(&self) -> Duration {
        let due = match (self.is_due(), self.oldest) {
            (true, _) => Duration::ZERO,
            (false, Some(oldest)) => GATHERING.saturating_sub(oldest.elapsed()),
            (false, None) => Duration::from_secs(3600),
        };
        due.max(self.breaker.wait(self.clock()))
    }

    /// Sends what is left: to a collector that answers, all of it; what fails is tried again for a moment. Where so much failed
    /// that nothing is to be tried, nothing is.
    fn send_the_rest(&mut self) {
        let began = Instant::now();
        let most = if self.shared.in_time.load(Ordering::Relaxed) { PATIENCE } else { TRYING_AGAIN };
        while !self.spans.is_empty() || self.metrics.is_some() {
            let wait = self.breaker.wait(self.clock());
            let is_late = !wait.is_zero() && began.elapsed() + wait >= most;
            if is_late || self.breaker.is_open(self.clock()) || self.shared.over.load(Ordering::Relaxed) {
                break;
            }
            std::thread::sleep(wait);
            self.send_one();
        }
        let mut left = self.spans.len() as u64;
        left += self.metrics.as_ref().map_or(0, |(snapshot, _)| encode::count_of(snapshot));
        let wait = self.breaker.wait(self.clock()).as_secs();
        let mut report = self.shared.report();
        report.dropped += left;
        if left > 0 {
            let why = || format!("it failed before, so nothing is tried for another {wait} s");
            report.wrong.get_or_insert_with(why);
        }
    }

    /// Sends one request. What may be taken later stays.
    fn send_one(&mut self) {
        let now = (self.now)();
        *self.shared.under_way() = Some(Instant::now());
        let batch = self.spans.len().min(BATCH);
        let (count, delivery) = if batch > 0 {
            let message = encode::traces(&self.who, &self.spans.make_contiguous()[..batch]);
            (batch as u64, self.courier.send(Signal::Traces, &message, now))
        } else if let Some((snapshot, since)) = &self.metrics {
            let message = encode::metrics(&self.who, snapshot, *since);
            (encode::count_of(snapshot), self.courier.send(Signal::Metrics, &message, now))
        } else {
            *self.shared.under_way() = None;
            return;
        };
        let clock = self.clock();
        let mut report = self.shared.report();
        *self.shared.under_way() = None;
        match delivery {
            Delivery::Later { why, after } => {
                report.failures += 1;
                report.wrong = Some(why);
                self.breaker.failed(clock, after);
                report.count(&self.breaker);
                report.kept = self.breaker.kept(&self.endpoint, clock, (self.now)());
                return;
            }
            Delivery::Never { why } => {
                report.failures += 1;
                report.dropped += count;
                report.wrong = Some(why);
                self.breaker.failed(clock, None);
                report.count(&self.breaker);
            }
            Delivery::Taken { rejected, said } => {
                let rejected = rejected.min(count);
                let sent = if batch > 0 { &mut report.spans } else { &mut report.series };
                *sent += count - rejected;
                report.rejected += rejected;
                if rejected > 0 {
                    report.wrong = Some(format!("it did not want {rejected} of {count}: {said}"));
                }
                self.breaker.succeeded();
            }
        }
        report.kept = self.breaker.kept(&self.endpoint, clock, (self.now)());
        drop(report);
        if batch > 0 {
            self.spans.drain(..batch);
            self.oldest = (!self.spans.is_empty()).then(Instant::now);
        } else {
            self.metrics = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RunId;
    use crate::domain::trace_context::{SpanId, TraceContext};
    use std::net::TcpListener;

    fn spans(count: usize) -> Vec<Span> {
        let run = RunId::from_random(7);
        let one = Span {
            trace: TraceContext::of_run(&run, None).trace,
            id: SpanId::of_run(&run, 0),
            parent: None,
            name: "a".into(),
            begin: Time(0),
            end: Time(1),
            attributes: Vec::new(),
            happened: Vec::new(),
            dropped: 0,
            links: Vec::new(),
            error: None,
        };
        vec![one; count]
    }

    fn to_port(port: u16, kept: Option<Kept>) -> Exporter {
        let endpoint = format!("http://127.0.0.1:{port}");
        let collector =
            Collector { endpoint, headers: Vec::new(), timeout: Duration::from_secs(20), gzip: false };
        let who = Who { repository: "r".into(), instance: "i".into() };
        Exporter::start(collector, who, kept, || Time(0)).unwrap()
    }

    #[test]
    fn five_failures_in_a_row_end_all_trying_and_the_end_waits_for_nothing() {
        // Nobody listens there any more.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let exporter = to_port(port, None);
        exporter.spans(spans(BATCH));
        let began = Instant::now();
        while exporter.shared.report().opened == 0 {
            assert!(began.elapsed() < Duration::from_secs(60));
            std::thread::sleep(LOOK);
        }
        exporter.spans(spans(3));
        let began = Instant::now();
        let report = exporter.finish(&AtomicBool::new(false), Duration::ZERO, || {});
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        assert_eq!((report.failures, report.opened, report.dropped), (5, 1, BATCH as u64 + 3), "{report:?}");

        // So is it in the next run, which says that.
        let next = to_port(port, report.kept.clone());
        next.spans(spans(3));
        let again = next.finish(&AtomicBool::new(false), Duration::ZERO, || {});
        assert_eq!((again.failures, again.dropped), (0, 3), "{again:?}");
        assert!(again.wrong.is_some_and(|why| why.contains("nothing is tried")) && again.kept.is_some());
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_whoever_hands_it_over_waits_for_nobody() {
        // It takes connections, and nobody ever answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let exporter = to_port(silent.local_addr().unwrap().port(), None);
        let began = Instant::now();
        for _ in 0..4 * QUEUE {
            exporter.spans(spans(2));
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!(exporter.shared.report().dropped > 0);
        let report = exporter.finish(&AtomicBool::new(true), Duration::ZERO, || {});
        assert_eq!((report.spans, report.dropped), (0, 8 * QUEUE as u64), "a hurry is no wait");
    }

    /// Takes connections and never answers, and sends a span there, whose one request may take so long. Returns what the end of
    /// it came to.
    fn sent_to_one_that_is_silent(silent: &TcpListener, timeout: Duration, kept: Option<Kept>) -> Report {
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let collector = Collector { endpoint, headers: Vec::new(), timeout, gzip: false };
        let who = Who { repository: "r".into(), instance: "i".into() };
        let exporter = Exporter::start(collector, who, kept, || Time(0)).unwrap();
        exporter.spans(spans(3));
        exporter.finish(&AtomicBool::new(false), Duration::ZERO, || {})
    }

    #[test]
    fn a_request_that_was_begun_a_moment_before_the_end_has_not_failed() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        // A busy machine may look that much later than the next one is begun.
        let (timeout, mut kept) = (Duration::from_secs(1), None);
        // Each has one request that takes too long, and the next one is on its way when the time is over.
        for run in 1..=5 {
            let report = sent_to_one_that_is_silent(&silent, timeout, kept);
            assert_eq!((report.failures, report.opened), (1, u32::from(run == 5)), "{run}: {report:?}");
            assert_eq!((report.spans, report.dropped), (0, 3));
            assert_eq!(report.in_a_row, if run == 5 { 5 } else { 0 });
            kept = report.kept;
        }
        let report = sent_to_one_that_is_silent(&silent, timeout, kept);
        assert_eq!((report.failures, report.opened), (0, 0), "nothing is tried");
    }

    #[test]
    fn the_end_waits_two_seconds_for_one_that_is_silent_however_long_a_request_may_take() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let began = Instant::now();
        let report = sent_to_one_that_is_silent(&silent, Duration::from_secs(60), None);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert_eq!((report.failures, report.dropped), (1, 3), "{report:?}");
        assert!(report.kept.is_some(), "the next one knows");
    }

    /// Answers one request at each connection: the first so many with 503, and that it may be tried after a second.
    fn momentarily_refusing(first: usize) -> u16 {
        use std::io::{BufRead, BufReader, Read, Write};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for (number, connection) in listener.incoming().flatten().enumerate() {
                let mut reader = BufReader::new(connection);
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    let named = line.to_ascii_lowercase();
                    length = named
                        .strip_prefix("content-length:")
                        .map_or(length, |rest| rest.trim().parse().unwrap());
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let status = if number < first { "503 No\r\nRetry-After: 1" } else { "200 OK" };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        port
    }

    #[test]
    fn what_is_handed_over_in_time_waits_for_room_while_a_collector_refuses_for_a_moment() {
        let exporter = to_port(momentarily_refusing(2), None);
        let (nobody, all) = (AtomicBool::new(false), 3 * MAX_WAITING);
        // Some come in larger pieces than others.
        exporter.spans_in_time(spans(all / 2), &nobody);
        (0..all / 2 / 256).for_each(|_| exporter.spans_in_time(spans(256), &nobody));
        let report = exporter.finish_within(Duration::from_secs(60), &nobody, (Duration::ZERO, || {}));
        assert_eq!((report.spans, report.dropped, report.failures), (all as u64, 0, 2), "{report:?}");
    }

    #[test]
    fn who_hands_over_in_time_waits_neither_in_a_hurry_nor_for_a_collector_that_is_not_there() {
        // It takes connections, and nobody ever answers.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let exporter = to_port(silent.local_addr().unwrap().port(), None);
        let began = Instant::now();
        (0..2 * QUEUE).for_each(|_| exporter.spans_in_time(spans(BATCH), &AtomicBool::new(true)));
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        exporter.finish(&AtomicBool::new(true), Duration::ZERO, || {});
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (exporter, nobody) = (to_port(gone, None), AtomicBool::new(false));
        exporter.spans_in_time(spans(3 * MAX_WAITING), &nobody);
        let report = exporter.finish_within(Duration::from_secs(60), &nobody, (Duration::ZERO, || {}));
        assert_eq!((report.failures, report.dropped), (5, 3 * MAX_WAITING as u64), "{report:?}");
    }
}
