//! Many runs with a known truth: a testbed over time, and a fleet of testbeds.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use reporter::archive::RunDirectory;
use reporter::environment::{Cpu, EndpointEnvironment, Environment, Nic};
use reporter::record::{EndpointId, Record, Stack};

use super::{Truth, records};

const ENDPOINTS: [&str; 4] = ["a-cpu", "a-dpu", "b-cpu", "b-dpu"];

/// The first night.
const FIRST: &str = "2026-03-01T02:00:00Z";

/// One run: 204 records, each result measured once.
fn run(seed: u64) -> Vec<Record> {
    records(&Truth { repetitions: 1, noise: 0.015, link: true, ..Truth::lab(seed) })
}

/// Everything of a stack, times this.
fn scale(record: &mut Record, factor: f64) {
    let values = &mut record.values;
    values.goodput_bps = values.goodput_bps.map(|rate| methodology::units::Goodput::new(f64::from(rate) * factor).unwrap());
    values.forwarding_pps = values.forwarding_pps.map(|rate| methodology::units::PacketRate::new(f64::from(rate) * factor).unwrap());
}

fn environment(change: impl Fn(&str, &mut EndpointEnvironment)) -> Environment {
    let endpoint = |name: &&str| {
        let mut endpoint = EndpointEnvironment {
            cpu: Cpu { model: Some("Intel(R) Xeon(R) Processor @ 2.60GHz".to_owned()), count: Some(16), ..Cpu::default() },
            kernel: Some("6.1.0-31-amd64".to_owned()),
            nics: vec![Nic {
                name: "ens1f0np0".to_owned(),
                driver: Some("mlx5_core".to_owned()),
                firmware: Some("24.39.2048".to_owned()),
                ..Nic::default()
            }],
            ..EndpointEnvironment::default()
        };
        change(name, &mut endpoint);
        (EndpointId((*name).to_owned()), endpoint)
    };
    Environment::new(ENDPOINTS.iter().map(endpoint).collect())
}

fn write(directory: &Path, time: Timestamp, mut records: Vec<Record>, environment: &Environment) {
    let mut run = RunDirectory::create(directory).unwrap();
    run.write_environment(environment).unwrap();
    let lines = records.iter_mut().enumerate().map(|(place, record)| {
        record.time = time + SignedDuration::from_secs(place as i64);
        // The files of histograms are left out; a report would say so.
        if let Some(rtt) = &mut record.values.rtt_ns {
            rtt.histogram = None;
        }
        serde_json::to_string(record).unwrap() + "\n"
    });
    std::fs::write(directory.join("results.jsonl"), lines.collect::<String>()).unwrap();
}

/// The truth of [`history`], for so many runs.
pub struct NightlyTruth {
    /// From this run on kernel TCP loses 4 %, as both kernels change.
    pub kernel: usize,
    /// At this run everything loses 30 %.
    pub bad_night: usize,
    /// From this run on DPDK gains 6 %, as the firmware of b changes.
    pub firmware: usize,
}

impl NightlyTruth {
    pub fn of(runs: usize) -> Self {
        NightlyTruth { kernel: runs * 2 / 5, bad_night: runs / 2, firmware: runs * 3 / 4 }
    }
}

/// One run a night of one testbed.
pub fn history(directory: &Path, runs: usize) {
    let truth = NightlyTruth::of(runs);
    let first: Timestamp = FIRST.parse().unwrap();
    for night in 0..runs {
        let mut records = run(night as u64);
        for record in &mut records {
            let kernel = if record.stack == Stack::KernelTcp && night >= truth.kernel { 0.96 } else { 1.0 };
            let firmware = if record.stack == Stack::Dpdk && night >= truth.firmware { 1.06 } else { 1.0 };
            let bad = if night == truth.bad_night { 0.7 } else { 1.0 };
            scale(record, kernel * firmware * bad);
        }
        let environment = environment(|name, endpoint| {
            if night >= truth.kernel {
                endpoint.kernel = Some("6.1.0-32-amd64".to_owned());
            }
            if night >= truth.firmware && name.starts_with("b-") {
                endpoint.nics[0].firmware = Some("24.40.1000".to_owned());
            }
        });
        let time = first + SignedDuration::from_hours(24 * night as i64);
        write(&directory.join(time.strftime("%Y%m%dT%H%M%SZ-nightly").to_string()), time, records, &environment);
    }
}

/// The testbed whose card b is slow, and the one with another kernel and slow TCP, in a fleet of this size.
pub fn odd_testbeds(testbeds: usize) -> (usize, usize) {
    (testbeds / 3, testbeds * 4 / 5)
}

/// One run of each testbed.
pub fn fleet(directory: &Path, testbeds: usize) {
    let (slow_card, other_kernel) = odd_testbeds(testbeds);
    let first: Timestamp = FIRST.parse().unwrap();
    for testbed in 0..testbeds {
        let mut records = run(1000 + testbed as u64);
        for record in &mut records {
            let touches = record.pair.from.0 == "b-dpu" || record.pair.to.0 == "b-dpu";
            if testbed == slow_card && touches {
                scale(record, 0.8);
            }
            if testbed == other_kernel && record.stack == Stack::KernelTcp {
                scale(record, 0.9);
            }
        }
        let environment = environment(|name, endpoint| {
            if testbed == slow_card && name == "b-dpu" {
                endpoint.nics[0].firmware = Some("24.35.1012".to_owned());
            }
            if testbed == other_kernel {
                endpoint.kernel = Some("5.10.0-28-amd64".to_owned());
            }
        });
        let time = first + SignedDuration::from_mins(testbed as i64);
        let name = format!("rack-{:03}", testbed + 1);
        write(&directory.join(&name).join(time.strftime("%Y%m%dT%H%M%SZ").to_string()), time, records, &environment);
    }
}
