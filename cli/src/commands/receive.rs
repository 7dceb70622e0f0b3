//! `linerate receive`: the sink, by hand.

use std::process::ExitCode;

use clap::Args;
use dataplane::{BootId, PortOptions, ReceivePlan, ReceiveReport};
use methodology::units::{FrameSize, Seconds};

use super::frame_args::FrameArgs;
use super::port_session::{End, Live, PortArgs, Session, loop_lines};
use super::{CommandError, Format};

/// Receive test frames on a DPDK port and account for each by its sequence number.
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
    linerate receive --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --rate 1Mpps --duration 5s     (in another terminal)
  It counts until Ctrl-C, until --duration is over, or until the sender goes away. Without --duration a sender that closes its port is
  a good end. One that is killed and a link that goes down are not: the exit code says so.

WHAT THE FIGURES MEAN
  lost       sequence numbers that never came, below the highest that did
  duplicate  frames whose sequence number had come already
  reordered  frames that came after one with a higher sequence number (RFC 4737)
  corrupt    test frames whose tag or payload is not what was sent
  foreign    frames that are not linerate's: counted, never taken for test frames")]
pub struct ReceiveArgs {
    #[command(flatten)]
    port: PortArgs,
    #[command(flatten)]
    frame: FrameArgs,
    /// Largest frame to expect, in bytes with the FCS
    #[arg(long, default_value = "1518", value_name = "BYTES")]
    max_size: FrameSize,
    /// Stop after this long; without it, on Ctrl-C or when the sender goes away
    #[arg(long, value_name = "TIME")]
    duration: Option<Seconds>,
    /// Check every header checksum and payload: slower, for runs that prove integrity
    #[arg(long)]
    check_payload: bool,
    /// Tell one-way delays of a sender on this machine, whose clock this is (/proc/sys/kernel/random/boot_id; `send --json` has it as `clock`).
    /// Refused where it is not this machine's: two clocks only give round trips
    #[arg(long, value_name = "CLOCK-ID")]
    one_way: Option<BootId>,
}

/// Runs the command.
pub fn run(args: &ReceiveArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.port.json);
    let mut session = Session::open(&args.port, PortOptions { max_frame: args.max_size, ..PortOptions::default() })?;
    let plan = ReceivePlan {
        cpus: args.port.cpus(End::Receiver),
        frame: args.frame.format(),
        tagging: args.frame.tagging(),
        duration: args.duration.map(Seconds::duration),
        check_payload: args.check_payload,
        one_way: args.one_way.clone(),
        ..ReceivePlan::default()
    };
    let running = session.port()?.receive(plan);
    session.say_ready("receiving", &running);
    let outcome = session.watch(running, |now, before, interval| {
        Live::new("received", now.elapsed)
            .packets(now.frames_received - before.frames_received, interval)
            .count("lost", now.lost)
            .count("duplicate", now.duplicate)
            .count("reordered", now.reordered)
            .count("corrupt", now.corrupt)
            .count("foreign", now.foreign)
    });
    let report = outcome.report?;
    format.print(&report, || text(&report))?;
    session.conclude(report.ended_early.as_deref(), report.peer_left, args.duration, outcome.exit)
}

fn text(report: &ReceiveReport) -> String {
    let mut lines = vec![
        format!("received    {} test frames in {}: {}", report.frames_received, Seconds::from(report.duration), report.rate),
        format!("lost        {} by sequence, below the highest that came", report.lost),
        format!("duplicate   {}", report.duplicate),
        format!("reordered   {}", report.reordered),
        format!("corrupt     {}", report.corrupt),
        format!("foreign     {} frames that are not linerate's", report.foreign),
    ];
    if report.window_exceeded > 0 {
        lines.push(format!(
            "unclear     {} frames older than the tracker remembers: late or duplicate, it cannot say which",
            report.window_exceeded
        ));
    }
    if report.streams.len() > 1 {
        lines.extend(report.streams.iter().map(|s| {
            format!(
                "  stream {}: {} received, {} lost, {} duplicate, {} reordered",
                s.stream.0, s.received, s.lost, s.duplicate, s.reordered
            )
        }));
    }
    if let Some(delay) = &report.one_way {
        lines.push(format!(
            "one way     min {}, p50 {}, p90 {}, p99 {}, p99.9 {}, max {} over {} frames",
            delay.min, delay.p50, delay.p90, delay.p99, delay.p999, delay.max, delay.count
        ));
    }
    lines.extend(loop_lines(&report.hiccups, &report.cycles));
    lines.join("\n")
}
