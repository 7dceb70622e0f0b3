//! What goes into each frame, and which frames a burst is made of.

use std::sync::Arc;

use methodology::units::{FrameSize, Frames};

use super::plan::{SendPlan, Traffic};
use crate::dpdk::{Burst, Frame, Pool, Port, Slots};
use crate::error::DataplaneError;
use crate::frame::flows::{FlowCount, FlowSpec, FlowTable, FlowWalk};
use crate::frame::pcap::Capture;
use crate::frame::{Classifier, SizeCycle, Stamper, Template, prefetch_for_write};

/// Drivers that pass no frame to another core or a device: its lines are still here when it is sent again.
const KEPT_TO_ITSELF: [&str; 3] = ["net_null", "net_ring", "net_pcap"];

/// The frames of one poll loop, in order.
pub(super) enum Source {
    /// Test frames.
    Tagged(Tagged),
    /// Frames of a capture, round and round.
    Replay(Replay),
}

/// Test frames: finished but for tag and flow.
pub(super) struct Tagged {
    stamper: Stamper,
    /// None where all frames are of one flow, which the template has.
    walk: Option<FlowWalk>,
    /// None where all frames are of one size.
    sizes: Option<SizeCycle>,
    /// Whether someone else reads the frames' memory: another core, or a device.
    shared: bool,
}

/// Frames of a capture, each copied when its turn comes.
pub(super) struct Replay {
    capture: Arc<Capture>,
    next: usize,
}

/// The sources of all poll loops, and how their frames are recognised when they come back.
pub(super) struct Sources {
    pub(super) each: Vec<Source>,
    /// Test frames of the plan's smallest size, in a stream behind all others.
    pub(super) probe: Option<Source>,
    /// None where frames carry no tag.
    pub(super) classifier: Option<Classifier>,
    pub(super) capture: Option<Arc<Capture>>,
}

/// Makes what `plan` sends, and fills the port's pools with it.
pub(super) fn prepare(port: &mut Port, plan: &SendPlan) -> Result<Sources, DataplaneError> {
    match &plan.traffic {
        Traffic::Test(frames) => tagged(port, plan, frames),
        Traffic::Capture { file, .. } => replay(
            port,
            plan,
            Capture::open(file, port.info().max_frame).map_err(|error| DataplaneError::Capture { reason: error.to_string() })?,
        ),
    }
}

fn refuse(what: &'static str, why: impl ToString) -> DataplaneError {
    DataplaneError::Plan { what, why: why.to_string() }
}

fn tagged(port: &mut Port, plan: &SendPlan, frames: &Frames) -> Result<Sources, DataplaneError> {
    let sizes = SizeCycle::new(frames);
    let largest = sizes.distinct().last().copied().unwrap_or(FrameSize::MIN);
    if largest > port.info().max_frame {
        let (name, limit) = (port.info().name.clone(), port.info().max_frame);
        return Err(DataplaneError::FrameTooLarge { name, size: largest, limit });
    }
    let spec = plan.frame_spec(port.info().mac);
    let build = |&size: &FrameSize| Template::build(&spec, size).map_err(|error| refuse("the frame", error));
    let templates = sizes.distinct().iter().map(build).collect::<Result<Vec<_>, _>>()?;
    let first = templates.first().ok_or_else(|| refuse("the frame", "a mix of no sizes has no frames"))?;
    let table = match plan.flows {
        1 => None,
        flows => {
            let count = FlowCount::new(flows).map_err(|error| refuse("the number of flows", error))?;
            let table = FlowTable::build(&FlowSpec::new(count, plan.seed), first).map_err(|error| refuse("the flows", error))?;
            for template in &templates {
                table.check_shares(template).map_err(|error| refuse("flows in frames of several sizes", error))?;
            }
            Some(Arc::new(table))
        }
    };
    port.fill_tx_pools(&templates.iter().map(Template::bytes).collect::<Vec<_>>())?;
    let loops = plan.loops(port.info().queues);
    let layout = first.layout();
    let shared = !KEPT_TO_ITSELF.contains(&port.info().driver.as_str());
    let source = |number: u16| {
        // Loops begin at different flows, so that they do not send the same one at the same time.
        let begin = (u64::from(number) * u64::from(plan.flows) / u64::from(loops)) as u32;
        Source::Tagged(Tagged {
            stamper: Stamper::new(layout, plan.stream_of(number), 0),
            walk: table.as_ref().map(|table| table.walk(begin)),
            sizes: frames.is_mix().then(|| sizes.clone()),
            shared,
        })
    };
    let classifier = match frames {
        Frames::Fixed(_) => Classifier::for_template(first),
        Frames::Mix(_) => Classifier::new(layout),
    };
    let probe = plan.probe.map(|_| {
        let stamper = Stamper::new(layout, plan.stream_of(loops), 0);
        Source::Tagged(Tagged { stamper, walk: None, sizes: None, shared })
    });
    Ok(Sources { each: (0..loops).map(source).collect(), probe, classifier: Some(classifier), capture: None })
}

