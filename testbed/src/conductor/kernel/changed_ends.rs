//! Both interfaces of a pair, with the settings that a kernel measure asks for.

use reporter::record::{EndpointId, Pair};

use crate::interface_settings::{ChangedInterface, InterfaceSettings, InterfaceSettingsError};
use crate::topology::KernelEndpoint;

/// The interfaces that are changed now. They stay so for measurements with the same settings, because a NIC starts anew with each change; they are put
/// back before any other measurement, and when this is dropped.
#[derive(Debug, Default)]
pub(super) struct ChangedEnds {
    changed: Option<Changed>,
    /// Interfaces that did not take back their own settings. Nothing is measured before they have.
    left: Vec<(EndpointId, ChangedInterface)>,
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
        let is_set = self.changed.as_ref().is_some_and(|now| now.pair == *pair && now.settings == wanted);
        if is_set && self.left.is_empty() {
            return Ok(());
        }
        self.put_back()?;
        if wanted.is_empty() {
            return Ok(());
        }
        let mut interfaces = Vec::new();
        for end in [from, to] {
            match ChangedInterface::apply(&end.location, end.interface, wanted) {
                Ok(changed) => interfaces.push((end.id.clone(), changed)),
                Err(source) => {
                    self.left = interfaces;
                    // What this says is tried again before the next measurement, and reported with it.
                    let _ = self.put_back();
                    return Err(ChangeError { endpoint: end.id.clone(), source });
                }
            }
        }
        self.changed = Some(Changed { pair: pair.clone(), settings: wanted, interfaces });
        Ok(())
    }

    /// Puts everything back.
    ///
    /// # Errors
    /// The first interface that does not take back its settings. The next call tries again.
    pub(super) fn put_back(&mut self) -> Result<(), ChangeError> {
        let mut failed = None;
        let changed = self.changed.take().into_iter().flat_map(|changed| changed.interfaces);
        for (endpoint, mut interface) in std::mem::take(&mut self.left).into_iter().chain(changed) {
            if let Err(source) = interface.restore() {
                failed.get_or_insert(ChangeError { endpoint: endpoint.clone(), source });
                self.left.push((endpoint, interface));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Puts back what others changed. What does not take back its settings is to be put back by this.
    pub(super) fn put_back_for(&mut self, others: impl IntoIterator<Item = ChangedEnds>) {
        for mut other in others {
            if other.put_back().is_err() {
                self.left.append(&mut other.left);
            }
        }
    }
}
