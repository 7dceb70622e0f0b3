//! `linerate send`: the generator as a command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dataplane::frame::pcap::Capture;
use dataplane::{
    LatePolicy, MacAddress, Pacing, PacingReport, PortOptions, ReturnedFrames, SendPlan, SendReport, Spacing, StreamId, Traffic,
};
use methodology::units::{FrameSize, Frames, Imix, LinkSpeed, Load, Pace, PacketRate, Seconds};

use super::frame_args::{FrameArgs, unicast};
use super::port_args::{End, PortArgs};
use super::session::PortSession;
use super::status_line::{StatusLine, poll_loop_lines, queue_lines, uneven_line};
use super::{CommandError, Format};

/// Send test frames from a DPDK port, each tagged with stream, sequence number and time
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  Over shared memory between two terminals; no NIC needed:
    linerate receive --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --rate 1Mpps --duration 5s
  Round-trip times, with `linerate reflect` at the other end:
    linerate send --port net_virtio_user0,path=lr.sock --rate 100kpps --rtt
  The highest rate of the generator itself, on one queue and on two:
    linerate send --port net_null0 --rate max
    linerate send --port net_null0 --rate max --queues 2
  The tester's own share of a round-trip time, at a given size and rate:
    linerate send --port net_ring0 --rtt --rate 100kpps
  A mix of sizes and 1000 flows; a capture with its own timing:
    linerate send --port 0000:03:00.0 --size imix --flows 1000 --rate 50%
    linerate send --port 0000:03:00.0 --pcap web.pcap --own-timing
  Round-trip times of a low-rate stream on its own queue, beside a high load:
    linerate send --port net_virtio_user0,path=lr.sock --queues 2 --rate 5Mpps \\
      --rtt --probe 1kpps

WHAT THE COUNTERS MEAN
  sent     frames that the port accepted
  unsent   frames that were due and were not sent, because the sender was too
           slow: they are not loss of the path
  rate     frames sent, over the time that they were to take; layer 1 and 2 are
           bits of the frames that were sent
  returned with --rtt; a frame that returns twice counts as duplicate, and its
           round-trip time once
  The receiver counts loss, by sequence number.")]
