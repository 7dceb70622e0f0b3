//! The record of all transfers of a step.

use methodology::statistics::{mean, median};
use methodology::units::Goodput;
use reporter::record::{CoreUse, CpuCost, EndCost, ReasonKind, Record, Tool, Values, Verdict};
use serde_json::{Map, Value, json};

use super::route::Route;
use super::tls_counters::TlsSessions;
use super::transfer::Transferred;
use crate::conductor::context::Context;
use crate::conductor::kernel::ceiling::ceiling;
use crate::conductor::kernel::path::{Crossing, Moved, prove_crossings};
use crate::conductor::record::empty;
use crate::conductor::schedule::Step;
use crate::kernel_end::{InterfaceCounters, Spent, Way};
use crate::plan::FileTransfer;

/// What the transfers of a step gave; at least one.
pub(super) struct Outcome {
    pub(super) transfers: Vec<Transferred>,
    /// The kernel's TLS sessions during the transfers, where TLS is served. None without TLS, and where the kernel has none.
    pub(super) sessions: Option<TlsSessions>,
}

impl Outcome {
    /// The record, with its verdict.
    pub(super) fn record(
        &self,
        step: &Step<'_>,
        transfer: &FileTransfer,
        route: &Route<'_>,
        commands: Vec<String>,
        context: &Context<'_>,
    ) -> Record {
        let file = transfer.file.bytes();
        let times: Vec<f64> = self.transfers.iter().map(|one| one.curl.total_s).collect();
        let handshakes: Vec<f64> = self.transfers.iter().filter_map(|one| one.curl.handshake_s).collect();
        let transfer_s = median(&times).filter(|time| *time > 0.0);
        let goodput_bps = transfer_s.and_then(|time| Goodput::new(f64::from(file) * 8.0 / time).ok());
        let hops: Vec<Vec<&Spent>> =
            (0..route.hops.len()).map(|hop| self.transfers.iter().filter_map(|one| one.hops.get(hop)).collect()).collect();
        let client: Vec<&Spent> = self.transfers.iter().map(|one| &one.client).collect();
        let mut record = empty(step, context.directory, Verdict::valid());
        record.tool = Tool { name: "curl".to_owned(), version: self.version(), commands };
        record.values = Values { transfer_s, handshake_s: median(&handshakes), goodput_bps, ..Values::default() };
        record.duration_s = Some(times.iter().sum());
        record.ceiling = route.hops.first().map(|server| ceiling(server.endpoint, route.client, reporter::kernel_tools::Transport::Tcp));
        let (sender, receiver) = (hops.first().and_then(|server| mean_cost(server)), mean_cost(&client));
        let shared_machine = context.machines.are_shared(&step.pair);
        record.cpu = (sender.is_some() || receiver.is_some()).then_some(CpuCost { sender, receiver, shared_machine });
        record.parameters.insert("transfers_s".to_owned(), json!(times));
        if let Some(sessions) = self.sessions {
            record.parameters.insert("kernel_tls_sessions".to_owned(), json!(sessions));
        }
        let proxies = route.proxies().iter().zip(hops.iter().skip(1));
        let of_proxies: Map<String, Value> =
            proxies.filter_map(|(hop, spent)| Some((hop.endpoint.id.to_string(), serde_json::to_value(mean_cost(spent)?).ok()?))).collect();
        if !of_proxies.is_empty() {
            record.parameters.insert("cpu_at_proxies".to_owned(), Value::Object(of_proxies));
        }
        let client_crossing = Crossing { endpoint: route.client, counted: summed(&client), way: Way::Received };
        let crossings =
            route.hops.iter().zip(&hops).map(|(hop, spent)| Crossing { endpoint: hop.endpoint, counted: summed(spent), way: hop.way });
        let crossings: Vec<Crossing<'_>> = crossings.chain([client_crossing]).collect();
        let interfaces: Map<String, Value> = crossings
            .iter()
            .filter_map(|crossing| {
                Some((crossing.endpoint.id.to_string(), json!({ "bytes": crossing.counted?.of(crossing.way).bytes, "way": crossing.way })))
            })
            .collect();
        record.parameters.insert("interface_bytes".to_owned(), Value::Object(interfaces));
        let moved = f64::from(file) * self.transfers.len() as f64;
        prove_crossings(&mut record, &crossings, Some(Moved { by: "curl", bytes: moved, route: (&step.pair.from, route.client.address) }));
        self.judge(&mut record, transfer);
        record
    }

