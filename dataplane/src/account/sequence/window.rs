use thiserror::Error;

/// How far behind the newest frame a late frame can be told from a duplicate, in sequence numbers: a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window(u32);

impl Window {
    /// 65536 frames: 8 KB of bitmap, 0.4 ms of 64-byte frames at 100 Gbit/s.
    pub const DEFAULT: Window = Window(1 << 16);

    /// A window of `frames` sequence numbers, rounded up to a power of two from 64 to 2^30.
    pub fn new(frames: u32) -> Result<Window, WindowError> {
        if frames <= 1 << 30 { Ok(Window(frames.next_power_of_two().max(64))) } else { Err(WindowError { frames }) }
    }

    /// The number of sequence numbers.
    pub const fn frames(self) -> u32 {
        self.0
    }
}

impl Default for Window {
    fn default() -> Self {
        Window::DEFAULT
    }
}

/// A window that would take too much memory.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a window of {frames} frames is too large: use at most 1073741824")]
pub struct WindowError {
    frames: u32,
}
