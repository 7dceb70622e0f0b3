//! What `receive` and `reflect` have in common: a port, the frames to expect, and when to stop.

use clap::Args;
use dataplane::PortOptions;
use methodology::units::{FrameSize, Seconds};

use super::CommandError;
use super::frame_args::FrameArgs;
use super::port_args::PortArgs;
use super::session::PortSession;

/// The end that waits for frames.
#[derive(Debug, Args)]
pub struct ListenerArgs {
    #[command(flatten)]
    pub port: PortArgs,
    #[command(flatten)]
    pub frame: FrameArgs,
    /// Largest frame to expect, in bytes, FCS included
    #[arg(long, default_value = "1518", value_name = "BYTES")]
    max_size: FrameSize,
    /// Stop after this time [default: on Ctrl-C, or when the sender closes its port]
    #[arg(long, value_name = "TIME")]
    pub duration: Option<Seconds>,
}

impl ListenerArgs {
    /// Opens the port for frames of the largest size.
    pub fn open(&self) -> Result<PortSession, CommandError> {
        let isolate = self.port.isolated_frames(&self.frame);
        PortSession::open(&self.port, PortOptions { max_frame: self.max_size, isolate, ..PortOptions::default() })
    }
}
