//! Which keys each kind of measure has, beside those of every measure.

/// The keys of a file transfer.
pub(super) const FILE_KEYS: [&str; 4] = ["files", "tls-at", "tls-versions", "ciphers"];

/// The keys that tune a kernel stream.
pub(super) const KERNEL_STREAM_KEYS: [&str; 14] = [
    "streams",
    "message",
    "mtu",
    "congestion-control",
    "window",
    "zero-copy",
    "gsro",
    "gso",
    "gro",
    "napi-defer-hard-irqs",
    "gro-flush-timeout",
    "busy-poll",
    "client-cpu",
    "server-cpu",
];

/// The keys that tune a ping-pong.
pub(super) const KERNEL_PING_PONG_KEYS: [&str; 9] =
    ["mtu", "gso", "gro", "napi-defer-hard-irqs", "gro-flush-timeout", "busy-poll", "client-cpu", "server-cpu", "stream-load"];

/// The keys that tune perftest.
pub(super) const VERBS_KEYS: [&str; 2] = ["client-cpu", "server-cpu"];

/// The keys of a round trip between poll loops.
pub(super) const ROUND_TRIP_KEYS: [&str; 14] = [
    "duration",
    "rate",
    "queues",
    "sender-queues",
    "reflector-queues",
    "burst",
    "flows",
    "pacing",
    "rx-descriptors",
    "tx-descriptors",
    "mempool-cache",
    "fast-free",
    "sender-devargs",
    "receiver-devargs",
];

/// Whether a key tunes a kernel measure.
pub(super) fn is_kernel_key(key: &str) -> bool {
    KERNEL_STREAM_KEYS.contains(&key) || KERNEL_PING_PONG_KEYS.contains(&key) || FILE_KEYS.contains(&key)
}
