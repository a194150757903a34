//! What the page says without its script: what the run came to, its tasks, and who worked on them.

use super::fitting::All;
use crate::domain::task::{BUILT_IN, TaskState};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use crate::domain::words::{clean_line, clean_text};
use crate::export::account::{Account, RunAccount, TaskAccount, WorkKind};
use crate::review::formats::escaped;
use crate::ui::words;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The most characters of what a task came to, in the table.
const MAX_OUTCOME: usize = 240;
/// The most characters of a name: an agent's, a model's, a branch's.
const MAX_NAME: usize = 80;
/// The least width of an attempt in the table, in per cent of the run: what is narrower is not seen.
const LEAST_WIDTH: f64 = 1.2;

/// Writes what stands in the page's body beside its data.
pub fn body(account: &Account, all: All) -> String {
    let mut html = head(account, all);
    html.push_str(include_str!("controls.html"));
    html.push_str("<main id=\"views\">\n<section id=\"view-tasks\" class=\"view\" aria-label=\"Tasks\">\n");
    html.push_str(&tasks(account));
    html.push_str(&agents(account));
    html.push_str(include_str!("views.html"));
    html
}

fn head(account: &Account, all: All) -> String {
    let run = &account.run;
    let mut html = format!(
        "<header class=\"run\">\n<p class=\"which\"><span class=\"crew\">crew</span> run <b>{}</b> {} <span class=\"grow\"></span>\
         <small>crew {}</small></p>\n<h1>{}</h1>\n",
        line(&run.short, MAX_NAME),
        state(run.status.name(), run.status.words()),
        line(&run.crew_version, MAX_NAME),
        paragraph(&run.goal),
    );
    html.push_str("<dl class=\"facts\">\n");
    for (name, value) in facts(account, all) {
        let _ = writeln!(html, "<div><dt>{name}</dt><dd>{}</dd></div>", line(&value, 200));
    }
    html.push_str("</dl>\n");
    html.push_str(&outcomes(run));
    for note in &account.notes {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", line(note, 400));
    }
    html.push_str(
        "<noscript><p class=\"note\">Without its script this page shows the tasks alone. It asks no network for \
         anything; with its script it shows each task's prompt, result and diff, a time line and a graph too.</p></noscript>\n\
         </header>\n",
    );
    html
}

/// Returns the figures of the run, each with what it is.
fn facts(account: &Account, all: All) -> Vec<(&'static str, String)> {
    let run = &account.run;
    let mut facts = vec![
        ("worked", time(run.worked_millis)),
        ("cost", words::cost(run.usage.cost_usd)),
        ("tokens", words::tokens(run.usage.tokens())),
        ("tasks", account.tasks.len().to_string()),
        ("attempts", run.attempts.to_string()),
        ("findings", all.findings.to_string()),
        ("begun", moment(run.created_at)),
    ];
    facts.extend(run.ended_at.map(|at| ("ended", moment(at))));
    facts.extend(account.without_price().map(|agents| ("no price from", agents)));
    facts.push(("team", run.team.clone()));
    facts.push(("workflow", run.workflow.clone()));
    facts.extend(run.reviews.clone().map(|reviews| ("reviews", reviews)));
    facts.extend(run.base.as_ref().map(|base| {
        let commit = base.commit.get(..12).unwrap_or(&base.commit);
        let branch = base.branch.as_ref().map(|branch| format!(" of {branch}")).unwrap_or_default();
        ("from", format!("{commit}{branch}"))
    }));
    facts
}

/// Draws how many tasks are in each state.
fn outcomes(run: &RunAccount) -> String {
    let all: usize = run.counts.iter().map(|(_, count)| count).sum();
    if all == 0 {
        return String::new();
    }
    let mut bar = String::from("<svg class=\"outcomes\" width=\"100%\" height=\"8\" aria-hidden=\"true\">");
    let mut legend = String::from("<ul class=\"legend\" aria-label=\"tasks by state\">");
    let mut before = 0;
    for (state, count) in &run.counts {
        let share = |count: usize| count as f64 * 100.0 / all as f64;
        let _ = write!(
            bar,
            "<rect class=\"{}\" x=\"{:.3}%\" width=\"{:.3}%\" height=\"8\"/>",
            state.name(),
            share(before),
            share(*count)
        );
        let _ = write!(
            legend,
            "<li><span class=\"state {0}\" data-state=\"{0}\">{count} {1}</span></li>",
            state.name(),
            of_state(*state)
        );
        before += count;
    }
    format!("{bar}</svg>\n{legend}</ul>\n")
}

