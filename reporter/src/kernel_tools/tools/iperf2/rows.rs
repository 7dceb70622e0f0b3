//! The lines of `iperf -y C`, of iperf 2.0.5 to 2.2.

/// One line: what one transfer, or the sum of several, moved in one interval.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    /// The whole line.
    pub line: &'a str,
    /// When it was printed, in seconds since some moment; none where the tool printed no usable time.
    pub stamp: Option<f64>,
    /// In plain CSV the end that printed the line; in the enhanced form (`-e`) the sender.
    pub first: RowEnd<'a>,
    /// The other end.
    pub second: RowEnd<'a>,
    /// The transfer; −1 is iperf's own sum of several.
    pub id: i64,
    /// Seconds since the test began.
    pub begin: f64,
    /// Seconds since the test began.
    pub end: f64,
    pub bytes: f64,
    pub bps: f64,
    pub udp: Udp,
    /// How many headings stand above the line.
    pub headings: usize,
    /// The line's heading says that the receiver printed it.
    pub by_receiver: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowEnd<'a> {
    pub address: &'a str,
    pub port: &'a str,
}

/// What a line says about datagrams.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Udp {
    /// Nothing: TCP, or the sender of UDP in old versions.
    No,
    /// There are the columns, and the receiver's count is missing.
    Unanswered,
    /// The receiver's count.
    Counted { jitter_ms: f64, lost: f64, total: f64 },
}

impl Row<'_> {
    pub(super) fn seconds(&self) -> f64 {
        self.end - self.begin
    }

    /// When the test began: the same for all lines of one test.
    pub(super) fn test_began(&self) -> Option<f64> {
        self.stamp.map(|stamp| stamp - self.end)
    }

    /// Whether two lines are of one connection, seen from either end.
    pub(super) fn same_connection(&self, other: &Row<'_>) -> bool {
        (self.first, self.second) == (other.first, other.second) || (self.first, self.second) == (other.second, other.first)
    }

    /// Whether two lines have an address and a port in common, as the lines of one process have: the server's. A sum has no port of the client's.
    pub(super) fn shares_an_end(&self, other: &Row<'_>) -> bool {
        let ends = [self.first, self.second];
        ends.iter().any(|end| [other.first.address, other.second.address].contains(&end.address))
            && ends.iter().any(|end| [other.first.port, other.second.port].contains(&end.port))
    }

    pub(super) fn is_sum(&self) -> bool {
        self.id < 0
    }
}

/// The lines of CSV in a text, in order.
pub(super) fn rows(text: &str) -> Vec<Row<'_>> {
    let mut columns = Columns::default();
    let mut rows = Vec::new();
    for line in text.lines() {
        match Columns::of_heading(line) {
            Some(names) => columns = Columns { names, headings: columns.headings + 1 },
            None => rows.extend(read(line, &columns)),
        }
    }
    rows
}

/// Whether the heading is of `--bounceback`, which measures round trips.
pub(super) fn is_bounce_back(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("time,srcaddress,") && line.contains(",bbcnt,"))
}

/// Where the columns are. Before 2.2 there is no heading, and the interval is one column, `0.0-10.0`, as in plain CSV.
#[derive(Debug, Clone, Default)]
struct Columns {
    /// The names of a heading.
    names: Vec<String>,
    /// How many headings there were.
    headings: usize,
}

