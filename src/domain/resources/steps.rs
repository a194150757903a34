//! The body of a workflow file, cut into steps.
//!
//! A step starts with a heading `## id`. Lines of `key: value` follow up to the first blank line, and after that the
//! task text up to the next step. Task text is Markdown and may have `##` headings of its own, so a heading counts as a
//! step only if a key follows it; inside a fenced block nothing counts.

use super::front_matter::split_list;
use super::is_id;
use super::limits;
use super::report::Report;
use super::reviewed::MAX_ROUNDS;
use super::workflow::{Step, Submit};
use crate::domain::gate::StepGates;
use crate::domain::links;
use crate::domain::nearest::nearest;
use crate::domain::retry;
use crate::domain::submission::{self, Field};
use crate::domain::time::read_duration;
use crate::domain::tree_check::Bounds;
use crate::domain::when::When;
use std::time::Duration;

const KEYS: [&str; 30] = [
    "role",
    "agent",
    "dependsOn",
    "reviews",
    "rounds",
    "run",
    "verify",
    "timeout",
    "retries",
    "backoff",
    "submit",
    "continueOnError",
    "when",
    "confidence",
    "output",
    "reads",
    "fields",
    "model",
    "writes",
    "worktree",
    "link",
    "gate",
    "action",
    "environment",
    "maxCost",
    "maxTokens",
    "maxTime",
    "maxAttempts",
    "maxToolCalls",
    "task",
];

const UNSUPPORTED: [&str; 2] = ["skills", "parallelGroup"];

/// Keys that say how an agent is asked, which a command is not.
const AGENT_KEYS: [&str; 8] =
    ["role", "agent", "model", "submit", "confidence", "fields", "reviews", "rounds"];

fn is_for_agents(key: &str) -> bool {
    AGENT_KEYS.contains(&key) || limits::AGENT_KEYS.contains(&key)
}

/// Names that a condition gives another meaning.
const RESERVED_IDS: [&str; 2] = ["vars", "always"];

const MAX_RETRIES: u32 = 10;
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

struct Line<'a> {
    number: usize,
    text: &'a str,
    /// Whether it belongs to a fenced block, and so is text whatever it looks like.
    is_fenced: bool,
}

impl<'a> Line<'a> {
    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// Returns the text of a second-level heading.
    fn heading(&self) -> Option<&'a str> {
        let title = self.text.strip_prefix("##").filter(|_| !self.is_fenced)?;
        (title.is_empty() || title.starts_with([' ', '\t'])).then(|| title.trim())
    }

    /// Returns the key and the value of a `key: value` line.
    fn pair(&self) -> Option<(&'a str, &'a str)> {
        let (key, value) = self.text.split_once(':').filter(|_| !self.is_fenced)?;
        let is_word = key.starts_with(|letter: char| letter.is_ascii_alphabetic()) && is_id(key);
        let is_apart = value.is_empty() || value.starts_with([' ', '\t']) || is_known(key);
        (is_word && is_apart).then(|| (key, value.trim()))
    }
}

fn is_known(key: &str) -> bool {
    KEYS.contains(&key) || UNSUPPORTED.contains(&key)
}

/// Reads the steps; `body_line` is the line of the file on which the body starts.
pub(super) fn read(body: &str, body_line: usize, report: &mut Report) -> Vec<Step> {
    let lines = read_lines(body, body_line, report);
    let starts = find_steps(&lines, report);
    if starts.is_empty() {
        report.add_with(
            body_line - 1,
            "the workflow has no steps",
            "add a heading `## ID` and a line `role: NAME` below it",
        );
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts.iter().zip(ends).map(|(&start, end)| read_step(&lines[start..end], report)).collect()
}

fn read_lines<'a>(body: &'a str, body_line: usize, report: &mut Report) -> Vec<Line<'a>> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: Option<(usize, &str)> = None;
    for (index, text) in body.lines().enumerate() {
        let fence = fence(text);
        let is_fenced = open.is_some() || fence.is_some();
        match (open, fence) {
            (None, Some(fence)) => open = Some((index, fence)),
            (Some((_, opened)), Some(fence)) if closes(opened, fence, text) => open = None,
            _ => {}
        }
        lines.push(Line { number: body_line + index, text, is_fenced });
    }
    if let Some((index, _)) = open {
        report.add_with(
            lines[index].number,
            "this fenced block is never closed",
            "close it with a line like its first",
        );
        // Otherwise it would swallow the steps that follow, and each would be missed somewhere.
        lines[index..].iter_mut().for_each(|line| line.is_fenced = false);
    }
    lines
}

