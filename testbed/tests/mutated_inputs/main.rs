//! What linerate reads from files and from other machines, changed at random: nothing panics, hangs, or takes memory beyond its input's size.
//!
//! Each target takes its valid inputs and mutates them with a generator whose seed is printed. All targets together take a minute;
//! `LINERATE_FUZZ_INPUTS=N` makes N inputs of each target instead. The folder `fuzz` feeds the same targets guided by coverage, and
//! `LINERATE_FUZZ_CORPUS=DIR` writes the valid inputs of each target into a folder of DIR for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod targets;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dataplane::{PortOptions, ReceivePlan, ReflectPlan, SendPlan};
use methodology::units::{FrameSize, Pace};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use targets::LONGEST;
use testbed::agent::{CheckRequest, OpenPort, Reply, Request};

/// Time of each target where no number of inputs is given.
const TIME: Duration = Duration::from_secs(10);

/// Pieces that formats give a meaning.
const PIECES: [&str; 28] = [
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\\",
    "\n",
    "\0",
    ",",
    ":",
    "=",
    "-",
    ".",
    "e309",
    "1e308",
    "-1",
    "0",
    "18446744073709551616",
    "NaN",
    "null",
    "true",
    "\u{1b}[2J",
    "\u{9b}",
    "é",
    "\u{feff}",
    "[[endpoint]]",
    "{\"reply\":",
    "../",
];

fn mutate(random: &mut SmallRng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let pick = |random: &mut SmallRng| corpus[random.random_range(0..corpus.len())].clone();
    let mut bytes = pick(random);
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        let to = random.random_range(at..=bytes.len().min(at + 64));
        match random.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => drop(bytes.drain(at..to)),
            3 => {
                let copied = bytes[at..to].to_vec();
                let times = 1 << random.random_range(0..10);
                let inserted = copied.repeat(times);
                bytes.splice(at..at, inserted);
            }
            4 => {
                let piece = PIECES[random.random_range(0..PIECES.len())].as_bytes().to_vec();
                let inserted = piece.repeat(if random.random_ratio(1, 20) { 5000 } else { 1 });
                bytes.splice(at..at, inserted);
            }
            5 => bytes.truncate(at),
            6 => {
                let other = pick(random);
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                // A number where one was.
                if let Some(digit) = bytes.iter().skip(at).position(u8::is_ascii_digit) {
                    let piece = PIECES[random.random_range(12..20)].as_bytes().to_vec();
                    bytes.splice(at + digit..=at + digit, piece);
                }
            }
        }
        bytes.truncate(LONGEST);
    }
    bytes
}

