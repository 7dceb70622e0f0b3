//! `linerate send`: the generator, by hand.

use std::process::ExitCode;

use clap::Args;
use dataplane::{LatePolicy, SendPlan, SendReport, StreamId};
use methodology::units::{FrameSize, LinkSpeed, Load, Pace, Seconds};

use super::frame_args::FrameArgs;
use super::port_session::{End, Live, PortArgs, Session};
use super::{CommandError, Format};

/// Send test frames from a DPDK port, each tagged with stream, sequence number and time.
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  Two terminals, shared memory between them, no NIC needed:
    linerate receive --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --size 64 --rate 1Mpps --duration 5s
  Round-trip times, with `linerate reflect` at the other end:
    linerate send --port net_virtio_user0,path=lr.sock --rate 100kpps --rtt
  How fast is the generator itself?
    linerate send --port net_null0 --rate max

WHAT THE FIGURES MEAN
  sent     frames that the port took; unsent: frames that were due and did not go.
           Unsent frames were never on the wire: they are the sender's shortfall, not the path's loss.
  Loss is counted by the receiver, by sequence number.")]
pub struct SendArgs {
    #[command(flatten)]
    port: PortArgs,
    /// Frame size in bytes, counted with the 4-byte FCS
    #[arg(long, default_value = "64", value_name = "BYTES")]
    size: FrameSize,
    /// 1Mpps, 10Gbps (layer 1), 10GbpsL2 (layer 2), 50% (of line rate), or max
    #[arg(long, default_value = "max", allow_hyphen_values = true)]
    rate: Load,
    /// Link speed for `--rate 50%` where the port does not know its own, such as 25G
    #[arg(long, value_name = "SPEED")]
    link: Option<LinkSpeed>,
    /// Wait this long for the other end of a shared-memory port, or for the link
    #[arg(long, default_value = "10s", value_name = "TIME")]
    wait: Seconds,
    /// How long to send
    #[arg(long, default_value = "10s", value_name = "TIME")]
    duration: Seconds,
    /// Stop after this many frames, where that is sooner
    #[arg(long, value_name = "COUNT")]
    frames: Option<u64>,
    #[command(flatten)]
    frame: FrameArgs,
    /// Spread the frames over this many flows in equal shares (RFC 4814 addresses and ports)
    #[arg(long, default_value = "1", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    flows: u32,
    /// Pick another flow set; the same seed gives the same flows every time
    #[arg(long, default_value = "0")]
    seed: u64,
    /// At most this many frames in one burst
    #[arg(long, default_value = "64", value_name = "FRAMES", value_parser = clap::value_parser!(u16).range(1..=512))]
    burst: u16,
    /// Number of the stream, to tell several senders apart
    #[arg(long, default_value = "0")]
    stream: u16,
    /// Measure round-trip times: the other end must send the frames back (`linerate reflect`)
    #[arg(long)]
    rtt: bool,
    /// What to do with frames that are late: send them faster within a bound, leave them out, or end the run
    #[arg(long, value_enum, default_value = "catch-up")]
    late: Late,
    /// How late a frame may go, with --late catch-up and --late abort
    #[arg(long, default_value = "10ms", value_name = "TIME")]
    late_bound: Seconds,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Late {
    CatchUp,
    Skip,
    Abort,
}

/// Runs the command.
pub fn run(args: &SendArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.port.json);
    if args.duration.is_zero() {
        return Err(CommandError::new("a --duration of 0 sends nothing: give a time such as 5s"));
    }
    args.port.wait_for_listener(args.wait.duration())?;
    let mut session = Session::open(&args.port, args.size)?;
    let pace = args.rate.pace(args.size, args.link.or(session.link_speed()))?;
    let plan = SendPlan {
        cpu: args.port.cpu(End::Sender),
        frames: args.frames,
        frame: args.frame.format(),
        flows: args.flows,
        seed: args.seed,
        burst: args.burst,
        rtt: args.rtt,
        stream: StreamId(args.stream),
        tagging: args.frame.tagging(),
        late: match args.late {
            Late::CatchUp => LatePolicy::CatchUp { bound: args.late_bound.nanoseconds() },
            Late::Skip => LatePolicy::Skip,
            Late::Abort => LatePolicy::Abort { bound: args.late_bound.nanoseconds() },
        },
        ..SendPlan::new(args.size, pace, args.duration.duration())
    };
    session.wait_for_link(args.wait.duration())?;
    let running = session.port()?.send(plan)?;
    let outcome = session.watch(running, |now, before, interval| {
        Live::new("sent", now.elapsed).rate(now.frames_sent - before.frames_sent, interval, args.size).count("unsent", now.frames_unsent)
    });
    let mut report = outcome.report?;
    // What was due and did not go is unsent, whether the port refused it or the loop came too late to offer it; `frames_skipped` says how much
    // of it was the latter.
    report.frames_unsent += report.frames_skipped;
    format.print(&report, || text(&report, args.size, pace))?;
    if let Some(reason) = &report.ended_early {
        return Err(CommandError::new(format!("the run ended early: {reason}")));
    }
    Ok(outcome.exit)
}

fn text(report: &SendReport, size: FrameSize, pace: Pace) -> String {
    let mut lines = vec![
        format!("sent        {} frames of {size} in {}: {}", report.frames_sent, Seconds::from(report.duration), report.rate),
        format!("            {} at layer 1, {} at layer 2", report.rate.l1(size), report.rate.l2(size)),
        format!("unsent      {} frames that were due and did not go", report.frames_unsent),
    ];
    if report.frames_skipped > 0 {
        lines.push(format!(
            "            {} of them were too late to offer: the poll loop was away, or the rate is above what this machine makes",
            report.frames_skipped
        ));
    }
    if let Pace::Rate(asked) = pace
        && (report.frames_sent as f64) < 0.999 * report.intended_frames as f64
    {
        lines.push(format!("SHORT       asked {asked}, offered {}", report.rate));
    }
    if let Some(lateness) = report.lateness.as_ref().filter(|lateness| lateness.late_bursts > 0) {
        lines.push(format!(
            "late        {} bursts by more than {}, at most {}",
            lateness.late_bursts, lateness.threshold_ns, lateness.max_ns
        ));
    }
    if let Some(returned) = &report.returned {
        lines.push(format!(
            "came back   {} frames; {} lost, {} duplicate, {} reordered, {} corrupt, {} foreign",
            returned.received, returned.lost, returned.duplicate, returned.reordered, returned.corrupt, returned.foreign
        ));
    }
    if let Some(rtt) = &report.rtt {
        lines.push(format!(
            "round trip  min {}, p50 {}, p90 {}, p99 {}, p99.9 {}, p99.99 {}, max {} over {} frames",
            rtt.min, rtt.p50, rtt.p90, rtt.p99, rtt.p999, rtt.p9999, rtt.max, rtt.count
        ));
    }
    lines.extend(super::port_session::hiccup_line(&report.hiccups));
    lines.join("\n")
}