    /// Whether TLS was what the plan asks for, in every transfer.
    fn judge(&self, record: &mut Record, transfer: &FileTransfer) {
        let negotiated = self.transfers.iter().map(|one| &one.curl.tls);
        let wrong = negotiated.into_iter().find_map(|negotiated| match (transfer.tls, negotiated) {
            (None, None) => None,
            (None, Some(found)) => Some(format!("{} was negotiated, and the plan asks for no TLS", found.version)),
            (Some(tls), None) => Some(format!("no TLS was negotiated, and the plan asks for {}", tls.suite)),
            (Some(tls), Some(found)) => {
                let as_planned = found.cipher == tls.suite.name() && found.version == tls.suite.version().openssl_name();
                (!as_planned).then(|| format!("{} {} was negotiated, and the plan asks for {}", found.version, found.cipher, tls.suite))
            }
        });
        let counters = transfer.tls.and_then(|tls| TlsSessions::doubt(self.sessions, tls.at, transfer.transfers.get()));
        for detail in [wrong, counters].into_iter().flatten() {
            record.verdict.invalidate(ReasonKind::CountersDisagree, detail);
        }
    }

    fn version(&self) -> String {
        self.transfers.iter().find_map(|one| one.curl.version.clone()).unwrap_or_default()
    }
}

/// What an interface counted during all transfers; none where it could not be read once.
fn summed(spent: &[&Spent]) -> Option<InterfaceCounters> {
    spent.iter().map(|one| one.counters).try_fold(InterfaceCounters::default(), |sum, one| Some(sum.plus(one?)))
}

/// The mean of the transfers, which move the same file; none where no cost could be read.
fn mean_cost(spent: &[&Spent]) -> Option<EndCost> {
    let costs: Vec<&EndCost> = spent.iter().filter_map(|one| one.cost.as_ref()).collect();
    let of = |value: fn(&EndCost) -> Option<f64>| mean(&costs.iter().filter_map(|cost| value(cost)).collect::<Vec<_>>());
    let mut by_core: Vec<CoreUse> = costs.first()?.by_core.clone();
    for core in &mut by_core {
        let of_core = |share: fn(&CoreUse) -> f64| {
            let uses = costs.iter().flat_map(|cost| &cost.by_core).filter(|other| other.core == core.core);
            mean(&uses.map(share).collect::<Vec<_>>()).unwrap_or(0.0)
        };
        *core = CoreUse {
            core: core.core,
            busy: of_core(|one| one.busy),
            softirq: of_core(|one| one.softirq),
            steal: of_core(|one| one.steal),
        };
    }
    Some(EndCost {
        cores: of(|cost| cost.cores),
        softirq_cores: of(|cost| cost.softirq_cores),
        steal_cores: of(|cost| cost.steal_cores),
        by_core,
        ..EndCost::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_end::PacketsAndBytes;

    fn spent(cores: f64, bytes: Option<u64>) -> Spent {
        let core = CoreUse { core: 3, busy: cores, softirq: 0.0, steal: 0.0 };
        let counters = bytes.map(|bytes| InterfaceCounters { sent: PacketsAndBytes { packets: 1, bytes }, ..InterfaceCounters::default() });
        Spent { counters, cost: Some(EndCost { cores: Some(cores), by_core: vec![core], ..EndCost::default() }) }
    }

    #[test]
    fn costs_are_averaged_and_bytes_are_summed() {
        let (one, other) = (spent(1.0, Some(10)), spent(0.5, Some(30)));
        let cost = mean_cost(&[&one, &other]).unwrap();
        assert_eq!((cost.cores, cost.by_core[0].busy, cost.by_core[0].core), (Some(0.75), 0.75, 3));
        assert_eq!(summed(&[&one, &other]).unwrap().sent.bytes, 40);
        assert_eq!(summed(&[&one, &spent(1.0, None)]), None, "a reading that is missing proves nothing");
        assert!(mean_cost(&[&Spent::default()]).is_none());
    }
}
