use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use super::check::{Check, CheckLevel};

const MEBIBYTE: u64 = 1024 * 1024;
/// A full run with its raw outputs takes some tens of MiB.
const LEAST: u64 = 100 * MEBIBYTE;
const COMFORTABLE: u64 = 1024 * MEBIBYTE;

pub(super) fn check(runs: &Path) -> Vec<Check> {
    // An empty path is the current directory.
    let wanted = std::path::absolute(Path::new(".").join(runs)).unwrap_or_else(|_| runs.to_owned());
    let Some(existing) = wanted.ancestors().find(|directory| directory.exists()) else { return Vec::new() };
    let why = "results are written while they are made; a run that cannot write does not start";
    let at = existing.display();
    if access(existing, AccessFlags::W_OK).is_err() {
        return vec![
            Check::found(CheckLevel::Problem, "results", format!("{at} cannot be written to"), why)
                .fixed_by("choose another with --out DIR"),
        ];
    }
    let Ok(file_system) = statvfs(existing) else { return Vec::new() };
    // The kernel's types are narrower on 32-bit machines.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the widths depend on the platform")]
    let free = (file_system.blocks_available() as u64).saturating_mul(file_system.fragment_size() as u64);
    let seen = format!("{} MiB free for {at}", free / MEBIBYTE);
    vec![match free {
        0..LEAST => {
            Check::found(CheckLevel::Problem, "results", seen, why).fixed_by("free some, or choose another directory with --out DIR")
        }
        LEAST..COMFORTABLE => Check::found(CheckLevel::Warning, "results", seen, why),
        _ => Check::ok("results", seen),
    }]
}
