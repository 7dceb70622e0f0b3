//! `linerate simulate`: what a method does with a device one can describe, in simulated time.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args;
use methodology::method::{MethodName, MethodSpec, Preset};
use methodology::procedures::{LatencyAtLoad, MethodState};
use methodology::simulate::{Device, GoalSummary, NamedResults, SimulationRequest, SimulationSummary, simulate};
use methodology::statistics::RepetitionSummary;
use methodology::trial::{Trial, TrialPath};
use methodology::units::{Frames, LinkSpeed, Load, PacketRate, Seconds};

use super::{CommandError, Format};

/// Try a method on a simulated device.
///
/// The device is described by keys, the method does with it what it would do with a real one, and simulated time costs nothing: a
/// 60-second trial takes microseconds.
#[derive(Debug, Args)]
#[command(after_long_help = "\
THE DEVICE
  capacity=10Mpps     frames it forwards a second (default: line rate)
  buffer=1000         frames its buffer holds
  delay=10us          fixed delay              jitter=2us   random delay on top, uniform
  loss=0.01%          random loss              band=4Mpps-5Mpps:1%   extra loss at such loads (may be repeated)
  stall=5ms/100ms     serves nothing for 5 ms in every 100 ms
  ppm=-100            its clock against the tester's
  dup=0.1%  reorder=0.1%  corrupt=0.1%  foreign=10pps
  directions=2        both directions at once  dead=forward|reverse  one of them forwards nothing
  round-trips=5Mpps   delays are those of round trips, which carry 5 Mpps; without it they are one-way delays
  livelock=20Mpps:600kpps   offered 20 Mpps or more it forwards 600 kpps
  recovery=20ms       goes on losing after an overload   outage=5ms  how long it is down after a reset
THE TESTER
  shortfall=1%        offers less than it should
  hiccup=5ms/10s      its receiving loop is interrupted for 5 ms in every 10 s
  start=3s            simulated time of the first trial: it sets the phase of stalls
  seed=1              of all random draws: the same seed gives the same run

EXAMPLES
  linerate simulate --dut capacity=10Mpps,buffer=1000 --method ndr-pdr --size 64 --link 25G
  linerate simulate --dut capacity=10Mpps,buffer=1000 --method back-to-back --preset quick
  linerate simulate --dut capacity=16Mpps,livelock=20Mpps:600kpps --method overload --json")]
pub struct SimulateArgs {
    /// The device: key=value, separated by commas.
    #[arg(long, value_name = "KEY=VALUE,…", default_value = "")]
    dut: Device,
    /// throughput, ndr-pdr, latency, pdv, frame-loss, back-to-back, system-recovery, reset, mrr, overload or soak.
    #[arg(long, value_name = "NAME", default_value = "ndr-pdr")]
    method: MethodName,
    /// rfc2544, tst009, csit-ndr-pdr or quick; each method has its own default.
    #[arg(long, value_name = "NAME")]
    preset: Option<Preset>,
    /// Frame size with the FCS, imix, imix-simple or imix:GENOME.
    #[arg(long, value_name = "SIZE", default_value = "64")]
    size: Frames,
    /// The link's speed.
    #[arg(long, value_name = "SPEED", default_value = "25G")]
    link: LinkSpeed,
    /// Least load of a search or of frame-loss (mrr has none).
    #[arg(long, value_name = "RATE")]
    min_load: Option<Load>,
    /// Greatest load of a search or of frame-loss, such as 99.98% (RFC 8239) or 10Mpps (mrr and back-to-back have none).
    #[arg(long, value_name = "RATE")]
    max_load: Option<Load>,
    /// Length of each trial of the procedure (a search's trials are those of its goals).
    #[arg(long, value_name = "TIME")]
    duration: Option<Seconds>,
    /// Repetitions of the procedure.
    #[arg(long, value_name = "N")]
    repetitions: Option<u32>,
    /// Print every trial as it ends, on standard error.
    #[arg(long)]
    trials: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the method and prints what it found. An invalid result is printed too, and the exit code is still success: the simulation worked.
pub fn run(args: &SimulateArgs) -> Result<ExitCode, CommandError> {
    let mut method = MethodSpec::new(args.method);
    method.preset = args.preset;
    method.min_load = args.min_load;
    method.max_load = args.max_load;
    method.duration = args.duration;
    method.repetitions = args.repetitions;
    let request = SimulationRequest { device: args.dut.clone(), method, frames: args.size.clone(), link: args.link };
    let mut observe = |trial: &Trial| {
        if args.trials {
            eprintln!("{}", trial_line(trial));
        }
    };
    let (summary, _report) = simulate(&request, &mut observe)?;
    Format::of(args.json).print(&summary, || text(&summary))?;
    Ok(ExitCode::SUCCESS)
}

fn trial_line(trial: &Trial) -> String {
    let load = trial.input.stimulus.rate().map_or_else(|| "max".to_owned(), |rate| rate.to_string());
    let duration = trial.input.stimulus.duration();
    let mut line = format!(
        "trial {:>4}  {load:>12}  {duration:>8}  sent {:>12}  received {:>12}  loss {}",
        trial.number,
        trial.outcome.sent(),
        trial.outcome.received(),
        trial.outcome.loss_ratio(),
    );
    if trial.loss_ratio != trial.outcome.loss_ratio() {
        line.push_str(&format!("; with the frames not offered, {} of the intended load is missing", trial.loss_ratio));
    }
    for reason in &trial.verdict.reasons {
        line.push_str(&format!("; {reason}"));
    }
    line
}

fn text(summary: &SimulationSummary) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write_summary(&mut out, summary);
    out.trim_end().to_owned()
}

