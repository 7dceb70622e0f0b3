//! Compiles the shim and generates the declarations, both with the very same flags.
//!
//! The shim becomes a shared library that needs DPDK's. It is embedded in the program and loaded at run time, so that the program starts where
//! DPDK is missing (docs/architecture.md, "DPDK versions").

mod facts;
mod functions;

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use meson_helpers::{Dpdk, Linkage, print_rerun_lines};

/// What linerate calls itself. Everything inline, thread-local or version-dependent goes through the shim (`lr_`) instead.
const FUNCTIONS: &[&str] = &[
    "lr_.*",
    "rte_dev_probe",
    "rte_eal_cleanup",
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_close",
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
    println!("cargo::rerun-if-changed=build");
    print_rerun_lines();
    let dpdk = Dpdk::find()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    facts::write(&dpdk, &out)?;
    link_shim(&dpdk, &out)?;
    generate(&dpdk, &out)
}

fn link_shim(dpdk: &Dpdk, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut build = cc::Build::new();
    build.file("shim/shim.c").file("shim/eswitch.c").opt_level(3).pic(true).warnings(true).flag("-Wno-deprecated-declarations");
    for flag in dpdk.cflags() {
        build.flag(flag);
    }
    if dpdk.linkage() == Linkage::Static {
        build.define("LR_STATIC_DPDK", None);
    }
    let objects = build.try_compile_intermediates()?;
    // Undefined symbols must be found now, not when the library is loaded.
    let compiler = build.try_get_compiler()?;
    let mut link = compiler.to_command();
    link.args(["-shared", "-Wl,-z,defs", "-Wl,-z,now", "-o"]).arg(out.join("liblinerate_dpdk.so")).args(objects);
    link.args(dpdk.link_arguments().iter().filter(|argument| is_there(&compiler, argument)));
    // pthread is a library of its own before glibc 2.34 (Ubuntu 20.04).
    link.arg("-lpthread");
    let output = link.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("the shim could not be linked with DPDK {}: {}", dpdk.version(), String::from_utf8_lossy(&output.stderr)).into())
}

/// Whether the linker finds the library of a `-l` argument. For a static DPDK, pkg-config also names what the shared libraries of other projects need
/// in turn (libpcap, then libdbus, then libsystemd): these bring it themselves, and its development files are often not installed.
fn is_there(compiler: &cc::Tool, argument: &str) -> bool {
    let Some(name) = argument.strip_prefix("-l").filter(|name| !name.starts_with(':') && !name.starts_with("rte_")) else { return true };
    let found = |ending: &str| {
        let file = format!("lib{name}.{ending}");
        let answer = compiler.to_command().arg(format!("-print-file-name={file}")).output();
        // A file that is not found is printed as it was asked for.
        answer.map_or(true, |output| String::from_utf8_lossy(&output.stdout).trim() != file)
    };
    found("so") || found("a")
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
    let bindings = functions::look_up_at_run_time(&builder.generate()?.to_string())?;
    std::fs::write(out.join("bindings.rs"), bindings)?;
    Ok(())
}
