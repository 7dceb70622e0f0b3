//! The simulated device and our search as a process of JSON lines, so that another search can be measured on the very same device.
//!
//! One request a line on standard input, one answer a line on standard output:
//! - `{"device": "capacity=10Mpps", "link": "25G", "preset": "csit-ndr-pdr"}` starts anew with this device and preset, and says what the
//!   other search needs: line rate, min load and the goals of the preset;
//! - `{"load_pps": 1e6, "duration_s": 1.0}` makes one trial: `{"intended": …, "sent": …, "received": …}`;
//! - `{"search": true}` makes our search: bounds, trials and trial time;
//! - `{"chance_at_pps": 1e6, "goal": 0}` says with which probability a load is decided as a lower bound of a goal by trials of full length.

use std::error::Error;
use std::io::{BufRead, Write};

use methodology::method::{IpVersion, Method, MethodName, MethodSpec, Preset};
use methodology::simulate::{Device, SimulatedMeasurer, SimulationRequest, pass_probability, simulate};
use methodology::trial::{Measurer, TrialInput};
use methodology::units::{FrameSize, Frames, LinkSpeed, Load, PacketRate, Seconds};
use serde_json::{Value, json};

/// Phases of a stall at which a trial is followed for its probability to pass.
const PHASES: u32 = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = None;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let request: Value = serde_json::from_str(&line?)?;
        let answer = match request["device"].as_str() {
            Some(device) => server.insert(Server::new(device, &request)?).greeting(),
            None => server.as_mut().ok_or("the first request needs a device")?.answer(&request)?,
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// One device with one preset.
struct Server {
    device: Device,
    link: LinkSpeed,
    frames: Frames,
    spec: MethodSpec,
    method: Method,
    measurer: SimulatedMeasurer,
}

impl Server {
    fn new(device: &str, request: &Value) -> Result<Self, Box<dyn Error>> {
        let device: Device = device.parse()?;
        let link: LinkSpeed = request["link"].as_str().unwrap_or("25G").parse()?;
        let preset: Preset = request["preset"].as_str().unwrap_or("csit-ndr-pdr").parse()?;
        let name = if preset == Preset::Rfc2544 { MethodName::Throughput } else { MethodName::NdrPdr };
        let frames = Frames::Fixed(FrameSize::MIN);
        let spec = MethodSpec::new(name).with_preset(preset);
        let resolved = spec.resolve(std::slice::from_ref(&frames), IpVersion::V4);
        let method = resolved.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        let measurer = SimulatedMeasurer::new(device.clone(), frames.line_rate(link));
        Ok(Server { device, link, frames, spec, method, measurer })
    }

    fn greeting(&self) -> Value {
        let min_load = match self.method.search.min_load {
            Load::Packets(rate) => Some(rate.pps()),
            _ => None,
        };
        json!({
            "line_rate_pps": self.frames.line_rate(self.link).pps(),
            "min_load_pps": min_load,
            "goals": self.method.search.goals,
        })
    }

    fn input(&self, load: f64, duration: Seconds) -> Result<TrialInput, Box<dyn Error>> {
        // The waits of the preset, so that stalls meet both searches alike.
        Ok(TrialInput::constant(PacketRate::new(load)?, duration).with_phases(self.method.phases))
    }

    fn answer(&mut self, request: &Value) -> Result<Value, Box<dyn Error>> {
        if request["search"].as_bool() == Some(true) {
            let request =
                SimulationRequest { device: self.device.clone(), method: self.spec.clone(), frames: self.frames.clone(), link: self.link };
            let (summary, _) = simulate(&request, &mut |_| {})?;
            return Ok(serde_json::to_value(&summary)?);
        }
        if let Some(load) = request["chance_at_pps"].as_f64() {
            return self.chance(load, request["goal"].as_u64().unwrap_or(0));
        }
        let load = request["load_pps"].as_f64().ok_or("a trial needs load_pps")?;
        let duration = Seconds::new(request["duration_s"].as_f64().ok_or("a trial needs duration_s")?)?;
        let outcome = self.measurer.trial(&self.input(load, duration)?)?;
        Ok(json!({ "intended": outcome.intended(), "sent": outcome.sent(), "received": outcome.received() }))
    }

    /// The probability that one full-length trial passes, and that the goal's duration sum of them makes a lower bound.
    fn chance(&self, load: f64, goal: u64) -> Result<Value, Box<dyn Error>> {
        let goal = self.method.search.goals.get(usize::try_from(goal)?).ok_or("no such goal")?;
        let line_rate = self.frames.line_rate(self.link);
        let input = self.input(load, goal.final_trial)?;
        let passes = pass_probability(&self.device, line_rate, &input, &self.method.tester, goal.loss_ratio, PHASES);
        let trials = (goal.duration_sum.seconds() / goal.final_trial.seconds()).ceil() as u32;
        let may_fail = (f64::from(trials) * goal.exceed_ratio.ratio()).floor() as u32;
        let mut of_so_many_failures = passes.powi(i32::try_from(trials)?);
        let mut lower = of_so_many_failures;
        if passes > 0.0 {
            for failures in 1..=may_fail {
                of_so_many_failures *= (1.0 - passes) / passes * f64::from(trials - failures + 1) / f64::from(failures);
                lower += of_so_many_failures;
            }
        }
        Ok(json!({ "pass": passes, "lower": lower.min(1.0) }))
    }
}
