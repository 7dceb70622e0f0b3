//! `linerate receive`: the sink as a command.

use std::process::ExitCode;

use clap::Args;
use dataplane::{BootId, ReceivePlan, ReceiveReport};
use methodology::units::Seconds;

use super::listener_args::ListenerArgs;
use super::port_args::End;
use super::status_line::{StatusLine, poll_loop_lines};
use super::{CommandError, Format};

/// Receive test frames on a DPDK port, and count lost, duplicate and reordered frames
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  In two terminals:
    linerate receive --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --rate 1Mpps --duration 5s

WHEN IT ENDS
  On Ctrl-C, when --duration is over, or when the sender closes its port.
  Without --duration, a sender that closes its port is the normal end. If the
  sender is killed or the link goes down, the exit code is 1.

WHAT THE COUNTERS MEAN
  lost       sequence numbers missing below the highest one received
  duplicate  frames whose sequence number was received before
  reordered  frames received after one with a higher sequence number (RFC 4737)
  corrupt    test frames whose tag or payload differs from what was sent
  foreign    frames that linerate did not send; never taken for test frames")]
pub struct ReceiveArgs {
    #[command(flatten)]
    listener: ListenerArgs,
    /// Check every header checksum and payload. Slower; use it to prove integrity
    #[arg(long)]
    check_payload: bool,
    /// Measure one-way delays from a sender on this machine. CLOCK-ID is the boot id of the sender's machine
    /// (/proc/sys/kernel/random/boot_id; `send --json` prints it as `clock`). Refused if it is not this machine's: with two clocks only
    /// round-trip times can be measured
    #[arg(long, value_name = "CLOCK-ID")]
    one_way: Option<BootId>,
}

/// Runs the command.
pub fn run(args: &ReceiveArgs) -> Result<ExitCode, CommandError> {
    let listener = &args.listener;
    let mut session = listener.open()?;
    let plan = ReceivePlan {
        cpus: listener.port.cpus(End::Receiver),
        frame: listener.frame.format(),
        tagging: listener.frame.tagging(),
        duration: listener.duration.map(Seconds::duration),
        check_payload: args.check_payload,
        one_way: args.one_way.clone(),
        ..ReceivePlan::default()
    };
    let running = session.port()?.receive(plan);
    session.say_ready("receiving", &running);
    let outcome = session.watch(running, |now, before, interval| {
        StatusLine::new("received", now.elapsed)
            .packets(now.frames_received - before.frames_received, interval)
            .count("lost", now.lost)
            .count("duplicate", now.duplicate)
            .count("reordered", now.reordered)
            .count("corrupt", now.corrupt)
            .count("foreign", now.foreign)
    });
    let report = outcome.report?;
    Format::of(listener.port.json).print(&report, || text(&report))?;
    session.conclude(report.ended_early.as_deref(), report.peer_left, listener.duration, outcome.exit)
}

fn text(report: &ReceiveReport) -> String {
    let mut lines = vec![
        format!("received    {} test frames in {}: {}", report.frames_received, Seconds::from(report.duration), report.rate),
        format!("lost        {} (sequence numbers missing below the highest one received)", report.lost),
        format!("duplicate   {}", report.duplicate),
        format!("reordered   {}", report.reordered),
        format!("corrupt     {}", report.corrupt),
        format!("foreign     {} frames that linerate did not send", report.foreign),
    ];
    if report.window_exceeded > 0 {
        lines.push(format!(
            "unclear     {} frames are older than the sequence window: each is either late or a duplicate",
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
    lines.extend(poll_loop_lines(&report.hiccups, &report.cycles));
    lines.join("\n")
}
