//! Names, errors and commands come from other machines and other people. Here they lose what would make them more than text.
//!
//! HTML is escaped by the template engine and CSV is quoted by its writer; this module does the rest.

/// Text for a cell of CSV. Text that a spreadsheet would run as a formula gets an apostrophe before it; numbers stay numbers.
pub fn csv_formula(text: String) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && text.parse::<f64>().is_err();
    if runs { format!("'{text}") } else { text }
}

/// Text inside a Markdown paragraph or table cell: no markup, no HTML, one line.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // Many renderers make links of bare addresses (GFM §6.9); a colon in a sentence stays readable.
            ':' if text[at..].starts_with("://") => escaped.push_str("&#58;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text inside SVG or HTML, between tags or within a quoted attribute.
pub fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in XML 1.0, escaped or not.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Text for a terminal: no escape sequences, one line.
pub fn terminal(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_runs_nothing() {
        for (text, cell) in [
            ("=HYPERLINK(\"x\")", "'=HYPERLINK(\"x\")"),
            ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-5.5", "-5.5"),
            ("a,b", "a,b"),
            ("plain", "plain"),
        ] {
            assert_eq!(csv_formula(text.to_owned()), cell);
        }
    }

    #[test]
    fn markdown_and_xml_and_terminals_get_text_only() {
        assert_eq!(markdown("a|b\n<img src=x>[l](http://x)"), "a\\|b &lt;img src=x&gt;\\[l\\](http&#58;//x)");
        assert_eq!(xml("<a b=\"c\">&'\u{0}"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;\u{fffd}");
        assert_eq!(terminal("\u{1b}[31mred\n"), "\u{fffd}[31mred\u{fffd}");
    }
}
