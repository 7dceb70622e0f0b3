//! `linerate completions` and `linerate man`: made from the parser's definition, with and without DPDK.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

fn linerate() -> Command {
    Command::cargo_bin("linerate").unwrap()
}

/// The commands that `--help` lists, without `help`.
fn commands() -> Vec<String> {
    let help = linerate().arg("--help").output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    let (_, list) = text.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).map(|line| line.split_whitespace().next().unwrap().to_owned());
    let names: Vec<String> = names.filter(|name| name != "help").collect();
    assert!(names.len() >= 6, "{names:?}");
    assert_eq!(cfg!(feature = "dpdk"), names.iter().any(|name| name == "send"), "{names:?}");
    names
}

fn script(shell: &str) -> String {
    let output = linerate().args(["completions", shell]).assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn completions_know_every_command_and_no_hidden_one() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = script(shell);
        for command in commands() {
            assert!(script.contains(&command), "{shell}: no {command}");
        }
        assert!(script.contains("fail-on-regression"), "{shell} has no flags");
        assert!(!script.contains("agent"), "{shell} offers a hidden command");
    }
    linerate().args(["completions", "csh"]).assert().failure().stderr(contains("csh").and(contains("bash")));
}

/// What bash offers for a command line with the script loaded.
fn offered_by_bash(words: &[&str]) -> String {
    let ask = format!(
        "{}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_linerate linerate \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\necho \"${{COMPREPLY[@]}}\"",
        script("bash"),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
    );
    let output = std::process::Command::new("bash").args(["--norc", "-c", &ask]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_commands_and_flags() {
    let offered = offered_by_bash(&["linerate", "comp"]);
    assert_eq!(offered.split_whitespace().collect::<Vec<_>>(), ["compare", "completions"]);
    assert_eq!(offered_by_bash(&["linerate", "compare", "--fail"]).trim(), "--fail-on-regression");
    assert_eq!(offered_by_bash(&["linerate", "ag"]).trim(), "");
}

#[test]
fn man_writes_a_page_for_each_command_and_none_for_hidden_ones() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("new/man1");
    linerate().arg("man").arg(&pages).assert().success().stdout(contains("linerate-report.1"));
    let mut expected: Vec<String> = commands().iter().map(|name| format!("linerate-{name}.1")).collect();
    expected.push("linerate.1".to_owned());
    if cfg!(feature = "dpdk") {
        expected.extend(
            ["lab-up", "lab-status", "lab-down", "testbed-from-inventory", "testbed-install"].map(|name| format!("linerate-{name}.1")),
        );
    }
    let mut written: Vec<String> =
        std::fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    expected.sort();
    written.sort();
    assert_eq!(written, expected);
    assert!(!std::fs::read_to_string(pages.join("linerate.1")).unwrap().contains("agent"));

    let json = linerate().arg("man").arg(&pages).arg("--json").assert().success();
    let object: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert_eq!(object["files"].as_array().unwrap().len(), expected.len());
}

/// The page as a terminal shows it.
fn shown(page: &Path) -> String {
    let groff = std::process::Command::new("groff").args(["-man", "-Tascii", "-P-c", "-rLL=100n"]).arg(page).output().unwrap();
    assert!(groff.status.success() && groff.stderr.is_empty(), "{}", String::from_utf8_lossy(&groff.stderr));
    let text = String::from_utf8(groff.stdout).unwrap();
    // Bold is a letter, a backspace and the letter again.
    let mut plain = String::new();
    for letter in text.chars() {
        if letter == '\u{8}' {
            plain.pop();
        } else {
            plain.push(letter);
        }
    }
    plain
}

#[test]
fn a_page_has_the_options_and_keeps_the_lines_of_the_examples() {
    let folder = tempfile::tempdir().unwrap();
    linerate().arg("man").arg(folder.path()).assert().success();
    let page = shown(&folder.path().join("linerate-compare.1"));
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "EXIT CODES", "EXAMPLES"] {
        assert!(page.lines().any(|line| line == heading), "no {heading} in {page}");
    }
    assert!(page.contains("--fail-on-regression"), "{page}");
    let examples: Vec<&str> = page.lines().map(str::trim).filter(|line| line.starts_with("linerate compare ")).collect();
    assert!(examples.contains(&"linerate compare runs/before runs/after"), "{page}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    linerate().args(["man", "/proc/linerate"]).assert().failure().stderr(contains("/proc/linerate: could not be written"));
}
