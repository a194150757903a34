//! Which lines there are, and how they share the room of a terminal.

use super::picture::{Picture, RunLine, TaskLine};
use crate::domain::id::{RunId, TaskId};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    Run(&'a RunLine),
    Task(&'a RunLine, &'a TaskLine),
}

/// What a line is about. What is chosen is known by this and not by its number: lines come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub run: RunId,
    pub task: Option<TaskId>,
}

impl<'a> Row<'a> {
    pub fn run(self) -> &'a RunLine {
        match self {
            Row::Run(run) | Row::Task(run, _) => run,
        }
    }

    pub fn task(self) -> Option<&'a TaskLine> {
        match self {
            Row::Run(_) => None,
            Row::Task(_, task) => Some(task),
        }
    }

    pub fn place(self) -> Place {
        Place { run: self.run().id.clone(), task: self.task().map(|task| task.id.clone()) }
    }
}

/// Returns the lines of the list: the runs that fit the filter, and the tasks of those that are open.
pub fn rows<'a>(picture: &'a Picture, opened: &BTreeSet<RunId>, filter: &str) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for run in picture.runs.iter().filter(|run| fits(run, filter)) {
        rows.push(Row::Run(run));
        if opened.contains(&run.id) {
            rows.extend(run.tasks.iter().map(|task| Row::Task(run, task)));
        }
    }
    rows
}

/// Tells whether every word of a filter stands somewhere in a run or its tasks.
fn fits(run: &RunLine, filter: &str) -> bool {
    let (state, _) = run.state();
    let texts = [run.id.as_str(), &run.goal, &run.team, &state];
    let of_tasks = run.tasks.iter().flat_map(|task| [task.id.as_str(), &task.agent]);
    let texts: Vec<String> = texts.into_iter().chain(of_tasks).map(str::to_lowercase).collect();
    let is_there = |word: &str| texts.iter().any(|text| text.contains(word));
    filter.to_lowercase().split_whitespace().all(is_there)
}

/// How many lines each part of the screen has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Areas {
    pub heading: u16,
    /// The names of the columns.
    pub columns: u16,
    pub list: u16,
    /// What is known of the line that is chosen.
    pub pane: u16,
    pub foot: u16,
}

/// Decides it for a terminal with so many lines, and a list that would have `rows` of them.
///
/// What is typed and the list stay to the last. The pane takes what the list does not need, and at least a third where
/// there is room for both.
pub fn areas(height: u16, rows: usize) -> Areas {
    let (heading, columns, foot) = match height {
        0..=1 => (0, 0, 0),
        2 => (0, 0, 1),
        3..=5 => (1, 0, 1),
        6..=15 => (1, 1, 1),
        _ => (2, 1, 1),
    };
    let left = height - heading - columns - foot;
    if height < 12 {
        return Areas { heading, columns, list: left, pane: 0, foot };
    }
    let rows = u16::try_from(rows).unwrap_or(u16::MAX).max(3);
    let least = (left / 3).max(4);
    let pane = left.saturating_sub(rows.saturating_add(1)).clamp(least, left / 2);
    Areas { heading, columns, list: left - pane, pane, foot }
}

/// How wide the columns are; 0 for one that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    pub name: usize,
    pub agent: usize,
    pub state: usize,
    pub time: usize,
    pub tokens: usize,
    pub cost: usize,
    /// What is left for words.
    pub words: usize,
}

/// Between two columns.
pub const GAP: usize = 2;
/// Fewer columns than this say nothing.
const LEAST_WORDS: usize = 20;
/// The longest of a run's states: `waiting for you 12/34`.
const STATE: usize = 15;

/// Decides how wide the columns are for lines in a terminal with so many columns.
///
/// Numbers have room for what they may become, so that nothing moves while they grow.
pub fn widths(rows: &[Row<'_>], width: usize) -> Widths {
    let name = |row: &Row<'_>| match row {
        Row::Run(run) => 2 + run.short.width(),
        Row::Task(_, task) => 4 + task.id.as_str().width(),
    };
    let agent = |row: &Row<'_>| match row {
        Row::Run(run) => run.team.width(),
        Row::Task(_, task) => task.agent.width(),
    };
    let widest = |of: &dyn Fn(&Row<'_>) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let most = (width / 4).max(12);
    let mut widths = Widths {
        name: widest(&name).clamp(5, most),
        agent: widest(&agent).clamp(5, 14),
        state: if width >= 100 { STATE + 6 } else { STATE },
        time: 7,
        tokens: 6,
        cost: 8,
        words: 0,
    };
    let taken = |widths: &Widths| {
        let columns = [widths.name, widths.agent, widths.state, widths.time, widths.tokens, widths.cost];
        columns.iter().filter(|column| **column > 0).map(|column| column + GAP).sum::<usize>()
    };
    let dropped: [fn(&mut Widths); 5] = [
        |widths| widths.agent = 0,
        |widths| widths.tokens = 0,
        |widths| widths.cost = 0,
        |widths| widths.time = 0,
        |widths| widths.name = widths.name.min(12),
    ];
    for drop in dropped {
        if taken(&widths) + LEAST_WORDS <= width {
            break;
        }
        drop(&mut widths);
    }
    widths.words = width.saturating_sub(taken(&widths));
    widths
}

