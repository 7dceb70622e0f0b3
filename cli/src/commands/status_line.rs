//! The status line that `send`, `receive` and `reflect` print each second, and the report lines about their poll loops.

use std::fmt;
use std::time::Duration;

use dataplane::{BusiestQueue, CycleReport, HiccupReport, QueueReport, TickSource};
use methodology::units::{Frames, PacketRate};

/// `[  3.0 s] sent 1.000 Mpps, 672 Mbit/s at layer 1, 0 unsent`
pub struct StatusLine {
    text: String,
}

impl StatusLine {
    /// `[  3.0 s] sent`
    pub fn new(verb: &str, elapsed: Duration) -> StatusLine {
        StatusLine { text: format!("[{:6.1} s] {verb}", elapsed.as_secs_f64()) }
    }

    /// Test frames per second, with their layer-1 rate.
    pub fn rate(self, frames: u64, interval: Duration, of: &Frames) -> StatusLine {
        let rate = PacketRate::from_count(frames, interval.as_secs_f64());
        StatusLine { text: format!("{} {rate}, {} at layer 1", self.text, of.l1(rate)) }
    }

    /// Frames per second of any size.
    pub fn packets(self, frames: u64, interval: Duration) -> StatusLine {
        StatusLine { text: format!("{} {}", self.text, PacketRate::from_count(frames, interval.as_secs_f64())) }
    }

    /// The shares of several queues: `, by queue 26 24 25 25 %`.
    pub fn shares(self, frames: impl Iterator<Item = u64>) -> StatusLine {
        let frames: Vec<u64> = frames.collect();
        let all: u64 = frames.iter().sum();
        if frames.len() < 2 || all == 0 {
            return self;
        }
        let shares: Vec<String> = frames.iter().map(|&frames| format!("{:.0}", percent(frames, all))).collect();
        StatusLine { text: format!("{}, by queue {} %", self.text, shares.join(" ")) }
    }

    /// A counter. It is left out at 0, except for lost and unsent frames.
    pub fn count(self, name: &str, value: u64) -> StatusLine {
        if value == 0 && name != "lost" && name != "unsent" { self } else { StatusLine { text: format!("{}, {value} {name}", self.text) } }
    }
}

impl fmt::Display for StatusLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// How busy the poll loop was, and what interrupted it.
pub fn poll_loop_lines(hiccups: &HiccupReport, cycles: &CycleReport) -> Vec<String> {
    let share = 100.0 * cycles.busy as f64 / cycles.total.max(1) as f64;
    let in_cycles = match cycles.clock {
        TickSource::Tsc => format!(" ({:.0} cycles of the TSC)", cycles.per_frame),
        // The generic timer of Arm does not count cycles.
        TickSource::GenericTimer => String::new(),
    };
    let mut lines = vec![format!("poll loop   {share:.0} % busy, {:.0} ns per frame{in_cycles}", cycles.ns_per_frame)];
    if hiccups.count > 0 {
        lines.push(format!(
            "hiccups     the poll loop was interrupted {} times for more than {}, at most {}: another task used its CPU, or the driver made a system call",
            hiccups.count, hiccups.threshold_ns, hiccups.longest_ns
        ));
    }
    if let Some(steal) = cycles.steal.filter(|steal| !steal.is_zero()) {
        lines.push(format!("steal       the hypervisor took {steal} from the CPU of the poll loop"));
    }
    lines
}

/// What each of several queues did, and whether one had far more than its share of the frames that `frames` returns.
pub fn queue_lines(queues: &[QueueReport], verb: &str, frames: impl Fn(&QueueReport) -> u64) -> Vec<String> {
    if queues.len() < 2 {
        return Vec::new();
    }
    let all = queues.iter().map(&frames).sum();
    let line = |queue: &QueueReport| {
        let cpu = queue.cpu.map_or(String::new(), |cpu| format!(" on CPU {cpu}"));
        let node = if queue.other_node { ", which is on another NUMA node than the port" } else { "" };
        let missed = queue.missed.map_or(String::new(), |missed| format!(", {missed} missed"));
        let count = frames(queue);
        format!(
            "  queue {}{cpu}{node}: {count} {verb} ({:.0} %){missed}, {:.0} ns per frame, {} hiccups",
            queue.queue,
            percent(count, all),
            queue.cycles.ns_per_frame,
            queue.hiccups.count
        )
    };
    queues.iter().map(line).chain(uneven_line(queues, verb, &frames)).collect()
}

/// The report line about a queue with many more of the `frames` than the others, where there is one.
pub fn uneven_line(queues: &[QueueReport], verb: &str, frames: impl Fn(&QueueReport) -> u64) -> Option<String> {
    let busiest = BusiestQueue::of(queues, frames).filter(BusiestQueue::is_uneven)?;
    Some(format!("UNEVEN      {}", busiest.in_words("", verb)))
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use dataplane::CpuId;

    use super::*;

    fn queues(frames: &[u64]) -> Vec<QueueReport> {
        let queue = |(queue, &frames_received)| QueueReport {
            queue,
            frames_received,
            cpu: Some(CpuId::new(4)),
            missed: Some(7),
            ..QueueReport::default()
        };
        (0..).zip(frames).map(queue).collect()
    }

    #[test]
    fn each_of_several_queues_has_a_line_and_an_uneven_spread_is_named() {
        let lines = queue_lines(&queues(&[20, 20, 19, 41]), "received", |queue| queue.frames_received);
        assert_eq!(lines.len(), 5);
        assert!(lines[3].contains("queue 3 on CPU 4: 41 received (41 %), 7 missed"), "{}", lines[3]);
        assert!(lines[4].starts_with("UNEVEN") && lines[4].contains("queue 3 received 41 %") && lines[4].contains("25 %"), "{}", lines[4]);
        assert_eq!(queue_lines(&queues(&[25, 25, 20, 30]), "received", |queue| queue.frames_received).len(), 4);
        assert!(queue_lines(&queues(&[25]), "received", |queue| queue.frames_received).is_empty());
    }

    #[test]
    fn the_live_line_has_the_share_of_each_queue() {
        let line = |frames: &[u64]| StatusLine::new("received", Duration::from_secs(1)).shares(frames.iter().copied()).to_string();
        assert!(line(&[1, 3]).ends_with(", by queue 25 75 %"), "{}", line(&[1, 3]));
        assert!(line(&[3]).ends_with("received") && line(&[0, 0]).ends_with("received"));
    }
}
