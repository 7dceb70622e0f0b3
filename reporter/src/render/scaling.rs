//! How the rate grows with queues and cores, for a terminal.

use super::formats::{escape, terminal};
use super::scaling_words as words;
use crate::tuned::Scaling;

/// For a terminal of `width` columns.
pub fn terminal_text(scaling: &Scaling, width: u16) -> String {
    let rows = words::table(scaling);
    let header: Vec<&str> = rows.header.iter().map(String::as_str).collect();
    let mut table = terminal::ruled(width, &header);
    for row in &rows.rows {
        table.add_row(row.iter().map(|cell| escape::terminal(cell)));
    }
    let mut text = format!("{table}\n\n");
    for sentence in words::sentences(scaling) {
        text.push_str(&format!("{}\n", escape::terminal(&sentence)));
    }
    text
}
