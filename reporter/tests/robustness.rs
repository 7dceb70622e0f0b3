//! No input makes a parser panic: arbitrary text, and real outputs cut, spliced and changed at random.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::Path;

use proptest::prelude::*;
use reporter::environment::{Nic, parse_ethtool_driver, parse_ethtool_features, parse_ethtool_pause, parse_ethtool_rings};
use reporter::kernel_tools::{CpuSnapshot, KernelTool, RecordContext, ToolExit, Transport, decode, detect, listening_sockets};
use reporter::record::RecordId;

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let read = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut files = [read(&folder), read(&folder.join("field"))].concat();
    files.retain(|file| file.is_file());
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// Feeds a text to everything; what parses must also become records that can be written.
fn feed(text: &str) {
    let _ = detect(text);
    for tool in KernelTool::all() {
        for exit in [ToolExit::Code(0), ToolExit::Code(1), ToolExit::TimedOut(std::time::Duration::from_secs(1)), ToolExit::Unknown] {
            let Ok(found) = tool.parse(text, exit) else { continue };
            assert!(!found.is_empty(), "success without a measurement");
            for (index, measurement) in found.into_iter().enumerate() {
                let mut context = RecordContext::new(RecordId("x".to_owned()), jiff::Timestamp::UNIX_EPOCH, "a:b".parse().unwrap());
                context.size = "64".parse().ok();
                let record = measurement.into_record(index, &context).unwrap();
                let json = serde_json::to_string(&record).unwrap();
                let read: reporter::record::Record = serde_json::from_str(&json).unwrap();
                assert_eq!(read, record, "a value that cannot be written: {json}");
            }
        }
    }
    let _ = CpuSnapshot::parse(text);
    let _ = listening_sockets(text, Transport::Tcp, 80);
    let _ = (parse_ethtool_features(text), parse_ethtool_pause(text), parse_ethtool_rings(text));
    parse_ethtool_driver(text, &mut Nic::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        feed(&String::from_utf8_lossy(&bytes));
        feed(&decode(&bytes));
    }

    /// Pieces that the parsers look for, in any order.
    #[test]
    fn arbitrary_pieces(pieces in proptest::collection::vec(prop::sample::select(vec![
        "{\"start\":", "{\"event\":\"end\",\"data\":{}}", "\"end\":{\"sum_received\":{\"bits_per_second\":1e400}}", "tcp_lat:\n", "udp_bw:\n",
        "    latency = ", "    bw = ", "1e308 GB/sec\n", "(", ")", "-1 ", "nan us", "inf", "sockperf: ", "avg-latency=", "percentile 99.900 =", "\u{1b}[",
        "\u{1b}", "PING a b(c) bytes of data\n", "time=", " ms\n", "min/avg/max = ", "1/2/3", "20200101000000,a,1,b,2,-1,0-9e99,1,1\n", "cpu0 1 2 3 4 5 6 7\n",
        "MIGRATED TCP STREAM TEST from \n", "THROUGHPUT=", "9e307\n", "Total ", " observations\n", "packet, txTime(sec), rxTime(sec), latency(usec)\n", "1,2,3,4\n", "µ→", "\n", " ", "=", ":",
    ]), 0..24)) {
        feed(&pieces.concat());
    }

    #[test]
    fn real_outputs_cut_spliced_and_changed(
        which in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        splice in any::<bool>(),
    ) {
        let all = fixtures();
        let mut bytes = all[which.index(all.len())].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        if splice {
            bytes.extend_from_slice(&all[other.index(all.len())]);
        }
        feed(&String::from_utf8_lossy(&bytes));
    }

    /// Numbers of every magnitude where the tools print numbers.
    #[test]
    fn any_number_in_a_real_output(which in any::<prop::sample::Index>(), nth in any::<prop::sample::Index>(), number in prop::sample::select(vec![
        "0", "-1", "1e309", "-1e309", "18446744073709551616", "0.0000000000001", "NaN", "null", "\"x\"", "[]", "{}", "true", "",
    ])) {
        let all = fixtures();
        let text = String::from_utf8_lossy(&all[which.index(all.len())]).into_owned();
        let starts: Vec<usize> = text.char_indices()
            .filter(|&(at, c)| c.is_ascii_digit() && !text[..at].ends_with(|before: char| before.is_ascii_digit() || before == '.'))
            .map(|(at, _)| at).collect();
        prop_assume!(!starts.is_empty());
        let start = starts[nth.index(starts.len())];
        let end = text[start..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |end| start + end);
        feed(&format!("{}{number}{}", &text[..start], &text[end..]));
    }
}
