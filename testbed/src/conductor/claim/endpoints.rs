//! Which endpoints a run uses.

use std::collections::BTreeSet;

use reporter::record::EndpointId;

use crate::conductor::schedule;
use crate::plan::{Measure, Plan, TlsEnd};
use crate::topology::{Endpoint, Testbed, TestbedError};

/// The endpoints that a plan uses: both ends of its pairs, and the SmartNICs where TLS ends.
pub(super) fn endpoints_of<'t>(plan: &Plan, testbed: &'t Testbed) -> Result<Vec<&'t Endpoint>, TestbedError> {
    let mut ids: BTreeSet<EndpointId> = BTreeSet::new();
    for pair in schedule::all_pairs(plan, testbed)? {
        let at_smartnics = |measure: &&Measure| {
            let tls = measure.kind.file_transfer().and_then(|transfer| transfer.tls);
            tls.is_some_and(|tls| tls.at == TlsEnd::Dpu) && measure.is_for(&pair)
        };
        if plan.measures.iter().any(|measure| at_smartnics(&measure)) {
            ids.extend(testbed.smartnics(&pair)?.map(|smartnic| smartnic.id.clone()));
        }
        ids.extend([pair.from, pair.to]);
    }
    Ok(testbed.endpoints.iter().filter(|endpoint| ids.contains(&endpoint.id)).collect())
}
