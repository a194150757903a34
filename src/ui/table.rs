//! Tables without lines. The only file that names comfy_table.
//!
//! A table is never wider than its terminal: see [`fit`].

use super::printer::{Printer, Tone, width_of};
use crate::domain::words::clean_line;
use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Cut where there is no room for it.
    Left,
    /// Whole or not there: half a number is another number.
    Right,
    /// Takes the room that is left, and is wrapped in it.
    Wide,
}

/// The most characters of a cell.
const MAX_CELL: usize = 2_000;

/// Between two columns.
const GAP: usize = 2;

/// What is left of a column at least, as long as it is there.
const LEAST_LEFT: usize = 6;
const LEAST_WIDE: usize = 8;
/// Words up to this long are not broken, as long as something else can give way.
const WORD: usize = 16;

/// Rows of text under headings.
pub struct Rows {
    columns: Vec<(&'static str, Column)>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl Rows {
    pub fn new(columns: &[(&'static str, Column)]) -> Rows {
        Rows { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, a text for each column. Whoever wrote the text, nothing in it acts on a terminal.
    pub fn add(&mut self, row: Vec<(String, Tone)>) {
        self.rows.push(row.into_iter().map(|(text, tone)| (clean_line(&text, MAX_CELL), tone)).collect());
    }

    /// Makes a table without headings.
    pub fn bare(columns: &[Column]) -> Rows {
        Rows { columns: columns.iter().map(|column| ("", *column)).collect(), rows: Vec::new() }
    }

    /// Renders the table for whoever has all the room there is: a file.
    pub fn render_whole(&self, printer: &Printer) -> String {
        self.render_within(printer, None)
    }

    /// Renders the table for standard output; no wider than the terminal where it is one.
    pub fn render(&self, printer: &Printer) -> String {
        // A pipe has no width; there, no line is wrapped, and nothing is left out.
        self.render_within(printer, width_of(std::io::stdout()).map(usize::from))
    }

    fn render_within(&self, printer: &Printer, room: Option<usize>) -> String {
        let widths = fit(&self.needs(), room.unwrap_or(usize::MAX));
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        let shown = || widths.iter().enumerate().filter_map(|(at, width)| Some((at, (*width)?)));
        if self.columns.iter().any(|(heading, _)| !heading.is_empty()) {
            table.set_header(shown().map(|(at, width)| Cell::new(cut(self.columns[at].0, width))));
        }
        for row in &self.rows {
            let cells = shown().filter_map(|(at, width)| Some((row.get(at)?, at, width)));
            table.add_row(cells.map(|((text, tone), at, width)| match self.columns[at].1 {
                Column::Wide => Cell::new(printer.tint(*tone, text)),
                Column::Left | Column::Right => Cell::new(printer.tint(*tone, &cut(text, width))),
            }));
        }
        for (place, (at, width)) in shown().enumerate() {
            let Some(set) = table.column_mut(place) else { continue };
            let gap = GAP as u16;
            set.set_padding((0, gap));
            if self.columns[at].1 == Column::Right {
                set.set_cell_alignment(CellAlignment::Right);
            }
            let width = u16::try_from(width.max(1)).unwrap_or(u16::MAX - gap);
            set.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(gap))));
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }

    /// Returns what each column would take up.
    fn needs(&self) -> Vec<Need> {
        let need = |(at, (name, column)): (usize, &(&str, Column))| {
            let texts = || self.rows.iter().filter_map(|row| Some(row.get(at)?.0.as_str())).chain([*name]);
            let widest = |width: fn(&str) -> usize| texts().map(width).max().unwrap_or(0);
            let longest_word = |text: &str| text.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0);
            Need { column: *column, whole: widest(UnicodeWidthStr::width), word: widest(longest_word) }
        };
        self.columns.iter().enumerate().map(need).collect()
    }
}

/// What a column would take up, in columns of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    column: Column,
    whole: usize,
    /// The longest word in it.
    word: usize,
}

impl Need {
    /// Returns what it can do with.
    fn least(&self) -> usize {
        match self.column {
            Column::Left => self.whole.min(LEAST_LEFT),
            Column::Right => self.whole,
            Column::Wide => self.whole.min(LEAST_WIDE),
        }
    }

