//! Tests that need another process of this code to be killed start their own program again and ask it for one function.

use std::io::{BufRead, BufReader, Write};

use testbed::process::{Child, CommandSpec, Location};

const ASKED: &str = "LINERATE_TEST_ROLE";
const SAID: &str = "role says: ";

/// Starts this test program again for one function, which finds itself [`asked_for`].
pub fn command(function: &str, role: &str) -> CommandSpec {
    let program = std::env::current_exe().unwrap().display().to_string();
    let words = ["env", &format!("{ASKED}={role}"), &program, "--exact", function, "--nocapture"].map(str::to_owned);
    CommandSpec::new(Location::Here, words)
}

/// Whether another test started this program for this role.
pub fn asked_for(role: &str) -> bool {
    std::env::var(ASKED).is_ok_and(|asked| asked == role)
}

/// Says a line to the test that asked.
pub fn say(line: &str) {
    println!("\n{SAID}{line}");
    std::io::stdout().flush().unwrap();
}

/// The next line that a role says. The test harness talks on the same pipe.
#[allow(dead_code, reason = "not every test file has roles that speak")]
pub fn said(role: &mut Child) -> String {
    let lines = BufReader::new(role.take_stdout().unwrap()).lines().map(|line| line.unwrap());
    let mut said = lines.filter_map(|line| line.strip_prefix(SAID).map(str::to_owned));
    said.next().expect("the role ended without a word")
}

/// Kills without a chance to clean up.
#[allow(dead_code, reason = "not every test file kills")]
pub fn kill_9(pid: u32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap()), nix::sys::signal::Signal::SIGKILL).unwrap();
}