fn tasks(account: &Account) -> String {
    let (from, to) = span(account);
    let mut html = String::from(
        "<div class=\"wide\"><table id=\"table\" class=\"tasks\">\n<thead><tr><th scope=\"col\" data-sort=\"place\">task</th>\
         <th scope=\"col\" data-sort=\"state\">state</th><th scope=\"col\" data-sort=\"agent\">agent</th>\
         <th scope=\"col\" data-sort=\"attempts\" class=\"n\">attempts</th>\
         <th scope=\"col\" data-sort=\"time\" class=\"n\">time</th><th scope=\"col\" data-sort=\"tokens\" class=\"n\">tokens</th>\
         <th scope=\"col\" data-sort=\"cost\" class=\"n\">cost</th><th scope=\"col\" data-sort=\"start\">when</th>\
         <th scope=\"col\">outcome</th></tr></thead>\n<tbody>\n",
    );
    for task in &account.tasks {
        let id = line(task.id.as_str(), MAX_NAME);
        let _ = writeln!(
            html,
            "<tr id=\"row-{id}\"><th scope=\"row\"><a href=\"#task/{id}\">{id}</a></th><td>{}</td><td>{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            state(task.state.name(), &of_state(task.state)),
            who(
                &task.agent,
                task.attempts.iter().rev().find_map(|attempt| attempt.model.as_ref()).or(task.model.as_ref())
            ),
            task.attempts.len(),
            if task.attempts.is_empty() { String::new() } else { time(worked(task)) },
            figure(task, words::tokens(task.usage.tokens())),
            figure(task, words::cost(task.usage.cost_usd)),
            when(task, from, to),
            outcome(task),
        );
    }
    html.push_str(
        "</tbody></table></div>\n<p id=\"none\" class=\"quiet\" hidden>No task has these words.</p>\n",
    );
    html
}

/// Leaves out what is not used by a task that costs nothing.
fn figure(task: &TaskAccount, words: String) -> String {
    if task.is_paid() { words } else { String::new() }
}

fn worked(task: &TaskAccount) -> u64 {
    task.attempts.iter().filter_map(|attempt| attempt.millis).sum()
}

/// Draws when a task was worked on within the run.
fn when(task: &TaskAccount, from: Time, to: Time) -> String {
    let whole = to.since(from).as_millis().max(1) as f64;
    let at = |time: Time| time.since(from).as_millis() as f64 * 100.0 / whole;
    let mut svg = String::from(
        "<svg class=\"when\" width=\"100%\" height=\"10\" aria-hidden=\"true\"><line x2=\"100%\" y1=\"5\" y2=\"5\"/>",
    );
    for attempt in &task.attempts {
        let start = at(attempt.started_at).min(100.0 - LEAST_WIDTH);
        let width = (at(attempt.ended_at.unwrap_or(to)) - start).clamp(LEAST_WIDTH, 100.0);
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{start:.2}%\" width=\"{width:.2}%\" height=\"10\" rx=\"1.5\"/>",
            line(&attempt.state, MAX_NAME)
        );
    }
    svg + "</svg>"
}

/// Returns the time from the first to the last that is known of a run's attempts.
fn span(account: &Account) -> (Time, Time) {
    let run = &account.run;
    let from = run.started_at.unwrap_or(run.created_at);
    let ends = account.tasks.iter().flat_map(|task| &task.attempts).filter_map(|attempt| attempt.ended_at);
    (from, ends.chain(run.ended_at.or(Some(run.last_at))).max().unwrap_or(from))
}

/// Says what a task came to, in a line.
fn outcome(task: &TaskAccount) -> String {
    let summary = task.attempts.last().map(|attempt| attempt.summary.as_str()).unwrap_or_default();
    let said = match task.state {
        TaskState::Completed => summary,
        _ if task.reason.is_empty() => summary,
        _ => &task.reason,
    };
    let changed = task.diff.as_ref().filter(|diff| diff.changed > 0).map(|diff| {
        let files = words::count(diff.changed, "file");
        format!("<small>{files}, <ins>+{}</ins> <del>-{}</del></small> ", diff.insertions, diff.deletions)
    });
    changed.unwrap_or_default() + &line(said, MAX_OUTCOME)
}

/// What was used by those of one agent and model.
#[derive(Default)]
struct Share {
    tasks: usize,
    attempts: usize,
    succeeded: usize,
    millis: u64,
    usage: Usage,
}