/// Returns the row of backticks or tildes that opens or closes a fenced block.
fn fence(text: &str) -> Option<&str> {
    let inner = text.trim_start_matches(' ');
    let mark = inner.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let rest = inner.trim_start_matches(mark);
    let row = &inner[..inner.len() - rest.len()];
    let is_code_in_line = mark == '`' && rest.contains('`');
    (text.len() - inner.len() <= 3 && row.len() >= 3 && !is_code_in_line).then_some(row)
}

fn closes(opened: &str, fence: &str, text: &str) -> bool {
    fence.starts_with(opened) && text.trim() == fence
}

/// Returns the indices of the lines that start a step.
fn find_steps(lines: &[Line], report: &mut Report) -> Vec<usize> {
    let headings: Vec<(usize, &str)> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.heading()?))).collect();
    let has_keys = |at: usize, title: &str| {
        let next = lines[at + 1..].iter().find(|line| !line.is_blank());
        next.and_then(Line::pair).is_some_and(|(key, _)| starts_step(title, key))
    };
    // Where no heading has keys, every one of them is a step.
    if !headings.iter().any(|(at, title)| has_keys(*at, title)) {
        return headings.into_iter().map(|(at, _)| at).collect();
    }
    let mut starts = Vec::new();
    for (at, title) in headings {
        let is_step = has_keys(at, title);
        if !is_step && looks_like_id(title) {
            // Left to the task text of another step, it would be lost in silence.
            let message = format!("`## {title}` is not a step, because no `key: value` line follows it");
            let hint =
                format!("add `role: NAME` below it, or write `### {title}` for a heading of the task text");
            report.add_with(lines[at].number, message, hint);
        }
        if is_step || looks_like_id(title) {
            starts.push(at);
        }
    }
    starts
}

/// Tells whether a heading with this key below it was meant as a step.
fn starts_step(title: &str, key: &str) -> bool {
    is_known(key)
        || nearest(key, KEYS.into_iter().chain(UNSUPPORTED)).is_some()
        || (looks_like_id(title) && key.starts_with(|letter: char| letter.is_ascii_lowercase()))
}

fn looks_like_id(title: &str) -> bool {
    is_id(title) && !title.starts_with(|letter: char| letter.is_ascii_uppercase())
}

/// Reads one step from its heading to the line before the next.
fn read_step(lines: &[Line], report: &mut Report) -> Step {
    let id = lines[0].heading().unwrap_or_default().to_owned();
    let line = lines[0].number;
    if !is_id(&id) {
        let hint = "use letters, digits, `-` and `_`; at most 64, a letter or digit first";
        report.add_with(line, format!("`{id}` cannot be the id of a step"), hint);
    } else if RESERVED_IDS.contains(&id.as_str()) {
        report.add(line, format!("`{id}` cannot be the id of a step: it has a meaning of its own in `when`"));
    }
    let mut step = Step { role: id.clone(), id, line, ..Step::default() };
    let mut rest = &lines[1..];
    let blank = rest.iter().take_while(|line| line.is_blank()).count();
    if rest.get(blank).is_some_and(|line| line.pair().is_some()) {
        let length = rest[blank..].iter().take_while(|line| !line.is_blank()).count();
        rest[blank..blank + length].iter().for_each(|line| read_key(&mut step, line, report));
        rest = &rest[blank + length..];
    }
    take_task(&mut step, rest, report);
    check_kind(&step, report);
    step
}

