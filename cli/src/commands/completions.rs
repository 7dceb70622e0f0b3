//! `linerate completions`: the completion script of a shell.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use super::CommandError;

/// Print the completion script of a shell
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  Bash, for this user, from the next shell on:
    linerate completions bash > ~/.local/share/bash-completion/completions/linerate
  Zsh, where ~/.zfunc is in fpath:
    linerate completions zsh > ~/.zfunc/_linerate
  Fish:
    linerate completions fish > ~/.config/fish/completions/linerate.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Runs the command. `program` is the definition that the parser uses.
pub fn run(args: &CompletionsArgs, program: &Command) -> Result<ExitCode, CommandError> {
    let mut script = Vec::new();
    generate(args.shell, &mut without_hidden(program), env!("CARGO_BIN_NAME"), &mut script);
    print!("{}", String::from_utf8(script)?);
    Ok(ExitCode::SUCCESS)
}

/// The program without its hidden commands, which clap_complete would offer.
fn without_hidden(program: &Command) -> Command {
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new(env!("CARGO_BIN_NAME")).version(env!("CARGO_PKG_VERSION")).args(program.get_arguments().cloned()).subcommands(shown)
}
