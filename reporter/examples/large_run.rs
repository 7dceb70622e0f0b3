//! What a report of many records costs: repeats the records of a run up to a number, writes them as a run, reports it, and prints time, memory and
//! sizes. The values of each repetition differ a little, so that no file compresses better than a real one.
//!
//! `cargo run --release -p reporter --example large_run -- RUN NUMBER DIRECTORY`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example that stops at the first problem")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use rand::{RngExt, SeedableRng};
use reporter::archive::{Archive, PLAN_FILE, RAW_FOLDER, RESULTS_FILE, TESTBED_FILE};
use reporter::render::{render_run, terminal};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, number, into] = &arguments[..] else {
        println!("usage: large_run RUN NUMBER DIRECTORY");
        return;
    };
    let (run, number, into) = (Path::new(run), number.parse::<usize>().unwrap(), Path::new(into));
    if !into.join(RESULTS_FILE).is_file() {
        make(run, number, into);
    }
    let begin = Instant::now();
    let archive = Archive::read_for_reports(into).unwrap();
    let read = begin.elapsed();
    let rendered = render_run(&archive, &into.join("report")).unwrap();
    let summary = terminal::summary(&archive, 100);
    let all = begin.elapsed();
    println!(
        "{} records, {} of them damaged lines, {} lines on the terminal",
        archive.records.len(),
        archive.damaged.len(),
        summary.lines().count()
    );
    println!("read in {:.2} s, all in {:.2} s, {} s of processor time", read.as_secs_f64(), all.as_secs_f64(), processor_s());
    println!("peak memory {} MB", peak_kib() / 1000);
    for file in rendered.files.iter().filter(|file| !file.to_string_lossy().contains("figures")) {
        println!("{:.1} MB  {}", fs::metadata(file).unwrap().len() as f64 / 1e6, file.file_name().unwrap().to_string_lossy());
    }
}

fn make(run: &Path, number: usize, into: &Path) {
    fs::create_dir_all(into.join(RAW_FOLDER)).unwrap();
    for file in [PLAN_FILE, TESTBED_FILE, "environment.json"] {
        let _ = fs::copy(run.join(file), into.join(file));
    }
    let records = Archive::read(run).unwrap().records;
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut file = BufWriter::new(File::create(into.join(RESULTS_FILE)).unwrap());
    for (place, record) in (0..number).zip(records.iter().cycle()) {
        let mut line = serde_json::to_value(record).unwrap();
        let repetition = place / records.len() + 1;
        line["id"] = format!("{}/{repetition}", record.id).into();
        line["repetition"] = repetition.into();
        for (key, value) in line["values"].as_object_mut().unwrap() {
            if let Some(rate) = value.as_f64().filter(|_| key.ends_with("_pps") || key.ends_with("_bps")) {
                *value = (rate * random.random_range(0.95..1.05)).into();
            }
        }
        serde_json::to_writer(&mut file, &line).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.flush().unwrap();
    // What the making took is not part of the report's peak: VmHWM starts anew (proc(5), clear_refs).
    drop(records);
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// VmHWM of proc_pid_status(5).
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// utime and stime of proc_pid_stat(5), of all threads, in seconds. The making of the run is part of it where it was made now.
fn processor_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
