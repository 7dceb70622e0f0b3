//! Files of a run directory, which may come from other people: regular files only, up to a limit, and no symbolic link is followed.
//!
//! A link could lead a read to a device without end, and a write of a privileged user to any file of the system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path};

/// Reads a file below a directory. `name` has normal components only.
///
/// Refuses what is not a regular file, what is longer than `limit` bytes, and symbolic links on the way.
pub(crate) fn read_regular(directory: &Path, name: &str, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(directory, name)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

/// Opens a file below a directory for reading. Refuses what is not a regular file, and symbolic links on the way.
pub(crate) fn open_regular(directory: &Path, name: &str) -> io::Result<File> {
    let file = below(directory, Path::new(name))?;
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let open = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&file).map_err(explained)?;
    if !open.metadata()?.is_file() {
        return Err(not_regular());
    }
    Ok(open)
}

/// Writes a file below a directory, and makes the folders on the way. An existing regular file is replaced.
pub(crate) fn write_regular(directory: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    make_regular(directory, name)?.write_all(bytes)
}

/// Opens a file below a directory for writing from its beginning, and makes the folders on the way.
pub(crate) fn make_regular(directory: &Path, name: &str) -> io::Result<File> {
    fs::create_dir_all(directory)?;
    if let Some(folder) = Path::new(name).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(below(directory, folder)?)?;
    }
    create_regular(directory, name)
}

/// Opens a file below a directory for writing from its beginning.
pub(crate) fn create_regular(directory: &Path, name: &str) -> io::Result<File> {
    let file = below(directory, Path::new(name))?;
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    // A file is emptied only after it is known to be a regular one.
    let open = OpenOptions::new().write(true).create(true).truncate(false).custom_flags(flags).open(&file).map_err(explained)?;
    if !open.metadata()?.is_file() {
        return Err(not_regular());
    }
    open.set_len(0)?;
    Ok(open)
}

/// The path below a directory, where no component is a symbolic link. The directory itself may be reached through one.
fn below(directory: &Path, name: &Path) -> io::Result<std::path::PathBuf> {
    let mut path = directory.to_owned();
    for component in name.components() {
        let Component::Normal(part) = component else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path leaves the directory"));
        };
        path.push(part);
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(not_regular());
        }
    }
    Ok(path)
}

fn not_regular() -> io::Error {
    io::Error::other("it is a symbolic link, a device or another special file; only regular files are read and written here")
}

/// `O_NOFOLLOW` reports a link as ELOOP, which reads as "too many levels of symbolic links" (open(2)).
fn explained(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(libc::ELOOP) { not_regular() } else { error }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_devices_and_long_files_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path();
        fs::write(directory.join("whole"), [7; 100]).unwrap();
        assert_eq!(read_regular(directory, "whole", 100).unwrap().len(), 100);
        assert_eq!(read_regular(directory, "whole", 99).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_regular(directory, "absent", 1).unwrap_err().kind(), io::ErrorKind::NotFound);
        symlink("/dev/zero", directory.join("endless")).unwrap();
        symlink(directory.join("whole"), directory.join("link")).unwrap();
        symlink(directory, directory.join("folder")).unwrap();
        for name in ["endless", "link", "folder/whole", "."] {
            assert!(read_regular(directory, name, 100).is_err(), "{name}");
            assert!(write_regular(directory, name, b"x").is_err(), "{name}");
        }
        assert_eq!(fs::read(directory.join("whole")).unwrap(), [7; 100], "a write through a link changes nothing");
    }

    #[test]
    fn a_file_is_replaced_and_folders_are_made() {
        let place = tempfile::tempdir().unwrap();
        write_regular(&place.path().join("new"), "figures/a.svg", b"a longer text").unwrap();
        write_regular(&place.path().join("new"), "figures/a.svg", b"short").unwrap();
        assert_eq!(fs::read(place.path().join("new/figures/a.svg")).unwrap(), b"short");
    }
}
