//! A crowd of processes that hand in requests to one run while it works, some of them killed, and the account of what
//! became of each request.
//!
//! The run's agents write down who they are and wait; the crowd hands in for them from outside, with `crew submit`, which
//! is one process a request. Several processes at once hand in for the same attempt: the same, something else, something
//! that is no result, with a wrong token, and for an attempt that has ended.

use super::{CREW, PATIENCE, Ran, Running, TestRepo, of_kind};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the crowd does.
#[derive(Clone, Copy)]
pub struct Crowd {
    /// Tasks of the run, of which `open_at_once` are worked on at a time.
    pub tasks: usize,
    pub open_at_once: usize,
    /// Processes at once that hand in.
    pub hands: usize,
    /// Requests for each task.
    pub each: usize,
    /// One of so many is killed at a random moment; 0 kills none.
    pub kill_one_of: usize,
    /// Whoever takes the run over ends what was left of its open attempts, and the crowd goes by their names.
    pub owner_dies: bool,
}

/// What became of one request, as the process that made it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Accepted,
    Refused(&'static str),
    /// It was killed before it said anything.
    Killed,
}

struct Made {
    /// The task and the attempt that it was handed in for.
    of: (String, String),
    summary: String,
    told: Told,
    took: Duration,
}

/// What the crowd was told, beside what the record says.
#[derive(Debug, Default)]
pub struct Account {
    pub requests: usize,
    pub killed: usize,
    /// Requests of killed processes of which the record has no trace.
    pub killed_without_trace: usize,
    pub accepted_events: usize,
    /// Answers by what they say, as the processes were told them.
    pub told: BTreeMap<&'static str, usize>,
    /// What does not add up, a sentence each.
    pub wrong: Vec<String>,
    pub wall: Duration,
    /// Of the requests that were not killed, from the start of the process to its end; sorted.
    pub took: Vec<Duration>,
    /// What lies in the inbox after the run.
    pub left_in_inbox: usize,
}

impl Crowd {
    fn requests(&self) -> usize {
        self.tasks * self.each
    }

    /// Writes the workflow, and starts the run.
    fn begin(&self, repo: &TestRepo) -> Running {
        let (who, gate) = (repo.beside("who-@task"), repo.beside("gate-@task"));
        repo.agent("waits", &format!("keep-env:{} wait-gone:{}", who.display(), gate.display()));
        let step = |at: usize| format!("## t{at}\nrole: explorer\nagent: waits\n\nWait.\n\n");
        repo.workflow("crowd", &(0..self.tasks).map(step).collect::<String>());
        for at in 0..self.tasks {
            repo.gate(&format!("t{at}"));
        }
        // Quiet, because nobody reads what it says meanwhile.
        let jobs = self.open_at_once.to_string();
        repo.start(["run", "the goal", "--workflow", "crowd", "--jobs", &jobs, "--json", "--quiet"])
    }

    /// Lets the crowd loose on a run, and compares what it was told with what was recorded. `meanwhile` is called with
    /// the run once half of the requests are made, and returns the run to wait for.
    pub fn carry_out(
        &self,
        repo: &TestRepo,
        meanwhile: impl FnOnce(Running) -> Running + Send,
    ) -> (Account, Ran) {
        let running = self.begin(repo);
        let hall = Hall::new(self, repo);
        let began = Instant::now();
        let (made, ran, wall) = std::thread::scope(|scope| {
            let hands: Vec<_> = (0..self.hands).map(|_| scope.spawn(|| hall.work())).collect();
            while hall.next.load(Ordering::Relaxed) < self.requests() / 2 {
                std::thread::sleep(Duration::from_millis(5));
            }
            let running = meanwhile(running);
            let made: Vec<Made> =
                hands.into_iter().flat_map(|hand| hand.join().expect("a hand of the crowd")).collect();
            (made, running.ends(), began.elapsed())
        });
        (Account::of(repo, made, wall), ran)
    }
}

/// Where the crowd works.
struct Hall<'a> {
    crowd: &'a Crowd,
    repo: &'a TestRepo,
    /// The next request.
    next: AtomicUsize,
    /// How many requests of each task are made.
    made: Vec<AtomicUsize>,
    /// What the agent of each task wrote down about its first attempt; for those that come too late.
    known: Mutex<HashMap<usize, Vec<(String, String)>>>,
}

