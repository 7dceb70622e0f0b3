//! The status line that `send`, `receive` and `reflect` print each second, and the report lines about their poll loops.

use std::fmt;
use std::time::Duration;

use dataplane::{CycleReport, HiccupReport};
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
    let mut lines = vec![format!("poll loop   {share:.0} % busy, {:.0} cycles per frame", cycles.per_frame)];
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
