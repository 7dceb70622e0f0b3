//! `linerate man`: the manual pages, one for the program and one for each command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde_json::json;

use super::{CommandError, Format};

/// Write the manual pages into a directory
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  linerate man ~/.local/share/man/man1      (then: man linerate-send)
  linerate man pages && man pages/linerate-run.1")]
pub struct ManArgs {
    /// Where to write; created if missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print the names of the files as one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command. `program` is the definition that the parser uses.
pub fn run(args: &ManArgs, program: Command) -> Result<ExitCode, CommandError> {
    let failed = |path: &Path, error: std::io::Error| CommandError::new(format!("{}: could not be written: {error}", path.display()));
    std::fs::create_dir_all(&args.directory).map_err(|error| failed(&args.directory, error))?;
    // A page for `help` would repeat the others.
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut files = Vec::new();
    for command in shown(&program) {
        let man = Man::new(command.clone());
        let path = args.directory.join(man.get_filename());
        page(&man, command).and_then(|page| std::fs::write(&path, page)).map_err(|error| failed(&path, error))?;
        files.push(path);
    }
    Format::of(args.json)
        .print(&json!({ "files": files }), || files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// The program and all its commands that are not hidden, at any depth.
fn shown(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|command| !command.is_hide_set()).flat_map(shown);
    std::iter::once(command).chain(below).collect()
}

/// The page as clap_mangen makes it, except for what follows the options: its headings become sections, and its lines keep their breaks
/// and columns.
fn page(man: &Man, command: &Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|command| !command.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_long_help() {
        page.write_all(as_printed(&text.to_string()).to_roff().as_bytes())?;
    }
    Ok(page)
}

fn as_printed(text: &str) -> Roff {
    let mut roff = Roff::new();
    if !text.lines().next().is_some_and(is_heading) {
        roff.control("SH", ["NOTES"]);
    }
    roff.control("nf", []);
    for line in text.lines() {
        if is_heading(line) {
            roff.control("fi", []).control("SH", [line]).control("nf", []);
        } else {
            roff.text([roman(line)]);
        }
    }
    roff.control("fi", []);
    roff
}

/// Headings of our help texts are in capitals, from the first column on.
fn is_heading(line: &str) -> bool {
    line.starts_with(|first: char| first.is_ascii_uppercase()) && line.chars().all(|letter| letter.is_ascii_uppercase() || letter == ' ')
}