impl<'a> Hall<'a> {
    fn new(crowd: &'a Crowd, repo: &'a TestRepo) -> Hall<'a> {
        Hall {
            crowd,
            repo,
            next: AtomicUsize::new(0),
            made: (0..crowd.tasks).map(|_| AtomicUsize::new(0)).collect(),
            known: Mutex::default(),
        }
    }

    fn work(&self) -> Vec<Made> {
        let mut made = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.crowd.requests() {
                return made;
            }
            let task = number / self.crowd.each;
            made.push(self.make(number, task));
            if self.made[task].fetch_add(1, Ordering::Relaxed) + 1 == self.crowd.each {
                self.repo.open(&format!("t{task}"));
            }
        }
    }

    /// Waits for a task's agent and returns what it wrote down.
    fn who(&self, task: usize) -> Vec<(String, String)> {
        let path = self.repo.beside(&format!("who-t{task}"));
        let deadline = Instant::now() + PATIENCE;
        let text = loop {
            match std::fs::read_to_string(&path) {
                Ok(text) => break text,
                Err(_) => assert!(Instant::now() < deadline, "the agent of t{task} does not come"),
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let who: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(task).or_insert_with(|| who.clone());
        who
    }

    /// Makes one request, by one process.
    fn make(&self, number: usize, task: usize) -> Made {
        let dice = scattered(number);
        let mut who = self.who(task);
        // An attempt for which nobody hands in any more.
        let ended = task.checked_sub(self.crowd.hands / self.crowd.each + 4);
        let known = |task| self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned();
        let (mut summary, mut field) = (format!("t{task} is done"), "summary");
        match (dice % 10, ended.and_then(known)) {
            (0..5, _) => {}
            (5..7, _) => summary = format!("t{task} is done otherwise, says {number}"),
            (7, _) => field = "summery",
            (8, Some(ended)) => who = ended,
            _ => {
                let token = who.iter_mut().find(|(name, _)| name == "CREW_TOKEN").expect("a token");
                token.1 = format!("guessed{number}");
            }
        }
        let value = |name: &str| who.iter().find(|(known, _)| known == name).expect("a variable").1.clone();
        let of = (value("CREW_TASK"), value("CREW_ATTEMPT"));
        let body = serde_json::json!({field: summary, "confidence": 0.9, "rationale": "r"}).to_string();
        let mut command = Command::new(CREW);
        command.args(["submit", "result", "--json", "-"]).current_dir(&self.repo.root).env_clear();
        command.envs(who.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().expect("crew starts");
        // One that was killed already may have left its input.
        let _ = std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), body.as_bytes());
        let is_to_die = self.crowd.kill_one_of > 0 && (dice >> 8).is_multiple_of(self.crowd.kill_one_of);
        if is_to_die {
            std::thread::sleep(Duration::from_micros((dice >> 20) as u64 % 60_000));
            let _ = child.kill();
        }
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = match output.status.code() {
            Some(0) => Told::Accepted,
            None if is_to_die || self.crowd.owner_dies => Told::Killed,
            Some(4) => Told::Refused(class_of(&said)),
            other => panic!("crew submit ended with {other:?}: {said}"),
        };
        Made { of, summary, told, took: began.elapsed() }
    }
}

/// Returns a number that looks random, and is the same each time.
fn scattered(number: usize) -> usize {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 32)) as usize
}

/// Returns the class of a refusal, by its words.
fn class_of(words: &str) -> &'static str {
    let classes = [
        ("was handed in before", "conflict"),
        ("summary is missing", "invalid"),
        ("belongs to no attempt", "unknown_token"),
        ("has ended", "late"),
    ];
    let class = classes.into_iter().find(|(part, _)| words.contains(part));
    class.map_or_else(|| panic!("a refusal that nobody expects: {words}"), |(_, class)| class)
}

impl Account {
    /// Compares what each process was told with the events and the answers in the store.
    fn of(repo: &TestRepo, made: Vec<Made>, wall: Duration) -> Account {
        let events = repo.events();
        let mut account = Account { requests: made.len(), wall, ..Account::default() };
        let accepted = of_kind(&events, "submission_accepted");
        let refused = of_kind(&events, "submission_refused");
        account.accepted_events = accepted.len();
        account.look_for_doubles(accepted.iter().chain(&refused).copied());
        let answers = account.answers_by_class(repo, &accepted, &refused);
        account.compare(&made, &answers);
        account.compare_words(&made, &accepted);
        account.took = made.iter().filter(|made| made.told != Told::Killed).map(|made| made.took).collect();
        account.took.sort_unstable();
        let inbox = std::fs::read_dir(repo.run_folder().join("inbox")).expect("an inbox");
        account.left_in_inbox = inbox.count();
        account
    }

