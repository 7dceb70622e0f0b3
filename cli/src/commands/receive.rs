//! `linerate receive`: the sink as a command.

use std::process::ExitCode;

use clap::Args;
use dataplane::{BootId, ReceivePlan, ReceiveReport, StreamReport};
use methodology::units::Seconds;

use super::listener_args::ListenerArgs;
use super::port_args::End;
use super::status_line::{StatusLine, poll_loop_lines, queue_lines};
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
  lost       sequence numbers missing between the lowest and the highest one
             received. Loss after the highest is known from the sender's count
             only. A sender that is started again is a new run, counted apart
  duplicate  frames whose sequence number was received before
  reordered  frames received after one with a higher sequence number (RFC 4737)
  corrupt    test frames whose tag or length differs from what was sent; with
             --check-payload, payload and header checksums too
  foreign    frames that linerate did not send; never taken for test frames
  rate       by the time from the first frame to the last; one frame has none")]
pub struct ReceiveArgs {
    #[command(flatten)]
    listener: ListenerArgs,
    /// Check every payload, IPv4 header checksum and UDP checksum. Slower; use it to prove integrity
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
        cpus: listener.port.cpus(End::Receiver, session.numa_node()),
        frame: listener.frame.format(),
        tagging: listener.frame.tagging(),
        duration: listener.duration.map(Seconds::duration),
        check_payload: args.check_payload,
        one_way: args.one_way.clone(),
        ..ReceivePlan::default()
    };
    let running = session.port()?.receive(plan);
    session.say_ready("receiving", &running);
    let outcome = session.watch(
        running,
        |now, before, interval| {
            let line = StatusLine::new("received", now.elapsed).packets(now.frames_received - before.frames_received, interval);
            // With several queues the loss is known at the end.
            let line = match now.lost {
                Some(lost) => line.count("lost", lost),
                None => line,
            };
            line.count("duplicate", now.duplicate)
                .count("reordered", now.reordered)
                .count("corrupt", now.corrupt)
                .count("foreign", now.foreign)
        },
        |queue| queue.frames_received,
    );
    let report = outcome.report?;
    Format::of(listener.port.json).print(&report, || text(&report))?;
    session.conclude(report.loops.ended_early.as_deref(), report.loops.peer_left, listener.duration, outcome.exit)
}

fn text(report: &ReceiveReport) -> String {
    let rate = report.rate.map_or_else(|| "no rate, because no time passed between frames".to_owned(), |rate| rate.to_string());
    let lost = match &report.streams[..] {
        [] => String::new(),
        [StreamReport { first_sequence: Some(first), highest_sequence: Some(highest), .. }] => {
            format!(
                " of sequence numbers {first} to {highest}, the lowest and the highest received; loss after that is unknown without the sender's count"
            )
        }
        _ => " between the lowest and the highest sequence number of each run; loss after that is unknown without the sender's count"
            .to_owned(),
    };
    let checked = if report.payload_checked {
        "by tag, length, payload and checksums"
    } else {
        "by tag and length only (--check-payload checks the rest)"
    };
    let mut lines = vec![
        format!("received    {} test frames in {}: {rate}", report.frames_received, Seconds::from(report.duration)),
        format!("lost        {}{lost}", report.lost),
        format!("duplicate   {}", report.duplicate),
        format!("reordered   {}", report.reordered),
        format!("corrupt     {} {checked}", report.corrupt),
        format!("foreign     {} frames that linerate did not send", report.foreign),
    ];
    if let [StreamReport { first_sequence: Some(first @ 1..), .. }] = &report.streams[..] {
        lines.push(format!("before      {first} frames have lower sequence numbers: they were lost, or sent before this receiver started"));
    }
    if report.streams.iter().any(|stream| stream.several_senders) {
        lines.push(
            "WRONG       two senders use the same stream number at the same time, so these counts are wrong: give each sender its own --stream"
                .to_owned(),
        );
    }
    if report.window_exceeded > 0 {
        lines.push(format!(
            "unclear     {} frames are older than the sequence window: each is either late or a duplicate",
            report.window_exceeded
        ));
    }
    if report.streams.len() > 1 {
        lines.extend(report.streams.iter().map(|s| {
            let run = if s.run > 0 { format!(", run {}", s.run + 1) } else { String::new() };
            let span = s.first_sequence.zip(s.highest_sequence).map_or(String::new(), |(first, last)| format!(" of {first} to {last}"));
            format!(
                "  stream {}{run}: {} received, {} lost{span}, {} duplicate, {} reordered",
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
    lines.extend(poll_loop_lines(&report.loops.hiccups, &report.loops.cycles));
    lines.extend(queue_lines(&report.loops.queues, "received", |queue| queue.frames_received));
    lines.join("\n")
}
