use std::path::PathBuf;

use clap::Args;
use methodology::units::Seconds;
use reporter::compare::Threshold;
use reporter::record::{Pair, Stack};
use testbed::lab::{ContainerChoice, GuestPath, LabKind};
use testbed::tuner::{Goal, Knob};

use crate::commands::ready::Force;

/// Search the best queues, bursts and rings with few trials, and write them as a plan
#[derive(Debug, Args)]
#[command(after_long_help = "\
EXAMPLES
  The best burst and rings of the built-in lab in two minutes:
    linerate tune --budget 2m
  Queues and bursts of two NICs, with 100 trials:
    linerate tune --testbed testbed.toml --pair a-cpu:b-cpu --trials 100 \\
      --knob queues=1,2,4 --knob burst=16,32,64,128
  Options of a driver; a list with commas is separated by semicolons:
    linerate tune --testbed testbed.toml \\
      --knob 'sender-devargs=txqs_min_inline=0;txqs_min_inline=8'
  iperf3 at its best, for a fair comparison:
    linerate tune --stack kernel-tcp --knob streams=1,2,4,8
  The shortest 99th percentile of round trips at a load:
    linerate tune --goal rtt-p99 --rate 100kpps
  How the rate grows with queues, and what limits it:
    linerate tune --scaling --testbed testbed.toml --knob queues=1,2,4
  Use what was found:
    linerate run --plan runs/TIME-tune/tune.toml
  Compare it with the default, in runs of their own; tune prints the commands:
    linerate compare --across burst,rx-descriptors runs/default runs/tuned

HOW IT SEARCHES
  Every setting that the budget allows is measured. Those that are clearly worse
  are dropped, and the rest is measured again in rounds. At the end the winner and
  the default are measured in pairs. The result names the settings that are not
  shown to be worse than the winner, the one of them with the fewest cores, and
  the confidence. If no difference from the default is shown, the default is kept.
  docs/tuning.md explains each knob.

FILES
  The run directory has one record for each trial, tune.json with the search and
  its result, tune.toml, a plan with the chosen setting, and default.toml, the same
  plan with the default setting.

EXIT CODES
  0    the search ended
  1    an error, or no setting works
  130  interrupted; the best setting found so far is in tune.toml")]
pub struct TuneArgs {
    /// Testbed file: where to measure, instead of the built-in lab
    #[arg(long, value_name = "FILE")]
    pub(super) testbed: Option<PathBuf>,
    /// What the endpoints of the built-in lab are: smartnic, container or vm [default: smartnic]
    #[arg(long, value_name = "KIND", conflicts_with_all = ["testbed", "resume"])]
    pub(super) lab: Option<LabKind>,
    /// What makes the containers of the lab: podman or namespaces [default: podman where it can start a container]
    #[arg(long, value_name = "ENGINE", conflicts_with = "testbed")]
    pub(super) engine: Option<ContainerChoice>,
    /// What joins the DPDK cards of virtual machines: bridge, or vhost-user through testpmd [default: bridge]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["testbed", "resume"])]
    pub(super) path: Option<GuestPath>,
    /// The endpoints to measure between [default: the first pair of the testbed]
    #[arg(long, value_name = "FROM:TO")]
    pub(super) pair: Option<Pair>,
    /// What carries the traffic: dpdk, kernel-tcp or kernel-udp
    #[arg(long, default_value = "dpdk", value_parser = stack)]
    pub(super) stack: Stack,
    /// What settings are compared by: mrr, ndr, rtt-p99 or cpu-per-rate with DPDK; goodput, rtt-p99 or cpu-per-rate with kernel stacks [default: the rate]
    #[arg(long)]
    pub(super) goal: Option<Goal>,
    /// Frame size, or message size with kernel-tcp [default: 64 with DPDK, 1460 with kernel-tcp, 1518 with kernel-udp]
    #[arg(long, value_name = "BYTES")]
    pub(super) size: Option<u32>,
    /// Load of round trips, for --goal rtt-p99 with DPDK [default: 20kpps]
    #[arg(long)]
    pub(super) rate: Option<String>,
    /// A plan key and the values to try; can be given several times [default: queues, burst and rings that fit; streams and sizes with kernel stacks]
    #[arg(long, value_name = "KEY=VALUE,...")]
    pub(super) knob: Vec<Knob>,
    /// A plan key with one value for all settings; can be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<Knob>,
    /// Measure the rate by queues and cores instead of searching, and name what limits it
    #[arg(long, conflicts_with_all = ["resume", "goal"])]
    pub(super) scaling: bool,
    /// How long to search
    #[arg(long, value_name = "TIME", conflicts_with = "trials", default_value = "2m")]
    pub(super) budget: Seconds,
    /// How many trials to make, instead of a time
    #[arg(long, value_name = "N")]
    pub(super) trials: Option<usize>,
    /// Length of a trial [default: 250ms with DPDK, 1s with kernel stacks]
    #[arg(long, value_name = "TIME")]
    pub(super) trial: Option<Seconds>,
    /// Seed of the random order: the same seed and the same results give the same decisions
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// A difference of this share does not matter
    #[arg(long, default_value = "2%", value_name = "SHARE")]
    pub(super) within: Threshold,
    /// Also count trials that are invalid only because the tester was interrupted, for a machine that does other work; the result says how many
    #[arg(long)]
    pub(super) accept_disturbed: bool,
    /// Run directory [default: runs/TIME-tune]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Continue an interrupted search with the options that it was started with
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "pair", "goal", "size", "rate", "knob", "set", "trials", "trial", "accept_disturbed", "stack", "budget", "seed", "within"])]
    pub(super) resume: Option<PathBuf>,
    /// Measure although a check found a problem; with a port, measure on this port although it carries the default route or the ssh session of its
    /// machine
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "")]
    pub(super) force: Vec<Force>,
    /// Print what would be searched, and stop
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the result as one JSON object on standard output
    #[arg(long)]
    pub(super) json: bool,
}

fn stack(text: &str) -> Result<Stack, String> {
    let known = [Stack::Dpdk, Stack::KernelTcp, Stack::KernelUdp];
    let names = known.map(|stack| stack.to_string()).join(", ");
    known.into_iter().find(|stack| stack.to_string() == text).ok_or_else(|| format!("`{text}` cannot be tuned: use one of {names}"))
}