fn take_task(step: &mut Step, lines: &[Line], report: &mut Report) {
    let Some(first) = lines.iter().position(|line| !line.is_blank()) else { return };
    let last = lines.iter().rposition(|line| !line.is_blank()).unwrap_or(first);
    if !step.task.is_empty() {
        let message = format!("step `{}` has a `task` and a text below its keys", step.id);
        report.add_with(lines[first].number, message, "keep one of them");
    }
    let texts: Vec<&str> = lines[first..=last].iter().map(|line| line.text).collect();
    step.task = texts.join("\n");
}

/// Reports a step that is neither a task nor a command, or both.
fn check_kind(step: &Step, report: &mut Report) {
    if step.worktree == Some(false) && !step.link.is_empty() {
        let message = "`link` means nothing for a step that works in your own folder";
        report.add_with(step.line_of("link"), message, "take it out, or say `worktree: true`");
    }
    match (&step.run, step.task.is_empty()) {
        (None, true) => {
            let hint = "write the task below a blank line, or add `run: COMMAND`";
            report.add_with(step.line, format!("step `{}` has nothing to do", step.id), hint);
        }
        (Some(_), false) => {
            let hint = "make two steps of it; the second with a `dependsOn`";
            report.add_with(
                step.line_of("run"),
                format!("step `{}` has both a command and a task", step.id),
                hint,
            );
        }
        (Some(_), true) => {
            for (key, line) in step.key_lines.iter().filter(|(key, _)| is_for_agents(key)) {
                report.add_with(*line, format!("`{key}` means nothing for a command step"), "take it out");
            }
            if step.gates.plan {
                let message = "`gate: plan` means nothing for a command step";
                report.add_with(step.line_of("gate"), message, "a command makes no plan; say `before`");
            }
        }
        (None, false) => {
            if step.gates.plan && step.submit == Submit::Optional {
                let message =
                    "`gate: plan` needs a plan that is handed in, and `submit: optional` asks for none";
                report.add_with(step.line_of("gate"), message, "take one of the two out");
            }
        }
    }
}

fn read_key(step: &mut Step, line: &Line, report: &mut Report) {
    let Some((key, value)) = line.pair() else {
        let hint = "leave a blank line between the keys and the task text";
        return report.add_with(line.number, "this line is not `key: value`", hint);
    };
    if key == "parallelGroup" {
        let hint =
            "steps start as soon as their dependencies are done; say with `dependsOn` what waits for what";
        return report.add_with(
            line.number,
            "`parallelGroup` is not supported by this version of crew",
            hint,
        );
    }
    if UNSUPPORTED.contains(&key) {
        return report.add_unsupported(line.number, key);
    }
    let Some(known) = KEYS.into_iter().find(|known| *known == key) else {
        return report.add_unknown(line.number, format!("unknown key `{key}`"), key, KEYS.into_iter());
    };
    match step.key_line(known) {
        // Every line of `verify` adds a command; the first stands for all of them.
        Some(_) if known == "verify" => {}
        Some(first) => {
            let message = format!("`{key}` already stands in line {first}");
            return report.add_with(line.number, message, "keep one of the two");
        }
        None => step.key_lines.push((known, line.number)),
    }
    if value.is_empty() {
        return report.add(line.number, format!("`{key}` is empty"));
    }
    if let Err(wrong) = set(step, known, value) {
        match wrong.hint {
            Some(hint) => report.add_with(line.number, wrong.message, hint),
            None => report.add(line.number, wrong.message),
        }
    }
}

/// What is wrong with a value.
struct Wrong {
    message: String,
    hint: Option<String>,
}

fn wrong<T>(message: String, hint: impl Into<Option<&'static str>>) -> Result<T, Wrong> {
    Err(Wrong { message, hint: hint.into().map(str::to_owned) })
}

