//! What the user can ask: one file per subcommand, each with its arguments and one function.

mod agents;
mod artifacts;
mod asking;
mod attach;
mod base;
mod budget;
mod builtin_agent;
mod cancel;
mod clashes;
mod closing;
pub mod completions;
mod config;
mod confirm;
pub mod context;
mod cut_off;
mod deadletter;
mod decide;
mod detached;
mod diff;
mod doctor;
mod doctor_agents;
mod doctor_bundle;
mod doctor_git;
mod doctor_probe;
mod ended;
mod events;
pub mod exit;
mod explain;
mod export;
mod gates;
mod going_on;
mod hook;
mod import;
mod init;
mod list;
mod logging;
mod logs;
mod mending;
mod merge;
mod merge_plan;
mod merge_resolve;
mod metrics;
mod notices;
mod places;
mod plan;
mod pr;
mod pr_host;
mod prune;
mod pruned;
mod recordings;
mod replay_agent;
mod requeue;
mod restore;
mod resume;
mod review;
mod run;
mod run_sight;
mod search;
mod show;
mod sighting;
mod signs_of_life;
mod standstill;
mod statements;
mod status;
mod submit;
mod submit_dry_run;
mod task_attempts;
mod task_names;
mod telemetry;
mod top;
mod top_deed;
mod top_look;
mod trust;
mod typist;
mod validate;
mod wait;
mod waiting;
mod worktree;

use crate::store::database;
use crate::ui::printer::Printer;
use crate::ui::screen;
use anyhow::Result;
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};
use context::Context;
use exit::ExitStatus;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Run teams of coding agents on a git repository, and check what they say
///
/// crew turns a goal into tasks, gives each to an agent as a child process, takes in what the agents hand in, checks
/// it, and keeps a complete record in `.crew/`. An agent asks; crew verifies and decides.
#[derive(Debug, Parser)]
#[command(name = "crew", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Print data and errors only
    #[arg(long, short, global = true)]
    quiet: bool,

    /// Say on standard error what is decided and done; -vv says more
    ///
    /// CREW_LOG says it too, also for some rooms alone: CREW_LOG=info, CREW_LOG=runner=debug,store=trace. With CREW_LOG_FILE,
    /// it goes to that file.
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,

    /// Work in the repository of this folder
    #[arg(short = 'C', long = "folder", value_name = "FOLDER", global = true)]
    folder: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Run(run::RunArgs),
    Resume(resume::ResumeArgs),
    Cancel(cancel::CancelArgs),
    Attach(attach::AttachArgs),
    Wait(wait::AwaitArgs),
    Status(status::StatusArgs),
    Top(top::TopArgs),
    Logs(logs::LogsArgs),
    Diff(diff::DiffArgs),
    Worktree(worktree::WorktreeArgs),
    Pr(pr::PrArgs),
    Events(events::EventsArgs),
    Search(search::SearchArgs),
    Metrics(metrics::MetricsArgs),
    Artifacts(artifacts::ArtifactsArgs),
    Export(export::ExportArgs),
    Import(import::ImportArgs),
    Restore(restore::RestoreArgs),
    Prune(prune::PruneArgs),
    Explain(explain::ExplainArgs),
    Gates(gates::GatesArgs),
    Gate(gates::GateArgs),
    Approve(decide::ApproveArgs),
    Reject(decide::RejectArgs),
    Answer(decide::AnswerArgs),
    Accept(decide::AcceptArgs),
    Requeue(requeue::RequeueArgs),
    Deadletter(deadletter::DeadletterArgs),
    Merge(merge::MergeArgs),
    Submit(submit::SubmitArgs),
    Review(Box<review::ReviewArgs>),
    List(list::ListArgs),
    Show(show::ShowArgs),
    Validate(validate::ValidateArgs),
    Agents(agents::AgentsArgs),
    Config(config::ConfigArgs),
    Trust(trust::TrustArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    BuiltinAgent(builtin_agent::BuiltinAgentArgs),
    #[command(hide = true)]
    CarryOut(detached::CarryOutArgs),
    #[command(hide = true)]
    Hook(hook::HookArgs),
    #[command(hide = true)]
    ReplayAgent(replay_agent::ReplayAgentArgs),
}

/// Returns the tree of all commands, for parsing, completions and manual pages.
pub fn command_tree() -> clap::Command {
    Cli::command().mut_subcommands(|command| match command.get_name() {
        // An agent says `crew submit result --json FILE`: there it is what is handed in.
        "submit" | "builtin-agent" | "hook" | "replay-agent" | "completions" => command,
        _ => command.arg(json_flag()),
    })
}

fn json_flag() -> Arg {
    Arg::new("json").long("json").help("Print data as JSON").action(ArgAction::SetTrue).global(true)
}

