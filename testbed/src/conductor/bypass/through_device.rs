//! What a record says of the device in the path.

use reporter::archive::ArchiveError;
use reporter::record::{EndpointId, Reason, ReasonKind};

use super::pair::BypassPair;
use super::results::Results;
use crate::conductor::context::Context;
use crate::conductor::schedule::Step;

impl Results {
    /// Adds the device: its counters by trial, how much of the loss was inside it, and that its poll loops had no CPUs of their own.
    pub(super) fn add_device(&mut self, step: &Step<'_>, pair: &BypassPair, context: &mut Context<'_>) -> Result<(), ArchiveError> {
        let Some(path) = context.device.get() else { return Ok(()) };
        self.parameters.extend(path.parameters(&step.id, context.directory)?);
        let device = path.device.device();
        if let Some((inside, lost)) = path.lost_inside().filter(|(inside, _)| *inside > 0) {
            let detail =
                format!("{inside} of the {lost} lost frames of all trials were lost inside device `{}`, by its counters", device.id);
            self.remarks.push(Reason { kind: ReasonKind::Device, detail });
        }
        if let Some(ended) = &path.ended_before {
            let detail = format!("device `{}` was started again before this measurement: {ended}", device.id);
            self.remarks.push(Reason { kind: ReasonKind::Device, detail });
        }
        let (disagreements, compared) = path.disagreements();
        if disagreements * 2 > compared {
            let detail = format!(
                "in {disagreements} of {compared} trials device `{}` did not count what the tester sent and received: frames were lost before or after it, or it counts other frames too",
                device.id
            );
            self.remarks.push(Reason { kind: ReasonKind::Device, detail });
        }
        let shared = |id: &EndpointId, cpus: &[dataplane::CpuId]| {
            let cpu = cpus.iter().find(|cpu| device.cpus.contains(cpu)).filter(|_| context.machines.share(&device.at, id))?;
            Some(format!(
                "device `{}` and the poll loop of `{id}` share CPU {cpu}: rates and delays are those of both together, and only the counts hold; give one of them another CPU (`cpu`, `cpus`)",
                device.id
            ))
        };
        if device.kind.polls() {
            let ends = [(&step.pair.from, &pair.cpus.sender), (&step.pair.to, &pair.cpus.receiver)];
            let shared = ends.into_iter().find_map(|(id, cpus)| shared(id, cpus));
            self.reasons.extend(shared.map(|detail| Reason { kind: ReasonKind::Device, detail }));
        }
        Ok(())
    }
}
