use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use thiserror::Error;

use super::formats::{ExportError, Exporter};
use crate::files::{make_regular, write_regular};
use crate::parallel;

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

/// Writes a subject in each of the formats, at the same time, and adds the files to the list.
pub fn write_exports<Subject: ?Sized + Sync>(
    into: &Path,
    formats: &[&dyn Exporter<Subject>],
    subject: &Subject,
    files: &mut Vec<PathBuf>,
) -> Result<(), RenderError> {
    let written = parallel::map(formats, |format| {
        let name = format!("{}.{}", format.name(subject), format.extension());
        write_with(into, &name, |file| format.export(subject, file))
    });
    for file in written {
        files.push(file?);
    }
    Ok(())
}

/// Writes one file as its contents are made: those of a large run need not fit into memory.
fn write_with(
    into: &Path,
    name: &str,
    export: impl FnOnce(&mut BufWriter<File>) -> Result<(), ExportError>,
) -> Result<PathBuf, RenderError> {
    let path = into.join(name);
    let written = make_regular(into, name).map_err(ExportError::from).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        export(&mut file)?;
        Ok(file.flush()?)
    });
    match written {
        Ok(()) => Ok(path),
        Err(ExportError::Write(source)) => Err(RenderError::Write { file: path, source }),
        // The writers of the formats wrap the errors of the file.
        Err(ExportError::Csv(error)) if error.is_io_error() => Err(RenderError::Write { file: path, source: error.into() }),
        Err(ExportError::Parquet(ParquetError::External(error))) if error.is::<io::Error>() => {
            Err(RenderError::Write { file: path, source: io::Error::other(error) })
        }
        Err(ExportError::Json(error)) if error.is_io() => Err(RenderError::Write { file: path, source: error.into() }),
        Err(source) => Err(RenderError::Export { file: name.to_owned(), source }),
    }
}

/// Writes one file into a directory, which is made where it is missing. Symbolic links below it are not followed.
pub fn write(into: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, RenderError> {
    let file = into.join(name);
    write_regular(into, name, bytes).map_err(|source| RenderError::Write { file: file.clone(), source })?;
    Ok(file)
}
