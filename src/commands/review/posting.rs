//! `crew review post`: what a review found is said at its pull request, once.

use super::known::NewOnlyArgs;
use super::named;
use super::pull_request::{self, Host};
use super::report::{self, Concluded};
use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::pr_host::{Answer, Outside, is_installed};
use crate::commands::typist;
use crate::domain::id::RunId;
use crate::domain::publishing::{self, Opener};
use crate::domain::review::host_api::{About, Call, Pull, address, complaint};
use crate::domain::review::judging::Judged;
use crate::domain::review::posting::{self, Lines, Plan, Remark, Summary, There};
use crate::domain::review::target::{ReviewOrder, TargetKind};
use crate::domain::words::clean_line;
use crate::store::layout::Layout;
use crate::ui::words;
use crate::workspace::diff::{self, Change};
use crate::workspace::git::Git;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// The most answers that are read about what is there: 100 entries each.
const MAX_PAGES: usize = 50;
/// The most of what a host says that is told.
const MAX_SAID: usize = 400;

/// Say at a pull request what a review found
///
/// Through `gh` or `glab`, whichever the remote's host is for: remarks at the lines of its diff, and a summary with the
/// rest. Once more, after the next push, and only what is new is said: the summary is brought up to date, and threads about
/// what is not found any more are marked resolved. Where neither program is installed, the commands are printed.
#[derive(Debug, clap::Args)]
pub struct PostArgs {
    /// Review: the beginning of its id, or `last`
    #[arg(default_value = "last")]
    review: String,

    #[command(flatten)]
    how: How,

    #[command(flatten)]
    bar: report::BarArgs,

    #[command(flatten)]
    new_only: NewOnlyArgs,
}

/// Where and how it is said.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct How {
    /// Number of the pull request; default: the one that was reviewed, or that the pipeline runs for
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pr: Option<u64>,

    /// Show what would be said, and say nothing
    #[arg(long)]
    dry_run: bool,

    /// Give up when the host takes longer than this for one answer
    #[arg(long, value_name = "SECS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
}

/// What came of it.
struct Posted {
    /// `posted`, `updated`, `unchanged`, `planned` or `written`.
    status: &'static str,
    pull: Pull,
    url: Option<String>,
    plan: Plan,
    resolved: usize,
    /// Commands that do it, where crew can not.
    commands: Vec<String>,
    notes: Vec<String>,
}

/// What is said, where, and through whom.
struct Posting<'a> {
    outside: Outside<'a>,
    pull: Pull,
    about: About,
    concluded: &'a Concluded,
    verdict: &'static str,
    lines: Lines,
    folder: PathBuf,
}

/// Posts a review that was recorded.
pub fn post(cx: &Context, args: &PostArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = named::find_id(cx, &store, &args.review)?;
    let run = store.load_run(&id)?.context("the run is recorded")?;
    let short = store.short(&id)?;
    let Some(order) = &run.review else {
        let problem = Problem::refused("no_review", format!("run {short} is no review"));
        return Err(problem.hint("crew review list shows the reviews").into());
    };
    let bar = args.bar.over(order.bar);
    let known = args.new_only.known(cx, store.layout(), &order.target)?;
    let concluded = report::conclude(&store, Some(&run), (order, &id), (bar, &known))?;
    tell(cx, &say(cx, store.layout(), &id, order, &concluded, &args.how)?)
}

/// Says it where the report was told just now, which is all that standard output is for.
pub fn say_beside(
    cx: &Context,
    layout: &Layout,
    id: &RunId,
    order: &ReviewOrder,
    concluded: &Concluded,
) -> Result<()> {
    let posted = say(cx, layout, id, order, concluded, &How::default())?;
    let words = posted.words();
    cx.printer.tell(&words);
    let also = posted.url.iter().chain(&posted.commands).chain(&posted.notes);
    also.for_each(|line| cx.printer.tell(line));
    Ok(())
}