/// Does what the command line asks for and returns the exit code.
pub fn main() -> u8 {
    let parsed =
        command_tree().try_get_matches().and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let as_json = error.use_stderr() && std::env::args().any(|argument| argument == "--json");
            if as_json {
                let problem = exit::of_usage(&error.render().to_string());
                exit::report(&Printer::new(true, false, true), &problem.into());
            } else {
                // clap prints help to standard output and mistakes to standard error; who does not read is not told.
                let _ = error.print();
            }
            return if error.use_stderr() { ExitStatus::Usage as u8 } else { ExitStatus::Done as u8 };
        }
    };
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let no_colour = set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let json = matches
        .subcommand()
        .is_some_and(|(_, command)| matches!(command.try_get_one("json"), Ok(Some(true))));
    let printer = Printer::new(json, cli.quiet, no_colour);
    let folder = cli.folder.unwrap_or_else(|| PathBuf::from("."));
    let cx = Context { printer, folder };
    let detached = match &cli.command {
        Command::CarryOut(args) => Some(args.run()),
        _ => None,
    };
    let name = matches.subcommand_name().unwrap_or_default();
    if let Err(error) = logging::begin(&cx, cli.verbose, (name, detached)) {
        return exit::report(&printer, &error) as u8;
    }
    // Whoever waits without a word looks as if it hung. With `--json` only data and errors are printed, and a whole screen
    // has a place of its own for that.
    if !json && !cli.quiet && !matches!(cli.command, Command::Top(_)) {
        database::on_long_wait(|| {
            let line = "another process writes to the store all the time; waiting for it ...".to_owned();
            // Whoever waits may carry a run out, and must not wait for a reader too.
            if let Err(line) = screen::put_above(line) {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        });
    }
    let began = Instant::now();
    let status = dispatch(&cx, &cli.command).unwrap_or_else(|error| exit::report(&printer, &error));
    tracing::info!(command = name, exit = status as u8, ms = began.elapsed().as_millis() as u64, "ends");
    match screen::close() {
        Ok(()) => status as u8,
        Err(error) => {
            let status = exit::report(&printer, &anyhow::Error::new(error).context("print the result"));
            // It has been waited for already.
            let _ = screen::close();
            status as u8
        }
    }
}

fn dispatch(cx: &Context, command: &Command) -> Result<ExitStatus> {
    match command {
        Command::Init(args) => init::init(cx, args),
        Command::Run(args) => run::run(cx, args),
        Command::Resume(args) => resume::resume(cx, args),
        Command::Cancel(args) => cancel::cancel(cx, args),
        Command::Attach(args) => attach::attach(cx, args),
        Command::Wait(args) => wait::wait(cx, args),
        Command::Status(args) => status::status(cx, args),
        Command::Top(args) => top::top(cx, args),
        Command::Logs(args) => logs::logs(cx, args),
        Command::Diff(args) => diff::diff(cx, args),
        Command::Worktree(args) => worktree::worktree(cx, args),
        Command::Pr(args) => pr::pr(cx, args),
        Command::Events(args) => events::events(cx, args),
        Command::Search(args) => search::search(cx, args),
        Command::Metrics(args) => metrics::metrics(cx, args),
        Command::Artifacts(args) => artifacts::artifacts(cx, args),
        Command::Export(args) => export::export(cx, args),
        Command::Import(args) => import::import(cx, args),
        Command::Restore(args) => restore::restore(cx, args),
        Command::Prune(args) => prune::prune(cx, args),
        Command::Explain(args) => explain::explain(cx, args),
        Command::Gates(args) => gates::gates(cx, args),
        Command::Gate(args) => gates::gate(cx, args),
        Command::Approve(args) => decide::approve(cx, args),
        Command::Reject(args) => decide::reject(cx, args),
        Command::Answer(args) => decide::answer(cx, args),
        Command::Accept(args) => decide::accept(cx, args),
        Command::Requeue(args) => requeue::requeue(cx, args),
        Command::Deadletter(args) => deadletter::deadletter(cx, args),
        Command::Merge(args) => merge::merge(cx, args),
        Command::Submit(args) => submit::submit(cx, args),
        Command::List(args) => list::list(cx, args),
        Command::Show(args) => show::show(cx, args),
        Command::Validate(args) => validate::validate(cx, args),
        Command::Agents(args) => agents::agents(cx, args),
        Command::Config(args) => config::config(cx, args),
        Command::Trust(args) => trust::trust(cx, args),
        Command::Doctor(args) => doctor::doctor(cx, args),
        Command::Completions(args) => completions::completions(cx, args),
        Command::Review(args) => review::review(cx, args),
        Command::BuiltinAgent(args) => builtin_agent::work(cx, args),
        Command::CarryOut(args) => detached::carry_out(cx, args),
        Command::Hook(args) => hook::hook(cx, args),
        Command::ReplayAgent(args) => replay_agent::play(cx, args),
    }
}
