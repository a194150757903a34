//! The picture on a terminal.

use super::lines::{Areas, GAP, Place, Row, Widths, areas, first_shown, rows, widths};
use super::picture::{GateLine, Picture, RunLine};
use super::view::{Mode, View};
use crate::domain::time::Time;
use crate::domain::words::clean_line;
use crate::ui::full_screen::style_of;
use crate::ui::printer::Tone;
use crate::ui::table::cut;
use crate::ui::words;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The end of a task's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogText {
    pub of: Place,
    /// Harmless lines, the newest last.
    pub lines: Vec<String>,
    /// There is more before them.
    pub is_cut: bool,
}

/// All that is drawn.
pub struct Scene<'a> {
    pub picture: &'a Picture,
    pub log: Option<&'a LogText>,
    /// Why what is shown is not the newest.
    pub stale: Option<&'a str>,
    pub now: Time,
    /// Nothing has been read yet: the picture says nothing.
    pub is_unread: bool,
}

const HELP: [(&str, &str); 17] = [
    ("q ctrl-C", "leave; the runs go on"),
    ("up down j k", "choose a line"),
    ("enter right", "show the tasks of a run; of a task, its log"),
    ("left", "hide them"),
    ("l", "read the log; it follows, until you go up in it"),
    ("a", "approve the gate that waits here, or answer its question"),
    ("r", "reject it, or send the work back"),
    ("c", "cancel the run or the task"),
    ("x", "put a task back to the queue that did not succeed"),
    ("/", "show only runs that hold these words; escape shows all"),
    ("e", "show runs that have ended, or hide them"),
    ("ctrl-L", "draw everything anew"),
    ("ctrl-Z", "stand aside; fg comes back"),
    ("", ""),
    ("~", "an agent reports no price"),
    ("backing off", "the provider limits requests, or it is tried again later"),
    ("dead letter", "a task that was given up: crew deadletter list"),
];

/// Draws the view into all of a buffer, and returns where somebody types. What the user may move in is taken in by the view.
pub fn draw(buffer: &mut Buffer, view: &mut View, scene: &Scene<'_>) -> Option<(u16, u16)> {
    let area = buffer.area;
    let mut canvas = Canvas { buffer, area };
    match view.mode.clone() {
        Mode::Log { place, from_end } => {
            canvas.log(view, scene, &place, from_end);
            None
        }
        Mode::Help { first } => {
            canvas.help(view, first);
            None
        }
        _ => canvas.list(view, scene),
    }
}

struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl Canvas<'_> {
    fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    /// Writes a text that takes at most `width` columns, and returns how many it took.
    fn put(&mut self, x: usize, y: u16, text: &str, width: usize, style: Style) -> usize {
        let room = self.width().saturating_sub(x).min(width);
        if y >= self.area.height || room == 0 {
            return 0;
        }
        let text = cut(text, room);
        let at = u16::try_from(x).unwrap_or(u16::MAX);
        let (end, _) = self.buffer.set_stringn(at, y, &text, room, style);
        usize::from(end.saturating_sub(at))
    }

    /// Writes parts beside each other, as many as there is room for.
    fn put_parts(&mut self, mut x: usize, y: u16, parts: &[(String, Tone)], end: usize) {
        for (at, (text, tone)) in parts.iter().enumerate() {
            if x + text.width() > end && at > 0 {
                return;
            }
            x += self.put(x, y, text, end.saturating_sub(x), style_of(*tone)) + GAP;
        }
    }

    fn list(&mut self, view: &mut View, scene: &Scene<'_>) -> Option<(u16, u16)> {
        let rows = rows(scene.picture, &view.opened, &view.filter);
        let typing = matches!(view.mode, Mode::Ask(_) | Mode::Filter { .. });
        let mut areas = areas(self.area.height, rows.len());
        if typing && areas.foot == 0 {
            // Whoever is asked something has to see it.
            areas = Areas { list: 0, foot: 1, ..areas };
        }
        let answer = view.answer.as_ref().filter(|_| !typing).map(|(words, ..)| clean_line(words, 500));
        if answer.is_some_and(|words| words.width() > self.width()) && areas.foot == 1 && areas.list > 2 {
            areas = Areas { list: areas.list - 1, foot: 2, ..areas };
        }
        view.page = usize::from(areas.list);
        let end = self.width();
        if areas.heading > 0 {
            self.heading(view, scene, areas.heading);
        }
        let widths = widths(&rows, end);
        let mut y = areas.heading;
        if areas.columns > 0 {
            if !rows.is_empty() {
                self.columns(y, &widths);
            }
            y += 1;
        }
        if rows.is_empty() && areas.list > 0 {
            let words = match (view.filter.is_empty(), scene.picture.ended) {
                _ if scene.is_unread => {
                    scene.stale.map_or("reading ...".to_owned(), |why| clean_line(why, 500))
                }
                (false, _) => "nothing fits the filter: escape takes it away".to_owned(),
                (true, 0) => "no runs yet: crew run \"GOAL\" makes one".to_owned(),
                (true, ended) => format!("nothing is at work   {}: e shows them", ended_words(ended)),
            };
            let lines = wrapped(&words, end).into_iter().take(usize::from(areas.list));
            for (at, line) in lines.enumerate() {
                self.put(0, y + at as u16, &line, end, style_of(Tone::Faint));
            }
        }
        view.first = first_shown(view.first, view.at(), view.page, rows.len());
        for (at, row) in rows.iter().enumerate().skip(view.first).take(view.page) {
            self.row(y, *row, &widths, view);
            if at == view.at() {
                self.buffer.set_style(
                    Rect::new(0, y, self.area.width, 1),
                    Style::new().add_modifier(Modifier::REVERSED),
                );
            }
            y += 1;
        }
        let y = areas.heading + areas.columns + areas.list;
        if areas.pane > 0 {
            self.pane(y, areas.pane, view, scene);
        }
        if areas.foot > 0 { self.foot(y + areas.pane, areas.foot, view, scene) } else { None }
    }

    fn heading(&mut self, view: &View, scene: &Scene<'_>, lines: u16) {
        let end = self.width();
        if scene.is_unread {
            self.put(0, 0, "crew top", end, Style::new().add_modifier(Modifier::BOLD));
            return;
        }
        let stale = scene.stale.map(|why| format!("  {}", clean_line(why, 200))).unwrap_or_default();
        let room = end.saturating_sub(stale.width());
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let name = clean_line(&scene.picture.repository, 40);
        let x = self.put(0, 0, &name, room.min(end / 3 + 4), bold) + GAP;
        let mut parts = scene.picture.heading();
        if lines == 1 {
            parts.extend(scene.picture.second_heading());
        }
        self.put_parts(x, 0, &parts, room);
        self.put(room, 0, &stale, end, style_of(Tone::Attention));
        if lines > 1 {
            let mut parts = scene.picture.second_heading();
            if !view.filter.is_empty() {
                parts.insert(0, (format!("filter: {}", clean_line(&view.filter, 60)), Tone::Attention));
            }
            self.put_parts(0, 1, &parts, end);
        }
    }

    fn columns(&mut self, y: u16, widths: &Widths) {
        let cells = [
            ("run", widths.name, false),
            ("agent", widths.agent, false),
            ("state", widths.state, false),
            ("time", widths.time, true),
            ("tokens", widths.tokens, true),
            ("cost", widths.cost, true),
        ];
        let mut x = 0;
        for (word, width, right) in cells.into_iter().filter(|(_, width, _)| *width > 0) {
            let indent = if right { width.saturating_sub(word.width()) } else { 0 };
            self.put(x + indent, y, word, width, style_of(Tone::Faint));
            x += width + GAP;
        }
    }

    fn row(&mut self, y: u16, row: Row<'_>, widths: &Widths, view: &View) {
        let plain = Tone::Plain;
        let (name, agent, state, time, spent, said) = match row {
            Row::Run(run) => {
                let mark = if view.opened.contains(&run.id) { '▾' } else { '▸' };
                let goal = (run.goal.clone(), plain);
                let said: Vec<(String, Tone)> = run.news().into_iter().chain([goal]).collect();
                let name = format!("{mark} {}", run.short);
                (name, run.team.clone(), run_state(run, widths.state), run.worked, Some(run.spent), said)
            }
            Row::Task(_, task) => {
                let words = if task.attempt > 1 && !task.words.is_empty() {
                    format!("attempt {}: {}", task.attempt, task.words)
                } else {
                    task.words.clone()
                };
                let tone = if task.gate.is_some() { Tone::Attention } else { plain };
                let spent = Some(task.spent).filter(|_| task.attempt > 0);
                let name = format!("    {}", task.id);
                (name, task.agent.clone(), task.shown_state(), task.worked, spent, vec![(words, tone)])
            }
        };
        let has_begun = match row {
            Row::Run(run) => run.is_read,
            Row::Task(_, task) => task.attempt > 0,
        };
        let time = if has_begun { words::duration(time) } else { "-".into() };
        let tokens = spent.filter(|_| has_begun).map_or("-".into(), |spent| spent.tokens());
        let cost = spent.filter(|_| has_begun).map_or("-".into(), |spent| spent.cost());
        let cells = [
            (name, widths.name, false, plain),
            (agent, widths.agent, false, Tone::Faint),
            (state.0, widths.state, false, state.1),
            (time, widths.time, true, plain),
            (tokens, widths.tokens, true, plain),
            (cost, widths.cost, true, plain),
        ];
        let mut x = 0;
        for (text, width, right, tone) in cells.into_iter().filter(|(_, width, ..)| *width > 0) {
            // Half a number is another number.
            let text = if right && text.width() > width { "…".to_owned() } else { text };
            let indent = if right { width - text.width() } else { 0 };
            self.put(x + indent, y, &text, width - indent, style_of(tone));
            x += width + GAP;
        }
        let end = x + widths.words;
        for (text, tone) in said {
            // A few letters say nothing.
            if text.width() > end.saturating_sub(x) && end.saturating_sub(x) < 8 {
                break;
            }
            x += self.put(x, y, &text, end.saturating_sub(x), style_of(tone)) + GAP;
        }
    }

    /// Draws what is known of the chosen line.
    fn pane(&mut self, y: u16, height: u16, view: &View, scene: &Scene<'_>) {
        let end = self.width();
        let Some(row) = view.chosen_in(scene.picture) else { return };
        let (title, mut lines) = about(row, scene.now);
        let mut x = self.put(0, y, "── ", end, style_of(Tone::Faint));
        x += self.put(x, y, &title, end.saturating_sub(x + 1), Style::new().add_modifier(Modifier::BOLD)) + 1;
        let rule = "─".repeat(end.saturating_sub(x));
        self.put(x, y, &rule, end, style_of(Tone::Faint));
        let room = usize::from(height - 1);
        let mut shown: Vec<(String, Tone)> = Vec::new();
        // Who decides has to see all of what they decide about.
        let gate = row.task().and_then(|task| task.gate.as_ref());
        let most = if gate.is_some() { usize::MAX } else { 3 };
        for (text, tone) in lines.drain(..) {
            shown.extend(wrapped(&text, end).into_iter().take(most).map(|line| (line, tone)));
        }
        if let Some(gate) = gate.filter(|_| shown.len() > room) {
            shown.truncate(room.saturating_sub(1));
            shown.push((format!("... crew gates {} shows all of it", gate.id), Tone::Attention));
        }
        let has_more = |gate: &GateLine| !gate.options.is_empty() || !gate.handed_in.is_empty();
        let log = scene.log.filter(|log| Some(&log.of) == view.log_of(scene.picture).as_ref());
        let log = log.filter(|_| !gate.is_some_and(has_more));
        if let Some(log) = log {
            shown.truncate(room.saturating_sub(1).max(room / 2));
            let left = room.saturating_sub(shown.len());
            let mut tail: Vec<String> = Vec::new();
            for line in log.lines.iter().rev() {
                let pieces = wrapped(line, end);
                tail.extend(pieces.into_iter().rev());
                if tail.len() >= left {
                    break;
                }
            }
            tail.truncate(left);
            shown.extend(tail.into_iter().rev().map(|line| (line, Tone::Faint)));
        }
        for (at, (text, tone)) in shown.iter().take(room).enumerate() {
            self.put(0, y + 1 + at as u16, text, end, style_of(*tone));
        }
    }

    fn foot(&mut self, y: u16, lines: u16, view: &View, scene: &Scene<'_>) -> Option<(u16, u16)> {
        let end = self.width();
        let typed = match &view.mode {
            Mode::Ask(ask) => {
                let (question, typed) = ask.line();
                match typed {
                    Some(typed) => Some((question, typed.to_owned())),
                    None => {
                        // Without the keys it is no question.
                        let question = if question.width() > end { ask.keys().to_owned() } else { question };
                        self.put(0, y, &question, end, style_of(Tone::Attention));
                        return None;
                    }
                }
            }
            Mode::Filter { .. } => Some(("/".to_owned(), view.filter.clone())),
            _ => None,
        };
        if let Some((question, typed)) = typed {
            let x = self.put(0, y, &question, end.saturating_sub(end / 3), style_of(Tone::Attention));
            // The end is where somebody types.
            let room = end.saturating_sub(x + 1);
            let width = self.put(x, y, &end_of(&typed, room), room, Style::new());
            return Some((u16::try_from(x + width).unwrap_or(0).min(self.area.width.saturating_sub(1)), y));
        }
        if let Some((words, tone, _)) = &view.answer {
            let words = clean_line(words, 500);
            let (first, rest) = match lines {
                0..=1 => (words, String::new()),
                _ => {
                    let mut pieces = wrapped(&words, end).into_iter();
                    (pieces.next().unwrap_or_default(), pieces.collect::<Vec<_>>().join(" "))
                }
            };
            self.put(0, y, &first, end, style_of(*tone));
            self.put(0, y + 1, &rest, end, style_of(*tone));
            return None;
        }
        let takes = |(key, does): &(&str, &str)| key.width() + 1 + does.width() + GAP;
        // How to get out, and where all keys stand, is there to the last.
        let last = [("?", "help"), ("q", "quit")];
        let mut left = (end + GAP).saturating_sub(last.iter().map(takes).sum());
        let mut keys = keys_for(view, scene.picture);
        keys.retain(|key| {
            let fits = takes(key) <= left;
            left -= if fits { takes(key) } else { left };
            fits
        });
        let mut x = 0;
        for (key, does) in keys.into_iter().chain(last) {
            x += self.put(x, y, key, end, Style::new().add_modifier(Modifier::BOLD)) + 1;
            x += self.put(x, y, does, end, style_of(Tone::Faint)) + GAP;
        }
        None
    }

    fn help(&mut self, view: &mut View, first: usize) {
        let end = self.width();
        let width = HELP.iter().map(|(key, _)| key.width()).max().unwrap_or(0);
        let last = self.area.height.saturating_sub(1);
        let room = usize::from(last.max(1));
        view.log_rows = (HELP.len(), room);
        let first = first.min(HELP.len().saturating_sub(room));
        for (y, (key, does)) in HELP.iter().skip(first).take(room).enumerate() {
            self.put(0, y as u16, key, width, Style::new().add_modifier(Modifier::BOLD));
            self.put(width + GAP, y as u16, does, end, Style::new());
        }
        if last > 0 {
            let words = if HELP.len() > room {
                "up down: more; any other key goes back"
            } else {
                "any key goes back"
            };
            self.put(0, last, words, end, style_of(Tone::Faint));
        }
    }

    fn log(&mut self, view: &mut View, scene: &Scene<'_>, place: &Place, from_end: usize) {
        let end = self.width();
        let lines = self.area.height;
        let (head, foot) = (u16::from(lines > 2), u16::from(lines > 1));
        let room = usize::from(lines - head - foot);
        let log = scene.log.filter(|log| log.of == *place);
        let all: Vec<String> =
            log.map(|log| log.lines.iter().flat_map(|line| wrapped(line, end)).collect()).unwrap_or_default();
        view.log_rows = (all.len(), room);
        let from_end = from_end.min(all.len().saturating_sub(room));
        let last = all.len() - from_end;
        let first = last.saturating_sub(room);
        if head > 0 {
            let run = scene.picture.run(&place.run);
            let short = run.map_or(place.run.as_str(), |run| run.short.as_str());
            let task = place.task.as_ref().map_or("", |task| task.as_str());
            let cut = if log.is_some_and(|log| log.is_cut) { "  its end; crew logs shows all" } else { "" };
            let x =
                self.put(0, 0, &format!("{short} {task}"), end, Style::new().add_modifier(Modifier::BOLD));
            self.put(x, 0, cut, end, style_of(Tone::Faint));
        }
        if all.is_empty() {
            self.put(0, head, "nothing has been printed yet", end, style_of(Tone::Faint));
        }
        for (at, line) in all[first..last].iter().enumerate() {
            self.put(0, head + at as u16, line, end, Style::new());
        }
        if foot > 0 {
            let follows = match from_end {
                0 => ("follows", ""),
                _ => ("held", "G goes on"),
            };
            let parts = [follows.0, follows.1, "up down page g G", "q back"];
            let parts: Vec<(String, Tone)> = parts
                .iter()
                .filter(|part| !part.is_empty())
                .map(|part| ((*part).to_owned(), Tone::Faint))
                .collect();
            self.put_parts(0, lines - 1, &parts, end);
        }
    }
}

