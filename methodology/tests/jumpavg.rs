//! Steps beside those of jumpavg, the change-point library of the CSIT project (minimum description length), on the same series.
//! Skipped, with a reason, where jumpavg cannot be had.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

#[path = "../../reporter/tests/python/mod.rs"]
mod python;
mod series;

use std::fmt::Write;

use methodology::statistics::Course;
use series::{Source, Stepped};

/// Prints, for each line of values, the places where jumpavg begins a new group.
const SCRIPT: &str = r#"
import sys
import jumpavg
for line in open(sys.argv[1]):
    values = [float(word) for word in line.split()]
    place, starts = 0, []
    for group in jumpavg.classify(values):
        if place:
            starts.append(place)
        place += len(group.run_list)
    print(*starts)
"#;

fn jumpavg(python: &std::path::Path, series: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut text = String::new();
    for values in series {
        // jumpavg takes rates, not logarithms.
        let rates: Vec<String> = values.iter().map(|value| value.exp().to_string()).collect();
        writeln!(text, "{}", rates.join(" ")).unwrap();
    }
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("series-for-jumpavg.txt");
    std::fs::write(&file, text).unwrap();
    let printed = python::run(python, SCRIPT, &[file.to_str().unwrap()]);
    printed.lines().map(|line| line.split_whitespace().map(|word| word.parse().unwrap()).collect()).collect()
}

fn ours(series: &[Vec<f64>]) -> Vec<Vec<usize>> {
    series.iter().map(|values| Course::of(values, 0.05).steps.iter().map(|step| step.at).collect()).collect()
}

#[test]
fn both_find_clear_steps_and_ours_keeps_the_stated_rate_of_false_alarms() {
    let Some(python) = python::python_with("jumpavg", &["jumpavg"]) else { return };
    let mut source = Source::new(11);
    let stepped: Vec<Stepped> = (0..100)
        .map(|_| {
            let runs = source.between(30, 150);
            source.stepped(runs, 3.0)
        })
        .collect();
    let values: Vec<Vec<f64>> = stepped.iter().map(|series| series.values.clone()).collect();
    let near = |found: &[Vec<usize>]| {
        found.iter().zip(&stepped).filter(|(steps, series)| steps.iter().any(|step| step.abs_diff(series.at) <= 1)).count()
    };
    let only = |found: &[Vec<usize>]| {
        found.iter().zip(&stepped).filter(|(steps, series)| steps.len() == 1 && steps[0].abs_diff(series.at) <= 1).count()
    };
    let (our_steps, their_steps) = (ours(&values), jumpavg(&python, &values));
    println!("one step, within one run: ours {}, jumpavg {} of 100", near(&our_steps), near(&their_steps));
    println!("that step and no other: ours {}, jumpavg {} of 100", only(&our_steps), only(&their_steps));
    assert!(near(&our_steps) >= 95, "{}", near(&our_steps));
    // Where jumpavg sees exactly the true step, so do we, but for the noise of one run beside it.
    let both = (0..100)
        .filter(|&k| their_steps[k] == [stepped[k].at])
        .filter(|&k| our_steps[k].iter().any(|step| step.abs_diff(stepped[k].at) <= 1));
    let theirs = (0..100).filter(|&k| their_steps[k] == [stepped[k].at]).count();
    assert!(both.count() * 100 >= theirs * 95);

    let flat: Vec<Vec<f64>> = (0..200).map(|_| source.flat(60, 0.03)).collect();
    let alarms = |found: &[Vec<usize>]| found.iter().filter(|steps| !steps.is_empty()).count();
    let (our_alarms, their_alarms) = (alarms(&ours(&flat)), alarms(&jumpavg(&python, &flat)));
    println!("false alarms on flat series: ours {our_alarms}, jumpavg {their_alarms} of 200");
    // 5 % of 200, and three standard deviations.
    assert!(our_alarms <= 20, "{our_alarms}");
}