    fn look_for_doubles<'a>(&mut self, events: impl Iterator<Item = &'a Value>) {
        let mut seen = HashSet::new();
        for event in events {
            if !seen.insert(event["request"].to_string()) {
                self.wrong.push(format!("there are two events of the request {}", event["request"]));
            }
        }
    }

    /// Counts the answers in the store, each of which has to have its event; one that repeats what was accepted has none.
    fn answers_by_class(
        &mut self,
        repo: &TestRepo,
        accepted: &[&Value],
        refused: &[&Value],
    ) -> BTreeMap<&'static str, usize> {
        let by_request: HashMap<&str, &Value> = accepted
            .iter()
            .chain(refused)
            .map(|event| (event["request"].as_str().expect("a request"), *event))
            .collect();
        let path: PathBuf = repo.root.join(".crew/crew.db");
        let store = rusqlite::Connection::open(path).expect("the store");
        let mut statement = store.prepare("SELECT id, answer FROM requests").expect("a table of answers");
        let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let rows: Vec<(String, String)> = rows.expect("rows").collect::<Result<_, _>>().expect("rows");
        let mut answers = BTreeMap::new();
        let mut with_event = 0;
        for (id, answer) in rows {
            let answer: Value = serde_json::from_str(&answer).expect("an answer");
            let event = by_request.get(id.as_str());
            with_event += usize::from(event.is_some());
            let class =
                match (answer["answer"].as_str(), event.map(|event| event["kind"].as_str().expect("a kind")))
                {
                    (Some("accepted"), None | Some("submission_accepted")) => "accepted",
                    (Some("refused"), Some("submission_refused")) => {
                        let (said, recorded) = (&answer["message"], &event.expect("it is there")["reason"]);
                        if said != recorded {
                            self.wrong.push(format!("{id} was told {said}, and {recorded} is recorded"));
                        }
                        class_of(said.as_str().expect("a message"))
                    }
                    (told, recorded) => {
                        self.wrong.push(format!("{id} was told {told:?}, and {recorded:?} is recorded"));
                        continue;
                    }
                };
            *answers.entry(class).or_default() += 1;
        }
        if with_event != by_request.len() {
            let without = by_request.len() - with_event;
            self.wrong.push(format!("{without} events are of requests that got no answer"));
        }
        answers
    }

    /// Compares how many were told each answer with how many answers there are. Only a killed process may have an answer
    /// that it did not live to tell.
    fn compare(&mut self, made: &[Made], answers: &BTreeMap<&'static str, usize>) {
        for made in made {
            match made.told {
                Told::Accepted => *self.told.entry("accepted").or_default() += 1,
                Told::Refused(class) => *self.told.entry(class).or_default() += 1,
                Told::Killed => self.killed += 1,
            }
        }
        let mut untold = 0;
        let classes: HashSet<&&str> = self.told.keys().chain(answers.keys()).collect();
        for class in classes {
            let told = self.told.get(*class).copied().unwrap_or_default();
            let answered = answers.get(*class).copied().unwrap_or_default();
            match answered.checked_sub(told) {
                Some(more) => untold += more,
                None => self.wrong.push(format!("{told} were told {class}, and {answered} answers say so")),
            }
        }
        match self.killed.checked_sub(untold) {
            Some(without) => self.killed_without_trace = without,
            None => {
                self.wrong.push(format!("{untold} answers more than told, and {} were killed", self.killed))
            }
        }
    }

    /// Holds that each attempt has one accepted submission at the most, and that all were told the truth about it.
    fn compare_words(&mut self, made: &[Made], accepted: &[&Value]) {
        let mut by_attempt: HashMap<(String, String), &str> = HashMap::new();
        for event in accepted {
            let of = (event["task"].as_str().expect("a task").to_owned(), event["attempt"].to_string());
            let summary = event["result"]["summary"].as_str().expect("a summary");
            if by_attempt.insert(of.clone(), summary).is_some() {
                self.wrong.push(format!("two submissions of {of:?} were accepted"));
            }
        }
        for made in made {
            let is_accepted = by_attempt.get(&made.of).is_some_and(|summary| *summary == made.summary);
            match made.told {
                Told::Accepted if !is_accepted => {
                    self.wrong
                        .push(format!("{:?} of {:?} is lost: it was told accepted", made.summary, made.of));
                }
                Told::Refused("conflict") if is_accepted => {
                    self.wrong.push(format!(
                        "{:?} of {:?} is accepted, and was told refused",
                        made.summary, made.of
                    ));
                }
                _ => {}
            }
        }
    }

    /// Returns a share of the requests' times: 0.5 is the median.
    pub fn quantile(&self, share: f64) -> Duration {
        self.took[((self.took.len() - 1) as f64 * share) as usize]
    }
}
