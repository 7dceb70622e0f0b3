//! Finds DPDK through pkg-config, or builds one from source with meson.
