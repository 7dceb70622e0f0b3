//! Names the build: `LINERATE_BUILD` is a hash of the sources of this crate and of all crates below it, so that two ends of a run can tell
//! whether they are the same program, also where they were built for different processors.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const CRATES: [&str; 6] = ["meson-helpers", "dpdk-sys", "dataplane", "methodology", "reporter", "testbed"];

fn main() -> std::io::Result<()> {
    let root = Path::new("..");
    let mut files = Vec::new();
    for name in CRATES {
        let folder = root.join(name);
        // The tests of a crate do not change its program.
        for part in
            ["src", "shim", "build", "build.rs", "Cargo.toml"].map(|part| folder.join(part)).into_iter().filter(|part| part.exists())
        {
            println!("cargo::rerun-if-changed={}", part.display());
            collect(&part, &mut files)?;
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update([0]);
        hash.update(fs::read(&file)?);
        hash.update([0]);
    }
    let name: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=LINERATE_BUILD={name}");
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}
