//! Network functions on PCI: what each is, its kernel interfaces, its link, and the devargs that open it.

mod address;
mod id;
mod interface;
mod link;
mod models;
mod networks;
mod port;

pub use address::PciAddress;
pub(in crate::inventory) use address::function_of;
pub use id::PciId;
pub use interface::Interface;
pub use link::PcieLink;
pub use networks::Representor;
pub(in crate::inventory) use port::read;
pub use port::{PciPort, Readiness};