fn replay(port: &mut Port, plan: &SendPlan, capture: Capture) -> Result<Sources, DataplaneError> {
    if plan.rtt {
        return Err(refuse("round-trip times of a capture", "its frames carry no tag to recognise them by: send test frames for that"));
    }
    if plan.flows != 1 {
        return Err(refuse("flows in a capture", "its frames are sent as they are: leave the number of flows away"));
    }
    if port.info().queues != 1 {
        return Err(refuse("a capture on several queues", "its frames would not keep their order: open the port with one queue"));
    }
    let longest = capture.frames().map(|frame| frame.bytes.len()).max().unwrap_or(0);
    port.fill_tx_pools(&[&vec![0; longest.max(LEAST_BYTES)]])?;
    let capture = Arc::new(capture);
    let source = Source::Replay(Replay { capture: Arc::clone(&capture), next: 0 });
    Ok(Sources { each: vec![source], probe: None, classifier: None, capture: Some(capture) })
}

/// The shortest frame on the wire without its FCS; captures hold shorter ones, taken before they were padded.
const LEAST_BYTES: usize = 60;

impl Source {
    /// The next `count` frames with everything written but their tags; none where the pools have not so many.
    #[inline(always)]
    pub(super) fn take<'s>(&mut self, pools: &'s [Pool], slots: &'s mut Slots, count: usize) -> Option<Burst<'s>> {
        match self {
            Source::Tagged(Tagged { sizes: None, .. }) | Source::Replay(_) => Burst::take(pools.first()?, slots, count),
            Source::Tagged(Tagged { sizes: Some(sizes), .. }) => {
                let burst = Burst::take_each(pools, slots, count, || sizes.next_index());
                if burst.is_none() {
                    sizes.rewind(count as u64);
                }
                burst
            }
        }
    }

    /// Writes what changes from frame to frame.
    #[inline(always)]
    pub(super) fn write(&mut self, frames: &[Frame], now: u64) {
        match self {
            Source::Tagged(tagged) => tagged.stamp(frames, now),
            Source::Replay(replay) => replay.copy(frames),
        }
    }

    /// Takes the last frames back: they were never sent, nobody shall miss them, and they go first next time.
    pub(super) fn rewind(&mut self, frames: u64) {
        match self {
            Source::Tagged(tagged) => {
                tagged.stamper.rewind(frames);
                if let Some(walk) = &mut tagged.walk {
                    walk.rewind(frames);
                }
                if let Some(sizes) = &mut tagged.sizes {
                    sizes.rewind(frames);
                }
            }
            Source::Replay(replay) => {
                let all = replay.capture.frame_count();
                replay.next = (replay.next + all - (frames % all as u64) as usize) % all;
            }
        }
    }
}

impl Tagged {
    /// A function of its own: inlined into the poll loop it runs out of registers.
    #[inline(never)]
    fn stamp(&mut self, frames: &[Frame], now: u64) {
        // A sent frame's line was last with whoever read it. Asking for all of them first lets their ways back overlap.
        if self.shared {
            for frame in frames {
                prefetch_for_write(frame.filled_data());
            }
        }
        // SAFETY: every frame of the transmit pools holds a whole template of this layout, `frames` are owned by the caller's burst, and the
        // flows were made for the template.
        unsafe {
            match &mut self.walk {
                None => self.stamper.stamp(frames, now, |frame| frame.filled_data()),
                Some(walk) => self.stamper.stamp_flows(frames, now, walk, |frame| frame.filled_data()),
            }
        }
    }
}

impl Replay {
    #[inline(never)]
    fn copy(&mut self, frames: &[Frame]) {
        for frame in frames {
            // The capture has at least one frame, and `next` is below their number.
            let bytes = self.capture.frame(self.next).map_or(&[][..], |captured| captured.bytes);
            // SAFETY: the pool was filled with a frame as long as the longest of the capture and the shortest on the wire, and the burst owns
            // its frames.
            unsafe { frame.write(bytes, LEAST_BYTES) };
            self.next = if self.next + 1 == self.capture.frame_count() { 0 } else { self.next + 1 };
        }
    }
}
