//! `--port` and how it is polled: the same flags for `send`, `receive` and `reflect`.

use std::num::NonZeroU16;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;
use dataplane::{CpuId, IsolatedFrames, PortSpec};
use methodology::units::FrameSize;
use testbed::topology::RingSizes;

use super::CommandError;
use super::frame_args::FrameArgs;

/// Which port, and which CPUs poll it.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The DPDK port: net_null0, net_vhost0,iface=lr.sock, 0000:03:00.0,representor=vf0 … (`linerate ports` lists the ports of this machine)
    #[arg(long, value_name = "PORT")]
    pub port: PortSpec,
    /// CPUs of the poll loops, one for each queue, such as 2 or 2,3 [default: CPUs on the port's NUMA node; for `send` the
    /// highest that this process may use, for `receive` and `reflect` the next lower, so that both ends can run on one machine]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub cpu: Vec<CpuId>,
    /// Number of queues; each has its own poll loop and CPU. A shared-memory port needs the same number at both ends
    #[arg(long, default_value = "1", value_name = "COUNT", value_parser = queues)]
    pub queues: NonZeroU16,
    /// Receive frames with any destination address (promiscuous mode). Without it, a NIC receives frames to its own address only; software
    /// ports receive all
    #[arg(long)]
    pub promiscuous: bool,
    /// Take only test frames from the port (rte_flow_isolate). Other traffic stays with the kernel, so a login over the same NIC keeps
    /// working. Few drivers support this, such as mlx5; ports of other drivers are refused
    #[arg(long)]
    pub isolate: bool,
    /// Descriptors of each receive queue: frames that the port holds while the poll loop is interrupted [default: 4096 on most NICs]
    #[arg(long, value_name = "COUNT", value_parser = descriptors)]
    pub rx_descriptors: Option<u16>,
    /// Descriptors of each transmit queue [default: 2048 on most NICs]
    #[arg(long, value_name = "COUNT", value_parser = descriptors)]
    pub tx_descriptors: Option<u16>,
    /// Use this port although it carries the default route or the current ssh session; PORT must be that of --port
    #[arg(long, value_name = "PORT")]
    pub force: Option<PortSpec>,
    /// Do not use huge pages, even if some are free
    #[arg(long)]
    pub no_huge: bool,
    /// Print the final report as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// Do not print a status line each second
    #[arg(long, short)]
    pub quiet: bool,
}

fn queues(text: &str) -> Result<NonZeroU16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number of queues: use 1 to {}", u16::MAX))
}

fn descriptors(text: &str) -> Result<u16, String> {
    let number = text.parse().ok().filter(|descriptors| *descriptors > 0);
    number.ok_or_else(|| format!("`{text}` is not a number of descriptors: use 1 to {}", u16::MAX))
}

/// Which end of a path a poll loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `send`.
    Sender,
    /// `receive` and `reflect`.
    Receiver,
}

impl PortArgs {
    /// The CPUs of the poll loops: those given, otherwise CPUs on the port's NUMA node, the highest ones for a sender and the next lower ones
    /// for a receiver.
    pub fn cpus(&self, end: End, node: Option<u32>) -> Vec<CpuId> {
        if !self.cpu.is_empty() {
            return self.cpu.clone();
        }
        let loops = usize::from(self.queues.get());
        let highest = CpuId::allowed_near(node);
        match end {
            End::Receiver if highest.len() >= 2 * loops => highest.into_iter().skip(loops).take(loops).collect(),
            End::Receiver if loops == 1 => highest.get(1).or(highest.first()).copied().into_iter().collect(),
            End::Sender | End::Receiver => highest.into_iter().take(loops).collect(),
        }
    }

    /// Refuses a port whose traffic must not stop, unless --force names it, and one that AF_XDP cannot use. An isolated port leaves that traffic to the
    /// kernel.
    pub fn check_port(&self) -> Result<(), CommandError> {
        match &self.force {
            Some(forced) if forced.name() == self.port.name() => Ok(()),
            Some(forced) => {
                Err(CommandError::new(format!("--force names {}, and the port is {}: name the same port", forced.name(), self.port.name())))
            }
            None if self.isolate => Ok(()),
            None => Ok(testbed::inventory::check_port(&self.port)?),
        }?;
        Ok(testbed::inventory::check_native_xdp(&self.port)?)
    }

    /// Refuses more CPUs than poll loops: a user who names two CPUs expects two loops.
    pub fn check_cpus(&self) -> Result<(), CommandError> {
        if self.cpu.len() <= usize::from(self.queues.get()) {
            return Ok(());
        }
        Err(CommandError::new(format!(
            "--cpu names {} CPUs for {} poll loops, and each queue has one poll loop: name fewer CPUs, or use --queues {}",
            self.cpu.len(),
            self.queues,
            self.cpu.len()
        )))
    }

    /// The test frames that an isolated port takes; `None` without --isolate.
    pub fn isolated_frames(&self, frame: &FrameArgs) -> Option<IsolatedFrames> {
        self.isolate.then(|| IsolatedFrames { format: frame.format(), tagging: frame.tagging() })
    }

    /// The ring sizes that the flags ask for.
    pub fn rings(&self) -> RingSizes {
        RingSizes { rx: self.rx_descriptors, tx: self.tx_descriptors }
    }

    /// The port, with its number of queues, the size of its frames and its ring sizes in the devargs.
    pub fn spec(&self, largest: FrameSize) -> PortSpec {
        self.rings().in_devargs(self.port.clone().with_queues(self.queues).with_frames(largest))
    }

    /// Waits until the socket that this port connects to exists, because the other end may still be starting.
    pub fn wait_for_listener(&self, limit: Duration) -> Result<(), CommandError> {
        let Some(path) = self.port.argument("path").filter(|_| self.port.software_driver() == Some("net_virtio_user")) else {
            return Ok(());
        };
        let interrupted = super::interrupt_flag()?;
        let deadline = Instant::now() + limit;
        // If it is still missing after that, opening the port reports it.
        while !std::path::Path::new(path).exists() && Instant::now() < deadline && !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
