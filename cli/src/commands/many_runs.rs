//! What the commands about many runs share: their arguments, reading the runs, and the text on standard output.

use std::path::{Path, PathBuf};

use clap::Args;
use reporter::render::{RenderError, Rendered};
use reporter::runs::Runs;
use serde_json::Value;

use super::CommandError;

/// The runs, and where their page goes.
#[derive(Debug, Args)]
pub struct ManyRunsArgs {
    /// Run directories, or directories that contain run directories
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Print every result, not only those that stand out most clearly
    #[arg(long)]
    pub all: bool,
    /// Also write a page (HTML), a text (Markdown) and the figures there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl ManyRunsArgs {
    /// The runs in the directories, at least one. The error says why others were skipped.
    pub fn read(&self) -> Result<Runs, CommandError> {
        let runs = Runs::read(&self.directories)?;
        if !runs.runs.is_empty() {
            return Ok(runs);
        }
        let skipped: Vec<String> = runs.skipped.iter().map(|s| format!("{}: {}", s.directory.display(), s.why)).collect();
        let why = if skipped.is_empty() { "the directories are empty".to_owned() } else { skipped.join("; ") };
        Err(CommandError::new(format!("no run to read: {why}; give run directories, or a directory that contains run directories")))
    }

    /// Writes the page, where it was asked for. `render` gets its title and its directory.
    pub fn write(&self, render: impl FnOnce(&str, &Path) -> Result<Rendered, RenderError>) -> Result<Vec<PathBuf>, CommandError> {
        let Some(into) = &self.out else { return Ok(Vec::new()) };
        let name = self.directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(", ");
        Ok(render(&name, into)?.files)
    }

    /// Prints the object, or the text and the page that was written.
    pub fn print(&self, json: &Value, text: impl FnOnce() -> String, files: &[PathBuf]) {
        if self.json {
            println!("{json}");
            return;
        }
        print!("{}", text());
        if let Some(page) = files.first() {
            println!("{}", page.display());
        }
    }
}
