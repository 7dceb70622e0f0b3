//! A table for a terminal: columns as wide as their words, so that no name or value is broken in the middle.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle, Width};

use super::escape;

/// A rule below the header and nothing else: the columns carry the eye.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table that is filled row by row.
pub struct TerminalTable {
    table: Table,
    width: u16,
}

impl TerminalTable {
    /// An empty table for a terminal of `width` columns.
    pub fn new<Heading: ToString>(width: u16, header: &[Heading]) -> TerminalTable {
        let mut table = Table::new();
        table.load_style(RULED).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        table.set_header(header.iter().map(|heading| escape::terminal(&heading.to_string())));
        TerminalTable { table, width }
    }

    /// A table of texts.
    pub fn filled(width: u16, header: &[String], rows: &[Vec<String>]) -> TerminalTable {
        let mut table = TerminalTable::new(width, header);
        for row in rows {
            table.add_row(row.iter().map(|cell| table.text_cell(cell)).collect::<Vec<_>>());
        }
        table
    }

    /// A cell with a text from a run, in which a long pair can be broken after its arrow.
    pub fn text_cell(&self, text: &str) -> Cell {
        Cell::new(broken_after_arrows(&escape::terminal(text), self.longest_unbroken(4)))
    }

    /// Adds a row.
    pub fn add_row(&mut self, row: impl Into<Row>) {
        self.table.add_row(row);
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The table as text.
    pub fn into_text(mut self) -> String {
        // A word of a third of the terminal (a path, a cipher suite) may be broken: there must be space for the other columns.
        let most = self.longest_unbroken(3);
        let longest: Vec<usize> = (0..self.table.column_count()).map(|column| self.longest_word(column).min(most)).collect();
        let padding = self.padding(&longest);
        for (column, longest) in self.table.column_iter_mut().zip(longest) {
            column.set_padding(padding);
            let width = u16::try_from(longest).unwrap_or(u16::MAX).saturating_add(column.padding_width());
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
        }
        self.table.to_string()
    }

    /// The widest space around columns with which words of these lengths fit beside each other. A space stands between columns in any case.
    fn padding(&self, longest: &[usize]) -> (u16, u16) {
        let narrowest = longest.iter().sum::<usize>() + longest.len().saturating_sub(1);
        let fits = |(left, right): &(u16, u16)| narrowest + longest.len() * usize::from(left + right) <= usize::from(self.width);
        [(1, 1), (1, 0)].into_iter().find(fits).unwrap_or((0, 0))
    }

    fn longest_word(&self, column: usize) -> usize {
        let cells = self.table.column_cells_with_header_iter(column).flatten();
        cells.map(|cell| cell.content().split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0)).max().unwrap_or(0)
    }

    fn longest_unbroken(&self, share: u16) -> usize {
        usize::from(self.width / share)
    }
}

/// The text with a line break after the arrow of each word that is longer than `most`: `rack1-host→` and `rack2-host` below it.
fn broken_after_arrows(text: &str, most: usize) -> String {
    let word = |word: &str| if word.chars().count() > most { word.replace('→', "→\n") } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "first-rack-server-cpu→second-rack-server-dpu";

    fn rows() -> Vec<Vec<String>> {
        let row = |pair: &str| {
            [pair, "1518", "12.3 Gb/s", "193 Gb/s", "197 Gb/s", "15.7×", "0.0012 %", "2 of 3 invalid: hiccup, offered-short"]
                .map(str::to_owned)
                .to_vec()
        };
        vec![row("a-cpu→b-cpu"), row(LONG), row(&format!("x→y + {LONG}"))]
    }

    #[test]
    fn no_name_and_no_value_is_broken_in_the_middle_of_a_word() {
        let header = ["pair", "size B", "kernel TCP", "DPDK", "DPDK L1", "payload ratio", "loss", "verdict"].map(str::to_owned);
        let whole = [
            "a-cpu→b-cpu",
            "first-rack-server-cpu→",
            "second-rack-server-dpu",
            "kernel",
            "payload",
            "invalid:",
            "hiccup,",
            "offered-short",
        ];
        for width in [80, 100] {
            let text = TerminalTable::filled(width, &header, &rows()).into_text();
            let words: Vec<&str> = text.split_whitespace().collect();
            for word in whole {
                assert!(words.contains(&word), "{word} at {width}:\n{text}");
            }
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}:\n{text}");
        }
        assert!(TerminalTable::filled(200, &header, &rows()).into_text().contains(LONG), "a wide terminal has it in one line");
    }

    #[test]
    fn a_word_longer_than_a_third_of_the_terminal_leaves_space_for_the_others() {
        let cells = vec!["x".repeat(200), "short-name".to_owned()];
        let text = TerminalTable::filled(80, &["a".to_owned(), "b".to_owned()], &[cells]).into_text();
        assert!(text.contains("short-name") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
