//! Tables without lines. The only file that names comfy_table.

use super::printer::{Printer, Tone, width_of};
use crate::domain::words::clean_line;
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};

/// How a column is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Left,
    Right,
    /// Takes the room that is left, and is wrapped in it.
    Wide,
}

/// The most characters of a cell.
const MAX_CELL: usize = 2_000;

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

    /// Renders the table for standard output; wrapped to the terminal where it is one.
    pub fn render(&self, printer: &Printer) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        // A pipe has no width; there, no line is wrapped.
        table.set_width(width_of(std::io::stdout()).map_or(u16::MAX, |width| width.max(40)));
        table.set_header(self.columns.iter().map(|(name, _)| Cell::new(name)));
        for row in &self.rows {
            table.add_row(row.iter().map(|(text, tone)| Cell::new(printer.tint(*tone, text))));
        }
        for (at, (_, column)) in self.columns.iter().enumerate() {
            if let Some(set) = table.column_mut(at) {
                set.set_padding((0, 2));
                match column {
                    Column::Left => set.set_constraint(ColumnConstraint::ContentWidth),
                    Column::Right => {
                        set.set_cell_alignment(comfy_table::CellAlignment::Right);
                        set.set_constraint(ColumnConstraint::ContentWidth)
                    }
                    Column::Wide => set.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(16))),
                };
            }
        }
        let text = table.to_string();
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}