/// Says at a pull request what a report holds.
fn say(
    cx: &Context,
    layout: &Layout,
    id: &RunId,
    order: &ReviewOrder,
    concluded: &Concluded,
    how: &How,
) -> Result<Posted> {
    typist::refuse_agents(Some(layout.repository()))?;
    let limit = Duration::from_secs(if how.timeout == 0 { 600 } else { how.timeout });
    let outside = Outside::new(&cx.printer, layout.repository(), limit)?;
    let git = Git::at(layout.repository());
    let number = number(order, how)?;
    let host = Host::of(&git, &outside)?;
    let Some(pull) = host.pull(number) else {
        let message = format!("nobody is known to speak to the host of {}", host.remote);
        let problem = Problem::refused("unknown_host", message);
        return Err(problem.hint("gh auth login, or glab auth login, with its --hostname").into());
    };
    let mut posting = Posting {
        lines: lines(&git, order, pull.opener)?,
        about: About {
            head: order.target.head.clone(),
            start: order.target.base.clone(),
            ..About::default()
        },
        verdict: verdict(concluded.judged),
        folder: layout.run(id).root().join("post"),
        outside,
        pull,
        concluded,
    };
    match is_installed(posting.pull.opener) {
        true => posting.through_program(how.dry_run),
        false => posting.by_hand(),
    }
}

fn number(order: &ReviewOrder, how: &How) -> Result<u64, Problem> {
    let reviewed = || match order.target.kind {
        TargetKind::PullRequest => order.target.key.strip_prefix("pr:")?.parse().ok(),
        _ => None,
    };
    how.pr.or_else(reviewed).or_else(pull_request::number_of_the_pipeline).ok_or_else(|| {
        let problem = Problem::usage("no_pull_request", "it is not clear which pull request is meant");
        problem.hint("--pr N names it")
    })
}

fn verdict(judged: Judged) -> &'static str {
    match judged {
        Judged::NothingToReview => "nothing to review",
        Judged::Clean => "clean",
        Judged::Findings => "changes requested",
        Judged::Incomplete => "incomplete",
    }
}

/// Returns the lines that the change added, as its host shows them.
fn lines(git: &Git, order: &ReviewOrder, opener: Opener) -> Result<Lines> {
    let mut lines = Lines::new();
    let mut changes =
        diff::open(git, &order.target.base, Some(&order.target.head)).context("read the change")?;
    while let Some(file) = changes.next_file().context("read the change")? {
        // A remark at GitLab has to name the old path too, which is not known here.
        let renamed = opener == Opener::Glab && matches!(file.change, Change::Renamed | Change::Copied);
        let Some(path) = String::from_utf8(file.path).ok().filter(|_| !renamed && !file.binary) else {
            continue;
        };
        let added = file.hunks.iter().filter(|hunk| hunk.added > 0);
        lines.insert(path, added.map(|hunk| (hunk.start, hunk.start + hunk.added - 1)).collect());
    }
    Ok(lines)
}

