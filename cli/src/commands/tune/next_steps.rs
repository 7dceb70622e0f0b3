//! What to do with a setting that was found: measure it and the default in runs of their own, and compare them.

use std::path::{Path, PathBuf};

use reporter::compare::Across;
use reporter::tuned::TuneRun;
use testbed::lab::LabOptions;
use testbed::tuner::{DEFAULT_PLAN_FILE, TUNE_PLAN_FILE};

use crate::commands::lab::chosen_by;

/// Runs of each side: with three, the noise between runs is known.
const RUNS: u32 = 3;

/// The commands, as a shell takes them; none where the default is kept. `testbed` is a file, and without it `lab` is the built-in lab.
pub(super) fn next_steps(run: &TuneRun, directory: &Path, testbed: Option<&Path>, lab: &LabOptions) -> Vec<String> {
    let Some(found) = run.found.as_ref().filter(|found| found.better_than_default) else { return Vec::new() };
    let default = run.axes.iter().zip(&run.default).map(|(axis, &index)| axis.values.get(index));
    let varied = run.axes.iter().zip(default).zip(&found.chosen).filter(|((_, default), chosen)| *default != Some(chosen));
    let keys = Across::of_known(varied.map(|((axis, _), _)| axis.name.as_str())).keys().join(",");
    let across = if keys.is_empty() { String::new() } else { format!("--across {keys} ") };
    let on = testbed.map_or_else(|| chosen_by(lab), |testbed| format!(" --testbed {}", quoted(testbed)));
    let beside = |side: &str| {
        let mut name = directory.as_os_str().to_owned();
        name.push(format!("-{side}-"));
        quoted(Path::new(&name))
    };
    let sides = [("default", DEFAULT_PLAN_FILE), ("tuned", TUNE_PLAN_FILE)];
    // Runs of the two sides take turns, so that a drift of the machine moves both.
    let measure = sides.map(|(side, plan)| format!("linerate run --plan {}{on} --out {}$n", quoted(&directory.join(plan)), beside(side)));
    let runs = |side: &str| (1..=RUNS).map(|n| format!("{}{n}", beside(side))).collect::<Vec<_>>().join(" ");
    vec![
        format!("for n in {}; do {}; done", (1..=RUNS).map(|n| n.to_string()).collect::<Vec<_>>().join(" "), measure.join("; ")),
        format!("linerate compare --all {across}--base {} --new {}", runs("default"), runs("tuned")),
    ]
}

/// The testbed file for the commands: the one that was given, or the one that a resumed search kept.
pub(super) fn testbed_file(given: Option<&Path>, resumed: Option<&Path>, is_the_lab: bool) -> Option<PathBuf> {
    let kept = || resumed.map(|directory| directory.join(reporter::archive::TESTBED_FILE));
    if is_the_lab { None } else { given.map(Path::to_owned).or_else(kept) }
}

/// A path as a word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    // Only a NUL cannot be quoted, and no path has one.
    shlex::try_quote(&text).map(|quoted| quoted.into_owned()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testbed::lab::{GuestPath, LabKind};

    fn found(chosen: [&str; 2], better: bool) -> TuneRun {
        let found = serde_json::json!({
            "stop": "all-equal", "chosen": chosen, "winner": chosen, "better_than_default": better, "gain": null, "cheapest": chosen,
            "confidence": 0.9, "noise": 0.02, "trials": 40, "untried": 0, "settings": [], "failed": []
        });
        serde_json::from_value(serde_json::json!({
            "pair": { "from": "a-cpu", "to": "b-cpu" }, "stack": "kernel-tcp", "goal": "goodput", "aim": "greatest", "unit": "bits-per-second",
            "within": 0.02, "seed": 1, "budget": { "trials": 60 }, "base": "", "default": [0, 0], "found": found,
            "axes": [
                { "name": "streams", "values": ["1", "8"], "costly": false },
                { "name": "sizes", "values": ["1460", "16000"], "costly": false }
            ]
        }))
        .unwrap()
    }

    #[test]
    fn the_commands_name_the_keys_in_which_the_chosen_setting_differs() {
        let guests = LabOptions { kind: LabKind::Vm, guest_path: GuestPath::VhostUser, ..LabOptions::default() };
        let steps =
            next_steps(&found(["8", "16000"], true), Path::new("runs/x"), Some(Path::new("my testbed.toml")), &LabOptions::default());
        let measure = "for n in 1 2 3; do linerate run --plan runs/x/default.toml --testbed 'my testbed.toml' --out runs/x-default-$n; \
                       linerate run --plan runs/x/tune.toml --testbed 'my testbed.toml' --out runs/x-tuned-$n; done";
        let compare = "linerate compare --all --across streams,sizes --base runs/x-default-1 runs/x-default-2 runs/x-default-3 \
                       --new runs/x-tuned-1 runs/x-tuned-2 runs/x-tuned-3";
        assert_eq!(steps, [measure, compare]);
        assert!(
            next_steps(&found(["8", "1460"], true), Path::new("x"), None, &LabOptions::default())[1].contains("--across streams --base")
        );
        assert!(
            next_steps(&found(["8", "1460"], true), Path::new("x"), None, &guests)[0]
                .contains("x/tune.toml --lab vm --path vhost-user --out")
        );
        assert!(next_steps(&found(["1", "1460"], false), Path::new("x"), None, &LabOptions::default()).is_empty());
    }
}
