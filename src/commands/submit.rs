//! `crew submit`: an agent hands in what it has done, or says why it has not.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::statements::StatementArgs;
use super::{run, submit_dry_run};
use crate::domain::id::RunId;
use crate::domain::nearest::nearest;
use crate::domain::request::{self, Answer, Ask, Request, Submission};
use crate::domain::submission::{Kind, Terms, schema};
use crate::domain::{resources, settings, signed};
use crate::runner::launch::TaskContext;
use crate::runner::{clock, environment, requests};
use crate::store::database::Store;
use crate::store::layout::{self, Layout};
use crate::store::{StoreError, copies, inbox, lock, pipe};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the answer is looked for.
const LOOK: Duration = Duration::from_millis(2);
/// How often it is asked whether anybody is there to answer.
const LOOK_FOR_OWNER: Duration = Duration::from_millis(200);

/// Hand in what a task came to (for agents)
///
/// Works in the shell of an agent that crew has started, in any of its sandboxes: crew knows by the attempt's token who
/// asks. Exit 0: accepted; 4: refused, with the reason.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct SubmitArgs {
    /// Print as JSON Schema what may be handed in: in this attempt, by a ROLE, or by anybody
    #[arg(long, value_name = "ROLE", num_args = 0..=1, default_missing_value = "")]
    schema: Option<String>,

    #[command(subcommand)]
    what: Option<StatementArgs>,
}

/// Hands in a submission and prints the answer, or prints what may be handed in.
pub fn submit(cx: &Context, args: &SubmitArgs) -> Result<ExitStatus> {
    let Some(statement) = &args.what else {
        return print_schema(cx, args.schema.as_deref().unwrap_or_default());
    };
    let terms = terms_of_environment();
    let fields = terms.map(|terms| terms.fields).unwrap_or_default();
    let submission = statement.submission(&fields)?;
    if statement.is_dry_run() {
        return submit_dry_run::dry_run(cx, &submission);
    }
    hand_in(cx, submission)
}

/// Hands in a submission for the attempt that calls us, and prints the answer.
pub fn hand_in(cx: &Context, submission: Submission) -> Result<ExitStatus> {
    let place = Place::of_environment()?;
    let kind = submission.kind.name();
    let request = place.request(Ask::Submit(submission));
    match ask(&place, &request)? {
        Some(Answer::Accepted { task, attempt, ignored }) => {
            cx.printer.data(&format!("accepted: the {kind} of {task}, attempt {attempt}"))?;
            if !ignored.is_empty() {
                cx.printer.data(&format!("ignored: {} (crew knows them)", ignored.join(", ")))?;
            }
            Ok(ExitStatus::Done)
        }
        Some(refused) => Err(Problem::of_refusal(refused).into()),
        None => hand_in_by_output(cx, &place, &request),
    }
}

/// Where the attempt belongs that calls us.
///
/// The inbox lies in the run's folder, and the token says which attempt asks. Whatever else the environment says of run
/// and task is for the agent to read: to change it changes nothing.
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
        let inbox = PathBuf::from(variable("CREW_INBOX")?);
        let token = variable("CREW_TOKEN")?;
        let (repository, run) = layout::owner_of_inbox(&inbox).ok_or_else(|| {
            Problem::refused("no_attempt", format!("{} is the inbox of no run", inbox.display()))
                .hint("CREW_INBOX has to be as crew set it")
        })?;
        Ok(Place { inbox, token, run, repository })
    }

    /// Names the place of a run that no attempt of ours belongs to.
    pub fn of_run(layout: &Layout, run: &RunId) -> Place {
        Place {
            inbox: layout.run(run).inbox(),
            token: String::new(),
            run: run.clone(),
            repository: layout.repository().to_owned(),
        }
    }

    /// Returns the folder that the attempt works in.
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// Makes a request in the name of this attempt.
    pub fn request(&self, ask: Ask) -> Request {
        Request { id: clock::new_token(), token: self.token.clone(), ask }
    }
}

/// Prints what may be handed in: in this attempt, or by a role that is named.
fn print_schema(cx: &Context, role: &str) -> Result<ExitStatus> {
    let own = terms_of_environment();
    let terms = match own {
        Some(own) if role.is_empty() || own.role == role => own,
        _ => terms_of_role(cx, role)?,
    };
    cx.printer.data(&serde_json::to_string_pretty(&schema::of(&terms))?)?;
    Ok(ExitStatus::Done)
}

