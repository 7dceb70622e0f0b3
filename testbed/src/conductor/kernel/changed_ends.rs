//! Both interfaces of a pair, with the settings that a kernel measure asks for.

use reporter::record::{EndpointId, Pair};

use crate::interface_settings::{ChangedInterface, InterfaceSettings, InterfaceSettingsError};
use crate::topology::KernelEndpoint;

/// The interfaces that are changed now. They stay so for measurements with the same settings, because a NIC starts anew with each change; they are put
/// back before any other measurement, and when this is dropped.
#[derive(Debug, Default)]
pub(super) struct ChangedEnds {
    changed: Option<Changed>,
}

/// What was changed, and for which measurements.
#[derive(Debug)]
struct Changed {
    pair: Pair,
    settings: InterfaceSettings,
    interfaces: Vec<(EndpointId, ChangedInterface)>,
}

/// An end that did not take the settings, or did not take back its own.
#[derive(Debug, thiserror::Error)]
#[error("endpoint {endpoint}: {source}")]
pub(super) struct ChangeError {
    endpoint: EndpointId,
    #[source]
    source: InterfaceSettingsError,
}

impl ChangedEnds {
    /// Gives both ends of a pair these settings. What other measurements changed is put back first.
    pub(super) fn set(
        &mut self,
        pair: &Pair,
        (from, to): (KernelEndpoint<'_>, KernelEndpoint<'_>),
        wanted: InterfaceSettings,
    ) -> Result<(), ChangeError> {
        if self.changed.as_ref().is_some_and(|now| now.pair == *pair && now.settings == wanted) {
            return Ok(());
        }
        self.put_back()?;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut interfaces = Vec::new();
        for end in [from, to] {
            let apply = ChangedInterface::apply(&end.location, end.interface, wanted);
            interfaces.push((end.id.clone(), apply.map_err(|source| ChangeError { endpoint: end.id.clone(), source })?));
        }
        self.changed = Some(Changed { pair: pair.clone(), settings: wanted, interfaces });
        Ok(())
    }

    /// Puts everything back.
    pub(super) fn put_back(&mut self) -> Result<(), ChangeError> {
        let mut failed = None;
        for (endpoint, interface) in self.changed.take().into_iter().flat_map(|changed| changed.interfaces) {
            if let Err(source) = interface.restore() {
                failed.get_or_insert(ChangeError { endpoint, source });
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
