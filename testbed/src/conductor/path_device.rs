//! The device in the path of the pair that is being measured: started before its first step, counted around every trial, stopped after its last.

use std::sync::atomic::AtomicBool;

use reporter::archive::{ArchiveError, RunDirectory};
use reporter::record::{Pair, RecordId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::device::{DeviceCounters, DeviceError, Links, PortCounters, RunningDevice};
use crate::topology::{BypassPort, Passage, Testbed};

/// The device in the path, where there is one: one at a time.
#[derive(Debug, Default)]
pub(super) struct PathDevice {
    running: Option<InPath>,
}

/// A running device, and the direction of the pair through it.
#[derive(Debug)]
pub(super) struct InPath {
    pub(super) device: RunningDevice,
    pub(super) passage: Passage,
    /// Whether test frames have passed both ways since it was started.
    pub(super) is_proved: bool,
    /// How it ended, where it was started again for this record.
    pub(super) ended_before: Option<String>,
    trials: Vec<DeviceTrial>,
}

/// What the tester counted in one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TesterCounts {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) crossing: Crossing,
}

/// How the frames of a trial cross the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    /// From the sender's side to the receiver's.
    OneWay,
    /// There and back: `received` was counted at the sender's port.
    RoundTrips,
    /// Both ends send at the same time: `sent` and `received` are the sums of both.
    BothWays,
}

/// What a device counted in one trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct DeviceTrial {
    /// Its number among the trials of the record.
    trial: usize,
    /// Frames that the tester sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<u64>,
    /// Frames that came to the tester, each once.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    /// The port on the sender's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender_side: Option<PortCounters>,
    /// The port on the receiver's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver_side: Option<PortCounters>,
    /// Lost frames that the device took in and did not give out.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_inside: Option<u64>,
    /// Whether the device counted, frame by frame, what the tester sent and received.
    #[serde(skip_serializing_if = "Option::is_none")]
    agrees: Option<bool>,
}

impl PathDevice {
    /// Starts the device of a pair, where it has one and it does not run, and stops another one. `port` is that of a measurement with poll loops.
    ///
    /// # Errors
    /// The device cannot be started.
    pub(super) fn prepare(
        &mut self,
        testbed: &Testbed,
        pair: &Pair,
        port: Option<BypassPort>,
        interrupted: &AtomicBool,
    ) -> Result<(), DeviceError> {
        let wanted = testbed.device_for(pair, port);
        let mut ended_before = None;
        if let (Some(running), Some((device, passage))) = (&mut self.running, wanted)
            && running.device.id() == &device.id
        {
            running.passage = passage;
            running.trials.clear();
            match running.device.check() {
                Ok(()) => {
                    running.ended_before = None;
                    return Ok(());
                }
                Err(ended) => ended_before = Some(ended.to_string()),
            }
        }
        self.release();
        if let Some((device, passage)) = wanted {
            let location = &testbed.endpoint(&device.at)?.location;
            let links = if port.is_some() { Links::ComeWithTheEnds } else { Links::AreUp };
            let device = RunningDevice::start(device, location, links, interrupted)?;
            self.running = Some(InPath { device, passage, is_proved: false, ended_before, trials: Vec::new() });
        }
        Ok(())
    }

    /// The device, where one is in the path.
    pub(super) fn get(&mut self) -> Option<&mut InPath> {
        self.running.as_mut()
    }

    /// Stops it and puts back what it changed.
    pub(super) fn release(&mut self) {
        let Some(InPath { device, .. }) = self.running.take() else { return };
        if let Err(error) = device.stop() {
            tracing::warn!("{error}; not everything was put back, and the next run tries again");
        }
    }
}

/// A program gets the time to end by itself, and what a device changed is put back, also where a run is interrupted.
impl Drop for PathDevice {
    fn drop(&mut self) {
        self.release();
    }
}

impl InPath {
    /// Its counters before a trial: of the port on the sender's side and of that on the receiver's.
    pub(super) fn before(&mut self) -> Result<Option<DeviceCounters>, DeviceError> {
        self.device.check()?;
        self.device.counters()
    }

    /// Notes what it counted since, beside what the tester counted.
    ///
    /// # Errors
    /// It has ended, or cannot be counted.
    pub(super) fn after(&mut self, before: Option<DeviceCounters>, tester: Option<TesterCounts>) -> Result<(), DeviceError> {
        self.device.check()?;
        let counted = self.device.counters()?.zip(before).and_then(|(after, before)| after.since(before));
        let counted = counted.map(|counters| self.passage.order(counters.ports));
        self.trials.push(DeviceTrial::of(self.trials.len() + 1, counted, tester));
        Ok(())
    }

