use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::formats::{ExportError, Exporter};
use crate::files::write_regular;

/// The files that were written.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The report first.
    pub files: Vec<PathBuf>,
}

/// A report could not be written.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The file system refuses.
    #[error("cannot write {}: {source}; check the permissions and the free space, or name another directory; the results themselves are untouched", .file.display())]
    Write {
        /// The file or directory.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file's contents could not be made.
    #[error("cannot make {file}: {source}; this is a defect of linerate, please report it with the run's results.jsonl")]
    Export {
        /// Relative to the report's directory.
        file: String,
        /// What failed.
        source: ExportError,
    },
}

/// Writes a subject in each of the formats and adds the files to the list.
pub fn write_exports<Subject: ?Sized>(
    into: &Path,
    formats: &[&dyn Exporter<Subject>],
    subject: &Subject,
    files: &mut Vec<PathBuf>,
) -> Result<(), RenderError> {
    for format in formats {
        let name = format!("{}.{}", format.name(subject), format.extension());
        let bytes = format.export(subject).map_err(|source| RenderError::Export { file: name.clone(), source })?;
        files.push(write(into, &name, &bytes)?);
    }
    Ok(())
}

/// Writes one file into a directory, which is made where it is missing. Symbolic links below it are not followed.
pub fn write(into: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
    let file = into.join(name);
    write_regular(into, name, bytes).map_err(|source| RenderError::Write { file: file.clone(), source })?;
    Ok(file)
}
