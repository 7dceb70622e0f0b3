//! The frames that a poll loop sends: what each one contains, and which mbufs a burst takes.

use std::sync::Arc;

use methodology::units::{FrameSize, Frames};

use super::plan::{SendPlan, Traffic};
use crate::dpdk::{Burst, Mbuf, Pool, Port, SentFrames, Slots};
use crate::error::DataplaneError;
use crate::frame::flows::{FlowCount, FlowSpec, FlowTable, FlowWalk};
use crate::frame::pcap::Capture;
use crate::frame::{Classifier, SizeCycle, Stamper, Template, prefetch_for_write};

/// The frames of one poll loop, in order.
pub(super) enum Source {
    /// Test frames.
    Tagged(Tagged),
    /// Frames of a capture, repeated.
    Replay(Replay),
}

/// Test frames: complete except for tag and flow.
pub(super) struct Tagged {
    stamper: Stamper,
    /// `None` where all frames have the flow of the template.
    walk: Option<FlowWalk>,
    /// `None` where all frames have one size.
    sizes: Option<SizeCycle>,
    /// The length of a frame without FCS, where all have one size.
    length: u32,
    /// Whether another core or a device reads the frames' memory.
    read_elsewhere: bool,
}

/// Frames of a capture, each copied into its mbuf before it is sent.
pub(super) struct Replay {
    capture: Arc<Capture>,
    next: usize,
}

/// The sources of all poll loops, and the classifier for returned frames.
pub(super) struct Sources {
    pub(super) each: Vec<Source>,
    /// Test frames of the plan's smallest size, in the stream after all others.
    pub(super) probe: Option<Source>,
    /// `None` where frames carry no tag.
    pub(super) classifier: Option<Classifier>,
    pub(super) capture: Option<Arc<Capture>>,
}

/// Builds the frames that `plan` sends, and fills the port's pools with them.
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
    let spec = plan.frame_spec(port.source_address());
    let build = |&size: &FrameSize| Template::build(&spec, size).map_err(|error| refuse("the frame", error));
    let templates = sizes.distinct().iter().map(build).collect::<Result<Vec<_>, _>>()?;
    let first = templates.first().ok_or_else(|| refuse("the frame", "the mix of sizes is empty"))?;
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
    let unstamped: Vec<Vec<u8>> = templates.iter().map(Template::unstamped).collect();
    port.fill_tx_pools(&unstamped.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
    let loops = plan.loops(port.info().queues);
    let layout = first.layout();
    let read_elsewhere = port.driver().sent_frames == SentFrames::ReadElsewhere;
    let source = |number: u16| {
        // Loops begin at different flows, so that they do not send the same flow at the same time.
        let begin = (u64::from(number) * u64::from(plan.flows) / u64::from(loops)) as u32;
        Source::Tagged(Tagged {
            stamper: Stamper::new(layout, plan.stream_of(number), 0),
            walk: table.as_ref().map(|table| table.walk(begin)),
            sizes: frames.is_mix().then(|| sizes.clone()),
            length: first.size().without_fcs(),
            read_elsewhere,
        })
    };
    let classifier = match frames {
        Frames::Fixed(_) => Classifier::for_template(first),
        Frames::Mix(_) => Classifier::new(layout),
    };
    let probe = plan.probe.map(|_| {
        let stamper = Stamper::new(layout, plan.stream_of(loops), 0);
        Source::Tagged(Tagged { stamper, walk: None, sizes: None, length: first.size().without_fcs(), read_elsewhere })
    });
    Ok(Sources { each: (0..loops).map(source).collect(), probe, classifier: Some(classifier), capture: None })
}

fn replay(port: &mut Port, plan: &SendPlan, capture: Capture) -> Result<Sources, DataplaneError> {
    if plan.rtt {
        return Err(refuse(
            "round-trip times of a capture",
            "its frames carry no tag, so that returned frames cannot be recognised: send test frames",
        ));
    }
    if plan.flows != 1 {
        return Err(refuse("flows in a capture", "its frames are sent unchanged: remove the number of flows"));
    }
    if port.info().queues != 1 {
        return Err(refuse("a capture on several queues", "its frames would be reordered: open the port with one queue"));
    }
    let longest = capture.frames().map(|frame| frame.bytes.len()).max().unwrap_or(0);
    port.fill_tx_pools(&[&vec![0; longest.max(LEAST_BYTES)]])?;
    let mut capture = capture;
    capture.mark_test_frames();
    let capture = Arc::new(capture);
    let source = Source::Replay(Replay { capture: Arc::clone(&capture), next: 0 });
    Ok(Sources { each: vec![source], probe: None, classifier: None, capture: Some(capture) })
}