fn write_summary(out: &mut String, summary: &SimulationSummary) -> std::fmt::Result {
    writeln!(
        out,
        "{} ({}), {} frames on {}: line rate {}",
        summary.method, summary.preset, summary.size, summary.link_bps, summary.line_rate_pps
    )?;
    if let Some(path) = summary.search_path.filter(|path| *path == TrialPath::RoundTrip) {
        writeln!(out, "  searched over {path}")?;
    }
    for goal in &summary.goals {
        writeln!(out, "  {}", goal_line(goal))?;
    }
    write_results(out, &summary.results)?;
    writeln!(out, "  {} trials, {} of sending, {} with all waits", summary.trials, summary.trial_seconds, summary.elapsed_seconds)?;
    if summary.verdict.state == MethodState::Invalid {
        writeln!(out, "  NOT VALID as it stands:")?;
    }
    for reason in &summary.verdict.reasons {
        writeln!(out, "  - {reason}")?;
    }
    if !summary.deviations.is_empty() {
        writeln!(out, "  deviations:")?;
        for deviation in &summary.deviations {
            writeln!(out, "  - {deviation}")?;
        }
    }
    Ok(())
}

fn goal_line(goal: &GoalSummary) -> String {
    let rate = |rate: Option<PacketRate>| rate.map_or_else(|| "none".to_owned(), exact);
    let bounds = format!("lower bound {}, upper bound {}", rate(goal.lower_bound_pps), rate(goal.upper_bound_pps));
    match (goal.conditional_throughput_pps, goal.regular) {
        (Some(throughput), true) => {
            format!("{} (loss {}): {bounds}, conditional throughput {}", goal.name, goal.loss_ratio, exact(throughput))
        }
        _ => format!("{} (loss {}): IRREGULAR: {bounds}", goal.name, goal.loss_ratio),
    }
}

/// Every digit: a search is finer than four of them.
fn exact(rate: PacketRate) -> String {
    format!("{:.0} pps", rate.pps())
}

/// Statistics of repetitions, each value written by `value`.
fn sample(sample: Option<RepetitionSummary>, value: impl Fn(f64) -> String) -> String {
    let Some(sample) = sample else { return "nothing measured".to_owned() };
    let [mean, median, min, max] = [sample.mean, sample.median, sample.min, sample.max].map(&value);
    let spread = sample.stddev.map(|stddev| format!(", standard deviation {}", value(stddev))).unwrap_or_default();
    format!("mean {mean}, median {median}, min {min}, max {max}{spread} ({} times)", sample.count)
}

/// Frames and frames per second, to a tenth.
fn count(value: f64) -> String {
    format!("{value:.1}")
}

