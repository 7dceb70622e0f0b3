//! How the rate grows with queues and cores, for a terminal.

use super::formats::escape;
use super::formats::terminal_table::TerminalTable;
use super::scaling_words as words;
use crate::tuned::Scaling;

/// For a terminal of `width` columns.
pub fn terminal_text(scaling: &Scaling, width: u16) -> String {
    let table = words::table(scaling);
    let mut text = format!("{}\n\n", TerminalTable::filled(width, &table.header, &table.rows).into_text());
    for sentence in words::sentences(scaling) {
        text.push_str(&format!("{}\n", escape::terminal(&sentence)));
    }
    text
}
