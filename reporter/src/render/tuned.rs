//! What a search of `linerate tune` found, for a terminal.

use super::formats::escape;
use super::formats::terminal_table::TerminalTable;
use super::tuned_words as words;
use crate::tuned::{Found, TuneRun};

/// Rows of the table: the best settings.
const SHOWN: usize = 12;

/// For a terminal of `width` columns: the best settings, what does not work, and what was chosen.
pub fn terminal_text(run: &TuneRun, found: &Found, width: u16) -> String {
    let table = words::table(run, found);
    let shown = table.rows.len().min(SHOWN);
    let mut text = format!("{}\n", TerminalTable::filled(width, &table.header, &table.rows[..shown]).into_text());
    let hidden = table.rows.len() - shown;
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
