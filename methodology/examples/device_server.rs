//! The simulated device and our search as a process of JSON lines, so that another search can be measured on the very same device.
//!
//! One request a line on standard input, one answer a line on standard output:
//! - `{"device": "capacity=10Mpps", "link": "25G"}` starts anew with this device;
//! - `{"load_pps": 1e6, "duration_s": 1.0}` tries it: `{"sent": …, "received": …}`;
//! - `{"search": true}` lets our search with preset `csit-ndr-pdr` loose on it: bounds, trials and trial time.

use std::error::Error;
use std::io::{BufRead, Write};

use methodology::method::{MethodName, MethodSpec, Preset};
use methodology::simulate::{Device, SimulatedMeasurer, SimulationRequest, simulate};
use methodology::trial::{Measurer, TrialInput, TrialPhases};
use methodology::units::{FrameSize, Frames, LinkSpeed, PacketRate, Seconds};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut server = Server { device: Device::default(), link: LinkSpeed::from_mbps(25_000), measurer: None };
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = server.answer(&serde_json::from_str(&line?)?)?;
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

struct Server {
    device: Device,
    link: LinkSpeed,
    measurer: Option<SimulatedMeasurer>,
}

impl Server {
    fn answer(&mut self, request: &Value) -> Result<Value, Box<dyn Error>> {
        let frames = Frames::Fixed(FrameSize::MIN);
        let line_rate = frames.line_rate(self.link);
        if let Some(device) = request["device"].as_str() {
            self.device = device.parse()?;
            self.link = request["link"].as_str().unwrap_or("25G").parse()?;
            let line_rate = frames.line_rate(self.link);
            self.measurer = Some(SimulatedMeasurer::new(self.device.clone(), line_rate));
            return Ok(json!({ "line_rate_pps": line_rate.pps() }));
        }
        if request["search"].as_bool() == Some(true) {
            let method = MethodSpec::new(MethodName::NdrPdr).with_preset(Preset::CsitNdrPdr);
            let request = SimulationRequest { device: self.device.clone(), method, frames, link: self.link };
            let (summary, _) = simulate(&request, &mut |_| {})?;
            return Ok(serde_json::to_value(&summary)?);
        }
        let load = PacketRate::new(request["load_pps"].as_f64().ok_or("a trial needs load_pps")?)?;
        let duration = Seconds::new(request["duration_s"].as_f64().ok_or("a trial needs duration_s")?)?;
        let measurer = self.measurer.get_or_insert_with(|| SimulatedMeasurer::new(self.device.clone(), line_rate));
        // The waits of preset `csit-ndr-pdr`, so that stalls meet both searches alike.
        let phases = TrialPhases {
            routing_wait: Seconds::ZERO,
            learning_wait: Seconds::from_millis(100),
            drain_wait: Seconds::from_millis(200),
            settle_wait: Seconds::ZERO,
        };
        let outcome = measurer.trial(&TrialInput::constant(load, duration).with_phases(phases))?;
        Ok(json!({ "intended": outcome.intended(), "sent": outcome.sent(), "received": outcome.received() }))
    }
}