fn set(step: &mut Step, key: &str, value: &str) -> Result<(), Wrong> {
    match key {
        "role" => step.role = value.to_owned(),
        "agent" => step.agent = Some(value.to_owned()),
        "dependsOn" => step.depends_on = read_list(value),
        "reviews" => step.reviews = Some(value.to_owned()),
        "rounds" => step.rounds = read_rounds(value)?,
        "run" => step.run = Some(value.to_owned()),
        "verify" => step.verify.push(read_check(value)?),
        "timeout" => step.timeout = Some(read_timeout(value)?),
        "retries" => step.retries = Some(read_retries(value)?),
        "backoff" => step.backoff = Some(read_backoff(value)?),
        "submit" => step.submit = read_submit(value)?,
        "continueOnError" => step.continue_on_error = read_flag(key, value)?,
        "when" => step.when = Some(read_when(value)?),
        "confidence" => step.confidence = Some(read_confidence(value)?),
        "output" => step.output = read_output(value)?,
        "reads" if value == "false" => {}
        "reads" => step.reads = read_list(value),
        "gate" => step.gates = read_gates(value)?,
        "action" => step.action = Some(read_name(key, value)?),
        "environment" => step.environment = Some(read_name(key, value)?),
        "fields" => step.fields = read_fields(value)?,
        "writes" => step.writes = read_globs(value)?,
        "worktree" => step.worktree = Some(read_flag(key, value)?),
        "link" => step.link = read_links(value)?,
        "model" => step.model = (value != "false").then(|| value.to_owned()),
        limit if limits::KEYS.contains(&limit) => {
            limits::set(&mut step.budget, limit, value).or_else(|message| wrong(message, None))?
        }
        _ => step.task = value.to_owned(),
    }
    Ok(())
}

fn read_list(value: &str) -> Vec<String> {
    split_list(value.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(value))
}

fn read_gates(value: &str) -> Result<StepGates, Wrong> {
    let mut gates = StepGates::default();
    for name in read_list(value) {
        match name.as_str() {
            "before" => gates.before = true,
            "plan" => gates.plan = true,
            "after" => gates.after = true,
            other => {
                let message = format!("`gate: {other}` is none of before, plan, after");
                let hint =
                    "before: a person lets it start; plan: approves its plan; after: accepts its result";
                return wrong(message, hint);
            }
        }
    }
    Ok(gates)
}

fn read_name(key: &str, value: &str) -> Result<String, Wrong> {
    if is_id(value) {
        return Ok(value.to_owned());
    }
    wrong(format!("`{key}: {value}` is no name"), "use letters, digits, `-` and `_`")
}

fn read_globs(value: &str) -> Result<Vec<String>, Wrong> {
    let globs = read_list(value);
    match Bounds::read(&globs) {
        Ok(_) => Ok(globs),
        Err(message) => wrong(
            message,
            "write globs with commas between them, as in `src/**, docs/*.md`; `{a,b}` has to be written out",
        ),
    }
}

fn read_links(value: &str) -> Result<Vec<String>, Wrong> {
    match links::read(&read_list(value)) {
        Ok(names) => Ok(names),
        Err(message) => {
            wrong(format!("`link`: {message}"), "name folders of this repository: `node_modules, web/target`")
        }
    }
}

fn read_check(value: &str) -> Result<String, Wrong> {
    if matches!(value, "true" | "false") {
        return wrong(
            format!("`verify: {value}` checks nothing"),
            "write the command to run: `verify: cargo test`",
        );
    }
    // `[ -f x ]` with a space is a command.
    if value.starts_with('[') && !value.starts_with("[ ") && !value.starts_with("[[ ") {
        return wrong("`verify` takes one command".to_owned(), "write one `verify:` line for each command");
    }
    Ok(value.to_owned())
}

fn read_timeout(value: &str) -> Result<Duration, Wrong> {
    match read_duration(value, &["s", "m", "h"]) {
        Some(timeout) if timeout > Duration::ZERO && timeout <= MAX_TIMEOUT => Ok(timeout),
        Some(_) => wrong(format!("the timeout `{value}` is not between 1s and 24h"), None),
        None => wrong(
            format!("`{value}` is not a timeout"),
            "write seconds, or a number with s, m or h: `90s`, `10m`, `2h`",
        ),
    }
}

