//! The built-in lab as a testbed.

use std::net::IpAddr;
use std::path::Path;

use super::model::{Endpoint, KernelAddress, Testbed, Wiring};
use super::rings::RingSizes;
use crate::lab::{Lab, LabEndpoint};
use crate::process::Location;

/// The first line of the testbed file that a run on the built-in lab keeps.
const LAB_TITLE: &str = "# The built-in lab: four endpoints on one machine, made for this run and removed after it.";

impl Testbed {
    /// The built-in lab as a testbed. `program` is this very program: every endpoint is on this machine.
    ///
    /// Poll loops go to two CPUs, senders on one and receivers on the other, where the machine has two.
    pub fn of_lab(lab: &Lab, program: &Path) -> Testbed {
        Testbed::of_lab_endpoints(&lab.endpoints(), program)
    }

    /// The built-in lab before it is made: whether a plan fits it can be asked, and nothing else.
    pub fn of_planned_lab(program: &Path) -> Testbed {
        Testbed::of_lab_endpoints(&Lab::planned(), program)
    }

    fn of_lab_endpoints(lab: &[LabEndpoint], program: &Path) -> Testbed {
        let endpoints: Vec<Endpoint> = lab
            .iter()
            .map(|endpoint| Endpoint {
                id: endpoint.id.clone(),
                location: Location::Namespace(endpoint.namespace.clone()),
                rings: RingSizes::default(),
                kernel: Some(KernelAddress { address: IpAddr::V4(endpoint.address), interface: endpoint.interface.clone() }),
                port: None,
                promiscuous: false,
                cpus: Vec::new(),
                program: program.to_owned(),
                link: None,
            })
            .collect();
        // All endpoints of a lab share one private directory.
        let sockets = lab.first().map(|endpoint| endpoint.socket_dir.clone()).unwrap_or_default();
        let mut source = format!("{LAB_TITLE}\nname = \"lab\"\nemulated = true\n");
        for endpoint in lab {
            source.push_str(&format!(
                "\n[[endpoint]]\nid = \"{}\"\naddress = \"{}\"\ninterface = \"{}\"\n",
                endpoint.id, endpoint.address, endpoint.interface
            ));
        }
        Testbed { name: "lab".to_owned(), endpoints, devices: Vec::new(), wiring: Wiring::SharedMemory { sockets }, source, emulated: true }
    }

    /// Whether this is the built-in lab, which is made anew for each run.
    pub fn is_the_lab(&self) -> bool {
        self.source.starts_with(LAB_TITLE)
    }
}
