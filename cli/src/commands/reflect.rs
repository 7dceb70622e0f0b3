//! `linerate reflect`: sends test frames back, by hand.

use std::process::ExitCode;

use clap::Args;
use dataplane::{PortOptions, ReflectPlan, ReflectReport};
use methodology::units::{FrameSize, Seconds};

use super::frame_args::FrameArgs;
use super::port_session::{End, Live, PortArgs, Session, loop_lines};
use super::{CommandError, Format};

/// Send test frames back to where they came from, so that `linerate send --rtt` can measure round trips.
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
    linerate reflect --port net_vhost0,iface=lr.sock
    linerate send --port net_virtio_user0,path=lr.sock --rate 100kpps --rtt     (in another terminal)

  Addresses and ports are swapped, the TTL goes down by one, checksums stay right. The time that frames spend in the
  reflector is part of the round trip; it is measured and reported as residence, never subtracted silently.")]
pub struct ReflectArgs {
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
}

/// Runs the command.
pub fn run(args: &ReflectArgs) -> Result<ExitCode, CommandError> {
    let format = Format::of(args.port.json);
    let mut session = Session::open(&args.port, PortOptions { max_frame: args.max_size, ..PortOptions::default() })?;
    let plan = ReflectPlan {
        cpus: args.port.cpus(End::Receiver),
        frame: args.frame.format(),
        tagging: args.frame.tagging(),
        duration: args.duration.map(Seconds::duration),
        ..ReflectPlan::default()
    };
    let running = session.port()?.reflect(plan);
    session.say_ready("reflecting", &running);
    let outcome = session.watch(running, |now, before, interval| {
        Live::new("reflected", now.elapsed)
            .packets(now.frames_sent - before.frames_sent, interval)
            .count("unsent", now.unsent)
            .count("foreign", now.foreign)
    });
    let report = outcome.report?;
    format.print(&report, || text(&report))?;
    session.conclude(report.ended_early.as_deref(), report.peer_left, args.duration, outcome.exit)
}

fn text(report: &ReflectReport) -> String {
    let mut lines = vec![
        format!("received    {} frames", report.frames_received),
        format!("sent back   {} frames in {}: {}", report.frames_sent, Seconds::from(report.duration), report.rate),
        format!("unsent      {} frames that the port did not take", report.unsent),
        format!("foreign     {} frames that are not linerate's", report.foreign),
    ];
    if let Some(residence) = &report.residence {
        lines.push(format!("residence   p50 {}, p99 {}, max {} in the reflector", residence.p50, residence.p99, residence.max));
    }
    lines.extend(loop_lines(&report.hiccups, &report.cycles));
    lines.join("\n")
}
