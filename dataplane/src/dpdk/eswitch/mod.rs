//! Ports of a NIC's embedded switch: how they are written and named, which port a representor is, and the port that manages the switch.

mod argument;
mod kernel_ports;
mod lookup;
mod port_name;
mod proxy;
mod table;

pub use port_name::{PortName, Represented};

pub(super) use argument::{Kind, Representor, top_level_parts};
pub(super) use kernel_ports::representors_of;
pub(super) use lookup::{Found, find, is_representor, uplink};
pub(super) use proxy::start_proxy;
