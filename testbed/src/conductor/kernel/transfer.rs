//! Streams of less than a second end after a number of bytes: how many, and whether the transfer lasted as long as planned.

use std::collections::BTreeMap;
use std::time::Duration;

use methodology::units::{Goodput, Seconds};
use reporter::kernel_tools::{Extent, MessageSize};
use reporter::record::{Pair, ReasonKind, Record, State};

use crate::plan::Protocol;

/// Goodput that earlier streams of the run reached, by pair, protocol and message size.
#[derive(Debug, Default)]
pub(super) struct SeenGoodput {
    seen: BTreeMap<(Pair, Protocol, MessageSize), Goodput>,
}

impl SeenGoodput {
    /// Notes what a stream of the planned length reached.
    pub(super) fn note(&mut self, pair: &Pair, protocol: Protocol, size: MessageSize, goodput: Goodput) {
        self.seen.insert((pair.clone(), protocol, size), goodput);
    }

    /// What the next stream should reach: its own earlier rate, else that of the slowest pair, else what a slow machine sends in system
    /// calls of this size. A first run that is too short is made again.
    pub(super) fn expected(&self, pair: &Pair, protocol: Protocol, size: MessageSize) -> Goodput {
        let guess = Goodput::new(2e5 * 8.0 * f64::from(size.bytes())).unwrap_or(Goodput::ZERO);
        let own = self.seen.get(&(pair.clone(), protocol, size));
        let others = self.seen.iter().filter(|((_, of, bytes), _)| (*of, *bytes) == (protocol, size)).map(|(_, rate)| *rate);
        let slowest = others.min_by(|a, b| a.bps().total_cmp(&b.bps()));
        own.copied().or(slowest).unwrap_or(guess)
    }
}

/// How long a transfer by bytes lasted beside what was planned for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferLength {
    /// The run ended by time: its length is what was asked for.
    ByTime,
    /// Long enough to be a result, and not longer than planned.
    AsPlanned,
    /// Mostly start-up. It is not a result, but it shows how many bytes to send.
    TooShort,
    /// The estimate of the rate was wrong, or the tool noticed the end late. Its rate sizes no other transfer.
    TooLong,
}

impl TransferLength {
    pub(super) fn of(extent: Extent, took: Duration, wanted: Duration) -> Self {
        match extent {
            Extent::Bytes(_) if took < wanted / 2 => TransferLength::TooShort,
            Extent::Bytes(_) if took > wanted * 2 => TransferLength::TooLong,
            Extent::Bytes(_) => TransferLength::AsPlanned,
            Extent::For(_) | Extent::Messages(_) => TransferLength::ByTime,
        }
    }
}

/// A transfer by bytes that lasted much longer or shorter than planned is invalid: its rate is that of the tool's own wait, or of the start of a
/// connection.
pub(super) fn judge_length(record: &mut Record, extent: Extent, wanted: Duration) {
    let took = record.duration_s.filter(|_| record.verdict.state != State::Failed).and_then(|seconds| Seconds::new(seconds).ok());
    let Some(took) = took else { return };
    let why = match TransferLength::of(extent, took.duration(), wanted) {
        TransferLength::TooLong => "part of that time can be the tool's wait for its own timer, and the rate too low",
        TransferLength::TooShort => {
            "most of that time can be the start of the connection; give a duration of 1 s or more, which ends by time"
        }
        TransferLength::ByTime | TransferLength::AsPlanned => return,
    };
    let detail = format!("the transfer was planned for {} and lasted {took}: {why}", Seconds::from(wanted));
    record.verdict.invalidate(ReasonKind::Implausible, detail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_longer_than_planned_sizes_nothing_and_is_no_result() {
        let bytes = Extent::Bytes(std::num::NonZeroU64::MIN);
        let wanted = Duration::from_millis(300);
        let judged = |took| TransferLength::of(bytes, Duration::from_millis(took), wanted);
        assert_eq!(judged(20), TransferLength::TooShort);
        assert_eq!(judged(290), TransferLength::AsPlanned);
        // What iperf3 3.18 reports of a transfer that took 20 ms.
        assert_eq!(judged(1001), TransferLength::TooLong);
        assert_eq!(TransferLength::of(Extent::For(wanted), Duration::from_secs(1), wanted), TransferLength::ByTime);
    }
}
