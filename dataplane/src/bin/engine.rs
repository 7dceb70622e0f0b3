//! One engine on one port: what linerate's agent does, without the agent. For the tests and benches of this crate.
//!
//! `engine '{"role": "send", "port": "net_null0", "plan": {"duration": {"secs": 2, "nanos": 0}}}'` runs it and prints the port and the
//! report as JSON. `plan`, `eal` and `options` override the defaults key by key. With `"until": "stdin"` the end of standard input stops
//! the engine, and the port stays open until then. With `"observe": SECONDS` a sender's frame counter is watched from another CPU for so long,
//! against CLOCK_MONOTONIC_RAW: see [`observe`]. With `"begin": FILE` a sender that counts the other end's frames sends once the file exists.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use dataplane::{Dataplane, EalOptions, EngineReport, PortOptions, ReceivePlan, ReflectPlan, Running, SendPlan};
use methodology::units::{FrameSize, Pace};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match std::env::args().nth(1).ok_or_else(|| "give the job as JSON".into()).and_then(|job| run(&job)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(job: &str) -> Result<(), Failure> {
    let job: Value = serde_json::from_str(job)?;
    let spec = job["port"].as_str().ok_or("no port")?.parse()?;
    let eal: EalOptions = merged(&EalOptions { devices: vec![spec], ..EalOptions::default() }, &job["eal"])?;
    let spec = eal.devices[0].clone();
    let dataplane = Dataplane::init(eal)?;
    let mut port = dataplane.open(&spec, merged(&PortOptions::default(), &job["options"])?)?;
    if let Some(seconds) = job["link"].as_f64() {
        port.wait_link_up(Duration::from_secs_f64(seconds))?;
    }
    let by_stdin = job["until"] == "stdin";
    let plan = &job["plan"];
    match job["role"].as_str() {
        Some("send") => {
            let plan = merged(&SendPlan::new(FrameSize::MIN, Pace::Max, Duration::from_secs(1)), plan)?;
            let running = port.send(plan)?;
            if let Some(seconds) = job["observe"].as_f64() {
                println!("{}", json!(observe(|| running.snapshot().frames_sent, Duration::from_secs_f64(seconds))?));
            }
            finish(running, by_stdin, job["begin"].as_str().map(Path::new))
        }
        Some("receive") => finish(port.receive(merged(&ReceivePlan::default(), plan)?), by_stdin, None),
        Some("reflect") => finish(port.reflect(merged(&ReflectPlan::default(), plan)?), by_stdin, None),
        _ => Err("role is send, receive or reflect".into()),
    }
}

/// `default` with the keys of `changes`, which are all optional.
fn merged<T: Serialize + DeserializeOwned>(default: &T, changes: &Value) -> Result<T, Failure> {
    let mut whole = serde_json::to_value(default)?;
    if let (Some(whole), Some(changes)) = (whole.as_object_mut(), changes.as_object()) {
        for (key, value) in changes {
            if whole.insert(key.clone(), value.clone()).is_none() {
                return Err(format!("there is no `{key}`").into());
            }
        }
    }
    Ok(serde_json::from_value(whole)?)
}

/// Number of counter changes to report, at the beginning and at the end.
const CHANGES: usize = 2000;

/// Watches a counter that goes up, from outside and by another clock than the poll loop's: `[raw_ns, count]` of its changes at the beginning and
/// at the end of `length`. Whoever reads them takes the soonest change of each group, since an observer is late and never early.
fn observe(counter: impl Fn() -> u64, length: Duration) -> Result<[Vec<[u64; 2]>; 2], Failure> {
    let raw = || clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).map(|time| Duration::from(time).as_nanos() as u64);
    let begin = raw()?;
    let (mut first, mut last, mut before) = (Vec::new(), VecDeque::new(), counter());
    loop {
        let (count, now) = (counter(), raw()?);
        if count != before {
            before = count;
            if first.len() < CHANGES {
                first.push([now, count]);
            }
            last.push_back([now, count]);
            if last.len() > CHANGES {
                last.pop_front();
            }
        }
        if now - begin > length.as_nanos() as u64 {
            return Ok([first, last.into()]);
        }
    }
}

fn finish<R: EngineReport + Serialize>(running: Running<R>, by_stdin: bool, begin: Option<&Path>) -> Result<(), Failure> {
    eprintln!("running");
    let closed = by_stdin.then(|| thread::spawn(|| io::stdin().read_to_end(&mut Vec::new())));
    let mut snapshots = Vec::new();
    while !running.is_finished() {
        thread::sleep(Duration::from_millis(10));
        if begin.is_some_and(Path::exists) {
            running.begin_sending();
        }
        if closed.as_ref().is_some_and(|closed| closed.is_finished()) {
            running.stop();
        }
        if snapshots.len() < 1000 {
            snapshots.push(serde_json::to_value(running.snapshot())?);
        }
    }
    let (port, report) = running.join();
    println!("{}", json!({ "port": port.info(), "report": report?, "snapshots": snapshots.len(), "last_snapshot": snapshots.last() }));
    // The port stays open until then, so that the other end can receive the frames in flight.
    if let Some(closed) = closed {
        let _ = closed.join();
    }
    Ok(())
}
