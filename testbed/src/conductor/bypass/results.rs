//! What a DPDK measurement adds to a record, beside who and where.

use methodology::units::{FrameSize, LinkSpeed, PacketRate};
use reporter::record::{Ceiling, CeilingKind, CpuCost, Pair, Reason, Record, ShownParameter, Values, Verdict, View};
use serde_json::{Map, Value};

use super::both_ends::OpenPorts;
use crate::agent::Opened;
use crate::conductor::context::Context;
use crate::conductor::record::{empty, parameters_of};
use crate::conductor::schedule::Step;

/// The fields of a record that the measurement itself fills in.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub values: Values,
    pub parameters: Map<String, Value>,
    pub load: Option<String>,
    pub duration_s: Option<f64>,
    pub ceiling: Option<Ceiling>,
    pub cpu: Option<CpuCost>,
    pub view: Option<View>,
    /// Why the result is invalid.
    pub reasons: Vec<Reason>,
    /// What a reader should know of a valid result too.
    pub remarks: Vec<Reason>,
}

impl Results {
    /// The record of a step that was measured between these two ports.
    pub(super) fn into_record(mut self, step: &Step<'_>, ports: &OpenPorts, context: &Context<'_>) -> Record {
        let port = |opened: &Opened| {
            let mut port = serde_json::json!(opened.port);
            port["dpdk"] = opened.dpdk.running.as_str().into();
            if let Some(pcie) = &opened.pcie {
                port["pcie"] = serde_json::json!(pcie);
            }
            port
        };
        let carries = |opened: &Opened| opened.pcie.as_ref()?.data_bps();
        if let Some((sender, receiver)) = carries(&ports.sender).zip(carries(&ports.receiver)) {
            ShownParameter::PCIE_DATA_BPS.note(&mut self.parameters, sender.min(receiver).into());
        }
        self.parameters.insert("sender_port".to_owned(), port(&ports.sender));
        self.parameters.insert("receiver_port".to_owned(), port(&ports.receiver));
        let mut verdict = Verdict::from_reasons(self.reasons);
        self.remarks.into_iter().for_each(|remark| verdict.remark(remark));
        Record {
            values: self.values,
            parameters: parameters_of(step).into_iter().chain(self.parameters).collect(),
            load: self.load,
            duration_s: self.duration_s,
            ceiling: self.ceiling,
            cpu: self.cpu.map(|cost| CpuCost { shared_machine: context.machines.are_shared(&step.pair), ..cost }),
            view: self.view,
            ..empty(step, context.directory, verdict)
        }
    }

    /// Sets the rate in frames, bits and payload.
    pub(super) fn set_rate(&mut self, rate: PacketRate, size: FrameSize) {
        self.values.forwarding_pps = Some(rate);
        self.values.l1_bps = Some(rate.l1(size));
        self.values.l2_bps = Some(rate.l2(size));
        self.values.goodput_bps = Some(rate.udp4_goodput(size));
    }

    /// Writes the endpoints of each direction into `directions`, where there are two.
    pub(super) fn name_directions(&mut self, pair: &Pair) {
        let Some(Value::Array(directions)) = self.parameters.get_mut("directions") else { return };
        for (direction, (from, to)) in directions.iter_mut().zip([(&pair.from, &pair.to), (&pair.to, &pair.from)]) {
            (direction["from"], direction["to"]) = (from.to_string().into(), to.to_string().into());
        }
    }

    /// Removes the rate: there is none that could be mistaken for a result.
    pub(super) fn clear_rate(&mut self) {
        self.values.forwarding_pps = None;
        self.values.l1_bps = None;
        self.values.l2_bps = None;
        self.values.goodput_bps = None;
    }
}

/// Line rate, where a link has a speed; shared memory has none.
pub(super) fn ceiling(link: Option<LinkSpeed>, size: FrameSize) -> Ceiling {
    match link {
        Some(link) => {
            let rate = link.line_rate(size);
            Ceiling {
                kind: CeilingKind::LineRate,
                l1_bps: Some(link.bps() as f64),
                pps: Some(rate.pps()),
                goodput_bps: Some(rate.udp4_goodput(size).bps()),
            }
        }
        None => Ceiling { kind: CeilingKind::None, l1_bps: None, pps: None, goodput_bps: None },
    }
}