pub struct SendArgs {
    #[command(flatten)]
    port: PortArgs,
    /// Frame size in bytes, 4-byte FCS included, or a mix: imix (28×64, 16×570, 4×1518), imix-simple (7×64, 4×570, 1×1518), both
    /// interleaved, or an RFC 6985 genome such as imix:aaafg, in its own order
    #[arg(long, default_value = "64", value_name = "SIZE")]
    size: Frames,
    /// Send the frames of this pcap or pcapng file unchanged, in a loop, instead of test frames. The receiver counts them as foreign. If the
    /// file contains test frames of linerate, they are marked for that: two bytes of the tag and the UDP checksum change
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "flows", "rtt"])]
    pcap: Option<PathBuf>,
    /// With --pcap: use the time stamps of the capture, relative to the first frame, instead of --rate
    #[arg(long, requires = "pcap", conflicts_with = "rate")]
    own_timing: bool,
    /// Offered load: 1Mpps, 10Gbps (layer 1), 10GbpsL2 (layer 2), 50% (of line rate), or max. Frames of different sizes are spaced
    /// evenly at a rate of frames, and each by its own size at a rate of bits
    #[arg(long, default_value = "max", allow_hyphen_values = true)]
    rate: Load,
    /// Link speed for `--rate 50%`, such as 25G, if the port does not know its own
    #[arg(long, value_name = "SPEED")]
    link: Option<LinkSpeed>,
    /// How long to wait for the other end of a shared-memory port, or for the link
    #[arg(long, default_value = "10s", value_name = "TIME")]
    wait: Seconds,
    /// How long to send
    #[arg(long, default_value = "10s", value_name = "TIME")]
    duration: Seconds,
    /// Stop after this many frames, if that is before the end of --duration
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,
    #[command(flatten)]
    frame: FrameArgs,
    /// Destination address of the frames: that of the receiving port, which `receive` and `reflect` print. Without it, the frames go to
    /// 02:00:00:00:00:02, which a NIC receives only in promiscuous mode
    #[arg(long, value_name = "ADDRESS", value_parser = unicast, conflicts_with = "pcap")]
    dst_mac: Option<MacAddress>,
    /// Number of flows; each gets the same share of the frames (addresses and ports as in RFC 4814)
    #[arg(long, default_value = "1", value_name = "COUNT", allow_hyphen_values = true, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    flows: u32,
    /// Choose another set of flows; the same seed gives the same flows every time
    #[arg(long, default_value = "0")]
    seed: u64,
    /// Largest number of frames in one burst [default: 64 with huge pages, 32 without]
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u16).range(1..=256))]
    burst: Option<u16>,
    /// Stream number; give each of several senders its own
    #[arg(long, default_value = "0")]
    stream: u16,
    /// Measure round-trip times: the other end must send the frames back (`linerate reflect`)
    #[arg(long)]
    rtt: bool,
    /// With --rtt: the longest wait for frames in flight after the last one was sent. It ends sooner when all have returned, or when none has
    /// returned for 4 times the longest round-trip time and at least 2 s
    #[arg(long, default_value = "5s", value_name = "TIME", requires = "rtt")]
    drain: Seconds,
    /// With --rtt: measure round-trip times on a separate stream of this rate, not on the load itself. With several --queues, the stream
    /// has the last queue to itself
    #[arg(long, value_name = "RATE", requires = "rtt", value_parser = packet_rate)]
    probe: Option<PacketRate>,
    /// Take the arrival time of returning frames from the port (hardware receive timestamps) instead of the poll loop
    #[arg(long, requires = "rtt")]
    arrival_by_port: bool,
    /// What spaces the frames of a --rate: the poll loop (software), a port that sends each frame at its time (send-on-timestamp), or a port
    /// that limits the rate of its queues (queue-rate). Few NICs support the last two; other ports are refused
    #[arg(long, value_enum, default_value = "software")]
    pacing: PacingChoice,
    /// What to do when frames are late: send them faster, up to --late-bound (catch-up); leave them out (skip); end the run (abort)
    #[arg(long, value_enum, default_value = "catch-up")]
    late: Late,
    /// How late a frame may be sent, for --late catch-up and --late abort
    #[arg(long, default_value = "10ms", value_name = "TIME")]
    late_bound: Seconds,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Late {
    CatchUp,
    Skip,
    Abort,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PacingChoice {
    Software,
    SendOnTimestamp,
    QueueRate,
}

/// Runs the command.
pub fn run(args: &SendArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.port.json);
    if args.duration.is_zero() {
        return Err(CommandError::new("--duration 0 sends nothing: use a time such as 5s"));
    }
    args.port.wait_for_listener(args.wait.duration())?;
    let (traffic, largest) = traffic(args)?;
    let mixed = matches!(&traffic, Traffic::Test(frames) if frames.is_mix());
    let options = PortOptions {
        max_frame: largest,
        fast_free: !mixed,
        send_on_timestamp: args.pacing == PacingChoice::SendOnTimestamp,
        arrival_times: args.arrival_by_port,
        isolate: args.port.isolated_frames(&args.frame),
        ..PortOptions::default()
    };
    let mut session = PortSession::open(&args.port, options)?;
    // Many ports know their speed when the link is up, and not before.
    session.wait_for_link(args.wait.duration())?;
    let pace = pace(args, &traffic, args.link.or(session.link_speed()))?;
    let plan = SendPlan {
        cpus: args.port.cpus(End::Sender, session.numa_node()),
        frames: args.frames,
        spacing: if matches!(args.rate, Load::Packets(_)) { Spacing::Even } else { Spacing::BySize },
        drain: args.drain.duration(),
        frame: args.frame.format(),
        destination: args.dst_mac,
        flows: args.flows,
        seed: args.seed,
        burst: args.burst,
        rtt: args.rtt,
        probe: args.probe,
        stream: StreamId(args.stream),
        pacing: match args.pacing {
            PacingChoice::Software => Pacing::Software,
            PacingChoice::SendOnTimestamp => Pacing::SendOnTimestamp,
            PacingChoice::QueueRate => Pacing::QueueRate,
        },
        tagging: args.frame.tagging(),
        late: match args.late {
            Late::CatchUp => LatePolicy::CatchUp { bound: args.late_bound.nanoseconds() },
            Late::Skip => LatePolicy::Skip,
            Late::Abort => LatePolicy::Abort { bound: args.late_bound.nanoseconds() },
        },
        ..SendPlan::new(traffic.clone(), pace, args.duration.duration())
    };
    let running = session.port()?.send(plan)?;
    let outcome = session.watch(
        running,
        |now, before, interval| {
            let frames = now.frames_sent - before.frames_sent;
            let live = StatusLine::new("sent", now.elapsed);
            let live = match &args.pcap {
                None => live.rate(frames, interval, &args.size),
                Some(_) => live.packets(frames, interval),
            };
            live.count("unsent", now.frames_unsent)
        },
        |queue| queue.frames_sent,
    );
    let mut report = outcome.report?;
    // A frame that was due and was not sent is unsent, whether the port refused it or the loop was too late to offer it. `frames_skipped`
    // counts the latter.
    report.frames_unsent += report.frames_skipped;
    format.print(&report, || text(&report, &traffic, pace))?;
    if let Some(reason) = &report.loops.ended_early {
        return Err(session.ended_early(reason));
    }
    Ok(outcome.exit)
}

