//! What the program must know about the DPDK of the build before it loads that DPDK.

use std::error::Error;
use std::fs;
use std::path::Path;

use meson_helpers::{Dpdk, Linkage};

/// Writes `facts.rs`: the instructions that DPDK was compiled with, and whether DPDK is inside the shim.
pub fn write(dpdk: &Dpdk, out: &Path) -> Result<(), Box<dyn Error>> {
    let flags = cpu_flags(dpdk, out)?;
    let is_static = dpdk.linkage() == Linkage::Static;
    // Drivers are among them.
    let inside = |argument: &String| argument.strip_prefix("-l:librte_")?.strip_suffix(".a").map(str::to_owned);
    let libraries: Vec<String> = dpdk.link_arguments().iter().filter(|_| is_static).filter_map(inside).collect();
    let text = format!(
        "pub(crate) const CPU_FLAGS: &[&str] = &{flags:?};\n\
         pub(crate) const IS_STATIC: bool = {is_static};\n\
         pub(crate) const STATIC_LIBRARIES: &[&str] = &{libraries:?};\n"
    );
    Ok(fs::write(out.join("facts.rs"), text)?)
}

/// Such as `SSE4_2`: RTE_COMPILE_TIME_CPUFLAGS of the generated rte_build_config.h, which EAL compares with the CPU (rte_cpu_is_supported), and
/// which other code of DPDK uses without asking.
fn cpu_flags(dpdk: &Dpdk, out: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    const MARK: &str = "linerate_cpu_flags";
    let source = out.join("cpu_flags.c");
    fs::write(&source, format!("#include <rte_config.h>\n{MARK} RTE_COMPILE_TIME_CPUFLAGS\n"))?;
    let mut build = cc::Build::new();
    build.file(&source).warnings(false);
    for flag in dpdk.cflags() {
        build.flag(flag);
    }
    let expanded = String::from_utf8(build.try_expand()?)?;
    // The list may be continued on the next lines, each with a mark of its place.
    let list = expanded.split_once(MARK).map(|(_, list)| list).unwrap_or_default();
    let names = list.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(','));
    Ok(names.filter_map(|name| name.trim().strip_prefix("RTE_CPUFLAG_")).map(str::to_owned).collect())
}
