//! Programs that others wrote in Python, for tests that hold ours against theirs.
#![allow(dead_code, reason = "each test uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Python that can import `module`, made once under `target`. None, with a printed reason, where it cannot be had: the test is skipped then.
pub fn python_with(module: &str, packages: &[&str]) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("python-{module}"));
    let python = home.join("bin/python");
    let ready = |python: &Path| {
        let import = ["-c", &format!("import {module}")];
        Command::new(python).args(import).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if ready(&python) {
        return Some(python);
    }
    let succeeded = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !succeeded(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        println!("skipped: python3 with venv and pip is not installed (scripts/setup test installs it)");
        return None;
    }
    let made = succeeded(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))
        && succeeded(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))
        && ready(&python);
    if !made {
        println!("skipped: {} could not be installed", packages.join(", "));
    }
    made.then_some(python)
}

/// Runs a script with arguments, and gives what it prints.
pub fn run(python: &Path, script: &str, arguments: &[&str]) -> String {
    let output = Command::new(python).args(["-c", script]).args(arguments).output().expect("start python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8 from python")
}
