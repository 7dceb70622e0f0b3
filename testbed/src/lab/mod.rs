//! The lab: an embedded testbed of four network namespaces on one machine, laid out as two hosts with a BlueField-2 each in DPU mode.
//!
//! ```text
//!   a-cpu               a-dpu                               b-dpu               b-cpu
//!   pf0 ───── pf0hpf [eswitch0] p0 ─────────────────── p0 [eswitch0] pf0hpf ───── pf0
//!  198.18.0.1       198.18.0.2                          198.18.0.4         198.18.0.3
//! ```
//!
//! Kernel traffic crosses the veth pairs and the bridges that stand for the e-switches. DPDK traffic crosses shared memory between
//! virtio-user and vhost-user ports, whose sockets live in the lab's private directory. The addresses are from 198.18.0.0/15, which is
//! reserved for benchmarks in isolated environments (RFC 2544 appendix C.2.2 as corrected by RFC 6815 §4.2), and nothing routes them.
//!
//! A lab belongs to the process that made it and goes when its [`Lab`] is dropped. If that process was killed, the next
//! [`Lab::up`] anywhere on the machine removes what it left. A lab that is kept ([`LabOptions::keep`]) has no owner and
//! stays until it is taken down. Several labs can be up at once. Nothing is removed that no lab made.

mod error;
mod kernel;
mod layout;
mod name;
mod permission;
mod register;
mod removal;
mod status;

pub use error::LabError;
pub use layout::LabEndpoint;
pub use name::{LabName, NotALabName};
pub(crate) use permission::missing_capabilities;
pub use status::{LabState, LabStatus};

use layout::LabLayout;
use register::{Locked, Owner, Registration};

/// How to make a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabOptions {
    /// Its name; one that nothing else has if absent.
    pub name: Option<LabName>,
    /// Whether it stays when this process ends.
    pub keep: bool,
}

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    layout: LabLayout,
    /// Taken down when dropped.
    owned: bool,
}

impl Lab {
    /// Makes a lab, after removing what dead processes left. On an error nothing of it stays.
    ///
    /// # Errors
    /// Not root; the name or one of the namespaces is taken; iproute2 is missing or refuses.
    pub fn up(options: LabOptions) -> Result<Lab, LabError> {
        Lab::up_with(options, kernel::build)
    }

    /// Opens a lab that is up, such as one that was kept. Dropping it leaves it up.
    ///
    /// # Errors
    /// There is no such lab, or it is not whole.
    pub fn attach(name: &LabName) -> Result<Lab, LabError> {
        let status = Lab::status(name)?;
        match status.state {
            LabState::Broken { reason } => Err(LabError::Broken { name: name.clone(), reason }),
            LabState::Kept | LabState::InUse { .. } => Ok(Lab { layout: LabLayout::of(name), owned: false }),
        }
    }

    /// The endpoints that a lab will have, of a lab that is not made.
    pub fn planned() -> Vec<LabEndpoint> {
        LabLayout::of(&LabName::random()).endpoints()
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        self.layout.name()
    }

    /// Its endpoints: `a-cpu`, `a-dpu`, `b-cpu`, `b-dpu`.
    pub fn endpoints(&self) -> Vec<LabEndpoint> {
        self.layout.endpoints()
    }

    /// Takes it down, whoever owns it, with the processes inside it.
    ///
    /// # Errors
    /// Something of it cannot be removed.
    pub fn down(mut self) -> Result<(), LabError> {
        self.owned = false;
        removal::remove(&Locked::lock()?, self.name())
    }

    /// Every lab on this machine.
    ///
    /// # Errors
    /// The register of labs cannot be read.
    pub fn list() -> Result<Vec<LabStatus>, LabError> {
        Ok(register::registered()?.iter().map(status::of).collect())
    }

    /// One lab of this machine.
    ///
    /// # Errors
    /// There is no such lab.
    pub fn status(name: &LabName) -> Result<LabStatus, LabError> {
        let all = register::registered()?;
        let known = all.iter().map(|registration| registration.name.to_string()).collect();
        all.iter().find(|registration| registration.name == *name).map(status::of).ok_or(LabError::NoSuchLab { name: name.clone(), known })
    }

    /// Takes down a lab that no living process owns.
    ///
    /// # Errors
    /// There is no such lab, a living process owns it, or something of it cannot be removed.
    pub fn down_by_name(name: &LabName) -> Result<(), LabError> {
        permission::check()?;
        match Lab::status(name)?.state {
            LabState::InUse { process } => Err(LabError::InUse { name: name.clone(), process }),
            LabState::Kept | LabState::Broken { .. } => removal::remove(&Locked::lock()?, name),
        }
    }

    /// Takes down a lab even while a living process owns it; what that process measures fails.
    ///
    /// # Errors
    /// There is no such lab, or something of it cannot be removed.
    pub fn down_by_force(name: &LabName) -> Result<(), LabError> {
        permission::check()?;
        Lab::status(name)?;
        removal::remove(&Locked::lock()?, name)
    }

    /// Removes every lab whose owner is dead, and gives their names. [`up`](Self::up) does this first.
    ///
    /// # Errors
    /// Not root, or something cannot be removed.
    pub fn sweep_dead() -> Result<Vec<LabName>, LabError> {
        permission::check()?;
        sweep(&Locked::lock()?)
    }

    /// `build` is a parameter so that a test can fail in its middle.
    fn up_with(options: LabOptions, build: impl FnOnce(&LabLayout) -> Result<(), LabError>) -> Result<Lab, LabError> {
        permission::check()?;
        let layout = LabLayout::of(&options.name.unwrap_or_else(LabName::random));
        let locked = Locked::lock()?;
        sweep(&locked)?;
        if let Some(taken) = layout.endpoints().into_iter().find(|endpoint| endpoint.namespace.exists()) {
            return Err(match register::registered()?.iter().any(|registration| registration.name == *layout.name()) {
                true => LabError::NameTaken { name: layout.name().clone() },
                false => LabError::NamespaceTaken { namespace: taken.namespace },
            });
        }
        // Ours until it is finished, also when it is to be kept: killed half-way, it is swept.
        locked.register(&Registration { name: layout.name().clone(), owner: Owner::this_process()? })?;
        drop(locked);
        let mut lab = Lab { layout, owned: true };
        build(&lab.layout)?;
        if options.keep {
            Locked::lock()?.rewrite(&Registration { name: lab.name().clone(), owner: Owner::Nobody })?;
            lab.owned = false;
        }
        Ok(lab)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owned {
            // Nobody is left to hear of an error; what stays is swept by the next lab.
            let _ = Locked::lock().and_then(|locked| removal::remove(&locked, self.name()));
        }
    }
}

fn sweep(locked: &Locked) -> Result<Vec<LabName>, LabError> {
    let dead = register::registered()?.into_iter().filter(|registration| registration.owner.is_dead());
    dead.map(|registration| removal::remove(locked, &registration.name).map(|()| registration.name)).collect()
}

#[cfg(test)]
mod tests;
