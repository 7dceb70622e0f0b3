//! The lab: an embedded testbed of four network namespaces on one machine, laid out as two hosts with a BlueField-2 each in DPU mode, with a
//! container each, or as two virtual machines and their host ([`LabKind`]).
//!
//! ```text
//!   a-cpu               a-dpu                               b-dpu               b-cpu
//!   pf0 ───── pf0hpf [eswitch0] p0 ─────────────────── p0 [eswitch0] pf0hpf ───── pf0
//!  198.18.0.1       198.18.0.2                          198.18.0.4         198.18.0.3
//! ```
//!
//! ```text
//!   a-container          a-cpu                         b-cpu          b-container
//!   eth0 ───────── veth0 [br0] p0 ─────────────────── p0 [br0] veth0 ───────── eth0
//!  198.18.0.2        198.18.0.1                      198.18.0.3          198.18.0.4
//! ```
//!
//! Kernel traffic crosses the veth pairs and the bridges that stand for the e-switches or are the bridges of the hosts. DPDK traffic crosses shared memory between
//! virtio-user and vhost-user ports, whose sockets live in the lab's private directory. The addresses are from 198.18.0.0/15, which is
//! reserved for benchmarks in isolated environments (RFC 2544 appendix C.2.2 as corrected by RFC 6815 §4.2), and nothing routes them.
//!
//! A lab belongs to the process that made it and goes when its [`Lab`] is dropped. If that process was killed, the next
//! [`Lab::up`] anywhere on the machine removes what it left. A lab that is kept ([`LabOptions::keep`]) has no owner and
//! stays until it is taken down. Several labs can be up at once. Nothing is removed that no lab made.

mod cards;
mod containers;
mod directory;
mod error;
mod guests;
mod held;
mod kernel;
mod kind;
mod layout;
mod name;
mod permission;
mod register;
mod removal;
mod status;

pub use containers::{LabContainer, MadeBy};
pub use error::LabError;
pub use guests::{Accelerator, GuestMachine, LabGuest};
pub use kind::{ContainerChoice, GuestPath, LabKind, NotAContainerChoice, NotAGuestPath, NotALabKind};
pub use layout::LabEndpoint;
pub use name::{LabName, NotALabName};
pub(crate) use permission::missing_capabilities;
pub use status::{LabState, LabStatus};

use std::sync::atomic::{AtomicBool, Ordering};

use crate::process::Child;
use held::Held;
use layout::LabLayout;
use register::{Locked, Owner, Registration};

/// How to make a lab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabOptions {
    /// Its name; one that nothing else has if absent.
    pub name: Option<LabName>,
    /// Whether it stays when this process ends.
    pub keep: bool,
    /// What its endpoints are.
    pub kind: LabKind,
    /// What makes its containers, if it has any.
    pub containers: ContainerChoice,
    /// What joins the DPDK cards of its virtual machines, if it has any.
    pub guest_path: GuestPath,
}

/// A lab that is up.
#[derive(Debug)]
pub struct Lab {
    layout: LabLayout,
    containers: Vec<LabContainer>,
    guests: Vec<LabGuest>,
    /// QEMU's processes, of a lab that ends with this process.
    machines: Vec<Child>,
    /// Taken down when dropped.
    owned: bool,
    /// Of a lab that stays: it is not taken down before this is dropped.
    _held: Option<Held>,
}

impl Lab {
    /// Makes a lab, after removing what dead processes left. On an error nothing of it stays.
    ///
    /// # Errors
    /// Not root; the name or one of the namespaces is taken; iproute2 is missing or refuses.
    pub fn up(options: LabOptions) -> Result<Lab, LabError> {
        Lab::up_unless(options, &AtomicBool::new(false))
    }

    /// The same, unless `interrupted` becomes true before the lab is up. Guests take minutes to boot under emulation.
    ///
    /// # Errors
    /// As [`up`](Self::up), or it was interrupted.
    pub fn up_unless(options: LabOptions, interrupted: &AtomicBool) -> Result<Lab, LabError> {
        Lab::up_with(options, interrupted, kernel::build)
    }

    /// Opens a lab that is up, such as one that was kept. It stays up when this is dropped, and is not taken down before.
    ///
    /// # Errors
    /// There is no such lab, it is not whole, or it is being taken down.
    pub fn attach(name: &LabName) -> Result<Lab, LabError> {
        Lab::status(name)?;
        let held = Held::to_use(name)?;
        // What was true before the lock may not be true any more.
        let status = Lab::status(name)?;
        match status.state {
            LabState::Broken { reason } => Err(LabError::Broken { name: name.clone(), reason }),
            LabState::Kept | LabState::InUse { .. } => Ok(Lab {
                layout: LabLayout::of(name, status.kind),
                containers: status.containers,
                guests: status.guests,
                machines: Vec::new(),
                owned: false,
                _held: Some(held),
            }),
        }
    }

    /// The endpoints that a lab will have, of a lab that is not made.
    pub fn planned(kind: LabKind) -> Vec<LabEndpoint> {
        LabLayout::of(&LabName::random(), kind).endpoints()
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        self.layout.name()
    }

    /// What its endpoints are.
    pub fn kind(&self) -> LabKind {
        self.layout.kind()
    }

    /// Those of its endpoints that are containers.
    pub fn containers(&self) -> &[LabContainer] {
        &self.containers
    }

