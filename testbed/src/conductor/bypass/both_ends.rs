//! The two ports of a pair, and what both ends report of one trial.

use dataplane::{ReceiveReport, ReflectReport, SendReport, StreamId, StreamReport};

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
    /// The streams of this trial and of those before.
    pub streams: UsedStreams,
}

/// The stream numbers that the trials of a pair have used. They begin anywhere, so that two runs on one path have different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsedStreams {
    first: StreamId,
    next: StreamId,
}

impl UsedStreams {
    /// None yet.
    pub fn beginning_at(first: StreamId) -> Self {
        UsedStreams { first, next: first }
    }

    /// The first of so many further streams. They begin anew after 65,536.
    pub fn take(&mut self, streams: u16) -> StreamId {
        let taken = self.next;
        self.next = StreamId(taken.0.wrapping_add(streams));
        taken
    }

    /// Whether a trial of this pair used it.
    fn has(self, stream: StreamId) -> bool {
        stream.0.wrapping_sub(self.first.0) < self.next.0.wrapping_sub(self.first.0)
    }
}

/// One of the two directions between the ends of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the sender of the pair to its receiver.
    Forward,
    /// From its receiver to its sender.
    Backward,
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
    /// Frames of streams that no trial of this pair sent. Frames of an earlier trial are only late.
    pub fn of_other_senders(&self) -> u64 {
        self.received.streams.iter().filter(|seen| !self.streams.has(seen.stream)).map(|seen| seen.received + seen.duplicate).sum()
    }

    /// What the sink saw of the streams that were sent, together: all zero where nothing came.
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

/// What both ends said of one trial in which both sent at once, direction by direction. The receiver of one is the sender of the other, so the
/// reports of one end's poll loop are in both.
#[derive(Debug)]
pub struct BothWays {
    /// From the pair's first endpoint to its second.
    pub forward: OneWay,
    /// Back.
    pub reverse: OneWay,
}

impl BothWays {
    /// From the reports of the first endpoint and of the second. None where one of them did not count the other's frames.
    pub fn new(mut first: SendReport, mut second: SendReport, links: Links, streams: UsedStreams) -> Option<BothWays> {
        let (at_first, at_second) = (*first.arrived.take()?, *second.arrived.take()?);
        let back = Links { sender: links.receiver, receiver: links.sender };
        Some(BothWays {
            forward: OneWay { sent: first, received: at_second, links, streams },
            reverse: OneWay { sent: second, received: at_first, links: back, streams },
        })
    }
}

impl OpenPorts {
    /// The same ports for frames that go back.
    pub fn reversed(&self) -> OpenPorts {
        OpenPorts { sender: self.receiver.clone(), receiver: self.sender.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc2544_14_what_one_end_sent_is_counted_at_the_other() {
        let end = |stream, frames_sent, frames_received| {
            let arrived = Box::new(ReceiveReport { frames_received, ..ReceiveReport::default() });
            SendReport { stream: StreamId(stream), frames_sent, arrived: Some(arrived), ..SendReport::default() }
        };
        let link = |up_after| LinkSeen { up_before: true, up_after };
        let links = Links { sender: link(true), receiver: link(false) };
        let used = UsedStreams::beginning_at(StreamId(1));
        let trial = BothWays::new(end(1, 10, 20), end(3, 25, 9), links, used).unwrap();
        let counts = |way: &OneWay| (way.sent.stream, way.sent.frames_sent, way.received.frames_received);
        assert_eq!((counts(&trial.forward), counts(&trial.reverse)), ((StreamId(1), 10, 9), (StreamId(3), 25, 20)));
        assert_eq!((trial.reverse.links.sender, trial.reverse.links.receiver), (link(false), link(true)));
        assert!(BothWays::new(SendReport::default(), end(3, 25, 9), links, used).is_none());
    }

    #[test]
    fn streams_of_earlier_trials_are_this_pairs_and_all_others_are_not() {
        let mut used = UsedStreams::beginning_at(StreamId(65_533));
        assert!(!used.has(StreamId(65_533)), "none was sent yet");
        assert_eq!([used.take(2), used.take(2)], [StreamId(65_533), StreamId(65_535)]);
        assert_eq!([65_532, 65_533, 65_534, 65_535, 0, 1].map(|n| used.has(StreamId(n))), [false, true, true, true, true, false]);
    }
}
