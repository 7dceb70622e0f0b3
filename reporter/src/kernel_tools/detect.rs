use serde_json::Value;

use super::KernelTool;
use super::iperf2::is_csv_line;
use super::qperf::is_block_header;
use super::sockperf::without_colours;

/// Which tool printed this text; none where it is not one of them.
pub fn detect(text: &str) -> Option<KernelTool> {
    let text = text.trim_start_matches('\u{feff}');
    let starts = |prefix: &str| text.lines().any(|line| line.trim_start().starts_with(prefix));
    if without_colours(text).lines().any(|line| line.starts_with("sockperf: ") || line.starts_with("packet, txTime(sec)")) {
        return Some(KernelTool::Sockperf);
    }
    if is_iperf3_json(text) || starts("iperf3: ") || starts("Connecting to host ") {
        return Some(KernelTool::Iperf3);
    }
    if text.lines().any(is_csv_line) || starts("Client connecting to ") || starts("Server listening on ") {
        return Some(KernelTool::Iperf2);
    }
    if starts("PING ") {
        return Some(KernelTool::Ping);
    }
    if text.lines().any(is_block_header) {
        return Some(KernelTool::Qperf);
    }
    let netperf = starts("MIGRATED ") || starts("OMNI ") || starts("THROUGHPUT=") || starts("MEAN_LATENCY=") || starts("netperf: ");
    let banner = text.lines().take(3).any(|line| line.contains(" TEST from ") && line.contains(" port "));
    (netperf || banner).then_some(KernelTool::Netperf)
}

/// JSON with iperf3's keys. A cut-off file is recognised by its beginning, and then refused with the reason.
fn is_iperf3_json(text: &str) -> bool {
    let Some(start) = text.find('{') else { return false };
    let head: String = text[start..].chars().filter(|c| !c.is_whitespace()).take(24).collect();
    if ["{\"start\":", "{\"event\":", "{\"error\":"].iter().any(|begin| head.starts_with(begin)) {
        return true;
    }
    // Other programs may have written the keys in another order.
    let first = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>().next();
    let Some(Ok(first)) = first else { return false };
    [["start", "end"], ["event", "data"]].iter().any(|keys| keys.iter().all(|key| first.get(key).is_some()))
}