impl Columns {
    fn of_heading(line: &str) -> Option<Vec<String>> {
        let line = line.trim();
        line.starts_with("time,srcaddress,").then(|| line.split(',').map(str::to_owned).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

fn read<'a>(line: &'a str, columns: &Columns) -> Option<Row<'a>> {
    let line = line.trim();
    let cells: Vec<&str> = line.split(',').collect();
    if cells.len() < 9 || !is_time(cells[0]) {
        return None;
    }
    let figure = |index: usize| cells.get(index)?.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    // The first form has one column fewer.
    let (begin, end, next) = match cells[6].split_once('-') {
        Some((begin, end)) => (begin.parse().ok()?, end.parse().ok()?, 7),
        None => (figure(6)?, figure(7)?, 8),
    };
    let plausible = |value: f64| (0.0..1e9).contains(&value);
    if !plausible(begin) || !plausible(end) || end < begin {
        return None;
    }
    let (bytes, bps) = (figure(next)?, figure(next + 1)?);
    if bytes < 0.0 || bps < 0.0 {
        return None;
    }
    Some(Row {
        line,
        stamp: seconds_of(cells[0]),
        first: RowEnd { address: cells[1], port: cells[2] },
        second: RowEnd { address: cells[3], port: cells[4] },
        id: cells[5].parse().ok()?,
        begin,
        end,
        bytes,
        bps,
        udp: datagrams(&cells[next + 2..], columns),
        headings: columns.headings,
        by_receiver: columns.has("readcnt"),
    })
}

/// Jitter, lost, total, percent, out of order. TCP's enhanced lines have other figures there, or −1 in all of them.
fn datagrams(rest: &[&str], columns: &Columns) -> Udp {
    let named = columns.names.is_empty() || columns.has("jitter");
    // Jitter is printed with three digits, and everything that stands in its place for TCP is a whole number.
    let [jitter, lost, total, ..] = rest else { return Udp::No };
    if !named || rest.len() < 4 || !jitter.contains('.') {
        return Udp::No;
    }
    let (Ok(jitter_ms), Ok(lost), Ok(total)) = (jitter.parse::<f64>(), lost.parse::<f64>(), total.parse::<f64>()) else { return Udp::No };
    // Without an answer from the server the client prints a total of −1 or 0.
    if total > 0.0 && jitter_ms.is_finite() { Udp::Counted { jitter_ms, lost, total } } else { Udp::Unanswered }
}

/// `20250918213536`, `20201210141800.884`, or with the distance from UTC, `+0000:20240908115105.328`.
fn is_time(cell: &str) -> bool {
    let digits = without_zone(cell);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (14..=16).contains(&whole.len()) && all_digits(whole) && all_digits(fraction)
}

fn without_zone(cell: &str) -> &str {
    match cell.split_once(':') {
        Some((zone, rest)) if zone.len() == 5 && zone.starts_with(['+', '-']) => rest,
        _ => cell,
    }
}

/// 2.1.9 prints the seconds from 10 on with three digits, and 2.1.8 can print 1970 for every line: such a time says nothing.
fn seconds_of(cell: &str) -> Option<f64> {
    let digits = without_zone(cell);
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let small = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i8>().ok();
    let year = part(0..4).filter(|&year| year > 1970)?;
    let date = jiff::civil::Date::new(year, small(4..6)?, small(6..8)?).ok()?;
    let days = date.duration_since(jiff::civil::date(1970, 1, 1)).as_secs_f64();
    let seconds: f64 = digits.get(12..)?.parse().ok()?;
    Some(days + f64::from(small(8..10)?) * 3600.0 + f64::from(small(10..12)?) * 60.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line() {
        let plain = "20250918213536,10.0.0.1,58696,10.0.0.2,5001,3,0.0-10.0,1000,800";
        let udp = "20250918213536,10.0.0.2,5001,10.0.0.1,58696,3,0.0-10.0,1000,800,0.010,2,100,2.000,0";
        let enhanced = "+0000:202409081151010.328,10.0.0.1,58696,10.0.0.2,5001,1,5.0-6.0,1000,800,-1,-1,-1,-1,0,0";
        let headed = "time,srcaddress,srcport,dstaddr,dstport,transferid,istart,iend,bytes,speed,readcnt,bin0\n+0000:20250605191028.955,10.0.0.1,1,10.0.0.2,5001,1,0.0,1.0,1000,800,7,7\n";
        let split = "-0800:20260218111259.511098,10.1.0.2,0,10.2.0.2,5001,-1,0.0,1.0,561022792,4488182336,4293,0,21,0,0,0,0";
        let text = [plain, udp, enhanced, split, headed].join("\n");
        let found = rows(&text);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|row| row.stamp.is_some() && row.bytes >= 1000.0));
        assert_eq!(found.iter().map(Row::seconds).collect::<Vec<_>>(), [10.0, 10.0, 1.0, 1.0, 1.0]);
        assert_eq!(found[1].udp, Udp::Counted { jitter_ms: 0.010, lost: 2.0, total: 100.0 });
        assert!(found[2].udp == Udp::No && found[3].udp == Udp::No && found[3].is_sum() && found[4].by_receiver);
        assert!(found[0].same_connection(&found[1]));
        assert_eq!(rows("20250918,10.0.0.1,58696,10.0.0.2,5001,3,0.0-10.0,1000,800").len(), 0);
    }
}
