//! Lines of the protocol, with a limit: the other end is another machine.

use std::io::{self, BufRead, Read};

/// The longest line of the protocol. A report of many queues with histograms has some hundred KiB, the output of a tool some MiB.
pub const LINE_LIMIT: usize = 64 << 20;

/// The next line without its end; `None` at the end of the input. A longer line than `limit`, and text that is not UTF-8, are errors.
pub fn next_line(from: &mut impl BufRead, limit: usize) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if from.take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a line is longer than {} MiB", limit >> 20)));
    }
    String::from_utf8(line).map(Some).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "a line is not UTF-8 text"))
}

/// The beginning of a text that another machine sent, for an error: one line, without control characters.
pub fn excerpt(text: &str) -> String {
    const LONGEST: usize = 160;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_a_limit_and_the_last_may_have_no_end() {
        let mut input = io::Cursor::new(b"one\n\nthree".to_vec());
        let mut next = || next_line(&mut input, 5).unwrap();
        assert_eq!([next(), next(), next(), next()], [Some("one".to_owned()), Some(String::new()), Some("three".to_owned()), None]);
        // An endless line: no more of it is read than the limit.
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(next_line(&mut endless, 1 << 16).unwrap_err().to_string().contains("longer"));
        assert!(next_line(&mut io::Cursor::new([0xff, b'\n']), 5).is_err());
    }

    #[test]
    fn an_excerpt_holds_no_control_characters_and_has_an_end() {
        let shown = excerpt(&format!("\u{1b}[2J\u{7}{}", "x".repeat(1000)));
        assert!(!shown.contains(char::is_control) && shown.len() < 400 && shown.ends_with('…'), "{shown}");
    }
}
