//! `crew search`: where in the runs of a repository something was said.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use crate::domain::event::Recorded;
use crate::domain::id::RunId;
use crate::domain::redact::{Redactor, SafeStream};
use crate::domain::searching::{Excerpt, Place, Wanted, each_text, said_in};
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::runner::{clock, environment};
use crate::store::database::Store;
use crate::store::layout;
use crate::store::queries::RunRow;
use crate::ui::printer::{Tone, status_tone};
use crate::ui::progress::Lines;
use crate::ui::words;
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// The most lines that are shown of one text: whoever wants all of it reads it.
const MOST_OF_TEXT: usize = 3;
/// How much of a log is read at once.
const CHUNK: usize = 64 * 1024;

/// Find where something was said, in all runs or in one
///
/// Goals, tasks, results, findings, decisions, errors, notes, tool calls and logs are looked through, newest run first.
/// Without a capital letter in what is looked for, capitals do not matter. Of one text, its first three places are shown.
/// What looks like a secret is never found.
#[derive(Debug, clap::Args)]
pub struct SearchArgs {
    /// What to look for; several words are one text
    #[arg(required = true, num_args = 1..)]
    text: Vec<String>,

    /// Only in this run: the beginning of its id, or `last`
    #[arg(long)]
    run: Option<String>,

    /// Only there; may be repeated: goal, task, result, finding, decision, error, note, tool, log
    #[arg(long = "in", value_name = "PLACE")]
    places: Vec<Place>,

    /// The text is a regular expression
    #[arg(long)]
    regex: bool,

    /// Show at most so many places
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    limit: u64,
}

/// Where something was said.
struct Hit {
    task: Option<String>,
    attempt: Option<u32>,
    place: Place,
    /// When, and by which event; not known of a log.
    at: Option<(Time, i64)>,
    /// The log's name.
    log: Option<String>,
    excerpt: Excerpt,
}

/// Looks through runs.
pub fn search(cx: &Context, args: &SearchArgs) -> Result<ExitStatus> {
    let text = args.text.join(" ");
    let wanted = Wanted::of(&text, args.regex).map_err(|why| {
        let why = clean_line(why.lines().last().unwrap_or_default(), 200);
        Problem::usage("pattern", format!("`{}` is no regular expression: {why}", clean_line(&text, 80)))
            .hint("without --regex, it is looked for as it stands")
    })?;
    if text.trim().is_empty() {
        return Err(Problem::usage("pattern", "there is nothing to look for").into());
    }
    let store = cx.store()?;
    let mut rows = store.runs(usize::MAX)?;
    if let Some(typed) = &args.run {
        let id = cx.find_run(&store, typed)?;
        rows.retain(|row| row.id == id);
    }
    let looking =
        Looking { store: &store, wanted, places: &args.places, words: environment::hiding_ours(&[]) };
    let (lines, limit) = (Lines::new(&cx.printer), usize::try_from(args.limit).unwrap_or(usize::MAX));
    let (mut found, mut shown) = (0, 0);
    let mut data: Vec<Value> = Vec::new();
    let mut runs = 0;
    for (at, row) in rows.iter().enumerate() {
        lines.show("search", format!("run {} of {}, {} found", at + 1, rows.len(), found));
        let hits = looking.through(&row.id)?;
        let room = (limit - shown).min(hits.len());
        found += hits.len();
        runs += usize::from(!hits.is_empty());
        shown += room;
        match cx.printer.json {
            true => data.extend(hits.iter().take(room).map(|hit| json_of(&row.id, hit))),
            false if room > 0 => print_run(cx, &store, row, &hits[..room])?,
            false => {}
        }
    }
    lines.take_away("search");
    if cx.printer.json {
        let meta = json!({"count": shown, "found": found, "runs": runs, "searched": rows.len()});
        cx.printer.json(&json!({"data": data, "meta": meta}))?;
        return Ok(ExitStatus::Done);
    }
    let (in_runs, searched) = (words::count(runs, "run"), words::count(rows.len(), "run"));
    cx.printer.tell(&match found {
        0 => format!("nothing in {searched}"),
        _ if found > shown => {
            format!("{shown} of {found} places in {in_runs}; --limit shows more, --in and --run look at less")
        }
        _ => format!("{} in {in_runs} of {}", words::count(found, "place"), rows.len()),
    });
    Ok(ExitStatus::Done)
}

/// What is looked for, and where.
struct Looking<'a> {
    store: &'a Store,
    wanted: Wanted,
    /// Empty for everywhere.
    places: &'a [Place],
    words: Redactor,
}