fn read_retries(value: &str) -> Result<u32, Wrong> {
    match value.parse::<u32>() {
        Ok(retries) if retries <= MAX_RETRIES => Ok(retries),
        _ => {
            wrong(format!("`retries` has to be a whole number from 0 to {MAX_RETRIES}, not `{value}`"), None)
        }
    }
}

fn read_rounds(value: &str) -> Result<u32, Wrong> {
    match value.parse::<u32>() {
        Ok(rounds) if (1..=MAX_ROUNDS).contains(&rounds) => Ok(rounds),
        _ => wrong(
            format!("`rounds` has to be a whole number from 1 to {MAX_ROUNDS}, not `{value}`"),
            "without it, the work is reviewed once and not sent back",
        ),
    }
}

fn read_backoff(value: &str) -> Result<Duration, Wrong> {
    match read_duration(value, &["ms", "s", "m"]) {
        Some(backoff) if backoff <= retry::MAX_DELAY => Ok(backoff),
        _ => wrong(
            format!("`backoff` has to be a time of at most 15m, not `{value}`"),
            "write seconds, or a number with ms, s or m: `500ms`, `10s`, `2m`",
        ),
    }
}

fn read_submit(value: &str) -> Result<Submit, Wrong> {
    match value {
        "required" => Ok(Submit::Required),
        "optional" => Ok(Submit::Optional),
        _ => wrong(format!("`submit` has to be `required` or `optional`, not `{value}`"), None),
    }
}

fn read_flag(key: &str, value: &str) -> Result<bool, Wrong> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => wrong(format!("`{key}` has to be `true` or `false`, not `{value}`"), None),
    }
}

fn read_when(value: &str) -> Result<When, Wrong> {
    When::parse(value).map_err(|error| Wrong { message: format!("`when`: {error}"), hint: error.hint })
}

fn read_fields(value: &str) -> Result<Vec<Field>, Wrong> {
    submission::parse_fields(value)
        .map_err(|bad| Wrong { message: format!("`fields`: {}", bad.message), hint: bad.hint })
}

fn read_confidence(value: &str) -> Result<f64, Wrong> {
    match value.parse::<f64>() {
        Ok(confidence) if (0.0..=1.0).contains(&confidence) => Ok(confidence),
        _ => wrong(format!("`confidence` has to be a number from 0 to 1, not `{value}`"), None),
    }
}