fn ended_words(ended: usize) -> String {
    format!("{} ended", words::count(ended, "run"))
}

fn run_state(run: &RunLine, width: usize) -> (String, Tone) {
    let (state, tone) = run.state();
    let with_count = format!("{state} {}/{}", run.settled, run.total);
    if with_count.width() <= width { (with_count, tone) } else { (state, tone) }
}

/// Returns the title of the pane and what stands above the log.
fn about(row: Row<'_>, now: Time) -> (String, Vec<(String, Tone)>) {
    match row {
        Row::Run(run) => {
            let tasks = words::count(run.total, "task");
            let pid = run.health.pid().map(|pid| format!(", pid {pid}")).unwrap_or_default();
            let title = format!("{}  {} team, {tasks}, {} settled{pid}", run.short, run.team, run.settled);
            let mut lines = vec![(run.goal.clone(), Tone::Plain)];
            // Gates are told one by one.
            lines.extend(if run.gates().next().is_none() { run.news() } else { run.trouble() });
            for (task, gate) in run.gates() {
                let waits = words::duration(now.since(gate.opened_at));
                let waits = if gate.overdue { "timed out".to_owned() } else { format!("for {waits}") };
                let words = format!("{} {} of {}, {waits}: {}", gate.id, gate.about, task.id, gate.words);
                lines.push((words, Tone::Attention));
                lines.extend(gate.options.iter().map(|option| (format!("  {option}"), Tone::Plain)));
            }
            (title, lines)
        }
        Row::Task(run, task) => {
            let agent = if task.agent == "-" { String::new() } else { format!("  {}", task.agent) };
            let attempt = match task.attempt {
                0 => String::new(),
                number => format!(", attempt {number}"),
            };
            let title = format!("{} {}{agent}{attempt}", run.short, task.id);
            let tone = if task.gate.is_some() { Tone::Attention } else { Tone::Plain };
            let lines = match &task.gate {
                Some(gate) => {
                    let words = format!("{} {}: {}", gate.id, gate.about, gate.words);
                    let overdue = gate.overdue.then(|| (task.words.clone(), tone));
                    let more = gate.options.iter().chain(&gate.handed_in);
                    let more = more.map(|line| (format!("  {line}"), Tone::Plain));
                    overdue.into_iter().chain([(words, tone)]).chain(more).collect()
                }
                None if task.words.is_empty() => Vec::new(),
                None => vec![(task.words.clone(), tone)],
            };
            (title, lines)
        }
    }
}

