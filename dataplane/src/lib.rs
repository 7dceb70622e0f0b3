//! Safe DPDK and the poll-mode engines: generator, sink and reflector.
