//! Pacing modes.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

/// How the frames of a schedule are spaced. The schedule itself does not change: it gives the number of frames due at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pacing {
    /// By the poll loop, which offers each frame to the port when it is due. Works on every port.
    #[default]
    Software,
    /// By the port, which gets each frame ahead of its send time and holds it until then (RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP). mlx5 supports
    /// it: on ConnectX-6 Dx and BlueField-2 with the port argument `tx_pp=500`, on ConnectX-7 and later without (doc/guides/nics/mlx5.rst).
    SendOnTimestamp,
    /// By both: the poll loop offers each frame when it is due, and the port limits the rate of each queue, so that the frames of one burst
    /// leave one by one (`rte_eth_set_queue_rate_limit`). Few drivers support it; the error of a driver that does not names those that do.
    QueueRate,
}

/// How a port took part in pacing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacingReport {
    /// How the frames were spaced.
    pub by: Pacing,
    /// How long before its send time each frame was given to the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ns: Option<Nanoseconds>,
    /// The rate limit of each queue, in Mbit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_limit_mbps: Option<u32>,
    /// Frames whose send time the port missed, by its own counters; `None` where it does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_not_kept: Option<u64>,
}