/// The shortest frame on the wire without its FCS. Captures can hold shorter frames, captured before padding.
const LEAST_BYTES: usize = 60;

impl Source {
    /// Takes mbufs for the next `count` frames: for fewer of them where a pool has fewer, and `None` where it has none.
    /// [`write`](Self::write) completes them.
    #[inline(always)]
    pub(super) fn take<'s>(&mut self, pools: &'s [Pool], slots: &'s mut Slots, count: usize) -> Option<Burst<'s>> {
        match self {
            Source::Tagged(Tagged { sizes: None, .. }) | Source::Replay(_) => Burst::take(pools.first()?, slots, count),
            Source::Tagged(Tagged { sizes: Some(sizes), .. }) => {
                let burst = Burst::take_each(pools, slots, count, || sizes.next_index());
                let missing = count - burst.as_ref().map_or(0, Burst::len);
                if missing > 0 {
                    sizes.rewind(missing as u64);
                }
                burst
            }
        }
    }

    /// Writes what differs between frames: tag and flow, or the frame of the capture.
    #[inline(always)]
    pub(super) fn write(&mut self, mbufs: &[Mbuf<'_>], now: u64) {
        match self {
            Source::Tagged(tagged) => tagged.stamp(mbufs, now),
            Source::Replay(replay) => replay.copy(mbufs),
        }
    }

    /// Goes back by `frames` frames that were not sent: they are the next ones again, with the same sequence numbers. Where each frame has a
    /// time of its own (`timed`), their times are over: the sizes, and the frames of a capture, go on with the next ones.
    pub(super) fn rewind(&mut self, frames: u64, timed: bool) {
        match self {
            Source::Tagged(tagged) => {
                tagged.stamper.rewind(frames);
                if let Some(walk) = &mut tagged.walk {
                    walk.rewind(frames);
                }
                if let Some(sizes) = tagged.sizes.as_mut().filter(|_| !timed) {
                    sizes.rewind(frames);
                }
            }
            Source::Replay(replay) if !timed => replay.next = replay.place(-i128::from(frames)),
            Source::Replay(_) => {}
        }
    }

    /// Leaves out frames whose time is over, where each has a time of its own: their sizes, or the frames of a capture. Test frames keep their
    /// sequence numbers.
    #[cold]
    pub(super) fn leave_out(&mut self, frames: u64) {
        match self {
            Source::Tagged(tagged) => {
                if let Some(sizes) = &mut tagged.sizes {
                    sizes.leave_out(frames);
                }
            }
            Source::Replay(replay) => replay.next = replay.place(i128::from(frames)),
        }
    }

    /// The length of every frame without FCS; `None` where lengths differ.
    pub(super) fn fixed_length(&self) -> Option<u32> {
        match self {
            Source::Tagged(tagged) if tagged.sizes.is_none() => Some(tagged.length),
            Source::Tagged(_) | Source::Replay(_) => None,
        }
    }
}

impl Replay {
    /// The place in the capture that is so many frames from the next.
    fn place(&self, frames: i128) -> usize {
        let all = self.capture.frame_count() as i128;
        (self.next as i128 + frames).rem_euclid(all) as usize
    }
}

impl Tagged {
    /// Not inlined: as part of the poll loop it has too few registers.
    #[inline(never)]
    fn stamp(&mut self, mbufs: &[Mbuf<'_>], now: u64) {
        // The frame's cache lines are with the core or device that read them last. Prefetching all of them first overlaps the transfers.
        if self.read_elsewhere {
            for mbuf in mbufs {
                prefetch_for_write(mbuf.filled_data());
            }
        }
        // SAFETY: every mbuf of the transmit pools holds a whole template of this layout, the caller's burst owns `mbufs`, and the flows
        // were built for the template.
        unsafe {
            match &mut self.walk {
                None => self.stamper.stamp(mbufs, now, |mbuf| mbuf.filled_data()),
                Some(walk) => self.stamper.stamp_flows(mbufs, now, walk, |mbuf| mbuf.filled_data()),
            }
        }
    }
}

impl Replay {
    #[inline(never)]
    fn copy(&mut self, mbufs: &[Mbuf<'_>]) {
        for mbuf in mbufs {
            // The capture has at least one frame, and `next` is below their number.
            let bytes = self.capture.frame(self.next).map_or(&[][..], |captured| captured.bytes);
            // SAFETY: the pool was filled with a frame at least as long as every frame of the capture and as LEAST_BYTES, and the burst
            // owns its mbufs.
            unsafe { mbuf.write(bytes, LEAST_BYTES) };
            self.next = if self.next + 1 == self.capture.frame_count() { 0 } else { self.next + 1 };
        }
    }
}
