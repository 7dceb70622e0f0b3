//! Reading the files that people write, with errors that name the file, the line, and what would be right.

use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A file that people write cannot be read, or something in it is wrong.
#[derive(Debug, Error)]
pub enum FileProblem {
    /// The file is not there, or may not be read.
    #[error("cannot read the {what} `{}`: {source}", path.display())]
    Unreadable {
        /// What sort of file.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}: {message}", path.display())]
    Wrong {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What, and what would be right.
        message: String,
    },
}

/// The largest file that people write by hand or generate: thousands of endpoints.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The file's text. Files and devices without end are refused.
pub fn read_text(path: &Path, what: &'static str) -> Result<String, FileProblem> {
    let read = || {
        let mut text = String::new();
        std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST {
            return Err(std::io::Error::other(format!("it has more than {} MiB; is it the right file?", LARGEST >> 20)));
        }
        Ok(text)
    };
    read().map_err(|source| FileProblem::Unreadable { what, path: path.to_owned(), source })
}

/// The file's contents as a type; what the type refuses is refused with its line.
pub fn from_toml<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, FileProblem> {
    toml::from_str(text).map_err(|error| wrong(text, path, error.span(), error.message()))
}

/// A problem at a place in the text.
pub fn wrong(text: &str, path: &Path, span: Option<Range<usize>>, message: impl Into<String>) -> FileProblem {
    let start = span.map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    FileProblem::Wrong { path: path.to_owned(), line, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused() {
        let error = read_text(Path::new("/dev/zero"), "plan").unwrap_err().to_string();
        assert!(error.contains("plan `/dev/zero`") && error.contains("16 MiB"), "{error}");
    }
}
