//! A gate on the terminal, and as a JUnit file.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::formats::terminal_table::TerminalTable;
use crate::gate::{Gate, Outcome, Verdict};

/// For a terminal of `width` columns: what did not pass, or every expectation, and the counts.
pub fn terminal_text(gate: &Gate, width: u16, all: bool) -> String {
    let mut text = String::new();
    let shown: Vec<&Outcome> = gate.outcomes.iter().filter(|outcome| all || outcome.verdict != Verdict::Passed).collect();
    if !shown.is_empty() {
        let mut table = TerminalTable::new(width, &["verdict", "expectation", "result"]);
        for outcome in shown {
            let cells = [outcome.verdict.words(), &outcome.name, &outcome.detail];
            table.add_row(cells.map(|cell| table.text_cell(cell)));
        }
        text.push_str(&format!("{}\n\n", table.into_text()));
    }
    text.push_str(&format!("{}\n", gate.summary()));
    text
}

/// The file that CI systems read. What failed is a failure; what cannot be judged is an error, so that no CI system counts it as passed.
pub fn junit(gate: &Gate, run: &str) -> Result<String, quick_junit::SerializeError> {
    let mut suite = TestSuite::new(run);
    for outcome in &gate.outcomes {
        let status = match outcome.verdict {
            Verdict::Passed => TestCaseStatus::success(),
            Verdict::Failed => not_passed(NonSuccessKind::Failure, outcome),
            Verdict::CannotJudge => not_passed(NonSuccessKind::Error, outcome),
        };
        let mut case = TestCase::new(outcome.name.as_str(), status);
        case.set_classname("linerate.gate").set_time(std::time::Duration::ZERO);
        if outcome.verdict == Verdict::Passed {
            case.set_system_out(outcome.detail.as_str());
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("linerate gate");
    report.add_test_suite(suite);
    // The schema of Jenkins (junit-10.xsd) has no `skipped` on <testsuites>, which is the first element; nothing is ever skipped here.
    Ok(report.to_string()?.replacen(" skipped=\"0\"", "", 1))
}

fn not_passed(kind: NonSuccessKind, outcome: &Outcome) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(outcome.verdict.words()).set_message(outcome.detail.as_str());
    status
}
