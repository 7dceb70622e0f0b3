//! `import`: other people's outputs become records, and each can be made again from the file that was kept.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::fs;
use std::path::{Path, PathBuf};

use reporter::archive::Archive;
use reporter::import::{ImportError, ImportOptions, import_files};
use reporter::kernel_tools::{ReparseError, reparse};
use reporter::record::{Reason, ReasonKind, Stack, State};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn options(size: Option<&str>) -> ImportOptions {
    ImportOptions { pair: Some("a-cpu:b-dpu".parse().unwrap()), sizes: size.map(|text| text.parse().unwrap()), version: None }
}

/// Every fixture that holds a result.
const GOOD: [&str; 21] = [
    "iperf2_2.1.8_tcp_P2.csv",
    "iperf2_2.1.8_udp_no_server_report.csv",
    "iperf3_3.12_tcp_P2_dupkeys.json",
    "iperf3_3.12_tcp_bidir.json",
    "iperf3_3.12_tcp_bytes.json",
    "iperf3_3.12_tcp_omit.json",
    "iperf3_3.12_tcp_reverse.json",
    "iperf3_3.12_udp.json",
    "iperf3_3.12_udp_bidir.json",
    "iperf3_3.12_udp_lossy.json",
    "ping_iputils.txt",
    "qperf_default.txt",
    "qperf_m0_implausible.txt",
    "qperf_uu_sweep_lat.txt",
    "qperf_uu_ub_sweep_bw.txt",
    "qperf_uu_ub_udp_bw.txt",
    "qperf_verbose_sweep.txt",
    "sockperf_3.7_full_log.csv",
    "sockperf_3.7_full_rtt_ansi.txt",
    "sockperf_3.7_pp_stdout.txt",
    "sockperf_3.7_udp_ansi.txt",
];

#[test]
fn every_record_can_be_made_again_from_its_raw_file() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("made/on/the/way");
    let files: Vec<PathBuf> = GOOD.iter().map(|name| fixture(name)).collect();
    let imported = import_files(&files, &options(Some("1024")), &run).unwrap();
    assert_eq!(imported.len(), GOOD.len());
    let archive = Archive::read(&run).unwrap();
    assert!(archive.damaged.is_empty(), "{:?}", archive.damaged);
    let told: usize = imported.iter().map(|file| file.records.len()).sum();
    assert_eq!(archive.records.len(), told);
    for record in &archive.records {
        assert_eq!(reparse(record, &run).unwrap(), *record, "{}", record.id);
    }
    let implausible = archive.records.iter().find(|record| record.id.0.contains("m0")).unwrap();
    assert_eq!(implausible.verdict.state, State::Invalid);
    let backward = archive.records.iter().find(|record| record.id.0.contains("reverse")).unwrap();
    assert_eq!(backward.pair.to_string(), "b-dpu→a-cpu", "the data of -R goes from the server to the client");
    assert!(archive.records.iter().any(|record| record.stack == Stack::KernelIcmp));
    let load = |name: &str| archive.records.iter().find(|record| record.id.0.ends_with(name)).unwrap().load.clone();
    assert_eq!(load("iperf3_3.12_udp_lossy").as_deref(), Some("max"));
    assert_eq!(load("iperf3_3.12_udp"), None, "a stream that was held to a rate does not show the most there is");
}

#[test]
fn what_others_added_to_a_record_stays() {
    let place = tempfile::tempdir().unwrap();
    let mut record = import_files(&[fixture("iperf3_3.12_udp.json")], &options(None), place.path()).unwrap().remove(0).records.remove(0);
    record.values.wire_bytes_per_frame = Some(558.0);
    record.verdict.state = State::Invalid;
    record.verdict.reasons.push(Reason { kind: ReasonKind::WrongFrameSize, detail: "558 bytes a packet, 512 meant".to_owned() });
    assert_eq!(reparse(&record, place.path()).unwrap(), record);
}

#[test]
fn a_raw_file_that_was_changed_is_found_out() {
    let place = tempfile::tempdir().unwrap();
    let mut record = import_files(&[fixture("iperf3_3.12_udp.json")], &options(None), place.path()).unwrap().remove(0).records.remove(0);
    let kept = place.path().join(record.raw.as_deref().unwrap());
    let text = fs::read_to_string(&kept).unwrap();
    fs::write(&kept, text.replace("99871482.362960458", "9.9e10")).unwrap();
    assert_ne!(reparse(&record, place.path()).unwrap(), record);
    fs::write(&kept, "{").unwrap();
    assert!(matches!(reparse(&record, place.path()), Err(ReparseError::Tool { .. })));
    record.raw = None;
    assert!(matches!(reparse(&record, place.path()), Err(ReparseError::NoRawFile(_))));
}

