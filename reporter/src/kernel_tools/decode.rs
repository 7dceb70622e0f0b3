//! One place where the bytes of a tool's output become the text that parsers read.

use std::borrow::Cow;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};

/// The text in the bytes of an output: UTF-8, or UTF-16 as Windows PowerShell saves it, with or without a byte-order mark. Bytes that are neither
/// become U+FFFD. Line ends, marks and colours are brought to one form.
pub fn decode(bytes: &[u8]) -> String {
    let guess = match utf16_by_zeros(bytes) {
        Some(Order::Little) => UTF_16LE,
        Some(Order::Big) => UTF_16BE,
        None => UTF_8,
    };
    // A byte-order mark takes precedence over the guess.
    let (text, ..) = guess.decode(bytes);
    plain(&text).into_owned()
}

enum Order {
    Little,
    Big,
}

/// Text of Latin letters in UTF-16 has a zero in every second byte. Half of the zeros that this expects are enough, so that other characters
/// may be among them; the other bytes have hardly any.
fn utf16_by_zeros(bytes: &[u8]) -> Option<Order> {
    let head = &bytes[..bytes.len().min(512)];
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let many = head.len() / 4;
    if head.len() >= 4 && odd > many && even <= many / 8 {
        Some(Order::Little)
    } else if head.len() >= 4 && even > many && odd <= many / 8 {
        Some(Order::Big)
    } else {
        None
    }
}

/// Text without byte-order marks (files that were joined have them in the middle too), with line feeds as line ends, and without ANSI escape
/// sequences.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(['\u{feff}', '\r', '\u{1b}']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_colours(&text.replace('\u{feff}', "").replace("\r\n", "\n").replace('\r', "\n")))
}

/// The text without ANSI escape sequences (ECMA-48 control sequences: `ESC [` … a letter).
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => sequence.find(|c: char| ('@'..='~').contains(&c)).map_or("", |end| &sequence[end + 1..]),
            None => after,
        };
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
        let marked = if mark { format!("\u{feff}{text}") } else { text.to_owned() };
        marked.encode_utf16().flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    #[test]
    fn every_encoding_gives_the_same_text() {
        let text = "tcp_lat:\n    latency  =  37.4 us\n";
        let windows = text.replace('\n', "\r\n");
        assert_eq!(decode(text.as_bytes()), text);
        assert_eq!(decode(format!("\u{feff}{windows}").as_bytes()), text);
        for (little, mark) in [(true, true), (true, false), (false, true), (false, false)] {
            assert_eq!(decode(&utf16(&windows, little, mark)), text, "little {little}, mark {mark}");
        }
        assert_eq!(decode(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(plain("a\u{1b}[2;35mb\u{1b}[0mc\u{1b}"), "abc");
    }

    proptest! {
        #[test]
        fn text_of_ascii_survives_every_encoding(text in "[ -~\n]{8,200}", little in any::<bool>(), mark in any::<bool>()) {
            prop_assert_eq!(decode(&utf16(&text, little, mark)), text.clone());
            prop_assert_eq!(decode(text.as_bytes()), text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            decode(&bytes);
        }
    }
}
