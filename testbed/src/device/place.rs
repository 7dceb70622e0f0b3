//! Short commands where a device runs.

use std::time::Duration;

use super::error::DeviceError;
use crate::process::{CommandSpec, Input, Location, Output, run};
use crate::topology::DeviceId;

/// No command that sets a device up takes a tenth of this.
const LIMIT: Duration = Duration::from_secs(20);

/// A device's name and where it runs.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) device: DeviceId,
    pub(super) location: Location,
}

impl Place {
    /// What a command printed.
    ///
    /// # Errors
    /// It did not run, or its status is not 0.
    pub(super) fn ask(&self, words: &[&str]) -> Result<String, DeviceError> {
        self.run(words, Input::Nothing)
    }

    /// The text of a file.
    pub(super) fn read(&self, file: &str) -> Result<String, DeviceError> {
        Ok(self.ask(&["cat", file])?.trim().to_owned())
    }

    /// Writes a file of the kernel's.
    pub(super) fn write(&self, file: &str, value: &str) -> Result<(), DeviceError> {
        // `tee` needs no shell at the place.
        self.run(&["tee", file], Input::Bytes(value.as_bytes().to_vec())).map(|_| ())
    }

    fn run(&self, words: &[&str], input: Input) -> Result<String, DeviceError> {
        let spec = CommandSpec::new(self.location.clone(), words.iter().copied()).with_timeout(LIMIT).with_stdin(input);
        let output = run(&spec).map_err(|source| DeviceError::Process { device: self.device.clone(), source })?;
        if output.success() { Ok(output.stdout_text()) } else { Err(self.refused(words, &output)) }
    }

    fn refused(&self, words: &[&str], output: &Output) -> DeviceError {
        let said = output.stderr_text().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        DeviceError::Refused {
            device: self.device.clone(),
            place: self.location.to_string(),
            command: words.join(" "),
            said: if said.is_empty() { output.ending() } else { said },
        }
    }
}
