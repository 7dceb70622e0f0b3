/// Away from the tools' own ports, so that a server someone else left running is not measured by mistake. qperf uses the next port too.
pub(in crate::conductor) const PORT: u16 = 15_201;

/// The server of a stream that runs beside a ping-pong.
pub(in crate::conductor) const STREAM_PORT: u16 = 15_203;
