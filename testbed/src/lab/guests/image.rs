//! QEMU, and the disk, kernel and initial file system of the guests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::error::LabError;
use crate::process::{CommandSpec, Location, find_program, run_until_interrupted};

/// What makes the disk: the same script as for the tests on emulated network cards.
const GUEST: &str = include_str!("guest.sh");
/// The first process of a guest.
const FIRST_PROCESS: &str = include_str!("guest-init");
const PREPARE: &str = include_str!("prepare.sh");

/// Where the disk is kept, unless this variable names a folder.
const FOLDER_VARIABLE: &str = "LINERATE_GUESTS";
const FOLDER: &str = "/var/cache/linerate";

const QEMU: &str = "qemu-system-x86_64";

/// Packages are downloaded and installed into the disk once.
const PREPARE_LIMIT: Duration = Duration::from_secs(1200);

/// What a guest is started from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// The words of QEMU's command, without options of the guest.
    pub(super) qemu: Vec<String>,
    pub(super) disk: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
}

/// Finds QEMU, and makes the disk where it is missing, unless `interrupted` becomes true. `work` is a folder of the lab for the scripts.
pub(super) fn prepare(work: &Path, interrupted: &AtomicBool) -> Result<Image, LabError> {
    let folder = env::var_os(FOLDER_VARIABLE).map_or_else(|| PathBuf::from(FOLDER), PathBuf::from);
    // guest.sh keeps what it makes in this folder, and a QEMU that scripts/test-nics unpacked.
    let unpacked = folder.join("nics/qemu/usr/bin").join(QEMU);
    if find_program(QEMU).is_none() && !unpacked.is_file() {
        return Err(LabError::NoQemu);
    }
    let scripts = work.join("scripts");
    let write = |name: &str, text: &str| {
        let path = scripts.join(name);
        fs::write(&path, text).map_err(|source| LabError::Register { what: "write", path, source })
    };
    fs::create_dir_all(&scripts).map_err(|source| LabError::Register { what: "make the directory", path: scripts.clone(), source })?;
    write("guest.sh", GUEST)?;
    write("guest-init", FIRST_PROCESS)?;
    write("prepare.sh", PREPARE)?;
    let words =
        ["bash".to_owned(), scripts.join("prepare.sh").display().to_string(), scripts.display().to_string(), folder.display().to_string()];
    let output = run_until_interrupted(&CommandSpec::new(Location::Here, words).with_timeout(PREPARE_LIMIT), interrupted)?;
    if !output.success() {
        return Err(LabError::NoGuests { message: output.ending() });
    }
    read(&output.stdout_text()).ok_or_else(|| LabError::NoGuests { message: "the script that prepares them printed no disk".to_owned() })
}

fn read(text: &str) -> Option<Image> {
    let all = |key: &str| text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned).collect::<Vec<_>>();
    let file = |key: &str| all(key).first().map(PathBuf::from);
    let qemu = all("qemu");
    (!qemu.is_empty()).then_some(())?;
    Some(Image { qemu, disk: file("disk")?, kernel: file("kernel")?, initrd: file("initrd")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_script_prints_is_read_and_half_of_it_is_not() {
        let text = "disk=/d\nkernel=/k\ninitrd=/i\nqemu=env\nqemu=A=b c\nqemu=/q\n";
        let image = read(text).unwrap();
        assert_eq!(image.qemu, ["env", "A=b c", "/q"]);
        assert_eq!((image.disk, image.initrd), (PathBuf::from("/d"), PathBuf::from("/i")));
        assert_eq!(read("disk=/d\nkernel=/k\nqemu=/q\n"), None);
    }
}