/// Returns the keys that do something here, what is wanted most first.
fn keys_for(view: &View, picture: &Picture) -> Vec<(&'static str, &'static str)> {
    let mut keys = Vec::new();
    if let Some(row) = view.chosen_in(picture) {
        let gates = match row.task() {
            Some(task) => usize::from(task.gate.is_some()),
            None => row.run().gates().count(),
        };
        let overdue = match row.task() {
            Some(task) => task.gate.as_ref().is_some_and(|gate| gate.overdue),
            None => row.run().gates().any(|(_, gate)| gate.overdue),
        };
        if gates == 1 && !overdue {
            keys.extend([("a", "approve"), ("r", "reject")]);
        }
        match row {
            Row::Run(run) => {
                keys.push(("enter", if view.opened.contains(&run.id) { "hide" } else { "tasks" }))
            }
            Row::Task(_, task) if task.log.is_some() => keys.push(("enter", "log")),
            Row::Task(..) => {}
        }
        match row {
            Row::Run(run) if !run.has_ended() => keys.extend([("l", "log"), ("c", "cancel")]),
            Row::Run(_) => keys.push(("l", "log")),
            Row::Task(_, task) if task.may_go_back => keys.push(("x", "put back")),
            Row::Task(_, task) if task.state.is_settled() => {}
            Row::Task(..) => keys.push(("c", "cancel")),
        }
    }
    if !view.filter.is_empty() {
        keys.push(("esc", "no filter"));
    }
    keys.extend([("/", "filter"), ("e", if view.all { "open ones only" } else { "ended too" })]);
    keys
}

