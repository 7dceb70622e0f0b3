use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A processor that linerate runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// AMD64, Intel 64.
    X86_64,
    /// 64-bit Arm, such as that of a BlueField.
    Aarch64,
}

impl Architecture {
    /// As `uname -m` names it.
    pub fn from_uname(name: &str) -> Option<Self> {
        match name {
            "x86_64" | "amd64" => Some(Architecture::X86_64),
            "aarch64" | "arm64" => Some(Architecture::Aarch64),
            _ => None,
        }
    }

    /// `e_machine` of an ELF header (System V ABI, "ELF header"; EM_X86_64 and EM_AARCH64).
    fn from_elf(machine: u16) -> Option<Self> {
        match machine {
            62 => Some(Architecture::X86_64),
            183 => Some(Architecture::Aarch64),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Aarch64 => "aarch64",
        })
    }
}

/// The files of linerate, one for each processor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binaries {
    files: BTreeMap<Architecture, PathBuf>,
}

/// A file that cannot be installed.
#[derive(Debug, Error)]
pub enum BinaryError {
    /// It cannot be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a program for a known processor.
    #[error("{}: not a 64-bit program for x86_64 or aarch64: give a file that `cargo build --release` made", file.display())]
    NotAProgram {
        /// Which.
        file: PathBuf,
    },
    /// Two are for the same processor.
    #[error("{} and {} are both for {architecture}: give one", first.display(), second.display())]
    Twice {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// Their processor.
        architecture: Architecture,
    },
}

impl Binaries {
    /// The given files, and this program for its own processor unless a given file is for it.
    ///
    /// # Errors
    /// A file is not a program for a known processor, or two are for the same processor.
    pub fn of_files(given: &[PathBuf], this_program: &Path) -> Result<Self, BinaryError> {
        let mut files: BTreeMap<Architecture, PathBuf> = BTreeMap::new();
        for file in given {
            let architecture = architecture_of(file)?;
            if let Some(first) = files.insert(architecture, file.clone()) {
                return Err(BinaryError::Twice { first, second: file.clone(), architecture });
            }
        }
        files.entry(architecture_of(this_program)?).or_insert_with(|| this_program.to_owned());
        Ok(Binaries { files })
    }

    pub(super) fn of(&self, architecture: Architecture) -> Option<&Path> {
        self.files.get(&architecture).map(PathBuf::as_path)
    }
}

fn architecture_of(file: &Path) -> Result<Architecture, BinaryError> {
    let mut header = [0_u8; 20];
    let read = File::open(file).and_then(|mut open| open.read_exact(&mut header));
    match read {
        Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
            return Err(BinaryError::Unreadable { file: file.to_owned(), source });
        }
        _ => {}
    }
    // Magic number, 64 bits, little endian; e_machine is at byte 18.
    let known = match header {
        [0x7f, b'E', b'L', b'F', 2, 1, .., low, high] => Architecture::from_elf(u16::from_le_bytes([low, high])),
        _ => None,
    };
    known.ok_or_else(|| BinaryError::NotAProgram { file: file.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn programs_are_told_apart_by_their_header() {
        let folder = tempfile::tempdir().unwrap();
        let elf = |name: &str, machine: u8| {
            let file = folder.path().join(name);
            let mut bytes = vec![0; 64];
            bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
            bytes[18] = machine;
            fs::write(&file, bytes).unwrap();
            file
        };
        let (x86, arm, arm2, sparc) = (elf("x86", 62), elf("arm", 183), elf("arm2", 183), elf("sparc", 43));
        let both = Binaries::of_files(std::slice::from_ref(&arm), &x86).unwrap();
        assert_eq!((both.of(Architecture::X86_64), both.of(Architecture::Aarch64)), (Some(x86.as_path()), Some(arm.as_path())));
        assert!(Binaries::of_files(&[], &x86).unwrap().of(Architecture::Aarch64).is_none());
        assert!(matches!(Binaries::of_files(&[arm, arm2], &x86), Err(BinaryError::Twice { .. })));
        assert!(matches!(Binaries::of_files(&[sparc], &x86), Err(BinaryError::NotAProgram { .. })));
        fs::write(folder.path().join("script"), "#!/bin/sh\n").unwrap();
        assert!(matches!(Binaries::of_files(&[folder.path().join("script")], &x86), Err(BinaryError::NotAProgram { .. })));
        assert!(matches!(Binaries::of_files(&[folder.path().join("none")], &x86), Err(BinaryError::Unreadable { .. })));
    }
}