/// Seconds, in the unit that suits them.
fn span(value: f64) -> String {
    Seconds::new(value).map_or_else(|_| format!("{value} s"), |span| span.to_string())
}

fn write_results(out: &mut String, results: &NamedResults) -> std::fmt::Result {
    match results {
        NamedResults::NdrPdr {} => Ok(()),
        NamedResults::Throughput(result) => match (result.throughput, result.at_least, result.share_of_line_rate) {
            (Some(rate), _, Some(share)) => writeln!(out, "  throughput {}, {:.3} % of line rate", exact(rate), share * 100.0),
            (None, Some(rate), Some(share)) => writeln!(out, "  throughput at least {}, {:.3} % of line rate", exact(rate), share * 100.0),
            _ => Ok(()),
        },
        NamedResults::Latency(result) => result.loads.iter().try_for_each(|load| writeln!(out, "  {}", latency_line(load))),
        NamedResults::Pdv(result) => result.loads.iter().try_for_each(|load| {
            write!(out, "  at {}: PDV {} ({} to {})", exact(load.load), load.pdv.median, load.pdv.p1, load.pdv.p99)?;
            match load.ipdv {
                Some(ipdv) => writeln!(out, ", IPDV {} / {} / {} ns (min / median / max)", ipdv.min_ns, ipdv.median_ns, ipdv.max_ns),
                None => writeln!(out),
            }
        }),
        NamedResults::FrameLoss(result) => result.points.iter().try_for_each(|point| {
            writeln!(
                out,
                "  {:>7.2} %  {:>14}  loss {:.4} %",
                point.share.share() * 100.0,
                exact(point.load),
                point.loss_ratio.ratio() * 100.0
            )
        }),
        NamedResults::BackToBack(result) => {
            if let Some(why) = &result.not_applicable {
                return writeln!(out, "  no benchmark: {why}");
            }
            writeln!(out, "  longest burst without loss in frames: {}", sample(result.frames, count))?;
            if let (Some(implied), Some(corrected)) = (result.implied_buffer_time, result.corrected_buffer_time) {
                let frames = result.corrected_buffer_frames.unwrap_or(0.0);
                writeln!(
                    out,
                    "  implied buffer time {implied}, corrected {corrected}: {frames:.1} frames at {}",
                    exact(result.burst_rate)
                )?;
            }
            Ok(())
        }
        NamedResults::SystemRecovery(result) => {
            writeln!(out, "  from {} to {}: recovery {}", exact(result.overload), exact(result.reduced), sample(result.recovery, span))
        }
        NamedResults::Reset(result) => writeln!(out, "  at {}: reset {}", exact(result.load), sample(result.reset, span)),
        NamedResults::Mrr(result) => {
            writeln!(out, "  offered {}: received in frames/s {}", exact(result.offered), sample(result.rate, count))
        }
        NamedResults::Overload(result) => {
            for point in &result.points {
                writeln!(
                    out,
                    "  {:>6.1} % of NDR  offered {:>14}  forwards {:>14}",
                    point.of_ndr * 100.0,
                    exact(point.offered),
                    exact(point.forwarding_rate)
                )?;
            }
            match result.collapse_at {
                Some(load) => writeln!(out, "  COLLAPSE: forwards less than 90 % of NDR from {} on", exact(load)),
                None => writeln!(out, "  no collapse"),
            }
        }
        NamedResults::Soak(result) => writeln!(
            out,
            "  at {}: loss {} in {} intervals, {} of them with loss, drift {:+.4} % an hour",
            exact(result.load),
            result.loss_ratio,
            result.intervals,
            result.intervals_with_loss,
            result.drift_per_hour.unwrap_or(0.0) * 100.0
        ),
    }
}

fn latency_line(load: &LatencyAtLoad) -> String {
    format!(
        "at {}: typical {} ({} to {}), worst case {} ({} to {}), mean {}, min {}, max {}, loss {}",
        exact(load.load),
        load.typical.median,
        load.typical.p1,
        load.typical.p99,
        load.worst_case.median,
        load.worst_case.p1,
        load.worst_case.p99,
        load.mean,
        load.min,
        load.max,
        load.loss_ratio
    )
}
