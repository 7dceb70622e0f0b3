use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

/// Who spaces the frames of a schedule. The schedule itself is the same: it says how many frames there are by any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pacing {
    /// The poll loop, which offers each frame to the port when it is due. Every port can do it.
    #[default]
    Software,
    /// The port, which gets each frame ahead of its time and holds it until then (RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP). mlx5 does, on
    /// ConnectX-6 Dx and BlueField-2 with the port argument `tx_pp=500`, on ConnectX-7 and later by itself (doc/guides/nics/mlx5.rst).
    SendOnTimestamp,
    /// Both: the poll loop offers each frame when it is due, and the port limits each queue to the rate, so that frames which come in one
    /// burst leave one by one (`rte_eth_set_queue_rate_limit`: ixgbe, txgbe, cnxk, and mlx5 from DPDK 26.07 on).
    QueueRate,
}

/// How a port took part in pacing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacingReport {
    /// Who spaced the frames.
    pub by: Pacing,
    /// How long before its time each frame was given to the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_ns: Option<Nanoseconds>,
    /// The limit of each queue, in megabits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_limit_mbps: Option<u32>,
    /// Frames whose time the port did not keep, by its own counters; none where it does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_not_kept: Option<u64>,
}
