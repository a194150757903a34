//! `crew submit`: an agent hands in what it has done.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::id::RunId;
use crate::domain::request::{Answer, HOW_TO_SUBMIT, Request, Submission};
use crate::runner::{clock, requests};
use crate::store::database::Store;
use crate::store::inbox;
use crate::store::layout::Layout;
use crate::store::lock;
use anyhow::{Context as _, Result};
use serde_json::{Map, Value};
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the answer is looked for.
const LOOK: Duration = Duration::from_millis(2);
/// How often it is asked whether anybody is there to answer.
const LOOK_FOR_OWNER: Duration = Duration::from_millis(200);

/// Hand in what a task came to (for agents)
///
/// Works in the shell of an agent that crew has started: crew knows by the attempt's token who asks. Exit 0: accepted;
/// 4: refused, with the reason.
#[derive(Debug, clap::Args)]
pub struct SubmitArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Result(ResultArgs),
}

/// Hand in the result of the task
#[derive(Debug, clap::Args)]
struct ResultArgs {
    /// What was done, in a sentence or two
    #[arg(long, conflicts_with = "from")]
    summary: Option<String>,

    /// How sure you are, from 0 to 1
    #[arg(long, value_name = "0..1", conflicts_with = "from")]
    confidence: Option<f64>,

    /// Why you are as sure as that
    #[arg(long, conflicts_with = "from")]
    rationale: Option<String>,

    /// Take the result from a JSON file; `-` is standard input
    #[arg(long = "json", id = "from", value_name = "FILE")]
    from: Option<String>,
}

/// Hands in a submission and prints the answer.
pub fn submit(cx: &Context, args: &SubmitArgs) -> Result<ExitStatus> {
    let What::Result(result) = &args.what;
    let result = result_of(result)?;
    let place = Place::of_environment()?;
    let request = Request {
        id: clock::new_token(),
        token: place.token.clone(),
        submission: Submission::Result { result },
    };
    tell(cx, ask(&place, &request)?)
}

/// Where the attempt belongs that calls us.
pub struct Place {
    inbox: PathBuf,
    token: String,
    run: RunId,
    repository: PathBuf,
}

impl Place {
    /// Takes what crew gave the agent's process.
    pub fn of_environment() -> Result<Place> {
        let variable = |name: &str| {
            let missing = || {
                Problem::refused(
                    "no_attempt",
                    format!("{name} is not set: crew submit is for agents that crew has started"),
                )
                .hint("agents submit from the shell that crew gave them")
            };
            std::env::var(name).map_err(|_| missing())
        };
        let run = variable("CREW_RUN")?;
        Ok(Place {
            inbox: variable("CREW_INBOX")?.into(),
            token: variable("CREW_TOKEN")?,
            run: RunId::parse(&run)
                .ok_or_else(|| Problem::refused("no_attempt", format!("`{run}` is no run")))?,
            repository: variable("CREW_REPOSITORY")?.into(),
        })
    }

    /// Makes a request in the name of this attempt.
    pub fn request(&self, result: Value) -> Request {
        Request {
            id: clock::new_token(),
            token: self.token.clone(),
            submission: Submission::Result { result },
        }
    }
}

fn result_of(args: &ResultArgs) -> Result<Value> {
    let Some(from) = &args.from else {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.to_owned(), value);
            }
        };
        add("summary", args.summary.clone().map(Value::from));
        add("confidence", args.confidence.map(Value::from));
        add("rationale", args.rationale.clone().map(Value::from));
        return Ok(Value::Object(fields));
    };
    let mut text = Vec::new();
    let read = match from.as_str() {
        "-" => std::io::stdin().lock().take(inbox::MAX_REQUEST).read_to_end(&mut text),
        path => {
            std::fs::File::open(path).and_then(|file| file.take(inbox::MAX_REQUEST).read_to_end(&mut text))
        }
    };
    read.map_err(|error| Problem::usage("unreadable", format!("{from}: {error}")))?;
    if text.len() as u64 == inbox::MAX_REQUEST {
        let message = format!("{from} is longer than the {} bytes that are read", inbox::MAX_REQUEST);
        return Err(Problem::refused("invalid", message).hint(HOW_TO_SUBMIT).into());
    }
    serde_json::from_slice(&text).map_err(|error| {
        Problem::refused("invalid", format!("{from} is not JSON: {error}")).hint(HOW_TO_SUBMIT).into()
    })
}

/// Puts a request into the inbox and waits for its answer; where nobody owns the run, settles it as its owner.
pub fn ask(place: &Place, request: &Request) -> Result<Answer> {
    if !place.inbox.is_dir() {
        let message =
            format!("run {} is not here any more ({} is missing)", place.run, place.inbox.display());
        return Err(Problem::refused("no_attempt", message).hint("nothing can be handed in for it").into());
    }
    inbox::put(&place.inbox, request).context("put the request into the inbox")?;
    let began = Instant::now();
    let mut looked = began;
    loop {
        if let Some(answer) = inbox::take_answer(&place.inbox, &request.id)? {
            return Ok(answer);
        }
        if looked.elapsed() >= LOOK_FOR_OWNER {
            looked = Instant::now();
            settle_as_owner(place)?;
        }
        if began.elapsed() > PATIENCE {
            let message =
                format!("no answer within {} seconds; the request stays in the inbox", PATIENCE.as_secs());
            return Err(Problem::refused("no_answer", message)
                .hint("submit again; the same result twice is fine")
                .into());
        }
        std::thread::sleep(LOOK);
    }
}

/// Settles all that waits, where the run has no owner.
fn settle_as_owner(place: &Place) -> Result<()> {
    let layout = Layout::of(&place.repository);
    let paths = layout.run(&place.run);
    // In a sandbox that may not write here, the next owner of the run answers.
    let Ok(Some(_lock)) = lock::try_take(&paths) else { return Ok(()) };
    let mut store = Store::open(&layout)?;
    let Some(mut run) = store.load_run(&place.run)? else { return Ok(()) };
    for incoming in inbox::waiting(&paths.inbox()) {
        let settled = requests::settle(&store, &mut run, &incoming, clock::now())?;
        store.append(&run, settled.applied.into_iter().collect(), std::slice::from_ref(&settled.answered))?;
        store.sync()?;
        // One whose answer cannot be written is not ours, and must not be in our way.
        let _ = inbox::answer(&paths.inbox(), &incoming, &settled.answered.answer);
    }
    Ok(())
}

fn tell(cx: &Context, answer: Answer) -> Result<ExitStatus> {
    match answer {
        Answer::Accepted { task, attempt } => {
            cx.printer.data(&format!("accepted: the result of {task}, attempt {attempt}"))?;
            Ok(ExitStatus::Done)
        }
        Answer::Refused { code, message, hint } => {
            Err(Problem::refused(code.name(), message).hint(hint).into())
        }
    }
}