/// Returns the first line of a list that is shown, so that the chosen one is in sight and no more moves than has to.
pub fn first_shown(first: usize, chosen: usize, height: usize, rows: usize) -> usize {
    let last = rows.saturating_sub(height);
    let lowest = (chosen + 1).saturating_sub(height);
    first.clamp(lowest, chosen.max(lowest)).min(last)
}

#[cfg(test)]
mod tests {
    use super::super::picture::Health;
    use super::super::picture::tests::line;
    use super::*;
    use crate::domain::run::tests::{agent_spec, run_of, spec};

    fn picture() -> Picture {
        let mut run = run_of(vec![spec("explore", &[]), agent_spec("execute", "codex")]);
        run.goal = "Add rate limiting".into();
        Picture { runs: vec![line(&run, Health::Idle, 0)], ..Picture::default() }
    }

    #[test]
    fn a_run_shows_its_tasks_where_it_is_opened_and_a_filter_looks_into_them() {
        let picture = picture();
        let opened = BTreeSet::from([picture.runs[0].id.clone()]);
        let count = |opened: &BTreeSet<RunId>, filter| rows(&picture, opened, filter).len();
        assert_eq!([count(&BTreeSet::new(), ""), count(&opened, "")], [1, 3]);
        assert_eq!([count(&opened, "RATE codex"), count(&opened, "rate claude")], [3, 0]);
    }

    #[test]
    fn every_line_of_a_terminal_has_a_use_and_the_list_stays_to_the_last() {
        for height in 1..=80 {
            for rows in [0, 1, 5, 50] {
                let Areas { heading, columns, list, pane, foot } = areas(height, rows);
                assert_eq!(heading + columns + list + pane + foot, height, "{height} {rows}");
                assert!(list > 0, "{height} {rows}");
                assert!(pane == 0 || (pane >= 4 && list >= 4), "{height} {rows}: {list} {pane}");
            }
        }
        let parts = |height, rows| {
            let Areas { heading, columns, list, pane, foot } = areas(height, rows);
            [heading, columns, list, pane, foot]
        };
        assert_eq!([parts(5, 9), parts(10, 9)], [[1, 0, 3, 0, 1], [1, 1, 7, 0, 1]]);
        assert_eq!([parts(24, 3), parts(24, 50)], [[2, 1, 10, 10, 1], [2, 1, 14, 6, 1]]);
    }

    #[test]
    fn columns_fit_into_any_terminal() {
        let picture = picture();
        let opened = BTreeSet::from([picture.runs[0].id.clone()]);
        let rows = rows(&picture, &opened, "");
        for width in 20..=200 {
            let of = widths(&rows, width);
            let columns = [of.name, of.agent, of.state, of.time, of.tokens, of.cost];
            let taken: usize = columns.iter().filter(|column| **column > 0).map(|column| column + GAP).sum();
            assert!(taken + of.words <= width.max(33), "{width}: {of:?}");
            assert!(of.words >= LEAST_WORDS || of.time == 0, "{width}: {of:?}");
        }
        let narrow = widths(&rows, 40);
        assert!(
            narrow.name > 0 && narrow.state == STATE && narrow.cost == 0 && narrow.words > 0,
            "{narrow:?}"
        );
    }

    #[test]
    fn the_chosen_line_is_in_sight_and_no_more_moves_than_has_to() {
        let cases = [((0, 0, 5, 9), 0), ((0, 4, 5, 9), 0), ((0, 5, 5, 9), 1), ((3, 2, 5, 9), 2)];
        for ((first, chosen, height, rows), expected) in cases {
            assert_eq!(first_shown(first, chosen, height, rows), expected);
        }
        assert_eq!([first_shown(7, 1, 5, 3), first_shown(0, 0, 0, 0), first_shown(4, 8, 5, 9)], [0, 0, 4]);
    }
}