/// Feeds mutations of a corpus to a target.
fn fuzz(name: &str, corpus: &[Vec<u8>], mut feed: impl FnMut(&[u8])) {
    if let Some(folder) = std::env::var_os("LINERATE_FUZZ_CORPUS") {
        let folder = Path::new(&folder).join(name);
        fs::create_dir_all(&folder).unwrap();
        corpus.iter().enumerate().for_each(|(number, input)| fs::write(folder.join(number.to_string()), input).unwrap());
        return;
    }
    corpus.iter().for_each(|input| feed(input));
    let inputs = std::env::var("LINERATE_FUZZ_INPUTS").ok().and_then(|number| number.parse::<u64>().ok());
    let seed = rand::rng().next_u64();
    println!("{name}: seed {seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let (begin, mut made, before) = (Instant::now(), 0_u64, peak_memory_kib());
    while inputs.map_or(begin.elapsed() < TIME, |inputs| made < inputs) {
        feed(&mutate(&mut random, corpus));
        made += 1;
    }
    let grown = peak_memory_kib().saturating_sub(before);
    println!("{name}: {made} inputs in {:.0} s, {grown} KiB more memory at the peak", begin.elapsed().as_secs_f64());
    assert!(grown < 512 * 1024, "{name}: memory grew by {grown} KiB for inputs of {} KiB", LONGEST / 1024);
}

/// VmHWM of proc_pid_status(5).
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn files(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file() && (extension.is_empty() || path.extension().is_some_and(|found| found == extension)));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn testbed_files() {
    let mut corpus = files("docs/testbeds", "toml");
    corpus.push(
        b"name = \"t\"\nemulated = true\n[[endpoint]]\nid = \"a\"\nreach = \"ssh:root@[fe80::1%eth0]:22\"\nssh_options = [\"-J\", \"x\"]\nbecome = \"sudo -n\"\nport = \"0000:03:00.0,representor=vf0\"\ncpu = [1, 2]\nrx-descriptors = 512\n[[endpoint]]\nid = \"b\"\nreach = \"kubectl:n/pod\"\naddress = \"::1\"\ninterface = \"lo\"\nlink = \"25G\"\nprogram = \"/x\"\n"
            .to_vec(),
    );
    fuzz("testbed_file", &corpus, targets::testbed_file);
}

#[test]
fn plan_files() {
    fuzz("plan_file", &files("docs/plans", "toml"), targets::plan_file);
}

#[test]
fn requests_to_an_agent() {
    let (size, duration) = (FrameSize::MIN, Duration::from_secs(1));
    let requests = [
        Request::Alive,
        Request::Check(CheckRequest::default()),
        Request::Describe { interface: Some("eth0".to_owned()) },
        Request::Claim { interface: "eth0".to_owned() },
        Request::Connect { from: "192.0.2.1".parse().unwrap(), to: "::1".parse().unwrap(), port: 1 },
        Request::Open(OpenPort { port: "0000:03:00.0,representor=vf0".parse().unwrap(), options: PortOptions::default() }),
        Request::Send(SendPlan::new(size, Pace::Max, duration)),
        Request::Receive(ReceivePlan::default()),
        Request::Reflect(ReflectPlan::default()),
        Request::Close,
    ];
    let corpus: Vec<Vec<u8>> = requests.iter().map(|request| serde_json::to_vec(request).unwrap()).collect();
    fuzz("request", &corpus, targets::request);
}

#[test]
fn replies_of_an_agent() {
    // Those of a real agent, and those that need a port or another machine.
    let mut real = Vec::new();
    let asked = "{\"do\":\"check\",\"kernel\":null,\"port\":null,\"needs\":{\"dpdk\":true,\"tools\":[]}}\n{\"do\":\"describe\",\"interface\":\"lo\"}\n{\"do\":\"claim\",\"interface\":\"lo\"}\n{\"do\":\"stop\"}\n";
    testbed::agent::serve(std::io::Cursor::new(asked), &mut real, || {}).unwrap();
    let mut corpus: Vec<Vec<u8>> = real.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
    assert!(corpus.len() == 5, "{}", String::from_utf8_lossy(&real));
    for reply in [
        "{\"reply\":\"connected\",\"interface\":\"eth0\"}",
        "{\"reply\":\"in-use\",\"holder\":\"x\"}",
        "{\"reply\":\"link\",\"speed\":null}",
        "{\"reply\":\"ran-tool\",\"text\":\"{}\",\"exit\":{\"code\":0},\"spent\":{\"counters\":null,\"cost\":null}}",
        "{\"reply\":\"served\",\"counters\":{\"sent\":{\"packets\":1,\"bytes\":2},\"received\":{\"packets\":3,\"bytes\":4},\"carrier_changes\":0},\"cost\":{\"cores\":1.0}}",
    ] {
        serde_json::from_str::<Reply>(reply).unwrap();
        corpus.push(reply.as_bytes().to_vec());
    }
    fuzz("reply", &corpus, targets::reply);
}

#[test]
fn results_of_a_run() {
    let corpus = files("reporter/tests/versions", "jsonl");
    assert!(!corpus.is_empty());
    let run = targets::Run::new();
    fuzz("results", &corpus, |bytes| run.results(bytes));
}

#[test]
fn outputs_that_are_imported() {
    let corpus = [files("reporter/fixtures", ""), files("reporter/fixtures/field", "")].concat();
    fuzz("imported", &corpus, targets::imported);
}
