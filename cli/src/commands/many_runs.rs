//! What the commands about many runs share: reading the runs, and the text on standard output.

use std::path::PathBuf;

use reporter::runs::Runs;

use super::CommandError;

/// The runs in these directories, at least one. The error says why others were skipped.
pub fn read(directories: &[PathBuf]) -> Result<Runs, CommandError> {
    let runs = Runs::read(directories)?;
    if !runs.runs.is_empty() {
        return Ok(runs);
    }
    let skipped: Vec<String> = runs.skipped.iter().map(|s| format!("{}: {}", s.directory.display(), s.why)).collect();
    let why = if skipped.is_empty() { "the directories are empty".to_owned() } else { skipped.join("; ") };
    Err(CommandError::new(format!("no run to read: {why}; give run directories, or a directory that contains run directories")))
}

/// The directories, as the title of a page.
pub fn name(directories: &[PathBuf]) -> String {
    directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Prints the text, and the page that was written.
pub fn print_text(text: &str, files: &[PathBuf]) {
    print!("{text}");
    if let Some(page) = files.first() {
        println!("{}", page.display());
    }
}
