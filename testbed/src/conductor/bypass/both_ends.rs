//! The two ports of a pair, and what both ends report of one trial.

use dataplane::{ReceiveReport, ReflectReport, SendReport, StreamReport};

use crate::agent::{LinkSeen, Opened};

/// The open ports of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenPorts {
    /// The sender's.
    pub sender: Opened,
    /// The receiver's.
    pub receiver: Opened,
}

/// What both ends said of one trial.
#[derive(Debug)]
pub struct OneWay {
    /// The generator.
    pub sent: SendReport,
    /// The sink.
    pub received: ReceiveReport,
    /// Their links.
    pub links: Links,
}

/// The links of both ends around a trial.
#[derive(Debug, Clone, Copy)]
pub struct Links {
    /// The sender's.
    pub sender: LinkSeen,
    /// The receiver's.
    pub receiver: LinkSeen,
}

impl OneWay {
    /// What the sink saw of the streams that were sent, together: all zero where nothing came. Other streams are stragglers of an earlier
    /// trial.
    pub fn of_streams(&self) -> StreamReport {
        let ours = |seen: &&StreamReport| self.sent.streams.iter().any(|sent| sent.stream == seen.stream);
        let none = StreamReport { stream: self.sent.stream, ..StreamReport::default() };
        self.received.streams.iter().filter(ours).fold(none, |sum, seen| StreamReport {
            received: sum.received + seen.received,
            lost: sum.lost + seen.lost,
            duplicate: sum.duplicate + seen.duplicate,
            reordered: sum.reordered + seen.reordered,
            window_exceeded: sum.window_exceeded + seen.window_exceeded,
            first_sequence: sum.first_sequence.into_iter().chain(seen.first_sequence).min(),
            highest_sequence: sum.highest_sequence.max(seen.highest_sequence),
            // A second run of a stream of this trial is another sender's: each trial starts its own once.
            several_senders: sum.several_senders || seen.several_senders || seen.run > 0,
            // The numbers of several streams say nothing of each other.
            last_lost: if self.sent.streams.len() == 1 { seen.last_lost } else { None },
            ..sum
        })
    }
}

/// What both ends said of one trial with a reflector.
#[derive(Debug)]
pub struct RoundTrips {
    /// The generator, with round-trip times.
    pub sent: SendReport,
    /// The reflector.
    pub reflected: ReflectReport,
    /// Their links.
    pub links: Links,
}