fn read_output(value: &str) -> Result<Option<String>, Wrong> {
    let is_plain =
        value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    match value {
        "false" => Ok(None),
        _ if is_plain && !value.starts_with('.') && value.len() <= 100 => Ok(Some(value.to_owned())),
        _ => wrong(
            format!("`{value}` is not a plain file name"),
            "use letters, digits, `.`, `_` and `-`, without a folder and without a dot in front",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line, the message and the hint of a problem.
    type Told = (usize, String, Option<String>);

    fn read_body(body: &str) -> (Vec<Step>, Vec<Told>) {
        let mut report = Report::new("x.workflow.md");
        let steps = read(body, 1, &mut report);
        let problems = report.into_problems().into_iter();
        (steps, problems.map(|problem| (problem.line.unwrap_or(0), problem.message, problem.hint)).collect())
    }

    fn read_ok(body: &str) -> Vec<Step> {
        let (steps, problems) = read_body(body);
        assert_eq!(problems, [], "{body}");
        steps
    }

    fn ids(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.id.as_str()).collect()
    }

    #[test]
    fn every_key_reaches_the_step() {
        let steps = read_ok(
            "Some words first.\n\n## build\nrole: executor\nagent: codex\ndependsOn: a, b\nverify: cargo test, all: of it\n\
             verify: [ -f x ]\ntimeout: 10m\nretries: 0\nbackoff: 500ms\nsubmit: optional\ncontinueOnError: true\n\
             when: a.state == completed\nconfidence: 0.5\ngate: before, after\naction: deploy\nenvironment: staging\noutput: notes.md\nreads: [plan.md]\nwrites: src/**, docs/*.md\nworktree: true\nlink: target/, web/node_modules\nmodel: big\n\n\nDo it: {goal}\n\n  now\n\n",
        );
        let step = &steps[0];
        assert_eq!((step.role.as_str(), step.agent.as_deref()), ("executor", Some("codex")));
        assert_eq!(
            (step.depends_on.join(" "), step.reads.join(" ")),
            ("a b".to_owned(), "plan.md".to_owned())
        );
        assert_eq!(step.verify, ["cargo test, all: of it", "[ -f x ]"]);
        assert_eq!((step.timeout, step.retries), (Some(Duration::from_secs(600)), Some(0)));
        assert_eq!(step.backoff, Some(Duration::from_millis(500)));
        assert_eq!((step.submit, step.continue_on_error), (Submit::Optional, true));
        assert_eq!(step.when.as_ref().unwrap().to_string(), "a.state == completed");
        assert_eq!((step.confidence, step.output.as_deref()), (Some(0.5), Some("notes.md")));
        assert_eq!(step.writes, ["src/**", "docs/*.md"]);
        assert_eq!((step.worktree, step.link.join(" ")), (Some(true), "target web/node_modules".to_owned()));
        assert_eq!((step.model.as_deref(), step.task.as_str()), (Some("big"), "Do it: {goal}\n\n  now"));
        let gates = StepGates { before: true, plan: false, after: true };
        let names = (step.action.as_deref(), step.environment.as_deref());
        assert_eq!((step.gates, names), (gates, (Some("deploy"), Some("staging"))));
        assert_eq!((step.line, step.line_of("agent"), step.line_of("run")), (3, 5, 3));
        assert_eq!(serde_json::to_value(step).unwrap()["timeout_seconds"], 600);
    }

    #[test]
    fn a_command_step_keeps_its_command_as_it_is() {
        let steps = read_ok("## test\nrun: sh -c 'echo a, b: c' # {x}\n");
        assert_eq!(steps[0].run.as_deref(), Some("sh -c 'echo a, b: c' # {x}"));
        assert_eq!(read_ok("## a\r\ntask: do it\r\n")[0].task, "do it");
        assert_eq!(read_ok("## a\noutput: false\nmodel: false\nreads: false\n\nDo.")[0].output, None);
    }

    #[test]
    fn headings_and_fences_inside_a_task_are_text() {
        let body = "## a\nrole: r\n\nFirst.\n## What to hand in\nNote: this\n## Notes\n\nWords.\n### role\nrole: x\n\
                    ````md\n```\n## c\nrole: r\n````\n~~~\n## d\nrole: r\n~~~\n```not `a` fence```\n## b\nrole: r\n\nSecond.\n";
        let steps = read_ok(body);
        assert_eq!(ids(&steps), ["a", "b"]);
        assert!(steps[0].task.ends_with("```not `a` fence```"));
        assert_eq!(steps[1].task, "Second.");
    }

    #[test]
    fn where_no_heading_has_keys_every_heading_is_a_step() {
        let steps = read_ok("## explorer\n\nLook at {goal}.\n\n## writer\n\nWrite.\n");
        assert_eq!(ids(&steps), ["explorer", "writer"]);
        assert_eq!((steps[0].role.as_str(), steps[0].task.as_str()), ("explorer", "Look at {goal}."));
    }

    #[test]
    fn a_heading_that_reads_like_a_step_is_not_lost_in_a_text() {
        let (steps, problems) = read_body("## a\nrole: r\n\nFirst.\n\n## report\n\nSecond.\n");
        assert_eq!(ids(&steps), ["a", "report"]);
        assert!(problems[0].0 == 6 && problems[0].1.contains("`## report` is not a step"), "{problems:?}");
    }

    #[test]
    fn an_unknown_key_is_told_even_where_it_is_the_first() {
        let (_, problems) =
            read_body("## a\nroel: r\n\nDo.\n\n## b\ncolour: red\n\nDo.\n\n## The third\nroles: r\n\nDo.\n");
        assert_eq!(problems[0].1, "unknown key `roel`");
        assert_eq!(problems[0].2.as_deref(), Some("did you mean `role`?"));
        assert_eq!((problems[1].0, problems[1].1.as_str()), (7, "unknown key `colour`"));
        assert_eq!(problems[2].1, "`The third` cannot be the id of a step");
        assert_eq!(problems[3].1, "unknown key `roles`");
    }

    #[test]
    fn each_wrong_value_is_told_with_its_line() {
        for (line, words) in [
            ("timeout: 0", "not between 1s and 24h"),
            ("timeout: 25h", "not between 1s and 24h"),
            ("timeout: 18446744073709551615h", "not a timeout"),
            ("timeout: +5", "not a timeout"),
            ("timeout: 5 minutes", "not a timeout"),
            ("retries: 11", "from 0 to 10"),
            ("retries: -1", "from 0 to 10"),
            ("backoff: 16m", "a time of at most 15m"),
            ("backoff: soon", "a time of at most 15m"),
            ("submit: maybe", "`required` or `optional`"),
            ("continueOnError: yes", "`true` or `false`"),
            ("when: a.state = failed", "column 9"),
            ("confidence: 1.1", "from 0 to 1"),
            ("confidence: nan", "from 0 to 1"),
            ("maxCost: much", "no amount of dollars"),
            ("maxCost: 0", "has to be above 0"),
            ("maxTokens: -5", "no count"),
            ("maxTime: 1 day", "no time"),
            ("maxTims: 1h", "unknown key `maxTims`"),
            ("output: a/b.md", "not a plain file name"),
            ("output: .hidden", "not a plain file name"),
            ("verify: true", "checks nothing"),
            ("verify: [a, b]", "one command"),
            ("verify:", "`verify` is empty"),
            ("gate: human", "none of before, plan, after"),
            ("action: rm -rf", "is no name"),
            ("writes: src/{a,b}", "unclosed alternate group"),
            ("writes: /etc/passwd", "begins with `/`"),
            ("writes: src/**, ../x", "`../x` is not a glob of this repository"),
            ("worktree: yes", "`worktree` has to be `true` or `false`, not `yes`"),
            ("link: ../x", "`link`: `../x` leads out of the repository"),
            ("link: /tmp", "`/tmp` is an absolute path"),
            ("link: .git", "belongs to git or crew"),
            ("link: a, a/b", "one lies inside the other"),
            ("skills: x", "`skills` is not supported by this version of crew"),
            ("parallelGroup: x", "`parallelGroup` is not supported"),
            ("progress: true", "unknown key `progress`"),
            ("role: s", "`role` already stands in line 2"),
            ("and so on", "not `key: value`"),
        ] {
            let (_, problems) = read_body(&format!("## a\nrole: r\n{line}\n\nDo.\n"));
            assert_eq!(problems.len(), 1, "{line}: {problems:?}");
            assert!(problems[0].0 == 3 && problems[0].1.contains(words), "{line}: {problems:?}");
        }
    }

    #[test]
    fn a_step_is_either_a_task_or_a_command() {
        for (body, words) in [
            ("## a\nrole: r\n", "nothing to do"),
            ("## a\nrun: x\n\nDo.\n", "both a command and a task"),
            ("## a\nrole: r\ngate: plan\nsubmit: optional\n\nDo.\n", "needs a plan that is handed in"),
            ("## a\nrun: x\ngate: plan\n", "`gate: plan` means nothing for a command step"),
            (
                "## a\nrun: x\nworktree: false\nlink: y\n",
                "`link` means nothing for a step that works in your own",
            ),
            ("## a\nrun: x\nmodel: big\n", "`model` means nothing for a command step"),
            ("## a\ntask: x\n\nDo.\n", "a `task` and a text"),
            ("## a b\nrun: x\n", "cannot be the id"),
            ("## vars\nrun: x\n", "cannot be the id"),
            ("##\nrun: x\n", "cannot be the id"),
            ("Only words.\n", "no steps"),
            ("## a\nrole: r\n\n```\nDo.\n", "never closed"),
        ] {
            let (_, problems) = read_body(body);
            assert_eq!(problems.len(), 1, "{body}: {problems:?}");
            assert!(problems[0].1.contains(words), "{body}: {problems:?}");
        }
    }
}
