//! `linerate reflect`: the reflector as a command.

use std::process::ExitCode;

use clap::Args;
use dataplane::{MacAddress, ReflectPlan, ReflectReport};
use methodology::units::Seconds;

use super::frame_args::unicast;
use super::listener_args::ListenerArgs;
use super::port_args::End;
use super::status_line::{StatusLine, poll_loop_lines, queue_lines};
use super::{CommandError, Format};

/// Send test frames back to their sender, so that `linerate send --rtt` can measure round-trip times
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  In two terminals:
    linerate reflect --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --rate 100kpps --rtt

WHAT IT DOES TO A FRAME
  It swaps addresses and ports and lowers the TTL by one; checksums stay
  correct. The time that a frame spends in the reflector is part of the
  round-trip time. It is reported as residence time and never subtracted without
  saying so.")]
pub struct ReflectArgs {
    #[command(flatten)]
    listener: ListenerArgs,
    /// Destination address of the frames that are sent back, instead of the source address that they came with
    #[arg(long, value_name = "ADDRESS", value_parser = unicast)]
    dst_mac: Option<MacAddress>,
}

/// Runs the command.
pub fn run(args: &ReflectArgs) -> Result<ExitCode, CommandError> {
    let listener = &args.listener;
    let mut session = listener.open()?;
    let plan = ReflectPlan {
        cpus: listener.port.cpus(End::Receiver, session.numa_node()),
        frame: listener.frame.format(),
        tagging: listener.frame.tagging(),
        destination: args.dst_mac,
        duration: listener.duration.map(Seconds::duration),
        ..ReflectPlan::default()
    };
    let running = session.port()?.reflect(plan);
    session.say_ready("reflecting", &running);
    let outcome = session.watch(
        running,
        |now, before, interval| {
            StatusLine::new("reflected", now.elapsed)
                .packets(now.frames_sent - before.frames_sent, interval)
                .count("unsent", now.unsent)
                .count("foreign", now.foreign)
        },
        |queue| queue.frames_sent,
    );
    let report = outcome.report?;
    Format::of(listener.port.json).print(&report, || text(&report))?;
    session.conclude(report.loops.ended_early.as_deref(), report.loops.peer_left, listener.duration, outcome.exit)
}

fn text(report: &ReflectReport) -> String {
    let rate = report.rate.map_or_else(|| "no rate, because no time passed between frames".to_owned(), |rate| rate.to_string());
    let mut lines = vec![
        format!("received    {} frames", report.frames_received),
        format!("sent back   {} frames in {}: {rate}", report.frames_sent, Seconds::from(report.duration)),
        format!("unsent      {} frames that the port did not accept", report.unsent),
        format!("foreign     {} frames that linerate did not send", report.foreign),
    ];
    if let Some(residence) = &report.residence {
        lines.push(format!("residence   p50 {}, p99 {}, max {} in the reflector", residence.p50, residence.p99, residence.max));
    }
    lines.extend(poll_loop_lines(&report.loops.hiccups, &report.loops.cycles));
    lines.extend(queue_lines(&report.loops.queues, "received", |queue| queue.frames_received));
    lines.join("\n")
}