    /// What joins the DPDK cards of its virtual machines.
    pub fn guest_path(&self) -> GuestPath {
        match self.guests.iter().any(|guest| guest.vhost_user.is_some()) {
            true => GuestPath::VhostUser,
            false => GuestPath::Bridge,
        }
    }

    /// Those of its endpoints that are virtual machines.
    pub fn guests(&self) -> &[LabGuest] {
        &self.guests
    }

    /// Its endpoints: `a-cpu`, `a-dpu`, `b-cpu`, `b-dpu`; in a lab of containers `a-cpu`, `a-container`, `b-cpu`, `b-container`; in one of virtual machines
    /// `a-vm`, `b-vm` and `host-cpu`.
    pub fn endpoints(&self) -> Vec<LabEndpoint> {
        self.layout.endpoints()
    }

    /// Takes it down, whoever owns it, with the processes inside it.
    ///
    /// # Errors
    /// Something of it cannot be removed.
    pub fn down(mut self) -> Result<(), LabError> {
        self.owned = false;
        self.machines.clear();
        removal::remove(&Locked::lock()?, self.name(), std::slice::from_ref(&self.layout))
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
        Ok(status::of(&registration(name)?))
    }

    /// Takes down a lab that no living process owns or uses.
    ///
    /// # Errors
    /// There is no such lab, a living process owns or uses it, or something of it cannot be removed.
    pub fn down_by_name(name: &LabName) -> Result<(), LabError> {
        permission::check()?;
        match Lab::status(name)?.state {
            LabState::InUse { process } => Err(LabError::InUse { name: name.clone(), process }),
            LabState::Kept | LabState::Broken { .. } => {
                let _held = Held::to_remove(name)?;
                removal::remove(&Locked::lock()?, name, &registration(name)?.layouts())
            }
        }
    }

    /// Takes down a lab even while a living process owns it; what that process measures fails.
    ///
    /// # Errors
    /// There is no such lab, or something of it cannot be removed.
    pub fn down_by_force(name: &LabName) -> Result<(), LabError> {
        permission::check()?;
        let layouts = registration(name)?.layouts();
        removal::remove(&Locked::lock()?, name, &layouts)
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
    fn up_with(
        options: LabOptions,
        interrupted: &AtomicBool,
        build: impl FnOnce(&LabLayout) -> Result<(), LabError>,
    ) -> Result<Lab, LabError> {
        permission::check()?;
        let layout = LabLayout::of(&options.name.unwrap_or_else(LabName::random), options.kind);
        let locked = Locked::lock()?;
        sweep(&locked)?;
        if let Some(taken) = layout.endpoints().into_iter().find(|endpoint| endpoint.namespace.exists()) {
            return Err(match register::registered()?.iter().any(|registration| registration.name == *layout.name()) {
                true => LabError::NameTaken { name: layout.name().clone() },
                false => LabError::NamespaceTaken { namespace: taken.namespace },
            });
        }
        // Ours until it is finished, also when it is to be kept: killed half-way, it is swept.
        let mut registration = Registration {
            name: layout.name().clone(),
            kind: options.kind,
            owner: Owner::this_process()?,
            containers: Vec::new(),
            guests: Vec::new(),
        };
        locked.register(&registration)?;
        drop(locked);
        let mut lab = Lab { layout, containers: Vec::new(), guests: Vec::new(), machines: Vec::new(), owned: true, _held: None };
        build(&lab.layout)?;
        if options.kind == LabKind::Container {
            lab.containers = containers::start(&lab.layout, options.containers)?;
            registration.containers.clone_from(&lab.containers);
        }
        if options.kind == LabKind::Vm {
            let started = match guests::start(&lab.layout, options.guest_path, options.keep, interrupted) {
                Err(ended @ LabError::Interrupted { .. }) => return Err(lab.down().err().unwrap_or(ended)),
                started => started?,
            };
            (lab.guests, lab.machines) = (started.guests, started.processes);
            registration.guests.clone_from(&lab.guests);
        }
        // Before its owner is given up: killed now, it is swept.
        if interrupted.load(Ordering::Relaxed) {
            let name = lab.name().clone();
            return Err(lab.down().err().unwrap_or(LabError::Interrupted { name }));
        }
        if options.keep {
            registration.owner = Owner::Nobody;
        }
        if options.keep || options.kind != LabKind::Smartnic {
            Locked::lock()?.rewrite(&registration)?;
        }
        lab.owned = !options.keep;
        Ok(lab)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owned {
            self.machines.clear();
            // Nobody is left to hear of an error; what stays is swept by the next lab.
            let _ = Locked::lock().and_then(|locked| removal::remove(&locked, self.name(), std::slice::from_ref(&self.layout)));
        }
    }
}

fn sweep(locked: &Locked) -> Result<Vec<LabName>, LabError> {
    let dead = register::registered()?.into_iter().filter(|registration| registration.owner.is_dead());
    dead.map(|registration| removal::remove(locked, &registration.name, &registration.layouts()).map(|()| registration.name)).collect()
}

fn registration(name: &LabName) -> Result<Registration, LabError> {
    let all = register::registered()?;
    let known = all.iter().map(|registration| registration.name.to_string()).collect();
    all.into_iter().find(|registration| registration.name == *name).ok_or(LabError::NoSuchLab { name: name.clone(), known })
}

#[cfg(test)]
mod tests;
