//! Compiles the shim and generates the declarations, both with the very same flags.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use meson_helpers::Dpdk;

/// What linerate calls itself. Everything inline, thread-local or version-dependent goes through the shim (`lr_`) instead.
const FUNCTIONS: &[&str] = &[
    "lr_.*",
    "rte_dev_probe",
    "rte_eal_cleanup",
    "rte_eal_has_hugepages",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_get_name_by_port",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_find_next",
    "rte_eth_macaddr_get",
    "rte_eth_promiscuous_enable",
    "rte_eth_rx_burst_mode_get",
    "rte_eth_tx_burst_mode_get",
    "rte_eth_tx_done_cleanup",
    "rte_eth_xstats_get",
    "rte_eth_xstats_get_names",
    "rte_eth_dev_set_mtu",
    "rte_mempool_free",
    "rte_mempool_obj_iter",
    "rte_pktmbuf_free_bulk",
    "rte_pktmbuf_pool_create",
    "rte_strerror",
    "rte_thread_register",
    "rte_thread_unregister",
    "rte_version",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Cargo shows these lines under `error:`; a Debug print of a Result would hide them in escapes.
            println!("cargo::error={}", error.to_string().replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=shim");
    let dpdk = Dpdk::find()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    compile_shim(&dpdk);
    // After the shim, which needs them: the linker drops what it has not missed yet.
    dpdk.print_cargo_lines();
    generate(&dpdk, &out)
}

fn compile_shim(dpdk: &Dpdk) {
    let mut build = cc::Build::new();
    build.file("shim/shim.c").file("shim/eswitch.c").opt_level(3).warnings(true).flag("-Wno-deprecated-declarations");
    for flag in dpdk.cflags() {
        build.flag(flag);
    }
    build.compile("linerate_shim");
}

fn generate(dpdk: &Dpdk, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut builder = bindgen::Builder::default()
        .header("shim/shim.h")
        .clang_args(dpdk.cflags())
        .allowlist_type("lr_.*")
        // Only ever behind a pointer: their fields move between versions.
        .opaque_type("rte_mbuf|rte_mempool|rte_eth_dev.*|rte_device")
        .prepend_enum_name(false)
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(true)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()));
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    builder.generate()?.write_to_file(out.join("bindings.rs"))?;
    Ok(())
}
