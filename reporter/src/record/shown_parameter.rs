use serde_json::{Map, Value};

/// The key of a parameter that reports show. A run of a hundred thousand records is read without the others, so a report may look up a parameter by
/// such a key only. A report of records without the others is the same, byte for byte (`tests/large_runs.rs`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownParameter(&'static str);

macro_rules! shown_parameters {
    ($($name:ident = $key:literal,)*) => {
        #[allow(missing_docs, reason = "docs/results.md describes the parameters")]
        impl ShownParameter {
            $(pub const $name: ShownParameter = ShownParameter($key);)*

            /// All of them.
            pub(crate) const ALL: &'static [ShownParameter] = &[$(ShownParameter::$name),*];
        }
    };
}

shown_parameters! {
    BEST = "best",
    BIDIRECTIONAL = "bidirectional",
    BURST = "burst",
    BUSY_POLL_US = "busy_poll_us",
    CALIBRATION = "calibration",
    CALIBRATION_RTT_NS = "calibration_rtt_ns",
    CLIENT_CPU = "client_cpu",
    CPU_AT_PROXIES = "cpu_at_proxies",
    DIRECTIONS = "directions",
    FAST_FREE = "fast_free",
    FLOWS = "flows",
    GENERATOR_ALONE_NS_PER_FRAME = "generator_alone_ns_per_frame",
    GRO = "gro",
    GRO_FLUSH_TIMEOUT_NS = "gro_flush_timeout_ns",
    GROUP = "group",
    GSO = "gso",
    GSRO = "gsro",
    MEASURED = "measured",
    MEMPOOL_CACHE = "mempool_cache",
    MTU = "mtu",
    NAPI_DEFER_HARD_IRQS = "napi_defer_hard_irqs",
    PACING = "pacing",
    PCIE_DATA_BPS = "pcie_data_bps",
    PRESET = "preset",
    RECEIVER_DEVARGS = "receiver_devargs",
    RECEIVER_QUEUES = "receiver_queues",
    REFLECTOR_RESIDENCE_NS = "reflector_residence_ns",
    RX_DESCRIPTORS = "rx_descriptors",
    SENDER_DEVARGS = "sender_devargs",
    SENDER_QUEUES = "sender_queues",
    SENDER_TCP_CONGESTION = "sender_tcp_congestion",
    SERVER_CPU = "server_cpu",
    STREAM_BESIDE = "stream_beside",
    STREAMS = "streams",
    TARGET_BPS = "target_bps",
    TLS_AT = "tls_at",
    TLS_CIPHER = "tls_cipher",
    TLS_VERSION = "tls_version",
    TRANSFERS_S = "transfers_s",
    TUNE = "tune",
    TX_DESCRIPTORS = "tx_descriptors",
    WINDOW = "window",
    ZERO_COPY = "zero_copy",
}

impl ShownParameter {
    /// As `results.jsonl` has it.
    pub const fn key(self) -> &'static str {
        self.0
    }

    /// Whether reports show the parameter with this key.
    pub(crate) fn includes(key: &str) -> bool {
        Self::ALL.iter().any(|shown| shown.0 == key)
    }

    /// Its value among the parameters of a record.
    pub(crate) fn of(self, parameters: &Map<String, Value>) -> Option<&Value> {
        parameters.get(self.0)
    }

    /// Notes its value among the parameters of a record.
    pub fn note(self, parameters: &mut Map<String, Value>, value: Value) {
        parameters.insert(self.0.to_owned(), value);
    }
}