/// Returns as much of the end of a text as has room.
fn end_of(text: &str, width: usize) -> String {
    let mut left = width;
    let mut kept: Vec<char> = Vec::new();
    for character in text.chars().rev() {
        let takes = character.width().unwrap_or(0);
        if takes > left {
            break;
        }
        left -= takes;
        kept.push(character);
    }
    kept.into_iter().rev().collect()
}

/// Breaks a text into lines of so many columns, at spaces where there are some.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = Vec::new();
    let mut rest = text;
    loop {
        let (mut taken, mut end, mut space) = (0, rest.len(), None);
        for (at, character) in rest.char_indices() {
            taken += character.width().unwrap_or(0);
            if taken > width {
                end = at;
                break;
            }
            if character == ' ' && at > 0 {
                space = Some(at);
            }
        }
        if end == rest.len() {
            lines.push(rest.to_owned());
            return lines;
        }
        // A word that is longer than half of the line is broken.
        let at_space = space.filter(|at| *at > end / 2);
        let (line, left) = rest.split_at(at_space.unwrap_or(end));
        lines.push(line.to_owned());
        rest = left.strip_prefix(' ').unwrap_or(left);
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::line;
    use super::super::picture::{Health, Machine};
    use super::*;
    use crate::domain::event::{Event, Outcome};
    use crate::domain::gate::{About, GateId};
    use crate::domain::id::TaskId;
    use crate::domain::run::tests::{agent_spec, ended, run_of, spec, started};
    use crate::ui::keys::Key;
    use ratatui_core::backend::TestBackend;
    use ratatui_core::terminal::Terminal;

    fn picture() -> Picture {
        let mut tasks = vec![spec("explore", &[]), agent_spec("execute", "codex"), spec("plan", &[])];
        tasks.push(spec("verify", &["execute"]));
        let mut run = run_of(tasks);
        run.goal = "add rate limiting to the login endpoint 日本語の目標\u{1b}[2J".into();
        run.apply(Time(1_000), &started("explore", 1)).unwrap();
        let about =
            About::Start { action: "deploy".into(), environment: None, confidence: None, policy: None };
        let plan = TaskId::parse("plan").unwrap();
        let opened =
            Event::GateOpened { gate: GateId(4), task: plan, attempt: None, about, expires_at: None };
        run.apply(Time(2_000), &opened).unwrap();
        let machine = Machine { load: Some(1.94), cores: 2, memory_free: Some(41) };
        let runs = vec![line(&run, Health::Alive { pid: 7 }, 65_000)];
        Picture { repository: "shop".into(), runs, ended: 12, dead_letters: 1, machine }
    }

    /// Draws and returns what a terminal of that size shows.
    fn shown(view: &mut View, picture: &Picture, log: Option<&LogText>, size: (u16, u16)) -> Vec<String> {
        shown_of(view, &Scene { picture, log, stale: None, now: Time(65_000), is_unread: false }, size)
    }

    fn shown_of(view: &mut View, scene: &Scene<'_>, size: (u16, u16)) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        terminal.draw(|frame| _ = draw(frame.buffer_mut(), view, scene)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| -> String {
            let mut line = String::new();
            let mut x = 0;
            while x < size.0 {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += symbol.width().max(1) as u16;
            }
            line.trim_end().to_owned()
        };
        (0..size.1).map(line).collect()
    }

    fn view(picture: &Picture, keys: &[Key]) -> View {
        let mut view = View::default();
        view.settle(picture, Time(0));
        for key in keys {
            view.press_all(vec![key.clone()], picture, Time(0));
            view.settle(picture, Time(0));
        }
        view
    }

    #[test]
    fn a_terminal_of_the_usual_size_shows_it_all() {
        let picture = picture();
        let log = LogText {
            of: Place { run: picture.runs[0].id.clone(), task: Some(TaskId::parse("explore").unwrap()) },
            lines: vec!["reading src/auth".into(), "reading src/login".into()],
            is_cut: false,
        };
        let shown = shown(&mut view(&picture, &[Key::Enter]), &picture, Some(&log), (80, 24));
        assert_eq!(shown[0], "shop  1 working  1 for you  1 for a slot  1 dead letter", "{shown:#?}");
        assert_eq!(shown[1], "load 1.9 of 2  memory 41 % free  12 ended");
        assert_eq!(shown[2], "run          state               time  tokens      cost");
        assert!(
            shown[4].contains("explore") && shown[4].contains("1m 04s") && shown[4].contains("cargo test")
        );
        assert!(shown[6].contains("waiting for you") && shown[7].contains("waits for"), "{shown:#?}");
        assert!(shown.iter().any(|line| line.starts_with("── 7k2  t team, 4 tasks, 0 settled, pid 7 ─")));
        assert!(shown.iter().any(|line| line.contains("g4 start of plan, for 1m 03s: may it start: deploy")));
        assert!(shown.iter().any(|line| line == "reading src/login"), "{shown:#?}");
        assert!(shown[23].starts_with("a approve  r reject  enter hide  l log  c cancel"), "{shown:#?}");
    }

    #[test]
    fn no_size_breaks_it_and_nothing_hostile_comes_through() {
        let picture = picture();
        let of = picture.runs[0].id.clone();
        let lines = (0..50).map(|number| format!("{number} {}", "long 日本 ".repeat(30))).collect();
        let task = Some(TaskId::parse("explore").unwrap());
        let log = LogText { of: Place { run: of, task }, lines, is_cut: true };
        let modes: [&[Key]; 6] = [
            &[],
            &[Key::Enter, Key::Down],
            &[Key::Char('l')],
            &[Key::Char('?')],
            &[Key::Char('c'), Key::Char('w'), Key::Char('日')],
            &[Key::Char('/'), Key::Char('z')],
        ];
        for keys in modes {
            for width in [1, 2, 7, 20, 40, 80, 200] {
                for height in [1, 2, 3, 5, 8, 12, 24, 60] {
                    let mut view = view(&picture, keys);
                    let shown = shown(&mut view, &picture, Some(&log), (width, height));
                    let text = shown.concat();
                    assert!(!text.contains(char::is_control), "{width} x {height}: {text:?}");
                    if width >= 40 {
                        assert!(shown.iter().any(|line| !line.is_empty()), "{width} x {height} {keys:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_narrow_and_a_short_terminal_show_what_matters() {
        let picture = picture();
        let narrow = shown(&mut view(&picture, &[Key::Enter]), &picture, None, (40, 10));
        assert!(narrow[0].starts_with("shop  1 working  1 for you"), "{narrow:#?}");
        assert!(
            narrow.iter().any(|line| line.contains("plan") && line.contains("waiting for you")),
            "{narrow:#?}"
        );
        let short = shown(&mut view(&picture, &[]), &picture, None, (80, 5));
        assert!(short[1].starts_with("▸ 7k2") && short[4].contains("q quit"), "{short:#?}");
        let asked = shown(&mut view(&picture, &[Key::Char('c')]), &picture, None, (80, 1));
        assert_eq!(asked, ["cancel 7k2 and end all its agents?  y yes  w why  n no"]);
    }

    #[test]
    fn who_decides_sees_what_there_is_to_choose_from_and_all_of_what_was_handed_in() {
        let mut run = run_of(vec![spec("ask", &[]), spec("plan", &[])]);
        let question = About::Question {
            question: "Which one?".into(),
            options: vec!["left".into(), "right".into()],
            default: Some("right".into()),
        };
        let plan = About::Plan { summary: "a plan".into() };
        for (number, (task, about)) in [("ask", question), ("plan", plan)].into_iter().enumerate() {
            let (gate, task) = (GateId(number as u64 + 1), TaskId::parse(task).unwrap());
            let name = task.to_string();
            let opened =
                Event::GateOpened { gate, task, attempt: Some(1), about, expires_at: Some(Time(9_000)) };
            for event in [started(&name, 1), opened, ended(&name, 1, Outcome::Succeeded, None)] {
                run.apply(Time(2_000), &event).unwrap();
            }
        }
        let seen = |now: i64, keys: &[Key]| {
            let picture = Picture { runs: vec![line(&run, Health::Idle, now)], ..Picture::default() };
            shown(&mut view(&picture, keys), &picture, None, (60, 24)).join("\n")
        };
        let down = [Key::Enter, Key::Down, Key::Down];
        for text in [seen(3_000, &[]), seen(3_000, &down[..2])] {
            assert!(
                text.contains("  1  left") && text.contains("  2  right  (holds if nobody answers in time)"),
                "{text}"
            );
        }
        let plan = seen(3_000, &down);
        assert!(
            plan.contains("g2 plan: may it go by this plan: a plan") && plan.contains("  and then that"),
            "{plan}"
        );
        let over = seen(9_000, &down);
        assert!(over.contains("timed out") && over.contains("crew resume 7k2 goes on"), "{over}");
        assert!(!over.contains("waiting for you") && !over.contains("a approve"), "{over}");
        let refused = seen(9_000, &[&down[..], &[Key::Char('a')]].concat());
        assert!(refused.contains("g2 has timed out: crew resume 7k2"), "{refused}");
    }

    #[test]
    fn a_question_keeps_its_keys_however_narrow_it_is() {
        let picture = picture();
        for width in [40, 60, 120] {
            let mut view = view(&picture, &[Key::Char('r')]);
            let shown = shown(&mut view, &picture, None, (width, 12));
            assert!(shown[11].contains("n no") && shown[11].contains("send"), "{width}: {}", shown[11]);
        }
    }

    #[test]
    fn what_was_not_read_is_not_told_as_nothing() {
        let unread = |stale: Option<&str>| {
            let picture = Picture::default();
            let scene = Scene { picture: &picture, log: None, stale, now: Time(0), is_unread: true };
            shown_of(&mut View::default(), &scene, (60, 12)).join("\n")
        };
        assert!(unread(Some("reading ...")).contains("reading ..."));
        let failed = unread(Some(
            "the store /r/.crew/crew.db: file is not a database: and what is the matter with it",
        ));
        assert!(
            failed.contains("what is the matter with it") && failed.contains("not a database"),
            "{failed}"
        );
        for wrong in ["working", "no runs yet"] {
            assert!(!failed.contains(wrong), "{failed}");
        }
    }

    #[test]
    fn a_long_answer_takes_two_lines_and_a_completed_task_offers_no_way_back() {
        let picture = picture();
        let mut view = view(&picture, &[]);
        view.tell(
            "put back 7k2 a: task a is busy; wait until it ends, and say so with more words",
            Tone::Bad,
            Time(64_000),
        );
        let asked = shown(&mut view, &picture, None, (60, 8));
        assert!(
            asked[6].starts_with("put back 7k2 a:") && asked[7].ends_with("with more words"),
            "{asked:#?}"
        );
        let mut run = run_of(vec![spec("a", &[])]);
        run.apply(Time(1), &started("a", 1)).unwrap();
        run.apply(Time(2), &ended("a", 1, Outcome::Succeeded, None)).unwrap();
        let over = Picture { runs: vec![line(&run, Health::Idle, 3)], ..picture };
        let over = shown(&mut self::view(&over, &[Key::Enter, Key::Down]), &over, None, (80, 24));
        assert!(over[23].contains("help") && !over[23].contains("put back"), "{over:#?}");
    }

    #[test]
    fn all_of_the_help_is_read_in_a_short_terminal() {
        let picture = picture();
        let mut view = view(&picture, &[Key::Char('?')]);
        let first = shown(&mut view, &picture, None, (60, 8));
        assert!(first[0].starts_with("q ctrl-C") && first[7].starts_with("up down: more"), "{first:#?}");
        for _ in 0..30 {
            view.press_all(vec![Key::Down], &picture, Time(0));
            shown(&mut view, &picture, None, (60, 8));
        }
        let last = shown(&mut view, &picture, None, (60, 8));
        assert!(last[6].starts_with("dead letter"), "{last:#?}");
        view.press_all(vec![Key::Up], &picture, Time(0));
        assert!(shown(&mut view, &picture, None, (60, 8))[6].starts_with("backing off"));
        view.press_all(vec![Key::Escape], &picture, Time(0));
        assert_eq!(view.mode, Mode::List);
    }

    #[test]
    fn an_empty_list_says_what_there_is_to_do() {
        let mut picture = Picture { ended: 3, ..picture() };
        picture.runs.clear();
        let list = |picture: &Picture| shown(&mut view(picture, &[]), picture, None, (80, 8))[2].clone();
        assert_eq!(list(&picture), "nothing is at work   3 runs ended: e shows them");
        picture.ended = 0;
        assert_eq!(list(&picture), "no runs yet: crew run \"GOAL\" makes one");
    }

    #[test]
    fn lines_are_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("日本語", 4), ["日本", "語"]);
        assert_eq!([wrapped("", 4), wrapped("a", 0)], [[""], ["a"]]);
        assert_eq!([end_of("abc", 2), end_of("a日本", 3)], ["bc", "本"]);
    }
}