/// What is sent, and the largest frame of it.
fn traffic(args: &SendArgs) -> Result<(Traffic, FrameSize), CommandError> {
    match &args.pcap {
        None => Ok((args.size.clone().into(), args.size.largest())),
        Some(file) => {
            let mut capture = Capture::open(file, FrameSize::MAX)?;
            let test_frames = capture.mark_test_frames();
            if test_frames > 0 {
                eprintln!(
                    "{}: {test_frames} frames are test frames of linerate: they are sent marked as replayed, and the receiver counts them as foreign",
                    file.display()
                );
            }
            if capture.out_of_order() > 0 {
                eprintln!(
                    "{}: {} frames have an earlier time stamp than the frame before: each is sent directly after that frame",
                    file.display(),
                    capture.out_of_order()
                );
            }
            Ok((Traffic::Capture { file: file.clone(), own_timing: args.own_timing }, capture.largest()))
        }
    }
}

/// The offered load in frames per second, by the sizes of the frames.
fn pace(args: &SendArgs, traffic: &Traffic, link: Option<LinkSpeed>) -> Result<Pace, CommandError> {
    match (traffic, args.rate) {
        (Traffic::Test(frames), load) => Ok(frames.pace(load, link)?),
        (Traffic::Capture { .. }, Load::Max) => Ok(Pace::Max),
        (Traffic::Capture { file, .. }, load) => {
            let capture = Capture::open(file, FrameSize::MAX)?;
            let frames = Frames::Mix(Imix::of_sizes(file.display().to_string(), capture.sizes())?);
            Ok(frames.pace(load, link)?)
        }
    }
}