    /// Frames that the device lost in all trials, and frames that were lost at all, where both are known.
    pub(super) fn lost_inside(&self) -> Option<(u64, u64)> {
        let of_trial = |trial: &DeviceTrial| Some((trial.lost_inside?, trial.sent?.saturating_sub(trial.received?)));
        self.trials.iter().filter_map(of_trial).reduce(|(inside, all), (more, of)| (inside + more, all + of))
    }

    /// In how many trials, and of how many, the device did not count what the tester counted.
    pub(super) fn disagreements(&self) -> (usize, usize) {
        let compared: Vec<bool> = self.trials.iter().filter_map(|trial| trial.agrees).collect();
        (compared.iter().filter(|agrees| !**agrees).count(), compared.len())
    }

    /// What a record says of the device. What a program of the user's printed is kept as a file.
    pub(super) fn parameters(&mut self, record: &RecordId, directory: &RunDirectory) -> Result<Map<String, Value>, ArchiveError> {
        let device = self.device.device();
        let mut value = json!({
            "id": device.id,
            "kind": device.kind.name(),
            "configuration": self.device.configuration(),
            "ports": device.port_names(),
            "trials": self.trials,
        });
        if let Some((inside, all)) = self.lost_inside() {
            value["lost_inside"] = inside.into();
            value["lost"] = all.into();
        }
        if matches!(device.kind, crate::topology::DeviceKind::Command { .. })
            && let Some(output) = self.device.output()
        {
            value["output"] = directory.store_raw(&format!("{record}-device.txt"), output.as_bytes())?.into();
        }
        Ok(Map::from_iter([("device".to_owned(), value)]))
    }
}

impl DeviceTrial {
    fn of(trial: usize, counted: Option<[PortCounters; 2]>, tester: Option<TesterCounts>) -> Self {
        let attributed = counted.zip(tester).map(|([near, far], TesterCounts { sent, received, crossing })| {
            let both = (near.received + far.received, near.sent + far.sent);
            let (taken, given) = if crossing == Crossing::OneWay { (near.received, far.sent) } else { both };
            // A frame that the device did not take in was lost before it, one that it gave out after it.
            let inside = taken.saturating_sub(given).min(sent.saturating_sub(received));
            // What it took from the tester's senders, and what it gave to those that count.
            let ends = match crossing {
                Crossing::OneWay => (near.received, far.sent),
                Crossing::RoundTrips => (near.received, near.sent),
                Crossing::BothWays => both,
            };
            (inside, ends == (sent, received))
        });
        DeviceTrial {
            trial,
            sent: tester.map(|tester| tester.sent),
            received: tester.map(|tester| tester.received),
            sender_side: counted.map(|[near, _]| near),
            receiver_side: counted.map(|[_, far]| far),
            lost_inside: attributed.map(|(inside, _)| inside),
            agrees: attributed.map(|(_, agrees)| agrees),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(received: u64, sent: u64) -> PortCounters {
        PortCounters { received, sent, ..PortCounters::default() }
    }

    fn of(ports: [PortCounters; 2], sent: u64, received: u64, crossing: Crossing) -> (Option<u64>, Option<bool>) {
        let trial = DeviceTrial::of(1, Some(ports), Some(TesterCounts { sent, received, crossing }));
        (trial.lost_inside, trial.agrees)
    }

    #[test]
    fn loss_is_the_devices_only_where_it_took_a_frame_in_and_did_not_give_it_out() {
        assert_eq!(of([port(1000, 0), port(0, 1000)], 1000, 1000, Crossing::OneWay), (Some(0), Some(true)));
        assert_eq!(of([port(1000, 0), port(0, 999)], 1000, 999, Crossing::OneWay), (Some(1), Some(true)));
        assert_eq!(of([port(990, 0), port(0, 990)], 1000, 990, Crossing::OneWay), (Some(0), Some(false)), "lost before it");
        assert_eq!(of([port(1000, 0), port(0, 1000)], 1000, 990, Crossing::OneWay), (Some(0), Some(false)), "lost after it");
        // Its foreign frames are no loss.
        assert_eq!(of([port(1005, 0), port(0, 1000)], 1000, 1000, Crossing::OneWay).0, Some(0));
    }

    #[test]
    fn of_round_trips_both_ways_count() {
        // Both ends send 100: one frame is lost on the way back.
        assert_eq!(of([port(100, 99), port(100, 100)], 200, 199, Crossing::BothWays), (Some(1), Some(true)));
        assert_eq!(of([port(100, 97), port(98, 99)], 100, 97, Crossing::RoundTrips), (Some(2), Some(true)));
        assert_eq!(DeviceTrial::of(1, None, Some(TesterCounts { sent: 1, received: 0, crossing: Crossing::OneWay })).lost_inside, None);
    }
}