/// Returns what a role may hand in that works on nothing now; without one, what anybody may.
fn terms_of_role(cx: &Context, role: &str) -> Result<Terms> {
    let (library, roster) = match cx.layout() {
        Ok(layout) => {
            let trusted = cx.trusts(&layout)?;
            let settings = cx.settings(&layout, &[], trusted)?;
            let (library, _) = cx.library_with_problems(&layout, &run::registry(&settings)?, trusted);
            (library, settings.names(&settings::ROSTER))
        }
        // What is built in is known everywhere.
        Err(_) => (resources::load(&resources::built_in(), &[], false).0, Vec::new()),
    };
    if role.is_empty() {
        return Ok(Terms { roster, ..Terms::default() });
    }
    let of_teams = library.teams.values().flat_map(|team| &team.roles);
    let agents = of_teams.map(|role| (role.name.as_str(), role.agent.as_str()));
    let agents = agents.chain(library.agents.keys().map(|name| (name.as_str(), name.as_str())));
    let agents: BTreeMap<&str, &str> = agents.collect();
    let Some(agent) = agents.get(role) else {
        let hint = match nearest(role, agents.keys().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", agents.keys().copied().collect::<Vec<_>>().join(", ")),
        };
        return Err(Problem::refused("unknown_name", format!("there is no role `{role}`")).hint(hint).into());
    };
    let writes = library.agents.get(*agent).is_some_and(|file| file.may_write(role));
    Ok(Terms { role: role.to_owned(), writes, roster, ..Terms::default() })
}

/// Reads JSON that is handed in from a file, or from standard input where that is called `-`.
pub fn read_json(from: &str, kind: Kind) -> Result<Value> {
    let text = read_bytes(from, kind)?;
    serde_json::from_slice(&text).map_err(|error| {
        let hint = request::how_to_submit(kind);
        Problem::refused("invalid", format!("{from} is not JSON: {error}")).hint(hint).into()
    })
}

/// Reads what is handed in from a file, or from standard input where that is called `-`.
pub fn read_bytes(from: &str, kind: Kind) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = match from {
        "-" => std::io::stdin().lock().take(inbox::MAX_REQUEST).read_to_end(&mut text),
        path => {
            std::fs::File::open(path).and_then(|file| file.take(inbox::MAX_REQUEST).read_to_end(&mut text))
        }
    };
    read.map_err(|error| {
        Problem::usage("unreadable", format!("{from}: {error}")).hint(request::how_to_submit(kind))
    })?;
    if text.len() as u64 == inbox::MAX_REQUEST {
        let message = format!("{from} is longer than the {} bytes that are read", inbox::MAX_REQUEST);
        return Err(Problem::refused("invalid", message).hint(request::how_to_submit(kind)).into());
    }
    Ok(text)
}

/// Hands a person's request to the owner of the run, or settles it where the run has none. `None` where the owner did not
/// answer in time: then the request was taken back, and nothing comes of it any more. `waits` is called once, where it takes
/// a second or more.
pub fn ask_as_person(
    place: &Place,
    request: &Request,
    patience: Duration,
    waits: impl FnOnce(),
) -> Result<Option<Answer>> {
    inbox::put(&place.inbox, request).context("put the request into the inbox")?;
    settle_as_owner(place, &request.id)?;
    let (soon, later) = (patience.min(lock::SIGN_AFTER), patience.saturating_sub(lock::SIGN_AFTER));
    if let Some(answer) = await_answer(place, request, soon)? {
        return Ok(Some(answer));
    }
    if !later.is_zero() {
        waits();
        if let Some(answer) = await_answer(place, request, later)? {
            return Ok(Some(answer));
        }
    }
    if inbox::take_back(&place.inbox, &request.id)? {
        return Ok(None);
    }
    // It was taken in at the last moment.
    await_answer(place, request, PATIENCE)
}

/// Puts a request where the owner of the run finds it and waits for its answer; where nobody owns the run, settles it as
/// its owner. `None` where a sandbox leaves no way to anybody.
pub fn ask(place: &Place, request: &Request) -> Result<Option<Answer>> {
    // A sandbox may keep us from looking; then it is tried all the same.
    if let Ok(false) = place.inbox.try_exists() {
        let message =
            format!("run {} is not here any more ({} is missing)", place.run, place.inbox.display());
        return Err(Problem::refused("no_attempt", message).hint("nothing can be handed in for it").into());
    }
    if !put(place, request, Instant::now() + PATIENCE)? {
        return Ok(None);
    }
    match await_answer(place, request, PATIENCE)? {
        Some(answer) => Ok(Some(answer)),
        None => {
            let message = format!("no answer within {} seconds", PATIENCE.as_secs());
            let problem = Problem::refused("no_answer", message);
            Err(problem.hint("submit again; the same twice is fine").into())
        }
    }
}