fn packet_rate(text: &str) -> Result<PacketRate, String> {
    match text.parse::<Load>() {
        Ok(Load::Packets(rate)) => Ok(rate),
        Ok(_) => Err("use frames per second, such as 10kpps".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// How the port spaced the frames.
fn pacing(report: &PacingReport) -> String {
    match (report.ahead_ns, report.queue_limit_mbps) {
        (Some(ahead), _) => {
            let kept = match report.times_not_kept {
                Some(frames) => format!("{frames} frames were too late or too early for that and were sent at once"),
                None => "the driver does not count frames that missed their time".to_owned(),
            };
            format!("pacing      by the port, which gets each frame {ahead} before its time; {kept}")
        }
        (None, limit) => format!("pacing      by the port's limit of {} Mbit/s per queue, and by the poll loop", limit.unwrap_or_default()),
    }
}

fn text(report: &SendReport, traffic: &Traffic, pace: Pace) -> String {
    let what = match traffic {
        Traffic::Test(frames) => frames.to_string(),
        Traffic::Capture { file, .. } => file.display().to_string(),
    };
    let mut lines =
        vec![format!("sent        {} frames of {what} in {}: {}", report.frames_sent, Seconds::from(report.duration), report.rate)];
    lines.push(format!("            {} at layer 1, {} at layer 2", report.l1, report.l2));
    lines.push(format!("unsent      {} frames that were due and were not sent", report.frames_unsent));
    if report.frames_skipped > 0 {
        lines.push(format!(
            "            {} of them were too late to offer: the poll loop was interrupted, or this machine cannot send at this rate",
            report.frames_skipped
        ));
    }
    if let Pace::Rate(asked) = pace
        && (report.frames_sent as f64) < 0.999 * report.intended_frames as f64
    {
        lines.push(format!("SHORT       intended load {asked}, offered load {}", report.rate));
    }
    if let Some(lateness) = report.lateness.as_ref().filter(|lateness| lateness.late_bursts > 0) {
        lines.push(format!(
            "late        {} bursts were late by more than {}, at most {}",
            lateness.late_bursts, lateness.threshold_ns, lateness.max_ns
        ));
    }
    lines.extend(report.pacing.as_ref().map(pacing));
    let gaps = &report.gaps;
    if let (Some(intended), true) = (gaps.intended_ns, gaps.count > 0) {
        lines.push(format!(
            "gaps        {intended:.1} ns intended; {} of {} gaps between bursts are more than 1 µs off, {} of these after an interruption of the poll loop",
            gaps.off_by_1us, gaps.count, gaps.off_explained
        ));
    }
    lines.extend(report.returned.iter().flat_map(returned_lines));
    if let Some(rtt) = &report.rtt {
        lines.push(format!(
            "round trip  min {}, p50 {}, p90 {}, p99 {}, p99.9 {}, p99.99 {}, max {} over {} frames",
            rtt.min, rtt.p50, rtt.p90, rtt.p99, rtt.p999, rtt.p9999, rtt.max, rtt.count
        ));
    }
    lines.extend(poll_loop_lines(&report.loops.hiccups, &report.loops.cycles));
    lines.extend(queue_lines(&report.loops.queues, "sent", |queue| queue.frames_sent));
    if report.returned.is_some() {
        lines.extend(uneven_line(&report.loops.queues, "received", |queue| queue.frames_received));
    }
    lines.join("\n")
}

/// The report lines about returned frames.
fn returned_lines(returned: &ReturnedFrames) -> Vec<String> {
    let mut lines = vec![format!(
        "returned    {} frames; {} lost, {} duplicate, {} reordered, {} corrupt, {} foreign",
        returned.received, returned.lost, returned.duplicate, returned.reordered, returned.corrupt, returned.foreign
    )];
    let waited = Seconds::from(returned.waited);
    if returned.window_exceeded > 0 {
        lines.push(format!(
            "unclear     {} frames are older than the sequence window: each is a late one, which counts as lost, or a duplicate",
            returned.window_exceeded
        ));
    }
    if returned.in_flight > 0 {
        lines.push(format!(
            "in flight   {} frames had not returned {waited} after the last one was sent: they are lost or still in flight (--drain waits longer)",
            returned.in_flight
        ));
    }
    if returned.received == 0 && returned.lost > 0 {
        lines.push(format!(
            "            no frame returned within {waited}: no reflector, all frames lost, or a path with a longer delay (--drain waits longer)"
        ));
    }
    if returned.several_senders {
        lines.push(
            "WRONG       frames of another sender with the same stream number returned too, so these counts are wrong: give each sender its own --stream"
                .to_owned(),
        );
    }
    if returned.untimed > 0 {
        lines.push(format!(
            "            the port gave no arrival time for {} of them: they are not in the round-trip times",
            returned.untimed
        ));
    }
    lines
}
