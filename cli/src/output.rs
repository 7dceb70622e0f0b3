//! Standard output and standard error of every command.
//!
//! The macros below replace those of the standard library in all modules that follow, because those panic when the output cannot be written.
//! With `linerate … | head` the reader closes the pipe (EPIPE): nothing more can be printed, and the command goes on, removes what it made
//! and exits with its own code. Any other error, such as a full disk, makes the command fail at its end.

use std::borrow::Cow;
use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// The first error of standard output that was not a closed pipe.
static ERROR: OnceLock<io::Error> = OnceLock::new();

macro_rules! print {
    ($($text:tt)*) => { $crate::output::write(format_args!($($text)*)) };
}

macro_rules! println {
    ($($text:tt)*) => { $crate::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::output::write_error(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes to standard output.
pub fn write(text: Arguments) {
    keep(io::stdout().lock().write_all(printable(&text.to_string()).as_bytes()));
}

/// Writes to standard error. Where that fails there is no place left to say so.
pub fn write_error(text: Arguments) {
    let _ = io::stderr().lock().write_all(printable(&text.to_string()).as_bytes());
}

/// The text with each control character replaced. It may contain errors of other machines, and names and reasons from other people's run
/// directories, and these must not control the terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    let obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    match text.contains(obeyed) {
        true => Cow::Owned(text.replace(obeyed, "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

/// Writes out what is still buffered; the error of standard output, if there was one.
pub fn finish() -> Option<&'static io::Error> {
    keep(io::stdout().lock().flush());
    ERROR.get()
}

fn keep(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = ERROR.set(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_that_is_printed() {
        assert_eq!(printable("a → b\n\tc"), "a → b\n\tc");
        // ESC, the C1 control sequence introducer, a bell, a carriage return.
        assert_eq!(printable("x\u{1b}[2J\u{9b}2J\u{7}\ry"), "x\u{fffd}[2J\u{fffd}2J\u{fffd}\u{fffd}y");
    }
}