impl Looking<'_> {
    fn looks_in(&self, place: Place) -> bool {
        self.places.is_empty() || self.places.contains(&place)
    }

    /// Returns what was said in a run, in the order of the record, and then in its logs.
    fn through(&self, run: &RunId) -> Result<Vec<Hit>> {
        let mut hits = Vec::new();
        // What is said again in the next event, such as why an attempt and then its task failed, is shown once.
        let mut seen: BTreeSet<(Option<String>, String)> = BTreeSet::new();
        let may_stand = |json: &str| self.wanted.may_stand_in_json(json);
        self.store.each_event_like(run, (0, usize::MAX), may_stand, |recorded| {
            for hit in self.in_event(&recorded) {
                if seen.insert((hit.task.clone(), hit.excerpt.text())) {
                    hits.push(hit);
                }
            }
            Ok(())
        })?;
        if self.looks_in(Place::Log) {
            hits.extend(self.in_logs(&self.store.paths(run).logs())?);
        }
        Ok(hits)
    }

    fn in_event(&self, recorded: &Recorded) -> Vec<Hit> {
        let Recorded { seq, at, event, .. } = recorded;
        let said = said_in(event).into_iter().filter(|(place, _)| self.looks_in(*place));
        let hit = |place, excerpt| Hit {
            task: event.task().map(ToString::to_string),
            attempt: event.attempt(),
            place,
            at: Some((*at, *seq)),
            log: None,
            excerpt,
        };
        let of_text = |(place, text): (Place, String)| {
            let lines = self.wanted.lines_in(&self.words.text(&text));
            lines.into_iter().take(MOST_OF_TEXT).map(move |excerpt| hit(place, excerpt)).collect::<Vec<_>>()
        };
        said.flat_map(of_text).collect()
    }

    fn in_logs(&self, folder: &Path) -> Result<Vec<Hit>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| format!("read {}", folder.display())),
        };
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let mut hits = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            let of_attempt = layout::attempt_of_log(name);
            let (task, attempt) = of_attempt.map(|(task, attempt)| (task.to_string(), attempt)).unzip();
            let lines = self.in_log(&folder.join(name)).with_context(|| format!("read {name}"))?;
            hits.extend(lines.into_iter().map(|excerpt| Hit {
                task: task.clone(),
                attempt,
                place: Place::Log,
                at: None,
                log: Some(name.clone()),
                excerpt,
            }));
        }
        Ok(hits)
    }

    /// Looks through a log as people may see it, a piece at a time.
    fn in_log(&self, path: &Path) -> std::io::Result<Vec<Excerpt>> {
        let mut file = File::open(path)?;
        let (mut safe, mut buffer) = (SafeStream::default(), vec![0; CHUNK]);
        let (mut found, mut line) = (Vec::new(), 0);
        loop {
            let count = file.read(&mut buffer)?;
            let text = match count {
                0 => safe.close(&self.words),
                _ => safe.take(&self.words, &buffer[..count]),
            };
            for text in text.lines() {
                line += 1;
                if found.len() < MOST_OF_TEXT {
                    found.extend(self.in_line(line, text));
                }
            }
            if count == 0 || found.len() >= MOST_OF_TEXT {
                return Ok(found);
            }
        }
    }

    /// Looks into a line: of one that is JSON, as many agents print it, into the texts that it holds.
    fn in_line(&self, number: usize, line: &str) -> Option<Excerpt> {
        let at = |excerpt: Excerpt| Excerpt { line: number, ..excerpt };
        if !line.starts_with('{') {
            return self.wanted.lines_in(line).into_iter().next().map(at);
        }
        // Agents write as numbers what others write as letters: `caf\u00e9`.
        let is_escaped = line.contains('\\');
        if !is_escaped && !self.wanted.may_stand_in_json(line) {
            return None;
        }
        let Ok(value) = serde_json::from_str::<Value>(line) else {
            return self.wanted.lines_in(line).into_iter().next().map(at);
        };
        let mut first = None;
        each_text(&value, &mut |text| {
            // So they may write what is to be hidden, and then nobody has seen that yet.
            let text = if is_escaped { self.words.text(text) } else { Cow::Borrowed(text) };
            if first.is_none() && self.wanted.stands_in(&text) {
                first = self.wanted.lines_in(&text).into_iter().next();
            }
        });
        first.map(at)
    }
}

fn json_of(run: &RunId, hit: &Hit) -> Value {
    let [before, found, after] = &hit.excerpt.parts;
    json!({
        "run": run, "task": hit.task, "attempt": hit.attempt, "place": hit.place,
        "at": hit.at.map(|(at, _)| at), "seq": hit.at.map(|(_, seq)| seq), "log": hit.log, "line": hit.excerpt.line,
        "text": hit.excerpt.text(), "before": before, "found": found, "after": after,
    })
}

fn print_run(cx: &Context, store: &Store, row: &RunRow, hits: &[Hit]) -> Result<()> {
    let printer = &cx.printer;
    let status = store.status(row)?;
    let age = words::duration(clock::now().since(row.created_at));
    let state = printer.tint(status_tone(status), status.words());
    printer.data(&format!(
        "{}  {state}  {age} ago  {}",
        store.short(&row.id)?,
        clean_line(&row.goal, 100)
    ))?;
    let names: Vec<(String, String)> = hits.iter().map(names_of).collect();
    let width = |of: fn(&(String, String)) -> &String| {
        names.iter().map(|names| of(names).chars().count()).max().unwrap_or_default()
    };
    let (tasks, places) = (width(|(task, _)| task), width(|(_, place)| place));
    for (hit, (task, place)) in hits.iter().zip(&names) {
        let [before, found, after] = &hit.excerpt.parts;
        let found = printer.tint(Tone::Attention, found);
        let place = printer.tint(Tone::Faint, &format!("{place:places$}"));
        printer.data(&format!("  {task:tasks$}  {place}  {before}{found}{after}"))?;
    }
    Ok(())
}

/// Returns how people call the task and the place: `work.2`, and `log:17`.
fn names_of(hit: &Hit) -> (String, String) {
    let attempt = hit.attempt.map(|attempt| format!(".{attempt}")).unwrap_or_default();
    let task = hit.task.as_ref().map_or("-".to_owned(), |task| format!("{task}{attempt}"));
    let place = match hit.place {
        Place::Log => format!("log:{}", hit.excerpt.line),
        place => place.name().to_owned(),
    };
    (task, place)
}
