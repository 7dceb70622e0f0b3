//! Builds a DPDK from source for linerate: `cargo run -p meson-helpers --bin build-dpdk -- SOURCE PREFIX [bluefield|bluefield-cross]`.

use std::path::PathBuf;
use std::process::ExitCode;

use meson_helpers::{Platform, SourceTree};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (source, prefix, platform) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [source, prefix] => (source, prefix, Platform::Native),
        [source, prefix, "bluefield"] => (source, prefix, Platform::BlueField),
        [source, prefix, "bluefield-cross"] => (source, prefix, Platform::BlueFieldCross),
        _ => {
            eprintln!(
                "usage: build-dpdk SOURCE PREFIX [bluefield|bluefield-cross]\n\nBuilds the DPDK in SOURCE and installs it below PREFIX."
            );
            return ExitCode::from(2);
        }
    };
    match SourceTree::open(source).and_then(|tree| tree.build(platform, &PathBuf::from(prefix))) {
        Ok(pkg_config_path) => {
            println!("DPDK is in {prefix}. Build linerate with it:\n  PKG_CONFIG_PATH={} cargo build --release", pkg_config_path.display());
            println!("and run it with LD_LIBRARY_PATH={prefix}/lib");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
