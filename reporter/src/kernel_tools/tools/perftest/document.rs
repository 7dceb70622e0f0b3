//! A report as perftest writes it. All versions write one key a line, but not all write JSON: before 24.01 no key is quoted and every line ends with a
//! comma, and `--raw_qos` and `--output` do not write JSON in newer ones (`write_bw_report_to_file` in perftest_parameters.c). So lines are read.

use std::collections::BTreeMap;

/// One report.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    values: BTreeMap<String, String>,
}

impl Report {
    /// A text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.text(key)?.parse::<f64>().ok().filter(|number| number.is_finite())
    }
}

/// Whether a text holds a report.
pub(super) fn is_report(text: &str) -> bool {
    let keys: Vec<&str> = lines(text).map(|(key, _)| key).collect();
    let has = |wanted: &str| keys.contains(&wanted);
    has("test_info") && has("Connection_type")
}

/// Every report in a text, in order.
pub(super) fn reports(text: &str) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    for (key, value) in lines(text) {
        match (key, reports.last_mut()) {
            ("test_info", _) => reports.push(Report::default()),
            (key, Some(report)) if !value.is_empty() => {
                // Text after the report can have a colon too.
                report.values.entry(key.to_owned()).or_insert_with(|| value.to_owned());
            }
            _ => {}
        }
    }
    reports
}

/// Keys and values. A program that writes JSON anew may put everything on one line: a brace or a comma ends a value too.
fn lines(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(['\n', '{', '}', ',']).filter_map(|line| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim().trim_matches('"').trim(), value.trim().trim_matches('"').trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_and_without_quotation_marks_are_read_alike() {
        let new = "{\n\"test_info\": {\n\"test\": \"Send_BW_Test\",\n\"TX_depth\": 128,\n \"PCIe_relax_order\": \"Unsupported\"\n},\n\"results\": {\n\"MsgSize\": 64\n}\n}\n";
        let old =
            "{\ntest_info: {\ntest: Send_BW_Test,\nTX_depth : 128,\n PCIe_relax_order: Unsupported,\n},\nresults: {\nMsgSize: 64,\n},\n}\n";
        let compact = new.replace('\n', "");
        for text in [new, old, &compact] {
            let [report] = &reports(text)[..] else { panic!("{text}") };
            assert_eq!(
                (report.text("test"), report.number("TX_depth"), report.number("MsgSize")),
                (Some("Send_BW_Test"), Some(128.0), Some(64.0))
            );
            assert_eq!(report.text("PCIe_relax_order"), Some("Unsupported"));
        }
        assert_eq!(reports(&format!("{new}{old}")).len(), 2);
        let later = format!("{new}MsgSize: 65\n");
        assert_eq!(reports(&later)[0].number("MsgSize"), Some(64.0), "text after the report");
    }
}