fn agents(account: &Account) -> String {
    let mut shares: BTreeMap<(&str, Option<&String>), Share> = BTreeMap::new();
    for task in account.tasks.iter().filter(|task| task.work == WorkKind::Agent) {
        let mut last = None;
        for attempt in &task.attempts {
            let key = (attempt.agent.as_str(), attempt.model.as_ref());
            let share = shares.entry(key).or_default();
            share.tasks += usize::from(last != Some(key));
            share.attempts += 1;
            share.succeeded += usize::from(attempt.state == "succeeded");
            share.millis += attempt.millis.unwrap_or_default();
            share.usage.add(&attempt.usage);
            last = Some(key);
        }
    }
    if shares.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<h2>By agent</h2>\n<div class=\"wide\"><table class=\"agents\">\n<thead><tr><th scope=\"col\">agent</th>\
         <th scope=\"col\" class=\"n\">tasks</th><th scope=\"col\" class=\"n\">attempts</th>\
         <th scope=\"col\" class=\"n\">succeeded</th><th scope=\"col\" class=\"n\">time</th>\
         <th scope=\"col\" class=\"n\">input</th><th scope=\"col\" class=\"n\">output</th><th scope=\"col\" class=\"n\">cached</th>\
         <th scope=\"col\" class=\"n\">cost</th></tr></thead>\n<tbody>\n",
    );
    for ((agent, model), share) in shares {
        let Usage { input_tokens, output_tokens, cached_tokens, cost_usd } = share.usage;
        let [input, output, cached] = [input_tokens, output_tokens, cached_tokens].map(words::tokens);
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", who(agent, model));
        let (time, cost) = (time(share.millis), words::cost(cost_usd));
        for figure in [share.tasks, share.attempts, share.succeeded] {
            let _ = write!(html, "<td class=\"n\">{figure}</td>");
        }
        let spent = [input, output, cached, cost]
            .map(|figure| if agent == BUILT_IN { String::new() } else { figure });
        for figure in [time].into_iter().chain(spent) {
            let _ = write!(html, "<td class=\"n\">{}</td>", escaped(&figure));
        }
        html.push_str("</tr>\n");
    }
    html + "</tbody></table></div>\n"
}

fn who(agent: &str, model: Option<&String>) -> String {
    let model = model.map(|model| format!(" <small>{}</small>", line(model, MAX_NAME))).unwrap_or_default();
    format!("{}{model}", line(agent, MAX_NAME))
}

fn state(name: &str, words: &str) -> String {
    format!("<span class=\"state {name}\">{}</span>", escaped(words))
}

fn of_state(state: TaskState) -> String {
    match state {
        TaskState::AwaitingInput => "waiting for you".to_owned(),
        other => other.name().replace('_', " "),
    }
}

fn time(millis: u64) -> String {
    words::duration(Duration::from_millis(millis))
}

/// Returns a time to the minute: `2026-01-05 09:59 UTC`.
fn moment(at: Time) -> String {
    let text = at.to_string();
    let (day, rest) = text.split_once('T').unwrap_or((&text, ""));
    format!("{day} {} UTC", rest.get(..5).unwrap_or(rest))
}

/// Makes one line of text of anybody's words.
fn line(text: &str, max_chars: usize) -> String {
    escaped(&clean_line(text, max_chars))
}

/// The same, with the lines that it has.
fn paragraph(text: &str) -> String {
    escaped(&clean_text(text, 4_000))
}

#[cfg(test)]
mod tests {
    use super::super::fitting::tests::small;
    use super::*;

    #[test]
    fn the_table_says_what_became_of_each_task() {
        let mut account = small();
        let task = &mut account.tasks[1];
        (task.state, task.reason) = (TaskState::NeedsReview, "verify_failed: cargo test".to_owned());
        let html = body(&account, All::of(&account));
        let row = html.lines().find(|line| line.starts_with("<tr id=\"row-t1\"")).expect("a row");
        for words in
            [">needs review<", "href=\"#task/t1\"", "1m 12s", "$0.02", "verify_failed: cargo test", ">900<"]
        {
            assert!(row.contains(words), "{words}: {row}");
        }
        let first = html.lines().find(|line| line.starts_with("<tr id=\"row-t0\"")).expect("a row");
        assert!(first.contains(">completed<") && first.contains(">done<"), "{first}");
        assert!(html.contains("the goal") && html.contains("2026-01-05 09:59 UTC"), "{html}");
    }

    #[test]
    fn who_tells_no_price_is_named_beside_the_cost() {
        let mut account = small();
        assert_eq!(account.without_price(), None);
        let attempt = &mut account.tasks[1].attempts[0];
        (attempt.usage.cost_usd, attempt.agent) = (None, "codex".to_owned());
        assert_eq!(account.without_price().as_deref(), Some("codex"));
    }

    #[test]
    fn an_attempt_is_drawn_where_it_was_within_the_run() {
        let account = small();
        let task = &account.tasks[0];
        let from = task.attempts[0].started_at;
        let drawn = when(task, from.moved(-72_400), from.moved(72_400));
        assert!(drawn.contains("class=\"succeeded\" x=\"50.00%\" width=\"50.00%\""), "{drawn}");
        let narrow = when(task, from.moved(-100_000_000), from.moved(72_400));
        assert!(narrow.contains("width=\"1.20%\""), "{narrow}");
    }
}