fn await_answer(place: &Place, request: &Request, patience: Duration) -> Result<Option<Answer>> {
    let began = Instant::now();
    let mut looked = began;
    loop {
        if let Some(answer) = inbox::take_answer(&place.inbox, &request.id)? {
            return Ok(Some(answer));
        }
        if looked.elapsed() >= LOOK_FOR_OWNER {
            looked = Instant::now();
            if let Some(answer) = settle_as_owner(place, &request.id)? {
                let _ = inbox::take_answer(&place.inbox, &request.id);
                return Ok(Some(answer));
            }
        }
        if began.elapsed() > patience {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Puts a request into the inbox: as a file, or through the pipe where a sandbox lets no file be written.
fn put(place: &Place, request: &Request, deadline: Instant) -> Result<bool> {
    match inbox::put(&place.inbox, request) {
        Ok(()) => Ok(true),
        Err(StoreError::File { source, .. }) if is_forbidden(&source) => {
            match pipe::put(&place.inbox, request, deadline) {
                Err(error) if is_forbidden(&error) => Ok(false),
                put => put.context("put the request through the pipe of the inbox"),
            }
        }
        Err(error) => Err(error).context("put the request into the inbox"),
    }
}

fn is_forbidden(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// Hands in by what we print, which crew reads from the agent's output. Nobody can answer that way, so what can be
/// checked is checked here.
fn hand_in_by_output(cx: &Context, place: &Place, request: &Request) -> Result<ExitStatus> {
    let Ask::Submit(submission) = &request.ask else { return Ok(ExitStatus::Failed) };
    if let Some(terms) = terms_of_environment() {
        submit_dry_run::check_here(place, submission, &terms)?;
    }
    let line = signed::sign(request);
    if line.len() > signed::MAX_SIGNED {
        let message = format!(
            "this sandbox lets nothing out but what is printed, and {} bytes are more than the {} that come through whole",
            line.len(),
            signed::MAX_SIGNED
        );
        return Err(Problem::refused("too_long", message).hint("hand in less: shorten details").into());
    }
    cx.printer.data(&line)?;
    let kind = submission.kind.name();
    cx.printer
        .tell(&format!("handed in: crew reads the {kind} from the line above, in this command's output"));
    Ok(ExitStatus::Done)
}

/// Returns what the attempt that calls us may hand in, as its context file says; `None` where that cannot be read.
pub fn terms_of_environment() -> Option<Terms> {
    let text = std::fs::read(std::env::var_os("CREW_CONTEXT")?).ok()?;
    let context: TaskContext = serde_json::from_slice(&text).ok()?;
    Some(context.terms)
}

/// Settles all that waits, where the run has no owner; returns the answer to the request `id`, where there is one.
fn settle_as_owner(place: &Place, id: &str) -> Result<Option<Answer>> {
    let layout = Layout::of(&place.repository);
    let Some(_) = settle_waiting(&layout, &place.run)? else { return Ok(None) };
    // The file may be gone, where it was swept away before we looked.
    let answer = Store::open(&layout)?.answer_to(id)?;
    Ok(answer.and_then(|answer| serde_json::from_str(&answer).ok()))
}

/// Settles all that waits, where the run has no owner; returns how much that was.
pub fn settle_waiting(layout: &Layout, run: &RunId) -> Result<Option<usize>> {
    let paths = layout.run(run);
    // In a sandbox that may not write here, the next owner of the run answers.
    let Ok(Some(_lock)) = lock::try_take_to_settle(&paths) else { return Ok(None) };
    let mut store = Store::open(layout)?;
    let waiting = inbox::waiting(&paths.inbox());
    if !waiting.is_empty() {
        let Some(mut run) = store.load_run(run)? else { return Ok(None) };
        // Many may wait, and a run that somebody wants to resume should not be held up by one after the other.
        let (key, words) = (Context::person_key(), environment::hiding_ours(&[]));
        let (mut batch, mut answered) = (Vec::new(), Vec::new());
        for incoming in &waiting {
            let settled = requests::settle(&store, &mut run, incoming, key.as_deref(), &words, clock::now())?;
            batch.extend(settled.applied);
            answered.push(settled.answered);
        }
        store.append(&mut run, batch, &answered)?;
        store.sync()?;
        // Where they cannot be written they are stale, and doctor says so.
        let artifacts = store.artifacts(&run.id)?;
        let _ = copies::write(&paths, &run, &artifacts, false, clock::now());
        for (incoming, answered) in waiting.iter().zip(&answered) {
            // One whose answer cannot be written is not ours, and must not be in our way.
            let _ = inbox::answer(&paths.inbox(), incoming, &answered.answer);
        }
    }
    Ok(Some(waiting.len()))
}