impl Posted {
    /// Says in one line what came of it.
    fn words(&self) -> String {
        let Posted { status, pull, plan, resolved, .. } = self;
        let parts = [
            (plan.remarks.len(), "at lines"),
            (plan.kept, "there already"),
            (plan.in_summary, "in the summary"),
            (*resolved, "resolved"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        let parts = if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") };
        format!("{status}: {} ({parts})", pull.words())
    }
}

impl Posting<'_> {
    fn plan(&self, there: &There) -> Plan {
        posting::plan(&self.concluded.report, self.verdict, &self.lines, there)
    }

    /// Asks the program of the host what is there, and has it say what is not.
    fn through_program(&mut self, dry_run: bool) -> Result<Posted> {
        let reviewed = std::mem::take(&mut self.about);
        self.about = pull_request::about(&self.outside, &self.pull)?;
        if self.about.head != reviewed.head && !dry_run {
            return Err(self.moved(&reviewed.head).into());
        }
        let there = self.there()?;
        let plan = self.plan(&there);
        if dry_run {
            return Ok(self.posted("planned", plan));
        }
        let mut posted = self.posted(status(&plan, &there), plan);
        self.say_all(&mut posted, &there)?;
        self.resolve_all(&mut posted)?;
        Ok(posted)
    }

    fn posted(&self, status: &'static str, plan: Plan) -> Posted {
        let url = Some(clean_line(&self.about.url, MAX_SAID)).filter(|url| !url.is_empty());
        Posted {
            status,
            pull: self.pull.clone(),
            url,
            plan,
            resolved: 0,
            commands: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn moved(&self, reviewed: &str) -> Problem {
        let short = |id: &str| id.chars().take(10).collect::<String>();
        let (stands, seen) = (clean_line(&short(&self.about.head), MAX_SAID), short(reviewed));
        let message = format!("{} stands at {stands} by now, and {seen} was reviewed", self.pull.words());
        let number = self.pull.number;
        Problem::refused("moved", message)
            .hint(format!("crew review --pr {number} --post reviews what is there"))
    }

    /// Reads what we have said there before.
    fn there(&self) -> Result<There> {
        let who = match self.pull.who() {
            Some(call) => {
                let answer = self.ask(&call)?;
                let user: Value = serde_json::from_str(&answer.out).unwrap_or_default();
                user["username"].as_str().map(str::to_owned).ok_or_else(|| self.failed(&answer))?
            }
            None => String::new(),
        };
        let (mut there, mut next) = (There::default(), None);
        for _ in 0..MAX_PAGES {
            let answer = self.ask(&self.pull.there(next.as_ref()))?;
            let part = self.pull.read_there(&answer.out, next.as_ref(), &who);
            let part = part.filter(|_| answer.exit == Some(0)).ok_or_else(|| self.failed(&answer))?;
            there.threads.extend(part.there.threads);
            there.summaries.extend(part.there.summaries);
            match part.next {
                Some(more) => next = Some(more),
                None => return Ok(there),
            }
        }
        let message = format!("{} has more remarks than are read", self.pull.words());
        Err(Problem::refused("too_many", message)
            .hint("what was said there can not be told from what is new")
            .into())
    }

    /// Says remarks and summary; what the host does not take at lines goes into the summary.
    fn say_all(&self, posted: &mut Posted, there: &There) -> Result<()> {
        let mut refused = Vec::new();
        // At GitLab, the summary comes once it is known what it has to hold.
        let together = self.pull.opener == Opener::Gh;
        let new = |plan: &Plan| match &plan.summary {
            Summary::New(body) => Some(body.clone()),
            Summary::Instead { .. } | Summary::Same => None,
        };
        let summary = new(&posted.plan).filter(|_| together);
        for (call, remarks) in self.pull.say(&self.about, &posted.plan.remarks, summary.as_deref()) {
            let answer = self.ask(&call)?;
            if is_done(&answer) {
                posted.url = address(&answer.out).map(|url| clean_line(&url, MAX_SAID)).or(posted.url.take());
            } else if is_refusal(&answer) && !remarks.is_empty() {
                posted.notes.push(format!("not taken at its lines: {}", answer.reason()));
                refused.extend(remarks);
            } else {
                return Err(self.failed(&answer).into());
            }
        }
        if !refused.is_empty() {
            posted.plan = self.without(&posted.plan, &refused, there);
        }
        let left = new(&posted.plan).filter(|_| !together || !refused.is_empty());
        for (call, _) in self.pull.say(&self.about, &[], left.as_deref()) {
            self.must(&call)?;
        }
        if let Summary::Instead { id, body } = &posted.plan.summary {
            self.must(&self.pull.rewrite(id, body))?;
        }
        Ok(())
    }

    /// Plans with the findings in the summary that the host took at no line.
    fn without(&self, plan: &Plan, refused: &[Remark], there: &There) -> Plan {
        let report = &self.concluded.report;
        let again = posting::without_remarks(report, self.verdict, refused, &self.lines, there);
        // Those that it took stand there.
        let remarks = plan.remarks.iter().filter(|remark| !refused.contains(remark)).cloned().collect();
        Plan { remarks, ..again }
    }

    fn resolve_all(&self, posted: &mut Posted) -> Result<()> {
        for id in posted.plan.resolve.clone() {
            let answer = self.ask(&self.pull.resolve(&id))?;
            if is_done(&answer) {
                posted.resolved += 1;
            } else {
                // The token of a pipeline may not, and that is no reason to fail it.
                posted.notes.push(format!("a thread could not be marked resolved: {}", answer.reason()));
            }
        }
        if posted.plan.stuck > 0 {
            let threads = words::count(posted.plan.stuck, "thread");
            posted
                .notes
                .push(format!("{threads} about what is gone may not be marked resolved by who we are there"));
        }
        Ok(())
    }

    /// Writes down what would be sent, and returns the commands that send it.
    fn by_hand(&self) -> Result<Posted> {
        let mut posted = self.posted("written", self.plan(&There::default()));
        let summary = match &posted.plan.summary {
            Summary::New(body) => Some(body.as_str()),
            Summary::Instead { .. } | Summary::Same => None,
        };
        for (at, (call, _)) in self.pull.say(&self.about, &posted.plan.remarks, summary).iter().enumerate() {
            let file = self.write(call, &format!("{:03}.json", at + 1))?;
            posted
                .commands
                .push(publishing::in_shell(self.pull.opener.program(), &call.with_payload_in(&file)));
        }
        Ok(posted)
    }

    fn write(&self, call: &Call, name: &str) -> Result<String> {
        std::fs::create_dir_all(&self.folder).with_context(|| format!("make {}", self.folder.display()))?;
        let path = self.folder.join(name);
        let payload = call.payload.as_ref().map(Value::to_string).unwrap_or_default();
        std::fs::write(&path, payload).with_context(|| format!("write {}", path.display()))?;
        Ok(path.display().to_string())
    }

    fn ask(&self, call: &Call) -> Result<Answer> {
        let file = match &call.payload {
            Some(_) => self.write(call, "sent.json")?,
            None => String::new(),
        };
        self.outside.ask(self.pull.opener, &call.with_payload_in(&file))
    }

    fn must(&self, call: &Call) -> Result<()> {
        let answer = self.ask(call)?;
        if is_done(&answer) { Ok(()) } else { Err(self.failed(&answer).into()) }
    }

    fn failed(&self, answer: &Answer) -> Problem {
        let message = format!("{}: {}", self.pull.opener.program(), answer.reason());
        let problem = Problem { exit: ExitStatus::Failed, ..Problem::refused("host", message) };
        let stays = "what was said stays; the same command once more says what is missing";
        match publishing::is_unknown(&format!("{} {}", answer.err, answer.out)) {
            true => problem.hint(format!("{}; {stays}", self.pull.opener.sign_in(Some(&self.pull.at.host)))),
            false => problem.hint(stays),
        }
    }
}

fn status(plan: &Plan, there: &There) -> &'static str {
    match &plan.summary {
        Summary::Same if plan.remarks.is_empty() && plan.resolve.is_empty() => "unchanged",
        Summary::New(_) if there.threads.is_empty() => "posted",
        Summary::New(_) | Summary::Instead { .. } | Summary::Same => "updated",
    }
}

fn is_done(answer: &Answer) -> bool {
    answer.exit == Some(0) && complaint(&answer.out).is_none()
}

/// Tells whether a host has understood and does not want it, rather than being out of reach.
fn is_refusal(answer: &Answer) -> bool {
    let said = format!("{} {}", answer.err, answer.out);
    ["HTTP 422", "422 ", "HTTP 400", "400 "].iter().any(|code| said.contains(code))
}

fn tell(cx: &Context, posted: &Posted) -> Result<ExitStatus> {
    let Posted { status, pull, url, plan, resolved, commands, notes } = posted;
    if cx.printer.json {
        let remarks: Vec<Value> = plan
            .remarks
            .iter()
            .map(|remark| json!({"file": remark.path, "start_line": remark.lines.0, "end_line": remark.lines.1, "body": remark.body}))
            .collect();
        let summary = match &plan.summary {
            Summary::New(body) | Summary::Instead { body, .. } => Some(body),
            Summary::Same => None,
        };
        cx.printer.json(&json!({"status": status, "number": pull.number, "url": url, "remarks": remarks,
            "summary": summary, "kept": plan.kept, "in_summary": plan.in_summary, "resolved": resolved,
            "to_resolve": plan.resolve.len(), "commands": commands, "notes": notes}))?;
        return Ok(ExitStatus::Done);
    }
    cx.printer.tell(&posted.words());
    notes.iter().for_each(|note| cx.printer.tell(&format!("note: {note}")));
    if *status == "planned" {
        for remark in &plan.remarks {
            cx.printer.data(&format!(
                "-- {}:{}\n{}",
                clean_line(&remark.path, MAX_SAID),
                remark.lines.1,
                remark.body
            ))?;
        }
        if let Summary::New(body) | Summary::Instead { body, .. } = &plan.summary {
            cx.printer.data(&format!("-- summary\n{body}"))?;
        }
        return Ok(ExitStatus::Done);
    }
    if commands.is_empty() {
        if let Some(url) = url {
            cx.printer.data(url)?;
        }
    } else {
        cx.printer.tell(&format!("`{}` is not installed; where it is:", pull.opener.program()));
        for command in commands {
            cx.printer.data(command)?;
        }
    }
    Ok(ExitStatus::Done)
}