    /// Returns what it has before others are given more than their least.
    fn before_others(&self) -> usize {
        match self.column {
            Column::Wide => self.word.min(WORD).max(self.least()),
            Column::Left | Column::Right => self.least(),
        }
    }
}

/// Decides how wide columns are, so that all of them and the gaps fit into `room`; none for one that is left out.
///
/// First what is wrapped gives way, as far as its words stay whole; then the widest of those that can be cut; then words
/// are broken. Where all that is not enough, columns go, the last first: numbers before words, and what is wrapped, which
/// says what matters, at the end. The first one stays.
fn fit(needs: &[Need], room: usize) -> Vec<Option<usize>> {
    let mut shown: Vec<usize> = (0..needs.len()).filter(|at| *at == 0 || needs[*at].whole > 0).collect();
    let total = |shown: &[usize], width: &dyn Fn(usize) -> usize| {
        shown.iter().map(|at| width(*at)).sum::<usize>() + GAP * shown.len().saturating_sub(1)
    };
    while shown.len() > 1 && total(&shown, &|at| needs[at].least()) > room {
        let last = |column| shown.iter().rposition(|at| *at > 0 && needs[*at].column == column);
        let place = last(Column::Right).or_else(|| last(Column::Left)).unwrap_or(shown.len() - 1);
        shown.remove(place);
    }
    let mut widths: Vec<usize> = needs.iter().map(|need| need.least().min(room)).collect();
    // What each may grow to, step by step; in each step the narrowest grows first.
    let steps: [fn(&Need) -> usize; 3] = [
        Need::before_others,
        |need| if need.column == Column::Wide { 0 } else { need.whole },
        |need| need.whole,
    ];
    for step in steps {
        let mut spare = room.saturating_sub(total(&shown, &|at| widths[at]));
        loop {
            let grows = |at: &&usize| widths[**at] < step(&needs[**at]);
            let Some(narrowest) = shown.iter().filter(grows).min_by_key(|at| widths[**at]) else { break };
            if spare == 0 {
                break;
            }
            widths[*narrowest] += 1;
            spare -= 1;
        }
    }
    (0..needs.len()).map(|at| shown.contains(&at).then_some(widths[at])).collect()
}

/// Returns text that takes up at most `width` columns; a cut shows as `…`.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |character: &char| {
        let takes = character.width().unwrap_or(0);
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Printer {
        Printer::new(false, false, true)
    }

    fn rows(columns: &[(&'static str, Column)], rows: &[&[&str]]) -> Rows {
        let mut made = Rows::new(columns);
        for row in rows {
            made.add(row.iter().map(|text| ((*text).to_owned(), Tone::Plain)).collect());
        }
        made
    }

    /// What commands show: how a run ended, the work trees, and agents with all that is known of them.
    fn tables() -> [Rows; 4] {
        use Column::{Left, Right, Wide};
        let closing: [(&'static str, Column); 7] = [
            ("task", Left),
            ("agent", Left),
            ("time", Right),
            ("tokens", Right),
            ("cost", Right),
            ("outcome", Left),
            ("", Wide),
        ];
        let trees: [(&'static str, Column); 8] = [
            ("run", Left),
            ("task", Left),
            ("state", Left),
            ("work", Left),
            ("size", Right),
            ("age", Right),
            ("branch", Left),
            ("", Wide),
        ];
        [
            rows(
                &closing,
                &[
                    &["work", "mine", "400ms", "~", "~", "done", "finished"],
                    &[
                        "a-task-with-a-name-that-is-long",
                        "日本語エージェント",
                        "1m 12s",
                        "18.2k",
                        "$10.06",
                        "failed",
                        "verification `cargo test --workspace` failed with exit code 101 after some time",
                    ],
                ],
            ),
            rows(
                &trees,
                &[
                    &[
                        "7k2",
                        "fix",
                        "awaiting input",
                        "12 commits not merged",
                        "650.5 MB",
                        "12h 03m",
                        "crew/7k2aaaaaaaaa/fix",
                        "3 files not committed; a_word_that_is_longer_than_many_terminals_are_wide",
                    ],
                    &[
                        "7k2",
                        "other",
                        "completed",
                        "merged into main",
                        "-",
                        "3s",
                        "crew/7k2aaaaaaaaa/other",
                        "",
                    ],
                ],
            ),
            rows(
                &[
                    ("agent", Left),
                    ("a", Left),
                    ("b", Right),
                    ("c", Left),
                    ("empty", Left),
                    ("program", Wide),
                ],
                &[&["claude", "1.2.3", "123456789", "a sentence that goes on", "", "/usr/local/bin/claude"]],
            ),
            rows(
                &[("only", Left)],
                &[&["one column that has more to say than there is room for in any terminal"]],
            ),
        ]
    }

    #[test]
    fn a_table_is_never_wider_than_its_terminal() {
        for table in tables() {
            let whole = table.render_within(&plain(), None);
            assert!(!whole.contains('…'), "{whole}");
            for room in 20..=120 {
                let text = table.render_within(&plain(), Some(room));
                let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
                assert!(widest <= room, "{widest} in {room}:\n{text}");
                assert!(text.lines().nth(1).is_some_and(|row| !row.trim().is_empty()), "{room}:\n{text}");
                for line in text.lines().filter(|line| line.contains("12h")) {
                    assert!(line.contains("12h 03m"), "a number is whole or not there: {text}");
                }
            }
        }
    }

    #[test]
    fn what_gives_way_is_what_matters_least() {
        let [closing, trees, ..] = tables();
        let heads = |table: &Rows, room| -> Vec<String> {
            let text = table.render_within(&plain(), Some(room));
            text.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let short = rows(&closing.columns, &[&["work", "mine", "400ms", "~", "~", "done", "finished"]]);
        assert_eq!(
            short.render_within(&plain(), Some(40)),
            "task  agent   time  outcome\nwork  mine   400ms  done     finished"
        );
        assert_eq!(heads(&closing, 80), ["task", "agent", "time", "tokens", "cost", "outcome"]);
        assert_eq!(heads(&trees, 40), ["run", "task", "state", "work"]);
        assert_eq!(heads(&trees, 80), ["run", "task", "state", "work", "size", "age", "branch"]);
    }

    #[test]
    fn a_cut_counts_what_a_terminal_shows() {
        assert_eq!(
            [cut("plain", 5), cut("plainly", 5), cut("日本語", 5), cut("日本語", 4)],
            ["plain", "plai…", "日本…", "日…"]
        );
    }
}
