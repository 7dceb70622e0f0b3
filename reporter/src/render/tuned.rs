//! What a search of `linerate tune` found, for a terminal.

use super::formats::{escape, terminal};
use super::tuned_words as words;
use crate::tuned::{Found, TuneRun};

/// Rows of the table: the best settings.
const SHOWN: usize = 12;

/// For a terminal of `width` columns: the best settings, what does not work, and what was chosen.
pub fn terminal_text(run: &TuneRun, found: &Found, width: u16) -> String {
    let found_table = words::table(run, found);
    let header: Vec<&str> = found_table.header.iter().map(String::as_str).collect();
    let mut table = terminal::ruled(width, &header);
    for row in found_table.rows.iter().take(SHOWN) {
        table.add_row(row.iter().map(|cell| escape::terminal(cell)));
    }
    let mut text = format!("{table}\n");
    let hidden = found_table.rows.len().saturating_sub(SHOWN);
    if hidden > 0 {
        text.push_str(&format!("and {hidden} settings with worse results\n"));
    }
    for failed in words::failures(run, found) {
        text.push_str(&format!("does not work: {}\n", escape::terminal(&failed.join(": "))));
    }
    text.push('\n');
    for sentence in words::sentences(run, found) {
        text.push_str(&format!("{}\n", escape::terminal(&sentence)));
    }
    text
}