#[test]
fn what_a_file_cannot_know_is_asked_for_by_flag() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    let no_pair = ImportOptions::default();
    let error = import_files(&[fixture("iperf3_3.12_udp.json")], &no_pair, &run).unwrap_err();
    assert!(error.to_string().contains("--pair"), "{error}");
    let error = import_files(&[fixture("iperf3_3.12_udp.json"), fixture("qperf_default.txt")], &options(None), &run).unwrap_err();
    assert!(error.to_string().contains("--size") && error.to_string().contains("qperf_default.txt"), "{error}");
    assert!(!run.exists(), "nothing may be written when one file is refused");
}

#[test]
fn errors_in_files_name_the_file() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    let stray = place.path().join("notes.txt");
    fs::write(&stray, "nothing measured here\n").unwrap();
    let empty = place.path().join("empty.json");
    fs::write(&empty, "").unwrap();
    for (file, part) in [
        (fixture("iperf3_3.12_busy_rc0.json"), "busy"),
        (stray, "no output that linerate knows"),
        (place.path().to_owned(), "is a directory: give the files in it"),
        (empty, "is empty: the tool wrote nothing"),
        (place.path().join("missing"), "cannot be read"),
    ] {
        let error = import_files(std::slice::from_ref(&file), &options(Some("64")), &run).unwrap_err().to_string();
        assert!(error.contains(part) && error.contains(file.file_name().unwrap().to_str().unwrap()), "{error}");
    }
    assert!(!run.exists());
}

#[test]
fn a_sweep_without_its_sizes_needs_each_of_them() {
    let place = tempfile::tempdir().unwrap();
    let sweep = fixture("field/qperf-sweep-without-sizes.txt");
    for wrong in ["1024", "1,2,4", "1:8M:*2"] {
        let error = import_files(std::slice::from_ref(&sweep), &options(Some(wrong)), &place.path().join("run")).unwrap_err();
        assert!(matches!(error, ImportError::SizesDoNotFit { .. }) && error.to_string().contains("--size"), "{wrong}: {error}");
    }
    let imported = import_files(&[sweep], &options(Some("1:2M:*2")), &place.path().join("run")).unwrap().remove(0).records;
    let read: Vec<_> = imported.iter().map(|record| (record.size.bytes, record.repetition)).collect();
    assert_eq!((read.len(), read[0], read[21], read[22], read[36]), (37, (1, 1), (1 << 21, 1), (1, 1), (1 << 14, 1)));
    assert!((imported[0].values.goodput_bps.unwrap().bps() - 16.08e6).abs() < 1e-3);
    assert_eq!(imported[22].values.rtt_ns.as_ref().unwrap().mean, Some(153_800.0));
    assert!(imported[36].verdict.reasons[0].detail.contains("15 of 22 sizes") && imported[0].verdict.reasons.is_empty());
}

#[test]
fn outputs_of_two_tools_are_refused_and_utf_16_is_read() {
    let place = tempfile::tempdir().unwrap();
    let read = |name: &str| fs::read_to_string(fixture(name)).unwrap();
    let both = place.path().join("both.txt");
    fs::write(&both, read("ping_iputils.txt") + &read("iperf3_3.12_udp.json")).unwrap();
    let error = import_files(&[both], &options(None), &place.path().join("run")).unwrap_err().to_string();
    assert!(error.contains("iperf3 and ping"), "{error}");
    let windows = place.path().join("windows.json");
    let text = format!("\u{feff}{}", read("iperf3_3.12_udp.json").replace('\n', "\r\n"));
    fs::write(&windows, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).unwrap();
    let record = import_files(&[windows], &options(None), &place.path().join("run")).unwrap().remove(0).records.remove(0);
    assert_eq!(record.values.goodput_bps.unwrap().bps(), 99_871_482.362_960_46);
    assert_eq!(reparse(&record, &place.path().join("run")).unwrap(), record);
}

#[test]
fn a_file_is_taken_once_and_more_files_are_repetitions() {
    let place = tempfile::tempdir().unwrap();
    let file = fixture("iperf3_3.12_udp.json");
    import_files(std::slice::from_ref(&file), &options(None), place.path()).unwrap();
    let error = import_files(std::slice::from_ref(&file), &options(None), place.path()).unwrap_err();
    assert!(matches!(error, ImportError::AlreadyThere { .. }), "{error}");
    // The same test once more, with another figure.
    let again = place.path().join("iperf3_3.12_udp.json.again");
    fs::write(&again, fs::read_to_string(&file).unwrap().replace("99871482.362960458", "99871483")).unwrap();
    let imported = import_files(&[again], &options(None), place.path()).unwrap();
    assert_eq!(imported[0].records[0].repetition, 2);
    assert_eq!(Archive::read(place.path()).unwrap().records.len(), 2);
}
