//! Raw bindings to DPDK: bindgen plus a C shim; the only crate that knows DPDK versions.
